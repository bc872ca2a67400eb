//! Consuming, decoding and delivering: the hot part of a sink task.

use super::batch::{Batch, Decoder};
use super::{Retry, SinkLoop};
use crate::kafka::consumer::{BatchLimits, TaskConsumer};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Records consumed and decoded in one go before other futures of the worker get their turn.
const CHUNK: usize = 512;

/// How the prefetch and the `put` beside it know of each other.
#[derive(Default)]
struct Prefetch {
    /// Waiting for the consumer: may be dropped without loss.
    idle: AtomicBool,
    /// `put` is done: return after the chunk in hand.
    stop: AtomicBool,
}

fn is_full(batch: &Batch, limits: BatchLimits) -> bool {
    batch.consumed >= limits.records || batch.bytes >= limits.bytes
}

fn chunk(batch: &Batch, limits: BatchLimits) -> BatchLimits {
    BatchLimits {
        records: limits.records.saturating_sub(batch.consumed).clamp(1, CHUNK),
        bytes: limits.bytes.saturating_sub(batch.bytes).max(1),
    }
}

impl Prefetch {
    /// Fills `next` until it is full, a rebalance is due, or told to stop.
    async fn run(
        &self,
        consumer: &mut TaskConsumer,
        decoder: &mut Decoder,
        next: &mut Batch,
        limits: BatchLimits,
    ) -> Result<()> {
        while !is_full(next, limits) && !self.stop.load(Ordering::Relaxed) {
            if let Some(raw) = consumer.take(chunk(next, limits))? {
                decoder.decode(raw, next).await?;
                tokio::task::yield_now().await;
                continue;
            }
            if consumer.rebalance_due() {
                return Ok(());
            }
            self.idle.store(true, Ordering::Relaxed);
            consumer.wake().await;
            self.idle.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl SinkLoop {
    pub(super) fn is_full(&self) -> bool {
        is_full(&self.next, self.limits)
    }

    /// Consumes and decodes what is queued.
    pub(super) async fn fill(&mut self) -> Result<()> {
        while !self.is_full() {
            if !self.take_chunk(chunk(&self.next, self.limits)).await? {
                break;
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Looks at the consumer while it is paused: serves its events, and takes what still comes.
    pub(super) async fn take_some(&mut self, records: usize) -> Result<()> {
        self.take_chunk(BatchLimits {
            records,
            bytes: self.limits.bytes,
        })
        .await?;
        Ok(())
    }

    async fn take_chunk(&mut self, limits: BatchLimits) -> Result<bool> {
        let Some(raw) = self.consumer.take(limits)? else {
            return Ok(false);
        };
        self.decoder.decode(raw, &mut self.next).await?;
        Ok(true)
    }

    /// Hands a batch to the task and takes the next one meanwhile.
    pub(super) async fn deliver(&mut self, mut batch: Batch) -> Result<()> {
        if let Some(reporter) = self.context.reporter()
            && !batch.retried
            && reporter.hold(&batch.raw)
        {
            self.commits.request();
        }
        // While a batch is delivered again, everything is paused already.
        let was_retry = !batch.is_empty() && batch.retried;
        let (mut put, fetched) = self.put_and_prefetch(&batch, !was_retry).await;
        if let Some(error) = self.context.report_failure() {
            // The task may have swallowed it; nothing of this batch counts as delivered.
            put = Err(error);
        }
        match put {
            Ok(()) => self.note_delivered(&batch, was_retry)?,
            Err(error) if error.is_retriable() => {
                tracing::warn!("RetriableException from SinkTask, delivering again\n{}", error.trace());
                batch.retried = true;
                self.hold_for_retry(batch)?;
            }
            Err(error) => {
                let text = "Exiting WorkerSinkTask due to unrecoverable exception.";
                return Err(Error::wrap(ErrorKind::Connect, text, error));
            }
        }
        fetched
    }

    async fn put_and_prefetch(&mut self, batch: &Batch, prefetch_allowed: bool) -> (Result<()>, Result<()>) {
        let mut put = self.task.put(&batch.records);
        if !prefetch_allowed {
            return (put.await, Ok(()));
        }
        let state = Prefetch::default();
        let mut prefetch =
            std::pin::pin!(state.run(&mut self.consumer, &mut self.decoder, &mut self.next, self.limits));
        let mut put_result = None;
        let mut fetched = None;
        loop {
            tokio::select! {
                biased;
                result = &mut put, if put_result.is_none() => {
                    put_result = Some(result);
                    state.stop.store(true, Ordering::Relaxed);
                }
                result = &mut prefetch, if fetched.is_none() => fetched = Some(result),
            }
            let prefetch_over = fetched.is_some() || state.idle.load(Ordering::Relaxed);
            if prefetch_over && let Some(put_result) = put_result.take() {
                return (put_result, fetched.unwrap_or(Ok(())));
            }
        }
    }

    fn note_delivered(&mut self, batch: &Batch, was_retry: bool) -> Result<()> {
        for (partition, start) in &batch.starts {
            self.commits.set_start(partition, *start);
        }
        for (partition, position) in &batch.positions {
            self.delivered.insert(partition.clone(), *position);
        }
        if self.topics.is_enabled() {
            for topic in &batch.topics {
                self.topics.used(topic);
            }
        }
        if was_retry && !self.paused {
            self.resume_partitions()?;
        }
        Ok(())
    }

    fn hold_for_retry(&mut self, batch: Batch) -> Result<()> {
        self.consumer.pause(&self.assigned)?;
        let commit = self.commits.due();
        let due = match self.context.take_timeout() {
            Some(timeout) => commit.min(Instant::now() + timeout),
            None => commit,
        };
        self.retry = Some(Retry { batch, due });
        Ok(())
    }
}
