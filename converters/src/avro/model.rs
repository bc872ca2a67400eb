//! Avro schemas for those who make data by them without a registry: the schema as a graph with all its attributes, the
//! Connect schema it stands for, and how values of that schema are put together.

pub use super::logical::to_logical;
pub use super::schema::{AvroSchema, EnumType, Kind, Name, Node, NodeId, Record, RecordField};
pub use super::to_connect::{EntryShape, LogicalShape, MemberShape, Shape, StructShape, UnionShape};

use super::names::DataOptions;
use super::{defaults, parse};
use serde_json::Value as Json;
use turnbuckle_api::{Result, SchemaRef, Value};

/// Reads the JSON text of a schema. Comments (`//`, `/* */`, `#`) are passed over, as Avro's own parser does, and so is what
/// follows the schema.
///
/// # Errors
/// `SchemaParseException` that says what is wrong.
pub fn read_schema(text: &str) -> Result<AvroSchema> {
    let without_comments = strip_comments(text);
    let mut values = serde_json::Deserializer::from_str(&without_comments).into_iter::<Json>();
    let first = match values.next() {
        Some(Ok(json)) => json.to_string(),
        // The parser complains in its own words.
        Some(Err(_)) | None => without_comments,
    };
    parse::parse(&first, &[] as &[&str])
}

/// The Connect schema of one type of the graph and the shape of its values, with the default options of the Avro converter.
/// The schema is None for schemaless data.
///
/// # Errors
/// `DataException` for what Connect has no place for: a null outside a union, for one.
pub fn connect_schema(avro: &AvroSchema, id: NodeId) -> Result<(Option<SchemaRef>, Shape)> {
    let whole = AvroSchema {
        nodes: avro.nodes.clone(),
        root: id,
    };
    super::to_connect::to_connect(&whole, None, &DataOptions::default())
}

/// The value that `json` stands for, written as a field's default is: bytes as text, unions without a type name. None if it
/// does not fit.
pub fn value_from_json(avro: &AvroSchema, id: NodeId, shape: &Shape, json: &Json) -> Option<Value> {
    defaults::from_json(avro, id, shape, json)
}

/// Replaces comments outside of texts by nothing.
fn strip_comments(text: &str) -> String {
    let mut stripped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/', '#']) {
        let (before, from) = rest.split_at(at);
        stripped.push_str(before);
        let length = if from.starts_with('"') {
            let length = quoted_length(from);
            stripped.push_str(&from[..length]);
            length
        } else if from.starts_with("//") || from.starts_with('#') {
            from.find('\n').unwrap_or(from.len())
        } else if from.starts_with("/*") {
            from.find("*/").map_or(from.len(), |end| end + 2)
        } else {
            stripped.push('/');
            1
        };
        rest = &from[length..];
    }
    stripped.push_str(rest);
    stripped
}

/// Length of the quoted text at the start, with both quotes; all that is left if the second is missing.
fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_passed_over_but_not_in_texts() {
        let text = r#"// a schema
            {"type": "enum", /* with // two */ "name": "E", "symbols": ["A"], # and
             "x": "http://a#b \" // c", "y": "\\"} trailing"#;
        let schema = read_schema(text).unwrap();
        assert_eq!(schema.text_prop(schema.root, "x"), Some("http://a#b \" // c"));
        assert_eq!(schema.text_prop(schema.root, "y"), Some("\\"));
        for nonsense in ["", "/* open", "\"open", "{\"type\": \"no\\\"pe\""] {
            assert!(read_schema(nonsense).is_err(), "{nonsense}");
        }
    }
}
