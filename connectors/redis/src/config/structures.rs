//! Keys of `com.redis.kafka.connect.RedisSinkConnector`, and what was added to them.

use super::cache::secret;
use super::{DEFAULT_PORT, HostPort, MEMBERS, OFFSET_STORAGES, PUSHES, TYPES};
use super::{
    Member, OffsetStorage, PIPELINE, Problem, Push, Settings, Structure, Wait, WriteOptions, charset, charset_name,
    common_problems, millis, non_empty, one_of_ignore_case, positive,
};
use crate::connection::{ConnectOptions, RedisUri, Tls, Topology, tls};
use std::time::Duration;
use turnbuckle_api::config::Config;
use turnbuckle_api::config::validator::{Validator, at_least, between};
use turnbuckle_api::{Error, Password, Props, Result};

/// The keys, in the reference's order; those of this project follow.
#[derive(Config, Clone, Debug)]
pub(crate) struct StructuresConfig {
    /// True: the server is part of a cluster.
    #[config(key = "redis.cluster", default = "false")]
    cluster: bool,
    /// Host of the server; of no effect if redis.uri is given.
    #[config(key = "redis.host", default = "localhost", importance = High)]
    host: String,
    /// Port of the server.
    #[config(key = "redis.port", default = "6379", importance = High, validator = between(1, 65535))]
    port: i32,
    /// Server as a URI: ``redis://user:password@host:port/database``, ``rediss://…`` for TLS,
    /// ``redis-sentinel://host,host/database#master``.
    #[config(key = "redis.uri", default = "", validator = uri())]
    uri: Password,
    /// True: connections are encrypted.
    #[config(key = "redis.tls", default = "false")]
    tls: bool,
    /// True: the server's certificate is not checked.
    #[config(key = "redis.insecure", default = "false")]
    insecure: bool,
    /// Password to log in with.
    #[config(key = "redis.password", default = "")]
    password: Password,
    /// User to log in as; takes a password.
    #[config(key = "redis.username", default = "")]
    username: String,
    /// Seconds to wait for replies.
    #[config(key = "redis.timeout", default = "60", validator = at_least(1))]
    timeout: i64,
    /// Of no effect: commands of a task are pipelined on one connection.
    #[config(key = "redis.pool", default = "8")]
    pool: i32,
    /// PEM file with this client's private key (PKCS#8).
    #[config(key = "redis.key.file", default = "")]
    key_file: String,
    /// PEM file with this client's certificates.
    #[config(key = "redis.key.cert", default = "")]
    key_cert: String,
    /// Password of the private key.
    #[config(key = "redis.key.password", default = "")]
    key_password: Password,
    /// PEM file with the trusted certificates. Empty: those of the operating system.
    #[config(key = "redis.cacert", default = "")]
    cacert: String,

    /// Character set of text keys and values.
    #[config(key = "redis.charset", default = "UTF-8", importance = High, validator = charset_name())]
    charset: String,
    /// Data structure to write: ``HASH``, ``JSON``, ``TIMESERIES``, ``STRING``, ``STREAM``, ``LIST``, ``SET``, ``ZSET``,
    /// ``GEO`` or ``PUBSUB``.
    #[config(key = "redis.type", default = "STREAM", importance = High, validator = one_of_ignore_case(TYPES))]
    structure: Structure,
    /// What keys begin with, then the separator; for collections the key itself. ``${topic}`` stands for the topic.
    #[config(key = "redis.keyspace", default = "${topic}")]
    keyspace: String,
    /// Stands between key space and key.
    #[config(key = "redis.separator", default = ":")]
    separator: String,
    /// True: each pipeline is a transaction.
    #[config(key = "redis.multiexec", default = "false")]
    multiexec: bool,
    /// Replicas that must have a write before it counts; 0: none.
    #[config(key = "redis.wait.replicas", default = "0", validator = at_least(0))]
    wait_replicas: i32,
    /// Milliseconds to wait for replicas.
    #[config(key = "redis.wait.timeout", default = "1000", validator = at_least(1))]
    wait_timeout: i64,
    /// Seconds that keys live; a record's header of this name goes before. Not above zero: for ever.
    #[config(key = "redis.key.ttl", default = "-1")]
    key_ttl: i64,

    /// Older name of redis.type, by command: ``HSET``, ``JSONSET``, ``TSADD``, ``SET``, ``XADD``, ``LPUSH``, ``RPUSH``,
    /// ``SADD`` or ``ZADD``. Counts if redis.type is not given.
    #[config(key = "redis.command", default = "", importance = Low, validator = command())]
    command: String,
    /// What becomes an element of a list or set: ``KEY`` or ``VALUE``.
    #[config(key = "redis.member", default = "KEY", importance = Low, validator = one_of_ignore_case(MEMBERS))]
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
    /// Which offsets decide where a task goes on: ``GROUP``, the consumer group's, or ``REDIS``, those in Redis, which are
    /// then written in one transaction with the data.
    #[config(key = "redis.offset.storage", default = "GROUP", importance = Low,
             validator = one_of_ignore_case(OFFSET_STORAGES))]
    offset_storage: OffsetStorage,
}

/// The URI may hold a password: messages must not show it.
fn uri() -> Validator {
    Validator::new(|_, value| match value {
        turnbuckle_api::config::ParsedValue::Password(uri) if !uri.reveal().is_empty() => {
            RedisUri::parse(uri.reveal()).map(|_| ())
        }
        _ => Ok(()),
    })
}

