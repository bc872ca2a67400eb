//! `org.apache.kafka.connect.converters.ByteArrayConverter`: bytes as they are.

use crate::plain::{Plain, PlainConverter};
use crate::role::{RoleOnly, with_role};
use bytes::Bytes;
use turnbuckle_api::converter::{ConverterRole, Encoded, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Config, Error, KAFKA_VERSION, Props, Result, Schema, SchemaAndValue, SchemaRef, Type, Value};

pub const PLUGIN: Plugin = Plugin {
    class: "org.apache.kafka.connect.converters.ByteArrayConverter",
    version: Some(KAFKA_VERSION),
    config_def: RoleOnly::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(Plain(create(props, role)?))),
        header: Some(|props| Ok(Box::new(Plain(create(props, ConverterRole::Header)?)))),
    },
};

fn create(props: &Props, role: ConverterRole) -> Result<ByteArrayConverter> {
    RoleOnly::from_props(&with_role(props, role))?;
    Ok(ByteArrayConverter {
        read_schema: Schema::primitive(Type::Bytes, true),
    })
}

/// Passes bytes through; the read value shares the payload's buffer.
pub struct ByteArrayConverter {
    read_schema: SchemaRef,
}

impl ByteArrayConverter {
    fn append(&self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        if let Some(schema) = schema
            && schema.kind() != Type::Bytes
        {
            let text = format!("Invalid schema type for ByteArrayConverter: {}", schema.kind());
            return Err(Error::data(text));
        }
        match value {
            Value::Null => Ok(Step::Done(Encoded::Null)),
            Value::Bytes(bytes) => {
                out.extend_from_slice(bytes);
                Ok(Step::Done(Encoded::Bytes))
            }
            other => {
                let class = other.java_class();
                let text = format!("ByteArrayConverter is not compatible with objects of type class {class}");
                Err(Error::data(text))
            }
        }
    }

    fn parse(&self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let value = payload.map_or(Value::Null, |payload| Value::Bytes(payload.clone()));
        Ok(Step::Done(SchemaAndValue::new(self.read_schema.clone(), value)))
    }
}

impl PlainConverter for ByteArrayConverter {
    fn write(&mut self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        self.append(schema, value, out)
    }

    fn read(&mut self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        self.parse(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_not_copied_when_read() {
        let mut converter = create(&Props::new(), ConverterRole::Value).unwrap();
        let payload = Bytes::from_static(b"\x00\xff");
        let Ok(Step::Done(read)) = converter.read(Some(&payload)) else {
            panic!("reading bytes cannot fail");
        };
        let Value::Bytes(bytes) = read.value else {
            panic!("not bytes: {:?}", read.value);
        };
        assert_eq!(bytes.as_ptr(), payload.as_ptr());
    }
}
