//! For tests of plugins: contexts that remember what a plugin asked for, and short ways to make records.

use crate::config::Props;
use crate::data::{SchemaAndValue, Text};
use crate::error::{Error, Result};
use crate::record::{Headers, OffsetMap, Origin, Record, SinkOrigin, TimestampType, TopicPartition};
use crate::sink::{ErrantRecordReporter, SinkOffsets, SinkTaskContext};
use crate::source::{ConnectorContext, OffsetReader, SourceTaskContext};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Offsets that a test put in.
#[derive(Debug, Default)]
pub struct MemoryOffsets(Mutex<Vec<(OffsetMap, OffsetMap)>>);

impl MemoryOffsets {
    pub fn put(&self, partition: OffsetMap, offset: OffsetMap) {
        let mut entries = lock(&self.0);
        entries.retain(|(known, _)| !known.same_entries(&partition));
        entries.push((partition, offset));
    }
}

#[async_trait]
impl OffsetReader for MemoryOffsets {
    async fn offsets(&self, partitions: &[OffsetMap]) -> Result<Vec<Option<OffsetMap>>> {
        let entries = lock(&self.0);
        let find = |wanted: &OffsetMap| {
            entries
                .iter()
                .find(|(known, _)| known.same_entries(wanted))
                .map(|(_, offset)| offset.clone())
        };
        Ok(partitions.iter().map(find).collect())
    }
}

/// Context of a connector or a task, source or sink, that remembers requests.
#[derive(Debug, Default)]
pub struct TestContext {
    pub props: Props,
    pub offsets: Arc<MemoryOffsets>,
    pub assignment: Vec<TopicPartition>,
    pub state: Mutex<Requests>,
}

/// What the plugin asked for.
#[derive(Debug, Default)]
pub struct Requests {
    pub reconfigurations: usize,
    pub raised: Vec<Error>,
    pub rewinds: Vec<SinkOffsets>,
    pub retry_timeout: Option<Duration>,
    pub paused: Vec<TopicPartition>,
    pub commits: usize,
    pub reported: Vec<(Record, Error)>,
}

impl TestContext {
    pub fn new(props: Props) -> Arc<Self> {
        Arc::new(TestContext {
            props,
            ..TestContext::default()
        })
    }

    pub fn requests(&self) -> MutexGuard<'_, Requests> {
        lock(&self.state)
    }
}

impl ConnectorContext for TestContext {
    fn request_task_reconfiguration(&self) {
        self.requests().reconfigurations += 1;
    }

    fn raise_error(&self, error: Error) {
        self.requests().raised.push(error);
    }

    fn offset_reader(&self) -> Option<Arc<dyn OffsetReader>> {
        Some(self.offsets.clone())
    }
}

impl SourceTaskContext for TestContext {
    fn configs(&self) -> Result<Props> {
        Ok(self.props.clone())
    }

    fn offset_reader(&self) -> Arc<dyn OffsetReader> {
        self.offsets.clone()
    }
}

impl SinkTaskContext for TestContext {
    fn configs(&self) -> Result<Props> {
        Ok(self.props.clone())
    }

    fn rewind(&self, offsets: SinkOffsets) {
        self.requests().rewinds.push(offsets);
    }

    fn set_retry_timeout(&self, timeout: Duration) {
        self.requests().retry_timeout = Some(timeout);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.assignment.clone()
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        self.requests().paused.extend_from_slice(partitions);
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        self.requests().paused.retain(|paused| !partitions.contains(paused));
    }

    fn request_commit(&self) {
        self.requests().commits += 1;
    }

    fn errant_record_reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>> {
        None
    }
}

/// A sink record of partition 0 at `offset`.
pub fn sink_record(topic: &str, offset: i64, key: SchemaAndValue, value: SchemaAndValue) -> Record {
    let topic = Text::from(topic);
    let origin = SinkOrigin {
        topic: topic.clone(),
        partition: 0,
        offset,
        timestamp_type: TimestampType::CreateTime,
    };
    Record {
        topic,
        partition: Some(0),
        key,
        value,
        timestamp: Some(0),
        headers: Headers::default(),
        origin: Origin::Sink(origin),
    }
}
