//! The worker: everything behind the `turnbuckle` command.
//!
//! REST handlers ask the [`herder`]; the herder owns what should run and tells the [`runtime`] to start and stop it; the
//! runtime carries records between plugins and [`kafka`]; [`storage`] keeps configurations, offsets and statuses; the
//! [`group`] elects a leader and spreads the work.

pub mod cli;
pub mod config;
pub mod dev;
pub mod group;
pub mod herder;
pub mod kafka;
pub mod launch;
pub mod logging;
pub mod plugins;
pub mod rest;
pub mod runtime;
pub mod storage;
pub mod validation;
