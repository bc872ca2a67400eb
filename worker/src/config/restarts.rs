//! `turnbuckle.restart.*`: restarts of failed connectors and tasks, for the worker and for single connectors.

use super::worker::millis;
use std::time::Duration;
use turnbuckle_api::config::{Config, validator::at_least};
use turnbuckle_api::{Props, Result};

/// What the keys begin with, in the worker's properties and in a connector's configuration.
const PREFIX: &str = "turnbuckle.restart.";

/// `turnbuckle.restart.*`: of the worker, or of a connector, which come first.
#[derive(Clone, Debug, Config)]
pub struct RestartPolicy {
    /// Restarts in a row of a connector or task that fails; 0 for none, as Connect has it, -1 for any number.
    #[config(key = "turnbuckle.restart.max.attempts", default = "0", importance = Low, validator = at_least(-1))]
    pub max_attempts: i32,
    /// Milliseconds before the first restart; each further one waits twice as long.
    #[config(key = "turnbuckle.restart.backoff.initial.ms", default = "1000", importance = Low,
             validator = at_least(1))]
    pub backoff_initial_ms: i64,
    /// Milliseconds that a restart waits at most.
    #[config(key = "turnbuckle.restart.backoff.max.ms", default = "60000", importance = Low, validator = at_least(1))]
    pub backoff_max_ms: i64,
    /// Milliseconds without failure after which former failures are forgotten.
    #[config(key = "turnbuckle.restart.reset.after.ms", default = "600000", importance = Low,
             validator = at_least(1))]
    pub reset_after_ms: i64,
}

impl RestartPolicy {
    /// Is there another restart after so many?
    pub(crate) fn allows(&self, attempts: u32) -> bool {
        u32::try_from(self.max_attempts).map_or(true, |most| attempts < most)
    }

    /// Pause before the next restart.
    pub(crate) fn pause(&self, attempts: u32) -> Duration {
        let first = millis(self.backoff_initial_ms);
        let longest = millis(self.backoff_max_ms);
        first
            .saturating_mul(1u32.checked_shl(attempts.min(30)).unwrap_or(u32::MAX))
            .min(longest)
    }
}

/// The worker's settings for restarts, and the text they came from, for connectors that change some.
#[derive(Clone, Debug)]
pub struct Restarts {
    /// What holds for connectors that say nothing.
    pub policy: RestartPolicy,
    props: Props,
}

impl Restarts {
    /// # Errors
    /// `ConfigException` for a wrong value.
    pub fn from_props(props: &Props) -> Result<Self> {
        let mut own = Props::new();
        for (key, value) in props.iter().filter(|(key, _)| key.starts_with(PREFIX)) {
            own.insert_nullable(key, value.map(str::to_string));
        }
        Ok(Restarts {
            policy: RestartPolicy::from_props(&own)?,
            props: own,
        })
    }

    /// With a connector's own settings in their place.
    ///
    /// # Errors
    /// As [`Restarts::from_props`].
    pub fn of_connector(&self, config: &Props) -> Result<RestartPolicy> {
        if !config.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(self.policy.clone());
        }
        let mut merged = self.props.clone();
        for (key, value) in config.iter().filter(|(key, _)| key.starts_with(PREFIX)) {
            merged.insert_nullable(key, value.map(str::to_string));
        }
        RestartPolicy::from_props(&merged)
    }
}
