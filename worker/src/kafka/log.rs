//! A compacted topic read as a log (`org.apache.kafka.connect.util.KafkaBasedLog`).
//!
//! A thread consumes all partitions from the beginning and hands every record to a callback; a producer appends. Who needs
//! to see all that was written so far calls [`CompactedLog::read_to_end`]: it asks the brokers for the end offsets and waits
//! until the thread has passed them.

use super::client_log::{LogContext, is_transport_error};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::{ClientConfig, Offset};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Notify;
use turnbuckle_api::{Error, Result};

/// A record as read back.
#[derive(Clone, Debug)]
pub struct LogRecord {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub partition: i32,
    pub offset: i64,
    /// True if the record was there before this log was first read to its end.
    pub from_start: bool,
}

/// How to reach the topic.
#[derive(Debug)]
pub struct LogSettings {
    pub topic: String,
    pub partitions: i32,
    pub consumer: ClientConfig,
    pub producer: ClientConfig,
}

/// Called for each record, in offset order per partition, from the log's own thread.
pub type OnRecord = Box<dyn FnMut(LogRecord) + Send>;

/// A started log.
pub struct CompactedLog {
    topic: String,
    partitions: i32,
    producer: FutureProducer<LogContext>,
    progress: Arc<Progress>,
    reader: Mutex<Option<JoinHandle<()>>>,
}

/// How far the reader is: next offset per partition.
struct Progress {
    positions: Mutex<HashMap<i32, i64>>,
    advanced: Notify,
    started: AtomicBool,
    stop: AtomicBool,
}

