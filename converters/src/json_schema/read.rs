//! JSON text to values by their Connect schema, compiled once; text without escapes shares the payload's buffer.

use super::from_connect::{is_object, is_union, refers_to};
use super::names::{KEY_FIELD, VALUE_FIELD};
use crate::avro::logical::{MILLIS_PER_DAY, time};
use crate::entries::Entries;
use crate::json::base64;
use crate::json::number;
use crate::json::read::schemaless;
use crate::json::scan::{Fault, Kind, Place, Scanned, Scanner};
use bytes::Bytes;
use std::collections::HashMap;
use turnbuckle_api::data::{Logical, SchemaRef, Struct, Type};
use turnbuckle_api::{Decimal, Error, Text, Value};

/// A compiled schema.
pub(super) struct Reader {
    schema: SchemaRef,
    plan: Plan,
    default: Option<Value>,
}

enum Plan {
    Plain(Type),
    /// With the scale of decimals.
    Logical(Logical, Option<i32>),
    Array(Option<Box<Reader>>),
    Object(Option<Box<Reader>>),
    Entries(Option<Box<Reader>>, Option<Box<Reader>>),
    Struct(Fields),
    Union(Box<[Reader]>),
    Recursive,
}

struct Fields {
    readers: Box<[(Text, Reader)]>,
    places: HashMap<Text, usize>,
}

/// The structs around a value, innermost first.
#[derive(Clone, Copy)]
struct Enclosing<'a> {
    reader: &'a Reader,
    outer: Option<&'a Enclosing<'a>>,
}

fn refuse<T>(text: impl Into<String>) -> Scanned<T> {
    Err(Fault::Data(Error::data(text)))
}

/// Reads the whole payload's value from `start`; blanks alone are no value.
pub(super) fn read(reader: Option<&Reader>, payload: &Bytes) -> Scanned<Value> {
    let mut scanner = Scanner::new(payload);
    scanner.skip_blanks();
    if scanner.rest().is_empty() {
        return Ok(Value::Null);
    }
    match reader {
        Some(reader) => reader.value(&mut scanner, None),
        None => schemaless(&mut scanner),
    }
}

