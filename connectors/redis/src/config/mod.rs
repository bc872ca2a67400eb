//! What both connectors' keys come down to, and what they share in reading them.

pub(crate) mod cache;
pub(crate) mod structures;
#[cfg(test)]
mod tests;

use crate::connection::ConnectOptions;
use std::time::Duration;
use turnbuckle_api::config::validator::{self, Validator};
use turnbuckle_api::config::{ConfigChoice, ParsedValue};
use turnbuckle_api::{Error, Result};
use turnbuckle_converters::charset::Charset;

/// Everything a task needs to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) connect: ConnectOptions,
    /// Attempts at the first connection, at least 1.
    pub(crate) attempts: u32,
    pub(crate) retry_delay: Duration,
    /// False: a lost connection ends the task.
    pub(crate) reconnect: bool,
    pub(crate) write: WriteOptions,
}

/// How records become commands.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    pub(crate) structure: Structure,
    /// May hold `${topic}`. Empty: keys as they are, collections by topic.
    pub(crate) keyspace: String,
    pub(crate) separator: String,
    /// Seconds that keys live.
    pub(crate) ttl: Option<i64>,
    pub(crate) charset: Charset,
    pub(crate) member: Member,
    pub(crate) push: Push,
    /// Entries that a stream keeps, about.
    pub(crate) max_length: Option<i64>,
    pub(crate) longitude: String,
    pub(crate) latitude: String,
    /// Tombstones remove members of sets, sorted sets and geo indexes.
    pub(crate) remove_members: bool,
    pub(crate) transaction: bool,
    pub(crate) wait: Option<Wait>,
    /// What the keys of stored offsets begin with; topic, dot and partition follow.
    pub(crate) offset_prefix: &'static str,
    pub(crate) offset_storage: OffsetStorage,
    /// Most commands of one pipeline.
    pub(crate) pipeline: usize,
}

/// Replicas that must have a write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) replicas: i32,
    pub(crate) timeout: Duration,
}

/// Data structure to write, `redis.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Structure {
    String,
    Hash,
    Json,
    Stream,
    List,
    Set,
    SortedSet,
    TimeSeries,
    Geo,
    PubSub,
}

impl ConfigChoice for Structure {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("HASH", Structure::Hash),
        ("JSON", Structure::Json),
        ("TIMESERIES", Structure::TimeSeries),
        ("STRING", Structure::String),
        ("STREAM", Structure::Stream),
        ("LIST", Structure::List),
        ("SET", Structure::Set),
        ("ZSET", Structure::SortedSet),
        ("GEO", Structure::Geo),
        ("PUBSUB", Structure::PubSub),
    ];
}

impl Structure {
    /// True if a record adds to one key per topic, false if each record has a key of its own.
    pub(crate) fn is_collection(self) -> bool {
        !matches!(self, Structure::String | Structure::Hash | Structure::Json)
    }

    /// True if writing a record twice leaves more behind than writing it once.
    pub(crate) fn appends(self) -> bool {
        matches!(self, Structure::Stream | Structure::List | Structure::PubSub)
    }

    /// The command that the server must know for it, if that is of a module.
    pub(crate) fn module_command(self) -> Option<(&'static str, &'static str)> {
        match self {
            Structure::Json => Some(("JSON.SET", "RedisJSON")),
            Structure::TimeSeries => Some(("TS.ADD", "RedisTimeSeries")),
            _ => None,
        }
    }
}

/// What of a record becomes an element of a list or set, `redis.member`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    Key,
    Value,
}

impl ConfigChoice for Member {
    const CHOICES: &'static [(&'static str, Self)] = &[("KEY", Member::Key), ("VALUE", Member::Value)];
}

/// The end at which a list grows, `redis.list.push`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Push {
    Right,
    Left,
}

impl ConfigChoice for Push {
    const CHOICES: &'static [(&'static str, Self)] = &[("RIGHT", Push::Right), ("LEFT", Push::Left)];
}

/// Which offsets decide where a task goes on, `redis.offset.storage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetStorage {
    /// Those of the consumer group; those in Redis are for others to read.
    Group,
    /// Those in Redis, written in one transaction with the data.
    Redis,
}

