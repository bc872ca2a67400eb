//! Records → PostgreSQL's binary formats: rows for COPY, and columns as arrays for `unnest`.
//!
//! A [`CopyPlan`] pairs each column's place in the record with an encoder for the *column's* type, chosen once per schema
//! and table. Encoding appends to one buffer and allocates nothing per record. A pair that the server would convert by a
//! cast has an encoder only if the result is the same; for all others there is no plan and rows go by INSERT.

mod numeric;

use super::fields::{Column, Source};
use super::literal::array_type;
use super::temporal::Zones;
use crate::dialect::metadata::ColumnInfo;
use std::io::Write;
use turnbuckle_api::data::{Logical, Type};
use turnbuckle_api::{Record, Schema, Value};

/// Signature, flags and header extension length.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
pub(crate) const TRAILER: &[u8] = &[0xff, 0xff];

/// Days and milliseconds from 1970-01-01 to PostgreSQL's 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_MILLIS: i64 = 946_684_800_000;

/// A value that the plan's encoder can't take (out of range, not of the expected class): the row must go by INSERT, where
/// the server converts or refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misfit;

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value needs a conversion by the server")
    }
}

impl std::error::Error for Misfit {}

/// Encoder for a column type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text,
    /// Decimal digits of an integer.
    IntText,
    Jsonb,
    Uuid,
    Bytea,
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Array {
        item: Item,
        oid: u32,
    },
}

/// Element types of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Item {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Text,
}

mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const JSON: u32 = 114;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const BPCHAR: u32 = 1042;
    pub(super) const VARCHAR: u32 = 1043;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
    /// Array types: own OID, element's OID.
    pub(super) const ARRAYS: [(u32, u32); 18] = [
        (199, JSON),
        (1000, BOOL),
        (1001, BYTEA),
        (1005, INT2),
        (1007, INT4),
        (1009, TEXT),
        (1014, BPCHAR),
        (1015, VARCHAR),
        (1016, INT8),
        (1021, FLOAT4),
        (1022, FLOAT8),
        (1115, TIMESTAMP),
        (1182, DATE),
        (1183, TIME),
        (1185, TIMESTAMPTZ),
        (1231, NUMERIC),
        (2951, UUID),
        (3807, JSONB),
    ];
}

/// The cast that the reference writes behind a parameter for a column of this type.
pub(crate) fn cast(column: &ColumnInfo) -> &'static str {
    match column.type_oid {
        oid::JSON => "::json",
        oid::JSONB => "::jsonb",
        oid::UUID => "::uuid",
        _ => "",
    }
}

fn target(schema: &Schema, column: u32) -> Option<Target> {
    use oid::*;
    let target = match (schema.logical(), schema.kind(), column) {
        (Some(Logical::Decimal), _, NUMERIC) => Target::Numeric,
        (Some(Logical::Date), _, DATE) => Target::Date,
        (Some(Logical::Time), _, TIME) => Target::Time,
        (Some(Logical::Timestamp), _, TIMESTAMP) => Target::Timestamp,
        (Some(Logical::Timestamp), _, TIMESTAMPTZ) => Target::TimestampTz,
        (Some(_), _, _) => return None,
        (None, Type::Boolean, BOOL) => Target::Bool,
        (None, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64, to) => match to {
            INT2 => Target::Int2,
            INT4 => Target::Int4,
            INT8 => Target::Int8,
            FLOAT4 => Target::Float4,
            FLOAT8 => Target::Float8,
            NUMERIC => Target::Numeric,
            TEXT | VARCHAR | BPCHAR => Target::IntText,
            _ => return None,
        },
        (None, Type::Float32 | Type::Float64, to) => match to {
            FLOAT4 => Target::Float4,
            FLOAT8 => Target::Float8,
            NUMERIC => Target::Numeric,
            _ => return None,
        },
        (None, Type::String, to) => match to {
            TEXT | VARCHAR | BPCHAR | JSON => Target::Text,
            JSONB => Target::Jsonb,
            UUID => Target::Uuid,
            _ => return None,
        },
        (None, Type::Bytes, BYTEA) => Target::Bytea,
        (None, Type::Array, array) => return array_target(schema, array),
        _ => return None,
    };
    Some(target)
}

