//! Statuses of connectors, tasks and topics, as runtime and herder see them.

use crate::herder::TaskId;

/// `AbstractStatus.State`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    Unassigned,
    Running,
    Paused,
    Failed,
    /// Never stored: written as a tombstone.
    Destroyed,
    Restarting,
    Stopped,
}

impl Lifecycle {
    pub fn name(self) -> &'static str {
        match self {
            Lifecycle::Unassigned => "UNASSIGNED",
            Lifecycle::Running => "RUNNING",
            Lifecycle::Paused => "PAUSED",
            Lifecycle::Failed => "FAILED",
            Lifecycle::Destroyed => "DESTROYED",
            Lifecycle::Restarting => "RESTARTING",
            Lifecycle::Stopped => "STOPPED",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        use Lifecycle::*;
        [Unassigned, Running, Paused, Failed, Destroyed, Restarting, Stopped]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// Status of a connector instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorStatus {
    pub connector: String,
    pub state: Lifecycle,
    pub trace: Option<String>,
    pub worker_id: String,
    /// Group generation of the writer; 0 in standalone mode.
    pub generation: i32,
    /// Plugin version; None if the instance could not be made.
    pub version: Option<String>,
}

/// Status of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStatus {
    pub task: TaskId,
    pub state: Lifecycle,
    pub trace: Option<String>,
    pub worker_id: String,
    pub generation: i32,
    pub version: Option<String>,
}

/// A topic that a connector used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicStatus {
    pub topic: String,
    pub connector: String,
    pub task: u32,
    /// Milliseconds since the epoch.
    pub discovered: i64,
}

/// Where statuses are kept. Writes return at once: they are sent in the background and seen by `get` when read back (at once
/// in the memory store). "Safe" writes (UNASSIGNED, FAILED) are skipped if another worker wrote a newer status.
pub trait StatusStore: Send + Sync {
    fn put_connector(&self, status: ConnectorStatus);
    fn put_connector_safe(&self, status: ConnectorStatus);
    fn put_task(&self, status: TaskStatus);
    fn put_task_safe(&self, status: TaskStatus);
    fn put_topic(&self, status: TopicStatus);
    fn delete_topic(&self, topic: &str, connector: &str);
    fn connector(&self, name: &str) -> Option<ConnectorStatus>;
    /// All tasks of a connector, ascending.
    fn tasks(&self, connector: &str) -> Vec<TaskStatus>;
    fn task(&self, task: &TaskId) -> Option<TaskStatus>;
    fn topic(&self, topic: &str, connector: &str) -> Option<TopicStatus>;
    fn topics(&self, connector: &str) -> Vec<TopicStatus>;
    /// Names of all connectors that have a status.
    fn connectors(&self) -> Vec<String>;
}
