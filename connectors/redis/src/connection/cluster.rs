//! A cluster: which node has which slot, and a connection to each node that has some.
//!
//! Commands are sent as one pipeline per node, so that a batch takes one round trip. The client library's own cluster
//! connection takes pipelines for one slot only, and after a redirection repeats the whole pipeline; here only the commands
//! that were redirected are sent again, in their order, so that the order of writes to a key stays.

use super::{ConnectOptions, run_pipeline};
use crate::commands::{Commands, SLOTS};
use crate::config::HostPort;
use futures::future::try_join_all;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use std::collections::HashMap;
use std::time::Duration;

pub(crate) struct Cluster {
    options: ConnectOptions,
    seeds: Vec<HostPort>,
    nodes: Vec<Node>,
    /// Position in `nodes` by slot.
    owners: Vec<u16>,
}

struct Node {
    address: HostPort,
    connection: MultiplexedConnection,
}

/// Stands for a slot that no node has.
const NOBODY: u16 = u16::MAX;

/// How often redirected commands are sent again before the batch is given back.
const REDIRECTIONS: u32 = 8;

impl Cluster {
    pub(super) async fn connect(options: &ConnectOptions, seeds: &[HostPort]) -> RedisResult<Cluster> {
        let mut cluster = Cluster {
            options: options.clone(),
            seeds: seeds.to_vec(),
            nodes: Vec::new(),
            owners: Vec::new(),
        };
        cluster.discover().await?;
        Ok(cluster)
    }

    /// Asks a node for the owners of slots, and connects to those that are new.
    async fn discover(&mut self) -> RedisResult<()> {
        let (slots, asked) = self.ask_for_slots().await?;
        let ranges = parse_slots(&slots, &asked)?;
        let mut known: HashMap<HostPort, MultiplexedConnection> = self
            .nodes
            .drain(..)
            .map(|node| (node.address, node.connection))
            .collect();
        let mut positions: HashMap<HostPort, u16> = HashMap::new();
        let mut owners = vec![NOBODY; SLOTS];
        for (first, last, address) in ranges {
            let position = match positions.get(&address) {
                Some(position) => *position,
                None => {
                    let connection = match known.remove(&address) {
                        Some(connection) => connection,
                        None => self.options.connect_to(&address).await?,
                    };
                    let position = u16::try_from(self.nodes.len()).unwrap_or(NOBODY);
                    positions.insert(address.clone(), position);
                    self.nodes.push(Node { address, connection });
                    position
                }
            };
            if let Some(range) = owners.get_mut(first..=last) {
                range.fill(position);
            }
        }
        self.owners = owners;
        Ok(())
    }

    async fn ask_for_slots(&mut self) -> RedisResult<(Value, HostPort)> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SLOTS");
        for node in &mut self.nodes {
            if let Ok(slots) = command.query_async(&mut node.connection).await {
                return Ok((slots, node.address.clone()));
            }
        }
        let mut last = RedisError::from((ErrorKind::InvalidClientConfig, "No hosts are given"));
        for seed in self.seeds.clone() {
            let asked = async {
                let mut connection = self.options.connect_to(&seed).await?;
                command.query_async::<Value>(&mut connection).await
            };
            match asked.await {
                Ok(slots) => return Ok((slots, seed)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn connections(&mut self) -> Vec<&mut MultiplexedConnection> {
        self.nodes.iter_mut().map(|node| &mut node.connection).collect()
    }

    pub(super) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self.nodes.first_mut() {
            Some(node) => command.query_async(&mut node.connection).await,
            None => Err(not_covered()),
        }
    }

    fn owner(&self, slot: u16) -> RedisResult<usize> {
        match self.owners.get(usize::from(slot)) {
            Some(owner) if *owner != NOBODY => Ok(usize::from(*owner)),
            _ => Err(not_covered()),
        }
    }

    /// Replies in the order of the commands.
    pub(super) async fn run(&mut self, commands: Commands, transaction: bool) -> RedisResult<Vec<Value>> {
        let mut replies = vec![Value::Nil; commands.len()];
        let parts = self.split(commands, transaction)?;
        let sent = parts.iter().map(|part| {
            let connection = self.nodes.get(part.node).map(|node| node.connection.clone());
            async move {
                let mut connection = connection.ok_or_else(not_covered)?;
                run_pipeline(&mut connection, &part.pipeline).await
            }
        });
        let answers = try_join_all(sent).await?;
        let mut redirected: Vec<(usize, u16, Cmd)> = Vec::new();
        for (part, answer) in parts.iter().zip(answers) {
            for (index, reply) in answer.into_iter().enumerate() {
                let Some((place, slot)) = part.places.get(index).copied() else {
                    continue;
                };
                if is_redirection(&reply)
                    && let Some(command) = part.pipeline.cmd_iter().nth(index)
                {
                    redirected.push((place, slot, command.clone()));
                }
                if let Some(kept) = replies.get_mut(place) {
                    *kept = reply;
                }
            }
        }
        redirected.sort_by_key(|(place, ..)| *place);
        for (place, slot, command) in redirected {
            let reply = self.run_redirected(&command, slot).await?;
            if let Some(kept) = replies.get_mut(place) {
                *kept = reply;
            }
        }
        Ok(replies)
    }

    /// One pipeline per node; transactions can't span slots, so they get one per slot.
    fn split(&self, commands: Commands, transaction: bool) -> RedisResult<Vec<Part>> {
        let mut parts: Vec<Part> = Vec::new();
        let mut by_owner: HashMap<(usize, u16), usize> = HashMap::new();
        for (place, (slot, command)) in commands.into_slots_and_commands().enumerate() {
            let node = self.owner(slot)?;
            let group = (node, if transaction { slot } else { 0 });
            let position = *by_owner.entry(group).or_insert_with(|| {
                parts.push(Part::new(node, transaction));
                parts.len() - 1
            });
            if let Some(part) = parts.get_mut(position) {
                part.places.push((place, slot));
                part.pipeline.add_command(command);
            }
        }
        Ok(parts)
    }

    async fn run_redirected(&mut self, command: &Cmd, slot: u16) -> RedisResult<Value> {
        let mut pause = Duration::from_millis(10);
        let mut asked: Option<HostPort> = None;
        for _ in 0..REDIRECTIONS {
            let reply = match asked.take() {
                Some(address) => self.ask(command, &address).await?,
                None => {
                    let node = self.owner(slot)?;
                    let connection = self.nodes.get_mut(node).map(|node| &mut node.connection);
                    let mut pipeline = Pipeline::new();
                    pipeline.ignore_errors().add_command(command.clone());
                    let connection = connection.ok_or_else(not_covered)?;
                    run_pipeline(connection, &pipeline)
                        .await?
                        .into_iter()
                        .next()
                        .unwrap_or_default()
                }
            };
            let Value::ServerError(error) = &reply else {
                return Ok(reply);
            };
            match error.kind() {
                Some(ServerErrorKind::Ask) => asked = error.details().and_then(target),
                Some(ServerErrorKind::Moved) => self.discover().await?,
                Some(ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                    self.discover().await?;
                }
                _ => return Ok(reply),
            }
        }
        Err(RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "The cluster keeps moving slots",
        )))
    }

