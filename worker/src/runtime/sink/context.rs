//! What a sink task may ask of the worker. Requests are noted here and served by the task's loop before the next `put`.

use super::super::ConfigResolver;
use super::super::pipeline::Operator;
use super::reporter::Reporter;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkOffsets, SinkTaskContext};
use turnbuckle_api::{Error, Props, Result, TopicPartition};

/// Requests of a task.
#[derive(Debug, Default)]
struct Requests {
    assignment: Vec<TopicPartition>,
    rewinds: SinkOffsets,
    paused: HashSet<TopicPartition>,
    /// Partitions to pause (true) or resume at the consumer.
    pause_changes: Vec<(TopicPartition, bool)>,
    timeout: Option<Duration>,
    commit: bool,
}

/// Context of one sink task.
pub(crate) struct SinkContext {
    requests: Mutex<Requests>,
    resolver: ConfigResolver,
    reporter: Option<Arc<Reporter>>,
}

impl SinkContext {
    pub(crate) fn new(resolver: ConfigResolver, operator: &Arc<Operator>) -> Self {
        let reporter = operator.reports().then(|| Arc::new(Reporter::new(operator.clone())));
        SinkContext {
            requests: Mutex::new(Requests::default()),
            resolver,
            reporter,
        }
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_assignment(&self, assignment: Vec<TopicPartition>) {
        let mut requests = self.requests();
        requests.paused.retain(|partition| assignment.contains(partition));
        requests.assignment = assignment;
    }

    pub(crate) fn take_rewinds(&self) -> SinkOffsets {
        std::mem::take(&mut self.requests().rewinds)
    }

    /// Notes rewinds that could not be served yet.
    pub(crate) fn rewind_later(&self, offsets: SinkOffsets) {
        self.requests().rewinds.extend(offsets);
    }

    pub(crate) fn take_pause_changes(&self) -> Vec<(TopicPartition, bool)> {
        std::mem::take(&mut self.requests().pause_changes)
    }

    pub(crate) fn is_paused(&self, partition: &TopicPartition) -> bool {
        self.requests().paused.contains(partition)
    }

    pub(crate) fn take_timeout(&self) -> Option<Duration> {
        self.requests().timeout.take()
    }

    pub(crate) fn take_commit_request(&self) -> bool {
        std::mem::take(&mut self.requests().commit)
    }

    /// A report that was not tolerated, although the task may have swallowed the error.
    pub(crate) fn report_failure(&self) -> Option<Error> {
        self.reporter.as_ref()?.failure()
    }

    /// The reporter, if failed records go anywhere.
    pub(crate) fn reporter(&self) -> Option<&Arc<Reporter>> {
        self.reporter.as_ref()
    }
}

impl SinkTaskContext for SinkContext {
    fn configs(&self) -> Result<Props> {
        self.resolver.resolve()
    }

    fn rewind(&self, offsets: SinkOffsets) {
        self.requests().rewinds.extend(offsets);
    }

    fn set_retry_timeout(&self, timeout: Duration) {
        self.requests().timeout = Some(timeout);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        self.requests().assignment.clone()
    }

    fn pause(&self, partitions: &[TopicPartition]) {
        let mut requests = self.requests();
        for partition in partitions {
            requests.paused.insert(partition.clone());
            requests.pause_changes.push((partition.clone(), true));
        }
    }

    fn resume(&self, partitions: &[TopicPartition]) {
        let mut requests = self.requests();
        for partition in partitions {
            requests.paused.remove(partition);
            requests.pause_changes.push((partition.clone(), false));
        }
    }

    fn request_commit(&self) {
        self.requests().commit = true;
    }

    fn errant_record_reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>> {
        self.reporter
            .clone()
            .map(|reporter| reporter as Arc<dyn ErrantRecordReporter>)
    }
}

/// Counts partitions by topic, for logs.
pub(crate) fn summary(partitions: &[TopicPartition]) -> String {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for partition in partitions {
        *counts.entry(&partition.topic).or_default() += 1;
    }
    let mut parts: Vec<String> = counts
        .iter()
        .map(|(topic, count)| format!("{topic}: {count}"))
        .collect();
    parts.sort();
    parts.join(", ")
}
