//! `RecordIsTombstone`: true for records whose value is null, whatever its schema.

use super::kafka_predicate;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::Predicate;
use turnbuckle_api::{Config, Props, Record, Result};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_predicate(
    "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {}

struct RecordIsTombstone;

fn create(_props: &Props) -> Result<Box<dyn Predicate>> {
    Ok(Box::new(RecordIsTombstone))
}

impl Predicate for RecordIsTombstone {
    fn test(&mut self, record: &Record) -> Result<bool> {
        Ok(record.value.value.is_null())
    }
}
