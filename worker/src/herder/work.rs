//! Starting and stopping: how changes of the config store and new assignments become running connectors and tasks.

use super::actor::{Actor, Internal};
use super::rebalance::now_millis;
use super::{RestartRequest, TargetState, TaskId, TaskInfo};
use crate::group::Assignment;
use crate::logging::{self, Level};
use crate::runtime::{RuntimeEvent, StartTask};
use crate::storage::{ConfigChanges, ConnectorStatus, Lifecycle, TaskStatus, config_state::record};
use std::collections::BTreeSet;
use std::time::Duration;
use turnbuckle_api::{Error, Props, Result};

/// First pause before task configurations are tried again; it doubles.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

impl Actor {
    /// Takes what the config store saw since the last time.
    pub(super) async fn apply_changes(&mut self) {
        let changes = self.store.take_changes();
        self.state = self.store.snapshot();
        if changes.is_empty() && !self.is_standalone() {
            return;
        }
        let membership_changed = self.apply_connector_changes(&changes).await;
        self.stop_changed_tasks(&changes).await;
        self.apply_target_changes(&changes).await;
        if membership_changed || !changes.tasks.is_empty() {
            self.rebalance().await;
        }
        for (namespace, level) in &changes.logger_levels {
            set_logger_level(namespace, level);
        }
        for request in changes.restarts.into_values() {
            self.restart_own_share(&request).await;
        }
    }

    /// Asks for a new assignment; a standalone worker makes it itself.
    async fn rebalance(&mut self) {
        match &self.group {
            Some(group) => group.request_rejoin(),
            None => {
                let names: Vec<String> = self.state.connectors().map(str::to_string).collect();
                let tasks = names.iter().flat_map(|name| self.state.tasks(name)).collect();
                self.assignment = Assignment {
                    connectors: names,
                    tasks,
                };
                self.reconcile().await;
                self.clean_statuses();
            }
        }
    }

    /// Restarts changed connectors that run here; true if connectors came or went.
    async fn apply_connector_changes(&mut self, changes: &ConfigChanges) -> bool {
        let now: BTreeSet<String> = self.state.connectors().map(str::to_string).collect();
        let membership_changed = now != self.known;
        let before = std::mem::replace(&mut self.known, now);
        let running: BTreeSet<String> = self.runtime.running_connectors().into_iter().collect();
        for name in &changes.connectors {
            let was_and_is = before.contains(name) && self.known.contains(name);
            if was_and_is && running.contains(name) && self.assignment.connectors.contains(name) {
                tracing::info!(
                    connector = name,
                    "its configuration has changed; restarting the connector"
                );
                self.runtime.stop_connectors(std::slice::from_ref(name)).await;
                self.start_connector(name);
            }
        }
        membership_changed
    }

    /// Tasks with new configurations stop at once and start with the assignment that follows.
    async fn stop_changed_tasks(&mut self, changes: &ConfigChanges) {
        let running = self.runtime.running_tasks();
        let affected: Vec<TaskId> = running
            .into_iter()
            .filter(|task| changes.tasks.contains(&task.connector))
            .collect();
        if affected.is_empty() {
            return;
        }
        self.runtime.stop_tasks(&affected).await;
        self.stopped_for_update.extend(affected);
    }

    async fn apply_target_changes(&mut self, changes: &ConfigChanges) {
        for name in &changes.targets {
            let Some(target) = self.state.target_state(name) else {
                continue;
            };
            if self.runtime.running_connectors().contains(name) {
                match self.runtime.set_connector_target(name, target).await {
                    Ok(()) if target == TargetState::Started => self.request_task_configs(name),
                    Ok(()) => {}
                    Err(error) => tracing::error!(connector = name, %error, "the connector did not change its state"),
                }
            }
            if target == TargetState::Stopped {
                continue; // its tasks end with the empty commit that comes along
            }
            for task in self
                .runtime
                .running_tasks()
                .into_iter()
                .filter(|task| task.connector == *name)
            {
                self.runtime.set_task_target(&task, target).await;
            }
        }
    }

