//! Converters between Kafka's bytes and the data model, and the schema registry client.

pub mod avro;
pub mod bytes;
pub mod charset;
mod entries;
pub mod json;
pub mod json_schema;
mod plain;
pub mod primitives;
pub mod protobuf;
pub mod registry;
mod role;
pub mod simple_header;
pub mod string;
pub mod values;

use turnbuckle_api::plugin::Plugin;

/// Every converter and header converter, one line each.
pub fn plugins() -> Vec<Plugin> {
    vec![
        json::PLUGIN,
        bytes::PLUGIN,
        primitives::BOOLEAN,
        primitives::SHORT,
        primitives::INTEGER,
        primitives::LONG,
        primitives::FLOAT,
        primitives::DOUBLE,
        string::PLUGIN,
        simple_header::PLUGIN,
        avro::PLUGIN,
        protobuf::PLUGIN,
        json_schema::PLUGIN,
    ]
}
