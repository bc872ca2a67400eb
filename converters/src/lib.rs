//! Converters between Kafka's bytes and the data model, and the schema registry client.

pub mod avro;
pub mod registry;

use turnbuckle_api::plugin::Plugin;

/// Every converter and header converter, one line each.
pub fn plugins() -> Vec<Plugin> {
    vec![]
}
