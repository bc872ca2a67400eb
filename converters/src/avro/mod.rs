//! `io.confluent.connect.avro.AvroConverter`: Avro with a schema registry.
//!
//! Nothing goes through a generic value tree. Writing: the first record of a Connect schema makes the Avro schema
//! ([`from_connect`]), its text ([`render`]) and a compiled [`writer`]; its id comes from the registry. From then on a record
//! costs one comparison of the schema's pointer and the run of the writer. Reading: the id in the payload finds a compiled
//! [`reader`], made from the registry's schema ([`parse`], [`to_connect`]) when it was first met. What the registry must be
//! asked for is a [`Step::Fetch`](turnbuckle_api::converter::Step::Fetch); the answer is in the shared client's cache when
//! the converter is called again.

mod compile_reader;
mod compile_writer;
mod config;
mod converter;
mod cursor;
mod defaults;
mod from_connect;
pub(crate) mod logical;
pub mod model;
mod names;
mod parse;
mod reader;
mod render;
mod resolve;
mod schema;
mod to_connect;
mod writer;

pub use converter::AvroConverter;

use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The Avro converter.
pub const PLUGIN: Plugin = Plugin {
    class: "io.confluent.connect.avro.AvroConverter",
    version: Some("7.6.1"),
    config_def: config::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(AvroConverter::new(props, role)?)),
        header: None,
    },
};

#[cfg(test)]
mod tests;
