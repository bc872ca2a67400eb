//! Exactly-once sources (KIP-618, `ExactlyOnceWorkerSourceTask`): records and the positions behind them are written in one
//! Kafka transaction, so a reader of committed records sees each of them once.
//!
//! Before it starts, a task passes its [`TaskGate`]: producers of former tasks are fenced, its own takes over the
//! transactional id, and the task makes sure that it was not replaced meanwhile. After that, transactions are opened by the
//! first record and committed where `transaction.boundary` says.

use super::super::task::{Control, ControlReceiver};
use super::sender::Sender;
use crate::validation::connector_config::{SourceKeys, TransactionBoundary};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::config::Config;
use turnbuckle_api::source::SourceTask;
use turnbuckle_api::{Error, Props, Result};

/// What stands between a task and its transactions; the herder's side of it.
#[async_trait]
pub trait TaskGate: Send + Sync {
    /// Returns when no producer of former tasks can write any more.
    async fn fence(&self) -> Result<()>;

    /// Checks that the connector has no newer task configurations than the task was started with.
    async fn verify(&self) -> Result<()>;
}

/// Ends transactions of one task.
pub(crate) struct Transactions {
    gate: Arc<dyn TaskGate>,
    /// Time between commits; None for one after every poll.
    interval: Option<Duration>,
    due: Instant,
    /// Records were committed that the task has not been told of.
    tell_task: bool,
}

impl Transactions {
    /// # Errors
    /// If the connector asks for boundaries that nobody would define.
    pub(crate) fn from_props(config: &Props, gate: Arc<dyn TaskGate>, flush_interval: Duration) -> Result<Self> {
        let keys = SourceKeys::from_props(config)?;
        let interval = match keys.transaction_boundary {
            TransactionBoundary::Poll => None,
            TransactionBoundary::Interval => {
                let millis = keys.transaction_boundary_interval_ms.map(i64::unsigned_abs);
                Some(millis.map_or(flush_interval, Duration::from_millis))
            }
            TransactionBoundary::Connector => {
                let detail = "The connector does not define transaction boundaries; choose poll or interval";
                return Err(Error::invalid_config("transaction.boundary", "connector", detail));
            }
        };
        Ok(Transactions {
            gate,
            interval,
            due: Instant::now(),
            tell_task: false,
        })
    }

    /// Takes over the transactional id; false if the task was to stop before that was done.
    pub(crate) async fn enter(&mut self, sender: &mut Sender, control: &mut ControlReceiver) -> Result<bool> {
        let entering = async {
            self.gate.fence().await?;
            sender.init_transactions().await?;
            self.gate.verify().await
        };
        tokio::select! {
            () = control.stopped() => return Ok(false),
            entered = entering => entered?,
        }
        self.due = Instant::now() + self.interval.unwrap_or_default();
        Ok(control.current() != Control::Stop)
    }

    /// After a batch was handed to the producer: commits if the boundary is here.
    pub(crate) async fn batch_sent(&mut self, sender: &mut Sender) -> Result<()> {
        match self.interval {
            Some(_) if Instant::now() < self.due => Ok(()),
            _ => self.commit(sender).await,
        }
    }

    /// Commits what is open.
    pub(crate) async fn commit(&mut self, sender: &mut Sender) -> Result<()> {
        sender.commit_transaction().await?;
        self.tell_task = true;
        if let Some(interval) = self.interval {
            self.due = Instant::now() + interval;
        }
        Ok(())
    }

    /// Between polls: an interval may have ended, and the task hears of commits.
    pub(crate) async fn between_polls(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) -> Result<()> {
        if self.interval.is_some() {
            self.batch_sent(sender).await?;
        }
        self.tell(sender, task).await;
        Ok(())
    }

    /// Tells the task which records were committed.
    pub(crate) async fn tell(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) {
        if !std::mem::take(&mut self.tell_task) {
            return;
        }
        let records = sender.take_acknowledged();
        if !records.is_empty()
            && let Err(error) = task.acknowledged(&records).await
        {
            tracing::error!("the task failed on committed records\n{}", error.trace());
        }
        if let Err(error) = task.commit().await {
            tracing::warn!("the task's commit failed\n{}", error.trace());
        }
    }
}
