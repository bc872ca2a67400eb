//! What can go wrong between this process and a broker.

use super::reader::DecodeError;
use kafka_protocol::error::ResponseError;
use std::fmt;
use std::time::Duration;

/// Kafka's error codes that callers decide on; the rest is only shown.
pub mod code {
    /// The coordinator is still loading its state.
    pub const COORDINATOR_LOAD_IN_PROGRESS: i16 = 14;
    /// No coordinator is elected at the moment.
    pub const COORDINATOR_NOT_AVAILABLE: i16 = 15;
    /// The asked broker does not coordinate this group.
    pub const NOT_COORDINATOR: i16 = 16;
    /// The generation is not the group's current one.
    pub const ILLEGAL_GENERATION: i16 = 22;
    /// The coordinator does not know this member (any more).
    pub const UNKNOWN_MEMBER_ID: i16 = 25;
    /// The group rebalances; members have to join again.
    pub const REBALANCE_IN_PROGRESS: i16 = 27;
    /// The request's version is not supported by the broker.
    pub const UNSUPPORTED_VERSION: i16 = 35;
    /// The group still has members.
    pub const NON_EMPTY_GROUP: i16 = 68;
    /// There is no such group.
    pub const GROUP_ID_NOT_FOUND: i16 = 69;
    /// The member id was handed out; join again with it (KIP-394).
    pub const MEMBER_ID_REQUIRED: i16 = 79;
    /// Members of the group subscribe to a topic whose offsets are to go.
    pub const GROUP_SUBSCRIBED_TO_TOPIC: i16 = 86;
}

/// Failure of a connection or a request. Never contains credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// No TCP or TLS connection, or it broke. The other side may be fine a moment later.
    Io { address: String, message: String },
    /// No answer in time.
    Timeout {
        address: String,
        doing: &'static str,
        after: Duration,
    },
    /// The peer answered something that is not the Kafka protocol as expected.
    Protocol { address: String, message: String },
    /// Broker and client have no version of this request in common.
    Unsupported { address: String, api: &'static str },
    /// SASL refused the credentials or the mechanism; trying again will not help.
    Authentication {
        address: String,
        mechanism: &'static str,
        message: String,
    },
    /// The broker answered a request with an error code.
    Broker { api: &'static str, code: i16 },
    /// The address list is unusable.
    Bootstrap { message: String },
}

impl WireError {
    /// True when the same call can succeed later without anybody changing a setting.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Timeout { .. } | Self::Protocol { .. } => true,
            Self::Broker { code, .. } => ResponseError::try_from_code(*code).is_some_and(|e| e.is_retriable()),
            Self::Unsupported { .. } | Self::Authentication { .. } | Self::Bootstrap { .. } => false,
        }
    }

    pub(super) fn decode(address: &str, api: &str, error: &DecodeError) -> Self {
        Self::Protocol {
            address: address.to_owned(),
            message: format!("unreadable {api} response: {error}"),
        }
    }
}

/// Name and number of a Kafka error code, such as `NotCoordinator (16)`.
pub fn describe_code(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        Some(ResponseError::Unknown(_)) | None => format!("error code {code}"),
        Some(error) => format!("{error:?} ({code})"),
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { address, message } => write!(f, "connection to broker {address} failed: {message}"),
            Self::Timeout { address, doing, after } => {
                write!(
                    f,
                    "no answer from broker {address} within {} ms while {doing}",
                    after.as_millis()
                )
            }
            Self::Protocol { address, message } => write!(
                f,
                "broker {address} does not answer as a Kafka broker should: {message} (is it a Kafka listener, and does \
                 security.protocol match it?)"
            ),
            Self::Unsupported { address, api } => {
                write!(
                    f,
                    "broker {address} supports no version of {api} that this worker speaks; it is too old or too new"
                )
            }
            Self::Authentication {
                address,
                mechanism,
                message,
            } => {
                write!(
                    f,
                    "SASL {mechanism} authentication with broker {address} failed: {message}"
                )
            }
            Self::Broker { api, code } => write!(f, "{api} was refused: {}", describe_code(*code)),
            Self::Bootstrap { message } => f.write_str(message),
        }
    }
}

impl std::error::Error for WireError {}
