//! What is known of the group at the moment, for everyone in this process to read.

use super::{Assignment, ConnectProtocol, TaskId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The last completed generation. It stays visible while the next one is being made, except for `owners`.
#[derive(Debug, Clone, Default)]
pub struct GroupView {
    /// Generation, -1 before the first one and after leaving.
    pub generation: i32,
    /// This worker's member id, empty while it has none.
    pub member_id: String,
    /// The leader's member id.
    pub leader_id: Option<String>,
    /// The leader's URL.
    pub leader_url: Option<String>,
    /// Protocol in force.
    pub protocol: Option<ConnectProtocol>,
    /// At the leader, outside of rebalances: who runs what.
    pub owners: Option<Arc<Owners>>,
}

impl GroupView {
    /// True when this worker was the leader of the last completed generation.
    pub fn is_leader(&self) -> bool {
        !self.member_id.is_empty() && self.leader_id.as_deref() == Some(self.member_id.as_str())
    }
}

/// URLs of the workers that own each connector and task, as the leader assigned them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Owners {
    urls: Vec<String>,
    connectors: HashMap<String, usize>,
    tasks: HashMap<TaskId, usize>,
}

impl Owners {
    /// From each member's URL and full assignment.
    pub fn new(urls: &BTreeMap<String, String>, assignments: &BTreeMap<String, Assignment>) -> Self {
        let mut owners = Self::default();
        for (member, url) in urls {
            let index = owners.urls.len();
            owners.urls.push(url.clone());
            let Some(assignment) = assignments.get(member) else {
                continue;
            };
            owners
                .connectors
                .extend(assignment.connectors.iter().map(|connector| (connector.clone(), index)));
            owners
                .tasks
                .extend(assignment.tasks.iter().map(|task| (task.clone(), index)));
        }
        owners
    }

    /// URL of the worker that runs the connector instance.
    pub fn connector(&self, name: &str) -> Option<&str> {
        self.connectors.get(name).map(|index| self.urls[*index].as_str())
    }

    /// URL of the worker that runs the task.
    pub fn task(&self, task: &TaskId) -> Option<&str> {
        self.tasks.get(task).map(|index| self.urls[*index].as_str())
    }
}
