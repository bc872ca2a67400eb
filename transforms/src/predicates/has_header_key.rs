//! `HasHeaderKey`: true for records with a header of a name.

use super::kafka_predicate;
use turnbuckle_api::config::validator::non_empty;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::Predicate;
use turnbuckle_api::{Config, Props, Record, Result};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_predicate(
    "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// Name of the header.
    #[config(key = "name", required, importance = Medium, validator = non_empty())]
    name: String,
}

struct HasHeaderKey {
    name: String,
}

fn create(props: &Props) -> Result<Box<dyn Predicate>> {
    let name = Settings::from_props(props)?.name;
    Ok(Box::new(HasHeaderKey { name }))
}

impl Predicate for HasHeaderKey {
    fn test(&mut self, record: &Record) -> Result<bool> {
        Ok(record.headers.iter().any(|header| *header.key == *self.name))
    }
}
