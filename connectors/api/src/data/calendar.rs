//! Day numbers (days since 1970-01-01) and dates: the proleptic Gregorian calendar, and Java's default calendar, which is
//! the Julian one before 15 October 1582.

/// Day number of 15 October 1582, the first day that is Gregorian in Java's default calendar.
const GREGORIAN_START: i64 = -141_427;
/// Days from the start of a March-based era to 1970-01-01: Gregorian, Julian.
const GREGORIAN_SHIFT: i64 = 719_468;
const JULIAN_SHIFT: i64 = 719_470;

/// Day number of a date of the proleptic Gregorian calendar; `month` 1–12, `day` 1–31.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let (year, day_of_year) = from_march(year, month, day);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - GREGORIAN_SHIFT
}

/// Year, month 1–12 and day 1–31 of a day number in the proleptic Gregorian calendar.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + GREGORIAN_SHIFT;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    to_january(year_of_era + era * 400, day_of_year)
}

/// The day that Java's default calendar means by the year, month and day that proleptic day number `days` is written with:
/// reading a wall clock.
pub fn java_day_of_digits(days: i64) -> i64 {
    if days >= GREGORIAN_START {
        return days;
    }
    let (year, month, day) = civil_from_days(days);
    let (year, day_of_year) = from_march(year, month, day);
    year * 365 + year.div_euclid(4) + day_of_year - JULIAN_SHIFT
}

/// The proleptic day number that is written with the year, month and day that Java's default calendar gives to day `days`:
/// showing a wall clock. The inverse of [`java_day_of_digits`].
pub fn digits_of_java_day(days: i64) -> i64 {
    if days >= GREGORIAN_START {
        return days;
    }
    let shifted = days + JULIAN_SHIFT;
    let year = (4 * shifted + 3).div_euclid(1461);
    let day_of_year = shifted - (1461 * year).div_euclid(4);
    let (year, month, day) = to_january(year, day_of_year);
    days_from_civil(year, month, day)
}

/// Year that begins in March, and days since its start.
fn from_march(year: i64, month: u32, day: u32) -> (i64, i64) {
    let month_from_march = (i64::from(month) + 9) % 12;
    let year = if month <= 2 { year - 1 } else { year };
    (year, (153 * month_from_march + 2) / 5 + i64::from(day) - 1)
}

/// Inverse of [`from_march`].
fn to_january(year: i64, day_of_year: i64) -> (i64, u32, u32) {
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year + i64::from(month <= 2), month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_round_trip() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0),
            (2024, 2, 29, 19_782),
            (1900, 1, 1, -25_567),
            (1969, 12, 31, -1),
            (1, 1, 1, -719_162),
        ] {
            assert_eq!(days_from_civil(year, month, day), days);
            assert_eq!(civil_from_days(days), (year, month, day));
        }
    }

    #[test]
    fn old_dates_are_julian_in_java() {
        for (year, month, day, days) in [
            (1582, 10, 15, GREGORIAN_START),
            (1582, 10, 4, GREGORIAN_START - 1),
            (1, 1, 1, -719_164),
            (1700, 3, 1, -98_556),
        ] {
            let digits = days_from_civil(year, month, day);
            assert_eq!(java_day_of_digits(digits), days);
            assert_eq!(digits_of_java_day(days), digits);
        }
        for days in (-800_000..-141_427).step_by(97) {
            assert_eq!(java_day_of_digits(digits_of_java_day(days)), days);
        }
    }
}
