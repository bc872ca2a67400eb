//! Answers to REST (`AbstractHerder`, `DistributedHerder`, `StandaloneHerder`). Texts are those that clients match.

use super::actor::Actor;
use super::request::{PutConfig, Request};
use super::{
    ConnectorInfo, ConnectorState, ConnectorStateInfo, ConnectorType, Created, HerderError, HerderResult,
    RestartRequest, TargetState, TaskId, TaskState, ValidateConfig,
};
use crate::plugins::Plugins;
use crate::storage::config_state::record;
use crate::storage::config_store::NOT_WRITTEN;
use crate::storage::{ConnectorStatus, Lifecycle, TaskStatus};
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::{Error, Props};

/// How long a request for a starting or stopping connector waits for its tasks, and between looks.
pub(super) const LONGEST_START: Duration = Duration::from_millis(500);
pub(super) const START_PAUSE: Duration = Duration::from_millis(10);

impl Actor {
    pub(super) async fn on_request(&mut self, request: Request) {
        // A client that has gone away no longer wants its answer; so sends are not checked.
        match request {
            Request::Ping(reply) => drop(reply.send(Ok(()))),
            Request::ConnectorInfo(name, reply) => drop(reply.send(self.connector_info(&name))),
            Request::ConnectorConfig(name, reply) => drop(reply.send(self.connector_config(&name))),
            Request::Put(put, reply) if self.is_still_starting(&put) => self.put_later(put, reply),
            Request::Put(put, reply) => drop(reply.send(self.put_config(put).await)),
            Request::Patch(name, patch, validate, reply) => {
                drop(reply.send(self.patch_config(&name, patch, validate.as_ref()).await));
            }
            Request::Delete(name, reply) => drop(reply.send(self.delete(&name).await)),
            Request::Status(name, reply) => drop(reply.send(self.status(&name))),
            Request::TaskStatus(task, reply) => drop(reply.send(self.task_status(&task))),
            Request::Tasks(name, reply) => {
                let tasks = self.known_connector(&name).map(|()| self.task_infos(&name));
                drop(reply.send(tasks));
            }
            Request::RestartTask(task, reply) => drop(reply.send(self.restart_task(&task).await)),
            Request::RestartConnector(name, reply) => self.restart_connector(name, reply).await,
            Request::RestartWithTasks(request, reply) => drop(reply.send(self.restart_with_tasks(request).await)),
            Request::SetTarget(name, state, reply) => drop(reply.send(self.set_target(&name, state).await)),
            Request::Stop(name, reply) => drop(reply.send(self.stop(&name).await)),
            Request::Topics(name, reply) => drop(reply.send(self.topics(&name))),
            Request::ResetTopics(name, reply) => drop(reply.send(self.reset_topics(&name))),
            Request::Offsets(name, reply) => self.connector_offsets(name, reply),
            Request::LoggerLevel(namespace, level, reply) => {
                drop(reply.send(self.set_logger_level(&namespace, &level).await));
            }
            Request::ModifyOffsets(request, reply) => self.modify_offsets(request, reply).await,
            Request::PutTasks(name, configs, reply) => drop(reply.send(self.put_tasks(&name, configs).await)),
            Request::Supervision(reply) => drop(reply.send(Ok(self.supervision()))),
            Request::Fence(name, reply) => self.fence(name, reply).await,
        }
    }

    pub(super) fn known_connector(&mut self, name: &str) -> HerderResult<()> {
        self.state = self.store.snapshot();
        if self.state.contains(name) {
            return Ok(());
        }
        Err(HerderError::not_found(format!("Connector {name} not found")))
    }

    fn connector_config(&mut self, name: &str) -> HerderResult<Props> {
        self.known_connector(name)?;
        Ok(self
            .state
            .connector_config(name)
            .map(|config| config.as_ref().clone())
            .unwrap_or_default())
    }

    fn connector_info(&mut self, name: &str) -> HerderResult<ConnectorInfo> {
        let config = self.connector_config(name)?;
        let kind = connector_type(&self.plugins, &config);
        Ok(ConnectorInfo {
            name: name.to_string(),
            config,
            tasks: self.state.tasks(name),
            kind,
        })
    }

