//! [`WorkerConfig`]: typed settings beside the text they came from.

mod settings;

pub use settings::{
    CommonSettings, ConnectProtocol, DistributedSettings, ExactlyOnceSupport, RestSettings, StandaloneSettings,
};

use super::client::table;
use super::override_policy::OverridePolicy;
use super::properties;
use super::providers::Providers;
use super::restarts::{RestartPolicy, Restarts};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::{Config, Props, Result};

/// Milliseconds of a setting; negative ones count as none.
pub(crate) fn millis(value: impl TryInto<u64>) -> Duration {
    Duration::from_millis(value.try_into().unwrap_or(0))
}

/// How the worker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Distributed,
    Standalone,
}

/// Settings of one mode.
#[derive(Clone, Debug)]
pub enum ModeSettings {
    Distributed(Box<DistributedSettings>),
    Standalone(StandaloneSettings),
}

/// Everything the worker was told.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The text as given, unknown keys included, with values in place of placeholders: clients, converters, providers and extensions take theirs from it.
    pub props: Props,
    pub common: CommonSettings,
    pub rest: RestSettings,
    pub mode: ModeSettings,
    pub override_policy: OverridePolicy,
    pub restarts: Restarts,
    /// What resolves placeholders.
    pub providers: Arc<Providers>,
}

/// Keys that start so belong to clients, plugins or topics, which know them better.
const OPEN_PREFIXES: [&str; 15] = [
    "producer.",
    "consumer.",
    "admin.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "config.providers.",
    "config.storage.",
    "offset.storage.",
    "status.storage.",
    "metrics.context.",
    "listeners.https.",
    "admin.listeners.https.",
    "topic.creation.",
    "log4j.",
];

impl WorkerConfig {
    /// Reads the file, if there is one, and lets the environment override it. Unknown keys are logged, once.
    ///
    /// # Errors
    /// `ConfigException` with Kafka's text for the first key that is missing or wrong.
    pub fn load(
        mode: Mode,
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<WorkerConfig> {
        let mut props = match file {
            Some(file) => properties::read_file(file)?,
            None => Props::new(),
        };
        props.extend(&properties::from_environment(environment));
        let config = Self::from_props(mode, props)?;
        let unknown = config.unknown_keys();
        if !unknown.is_empty() {
            tracing::warn!(
                "The worker has no such settings, they are kept and unused: {}",
                unknown.join(", ")
            );
        }
        Ok(config)
    }

    /// From text properties.
    ///
    /// # Errors
    /// As [`WorkerConfig::load`].
    pub fn from_props(mode: Mode, props: Props) -> Result<WorkerConfig> {
        let providers = Providers::from_props(&props)?;
        let props = providers.resolve(&props)?;
        let common = CommonSettings::from_props(&props)?;
        let rest = RestSettings::from_props(&props)?;
        let mode = match mode {
            Mode::Distributed => ModeSettings::Distributed(Box::new(DistributedSettings::from_props(&props)?)),
            Mode::Standalone => ModeSettings::Standalone(StandaloneSettings::from_props(&props)?),
        };
        let override_policy = OverridePolicy::from_name(&common.override_policy)?;
        let restarts = Restarts::from_props(&props)?;
        Ok(WorkerConfig {
            props,
            common,
            rest,
            mode,
            override_policy,
            restarts,
            providers: Arc::new(providers),
        })
    }

    pub fn distributed(&self) -> Option<&DistributedSettings> {
        match &self.mode {
            ModeSettings::Distributed(settings) => Some(settings),
            ModeSettings::Standalone(_) => None,
        }
    }

    pub fn standalone(&self) -> Option<&StandaloneSettings> {
        match &self.mode {
            ModeSettings::Standalone(settings) => Some(settings),
            ModeSettings::Distributed(_) => None,
        }
    }

    /// The group of workers; None for a standalone worker, which belongs to none.
    pub fn group_id(&self) -> Option<&str> {
        self.distributed().map(|settings| settings.group_id.as_str())
    }

    /// True if source tasks write in transactions.
    pub fn exactly_once_sources(&self) -> bool {
        self.distributed()
            .is_some_and(|settings| settings.exactly_once_source_support == ExactlyOnceSupport::Enabled)
    }

    /// What ids of clients of the internal topics begin with: `G-` or `G-C-`.
    pub fn client_id_base(&self) -> String {
        let Some(settings) = self.distributed() else {
            return String::new();
        };
        let group = &settings.group_id;
        match settings.client_id.as_str() {
            "" => format!("{group}-"),
            client => format!("{group}-{client}-"),
        }
    }

    /// Keys that mean nothing to the worker, in their order.
    pub fn unknown_keys(&self) -> Vec<&str> {
        self.props
            .keys()
            .filter(|key| !is_worker_key(key) && !table::is_known(key))
            .collect()
    }
}

/// True for keys of workers of either mode, clients' own aside.
pub fn is_worker_key(key: &str) -> bool {
    let definitions = [
        CommonSettings::config_def(),
        RestSettings::config_def(),
        DistributedSettings::config_def(),
        StandaloneSettings::config_def(),
        RestartPolicy::config_def(),
    ];
    definitions.iter().any(|definition| definition.key(key).is_some())
        || OPEN_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests;
