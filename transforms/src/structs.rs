//! What transformations that rebuild structs have in common: copied schema attributes, and copying fields as Java's
//! `Struct.get` and `Struct.put` do it.

use turnbuckle_api::{Error, Field, Result, Schema, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Value};

/// Name, version, doc and parameters of `source` on a new schema (`SchemaUtil.copySchemaBasics`).
pub fn copy_basics(source: &Schema, mut target: SchemaBuilder) -> SchemaBuilder {
    if let Some(name) = source.name() {
        target = target.name(name.to_string());
    }
    if let Some(version) = source.version() {
        target = target.version(version);
    }
    if let Some(doc) = source.doc() {
        target = target.doc(doc.to_string());
    }
    for (key, value) in source.parameters() {
        target = target.parameter(key, value);
    }
    target
}

/// Fields of a schema that must be a struct's.
///
/// # Errors
/// `DataException` for other types.
pub fn fields_of(schema: &Schema) -> Result<&[Field]> {
    if schema.kind() != turnbuckle_api::Type::Struct {
        return Err(Error::data("Cannot list fields on non-struct type"));
    }
    Ok(schema.fields())
}

/// May a field hold what it is about to be copied from? A null is refused by a field that is required, unless its default
/// takes the null's place.
///
/// # Errors
/// `DataException` with Kafka's text.
pub fn check_copy(field: &Field, value: &Value, with_default: bool) -> Result<()> {
    let is_refused =
        value.is_null() && !field.schema.is_optional() && !(with_default && field.schema.default_value().is_some());
    if is_refused {
        return Err(null_refused(field));
    }
    Ok(())
}

/// The error of a null in a required field.
pub fn null_refused(field: &Field) -> Error {
    Error::data(format!(
        "Invalid value: null used for required field: \"{}\", schema type: {}",
        field.name,
        field.schema.kind()
    ))
}

/// Checks all fields as [`check_copy`] does.
pub fn check_copies(value: &Struct, with_default: bool) -> Result<()> {
    let mut fields = value.schema().fields().iter().zip(value.values());
    fields.try_for_each(|(field, item)| check_copy(field, item, with_default))
}

/// Puts the default in the place of a null.
pub fn fill_default(field: &Field, value: &mut Value, with_default: bool) {
    if value.is_null()
        && with_default
        && let Some(default) = field.schema.default_value()
    {
        *value = default.clone();
    }
}

/// The value of a field as it is read: null becomes the default if `with_default`.
pub fn read(value: &Struct, index: usize, with_default: bool) -> &Value {
    static NULL: Value = Value::Null;
    match with_default {
        true => value.get_at(index),
        false => value.values().get(index).unwrap_or(&NULL),
    }
}

/// Replaces the schema of a struct and its values by what `change` makes of them; nothing happens to other values.
pub fn rebuild(cell: &mut SchemaAndValue, schema: &SchemaRef, change: impl FnOnce(Vec<Value>) -> Vec<Value>) {
    if let Value::Struct(before) = std::mem::take(&mut cell.value) {
        let (_, values) = before.into_parts();
        cell.value = Value::Struct(Struct::new(schema.clone(), change(values)));
        cell.schema = Some(schema.clone());
    }
}

/// Sets an entry of a schemaless map (`Map.put` with a text key).
pub fn map_put(entries: &mut Vec<(Value, Value)>, key: &turnbuckle_api::Text, value: Value) {
    match entries.iter_mut().rev().find(|(known, _)| known.as_str() == Some(key)) {
        Some(entry) => entry.1 = value,
        None => entries.push((Value::String(key.clone()), value)),
    }
}

/// The type that a schemaless value has by its class; None for null and for classes outside Connect's data model.
pub fn inferred_type(value: &Value) -> Option<turnbuckle_api::Type> {
    use turnbuckle_api::Type;
    Some(match value {
        Value::Null | Value::Decimal(_) | Value::Date(_) => return None,
        Value::Boolean(_) => Type::Boolean,
        Value::Int8(_) => Type::Int8,
        Value::Int16(_) => Type::Int16,
        Value::Int32(_) => Type::Int32,
        Value::Int64(_) => Type::Int64,
        Value::Float32(_) => Type::Float32,
        Value::Float64(_) => Type::Float64,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Array(_) => Type::Array,
        Value::Map(_) => Type::Map,
        Value::Struct(_) => Type::Struct,
    })
}
