//! `/connector-plugins`: what there is, its keys, and validation.

use super::answer::{Answer, Failure, Handled};
use super::body;
use super::dispatch::Call;
use crate::plugins::{ListedKind, UNDEFINED_VERSION};
use serde::Serialize;

#[derive(Serialize)]
struct PluginInfo<'a> {
    class: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

/// Connectors, or all plugins with `connectorsOnly=false`.
pub(super) fn list(call: &Call<'_>) -> Handled {
    let connectors_only = call.query.flag("connectorsOnly").unwrap_or(true);
    let plugins = call.resources.validator.plugins();
    let is_wanted = |kind: ListedKind| !connectors_only || matches!(kind, ListedKind::Sink | ListedKind::Source);
    let listed: Vec<PluginInfo<'_>> = plugins
        .listed()
        .filter(|(kind, _)| is_wanted(*kind))
        .map(|(kind, plugin)| PluginInfo {
            class: plugin.class,
            kind: kind.name(),
            version: plugin.version.filter(|version| *version != UNDEFINED_VERSION),
        })
        .collect();
    Answer::ok(&listed)
}

/// Keys of a plugin.
pub(super) fn config(call: &Call<'_>, name: &str) -> Handled {
    Answer::ok(
        &call
            .resources
            .validator
            .plugin_config(name, call.query.get("version"))?,
    )
}

/// `PUT …/config/validate`. A failure of validation itself shows as 500 with the exception's class, because Connect does not
/// unwrap it here.
pub(super) async fn validate(call: &Call<'_>, name: &str) -> Handled {
    let config = body::config(&call.body)?;
    if let Some(class) = config.get("connector.class")
        && !normalized(class).ends_with(normalized(name))
    {
        return Err(Failure::new(
            400,
            format!("Included connector type {class} does not match request type {name}"),
        ));
    }
    match call.resources.validator.validate(&config).await {
        Ok(infos) => Answer::ok(&infos),
        Err(error) => Err(Failure::new(500, error.headline())),
    }
}

fn normalized(class: &str) -> &str {
    class.strip_suffix("Connector").unwrap_or(class)
}
