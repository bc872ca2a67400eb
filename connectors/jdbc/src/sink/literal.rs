//! Values as SQL literals: for PostgreSQL with the types that pgjdbc gives its parameters, for MySQL as Connector/J writes
//! them into text statements. The way for everything that the bulk protocols can't take.

use super::temporal::{Zones, write_day, write_micros, write_offset, write_time, write_timestamp};
use crate::url::Driver;
use std::fmt::Write;
use turnbuckle_api::data::{Logical, Type, java_f32, java_f64};
use turnbuckle_api::{Error, ErrorKind, Result, Schema, Value};

/// How literals are written on one connection.
#[derive(Clone, Debug)]
pub(crate) struct Literals {
    pub(crate) driver: Driver,
    /// PostgreSQL, `stringtype=unspecified`: text has no type of its own.
    pub(crate) text_untyped: bool,
    /// MySQL: backslashes in text are escapes.
    pub(crate) backslash_escapes: bool,
}

/// What literals are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Execute,
    /// As pgjdbc shows a parameter in error messages.
    Show,
}

/// Checks that a value can be a parameter.
///
/// # Errors
/// `ConnectException` for structs, maps, and arrays outside of PostgreSQL.
pub(crate) fn check_bindable(driver: Driver, schema: &Schema, value: &Value) -> Result<()> {
    let bindable = match value {
        Value::Struct(_) | Value::Map(_) => false,
        Value::Array(_) => driver == Driver::Postgres && array_type(schema).is_some(),
        _ => true,
    };
    if bindable {
        return Ok(());
    }
    Err(Error::connect(format!(
        "Unsupported source data type: {}",
        schema.kind()
    )))
}

impl Literals {
    /// Appends a value.
    ///
    /// # Errors
    /// `ConnectException` for types that can't be parameters; the driver's error for text that the server can't hold.
    pub(crate) fn write(
        &self,
        out: &mut String,
        zones: &Zones,
        schema: &Schema,
        value: &Value,
        purpose: Purpose,
    ) -> Result<()> {
        check_bindable(self.driver, schema, value)?;
        if self.driver != Driver::Postgres {
            self.mysql(out, zones, schema, value);
            return Ok(());
        }
        if purpose == Purpose::Show {
            out.push('(');
        }
        self.postgres(out, zones, schema, value, purpose)?;
        if purpose == Purpose::Show {
            out.push(')');
        }
        Ok(())
    }

    fn postgres(
        &self,
        out: &mut String,
        zones: &Zones,
        schema: &Schema,
        value: &Value,
        purpose: Purpose,
    ) -> Result<()> {
        let typed = |out: &mut String, text: &str, kind: &str| {
            let _ = write!(out, "'{text}'::{kind}");
        };
        match value {
            Value::Null => out.push_str("NULL"),
            Value::Boolean(truth) => typed(out, if *truth { "TRUE" } else { "FALSE" }, "bool"),
            Value::Int8(number) => typed(out, &number.to_string(), "int2"),
            Value::Int16(number) => typed(out, &number.to_string(), "int2"),
            Value::Int32(number) => typed(out, &number.to_string(), "int4"),
            // Of timestamp.fields.list.
            Value::Int64(micros) if schema.logical() == Some(Logical::Timestamp) => {
                out.push('\'');
                write_micros(out, zones, *micros);
                write_offset(out, zones.offset_seconds(micros.div_euclid(1000)));
                out.push('\'');
            }
            Value::Int64(number) => typed(out, &number.to_string(), "int8"),
            Value::Float32(number) => typed(out, &java_f32(*number), "float4"),
            Value::Float64(number) => typed(out, &java_f64(*number), "float8"),
            Value::Decimal(number) => typed(out, &number.to_string(), "numeric"),
            Value::Bytes(bytes) => {
                out.push_str(if purpose == Purpose::Show { "'\\x" } else { "E'\\\\x" });
                write_hex(out, bytes);
                out.push_str("'::bytea");
            }
            Value::String(text) => {
                postgres_text(out, text, purpose)?;
                if purpose == Purpose::Execute && !self.text_untyped {
                    out.push_str("::varchar");
                }
            }
            Value::Date(millis) => {
                out.push('\'');
                write_postgres_date(out, zones, schema, *millis);
                out.push('\'');
            }
            Value::Array(items) => {
                let Some(kind) = array_type(schema) else {
                    return Err(Error::connect("Unsupported source data type: ARRAY"));
                };
                postgres_text(out, &array_text(items), purpose)?;
                let _ = write!(out, "::{kind}[]");
            }
            Value::Map(_) | Value::Struct(_) => {
                return Err(Error::connect(format!(
                    "Unsupported source data type: {}",
                    schema.kind()
                )));
            }
        }
        Ok(())
    }

