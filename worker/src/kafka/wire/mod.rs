//! A small client connection to Kafka brokers, for what librdkafka and its binding cannot do: group membership of type
//! `connect`, and changes to the offsets of a consumer group.
//!
//! [`Cluster`] knows the bootstrap list, finds brokers and the group's coordinator; [`Connection`] is one
//! authenticated connection on which requests go one after the other: bytes ← `kafka-protocol` encoding of a request,
//! response bytes → [`Reader`] → the answer of a [`Call`]. Nothing is pipelined, nothing is queued, and every wait has
//! a limit. Records never pass through here.

mod calls;
mod cluster;
mod connection;
mod error;
mod offset_calls;
mod reader;
mod sasl;

pub use calls::{
    ApiVersionsAnswer, Call, CoordinatorAnswer, JoinGroupAnswer, MetadataAnswer, SaslAuthenticateAnswer,
    SaslHandshakeAnswer, SyncGroupAnswer,
};
pub use cluster::{Backoff, Cluster};
pub use connection::Connection;
pub use error::{WireError, code, describe_code};
pub use offset_calls::OffsetFetchAnswer;
pub use reader::{DecodeError, Reader};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How to reach the cluster.
#[derive(Debug, Clone)]
pub struct WireConfig {
    /// `bootstrap.servers`, as `host:port` entries; IPv6 addresses in brackets.
    pub bootstrap: Vec<String>,
    /// `client.id` sent with every request.
    pub client_id: String,
    /// TLS and SASL.
    pub security: WireSecurity,
    /// `request.timeout.ms`: longest wait for one response.
    pub request_timeout: Duration,
    /// `socket.connection.setup.timeout.ms`: longest wait for TCP and TLS to be up.
    pub connect_timeout: Duration,
    /// `reconnect.backoff.ms`: first pause after a round of failed connections.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`: the pause doubles up to this.
    pub reconnect_backoff_max: Duration,
}

impl WireConfig {
    /// A configuration without security and with Kafka's default times.
    pub fn plaintext(bootstrap: Vec<String>, client_id: impl Into<String>) -> Self {
        Self {
            bootstrap,
            client_id: client_id.into(),
            security: WireSecurity::default(),
            request_timeout: Duration::from_secs(40),
            connect_timeout: Duration::from_secs(10),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
        }
    }
}

/// `security.protocol` in its two parts: PLAINTEXT has neither, SSL has `tls`, SASL_PLAINTEXT `sasl`, SASL_SSL both.
#[derive(Clone, Default)]
pub struct WireSecurity {
    /// Trust, client certificate and whether host names are verified are all decided by this.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Credentials.
    pub sasl: Option<Sasl>,
}

impl fmt::Debug for WireSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireSecurity")
            .field("tls", &self.tls.is_some())
            .field("sasl", &self.sasl)
            .finish()
    }
}

/// SASL credentials.
#[derive(Debug, Clone)]
pub struct Sasl {
    /// `sasl.mechanism`
    pub mechanism: SaslMechanism,
    /// User name.
    pub username: String,
    /// Password; never shown.
    pub password: Password,
}

/// The mechanisms spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// PLAIN (RFC 4616)
    Plain,
    /// SCRAM-SHA-256 (RFC 5802, RFC 7677)
    ScramSha256,
    /// SCRAM-SHA-512
    ScramSha512,
}

impl SaslMechanism {
    /// Name on the wire and in `sasl.mechanism`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of a `sasl.mechanism` value, `None` when it is not spoken here.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Plain, Self::ScramSha256, Self::ScramSha512]
            .into_iter()
            .find(|m| m.name() == name)
    }
}

/// A password that does not print.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}
