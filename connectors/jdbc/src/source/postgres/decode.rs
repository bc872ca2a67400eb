//! Values of binary COPY: one decoder per column, chosen once per query.

use super::numeric::{Parsed, parse};
use crate::source::plan::{JdbcColumn, Target};
use crate::source::time::{Granularity, MILLIS_PER_DAY, Moment, Zone};
use bytes::Bytes;
use turnbuckle_api::{Error, ErrorKind, Result, Text, Value};

/// The binary form of a PostgreSQL type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Bool,
    Bytes,
    /// `"char"`: one byte.
    Char,
    Text,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Money,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Bits,
    Numeric,
    Uuid,
    JsonB,
    Unknown,
}

/// How a column's bytes become a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decoder {
    Bool,
    Bytes,
    Char,
    Text,
    JsonB,
    Uuid,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Money,
    Bit,
    /// The 0/1 text as a decimal number.
    BitNumber,
    BitText,
    /// With this scale.
    Decimal(i32),
    Double,
    NumericByte,
    NumericShort,
    NumericInt,
    NumericLong,
    Date,
    Time,
    TimeTz,
    Timestamp(Granularity),
    TimestampTz(Granularity),
}

/// 2000-01-01, PostgreSQL's epoch.
const EPOCH_SECONDS: i64 = 946_684_800;
const EPOCH_DAYS: i64 = 10_957;
/// What pgjdbc makes of `infinity` and `-infinity`.
const INFINITY: i64 = 9_223_372_036_825_200_000;
const MINUS_INFINITY: i64 = -9_223_372_036_832_400_000;

impl Decoder {
    /// The decoder of a column.
    ///
    /// # Errors
    /// `DataException` if the pair makes no sense, which the type plan rules out.
    pub(super) fn new(wire: Wire, target: Target, column: &JdbcColumn) -> Result<Decoder> {
        Ok(match (wire, target) {
            (Wire::Bool, Target::Boolean) => Decoder::Bool,
            (Wire::Bytes, Target::Bytes) => Decoder::Bytes,
            (Wire::Char, Target::Text) => Decoder::Char,
            (Wire::Text, Target::Text) => Decoder::Text,
            (Wire::JsonB, Target::Text) => Decoder::JsonB,
            (Wire::Uuid, Target::Text) => Decoder::Uuid,
            (Wire::Int2, Target::Int16) => Decoder::Int2,
            (Wire::Int4, Target::Int32) => Decoder::Int4,
            (Wire::Int8, Target::Int64) => Decoder::Int8,
            (Wire::Oid, Target::Int64) => Decoder::Oid,
            (Wire::Float4, Target::Float32) => Decoder::Float4,
            (Wire::Float8, Target::Float64) => Decoder::Float8,
            (Wire::Money, Target::Float64) => Decoder::Money,
            (Wire::Bits, Target::Boolean) => Decoder::Bit,
            (Wire::Bits, Target::Int8) => Decoder::BitNumber,
            (Wire::Bits, Target::Bytes) => Decoder::BitText,
            (Wire::Numeric, Target::Decimal(scale, _)) => Decoder::Decimal(scale),
            (Wire::Numeric, Target::Float64) => Decoder::Double,
            (Wire::Numeric, Target::Int8) => Decoder::NumericByte,
            (Wire::Numeric, Target::Int16) => Decoder::NumericShort,
            (Wire::Numeric, Target::Int32) => Decoder::NumericInt,
            (Wire::Numeric, Target::Int64) => Decoder::NumericLong,
            (Wire::Date, Target::Date) => Decoder::Date,
            (Wire::Time, Target::Time) => Decoder::Time,
            (Wire::TimeTz, Target::Time) => Decoder::TimeTz,
            (Wire::Timestamp, Target::Timestamp(granularity)) => Decoder::Timestamp(granularity),
            (Wire::TimestampTz, Target::Timestamp(granularity)) => Decoder::TimestampTz(granularity),
            _ => {
                let text = format!(
                    "Column {} can't be read as {target:?} from its binary form {wire:?}",
                    column.name
                );
                return Err(Error::data(text));
            }
        })
    }

