//! Keys of `io.confluent.connect.elasticsearch.ElasticsearchSinkConnector`.

use super::checks::{Names, enumerator, file, stream_part, url_list};
use super::*;
use turnbuckle_api::config::ParsedValue;
use turnbuckle_api::config::validator::{self, Validator};
use turnbuckle_api::{Error, ErrorKind};

/// How existing resources are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    Index,
    DataStream,
    AliasIndex,
    AliasDataStream,
    Disabled,
}

const USAGES: &[&str] = &["index", "datastream", "alias_index", "alias_datastream", "disabled"];

impl ConfigChoice for Usage {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("INDEX", Usage::Index),
        ("DATASTREAM", Usage::DataStream),
        ("ALIAS_INDEX", Usage::AliasIndex),
        ("ALIAS_DATASTREAM", Usage::AliasDataStream),
        ("DISABLED", Usage::Disabled),
    ];
}

impl Usage {
    /// As messages show it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Usage::Index => "index",
            Usage::DataStream => "datastream",
            Usage::AliasIndex => "alias_index",
            Usage::AliasDataStream => "alias_datastream",
            Usage::Disabled => "disabled",
        }
    }

    pub(crate) fn is_data_stream(self) -> bool {
        matches!(self, Usage::DataStream | Usage::AliasDataStream)
    }
}

/// Is the connection plain or by TLS?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Plaintext,
    Ssl,
}

impl ConfigChoice for Protocol {
    const CHOICES: &'static [(&'static str, Self)] = &[("PLAINTEXT", Protocol::Plaintext), ("SSL", Protocol::Ssl)];
}

const PREFIX: &str = "elastic.https.";

