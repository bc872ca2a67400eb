//! `MqttSinkConnector` and `MqttSinkTask`.
//!
//! A batch is published as a whole, several messages at a time under way, and `put` returns when the broker has acknowledged
//! all of them (PUBACK at QoS 1, PUBCOMP at QoS 2; at QoS 0 when they are written). So what Connect commits is with the
//! broker. A message whose connection broke before its acknowledgement is published again: it may arrive twice.
//!
//! [`publisher`] drives the link in a future of its own.

mod connector;
mod payload;
mod publisher;
mod task;

pub use connector::MqttSinkConnector;
pub use task::MqttSinkTask;
