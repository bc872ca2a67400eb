//! `org.apache.kafka.connect.converters.{Boolean,Short,Integer,Long,Float,Double}Converter`: one value, big-endian.
//!
//! They differ only in what [`Primitive`] says. The numbers look at the value's class alone when writing; the boolean
//! converter looks at the schema, too.

use crate::plain::{Plain, PlainConverter};
use crate::role::{RoleOnly, with_role};
use bytes::Bytes;
use turnbuckle_api::converter::{ConverterRole, Encoded, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{
    Config, Error, ErrorKind, KAFKA_VERSION, Props, Result, Schema, SchemaAndValue, SchemaRef, Type, Value,
};

macro_rules! plugin {
    ($class:literal, $primitive:expr) => {
        Plugin {
            class: $class,
            version: Some(KAFKA_VERSION),
            config_def: RoleOnly::config_def,
            kind: PluginKind::Converter {
                converter: |props, role| Ok(Box::new(Plain(create(props, role, $primitive)?))),
                header: Some(|props| Ok(Box::new(Plain(create(props, ConverterRole::Header, $primitive)?)))),
            },
        }
    };
}

pub const BOOLEAN: Plugin = plugin!(
    "org.apache.kafka.connect.converters.BooleanConverter",
    Primitive::Boolean
);
pub const SHORT: Plugin = plugin!("org.apache.kafka.connect.converters.ShortConverter", Primitive::Short);
pub const INTEGER: Plugin = plugin!(
    "org.apache.kafka.connect.converters.IntegerConverter",
    Primitive::Integer
);
pub const LONG: Plugin = plugin!("org.apache.kafka.connect.converters.LongConverter", Primitive::Long);
pub const FLOAT: Plugin = plugin!("org.apache.kafka.connect.converters.FloatConverter", Primitive::Float);
pub const DOUBLE: Plugin = plugin!("org.apache.kafka.connect.converters.DoubleConverter", Primitive::Double);

fn create(props: &Props, role: ConverterRole, primitive: Primitive) -> Result<PrimitiveConverter> {
    RoleOnly::from_props(&with_role(props, role))?;
    Ok(PrimitiveConverter {
        primitive,
        read_schema: Schema::primitive(primitive.kind(), true),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Primitive {
    Boolean,
    Short,
    Integer,
    Long,
    Float,
    Double,
}

impl Primitive {
    fn kind(self) -> Type {
        match self {
            Primitive::Boolean => Type::Boolean,
            Primitive::Short => Type::Int16,
            Primitive::Integer => Type::Int32,
            Primitive::Long => Type::Int64,
            Primitive::Float => Type::Float32,
            Primitive::Double => Type::Float64,
        }
    }

    /// As messages call it.
    fn name(self) -> &'static str {
        match self {
            Primitive::Boolean => "boolean",
            Primitive::Short => "short",
            Primitive::Integer => "integer",
            Primitive::Long => "long",
            Primitive::Float => "float",
            Primitive::Double => "double",
        }
    }

    /// Appends the value's bytes; false if it is of another class.
    fn encode(self, value: &Value, out: &mut Vec<u8>) -> bool {
        match (self, value) {
            (Primitive::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            (Primitive::Short, Value::Int16(value)) => out.extend_from_slice(&value.to_be_bytes()),
            (Primitive::Integer, Value::Int32(value)) => out.extend_from_slice(&value.to_be_bytes()),
            (Primitive::Long, Value::Int64(value)) => out.extend_from_slice(&value.to_be_bytes()),
            // Java's floatToIntBits gives every NaN the same bits.
            (Primitive::Float, Value::Float32(value)) => {
                let value = if value.is_nan() { f32::NAN } else { *value };
                out.extend_from_slice(&value.to_be_bytes());
            }
            (Primitive::Double, Value::Float64(value)) => {
                let value = if value.is_nan() { f64::NAN } else { *value };
                out.extend_from_slice(&value.to_be_bytes());
            }
            _ => return false,
        }
        true
    }

    /// None if the number of bytes, or the byte of a boolean, is wrong.
    fn decode(self, bytes: &[u8]) -> Option<Value> {
        Some(match self {
            Primitive::Boolean => match bytes {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                _ => return None,
            },
            Primitive::Short => Value::Int16(i16::from_be_bytes(bytes.try_into().ok()?)),
            Primitive::Integer => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
            Primitive::Long => Value::Int64(i64::from_be_bytes(bytes.try_into().ok()?)),
            Primitive::Float => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
            Primitive::Double => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
        })
    }
}

/// Converts values of one primitive type.
pub struct PrimitiveConverter {
    primitive: Primitive,
    read_schema: SchemaRef,
}

impl PrimitiveConverter {
    fn append(&self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        if let Some(schema) = schema
            && self.primitive == Primitive::Boolean
            && schema.kind() != Type::Boolean
        {
            let text = format!("Invalid schema type for BooleanConverter: {}", schema.kind());
            return Err(Error::data(text));
        }
        if value.is_null() {
            return Ok(Step::Done(Encoded::Null));
        }
        if self.primitive.encode(value, out) {
            return Ok(Step::Done(Encoded::Bytes));
        }
        let (name, class) = (self.primitive.name(), value.java_class());
        Err(match self.primitive {
            Primitive::Boolean => Error::data(format!(
                "BooleanConverter is not compatible with objects of type class {class}"
            )),
            _ => Error::data(format!("Failed to serialize to {name} (was class {class}): ")),
        })
    }

    fn parse(&self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let value = match payload {
            None => Value::Null,
            Some(payload) => self.primitive.decode(payload).ok_or_else(|| self.refuse(payload))?,
        };
        Ok(Step::Done(SchemaAndValue::new(self.read_schema.clone(), value)))
    }

    fn refuse(&self, payload: &Bytes) -> Error {
        let name = self.primitive.name();
        let detail = format!("{} bytes do not make a {name}", payload.len());
        Error::data(format!("Failed to deserialize {name}: ")).with_cause(Error::new(ErrorKind::Serialization, detail))
    }
}

impl PlainConverter for PrimitiveConverter {
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

    fn converter(primitive: Primitive) -> PrimitiveConverter {
        create(&Props::new(), ConverterRole::Value, primitive).unwrap()
    }

    #[test]
    fn values_survive_both_ways() {
        for (primitive, value) in [
            (Primitive::Boolean, Value::Boolean(true)),
            (Primitive::Short, Value::Int16(-2)),
            (Primitive::Integer, Value::Int32(i32::MIN)),
            (Primitive::Long, Value::Int64(i64::MAX)),
            (Primitive::Float, Value::Float32(-0.0)),
            (Primitive::Double, Value::Float64(1e308)),
        ] {
            let mut converter = converter(primitive);
            let mut out = Vec::new();
            assert!(converter.write(None, &value, &mut out).is_ok());
            let Ok(Step::Done(read)) = converter.read(Some(&Bytes::from(out))) else {
                panic!("{primitive:?} does not read what it wrote");
            };
            assert_eq!(read.value, value);
        }
    }

    #[test]
    fn every_nan_has_the_same_bytes() {
        let mut out = Vec::new();
        let odd = Value::Float32(f32::from_bits(0xffc0_0001));
        assert!(converter(Primitive::Float).write(None, &odd, &mut out).is_ok());
        assert_eq!(out, [0x7f, 0xc0, 0, 0]);
    }

    #[test]
    fn a_wrong_length_is_refused() {
        for primitive in [Primitive::Boolean, Primitive::Short, Primitive::Double] {
            let error = converter(primitive)
                .read(Some(&Bytes::from_static(b"abc")))
                .err()
                .unwrap();
            let message = format!("Failed to deserialize {}: ", primitive.name());
            assert_eq!(error.message(), Some(message.as_str()));
        }
    }
}
