//! Documents: values as JSON text, by a plan per schema, and `@timestamp` of documents in data streams.

use crate::config::Timestamp;
use turnbuckle_api::{Error, Result, SchemaAndValue, SchemaRef, Type};
use turnbuckle_converters::json::text::{append_i64, append_string};
use turnbuckle_converters::json::{Decimals, JsonWriter, Maps, Style};

/// Plans kept, newest first.
const CAPACITY: usize = 32;

/// Writes documents.
pub(crate) struct DocumentWriter {
    /// With the schema's types made fit for documents.
    fitted: Plans,
    /// As the JSON converter writes values.
    plain: Plans,
    timestamp: Timestamp,
    /// Names of the fields that `@timestamp` is taken from, as JSON text.
    timestamp_fields: Vec<Vec<u8>>,
}

impl DocumentWriter {
    pub(crate) fn new(compact_maps: bool, timestamp: Timestamp) -> Self {
        let fitted = Style {
            decimals: Decimals::Double,
            maps: if compact_maps { Maps::Compact } else { Maps::Entries },
            replace_null: true,
        };
        let plain = Style {
            decimals: Decimals::Base64,
            maps: Maps::Pairs,
            replace_null: true,
        };
        let timestamp_fields = match &timestamp {
            Timestamp::Fields(names) => names.iter().map(|name| json_text(name)).collect(),
            _ => Vec::new(),
        };
        DocumentWriter {
            fitted: Plans::new(fitted),
            plain: Plans::new(plain),
            timestamp,
            timestamp_fields,
        }
    }

    /// Appends the document of a value. `plain` leaves decimals and maps as the JSON converter writes them, `time` is the
    /// record's timestamp.
    ///
    /// # Errors
    /// `DataException` for a value that does not fit its schema, or that is no object although one is needed.
    pub(crate) fn write(
        &mut self,
        value: &SchemaAndValue,
        plain: bool,
        time: Option<i64>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        let plans = if plain { &mut self.plain } else { &mut self.fitted };
        let plan = plans.of(value.schema.as_ref());
        plan.writer.write(&value.value, out)?;
        match &self.timestamp {
            Timestamp::None => Ok(()),
            Timestamp::Record => {
                let number = number(time);
                if plan.lacks_timestamp {
                    insert(out, start, &number);
                    return Ok(());
                }
                let found = find(object(out, start, confluent_refusal)?, b"\"@timestamp\"");
                set(out, start, found, &number);
                Ok(())
            }
            Timestamp::Fields(_) => {
                let document = object(out, start, confluent_refusal)?;
                let source = self.timestamp_fields.iter().find_map(|name| find(document, name));
                let Some(source) = source else { return Ok(()) };
                let text = as_text(document.get(source).unwrap_or_default());
                let found = find(document, b"\"@timestamp\"");
                set(out, start, found, &text);
                Ok(())
            }
            Timestamp::IfMissing => {
                if !plan.lacks_timestamp && find(object(out, start, aiven_refusal)?, b"\"@timestamp\"").is_some() {
                    return Ok(());
                }
                if time.is_none() {
                    return Err(Error::data("Record timestamp hasn't been set"));
                }
                insert(out, start, &number(time));
                Ok(())
            }
        }
    }
}

struct Plan {
    writer: JsonWriter,
    /// It is an object, and none of its fields is `@timestamp`.
    lacks_timestamp: bool,
}

impl Plan {
    fn new(schema: Option<&SchemaRef>, style: Style) -> Self {
        let lacks = |schema: &SchemaRef| schema.kind() == Type::Struct && schema.field("@timestamp").is_none();
        Plan {
            writer: JsonWriter::new(schema, style),
            lacks_timestamp: schema.is_some_and(lacks),
        }
    }
}

struct Plans {
    style: Style,
    schemaless: Plan,
    entries: Vec<(SchemaRef, Plan)>,
}

impl Plans {
    fn new(style: Style) -> Self {
        Plans {
            style,
            schemaless: Plan::new(None, style),
            entries: Vec::new(),
        }
    }

    fn of(&mut self, schema: Option<&SchemaRef>) -> &Plan {
        let Some(schema) = schema else { return &self.schemaless };
        let known = |(known, _): &(SchemaRef, Plan)| std::sync::Arc::ptr_eq(known, schema);
        let position = self.entries.iter().position(known).unwrap_or_else(|| {
            self.entries.truncate(CAPACITY - 1);
            self.entries.push((schema.clone(), Plan::new(Some(schema), self.style)));
            self.entries.len() - 1
        });
        self.entries[..=position].rotate_right(1);
        &self.entries[0].1
    }
}

fn json_text(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    append_string(text, &mut out);
    out
}

fn number(time: Option<i64>) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    match time {
        Some(time) => append_i64(time, &mut out),
        None => out.extend_from_slice(b"null"),
    }
    out
}

