//! Every row of the table is exercised, and every outcome is accepted by librdkafka itself.

use super::*;
use ClientKind::{Admin, Consumer, Producer};

fn settings(kind: ClientKind, given: &[(&str, &str)]) -> BTreeMap<&'static str, String> {
    let props: Props = given.iter().copied().collect();
    let translation = translate(kind, &props).unwrap_or_else(|error| panic!("{given:?}: {error}"));
    let mut config = ClientConfig::new();
    for (key, value) in &translation.settings {
        config.set(*key, value);
    }
    let accepted = config.create_native_config();
    assert!(accepted.is_ok(), "{given:?}: {:?}", accepted.err());
    translation.settings
}

#[test]
fn defaults_are_javas_and_hold_little_memory() {
    let producer = settings(Producer, &[]);
    for (key, value) in [
        ("queue.buffering.max.kbytes", "32768"),
        ("partitioner", "murmur2_random"),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("max.in.flight.requests.per.connection", "5"),
        ("delivery.timeout.ms", "120000"),
        ("message.max.bytes", "1048576"),
        ("security.protocol", "plaintext"),
    ] {
        assert_eq!(producer.get(key).map(String::as_str), Some(value), "{key}");
    }
    let consumer = settings(Consumer, &[("group.id", "g")]);
    for (key, value) in [
        ("isolation.level", "read_uncommitted"),
        ("auto.offset.reset", "latest"),
        ("partition.assignment.strategy", "range"),
        ("queued.max.messages.kbytes", "4096"),
        ("queued.min.messages", "50000"),
        ("fetch.queue.backoff.ms", "5"),
        ("fetch.max.bytes", "52428800"),
        ("check.crcs", "true"),
        ("allow.auto.create.topics", "true"),
    ] {
        assert_eq!(consumer.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(
        settings(Admin, &[]).get("enable.metrics.push").map(String::as_str),
        Some("false")
    );
}

#[test]
fn values_are_converted() {
    for (kind, given, key, expected) in [
        (
            Producer,
            ("delivery.timeout.ms", "2147483647"),
            "delivery.timeout.ms",
            "2147483647",
        ),
        (Producer, ("acks", "-1"), "acks", "all"),
        (Producer, ("acks", "1"), "enable.idempotence", "false"),
        (Producer, ("retries", "0"), "enable.idempotence", "false"),
        (
            Producer,
            ("max.in.flight.requests.per.connection", "6"),
            "enable.idempotence",
            "false",
        ),
        (Producer, ("buffer.memory", "1000"), "queue.buffering.max.kbytes", "1"),
        (
            Producer,
            ("buffer.memory", "9223372036854775807"),
            "queue.buffering.max.kbytes",
            "2147483647",
        ),
        (Producer, ("batch.size", "0"), "batch.size", "1"),
        (Producer, ("batch.size", "99000000"), "batch.size", "1048576"),
        (Producer, ("linger.ms", " 20 "), "linger.ms", "20"),
        (Producer, ("linger.ms", "5000000"), "linger.ms", "120000"),
        (Producer, ("retry.backoff.ms", "0"), "retry.backoff.ms", "1"),
        (
            Producer,
            ("request.timeout.ms", "900000"),
            "socket.timeout.ms",
            "300000",
        ),
        (Producer, ("send.buffer.bytes", "-1"), "socket.send.buffer.bytes", "0"),
        (
            Producer,
            ("connections.max.idle.ms", "-1"),
            "connections.max.idle.ms",
            "0",
        ),
        (
            Producer,
            ("socket.connection.setup.timeout.ms", "10"),
            "socket.connection.setup.timeout.ms",
            "1000",
        ),
        (
            Producer,
            ("metadata.max.age.ms", "60000"),
            "topic.metadata.refresh.interval.ms",
            "60000",
        ),
        (Producer, ("partitioner.ignore.keys", "true"), "partitioner", "random"),
        (
            Producer,
            (
                "partitioner.class",
                "org.apache.kafka.clients.producer.RoundRobinPartitioner",
            ),
            "partitioner",
            "random",
        ),
        (Producer, ("transactional.id", "t"), "delivery.timeout.ms", "60000"),
        (Producer, ("client.id", "me"), "client.id", "me"),
        (
            Producer,
            ("metadata.recovery.strategy", "NONE"),
            "metadata.recovery.strategy",
            "none",
        ),
        (Consumer, ("auto.offset.reset", "none"), "auto.offset.reset", "error"),
        (
            Consumer,
            ("auto.offset.reset", "earliest"),
            "auto.offset.reset",
            "earliest",
        ),
        (
            Consumer,
            ("max.partition.fetch.bytes", "10485760"),
            "queued.max.messages.kbytes",
            "40960",
        ),
        (Consumer, ("max.poll.records", "5000"), "queued.min.messages", "100000"),
        (
            Consumer,
            ("fetch.max.bytes", "2147483647"),
            "fetch.max.bytes",
            "2147483135",
        ),
        (Consumer, ("fetch.max.bytes", "0"), "message.max.bytes", "1000"),
        (Consumer, ("fetch.min.bytes", "0"), "fetch.min.bytes", "1"),
        (Consumer, ("fetch.max.wait.ms", "100"), "fetch.wait.max.ms", "100"),
        (
            Consumer,
            ("isolation.level", "read_committed"),
            "isolation.level",
            "read_committed",
        ),
        (Consumer, ("group.instance.id", "i"), "group.instance.id", "i"),
        (
            Consumer,
            ("max.poll.interval.ms", "1000"),
            "max.poll.interval.ms",
            "45000",
        ),
        (
            Consumer,
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            ),
            "partition.assignment.strategy",
            "roundrobin",
        ),
        (
            Consumer,
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor, org.apache.kafka.clients.consumer.RangeAssignor",
            ),
            "partition.assignment.strategy",
            "cooperative-sticky",
        ),
        (Admin, ("request.timeout.ms", "40000"), "socket.timeout.ms", "40000"),
    ] {
        let found = settings(kind, &[("group.id", "g"), given]);
        assert_eq!(found.get(key).map(String::as_str), Some(expected), "{given:?} {key}");
    }
}