    /// A new configuration for a connector that is just being started waits a moment for its first tasks: it would start
    /// everything twice, and its answer would not know the tasks yet.
    fn is_still_starting(&self, put: &PutConfig) -> bool {
        let name = put.name.as_str();
        let state = self.store.snapshot();
        !self.is_standalone()
            && put.since.elapsed() < LONGEST_START
            && state.contains(name)
            && state.target_state(name) == Some(TargetState::Started)
            && !state.has_commit(name)
            && !self.runtime.connector_failed(name)
    }

    fn put_later(&self, put: PutConfig, reply: super::request::Reply<Created<ConnectorInfo>>) {
        let internal = self.internal.clone();
        tokio::spawn(async move {
            tokio::time::sleep(START_PAUSE).await;
            // The herder being gone means that the worker stops; dropping the reply says so.
            let _ = internal
                .send(super::actor::Internal::Again(Request::Put(put, reply)))
                .await;
        });
    }

    async fn put_config(&mut self, put: PutConfig) -> HerderResult<Created<ConnectorInfo>> {
        self.must_lead()?;
        let PutConfig {
            name,
            config,
            initial_state,
            allow_replace,
            since: _,
        } = put;
        self.state = self.store.snapshot();
        let exists = self.state.contains(&name);
        if exists && !allow_replace {
            return Err(HerderError::conflict(format!("Connector {name} already exists")));
        }
        let tasks_before = self.state.tasks(&name);
        let mut records = Vec::with_capacity(2);
        if let Some(state) = initial_state {
            let (key, value) = record::target_state(&name, state);
            records.push((key, Some(value)));
        }
        let (key, value) = record::connector(&name, &config);
        records.push((key, Some(value)));
        tracing::info!(
            connector = name,
            "{} a connector's configuration",
            if exists { "replacing" } else { "storing" }
        );
        self.write(records, "Error writing connector configuration to Kafka")
            .await?;
        let kind = connector_type(&self.plugins, &config);
        if !self.is_standalone() {
            let value = ConnectorInfo {
                name,
                config,
                tasks: tasks_before,
                kind,
            };
            return Ok(Created {
                created: !exists,
                value,
            });
        }
        // A standalone worker answers when the connector runs, with its tasks.
        self.start_and_wait(&name).await?;
        let value = ConnectorInfo {
            tasks: self.state.tasks(&name),
            name,
            config,
            kind,
        };
        Ok(Created {
            created: !exists,
            value,
        })
    }

    async fn patch_config(
        &mut self,
        name: &str,
        patch: Props,
        validate: &dyn ValidateConfig,
    ) -> HerderResult<Created<ConnectorInfo>> {
        self.must_lead()?;
        let mut merged = self.connector_config(name)?;
        for (key, value) in patch.iter() {
            match value {
                Some(value) => merged.insert(key, value),
                None => drop(merged.remove(key)),
            }
        }
        validate.validate(&merged).await?;
        let put = PutConfig {
            name: name.to_string(),
            config: merged,
            initial_state: None,
            allow_replace: true,
            since: Instant::now(),
        };
        self.put_config(put).await
    }

    async fn delete(&mut self, name: &str) -> HerderResult<()> {
        self.must_lead()?;
        self.known_connector(name)?;
        tracing::info!(connector = name, "removing a connector");
        let records = vec![
            (record::connector_key(name), None),
            (record::target_state_key(name), None),
        ];
        self.write(records, "Error removing connector configuration from Kafka")
            .await?;
        if self.is_standalone() {
            self.apply_changes().await;
            self.forget_status(name);
        }
        Ok(())
    }

    fn status(&mut self, name: &str) -> HerderResult<ConnectorStateInfo> {
        let status = self
            .statuses
            .connector(name)
            .ok_or_else(|| HerderError::not_found(format!("No status found for connector {name}")))?;
        self.state = self.store.snapshot();
        let config = self.state.connector_config(name);
        let kind = config.map_or(ConnectorType::Unknown, |config| connector_type(&self.plugins, config));
        let tasks = self.statuses.tasks(name).into_iter().map(task_state).collect();
        Ok(ConnectorStateInfo {
            name: name.to_string(),
            connector: connector_state(status),
            tasks,
            kind,
        })
    }

    fn task_status(&self, task: &TaskId) -> HerderResult<TaskState> {
        let status = self.statuses.task(task);
        status
            .map(task_state)
            .ok_or_else(|| HerderError::not_found(format!("No status found for task {task}")))
    }

