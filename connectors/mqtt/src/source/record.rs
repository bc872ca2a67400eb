//! A message as a record: the topic is the key, the payload the value, the rest headers.

use crate::link::{Message, Properties};
use turnbuckle_api::record::{Header, Headers, Origin, Record};
use turnbuckle_api::{Schema, SchemaAndValue, SchemaRef, Text, Type, Value};

const MESSAGE_ID: Text = Text::from_static("mqtt.message.id");
const QOS: Text = Text::from_static("mqtt.qos");
const RETAINED: Text = Text::from_static("mqtt.retained");
const DUPLICATE: Text = Text::from_static("mqtt.duplicate");
const CONTENT_TYPE: Text = Text::from_static("mqtt.content.type");
const RESPONSE_TOPIC: Text = Text::from_static("mqtt.response.topic");
const CORRELATION_DATA: Text = Text::from_static("mqtt.correlation.data");

/// Makes records for one Kafka topic.
pub(super) struct RecordMaker {
    topic: Text,
    string: SchemaRef,
    bytes: SchemaRef,
    int32: SchemaRef,
    boolean: SchemaRef,
}

impl RecordMaker {
    pub(super) fn new(topic: &str) -> Self {
        RecordMaker {
            topic: Text::from(topic),
            string: Schema::primitive(Type::String, false),
            bytes: Schema::primitive(Type::Bytes, false),
            int32: Schema::primitive(Type::Int32, false),
            boolean: Schema::primitive(Type::Boolean, false),
        }
    }

    /// The record of a message. The broker keeps the position, so there is none to store.
    pub(super) fn record(&self, message: Message) -> Record {
        let header = |key: Text, schema: &SchemaRef, value: Value| Header {
            key,
            value: SchemaAndValue::new(schema.clone(), value),
        };
        let mut headers = Vec::with_capacity(4);
        headers.push(header(MESSAGE_ID, &self.int32, Value::Int32(i32::from(message.id))));
        headers.push(header(QOS, &self.int32, Value::Int32(i32::from(message.qos))));
        headers.push(header(RETAINED, &self.boolean, Value::Boolean(message.retained)));
        headers.push(header(DUPLICATE, &self.boolean, Value::Boolean(message.duplicate)));
        if let Some(properties) = message.properties {
            self.add_properties(&mut headers, *properties);
        }
        Record {
            topic: self.topic.clone(),
            partition: None,
            key: SchemaAndValue::new(self.string.clone(), Value::String(message.topic)),
            value: SchemaAndValue::new(self.bytes.clone(), Value::Bytes(message.payload)),
            timestamp: None,
            headers: Headers(headers),
            origin: Origin::Source {
                partition: None,
                offset: None,
            },
        }
    }

    /// What MQTT 5 adds: user properties under their own names.
    fn add_properties(&self, headers: &mut Vec<Header>, properties: Properties) {
        let mut text = |key: Text, value: String| {
            headers.push(Header {
                key,
                value: SchemaAndValue::new(self.string.clone(), Value::text(value)),
            });
        };
        if let Some(content_type) = properties.content_type {
            text(CONTENT_TYPE, content_type);
        }
        if let Some(response_topic) = properties.response_topic {
            text(RESPONSE_TOPIC, response_topic);
        }
        for (name, value) in properties.user {
            text(Text::from(name), value);
        }
        if let Some(data) = properties.correlation_data {
            headers.push(Header {
                key: CORRELATION_DATA,
                value: SchemaAndValue::new(self.bytes.clone(), Value::Bytes(data)),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message() -> Message {
        Message {
            topic: Text::from("/a/b"),
            payload: Bytes::from_static(b"\x00\xff"),
            id: 65535,
            qos: 2,
            retained: true,
            duplicate: false,
            properties: None,
        }
    }

    fn headers(record: &Record) -> Vec<(String, Value)> {
        let pair = |header: &Header| (header.key.to_string(), header.value.value.clone());
        record.headers.iter().map(pair).collect()
    }

    #[test]
    fn a_message_becomes_a_record() {
        let record = RecordMaker::new("bus_raw").record(message());
        assert_eq!((record.topic.as_ref() as &str, record.partition), ("bus_raw", None));
        let expected = SchemaAndValue::new(Schema::primitive(Type::String, false), "/a/b".into());
        assert_eq!(record.key, expected);
        let payload = Value::Bytes(Bytes::from_static(b"\x00\xff"));
        assert_eq!(
            record.value,
            SchemaAndValue::new(Schema::primitive(Type::Bytes, false), payload)
        );
        let expected = [
            ("mqtt.message.id".to_string(), Value::Int32(65535)),
            ("mqtt.qos".to_string(), Value::Int32(2)),
            ("mqtt.retained".to_string(), Value::Boolean(true)),
            ("mqtt.duplicate".to_string(), Value::Boolean(false)),
        ];
        assert_eq!(headers(&record), expected);
    }

    #[test]
    fn properties_of_version_5_are_headers() {
        let properties = Properties {
            user: vec![("site".into(), "north".into()), ("site".into(), "south".into())],
            content_type: Some("application/json".into()),
            response_topic: Some("answers".into()),
            correlation_data: Some(Bytes::from_static(b"7")),
        };
        let mut message = message();
        message.properties = Some(Box::new(properties));
        let record = RecordMaker::new("t").record(message);
        let expected = [
            ("mqtt.content.type".to_string(), Value::text("application/json")),
            ("mqtt.response.topic".to_string(), Value::text("answers")),
            ("site".to_string(), Value::text("north")),
            ("site".to_string(), Value::text("south")),
            (
                "mqtt.correlation.data".to_string(),
                Value::Bytes(Bytes::from_static(b"7")),
            ),
        ];
        assert_eq!(headers(&record)[4..], expected);
    }
}
