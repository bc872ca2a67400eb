//! Cells: a schema with a value, between the golden files' JSON and the data model.
//!
//! JSON → [`schema_from_json`] / [`value_from_json`] → data model. The way back ([`value_to_json`]) is only for showing
//! a difference to people; comparing happens in the data model, see [`super::equality`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use turnbuckle_api::{Decimal, Field, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Type, Value};

/// What is wrong with a case's JSON; a mistake in the file or in this reader, never an answer.
pub type Parsed<T> = Result<T, String>;

/// Reads a cell; JSON null is a cell of two nulls.
pub fn cell_from_json(cell: &Json) -> Parsed<SchemaAndValue> {
    if cell.is_null() {
        return Ok(SchemaAndValue::NULL);
    }
    let schema = optional_schema(cell.get("schema"))?;
    let value = value_from_json(cell.get("value").unwrap_or(&Json::Null), schema.as_ref())?;
    Ok(SchemaAndValue { schema, value })
}

/// Base64 text, or null.
pub fn bytes_from_json(text: &Json) -> Parsed<Option<Bytes>> {
    match text {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(decode_base64(text)?)),
        other => Err(format!("expected base64 text, found {other}")),
    }
}

fn decode_base64(text: &str) -> Parsed<Bytes> {
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|e| format!("{text:?} is not base64: {e}"))
}

fn optional_schema(schema: Option<&Json>) -> Parsed<Option<SchemaRef>> {
    match schema {
        None | Some(Json::Null) => Ok(None),
        Some(schema) => schema_from_json(schema).map(Some),
    }
}

/// Reads a schema object.
pub fn schema_from_json(schema: &Json) -> Parsed<SchemaRef> {
    let member = |name: &str| schema.get(name).filter(|value| !value.is_null());
    let text = |name: &str| member(name).and_then(Json::as_str);
    let type_name = text("type").ok_or_else(|| format!("schema without type: {schema}"))?;
    let kind = Type::from_name(type_name).ok_or_else(|| format!("unknown schema type {type_name}"))?;
    let mut builder = match kind {
        Type::Array => SchemaBuilder::array(optional_schema(schema.get("items"))?),
        Type::Map => SchemaBuilder::map(
            optional_schema(schema.get("keys"))?,
            optional_schema(schema.get("values"))?,
        ),
        Type::Struct if member("recursive").is_some() => SchemaBuilder::recursive(text("name").unwrap_or_default()),
        Type::Struct => SchemaBuilder::new(kind).fields(fields_from_json(schema)?),
        _ => SchemaBuilder::new(kind),
    };
    builder = builder.with_optional(member("optional") == Some(&Json::Bool(true)));
    if let Some(name) = text("name") {
        builder = builder.name(name);
    }
    if let Some(version) = member("version").and_then(Json::as_i64) {
        builder = builder.version(i32::try_from(version).map_err(|_| format!("version {version}"))?);
    }
    if let Some(doc) = text("doc") {
        builder = builder.doc(doc);
    }
    if let Some(parameters) = member("parameters").and_then(Json::as_object) {
        for (key, value) in parameters {
            builder = builder.parameter(key, value.as_str().unwrap_or_default());
        }
    }
    if let Some(default) = member("default") {
        let declared = builder.clone().finish();
        builder = builder.default_value(value_from_json(default, Some(&declared))?);
    }
    // Not `build`: some recorded answers hold defaults that Java would refuse today.
    Ok(builder.finish())
}

fn fields_from_json(schema: &Json) -> Parsed<Vec<Field>> {
    let fields = schema.get("fields").and_then(Json::as_array);
    let fields = fields.ok_or_else(|| format!("struct schema without fields: {schema}"))?;
    fields
        .iter()
        .map(|field| {
            let name = field.get("field").and_then(Json::as_str);
            let name = name.ok_or_else(|| format!("field without name: {field}"))?;
            Ok(Field {
                name: name.into(),
                schema: schema_from_json(field)?,
            })
        })
        .collect()
}

/// Reads a tagged value. `declared` is the schema at its place, by which structs without a schema of their own go.
pub fn value_from_json(value: &Json, declared: Option<&SchemaRef>) -> Parsed<Value> {
    tagged_value(value, declared, &mut Vec::new())
}

