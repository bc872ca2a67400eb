//! Writing to SQLite: prepared statements, many rows each, with the storage classes that sqlite-jdbc binds.

use super::dml::Template;
use super::fields::Cell;
use super::literal::check_bindable;
use super::plan::Plan;
use super::rows::{Batch, Refusal};
use super::session::Session;
use crate::connection::Client;
use crate::url::Driver;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};
use std::sync::Arc;
use turnbuckle_api::{Error, Record, Value};

pub(super) async fn write(session: &mut Session, plan: &Plan, batch: Batch<'_>) -> Result<(), Refusal> {
    let Some(prepared) = &plan.prepared else {
        return Err(Refusal::Misfit);
    };
    let mut rest = batch.rows;
    if let Some(block) = &prepared.block {
        while let Some((rows, after)) = rest.split_at_checked(prepared.rows) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(rows.len() * plan.single.columns().len(), 0);
            for row in rows {
                bind(&mut arguments, plan, &plan.single, &batch.records[*row as usize])?;
            }
            execute(session, block, arguments).await?;
            rest = after;
        }
    }
    each(session, plan, &plan.single, &prepared.single, batch.records, rest).await
}

pub(super) async fn delete(session: &mut Session, plan: &Plan, batch: Batch<'_>) -> Result<(), Refusal> {
    let (Some(template), Some(sql)) = (&plan.delete, &plan.prepared_delete) else {
        return Err(Refusal::Misfit);
    };
    each(session, plan, template, sql, batch.records, batch.rows).await
}

async fn each(
    session: &mut Session,
    plan: &Plan,
    template: &Template,
    sql: &Arc<str>,
    records: &[Record],
    rows: &[u32],
) -> Result<(), Refusal> {
    for row in rows {
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, plan, template, &records[*row as usize])?;
        execute(session, sql, arguments).await?;
    }
    Ok(())
}

async fn execute(session: &mut Session, sql: &Arc<str>, arguments: SqliteArguments) -> Result<(), Refusal> {
    let Client::Sqlite(client) = &mut session.connection.client else {
        return Err(Refusal::Misfit);
    };
    let query = sqlx::query_with(AssertSqlSafe(sql.clone()), arguments);
    let outcome = query.execute(client).await;
    outcome.map_err(|error| session.driver_error(error))?;
    session.statements += 1;
    Ok(())
}

fn bind(arguments: &mut SqliteArguments, plan: &Plan, template: &Template, record: &Record) -> Result<(), Error> {
    for index in template.columns() {
        let column = &plan.fields.columns[*index];
        let cell: Cell<'_> = column.source.cell(record);
        check_bindable(Driver::Sqlite, &column.schema, &cell)?;
        let added = match &*cell {
            Value::Boolean(truth) => arguments.add(i32::from(*truth)),
            Value::Int8(number) => arguments.add(i32::from(*number)),
            Value::Int16(number) => arguments.add(i32::from(*number)),
            Value::Int32(number) => arguments.add(*number),
            // Times are stored as milliseconds since the epoch.
            Value::Int64(number) | Value::Date(number) => arguments.add(*number),
            Value::Float32(number) => arguments.add(f64::from(*number)),
            Value::Float64(number) => arguments.add(*number),
            Value::Decimal(number) => arguments.add(number.to_string()),
            Value::String(text) => arguments.add(text.to_string()),
            Value::Bytes(bytes) => arguments.add(bytes.to_vec()),
            Value::Null | Value::Array(_) | Value::Map(_) | Value::Struct(_) => arguments.add(None::<i64>),
        };
        added.map_err(|error| Error::connect(format!("column {}: {error}", column.name)))?;
    }
    Ok(())
}
