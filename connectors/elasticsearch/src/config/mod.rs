//! Configurations: one struct of keys per connector class, and [`Settings`], what they all come to.

mod aiven_elasticsearch;
mod aiven_opensearch;
mod checks;
mod confluent;
mod rules;

pub(crate) use aiven_elasticsearch::AivenElasticsearchConfig;
pub(crate) use aiven_opensearch::AivenOpensearchConfig;
pub(crate) use confluent::{ConfluentConfig, Protocol, Usage};
pub(crate) use rules::check as check_confluent;

use std::collections::{HashMap, HashSet};
use std::time::Duration;
use turnbuckle_api::config::{Config, ConfigChoice, ConfigDef};
use turnbuckle_api::{Password, Props, Result};

/// Whose connector is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vendor {
    Confluent,
    AivenElasticsearch,
    AivenOpensearch,
}

impl Vendor {
    pub(crate) fn config_def(self) -> &'static ConfigDef {
        match self {
            Vendor::Confluent => ConfluentConfig::config_def(),
            Vendor::AivenElasticsearch => AivenElasticsearchConfig::config_def(),
            Vendor::AivenOpensearch => AivenOpensearchConfig::config_def(),
        }
    }

    /// # Errors
    /// `ConfigException` for values that don't fit each other or can't be honoured.
    pub(crate) fn settings(self, props: &Props) -> Result<Settings> {
        match self {
            Vendor::Confluent => ConfluentConfig::from_props(props)?.settings(),
            Vendor::AivenElasticsearch => AivenElasticsearchConfig::from_props(props)?.settings(),
            Vendor::AivenOpensearch => AivenOpensearchConfig::from_props(props)?.settings(),
        }
    }
}

/// What a sink needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connection: Connection,
    pub(crate) bulk: Bulk,
    pub(crate) resources: Resources,
    pub(crate) documents: Documents,
    pub(crate) outcomes: Outcomes,
}

/// How nodes are reached.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) urls: Vec<String>,
    /// User and password.
    pub(crate) login: Option<(String, Password)>,
    pub(crate) connect_timeout: Option<Duration>,
    /// Longest silence of a node that owes an answer.
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    /// Bodies are sent in gzip.
    pub(crate) compression: bool,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) tls: Tls,
}

/// An HTTP proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: i32,
    pub(crate) login: Option<(String, Password)>,
}

/// TLS as Java's `ssl.*` keys say it.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// What these keys begin with, for messages.
    pub(crate) prefix: &'static str,
    /// Plain addresses are spoken to by TLS, too.
    pub(crate) required: bool,
    pub(crate) truststore: Option<Store>,
    pub(crate) keystore: Option<Store>,
    pub(crate) key_password: Option<Password>,
    /// PEM text in the configuration itself.
    pub(crate) trusted_certificates: Option<Password>,
    pub(crate) certificate_chain: Option<Password>,
    pub(crate) key: Option<Password>,
    pub(crate) protocols: Vec<String>,
    pub(crate) cipher_suites: Vec<String>,
    pub(crate) verify_host_name: bool,
    pub(crate) trust_all: bool,
}

/// A store of keys or certificates.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) location: String,
    /// JKS, PKCS12 or PEM.
    pub(crate) kind: String,
    pub(crate) password: Option<Password>,
}

/// How bulk requests are made and repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bulk {
    pub(crate) batch_size: usize,
    /// Largest body; one record may be larger.
    pub(crate) bytes: usize,
    pub(crate) in_flight: usize,
    pub(crate) buffered: usize,
    pub(crate) linger: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) flush_synchronously: bool,
    pub(crate) retries: u32,
    pub(crate) backoff: Duration,
}

/// Where records of a topic go, and what is made there.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    pub(crate) naming: Naming,
    pub(crate) data_stream: bool,
    pub(crate) provision: Provision,
}

/// Names of targets.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    /// The topic, made fit for an index.
    Index,
    /// As `Index`, by the rules of the OpenSearch connector, behind a prefix if there is one.
    OpensearchIndex { prefix: Option<String> },
    /// By topic, others in lower case.
    LowerCase { exceptions: HashMap<String, String> },
    /// `type-dataset-namespace`.
    DataStream {
        kind: String,
        dataset: String,
        namespace: String,
    },
    /// Existing ones; `key` is the setting that maps topics to them.
    External {
        by_topic: HashMap<String, String>,
        key: &'static str,
    },
}

/// What is created at a target's first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Provision {
    /// The index or data stream if it is missing; then the mapping if there is none.
    Separate,
    /// The index with its mapping at once; for data streams an index template and the mapping. `template` is a template's
    /// own name.
    Together {
        template: Option<String>,
        timestamp_field: String,
    },
    /// Nothing but a mapping if there is none.
    MappingOnly,
    /// Nothing but the mapping, always.
    MappingAlways,
}

