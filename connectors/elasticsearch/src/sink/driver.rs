//! Sends batches in the background. The task puts them into [`Shared`]; the driver sends up to `max.in.flight.requests` at
//! once, but no batch that writes a document that is being written, and tells the tracker what is done.

use super::answer::{Refusal, Verdict};
use super::batch::{Batch, Item};
use super::offsets::{Offsets, Ticket};
use super::send::send;
use crate::client::Client;
use crate::config::{Behavior, Bulk, Conflict, Outcomes, Vendor};
use crate::resources::Retries;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use turnbuckle_api::record::{SinkOrigin, TimestampType};
use turnbuckle_api::sink::{ErrantRecordReporter, SinkTaskContext};
use turnbuckle_api::{Error, ErrorKind, Headers, Origin, Record, Result, SchemaAndValue};

/// What the task and the driver share.
#[derive(Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The driver has something to look at.
    wake: Notify,
    /// The task has: room, an end, or a failure.
    progress: Notify,
}

/// Batches and records on their way.
#[derive(Default)]
pub(crate) struct State {
    /// Takes further records until it is full or due.
    pub(crate) open: Batch,
    ready: VecDeque<Batch>,
    /// Documents that are being written, and by how many items.
    documents: HashMap<u64, usize>,
    in_flight: usize,
    /// Records in batches.
    pub(crate) buffered: usize,
    pub(crate) offsets: Offsets,
    pub(crate) failed: Option<Error>,
    flush: bool,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over a batch that is not full.
    pub(crate) fn leave_open(&self, batch: Batch) {
        self.state().open = batch;
        self.wake.notify_one();
    }

    /// Hands over a batch to be sent.
    pub(crate) fn push_ready(&self, batch: Batch) {
        if !batch.is_empty() {
            self.state().ready.push_back(batch);
            self.wake.notify_one();
        }
    }

    /// Sends the open batch as soon as may be.
    pub(crate) fn flush(&self) {
        self.state().flush = true;
        self.wake.notify_one();
    }

    /// Waits until `done`, a failure, or the deadline; false for the deadline.
    pub(crate) async fn wait_for(&self, deadline: Instant, done: impl Fn(&State) -> bool) -> bool {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            // Registered before looking, so that nothing is missed.
            progress.as_mut().enable();
            {
                let state = self.state();
                if state.failed.is_some() || done(&state) {
                    return true;
                }
            }
            if tokio::time::timeout_at(deadline, progress).await.is_err() {
                return false;
            }
        }
    }
}

impl State {
    /// A batch that may be sent now.
    fn take(&mut self, limit: usize, linger: Duration) -> Option<Batch> {
        if self.failed.is_some() || self.in_flight >= limit {
            return None;
        }
        if self.ready.is_empty() && !self.open.is_empty() && self.is_due(linger) {
            self.ready.push_back(std::mem::take(&mut self.open));
            self.flush = false;
        }
        let next = self.ready.front()?;
        if next.documents().any(|document| self.documents.contains_key(&document)) {
            return None;
        }
        let batch = self.ready.pop_front()?;
        for document in batch.documents() {
            *self.documents.entry(document).or_default() += 1;
        }
        self.in_flight += 1;
        Some(batch)
    }

    fn is_due(&self, linger: Duration) -> bool {
        self.flush || self.open.opened.is_none_or(|opened| opened.elapsed() >= linger)
    }

    /// When the open batch is due, if that is what is waited for.
    fn due(&self, limit: usize, linger: Duration) -> Option<Instant> {
        let waits = self.failed.is_none() && self.in_flight < limit && self.ready.is_empty() && !self.open.is_empty();
        let opened = self.open.opened.filter(|_| waits)?;
        Some(Instant::from_std(opened) + linger)
    }

    fn finish(&mut self, items: &[Item]) {
        for document in items.iter().filter_map(|item| item.document) {
            if let Some(count) = self.documents.get_mut(&document) {
                *count -= 1;
                if *count == 0 {
                    self.documents.remove(&document);
                }
            }
        }
        self.in_flight -= 1;
        self.buffered = self.buffered.saturating_sub(items.len());
    }

    /// Is nothing on its way?
    pub(crate) fn is_idle(&self) -> bool {
        self.buffered == 0
    }
}

/// What the driver needs.
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) client: Arc<Client>,
    pub(crate) bulk: Bulk,
    pub(crate) outcomes: Outcomes,
    pub(crate) data_stream: bool,
    pub(crate) context: Arc<dyn SinkTaskContext>,
    pub(crate) reporter: Option<Arc<dyn ErrantRecordReporter>>,
}

