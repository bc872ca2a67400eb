//! Values of the binary protocol: one decoder per column, chosen once per query.

use super::types::Described;
use crate::connection::ZeroDates;
use crate::source::plan::Target;
use crate::source::time::{Granularity, MILLIS_PER_DAY, Moment, Zone};
use crate::url::Driver;
use bytes::BytesMut;
use turnbuckle_api::data::calendar::days_from_civil;
use turnbuckle_api::{Error, ErrorKind, Text, Value};

/// What all columns of a session share.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) driver: Driver,
    pub(super) zero_dates: ZeroDates,
    pub(super) zone: Zone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integer {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    /// Big-endian bits.
    Bits,
}

/// How a column's bytes become a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decoder {
    Integer(Integer, Target),
    Float,
    Double,
    Text,
    Bytes,
    Decimal(i32),
    Date,
    Year,
    Time,
    Timestamp(Granularity),
}

/// Why a value does not fit.
#[derive(Debug)]
pub(super) enum Misfit {
    /// Out of the range of a Java type (simple name).
    Range(i128, &'static str),
    ZeroDate,
    /// A TIME outside a day, as Connector/J shows it.
    Duration(String),
    Malformed,
}

impl Misfit {
    /// The driver's error.
    pub(super) fn for_column(self, column: &str, driver: Driver) -> Error {
        let sql = |text: String| Error::new(ErrorKind::Class("java.sql.SQLException"), text);
        let inner = |class: &'static str, text: &str| Error::new(ErrorKind::Class(class), text);
        let cause = match self {
            Misfit::Range(number, java) if driver == Driver::MySql => {
                let text = format!(
                    "Value '{}' is outside of valid range for type java.lang.{java}",
                    grouped(number)
                );
                let cause = inner("com.mysql.cj.exceptions.NumberOutOfRange", &text);
                Error::wrap(ErrorKind::Class("java.sql.SQLDataException"), text, cause)
            }
            Misfit::Range(number, _) => sql(format!("Out of range value for column '{column}' for value {number}")),
            Misfit::ZeroDate => {
                let text = "Zero date value prohibited";
                sql(text.to_string()).with_cause(inner("com.mysql.cj.exceptions.DataReadException", text))
            }
            Misfit::Duration(shown) => {
                let text = format!(
                    "The value '{shown}' is an invalid TIME value. JDBC Time objects represent a wall-clock time and not a duration \
                     as MySQL treats them. If you are treating this type as a duration, consider retrieving this value as a string \
                     and dealing with it according to your requirements."
                );
                let cause = inner("com.mysql.cj.exceptions.DataReadException", &text);
                sql(text).with_cause(cause)
            }
            Misfit::Malformed => sql(format!("The value of column '{column}' is malformed")),
        };
        Error::data(cause.headline()).with_cause(cause)
    }
}

/// A number with commas between thousands.
fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Decoder {
    /// The decoder of a column.
    ///
    /// # Errors
    /// `DataException` if the pair makes no sense, which the type plan rules out.
    pub(super) fn new(column: &Described, target: Target) -> Result<Decoder, Error> {
        let integer = match column.wire.as_str() {
            "TINYINT" | "BOOLEAN" => Some(Integer::I8),
            "TINYINT UNSIGNED" => Some(Integer::U8),
            "SMALLINT" => Some(Integer::I16),
            "SMALLINT UNSIGNED" | "YEAR" | "YEAR UNSIGNED" => Some(Integer::U16),
            "MEDIUMINT" | "INT" => Some(Integer::I32),
            "MEDIUMINT UNSIGNED" | "INT UNSIGNED" => Some(Integer::U32),
            "BIGINT" => Some(Integer::I64),
            "BIGINT UNSIGNED" => Some(Integer::U64),
            "BIT" => Some(Integer::Bits),
            _ => None,
        };
        Ok(match (target, integer) {
            (Target::Int8 | Target::Int16 | Target::Int32 | Target::Int64, Some(integer)) => {
                Decoder::Integer(integer, target)
            }
            (Target::Date, Some(Integer::U16)) => Decoder::Year,
            (Target::Float32, _) => Decoder::Float,
            (Target::Float64, _) => Decoder::Double,
            (Target::Text, None) => Decoder::Text,
            (Target::Bytes, None | Some(Integer::Bits)) => Decoder::Bytes,
            (Target::Decimal(scale, _), None) => Decoder::Decimal(scale),
            (Target::Date, None) => Decoder::Date,
            (Target::Time, None) => Decoder::Time,
            (Target::Timestamp(granularity), None) => Decoder::Timestamp(granularity),
            _ => {
                let text = format!(
                    "Column {} of type {} can't be read as {target:?}",
                    column.name, column.declared
                );
                return Err(Error::data(text));
            }
        })
    }

    /// The value; texts are put into `arena`.
    ///
    /// # Errors
    /// See [`Misfit`].
    pub(super) fn value(self, raw: &[u8], session: &Session, arena: &mut BytesMut) -> Result<Value, Misfit> {
        Ok(match self {
            Decoder::Integer(integer, target) => narrow(integer, raw, target)?,
            Decoder::Double => Value::Float64(f64::from_le_bytes(fixed(raw)?)),
            Decoder::Float => Value::Float32(f32::from_le_bytes(fixed(raw)?)),
            Decoder::Text => {
                arena.extend_from_slice(raw);
                Value::String(Text::try_from(arena.split().freeze()).map_err(|_| Misfit::Malformed)?)
            }
            Decoder::Bytes => {
                arena.extend_from_slice(raw);
                Value::Bytes(arena.split().freeze())
            }
            Decoder::Decimal(scale) => {
                let text = std::str::from_utf8(raw).map_err(|_| Misfit::Malformed)?;
                let decimal: turnbuckle_api::Decimal = text.parse().map_err(|_| Misfit::Malformed)?;
                Value::Decimal(decimal.rescale(scale).ok_or(Misfit::Malformed)?)
            }
            Decoder::Date => match civil(raw, session)? {
                Some((days, _, _)) => Value::Date(session.zone.day(days) * MILLIS_PER_DAY),
                None => Value::Null,
            },
            Decoder::Year => {
                let year = u16::from_le_bytes(fixed(raw)?);
                Value::Date(days_from_civil(i64::from(year), 1, 1) * MILLIS_PER_DAY)
            }
            Decoder::Time => Value::Date(time(raw, session)?),
            Decoder::Timestamp(granularity) => match civil(raw, session)? {
                Some(reading) => granularity.value(instant(reading, session), &session.zone),
                None => Value::Null,
            },
        })
    }

    /// The exact instant of a timestamp column.
    pub(super) fn moment(self, raw: &[u8], session: &Session) -> Option<Moment> {
        match self {
            Decoder::Timestamp(_) => civil(raw, session)
                .ok()
                .flatten()
                .map(|reading| instant(reading, session)),
            _ => None,
        }
    }
}

fn fixed<const N: usize>(raw: &[u8]) -> Result<[u8; N], Misfit> {
    raw.try_into().map_err(|_| Misfit::Malformed)
}

fn narrow(integer: Integer, raw: &[u8], target: Target) -> Result<Value, Misfit> {
    let wide: i64 = match integer {
        Integer::I8 => i64::from(i8::from_le_bytes(fixed(raw)?)),
        Integer::U8 => i64::from(u8::from_le_bytes(fixed(raw)?)),
        Integer::I16 => i64::from(i16::from_le_bytes(fixed(raw)?)),
        Integer::U16 => i64::from(u16::from_le_bytes(fixed(raw)?)),
        Integer::I32 => i64::from(i32::from_le_bytes(fixed(raw)?)),
        Integer::U32 => i64::from(u32::from_le_bytes(fixed(raw)?)),
        Integer::I64 => i64::from_le_bytes(fixed(raw)?),
        Integer::U64 => {
            let value = u64::from_le_bytes(fixed(raw)?);
            i64::try_from(value).map_err(|_| Misfit::Range(i128::from(value), "Long"))?
        }
        Integer::Bits => {
            if raw.len() > 8 {
                return Err(Misfit::Malformed);
            }
            let value = raw.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
            i64::try_from(value).map_err(|_| Misfit::Range(i128::from(value), "Byte"))?
        }
    };
    let range = |java| Misfit::Range(i128::from(wide), java);
    Ok(match target {
        Target::Int8 => Value::Int8(i8::try_from(wide).map_err(|_| range("Byte"))?),
        Target::Int16 => Value::Int16(i16::try_from(wide).map_err(|_| range("Short"))?),
        Target::Int32 => Value::Int32(i32::try_from(wide).map_err(|_| range("Integer"))?),
        _ => Value::Int64(wide),
    })
}

/// Days, second of the day and microseconds of a date or date-time; None where zeros mean null.
fn civil(raw: &[u8], session: &Session) -> Result<Option<(i64, i64, u32)>, Misfit> {
    let body = raw.get(1..).unwrap_or_default();
    let (mut year, mut month, mut day) = (0, 0, 0);
    if let [low, high, m, d, ..] = body {
        year = i64::from(u16::from_le_bytes([*low, *high]));
        (month, day) = (u32::from(*m), u32::from(*d));
    }
    if month == 0 || day == 0 {
        return match session.zero_dates {
            ZeroDates::Null => Ok(None),
            ZeroDates::Refuse => Err(Misfit::ZeroDate),
            ZeroDates::Round => Ok(Some((days_from_civil(1, 1, 1), 0, 0))),
        };
    }
    let second = match body.get(4..7) {
        Some([hour, minute, second]) => i64::from(*hour) * 3600 + i64::from(*minute) * 60 + i64::from(*second),
        _ => 0,
    };
    let micros = match body.get(7..11) {
        Some(micros) => u32::from_le_bytes(fixed(micros)?),
        None => 0,
    };
    Ok(Some((days_from_civil(year, month, day), second, micros)))
}

fn instant((days, second, micros): (i64, i64, u32), session: &Session) -> Moment {
    let wall = session.zone.wall_seconds(days * 86_400 + second);
    Moment::from_seconds(session.zone.to_instant(wall), micros * 1000)
}

/// Milliseconds of a TIME, which is a duration of any sign for the server.
fn time(raw: &[u8], session: &Session) -> Result<i64, Misfit> {
    let body = raw.get(1..).unwrap_or_default();
    let Some(head) = body.get(..8) else {
        return Ok(session.zone.to_instant(0) * 1000);
    };
    let negative = head[0] == 1;
    let days = i64::from(u32::from_le_bytes(fixed(&head[1..5])?));
    let hours = days * 24 + i64::from(head[5]);
    let seconds = hours * 3600 + i64::from(head[6]) * 60 + i64::from(head[7]);
    let micros = match body.get(8..12) {
        Some(micros) => u32::from_le_bytes(fixed(micros)?),
        None => 0,
    };
    if session.driver == Driver::MySql && (negative || hours >= 24) {
        let sign = if negative { "-" } else { "" };
        return Err(Misfit::Duration(format!("{sign}{hours}:{:02}:{:02}", head[6], head[7])));
    }
    let sign = if negative { -1 } else { 1 };
    Ok(session.zone.to_instant(sign * seconds) * 1000 + sign * i64::from(micros / 1000))
}

#[cfg(test)]
mod tests {
    use super::super::types::tests::described;
    use super::*;

