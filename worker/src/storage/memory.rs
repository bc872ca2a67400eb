//! Stores in memory: statuses of a standalone worker, and what tests need.

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

#[derive(Debug, Default)]
struct Statuses {
    connectors: BTreeMap<String, ConnectorStatus>,
    tasks: BTreeMap<TaskId, TaskStatus>,
    topics: BTreeMap<(String, String), TopicStatus>,
}

/// Statuses of one worker (`MemoryStatusBackingStore`): every write is seen at once.
#[derive(Debug, Default)]
pub struct MemoryStatusStore(Mutex<Statuses>);

impl MemoryStatusStore {
    pub fn new() -> Self {
        Self::default()
    }
}

impl StatusStore for MemoryStatusStore {
    fn put_connector(&self, status: ConnectorStatus) {
        let mut all = lock(&self.0);
        if status.state == Lifecycle::Destroyed {
            all.connectors.remove(&status.connector);
        } else {
            all.connectors.insert(status.connector.clone(), status);
        }
    }

    fn put_connector_safe(&self, status: ConnectorStatus) {
        self.put_connector(status);
    }

    fn put_task(&self, status: TaskStatus) {
        let mut all = lock(&self.0);
        if status.state == Lifecycle::Destroyed {
            all.tasks.remove(&status.task);
        } else {
            all.tasks.insert(status.task.clone(), status);
        }
    }

    fn put_task_safe(&self, status: TaskStatus) {
        self.put_task(status);
    }

    fn put_topic(&self, status: TopicStatus) {
        let key = (status.connector.clone(), status.topic.clone());
        lock(&self.0).topics.insert(key, status);
    }

    fn delete_topic(&self, topic: &str, connector: &str) {
        lock(&self.0).topics.remove(&(connector.to_string(), topic.to_string()));
    }

    fn connector(&self, name: &str) -> Option<ConnectorStatus> {
        lock(&self.0).connectors.get(name).cloned()
    }

    fn tasks(&self, connector: &str) -> Vec<TaskStatus> {
        let all = lock(&self.0);
        all.tasks
            .values()
            .filter(|status| status.task.connector == connector)
            .cloned()
            .collect()
    }

    fn task(&self, task: &TaskId) -> Option<TaskStatus> {
        lock(&self.0).tasks.get(task).cloned()
    }

    fn topic(&self, topic: &str, connector: &str) -> Option<TopicStatus> {
        lock(&self.0)
            .topics
            .get(&(connector.to_string(), topic.to_string()))
            .cloned()
    }

    fn topics(&self, connector: &str) -> Vec<TopicStatus> {
        lock(&self.0)
            .topics
            .values()
            .filter(|status| status.connector == connector)
            .cloned()
            .collect()
    }

    fn connectors(&self) -> Vec<String> {
        lock(&self.0).connectors.keys().cloned().collect()
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

/// First element of a key `["connector",{…}]`.
fn connector_of(key: &[u8]) -> Option<String> {
    match serde_json::from_slice(key).ok()? {
        serde_json::Value::Array(parts) if parts.len() == 2 => parts[0].as_str().map(str::to_string),
        _ => None,
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
        let own = all
            .iter()
            .filter(|(key, _)| connector_of(key).as_deref() == Some(connector));
        Ok(own.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
