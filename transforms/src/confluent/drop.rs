//! `Drop$Key` and `Drop$Value`: makes the key or value null.

use super::transformation;
use crate::plan::Plans;
use crate::side::Side;
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Props, Record, Result, SchemaRef, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    transformation(
        "io.confluent.connect.transforms.Drop$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    transformation(
        "io.confluent.connect.transforms.Drop$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SchemaBehavior {
    Nullify,
    Retain,
    Validate,
    ForceOptional,
}

impl ConfigChoice for SchemaBehavior {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("nullify", SchemaBehavior::Nullify),
        ("retain", SchemaBehavior::Retain),
        ("validate", SchemaBehavior::Validate),
        ("force_optional", SchemaBehavior::ForceOptional),
    ];
}

#[derive(Config)]
struct Settings {
    /// What becomes of the schema: `nullify` drops it, `retain` keeps it, `validate` keeps it and refuses one that is not
    /// optional, `force_optional` makes it optional.
    #[config(key = "schema.behavior", default = "nullify", importance = Medium,
             validator = one_of(&["nullify", "retain", "validate", "force_optional"]))]
    schema_behavior: SchemaBehavior,
}

struct Drop {
    side: Side,
    schema_behavior: SchemaBehavior,
    /// Optional schemas by what they were made of.
    plans: Plans<SchemaRef>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    Ok(Box::new(Drop {
        side,
        schema_behavior: Settings::from_props(props)?.schema_behavior,
        plans: Plans::default(),
    }))
}

impl Transform for Drop {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        if let Some(schema) = &cell.schema {
            match self.schema_behavior {
                SchemaBehavior::Nullify => cell.schema = None,
                SchemaBehavior::Retain => {}
                SchemaBehavior::Validate if schema.is_optional() => {}
                SchemaBehavior::Validate => {
                    return Err(Error::data(format!(
                        "A {} whose schema is not optional cannot become null; set 'schema.behavior' to nullify, retain or \
                         force_optional",
                        if self.side == Side::Key { "key" } else { "value" }
                    )));
                }
                SchemaBehavior::ForceOptional => {
                    let optional = self
                        .plans
                        .get(schema, |schema| Ok(schema.to_builder().optional().finish()))?;
                    cell.schema = Some(optional.clone());
                }
            }
        }
        cell.value = Value::Null;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Schema, SchemaAndValue, Type};

    #[test]
    fn the_key_goes_and_its_schema_as_told() {
        let required = Schema::primitive(Type::Int32, false);
        let optional = Schema::primitive(Type::Int32, true);
        for (behavior, expected) in [
            ("nullify", Some(None)),
            ("retain", Some(Some(required.clone()))),
            ("validate", None),
            ("force_optional", Some(Some(optional))),
        ] {
            let key = SchemaAndValue::new(required.clone(), Value::Int32(7));
            let mut record = sink_record("t", 1, key.clone(), SchemaAndValue::NULL);
            let mut drop = create(&Props::new().with("schema.behavior", behavior), Side::Key).unwrap();
            match (drop.apply(&mut record), expected) {
                (Ok(_), Some(schema)) => assert_eq!(
                    record.key,
                    SchemaAndValue {
                        schema,
                        value: Value::Null
                    }
                ),
                (Err(_), None) => assert_eq!(record.key, key),
                (result, _) => panic!("{behavior}: {result:?}"),
            }
        }
    }
}
