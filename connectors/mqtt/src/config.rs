//! Keys of the two connectors. Both have the keys of the connection; `mqtt.version`, `mqtt.client.id`,
//! `mqtt.session.expiry.seconds` and `mqtt.last.will.*` are additions of this worker.

use crate::filter::Filter;
use crate::uri::ServerUri;
use std::sync::LazyLock;
use std::time::Duration;
use turnbuckle_api::config::validator::{self, Validator};
use turnbuckle_api::config::{ParsedValue, Props};
use turnbuckle_api::{Config, ConfigDef, Error, Password, Result};

/// Names the task in the configuration that the connector hands it.
pub(crate) const TASK_NUMBER: &str = "mqtt.task.number";

/// Keys of the connection.
#[derive(Clone, Debug, Config)]
#[config(parse = check_connection)]
pub struct ConnectionSettings {
    /// Brokers, separated by commas: `tcp://host:1883` or `ssl://host:8883`. Each attempt to connect tries the next one.
    #[config(key = "mqtt.server.uri", required, importance = High, group = "Connection", width = Long,
             display = "MQTT Server URIs", validator = server_uris())]
    pub server_uris: Vec<String>,
    /// User name; empty for none.
    #[config(key = "mqtt.username", default = "", importance = High, group = "Connection", width = Medium,
             display = "User Name")]
    pub username: String,
    /// The user's password.
    #[config(key = "mqtt.password", default = "", importance = High, group = "Connection", width = Medium,
             display = "Password")]
    pub password: Password,
    /// File with the certificates to trust: JKS, PKCS12 or PEM. Without it the system's certificates are trusted.
    #[config(key = "mqtt.ssl.trust.store.path", default = "", importance = High, group = "TLS", width = Long,
             display = "Trust Store Path")]
    pub trust_store_path: String,
    /// Password of the trust store.
    #[config(key = "mqtt.ssl.trust.store.password", default = "", importance = High, group = "TLS", width = Medium,
             display = "Trust Store Password")]
    pub trust_store_password: Password,
    /// File with this client's key and certificate: JKS, PKCS12 or PEM; empty for none.
    #[config(key = "mqtt.ssl.key.store.path", default = "", importance = High, group = "TLS", width = Long,
             display = "Key Store Path")]
    pub key_store_path: String,
    /// Password of the key store.
    #[config(key = "mqtt.ssl.key.store.password", default = "", importance = High, group = "TLS", width = Medium,
             display = "Key Store Password")]
    pub key_store_password: Password,
    /// Password of the key; empty if it is that of the store.
    #[config(key = "mqtt.ssl.key.password", default = "", importance = High, group = "TLS", width = Medium,
             display = "Key Password")]
    pub key_password: Password,
    /// Begin with a new session each time. If false, the broker keeps subscriptions and unacknowledged messages while the
    /// connector is away; the client id is then the same after a restart.
    #[config(key = "mqtt.clean.session.enabled", default = "true", importance = Low, group = "Session", width = Short,
             display = "Clean Session")]
    pub clean_session: bool,
    /// Seconds to wait for a connection.
    #[config(key = "mqtt.connect.timeout.seconds", default = "30", importance = Low, group = "Connection", width = Short,
             display = "Connect Timeout (seconds)", validator = validator::at_least(1))]
    pub connect_timeout_seconds: i32,
    /// Seconds without traffic after which client and broker look for each other.
    #[config(key = "mqtt.keepalive.interval.seconds", default = "60", importance = Low, group = "Connection", width = Short,
             display = "Keep-alive Interval (seconds)", validator = validator::between(1, 65535))]
    pub keepalive_seconds: i32,
    /// Milliseconds for which a lost connection is dialled again before the task fails.
    #[config(key = "max.retry.time.ms", default = "30000", importance = Medium, group = "Connection", width = Short,
             display = "Maximum Retry Time (ms)", validator = validator::at_least(10_000))]
    pub max_retry_time_ms: i32,
    /// Version of the protocol: 3.1.1 or 5.
    #[config(key = "mqtt.version", default = "3.1.1", importance = Low, group = "Session", width = Short,
             display = "MQTT Version", validator = validator::one_of(&["3.1.1", "5"]))]
    pub version: String,
    /// Client id; with several tasks `-0`, `-1` … is appended. Without it, it is made of the connector's name and the task
    /// for a session that is kept, and by chance for a clean one.
    #[config(key = "mqtt.client.id", importance = Medium, group = "Session", width = Medium, display = "Client Id")]
    pub client_id: Option<String>,
    /// MQTT 5 only: seconds for which the broker keeps a session that is not clean; -1 for ever.
    #[config(key = "mqtt.session.expiry.seconds", default = "-1", importance = Low, group = "Session", width = Short,
             display = "Session Expiry (seconds)", validator = validator::between(-1, 0xffff_fffe))]
    pub session_expiry_seconds: i64,
    /// Topic of the message that the broker publishes if this client goes without a word.
    #[config(key = "mqtt.last.will.topic", importance = Low, group = "Session", width = Medium, display = "Last Will Topic")]
    pub last_will_topic: Option<String>,
    /// Text of that message.
    #[config(key = "mqtt.last.will.message", default = "", importance = Low, group = "Session", width = Medium,
             display = "Last Will Message")]
    pub last_will_message: String,
    /// Quality of service of that message.
    #[config(key = "mqtt.last.will.qos", default = "0", importance = Low, group = "Session", width = Short,
             display = "Last Will QoS", validator = validator::between(0, 2))]
    pub last_will_qos: i32,
    /// Is the broker to retain that message?
    #[config(key = "mqtt.last.will.retained", default = "false", importance = Low, group = "Session", width = Short,
             display = "Last Will Retained")]
    pub last_will_retained: bool,
}

