//! Connect's logical types as the messages that stand for them: `confluent.type.Decimal`, `google.type.Date`,
//! `google.type.TimeOfDay` and `google.protobuf.Timestamp`.

use super::writer::{put_bytes_field, put_int_field};
use num_bigint::{BigInt, Sign};
use num_traits::Signed;
use turnbuckle_api::data::Decimal;
use turnbuckle_api::{Error, ErrorKind, Result, Value};

const MILLIS_PER_SECOND: i64 = 1_000;
const MILLIS_PER_DAY: i64 = 86_400_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
/// Counting and rounding the digits of larger decimals would take seconds for each.
const MAX_UNSCALED: usize = 65_536;
/// 0001-01-01 and the last second of 9999, in seconds.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// First day of the Gregorian calendar, 1582-10-15, as day since the epoch; Java's calendar is Julian before.
const GREGORIAN_START: i64 = -141_427;

pub(super) fn put_decimal(decimal: &Decimal, out: &mut Vec<u8>) {
    let mut unscaled = Vec::with_capacity(16);
    decimal.write_unscaled_be(&mut unscaled);
    put_bytes_field(1, &unscaled, out);
    put_int_field(2, i64::from(decimal.precision()), out);
    put_int_field(3, i64::from(decimal.scale()), out);
}

/// The decimal of a message's fields; a precision rounds it, as `MathContext` does.
pub(super) fn decimal(unscaled: &[u8], precision: Option<i32>, scale: i32) -> Result<Value> {
    if unscaled.is_empty() {
        let kind = ErrorKind::Class("java.lang.NumberFormatException");
        return Err(Error::new(kind, "Zero length BigInteger"));
    }
    if unscaled.len() > MAX_UNSCALED {
        return Err(Error::data(format!(
            "A decimal of {} bytes is larger than the {MAX_UNSCALED} that are read",
            unscaled.len()
        )));
    }
    let decimal = Decimal::from_unscaled_be(unscaled, scale);
    let Some(precision) = precision.filter(|precision| *precision != 0) else {
        return Ok(Value::Decimal(decimal));
    };
    let precision = u32::try_from(precision).map_err(|_| illegal("Digits < 0"))?;
    let digits = decimal.precision();
    if digits <= precision {
        return Ok(Value::Decimal(decimal));
    }
    // Half up, away from zero; the carry of 99.9 may need one digit less.
    let mut dropped = digits - precision;
    loop {
        let divisor = BigInt::from(10u8).pow(dropped);
        let unscaled = decimal.unscaled();
        let half = &divisor / 2u8;
        let rounded: BigInt = (unscaled.abs() + half) / &divisor;
        let rounded = if unscaled.sign() == Sign::Minus {
            -rounded
        } else {
            rounded
        };
        let scale = scale
            .checked_sub(dropped as i32)
            .ok_or_else(|| Error::new(ErrorKind::Class("java.lang.ArithmeticException"), "Underflow"))?;
        let result = Decimal::from_bigint(rounded, scale);
        if result.precision() <= precision {
            return Ok(Value::Decimal(result));
        }
        dropped += 1;
    }
}

pub(super) fn put_date(millis: i64, out: &mut Vec<u8>) -> Result<()> {
    if millis % MILLIS_PER_DAY != 0 {
        return Err(Error::data(
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ));
    }
    let (year, month, day) = civil(millis / MILLIS_PER_DAY);
    if year < 1 {
        return Err(Error::data(format!(
            "google.type.Date has no place for a year before 1, found {year}"
        )));
    }
    put_int_field(1, year, out);
    put_int_field(2, month, out);
    put_int_field(3, day, out);
    Ok(())
}

pub(super) fn date(year: i32, month: i32, day: i32) -> Result<Value> {
    // Java's calendar names the field that is wrong, and nothing else.
    if year < 1 {
        return Err(illegal("YEAR"));
    }
    if !(1..=12).contains(&month) {
        return Err(illegal("MONTH"));
    }
    let wanted = (i64::from(year), i64::from(month), i64::from(day));
    let gregorian = gregorian_day(wanted.0, wanted.1, wanted.2);
    let days = if gregorian >= GREGORIAN_START {
        gregorian
    } else {
        julian_day(wanted.0, wanted.1, wanted.2)
    };
    if !(1..=31).contains(&day) || civil(days) != wanted {
        return Err(illegal("DAY_OF_MONTH"));
    }
    let millis = days.checked_mul(MILLIS_PER_DAY).ok_or_else(|| illegal("YEAR"))?;
    Ok(Value::Date(millis))
}

pub(super) fn put_time(millis: i64, out: &mut Vec<u8>) -> Result<()> {
    if !(0..=MILLIS_PER_DAY).contains(&millis) {
        return Err(Error::data(
            "Time values must use number of millis greater than 0 and less than 86400000",
        ));
    }
    let seconds = millis / MILLIS_PER_SECOND;
    put_int_field(1, seconds / 3600 % 24, out);
    put_int_field(2, seconds / 60 % 60, out);
    put_int_field(3, seconds % 60, out);
    put_int_field(4, millis % MILLIS_PER_SECOND * NANOS_PER_MILLI, out);
    Ok(())
}

pub(super) fn time(hours: i32, minutes: i32, seconds: i32, nanos: i32) -> Result<Value> {
    for (value, name, most) in [
        (hours, "HourOfDay", 23),
        (minutes, "MinuteOfHour", 59),
        (seconds, "SecondOfMinute", 59),
        (nanos, "NanoOfSecond", 999_999_999),
    ] {
        if !(0..=most).contains(&value) {
            let text = format!("Invalid value for {name} (valid values 0 - {most}): {value}");
            return Err(Error::new(ErrorKind::Class("java.time.DateTimeException"), text));
        }
    }
    let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds);
    Ok(Value::Date(
        seconds * MILLIS_PER_SECOND + i64::from(nanos) / NANOS_PER_MILLI,
    ))
}

