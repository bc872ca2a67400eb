//! The task: publishes batches and waits for the broker.

use super::payload::{check_topic, payload, user_properties};
use super::publisher::{self, Connection};
use crate::config::SinkSettings;
use crate::link::{Client, Link, LinkSettings, Outgoing, Publication, Published};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use turnbuckle_api::sink::{SinkTask, SinkTaskContext};
use turnbuckle_api::{Error, ErrorKind, Props, Record, Result};

/// Messages under way without acknowledgement. MQTT 3.1.1 has no way for a broker to say how many it bears; at QoS 2 some
/// bear only as many as the Java client sends.
const WINDOW: u16 = 100;
const WINDOW_QOS_2: u16 = 10;
/// How long a task that stops waits for its good-bye.
const GOOD_BYE: Duration = Duration::from_secs(2);
/// Bytes of a PUBLISH packet besides topic, payload and properties, at most.
const PACKET_OVERHEAD: usize = 16;

/// `MqttSinkTask`.
#[derive(Default)]
pub struct MqttSinkTask {
    started: Option<Started>,
}

struct Started {
    context: Arc<dyn SinkTaskContext>,
    client: Client,
    connection: watch::Receiver<Connection>,
    publisher: AbortOnDrop,
    qos: u8,
    retain: bool,
    with_properties: bool,
    timeout: Duration,
}

/// A future of its own that goes when the task goes.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A message of the batch that is not with the broker yet.
struct Unsent<'a> {
    record: &'a Record,
    payload: Bytes,
}

#[async_trait]
impl SinkTask for MqttSinkTask {
    /// Waits for the first attempt to connect. A broker that is not there is tried on in the background, one that refuses
    /// this client is an error at once.
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()> {
        let mut settings = SinkSettings::from_props(config)?;
        let client_id = settings.connection.task_client_id(config);
        if !settings.connection.clean_session {
            tracing::info!(
                "mqtt.clean.session.enabled=false has no effect: a sink has no subscriptions, and Kafka keeps its position"
            );
            settings.connection.clean_session = true;
        }
        let (client, link, dialer) = Link::new(LinkSettings {
            client_id,
            connection: &settings.connection,
            window: if settings.publication.qos == 2 {
                WINDOW_QOS_2
            } else {
                WINDOW
            },
            queue: usize::from(WINDOW),
        })?;
        let (state, mut connection) = watch::channel(Connection::Unknown);
        let run = publisher::run(link, dialer.servers(), settings.connection.max_retry_time(), state);
        let publisher = AbortOnDrop(tokio::spawn(run));
        let tried = connection
            .wait_for(|state| !matches!(state, Connection::Unknown))
            .await
            .map(|state| state.clone());
        if let Ok(Connection::Failed(error)) = tried {
            return Err(error);
        }
        self.started = Some(Started {
            context,
            client,
            connection,
            publisher,
            qos: u8::try_from(settings.publication.qos).unwrap_or(0),
            retain: settings.publication.retained,
            with_properties: settings.connection.version == "5",
            timeout: Duration::from_millis(u64::try_from(settings.publication.publish_timeout_ms).unwrap_or(0)),
        });
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let task = self.started.as_mut().ok_or_else(not_started)?;
        let mut unsent = Vec::with_capacity(records.len());
        for record in records {
            match check_topic(record).and_then(|()| payload(record)) {
                Ok(payload) => unsent.push(Unsent { record, payload }),
                Err(error) => task.refuse(record, error).await?,
            }
        }
        let deadline = Instant::now() + task.timeout;
        while !unsent.is_empty() {
            task.wait_for_connection(deadline).await?;
            unsent = task.publish(unsent, deadline).await?;
        }
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let Some(mut task) = self.started.take() else {
            return Ok(());
        };
        task.client.disconnect(GOOD_BYE);
        if matches!(*task.connection.borrow(), Connection::Up(_))
            && tokio::time::timeout(GOOD_BYE, &mut task.publisher.0).await.is_err()
        {
            tracing::warn!("the MQTT broker did not take the good-bye");
        }
        Ok(())
    }
}

