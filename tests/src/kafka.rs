//! What tests put into topics and read out of them, by librdkafka and kcat.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::services;

const PATIENCE: Duration = Duration::from_secs(60);

/// A record to produce. Without a partition the key decides, by the Java client's hash.
#[derive(Debug, Clone, Default)]
pub struct Row {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub partition: Option<i32>,
    /// Milliseconds since the epoch; now when absent.
    pub timestamp: Option<i64>,
}

impl Row {
    /// A record with a value only.
    pub fn value(value: impl Into<Vec<u8>>) -> Self {
        Self {
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// A record with key and value.
    pub fn keyed(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: Some(key.into()),
            value: Some(value.into()),
            ..Self::default()
        }
    }

    /// A record whose value is JSON text.
    pub fn json(value: &Value) -> Self {
        Self::value(value.to_string())
    }
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: Option<i64>,
}

impl Message {
    /// The value as text; null as an empty one.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }

    /// The key as text; null as an empty one.
    pub fn key_text(&self) -> String {
        String::from_utf8_lossy(self.key.as_deref().unwrap_or_default()).into_owned()
    }

    /// The value parsed as JSON.
    pub fn json(&self) -> Value {
        let bytes = self.value.as_deref().unwrap_or(b"null");
        serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.text()))
    }

    /// Text of the last header with this name.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().rev().find(|(n, _)| n == name)?;
        found
            .1
            .as_deref()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Kafka {
    bootstrap: String,
}

impl Kafka {
    /// The shared broker.
    pub fn shared() -> Self {
        Self::at(services::shared().kafka())
    }

    /// A broker by its `host:port`.
    pub fn at(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
        }
    }

    /// `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }

    fn consumer(&self, isolation: &str) -> BaseConsumer {
        let mut config = self.config();
        // Reading assigns partitions and commits nothing; the group only satisfies the client.
        config
            .set("group.id", "test-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true");
        config
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", isolation);
        config
            .create()
            .unwrap_or_else(|e| panic!("cannot create a consumer: {e}"))
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.config()
            .create()
            .unwrap_or_else(|e| panic!("cannot create an admin client: {e}"))
    }

    /// Creates a topic, with settings such as `("cleanup.policy", "compact")`.
    pub async fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        match self.admin().create_topics([&topic], &options).await.as_deref() {
            Ok([Ok(_)]) => {}
            other => panic!("cannot create topic {name}: {other:?}"),
        }
    }

    /// Deletes a topic.
    pub async fn delete_topic(&self, name: &str) {
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        match self.admin().delete_topics(&[name], &options).await.as_deref() {
            Ok([Ok(_)]) => {}
            other => panic!("cannot delete topic {name}: {other:?}"),
        }
    }

    /// Names of all topics.
    pub async fn topics(&self) -> Vec<String> {
        self.blocking(|kafka| {
            let metadata = kafka.consumer("read_uncommitted").fetch_metadata(None, PATIENCE);
            let metadata = metadata.unwrap_or_else(|e| panic!("cannot list topics: {e}"));
            metadata.topics().iter().map(|t| t.name().to_owned()).collect()
        })
        .await
    }

    /// Produces records and returns their number once all are acknowledged. Fast enough for millions.
    pub async fn produce<I>(&self, topic: &str, rows: I) -> u64
    where
        I: IntoIterator<Item = Row> + Send + 'static,
    {
        let topic = topic.to_owned();
        self.blocking(move |kafka| produce(&kafka, &topic, rows)).await
    }

    /// Produces texts without keys.
    pub async fn produce_texts(&self, topic: &str, texts: &[&str]) -> u64 {
        let rows: Vec<Row> = texts.iter().map(|t| Row::value(*t)).collect();
        self.produce(topic, rows).await
    }

    /// All records from the beginning to the current end, in the order of each partition. A topic that does not exist
    /// is empty.
    pub async fn read_all(&self, topic: &str) -> Vec<Message> {
        self.read(topic, 0, "read_uncommitted").await
    }

    /// [`Kafka::read_all`] without records of open and aborted transactions.
    pub async fn read_committed(&self, topic: &str) -> Vec<Message> {
        self.read(topic, 0, "read_committed").await
    }

    /// Waits until the topic holds at least `count` records, then reads to its end: more than `count` means too many.
    pub async fn read_at_least(&self, topic: &str, count: usize) -> Vec<Message> {
        self.read(topic, count, "read_uncommitted").await
    }

    /// [`Kafka::read_at_least`] without records of open and aborted transactions.
    pub async fn read_committed_at_least(&self, topic: &str, count: usize) -> Vec<Message> {
        self.read(topic, count, "read_committed").await
    }

    async fn read(&self, topic: &str, at_least: usize, isolation: &'static str) -> Vec<Message> {
        let topic = topic.to_owned();
        self.blocking(move |kafka| read(&kafka.consumer(isolation), &topic, at_least))
            .await
    }

    /// End offset of each partition.
    pub async fn end_offsets(&self, topic: &str) -> BTreeMap<i32, i64> {
        let topic = topic.to_owned();
        self.blocking(move |kafka| {
            let consumer = kafka.consumer("read_uncommitted");
            let end = |partition| {
                let marks = consumer.fetch_watermarks(&topic, partition, PATIENCE);
                marks
                    .unwrap_or_else(|e| panic!("cannot get the end of {topic}-{partition}: {e}"))
                    .1
            };
            partitions(&consumer, &topic).into_iter().map(|p| (p, end(p))).collect()
        })
        .await
    }

    /// Committed offset of each partition for which the group has one.
    pub async fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let (group, topic) = (group.to_owned(), topic.to_owned());
        self.blocking(move |kafka| {
            let consumer: BaseConsumer = (kafka.config().set("group.id", &group).create())
                .unwrap_or_else(|e| panic!("cannot create a consumer: {e}"));
            let mut wanted = TopicPartitionList::new();
            for partition in partitions(&consumer, &topic) {
                wanted.add_partition(&topic, partition);
            }
            let committed = consumer.committed_offsets(wanted, PATIENCE);
            let committed = committed.unwrap_or_else(|e| panic!("cannot get the offsets of group {group}: {e}"));
            let known = committed.elements().into_iter().filter_map(|e| match e.offset() {
                Offset::Offset(offset) => Some((e.partition(), offset)),
                _ => None,
            });
            known.collect()
        })
        .await
    }

    /// Runs kcat against this broker and returns what it prints.
    ///
    /// # Panics
    /// When it fails, with its complaint.
    pub async fn kcat(&self, arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        self.blocking(move |kafka| {
            let output = Command::new("kcat")
                .args(["-b", &kafka.bootstrap])
                .args(&arguments)
                .output();
            let output = output.unwrap_or_else(|e| panic!("cannot run kcat: {e}"));
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "kcat {arguments:?}: {complaint}");
            String::from_utf8_lossy(&output.stdout).into_owned()
        })
        .await
    }

    /// Runs client calls that block on a thread for such; a panic there goes on here.
    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(Self) -> T + Send + 'static) -> T {
        let kafka = self.clone();
        match tokio::task::spawn_blocking(move || work(kafka)).await {
            Ok(value) => value,
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        }
    }
}

