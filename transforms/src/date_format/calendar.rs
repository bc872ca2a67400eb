//! Java's Gregorian calendar in UTC: Julian before 1582-10-15, weeks from Sunday, the first week of a year is that of
//! January 1.
//!
//! [`Date`] is a day taken apart. [`Fields`] goes the other way, leniently: of contradicting fields those set last count, and
//! values beyond their range roll over.

use turnbuckle_converters::values::temporal::{CUTOVER, gregorian_days, julian_days};

pub(super) const MILLIS_PER_DAY: i64 = 86_400_000;
const CUTOVER_YEAR: i64 = 1582;

/// Days from 0001-01-01 to the epoch; day 0 by that count was a Sunday.
const EPOCH_FROM_YEAR_1: i64 = 719_163;

/// 0 is Sunday.
fn weekday(days: i64) -> i64 {
    (days + EPOCH_FROM_YEAR_1).rem_euclid(7)
}

/// The last day on or before `days` that is a `day_of_week` (1 is Sunday).
fn on_or_before(days: i64, day_of_week: i64) -> i64 {
    days - (days + EPOCH_FROM_YEAR_1 - (day_of_week - 1)).rem_euclid(7)
}

/// A day, taken apart.
pub(super) struct Date {
    /// 0 and below are years before Christ: 0 is 1 BC.
    pub year: i64,
    /// From 0.
    pub month: i64,
    pub day: i64,
    /// From 1.
    pub day_of_year: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    days: i64,
}

impl Date {
    /// The date of a day number since the epoch.
    pub(super) fn new(days: i64) -> Date {
        let first_of: fn(i64, i64) -> i64 = if days >= CUTOVER { gregorian_days } else { julian_days };
        // Near enough for the search to be short, from either side.
        let mut year = 1970 + days.div_euclid(366);
        while first_of(year, 1) > days {
            year -= 1;
        }
        while first_of(year + 1, 1) <= days {
            year += 1 + (days - first_of(year + 1, 1)) / 366;
        }
        let mut month = 12;
        while month > 1 && first_of(year, month) > days {
            month -= 1;
        }
        let year_start = match year {
            // The year of the change began in the Julian calendar.
            CUTOVER_YEAR => julian_days(year, 1),
            _ => first_of(year, 1),
        };
        // Ten days of October 1582 were left out, which no day of the year counts.
        Date {
            year,
            month: month - 1,
            day: days - first_of(year, month) + 1,
            day_of_year: days - year_start + 1,
            weekday: weekday(days),
            days,
        }
    }

    pub(super) fn week_of_year(&self) -> i64 {
        let week = week_number(self.days, self.days - (self.day_of_year - 1));
        // Days before New Year in the week of New Year are of the next year's first week.
        let next_year = self.year + 1;
        let next = if next_year > CUTOVER_YEAR {
            gregorian_days(next_year, 1)
        } else {
            julian_days(next_year, 1)
        };
        if on_or_before(next, 1) <= self.days { 1 } else { week }
    }

    pub(super) fn week_year(&self) -> i64 {
        match self.week_of_year() {
            1 if self.month == 11 => self.year + 1,
            _ => self.year,
        }
    }

    pub(super) fn week_of_month(&self) -> i64 {
        week_number(self.days, self.days - (self.day - 1))
    }
}

/// Which week after (and with) the one that holds `start` holds `days`.
fn week_number(days: i64, start: i64) -> i64 {
    (days - on_or_before(start, 1)) / 7 + 1
}

/// The instant so many years earlier.
pub(super) fn years_before(millis: i64, years: i64) -> i64 {
    let date = Date::new(millis.div_euclid(MILLIS_PER_DAY));
    let mut fields = Fields::default();
    fields.set(Field::Year, date.year - years);
    fields.set(Field::Month, date.month);
    fields.set(Field::Day, date.day);
    let (local, _) = fields.resolve().unwrap_or_default();
    local + millis.rem_euclid(MILLIS_PER_DAY)
}

/// A calendar field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Era,
    Year,
    /// From 0.
    Month,
    WeekOfYear,
    WeekOfMonth,
    Day,
    DayOfYear,
    /// 1 is Sunday.
    DayOfWeek,
    DayOfWeekInMonth,
    AmPm,
    Hour,
    HourOfDay,
    Minute,
    Second,
    Millis,
    /// Milliseconds.
    ZoneOffset,
    DstOffset,
    WeekYear,
}

const FIELDS: usize = Field::WeekYear as usize + 1;

