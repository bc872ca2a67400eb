//! A consumer for one sink task, without a thread of its own: librdkafka wakes the task when something is queued, and the
//! task takes what is there without waiting.
//!
//! A rebalance is not answered inside librdkafka's callback. The callback only notes it; the task opens or closes its
//! partitions in its own time and then calls [`TaskConsumer::assign`] or [`TaskConsumer::unassign`], for which librdkafka
//! waits. Payloads of one batch are copied into one buffer, from which converters slice.

use super::client_log;
use super::errors::{client_error, code_error};
use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message, Timestamp};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use turnbuckle_api::record::TimestampType;
use turnbuckle_api::sink::SinkOffsets;
use turnbuckle_api::{Error, Result, Text, TopicPartition};

/// How long a request to the broker may take before it counts as failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A consumed record; its bytes are ranges of the batch's buffer.
#[derive(Clone, Copy, Debug)]
pub struct RawEntry {
    /// Index into [`RawBatch::topics`].
    pub topic: u32,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<i64>,
    pub timestamp_type: TimestampType,
    key: Span,
    value: Span,
    headers: (u32, u32),
}

/// Start and end in the buffer; `NONE` stands for null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(u32, u32);

impl Span {
    const NONE: Span = Span(u32::MAX, u32::MAX);
}

/// Consumed records that share one buffer.
#[derive(Debug, Default)]
pub struct RawBatch {
    pub topics: Vec<Text>,
    pub entries: Vec<RawEntry>,
    headers: Vec<(Text, Span)>,
    buffer: Bytes,
}

impl RawBatch {
    fn slice(&self, span: Span) -> Option<Bytes> {
        (span != Span::NONE).then(|| self.buffer.slice(span.0 as usize..span.1 as usize))
    }

    pub fn topic(&self, entry: &RawEntry) -> &Text {
        &self.topics[entry.topic as usize]
    }

    pub fn key(&self, entry: &RawEntry) -> Option<Bytes> {
        self.slice(entry.key)
    }

    pub fn value(&self, entry: &RawEntry) -> Option<Bytes> {
        self.slice(entry.value)
    }

    pub fn headers<'a>(&'a self, entry: &RawEntry) -> impl ExactSizeIterator<Item = (&'a Text, Option<Bytes>)> {
        let (start, end) = entry.headers;
        self.headers[start as usize..end as usize]
            .iter()
            .map(|(name, span)| (name, self.slice(*span)))
    }

    /// Bytes of all payloads.
    pub fn bytes(&self) -> usize {
        self.buffer.len()
    }
}

/// Collects messages of one batch.
#[derive(Default)]
struct Builder {
    topics: Vec<Text>,
    entries: Vec<RawEntry>,
    headers: Vec<(Text, Span)>,
    buffer: Vec<u8>,
}

impl Builder {
    fn append(&mut self, bytes: Option<&[u8]>) -> Span {
        let Some(bytes) = bytes else { return Span::NONE };
        let start = self.buffer.len() as u32;
        self.buffer.extend_from_slice(bytes);
        Span(start, self.buffer.len() as u32)
    }

    fn topic_index(&mut self, name: &str) -> u32 {
        // Neighbours mostly share their topic, and a task reads few topics.
        match self.topics.iter().rposition(|topic| topic == name) {
            Some(index) => index as u32,
            None => {
                self.topics.push(Text::from(name));
                (self.topics.len() - 1) as u32
            }
        }
    }

    fn push(&mut self, message: &BorrowedMessage<'_>) {
        let (timestamp, timestamp_type) = match message.timestamp() {
            Timestamp::NotAvailable => (None, TimestampType::None),
            Timestamp::CreateTime(millis) => (Some(millis), TimestampType::CreateTime),
            Timestamp::LogAppendTime(millis) => (Some(millis), TimestampType::LogAppendTime),
        };
        let first_header = self.headers.len() as u32;
        if let Some(headers) = message.headers() {
            for header in headers.iter() {
                let span = self.append(header.value);
                self.headers.push((Text::from(header.key), span));
            }
        }
        let entry = RawEntry {
            topic: self.topic_index(message.topic()),
            partition: message.partition(),
            offset: message.offset(),
            timestamp,
            timestamp_type,
            key: self.append(message.key()),
            value: self.append(message.payload()),
            headers: (first_header, self.headers.len() as u32),
        };
        self.entries.push(entry);
    }

