//! The converter's own keys (`AvroDataConfig`); those of the registry are in [`crate::registry::RegistryConfig`].

use super::names::DataOptions;
use crate::registry::RegistryConfig;
use std::sync::LazyLock;
use turnbuckle_api::config::validator::at_least;
use turnbuckle_api::{Config, ConfigDef};

/// How schemas are mapped.
#[derive(Clone, Debug, Config)]
pub(crate) struct AvroConfig {
    /// How many Connect schemas, and how many of the registry's, are kept compiled.
    #[config(key = "schemas.cache.config", default = "1000", importance = Low, validator = at_least(1))]
    pub(crate) cache_size: i32,
    /// Write what only Connect knows of a schema into `connect.*` attributes.
    #[config(key = "connect.meta.data", default = "true", importance = Low)]
    pub(crate) meta_data: bool,
    /// Keep enums as enums, and names of union members apart by their namespaces.
    #[config(key = "enhanced.avro.schema.support", default = "false", importance = Medium)]
    pub(crate) enhanced: bool,
    /// Unions and enums in the form that other formats use, too.
    #[config(key = "generalized.sum.type.support", default = "false", importance = Medium)]
    pub(crate) generalized: bool,
    /// Replace characters that Avro does not allow in names.
    #[config(key = "scrub.invalid.names", default = "false", importance = Medium)]
    pub(crate) scrub: bool,
    /// Use documentation of schemas and fields as it is, and don't mark defaults.
    #[config(key = "discard.type.doc.default", default = "false", importance = Low)]
    pub(crate) discard_doc: bool,
    /// Null stays null where a field has a default.
    #[config(key = "ignore.default.for.nullables", default = "false", importance = Medium)]
    pub(crate) ignore_default: bool,
    /// Maps with optional text keys become Avro maps.
    #[config(key = "allow.optional.map.keys", default = "false", importance = Low)]
    pub(crate) optional_map_keys: bool,
}

impl AvroConfig {
    pub(crate) fn options(&self) -> DataOptions {
        DataOptions {
            meta_data: self.meta_data,
            enhanced: self.enhanced,
            generalized: self.generalized,
            scrub: self.scrub,
            discard_doc: self.discard_doc,
            ignore_default: self.ignore_default,
            optional_map_keys: self.optional_map_keys,
        }
    }
}

/// All keys of the converter.
pub(crate) fn config_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(|| {
        let mut def = RegistryConfig::config_def().clone();
        for key in AvroConfig::config_def().keys() {
            def.add(key.clone());
        }
        def
    });
    &DEF
}
