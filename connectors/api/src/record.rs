//! Records: what moves through the worker. One type serves both directions, so that transforms see no difference;
//! [`Origin`] keeps what belongs to one direction only.

use crate::data::{SchemaAndValue, Text, Value};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// One record between a connector and Kafka.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Topic; transforms may change it.
    pub topic: Text,
    /// Kafka partition; None lets the producer's partitioner choose.
    pub partition: Option<i32>,
    pub key: SchemaAndValue,
    pub value: SchemaAndValue,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    pub headers: Headers,
    pub origin: Origin,
}

impl Record {
    /// A source record of `topic` without key, timestamp and headers.
    pub fn source(topic: Text, value: SchemaAndValue, partition: Arc<OffsetMap>, offset: Option<OffsetMap>) -> Self {
        Record {
            topic,
            partition: None,
            key: SchemaAndValue::NULL,
            value,
            timestamp: None,
            headers: Headers::default(),
            origin: Origin::Source {
                partition: Some(partition),
                offset,
            },
        }
    }

    /// `topic-partition@offset` of a sink record's origin, for messages and logs.
    pub fn coordinates(&self) -> String {
        match &self.origin {
            Origin::Sink(from) => format!("{}-{}@{}", from.topic, from.partition, from.offset),
            Origin::Source { .. } => self.topic.to_string(),
        }
    }
}

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// From a source task: its partition, shared by many records, and the position after this record. Without a position
    /// a tombstone is stored for the partition, as in Connect.
    Source {
        partition: Option<Arc<OffsetMap>>,
        offset: Option<OffsetMap>,
    },
    /// From Kafka.
    Sink(SinkOrigin),
}

/// Coordinates of a consumed record before any transform.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkOrigin {
    pub topic: Text,
    pub partition: i32,
    pub offset: i64,
    pub timestamp_type: TimestampType,
}

/// Who set a consumed record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    None,
    CreateTime,
    LogAppendTime,
}

/// A record header.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub key: Text,
    pub value: SchemaAndValue,
}

/// Ordered headers; names may repeat. No allocation while empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(pub Vec<Header>);

impl Headers {
    pub fn add(&mut self, key: impl Into<Text>, value: SchemaAndValue) {
        self.0.push(Header { key: key.into(), value });
    }

    pub fn remove(&mut self, key: &str) {
        self.0.retain(|header| header.key != key);
    }

    pub fn last_with_name(&self, key: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.key == key)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// A flat map of text to primitive values: names a source partition, or a position in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OffsetMap(Vec<(Text, Value)>);

impl OffsetMap {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with_capacity(entries: usize) -> Self {
        OffsetMap(Vec::with_capacity(entries))
    }

    /// Sets an entry; an existing one of the same name is replaced.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) {
        let key = key.into();
        let value = value.into();
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some(entry) => entry.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Builder form of [`OffsetMap::insert`].
    pub fn with(mut self, key: impl Into<Text>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if both hold the same entries in any order.
    pub fn same_entries(&self, other: &OffsetMap) -> bool {
        self.len() == other.len() && self.0.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// A Kafka topic partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: Text,
    pub partition: i32,
}

impl TopicPartition {
    pub fn new(topic: impl Into<Text>, partition: i32) -> Self {
        TopicPartition {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A consumed record's bytes, before conversion and for the dead letter queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawRecord {
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(Text, Option<Bytes>)>,
}
