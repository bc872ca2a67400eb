//! `HoistField$Key` and `HoistField$Value`: wraps the whole key or value as the one field of a struct, or of a map.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::Side;
use turnbuckle_api::data::validate_field;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result, Schema, SchemaRef, Struct, Text, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.HoistField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.HoistField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

#[derive(Config)]
struct Settings {
    /// Name of the field that is to hold the old key or value.
    #[config(key = "field", required, importance = Medium)]
    field: String,
}

struct HoistField {
    side: Side,
    field: Text,
    plans: Plans<SchemaRef>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    Ok(Box::new(HoistField {
        side,
        field: Settings::from_props(props)?.field.into(),
        plans: Plans::default(),
    }))
}

impl Transform for HoistField {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        let field = &self.field;
        let Some(schema) = &cell.schema else {
            let key = Value::String(field.clone());
            cell.value = Value::Map(vec![(key, std::mem::take(&mut cell.value))]);
            return Ok(Verdict::Keep);
        };
        let target = self.plans.get(schema, |schema| {
            Schema::structure().field(field.clone(), schema.clone()).build()
        })?;
        // A struct was checked when it was made.
        if !matches!(cell.value, Value::Struct(_)) {
            validate_field(field, schema, &cell.value)?;
        }
        let values = vec![std::mem::take(&mut cell.value)];
        cell.value = Value::Struct(Struct::new(target.clone(), values));
        cell.schema = Some(target.clone());
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{SchemaAndValue, Type};

    #[test]
    fn the_value_becomes_a_field() {
        let mut hoist = create(&Props::new().with("field", "f"), Side::Value).unwrap();
        let mut schemaless = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
        hoist.apply(&mut schemaless).unwrap();
        assert_eq!(schemaless.value.value, Value::Map(vec![("f".into(), Value::Null)]));

        let number = SchemaAndValue::new(Schema::primitive(Type::Int32, false), Value::Int32(5));
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, number);
        hoist.apply(&mut record).unwrap();
        assert_eq!(record.value.value.as_struct().unwrap().get("f"), Some(&Value::Int32(5)));

        let null = SchemaAndValue::new(Schema::primitive(Type::Int32, false), Value::Null);
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, null);
        let error = hoist.apply(&mut record).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Invalid value: null used for required field: \"f\", schema type: INT32")
        );
    }
}
