//! The one visible list of every plugin, and how a class name or alias in a configuration finds its plugin
//! (`org.apache.kafka.connect.runtime.isolation.Plugins`).

use turnbuckle_api::plugin::Plugin;

/// All plugins of this binary.
fn builtin() -> Vec<Plugin> {
    let mut plugins = Vec::new();
    plugins.extend(turnbuckle_converters::plugins());
    plugins
}

/// The plugins that a worker offers.
#[derive(Debug)]
pub struct Plugins {
    list: Vec<Plugin>,
}

impl Plugins {
    /// Every plugin of this binary.
    pub fn builtin() -> Self {
        Plugins { list: builtin() }
    }

    pub fn all(&self) -> &[Plugin] {
        &self.list
    }
}
