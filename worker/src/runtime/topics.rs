//! Topic tracking (KIP-558): which topics a connector has used.

use crate::herder::TaskId;
use crate::storage::{StatusStore, TopicStatus};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use turnbuckle_api::Text;

/// Writes a topic status when a task uses a topic that the status store does not know of.
pub(crate) struct TopicTracker {
    task: TaskId,
    store: Option<Arc<dyn StatusStore>>,
}

impl TopicTracker {
    pub(crate) fn new(task: TaskId, store: Arc<dyn StatusStore>, enabled: bool) -> Self {
        TopicTracker {
            task,
            store: enabled.then_some(store),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.store.is_some()
    }

    /// Call once per topic and batch: the store is asked each time, since a user may have reset it.
    pub(crate) fn used(&self, topic: &Text) {
        let Some(store) = &self.store else { return };
        if store.topic(topic, &self.task.connector).is_some() {
            return;
        }
        let discovered = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as i64);
        store.put_topic(TopicStatus {
            topic: topic.to_string(),
            connector: self.task.connector.clone(),
            task: self.task.task,
            discovered,
        });
    }
}
