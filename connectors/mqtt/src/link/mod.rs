//! One connection to a broker, whatever the version of the protocol. [`Link::poll`] drives it: it dials if there is no
//! connection, and yields what arrives. [`Client`] queues requests from anywhere; they are sent while the link is polled.
//!
//! The two versions come from two crates with the same shape and different types; [`v4`] and [`v5`] translate each into
//! the types of this module. `poll` must not be dropped half-way: a packet that is being written would be lost.

mod backoff;
mod v4;
mod v5;

pub(crate) use backoff::Backoff;

use crate::config::ConnectionSettings;
use crate::dial::Dialer;
use crate::error::{LinkError, LinkErrorKind};
use bytes::Bytes;
use std::time::Duration;
use turnbuckle_api::{Result, Text};

/// Requests of one kind that are handled before the socket is flushed.
const REQUEST_BATCH: usize = 1024;

/// Largest packet of the protocol.
const MAX_PACKET: usize = 268_435_460;

/// What a link is made of.
pub(crate) struct LinkSettings<'a> {
    pub(crate) connection: &'a ConnectionSettings,
    pub(crate) client_id: String,
    /// Messages without acknowledgement, in and out.
    pub(crate) window: u16,
    /// Requests that may wait to be sent.
    pub(crate) queue: usize,
}

/// A message from the broker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: Text,
    pub(crate) payload: Bytes,
    pub(crate) id: u16,
    pub(crate) qos: u8,
    pub(crate) retained: bool,
    pub(crate) duplicate: bool,
    /// MQTT 5 only.
    pub(crate) properties: Option<Box<Properties>>,
}

/// What MQTT 5 lets a publisher say besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) user: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) response_topic: Option<String>,
    pub(crate) correlation_data: Option<Bytes>,
}

/// What a poll brings.
pub(crate) enum Event {
    Connected {
        /// The broker still has the session of an earlier connection.
        session_present: bool,
        /// Bytes of the largest packet that the broker takes, if it says so.
        max_packet: Option<u32>,
    },
    Message(Message),
    /// The answer to a subscription: for each filter, why it was refused, if it was.
    Subscribed(Vec<Option<String>>),
    /// Nothing of interest.
    Other,
}

/// Drives one connection.
pub(crate) enum Link {
    V4(Box<v4::Link>),
    V5(Box<v5::Link>),
}

impl Link {
    /// # Errors
    /// `ConfigException` for settings that can't be used.
    pub(crate) fn new(settings: LinkSettings<'_>) -> Result<(Client, Link, Dialer)> {
        let dialer = Dialer::new(settings.connection)?;
        if settings.connection.version == "5" {
            let (client, link) = v5::open(&settings, dialer.clone())?;
            return Ok((Client::V5(client), Link::V5(Box::new(link)), dialer));
        }
        let (client, link) = v4::open(&settings, dialer.clone())?;
        Ok((Client::V4(client), Link::V4(Box::new(link)), dialer))
    }

    /// The next event. After an error, the next poll dials again.
    pub(crate) async fn poll(&mut self) -> Result<Event, LinkError> {
        match self {
            Link::V4(link) => link.poll().await,
            Link::V5(link) => link.poll().await,
        }
    }

    /// After an error: forgets acknowledgements that were queued for the connection that is gone.
    pub(crate) fn forget_acknowledgements(&mut self) {
        match self {
            Link::V4(link) => link.forget_acknowledgements(),
            Link::V5(link) => link.forget_acknowledgements(),
        }
    }
}

/// Queues requests.
#[derive(Clone)]
pub(crate) enum Client {
    V4(rumqttc_v4::AsyncClient),
    V5(rumqttc_v5::AsyncClient),
}

/// What became of a message that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Published {
    Done,
    /// The connection went before the broker said so: publish it again.
    Unknown,
    /// The broker does not take this message.
    Refused(String),
}

/// A message to publish.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: Bytes,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// MQTT 5 only.
    pub(crate) user_properties: Vec<(String, String)>,
}

impl Client {
    /// Queues a subscription to all filters.
    pub(crate) fn subscribe(&self, filters: &[String], qos: u8) -> Result<(), LinkError> {
        match self {
            Client::V4(client) => v4::subscribe(client, filters, qos),
            Client::V5(client) => v5::subscribe(client, filters, qos),
        }
    }

    /// Queues the acknowledgement of a message of the present connection.
    pub(crate) fn acknowledge(&self, id: u16, qos: u8) -> Result<(), LinkError> {
        match self {
            Client::V4(client) => v4::acknowledge(client, id, qos),
            Client::V5(client) => v5::acknowledge(client, id, qos),
        }
    }

    /// Queues a message, waiting for room. The future that comes back tells what became of it.
    pub(crate) async fn publish(&self, message: Outgoing<'_>) -> Result<Publication, LinkError> {
        match self {
            Client::V4(client) => v4::publish(client, message).await.map(Publication::V4),
            Client::V5(client) => v5::publish(client, message).await.map(Publication::V5),
        }
    }

    /// Queues a good-bye: what was queued before is sent first; then `poll` fails with `Closed`.
    pub(crate) fn disconnect(&self, limit: Duration) {
        // Without room or connection there is nothing to say good-bye to.
        let _ = match self {
            Client::V4(client) => client.try_disconnect_with_timeout(limit).map_err(drop),
            Client::V5(client) => client.try_disconnect_with_timeout(limit).map_err(drop),
        };
    }
}

/// A message on its way to the broker.
pub(crate) enum Publication {
    V4(rumqttc_v4::PublishNotice),
    V5(rumqttc_v5::PublishNotice),
}

impl Publication {
    /// Waits for the broker: PUBACK at QoS 1, PUBCOMP at QoS 2, the socket at QoS 0.
    pub(crate) async fn outcome(self) -> Published {
        match self {
            Publication::V4(notice) => v4::published(notice).await,
            Publication::V5(notice) => v5::published(notice).await,
        }
    }
}

/// Connects once with a client id of its own, and says good-bye.
///
/// # Errors
/// Why there was no connection.
pub(crate) async fn probe(settings: &ConnectionSettings) -> Result<Result<(), LinkError>> {
    let mut probing = settings.clone();
    probing.clean_session = true;
    // A message for the probe's own end would confuse those who wait for it.
    probing.last_will_topic = None;
    let (client, mut link, _) = Link::new(LinkSettings {
        connection: &probing,
        client_id: crate::config::random_client_id(),
        window: 1,
        queue: 4,
    })?;
    let attempts = settings.server_uris.len().max(1);
    let mut outcome = Ok(());
    for _ in 0..attempts {
        outcome = link.poll().await.map(drop);
        match &outcome {
            Err(error) if error.is_final() => break,
            Err(_) => continue,
            Ok(()) => break,
        }
    }
    if outcome.is_ok() {
        client.disconnect(Duration::from_secs(1));
        while link.poll().await.is_ok() {}
    }
    Ok(outcome)
}

/// The text of a topic; bytes that are no UTF-8, which brokers refuse, are replaced.
fn topic_text(topic: Bytes) -> Text {
    Text::try_from(topic.clone()).unwrap_or_else(|_| Text::from(String::from_utf8_lossy(&topic).into_owned()))
}

/// `error` of a connection as text, with the kind.
fn refused(kind: LinkErrorKind, text: impl Into<String>) -> LinkError {
    LinkError {
        text: text.into(),
        kind,
    }
}

/// Dials for the crates, which want a future of its own.
async fn connector(dialer: Dialer) -> std::io::Result<crate::dial::Socket> {
    dialer.dial().await
}
