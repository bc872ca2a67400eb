//! What the config topic says, as a pure fold over its records (`KafkaConfigBackingStore`, `ClusterConfigState`).
//!
//! Task configurations are written before the commit record that makes them valid, so they wait in `deferred` until it
//! comes. Every configuration sits behind an `Arc`: a snapshot of a thousand connectors costs pointers.

use crate::herder::{RestartRequest, TargetState, TaskId};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use turnbuckle_api::Props;

/// The key that signs requests between workers.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey {
    /// Raw key bytes as base64.
    pub key: String,
    pub algorithm: String,
    /// Milliseconds since the epoch.
    pub created: i64,
}

impl std::fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionKey")
            .field("algorithm", &self.algorithm)
            .field("created", &self.created)
            .finish()
    }
}

/// What a record of the config topic changed.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigEvent {
    ConnectorUpdated(String),
    ConnectorRemoved(String),
    TasksCommitted(String),
    TargetChanged(String),
    SessionKeyChanged,
    RestartRequested(RestartRequest),
    LoggerLevel { namespace: String, level: String },
}

/// The state after all records up to an offset.
#[derive(Clone, Debug, Default)]
pub struct ConfigState {
    /// Offset after the last record; -1 before the first.
    pub offset: ConfigOffset,
    connectors: BTreeMap<String, Arc<Props>>,
    targets: HashMap<String, TargetState>,
    task_counts: HashMap<String, u32>,
    tasks: BTreeMap<TaskId, Arc<Props>>,
    inconsistent: HashSet<String>,
    /// Connector configuration at the last commit of its tasks.
    applied: HashMap<String, Arc<Props>>,
    deferred: HashMap<String, BTreeMap<u32, Arc<Props>>>,
    session_key: Option<SessionKey>,
    fencing: HashMap<String, Fencing>,
}

/// What exactly-once sources need to know of a connector (KIP-618). It outlives the connector's removal, because producers
/// of its former tasks may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fencing {
    /// How often a set of task configurations has replaced another; None before the first set.
    pub generation: Option<u64>,
    /// Tasks that may have opened a transactional producer, by the last record that says so.
    pub task_count_record: Option<u32>,
    /// Task configurations were committed since that record.
    pub pending: bool,
}

/// Offset after the last record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigOffset(pub i64);

impl Default for ConfigOffset {
    fn default() -> Self {
        ConfigOffset(-1)
    }
}

impl ConfigState {
    /// Names of all connectors, sorted.
    pub fn connectors(&self) -> impl Iterator<Item = &str> {
        self.connectors.keys().map(String::as_str)
    }

    pub fn contains(&self, connector: &str) -> bool {
        self.connectors.contains_key(connector)
    }

    /// Configuration as stored.
    pub fn connector_config(&self, connector: &str) -> Option<&Arc<Props>> {
        self.connectors.get(connector)
    }

    pub fn target_state(&self, connector: &str) -> Option<TargetState> {
        self.targets.get(connector).copied()
    }

    /// Committed number of tasks, also of an inconsistent connector.
    pub fn task_count(&self, connector: &str) -> u32 {
        self.task_counts.get(connector).copied().unwrap_or(0)
    }

    /// True once a set of task configurations was committed, an empty or incomplete one included.
    pub fn has_commit(&self, connector: &str) -> bool {
        self.task_counts.contains_key(connector)
    }

    /// Tasks of a connector; none while its set of configurations is incomplete.
    pub fn tasks(&self, connector: &str) -> Vec<TaskId> {
        if self.inconsistent.contains(connector) || !self.contains(connector) {
            return Vec::new();
        }
        (0..self.task_count(connector))
            .map(|task| TaskId::new(connector, task))
            .collect()
    }

    pub fn task_config(&self, task: &TaskId) -> Option<&Arc<Props>> {
        self.tasks.get(task)
    }

    /// All task configurations of a connector, ascending.
    pub fn task_configs(&self, connector: &str) -> Vec<Arc<Props>> {
        self.tasks(connector)
            .iter()
            .filter_map(|task| self.tasks.get(task).cloned())
            .collect()
    }

