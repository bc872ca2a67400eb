//! One `put`: records are gathered per table, flushed when schemas change or a batch is full, and committed together
//! (`JdbcDbWriter` and `BufferedRecords` of the reference).

use super::config::SinkConfig;
use super::copy::HEADER;
use super::dedupe::LastPerKey;
use super::failure::{DriverError, Failure};
use super::fields::{Fields, KeyRules, ValueRules};
use super::plan::Plan;
use super::rows::{self, Batch, Scratch};
use super::rules::RecordRules;
use super::session::Session;
use super::structure::{self, TableInfo};
use super::temporal::Zones;
use crate::connection::{ConnectOptions, Connection, connect_with_attempts};
use crate::dialect::{QuoteMethod, TableId};
use std::collections::HashMap;
use std::time::Duration;
use turnbuckle_api::{Error, Record, Result, Text};

/// Plans kept per table; topics rarely carry more schemas at once.
const PLANS: usize = 8;
/// A table name or a kind of record beyond this drops the caches, so that they can't grow without bound.
const TABLES: usize = 10_000;

/// Writes batches; holds the connection between them.
#[derive(Debug)]
pub(crate) struct Writer {
    config: SinkConfig,
    options: ConnectOptions,
    rules: RecordRules,
    scratch: Scratch,
    session: Option<Session>,
    tables: Tables,
    /// A `put` is under way; if the next one finds this set, the last was cancelled and its connection can't be trusted.
    busy: bool,
}

#[derive(Debug, Default)]
struct Tables {
    by_topic: HashMap<Text, usize>,
    list: Vec<Table>,
    /// The topic looked up last, with its table.
    last: Option<(Text, usize)>,
}

#[derive(Debug)]
struct Table {
    id: TableId,
    info: Option<TableInfo>,
    plans: Vec<Plan>,
    /// Records gathered in this `put`.
    rows: Vec<u32>,
    /// Deletes are among them.
    has_deletes: bool,
    /// The plan of the gathered records.
    current: Option<usize>,
}

impl Writer {
    /// # Errors
    /// As [`Zones::new`].
    pub(crate) fn new(config: SinkConfig, options: ConnectOptions, connector: &str) -> Result<Writer> {
        let scratch = Scratch {
            zones: Zones::new(&config)?,
            trim: config.trim_sensitive_log,
            copy_buffer: Vec::with_capacity(HEADER.len()),
            last_per_key: LastPerKey::default(),
        };
        Ok(Writer {
            rules: RecordRules::new(&config, connector),
            config,
            options,
            scratch,
            session: None,
            tables: Tables::default(),
            busy: false,
        })
    }

    /// Writes and commits all records, or none.
    ///
    /// # Errors
    /// [`Failure`]; everything was rolled back then, except what DDL committed.
    pub(crate) async fn write(&mut self, records: &[Record]) -> Result<(), Failure> {
        if self.busy {
            self.session = None;
            self.tables = Tables::default();
        }
        self.busy = true;
        let reused = self.session.is_some();
        let mut outcome = self.attempt(records).await;
        // An idle connection that the server closed meanwhile is opened again without a word, as the reference does after
        // its validity check.
        let stale = matches!(&outcome, Err(Failure::Sql { lost: true, .. }));
        if stale && reused && self.session.as_ref().is_some_and(|session| session.statements == 0) {
            tracing::info!("the database closed the connection; connecting again");
            self.drop_connection();
            outcome = self.attempt(records).await;
        }
        if let Err(failure) = &outcome {
            self.roll_back(failure).await;
        }
        self.busy = false;
        outcome
    }

    async fn attempt(&mut self, records: &[Record]) -> Result<(), Failure> {
        self.connect().await?;
        let Some(session) = &mut self.session else {
            return Err(Failure::Other(Error::connect("not connected to the database")));
        };
        session.start_put();
        let mut put = Put {
            config: &self.config,
            rules: &self.rules,
            scratch: &mut self.scratch,
            session,
            tables: &mut self.tables,
            records,
        };
        put.gather().await?;
        put.finish().await
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        if self.session.is_some() {
            return Ok(());
        }
        let attempts = u32::try_from(self.config.connection_attempts).unwrap_or(1);
        let backoff = Duration::from_millis(u64::try_from(self.config.connection_backoff_ms).unwrap_or(0));
        let mut connection: Connection = connect_with_attempts(&self.options, attempts, backoff).await?;
        connection.dialect.quote_method = QuoteMethod::from_config(&self.config.quote_identifiers);
        self.tables = Tables::default();
        let session = Session::new(connection).await;
        self.session = Some(session.map_err(|error| error.into_failure(self.scratch.trim))?);
        Ok(())
    }

    async fn roll_back(&mut self, failure: &Failure) {
        self.tables.clear_buffers();
        let Some(session) = &mut self.session else { return };
        let lost = matches!(failure, Failure::Sql { lost: true, .. });
        let undone: Result<(), DriverError> = match lost {
            true => Ok(()),
            false => session.rollback().await,
        };
        if let Err(error) = &undone {
            tracing::warn!(error = %error.error, "unable to roll back; dropping the connection");
        }
        if lost || undone.is_err() {
            self.drop_connection();
        }
    }

    /// Forgets the connection and what was learnt through it, as after a failure in the reference.
    pub(crate) fn drop_connection(&mut self) {
        self.session = None;
        self.tables = Tables::default();
    }

    /// Closes the connection.
    pub(crate) async fn close(&mut self) {
        self.tables = Tables::default();
        if let Some(session) = self.session.take() {
            session.connection.close().await;
        }
    }
}

