//! `GET /`, `GET /health` and `GET /turnbuckle/supervision`.

use super::answer::{Answer, Handled};
use super::dispatch::Call;
use serde::Serialize;
use std::time::Duration;
use turnbuckle_api::KAFKA_VERSION;

/// Time for the herder to show that it takes up work.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct ServerInfo<'a> {
    version: &'a str,
    commit: &'a str,
    kafka_cluster_id: &'a str,
}

#[derive(Serialize)]
struct WorkerStatus<'a> {
    status: &'a str,
    message: &'a str,
}

/// Version of Kafka that is matched, and the cluster.
pub(super) fn root(call: &Call<'_>) -> Handled {
    let commit = option_env!("TURNBUCKLE_COMMIT").unwrap_or("unknown");
    Answer::ok(&ServerInfo {
        version: KAFKA_VERSION,
        commit,
        kafka_cluster_id: call.herder().kafka_cluster_id(),
    })
}

/// KIP-1017: 200 if the herder answers, 503 while the worker starts, 500 if it hangs.
pub(super) async fn health(call: &Call<'_>) -> Handled {
    let answered = match tokio::time::timeout(HEALTH_TIMEOUT, call.herder().ping()).await {
        Ok(answer) => {
            answer?;
            true
        }
        Err(_) => false,
    };
    let (code, status, message) = match (answered, call.herder().is_ready()) {
        (true, _) => (
            200,
            "healthy",
            "Worker has completed startup and is ready to handle requests.",
        ),
        (false, false) => (503, "starting", "Worker is still starting up."),
        (false, true) => (
            500,
            "unhealthy",
            "Worker was unable to handle this request and may be unable to handle other requests.",
        ),
    };
    Answer::json(code, &WorkerStatus { status, message })
}

/// `GET /turnbuckle/supervision`: restarts of what has failed on this worker, and at the leader what waits for a worker to
/// return.
pub(super) async fn supervision(call: &Call<'_>) -> Handled {
    Answer::ok(&call.herder().supervision().await?)
}
