//! What the framework itself wants to know of a connector (`ConnectorConfig`, `SourceConnectorConfig` and
//! `SinkConnectorConfig` of `org.apache.kafka.connect.runtime`). The structs give the runtime its typed settings and
//! validation its definitions.

use super::validators::{connector_name, unique_aliases};
use turnbuckle_api::config::validator::{at_least, non_empty, one_of, one_of_ignore_case};
use turnbuckle_api::config::{ClassName, ConfigChoice, ConfigDef, Validator};
use turnbuckle_api::{Config, Props, Result};

/// Keys of every connector.
#[derive(Clone, Debug, Config)]
pub struct ConnectorConfig {
    /// Name of the connector, unique among all connectors of the group.
    #[config(key = "name", required, importance = High, group = "Common", width = Medium, display = "Connector name",
             validator = connector_name())]
    pub name: String,
    /// Class of the connector: its full name, or an alias such as `FileStreamSink` for `FileStreamSinkConnector`.
    #[config(key = "connector.class", required, importance = High, group = "Common", width = Long,
             display = "Connector class")]
    pub connector_class: String,
    /// Version of the connector: exactly this one, or one of a range in Maven's notation. The newest if absent.
    #[config(key = "connector.plugin.version", importance = Medium, group = "Common", width = Medium,
             display = "Connector version")]
    pub connector_version: Option<String>,
    /// Most tasks that the connector may be split into.
    #[config(key = "tasks.max", default = "1", importance = High, group = "Common", width = Short,
             display = "Tasks max", validator = at_least(1))]
    pub tasks_max: i32,
    /// Whether a connector that makes more tasks than `tasks.max` fails. Turning it off is for connectors with that fault.
    #[config(key = "tasks.max.enforce", default = "true", importance = Low, group = "Common", width = Short,
             display = "Enforce tasks max")]
    pub tasks_max_enforce: bool,
    /// Converter of record keys, between Kafka's bytes and Connect's data. The worker's if absent.
    #[config(key = "key.converter", importance = Low, group = "Common", width = Short,
             display = "Key converter class")]
    pub key_converter: Option<ClassName>,
    /// Version of the key converter, written as `connector.plugin.version` is.
    #[config(key = "key.converter.plugin.version", importance = Low, group = "Common", width = Short,
             display = "Key converter version")]
    pub key_converter_version: Option<String>,
    /// Converter of record values, between Kafka's bytes and Connect's data. The worker's if absent.
    #[config(key = "value.converter", importance = Low, group = "Common", width = Short,
             display = "Value converter class")]
    pub value_converter: Option<ClassName>,
    /// Version of the value converter, written as `connector.plugin.version` is.
    #[config(key = "value.converter.plugin.version", importance = Low, group = "Common", width = Short,
             display = "Value converter version")]
    pub value_converter_version: Option<String>,
    /// Converter of record headers, between Kafka's bytes and Connect's data. The worker's if absent.
    #[config(key = "header.converter", importance = Low, group = "Common", width = Short,
             display = "Header converter class")]
    pub header_converter: Option<ClassName>,
    /// Version of the header converter, written as `connector.plugin.version` is.
    #[config(key = "header.converter.plugin.version", importance = Low, group = "Common", width = Short,
             display = "Header converter version")]
    pub header_converter_version: Option<String>,
    /// Aliases of the transformations that every record passes, in order.
    #[config(key = "transforms", default = "", importance = Low, group = "Transforms", order = 12, width = Long,
             display = "Transforms", validator = unique_aliases())]
    pub transforms: Vec<String>,
    /// Aliases of the predicates that transformations refer to.
    #[config(key = "predicates", default = "", importance = Low, group = "Predicates", order = 13, width = Long,
             display = "Predicates", validator = unique_aliases())]
    pub predicates: Vec<String>,
    /// What happens when a config provider has a new value: `none`, or `restart` of the connector.
    #[config(key = "config.action.reload", default = "restart", importance = Low, group = "Common", order = 14,
             width = Medium, display = "Reload Action", validator = one_of(&["none", "restart"]))]
    pub config_action_reload: String,
    /// Milliseconds for which a failed operation is tried again: 0 not at all, -1 without end.
    #[config(key = "errors.retry.timeout", default = "0", group = "Error Handling", width = Medium,
             display = "Retry Timeout for Errors")]
    pub errors_retry_timeout: i64,
    /// Longest pause between two tries, in milliseconds.
    #[config(key = "errors.retry.delay.max.ms", default = "60000", group = "Error Handling", width = Medium,
             display = "Maximum Delay Between Retries for Errors")]
    pub errors_retry_delay_max_ms: i64,
    /// `none`: a record that can't be processed fails the task. `all`: it is left out.
    #[config(key = "errors.tolerance", default = "none", group = "Error Handling", width = Short,
             display = "Error Tolerance", validator = one_of(&["none", "all"]))]
    pub errors_tolerance: ErrorsTolerance,
    /// Whether tolerated errors are logged; errors that are not tolerated always are.
    #[config(key = "errors.log.enable", default = "false", group = "Error Handling", width = Short,
             display = "Log Errors")]
    pub errors_log_enable: bool,
    /// Whether the log shows the record that failed: topic, partition, offset and timestamp of a sink record; of a source
    /// record key and value too.
    #[config(key = "errors.log.include.messages", default = "false", group = "Error Handling", width = Short,
             display = "Log Error Details")]
    pub errors_log_include_messages: bool,
}

