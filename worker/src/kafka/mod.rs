//! Thin wrappers of Kafka clients: data by librdkafka; the compacted-topic log; the wire connection for the `connect` group.

pub mod wire;
