//! The runtime carries records: it starts, supervises and stops connector instances and tasks on this worker (Connect's
//! `Worker`).
//!
//! [`Runtime`] keeps what is assigned here, running or FAILED. A connector instance is an actor ([`connector`]); a task is one
//! supervised future, a [`source`] or a [`sink`], which share the [`pipeline`]. Nothing here knows why something starts or
//! stops: that is the herder's.

mod clients;
mod connector;
mod connector_offsets;
pub mod offsets;
mod pipeline;
mod sink;
mod sink_offsets;
mod source;
mod source_offsets;
mod start;
mod task;
mod task_configs;
mod topics;

#[cfg(test)]
mod tests;

pub use connector_offsets::OffsetsChange;
pub use sink_offsets::PartitionOffsets;
pub use source::TaskGate;
pub use start::StartTask;

use crate::config::WorkerConfig;
use crate::config::providers::{Providers, restore_placeholders};
use crate::config::worker::millis;
use crate::herder::supervision::Part;
use crate::herder::{ConnectorType, Parts, TargetState, TaskId};
use crate::kafka::client_log;
use crate::kafka::transactions;
use crate::plugins::Plugins;
use crate::storage::{OffsetStore, StatusStore};
use clients::Clients;
use connector::{ConnectorHandle, ConnectorParts, ConnectorStatusWriter, Instance};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use task::{Control, TaskHandle, TaskStatusWriter};
use tokio::sync::mpsc;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::{Error, ErrorKind, Props, Result};

/// Settings of the worker that the runtime needs.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// `host:port` of this worker, as statuses show it.
    pub worker_id: String,
    /// What the worker was told.
    pub worker: Arc<WorkerConfig>,
}

impl RuntimeConfig {
    fn offset_flush_interval(&self) -> Duration {
        millis(self.worker.common.offset_flush_interval_ms)
    }

    fn offset_flush_timeout(&self) -> Duration {
        millis(self.worker.common.offset_flush_timeout_ms)
    }

    fn task_shutdown_graceful_timeout(&self) -> Duration {
        millis(self.worker.common.task_shutdown_graceful_timeout_ms)
    }

    fn topic_creation_enable(&self) -> bool {
        self.worker.common.topic_creation_enable
    }
}

/// What the runtime tells the herder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// A connector asked for `task_configs` to be called again.
    TaskReconfiguration { connector: String },
}

