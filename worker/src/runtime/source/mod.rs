//! A source task: poll → transforms → converters → producer → acknowledgements → offsets.
//!
//! While a batch is transformed, converted and queued, the next one is polled already; both run in the task's one future, so
//! the source's input is waited for while records are converted. Positions are stored every `offset.flush.interval.ms` and
//! at the end, in a future of their own.

mod committer;
mod exactly_once;
mod sender;
pub(super) mod topic_creation;
mod tracker;

use super::task::{Control, ControlReceiver, TaskStatusWriter};
use committer::Committer;
pub use exactly_once::TaskGate;
pub(super) use exactly_once::Transactions;
use futures::future::{BoxFuture, OptionFuture};
pub(super) use sender::{Sender, SenderParts};
use std::sync::Arc;
use std::time::Duration;
pub(super) use topic_creation::{Groups, TopicCreation};
use turnbuckle_api::source::{SourceTask, SourceTaskContext};
use turnbuckle_api::{Props, Record, Result};

/// How often acknowledgements are looked at while nothing else happens.
const TICK: Duration = Duration::from_millis(100);

/// Times of a source task.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceTimes {
    pub flush_interval: Duration,
    pub flush_timeout: Duration,
}

/// Everything a source task needs to run.
pub(super) struct SourceRun {
    pub task: Box<dyn SourceTask>,
    pub config: Props,
    pub context: Arc<dyn SourceTaskContext>,
    pub sender: Sender,
    pub times: SourceTimes,
    /// With exactly-once support.
    pub transactions: Option<Transactions>,
}

/// What came of waiting for a poll.
enum Polled {
    Batch(Vec<Record>),
    /// Stop was asked for; the poll was dropped.
    Stopping,
}

/// Runs a source task to its end.
pub(super) async fn run(
    mut parts: SourceRun,
    mut control: ControlReceiver,
    status: Arc<TaskStatusWriter>,
) -> Result<()> {
    if control.current() == Control::Pause {
        status.paused();
        control.other_than(Control::Pause).await;
    }
    if control.current() == Control::Stop {
        parts.sender.close().await;
        return Ok(());
    }
    if let Some(transactions) = &mut parts.transactions {
        match transactions.enter(&mut parts.sender, &mut control).await {
            Ok(true) => {}
            Ok(false) => {
                parts.sender.close().await;
                return Ok(());
            }
            Err(error) => {
                parts.sender.close().await;
                return Err(error);
            }
        }
    }
    let mut outcome = parts.task.start(parts.context.clone(), &parts.config).await;
    if outcome.is_ok() {
        status.running();
        let mut commits = match parts.transactions.take() {
            Some(transactions) => Commits::Transactions(transactions),
            None => Commits::Periodic(Committer::new(parts.times)),
        };
        outcome = poll_and_send(&mut parts, &mut commits, &mut control, &status).await;
        outcome = finish(&mut parts, commits, outcome, &status).await;
    }
    if let Err(error) = parts.task.stop().await {
        tracing::warn!(task = %status.task, "task did not stop cleanly\n{}", error.trace());
    }
    parts.sender.close().await;
    outcome
}

/// When positions are stored.
enum Commits {
    /// From time to time, after the broker acknowledged the records.
    Periodic(Committer),
    /// In the records' own transaction.
    Transactions(Transactions),
}

impl Commits {
    fn tick(&mut self, sender: &mut Sender) -> Result<()> {
        match self {
            Commits::Periodic(committer) => committer.tick(sender),
            Commits::Transactions(_) => Ok(()),
        }
    }

    async fn between_polls(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) -> Result<()> {
        match self {
            Commits::Periodic(committer) => committer.between_polls(sender, task).await,
            Commits::Transactions(transactions) => transactions.between_polls(sender, task).await,
        }
    }

    async fn batch_sent(&mut self, sender: &mut Sender) -> Result<()> {
        match self {
            Commits::Periodic(_) => Ok(()),
            Commits::Transactions(transactions) => transactions.batch_sent(sender).await,
        }
    }

    /// A pause ends the transaction; positions are stored by time anyway.
    async fn pause(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) -> Result<()> {
        if let Commits::Transactions(transactions) = self {
            transactions.commit(sender).await?;
            transactions.tell(sender, task).await;
        }
        Ok(())
    }

    fn is_transactional(&self) -> bool {
        matches!(self, Commits::Transactions(_))
    }
}

