//! Keys of `io.aiven.kafka.connect.opensearch.OpensearchSinkConnector`.

use super::checks::{one_of_any_case, url_list};
use super::confluent::protocols;
use super::*;
use turnbuckle_api::Error;
use turnbuckle_api::config::validator;

/// What `existing.resource.type` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Index,
    DataStream,
    IndexAlias,
    DataStreamAlias,
    None,
}

const EXISTING: &[&str] = &["index", "data_stream", "index_alias", "data_stream_alias", "none"];

impl ConfigChoice for Existing {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("index", Existing::Index),
        ("data_stream", Existing::DataStream),
        ("index_alias", Existing::IndexAlias),
        ("data_stream_alias", Existing::DataStreamAlias),
        ("none", Existing::None),
    ];
}

impl ConfigChoice for OtherId {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("none", OtherId::Generated),
        ("record.key", OtherId::RecordKey),
        ("topic.partition.offset", OtherId::Coordinates),
    ];
}

const BEHAVIORS: &[&str] = &["ignore", "warn", "fail", "report"];

/// All keys.
#[derive(Clone, Debug, Config)]
pub(crate) struct AivenOpensearchConfig {
    /// Addresses of nodes, such as ``http://host1:9200,http://host2:9200``.
    #[config(key = "connection.url", required, importance = High, group = "Connector", width = Long,
             display = "Connection URLs", validator = url_list())]
    pub(crate) urls: Vec<String>,
    /// Most records of one bulk request.
    #[config(key = "batch.size", default = "2000", group = "Connector", width = Short, display = "Batch Size")]
    pub(crate) batch_size: i32,
    /// Most bulk requests on their way at once.
    #[config(key = "max.in.flight.requests", default = "5", group = "Connector", width = Short,
             display = "Max In-flight Requests")]
    pub(crate) in_flight: i32,
    /// Most records that a task holds before it takes no more.
    #[config(key = "max.buffered.records", default = "20000", importance = Low, group = "Connector", width = Short,
             display = "Max Buffered Records")]
    pub(crate) buffered: i32,
    /// How long a bulk request that is not full waits for further records, in milliseconds.
    #[config(key = "linger.ms", default = "1", importance = Low, group = "Connector", width = Short,
             display = "Linger (ms)")]
    pub(crate) linger_ms: i64,
    /// How long to wait for outstanding requests when flushing, and for room for further records. The task fails after.
    #[config(key = "flush.timeout.ms", default = "10000", importance = Low, group = "Connector", width = Short,
             display = "Flush Timeout (ms)")]
    pub(crate) flush_timeout_ms: i64,
    /// How often a failed request is repeated before the task fails.
    #[config(key = "max.retries", default = "5", importance = Low, group = "Connector", width = Short,
             display = "Max Retries")]
    pub(crate) retries: i32,
    /// Longest wait before the first repetition in milliseconds; it doubles with each.
    #[config(key = "retry.backoff.ms", default = "100", importance = Low, group = "Connector", width = Short,
             display = "Retry Backoff (ms)")]
    pub(crate) backoff_ms: i64,
    /// How long connecting may take, in milliseconds; 0 for no limit.
    #[config(key = "connection.timeout.ms", default = "1000", importance = Low, group = "Connector", width = Short,
             display = "Connection Timeout")]
    pub(crate) connect_timeout_ms: i32,
    /// How long a node may be silent while it owes an answer, in milliseconds; 0 for no limit.
    #[config(key = "read.timeout.ms", default = "3000", importance = Low, group = "Connector", width = Short,
             display = "Read Timeout")]
    pub(crate) read_timeout_ms: i32,

    /// TLS version to prefer.
    #[config(
        key = "connection.ssl.protocol",
        default = "TLSv1.3",
        group = "TLS Configuration for HTTPS"
    )]
    pub(crate) ssl_protocol: String,
    /// Cipher suites to allow; all that are supported if not set.
    #[config(key = "connection.ssl.cipher.suites", importance = Low, group = "TLS Configuration for HTTPS")]
    pub(crate) cipher_suites: Option<Vec<String>>,
    /// TLS versions to allow.
    #[config(
        key = "connection.ssl.enabled.protocols",
        default = "TLSv1.2,TLSv1.3",
        group = "TLS Configuration for HTTPS"
    )]
    pub(crate) enabled_protocols: Vec<String>,
    /// Form of the key store: ``JKS``, ``PKCS12`` or ``PEM``.
    #[config(
        key = "connection.ssl.keystore.type",
        default = "JKS",
        group = "TLS Configuration for HTTPS"
    )]
    pub(crate) keystore_type: String,
    /// File with the client's key and certificates.
    #[config(key = "connection.ssl.keystore.location", importance = High, group = "TLS Configuration for HTTPS")]
    pub(crate) keystore_location: Option<String>,
    /// Password of the key store.
    #[config(key = "connection.ssl.keystore.password", importance = High, group = "TLS Configuration for HTTPS")]
    pub(crate) keystore_password: Option<Password>,
    /// Password of the key in the key store.
    #[config(key = "connection.ssl.key.password", importance = High, group = "TLS Configuration for HTTPS")]
    pub(crate) key_password: Option<Password>,
    /// Form of the trust store: ``JKS``, ``PKCS12`` or ``PEM``.
    #[config(
        key = "connection.ssl.truststore.type",
        default = "JKS",
        group = "TLS Configuration for HTTPS"
    )]
    pub(crate) truststore_type: String,
    /// File with trusted certificates.
    #[config(key = "connection.ssl.truststore.location", importance = High, group = "TLS Configuration for HTTPS")]
    pub(crate) truststore_location: Option<String>,
    /// Password of the trust store.
    #[config(key = "connection.ssl.truststore.password", importance = High, group = "TLS Configuration for HTTPS")]
    pub(crate) truststore_password: Option<Password>,
    /// ``https`` checks the server's name against its certificate; empty text does not.
    #[config(key = "connection.ssl.endpoint.identification.algorithm", default = "https", importance = Low,
             group = "TLS Configuration for HTTPS")]
    pub(crate) endpoint_identification: Option<String>,
    /// True: any certificate is accepted. Only for trials: anybody may then pretend to be the server.
    #[config(key = "connection.trust.all.certificates", default = "false", importance = Low,
             group = "TLS Configuration for HTTPS")]
    pub(crate) trust_all: bool,

    /// User to log in as. Needs a password as well.
    #[config(key = "connection.username", group = "Basic Authentication", width = Short,
             display = "Connection Username")]
    pub(crate) username: Option<String>,
    /// Password of the user.
    #[config(key = "connection.password", group = "Basic Authentication", width = Short,
             display = "Connection Password")]
    pub(crate) password: Option<Password>,

    /// How a record meets an existing document: ``insert`` replaces it, ``upsert`` changes the fields that the record
    /// has.
    #[config(key = "index.write.method", default = "insert", importance = Low, group = "Data Conversion", width = Short,
             display = "Index write method", validator = one_of_any_case(&["insert", "upsert"]))]
    pub(crate) write_method: WriteMethod,
    /// True: keys are no ids of documents; ``key.ignore.id.strategy`` says what is. ``topic.key.ignore`` says so for some
    /// topics only.
    #[config(key = "key.ignore", default = "false", importance = High, group = "Data Conversion", width = Short,
             display = "Ignore Key mode")]
    pub(crate) key_ignore: bool,
    /// Ids of documents whose key is ignored: ``none`` leaves them to the server, ``record.key``,
    /// ``topic.partition.offset``.
    #[config(key = "key.ignore.id.strategy", default = "topic.partition.offset", importance = Low,
             group = "Data Conversion", width = Long, display = "Document ID generation strategy",
             validator = one_of_any_case(&["none", "record.key", "topic.partition.offset"]))]
    pub(crate) id_strategy: OtherId,
    /// True: no mapping is made from schemas. ``topic.schema.ignore`` says so for some topics only.
    #[config(key = "schema.ignore", default = "false", importance = Low, group = "Data Conversion", width = Short,
             display = "Ignore Schema mode")]
    pub(crate) schema_ignore: bool,
    /// True: maps with text keys become objects. False: they become lists of ``{"key": …, "value": …}``, as maps with
    /// other keys always do.
    #[config(key = "compact.map.entries", default = "true", importance = Low, group = "Data Conversion", width = Short,
             display = "Compact Map Entries")]
    pub(crate) compact_maps: bool,
    /// Topics for which ``key.ignore`` is true.
    #[config(key = "topic.key.ignore", default = "", importance = Low, group = "Data Conversion", width = Long,
             display = "Topics for 'Ignore Key' mode")]
    pub(crate) topic_key_ignore: Vec<String>,
    /// Topics for which ``schema.ignore`` is true.
    #[config(key = "topic.schema.ignore", default = "", importance = Low, group = "Data Conversion", width = Long,
             display = "Topics for 'Ignore Schema' mode")]
    pub(crate) topic_schema_ignore: Vec<String>,
    /// True: records of which no document can be made are passed over. False: the task fails.
    #[config(key = "drop.invalid.message", default = "false", importance = Low, group = "Data Conversion", width = Long,
             display = "Drop invalid messages")]
    pub(crate) drop_invalid: bool,
    /// What a record with a key and no value does: ``ignore``, ``delete`` the document, ``fail``.
    #[config(key = "behavior.on.null.values", default = "ignore", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior for null-valued records",
             validator = one_of_any_case(&["ignore", "delete", "fail"]))]
    pub(crate) null_values: NullBehavior,
    /// What to do about a document that is refused as it is: ``ignore``, ``warn`` in the log, ``report`` to the dead
    /// letter queue, ``fail``.
    #[config(key = "behavior.on.malformed.documents", default = "fail", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior on malformed documents", validator = one_of_any_case(BEHAVIORS))]
    pub(crate) malformed: Behavior,
    /// What to do about a document that is refused because there is a later one: ``ignore``, ``warn``, ``report``,
    /// ``fail``.
    #[config(key = "behavior.on.version.conflict", default = "fail", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior on document's version conflict (optimistic locking)",
             validator = one_of_any_case(BEHAVIORS))]
    pub(crate) version_conflict: Behavior,
    /// What says a document's shard: ``none`` (its id), ``key`` (the record's key), ``value`` (a field).
    #[config(key = "routing.type", default = "none", importance = Low, group = "Data Conversion", width = Short,
             display = "Routing type", validator = one_of_any_case(&["none", "key", "value"]))]
    pub(crate) routing: String,
    /// Field that ``routing.type=value`` takes, as JSON pointer.
    #[config(key = "routing.type.record.value.path", importance = Low, group = "Data Conversion", width = Long,
             display = "JSON Pointer to the routing value")]
    pub(crate) routing_path: Option<String>,

    /// True: data streams are written instead of indices.
    #[config(key = "data.stream.enabled", default = "false", group = "Data Stream", width = Long,
             display = "Data stream name")]
    pub(crate) data_stream: bool,
    /// Beginning of a data stream's name, before ``-`` and the topic.
    #[config(key = "data.stream.prefix", group = "Data Stream", width = Long, display = "Data stream name",
             validator = validator::non_empty())]
    pub(crate) stream_prefix: Option<String>,
    /// Field that holds the time of a document in a data stream.
    #[config(key = "data.stream.timestamp.field", default = "@timestamp", group = "Data Stream", width = Long,
             display = "Data stream timestamp field", validator = validator::non_empty())]
    pub(crate) timestamp_field: String,
    /// Index template of the data streams; made if it does not exist. Without it, each data stream gets one of its own.
    #[config(key = "data.streams.existing.index.template.name", group = "Data Stream", width = Long,
             display = "Data stream name")]
    pub(crate) template: Option<String>,

    /// Kind of the existing resources that records are written to.
    #[config(key = "existing.resource.type", default = "none", importance = Low,
             group = "Topic to Existing Resource Mappings", width = Short, display = "Existing Resource Type",
             validator = one_of_any_case(EXISTING))]
    pub(crate) existing: Existing,
    /// Which topic goes to which existing resource: ``topic:resource``, separated by commas.
    #[config(key = "topic.to.existing.resource.mapping", importance = Low,
             group = "Topic to Existing Resource Mappings", width = Long, display = "Topic to resource mappings")]
    pub(crate) existing_mapping: Option<Vec<String>>,

    /// Region of AWS; signed requests are not supported.
    #[config(key = "aws.region")]
    pub(crate) aws_region: Option<String>,
    /// Service name of AWS; signed requests are not supported.
    #[config(key = "aws.service.signing.name")]
    pub(crate) aws_service: Option<String>,
    /// Key id of AWS; signed requests are not supported.
    #[config(key = "aws.access_key_id")]
    pub(crate) aws_key_id: Option<String>,
    /// Key of AWS; signed requests are not supported.
    #[config(key = "aws.secret_access_key")]
    pub(crate) aws_secret: Option<Password>,
}

