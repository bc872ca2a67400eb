//! Redis sinks: one writer behind the class names of two common connectors.
//!
//! * `com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector` ([`config::cache`]): text and bytes as SET, MSET and
//!   DEL, in database 1 if nothing else is said.
//! * `com.redis.kafka.connect.RedisSinkConnector` ([`config::structures`]): a data structure per connector, streams if
//!   nothing else is said.
//!
//! Both know each other's structures, and more. Way of a batch: [`task`] → [`mapping`] turns records into commands →
//! [`writer`] sends them as pipelines over a [`connection`] (one server, a sentinel's master, or the nodes of a cluster) and
//! sorts out the replies: tried again, reported, or the end of the task → [`offsets`] are stored beside the data.

mod commands;
mod config;
mod connection;
mod connector;
mod error;
mod mapping;
mod offsets;
mod task;
mod writer;

use config::{cache, structures};
use connector::RedisSinkConnector;
use task::RedisSinkTask;
use turnbuckle_api::config::Config;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The connectors of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin {
            class: "com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector",
            version: Some("0.0.4"),
            config_def: cache::CacheConfig::config_def,
            kind: PluginKind::Sink {
                connector: || {
                    Box::new(RedisSinkConnector::new(
                        cache::CacheConfig::config_def(),
                        cache::problems,
                    ))
                },
                task_class: "com.github.jcustenborder.kafka.connect.redis.RedisSinkTask",
                task: || Box::new(RedisSinkTask::new(cache::settings)),
            },
        },
        Plugin {
            class: "com.redis.kafka.connect.RedisSinkConnector",
            version: Some("1.1.0"),
            config_def: structures::StructuresConfig::config_def,
            kind: PluginKind::Sink {
                connector: || {
                    let def = structures::StructuresConfig::config_def();
                    Box::new(RedisSinkConnector::new(def, structures::problems))
                },
                task_class: "com.redis.kafka.connect.sink.RedisSinkTask",
                task: || Box::new(RedisSinkTask::new(structures::settings)),
            },
        },
    ]
}