impl Started {
    /// Publishes messages in order and waits for the broker. Returns those whose connection broke.
    async fn publish<'a>(&mut self, messages: Vec<Unsent<'a>>, deadline: Instant) -> Result<Vec<Unsent<'a>>> {
        let mut under_way = Vec::with_capacity(messages.len());
        for message in messages {
            if let Some(error) = self.too_large(&message) {
                self.refuse(message.record, error).await?;
                continue;
            }
            let publication = self.send(&message, deadline).await?;
            under_way.push((message, publication));
        }
        let mut again = Vec::new();
        for (message, publication) in under_way {
            match self.outcome(publication, deadline).await? {
                Published::Done => {}
                Published::Unknown => again.push(message),
                Published::Refused(reason) => {
                    let text = format!(
                        "The MQTT broker refused record {} for topic {}: {reason}",
                        message.record.coordinates(),
                        message.record.topic
                    );
                    self.refuse(message.record, Error::connect(text)).await?;
                }
            }
        }
        Ok(again)
    }

    async fn send(&mut self, message: &Unsent<'_>, deadline: Instant) -> Result<Publication> {
        let outgoing = Outgoing {
            topic: &message.record.topic,
            payload: message.payload.clone(),
            qos: self.qos,
            retain: self.retain,
            user_properties: match self.with_properties {
                true => user_properties(message.record),
                false => Vec::new(),
            },
        };
        tokio::select! {
            sent = self.client.publish(outgoing) => sent.map_err(|error| error.to_cause()),
            error = failure(&mut self.connection) => Err(error),
            () = tokio::time::sleep_until(deadline) => Err(self.timed_out()),
        }
    }

    async fn outcome(&mut self, publication: Publication, deadline: Instant) -> Result<Published> {
        tokio::select! {
            biased;
            outcome = publication.outcome() => Ok(outcome),
            error = failure(&mut self.connection) => Err(error),
            () = tokio::time::sleep_until(deadline) => Err(self.timed_out()),
        }
    }

    async fn wait_for_connection(&self, deadline: Instant) -> Result<()> {
        let mut connection = self.connection.clone();
        let is_up = connection.wait_for(|state| !matches!(state, Connection::Down));
        let state = match tokio::time::timeout_at(deadline, is_up).await {
            Ok(Ok(state)) => state.clone(),
            Ok(Err(_)) => return Err(Error::connect("The connection to the MQTT broker has ended")),
            Err(_) => return Err(self.timed_out()),
        };
        match state {
            Connection::Failed(error) => Err(error),
            Connection::Up(_) | Connection::Down | Connection::Unknown => Ok(()),
        }
    }

    /// An MQTT 5 broker says how large a packet may be; it ends the connection over a larger one.
    fn too_large(&self, message: &Unsent<'_>) -> Option<Error> {
        let Connection::Up(Some(limit)) = *self.connection.borrow() else {
            return None;
        };
        let headers = message.record.headers.iter();
        let properties: usize = headers.map(|header| header.key.len() + 8).sum();
        let size = message.record.topic.len() + message.payload.len() + properties + PACKET_OVERHEAD;
        (u32::try_from(size).unwrap_or(u32::MAX) > limit).then(|| {
            Error::data(format!(
                "Record {} is too large for the MQTT broker, which takes packets of {limit} bytes",
                message.record.coordinates()
            ))
        })
    }

    /// To the dead letters, if there are any; else the task fails.
    async fn refuse(&self, record: &Record, error: Error) -> Result<()> {
        match self.context.errant_record_reporter() {
            Some(reporter) => reporter.report(record, error).await,
            None => Err(error),
        }
    }

    fn timed_out(&self) -> Error {
        Error::connect(format!(
            "The MQTT broker did not acknowledge the messages within {} ms (mqtt.publish.timeout.ms)",
            self.timeout.as_millis()
        ))
    }
}

/// Waits until the connection has failed for good.
async fn failure(connection: &mut watch::Receiver<Connection>) -> Error {
    let failed = connection
        .wait_for(|state| matches!(state, Connection::Failed(_)))
        .await;
    match failed.as_deref() {
        Ok(Connection::Failed(error)) => error.clone(),
        _ => Error::connect("The connection to the MQTT broker has ended"),
    }
}

fn not_started() -> Error {
    Error::new(ErrorKind::IllegalState, "The task is not started")
}