fn tagged_value(value: &Json, declared: Option<&SchemaRef>, enclosing: &mut Vec<SchemaRef>) -> Parsed<Value> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let refuse = || format!("not a tagged value: {value}");
    let tag = value.get("type").and_then(Json::as_str).ok_or_else(refuse)?;
    let content = value.get("value").ok_or_else(refuse)?;
    let integer = || content.as_i64().ok_or_else(refuse);
    Ok(match tag {
        "int8" => Value::Int8(i8::try_from(integer()?).map_err(|_| refuse())?),
        "int16" => Value::Int16(i16::try_from(integer()?).map_err(|_| refuse())?),
        "int32" => Value::Int32(i32::try_from(integer()?).map_err(|_| refuse())?),
        "int64" => Value::Int64(integer()?),
        "float32" => Value::Float32(float_text(content).parse().map_err(|_| refuse())?),
        "float64" => Value::Float64(float_text(content).parse().map_err(|_| refuse())?),
        "boolean" => Value::Boolean(content.as_bool().ok_or_else(refuse)?),
        "string" => Value::text(content.as_str().ok_or_else(refuse)?),
        "bytes" => Value::Bytes(decode_base64(content.as_str().ok_or_else(refuse)?)?),
        "date" => Value::Date(integer()?),
        "decimal" => Value::Decimal(decimal(content).ok_or_else(refuse)?),
        "array" => {
            let items = content.as_array().ok_or_else(refuse)?;
            let declared = declared.and_then(|schema| schema.items());
            let items: Parsed<Vec<Value>> = items
                .iter()
                .map(|item| tagged_value(item, declared, enclosing))
                .collect();
            Value::Array(items?)
        }
        "map" => {
            let mut entries = Vec::new();
            for entry in content.as_array().ok_or_else(refuse)? {
                let (key, item) = (entry.get(0).ok_or_else(refuse)?, entry.get(1).ok_or_else(refuse)?);
                let key = tagged_value(key, declared.and_then(|schema| schema.keys()), enclosing)?;
                let item = tagged_value(item, declared.and_then(|schema| schema.values()), enclosing)?;
                entries.push((key, item));
            }
            Value::Map(entries)
        }
        "struct" => {
            let own = optional_schema(value.get("schema"))?;
            let place = own.as_ref().or(declared);
            let schema = place.ok_or_else(|| format!("struct without schema: {value}"))?;
            structure(content.as_object().ok_or_else(refuse)?, schema, enclosing)?
        }
        _ => return Err(refuse()),
    })
}