impl ConnectionSettings {
    /// The brokers, in the order of the setting.
    ///
    /// # Errors
    /// `ConfigException` for an address that does not parse.
    pub(crate) fn servers(&self) -> Result<Vec<ServerUri>> {
        self.server_uris.iter().map(|text| ServerUri::parse(text)).collect()
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.connect_timeout_seconds).unwrap_or(1))
    }

    pub(crate) fn max_retry_time(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.max_retry_time_ms).unwrap_or(0))
    }

    /// Seconds, at most 65535.
    pub(crate) fn keepalive(&self) -> u16 {
        u16::try_from(self.keepalive_seconds).unwrap_or(u16::MAX)
    }

    /// The client id of a task. `config` is the task's configuration.
    pub(crate) fn task_client_id(&self, config: &Props) -> String {
        let number = config.get(TASK_NUMBER).unwrap_or("0");
        let tasks = config.get("tasks.max").unwrap_or("1").trim();
        match &self.client_id {
            Some(id) if tasks == "1" => id.clone(),
            Some(id) => format!("{id}-{number}"),
            None if self.clean_session => random_client_id(),
            None => format!("turnbuckle-{}-{number}", config.get("name").unwrap_or("mqtt")),
        }
    }
}

/// A client id that no other client has: as long as every broker must allow.
pub(crate) fn random_client_id() -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("tb{}", &random[..20])
}

fn check_connection(settings: &ConnectionSettings) -> Result<()> {
    let Some(topic) = &settings.last_will_topic else {
        return Ok(());
    };
    if topic.is_empty() || topic.contains(['+', '#', '\0']) {
        let text = "a message needs a topic without wildcards";
        return Err(Error::invalid_config("mqtt.last.will.topic", topic, text));
    }
    Ok(())
}

fn server_uris() -> Validator {
    Validator::new(|name, value| {
        let ParsedValue::List(items) = value else { return Ok(()) };
        if items.is_empty() {
            return Err(Error::invalid_config(
                name,
                value,
                "name a broker, such as tcp://localhost:1883",
            ));
        }
        items.iter().try_for_each(|item| ServerUri::parse(item).map(|_| ()))
    })
}