    /// The value in `row[from..to]`; text and bytes share the row's buffer.
    ///
    /// # Errors
    /// `DataException` in the driver's words for values that don't fit.
    pub(super) fn value(self, row: &Bytes, from: usize, to: usize, zone: &Zone) -> Result<Value> {
        let raw = row.get(from..to).ok_or_else(super::malformed)?;
        Ok(match self {
            Decoder::Int4 => Value::Int32(i32::from_be_bytes(fixed(raw)?)),
            Decoder::Int8 => Value::Int64(i64::from_be_bytes(fixed(raw)?)),
            Decoder::Float8 => Value::Float64(f64::from_be_bytes(fixed(raw)?)),
            Decoder::Text => Value::String(text(row.slice(from..to))?),
            Decoder::Int2 => Value::Int16(i16::from_be_bytes(fixed(raw)?)),
            Decoder::Oid => Value::Int64(i64::from(u32::from_be_bytes(fixed(raw)?))),
            Decoder::Float4 => Value::Float32(f32::from_be_bytes(fixed(raw)?)),
            Decoder::Bool => Value::Boolean(raw.first() == Some(&1)),
            Decoder::Bytes => Value::Bytes(row.slice(from..to)),
            Decoder::Char if raw == [0] => Value::String(Text::new()),
            Decoder::Char => Value::String(text(row.slice(from..to))?),
            // The first byte is the version of the form.
            Decoder::JsonB => Value::String(text(row.slice((from + 1).min(to)..to))?),
            Decoder::Uuid => Value::text(uuid(fixed(raw)?)),
            // Hundredths: the usual decimals of lc_monetary.
            Decoder::Money => Value::Float64(i64::from_be_bytes(fixed(raw)?) as f64 / 100.0),
            Decoder::Bit => Value::Boolean(bit_text(raw)? == "1"),
            Decoder::BitNumber => {
                let text = bit_text(raw)?;
                let number = text.parse().map_err(|_| bad_value("byte", &text))?;
                Value::Int8(number)
            }
            Decoder::BitText => Value::Bytes(bit_text(raw)?.into()),
            Decoder::Decimal(scale) => match numeric(raw)? {
                Parsed::Finite(number) => match number.scaled(scale) {
                    Some(decimal) => Value::Decimal(decimal),
                    None => return Err(bad_value("BigDecimal", &number.decimal().to_plain_string())),
                },
                other => return Err(bad_value("BigDecimal", special(other))),
            },
            Decoder::Double => Value::Float64(match numeric(raw)? {
                Parsed::Finite(number) => number.double(),
                Parsed::NotANumber => f64::NAN,
                Parsed::Infinity => f64::INFINITY,
                Parsed::MinusInfinity => f64::NEG_INFINITY,
            }),
            Decoder::NumericByte => Value::Int8(narrow(raw, "byte")?),
            Decoder::NumericShort => Value::Int16(narrow(raw, "short")?),
            Decoder::NumericInt => Value::Int32(narrow(raw, "int")?),
            Decoder::NumericLong => Value::Int64(narrow(raw, "long")?),
            Decoder::Date => Value::Date(match i32::from_be_bytes(fixed(raw)?) {
                i32::MAX => INFINITY,
                i32::MIN => MINUS_INFINITY,
                days => zone.day(i64::from(days) + EPOCH_DAYS) * MILLIS_PER_DAY,
            }),
            Decoder::Time => {
                let micros = i64::from_be_bytes(fixed(raw)?);
                let instant = zone.to_instant(micros.div_euclid(1_000_000));
                Value::Date(instant * 1000 + micros.rem_euclid(1_000_000) / 1000)
            }
            Decoder::TimeTz => {
                let whole: [u8; 12] = fixed(raw)?;
                let (micros, west) = whole.split_at(8);
                let micros = i64::from_be_bytes(fixed(micros)?);
                let west = i64::from(i32::from_be_bytes(fixed(west)?));
                Value::Date(micros.div_euclid(1000) + west * 1000)
            }
            Decoder::Timestamp(granularity) | Decoder::TimestampTz(granularity) => {
                let moment = self.moment(raw, zone).ok_or_else(super::malformed)?;
                granularity.value(moment, zone)
            }
        })
    }