    /// Makes what runs equal to the assignment.
    pub(super) async fn reconcile(&mut self) {
        let connectors = self.runtime.running_connectors();
        let tasks = self.runtime.running_tasks();
        let surplus = Assignment {
            connectors: connectors
                .iter()
                .filter(|name| !self.assignment.connectors.contains(name))
                .cloned()
                .collect(),
            tasks: tasks
                .iter()
                .filter(|task| !self.assignment.tasks.contains(task))
                .cloned()
                .collect(),
        };
        self.stop_work(&surplus).await;
        self.stopped_for_update.clear();
        let connectors: BTreeSet<String> = self.runtime.running_connectors().into_iter().collect();
        let tasks: BTreeSet<TaskId> = self.runtime.running_tasks().into_iter().collect();
        for name in self.assignment.connectors.clone() {
            if !connectors.contains(&name) && self.state.contains(&name) {
                self.start_connector(&name);
            }
        }
        let missing = self
            .assignment
            .tasks
            .iter()
            .filter(|task| !tasks.contains(task))
            .cloned()
            .collect::<Vec<_>>();
        futures::future::join_all(missing.iter().map(|task| self.start_task(task))).await;
    }

    /// Stops connectors and tasks together, then forgets topics of connectors that are no more.
    pub(super) async fn stop_work(&mut self, work: &Assignment) {
        if work.connectors.is_empty() && work.tasks.is_empty() {
            return;
        }
        tokio::join!(
            self.runtime.stop_tasks(&work.tasks),
            self.runtime.stop_connectors(&work.connectors)
        );
        let snapshot = self.store.snapshot();
        let owners = work
            .connectors
            .iter()
            .chain(work.tasks.iter().map(|task| &task.connector));
        let gone: BTreeSet<&String> = owners.filter(|name| !snapshot.contains(name)).collect();
        for name in gone {
            for topic in self.statuses.topics(name) {
                self.statuses.delete_topic(&topic.topic, name);
            }
        }
    }

    /// Starts a connector of a standalone worker, and its tasks, before anything else goes on.
    ///
    /// # Errors
    /// The start's own; the connector stays stored, with status FAILED.
    pub(super) async fn start_and_wait(&mut self, name: &str) -> Result<()> {
        self.held = Some(name.to_string());
        self.apply_changes().await;
        self.held = None;
        let Some(config) = self.state.connector_config(name).cloned() else {
            return Ok(());
        };
        let target = self.state.target_state(name).unwrap_or(TargetState::Started);
        self.runtime
            .start_connector(name, config.as_ref().clone(), target)
            .await?;
        if target == TargetState::Started {
            let configs = self.runtime.task_configs(name).await?;
            self.publish_if_changed(name, configs).await?;
            self.apply_changes().await;
        }
        Ok(())
    }

    /// Starts a connector instance aside; the end comes as [`Internal::ConnectorStarted`].
    pub(super) fn start_connector(&self, name: &str) {
        if self.held.as_deref() == Some(name) {
            return;
        }
        let Some(config) = self.state.connector_config(name) else {
            return;
        };
        let config = config.as_ref().clone();
        let target = self.state.target_state(name).unwrap_or(TargetState::Started);
        let (runtime, internal, name) = (self.runtime.clone(), self.internal.clone(), name.to_string());
        tokio::spawn(async move {
            let started = runtime.start_connector(&name, config, target).await;
            // The herder being gone means that the worker stops; there is nobody to tell.
            let _ = internal.send(Internal::ConnectorStarted { name, started }).await;
        });
    }

    pub(super) async fn start_task(&self, task: &TaskId) -> bool {
        let config = self.state.task_config(task).cloned();
        let connector_config = self.state.connector_config(&task.connector).cloned();
        let (Some(config), Some(connector_config)) = (config, connector_config) else {
            tracing::warn!(%task, "an assigned task has no configuration; it is not started");
            return false;
        };
        let start = StartTask {
            id: task.clone(),
            connector_config: connector_config.as_ref().clone(),
            task_config: config.as_ref().clone(),
            target: self.state.target_state(&task.connector).unwrap_or(TargetState::Started),
            task_count: self.state.task_count(&task.connector) as usize,
            gate: self.task_gate(task),
        };
        self.runtime.start_task(start).await
    }