/// All keys.
#[derive(Clone, Debug, Config)]
pub(crate) struct ConfluentConfig {
    /// Addresses of nodes, such as ``http://host1:9200,http://host2:9200``. If one begins with ``https:``, all are spoken
    /// to by HTTPS; one without protocol counts as ``http``.
    #[config(key = "connection.url", required, importance = High, group = "Connector", width = Long,
             display = "Connection URLs", validator = url_list())]
    pub(crate) urls: Vec<String>,
    /// User to log in as. Needs a password as well.
    #[config(key = "connection.username", group = "Connector", width = Short, display = "Connection Username")]
    pub(crate) username: Option<String>,
    /// Password of the user.
    #[config(key = "connection.password", group = "Connector", width = Short, display = "Connection Password")]
    pub(crate) password: Option<Password>,
    /// Kind of the existing resources that records are written to. ``DISABLED``: indices or data streams are made from
    /// the names of topics.
    #[config(key = "external.resource.usage", default = "DISABLED", importance = High, group = "Connector", width = Short,
             display = "External Resource Usage", validator = enumerator(USAGES), recommender = Names(USAGES))]
    pub(crate) usage: Usage,
    /// Which topic goes to which existing resource: ``topic:resource``, separated by commas.
    #[config(key = "topic.to.external.resource.mapping", default = "", importance = High, group = "Connector",
             width = Long, display = "Topic to External Resource Mapping")]
    pub(crate) external_mapping: Vec<String>,
    /// Most entries of ``topic.to.external.resource.mapping``.
    #[config(key = "max.external.resource.mappings", default = "15", group = "Connector", width = Short,
             display = "Maximum External Resource Mappings", validator = validator::at_least(1))]
    pub(crate) max_external_mappings: i32,
    /// First part of a data stream's name: ``logs`` or ``metrics``. ``none``: indices are written.
    #[config(key = "data.stream.type", default = "NONE", importance = Low, group = "Connector", width = Short,
             display = "Data Stream Type", recommender = Names(&["logs", "metrics", "none"]))]
    pub(crate) stream_type: String,
    /// Second part of a data stream's name: at most 100 characters, lower case, none of ``/\*"<>|,#:-`` and no blanks.
    #[config(key = "data.stream.dataset", default = "", importance = Low, group = "Connector", width = Medium,
             display = "Data Stream Dataset", validator = stream_part("dataset"))]
    pub(crate) stream_dataset: String,
    /// Third part of a data stream's name, by the same rules; ``${topic}`` stands for the topic.
    #[config(key = "data.stream.namespace", default = "${topic}", importance = Low, group = "Connector", width = Medium,
             display = "Data Stream Namespace", validator = stream_part("namespace"))]
    pub(crate) stream_namespace: String,
    /// Fields that become ``@timestamp`` of documents in data streams; the first that a document has counts. Empty: the
    /// record's timestamp.
    #[config(key = "data.stream.timestamp.field", default = "", importance = Low, group = "Connector", width = Long,
             display = "Data Stream Timestamp Field")]
    pub(crate) timestamp_fields: Vec<String>,
    /// Most records of one bulk request.
    #[config(key = "batch.size", default = "2000", group = "Connector", width = Short, display = "Batch Size",
             validator = validator::between(1, 1_000_000))]
    pub(crate) batch_size: i32,
    /// Most bytes of one bulk request, whichever limit comes first; ``-1`` for no limit.
    #[config(key = "bulk.size.bytes", default = "5242880", importance = Low, group = "Connector", width = Short,
             display = "Bulk Size (bytes)", validator = validator::between(-1, 2_147_483_647))]
    pub(crate) bulk_bytes: i64,
    /// Most bulk requests on their way at once.
    #[config(key = "max.in.flight.requests", default = "5", group = "Connector", width = Short,
             display = "Max In-flight Requests", validator = validator::between(1, 1000))]
    pub(crate) in_flight: i32,
    /// Most records that a task holds before it takes no more.
    #[config(key = "max.buffered.records", default = "20000", importance = Low, group = "Connector", width = Short,
             display = "Max Buffered Records", validator = validator::at_least(1))]
    pub(crate) buffered: i32,
    /// How long a bulk request that is not full waits for further records, in milliseconds.
    #[config(key = "linger.ms", default = "1", importance = Low, group = "Connector", width = Short,
             display = "Linger (ms)", validator = validator::between(0, 604_800_000))]
    pub(crate) linger_ms: i64,
    /// How long to wait for outstanding requests when flushing, and for room for further records. The task fails after.
    #[config(key = "flush.timeout.ms", default = "180000", importance = Low, group = "Connector", width = Short,
             display = "Flush Timeout (ms)", validator = validator::between(1000, 604_800_000))]
    pub(crate) flush_timeout_ms: i64,
    /// True: offsets are committed after everything is written, and not as far as it is.
    #[config(key = "flush.synchronously", default = "false", importance = Low, group = "Connector", width = Short,
             display = "Flush synchronously")]
    pub(crate) flush_synchronously: bool,
    /// How often a failed request is repeated before the task fails.
    #[config(key = "max.retries", default = "5", importance = Low, group = "Connector", width = Short,
             display = "Max Retries", validator = validator::between(0, 2_147_483_647))]
    pub(crate) retries: i32,
    /// Longest wait before the first repetition in milliseconds; it doubles with each.
    #[config(key = "retry.backoff.ms", default = "100", importance = Low, group = "Connector", width = Short,
             display = "Retry Backoff (ms)", validator = validator::between(0, 86_400_000))]
    pub(crate) backoff_ms: i64,
    /// Send requests in gzip.
    #[config(key = "connection.compression", default = "false", importance = Low, group = "Connector", width = Short,
             display = "Compression")]
    pub(crate) compression: bool,
    /// How long an idle connection is kept, in milliseconds; ``-1`` for ever.
    #[config(key = "max.connection.idle.time.ms", default = "60000", importance = Low, group = "Connector", width = Short,
             display = "Max Connection Idle Time", validator = validator::between(-1, 86_400_000))]
    pub(crate) idle_ms: i32,
    /// How long connecting may take, in milliseconds; 0 for no limit.
    #[config(key = "connection.timeout.ms", default = "1000", importance = Low, group = "Connector", width = Short,
             display = "Connection Timeout", validator = validator::between(0, 43_200_000))]
    pub(crate) connect_timeout_ms: i32,
    /// How long a node may be silent while it owes an answer, in milliseconds; 0 for no limit.
    #[config(key = "read.timeout.ms", default = "3000", importance = Low, group = "Connector", width = Short,
             display = "Read Timeout", validator = validator::between(0, 604_800_000))]
    pub(crate) read_timeout_ms: i32,

    /// True: ids of documents are ``topic+partition+offset``, whatever the keys. ``topic.key.ignore`` says so for some
    /// topics only.
    #[config(key = "key.ignore", default = "false", importance = High, group = "Data Conversion", width = Short,
             display = "Ignore Key mode")]
    pub(crate) key_ignore: bool,
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
    #[config(key = "behavior.on.null.values", default = "FAIL", importance = Low, group = "Data Conversion", width = Short,
             display = "Behavior for null-valued records", validator = enumerator(&["ignore", "delete", "fail"]),
             recommender = Names(&["ignore", "delete", "fail"]))]
    pub(crate) null_values: NullBehavior,
    /// What to do about a document that is refused as it is: ``ignore``, ``warn`` in the log, ``fail``.
    #[config(key = "behavior.on.malformed.documents", default = "FAIL", importance = Low, group = "Data Conversion",
             width = Short, display = "Behavior on malformed documents",
             validator = enumerator(&["ignore", "warn", "fail"]), recommender = Names(&["ignore", "warn", "fail"]))]
    pub(crate) malformed: Behavior,
    /// Header that holds a document's version, a whole number. Empty: the version is the record's offset.
    #[config(key = "external.version.header", default = "", importance = Low, group = "Data Conversion", width = Short,
             display = "External Version Header Name")]
    pub(crate) version_header: String,
    /// ``INSERT`` replaces an existing document; ``UPSERT`` changes only the fields that the record has.
    #[config(key = "write.method", default = "INSERT", importance = Low, group = "Data Conversion", width = Short,
             display = "Write Method", validator = enumerator(&["insert", "upsert"]),
             recommender = Names(&["insert", "upsert"]))]
    pub(crate) write_method: WriteMethod,
    /// True: the server makes the ids of inserted documents.
    #[config(key = "use.autogenerated.ids", default = "false", group = "Connector", order = 11, width = Short,
             display = "Elasticsearch Generated IDs")]
    pub(crate) generated_ids: bool,

    /// Proxy to connect through.
    #[config(key = "proxy.host", default = "", importance = Low, group = "Proxy", order = 0, width = Long,
             display = "Proxy Host")]
    pub(crate) proxy_host: String,
    /// Port of the proxy.
    #[config(key = "proxy.port", default = "8080", importance = Low, group = "Proxy", width = Long,
             display = "Proxy Port", validator = validator::between(1, 65_535))]
    pub(crate) proxy_port: i32,
    /// User to log in as at the proxy.
    #[config(key = "proxy.username", default = "", importance = Low, group = "Proxy", width = Long,
             display = "Proxy Username")]
    pub(crate) proxy_username: String,
    /// Password of the proxy's user.
    #[config(key = "proxy.password", importance = Low, group = "Proxy", width = Long, display = "Proxy Password")]
    pub(crate) proxy_password: Option<Password>,

    /// ``SSL`` to speak HTTPS with the ``elastic.https.`` settings; ``PLAINTEXT`` else.
    #[config(key = "elastic.security.protocol", default = "PLAINTEXT", group = "Security", width = Short,
             display = "Security protocol", validator = enumerator(&["plaintext", "ssl"]),
             recommender = Names(&["plaintext", "ssl"]))]
    pub(crate) protocol: Protocol,
    /// TLS version to prefer.
    #[config(key = "elastic.https.ssl.protocol", default = "TLSv1.3", group = "Security")]
    pub(crate) ssl_protocol: String,
    /// Java security provider; has no meaning here.
    #[config(key = "elastic.https.ssl.provider", group = "Security")]
    pub(crate) ssl_provider: Option<String>,
    /// Cipher suites to allow; all that are supported if not set.
    #[config(key = "elastic.https.ssl.cipher.suites", importance = Low, group = "Security")]
    pub(crate) cipher_suites: Option<Vec<String>>,
    /// TLS versions to allow.
    #[config(
        key = "elastic.https.ssl.enabled.protocols",
        default = "TLSv1.2,TLSv1.3",
        group = "Security"
    )]
    pub(crate) enabled_protocols: Vec<String>,
    /// Form of the key store: ``JKS``, ``PKCS12`` or ``PEM``.
    #[config(key = "elastic.https.ssl.keystore.type", default = "JKS", group = "Security")]
    pub(crate) keystore_type: String,
    /// File with the client's key and certificates.
    #[config(key = "elastic.https.ssl.keystore.location", importance = High, group = "Security")]
    pub(crate) keystore_location: Option<String>,
    /// Password of the key store.
    #[config(key = "elastic.https.ssl.keystore.password", importance = High, group = "Security")]
    pub(crate) keystore_password: Option<Password>,
    /// Password of the key in the key store.
    #[config(key = "elastic.https.ssl.key.password", importance = High, group = "Security")]
    pub(crate) key_password: Option<Password>,
    /// The client's key as PEM text.
    #[config(key = "elastic.https.ssl.keystore.key", importance = High, group = "Security")]
    pub(crate) key: Option<Password>,
    /// The client's certificates as PEM text.
    #[config(key = "elastic.https.ssl.keystore.certificate.chain", importance = High, group = "Security")]
    pub(crate) certificate_chain: Option<Password>,
    /// Trusted certificates as PEM text.
    #[config(key = "elastic.https.ssl.truststore.certificates", importance = High, group = "Security")]
    pub(crate) trusted_certificates: Option<Password>,
    /// Form of the trust store: ``JKS``, ``PKCS12`` or ``PEM``.
    #[config(key = "elastic.https.ssl.truststore.type", default = "JKS", group = "Security")]
    pub(crate) truststore_type: String,
    /// File with trusted certificates.
    #[config(key = "elastic.https.ssl.truststore.location", importance = High, group = "Security")]
    pub(crate) truststore_location: Option<String>,
    /// Password of the trust store.
    #[config(key = "elastic.https.ssl.truststore.password", importance = High, group = "Security")]
    pub(crate) truststore_password: Option<Password>,
    /// Java's algorithm of key managers; has no meaning here.
    #[config(key = "elastic.https.ssl.keymanager.algorithm", default = "SunX509", importance = Low, group = "Security")]
    pub(crate) keymanager_algorithm: String,
    /// Java's algorithm of trust managers; has no meaning here.
    #[config(key = "elastic.https.ssl.trustmanager.algorithm", default = "PKIX", importance = Low, group = "Security")]
    pub(crate) trustmanager_algorithm: String,
    /// ``https`` checks the server's name against its certificate; empty text does not.
    #[config(key = "elastic.https.ssl.endpoint.identification.algorithm", default = "https", importance = Low,
             group = "Security")]
    pub(crate) endpoint_identification: Option<String>,
    /// Java's source of random numbers; has no meaning here.
    #[config(key = "elastic.https.ssl.secure.random.implementation", importance = Low, group = "Security")]
    pub(crate) secure_random: Option<String>,
    /// Java class that makes TLS engines; can't be used here.
    #[config(key = "elastic.https.ssl.engine.factory.class", importance = Low, group = "Security", validator = no_class())]
    pub(crate) engine_factory: Option<turnbuckle_api::config::ClassName>,

    /// Kerberos principal to log in as; not supported.
    #[config(key = "kerberos.user.principal", importance = Low, group = "Kerberos", width = Long,
             display = "Kerberos User Principal")]
    pub(crate) kerberos_principal: Option<String>,
    /// File with the principal's keys; not supported.
    #[config(key = "kerberos.keytab.path", importance = Low, group = "Kerberos", width = Long,
             display = "Kerberos Keytab File Path", validator = file("keytab"))]
    pub(crate) kerberos_keytab: Option<String>,
}

