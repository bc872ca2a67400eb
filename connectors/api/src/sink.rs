//! Sinks: a connector that hands out task configurations, and tasks that take batches of records.

use crate::config::{ConfigDef, ConfigValue, Props};
use crate::error::{Error, Result};
use crate::record::{Record, TopicPartition};
use crate::source::{AlterOffsets, ConnectorContext};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Next offset to read, per partition.
pub type SinkOffsets = HashMap<TopicPartition, i64>;

/// `org.apache.kafka.connect.sink.SinkConnector`.
#[async_trait]
pub trait SinkConnector: Send + Sync {
    fn config_def(&self) -> &'static ConfigDef;

    /// Values, errors and recommendations for each key.
    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        Ok(self.config_def().validate(config))
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()>;

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>>;

    async fn stop(&mut self) -> Result<()>;

    /// Checks offsets of the consumer group before they are changed (KIP-875); None removes a partition's offset.
    fn alter_offsets(&self, _config: &Props, _offsets: &[(TopicPartition, Option<i64>)]) -> Result<AlterOffsets> {
        Ok(AlterOffsets::NotManaged)
    }
}

/// Takes records that a task could not deliver (`ErrantRecordReporter`).
#[async_trait]
pub trait ErrantRecordReporter: Send + Sync {
    /// Reports one record.
    ///
    /// # Errors
    /// `ConnectException` if the connector tolerates no errors; the task should then give up.
    async fn report(&self, record: &Record, error: Error) -> Result<()>;
}

/// What the worker offers a sink task. Requests take effect before the next `put`.
pub trait SinkTaskContext: Send + Sync {
    /// The task's configuration with config-provider placeholders resolved afresh.
    fn configs(&self) -> Result<Props>;
    /// Reads on from these offsets.
    fn rewind(&self, offsets: SinkOffsets);
    /// After a retriable error, redeliver after this time.
    fn set_retry_timeout(&self, timeout: Duration);
    fn assignment(&self) -> Vec<TopicPartition>;
    fn pause(&self, partitions: &[TopicPartition]);
    fn resume(&self, partitions: &[TopicPartition]);
    /// Commit offsets soon.
    fn request_commit(&self);
    /// None unless the connector has a dead letter queue or logs errors.
    fn errant_record_reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>>;
}

/// `org.apache.kafka.connect.sink.SinkTask`.
#[async_trait]
pub trait SinkTask: Send {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()>;

    /// Newly assigned partitions.
    async fn open(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    /// Delivers a batch, which may be empty. After a retriable error the same batch comes again.
    async fn put(&mut self, records: &[Record]) -> Result<()>;

    /// Makes everything delivered so far durable.
    async fn flush(&mut self, _offsets: &SinkOffsets) -> Result<()> {
        Ok(())
    }

    /// The offsets that may be committed now; by default all, after a flush.
    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets> {
        self.flush(&offsets).await?;
        Ok(offsets)
    }

    /// Partitions that are taken away.
    async fn close(&mut self, _partitions: &[TopicPartition]) -> Result<()> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<()>;
}
