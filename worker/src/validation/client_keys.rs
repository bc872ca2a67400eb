//! Settings of Kafka's Java clients 4.1.1, as validation shows them when a connector overrides one: type, default, importance.

use crate::config::client::ClientKind;
use std::sync::LazyLock;
use turnbuckle_api::config::{ConfigDef, ConfigKey, ConfigType, Importance, ParsedValue};

/// Definition of a client's settings.
pub(super) fn config_def(client: ClientKind) -> &'static ConfigDef {
    static PRODUCER: LazyLock<ConfigDef> = LazyLock::new(|| define("producer", &[COMMON, PRODUCER_KEYS, SECURITY]));
    static CONSUMER: LazyLock<ConfigDef> = LazyLock::new(|| define("consumer", &[COMMON, CONSUMER_KEYS, SECURITY]));
    static ADMIN: LazyLock<ConfigDef> = LazyLock::new(|| define("admin", &[COMMON, ADMIN_KEYS, SECURITY]));
    match client {
        ClientKind::Producer => &PRODUCER,
        ClientKind::Consumer => &CONSUMER,
        ClientKind::Admin => &ADMIN,
    }
}

/// Name, type, default and importance.
type Row = (&'static str, ConfigType, Preset, Importance);

#[derive(Clone, Copy)]
enum Preset {
    Required,
    Null,
    Text(&'static str),
}

use ConfigType::{Boolean, Class, Double, Int, List, Long, Password, Short, String as Str};
use Importance::{High, Low, Medium};
use Preset::{Null, Required, Text};

fn define(client: &str, tables: &[&[Row]]) -> ConfigDef {
    let mut def = ConfigDef::new();
    for (name, kind, default, importance) in tables.iter().flat_map(|table| table.iter().copied()) {
        let key = ConfigKey::new(
            name,
            kind,
            importance,
            format!("Setting `{name}` of Kafka's {client} client."),
        );
        def.add(match default {
            Required => key,
            Null => key.default(ParsedValue::Null),
            Text(text) => key.default_from_text(text),
        });
    }
    def
}

/// Settings that the three clients share; a client's own table may differ from it.
const COMMON: &[Row] = &[
    ("bootstrap.servers", List, Text(""), High),
    ("client.dns.lookup", Str, Text("use_all_dns_ips"), Medium),
    ("client.id", Str, Text(""), Medium),
    ("connections.max.idle.ms", Long, Text("540000"), Medium),
    ("enable.metrics.push", Boolean, Text("true"), Low),
    ("metadata.max.age.ms", Long, Text("300000"), Low),
    ("metadata.recovery.rebootstrap.trigger.ms", Long, Text("300000"), Low),
    ("metadata.recovery.strategy", Str, Text("rebootstrap"), Low),
    (
        "metric.reporters",
        List,
        Text("org.apache.kafka.common.metrics.JmxReporter"),
        Low,
    ),
    ("metrics.num.samples", Int, Text("2"), Low),
    ("metrics.recording.level", Str, Text("INFO"), Low),
    ("metrics.sample.window.ms", Long, Text("30000"), Low),
    ("receive.buffer.bytes", Int, Text("32768"), Medium),
    ("reconnect.backoff.max.ms", Long, Text("1000"), Low),
    ("reconnect.backoff.ms", Long, Text("50"), Low),
    ("request.timeout.ms", Int, Text("30000"), Medium),
    ("retry.backoff.max.ms", Long, Text("1000"), Low),
    ("retry.backoff.ms", Long, Text("100"), Low),
    ("send.buffer.bytes", Int, Text("131072"), Medium),
    ("socket.connection.setup.timeout.max.ms", Long, Text("30000"), Medium),
    ("socket.connection.setup.timeout.ms", Long, Text("10000"), Medium),
];

const PRODUCER_KEYS: &[Row] = &[
    ("acks", Str, Text("all"), Low),
    ("batch.size", Int, Text("16384"), Medium),
    ("buffer.memory", Long, Text("33554432"), High),
    ("compression.gzip.level", Int, Text("-1"), Medium),
    ("compression.lz4.level", Int, Text("9"), Medium),
    ("compression.type", Str, Text("none"), High),
    ("compression.zstd.level", Int, Text("3"), Medium),
    ("delivery.timeout.ms", Int, Text("120000"), Medium),
    ("enable.idempotence", Boolean, Text("true"), Low),
    ("interceptor.classes", List, Text(""), Low),
    ("key.serializer", Class, Required, High),
    ("linger.ms", Long, Text("5"), Medium),
    ("max.block.ms", Long, Text("60000"), Medium),
    ("max.in.flight.requests.per.connection", Int, Text("5"), Low),
    ("max.request.size", Int, Text("1048576"), Medium),
    ("metadata.max.idle.ms", Long, Text("300000"), Low),
    ("partitioner.adaptive.partitioning.enable", Boolean, Text("true"), Low),
    ("partitioner.availability.timeout.ms", Long, Text("0"), Low),
    ("partitioner.class", Class, Null, Medium),
    ("partitioner.ignore.keys", Boolean, Text("false"), Medium),
    ("retries", Int, Text("2147483647"), High),
    ("transaction.timeout.ms", Int, Text("60000"), Low),
    ("transaction.two.phase.commit.enable", Boolean, Text("false"), Low),
    ("transactional.id", Str, Null, Low),
    ("value.serializer", Class, Required, High),
];

const CONSUMER_KEYS: &[Row] = &[
    ("allow.auto.create.topics", Boolean, Text("true"), Medium),
    ("auto.commit.interval.ms", Int, Text("5000"), Low),
    ("auto.offset.reset", Str, Text("latest"), Medium),
    ("check.crcs", Boolean, Text("true"), Low),
    ("client.id", Str, Text(""), Low),
    ("client.rack", Str, Text(""), Low),
    ("default.api.timeout.ms", Int, Text("60000"), Medium),
    ("enable.auto.commit", Boolean, Text("true"), Medium),
    ("exclude.internal.topics", Boolean, Text("true"), Medium),
    ("fetch.max.bytes", Int, Text("52428800"), Medium),
    ("fetch.max.wait.ms", Int, Text("500"), Low),
    ("fetch.min.bytes", Int, Text("1"), High),
    ("group.id", Str, Null, High),
    ("group.instance.id", Str, Null, Medium),
    ("group.protocol", Str, Text("classic"), High),
    ("group.remote.assignor", Str, Null, Medium),
    ("heartbeat.interval.ms", Int, Text("3000"), High),
    ("interceptor.classes", List, Text(""), Low),
    ("isolation.level", Str, Text("read_uncommitted"), Medium),
    ("key.deserializer", Class, Required, High),
    ("max.partition.fetch.bytes", Int, Text("1048576"), High),
    ("max.poll.interval.ms", Int, Text("300000"), Medium),
    ("max.poll.records", Int, Text("500"), Medium),
    (
        "partition.assignment.strategy",
        List,
        Text(
            "class org.apache.kafka.clients.consumer.RangeAssignor,\
             class org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
        ),
        Medium,
    ),
    ("receive.buffer.bytes", Int, Text("65536"), Medium),
    ("session.timeout.ms", Int, Text("45000"), High),
    ("share.acknowledgement.mode", Str, Text("implicit"), Medium),
    ("value.deserializer", Class, Required, High),
];

const ADMIN_KEYS: &[Row] = &[
    ("bootstrap.controllers", List, Text(""), High),
    ("connections.max.idle.ms", Long, Text("300000"), Medium),
    ("default.api.timeout.ms", Int, Text("60000"), Medium),
    ("retries", Int, Text("2147483647"), Low),
];

const SECURITY: &[Row] = &[
    ("sasl.client.callback.handler.class", Class, Null, Medium),
    ("sasl.jaas.config", Password, Null, Medium),
    ("sasl.kerberos.kinit.cmd", Str, Text("/usr/bin/kinit"), Low),
    ("sasl.kerberos.min.time.before.relogin", Long, Text("60000"), Low),
    ("sasl.kerberos.service.name", Str, Null, Medium),
    ("sasl.kerberos.ticket.renew.jitter", Double, Text("0.05"), Low),
    ("sasl.kerberos.ticket.renew.window.factor", Double, Text("0.8"), Low),
    ("sasl.login.callback.handler.class", Class, Null, Medium),
    ("sasl.login.class", Class, Null, Medium),
    ("sasl.login.connect.timeout.ms", Int, Null, Low),
    ("sasl.login.read.timeout.ms", Int, Null, Low),
    ("sasl.login.refresh.buffer.seconds", Short, Text("300"), Low),
    ("sasl.login.refresh.min.period.seconds", Short, Text("60"), Low),
    ("sasl.login.refresh.window.factor", Double, Text("0.8"), Low),
    ("sasl.login.refresh.window.jitter", Double, Text("0.05"), Low),
    ("sasl.login.retry.backoff.max.ms", Long, Text("10000"), Low),
    ("sasl.login.retry.backoff.ms", Long, Text("100"), Low),
    ("sasl.mechanism", Str, Text("GSSAPI"), Medium),
    ("sasl.oauthbearer.assertion.algorithm", Str, Text("RS256"), Medium),
    ("sasl.oauthbearer.assertion.claim.aud", Str, Null, Medium),
    ("sasl.oauthbearer.assertion.claim.exp.seconds", Int, Text("300"), Low),
    ("sasl.oauthbearer.assertion.claim.iss", Str, Null, Medium),
    (
        "sasl.oauthbearer.assertion.claim.jti.include",
        Boolean,
        Text("false"),
        Medium,
    ),
    ("sasl.oauthbearer.assertion.claim.nbf.seconds", Int, Text("60"), Low),
    ("sasl.oauthbearer.assertion.claim.sub", Str, Null, Medium),
    ("sasl.oauthbearer.assertion.file", Str, Null, Medium),
    ("sasl.oauthbearer.assertion.private.key.file", Str, Null, Medium),
    (
        "sasl.oauthbearer.assertion.private.key.passphrase",
        Password,
        Null,
        Medium,
    ),
    ("sasl.oauthbearer.assertion.template.file", Str, Null, Medium),
    ("sasl.oauthbearer.client.credentials.client.id", Str, Null, Medium),
    (
        "sasl.oauthbearer.client.credentials.client.secret",
        Password,
        Null,
        Medium,
    ),
    ("sasl.oauthbearer.clock.skew.seconds", Int, Text("30"), Low),
    ("sasl.oauthbearer.expected.audience", List, Null, Low),
    ("sasl.oauthbearer.expected.issuer", Str, Null, Low),
    ("sasl.oauthbearer.header.urlencode", Boolean, Text("false"), Low),
    ("sasl.oauthbearer.jwks.endpoint.refresh.ms", Long, Text("3600000"), Low),
    (
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
        Long,
        Text("10000"),
        Low,
    ),
    (
        "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
        Long,
        Text("100"),
        Low,
    ),
    ("sasl.oauthbearer.jwks.endpoint.url", Str, Null, Medium),
    (
        "sasl.oauthbearer.jwt.retriever.class",
        Class,
        Text("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Medium,
    ),
    (
        "sasl.oauthbearer.jwt.validator.class",
        Class,
        Text("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Medium,
    ),
    ("sasl.oauthbearer.scope", Str, Null, Medium),
    ("sasl.oauthbearer.scope.claim.name", Str, Text("scope"), Low),
    ("sasl.oauthbearer.sub.claim.name", Str, Text("sub"), Low),
    ("sasl.oauthbearer.token.endpoint.url", Str, Null, Medium),
    ("security.protocol", Str, Text("PLAINTEXT"), Medium),
    ("security.providers", Str, Null, Low),
    ("ssl.cipher.suites", List, Null, Low),
    ("ssl.enabled.protocols", List, Text("TLSv1.2,TLSv1.3"), Medium),
    ("ssl.endpoint.identification.algorithm", Str, Text("https"), Low),
    ("ssl.engine.factory.class", Class, Null, Low),
    ("ssl.key.password", Password, Null, High),
    ("ssl.keymanager.algorithm", Str, Text("SunX509"), Low),
    ("ssl.keystore.certificate.chain", Password, Null, High),
    ("ssl.keystore.key", Password, Null, High),
    ("ssl.keystore.location", Str, Null, High),
    ("ssl.keystore.password", Password, Null, High),
    ("ssl.keystore.type", Str, Text("JKS"), Medium),
    ("ssl.protocol", Str, Text("TLSv1.3"), Medium),
    ("ssl.provider", Str, Null, Medium),
    ("ssl.secure.random.implementation", Str, Null, Low),
    ("ssl.trustmanager.algorithm", Str, Text("PKIX"), Low),
    ("ssl.truststore.certificates", Password, Null, High),
    ("ssl.truststore.location", Str, Null, High),
    ("ssl.truststore.password", Password, Null, High),
    ("ssl.truststore.type", Str, Text("JKS"), Medium),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_own_table_wins() {
        let cases = [
            (ClientKind::Producer, "receive.buffer.bytes", Some("32768"), Medium),
            (ClientKind::Consumer, "receive.buffer.bytes", Some("65536"), Medium),
            (ClientKind::Consumer, "client.id", Some(""), Low),
            (ClientKind::Admin, "client.id", Some(""), Medium),
            (ClientKind::Admin, "connections.max.idle.ms", Some("300000"), Medium),
            (ClientKind::Admin, "retries", Some("2147483647"), Low),
            (ClientKind::Consumer, "group.id", None, High),
        ];
        for (client, name, default, importance) in cases {
            let key = config_def(client).key(name).unwrap();
            assert_eq!(
                (key.default_text().as_deref(), key.importance),
                (default, importance),
                "{client:?} {name}"
            );
        }
    }
}