const COMMANDS: &[(&str, Structure)] = &[
    ("HSET", Structure::Hash),
    ("JSONSET", Structure::Json),
    ("TSADD", Structure::TimeSeries),
    ("SET", Structure::String),
    ("XADD", Structure::Stream),
    ("LPUSH", Structure::List),
    ("RPUSH", Structure::List),
    ("SADD", Structure::Set),
    ("ZADD", Structure::SortedSet),
];

fn command() -> Validator {
    Validator::new(|name, value| {
        let text = value.as_str().unwrap_or_default();
        if text.is_empty() || COMMANDS.iter().any(|(command, _)| command.eq_ignore_ascii_case(text)) {
            return Ok(());
        }
        let names: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
        let detail = format!("String must be one of (case insensitive): {}", names.join(", "));
        Err(Error::invalid_config(name, value, detail))
    })
}

impl StructuresConfig {
    fn uri(&self) -> Result<RedisUri> {
        if !self.uri.reveal().is_empty() {
            return RedisUri::parse(self.uri.reveal());
        }
        let host = HostPort {
            host: self.host.clone(),
            port: u16::try_from(self.port).unwrap_or(DEFAULT_PORT),
        };
        Ok(RedisUri::of(host))
    }

    fn topology(&self, uri: &RedisUri) -> Topology {
        let hosts = uri.hosts.clone();
        match (&uri.master, self.cluster, hosts.first()) {
            (Some(master), _, _) => Topology::Sentinel {
                sentinels: hosts,
                master: master.clone(),
                username: None,
                password: None,
            },
            (None, false, Some(first)) => Topology::Standalone(first.clone()),
            (None, _, _) => Topology::Cluster(hosts),
        }
    }

    fn tls(&self, uri: &RedisUri) -> Result<Option<Tls>> {
        if !self.tls && !uri.tls {
            return Ok(None);
        }
        let files = tls::PemFiles {
            cacert: &self.cacert,
            cert: &self.key_cert,
            key: &self.key_file,
            key_password: self.key_password.reveal(),
        };
        tls::from_pem_files(&files, self.insecure).map(Some)
    }

    fn write(&self, props: &Props) -> Result<WriteOptions> {
        let mut structure = self.structure;
        let mut push = self.push;
        if !props.contains_key("redis.type")
            && let Some((name, meant)) = COMMANDS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&self.command))
        {
            structure = *meant;
            if *name == "LPUSH" {
                push = Push::Left;
            }
        }
        Ok(WriteOptions {
            structure,
            keyspace: self.keyspace.clone(),
            separator: self.separator.clone(),
            ttl: positive(self.key_ttl),
            charset: charset(&self.charset)?,
            member: self.member,
            push,
            max_length: positive(self.max_length),
            longitude: self.longitude.clone(),
            latitude: self.latitude.clone(),
            // In the reference tombstones have no effect on collections.
            remove_members: false,
            transaction: self.multiexec,
            wait: (self.wait_replicas > 0).then(|| Wait {
                replicas: self.wait_replicas,
                timeout: millis(self.wait_timeout),
            }),
            offset_prefix: "com.redis.kafka.connect.sink.offset.",
            offset_storage: self.offset_storage,
            pipeline: PIPELINE,
        })
    }
}

/// What is wrong with keys taken together.
pub(crate) fn problems(props: &Props) -> Vec<Problem> {
    // What single keys get wrong is told elsewhere.
    let Ok(config) = StructuresConfig::from_props(props) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let Ok(write) = config.write(props) {
        problems = common_problems(&write, config.cluster);
    }
    let Ok(uri) = config.uri() else {
        return problems;
    };
    if config.cluster && uri.master.is_some() {
        let message = "A cluster has no sentinels: use redis:// with redis.cluster=true";
        problems.push(Problem::new("redis.cluster", message));
    }
    if let Err(error) = config.tls(&uri) {
        let key = match error.message().is_some_and(|text| text.contains("redis.cacert")) {
            true => "redis.cacert",
            false => "redis.key.file",
        };
        problems.push(Problem::new(key, error.message().unwrap_or_default()));
    }
    problems
}

/// Settings of a task.
pub(crate) fn settings(props: &Props) -> Result<Settings> {
    let config = StructuresConfig::from_props(props)?;
    if let Some(problem) = problems(props).into_iter().next() {
        return Err(problem.into_error());
    }
    if props.contains_key("redis.pool") {
        tracing::info!(
            pool = config.pool,
            "redis.pool has no effect: commands are pipelined on one connection"
        );
    }
    let uri = config.uri()?;
    // As in the reference, the keys go before the URI; a user without password is not used.
    let (username, password) = match secret(&config.password) {
        Some(password) => (non_empty(&config.username), Some(password)),
        None => (uri.username.clone(), uri.password.clone()),
    };
    Ok(Settings {
        connect: ConnectOptions {
            topology: config.topology(&uri),
            username,
            password,
            database: uri.database,
            tls: config.tls(&uri)?,
            no_delay: true,
            keep_alive: false,
            connect_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(u64::try_from(config.timeout).unwrap_or(60)),
        },
        attempts: 1,
        retry_delay: Duration::from_secs(1),
        reconnect: true,
        write: config.write(props)?,
    })
}
