//! Thin wrappers of Kafka clients: data by librdkafka; the compacted-topic log; the wire connection for the `connect` group
//! and for the offsets of consumer groups.

pub mod admin;
pub mod client_log;
pub mod consumer;
pub mod consumer_group;
pub mod errors;
pub mod log;
pub mod partitioner;
pub mod producer;
pub mod transactions;
pub mod wire;