const MAPPING: &str = "topic.to.existing.resource.mapping";
const STRATEGY: &str = "key.ignore.id.strategy";
const PATH: &str = "routing.type.record.value.path";

impl AivenOpensearchConfig {
    /// Rules between keys; the first that is broken ends it, as this class has it.
    fn check(&self) -> Result<()> {
        let existing = self.existing != Existing::None;
        if existing {
            if self.data_stream && self.existing == Existing::DataStream {
                return Err(Error::config(
                    "Existing datastream mappings and datastream configurations are mutually exclusive. Please configure \
                     only one of these options",
                ));
            }
            self.check_mapping()?;
        }
        let upsert = self.write_method == WriteMethod::Upsert;
        if self.data_stream && upsert {
            return Err(Error::config("Data streams do not support upsert index write method"));
        }
        if upsert && self.key_ignore && self.id_strategy != OtherId::RecordKey {
            let strategy = match self.id_strategy {
                OtherId::Generated => "none",
                _ => "topic.partition.offset",
            };
            let detail = format!("{strategy} is not supported for index upsert. Supported is: record.key");
            return Err(Error::invalid_config(STRATEGY, strategy, detail));
        }
        if self.routing.eq_ignore_ascii_case("value") {
            match &self.routing_path {
                None => {
                    let text = format!("The '{PATH}' setting must be configured when using the 'value' routing type");
                    return Err(Error::config(text));
                }
                Some(path) if !path.is_empty() && !path.starts_with('/') => {
                    let detail = "A JSON pointer is empty or begins with a slash";
                    return Err(Error::invalid_config(PATH, path, detail));
                }
                Some(_) if self.null_values == NullBehavior::Delete => {
                    let text =
                        format!("The '{PATH}' can't be used together with 'behavior.on.null.values' set to 'delete'");
                    return Err(Error::config(text));
                }
                Some(_) => {}
            }
        }
        let aws = [&self.aws_region, &self.aws_service, &self.aws_key_id];
        if aws.iter().any(|value| value.is_some()) || self.aws_secret.is_some() {
            return Err(Error::config(
                "aws.region, aws.service.signing.name, aws.access_key_id, aws.secret_access_key: requests signed for AWS are \
                 not supported; use connection.username and connection.password",
            ));
        }
        Ok(())
    }

