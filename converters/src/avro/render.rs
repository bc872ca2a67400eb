//! [`AvroSchema`] to JSON text, as it is sent to a registry: members in Avro's usual order, a named type written once and
//! by name afterwards.

use super::schema::{AvroSchema, Kind, Name, NodeId, RecordField};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;

/// The schema's text.
pub(crate) fn render(schema: &AvroSchema) -> String {
    let mut renderer = Renderer {
        schema,
        written: HashMap::new(),
    };
    renderer.node(schema.root, "").to_string()
}

struct Renderer<'a> {
    schema: &'a AvroSchema,
    written: HashMap<String, NodeId>,
}

impl Renderer<'_> {
    fn node(&mut self, id: NodeId, namespace: &str) -> Json {
        let schema = self.schema;
        let node = schema.node(id);
        let mut object = Map::new();
        match &node.kind {
            Kind::Union(members) => {
                return Json::Array(members.iter().map(|member| self.node(*member, namespace)).collect());
            }
            Kind::Record(record) => {
                if let Some(reference) = self.reference(id, &record.name, namespace) {
                    return reference;
                }
                name_members(&mut object, "record", &record.name, namespace);
                insert_text(&mut object, "doc", record.doc.as_deref());
                let fields = record
                    .fields
                    .iter()
                    .map(|field| self.field(field, &record.name.namespace));
                let fields = fields.collect();
                object.insert("fields".into(), Json::Array(fields));
            }
            Kind::Enum(symbols) => {
                if let Some(reference) = self.reference(id, &symbols.name, namespace) {
                    return reference;
                }
                name_members(&mut object, "enum", &symbols.name, namespace);
                insert_text(&mut object, "doc", symbols.doc.as_deref());
                object.insert("symbols".into(), json!(symbols.symbols));
                insert_text(&mut object, "default", symbols.default.as_deref());
            }
            Kind::Fixed { name, size, .. } => {
                if let Some(reference) = self.reference(id, name, namespace) {
                    return reference;
                }
                name_members(&mut object, "fixed", name, namespace);
                object.insert("size".into(), json!(size));
            }
            Kind::Array(items) => {
                object.insert("type".into(), json!("array"));
                object.insert("items".into(), self.node(*items, namespace));
            }
            Kind::Map(values) => {
                object.insert("type".into(), json!("map"));
                object.insert("values".into(), self.node(*values, namespace));
            }
            primitive => {
                if node.props.is_empty() {
                    return json!(primitive.type_name());
                }
                object.insert("type".into(), json!(primitive.type_name()));
            }
        }
        object.extend(node.props.clone());
        Json::Object(object)
    }

    fn field(&mut self, field: &RecordField, namespace: &str) -> Json {
        let mut object = Map::new();
        object.insert("name".into(), json!(field.name));
        object.insert("type".into(), self.node(field.node, namespace));
        insert_text(&mut object, "doc", field.doc.as_deref());
        if let Some(default) = &field.default {
            object.insert("default".into(), default.clone());
        }
        Json::Object(object)
    }

    /// The name alone, if this very type has been written. A different one of the same name is written in full, as the
    /// Java library does; a registry refuses it with a clear text.
    fn reference(&mut self, id: NodeId, name: &Name, namespace: &str) -> Option<Json> {
        let full = name.full();
        match self.written.get(&full) {
            Some(written) if self.schema.same(*written, id) => {
                let short = name.namespace == namespace;
                Some(json!(if short { name.simple.clone() } else { full }))
            }
            _ => {
                self.written.insert(full, id);
                None
            }
        }
    }
}

fn name_members(object: &mut Map<String, Json>, kind: &str, name: &Name, namespace: &str) {
    object.insert("type".into(), json!(kind));
    object.insert("name".into(), json!(name.simple));
    if name.namespace != namespace {
        object.insert("namespace".into(), json!(name.namespace));
    }
}

fn insert_text(object: &mut Map<String, Json>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        object.insert(key.to_string(), json!(text));
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn what_was_parsed_is_written_again() {
        for text in [
            r#""int""#,
            r#"["null",{"type":"string","connect.name":"x"}]"#,
            r#"{"type":"record","name":"R","namespace":"a","doc":"d","fields":[{"name":"n","type":{"type":"record","name":"N","namespace":"","fields":[]},"doc":"f","default":{}},{"name":"m","type":["null","N","R"]}],"p":1}"#,
            r#"{"type":"map","values":{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}}"#,
            r#"{"type":"array","items":{"type":"fixed","name":"F","size":3}}"#,
        ] {
            let schema = parse(text, &[] as &[&str]).unwrap();
            assert_eq!(render(&schema), text);
        }
    }
}
