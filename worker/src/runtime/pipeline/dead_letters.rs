//! The dead letter queue of a sink task: a topic that gets the bytes of every record that failed (KIP-298).

use super::{RawSource, Stage};
use crate::herder::TaskId;
use crate::kafka::admin::TopicAdmin;
use crate::kafka::client_log::LogContext;
use crate::kafka::errors::client_error;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, Headers, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use std::sync::Arc;
use tokio::sync::Semaphore;
use turnbuckle_api::config::Config;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Dead letters that may be on their way at once; more wait.
const IN_FLIGHT: u32 = 1000;

/// Keys of a sink connector about its dead letter queue.
#[derive(Clone, Debug, Config)]
pub(crate) struct DeadLetterConfig {
    /// Topic of the dead letters; empty for none.
    #[config(key = "errors.deadletterqueue.topic.name", default = "")]
    pub topic: String,
    /// Replication factor with which the topic is created if it is missing.
    #[config(key = "errors.deadletterqueue.topic.replication.factor", default = "3")]
    pub replication_factor: i16,
    /// Add headers that tell where the record came from and why it failed.
    #[config(key = "errors.deadletterqueue.context.headers.enable", default = "false")]
    pub context_headers: bool,
}

/// Sends dead letters of one task.
pub(crate) struct DeadLetters {
    task: TaskId,
    topic: String,
    context_headers: bool,
    producer: FutureProducer<LogContext>,
    in_flight: Arc<Semaphore>,
}

impl DeadLetters {
    /// Makes the producer and the topic, if it is not there.
    ///
    /// # Errors
    /// `Could not initialize dead letter queue with topic=T` with the reason.
    pub(crate) async fn open(
        task: TaskId,
        config: &DeadLetterConfig,
        producer: &ClientConfig,
        admin: &ClientConfig,
    ) -> Result<Self> {
        let topic = config.topic.clone();
        let wrapped = |error: Error| {
            let text = format!("Could not initialize dead letter queue with topic={topic}");
            Error::wrap(ErrorKind::Connect, text, error)
        };
        let admin = TopicAdmin::new(admin).map_err(wrapped)?;
        if !admin.topic_exists(&topic).await.map_err(wrapped)? {
            admin
                .create_topic(&topic, 1, i32::from(config.replication_factor), &[])
                .await
                .map_err(wrapped)?;
        }
        let producer = producer
            .create_with_context::<_, FutureProducer<LogContext>>(LogContext)
            .map_err(|error| wrapped(client_error(&error, "Failed to construct kafka producer")))?;
        Ok(DeadLetters {
            task,
            topic,
            context_headers: config.context_headers,
            producer,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
        })
    }

    /// Sends the consumed bytes of a record. A failure to send is logged, it fails nothing else.
    pub(crate) async fn send(&self, raw: RawSource<'_>, stage: Stage, class: &str, error: &Error) {
        let Ok(permit) = self.in_flight.clone().acquire_owned().await else {
            return;
        };
        let headers = self.headers(raw, stage, class, error);
        let key = raw.batch.key(raw.entry);
        let value = raw.batch.value(raw.entry);
        let timestamp = raw.entry.timestamp;
        let producer = self.producer.clone();
        let topic = self.topic.clone();
        let task = self.task.clone();
        tokio::spawn(async move {
            let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&topic);
            record.key = key.as_deref();
            record.payload = value.as_deref();
            record.timestamp = timestamp;
            record.headers = (headers.count() > 0).then_some(headers);
            if let Err((error, _)) = producer.send(record, Timeout::Never).await {
                tracing::error!(%task, topic, %error, "could not send a record to the dead letter queue");
            }
            drop(permit);
        });
    }

    /// Waits until nothing is on its way.
    pub(crate) async fn flush(&self) {
        // Holding all permits means that no send holds one.
        drop(self.in_flight.acquire_many(IN_FLIGHT).await);
    }

    fn headers(&self, raw: RawSource<'_>, stage: Stage, class: &str, error: &Error) -> OwnedHeaders {
        let mut headers = OwnedHeaders::new();
        for (name, value) in raw.batch.headers(raw.entry) {
            headers = headers.insert(Header {
                key: name,
                value: value.as_deref(),
            });
        }
        if !self.context_headers {
            return headers;
        }
        let partition = raw.entry.partition.to_string();
        let offset = raw.entry.offset.to_string();
        let task = self.task.task.to_string();
        let trace = error.trace();
        let context: [(&str, Option<&str>); 10] = [
            ("topic", Some(raw.batch.topic(raw.entry))),
            ("partition", Some(&partition)),
            ("offset", Some(&offset)),
            ("connector.name", Some(&self.task.connector)),
            ("task.id", Some(&task)),
            ("stage", Some(stage.name())),
            ("class.name", Some(class)),
            ("exception.class.name", Some(error.class_name())),
            ("exception.message", error.message()),
            ("exception.stacktrace", Some(&trace)),
        ];
        for (name, value) in context {
            let key = format!("__connect.errors.{name}");
            headers = headers.insert(Header { key: &key, value });
        }
        headers
    }
}
