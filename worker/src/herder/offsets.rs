//! Positions of a connector for REST (KIP-875). What takes time happens aside, so that a slow store does not hold up the
//! herder.

use super::actor::{Actor, Internal};
use super::request::{ModifyOffsets, Reply, Request};
use super::requests::{LONGEST_START, START_PAUSE};
use super::{ConnectorType, HerderError, HerderResult, TargetState};
use crate::runtime::{OffsetsChange, PartitionOffsets};
use tokio::sync::oneshot;
use turnbuckle_api::source::AlterOffsets;

impl Actor {
    pub(super) fn connector_offsets(&mut self, name: String, reply: Reply<PartitionOffsets>) {
        if let Err(error) = self.known_connector(&name) {
            drop(reply.send(Err(error)));
            return;
        }
        let config = self.state.connector_config(&name).cloned().unwrap_or_default();
        let runtime = self.runtime.clone();
        tokio::spawn(async move {
            let offsets = runtime.connector_offsets(&name, &config).await;
            let answer = offsets.map_err(|error| {
                tracing::error!(connector = name, "its offsets can't be read\n{}", error.trace());
                HerderError::Failed(error)
            });
            drop(reply.send(answer));
        });
    }

    /// Answers with what the user is told.
    pub(super) async fn modify_offsets(&mut self, request: ModifyOffsets, reply: Reply<String>) {
        match self.may_modify_offsets(&request).await {
            Ok(true) => {}
            Ok(false) => {
                let internal = self.internal.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(START_PAUSE).await;
                    let again = Internal::Again(Request::ModifyOffsets(request, reply));
                    // The herder being gone means that the worker stops; dropping the reply says so.
                    let _ = internal.send(again).await;
                });
                return;
            }
            Err(error) => {
                drop(reply.send(Err(error)));
                return;
            }
        }
        let ModifyOffsets { name, change, .. } = request;
        let config = self.state.connector_config(&name).cloned().unwrap_or_default();
        let runtime = self.runtime.clone();
        let is_source = runtime.connector_kind(&config) == ConnectorType::Source;
        let fenced = match self.settings.exactly_once_sources && is_source {
            true => {
                let (fencing, fenced) = oneshot::channel();
                self.fence(name.clone(), fencing).await;
                Some(fenced)
            }
            false => None,
        };
        tokio::spawn(async move {
            if let Some(fenced) = fenced
                && let Err(error) = fenced.await.unwrap_or_else(|_| Err(stopping()))
            {
                tracing::error!(connector = name, %error, "its former tasks could not be fenced");
                let text = "Failed to perform zombie fencing for source connector prior to modifying offsets";
                drop(reply.send(Err(HerderError::internal(text))));
                return;
            }
            let modified = runtime.modify_offsets(&name, &config, &change).await;
            let answer = match modified {
                Ok(opinion) => Ok(message(opinion, &change)),
                Err(error) => {
                    tracing::error!(connector = name, "its offsets were not modified\n{}", error.trace());
                    Err(HerderError::Failed(error))
                }
            };
            drop(reply.send(answer));
        });
    }

    /// Only the leader does it, and only when the connector's tasks have been told to stop on every worker. False while that
    /// is to be expected in a moment.
    async fn may_modify_offsets(&mut self, request: &ModifyOffsets) -> HerderResult<bool> {
        let name = request.name.as_str();
        self.must_lead()?;
        self.store
            .read_to_end(self.settings.sync_timeout)
            .await
            .map_err(|error| {
                tracing::error!(%error, "the config topic could not be read to its end");
                HerderError::internal("Failed to read to end of config topic before modifying connector offsets")
            })?;
        // A stop that has just been stored takes effect first.
        self.apply_changes().await;
        if self.group.as_ref().is_some_and(|group| group.rebalance_is_due()) {
            if request.since.elapsed() < LONGEST_START {
                return Ok(false);
            }
            return Err(HerderError::stale_configuration());
        }
        self.known_connector(name)?;
        if self.state.target_state(name) != Some(TargetState::Stopped) || self.state.task_count(name) != 0 {
            return Err(HerderError::bad_request(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the \
                 specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )));
        }
        Ok(true)
    }
}

fn stopping() -> HerderError {
    HerderError::internal("Worker is shutting down")
}

fn message(opinion: AlterOffsets, change: &OffsetsChange) -> String {
    let done = match change {
        OffsetsChange::Alter(_) => "altered",
        OffsetsChange::Reset => "reset",
    };
    match opinion {
        AlterOffsets::Checked => format!("The offsets for this connector have been {done} successfully"),
        AlterOffsets::NotManaged => format!(
            "The Connect framework-managed offsets for this connector have been {done} successfully. However, if this \
             connector manages offsets externally, they will need to be manually {done} in the system that the connector \
             uses."
        ),
    }
}
