//! Dates, times and timestamps in text, as Java's `SimpleDateFormat` reads and writes them in a time zone.
//!
//! Reading is lenient: fields may be of any length and beyond their range (then they roll over), and what follows the
//! pattern is passed over. Dates before 1582-10-15 are of the Julian calendar.

use super::tokens::trim;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::fmt::Write;
use turnbuckle_api::{Schema, SchemaAndValue, Value};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A field of a pattern, or the character that must stand there.
#[derive(Clone, Copy)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Millis,
    Literal(u8),
}

use Part::{Day, Hour, Literal, Millis, Minute, Month, Second, Year};

const DATE: &[Part] = &[Year, Literal(b'-'), Month, Literal(b'-'), Day];
const TIME: &[Part] = &[
    Hour,
    Literal(b':'),
    Minute,
    Literal(b':'),
    Second,
    Literal(b'.'),
    Millis,
    Literal(b'Z'),
];

/// Lengths of the texts that are tried at all, in UTF-16 units.
const DATE_LENGTH: usize = 10;
const TIME_LENGTH: usize = 13;
const TIMESTAMP_LENGTH: usize = 24;

/// Reads a date, time or timestamp; which of them, the length says. None if it is none.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<SchemaAndValue> {
    if text.len() < DATE_LENGTH || text.len() > 4 * TIMESTAMP_LENGTH {
        return None;
    }
    let text = text.replace("\\:", ":");
    let mut fields = Fields::default();
    let rest = text.as_str();
    let schema = match text.encode_utf16().count() {
        DATE_LENGTH => {
            fields.read(DATE, rest)?;
            Schema::date()
        }
        TIME_LENGTH => {
            fields.read(TIME, rest)?;
            Schema::time()
        }
        TIMESTAMP_LENGTH => {
            let rest = fields.read(DATE, rest)?.strip_prefix('T')?;
            fields.read(TIME, rest)?;
            Schema::timestamp()
        }
        _ => return None,
    };
    let millis = to_instant(fields.local_millis()?, zone);
    Some(SchemaAndValue::new(schema.finish(), Value::Date(millis)))
}

/// What was read; unset fields are those of 1970-01-01 midnight.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    millis: i64,
}

impl Default for Fields {
    fn default() -> Self {
        Fields {
            year: 1970,
            month: 1,
            day: 1,
            millis: 0,
        }
    }
}

impl Fields {
    /// Reads by a pattern; gives what is left of the text.
    fn read<'a>(&mut self, pattern: &[Part], mut text: &'a str) -> Option<&'a str> {
        for part in pattern {
            if let Literal(expected) = part {
                text = text.strip_prefix(char::from(*expected))?;
                continue;
            }
            let (number, rest) = number(text)?;
            text = rest;
            match part {
                Year => self.year = number,
                Month => self.month = number,
                Day => self.day = number,
                Hour => self.millis += number * 3_600_000,
                Minute => self.millis += number * 60_000,
                Second => self.millis += number * 1000,
                Millis => self.millis += number,
                Literal(_) => {}
            }
        }
        Some(text)
    }

    /// Milliseconds since 1970-01-01 of the wall clock.
    fn local_millis(&self) -> Option<i64> {
        let days = lenient_days(self.year, self.month, self.day);
        days.checked_mul(MILLIS_PER_DAY)?.checked_add(self.millis)
    }
}

/// A number with optional minus sign after optional blanks, cut to 32 bits as Java does.
fn number(text: &str) -> Option<(i64, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let mut value = 0i64;
    let mut end = 0;
    for (at, c) in digits.char_indices() {
        let Some(digit) = decimal_digit(c) else { break };
        value = value.saturating_mul(10).saturating_add(i64::from(digit));
        end = at + c.len_utf8();
    }
    if end == 0 {
        return None;
    }
    let value = if negative { -value } else { value };
    Some((i64::from(value as i32), &digits[end..]))
}

/// First characters of the runs of ten decimal digits in the basic plane (`Character.isDigit` of a `char`).
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/// Value of a decimal digit of any script.
pub fn decimal_digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u32::from(c);
    let zero = ZEROS.iter().rev().find(|zero| **zero <= code)?;
    u8::try_from(code - zero).ok().filter(|digit| *digit < 10)
}

/// Day number of 1582-10-15, the first of the Gregorian calendar.
pub const CUTOVER: i64 = -141_427;
const CUTOVER_YEAR: i64 = 1582;

/// Days since 1970-01-01; months and days beyond their range roll over.
fn lenient_days(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let gregorian = gregorian_days(year, month) + day - 1;
    let julian = julian_days(year, month) + day - 1;
    if year > CUTOVER_YEAR && gregorian >= CUTOVER {
        return gregorian;
    }
    if year < CUTOVER_YEAR && julian < CUTOVER {
        return julian;
    }
    // Around the change the Gregorian date counts if it exists; days that were left out go by the Julian calendar.
    let gregorian = if year < CUTOVER_YEAR { julian } else { gregorian };
    if gregorian >= CUTOVER { gregorian } else { julian }
}

/// Days from 1970-01-01 to the first of a month (1–12), proleptic Gregorian.
pub fn gregorian_days(year: i64, month: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let leap_days = shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    shifted * 365 + leap_days + days_from_march(month) - 719_468
}

