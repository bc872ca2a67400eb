//! MQTT 5.

use super::{
    Event, LinkSettings, Message, Outgoing, Properties, Published, REQUEST_BATCH, connector, refused, topic_text,
};
use crate::dial::Dialer;
use crate::error::{LinkError, LinkErrorKind};
use rumqttc_v5::mqttbytes::v5::{LastWill, Packet, PublishProperties, SubscribeReasonCode};
use rumqttc_v5::{
    AckMode, AsyncClient, BrokerSessionResumePolicy, ConnectReturnCode, ConnectionError, EventLoop, ManualAck,
    MqttOptions, PersistedAckMode, PersistedSession, PubAck, PubRec, PublishNotice, PublishNoticeError, PublishOptions,
    QoS, SessionStore, SessionStoreKey, StateError, SubscribeFilterInput,
};
use std::future::{Future, ready};
use std::pin::Pin;
use turnbuckle_api::{Error, Result};

/// A session that the broker keeps for ever.
const NEVER: u32 = u32::MAX;

pub(crate) struct Link {
    events: EventLoop,
}

pub(super) fn open(settings: &LinkSettings<'_>, dialer: Dialer) -> Result<(AsyncClient, Link)> {
    let connection = settings.connection;
    // The dialer knows the addresses; this one is only a name.
    let mut options = MqttOptions::new(settings.client_id.clone(), ("broker", 1883));
    options
        .set_keep_alive(connection.keepalive())
        .set_clean_start(connection.clean_session)
        .set_broker_session_resume_policy(BrokerSessionResumePolicy::AllowBrokerOnly)
        .set_ack_mode(AckMode::Manual)
        .set_outgoing_inflight_upper_limit(settings.window.max(1))
        .set_connect_timeout(connection.connect_timeout())
        .set_max_request_batch(REQUEST_BATCH);
    options
        .set_receive_maximum(Some(settings.window.max(1)))
        .set_unlimited_incoming_packet_size()
        .set_socket_connector(move |_, _| connector(dialer.clone()));
    if !connection.clean_session {
        let expiry = u32::try_from(connection.session_expiry_seconds).unwrap_or(NEVER);
        options.set_session_expiry_interval(Some(expiry));
        options.set_session_store(NothingSent {
            window: settings.window.max(1),
        });
    }
    if !connection.username.is_empty() {
        options.set_credentials(connection.username.clone(), connection.password.reveal().to_string());
    }
    if let Some(topic) = &connection.last_will_topic {
        options.set_last_will(LastWill::new(
            topic,
            connection.last_will_message.clone(),
            quality(u8::try_from(connection.last_will_qos).unwrap_or(0)),
            connection.last_will_retained,
            None,
        ));
    }
    let (client, events) = AsyncClient::builder(options)
        .capacity(settings.queue)
        .try_build()
        .map_err(|error| Error::config(format!("The MQTT settings can't be used: {error}")))?;
    Ok((client, Link { events }))
}

/// What this client remembers of a session after a restart: that it had sent nothing. That is true, because only a source
/// resumes sessions, and what it received is the broker's to remember. Without a memory the crate would not subscribe.
#[derive(Debug)]
struct NothingSent {
    window: u16,
}

type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, rumqttc_v5::SessionStoreError>> + Send + 'a>>;

impl SessionStore for NothingSent {
    fn load<'a>(&'a self, key: &'a SessionStoreKey) -> StoreFuture<'a, Option<PersistedSession>> {
        let session = PersistedSession {
            format_version: 1,
            client_id: key.client_id().to_string(),
            clean_start: false,
            session_expiry_interval: Some(NEVER),
            outgoing_inflight_upper_limit: Some(self.window),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        };
        Box::pin(ready(Ok(Some(session))))
    }

    fn save<'a>(&'a self, _key: &'a SessionStoreKey, _session: &'a PersistedSession) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }

    fn clear<'a>(&'a self, _key: &'a SessionStoreKey) -> StoreFuture<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

impl Link {
    pub(super) async fn poll(&mut self) -> Result<Event, LinkError> {
        let event = self.events.poll().await.map_err(|error| link_error(&error))?;
        let rumqttc_v5::Event::Incoming(packet) = event else {
            return Ok(Event::Other);
        };
        Ok(match packet {
            Packet::Publish(publish) => Event::Message(Message {
                topic: topic_text(publish.topic),
                payload: publish.payload,
                id: publish.pkid,
                qos: publish.qos as u8,
                retained: publish.retain,
                duplicate: publish.dup,
                properties: publish.properties.map(|properties| Box::new(properties_of(properties))),
            }),
            Packet::ConnAck(answer) => Event::Connected {
                session_present: answer.session_present,
                max_packet: answer.properties.and_then(|properties| properties.max_packet_size),
            },
            Packet::SubAck(answer) => Event::Subscribed(answer.return_codes.iter().map(refusal).collect()),
            _ => Event::Other,
        })
    }

