//! Puts a worker together from its properties and runs it until a signal ends it.
//!
//! Order, as in Connect: REST listens first and answers 404; the broker is asked who it is; the stores read their topics; the
//! herder starts; then REST serves. A signal goes the same way back: the herder stops work and leaves the group, then REST
//! ends.

mod clients;
pub mod connector_file;
mod distributed;
mod standalone;
mod unsupported;

pub use distributed::distributed;
pub use standalone::{StandaloneFiles, run_standalone, standalone};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use turnbuckle_api::Error;

/// Why a command ended without success, and the exit code for it.
#[derive(Debug)]
pub struct Failure {
    pub code: u8,
    pub error: Error,
}

/// Startup failed.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { code: 2, error }
    }
}

/// Cancelled by SIGTERM, SIGINT or SIGHUP.
pub(crate) fn shutdown_on_signal() -> Result<CancellationToken, Failure> {
    let token = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let mut signals = signal(kind).map_err(Error::from)?;
        let token = token.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                tracing::info!("Kafka Connect worker stopping: signal received");
                token.cancel();
            }
        });
    }
    Ok(token)
}
