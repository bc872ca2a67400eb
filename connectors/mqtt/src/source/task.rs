//! The task: takes messages out of the inbox, and tells it what Kafka has acknowledged.

use super::inbox::{Inbox, Pending};
use super::receiver::Receiver;
use super::record::RecordMaker;
use crate::config::SourceSettings;
use crate::link::{Client, Link, LinkSettings};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use turnbuckle_api::source::{SourceTask, SourceTaskContext};
use turnbuckle_api::{Error, ErrorKind, Props, Record, Result};

/// Requests besides acknowledgements that may wait to be sent.
const SPARE_REQUESTS: usize = 16;
/// How long a task that stops waits for its last acknowledgements to be sent.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// `MqttSourceTask`.
#[derive(Default)]
pub struct MqttSourceTask {
    started: Option<Started>,
}

struct Started {
    inbox: Arc<Inbox>,
    client: Client,
    receiver: AbortOnDrop,
    records: RecordMaker,
    batch_size: usize,
    empty_timeout: Duration,
    /// Messages whose records were handed out, oldest first: the order in which they are acknowledged.
    pending: VecDeque<Pending>,
}

/// A future of its own that goes when the task goes.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait]
impl SourceTask for MqttSourceTask {
    /// Waits for the first attempt to subscribe. A broker that is not there is tried on in the background, one that refuses
    /// this client is an error at once.
    async fn start(&mut self, _context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        let settings = SourceSettings::from_props(config)?;
        let subscription = &settings.subscription;
        let queue = usize::try_from(subscription.queue_size).unwrap_or(1);
        let (client, link, dialer) = Link::new(LinkSettings {
            client_id: settings.connection.task_client_id(config),
            connection: &settings.connection,
            window: u16::try_from(queue).unwrap_or(u16::MAX),
            queue: queue + SPARE_REQUESTS,
        })?;
        let inbox = Arc::new(Inbox::new(queue));
        let (first, first_attempt) = oneshot::channel();
        let receiver = Receiver {
            link,
            client: client.clone(),
            inbox: inbox.clone(),
            filters: subscription.topics.clone(),
            qos: u8::try_from(subscription.qos).unwrap_or(0),
            servers: dialer.servers(),
            retry_time: settings.connection.max_retry_time(),
            first: Some(first),
        };
        self.started = Some(Started {
            inbox: inbox.clone(),
            client,
            receiver: AbortOnDrop(tokio::spawn(receiver.run())),
            records: RecordMaker::new(&subscription.kafka_topic),
            batch_size: usize::try_from(subscription.batch_size).unwrap_or(1),
            empty_timeout: Duration::from_millis(u64::try_from(subscription.empty_timeout_ms).unwrap_or(1)),
            pending: VecDeque::new(),
        });
        // The receiver always says so, except if it panics: then poll finds out.
        let _ = first_attempt.await;
        inbox.check()
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let task = self.started.as_mut().ok_or_else(not_started)?;
        if task.inbox.is_empty() {
            let _ = tokio::time::timeout(task.empty_timeout, task.inbox.arrival()).await;
        }
        // Nothing is awaited from here on, so a dropped poll loses nothing.
        let batch = task.inbox.take(task.batch_size)?;
        if batch.is_empty() {
            return match task.receiver.0.is_finished() {
                true => Err(Error::connect("The connection to the MQTT broker has ended")),
                false => Ok(None),
            };
        }
        let mut records = Vec::with_capacity(batch.len());
        for received in batch {
            task.pending.push_back(Pending::from(&received));
            records.push(task.records.record(received.message));
        }
        Ok(Some(records))
    }

    fn wants_acknowledgements(&self) -> bool {
        true
    }

    async fn acknowledged(&mut self, records: &[Record]) -> Result<()> {
        let task = self.started.as_mut().ok_or_else(not_started)?;
        let count = records.len().min(task.pending.len());
        task.inbox.acknowledge(&task.client, task.pending.drain(..count));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let Some(mut task) = self.started.take() else {
            return Ok(());
        };
        task.inbox.stop();
        task.client.disconnect(GOOD_BYE);
        if tokio::time::timeout(GOOD_BYE, &mut task.receiver.0).await.is_err() {
            tracing::warn!("the MQTT broker did not take the good-bye; unacknowledged messages will come again");
        }
        Ok(())
    }
}

fn not_started() -> Error {
    Error::new(ErrorKind::IllegalState, "The task is not started")
}