/// The document from `start`, which must be an object.
fn object(out: &[u8], start: usize, refuse: fn(&str) -> Error) -> Result<&[u8]> {
    let document = out.get(start..).unwrap_or_default();
    match document.first() {
        Some(b'{') => Ok(document),
        Some(b'[') => Err(refuse("ARRAY")),
        Some(b'"') => Err(refuse("STRING")),
        Some(b't' | b'f') => Err(refuse("BOOLEAN")),
        Some(b'n') | None => Err(refuse("NULL")),
        Some(_) => Err(refuse("NUMBER")),
    }
}

fn confluent_refusal(kind: &str) -> Error {
    Error::data(format!(
        "Top level payload contains data of Json type {kind}. Required Json object."
    ))
}

fn aiven_refusal(kind: &str) -> Error {
    Error::data(format!("JSON payload is a type of {kind}. Required is JSON Object."))
}

/// Place of a value in a document.
type Place = std::ops::Range<usize>;

/// Where the value of a member of this name (with its quotes) is. The document is our own text, so it is well formed and
/// without blanks.
fn find(document: &[u8], name: &[u8]) -> Option<Place> {
    let mut at = 1;
    while document.get(at) == Some(&b'"') {
        let name_end = end_of_value(document, at);
        let value = name_end + 1;
        let end = end_of_value(document, value);
        if document.get(at..name_end) == Some(name) {
            return Some(value..end);
        }
        at = end + 1;
    }
    None
}

