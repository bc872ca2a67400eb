//! Predicates, `org.apache.kafka.connect.transforms.predicates.*`: conditions that guard transformations.

pub(crate) mod has_header_key;
pub(crate) mod record_is_tombstone;
pub(crate) mod topic_name_matches;

use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::transform::Predicate;
use turnbuckle_api::{ConfigDef, KAFKA_VERSION, Props, Result};

/// Descriptor of a predicate of Apache Kafka, which has Kafka's version.
const fn kafka_predicate(
    class: &'static str,
    config_def: fn() -> &'static ConfigDef,
    create: fn(&Props) -> Result<Box<dyn Predicate>>,
) -> Plugin {
    Plugin {
        class,
        version: Some(KAFKA_VERSION),
        config_def,
        kind: PluginKind::Predicate(create),
    }
}
