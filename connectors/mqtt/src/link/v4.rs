//! MQTT 3.1.1.

use super::{Event, LinkSettings, Message, Outgoing, Published, REQUEST_BATCH, connector, refused, topic_text};
use crate::dial::Dialer;
use crate::error::{LinkError, LinkErrorKind};
use rumqttc_v4::mqttbytes::v4::{LastWill, Packet, SubscribeReasonCode};
use rumqttc_v4::{
    AckMode, AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, ManualAck, MqttOptions, PubAck, PubRec,
    PublishNotice, PublishNoticeError, PublishOptions, QoS, SubscribeFilterInput,
};
use turnbuckle_api::{Error, Result};

pub(crate) struct Link {
    events: EventLoop,
}

pub(super) fn open(settings: &LinkSettings<'_>, dialer: Dialer) -> Result<(AsyncClient, Link)> {
    let connection = settings.connection;
    // The dialer knows the addresses; this one is only a name.
    let mut options = MqttOptions::new(settings.client_id.clone(), ("broker", 1883));
    options
        .set_keep_alive(connection.keepalive())
        .set_clean_session(connection.clean_session)
        .set_ack_mode(AckMode::Manual)
        .set_max_packet_size(super::MAX_PACKET, super::MAX_PACKET)
        .set_inflight(settings.window.max(1))
        .set_max_request_batch(REQUEST_BATCH)
        .set_socket_connector(move |_, _| connector(dialer.clone()));
    if !connection.username.is_empty() {
        options.set_credentials(connection.username.clone(), connection.password.reveal().to_string());
    }
    if let Some(topic) = &connection.last_will_topic {
        options.set_last_will(LastWill::new(
            topic,
            connection.last_will_message.clone(),
            quality(u8::try_from(connection.last_will_qos).unwrap_or(0)),
            connection.last_will_retained,
        ));
    }
    let (client, mut events) = AsyncClient::builder(options)
        .capacity(settings.queue)
        .try_build()
        .map_err(|error| Error::config(format!("The MQTT settings can't be used: {error}")))?;
    events
        .network_options
        .set_connection_timeout(connection.connect_timeout().as_secs());
    Ok((client, Link { events }))
}

impl Link {
    pub(super) async fn poll(&mut self) -> Result<Event, LinkError> {
        let event = self.events.poll().await.map_err(|error| link_error(&error))?;
        let rumqttc_v4::Event::Incoming(packet) = event else {
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
                properties: None,
            }),
            Packet::ConnAck(answer) => Event::Connected {
                session_present: answer.session_present,
                max_packet: None,
            },
            Packet::SubAck(answer) => Event::Subscribed(answer.return_codes.iter().map(refusal).collect()),
            _ => Event::Other,
        })
    }

    pub(super) fn forget_acknowledgements(&mut self) {
        self.events.clean();
    }
}

fn refusal(code: &SubscribeReasonCode) -> Option<String> {
    match code {
        SubscribeReasonCode::Success(_) => None,
        SubscribeReasonCode::Failure => Some("the broker refused it".to_string()),
    }
}

fn link_error(error: &ConnectionError) -> LinkError {
    use ConnectReturnCode as Code;
    let ConnectionError::ConnectionRefused(code) = error else {
        return match error {
            ConnectionError::RequestsDone | ConnectionError::DisconnectTimeout => {
                refused(LinkErrorKind::Closed, "Client disconnected")
            }
            ConnectionError::Io(error) => LinkError::lost(error.to_string()),
            other => LinkError::lost(other.to_string()),
        };
    };
    match code {
        Code::BadUserNamePassword => refused(LinkErrorKind::Security, "Bad user name or password"),
        Code::NotAuthorized => refused(LinkErrorKind::Security, "Not authorized to connect"),
        Code::BadClientId => refused(LinkErrorKind::Refused, "Invalid client ID"),
        Code::RefusedProtocolVersion => refused(LinkErrorKind::Refused, "Invalid protocol version"),
        Code::ServiceUnavailable | Code::Success => LinkError::lost("Broker unavailable"),
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
        1 => ManualAck::PubAck(PubAck::new(id)),
        _ => ManualAck::PubRec(PubRec::new(id)),
    };
    client
        .try_manual_ack(acknowledgement)
        .map_err(|error| LinkError::lost(error.to_string()))
}

pub(super) async fn publish(client: &AsyncClient, message: Outgoing<'_>) -> Result<PublishNotice, LinkError> {
    let options = PublishOptions::new(quality(message.qos)).retain(message.retain);
    client
        .publish_tracked(message.topic, message.payload, options)
        .await
        .map_err(|error| LinkError::lost(error.to_string()))
}

pub(super) async fn published(notice: PublishNotice) -> Published {
    match notice.wait_completion_async().await {
        Ok(()) => Published::Done,
        Err(PublishNoticeError::SessionReset | PublishNoticeError::Qos0NotFlushed | PublishNoticeError::Recv) => {
            Published::Unknown
        }
        Err(other) => Published::Refused(other.to_string()),
    }
}
