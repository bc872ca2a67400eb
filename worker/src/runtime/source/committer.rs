//! When positions of a source task are stored: every `offset.flush.interval.ms` in the background, and once at the end.

use super::SourceTimes;
use super::sender::Sender;
use super::tracker::Committable;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use turnbuckle_api::source::SourceTask;
use turnbuckle_api::{Error, Result};

/// A commit on its way.
struct Flight {
    committable: Committable,
    result: oneshot::Receiver<Result<()>>,
}

/// Schedules commits with a fixed delay from the end of one to the start of the next.
pub(crate) struct Committer {
    times: SourceTimes,
    due: Instant,
    flight: Option<Flight>,
    /// A commit succeeded, the task has not been told.
    tell_task: bool,
}

impl Committer {
    pub(crate) fn new(times: SourceTimes) -> Self {
        Committer {
            times,
            due: Instant::now() + times.flush_interval,
            flight: None,
            tell_task: false,
        }
    }

    /// Starts a due commit, ends a finished one.
    pub(crate) fn tick(&mut self, sender: &mut Sender) -> Result<()> {
        if let Some(flight) = &mut self.flight {
            match flight.result.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => {}
                Ok(result) => self.landed(sender, result),
                Err(oneshot::error::TryRecvError::Closed) => {
                    self.landed(sender, Err(Error::connect("the offset store gave no answer")));
                }
            }
            return Ok(());
        }
        if Instant::now() >= self.due {
            self.start(sender);
        }
        Ok(())
    }

    /// As [`Committer::tick`], and tells the task of commits that succeeded.
    pub(crate) async fn between_polls(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) -> Result<()> {
        self.tick(sender)?;
        if std::mem::take(&mut self.tell_task)
            && let Err(error) = task.commit().await
        {
            tracing::warn!("the task's commit failed\n{}", error.trace());
        }
        Ok(())
    }

    /// The last commit of a task: waits for the one on its way and stores what is left.
    pub(crate) async fn commit_last(&mut self, sender: &mut Sender, task: &mut dyn SourceTask) {
        for _ in 0..2 {
            if self.flight.is_none() {
                self.start(sender);
            }
            if let Some(flight) = &mut self.flight {
                let result = (&mut flight.result).await;
                self.landed(
                    sender,
                    result.unwrap_or_else(|_| Err(Error::connect("the offset store gave no answer"))),
                );
            }
        }
        if std::mem::take(&mut self.tell_task)
            && let Err(error) = task.commit().await
        {
            tracing::warn!("the task's last commit failed\n{}", error.trace());
        }
    }

    fn start(&mut self, sender: &mut Sender) {
        let committable = sender.take_committable();
        if committable.is_empty() {
            // Nothing to store counts as a success, as in Connect.
            self.tell_task = true;
            self.due = Instant::now() + self.times.flush_interval;
            return;
        }
        let entries = match sender.serialise(&committable) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::error!(
                    "source offsets can't be written, so none will be committed\n{}",
                    error.trace()
                );
                sender.restore(committable);
                self.due = Instant::now() + self.times.flush_interval;
                return;
            }
        };
        let store = sender.offset_store();
        let limit = self.times.flush_timeout;
        let (answer, result) = oneshot::channel();
        tokio::spawn(async move {
            let stored = match timeout(limit, store.set(entries)).await {
                Ok(stored) => stored,
                Err(_) => Err(Error::connect(format!(
                    "Timed out waiting {} ms for offsets to be stored",
                    limit.as_millis()
                ))),
            };
            // The task may be gone; then nobody needs the answer.
            let _ = answer.send(stored);
        });
        self.flight = Some(Flight { committable, result });
    }

    fn landed(&mut self, sender: &mut Sender, result: Result<()>) {
        self.due = Instant::now() + self.times.flush_interval;
        let Some(flight) = self.flight.take() else { return };
        match result {
            Ok(()) => self.tell_task = true,
            Err(error) => {
                tracing::error!(
                    "Failed to commit source offsets; they are kept for the next time\n{}",
                    error.trace()
                );
                sender.restore(flight.committable);
            }
        }
    }
}
