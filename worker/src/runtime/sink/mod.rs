//! A sink task: consumer → converters → transforms → `put` → positions → consumer offsets.
//!
//! The task's one future owns everything, the consumer too. While `put` of one batch waits for the target, the next batch is
//! consumed and decoded (at most one ahead). Assignments, revocations, commits and requests of the task are served between
//! batches, so the plugin never sees two calls at once.

mod batch;
mod commits;
mod context;
mod delivery;
mod reporter;
mod subscription;

use super::task::{Control, ControlReceiver, TaskStatusWriter};
use super::topics::TopicTracker;
use crate::kafka::consumer::{BatchLimits, Rebalance, TaskConsumer};
use batch::Batch;
pub(super) use batch::Decoder;
use commits::Commits;
pub(super) use context::SinkContext;
use std::sync::Arc;
use std::time::Duration;
pub(super) use subscription::Subscription;
use tokio::time::Instant;
use turnbuckle_api::sink::{SinkOffsets, SinkTask};
use turnbuckle_api::{Error, Props, Result, TopicPartition};

/// The consumer is looked at this often even if it does not call, so that the group hears of the task.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Times of a sink task.
#[derive(Clone, Copy, Debug)]
pub(super) struct SinkTimes {
    pub flush_interval: Duration,
    pub flush_timeout: Duration,
}

/// What a sink task is made of.
pub(super) struct SinkParts {
    pub task: Box<dyn SinkTask>,
    pub config: Props,
    pub context: Arc<SinkContext>,
    pub consumer: TaskConsumer,
    pub subscription: Subscription,
    pub decoder: Decoder,
    pub topics: TopicTracker,
    pub limits: BatchLimits,
    pub times: SinkTimes,
}

/// A running sink task.
struct SinkLoop {
    task: Box<dyn SinkTask>,
    context: Arc<SinkContext>,
    consumer: TaskConsumer,
    subscription: Subscription,
    decoder: Decoder,
    topics: TopicTracker,
    limits: BatchLimits,
    assigned: Vec<TopicPartition>,
    /// Positions after the last delivered batch.
    delivered: SinkOffsets,
    commits: Commits,
    /// Decoded and not delivered yet.
    next: Batch,
    /// Refused by a retriable error; everything is paused until it is delivered.
    retry: Option<Retry>,
    paused: bool,
}

struct Retry {
    batch: Batch,
    due: Instant,
}

/// Runs a sink task to its end.
pub(super) async fn run(parts: SinkParts, mut control: ControlReceiver, status: Arc<TaskStatusWriter>) -> Result<()> {
    if control.current() == Control::Pause {
        status.paused();
        control.other_than(Control::Pause).await;
    }
    if control.current() == Control::Stop {
        parts.consumer.close().await;
        return Ok(());
    }
    let mut sink = SinkLoop {
        task: parts.task,
        context: parts.context.clone(),
        consumer: parts.consumer,
        subscription: parts.subscription,
        decoder: parts.decoder,
        topics: parts.topics,
        limits: parts.limits,
        assigned: Vec::new(),
        delivered: SinkOffsets::new(),
        commits: Commits::new(parts.times),
        next: Batch::default(),
        retry: None,
        paused: false,
    };
    let mut outcome = sink.subscription.begin(&sink.consumer);
    if outcome.is_ok() {
        outcome = sink.task.start(parts.context, &parts.config).await;
    }
    if outcome.is_ok() {
        status.running();
        outcome = sink.run(&mut control, &status).await;
        let closed = sink.close_all().await;
        outcome = outcome.and(closed);
    }
    if let Err(error) = sink.task.stop().await {
        tracing::warn!(task = %status.task, "task did not stop cleanly\n{}", error.trace());
    }
    sink.decoder.close();
    sink.consumer.close().await;
    outcome
}

impl SinkLoop {
    async fn run(&mut self, control: &mut ControlReceiver, status: &TaskStatusWriter) -> Result<()> {
        loop {
            match control.current() {
                Control::Stop => return Ok(()),
                Control::Pause if !self.paused => self.pause(status)?,
                Control::Run if self.paused => self.resume(status)?,
                Control::Run | Control::Pause => {}
            }
            self.serve_requests()?;
            self.serve_commits().await?;
            while let Some(rebalance) = self.consumer.next_rebalance() {
                self.rebalance(rebalance).await?;
            }
            if let Some(error) = self.context.report_failure() {
                return Err(error);
            }
            self.subscription.refresh(&self.consumer)?;
            self.step(control).await?;
        }
    }

    /// Delivers something, or waits for a reason to look again.
    async fn step(&mut self, control: &mut ControlReceiver) -> Result<()> {
        if self.paused || self.retry.as_ref().is_some_and(|retry| retry.due > Instant::now()) {
            return self.wait(control).await;
        }
        if let Some(retry) = self.retry.take() {
            return self.deliver(retry.batch).await;
        }
        if !self.is_full() {
            self.fill().await?;
        }
        if self.consumer.rebalance_due() {
            return Ok(());
        }
        if !self.next.is_empty() {
            let batch = std::mem::take(&mut self.next);
            return self.deliver(batch).await;
        }
        let task_timeout = self.context.take_timeout().map(|timeout| Instant::now() + timeout);
        let deadline = task_timeout.map_or(self.commits.due(), |due| due.min(self.commits.due()));
        self.wait_until(control, deadline).await?;
        if Instant::now() >= deadline && self.next.is_empty() && !self.assigned.is_empty() {
            // Tasks that write by time see an empty batch now and then.
            return self.deliver(Batch::default()).await;
        }
        Ok(())
    }