/// The end of the value that begins at `at`.
fn end_of_value(document: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(byte) = document.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(document, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

fn end_of_string(document: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = document.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// A value as text, as Jackson's `asText` gives it: containers are empty.
fn as_text(value: &[u8]) -> Vec<u8> {
    match value.first() {
        Some(b'"') => value.to_vec(),
        Some(b'{' | b'[') | None => b"\"\"".to_vec(),
        Some(_) => [b"\"", value, b"\""].concat(),
    }
}

/// Sets `@timestamp` of the object at `start`, where it is or at the beginning.
fn set(out: &mut Vec<u8>, start: usize, place: Option<Place>, value: &[u8]) {
    match place {
        Some(place) => {
            out.splice(start + place.start..start + place.end, value.iter().copied());
        }
        None => insert(out, start, value),
    }
}

fn insert(out: &mut Vec<u8>, start: usize, value: &[u8]) {
    let is_empty = out.get(start + 1) == Some(&b'}');
    let mut member = Vec::with_capacity(value.len() + 16);
    member.extend_from_slice(b"\"@timestamp\":");
    member.extend_from_slice(value);
    if !is_empty {
        member.push(b',');
    }
    out.splice(start + 1..start + 1, member);
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Decimal, Schema, SchemaBuilder, Struct, Value};

    fn write(writer: &mut DocumentWriter, value: &SchemaAndValue, plain: bool) -> Result<String> {
        let mut out = b"before".to_vec();
        writer.write(value, plain, Some(1700), &mut out)?;
        Ok(String::from_utf8(out).unwrap()["before".len()..].to_string())
    }

    fn of_struct(fields: Vec<(&str, SchemaRef, Value)>) -> SchemaAndValue {
        let mut builder = Schema::structure();
        let mut values = Vec::new();
        for (name, schema, value) in fields {
            builder = builder.field(name, schema);
            values.push(value);
        }
        let schema = builder.finish();
        SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values)))
    }

    fn map(entries: &[(&str, Value)]) -> SchemaAndValue {
        let entries = entries
            .iter()
            .map(|(key, value)| (Value::text((*key).to_string()), value.clone()));
        SchemaAndValue::schemaless(Value::Map(entries.collect()))
    }

    #[test]
    fn logical_types_and_maps_are_made_fit() {
        let text = Schema::primitive(Type::String, true);
        let int = Schema::primitive(Type::Int32, true);
        let value = of_struct(vec![
            (
                "price",
                Schema::decimal(2).finish(),
                Value::Decimal(Decimal::new(1999, 2)),
            ),
            ("day", Schema::date().finish(), Value::Date(86_400_000 * 3)),
            ("time", Schema::time().finish(), Value::Date(1500)),
            ("at", Schema::timestamp().finish(), Value::Date(1_700_000_000_123)),
            (
                "raw",
                Schema::primitive(Type::Bytes, false),
                Value::Bytes(vec![1, 2, 3].into()),
            ),
            ("none", int.clone(), Value::Null),
            (
                "default",
                SchemaBuilder::new(Type::Int32).default_value(Value::Int32(7)).finish(),
                Value::Null,
            ),
            (
                "texts",
                SchemaBuilder::map(Some(text.clone()), Some(int.clone())).finish(),
                Value::Map(vec![(Value::text("a"), Value::Int32(1))]),
            ),
            (
                "numbers",
                SchemaBuilder::map(Some(int), Some(text)).finish(),
                Value::Map(vec![(Value::Int32(1), Value::text("b"))]),
            ),
        ]);
        let common = r#""day":3,"time":1500,"at":1700000000123,"raw":"AQID","none":null,"default":7"#;
        let mut compact = DocumentWriter::new(true, Timestamp::None);
        let numbers = r#""numbers":[{"key":1,"value":"b"}]"#;
        assert_eq!(
            write(&mut compact, &value, false).unwrap(),
            format!(r#"{{"price":19.99,{common},"texts":{{"a":1}},{numbers}}}"#)
        );
        assert_eq!(
            write(&mut compact, &value, true).unwrap(),
            format!(r#"{{"price":"B88=",{common},"texts":{{"a":1}},"numbers":[[1,"b"]]}}"#)
        );
        let mut entries = DocumentWriter::new(false, Timestamp::None);
        assert_eq!(
            write(&mut entries, &value, false).unwrap(),
            format!(r#"{{"price":19.99,{common},"texts":[{{"key":"a","value":1}}],{numbers}}}"#)
        );
    }

    #[test]
    fn a_required_null_is_refused() {
        let value = of_struct(vec![("a", Schema::primitive(Type::Int32, false), Value::Null)]);
        let error = write(&mut DocumentWriter::new(true, Timestamp::None), &value, false).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("null value for field that is required and has no default value")
        );
    }

    #[test]
    fn the_records_time_becomes_the_documents() {
        let mut writer = DocumentWriter::new(true, Timestamp::Record);
        let int = Schema::primitive(Type::Int32, true);
        for (value, expected) in [
            (
                of_struct(vec![("a", int.clone(), Value::Int32(1))]),
                r#"{"@timestamp":1700,"a":1}"#,
            ),
            (of_struct(vec![]), r#"{"@timestamp":1700}"#),
            (
                of_struct(vec![
                    ("a", int.clone(), Value::Int32(1)),
                    ("@timestamp", int, Value::Int32(5)),
                ]),
                r#"{"a":1,"@timestamp":1700}"#,
            ),
            (
                map(&[("@timestamp", Value::text("x")), ("b", Value::Null)]),
                r#"{"@timestamp":1700,"b":null}"#,
            ),
            (map(&[]), r#"{"@timestamp":1700}"#),
        ] {
            assert_eq!(write(&mut writer, &value, false).unwrap(), expected);
        }
        for (value, kind) in [
            (Value::text("x"), "STRING"),
            (Value::Int32(1), "NUMBER"),
            (Value::Boolean(true), "BOOLEAN"),
            (Value::Array(vec![]), "ARRAY"),
        ] {
            let error = write(&mut writer, &SchemaAndValue::schemaless(value), false).unwrap_err();
            let expected = format!("Top level payload contains data of Json type {kind}. Required Json object.");
            assert_eq!(error.message(), Some(expected.as_str()));
        }
    }

    #[test]
    fn the_first_field_that_is_there_becomes_the_time() {
        let fields = ["ab\"c", "at", "when"].map(str::to_string).to_vec();
        let mut writer = DocumentWriter::new(true, Timestamp::Fields(fields));
        let nested = Value::Map(vec![(Value::text("at"), Value::Int32(9))]);
        for (value, expected) in [
            (
                map(&[
                    ("x", nested.clone()),
                    ("when", Value::text("2026")),
                    ("at", Value::Int64(5)),
                ]),
                r#"{"@timestamp":"5","x":{"at":9},"when":"2026","at":5}"#,
            ),
            (
                map(&[
                    ("s", Value::text("},\"\\")),
                    ("@timestamp", Value::Int32(1)),
                    ("when", Value::text("2026")),
                ]),
                r#"{"s":"},\"\\","@timestamp":"2026","when":"2026"}"#,
            ),
            (map(&[("ab\"c", Value::Null)]), r#"{"@timestamp":"null","ab\"c":null}"#),
            (map(&[("at", nested.clone())]), r#"{"@timestamp":"","at":{"at":9}}"#),
            (map(&[("x", nested)]), r#"{"x":{"at":9}}"#),
        ] {
            assert_eq!(write(&mut writer, &value, false).unwrap(), expected);
        }
    }

    #[test]
    fn a_time_that_is_there_may_stay() {
        let mut writer = DocumentWriter::new(true, Timestamp::IfMissing);
        let with = map(&[("@timestamp", Value::Int32(1))]);
        assert_eq!(write(&mut writer, &with, false).unwrap(), r#"{"@timestamp":1}"#);
        let without = map(&[("a", Value::Int32(1))]);
        assert_eq!(
            write(&mut writer, &without, false).unwrap(),
            r#"{"@timestamp":1700,"a":1}"#
        );
        let error = writer.write(&without, false, None, &mut Vec::new()).unwrap_err();
        assert_eq!(error.message(), Some("Record timestamp hasn't been set"));
    }
}
