//! The errant record reporter: records that a task could not deliver go to the log and the dead letter queue (KIP-610).
//!
//! A dead letter is the bytes that were consumed. They are held from the moment their batch is delivered until the task has
//! secured it, because a task that writes in its own time reports late. What is held is bounded: when it grows, the task is
//! asked to secure what it has.

use super::super::pipeline::{Operator, RawSource, Stage, Subject, tolerance_exceeded};
use crate::kafka::consumer::RawBatch;
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use turnbuckle_api::record::SinkOrigin;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkOffsets};
use turnbuckle_api::{Error, Origin, Record, Result, TopicPartition};

/// Class shown for records that a task itself reports.
const SINK_TASK: &str = "org.apache.kafka.connect.sink.SinkTask";

/// Held bytes from which on a commit is asked for.
const COMMIT_FROM: usize = 16 * 1024 * 1024;
/// Most bytes that are held; the oldest go first.
const MOST: usize = 64 * 1024 * 1024;

/// Reports records that the task could not deliver, with the bytes they came from.
pub(crate) struct Reporter {
    operator: Arc<Operator>,
    held: Mutex<Held>,
    /// First report that was not tolerated.
    failed: Mutex<Option<Error>>,
    has_failed: AtomicBool,
}

/// Batches that the task may still report records of.
#[derive(Default)]
struct Held {
    batches: VecDeque<HeldBatch>,
    bytes: usize,
}

struct HeldBatch {
    raw: Arc<RawBatch>,
    spans: Vec<Span>,
}

/// The offsets of one partition in a batch.
struct Span {
    /// Index into the batch's topics.
    topic: u32,
    partition: i32,
    first: i64,
    last: i64,
}

impl HeldBatch {
    fn new(raw: Arc<RawBatch>) -> Self {
        let mut spans: Vec<Span> = Vec::new();
        for entry in &raw.entries {
            let same = |span: &&mut Span| span.topic == entry.topic && span.partition == entry.partition;
            match spans.iter_mut().rev().find(same) {
                Some(span) => span.last = entry.offset,
                None => spans.push(Span {
                    topic: entry.topic,
                    partition: entry.partition,
                    first: entry.offset,
                    last: entry.offset,
                }),
            }
        }
        HeldBatch { raw, spans }
    }

    fn holds(&self, from: &SinkOrigin) -> bool {
        self.spans.iter().any(|span| {
            span.partition == from.partition
                && (span.first..=span.last).contains(&from.offset)
                && self.raw.topics[span.topic as usize] == from.topic
        })
    }

    /// Forgets partitions; false if nothing is left.
    fn keep(&mut self, wanted: impl Fn(&TopicPartition, &Span) -> bool) -> bool {
        let topics = &self.raw.topics;
        self.spans.retain(|span| {
            let partition = TopicPartition::new(topics[span.topic as usize].clone(), span.partition);
            wanted(&partition, span)
        });
        !self.spans.is_empty()
    }
}

impl Held {
    fn keep(&mut self, wanted: impl Fn(&TopicPartition, &Span) -> bool) {
        self.batches.retain_mut(|batch| batch.keep(&wanted));
        self.bytes = self.batches.iter().map(|batch| batch.raw.bytes()).sum();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Reporter {
    pub(super) fn new(operator: Arc<Operator>) -> Self {
        Reporter {
            operator,
            held: Mutex::default(),
            failed: Mutex::new(None),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Holds what is about to be delivered. True if so much is held that the task should secure it.
    pub(super) fn hold(&self, batches: &[Arc<RawBatch>]) -> bool {
        let mut held = lock(&self.held);
        for raw in batches {
            held.bytes += raw.bytes();
            held.batches.push_back(HeldBatch::new(raw.clone()));
        }
        // The batch that is delivered now stays, whatever its size.
        while held.bytes > MOST && held.batches.len() > batches.len() {
            if let Some(oldest) = held.batches.pop_front() {
                held.bytes -= oldest.raw.bytes();
            }
        }
        held.bytes >= COMMIT_FROM
    }

    /// The task has secured everything below these offsets.
    pub(super) fn secured(&self, offsets: &SinkOffsets) {
        lock(&self.held).keep(|partition, span| offsets.get(partition).is_none_or(|offset| span.last >= *offset));
    }

    /// These partitions are somebody else's now.
    pub(super) fn forget(&self, partitions: &[TopicPartition]) {
        lock(&self.held).keep(|partition, _| !partitions.contains(partition));
    }

    /// The error that ends the task although it may have swallowed it.
    pub(super) fn failure(&self) -> Option<Error> {
        if !self.has_failed.load(Ordering::SeqCst) {
            return None;
        }
        lock(&self.failed).clone()
    }

    fn batch_of(&self, from: &SinkOrigin) -> Option<Arc<RawBatch>> {
        let held = lock(&self.held);
        // The newest one, should a record have been delivered twice.
        let batch = held.batches.iter().rev().find(|batch| batch.holds(from))?;
        Some(batch.raw.clone())
    }

    fn fail(&self, failure: Error) -> Error {
        lock(&self.failed).get_or_insert(failure.clone());
        self.has_failed.store(true, Ordering::SeqCst);
        failure
    }
}

#[async_trait]
impl ErrantRecordReporter for Reporter {
    async fn report(&self, record: &Record, error: Error) -> Result<()> {
        let batch = match &record.origin {
            Origin::Sink(from) => self.batch_of(from).map(|batch| (batch, from)),
            Origin::Source { .. } => None,
        };
        let raw = batch.as_ref().and_then(|(batch, from)| {
            let same = |entry: &&crate::kafka::consumer::RawEntry| {
                entry.offset == from.offset && entry.partition == from.partition && *batch.topic(entry) == from.topic
            };
            batch.entries.iter().find(same).map(|entry| RawSource { batch, entry })
        });
        if raw.is_none() && self.operator.has_dead_letters() {
            let text = format!(
                "Record {} can't be sent to the dead letter queue: the bytes it came from are no longer held. The task \
                 holds more than {MOST} bytes without securing them",
                record.coordinates()
            );
            return Err(self.fail(Error::connect(text).with_cause(error)));
        }
        let subject = raw.map_or(Subject::Source(None), Subject::Sink);
        self.operator.report(Stage::TaskPut, SINK_TASK, &error, subject).await;
        match self.operator.tolerates_all() {
            true => Ok(()),
            false => Err(self.fail(tolerance_exceeded(error))),
        }
    }
}
