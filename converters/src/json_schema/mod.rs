//! `io.confluent.connect.json.JsonSchemaConverter`: JSON with its schema in a registry.
//!
//! Writing: the first record of a Connect schema makes the JSON Schema ([`from_connect`]) and a compiled writer ([`write`]);
//! its id comes from the registry. Reading: the id in the payload finds a compiled reader ([`read`]), made from the Connect
//! schema that the registry's schema stands for ([`to_connect`]) when it was first met.

mod compatible;
mod config;
mod converter;
mod from_connect;
mod names;
mod read;
#[cfg(test)]
mod tests;
mod to_connect;
mod write;

pub use converter::JsonSchemaConverter;

use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The JSON Schema converter.
pub const PLUGIN: Plugin = Plugin {
    class: "io.confluent.connect.json.JsonSchemaConverter",
    version: Some("7.6.1"),
    config_def: config::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(JsonSchemaConverter::new(props, role)?)),
        header: None,
    },
};
