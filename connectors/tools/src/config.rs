//! What the tasks read of their configuration, and the connector that numbers its tasks.

use crate::no_keys;
use async_trait::async_trait;
use std::str::FromStr;
use std::sync::Arc;
use turnbuckle_api::config::{ConfigDef, Props};
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::{ConnectorContext, SourceConnector};
use turnbuckle_api::{Error, ErrorKind, Result};

pub(crate) const NAME: &str = "name";
pub(crate) const TASK_ID: &str = "id";
pub(crate) const TOPIC: &str = "topic";
/// Records per second of one task; no limit if negative, none at all if 0.
pub(crate) const THROUGHPUT: &str = "throughput";

/// Gives each task the whole configuration and its number under `id`. Source and sink alike.
#[derive(Debug, Default)]
pub(crate) struct NumberedTasks {
    config: Props,
}

impl NumberedTasks {
    fn configs(&self, max_tasks: u32) -> Vec<Props> {
        let task = |number: u32| self.config.clone().with(TASK_ID, number.to_string());
        (0..max_tasks).map(task).collect()
    }
}

#[async_trait]
impl SourceConnector for NumberedTasks {
    fn config_def(&self) -> &'static ConfigDef {
        no_keys()
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        Ok(self.configs(max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SinkConnector for NumberedTasks {
    fn config_def(&self) -> &'static ConfigDef {
        no_keys()
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        Ok(self.configs(max_tasks))
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// A number that must be there.
///
/// # Errors
/// `NumberFormatException` with Java's texts and the key.
pub(crate) fn number<T: FromStr>(config: &Props, key: &'static str) -> Result<T> {
    let kind = ErrorKind::Class("java.lang.NumberFormatException");
    let Some(text) = config.get(key) else {
        return Err(Error::new(kind, "Cannot parse null string: null").with_context("key", key));
    };
    text.parse()
        .map_err(|_| Error::new(kind, format!("For input string: \"{text}\"")).with_context("key", key))
}

/// A text that must be there.
pub(crate) fn text<'a>(config: &'a Props, key: &'static str) -> Result<&'a str> {
    config.get(key).ok_or_else(|| {
        Error::config(format!(
            "Missing required configuration \"{key}\" which has no default value."
        ))
    })
}

/// True for `true` in any case.
pub(crate) fn flag(config: &Props, key: &str) -> bool {
    config.get(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))
}
