//! `TombstoneHandler`: drops records whose value is null, or fails on them.

use super::transformation;
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Props, Record, Result};

pub(crate) const PLUGINS: &[Plugin] = &[transformation(
    "io.confluent.connect.transforms.TombstoneHandler",
    Settings::config_def,
    create,
)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behavior {
    Ignore,
    Warn,
    Fail,
}

impl ConfigChoice for Behavior {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("ignore", Behavior::Ignore),
        ("warn", Behavior::Warn),
        ("fail", Behavior::Fail),
    ];
}

#[derive(Config)]
struct Settings {
    /// What happens to a record without a value: `ignore` and `warn` drop it, with a message in the log at level DEBUG or
    /// WARN; `fail` is an error.
    #[config(key = "behavior", default = "warn", importance = Medium, validator = one_of(&["ignore", "warn", "fail"]))]
    behavior: Behavior,
}

struct TombstoneHandler {
    behavior: Behavior,
}

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let behavior = Settings::from_props(props)?.behavior;
    Ok(Box::new(TombstoneHandler { behavior }))
}

impl Transform for TombstoneHandler {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        if !record.value.value.is_null() {
            return Ok(Verdict::Keep);
        }
        let coordinates = record.coordinates();
        match self.behavior {
            Behavior::Ignore => tracing::debug!(record = coordinates, "dropped a tombstone"),
            Behavior::Warn => tracing::warn!(record = coordinates, "dropped a tombstone"),
            Behavior::Fail => {
                return Err(Error::data(format!(
                    "Record {coordinates} is a tombstone; to drop tombstones, set 'behavior' to ignore or warn"
                )));
            }
        }
        Ok(Verdict::Drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    #[test]
    fn tombstones_are_dropped_or_refused() {
        let tombstone = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
        for (behavior, expected) in [
            ("ignore", Some(Verdict::Drop)),
            ("warn", Some(Verdict::Drop)),
            ("fail", None),
        ] {
            let mut handler = create(&Props::new().with("behavior", behavior)).unwrap();
            assert_eq!(handler.apply(&mut tombstone.clone()).ok(), expected);
            let mut other = tombstone.clone();
            other.value = SchemaAndValue::schemaless("x".into());
            assert_eq!(handler.apply(&mut other).ok(), Some(Verdict::Keep));
        }
    }
}