/// Java code can't be loaded.
fn no_class() -> Validator {
    Validator::new(|name, value| match value {
        ParsedValue::Class(class) => Err(Error::invalid_config(
            name,
            class,
            "Java classes can't be loaded; leave this setting out",
        )),
        _ => Ok(()),
    })
}

impl ConfluentConfig {
    pub(crate) fn is_external(&self) -> bool {
        self.usage != Usage::Disabled
    }

    /// `data.stream.type` says that data streams are made.
    pub(crate) fn has_stream_type(&self) -> bool {
        !self.stream_type.eq_ignore_ascii_case("none")
    }

    pub(crate) fn is_data_stream(&self) -> bool {
        match self.is_external() {
            true => self.usage.is_data_stream(),
            false => self.has_stream_type() && !self.stream_dataset.is_empty(),
        }
    }

    pub(crate) fn has_kerberos(&self) -> bool {
        self.kerberos_principal.is_some() || self.kerberos_keytab.is_some()
    }

    /// Topics and their resources.
    ///
    /// # Errors
    /// `ConfigException` for another form, a topic or resource that comes twice, or too many of them.
    pub(crate) fn external_resources(&self) -> Result<HashMap<String, String>> {
        const KEY: &str = "topic.to.external.resource.mapping";
        let mut by_topic = HashMap::new();
        let mut resources = HashSet::new();
        for item in &self.external_mapping {
            let refuse = |detail: String| Err(Error::invalid_config(KEY, item, detail));
            let parts: Vec<&str> = item.split(':').map(str::trim).collect();
            let &[topic, resource] = parts.as_slice() else {
                return refuse("Invalid mapping format. Expected format: 'topic:resource'".to_string());
            };
            if by_topic.contains_key(topic) {
                return refuse(format!(
                    "Topic '{topic}' is mapped to multiple resources. Each topic must be mapped to exactly one resource."
                ));
            }
            if !resources.insert(resource) {
                return refuse(format!(
                    "Resource '{resource}' is mapped from multiple topics. Each resource must be mapped to exactly one topic."
                ));
            }
            by_topic.insert(topic.to_string(), resource.to_string());
        }
        if by_topic.len() > count(self.max_external_mappings) {
            let detail = format!(
                "Too many topic-to-resource mappings ({}); max.external.resource.mappings allows {}.",
                by_topic.len(),
                self.max_external_mappings
            );
            return Err(Error::invalid_config(
                KEY,
                format!("[{}]", self.external_mapping.join(", ")),
                detail,
            ));
        }
        Ok(by_topic)
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection {
            urls: self.urls.clone(),
            login: self.username.clone().zip(self.password.clone()),
            connect_timeout: limit(self.connect_timeout_ms),
            read_timeout: limit(self.read_timeout_ms),
            idle_timeout: (self.idle_ms >= 0).then(|| millis(i64::from(self.idle_ms))),
            compression: self.compression,
            proxy: (!self.proxy_host.is_empty()).then(|| Proxy {
                host: self.proxy_host.clone(),
                port: self.proxy_port,
                login: (!self.proxy_username.is_empty())
                    .then(|| self.proxy_username.clone())
                    .zip(self.proxy_password.clone()),
            }),
            tls: self.tls(),
        }
    }

