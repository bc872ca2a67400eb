//! Offsets of a sink connector's consumer group as REST shows and changes them (KIP-875).

use super::offsets::request_text;
use crate::herder::{OffsetEntry, OffsetObject};
use crate::kafka::consumer_group::ConsumerGroup;
use crate::kafka::wire::{WireError, code};
use crate::plugins::BAD_REQUEST;
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::AlterOffsets;
use turnbuckle_api::{Error, OffsetMap, Props, Result, TopicPartition};

/// Partitions with their positions, in the form of REST.
pub type PartitionOffsets = Vec<(OffsetMap, Option<OffsetMap>)>;

/// A partition's offset to commit; None removes what is committed.
type Change = (TopicPartition, Option<i64>);

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

/// The committed offsets.
pub(super) async fn read(group: &mut ConsumerGroup) -> Result<PartitionOffsets> {
    let offsets = group
        .offsets()
        .await
        .map_err(|error| Error::connect(error.to_string()))?;
    let shown = |(partition, offset): (TopicPartition, i64)| {
        let shown = OffsetMap::new()
            .with(PARTITION, partition.partition)
            .with(TOPIC, partition.topic);
        (shown, Some(OffsetMap::new().with(OFFSET, offset)))
    };
    Ok(offsets.into_iter().map(shown).collect())
}

/// Commits and removes offsets that a user names, if the connector agrees.
///
/// # Errors
/// `BadRequestException` for entries that name no partition or offset; the connector's own; and why the group took no change.
pub(super) async fn alter(
    group: &mut ConsumerGroup,
    name: &str,
    connector: &dyn SinkConnector,
    config: &Props,
    entries: &[OffsetEntry],
) -> Result<AlterOffsets> {
    let changes = requested(entries)?;
    let checked = connector.alter_offsets(config, &changes)?;
    let mut commits = Vec::new();
    let mut removals = Vec::new();
    for (partition, offset) in changes {
        match offset {
            Some(offset) if offset < 0 => {
                let text = format!("Failed to modify offsets for sink connector {name}");
                let cause = Error::config(format!("{offset} of {partition} is no offset: it is negative"));
                return Err(Error::connect(text).with_cause(cause));
            }
            Some(offset) => commits.push((partition, offset)),
            None => removals.push(partition),
        }
    }
    let altered = async {
        if !commits.is_empty() {
            group.alter(&commits).await?;
        }
        if !removals.is_empty() {
            group.remove(&removals).await?;
        }
        Ok(())
    };
    altered.await.map_err(|error: WireError| {
        let active = has_code(&error, &[code::UNKNOWN_MEMBER_ID, code::GROUP_SUBSCRIBED_TO_TOPIC]);
        let text = format!("Failed to alter consumer group offsets for connector {name}");
        refused(text, active, "alter", &error)
    })?;
    Ok(checked)
}

/// Removes the group with all its offsets, if the connector agrees.
///
/// # Errors
/// As [`alter`].
pub(super) async fn reset(
    group: &mut ConsumerGroup,
    name: &str,
    connector: &dyn SinkConnector,
    config: &Props,
) -> Result<AlterOffsets> {
    let offsets = group.offsets().await.map_err(|error| {
        let text = format!("Failed to list offsets prior to resetting offsets for sink connector {name}");
        Error::connect(text).with_cause(Error::connect(error.to_string()))
    })?;
    let changes: Vec<Change> = offsets.into_iter().map(|(partition, _)| (partition, None)).collect();
    let checked = connector.alter_offsets(config, &changes)?;
    match group.delete().await {
        Ok(()) => Ok(checked),
        Err(error) if has_code(&error, &[code::GROUP_ID_NOT_FOUND]) => Ok(checked),
        Err(error) if has_code(&error, &[code::NON_EMPTY_GROUP]) => {
            let text = format!("Failed to reset consumer group offsets for connector {name}");
            Err(refused(text, true, "reset", &error))
        }
        Err(error) => {
            let text = format!("Failed to reset consumer group offsets for sink connector {name}");
            Err(refused(text, false, "reset", &error))
        }
    }
}

fn has_code(error: &WireError, codes: &[i16]) -> bool {
    matches!(error, WireError::Broker { code, .. } if codes.contains(code))
}