impl Tables {
    fn clear_buffers(&mut self) {
        for table in &mut self.list {
            table.rows.clear();
            table.has_deletes = false;
            table.current = None;
        }
    }
}

/// The state of one `put`.
struct Put<'a> {
    config: &'a SinkConfig,
    rules: &'a RecordRules,
    scratch: &'a mut Scratch,
    session: &'a mut Session,
    tables: &'a mut Tables,
    records: &'a [Record],
}

impl Put<'_> {
    async fn gather(&mut self) -> Result<(), Failure> {
        if self.tables.list.len() > TABLES || self.tables.by_topic.len() > TABLES {
            *self.tables = Tables::default();
        }
        self.tables.clear_buffers();
        let records = self.records;
        let flush_size = self.config.flush_size();
        for (index, record) in records.iter().enumerate() {
            let position = self.table_of(&record.topic)?;
            self.rules.check(record)?;
            let is_value = record.value.schema.is_some();
            let table = &mut self.tables.list[position];
            let fits = table.current.is_some_and(|current| table.plans[current].fits(record));
            if !fits {
                self.flush(position, false).await?;
                self.choose_plan(position, record).await?;
            } else if is_value && table.has_deletes {
                self.flush(position, false).await?;
            }
            let table = &mut self.tables.list[position];
            table.has_deletes |= self.config.delete_enabled && record.value.value.is_null();
            table
                .rows
                .push(u32::try_from(index).map_err(|_| Error::connect("too many records in one batch"))?);
            if table.rows.len() >= flush_size && index + 1 < records.len() {
                self.flush(position, false).await?;
            }
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), Failure> {
        let waiting: Vec<usize> = (0..self.tables.list.len())
            .filter(|position| !self.tables.list[*position].rows.is_empty())
            .collect();
        let only = waiting.len() == 1;
        for position in waiting {
            self.flush(position, only).await?;
        }
        let trim = self.scratch.trim;
        self.session.commit().await.map_err(|error| error.into_failure(trim))?;
        Ok(())
    }

    fn table_of(&mut self, topic: &Text) -> Result<usize, Failure> {
        if let Some((last, position)) = &self.tables.last
            && last == topic
        {
            return Ok(*position);
        }
        let position = match self.tables.by_topic.get(topic) {
            Some(position) => *position,
            None => self.add_topic(topic)?,
        };
        self.tables.last = Some((topic.clone(), position));
        Ok(position)
    }

    fn add_topic(&mut self, topic: &Text) -> Result<usize, Failure> {
        let format = &self.config.table_name_format;
        let name = format.replace("${topic}", topic);
        if name.is_empty() {
            return Err(Failure::Other(Error::connect(format!(
                "Destination table name for topic '{topic}' is empty using the format string '{format}'"
            ))));
        }
        let id = self.session.connection.dialect.parse_table(&name)?;
        let known = self.tables.list.iter().position(|table| table.id == id);
        let position = known.unwrap_or_else(|| {
            self.tables.list.push(Table {
                id,
                info: None,
                plans: Vec::new(),
                rows: Vec::new(),
                has_deletes: false,
                current: None,
            });
            self.tables.list.len() - 1
        });
        self.tables.by_topic.insert(topic.clone(), position);
        Ok(position)
    }

    /// Finds or makes the plan for a record's schemas; creates or amends the table.
    async fn choose_plan(&mut self, position: usize, record: &Record) -> Result<(), Failure> {
        let table = &mut self.tables.list[position];
        // A plan with a value schema serves tombstones of the same keys as well.
        if let Some(known) = table.plans.iter_mut().position(|plan| plan.fits(record)) {
            table.current = Some(known);
            return Ok(());
        }
        let key_rules = KeyRules {
            mode: self.config.pk_mode,
            fields: &self.config.pk_fields,
        };
        let schemas = (record.key.schema.clone(), record.value.schema.clone());
        let fields = Fields::extract(
            &table.id.table,
            key_rules,
            ValueRules::new(self.config),
            schemas.0.as_ref(),
            schemas.1.as_ref(),
        )?;
        let cached = table.info.take();
        let info = structure::ensure(
            self.session,
            self.config,
            &self.scratch.zones,
            &table.id,
            cached,
            &fields,
        )
        .await?;
        let dialect = &self.session.connection.dialect;
        let plan = Plan::new(self.config, dialect, &table.id, &info, fields, schemas);
        table.info = Some(info);
        let plan = plan?;
        if table.plans.len() >= PLANS {
            table.plans.remove(0);
        }
        table.plans.push(plan);
        table.current = Some(table.plans.len() - 1);
        Ok(())
    }

    async fn flush(&mut self, position: usize, only: bool) -> Result<(), Failure> {
        let table = &mut self.tables.list[position];
        let Some(plan) = table.current.and_then(|current| table.plans.get_mut(current)) else {
            return Ok(());
        };
        if table.rows.is_empty() {
            return Ok(());
        }
        if !table.has_deletes {
            let batch = Batch {
                records: self.records,
                rows: &table.rows,
            };
            rows::write(self.session, self.scratch, plan, batch, only).await?;
            table.rows.clear();
            return Ok(());
        }
        let is_delete = |row: &&u32| self.records[**row as usize].value.value.is_null();
        let (deletes, writes): (Vec<u32>, Vec<u32>) = table.rows.iter().partition(|row| is_delete(row));
        let batch = |rows| Batch {
            records: self.records,
            rows,
        };
        if !writes.is_empty() {
            rows::write(self.session, self.scratch, plan, batch(&writes), false).await?;
        }
        rows::delete(self.session, self.scratch, plan, batch(&deletes)).await?;
        table.rows.clear();
        table.has_deletes = false;
        Ok(())
    }
}
