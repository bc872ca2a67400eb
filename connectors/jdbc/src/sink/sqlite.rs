//! Writing to SQLite: prepared statements, many rows each, with the storage classes that sqlite-jdbc binds.

use super::dml::Template;
use super::fields::Cell;
use super::literal::check_bindable;
use super::plan::{Plan, Prepared};
use super::rows::{Batch, Refusal};
use super::session::Session;
use crate::connection::Client;
use crate::url::Driver;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe};
use std::sync::Arc;
use turnbuckle_api::data::Logical;
use turnbuckle_api::{Error, Record, Value};

pub(super) async fn write(session: &mut Session, plan: &Plan, batch: Batch<'_>) -> Result<(), Refusal> {
    let Some(prepared) = &plan.prepared else {
        return Err(Refusal::Misfit);
    };
    run(session, plan, &plan.single, prepared, batch).await
}

pub(super) async fn delete(session: &mut Session, plan: &Plan, batch: Batch<'_>) -> Result<(), Refusal> {
    let Some((deletes, prepared)) = plan
        .deletes
        .as_ref()
        .and_then(|deletes| Some((deletes, deletes.prepared.as_ref()?)))
    else {
        return Err(Refusal::Misfit);
    };
    run(session, plan, &deletes.single, prepared, batch).await
}

/// Whole blocks first, then what is left row by row. `template` has the places of one row.
async fn run(
    session: &mut Session,
    plan: &Plan,
    template: &Template,
    prepared: &Prepared,
    batch: Batch<'_>,
) -> Result<(), Refusal> {
    let mut rest = batch.rows;
    if let Some(block) = &prepared.block {
        while let Some((rows, after)) = rest.split_at_checked(prepared.rows) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(rows.len() * template.columns().len(), 0);
            for row in rows {
                bind(&mut arguments, plan, template, &batch.records[*row as usize])?;
            }
            execute(session, block, arguments).await?;
            rest = after;
        }
    }
    for row in rest {
        let mut arguments = SqliteArguments::default();
        bind(&mut arguments, plan, template, &batch.records[*row as usize])?;
        execute(session, &prepared.single, arguments).await?;
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
            Value::Int64(micros) if column.schema.logical() == Some(Logical::Timestamp) => {
                arguments.add(micros.div_euclid(1000))
            }
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
