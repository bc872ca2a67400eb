//! The task: checks its tables, finds where to go on, starts the reader and hands its batches to the worker.

use super::AbortOnDrop;
use super::config::{SourceConfig, TaskConfig};
use super::connector::reader_settings;
use super::emit::{Batch, Labels, Output, QUEUED_BATCHES};
use super::mapping::ColumnMapping;
use super::offset::{Position, bare_partition, query_partition, table_partition};
use super::query::{Criteria, Origin, QueryBuilder};
use super::reader::{Querier, ReadContext, Reader, database_time, tracking};
use super::time::{Moment, Zone};
use crate::connection::Connection;
use crate::dialect::TableId;
use crate::dialect::metadata::ColumnInfo;
use crate::keys::CalendarSystem;
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use turnbuckle_api::source::{OffsetReader, SourceTask, SourceTaskContext};
use turnbuckle_api::{Config, Error, OffsetMap, Props, Record, Result, Text};

/// `io.confluent.connect.jdbc.source.JdbcSourceTask`.
#[derive(Default)]
pub struct JdbcSourceTask {
    running: Option<Running>,
}

struct Running {
    batches: mpsc::Receiver<Batch>,
    _reader: AbortOnDrop,
}

/// `poll` returns after this time at the latest.
const LONGEST_POLL: Duration = Duration::from_secs(1);

#[async_trait]
impl SourceTask for JdbcSourceTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, props: &Props) -> Result<()> {
        let config = SourceConfig::from_props(props)?;
        let task = TaskConfig::from_props(props)?;
        match (task.tables.is_empty(), config.statement().is_empty()) {
            // The worker restarts the task when the connector has listed the tables.
            (true, true) if !task.tables_fetched => return Ok(()),
            (true, true) => {
                return Err(Error::config(
                    "Task is being killed because it was not assigned a table nor a query to execute. If run in table mode please \
                     make sure that the tables exist on the database. If the table does exist on the database, we recommend using \
                     the fully qualified table name.",
                ));
            }
            (false, false) => {
                return Err(Error::config(
                    "The task has both tables and a query; a connector copies either",
                ));
            }
            _ => {}
        }
        if config.mode.is_empty() {
            let modes = "write bulk, incrementing, timestamp or timestamp+incrementing";
            return Err(Error::invalid_config("mode", "", modes));
        }
        let proleptic = config.calendar == CalendarSystem::ProlepticGregorian;
        let zone = Zone::named(&config.db_timezone)?.with_calendar(proleptic);
        let settings = reader_settings(&config, config.connect_options(props)?);
        let mut connection = settings.connect().await?;
        let mut preparation = Preparation {
            config: &config,
            zone: &zone,
            connection: &mut connection,
            offsets: context.offset_reader(),
        };
        let queriers = match config.statement() {
            "" => preparation.tables(&task.tables).await?,
            query => VecDeque::from([preparation.query(query).await?]),
        };
        let (sender, batches) = mpsc::channel(QUEUED_BATCHES);
        let reader = Reader {
            settings,
            queriers,
            connection: Some(connection),
            output: Output::new(sender, usize::try_from(config.batch_max_rows).unwrap_or(1)),
        };
        self.running = Some(Running {
            batches,
            _reader: AbortOnDrop(tokio::spawn(reader.run())),
        });
        Ok(())
    }

    /// Taking a batch from the channel is all that happens here, so dropping the future loses nothing.
    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let Some(running) = &mut self.running else {
            tokio::time::sleep(LONGEST_POLL).await;
            return Ok(None);
        };
        match tokio::time::timeout(LONGEST_POLL, running.batches.recv()).await {
            Ok(Some(batch)) => batch.map(Some),
            Ok(None) => Err(Error::connect("The reader of the task has ended; restart the task")),
            Err(_) => Ok(None),
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.running = None;
        Ok(())
    }
}

/// The configured columns that tell new rows of one table or query.
struct Tracked {
    timestamps: Vec<String>,
    /// Empty to take the auto-increment column.
    incrementing: String,
}

/// What is needed to get from a configuration to queriers.
struct Preparation<'a> {
    config: &'a SourceConfig,
    zone: &'a Zone,
    connection: &'a mut Connection,
    offsets: Arc<dyn OffsetReader>,
}

