//! Default values: Connect value to the JSON of an Avro schema and back. Bytes are text whose characters are the bytes.

use super::logical::{from_logical, to_logical};
use super::names::{KEY_FIELD, VALUE_FIELD};
use super::schema::{AvroSchema, Kind, NodeId};
use super::to_connect::Shape;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use turnbuckle_api::data::{SchemaRef, Struct, Type, java_f32, java_f64};
use turnbuckle_api::{Error, Result, Value};

/// The JSON form of `value`, which fits `schema`.
pub(crate) fn to_json(schema: &SchemaRef, value: &Value) -> Result<Json> {
    let value = to_logical_storage(schema, value)?;
    Ok(match &value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Int8(value) => json!(value),
        Value::Int16(value) => json!(value),
        Value::Int32(value) => json!(value),
        Value::Int64(value) => json!(value),
        Value::Float32(value) => number_or_text(java_f32(*value)),
        Value::Float64(value) => number_or_text(java_f64(*value)),
        Value::String(text) => json!(&**text),
        Value::Bytes(bytes) => Json::String(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Value::Array(items) => match schema.items() {
            Some(item_schema) => {
                let items: Result<Vec<Json>> = items.iter().map(|item| to_json(item_schema, item)).collect();
                Json::Array(items?)
            }
            None => return Err(unsupported(schema)),
        },
        Value::Map(entries) => map_to_json(schema, entries)?,
        Value::Struct(value) => {
            let mut object = Map::new();
            for (index, field) in value.schema().fields().iter().enumerate() {
                object.insert(field.name.to_string(), to_json(&field.schema, value.get_at(index))?);
            }
            Json::Object(object)
        }
        Value::Decimal(_) | Value::Date(_) => return Err(unsupported(schema)),
    })
}

fn unsupported(schema: &SchemaRef) -> Error {
    Error::data(format!(
        "Invalid type for default value of schema type {}",
        schema.kind()
    ))
}

/// JSON has no NaN and no infinities; they are written as text, as Jackson does.
fn number_or_text(text: String) -> Json {
    match text.parse::<serde_json::Number>() {
        Ok(number) => Json::Number(number),
        Err(_) => Json::String(text),
    }
}

fn map_to_json(schema: &SchemaRef, entries: &[(Value, Value)]) -> Result<Json> {
    let (Some(keys), Some(values)) = (schema.keys(), schema.values()) else {
        return Err(unsupported(schema));
    };
    if keys.kind() == Type::String && !keys.is_optional() {
        let mut object = Map::new();
        for (key, value) in entries {
            let key = key.as_str().ok_or_else(|| unsupported(schema))?;
            object.insert(key.to_string(), to_json(values, value)?);
        }
        return Ok(Json::Object(object));
    }
    let pair = |(key, value): &(Value, Value)| Ok(json!([to_json(keys, key)?, to_json(values, value)?]));
    let pairs: Result<Vec<Json>> = entries.iter().map(pair).collect();
    Ok(Json::Array(pairs?))
}

fn to_logical_storage(schema: &SchemaRef, value: &Value) -> Result<Value> {
    match schema.logical() {
        Some(logical) if !value.is_null() => from_logical(logical, schema, value),
        _ => Ok(value.clone()),
    }
}

/// May `json` be the default of a field of this type? Of a union, any member may take it.
pub(crate) fn is_valid_default(schema: &AvroSchema, id: NodeId, json: &Json) -> bool {
    match schema.kind(id) {
        Kind::Null => json.is_null(),
        Kind::Boolean => json.is_boolean(),
        Kind::Int => json.as_i64().is_some_and(|value| i32::try_from(value).is_ok()),
        Kind::Long => json.as_i64().is_some(),
        Kind::Float | Kind::Double => {
            json.is_number() || matches!(json.as_str(), Some("NaN" | "Infinity" | "-Infinity"))
        }
        Kind::String | Kind::Bytes | Kind::Enum(_) | Kind::Fixed { .. } => json.is_string(),
        Kind::Array(items) => json
            .as_array()
            .is_some_and(|list| list.iter().all(|item| is_valid_default(schema, *items, item))),
        Kind::Map(values) => json
            .as_object()
            .is_some_and(|object| object.values().all(|item| is_valid_default(schema, *values, item))),
        Kind::Union(members) => members.iter().any(|member| is_valid_default(schema, *member, json)),
        Kind::Record(record) => json.as_object().is_some_and(|object| {
            record.fields.iter().all(|field| {
                let given = object.get(&field.name).or(field.default.as_ref());
                given.is_some_and(|value| is_valid_default(schema, field.node, value))
            })
        }),
    }
}

