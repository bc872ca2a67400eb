//! `SchemaSourceConnector`: structs with a known content, `num.messages` of them per task, in one schema or
//! (`multiple.schema`) two in turn.

use crate::config::{NAME, TASK_ID, THROUGHPUT, TOPIC, flag, number, text};
use crate::lines::print;
use crate::pace::Pace;
use async_trait::async_trait;
use std::fmt::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use turnbuckle_api::config::Props;
use turnbuckle_api::source::{SourceTask, SourceTaskContext};
use turnbuckle_api::{
    Error, ErrorKind, Field, OffsetMap, Record, Result, Schema, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Text,
    Type, Value,
};

const SEQNO: &str = "seqno";
/// How often a task that has sent everything looks whether it is to stop.
const IDLE: Duration = Duration::from_millis(250);

/// The schemas: the second one has a field more.
static SCHEMAS: LazyLock<[SchemaRef; 2]> = LazyLock::new(|| [schema(1), schema(2)]);

fn schema(version: i32) -> SchemaRef {
    let plain = |name: &'static str, kind: Type| Field {
        name: Text::from_static(name),
        schema: Schema::primitive(kind, false),
    };
    let mut fields = vec![
        plain("boolean", Type::Boolean),
        plain("int", Type::Int32),
        plain("long", Type::Int64),
        plain("float", Type::Float32),
        plain("double", Type::Float64),
        plain("partitioning", Type::Int32),
    ];
    if version > 1 {
        let with_default = SchemaBuilder::new(Type::String).default_value(Value::text("abc"));
        fields.push(Field {
            name: Text::from_static("string"),
            schema: with_default.finish(),
        });
    }
    fields.push(plain("id", Type::Int32));
    fields.push(plain(SEQNO, Type::Int64));
    Schema::structure()
        .version(version)
        .name("record")
        .fields(fields)
        .finish()
}

/// Produces structs.
#[derive(Default)]
pub(crate) struct SchemaSourceTask {
    started: Option<Started>,
}

struct Started {
    id: i32,
    topic: Text,
    left: i64,
    two_schemas: bool,
    partition_count: i64,
    partition: Arc<OffsetMap>,
    seqno: i64,
    /// Records of this life.
    count: i64,
    pace: Pace,
}

#[async_trait]
impl SourceTask for SchemaSourceTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        let mut task = Started::new(config)
            .map_err(|cause| Error::wrap(ErrorKind::Connect, "Invalid SchemaSourceTask configuration", cause))?;
        task.seqno = crate::verifiable::next_seqno(context.as_ref(), &task.partition).await?;
        let (name, id, topic, seqno) = (config.get(NAME).unwrap_or("null"), task.id, &task.topic, task.seqno);
        tracing::info!("Started SchemaSourceTask {name}-{id} producing to topic {topic} resuming from seqno {seqno}");
        self.started = Some(task);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let not_started = || Error::new(ErrorKind::IllegalState, "The task is not started");
        self.started.as_mut().ok_or_else(not_started)?.poll().await
    }

    async fn stop(&mut self) -> Result<()> {
        self.started = None;
        Ok(())
    }
}

impl Started {
    fn new(config: &Props) -> Result<Self> {
        let id: i32 = number(config, TASK_ID)?;
        let partition_count = match config.get("partition.count") {
            None => 1,
            Some(_) => number::<i32>(config, "partition.count")?,
        };
        if partition_count < 1 {
            return Err(Error::invalid_config(
                "partition.count",
                partition_count,
                "Value must be at least 1",
            ));
        }
        Ok(Started {
            id,
            topic: Text::from(text(config, TOPIC)?),
            left: number(config, "num.messages")?,
            two_schemas: flag(config, "multiple.schema"),
            partition_count: i64::from(partition_count),
            partition: Arc::new(OffsetMap::new().with(TASK_ID, id)),
            seqno: 0,
            count: 0,
            pace: Pace::new(number(config, THROUGHPUT)?),
        })
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let left = usize::try_from(self.left).unwrap_or(0);
        if left == 0 {
            tokio::time::sleep(IDLE).await;
            return Ok(None);
        }
        let due = self.pace.due().await.min(left);
        let mut lines = String::new();
        let records = (0..due).map(|_| self.next_record(&mut lines)).collect();
        print(&lines)?;
        Ok(Some(records))
    }

    fn next_record(&mut self, lines: &mut String) -> Record {
        let is_second = self.two_schemas && self.count % 2 == 1;
        let schema = &SCHEMAS[usize::from(is_second)];
        let partitioning = (self.seqno % self.partition_count) as i32;
        let mut values: Vec<Value> = vec![
            true.into(),
            12.into(),
            12i64.into(),
            12.2f32.into(),
            12.2f64.into(),
            partitioning.into(),
        ];
        if is_second {
            values.push("def".into());
        }
        values.push(self.id.into());
        values.push(self.seqno.into());
        let value = Value::Struct(Struct::new(schema.clone(), values));
        let offset = OffsetMap::with_capacity(1).with(SEQNO, self.seqno);
        let value = SchemaAndValue::new(schema.clone(), value);
        let mut record = Record::source(self.topic.clone(), value, self.partition.clone(), Some(offset));
        record.partition = Some(self.id);
        record.key = SchemaAndValue::new(Schema::primitive(Type::String, false), Value::text("key"));
        // Writing to a String cannot fail.
        _ = writeln!(lines, "{{\"task\": {}, \"seqno\": {}}}", self.id, self.seqno);
        self.seqno += 1;
        self.count += 1;
        self.left -= 1;
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::data::validate_value;
    use turnbuckle_api::testkit::TestContext;

    #[tokio::test]
    async fn schemas_alternate_until_all_is_sent() {
        let config = Props::new()
            .with("topic", "t")
            .with("id", "2")
            .with("num.messages", "5")
            .with("throughput", "-1")
            .with("multiple.schema", "true")
            .with("partition.count", "3");
        let context = TestContext::new(Props::new());
        let stored = OffsetMap::new().with("seqno", 6i64);
        context.offsets.put(OffsetMap::new().with("id", 2), stored);
        let mut task = SchemaSourceTask::default();
        task.start(context, &config).await.unwrap();
        let records = task.poll().await.unwrap().unwrap();
        assert_eq!(records.len(), 5);
        for (index, record) in records.iter().enumerate() {
            validate_value(record.value.schema.as_ref().unwrap(), &record.value.value).unwrap();
            let value = record.value.value.as_struct().unwrap();
            let seqno = 7 + index as i64;
            assert_eq!(value.get("seqno"), Some(&Value::Int64(seqno)));
            assert_eq!(value.get("partitioning"), Some(&Value::Int32((seqno % 3) as i32)));
            assert_eq!(value.schema().version(), Some(1 + index as i32 % 2));
            assert_eq!(value.get("string").is_some(), index % 2 == 1);
            assert_eq!(record.partition, Some(2));
        }
        assert!(task.poll().await.unwrap().is_none());
        let error = task
            .start(TestContext::new(Props::new()), &config.with("throughput", "much"))
            .await;
        assert!(error.unwrap_err().trace().contains("For input string: \"much\""));
    }
}