fn array_target(schema: &Schema, array: u32) -> Option<Target> {
    let (_, element) = oid::ARRAYS.into_iter().find(|(own, _)| *own == array)?;
    let (item, matching) = match array_type(schema)? {
        "bool" => (Item::Bool, oid::BOOL),
        "int2" => (Item::Int2, oid::INT2),
        "int4" => (Item::Int4, oid::INT4),
        "int8" => (Item::Int8, oid::INT8),
        "float4" => (Item::Float4, oid::FLOAT4),
        "float8" => (Item::Float8, oid::FLOAT8),
        _ => (Item::Text, oid::TEXT),
    };
    (matching == element).then_some(Target::Array { item, oid: element })
}

/// True if comparing the column with a parameter of this schema means the same as comparing it with the encoded value: no
/// cast stands behind parameters of a WHERE clause.
fn comparable(target: Target, column: u32) -> bool {
    match target {
        Target::IntText | Target::Jsonb | Target::Uuid | Target::Array { .. } => false,
        Target::Text => column != oid::JSON,
        _ => true,
    }
}

/// How to encode records of one schema pair for one table.
#[derive(Clone, Debug)]
pub(crate) struct CopyPlan {
    columns: Vec<Encoder>,
}

/// How to encode one column.
#[derive(Clone, Copy, Debug)]
struct Encoder {
    source: Source,
    target: Target,
    /// OID of the column's type.
    oid: u32,
}

impl CopyPlan {
    /// A plan for these columns of a table; None if one has no encoder. The first `compared` columns are to be compared
    /// with the table's.
    pub(crate) fn new(columns: &[Column], infos: &[&ColumnInfo], compared: usize) -> Option<CopyPlan> {
        let mut planned = Vec::with_capacity(columns.len());
        for (index, (column, info)) in columns.iter().zip(infos).enumerate() {
            if info.generated || info.identity_always || info.type_kind != 'b' {
                return None;
            }
            let target = target(&column.schema, info.type_oid)?;
            if index < compared && !comparable(target, info.type_oid) {
                return None;
            }
            planned.push(Encoder {
                source: column.source,
                target,
                oid: info.type_oid,
            });
        }
        (planned.len() == columns.len()).then_some(CopyPlan { columns: planned })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// [`Misfit`]; the buffer then holds a part of the row.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, zones: &Zones, record: &Record) -> Result<(), Misfit> {
        let count = i16::try_from(self.columns.len()).map_err(|_| Misfit)?;
        out.extend_from_slice(&count.to_be_bytes());
        for encoder in &self.columns {
            let cell = encoder.source.cell(record);
            encode(out, zones, encoder.target, &cell)?;
        }
        Ok(())
    }

    /// OIDs of the array types of all columns; None if a column is an array itself, which `unnest` would flatten.
    pub(crate) fn array_types(&self) -> Option<Vec<u32>> {
        let array_of = |encoder: &Encoder| {
            let is_array = matches!(encoder.target, Target::Array { .. });
            let known = oid::ARRAYS
                .iter()
                .find(|(_, element)| *element == encoder.oid && !is_array);
            known.map(|(own, _)| *own)
        };
        self.columns.iter().map(array_of).collect()
    }

    /// Appends one column of many rows as an array, without its length.
    ///
    /// # Errors
    /// [`Misfit`]; the buffer then holds a part of the array.
    pub(crate) fn encode_column(
        &self,
        out: &mut Vec<u8>,
        zones: &Zones,
        column: usize,
        records: &[Record],
        rows: &[u32],
    ) -> Result<(), Misfit> {
        let encoder = self.columns.get(column).ok_or(Misfit)?;
        array_header(out, encoder.oid, rows.len(), true)?;
        for row in rows {
            let cell = encoder.source.cell(&records[*row as usize]);
            encode(out, zones, encoder.target, &cell)?;
        }
        Ok(())
    }
}

