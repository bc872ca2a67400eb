//! Text → instant. A field is skipped blanks and then a number or a name; a number goes on as long as there are digits, unless
//! another number follows it in the pattern without anything between.

use super::calendar::{Field, Fields, MILLIS_PER_DAY, from_iso_weekday};
use super::zones::{self, Zone};
use super::{Letter, MONTHS, Part, SHORT, WEEKDAYS};
use turnbuckle_converters::values::temporal::decimal_digit;

/// What has been read.
#[derive(Default)]
struct Reading {
    fields: Fields,
    zone: Option<Zone>,
    /// The year had two digits, those of the first year of the century that counts.
    ambiguous_year: Option<i64>,
}

pub(super) fn parse(parts: &[Part], text: &str, century_start: i64) -> Option<(i64, Option<Zone>)> {
    let mut reading = Reading::default();
    let mut at = 0;
    for (index, part) in parts.iter().enumerate() {
        at = match part {
            Part::Literal(literal) => at + text.get(at..)?.strip_prefix(literal.as_str()).map(|_| literal.len())?,
            Part::Field(letter, count) => {
                let is_cut = matches!(parts.get(index + 1), Some(Part::Field(next, count)) if next.is_digits(*count));
                reading.field(*letter, *count, text, at, is_cut, century_start)?
            }
        };
    }
    if at == 0 {
        return None;
    }
    let millis = reading.instant()?;
    if let Some(year) = reading.ambiguous_year
        && millis < century_start
    {
        reading.fields.set(Field::Year, year + 100);
        return Some((reading.instant()?, reading.zone));
    }
    Some((millis, reading.zone))
}

impl Reading {
    fn instant(&self) -> Option<i64> {
        let (local, _) = self.fields.resolve()?;
        let offset = match (self.fields.offsets(), self.zone) {
            ((Some(zone), dst), _) => zone + dst.unwrap_or_default(),
            ((None, Some(dst)), Some(zone)) => zone.standard_offset(local) + dst,
            ((None, None), Some(zone)) => zone.offset_of_local(local),
            ((None, dst), None) => dst.unwrap_or_default(),
        };
        local.checked_sub(offset)
    }

    /// Reads one field from `start` on; gives where it ends.
    fn field(
        &mut self,
        letter: Letter,
        count: usize,
        text: &str,
        start: usize,
        is_cut: bool,
        century_start: i64,
    ) -> Option<usize> {
        let rest = text.get(start..)?;
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let first = start + blanks;
        if first >= text.len() {
            return None;
        }
        let field = match letter {
            Letter::Era => {
                return self.name(
                    Field::Era,
                    text,
                    start,
                    &[("Anno Domini", 1), ("AD", 1), ("Before Christ", 0), ("BC", 0)],
                );
            }
            Letter::AmPm => return self.name(Field::AmPm, text, start, &[("AM", 0), ("PM", 1)]),
            Letter::DayOfWeek => return self.long_or_short(Field::DayOfWeek, text, start, &WEEKDAYS, 1),
            Letter::Month | Letter::MonthAlone if count >= SHORT => {
                return self.long_or_short(Field::Month, text, start, &MONTHS, 0);
            }
            Letter::ZoneName | Letter::ZoneValue => return self.zone(text, start, first),
            Letter::IsoZone => return self.iso_zone(count, text, first),
            Letter::Year => Field::Year,
            Letter::WeekYear => Field::WeekYear,
            Letter::Month | Letter::MonthAlone => Field::Month,
            Letter::Day => Field::Day,
            Letter::HourOfDay1 | Letter::HourOfDay0 => Field::HourOfDay,
            Letter::Hour1 | Letter::Hour0 => Field::Hour,
            Letter::Minute => Field::Minute,
            Letter::Second => Field::Second,
            Letter::Millis => Field::Millis,
            Letter::DayOfYear => Field::DayOfYear,
            Letter::DayOfWeekInMonth => Field::DayOfWeekInMonth,
            Letter::WeekOfYear => Field::WeekOfYear,
            Letter::WeekOfMonth => Field::WeekOfMonth,
            Letter::IsoDayOfWeek => Field::DayOfWeek,
        };
        let source = match is_cut {
            true => {
                // Blanks count as well.
                let (end, _) = rest
                    .char_indices()
                    .map(|(at, c)| (at + c.len_utf8(), c))
                    .nth(count - 1)?;
                text.get(first..start + end)?
            }
            false => &text[first..],
        };
        let (number, length) = number(source)?;
        let number = match letter {
            Letter::Year | Letter::WeekYear if count <= 2 && is_two_digits(&source[..length]) => {
                let start_year = super::calendar::Date::new(century_start.div_euclid(MILLIS_PER_DAY)).year;
                let within = start_year.rem_euclid(100);
                let year = number + start_year - within + if number < within { 100 } else { 0 };
                if number == within && letter == Letter::Year {
                    self.ambiguous_year = Some(year);
                }
                year
            }
            Letter::Month | Letter::MonthAlone => number - 1,
            Letter::HourOfDay1 if number == 24 => 0,
            Letter::Hour1 if number == 12 => 0,
            Letter::IsoDayOfWeek => from_iso_weekday(number),
            _ => number,
        };
        self.fields.set(field, number);
        Some(first + length)
    }

    /// The longest of some names, in any case. Blanks before it are not skipped.
    fn name(&mut self, field: Field, text: &str, start: usize, names: &[(&str, i64)]) -> Option<usize> {
        let matching = names.iter().filter(|(name, _)| starts_with(text, start, name));
        let (name, value) = matching.max_by_key(|(name, _)| name.len())?;
        self.fields.set(field, *value);
        Some(start + name.len())
    }

