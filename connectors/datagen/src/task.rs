//! The task: runs the generator and paces its records.
//!
//! Source partition is `{"task.id": N}`. The offset is the state after the record: how many records there were, the seed
//! that the next one starts from, and the generation, which the restarted task will have. So a task goes on exactly where the
//! offset was stored.

use crate::config::DatagenConfig;
use crate::java_random::JavaRandom;
use crate::plan::{Generator, compile, field_schema};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::config::Props;
use turnbuckle_api::source::{SourceTask, SourceTaskContext};
use turnbuckle_api::{
    Config, Error, ErrorKind, OffsetMap, Record, Result, Schema, SchemaAndValue, SchemaRef, Text, Type, Value,
};

pub(crate) const TASK_ID: &str = "task.id";
const TASK_GENERATION: &str = "task.generation";
const CURRENT_ITERATION: &str = "current.iteration";
const RANDOM_SEED: &str = "random.seed";

/// Records of one poll, when there is no interval to wait for.
const BATCH: usize = 1000;
/// How far behind its timetable a task may be and still catch up; more is forgotten (it was paused).
const CATCH_UP: Duration = Duration::from_secs(1);

/// Generates records.
#[derive(Default)]
pub struct DatagenTask {
    started: Option<Started>,
}

struct Started {
    topic: Text,
    /// None if records come as fast as can be.
    max_interval: Option<Duration>,
    /// 0 for no limit.
    max_records: i64,
    partition: Arc<OffsetMap>,
    task_id: i64,
    generation: i64,
    /// Records generated so far, in earlier lives as well.
    count: i64,
    generator: Generator,
    value_schema: SchemaRef,
    /// Position of the field that is the key, and its schema.
    key: Option<(usize, SchemaRef)>,
    no_key: SchemaAndValue,
    names: HeaderNames,
    /// When the next record is due.
    due: Instant,
    /// Draws the times between records; not the seeded source, because they are no part of the data.
    pace: JavaRandom,
    /// What ended the last batch before it was full.
    failed: Option<Error>,
}

/// Names of headers and of offset entries, which they share.
struct HeaderNames {
    generation: Text,
    task_id: Text,
    iteration: Text,
    seed: Text,
    schema: SchemaRef,
}

#[async_trait]
impl SourceTask for DatagenTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        let settings = DatagenConfig::from_props(config)?;
        let id_text = config.get(TASK_ID).unwrap_or_default();
        let task_id: i32 = id_text
            .parse()
            .map_err(|_| Error::invalid_config(TASK_ID, id_text, "Not the number of a task"))?;
        let partition = OffsetMap::new().with(TASK_ID, task_id);
        let mut random = seeded(settings.random_seed, task_id);
        let (mut generation, mut count) = (0, 0);
        let stored = context
            .offset_reader()
            .offsets(std::slice::from_ref(&partition))
            .await?;
        if let Some(offset) = stored.into_iter().next().flatten() {
            generation = offset_number(&offset, TASK_GENERATION)?;
            count = offset_number(&offset, CURRENT_ITERATION)?;
            random.set_seed(offset_number(&offset, RANDOM_SEED)?);
        }
        let schema = settings.schema()?;
        let key = match settings.key_field() {
            None => None,
            Some(name) => Some(key_field(&schema, name)?),
        };
        let generator = Generator::new(compile(&schema, count)?, random);
        let value_schema = generator.schema();
        self.started = Some(Started {
            topic: Text::from(settings.topic),
            max_interval: u64::try_from(settings.max_interval)
                .ok()
                .filter(|millis| *millis > 0)
                .map(Duration::from_millis),
            max_records: i64::from(settings.iterations.max(0)),
            partition: Arc::new(partition),
            task_id: i64::from(task_id),
            generation,
            count,
            generator,
            value_schema,
            key,
            no_key: SchemaAndValue::new(Schema::primitive(Type::String, true), Value::Null),
            names: HeaderNames {
                generation: Text::from_static(TASK_GENERATION),
                task_id: Text::from_static(TASK_ID),
                iteration: Text::from_static(CURRENT_ITERATION),
                seed: Text::from_static(RANDOM_SEED),
                schema: Schema::primitive(Type::Int64, false),
            },
            due: Instant::now(),
            pace: JavaRandom::arbitrary(),
            failed: None,
        });
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let not_started = || Error::new(ErrorKind::IllegalState, "The task is not started");
        let task = self.started.as_mut().ok_or_else(not_started)?;
        task.poll().await
    }

    async fn stop(&mut self) -> Result<()> {
        self.started = None;
        Ok(())
    }
}

