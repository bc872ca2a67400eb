//! Flushing a batch: in bulk where possible; when the database refuses that, row by row, which finds the record at fault and
//! its error, or succeeds where only the bulk way could not.

use super::config::InsertMode;
use super::copy::{CopyPlan, HEADER, TRAILER};
use super::dedupe::LastPerKey;
use super::dml::{Template, Write};
use super::failure::{DriverError, Failure};
use super::fields::Cell;
use super::literal::Purpose;
use super::plan::{Bulk, Plan, Way};
use super::session::Session;
use super::sqlite;
use super::temporal::Zones;
use crate::connection::Client;
use crate::url::Driver;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, Postgres};
use sqlx::{Arguments, AssertSqlSafe, Type};
use std::sync::Arc;
use turnbuckle_api::{Error, Record};

/// COPY data is sent in pieces of about this size.
const COPY_CHUNK: usize = 1 << 20;
/// Most rows or statements of one text.
const TEXT_ROWS: usize = 1_000;

/// What stays from flush to flush.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) zones: Zones,
    pub(crate) trim: bool,
    pub(crate) copy_buffer: Vec<u8>,
    pub(crate) last_per_key: LastPerKey,
}

/// Records of one flush.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) records: &'a [Record],
    /// Positions in `records`.
    pub(crate) rows: &'a [u32],
}

/// Why the bulk way failed.
pub(crate) enum Refusal {
    Driver(DriverError),
    /// A value has no encoder.
    Misfit,
    Other(Error),
}

impl From<DriverError> for Refusal {
    fn from(error: DriverError) -> Self {
        Refusal::Driver(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Other(error)
    }
}

/// Writes the records of a batch. `only`: nothing else is written in this `put`, so that a statement that is atomic by
/// itself needs no transaction.
///
/// # Errors
/// The database's refusal, naming the record, or the loss of the connection.
pub(crate) async fn write(
    session: &mut Session,
    scratch: &mut Scratch,
    plan: &mut Plan,
    batch: Batch<'_>,
    only: bool,
) -> Result<(), Failure> {
    if plan.sets_nothing {
        return Ok(());
    }
    let trim = scratch.trim;
    let is_atomic = plan.bulk.is_some();
    let opened = !session.in_transaction;
    if !(only && opened && is_atomic) {
        session.protect().await.map_err(|error| error.into_failure(trim))?;
    }
    let mut outcome = write_in_bulk(session, scratch, plan, batch).await;
    if matches!(outcome, Err(Refusal::Misfit)) {
        tracing::debug!("the bulk way can't take a batch; writing it by statements");
        restore(session, scratch, opened).await?;
        outcome = text_rows(session, scratch, plan, &plan.write, batch).await;
    }
    match outcome {
        Ok(()) => return Ok(()),
        Err(Refusal::Driver(error)) if error.lost || !error.about_rows => return Err(error.into_failure(trim)),
        Err(Refusal::Other(error)) if !is_driver_error(&error) => return Err(Failure::Other(error)),
        Err(_) => tracing::debug!("the database refuses a batch; writing it row by row to find the record"),
    }
    restore(session, scratch, opened).await?;
    let single = plan.single.clone();
    row_by_row(session, scratch, plan, &single, false, batch).await
}

async fn restore(session: &mut Session, scratch: &Scratch, opened: bool) -> Result<(), Failure> {
    session
        .restore(opened)
        .await
        .map_err(|error| error.into_failure(scratch.trim))
}

/// Deletes the rows of the keys of a batch.
///
/// # Errors
/// As [`write`].
pub(crate) async fn delete(
    session: &mut Session,
    scratch: &mut Scratch,
    plan: &mut Plan,
    batch: Batch<'_>,
) -> Result<(), Failure> {
    let Some(deletes) = plan.deletes.clone() else {
        return Err(Failure::Other(Error::connect(
            "Deletes are only supported for pk.mode record_key",
        )));
    };
    let trim = scratch.trim;
    let opened = !session.in_transaction;
    session.protect().await.map_err(|error| error.into_failure(trim))?;
    let mut outcome = match (&deletes.bulk, session.driver()) {
        (_, Driver::Sqlite) => sqlite::delete(session, plan, batch).await,
        (Some(bulk), _) => bulk_rows(session, scratch, bulk, batch).await,
        // PostgreSQL compares texts with columns of other types as the reference's statement does: key by key.
        (None, Driver::Postgres) => statements(session, scratch, plan, &deletes.single, batch).await,
        (None, _) => text_rows(session, scratch, plan, &deletes.many, batch).await,
    };
    if matches!(outcome, Err(Refusal::Misfit)) {
        restore(session, scratch, opened).await?;
        outcome = statements(session, scratch, plan, &deletes.single, batch).await;
    }
    match outcome {
        Ok(()) => return Ok(()),
        Err(Refusal::Driver(error)) if error.lost || !error.about_rows => return Err(error.into_failure(trim)),
        Err(Refusal::Other(error)) if !is_driver_error(&error) => return Err(Failure::Other(error)),
        Err(_) => {}
    }
    restore(session, scratch, opened).await?;
    row_by_row(session, scratch, plan, &deletes.single, true, batch).await
}

async fn write_in_bulk(
    session: &mut Session,
    scratch: &mut Scratch,
    plan: &mut Plan,
    batch: Batch<'_>,
) -> Result<(), Refusal> {
    if session.driver() == Driver::Sqlite {
        return sqlite::write(session, plan, batch).await;
    }
    let Some(bulk) = &plan.bulk else {
        return text_rows(session, scratch, plan, &plan.write, batch).await;
    };
    if matches!(bulk.way, Way::Copy(_)) {
        return bulk_rows(session, scratch, bulk, batch).await;
    }
    let mut last_per_key = std::mem::take(&mut scratch.last_per_key);
    let rows = last_per_key.of(plan.fields.key_columns(), batch.records, batch.rows);
    let outcome = bulk_rows(session, scratch, bulk, Batch { rows, ..batch }).await;
    scratch.last_per_key = last_per_key;
    outcome
}

async fn bulk_rows(session: &mut Session, scratch: &mut Scratch, bulk: &Bulk, batch: Batch<'_>) -> Result<(), Refusal> {
    match &bulk.way {
        Way::Copy(sql) => copy_rows(session, scratch, &bulk.encoders, sql, batch).await,
        Way::Merge { sql, array_types } => {
            let columns = Columns {
                encoders: &bulk.encoders,
                zones: &scratch.zones,
                batch,
            };
            merge_rows(session, sql, array_types, columns).await
        }
    }
}

/// All columns of a batch.
#[derive(Clone, Copy)]
struct Columns<'a> {
    encoders: &'a CopyPlan,
    zones: &'a Zones,
    batch: Batch<'a>,
}

