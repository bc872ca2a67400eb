//! Dates and times as the Java drivers and the connector see them: wall clocks of `db.timezone`, the calendar that is
//! Julian before 15 October 1582, and the forms of `timestamp.granularity`.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use turnbuckle_api::data::calendar::{civil_from_days, java_day_of_digits};
use turnbuckle_api::{Error, ErrorKind, Result, Value};

pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;
/// 1900-01-01: before it Java's calendars use a zone's standard offset instead of local mean time.
const YEAR_1900: i64 = -2_208_988_800;
/// Seconds that the zone library knows end here; what is later uses the standard offset.
const YEAR_9999: i64 = 253_402_207_200;

/// `db.timezone`.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    zone: TimeZone,
    /// Seconds east of UTC outside daylight saving.
    standard: i64,
    /// The offset never changes.
    fixed: bool,
    /// `date.calendar.system=PROLEPTIC_GREGORIAN`: old dates are Gregorian, too.
    proleptic: bool,
}

impl Zone {
    /// Looks a zone up by its full name.
    ///
    /// # Errors
    /// `ZoneRulesException`, as the connector fails with short names such as PST.
    pub(crate) fn named(name: &str) -> Result<Zone> {
        let unknown = || {
            let kind = ErrorKind::Class("java.time.zone.ZoneRulesException");
            Error::new(kind, format!("Unknown time-zone ID: {name}"))
        };
        if matches!(name, "UTC" | "GMT" | "Z" | "Etc/UTC") {
            return Ok(Zone::utc());
        }
        let zone = TimeZone::get(name).map_err(|_| unknown())?;
        if zone.iana_name() != Some(name) {
            return Err(unknown());
        }
        let offsets = [1_704_067_200, 1_719_792_000].map(|second| {
            let at = Timestamp::from_second(second).unwrap_or(Timestamp::UNIX_EPOCH);
            let info = zone.to_offset_info(at);
            (info.dst().is_dst(), i64::from(info.offset().seconds()))
        });
        let standard = offsets
            .iter()
            .find(|(saving, _)| !saving)
            .map_or(offsets[0].1, |(_, offset)| *offset);
        let fixed = name.starts_with("Etc/GMT");
        Ok(Zone {
            zone,
            standard,
            fixed,
            proleptic: false,
        })
    }

    pub(crate) fn utc() -> Zone {
        Zone {
            zone: TimeZone::UTC,
            standard: 0,
            fixed: true,
            proleptic: false,
        }
    }

    /// The same zone with the calendar of `date.calendar.system`.
    pub(crate) fn with_calendar(mut self, proleptic: bool) -> Zone {
        self.proleptic = proleptic;
        self
    }

    /// The day that the calendar means by the digits of proleptic day `days`.
    pub(crate) fn day(&self, days: i64) -> i64 {
        if self.proleptic { days } else { java_day_of_digits(days) }
    }

    /// Seconds of a wall-clock reading as if it were UTC, in the calendar.
    pub(crate) fn wall_seconds(&self, wall: i64) -> i64 {
        self.day(wall.div_euclid(86_400)) * 86_400 + wall.rem_euclid(86_400)
    }

    /// The instant (seconds since the epoch) of a wall-clock reading given as if it were UTC. Readings that a change of
    /// clocks skips move forward, those that occur twice mean the later.
    pub(crate) fn to_instant(&self, wall: i64) -> i64 {
        if self.fixed || !(YEAR_1900..YEAR_9999).contains(&wall) {
            return wall - self.standard;
        }
        let Ok(reading) = Timestamp::from_second(wall) else {
            return wall - self.standard;
        };
        let reading = Offset::UTC.to_datetime(reading);
        match self.zone.to_ambiguous_timestamp(reading).later() {
            Ok(instant) => instant.as_second(),
            Err(_) => wall - self.standard,
        }
    }

    /// Seconds east of UTC at an instant.
    pub(crate) fn offset_at(&self, instant: i64) -> i64 {
        if self.fixed || !(YEAR_1900..YEAR_9999).contains(&instant) {
            return self.standard;
        }
        Timestamp::from_second(instant).map_or(self.standard, |at| i64::from(self.zone.to_offset(at).seconds()))
    }
}

