//! `turnbuckle dev`: a standalone worker with a Kafka broker inside.
//!
//! The broker is librdkafka's mock cluster on a real port, so `kcat` and other clients reach it. It creates topics when they
//! are first used, keeps at most 5 MiB per partition, does not compact, has no transactions log to recover from and can't
//! host the group of workers; so offsets and configurations live in memory, and all ends with the process.

use crate::config::{Mode, WorkerConfig};
use crate::launch::{Failure, StandaloneFiles, run_standalone};
use crate::storage::memory::MemoryOffsetStore;
use rdkafka::mocking::MockCluster;
use std::sync::Arc;
use turnbuckle_api::{Error, Props};

/// Runs until a signal.
pub async fn run(port: u16, files: StandaloneFiles) -> Result<(), Failure> {
    let broker = MockCluster::new(1)
        .map_err(|error| Error::connect(format!("The embedded broker could not be started: {error}")))?;
    let address = broker.bootstrap_servers();
    tracing::info!("embedded broker on {address} (in memory, 5 MiB per partition, gone at the end)");
    let props = Props::new()
        .with("bootstrap.servers", address)
        .with("key.converter", "org.apache.kafka.connect.json.JsonConverter")
        .with("value.converter", "org.apache.kafka.connect.json.JsonConverter")
        .with("listeners", format!("http://localhost:{port}"))
        .with("offset.storage.file.filename", "(in memory)")
        .with("offset.flush.interval.ms", "1000");
    let config = WorkerConfig::from_props(Mode::Standalone, props)?;
    let ended = run_standalone(config, files, Some(Arc::new(MemoryOffsetStore::new()))).await;
    drop(broker);
    ended
}
