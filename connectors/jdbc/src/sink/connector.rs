//! The connector: validates, and gives every task the same configuration.

use super::config::SinkConfig;
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::config::{Config, ConfigDef, ConfigValue};
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::ConnectorContext;
use turnbuckle_api::{Props, Result};

/// `io.confluent.connect.jdbc.JdbcSinkConnector`.
#[derive(Debug, Default)]
pub struct JdbcSinkConnector {
    props: Props,
}

const DELETES_NEED_KEYS: &str = "Deletes are only supported for pk.mode record_key";

#[async_trait]
impl SinkConnector for JdbcSinkConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SinkConfig::config_def()
    }

    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        let mut values = SinkConfig::config_def().validate(config);
        let value = |name: &str| values.iter().find(|value| value.name == name)?.value.clone();
        let deletes = value("delete.enabled").as_deref() == Some("true");
        let by_key = value("pk.mode").is_some_and(|mode| mode.eq_ignore_ascii_case("record_key"));
        if deletes && !by_key {
            let concerned = values
                .iter_mut()
                .filter(|value| matches!(value.name.as_str(), "delete.enabled" | "pk.mode"));
            concerned.for_each(|value| value.errors.push(DELETES_NEED_KEYS.to_string()));
        }
        Ok(values)
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.props = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        Ok(vec![self.props.clone(); max_tasks as usize])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::TestContext;

    fn props(extra: &[(&str, &str)]) -> Props {
        let mut props = Props::new().with("connection.url", "jdbc:sqlite:x.db");
        for (key, value) in extra {
            props.insert(*key, *value);
        }
        props
    }

    #[tokio::test]
    async fn deletes_need_record_keys() {
        let connector = JdbcSinkConnector::default();
        let check = async |extra: &[(&str, &str)]| {
            let values = connector.validate(&props(extra)).await.unwrap();
            let of = |name: &str| values.iter().find(|value| value.name == name).unwrap().clone();
            (of("delete.enabled"), of("pk.mode"))
        };
        let (delete, mode) = check(&[("delete.enabled", "true")]).await;
        assert_eq!(
            (delete.errors, mode.errors),
            (vec![DELETES_NEED_KEYS.to_string()], vec![DELETES_NEED_KEYS.to_string()])
        );
        assert_eq!(
            (delete.recommended_values, delete.visible),
            (vec!["false".to_string()], false)
        );
        assert_eq!(mode.recommended_values, ["record_key"]);
        let (delete, mode) = check(&[("delete.enabled", "true"), ("pk.mode", "record_key")]).await;
        assert!(delete.errors.is_empty() && mode.errors.is_empty() && delete.visible);
        let (_, mode) = check(&[]).await;
        assert_eq!(mode.recommended_values.len(), 4);
    }

    #[tokio::test]
    async fn tasks_are_alike() {
        let mut connector = JdbcSinkConnector::default();
        let props = props(&[("name", "c")]);
        connector.start(TestContext::new(props.clone()), &props).await.unwrap();
        assert_eq!(connector.task_configs(2).await.unwrap(), [props.clone(), props]);
    }
}
