//! Harness of the end-to-end tests: real servers, real workers, and what a test needs to talk to both.
//!
//! A test asks [`services::shared`] for the servers that all tests use together, or starts a [`private::Private`] set
//! that it may kill. It puts data in ([`kafka::Kafka`], [`registry::Registry`], [`db::Database`]), runs a
//! [`worker::Worker`] (this project's binary, or the JVM worker it is compared with), drives it through
//! [`rest::Rest`] with configurations made local by [`localize`], and reads the result at the other end.
//!
//! Failures are panics with a sentence that says what was expected and what was seen: this is code for tests.
//! Names of topics, groups and databases come from [`unique`], because all tests share one set of servers.

pub mod avro;
pub mod cluster;
pub mod db;
pub mod golden;
pub mod kafka;
pub mod localize;
pub mod mqtt;
pub mod private;
pub mod process;
pub mod redis;
pub mod registry;
pub mod rest;
pub mod search;
pub mod services;
pub mod steps;
pub mod vehicles;
pub mod wait;
pub mod worker;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;

pub use wait::{wait_for, wait_until};

/// A number that differs between calls and processes; nothing more is asked of it.
fn arbitrary() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// `prefix-` and a random word: a name that no other test uses, in letters that topics and databases allow.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}-{:012x}", arbitrary() & 0xffff_ffff_ffff)
}

/// A TCP port free on loopback now. It lies below the range for outgoing connections, so it stays free while a
/// server that had it is down.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u64 = 8_000;
    for _ in 0..1000 {
        let offset = u16::try_from(arbitrary() % COUNT).unwrap_or_default();
        let port = FIRST + offset;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", u64::from(FIRST) + COUNT);
}
