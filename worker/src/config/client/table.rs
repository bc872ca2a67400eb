//! The one table of Kafka's client settings (4.1): what becomes of each on the way to librdkafka.

use super::ClientKind;

/// Which clients know a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u8);

pub(super) const P: Kinds = Kinds(1);
pub(super) const C: Kinds = Kinds(2);
const A: Kinds = Kinds(4);
const PC: Kinds = Kinds(3);
const PCA: Kinds = Kinds(7);

impl Kinds {
    pub fn contains(self, kind: ClientKind) -> bool {
        let bit = match kind {
            ClientKind::Producer => P.0,
            ClientKind::Consumer => C.0,
            ClientKind::Admin => A.0,
        };
        self.0 & bit != 0
    }
}

/// How a value changes.
#[derive(Clone, Copy, Debug)]
pub enum Convert {
    /// Text as it is; empty text leaves librdkafka's default.
    Text,
    Boolean,
    /// An INT (or, if `long`, a LONG) of at least `java_min`, brought into librdkafka's range.
    Number {
        long: bool,
        java_min: i64,
        range: (i64, i64),
        /// Divides first, rounding up: 1024 for bytes to kibibytes.
        divisor: i64,
    },
    /// Java's choices with librdkafka's names of them; `any_case` as Java has it.
    Choice {
        any_case: bool,
        names: &'static [(&'static str, &'static str)],
    },
}

/// What becomes of a setting.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Each of these librdkafka settings gets the converted value.
    To(&'static [&'static str], Convert),
    /// Worked out together with others by the translation.
    Together,
    /// Read by the security part.
    Security,
    /// Has no effect, for a reason; `quiet` if nobody would miss it.
    Ignore { reason: &'static str, quiet: bool },
    /// Can't be honoured, unless it has one of these values, which change nothing.
    Refuse {
        harmless: &'static [&'static str],
        remedy: &'static str,
    },
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub key: &'static str,
    pub kinds: Kinds,
    /// Java's default where librdkafka's is another.
    pub default: Option<&'static str>,
    pub action: Action,
}

/// The row of a setting.
pub fn row(kind: ClientKind, key: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.key == key && row.kinds.contains(kind))
}

/// True if one of the clients knows the setting.
pub fn is_known(key: &str) -> bool {
    ROWS.iter().any(|row| row.key == key)
}

const fn int(java_min: i64, min: i64, max: i64) -> Convert {
    Convert::Number {
        long: false,
        java_min,
        range: (min, max),
        divisor: 1,
    }
}

const fn long(java_min: i64, min: i64, max: i64) -> Convert {
    Convert::Number {
        long: true,
        java_min,
        range: (min, max),
        divisor: 1,
    }
}

const fn to(kinds: Kinds, key: &'static str, names: &'static [&'static str], convert: Convert) -> Row {
    Row {
        key,
        kinds,
        default: None,
        action: Action::To(names, convert),
    }
}

const fn to_with(
    kinds: Kinds,
    key: &'static str,
    default: &'static str,
    names: &'static [&'static str],
    convert: Convert,
) -> Row {
    Row {
        key,
        kinds,
        default: Some(default),
        action: Action::To(names, convert),
    }
}

const fn together(kinds: Kinds, key: &'static str) -> Row {
    Row {
        key,
        kinds,
        default: None,
        action: Action::Together,
    }
}

const fn security(key: &'static str) -> Row {
    Row {
        key,
        kinds: PCA,
        default: None,
        action: Action::Security,
    }
}

const fn ignore(kinds: Kinds, key: &'static str, reason: &'static str) -> Row {
    Row {
        key,
        kinds,
        default: None,
        action: Action::Ignore { reason, quiet: false },
    }
}

const fn quiet(kinds: Kinds, key: &'static str, reason: &'static str) -> Row {
    Row {
        key,
        kinds,
        default: None,
        action: Action::Ignore { reason, quiet: true },
    }
}

