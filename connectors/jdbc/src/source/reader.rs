//! The background reader of a task: runs the queries of its tables in turn and hands batches to `poll`.
//!
//! It owns the connection. Each table is due `poll.interval.ms` after its last query ended. A database error closes the
//! connection and puts the table at the end of the line, keeping the position reached; other errors end the task.

use super::emit::{Emitter, Labels, MarkColumns, Output, ReadEnd, Stopped, Tracking};
use super::offset::Position;
use super::plan::{JdbcColumn, NumericMapping, RowPlan};
use super::query::QueryBuilder;
use super::time::{Granularity, Moment, Zone};
use super::{mysql, postgres, sqlite};
use crate::connection::{
    Client, ConnectOptions, Connection, Settings, connect_with_attempts, is_non_transient, sql_error,
};
use crate::dialect::QuoteMethod;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::{Error, ErrorKind, Result, SchemaRef};

/// What decoding needs to know of a table or query.
#[derive(Debug)]
pub(super) struct ReadContext {
    /// Name of the record schema: the bare table; none for queries.
    pub(super) name: Option<String>,
    pub(super) mapping: NumericMapping,
    pub(super) granularity: Granularity,
    pub(super) zone: Zone,
    pub(super) timestamps: Vec<String>,
    pub(super) incrementing: Option<String>,
    pub(super) settings: Settings,
    pub(super) read_timeout: Option<Duration>,
    /// Schema of the last result, kept while the columns stay the same.
    pub(super) schema: Option<SchemaRef>,
}

impl ReadContext {
    pub(super) fn plan(&mut self, columns: &[JdbcColumn]) -> RowPlan {
        let plan = RowPlan::new(self.name.as_deref(), columns, self.mapping, self.granularity);
        let plan = plan.keeping_schema_of(self.schema.as_ref());
        self.schema = Some(plan.schema.clone());
        plan
    }

    pub(super) fn mark_columns(&self, plan: &RowPlan) -> Result<MarkColumns> {
        MarkColumns::find(plan, &self.timestamps, self.incrementing.as_deref())
    }
}

/// A table or query with its position.
#[derive(Debug)]
pub(super) struct Querier {
    pub(super) builder: QueryBuilder,
    pub(super) labels: Labels,
    pub(super) position: Position,
    pub(super) context: ReadContext,
    pub(super) due: Instant,
    pub(super) failures: i64,
}

/// How to reach the database and how often to ask it.
#[derive(Debug)]
pub(super) struct ReaderSettings {
    pub(super) options: ConnectOptions,
    pub(super) attempts: u32,
    pub(super) backoff: Duration,
    pub(super) poll_interval: Duration,
    /// `timestamp.delay.interval.ms`.
    pub(super) delay_millis: i64,
    /// 0 and less: try for ever.
    pub(super) max_retries: i64,
    /// Statement that sets the isolation level.
    pub(super) isolation: Option<String>,
    pub(super) quote_method: QuoteMethod,
}

impl ReaderSettings {
    /// Opens a connection and sets its session up.
    ///
    /// # Errors
    /// `ConnectException` after the last attempt.
    pub(super) async fn connect(&self) -> Result<Connection> {
        let mut connection = connect_with_attempts(&self.options, self.attempts, self.backoff).await?;
        connection.dialect.quote_method = self.quote_method;
        if let Some(statement) = &self.isolation
            && let Err(error) = connection.execute(statement).await
        {
            tracing::warn!(%error, "the database does not take transaction.isolation.mode; its default stays");
        }
        Ok(connection)
    }
}

pub(super) struct Reader {
    pub(super) settings: ReaderSettings,
    pub(super) queriers: VecDeque<Querier>,
    pub(super) connection: Option<Connection>,
    pub(super) output: Output,
}