/// `errors.tolerance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorsTolerance {
    None,
    All,
}

impl ConfigChoice for ErrorsTolerance {
    const CHOICES: &'static [(&'static str, Self)] = &[("none", ErrorsTolerance::None), ("all", ErrorsTolerance::All)];
}

/// Keys that only sinks have.
#[derive(Clone, Debug, Config)]
pub struct SinkKeys {
    /// Topics to read, separated by commas.
    #[config(key = "topics", default = "", importance = High, group = "Common", order = 4, width = Long,
             display = "Topics")]
    pub topics: Vec<String>,
    /// Java regular expression of the topics to read. Either this or `topics` is given.
    #[config(key = "topics.regex", default = "", importance = High, group = "Common", order = 4, width = Long,
             display = "Topics regex", validator = turnbuckle_api::java_regex::regex_validator())]
    pub topics_regex: String,
    /// Topic for records that the sink, its transformations or converters could not process. Empty for none.
    #[config(key = "errors.deadletterqueue.topic.name", default = "", group = "Error Handling", order = 6,
             width = Medium, display = "Dead Letter Queue Topic Name")]
    pub dead_letter_topic: String,
    /// Replication factor of that topic, if the worker creates it.
    #[config(key = "errors.deadletterqueue.topic.replication.factor", default = "3", group = "Error Handling",
             order = 7, width = Medium, display = "Dead Letter Queue Topic Replication Factor")]
    pub dead_letter_replication_factor: i16,
    /// Whether records of that topic get headers that say what failed, where and why. Their names start with
    /// `__connect.errors.`.
    #[config(key = "errors.deadletterqueue.context.headers.enable", default = "false", group = "Error Handling",
             order = 8, width = Medium, display = "Enable Error Context Headers")]
    pub dead_letter_headers: bool,
}

