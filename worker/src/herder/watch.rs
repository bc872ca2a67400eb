//! What the herder adds to Connect's view of things: restarts of what has failed ([`super::supervision`]), and work that
//! waits for a worker to return. REST shows both under `/turnbuckle/supervision`.

use super::actor::Actor;
use super::supervision::{Part, Stand};
use crate::config::RestartPolicy;
use crate::group::Assignment;
use crate::storage::{ConnectorStatus, Lifecycle, TaskStatus};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// What REST shows; times are RFC 3339 in UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SupervisionInfo {
    /// This worker.
    pub worker_id: String,
    /// Restarts since the worker started.
    pub restarts: u64,
    pub watched: Vec<WatchedInfo>,
    /// At the leader: work that waits for a worker to return.
    pub waiting: Option<WaitingInfo>,
}

/// A connector or task that has failed lately.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WatchedInfo {
    pub connector: String,
    /// Absent for the connector instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<u32>,
    /// Restarts in a row so far.
    pub attempts: u32,
    /// `waiting`, `restarted` or `given up`.
    pub state: &'static str,
    /// When it is or was restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// Work of a worker that has left.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaitingInfo {
    pub until: String,
    pub connectors: Vec<String>,
    pub tasks: Vec<String>,
}

/// Work that nobody runs until a time.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    until: SystemTime,
    work: Assignment,
}

fn timestamp(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// The wall clock at an instant.
fn wall_clock(instant: Instant) -> SystemTime {
    let now = Instant::now();
    match instant.checked_duration_since(now) {
        Some(ahead) => SystemTime::now() + ahead,
        None => SystemTime::now() - now.duration_since(instant),
    }
}

impl Actor {
    /// The worker's settings for restarts, with the connector's own in their place. A connector with wrong ones has failed
    /// at its start, and is not restarted by them.
    fn restart_policy(&self, connector: &str) -> RestartPolicy {
        let worker = &self.settings.restarts;
        let Some(config) = self.state.connector_config(connector) else {
            return worker.policy.clone();
        };
        worker.of_connector(config).unwrap_or_else(|_| worker.policy.clone())
    }

    /// Looks for what has failed, and restarts what is due.
    pub(super) async fn supervise(&mut self) {
        let (here, failed) = self.runtime.parts();
        let mut supervisor = std::mem::take(&mut self.supervisor);
        let due = supervisor.look(Instant::now(), &here, &failed, |connector| {
            self.restart_policy(connector)
        });
        self.supervisor = supervisor;
        for part in due {
            tracing::info!(%part, "restarting what has failed");
            match part {
                Part::Connector(name) => {
                    self.runtime.stop_connectors(std::slice::from_ref(&name)).await;
                    self.mark_connector_restarting(&name);
                    self.start_connector(&name);
                }
                Part::Task(task) => {
                    self.runtime.stop_tasks(std::slice::from_ref(&task)).await;
                    self.mark_task_restarting(&task);
                    self.start_task(&task).await;
                }
            }
        }
    }

    /// At the leader, after an assignment: what is configured and assigned to nobody waits for a worker to return. Its
    /// statuses, which still say RUNNING, tell so.
    pub(super) fn note_waiting(&mut self, delay: Duration) {
        self.waiting = None;
        let Some(owners) = self.group.as_ref().and_then(|group| group.owners()) else {
            return;
        };
        if delay.is_zero() {
            return;
        }
        let connectors = self.state.connectors().filter(|name| owners.connector(name).is_none());
        let connectors: Vec<String> = connectors.map(str::to_string).collect();
        let tasks = self.state.connectors().flat_map(|name| self.state.tasks(name));
        let tasks = tasks.filter(|task| owners.task(task).is_none()).collect();
        let work = Assignment { connectors, tasks };
        if work.connectors.is_empty() && work.tasks.is_empty() {
            return;
        }
        let until = SystemTime::now() + delay;
        tracing::warn!(
            until = timestamp(until),
            connectors = ?work.connectors,
            tasks = ?work.tasks.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "a worker has left; its work waits for its return (scheduled.rebalance.max.delay.ms)"
        );
        self.mark_waiting(&work, until);
        self.waiting = Some(Waiting { until, work });
    }

    fn mark_waiting(&self, work: &Assignment, until: SystemTime) {
        let generation = self.generation();
        let text = |worker: &str| {
            format!(
                "Worker {worker} has left the group. Its work waits for its return until {} \
                 (scheduled.rebalance.max.delay.ms) and then moves to other workers.\n",
                timestamp(until)
            )
        };
        let is_stale = |state: Lifecycle| matches!(state, Lifecycle::Running | Lifecycle::Restarting);
        for name in &work.connectors {
            if let Some(status) = self.statuses.connector(name).filter(|status| is_stale(status.state)) {
                self.statuses.put_connector(ConnectorStatus {
                    state: Lifecycle::Unassigned,
                    trace: Some(text(&status.worker_id)),
                    generation,
                    ..status
                });
            }
        }
        for task in &work.tasks {
            if let Some(status) = self.statuses.task(task).filter(|status| is_stale(status.state)) {
                self.statuses.put_task(TaskStatus {
                    state: Lifecycle::Unassigned,
                    trace: Some(text(&status.worker_id)),
                    generation,
                    ..status
                });
            }
        }
    }

    pub(super) fn supervision(&self) -> SupervisionInfo {
        let (watched, restarts) = self.supervisor.report();
        let watched = watched.map(|(part, watched)| {
            let (state, at) = match watched.stand {
                Stand::Waiting { due } => ("waiting", Some(due)),
                Stand::Restarted { at } => ("restarted", Some(at)),
                Stand::GivenUp => ("given up", None),
            };
            WatchedInfo {
                connector: part.connector().to_string(),
                task: match part {
                    Part::Connector(_) => None,
                    Part::Task(task) => Some(task.task),
                },
                attempts: watched.attempts,
                state,
                at: at.map(|at| timestamp(wall_clock(at))),
            }
        });
        let waiting = self.waiting.as_ref().filter(|_| self.is_leader());
        SupervisionInfo {
            worker_id: self.settings.worker_id.clone(),
            restarts,
            watched: watched.collect(),
            waiting: waiting.map(|waiting| WaitingInfo {
                until: timestamp(waiting.until),
                connectors: waiting.work.connectors.clone(),
                tasks: waiting.work.tasks.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}

/// Everything that runs here or should, and what of it has failed.
pub type Parts = (BTreeSet<Part>, BTreeSet<Part>);
