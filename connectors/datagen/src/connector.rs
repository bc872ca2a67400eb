//! The connector: checks that there is one schema, and gives each task the whole configuration and a number.

use crate::config::{DatagenConfig, SCHEMA_KEYFIELD, SCHEMA_SOURCES, has_field, no_schema_source};
use crate::task::TASK_ID;
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::config::{ConfigDef, ConfigValue, Props};
use turnbuckle_api::source::{ConnectorContext, SourceConnector};
use turnbuckle_api::{Config, Error, Result};

/// Hands its configuration to all tasks there may be: each generates for itself.
#[derive(Debug, Default)]
pub struct DatagenConnector {
    config: Props,
}

#[async_trait]
impl SourceConnector for DatagenConnector {
    fn config_def(&self) -> &'static ConfigDef {
        DatagenConfig::config_def()
    }

    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        let mut values = DatagenConfig::config_def().validate(config);
        let is_source = |value: &ConfigValue| SCHEMA_SOURCES.contains(&value.name.as_str());
        // A text that could not be read counts as given.
        let is_given = |value: &ConfigValue| is_source(value) && value.value.as_deref() != Some("");
        let given = values.iter().filter(|value| is_given(value)).count();
        for value in &mut values {
            let is_wrong = match given {
                0 => is_source(value),
                1 => false,
                _ => is_given(value),
            };
            if is_wrong {
                value.errors.push(no_schema_source());
            }
        }
        let Ok(settings) = DatagenConfig::from_props(config) else {
            return Ok(values);
        };
        if given != 1 || settings.schema_keyfield.is_empty() {
            return Ok(values);
        }
        let keyfield = values.iter_mut().find(|value| value.name == SCHEMA_KEYFIELD);
        if let (Some(value), Ok(schema)) = (keyfield, settings.schema())
            && !has_field(&schema, &settings.schema_keyfield)
        {
            value.errors.push(format!(
                "The schema does not contain the field provided in '{SCHEMA_KEYFIELD}'"
            ));
        }
        Ok(values)
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        DatagenConfig::from_props(config).map_err(|cause| {
            Error::config("Datagen connector could not start because of an error in the configuration")
                .with_cause(cause)
        })?;
        self.config = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        let task = |number: u32| self.config.clone().with(TASK_ID, number.to_string());
        Ok((0..max_tasks).map(task).collect())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn errors(config: Props) -> Vec<(String, Vec<String>)> {
        let values = DatagenConnector::default().validate(&config).await.unwrap();
        let wrong = values.into_iter().filter(|value| !value.errors.is_empty());
        wrong.map(|value| (value.name, value.errors)).collect()
    }

    #[tokio::test]
    async fn exactly_one_schema_is_wanted() {
        const ONE: &str = "Must set exactly one of schema.string, schema.filename, quickstart";
        let topic = Props::new().with("kafka.topic", "t");
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
        assert_eq!(errors(topic.clone().with("quickstart", "Users")).await, []);
        assert_eq!(
            errors(topic.clone().with("schema.filename", "users_schema.avro")).await,
            []
        );
        let expect = |keys: &[&str]| -> Vec<(String, Vec<String>)> {
            keys.iter()
                .map(|key| (key.to_string(), vec![ONE.to_string()]))
                .collect()
        };
        assert_eq!(errors(topic.clone()).await, expect(&SCHEMA_SOURCES));
        let two = topic.clone().with("quickstart", "users").with("schema.string", schema);
        assert_eq!(errors(two).await, expect(&["schema.string", "quickstart"]));
        let unknown = errors(topic.clone().with("quickstart", "nope")).await;
        assert!(unknown[0].1[0].starts_with("quickstart must be one out of clickstream_codes,clickstream,"));
        let missing = errors(topic.clone().with("schema.filename", "/nowhere/x.avsc")).await;
        assert_eq!(missing[0].1[0], "Unable to find the schema file /nowhere/x.avsc");
        let broken = errors(topic.clone().with("schema.string", "{")).await;
        assert!(broken[0].1[0].starts_with("Unable to parse the provided schema"));
        let keyed = topic.with("schema.string", schema);
        assert_eq!(errors(keyed.clone().with("schema.keyfield", "a")).await, []);
        let no_field = "The schema does not contain the field provided in 'schema.keyfield'";
        assert_eq!(
            errors(keyed.with("schema.keyfield", "b")).await,
            [("schema.keyfield".to_string(), vec![no_field.to_string()])]
        );
    }
}
