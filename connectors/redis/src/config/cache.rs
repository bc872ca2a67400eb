//! Keys of `com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector`, and what was added to them.

use super::{DEFAULT_PORT, DEFAULT_SENTINEL_PORT, MEMBERS, OFFSET_STORAGES, PUSHES, TYPES};
use super::{
    Member, OffsetStorage, PIPELINE, Problem, Push, Settings, Structure, Wait, WriteOptions, charset, charset_name,
    common_problems, host_list, hosts, millis, non_empty, one_of_ignore_case, positive,
};
use crate::connection::{ConnectOptions, Tls, Topology, tls};
use turnbuckle_api::config::validator::{Validator, at_least};
use turnbuckle_api::config::{Config, ConfigChoice, ParsedValue};
use turnbuckle_api::{Error, Password, Props, Result};

/// `redis.client.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientMode {
    Standalone,
    Cluster,
    Sentinel,
}

impl ConfigChoice for ClientMode {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("Standalone", ClientMode::Standalone),
        ("Cluster", ClientMode::Cluster),
        ("Sentinel", ClientMode::Sentinel),
    ];
}

/// The keys, in the reference's order; those of this project follow.
#[derive(Config, Clone, Debug)]
pub(crate) struct CacheConfig {
    /// Redis servers as ``host`` or ``host:port``. Standalone uses the first, Cluster starts from any of them, and for
    /// Sentinel they are the sentinels.
    #[config(key = "redis.hosts", default = "localhost:6379", importance = High, validator = host_list("redis.hosts"))]
    hosts: Vec<String>,
    /// What the hosts are: ``Standalone``, ``Cluster`` or ``Sentinel``.
    #[config(key = "redis.client.mode", default = "Standalone",
             validator = enumeration("ClientMode", &["Standalone", "Cluster", "Sentinel"]))]
    mode: ClientMode,
    /// True: connections are encrypted.
    #[config(key = "redis.ssl.enabled", default = "false")]
    ssl_enabled: bool,
    /// Password to log in with.
    #[config(key = "redis.password", default = "")]
    password: Password,
    /// Number of the database to write to; a cluster has only one and ignores it.
    #[config(key = "redis.database", default = "1", validator = at_least(0))]
    database: i32,
    /// True: a lost connection is made again. False: it ends the task.
    #[config(key = "redis.auto.reconnect.enabled", default = "true", importance = Low)]
    auto_reconnect: bool,
    /// Most commands sent together before their replies are read.
    #[config(key = "redis.request.queue.size", default = "2147483647", importance = Low, validator = at_least(1))]
    request_queue_size: i32,
    /// True: small packets are sent at once (TCP_NODELAY).
    #[config(key = "redis.socket.tcp.no.delay.enabled", default = "true", importance = Low)]
    tcp_no_delay: bool,
    /// True: TCP keep-alive.
    #[config(key = "redis.socket.keep.alive.enabled", default = "false", importance = Low)]
    keep_alive: bool,
    /// Milliseconds until an attempt to connect is given up.
    #[config(key = "redis.socket.connect.timeout.ms", default = "10000", importance = Low, validator = at_least(1))]
    connect_timeout_ms: i32,
    /// Of no effect: there is one implementation of TLS here.
    #[config(key = "redis.ssl.provider", default = "JDK", importance = Low,
             validator = enumeration("RedisSslProvider", &["OPENSSL", "JDK"]))]
    ssl_provider: String,
    /// File with this client's key and certificate: JKS, PKCS12 or PEM.
    #[config(key = "redis.ssl.keystore.path", default = "")]
    keystore_path: String,
    /// Password of the key store.
    #[config(key = "redis.ssl.keystore.password", default = "")]
    keystore_password: Password,
    /// File with the trusted certificates: JKS, PKCS12 or PEM. Empty: those of the operating system.
    #[config(key = "redis.ssl.truststore.path", default = "")]
    truststore_path: String,
    /// Password of the trust store.
    #[config(key = "redis.ssl.truststore.password", default = "")]
    truststore_password: Password,
    /// How often a task tries to connect when it starts.
    #[config(key = "redis.connection.attempts", default = "3", validator = at_least(1))]
    connection_attempts: i32,
    /// Milliseconds between two attempts to connect.
    #[config(key = "redis.connection.retry.delay.ms", default = "2000", validator = at_least(100))]
    connection_retry_delay_ms: i32,
    /// Milliseconds to wait for the replies to a pipeline before the batch is tried again.
    #[config(key = "redis.operation.timeout.ms", default = "10000", validator = at_least(100))]
    operation_timeout_ms: i64,
    /// Character set of text keys and values.
    #[config(key = "redis.charset", default = "UTF-8", importance = Low, validator = charset_name())]
    charset: String,

    /// User to log in as (ACL). Empty: the default user.
    #[config(key = "redis.username", default = "")]
    username: String,
    /// Name of the master that the sentinels watch.
    #[config(key = "redis.sentinel.master", default = "")]
    sentinel_master: String,
    /// User to log in to the sentinels as.
    #[config(key = "redis.sentinel.username", default = "")]
    sentinel_username: String,
    /// Password for the sentinels.
    #[config(key = "redis.sentinel.password", default = "")]
    sentinel_password: Password,
    /// True: the server's certificate is not checked.
    #[config(key = "redis.insecure", default = "false", importance = Low)]
    insecure: bool,
    /// Data structure to write: ``STRING``, ``HASH``, ``JSON``, ``STREAM``, ``LIST``, ``SET``, ``ZSET``, ``GEO``,
    /// ``TIMESERIES`` or ``PUBSUB``.
    #[config(key = "redis.type", default = "STRING", validator = one_of_ignore_case(TYPES))]
    structure: Structure,
    /// What keys begin with, then the separator; for collections the key itself. ``${topic}`` stands for the topic. Empty:
    /// keys as they are, collections by the topic's name.
    #[config(key = "redis.keyspace", default = "")]
    keyspace: String,
    /// Stands between key space and key.
    #[config(key = "redis.separator", default = ":")]
    separator: String,
    /// Seconds that keys live; a record's header of this name goes before. Not above zero: for ever.
    #[config(key = "redis.key.ttl", default = "-1")]
    key_ttl: i64,
    /// What becomes an element of a list or set: ``VALUE`` or ``KEY``.
    #[config(key = "redis.member", default = "VALUE", validator = one_of_ignore_case(MEMBERS))]
    member: Member,
    /// The end at which lists grow: ``RIGHT`` or ``LEFT``.
    #[config(key = "redis.list.push", default = "RIGHT", importance = Low, validator = one_of_ignore_case(PUSHES))]
    push: Push,
    /// Entries that a stream keeps, about; 0: all.
    #[config(key = "redis.stream.max.length", default = "0", importance = Low, validator = at_least(0))]
    max_length: i64,
    /// Field of the value with the longitude, for ``GEO``.
    #[config(key = "redis.geo.longitude.field", default = "longitude", importance = Low)]
    longitude: String,
    /// Field of the value with the latitude, for ``GEO``.
    #[config(key = "redis.geo.latitude.field", default = "latitude", importance = Low)]
    latitude: String,
    /// True: each pipeline is a transaction.
    #[config(key = "redis.multiexec", default = "false", importance = Low)]
    multiexec: bool,
    /// Replicas that must have a write before it counts; 0: none.
    #[config(key = "redis.wait.replicas", default = "0", importance = Low, validator = at_least(0))]
    wait_replicas: i32,
    /// Milliseconds to wait for replicas.
    #[config(key = "redis.wait.timeout", default = "1000", importance = Low, validator = at_least(1))]
    wait_timeout: i64,
    /// Which offsets decide where a task goes on: ``GROUP``, the consumer group's, or ``REDIS``, those in Redis, which are
    /// then written in one transaction with the data.
    #[config(key = "redis.offset.storage", default = "GROUP", importance = Low,
             validator = one_of_ignore_case(OFFSET_STORAGES))]
    offset_storage: OffsetStorage,
}

