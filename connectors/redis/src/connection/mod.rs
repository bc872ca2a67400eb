//! Connections: how to make one, and [`Session`], which runs pipelines on a server or on the nodes of a cluster.

mod cluster;
pub(crate) mod tls;
mod uri;

pub(crate) use tls::Tls;
pub(crate) use uri::RedisUri;

use crate::commands::Commands;
use crate::config::{HostPort, Wait};
use crate::error::{Failure, cannot_connect, not_replicated};
use cluster::Cluster;
use redis::aio::MultiplexedConnection;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, IntoConnectionInfo, Pipeline, RedisError,
    RedisResult, TlsMode, Value,
};
use std::time::Duration;
use turnbuckle_api::Password;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    pub(crate) topology: Topology,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) database: i64,
    pub(crate) tls: Option<Tls>,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: bool,
    pub(crate) connect_timeout: Duration,
    /// How long a pipeline may take.
    pub(crate) operation_timeout: Duration,
}

/// What the addresses are.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    Standalone(HostPort),
    /// Any nodes; the rest is asked for.
    Cluster(Vec<HostPort>),
    Sentinel {
        sentinels: Vec<HostPort>,
        master: String,
        username: Option<String>,
        password: Option<Password>,
    },
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let join = |hosts: &[HostPort]| hosts.iter().map(HostPort::to_string).collect::<Vec<_>>().join(",");
        match self {
            Topology::Standalone(host) => write!(f, "{host}"),
            Topology::Cluster(hosts) => write!(f, "the cluster of {}", join(hosts)),
            Topology::Sentinel { sentinels, master, .. } => {
                write!(f, "master {master} of the sentinels {}", join(sentinels))
            }
        }
    }
}

impl ConnectOptions {
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.topology, Topology::Cluster(_))
    }

    /// Connects, logs in and selects the database; one attempt.
    pub(crate) async fn connect(&self) -> Result<Session, Failure> {
        let session = match &self.topology {
            Topology::Standalone(host) => self.connect_to(host).await.map(Session::Single),
            Topology::Cluster(hosts) => Cluster::connect(self, hosts)
                .await
                .map(|cluster| Session::Cluster(Box::new(cluster))),
            Topology::Sentinel {
                sentinels,
                master,
                username,
                password,
            } => {
                let login = (username.as_deref(), password.as_ref());
                self.connect_to_master(sentinels, master, login)
                    .await
                    .map(Session::Single)
            }
        };
        session.map_err(|error| cannot_connect(&self.topology, &error))
    }

    async fn connect_to(&self, host: &HostPort) -> RedisResult<MultiplexedConnection> {
        let info = self.address(host).into_connection_info()?.set_tcp_settings(self.tcp());
        let client = match &self.tls {
            Some(tls) => Client::build_with_tls(info, tls.certificates.clone())?,
            None => Client::open(info)?,
        };
        self.log_in(&client).await
    }

    /// Connects and logs in by commands of our own: the client library does not tell what the server said to a login.
    async fn log_in(&self, client: &Client) -> RedisResult<MultiplexedConnection> {
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&self.timeouts())
            .await?;
        if let Some(password) = &self.password {
            let mut auth = redis::cmd("AUTH");
            if let Some(username) = &self.username {
                auth.arg(username);
            }
            auth.arg(password.reveal());
            auth.query_async::<Value>(&mut connection).await?;
        }
        if self.database != 0 && !self.is_cluster() {
            let mut select = redis::cmd("SELECT");
            select.arg(self.database);
            select.query_async::<Value>(&mut connection).await?;
        }
        Ok(connection)
    }

    async fn connect_to_master(
        &self,
        sentinels: &[HostPort],
        master: &str,
        login: (Option<&str>, Option<&Password>),
    ) -> RedisResult<MultiplexedConnection> {
        let addresses: Vec<ConnectionAddr> = sentinels.iter().map(|host| self.address(host)).collect();
        let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
            .set_client_to_redis_tcp_settings(self.tcp())
            .set_client_to_sentinel_tcp_settings(self.tcp());
        if let Some(username) = login.0 {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = login.1 {
            builder = builder.set_client_to_sentinel_password(password.reveal());
        }
        if let Some(tls) = &self.tls {
            let mode = if tls.insecure {
                TlsMode::Insecure
            } else {
                TlsMode::Secure
            };
            builder = builder
                .set_client_to_redis_tls_mode(mode)
                .set_client_to_sentinel_tls_mode(mode)
                .set_client_to_redis_certificates(tls.certificates.clone())
                .set_client_to_sentinel_certificates(tls.certificates.clone());
        }
        let asked = async { builder.build()?.async_get_client().await };
        let client = match tokio::time::timeout(self.connect_timeout, asked).await {
            Ok(client) => client?,
            Err(_) => {
                return Err(RedisError::from((
                    ErrorKind::Io,
                    "The sentinels did not answer in time",
                )));
            }
        };
        self.log_in(&client).await
    }

    fn address(&self, host: &HostPort) -> ConnectionAddr {
        match &self.tls {
            None => ConnectionAddr::Tcp(host.host.clone(), host.port),
            Some(tls) => ConnectionAddr::TcpTls {
                host: host.host.clone(),
                port: host.port,
                insecure: tls.insecure,
                tls_params: None,
            },
        }
    }

    fn tcp(&self) -> TcpSettings {
        let settings = TcpSettings::default().set_nodelay(self.no_delay);
        match self.keep_alive {
            true => settings.set_keepalive(TcpKeepalive::new()),
            false => settings,
        }
    }

    fn timeouts(&self) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.operation_timeout))
            .set_write_backpressure_boundary(WRITE_BUFFER)
    }
}