    /// The connector configuration that the current task configurations were made from.
    pub fn applied_config(&self, connector: &str) -> Option<&Arc<Props>> {
        self.applied.get(connector)
    }

    pub fn session_key(&self) -> Option<&SessionKey> {
        self.session_key.as_ref()
    }

    /// What is known of producers of a connector's tasks.
    pub fn fencing(&self, connector: &str) -> Fencing {
        self.fencing.get(connector).copied().unwrap_or_default()
    }

    /// Takes one record. `from_start` records are history: restarts and logger levels in them are over.
    pub fn apply(&mut self, key: &str, value: Option<&[u8]>, offset: i64, from_start: bool) -> Option<ConfigEvent> {
        let value = match value {
            None => None,
            Some(bytes) => match serde_json::from_slice::<Json>(bytes) {
                Ok(Json::Null) => None,
                Ok(value) => Some(value),
                Err(error) => {
                    // Such a record does not advance the offset, as in Connect.
                    tracing::error!(key, %error, "config topic: a record is not JSON; it is passed over");
                    return None;
                }
            },
        };
        self.offset = ConfigOffset(offset + 1);
        self.dispatch(key, value, from_start)
    }

    fn dispatch(&mut self, key: &str, value: Option<Json>, from_start: bool) -> Option<ConfigEvent> {
        if let Some(name) = key.strip_prefix("target-state-") {
            return self.apply_target(name, value);
        }
        if let Some(name) = key.strip_prefix("connector-") {
            return self.apply_connector(name, value);
        }
        if let Some(task) = key.strip_prefix("task-") {
            self.apply_task(task, value);
            return None;
        }
        if let Some(name) = key.strip_prefix("commit-") {
            return self.apply_commit(name, value);
        }
        if let Some(name) = key.strip_prefix("restart-connector-") {
            return restart_request(name, value).filter(|_| !from_start);
        }
        if let Some(name) = key.strip_prefix("tasks-fencing-") {
            self.apply_task_count(name, value);
            return None;
        }
        if key == "session-key" {
            self.session_key = session_key(value)?;
            return Some(ConfigEvent::SessionKeyChanged);
        }
        if let Some(namespace) = key.strip_prefix("logger-cluster-") {
            let level = value?.get("level")?.as_str()?.to_uppercase();
            return (!from_start).then(|| ConfigEvent::LoggerLevel {
                namespace: namespace.to_string(),
                level,
            });
        }
        tracing::error!(key, "config topic: unknown kind of record; it is passed over");
        None
    }

    fn apply_target(&mut self, name: &str, value: Option<Json>) -> Option<ConfigEvent> {
        let Some(value) = value else {
            self.targets.remove(name);
            if !self.contains(name) {
                return None;
            }
            self.targets.insert(name.to_string(), TargetState::Started);
            return Some(ConfigEvent::TargetChanged(name.to_string()));
        };
        let text = value
            .get("state.v2")
            .and_then(Json::as_str)
            .or_else(|| value.get("state").and_then(Json::as_str));
        let Some(state) = text.and_then(TargetState::from_name) else {
            tracing::error!(connector = name, %value, "config topic: not a target state; it is passed over");
            return None;
        };
        let changed = self.targets.insert(name.to_string(), state) != Some(state);
        (changed && self.contains(name)).then(|| ConfigEvent::TargetChanged(name.to_string()))
    }

    fn apply_connector(&mut self, name: &str, value: Option<Json>) -> Option<ConfigEvent> {
        let Some(value) = value else {
            self.connectors.remove(name);
            self.task_counts.remove(name);
            self.tasks.retain(|task, _| task.connector != name);
            self.deferred.remove(name);
            self.applied.remove(name);
            self.inconsistent.remove(name);
            return Some(ConfigEvent::ConnectorRemoved(name.to_string()));
        };
        let properties = properties_of(name, &value)?;
        self.connectors.insert(name.to_string(), Arc::new(properties));
        self.targets.entry(name.to_string()).or_insert(TargetState::Started);
        Some(ConfigEvent::ConnectorUpdated(name.to_string()))
    }