impl ConfigChoice for OffsetStorage {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("GROUP", OffsetStorage::Group), ("REDIS", OffsetStorage::Redis)];
}

/// Something wrong with a key in view of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) key: &'static str,
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Problem {
            key,
            message: message.into(),
        }
    }

    pub(crate) fn into_error(self) -> Error {
        match self.message.starts_with("redis.") {
            // Already begins with the key it is about.
            true => Error::config(self.message),
            false => Error::config(format!("{}: {}", self.key, self.message)),
        }
    }
}

/// Rules of the keys that both connectors have.
pub(crate) fn common_problems(write: &WriteOptions, cluster: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let transactional = [Structure::Stream, Structure::List, Structure::Set, Structure::SortedSet];
    if write.transaction && !transactional.contains(&write.structure) {
        problems.push(Problem::new(
            "redis.multiexec",
            "multi/exec is only supported with these data structures: STREAM, LIST, SET, ZSET",
        ));
    }
    if cluster && write.offset_storage == OffsetStorage::Redis {
        problems.push(Problem::new(
            "redis.offset.storage",
            "REDIS needs one transaction over data and offsets, which a cluster does not have. Use GROUP.",
        ));
    }
    problems
}

/// `host[:port]`, IPv6 in brackets if there is a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostPort {
    pub(crate) host: String,
    pub(crate) port: u16,
}

pub(crate) const DEFAULT_PORT: u16 = 6379;
pub(crate) const DEFAULT_SENTINEL_PORT: u16 = 26379;

impl HostPort {
    /// None if the text is no address.
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']')?;
                (host, after.strip_prefix(':').or(after.is_empty().then_some(""))?)
            }
            None if text.matches(':').count() > 1 => (text, ""),
            None => text.split_once(':').unwrap_or((text, "")),
        };
        let port = match port {
            "" => default_port,
            digits => digits.parse().ok().filter(|port| *port > 0)?,
        };
        let clean = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@');
        clean.then(|| HostPort {
            host: host.to_string(),
            port,
        })
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Addresses of a list.
pub(crate) fn hosts(key: &'static str, list: &[String], default_port: u16) -> Result<Vec<HostPort>> {
    let parse = |text: &String| {
        HostPort::parse(text, default_port)
            .ok_or_else(|| Error::invalid_config(key, text, "Must be host or host:port, with a port of 1 to 65535"))
    };
    let hosts: Vec<HostPort> = list.iter().map(parse).collect::<Result<_>>()?;
    if hosts.is_empty() {
        return Err(Error::invalid_config(key, "", "At least one host must be given"));
    }
    Ok(hosts)
}

fn host_list(key: &'static str) -> Validator {
    Validator::new(move |_, value| match value {
        ParsedValue::List(list) => hosts(key, list, DEFAULT_PORT).map(|_| ()),
        _ => Ok(()),
    })
}

/// Names of Java character sets.
fn charset_name() -> Validator {
    Validator::new(|name, value| match value.as_str().map(Charset::from_name) {
        Some(Some(_)) => Ok(()),
        _ => Err(Error::invalid_config(name, value, "Charset is invalid.")),
    })
}

fn charset(name: &str) -> Result<Charset> {
    Charset::from_name(name).ok_or_else(|| Error::invalid_config("redis.charset", name, "Charset is invalid."))
}

/// Names of a choice in any case.
fn one_of_ignore_case(names: &'static [&'static str]) -> Validator {
    validator::one_of_ignore_case(names)
}

const TYPES: &[&str] = &[
    "HASH",
    "JSON",
    "TIMESERIES",
    "STRING",
    "STREAM",
    "LIST",
    "SET",
    "ZSET",
    "GEO",
    "PUBSUB",
];
const MEMBERS: &[&str] = &["KEY", "VALUE"];
const PUSHES: &[&str] = &["RIGHT", "LEFT"];
const OFFSET_STORAGES: &[&str] = &["GROUP", "REDIS"];

/// Most commands in one pipeline, so that replies do not pile up in the server.
const PIPELINE: usize = 10_000;

fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

fn positive(value: i64) -> Option<i64> {
    (value > 0).then_some(value)
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_string())
}
