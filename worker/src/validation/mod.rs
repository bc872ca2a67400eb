//! Validation of connector configurations (`AbstractHerder.validateConnectorConfig`).
//!
//! A configuration goes one way: placeholders of config providers are resolved; the framework's definition is enriched with
//! the keys of transformations, predicates and converters; its values are validated, together and against the worker; the
//! connector validates its own keys; client overrides and converters add their parts. The answer lists every key with
//! definition, value and errors, in Connect's order. Nothing here reads or writes anything but what a connector's own
//! validation and config providers do.

mod checks;
mod client_keys;
pub mod connector_config;
mod enrich;
mod infos;
mod java_order;
mod parts;
mod validators;

pub use infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo};

use crate::config::{OverridePolicy, Providers, WorkerConfig};
use crate::herder::{HerderError, HerderResult, ValidateConfig};
use crate::plugins::{BAD_REQUEST, Found, ListedKind, Plugins, check_version};
use async_trait::async_trait;
use connector_config::{Role, framework_def};
use enrich::{Class, Enriched, class_of};
use std::sync::Arc;
use turnbuckle_api::config::{ConfigDef, ConfigKey, ConfigValue};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Error, Props, Result};

/// What validation needs to know of the worker.
pub struct WorkerFacts {
    /// Group of the workers; None for a standalone worker.
    pub group_id: Option<String>,
    /// `exactly.once.source.support=enabled`.
    pub exactly_once_sources: bool,
    pub override_policy: OverridePolicy,
    /// The worker's converters, by class name or alias.
    pub key_converter: String,
    pub value_converter: String,
    pub header_converter: String,
    /// Config providers.
    pub providers: Arc<Providers>,
}

/// Validates configurations and describes plugins.
pub struct Validator {
    plugins: Arc<Plugins>,
    facts: WorkerFacts,
}

/// A connector under validation.
enum Instance {
    Source(Box<dyn turnbuckle_api::source::SourceConnector>),
    Sink(Box<dyn turnbuckle_api::sink::SinkConnector>),
}

impl Instance {
    fn of(plugin: &Plugin) -> Option<Self> {
        match plugin.kind {
            PluginKind::Source { connector, .. } => Some(Instance::Source(connector())),
            PluginKind::Sink { connector, .. } => Some(Instance::Sink(connector())),
            _ => None,
        }
    }

    fn role(&self) -> Role {
        match self {
            Instance::Source(_) => Role::Source,
            Instance::Sink(_) => Role::Sink,
        }
    }

    fn config_def(&self) -> &'static ConfigDef {
        match self {
            Instance::Source(connector) => connector.config_def(),
            Instance::Sink(connector) => connector.config_def(),
        }
    }

    async fn validate(&self, props: &Props) -> Result<Vec<ConfigValue>> {
        match self {
            Instance::Source(connector) => connector.validate(props).await,
            Instance::Sink(connector) => connector.validate(props).await,
        }
    }
}

impl Validator {
    /// A validator of this worker.
    pub fn new(plugins: Arc<Plugins>, worker: &WorkerConfig) -> Self {
        let facts = WorkerFacts {
            group_id: worker.group_id().map(str::to_string),
            exactly_once_sources: worker.exactly_once_sources(),
            override_policy: worker.override_policy,
            key_converter: worker.common.key_converter.0.clone(),
            value_converter: worker.common.value_converter.0.clone(),
            header_converter: worker.common.header_converter.0.clone(),
            providers: worker.providers.clone(),
        };
        Self::with_facts(plugins, facts)
    }

