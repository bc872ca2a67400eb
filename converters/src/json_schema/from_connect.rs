//! Connect schema to JSON Schema (`JsonSchemaData.fromConnectSchema`), with members in the order in which Confluent's
//! serialisers write them, so that a registry takes both for the same schema.

use super::names::*;
use super::write::Writer;
use serde_json::{Map, Value as Json, json};
use turnbuckle_api::data::{Logical, Schema, SchemaRef, Type};
use turnbuckle_api::{Error, ErrorKind, Result};

const MAX_DEPTH: usize = 100;

type Members = Map<String, Json>;

/// The JSON Schema of `schema`.
///
/// # Errors
/// `DataException` for a default value that does not fit.
pub(super) fn from_connect(schema: &SchemaRef, options: &DataOptions) -> Result<Json> {
    let mut mapping = Mapping {
        options,
        ids: Vec::new(),
        enclosing: Vec::new(),
    };
    mapping.raw(schema, None, false)
}

/// True if a struct of this schema stands for one of several types.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.kind() == Type::Struct
        && (schema.name() == Some(ONE_OF) || schema.parameters().contains_key(GENERALIZED_UNION))
}

/// True if `inner`, which stands for an enclosing struct, stands for `outer`: by id, else by name.
pub(super) fn refers_to(inner: &Schema, outer: &Schema) -> bool {
    match inner.parameter(ID) {
        Some(id) => outer.parameter(ID) == Some(id),
        None => inner.name().unwrap_or_default() == outer.name().unwrap_or_default(),
    }
}

/// True if a map of this schema is a JSON object; others are arrays of entries.
pub(super) fn is_object(keys: Option<&SchemaRef>) -> bool {
    keys.is_some_and(|keys| keys.kind() == Type::String && !keys.is_optional())
}

struct Mapping<'a> {
    options: &'a DataOptions,
    /// Ids that were given out, which may be referred to.
    ids: Vec<String>,
    /// Structs that are being converted: Connect's name and the id.
    enclosing: Vec<(Option<String>, Option<String>)>,
}

/// A schema with a keyword beside its common ones; `first` goes before them, `last` after them.
struct Parts {
    first: Members,
    last: Members,
    own: Vec<(&'static str, Json)>,
}

impl Parts {
    fn of(kind: &str) -> Self {
        let mut first = Members::new();
        first.insert("type".into(), json!(kind));
        Parts {
            first,
            last: Members::new(),
            own: Vec::new(),
        }
    }

