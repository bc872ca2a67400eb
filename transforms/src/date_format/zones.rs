//! Time zones by the English names that Java knows. `zones.tsv` lists, in Java's order of search, a zone with its long and
//! short name for standard and for daylight saving time; zones whose names are all listed already are left out.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, tz::Dst};
use std::sync::LazyLock;

static TABLE: &str = include_str!("zones.tsv");

/// A row of the table.
#[derive(Debug)]
struct Row {
    zone: TimeZone,
    /// Long and short name of standard time, then of daylight saving time.
    names: [&'static str; 4],
    /// What daylight saving adds, in milliseconds.
    savings: i64,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    // Java asks for the names of UTC first.
    let (utc, others): (Vec<&str>, Vec<&str>) = TABLE.lines().partition(|line| line.starts_with("UTC\t"));
    utc.into_iter().chain(others).filter_map(row).collect()
});

fn row(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let id = cells.next()?;
    let names = [cells.next()?, cells.next()?, cells.next()?, cells.next()?];
    let savings: i64 = cells.next()?.parse().ok()?;
    // Java's short identifiers and some of its zones are not in the zone database under that name; its offset will do then.
    let zone = match TimeZone::get(id) {
        Ok(zone) => zone,
        Err(_) => TimeZone::fixed(jiff::tz::Offset::from_seconds(cells.next()?.parse().ok()?).ok()?),
    };
    Some(Row {
        zone,
        names,
        savings: savings * 60_000,
    })
}

/// A zone that a text named.
#[derive(Clone, Copy, Debug)]
pub struct Zone(&'static Row);

/// A zone found at the start of a text.
pub(super) struct Found {
    pub zone: Zone,
    pub length: usize,
    /// What the name says about daylight saving, in milliseconds; None leaves it to the zone's rules.
    pub dst: Option<i64>,
}

/// The first zone of the table that has a name with which the text begins.
pub(super) fn find(text: &str) -> Option<Found> {
    for row in ROWS.iter() {
        let matching = |name: &&'static str| {
            let start = text.get(..name.len());
            !name.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let Some(index) = row.names.iter().position(matching) else {
            continue;
        };
        let name = row.names[index];
        let is_daylight = index >= 2;
        let has_one_name = !is_daylight && name.eq_ignore_ascii_case(row.names[index + 2]);
        let dst = if is_daylight { row.savings } else { 0 };
        let is_left_open = has_one_name || (is_daylight && dst == 0);
        return Some(Found {
            zone: Zone(row),
            length: name.len(),
            dst: (!is_left_open).then_some(dst),
        });
    }
    None
}

impl Zone {
    fn info(self, millis: i64) -> (i64, bool) {
        let nearest = millis.clamp(Timestamp::MIN.as_millisecond() + 1, Timestamp::MAX.as_millisecond() - 1);
        let Ok(timestamp) = Timestamp::from_millisecond(nearest) else {
            return (0, false);
        };
        let info = self.0.zone.to_offset_info(timestamp);
        (i64::from(info.offset().seconds()) * 1000, info.dst() == Dst::Yes)
    }

    /// Offset from UTC at an instant, in milliseconds.
    pub(super) fn offset_at(self, millis: i64) -> i64 {
        self.info(millis).0
    }

    /// Offset from UTC of a wall clock time; of two, the later instant's.
    pub(super) fn offset_of_local(self, local: i64) -> i64 {
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
        let Ok(date_time) = epoch.checked_add(SignedDuration::from_millis(local)) else {
            return self.offset_at(local);
        };
        let offset = match self.0.zone.to_ambiguous_timestamp(date_time).offset() {
            jiff::tz::AmbiguousOffset::Unambiguous { offset } => offset,
            jiff::tz::AmbiguousOffset::Gap { before, .. } => before,
            jiff::tz::AmbiguousOffset::Fold { after, .. } => after,
        };
        i64::from(offset.seconds()) * 1000
    }

    /// Offset of standard time around a wall clock time.
    pub(super) fn standard_offset(self, local: i64) -> i64 {
        let (offset, is_daylight) = self.info(local);
        if is_daylight { offset - self.0.savings } else { offset }
    }

    /// The zone's name at an instant.
    pub(super) fn name_at(self, millis: i64, long: bool) -> &'static str {
        let (_, is_daylight) = self.info(millis);
        self.0.names[usize::from(is_daylight) * 2 + usize::from(!long)]
    }
}