/// One wait of the reader; bounds how long stopping takes.
const POLL: Duration = Duration::from_millis(100);
const METADATA_TIMEOUT: Duration = Duration::from_secs(10);
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a topic may be without a leader before reading to its end fails.
const END_OFFSETS_TIMEOUT: Duration = Duration::from_secs(60);
const RETRY_PAUSE: Duration = Duration::from_millis(50);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CompactedLog {
    /// Starts reading; returns when everything that was there at the start has gone through `on_record`.
    pub async fn start(settings: LogSettings, on_record: OnRecord) -> Result<Self> {
        let unusable = |error| Error::connect(format!("Cannot make clients for topic {}: {error}", settings.topic));
        let mut consumer_config = settings.consumer.clone();
        consumer_config.set("enable.auto.commit", "false");
        consumer_config.set("enable.auto.offset.store", "false");
        consumer_config.set("auto.offset.reset", "earliest");
        // A start waits for these: a fetch of empty partitions holds up the others, and so does a first failed one.
        consumer_config.set("fetch.wait.max.ms", "100");
        consumer_config.set("fetch.error.backoff.ms", "20");
        // librdkafka insists on a group; positions are never committed to it.
        if consumer_config.get("group.id").is_none() {
            consumer_config.set("group.id", "turnbuckle-internal");
        }
        let consumer: BaseConsumer<LogContext> = consumer_config.create_with_context(LogContext).map_err(unusable)?;
        let producer: FutureProducer<LogContext> =
            settings.producer.create_with_context(LogContext).map_err(unusable)?;
        // From 0 and not from "the beginning", which is a question that all partitions would have to wait for; where 0 is gone
        // `auto.offset.reset` leads to the beginning.
        let mut assignment = TopicPartitionList::new();
        for partition in 0..settings.partitions {
            assignment
                .add_partition_offset(&settings.topic, partition, Offset::Offset(0))
                .map_err(unusable)?;
        }
        consumer.assign(&assignment).map_err(unusable)?;
        let progress = Arc::new(Progress {
            positions: Mutex::new(HashMap::new()),
            advanced: Notify::new(),
            started: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let reader = {
            let progress = progress.clone();
            let name = format!("log-{}", settings.topic);
            std::thread::Builder::new()
                .name(name)
                .spawn(move || read(&consumer, &progress, on_record))?
        };
        let log = CompactedLog {
            topic: settings.topic,
            partitions: settings.partitions,
            producer,
            progress,
            reader: Mutex::new(Some(reader)),
        };
        log.read_to_end().await?;
        log.progress.started.store(true, Ordering::Release);
        Ok(log)
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Appends one record; returns when the broker acknowledged it.
    pub async fn send(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).key(key);
        if let Some(value) = value {
            record = record.payload(value);
        }
        match self.producer.send(record, SEND_TIMEOUT).await {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(Error::connect(format!("Cannot write to topic {}: {error}", self.topic))
                .with_retriable(is_retriable(&error))),
        }
    }

    /// Appends one record after all that were appended before, without waiting; the future says how it ended. Must be called
    /// from one place at a time for an order among calls to mean anything.
    pub fn append(&self, key: &[u8], value: Option<&[u8]>) -> impl Future<Output = Result<()>> + Send + 'static {
        let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).key(key);
        if let Some(value) = value {
            record = record.payload(value);
        }
        let failed = {
            let topic = self.topic.clone();
            move |error: rdkafka::error::KafkaError| Error::connect(format!("Cannot write to topic {topic}: {error}"))
        };
        let queued = self.producer.send_result(record).map_err(|(error, _)| error);
        async move {
            match queued {
                Err(error) => Err(failed(error)),
                Ok(delivery) => match delivery.await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err((error, _))) => Err(failed(error)),
                    Err(_) => Err(failed(rdkafka::error::KafkaError::Canceled)),
                },
            }
        }
    }

    /// Appends records in order; returns when all are acknowledged.
    pub async fn send_all(&self, records: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<()> {
        let sends = records.iter().map(|(key, value)| self.send(key, value.as_deref()));
        futures::future::try_join_all(sends).await.map(|_| ())
    }

    /// Waits until everything acknowledged before this call has gone through the callback.
    pub async fn read_to_end(&self) -> Result<()> {
        let ends = self.end_offsets().await?;
        loop {
            let advanced = self.progress.advanced.notified();
            tokio::pin!(advanced);
            advanced.as_mut().enable();
            if self.has_reached(&ends) {
                return Ok(());
            }
            if self.progress.stop.load(Ordering::Acquire) {
                return Err(Error::connect(format!("Reading topic {} was stopped", self.topic)));
            }
            advanced.await;
        }
    }

    fn has_reached(&self, ends: &HashMap<i32, i64>) -> bool {
        let positions = lock(&self.progress.positions);
        ends.iter()
            .all(|(partition, end)| *end == 0 || positions.get(partition).copied().unwrap_or(0) >= *end)
    }

    /// A topic that was just made, or whose leader moves, has no end for a moment.
    async fn end_offsets(&self) -> Result<HashMap<i32, i64>> {
        let deadline = tokio::time::Instant::now() + END_OFFSETS_TIMEOUT;
        loop {
            match self.ask_end_offsets().await {
                Err(error) if error.is_retriable() && tokio::time::Instant::now() < deadline => {
                    tracing::debug!(%error, "asking again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                answer => return answer,
            }
        }
    }

    async fn ask_end_offsets(&self) -> Result<HashMap<i32, i64>> {
        // Asked by the producer: on the consumer's connection the question would wait behind a fetch that waits for records.
        let producer = self.producer.clone();
        let topic = self.topic.clone();
        let partitions = self.partitions;
        let query = move || -> rdkafka::error::KafkaResult<HashMap<i32, i64>> {
            let client = producer.client();
            (0..partitions)
                .map(|partition| {
                    let (_, end) = client.fetch_watermarks(&topic, partition, METADATA_TIMEOUT)?;
                    Ok((partition, end))
                })
                .collect()
        };
        let answer = tokio::task::spawn_blocking(query).await;
        match answer {
            Ok(Ok(ends)) => Ok(ends),
            Ok(Err(error)) => {
                let text = format!("Cannot read the end offsets of topic {}: {error}", self.topic);
                Err(Error::connect(text).with_retriable(is_retriable(&error)))
            }
            Err(error) => Err(Error::connect(format!(
                "Reading end offsets of {} broke off: {error}",
                self.topic
            ))),
        }
    }

    /// Stops reading and flushes what was sent. Blocks for a moment: call it where blocking is allowed.
    pub fn stop(&self) {
        self.progress.stop.store(true, Ordering::Release);
        self.progress.advanced.notify_waiters();
        if let Some(reader) = lock(&self.reader).take()
            && reader.join().is_err()
        {
            tracing::error!(topic = self.topic, "the reader of an internal topic had panicked");
        }
        if let Err(error) = self.producer.flush(SEND_TIMEOUT) {
            tracing::warn!(topic = self.topic, %error, "not everything sent to an internal topic was acknowledged");
        }
    }
}

fn is_retriable(error: &rdkafka::error::KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode as Code;
    !matches!(
        error.rdkafka_error_code(),
        Some(
            Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::MessageSizeTooLarge
                | Code::InvalidMessage
        )
    )
}

fn read(consumer: &BaseConsumer<LogContext>, progress: &Progress, mut on_record: OnRecord) {
    while !progress.stop.load(Ordering::Acquire) {
        match consumer.poll(POLL) {
            None => advance(consumer, progress),
            Some(Ok(message)) => {
                let (partition, next) = (message.partition(), message.offset() + 1);
                on_record(owned(&message, !progress.started.load(Ordering::Acquire)));
                lock(&progress.positions).insert(partition, next);
                progress.advanced.notify_waiters();
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => advance(consumer, progress),
            // The client has said so itself.
            Some(Err(error)) if is_transport_error(&error) => {
                tracing::debug!(%error, "reading an internal topic; will go on");
            }
            Some(Err(error)) => tracing::warn!(%error, "reading an internal topic; will go on"),
        }
    }
}

/// Compaction and transaction markers leave gaps at the end: the consumer's own position passes them, records don't.
fn advance(consumer: &BaseConsumer<LogContext>, progress: &Progress) {
    let Ok(positions) = consumer.position() else { return };
    let mut known = lock(&progress.positions);
    for element in positions.elements() {
        if let Offset::Offset(next) = element.offset() {
            let entry = known.entry(element.partition()).or_insert(0);
            *entry = next.max(*entry);
        }
    }
    drop(known);
    progress.advanced.notify_waiters();
}

fn owned(message: &BorrowedMessage<'_>, from_start: bool) -> LogRecord {
    LogRecord {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        partition: message.partition(),
        offset: message.offset(),
        from_start,
    }
}