pub(super) fn put_timestamp(millis: i64, out: &mut Vec<u8>) -> Result<()> {
    let seconds = millis.div_euclid(MILLIS_PER_SECOND);
    let nanos = millis.rem_euclid(MILLIS_PER_SECOND) * NANOS_PER_MILLI;
    check_timestamp(seconds, nanos)?;
    put_int_field(1, seconds, out);
    put_int_field(2, nanos, out);
    Ok(())
}

pub(super) fn timestamp(seconds: i64, nanos: i32) -> Result<Value> {
    check_timestamp(seconds, i64::from(nanos))?;
    Ok(Value::Date(
        seconds * MILLIS_PER_SECOND + i64::from(nanos) / NANOS_PER_MILLI,
    ))
}

fn check_timestamp(seconds: i64, nanos: i64) -> Result<()> {
    if TIMESTAMP_SECONDS.contains(&seconds) && (0..1_000_000_000).contains(&nanos) {
        return Ok(());
    }
    Err(illegal(format!(
        "Timestamp is not valid. See proto definition for valid values. Seconds ({seconds}) must be in range \
         [-62,135,596,800, +253,402,300,799]. Nanos ({nanos}) must be in range [0, +999,999,999]."
    )))
}

fn illegal(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::IllegalArgument, text)
}

/// Days from March 1st of year 0 to a date, by months of 30.6 days from March on; the leap days are the calendar's own.
fn day_of(year: i64, month: i64, day: i64, leap_days: impl Fn(i64) -> i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + leap_days(year) + (153 * month + 2) / 5 + day - 1
}

fn gregorian_day(year: i64, month: i64, day: i64) -> i64 {
    let leap_days = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    day_of(year, month, day, leap_days) - 719_468
}

fn julian_day(year: i64, month: i64, day: i64) -> i64 {
    day_of(year, month, day, |year| year.div_euclid(4)) - 719_470
}

/// Year, month and day of a day since the epoch, by the calendar that held then.
fn civil(days: i64) -> (i64, i64, i64) {
    let day = if days >= GREGORIAN_START {
        gregorian_day
    } else {
        julian_day
    };
    // The mean year is a little longer than 365.2 days: the guess is right or off by one.
    let mut year = 1970 + days.div_euclid(366);
    if days < 0 {
        year = 1970 + days.div_euclid(365) - 1;
    }
    while day(year + 1, 1, 1) <= days {
        year += (days - day(year + 1, 1, 1)) / 366 + 1;
    }
    while day(year, 1, 1) > days {
        year -= (day(year, 1, 1) - days) / 366 + 1;
    }
    while day(year + 1, 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| day(year, *month, 1) <= days).unwrap_or(1);
    (year, month, days - day(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_come_back() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (11_016, (2000, 2, 29)),
            (19_782, (2024, 2, 29)),
            (GREGORIAN_START, (1582, 10, 15)),
            (GREGORIAN_START - 1, (1582, 10, 4)),
            (2_932_896, (9999, 12, 31)),
            (-719_164, (1, 1, 1)),
        ] {
            assert_eq!(civil(days), expected, "{days}");
            let (year, month, day) = expected;
            let read = date(year as i32, month as i32, day as i32).unwrap();
            assert_eq!(read, Value::Date(days * MILLIS_PER_DAY));
        }
        for days in (-719_164..800_000).step_by(97) {
            let (year, month, day) = civil(days);
            let read = date(year as i32, month as i32, day as i32).unwrap();
            assert_eq!(read, Value::Date(days * MILLIS_PER_DAY));
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for (year, month, day, field) in [
            (0, 1, 1, "YEAR"),
            (2024, 0, 1, "MONTH"),
            (2024, 13, 1, "MONTH"),
            (2023, 2, 29, "DAY_OF_MONTH"),
            (2023, 2, 0, "DAY_OF_MONTH"),
            (2023, 2, i32::MAX, "DAY_OF_MONTH"),
        ] {
            let error = date(year, month, day).unwrap_err();
            assert_eq!(error.message(), Some(field), "{year}-{month}-{day}");
        }
        assert!(
            date(i32::MAX, 1, 1).is_err(),
            "more milliseconds than there are numbers for"
        );
    }

    #[test]
    fn decimals_are_rounded_to_their_precision() {
        let unscaled = |value: i64| BigInt::from(value).to_signed_bytes_be();
        for (value, precision, expected) in [
            (12_345, None, Decimal::new(12_345, 2)),
            (12_345, Some(0), Decimal::new(12_345, 2)),
            (12_345, Some(4), Decimal::new(1235, 1)),
            (-12_345, Some(4), Decimal::new(-1235, 1)),
            (99_995, Some(4), Decimal::new(1000, 0)),
        ] {
            let read = decimal(&unscaled(value), precision, 2).unwrap();
            assert_eq!(read, Value::Decimal(expected));
        }
        assert!(decimal(&[], None, 0).is_err());
    }

    #[test]
    fn times_have_bounds() {
        assert_eq!(time(23, 59, 59, 999_999_999).unwrap(), Value::Date(86_399_999));
        assert!(time(24, 0, 0, 0).is_err());
        assert!(timestamp(253_402_300_800, 0).is_err());
        assert_eq!(timestamp(-1, 500_000_000).unwrap(), Value::Date(-500));
        let mut out = Vec::new();
        put_timestamp(-500, &mut out).unwrap();
        assert_eq!(out[..1], [8]);
        assert!(put_time(-1, &mut out).is_err());
    }
}