fn refused(mut text: String, active: bool, doing: &str, error: &WireError) -> Error {
    if active {
        text.push_str(&format!(
            " either because its tasks have not yet stopped completely or because the connector was resumed before the \
             request to {doing} its offsets was through. If the connector is in a stopped state, this operation can be \
             safely retried. If it still fails after a while, workers may have to be restarted to get rid of a zombie sink \
             task."
        ));
    }
    Error::connect(text).with_cause(Error::connect(error.to_string()))
}

/// Entries of a request, each partition once: of several for one the last counts.
fn requested(entries: &[OffsetEntry]) -> Result<Vec<Change>> {
    let mut changes: Vec<Change> = Vec::with_capacity(entries.len());
    for entry in entries {
        let partition = topic_partition(entry.partition.as_ref())?;
        let offset = entry.offset.as_ref().map(offset).transpose()?;
        match changes.iter_mut().find(|(known, _)| *known == partition) {
            Some(known) => known.1 = offset,
            None => changes.push((partition, offset)),
        }
    }
    Ok(changes)
}

fn bad_request(text: impl Into<String>) -> Error {
    Error::new(BAD_REQUEST, text)
}

fn topic_partition(partition: Option<&OffsetObject>) -> Result<TopicPartition> {
    let Some(partition) = partition else {
        return Err(bad_request(
            "The partition for a sink connector offset cannot be null or missing",
        ));
    };
    let (Some(topic), Some(number)) = (partition.get(TOPIC), partition.get(PARTITION)) else {
        return Err(bad_request(
            "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'",
        ));
    };
    if topic.is_null() {
        return Err(bad_request(
            "Kafka topic names must be valid strings and may not be null",
        ));
    }
    if number.is_null() {
        return Err(bad_request(
            "Kafka partitions must be valid numbers and may not be null",
        ));
    }
    // Both 10 and "10" are a partition.
    let text = request_text(number);
    let number = text.parse().map_err(|_| {
        bad_request(format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{text}'. Partition values for sink \
             connectors need to be integers."
        ))
    })?;
    Ok(TopicPartition::new(request_text(topic), number))
}

fn offset(offset: &OffsetObject) -> Result<i64> {
    let Some(value) = offset.get(OFFSET) else {
        return Err(bad_request(
            "The offset for a sink connector should either be null or contain the key 'kafka_offset'",
        ));
    };
    let text = request_text(value);
    text.parse().map_err(|_| {
        bad_request(format!(
            "Failed to parse the following Kafka offset value in the provided offsets: '{text}'. Offset values for sink \
             connectors need to be integers."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(entries: Value) -> std::result::Result<Vec<Change>, String> {
        let entries: Vec<OffsetEntry> = serde_json::from_value(entries).unwrap();
        requested(&entries).map_err(|error| error.message().unwrap().to_string())
    }

    #[test]
    fn of_several_entries_for_a_partition_the_last_counts() {
        let entries = json!([
            {"partition": {"kafka_topic": "t", "kafka_partition": "0", "more": []}, "offset": {"kafka_offset": "2"}},
            {"partition": {"kafka_topic": 5, "kafka_partition": 1}},
            {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 7}},
        ]);
        let expected = [
            (TopicPartition::new("t", 0), Some(7)),
            (TopicPartition::new("5", 1), None),
        ];
        assert_eq!(parse(entries).unwrap(), expected);
    }

    #[test]
    fn wrong_entries_are_named() {
        for (value, shown) in [
            (json!(1.50), "1.5"),
            (json!(true), "true"),
            (json!({"a": [1]}), "{a=[1]}"),
        ] {
            let entry = json!([{"partition": {"kafka_topic": "t", "kafka_partition": value}}]);
            let text = parse(entry).unwrap_err();
            assert!(text.contains(&format!("'{shown}'")), "{text}");
        }
        let entry =
            json!([{"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": null}}]);
        assert!(
            parse(entry)
                .unwrap_err()
                .contains("offset value in the provided offsets: 'null'")
        );
        assert!(
            parse(json!([{"partition": null}]))
                .unwrap_err()
                .ends_with("null or missing")
        );
    }

    #[test]
    fn a_group_with_members_can_be_tried_again() {
        let error = WireError::Broker {
            api: "OffsetCommit",
            code: code::UNKNOWN_MEMBER_ID,
        };
        let text = refused(
            "Failed to alter consumer group offsets for connector c".to_string(),
            true,
            "alter",
            &error,
        );
        let text = text.message().unwrap();
        for part in [
            "for connector c either because",
            "If the connector is in a stopped state, this operation can be safely retried",
            "zombie sink task",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
