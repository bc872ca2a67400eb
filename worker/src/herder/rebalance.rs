//! What the herder does in and after a rebalance (`DistributedHerder.RebalanceListener`, `handleRebalanceCompleted`).

use super::actor::Actor;
use crate::group::{Assignment, ClusterView, GroupEvent, MemberState, Rebalance};
use crate::storage::{ConnectorStatus, Lifecycle, SessionKey, TaskStatus, config_state::record};
use base64::Engine;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};
use turnbuckle_api::{Error, Result};

impl Actor {
    /// # Errors
    /// If the membership has ended for good.
    pub(super) async fn on_group_event(&mut self, event: GroupEvent) -> Result<()> {
        match event {
            GroupEvent::Prepare { reply } => {
                self.state = self.store.snapshot();
                let state = MemberState {
                    config_offset: self.state.offset.0,
                };
                // Nobody waiting means that the round was given up; the next one asks again.
                let _ = reply.send(state);
            }
            GroupEvent::ClusterView {
                min_config_offset,
                reply,
            } => {
                if self.state.offset.0 < min_config_offset {
                    self.state = self.store.snapshot();
                }
                let _ = reply.send(self.cluster_view());
            }
            GroupEvent::Revoked {
                assignment,
                cause,
                reply,
            } => {
                tracing::info!(?cause, ?assignment, "the assignment is revoked");
                self.stop_work(&assignment).await;
                self.assignment = Assignment::default();
                let _ = reply.send(());
            }
            GroupEvent::Assigned(rebalance) => self.on_assigned(*rebalance).await,
            GroupEvent::Failed(error) => {
                return Err(Error::connect(format!(
                    "The worker can't be a member of its group: {error}"
                )));
            }
        }
        Ok(())
    }

    fn cluster_view(&self) -> ClusterView {
        let tasks_of = |name: &str| self.state.tasks(name).iter().map(|task| task.task).collect();
        let connectors: BTreeMap<String, Vec<u32>> = self
            .state
            .connectors()
            .map(|name| (name.to_string(), tasks_of(name)))
            .collect();
        ClusterView {
            config_offset: self.state.offset.0,
            connectors,
        }
    }

    async fn on_assigned(&mut self, rebalance: Rebalance) {
        self.runtime.set_generation(rebalance.generation);
        self.stop_work(&rebalance.revoked).await;
        self.assignment = rebalance.all.clone();
        if !rebalance.delay.is_zero() {
            tracing::info!(
                delay_ms = rebalance.delay.as_millis() as u64,
                "work of a worker that left waits for its return; the group rebalances again after the delay"
            );
        }
        if rebalance.leader {
            self.privileges_due = true;
            self.claim_privileges().await;
            self.clean_statuses();
            self.note_waiting(rebalance.delay);
        }
        if !self.has_caught_up(&rebalance).await {
            return;
        }
        if rebalance.revoked != Assignment::default() {
            // The membership joins again by itself; what is new starts with the assignment that follows.
            return;
        }
        self.ready.store(true, Ordering::Release);
        self.apply_changes().await;
        self.reconcile().await;
        self.rotate_session_key().await;
    }

    /// A new leader fences the former one's writes to the config topic; what fails is tried again from time to time, and
    /// before the next write.
    pub(super) async fn claim_privileges(&mut self) {
        if !self.privileges_due || !self.is_leader() {
            return;
        }
        match self.store.claim_write_privileges().await {
            Ok(()) => self.privileges_due = false,
            Err(error) => tracing::warn!(%error, "could not claim the leader's right to write to the config topic"),
        }
    }

    /// The config snapshot must be exactly the one the leader assigned by; anything else means another round.
    async fn has_caught_up(&mut self, rebalance: &Rebalance) -> bool {
        let Some(group) = self.group.clone() else { return true };
        let behind = rebalance.error.is_failure() || self.store.snapshot().offset.0 < rebalance.config_offset;
        if behind && let Err(error) = self.store.read_to_end(self.settings.sync_timeout).await {
            tracing::warn!(%error, "could not catch up with the config topic; leaving the group for a while");
            group.step_out("the config topic could not be read to its end").await;
            return false;
        }
        self.state = self.store.snapshot();
        if rebalance.error.is_failure() || self.state.offset.0 != rebalance.config_offset {
            tracing::info!(
                own = self.state.offset.0,
                assigned_by = rebalance.config_offset,
                "the config topic has moved on since the assignment; joining again"
            );
            group.request_rejoin();
            return false;
        }
        true
    }

    /// The leader removes statuses of connectors and tasks that are no more.
    pub(super) fn clean_statuses(&self) {
        for name in self.statuses.connectors() {
            if !self.state.contains(&name) {
                self.forget_status(&name);
                continue;
            }
            let count = self.state.task_count(&name);
            for status in self.statuses.tasks(&name) {
                if status.task.task >= count {
                    self.statuses.put_task(TaskStatus {
                        state: Lifecycle::Destroyed,
                        ..status
                    });
                }
            }
        }
    }

    /// Tombstones for all tasks, then for the connector.
    pub(super) fn forget_status(&self, connector: &str) {
        for status in self.statuses.tasks(connector) {
            self.statuses.put_task(TaskStatus {
                state: Lifecycle::Destroyed,
                ..status
            });
        }
        if let Some(status) = self.statuses.connector(connector) {
            self.statuses.put_connector(ConnectorStatus {
                state: Lifecycle::Destroyed,
                ..status
            });
        }
    }

    /// The leader writes a session key where the protocol signs requests and there is none, or an old one.
    pub(super) async fn rotate_session_key(&mut self) {
        let Some(group) = &self.group else { return };
        let signs = group.view().protocol.is_some_and(|protocol| protocol.version() >= 2);
        if !signs || !group.is_leader() || self.session_key_is_fresh() {
            return;
        }
        tracing::debug!("writing a new session key to the config topic");
        // Two random UUIDs hold 244 random bits of the 256 that the algorithm's key has room for.
        let bytes: Vec<u8> = [uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()]
            .into_iter()
            .flatten()
            .collect();
        let key = SessionKey {
            key: base64::engine::general_purpose::STANDARD.encode(bytes),
            algorithm: "HmacSHA256".to_string(),
            created: now_millis(),
        };
        let (name, value) = record::session_key(&key);
        if let Err(error) = self.store.write(vec![(name, Some(value))]).await {
            tracing::error!(%error, "could not write a session key; will try again");
        }
    }

    fn session_key_is_fresh(&self) -> bool {
        let snapshot = self.store.snapshot();
        let Some(key) = snapshot.session_key() else {
            return false;
        };
        let age = now_millis().saturating_sub(key.created);
        let ttl = i64::try_from(self.settings.session_key_ttl.as_millis()).unwrap_or(i64::MAX);
        age < ttl && key.algorithm == "HmacSHA256"
    }
}

/// Milliseconds since the epoch.
pub(super) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
