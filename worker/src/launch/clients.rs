//! The worker's own clients, from its properties.

use crate::config::WorkerConfig;
use crate::config::client::{ClientKind, layers, to_connection, to_librdkafka};
use crate::config::worker::{ExactlyOnceSupport, millis};
use crate::kafka::wire::WireConfig;
use rdkafka::ClientConfig;
use std::time::Duration;
use turnbuckle_api::{Error, Props, Result};

/// How long the start waits for a broker: `default.api.timeout.ms`, as the JVM worker's admin client.
///
/// # Errors
/// If that is no number of milliseconds.
pub(super) fn broker_timeout(worker: &WorkerConfig) -> Result<Duration> {
    const KEY: &str = "default.api.timeout.ms";
    let Some(text) = worker.props.get(KEY) else {
        return Ok(Duration::from_secs(60));
    };
    let parsed = text.trim().parse::<u32>().map(millis);
    parsed.map_err(|_| Error::invalid_config(KEY, text, "Not a number of type INT"))
}

/// Admin client of the worker.
pub(super) fn admin(worker: &WorkerConfig) -> Result<ClientConfig> {
    let client_id = format!("{}shared-admin", worker.client_id_base());
    to_librdkafka(
        ClientKind::Admin,
        &layers::internal_admin(worker, &client_id, &Props::new()),
    )
}

/// Consumer and producer of an internal topic; `kind` is `configs`, `offsets` or `statuses`.
pub(super) fn internal(worker: &WorkerConfig, kind: &str) -> Result<(ClientConfig, ClientConfig)> {
    let client_id = format!("{}{kind}", worker.client_id_base());
    let context = Props::new();
    let consumer = to_librdkafka(
        ClientKind::Consumer,
        &layers::internal_consumer(worker, &client_id, &context),
    )?;
    let producer = to_librdkafka(
        ClientKind::Producer,
        &layers::internal_producer(worker, &client_id, &context),
    )?;
    Ok((consumer, producer))
}

/// Transactional producer of the config topic, for the leader of a group with exactly-once support.
pub(super) fn config_leader(worker: &WorkerConfig) -> Result<Option<ClientConfig>> {
    let Some(settings) = worker.distributed() else {
        return Ok(None);
    };
    if settings.exactly_once_source_support == ExactlyOnceSupport::Disabled {
        return Ok(None);
    }
    let client_id = format!("{}configs-leader", worker.client_id_base());
    let mut props = layers::internal_producer(worker, &client_id, &Props::new());
    props.insert("transactional.id", format!("connect-cluster-{}", settings.group_id));
    props.insert("enable.idempotence", "true");
    props.insert("max.in.flight.requests.per.connection", "5");
    to_librdkafka(ClientKind::Producer, &props).map(Some)
}

/// The connection of the group's membership.
///
/// # Errors
/// If the settings can't be honoured.
pub(super) fn wire(worker: &WorkerConfig, worker_id: &str) -> Result<WireConfig> {
    let settings = worker
        .distributed()
        .ok_or_else(|| Error::config("a standalone worker has no group"))?;
    let client_id = match settings.client_id.as_str() {
        "" => format!("connect-{worker_id}"),
        given => given.to_string(),
    };
    let mut props = worker.props.clone();
    props.insert("bootstrap.servers", worker.common.bootstrap_servers.join(","));
    props.insert("client.id", client_id);
    // Java's workers wait longer for an answer than its other clients.
    props.insert("request.timeout.ms", settings.request_timeout_ms.to_string());
    to_connection(&props)
}