/// `java.sql.Timestamp`: milliseconds since the epoch, and the nanoseconds inside the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) millis: i64,
    /// 0..=999,999,999.
    pub(crate) nanos: u32,
}

impl Moment {
    pub(crate) fn from_seconds(seconds: i64, nanos: u32) -> Moment {
        let millis = seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(nanos / 1_000_000));
        Moment { millis, nanos }
    }

    pub(crate) fn from_millis(millis: i64) -> Moment {
        let nanos = millis.rem_euclid(1000) as u32 * 1_000_000;
        Moment { millis, nanos }
    }

    pub(crate) fn seconds(self) -> i64 {
        self.millis.div_euclid(1000)
    }
}

/// `timestamp.granularity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Granularity {
    #[default]
    Logical,
    MicrosLong,
    MicrosString,
    MicrosIso,
    NanosLong,
    NanosString,
    NanosIso,
}

impl Granularity {
    pub(crate) fn from_config(value: &str) -> Granularity {
        match value.to_ascii_lowercase().as_str() {
            "micros_long" => Granularity::MicrosLong,
            "micros_string" => Granularity::MicrosString,
            "micros_iso_datetime_string" => Granularity::MicrosIso,
            "nanos_long" => Granularity::NanosLong,
            "nanos_string" => Granularity::NanosString,
            "nanos_iso_datetime_string" => Granularity::NanosIso,
            _ => Granularity::Logical,
        }
    }

    /// The value of a timestamp column.
    pub(crate) fn value(self, moment: Moment, zone: &Zone) -> Value {
        match self {
            Granularity::Logical => Value::Date(moment.millis),
            Granularity::MicrosLong => Value::Int64(epoch_micros(moment)),
            Granularity::MicrosString => Value::text(epoch_micros(moment).to_string()),
            Granularity::MicrosIso => Value::text(iso(moment, zone, 6)),
            Granularity::NanosLong => Value::Int64(epoch_nanos(moment)),
            Granularity::NanosString => Value::text(epoch_nanos(moment).to_string()),
            Granularity::NanosIso => Value::text(iso(moment, zone, 9)),
        }
    }
}

/// As the connector computes it: seconds cut towards zero, saturated, then the nanoseconds added with wrap-around.
fn epoch_nanos(moment: Moment) -> i64 {
    let seconds = moment.millis / 1000;
    seconds
        .saturating_mul(1_000_000_000)
        .wrapping_add(i64::from(moment.nanos))
}

/// As [`epoch_nanos`], in microseconds.
fn epoch_micros(moment: Moment) -> i64 {
    let seconds = moment.millis / 1000;
    seconds
        .saturating_mul(1_000_000)
        .wrapping_add(i64::from(moment.nanos / 1000))
}

/// `yyyy-MM-dd'T'HH:mm:ss` on the zone's wall clock with this many decimals (at most 9).
fn iso(moment: Moment, zone: &Zone, decimals: usize) -> String {
    let instant = moment.seconds();
    let wall = instant + zone.offset_at(instant);
    let (year, month, day) = civil_from_days(wall.div_euclid(86_400));
    let second = wall.rem_euclid(86_400);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        moment.nanos
    );
    text.truncate(text.len() - 9 + decimals);
    text
}

