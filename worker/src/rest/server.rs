//! The listening server: bound before the herder starts, answering 404 until its resources are attached.

use super::dispatch::{App, Resources, handle};
use super::forward::Forwarder;
use super::internal::Signatures;
use crate::config::WorkerConfig;
use crate::config::listeners::{Listener, parse};
use crate::config::worker::{ConnectProtocol, RestSettings};
use crate::herder::Herder;
use crate::storage::ConfigStore;
use crate::validation::Validator;
use axum::Router;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use turnbuckle_api::{Error, Result};

/// How long open requests may take at the end.
const GRACEFUL_STOP: Duration = Duration::from_secs(60);

/// The REST server of a worker.
pub struct RestServer {
    app: Arc<App>,
    signatures: Signatures,
    advertised_url: String,
    worker_id: String,
    addresses: Vec<SocketAddr>,
    stopping: CancellationToken,
    serving: Vec<JoinHandle<()>>,
}

impl RestServer {
    /// Binds the listeners and answers 404 to everything.
    ///
    /// # Errors
    /// `ConfigException` for settings that can't be honoured, naming the key; `ConnectException` if an address is taken.
    pub async fn bind(config: &WorkerConfig) -> Result<Self> {
        let settings = &config.rest;
        refuse_unsupported(settings)?;
        let listeners: Vec<Listener> = settings
            .listeners
            .iter()
            .map(|text| parse(text))
            .collect::<Result<_>>()?;
        let mut bound = Vec::new();
        for listener in &listeners {
            bound.push((listener, listen(listener).await?));
        }
        let addresses: Vec<SocketAddr> = bound
            .iter()
            .map(|(_, socket)| socket.local_addr().map_err(Error::from))
            .collect::<Result<_>>()?;
        let (host, port) = match (bound.first(), addresses.first()) {
            (Some((listener, _)), Some(address)) => (advertised_host(settings, listener).await, address.port()),
            _ => {
                return Err(Error::config(
                    "listeners: at least one URL is needed, for example http://:8083",
                ));
            }
        };
        let port = match settings.advertised_port {
            Some(port) => port,
            None => i32::from(port),
        };
        let host = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host
        };
        let worker_id = format!("{host}:{port}");

        let app = Arc::new(App::default());
        let stopping = CancellationToken::new();
        let serving = bound
            .into_iter()
            .map(|(_, socket)| tokio::spawn(serve(socket, app.clone(), stopping.clone())))
            .collect();
        Ok(RestServer {
            app,
            signatures: signatures(config),
            advertised_url: format!("http://{worker_id}/"),
            worker_id,
            addresses,
            stopping,
            serving,
        })
    }

    /// URL by which other workers reach this one, with a slash at the end.
    pub fn advertised_url(&self) -> &str {
        &self.advertised_url
    }

    /// Host and port of [`RestServer::advertised_url`].
    pub fn worker_id(&self) -> &str {
        &self.worker_id
    }

    /// Bound addresses, in the order of `listeners`.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes session keys for signatures of other workers' requests from this store. To be called before
    /// [`RestServer::attach`]; without it such requests are refused.
    pub fn verify_with(&mut self, store: Arc<dyn ConfigStore>) {
        if let Signatures::Signed { keys, .. } = &mut self.signatures {
            *keys = Some(store);
        }
    }

    /// Starts to answer.
    pub fn attach(&self, herder: Arc<dyn Herder>, validator: Arc<Validator>) {
        let resources = Resources {
            herder,
            validator,
            signatures: self.signatures.clone(),
            forwarder: Forwarder::default(),
        };
        if self.app.resources.set(resources).is_err() {
            tracing::error!("REST resources were attached twice; the first remain");
        }
    }

    /// Closes the listeners and waits for open requests, at most a minute.
    pub async fn stop(self) {
        self.stopping.cancel();
        let aborts: Vec<_> = self.serving.iter().map(JoinHandle::abort_handle).collect();
        let all = futures::future::join_all(self.serving);
        if tokio::time::timeout(GRACEFUL_STOP, all).await.is_err() {
            tracing::warn!("open REST requests are cut off");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

async fn serve(socket: TcpListener, app: Arc<App>, stopping: CancellationToken) {
    let served = axum::serve(socket, router(app))
        .with_graceful_shutdown(stopping.cancelled_owned())
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "the REST server ended");
    }
}

/// All requests go one way.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new().fallback(move |request| handle(app.clone(), request))
}

async fn listen(listener: &Listener) -> Result<TcpListener> {
    if listener.tls {
        return Err(Error::invalid_config(
            "listeners",
            format!("https://{}:{}", listener.host, listener.port),
            "This worker serves http only; put a TLS proxy in front of it and list an http address",
        ));
    }
    let host = if listener.host.is_empty() {
        "0.0.0.0"
    } else {
        listener.host.as_str()
    };
    TcpListener::bind((host, listener.port)).await.map_err(|error| {
        Error::connect("Unable to initialize REST server")
            .with_context("listener", format!("http://{host}:{}", listener.port))
            .with_cause(error)
    })
}

/// Settings whose neglect would be worse than a worker that does not start, and those that are only said to be neglected.
fn refuse_unsupported(settings: &RestSettings) -> Result<()> {
    if let Some(class) = settings.extension_classes.iter().find(|class| !class.is_empty()) {
        return Err(Error::invalid_config(
            "rest.extension.classes",
            class,
            "This worker has no REST extensions yet; remove the setting, and protect the port by other means",
        ));
    }
    if settings
        .advertised_listener
        .as_deref()
        .is_some_and(|listener| !listener.eq_ignore_ascii_case("http"))
    {
        let listener = settings.advertised_listener.as_deref().unwrap_or_default();
        return Err(Error::invalid_config(
            "rest.advertised.listener",
            listener,
            "This worker serves http only",
        ));
    }
    for (key, value) in [
        ("access.control.allow.origin", &settings.allow_origin),
        ("response.http.headers.config", &settings.response_headers),
    ] {
        if !value.trim().is_empty() {
            tracing::warn!("{key} has no effect on this worker yet");
        }
    }
    if settings.admin_listeners.is_some() {
        tracing::warn!("admin.listeners has no effect on this worker yet: it has no admin resources");
    }
    Ok(())
}

async fn advertised_host(settings: &RestSettings, listener: &Listener) -> String {
    if let Some(host) = settings.advertised_host_name.as_ref().filter(|host| !host.is_empty()) {
        return host.clone();
    }
    if !listener.host.is_empty() {
        return listener.host.clone();
    }
    machine_address().await.unwrap_or_else(|| "localhost".to_string())
}

/// Address of this machine's own name, which is what the JVM worker advertises.
async fn machine_address() -> Option<String> {
    let name = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await.ok()?;
    let mut addresses = tokio::net::lookup_host((name.trim(), 0)).await.ok()?;
    addresses
        .find(SocketAddr::is_ipv4)
        .map(|address| address.ip().to_string())
}

fn signatures(config: &WorkerConfig) -> Signatures {
    match config.distributed() {
        Some(settings) if settings.connect_protocol == ConnectProtocol::Sessioned => Signatures::Signed {
            algorithms: settings.inter_worker_verification_algorithms.clone(),
            keys: None,
        },
        _ => Signatures::Unsigned,
    }
}

/// The server without sockets, for tests.
#[cfg(test)]
pub(super) fn attached(herder: Arc<dyn Herder>, validator: Arc<Validator>, signatures: Signatures) -> Router {
    let resources = Resources {
        herder,
        validator,
        signatures,
        forwarder: Forwarder::default(),
    };
    router(Arc::new(App {
        resources: resources.into(),
    }))
}
