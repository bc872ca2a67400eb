//! The sending half of a source task: transforms, converts and queues records, and follows what the broker acknowledged.

use super::super::pipeline::{Attempt, Chain, ConverterSet, NamedConverter, Next, Operator, Stage, Subject};
use super::super::topics::TopicTracker;
use super::TopicCreation;
use super::tracker::{Committable, OffsetTracker};
use crate::kafka::errors::code_error;
use crate::kafka::producer::{Delivery, OutgoingRecord, RecordProducer, SendError};
use crate::storage::OffsetStore;
use bytes::Bytes;
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::converter::{Converter, Encoded, Step};
use turnbuckle_api::source::SourceTask;
use turnbuckle_api::transform::{Slot, SlotState};
use turnbuckle_api::{Error, ErrorKind, Header, Origin, Record, Result, Text};

/// Records that are converted before other futures of the worker get their turn.
const CHUNK: usize = 256;

/// Wait before a failed creation of a topic is tried again.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// Stands for a record that needs no acknowledgement any more.
const SETTLED: u64 = u64::MAX;

/// What a sender is made of.
pub(crate) struct SenderParts {
    pub connector: String,
    pub chain: Chain,
    pub converters: ConverterSet,
    pub operator: Operator,
    pub producer: RecordProducer,
    pub topics: TopicTracker,
    pub topic_creation: Option<TopicCreation>,
    pub offsets: Arc<dyn OffsetStore>,
    /// The task wants its records back when they are acknowledged.
    pub wants_acknowledgements: bool,
    /// With exactly-once support: the topic that positions are written to within the transaction.
    pub offsets_topic: Option<String>,
}

/// A topic that was sent to.
struct TopicUse {
    name: Text,
    /// A record whose acknowledgement shows that the topic is in use; None once that is known for this round.
    witness: Option<u64>,
}

/// A record kept until it is acknowledged.
struct Kept {
    sequence: u64,
    record: Record,
}

pub(crate) struct Sender {
    parts: SenderParts,
    tracker: OffsetTracker,
    topics: Vec<TopicUse>,
    last_topic: usize,
    kept: VecDeque<Kept>,
    /// Records for `SourceTask::acknowledged`.
    acknowledged: Vec<Record>,
    keep: bool,
    key: Vec<u8>,
    value: Vec<u8>,
    header: Vec<u8>,
    /// A delivery failed and is not tolerated.
    send_error: Option<Error>,
    /// A transaction was begun and not ended.
    in_transaction: bool,
}

impl Sender {
    pub(crate) fn new(parts: SenderParts) -> Self {
        Sender {
            tracker: OffsetTracker::new(&parts.connector),
            topics: Vec::new(),
            last_topic: 0,
            kept: VecDeque::new(),
            acknowledged: Vec::new(),
            keep: parts.wants_acknowledgements || parts.operator.wants_source_records(),
            key: Vec::new(),
            value: Vec::new(),
            header: Vec::new(),
            send_error: None,
            in_transaction: false,
            parts,
        }
    }