    fn finish(self) -> RawBatch {
        RawBatch {
            topics: self.topics,
            entries: self.entries,
            headers: self.headers,
            buffer: Bytes::from(self.buffer),
        }
    }
}

/// A change of the assignment that waits for an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Rebalance {
    /// Answer by [`TaskConsumer::assign`].
    Assigned(Vec<TopicPartition>),
    /// Answer by [`TaskConsumer::unassign`].
    Revoked {
        partitions: Vec<TopicPartition>,
        /// Others may own them already: nothing can be committed.
        lost: bool,
    },
}

/// Result of an asynchronous commit.
#[derive(Clone, Debug)]
pub struct CommitReport {
    pub offsets: SinkOffsets,
    pub result: Result<()>,
}

/// What librdkafka's callbacks leave for the task.
struct TaskContext {
    rebalances: Mutex<VecDeque<Rebalance>>,
    rebalance_due: AtomicBool,
    commits: Mutex<VecDeque<CommitReport>>,
    /// A poll that returned nothing served a callback, so more may be queued.
    served: AtomicBool,
    closing: AtomicBool,
}

impl TaskContext {
    fn new() -> Self {
        TaskContext {
            rebalances: Mutex::new(VecDeque::new()),
            rebalance_due: AtomicBool::new(false),
            commits: Mutex::new(VecDeque::new()),
            served: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ClientContext for TaskContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.served.store(true, Ordering::SeqCst);
        client_log::line(level, facility, text);
    }

    fn stats_raw(&self, _statistics: &[u8]) {
        self.served.store(true, Ordering::SeqCst);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.served.store(true, Ordering::SeqCst);
        client_log::client_error(&error, reason);
    }
}

impl ConsumerContext for TaskContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let assigned = code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::SeqCst) {
            // Nobody is left to answer; closing waits for this.
            let answer = if assigned { Ok(()) } else { give_back(consumer, list) };
            if let Err(error) = answer {
                tracing::debug!(%error, "closing a consumer");
            }
            return;
        }
        let partitions = partitions_of(list);
        let event = if assigned {
            Rebalance::Assigned(partitions)
        } else {
            Rebalance::Revoked {
                partitions,
                lost: consumer.assignment_lost(),
            }
        };
        lock(&self.rebalances).push_back(event);
        self.rebalance_due.store(true, Ordering::SeqCst);
    }

    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {
        // Commits are waited for where they are made.
        self.served.store(true, Ordering::SeqCst);
    }
}

fn partitions_of(list: &TopicPartitionList) -> Vec<TopicPartition> {
    list.elements()
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect()
}

fn list_of<'a>(partitions: impl IntoIterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

fn offset_list(offsets: &SinkOffsets) -> Result<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for (partition, offset) in offsets {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error| client_error(&error, "listing offsets"))?;
    }
    Ok(list)
}

fn give_back(consumer: &BaseConsumer<TaskContext>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}

/// Limits of one batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    pub records: usize,
    pub bytes: usize,
}

/// A group member that consumes for one task.
pub struct TaskConsumer {
    /// None once closed.
    inner: Option<Arc<BaseConsumer<TaskContext>>>,
    wake: Arc<Notify>,
    last_batch_bytes: usize,
    /// A rebalance was handed out and not answered yet.
    unanswered: AtomicBool,
}

impl std::fmt::Debug for TaskConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TaskConsumer")
    }
}

