//! Casts of single values.

use super::spec::{OUTPUTS, list};
use crate::logical;
use crate::numbers::{as_f32, as_f64, as_i32, as_i64, parse_float, parse_integer};
use crate::structs::inferred_type;
use turnbuckle_api::data::JavaText;
use turnbuckle_api::{Error, Result, SchemaRef, Text, Type, Value};
use turnbuckle_converters::values::{append_text, zone};

/// Converts `value` to `target`. The schema says what the value means; without one, its class does.
pub(super) fn cast(schema: Option<&SchemaRef>, value: &Value, target: Type) -> Result<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let source = match schema {
        Some(schema) => schema.kind(),
        None => inferred_type(value).ok_or_else(|| outside_data_model(value))?,
    };
    if !OUTPUTS.contains(&source) && source != Type::Bytes {
        let supported = [&OUTPUTS[..], &[Type::Bytes]].concat();
        return Err(Error::data(format!(
            "Cast transformation does not support casting from {source}; supported types are {}",
            list(&supported)
        )));
    }
    if target == Type::String {
        return Ok(Value::String(to_text(value)));
    }
    let encoded = match schema.and_then(|schema| schema.logical()) {
        Some(logical_type) => logical::encode(logical_type, value)?,
        None => None,
    };
    to_primitive(encoded.as_ref().unwrap_or(value), target)
}

fn outside_data_model(value: &Value) -> Error {
    Error::data(format!(
        "Cast transformation was passed a value of type class {} which is not supported by Connect's data API",
        value.java_class()
    ))
}

fn to_text(value: &Value) -> Text {
    match value {
        Value::String(text) => text.clone(),
        Value::Bytes(_) | Value::Date(_) => {
            let mut text = String::new();
            append_text(value, &zone::default_zone(), &mut text);
            text.into()
        }
        other => JavaText(other).to_string().into(),
    }
}

fn to_primitive(value: &Value, target: Type) -> Result<Value> {
    let unexpected = || {
        Error::data(format!(
            "Unexpected type in Cast transformation: class {}",
            value.java_class()
        ))
    };
    match value {
        Value::String(text) => from_text(text, target)
            .ok_or_else(|| Error::data(format!("Value ({text}) was out of range for requested data type"))),
        Value::Boolean(value) => from_i64(i64::from(*value), target).ok_or_else(unexpected),
        number => from_number(number, target).ok_or_else(unexpected),
    }
}

fn from_text(text: &str, target: Type) -> Option<Value> {
    Some(match target {
        Type::Int8 => Value::Int8(parse_integer(text)?),
        Type::Int16 => Value::Int16(parse_integer(text)?),
        Type::Int32 => Value::Int32(parse_integer(text)?),
        Type::Int64 => Value::Int64(parse_integer(text)?),
        Type::Float32 => Value::Float32(parse_float(text)?),
        Type::Float64 => Value::Float64(parse_float(text)?),
        Type::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        _ => return None,
    })
}

fn from_i64(number: i64, target: Type) -> Option<Value> {
    from_number(&Value::Int64(number), target)
}

/// Java's narrowing: bytes and shorts by way of an int.
fn from_number(number: &Value, target: Type) -> Option<Value> {
    Some(match target {
        Type::Int8 => Value::Int8(as_i32(number)? as i8),
        Type::Int16 => Value::Int16(as_i32(number)? as i16),
        Type::Int32 => Value::Int32(as_i32(number)?),
        Type::Int64 => Value::Int64(as_i64(number)?),
        Type::Float32 => Value::Float32(as_f32(number)?),
        Type::Float64 => Value::Float64(as_f64(number)?),
        Type::Boolean => Value::Boolean(as_i64(number)? != 0),
        _ => return None,
    })
}
