//! What errors of Redis mean for a batch: try again, a record is at fault, or the task can't go on.
//!
//! The reference does not look at replies at all and so loses what the server refuses; here every reply counts.

use crate::connection::Topology;
use redis::{RedisError, ServerError};
use std::time::Duration;
use turnbuckle_api::{Error, ErrorKind};

const COMMAND_EXCEPTION: ErrorKind = ErrorKind::Class("io.lettuce.core.RedisCommandExecutionException");
const CONNECTION_EXCEPTION: ErrorKind = ErrorKind::Class("io.lettuce.core.RedisConnectionException");

/// Why a pipeline, or a part of it, did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The connection is gone or does not answer, or it is not the master's any more: connect again, then try again.
    Connection(Error),
    /// The server can't do it now: try again.
    Busy(Error),
    /// The record at hand is refused.
    Record(Error),
    /// Trying again won't help, nor would another record do better.
    Fatal(Error),
}

impl Failure {
    /// Of a pipeline as a whole.
    pub(crate) fn of(error: &RedisError) -> Failure {
        if let Some(errors) = error.clone().into_server_errors() {
            // An aborted transaction tells of itself and of the command that was the reason.
            let reason = errors
                .iter()
                .map(|(_, error)| error)
                .find(|error| error.code() != "EXECABORT");
            if let Some(reason) = reason.or(errors.first().map(|(_, error)| error)) {
                return Failure::of_reply(reason);
            }
        }
        Failure::Connection(Error::new(CONNECTION_EXCEPTION, error.to_string()))
    }

    /// Of one command.
    pub(crate) fn of_reply(error: &ServerError) -> Failure {
        let text = match error.details() {
            Some(details) => format!("{} {details}", error.code()),
            None => error.code().to_string(),
        };
        let exception = Error::new(COMMAND_EXCEPTION, text.clone());
        match error.code() {
            "OOM" | "LOADING" | "BUSY" | "BUSYKEY" | "TRYAGAIN" | "CLUSTERDOWN" | "MISCONF" | "NOREPLICAS" => {
                Failure::Busy(exception)
            }
            // Of a server that was the master, or a node that had the slot.
            "READONLY" | "MASTERDOWN" | "UNBLOCKED" => Failure::Connection(exception),
            "MOVED" | "ASK" => Failure::Fatal(Error::wrap(
                ErrorKind::Connect,
                "The server is a node of a cluster, so say so: redis.client.mode=Cluster, or redis.cluster=true",
                exception,
            )),
            "NOAUTH" | "WRONGPASS" => Failure::Fatal(exception),
            // Of a command nobody may use here; of a key, only the record is at fault.
            "NOPERM" if !text.contains(" key") => Failure::Fatal(exception),
            "ERR" if text.contains("unknown command") => Failure::Fatal(exception),
            _ => Failure::Record(exception),
        }
    }

    pub(crate) fn into_error(self) -> Error {
        match self {
            Failure::Connection(error) | Failure::Busy(error) | Failure::Record(error) | Failure::Fatal(error) => error,
        }
    }

    /// True if the same batch may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Failure::Connection(_) | Failure::Busy(_))
    }
}

/// Of an attempt to connect. What the server or the configuration refuses will be refused again.
pub(crate) fn cannot_connect(topology: &Topology, error: &RedisError) -> Failure {
    let passing = match error.kind() {
        redis::ErrorKind::InvalidClientConfig | redis::ErrorKind::AuthenticationFailed => false,
        // Sentinels also say so while they are choosing a new master.
        redis::ErrorKind::MasterNameNotFoundBySentinel => true,
        _ => Failure::of(error).is_passing(),
    };
    let cause = Failure::of(error).into_error();
    let error = Error::wrap(CONNECTION_EXCEPTION, format!("Unable to connect to {topology}"), cause);
    match passing {
        true => Failure::Connection(error),
        false => Failure::Fatal(error),
    }
}

/// Too few replicas have a write.
pub(crate) fn not_replicated(expected: i32, actual: i64) -> Failure {
    let text = format!("Insufficient replication level (expected: {expected}, actual: {actual})");
    Failure::Busy(Error::new(COMMAND_EXCEPTION, text))
}

/// A pipeline took too long, in the reference's words.
pub(crate) fn timed_out(timeout: Duration) -> Error {
    let millis = timeout.as_millis();
    Error::retriable(format!(
        "Timeout after {millis} ms while waiting for operation to complete."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::Value;

    fn reply(text: &str) -> ServerError {
        let line = format!("-{text}\r\n");
        match redis::parse_redis_value(line.as_bytes()) {
            Ok(Value::ServerError(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn replies_are_told_apart() {
        let cases = [
            ("OOM command not allowed when used memory > 'maxmemory'.", "busy"),
            ("LOADING Redis is loading the dataset in memory", "busy"),
            ("MISCONF Redis is configured to save RDB snapshots", "busy"),
            ("READONLY You can't write against a read only replica.", "connection"),
            ("MOVED 3999 127.0.0.1:6381", "fatal"),
            ("NOAUTH Authentication required.", "fatal"),
            ("NOPERM User x has no permissions to run the 'mset' command", "fatal"),
            ("NOPERM No permissions to access a key", "record"),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                "record",
            ),
            ("ERR value is not a valid float", "record"),
            ("ERR unknown command 'JSON.SET', with args beginning with: ", "fatal"),
        ];
        for (text, expected) in cases {
            let (kind, error) = match Failure::of_reply(&reply(text)) {
                Failure::Busy(error) => ("busy", error),
                Failure::Connection(error) => ("connection", error),
                Failure::Fatal(error) => ("fatal", error),
                Failure::Record(error) => ("record", error),
            };
            assert_eq!(kind, expected, "{text}");
            assert!(error.trace().contains(text.trim_end()), "{}", error.trace());
        }
    }
}