/// The value that `json` stands for as default of type `id`, made to the measure of `shape`. None if it does not fit.
pub(crate) fn from_json(schema: &AvroSchema, id: NodeId, shape: &Shape, json: &Json) -> Option<Value> {
    if let Kind::Union(members) = schema.kind(id) {
        return from_union_json(schema, members, shape, json);
    }
    let value = match (schema.kind(id), shape) {
        (Kind::Null, _) => return json.is_null().then_some(Value::Null),
        (Kind::Boolean, _) => Value::Boolean(json.as_bool()?),
        (Kind::Int, Shape::Scalar(kind, _)) => {
            let value = json.as_i64()?;
            match kind {
                Type::Int8 => Value::Int8(i8::try_from(value).ok()?),
                Type::Int16 => Value::Int16(i16::try_from(value).ok()?),
                _ => Value::Int32(i32::try_from(value).ok()?),
            }
        }
        (Kind::Long, _) => Value::Int64(json.as_i64()?),
        (Kind::Float, _) => Value::Float32(float(json)? as f32),
        (Kind::Double, _) => Value::Float64(float(json)?),
        (Kind::String | Kind::Enum(_), _) => Value::text(json.as_str()?),
        (Kind::Bytes, _) => Value::Bytes(bytes(json)?),
        (Kind::Fixed { size, .. }, _) => Value::Bytes(bytes(json).filter(|bytes| bytes.len() == *size)?),
        (Kind::Array(items), Shape::Array(item_shape)) => {
            let items = json
                .as_array()?
                .iter()
                .map(|item| from_json(schema, *items, item_shape, item));
            Value::Array(items.collect::<Option<Vec<Value>>>()?)
        }
        (Kind::Array(items), Shape::Entries(entry)) => {
            let Kind::Record(record) = schema.kind(*items) else {
                return None;
            };
            let field = |name: &str| record.fields.iter().find(|field| field.name == name);
            let (key, value) = (field(KEY_FIELD)?, field(VALUE_FIELD)?);
            let read = |item: &Json| {
                let (key_json, value_json) = match item {
                    Json::Array(pair) => (pair.first()?, pair.get(1)?),
                    other => (other.get(KEY_FIELD)?, other.get(VALUE_FIELD)?),
                };
                let key = from_json(schema, key.node, &entry.key, key_json)?;
                Some((key, from_json(schema, value.node, &entry.value, value_json)?))
            };
            Value::Map(json.as_array()?.iter().map(read).collect::<Option<Vec<_>>>()?)
        }
        (Kind::Map(values), Shape::Map(value_shape)) => {
            let read = |(key, item): (&String, &Json)| {
                Some((
                    Value::text(key.as_str()),
                    from_json(schema, *values, value_shape, item)?,
                ))
            };
            Value::Map(json.as_object()?.iter().map(read).collect::<Option<Vec<_>>>()?)
        }
        (Kind::Record(record), Shape::Struct(structure)) => {
            let object = json.as_object()?;
            let mut values = Vec::with_capacity(record.fields.len());
            for (field, shape) in record.fields.iter().zip(&structure.fields) {
                let given = object.get(&field.name).or(field.default.as_ref())?;
                values.push(from_json(schema, field.node, shape, given)?);
            }
            Value::Struct(Struct::new(structure.schema.clone(), values))
        }
        _ => return None,
    };
    match shape {
        Shape::Scalar(_, Some(logical)) => to_logical(logical.kind, logical.scale, value).ok(),
        _ => Some(value),
    }
}

/// A union's default belongs to its first member; JSON text written by others may mean another one.
fn from_union_json(schema: &AvroSchema, members: &[NodeId], shape: &Shape, json: &Json) -> Option<Value> {
    match shape {
        Shape::Nullable(inner) => members
            .iter()
            .find_map(|member| from_json(schema, *member, inner, json)),
        Shape::Union(union) => members.iter().zip(&union.members).find_map(|(member, target)| {
            let Some(target) = target else {
                return json.is_null().then_some(Value::Null);
            };
            let value = from_json(schema, *member, &target.shape, json)?;
            let index = *target.field.as_ref().ok()?;
            let mut values = vec![Value::Null; union.schema.fields().len()];
            *values.get_mut(index)? = value;
            Some(Value::Struct(Struct::new(union.schema.clone(), values)))
        }),
        _ => None,
    }
}

fn float(json: &Json) -> Option<f64> {
    match json.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    }
}

fn bytes(json: &Json) -> Option<Bytes> {
    let bytes = json.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok());
    Some(Bytes::from(bytes.collect::<Option<Vec<u8>>>()?))
}
