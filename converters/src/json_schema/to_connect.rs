//! JSON Schema to Connect schema (`JsonSchemaData.toConnectSchema`).
//!
//! A schema is seen as Confluent's library sees it: each of `enum`, `oneOf`/`anyOf`/`allOf`, `const`, `type` and the keywords
//! of a type is a schema of its own; where there are several, they are alternatives that must all hold.

use super::names::*;
use super::read::{Reader, read};
use crate::json::scan::Fault;
use crate::registry::{ReferencedSchema, RegisteredSchema};
use bytes::Bytes;
use serde_json::Value as Json;
use std::collections::HashMap;
use turnbuckle_api::data::{Field, Schema, SchemaBuilder, SchemaRef, Type};
use turnbuckle_api::{Error, ErrorKind, Result};

const MAX_DEPTH: usize = 100;
const MAX_SCHEMAS: usize = 100_000;

/// The Connect schema of a schema of the registry's.
///
/// # Errors
/// `DataException` or `IllegalArgumentException` for what has no counterpart, and for references that lead nowhere.
pub(super) fn to_connect(schema: &RegisteredSchema, version: Option<i32>, options: &DataOptions) -> Result<SchemaRef> {
    let parse = |text: &str| -> Result<Json> {
        serde_json::from_str(text)
            .map_err(|error| Error::new(ErrorKind::IllegalArgument, format!("Invalid JSON Schema: {error}")))
    };
    let main = parse(&schema.text)?;
    let others: Result<Vec<(String, Json)>> = schema
        .referenced
        .iter()
        .map(|ReferencedSchema { name, text }| Ok((name.clone(), parse(text)?)))
        .collect();
    let others = others?;
    let mut mapping = Mapping {
        main: &main,
        others: &others,
        options,
        enclosing: Vec::new(),
        ids: 0,
        unions: 0,
        schemas: 0,
        depth: 0,
        given: HashMap::new(),
    };
    let place = Place {
        root: &main,
        schema: &main,
    };
    mapping.convert(place, version, false)
}

/// A schema within its document.
#[derive(Clone, Copy)]
struct Place<'a> {
    root: &'a Json,
    schema: &'a Json,
}

impl<'a> Place<'a> {
    fn at(self, schema: &'a Json) -> Self {
        Place { schema, ..self }
    }

    fn is_same(self, other: Place<'_>) -> bool {
        std::ptr::eq(self.schema, other.schema)
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.schema.get(key).and_then(Json::as_str)
    }
}

struct Mapping<'a> {
    main: &'a Json,
    others: &'a [(String, Json)],
    options: &'a DataOptions,
    /// Objects that are being converted, with their names.
    enclosing: Vec<(Place<'a>, Option<String>)>,
    ids: usize,
    unions: usize,
    schemas: usize,
    depth: usize,
    /// Ids of objects that something inside refers to.
    given: HashMap<usize, String>,
}