/// A batch that was sent.
struct Sent {
    items: Vec<Item>,
    verdicts: Result<Vec<Verdict>>,
}

impl Driver {
    /// Sends until aborted.
    pub(crate) async fn run(self) {
        let mut flights: JoinSet<Sent> = JoinSet::new();
        loop {
            while let Some(batch) = self.next() {
                flights.spawn(fly(self.client.clone(), Retries::of(&self.bulk), batch));
            }
            let due = self.shared.state().due(self.bulk.in_flight, self.bulk.linger);
            tokio::select! {
                Some(sent) = flights.join_next() => self.land(sent).await,
                () = self.shared.wake.notified() => {}
                () = sleep_until(due), if due.is_some() => {}
            }
        }
    }

    fn next(&self) -> Option<Batch> {
        self.shared.state().take(self.bulk.in_flight, self.bulk.linger)
    }

    async fn land(&self, sent: Result<Sent, JoinError>) {
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => return self.fail(Error::connect(format!("Sending a bulk request ended: {error}"))),
        };
        match sent.verdicts {
            Ok(verdicts) => {
                let mut done = Vec::with_capacity(sent.items.len());
                for (item, verdict) in sent.items.iter().zip(verdicts) {
                    match self.judge(item, verdict).await {
                        Ok(()) => done.push(item.ticket),
                        Err(error) => self.fail(error),
                    }
                }
                let mut state = self.shared.state();
                done.into_iter().for_each(|ticket| state.offsets.done(ticket));
                state.finish(&sent.items);
            }
            Err(error) => {
                self.shared.state().finish(&sent.items);
                self.fail(error);
            }
        }
        self.shared.progress.notify_waiters();
    }

    fn fail(&self, error: Error) {
        tracing::error!("writing failed\n{}", error.trace());
        self.shared.state().failed.get_or_insert(error);
        self.shared.progress.notify_waiters();
        // The task hears of it at its next call, which should be soon.
        self.context.set_retry_timeout(Duration::ZERO);
    }

    /// Ok if an item's record is done with.
    async fn judge(&self, item: &Item, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Done => Ok(()),
            Verdict::Malformed(refusal) => {
                let behavior = self.outcomes.malformed;
                if self.outcomes.report_refused || behavior == Behavior::Report {
                    self.report(item, &refusal).await?;
                }
                self.behave(item, behavior, "an illegal document", "Bulk request failed: ", &refusal)
            }
            Verdict::Conflict(refusal) => self.conflict(item, refusal).await,
            Verdict::Busy(refusal) => self.refuse(item, ITEM_FAILED, refusal).await,
            Verdict::Refused(refusal) => {
                self.refuse(item, "One of the item in the bulk response aborted. Reason: ", refusal)
                    .await
            }
        }
    }

    /// An item that was refused for good, whatever its record is.
    async fn refuse(&self, item: &Item, text: &str, refusal: Refusal) -> Result<()> {
        if self.outcomes.report_refused {
            self.report(item, &refusal).await?;
        }
        let record = self.name(item.ticket);
        tracing::error!(record, reason = refusal.message, "an item was refused");
        Err(self.failure(text, refusal))
    }

    async fn conflict(&self, item: &Item, refusal: Refusal) -> Result<()> {
        match self.outcomes.conflict {
            Conflict::Behavior(behavior) => {
                if behavior == Behavior::Report {
                    self.report(item, &refusal).await?;
                }
                self.behave(item, behavior, "a version conflict", ITEM_FAILED, &refusal)
            }
            Conflict::ByVersion if item.versioned => {
                let record = self.name(item.ticket);
                tracing::debug!(record, "the document has a later version already");
                Ok(())
            }
            Conflict::ByVersion => {
                let record = self.name(item.ticket);
                tracing::warn!(record, reason = refusal.reason, "version conflict");
                match self.data_stream {
                    true => Ok(()),
                    false => self.report(item, &refusal).await,
                }
            }
        }
    }

    fn behave(&self, item: &Item, behavior: Behavior, what: &str, text: &str, refusal: &Refusal) -> Result<()> {
        let record = self.name(item.ticket);
        let reason = &refusal.message;
        match behavior {
            Behavior::Ignore | Behavior::Report => tracing::debug!(record, reason, "{what} is passed over"),
            Behavior::Warn => tracing::warn!(record, reason, "{what} is passed over"),
            Behavior::Fail => {
                tracing::error!(record, reason, "{what} ends the task");
                return Err(self.failure(text, refusal.clone()));
            }
        }
        Ok(())
    }

    /// The error that ends the task, in the vendor's words.
    fn failure(&self, aiven: &str, refusal: Refusal) -> Error {
        match self.outcomes.vendor {
            Vendor::Confluent => {
                let cause = Error::new(
                    ErrorKind::Class("org.elasticsearch.ElasticsearchException"),
                    refusal.message,
                );
                Error::connect("Indexing record failed. Please check DLQ topic for errors.").with_cause(cause)
            }
            Vendor::AivenElasticsearch => Error::connect(format!("Bulk request failed: [{}]", refusal.reason)),
            Vendor::AivenOpensearch => Error::connect(format!("{aiven}{}", refusal.reason)),
        }
    }

    async fn report(&self, item: &Item, refusal: &Refusal) -> Result<()> {
        let Some(reporter) = &self.reporter else { return Ok(()) };
        let Some(record) = self.coordinates(item.ticket) else {
            return Ok(());
        };
        let text = format!("Indexing failed: {}", refusal.message);
        let class = "io.confluent.connect.elasticsearch.ElasticsearchClient$ReportingException";
        reporter
            .report(&record, Error::new(ErrorKind::Class(class), text))
            .await
    }

    /// A record without contents: where it came from is what a report needs.
    fn coordinates(&self, ticket: Ticket) -> Option<Record> {
        let partition = self.shared.state().offsets.partition(ticket)?.clone();
        Some(Record {
            topic: partition.topic.clone(),
            partition: Some(partition.partition),
            key: SchemaAndValue::NULL,
            value: SchemaAndValue::NULL,
            timestamp: None,
            headers: Headers::default(),
            origin: Origin::Sink(SinkOrigin {
                topic: partition.topic,
                partition: partition.partition,
                offset: ticket.offset,
                timestamp_type: TimestampType::None,
            }),
        })
    }

    fn name(&self, ticket: Ticket) -> String {
        match self.shared.state().offsets.partition(ticket) {
            Some(partition) => format!("{partition}@{}", ticket.offset),
            None => format!("@{}", ticket.offset),
        }
    }
}