/// Connectors and tasks of this worker.
pub struct Runtime {
    config: RuntimeConfig,
    clients: Clients,
    plugins: Arc<Plugins>,
    statuses: Arc<dyn StatusStore>,
    offsets: Arc<dyn OffsetStore>,
    events: mpsc::Sender<RuntimeEvent>,
    generation: Arc<AtomicI32>,
    connectors: Mutex<HashMap<String, ConnectorHandle>>,
    /// None for tasks that could not be started: they stay assigned, and FAILED.
    tasks: Mutex<HashMap<TaskId, Option<TaskHandle>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runtime {
    /// A runtime without connectors; `events` is sent to by connectors, never by records on their way.
    pub fn new(
        config: RuntimeConfig,
        plugins: Arc<Plugins>,
        statuses: Arc<dyn StatusStore>,
        offsets: Arc<dyn OffsetStore>,
        events: mpsc::Sender<RuntimeEvent>,
    ) -> Arc<Self> {
        Arc::new(Runtime {
            clients: Clients::new(config.worker.clone()),
            config,
            plugins,
            statuses,
            offsets,
            events,
            generation: Arc::new(AtomicI32::new(0)),
            connectors: Mutex::new(HashMap::new()),
            tasks: Mutex::new(HashMap::new()),
        })
    }

    /// Group generation that is stamped into statuses from now on.
    pub fn set_generation(&self, generation: i32) {
        self.generation.store(generation, Ordering::SeqCst);
    }

    /// A stored configuration with values in place of placeholders.
    fn resolve(&self, stored: &Props) -> Result<Props> {
        self.config.worker.providers.resolve(stored)
    }

    /// Kind of the connector that a configuration names.
    pub fn connector_kind(&self, config: &Props) -> ConnectorType {
        let class = config.get("connector.class").unwrap_or_default();
        match self.plugins.connector(class.trim()).map(|plugin| plugin.kind) {
            Ok(PluginKind::Source { .. }) => ConnectorType::Source,
            Ok(PluginKind::Sink { .. }) => ConnectorType::Sink,
            _ => ConnectorType::Unknown,
        }
    }

    /// Makes an instance and brings it to its target state; writes the status.
    ///
    /// # Errors
    /// What failed; the connector then is FAILED and stays in [`Runtime::running_connectors`] until it is stopped.
    pub async fn start_connector(&self, name: &str, config: Props, target: TargetState) -> Result<()> {
        if lock(&self.connectors).contains_key(name) {
            return Err(Error::connect(format!("Connector with name {name} already exists")));
        }
        let (handle, made) = self.make_connector(name, config);
        let remote = handle.remote();
        lock(&self.connectors).insert(name.to_string(), handle);
        made?;
        match remote {
            Some(remote) => remote.transition(target).await,
            None => Ok(()),
        }
    }

    /// `stored` is the configuration with its placeholders.
    fn make_connector(&self, name: &str, stored: Props) -> (ConnectorHandle, Result<()>) {
        let made = self.resolve(&stored).and_then(|config| {
            let class = config.get("connector.class").unwrap_or_default().trim();
            let plugin = self.plugins.connector(class)?;
            // Wrong settings fail here and not when they are needed.
            self.config.worker.restarts.of_connector(&config)?;
            refuse_unusable(&config)?;
            let instance = match plugin.kind {
                PluginKind::Source { connector, .. } => {
                    // Connect reads these keys when it makes the connector, not when it validates.
                    self.check_topic_creation(&config)?;
                    Instance::Source(connector())
                }
                PluginKind::Sink { connector, .. } => Instance::Sink(connector()),
                _ => return Err(Error::invalid_config("connector.class", class, "not a connector class")),
            };
            let version = plugin.version.map(str::to_string);
            Ok((instance, version, config))
        });
        let status = |version| {
            Arc::new(ConnectorStatusWriter {
                name: name.to_string(),
                worker_id: self.config.worker_id.clone(),
                version,
                generation: self.generation.clone(),
                store: self.statuses.clone(),
                cancelled: AtomicBool::new(false),
            })
        };
        match made {
            Ok((instance, version, config)) => {
                let parts = ConnectorParts {
                    instance,
                    config,
                    stored,
                    status: status(version),
                    offsets: self.offsets.clone(),
                    events: self.events.clone(),
                };
                (ConnectorHandle::spawn(parts), Ok(()))
            }
            Err(error) => {
                status(None).failed(&error);
                (ConnectorHandle::without_instance(stored), Err(error))
            }
        }
    }

    /// Stops instances, all at once; one that takes longer than five seconds is given up.
    pub async fn stop_connectors(&self, names: &[String]) {
        let stopped: Vec<ConnectorHandle> = {
            let mut connectors = lock(&self.connectors);
            names.iter().filter_map(|name| connectors.remove(name)).collect()
        };
        futures::future::join_all(stopped.into_iter().map(ConnectorHandle::shut_down)).await;
    }

    /// Task configurations of a connector, as they are stored.
    ///
    /// # Errors
    /// The connector is not here, failed, or made more tasks than it may; then it is FAILED.
    pub async fn task_configs(&self, name: &str) -> Result<Vec<Props>> {
        let found = lock(&self.connectors)
            .get(name)
            .map(|handle| (handle.remote(), handle.stored.clone()));
        let Some((Some(remote), stored)) = found else {
            return Err(Error::connect(format!("Connector {name} not found in this worker.")));
        };
        let config = self.resolve(&stored)?;
        let plugin = self
            .plugins
            .connector(config.get("connector.class").unwrap_or_default().trim())?;
        let limits = task_configs::Limits::from_props(&config)?;
        let made = remote.task_configs(limits.max).await?;
        if let Err(error) = limits.check(name, made.len()) {
            remote.fail(error.clone()).await;
            return Err(error);
        }
        let mut configs = task_configs::complete(plugin, &config, made);
        for config in &mut configs {
            restore_placeholders(&stored, config);
        }
        Ok(configs)
    }

    /// Brings a connector to another target state.
    ///
    /// # Errors
    /// The plugin's own, or that the connector has failed and must be restarted.
    pub async fn set_connector_target(&self, name: &str, target: TargetState) -> Result<()> {
        let found = lock(&self.connectors).get(name).map(ConnectorHandle::remote);
        match found {
            Some(Some(remote)) => remote.transition(target).await,
            Some(None) => Err(Error::connect(format!(
                "Cannot transition connector to {} since it has failed",
                target.name()
            ))),
            None => Err(Error::connect(format!("Connector {name} not found in this worker."))),
        }
    }

    /// True if the connector is here and FAILED.
    pub fn connector_failed(&self, name: &str) -> bool {
        lock(&self.connectors)
            .get(name)
            .is_some_and(ConnectorHandle::has_failed)
    }

    /// Starts a task; the task itself writes RUNNING or PAUSED when it gets there.
    ///
    /// False if it could not be made: it is FAILED then, with the reason as trace, and stays in [`Runtime::running_tasks`]
    /// until it is stopped.
    pub async fn start_task(&self, start: StartTask) -> bool {
        let id = start.id.clone();
        if lock(&self.tasks).contains_key(&id) {
            tracing::error!(task = %id, "Task already exists in this worker");
            return false;
        }
        let version = self.task_version(&start);
        let status = Arc::new(TaskStatusWriter {
            task: id.clone(),
            worker_id: self.config.worker_id.clone(),
            version,
            generation: self.generation.clone(),
            store: self.statuses.clone(),
            cancelled: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        });
        match self.make_task(start, &status).await {
            Ok(handle) => {
                lock(&self.tasks).insert(id, Some(handle));
                true
            }
            Err(error) => {
                tracing::error!(task = %id, "Failed to start task\n{}", error.trace());
                status.failed(&error);
                lock(&self.tasks).insert(id, None);
                false
            }
        }
    }

    /// Stops tasks, all at once; those that are not done within `task.shutdown.graceful.timeout.ms` are given up.
    pub async fn stop_tasks(&self, ids: &[TaskId]) {
        let mut stopped: Vec<(TaskId, TaskHandle)> = {
            let mut tasks = lock(&self.tasks);
            ids.iter()
                .filter_map(|id| Some((id.clone(), tasks.remove(id)??)))
                .collect()
        };
        for (_, handle) in &stopped {
            handle.set(Control::Stop);
        }
        let deadline = tokio::time::Instant::now() + self.config.task_shutdown_graceful_timeout();
        futures::future::join_all(stopped.iter_mut().map(|(id, handle)| async move {
            if tokio::time::timeout_at(deadline, handle.ended()).await.is_err() {
                if client_log::is_outage() {
                    tracing::warn!(task = %id, "task is given up: it can't finish while brokers are out of reach");
                } else {
                    tracing::error!(task = %id, "Graceful stop of task failed.");
                }
                handle.cancel();
            }
        }))
        .await;
    }

    /// Tells a task to run, pause or stop.
    pub async fn set_task_target(&self, id: &TaskId, target: TargetState) {
        if let Some(Some(handle)) = lock(&self.tasks).get(id) {
            handle.set(Control::from(target));
        }
    }

    /// Connectors assigned here, FAILED ones included.
    pub fn running_connectors(&self) -> Vec<String> {
        lock(&self.connectors).keys().cloned().collect()
    }

    /// Connectors and tasks assigned here, and those of them that are FAILED.
    pub fn parts(&self) -> Parts {
        let (mut here, mut failed) = (BTreeSet::new(), BTreeSet::new());
        for (name, handle) in lock(&self.connectors).iter() {
            let part = Part::Connector(name.clone());
            if handle.has_failed() {
                failed.insert(part.clone());
            }
            here.insert(part);
        }
        for (id, handle) in lock(&self.tasks).iter() {
            let part = Part::Task(id.clone());
            if handle.as_ref().is_none_or(TaskHandle::has_failed) {
                failed.insert(part.clone());
            }
            here.insert(part);
        }
        (here, failed)
    }

    /// Tasks assigned here, FAILED ones included.
    pub fn running_tasks(&self) -> Vec<TaskId> {
        lock(&self.tasks).keys().cloned().collect()
    }

    /// Makes sure that no producer of a connector's first `count` tasks can write any more (KIP-618).
    ///
    /// # Errors
    /// What the brokers say.
    pub async fn fence_producers(&self, connector: &str, config: &Props, count: u32) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let producers = self
            .clients
            .fencing_producers(connector, &self.resolve(config)?, count)?;
        transactions::fence(producers, transactions::COORDINATOR_TIMEOUT).await
    }

