//! Errors that end the membership.

use crate::kafka::wire::{WireError, code};
use std::fmt;

/// The worker cannot be a member of the group until somebody changes a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupError {
    /// Name of the Java class with this meaning.
    pub class: &'static str,
    /// What happened and what to do.
    pub message: String,
}

impl GroupError {
    pub(super) fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
        }
    }

    /// The fatal reading of an error code of a group request; `None` when retrying is right.
    pub(super) fn fatal(api: &str, error: i16, group_id: &str) -> Option<Self> {
        const INVALID_GROUP_ID: i16 = 24;
        const INCONSISTENT_GROUP_PROTOCOL: i16 = 23;
        const INVALID_SESSION_TIMEOUT: i16 = 26;
        const GROUP_AUTHORIZATION_FAILED: i16 = 30;
        const GROUP_MAX_SIZE_REACHED: i16 = 81;
        let (class, message) = match error {
            INVALID_GROUP_ID => (
                "org.apache.kafka.common.errors.InvalidGroupIdException",
                format!("The configured groupId is invalid: {group_id} (set group.id)"),
            ),
            INCONSISTENT_GROUP_PROTOCOL => (
                "org.apache.kafka.common.errors.InconsistentGroupProtocolException",
                format!(
                    "group {group_id} has members this worker shares no protocol with; either it is used by consumers \
                     (choose another group.id) or connect.protocol differs too much between the workers"
                ),
            ),
            INVALID_SESSION_TIMEOUT => (
                "org.apache.kafka.common.errors.InvalidSessionTimeoutException",
                "session.timeout.ms is outside of the broker's group.min.session.timeout.ms and \
                 group.max.session.timeout.ms"
                    .to_owned(),
            ),
            GROUP_AUTHORIZATION_FAILED => (
                "org.apache.kafka.common.errors.GroupAuthorizationException",
                format!("Not authorized to access group: {group_id}"),
            ),
            GROUP_MAX_SIZE_REACHED => (
                "org.apache.kafka.common.errors.GroupMaxSizeReachedException",
                format!("group {group_id} is full: the broker's group.max.size is reached"),
            ),
            _ => {
                let wire = WireError::Broker {
                    api: "group request",
                    code: error,
                };
                let expected = [
                    code::ILLEGAL_GENERATION,
                    code::UNKNOWN_MEMBER_ID,
                    code::REBALANCE_IN_PROGRESS,
                    code::MEMBER_ID_REQUIRED,
                ];
                if error == 0 || wire.is_transient() || expected.contains(&error) {
                    return None;
                }
                return Some(Self::new(
                    "org.apache.kafka.common.KafkaException",
                    format!("Unexpected error in {api} of group {group_id}: {wire}"),
                ));
            }
        };
        Some(Self::new(class, message))
    }

    /// The fatal reading of a failed call; `None` when retrying is right.
    pub(super) fn fatal_call(error: &WireError, group_id: &str) -> Option<Self> {
        match error {
            WireError::Broker { api, code } => Self::fatal(api, *code, group_id),
            WireError::Authentication { .. } => Some(Self::new(
                "org.apache.kafka.common.errors.SaslAuthenticationException",
                error.to_string(),
            )),
            WireError::Unsupported { .. } => Some(Self::new(
                "org.apache.kafka.common.errors.UnsupportedVersionException",
                error.to_string(),
            )),
            WireError::Bootstrap { .. } => Some(Self::new(
                "org.apache.kafka.common.config.ConfigException",
                error.to_string(),
            )),
            WireError::Io { .. } | WireError::Timeout { .. } | WireError::Protocol { .. } => None,
        }
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

impl std::error::Error for GroupError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_fatal_from_transient() {
        for retried in [0, 14, 15, 16, 22, 25, 27, 79] {
            assert_eq!(GroupError::fatal("JoinGroup", retried, "g"), None, "{retried}");
        }
        for fatal in [23, 24, 26, 30, 81, 35, 42, 31000] {
            assert!(GroupError::fatal("JoinGroup", fatal, "g").is_some(), "{fatal}");
        }
    }
}
