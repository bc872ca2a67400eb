//! Drives the link of a source task: connects, subscribes, and puts messages into the inbox.

use super::inbox::Inbox;
use crate::error::{LinkError, LinkErrorKind, given_up, not_connected};
use crate::link::{Backoff, Event, Link};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Everything a receiver needs.
pub(super) struct Receiver {
    pub(super) link: Link,
    pub(super) client: crate::link::Client,
    pub(super) inbox: Arc<Inbox>,
    pub(super) filters: Vec<String>,
    pub(super) qos: u8,
    pub(super) servers: String,
    pub(super) retry_time: Duration,
    /// Told how the first attempt to subscribe ended: subscribed, or still trying.
    pub(super) first: Option<oneshot::Sender<()>>,
}

impl Receiver {
    /// Runs until the task stops or the connection can't be kept.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.receive().await {
            self.inbox.fail(error);
        }
        self.first_attempt_done();
    }

    async fn receive(&mut self) -> Result<()> {
        let mut backoff = Backoff::new(self.retry_time);
        let mut subscribed = false;
        loop {
            self.inbox.wait_for_room().await;
            match self.link.poll().await {
                Ok(Event::Message(message)) => self.inbox.push(message),
                Ok(Event::Connected { session_present, .. }) => {
                    backoff.connected(Instant::now());
                    tracing::info!(servers = self.servers, session_present, "connected to the MQTT broker");
                    // Retained messages come once per subscription, so a session that is still there is not asked again.
                    if !(session_present && subscribed) {
                        subscribed = false;
                        self.client
                            .subscribe(&self.filters, self.qos)
                            .map_err(|error| not_connected(&self.servers, &error))?;
                    }
                }
                Ok(Event::Subscribed(answers)) => {
                    self.check_answers(&answers)?;
                    subscribed = true;
                    tracing::info!(filters = self.filters.join(", "), "subscribed");
                    self.first_attempt_done();
                }
                Ok(Event::Other) => {}
                Err(error) => {
                    self.inbox.connection_lost();
                    self.link.forget_acknowledgements();
                    if self.inbox.is_stopping() || error.kind == LinkErrorKind::Closed {
                        return Ok(());
                    }
                    self.pause(&mut backoff, &error).await?;
                    if self.inbox.is_stopping() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// After a failure: waits a while.
    async fn pause(&mut self, backoff: &mut Backoff, error: &LinkError) -> Result<()> {
        if error.is_final() {
            return Err(not_connected(&self.servers, error));
        }
        let Some(pause) = backoff.failed(Instant::now()) else {
            return Err(given_up(&self.servers, self.retry_time.as_millis(), error));
        };
        tracing::warn!(
            "no connection to the MQTT broker, trying again in {pause:?}: {}",
            error.text
        );
        self.first_attempt_done();
        let _ = tokio::time::timeout(pause, self.inbox.stopped()).await;
        Ok(())
    }

    fn first_attempt_done(&mut self) {
        if let Some(first) = self.first.take() {
            // Nobody waits if the task is gone already.
            let _ = first.send(());
        }
    }

    fn check_answers(&self, answers: &[Option<String>]) -> Result<()> {
        let refused = self.filters.iter().zip(answers).find_map(|(filter, answer)| {
            let reason = answer.as_ref()?;
            Some(format!("Unable to subscribe to {filter}: {reason}"))
        });
        refused.map_or(Ok(()), |text| Err(Error::new(ErrorKind::Connect, text)))
    }
}
