//! `DropHeaders`: removes headers by name.

use crate::kafka_transformation;
use crate::side::non_empty_list;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.DropHeaders",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// Names of the headers to remove.
    #[config(key = "headers", required, importance = High, validator = non_empty_list())]
    headers: Vec<String>,
}

struct DropHeaders {
    headers: Vec<String>,
}

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let headers = Settings::from_props(props)?.headers;
    Ok(Box::new(DropHeaders { headers }))
}

impl Transform for DropHeaders {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        record
            .headers
            .0
            .retain(|header| !self.headers.iter().any(|name| *name == *header.key));
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    #[test]
    fn all_headers_of_a_name_go() {
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
        for name in ["a", "b", "a", "c"] {
            record.headers.add(name, SchemaAndValue::NULL);
        }
        let mut transform = create(&Props::new().with("headers", "a, c")).unwrap();
        transform.apply(&mut record).unwrap();
        let left: Vec<&str> = record.headers.iter().map(|header| &*header.key).collect();
        assert_eq!(left, ["b"]);
    }
}