    /// Transforms, converts and queues a batch. Waits while the producer is full.
    ///
    /// # Errors
    /// What ends the task; the records before the failed one are queued.
    pub(crate) async fn send(&mut self, batch: Vec<Record>) -> Result<()> {
        let mut records = batch.into_iter();
        loop {
            self.check()?;
            let taken = if self.parts.chain.is_empty() {
                self.send_plain(&mut records).await?
            } else {
                self.send_transformed(&mut records).await?
            };
            if taken < CHUNK {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    async fn send_plain(&mut self, records: &mut std::vec::IntoIter<Record>) -> Result<usize> {
        let mut taken = 0;
        for record in records.by_ref().take(CHUNK) {
            taken += 1;
            let original = self.keep.then(|| record.clone());
            self.send_record(record, original).await?;
        }
        Ok(taken)
    }

    async fn send_transformed(&mut self, records: &mut std::vec::IntoIter<Record>) -> Result<usize> {
        let mut slots: Vec<Slot> = records.by_ref().take(CHUNK).map(Slot::new).collect();
        let taken = slots.len();
        let mut originals: Vec<Record> = Vec::new();
        if self.keep {
            originals.extend(slots.iter().map(|slot| slot.record.clone()));
        }
        let mut originals = originals.into_iter();
        let passed = self.parts.chain.apply(&mut slots, &self.parts.operator, |_| None).await;
        slots.truncate(passed.usable);
        for slot in slots {
            let original = originals.next();
            match slot.state {
                SlotState::Live => self.send_record(slot.record, original).await?,
                // A filtered record is done with, but does not move the position.
                SlotState::Dropped | SlotState::Failed(_) => self.keep_until(SETTLED, original),
            }
        }
        match passed.error {
            Some(error) => Err(error),
            None => Ok(taken),
        }
    }

    async fn send_record(&mut self, mut record: Record, original: Option<Record>) -> Result<()> {
        let Some(encoded) = self.encode(&mut record).await? else {
            self.keep_until(SETTLED, original);
            return Ok(());
        };
        let timestamp = checked_timestamp(record.timestamp)?;
        let topic = self.topic_index(&record.topic).await?;
        self.join_transaction(&record.topic)?;
        let (source_partition, offset) = match record.origin {
            Origin::Source { partition, offset } => (partition, offset),
            Origin::Sink(_) => (None, None),
        };
        let mut headers = encoded.headers;
        let sequence = loop {
            let outgoing = OutgoingRecord {
                topic: &record.topic,
                partition: record.partition,
                key: (encoded.key == Encoded::Bytes).then_some(self.key.as_slice()),
                value: (encoded.value == Encoded::Bytes).then_some(self.value.as_slice()),
                timestamp,
                headers,
            };
            match self.parts.producer.send(outgoing) {
                Ok(sequence) => break sequence,
                Err(SendError::Full(returned)) => {
                    headers = returned;
                    self.parts.producer.room().await;
                    self.check()?;
                }
                Err(SendError::Refused(error)) => {
                    if !self.parts.operator.tolerates_all() {
                        return Err(send_failed(error));
                    }
                    let subject = Subject::Source(original.as_ref());
                    self.parts
                        .operator
                        .report(Stage::KafkaProduce, PRODUCER_CLASS, &error, subject)
                        .await;
                    break SETTLED;
                }
            }
        };
        if sequence != SETTLED {
            self.topics[topic].witness.get_or_insert(sequence);
        }
        // Within a transaction a position is valid as soon as its record is part of it.
        let waits_for = if self.in_transaction { SETTLED } else { sequence };
        self.tracker.submit(waits_for, source_partition.as_ref(), offset)?;
        self.keep_until(sequence, original);
        Ok(())
    }

    fn keep_until(&mut self, sequence: u64, original: Option<Record>) {
        if let Some(record) = original {
            self.kept.push_back(Kept { sequence, record });
        }
    }

    /// Index of a topic, which is created if the connector says how.
    async fn topic_index(&mut self, name: &Text) -> Result<usize> {
        if self
            .topics
            .get(self.last_topic)
            .is_some_and(|topic| topic.name == *name)
        {
            return Ok(self.last_topic);
        }
        let index = match self.topics.iter().position(|topic| topic.name == *name) {
            Some(index) => index,
            None => {
                self.create_topic(name).await?;
                self.topics.push(TopicUse {
                    name: name.clone(),
                    witness: None,
                });
                self.topics.len() - 1
            }
        };
        self.last_topic = index;
        Ok(index)
    }

    async fn create_topic(&mut self, name: &str) -> Result<()> {
        let Some(creation) = &self.parts.topic_creation else {
            return Ok(());
        };
        loop {
            match creation.ensure(name).await {
                Err(error) if error.is_retriable() => {
                    tracing::warn!("could not create topic {name}, trying again\n{}", error.trace());
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                done => return done,
            }
        }
    }

    /// Fills `key` and `value`; None if the record is to be skipped.
    async fn encode(&mut self, record: &mut Record) -> Result<Option<EncodedRecord>> {
        let mut headers = None;
        let given = record.headers.len();
        if given > 0 && !self.encode_headers(record, 0, &mut headers).await? {
            return Ok(None);
        }
        let operator = &self.parts.operator;
        let converters = &mut self.parts.converters;
        let key = encode_part(&mut converters.key, operator, Part::Key, record, &mut self.key).await?;
        let Some(key) = key else { return Ok(None) };
        let value = encode_part(&mut converters.value, operator, Part::Value, record, &mut self.value).await?;
        let Some(value) = value else { return Ok(None) };
        // Converters may have added headers.
        if record.headers.len() > given && !self.encode_headers(record, given, &mut headers).await? {
            return Ok(None);
        }
        Ok(Some(EncodedRecord { key, value, headers }))
    }

    /// Encodes the headers from `first` on; false if the record is to be skipped.
    async fn encode_headers(&mut self, record: &Record, first: usize, out: &mut Option<OwnedHeaders>) -> Result<bool> {
        for header in record.headers.iter().skip(first) {
            let Some(encoded) = self.encode_header(record, header).await? else {
                return Ok(false);
            };
            let value = (encoded == Encoded::Bytes).then_some(self.header.as_slice());
            let headers = out.take().unwrap_or_default();
            *out = Some(headers.insert(KafkaHeader {
                key: &header.key,
                value,
            }));
        }
        Ok(true)
    }

    async fn encode_header(&mut self, record: &Record, header: &Header) -> Result<Option<Encoded>> {
        let named = &mut self.parts.converters.header;
        let mut attempt = Attempt::default();
        loop {
            self.header.clear();
            let (schema, value) = (header.value.schema.as_ref(), &header.value.value);
            let step = named
                .converter
                .from_connect_header(&record.topic, &header.key, schema, value, &mut self.header);
            let error = match step {
                Ok(Step::Done(encoded)) => return Ok(Some(encoded)),
                Ok(Step::Fetch(fetch)) => match fetch.await {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let subject = Subject::Source(Some(record));
            match self
                .parts
                .operator
                .failed(&mut attempt, Stage::HeaderConverter, named.class, error, subject)
                .await?
            {
                Next::Retry => {}
                Next::Skip => return Ok(None),
            }
        }
    }

    /// Looks at delivery reports: failures, positions, topics, records to give back.
    ///
    /// # Errors
    /// A delivery that failed and is not tolerated.
    pub(crate) fn check(&mut self) -> Result<()> {
        for (sequence, code) in self.parts.producer.acks().take_failures() {
            let error = code_error(code, "sending a record");
            // A transaction has all of its records or none.
            if self.parts.operator.tolerates_all() && self.parts.offsets_topic.is_none() {
                let kept = self
                    .kept
                    .iter()
                    .find(|kept| kept.sequence == sequence)
                    .map(|kept| &kept.record);
                let subject = Subject::Source(kept);
                // Source errors go to the log only, so the report is done when it is first polled.
                let report = self
                    .parts
                    .operator
                    .report(Stage::KafkaProduce, PRODUCER_CLASS, &error, subject);
                futures::FutureExt::now_or_never(report);
            } else {
                self.send_error.get_or_insert_with(|| send_failed(error));
            }
        }
        self.advance();
        match &self.send_error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn advance(&mut self) {
        let acks = self.parts.producer.acks().clone();
        let skip_failed = self.parts.operator.tolerates_all();
        let done = |sequence: u64| {
            sequence == SETTLED
                || match acks.delivery(sequence) {
                    Delivery::Delivered => true,
                    Delivery::Failed => skip_failed,
                    Delivery::Pending => false,
                }
        };
        for topic in &mut self.topics {
            let Some(sequence) = topic.witness else { continue };
            match acks.delivery(sequence) {
                Delivery::Pending => continue,
                Delivery::Delivered => self.parts.topics.used(&topic.name),
                Delivery::Failed => {}
            }
            topic.witness = None;
        }
        let mut oldest = self.tracker.advance(done);
        let by_delivery = self.parts.offsets_topic.is_none();
        while by_delivery && let Some(kept) = self.kept.front() {
            if !done(kept.sequence) {
                oldest = Some(oldest.map_or(kept.sequence, |oldest| oldest.min(kept.sequence)));
                break;
            }
            if let Some(kept) = self.kept.pop_front()
                && self.parts.wants_acknowledgements
            {
                self.acknowledged.push(kept.record);
            }
        }
        let witness = self.topics.iter().filter_map(|topic| topic.witness).min();
        let low = [oldest, witness].into_iter().flatten().min();
        let settled = low.unwrap_or_else(|| self.parts.producer.next_sequence());
        self.parts.producer.settle_below(settled);
    }

    /// [`Sender::check`], and gives acknowledged records back to the task.
    pub(crate) async fn settle(&mut self, task: &mut dyn SourceTask) -> Result<()> {
        let checked = self.check();
        if !self.acknowledged.is_empty() {
            let records = std::mem::take(&mut self.acknowledged);
            if let Err(error) = task.acknowledged(&records).await {
                tracing::error!("the task failed on acknowledged records\n{}", error.trace());
            }
        }
        checked
    }

    /// Records that the task is to be told of.
    pub(crate) fn take_acknowledged(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.acknowledged)
    }

    /// Takes over the task's transactional id.
    pub(crate) async fn init_transactions(&mut self) -> Result<()> {
        self.parts.producer.init_transactions().await
    }

    /// With exactly-once support a record is part of a transaction, which the first one opens.
    fn join_transaction(&mut self, topic: &str) -> Result<()> {
        let Some(offsets_topic) = &self.parts.offsets_topic else {
            return Ok(());
        };
        if topic == offsets_topic {
            return Err(Error::connect(
                "Source tasks may not produce to their own offsets topics when exactly-once support is enabled",
            ));
        }
        if !self.in_transaction {
            self.parts.producer.begin_transaction()?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Writes the positions reached and commits the transaction; nothing if there is none.
    ///
    /// # Errors
    /// If the transaction is not known to be committed: the task must give up.
    pub(crate) async fn commit_transaction(&mut self) -> Result<()> {
        self.check()?;
        let committable = self.tracker.take_committable();
        if !self.in_transaction && committable.is_empty() {
            return Ok(());
        }
        let entries = self.tracker.serialise(&committable)?;
        if !self.in_transaction {
            self.parts.producer.begin_transaction()?;
            self.in_transaction = true;
        }
        for (key, value) in &entries {
            self.send_position(key, value.as_deref()).await?;
        }
        let committed = self.parts.producer.commit_transaction().await;
        // A failed delivery says more than the failed commit that it led to.
        self.check()?;
        committed?;
        self.in_transaction = false;
        let kept = self.kept.drain(..).map(|kept| kept.record);
        if self.parts.wants_acknowledgements {
            self.acknowledged.extend(kept);
        }
        Ok(())
    }

    async fn send_position(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        loop {
            let outgoing = OutgoingRecord {
                topic: self.parts.offsets_topic.as_deref().unwrap_or_default(),
                partition: None,
                key: Some(key),
                value,
                timestamp: None,
                headers: None,
            };
            match self.parts.producer.send(outgoing) {
                Ok(_) => return Ok(()),
                Err(SendError::Full(_)) => {
                    self.parts.producer.room().await;
                    self.check()?;
                }
                Err(SendError::Refused(error)) => return Err(send_failed(error)),
            }
        }
    }

    /// Gives up what was not committed; its records are sent again after a restart.
    pub(crate) async fn abort_transaction(&mut self) {
        if !std::mem::take(&mut self.in_transaction) {
            return;
        }
        if let Err(error) = self.parts.producer.abort_transaction().await {
            tracing::warn!(
                "an open transaction was not aborted; it ends by itself\n{}",
                error.trace()
            );
        }
    }

    /// Completes when there is something to tell the task about: records of a committed transaction, or all that were sent
    /// are reported. None if the task does not ask, or has nothing to hear of.
    pub(crate) fn acknowledgements(&self) -> Option<impl Future<Output = ()> + Send + 'static> {
        let by_delivery = self.parts.offsets_topic.is_none();
        let target = match self.acknowledged.is_empty() {
            false => 0,
            true if by_delivery && !self.kept.is_empty() => self.parts.producer.next_sequence(),
            true => return None,
        };
        let acks = self.parts.producer.acks().clone();
        match self.parts.wants_acknowledgements {
            true => Some(async move { acks.reached(target).await }),
            false => None,
        }
    }

    pub(crate) async fn drain(&mut self, limit: Duration) -> bool {
        self.parts.producer.drain(limit).await
    }

    pub(crate) fn offset_store(&self) -> Arc<dyn OffsetStore> {
        self.parts.offsets.clone()
    }

    /// Positions that may be stored now.
    pub(crate) fn take_committable(&mut self) -> Committable {
        self.advance();
        self.tracker.take_committable()
    }

    pub(crate) fn serialise(&self, committable: &Committable) -> Result<Vec<(Bytes, Option<Bytes>)>> {
        self.tracker.serialise(committable)
    }

    pub(crate) fn restore(&mut self, committable: Committable) {
        self.tracker.restore(committable);
    }

    pub(crate) async fn close(mut self) {
        self.parts.chain.close();
        self.parts.producer.close().await;
    }
}

/// Class that Connect shows for records that the producer could not send.
const PRODUCER_CLASS: &str = "org.apache.kafka.connect.runtime.WorkerSourceTask";

fn send_failed(cause: Error) -> Error {
    Error::wrap(
        ErrorKind::Connect,
        "Unrecoverable exception from producer send callback",
        cause,
    )
}

struct EncodedRecord {
    key: Encoded,
    value: Encoded,
    headers: Option<OwnedHeaders>,
}

#[derive(Clone, Copy)]
enum Part {
    Key,
    Value,
}

/// One try to encode a part of a record.
fn encode_once(
    converter: &mut dyn Converter,
    part: Part,
    record: &mut Record,
    out: &mut Vec<u8>,
) -> Result<Step<Encoded>> {
    out.clear();
    let data = match part {
        Part::Key => &record.key,
        Part::Value => &record.value,
    };
    converter.from_connect(
        &record.topic,
        &mut record.headers,
        data.schema.as_ref(),
        &data.value,
        out,
    )
}

/// Encodes a part of a record; None if the record is to be skipped.
async fn encode_part(
    named: &mut NamedConverter,
    operator: &Operator,
    part: Part,
    record: &mut Record,
    out: &mut Vec<u8>,
) -> Result<Option<Encoded>> {
    let mut attempt = Attempt::default();
    loop {
        let error = match encode_once(named.converter.as_mut(), part, record, out) {
            Ok(Step::Done(encoded)) => return Ok(Some(encoded)),
            Ok(Step::Fetch(fetch)) => match fetch.await {
                Ok(()) => continue,
                Err(error) => error,
            },
            Err(error) => error,
        };
        let stage = match part {
            Part::Key => Stage::KeyConverter,
            Part::Value => Stage::ValueConverter,
        };
        match operator
            .failed(&mut attempt, stage, named.class, error, Subject::Source(Some(record)))
            .await?
        {
            Next::Retry => {}
            Next::Skip => return Ok(None),
        }
    }
}

/// -1 stands for no timestamp; other negative ones are errors.
fn checked_timestamp(timestamp: Option<i64>) -> Result<Option<i64>> {
    match timestamp {
        None | Some(-1) => Ok(None),
        Some(millis) if millis >= 0 => Ok(Some(millis)),
        Some(millis) => Err(Error::new(
            ErrorKind::Class("org.apache.kafka.common.InvalidRecordException"),
            format!("Invalid record timestamp {millis}"),
        )),
    }
}