    /// The exact instant of a timestamp column.
    pub(super) fn moment(self, raw: &[u8], zone: &Zone) -> Option<Moment> {
        let micros = i64::from_be_bytes(raw.try_into().ok()?);
        match micros {
            i64::MAX => {
                return Some(Moment {
                    millis: INFINITY,
                    nanos: 0,
                });
            }
            i64::MIN => {
                return Some(Moment {
                    millis: MINUS_INFINITY,
                    nanos: 0,
                });
            }
            _ => {}
        }
        let seconds = zone.wall_seconds(micros.div_euclid(1_000_000) + EPOCH_SECONDS);
        let nanos = micros.rem_euclid(1_000_000) as u32 * 1000;
        let instant = match self {
            Decoder::Timestamp(_) => zone.to_instant(seconds),
            Decoder::TimestampTz(_) => seconds,
            _ => return None,
        };
        Some(Moment::from_seconds(instant, nanos))
    }
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N]> {
    raw.try_into().map_err(|_| super::malformed())
}

fn text(bytes: Bytes) -> Result<Text> {
    Text::try_from(bytes)
        .map_err(|_| Error::data("A text of the result is not valid UTF-8; is the database's encoding right?"))
}

/// `DataException` with pgjdbc's complaint as message and cause.
#[cold]
fn bad_value(kind: &str, text: &str) -> Error {
    let class = ErrorKind::Class("org.postgresql.util.PSQLException");
    let cause = Error::new(class, format!("Bad value for type {kind} : {text}"));
    Error::data(cause.headline()).with_cause(cause)
}

fn numeric(raw: &[u8]) -> Result<Parsed<'_>> {
    parse(raw).ok_or_else(super::malformed)
}

