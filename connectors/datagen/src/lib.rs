//! `io.confluent.kafka.connect.datagen.DatagenConnector`: a source of generated records.
//!
//! A schema, by name of a quickstart ([`quickstart`]), as text or from a file ([`config`]), is compiled once into a plan
//! ([`plan`]) of what to draw for each field; the [`task`] runs the plan. [`regex`] draws texts that match an expression,
//! [`iteration`] counts, and [`java_random`] is the random source, whose state is the source offset.

mod config;
mod connector;
mod iteration;
mod java_random;
mod plan;
mod quickstart;
mod regex;
mod task;

pub use connector::DatagenConnector;
pub use task::DatagenTask;

use turnbuckle_api::Config;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![Plugin {
        class: "io.confluent.kafka.connect.datagen.DatagenConnector",
        version: Some("0.7.1"),
        config_def: config::DatagenConfig::config_def,
        kind: PluginKind::Source {
            connector: || Box::<DatagenConnector>::default(),
            task_class: "io.confluent.kafka.connect.datagen.DatagenTask",
            task: || Box::<DatagenTask>::default(),
        },
    }]
}
