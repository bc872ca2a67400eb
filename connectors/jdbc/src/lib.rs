//! JDBC source and sink for PostgreSQL, MySQL/MariaDB and SQLite, under the class names and keys of the Confluent connector.
//!
//! * [`url`]: JDBC URLs; [`connection`]: what their parameters mean, connecting, errors in the drivers' words.
//! * `keys`: what keys of source and sink have in common.
//! * [`dialect`]: quoting, table names, catalog queries.
//! * [`source`]: rows → records. Each table is read by queries built from its mode; a background reader turns rows into
//!   batches by a column plan made once per query, `poll` hands them on.
//! * [`sink`]: records → rows.

pub mod connection;
pub mod dialect;
mod keys;
pub mod sink;
pub mod source;
pub mod url;

pub use keys::CalendarSystem;

use turnbuckle_api::plugin::Plugin;

/// The release whose behaviour is matched.
pub const VERSION: &str = "10.7.6";

/// The plugins of this crate.
pub fn plugins() -> Vec<Plugin> {
    vec![source::plugin(), sink::plugin()]
}
