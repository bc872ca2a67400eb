//! `InsertHeader`: adds a header whose typed value is written in the configuration.

use crate::kafka_transformation;
use turnbuckle_api::config::validator::non_null;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result, SchemaAndValue, Text};
use turnbuckle_converters::values::{parse_string, zone};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.InsertHeader",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// Name of the header.
    #[config(key = "header", required, importance = High, validator = non_null())]
    header: String,
    /// The value. Its type is guessed from the text, as it is for headers read from Kafka.
    #[config(key = "value.literal", required, importance = High, validator = non_null())]
    value: String,
}

struct InsertHeader {
    header: Text,
    value: SchemaAndValue,
}

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    let value = parse_string(&settings.value, &zone::default_zone())?;
    Ok(Box::new(InsertHeader {
        header: settings.header.into(),
        value: value.unwrap_or(SchemaAndValue::NULL),
    }))
}

impl Transform for InsertHeader {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        record.headers.add(self.header.clone(), self.value.clone());
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Schema, Type, Value};

    #[test]
    fn the_literal_has_a_type() {
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
        for literal in ["7", "true", "null", "x"] {
            let props = Props::new().with("header", "h").with("value.literal", literal);
            create(&props).unwrap().apply(&mut record).unwrap();
        }
        let values: Vec<&SchemaAndValue> = record.headers.iter().map(|header| &header.value).collect();
        assert_eq!(values[0].value, Value::Int8(7));
        assert_eq!(values[0].schema, Some(Schema::primitive(Type::Int8, false)));
        assert_eq!(values[1].value, Value::Boolean(true));
        assert_eq!(*values[2], SchemaAndValue::NULL);
        assert_eq!(values[3].value, Value::text("x"));
    }
}
