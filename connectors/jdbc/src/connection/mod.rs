//! Connections to the databases: options from URL and keys, connecting with attempts, errors in the drivers' words.
//!
//! [`ConnectOptions`] → [`connect`] / [`connect_with_attempts`] → [`Connection`]: an enum of the three native connections
//! with the session set up, plus what error texts and type plans need.

mod error;
mod options;
mod parameters;
mod stores;

pub use error::is_non_transient;
pub(crate) use error::{ErrorContext, sql_error};
pub use options::{ConnectOptions, Settings, ZeroDates};

use crate::dialect::Dialect;
use crate::url::JdbcUrl;
use options::Servers;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection, PgConnection, Row, SqliteConnection};
use std::time::Duration;
use turnbuckle_api::{Error, ErrorKind, Password, Props, Result};

/// A native connection.
#[derive(Debug)]
pub enum Client {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    pub client: Client,
    pub dialect: Dialect,
    pub settings: Settings,
    /// The server's number for this connection; 0 where nobody shows it.
    pub connection_id: u64,
}

/// Keys below `connection.` that the connectors define themselves; all others go to the driver.
const OWN_KEYS: [&str; 5] = ["url", "user", "password", "attempts", "backoff.ms"];

impl ConnectOptions {
    /// Options from the configuration of a source or sink: `connection.url`, `connection.user`, `connection.password` and
    /// any further `connection.*` key.
    ///
    /// # Errors
    /// As [`JdbcUrl::parse`] and [`ConnectOptions::new`].
    pub fn from_config(url: &str, user: Option<&str>, password: Option<&Password>, props: &Props) -> Result<Self> {
        let url = JdbcUrl::parse(url)?;
        let extra: Vec<(String, String)> = props
            .with_prefix("connection.")
            .iter()
            .filter(|(name, _)| !OWN_KEYS.contains(name))
            .filter_map(|(name, value)| Some((name.to_string(), value?.to_string())))
            .collect();
        ConnectOptions::new(&url, user, password, &extra)
    }
}

impl Connection {
    /// The driver's error for an error of the native client on this connection.
    pub fn error(&self, error: sqlx::Error) -> Error {
        sql_error(self.error_context(), error)
    }

    pub(crate) fn error_context(&self) -> ErrorContext {
        ErrorContext {
            driver: self.dialect.driver,
            connection_id: self.connection_id,
            position_shift: 0,
        }
    }

    /// Runs statements without parameters; they may be several, separated by semicolons.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn execute(&mut self, sql: &str) -> Result<u64> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_string()));
        let outcome = match &mut self.client {
            Client::Postgres(client) => statement.execute(client).await.map(|done| done.rows_affected()),
            Client::MySql(client) => statement.execute(client).await.map(|done| done.rows_affected()),
            Client::Sqlite(client) => statement.execute(client).await.map(|done| done.rows_affected()),
        };
        outcome.map_err(|error| self.error(error))
    }

    /// Says goodbye; errors of a connection that is given up anyway are logged only.
    pub async fn close(self) {
        let outcome = match self.client {
            Client::Postgres(client) => client.close().await,
            Client::MySql(client) => client.close().await,
            Client::Sqlite(client) => client.close().await,
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "closing a database connection");
        }
    }
}

/// Opens a connection, once; hosts of the URL are tried in order.
///
/// # Errors
/// The driver's error of the last host.
pub async fn connect(options: &ConnectOptions) -> Result<Connection> {
    let client = match &options.servers {
        Servers::Postgres(hosts) => {
            let mut outcome = Err(no_host());
            for host in hosts {
                let place = (host.get_host(), host.get_port());
                outcome = attempt(options, place, PgConnection::connect_with(host)).await;
                if outcome.is_ok() {
                    break;
                }
            }
            Client::Postgres(outcome?)
        }
        Servers::MySql(hosts) => {
            let mut outcome = Err(no_host());
            for host in hosts {
                let place = (host.get_host(), host.get_port());
                outcome = attempt(options, place, MySqlConnection::connect_with(host)).await;
                if outcome.is_ok() {
                    break;
                }
            }
            Client::MySql(outcome?)
        }
        Servers::Sqlite(file) => Client::Sqlite(attempt(options, ("", 0), file.connect()).await?),
    };
    let mut connection = Connection {
        client,
        dialect: Dialect::new(options.driver),
        settings: options.settings.clone(),
        connection_id: 0,
    };
    for statement in &options.settings.session {
        connection.execute(statement).await?;
    }
    connection.learn().await?;
    Ok(connection)
}

fn no_host() -> Error {
    Error::connect("connection.url names no host")
}

async fn attempt<T>(
    options: &ConnectOptions,
    (host, port): (&str, u16),
    connecting: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T> {
    let late = |_| sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut));
    let outcome = tokio::time::timeout(options.settings.connect_timeout, connecting).await;
    outcome.map_err(late).flatten().map_err(|error| match error {
        sqlx::Error::Io(io) => error::unreachable(options.driver, host, port, &io),
        other => {
            let context = ErrorContext {
                driver: options.driver,
                connection_id: 0,
                position_shift: 0,
            };
            sql_error(context, other)
        }
    })
}

impl Connection {
    /// Asks the server what names and messages depend on.
    async fn learn(&mut self) -> Result<()> {
        let outcome = match &mut self.client {
            Client::Postgres(client) => sqlx::query("SELECT current_setting('max_identifier_length')::int")
                .fetch_one(client)
                .await
                .and_then(|row| row.try_get::<i32, _>(0))
                .map(|length| self.dialect.max_identifier = usize::try_from(length).unwrap_or(63)),
            Client::MySql(client) => {
                sqlx::query("SELECT CAST(CONNECTION_ID() AS UNSIGNED), INSTR(@@sql_mode, 'ANSI_QUOTES') > 0")
                    .fetch_one(client)
                    .await
                    .and_then(|row| {
                        self.connection_id = row.try_get_unchecked(0)?;
                        let ansi_quotes: bool = row.try_get_unchecked(1)?;
                        self.dialect.quote = if ansi_quotes { '"' } else { '`' };
                        Ok(())
                    })
            }
            Client::Sqlite(_) => Ok(()),
        };
        outcome.map_err(|error| self.error(error))
    }
}

/// Opens a connection, waiting `backoff` between at most `attempts` attempts.
///
/// # Errors
/// `ConnectException` whose cause is the driver's error of the last attempt.
pub async fn connect_with_attempts(options: &ConnectOptions, attempts: u32, backoff: Duration) -> Result<Connection> {
    let mut left = attempts.max(1);
    loop {
        let error = match connect(options).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        left -= 1;
        if left == 0 {
            let headline = error.headline();
            return Err(Error::wrap(ErrorKind::Connect, headline, error));
        }
        tracing::info!(%error, attempts_left = left, backoff_ms = backoff.as_millis(), "unable to connect to the database; will try again");
        tokio::time::sleep(backoff).await;
    }
}
