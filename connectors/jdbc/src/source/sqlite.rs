//! SQLite: what a result's columns are, and rows.
//!
//! sqlite-jdbc decides types by the declared name and the storage class of the first row, so the plan waits for that row.
//! Decimals and blobs, which the driver can't read at all, are read here: see [`decimal`] and [`bytes`].

use super::emit::{Emitter, MarkColumns, Marks, ReadEnd};
use super::plan::{JdbcColumn, JdbcType, NumericMapping, RowPlan, Target};
use super::reader::ReadContext;
use super::time::{MILLIS_PER_DAY, Moment, Zone};
use bytes::Bytes;
use sqlx::sqlite::{SqliteColumn, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Decode, Executor as _, Row as _, SqlSafeStr as _, Sqlite,
    SqliteConnection, Statement as _, TypeInfo as _, ValueRef as _,
};
use std::collections::HashMap;
use turnbuckle_api::data::calendar::days_from_civil;
use turnbuckle_api::{Decimal, Error, ErrorKind, Result, Value};

/// A column of a result.
#[derive(Clone, Debug)]
struct Described {
    name: String,
    /// Upper-case declared name without parentheses; empty for expressions.
    declared: String,
    precision: i32,
    scale: i32,
    /// The declared type has a precision, so that `scale` means something.
    has_scale: bool,
    optional: bool,
}

/// `sqlite3_column_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    Null,
    Integer,
    Float,
    Text,
    Blob,
}

/// Runs a statement and pushes its rows.
pub(super) async fn read(
    client: &mut SqliteConnection,
    sql: &str,
    context: &mut ReadContext,
    emitter: &mut Emitter<'_>,
) -> Result<(), ReadEnd> {
    let described = describe(client, sql).await?;
    let mut reading: Option<Reading> = None;
    {
        let mut stream = sqlx::query(AssertSqlSafe(sql.to_string())).fetch(&mut *client);
        while let Some(row) = emitter.output().next(&mut stream, context.read_timeout).await? {
            let reading = match &mut reading {
                Some(reading) => reading,
                slot => slot.insert(Reading::new(&row, &described, context)?),
            };
            reading.row(&row, context, emitter)?;
        }
    }
    client.clear_cached_statements().await?;
    Ok(())
}

async fn describe(client: &mut SqliteConnection, sql: &str) -> Result<Vec<Described>, ReadEnd> {
    let statement = client.prepare(AssertSqlSafe(sql.to_string()).into_sql_str()).await?;
    let columns: Vec<SqliteColumn> = statement.columns().to_vec();
    drop(statement);
    let mut tables: HashMap<String, HashMap<String, (String, bool)>> = HashMap::new();
    for column in &columns {
        if let Some(origin) = column.origin().table_column()
            && !tables.contains_key(&*origin.table)
        {
            let rows = sqlx::query("SELECT name, type, \"notnull\" FROM pragma_table_xinfo(?)")
                .bind(&*origin.table)
                .fetch_all(&mut *client)
                .await?;
            let mut known = HashMap::with_capacity(rows.len());
            for row in rows {
                known.insert(row.try_get(0)?, (row.try_get(1)?, row.try_get::<i64, _>(2)? == 0));
            }
            tables.insert(origin.table.to_string(), known);
        }
    }
    let one = |column: &SqliteColumn| {
        let origin = column.origin();
        let known = origin
            .table_column()
            .and_then(|origin| tables.get(&*origin.table)?.get(&*origin.name));
        let (declared, optional) = known.map_or(("", true), |(declared, optional)| (declared.as_str(), *optional));
        let (name, numbers) = declared.split_once('(').unwrap_or((declared, ""));
        let mut numbers = numbers
            .trim_end_matches(')')
            .split(',')
            .map(|text| text.trim().parse().unwrap_or(0));
        Described {
            name: column.name().to_string(),
            declared: name.trim().to_uppercase(),
            precision: numbers.next().unwrap_or(0),
            scale: numbers.next().unwrap_or(0),
            has_scale: declared.contains('('),
            optional,
        }
    };
    Ok(columns.iter().map(one).collect())
}

