//! `VerifiableSourceConnector` and `VerifiableSinkConnector`.
//!
//! The source numbers its records (key: task, value: sequence number, or a struct with `complete.record.data`) and prints
//! each one, and again when the broker has it. The sink prints each one, and again when its offset is about to be
//! committed. Source partition is `{"id": task}`, offset `{"seqno": N}` the number of the last record.

use crate::config::{NAME, TASK_ID, THROUGHPUT, TOPIC, flag, number, text};
use crate::lines::{json_of, now_millis, print};
use crate::pace::Pace;
use async_trait::async_trait;
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use turnbuckle_api::config::Props;
use turnbuckle_api::sink::{SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::source::{SourceTask, SourceTaskContext};
use turnbuckle_api::{
    Error, ErrorKind, Field, OffsetMap, Origin, Record, Result, Schema, SchemaAndValue, SchemaRef, Struct, Text,
    TopicPartition, Type, Value,
};

const SEQNO: &str = "seqno";

/// Value with `complete.record.data`.
static COMPLETE: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = [
        ("name", Type::String),
        ("task", Type::Int32),
        ("topic", Type::String),
        ("time_ms", Type::Int64),
        (SEQNO, Type::Int64),
    ];
    let field = |(name, kind)| Field {
        name: Text::from_static(name),
        schema: Schema::primitive(kind, false),
    };
    Schema::structure().fields(fields.map(field).to_vec()).finish()
});

/// The number after the stored one; 0 if nothing is stored.
pub(crate) async fn next_seqno(context: &dyn SourceTaskContext, partition: &OffsetMap) -> Result<i64> {
    let stored = context.offset_reader().offsets(std::slice::from_ref(partition)).await?;
    let Some(offset) = stored.into_iter().next().flatten() else {
        return Ok(0);
    };
    match offset.get(SEQNO) {
        Some(Value::Int64(seqno)) => Ok(seqno + 1),
        Some(Value::Int32(seqno)) => Ok(i64::from(*seqno) + 1),
        _ => Err(Error::connect(format!(
            "The stored offset has no number under '{SEQNO}'; reset the connector's offsets to begin anew"
        ))),
    }
}

/// Produces numbered records.
#[derive(Default)]
pub(crate) struct VerifiableSourceTask {
    started: Option<Started>,
}

struct Started {
    name: Text,
    id: i32,
    topic: Text,
    partition: Arc<OffsetMap>,
    seqno: i64,
    pace: Pace,
    complete: bool,
}

