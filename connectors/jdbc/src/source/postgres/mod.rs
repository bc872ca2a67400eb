//! PostgreSQL: what a result's columns are, and rows by binary COPY.
//!
//! The statement is prepared for its columns, the catalog tells what preparing does not (nullability, type modifiers), then
//! `COPY (statement) TO STDOUT (FORMAT binary)` streams the rows, which [`decode`] turns into values straight from the
//! received buffers.

mod decode;
mod numeric;

use super::emit::{Emitter, MarkColumns, Marks, ReadEnd};
use super::plan::{JdbcColumn, JdbcType, NumericMapping, RowPlan};
use super::reader::ReadContext;
use bytes::{Buf, Bytes, BytesMut};
use decode::{Decoder, Wire};
use sqlx::postgres::{PgColumn, PgTypeKind};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Executor as _, PgConnection, Row as _, SqlSafeStr as _, Statement as _,
};
use std::collections::HashMap;
use turnbuckle_api::{Error, Result};

/// What precedes the statement in the COPY command; server messages count positions from its start.
pub(super) const COPY_PREFIX: &str = "COPY (";

/// A column of a result with the catalog's knowledge of it.
struct Described {
    name: String,
    oid: u32,
    is_enum: bool,
    type_modifier: i32,
    optional: bool,
    type_name: String,
}

/// Runs a statement and pushes its rows.
pub(super) async fn read(
    client: &mut PgConnection,
    sql: &str,
    context: &mut ReadContext,
    emitter: &mut Emitter<'_>,
) -> Result<(), ReadEnd> {
    let sql = sql.trim_end().trim_end_matches(';');
    let described = describe(client, sql).await?;
    let mut wires = Vec::with_capacity(described.len());
    let mut columns = Vec::with_capacity(described.len());
    for column in &described {
        let (wire, jdbc) = jdbc_column(column, context.mapping);
        wires.push(wire);
        columns.push(jdbc);
    }
    let plan = context.plan(&columns);
    let mut decoders: Vec<Option<Decoder>> = vec![None; wires.len()];
    for (index, target) in &plan.fields {
        decoders[*index] = Some(Decoder::new(wires[*index], *target, &columns[*index])?);
    }
    // The marks are looked for when there is a row: an empty result complains of nothing, as in the reference.
    let mut reading = Reading {
        decoders,
        plan,
        marks: None,
        pending: BytesMut::new(),
        started: false,
    };
    let copy = format!("{COPY_PREFIX}{sql}\n) TO STDOUT (FORMAT binary)");
    let mut stream = client
        .copy_out_raw(&copy)
        .await
        .map_err(|error| ReadEnd::Shifted(error, COPY_PREFIX.len()))?;
    while let Some(chunk) = emitter.output().next(&mut stream, context.read_timeout).await? {
        reading.take(chunk, context, emitter)?;
    }
    Ok(())
}

struct Reading {
    /// By column of the result; None for columns that are left out.
    decoders: Vec<Option<Decoder>>,
    plan: RowPlan,
    marks: Option<MarkColumns>,
    /// The start of a row whose end has not come.
    pending: BytesMut,
    started: bool,
}

/// Signature, flags and an empty extension.
const HEADER: usize = 19;

impl Reading {
    /// Takes what one message holds: usually one row.
    fn take(&mut self, chunk: Bytes, context: &ReadContext, emitter: &mut Emitter<'_>) -> Result<()> {
        let mut data = chunk;
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(&data);
            data = self.pending.split().freeze();
        }
        if !self.started {
            if data.len() < HEADER {
                self.pending.extend_from_slice(&data);
                return Ok(());
            }
            let extension = u32::from_be_bytes([data[15], data[16], data[17], data[18]]) as usize;
            if data.len() < HEADER + extension {
                self.pending.extend_from_slice(&data);
                return Ok(());
            }
            data.advance(HEADER + extension);
            self.started = true;
        }
        while !data.is_empty() {
            match row_length(&data) {
                RowLength::End => return Ok(()),
                RowLength::Incomplete => {
                    self.pending.extend_from_slice(&data);
                    return Ok(());
                }
                RowLength::Row(length) => {
                    let row = data.split_to(length);
                    self.row(&row, context, emitter)?;
                }
            }
        }
        Ok(())
    }

    fn row(&mut self, row: &Bytes, context: &ReadContext, emitter: &mut Emitter<'_>) -> Result<()> {
        if self.marks.is_none() {
            self.marks = Some(context.mark_columns(&self.plan)?);
        }
        let Some(marks) = &self.marks else { return Ok(()) };
        let mut values = Vec::with_capacity(self.plan.fields.len());
        let mut timestamp = None;
        let mut at = 2;
        for decoder in &self.decoders {
            let Some(length) = read_i32(row, at) else {
                return Err(malformed());
            };
            at += 4;
            // A negative length is a null.
            let Ok(length) = usize::try_from(length) else {
                if decoder.is_some() {
                    values.push(turnbuckle_api::Value::Null);
                }
                continue;
            };
            let end = at + length;
            if let Some(decoder) = decoder {
                let raw = row.get(at..end).ok_or_else(malformed)?;
                if timestamp.is_none() && marks.timestamps.contains(&values.len()) {
                    timestamp = decoder.moment(raw, &context.zone);
                }
                values.push(decoder.value(row, at, end, &context.zone)?);
            }
            at = end;
        }
        // COALESCE takes the columns in the order they are configured, which need not be the order of the table.
        if marks.timestamps.len() > 1 {
            timestamp = self.first_moment(row, marks, context)?;
        }
        let marks = Marks {
            timestamp,
            incrementing: marks.id(&self.plan.schema, &values)?,
        };
        emitter.row(&self.plan.schema, values, marks, row.len());
        Ok(())
    }

    fn first_moment(
        &self,
        row: &Bytes,
        marks: &MarkColumns,
        context: &ReadContext,
    ) -> Result<Option<super::time::Moment>> {
        let mut places = Vec::with_capacity(self.decoders.len());
        let mut at = 2;
        for decoder in &self.decoders {
            let length = read_i32(row, at).ok_or_else(malformed)?;
            at += 4;
            let end = at + usize::try_from(length).unwrap_or(0);
            if let Some(decoder) = decoder {
                places.push((decoder, length >= 0, at, end));
            }
            at = end;
        }
        for index in &marks.timestamps {
            if let Some((decoder, true, from, to)) = places.get(*index) {
                let raw = row.get(*from..*to).ok_or_else(malformed)?;
                return Ok(decoder.moment(raw, &context.zone));
            }
        }
        Ok(None)
    }
}