fn encode(out: &mut Vec<u8>, zones: &Zones, target: Target, value: &Value) -> Result<(), Misfit> {
    match (target, value) {
        (_, Value::Null) => out.extend_from_slice(&(-1i32).to_be_bytes()),
        (Target::Int4, Value::Int32(number)) => sized(out, &number.to_be_bytes()),
        (Target::Int8, Value::Int64(number)) => sized(out, &number.to_be_bytes()),
        (Target::Float8, Value::Float64(number)) => sized(out, &number.to_be_bytes()),
        (Target::Float4, Value::Float32(number)) => sized(out, &number.to_be_bytes()),
        (Target::Text, Value::String(text)) => return long(out, text.as_bytes()),
        (Target::Bytea, Value::Bytes(bytes)) => return long(out, bytes),
        (Target::Bool, Value::Boolean(truth)) => sized(out, &[u8::from(*truth)]),
        (Target::Int2, _) => sized(out, &i16::try_from(integer(value)?).map_err(|_| Misfit)?.to_be_bytes()),
        (Target::Int4, _) => sized(out, &i32::try_from(integer(value)?).map_err(|_| Misfit)?.to_be_bytes()),
        (Target::Int8, _) => sized(out, &integer(value)?.to_be_bytes()),
        (Target::Float8, Value::Float32(number)) => sized(out, &f64::from(*number).to_be_bytes()),
        (Target::Float8, _) => sized(out, &(integer(value)? as f64).to_be_bytes()),
        (Target::Float4, Value::Float64(number)) => sized(out, &narrow(*number)?.to_be_bytes()),
        (Target::Float4, _) => sized(out, &(integer(value)? as f32).to_be_bytes()),
        (Target::IntText, _) => {
            let start = begin(out);
            write!(out, "{}", integer(value)?).map_err(|_| Misfit)?;
            return end(out, start);
        }
        (Target::Numeric, _) => {
            let start = begin(out);
            match value {
                Value::Decimal(number) => numeric::decimal(out, number)?,
                Value::Float64(number) => numeric::float(out, *number, 15)?,
                Value::Float32(number) => numeric::float(out, f64::from(*number), 6)?,
                other => numeric::integer(out, integer(other)?),
            }
            return end(out, start);
        }
        (Target::Jsonb, Value::String(text)) => {
            let start = begin(out);
            out.push(1);
            out.extend_from_slice(text.as_bytes());
            return end(out, start);
        }
        (Target::Uuid, Value::String(text)) => sized(out, &uuid(text)?),
        (Target::Date, Value::Date(millis)) => {
            let day = zones.day(*millis) - EPOCH_DAYS;
            sized(out, &i32::try_from(day).map_err(|_| Misfit)?.to_be_bytes());
        }
        (Target::Time, Value::Date(millis)) => sized(out, &(zones.time_of_day(*millis) * 1000).to_be_bytes()),
        (Target::Timestamp, Value::Date(millis)) => sized(out, &micros(zones.wall_millis(*millis))?.to_be_bytes()),
        // Of timestamp.fields.list.
        (Target::Timestamp, Value::Int64(number)) => {
            let wall = micros(zones.wall_millis(number.div_euclid(1000)))?;
            sized(out, &(wall + number.rem_euclid(1000)).to_be_bytes());
        }
        (Target::TimestampTz, Value::Int64(number)) => {
            let millis = number.div_euclid(1000);
            let instant = micros(zones.wall_millis(millis) - zones.offset_seconds(millis) * 1000)?;
            sized(out, &(instant + number.rem_euclid(1000)).to_be_bytes());
        }
        (Target::TimestampTz, Value::Date(millis)) => {
            // The offset is taken off again: only the calendar of old days makes a difference to the instant itself.
            let instant = zones.wall_millis(*millis) - zones.offset_seconds(*millis) * 1000;
            sized(out, &micros(instant)?.to_be_bytes());
        }
        (Target::Array { item, oid }, Value::Array(items)) => return array(out, item, oid, items),
        _ => return Err(Misfit),
    }
    Ok(())
}

fn integer(value: &Value) -> Result<i64, Misfit> {
    match value {
        Value::Int8(number) => Ok(i64::from(*number)),
        Value::Int16(number) => Ok(i64::from(*number)),
        Value::Int32(number) => Ok(i64::from(*number)),
        Value::Int64(number) => Ok(*number),
        _ => Err(Misfit),
    }
}

