//! librdkafka's error codes as the exceptions a Java client would throw: class, message, whether the call may be repeated.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use turnbuckle_api::{Error, ErrorKind};

macro_rules! kafka_class {
    ($name:literal) => {
        concat!("org.apache.kafka.common.errors.", $name)
    };
}

/// Java class of a code, and whether it extends Kafka's `RetriableException`.
fn java_class(code: RDKafkaErrorCode) -> (&'static str, bool) {
    use RDKafkaErrorCode as Code;
    match code {
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut => {
            (kafka_class!("TimeoutException"), true)
        }
        Code::MessageSizeTooLarge => (kafka_class!("RecordTooLargeException"), false),
        Code::MessageBatchTooLarge => (kafka_class!("RecordBatchTooLargeException"), false),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            (kafka_class!("UnknownTopicOrPartitionException"), true)
        }
        Code::InvalidTopic => (kafka_class!("InvalidTopicException"), false),
        Code::TopicAuthorizationFailed => (kafka_class!("TopicAuthorizationException"), false),
        Code::GroupAuthorizationFailed => (kafka_class!("GroupAuthorizationException"), false),
        Code::ClusterAuthorizationFailed => (kafka_class!("ClusterAuthorizationException"), false),
        Code::Authentication | Code::SaslAuthenticationFailed => (kafka_class!("SaslAuthenticationException"), false),
        Code::TopicAlreadyExists => (kafka_class!("TopicExistsException"), false),
        Code::InvalidReplicationFactor => (kafka_class!("InvalidReplicationFactorException"), false),
        Code::InvalidPartitions => (kafka_class!("InvalidPartitionsException"), false),
        Code::InvalidConfig => (kafka_class!("InvalidConfigurationException"), false),
        Code::PolicyViolation => (kafka_class!("PolicyViolationException"), false),
        Code::InvalidTimestamp => (kafka_class!("InvalidTimestampException"), false),
        Code::InvalidRecord => ("org.apache.kafka.common.InvalidRecordException", false),
        Code::NotEnoughReplicas => (kafka_class!("NotEnoughReplicasException"), true),
        Code::NotEnoughReplicasAfterAppend => (kafka_class!("NotEnoughReplicasAfterAppendException"), true),
        Code::NotLeaderForPartition => (kafka_class!("NotLeaderOrFollowerException"), true),
        Code::LeaderNotAvailable => (kafka_class!("LeaderNotAvailableException"), true),
        Code::InvalidProducerEpoch => (kafka_class!("InvalidProducerEpochException"), false),
        Code::Fenced => (kafka_class!("ProducerFencedException"), false),
        Code::OutOfOrderSequenceNumber => (kafka_class!("OutOfOrderSequenceException"), false),
        Code::UnsupportedVersion => (kafka_class!("UnsupportedVersionException"), false),
        Code::AutoOffsetReset => ("org.apache.kafka.clients.consumer.NoOffsetForPartitionException", false),
        Code::OffsetOutOfRange => ("org.apache.kafka.clients.consumer.OffsetOutOfRangeException", false),
        Code::RebalanceInProgress => (kafka_class!("RebalanceInProgressException"), true),
        Code::UnknownMemberId | Code::IllegalGeneration | Code::FencedInstanceId => {
            ("org.apache.kafka.clients.consumer.CommitFailedException", false)
        }
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::NetworkException => {
            (kafka_class!("DisconnectException"), true)
        }
        _ => ("org.apache.kafka.common.KafkaException", false),
    }
}

/// The code as an error; `doing` says what was tried and on what.
pub fn code_error(code: RDKafkaErrorCode, doing: &str) -> Error {
    let (class, retriable) = java_class(code);
    let text = code.to_string();
    // librdkafka's texts look like `MessageTimedOut (Local: Message timed out)`: the part in brackets is for people.
    let plain = match text.split_once(" (") {
        Some((_, rest)) => rest.strip_suffix(')').unwrap_or(rest),
        None => text.as_str(),
    };
    Error::new(ErrorKind::Class(class), format!("{doing}: {plain}")).with_retriable(retriable)
}

/// Any client error as an error.
pub fn client_error(error: &KafkaError, doing: &str) -> Error {
    match error.rdkafka_error_code() {
        Some(code) => code_error(code, doing),
        None => Error::new(
            ErrorKind::Class("org.apache.kafka.common.KafkaException"),
            format!("{doing}: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_exceptions_of_java_clients() {
        let timed_out = code_error(RDKafkaErrorCode::MessageTimedOut, "sending to topic bets");
        assert_eq!(
            timed_out.class_name(),
            "org.apache.kafka.common.errors.TimeoutException"
        );
        assert_eq!(
            timed_out.message(),
            Some("sending to topic bets: Local: Message timed out")
        );
        assert!(timed_out.is_retriable());
        let too_large = code_error(RDKafkaErrorCode::MessageSizeTooLarge, "sending to topic bets");
        assert_eq!(
            too_large.class_name(),
            "org.apache.kafka.common.errors.RecordTooLargeException"
        );
        assert!(!too_large.is_retriable());
    }
}
