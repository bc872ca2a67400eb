//! Does a value fit its schema? (`ConnectSchema.validateValue`)

use super::{Logical, Schema, SchemaRef, Type, Value, same_schema};
use crate::error::{Error, Result};
use std::fmt;

/// Checks `value` and all it contains.
///
/// # Errors
/// `DataException` with Connect's own texts.
pub fn validate_value(schema: &SchemaRef, value: &Value) -> Result<()> {
    validate_at(schema, value, Place::Value)
}

/// Checks a value that is to be put into a field (`Struct.put`).
///
/// # Errors
/// As [`validate_value`], with the field's name.
pub fn validate_field(name: &str, schema: &SchemaRef, value: &Value) -> Result<()> {
    validate_at(schema, value, Place::Field(name))
}

/// Where a value stands, as messages say it. Text is made only for messages.
#[derive(Clone, Copy)]
enum Place<'a> {
    Value,
    Field(&'a str),
    Element(&'a Place<'a>),
    Key(&'a Place<'a>),
    MapValue(&'a Place<'a>),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Value => f.write_str("value"),
            Place::Field(name) => write!(f, "field: \"{name}\""),
            Place::Element(of) => write!(f, "element of array {of}"),
            Place::Key(of) => write!(f, "key of map {of}"),
            Place::MapValue(of) => write!(f, "value of map {of}"),
        }
    }
}

fn validate_at(schema: &SchemaRef, value: &Value, place: Place<'_>) -> Result<()> {
    if value.is_null() {
        if schema.is_optional() {
            return Ok(());
        }
        let text = format!(
            "Invalid value: null used for required {place}, schema type: {}",
            schema.kind()
        );
        return Err(Error::data(text));
    }
    if !class_fits(schema, value) {
        let name = schema.name().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let class = value.java_class();
        let kind = schema.kind();
        let text = format!("Invalid Java object for schema{name} with type {kind}: class {class} for {place}");
        return Err(Error::data(text));
    }
    match value {
        Value::Struct(value) => {
            if !schema.is_recursive() && !same_schema(value.schema(), schema) {
                return Err(Error::data("Struct schemas do not match."));
            }
            for (field, item) in value.schema().fields().iter().zip(value.values()) {
                if item.is_null() && field.schema.default_value().is_some() {
                    continue;
                }
                validate_at(&field.schema, item, Place::Field(&field.name))?;
            }
        }
        Value::Array(items) => {
            if let Some(item_schema) = schema.items() {
                for item in items {
                    validate_at(item_schema, item, Place::Element(&place))?;
                }
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                if let Some(key_schema) = schema.keys() {
                    validate_at(key_schema, key, Place::Key(&place))?;
                }
                if let Some(value_schema) = schema.values() {
                    validate_at(value_schema, item, Place::MapValue(&place))?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn class_fits(schema: &Schema, value: &Value) -> bool {
    match schema.logical() {
        Some(Logical::Decimal) => return matches!(value, Value::Decimal(_)),
        Some(Logical::Date | Logical::Time | Logical::Timestamp) => return matches!(value, Value::Date(_)),
        None => {}
    }
    matches!(
        (schema.kind(), value),
        (Type::Int8, Value::Int8(_))
            | (Type::Int16, Value::Int16(_))
            | (Type::Int32, Value::Int32(_))
            | (Type::Int64, Value::Int64(_))
            | (Type::Float32, Value::Float32(_))
            | (Type::Float64, Value::Float64(_))
            | (Type::Boolean, Value::Boolean(_))
            | (Type::String, Value::String(_))
            | (Type::Bytes, Value::Bytes(_))
            | (Type::Array, Value::Array(_))
            | (Type::Map, Value::Map(_))
            | (Type::Struct, Value::Struct(_))
    )
}
