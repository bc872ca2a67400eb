//! `ValueToKey`: makes the key from fields of the value.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{non_empty_list, require_map, require_struct};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Props, Record, Result, Schema, SchemaAndValue, SchemaRef, Struct, Text, Value};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.ValueToKey",
    Settings::config_def,
    create,
)];

const PURPOSE: &str = "copying fields from value to key";

#[derive(Config)]
struct Settings {
    /// Fields of the value that make up the key, in this order.
    #[config(key = "fields", required, importance = High, validator = non_empty_list())]
    fields: Vec<String>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

struct ValueToKey {
    fields: Vec<Text>,
    with_default: bool,
    plans: Plans<KeyPlan>,
}

/// The key's schema and where in the value its fields are.
struct KeyPlan {
    positions: Vec<usize>,
    key_schema: SchemaRef,
}

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(ValueToKey {
        fields: settings.fields.into_iter().map(Text::from).collect(),
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
    }))
}

impl Transform for ValueToKey {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        record.key = match record.value.schema {
            None => self.key_from_map(&record.value.value)?,
            Some(_) => self.key_from_struct(&record.value.value)?,
        };
        Ok(Verdict::Keep)
    }
}

impl ValueToKey {
    fn key_from_map(&self, value: &Value) -> Result<SchemaAndValue> {
        require_map(value, PURPOSE)?;
        let mut entries: Vec<(Value, Value)> = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            if entries.iter().any(|(known, _)| known.as_str() == Some(field)) {
                continue;
            }
            let member = value.map_get(field).cloned().unwrap_or_default();
            entries.push((Value::String(field.clone()), member));
        }
        Ok(SchemaAndValue::schemaless(Value::Map(entries)))
    }

    fn key_from_struct(&mut self, value: &Value) -> Result<SchemaAndValue> {
        let value = require_struct(value, PURPOSE)?;
        let fields = &self.fields;
        let plan = self.plans.get(value.schema(), |schema| plan_key(fields, schema))?;
        let mut values = Vec::with_capacity(plan.positions.len());
        for (position, field) in plan.positions.iter().zip(plan.key_schema.fields()) {
            let item = match self.with_default {
                true => value.get_at(*position),
                false => &value.values()[*position],
            };
            if item.is_null() && !field.schema.is_optional() {
                return Err(Error::data(format!(
                    "Invalid value: null used for required field: \"{}\", schema type: {}",
                    field.name,
                    field.schema.kind()
                )));
            }
            values.push(item.clone());
        }
        let key = Struct::new(plan.key_schema.clone(), values);
        Ok(SchemaAndValue::new(plan.key_schema.clone(), Value::Struct(key)))
    }
}

fn plan_key(fields: &[Text], schema: &SchemaRef) -> Result<KeyPlan> {
    let mut positions = Vec::with_capacity(fields.len());
    let mut key_schema = Schema::structure();
    for name in fields {
        let missing = || Error::data(format!("Field does not exist: {name}"));
        let position = schema.field_index(name).ok_or_else(missing)?;
        positions.push(position);
        key_schema = key_schema.field(name.clone(), schema.fields()[position].schema.clone());
    }
    Ok(KeyPlan {
        positions,
        key_schema: key_schema.build()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Type;
    use turnbuckle_api::testkit::sink_record;

    fn key_of(props: &Props, value: SchemaAndValue) -> Result<SchemaAndValue> {
        let mut record = sink_record("t", 1, SchemaAndValue::schemaless("old".into()), value);
        let before = record.clone();
        match create(props)?.apply(&mut record) {
            Ok(_) => {
                assert_eq!(record.value, before.value);
                Ok(record.key)
            }
            Err(error) => {
                assert_eq!(record, before, "a failed step leaves the record alone");
                Err(error)
            }
        }
    }

    fn row(values: Vec<Value>) -> SchemaAndValue {
        let number = Schema::primitive(Type::Int32, false);
        let defaulted = number.to_builder().default_value(Value::Int32(3)).build().unwrap();
        let schema = Schema::structure()
            .field("id", Schema::primitive(Type::Int64, false))
            .field("name", Schema::primitive(Type::String, true))
            .field("n", defaulted)
            .finish();
        SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values)))
    }

    #[test]
    fn key_has_the_listed_fields_in_that_order() {
        let props = Props::new().with("fields", "name, id");
        let key = key_of(&props, row(vec![Value::Int64(7), Value::text("Bo")])).unwrap();
        let schema = key.schema.unwrap();
        assert_eq!(schema.fields()[0].name, "name");
        assert!(!schema.is_optional());
        assert_eq!(
            key.value.as_struct().unwrap().values(),
            [Value::text("Bo"), Value::Int64(7)]
        );

        let map = Value::Map(vec![("id".into(), 7i64.into())]);
        let key = key_of(&props.with("fields", "x,id,id"), SchemaAndValue::schemaless(map)).unwrap();
        let expected = Value::Map(vec![("x".into(), Value::Null), ("id".into(), 7i64.into())]);
        assert_eq!(key, SchemaAndValue::schemaless(expected));
    }

    #[test]
    fn nulls_become_defaults_if_allowed() {
        let props = Props::new().with("fields", "n");
        let key = key_of(&props, row(vec![])).unwrap();
        assert_eq!(key.value.as_struct().unwrap().values(), [Value::Int32(3)]);
        let error = key_of(&props.with("replace.null.with.default", "false"), row(vec![])).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Invalid value: null used for required field: \"n\", schema type: INT32")
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let id = Props::new().with("fields", "id");
        for (props, value, text) in [
            (
                Props::new().with("fields", "zz"),
                row(vec![]),
                "Field does not exist: zz",
            ),
            (
                Props::new().with("fields", "id,id"),
                row(vec![]),
                "Cannot create field because of field name duplication id",
            ),
            (
                id.clone(),
                SchemaAndValue::NULL,
                "Only Map objects supported in absence of schema for [copying fields from value to key], found: null",
            ),
            (
                id,
                SchemaAndValue::new(Schema::primitive(Type::Int32, false), Value::Int32(5)),
                "Only Struct objects supported for [copying fields from value to key], found: java.lang.Integer",
            ),
            (
                Props::new().with("fields", ""),
                SchemaAndValue::NULL,
                "Invalid value [] for configuration fields: Empty list",
            ),
        ] {
            assert_eq!(key_of(&props, value).unwrap_err().message(), Some(text));
        }
    }
}
