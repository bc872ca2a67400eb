//! `SetSchemaMetadata$Key` and `SetSchemaMetadata$Value`: sets name or version of a struct's schema.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::Side;
use crate::structs::{check_copies, fields_of, fill_default, rebuild};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Props, Record, Result, SchemaRef, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

#[derive(Config)]
struct Settings {
    /// Name to set.
    #[config(key = "schema.name", importance = High)]
    name: Option<String>,
    /// Version to set.
    #[config(key = "schema.version", importance = High)]
    version: Option<i32>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

struct SetSchemaMetadata {
    side: Side,
    settings: Settings,
    plans: Plans<SchemaRef>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    if settings.name.is_none() && settings.version.is_none() {
        return Err(Error::config("Neither schema name nor version configured"));
    }
    Ok(Box::new(SetSchemaMetadata {
        side,
        settings,
        plans: Plans::default(),
    }))
}

impl Transform for SetSchemaMetadata {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        let Some(schema) = &cell.schema else {
            return match cell.value {
                Value::Null => Ok(Verdict::Keep),
                _ => Err(Error::data("Schema required for [updating schema metadata]")),
            };
        };
        let settings = &self.settings;
        let target = self.plans.get(schema, |schema| renamed(schema, settings))?;
        let with_default = settings.replace_null_with_default;
        let Value::Struct(value) = &cell.value else {
            cell.schema = Some(target.clone());
            return Ok(Verdict::Keep);
        };
        check_copies(value, with_default)?;
        rebuild(cell, target, |mut values| {
            for (field, value) in target.fields().iter().zip(&mut values) {
                fill_default(field, value, with_default);
            }
            values
        });
        Ok(Verdict::Keep)
    }
}

fn renamed(schema: &SchemaRef, settings: &Settings) -> Result<SchemaRef> {
    fields_of(schema)?;
    let mut target = schema.to_builder();
    if let Some(name) = &settings.name {
        target = target.name(name.clone());
    }
    if let Some(version) = settings.version {
        target = target.version(version);
    }
    // The default keeps its own schema, under the old name; that is not checked anew.
    Ok(target.finish())
}
