//! The connector: validation, and the division of topic filters among tasks.

use crate::config::{SourceSettings, TASK_NUMBER};
use crate::filter::divide;
use crate::{note_licence_keys, validation};
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::config::ConfigValue;
use turnbuckle_api::source::{ConnectorContext, SourceConnector};
use turnbuckle_api::{ConfigDef, Props, Result};

/// `io.confluent.connect.mqtt.MqttSourceConnector`.
#[derive(Debug, Default)]
pub struct MqttSourceConnector {
    config: Props,
}

#[async_trait]
impl SourceConnector for MqttSourceConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SourceSettings::config_def()
    }

    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        validation::validate(SourceSettings::config_def(), config).await
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        SourceSettings::from_props(config)?;
        note_licence_keys(config);
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        let settings = SourceSettings::from_props(&self.config)?;
        let groups = divide(&settings.subscription.topics, usize::try_from(max_tasks).unwrap_or(1))?;
        let task = |(number, filters): (usize, Vec<String>)| {
            let mut config = self.config.clone();
            config.insert("mqtt.topics", filters.join(","));
            config.insert(TASK_NUMBER, number.to_string());
            config
        };
        Ok(groups.into_iter().enumerate().map(task).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::TestContext;

    #[tokio::test]
    async fn filters_are_divided_among_tasks() {
        let config = Props::new()
            .with("name", "c")
            .with("mqtt.server.uri", "tcp://localhost")
            .with("kafka.topic", "t")
            .with("mqtt.topics", "a/#, b,c");
        let mut connector = MqttSourceConnector::default();
        connector.start(TestContext::new(Props::new()), &config).await.unwrap();
        let tasks = connector.task_configs(2).await.unwrap();
        let of = |key| tasks.iter().map(|task| task.get(key).unwrap()).collect::<Vec<_>>();
        assert_eq!(of("mqtt.topics"), ["a/#,b", "c"]);
        assert_eq!(of(TASK_NUMBER), ["0", "1"]);
        assert_eq!(of("kafka.topic"), ["t", "t"]);
    }
}
