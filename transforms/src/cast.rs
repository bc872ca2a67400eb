//! `Cast$Key` and `Cast$Value`: converts fields, or the whole key or value, to other primitive types.
//!
//! [`value`] converts one value; here is what that means for schemas and records.

mod spec;
mod value;

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{Side, require_map, require_struct};
use crate::structs::{check_copy, copy_basics, fields_of, fill_default, map_put, read, rebuild};
use spec::{Spec, spec_validator};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result, Schema, SchemaBuilder, SchemaRef, Text, Type, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.Cast$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.Cast$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "cast types";

#[derive(Config)]
struct Settings {
    /// What to cast: `field:type` for each field, or one type alone for the key or value as a whole. Types are int8, int16,
    /// int32, int64, float32, float64, boolean and string.
    #[config(key = "spec", required, importance = High, validator = spec_validator())]
    spec: Vec<String>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

struct Cast {
    side: Side,
    spec: Spec,
    with_default: bool,
    plans: Plans<Plan>,
    /// Cast values of the record at hand, kept to save the allocation.
    cast: Vec<Value>,
}

struct Plan {
    target: SchemaRef,
    /// Positions of the fields to cast, ascending, with their types.
    casts: Vec<(usize, Type)>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(Cast {
        side,
        spec: Spec::parse(&settings.spec)?,
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
        cast: Vec::new(),
    }))
}

impl Transform for Cast {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        if cell.value.is_null() {
            return Ok(Verdict::Keep);
        }
        match (&self.spec, &cell.schema) {
            (Spec::Whole(kind), None) => cell.value = value::cast(None, &cell.value, *kind)?,
            (Spec::Whole(kind), Some(schema)) => {
                let plan = self.plans.get(schema, |schema| plan_whole(schema, *kind))?;
                cell.value = value::cast(Some(schema), &cell.value, *kind)?;
                cell.schema = Some(plan.target.clone());
            }
            (Spec::Fields(fields), None) => {
                require_map(&cell.value, PURPOSE)?;
                self.cast.clear();
                for (name, kind) in fields {
                    let member = cell.value.map_get(name).unwrap_or(&Value::Null);
                    self.cast.push(value::cast(None, member, *kind)?);
                }
                if let Value::Map(entries) = &mut cell.value {
                    for ((name, _), cast) in fields.iter().zip(self.cast.drain(..)) {
                        map_put(entries, name, cast);
                    }
                }
            }
            (Spec::Fields(fields), Some(schema)) => {
                let plan = self.plans.get(schema, |schema| plan_fields(schema, fields))?;
                let value = require_struct(&cell.value, PURPOSE)?;
                let with_default = self.with_default;
                self.cast.clear();
                let mut casts = plan.casts.iter().peekable();
                for (index, field) in plan.target.fields().iter().enumerate() {
                    let item = read(value, index, with_default);
                    match casts.next_if(|(position, _)| *position == index) {
                        Some((_, kind)) => {
                            let source = schema.fields().get(index).map(|field| &field.schema);
                            let cast = value::cast(source, item, *kind)?;
                            check_copy(field, &cast, false)?;
                            self.cast.push(cast);
                        }
                        None => check_copy(field, item, false)?,
                    }
                }
                rebuild(cell, &plan.target, |mut values| {
                    values.resize(plan.target.fields().len(), Value::Null);
                    for ((position, _), cast) in plan.casts.iter().zip(self.cast.drain(..)) {
                        values[*position] = cast;
                    }
                    for (field, value) in plan.target.fields().iter().zip(&mut values) {
                        // A cast field has the cast default already.
                        fill_default(field, value, with_default);
                    }
                    values
                });
            }
        }
        Ok(Verdict::Keep)
    }
}

/// The attributes of `schema` on another type.
fn plan_whole(schema: &SchemaRef, kind: Type) -> Result<Plan> {
    let target = copy_basics(schema, SchemaBuilder::new(kind));
    Ok(Plan {
        target: with_default_of(schema, target, |default| value::cast(Some(schema), default, kind))?,
        casts: Vec::new(),
    })
}

fn plan_fields(schema: &SchemaRef, fields: &[(Text, Type)]) -> Result<Plan> {
    let mut casts = Vec::new();
    let mut target = copy_basics(schema, Schema::structure());
    for (index, field) in fields_of(schema)?.iter().enumerate() {
        let Some((_, kind)) = fields.iter().find(|(name, _)| *name == field.name) else {
            target = target.field(field.name.clone(), field.schema.clone());
            continue;
        };
        casts.push((index, *kind));
        let cast = |default: &Value| value::cast(Some(&field.schema), default, *kind);
        let cast_schema = with_default_of(&field.schema, SchemaBuilder::new(*kind), cast)?;
        target = target.field(field.name.clone(), cast_schema);
    }
    // The default of a struct can't be cast; that is told as an error.
    let target = with_default_of(schema, target, |default| {
        value::cast(Some(schema), default, Type::Struct)
    })?;
    Ok(Plan { target, casts })
}

/// Adds whether `source` is optional, and its default after a cast.
fn with_default_of(
    source: &SchemaRef,
    target: SchemaBuilder,
    cast: impl Fn(&Value) -> Result<Value>,
) -> Result<SchemaRef> {
    let target = target.with_optional(source.is_optional());
    match source.default_value() {
        None | Some(Value::Null) => target.build(),
        Some(default) => target.default_value(cast(default)?).build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{SchemaAndValue, Struct};

    fn cast(spec: &str, cell: SchemaAndValue) -> Result<SchemaAndValue> {
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, cell);
        let before = record.clone();
        match create(&Props::new().with("spec", spec), Side::Value)?.apply(&mut record) {
            Ok(_) => Ok(record.value),
            Err(error) => {
                assert_eq!(record, before, "a failed step leaves the record alone");
                Err(error)
            }
        }
    }

    #[test]
    fn fields_change_type_and_keep_their_place() {
        let text = Schema::primitive(Type::String, true);
        let number = Schema::primitive(Type::Int64, false).to_builder();
        let number = number.default_value(Value::Int64(300)).doc("a number").build().unwrap();
        let schema = Schema::structure().field("t", text).field("n", number).finish();
        let row = |values| SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)));

        let cast_row = cast("n:int8,t:float64", row(vec![Value::text("1.5"), Value::Null])).unwrap();
        let value = cast_row.value.as_struct().unwrap();
        assert_eq!(value.values(), [Value::Float64(1.5), Value::Int8(44)]);
        let fields = value.schema().fields();
        assert_eq!(fields[1].schema.default_value(), Some(&Value::Int8(44)));
        assert_eq!(fields[1].schema.doc(), None);
        assert!(fields[0].schema.is_optional() && !fields[1].schema.is_optional());

        let error = cast("n:int8,t:int32", row(vec![Value::text("x"), Value::Int64(1)])).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Value (x) was out of range for requested data type")
        );
    }

    #[test]
    fn absent_members_are_added() {
        let map = Value::Map(vec![("a".into(), "1".into())]);
        let cast = cast("a:int32,b:string", SchemaAndValue::schemaless(map)).unwrap();
        let expected = Value::Map(vec![("a".into(), Value::Int32(1)), ("b".into(), Value::Null)]);
        assert_eq!(cast.value, expected);
    }
}