#[test]
fn settings_that_depend_on_each_other() {
    let found = settings(
        Producer,
        &[("compression.type", "lz4"), ("compression.lz4.level", "17")],
    );
    assert_eq!(found["compression.level"], "12");
    let found = settings(
        Producer,
        &[("compression.type", "zstd"), ("compression.gzip.level", "5")],
    );
    assert_eq!(found["compression.level"], "3");
    let found = settings(Consumer, &[("group.id", "g"), ("group.protocol", "CONSUMER")]);
    assert!(!found.contains_key("session.timeout.ms"));
    assert!(!found.contains_key("partition.assignment.strategy"));
    let found = settings(
        Producer,
        &[("transactional.id", "t"), ("transaction.timeout.ms", "5000")],
    );
    assert_eq!(
        (
            found["delivery.timeout.ms"].as_str(),
            found["socket.timeout.ms"].as_str()
        ),
        ("5000", "4900")
    );
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    for (kind, given, text) in [
        (Producer, vec![("acks", "2")], "Invalid value 2 for configuration acks"),
        (
            Producer,
            vec![("acks", "1"), ("enable.idempotence", "true")],
            "Must set acks to all",
        ),
        (
            Producer,
            vec![("transactional.id", "t"), ("enable.idempotence", "false")],
            "Cannot set a transactional.id",
        ),
        (
            Producer,
            vec![("linger.ms", "x")],
            "Invalid value x for configuration linger.ms: Not a number of type LONG",
        ),
        (
            Producer,
            vec![("batch.size", "-1")],
            "Invalid value -1 for configuration batch.size: Value must be at least 0",
        ),
        (
            Producer,
            vec![("delivery.timeout.ms", "2147483648")],
            "Not a number of type INT",
        ),
        (
            Producer,
            vec![("compression.type", "brotli")],
            "String must be one of: none, gzip, snappy, lz4, zstd",
        ),
        (
            Producer,
            vec![("compression.gzip.level", "10")],
            "compression.gzip.level",
        ),
        (Producer, vec![("partitioner.class", "com.acme.Mine")], "com.acme.Mine"),
        (
            Producer,
            vec![("transaction.two.phase.commit.enable", "true")],
            "two-phase commit",
        ),
        (
            Producer,
            vec![("enable.idempotence", "yes")],
            "Expected value to be either true or false",
        ),
        (Consumer, vec![("auto.offset.reset", "by_duration:P1D")], "by_duration"),
        (
            Consumer,
            vec![("partition.assignment.strategy", "com.acme.Mine")],
            "com.acme.Mine",
        ),
        (Consumer, vec![("max.poll.records", "0")], "Value must be at least 1"),
        (Admin, vec![("bootstrap.controllers", "c:1")], "bootstrap.servers"),
        (Admin, vec![("sasl.login.class", "com.acme.Mine")], "Java code"),
        (Admin, vec![("security.protocol", "SASL_SSL")], "sasl.mechanism"),
    ] {
        let props: Props = given.iter().copied().collect();
        let error = translate(kind, &props).err().unwrap().to_string();
        assert!(error.contains(text), "{given:?}: {error}");
    }
}

