//! Consumer offsets of a sink task: when they are committed, and what of the task's answer may be.

use super::{SinkLoop, SinkTimes};
use std::collections::HashMap;
use tokio::time::Instant;
use turnbuckle_api::Result;
use turnbuckle_api::TopicPartition;
use turnbuckle_api::sink::SinkOffsets;

/// State of commits.
pub(super) struct Commits {
    times: SinkTimes,
    due: Instant,
    requested: bool,
    /// Last committed offsets, or where consuming began.
    committed: SinkOffsets,
    flight: Option<(SinkOffsets, Instant)>,
}

impl Commits {
    pub(super) fn new(times: SinkTimes) -> Self {
        Commits {
            times,
            due: Instant::now() + times.flush_interval,
            requested: false,
            committed: HashMap::new(),
            flight: None,
        }
    }

    /// When the next commit is due.
    pub(super) fn due(&self) -> Instant {
        match &self.flight {
            Some((_, begun)) => self.due.max(*begun + self.times.flush_timeout),
            None => self.due,
        }
    }

    pub(super) fn request(&mut self) {
        self.requested = true;
    }

    pub(super) fn set_committed(&mut self, partition: TopicPartition, offset: i64) {
        self.committed.insert(partition, offset);
    }

    /// Where consuming of a partition began, unless more is known.
    pub(super) fn set_start(&mut self, partition: &TopicPartition, offset: i64) {
        if !self.committed.contains_key(partition) {
            self.committed.insert(partition.clone(), offset);
        }
    }

    fn is_in_flight(&self, offsets: &SinkOffsets) -> bool {
        self.flight.as_ref().is_some_and(|(flying, _)| flying == offsets)
    }

    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.committed.remove(partition);
    }

    /// Of the offsets that a task allows, those that may be committed: of partitions it was asked about, and not beyond
    /// what it was given. Empty if nothing would change.
    pub(super) fn allowed(&self, asked: &SinkOffsets, answer: SinkOffsets) -> SinkOffsets {
        let mut allowed = SinkOffsets::new();
        for (partition, offset) in answer {
            match asked.get(&partition) {
                None => {
                    tracing::warn!(%partition, offset, "the task allowed an offset of a partition it was not asked about")
                }
                Some(delivered) if offset > *delivered => {
                    tracing::warn!(%partition, offset, delivered, "the task allowed an offset beyond what it was given");
                }
                Some(_) => {
                    allowed.insert(partition, offset);
                }
            }
        }
        let changes = |(partition, offset): (&TopicPartition, &i64)| self.committed.get(partition) != Some(offset);
        match allowed.iter().any(changes) {
            true => allowed,
            false => SinkOffsets::new(),
        }
    }
}

impl SinkLoop {
    /// Ends commits that were answered or took too long, and starts one that is due.
    pub(super) async fn serve_commits(&mut self) -> Result<()> {
        while let Some(report) = self.consumer.next_commit_report() {
            match report.result {
                // An answer to a commit that was given up no longer matches.
                Ok(()) if !self.commits.is_in_flight(&report.offsets) => continue,
                Ok(()) => self.commits.committed.extend(report.offsets),
                Err(error) => tracing::error!("Commit of offsets failed\n{}", error.trace()),
            }
            self.commits.flight = None;
        }
        let now = Instant::now();
        if let Some((_, begun)) = &self.commits.flight {
            if now < *begun + self.commits.times.flush_timeout {
                return Ok(());
            }
            tracing::warn!("Commit of offsets timed out");
            self.commits.flight = None;
        }
        let asked = self.context.take_commit_request() || std::mem::take(&mut self.commits.requested);
        if asked || now >= self.commits.due {
            self.commits.due = now + self.commits.times.flush_interval;
            self.commit().await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        if self.delivered.is_empty() {
            return Ok(());
        }
        let offsets = self.delivered.clone();
        let answer = match self.task.pre_commit(offsets.clone()).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(
                    "Offset commit failed, rewinding to last committed offsets\n{}",
                    error.trace()
                );
                let last: Vec<(TopicPartition, i64)> = self
                    .commits
                    .committed
                    .iter()
                    .map(|(partition, offset)| (partition.clone(), *offset))
                    .collect();
                for (partition, offset) in last {
                    self.rewind(partition, offset)?;
                }
                return Ok(());
            }
        };
        if let Some(error) = self.context.report_failure() {
            return Err(error);
        }
        self.note_secured(&answer);
        // Records reported just now are on their way to the dead letter queue.
        self.decoder.operator.flush().await;
        let allowed = self.commits.allowed(&offsets, answer);
        if !allowed.is_empty() {
            self.consumer.commit(&allowed)?;
            self.commits.flight = Some((allowed, Instant::now()));
        }
        Ok(())
    }

    /// What is secured can no longer fail.
    fn note_secured(&self, offsets: &SinkOffsets) {
        if let Some(reporter) = self.context.reporter() {
            reporter.secured(offsets);
        }
    }

    /// The last commit of partitions that go away; waits for the broker. Failures are logged: the records come again.
    pub(super) async fn commit_closing(&mut self, partitions: &[TopicPartition]) {
        let mut offsets = self.delivered.clone();
        offsets.retain(|partition, _| partitions.contains(partition));
        if offsets.is_empty() {
            return;
        }
        let answer = match self.task.pre_commit(offsets.clone()).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!("Offset commit failed during close\n{}", error.trace());
                return;
            }
        };
        if self.context.report_failure().is_some() {
            tracing::warn!("Offsets are not committed, because the task reported a record and no errors are tolerated");
            return;
        }
        self.note_secured(&answer);
        self.decoder.operator.flush().await;
        let allowed = self.commits.allowed(&offsets, answer);
        if allowed.is_empty() {
            return;
        }
        match self.consumer.commit_and_wait(&allowed).await {
            Ok(()) => self.commits.committed.extend(allowed),
            Err(error) => tracing::error!("Commit of offsets failed during close\n{}", error.trace()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn offsets(entries: &[(&str, i32, i64)]) -> SinkOffsets {
        entries
            .iter()
            .map(|(topic, partition, offset)| (TopicPartition::new(*topic, *partition), *offset))
            .collect()
    }

    #[test]
    fn only_delivered_offsets_of_own_partitions_are_committed() {
        let hour = Duration::from_secs(3600);
        let mut commits = Commits::new(SinkTimes {
            flush_interval: hour,
            flush_timeout: hour,
        });
        let asked = offsets(&[("t", 0, 10), ("t", 1, 20)]);
        let answer = offsets(&[("t", 0, 11), ("t", 1, 15), ("u", 0, 1)]);
        assert_eq!(commits.allowed(&asked, answer), offsets(&[("t", 1, 15)]));
        commits.committed = offsets(&[("t", 1, 15)]);
        assert!(commits.allowed(&asked, offsets(&[("t", 1, 15)])).is_empty());
        assert_eq!(commits.allowed(&asked, asked.clone()), asked);
    }
}