    pub(super) fn on_runtime_event(&mut self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::TaskReconfiguration { connector } => self.request_task_configs(&connector),
        }
    }

    pub(super) async fn on_internal(&mut self, internal: Internal) {
        match internal {
            Internal::Again(request) => self.on_request(request).await,
            Internal::Fenced(fenced) => self.on_fenced(fenced).await,
            Internal::ConnectorStarted { name, started: Ok(()) } => {
                if self.state.target_state(&name) == Some(TargetState::Started) {
                    self.request_task_configs(&name);
                }
            }
            Internal::ConnectorStarted {
                name,
                started: Err(error),
            } => {
                tracing::error!(connector = name, %error, "the connector could not be started");
            }
            Internal::RetryTaskConfigs { name } => self.request_task_configs(&name),
            Internal::TaskConfigs { name, configs } => {
                let published = match configs {
                    Ok(configs) => self.publish_if_changed(&name, configs).await,
                    Err(error) => Err(error),
                };
                match published {
                    Ok(()) => {
                        self.attempts.remove(&name);
                    }
                    Err(error) => self.retry_task_configs(name, &error),
                }
            }
        }
    }

    /// Lets the connector compute its task configurations aside; they come as [`Internal::TaskConfigs`].
    fn request_task_configs(&self, name: &str) {
        let here = self.assignment.connectors.iter().any(|assigned| assigned == name);
        if !here || self.state.target_state(name) != Some(TargetState::Started) {
            return;
        }
        let (runtime, internal, name) = (self.runtime.clone(), self.internal.clone(), name.to_string());
        tokio::spawn(async move {
            let configs = runtime.task_configs(&name).await;
            let _ = internal.send(Internal::TaskConfigs { name, configs }).await;
        });
    }

    fn retry_task_configs(&mut self, name: String, error: &Error) {
        if !self.runtime.running_connectors().contains(&name) || self.runtime.connector_failed(&name) {
            tracing::error!(connector = name, %error, "no task configurations: the connector does not run");
            return;
        }
        let attempt = self.attempts.entry(name.clone()).or_insert(0);
        let pause = FIRST_RETRY.saturating_mul(1 << (*attempt).min(10)).min(LONGEST_RETRY);
        *attempt += 1;
        tracing::error!(
            connector = name,
            %error,
            pause_ms = pause.as_millis() as u64,
            "Failed to reconfigure connector's tasks, retrying after backoff."
        );
        let (internal, shutdown) = (self.internal.clone(), self.shutdown.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
            let _ = internal.send(Internal::RetryTaskConfigs { name }).await;
        });
    }

    async fn publish_if_changed(&mut self, name: &str, configs: Vec<Props>) -> Result<()> {
        self.state = self.store.snapshot();
        if !self.state.contains(name) || self.state.target_state(name) == Some(TargetState::Stopped) {
            return Ok(());
        }
        if !self.task_configs_differ(name, &configs) {
            tracing::debug!(connector = name, "its task configurations are as before");
            return Ok(());
        }
        if self.is_leader() {
            return self.write_task_configs(name, &configs).await;
        }
        let leader = self.group.as_ref().and_then(|group| group.leader_url());
        let url = leader.ok_or_else(|| Error::retriable("no leader of the group is known"))?;
        self.spawn_send_to_leader(&url, name, configs);
        Ok(())
    }

    fn task_configs_differ(&self, name: &str, configs: &[Props]) -> bool {
        let stored = self.state.task_configs(name);
        let same_tasks = stored.len() == configs.len()
            && self.state.task_count(name) as usize == configs.len()
            && stored.iter().zip(configs).all(|(stored, new)| stored.as_ref() == new);
        let same_connector = self.state.applied_config(name) == self.state.connector_config(name);
        !(same_tasks && same_connector)
    }

    /// All task records, then the commit that makes them valid.
    pub(super) async fn write_task_configs(&mut self, name: &str, configs: &[Props]) -> Result<()> {
        let mut records: Vec<(String, Option<String>)> = Vec::with_capacity(configs.len() + 1);
        for (number, config) in (0u32..).zip(configs) {
            let (key, value) = record::task(&TaskId::new(name, number), config);
            records.push((key, Some(value)));
        }
        let (key, value) = record::commit(name, configs.len());
        records.push((key, Some(value)));
        self.store.write(records).await?;
        self.state = self.store.snapshot();
        Ok(())
    }

    /// Restarts what runs here of a connector that is to be restarted.
    async fn restart_own_share(&mut self, request: &RestartRequest) {
        let Some(plan) = self.restart_plan(request) else {
            tracing::info!(
                connector = request.connector,
                "a restart was asked for, but there is no status to plan by"
            );
            return;
        };
        let restart_connector = plan.connector && self.runtime.running_connectors().contains(&request.connector);
        let own: BTreeSet<TaskId> = self.runtime.running_tasks().into_iter().collect();
        let tasks: Vec<TaskId> = plan.tasks.into_iter().filter(|task| own.contains(task)).collect();
        if restart_connector {
            self.runtime
                .stop_connectors(std::slice::from_ref(&request.connector))
                .await;
        }
        self.runtime.stop_tasks(&tasks).await;
        if restart_connector {
            self.mark_connector_restarting(&request.connector);
        }
        for task in &tasks {
            self.mark_task_restarting(task);
        }
        if restart_connector {
            self.start_connector(&request.connector);
        }
        for task in &tasks {
            self.start_task(task).await;
        }
    }

    pub(super) fn mark_connector_restarting(&self, name: &str) {
        self.statuses.put_connector(ConnectorStatus {
            connector: name.to_string(),
            state: Lifecycle::Restarting,
            trace: None,
            worker_id: self.settings.worker_id.clone(),
            generation: self.generation(),
            version: None,
        });
    }

    pub(super) fn mark_task_restarting(&self, task: &TaskId) {
        self.statuses.put_task(TaskStatus {
            task: task.clone(),
            state: Lifecycle::Restarting,
            trace: None,
            worker_id: self.settings.worker_id.clone(),
            generation: self.generation(),
            version: None,
        });
    }

    pub(super) fn generation(&self) -> i32 {
        self.group.as_ref().map_or(0, |group| group.generation())
    }

    /// What a restart request means for the present states; None without a status.
    pub(super) fn restart_plan(&self, request: &RestartRequest) -> Option<RestartPlan> {
        let status = self.statuses.connector(&request.connector)?;
        let tasks = if request.include_tasks {
            self.statuses.tasks(&request.connector)
        } else {
            Vec::new()
        };
        let wanted = |state: Lifecycle| !request.only_failed || state == Lifecycle::Failed;
        Some(RestartPlan {
            connector: wanted(status.state),
            tasks: tasks
                .into_iter()
                .filter(|task| wanted(task.state))
                .map(|task| task.task)
                .collect(),
        })
    }

    /// Tasks of a connector with their stored configurations.
    pub(super) fn task_infos(&self, name: &str) -> Vec<TaskInfo> {
        let info = |task: TaskId| {
            let config = self
                .state
                .task_config(&task)
                .map(|config| config.as_ref().clone())
                .unwrap_or_default();
            TaskInfo { id: task, config }
        };
        self.state.tasks(name).into_iter().map(info).collect()
    }
}

/// Takes a level that was set for all workers; an unknown one comes of a worker that knows more.
fn set_logger_level(namespace: &str, level: &str) {
    match Level::from_name(level) {
        Some(level) => {
            let changed = logging::loggers().set(namespace, level, now_millis());
            tracing::debug!("level {} for loggers {changed:?}", level.name());
        }
        None => tracing::warn!("the level {level:?} set for logger {namespace} is not known here; it is not taken"),
    }
}

/// What a restart request restarts.
pub(super) struct RestartPlan {
    pub(super) connector: bool,
    pub(super) tasks: Vec<TaskId>,
}
