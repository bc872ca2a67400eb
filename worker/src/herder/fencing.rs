//! Zombie fencing of exactly-once sources (KIP-618, `DistributedHerder.fenceZombieSourceTasks`).
//!
//! Before a task opens its transactional producer, the leader makes sure that no producer of an earlier set of the
//! connector's tasks can write any more, and notes in the config topic how many tasks may have opened one. A task asks for
//! it through its [`TaskGate`]: the own herder if that leads, the leader's REST otherwise. The leader fences aside; requests
//! for the same connector share one round.

use super::actor::{Actor, Internal};
use super::leader::ask_leader;
use super::request::{Reply, Request};
use super::{ConnectorType, HerderError, HerderHandle, HerderResult, TaskId};
use crate::group::MembershipHandle;
use crate::runtime::TaskGate;
use crate::storage::config_state::record;
use crate::storage::{ConfigState, ConfigStore};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use turnbuckle_api::{Error, Result};

/// A round of fencing that has ended, with what it was begun on.
pub(super) struct Fenced {
    pub(super) connector: String,
    pub(super) generation: Option<u64>,
    pub(super) task_count: u32,
    pub(super) result: Result<()>,
}

const NEW_CONFIGS: &str = "Failed to complete zombie fencing because a new set of task configs was generated";

impl Actor {
    /// Answers when no producer of former tasks can write any more.
    pub(super) async fn fence(&mut self, name: String, reply: Reply<()>) {
        match self.start_fencing(&name).await {
            Ok(true) => self.fencings.entry(name).or_default().push(reply),
            // A client that has gone away needs no answer.
            Ok(false) => drop(reply.send(Ok(()))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// True if a round is on its way, false if there is nothing to fence.
    async fn start_fencing(&mut self, name: &str) -> HerderResult<bool> {
        if self.is_standalone() {
            let text = "Kafka Connect in standalone mode does not support exactly-once source connectors.";
            return Err(HerderError::internal(text));
        }
        self.must_lead()?;
        self.store.read_to_end(self.settings.sync_timeout).await?;
        self.known_connector(name)?;
        if self.fencings.contains_key(name) {
            return Ok(true);
        }
        let config = self.state.connector_config(name).cloned().unwrap_or_default();
        if self.runtime.connector_kind(&config) != ConnectorType::Source {
            return Err(HerderError::bad_request(format!(
                "Connector {name} is not a source connector"
            )));
        }
        let fencing = self.state.fencing(name);
        let task_count = self.state.task_count(name);
        if !fencing.pending {
            tracing::debug!(connector = name, "no producers to fence since the last round");
            return Ok(false);
        }
        let producers = match fencing.task_count_record {
            // A single task fences its predecessor by opening its own producer.
            None | Some(0) => 0,
            Some(1) if task_count == 1 => 0,
            Some(count) => count,
        };
        tracing::info!(connector = name, producers, "fencing producers of former tasks");
        let (runtime, internal, connector) = (self.runtime.clone(), self.internal.clone(), name.to_string());
        let generation = fencing.generation;
        tokio::spawn(async move {
            let result = runtime.fence_producers(&connector, &config, producers).await;
            let fenced = Fenced {
                connector,
                generation,
                task_count,
                result,
            };
            // The herder being gone means that the worker stops; there is nobody to tell.
            let _ = internal.send(Internal::Fenced(fenced)).await;
        });
        Ok(true)
    }

    pub(super) async fn on_fenced(&mut self, fenced: Fenced) {
        let Some(waiting) = self.fencings.remove(&fenced.connector) else {
            return;
        };
        let result = self.conclude_fencing(fenced).await;
        for reply in waiting {
            drop(reply.send(result.clone()));
        }
    }

    async fn conclude_fencing(&mut self, fenced: Fenced) -> HerderResult<()> {
        let Fenced {
            connector,
            generation,
            task_count,
            result,
        } = fenced;
        result?;
        self.must_lead()?;
        self.store.read_to_end(self.settings.sync_timeout).await?;
        self.state = self.store.snapshot();
        if self.state.fencing(&connector).generation != generation {
            return Err(HerderError::conflict(NEW_CONFIGS));
        }
        let (key, value) = record::task_count(&connector, task_count);
        self.write(vec![(key, Some(value))], "Failed to write the number of tasks to fence")
            .await
    }

    /// What a source task with exactly-once support must pass; None without.
    pub(super) fn task_gate(&self, task: &TaskId) -> Option<Arc<dyn TaskGate>> {
        let group = self.group.clone().filter(|_| self.settings.exactly_once_sources)?;
        Some(Arc::new(Gate {
            task: task.clone(),
            generation: self.state.fencing(&task.connector).generation,
            store: self.store.clone(),
            sync_timeout: self.settings.sync_timeout,
            group,
            herder: self.handle.clone(),
        }))
    }
}

/// The way of one task into its transactions.
struct Gate {
    task: TaskId,
    /// Generation of the task configurations that the task was started with.
    generation: Option<u64>,
    store: Arc<dyn ConfigStore>,
    sync_timeout: Duration,
    group: MembershipHandle,
    herder: HerderHandle,
}

#[async_trait]
impl TaskGate for Gate {
    async fn fence(&self) -> Result<()> {
        let connector = self.task.connector.as_str();
        if self.group.is_leader() {
            let (reply, answer) = oneshot::channel();
            let stopping = || Error::connect("Worker is shutting down");
            let request = Request::Fence(connector.to_string(), reply);
            self.herder.requests.send(request).await.map_err(|_| stopping())?;
            return answer.await.map_err(|_| stopping())?.map_err(failed);
        }
        let leader = self.group.leader_url();
        let leader = leader.ok_or_else(|| Error::retriable("no leader of the group is known"))?;
        let key = self.store.snapshot().session_key().map(|key| key.key.clone());
        let path = ["connectors", connector, "fence"];
        let asked = ask_leader(reqwest::Method::PUT, &leader, &path, Vec::new(), key.as_deref()).await;
        asked.map_err(|error| {
            let reason = error.message().unwrap_or_default();
            Error::connect(format!("Failed to perform round of zombie fencing: {reason}"))
                .with_retriable(error.is_retriable())
        })
    }

    async fn verify(&self) -> Result<()> {
        let task = &self.task;
        self.store.read_to_end(self.sync_timeout).await?;
        let state: Arc<ConfigState> = self.store.snapshot();
        if state.fencing(&task.connector).generation == self.generation {
            return Ok(());
        }
        Err(Error::connect(format!(
            "Cannot start source task {task} with exactly-once support as the connector has already generated a new set of task \
             configs"
        )))
    }
}

fn failed(error: HerderError) -> Error {
    Error::connect(format!("Failed to perform round of zombie fencing: {error}"))
}
