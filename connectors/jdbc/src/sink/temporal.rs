//! Instants → wall clock, in the zones that the configuration names.
//!
//! Connect's Date, Time and Timestamp are instants; columns hold wall clock values. As Java's default calendar does, days
//! before 15 October 1582 are read in the Julian calendar.

use super::config::{DateZone, SinkConfig};
use crate::keys::CalendarSystem;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write;
use turnbuckle_api::data::calendar::{civil_from_days, digits_of_java_day};
use turnbuckle_api::{Error, Result};

pub(crate) const DAY_MILLIS: i64 = 86_400_000;

/// Zones of `db.timezone` and `date.timezone`.
#[derive(Clone, Debug)]
pub(crate) struct Zones {
    /// None: UTC.
    db: Option<TimeZone>,
    date: Option<TimeZone>,
    /// `date.calendar.system=PROLEPTIC_GREGORIAN`: old days are Gregorian, too.
    proleptic: bool,
}

impl Zones {
    pub(crate) const UTC: Zones = Zones {
        db: None,
        date: None,
        proleptic: false,
    };

    /// # Errors
    /// `ConfigException` for an unknown zone.
    pub(crate) fn new(config: &SinkConfig) -> Result<Zones> {
        let name = &config.db_timezone;
        let zone = TimeZone::get(name)
            .map_err(|_| Error::invalid_config("db.timezone", name, "Invalid time zone identifier"))?;
        let db = (zone != TimeZone::UTC && name != "UTC").then_some(zone);
        let date = match config.date_timezone {
            DateZone::DbTimezone => db.clone(),
            DateZone::Utc => None,
        };
        Ok(Zones {
            db,
            date,
            proleptic: config.calendar == CalendarSystem::ProlepticGregorian,
        })
    }

    /// Seconds east of UTC of the database zone at an instant.
    pub(crate) fn offset_seconds(&self, millis: i64) -> i64 {
        offset(self.db.as_ref(), millis)
    }

    /// Milliseconds from 1970-01-01T00:00 on the database zone's wall clock.
    pub(crate) fn wall_millis(&self, millis: i64) -> i64 {
        let wall = millis.saturating_add(self.offset_seconds(millis) * 1000);
        let day = wall.div_euclid(DAY_MILLIS);
        wall + (self.written_day(day) - day) * DAY_MILLIS
    }

    /// Milliseconds since midnight on the database zone's wall clock.
    pub(crate) fn time_of_day(&self, millis: i64) -> i64 {
        self.wall_millis(millis).rem_euclid(DAY_MILLIS)
    }

    /// Days since 1970-01-01 of a Date.
    pub(crate) fn day(&self, millis: i64) -> i64 {
        let wall = millis.saturating_add(offset(self.date.as_ref(), millis) * 1000);
        self.written_day(wall.div_euclid(DAY_MILLIS))
    }

    /// The Gregorian day that is written like this day in the calendar.
    fn written_day(&self, day: i64) -> i64 {
        if self.proleptic { day } else { digits_of_java_day(day) }
    }
}

fn offset(zone: Option<&TimeZone>, millis: i64) -> i64 {
    let Some(zone) = zone else { return 0 };
    let instant = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    i64::from(zone.to_offset(instant).seconds())
}

/// Appends `yyyy-MM-dd`.
pub(crate) fn write_day(out: &mut String, day: i64) {
    let (year, month, day) = civil_from_days(day);
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
}

/// Appends `HH:mm:ss.SSS`.
pub(crate) fn write_time(out: &mut String, millis_of_day: i64) {
    let (seconds, millis) = (millis_of_day / 1000, millis_of_day % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}.{millis:03}");
}

/// Appends `yyyy-MM-dd HH:mm:ss.SSS` of wall clock milliseconds.
pub(crate) fn write_timestamp(out: &mut String, wall_millis: i64) {
    write_day(out, wall_millis.div_euclid(DAY_MILLIS));
    out.push(' ');
    write_time(out, wall_millis.rem_euclid(DAY_MILLIS));
}

/// Appends `yyyy-MM-dd HH:mm:ss.SSSSSS` on the database zone's wall clock of microseconds since the epoch.
pub(crate) fn write_micros(out: &mut String, zones: &Zones, micros: i64) {
    write_timestamp(out, zones.wall_millis(micros.div_euclid(1000)));
    let _ = write!(out, "{:03}", micros.rem_euclid(1000));
}

/// Appends an offset as pgjdbc writes it: `+00`, `-04`, `+05:30`.
pub(crate) fn write_offset(out: &mut String, seconds: i64) {
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let _ = write!(out, "{sign}{:02}", seconds / 3600);
    if seconds % 3600 != 0 {
        let _ = write!(out, ":{:02}", seconds / 60 % 60);
    }
    if seconds % 60 != 0 {
        let _ = write!(out, ":{:02}", seconds % 60);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Props;
    use turnbuckle_api::config::Config;

    fn zones(zone: &str, date: &str) -> Zones {
        let props = Props::new()
            .with("connection.url", "jdbc:sqlite:x")
            .with("db.timezone", zone)
            .with("date.timezone", date);
        Zones::new(&SinkConfig::from_props(&props).unwrap()).unwrap()
    }

    fn texts(zones: &Zones, day: i64, time: i64, timestamp: i64) -> String {
        let mut out = String::new();
        write_day(&mut out, zones.day(day * DAY_MILLIS));
        out.push('|');
        write_time(&mut out, zones.time_of_day(time));
        out.push('|');
        write_timestamp(&mut out, zones.wall_millis(timestamp));
        out.push('|');
        write_offset(&mut out, zones.offset_seconds(timestamp));
        out
    }

    #[test]
    fn instants_show_the_zones_wall_clock() {
        for (zone, date, expected) in [
            (
                "UTC",
                "DB_TIMEZONE",
                "2024-02-29|12:34:56.789|2024-06-15 10:20:30.123|+00",
            ),
            (
                "America/New_York",
                "DB_TIMEZONE",
                "2024-02-28|07:34:56.789|2024-06-15 06:20:30.123|-04",
            ),
            (
                "America/New_York",
                "utc",
                "2024-02-29|07:34:56.789|2024-06-15 06:20:30.123|-04",
            ),
            (
                "Asia/Tokyo",
                "DB_TIMEZONE",
                "2024-02-29|21:34:56.789|2024-06-15 19:20:30.123|+09",
            ),
            (
                "Asia/Kolkata",
                "DB_TIMEZONE",
                "2024-02-29|18:04:56.789|2024-06-15 15:50:30.123|+05:30",
            ),
        ] {
            assert_eq!(
                texts(&zones(zone, date), 19_782, 45_296_789, 1_718_446_830_123),
                expected
            );
        }
    }

    #[test]
    fn old_days_follow_the_chosen_calendar() {
        for (calendar, expected) in [("LEGACY", "0001-01-01"), ("PROLEPTIC_GREGORIAN", "0000-12-30")] {
            let props = Props::new()
                .with("connection.url", "jdbc:sqlite:x")
                .with("date.calendar.system", calendar);
            let zones = Zones::new(&SinkConfig::from_props(&props).unwrap()).unwrap();
            let mut out = String::new();
            write_day(&mut out, zones.day(-719_164 * DAY_MILLIS));
            assert_eq!(out, expected);
        }
    }
}