    fn long_or_short(&mut self, field: Field, text: &str, start: usize, names: &[&str], base: i64) -> Option<usize> {
        let index = names.iter().position(|name| starts_with(text, start, &name[..SHORT]))?;
        self.fields.set(field, base + index as i64);
        let length = if starts_with(text, start, names[index]) {
            names[index].len()
        } else {
            SHORT
        };
        Some(start + length)
    }

    /// `GMT`, `GMT+hh:mm`, `+hhmm` or a zone's name.
    fn zone(&mut self, text: &str, start: usize, first: usize) -> Option<usize> {
        if let Some(sign) = sign_at(text, first) {
            return self.offset(text, first + 1, sign, 0, false);
        }
        let is_gmt = matches!(text.as_bytes().get(first), Some(b'G' | b'g')) && starts_with(text, start, "GMT");
        if is_gmt {
            let after = start + "GMT".len();
            return match sign_at(text, after) {
                Some(sign) => self.offset(text, after + 1, sign, 0, true),
                None => {
                    self.set_offset(0);
                    Some(after)
                }
            };
        }
        let found = zones::find(text.get(first..)?)?;
        self.zone = Some(found.zone);
        if let Some(dst) = found.dst {
            self.fields.clear(Field::ZoneOffset);
            self.fields.set(Field::DstOffset, dst);
        }
        Some(first + found.length)
    }

    /// `Z`, or a sign with hours and, by the number of letters, minutes.
    fn iso_zone(&mut self, count: usize, text: &str, first: usize) -> Option<usize> {
        if text.as_bytes().get(first) == Some(&b'Z') {
            self.set_offset(0);
            return Some(first + 1);
        }
        let sign = sign_at(text, first)?;
        self.offset(text, first + 1, sign, count, count == 3)
    }

    /// Hours and minutes after the sign; `count` 1 means hours alone.
    fn offset(&mut self, text: &str, start: usize, sign: i64, count: usize, colon: bool) -> Option<usize> {
        let digit = |at: usize| {
            let byte = text.as_bytes().get(at)?;
            byte.is_ascii_digit().then(|| i64::from(byte - b'0'))
        };
        let mut at = start;
        let mut hours = digit(at)?;
        at += 1;
        match digit(at) {
            Some(second) => {
                hours = hours * 10 + second;
                at += 1;
            }
            // One digit will do only before a colon.
            None if count > 0 || !colon => return None,
            None => {}
        }
        if hours > 23 {
            return None;
        }
        let mut minutes = 0;
        if count != 1 {
            if colon {
                if text.as_bytes().get(at) != Some(&b':') {
                    return None;
                }
                at += 1;
            }
            minutes = digit(at)? * 10 + digit(at + 1)?;
            at += 2;
            if minutes > 59 {
                return None;
            }
        }
        self.set_offset((hours * 60 + minutes) * 60_000 * sign);
        Some(at)
    }

    fn set_offset(&mut self, offset: i64) {
        self.fields.set(Field::ZoneOffset, offset);
        self.fields.set(Field::DstOffset, 0);
    }
}

fn sign_at(text: &str, at: usize) -> Option<i64> {
    match text.as_bytes().get(at) {
        Some(b'+') => Some(1),
        Some(b'-') => Some(-1),
        _ => None,
    }
}

fn starts_with(text: &str, start: usize, name: &str) -> bool {
    let part = text.get(start..start + name.len());
    part.is_some_and(|part| part.eq_ignore_ascii_case(name))
}

fn is_two_digits(text: &str) -> bool {
    let mut chars = text.chars();
    let mut digit = || chars.next().is_some_and(|c| decimal_digit(c).is_some());
    digit() && digit() && chars.next().is_none()
}

/// Digits after an optional minus sign, with an optional exponent, cut to an int as Java does; and how long they are.
fn number(text: &str) -> Option<(i64, usize)> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let sign = text.len() - digits.len();
    if digits.starts_with('\u{221e}') {
        let bound = if is_negative {
            i64::from(i32::MIN)
        } else {
            i64::from(i32::MAX)
        };
        return Some((bound, sign + '\u{221e}'.len_utf8()));
    }
    let mut value = 0i128;
    let mut length = 0;
    for c in digits.chars() {
        let Some(digit) = decimal_digit(c) else { break };
        value = value.saturating_mul(10).saturating_add(i128::from(digit));
        length += c.len_utf8();
    }
    if length == 0 {
        return text.starts_with("NaN").then_some((0, "NaN".len()));
    }
    if let Some((exponent, exponent_length)) = exponent(&digits[length..]) {
        length += exponent_length;
        for _ in 0..exponent.unsigned_abs().min(40) {
            value = if exponent < 0 {
                value / 10
            } else {
                value.saturating_mul(10)
            };
        }
    }
    let value = if is_negative { -value } else { value };
    // A long keeps its low bits, anything larger is a double, which saturates.
    let cut = match i64::try_from(value) {
        Ok(value) => value as i32,
        Err(_) if value < 0 => i32::MIN,
        Err(_) => i32::MAX,
    };
    Some((i64::from(cut), sign + length))
}

/// `E` with digits.
fn exponent(text: &str) -> Option<(i32, usize)> {
    let after = text.strip_prefix('E')?;
    let digits = after.strip_prefix('-').unwrap_or(after);
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 {
        return None;
    }
    let sign = after.len() - digits.len();
    let value: i32 = digits[..length].parse().unwrap_or(i32::MAX);
    Some((if sign > 0 { -value } else { value }, 1 + sign + length))
}
