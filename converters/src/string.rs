//! `org.apache.kafka.connect.storage.StringConverter`: the text of any value, Java's `toString`.

use crate::charset::Charset;
use crate::plain::{Plain, PlainConverter};
use crate::role::{ROLES, with_role};
use bytes::Bytes;
use std::io::Write;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::converter::{ConverterRole, Encoded, Step};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{
    Config, Error, ErrorKind, KAFKA_VERSION, Props, Result, Schema, SchemaAndValue, SchemaRef, Type, Value,
};

pub const PLUGIN: Plugin = Plugin {
    class: "org.apache.kafka.connect.storage.StringConverter",
    version: Some(KAFKA_VERSION),
    config_def: StringConfig::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(Plain(create(props, role)?))),
        header: Some(|props| Ok(Box::new(Plain(create(props, ConverterRole::Header)?)))),
    },
};

#[derive(Config)]
struct StringConfig {
    /// Which part of a record this converter serves: key, value or header. Set by the worker.
    #[config(key = "converter.type", required, importance = Low, validator = one_of(ROLES))]
    _role: String,
    /// Java name of the character set of the bytes.
    #[config(key = "converter.encoding", default = "UTF-8", importance = High, width = Medium, display = "Encoding")]
    encoding: String,
}

fn create(props: &Props, role: ConverterRole) -> Result<StringConverter> {
    let config = StringConfig::from_props(&with_role(props, role))?;
    let charset = Charset::from_name(&config.encoding).ok_or_else(|| {
        let text = format!("Unsupported encoding {}", config.encoding);
        Error::new(ErrorKind::Serialization, text)
    })?;
    Ok(StringConverter {
        charset,
        read_schema: Schema::primitive(Type::String, true),
        text: Vec::new(),
    })
}

/// Writes the text of any value; reads optional strings.
pub struct StringConverter {
    charset: Charset,
    read_schema: SchemaRef,
    /// Text of a value that is no string, before it is encoded; kept for its capacity.
    text: Vec<u8>,
}

impl StringConverter {
    fn append(&mut self, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        match value {
            Value::Null => return Ok(Step::Done(Encoded::Null)),
            Value::String(text) => self.charset.encode(text, out),
            other if self.charset == Charset::Utf8 => write!(out, "{}", JavaText(other))?,
            other => {
                self.text.clear();
                write!(self.text, "{}", JavaText(other))?;
                self.charset.encode(&String::from_utf8_lossy(&self.text), out);
            }
        }
        Ok(Step::Done(Encoded::Bytes))
    }

    fn parse(&self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let value = payload.map_or(Value::Null, |payload| Value::String(self.charset.decode(payload)));
        Ok(Step::Done(SchemaAndValue::new(self.read_schema.clone(), value)))
    }
}

impl PlainConverter for StringConverter {
    fn write(&mut self, _schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        self.append(value, out)
    }

    fn read(&mut self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        self.parse(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_has_a_text() {
        let props = Props::new().with("converter.encoding", "UTF-16LE");
        let mut converter = create(&props, ConverterRole::Value).unwrap();
        let mut out = Vec::new();
        let value = Value::Array(vec![Value::Int32(1), Value::Null]);
        assert!(converter.write(None, &value, &mut out).is_ok());
        let Ok(Step::Done(read)) = converter.read(Some(&out.into())) else {
            panic!("reading text cannot fail");
        };
        assert_eq!(read.value, Value::text("[1, null]"));
    }

    #[test]
    fn an_unknown_set_is_refused() {
        let props = Props::new().with("converter.encoding", "nope");
        let error = create(&props, ConverterRole::Key).err().unwrap();
        assert_eq!(
            error.headline(),
            "org.apache.kafka.common.errors.SerializationException: Unsupported encoding nope"
        );
    }
}
