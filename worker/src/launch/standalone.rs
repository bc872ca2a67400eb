//! A standalone worker: configurations in memory, source offsets in a file, connectors from the command line.

use super::clients;
use super::connector_file::{self, ConnectorFile};
use super::distributed::{RUNTIME_EVENTS, herder_settings};
use super::{Failure, shutdown_on_signal, unsupported};
use crate::config::WorkerConfig;
use crate::herder::{self, Herder, HerderError, HerderHandle, HerderParts, ValidateConfig};
use crate::kafka::admin::TopicAdmin;
use crate::plugins::Plugins;
use crate::rest::RestServer;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::storage::memory::MemoryStatusStore;
use crate::storage::{FileOffsetStore, MemoryConfigStore, OffsetStore};
use crate::validation::Validator;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use turnbuckle_api::Error;

/// Connector files of the command line.
#[derive(Clone, Debug, Default)]
pub struct StandaloneFiles(pub Vec<PathBuf>);

/// Runs a standalone worker with its offsets file until a signal.
pub async fn standalone(config: WorkerConfig, files: StandaloneFiles) -> Result<(), Failure> {
    run_standalone(config, files, None).await
}

/// As [`standalone`], with another offset store if one is given.
pub async fn run_standalone(
    config: WorkerConfig,
    files: StandaloneFiles,
    offsets: Option<Arc<dyn OffsetStore>>,
) -> Result<(), Failure> {
    let config = Arc::new(config);
    let settings = config
        .standalone()
        .ok_or_else(|| Error::config("not a standalone worker's properties"))?;
    let connectors: Vec<ConnectorFile> = files
        .0
        .iter()
        .map(|file| connector_file::read(file))
        .collect::<Result<_, Error>>()
        .map_err(unreadable)?;
    let offsets = match offsets {
        Some(given) => given,
        None => Arc::new(FileOffsetStore::open(Path::new(&settings.offset_storage_file))?),
    };
    unsupported::check(&config)?;
    let shutdown = shutdown_on_signal()?;
    let rest = RestServer::bind(&config).await?;
    let worker_id = rest.worker_id().to_string();
    tracing::info!(
        "Kafka Connect worker initializing; Kafka version: {}",
        turnbuckle_api::KAFKA_VERSION
    );
    let admin = TopicAdmin::new(&clients::admin(&config)?)?;
    let cluster_id = tokio::select! {
        id = admin.cluster_id(clients::broker_timeout(&config)?) => id?,
        () = shutdown.cancelled() => return Ok(()),
    };
    tracing::info!("Kafka cluster ID: {cluster_id}");

    let plugins = Arc::new(Plugins::builtin());
    let statuses = Arc::new(MemoryStatusStore::new());
    let (events, runtime_events) = mpsc::channel(RUNTIME_EVENTS);
    let runtime = Runtime::new(
        RuntimeConfig {
            worker_id: worker_id.clone(),
            worker: config.clone(),
        },
        plugins.clone(),
        statuses.clone(),
        offsets,
        events,
    );
    let parts = HerderParts {
        settings: herder_settings(&config, &worker_id, cluster_id),
        plugins: plugins.clone(),
        store: Arc::new(MemoryConfigStore::default()),
        statuses,
        runtime,
        runtime_events,
        group: None,
    };
    let validator = Arc::new(Validator::new(plugins, &config));
    let (handle, herder) = herder::start(parts, shutdown.clone());
    rest.attach(Arc::new(handle.clone()), validator.clone());
    tracing::info!("Kafka Connect started; REST API on {}", rest.advertised_url());
    let created = create_all(&handle, validator.as_ref(), connectors, &shutdown).await;
    if created.is_ok() {
        tracing::info!("ready: curl {}connectors", rest.advertised_url());
    } else {
        shutdown.cancel();
    }
    let ended = herder
        .await
        .unwrap_or_else(|error| Err(Error::connect(format!("The herder broke off: {error}"))));
    rest.stop().await;
    tracing::info!("Kafka Connect stopped");
    created.and(ended.map_err(|error| Failure { code: 1, error }))
}

fn unreadable(error: Error) -> Failure {
    Failure { code: 3, error }
}

/// Creates the connectors of the command line one after the other. A wrong configuration ends the worker; a connector that
/// does not start is FAILED and can be looked at, as when it is created over REST.
async fn create_all(
    herder: &HerderHandle,
    validator: &dyn ValidateConfig,
    connectors: Vec<ConnectorFile>,
    shutdown: &CancellationToken,
) -> Result<(), Failure> {
    for connector in connectors {
        let ConnectorFile {
            name,
            config,
            initial_state,
        } = connector;
        let create = async {
            validator.validate(&config).await?;
            herder.put_connector_config(&name, config, initial_state, false).await
        };
        let created = tokio::select! {
            created = create => created,
            () = shutdown.cancelled() => return Ok(()),
        };
        match created {
            Ok(created) => tracing::info!("Created connector {}", created.value.name),
            Err(HerderError::Failed(error)) => {
                tracing::error!(
                    connector = name,
                    "Failed to start connector: {}",
                    error.trace().trim_end()
                );
            }
            Err(error) => {
                return Err(unreadable(Error::connect(format!(
                    "Failed to create connector {name}: {error}"
                ))));
            }
        }
    }
    Ok(())
}
