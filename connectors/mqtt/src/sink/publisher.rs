//! Drives the link of a sink task: connects, and dials again when the connection breaks.

use crate::error::{LinkErrorKind, given_up, not_connected};
use crate::link::{Backoff, Event, Link};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use turnbuckle_api::{Error, Result};

/// How the connection is.
#[derive(Clone, Debug, Default)]
pub(super) enum Connection {
    /// Not tried yet.
    #[default]
    Unknown,
    /// There is one; the largest packet that the broker takes, if it says so.
    Up(Option<u32>),
    /// There is none at the moment.
    Down,
    /// There won't be any.
    Failed(Error),
}

/// Runs until the task says good-bye or the connection can't be kept.
pub(super) async fn run(link: Link, servers: String, retry_time: Duration, state: watch::Sender<Connection>) {
    let end = drive(link, &servers, retry_time, &state).await;
    let error = end
        .err()
        .unwrap_or_else(|| Error::connect("The connection to the MQTT broker is closed"));
    state.send_replace(Connection::Failed(error));
}

async fn drive(mut link: Link, servers: &str, retry_time: Duration, state: &watch::Sender<Connection>) -> Result<()> {
    let mut backoff = Backoff::new(retry_time);
    loop {
        let error = match link.poll().await {
            Ok(Event::Connected { max_packet, .. }) => {
                backoff.connected(Instant::now());
                tracing::info!(servers, "connected to the MQTT broker");
                state.send_replace(Connection::Up(max_packet));
                continue;
            }
            Ok(_) => continue,
            Err(error) => error,
        };
        if error.kind == LinkErrorKind::Closed {
            return Ok(());
        }
        if error.is_final() {
            return Err(not_connected(servers, &error));
        }
        let Some(pause) = backoff.failed(Instant::now()) else {
            return Err(given_up(servers, retry_time.as_millis(), &error));
        };
        tracing::warn!(
            "no connection to the MQTT broker, trying again in {pause:?}: {}",
            error.text
        );
        state.send_replace(Connection::Down);
        tokio::time::sleep(pause).await;
    }
}