#[test]
fn settings_without_effect_are_noted() {
    for (kind, key, value, quiet) in [
        (
            Producer,
            "interceptor.classes",
            "io.confluent.monitoring.clients.interceptor.MonitoringProducerInterceptor",
            false,
        ),
        (Producer, "key.serializer", "X", true),
        (Producer, "max.block.ms", "9223372036854775807", true),
        (Consumer, "no.such.setting", "x", false),
        (Admin, "retries", "3", true),
    ] {
        let translation = translate(kind, &Props::new().with(key, value)).unwrap();
        let note = translation.notes.iter().find(|note| note.key == key);
        assert_eq!(note.map(|note| note.quiet), Some(quiet), "{key}");
    }
    let worker_keys = Props::new()
        .with("key.converter", "X")
        .with("config.storage.topic", "c")
        .with("linger.ms", "1");
    assert!(translate(Admin, &worker_keys).unwrap().notes.is_empty());
}

#[test]
fn security_reaches_librdkafka() {
    let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"hush\";";
    let certificate = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../keystores/testdata/client.crt.pem"
    ));
    let found = settings(
        Consumer,
        &[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.jaas.config", jaas),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.certificates", certificate),
            ("ssl.keystore.type", "PEM"),
            (
                "ssl.keystore.key",
                include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/../keystores/testdata/client.key.enc.pem"
                )),
            ),
            ("ssl.keystore.certificate.chain", certificate),
            ("ssl.key.password", "changeit"),
            ("ssl.endpoint.identification.algorithm", ""),
            (
                "ssl.cipher.suites",
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_AES_128_GCM_SHA256",
            ),
        ],
    );
    for (key, value) in [
        ("security.protocol", "sasl_ssl"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", "u"),
        ("sasl.password", "hush"),
        ("ssl.endpoint.identification.algorithm", "none"),
        ("ssl.cipher.suites", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ] {
        assert_eq!(found.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(found["ssl.key.pem"].starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(
        found["ssl.ca.pem"].lines().count(),
        certificate.lines().filter(|line| !line.is_empty()).count()
    );
}

/// A value that Java accepts for a setting, to run every row through librdkafka.
fn plausible(row: &table::Row) -> String {
    match row.action {
        Action::To(_, Convert::Boolean) => "true".to_string(),
        Action::To(_, Convert::Number { java_min, .. }) => java_min.max(7).to_string(),
        Action::To(_, Convert::Choice { names, .. }) => names[0].0.to_string(),
        Action::Refuse { harmless, .. } => harmless[0].to_string(),
        _ => "localhost:9092".to_string(),
    }
}

#[test]
fn every_row_is_accepted_by_librdkafka_or_has_a_reason() {
    for row in table::ROWS {
        for kind in [Producer, Consumer, Admin]
            .into_iter()
            .filter(|kind| row.kinds.contains(*kind))
        {
            match row.action {
                Action::To(..) | Action::Refuse { .. } => {
                    let value = plausible(row);
                    let found = settings(kind, &[("group.id", "g"), (row.key, value.as_str())]);
                    if let Action::To(names, _) = row.action {
                        assert!(names.iter().all(|name| found.contains_key(name)), "{}", row.key);
                    }
                }
                Action::Ignore { reason, .. } => assert!(reason.len() > 10, "{}", row.key),
                Action::Together | Action::Security => {}
            }
        }
    }
    let mut keys: Vec<(&str, ClientKind)> = Vec::new();
    for kind in [Producer, Consumer, Admin] {
        keys.extend(
            table::ROWS
                .iter()
                .filter(|row| row.kinds.contains(kind))
                .map(|row| (row.key, kind)),
        );
    }
    let count = keys.len();
    keys.sort_by_key(|(key, kind)| (*key, kind.name()));
    keys.dedup();
    assert_eq!(keys.len(), count, "a setting has two rows for one client");
}
