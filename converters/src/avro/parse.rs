//! JSON text to [`AvroSchema`]. Schemas come from a registry that has checked them, so this parser is as tolerant as the
//! Java one is for that case: names and defaults are not judged. What can't be built at all is refused.

use super::schema::{AvroSchema, EnumType, Kind, Name, NodeId, Record, RecordField};
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Schemas nested deeper than this are refused: every later step recurses over them.
const MAX_DEPTH: usize = 96;

/// Reads a schema. `references` are the texts of schemas whose named types this one uses, those they use themselves first.
pub(crate) fn parse(text: &str, references: &[impl AsRef<str>]) -> Result<AvroSchema> {
    let mut parser = Parser::default();
    for reference in references {
        parser.read_text(reference.as_ref())?;
    }
    parser.schema.root = parser.read_text(text)?;
    Ok(parser.schema)
}

#[derive(Default)]
struct Parser {
    schema: AvroSchema,
    named: HashMap<String, NodeId>,
    depth: usize,
}

fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Class("org.apache.avro.SchemaParseException"), message)
}

impl Parser {
    fn read_text(&mut self, text: &str) -> Result<NodeId> {
        let json: Json =
            serde_json::from_str(text).map_err(|error| refuse(format!("Avro schema is not JSON: {error}")))?;
        self.read(&json, "")
    }

    fn read(&mut self, json: &Json, namespace: &str) -> Result<NodeId> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refuse(format!("Avro schema is nested deeper than {MAX_DEPTH} levels")));
        }
        let node = match json {
            Json::String(name) => self.resolve(name, namespace),
            Json::Array(members) => {
                let members: Result<Vec<NodeId>> = members.iter().map(|member| self.read(member, namespace)).collect();
                Ok(self.schema.add(Kind::Union(members?)))
            }
            Json::Object(object) => self.read_object(object, namespace),
            other => Err(refuse(format!("Schema not yet supported: {other}"))),
        };
        self.depth -= 1;
        node
    }

    fn resolve(&mut self, name: &str, namespace: &str) -> Result<NodeId> {
        if let Some(kind) = Kind::primitive(name) {
            return Ok(self.schema.add(kind));
        }
        let in_namespace = format!("{namespace}.{name}");
        let qualified = if name.contains('.') || namespace.is_empty() {
            name
        } else {
            &in_namespace
        };
        let known = self.named.get(qualified).or_else(|| self.named.get(name));
        known
            .copied()
            .ok_or_else(|| refuse(format!("Undefined name: \"{name}\"")))
    }

    fn read_object(&mut self, object: &Map<String, Json>, namespace: &str) -> Result<NodeId> {
        let kind = object
            .get("type")
            .ok_or_else(|| refuse("No type in an Avro schema object"))?;
        let Json::String(kind) = kind else {
            // {"type": {…}} and {"type": […]} stand for what they hold.
            return self.read(kind, namespace);
        };
        let node = match kind.as_str() {
            "record" | "error" => return self.read_record(object, namespace),
            "enum" => {
                let name = type_name(object, namespace)?;
                let symbols = object.get("symbols").and_then(Json::as_array);
                let symbols = symbols.ok_or_else(|| refuse(format!("Enum has no symbols: {}", name.full())))?;
                let symbols: Option<Vec<String>> = symbols.iter().map(|s| s.as_str().map(str::to_string)).collect();
                let symbols = symbols.ok_or_else(|| refuse(format!("Enum symbols must be text: {}", name.full())))?;
                let node = self.schema.add(Kind::Enum(EnumType {
                    name: name.clone(),
                    doc: text(object, "doc"),
                    aliases: aliases(object),
                    symbols,
                    default: text(object, "default"),
                }));
                self.define(&name, node)?;
                node
            }
            "fixed" => {
                let name = type_name(object, namespace)?;
                let size = object
                    .get("size")
                    .and_then(Json::as_u64)
                    .and_then(|size| usize::try_from(size).ok());
                let size = size.filter(|size| i32::try_from(*size).is_ok());
                let size = size.ok_or_else(|| refuse(format!("Invalid or no size: {}", name.full())))?;
                let node = self.schema.add(Kind::Fixed {
                    name: name.clone(),
                    aliases: aliases(object),
                    size,
                });
                self.define(&name, node)?;
                node
            }
            "array" => {
                let items = object.get("items").ok_or_else(|| refuse("Array has no items type"))?;
                let items = self.read(items, namespace)?;
                self.schema.add(Kind::Array(items))
            }
            "map" => {
                let values = object.get("values").ok_or_else(|| refuse("Map has no values type"))?;
                let values = self.read(values, namespace)?;
                self.schema.add(Kind::Map(values))
            }
            name => match Kind::primitive(name) {
                Some(kind) => self.schema.add(kind),
                None => return self.resolve(name, namespace),
            },
        };
        self.schema.nodes[node].props = props(object, own_attributes(kind));
        Ok(node)
    }

    fn read_record(&mut self, object: &Map<String, Json>, namespace: &str) -> Result<NodeId> {
        let name = type_name(object, namespace)?;
        let fields = object.get("fields").and_then(Json::as_array);
        let fields = fields.ok_or_else(|| refuse(format!("Record has no fields: {}", name.full())))?;
        let node = self.schema.add(Kind::Null);
        self.define(&name, node)?;
        let mut read: Vec<RecordField> = Vec::with_capacity(fields.len());
        let mut seen = std::collections::HashSet::with_capacity(fields.len());
        for field in fields {
            let described = field
                .as_object()
                .ok_or_else(|| refuse(format!("Field is not an object: {field}")))?;
            let field_name = text(described, "name").ok_or_else(|| refuse(format!("No field name: {field}")))?;
            let kind = described
                .get("type")
                .ok_or_else(|| refuse(format!("No field type: {field}")))?;
            if !seen.insert(field_name.clone()) {
                return Err(refuse(format!(
                    "Duplicate field {field_name} in record {}",
                    name.full()
                )));
            }
            read.push(RecordField {
                node: self.read(kind, &name.namespace)?,
                doc: text(described, "doc"),
                default: described.get("default").cloned(),
                aliases: aliases(described),
                name: field_name,
            });
        }
        self.schema.nodes[node].kind = Kind::Record(Record {
            name,
            doc: text(object, "doc"),
            aliases: aliases(object),
            fields: read,
        });
        self.schema.nodes[node].props = props(object, own_attributes("record"));
        Ok(node)
    }

    fn define(&mut self, name: &Name, node: NodeId) -> Result<()> {
        match self.named.insert(name.full(), node) {
            None => Ok(()),
            Some(_) => Err(refuse(format!("Can't redefine: {}", name.full()))),
        }
    }
}

