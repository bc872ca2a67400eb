//! `MqttSourceConnector` and `MqttSourceTask`.
//!
//! ```text
//! broker ─> link ─> receiver ─> inbox ─> task's poll ─> records ─> Kafka
//!              ^                  │ (acknowledged)                   │
//!              └──── PUBACK/PUBREC ┴───────────────<─────────────────┘
//! ```
//!
//! [`receiver`] drives the link in a future of its own and puts messages into the [`inbox`], as long as there is room: what
//! was received and is not in Kafka yet is bounded in number and bytes, so back-pressure reaches the broker. A message is
//! acknowledged to the broker when Kafka has acknowledged its record. With a session that is kept, QoS 1 and 2 therefore
//! lose nothing, whatever dies; a message may come twice.

mod connector;
mod inbox;
mod receiver;
mod record;
mod task;

pub use connector::MqttSourceConnector;
pub use task::MqttSourceTask;
