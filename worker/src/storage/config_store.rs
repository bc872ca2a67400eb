//! Where connector configurations live: a log of records folded into a [`ConfigState`]. On the config topic for distributed
//! workers, in memory for standalone ones; both go through the same fold.

use super::config_state::{ConfigEvent, ConfigState};
use crate::herder::RestartRequest;
use crate::kafka::log::{CompactedLog, LogRecord, LogSettings};
use crate::kafka::transactions::TransactionalWriter;
use async_trait::async_trait;
use rdkafka::ClientConfig;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use turnbuckle_api::{Error, Result};

/// A record to write: key and value; None is a tombstone.
pub type ConfigRecord = (String, Option<String>);

/// The config store as the herder uses it.
#[async_trait]
pub trait ConfigStore: Send + Sync {
    /// Appends records in order and returns when this worker has read them back.
    async fn write(&self, records: Vec<ConfigRecord>) -> Result<()>;

    /// Makes this worker the only one that can write what only a leader may (KIP-618). Without exactly-once support every
    /// worker can.
    async fn claim_write_privileges(&self) -> Result<()> {
        Ok(())
    }

    /// Waits until this worker has read all that any worker wrote before the call.
    async fn read_to_end(&self, timeout: Duration) -> Result<()>;

    /// The current state.
    fn snapshot(&self) -> Arc<ConfigState>;

    /// Takes what has changed since the last call.
    fn take_changes(&self) -> ConfigChanges;

    /// Resolves when there may be changes to take.
    async fn changed(&self);

    /// Stops reading.
    fn stop(&self);
}

/// Changes since the last look, each named once however often it happened; so their number is bounded by the connectors'.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigChanges {
    pub connectors: BTreeSet<String>,
    pub tasks: BTreeSet<String>,
    pub targets: BTreeSet<String>,
    /// The request of greatest impact per connector.
    pub restarts: BTreeMap<String, RestartRequest>,
    pub logger_levels: BTreeMap<String, String>,
    pub session_key: bool,
}

impl ConfigChanges {
    pub fn is_empty(&self) -> bool {
        *self == ConfigChanges::default()
    }

    fn add(&mut self, event: ConfigEvent) {
        match event {
            ConfigEvent::ConnectorUpdated(name) | ConfigEvent::ConnectorRemoved(name) => {
                self.connectors.insert(name);
            }
            ConfigEvent::TasksCommitted(name) => {
                self.tasks.insert(name);
            }
            ConfigEvent::TargetChanged(name) => {
                self.targets.insert(name);
            }
            ConfigEvent::SessionKeyChanged => self.session_key = true,
            ConfigEvent::LoggerLevel { namespace, level } => {
                self.logger_levels.insert(namespace, level);
            }
            ConfigEvent::RestartRequested(request) => self.add_restart(request),
        }
    }

    fn add_restart(&mut self, request: RestartRequest) {
        let impact = |request: &RestartRequest| (request.include_tasks, !request.only_failed);
        match self.restarts.get(&request.connector) {
            Some(known) if impact(known) >= impact(&request) => {}
            _ => {
                self.restarts.insert(request.connector.clone(), request);
            }
        }
    }
}

/// State and changes, shared by the reader and the herder.
#[derive(Default)]
struct Shared {
    inner: Mutex<(Arc<ConfigState>, ConfigChanges)>,
    changed: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Arc<ConfigState>, ConfigChanges)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply(&self, key: &str, value: Option<&[u8]>, offset: i64, from_start: bool) {
        let mut inner = self.lock();
        let event = Arc::make_mut(&mut inner.0).apply(key, value, offset, from_start);
        if let Some(event) = event {
            inner.1.add(event);
            drop(inner);
            self.changed.notify_one();
        }
    }

    fn snapshot(&self) -> Arc<ConfigState> {
        self.lock().0.clone()
    }

    fn take_changes(&self) -> ConfigChanges {
        std::mem::take(&mut self.lock().1)
    }
}

/// How long a write and its reading back may take together.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The config topic.
pub struct KafkaConfigStore {
    log: CompactedLog,
    shared: Arc<Shared>,
    /// With exactly-once support: what only the leader may write goes through here, a transaction at a time.
    leader: Option<TransactionalWriter>,
}

/// What a request ends with when the leader's transaction failed; clients know the text.
pub const NOT_WRITTEN: &str =
    "Failed to write to config topic; this may be due to a transient error and the request can be safely retried";

/// Any worker may write target states and logger levels; the rest is the leader's.
fn is_privileged(records: &[ConfigRecord]) -> bool {
    let free = ["target-state-", "logger-cluster-"];
    !records
        .iter()
        .all(|(key, _)| free.iter().any(|prefix| key.starts_with(prefix)))
}

