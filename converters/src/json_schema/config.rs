//! The converter's own keys (`JsonSchemaDataConfig`); those of the registry are in [`crate::registry::RegistryConfig`].

use super::names::DataOptions;
use crate::registry::RegistryConfig;
use std::sync::LazyLock;
use turnbuckle_api::config::validator::{at_least, one_of_ignore_case};
use turnbuckle_api::{Config, ConfigDef, Error, Props, Result};

/// How schemas and values are mapped.
#[derive(Clone, Debug, Config)]
pub(super) struct JsonSchemaConfig {
    /// How many Connect schemas, and how many of the registry's, are kept compiled.
    #[config(key = "schemas.cache.config", default = "1000", importance = Low, validator = at_least(1))]
    pub(super) cache_size: i32,
    /// Unions and enums in the form that other formats use, too.
    #[config(key = "generalized.sum.type.support", default = "false", importance = Medium)]
    generalized: bool,
    /// Null stays null where a field has a default.
    #[config(key = "ignore.default.for.nullables", default = "false", importance = Medium)]
    ignore_default: bool,
    /// Objects may have more members than their schemas name.
    #[config(key = "object.additional.properties", default = "true", importance = Medium)]
    additional_properties: bool,
    /// Members that are not required are optional.
    #[config(key = "use.optional.for.nonrequired", default = "false", importance = Medium)]
    optional_for_nonrequired: bool,
    /// Schemas of drafts after 7 are read as draft 7, as all are here.
    #[config(key = "ignore.modern.dialects", default = "false", importance = Low)]
    _ignore_modern: bool,
    /// How decimals are written: BASE64 of their unscaled value, or NUMERIC, as JSON numbers. Both are read.
    #[config(key = "decimal.format", default = "BASE64", importance = Low,
             validator = one_of_ignore_case(&["BASE64", "NUMERIC"]))]
    decimal_format: String,
}

/// Options of Java's serialisers that would change bytes or refuse records. Better a clear refusal than other data.
const REFUSED: [(&str, &[&str]); 2] = [
    ("json.fail.invalid.schema", &["false"]),
    ("json.indent.output", &["false"]),
];

/// Options that concern Java classes alone.
const IGNORED: [&str; 6] = [
    "json.fail.unknown.properties",
    "json.oneof.for.nullables",
    "json.schema.spec.version",
    "json.write.dates.iso8601",
    "json.default.property.inclusion",
    "json.value.type",
];

impl JsonSchemaConfig {
    pub(super) fn options(&self) -> DataOptions {
        DataOptions {
            generalized: self.generalized,
            ignore_default: self.ignore_default,
            additional_properties: self.additional_properties,
            optional_for_nonrequired: self.optional_for_nonrequired,
            numeric_decimals: self.decimal_format.eq_ignore_ascii_case("NUMERIC"),
        }
    }

    /// Refuses keys that can't be honoured, and logs those that make no difference.
    pub(super) fn check_others(props: &Props) -> Result<()> {
        for (key, harmless) in REFUSED {
            if let Some(value) = props.get(key).filter(|value| !harmless.contains(value)) {
                let detail = "this option is not supported; remove it";
                return Err(Error::invalid_config(key, value, detail));
            }
        }
        for key in IGNORED.into_iter().filter(|key| props.contains_key(key)) {
            tracing::info!(key, "option has no effect on this converter");
        }
        Ok(())
    }
}

/// All keys of the converter.
pub(super) fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let mut def = RegistryConfig::config_def().clone();
        for key in JsonSchemaConfig::config_def().keys() {
            def.add(key.clone());
        }
        def
    });
    &DEF
}
