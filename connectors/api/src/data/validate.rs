//! Does a value fit its schema? (`ConnectSchema.validateValue`)

use super::{Logical, Schema, SchemaRef, Type, Value, same_schema};
use crate::error::{Error, Result};

/// Checks `value` and all it contains.
///
/// # Errors
/// `DataException` with Connect's own texts.
pub fn validate_value(schema: &SchemaRef, value: &Value) -> Result<()> {
    validate_at(schema, value, "value")
}

/// Checks a value that is to be put into a field (`Struct.put`).
///
/// # Errors
/// As [`validate_value`], with the field's name.
pub fn validate_field(name: &str, schema: &SchemaRef, value: &Value) -> Result<()> {
    validate_at(schema, value, &format!("field: \"{name}\""))
}

fn validate_at(schema: &SchemaRef, value: &Value, location: &str) -> Result<()> {
    if value.is_null() {
        if schema.is_optional() {
            return Ok(());
        }
        let text = format!(
            "Invalid value: null used for required {location}, schema type: {}",
            schema.kind()
        );
        return Err(Error::data(text));
    }
    if !class_fits(schema, value) {
        let name = schema.name().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let class = value.java_class();
        let kind = schema.kind();
        let text = format!("Invalid Java object for schema{name} with type {kind}: class {class} for {location}");
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
                validate_at(&field.schema, item, &format!("field: \"{}\"", field.name))?;
            }
        }
        Value::Array(items) => {
            if let Some(item_schema) = schema.items() {
                for item in items {
                    validate_at(item_schema, item, "array element")?;
                }
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                if let Some(key_schema) = schema.keys() {
                    validate_at(key_schema, key, "map key")?;
                }
                if let Some(value_schema) = schema.values() {
                    validate_at(value_schema, item, "map value")?;
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
