//! Instant → text.

use super::calendar::{Date, MILLIS_PER_DAY};
use super::zones::Zone;
use super::{Letter, MONTHS, Part, SHORT, WEEKDAYS};

pub(super) fn append(parts: &[Part], millis: i64, zone: Option<Zone>, out: &mut String) {
    let offset = zone.map_or(0, |zone| zone.offset_at(millis));
    let local = millis.saturating_add(offset);
    let date = Date::new(local.div_euclid(MILLIS_PER_DAY));
    let of_day = local.rem_euclid(MILLIS_PER_DAY);
    for part in parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Field(letter, count) => append_field(*letter, *count, &date, of_day, (millis, offset, zone), out),
        }
    }
}

fn append_field(
    letter: Letter,
    count: usize,
    date: &Date,
    of_day: i64,
    (millis, offset, zone): (i64, i64, Option<Zone>),
    out: &mut String,
) {
    let hour = of_day / 3_600_000;
    let number = match letter {
        Letter::Era => return out.push_str(if date.year > 0 { "AD" } else { "BC" }),
        Letter::Year | Letter::WeekYear => {
            let year = match letter {
                Letter::WeekYear => date.week_year(),
                _ if date.year > 0 => date.year,
                _ => 1 - date.year,
            };
            if count == 2 {
                return pad(year % 100, 2, out);
            }
            year
        }
        Letter::Month | Letter::MonthAlone => match count {
            0..SHORT => date.month + 1,
            SHORT => return out.push_str(&name(&MONTHS, date.month)[..SHORT]),
            _ => return out.push_str(name(&MONTHS, date.month)),
        },
        Letter::DayOfWeek => {
            let name = name(&WEEKDAYS, date.weekday);
            return out.push_str(if count > SHORT { name } else { &name[..SHORT] });
        }
        Letter::AmPm => return out.push_str(if hour < 12 { "AM" } else { "PM" }),
        Letter::ZoneName => {
            let long = count > SHORT;
            return match zone {
                None if long => out.push_str("Coordinated Universal Time"),
                None => out.push_str("UTC"),
                Some(zone) => out.push_str(zone.name_at(millis, long)),
            };
        }
        Letter::ZoneValue => return append_offset(offset, false, 2, out),
        Letter::IsoZone if offset == 0 => return out.push('Z'),
        Letter::IsoZone => return append_offset(offset, count == 3, count, out),
        Letter::Day => date.day,
        Letter::HourOfDay1 if hour == 0 => 24,
        Letter::HourOfDay1 | Letter::HourOfDay0 => hour,
        Letter::Hour1 if hour % 12 == 0 => 12,
        Letter::Hour1 | Letter::Hour0 => hour % 12,
        Letter::Minute => of_day / 60_000 % 60,
        Letter::Second => of_day / 1000 % 60,
        Letter::Millis => of_day % 1000,
        Letter::DayOfYear => date.day_of_year,
        Letter::DayOfWeekInMonth => (date.day - 1) / 7 + 1,
        Letter::WeekOfYear => date.week_of_year(),
        Letter::WeekOfMonth => date.week_of_month(),
        Letter::IsoDayOfWeek => (date.weekday + 6) % 7 + 1,
    };
    pad(number, count, out);
}

fn name(names: &[&'static str], index: i64) -> &'static str {
    usize::try_from(index)
        .ok()
        .and_then(|index| names.get(index))
        .copied()
        .unwrap_or("???")
}

/// `+hhmm`, `+hh:mm`, or `+hh` if only one part is wanted.
fn append_offset(offset: i64, colon: bool, parts: usize, out: &mut String) {
    out.push(if offset < 0 { '-' } else { '+' });
    let minutes = offset.abs() / 60_000;
    pad(minutes / 60, 2, out);
    if parts == 1 {
        return;
    }
    if colon {
        out.push(':');
    }
    pad(minutes % 60, 2, out);
}

/// A number with zeros before it up to `width` digits.
fn pad(number: i64, width: usize, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    let mut rest = number.unsigned_abs();
    while rest > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if number < 0 {
        out.push('-');
    }
    let length = digits.len() - start;
    for _ in length..width {
        out.push('0');
    }
    out.extend(digits[start..].iter().map(|digit| char::from(*digit)));
}