    async fn restart_task(&mut self, task: &TaskId) -> HerderResult<()> {
        self.must_not_be_rebalancing()?;
        self.state = self.store.snapshot();
        if !self.state.contains(&task.connector) {
            if self.is_standalone() {
                let text = format!("Failed to start task {task} since it is not a recognizable type (source or sink)");
                return Err(HerderError::internal(text));
            }
            return Err(HerderError::not_found(format!("Unknown connector: {}", task.connector)));
        }
        if self.state.task_config(task).is_none() {
            let text = if self.is_standalone() {
                format!("Task {task} not found")
            } else {
                format!("Unknown task: {task}")
            };
            return Err(HerderError::not_found(text));
        }
        if !self.assignment.tasks.contains(task) {
            let group = self.group.as_ref();
            let owner = group.and_then(|group| {
                if group.is_leader() {
                    group.owner_of_task(task)
                } else {
                    group.leader_url()
                }
            });
            return Err(HerderError::NotHere { url: owner });
        }
        self.runtime.stop_tasks(std::slice::from_ref(task)).await;
        if self.start_task(task).await {
            return Ok(());
        }
        Err(HerderError::internal(format!("Failed to start task: {task}")))
    }

    /// Answers when the new instance has started or failed to.
    async fn restart_connector(&mut self, name: String, reply: super::request::Reply<()>) {
        let checked = self.check_restart(&name);
        if let Err(error) = checked {
            drop(reply.send(Err(error)));
            return;
        }
        self.runtime.stop_connectors(std::slice::from_ref(&name)).await;
        let Some(config) = self.state.connector_config(&name).cloned() else {
            return;
        };
        let target = self.state.target_state(&name).unwrap_or(TargetState::Started);
        let (runtime, internal) = (self.runtime.clone(), self.internal.clone());
        tokio::spawn(async move {
            let started = runtime.start_connector(&name, config.as_ref().clone(), target).await;
            let answer = match &started {
                Ok(()) => Ok(()),
                Err(_) => Err(HerderError::internal(format!("Failed to start connector: {name}"))),
            };
            drop(reply.send(answer));
            let _ = internal
                .send(super::actor::Internal::ConnectorStarted { name, started })
                .await;
        });
    }

    fn check_restart(&mut self, name: &str) -> HerderResult<()> {
        self.must_not_be_rebalancing()?;
        self.state = self.store.snapshot();
        if !self.state.contains(name) {
            return Err(HerderError::not_found(format!("Unknown connector: {name}")));
        }
        if self.assignment.connectors.iter().any(|assigned| assigned == name) {
            return Ok(());
        }
        let group = self.group.as_ref();
        let owner = group.and_then(|group| {
            if group.is_leader() {
                group.owner_of_connector(name)
            } else {
                group.leader_url()
            }
        });
        Err(HerderError::NotHere { url: owner })
    }

    /// Owners are unknown at the leader while a rebalance is under way.
    fn must_not_be_rebalancing(&self) -> HerderResult<()> {
        match &self.group {
            Some(group) if group.is_leader() && group.owners().is_none() => Err(HerderError::stale_configuration()),
            _ => Ok(()),
        }
    }

    async fn restart_with_tasks(&mut self, request: RestartRequest) -> HerderResult<ConnectorStateInfo> {
        self.must_not_be_rebalancing()?;
        self.must_lead()?;
        let name = request.connector.clone();
        self.state = self.store.snapshot();
        if !self.state.contains(&name) {
            return Err(HerderError::not_found(format!("Unknown connector: {name}")));
        }
        let plan = self.restart_plan(&request);
        let before = self.status(&name);
        let (key, value) = record::restart(&request);
        self.write(
            vec![(key, Some(value))],
            "Failed to write restart request to the config topic",
        )
        .await?;
        let (Some(plan), Ok(mut answer)) = (plan, before) else {
            return Err(HerderError::not_found(format!("Status for connector {name} not found")));
        };
        let restarting = Lifecycle::Restarting.name().to_string();
        if plan.connector {
            answer.connector.state.clone_from(&restarting);
        }
        for task in &mut answer.tasks {
            if plan.tasks.contains(&TaskId::new(&name, task.id)) {
                task.state.clone_from(&restarting);
            }
        }
        Ok(answer)
    }

