//! `Flatten$Key` and `Flatten$Value`: lifts the fields of nested structs, or maps, to the top; their names join the names on
//! the way to them.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{Side, not_a_struct, require_map};
use crate::structs::{check_copy, copy_basics, fields_of, inferred_type, rebuild};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{
    Config, Error, ErrorKind, Field, Props, Record, Result, Schema, SchemaBuilder, SchemaRef, Struct, Text, Type, Value,
};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.Flatten$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.Flatten$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "flattening";

#[derive(Config)]
struct Settings {
    /// What stands between the parts of a lifted field's name.
    #[config(key = "delimiter", default = ".", importance = Medium)]
    delimiter: String,
}

struct Flatten {
    side: Side,
    delimiter: String,
    plans: Plans<Plan>,
}

struct Plan {
    target: SchemaRef,
    /// The source's fields, nested as they are.
    nodes: Vec<Node>,
}

enum Node {
    /// A field that is copied.
    Leaf(Field),
    /// A struct whose fields are lifted; with how many leaves it has.
    Nested { nodes: Vec<Node>, leaves: usize },
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    Ok(Box::new(Flatten {
        side,
        delimiter: Settings::from_props(props)?.delimiter,
        plans: Plans::default(),
    }))
}

impl Transform for Flatten {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        if cell.value.is_null() {
            return Ok(Verdict::Keep);
        }
        let delimiter = &self.delimiter;
        let Some(schema) = &cell.schema else {
            let mut flat = Vec::new();
            flatten_map(require_map(&cell.value, PURPOSE)?, "", delimiter, &mut flat)?;
            cell.value = Value::Map(flat);
            return Ok(Verdict::Keep);
        };
        let Value::Struct(value) = &cell.value else {
            return Err(not_a_struct(&cell.value, PURPOSE));
        };
        let plan = self.plans.get(schema, |schema| plan(schema, delimiter))?;
        check(&plan.nodes, value, plan.target.fields())?;
        rebuild(cell, &plan.target, |values| {
            let mut flat = Vec::with_capacity(plan.target.fields().len());
            lift(&plan.nodes, values, &mut flat);
            flat
        });
        Ok(Verdict::Keep)
    }
}

fn joined(prefix: &str, name: &str, delimiter: &str) -> String {
    match prefix.is_empty() {
        true => name.to_string(),
        false => [prefix, delimiter, name].concat(),
    }
}

/// Appends the entries of a map and of the maps in it. Of entries that get the same name the last stays.
fn flatten_map(
    entries: &[(Value, Value)],
    prefix: &str,
    delimiter: &str,
    flat: &mut Vec<(Value, Value)>,
) -> Result<()> {
    for (key, value) in entries {
        let name = match key {
            Value::String(name) if prefix.is_empty() => name.clone(),
            Value::String(name) => joined(prefix, name, delimiter).into(),
            Value::Null => joined(prefix, "null", delimiter).into(),
            other => {
                let class = other.java_class();
                let text = format!("class {class} cannot be cast to class java.lang.String");
                return Err(Error::new(ErrorKind::ClassCast, text));
            }
        };
        match (inferred_type(value), value) {
            (Some(Type::Map), Value::Map(nested)) => {
                flatten_map(nested, &name, delimiter, flat)?;
                continue;
            }
            (Some(Type::Struct), _) => {
                let class = value.java_class();
                return Err(Error::data(format!(
                    "Flatten transformation does not support class {class} for record without schemas (for field {name})."
                )));
            }
            (None, value) if !value.is_null() => {
                let class = value.java_class();
                return Err(Error::data(format!(
                    "Flatten transformation was passed a value of type class {class} which is not supported by Connect's data \
                     API"
                )));
            }
            _ => crate::structs::map_put(flat, &name, value.clone()),
        }
    }
    Ok(())
}

fn plan(schema: &SchemaRef, delimiter: &str) -> Result<Plan> {
    let target = copy_basics(schema, Schema::structure());
    let default = schema.default_value().and_then(Value::as_struct);
    let mut planner = Planner {
        delimiter,
        fields: Vec::new(),
    };
    let nodes = planner.nodes(schema, "", schema.is_optional(), default)?;
    Ok(Plan {
        target: target.fields(planner.fields).build()?,
        nodes,
    })
}

struct Planner<'a> {
    delimiter: &'a str,
    fields: Vec<Field>,
}