    pub fn with_facts(plugins: Arc<Plugins>, facts: WorkerFacts) -> Self {
        Validator { plugins, facts }
    }

    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Validates a configuration.
    ///
    /// # Errors
    /// `BadRequestException` (400) without a connector class that is there; other kinds where validation itself fails.
    pub async fn validate(&self, given: &Props) -> Result<ConfigInfos> {
        let resolved = self.facts.providers.resolve(given)?;
        let props = &resolved;
        let Some(class) = props.get("connector.class") else {
            let message = format!("Connector config {} contains no connector type", names_only(given));
            return Err(Error::new(BAD_REQUEST, message));
        };
        let plugin = self.plugins.connector(class)?;
        if let Err(error) = check_version(plugin, props.get("connector.plugin.version")) {
            return Ok(self.wrong_version(class, plugin, props, &error));
        }
        let Some(connector) = Instance::of(plugin) else {
            return Err(Error::new(BAD_REQUEST, format!("{} is not a connector", plugin.class)));
        };

        let enriched = self.enriched(connector.role(), plugin, props);
        let mut values = enriched.validate();
        self.check_together(&connector, props, &mut values)?;
        checks::nulls(props, &mut values);
        let usable_converters: Vec<&str> = ["header", "key", "value"]
            .into_iter()
            .filter(|role| {
                let key = format!("{role}.converter");
                values.iter().any(|value| value.name == key && value.errors.is_empty())
            })
            .collect();

        java_order::sort_by_key(&mut values, |value| &value.name);
        values.extend(connector.validate(props).await?);
        let mut def = enriched.def;
        for key in connector.config_def().keys() {
            def.add(key.clone());
        }
        let mut infos = combine(class, &def, values);
        for client in parts::clients_used(connector.role(), props, self.facts.exactly_once_sources) {
            infos.append(parts::overrides(client, props, self.facts.override_policy)?);
        }
        for role in usable_converters {
            let kind = converter_kind(role);
            let key = format!("{role}.converter");
            if let Class::Fit(plugin) = class_of(&self.plugins, &key, props.get(&key), kind) {
                infos.append(parts::converter(plugin, role, props));
            }
        }
        Ok(infos)
    }

    fn enriched(&self, role: Role, plugin: &Plugin, props: &Props) -> Enriched {
        let mut enriched = Enriched::new(framework_def(Some(role)), props);
        enriched.connector_version(plugin);
        for role in ["key", "value", "header"] {
            enriched.converter(&self.plugins, role, converter_kind(role), self.worker_converter(role));
        }
        enriched.transformations(&self.plugins);
        enriched.predicates(&self.plugins);
        enriched
    }

    fn worker_converter(&self, role: &str) -> &str {
        match role {
            "key" => &self.facts.key_converter,
            "value" => &self.facts.value_converter,
            _ => &self.facts.header_converter,
        }
    }

    fn check_together(&self, connector: &Instance, props: &Props, values: &mut Vec<ConfigValue>) -> Result<()> {
        match connector {
            Instance::Sink(_) => {
                checks::sink_topics(props, values)?;
                if let Some(group) = &self.facts.group_id {
                    checks::sink_group(props, group, values);
                }
            }
            Instance::Source(connector) if self.facts.group_id.is_some() => {
                checks::exactly_once(connector.as_ref(), props, self.facts.exactly_once_sources, values);
            }
            Instance::Source(_) => {}
        }
        Ok(())
    }

    /// Only the framework's keys, with the error at class and version.
    fn wrong_version(&self, class: &str, plugin: &Plugin, props: &Props, error: &Error) -> ConfigInfos {
        let mut enriched = Enriched::new(framework_def(None), props);
        enriched.connector_version(plugin);
        enriched.no_converters();
        let mut values = enriched.validate();
        for value in &mut values {
            if matches!(value.name.as_str(), "connector.class" | "connector.plugin.version") {
                value.errors.extend(error.message().map(str::to_string));
            }
        }
        checks::nulls(props, &mut values);
        combine(class, &enriched.def, values)
    }

