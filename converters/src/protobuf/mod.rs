//! `io.confluent.connect.protobuf.ProtobufConverter`: Protobuf with a schema registry.
//!
//! Nothing goes through a generic message. Writing: the first record of a Connect schema makes a file
//! ([`from_connect`]), its text ([`definition`]) and a compiled [`writer`]; its id comes from the registry. From then on a
//! record costs one comparison of the schema's pointer and the run of the writer. Reading: the id and the message index
//! ([`frame`]) find a compiled [`reader`], made from the registry's schema ([`descriptors`], [`to_connect`]) when it was
//! first met.

mod compatible;
mod config;
mod converter;
mod definition;
mod descriptors;
mod frame;
mod from_connect;
mod known;
mod logical;
mod meta;
mod names;
mod reader;
#[cfg(test)]
mod tests;
mod to_connect;
mod writer;

pub use converter::ProtobufConverter;

use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The Protobuf converter.
pub const PLUGIN: Plugin = Plugin {
    class: "io.confluent.connect.protobuf.ProtobufConverter",
    version: Some("7.6.1"),
    config_def: config::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(ProtobufConverter::new(props, role)?)),
        header: None,
    },
};
