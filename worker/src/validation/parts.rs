//! The parts of an answer that belong to others than the connector: overrides of client settings, and converters that the
//! connector brings.

use super::client_keys;
use super::connector_config::Role;
use super::infos::{ConfigInfos, prefixed};
use super::java_order;
use crate::config::OverridePolicy;
use crate::config::client::ClientKind;
use turnbuckle_api::config::{ConfigDef, ConfigKey, ConfigValue};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::{Props, Result};

/// The clients that a connector with this configuration uses, in the order in which their overrides are shown.
pub(super) fn clients_used(role: Role, props: &Props, exactly_once_worker: bool) -> Vec<ClientKind> {
    let is_set = |key: &str| props.get(key).is_some_and(|text| !text.trim().is_empty());
    let is_source = role == Role::Source;
    let has_dead_letters = !is_source && is_set("errors.deadletterqueue.topic.name");
    let creates_topics = is_source && props.keys().any(|key| key.starts_with("topic.creation."));
    let has_own_offsets = is_source && (exactly_once_worker || is_set("offsets.storage.topic"));
    let mut clients = Vec::new();
    if is_source || has_dead_letters {
        clients.push(ClientKind::Producer);
    }
    if !is_source || has_own_offsets {
        clients.push(ClientKind::Consumer);
    }
    if creates_topics || has_dead_letters || has_own_offsets {
        clients.push(ClientKind::Admin);
    }
    clients
}

/// Overrides of one client's settings, each with the policy's verdict.
///
/// # Errors
/// `ConfigException` for the first value that does not parse; Connect fails the whole request then.
pub(super) fn overrides(client: ClientKind, props: &Props, policy: OverridePolicy) -> Result<ConfigInfos> {
    let def = client_keys::config_def(client);
    let mut values = Vec::new();
    for (name, text) in props.with_prefix(client.override_prefix()).iter() {
        let mut value = ConfigValue::new(name);
        value.value = match def.key(name) {
            Some(key) => parsed(key, text)?,
            None => text.map(str::to_string),
        };
        value.errors.extend(policy.refusal(name));
        values.push(value);
    }
    java_order::sort_by_key(&mut values, |value| &value.name);
    Ok(prefixed(def.keys(), values, client.override_prefix()))
}

/// The value as REST shows it.
fn parsed(key: &ConfigKey, text: Option<&str>) -> Result<Option<String>> {
    // Only the type counts here; a client checks the rest when it is made.
    let mut key = key.clone();
    key.validator = None;
    let name = key.name.clone();
    let mut single = Props::new();
    single.insert_nullable(name.as_str(), text.map(str::to_string));
    Ok(ConfigDef::new().define(key).parse(&single)?.get(&name).rendered())
}

/// The keys of a converter that the connector names.
pub(super) fn converter(plugin: &Plugin, role: &str, props: &Props) -> ConfigInfos {
    let prefix = format!("{role}.converter.");
    let mut own = props.with_prefix(&prefix);
    if own.get("converter.type").is_none() {
        own.insert("converter.type", role);
    }
    let def = (plugin.config_def)();
    let mut values = def.validate(&own);
    java_order::sort_by_key(&mut values, |value| &value.name);
    prefixed(def.keys(), values, &prefix)
}