    /// Stops everything that is left.
    pub async fn shutdown(&self) {
        let (connectors, tasks) = (self.running_connectors(), self.running_tasks());
        tokio::join!(self.stop_tasks(&tasks), self.stop_connectors(&connectors));
    }
}

/// A configuration whose placeholders are resolved each time it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct ConfigResolver {
    stored: Props,
    providers: Arc<Providers>,
}

impl ConfigResolver {
    pub(crate) fn new(stored: Props, providers: Arc<Providers>) -> Self {
        ConfigResolver { stored, providers }
    }

    pub(crate) fn resolve(&self) -> Result<Props> {
        self.providers.resolve(&self.stored)
    }
}

/// Nulls, as in Connect, and settings whose neglect would lose positions.
fn refuse_unusable(config: &Props) -> Result<()> {
    if let Some((key, _)) = config.iter().find(|(_, value)| value.is_none()) {
        return Err(Error::config(format!(
            "Non-string value found in original settings for key {key}: null"
        )));
    }
    if let Some(topic) = config.get("offsets.storage.topic") {
        let detail = "offsets topics of single connectors are not available in this version; remove the key to use the \
                      worker's offsets topic";
        return Err(Error::invalid_config("offsets.storage.topic", topic, detail));
    }
    Ok(())
}

fn unknown_kind(class: &str) -> Error {
    Error::new(
        ErrorKind::Connect,
        format!("{class} is neither a source nor a sink task"),
    )
}
