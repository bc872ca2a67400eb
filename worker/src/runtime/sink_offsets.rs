//! Offsets of a sink connector's consumer group, in the form in which REST shows them (KIP-875).

use crate::kafka::errors::client_error;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;
use turnbuckle_api::{Error, OffsetMap, Result};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

type Offsets = Vec<(OffsetMap, Option<OffsetMap>)>;

/// Asks for the committed offsets of all partitions that exist, since a group may have more than its topics of today.
pub(super) async fn read(config: &ClientConfig) -> Result<Offsets> {
    let config = config.clone();
    match tokio::task::spawn_blocking(move || read_now(&config)).await {
        Ok(offsets) => offsets,
        Err(error) => Err(Error::connect(format!("reading group offsets: {error}"))),
    }
}

fn read_now(config: &ClientConfig) -> Result<Offsets> {
    let wrapped = |error| client_error(&error, "reading group offsets");
    let consumer: BaseConsumer = config.create().map_err(wrapped)?;
    let metadata = consumer.fetch_metadata(None, REQUEST_TIMEOUT).map_err(wrapped)?;
    let mut list = TopicPartitionList::new();
    for topic in metadata.topics() {
        for partition in topic.partitions() {
            list.add_partition(topic.name(), partition.id());
        }
    }
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT).map_err(wrapped)?;
    let mut offsets = Vec::new();
    for element in committed.elements() {
        if let Offset::Offset(offset) = element.offset() {
            let partition = OffsetMap::new()
                .with("kafka_partition", element.partition())
                .with("kafka_topic", element.topic());
            offsets.push((partition, Some(OffsetMap::new().with("kafka_offset", offset))));
        }
    }
    Ok(offsets)
}
