//! The herder decides what runs where.
//!
//! [`Herder`] is what REST asks; the distributed and the standalone herder implement it. Each is one task that owns all
//! state and is sent messages; a handle implements the trait.

mod actor;
mod error;
mod fencing;
pub mod leader;
mod offsets;
mod rebalance;
mod request;
mod requests;
pub mod supervision;
mod types;
mod watch;
mod work;

pub use actor::{Ended, HerderParts, HerderSettings, start};
pub use error::HerderError;
pub use request::HerderHandle;
pub use types::{
    ConnectorInfo, ConnectorState, ConnectorStateInfo, ConnectorType, Created, OffsetEntry, OffsetObject,
    RestartRequest, TargetState, TaskId, TaskInfo, TaskState,
};

pub use watch::{Parts, SupervisionInfo, WaitingInfo, WatchedInfo};

use crate::runtime::{OffsetsChange, PartitionOffsets};
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::Props;

/// Result of a request to the herder.
pub type HerderResult<T> = std::result::Result<T, HerderError>;

/// What REST can ask for. Each call answers when the thing is done as far as Connect's REST promises it.
#[async_trait]
pub trait Herder: Send + Sync {
    /// Id of the Kafka cluster.
    fn kafka_cluster_id(&self) -> &str;

    /// Answers as soon as the herder takes up work; `/health` waits for it.
    async fn ping(&self) -> HerderResult<()>;

    /// True once the worker is ready for requests.
    fn is_ready(&self) -> bool;

    /// Names of all connectors, from the local snapshot.
    async fn connectors(&self) -> HerderResult<Vec<String>>;

    async fn connector_info(&self, name: &str) -> HerderResult<ConnectorInfo>;

    /// As stored: provider placeholders are not resolved.
    async fn connector_config(&self, name: &str) -> HerderResult<Props>;

    /// Creates or replaces; the configuration has been validated. With `allow_replace` false an existing connector is a
    /// conflict.
    async fn put_connector_config(
        &self,
        name: &str,
        config: Props,
        initial_state: Option<TargetState>,
        allow_replace: bool,
    ) -> HerderResult<Created<ConnectorInfo>>;

    /// Merges; a null removes a key. The herder validates the merged configuration by `validate`.
    async fn patch_connector_config(
        &self,
        name: &str,
        patch: Props,
        validate: Arc<dyn ValidateConfig>,
    ) -> HerderResult<Created<ConnectorInfo>>;

    async fn delete_connector(&self, name: &str) -> HerderResult<()>;

    /// From the status store; works on any worker.
    async fn connector_status(&self, name: &str) -> HerderResult<ConnectorStateInfo>;

    async fn task_status(&self, task: &TaskId) -> HerderResult<TaskState>;

    async fn task_infos(&self, name: &str) -> HerderResult<Vec<TaskInfo>>;

    async fn restart_task(&self, task: &TaskId) -> HerderResult<()>;

    /// Restarts the connector instance only.
    async fn restart_connector(&self, name: &str) -> HerderResult<()>;

    /// Restart with `includeTasks` or `onlyFailed`: the plan, with RESTARTING in place of the states that will be.
    async fn restart_connector_and_tasks(&self, request: RestartRequest) -> HerderResult<ConnectorStateInfo>;

    /// Pause and resume (`PAUSED`, `STARTED`): any worker writes the target state.
    async fn set_target_state(&self, name: &str, state: TargetState) -> HerderResult<()>;

    /// Stops the connector and removes its tasks.
    async fn stop_connector(&self, name: &str) -> HerderResult<()>;

    /// Topics the connector has used; empty for an unknown one.
    async fn active_topics(&self, name: &str) -> HerderResult<Vec<String>>;

    async fn reset_active_topics(&self, name: &str) -> HerderResult<()>;

    /// Positions of a connector (KIP-875).
    async fn connector_offsets(&self, name: &str) -> HerderResult<PartitionOffsets>;

    /// Changes the positions of a stopped connector; the answer is what the user is told.
    async fn modify_offsets(&self, name: &str, change: OffsetsChange) -> HerderResult<String>;

    /// Sets the level of loggers on all workers of the group; any worker may ask for it.
    async fn set_logger_level(&self, namespace: &str, level: &str) -> HerderResult<()>;

    /// Internal: a follower hands the task configurations of its connector to the leader.
    async fn put_task_configs(&self, name: &str, configs: Vec<Props>) -> HerderResult<()>;

    /// Restarts of what has failed, and work that waits for a worker; not of Connect.
    async fn supervision(&self) -> HerderResult<SupervisionInfo>;

    /// Internal: the leader fences producers of former tasks of an exactly-once source connector (KIP-618).
    async fn fence_zombies(&self, name: &str) -> HerderResult<()>;
}

/// Validates a configuration; Err holds what REST answers with 400.
#[async_trait]
pub trait ValidateConfig: Send + Sync {
    async fn validate(&self, config: &Props) -> HerderResult<()>;
}
