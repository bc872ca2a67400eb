//! The converter's own keys (`ProtobufDataConfig`); those of the registry are in [`crate::registry::RegistryConfig`].

use super::names::DataOptions;
use crate::registry::RegistryConfig;
use std::sync::LazyLock;
use turnbuckle_api::config::validator::at_least;
use turnbuckle_api::{Config, ConfigDef, Error, Props, Result};

/// How schemas are mapped.
#[derive(Clone, Debug, Config)]
pub(super) struct ProtobufConfig {
    /// How many Connect schemas, and how many of the registry's, are kept compiled.
    #[config(key = "schemas.cache.config", default = "1000", importance = Low, validator = at_least(1))]
    pub(super) cache_size: i32,
    /// Unions and enums in the form that other formats use, too.
    #[config(key = "generalized.sum.type.support", default = "false", importance = Medium)]
    generalized: bool,
    /// Null stays null where a field has a default.
    #[config(key = "ignore.default.for.nullables", default = "false", importance = Medium)]
    ignore_default: bool,
    /// Keep the package in the names of schemas.
    #[config(key = "enhanced.protobuf.schema.support", default = "false", importance = Medium)]
    enhanced: bool,
    /// Replace characters that Protobuf does not allow in names.
    #[config(key = "scrub.invalid.names", default = "false", importance = Medium)]
    scrub: bool,
    /// Enums are their numbers, not their symbols.
    #[config(key = "int.for.enums", default = "false", importance = Medium)]
    int_enums: bool,
    /// Fields that may be null are marked optional, and only marked fields may be null.
    #[config(key = "optional.for.nullables", default = "false", importance = Medium)]
    optional_nullables: bool,
    /// Optional fields of proto2 are null when they are absent; else they have their default.
    #[config(key = "optional.for.proto2", default = "true", importance = Medium)]
    optional_proto2: bool,
    /// Fields that may be null are wrapper messages.
    #[config(key = "wrapper.for.nullables", default = "false", importance = Medium)]
    wrapper_nullables: bool,
    /// A wrapper message is the value inside.
    #[config(key = "wrapper.for.raw.primitives", default = "true", importance = Medium)]
    wrapper_raw: bool,
    /// Absent messages become structs of defaults.
    #[config(key = "generate.struct.for.nulls", default = "false", importance = Medium)]
    struct_for_nulls: bool,
    /// Names of unions end in an underscore and a number.
    #[config(key = "generate.index.for.unions", default = "true", importance = Low)]
    index_unions: bool,
}

/// Options of Java's serialiser that would change what is registered. Better a clear refusal than other schemas.
const REFUSED: [(&str, &[&str]); 3] = [
    ("skip.known.types", &["true"]),
    (
        "reference.subject.name.strategy",
        &["io.confluent.kafka.serializers.subject.DefaultReferenceSubjectNameStrategy"],
    ),
    ("schema.format", &[""]),
];

impl ProtobufConfig {
    pub(super) fn options(&self) -> DataOptions {
        DataOptions {
            enhanced: self.enhanced,
            generalized: self.generalized,
            scrub: self.scrub,
            int_enums: self.int_enums,
            optional_nullables: self.optional_nullables,
            optional_proto2: self.optional_proto2,
            wrapper_nullables: self.wrapper_nullables,
            wrapper_raw: self.wrapper_raw,
            struct_for_nulls: self.struct_for_nulls,
            index_unions: self.index_unions,
            ignore_default: self.ignore_default,
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
        if props.contains_key("reference.lookup.only") {
            tracing::info!(
                key = "reference.lookup.only",
                "option has no effect: written schemas refer to known files alone"
            );
        }
        Ok(())
    }
}

/// All keys of the converter.
pub(super) fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let mut def = RegistryConfig::config_def().clone();
        for key in ProtobufConfig::config_def().keys() {
            def.add(key.clone());
        }
        def
    });
    &DEF
}