impl Reader {
    /// Reads until the task stops or fails.
    pub(super) async fn run(mut self) {
        while let Some(mut querier) = self.queriers.pop_front() {
            tokio::time::sleep_until(querier.due).await;
            match self.query(&mut querier).await {
                Ok(()) => querier.failures = 0,
                Err(ReadEnd::Stopped) => return,
                Err(ReadEnd::Fatal(error)) => return self.output.fail(error).await,
                Err(ReadEnd::Sql(error)) => match self.after_sql_error(&mut querier, error, 0).await {
                    Ok(()) => {}
                    Err(Some(error)) => return self.output.fail(error).await,
                    Err(None) => return,
                },
                Err(ReadEnd::Shifted(error, shift)) => match self.after_sql_error(&mut querier, error, shift).await {
                    Ok(()) => {}
                    Err(Some(error)) => return self.output.fail(error).await,
                    Err(None) => return,
                },
            }
            querier.due = Instant::now() + self.settings.poll_interval;
            self.queriers.push_back(querier);
        }
    }

    async fn query(&mut self, querier: &mut Querier) -> Result<(), ReadEnd> {
        if self.connection.is_none() {
            self.connection = Some(self.settings.connect().await?);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let mut end = Moment::default();
        if querier.builder.criteria.needs_end() {
            let now = database_time(connection, &querier.context.zone).await?;
            end = Moment::from_millis(now - self.settings.delay_millis);
        }
        let sql = querier.builder.select(querier.position, end);
        tracing::debug!(sql, "running query");
        let mut emitter = Emitter::new(&mut self.output, &querier.labels, &mut querier.position);
        let context = &mut querier.context;
        match &mut connection.client {
            Client::Postgres(client) => postgres::read(client, &sql, context, &mut emitter).await?,
            Client::MySql(client) => {
                mysql::read(client, connection.dialect.driver, &sql, context, &mut emitter).await?
            }
            Client::Sqlite(client) => sqlite::read(client, &sql, context, &mut emitter).await?,
        }
        emitter.finish().await?;
        Ok(())
    }

    /// Keeps the rows read so far, counts the failure and gives the connection up.
    ///
    /// # Errors
    /// What ends the task; None if it was stopped.
    async fn after_sql_error(
        &mut self,
        querier: &mut Querier,
        error: sqlx::Error,
        shift: usize,
    ) -> Result<(), Option<Error>> {
        let Some(connection) = self.connection.take() else {
            return Ok(());
        };
        let mut context = connection.error_context();
        context.position_shift = shift;
        let error = sql_error(context, error);
        if matches!(connection.client, Client::Sqlite(_)) {
            self.connection = Some(connection);
        }
        if is_non_transient(&error) {
            return Err(Some(Error::wrap(ErrorKind::Connect, error.headline(), error)));
        }
        let limit = self.settings.max_retries;
        if limit > 0 && querier.failures >= limit {
            return Err(Some(Error::wrap(
                ErrorKind::Connect,
                "Failed to Query table after retries",
                error,
            )));
        }
        querier.failures += 1;
        tracing::error!(%error, origin = ?querier.builder.origin, attempt = querier.failures, limit, "query failed; will try again");
        self.output.flush().await.map_err(|Stopped| None)
    }
}

/// The database's clock, in milliseconds since the epoch.
pub(super) async fn database_time(connection: &mut Connection, zone: &Zone) -> Result<i64, sqlx::Error> {
    match &mut connection.client {
        Client::Postgres(client) => {
            let sql = "SELECT floor(extract(epoch FROM CURRENT_TIMESTAMP) * 1000)::int8";
            sqlx::query_scalar(sql).fetch_one(client).await
        }
        // The session's wall clock, which the connector reads as one of db.timezone.
        Client::MySql(client) => {
            let sql = "SELECT CAST(TIMESTAMPDIFF(SECOND, '1970-01-01', CURRENT_TIMESTAMP) AS SIGNED)";
            let wall: i64 = sqlx::query_scalar(sql).fetch_one(client).await?;
            Ok(zone.to_instant(wall) * 1000)
        }
        Client::Sqlite(client) => {
            let sql = "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)";
            sqlx::query_scalar(sql).fetch_one(client).await
        }
    }
}

/// What positions of a mode are made of.
pub(super) fn tracking(bulk: bool, timestamps: bool, incrementing: bool) -> Tracking {
    match (bulk, timestamps, incrementing) {
        (true, _, _) => Tracking::Nothing,
        (false, true, true) => Tracking::TimestampAndIncrementing,
        (false, true, false) => Tracking::Timestamp,
        (false, false, true) => Tracking::Incrementing,
        (false, false, false) => Tracking::Empty,
    }
}