/// The type sqlite-jdbc reports for a declared name and the storage class of the first row's value.
fn jdbc_type(declared: &str, storage: Storage, wide: bool) -> JdbcType {
    use Storage::{Blob, Float, Integer, Null, Text};
    if matches!(storage, Integer | Null) {
        match declared {
            "BOOLEAN" => return JdbcType::Boolean,
            "TINYINT" => return JdbcType::TinyInt,
            "SMALLINT" | "INT2" => return JdbcType::SmallInt,
            "BIGINT" | "INT8" | "UNSIGNED BIG INT" => return JdbcType::BigInt,
            "DATE" | "DATETIME" => return JdbcType::Date,
            "TIMESTAMP" => return JdbcType::Timestamp,
            _ => {}
        }
        if storage == Integer || matches!(declared, "INT" | "INTEGER" | "MEDIUMINT") {
            return if wide { JdbcType::BigInt } else { JdbcType::Integer };
        }
    }
    if matches!(storage, Float | Null) {
        match declared {
            "DECIMAL" => return JdbcType::Decimal,
            "DOUBLE" | "DOUBLE PRECISION" => return JdbcType::Double,
            "NUMERIC" => return JdbcType::Numeric,
            "REAL" => return JdbcType::Real,
            "FLOAT" => return JdbcType::Float,
            _ if storage == Float => return JdbcType::Float,
            _ => {}
        }
    }
    if matches!(storage, Text | Null) {
        match declared {
            "CHARACTER" | "NCHAR" | "NATIVE CHARACTER" | "CHAR" => return JdbcType::Char,
            "CLOB" => return JdbcType::Clob,
            "DATE" | "DATETIME" => return JdbcType::Date,
            "TIMESTAMP" => return JdbcType::Timestamp,
            "VARCHAR" | "VARYING CHARACTER" | "NVARCHAR" | "TEXT" => return JdbcType::VarChar,
            _ if storage == Text => return JdbcType::VarChar,
            _ => {}
        }
    }
    match declared {
        "BINARY" if matches!(storage, Blob | Null) => JdbcType::Binary,
        "BLOB" => JdbcType::Blob,
        _ if storage == Blob || declared.contains("BLOB") || declared.contains("BINARY") => JdbcType::Blob,
        _ => JdbcType::Numeric,
    }
}

struct Reading {
    plan: RowPlan,
    marks: MarkColumns,
}

impl Reading {
    fn new(first: &SqliteRow, described: &[Described], context: &mut ReadContext) -> Result<Reading> {
        let mut columns = Vec::with_capacity(described.len());
        for (index, column) in described.iter().enumerate() {
            let storage = storage(first, index)?;
            let wide = storage == Storage::Integer && i32::try_from(integer(first, index)?).is_err();
            let kind = match jdbc_type(&column.declared, storage, wide) {
                // SQLite stores such values as doubles; without a declared scale nothing says how many decimals to show.
                JdbcType::Decimal if !column.has_scale => JdbcType::Double,
                JdbcType::Numeric if !column.has_scale && context.mapping == NumericMapping::None => JdbcType::Double,
                kind => kind,
            };
            columns.push(JdbcColumn {
                name: column.name.clone(),
                kind,
                precision: column.precision,
                scale: column.scale,
                // The driver calls signed only what it names so.
                signed: matches!(
                    column.declared.as_str(),
                    "INTEGER" | "NUMERIC" | "DECIMAL" | "REAL" | ""
                ),
                optional: column.optional,
            });
        }
        let plan = context.plan(&columns);
        let marks = context.mark_columns(&plan)?;
        Ok(Reading { plan, marks })
    }