fn topic_filters() -> Validator {
    Validator::new(|name, value| {
        let ParsedValue::List(items) = value else { return Ok(()) };
        if items.is_empty() {
            return Err(Error::invalid_config(
                name,
                value,
                "name a topic or a filter, such as sensors/#",
            ));
        }
        items.iter().try_for_each(|item| Filter::parse(item).map(|_| ()))
    })
}

/// Keys of the source alone.
#[derive(Clone, Debug, Config)]
pub struct SubscriptionSettings {
    /// Topics to subscribe to, separated by commas; `+` and `#` stand for one and for all levels,
    /// `$share/group/filter` lets all tasks share the messages of a filter.
    #[config(key = "mqtt.topics", required, importance = High, group = "Source", width = Long, display = "MQTT Topics",
             validator = topic_filters())]
    pub topics: Vec<String>,
    /// The Kafka topic to write to.
    #[config(key = "kafka.topic", required, importance = High, group = "Source", width = Medium, display = "Kafka Topic",
             validator = validator::non_empty())]
    pub kafka_topic: String,
    /// Quality of service: 0 at most once; 1 and 2 are acknowledged to the broker when Kafka has the record.
    #[config(key = "mqtt.qos", default = "0", importance = Low, group = "Source", width = Short, display = "MQTT QoS",
             validator = validator::between(0, 2))]
    pub qos: i32,
    /// Messages that are held at most until Kafka has acknowledged them; then nothing is read from the broker.
    #[config(key = "records.buffer.queue.size", default = "10000", importance = Low, group = "Source", width = Short,
             display = "Queue Size", validator = validator::between(1, 60_000))]
    pub queue_size: i32,
    /// Records that a poll returns at most.
    #[config(key = "records.buffer.max.batch.size", default = "1000", importance = Low, group = "Source", width = Short,
             display = "Batch Size", validator = validator::at_least(1))]
    pub batch_size: i32,
    /// Milliseconds that a poll waits for messages.
    #[config(key = "records.buffer.empty.timeout", default = "1000", importance = Low, group = "Source", width = Short,
             display = "Empty Timeout (ms)", validator = validator::at_least(1))]
    pub empty_timeout_ms: i32,
}

/// Keys of the sink alone.
#[derive(Clone, Debug, Config)]
pub struct PublicationSettings {
    /// Quality of service of the messages.
    #[config(key = "mqtt.qos", default = "0", importance = Low, group = "Sink", width = Short, display = "MQTT QoS",
             validator = validator::between(0, 2))]
    pub qos: i32,
    /// Is the broker to retain the last message of each topic?
    #[config(key = "mqtt.retained.enabled", default = "true", importance = Low, group = "Sink", width = Short,
             display = "Retained")]
    pub retained: bool,
    /// Milliseconds to wait for the broker to take a message.
    #[config(key = "mqtt.publish.timeout.ms", default = "30000", importance = Low, group = "Sink", width = Short,
             display = "Publish Timeout (ms)", validator = validator::at_least(1))]
    pub publish_timeout_ms: i32,
}

/// All keys of the source.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    pub connection: ConnectionSettings,
    pub subscription: SubscriptionSettings,
}

impl SourceSettings {
    pub fn config_def() -> &'static ConfigDef {
        static DEF: LazyLock<ConfigDef> =
            LazyLock::new(|| joined(ConnectionSettings::config_def(), SubscriptionSettings::config_def()));
        &DEF
    }

    /// # Errors
    /// `ConfigException` for the first key that is wrong.
    pub fn from_props(props: &Props) -> Result<Self> {
        Ok(SourceSettings {
            connection: ConnectionSettings::from_props(props)?,
            subscription: SubscriptionSettings::from_props(props)?,
        })
    }
}

/// All keys of the sink.
#[derive(Clone, Debug)]
pub struct SinkSettings {
    pub connection: ConnectionSettings,
    pub publication: PublicationSettings,
}

