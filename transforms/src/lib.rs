//! Record transformations and predicates, `org.apache.kafka.connect.transforms.*`.
//!
//! One file per transformation: its settings, its plan per schema, its `PLUGINS`. [`plugins`] lists them; adding one is one
//! file and one line here. What several share: [`side`] (the `$Key`/`$Value` split and checks of shape), [`path`] (field
//! paths), [`plan`] (work done once per schema).

mod extract_field;
pub mod path;
pub mod plan;
pub mod side;
mod value_to_key;

use turnbuckle_api::plugin::{Plugin, PluginKind};

/// All transformations and predicates of this crate, in order of class name.
pub fn plugins() -> Vec<Plugin> {
    let all: &[&[Plugin]] = &[
        extract_field::PLUGINS, //
        value_to_key::PLUGINS,
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
