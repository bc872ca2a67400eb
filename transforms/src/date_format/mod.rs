//! Dates and times in text by a pattern, as `java.text.SimpleDateFormat` reads and writes them: English names, zone UTC,
//! lenient.
//!
//! A pattern is compiled once ([`DateFormat::new`]). Writing goes instant → [`calendar::Date`] → text ([`write`]); reading goes
//! text → [`calendar::Fields`] in the order in which they were read ([`read`]) → instant. [`zones`] knows zones by name.

mod calendar;
mod read;
mod write;
mod zones;

use std::time::{SystemTime, UNIX_EPOCH};
use turnbuckle_api::{Error, ErrorKind, Result};
pub use zones::Zone;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct DateFormat {
    pattern: String,
    parts: Vec<Part>,
    /// Years of two digits are those of the hundred years from here on, in milliseconds since the epoch.
    century_start: i64,
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A field and how many letters it has.
    Field(Letter, usize),
}

/// What a letter stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Era,
    Year,
    Month,
    Day,
    /// 1–24.
    HourOfDay1,
    /// 0–23.
    HourOfDay0,
    Minute,
    Second,
    Millis,
    DayOfWeek,
    DayOfYear,
    DayOfWeekInMonth,
    WeekOfYear,
    WeekOfMonth,
    AmPm,
    /// 1–12.
    Hour1,
    /// 0–11.
    Hour0,
    ZoneName,
    ZoneValue,
    WeekYear,
    /// 1 is Monday.
    IsoDayOfWeek,
    IsoZone,
    MonthAlone,
}

impl Letter {
    fn of(c: char) -> Option<Letter> {
        Some(match c {
            'G' => Letter::Era,
            'y' => Letter::Year,
            'M' => Letter::Month,
            'd' => Letter::Day,
            'k' => Letter::HourOfDay1,
            'H' => Letter::HourOfDay0,
            'm' => Letter::Minute,
            's' => Letter::Second,
            'S' => Letter::Millis,
            'E' => Letter::DayOfWeek,
            'D' => Letter::DayOfYear,
            'F' => Letter::DayOfWeekInMonth,
            'w' => Letter::WeekOfYear,
            'W' => Letter::WeekOfMonth,
            'a' => Letter::AmPm,
            'h' => Letter::Hour1,
            'K' => Letter::Hour0,
            'z' => Letter::ZoneName,
            'Z' => Letter::ZoneValue,
            'Y' => Letter::WeekYear,
            'u' => Letter::IsoDayOfWeek,
            'X' => Letter::IsoZone,
            'L' => Letter::MonthAlone,
            _ => return None,
        })
    }

    /// Does a number before this field, without anything between, end after as many digits as it has letters?
    fn is_digits(self, count: usize) -> bool {
        match self {
            Letter::Month | Letter::MonthAlone => count <= 2,
            Letter::Era | Letter::DayOfWeek | Letter::AmPm | Letter::ZoneName | Letter::ZoneValue | Letter::IsoZone => {
                false
            }
            _ => true,
        }
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From Sunday.
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Letters of a short name.
const SHORT: usize = 3;

/// 80 years, as far as a year of two digits lies back at most.
const CENTURY_BACK: i64 = 80;

impl DateFormat {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `IllegalArgumentException` with Java's text for letters without meaning and open quotes.
    pub fn new(pattern: &str) -> Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::at(pattern, i64::try_from(since_epoch.as_millis()).unwrap_or_default())
    }

    /// As [`DateFormat::new`] at a given time, which counts for years of two digits.
    pub fn at(pattern: &str, now: i64) -> Result<Self> {
        Ok(DateFormat {
            pattern: pattern.to_string(),
            parts: compile(pattern)?,
            century_start: calendar::years_before(now, CENTURY_BACK),
        })
    }

    /// The pattern as given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Appends the text of an instant, in UTC unless a zone is given.
    pub fn append(&self, millis: i64, zone: Option<Zone>, out: &mut String) {
        write::append(&self.parts, millis, zone, out);
    }

    /// Reads a text from its start; what follows the pattern is passed over. Gives milliseconds since the epoch and the zone
    /// that the text names, if it does; None if the text does not match.
    pub fn parse(&self, text: &str) -> Option<(i64, Option<Zone>)> {
        read::parse(&self.parts, text, self.century_start)
    }
}

fn illegal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::IllegalArgument, message)
}

fn compile(pattern: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut quoted = false;
    let mut chars = pattern.chars().peekable();
    // The letter of the field that is being counted.
    let mut open: Option<char> = None;
    while let Some(c) = chars.next() {
        if c == '\'' {
            open = None;
            if chars.next_if_eq(&'\'').is_some() {
                push_literal(&mut parts, '\'');
            } else {
                quoted = !quoted;
            }
            continue;
        }
        if quoted || !c.is_ascii_alphabetic() {
            open = None;
            push_literal(&mut parts, c);
            continue;
        }
        let letter = Letter::of(c).ok_or_else(|| illegal(format!("Illegal pattern character '{c}'")))?;
        match parts.last_mut() {
            Some(Part::Field(_, count)) if open == Some(c) => *count += 1,
            _ => {
                check_zone(parts.last())?;
                parts.push(Part::Field(letter, 1));
            }
        }
        open = Some(c);
    }
    if quoted {
        return Err(illegal("Unterminated quote"));
    }
    parts.iter().try_for_each(|part| check_zone(Some(part)))?;
    Ok(parts)
}

fn check_zone(part: Option<&Part>) -> Result<()> {
    match part {
        Some(Part::Field(Letter::IsoZone, count)) if *count > 3 => {
            Err(illegal(format!("invalid ISO 8601 format: length={count}")))
        }
        _ => Ok(()),
    }
}

fn push_literal(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(c),
        _ => parts.push(Part::Literal(c.to_string())),
    }
}

#[cfg(test)]
mod tests;
