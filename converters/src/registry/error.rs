//! Failures of registry calls: what the registry answered, or why it did not.

use turnbuckle_api::{Error, ErrorKind};

/// A failed call, after all addresses were tried.
#[derive(Clone, Debug)]
pub struct RegistryError {
    /// HTTP status; None if there was no answer.
    pub status: Option<u16>,
    /// The registry's own code (40401: no such subject), else the status.
    pub code: u32,
    pub message: String,
    /// The same call may succeed later: no connection, a timeout, a failure of the server's.
    pub retriable: bool,
    /// There was no answer in time, which Java's serialisers let the worker retry; other failures they do not.
    pub timed_out: bool,
}

impl RegistryError {
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        RegistryError {
            status: None,
            code: 0,
            message: message.into(),
            retriable: true,
            timed_out: false,
        }
    }

    pub(crate) fn answered(status: u16, code: u32, message: impl Into<String>) -> Self {
        RegistryError {
            status: Some(status),
            code: if code == 0 { u32::from(status) } else { code },
            message: message.into(),
            retriable: status >= 500 || status == 429 || status == 408,
            timed_out: false,
        }
    }

    /// An answer that makes no sense.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        RegistryError {
            retriable: false,
            ..RegistryError::unreachable(message)
        }
    }

    /// True for the codes by which Java's serialisers see a mistake in the configuration: 401, 403, 409, 422.
    pub fn is_configuration(&self) -> bool {
        self.code / 100 == 4
    }

    /// Message with the code, as Java's `RestClientException` has it.
    pub fn text(&self) -> String {
        match self.status {
            Some(_) => format!("{}; error code: {}", self.message, self.code),
            None => self.message.clone(),
        }
    }
}

impl From<RegistryError> for Error {
    fn from(error: RegistryError) -> Error {
        let class = match error.status {
            Some(_) => "io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException",
            None => "java.io.IOException",
        };
        Error::new(ErrorKind::Class(class), error.text()).with_retriable(error.retriable)
    }
}