/// One column of a batch: an array parameter that encodes itself into the statement's buffer.
struct ArrayParameter<'a> {
    columns: Columns<'a>,
    column: usize,
    array_type: u32,
}

impl Type<Postgres> for ArrayParameter<'_> {
    fn type_info() -> PgTypeInfo {
        // Each parameter says its own type, see `produces`.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl<'q> Encode<'q, Postgres> for ArrayParameter<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Columns { encoders, zones, batch } = self.columns;
        encoders.encode_column(buffer, zones, self.column, batch.records, batch.rows)?;
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(Oid(self.array_type)))
    }
}

async fn merge_rows(
    session: &mut Session,
    sql: &Arc<str>,
    array_types: &[u32],
    columns: Columns<'_>,
) -> Result<(), Refusal> {
    let mut arguments = PgArguments::default();
    for (column, array_type) in array_types.iter().enumerate() {
        let parameter = ArrayParameter {
            columns,
            column,
            array_type: *array_type,
        };
        arguments.add(parameter).map_err(|_| Refusal::Misfit)?;
    }
    let context = session.connection.error_context();
    let Client::Postgres(client) = &mut session.connection.client else {
        return Err(Refusal::Misfit);
    };
    let outcome = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments)
        .execute(client)
        .await;
    outcome.map_err(|error| DriverError::new(context, error))?;
    session.statements += 1;
    Ok(())
}

async fn copy_rows(
    session: &mut Session,
    scratch: &mut Scratch,
    encoders: &CopyPlan,
    sql: &str,
    batch: Batch<'_>,
) -> Result<(), Refusal> {
    let context = session.connection.error_context();
    let Client::Postgres(client) = &mut session.connection.client else {
        return Err(Refusal::Misfit);
    };
    let failed = |error: sqlx::Error| Refusal::Driver(DriverError::new(context, error));
    let mut copy = client.copy_in_raw(sql).await.map_err(failed)?;
    let buffer = &mut scratch.copy_buffer;
    buffer.clear();
    buffer.extend_from_slice(HEADER);
    for row in batch.rows {
        if encoders
            .encode(buffer, &scratch.zones, &batch.records[*row as usize])
            .is_err()
        {
            copy.abort("a value needs a conversion").await.map_err(failed)?;
            return Err(Refusal::Misfit);
        }
        if buffer.len() >= COPY_CHUNK {
            copy.send(&buffer[..]).await.map_err(failed)?;
            buffer.clear();
        }
    }
    buffer.extend_from_slice(TRAILER);
    copy.send(&buffer[..]).await.map_err(failed)?;
    copy.finish().await.map_err(failed)?;
    session.statements += 1;
    Ok(())
}