/// Text of a bound timestamp: `yyyy-MM-dd HH:mm:ss[.fffffffff]` on the zone's wall clock, without trailing zeros.
pub(crate) fn wall_text(moment: Moment, zone: &Zone) -> String {
    let instant = moment.seconds();
    let wall = instant + zone.offset_at(instant);
    let (year, month, day) = civil_from_days(wall.div_euclid(86_400));
    let second = wall.rem_euclid(86_400);
    let mut text = format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if moment.nanos > 0 {
        let fraction = format!(".{:09}", moment.nanos);
        text.push_str(fraction.trim_end_matches('0'));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // golden src-pg-zone-*, src-pg-time-dst
    #[test]
    fn wall_clocks_are_javas() {
        let wall = |text: &str| -> i64 {
            text.parse::<jiff::civil::DateTime>()
                .unwrap()
                .to_zoned(TimeZone::UTC)
                .unwrap()
                .timestamp()
                .as_second()
        };
        for (zone, reading, instant) in [
            ("America/New_York", "2024-06-15T10:20:30", 1_718_461_230),
            ("America/New_York", "1883-11-18T12:00:00", -2_717_650_800),
            ("Asia/Kolkata", "1883-11-18T12:00:00", -2_717_688_600),
            ("Europe/Berlin", "2024-03-31T02:30:00", 1_711_848_600),
            ("Europe/Berlin", "2024-10-27T02:30:00", 1_729_992_600),
            ("UTC", "2038-01-19T03:14:08", 2_147_483_648),
        ] {
            assert_eq!(
                Zone::named(zone).unwrap().to_instant(wall(reading)),
                instant,
                "{zone} {reading}"
            );
        }
        for unknown in ["PST", "Mars/Base", "europe/berlin"] {
            let error = Zone::named(unknown).unwrap_err();
            assert_eq!(
                error.headline(),
                format!("java.time.zone.ZoneRulesException: Unknown time-zone ID: {unknown}")
            );
        }
    }

    // golden src-pg-time-nanos_*, src-mariadb-time-nanos
    #[test]
    fn granularities_keep_the_quirks() {
        let zone = Zone::utc();
        for (millis, nanos, long, iso) in [
            (
                1_718_446_830_123,
                123_456_000,
                1_718_446_830_123_456_000,
                "2024-06-15T10:20:30.123456000",
            ),
            (-500, 500_000_000, 500_000_000, "1969-12-31T23:59:59.500000000"),
            (
                -299_851_199_750,
                250_000_000,
                -299_851_198_750_000_000,
                "1960-07-01T12:00:00.250000000",
            ),
            (
                253_402_300_799_999,
                999_999_000,
                -9_223_372_035_854_776_809,
                "9999-12-31T23:59:59.999999000",
            ),
        ] {
            let moment = Moment { millis, nanos };
            assert_eq!(Granularity::Logical.value(moment, &zone), Value::Date(millis));
            assert_eq!(Granularity::NanosLong.value(moment, &zone), Value::Int64(long));
            assert_eq!(
                Granularity::NanosString.value(moment, &zone),
                Value::text(long.to_string())
            );
            assert_eq!(Granularity::NanosIso.value(moment, &zone), Value::text(iso));
        }
    }

    #[test]
    fn microseconds_have_their_own_forms() {
        let moment = Moment {
            millis: 1_718_446_830_123,
            nanos: 123_456_789,
        };
        let zone = Zone::utc();
        let value = |granularity: &str| Granularity::from_config(granularity).value(moment, &zone);
        assert_eq!(value("micros_long"), Value::Int64(1_718_446_830_123_456));
        assert_eq!(value("MICROS_STRING"), Value::text("1718446830123456"));
        assert_eq!(
            value("micros_iso_datetime_string"),
            Value::text("2024-06-15T10:20:30.123456")
        );
    }

    #[test]
    fn the_calendar_of_old_days_can_be_chosen() {
        let (legacy, proleptic) = (Zone::utc(), Zone::utc().with_calendar(true));
        let (old, day) = (-719_162, 86_400);
        assert_eq!((legacy.day(old), proleptic.day(old)), (-719_164, old));
        assert_eq!(legacy.wall_seconds(old * day + 5), -719_164 * day + 5);
        assert_eq!(proleptic.wall_seconds(old * day + 5), old * day + 5);
        assert_eq!(legacy.day(19_782), proleptic.day(19_782));
    }

    #[test]
    fn bound_timestamps_show_the_zone() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(
            wall_text(Moment::from_millis(1_718_446_830_120), &berlin),
            "2024-06-15 12:20:30.12"
        );
        assert_eq!(wall_text(Moment::from_millis(0), &Zone::utc()), "1970-01-01 00:00:00");
    }
}