    fn apply_task(&mut self, text: &str, value: Option<Json>) {
        let Some(task) = parse_task_id(text) else {
            tracing::error!(key = text, "config topic: not a task's key; it is passed over");
            return;
        };
        let Some(properties) = value.as_ref().and_then(|value| properties_of(text, value)) else {
            tracing::error!(%task, "config topic: a task configuration without properties; it is passed over");
            return;
        };
        self.deferred
            .entry(task.connector)
            .or_default()
            .insert(task.task, Arc::new(properties));
    }

    fn apply_task_count(&mut self, name: &str, value: Option<Json>) {
        let count = value
            .as_ref()
            .and_then(|value| value.get("task-count"))
            .and_then(Json::as_u64)
            .and_then(|count| u32::try_from(count).ok());
        let Some(count) = count else {
            tracing::error!(
                connector = name,
                "config topic: a record of tasks to fence without their number; it is passed over"
            );
            return;
        };
        let fencing = self.fencing.entry(name.to_string()).or_default();
        fencing.task_count_record = Some(count);
        fencing.pending = false;
    }

    fn apply_commit(&mut self, name: &str, value: Option<Json>) -> Option<ConfigEvent> {
        if !self.contains(name) {
            self.deferred.remove(name);
            self.tasks.retain(|task, _| task.connector != name);
            return None;
        }
        let count = value
            .as_ref()
            .and_then(|value| value.get("tasks"))
            .and_then(Json::as_u64);
        let Some(count) = count.and_then(|count| u32::try_from(count).ok()) else {
            tracing::error!(
                connector = name,
                "config topic: a commit without a number of tasks; it is passed over"
            );
            return None;
        };
        let fencing = self.fencing.entry(name.to_string()).or_default();
        fencing.pending = true;
        let had_deferred = self.deferred.contains_key(name);
        let deferred = self.deferred.entry(name.to_string()).or_default();
        let complete = (0..count).all(|task| deferred.contains_key(&task));
        let deferred = std::mem::take(deferred);
        if complete {
            if had_deferred {
                fencing.generation = Some(fencing.generation.map_or(0, |generation| generation + 1));
            }
            self.tasks.retain(|task, _| task.connector != name);
            for (task, properties) in deferred {
                self.tasks.insert(TaskId::new(name, task), properties);
            }
            self.inconsistent.remove(name);
            if let Some(config) = self.connectors.get(name) {
                self.applied.insert(name.to_string(), config.clone());
            }
        } else {
            tracing::debug!(
                connector = name,
                count,
                "config topic: incomplete set of task configurations"
            );
            self.inconsistent.insert(name.to_string());
        }
        self.task_counts.insert(name.to_string(), count);
        Some(ConfigEvent::TasksCommitted(name.to_string()))
    }
}

fn properties_of(key: &str, value: &Json) -> Option<Props> {
    let properties = value.get("properties").cloned().map(serde_json::from_value::<Props>);
    match properties {
        Some(Ok(properties)) => Some(properties),
        _ => {
            tracing::error!(
                key,
                "config topic: a record without a map of text properties; it is passed over"
            );
            None
        }
    }
}

/// Splits `<connector>-<number>`; the connector may contain dashes.
fn parse_task_id(text: &str) -> Option<TaskId> {
    let (connector, task) = text.rsplit_once('-')?;
    Some(TaskId::new(connector, task.parse().ok()?))
}

fn restart_request(name: &str, value: Option<Json>) -> Option<ConfigEvent> {
    let value = value?;
    let flag = |key: &str| value.get(key).and_then(Json::as_bool).unwrap_or(false);
    let (only_failed, include_tasks) = (flag("only-failed"), flag("include-tasks"));
    let request = RestartRequest {
        connector: name.to_string(),
        only_failed,
        include_tasks,
    };
    Some(ConfigEvent::RestartRequested(request))
}

fn session_key(value: Option<Json>) -> Option<Option<SessionKey>> {
    let value = value?;
    let text = |key: &str| value.get(key).and_then(Json::as_str).map(str::to_string);
    let created = value.get("creation-timestamp")?.as_i64()?;
    Some(Some(SessionKey {
        key: text("key")?,
        algorithm: text("algorithm")?,
        created,
    }))
}

