//! The writer: maps a batch, sends it as pipelines, and sorts out the replies.

use crate::commands::Commands;
use crate::config::{OffsetStorage, Settings};
use crate::connection::Session;
use crate::error::{Failure, timed_out};
use crate::mapping::Mapper;
use crate::offsets::{self, StoredOffsets};
use redis::Value;
use std::ops::Range;
use std::time::Duration;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkOffsets};
use turnbuckle_api::{Error, ErrorKind, Record, Result, TopicPartition};

/// Keys and values of one pipeline, about.
const PIPELINE_BYTES: usize = 4 * 1024 * 1024;

/// Writes batches.
pub(crate) struct Writer {
    settings: Settings,
    mapper: Mapper,
    session: Option<Session>,
    /// What Redis has, if its offsets decide.
    stored: StoredOffsets,
    /// Progress in a batch that will come again.
    progress: Option<Progress>,
}

/// Which records of a batch are settled already: reported, or written to a structure that must not get them twice.
struct Progress {
    /// Coordinates of the first record and length, by which the batch is known again.
    first: String,
    written: Vec<bool>,
}

impl Progress {
    fn new(records: &[Record]) -> Progress {
        Progress {
            first: Self::name(records),
            written: vec![false; records.len()],
        }
    }

    fn name(records: &[Record]) -> String {
        records.first().map(Record::coordinates).unwrap_or_default()
    }

    fn is_of(&self, records: &[Record]) -> bool {
        self.written.len() == records.len() && self.first == Self::name(records)
    }

    fn mark(&mut self, records: Range<usize>) {
        if let Some(written) = self.written.get_mut(records) {
            written.fill(true);
        }
    }
}

/// A record that the server refused.
struct Refused {
    records: Range<usize>,
    error: Error,
}

