//! What lies between the receiver and the task: messages that were received, and what is known of those under way.

use crate::link::{Client, Message};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use turnbuckle_api::Error;

/// Bytes of topics and payloads that are held at most, besides one message.
const MAX_BYTES: usize = 16 << 20;

/// A message with the connection it came by.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) message: Message,
    pub(super) connection: u64,
}

/// What must be remembered of a message until Kafka has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    connection: u64,
    id: u16,
    qos: u8,
    bytes: usize,
}

impl From<&Received> for Pending {
    fn from(received: &Received) -> Self {
        Pending {
            connection: received.connection,
            id: received.message.id,
            qos: received.message.qos,
            bytes: size(&received.message),
        }
    }
}

fn size(message: &Message) -> usize {
    message.topic.len() + message.payload.len()
}

/// Shared by the receiver and the task.
pub(super) struct Inbox {
    state: Mutex<State>,
    max_messages: usize,
    /// Something for the task: messages, or the end.
    arrived: Notify,
    /// Something for the receiver: room, or the end.
    room: Notify,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Received>,
    /// Messages that Kafka has not acknowledged, those in `messages` included.
    held: usize,
    held_bytes: usize,
    /// Number of the present connection. Packet ids mean something within one connection only.
    connection: u64,
    /// Why the receiver ended.
    failure: Option<Error>,
    stopping: bool,
}

impl Inbox {
    pub(super) fn new(max_messages: usize) -> Self {
        Inbox {
            state: Mutex::default(),
            max_messages,
            arrived: Notify::new(),
            room: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the receiver: waits until a message may be taken from the broker, or the task stops.
    pub(super) async fn wait_for_room(&self) {
        loop {
            {
                let state = self.lock();
                if state.stopping || (state.held < self.max_messages && state.held_bytes < MAX_BYTES) {
                    return;
                }
            }
            self.room.notified().await;
        }
    }

    /// For the receiver: a message has come. Dropped while the task stops: the broker has no acknowledgement of it.
    pub(super) fn push(&self, message: Message) {
        let mut state = self.lock();
        if state.stopping {
            return;
        }
        state.held += 1;
        state.held_bytes += size(&message);
        let connection = state.connection;
        state.messages.push_back(Received { message, connection });
        drop(state);
        self.arrived.notify_one();
    }

    /// For the receiver: the connection is gone; what came by it can't be acknowledged any more. The broker sends again
    /// what it has no acknowledgement of.
    pub(super) fn connection_lost(&self) {
        self.lock().connection += 1;
    }

    /// For the receiver: there will be no more messages.
    pub(super) fn fail(&self, error: Error) {
        self.lock().failure = Some(error);
        self.arrived.notify_one();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// For the receiver: waits until the task stops.
    pub(super) async fn stopped(&self) {
        while !self.is_stopping() {
            self.room.notified().await;
        }
    }

    /// For the task: takes up to `max` messages.
    ///
    /// # Errors
    /// Why the receiver ended, once all messages are taken.
    pub(super) fn take(&self, max: usize) -> Result<Vec<Received>, Error> {
        let mut state = self.lock();
        if state.messages.is_empty() {
            return match &state.failure {
                Some(error) => Err(error.clone()),
                None => Ok(Vec::new()),
            };
        }
        let count = state.messages.len().min(max);
        Ok(state.messages.drain(..count).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.messages.is_empty() && state.failure.is_none()
    }

    /// # Errors
    /// Why the receiver ended.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.lock().failure.clone().map_or(Ok(()), Err)
    }

    /// For the task: waits for messages or the end.
    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// For the task: Kafka has these messages. Those of the present connection are acknowledged to the broker; the lock is
    /// held meanwhile, so that none of an earlier connection is mistaken for one of the next.
    pub(super) fn acknowledge(&self, client: &Client, acknowledged: impl Iterator<Item = Pending>) {
        let mut state = self.lock();
        for pending in acknowledged {
            state.held -= 1;
            state.held_bytes -= pending.bytes;
            if pending.qos > 0
                && pending.connection == state.connection
                && let Err(error) = client.acknowledge(pending.id, pending.qos)
            {
                // The broker sends it again when the connection is made anew.
                tracing::warn!("a message could not be acknowledged to the broker: {}", error.text);
            }
        }
        drop(state);
        self.room.notify_one();
    }

    /// For the task: the receiver is to end.
    pub(super) fn stop(&self) {
        self.lock().stopping = true;
        self.room.notify_one();
    }
}