    fn check_mapping(&self) -> Result<()> {
        let items = self.existing_mapping.as_deref().unwrap_or_default();
        if items.is_empty() {
            return Err(Error::config(format!("Invalid value null for configuration {MAPPING}")));
        }
        if items.len() > 10 {
            let detail = "Too many topic-to-resource mappings, the maximum allowed is 10";
            return Err(Error::invalid_config(
                MAPPING,
                format!("[{}]", items.join(", ")),
                detail,
            ));
        }
        let (mut topics, mut resources) = (HashSet::new(), HashSet::new());
        for item in items {
            let refuse = |detail: String| Err(Error::invalid_config(MAPPING, item, detail));
            let parts: Vec<&str> = item.split(':').map(str::trim).collect();
            let &[topic, resource] = parts.as_slice() else {
                return refuse(WRONG_FORM.to_string());
            };
            if topic.is_empty() || resource.is_empty() {
                return refuse(WRONG_FORM.to_string());
            }
            if !topics.insert(topic) {
                return refuse(format!(
                    "Topic `{topic}` is mapped to multiple resources. Each topic should be mapped to exactly one resource"
                ));
            }
            if !resources.insert(resource) {
                return refuse(format!(
                    "Resource `{resource}` is mapped from multiple topics. Each resource should be mapped to exactly one \
                     topic"
                ));
            }
        }
        Ok(())
    }

