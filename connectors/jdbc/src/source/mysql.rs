//! MySQL and MariaDB: what a result's columns are, and rows of the binary protocol.
//!
//! The statement is prepared for its columns; columns of tables get their declared type from `information_schema`, which
//! knows more than the protocol tells. Then it runs, and each value is decoded by a decoder chosen once.

mod decode;
mod types;

use super::emit::{Emitter, MarkColumns, Marks, ReadEnd};
use super::plan::RowPlan;
use super::reader::ReadContext;
use crate::url::Driver;
use bytes::BytesMut;
use decode::{Decoder, Session};
use sqlx::mysql::{MySqlColumn, MySqlRow};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Decode, Executor as _, MySql, MySqlConnection, Row as _,
    SqlSafeStr as _, Statement as _,
};
use std::collections::HashMap;
use turnbuckle_api::{Error, Result, Value};
use types::{Described, jdbc_column};

/// Runs a statement and pushes its rows.
pub(super) async fn read(
    client: &mut MySqlConnection,
    driver: Driver,
    sql: &str,
    context: &mut ReadContext,
    emitter: &mut Emitter<'_>,
) -> Result<(), ReadEnd> {
    let sql = sql.trim_end().trim_end_matches(';').to_string();
    let described = describe(client, &sql).await?;
    let mut reading = None;
    {
        let mut stream = sqlx::query(AssertSqlSafe(sql)).fetch(&mut *client);
        while let Some(row) = emitter.output().next(&mut stream, context.read_timeout).await? {
            let reading = match &mut reading {
                Some(reading) => reading,
                slot => slot.insert(Reading::new(&row, &described, driver, context)?),
            };
            reading.row(&row, emitter)?;
        }
    }
    // Statement texts differ from poll to poll: nothing is to be kept prepared.
    client.clear_cached_statements().await?;
    Ok(())
}

struct Reading {
    /// By column of the result; None for columns that are left out.
    decoders: Vec<Option<Decoder>>,
    plan: RowPlan,
    marks: MarkColumns,
    session: Session,
    /// Texts of many rows share one buffer.
    arena: BytesMut,
}

const ARENA: usize = 64 * 1024;

impl Reading {
    fn new(first: &MySqlRow, described: &[Described], driver: Driver, context: &mut ReadContext) -> Result<Reading> {
        let mut columns = Vec::with_capacity(described.len());
        for (index, column) in described.iter().enumerate() {
            let sample = raw(first, index)?.and_then(|raw| std::str::from_utf8(raw).ok());
            columns.push(jdbc_column(column, driver, &context.settings, sample));
        }
        let plan = context.plan(&columns);
        let mut decoders = vec![None; columns.len()];
        for (index, target) in &plan.fields {
            decoders[*index] = Some(Decoder::new(&described[*index], *target)?);
        }
        let marks = context.mark_columns(&plan)?;
        let session = Session {
            driver,
            zero_dates: context.settings.zero_dates,
            zone: context.zone.clone(),
        };
        Ok(Reading {
            decoders,
            plan,
            marks,
            session,
            arena: BytesMut::new(),
        })
    }

    fn row(&mut self, row: &MySqlRow, emitter: &mut Emitter<'_>) -> Result<()> {
        let mut values = Vec::with_capacity(self.plan.fields.len());
        let mut size = 0;
        for (index, decoder) in self.decoders.iter().enumerate() {
            let Some(decoder) = decoder else { continue };
            let Some(raw) = raw(row, index)? else {
                values.push(Value::Null);
                continue;
            };
            size += raw.len();
            if self.arena.capacity() - self.arena.len() < raw.len() {
                self.arena = BytesMut::with_capacity(ARENA.max(raw.len()));
            }
            let value = decoder.value(raw, &self.session, &mut self.arena);
            values.push(value.map_err(|error| error.for_column(row.column(index).name(), self.session.driver))?);
        }
        let mut timestamp = None;
        for field in &self.marks.timestamps {
            let column = self.plan.fields[*field].0;
            if let (Some(decoder), Some(raw)) = (&self.decoders[column], raw(row, column)?) {
                timestamp = decoder.moment(raw, &self.session);
                break;
            }
        }
        let marks = Marks {
            timestamp,
            incrementing: self.marks.id(&self.plan.schema, &values)?,
        };
        emitter.row(&self.plan.schema, values, marks, size);
        Ok(())
    }
}

/// The bytes of a value as received; None for null.
fn raw(row: &MySqlRow, index: usize) -> Result<Option<&[u8]>> {
    let unreadable =
        |error: &dyn std::fmt::Display| Error::data(format!("Column {index} of the result can't be read: {error}"));
    let value = row.try_get_raw(index).map_err(|error| unreadable(&error))?;
    // Decoding refuses only nulls; dates of zeros count as nulls for the client, but not here.
    Ok(<&[u8] as Decode<MySql>>::decode(value).ok())
}

async fn describe(client: &mut MySqlConnection, sql: &str) -> Result<Vec<Described>, ReadEnd> {
    let statement = client.prepare(AssertSqlSafe(sql.to_string()).into_sql_str()).await?;
    let columns: Vec<MySqlColumn> = statement.columns().to_vec();
    drop(statement);
    let mut tables: HashMap<String, HashMap<String, (String, bool)>> = HashMap::new();
    for column in &columns {
        if let Some(origin) = column.origin().table_column()
            && !tables.contains_key(&*origin.table)
        {
            let declared = declared_types(client, &origin.table).await?;
            tables.insert(origin.table.to_string(), declared);
        }
    }
    let one = |column: &MySqlColumn| {
        let origin = column.origin();
        let declared = origin
            .table_column()
            .and_then(|origin| tables.get(&*origin.table)?.get(&*origin.name).cloned());
        Described::new(column.name(), column.type_info(), declared)
    };
    Ok(columns.iter().map(one).collect())
}

/// Declared type and nullability by column name.
async fn declared_types(
    client: &mut MySqlConnection,
    table: &str,
) -> Result<HashMap<String, (String, bool)>, sqlx::Error> {
    let sql = "SELECT CONVERT(column_name USING utf8mb4), CONVERT(column_type USING utf8mb4), CONVERT(is_nullable USING utf8mb4) \
               FROM information_schema.columns WHERE table_schema = ? AND table_name = ?";
    let (schema, name) = table.split_once('.').unwrap_or(("", table));
    let rows = sqlx::query(sql).bind(schema).bind(name).fetch_all(client).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        let nullable: String = row.try_get(2)?;
        found.insert(row.try_get(0)?, (row.try_get(1)?, nullable == "YES"));
    }
    Ok(found)
}