/// A pipeline goes out in pieces of about this size.
const WRITE_BUFFER: usize = 256 * 1024;

/// Open connections.
pub(crate) enum Session {
    Single(MultiplexedConnection),
    Cluster(Box<Cluster>),
}

impl Session {
    /// Sends commands as one pipeline (in a cluster one per node) and returns a reply for each; replies may be errors.
    pub(crate) async fn run(&mut self, commands: Commands, transaction: bool) -> RedisResult<Vec<Value>> {
        match self {
            Session::Single(connection) => run_pipeline(connection, &commands.into_pipeline(transaction)).await,
            Session::Cluster(cluster) => cluster.run(commands, transaction).await,
        }
    }

    /// Waits until replicas have everything that was written on these connections.
    pub(crate) async fn wait(&mut self, wait: Wait) -> Result<(), Failure> {
        let connections = match self {
            Session::Single(connection) => vec![connection],
            Session::Cluster(cluster) => cluster.connections(),
        };
        for connection in connections {
            let mut command = redis::cmd("WAIT");
            command.arg(wait.replicas).arg(wait.timeout.as_millis() as u64);
            let reached: i64 = command
                .query_async(connection)
                .await
                .map_err(|error| Failure::of(&error))?;
            if reached < i64::from(wait.replicas) {
                return Err(not_replicated(wait.replicas, reached));
            }
        }
        Ok(())
    }

    /// Runs one command that concerns no key, on any node.
    pub(crate) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Session::Single(connection) => command.query_async(connection).await,
            Session::Cluster(cluster) => cluster.query(command).await,
        }
    }
}

/// Replies to a pipeline, one per command.
async fn run_pipeline(connection: &mut MultiplexedConnection, pipeline: &Pipeline) -> RedisResult<Vec<Value>> {
    match pipeline.query_async::<Value>(connection).await? {
        Value::Array(replies) if replies.len() == pipeline.len() => Ok(replies),
        _ => Err(RedisError::from((
            ErrorKind::UnexpectedReturnType,
            "Not one reply per command",
        ))),
    }
}