    async fn set_target(&mut self, name: &str, state: TargetState) -> HerderResult<()> {
        self.state = self.store.snapshot();
        if !self.state.contains(name) {
            return Err(HerderError::not_found(format!("Unknown connector {name}")));
        }
        let (key, value) = record::target_state(name, state);
        self.write(vec![(key, Some(value))], "Error writing target state to Kafka")
            .await
    }

    async fn stop(&mut self, name: &str) -> HerderResult<()> {
        self.must_lead()?;
        self.state = self.store.snapshot();
        if !self.state.contains(name) {
            if self.is_standalone() {
                return Err(HerderError::internal(format!("No connector `{name}` configured")));
            }
            return Err(HerderError::not_found(format!("Unknown connector {name}")));
        }
        let (commit, no_tasks) = record::commit(name, 0);
        let (target, stopped) = record::target_state(name, TargetState::Stopped);
        let records = vec![(commit, Some(no_tasks)), (target, Some(stopped))];
        self.write(records, "Error writing target state to Kafka").await
    }

    async fn set_logger_level(&mut self, namespace: &str, level: &str) -> HerderResult<()> {
        let (key, value) = record::logger_level(namespace, level);
        self.write(vec![(key, Some(value))], "Failed to write logger level to Kafka")
            .await?;
        self.apply_changes().await;
        Ok(())
    }

    fn topics(&self, name: &str) -> HerderResult<Vec<String>> {
        if !self.settings.topic_tracking {
            return Err(HerderError::Status {
                status: 403,
                message: Some("Topic tracking is disabled.".into()),
            });
        }
        Ok(self
            .statuses
            .topics(name)
            .into_iter()
            .map(|status| status.topic)
            .collect())
    }

    fn reset_topics(&self, name: &str) -> HerderResult<()> {
        let refuse = |text: &str| {
            Err(HerderError::Status {
                status: 403,
                message: Some(text.into()),
            })
        };
        if !self.settings.topic_tracking {
            return refuse("Topic tracking is disabled.");
        }
        if !self.settings.topic_reset {
            return refuse("Topic tracking reset is disabled.");
        }
        for topic in self.statuses.topics(name) {
            self.statuses.delete_topic(&topic.topic, name);
        }
        Ok(())
    }

    async fn put_tasks(&mut self, name: &str, configs: Vec<Props>) -> HerderResult<()> {
        self.must_lead()?;
        self.known_connector(name)?;
        if self.state.target_state(name) == Some(TargetState::Stopped) && !configs.is_empty() {
            let text = format!("Cannot submit non-empty set of task configs for stopped connector {name}");
            return Err(HerderError::bad_request(text));
        }
        self.write_task_configs(name, &configs)
            .await
            .map_err(HerderError::Failed)
    }

    pub(super) async fn write(&mut self, records: Vec<(String, Option<String>)>, failure: &str) -> HerderResult<()> {
        let written = self.store.write(records).await;
        self.state = self.store.snapshot();
        written.map_err(|error| {
            tracing::error!(%error, "could not write to the config store");
            if error.message() == Some(NOT_WRITTEN) {
                return HerderError::Failed(error);
            }
            HerderError::Failed(Error::connect(failure).with_cause(error))
        })
    }
}

fn connector_type(plugins: &Plugins, config: &Props) -> ConnectorType {
    let class = config.get("connector.class").unwrap_or_default();
    match plugins.connector(class).map(|plugin| plugin.kind) {
        Ok(PluginKind::Source { .. }) => ConnectorType::Source,
        Ok(PluginKind::Sink { .. }) => ConnectorType::Sink,
        _ => ConnectorType::Unknown,
    }
}

fn connector_state(status: ConnectorStatus) -> ConnectorState {
    ConnectorState {
        state: status.state.name().to_string(),
        worker_id: status.worker_id,
        version: status.version,
        trace: status.trace.filter(|trace| !trace.is_empty()),
    }
}

fn task_state(status: TaskStatus) -> TaskState {
    TaskState {
        id: status.task.task,
        state: status.state.name().to_string(),
        worker_id: status.worker_id,
        version: status.version,
        trace: status.trace.filter(|trace| !trace.is_empty()),
    }
}
