//! Clients: from Java-named settings to clients that are not Java.
//!
//! [`layers`] puts the settings of one client together, as Connect does: its own defaults, the worker's prefixed settings, the
//! connector's overrides. [`table`] knows every setting of Kafka's producer, consumer and admin client and says what becomes
//! of it: translated, ignored for a reason, or refused. [`librdkafka`] applies the table. [`security`] reads `security.protocol`,
//! `ssl.*` and `sasl.*` into neutral types, with `turnbuckle_keystores` for key material and [`jaas`] for logins; [`wire`]
//! makes a TLS configuration of them for the worker's own connections, which [`connection`] sets up.

pub mod connection;
pub mod jaas;
pub mod layers;
pub mod librdkafka;
pub mod security;
pub mod table;
pub mod wire;

pub use connection::to_connection;
pub use librdkafka::{Translation, to_librdkafka, translate};
pub use security::{SaslLogin, SaslSettings, Security, TlsSettings, TrustedRoots};
pub use wire::to_wire;

/// Kafka's three clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientKind {
    Producer,
    Consumer,
    Admin,
}

impl ClientKind {
    /// `producer`, `consumer` or `admin`.
    pub fn name(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer",
            ClientKind::Consumer => "consumer",
            ClientKind::Admin => "admin",
        }
    }

    /// Prefix of the worker's settings for connectors' clients: `producer.`.
    pub fn worker_prefix(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer.",
            ClientKind::Consumer => "consumer.",
            ClientKind::Admin => "admin.",
        }
    }

    /// Prefix of a connector's settings for its clients: `producer.override.`.
    pub fn override_prefix(self) -> &'static str {
        match self {
            ClientKind::Producer => "producer.override.",
            ClientKind::Consumer => "consumer.override.",
            ClientKind::Admin => "admin.override.",
        }
    }
}
