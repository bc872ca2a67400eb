//! The worker's configuration.
//!
//! [`properties`] reads the worker's file and its `CONNECT_*` environment into plain text by key; [`worker`] makes typed
//! settings of it and keeps the text, because clients, converters and extensions take their own keys from it. [`client`]
//! turns Java client settings into those of librdkafka and of the worker's own connection. [`override_policy`] says which
//! of them a connector may change, [`restarts`] when what has failed starts again. [`providers`] put values in place of
//! placeholders (`${…}`).

pub mod client;
pub mod headers;
pub mod listeners;
pub mod override_policy;
pub mod properties;
pub mod providers;
pub mod restarts;
mod validators;
pub mod worker;

pub use override_policy::OverridePolicy;
pub use providers::Providers;
pub use restarts::{RestartPolicy, Restarts};
pub use worker::{Mode, WorkerConfig};