/// One of the schemas that a schema consists of.
enum Part<'a> {
    Boolean,
    Number {
        integer: bool,
    },
    Text,
    Null,
    Enum(&'a [Json]),
    Const,
    /// `oneOf` or `anyOf`.
    One(Vec<Place<'a>>),
    All(Vec<Place<'a>>),
    Array,
    Object,
    Reference(&'a str),
    Types(Vec<&'a str>),
}

/// Members of several objects, each with whether it is required.
type Properties<'a> = Vec<(&'a str, Place<'a>, bool)>;

impl<'a> Mapping<'a> {
    fn convert(&mut self, place: Place<'a>, version: Option<i32>, optional: bool) -> Result<SchemaRef> {
        self.schemas += 1;
        if self.schemas > MAX_SCHEMAS || self.depth > MAX_DEPTH {
            return Err(Error::data("The JSON Schema is too large, or nested too deep"));
        }
        self.depth += 1;
        let schema = self.of_parts(place, version, optional);
        self.depth -= 1;
        schema
    }

    fn of_parts(&mut self, place: Place<'a>, version: Option<i32>, optional: bool) -> Result<SchemaRef> {
        let mut parts = parts(place);
        if parts.len() == 1
            && let Some(part) = parts.pop()
        {
            return self.single(part, place, true, version, optional);
        }
        if parts.is_empty() {
            return Err(Error::data(
                "Unsupported schema type org.everit.json.schema.EmptySchema",
            ));
        }
        let found = parts.into_iter().map(|part| (part, place)).collect();
        self.all_of(found, place, version, optional)
    }

    /// A schema of one part; `whole` if title and the like belong to it.
    fn single(
        &mut self,
        part: Part<'a>,
        place: Place<'a>,
        whole: bool,
        version: Option<i32>,
        optional: bool,
    ) -> Result<SchemaRef> {
        let connect_type = place.text(CONNECT_TYPE).filter(|_| whole);
        let builder = match part {
            Part::Boolean => SchemaBuilder::new(Type::Boolean),
            Part::Number { integer } => SchemaBuilder::new(number_type(integer, connect_type)?),
            Part::Text if connect_type == Some("bytes") => SchemaBuilder::new(Type::Bytes),
            Part::Text => SchemaBuilder::new(Type::String),
            Part::Enum(symbols) => self.enumeration(symbols),
            Part::Null => return Err(unsupported("NullSchema")),
            Part::Const => return Err(unsupported("ConstSchema")),
            Part::One(alternatives) => return self.one_of(alternatives, place, version, optional),
            Part::Types(types) => return self.types(&types, place, version, optional),
            Part::All(all) => {
                let mut found = Vec::new();
                for place in all {
                    found.extend(parts(place).into_iter().map(|part| (part, place)));
                }
                return self.all_of(found, place, version, optional);
            }
            Part::Array => self.array(place, connect_type)?,
            Part::Object if connect_type == Some("map") => {
                let values = place
                    .schema
                    .get("additionalProperties")
                    .filter(|values| values.is_object());
                let values = match values {
                    Some(values) => Some(self.convert(place.at(values), None, false)?),
                    None => None,
                };
                SchemaBuilder::map(Some(Schema::primitive(Type::String, false)), values)
            }
            Part::Object => {
                let mut properties = Vec::new();
                collect_object(place, &mut properties);
                let sorted = by_index(properties);
                self.structure(sorted, place)?
            }
            Part::Reference(reference) => {
                let target = self.resolve(reference, place)?;
                return match self.enclosing.iter().position(|(open, _)| open.is_same(target)) {
                    Some(depth) => Ok(self.recursive(depth, optional)),
                    None => self.convert(target, version, optional),
                };
            }
        };
        let builder = match whole {
            true => describe(builder, place, version)?,
            false => match version {
                Some(version) => builder.version(version),
                None => builder,
            },
        };
        finish(builder, place, whole, optional)
    }

    fn recursive(&mut self, depth: usize, optional: bool) -> SchemaRef {
        let (open, name) = &self.enclosing[depth];
        let known = self.given.entry(std::ptr::from_ref(open.schema) as usize);
        let id = known.or_insert_with(|| {
            self.ids += 1;
            format!("#id{}", self.ids)
        });
        let id = id.clone();
        let builder = SchemaBuilder::recursive(name.clone().unwrap_or_default());
        builder.parameter(ID, id).with_optional(optional).finish()
    }

    fn enumeration(&self, symbols: &[Json]) -> SchemaBuilder {
        let parameter = self.options.enum_parameter();
        // Enums of JSON have no name.
        let mut builder = SchemaBuilder::new(Type::String).parameter(parameter, "");
        for (index, symbol) in symbols.iter().enumerate() {
            let symbol = match symbol {
                Json::Null => NULL_MARKER.to_string(),
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            let value = match self.options.generalized {
                true => index.to_string(),
                false => symbol.clone(),
            };
            builder = builder.parameter(format!("{parameter}.{symbol}"), value);
        }
        builder
    }

    fn one_of(
        &mut self,
        alternatives: Vec<Place<'a>>,
        place: Place<'a>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<SchemaRef> {
        let name = match self.options.generalized {
            true => {
                self.unions += 1;
                format!("{UNION_PREFIX}{}", self.unions - 1)
            }
            false => ONE_OF.to_string(),
        };
        let is_null = |place: &Place<'_>| matches!(parts(*place).as_slice(), [Part::Null]);
        if let [first, second] = alternatives.as_slice()
            && (is_null(first) || is_null(second))
        {
            let inner = if is_null(second) { *first } else { *second };
            return self.convert(inner, version, true);
        }
        let mut builder = Schema::structure().name(name.as_str());
        if self.options.generalized {
            builder = builder.parameter(GENERALIZED_UNION, name.as_str());
        }
        let mut index = 0;
        for alternative in alternatives {
            if is_null(&alternative) {
                builder = builder.optional();
                continue;
            }
            let field = match self.options.generalized {
                true => format!("{UNION_PREFIX}field_{index}"),
                false => format!("{name}.field.{index}"),
            };
            builder = builder.field(field, self.convert(alternative, None, true)?);
            index += 1;
        }
        finish(describe(builder, place, version)?, place, true, optional)
    }

    /// `"type": ["null", "string"]`: one of several types.
    fn types(
        &mut self,
        types: &[&'a str],
        place: Place<'a>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<SchemaRef> {
        let others: Vec<&str> = types.iter().copied().filter(|kind| *kind != "null").collect();
        if types.len() == 2
            && let [other] = others.as_slice()
        {
            let part = type_part(other).ok_or_else(|| unsupported(other))?;
            return self.single(part, place, false, version, true);
        }
        let name = match self.options.generalized {
            true => {
                self.unions += 1;
                format!("{UNION_PREFIX}{}", self.unions - 1)
            }
            false => ONE_OF.to_string(),
        };
        let mut builder = Schema::structure().name(name.as_str());
        if self.options.generalized {
            builder = builder.parameter(GENERALIZED_UNION, name.as_str());
        }
        builder = builder.with_optional(others.len() < types.len());
        for (index, kind) in others.into_iter().enumerate() {
            let field = match self.options.generalized {
                true => format!("{UNION_PREFIX}field_{index}"),
                false => format!("{name}.field.{index}"),
            };
            let part = type_part(kind).ok_or_else(|| unsupported(kind))?;
            builder = builder.field(field, self.single(part, place, false, None, true)?);
        }
        finish(describe(builder, place, version)?, place, true, optional)
    }

    fn array(&mut self, place: Place<'a>, connect_type: Option<&str>) -> Result<SchemaBuilder> {
        let items = place.schema.get("items").filter(|items| items.is_object());
        let items = items.ok_or_else(|| Error::data("Array schema did not specify the items type"))?;
        let properties = items.get("properties").filter(|_| connect_type == Some("map"));
        let Some(properties) = properties else {
            return Ok(SchemaBuilder::array(Some(self.convert(
                place.at(items),
                None,
                false,
            )?)));
        };
        let mut part = |name: &str| match properties.get(name) {
            Some(part) => self.convert(place.at(part), None, false).map(Some),
            None => Ok(None),
        };
        let (keys, values) = (part(KEY_FIELD)?, part(VALUE_FIELD)?);
        Ok(SchemaBuilder::map(keys, values))
    }

    fn structure(&mut self, properties: Properties<'a>, place: Place<'a>) -> Result<SchemaBuilder> {
        self.enclosing.push((place, place.text("title").map(str::to_string)));
        let mut fields: Vec<Field> = Vec::with_capacity(properties.len());
        for (name, property, required) in properties {
            let optional = self.options.optional_for_nonrequired && !required;
            fields.push(Field {
                name: name.into(),
                schema: self.convert(property, None, optional)?,
            });
        }
        self.enclosing.pop();
        let builder = Schema::structure().fields(fields);
        let id = self.given.remove(&(std::ptr::from_ref(place.schema) as usize));
        Ok(match id {
            Some(id) => builder.parameter(ID, id),
            None => builder,
        })
    }

    /// Several schemas that must all hold: the members of all objects, else the one that says most.
    fn all_of(
        &mut self,
        found: Vec<(Part<'a>, Place<'a>)>,
        place: Place<'a>,
        version: Option<i32>,
        optional: bool,
    ) -> Result<SchemaRef> {
        let mut properties = Vec::new();
        let mut visited = Vec::new();
        for (part, at) in &found {
            self.collect(part, *at, &mut properties, &mut visited)?;
        }
        if !properties.is_empty() {
            let builder = self.structure(properties, place)?;
            return Ok(builder.with_optional(optional).finish());
        }
        let mut chosen: [Option<(Part<'a>, Place<'a>)>; 6] = Default::default();
        let mut has_format = false;
        for (part, at) in found {
            let slot = match &part {
                Part::One(_) | Part::All(_) | Part::Types(_) => 0,
                Part::Const => 1,
                Part::Enum(_) => 2,
                Part::Text => {
                    has_format = at.schema.get("format").is_some();
                    3
                }
                Part::Number { .. } => 4,
                Part::Reference(_) => 5,
                _ => continue,
            };
            chosen[slot] = Some((part, at));
        }
        let [combined, constant, symbols, text, number, reference] = chosen;
        let taken = match (combined, constant, symbols) {
            (Some(combined), _, _) => Some(combined),
            (_, Some(_), _) => text.or(number),
            (_, _, Some(symbols)) if text.is_some() => Some(symbols),
            (_, _, Some(_)) => number,
            _ if has_format => number.or(text),
            _ => reference,
        };
        match taken {
            Some((part, at)) => self.single(part, at, false, version, optional),
            None => Err(Error::new(
                ErrorKind::IllegalArgument,
                format!("Unsupported criterion allOf for {}", place.schema),
            )),
        }
    }

    /// Members of the objects among schemas that must all hold.
    fn collect(
        &self,
        part: &Part<'a>,
        place: Place<'a>,
        properties: &mut Properties<'a>,
        visited: &mut Vec<Place<'a>>,
    ) -> Result<()> {
        match part {
            Part::Object => collect_object(place, properties),
            Part::All(all) => {
                for place in all {
                    self.collect_parts(*place, properties, visited)?;
                }
            }
            Part::Reference(reference) => {
                let target = self.resolve(reference, place)?;
                if !visited.iter().any(|known| known.is_same(target)) {
                    visited.push(target);
                    self.collect_parts(target, properties, visited)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn collect_parts(
        &self,
        place: Place<'a>,
        properties: &mut Properties<'a>,
        visited: &mut Vec<Place<'a>>,
    ) -> Result<()> {
        if visited.len() > MAX_DEPTH {
            return Err(Error::data("References lead on and on"));
        }
        parts(place)
            .iter()
            .try_for_each(|part| self.collect(part, place, properties, visited))
    }

    fn resolve(&self, reference: &str, from: Place<'a>) -> Result<Place<'a>> {
        let lost = || Error::new(ErrorKind::IllegalArgument, format!("$ref {reference} leads nowhere"));
        let (document, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = match document {
            "" => from.root,
            name => {
                let known = self
                    .others
                    .iter()
                    .find(|(known, _)| known == name || name.ends_with(&format!("/{known}")));
                let by_id = || [self.main].into_iter().find(|main| id_of(main) == Some(name));
                known.map(|(_, root)| root).or_else(by_id).ok_or_else(lost)?
            }
        };
        let schema = match pointer {
            "" => Some(root),
            pointer if pointer.starts_with('/') => {
                let plain = pointer.replace("%25", "%").replace("%22", "\"");
                root.pointer(&plain)
            }
            anchor => find_id(root, &format!("#{anchor}"), 0),
        };
        schema.map(|schema| Place { root, schema }).ok_or_else(lost)
    }
}

fn id_of(schema: &Json) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"));
    id.and_then(Json::as_str)
}

/// The schema inside that has this id; an optional object and its alternatives have the same, and the object is meant.
fn find_id<'a>(schema: &'a Json, id: &str, depth: usize) -> Option<&'a Json> {
    if depth > MAX_DEPTH {
        return None;
    }
    match schema {
        Json::Object(members) => {
            let inner = members.values().find_map(|inner| find_id(inner, id, depth + 1));
            inner.or_else(|| (id_of(schema) == Some(id)).then_some(schema))
        }
        Json::Array(items) => items.iter().find_map(|inner| find_id(inner, id, depth + 1)),
        _ => None,
    }
}

fn number_type(integer: bool, connect_type: Option<&str>) -> Result<Type> {
    Ok(match connect_type {
        None if integer => Type::Int64,
        None => Type::Float64,
        Some("bytes") => Type::Bytes,
        Some(name) => {
            let known = ["int8", "int16", "int32", "int64", "float32", "float64"];
            let kind = Type::from_name(name).filter(|_| known.contains(&name));
            kind.ok_or_else(|| Error::new(ErrorKind::IllegalArgument, format!("Unsupported type {name}")))?
        }
    })
}

fn unsupported(name: &str) -> Error {
    Error::data(format!("Unsupported schema type org.everit.json.schema.{name}"))
}

fn type_part<'a>(kind: &str) -> Option<Part<'a>> {
    Some(match kind {
        "boolean" => Part::Boolean,
        "integer" => Part::Number { integer: true },
        "number" => Part::Number { integer: false },
        "string" => Part::Text,
        "null" => Part::Null,
        "array" => Part::Array,
        "object" => Part::Object,
        _ => return None,
    })
}

/// The schemas that a schema consists of.
fn parts(place: Place<'_>) -> Vec<Part<'_>> {
    let schema = place.schema;
    if let Some(reference) = place.text("$ref") {
        return vec![Part::Reference(reference)];
    }
    let mut parts = Vec::new();
    if let Some(symbols) = schema.get("enum").and_then(Json::as_array) {
        parts.push(Part::Enum(symbols));
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        if let Some(all) = schema.get(key).and_then(Json::as_array) {
            let all = all.iter().map(|inner| place.at(inner)).collect();
            parts.push(if key == "allOf" { Part::All(all) } else { Part::One(all) });
        }
    }
    if schema.get("const").is_some() {
        parts.push(Part::Const);
    }
    match schema.get("type") {
        Some(Json::String(kind)) => parts.extend(type_part(kind)),
        Some(Json::Array(types)) => parts.push(Part::Types(types.iter().filter_map(Json::as_str).collect())),
        _ => {
            let has = |keys: &[&str]| keys.iter().any(|key| schema.get(*key).is_some());
            if has(&["properties", "required", "additionalProperties", "patternProperties"]) {
                parts.push(Part::Object);
            }
            if has(&["items", "minItems", "maxItems", "uniqueItems"]) {
                parts.push(Part::Array);
            }
            if has(&["minimum", "maximum", "multipleOf"]) {
                parts.push(Part::Number { integer: false });
            }
            if has(&["minLength", "maxLength", "pattern", "format"]) {
                parts.push(Part::Text);
            }
        }
    }
    parts
}

/// Members of an object; a name that is there already gets the new schema.
fn collect_object<'a>(place: Place<'a>, found: &mut Properties<'a>) {
    let Some(properties) = place.schema.get("properties").and_then(Json::as_object) else {
        return;
    };
    let required = place.schema.get("required").and_then(Json::as_array);
    for (name, property) in properties {
        let required = required.is_some_and(|all| all.iter().any(|known| known.as_str() == Some(name)));
        let member = (name.as_str(), place.at(property), required);
        match found.iter_mut().find(|(known, _, _)| known == name) {
            Some(known) => *known = member,
            None => found.push(member),
        }
    }
}

/// In the order that Connect noted, else as they come.
fn by_index(properties: Properties<'_>) -> Properties<'_> {
    let mut sorted: std::collections::BTreeMap<i64, (&str, Place<'_>, bool)> = std::collections::BTreeMap::new();
    for property in properties {
        let index = property.1.schema.get(CONNECT_INDEX).and_then(Json::as_i64);
        let mut index = index.unwrap_or(sorted.len() as i64);
        // Java loses a member whose place is taken; here it comes after the others.
        while sorted.contains_key(&index) {
            index += 1;
        }
        sorted.insert(index, property);
    }
    sorted.into_values().collect()
}

/// Adds title, version, documentation and parameters.
fn describe(mut builder: SchemaBuilder, place: Place<'_>, version: Option<i32>) -> Result<SchemaBuilder> {
    let named = builder.clone().finish().name().is_some();
    if let Some(title) = place.text("title").filter(|_| !named) {
        builder = builder.name(title);
    }
    let own = place.schema.get(CONNECT_VERSION).and_then(Json::as_i64);
    let own = own.and_then(|version| i32::try_from(version).ok());
    if let Some(version) = own.or(version) {
        builder = builder.version(version);
    }
    if let Some(doc) = place.text("description") {
        builder = builder.doc(doc);
    }
    if let Some(parameters) = place.schema.get(CONNECT_PARAMETERS).and_then(Json::as_object) {
        for (key, value) in parameters {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            builder = builder.parameter(key, value);
        }
    }
    Ok(builder)
}

/// Adds the default and the optional flag.
fn finish(builder: SchemaBuilder, place: Place<'_>, whole: bool, optional: bool) -> Result<SchemaRef> {
    let mut builder = builder;
    if let Some(default) = place.schema.get("default").filter(|_| whole) {
        let bare = builder.clone().finish();
        let text = Bytes::from(default.to_string());
        let value = read(Some(&Reader::compile(&bare)), &text).map_err(|fault| match fault {
            Fault::Data(error) => error,
            Fault::Syntax => Error::data(format!("Invalid default value {default}")),
        })?;
        if !value.is_null() {
            builder = builder.default_value(value);
        }
    }
    if optional {
        builder = builder.optional();
    }
    builder.build()
}
