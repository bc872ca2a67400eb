//! What a request to the herder can end in, as REST shows it.

use std::fmt;
use turnbuckle_api::Error;

/// An unsuccessful request.
#[derive(Clone, Debug)]
pub enum HerderError {
    /// A refusal with its HTTP status; `error_code` equals the status.
    Status { status: u16, message: Option<String> },
    /// Another worker must do it: its URL (with trailing slash), None while no leader is known. REST forwards.
    NotHere { url: Option<String> },
    /// The worker knows that a rebalance is due; what it has may be stale.
    RebalanceNeeded,
    /// Anything else: 500 with the message.
    Failed(Error),
}

impl HerderError {
    pub fn bad_request(message: impl Into<String>) -> Self {
        HerderError::Status {
            status: 400,
            message: Some(message.into()),
        }
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        HerderError::Status {
            status: 404,
            message: Some(message.into()),
        }
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        HerderError::Status {
            status: 409,
            message: Some(message.into()),
        }
    }

    /// A rebalance is due, so what this worker has may be stale.
    pub fn stale_configuration() -> Self {
        HerderError::conflict(
            "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config change)",
        )
    }

    pub fn internal(message: impl Into<String>) -> Self {
        HerderError::Status {
            status: 500,
            message: Some(message.into()),
        }
    }
}

impl From<Error> for HerderError {
    fn from(error: Error) -> Self {
        HerderError::Failed(error)
    }
}

impl fmt::Display for HerderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HerderError::Status { status, message } => write!(f, "{status}: {}", message.as_deref().unwrap_or("null")),
            HerderError::NotHere { url } => {
                write!(f, "not on this worker, but {}", url.as_deref().unwrap_or("unknown"))
            }
            HerderError::RebalanceNeeded => f.write_str("Request cannot be completed because a rebalance is expected"),
            HerderError::Failed(error) => write!(f, "{error}"),
        }
    }
}
