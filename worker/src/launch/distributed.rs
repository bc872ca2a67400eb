//! A distributed worker.

use super::clients;
use super::{Failure, shutdown_on_signal, unsupported};
use crate::config::WorkerConfig;
use crate::config::worker::{ConnectProtocol, DistributedSettings, millis};
use crate::group::{self, GroupConfig};
use crate::herder::{self, HerderParts, HerderSettings};
use crate::kafka::admin::TopicAdmin;
use crate::kafka::log::LogSettings;
use crate::plugins::Plugins;
use crate::rest::RestServer;
use crate::runtime::{Runtime, RuntimeConfig};
use crate::storage::topics::InternalTopic;
use crate::storage::{KafkaConfigStore, KafkaOffsetStore, KafkaStatusStore};
use crate::validation::Validator;
use std::sync::Arc;
use tokio::sync::mpsc;
use turnbuckle_api::{Error, Props};

/// Wishes of connectors waiting for the herder.
pub(super) const RUNTIME_EVENTS: usize = 64;

/// Runs a distributed worker until a signal.
pub async fn distributed(config: WorkerConfig) -> Result<(), Failure> {
    let config = Arc::new(config);
    let settings = config
        .distributed()
        .ok_or_else(|| Error::config("not a distributed worker's properties"))?;
    unsupported::check(&config)?;
    let shutdown = shutdown_on_signal()?;
    let mut rest = RestServer::bind(&config).await?;
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
    let stores = tokio::select! {
        stores = start_stores(&config, settings, &admin) => stores?,
        () = shutdown.cancelled() => return Ok(()),
    };

    let plugins = Arc::new(Plugins::builtin());
    let (events, runtime_events) = mpsc::channel(RUNTIME_EVENTS);
    let runtime = Runtime::new(
        RuntimeConfig {
            worker_id: worker_id.clone(),
            worker: config.clone(),
        },
        plugins.clone(),
        stores.statuses.clone(),
        stores.offsets.clone(),
        events,
    );
    let wire = clients::wire(&config, &worker_id)?;
    let group = group::start(group_config(settings, rest.advertised_url()), wire)
        .map_err(|error| Error::connect(format!("The worker can't join its group: {error}")))?;
    let parts = HerderParts {
        settings: herder_settings(&config, &worker_id, cluster_id),
        plugins: plugins.clone(),
        store: stores.configs.clone(),
        statuses: stores.statuses.clone(),
        runtime,
        runtime_events,
        group: Some(group),
    };
    rest.verify_with(stores.configs.clone());
    let (handle, herder) = herder::start(parts, shutdown.clone());
    rest.attach(Arc::new(handle), Arc::new(Validator::new(plugins, &config)));
    tracing::info!("Kafka Connect started; REST API on {}", rest.advertised_url());

    let ended = herder
        .await
        .unwrap_or_else(|error| Err(Error::connect(format!("The herder broke off: {error}"))));
    rest.stop().await;
    let closing = tokio::task::spawn_blocking(move || stores.stop());
    if closing.await.is_err() {
        tracing::error!("the stores did not close in order");
    }
    tracing::info!("Kafka Connect stopped");
    ended.map_err(|error| Failure { code: 1, error })
}

/// The three stores on their topics.
struct Stores {
    configs: Arc<KafkaConfigStore>,
    offsets: Arc<KafkaOffsetStore>,
    statuses: Arc<KafkaStatusStore>,
}

impl Stores {
    fn stop(&self) {
        use crate::storage::ConfigStore;
        self.configs.stop();
        self.offsets.stop();
        self.statuses.stop();
    }
}