#[async_trait]
impl SourceTask for VerifiableSourceTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        let mut task = Started::new(config)
            .map_err(|cause| Error::wrap(ErrorKind::Connect, "Invalid VerifiableSourceTask configuration", cause))?;
        task.seqno = next_seqno(context.as_ref(), &task.partition).await?;
        let Started {
            name, id, topic, seqno, ..
        } = &task;
        tracing::info!(
            "Started VerifiableSourceTask {name}-{id} producing to topic {topic} resuming from seqno {seqno}"
        );
        self.started = Some(task);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let not_started = || Error::new(ErrorKind::IllegalState, "The task is not started");
        let task = self.started.as_mut().ok_or_else(not_started)?;
        let due = task.pace.due().await;
        let mut lines = String::new();
        let records = (0..due).map(|_| task.next_record(&mut lines)).collect();
        print(&lines)?;
        Ok(Some(records))
    }

    async fn acknowledged(&mut self, records: &[Record]) -> Result<()> {
        let Some(task) = &self.started else {
            return Ok(());
        };
        let time = now_millis();
        let mut lines = String::new();
        for record in records {
            let mut line = task.line(time, json_of(&record.value.value));
            line["committed"] = Json::Bool(true);
            push_line(&mut lines, &line);
        }
        print(&lines)
    }

    fn wants_acknowledgements(&self) -> bool {
        true
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

fn push_line(lines: &mut String, line: &Json) {
    lines.push_str(&line.to_string());
    lines.push('\n');
}

impl Started {
    fn new(config: &Props) -> Result<Self> {
        let id: i32 = number(config, TASK_ID)?;
        Ok(Started {
            name: Text::from(text(config, NAME)?),
            id,
            topic: Text::from(text(config, TOPIC)?),
            partition: Arc::new(OffsetMap::new().with(TASK_ID, id)),
            seqno: 0,
            pace: Pace::new(number(config, THROUGHPUT)?),
            complete: flag(config, "complete.record.data"),
        })
    }

    fn line(&self, time: i64, seqno: Json) -> Json {
        json!({"name": &*self.name, "task": self.id, "topic": &*self.topic, "time_ms": time, "seqno": seqno})
    }

    fn next_record(&mut self, lines: &mut String) -> Record {
        let time = now_millis();
        push_line(lines, &self.line(time, json!(self.seqno)));
        let value = if self.complete {
            let values = vec![
                Value::String(self.name.clone()),
                self.id.into(),
                Value::String(self.topic.clone()),
                time.into(),
                self.seqno.into(),
            ];
            SchemaAndValue::new(COMPLETE.clone(), Value::Struct(Struct::new(COMPLETE.clone(), values)))
        } else {
            SchemaAndValue::new(Schema::primitive(Type::Int64, false), Value::Int64(self.seqno))
        };
        let offset = OffsetMap::with_capacity(1).with(SEQNO, self.seqno);
        let mut record = Record::source(self.topic.clone(), value, self.partition.clone(), Some(offset));
        record.key = SchemaAndValue::new(Schema::primitive(Type::Int32, false), Value::Int32(self.id));
        self.seqno += 1;
        record
    }
}

/// Prints what it gets.
#[derive(Default)]
pub(crate) struct VerifiableSinkTask {
    name: String,
    id: i32,
    /// What was printed and not committed since.
    unflushed: HashMap<TopicPartition, Vec<Json>>,
}

#[async_trait]
impl SinkTask for VerifiableSinkTask {
    async fn start(&mut self, _context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()> {
        let invalid = |cause| Error::wrap(ErrorKind::Connect, "Invalid VerifiableSinkTask configuration", cause);
        self.name = text(config, NAME).map_err(invalid)?.to_string();
        self.id = number(config, TASK_ID).map_err(invalid)?;
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let time = now_millis();
        let mut lines = String::new();
        for record in records {
            let Origin::Sink(from) = &record.origin else {
                continue;
            };
            let line = json!({
                "name": self.name, "task": json_of(&record.key.value), "sinkTask": self.id, "topic": &*record.topic,
                "time_ms": time, "seqno": json_of(&record.value.value), "offset": from.offset,
            });
            push_line(&mut lines, &line);
            // Transformations may have renamed the topic; what is committed is where the record comes from.
            let partition = TopicPartition::new(from.topic.clone(), from.partition);
            self.unflushed.entry(partition).or_default().push(line);
        }
        print(&lines)
    }

    async fn flush(&mut self, offsets: &SinkOffsets) -> Result<()> {
        let time = now_millis();
        let mut lines = String::new();
        for partition in offsets.keys() {
            for mut line in self.unflushed.remove(partition).unwrap_or_default() {
                line["time_ms"] = json!(time);
                line["flushed"] = Json::Bool(true);
                push_line(&mut lines, &line);
            }
        }
        print(&lines)
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        // Another task prints them again.
        self.unflushed.retain(|partition, _| !partitions.contains(partition));
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::data::validate_value;
    use turnbuckle_api::testkit::{TestContext, sink_record};

    fn config() -> Props {
        Props::new()
            .with("name", "v")
            .with("id", "1")
            .with("topic", "t")
            .with("throughput", "-1")
    }

    #[tokio::test]
    async fn the_source_numbers_its_records_from_the_stored_one_on() {
        let context = TestContext::new(Props::new());
        let partition = OffsetMap::new().with("id", 1);
        context
            .offsets
            .put(partition.clone(), OffsetMap::new().with("seqno", 41i64));
        let mut task = VerifiableSourceTask::default();
        task.start(context.clone(), &config()).await.unwrap();
        let records = task.poll().await.unwrap().unwrap();
        assert_eq!(records[1].key.value, Value::Int32(1));
        assert_eq!(records[1].value.value, Value::Int64(43));
        let offset = Some(OffsetMap::new().with("seqno", 43i64));
        assert_eq!(
            records[1].origin,
            Origin::Source {
                partition: Some(Arc::new(partition)),
                offset
            }
        );
        task.acknowledged(&records[..1]).await.unwrap();

        let mut complete = VerifiableSourceTask::default();
        complete
            .start(context, &config().with("complete.record.data", "True"))
            .await
            .unwrap();
        let record = &complete.poll().await.unwrap().unwrap()[0];
        validate_value(record.value.schema.as_ref().unwrap(), &record.value.value).unwrap();
        assert_eq!(json_of(&record.value.value)["seqno"], json!(42));
    }

    #[tokio::test]
    async fn what_is_no_number_is_refused() {
        let context = TestContext::new(Props::new());
        let wrong = config().with("throughput", "fast");
        let error = VerifiableSourceTask::default()
            .start(context.clone(), &wrong)
            .await
            .unwrap_err();
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Invalid VerifiableSourceTask configuration\n\
             Caused by: java.lang.NumberFormatException: For input string: \"fast\"\n\tat key=throughput\n"
        );
        let without_id = Props::new().with("name", "v");
        let error = VerifiableSinkTask::default()
            .start(context, &without_id)
            .await
            .unwrap_err();
        assert!(error.trace().contains("Cannot parse null string"), "{error:?}");
    }

    #[tokio::test]
    async fn the_sink_keeps_lines_until_their_offsets_are_committed() {
        let mut task = VerifiableSinkTask::default();
        task.start(TestContext::new(Props::new()), &config()).await.unwrap();
        let cell = |value| SchemaAndValue { schema: None, value };
        let record = sink_record("t", 7, cell(Value::Int32(1)), cell(Value::Int64(43)));
        task.put(&[record]).await.unwrap();
        let partition = TopicPartition::new("t", 0);
        let line = &task.unflushed[&partition][0];
        assert_eq!(
            (&line["task"], &line["seqno"], &line["offset"]),
            (&json!(1), &json!(43), &json!(7))
        );
        assert_eq!((&line["sinkTask"], &line["name"]), (&json!(1), &json!("v")));
        task.flush(&SinkOffsets::from([(partition, 8)])).await.unwrap();
        assert!(task.unflushed.is_empty());
    }
}
