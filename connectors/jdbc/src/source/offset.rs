//! Source partitions and positions: what is stored in Kafka's offset topic, and read back in any form it ever had.

use super::time::Moment;
use turnbuckle_api::{OffsetMap, Text, Value};

const TIMESTAMP: Text = Text::from_static("timestamp");
const NANOS: Text = Text::from_static("timestamp_nanos");
const INCREMENTING: Text = Text::from_static("incrementing");

/// A position in a table or query: the newest timestamp and id that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) timestamp: Option<Moment>,
    pub(crate) incrementing: Option<i64>,
}

impl Position {
    /// Reads a stored position: integers of any width, without nanoseconds as old releases wrote it, or nothing.
    pub(crate) fn from_map(map: Option<&OffsetMap>) -> Position {
        let Some(map) = map else { return Position::default() };
        let timestamp = map.get(&TIMESTAMP).and_then(integer).map(|millis| {
            let nanos = map
                .get(&NANOS)
                .and_then(integer)
                .and_then(|nanos| u32::try_from(nanos).ok());
            Moment {
                millis,
                nanos: nanos.unwrap_or_else(|| Moment::from_millis(millis).nanos),
            }
        });
        Position {
            timestamp,
            incrementing: map.get(&INCREMENTING).and_then(integer),
        }
    }

    /// The form that is stored.
    pub(crate) fn to_map(self) -> OffsetMap {
        let entries = if self.timestamp.is_some() { 3 } else { 1 };
        let mut map = OffsetMap::with_capacity(entries);
        if let Some(id) = self.incrementing {
            map.insert(INCREMENTING, id);
        }
        if let Some(moment) = self.timestamp {
            map.insert(NANOS, i64::from(moment.nanos));
            map.insert(TIMESTAMP, moment.millis);
        }
        map
    }

    /// Rows after this timestamp are new.
    pub(crate) fn timestamp_or_epoch(self) -> Moment {
        self.timestamp.unwrap_or_default()
    }

    /// Rows with a greater id are new.
    pub(crate) fn incrementing_or_start(self) -> i64 {
        self.incrementing.unwrap_or(-1)
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(value) => Some(i64::from(*value)),
        Value::Int16(value) => Some(i64::from(*value)),
        Value::Int32(value) => Some(i64::from(*value)),
        Value::Int64(value) => Some(*value),
        Value::Float64(value) if value.fract() == 0.0 => Some(*value as i64),
        _ => None,
    }
}

/// The partition of a table as it is written: `{"protocol":"1","table":"public.users"}`.
pub(crate) fn table_partition(qualified_name: &str) -> OffsetMap {
    OffsetMap::with_capacity(2)
        .with("protocol", "1")
        .with("table", qualified_name)
}

/// The partition of a table before protocol 1, and of bulk mode: `{"table":"users"}`.
pub(crate) fn bare_partition(table: &str) -> OffsetMap {
    OffsetMap::with_capacity(1).with("table", table)
}

/// The partition of a query.
pub(crate) fn query_partition() -> OffsetMap {
    OffsetMap::with_capacity(1).with("query", "query")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_round_trip() {
        let moment = Moment {
            millis: 1_704_067_203_003,
            nanos: 3_000_000,
        };
        for (timestamp, incrementing) in [
            (None, None),
            (Some(moment), None),
            (None, Some(7)),
            (Some(moment), Some(-1)),
        ] {
            let position = Position {
                timestamp,
                incrementing,
            };
            assert_eq!(Position::from_map(Some(&position.to_map())), position);
        }
    }

    #[test]
    fn old_and_narrow_forms_are_read() {
        let map = OffsetMap::new()
            .with("timestamp", Value::Int64(1_704_067_203_003))
            .with("incrementing", Value::Int32(3));
        let position = Position::from_map(Some(&map));
        assert_eq!(position.incrementing, Some(3));
        assert_eq!(position.timestamp.map(|moment| moment.nanos), Some(3_000_000));
        let empty = Position::from_map(None);
        assert_eq!(
            (empty.incrementing_or_start(), empty.timestamp_or_epoch().millis),
            (-1, 0)
        );
    }
}
