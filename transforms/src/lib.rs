//! Record transformations and predicates: all of `org.apache.kafka.connect.transforms.*`, and some that go by
//! `io.confluent.connect.transforms.*` ([`confluent`]).
//!
//! One file per transformation: its settings, its plan per schema, its `PLUGINS`. [`plugins`] lists them; adding one is one
//! file and one line here. What several share: [`side`] (the `$Key`/`$Value` split and checks of shape), [`structs`] (rebuilding
//! structs), [`path`] (field paths), [`plan`] (work done once per schema), [`date_format`] (Java's date patterns).

mod cast;
mod confluent;
pub mod date_format;
mod drop_headers;
mod extract_field;
mod filter;
mod flatten;
mod header_from;
mod hoist_field;
mod insert_field;
mod insert_header;
mod logical;
mod mask_field;
mod numbers;
pub mod path;
pub mod plan;
mod predicates;
#[cfg(test)]
mod properties;
mod regex_router;
mod replace_field;
mod set_schema_metadata;
pub mod side;
pub mod structs;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

use turnbuckle_api::plugin::{Plugin, PluginKind};

/// All transformations and predicates of this crate, in order of class name.
pub fn plugins() -> Vec<Plugin> {
    let all: &[&[Plugin]] = &[
        confluent::drop::PLUGINS,
        confluent::replace_field::PLUGINS,
        confluent::tombstone_handler::PLUGINS,
        cast::PLUGINS,
        drop_headers::PLUGINS,
        extract_field::PLUGINS,
        filter::PLUGINS,
        flatten::PLUGINS,
        header_from::PLUGINS,
        hoist_field::PLUGINS,
        insert_field::PLUGINS,
        insert_header::PLUGINS,
        mask_field::PLUGINS,
        regex_router::PLUGINS,
        replace_field::PLUGINS,
        set_schema_metadata::PLUGINS,
        timestamp_converter::PLUGINS,
        timestamp_router::PLUGINS,
        value_to_key::PLUGINS,
        predicates::has_header_key::PLUGINS,
        predicates::record_is_tombstone::PLUGINS,
        predicates::topic_name_matches::PLUGINS,
    ];
    all.concat()
}

/// Descriptor of a transformation of Apache Kafka, which has Kafka's version.
const fn kafka_transformation(
    class: &'static str,
    config_def: fn() -> &'static turnbuckle_api::ConfigDef,
    create: fn(&turnbuckle_api::Props) -> turnbuckle_api::Result<Box<dyn turnbuckle_api::transform::Transform>>,
) -> Plugin {
    Plugin {
        class,
        version: Some(turnbuckle_api::KAFKA_VERSION),
        config_def,
        kind: PluginKind::Transformation(create),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn classes_are_unique_and_named_as_in_kafka() {
        let classes: Vec<&str> = super::plugins().iter().map(|plugin| plugin.class).collect();
        let mut sorted = classes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(classes, sorted);
        assert!(classes.contains(&"org.apache.kafka.connect.transforms.ExtractField$Key"));
        assert!(classes.contains(&"org.apache.kafka.connect.transforms.ExtractField$Value"));
        assert!(classes.contains(&"org.apache.kafka.connect.transforms.ValueToKey"));
    }
}