/// Days from 1970-01-01 to the first of a month (1–12), Julian.
pub fn julian_days(year: i64, month: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    shifted * 365 + shifted.div_euclid(4) + days_from_march(month) - 719_470
}

/// Days from the first of March to the first of the month in a year that begins in March.
fn days_from_march(month: i64) -> i64 {
    let from_march = (month + 9) % 12;
    (153 * from_march + 2) / 5
}

/// Appends a `java.util.Date`: as time within the first day (and before), as date at midnight UTC, else as timestamp.
pub(super) fn append(millis: i64, zone: &TimeZone, out: &mut String) {
    let local = millis.saturating_add(offset_millis(millis, zone));
    let (days, of_day) = (local.div_euclid(MILLIS_PER_DAY), local.rem_euclid(MILLIS_PER_DAY));
    if millis < MILLIS_PER_DAY {
        append_time(of_day, out);
        return;
    }
    let (year, month, day) = civil(days);
    // Writing to a String cannot fail.
    _ = write!(out, "{year:04}-{month:02}-{day:02}");
    if millis % MILLIS_PER_DAY != 0 {
        out.push('T');
        append_time(of_day, out);
    }
}

fn append_time(of_day: i64, out: &mut String) {
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, millis) = (of_day / 1000 % 60, of_day % 1000);
    _ = write!(out, "{hour:02}:{minute:02}:{second:02}.{millis:03}Z");
}

/// Gregorian year, month and day of a day number from 1969 on.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while gregorian_days(year + 1, 1) <= days {
        year += 1 + (days - gregorian_days(year + 1, 1)) / 366;
    }
    let month = (1..=12)
        .rev()
        .find(|month| gregorian_days(year, *month) <= days)
        .unwrap_or(1);
    if days < gregorian_days(year, 1) {
        return (year - 1, 12, days - gregorian_days(year - 1, 12) + 1);
    }
    (year, month, days - gregorian_days(year, month) + 1)
}

/// 400 years, after which the Gregorian calendar, and with it a zone's rules, repeats.
const CYCLE_MILLIS: i64 = 146_097 * MILLIS_PER_DAY;

/// From 9000-01-01 on, times are looked up in an earlier cycle, because the zone tables end with the year 9999.
const LAST_TABLED: i64 = 221_845_392_000_000;

/// The time some cycles earlier at which the tables can be asked.
fn tabled(millis: i64) -> i64 {
    if millis < LAST_TABLED {
        return millis;
    }
    millis - ((millis - LAST_TABLED) / CYCLE_MILLIS + 1) * CYCLE_MILLIS
}

fn offset_millis(millis: i64, zone: &TimeZone) -> i64 {
    let nearest = tabled(millis).max(Timestamp::MIN.as_millisecond() + 1);
    let Ok(timestamp) = Timestamp::from_millisecond(nearest) else {
        return 0;
    };
    i64::from(zone.to_offset(timestamp).seconds()) * 1000
}

/// The instant of a wall clock time. Of two, the later (standard time); in a gap, as if the clock had not been put forward.
fn to_instant(local: i64, zone: &TimeZone) -> i64 {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let Ok(date_time) = epoch.checked_add(SignedDuration::from_millis(tabled(local))) else {
        return local.saturating_sub(offset_millis(local, zone));
    };
    let offset = match zone.to_ambiguous_timestamp(date_time).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    local - i64::from(offset.seconds()) * 1000
}

/// True for text that holds nothing but blanks and controls.
pub(super) fn is_blank(text: &str) -> bool {
    trim(text).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<i64> {
        match parse(text, &TimeZone::UTC)?.value {
            Value::Date(millis) => Some(millis),
            _ => None,
        }
    }

    #[test]
    fn reading_is_lenient() {
        for (text, expected) in [
            ("2019-08-23", Some(1_566_518_400_000)),
            ("2019-13-45", Some(1_581_638_400_000)),
            ("2019-08-2x", Some(1_564_704_000_000)),
            ("1970--1-01", Some(-5_270_400_000)),
            ("14:34:54.346Z", Some(52_494_346)),
            ("25:61:61.000Z", Some(93_721_000)),
            ("2019-08-23T14:34:54.346Z", Some(1_566_570_894_346)),
            ("2019-08-23 14:34:54.346Z", None),
            ("2019-8-23", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn old_dates_are_julian() {
        assert_eq!(lenient_days(1582, 10, 15), CUTOVER);
        assert_eq!(lenient_days(1582, 10, 4), CUTOVER - 1);
        assert_eq!(lenient_days(1970, 1, 1), 0);
        // 1000-01-01 Julian is 1000-01-06 Gregorian.
        assert_eq!(lenient_days(1000, 1, 1), gregorian_days(1000, 1) + 5);
    }

    #[test]
    fn text_goes_both_ways() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for text in [
            "2019-08-23T10:34:54.346Z",
            "2024-02-29T23:59:59.999Z",
            "9999-12-31T01:02:03.004Z",
        ] {
            let Some(SchemaAndValue {
                value: Value::Date(millis),
                ..
            }) = parse(text, &zone)
            else {
                panic!("{text} is no timestamp");
            };
            let mut out = String::new();
            append(millis, &zone, &mut out);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn every_day_has_its_date() {
        for days in (-1..800_000).step_by(37) {
            let (year, month, day) = civil(days);
            assert_eq!(gregorian_days(year, month) + day - 1, days);
            assert!((1..=31).contains(&day));
        }
    }
}
