//! A herder that keeps connectors in memory.

use crate::herder::{
    ConnectorInfo, ConnectorState, ConnectorStateInfo, ConnectorType, Created, Herder, HerderError, HerderResult,
    RestartRequest, SupervisionInfo, TargetState, TaskId, TaskInfo, TaskState, ValidateConfig,
};
use crate::runtime::OffsetsChange;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use turnbuckle_api::{OffsetMap, Props};

/// Connectors in memory; `error` is what every request but reads ends in.
#[derive(Default)]
pub(super) struct MemoryHerder {
    pub(super) connectors: Mutex<BTreeMap<String, Props>>,
    error: Option<HerderError>,
}

impl MemoryHerder {
    pub(super) fn failing(error: HerderError) -> Arc<Self> {
        Arc::new(MemoryHerder {
            error: Some(error),
            ..MemoryHerder::default()
        })
    }

    fn check(&self) -> HerderResult<()> {
        self.error.clone().map_or(Ok(()), Err)
    }

    fn config(&self, name: &str, text: &str) -> HerderResult<Props> {
        let found = self.connectors.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| HerderError::not_found(text.replace("{}", name)))
    }

    fn info(name: &str, config: Props) -> ConnectorInfo {
        ConnectorInfo {
            name: name.to_string(),
            config,
            tasks: vec![TaskId::new(name, 0)],
            kind: ConnectorType::Source,
        }
    }

    fn state(name: &str, state: &str) -> ConnectorStateInfo {
        let (state, worker_id) = (state.to_string(), "w:1".to_string());
        ConnectorStateInfo {
            name: name.to_string(),
            connector: ConnectorState {
                state: state.clone(),
                worker_id: worker_id.clone(),
                version: None,
                trace: None,
            },
            tasks: vec![TaskState {
                id: 0,
                state,
                worker_id,
                version: None,
                trace: Some("at once".to_string()),
            }],
            kind: ConnectorType::Source,
        }
    }
}

#[async_trait]
impl Herder for MemoryHerder {
    fn kafka_cluster_id(&self) -> &str {
        "cluster"
    }

    async fn ping(&self) -> HerderResult<()> {
        Ok(())
    }

    fn is_ready(&self) -> bool {
        true
    }

    async fn connectors(&self) -> HerderResult<Vec<String>> {
        Ok(self.connectors.lock().unwrap().keys().cloned().collect())
    }

    async fn connector_info(&self, name: &str) -> HerderResult<ConnectorInfo> {
        self.check()?;
        Ok(Self::info(name, self.config(name, "Connector {} not found")?))
    }

    async fn connector_config(&self, name: &str) -> HerderResult<Props> {
        self.config(name, "Connector {} not found")
    }

    async fn put_connector_config(
        &self,
        name: &str,
        config: Props,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    ) -> HerderResult<Created<ConnectorInfo>> {
        self.check()?;
        let mut config = config;
        if let Some(state) = initial_state {
            config.insert("state in this test", state.name());
        }
        let replaced = self.connectors.lock().unwrap().insert(name.to_string(), config.clone());
        if replaced.is_some() && !allow_replace {
            return Err(HerderError::conflict(format!("Connector {name} already exists")));
        }
        Ok(Created {
            created: replaced.is_none(),
            value: Self::info(name, config),
        })
    }

    async fn patch_connector_config(
        &self,
        name: &str,
        patch: Props,
        validate: Arc<dyn ValidateConfig>,
    ) -> HerderResult<Created<ConnectorInfo>> {
        self.check()?;
        let mut config = self.config(name, "Connector {} not found")?;
        for (key, value) in patch.iter() {
            match value {
                Some(value) => config.insert(key, value),
                None => {
                    config.remove(key);
                }
            }
        }
        validate.validate(&config).await?;
        self.put_connector_config(name, config, None, true).await
    }

    async fn delete_connector(&self, name: &str) -> HerderResult<()> {
        self.check()?;
        self.config(name, "Connector {} not found")?;
        self.connectors.lock().unwrap().remove(name);
        Ok(())
    }

    async fn connector_status(&self, name: &str) -> HerderResult<ConnectorStateInfo> {
        self.config(name, "No status found for connector {}")?;
        Ok(Self::state(name, "RUNNING"))
    }

    async fn task_status(&self, task: &TaskId) -> HerderResult<TaskState> {
        self.config(&task.connector, &format!("No status found for task {task}"))?;
        Ok(Self::state(&task.connector, "RUNNING").tasks.remove(0))
    }

    async fn task_infos(&self, name: &str) -> HerderResult<Vec<TaskInfo>> {
        let config = self.config(name, "Connector {} not found")?;
        Ok(vec![TaskInfo {
            id: TaskId::new(name, 0),
            config,
        }])
    }

    async fn restart_task(&self, task: &TaskId) -> HerderResult<()> {
        self.check()?;
        self.config(&task.connector, "Unknown connector: {}").map(|_| ())
    }

    async fn restart_connector(&self, name: &str) -> HerderResult<()> {
        self.check()?;
        self.config(name, "Unknown connector: {}").map(|_| ())
    }

    async fn restart_connector_and_tasks(&self, request: RestartRequest) -> HerderResult<ConnectorStateInfo> {
        self.check()?;
        Ok(Self::state(
            &request.connector,
            if request.only_failed { "RUNNING" } else { "RESTARTING" },
        ))
    }

    async fn set_target_state(&self, name: &str, _state: TargetState) -> HerderResult<()> {
        self.config(name, "Unknown connector {}").map(|_| ())
    }

    async fn stop_connector(&self, name: &str) -> HerderResult<()> {
        self.check()?;
        self.config(name, "Unknown connector {}").map(|_| ())
    }

    async fn active_topics(&self, _name: &str) -> HerderResult<Vec<String>> {
        Ok(vec!["t".to_string()])
    }

    async fn reset_active_topics(&self, _name: &str) -> HerderResult<()> {
        Err(HerderError::Status {
            status: 403,
            message: Some("Topic tracking reset is disabled.".to_string()),
        })
    }

    async fn connector_offsets(&self, name: &str) -> HerderResult<Vec<(OffsetMap, Option<OffsetMap>)>> {
        self.config(name, "Connector {} not found")?;
        Ok(vec![(
            OffsetMap::new().with("filename", "/a"),
            Some(OffsetMap::new().with("position", 30i64)),
        )])
    }

    async fn supervision(&self) -> HerderResult<SupervisionInfo> {
        Ok(SupervisionInfo::default())
    }

    async fn fence_zombies(&self, _name: &str) -> HerderResult<()> {
        Ok(())
    }

    async fn modify_offsets(&self, name: &str, change: OffsetsChange) -> HerderResult<String> {
        self.check()?;
        self.config(name, "Connector {} not found")?;
        Ok(format!("{change:?}"))
    }

    async fn set_logger_level(&self, _namespace: &str, _level: &str) -> HerderResult<()> {
        self.check()
    }

    async fn put_task_configs(&self, _name: &str, _configs: Vec<Props>) -> HerderResult<()> {
        self.check()
    }
}
