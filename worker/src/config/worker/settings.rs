//! The worker's keys as typed settings: common ones, those of the REST server, of distributed and of standalone workers.
//! Client settings (`ssl.*`, `sasl.*` and so on) are read by [`crate::config::client`].

use crate::config::validators::{
    admin_listeners, algorithm, algorithms, connect_protocol, header_rules, listeners, partitions, replication_factor,
};
use turnbuckle_api::config::validator::{at_least, one_of, one_of_ignore_case};
use turnbuckle_api::config::{ClassName, ConfigChoice};
use turnbuckle_api::{Config, Error, Result};

/// Keys of every worker.
#[derive(Clone, Debug, Config)]
pub struct CommonSettings {
    /// Kafka brokers to connect to first, `host:port` each.
    #[config(key = "bootstrap.servers", default = "localhost:9092", importance = High)]
    pub bootstrap_servers: Vec<String>,
    /// How names of brokers are looked up.
    #[config(key = "client.dns.lookup", default = "use_all_dns_ips",
             validator = one_of(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]))]
    pub client_dns_lookup: String,
    /// Converter of keys for connectors that name none.
    #[config(key = "key.converter", required, importance = High)]
    pub key_converter: ClassName,
    /// Version of the key converter.
    #[config(key = "key.converter.plugin.version", importance = Low)]
    pub key_converter_version: Option<String>,
    /// Converter of values for connectors that name none.
    #[config(key = "value.converter", required, importance = High)]
    pub value_converter: ClassName,
    /// Version of the value converter.
    #[config(key = "value.converter.plugin.version", importance = Low)]
    pub value_converter_version: Option<String>,
    /// Milliseconds that all tasks together get to stop.
    #[config(key = "task.shutdown.graceful.timeout.ms", default = "5000", importance = Low)]
    pub task_shutdown_graceful_timeout_ms: i64,
    /// Milliseconds between two commits of offsets.
    #[config(key = "offset.flush.interval.ms", default = "60000", importance = Low)]
    pub offset_flush_interval_ms: i64,
    /// Milliseconds that one commit of offsets may take.
    #[config(key = "offset.flush.timeout.ms", default = "5000", importance = Low)]
    pub offset_flush_timeout_ms: i64,
    /// Folders of plugins. Plugins are built in, so this is read and has no effect.
    #[config(key = "plugin.path", importance = Low)]
    pub plugin_path: Option<Vec<String>>,
    /// How plugins are found. Plugins are built in, so this is read and has no effect.
    #[config(key = "plugin.discovery", default = "hybrid_warn", importance = Low,
             validator = one_of_ignore_case(&["only_scan", "service_load", "hybrid_warn", "hybrid_fail"]))]
    pub plugin_discovery: String,
    /// Milliseconds that one sample of a metric covers.
    #[config(key = "metrics.sample.window.ms", default = "30000", importance = Low, validator = at_least(0))]
    pub metrics_sample_window_ms: i64,
    /// Samples kept per metric.
    #[config(key = "metrics.num.samples", default = "2", importance = Low, validator = at_least(1))]
    pub metrics_num_samples: i32,
    /// How detailed metrics are.
    #[config(key = "metrics.recording.level", default = "INFO", importance = Low, validator = one_of(&["INFO", "DEBUG"]))]
    pub metrics_recording_level: String,
    /// Java classes that report metrics; they are not loaded.
    #[config(key = "metric.reporters", default = "org.apache.kafka.common.metrics.JmxReporter", importance = Low)]
    pub metric_reporters: Vec<String>,
    /// Converter of headers for connectors that name none.
    #[config(key = "header.converter", default = "org.apache.kafka.connect.storage.SimpleHeaderConverter",
             importance = Low)]
    pub header_converter: ClassName,
    /// Version of the header converter.
    #[config(key = "header.converter.plugin.version", importance = Low)]
    pub header_converter_version: Option<String>,
    /// Names of config providers, which replace `${name:path:key}` in configurations.
    #[config(key = "config.providers", default = "", importance = Low)]
    pub config_providers: Vec<String>,
    /// Which client settings a connector may change: `All`, `None` or `Principal`.
    #[config(key = "connector.client.config.override.policy", default = "All")]
    pub override_policy: String,
    /// Whether topics of source connectors are created as their `topic.creation.` settings say.
    #[config(key = "topic.creation.enable", default = "true", importance = Low)]
    pub topic_creation_enable: bool,
    /// Whether the topics a connector uses are remembered.
    #[config(key = "topic.tracking.enable", default = "true", importance = Low)]
    pub topic_tracking_enable: bool,
    /// Whether users may make the worker forget them.
    #[config(key = "topic.tracking.allow.reset", default = "true", importance = Low)]
    pub topic_tracking_allow_reset: bool,
}

