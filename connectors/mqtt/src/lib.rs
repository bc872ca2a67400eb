//! The MQTT source and sink: messages of a broker become records, records become messages.
//!
//! * [`config`]: the keys of both; [`uri`] and [`filter`] read the texts in them.
//! * [`link`]: one connection to a broker, MQTT 3.1.1 or 5, that dials again by itself; [`dial`] and [`tls`] open the socket.
//! * [`source`]: subscribes, hands messages out, and acknowledges them once Kafka has them.
//! * [`sink`]: publishes, and waits for the broker's acknowledgement.
//! * [`error`]: what went wrong, in Java's names.

pub mod config;
mod dial;
mod error;
mod filter;
mod link;
pub mod sink;
pub mod source;
mod tls;
mod uri;
mod validation;

use turnbuckle_api::Props;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The release whose keys these are.
const VERSION: &str = "1.7.9";

/// Both connectors.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin {
            class: "io.confluent.connect.mqtt.MqttSinkConnector",
            version: Some(VERSION),
            config_def: config::SinkSettings::config_def,
            kind: PluginKind::Sink {
                connector: || Box::<sink::MqttSinkConnector>::default(),
                task_class: "io.confluent.connect.mqtt.MqttSinkTask",
                task: || Box::<sink::MqttSinkTask>::default(),
            },
        },
        Plugin {
            class: "io.confluent.connect.mqtt.MqttSourceConnector",
            version: Some(VERSION),
            config_def: config::SourceSettings::config_def,
            kind: PluginKind::Source {
                connector: || Box::<source::MqttSourceConnector>::default(),
                task_class: "io.confluent.connect.mqtt.MqttSourceTask",
                task: || Box::<source::MqttSourceTask>::default(),
            },
        },
    ]
}

/// Says once that keys of the licence have no effect here.
fn note_licence_keys(config: &Props) {
    let is_licence = |key: &&str| key.starts_with("confluent.license") || key.starts_with("confluent.topic");
    let keys: Vec<&str> = config.keys().filter(is_licence).collect();
    if !keys.is_empty() {
        tracing::info!(
            "no licence is needed, so these settings are ignored: {}",
            keys.join(", ")
        );
    }
}