impl KafkaConfigStore {
    /// Starts reading; returns when all that is there has been read. `leader` is the transactional producer of a worker with
    /// exactly-once support.
    pub async fn start(settings: LogSettings, leader: Option<ClientConfig>) -> Result<Self> {
        let leader = leader.map(|config| TransactionalWriter::new(&settings.topic, config));
        let shared = Arc::new(Shared::default());
        let on_record = {
            let shared = shared.clone();
            move |record: LogRecord| match record.key.as_deref().map(std::str::from_utf8) {
                Some(Ok(key)) => shared.apply(key, record.value.as_deref(), record.offset, record.from_start),
                _ => tracing::error!(offset = record.offset, "config topic: a record without a text key"),
            }
        };
        let log = CompactedLog::start(settings, Box::new(on_record)).await?;
        Ok(KafkaConfigStore { log, shared, leader })
    }
}

#[async_trait]
impl ConfigStore for KafkaConfigStore {
    async fn write(&self, records: Vec<ConfigRecord>) -> Result<()> {
        let leader = self.leader.as_ref().filter(|_| is_privileged(&records));
        let records: Vec<_> = records
            .into_iter()
            .map(|(key, value)| (key.into_bytes(), value.map(String::into_bytes)))
            .collect();
        let write_and_read = async {
            match leader {
                Some(leader) => {
                    let written = leader.write(&records, WRITE_TIMEOUT).await;
                    written.map_err(|error| Error::connect(NOT_WRITTEN).with_cause(error))?;
                }
                None => self.log.send_all(&records).await?,
            }
            self.log.read_to_end().await
        };
        tokio::time::timeout(WRITE_TIMEOUT, write_and_read)
            .await
            .unwrap_or_else(|_| {
                Err(Error::connect(format!(
                    "Writing to topic {} timed out",
                    self.log.topic()
                )))
            })
    }

    async fn claim_write_privileges(&self) -> Result<()> {
        match &self.leader {
            Some(leader) => leader.claim(WRITE_TIMEOUT).await,
            None => Ok(()),
        }
    }

    async fn read_to_end(&self, timeout: Duration) -> Result<()> {
        tokio::time::timeout(timeout, self.log.read_to_end())
            .await
            .unwrap_or_else(|_| {
                Err(Error::retriable(format!(
                    "Timed out reading topic {} to its end",
                    self.log.topic()
                )))
            })
    }

    fn snapshot(&self) -> Arc<ConfigState> {
        self.shared.snapshot()
    }

    fn take_changes(&self) -> ConfigChanges {
        self.shared.take_changes()
    }

    async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    fn stop(&self) {
        self.log.stop();
    }
}

/// Configurations of a standalone worker, gone with it.
#[derive(Default)]
pub struct MemoryConfigStore {
    shared: Shared,
    next_offset: Mutex<i64>,
}

#[async_trait]
impl ConfigStore for MemoryConfigStore {
    async fn write(&self, records: Vec<ConfigRecord>) -> Result<()> {
        let mut next = self.next_offset.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in records {
            self.shared
                .apply(&key, value.as_deref().map(str::as_bytes), *next, false);
            *next += 1;
        }
        Ok(())
    }

    async fn read_to_end(&self, _timeout: Duration) -> Result<()> {
        Ok(())
    }

    fn snapshot(&self) -> Arc<ConfigState> {
        self.shared.snapshot()
    }

    fn take_changes(&self) -> ConfigChanges {
        self.shared.take_changes()
    }

    async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    fn stop(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_restart_of_greatest_impact_wins() {
        let request = |only_failed, include_tasks| RestartRequest {
            connector: "c".into(),
            only_failed,
            include_tasks,
        };
        let mut changes = ConfigChanges::default();
        for step in [
            request(true, false),
            request(false, true),
            request(true, true),
            request(false, false),
        ] {
            changes.add(ConfigEvent::RestartRequested(step));
        }
        assert_eq!(changes.restarts["c"], request(false, true));
    }

    #[tokio::test]
    async fn memory_keeps_what_is_written() {
        let store = MemoryConfigStore::default();
        store
            .write(vec![(
                "connector-a".into(),
                Some(r#"{"properties":{"name":"a"}}"#.into()),
            )])
            .await
            .unwrap();
        assert!(store.snapshot().contains("a"));
        assert_eq!(store.take_changes().connectors, BTreeSet::from(["a".to_string()]));
        assert!(store.take_changes().is_empty());
    }
}