impl Planner<'_> {
    /// Adds the leaves of `schema`. `default` is the default of the struct around them.
    fn nodes(&mut self, schema: &Schema, prefix: &str, optional: bool, default: Option<&Struct>) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for (index, field) in fields_of(schema)?.iter().enumerate() {
            let name = joined(prefix, &field.name, self.delimiter);
            let optional = optional || field.schema.is_optional();
            let inherited = || {
                default
                    .map(|default| default.get_at(index))
                    .filter(|value| !value.is_null())
            };
            let default = field.schema.default_value().or_else(inherited);
            match field.schema.kind() {
                Type::Struct => {
                    let before = self.fields.len();
                    let default = default.and_then(Value::as_struct);
                    let nested = self.nodes(&field.schema, &name, optional, default)?;
                    let leaves = self.fields.len() - before;
                    nodes.push(Node::Nested { nodes: nested, leaves });
                }
                Type::Map => {
                    return Err(Error::data(format!(
                        "Flatten transformation does not support MAP for record with schemas (for field {name})."
                    )));
                }
                _ => {
                    let schema = leaf_schema(&field.schema, optional, default)?;
                    self.fields.push(Field {
                        name: Text::from(name),
                        schema,
                    });
                    nodes.push(Node::Leaf(field.clone()));
                }
            }
        }
        Ok(nodes)
    }
}

fn leaf_schema(source: &SchemaRef, optional: bool, default: Option<&Value>) -> Result<SchemaRef> {
    let is_same = source.is_optional() == optional && source.default_value() == default;
    if is_same {
        return Ok(source.clone());
    }
    let builder = match source.kind() {
        Type::Array => SchemaBuilder::array(source.items().cloned()),
        kind => SchemaBuilder::new(kind),
    };
    let builder = copy_basics(source, builder).with_optional(optional);
    match default {
        Some(default) => builder.default_value(default.clone()).build(),
        None => builder.build(),
    }
}

/// Refuses nulls that a leaf may not have. Gives what is left of the flat fields.
fn check<'f>(nodes: &[Node], value: &Struct, mut flat: &'f [Field]) -> Result<&'f [Field]> {
    for (index, node) in nodes.iter().enumerate() {
        match (node, value.values().get(index)) {
            (Node::Leaf(_), _) => {
                let Some((field, rest)) = flat.split_first() else { break };
                check_copy(field, value.get_at(index), false)?;
                flat = rest;
            }
            (Node::Nested { nodes, .. }, Some(Value::Struct(nested))) => flat = check(nodes, nested, flat)?,
            // Nothing is put for the fields of a struct that is not there.
            (Node::Nested { leaves, .. }, _) => flat = flat.get(*leaves..).unwrap_or_default(),
        }
    }
    Ok(flat)
}

fn lift(nodes: &[Node], values: Vec<Value>, flat: &mut Vec<Value>) {
    let mut values = values.into_iter();
    for node in nodes {
        let value = values.next().unwrap_or_default();
        match (node, value) {
            (Node::Leaf(field), Value::Null) => flat.push(field.schema.default_value().cloned().unwrap_or_default()),
            (Node::Leaf(_), value) => flat.push(value),
            (Node::Nested { nodes, .. }, Value::Struct(nested)) => lift(nodes, nested.into_parts().1, flat),
            (Node::Nested { leaves, .. }, _) => flat.resize(flat.len() + leaves, Value::Null),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    #[test]
    fn nested_fields_are_lifted() {
        let text = Schema::primitive(Type::String, false);
        let inner = Schema::structure()
            .field("x", text.clone())
            .field("y", text.clone())
            .optional()
            .finish();
        let outer = Schema::structure()
            .field("a", text.clone())
            .field("in", inner.clone())
            .field("z", text)
            .finish();
        let mut flatten = create(&Props::new().with("delimiter", "_"), Side::Value).unwrap();
        let nested = Value::Struct(Struct::new(inner, vec!["1".into(), "2".into()]));
        for (nested, expected) in [
            (nested, vec!["0".into(), "1".into(), "2".into(), "3".into()]),
            (Value::Null, vec!["0".into(), Value::Null, Value::Null, "3".into()]),
        ] {
            let value = Struct::new(outer.clone(), vec!["0".into(), nested, "3".into()]);
            let cell = SchemaAndValue::new(outer.clone(), Value::Struct(value));
            let mut record = sink_record("t", 1, SchemaAndValue::NULL, cell);
            flatten.apply(&mut record).unwrap();
            let flat = record.value.value.as_struct().unwrap();
            let fields = flat.schema().fields();
            let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
            assert_eq!(names, ["a", "in_x", "in_y", "z"]);
            assert!(fields[1].schema.is_optional() && !fields[3].schema.is_optional());
            assert_eq!(flat.values(), expected);
        }
    }

    #[test]
    fn nested_maps_are_lifted() {
        let inner = Value::Map(vec![("x".into(), 1i32.into())]);
        let map = Value::Map(vec![
            ("a".into(), inner),
            ("b".into(), Value::Map(vec![])),
            ("c".into(), Value::Null),
        ]);
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::schemaless(map));
        create(&Props::new(), Side::Value).unwrap().apply(&mut record).unwrap();
        let expected = Value::Map(vec![("a.x".into(), 1i32.into()), ("c".into(), Value::Null)]);
        assert_eq!(record.value.value, expected);
    }
}