/// Exactly one of these names, with the reference's text.
fn enumeration(class: &'static str, names: &'static [&'static str]) -> Validator {
    Validator::new(move |key, value: &ParsedValue| {
        if value.as_str().is_some_and(|text| names.contains(&text)) {
            return Ok(());
        }
        Err(Error::config(format!(
            "Invalid value '{value}' is not a valid value for {class}. Valid values are {}. for configuration {key}",
            names.join(", ")
        )))
    })
}

impl CacheConfig {
    fn topology(&self) -> Result<Topology> {
        let port = match self.mode {
            ClientMode::Sentinel => DEFAULT_SENTINEL_PORT,
            _ => DEFAULT_PORT,
        };
        let mut hosts = hosts("redis.hosts", &self.hosts, port)?;
        Ok(match self.mode {
            ClientMode::Standalone => Topology::Standalone(hosts.swap_remove(0)),
            ClientMode::Cluster => Topology::Cluster(hosts),
            ClientMode::Sentinel => Topology::Sentinel {
                sentinels: hosts,
                master: self.sentinel_master.clone(),
                username: non_empty(&self.sentinel_username),
                password: secret(&self.sentinel_password),
            },
        })
    }

    fn write(&self) -> Result<WriteOptions> {
        Ok(WriteOptions {
            structure: self.structure,
            keyspace: self.keyspace.clone(),
            separator: self.separator.clone(),
            ttl: positive(self.key_ttl),
            charset: charset(&self.charset)?,
            member: self.member,
            push: self.push,
            max_length: positive(self.max_length),
            longitude: self.longitude.clone(),
            latitude: self.latitude.clone(),
            remove_members: true,
            transaction: self.multiexec,
            wait: (self.wait_replicas > 0).then(|| Wait {
                replicas: self.wait_replicas,
                timeout: millis(self.wait_timeout),
            }),
            offset_prefix: "__kafka.offset.",
            offset_storage: self.offset_storage,
            pipeline: usize::try_from(self.request_queue_size).unwrap_or(1).clamp(1, PIPELINE),
        })
    }

    fn tls(&self) -> Result<Option<Tls>> {
        if !self.ssl_enabled {
            return Ok(None);
        }
        let trust = tls::Store {
            path_key: "redis.ssl.truststore.path",
            path: &self.truststore_path,
            password: self.truststore_password.reveal(),
            // The reference opens the trust store by the key store's password: configurations may rely on it.
            other_password: self.keystore_password.reveal(),
        };
        let key = tls::Store {
            path_key: "redis.ssl.keystore.path",
            path: &self.keystore_path,
            password: self.keystore_password.reveal(),
            other_password: "",
        };
        tls::from_stores(&trust, &key, self.insecure).map(Some)
    }
}

pub(crate) fn secret(password: &Password) -> Option<Password> {
    (!password.reveal().is_empty()).then(|| password.clone())
}

/// What is wrong with keys taken together.
pub(crate) fn problems(props: &Props) -> Vec<Problem> {
    // What single keys get wrong is told elsewhere.
    let Ok(config) = CacheConfig::from_props(props) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let Ok(write) = config.write() {
        problems = common_problems(&write, config.mode == ClientMode::Cluster);
    }
    if config.mode == ClientMode::Sentinel && config.sentinel_master.is_empty() {
        problems.push(Problem::new(
            "redis.sentinel.master",
            "Must be given if redis.client.mode is Sentinel: the name of the master as the sentinels know it",
        ));
    }
    if let Err(error) = config.tls() {
        let key = match error.message().is_some_and(|text| text.contains("redis.ssl.keystore")) {
            true => "redis.ssl.keystore.path",
            false => "redis.ssl.truststore.path",
        };
        problems.push(Problem::new(key, error.message().unwrap_or_default()));
    }
    problems
}

/// Settings of a task.
pub(crate) fn settings(props: &Props) -> Result<Settings> {
    let config = CacheConfig::from_props(props)?;
    if let Some(problem) = problems(props).into_iter().next() {
        return Err(problem.into_error());
    }
    if config.ssl_provider == "OPENSSL" {
        tracing::info!("redis.ssl.provider=OPENSSL has no effect: there is one implementation of TLS here");
    }
    Ok(Settings {
        connect: ConnectOptions {
            topology: config.topology()?,
            username: non_empty(&config.username),
            password: secret(&config.password),
            database: i64::from(config.database),
            tls: config.tls()?,
            no_delay: config.tcp_no_delay,
            keep_alive: config.keep_alive,
            connect_timeout: millis(i64::from(config.connect_timeout_ms)),
            operation_timeout: millis(config.operation_timeout_ms),
        },
        attempts: u32::try_from(config.connection_attempts).unwrap_or(1),
        retry_delay: millis(i64::from(config.connection_retry_delay_ms)),
        reconnect: config.auto_reconnect,
        write: config.write()?,
    })
}