    fn tls(&self) -> Tls {
        let ssl = self.protocol == Protocol::Ssl;
        let store = |location: &Option<String>, kind: &String, password: &Option<Password>| {
            let location = location.clone().filter(|_| ssl)?;
            let (kind, password) = (kind.clone(), password.clone());
            Some(Store {
                location,
                kind,
                password,
            })
        };
        let text = |text: &Option<Password>| text.clone().filter(|_| ssl);
        Tls {
            prefix: PREFIX,
            required: ssl,
            truststore: store(
                &self.truststore_location,
                &self.truststore_type,
                &self.truststore_password,
            ),
            keystore: store(&self.keystore_location, &self.keystore_type, &self.keystore_password),
            key_password: text(&self.key_password),
            trusted_certificates: text(&self.trusted_certificates),
            certificate_chain: text(&self.certificate_chain),
            key: text(&self.key),
            protocols: protocols(&self.ssl_protocol, &self.enabled_protocols),
            cipher_suites: self.cipher_suites.clone().unwrap_or_default(),
            verify_host_name: !ssl || self.endpoint_identification.as_deref() != Some(""),
            trust_all: false,
        }
    }

    /// Settings of Java's TLS that there is nothing to set for.
    fn tell_what_is_ignored(&self) {
        for (name, is_set) in [
            ("ssl.provider", self.ssl_provider.is_some()),
            ("ssl.secure.random.implementation", self.secure_random.is_some()),
            ("ssl.keymanager.algorithm", self.keymanager_algorithm != "SunX509"),
            ("ssl.trustmanager.algorithm", self.trustmanager_algorithm != "PKIX"),
            ("ssl.engine.factory.class", self.engine_factory.is_some()),
        ] {
            if is_set {
                tracing::warn!("{PREFIX}{name} is ignored: it chooses among parts of the Java runtime");
            }
        }
    }