    fn session(driver: Driver) -> Session {
        let zero_dates = if driver == Driver::MySql {
            ZeroDates::Refuse
        } else {
            ZeroDates::Null
        };
        Session {
            driver,
            zero_dates,
            zone: Zone::utc(),
        }
    }

    fn value(declared: &str, target: Target, raw: &[u8], driver: Driver) -> Result<Value, Misfit> {
        let decoder = Decoder::new(&described(declared), target).unwrap();
        decoder.value(raw, &session(driver), &mut BytesMut::new())
    }

    // golden src-mariadb-*
    #[test]
    fn values_are_those_of_the_driver() {
        let timestamp = Target::Timestamp(Granularity::Logical);
        for (declared, target, raw, expected) in [
            ("tinyint unsigned", Target::Int16, vec![255], Value::Int16(255)),
            (
                "mediumint",
                Target::Int32,
                (-8_388_608i32).to_le_bytes().to_vec(),
                Value::Int32(-8_388_608),
            ),
            (
                "int unsigned",
                Target::Int64,
                vec![0xff; 4],
                Value::Int64(4_294_967_295),
            ),
            ("bit(1)", Target::Int8, vec![1], Value::Int8(1)),
            ("bit(16)", Target::Bytes, vec![1, 1], Value::Bytes(vec![1, 1].into())),
            (
                "decimal(12,4)",
                Target::Decimal(4, 12),
                b"-1.5000".to_vec(),
                Value::Decimal(turnbuckle_api::Decimal::new(-15_000, 4)),
            ),
            (
                "date",
                Target::Date,
                vec![4, 0xe8, 7, 2, 29],
                Value::Date(19_782 * MILLIS_PER_DAY),
            ),
            (
                "year",
                Target::Date,
                2024u16.to_le_bytes().to_vec(),
                Value::Date(19_723 * MILLIS_PER_DAY),
            ),
            (
                "time",
                Target::Time,
                vec![8, 0, 0, 0, 0, 0, 23, 59, 59],
                Value::Date(86_399_000),
            ),
            ("time", Target::Time, vec![0], Value::Date(0)),
            (
                "datetime",
                timestamp,
                vec![7, 0xe8, 7, 6, 15, 10, 20, 30],
                Value::Date(1_718_446_830_000),
            ),
            (
                "datetime(6)",
                timestamp,
                vec![11, 0xb1, 7, 12, 31, 23, 59, 59, 0x20, 0xa1, 7, 0],
                Value::Date(-500),
            ),
            ("datetime", timestamp, vec![0], Value::Null),
        ] {
            assert_eq!(
                value(declared, target, &raw, Driver::MariaDb).unwrap(),
                expected,
                "{declared}"
            );
        }
        let negative = [8, 1, 0, 0, 0, 0, 1, 30, 0];
        assert_eq!(
            value("time", Target::Time, &negative, Driver::MariaDb).unwrap(),
            Value::Date(-5_400_000)
        );
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let huge = value("bigint unsigned", Target::Int64, &[0xff; 8], Driver::MySql).unwrap_err();
        assert!(matches!(huge, Misfit::Range(18_446_744_073_709_551_615, "Long")));
        assert!(matches!(
            value("bit(16)", Target::Int8, &[1, 1], Driver::MySql),
            Err(Misfit::Range(257, "Byte"))
        ));
        assert!(matches!(
            value("date", Target::Date, &[0], Driver::MySql),
            Err(Misfit::ZeroDate)
        ));
        let duration = value("time", Target::Time, &[8, 1, 0, 0, 0, 0, 1, 30, 0], Driver::MySql).unwrap_err();
        assert!(matches!(duration, Misfit::Duration(shown) if shown == "-1:30:00"));
        assert_eq!(grouped(18_446_744_073_709_551_615), "18,446,744,073,709,551,615");
    }
}