    fn mysql(&self, out: &mut String, zones: &Zones, schema: &Schema, value: &Value) {
        let _ = match value {
            Value::Boolean(truth) => write!(out, "{}", u8::from(*truth)),
            Value::Int8(number) => write!(out, "{number}"),
            Value::Int16(number) => write!(out, "{number}"),
            Value::Int32(number) => write!(out, "{number}"),
            Value::Int64(micros) if schema.logical() == Some(Logical::Timestamp) => {
                out.push('\'');
                write_micros(out, zones, *micros);
                out.push('\'');
                Ok(())
            }
            Value::Int64(number) => write!(out, "{number}"),
            Value::Float32(number) => write!(out, "{number:e}"),
            Value::Float64(number) => write!(out, "{number:e}"),
            Value::Decimal(number) => write!(out, "{}", number.to_plain_string()),
            Value::Bytes(bytes) => {
                out.push_str("x'");
                write_hex(out, bytes);
                out.push('\'');
                Ok(())
            }
            Value::String(text) => {
                self.mysql_text(out, text);
                Ok(())
            }
            Value::Date(millis) => {
                out.push('\'');
                match schema.logical() {
                    Some(Logical::Date) => write_day(out, zones.day(*millis)),
                    Some(Logical::Time) => write_time(out, zones.time_of_day(*millis)),
                    _ => write_timestamp(out, zones.wall_millis(*millis)),
                }
                out.push('\'');
                Ok(())
            }
            Value::Null | Value::Array(_) | Value::Map(_) | Value::Struct(_) => {
                out.push_str("NULL");
                Ok(())
            }
        };
    }

    fn mysql_text(&self, out: &mut String, text: &str) {
        out.push('\'');
        let mut rest = text;
        let special = |c: char| c == '\'' || (c == '\\' && self.backslash_escapes);
        while let Some(at) = rest.find(special) {
            let (before, after) = rest.split_at(at);
            let (found, after) = after.split_at(1);
            out.push_str(before);
            out.push_str(found);
            out.push_str(found);
            rest = after;
        }
        out.push_str(rest);
        out.push('\'');
    }
}

