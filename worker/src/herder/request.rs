//! Messages from REST to the herder's task, and the handle that sends them.

use super::{
    ConnectorInfo, ConnectorStateInfo, Created, Herder, HerderError, HerderResult, RestartRequest, SupervisionInfo,
    TargetState, TaskId, TaskInfo, TaskState, ValidateConfig,
};
use crate::runtime::{OffsetsChange, PartitionOffsets};
use crate::storage::ConfigStore;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use turnbuckle_api::Props;

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<HerderResult<T>>;

/// A configuration to store.
pub(super) struct PutConfig {
    pub(super) name: String,
    pub(super) config: Props,
    pub(super) initial_state: Option<TargetState>,
    pub(super) allow_replace: bool,
    /// When the request came.
    pub(super) since: Instant,
}

/// A change of positions.
pub(super) struct ModifyOffsets {
    pub(super) name: String,
    pub(super) change: OffsetsChange,
    /// When the request came.
    pub(super) since: Instant,
}

/// One request.
pub(super) enum Request {
    Ping(Reply<()>),
    ConnectorInfo(String, Reply<ConnectorInfo>),
    ConnectorConfig(String, Reply<Props>),
    Put(PutConfig, Reply<Created<ConnectorInfo>>),
    Patch(String, Props, Arc<dyn ValidateConfig>, Reply<Created<ConnectorInfo>>),
    Delete(String, Reply<()>),
    Status(String, Reply<ConnectorStateInfo>),
    TaskStatus(TaskId, Reply<TaskState>),
    Tasks(String, Reply<Vec<TaskInfo>>),
    RestartTask(TaskId, Reply<()>),
    RestartConnector(String, Reply<()>),
    RestartWithTasks(RestartRequest, Reply<ConnectorStateInfo>),
    SetTarget(String, TargetState, Reply<()>),
    Stop(String, Reply<()>),
    Topics(String, Reply<Vec<String>>),
    ResetTopics(String, Reply<()>),
    Offsets(String, Reply<PartitionOffsets>),
    ModifyOffsets(ModifyOffsets, Reply<String>),
    LoggerLevel(String, String, Reply<()>),
    PutTasks(String, Vec<Props>, Reply<()>),
    Fence(String, Reply<()>),
    Supervision(Reply<SupervisionInfo>),
}

/// Requests waiting for the herder; more than this many make REST wait.
pub(super) const QUEUE: usize = 256;

/// The herder as REST sees it.
#[derive(Clone)]
pub struct HerderHandle {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) store: Arc<dyn ConfigStore>,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) kafka_cluster_id: String,
}

impl HerderHandle {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> HerderResult<T> {
        let (reply, answer) = oneshot::channel();
        let stopping = || HerderError::internal("Worker is shutting down");
        self.requests.send(request(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

#[async_trait]
impl Herder for HerderHandle {
    fn kafka_cluster_id(&self) -> &str {
        &self.kafka_cluster_id
    }

    async fn ping(&self) -> HerderResult<()> {
        self.ask(Request::Ping).await
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    async fn connectors(&self) -> HerderResult<Vec<String>> {
        Ok(self.store.snapshot().connectors().map(str::to_string).collect())
    }

    async fn connector_info(&self, name: &str) -> HerderResult<ConnectorInfo> {
        self.ask(|reply| Request::ConnectorInfo(name.to_string(), reply)).await
    }

    async fn connector_config(&self, name: &str) -> HerderResult<Props> {
        self.ask(|reply| Request::ConnectorConfig(name.to_string(), reply))
            .await
    }

    async fn put_connector_config(
        &self,
        name: &str,
        config: Props,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    ) -> HerderResult<Created<ConnectorInfo>> {
        let put = PutConfig {
            name: name.to_string(),
            config,
            initial_state,
            allow_replace,
            since: Instant::now(),
        };
        self.ask(|reply| Request::Put(put, reply)).await
    }

    async fn patch_connector_config(
        &self,
        name: &str,
        patch: Props,
        validate: Arc<dyn ValidateConfig>,
    ) -> HerderResult<Created<ConnectorInfo>> {
        self.ask(|reply| Request::Patch(name.to_string(), patch, validate, reply))
            .await
    }

    async fn delete_connector(&self, name: &str) -> HerderResult<()> {
        self.ask(|reply| Request::Delete(name.to_string(), reply)).await
    }

    async fn connector_status(&self, name: &str) -> HerderResult<ConnectorStateInfo> {
        self.ask(|reply| Request::Status(name.to_string(), reply)).await
    }

    async fn task_status(&self, task: &TaskId) -> HerderResult<TaskState> {
        self.ask(|reply| Request::TaskStatus(task.clone(), reply)).await
    }

    async fn task_infos(&self, name: &str) -> HerderResult<Vec<TaskInfo>> {
        self.ask(|reply| Request::Tasks(name.to_string(), reply)).await
    }

    async fn restart_task(&self, task: &TaskId) -> HerderResult<()> {
        self.ask(|reply| Request::RestartTask(task.clone(), reply)).await
    }

    async fn restart_connector(&self, name: &str) -> HerderResult<()> {
        self.ask(|reply| Request::RestartConnector(name.to_string(), reply))
            .await
    }

    async fn restart_connector_and_tasks(&self, request: RestartRequest) -> HerderResult<ConnectorStateInfo> {
        self.ask(|reply| Request::RestartWithTasks(request, reply)).await
    }

    async fn set_target_state(&self, name: &str, state: TargetState) -> HerderResult<()> {
        self.ask(|reply| Request::SetTarget(name.to_string(), state, reply))
            .await
    }

    async fn stop_connector(&self, name: &str) -> HerderResult<()> {
        self.ask(|reply| Request::Stop(name.to_string(), reply)).await
    }

    async fn active_topics(&self, name: &str) -> HerderResult<Vec<String>> {
        self.ask(|reply| Request::Topics(name.to_string(), reply)).await
    }

    async fn reset_active_topics(&self, name: &str) -> HerderResult<()> {
        self.ask(|reply| Request::ResetTopics(name.to_string(), reply)).await
    }

    async fn connector_offsets(&self, name: &str) -> HerderResult<PartitionOffsets> {
        self.ask(|reply| Request::Offsets(name.to_string(), reply)).await
    }

    async fn modify_offsets(&self, name: &str, change: OffsetsChange) -> HerderResult<String> {
        let request = ModifyOffsets {
            name: name.to_string(),
            change,
            since: Instant::now(),
        };
        self.ask(|reply| Request::ModifyOffsets(request, reply)).await
    }

    async fn set_logger_level(&self, namespace: &str, level: &str) -> HerderResult<()> {
        self.ask(|reply| Request::LoggerLevel(namespace.to_string(), level.to_string(), reply))
            .await
    }

    async fn put_task_configs(&self, name: &str, configs: Vec<Props>) -> HerderResult<()> {
        self.ask(|reply| Request::PutTasks(name.to_string(), configs, reply))
            .await
    }

    async fn supervision(&self) -> HerderResult<SupervisionInfo> {
        self.ask(Request::Supervision).await
    }

    async fn fence_zombies(&self, name: &str) -> HerderResult<()> {
        self.ask(|reply| Request::Fence(name.to_string(), reply)).await
    }
}
