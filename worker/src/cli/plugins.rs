//! `turnbuckle plugins`.

use crate::launch::Failure;
use crate::plugins::Plugins;
use turnbuckle_api::plugin::{Plugin, PluginKind};

fn kind(plugin: &Plugin) -> &'static str {
    match plugin.kind {
        PluginKind::Source { .. } => "source",
        PluginKind::Sink { .. } => "sink",
        PluginKind::Transformation(_) => "transformation",
        PluginKind::Predicate(_) => "predicate",
        PluginKind::Converter { .. } => "converter",
        PluginKind::HeaderConverter(_) => "header converter",
    }
}

/// Prints all plugins, or the settings of one.
pub(super) fn print(wanted: Option<&str>) -> Result<(), Failure> {
    let plugins = Plugins::builtin();
    let Some(wanted) = wanted else {
        for plugin in plugins.all() {
            println!(
                "{:<17} {:<8} {}",
                kind(plugin),
                plugin.version.unwrap_or("-"),
                plugin.class
            );
        }
        return Ok(());
    };
    let plugin = plugins.any(wanted)?;
    println!("{} {} ({})", plugin.class, plugin.version.unwrap_or("-"), kind(plugin));
    for key in (plugin.config_def)().keys() {
        let default = match &key.default {
            None => "required".to_string(),
            Some(_) => format!("default {}", key.default_text().unwrap_or_else(|| "null".to_string())),
        };
        println!(
            "\n{} ({}, {default}, {})",
            key.name,
            key.kind.name(),
            key.importance.name().to_lowercase()
        );
        for line in key.documentation.lines() {
            println!("    {line}");
        }
    }
    Ok(())
}
