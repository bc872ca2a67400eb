//! Statuses by what they are of, in memory: the cache of the status topic, and the whole store of a standalone worker.

use super::status::{ConnectorStatus, Lifecycle, TaskStatus, TopicStatus};
use super::status_record::{StatusKey, StatusValue};
use crate::herder::TaskId;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A table of statuses.
#[derive(Debug, Default)]
pub(super) struct StatusTable(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    connectors: BTreeMap<String, ConnectorStatus>,
    tasks: HashMap<String, BTreeMap<u32, TaskStatus>>,
    topics: HashMap<String, BTreeMap<String, TopicStatus>>,
}

impl Tables {
    fn runs_elsewhere(&self, status: &TaskStatus) -> bool {
        let tasks = self.tasks.get(&status.task.connector);
        let known = tasks.and_then(|tasks| tasks.get(&status.task.task));
        status.state == Lifecycle::Unassigned
            && known.is_some_and(|known| known.state == Lifecycle::Running && known.generation >= status.generation)
    }

    fn insert(&mut self, value: StatusValue) {
        match value {
            StatusValue::Connector(status) => {
                self.connectors.insert(status.connector.clone(), status);
            }
            StatusValue::Task(status) => {
                let tasks = self.tasks.entry(status.task.connector.clone()).or_default();
                tasks.insert(status.task.task, status);
            }
            StatusValue::Topic(status) => {
                let topics = self.topics.entry(status.connector.clone()).or_default();
                topics.insert(status.topic.clone(), status);
            }
        }
    }
}

impl StatusTable {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a status that was read back: a late UNASSIGNED of the former owner must not hide that the task runs elsewhere.
    pub(super) fn insert_read_back(&self, value: StatusValue) {
        let mut tables = self.lock();
        match value {
            StatusValue::Task(status) if tables.runs_elsewhere(&status) => {}
            other => tables.insert(other),
        }
    }

    /// Takes a status, whatever was known.
    pub(super) fn insert(&self, value: StatusValue) {
        self.lock().insert(value);
    }

    pub(super) fn remove(&self, key: &StatusKey) {
        let mut tables = self.lock();
        match key {
            // All tasks go with their connector.
            StatusKey::Connector(name) => {
                tables.connectors.remove(name);
                tables.tasks.remove(name);
            }
            StatusKey::Task(task) => {
                if let Some(tasks) = tables.tasks.get_mut(&task.connector) {
                    tasks.remove(&task.task);
                }
            }
            StatusKey::Topic { topic, connector } => {
                if let Some(topics) = tables.topics.get_mut(connector) {
                    topics.remove(topic);
                }
            }
        }
    }

    pub(super) fn may_replace_connector(&self, status: &ConnectorStatus) -> bool {
        self.lock()
            .connectors
            .get(&status.connector)
            .is_none_or(|known| known.worker_id == status.worker_id || known.generation <= status.generation)
    }

    pub(super) fn may_replace_task(&self, status: &TaskStatus) -> bool {
        let tables = self.lock();
        let known = tables
            .tasks
            .get(&status.task.connector)
            .and_then(|tasks| tasks.get(&status.task.task));
        known.is_none_or(|known| known.worker_id == status.worker_id || known.generation <= status.generation)
    }

    pub(super) fn connector(&self, name: &str) -> Option<ConnectorStatus> {
        self.lock().connectors.get(name).cloned()
    }

    pub(super) fn tasks(&self, connector: &str) -> Vec<TaskStatus> {
        self.lock()
            .tasks
            .get(connector)
            .map(|tasks| tasks.values().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn task(&self, task: &TaskId) -> Option<TaskStatus> {
        self.lock().tasks.get(&task.connector)?.get(&task.task).cloned()
    }

    pub(super) fn topic(&self, topic: &str, connector: &str) -> Option<TopicStatus> {
        self.lock().topics.get(connector)?.get(topic).cloned()
    }

    pub(super) fn topics(&self, connector: &str) -> Vec<TopicStatus> {
        self.lock()
            .topics
            .get(connector)
            .map(|topics| topics.values().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn connectors(&self) -> Vec<String> {
        self.lock().connectors.keys().cloned().collect()
    }
}