/// Stores what can be stored at the end of a task.
async fn finish(parts: &mut SourceRun, commits: Commits, outcome: Result<()>, status: &TaskStatusWriter) -> Result<()> {
    match commits {
        Commits::Periodic(mut committer) => {
            // What was acknowledged is worth storing even after a failure.
            if !parts.sender.drain(parts.times.flush_timeout).await {
                tracing::warn!(task = %status.task, "records are still unacknowledged; they will be sent again after a restart");
            }
            let settled = parts.sender.settle(&mut *parts.task).await;
            committer.commit_last(&mut parts.sender, &mut *parts.task).await;
            outcome.and(settled)
        }
        Commits::Transactions(mut transactions) => {
            let committed = match outcome {
                Ok(()) => transactions.commit(&mut parts.sender).await,
                failed => failed,
            };
            match committed {
                Ok(()) => transactions.tell(&mut parts.sender, &mut *parts.task).await,
                Err(_) => parts.sender.abort_transaction().await,
            }
            committed
        }
    }
}

async fn poll_and_send(
    parts: &mut SourceRun,
    commits: &mut Commits,
    control: &mut ControlReceiver,
    status: &TaskStatusWriter,
) -> Result<()> {
    let mut batch: Vec<Record> = Vec::new();
    loop {
        match control.current() {
            Control::Run => {}
            Control::Stop => return Ok(()),
            Control::Pause => {
                parts.sender.send(std::mem::take(&mut batch)).await?;
                commits.pause(&mut parts.sender, &mut *parts.task).await?;
                status.paused();
                wait_while_paused(parts, commits, control).await?;
                if control.current() == Control::Run {
                    status.running();
                }
                continue;
            }
        }
        parts.sender.settle(&mut *parts.task).await?;
        commits.between_polls(&mut parts.sender, &mut *parts.task).await?;
        if batch.is_empty() {
            // A source that has nothing and does not wait must not keep the thread.
            tokio::task::yield_now().await;
        }
        let poll = parts.task.poll();
        match poll_while_sending(poll, std::mem::take(&mut batch), &mut parts.sender, commits, control).await? {
            Polled::Batch(next) => batch = next,
            Polled::Stopping => return Ok(()),
        }
    }
}

/// Sends `batch` and waits for the poll, both at once.
async fn poll_while_sending(
    mut poll: BoxFuture<'_, Result<Option<Vec<Record>>>>,
    batch: Vec<Record>,
    sender: &mut Sender,
    commits: &mut Commits,
    control: &mut ControlReceiver,
) -> Result<Polled> {
    let mut polled = None;
    if !batch.is_empty() {
        // A commit on its way must not be given up: nobody would know how it ended.
        let may_stop = !commits.is_transactional();
        let sending = async {
            sender.send(batch).await?;
            commits.batch_sent(sender).await
        };
        let mut sending = std::pin::pin!(sending);
        loop {
            tokio::select! {
                biased;
                () = control.stopped(), if may_stop => return Ok(Polled::Stopping),
                sent = &mut sending => {
                    sent?;
                    break;
                }
                result = &mut poll, if polled.is_none() => polled = Some(result),
            }
        }
    }
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut acknowledgements = std::pin::pin!(OptionFuture::from(sender.acknowledgements()));
    while polled.is_none() {
        tokio::select! {
            biased;
            () = control.stopped() => return Ok(Polled::Stopping),
            result = &mut poll => polled = Some(result),
            // The task may wait for its acknowledgements before it can go on, so it gets them before more is polled.
            Some(()) = &mut acknowledgements => return Ok(Polled::Batch(Vec::new())),
            _ = tick.tick() => {
                sender.check()?;
                commits.tick(sender)?;
            }
        }
    }
    match polled.unwrap_or(Ok(None)) {
        Ok(records) => Ok(Polled::Batch(records.unwrap_or_default())),
        Err(error) if error.is_retriable() => {
            tracing::warn!("poll failed, trying again\n{}", error.trace());
            Ok(Polled::Batch(Vec::new()))
        }
        Err(error) => Err(error),
    }
}

/// Keeps acknowledgements and commits going until the task is to run or stop.
async fn wait_while_paused(parts: &mut SourceRun, commits: &mut Commits, control: &mut ControlReceiver) -> Result<()> {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            biased;
            () = control.other_than(Control::Pause) => return Ok(()),
            _ = tick.tick() => {
                parts.sender.settle(&mut *parts.task).await?;
                commits.between_polls(&mut parts.sender, &mut *parts.task).await?;
            }
        }
    }
}