fn malformed() -> Error {
    Error::data(
        "PostgreSQL sent a row that does not match the statement's columns; was the table changed while it was read?",
    )
}

fn read_i32(data: &[u8], at: usize) -> Option<i32> {
    let bytes = data.get(at..at + 4)?;
    Some(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

enum RowLength {
    Row(usize),
    Incomplete,
    End,
}

fn row_length(data: &[u8]) -> RowLength {
    let Some(&[high, low]) = data.get(..2) else {
        return RowLength::Incomplete;
    };
    let fields = i16::from_be_bytes([high, low]);
    if fields < 0 {
        return RowLength::End;
    }
    let mut at = 2usize;
    for _ in 0..fields {
        let Some(length) = read_i32(data, at) else {
            return RowLength::Incomplete;
        };
        at += 4 + usize::try_from(length).unwrap_or(0);
    }
    if at > data.len() {
        RowLength::Incomplete
    } else {
        RowLength::Row(at)
    }
}

async fn describe(client: &mut PgConnection, sql: &str) -> Result<Vec<Described>, ReadEnd> {
    let statement = client.prepare(AssertSqlSafe(sql.to_string()).into_sql_str()).await?;
    let columns: Vec<PgColumn> = statement.columns().to_vec();
    drop(statement);
    // Statement texts differ from poll to poll, and tables change: nothing is to be kept prepared.
    client.clear_cached_statements().await?;
    let mut relations = Vec::new();
    let mut attributes = Vec::new();
    for column in &columns {
        if let (Some(relation), Some(attribute)) = (column.relation_id(), column.relation_attribute_no()) {
            relations.push(i64::from(relation.0));
            attributes.push(attribute);
        }
    }
    let facts = if relations.is_empty() {
        HashMap::new()
    } else {
        catalog(client, &relations, &attributes).await?
    };
    let describe = |column: &PgColumn| {
        let place = column
            .relation_id()
            .map(|oid| oid.0)
            .zip(column.relation_attribute_no());
        let known = place.and_then(|place| facts.get(&place));
        let info = column.type_info();
        Described {
            name: column.name().to_string(),
            oid: info.oid().map_or(0, |oid| oid.0),
            is_enum: matches!(info.kind(), PgTypeKind::Enum(_)),
            type_modifier: known.map_or(-1, |(modifier, _)| *modifier),
            optional: known.is_none_or(|(_, required)| !required),
            type_name: info.to_string(),
        }
    };
    Ok(columns.iter().map(describe).collect())
}

type Facts = HashMap<(u32, i16), (i32, bool)>;

/// Type modifier (of the domain's base type, too) and whether nulls are ruled out, per column of a table.
async fn catalog(client: &mut PgConnection, relations: &[i64], attributes: &[i16]) -> Result<Facts, sqlx::Error> {
    let sql = "WITH RECURSIVE wanted AS (SELECT DISTINCT r::oid AS rel, n FROM unnest($1::int8[], $2::int2[]) AS w(r, n)), \
               chain(rel, n, typtype, basetype, typmod, required) AS ( \
               SELECT a.attrelid, a.attnum, t.typtype, t.typbasetype, \
               CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, a.attnotnull OR t.typnotnull \
               FROM wanted w JOIN pg_attribute a ON a.attrelid = w.rel AND a.attnum = w.n JOIN pg_type t ON t.oid = a.atttypid \
               UNION ALL SELECT c.rel, c.n, t.typtype, t.typbasetype, \
               CASE WHEN c.typmod >= 0 THEN c.typmod ELSE t.typtypmod END, c.required OR t.typnotnull \
               FROM chain c JOIN pg_type t ON t.oid = c.basetype WHERE c.typtype = 'd') \
               SELECT rel::int8, n, typmod, required FROM chain WHERE typtype <> 'd'";
    let rows = sqlx::query(sql)
        .bind(relations)
        .bind(attributes)
        .fetch_all(client)
        .await?;
    let mut facts = HashMap::with_capacity(rows.len());
    for row in rows {
        let relation = u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
        facts.insert((relation, row.try_get(1)?), (row.try_get(2)?, row.try_get(3)?));
    }
    Ok(facts)
}

/// The column as pgjdbc reports it, and its binary form.
fn jdbc_column(column: &Described, mapping: NumericMapping) -> (Wire, JdbcColumn) {
    let unsupported = |number, kind| (Wire::Unknown, JdbcType::Unsupported(number, kind));
    let (wire, kind) = match column.oid {
        16 => (Wire::Bool, JdbcType::Boolean),
        17 => (Wire::Bytes, JdbcType::Binary),
        18 => (Wire::Char, JdbcType::Char),
        19 | 25 | 1042 | 1043 => (Wire::Text, JdbcType::VarChar),
        20 => (Wire::Int8, JdbcType::BigInt),
        21 => (Wire::Int2, JdbcType::SmallInt),
        23 => (Wire::Int4, JdbcType::Integer),
        26 => (Wire::Oid, JdbcType::BigInt),
        114 => (Wire::Text, JdbcType::VarChar),
        142 => (Wire::Text, JdbcType::Xml),
        700 => (Wire::Float4, JdbcType::Real),
        701 => (Wire::Float8, JdbcType::Double),
        790 => (Wire::Money, JdbcType::Double),
        1082 => (Wire::Date, JdbcType::Date),
        1083 => (Wire::Time, JdbcType::Time),
        1114 => (Wire::Timestamp, JdbcType::Timestamp),
        1184 => (Wire::TimestampTz, JdbcType::Timestamp),
        1266 => (Wire::TimeTz, JdbcType::Time),
        1560 => match column.type_modifier {
            1 => (Wire::Bits, JdbcType::Boolean),
            9.. => (Wire::Bits, JdbcType::Binary),
            _ => (Wire::Bits, JdbcType::Bit),
        },
        1700 => (Wire::Numeric, JdbcType::Numeric),
        2950 => (Wire::Uuid, JdbcType::VarChar),
        3802 => (Wire::JsonB, JdbcType::VarChar),
        _ if column.is_enum => (Wire::Text, JdbcType::VarChar),
        2249 => unsupported(2002, "STRUCT"),
        _ if column.type_name.ends_with("[]") => unsupported(2003, "ARRAY"),
        _ => unsupported(1111, "OTHER"),
    };
    let (precision, scale) = match (wire, column.type_modifier) {
        (Wire::Numeric, modifier @ 4..) => (((modifier - 4) >> 16) & 0xffff, (modifier - 4) & 0xffff),
        // Without precision the mappings see 0 and 0, and a Decimal gets the greatest scale.
        (Wire::Numeric, _) if mapping == NumericMapping::None => (0, 127),
        _ => (0, 0),
    };
    let jdbc = JdbcColumn {
        name: column.name.clone(),
        kind,
        precision,
        scale,
        signed: true,
        optional: column.optional,
    };
    (wire, jdbc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::plan::{Target, target};
    use crate::source::time::Granularity;

    // golden src-pg-*
    #[test]
    fn types_become_fields() {
        for (oid, modifier, expected) in [
            (21, -1, Some(Target::Int16)),
            (26, -1, Some(Target::Int64)),
            (700, -1, Some(Target::Float32)),
            (790, -1, Some(Target::Float64)),
            (1560, 1, Some(Target::Boolean)),
            (1560, 3, Some(Target::Int8)),
            (1560, 9, Some(Target::Bytes)),
            (1562, -1, None),
            (1700, ((5 << 16) | 2) + 4, Some(Target::Decimal(2, 5))),
            (1700, ((6 << 16) | 0x7fe) + 4, Some(Target::Decimal(2046, 6))),
            (1700, -1, Some(Target::Decimal(127, 0))),
            (869, -1, None),
            (1007, -1, None),
            (3802, -1, Some(Target::Text)),
        ] {
            let column = Described {
                name: "c".into(),
                oid,
                is_enum: false,
                type_modifier: modifier,
                optional: true,
                type_name: String::new(),
            };
            let (_, jdbc) = jdbc_column(&column, NumericMapping::None);
            assert_eq!(
                target(&jdbc, NumericMapping::None, Granularity::Logical),
                expected,
                "{oid}"
            );
        }
    }

    #[test]
    fn rows_are_measured() {
        let row = [0, 2, 0, 0, 0, 1, 9, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(row_length(&row), RowLength::Row(11)));
        assert!(matches!(row_length(&row[..8]), RowLength::Incomplete));
        assert!(matches!(row_length(&[0xff, 0xff]), RowLength::End));
        assert!(matches!(row_length(&[0]), RowLength::Incomplete));
    }
}
