//! What can go wrong between this client and a broker, named as Paho names it.

use turnbuckle_api::{Error, ErrorKind};

const MQTT_EXCEPTION: &str = "org.eclipse.paho.client.mqttv3.MqttException";
const MQTT_SECURITY_EXCEPTION: &str = "org.eclipse.paho.client.mqttv3.MqttSecurityException";

/// A connection that failed, or could not be made.
#[derive(Clone, Debug)]
pub(crate) struct LinkError {
    pub(crate) text: String,
    pub(crate) kind: LinkErrorKind,
}

/// What a failed connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkErrorKind {
    /// Dialling again may help.
    Lost,
    /// The broker does not want this client.
    Refused,
    /// The broker does not know or does not trust this client.
    Security,
    /// The connection was closed on our own request.
    Closed,
}

impl LinkError {
    pub(crate) fn lost(text: impl Into<String>) -> Self {
        LinkError {
            text: text.into(),
            kind: LinkErrorKind::Lost,
        }
    }

    /// True if dialling again is of no use.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.kind, LinkErrorKind::Refused | LinkErrorKind::Security)
    }

    /// As the cause of a task's failure.
    pub(crate) fn to_cause(&self) -> Error {
        let class = match self.kind {
            LinkErrorKind::Security => MQTT_SECURITY_EXCEPTION,
            LinkErrorKind::Lost | LinkErrorKind::Refused | LinkErrorKind::Closed => MQTT_EXCEPTION,
        };
        Error::new(ErrorKind::Class(class), self.text.clone())
    }
}

/// The brokers could not be reached, or refused this client.
pub(crate) fn not_connected(servers: &str, cause: &LinkError) -> Error {
    let text = format!("Unable to connect to the MQTT broker at {servers}");
    Error::wrap(ErrorKind::Connect, text, cause.to_cause())
}

/// The connection is lost, and could not be made again in the time that `max.retry.time.ms` allows.
pub(crate) fn given_up(servers: &str, millis: u128, cause: &LinkError) -> Error {
    let text = format!(
        "There has been no lasting connection to the MQTT broker at {servers} for {millis} ms (max.retry.time.ms)"
    );
    Error::wrap(ErrorKind::Connect, text, cause.to_cause())
}