impl Preparation<'_> {
    async fn tables(&mut self, names: &[String]) -> Result<VecDeque<Querier>> {
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            tables.push(self.connection.dialect.parse_table(name)?);
        }
        let bulk = self.config.mode == "bulk";
        let mappings = self.config.column_mappings()?;
        let positions = if bulk {
            vec![None; tables.len()]
        } else {
            self.stored(&tables).await?
        };
        let mut queriers = VecDeque::with_capacity(tables.len());
        for (index, (table, stored)) in tables.into_iter().zip(positions).enumerate() {
            let mut tracked = self.tracked(&table, &mappings)?;
            if !bulk {
                let columns = self.connection.columns(&table).await?;
                // As in the reference, only the first table must have the columns.
                if index == 0 {
                    self.check_existence(&tracked, &columns)?;
                }
                if self.config.validate_non_null {
                    self.check_nullability(&table, &tracked, &columns)?;
                }
                if tracked.incrementing.is_empty() {
                    let detected = columns.iter().find(|column| column.auto_increment);
                    tracked.incrementing = detected.map(|column| column.name.clone()).unwrap_or_default();
                }
            }
            let partition = match bulk {
                true => bare_partition(&table.table),
                false => table_partition(&table.to_string()),
            };
            let topic = format!("{}{}", self.config.topic_prefix.trim(), table.table);
            let name = Some(table.table.clone());
            let position = self.position(stored).await?;
            queriers.push_back(self.querier(Origin::Table(table), name, &topic, partition, tracked, position));
        }
        Ok(queriers)
    }

    async fn query(&mut self, query: &str) -> Result<Querier> {
        let partition = query_partition();
        let stored = match self.config.mode.as_str() {
            "bulk" => None,
            _ => self
                .offsets
                .offsets(std::slice::from_ref(&partition))
                .await?
                .pop()
                .flatten(),
        };
        let position = self.position(stored).await?;
        let origin = Origin::Query(query.to_string());
        let topic = self.config.topic_prefix.trim().to_string();
        Ok(self.querier(origin, None, &topic, partition, self.named(), position))
    }

    /// Columns of the keys that name the same for all tables.
    fn named(&self) -> Tracked {
        Tracked {
            timestamps: self.config.timestamp_columns.clone(),
            incrementing: self.config.incrementing_column.clone(),
        }
    }

    /// The columns that tell new rows of a table.
    fn tracked(&self, table: &TableId, (timestamps, incrementing): &(ColumnMapping, ColumnMapping)) -> Result<Tracked> {
        let mut tracked = self.named();
        let name = table.to_string();
        if self.config.uses_timestamps() && !timestamps.is_empty() {
            tracked.timestamps = timestamps.columns(&name)?.to_vec();
        }
        if self.config.uses_incrementing() && !incrementing.is_empty() {
            tracked.incrementing = incrementing.columns(&name)?.concat();
        }
        Ok(tracked)
    }

    /// Stored positions of tables, under today's partition or that of old releases.
    async fn stored(&self, tables: &[TableId]) -> Result<Vec<Option<OffsetMap>>> {
        let current = tables.iter().map(|table| table_partition(&table.to_string()));
        let old = tables.iter().map(|table| bare_partition(&table.table));
        let partitions: Vec<OffsetMap> = current.chain(old).collect();
        let mut found = self.offsets.offsets(&partitions).await?;
        let old = found.split_off(tables.len().min(found.len()));
        Ok(found
            .into_iter()
            .zip(old)
            .map(|(current, old)| current.or(old))
            .collect())
    }

    /// Where to start: the stored position, else `timestamp.initial`.
    async fn position(&mut self, stored: Option<OffsetMap>) -> Result<Position> {
        let position = Position::from_map(stored.as_ref());
        let initial = self
            .config
            .timestamp_initial
            .filter(|_| self.config.uses_timestamps() && stored.is_none());
        let millis = match initial {
            None => return Ok(position),
            Some(-1) => {
                let now = database_time(self.connection, self.zone).await;
                now.map_err(|error| self.connection.error(error))?
            }
            Some(millis) => millis,
        };
        Ok(Position {
            timestamp: Some(Moment::from_millis(millis)),
            ..position
        })
    }

    fn querier(
        &self,
        origin: Origin,
        name: Option<String>,
        topic: &str,
        partition: OffsetMap,
        tracked: Tracked,
        position: Position,
    ) -> Querier {
        let config = self.config;
        let timestamps = if config.uses_timestamps() {
            tracked.timestamps
        } else {
            Vec::new()
        };
        let incrementing = Some(tracked.incrementing).filter(|name| config.uses_incrementing() && !name.is_empty());
        let tracking = tracking(config.mode == "bulk", !timestamps.is_empty(), incrementing.is_some());
        Querier {
            labels: Labels {
                topic: Text::from(topic),
                partition: Arc::new(partition),
                tracking,
            },
            context: ReadContext {
                name,
                mapping: config.mapping(),
                granularity: config.granularity(),
                zone: self.zone.clone(),
                timestamps: timestamps.clone(),
                incrementing: incrementing.clone(),
                settings: self.connection.settings.clone(),
                read_timeout: self.connection.settings.read_timeout,
                schema: None,
            },
            builder: QueryBuilder {
                dialect: self.connection.dialect.clone(),
                origin,
                criteria: Criteria {
                    timestamps,
                    incrementing,
                },
                suffix: config.query_suffix.trim().to_string(),
                zone: self.zone.clone(),
            },
            position,
            due: Instant::now(),
            failures: 0,
        }
    }

    fn check_existence(&self, tracked: &Tracked, columns: &[ColumnInfo]) -> Result<()> {
        let exists = |name: &String| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let config = self.config;
        let incrementing = &tracked.incrementing;
        if config.uses_incrementing() && !incrementing.is_empty() && !exists(incrementing) {
            return Err(Error::config(format!(
                "Incrementing column: {incrementing} does not exist."
            )));
        }
        if config.uses_timestamps() && !tracked.timestamps.iter().all(exists) {
            let names = tracked.timestamps.join(", ");
            return Err(Error::config(format!("Timestamp columns: {names} do not exist.")));
        }
        Ok(())
    }

    fn check_nullability(&self, table: &TableId, tracked: &Tracked, columns: &[ColumnInfo]) -> Result<()> {
        let config = self.config;
        let nullable = |name: &String| {
            let column = columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
            column.is_some_and(|column| column.nullable)
        };
        let quoted = table.quoted(&self.connection.dialect);
        if config.uses_incrementing() && nullable(&tracked.incrementing) {
            return Err(Error::connect(format!(
                "Cannot make incremental queries using incrementing column {} on {quoted} because this column is nullable.",
                tracked.incrementing
            )));
        }
        let timestamps = &tracked.timestamps;
        if config.uses_timestamps() && !timestamps.is_empty() && timestamps.iter().all(nullable) {
            return Err(Error::connect(format!(
                "Cannot make incremental queries using timestamp columns {} on {quoted} because all of these columns are nullable.",
                timestamps.join(",")
            )));
        }
        Ok(())
    }
}
