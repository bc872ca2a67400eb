//! Records of the status topic, as Connect writes them: `status-connector-<name>`, `status-task-<name>-<n>`,
//! `status-topic-<topic>:connector-<name>`.

use super::status::{ConnectorStatus, Lifecycle, TaskStatus, TopicStatus};
use crate::herder::TaskId;
use serde::{Deserialize, Serialize};
use std::fmt;
use turnbuckle_api::{Error, Result};

/// Which status a record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StatusKey {
    Connector(String),
    Task(TaskId),
    Topic { topic: String, connector: String },
}

impl fmt::Display for StatusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatusKey::Connector(name) => write!(f, "status-connector-{name}"),
            StatusKey::Task(task) => write!(f, "status-task-{task}"),
            StatusKey::Topic { topic, connector } => write!(f, "status-topic-{topic}:connector-{connector}"),
        }
    }
}

/// Reads a key; None for an unknown kind.
pub(super) fn parse_key(key: &str) -> Option<StatusKey> {
    if let Some(name) = key.strip_prefix("status-connector-") {
        return Some(StatusKey::Connector(name.to_string()));
    }
    if let Some(task) = key.strip_prefix("status-task-") {
        let (connector, number) = task.rsplit_once('-')?;
        return Some(StatusKey::Task(TaskId::new(connector, number.parse().ok()?)));
    }
    let (topic, connector) = key.strip_prefix("status-topic-")?.split_once(':')?;
    let connector = connector.strip_prefix("connector-")?;
    Some(StatusKey::Topic {
        topic: topic.to_string(),
        connector: connector.to_string(),
    })
}

/// A status with its kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum StatusValue {
    Connector(ConnectorStatus),
    Task(TaskStatus),
    Topic(TopicStatus),
}

/// Value of connector and task records; `version` came with Kafka 4.1.
#[derive(Serialize, Deserialize)]
struct StateJson {
    state: String,
    trace: Option<String>,
    worker_id: String,
    generation: i32,
    #[serde(default)]
    version: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TopicJson {
    topic: TopicFields,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopicFields {
    name: String,
    connector: String,
    task: u32,
    discover_timestamp: i64,
}

impl StatusValue {
    /// The record's value.
    pub(super) fn to_json(&self) -> String {
        let text = match self {
            StatusValue::Connector(status) => serde_json::to_string(&StateJson {
                state: status.state.name().to_string(),
                trace: status.trace.clone(),
                worker_id: status.worker_id.clone(),
                generation: status.generation,
                version: status.version.clone(),
            }),
            StatusValue::Task(status) => serde_json::to_string(&StateJson {
                state: status.state.name().to_string(),
                trace: status.trace.clone(),
                worker_id: status.worker_id.clone(),
                generation: status.generation,
                version: status.version.clone(),
            }),
            StatusValue::Topic(status) => serde_json::to_string(&TopicJson {
                topic: TopicFields {
                    name: status.topic.clone(),
                    connector: status.connector.clone(),
                    task: status.task,
                    discover_timestamp: status.discovered,
                },
            }),
        };
        // Plain structs of text and numbers always serialise.
        text.unwrap_or_default()
    }
}

/// Reads a value of the kind that `key` says.
pub(super) fn parse_value(key: &StatusKey, bytes: &[u8]) -> Result<StatusValue> {
    let invalid = |error: serde_json::Error| Error::data(format!("Invalid status: {error}"));
    if let StatusKey::Topic { .. } = key {
        let TopicJson { topic } = serde_json::from_slice(bytes).map_err(invalid)?;
        return Ok(StatusValue::Topic(TopicStatus {
            topic: topic.name,
            connector: topic.connector,
            task: topic.task,
            discovered: topic.discover_timestamp,
        }));
    }
    let json: StateJson = serde_json::from_slice(bytes).map_err(invalid)?;
    let state = Lifecycle::from_name(&json.state)
        .ok_or_else(|| Error::data(format!("Invalid status: unknown state {}", json.state)))?;
    let StateJson {
        trace,
        worker_id,
        generation,
        version,
        ..
    } = json;
    Ok(match key {
        StatusKey::Task(task) => StatusValue::Task(TaskStatus {
            task: task.clone(),
            state,
            trace,
            worker_id,
            generation,
            version,
        }),
        StatusKey::Connector(connector) | StatusKey::Topic { connector, .. } => {
            StatusValue::Connector(ConnectorStatus {
                connector: connector.clone(),
                state,
                trace,
                worker_id,
                generation,
                version,
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip() {
        for (text, key) in [
            ("status-connector-a-b", StatusKey::Connector("a-b".into())),
            ("status-task-a-b-12", StatusKey::Task(TaskId::new("a-b", 12))),
            (
                "status-topic-t:connector-c:d",
                StatusKey::Topic {
                    topic: "t".into(),
                    connector: "c:d".into(),
                },
            ),
        ] {
            assert_eq!(parse_key(text), Some(key.clone()));
            assert_eq!(key.to_string(), text);
        }
        for text in ["status-task-a", "status-topic-t", "status-topic-t:x", "other"] {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }

    #[test]
    fn values_are_connects() {
        let status = TaskStatus {
            task: TaskId::new("c", 0),
            state: Lifecycle::Running,
            trace: None,
            worker_id: "10.0.0.1:8083".into(),
            generation: 5,
            version: Some("4.1.1".into()),
        };
        let json = StatusValue::Task(status.clone()).to_json();
        assert_eq!(
            json,
            r#"{"state":"RUNNING","trace":null,"worker_id":"10.0.0.1:8083","generation":5,"version":"4.1.1"}"#
        );
        let key = StatusKey::Task(TaskId::new("c", 0));
        assert_eq!(parse_value(&key, json.as_bytes()).unwrap(), StatusValue::Task(status));
        assert!(
            parse_value(
                &key,
                br#"{"state":"RUNNING","trace":null,"worker_id":"w","generation":"x"}"#
            )
            .is_err()
        );
    }
}
