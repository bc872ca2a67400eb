//! `ExtractField$Key` and `ExtractField$Value`: replaces the key or value by one of its fields.
//!
//! With a schema the path is resolved once per schema; without, it is walked through maps. A null key or value stays null,
//! with the field's schema.

use crate::kafka_transformation;
use crate::path::{FieldPath, FieldSyntax, ResolvedPath};
use crate::plan::Plans;
use crate::side::{Side, not_a_map, not_a_struct};
use turnbuckle_api::config::validator::one_of_ignore_case;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, ErrorKind, Props, Record, Result, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.ExtractField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.ExtractField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "field extraction";

#[derive(Config)]
struct Settings {
    /// The field to extract: its name, or with `field.syntax.version` V2 a path of names separated by dots.
    #[config(key = "field", required, importance = Medium)]
    field: String,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
    /// How fields are named: V1 takes the text as one name; V2 descends at dots, with back-ticks around names that contain
    /// dots.
    #[config(key = "field.syntax.version", default = "V1", importance = High,
             validator = one_of_ignore_case(&["V1", "V2"]))]
    syntax: FieldSyntax,
}

struct ExtractField {
    side: Side,
    path: FieldPath,
    with_default: bool,
    plans: Plans<ResolvedPath>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(ExtractField {
        side,
        path: FieldPath::parse(&settings.field, settings.syntax)?,
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
    }))
}

impl Transform for ExtractField {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        let Some(schema) = &cell.schema else {
            cell.value = match &mut cell.value {
                Value::Null => Value::Null,
                value @ Value::Map(_) => self.path.take_from_map(value)?,
                other => return Err(not_a_map(other, PURPOSE)),
            };
            return Ok(Verdict::Keep);
        };
        if !matches!(cell.value, Value::Null | Value::Struct(_)) {
            return Err(not_a_struct(&cell.value, PURPOSE));
        }
        let path = &self.path;
        let plan = self.plans.get(schema, |schema| {
            let unknown = || Error::new(ErrorKind::IllegalArgument, format!("Unknown field: {}", path.text()));
            path.resolve(schema)?.ok_or_else(unknown)
        })?;
        if !cell.value.is_null() {
            cell.value = plan.take_from(&mut cell.value, self.with_default)?;
        }
        cell.schema = Some(plan.target().clone());
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Schema, SchemaAndValue, Struct, Type};

    fn extract(side: Side, props: &Props, cell: SchemaAndValue) -> Result<SchemaAndValue> {
        let other = SchemaAndValue::schemaless(Value::text("other"));
        let (key, value) = match side {
            Side::Key => (cell, other.clone()),
            Side::Value => (other.clone(), cell),
        };
        let mut record = sink_record("t", 1, key, value);
        let before = record.clone();
        match create(props, side)?.apply(&mut record) {
            Ok(verdict) => {
                assert_eq!(verdict, Verdict::Keep);
                let untouched = if side == Side::Key { &record.value } else { &record.key };
                assert_eq!(untouched, &other);
                Ok(side.of(&record).clone())
            }
            Err(error) => {
                assert_eq!(record, before, "a failed step leaves the record alone");
                Err(error)
            }
        }
    }

    fn bet() -> SchemaAndValue {
        let runner = Schema::structure()
            .field("name", Schema::primitive(Type::String, true))
            .finish();
        let schema = Schema::structure()
            .field("id", Schema::primitive(Type::Int64, false))
            .field("runner", runner.clone())
            .field("a.b", Schema::primitive(Type::Int32, true))
            .finish();
        let runner = Value::Struct(Struct::new(runner, vec![Value::text("Red Rum")]));
        let values = vec![Value::Int64(7), runner, Value::Int32(11)];
        SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values)))
    }

    #[test]
    fn fields_of_structs() {
        for (field, syntax, expected) in [
            ("id", "V1", Ok(Value::Int64(7))),
            ("a.b", "V1", Ok(Value::Int32(11))),
            ("runner.name", "v2", Ok(Value::text("Red Rum"))),
            ("`a.b`", "V2", Ok(Value::Int32(11))),
            ("runner.name", "V1", Err("Unknown field: runner.name")),
            ("runner.x", "V2", Err("Unknown field: runner.x")),
            ("id.x", "V2", Err("Cannot look up fields on non-struct type")),
        ] {
            let props = Props::new().with("field", field).with("field.syntax.version", syntax);
            for side in [Side::Key, Side::Value] {
                let result = extract(side, &props, bet());
                match &expected {
                    Ok(value) => assert_eq!(result.unwrap().value, *value, "{field}"),
                    Err(text) => assert_eq!(result.unwrap_err().message(), Some(*text), "{field}"),
                }
            }
        }
    }

    #[test]
    fn members_of_maps() {
        let inner = Value::Map(vec![("name".into(), "Arkle".into())]);
        let map = Value::Map(vec![("id".into(), 7i64.into()), ("runner".into(), inner)]);
        for (field, expected) in [
            ("id", Ok(Value::Int64(7))),
            ("runner.name", Ok(Value::text("Arkle"))),
            ("missing.name", Ok(Value::Null)),
            (
                "id.x",
                Err("Only Map objects supported in absence of schema for [nested field access], found: java.lang.Long"),
            ),
        ] {
            let props = Props::new().with("field", field).with("field.syntax.version", "V2");
            let result = extract(Side::Value, &props, SchemaAndValue::schemaless(map.clone()));
            match expected {
                Ok(value) => assert_eq!(result.unwrap(), SchemaAndValue::schemaless(value), "{field}"),
                Err(text) => assert_eq!(result.unwrap_err().message(), Some(text), "{field}"),
            }
        }
    }

    #[test]
    fn null_stays_null_and_gets_the_fields_schema() {
        let props = Props::new().with("field", "id");
        let null = extract(Side::Value, &props, SchemaAndValue::NULL).unwrap();
        assert_eq!(null, SchemaAndValue::NULL);
        let schema = bet().schema.unwrap().to_builder().optional().finish();
        let null = extract(Side::Value, &props, SchemaAndValue::new(schema, Value::Null)).unwrap();
        assert_eq!(
            null,
            SchemaAndValue::new(Schema::primitive(Type::Int64, false), Value::Null)
        );
    }

    #[test]
    fn bad_settings_are_named() {
        for (props, text) in [
            (
                Props::new(),
                "Missing required configuration \"field\" which has no default value.",
            ),
            (
                Props::new().with("field", "a").with("field.syntax.version", "V3"),
                "Invalid value V3 for configuration field.syntax.version: String must be one of (case insensitive): V1, V2",
            ),
        ] {
            assert_eq!(create(&props, Side::Key).err().unwrap().message(), Some(text));
        }
    }
}
