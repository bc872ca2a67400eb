//! The source: rows → records.
//!
//! [`connector`] lists tables and splits them over tasks. A [`task`] starts a `reader` in the background: for each table in
//! turn it builds a statement (`query`), runs it (`postgres`, `mysql`, `sqlite`: columns → `plan` → values) and pushes rows
//! into `emit`, which gives them positions and hands batches to `poll`.

mod config;
mod connector;
mod emit;
mod mapping;
mod mysql;
mod offset;
mod plan;
mod postgres;
mod query;
mod reader;
mod sqlite;
mod tables;
mod task;
mod time;

#[cfg(test)]
mod tests;

pub use config::SourceConfig;
pub use connector::JdbcSourceConnector;
pub use task::JdbcSourceTask;

use tokio::task::JoinHandle;
use turnbuckle_api::Config as _;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The source's descriptor.
pub fn plugin() -> Plugin {
    Plugin {
        class: "io.confluent.connect.jdbc.JdbcSourceConnector",
        version: Some(crate::VERSION),
        config_def: SourceConfig::config_def,
        kind: PluginKind::Source {
            connector: || Box::new(JdbcSourceConnector::default()),
            task_class: "io.confluent.connect.jdbc.source.JdbcSourceTask",
            task: || Box::new(JdbcSourceTask::default()),
        },
    }
}

/// Ends a background task with its owner.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
