//! Worker settings that this version can't honour: refused where going on would break a promise, else named in the log.

use crate::config::WorkerConfig;
use turnbuckle_api::Result;

/// # Errors
/// If the worker must not run with these settings.
pub(super) fn check(config: &WorkerConfig) -> Result<()> {
    if config.common.plugin_path.is_some() {
        tracing::info!("plugin.path is not used: all plugins are built in (see `turnbuckle plugins`)");
    }
    if config
        .common
        .metric_reporters
        .iter()
        .any(|class| !class.ends_with("JmxReporter"))
    {
        tracing::warn!("metric.reporters is not used: reporters are Java classes");
    }
    Ok(())
}
