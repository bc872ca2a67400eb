//! Stores in memory: statuses of a standalone worker, and what tests need.

use super::offset_key;
use super::status_record::{StatusKey, StatusValue};
use super::status_table::StatusTable;
use super::{ConnectorStatus, Lifecycle, OffsetStore, StatusStore, TaskStatus, TopicStatus};
use crate::herder::TaskId;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use turnbuckle_api::Result;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Statuses of one worker (`MemoryStatusBackingStore`): every write is seen at once.
#[derive(Debug, Default)]
pub struct MemoryStatusStore(StatusTable);

impl MemoryStatusStore {
    pub fn new() -> Self {
        Self::default()
    }
}

impl StatusStore for MemoryStatusStore {
    fn put_connector(&self, status: ConnectorStatus) {
        if status.state == Lifecycle::Destroyed {
            self.0.remove(&StatusKey::Connector(status.connector));
        } else {
            self.0.insert(StatusValue::Connector(status));
        }
    }

    fn put_connector_safe(&self, status: ConnectorStatus) {
        self.put_connector(status);
    }

    fn put_task(&self, status: TaskStatus) {
        if status.state == Lifecycle::Destroyed {
            self.0.remove(&StatusKey::Task(status.task));
        } else {
            self.0.insert(StatusValue::Task(status));
        }
    }

    fn put_task_safe(&self, status: TaskStatus) {
        self.put_task(status);
    }

    fn put_topic(&self, status: TopicStatus) {
        self.0.insert(StatusValue::Topic(status));
    }

    fn delete_topic(&self, topic: &str, connector: &str) {
        self.0.remove(&StatusKey::Topic {
            topic: topic.to_string(),
            connector: connector.to_string(),
        });
    }

    fn connector(&self, name: &str) -> Option<ConnectorStatus> {
        self.0.connector(name)
    }

    fn tasks(&self, connector: &str) -> Vec<TaskStatus> {
        self.0.tasks(connector)
    }

    fn task(&self, task: &TaskId) -> Option<TaskStatus> {
        self.0.task(task)
    }

    fn topic(&self, topic: &str, connector: &str) -> Option<TopicStatus> {
        self.0.topic(topic, connector)
    }

    fn topics(&self, connector: &str) -> Vec<TopicStatus> {
        self.0.topics(connector)
    }

    fn connectors(&self) -> Vec<String> {
        self.0.connectors()
    }
}

/// Source offsets in memory (`MemoryOffsetBackingStore`); gone when the worker is.
#[derive(Debug, Default)]
pub struct MemoryOffsetStore(Mutex<BTreeMap<Bytes, Bytes>>);

impl MemoryOffsetStore {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl OffsetStore for MemoryOffsetStore {
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
        let all = lock(&self.0);
        Ok(keys.iter().map(|key| all.get(key).cloned()).collect())
    }

    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<()> {
        let mut all = lock(&self.0);
        for (key, value) in entries {
            match value {
                Some(value) => all.insert(key, value),
                None => all.remove(&key),
            };
        }
        Ok(())
    }

    async fn of_connector(&self, connector: &str) -> Result<Vec<(Bytes, Bytes)>> {
        let all = lock(&self.0);
        let own = all.iter().filter(|(key, _)| offset_key::belongs_to(key, connector));
        Ok(own.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_write_is_seen_at_once() {
        let store = MemoryStatusStore::new();
        let task = |state| TaskStatus {
            task: TaskId::new("c", 0),
            state,
            worker_id: "w".into(),
            generation: 0,
            trace: None,
            version: None,
        };
        for state in [Lifecycle::Running, Lifecycle::Unassigned, Lifecycle::Failed] {
            store.put_task_safe(task(state));
            assert_eq!(store.tasks("c"), [task(state)]);
        }
        store.put_task(task(Lifecycle::Destroyed));
        assert_eq!(store.task(&TaskId::new("c", 0)), None);
    }

    #[tokio::test]
    async fn offsets_are_found_by_key_and_by_connector() {
        let store = MemoryOffsetStore::new();
        let key = Bytes::from_static(br#"["foo",{"filename":"/tmp/a"}]"#);
        let other = Bytes::from_static(br#"["bar",{"filename":"/tmp/a"}]"#);
        let value = Some(Bytes::from_static(br#"{"position":42}"#));
        store
            .set(vec![(key.clone(), value.clone()), (other.clone(), value.clone())])
            .await
            .unwrap();
        assert_eq!(store.get(&[key.clone(), other]).await.unwrap(), [value.clone(), value]);
        assert_eq!(store.of_connector("foo").await.unwrap().len(), 1);
        store.set(vec![(key.clone(), None)]).await.unwrap();
        assert_eq!(store.get(&[key]).await.unwrap(), [None]);
    }
}
