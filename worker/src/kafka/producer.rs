//! A producer for one task. `send` puts a record into librdkafka's queue and never waits; librdkafka batches and sends in its
//! own threads. Each record carries a sequence number; the delivery report marks that number in a ring of one byte per
//! record in flight, which costs no allocation. Who sends looks at the ring when it wants to know what was acknowledged.

use super::client_log;
use super::errors::{client_error, code_error};
use super::transactions::{self, COORDINATOR_TIMEOUT};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use turnbuckle_api::{Error, Result};

/// Records that may be in flight at once; a power of two.
const RING: usize = 1 << 16;

const PENDING: u8 = 0;
const DELIVERED: u8 = 1;
const FAILED: u8 = 2;

/// What is known of a sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Pending,
    Delivered,
    Failed,
}

/// Delivery reports of one producer.
#[derive(Debug)]
pub struct Acks {
    ring: Box<[AtomicU8]>,
    /// Reports so far, good or bad.
    reports: AtomicU64,
    /// Wake `progress` when this many reports are in; `u64::MAX` while nobody waits.
    wake_at: AtomicU64,
    progress: Notify,
    failures: Mutex<Vec<(u64, RDKafkaErrorCode)>>,
    has_failures: AtomicBool,
}

impl Acks {
    fn new() -> Self {
        Acks {
            ring: (0..RING).map(|_| AtomicU8::new(PENDING)).collect(),
            reports: AtomicU64::new(0),
            wake_at: AtomicU64::new(u64::MAX),
            progress: Notify::new(),
            failures: Mutex::new(Vec::new()),
            has_failures: AtomicBool::new(false),
        }
    }

    fn slot(&self, sequence: u64) -> &AtomicU8 {
        &self.ring[sequence as usize & (RING - 1)]
    }

    fn report(&self, sequence: u64, failure: Option<RDKafkaErrorCode>) {
        match failure {
            None => self.slot(sequence).store(DELIVERED, Ordering::Release),
            Some(code) => {
                self.failures
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((sequence, code));
                self.slot(sequence).store(FAILED, Ordering::Release);
                self.has_failures.store(true, Ordering::SeqCst);
            }
        }
        let reports = self.reports.fetch_add(1, Ordering::SeqCst) + 1;
        if reports >= self.wake_at.load(Ordering::SeqCst) && self.wake_at.swap(u64::MAX, Ordering::SeqCst) != u64::MAX {
            self.progress.notify_one();
        }
    }

    /// State of a record that is not older than [`RecordProducer::capacity`] sends.
    pub fn delivery(&self, sequence: u64) -> Delivery {
        match self.slot(sequence).load(Ordering::Acquire) {
            PENDING => Delivery::Pending,
            DELIVERED => Delivery::Delivered,
            _ => Delivery::Failed,
        }
    }

    /// Takes the failures reported since the last call.
    pub fn take_failures(&self) -> Vec<(u64, RDKafkaErrorCode)> {
        if !self.has_failures.swap(false, Ordering::SeqCst) {
            return Vec::new();
        }
        std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Number of reports so far.
    pub fn reports(&self) -> u64 {
        self.reports.load(Ordering::SeqCst)
    }

    /// Waits until there are at least `target` reports. One waiter at a time.
    pub async fn reached(&self, target: u64) {
        loop {
            self.wake_at.store(target, Ordering::SeqCst);
            if self.reports() >= target {
                self.wake_at.store(u64::MAX, Ordering::SeqCst);
                return;
            }
            self.progress.notified().await;
        }
    }
}

/// Context of the native client.
struct AckContext(Arc<Acks>);

impl ClientContext for AckContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        client_log::line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client_log::client_error(&error, reason);
    }
}

impl ProducerContext for AckContext {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, sequence: usize) {
        let failure = match result {
            Ok(_) => None,
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        self.0.report(sequence as u64, failure);
    }
}

/// A record as bytes.
#[derive(Debug)]
pub struct OutgoingRecord<'a> {
    pub topic: &'a str,
    pub partition: Option<i32>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the epoch. librdkafka takes 0 for "now".
    pub timestamp: Option<i64>,
    pub headers: Option<OwnedHeaders>,
}

/// Why a record was not queued.
#[derive(Debug)]
pub enum SendError {
    /// The queue or the ring is full: wait for [`RecordProducer::room`] and send again. The headers come back.
    Full(Option<OwnedHeaders>),
    /// This record can't be sent (too large, unknown partition, …), as if its delivery had failed.
    Refused(Error),
}