const fn refuse(kinds: Kinds, key: &'static str, harmless: &'static [&'static str], remedy: &'static str) -> Row {
    Row {
        key,
        kinds,
        default: None,
        action: Action::Refuse { harmless, remedy },
    }
}

const INT_MAX: i64 = i32::MAX as i64;
const NO_JAVA_METRICS: &str = "metrics are the worker's own, not those of a Java client";
const NO_JAVA_CODE: &str = "it names Java code, which does not run here";
const NO_LOGIN_THREAD: &str = "it concerns Java's login thread, which there is none of";
const NO_OAUTH: &str = "it belongs to OAUTHBEARER, which is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
const NO_KERBEROS: &str = "it belongs to GSSAPI, which is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512";
const BYTES: &str = "keys and values are bytes here, converters make them";
const TLS_LIBRARY: &str = "it concerns Java's TLS library";

/// All settings of producer, consumer and admin client.
pub static ROWS: &[Row] = &[
    // Connections, all clients.
    to(PCA, "bootstrap.servers", &["bootstrap.servers"], Convert::Text),
    to(
        PCA,
        "client.dns.lookup",
        &["client.dns.lookup"],
        Convert::Choice {
            any_case: false,
            names: &[
                ("use_all_dns_ips", "use_all_dns_ips"),
                (
                    "resolve_canonical_bootstrap_servers_only",
                    "resolve_canonical_bootstrap_servers_only",
                ),
            ],
        },
    ),
    to(PCA, "client.id", &["client.id"], Convert::Text),
    to(
        PCA,
        "send.buffer.bytes",
        &["socket.send.buffer.bytes"],
        int(-1, 0, 100_000_000),
    ),
    to(
        PCA,
        "receive.buffer.bytes",
        &["socket.receive.buffer.bytes"],
        int(-1, 0, 100_000_000),
    ),
    to_with(
        PCA,
        "reconnect.backoff.ms",
        "50",
        &["reconnect.backoff.ms"],
        long(0, 0, 3_600_000),
    ),
    to_with(
        PCA,
        "reconnect.backoff.max.ms",
        "1000",
        &["reconnect.backoff.max.ms"],
        long(0, 0, 3_600_000),
    ),
    to(PCA, "retry.backoff.ms", &["retry.backoff.ms"], long(0, 1, 300_000)),
    to(
        PCA,
        "retry.backoff.max.ms",
        &["retry.backoff.max.ms"],
        long(0, 1, 300_000),
    ),
    to_with(
        P,
        "request.timeout.ms",
        "30000",
        &["socket.timeout.ms", "request.timeout.ms"],
        int(0, 10, 300_000),
    ),
    to_with(
        Kinds(6),
        "request.timeout.ms",
        "30000",
        &["socket.timeout.ms"],
        int(0, 10, 300_000),
    ),
    to_with(
        PCA,
        "socket.connection.setup.timeout.ms",
        "10000",
        &["socket.connection.setup.timeout.ms"],
        long(i64::MIN, 1000, INT_MAX),
    ),
    quiet(
        PCA,
        "socket.connection.setup.timeout.max.ms",
        "the time for a connection does not grow with failures",
    ),
    to_with(
        PC,
        "connections.max.idle.ms",
        "540000",
        &["connections.max.idle.ms"],
        long(i64::MIN, 0, INT_MAX),
    ),
    to_with(
        A,
        "connections.max.idle.ms",
        "300000",
        &["connections.max.idle.ms"],
        long(i64::MIN, 0, INT_MAX),
    ),
    together(PCA, "metadata.max.age.ms"),
    quiet(
        P,
        "metadata.max.idle.ms",
        "metadata of idle topics is dropped by the client itself",
    ),
    to(
        PCA,
        "metadata.recovery.strategy",
        &["metadata.recovery.strategy"],
        Convert::Choice {
            any_case: true,
            names: &[("none", "none"), ("rebootstrap", "rebootstrap")],
        },
    ),
    to(
        PCA,
        "metadata.recovery.rebootstrap.trigger.ms",
        &["metadata.recovery.rebootstrap.trigger.ms"],
        long(0, 0, INT_MAX),
    ),
    to(PC, "enable.metrics.push", &["enable.metrics.push"], Convert::Boolean),
    to_with(
        A,
        "enable.metrics.push",
        "false",
        &["enable.metrics.push"],
        Convert::Boolean,
    ),
    quiet(PCA, "metrics.sample.window.ms", NO_JAVA_METRICS),
    quiet(PCA, "metrics.num.samples", NO_JAVA_METRICS),
    quiet(PCA, "metrics.recording.level", NO_JAVA_METRICS),
    quiet(PCA, "metric.reporters", NO_JAVA_METRICS),
    quiet(PCA, "auto.include.jmx.reporter", NO_JAVA_METRICS),
    ignore(
        PC,
        "interceptor.classes",
        "interceptors are Java code, which does not run here; monitor by the worker's metrics",
    ),
    refuse(
        A,
        "bootstrap.controllers",
        &[""],
        "controllers can't be asked directly; set bootstrap.servers",
    ),
    quiet(
        Kinds(6),
        "default.api.timeout.ms",
        "the worker gives each call its own time",
    ),
    // Producer.
    together(P, "acks"),
    together(P, "enable.idempotence"),
    together(P, "max.in.flight.requests.per.connection"),
    together(P, "delivery.timeout.ms"),
    together(P, "linger.ms"),
    to(P, "transactional.id", &["transactional.id"], Convert::Text),
    to(
        P,
        "transaction.timeout.ms",
        &["transaction.timeout.ms"],
        int(i64::MIN, 1000, INT_MAX),
    ),
    refuse(
        P,
        "transaction.two.phase.commit.enable",
        &["false"],
        "two-phase commit is not supported; remove the setting",
    ),
    to(P, "retries", &["retries"], int(0, 0, INT_MAX)),
    quiet(A, "retries", "calls are tried again until their time is over"),
    to_with(
        P,
        "buffer.memory",
        "33554432",
        &["queue.buffering.max.kbytes"],
        Convert::Number {
            long: true,
            java_min: 0,
            range: (1, INT_MAX),
            divisor: 1024,
        },
    ),
    // Without a setting batches may grow as large as librdkafka likes: fewer requests, and buffer.memory bounds them all.
    to(P, "batch.size", &["batch.size"], int(0, 1, INT_MAX)),
    to_with(
        P,
        "max.request.size",
        "1048576",
        &["message.max.bytes"],
        int(0, 1000, 1_000_000_000),
    ),
    to(
        P,
        "compression.type",
        &["compression.type"],
        Convert::Choice {
            any_case: false,
            names: &[
                ("none", "none"),
                ("gzip", "gzip"),
                ("snappy", "snappy"),
                ("lz4", "lz4"),
                ("zstd", "zstd"),
            ],
        },
    ),
    together(P, "compression.gzip.level"),
    together(P, "compression.lz4.level"),
    together(P, "compression.zstd.level"),
    together(P, "partitioner.class"),
    together(P, "partitioner.ignore.keys"),
    quiet(
        P,
        "partitioner.adaptive.partitioning.enable",
        "records without key go to partitions in turn, whatever their brokers' load",
    ),
    quiet(
        P,
        "partitioner.availability.timeout.ms",
        "records without key go to partitions in turn, whatever their brokers' load",
    ),
    quiet(
        P,
        "max.block.ms",
        "the worker itself waits for room in the queue, as long as the task runs",
    ),
    quiet(P, "key.serializer", BYTES),
    quiet(P, "value.serializer", BYTES),
    // Consumer.
    to(C, "group.id", &["group.id"], Convert::Text),
    to(C, "group.instance.id", &["group.instance.id"], Convert::Text),
    to(
        C,
        "group.protocol",
        &["group.protocol"],
        Convert::Choice {
            any_case: true,
            names: &[("classic", "classic"), ("consumer", "consumer")],
        },
    ),
    to(C, "group.remote.assignor", &["group.remote.assignor"], Convert::Text),
    together(C, "partition.assignment.strategy"),
    to_with(
        C,
        "session.timeout.ms",
        "45000",
        &["session.timeout.ms"],
        int(i64::MIN, 1, 3_600_000),
    ),
    to_with(
        C,
        "heartbeat.interval.ms",
        "3000",
        &["heartbeat.interval.ms"],
        int(i64::MIN, 1, 3_600_000),
    ),
    to_with(
        C,
        "max.poll.interval.ms",
        "300000",
        &["max.poll.interval.ms"],
        int(1, 1, 86_400_000),
    ),
    together(C, "max.poll.records"),
    to(C, "enable.auto.commit", &["enable.auto.commit"], Convert::Boolean),
    to(
        C,
        "auto.commit.interval.ms",
        &["auto.commit.interval.ms"],
        int(0, 0, 86_400_000),
    ),
    together(C, "auto.offset.reset"),
    to_with(
        C,
        "isolation.level",
        "read_uncommitted",
        &["isolation.level"],
        Convert::Choice {
            any_case: false,
            names: &[
                ("read_committed", "read_committed"),
                ("read_uncommitted", "read_uncommitted"),
            ],
        },
    ),
    to(C, "client.rack", &["client.rack"], Convert::Text),
    to(C, "fetch.min.bytes", &["fetch.min.bytes"], int(0, 1, 100_000_000)),
    together(C, "fetch.max.bytes"),
    together(C, "max.partition.fetch.bytes"),
    to(C, "fetch.max.wait.ms", &["fetch.wait.max.ms"], int(0, 0, 300_000)),
    to_with(C, "check.crcs", "true", &["check.crcs"], Convert::Boolean),
    to_with(
        C,
        "allow.auto.create.topics",
        "true",
        &["allow.auto.create.topics"],
        Convert::Boolean,
    ),
    quiet(
        C,
        "exclude.internal.topics",
        "the worker matches topics.regex itself, without internal topics",
    ),
    quiet(C, "internal.leave.group.on.close", "consumers always leave their group"),
    quiet(
        C,
        "internal.throw.on.fetch.stable.offset.unsupported",
        "it concerns brokers before 2.5",
    ),
    quiet(C, "share.acknowledgement.mode", "connectors do not use share groups"),
    quiet(C, "key.deserializer", BYTES),
    quiet(C, "value.deserializer", BYTES),
    // Security.
    security("security.protocol"),
    ignore(PCA, "security.providers", NO_JAVA_CODE),
    security("sasl.mechanism"),
    security("sasl.jaas.config"),
    refuse(
        PCA,
        "sasl.client.callback.handler.class",
        &[""],
        "it names Java code, which does not run here; remove it",
    ),
    refuse(
        PCA,
        "sasl.login.callback.handler.class",
        &[""],
        "it names Java code, which does not run here; remove it",
    ),
    refuse(
        PCA,
        "sasl.login.class",
        &[""],
        "it names Java code, which does not run here; remove it",
    ),
    quiet(PCA, "sasl.login.connect.timeout.ms", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.read.timeout.ms", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.retry.backoff.ms", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.retry.backoff.max.ms", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.refresh.window.factor", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.refresh.window.jitter", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.refresh.min.period.seconds", NO_LOGIN_THREAD),
    quiet(PCA, "sasl.login.refresh.buffer.seconds", NO_LOGIN_THREAD),
    ignore(PCA, "sasl.kerberos.service.name", NO_KERBEROS),
    quiet(PCA, "sasl.kerberos.kinit.cmd", NO_KERBEROS),
    quiet(PCA, "sasl.kerberos.ticket.renew.window.factor", NO_KERBEROS),
    quiet(PCA, "sasl.kerberos.ticket.renew.jitter", NO_KERBEROS),
    quiet(PCA, "sasl.kerberos.min.time.before.relogin", NO_KERBEROS),
    ignore(PCA, "sasl.oauthbearer.jwt.retriever.class", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.jwt.validator.class", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.scope", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.client.credentials.client.id", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.client.credentials.client.secret", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.algorithm", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.aud", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.exp.seconds", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.iss", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.jti.include", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.nbf.seconds", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.claim.sub", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.file", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.private.key.file", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.private.key.passphrase", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.assertion.template.file", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.scope.claim.name", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.sub.claim.name", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.token.endpoint.url", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.jwks.endpoint.url", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.jwks.endpoint.refresh.ms", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.clock.skew.seconds", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.expected.audience", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.expected.issuer", NO_OAUTH),
    ignore(PCA, "sasl.oauthbearer.header.urlencode", NO_OAUTH),
    security("ssl.keystore.type"),
    security("ssl.keystore.location"),
    security("ssl.keystore.password"),
    security("ssl.keystore.key"),
    security("ssl.keystore.certificate.chain"),
    security("ssl.key.password"),
    security("ssl.truststore.type"),
    security("ssl.truststore.location"),
    security("ssl.truststore.password"),
    security("ssl.truststore.certificates"),
    security("ssl.endpoint.identification.algorithm"),
    security("ssl.cipher.suites"),
    security("ssl.enabled.protocols"),
    quiet(
        PCA,
        "ssl.protocol",
        "the best protocol of ssl.enabled.protocols is agreed upon with the broker",
    ),
    ignore(PCA, "ssl.provider", TLS_LIBRARY),
    quiet(PCA, "ssl.keymanager.algorithm", TLS_LIBRARY),
    quiet(PCA, "ssl.trustmanager.algorithm", TLS_LIBRARY),
    quiet(PCA, "ssl.secure.random.implementation", TLS_LIBRARY),
    refuse(
        PCA,
        "ssl.engine.factory.class",
        &[""],
        "it names Java code, which does not run here; use ssl.keystore.* and ssl.truststore.*",
    ),
];
