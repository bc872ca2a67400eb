//! Offsets stored in Redis: under which keys, as which text, and how they are read back.

use crate::commands::Commands;
use crate::connection::Session;
use crate::error::Failure;
use redis::Value;
use std::collections::HashMap;
use turnbuckle_api::sink::SinkOffsets;
use turnbuckle_api::{Origin, Record, TopicPartition};

/// Next offset per partition, by topic and partition.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredOffsets(HashMap<TopicPartition, i64>);

impl StoredOffsets {
    /// Remembers that everything of the record's partition up to it is written.
    pub(crate) fn advance(&mut self, record: &Record) {
        if let Origin::Sink(origin) = &record.origin {
            let partition = TopicPartition::new(origin.topic.clone(), origin.partition);
            self.0.insert(partition, origin.offset + 1);
        }
    }

    /// The record is the next to be written of its partition.
    pub(crate) fn set_to(&mut self, record: &Record) {
        if let Origin::Sink(origin) = &record.origin {
            let partition = TopicPartition::new(origin.topic.clone(), origin.partition);
            self.0.insert(partition, origin.offset);
        }
    }

    /// Takes over what another one knows.
    pub(crate) fn extend(&mut self, other: StoredOffsets) {
        self.0.extend(other.0);
    }

    /// True if the record is written already.
    pub(crate) fn covers(&self, record: &Record) -> bool {
        let Origin::Sink(origin) = &record.origin else {
            return false;
        };
        let partition = TopicPartition::new(origin.topic.clone(), origin.partition);
        self.0.get(&partition).is_some_and(|next| origin.offset < *next)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn forget(&mut self, partitions: &[TopicPartition]) {
        self.0.retain(|partition, _| !partitions.contains(partition));
    }

    pub(crate) fn as_offsets(&self) -> &HashMap<TopicPartition, i64> {
        &self.0
    }
}

fn key(prefix: &str, partition: &TopicPartition) -> String {
    format!("{prefix}{}.{}", partition.topic, partition.partition)
}

/// `{"topic":"t","partition":0,"offset":123}`
fn text(partition: &TopicPartition, offset: i64) -> String {
    let topic = serde_json::Value::from(&*partition.topic);
    format!(
        "{{\"topic\":{topic},\"partition\":{},\"offset\":{offset}}}",
        partition.partition
    )
}

/// Adds commands that store offsets: one MSET, or for a cluster SETs.
pub(crate) fn store(prefix: &str, offsets: &SinkOffsets, commands: &mut Commands, cluster: bool) {
    if cluster {
        for (partition, offset) in offsets {
            let key = key(prefix, partition);
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(text(partition, *offset));
            commands.push_extra(key.as_bytes(), set);
        }
        return;
    }
    let mut set = redis::cmd("MSET");
    for (partition, offset) in offsets {
        set.arg(key(prefix, partition)).arg(text(partition, *offset));
    }
    if !offsets.is_empty() {
        commands.push_extra(b"", set);
    }
}

/// Reads what is stored for partitions; those without are left out. Not for clusters.
pub(crate) async fn read(
    session: &mut Session,
    prefix: &str,
    partitions: &[TopicPartition],
) -> Result<StoredOffsets, Failure> {
    let mut offsets = StoredOffsets::default();
    if partitions.is_empty() {
        return Ok(offsets);
    }
    let mut get = redis::cmd("MGET");
    for partition in partitions {
        get.arg(key(prefix, partition));
    }
    let reply = session.query(&get).await.map_err(|error| Failure::of(&error))?;
    let Value::Array(values) = reply else {
        return Ok(offsets);
    };
    for (partition, value) in partitions.iter().zip(values) {
        let Value::BulkString(bytes) = value else { continue };
        let stored = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
        match stored.as_ref().and_then(|stored| stored.get("offset")?.as_i64()) {
            Some(offset) => {
                offsets.0.insert(partition.clone(), offset);
            }
            None => {
                return Err(Failure::Fatal(turnbuckle_api::Error::data(format!(
                    "The value of {} in Redis is no stored offset: delete it, or correct it",
                    key(prefix, partition)
                ))));
            }
        }
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_stored_as_the_reference_does() {
        let partition = TopicPartition::new("a\"b", 3);
        assert_eq!(key("__kafka.offset.", &partition), "__kafka.offset.a\"b.3");
        assert_eq!(text(&partition, 12), r#"{"topic":"a\"b","partition":3,"offset":12}"#);
    }
}
