//! The task: makes targets ready, fills batches, waits for room, and tells which offsets may be committed.

use super::batch::Batch;
use super::driver::{Driver, Shared};
use super::offsets::{Ticket, origin};
use super::request::{Made, RequestBuilder, Target};
use crate::client::Client;
use crate::config::{Behavior, Conflict, NullBehavior, Settings, Vendor};
use crate::resources::{Preparer, Retries};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::{Error, ErrorKind, Props, Record, Result, Text, TopicPartition};

/// How long a commit waits for what is on its way, so that mostly everything is committed.
const COMMIT_PATIENCE: Duration = Duration::from_millis(500);

/// How long partitions that go away wait for what is on its way.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// How soon to look again while partitions are paused.
const PAUSED_POLL: Duration = Duration::from_millis(100);

/// The task of all three classes.
pub(crate) struct ElasticsearchSinkTask {
    vendor: Vendor,
    running: Option<Running>,
}

impl ElasticsearchSinkTask {
    pub(crate) fn new(vendor: Vendor) -> Self {
        ElasticsearchSinkTask { vendor, running: None }
    }

    fn running(&mut self) -> Result<&mut Running> {
        self.running
            .as_mut()
            .ok_or_else(|| Error::new(ErrorKind::IllegalState, "the task is not started"))
    }
}

struct Running {
    settings: Settings,
    context: Arc<dyn SinkTaskContext>,
    reporter: Option<Arc<dyn ErrantRecordReporter>>,
    preparer: Preparer,
    builder: RequestBuilder,
    targets: HashMap<Text, Target>,
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
    tickets: Vec<Ticket>,
    paused: bool,
}

