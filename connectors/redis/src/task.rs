//! The task: hands batches to the writer, and tells the worker where to go on.

use crate::config::Settings;
use crate::writer::Writer;
use async_trait::async_trait;
use std::sync::Arc;
use turnbuckle_api::sink::{SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::{Error, ErrorKind, Props, Record, Result, TopicPartition};

/// Either class's task.
pub(crate) struct RedisSinkTask {
    settings: fn(&Props) -> Result<Settings>,
    running: Option<Running>,
}

struct Running {
    context: Arc<dyn SinkTaskContext>,
    writer: Writer,
}

impl RedisSinkTask {
    pub(crate) fn new(settings: fn(&Props) -> Result<Settings>) -> Self {
        RedisSinkTask {
            settings,
            running: None,
        }
    }

    fn running(&mut self) -> Result<&mut Running> {
        let missing = || Error::new(ErrorKind::IllegalState, "the task is not started");
        self.running.as_mut().ok_or_else(missing)
    }
}

#[async_trait]
impl SinkTask for RedisSinkTask {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, props: &Props) -> Result<()> {
        let mut writer = Writer::new((self.settings)(props)?)?;
        writer.connect().await?;
        tracing::info!(redis = %writer.settings().connect.topology, "connected");
        self.running = Some(Running { context, writer });
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let running = self.running()?;
        if !running.writer.stores_offsets() {
            return Ok(());
        }
        let stored = running.writer.open(partitions).await?;
        for (partition, offset) in &stored {
            tracing::info!(%partition, offset, "going on where Redis says");
        }
        running.context.rewind(stored);
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let Running { context, writer } = self.running()?;
        let reporter = context.errant_record_reporter();
        let assignment = match writer.stores_offsets() {
            true => context.assignment(),
            false => Vec::new(),
        };
        let written = writer.write(records, &assignment, reporter.as_deref()).await;
        if let Err(error) = &written
            && error.is_retriable()
        {
            context.set_retry_timeout(writer.retry_delay());
        }
        written
    }

    async fn flush(&mut self, offsets: &SinkOffsets) -> Result<()> {
        self.running()?.writer.flush(offsets).await;
        Ok(())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        self.running()?.writer.close_partitions(partitions);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.writer.close();
        }
        Ok(())
    }
}