    fn row(&self, row: &SqliteRow, context: &ReadContext, emitter: &mut Emitter<'_>) -> Result<()> {
        let mut values = Vec::with_capacity(self.plan.fields.len());
        let mut size = 0;
        for (column, target) in &self.plan.fields {
            let value = value(row, *column, *target, &context.zone)?;
            size += match &value {
                Value::String(text) => text.len(),
                Value::Bytes(bytes) => bytes.len(),
                _ => 8,
            };
            values.push(value);
        }
        let mut timestamp = None;
        for field in &self.marks.timestamps {
            let column = self.plan.fields[*field].0;
            if storage(row, column)? != Storage::Null {
                timestamp = Some(moment(row, column, &context.zone)?);
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

fn unreadable(index: usize, error: &dyn std::fmt::Display) -> Error {
    Error::data(format!("Column {index} of the result can't be read: {error}"))
}

fn storage(row: &SqliteRow, index: usize) -> Result<Storage> {
    let value = row.try_get_raw(index).map_err(|error| unreadable(index, &error))?;
    if value.is_null() {
        return Ok(Storage::Null);
    }
    Ok(match value.type_info().name() {
        "INTEGER" | "BOOLEAN" => Storage::Integer,
        "REAL" | "NUMERIC" => Storage::Float,
        "BLOB" => Storage::Blob,
        _ => Storage::Text,
    })
}

fn integer(row: &SqliteRow, index: usize) -> Result<i64> {
    let value = row.try_get_raw(index).map_err(|error| unreadable(index, &error))?;
    <i64 as Decode<Sqlite>>::decode(value).map_err(|error| unreadable(index, &error))
}

fn double(row: &SqliteRow, index: usize) -> Result<f64> {
    let value = row.try_get_raw(index).map_err(|error| unreadable(index, &error))?;
    <f64 as Decode<Sqlite>>::decode(value).map_err(|error| unreadable(index, &error))
}

fn text(row: &SqliteRow, index: usize) -> Result<&str> {
    let value = row.try_get_raw(index).map_err(|error| unreadable(index, &error))?;
    <&str as Decode<Sqlite>>::decode(value).map_err(|error| unreadable(index, &error))
}

/// SQLite converts numbers silently and the driver cuts them to the asked width.
fn value(row: &SqliteRow, index: usize, target: Target, zone: &Zone) -> Result<Value> {
    let storage = storage(row, index)?;
    if storage == Storage::Null {
        return Ok(Value::Null);
    }
    let whole = || -> Result<i64> {
        match storage {
            Storage::Integer => integer(row, index),
            Storage::Float => Ok(double(row, index)? as i64),
            _ => Ok(leading_number(text(row, index)?) as i64),
        }
    };
    let floating = || -> Result<f64> {
        match storage {
            Storage::Integer => Ok(integer(row, index)? as f64),
            Storage::Float => double(row, index),
            _ => Ok(leading_number(text(row, index)?)),
        }
    };
    Ok(match target {
        Target::Boolean => Value::Boolean(whole()? != 0),
        Target::Int8 => Value::Int8(whole()? as i8),
        Target::Int16 => Value::Int16(whole()? as i16),
        Target::Int32 => Value::Int32(whole()? as i32),
        Target::Int64 => Value::Int64(whole()?),
        Target::Float32 => Value::Float32(floating()? as f32),
        Target::Float64 => Value::Float64(floating()?),
        Target::Text => match storage {
            Storage::Integer => Value::text(integer(row, index)?.to_string()),
            Storage::Float => Value::text(turnbuckle_api::data::java_f64(double(row, index)?)),
            _ => Value::text(text(row, index)?),
        },
        Target::Date => {
            let moment = moment(row, index, zone)?;
            // A text is a day of the zone, which Connect wants at midnight UTC.
            match storage {
                Storage::Text => Value::Date((moment.seconds() + zone.offset_at(moment.seconds())) * 1000),
                _ => Value::Date(moment.millis),
            }
        }
        Target::Time => Value::Date(moment(row, index, zone)?.millis.rem_euclid(MILLIS_PER_DAY)),
        Target::Timestamp(granularity) => granularity.value(moment(row, index, zone)?, zone),
        Target::Decimal(scale, _) => Value::Decimal(decimal(row, index, storage, scale)?),
        Target::Bytes => Value::Bytes(bytes(row, index, storage)?),
    })
}

/// A number with the column's declared scale. Doubles count with the 15 digits that SQLite itself shows of them, so that
/// 0.1 + 0.2 is 0.30 and not refused.
fn decimal(row: &SqliteRow, index: usize, storage: Storage, scale: i32) -> Result<Decimal> {
    let (digits, shown) = match storage {
        Storage::Integer => {
            let digits = integer(row, index)?.to_string();
            (digits.clone(), digits)
        }
        Storage::Float => {
            let number = double(row, index)?;
            (format!("{number:.14e}"), number.to_string())
        }
        Storage::Blob => (String::new(), "a blob".to_string()),
        Storage::Text | Storage::Null => {
            let digits = text(row, index)?.trim().to_string();
            (digits.clone(), digits)
        }
    };
    let number = digits.parse::<Decimal>().ok().and_then(|number| number.rescale(scale));
    number.ok_or_else(|| {
        let name = row.columns().get(index).map_or("", |column| column.name());
        Error::data(format!(
            "Column {name} holds {shown}, which is no number with the {scale} decimals of its declared type; declare the \
             column with more decimals, or copy it by a query that casts or rounds it"
        ))
    })
}

/// What a column holds as bytes: a blob as it is, everything else as its text.
fn bytes(row: &SqliteRow, index: usize, storage: Storage) -> Result<Bytes> {
    Ok(match storage {
        Storage::Blob => {
            let value = row.try_get_raw(index).map_err(|error| unreadable(index, &error))?;
            let blob = <&[u8] as Decode<Sqlite>>::decode(value).map_err(|error| unreadable(index, &error))?;
            Bytes::copy_from_slice(blob)
        }
        Storage::Integer => integer(row, index)?.to_string().into(),
        Storage::Float => turnbuckle_api::data::java_f64(double(row, index)?).into(),
        Storage::Text | Storage::Null => Bytes::copy_from_slice(text(row, index)?.as_bytes()),
    })
}

/// SQLite's number at the start of a text, else 0.
fn leading_number(text: &str) -> f64 {
    let end = text
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_digit() || *c == '.' || (*at == 0 && matches!(c, '-' | '+'))))
        .map_or(text.len(), |(at, _)| at);
    text[..end].parse().unwrap_or(0.0)
}

/// Integers are milliseconds, floats Julian days, texts `yyyy-MM-dd HH:mm:ss.SSS`.
fn moment(row: &SqliteRow, index: usize, zone: &Zone) -> Result<Moment> {
    match storage(row, index)? {
        Storage::Integer => Ok(Moment::from_millis(integer(row, index)?)),
        Storage::Float => {
            let days = double(row, index)? - 2_440_587.5;
            Ok(Moment::from_millis((days * MILLIS_PER_DAY as f64).round() as i64))
        }
        _ => {
            let text = text(row, index)?;
            parse_reading(text).map_or_else(
                || Err(unparsable(text)),
                |(wall, millis)| {
                    Ok(Moment::from_seconds(
                        zone.to_instant(zone.wall_seconds(wall)),
                        millis * 1_000_000,
                    ))
                },
            )
        }
    }
}

fn unparsable(text: &str) -> Error {
    let pattern = ["-", "-", " ", ":", ":", "."]
        .map(|mark| format!("(\\p{{Nd}}++)\\Q{mark}\\E"))
        .concat();
    let reason = format!("Unparseable date: \"{text}\" does not match {pattern}(\\p{{Nd}}++)");
    let cause = Error::new(ErrorKind::Class("java.text.ParseException"), reason);
    let cause = Error::wrap(
        ErrorKind::Class("java.sql.SQLException"),
        "Error parsing time stamp",
        cause,
    );
    Error::data(cause.headline()).with_cause(cause)
}

/// Seconds of the wall clock and milliseconds of `2024-06-15 10:20:30.123`; all parts must be there.
fn parse_reading(text: &str) -> Option<(i64, u32)> {
    let (date, time) = text.split_once(' ')?;
    let mut date = date.splitn(3, '-').map(str::parse::<i64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (time, fraction) = time.split_once('.')?;
    let mut time = time.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let days = days_from_civil(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    let millis: u32 = fraction.parse().ok()?;
    Some((days * 86_400 + hour * 3600 + minute * 60 + second, millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    // golden src-sqlite-*
    #[test]
    fn types_follow_name_and_first_value() {
        use JdbcType as J;
        use Storage as S;
        for (declared, storage, wide, kind) in [
            ("BOOLEAN", S::Integer, false, J::Boolean),
            ("INTEGER", S::Integer, true, J::BigInt),
            ("INTEGER", S::Null, false, J::Integer),
            ("NUMERIC", S::Integer, false, J::Integer),
            ("NUMERIC", S::Float, false, J::Numeric),
            ("DECIMAL", S::Float, false, J::Decimal),
            ("REAL", S::Float, false, J::Real),
            ("", S::Text, false, J::VarChar),
            ("TIMESTAMP", S::Text, false, J::Timestamp),
            ("DATETIME", S::Integer, true, J::Date),
            ("BLOB", S::Blob, false, J::Blob),
            ("", S::Null, false, J::Numeric),
        ] {
            assert_eq!(jdbc_type(declared, storage, wide), kind, "{declared} {storage:?}");
        }
    }

    #[test]
    fn readings_need_all_parts() {
        assert_eq!(parse_reading("2024-06-15 10:20:30.123"), Some((1_718_446_830, 123)));
        for text in ["15/06/2024", "2024-06-15", "2024-06-15 10:20:30", ""] {
            assert_eq!(parse_reading(text), None, "{text}");
        }
        assert_eq!(leading_number("12.5kg"), 12.5);
    }
}