    fn tls(&self) -> Tls {
        let store = |location: &Option<String>, kind: &String, password: &Option<Password>| {
            let (kind, password) = (kind.clone(), password.clone());
            location.clone().map(|location| Store {
                location,
                kind,
                password,
            })
        };
        Tls {
            truststore: store(
                &self.truststore_location,
                &self.truststore_type,
                &self.truststore_password,
            ),
            keystore: store(&self.keystore_location, &self.keystore_type, &self.keystore_password),
            key_password: self.key_password.clone(),
            protocols: protocols(&self.ssl_protocol, &self.enabled_protocols),
            cipher_suites: self.cipher_suites.clone().unwrap_or_default(),
            verify_host_name: self.endpoint_identification.as_deref() != Some(""),
            trust_all: self.trust_all,
            ..Tls::plain("connection.")
        }
    }

    /// # Errors
    /// `ConfigException` for values that don't fit each other or can't be honoured.
    pub(crate) fn settings(&self) -> Result<Settings> {
        self.check()?;
        let existing = self.existing != Existing::None;
        let data_stream = self.data_stream || matches!(self.existing, Existing::DataStream | Existing::DataStreamAlias);
        let naming = match existing {
            true => Naming::External {
                by_topic: pairs(self.existing_mapping.as_deref().unwrap_or_default()),
                key: MAPPING,
            },
            false => Naming::OpensearchIndex {
                prefix: self.stream_prefix.clone().filter(|_| self.data_stream),
            },
        };
        let routing = match self.routing.to_lowercase().as_str() {
            "key" => Routing::Key,
            "value" => Routing::Value(self.routing_path.clone().unwrap_or_default()),
            _ => Routing::None,
        };
        Ok(Settings {
            connection: Connection {
                urls: self.urls.clone(),
                login: self.username.clone().zip(self.password.clone()),
                connect_timeout: limit(self.connect_timeout_ms),
                read_timeout: limit(self.read_timeout_ms),
                idle_timeout: None,
                compression: false,
                proxy: None,
                tls: self.tls(),
            },
            bulk: Bulk {
                batch_size: count(self.batch_size).max(1),
                bytes: DEFAULT_BULK_BYTES,
                in_flight: count(self.in_flight).max(1),
                buffered: count(self.buffered).max(1),
                linger: millis(self.linger_ms),
                flush_timeout: millis(self.flush_timeout_ms),
                flush_synchronously: true,
                retries: u32::try_from(self.retries).unwrap_or(0),
                backoff: millis(self.backoff_ms),
            },
            resources: Resources {
                naming,
                data_stream,
                provision: match existing {
                    true => Provision::MappingAlways,
                    false => Provision::Together {
                        template: self.template.clone(),
                        timestamp_field: self.timestamp_field.clone(),
                    },
                },
            },
            documents: Documents {
                write: self.write_method,
                doc_as_upsert: true,
                retry_on_conflict: count(self.in_flight).min(3),
                ids: Ids {
                    ignore_key: PerTopic::new(self.key_ignore, &self.topic_key_ignore),
                    otherwise: self.id_strategy,
                },
                ignore_schema: PerTopic::new(self.schema_ignore, &self.topic_schema_ignore),
                compact_maps: self.compact_maps,
                null_values: self.null_values,
                report_ignored_nulls: false,
                drop_invalid: self.drop_invalid,
                version_header: None,
                routing,
                timestamp: match data_stream && self.timestamp_field == "@timestamp" {
                    true => Timestamp::IfMissing,
                    false => Timestamp::None,
                },
            },
            outcomes: Outcomes {
                malformed: self.malformed,
                conflict: Conflict::Behavior(self.version_conflict),
                report_refused: false,
                vendor: Vendor::AivenOpensearch,
            },
        })
    }
}

