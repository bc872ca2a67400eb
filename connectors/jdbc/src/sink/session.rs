//! One connection with its transaction: begin, savepoints, DDL, commit. The ways of writing rows are in the modules below.

use super::failure::DriverError;
use super::literal::Literals;
use crate::connection::{Client, Connection};
use crate::url::Driver;
use sqlx::{AssertSqlSafe, Row};

/// A connection on which a `put` writes.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) literals: Literals,
    /// Most bytes of one statement.
    pub(crate) statement_limit: usize,
    pub(crate) in_transaction: bool,
    /// Statements done since the last [`Session::start_put`].
    pub(crate) statements: u64,
}

/// Text of one multi-row statement, unless the server allows less.
const STATEMENT_LIMIT: usize = 1 << 20;

impl Session {
    /// Learns what literals depend on.
    ///
    /// # Errors
    /// The driver's error.
    pub(crate) async fn new(connection: Connection) -> Result<Session, DriverError> {
        let driver = connection.dialect.driver;
        let mut session = Session {
            literals: Literals {
                driver,
                text_untyped: connection.settings.text_untyped,
                backslash_escapes: true,
            },
            connection,
            statement_limit: STATEMENT_LIMIT,
            in_transaction: false,
            statements: 0,
        };
        session.learn().await.map_err(|error| session.driver_error(error))?;
        Ok(session)
    }

    async fn learn(&mut self) -> sqlx::Result<()> {
        let Client::MySql(client) = &mut self.connection.client else {
            return Ok(());
        };
        let sql = "SELECT INSTR(@@sql_mode, 'NO_BACKSLASH_ESCAPES') > 0, @@max_allowed_packet";
        let row = sqlx::query(sql).fetch_one(client).await?;
        let no_escapes: i64 = row.try_get_unchecked(0)?;
        let packet: i64 = row.try_get_unchecked(1)?;
        self.literals.backslash_escapes = no_escapes == 0;
        // Room for one more row behind the limit.
        self.statement_limit = STATEMENT_LIMIT.min(usize::try_from(packet).unwrap_or(STATEMENT_LIMIT) / 2);
        Ok(())
    }

    pub(crate) fn driver(&self) -> Driver {
        self.connection.dialect.driver
    }

    pub(crate) fn driver_error(&self, error: sqlx::Error) -> DriverError {
        DriverError::new(self.connection.error_context(), error)
    }

    pub(crate) fn start_put(&mut self) {
        self.statements = 0;
    }

    /// Runs statements without parameters, separated by semicolons.
    ///
    /// # Errors
    /// The driver's error.
    pub(crate) async fn run(&mut self, sql: String) -> Result<(), DriverError> {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql));
        let outcome = match &mut self.connection.client {
            Client::Postgres(client) => statement.execute(client).await.map(drop),
            Client::MySql(client) => statement.execute(client).await.map(drop),
            Client::Sqlite(client) => statement.execute(client).await.map(drop),
        };
        outcome.map_err(|error| self.driver_error(error))?;
        self.statements += 1;
        Ok(())
    }

    /// Runs one statement and no more: servers refuse a second one in a prepared statement.
    async fn run_one(&mut self, sql: &str) -> Result<(), DriverError> {
        let statement = AssertSqlSafe(sql.to_string());
        let outcome = match &mut self.connection.client {
            Client::Postgres(client) => sqlx::query(statement).persistent(false).execute(client).await.map(drop),
            Client::MySql(client) => sqlx::query(statement).persistent(false).execute(client).await.map(drop),
            Client::Sqlite(client) => sqlx::query(statement).persistent(false).execute(client).await.map(drop),
        };
        outcome.map_err(|error| self.driver_error(error))?;
        self.statements += 1;
        Ok(())
    }

    /// Opens the transaction of this `put`; in an open one sets a savepoint, to which [`Session::restore`] goes back.
    pub(crate) async fn protect(&mut self) -> Result<(), DriverError> {
        if !self.in_transaction {
            self.run("BEGIN".to_string()).await?;
            self.in_transaction = true;
            return Ok(());
        }
        self.run("SAVEPOINT turnbuckle_flush".to_string()).await
    }

    /// Undoes what was done since [`Session::protect`]; `first`: it opened the transaction.
    pub(crate) async fn restore(&mut self, first: bool) -> Result<(), DriverError> {
        if first {
            self.rollback().await?;
            return self.protect().await;
        }
        self.run("ROLLBACK TO SAVEPOINT turnbuckle_flush".to_string()).await
    }

    /// Runs DDL and commits it together with what was written before, as the reference does. A failure undoes the DDL only,
    /// where the database can.
    pub(crate) async fn apply_ddl(&mut self, statements: &[String]) -> Result<(), DriverError> {
        let savepoints = !self.driver().is_mysql();
        if savepoints {
            if !self.in_transaction {
                self.run("BEGIN".to_string()).await?;
                self.in_transaction = true;
            }
            self.run("SAVEPOINT turnbuckle_ddl".to_string()).await?;
        }
        for statement in statements {
            tracing::info!(sql = %statement, "changing a table");
            if let Err(error) = self.run_one(statement).await {
                if savepoints && !error.lost {
                    self.run("ROLLBACK TO SAVEPOINT turnbuckle_ddl".to_string()).await?;
                }
                return Err(error);
            }
        }
        self.commit().await
    }

    pub(crate) async fn commit(&mut self) -> Result<(), DriverError> {
        if self.in_transaction {
            self.in_transaction = false;
            self.run("COMMIT".to_string()).await?;
        }
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), DriverError> {
        if self.in_transaction {
            self.in_transaction = false;
            self.run("ROLLBACK".to_string()).await?;
        }
        Ok(())
    }
}
