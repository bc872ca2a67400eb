//! Statuses on the status topic (`KafkaStatusBackingStore`): written in the background, seen when read back.

use super::status::{ConnectorStatus, Lifecycle, StatusStore, TaskStatus, TopicStatus};
use super::status_record::{self, StatusKey, StatusValue};
use super::status_table::StatusTable;
use crate::herder::TaskId;
use crate::kafka::log::{CompactedLog, LogRecord, LogSettings};
use std::sync::Arc;
use turnbuckle_api::Result;

/// The status topic.
pub struct KafkaStatusStore {
    log: CompactedLog,
    table: Arc<StatusTable>,
}

impl KafkaStatusStore {
    /// Starts reading; returns when all that is there has been read.
    pub async fn start(settings: LogSettings) -> Result<Self> {
        let table = Arc::new(StatusTable::default());
        let on_record = {
            let table = table.clone();
            move |record: LogRecord| read_back(&table, &record)
        };
        let log = CompactedLog::start(settings, Box::new(on_record)).await?;
        Ok(KafkaStatusStore { log, table })
    }

    /// Stops reading.
    pub fn stop(&self) {
        self.log.stop();
    }

    /// Queued at once, so that statuses keep their order; librdkafka retries what can be retried.
    fn send(&self, key: String, value: Option<String>) {
        let sent = self.log.append(key.as_bytes(), value.as_deref().map(str::as_bytes));
        tokio::spawn(async move {
            if let Err(error) = sent.await {
                tracing::error!(key, %error, "a status could not be written");
            }
        });
    }
}

fn read_back(table: &StatusTable, record: &LogRecord) {
    let key = record
        .key
        .as_deref()
        .and_then(|key| std::str::from_utf8(key).ok())
        .and_then(status_record::parse_key);
    let Some(key) = key else {
        tracing::warn!(
            offset = record.offset,
            "status topic: unknown kind of record; it is passed over"
        );
        return;
    };
    let Some(bytes) = record.value.as_deref() else {
        table.remove(&key);
        return;
    };
    match status_record::parse_value(&key, bytes) {
        Ok(value) => table.insert_read_back(value),
        Err(error) => tracing::error!(?key, %error, "status topic: invalid record; it is passed over"),
    }
}

impl StatusStore for KafkaStatusStore {
    fn put_connector(&self, status: ConnectorStatus) {
        let key = StatusKey::Connector(status.connector.clone());
        let value = (status.state != Lifecycle::Destroyed).then(|| StatusValue::Connector(status).to_json());
        self.send(key.to_string(), value);
    }

    fn put_connector_safe(&self, status: ConnectorStatus) {
        if self.table.may_replace_connector(&status) {
            self.put_connector(status);
        }
    }

    fn put_task(&self, status: TaskStatus) {
        let key = StatusKey::Task(status.task.clone());
        let value = (status.state != Lifecycle::Destroyed).then(|| StatusValue::Task(status).to_json());
        self.send(key.to_string(), value);
    }

    fn put_task_safe(&self, status: TaskStatus) {
        if self.table.may_replace_task(&status) {
            self.put_task(status);
        }
    }

    fn put_topic(&self, status: TopicStatus) {
        let key = StatusKey::Topic {
            topic: status.topic.clone(),
            connector: status.connector.clone(),
        };
        self.send(key.to_string(), Some(StatusValue::Topic(status).to_json()));
    }

    fn delete_topic(&self, topic: &str, connector: &str) {
        let key = StatusKey::Topic {
            topic: topic.to_string(),
            connector: connector.to_string(),
        };
        self.send(key.to_string(), None);
    }

    fn connector(&self, name: &str) -> Option<ConnectorStatus> {
        self.table.connector(name)
    }

    fn tasks(&self, connector: &str) -> Vec<TaskStatus> {
        self.table.tasks(connector)
    }

    fn task(&self, task: &TaskId) -> Option<TaskStatus> {
        self.table.task(task)
    }

    fn topic(&self, topic: &str, connector: &str) -> Option<TopicStatus> {
        self.table.topic(topic, connector)
    }

    fn topics(&self, connector: &str) -> Vec<TopicStatus> {
        self.table.topics(connector)
    }

    fn connectors(&self) -> Vec<String> {
        self.table.connectors()
    }
}
