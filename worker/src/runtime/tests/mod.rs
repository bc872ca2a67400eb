//! The runtime against librdkafka's mock cluster: plugins of the tests, real clients, real requests.

mod connectors;
mod plugins;
mod sinks;
mod sources;

use super::{Runtime, RuntimeConfig, RuntimeEvent, StartTask};
use crate::config::{Mode, WorkerConfig};
use crate::herder::{TargetState, TaskId};
use crate::plugins::Plugins;
use crate::storage::memory::{MemoryOffsetStore, MemoryStatusStore};
use crate::storage::{Lifecycle, OffsetStore, StatusStore};
use bytes::Bytes;
use plugins::Probe;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use turnbuckle_api::Props;

/// A worker with a cluster of its own.
struct Bench {
    cluster: MockCluster<'static, DefaultProducerContext>,
    runtime: Arc<Runtime>,
    statuses: Arc<MemoryStatusStore>,
    offsets: Arc<MemoryOffsetStore>,
    events: mpsc::Receiver<RuntimeEvent>,
    /// Distinguishes the tests' probes.
    name: &'static str,
}

impl Bench {
    fn new(name: &'static str) -> Self {
        // Shown for failed tests only; a second initialisation is refused, which is fine.
        let _ = tracing_subscriber::fmt()
            .with_test_writer()
            .with_max_level(tracing::Level::DEBUG)
            .try_init();
        let cluster = MockCluster::new(1).unwrap();
        let worker_props = Props::new()
            .with("bootstrap.servers", cluster.bootstrap_servers())
            // The mock's group waits for its former members for this long.
            .with("consumer.session.timeout.ms", "6000")
            .with("key.converter", "test.TextConverter")
            .with("value.converter", "test.TextConverter")
            .with("header.converter", "test.TextConverter")
            .with("offset.storage.file.filename", "unused: offsets are in memory")
            .with("offset.flush.interval.ms", "100")
            .with("task.shutdown.graceful.timeout.ms", "20000");
        let worker = WorkerConfig::from_props(Mode::Standalone, worker_props).unwrap();
        let config = RuntimeConfig {
            worker_id: "localhost:8083".into(),
            worker: Arc::new(worker),
        };
        let statuses = Arc::new(MemoryStatusStore::new());
        let offsets = Arc::new(MemoryOffsetStore::new());
        let (sender, events) = mpsc::channel(4);
        let plugins = Arc::new(Plugins::new(plugins::all()));
        let runtime = Runtime::new(config, plugins, statuses.clone(), offsets.clone(), sender);
        runtime.set_generation(3);
        Bench {
            cluster,
            runtime,
            statuses,
            offsets,
            events,
            name,
        }
    }

    fn probe(&self) -> Arc<Probe> {
        Probe::of(self.name)
    }

    /// Configuration of a task of `class`, which the tests use for its connector as well.
    fn config(&self, class: &str, extra: &[(&str, &str)]) -> Props {
        let mut config = Props::new()
            .with("connector.class", format!("test.{class}Connector"))
            .with("task.class", format!("test.{class}Task"))
            .with("probe", self.name);
        for (key, value) in extra {
            config.insert(*key, *value);
        }
        config
    }

    async fn start(&self, number: u32, config: &Props, target: TargetState) -> (TaskId, bool) {
        let id = TaskId::new("c", number);
        let start = StartTask {
            id: id.clone(),
            connector_config: config.clone(),
            task_config: config.clone(),
            target,
            task_count: 1,
            gate: None,
        };
        let started = self.runtime.start_task(start).await;
        (id, started)
    }

    fn state(&self, id: &TaskId) -> Option<Lifecycle> {
        self.statuses.task(id).map(|status| status.state)
    }

    fn trace(&self, id: &TaskId) -> String {
        self.statuses
            .task(id)
            .and_then(|status| status.trace)
            .unwrap_or_default()
    }

    async fn reaches(&self, id: &TaskId, state: Lifecycle) {
        eventually(&format!("task {id} is {state:?}"), || self.state(id) == Some(state)).await;
    }

    /// The stored position of the numbers source.
    async fn stored(&self) -> Option<String> {
        let key = Bytes::from_static(br#"["c",{"source":"numbers"}]"#);
        let value = self.offsets.get(&[key]).await.unwrap().remove(0)?;
        Some(String::from_utf8(value.to_vec()).unwrap())
    }
}

/// Waits until something holds.
async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(40);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn numbers(range: std::ops::RangeInclusive<i64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}