/// Records of the config topic, as Connect writes them: key and JSON text.
pub mod record {
    use super::{Props, RestartRequest, SessionKey, TargetState, TaskId, json};

    pub fn connector(name: &str, config: &Props) -> (String, String) {
        (format!("connector-{name}"), json!({ "properties": config }).to_string())
    }

    pub fn connector_key(name: &str) -> String {
        format!("connector-{name}")
    }

    pub fn target_state_key(name: &str) -> String {
        format!("target-state-{name}")
    }

    /// STOPPED is written as PAUSED for readers that don't know it.
    pub fn target_state(name: &str, state: TargetState) -> (String, String) {
        let compatible = if state == TargetState::Stopped {
            TargetState::Paused
        } else {
            state
        };
        let value = json!({ "state": compatible.name(), "state.v2": state.name() });
        (target_state_key(name), value.to_string())
    }

    pub fn task(task: &TaskId, config: &Props) -> (String, String) {
        (format!("task-{task}"), json!({ "properties": config }).to_string())
    }

    pub fn commit(name: &str, tasks: usize) -> (String, String) {
        (format!("commit-{name}"), json!({ "tasks": tasks }).to_string())
    }

    /// The number of tasks that may open transactional producers from now on.
    pub fn task_count(name: &str, tasks: u32) -> (String, String) {
        (
            format!("tasks-fencing-{name}"),
            json!({ "task-count": tasks }).to_string(),
        )
    }

    pub fn restart(request: &RestartRequest) -> (String, String) {
        let value = json!({ "include-tasks": request.include_tasks, "only-failed": request.only_failed });
        (format!("restart-connector-{}", request.connector), value.to_string())
    }

    pub fn logger_level(namespace: &str, level: &str) -> (String, String) {
        (
            format!("logger-cluster-{namespace}"),
            json!({ "level": level }).to_string(),
        )
    }