/// As the server's cast, which refuses overflow and underflow.
fn narrow(number: f64) -> Result<f32, Misfit> {
    let narrowed = number as f32;
    let overflow = narrowed.is_infinite() && number.is_finite();
    let underflow = narrowed == 0.0 && number != 0.0;
    if overflow || underflow {
        Err(Misfit)
    } else {
        Ok(narrowed)
    }
}

fn micros(wall_millis: i64) -> Result<i64, Misfit> {
    (wall_millis - EPOCH_MILLIS).checked_mul(1000).ok_or(Misfit)
}

fn uuid(text: &str) -> Result<[u8; 16], Misfit> {
    let mut bytes = [0u8; 16];
    let mut digits = 0;
    for (index, c) in text.bytes().enumerate() {
        if c == b'-' && text.len() == 36 && matches!(index, 8 | 13 | 18 | 23) {
            continue;
        }
        let digit = char::from(c).to_digit(16).ok_or(Misfit)? as u8;
        let byte = bytes.get_mut(digits / 2).ok_or(Misfit)?;
        *byte = *byte << 4 | digit;
        digits += 1;
    }
    if digits == 32 { Ok(bytes) } else { Err(Misfit) }
}

/// Dimensions, whether there may be nulls, element type, length and lower bound.
fn array_header(out: &mut Vec<u8>, element: u32, length: usize, has_nulls: bool) -> Result<(), Misfit> {
    out.extend_from_slice(&i32::from(length > 0).to_be_bytes());
    out.extend_from_slice(&i32::from(has_nulls).to_be_bytes());
    out.extend_from_slice(&element.to_be_bytes());
    if length > 0 {
        let length = i32::try_from(length).map_err(|_| Misfit)?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&1i32.to_be_bytes());
    }
    Ok(())
}

fn array(out: &mut Vec<u8>, item: Item, oid: u32, items: &[Value]) -> Result<(), Misfit> {
    let start = begin(out);
    array_header(out, oid, items.len(), items.iter().any(Value::is_null))?;
    let target = match item {
        Item::Bool => Target::Bool,
        Item::Int2 => Target::Int2,
        Item::Int4 => Target::Int4,
        Item::Int8 => Target::Int8,
        Item::Float4 => Target::Float4,
        Item::Float8 => Target::Float8,
        Item::Text => Target::Text,
    };
    for value in items {
        encode(out, &Zones::UTC, target, value)?;
    }
    end(out, start)
}