/// Multi-row statements of literals.
async fn text_rows(
    session: &mut Session,
    scratch: &mut Scratch,
    plan: &Plan,
    write: &Write,
    batch: Batch<'_>,
) -> Result<(), Refusal> {
    let Write::Rows {
        head,
        row,
        separator,
        tail,
    } = write
    else {
        return statements(session, scratch, plan, &plan.single, batch).await;
    };
    let mut last_per_key = std::mem::take(&mut scratch.last_per_key);
    let once_per_key = session.driver() == Driver::Postgres && plan.mode == InsertMode::Upsert;
    let rows = match once_per_key {
        true => last_per_key.of(plan.fields.key_columns(), batch.records, batch.rows),
        false => batch.rows,
    };
    let mut sql = String::new();
    let mut count = 0;
    for (index, position) in rows.iter().enumerate() {
        sql.push_str(if count == 0 { head } else { separator });
        fill(
            session,
            scratch,
            plan,
            row,
            &batch.records[*position as usize],
            Purpose::Execute,
            &mut sql,
        )?;
        count += 1;
        let is_last = index + 1 == rows.len();
        if is_last || count >= TEXT_ROWS || sql.len() + tail.len() >= session.statement_limit {
            sql.push_str(tail);
            let next = String::with_capacity(if is_last { 0 } else { sql.len() });
            session.run(std::mem::replace(&mut sql, next)).await?;
            count = 0;
        }
    }
    scratch.last_per_key = last_per_key;
    Ok(())
}

/// One statement per record, many in one text.
async fn statements(
    session: &mut Session,
    scratch: &Scratch,
    plan: &Plan,
    template: &Template,
    batch: Batch<'_>,
) -> Result<(), Refusal> {
    let mut sql = String::new();
    let mut count = 0;
    for (index, position) in batch.rows.iter().enumerate() {
        if count > 0 {
            sql.push(';');
        }
        fill(
            session,
            scratch,
            plan,
            template,
            &batch.records[*position as usize],
            Purpose::Execute,
            &mut sql,
        )?;
        count += 1;
        if index + 1 == batch.rows.len() || count >= TEXT_ROWS || sql.len() >= session.statement_limit {
            session.run(std::mem::take(&mut sql)).await?;
            count = 0;
        }
    }
    Ok(())
}

async fn row_by_row(
    session: &mut Session,
    scratch: &Scratch,
    plan: &Plan,
    template: &Template,
    deletes: bool,
    batch: Batch<'_>,
) -> Result<(), Failure> {
    for (entry, position) in batch.rows.iter().enumerate() {
        let record = &batch.records[*position as usize];
        let one = Batch {
            rows: &batch.rows[entry..=entry],
            ..batch
        };
        let outcome = match session.driver() {
            Driver::Sqlite if deletes => sqlite::delete(session, plan, one).await,
            Driver::Sqlite => sqlite::write(session, plan, one).await,
            _ => statements(session, scratch, plan, template, one).await,
        };
        let error = match outcome {
            Ok(()) => continue,
            Err(Refusal::Driver(error)) => error,
            Err(Refusal::Other(error)) => match is_driver_error(&error) {
                true => DriverError {
                    error,
                    lost: false,
                    about_rows: true,
                },
                false => return Err(Failure::Other(error)),
            },
            Err(Refusal::Misfit) => continue,
        };
        let mut shown = String::new();
        if session.driver() == Driver::Postgres {
            fill(session, scratch, plan, template, record, Purpose::Show, &mut shown)?;
        }
        return Err(
            match error.into_batch_failure(session.driver(), entry, &shown, scratch.trim) {
                Failure::Sql { error, lost } => Failure::Sql {
                    error: error.with_context("record", record.coordinates()),
                    lost,
                },
                other => other,
            },
        );
    }
    Ok(())
}

/// Literals of text that the server can't hold fail in the driver's name before anything is sent.
fn is_driver_error(error: &Error) -> bool {
    error.class_name().starts_with("org.postgresql.")
}

fn fill(
    session: &Session,
    scratch: &Scratch,
    plan: &Plan,
    template: &Template,
    record: &Record,
    purpose: Purpose,
    out: &mut String,
) -> Result<(), Error> {
    template.fill(out, |out, index| {
        let column = &plan.fields.columns[index];
        let cell: Cell<'_> = column.source.cell(record);
        session
            .literals
            .write(out, &scratch.zones, &column.schema, &cell, purpose)
    })
}
