//! The connector: every task gets the whole configuration, and a number for its client id.

use crate::config::{SinkSettings, TASK_NUMBER};
use crate::{note_licence_keys, validation};
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::config::ConfigValue;
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::ConnectorContext;
use turnbuckle_api::{ConfigDef, Props, Result};

/// `io.confluent.connect.mqtt.MqttSinkConnector`.
#[derive(Debug, Default)]
pub struct MqttSinkConnector {
    config: Props,
}

#[async_trait]
impl SinkConnector for MqttSinkConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SinkSettings::config_def()
    }

    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        validation::validate(SinkSettings::config_def(), config).await
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        SinkSettings::from_props(config)?;
        note_licence_keys(config);
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        let task = |number: u32| self.config.clone().with(TASK_NUMBER, number.to_string());
        Ok((0..max_tasks).map(task).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}