/// Appends a short value with its length.
fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a value of any length.
fn long(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Misfit> {
    let length = i32::try_from(bytes.len()).map_err(|_| Misfit)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

/// Leaves room for a length that [`end`] fills in.
fn begin(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

fn end(out: &mut [u8], start: usize) -> Result<(), Misfit> {
    let length = i32::try_from(out.len() - start).map_err(|_| Misfit)?;
    out[start - 4..start].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Decimal, SchemaBuilder};

    fn bytes(schema: &Schema, oid: u32, value: Value) -> Result<Vec<u8>, Misfit> {
        let mut out = Vec::new();
        encode(&mut out, &Zones::UTC, target(schema, oid).unwrap(), &value)?;
        let length = i32::from_be_bytes(out[..4].try_into().unwrap());
        assert_eq!(length as usize, out.len() - 4);
        Ok(out[4..].to_vec())
    }

    #[test]
    fn values_have_the_servers_binary_form() {
        let plain = |kind| Schema::primitive(kind, true);
        for (schema, oid, value, expected) in [
            (plain(Type::Int8), oid::INT2, Value::Int8(-2), vec![0xff, 0xfe]),
            (plain(Type::Int64), oid::INT4, Value::Int64(258), vec![0, 0, 1, 2]),
            (
                plain(Type::Int32),
                oid::INT8,
                Value::Int32(1),
                vec![0, 0, 0, 0, 0, 0, 0, 1],
            ),
            (plain(Type::Int32), oid::TEXT, Value::Int32(-12), b"-12".to_vec()),
            (plain(Type::Boolean), oid::BOOL, Value::Boolean(true), vec![1]),
            (
                plain(Type::Float64),
                oid::FLOAT4,
                Value::Float64(1.5),
                1.5f32.to_be_bytes().to_vec(),
            ),
            (
                plain(Type::Float32),
                oid::FLOAT8,
                Value::Float32(0.1),
                f64::from(0.1f32).to_be_bytes().to_vec(),
            ),
            (
                plain(Type::Int32),
                oid::FLOAT8,
                Value::Int32(3),
                3f64.to_be_bytes().to_vec(),
            ),
            (
                plain(Type::String),
                oid::VARCHAR,
                Value::text("é"),
                "é".as_bytes().to_vec(),
            ),
            (plain(Type::String), oid::JSONB, Value::text("{}"), b"\x01{}".to_vec()),
            (
                plain(Type::Bytes),
                oid::BYTEA,
                Value::Bytes(vec![0, 255].into()),
                vec![0, 255],
            ),
            (
                Schema::date().finish(),
                oid::DATE,
                Value::Date(946_684_800_000),
                vec![0, 0, 0, 0],
            ),
            (
                Schema::time().finish(),
                oid::TIME,
                Value::Date(1),
                1000i64.to_be_bytes().to_vec(),
            ),
            (
                Schema::timestamp().finish(),
                oid::TIMESTAMP,
                Value::Date(946_684_800_001),
                1000i64.to_be_bytes().to_vec(),
            ),
            (
                Schema::timestamp().finish(),
                oid::TIMESTAMPTZ,
                Value::Date(946_684_799_999),
                (-1000i64).to_be_bytes().to_vec(),
            ),
            (
                Schema::decimal(2).finish(),
                oid::NUMERIC,
                Value::Decimal(Decimal::new(0, 2)),
                vec![0, 0, 0, 0, 0, 0, 0, 2],
            ),
        ] {
            assert_eq!(bytes(&schema, oid, value).unwrap(), expected);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_to_insert() {
        let plain = |kind| Schema::primitive(kind, true);
        for (schema, oid, value) in [
            (plain(Type::Int64), oid::INT4, Value::Int64(1 << 31)),
            (plain(Type::Int32), oid::INT2, Value::Int32(40_000)),
            (plain(Type::Float64), oid::FLOAT4, Value::Float64(1e300)),
            (plain(Type::Float64), oid::NUMERIC, Value::Float64(f64::NAN)),
            (plain(Type::String), oid::UUID, Value::text("{123}")),
        ] {
            assert_eq!(bytes(&schema, oid, value), Err(Misfit));
        }
        for (schema, oid) in [
            (plain(Type::String), oid::INT4),
            (plain(Type::Boolean), oid::INT4),
            (Schema::date().finish(), oid::TIMESTAMP),
            (Schema::structure().finish(), oid::TEXT),
        ] {
            assert_eq!(target(&schema, oid), None);
        }
    }

    #[test]
    fn uuids_are_read_with_and_without_hyphens() {
        let expected = [
            0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42, 0x66, 0x14, 0x17, 0x40, 0x00,
        ];
        assert_eq!(uuid("123e4567-e89b-12d3-a456-426614174000"), Ok(expected));
        assert_eq!(uuid("123E4567E89B12D3A456426614174000"), Ok(expected));
        assert_eq!(uuid("123e4567-e89b-12d3-a456-42661417400"), Err(Misfit));
        assert_eq!(uuid("é23e4567-e89b-12d3-a456-42661417400"), Err(Misfit));
    }

    #[test]
    fn arrays_carry_dimension_and_element_type() {
        let schema = SchemaBuilder::array(Some(Schema::primitive(Type::Int32, false))).finish();
        let value = Value::Array(vec![Value::Int32(7), Value::Null]);
        let expected = [
            0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255,
        ];
        assert_eq!(bytes(&schema, 1007, value).unwrap(), expected);
        assert_eq!(
            bytes(&schema, 1007, Value::Array(vec![])).unwrap(),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23]
        );
        assert_eq!(target(&schema, 1016), None);
    }
}
