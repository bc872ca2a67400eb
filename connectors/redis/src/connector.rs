//! The connector: validates, and gives every task the same configuration.

use crate::config::Problem;
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::config::{ConfigDef, ConfigValue};
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::ConnectorContext;
use turnbuckle_api::{Props, Result};

/// Either class's connector.
#[derive(Debug)]
pub(crate) struct RedisSinkConnector {
    def: &'static ConfigDef,
    /// What is wrong with keys taken together.
    problems: fn(&Props) -> Vec<Problem>,
    props: Props,
}

impl RedisSinkConnector {
    pub(crate) fn new(def: &'static ConfigDef, problems: fn(&Props) -> Vec<Problem>) -> Self {
        RedisSinkConnector {
            def,
            problems,
            props: Props::new(),
        }
    }
}

#[async_trait]
impl SinkConnector for RedisSinkConnector {
    fn config_def(&self) -> &'static ConfigDef {
        self.def
    }

    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        let mut values = self.def.validate(config);
        if values.iter().any(|value| !value.errors.is_empty()) {
            return Ok(values);
        }
        for problem in (self.problems)(config) {
            if let Some(value) = values.iter_mut().find(|value| value.name == problem.key) {
                value.errors.push(problem.message);
            }
        }
        Ok(values)
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.def.parse(config)?;
        if let Some(problem) = (self.problems)(config).into_iter().next() {
            return Err(problem.into_error());
        }
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