    /// Keys of a plugin, and for a connector those of the framework (`GET /connector-plugins/{plugin}/config`).
    ///
    /// # Errors
    /// 404 for an unknown plugin, 400 for a kind without description or a version that is not there.
    pub fn plugin_config(&self, name: &str, version: Option<&str>) -> HerderResult<Vec<ConfigKeyInfo>> {
        let plugin = match self.plugins.find(name) {
            Found::Plugin(plugin) => plugin,
            Found::Unknown => return Err(HerderError::not_found(format!("Unknown plugin {name}."))),
            Found::Other(class) if !class.starts_with("java") => {
                return Err(HerderError::bad_request(format!(
                    "Invalid plugin class {name}. Valid types are sink, source, converter, header_converter, \
                     transformation, predicate."
                )));
            }
            Found::Abstract { .. } | Found::Other(_) => return Err(HerderError::internal("Instantiation error")),
        };
        check_version(plugin, version)
            .map_err(|error| HerderError::bad_request(error.message().unwrap_or_default()))?;
        let own = (plugin.config_def)();
        let framework = match plugin.kind {
            PluginKind::Source { .. } => framework_def(Some(Role::Source)),
            PluginKind::Sink { .. } => framework_def(Some(Role::Sink)),
            _ => ConfigDef::new(),
        };
        let mut enriched = Enriched::new(framework, &Props::new());
        enriched.connector_version(plugin);
        let more = enriched.def.keys().iter().filter(|key| own.key(&key.name).is_none());
        let keys: Vec<&ConfigKey> = own.keys().iter().chain(more).collect();
        Ok(keys.into_iter().map(ConfigKeyInfo::from).collect())
    }
}

fn converter_kind(role: &str) -> ListedKind {
    if role == "header" {
        ListedKind::HeaderConverter
    } else {
        ListedKind::Converter
    }
}

/// A configuration as an error message may show it: names of the keys, never a value, which may be a secret.
fn names_only(props: &Props) -> String {
    let names: Vec<String> = props.keys().map(|key| format!("{key}=…")).collect();
    format!("{{{}}}", names.join(", "))
}

/// `AbstractHerder.generateResult`: values without definition first, then all defined keys; of several values of one key
/// the last counts.
fn combine(class: &str, def: &ConfigDef, values: Vec<ConfigValue>) -> ConfigInfos {
    let mut error_count = 0;
    let mut configs = Vec::with_capacity(values.len());
    let mut defined: Vec<Option<ConfigValue>> = vec![None; def.keys().len()];
    for value in values {
        match def.keys().iter().position(|key| key.name == value.name) {
            Some(position) => defined[position] = Some(value),
            None => {
                error_count += value.errors.len();
                configs.push(ConfigInfo {
                    definition: None,
                    value: Some(value.into()),
                });
            }
        }
    }
    for (key, value) in def.keys().iter().zip(defined) {
        error_count += value.as_ref().map_or(0, |value| value.errors.len());
        configs.push(ConfigInfo {
            definition: Some(key.into()),
            value: value.map(Into::into),
        });
    }
    let groups = def.groups().into_iter().map(str::to_string).collect();
    ConfigInfos {
        name: class.to_string(),
        error_count,
        groups,
        configs,
    }
}

/// How REST answers an error of validation that a request to create or change a connector ran into.
pub fn as_herder_error(error: Error) -> HerderError {
    match error.message() {
        Some(message) if error.kind() == BAD_REQUEST => HerderError::bad_request(message),
        _ => HerderError::Failed(error),
    }
}

#[async_trait]
impl ValidateConfig for Validator {
    async fn validate(&self, config: &Props) -> HerderResult<()> {
        self.validate_config(config).await
    }
}

impl Validator {
    /// Validates for a request that creates or changes a connector.
    ///
    /// # Errors
    /// 400 with all messages, or what validation itself failed of.
    pub async fn validate_config(&self, config: &Props) -> HerderResult<()> {
        let infos = self.validate(config).await.map_err(as_herder_error)?;
        if infos.error_count == 0 {
            return Ok(());
        }
        let mut message = format!(
            "Connector configuration is invalid and contains the following {} error(s):",
            infos.error_count
        );
        for error in infos.errors() {
            message.push('\n');
            message.push_str(error);
        }
        message.push_str(
            "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
        );
        Err(HerderError::bad_request(message))
    }
}

#[cfg(test)]
mod tests;
