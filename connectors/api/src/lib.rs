//! What a plugin author sees, and nothing else.
//!
//! * [`data`]: Connect's data model: schemas, positional structs, logical types, schemaless values.
//! * [`record`]: the one record type that moves through both ways of data.
//! * [`config`]: configuration definitions; `#[derive(Config)]` makes one from a struct.
//! * [`source`], [`sink`], [`transform`], [`converter`]: the traits a plugin implements.
//! * [`plugin`]: the descriptor by which the worker lists and creates a plugin.
//! * [`java_regex`]: regular expressions as Java reads them.
//! * [`error`]: one error struct; its kind names the exception class that a JVM worker would show.
//! * [`testkit`]: contexts and builders for tests of plugins.

pub mod config;
pub mod converter;
pub mod data;
pub mod error;
pub mod java_regex;
pub mod plugin;
pub mod record;
pub mod sink;
pub mod source;
pub mod testkit;
pub mod transform;

pub use config::{Config, ConfigDef, Password, Props};
pub use data::{Decimal, Field, Schema, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Text, Type, Value};
pub use error::{Error, ErrorKind, Result};
pub use record::{Header, Headers, OffsetMap, Origin, Record, TopicPartition};

/// The Kafka release whose behaviour and plugin versions are matched.
pub const KAFKA_VERSION: &str = "4.1.1";

// The derive writes `::turnbuckle_api::…`, in this crate's own tests as well.
extern crate self as turnbuckle_api;