    /// Waits while nothing may be delivered; the consumer is served.
    async fn wait(&mut self, control: &mut ControlReceiver) -> Result<()> {
        let deadline = match &self.retry {
            Some(retry) if !self.paused => retry.due.min(self.commits.due()),
            _ => self.commits.due(),
        };
        self.wait_until(control, deadline).await?;
        self.take_some(1).await
    }

    async fn wait_until(&mut self, control: &mut ControlReceiver, deadline: Instant) -> Result<()> {
        let state = control.current();
        let latest = deadline.min(Instant::now() + KEEP_ALIVE);
        tokio::select! {
            biased;
            () = control.other_than(state) => {}
            () = self.consumer.wake() => {}
            () = self.subscription.listed() => {}
            () = tokio::time::sleep_until(latest) => {}
        }
        Ok(())
    }

    fn all_paused(&self) -> bool {
        self.paused || self.retry.is_some()
    }

    fn pause(&mut self, status: &TaskStatusWriter) -> Result<()> {
        self.paused = true;
        self.consumer.pause(&self.assigned)?;
        status.paused();
        self.commits.request();
        Ok(())
    }

    fn resume(&mut self, status: &TaskStatusWriter) -> Result<()> {
        self.paused = false;
        if self.retry.is_none() {
            self.resume_partitions()?;
        }
        status.running();
        Ok(())
    }

    /// Resumes all partitions but those that the task itself paused.
    fn resume_partitions(&self) -> Result<()> {
        self.consumer.resume(
            self.assigned
                .iter()
                .filter(|partition| !self.context.is_paused(partition)),
        )
    }

    /// Pauses and rewinds that the task asked for.
    fn serve_requests(&mut self) -> Result<()> {
        for (partition, paused) in self.context.take_pause_changes() {
            if !self.assigned.contains(&partition) {
                return Err(Error::new(
                    turnbuckle_api::ErrorKind::IllegalState,
                    format!("No current assignment for partition {partition}"),
                ));
            }
            match paused {
                true => self.consumer.pause([&partition])?,
                false if self.all_paused() => {}
                false => self.consumer.resume([&partition])?,
            }
        }
        for (partition, offset) in self.context.take_rewinds() {
            if self.assigned.contains(&partition) {
                self.rewind(partition, offset)?;
            } else {
                tracing::warn!(%partition, offset, "rewind of a partition that is not assigned is ignored");
            }
        }
        Ok(())
    }

    fn rewind(&mut self, partition: TopicPartition, offset: i64) -> Result<()> {
        self.consumer.seek(&partition, offset)?;
        let one = std::slice::from_ref(&partition);
        self.next.remove(one);
        if let Some(retry) = &mut self.retry {
            retry.batch.remove(one);
        }
        self.commits.set_committed(partition.clone(), offset);
        self.delivered.insert(partition, offset);
        Ok(())
    }

    async fn rebalance(&mut self, rebalance: Rebalance) -> Result<()> {
        match rebalance {
            Rebalance::Assigned(partitions) => self.open(partitions).await,
            Rebalance::Revoked { partitions, lost } => {
                if !lost {
                    self.commit_closing(&partitions).await;
                }
                let closed = self.close(&partitions).await;
                self.consumer.unassign(&partitions)?;
                closed
            }
        }
    }

    async fn open(&mut self, partitions: Vec<TopicPartition>) -> Result<()> {
        tracing::info!(partitions = context::summary(&partitions), "assigned");
        self.assigned.extend(partitions.iter().cloned());
        self.context.set_assignment(self.assigned.clone());
        if !partitions.is_empty() {
            self.task.open(&partitions).await?;
        }
        // Where a task says in `open` to start, its partitions start.
        let mut start = self.context.take_rewinds();
        let others: SinkOffsets = start
            .extract_if(|partition, _| !partitions.contains(partition))
            .collect();
        for (partition, offset) in &start {
            self.commits.set_committed(partition.clone(), *offset);
            self.delivered.insert(partition.clone(), *offset);
        }
        self.consumer.assign(&partitions, &start, self.all_paused())?;
        self.context.rewind_later(others);
        Ok(())
    }

    /// Closes partitions and forgets them.
    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        tracing::info!(partitions = context::summary(partitions), "revoked");
        let closed = match partitions.is_empty() {
            true => Ok(()),
            false => self.task.close(partitions).await,
        };
        self.assigned.retain(|partition| !partitions.contains(partition));
        self.context.set_assignment(self.assigned.clone());
        self.next.remove(partitions);
        for partition in partitions {
            self.delivered.remove(partition);
            self.commits.forget(partition);
        }
        if let Some(reporter) = self.context.reporter() {
            reporter.forget(partitions);
        }
        let retry_left = self.retry.as_mut().is_some_and(|retry| {
            retry.batch.remove(partitions);
            !retry.batch.positions.is_empty()
        });
        if self.retry.is_some() && !retry_left {
            self.retry = None;
            if !self.paused {
                self.resume_partitions()?;
            }
        }
        closed
    }

    /// At the end: the last commit, and all partitions closed.
    async fn close_all(&mut self) -> Result<()> {
        let partitions = self.assigned.clone();
        if partitions.is_empty() {
            return Ok(());
        }
        self.commit_closing(&partitions).await;
        self.close(&partitions).await
    }
}