/// How records become requests.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) write: WriteMethod,
    /// `doc_as_upsert` instead of a second copy of the document.
    pub(crate) doc_as_upsert: bool,
    pub(crate) retry_on_conflict: usize,
    pub(crate) ids: Ids,
    pub(crate) ignore_schema: PerTopic,
    pub(crate) compact_maps: bool,
    pub(crate) null_values: NullBehavior,
    /// Null values that are passed over go to the dead letter queue.
    pub(crate) report_ignored_nulls: bool,
    pub(crate) drop_invalid: bool,
    pub(crate) version_header: Option<String>,
    pub(crate) routing: Routing,
    pub(crate) timestamp: Timestamp,
}

/// A setting that is true for all topics or for some.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerTopic {
    pub(crate) all: bool,
    pub(crate) topics: HashSet<String>,
}

impl PerTopic {
    pub(crate) fn new(all: bool, topics: &[String]) -> Self {
        PerTopic {
            all,
            topics: topics.iter().cloned().collect(),
        }
    }

    pub(crate) fn holds(&self, topic: &str) -> bool {
        self.all || self.topics.contains(topic)
    }
}

/// Where ids of documents come from.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// Topics whose keys are no ids.
    pub(crate) ignore_key: PerTopic,
    /// What these topics have instead.
    pub(crate) otherwise: OtherId,
}

/// Ids without keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherId {
    /// `topic+partition+offset`.
    Coordinates,
    /// The server makes one.
    Generated,
    /// The key after all, but the offset is no version.
    RecordKey,
}

/// How existing documents are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteMethod {
    Insert,
    Upsert,
}

impl ConfigChoice for WriteMethod {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("INSERT", WriteMethod::Insert), ("UPSERT", WriteMethod::Upsert)];
}

/// What a record without value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NullBehavior {
    Ignore,
    Delete,
    Fail,
}

impl ConfigChoice for NullBehavior {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("IGNORE", NullBehavior::Ignore),
        ("DELETE", NullBehavior::Delete),
        ("FAIL", NullBehavior::Fail),
    ];
}

/// What a refused document does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behavior {
    Ignore,
    Warn,
    Report,
    Fail,
}

impl ConfigChoice for Behavior {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("IGNORE", Behavior::Ignore),
        ("WARN", Behavior::Warn),
        ("FAIL", Behavior::Fail),
        ("REPORT", Behavior::Report),
    ];
}

/// The shard of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    None,
    Key,
    /// JSON pointer into the document.
    Value(String),
}

/// `@timestamp` of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Timestamp {
    /// As in the record.
    None,
    /// The record's.
    Record,
    /// The first of these fields that the document has; unchanged if it has none.
    Fields(Vec<String>),
    /// The record's where the document has none.
    IfMissing,
}

/// What answers mean.
#[derive(Clone, Debug)]
pub(crate) struct Outcomes {
    pub(crate) malformed: Behavior,
    pub(crate) conflict: Conflict,
    /// Refused documents go to the dead letter queue whatever is done about them.
    pub(crate) report_refused: bool,
    /// Whose words errors have.
    pub(crate) vendor: Vendor,
}

/// What a conflict of versions means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// Nothing where the version was ours; else it is warned of and, but for data streams, reported.
    ByVersion,
    Behavior(Behavior),
}

impl Tls {
    /// What the system trusts, and nothing else.
    fn plain(prefix: &'static str) -> Self {
        Tls {
            prefix,
            required: false,
            truststore: None,
            keystore: None,
            key_password: None,
            trusted_certificates: None,
            certificate_chain: None,
            key: None,
            protocols: vec!["TLSv1.2".to_string(), "TLSv1.3".to_string()],
            cipher_suites: Vec::new(),
            verify_host_name: true,
            trust_all: false,
        }
    }
}

/// Most bytes of a bulk request where no key says it.
const DEFAULT_BULK_BYTES: usize = 5 * 1024 * 1024;

fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

/// None for zero, which stands for no limit.
fn limit(value: i32) -> Option<Duration> {
    (value > 0).then(|| millis(i64::from(value)))
}

fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}

/// Topic → resource from `topic:resource` items.
fn pairs(items: &[String]) -> HashMap<String, String> {
    let pair = |item: &String| {
        let (topic, resource) = item.split_once(':')?;
        Some((topic.trim().to_string(), resource.trim().to_string()))
    };
    items.iter().filter_map(pair).collect()
}
