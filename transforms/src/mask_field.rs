//! `MaskField$Key` and `MaskField$Value`: blanks fields out, or replaces them by a given text or number.

use crate::kafka_transformation;
use crate::numbers::decimal_as_i64;
use crate::plan::Plans;
use crate::side::{Side, non_empty_list, require_map, require_struct};
use crate::structs::{check_copy, fill_default, map_put, read};
use turnbuckle_api::config::validator::non_empty;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Decimal, Error, Props, Record, Result, Text, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.MaskField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.MaskField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "mask fields";

#[derive(Config)]
struct Settings {
    /// Fields to mask.
    #[config(key = "fields", required, importance = High, validator = non_empty_list())]
    fields: Vec<String>,
    /// What numbers and texts are replaced by. Without it, a masked field is zero, false or empty.
    #[config(key = "replacement", importance = Low, validator = non_empty())]
    replacement: Option<String>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

struct MaskField {
    side: Side,
    fields: Vec<Text>,
    mask: Mask,
    with_default: bool,
    /// Positions of the masked fields, ascending.
    plans: Plans<Vec<usize>>,
    /// Masked values of the record at hand, kept to save the allocation.
    masked: Vec<Value>,
}

enum Mask {
    Zero,
    Replacement(Replacement),
}

struct Replacement {
    text: Text,
    /// The text as a number, if it is one.
    number: Option<Decimal>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    let mut fields: Vec<Text> = Vec::with_capacity(settings.fields.len());
    for field in settings.fields {
        if !fields.iter().any(|known| *known == field) {
            fields.push(field.into());
        }
    }
    let mask = match settings.replacement {
        None => Mask::Zero,
        Some(text) => Mask::Replacement(Replacement {
            number: text.parse().ok(),
            text: text.into(),
        }),
    };
    Ok(Box::new(MaskField {
        side,
        fields,
        mask,
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
        masked: Vec::new(),
    }))
}

impl Transform for MaskField {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        let fields = &self.fields;
        self.masked.clear();
        if cell.schema.is_none() {
            require_map(&cell.value, PURPOSE)?;
            for field in fields {
                self.masked
                    .push(self.mask.of(cell.value.map_get(field).unwrap_or(&Value::Null))?);
            }
            if let Value::Map(entries) = &mut cell.value {
                for (field, masked) in fields.iter().zip(self.masked.drain(..)) {
                    map_put(entries, field, masked);
                }
            }
            return Ok(Verdict::Keep);
        }
        let value = require_struct(&cell.value, PURPOSE)?;
        let schema = value.schema().clone();
        let positions = self.plans.get(&schema, |schema| {
            let indexed = schema.fields().iter().enumerate();
            let masked = indexed.filter(|(_, field)| fields.contains(&field.name));
            Ok(masked.map(|(index, _)| index).collect())
        })?;
        let with_default = self.with_default;
        let mut next = positions.iter().peekable();
        for (index, field) in schema.fields().iter().enumerate() {
            let item = read(value, index, with_default);
            check_copy(field, item, false)?;
            if next.next_if(|position| **position == index).is_some() {
                self.masked.push(self.mask.of(item)?);
            }
        }
        if let Value::Struct(value) = &mut cell.value {
            let values = value.values_mut();
            for (field, item) in schema.fields().iter().zip(values.iter_mut()) {
                fill_default(field, item, with_default);
            }
            for (position, masked) in positions.iter().zip(self.masked.drain(..)) {
                values[*position] = masked;
            }
        }
        Ok(Verdict::Keep)
    }
}

impl Mask {
    fn of(&self, value: &Value) -> Result<Value> {
        match self {
            Mask::Zero => zero(value),
            Mask::Replacement(replacement) => replacement.of(value),
        }
    }
}

fn zero(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Null => Value::Null,
        Value::Boolean(_) => Value::Boolean(false),
        Value::Int8(_) => Value::Int8(0),
        Value::Int16(_) => Value::Int16(0),
        Value::Int32(_) => Value::Int32(0),
        Value::Int64(_) => Value::Int64(0),
        Value::Float32(_) => Value::Float32(0.0),
        Value::Float64(_) => Value::Float64(0.0),
        Value::Decimal(_) => Value::Decimal(Decimal::new(0, 0)),
        Value::Date(_) => Value::Date(0),
        Value::String(_) => Value::String(Text::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Map(_) => Value::Map(Vec::new()),
        Value::Bytes(_) | Value::Struct(_) => {
            let class = value.java_class();
            return Err(Error::data(format!("Cannot mask value of type: class {class}")));
        }
    })
}

impl Replacement {
    fn of(&self, value: &Value) -> Result<Value> {
        let whole = || self.number().map(decimal_as_i64);
        Ok(match value {
            Value::Null => Value::Null,
            Value::Int8(_) => Value::Int8(whole()? as i8),
            Value::Int16(_) => Value::Int16(whole()? as i16),
            Value::Int32(_) => Value::Int32(whole()? as i32),
            Value::Int64(_) => Value::Int64(whole()?),
            Value::Float32(_) => Value::Float32(self.number()?.to_f64() as f32),
            Value::Float64(_) => Value::Float64(self.number()?.to_f64()),
            Value::String(_) => Value::String(self.text.clone()),
            Value::Decimal(_) => match &self.number {
                Some(number) => Value::Decimal(number.clone()),
                None => return Err(self.not_a_number("number")),
            },
            _ => {
                let class = value.java_class();
                return Err(Error::data(format!(
                    "Cannot mask value of type class {class} with custom replacement."
                )));
            }
        })
    }

    fn number(&self) -> Result<&Decimal> {
        self.number.as_ref().ok_or_else(|| self.not_a_number("a number"))
    }

    fn not_a_number(&self, what: &str) -> Error {
        Error::data(format!(
            "Unable to convert {} (class java.lang.String) to {what}",
            self.text
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Schema, SchemaAndValue, Struct, Type};

    #[test]
    fn masked_fields_lose_their_values() {
        let schema = Schema::structure()
            .field("card", Schema::primitive(Type::String, false))
            .field("amount", Schema::primitive(Type::Int32, true))
            .finish();
        let values = vec![Value::text("4111"), Value::Int32(7)];
        let row = SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values)));
        let fields = Props::new().with("fields", "card,amount,nothing");
        for (props, expected) in [
            (fields.clone(), vec![Value::text(""), Value::Int32(0)]),
            (
                fields.clone().with("replacement", "12.9"),
                vec![Value::text("12.9"), Value::Int32(12)],
            ),
        ] {
            let mut record = sink_record("t", 1, SchemaAndValue::NULL, row.clone());
            create(&props, Side::Value).unwrap().apply(&mut record).unwrap();
            assert_eq!(record.value.value.as_struct().unwrap().values(), expected);
        }
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, row.clone());
        let mut transform = create(&fields.with("replacement", "***"), Side::Value).unwrap();
        let error = transform.apply(&mut record).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Unable to convert *** (class java.lang.String) to a number")
        );
        assert_eq!(record.value, row);
    }
}
