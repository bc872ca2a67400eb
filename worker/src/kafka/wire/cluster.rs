//! The brokers of a cluster: where to connect next, and who coordinates a group.

use super::WireConfig;
use super::connection::Connection;
use super::error::WireError;
use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;

/// Pauses that double from `base` to `max`, each varied by up to a fifth so that a fleet does not move in step.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts at `base`.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self {
            base,
            max: max.max(base),
            failures: 0,
        }
    }

    /// The pause after one more failure.
    pub fn next_pause(&mut self) -> Duration {
        let doubled = self.base.saturating_mul(1 << self.failures.min(20)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        let random = uuid::Uuid::new_v4().as_bytes()[0];
        doubled.mul_f64(0.8 + f64::from(random) / 255.0 * 0.4)
    }

    /// Something worked: begin again at `base`.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Addresses of a cluster and the turn they are tried in.
#[derive(Debug)]
pub struct Cluster {
    config: WireConfig,
    bootstrap: Vec<(String, u16)>,
    /// Brokers named by the last metadata; tried as well when the bootstrap servers are gone.
    learned: Vec<(String, u16)>,
    cluster_id: Option<String>,
    turn: usize,
}

impl Cluster {
    /// Checks the bootstrap list; nothing is connected yet.
    pub fn new(config: WireConfig) -> Result<Self, WireError> {
        let bootstrap = config
            .bootstrap
            .iter()
            .map(|entry| parse_address(entry))
            .collect::<Result<Vec<_>, _>>()?;
        if bootstrap.is_empty() {
            return Err(WireError::Bootstrap {
                message: "bootstrap.servers is empty; give at least one host:port".into(),
            });
        }
        Ok(Self {
            config,
            bootstrap,
            learned: Vec::new(),
            cluster_id: None,
            turn: 0,
        })
    }

    /// The settings connections are opened with.
    pub fn config(&self) -> &WireConfig {
        &self.config
    }

    /// Id of the cluster, once a broker told it.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// A connection to any broker: each known address is tried once, beginning after the one tried last.
    /// The error is the last one; a refused login ends the round at once.
    pub async fn any_broker(&mut self) -> Result<Connection, WireError> {
        let known: Vec<(String, u16)> = self.bootstrap.iter().chain(&self.learned).cloned().collect();
        let mut last = None;
        for _ in 0..known.len() {
            let (host, port) = &known[self.turn % known.len()];
            self.turn = self.turn.wrapping_add(1);
            let mut connection = match Connection::open(host, *port, &self.config).await {
                Ok(connection) => connection,
                Err(error @ WireError::Authentication { .. }) => return Err(error),
                Err(error) => {
                    tracing::debug!("{error}");
                    last = Some(error);
                    continue;
                }
            };
            match self.learn(&mut connection).await {
                Ok(()) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| WireError::Bootstrap {
            message: "no broker address is known".into(),
        }))
    }

    async fn learn(&mut self, connection: &mut Connection) -> Result<(), WireError> {
        // An empty topic list asks for the brokers alone.
        let metadata = connection
            .call(|_| MetadataRequest::default().with_topics(Some(Vec::new())))
            .await?;
        self.learned = metadata
            .brokers
            .into_iter()
            .filter(|broker| !self.bootstrap.contains(broker))
            .collect();
        self.cluster_id = metadata.cluster_id;
        Ok(())
    }

    /// A connection to the coordinator of a group.
    pub async fn coordinator(&mut self, group_id: &str) -> Result<Connection, WireError> {
        let mut broker = self.any_broker().await?;
        let key = StrBytes::from_string(group_id.to_owned());
        let found = broker
            .call(|version| {
                let request = FindCoordinatorRequest::default();
                if version >= 4 {
                    request.with_coordinator_keys(vec![key])
                } else {
                    request.with_key(key)
                }
            })
            .await?;
        if found.error != 0 {
            return Err(WireError::Broker {
                api: "FindCoordinator",
                code: found.error,
            });
        }
        Connection::open(&found.host, found.port, &self.config).await
    }
}

/// `host:port`, `[v6]:port`, either with an optional `PROTOCOL://` before it as Kafka's own clients allow.
fn parse_address(entry: &str) -> Result<(String, u16), WireError> {
    let invalid = || WireError::Bootstrap {
        message: format!("Invalid url in bootstrap.servers: {entry} (write host:port, an IPv6 address in brackets)"),
    };
    let text = entry.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
    let port = port.parse::<u16>().map_err(|_| invalid())?;
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match bare {
        Some(address) if !address.is_empty() => Ok((address.to_owned(), port)),
        None if !host.is_empty() && !host.contains([':', '[', ']']) => Ok((host.to_owned(), port)),
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_bootstrap_entries() {
        let good = [
            ("localhost:9092", ("localhost", 9092)),
            (" broker:29092 ", ("broker", 29092)),
            ("[::1]:9092", ("::1", 9092)),
            ("PLAINTEXT://broker:9092", ("broker", 9092)),
        ];
        for (entry, (host, port)) in good {
            assert_eq!(parse_address(entry).unwrap(), (host.to_owned(), port), "{entry}");
        }
        for entry in [
            "",
            "broker",
            "broker:",
            ":9092",
            "broker:99999",
            "::1:9092",
            "[]:9092",
            "a b:x",
        ] {
            let error = parse_address(entry).unwrap_err().to_string();
            assert!(
                error.contains("bootstrap.servers") && error.contains(entry.trim()),
                "{error}"
            );
        }
        assert!(Cluster::new(WireConfig::plaintext(Vec::new(), "test")).is_err());
    }

    #[test]
    fn backoff_doubles_up_to_its_limit() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        for nominal in [100.0, 200.0, 300.0, 300.0] {
            let pause = backoff.next_pause().as_secs_f64() * 1000.0;
            assert!(
                (nominal * 0.79..=nominal * 1.21).contains(&pause),
                "{pause} around {nominal}"
            );
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(121));
    }
}