/// A producer whose records are numbered in the order of `send`.
pub struct RecordProducer {
    /// None once closed.
    inner: Option<Arc<ThreadedProducer<AckContext>>>,
    acks: Arc<Acks>,
    next: u64,
    /// Numbers below are settled and forgotten by the owner.
    settled: u64,
}

impl std::fmt::Debug for RecordProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordProducer")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl RecordProducer {
    /// Makes the client; it connects in the background.
    ///
    /// # Errors
    /// `KafkaException` if librdkafka refuses a setting.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let acks = Arc::new(Acks::new());
        let inner: ThreadedProducer<AckContext> = config
            .create_with_context(AckContext(acks.clone()))
            .map_err(|error| client_error(&error, "Failed to construct kafka producer"))?;
        Ok(RecordProducer {
            inner: Some(Arc::new(inner)),
            acks,
            next: 0,
            settled: 0,
        })
    }

    /// Most records in flight.
    pub const fn capacity() -> u64 {
        RING as u64
    }

    pub fn acks(&self) -> &Arc<Acks> {
        &self.acks
    }

    /// Records whose report is missing.
    pub fn outstanding(&self) -> u64 {
        self.next - self.acks.reports()
    }

    /// The number that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// Tells that no number below `sequence` is asked for any more, so that the ring may be used again.
    pub fn settle_below(&mut self, sequence: u64) {
        self.settled = self.settled.max(sequence);
    }

    /// Queues a record and returns its number.
    pub fn send(&mut self, record: OutgoingRecord<'_>) -> Result<u64, SendError> {
        let Some(inner) = &self.inner else {
            return Err(SendError::Refused(Error::connect("the producer is closed")));
        };
        if self.next - self.settled >= Self::capacity() {
            return Err(SendError::Full(record.headers));
        }
        let sequence = self.next;
        self.acks.slot(sequence).store(PENDING, Ordering::Release);
        let mut outgoing: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(record.topic, sequence as usize);
        outgoing.partition = record.partition;
        outgoing.key = record.key;
        outgoing.payload = record.value;
        outgoing.timestamp = record.timestamp;
        outgoing.headers = record.headers;
        match inner.send(outgoing) {
            Ok(()) => {
                self.next += 1;
                Ok(sequence)
            }
            Err((error, returned)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Err(SendError::Full(returned.headers)),
                Some(code) => Err(SendError::Refused(code_error(
                    code,
                    &format!("sending to topic {}", record.topic),
                ))),
                None => Err(SendError::Refused(client_error(
                    &error,
                    &format!("sending to topic {}", record.topic),
                ))),
            },
        }
    }

    /// Waits until every record sent so far was reported; false if `limit` passes first.
    pub async fn drain(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.acks.reached(self.next)).await.is_ok()
    }

    /// After [`SendError::Full`]: waits until a good part of what is in flight was reported.
    pub async fn room(&self) {
        let outstanding = self.outstanding();
        let share = (outstanding / 4).clamp(1, 4096).min(outstanding);
        self.acks.reached(self.acks.reports() + share).await;
    }

    fn client(&self) -> Result<&Arc<ThreadedProducer<AckContext>>> {
        self.inner
            .as_ref()
            .ok_or_else(|| Error::connect("the producer is closed"))
    }

    /// Takes over the transactional id that the settings name; comes before all records.
    pub async fn init_transactions(&self) -> Result<()> {
        transactions::init(self.client()?.clone(), COORDINATOR_TIMEOUT).await
    }

    /// Opens a transaction for the records that follow.
    pub fn begin_transaction(&self) -> Result<()> {
        transactions::begin(self.client()?.as_ref())
    }

    /// Waits for the delivery of the transaction's records and commits it.
    pub async fn commit_transaction(&self) -> Result<()> {
        transactions::commit(self.client()?.clone(), COORDINATOR_TIMEOUT).await
    }

    /// Gives the open transaction up.
    pub async fn abort_transaction(&self) -> Result<()> {
        transactions::abort(self.client()?.clone(), COORDINATOR_TIMEOUT).await
    }

    /// Closes the client away from the async threads: the native client takes a moment to go.
    pub async fn close(mut self) {
        let inner = self.inner.take();
        if tokio::task::spawn_blocking(move || drop(inner)).await.is_err() {
            tracing::warn!("closing a producer panicked");
        }
    }
}

impl Drop for RecordProducer {
    fn drop(&mut self) {
        // Reached without `close` only when a task is aborted; its thread must not wait for the native client.
        if let Some(inner) = self.inner.take() {
            std::thread::spawn(move || drop(inner));
        }
    }
}
