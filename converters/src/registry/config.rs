//! How converters find their schema registry, and what they may do there: the keys that Confluent's serialisers share.

use turnbuckle_api::config::ClassName;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::converter::ConverterRole;
use turnbuckle_api::{Config, Error, Password, Props, Result};

pub const TOPIC_NAME_STRATEGY: &str = "io.confluent.kafka.serializers.subject.TopicNameStrategy";
pub const RECORD_NAME_STRATEGY: &str = "io.confluent.kafka.serializers.subject.RecordNameStrategy";
pub const TOPIC_RECORD_NAME_STRATEGY: &str = "io.confluent.kafka.serializers.subject.TopicRecordNameStrategy";

/// Keys of every converter that uses a schema registry (`AbstractKafkaSchemaSerDeConfig`).
#[derive(Clone, Debug, PartialEq, Config)]
#[config(parse = check)]
pub struct RegistryConfig {
    /// Base addresses of the registry's instances; those that do not answer are passed over.
    #[config(key = "schema.registry.url", required, importance = High)]
    pub urls: Vec<String>,
    /// How many schemas of one subject are kept in memory.
    #[config(key = "max.schemas.per.subject", default = "1000", importance = Low)]
    pub max_schemas_per_subject: i32,
    /// Register schemas that the subject does not have yet.
    #[config(key = "auto.register.schemas", default = "true", importance = Medium)]
    pub auto_register: bool,
    /// Let the registry bring schemas into a normal form before it compares them.
    #[config(key = "normalize.schemas", default = "false", importance = Medium)]
    pub normalize: bool,
    /// Write, and read, with the latest schema of the subject; only with auto.register.schemas=false when writing.
    #[config(key = "use.latest.version", default = "false", importance = Low)]
    pub use_latest: bool,
    /// Refuse to write with a latest schema that could not read the data's own.
    #[config(key = "latest.compatibility.strict", default = "true", importance = Low)]
    pub latest_strict: bool,
    /// Write with the schema of this id; only with auto.register.schemas=false. -1 for the data's own.
    #[config(key = "use.schema.id", default = "-1", importance = Low)]
    pub use_schema_id: i32,
    /// Refuse to write with a schema of use.schema.id that could not read the data's own.
    #[config(key = "id.compatibility.strict", default = "true", importance = Low)]
    pub id_strict: bool,
    /// Seconds after which the latest schema is asked for again; -1 for never.
    #[config(key = "latest.cache.ttl.sec", default = "-1", importance = Low)]
    pub latest_ttl_seconds: i32,
    /// How the subject of keys is named.
    #[config(key = "key.subject.name.strategy",
             default = "io.confluent.kafka.serializers.subject.TopicNameStrategy", importance = Medium)]
    pub key_strategy: ClassName,
    /// How the subject of values is named.
    #[config(key = "value.subject.name.strategy",
             default = "io.confluent.kafka.serializers.subject.TopicNameStrategy", importance = Medium)]
    pub value_strategy: ClassName,
    /// Where name and password come from: the address itself, or basic.auth.user.info.
    #[config(key = "basic.auth.credentials.source", default = "URL", importance = Medium)]
    pub basic_auth_source: String,
    /// Name and password, with a colon between them.
    #[config(key = "basic.auth.user.info", default = "", importance = Medium)]
    pub basic_auth: Password,
    /// Older name of basic.auth.user.info.
    #[config(key = "schema.registry.basic.auth.user.info", default = "", importance = Medium)]
    pub old_basic_auth: Password,
    /// Where the bearer token comes from.
    #[config(key = "bearer.auth.credentials.source", default = "STATIC_TOKEN", importance = Medium,
             validator = one_of(&["STATIC_TOKEN"]))]
    pub bearer_source: String,
    /// Token sent with each request.
    #[config(key = "bearer.auth.token", default = "", importance = Medium)]
    pub bearer_token: Password,
    /// Host of an HTTP proxy.
    #[config(key = "proxy.host", default = "", importance = Low)]
    pub proxy_host: String,
    /// Port of the HTTP proxy.
    #[config(key = "proxy.port", default = "-1", importance = Low)]
    pub proxy_port: i32,
    /// Milliseconds until a connection must be there.
    #[config(key = "http.connect.timeout.ms", default = "60000", importance = Low)]
    pub connect_timeout_ms: i32,
    /// Milliseconds until an answer must be there.
    #[config(key = "http.read.timeout.ms", default = "60000", importance = Low)]
    pub read_timeout_ms: i32,
    /// File with the certificates that are trusted; those of the system without it.
    #[config(key = "schema.registry.ssl.truststore.location", importance = High)]
    pub truststore_location: Option<String>,
    /// Password of the trust store.
    #[config(key = "schema.registry.ssl.truststore.password", importance = High)]
    pub truststore_password: Option<Password>,
    /// JKS, PKCS12 or PEM.
    #[config(key = "schema.registry.ssl.truststore.type", default = "JKS", importance = Medium)]
    pub truststore_type: String,
    /// File with the client's certificate and key.
    #[config(key = "schema.registry.ssl.keystore.location", importance = High)]
    pub keystore_location: Option<String>,
    /// Password of the key store.
    #[config(key = "schema.registry.ssl.keystore.password", importance = High)]
    pub keystore_password: Option<Password>,
    /// JKS, PKCS12 or PEM.
    #[config(key = "schema.registry.ssl.keystore.type", default = "JKS", importance = Medium)]
    pub keystore_type: String,
    /// Password of the key inside the key store, if it has one of its own.
    #[config(key = "schema.registry.ssl.key.password", importance = High)]
    pub key_password: Option<Password>,
    /// How the server's name is checked; it can't be left out.
    #[config(key = "schema.registry.ssl.endpoint.identification.algorithm", default = "https", importance = Low)]
    pub endpoint_identification: String,
}

