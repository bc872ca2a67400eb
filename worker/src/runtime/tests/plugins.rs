//! Plugins whose behaviour a test sets and watches through a [`Probe`], found by the name in the key `probe`.

use async_trait::async_trait;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use turnbuckle_api::config::ConfigDef;
use turnbuckle_api::converter::{Converter, Encoded, HeaderConverter, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::sink::{SinkConnector, SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::source::{ConnectorContext, SourceConnector, SourceTask, SourceTaskContext};
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{
    Error, Headers, OffsetMap, Props, Record, Result, SchemaAndValue, SchemaRef, TopicPartition, Value,
};

static PROBES: LazyLock<Mutex<HashMap<String, Arc<Probe>>>> = LazyLock::new(Mutex::default);

/// What a test sees of its plugins, and what it tells them.
#[derive(Default)]
pub(super) struct Probe {
    /// Last number that a source made.
    pub made: AtomicI64,
    /// A source makes numbers up to this one.
    pub limit: AtomicI64,
    pub commits: AtomicUsize,
    pub starts: AtomicUsize,
    pub stops: AtomicUsize,
    /// Numbers that sinks were given, in order.
    pub values: Mutex<Vec<String>>,
    /// `open` and `close` of all sink tasks.
    pub partitions: Mutex<Vec<String>>,
    /// `put` fails retriably this often.
    pub refusals: AtomicUsize,
    /// `put` fails on this value.
    pub poison: Mutex<Option<String>>,
    pub connector: Mutex<Option<Arc<dyn ConnectorContext>>>,
}

impl Probe {
    pub(super) fn of(name: &str) -> Arc<Probe> {
        PROBES.lock().unwrap().entry(name.to_string()).or_default().clone()
    }

    fn from(config: &Props) -> Arc<Probe> {
        Probe::of(config.get("probe").unwrap_or_default())
    }

    pub(super) fn values(&self) -> Vec<String> {
        self.values.lock().unwrap().clone()
    }
}

fn empty_def() -> &'static ConfigDef {
    static DEF: LazyLock<ConfigDef> = LazyLock::new(ConfigDef::new);
    &DEF
}

/// Makes the numbers 1, 2, 3 … as text, in batches of `batch`; goes on after the stored position.
#[derive(Default)]
struct NumbersTask {
    probe: Arc<Probe>,
    topic: String,
    batch: i64,
    fail_at: i64,
    panic_at: i64,
    next: i64,
    partition: Arc<OffsetMap>,
}

fn number(config: &Props, key: &str, default: i64) -> i64 {
    config.get(key).map_or(default, |text| text.parse().unwrap())
}

#[async_trait]
impl SourceTask for NumbersTask {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        self.probe = Probe::from(config);
        self.topic = config.get("topic").unwrap().to_string();
        self.batch = number(config, "batch", 10);
        self.fail_at = number(config, "fail.at", i64::MAX);
        self.panic_at = number(config, "panic.at", i64::MAX);
        self.partition = Arc::new(OffsetMap::new().with("source", "numbers"));
        let stored = context.offset_reader().offsets(&[(*self.partition).clone()]).await?;
        self.next = match stored[0].as_ref().and_then(|offset| offset.get("number")) {
            Some(Value::Int64(number)) => number + 1,
            _ => 1,
        };
        self.probe.starts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        let limit = self.probe.limit.load(Ordering::SeqCst);
        if self.next > limit {
            tokio::time::sleep(Duration::from_millis(5)).await;
            return Ok(None);
        }
        if self.next >= self.fail_at {
            return Err(Error::connect("the source is broken"));
        }
        assert!(self.next < self.panic_at, "the source panics");
        let last = (self.next + self.batch - 1).min(limit);
        let record = |number: i64| {
            let value = SchemaAndValue::schemaless(Value::text(number.to_string()));
            let offset = OffsetMap::new().with("number", number);
            Record::source(self.topic.as_str().into(), value, self.partition.clone(), Some(offset))
        };
        let records = (self.next..=last).map(record).collect();
        self.next = last + 1;
        self.probe.made.store(last, Ordering::SeqCst);
        Ok(Some(records))
    }

    async fn commit(&mut self) -> Result<()> {
        self.probe.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        self.probe.stops.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Connector of both directions: hands its configuration to `tasks` tasks.
#[derive(Default)]
struct TestConnector {
    config: Props,
    probe: Arc<Probe>,
}

impl TestConnector {
    fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.config = config.clone();
        self.probe = Probe::from(config);
        *self.probe.connector.lock().unwrap() = Some(context);
        self.probe.starts.fetch_add(1, Ordering::SeqCst);
        match config.get("start.fails") {
            Some(text) => Err(Error::config(text)),
            None => Ok(()),
        }
    }

    fn task_configs(&self, max: u32) -> Vec<Props> {
        let tasks = number(&self.config, "tasks", i64::from(max));
        (0..tasks).map(|_| self.config.clone()).collect()
    }

    fn stop(&self) {
        self.probe.stops.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl SourceConnector for TestConnector {
    fn config_def(&self) -> &'static ConfigDef {
        empty_def()
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        TestConnector::start(self, context, config)
    }

    async fn task_configs(&mut self, max: u32) -> Result<Vec<Props>> {
        Ok(TestConnector::task_configs(self, max))
    }

    async fn stop(&mut self) -> Result<()> {
        TestConnector::stop(self);
        Ok(())
    }
}

#[async_trait]
impl SinkConnector for TestConnector {
    fn config_def(&self) -> &'static ConfigDef {
        empty_def()
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        TestConnector::start(self, context, config)
    }

    async fn task_configs(&mut self, max: u32) -> Result<Vec<Props>> {
        Ok(TestConnector::task_configs(self, max))
    }

    async fn stop(&mut self) -> Result<()> {
        TestConnector::stop(self);
        Ok(())
    }
}

/// Keeps what it is given.
#[derive(Default)]
struct CollectTask {
    probe: Arc<Probe>,
    context: Option<Arc<dyn SinkTaskContext>>,
}

#[async_trait]
impl SinkTask for CollectTask {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()> {
        self.probe = Probe::from(config);
        self.context = Some(context);
        self.probe.starts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn open(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let mut log = self.probe.partitions.lock().unwrap();
        log.extend(partitions.iter().map(|partition| format!("open {partition}")));
        Ok(())
    }

    async fn close(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let mut log = self.probe.partitions.lock().unwrap();
        log.extend(partitions.iter().map(|partition| format!("close {partition}")));
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let refused = self
            .probe
            .refusals
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if refused.is_ok() {
            if let Some(context) = &self.context {
                context.set_retry_timeout(Duration::from_millis(20));
            }
            return Err(Error::retriable("the target is busy"));
        }
        let poison = self.probe.poison.lock().unwrap().clone();
        let texts: Vec<String> = records
            .iter()
            .map(|record| record.value.value.as_str().unwrap_or("null").to_string())
            .collect();
        if poison.is_some_and(|poison| texts.contains(&poison)) {
            return Err(Error::data("the target refuses this value"));
        }
        self.probe.values.lock().unwrap().extend(texts);
        Ok(())
    }

    async fn pre_commit(&mut self, offsets: SinkOffsets) -> Result<SinkOffsets> {
        self.probe.commits.fetch_add(1, Ordering::SeqCst);
        Ok(offsets)
    }

    async fn stop(&mut self) -> Result<()> {
        self.probe.stops.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Text as UTF-8; refuses the text in `rejects`.
struct TextConverter {
    rejects: Option<String>,
}

impl TextConverter {
    fn check(&self, text: &str) -> Result<()> {
        match &self.rejects {
            Some(rejected) if rejected == text => Err(Error::data(format!("{text} does not convert"))),
            _ => Ok(()),
        }
    }
}

impl Converter for TextConverter {
    fn from_connect(
        &mut self,
        _topic: &str,
        _headers: &mut Headers,
        _schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        let Some(text) = value.as_str() else {
            return Ok(Step::Done(Encoded::Null));
        };
        self.check(text)?;
        out.extend_from_slice(text.as_bytes());
        Ok(Step::Done(Encoded::Bytes))
    }

    fn to_connect(&mut self, _topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let text = String::from_utf8(payload.to_vec()).map_err(|error| Error::data(error.to_string()))?;
        self.check(&text)?;
        Ok(Step::Done(SchemaAndValue::schemaless(Value::text(text))))
    }
}

impl HeaderConverter for TextConverter {
    fn from_connect_header(
        &mut self,
        topic: &str,
        _name: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        self.from_connect(topic, &mut Headers::default(), schema, value, out)
    }

    fn to_connect_header(&mut self, topic: &str, _name: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        self.to_connect(topic, payload)
    }
}

/// Drops even numbers.
struct DropEven;

impl Transform for DropEven {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let text = record.value.value.as_str().unwrap_or_default();
        let number: i64 = text.parse().map_err(|_| Error::data(format!("{text} is no number")))?;
        Ok(if number % 2 == 0 { Verdict::Drop } else { Verdict::Keep })
    }
}

fn plugin(class: &'static str, kind: PluginKind) -> Plugin {
    Plugin {
        class,
        version: Some("1.0"),
        config_def: empty_def,
        kind,
    }
}

pub(super) fn all() -> Vec<Plugin> {
    vec![
        plugin(
            "test.NumbersConnector",
            PluginKind::Source {
                connector: || Box::new(TestConnector::default()),
                task_class: "test.NumbersTask",
                task: || Box::new(NumbersTask::default()),
            },
        ),
        plugin(
            "test.CollectConnector",
            PluginKind::Sink {
                connector: || Box::new(TestConnector::default()),
                task_class: "test.CollectTask",
                task: || Box::new(CollectTask::default()),
            },
        ),
        plugin(
            "test.TextConverter",
            PluginKind::Converter {
                converter: |config, _| {
                    Ok(Box::new(TextConverter {
                        rejects: config.get("rejects").map(str::to_string),
                    }))
                },
                header: Some(|_| Ok(Box::new(TextConverter { rejects: None }))),
            },
        ),
        plugin("test.DropEven", PluginKind::Transformation(|_| Ok(Box::new(DropEven)))),
    ]
}
