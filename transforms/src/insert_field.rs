//! `InsertField$Key` and `InsertField$Value`: adds the record's coordinates or a fixed text as fields.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{Side, require_map, require_struct};
use crate::structs::{check_copies, copy_basics, fill_default, map_put, rebuild};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Origin, Props, Record, Result, Schema, SchemaRef, Text, Type, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.InsertField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.InsertField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "field insertion";

#[derive(Config)]
struct Settings {
    /// Field for the topic. `!` after a field's name makes the field required, `?` optional, as it is without either.
    #[config(key = "topic.field", importance = Medium)]
    topic: Option<String>,
    /// Field for the Kafka partition; `!` and `?` as above.
    #[config(key = "partition.field", importance = Medium)]
    partition: Option<String>,
    /// Field for the offset, for sink connectors only; `!` and `?` as above.
    #[config(key = "offset.field", importance = Medium)]
    offset: Option<String>,
    /// Field for the record's timestamp; `!` and `?` as above.
    #[config(key = "timestamp.field", importance = Medium)]
    timestamp: Option<String>,
    /// Field for `static.value`; `!` and `?` as above.
    #[config(key = "static.field", importance = Medium)]
    static_field: Option<String>,
    /// The fixed text, if a field for it is given.
    #[config(key = "static.value", importance = Medium)]
    static_value: Option<String>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

/// What is inserted.
enum Source {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Static(Text),
}

struct Insertion {
    source: Source,
    name: Text,
    optional: bool,
}

struct InsertField {
    side: Side,
    insertions: Vec<Insertion>,
    with_default: bool,
    /// Schemas with the fields appended.
    plans: Plans<SchemaRef>,
    /// Values for the record at hand, kept to save the allocation.
    inserted: Vec<Value>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    let mut insertions = Vec::new();
    for (spec, source) in [
        (settings.topic, Source::Topic),
        (settings.partition, Source::Partition),
        (settings.offset, Source::Offset),
        (settings.timestamp, Source::Timestamp),
    ] {
        insertions.extend(spec.map(|spec| insertion(&spec, source)));
    }
    if let Some(spec) = settings.static_field {
        let value = settings.static_value.ok_or_else(|| {
            let detail = format!("No value specified for static field: {spec}");
            Error::invalid_config("static.value", "null", detail)
        })?;
        insertions.push(insertion(&spec, Source::Static(value.into())));
    }
    if insertions.is_empty() {
        return Err(Error::config("No field insertion configured"));
    }
    Ok(Box::new(InsertField {
        side,
        insertions,
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
        inserted: Vec::new(),
    }))
}

fn insertion(spec: &str, source: Source) -> Insertion {
    let (name, optional) = match (spec.strip_suffix('?'), spec.strip_suffix('!')) {
        (Some(name), _) => (name, true),
        (_, Some(name)) => (name, false),
        _ => (spec, true),
    };
    Insertion {
        source,
        name: name.into(),
        optional,
    }
}

impl Insertion {
    fn schema(&self) -> SchemaRef {
        match self.source {
            Source::Topic | Source::Static(_) => Schema::primitive(Type::String, self.optional),
            Source::Partition => Schema::primitive(Type::Int32, self.optional),
            Source::Offset => Schema::primitive(Type::Int64, self.optional),
            Source::Timestamp => Schema::timestamp().with_optional(self.optional).finish(),
        }
    }

    /// The value for a record; null if the record has none.
    fn value(&self, record: &Record, has_schema: bool) -> Result<Value> {
        Ok(match &self.source {
            Source::Topic => Value::String(record.topic.clone()),
            Source::Partition => record.partition.map_or(Value::Null, Value::Int32),
            Source::Offset => match &record.origin {
                Origin::Sink(origin) => Value::Int64(origin.offset),
                Origin::Source { .. } => {
                    return Err(Error::data(format!(
                        "Only SinkRecord supported for [{PURPOSE}], found: org.apache.kafka.connect.source.SourceRecord"
                    )));
                }
            },
            Source::Timestamp => match record.timestamp {
                None => Value::Null,
                Some(millis) if has_schema => Value::Date(millis),
                Some(millis) => Value::Int64(millis),
            },
            Source::Static(text) => Value::String(text.clone()),
        })
    }
}

impl Transform for InsertField {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of(record);
        if cell.value.is_null() {
            return Ok(Verdict::Keep);
        }
        let insertions = &self.insertions;
        let with_default = self.with_default;
        self.inserted.clear();
        if cell.schema.is_none() {
            require_map(&cell.value, PURPOSE)?;
            for insertion in insertions {
                self.inserted.push(insertion.value(record, false)?);
            }
            if let Value::Map(entries) = &mut self.side.of_mut(record).value {
                for (insertion, value) in insertions.iter().zip(self.inserted.drain(..)) {
                    if !value.is_null() {
                        map_put(entries, &insertion.name, value);
                    }
                }
            }
            return Ok(Verdict::Keep);
        }
        let value = require_struct(&cell.value, PURPOSE)?;
        let target = self
            .plans
            .get(value.schema(), |schema| with_fields(schema, insertions))?;
        check_copies(value, with_default)?;
        for insertion in insertions {
            self.inserted.push(insertion.value(record, true)?);
        }
        let cell = self.side.of_mut(record);
        rebuild(cell, target, |mut values| {
            for (field, value) in target.fields().iter().zip(&mut values) {
                fill_default(field, value, with_default);
            }
            values.reserve_exact(self.inserted.len());
            values.append(&mut self.inserted);
            values
        });
        Ok(Verdict::Keep)
    }
}

fn with_fields(schema: &SchemaRef, insertions: &[Insertion]) -> Result<SchemaRef> {
    let mut fields = schema.fields().to_vec();
    for insertion in insertions {
        fields.push(turnbuckle_api::Field {
            name: insertion.name.clone(),
            schema: insertion.schema(),
        });
    }
    copy_basics(schema, Schema::structure()).fields(fields).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{SchemaAndValue, Struct};

    #[test]
    fn fields_are_appended() {
        let props = Props::new()
            .with("topic.field", "t!")
            .with("offset.field", "o")
            .with("timestamp.field", "ts?")
            .with("static.field", "s")
            .with("static.value", "x");
        let mut insert = create(&props, Side::Value).unwrap();
        let schema = Schema::structure()
            .field("id", Schema::primitive(Type::Int32, false))
            .finish();
        let value = Struct::new(schema.clone(), vec![Value::Int32(1)]);
        let mut record = sink_record(
            "bets",
            9,
            SchemaAndValue::NULL,
            SchemaAndValue::new(schema, Value::Struct(value)),
        );
        insert.apply(&mut record).unwrap();
        let value = record.value.value.as_struct().unwrap();
        let expected = [
            Value::Int32(1),
            Value::text("bets"),
            Value::Int64(9),
            Value::Date(0),
            Value::text("x"),
        ];
        assert_eq!(value.values(), expected);
        assert!(!value.schema().fields()[1].schema.is_optional());
        assert!(value.schema().fields()[2].schema.is_optional());
    }
}