/// Options that would change bytes or subjects, and are not there yet. Better a clear refusal than other data.
const REFUSED: [(&str, &[&str]); 5] = [
    ("use.latest.with.metadata", &[""]),
    ("rule.executors", &[""]),
    ("rule.actions", &[""]),
    (
        "context.name.strategy",
        &["io.confluent.kafka.serializers.context.NullContextNameStrategy"],
    ),
    ("schema.reflection", &["false"]),
];

/// Options without any effect on what this converter does.
const IGNORED: [&str; 4] = [
    "flatten.unions",
    "flatten.singleton.unions",
    "avro.use.logical.type.converters",
    "specific.avro.reader",
];

fn check(config: &RegistryConfig) -> Result<()> {
    if config.urls.iter().all(String::is_empty) {
        return Err(Error::invalid_config(
            "schema.registry.url",
            "[]",
            "No schema registry address given",
        ));
    }
    for (key, class) in [
        ("key.subject.name.strategy", &config.key_strategy),
        ("value.subject.name.strategy", &config.value_strategy),
    ] {
        if ![TOPIC_NAME_STRATEGY, RECORD_NAME_STRATEGY, TOPIC_RECORD_NAME_STRATEGY].contains(&class.0.as_str()) {
            return Err(Error::invalid_config(
                key,
                &class.0,
                format!("Class {} could not be found.", class.0),
            ));
        }
    }
    let source = config.basic_auth_source.as_str();
    if !["URL", "USER_INFO", ""].contains(&source) {
        let detail = "only URL and USER_INFO are supported; give name and password as basic.auth.user.info";
        return Err(Error::invalid_config("basic.auth.credentials.source", source, detail));
    }
    if config.endpoint_identification.is_empty() {
        let detail = "the server's name is always checked; use a certificate with the name in schema.registry.url";
        let key = "schema.registry.ssl.endpoint.identification.algorithm";
        return Err(Error::invalid_config(key, "", detail));
    }
    for (key, value) in [
        ("http.connect.timeout.ms", config.connect_timeout_ms),
        ("http.read.timeout.ms", config.read_timeout_ms),
        ("max.schemas.per.subject", config.max_schemas_per_subject),
    ] {
        if value <= 0 {
            return Err(Error::invalid_config(key, value, "Value must be at least 1"));
        }
    }
    Ok(())
}

impl RegistryConfig {
    /// Refuses keys that can't be honoured, and logs those that make no difference.
    pub fn check_others(props: &Props) -> Result<()> {
        for (key, harmless) in REFUSED {
            if let Some(value) = props.get(key).filter(|value| !harmless.contains(value)) {
                return Err(Error::invalid_config(
                    key,
                    value,
                    "this option is not supported; remove it",
                ));
            }
        }
        for key in IGNORED.into_iter().filter(|key| props.contains_key(key)) {
            tracing::info!(key, "option has no effect on this converter");
        }
        Ok(())
    }

    /// The schema to write with, if one is named.
    pub(crate) fn schema_id(&self) -> Option<u32> {
        u32::try_from(self.use_schema_id).ok()
    }

    /// True if a schema of the registry's must be able to read what is written with it.
    pub(crate) fn is_strict(&self) -> bool {
        match self.schema_id() {
            Some(_) => self.id_strict,
            None => self.latest_strict,
        }
    }

    /// Name and password, if there are some: `basic.auth.user.info`, or the older key.
    pub(crate) fn user_info(&self) -> Option<(String, String)> {
        if self.basic_auth_source != "USER_INFO" {
            return None;
        }
        let info = [&self.basic_auth, &self.old_basic_auth]
            .into_iter()
            .find(|info| !info.reveal().is_empty())?;
        let (name, password) = info.reveal().split_once(':').unwrap_or((info.reveal(), ""));
        Some((name.to_string(), password.to_string()))
    }

    /// The key and the class that name this side's subjects.
    pub fn strategy(&self, role: ConverterRole) -> (&'static str, &str) {
        match role {
            ConverterRole::Key => ("key.subject.name.strategy", &self.key_strategy.0),
            _ => ("value.subject.name.strategy", &self.value_strategy.0),
        }
    }

    /// The subject of a topic's keys or values. `record` is the full name of the schema's record, if it is one.
    ///
    /// # Errors
    /// `SerializationException` if the strategy needs a record and there is none.
    pub fn subject(&self, role: ConverterRole, topic: &str, record: Option<&str>) -> Result<String> {
        let side = role.name();
        let (key, class) = self.strategy(role);
        if class == TOPIC_NAME_STRATEGY {
            return Ok(format!("{topic}-{side}"));
        }
        let Some(record) = record else {
            let text = format!("In configuration {key} = {class}, the message {side} must only be a record schema");
            return Err(Error::new(turnbuckle_api::ErrorKind::Serialization, text));
        };
        if class == RECORD_NAME_STRATEGY {
            return Ok(record.to_string());
        }
        Ok(format!("{topic}-{record}"))
    }
}