impl Writer {
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        Ok(Writer {
            mapper: Mapper::new(settings.write.clone())?,
            settings,
            session: None,
            stored: StoredOffsets::default(),
            progress: None,
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn close(&mut self) {
        self.session = None;
    }

    /// True if offsets in Redis decide where to go on.
    pub(crate) fn stores_offsets(&self) -> bool {
        self.settings.write.offset_storage == OffsetStorage::Redis
    }

    /// The first connection: as many attempts as configured, then a look whether the server can do what is needed.
    pub(crate) async fn connect(&mut self) -> Result<()> {
        let attempts = self.settings.attempts.max(1);
        for attempt in 1..=attempts {
            match self.settings.connect.connect().await {
                Ok(session) => {
                    self.session = Some(session);
                    break;
                }
                Err(Failure::Connection(error) | Failure::Busy(error)) if attempt < attempts => {
                    tracing::warn!(attempt, attempts, %error, "cannot connect to Redis; will try again");
                    tokio::time::sleep(self.settings.retry_delay).await;
                }
                Err(failure) => return Err(failure.into_error()),
            }
        }
        self.check_module().await
    }

    /// Structures of modules need a server that has them.
    async fn check_module(&mut self) -> Result<()> {
        let Some((command, module)) = self.settings.write.structure.module_command() else {
            return Ok(());
        };
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        let mut info = redis::cmd("COMMAND");
        info.arg("INFO").arg(command);
        // Who may not ask finds out with the first record.
        let unknown = match session.query(&info).await {
            Ok(Value::Array(entries)) => matches!(entries.as_slice(), [] | [Value::Nil]),
            _ => false,
        };
        if unknown {
            return Err(self.lacks_module(command, module));
        }
        Ok(())
    }

    fn lacks_module(&self, command: &str, module: &str) -> Error {
        Error::connect(format!(
            "{} does not know {command}, which the configured redis.type needs: load the module {module} there, use a \
             server that has it (Redis 8, Redis Stack), or choose another redis.type",
            self.settings.connect.topology
        ))
    }

    /// The open connections, made now if need be.
    async fn session(&mut self, partitions: &[TopicPartition]) -> Result<&mut Session, Failure> {
        if self.session.is_none() {
            let mut session = self.settings.connect.connect().await?;
            if self.stores_offsets() {
                // A transaction whose reply was lost may have been written.
                let prefix = self.settings.write.offset_prefix;
                self.stored
                    .extend(offsets::read(&mut session, prefix, partitions).await?);
            }
            self.session = Some(session);
        }
        match &mut self.session {
            Some(session) => Ok(session),
            None => Err(Failure::Connection(Error::connect("not connected"))),
        }
    }

    /// Offsets in Redis of newly assigned partitions.
    pub(crate) async fn open(&mut self, partitions: &[TopicPartition]) -> Result<SinkOffsets> {
        let prefix = self.settings.write.offset_prefix;
        let read = match self.session(&[]).await {
            Ok(session) => offsets::read(session, prefix, partitions).await,
            Err(failure) => Err(failure),
        };
        match read {
            Ok(stored) => {
                self.stored.extend(stored.clone());
                Ok(stored.as_offsets().clone())
            }
            Err(failure) => Err(self.give_up(failure)),
        }
    }

    pub(crate) fn close_partitions(&mut self, partitions: &[TopicPartition]) {
        self.stored.forget(partitions);
    }

    /// Writes a batch. Records that can't be written go to the reporter if there is one.
    ///
    /// # Errors
    /// Retriable if the batch may succeed later; else the task can't go on.
    pub(crate) async fn write(
        &mut self,
        records: &[Record],
        assignment: &[TopicPartition],
        reporter: Option<&dyn ErrantRecordReporter>,
    ) -> Result<()> {
        if let Err(failure) = self.session(assignment).await {
            return Err(self.give_up(failure));
        }
        if self.progress.as_ref().is_some_and(|progress| !progress.is_of(records)) {
            self.progress = None;
        }
        let chunks = self.map_all(records, reporter).await?;
        for chunk in chunks {
            match self.write_chunk(chunk, records).await {
                Ok(refused) => self.settle(refused, records, reporter).await?,
                Err(failure) => return Err(self.give_up(failure)),
            }
        }
        self.progress = None;
        Ok(())
    }

    /// Maps all records before anything is written: if one can't be and nobody takes it, nothing is.
    async fn map_all(
        &mut self,
        records: &[Record],
        reporter: Option<&dyn ErrantRecordReporter>,
    ) -> Result<Vec<Commands>> {
        let cluster = self.settings.connect.is_cluster();
        let most = self.settings.write.pipeline;
        let mut chunks = Vec::new();
        let mut current = Commands::new(cluster);
        let mut in_current = 0;
        let mut reached = StoredOffsets::default();
        for (position, record) in records.iter().enumerate() {
            if self.is_written(position, record) {
                continue;
            }
            if let Err(error) = self.mapper.map(position, record, &mut current, true) {
                report(record, error, reporter).await?;
                self.mark_done(records, position..position + 1);
            }
            if self.stores_offsets() {
                reached.advance(record);
            }
            in_current += 1;
            if in_current >= most || current.bytes() >= PIPELINE_BYTES {
                self.add_offsets(&mut current, &reached);
                chunks.push(std::mem::replace(&mut current, Commands::new(cluster)));
                in_current = 0;
            }
        }
        if in_current > 0 {
            self.add_offsets(&mut current, &reached);
            chunks.push(current);
        }
        Ok(chunks)
    }

    fn add_offsets(&self, commands: &mut Commands, reached: &StoredOffsets) {
        if self.stores_offsets() && !reached.is_empty() {
            offsets::store(self.settings.write.offset_prefix, reached.as_offsets(), commands, false);
        }
    }

    fn is_written(&self, position: usize, record: &Record) -> bool {
        let in_batch = self
            .progress
            .as_ref()
            .and_then(|progress| progress.written.get(position));
        in_batch.copied().unwrap_or(false) || (self.stores_offsets() && self.stored.covers(record))
    }

    /// Sends one pipeline; returns the records that were refused.
    async fn write_chunk(&mut self, mut commands: Commands, records: &[Record]) -> Result<Vec<Refused>, Failure> {
        let stores_offsets = self.stores_offsets();
        let transaction = self.settings.write.transaction || stores_offsets;
        let places = commands.take_records();
        let replies = self.run(commands, transaction).await?;
        let appends = self.settings.write.structure.appends() && !stores_offsets;
        let mut refused: Vec<Refused> = Vec::new();
        let mut failed: Option<Failure> = None;
        let mut at_fault = 0..0;
        for (place, reply) in places.iter().zip(&replies) {
            let Value::ServerError(error) = reply else {
                // A record's first command decides.
                if appends && *place != at_fault {
                    self.mark_done(records, place.clone());
                }
                continue;
            };
            match Failure::of_reply(error) {
                // Offsets stand for no record: their failure is that of the whole.
                Failure::Record(error) if place.is_empty() => failed = failed.or(Some(Failure::Fatal(error))),
                // A record may have several commands; one report is enough.
                Failure::Record(_) if *place == at_fault => {}
                Failure::Record(error) => refused.push(Refused {
                    records: place.clone(),
                    error,
                }),
                failure => failed = failed.or(Some(failure)),
            }
            at_fault = place.clone();
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        if let Some(wait) = self.settings.write.wait
            && let Some(session) = &mut self.session
        {
            session.wait(wait).await?;
        }
        if stores_offsets {
            for place in places.iter().filter(|place| !place.is_empty()) {
                records
                    .get(place.clone())
                    .unwrap_or_default()
                    .iter()
                    .for_each(|record| self.stored.advance(record));
            }
        }
        Ok(refused)
    }

    async fn run(&mut self, commands: Commands, transaction: bool) -> Result<Vec<Value>, Failure> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let timeout = self.settings.connect.operation_timeout;
        let Some(session) = &mut self.session else {
            return Err(Failure::Connection(Error::connect("not connected")));
        };
        match session.run(commands, transaction).await {
            Ok(replies) => Ok(replies),
            Err(error) if error.is_timeout() => Err(Failure::Connection(timed_out(timeout))),
            Err(error) => Err(Failure::of(&error)),
        }
    }

    /// Remembers records that need not be written when the batch comes again.
    fn mark_done(&mut self, records: &[Record], place: Range<usize>) {
        self.progress.get_or_insert_with(|| Progress::new(records)).mark(place);
    }

    /// Finds the records at fault and hands them to the reporter.
    async fn settle(
        &mut self,
        refused: Vec<Refused>,
        records: &[Record],
        reporter: Option<&dyn ErrantRecordReporter>,
    ) -> Result<()> {
        for Refused { records: place, error } in refused {
            if place.len() > 1 {
                self.write_singly(place, records, reporter).await?;
            } else if let Some(record) = records.get(place.start) {
                if let Err(error) = report_refused(record, error, reporter).await {
                    self.take_back_offset(record).await;
                    return Err(error);
                }
                self.mark_done(records, place);
            }
        }
        Ok(())
    }

    /// The transaction that a refused record was in stored an offset beyond it: the next task must begin with the record.
    async fn take_back_offset(&mut self, record: &Record) {
        if !self.stores_offsets() {
            return;
        }
        let mut before = StoredOffsets::default();
        before.set_to(record);
        let mut commands = Commands::new(false);
        self.add_offsets(&mut commands, &before);
        if let Err(failure) = self.run(commands, false).await {
            tracing::error!(record = record.coordinates(), error = %failure.into_error(), "the offset in Redis is beyond a record that is not written");
        }
    }

    /// A merged command was refused because of some of its records: each on its own then.
    async fn write_singly(
        &mut self,
        place: Range<usize>,
        records: &[Record],
        reporter: Option<&dyn ErrantRecordReporter>,
    ) -> Result<()> {
        let mut commands = Commands::new(self.settings.connect.is_cluster());
        for position in place {
            // Those that can't be mapped are reported already.
            if let Some(record) = records.get(position) {
                _ = self.mapper.map(position, record, &mut commands, false);
            }
        }
        let refused = match self.write_chunk(commands, records).await {
            Ok(refused) => refused,
            Err(failure) => return Err(self.give_up(failure)),
        };
        for Refused { records: place, error } in refused {
            if let Some(record) = records.get(place.start)
                && let Err(error) = report_refused(record, error, reporter).await
            {
                self.take_back_offset(record).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// The error by which the framework tries again or ends the task.
    fn give_up(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Connection(error) if !self.settings.reconnect => {
                let text = "The connection to Redis is lost, and redis.auto.reconnect.enabled is false";
                Error::wrap(ErrorKind::Connect, text, error)
            }
            Failure::Connection(error) => {
                self.session = None;
                if error.kind() == ErrorKind::Retriable {
                    return error;
                }
                retriable(error)
            }
            Failure::Busy(error) => retriable(error),
            Failure::Record(error) | Failure::Fatal(error) => match self.settings.write.structure.module_command() {
                Some((command, module)) if error.to_string().contains("unknown command") => {
                    self.lacks_module(command, module).with_cause(error)
                }
                _ => Error::wrap(ErrorKind::Connect, "Redis can't be written to", error),
            },
        }
    }

    /// How long to wait before a batch is tried again.
    pub(crate) fn retry_delay(&self) -> Duration {
        self.settings.retry_delay
    }

    /// Stores offsets for whoever reads them. What is written is safe already, and the consumer group has the offsets, too:
    /// a failure is only logged.
    pub(crate) async fn flush(&mut self, offsets: &SinkOffsets) {
        if self.stores_offsets() {
            // They went along with the data, and may be ahead of these.
            return;
        }
        let Some(session) = &mut self.session else {
            return;
        };
        let cluster = self.settings.connect.is_cluster();
        let mut commands = Commands::new(cluster);
        offsets::store(self.settings.write.offset_prefix, offsets, &mut commands, cluster);
        if commands.is_empty() {
            return;
        }
        match session.run(commands, false).await {
            Ok(replies) => {
                let refused = replies.iter().find_map(|reply| match reply {
                    Value::ServerError(error) => Some(error),
                    _ => None,
                });
                if let Some(error) = refused {
                    tracing::warn!(%error, "offsets were not stored in Redis");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "offsets were not stored in Redis");
                self.session = None;
            }
        }
    }
}

fn retriable(cause: Error) -> Error {
    Error::wrap(
        ErrorKind::Retriable,
        "Redis can't be written to now; the batch will come again",
        cause,
    )
}

/// Hands a record to the reporter; without one, or if that gives up, its error ends the task.
async fn report(record: &Record, error: Error, reporter: Option<&dyn ErrantRecordReporter>) -> Result<()> {
    let Some(reporter) = reporter else {
        return Err(error);
    };
    reporter.report(record, error.clone()).await.map_err(|_| error)
}

/// As [`report`], for a record that the server refused.
async fn report_refused(record: &Record, error: Error, reporter: Option<&dyn ErrantRecordReporter>) -> Result<()> {
    let text = format!("Redis refused the record {}", record.coordinates());
    report(record, Error::wrap(ErrorKind::Data, text, error), reporter).await
}
