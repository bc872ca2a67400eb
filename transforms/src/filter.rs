//! `Filter`: drops every record; a predicate decides which ones come here.

use crate::kafka_transformation;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.Filter",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {}

struct Filter;

fn create(_props: &Props) -> Result<Box<dyn Transform>> {
    Ok(Box::new(Filter))
}

impl Transform for Filter {
    fn apply(&mut self, _record: &mut Record) -> Result<Verdict> {
        Ok(Verdict::Drop)
    }
}