    pub fn session_key(key: &SessionKey) -> (String, String) {
        let value = json!({ "key": key.key, "algorithm": key.algorithm, "creation-timestamp": key.created });
        ("session-key".to_string(), value.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Log {
        state: ConfigState,
        next: i64,
    }

    impl Log {
        fn new() -> Self {
            Log {
                state: ConfigState::default(),
                next: 0,
            }
        }

        fn put(&mut self, key: &str, value: Option<&str>) -> Option<ConfigEvent> {
            let event = self.state.apply(key, value.map(str::as_bytes), self.next, false);
            self.next += 1;
            event
        }

        fn put_pair(&mut self, (key, value): (String, String)) -> Option<ConfigEvent> {
            self.put(&key, Some(&value))
        }
    }

    fn config() -> Props {
        Props::new()
            .with("name", "foo")
            .with("connector.class", "FileStreamSource")
    }

    #[test]
    fn tasks_appear_with_their_commit() {
        let mut log = Log::new();
        assert_eq!(
            log.put_pair(record::connector("foo", &config())),
            Some(ConfigEvent::ConnectorUpdated("foo".into()))
        );
        assert_eq!(log.put_pair(record::task(&TaskId::new("foo", 0), &config())), None);
        assert!(log.state.tasks("foo").is_empty());
        assert_eq!(
            log.put_pair(record::commit("foo", 1)),
            Some(ConfigEvent::TasksCommitted("foo".into()))
        );
        assert_eq!(log.state.tasks("foo"), [TaskId::new("foo", 0)]);
        assert_eq!(log.state.offset, ConfigOffset(3));
        assert_eq!(log.state.applied_config("foo").unwrap().as_ref(), &config());
    }

    #[test]
    fn an_incomplete_set_of_tasks_shows_none() {
        let mut log = Log::new();
        log.put_pair(record::connector("foo", &config()));
        log.put_pair(record::task(&TaskId::new("foo", 1), &config()));
        log.put_pair(record::commit("foo", 2));
        assert!(log.state.tasks("foo").is_empty());
        assert_eq!(log.state.task_count("foo"), 2);
    }

    #[test]
    fn fencing_follows_commits_and_counts() {
        let mut log = Log::new();
        let fencing = |generation, task_count_record, pending| Fencing {
            generation,
            task_count_record,
            pending,
        };
        assert_eq!(log.state.fencing("foo"), fencing(None, None, false));
        log.put_pair(record::connector("foo", &config()));
        log.put_pair(record::commit("foo", 0));
        assert_eq!(
            log.state.fencing("foo"),
            fencing(None, None, true),
            "no task record came before"
        );
        log.put_pair(record::task(&TaskId::new("foo", 0), &config()));
        log.put_pair(record::commit("foo", 1));
        assert_eq!(log.state.fencing("foo"), fencing(Some(0), None, true));
        log.put_pair(record::task_count("foo", 1));
        assert_eq!(log.state.fencing("foo"), fencing(Some(0), Some(1), false));
        log.put("connector-foo", None);
        log.put_pair(record::connector("foo", &config()));
        log.put_pair(record::task(&TaskId::new("foo", 0), &config()));
        log.put_pair(record::commit("foo", 1));
        assert_eq!(
            log.state.fencing("foo"),
            fencing(Some(1), Some(1), true),
            "kept and counted on over a removal"
        );
        assert_eq!(log.put("tasks-fencing-foo", Some("{}")), None);
        assert_eq!(log.state.fencing("foo").task_count_record, Some(1));
    }

    #[test]
    fn stopped_is_written_for_old_readers_too() {
        let (key, value) = record::target_state("foo", TargetState::Stopped);
        assert_eq!(
            (key.as_str(), value.as_str()),
            ("target-state-foo", r#"{"state":"PAUSED","state.v2":"STOPPED"}"#)
        );
        let mut log = Log::new();
        log.put_pair(record::connector("foo", &config()));
        assert_eq!(
            log.put(&key, Some(&value)),
            Some(ConfigEvent::TargetChanged("foo".into()))
        );
        assert_eq!(log.state.target_state("foo"), Some(TargetState::Stopped));
        assert_eq!(log.put(&key, Some(&value)), None, "nothing changed");
    }

    #[test]
    fn a_target_state_before_its_connector_is_kept() {
        let mut log = Log::new();
        assert_eq!(log.put_pair(record::target_state("foo", TargetState::Paused)), None);
        log.put_pair(record::connector("foo", &config()));
        assert_eq!(log.state.target_state("foo"), Some(TargetState::Paused));
    }

    #[test]
    fn removal_forgets_tasks() {
        let mut log = Log::new();
        log.put_pair(record::connector("a-b", &config()));
        log.put_pair(record::task(&TaskId::new("a-b", 0), &config()));
        log.put_pair(record::commit("a-b", 1));
        assert_eq!(
            log.put("connector-a-b", None),
            Some(ConfigEvent::ConnectorRemoved("a-b".into()))
        );
        assert_eq!(log.put("target-state-a-b", None), None);
        assert!(log.state.tasks("a-b").is_empty() && !log.state.contains("a-b"));
    }

    #[test]
    fn broken_records_do_no_harm() {
        let mut log = Log::new();
        log.put_pair(record::connector("foo", &config()));
        for (key, value) in [
            ("connector-x", "[1]"),
            ("task-foo", "{}"),
            ("task-foo-x", "{\"properties\":{}}"),
            ("commit-foo", "{\"tasks\":\"1\"}"),
            ("target-state-foo", "{\"state\":7}"),
            ("session-key", "{}"),
            ("whatever", "{}"),
        ] {
            assert_eq!(log.put(key, Some(value)), None, "{key}");
        }
        let before = log.state.offset;
        assert_eq!(log.put("connector-foo", Some("{not json")), None);
        assert_eq!(log.state.offset, before);
        assert_eq!(log.state.connectors().collect::<Vec<_>>(), ["foo"]);
    }

    #[test]
    fn restarts_of_the_past_are_over() {
        let request = RestartRequest {
            connector: "foo".into(),
            only_failed: true,
            include_tasks: false,
        };
        let (key, value) = record::restart(&request);
        let mut state = ConfigState::default();
        assert_eq!(state.apply(&key, Some(value.as_bytes()), 0, true), None);
        assert_eq!(
            state.apply(&key, Some(value.as_bytes()), 1, false),
            Some(ConfigEvent::RestartRequested(request))
        );
    }
}
