//! `org.apache.kafka.connect.storage.SimpleHeaderConverter`: header values as text whose type is guessed when read.

use crate::charset::decode_utf8;
use crate::values::{append_text, parse_string, zone};
use bytes::Bytes;
use jiff::tz::TimeZone;
use turnbuckle_api::converter::{Encoded, HeaderConverter, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Config, KAFKA_VERSION, Result, Schema, SchemaAndValue, SchemaRef, Type, Value};

pub const PLUGIN: Plugin = Plugin {
    class: "org.apache.kafka.connect.storage.SimpleHeaderConverter",
    version: Some(KAFKA_VERSION),
    config_def: NoKeys::config_def,
    kind: PluginKind::HeaderConverter(|_| Ok(Box::new(SimpleHeaderConverter::new()))),
};

#[derive(Config)]
struct NoKeys {}

/// Writes the text of a value; reads a value of the type that the text looks like.
pub struct SimpleHeaderConverter {
    zone: TimeZone,
    /// Kept for its capacity.
    text: String,
}

impl SimpleHeaderConverter {
    /// A converter of the default time zone.
    pub fn new() -> Self {
        SimpleHeaderConverter {
            zone: zone::default_zone(),
            text: String::new(),
        }
    }
}

impl Default for SimpleHeaderConverter {
    fn default() -> Self {
        Self::new()
    }
}

impl HeaderConverter for SimpleHeaderConverter {
    fn from_connect_header(
        &mut self,
        _topic: &str,
        _name: &str,
        _schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        match value {
            Value::Null => return Ok(Step::Done(Encoded::Null)),
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            other => {
                self.text.clear();
                append_text(other, &self.zone, &mut self.text);
                out.extend_from_slice(self.text.as_bytes());
            }
        }
        Ok(Step::Done(Encoded::Bytes))
    }

    fn to_connect_header(&mut self, topic: &str, name: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let parsed = match parse_string(&decode_utf8(payload), &self.zone) {
            Ok(parsed) => parsed.unwrap_or(SchemaAndValue::NULL),
            Err(error) => {
                tracing::warn!(topic, header = name, %error, "header value can't be read as text, passing it on as bytes");
                SchemaAndValue::new(Schema::primitive(Type::Bytes, false), Value::Bytes(payload.clone()))
            }
        };
        Ok(Step::Done(parsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hopeless_text_becomes_bytes() {
        let mut converter = SimpleHeaderConverter::new();
        let payload = Bytes::from("[".repeat(50_000));
        let Ok(Step::Done(read)) = converter.to_connect_header("t", "h", Some(&payload)) else {
            panic!("a header is always read");
        };
        assert_eq!(read.value, Value::Bytes(payload));
    }
}
