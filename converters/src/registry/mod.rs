//! Schema registry client (Confluent's REST API).
//!
//! One [`RegistryClient`] serves all converters of the process that have the same registry settings. Its caches answer
//! without waiting; what they lack is fetched by an async call that a converter hands to the pipeline as
//! [`turnbuckle_api::converter::Step::Fetch`]. Failures are never cached.
//!
//! Requests are made by the crate `schema_registry_converter` as far as it goes: registering, looking up an exact schema,
//! the latest version, a version, a schema by id. Beside it stand requests of our own on the same HTTP client, because it
//! * can't ask for normalisation (`?normalize=true`), nor look an id up within a subject (`?subject=`), which registries
//!   with contexts need;
//! * encodes only slashes of a subject, not blanks, percent signs or question marks.
//!
//! Each address is given to it alone, because it tries the next address after any failure, a refusal of the schema
//! included; here the next one is only tried if an instance can't answer. The HTTP status of a failure is only in its text,
//! and of the server's failures it calls only 502 and 503 retriable, so failures are read again in `calls`. TLS (own
//! trust and key stores) is set up here and given to it as a ready HTTP client.

mod calls;
mod client;
mod config;
mod error;
mod exchange;
mod tls;
mod written;

pub use calls::{ReferencedSchema, RegisteredSchema, SchemaReference, SchemaText};
pub use client::RegistryClient;
pub use config::{RECORD_NAME_STRATEGY, RegistryConfig, TOPIC_NAME_STRATEGY, TOPIC_RECORD_NAME_STRATEGY};
pub use error::RegistryError;
pub(crate) use exchange::{
    Failures, HEADER, MAGIC, Target, Wording, latest_of, schema_id, schema_of, target, version_of,
};
pub(crate) use written::WrittenSchemas;
