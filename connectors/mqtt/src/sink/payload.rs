//! A record as a message: the Kafka topic is the MQTT topic, the value the payload.

use bytes::Bytes;
use turnbuckle_api::data::JavaText;
use turnbuckle_api::{Error, Record, Result, Value};

/// The payload of a record: bytes and text as they are. Null is an empty message, which makes a broker forget the one it
/// has retained.
///
/// # Errors
/// `DataException` for values of other types.
pub(super) fn payload(record: &Record) -> Result<Bytes> {
    match &record.value.value {
        Value::Bytes(bytes) => Ok(bytes.clone()),
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Null => Ok(Bytes::new()),
        other => Err(Error::data(format!(
            "A message is bytes or text, but the value of record {} is a {}. Use ByteArrayConverter or StringConverter \
             as value.converter",
            record.coordinates(),
            other.java_class()
        ))),
    }
}

/// Checks that a topic can be published to.
///
/// # Errors
/// `DataException` for an empty one, or one with wildcards.
pub(super) fn check_topic(record: &Record) -> Result<()> {
    let topic: &str = &record.topic;
    if topic.is_empty() || topic.len() > usize::from(u16::MAX) || topic.contains(['+', '#', '\0']) {
        let text = format!(
            "Record {} can't be published to the MQTT topic '{topic}'",
            record.coordinates()
        );
        return Err(Error::data(text));
    }
    Ok(())
}

/// Headers as user properties of MQTT 5, values as Java prints them; bytes that are text become that text.
pub(super) fn user_properties(record: &Record) -> Vec<(String, String)> {
    let pair = |header: &turnbuckle_api::Header| {
        let value = match &header.value.value {
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            value => JavaText(value).to_string(),
        };
        (header.key.to_string(), value)
    };
    record.headers.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    fn record(topic: &str, value: Value) -> Record {
        sink_record(topic, 7, SchemaAndValue::NULL, SchemaAndValue::schemaless(value))
    }

    #[test]
    fn bytes_and_text_are_payloads() {
        let bytes = Value::Bytes(Bytes::from_static(b"\x00\x01"));
        assert_eq!(payload(&record("t", bytes)).unwrap(), &b"\x00\x01"[..]);
        assert_eq!(
            payload(&record("t", Value::text("\u{e9}"))).unwrap(),
            "\u{e9}".as_bytes()
        );
        assert_eq!(payload(&record("t", Value::Null)).unwrap(), Bytes::new());
        let error = payload(&record("t", Value::Map(Vec::new()))).unwrap_err();
        let text = "A message is bytes or text, but the value of record t-0@7 is a java.util.HashMap. \
                    Use ByteArrayConverter or StringConverter as value.converter";
        assert_eq!(error.message(), Some(text));
    }

    #[test]
    fn topics_have_no_wildcards() {
        assert!(check_topic(&record("a.b/c", Value::Null)).is_ok());
        for topic in ["", "a/#", "+"] {
            assert!(check_topic(&record(topic, Value::Null)).is_err());
        }
    }

    #[test]
    fn headers_become_user_properties() {
        let mut record = record("t", Value::Null);
        record.headers.add("n", SchemaAndValue::schemaless(Value::Int32(5)));
        record.headers.add(
            "b",
            SchemaAndValue::schemaless(Value::Bytes(Bytes::from_static(b"raw"))),
        );
        assert_eq!(
            user_properties(&record),
            [("n".into(), "5".into()), ("b".into(), "raw".into())]
        );
    }
}