fn special(value: Parsed<'_>) -> &'static str {
    match value {
        Parsed::Infinity => "Infinity",
        Parsed::MinusInfinity => "-Infinity",
        _ => "NaN",
    }
}

fn narrow<T: TryFrom<i64>>(raw: &[u8], kind: &str) -> Result<T> {
    match numeric(raw)? {
        Parsed::Finite(number) => number
            .integer()
            .and_then(|value| T::try_from(value).ok())
            .ok_or_else(|| bad_value(kind, &number.decimal().to_plain_string())),
        other => Err(bad_value(kind, special(other))),
    }
}

fn bit_text(raw: &[u8]) -> Result<String> {
    let (length, bits) = raw.split_at_checked(4).ok_or_else(super::malformed)?;
    let length = u32::from_be_bytes(fixed(length)?) as usize;
    if bits.len() < length.div_ceil(8) {
        return Err(super::malformed());
    }
    let bit = |index: usize| {
        if bits[index / 8] & (0x80 >> (index % 8)) != 0 {
            '1'
        } else {
            '0'
        }
    };
    Ok((0..length).map(bit).collect())
}

fn uuid(bytes: [u8; 16]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(HEX[usize::from(byte >> 4)]));
        text.push(char::from(HEX[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::numeric::tests::encode;
    use super::*;

    fn value(decoder: Decoder, raw: &[u8]) -> Result<Value> {
        let row = Bytes::copy_from_slice(raw);
        decoder.value(&row, 0, row.len(), &Zone::utc())
    }

    fn micros(text: &str) -> [u8; 8] {
        let reading: jiff::civil::DateTime = text.parse().unwrap();
        let instant = reading.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        (instant.as_microsecond() - EPOCH_SECONDS * 1_000_000).to_be_bytes()
    }

    // golden src-pg-*
    #[test]
    fn values_are_those_of_the_driver() {
        let bits = |length: u32, bits: &[u8]| [&length.to_be_bytes()[..], bits].concat();
        for (decoder, raw, expected) in [
            (Decoder::Int2, vec![0x80, 0], Value::Int16(-32768)),
            (Decoder::Oid, vec![0xff; 4], Value::Int64(4_294_967_295)),
            (Decoder::Text, "é漢".as_bytes().to_vec(), Value::text("é漢")),
            (Decoder::JsonB, b"\x01null".to_vec(), Value::text("null")),
            (Decoder::Money, 1234i64.to_be_bytes().to_vec(), Value::Float64(12.34)),
            (Decoder::Money, (-525i64).to_be_bytes().to_vec(), Value::Float64(-5.25)),
            (
                Decoder::Money,
                123_450i64.to_be_bytes().to_vec(),
                Value::Float64(1234.5),
            ),
            (Decoder::BitNumber, bits(3, &[0b1010_0000]), Value::Int8(101)),
            (
                Decoder::BitText,
                bits(9, &[0b0100_0001, 0x80]),
                Value::Bytes("010000011".into()),
            ),
            (Decoder::Bit, bits(1, &[0x80]), Value::Boolean(true)),
            (
                Decoder::Date,
                8825i32.to_be_bytes().to_vec(),
                Value::Date(19_782 * MILLIS_PER_DAY),
            ),
            (Decoder::Date, i32::MAX.to_be_bytes().to_vec(), Value::Date(INFINITY)),
            (
                Decoder::Time,
                86_399_999_999i64.to_be_bytes().to_vec(),
                Value::Date(86_399_999),
            ),
            (
                Decoder::Timestamp(Granularity::Logical),
                micros("1969-12-31T23:59:59.5").to_vec(),
                Value::Date(-500),
            ),
            (
                Decoder::Timestamp(Granularity::Logical),
                micros("0001-01-01T00:00:00").to_vec(),
                Value::Date(-62_135_769_600_000),
            ),
            (Decoder::NumericByte, encode("-100"), Value::Int8(-100)),
            (
                Decoder::Double,
                encode("12345678901234.5678"),
                Value::Float64(12_345_678_901_234.568),
            ),
            (
                Decoder::Uuid,
                (0..16).collect(),
                Value::text("00010203-0405-0607-0809-0a0b0c0d0e0f"),
            ),
        ] {
            assert_eq!(value(decoder, &raw).unwrap(), expected, "{decoder:?}");
        }
        let half_past_eight = [&36_000_500_000i64.to_be_bytes()[..], &(-7200i32).to_be_bytes()].concat();
        assert_eq!(
            value(Decoder::TimeTz, &half_past_eight).unwrap(),
            Value::Date(28_800_500)
        );
    }

    #[test]
    fn what_does_not_fit_fails_in_the_drivers_words() {
        let nan = [0, 0, 0, 0, 0xC0, 0, 0, 0];
        for (decoder, raw, text) in [
            (Decoder::NumericByte, encode("1000"), "byte : 1000"),
            (
                Decoder::BitNumber,
                [&8u32.to_be_bytes()[..], &[8]].concat(),
                "byte : 00001000",
            ),
            (Decoder::Decimal(2), nan.to_vec(), "BigDecimal : NaN"),
        ] {
            let error = value(decoder, &raw).unwrap_err();
            let expected = format!("org.postgresql.util.PSQLException: Bad value for type {text}");
            assert_eq!(error.message(), Some(expected.as_str()));
            assert_eq!(error.cause().unwrap().headline(), expected);
        }
        assert!(value(Decoder::Int4, &[1, 2]).is_err());
    }
}
