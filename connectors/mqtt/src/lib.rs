//! MQTT source and sink.

use turnbuckle_api::plugin::Plugin;

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    Vec::new()
}