fn postgres_text(out: &mut String, text: &str, purpose: Purpose) -> Result<()> {
    if purpose == Purpose::Show {
        let _ = write!(out, "'{}'", text.replace('\'', "''"));
        return Ok(());
    }
    if text.contains('\0') {
        let kind = ErrorKind::Class("org.postgresql.util.PSQLException");
        return Err(Error::new(
            kind,
            "ERROR: invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    let doubled = text.replace('\'', "''");
    // An escape string means the same whatever standard_conforming_strings says.
    let _ = match doubled.contains('\\') {
        true => write!(out, "E'{}'", doubled.replace('\\', "\\\\")),
        false => write!(out, "'{doubled}'"),
    };
    Ok(())
}

/// pgjdbc binds times as text of no type, with the offset of the calendar's zone.
fn write_postgres_date(out: &mut String, zones: &Zones, schema: &Schema, millis: i64) {
    match schema.logical() {
        Some(Logical::Date) => {
            write_day(out, zones.day(millis));
            out.push(' ');
        }
        Some(Logical::Time) => write_time(out, zones.time_of_day(millis)),
        _ => write_timestamp(out, zones.wall_millis(millis)),
    }
    write_offset(out, zones.offset_seconds(millis));
}

fn write_hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// PostgreSQL's element type for an array schema; None where arrays can't be bound.
pub(crate) fn array_type(schema: &Schema) -> Option<&'static str> {
    let items = schema.items()?;
    if items.logical().is_some() {
        return None;
    }
    Some(match items.kind() {
        Type::Int8 | Type::Int16 => "int2",
        Type::Int32 => "int4",
        Type::Int64 => "int8",
        Type::Float32 => "float4",
        Type::Float64 => "float8",
        Type::Boolean => "bool",
        Type::String => "text",
        _ => return None,
    })
}

/// `{1,2}`, `{"a \"b\"",NULL}`.
fn array_text(items: &[Value]) -> String {
    let mut out = String::from("{");
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match item {
            Value::Null => out.push_str("NULL"),
            Value::String(text) => {
                let _ = write!(out, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            }
            other => {
                let _ = write!(out, "{}", turnbuckle_api::data::JavaText(other));
            }
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Decimal, SchemaBuilder};

    fn write(driver: Driver, schema: &Schema, value: Value, purpose: Purpose) -> Result<String> {
        let literals = Literals {
            driver,
            text_untyped: false,
            backslash_escapes: true,
        };
        let mut out = String::new();
        literals.write(&mut out, &Zones::UTC, schema, &value, purpose)?;
        Ok(out)
    }

    #[test]
    fn literals_are_typed_as_the_drivers_bind() {
        let plain = |kind| Schema::primitive(kind, true);
        for (schema, value, postgres, shown, mysql) in [
            (plain(Type::Int32), Value::Int32(3), "'3'::int4", "('3'::int4)", "3"),
            (plain(Type::Int8), Value::Int8(-3), "'-3'::int2", "('-3'::int2)", "-3"),
            (plain(Type::Int64), Value::Null, "NULL", "(NULL)", "NULL"),
            (
                plain(Type::String),
                Value::text("it's \\"),
                "E'it''s \\\\'::varchar",
                "('it''s \\')",
                "'it''s \\\\'",
            ),
            (
                plain(Type::Boolean),
                Value::Boolean(true),
                "'TRUE'::bool",
                "('TRUE'::bool)",
                "1",
            ),
            (
                plain(Type::Float64),
                Value::Float64(1.5),
                "'1.5'::float8",
                "('1.5'::float8)",
                "1.5e0",
            ),
            (
                plain(Type::Bytes),
                Value::Bytes(vec![0, 255].into()),
                "E'\\\\x00ff'::bytea",
                "('\\x00ff'::bytea)",
                "x'00ff'",
            ),
            (
                Schema::decimal(2).finish(),
                Value::Decimal(Decimal::new(12345, 2)),
                "'123.45'::numeric",
                "('123.45'::numeric)",
                "123.45",
            ),
            (
                Schema::date().finish(),
                Value::Date(1_709_164_800_000),
                "'2024-02-29 +00'",
                "('2024-02-29 +00')",
                "'2024-02-29'",
            ),
            (
                Schema::time().finish(),
                Value::Date(45_296_789),
                "'12:34:56.789+00'",
                "('12:34:56.789+00')",
                "'12:34:56.789'",
            ),
            (
                Schema::timestamp().finish(),
                Value::Date(1_718_446_830_123),
                "'2024-06-15 10:20:30.123+00'",
                "('2024-06-15 10:20:30.123+00')",
                "'2024-06-15 10:20:30.123'",
            ),
        ] {
            assert_eq!(
                write(Driver::Postgres, &schema, value.clone(), Purpose::Execute).unwrap(),
                postgres
            );
            assert_eq!(
                write(Driver::Postgres, &schema, value.clone(), Purpose::Show).unwrap(),
                shown
            );
            assert_eq!(write(Driver::MySql, &schema, value, Purpose::Execute).unwrap(), mysql);
        }
    }

    #[test]
    fn arrays_are_for_postgres_only() {
        let strings = SchemaBuilder::array(Some(Schema::primitive(Type::String, false))).finish();
        let value = Value::Array(vec![Value::text("q\""), Value::Null]);
        assert_eq!(
            write(Driver::Postgres, &strings, value.clone(), Purpose::Execute).unwrap(),
            "E'{\"q\\\\\"\",NULL}'::text[]"
        );
        let error = write(Driver::MySql, &strings, value, Purpose::Execute).unwrap_err();
        assert_eq!(error.message(), Some("Unsupported source data type: ARRAY"));
    }

    #[test]
    fn structs_and_nul_are_refused() {
        let schema = Schema::structure().finish();
        let value = Value::Struct(turnbuckle_api::Struct::empty(schema.clone()));
        let error = write(Driver::Postgres, &schema, value, Purpose::Execute).unwrap_err();
        assert_eq!(error.message(), Some("Unsupported source data type: STRUCT"));
        let text = Schema::primitive(Type::String, false);
        let error = write(Driver::Postgres, &text, Value::text("a\0b"), Purpose::Execute).unwrap_err();
        assert_eq!(error.class_name(), "org.postgresql.util.PSQLException");
    }
}