/// Keys of the REST server.
#[derive(Clone, Debug, Config)]
pub struct RestSettings {
    /// Addresses to listen on, `http://host:port` or `https://host:port` each.
    #[config(key = "listeners", default = "http://:8083", importance = Low, validator = listeners())]
    pub listeners: Vec<String>,
    /// Host name by which others reach this worker.
    #[config(key = "rest.advertised.host.name", importance = Low)]
    pub advertised_host_name: Option<String>,
    /// Port by which others reach this worker.
    #[config(key = "rest.advertised.port", importance = Low)]
    pub advertised_port: Option<i32>,
    /// Protocol by which others reach this worker, `http` or `https`.
    #[config(key = "rest.advertised.listener", importance = Low)]
    pub advertised_listener: Option<String>,
    /// Origins that browsers may call from; blank turns this off.
    #[config(key = "access.control.allow.origin", default = "", importance = Low)]
    pub allow_origin: String,
    /// Methods that browsers may call from there.
    #[config(key = "access.control.allow.methods", default = "", importance = Low)]
    pub allow_methods: String,
    /// Headers added to every answer: rules `action name:value`, separated by commas.
    #[config(key = "response.http.headers.config", default = "", importance = Low, validator = header_rules())]
    pub response_headers: String,
    /// Whether clients need a certificate.
    #[config(key = "ssl.client.auth", default = "none", importance = Low,
             validator = one_of(&["required", "requested", "none"]))]
    pub ssl_client_auth: String,
    /// Extensions of the REST server.
    #[config(key = "rest.extension.classes", default = "", importance = Low)]
    pub extension_classes: Vec<String>,
    /// Addresses of the admin resources: absent for those of `listeners`, empty for none.
    #[config(key = "admin.listeners", importance = Low, validator = admin_listeners())]
    pub admin_listeners: Option<Vec<String>>,
}

/// `exactly.once.source.support`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExactlyOnceSupport {
    Disabled,
    /// The leader writes the config topic in transactions; tasks work as usual.
    Preparing,
    Enabled,
}

impl ConfigChoice for ExactlyOnceSupport {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("disabled", ExactlyOnceSupport::Disabled),
        ("enabled", ExactlyOnceSupport::Enabled),
        ("preparing", ExactlyOnceSupport::Preparing),
    ];
}

/// `connect.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectProtocol {
    Eager,
    Compatible,
    Sessioned,
}

impl ConfigChoice for ConnectProtocol {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("eager", ConnectProtocol::Eager),
        ("compatible", ConnectProtocol::Compatible),
        ("sessioned", ConnectProtocol::Sessioned),
    ];
}