/// A random source; each task of a connector with a seed begins at a place of its own.
fn seeded(seed: Option<i64>, task_id: i32) -> JavaRandom {
    let Some(seed) = seed else {
        return JavaRandom::arbitrary();
    };
    let mut random = JavaRandom::new(seed);
    for _ in 0..task_id {
        let next = random.next_long();
        random.set_seed(next);
    }
    random
}

fn offset_number(offset: &OffsetMap, key: &str) -> Result<i64> {
    match offset.get(key) {
        Some(Value::Int64(number)) => Ok(*number),
        Some(Value::Int32(number)) => Ok(i64::from(*number)),
        _ => Err(Error::connect(format!(
            "The stored offset has no number under '{key}'; reset the connector's offsets to begin anew"
        ))),
    }
}

fn key_field(schema: &turnbuckle_converters::avro::model::AvroSchema, name: &str) -> Result<(usize, SchemaRef)> {
    let missing = || {
        let detail = "The schema does not contain this field";
        Error::invalid_config(crate::config::SCHEMA_KEYFIELD, name, detail)
    };
    field_schema(schema, name)?.ok_or_else(missing)
}

impl Started {
    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let wanted = match self.max_interval {
            None => BATCH,
            Some(longest) => {
                tokio::time::sleep_until(self.due).await;
                self.records_due(longest)
            }
        };
        let mut records = Vec::with_capacity(wanted);
        while records.len() < wanted {
            match self.next_record() {
                Ok(record) => records.push(record),
                Err(error) if records.is_empty() => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            }
        }
        Ok(Some(records))
    }

    /// How many records are due by now; sets when the next one is. A timer that is coarser than the interval slows nothing
    /// down that way.
    fn records_due(&mut self, longest: Duration) -> usize {
        let now = Instant::now();
        if now.saturating_duration_since(self.due) > CATCH_UP {
            self.due = now;
        }
        let mut wanted = 0;
        while self.due <= now && wanted < BATCH {
            self.due += longest.mul_f64(self.pace.next_double());
            wanted += 1;
        }
        wanted
    }

    fn next_record(&mut self) -> Result<Record> {
        let value = self.generator.generate()?;
        if self.max_records > 0 && self.count >= self.max_records {
            return Err(Error::connect(format!(
                "Stopping connector: generated the configured {} number of messages",
                self.count
            )));
        }
        let random = self.generator.random();
        let seed = random.next_long();
        random.set_seed(seed);
        let key = match &self.key {
            None => self.no_key.clone(),
            Some((position, schema)) => {
                let field = value.as_struct().and_then(|value| value.values().get(*position));
                SchemaAndValue::new(schema.clone(), field.cloned().unwrap_or_default())
            }
        };
        let offset = OffsetMap::with_capacity(3)
            .with(self.names.generation.clone(), self.generation + 1)
            .with(self.names.iteration.clone(), self.count + 1)
            .with(self.names.seed.clone(), seed);
        let value = SchemaAndValue::new(self.value_schema.clone(), value);
        let mut record = Record::source(self.topic.clone(), value, self.partition.clone(), Some(offset));
        record.key = key;
        record.headers.0.reserve_exact(3);
        let numbers = [
            (&self.names.generation, self.generation),
            (&self.names.task_id, self.task_id),
            (&self.names.iteration, self.count),
        ];
        for (name, number) in numbers {
            let value = SchemaAndValue::new(self.names.schema.clone(), Value::Int64(number));
            record.headers.add(name.clone(), value);
        }
        self.count += 1;
        Ok(record)
    }
}

#[cfg(test)]
mod tests;
