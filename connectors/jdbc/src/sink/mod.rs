//! `io.confluent.connect.jdbc.JdbcSinkConnector`: records → rows.
//!
//! Way of a batch: [`task`] → [`writer`] gathers records per table and flushes them → [`rows`] writes a flush in bulk (COPY,
//! multi-row statements, prepared statements) or, when the database refuses, row by row → commit. What depends on schemas
//! only is worked out once: [`fields`] (columns and where their values are), [`structure`] with [`ddl`] (the table), and
//! [`plan`] with [`dml`] and [`copy`] (statements and encoders).

mod config;
mod connector;
mod copy;
mod ddl;
mod dedupe;
mod dml;
mod failure;
mod fields;
mod literal;
mod plan;
mod rows;
mod rules;
mod session;
mod sqlite;
mod structure;
mod task;
mod temporal;
#[cfg(test)]
mod tests;
mod writer;

pub use config::{DateZone, InsertMode, PkMode, SinkConfig};
pub use connector::JdbcSinkConnector;
pub use task::JdbcSinkTask;

use turnbuckle_api::Config;
use turnbuckle_api::plugin::{Plugin, PluginKind};

/// The sink's descriptor.
pub fn plugin() -> Plugin {
    Plugin {
        class: "io.confluent.connect.jdbc.JdbcSinkConnector",
        version: Some(crate::VERSION),
        config_def: SinkConfig::config_def,
        kind: PluginKind::Sink {
            connector: || Box::new(JdbcSinkConnector::default()),
            task_class: "io.confluent.connect.jdbc.sink.JdbcSinkTask",
            task: || Box::new(JdbcSinkTask::default()),
        },
    }
}