async fn start_stores(
    config: &WorkerConfig,
    settings: &DistributedSettings,
    admin: &TopicAdmin,
) -> Result<Stores, Error> {
    let topics = internal_topics(config, settings);
    let [configs, offsets, statuses] = &topics;
    let (configs, offsets, statuses) = tokio::try_join!(
        async {
            let leader = clients::config_leader(config)?;
            KafkaConfigStore::start(log(config, admin, configs, "configs").await?, leader).await
        },
        async { KafkaOffsetStore::start(log(config, admin, offsets, "offsets").await?).await },
        async { KafkaStatusStore::start(log(config, admin, statuses, "statuses").await?).await },
    )?;
    Ok(Stores {
        configs: Arc::new(configs),
        offsets: Arc::new(offsets),
        statuses: Arc::new(statuses),
    })
}

async fn log(
    config: &WorkerConfig,
    admin: &TopicAdmin,
    topic: &InternalTopic,
    kind: &str,
) -> Result<LogSettings, Error> {
    let partitions = topic.ensure(admin).await?;
    let (consumer, producer) = clients::internal(config, kind)?;
    Ok(LogSettings {
        topic: topic.name.clone(),
        partitions,
        consumer,
        producer,
    })
}

fn internal_topics(config: &WorkerConfig, settings: &DistributedSettings) -> [InternalTopic; 3] {
    [
        InternalTopic {
            name: settings.config_storage_topic.clone(),
            key: "config.storage.topic",
            purpose: "connector configurations",
            partitions: 1,
            replication: i32::from(settings.config_storage_replication_factor),
            settings: topic_settings(config, "config.storage."),
            single_partition: true,
        },
        InternalTopic {
            name: settings.offset_storage_topic.clone(),
            key: "offset.storage.topic",
            purpose: "source connector offsets",
            partitions: settings.offset_storage_partitions,
            replication: i32::from(settings.offset_storage_replication_factor),
            settings: topic_settings(config, "offset.storage."),
            single_partition: false,
        },
        InternalTopic {
            name: settings.status_storage_topic.clone(),
            key: "status.storage.topic",
            purpose: "connector and task statuses",
            partitions: settings.status_storage_partitions,
            replication: i32::from(settings.status_storage_replication_factor),
            settings: topic_settings(config, "status.storage."),
            single_partition: false,
        },
    ]
}

/// Settings of a topic at its creation; not those that only the worker reads.
fn topic_settings(config: &WorkerConfig, prefix: &str) -> Props {
    let mut settings = config.props.with_prefix(prefix);
    for own in ["topic", "partitions", "replication.factor"] {
        settings.remove(own);
    }
    settings
}

fn group_config(settings: &DistributedSettings, worker_url: &str) -> GroupConfig {
    GroupConfig {
        group_id: settings.group_id.clone(),
        worker_url: worker_url.to_string(),
        protocol: match settings.connect_protocol {
            ConnectProtocol::Eager => group::ConnectProtocol::Eager,
            ConnectProtocol::Compatible => group::ConnectProtocol::Compatible,
            ConnectProtocol::Sessioned => group::ConnectProtocol::Sessioned,
        },
        session_timeout: millis(settings.session_timeout_ms),
        rebalance_timeout: millis(settings.rebalance_timeout_ms),
        heartbeat_interval: millis(settings.heartbeat_interval_ms),
        retry_backoff: millis(settings.retry_backoff_ms),
        retry_backoff_max: millis(settings.retry_backoff_max_ms),
        scheduled_rebalance_max_delay: millis(settings.scheduled_rebalance_max_delay_ms),
    }
}

pub(super) fn herder_settings(config: &WorkerConfig, worker_id: &str, kafka_cluster_id: String) -> HerderSettings {
    let distributed = config.distributed();
    HerderSettings {
        worker_id: worker_id.to_string(),
        kafka_cluster_id,
        sync_timeout: millis(distributed.map_or(0, |settings| settings.worker_sync_timeout_ms)),
        session_key_ttl: millis(distributed.map_or(0, |settings| settings.inter_worker_key_ttl_ms)),
        topic_tracking: config.common.topic_tracking_enable,
        topic_reset: config.common.topic_tracking_allow_reset,
        exactly_once_sources: config.exactly_once_sources(),
        restarts: config.restarts.clone(),
    }
}