    /// # Errors
    /// `ConfigException` for what can't be honoured.
    pub(crate) fn settings(&self) -> Result<Settings> {
        if self.has_kerberos() {
            return Err(Error::config(
                "kerberos.user.principal and kerberos.keytab.path: Kerberos is not supported; use connection.username and \
                 connection.password",
            ));
        }
        self.tell_what_is_ignored();
        let data_stream = self.is_data_stream();
        let naming = match self.is_external() {
            true => Naming::External {
                by_topic: self.external_resources().map_err(|error| {
                    let text = format!("Failed to parse topic-to-resource mappings: {error}");
                    Error::wrap(ErrorKind::Connect, text, error)
                })?,
                key: "topic.to.external.resource.mapping",
            },
            false if data_stream => Naming::DataStream {
                kind: self.stream_type.clone(),
                dataset: self.stream_dataset.clone(),
                namespace: self.stream_namespace.clone(),
            },
            false => Naming::Index,
        };
        let generated = self.generated_ids && self.write_method == WriteMethod::Insert;
        Ok(Settings {
            connection: self.connection(),
            bulk: Bulk {
                batch_size: count(self.batch_size),
                bytes: usize::try_from(self.bulk_bytes).unwrap_or(usize::MAX),
                in_flight: count(self.in_flight),
                buffered: count(self.buffered),
                linger: millis(self.linger_ms),
                flush_timeout: millis(self.flush_timeout_ms),
                flush_synchronously: self.flush_synchronously,
                retries: u32::try_from(self.retries).unwrap_or(0),
                backoff: millis(self.backoff_ms),
            },
            resources: Resources {
                naming,
                data_stream,
                provision: match self.is_external() {
                    true => Provision::MappingOnly,
                    false => Provision::Separate,
                },
            },
            documents: Documents {
                write: self.write_method,
                doc_as_upsert: false,
                retry_on_conflict: count(self.in_flight).min(5),
                ids: Ids {
                    ignore_key: PerTopic::new(self.key_ignore || generated, &self.topic_key_ignore),
                    otherwise: match generated {
                        true => OtherId::Generated,
                        false => OtherId::Coordinates,
                    },
                },
                ignore_schema: PerTopic::new(self.schema_ignore, &self.topic_schema_ignore),
                compact_maps: self.compact_maps,
                null_values: self.null_values,
                report_ignored_nulls: true,
                drop_invalid: self.drop_invalid,
                version_header: Some(self.version_header.clone()).filter(|name| !name.is_empty()),
                routing: Routing::None,
                timestamp: match data_stream {
                    false => Timestamp::None,
                    true if self.timestamp_fields.is_empty() => Timestamp::Record,
                    true => Timestamp::Fields(self.timestamp_fields.clone()),
                },
            },
            outcomes: Outcomes {
                malformed: self.malformed,
                conflict: Conflict::ByVersion,
                report_refused: true,
                vendor: Vendor::Confluent,
            },
        })
    }
}

/// Versions that `ssl.protocol` and `ssl.enabled.protocols` leave.
pub(super) fn protocols(preferred: &str, enabled: &[String]) -> Vec<String> {
    let newest = |version: &&String| preferred != "TLSv1.2" || version.as_str() != "TLSv1.3";
    enabled.iter().filter(newest).cloned().collect()
}
