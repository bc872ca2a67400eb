//! Worker settings are accepted and refused as Kafka's own.

use super::*;

fn minimal() -> Props {
    [
        ("group.id", "g"),
        ("offset.storage.topic", "o"),
        ("config.storage.topic", "c"),
        ("status.storage.topic", "s"),
        ("key.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
    ]
    .into_iter()
    .collect()
}

#[test]
fn defaults_are_kafkas() {
    let config = WorkerConfig::from_props(Mode::Distributed, minimal()).unwrap();
    let distributed = config.distributed().unwrap();
    assert_eq!(config.common.bootstrap_servers, ["localhost:9092"]);
    assert_eq!(config.rest.listeners, ["http://:8083"]);
    assert_eq!(config.rest.admin_listeners, None);
    assert_eq!(distributed.connect_protocol, ConnectProtocol::Sessioned);
    assert_eq!(distributed.session_timeout_ms, 10_000);
    assert_eq!(distributed.scheduled_rebalance_max_delay_ms, 300_000);
    assert_eq!(distributed.offset_storage_partitions, 25);
    assert_eq!(distributed.status_storage_replication_factor, 3);
    assert_eq!(config.override_policy, OverridePolicy::All);
    assert_eq!(config.client_id_base(), "g-");
    assert!(!config.exactly_once_sources());
    assert!(config.unknown_keys().is_empty());
}

#[test]
fn what_kafka_refuses_is_refused_with_its_text() {
    let partitions = "Number of partitions must be positive, or -1 to use the broker's default";
    let factor = "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or \
                  -1 to use the broker's default";
    let cases = [
        ("listeners", "", "Invalid value for listeners, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443.".to_string()),
        ("listeners", "http://a:1, ", "Empty URL found when parsing listeners list.".to_string()),
        ("admin.listeners", "http://a:1,", "Empty URL found when parsing admin.listeners list.".to_string()),
        ("connect.protocol", "x", "Invalid value x for configuration connect.protocol: Invalid Connect protocol compatibility".to_string()),
        ("exactly.once.source.support", "x", "Invalid value x for configuration exactly.once.source.support: String must be one of (case insensitive): DISABLED, ENABLED, PREPARING".to_string()),
        ("offset.storage.partitions", "0", format!("Invalid value 0 for configuration offset.storage.partitions: {partitions}")),
        ("status.storage.partitions", "-2", format!("Invalid value -2 for configuration status.storage.partitions: {partitions}")),
        ("config.storage.replication.factor", "0", format!("Invalid value 0 for configuration config.storage.replication.factor: {factor}")),
        ("inter.worker.verification.algorithms", "", "Invalid value [] for configuration inter.worker.verification.algorithms: At least one signature verification algorithm must be provided".to_string()),
        ("inter.worker.verification.algorithms", "HmacSHA512", "Invalid value HmacSHA256 for configuration inter.worker.signature.algorithm: Signature algorithm must be present in inter.worker.verification.algorithms list".to_string()),
        ("inter.worker.key.size", "17", "Unable to create key generator with algorithm HmacSHA256 and key size 17: Key length must be at least 40 bits".to_string()),
        ("inter.worker.key.ttl.ms", "-1", "Invalid value -1 for configuration inter.worker.key.ttl.ms: Value must be at least 0".to_string()),
        ("security.protocol", "x", "Invalid value x for configuration security.protocol: String must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT".to_string()),
        ("ssl.client.auth", "x", "Invalid value x for configuration ssl.client.auth: String must be one of: required, requested, none".to_string()),
        ("response.http.headers.config", "addX:y", "Invalid format of header config 'addX:y'. Expected: '[action] [header name]:[header value]'".to_string()),
        ("client.dns.lookup", "x", "Invalid value x for configuration client.dns.lookup: String must be one of: use_all_dns_ips, resolve_canonical_bootstrap_servers_only".to_string()),
        ("plugin.discovery", "x", "Invalid value x for configuration plugin.discovery: String must be one of (case insensitive): ONLY_SCAN, SERVICE_LOAD, HYBRID_WARN, HYBRID_FAIL".to_string()),
        ("session.timeout.ms", "x", "Invalid value x for configuration session.timeout.ms: Not a number of type INT".to_string()),
        ("topic.creation.enable", "x", "Invalid value x for configuration topic.creation.enable: Expected value to be either true or false".to_string()),
        ("send.buffer.bytes", "-2", "Invalid value -2 for configuration send.buffer.bytes: Value must be at least -1".to_string()),
        ("metrics.num.samples", "0", "Invalid value 0 for configuration metrics.num.samples: Value must be at least 1".to_string()),
    ];
    for (key, value, text) in cases {
        let error = WorkerConfig::from_props(Mode::Distributed, minimal().with(key, value)).unwrap_err();
        assert_eq!(error.message(), Some(text.as_str()), "{key}={value}");
    }
    for key in ["group.id", "key.converter", "offset.storage.topic"] {
        let mut props = minimal();
        props.remove(key);
        let error = WorkerConfig::from_props(Mode::Distributed, props).unwrap_err();
        let text = format!("Missing required configuration \"{key}\" which has no default value.");
        assert_eq!(error.message(), Some(text.as_str()));
    }
}

#[test]
fn what_kafka_accepts_is_accepted() {
    for (key, value) in [
        ("connect.protocol", "EAGER"),
        ("exactly.once.source.support", "Preparing"),
        ("security.protocol", "ssl"),
        ("admin.listeners", ""),
        ("offset.storage.partitions", "-1"),
        (
            "response.http.headers.config",
            "\"set Cache-Control: no-cache, no-store\", add A:B",
        ),
        ("bootstrap.servers", ""),
    ] {
        let result = WorkerConfig::from_props(Mode::Distributed, minimal().with(key, value));
        assert!(result.is_ok(), "{key}={value}: {result:?}");
    }
}

#[test]
fn the_environment_overrides_the_file_and_can_stand_alone() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "group.id=from-file\nclient.id=me\noffset.storage.file.filename=/x\nsecret=${file:/a:b}\n";
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    let variables = [
        ("CONNECT_GROUP_ID", "from-env"),
        ("CONNECT_KEY_CONVERTER", "K"),
        ("CONNECT_VALUE_CONVERTER", "V"),
        ("CONNECT_OFFSET_STORAGE_TOPIC", "o"),
        ("CONNECT_CONFIG_STORAGE_TOPIC", "c"),
        ("CONNECT_STATUS_STORAGE_TOPIC", "s"),
        ("PATH", "/bin"),
    ];
    let variables = || {
        variables
            .iter()
            .map(|(name, value)| ((*name).to_string(), (*value).to_string()))
    };
    let config = WorkerConfig::load(Mode::Distributed, Some(file.path()), variables()).unwrap();
    assert_eq!(config.group_id(), Some("from-env"));
    assert_eq!(config.client_id_base(), "from-env-me-");
    assert_eq!(config.props.get("secret"), Some("${file:/a:b}"));
    assert_eq!(config.unknown_keys(), ["secret"]);
    assert!(WorkerConfig::load(Mode::Distributed, None, variables()).is_ok());

    let config = WorkerConfig::load(Mode::Standalone, Some(file.path()), variables()).unwrap();
    assert_eq!(config.standalone().unwrap().offset_storage_file, "/x");
    assert_eq!(config.group_id(), None);
}

#[test]
fn unknown_keys_are_kept_and_told() {
    let props = minimal()
        .with("rest.port", "8083")
        .with("producer.anything", "1")
        .with("key.converter.schemas.enable", "false")
        .with("sasl.jaas.config", "secret");
    let config = WorkerConfig::from_props(Mode::Distributed, props).unwrap();
    assert_eq!(config.unknown_keys(), ["rest.port"]);
    assert_eq!(config.props.get("rest.port"), Some("8083"));
}