impl Reader {
    pub(super) fn compile(schema: &SchemaRef) -> Reader {
        Reader {
            schema: schema.clone(),
            plan: plan(schema),
            default: schema.default_value().cloned(),
        }
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Null, or no member at all: `there` says which.
    fn null(&self, there: bool) -> Scanned<Value> {
        match &self.default {
            Some(default) => Ok(default.clone()),
            None if !there || self.schema.is_optional() => Ok(Value::Null),
            None => refuse(format!("Invalid null value for required {} field", self.schema.kind())),
        }
    }

    fn value(&self, scanner: &mut Scanner<'_>, enclosing: Option<&Enclosing<'_>>) -> Scanned<Value> {
        let kind = scanner.kind()?;
        if kind == Kind::Null {
            scanner.null()?;
            return self.null(true);
        }
        match &self.plan {
            Plan::Plain(wanted) => plain(*wanted, kind, scanner),
            Plan::Logical(logical, scale) => logical_value(*logical, *scale, kind, scanner),
            Plan::Array(items) => {
                if kind != Kind::Array {
                    // Java's tree has no elements for anything else but objects, whose values it takes.
                    scanner.skip()?;
                    return Ok(Value::Array(Vec::new()));
                }
                let mut values = Vec::new();
                scanner.enter()?;
                while scanner.more(b']', values.is_empty())? {
                    values.push(any(items.as_deref(), scanner, enclosing)?);
                }
                Ok(Value::Array(values))
            }
            Plan::Object(values) => {
                if kind != Kind::Object {
                    let text = "Maps with string fields should be encoded as JSON objects, but found ";
                    return refuse(format!("{text}{}", kind.name()));
                }
                let mut entries = Entries::default();
                let mut first = true;
                scanner.enter()?;
                while scanner.more(b'}', first)? {
                    first = false;
                    let name = scanner.name()?;
                    let name = Value::String(scanner.text_of(name));
                    entries.put(name, any(values.as_deref(), scanner, enclosing)?);
                }
                Ok(Value::Map(entries.into_list()))
            }
            Plan::Entries(keys, values) => {
                if kind != Kind::Array {
                    let text = "Maps with non-string fields should be encoded as JSON array of objects, but found ";
                    return refuse(format!("{text}{}", kind.name()));
                }
                let mut entries = Entries::default();
                let mut first = true;
                scanner.enter()?;
                while scanner.more(b']', first)? {
                    first = false;
                    let (key, value) = entry(keys.as_deref(), values.as_deref(), scanner, enclosing)?;
                    entries.put(key, value);
                }
                Ok(Value::Map(entries.into_list()))
            }
            Plan::Struct(fields) => self.structure(fields, kind, scanner, enclosing),
            Plan::Union(members) => self.union(members, scanner, enclosing),
            Plan::Recursive => {
                let mut around = enclosing;
                while let Some(candidate) = around {
                    if refers_to(&self.schema, &candidate.reader.schema)
                        && let Plan::Struct(fields) = &candidate.reader.plan
                    {
                        return candidate.reader.structure(fields, kind, scanner, enclosing);
                    }
                    around = candidate.outer;
                }
                refuse("The schema refers to an enclosing struct that does not exist")
            }
        }
    }

    fn structure(
        &self,
        fields: &Fields,
        kind: Kind,
        scanner: &mut Scanner<'_>,
        outer: Option<&Enclosing<'_>>,
    ) -> Scanned<Value> {
        if kind != Kind::Object {
            return refuse(format!(
                "Structs should be encoded as JSON objects, but found {}",
                kind.name()
            ));
        }
        let inner = Enclosing { reader: self, outer };
        let mut values = vec![Value::Null; fields.readers.len()];
        let mut seen = vec![false; fields.readers.len()];
        let (mut first, mut expected) = (true, 0);
        scanner.enter()?;
        while scanner.more(b'}', first)? {
            first = false;
            let name = scanner.name()?;
            let name = scanner.bytes_of(name);
            // Members mostly come in the schema's order.
            let place = match fields.readers.get(expected) {
                Some((wanted, _)) if wanted.as_bytes() == name.as_ref() => Some(expected),
                _ => std::str::from_utf8(&name)
                    .ok()
                    .and_then(|name| fields.places.get(name).copied()),
            };
            match place {
                Some(place) => {
                    values[place] = fields.readers[place].1.value(scanner, Some(&inner))?;
                    seen[place] = true;
                    expected = place + 1;
                }
                None => scanner.skip()?,
            }
        }
        for (place, seen) in seen.into_iter().enumerate() {
            if !seen {
                values[place] = fields.readers[place].1.null(false)?;
            }
        }
        Ok(Value::Struct(Struct::new(self.schema.clone(), values)))
    }

    /// Of a union's members the first that is of the value's type, else the struct that has most of its members.
    fn union(
        &self,
        members: &[Reader],
        scanner: &mut Scanner<'_>,
        enclosing: Option<&Enclosing<'_>>,
    ) -> Scanned<Value> {
        let place = scanner.place();
        let (mut best, mut most) = (None, 0);
        let mut found = None;
        for (index, member) in members.iter().enumerate() {
            let mut ahead = Scanner::at(scanner.payload(), place);
            if member.takes(&mut ahead)? {
                found = Some(index);
                break;
            }
            let matching = matching(&member.schema, scanner.payload(), place)?;
            if matching > most {
                (best, most) = (Some(index), matching);
            }
        }
        let Some(index) = found.or(best) else {
            return refuse("Did not find matching oneof field for data");
        };
        let mut values = vec![Value::Null; members.len()];
        values[index] = members[index].value(scanner, enclosing)?;
        Ok(Value::Struct(Struct::new(self.schema.clone(), values)))
    }

    /// Is the value at the cursor of this simple type?
    fn takes(&self, scanner: &mut Scanner<'_>) -> Scanned<bool> {
        let kind = scanner.kind()?;
        Ok(match self.schema.kind() {
            Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => kind == Kind::Number && scanner.number()?.integral,
            Type::Float32 | Type::Float64 => kind == Kind::Number,
            Type::Boolean => kind == Kind::Boolean,
            Type::String => kind == Kind::String,
            // Neither of Java's binary and decimal nodes comes out of text.
            Type::Bytes | Type::Struct => false,
            Type::Array => kind == Kind::Array,
            Type::Map => matches!(kind, Kind::Object | Kind::Array),
        })
    }
}

/// How many members of the object at `place`, and inside, are fields of the struct.
fn matching(schema: &SchemaRef, payload: &Bytes, place: Place) -> Scanned<usize> {
    let mut scanner = Scanner::at(payload, place);
    if schema.kind() != Type::Struct || scanner.kind()? != Kind::Object {
        return Ok(0);
    }
    let mut found = 0;
    for (name, place) in scanner.members()? {
        if let Some(field) = schema.field(&name) {
            found += 1 + matching(&field.schema, payload, place)?;
        }
    }
    Ok(found)
}

fn any(reader: Option<&Reader>, scanner: &mut Scanner<'_>, enclosing: Option<&Enclosing<'_>>) -> Scanned<Value> {
    match reader {
        Some(reader) => reader.value(scanner, enclosing),
        None => schemaless(scanner),
    }
}

fn entry(
    keys: Option<&Reader>,
    values: Option<&Reader>,
    scanner: &mut Scanner<'_>,
    enclosing: Option<&Enclosing<'_>>,
) -> Scanned<(Value, Value)> {
    let kind = scanner.kind()?;
    if kind != Kind::Object {
        return refuse(format!("Found invalid map entry instead of object: {}", kind.name()));
    }
    let members = scanner.members()?;
    if members.len() != 2 {
        let text = format!(
            "Found invalid map entry, expected length 2 but found :{}",
            members.len()
        );
        return refuse(text);
    }
    let part = |name: &str, reader: Option<&Reader>| {
        let place = members.iter().find(|(known, _)| known == name).map(|(_, place)| *place);
        match (place, reader) {
            (Some(place), reader) => any(reader, &mut Scanner::at(scanner.payload(), place), enclosing),
            (None, Some(reader)) => reader.null(false),
            (None, None) => Ok(Value::Null),
        }
    };
    Ok((part(KEY_FIELD, keys)?, part(VALUE_FIELD, values)?))
}

fn plan(schema: &SchemaRef) -> Plan {
    match schema.logical() {
        Some(Logical::Decimal) => {
            let scale = schema.parameter("scale").and_then(|scale| scale.parse().ok());
            return Plan::Logical(Logical::Decimal, scale);
        }
        Some(logical) => return Plan::Logical(logical, None),
        None => {}
    }
    let inner = |schema: Option<&SchemaRef>| schema.map(|schema| Box::new(Reader::compile(schema)));
    match schema.kind() {
        Type::Array => Plan::Array(inner(schema.items())),
        Type::Map if is_object(schema.keys()) => Plan::Object(inner(schema.values())),
        Type::Map => Plan::Entries(inner(schema.keys()), inner(schema.values())),
        Type::Struct if schema.is_recursive() => Plan::Recursive,
        Type::Struct if is_union(schema) => {
            let members = schema.fields().iter();
            Plan::Union(members.map(|field| Reader::compile(&field.schema)).collect())
        }
        Type::Struct => {
            let fields = schema.fields().iter();
            let readers = fields.map(|field| (field.name.clone(), Reader::compile(&field.schema)));
            let readers: Box<[(Text, Reader)]> = readers.collect();
            let places = readers.iter().enumerate();
            Plan::Struct(Fields {
                places: places.map(|(place, (name, _))| (name.clone(), place)).collect(),
                readers,
            })
        }
        kind => Plan::Plain(kind),
    }
}

/// A single value as Java's tree gives it: a number that is none is zero, text that is none is null.
fn plain(wanted: Type, kind: Kind, scanner: &mut Scanner<'_>) -> Scanned<Value> {
    let number = match kind {
        Kind::Number => Some(scanner.number()?),
        _ => None,
    };
    let whole = || number.map(number::to_i64).unwrap_or_default();
    let value = match wanted {
        Type::Int8 => Value::Int8(whole() as i8),
        Type::Int16 => Value::Int16(whole() as i16),
        Type::Int32 => Value::Int32(whole() as i32),
        Type::Int64 => Value::Int64(whole()),
        Type::Float32 => Value::Float32(number.map(number::to_f32).unwrap_or_default()),
        Type::Float64 => Value::Float64(number.map(number::to_f64).unwrap_or_default()),
        Type::Boolean if kind == Kind::Boolean => return Ok(Value::Boolean(scanner.boolean()?)),
        Type::Boolean => Value::Boolean(false),
        Type::String if kind == Kind::String => {
            let string = scanner.string()?;
            return Ok(Value::String(scanner.text_of(string)));
        }
        Type::Bytes if kind == Kind::String => {
            let string = scanner.string()?;
            let bytes = base64::decode(&scanner.text_of(string));
            return match bytes {
                Some(bytes) => Ok(Value::Bytes(Bytes::from(bytes))),
                None => refuse("Invalid bytes field"),
            };
        }
        Type::Bytes => Value::Decimal(number.map_or_else(|| Decimal::new(0, 0), number::to_decimal)),
        _ => Value::Null,
    };
    if number.is_none() {
        scanner.skip()?;
    }
    Ok(value)
}

fn logical_value(logical: Logical, scale: Option<i32>, kind: Kind, scanner: &mut Scanner<'_>) -> Scanned<Value> {
    let wrong = |name: &str, wanted: &str| {
        let text = format!(
            "Invalid type for {name}, underlying representation should be {wanted} but was {}",
            kind.name()
        );
        refuse(text)
    };
    if logical == Logical::Decimal && kind == Kind::String {
        let string = scanner.string()?;
        let bytes = base64::decode(&scanner.text_of(string)).filter(|bytes| !bytes.is_empty());
        return match (bytes, scale) {
            (Some(bytes), Some(scale)) => Ok(Value::Decimal(Decimal::from_unscaled_be(&bytes, scale))),
            _ => refuse("Invalid bytes for Decimal field"),
        };
    }
    let found = match kind {
        Kind::Number => Some(scanner.number()?),
        _ => None,
    };
    let integer = found.and_then(number::to_i32_exactly);
    match (logical, found) {
        (Logical::Decimal, Some(found)) => Ok(Value::Decimal(number::to_decimal(found))),
        (Logical::Decimal, None) => wrong("Decimal", "numeric or bytes"),
        (Logical::Timestamp, Some(found)) if found.integral => Ok(Value::Date(number::to_i64(found))),
        (Logical::Timestamp, _) => wrong("Timestamp", "integral"),
        (Logical::Date, _) => match integer {
            Some(days) => Ok(Value::Date(i64::from(days) * MILLIS_PER_DAY)),
            None => wrong("Date", "integer"),
        },
        (Logical::Time, _) => match integer {
            Some(millis) => Ok(time(millis)?),
            None => wrong("Time", "integer"),
        },
    }
}
