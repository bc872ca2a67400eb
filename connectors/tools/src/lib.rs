//! The connectors that Kafka ships for system tests (`org.apache.kafka.connect.tools`).
//!
//! * [`verifiable`]: a source of numbered records and a sink, which both print what they saw as lines of JSON on standard
//!   output, so that a test can compare the two.
//! * [`schema_source`]: a source of structs, of one schema or of two in turn.
//! * [`mock`]: a source and a sink that carry nothing and fail when told to.
//!
//! None of them defines keys for validation; [`config`] reads what their tasks want.

mod config;
mod lines;
mod mock;
mod pace;
mod schema_source;
mod verifiable;

use std::sync::LazyLock;
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{ConfigDef, KAFKA_VERSION};

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    let plugin = |class, kind| Plugin {
        class,
        version: Some(KAFKA_VERSION),
        config_def: no_keys,
        kind,
    };
    vec![
        plugin(
            "org.apache.kafka.connect.tools.MockSinkConnector",
            PluginKind::Sink {
                connector: || Box::<mock::MockConnector>::default(),
                task_class: "org.apache.kafka.connect.tools.MockSinkTask",
                task: || Box::<mock::MockTask>::default(),
            },
        ),
        plugin(
            "org.apache.kafka.connect.tools.MockSourceConnector",
            PluginKind::Source {
                connector: || Box::<mock::MockConnector>::default(),
                task_class: "org.apache.kafka.connect.tools.MockSourceTask",
                task: || Box::<mock::MockTask>::default(),
            },
        ),
        plugin(
            "org.apache.kafka.connect.tools.SchemaSourceConnector",
            PluginKind::Source {
                connector: || Box::<config::NumberedTasks>::default(),
                task_class: "org.apache.kafka.connect.tools.SchemaSourceTask",
                task: || Box::<schema_source::SchemaSourceTask>::default(),
            },
        ),
        plugin(
            "org.apache.kafka.connect.tools.VerifiableSinkConnector",
            PluginKind::Sink {
                connector: || Box::<config::NumberedTasks>::default(),
                task_class: "org.apache.kafka.connect.tools.VerifiableSinkTask",
                task: || Box::<verifiable::VerifiableSinkTask>::default(),
            },
        ),
        plugin(
            "org.apache.kafka.connect.tools.VerifiableSourceConnector",
            PluginKind::Source {
                connector: || Box::<config::NumberedTasks>::default(),
                task_class: "org.apache.kafka.connect.tools.VerifiableSourceTask",
                task: || Box::<verifiable::VerifiableSourceTask>::default(),
            },
        ),
    ]
}

/// As with Kafka's classes, validation knows no keys.
fn no_keys() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(ConfigDef::new);
    &DEF
}