/// Fields as they were set: value, and when it was set (0: not at all).
#[derive(Clone, Default)]
pub(super) struct Fields {
    values: [i64; FIELDS],
    stamps: [u32; FIELDS],
    last_stamp: u32,
}

impl Fields {
    pub(super) fn set(&mut self, field: Field, value: i64) {
        self.last_stamp += 1;
        self.values[field as usize] = value;
        self.stamps[field as usize] = self.last_stamp;
    }

    pub(super) fn clear(&mut self, field: Field) {
        self.values[field as usize] = 0;
        self.stamps[field as usize] = 0;
    }

    fn get(&self, field: Field) -> i64 {
        self.values[field as usize]
    }

    fn stamp(&self, field: Field) -> u32 {
        self.stamps[field as usize]
    }

    fn is_set(&self, field: Field) -> bool {
        self.stamp(field) != 0
    }

    /// The offset from UTC that was set, in milliseconds: of the zone, and of daylight saving.
    pub(super) fn offsets(&self) -> (Option<i64>, Option<i64>) {
        let set = |field| self.is_set(field).then(|| self.get(field));
        (set(Field::ZoneOffset), set(Field::DstOffset))
    }

    /// Milliseconds from 1970-01-01 on the wall clock; and whether the year is one of two digits that was guessed. None if
    /// the date is out of reach.
    pub(super) fn resolve(&self) -> Option<(i64, bool)> {
        let of_day = self.time_of_day();
        let overflow = of_day.div_euclid(MILLIS_PER_DAY);
        let days = match self.week_date() {
            Some(days) => days + overflow,
            None => self.days(overflow),
        };
        let millis = days
            .checked_mul(MILLIS_PER_DAY)?
            .checked_add(of_day.rem_euclid(MILLIS_PER_DAY))?;
        Some((millis, false))
    }

    fn time_of_day(&self) -> i64 {
        let both = |a: u32, b: u32| if a == 0 || b == 0 { 0 } else { a.max(b) };
        let of_day = self.stamp(Field::HourOfDay);
        let of_half = both(self.stamp(Field::Hour), self.stamp(Field::AmPm));
        let best = match of_day.max(of_half) {
            0 => self.stamp(Field::Hour).max(self.stamp(Field::AmPm)),
            best => best,
        };
        let hours = match best {
            0 => 0,
            best if best == of_day => self.get(Field::HourOfDay),
            _ => self.get(Field::Hour) + 12 * self.get(Field::AmPm),
        };
        ((hours * 60 + self.get(Field::Minute)) * 60 + self.get(Field::Second)) * 1000 + self.get(Field::Millis)
    }

    /// The day by week year, week and weekday, if a week year was set after the year.
    fn week_date(&self) -> Option<i64> {
        if self.stamp(Field::WeekYear) <= self.stamp(Field::Year) {
            return None;
        }
        let mut week = if self.is_set(Field::WeekOfYear) {
            self.get(Field::WeekOfYear)
        } else {
            1
        };
        let mut day = if self.is_set(Field::DayOfWeek) {
            self.get(Field::DayOfWeek)
        } else {
            1
        };
        if day >= 8 {
            day -= 1;
            week += day / 7;
            day = day % 7 + 1;
            day = from_iso_weekday(day);
        } else if day <= 0 {
            let weeks = -day / 7 + 1;
            day += 7 * weeks;
            week -= weeks;
            day = from_iso_weekday(day);
        }
        let mut first = Fields::default();
        first.set(Field::Year, self.get(Field::WeekYear));
        first.set(Field::WeekOfYear, 1);
        first.set(Field::DayOfWeek, 1);
        Some(first.days(0) + day - 1 + 7 * (week - 1))
    }

    /// Day number since the epoch; `overflow` days come from the time of day.
    fn days(&self, overflow: i64) -> i64 {
        let year = match self.is_set(Field::Year) {
            true => self.get(Field::Year),
            false => 1970,
        };
        let is_before_christ = self.is_set(Field::Era) && self.get(Field::Era) == 0;
        let year = if is_before_christ { 1 - year } else { year };
        let day = self.best_day();
        let gregorian = || overflow + self.days_in(gregorian_days, year, day);
        let julian = || overflow + self.days_in(julian_days, year, day);
        if year > CUTOVER_YEAR {
            let days = gregorian();
            if days >= CUTOVER {
                return days;
            }
        } else if year < CUTOVER_YEAR {
            let days = julian();
            if days < CUTOVER {
                return days;
            }
        }
        let by_julian = julian();
        if matches!(day, BestDay::OfYear | BestDay::OfWeekOfYear) {
            return by_julian;
        }
        let by_gregorian = if year < CUTOVER_YEAR { by_julian } else { gregorian() };
        // Days that were left out go by the Julian calendar.
        if by_gregorian >= CUTOVER {
            by_gregorian
        } else {
            by_julian
        }
    }