/// Keys that only sources have.
#[derive(Clone, Debug, Config)]
pub struct SourceKeys {
    /// Names of groups of topics with settings of their own for topics that the worker creates.
    #[config(key = "topic.creation.groups", default = "", importance = Low, group = "Topic Creation", width = Long,
             display = "Topic Creation Groups", validator = unique_aliases())]
    pub topic_creation_groups: Vec<String>,
    /// `required`: the connector is refused unless it and the worker can deliver each record exactly once. `requested`: it
    /// runs without that check.
    #[config(key = "exactly.once.support", default = "requested", group = "Exactly Once Support", order = 2,
             width = Short, display = "Exactly once support",
             validator = one_of_ignore_case(&["required", "requested"]))]
    pub exactly_once_support: ExactlyOnceLevel,
    /// Where transactions end: with each batch (`poll`), by time (`interval`), or where the connector says (`connector`).
    #[config(key = "transaction.boundary", default = "poll", group = "Exactly Once Support", order = 3, width = Short,
             display = "Transaction Boundary", validator = one_of_ignore_case(&["interval", "poll", "connector"]))]
    pub transaction_boundary: TransactionBoundary,
    /// Milliseconds between ends of transactions with the boundary `interval`; the worker's offset flush interval if absent.
    #[config(key = "transaction.boundary.interval.ms", importance = Low, group = "Exactly Once Support", order = 4,
             width = Short, display = "Transaction boundary interval", validator = null_or(at_least(0)))]
    pub transaction_boundary_interval_ms: Option<i64>,
    /// Topic for the positions of this connector instead of the worker's.
    #[config(key = "offsets.storage.topic", importance = Low, group = "offsets.topic", width = Long,
             display = "Offsets topic", validator = non_empty())]
    pub offsets_topic: Option<String>,
}

/// `exactly.once.support`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceLevel {
    Requested,
    Required,
}

impl ConfigChoice for ExactlyOnceLevel {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("requested", ExactlyOnceLevel::Requested),
        ("required", ExactlyOnceLevel::Required),
    ];
}

/// `transaction.boundary`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionBoundary {
    Poll,
    Interval,
    Connector,
}

impl ConfigChoice for TransactionBoundary {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("poll", TransactionBoundary::Poll),
        ("interval", TransactionBoundary::Interval),
        ("connector", TransactionBoundary::Connector),
    ];
}

fn null_or(validator: Validator) -> Validator {
    Validator::new(move |name, value| {
        if value.is_null() {
            Ok(())
        } else {
            validator.check(name, value)
        }
    })
}

/// Framework settings of a sink.
#[derive(Clone, Debug)]
pub struct SinkConnectorConfig {
    pub common: ConnectorConfig,
    pub sink: SinkKeys,
}

impl SinkConnectorConfig {
    /// # Errors
    /// `ConfigException` for the first key that is missing or wrong.
    pub fn from_props(props: &Props) -> Result<Self> {
        Ok(SinkConnectorConfig {
            common: ConnectorConfig::from_props(props)?,
            sink: SinkKeys::from_props(props)?,
        })
    }
}

/// Framework settings of a source.
#[derive(Clone, Debug)]
pub struct SourceConnectorConfig {
    pub common: ConnectorConfig,
    pub source: SourceKeys,
}

impl SourceConnectorConfig {
    /// # Errors
    /// `ConfigException` for the first key that is missing or wrong.
    pub fn from_props(props: &Props) -> Result<Self> {
        Ok(SourceConnectorConfig {
            common: ConnectorConfig::from_props(props)?,
            source: SourceKeys::from_props(props)?,
        })
    }
}

/// Which framework keys a connector has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Source,
    Sink,
}

/// The framework's definition of a connector's keys; without a role those of every connector.
pub fn framework_def(role: Option<Role>) -> ConfigDef {
    let mut def = ConnectorConfig::config_def().clone();
    let more = match role {
        None => return def,
        Some(Role::Source) => SourceKeys::config_def(),
        Some(Role::Sink) => SinkKeys::config_def(),
    };
    for key in more.keys() {
        def.add(key.clone());
    }
    def
}

/// `topics` as the sink reads it: parts trimmed, empty ones and repetitions left out.
pub fn parse_topics(topics: &str) -> Vec<String> {
    let mut parsed: Vec<String> = Vec::new();
    for topic in topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()) {
        if !parsed.iter().any(|known| known == topic) {
            parsed.push(topic.to_string());
        }
    }
    parsed
}