    fn marked(kind: &str, connect_type: &str) -> Self {
        let mut parts = Self::of(kind);
        parts.own.push((CONNECT_TYPE, json!(connect_type)));
        parts
    }
}

impl Mapping<'_> {
    fn raw(&mut self, schema: &SchemaRef, index: Option<usize>, ignore_optional: bool) -> Result<Json> {
        if self.enclosing.len() > MAX_DEPTH {
            return Err(Error::data(format!(
                "Schemas are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        if schema.is_recursive() {
            return self.reference(schema);
        }
        let id = schema.parameter(ID).map(str::to_string);
        self.ids.extend(id.clone());
        if schema.kind() == Type::Struct && (is_union(schema) || schema.is_optional()) {
            let mut alternatives = Vec::with_capacity(schema.fields().len() + 1);
            if schema.is_optional() {
                alternatives.push(json!({"type": "null"}));
            }
            if is_union(schema) {
                for (place, field) in schema.fields().iter().enumerate() {
                    alternatives.push(self.raw(&required(&field.schema), Some(place), true)?);
                }
            } else {
                alternatives.push(self.raw(&required(schema), None, false)?);
            }
            return Ok(one_of(id, index, alternatives));
        }
        self.enclosing.push((schema.name().map(str::to_string), id.clone()));
        let parts = self.parts(schema)?;
        self.enclosing.pop();
        let mut own = parts.own;
        let version = schema.version().map(|version| (CONNECT_VERSION, json!(version)));
        own.extend(version);
        own.extend(parameters(schema).map(|parameters| (CONNECT_PARAMETERS, parameters)));
        let wrapped = schema.is_optional() && !ignore_optional;
        if !wrapped {
            own.extend(index.map(|index| (CONNECT_INDEX, json!(index))));
        }
        let mut members = parts.first;
        let common = [
            ("title", schema.name().map(Json::from)),
            ("description", schema.doc().map(Json::from)),
            ("default", self.default_of(schema)?),
            ("id", id.clone().filter(|_| !wrapped).map(Json::from)),
        ];
        for (key, value) in common {
            if let Some(value) = value {
                members.insert(key.into(), value);
            }
        }
        let places = places_for((own.len() as f64 / 0.75 + 1.0) as usize);
        // The properties were collected in one map and copied to another.
        let collected = hash_order(own, |(key, _)| key, USUAL_PLACES);
        for (key, value) in hash_order(collected, |(key, _)| key, places) {
            members.insert(key.into(), value);
        }
        members.extend(parts.last);
        if !wrapped {
            return Ok(Json::Object(members));
        }
        Ok(one_of(id, index, vec![json!({"type": "null"}), Json::Object(members)]))
    }

    fn parts(&mut self, schema: &SchemaRef) -> Result<Parts> {
        let kind = schema.kind();
        Ok(match kind {
            Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => Parts::marked("integer", kind.name()),
            Type::Float32 | Type::Float64 => Parts::marked("number", kind.name()),
            Type::Boolean => {
                let mut parts = Parts::of("boolean");
                parts.last = std::mem::take(&mut parts.first);
                parts
            }
            Type::String
                if [ENUM, GENERALIZED_ENUM]
                    .iter()
                    .any(|key| schema.parameters().contains_key(*key)) =>
            {
                self.enumeration(schema)
            }
            Type::String => Parts::of("string"),
            Type::Bytes if schema.logical() == Some(Logical::Decimal) => Parts::marked("number", kind.name()),
            Type::Bytes => Parts::marked("string", kind.name()),
            Type::Array => {
                let items = schema.items().ok_or_else(|| without_schema("array"))?;
                let mut parts = Parts::of("array");
                let items = match self.known(items) {
                    Some(reference) => reference,
                    None => self.raw(items, None, false)?,
                };
                parts.last.insert("items".into(), items);
                parts
            }
            Type::Map => self.map(schema)?,
            Type::Struct => {
                let mut parts = Parts::of("object");
                if !self.options.additional_properties {
                    parts.first.insert("additionalProperties".into(), json!(false));
                }
                let mut fields = Vec::with_capacity(schema.fields().len());
                for (place, field) in schema.fields().iter().enumerate() {
                    let member = match self.known(&field.schema) {
                        Some(reference) => reference,
                        None => self.raw(&field.schema, Some(place), false)?,
                    };
                    fields.push((field.name.to_string(), member));
                }
                if !fields.is_empty() {
                    let fields = hash_order(fields, |(name, _)| name, USUAL_PLACES);
                    parts
                        .last
                        .insert("properties".into(), Json::Object(fields.into_iter().collect()));
                }
                parts
            }
        })
    }

    fn map(&mut self, schema: &SchemaRef) -> Result<Parts> {
        let values = schema.values().ok_or_else(|| without_schema("map"))?;
        if is_object(schema.keys()) {
            let mut parts = Parts::marked("object", "map");
            let values = self.raw(values, None, false)?;
            parts.last.insert("additionalProperties".into(), values);
            return Ok(parts);
        }
        let keys = schema.keys().ok_or_else(|| without_schema("map"))?;
        let entry = vec![
            (KEY_FIELD, self.raw(keys, Some(0), false)?),
            (VALUE_FIELD, self.raw(values, Some(1), false)?),
        ];
        let entry = hash_order(entry, |(name, _)| name, USUAL_PLACES);
        let properties: Members = entry.into_iter().map(|(name, part)| (name.to_string(), part)).collect();
        let mut parts = Parts::marked("array", "map");
        let items = json!({"type": "object", "properties": properties});
        parts.last.insert("items".into(), items);
        Ok(parts)
    }

    fn enumeration(&self, schema: &Schema) -> Parts {
        let prefix = format!("{}.", self.options.enum_parameter());
        let symbols = schema.parameters().keys().filter_map(|key| key.strip_prefix(&prefix));
        let symbols: Vec<Json> = symbols
            .map(|symbol| match symbol {
                NULL_MARKER => Json::Null,
                symbol => json!(symbol),
            })
            .collect();
        // Null has the hash of an empty text.
        let symbols = hash_order(symbols, |symbol| symbol.as_str().unwrap_or_default(), USUAL_PLACES);
        let mut first = Members::new();
        first.insert("enum".into(), Json::Array(symbols));
        Parts {
            first,
            last: Members::new(),
            own: Vec::new(),
        }
    }

    /// A reference to a schema whose id was given out.
    fn known(&self, schema: &Schema) -> Option<Json> {
        let id = schema.parameter(ID)?;
        self.ids.iter().any(|known| known == id).then(|| json!({"$ref": id}))
    }

    fn reference(&self, schema: &Schema) -> Result<Json> {
        if let Some(id) = schema.parameter(ID) {
            return Ok(json!({"$ref": id}));
        }
        let mut enclosing = self.enclosing.iter().enumerate().rev();
        let found = enclosing.find(|(_, (name, _))| name.as_deref() == schema.name());
        match found {
            Some((_, (_, Some(id)))) => Ok(json!({"$ref": id})),
            Some((0, _)) => Ok(json!({"$ref": "#"})),
            _ => Err(Error::data(format!(
                "Schema refers to the enclosing struct \"{}\", which has no id",
                schema.name().unwrap_or_default()
            ))),
        }
    }

    /// The default, as Java's library writes it into schemas.
    fn default_of(&self, schema: &SchemaRef) -> Result<Option<Json>> {
        let Some(default) = schema.default_value() else {
            return Ok(None);
        };
        let mut text = Vec::new();
        Writer::compile(schema, self.options).write(default, &mut text)?;
        let text = String::from_utf8_lossy(&text);
        let value: Json = serde_json::from_str(&text)
            .map_err(|error| Error::data(format!("Invalid default value {text}: {error}")))?;
        Ok(Some(match &value {
            Json::Number(number) => serde_json::from_str(&trimmed(&number.to_string())).unwrap_or(value),
            _ => value,
        }))
    }
}

/// A number without the zeros at its end.
fn trimmed(number: &str) -> String {
    if !number.contains('.') || number.contains(['e', 'E']) {
        return number.to_string();
    }
    number.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn one_of(id: Option<String>, index: Option<usize>, alternatives: Vec<Json>) -> Json {
    let mut members = Members::new();
    if let Some(id) = id {
        members.insert("id".into(), json!(id));
    }
    if let Some(index) = index {
        members.insert(CONNECT_INDEX.into(), json!(index));
    }
    members.insert("oneOf".into(), Json::Array(alternatives));
    Json::Object(members)
}

fn required(schema: &SchemaRef) -> SchemaRef {
    if !schema.is_optional() {
        return schema.clone();
    }
    schema.to_builder().with_optional(false).finish()
}

/// Parameters that are not this format's own.
fn parameters(schema: &Schema) -> Option<Json> {
    let all = schema
        .parameters()
        .iter()
        .filter(|(key, _)| !key.starts_with(NAMESPACE));
    let all: Vec<(&String, &String)> = all.collect();
    if all.is_empty() {
        return None;
    }
    let places = places_for(all.len());
    let collected = hash_order(all, |(key, _)| key, USUAL_PLACES);
    let members = hash_order(collected, |(key, _)| key, places).into_iter();
    Some(Json::Object(
        members.map(|(key, value)| (key.clone(), json!(value))).collect(),
    ))
}

fn without_schema(what: &str) -> Error {
    let text = format!("The schema of the {what} does not say what it holds");
    Error::new(ErrorKind::NullPointer, text)
}