    /// Which fields say the day.
    fn best_day(&self) -> BestDay {
        let both = |a: u32, b: u32| if a == 0 || b == 0 { 0 } else { a.max(b) };
        let weekday = self.stamp(Field::DayOfWeek);
        let of_month = self.stamp(Field::WeekOfMonth);
        let in_month = self.stamp(Field::DayOfWeekInMonth);
        let of_year = self.stamp(Field::WeekOfYear);
        let mut day = self.stamp(Field::Day);
        let mut by_month_week = both(of_month, weekday);
        let mut by_month_weekday = both(in_month, weekday);
        let day_of_year = self.stamp(Field::DayOfYear);
        let mut by_year_week = both(of_year, weekday);
        let mut best = day
            .max(by_month_week)
            .max(by_month_weekday)
            .max(day_of_year)
            .max(by_year_week);
        if best == 0 {
            // No complete combination: weeks alone, and a weekday alone as the first of its kind in the month.
            by_month_week = of_month;
            by_month_weekday = in_month.max(weekday);
            by_year_week = of_year;
            best = by_month_week.max(by_month_weekday).max(by_year_week);
            if best == 0 {
                day = self.stamp(Field::Month);
                best = day;
            }
        }
        if best == day {
            return BestDay::OfMonth;
        }
        let is_in_month =
            (best == by_month_week && of_month >= of_year) || (best == by_month_weekday && in_month >= of_year);
        if !is_in_month {
            return match best == day_of_year {
                true => BestDay::OfYear,
                false => BestDay::OfWeekOfYear,
            };
        }
        let by_week = match by_month_week == by_month_weekday {
            true => of_month >= in_month,
            false => best == by_month_week,
        };
        if by_week {
            BestDay::OfWeekOfMonth
        } else {
            BestDay::WeekdayInMonth
        }
    }

    /// Day number by the calendar whose months begin as `first_of` says.
    fn days_in(&self, first_of: fn(i64, i64) -> i64, year: i64, day: BestDay) -> i64 {
        let in_year = matches!(day, BestDay::OfYear | BestDay::OfWeekOfYear);
        let month = if in_year { 0 } else { self.get(Field::Month) };
        let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12) + 1);
        let start = first_of(year, month);
        let weekday = match self.is_set(Field::DayOfWeek) {
            true => self.get(Field::DayOfWeek),
            false => 1,
        };
        let in_first_week = || {
            let sunday = on_or_before(start + 6, 1);
            let sunday = if sunday > start { sunday - 7 } else { sunday };
            match self.is_set(Field::DayOfWeek) {
                true => on_or_before(sunday + 6, weekday),
                false => sunday,
            }
        };
        match day {
            BestDay::OfMonth if self.is_set(Field::Day) => start + self.get(Field::Day) - 1,
            BestDay::OfMonth => start,
            BestDay::OfYear => start + self.get(Field::DayOfYear) - 1,
            BestDay::OfWeekOfMonth => in_first_week() + 7 * (self.get(Field::WeekOfMonth) - 1),
            BestDay::OfWeekOfYear => in_first_week() + 7 * (self.get(Field::WeekOfYear) - 1),
            BestDay::WeekdayInMonth => {
                let nth = match self.is_set(Field::DayOfWeekInMonth) {
                    true => self.get(Field::DayOfWeekInMonth),
                    false => 1,
                };
                if nth >= 0 {
                    return on_or_before(start + 7 * nth - 1, weekday);
                }
                let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                let length = first_of(next_year, next_month) - start;
                on_or_before(start + length + 7 * (nth + 1) - 1, weekday)
            }
        }
    }
}

/// 1 is Monday there, Sunday here; other numbers are kept, to be out of range.
pub(super) fn from_iso_weekday(day: i64) -> i64 {
    match day {
        1..=7 => day % 7 + 1,
        _ => day,
    }
}

/// What says the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BestDay {
    OfMonth,
    OfYear,
    OfWeekOfMonth,
    WeekdayInMonth,
    OfWeekOfYear,
}