/// Text that Rust's float parsers take: numbers as written, `NaN`, `Infinity`, `-Infinity`.
fn float_text(content: &Json) -> String {
    match content {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn decimal(content: &Json) -> Option<Decimal> {
    let unscaled: Decimal = content.get("unscaled")?.as_str()?.parse().ok()?;
    let scale = i32::try_from(content.get("scale")?.as_i64()?).ok()?;
    Some(Decimal::from_bigint(unscaled.unscaled().into_owned(), scale))
}

fn structure(content: &Map<String, Json>, place: &SchemaRef, enclosing: &mut Vec<SchemaRef>) -> Parsed<Value> {
    let schema = resolve(place, enclosing)?;
    if let Some(unknown) = content.keys().find(|name| schema.field_index(name).is_none()) {
        return Err(format!("struct value has a field {unknown} that its schema lacks"));
    }
    enclosing.push(schema.clone());
    let values: Parsed<Vec<Value>> = schema
        .fields()
        .iter()
        .map(|field| match content.get(&*field.name) {
            Some(item) => tagged_value(item, Some(&field.schema), enclosing),
            None => Ok(Value::Null),
        })
        .collect();
    enclosing.pop();
    Ok(Value::Struct(Struct::new(schema, values?)))
}

/// The schema that a recursive occurrence stands for.
fn resolve(place: &SchemaRef, enclosing: &[SchemaRef]) -> Parsed<SchemaRef> {
    if !place.is_recursive() {
        return Ok(place.clone());
    }
    let outer = enclosing.iter().rev().find(|outer| outer.name() == place.name());
    outer
        .cloned()
        .ok_or_else(|| format!("no enclosing struct named {:?}", place.name()))
}

/// A cell as JSON, for showing.
pub fn cell_to_json(cell: &SchemaAndValue) -> Json {
    json!({
        "schema": cell.schema.as_ref().map(schema_to_json),
        "value": value_to_json(&cell.value, cell.schema.as_ref()),
    })
}

/// A schema as JSON, for showing.
pub fn schema_to_json(schema: &SchemaRef) -> Json {
    let mut object = Map::new();
    object.insert("type".into(), schema.kind().name().into());
    let part = |part: Option<&SchemaRef>| part.map_or(Json::Null, schema_to_json);
    match schema.kind() {
        Type::Array => {
            object.insert("items".into(), part(schema.items()));
        }
        Type::Map => {
            object.insert("keys".into(), part(schema.keys()));
            object.insert("values".into(), part(schema.values()));
        }
        Type::Struct if schema.is_recursive() => {
            object.insert("recursive".into(), true.into());
        }
        Type::Struct => {
            let fields = schema.fields().iter().map(|field| {
                let mut shown = schema_to_json(&field.schema);
                shown["field"] = field.name.to_string().into();
                shown
            });
            object.insert("fields".into(), fields.collect());
        }
        _ => {}
    }
    object.insert("optional".into(), schema.is_optional().into());
    if let Some(name) = schema.name() {
        object.insert("name".into(), name.into());
    }
    if let Some(version) = schema.version() {
        object.insert("version".into(), version.into());
    }
    if let Some(doc) = schema.doc() {
        object.insert("doc".into(), doc.into());
    }
    if !schema.parameters().is_empty() {
        let parameters = schema.parameters().iter();
        let parameters: Map<String, Json> = parameters.map(|(k, v)| (k.clone(), v.clone().into())).collect();
        object.insert("parameters".into(), parameters.into());
    }
    if let Some(default) = schema.default_value() {
        object.insert("default".into(), value_to_json(default, Some(schema)));
    }
    Json::Object(object)
}

/// A value as JSON, for showing. A struct shows its schema unless it is the declared one.
pub fn value_to_json(value: &Value, declared: Option<&SchemaRef>) -> Json {
    let (tag, content): (&str, Json) = match value {
        Value::Null => return Json::Null,
        Value::Boolean(value) => ("boolean", (*value).into()),
        Value::Int8(value) => ("int8", (*value).into()),
        Value::Int16(value) => ("int16", (*value).into()),
        Value::Int32(value) => ("int32", (*value).into()),
        Value::Int64(value) => ("int64", (*value).into()),
        Value::Float32(value) if value.is_finite() => ("float32", Json::from(*value)),
        Value::Float64(value) if value.is_finite() => ("float64", Json::from(*value)),
        Value::Float32(value) => ("float32", value.to_string().into()),
        Value::Float64(value) => ("float64", value.to_string().into()),
        Value::String(value) => ("string", value.to_string().into()),
        Value::Bytes(value) => ("bytes", STANDARD.encode(value).into()),
        Value::Date(value) => ("date", (*value).into()),
        Value::Decimal(value) => (
            "decimal",
            json!({"unscaled": value.unscaled().to_string(), "scale": value.scale()}),
        ),
        Value::Array(items) => {
            let declared = declared.and_then(|schema| schema.items());
            (
                "array",
                items.iter().map(|item| value_to_json(item, declared)).collect(),
            )
        }
        Value::Map(entries) => {
            let shown = entries.iter().map(|(key, item)| {
                let key = value_to_json(key, declared.and_then(|schema| schema.keys()));
                let item = value_to_json(item, declared.and_then(|schema| schema.values()));
                Json::Array(vec![key, item])
            });
            ("map", shown.collect())
        }
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            let shown = fields.map(|(field, item)| (field.name.to_string(), value_to_json(item, Some(&field.schema))));
            let mut object = json!({"type": "struct", "value": shown.collect::<Map<String, Json>>()});
            let is_declared = declared.is_some_and(|place| place.is_recursive() || place == value.schema());
            if !is_declared {
                object["schema"] = schema_to_json(value.schema());
            }
            return object;
        }
    };
    json!({"type": tag, "value": content})
}