/// Attributes that Avro itself understands; all others are kept as properties.
fn own_attributes(kind: &str) -> &'static [&'static str] {
    match kind {
        "record" | "error" => &["type", "name", "namespace", "doc", "aliases", "fields"],
        "enum" => &["type", "name", "namespace", "doc", "aliases", "symbols", "default"],
        "fixed" => &["type", "name", "namespace", "doc", "aliases", "size"],
        "array" => &["type", "items"],
        "map" => &["type", "values"],
        _ => &["type"],
    }
}

fn props(object: &Map<String, Json>, own: &[&str]) -> Map<String, Json> {
    let foreign = object.iter().filter(|(key, _)| !own.contains(&key.as_str()));
    foreign.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn text(object: &Map<String, Json>, key: &str) -> Option<String> {
    object.get(key).and_then(Json::as_str).map(str::to_string)
}

fn aliases(object: &Map<String, Json>) -> Vec<String> {
    let listed = object.get("aliases").and_then(Json::as_array).into_iter().flatten();
    listed.filter_map(Json::as_str).map(str::to_string).collect()
}

fn type_name(object: &Map<String, Json>, namespace: &str) -> Result<Name> {
    let name = text(object, "name").ok_or_else(|| refuse("No name in schema of a named type"))?;
    if name.contains('.') {
        return Ok(Name::from_full(&name));
    }
    Ok(Name {
        namespace: text(object, "namespace").unwrap_or_else(|| namespace.to_string()),
        simple: name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[&str] = &[];

    #[test]
    fn names_take_the_enclosing_namespace() {
        let text = r#"{"type":"record","name":"R","namespace":"a.b","fields":[
            {"name":"x","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"y","type":"E"},
            {"name":"z","type":["null","a.b.R"],"default":null}]}"#;
        let schema = parse(text, NONE).unwrap();
        let Kind::Record(record) = schema.root_kind() else {
            panic!("a record")
        };
        assert_eq!(record.fields[0].node, record.fields[1].node);
        assert_eq!(schema.branch_name(record.fields[1].node), "a.b.E");
        assert_eq!(schema.members(record.fields[2].node)[1], schema.root);
        assert_eq!(record.fields[2].default, Some(Json::Null));
    }

    #[test]
    fn references_define_names() {
        let inner = r#"{"type":"fixed","name":"F","namespace":"n","size":2,"logicalType":"duration"}"#;
        let schema = parse(r#"{"type":"array","items":"n.F"}"#, &[inner]).unwrap();
        assert!(matches!(schema.root_kind(), Kind::Array(0)));
        assert_eq!(schema.text_prop(0, "logicalType"), Some("duration"));
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        let deep = format!("{}\"int\"{}", "[".repeat(100), "]".repeat(100));
        for (text, reason) in [
            ("{", "not JSON"),
            ("7", "not yet supported"),
            ("\"nope\"", "Undefined name"),
            (r#"{"type":"record","name":"R"}"#, "no fields"),
            (r#"{"type":"fixed","name":"F","size":-1}"#, "Invalid or no size"),
            (r#"{"type":"enum","name":"E","symbols":[1]}"#, "must be text"),
            (
                r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
                "Duplicate field",
            ),
            (deep.as_str(), "nested deeper"),
        ] {
            let error = parse(text, NONE).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