    pub(super) fn forget_acknowledgements(&mut self) {
        self.events.clean();
    }
}

fn properties_of(properties: PublishProperties) -> Properties {
    Properties {
        user: properties.user_properties,
        content_type: properties.content_type,
        response_topic: properties.response_topic,
        correlation_data: properties.correlation_data,
    }
}

fn refusal(code: &SubscribeReasonCode) -> Option<String> {
    match code {
        SubscribeReasonCode::Success(_) => None,
        reason => Some(format!("the broker refused it ({reason:?})")),
    }
}

fn link_error(error: &ConnectionError) -> LinkError {
    let code = match error {
        ConnectionError::ConnectionRefused(code) => code,
        ConnectionError::MqttState(StateError::ConnFail { reason }) => reason,
        ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout => {
            return refused(LinkErrorKind::Closed, "Client disconnected");
        }
        ConnectionError::Io(error) => return LinkError::lost(error.to_string()),
        other => return LinkError::lost(other.to_string()),
    };
    use ConnectReturnCode as Code;
    match code {
        Code::BadUserNamePassword => refused(LinkErrorKind::Security, "Bad user name or password"),
        Code::NotAuthorized => refused(LinkErrorKind::Security, "Not authorized to connect"),
        Code::Banned | Code::BadAuthenticationMethod => {
            refused(LinkErrorKind::Security, format!("Not authorized to connect ({code:?})"))
        }
        Code::BadClientId | Code::ClientIdentifierNotValid => refused(LinkErrorKind::Refused, "Invalid client ID"),
        Code::RefusedProtocolVersion | Code::UnsupportedProtocolVersion => {
            refused(LinkErrorKind::Refused, "Invalid protocol version")
        }
        Code::TopicNameInvalid | Code::PacketTooLarge | Code::QoSNotSupported | Code::RetainNotSupported => refused(
            LinkErrorKind::Refused,
            format!("The broker does not take the last will ({code:?})"),
        ),
        other => LinkError::lost(format!("Broker unavailable ({other:?})")),
    }
}

fn quality(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

pub(super) fn subscribe(client: &AsyncClient, filters: &[String], qos: u8) -> Result<(), LinkError> {
    let wanted = filters
        .iter()
        .map(|filter| SubscribeFilterInput::new(filter.clone(), quality(qos)));
    client
        .try_subscribe_many(wanted)
        .map_err(|error| LinkError::lost(error.to_string()))
}

pub(super) fn acknowledge(client: &AsyncClient, id: u16, qos: u8) -> Result<(), LinkError> {
    let acknowledgement = match qos {
        0 => return Ok(()),
        1 => ManualAck::PubAck(PubAck::new(id, None)),
        _ => ManualAck::PubRec(PubRec::new(id, None)),
    };
    client
        .try_manual_ack(acknowledgement)
        .map_err(|error| LinkError::lost(error.to_string()))
}

pub(super) async fn publish(client: &AsyncClient, message: Outgoing<'_>) -> Result<PublishNotice, LinkError> {
    let mut options = PublishOptions::new(quality(message.qos)).retain(message.retain);
    if !message.user_properties.is_empty() {
        options = options.properties(PublishProperties {
            user_properties: message.user_properties,
            ..PublishProperties::default()
        });
    }
    client
        .publish_tracked(message.topic, message.payload, options)
        .await
        .map_err(|error| LinkError::lost(error.to_string()))
}

pub(super) async fn published(notice: PublishNotice) -> Published {
    match notice.wait_completion_async().await {
        Ok(()) => Published::Done,
        Err(
            PublishNoticeError::SessionReset
            | PublishNoticeError::BrokerOnlySessionResume
            | PublishNoticeError::Qos0NotFlushed
            | PublishNoticeError::Recv,
        ) => Published::Unknown,
        Err(PublishNoticeError::V5PubAck(reason)) => Published::Refused(format!("{reason:?}")),
        Err(PublishNoticeError::V5PubRec(reason)) => Published::Refused(format!("{reason:?}")),
        Err(other) => Published::Refused(other.to_string()),
    }
}