/// Keys of a distributed worker.
#[derive(Clone, Debug, Config)]
#[config(parse = check_distributed)]
pub struct DistributedSettings {
    /// Name of the group of workers this one belongs to.
    #[config(key = "group.id", required, importance = High)]
    pub group_id: String,
    /// Milliseconds without heartbeat after which the group takes a worker for gone.
    #[config(key = "session.timeout.ms", default = "10000", importance = High)]
    pub session_timeout_ms: i32,
    /// Milliseconds that workers get to stop what they lose and join again.
    #[config(key = "rebalance.timeout.ms", default = "60000", importance = High)]
    pub rebalance_timeout_ms: i32,
    /// Milliseconds between two heartbeats.
    #[config(key = "heartbeat.interval.ms", default = "3000", importance = High)]
    pub heartbeat_interval_ms: i32,
    /// Whether records and offsets of source connectors are written in one transaction.
    #[config(key = "exactly.once.source.support", default = "disabled", importance = High,
             validator = one_of_ignore_case(&["disabled", "enabled", "preparing"]))]
    pub exactly_once_source_support: ExactlyOnceSupport,
    /// Milliseconds after which metadata is fetched anew.
    #[config(key = "metadata.max.age.ms", default = "300000", importance = Low, validator = at_least(0))]
    pub metadata_max_age_ms: i64,
    /// Name of the worker in logs of brokers.
    #[config(key = "client.id", default = "", importance = Low)]
    pub client_id: String,
    /// Size of a socket's send buffer; -1 for the system's own.
    #[config(key = "send.buffer.bytes", default = "131072", validator = at_least(-1))]
    pub send_buffer_bytes: i32,
    /// Size of a socket's receive buffer; -1 for the system's own.
    #[config(key = "receive.buffer.bytes", default = "32768", validator = at_least(-1))]
    pub receive_buffer_bytes: i32,
    /// First wait before connecting again, in milliseconds.
    #[config(key = "reconnect.backoff.ms", default = "50", importance = Low, validator = at_least(0))]
    pub reconnect_backoff_ms: i64,
    /// Longest wait before connecting again, in milliseconds.
    #[config(key = "reconnect.backoff.max.ms", default = "1000", importance = Low, validator = at_least(0))]
    pub reconnect_backoff_max_ms: i64,
    /// Milliseconds that a connection may take.
    #[config(key = "socket.connection.setup.timeout.ms", default = "10000", importance = Low, validator = at_least(0))]
    pub connection_setup_timeout_ms: i64,
    /// Milliseconds that a connection may take after failures.
    #[config(key = "socket.connection.setup.timeout.max.ms", default = "30000", importance = Low,
             validator = at_least(0))]
    pub connection_setup_timeout_max_ms: i64,
    /// First wait before a failed request is sent again, in milliseconds.
    #[config(key = "retry.backoff.ms", default = "100", importance = Low, validator = at_least(0))]
    pub retry_backoff_ms: i64,
    /// Longest such wait.
    #[config(key = "retry.backoff.max.ms", default = "1000", importance = Low, validator = at_least(0))]
    pub retry_backoff_max_ms: i64,
    /// Milliseconds that a broker may take to answer.
    #[config(key = "request.timeout.ms", default = "40000", validator = at_least(0))]
    pub request_timeout_ms: i32,
    /// Milliseconds after which idle connections are closed.
    #[config(key = "connections.max.idle.ms", default = "540000")]
    pub connections_max_idle_ms: i64,
    /// How brokers are spoken to.
    #[config(key = "security.protocol", default = "PLAINTEXT",
             validator = one_of_ignore_case(&["SASL_SSL", "PLAINTEXT", "SSL", "SASL_PLAINTEXT"]))]
    pub security_protocol: String,
    /// Milliseconds that a worker which is behind may take to catch up before it leaves the group for a while.
    #[config(key = "worker.sync.timeout.ms", default = "3000")]
    pub worker_sync_timeout_ms: i32,
    /// How long it then stays away.
    #[config(key = "worker.unsync.backoff.ms", default = "300000")]
    pub worker_unsync_backoff_ms: i32,
    /// Topic of source offsets.
    #[config(key = "offset.storage.topic", required, importance = High)]
    pub offset_storage_topic: String,
    /// Partitions of that topic, if the worker creates it.
    #[config(key = "offset.storage.partitions", default = "25", importance = Low, validator = partitions())]
    pub offset_storage_partitions: i32,
    /// Replication factor of that topic, if the worker creates it.
    #[config(key = "offset.storage.replication.factor", default = "3", importance = Low, validator = replication_factor())]
    pub offset_storage_replication_factor: i16,
    /// Topic of connector configurations.
    #[config(key = "config.storage.topic", required, importance = High)]
    pub config_storage_topic: String,
    /// Replication factor of that topic, if the worker creates it.
    #[config(key = "config.storage.replication.factor", default = "3", importance = Low, validator = replication_factor())]
    pub config_storage_replication_factor: i16,
    /// Topic of statuses.
    #[config(key = "status.storage.topic", required, importance = High)]
    pub status_storage_topic: String,
    /// Partitions of that topic, if the worker creates it.
    #[config(key = "status.storage.partitions", default = "5", importance = Low, validator = partitions())]
    pub status_storage_partitions: i32,
    /// Replication factor of that topic, if the worker creates it.
    #[config(key = "status.storage.replication.factor", default = "3", importance = Low, validator = replication_factor())]
    pub status_storage_replication_factor: i16,
    /// Which protocols of the group this worker offers.
    #[config(key = "connect.protocol", default = "sessioned", importance = Low, validator = connect_protocol())]
    pub connect_protocol: ConnectProtocol,
    /// Longest wait for a worker that left before its work is given to others, in milliseconds.
    #[config(key = "scheduled.rebalance.max.delay.ms", default = "300000", importance = Low, validator = at_least(0))]
    pub scheduled_rebalance_max_delay_ms: i32,
    /// Milliseconds after which the key that signs requests between workers is made anew.
    #[config(key = "inter.worker.key.ttl.ms", default = "3600000", importance = Low, validator = at_least(0))]
    pub inter_worker_key_ttl_ms: i32,
    /// Algorithm that makes these keys.
    #[config(key = "inter.worker.key.generation.algorithm", default = "HmacSHA256", importance = Low,
             validator = algorithm())]
    pub inter_worker_key_generation_algorithm: String,
    /// Bits of these keys; absent for the algorithm's own size.
    #[config(key = "inter.worker.key.size", importance = Low)]
    pub inter_worker_key_size: Option<i32>,
    /// Algorithm that signs requests.
    #[config(key = "inter.worker.signature.algorithm", default = "HmacSHA256", importance = Low, validator = algorithm())]
    pub inter_worker_signature_algorithm: String,
    /// Algorithms accepted from others.
    #[config(key = "inter.worker.verification.algorithms", default = "HmacSHA256", importance = Low,
             validator = algorithms())]
    pub inter_worker_verification_algorithms: Vec<String>,
    /// What to do when no known broker answers any more.
    #[config(key = "metadata.recovery.strategy", default = "rebootstrap", importance = Low,
             validator = one_of_ignore_case(&["rebootstrap", "none"]))]
    pub metadata_recovery_strategy: String,
    /// Milliseconds without metadata after which that happens.
    #[config(key = "metadata.recovery.rebootstrap.trigger.ms", default = "300000", importance = Low,
             validator = at_least(0))]
    pub metadata_recovery_rebootstrap_trigger_ms: i64,
}

fn check_distributed(settings: &DistributedSettings) -> Result<()> {
    let signature = &settings.inter_worker_signature_algorithm;
    if !settings.inter_worker_verification_algorithms.contains(signature) {
        let detail = "Signature algorithm must be present in inter.worker.verification.algorithms list";
        return Err(Error::invalid_config(
            "inter.worker.signature.algorithm",
            signature,
            detail,
        ));
    }
    match settings.inter_worker_key_size {
        Some(bits) if bits < 40 => {
            let algorithm = &settings.inter_worker_key_generation_algorithm;
            Err(Error::config(format!(
                "Unable to create key generator with algorithm {algorithm} and key size {bits}: Key length must be at \
                 least 40 bits"
            )))
        }
        _ => Ok(()),
    }
}

/// Keys of a standalone worker.
#[derive(Clone, Debug, Config)]
pub struct StandaloneSettings {
    /// File of source offsets.
    #[config(key = "offset.storage.file.filename", required, importance = High)]
    pub offset_storage_file: String,
}
