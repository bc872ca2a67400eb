//! What the herder and REST speak of. Field order is that of Connect's JSON.

use serde::{Deserialize, Serialize};
use std::fmt;
use turnbuckle_api::Props;

/// A task: connector and number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    pub connector: String,
    pub task: u32,
}

impl TaskId {
    pub fn new(connector: impl Into<String>, task: u32) -> Self {
        TaskId {
            connector: connector.into(),
            task,
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// What a user wants a connector to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    Started,
    Paused,
    Stopped,
}

impl TargetState {
    pub fn name(self) -> &'static str {
        match self {
            TargetState::Started => "STARTED",
            TargetState::Paused => "PAUSED",
            TargetState::Stopped => "STOPPED",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [TargetState::Started, TargetState::Paused, TargetState::Stopped]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Kind of a connector; unknown if its class is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorType {
    Source,
    Sink,
    Unknown,
}

/// Answer of `GET /connectors/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorInfo {
    pub name: String,
    pub config: Props,
    pub tasks: Vec<TaskId>,
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// Entry of `GET /connectors/{name}/tasks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskInfo {
    pub id: TaskId,
    pub config: Props,
}

/// Status of a connector instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorState {
    pub state: String,
    pub worker_id: String,
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// Status of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskState {
    pub id: u32,
    pub state: String,
    pub worker_id: String,
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// Answer of `GET /connectors/{name}/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorStateInfo {
    pub name: String,
    pub connector: ConnectorState,
    pub tasks: Vec<TaskState>,
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// A result with the news whether something was made (201) or replaced (200).
#[derive(Clone, Debug, PartialEq)]
pub struct Created<T> {
    pub created: bool,
    pub value: T,
}

/// A restart with its options (KIP-745).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRequest {
    pub connector: String,
    pub only_failed: bool,
    pub include_tasks: bool,
}

impl RestartRequest {
    /// True if anything beyond the connector instance alone is asked for.
    pub fn is_plain(&self) -> bool {
        !self.only_failed && !self.include_tasks
    }
}

/// A partition or an offset as a user gives it; numbers keep their spelling.
pub type OffsetObject = serde_json::Map<String, serde_json::Value>;

/// Entry of `PATCH /connectors/{name}/offsets`: a partition and the offset to store for it, None to remove what is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OffsetEntry {
    pub partition: Option<OffsetObject>,
    pub offset: Option<OffsetObject>,
}