    /// A command for a slot that is on its way to another node.
    async fn ask(&mut self, command: &Cmd, address: &HostPort) -> RedisResult<Value> {
        let known = self.nodes.iter().find(|node| node.address == *address);
        let mut connection = match known {
            Some(node) => node.connection.clone(),
            None => self.options.connect_to(address).await?,
        };
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors().cmd("ASKING").add_command(command.clone());
        let replies = run_pipeline(&mut connection, &pipeline).await?;
        Ok(replies.into_iter().nth(1).unwrap_or_default())
    }
}

/// The commands for one node.
struct Part {
    node: usize,
    pipeline: Pipeline,
    /// Place among all commands, and slot.
    places: Vec<(usize, u16)>,
}

impl Part {
    fn new(node: usize, transaction: bool) -> Part {
        let mut pipeline = Pipeline::new();
        pipeline.ignore_errors();
        if transaction {
            pipeline.atomic();
        }
        Part {
            node,
            pipeline,
            places: Vec::new(),
        }
    }
}

fn not_covered() -> RedisError {
    RedisError::from((
        ErrorKind::ClusterConnectionNotFound,
        "No node of the cluster has the key's slot",
    ))
}

fn is_redirection(reply: &Value) -> bool {
    let Value::ServerError(error) = reply else {
        return false;
    };
    matches!(
        error.kind(),
        Some(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown)
    )
}

/// The address in `SLOT HOST:PORT`.
fn target(details: &str) -> Option<HostPort> {
    let address = details.split_whitespace().last()?;
    let (host, port) = address.rsplit_once(':')?;
    Some(HostPort {
        host: host.to_string(),
        port: port.parse().ok()?,
    })
}

/// First and last slot and the master of each range. A node that does not know its own address is the one that was asked.
fn parse_slots(slots: &Value, asked: &HostPort) -> RedisResult<Vec<(usize, usize, HostPort)>> {
    let parse = |entry: &Value| {
        let Value::Array(parts) = entry else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = parts.as_slice() else {
            return None;
        };
        let [host, Value::Int(port), ..] = master.as_slice() else {
            return None;
        };
        let host = match host {
            Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
            Value::SimpleString(text) => text.clone(),
            _ => String::new(),
        };
        let host = match host.as_str() {
            "" | "?" => asked.host.clone(),
            _ => host,
        };
        let port = u16::try_from(*port).ok()?;
        Some((
            usize::try_from(*first).ok()?,
            usize::try_from(*last).ok()?,
            HostPort { host, port },
        ))
    };
    let ranges: Option<Vec<_>> = match slots {
        Value::Array(entries) => entries.iter().map(parse).collect(),
        _ => None,
    };
    match ranges {
        Some(ranges) if !ranges.is_empty() => Ok(ranges),
        _ => Err(RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "The server tells no owners of slots: the cluster is not set up",
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, host: Value, port: i64) -> Value {
        let master = Value::Array(vec![host, Value::Int(port), text("id")]);
        Value::Array(vec![Value::Int(first), Value::Int(last), master])
    }

    #[test]
    fn slots_name_their_masters() {
        let asked = HostPort {
            host: "seed".to_string(),
            port: 7000,
        };
        let slots = Value::Array(vec![
            range(0, 99, text("10.0.0.1"), 7001),
            range(100, 16383, Value::Nil, 7002),
        ]);
        let ranges = parse_slots(&slots, &asked).unwrap();
        let shown: Vec<String> = ranges.iter().map(|(a, b, host)| format!("{a}-{b} {host}")).collect();
        assert_eq!(shown, ["0-99 10.0.0.1:7001", "100-16383 seed:7002"]);
        assert!(parse_slots(&Value::Array(Vec::new()), &asked).is_err());
        assert!(parse_slots(&Value::Array(vec![Value::Int(1)]), &asked).is_err());
    }

    #[test]
    fn redirections_name_an_address() {
        assert_eq!(target("3999 127.0.0.1:6381").unwrap().to_string(), "127.0.0.1:6381");
        assert_eq!(target("3999 ::1:6381").unwrap().to_string(), "[::1]:6381");
        assert!(target("").is_none());
    }
}