/// What the OpenSearch connector says of a conflict, and of a server that stays busy.
const ITEM_FAILED: &str = "One of the item in the bulk response failed. Reason: ";

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn fly(client: Arc<Client>, retries: Retries, batch: Batch) -> Sent {
    let body = Bytes::from(batch.body);
    let verdicts = send(&client, retries, &body, &batch.items).await;
    Sent {
        items: batch.items,
        verdicts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(state: &mut State, documents: &[u64]) -> Batch {
        let mut batch = Batch::default();
        for document in documents {
            batch.push(Item {
                ticket: state.offsets.add(&"t".into(), 0, 1),
                lines: 0..0,
                document: Some(*document),
                versioned: false,
            });
        }
        state.buffered += documents.len();
        batch
    }

    #[test]
    fn a_document_is_written_by_one_batch_at_a_time() {
        let mut state = State::default();
        for documents in [&[1, 2][..], &[3], &[2, 4], &[5]] {
            let batch = batch(&mut state, documents);
            state.ready.push_back(batch);
        }
        let hour = Duration::from_secs(3600);
        let first = state.take(3, hour).unwrap();
        let second = state.take(3, hour).unwrap();
        assert!(state.take(3, hour).is_none(), "document 2 is being written");
        state.finish(&second.items);
        assert!(state.take(3, hour).is_none(), "later batches wait as well");
        state.finish(&first.items);
        let third = state.take(3, hour).unwrap();
        assert_eq!(third.documents().collect::<Vec<_>>(), [2, 4]);
        let fourth = state.take(3, hour).unwrap();
        state.finish(&third.items);
        state.finish(&fourth.items);
        assert!(state.is_idle() && state.documents.is_empty());
    }

    #[test]
    fn an_open_batch_waits_for_its_time_or_a_flush() {
        let mut state = State::default();
        state.open = batch(&mut state, &[1]);
        let hour = Duration::from_secs(3600);
        assert!(state.take(1, hour).is_none());
        assert!(state.due(1, hour).is_some());
        state.flush = true;
        assert!(state.take(1, hour).is_some());
        state.open = batch(&mut state, &[2]);
        assert!(state.take(1, Duration::ZERO).is_none(), "one is in flight");
        assert!(state.take(2, Duration::ZERO).is_some());
        assert!(!state.flush);
    }
}