#[async_trait]
impl SinkTask for ElasticsearchSinkTask {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, props: &Props) -> Result<()> {
        let settings = self.vendor.settings(props)?;
        let reporter = context.errant_record_reporter();
        let outcomes = &settings.outcomes;
        let reports =
            outcomes.malformed == Behavior::Report || outcomes.conflict == Conflict::Behavior(Behavior::Report);
        if reports && reporter.is_none() {
            return Err(Error::config(
                "Errant record reporter must be configured when using 'report' option for behavior.on.malformed.documents \
                 or behavior.on.version.conflict",
            ));
        }
        let client = Arc::new(Client::new(&settings.connection)?);
        let shared = Arc::new(Shared::default());
        let driver = Driver {
            shared: shared.clone(),
            client: client.clone(),
            bulk: settings.bulk,
            outcomes: settings.outcomes.clone(),
            data_stream: settings.resources.data_stream,
            context: context.clone(),
            reporter: reporter.clone(),
        };
        self.running = Some(Running {
            preparer: Preparer::new(client, settings.resources.clone(), Retries::of(&settings.bulk)),
            builder: RequestBuilder::new(settings.documents.clone(), settings.resources.data_stream),
            targets: HashMap::new(),
            driver: tokio::spawn(driver.run()),
            shared,
            context,
            reporter,
            settings,
            tickets: Vec::new(),
            paused: false,
        });
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let running = self.running()?;
        running.check()?;
        running.resume_if_possible();
        if !records.is_empty() {
            running.put(records).await?;
        }
        running.pause_if_needed();
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets> {
        let running = self.running()?;
        let bulk = running.settings.bulk;
        running.shared.flush();
        if bulk.flush_synchronously {
            let deadline = Instant::now() + bulk.flush_timeout;
            if !running.shared.wait_for(deadline, |state| state.is_idle()).await {
                return Err(Error::connect(format!(
                    "Cannot finish flush messages within {}",
                    bulk.flush_timeout.as_millis()
                )));
            }
            running.check()?;
            return Ok(offsets);
        }
        let deadline = Instant::now() + COMMIT_PATIENCE;
        running.shared.wait_for(deadline, |state| state.is_idle()).await;
        Ok(running.shared.state().offsets.allowed(&offsets))
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let running = self.running()?;
        // What is on its way should not come after what the partitions' next owner writes.
        running.shared.flush();
        let deadline = Instant::now() + running.settings.bulk.flush_timeout.min(CLOSE_PATIENCE);
        running.shared.wait_for(deadline, |state| state.is_idle()).await;
        running.shared.state().offsets.close(partitions);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        running.shared.flush();
        let deadline = Instant::now() + running.settings.bulk.flush_timeout;
        let failed = running.shared.state().failed.is_some();
        let finished = failed || running.shared.wait_for(deadline, |state| state.is_idle()).await;
        running.driver.abort();
        match finished {
            true => Ok(()),
            false => Err(Error::connect(
                "Failed to process outstanding requests in time while closing the ElasticsearchClient.",
            )),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Running {
    /// # Errors
    /// What the driver met.
    fn check(&self) -> Result<()> {
        match &self.shared.state().failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let mut batch = self.begin(records);
        for (index, record) in records.iter().enumerate() {
            let Some(ticket) = self.tickets.get(index).copied() else {
                continue;
            };
            if let Err(error) = self.take(record, ticket, &mut batch).await {
                // What came before is sent all the same.
                self.shared.push_ready(batch);
                return Err(error);
            }
        }
        self.shared.leave_open(batch);
        Ok(())
    }

    /// Notes all records, and takes back the batch that is not full.
    fn begin(&mut self, records: &[Record]) -> Batch {
        let mut state = self.shared.state();
        self.tickets.clear();
        for record in records {
            let (topic, partition, offset) = origin(record).unwrap_or((&record.topic, 0, 0));
            let ticket = state.offsets.add(topic, partition, offset);
            self.tickets.push(ticket);
        }
        std::mem::take(&mut state.open)
    }

    async fn take(&mut self, record: &Record, ticket: Ticket, batch: &mut Batch) -> Result<()> {
        if record.value.value.is_null() && self.settings.documents.null_values == NullBehavior::Ignore {
            self.done(ticket);
            let wants_report = self.settings.documents.report_ignored_nulls;
            return match &self.reporter {
                Some(reporter) if wants_report => {
                    reporter
                        .report(record, Error::connect("Cannot write null valued record."))
                        .await
                }
                _ => Ok(()),
            };
        }
        self.make_ready(record).await?;
        self.wait_for_room(batch).await?;
        let Some(target) = self.targets.get(&record.topic) else {
            return Err(Error::new(
                ErrorKind::IllegalState,
                "the target of a topic is not known",
            ));
        };
        match self.builder.append(record, target, ticket, batch) {
            Ok(Made::Nothing) => self.done(ticket),
            Ok(Made::Item) => self.added(batch),
            Err(error) if error.kind() == ErrorKind::Data => self.invalid(record, ticket, error).await?,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Counts a new item, and sends what is full.
    fn added(&self, batch: &mut Batch) {
        self.shared.state().buffered += 1;
        let bulk = &self.settings.bulk;
        if batch.body.len() > bulk.bytes && batch.items.len() > 1 {
            let last = batch.split_last();
            self.shared.push_ready(std::mem::replace(batch, last));
        }
        if batch.items.len() >= bulk.batch_size || batch.body.len() >= bulk.bytes {
            let capacity = batch.body.len();
            self.shared.push_ready(std::mem::take(batch));
            batch.body.reserve(capacity);
        }
    }

    fn done(&self, ticket: Ticket) {
        self.shared.state().offsets.done(ticket);
    }

    /// A record that makes no document.
    async fn invalid(&self, record: &Record, ticket: Ticket, error: Error) -> Result<()> {
        if let Some(reporter) = &self.reporter {
            reporter.report(record, error.clone()).await?;
        }
        if !self.settings.documents.drop_invalid {
            return Err(error);
        }
        tracing::error!(record = record.coordinates(), %error, "no document can be made of a record; it is dropped");
        self.done(ticket);
        Ok(())
    }

    /// Sees to it that the record's target is there. A record without value can't declare fields; the next one does.
    async fn make_ready(&mut self, record: &Record) -> Result<()> {
        let with_mapping = !record.value.value.is_null() && self.builder.wants_mapping(&record.topic);
        if self
            .targets
            .get(&record.topic)
            .is_some_and(|target| target.mapped || !with_mapping)
        {
            return Ok(());
        }
        let name = self.settings.resources.naming.of(&record.topic)?;
        self.preparer
            .prepare(&name, record.value.schema.as_ref(), with_mapping)
            .await?;
        self.targets
            .insert(record.topic.clone(), Target::new(name, with_mapping));
        Ok(())
    }

    /// Waits while too much is on its way.
    async fn wait_for_room(&mut self, batch: &mut Batch) -> Result<()> {
        let bulk = self.settings.bulk;
        if self.shared.state().buffered < bulk.buffered {
            return Ok(());
        }
        self.shared.push_ready(std::mem::take(batch));
        let deadline = Instant::now() + bulk.flush_timeout;
        let room = |state: &super::driver::State| state.buffered < bulk.buffered;
        if !self.shared.wait_for(deadline, room).await {
            return Err(Error::connect(
                "Could not make space in the internal buffer fast enough. Consider increasing flush.timeout.ms or \
                 max.buffered.records.",
            ));
        }
        self.check()
    }

    /// One slow document holds up its partition's offsets; beyond this many, nothing more is taken.
    fn pause_if_needed(&mut self) {
        let pending = self.shared.state().offsets.pending();
        if !self.paused && pending > self.settings.bulk.buffered.saturating_mul(10) {
            self.context.pause(&self.context.assignment());
            self.context.set_retry_timeout(PAUSED_POLL);
            self.paused = true;
        }
    }

    fn resume_if_possible(&mut self) {
        if !self.paused {
            return;
        }
        let pending = self.shared.state().offsets.pending();
        if pending <= self.settings.bulk.buffered.saturating_mul(5) {
            self.context.resume(&self.context.assignment());
            self.paused = false;
        } else {
            self.context.set_retry_timeout(PAUSED_POLL);
        }
    }
}