const WRONG_FORM: &str = "Wrong topic-to-resource mapping format, expected format is: topic_name:resource_name";

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &[(&str, &str)]) -> Result<Settings> {
        let mut props = Props::new().with("connection.url", "http://a:9200");
        for (key, value) in more {
            props.insert(*key, *value);
        }
        Vendor::AivenOpensearch.settings(&props)
    }

    #[test]
    fn rules_between_keys_are_kept() {
        let existing = ("existing.resource.type", "index");
        for (more, text) in [
            (
                vec![existing],
                "Invalid value null for configuration topic.to.existing.resource.mapping",
            ),
            (vec![existing, (MAPPING, "a")], WRONG_FORM),
            (vec![existing, (MAPPING, "a:")], WRONG_FORM),
            (
                vec![existing, (MAPPING, "a:x,a:y")],
                "Topic `a` is mapped to multiple resources",
            ),
            (
                vec![existing, (MAPPING, "a:x,b:x")],
                "Resource `x` is mapped from multiple topics",
            ),
            (
                vec![("data.stream.enabled", "true"), ("index.write.method", "upsert")],
                "Data streams do not support upsert",
            ),
            (
                vec![("index.write.method", "upsert"), ("key.ignore", "true")],
                "topic.partition.offset is not supported for index upsert",
            ),
            (
                vec![("routing.type", "value")],
                "must be configured when using the 'value' routing type",
            ),
            (vec![("aws.region", "eu-west-1")], "signed for AWS are not supported"),
            (
                vec![("behavior.on.null.values", "explode")],
                "String must be one of: ignore, delete, fail",
            ),
        ] {
            let error = settings(&more).unwrap_err().to_string();
            assert!(error.contains(text), "{more:?}: {error}");
        }
        assert!(settings(&[existing, (MAPPING, "a:x,b:y")]).is_ok());
    }

    #[test]
    fn data_streams_have_prefixes() {
        let streams = settings(&[("data.stream.enabled", "true"), ("data.stream.prefix", "tfl")]).unwrap();
        assert_eq!(streams.resources.naming.of("Entries").unwrap(), "tfl-entries");
        assert_eq!(streams.documents.timestamp, Timestamp::IfMissing);
        let indices = settings(&[("data.stream.prefix", "tfl")]).unwrap();
        assert_eq!(indices.resources.naming.of("Entries").unwrap(), "entries");
    }
}
