//! Who runs what: the leader's computation, as pure functions of what the members reported.
//!
//! [`eager`] deals everything out anew in each generation; [`cooperative`] changes as little as it can and remembers
//! the last round. Neither reads a clock: the time is passed in.

pub mod cooperative;
pub mod eager;

use super::{Assignment, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// The leader's configuration, as far as assigning needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterView {
    /// Offset of the config snapshot this was taken from.
    pub config_offset: i64,
    /// Configured connectors with the numbers of their committed tasks.
    pub connectors: BTreeMap<String, Vec<u32>>,
}

/// A sorted set of connectors and tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// Connector instances.
    pub connectors: BTreeSet<String>,
    /// Tasks.
    pub tasks: BTreeSet<TaskId>,
}

impl Load {
    /// True when there is neither a connector nor a task.
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    fn add(&mut self, other: &Self) {
        self.connectors.extend(other.connectors.iter().cloned());
        self.tasks.extend(other.tasks.iter().cloned());
    }

    fn minus(&self, other: &Self) -> Self {
        Self {
            connectors: self.connectors.difference(&other.connectors).cloned().collect(),
            tasks: self.tasks.difference(&other.tasks).cloned().collect(),
        }
    }

    fn common(&self, other: &Self) -> Self {
        Self {
            connectors: self.connectors.intersection(&other.connectors).cloned().collect(),
            tasks: self.tasks.intersection(&other.tasks).cloned().collect(),
        }
    }
}

impl From<&ClusterView> for Load {
    fn from(view: &ClusterView) -> Self {
        let tasks = view
            .connectors
            .iter()
            .flat_map(|(name, tasks)| tasks.iter().map(move |task| TaskId::new(name, *task)));
        Self {
            connectors: view.connectors.keys().cloned().collect(),
            tasks: tasks.collect(),
        }
    }
}

impl From<&Assignment> for Load {
    fn from(assignment: &Assignment) -> Self {
        Self {
            connectors: assignment.connectors.iter().cloned().collect(),
            tasks: assignment.tasks.iter().cloned().collect(),
        }
    }
}

impl From<&Load> for Assignment {
    fn from(load: &Load) -> Self {
        Self {
            connectors: load.connectors.iter().cloned().collect(),
            tasks: load.tasks.iter().cloned().collect(),
        }
    }
}