impl TaskConsumer {
    /// Makes the client; it connects in the background.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let mut consumer: BaseConsumer<TaskContext> = config
            .create_with_context(TaskContext::new())
            .map_err(|error| client_error(&error, "Failed to construct kafka consumer"))?;
        let wake = Arc::new(Notify::new());
        let waker = wake.clone();
        consumer.set_nonempty_callback(move || waker.notify_one());
        Ok(TaskConsumer {
            inner: Some(Arc::new(consumer)),
            wake,
            last_batch_bytes: 0,
            unanswered: AtomicBool::new(false),
        })
    }

    fn client(&self) -> Result<&Arc<BaseConsumer<TaskContext>>> {
        self.inner
            .as_ref()
            .ok_or_else(|| Error::connect("the consumer is closed"))
    }

    pub fn subscribe(&self, topics: &[&str]) -> Result<()> {
        let client = self.client()?;
        if topics.is_empty() {
            client.unsubscribe();
            return Ok(());
        }
        client
            .subscribe(topics)
            .map_err(|error| client_error(&error, "subscribing"))
    }

    /// Names of all topics that are not Kafka's own.
    pub fn topic_names(&self) -> Result<impl Future<Output = Result<Vec<String>>> + Send + 'static> {
        let client = self.client()?.clone();
        Ok(async move {
            let listing = tokio::task::spawn_blocking(move || {
                let metadata = client.fetch_metadata(None, REQUEST_TIMEOUT)?;
                let names = metadata.topics().iter().map(|topic| topic.name().to_string());
                Ok(names
                    .filter(|name| name != "__consumer_offsets" && name != "__transaction_state")
                    .collect())
            });
            match listing.await {
                Ok(names) => names.map_err(|error: KafkaError| client_error(&error, "listing topics")),
                Err(error) => Err(Error::connect(format!("listing topics: {error}"))),
            }
        })
    }

    /// Waits until something may be queued.
    pub async fn wake(&self) {
        self.wake.notified().await;
    }

    /// Takes what is queued, up to the limits, without waiting; None if there is nothing. Stops early at a rebalance.
    ///
    /// # Errors
    /// Only those after which consuming makes no sense; others are logged.
    pub fn take(&mut self, limits: BatchLimits) -> Result<Option<RawBatch>> {
        let Some(client) = self.inner.clone() else {
            return Ok(None);
        };
        let mut builder = Builder::default();
        while builder.entries.len() < limits.records && builder.buffer.len() < limits.bytes {
            if client.context().rebalance_due.load(Ordering::SeqCst) {
                break;
            }
            match client.poll(Duration::ZERO) {
                None if client.context().served.swap(false, Ordering::SeqCst) => {}
                None => break,
                Some(Ok(message)) => {
                    if builder.entries.is_empty() {
                        builder.buffer.reserve(self.last_batch_bytes.max(message.payload_len()));
                    }
                    builder.push(&message);
                }
                Some(Err(error)) => check_poll_error(&error)?,
            }
        }
        if builder.entries.is_empty() {
            return Ok(None);
        }
        self.last_batch_bytes = builder.buffer.len();
        Ok(Some(builder.finish()))
    }

    /// The change of the assignment that waits for an answer, as seen by the last [`TaskConsumer::take`].
    pub fn next_rebalance(&self) -> Option<Rebalance> {
        let context = self.inner.as_ref()?.context();
        if !context.rebalance_due.load(Ordering::SeqCst) {
            return None;
        }
        let mut queue = lock(&context.rebalances);
        let event = queue.pop_front();
        self.unanswered.store(event.is_some(), Ordering::SeqCst);
        context.rebalance_due.store(!queue.is_empty(), Ordering::SeqCst);
        event
    }

    pub fn rebalance_due(&self) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|client| client.context().rebalance_due.load(Ordering::SeqCst))
    }

    pub fn next_commit_report(&self) -> Option<CommitReport> {
        lock(&self.inner.as_ref()?.context().commits).pop_front()
    }

    /// Accepts partitions, starting at `start` where given, else at the committed offset.
    pub fn assign(&self, partitions: &[TopicPartition], start: &SinkOffsets, paused: bool) -> Result<()> {
        let client = self.client()?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let offset = start
                .get(partition)
                .map_or(Offset::Stored, |offset| Offset::Offset(*offset));
            list.add_partition_offset(&partition.topic, partition.partition, offset)
                .map_err(|error| client_error(&error, "assigning"))?;
        }
        let assigned = match client.rebalance_protocol() {
            RebalanceProtocol::Cooperative => client.incremental_assign(&list),
            _ => client.assign(&list),
        };
        assigned.map_err(|error| client_error(&error, "assigning"))?;
        self.unanswered.store(false, Ordering::SeqCst);
        if paused {
            client.pause(&list).map_err(|error| client_error(&error, "pausing"))?;
        }
        Ok(())
    }

    /// Gives partitions back.
    pub fn unassign(&self, partitions: &[TopicPartition]) -> Result<()> {
        self.unanswered.store(false, Ordering::SeqCst);
        give_back(self.client()?, &list_of(partitions)).map_err(|error| client_error(&error, "giving up partitions"))
    }

    pub fn pause<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<()> {
        self.client()?
            .pause(&list_of(partitions))
            .map_err(|error| client_error(&error, "pausing"))
    }

    pub fn resume<'a>(&self, partitions: impl IntoIterator<Item = &'a TopicPartition>) -> Result<()> {
        self.client()?
            .resume(&list_of(partitions))
            .map_err(|error| client_error(&error, "resuming"))
    }

    /// Reads on from an offset; what was queued from before is dropped by the client.
    pub fn seek(&self, partition: &TopicPartition, offset: i64) -> Result<()> {
        self.client()?
            .seek(
                &partition.topic,
                partition.partition,
                Offset::Offset(offset),
                Duration::ZERO,
            )
            .map_err(|error| client_error(&error, "seeking"))
    }

    /// Commits in the background; a [`CommitReport`] with the same offsets follows.
    ///
    /// A thread waits for the broker's answer: librdkafka would queue it behind all records it has fetched ahead, for
    /// which a slow task needs long.
    pub fn commit(&self, offsets: &SinkOffsets) -> Result<()> {
        let client = self.client()?.clone();
        let list = offset_list(offsets)?;
        let offsets = offsets.clone();
        let wake = self.wake.clone();
        tokio::task::spawn_blocking(move || {
            let result = client.commit(&list, CommitMode::Sync);
            let result = result.map_err(|error| client_error(&error, "committing offsets"));
            lock(&client.context().commits).push_back(CommitReport { offsets, result });
            wake.notify_one();
        });
        Ok(())
    }

    /// Commits and waits for the broker's answer.
    pub async fn commit_and_wait(&self, offsets: &SinkOffsets) -> Result<()> {
        let client = self.client()?.clone();
        let list = offset_list(offsets)?;
        match tokio::task::spawn_blocking(move || client.commit(&list, CommitMode::Sync)).await {
            Ok(result) => result.map_err(|error| client_error(&error, "committing offsets")),
            Err(error) => Err(Error::connect(format!("committing offsets: {error}"))),
        }
    }

    /// Committed offsets of the group.
    pub async fn committed(&self, partitions: &[TopicPartition]) -> Result<SinkOffsets> {
        let client = self.client()?.clone();
        let list = list_of(partitions);
        let answer = tokio::task::spawn_blocking(move || client.committed_offsets(list, REQUEST_TIMEOUT)).await;
        let list = match answer {
            Ok(result) => result.map_err(|error| client_error(&error, "reading committed offsets"))?,
            Err(error) => return Err(Error::connect(format!("reading committed offsets: {error}"))),
        };
        let known: HashMap<TopicPartition, i64> = list
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some((TopicPartition::new(element.topic(), element.partition()), offset)),
                _ => None,
            })
            .collect();
        Ok(known)
    }

    /// From now on nobody answers rebalances: librdkafka's own answer is to give everything back.
    fn begin_closing(&self, client: &BaseConsumer<TaskContext>) {
        let context = client.context();
        context.closing.store(true, Ordering::SeqCst);
        let noted = !lock(&context.rebalances).is_empty();
        if (noted || self.unanswered.load(Ordering::SeqCst))
            && let Err(error) = client.unassign()
        {
            tracing::debug!(%error, "closing a consumer");
        }
    }

    /// Leaves the group, away from the async threads.
    pub async fn close(mut self) {
        let Some(client) = self.inner.take() else { return };
        self.begin_closing(&client);
        if tokio::task::spawn_blocking(move || drop(client)).await.is_err() {
            tracing::warn!("closing a consumer panicked");
        }
    }
}

impl Drop for TaskConsumer {
    fn drop(&mut self) {
        // Reached without `close` only when a task is aborted; its thread must not wait for the group.
        if let Some(client) = self.inner.take() {
            self.begin_closing(&client);
            std::thread::spawn(move || drop(client));
        }
    }
}

/// Which errors of a poll end the task.
fn check_poll_error(error: &KafkaError) -> Result<()> {
    use RDKafkaErrorCode as Code;
    match error {
        KafkaError::PartitionEOF(_) => Ok(()),
        KafkaError::MessageConsumptionFatal(code) => Err(code_error(*code, "consuming")),
        KafkaError::MessageConsumption(
            code @ (Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::AutoOffsetReset
            | Code::InvalidTopic
            | Code::InvalidGroupId
            | Code::InconsistentGroupProtocol
            | Code::GroupMaxSizeReached
            | Code::FencedInstanceId),
        ) => Err(code_error(*code, "consuming")),
        other if client_log::is_transport_error(other) => {
            // The client has said so itself.
            tracing::debug!(error = %other, "consumer; going on");
            Ok(())
        }
        other => {
            tracing::warn!(error = %other, "consumer; going on");
            Ok(())
        }
    }
}