impl SinkSettings {
    pub fn config_def() -> &'static ConfigDef {
        static DEF: LazyLock<ConfigDef> =
            LazyLock::new(|| joined(ConnectionSettings::config_def(), PublicationSettings::config_def()));
        &DEF
    }

    /// # Errors
    /// `ConfigException` for the first key that is wrong.
    pub fn from_props(props: &Props) -> Result<Self> {
        Ok(SinkSettings {
            connection: ConnectionSettings::from_props(props)?,
            publication: PublicationSettings::from_props(props)?,
        })
    }
}

fn joined(first: &ConfigDef, second: &ConfigDef) -> ConfigDef {
    let keys = first.keys().iter().chain(second.keys());
    keys.fold(ConfigDef::new(), |def, key| def.define(key.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(settings: &[(&str, &str)]) -> Result<SourceSettings> {
        let mut props = Props::new()
            .with("mqtt.server.uri", "tcp://localhost:1883")
            .with("mqtt.topics", "a/#")
            .with("kafka.topic", "t");
        for (key, value) in settings {
            props.insert(*key, *value);
        }
        SourceSettings::from_props(&props)
    }

    #[test]
    fn defaults_are_those_of_the_reference() {
        let settings = source(&[]).unwrap();
        assert!(settings.connection.clean_session);
        assert_eq!(settings.connection.keepalive(), 60);
        assert_eq!(settings.connection.connect_timeout(), Duration::from_secs(30));
        assert_eq!(settings.subscription.qos, 0);
        let props = Props::new().with("mqtt.server.uri", "tcp://localhost");
        let sink = SinkSettings::from_props(&props).unwrap();
        assert!(sink.publication.retained);
        assert_eq!((sink.publication.qos, sink.publication.publish_timeout_ms), (0, 30_000));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (
                "mqtt.qos",
                "3",
                "Invalid value 3 for configuration mqtt.qos: Value must be no more than 2",
            ),
            (
                "mqtt.topics",
                "a/#/b",
                "Invalid value a/#/b for configuration mqtt.topics: # must be the last level and stand alone in it",
            ),
            (
                "mqtt.server.uri",
                "ws://h",
                "Invalid value ws://h for configuration mqtt.server.uri: WebSockets are not supported; use tcp:// or ssl://",
            ),
            (
                "max.retry.time.ms",
                "9999",
                "Invalid value 9999 for configuration max.retry.time.ms: Value must be at least 10000",
            ),
            (
                "mqtt.last.will.topic",
                "a/+",
                "Invalid value a/+ for configuration mqtt.last.will.topic: a message needs a topic without wildcards",
            ),
            (
                "kafka.topic",
                "",
                "Invalid value  for configuration kafka.topic: String must be non-empty",
            ),
        ];
        for (key, value, text) in cases {
            assert_eq!(source(&[(key, value)]).unwrap_err().message(), Some(text));
        }
    }

    #[test]
    fn client_ids_stay_where_the_session_stays() {
        let id = |settings: &[(&str, &str)], task: &[(&str, &str)]| {
            let props: Props = task.iter().copied().collect();
            source(settings).unwrap().connection.task_client_id(&props)
        };
        let kept = ("mqtt.clean.session.enabled", "false");
        assert_eq!(id(&[kept], &[("name", "c"), (TASK_NUMBER, "1")]), "turnbuckle-c-1");
        let named = ("mqtt.client.id", "me");
        assert_eq!(id(&[named], &[("tasks.max", "1"), (TASK_NUMBER, "0")]), "me");
        assert_eq!(id(&[named], &[("tasks.max", "2"), (TASK_NUMBER, "1")]), "me-1");
        let random = id(&[], &[("name", "c")]);
        assert_eq!(random.len(), 22);
        assert_ne!(random, id(&[], &[("name", "c")]));
    }

    #[test]
    fn secrets_do_not_print() {
        let settings = source(&[("mqtt.password", "swordfish")]).unwrap();
        assert!(!format!("{settings:?}").contains("swordfish"));
    }
}