/// The records that the broker did not take: their number, and why it refused the last one.
#[derive(Debug, Clone, Default)]
struct Failures(Arc<Mutex<(u64, String)>>);

impl rdkafka::ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let (Err((error, _)), Ok(mut failures)) = (result, self.0.lock()) {
            *failures = (failures.0 + 1, error.to_string());
        }
    }
}

fn produce(kafka: &Kafka, topic: &str, rows: impl IntoIterator<Item = Row>) -> u64 {
    let failures = Failures::default();
    let mut config = kafka.config();
    config
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "5")
        .set("compression.type", "none");
    let producer: BaseProducer<Failures> = config
        .create_with_context(failures.clone())
        .unwrap_or_else(|e| panic!("cannot create a producer: {e}"));
    let mut count = 0;
    for row in rows {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        record.key = row.key.as_deref();
        record.payload = row.value.as_deref();
        record.partition = row.partition;
        record.timestamp = row.timestamp;
        if !row.headers.is_empty() {
            let empty = OwnedHeaders::new_with_capacity(row.headers.len());
            let add = |all: OwnedHeaders, (key, value): &(String, Option<Vec<u8>>)| {
                all.insert(Header {
                    key,
                    value: value.as_ref(),
                })
            };
            record.headers = Some(row.headers.iter().fold(empty, add));
        }
        count += 1;
        while let Err((error, unsent)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                panic!("cannot produce to {topic}: {error}");
            }
            producer.poll(Duration::from_millis(100));
            record = unsent;
        }
        if count % 1000 == 0 {
            producer.poll(Duration::ZERO);
        }
    }
    producer
        .flush(PATIENCE)
        .unwrap_or_else(|e| panic!("records for {topic} were not acknowledged: {e}"));
    let (refused, reason) = failures.0.lock().map(|f| f.clone()).unwrap_or_default();
    assert_eq!(
        refused, 0,
        "{refused} of {count} records for {topic} were refused, the last because of: {reason}"
    );
    count
}

/// Partitions of a topic; none when it does not exist.
fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE);
    let metadata = metadata.unwrap_or_else(|e| panic!("cannot get the partitions of {topic}: {e}"));
    metadata
        .topics()
        .iter()
        .flat_map(|t| t.partitions())
        .map(|p| p.id())
        .collect()
}

fn read(consumer: &BaseConsumer, topic: &str, at_least: usize) -> Vec<Message> {
    let start = Instant::now();
    let mut messages = Vec::new();
    let mut ids = partitions(consumer, topic);
    while ids.is_empty() && at_least > 0 {
        assert!(
            start.elapsed() < PATIENCE,
            "topic {topic} does not exist; expected {at_least} records in it"
        );
        std::thread::sleep(Duration::from_millis(100));
        ids = partitions(consumer, topic);
    }
    let mut assignment = TopicPartitionList::new();
    for id in &ids {
        let added = assignment.add_partition_offset(topic, *id, Offset::Beginning);
        added.unwrap_or_else(|e| panic!("cannot read {topic}-{id}: {e}"));
    }
    consumer
        .assign(&assignment)
        .unwrap_or_else(|e| panic!("cannot read {topic}: {e}"));
    let mut at_end: BTreeMap<i32, bool> = ids.iter().map(|id| (*id, false)).collect();
    // The client tells the end of a partition once each time it gets there: a later record takes that back.
    while messages.len() < at_least || at_end.values().any(|end| !end) {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                at_end.insert(message.partition(), false);
                messages.push(detach(&message));
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                at_end.insert(partition, true);
            }
            Some(Err(e)) => panic!("cannot read {topic}: {e}"),
            None => {}
        }
        let seen = messages.len();
        assert!(
            start.elapsed() < PATIENCE,
            "{topic}: {seen} records after {PATIENCE:?}, expected {at_least} and the end"
        );
    }
    messages
}

fn detach(message: &rdkafka::message::BorrowedMessage<'_>) -> Message {
    let headers = message.headers().map(|headers| {
        let pairs = headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec)));
        pairs.collect()
    });
    Message {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
    }
}
