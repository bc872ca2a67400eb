//! The error operator: what happens when a transform or converter fails on a record (KIP-298,
//! `RetryWithToleranceOperator`). Retriable errors are tried again with growing delays; others are reported and then, by
//! `errors.tolerance`, skip the record or end the task.

use super::DeadLetters;
use crate::herder::TaskId;
use crate::kafka::consumer::{RawBatch, RawEntry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use turnbuckle_api::config::{Config, validator};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::record::TimestampType;
use turnbuckle_api::{Error, ErrorKind, OffsetMap, Origin, Record, Result, SchemaAndValue};

/// First delay before a retry; it doubles with each one.
const FIRST_DELAY_MS: u64 = 300;

/// Keys of a connector that say how errors are handled.
#[derive(Clone, Debug, Config)]
pub(crate) struct ErrorConfig {
    /// How long a failed operation is tried again, in milliseconds; 0 for not at all, -1 without limit.
    #[config(key = "errors.retry.timeout", default = "0")]
    pub retry_timeout_ms: i64,
    /// Longest delay between two tries, in milliseconds.
    #[config(key = "errors.retry.delay.max.ms", default = "60000")]
    pub retry_delay_max_ms: i64,
    /// What to do with a record that fails: `none` ends the task, `all` skips the record.
    #[config(key = "errors.tolerance", default = "none", validator = validator::one_of(&["none", "all"]))]
    pub tolerance: String,
    /// Log each error.
    #[config(key = "errors.log.enable", default = "false")]
    pub log_enable: bool,
    /// Log the record, too.
    #[config(key = "errors.log.include.messages", default = "false")]
    pub log_include_messages: bool,
}

/// `Stage` of Connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    TaskPut,
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Stage::TaskPut => "TASK_PUT",
            Stage::Transformation => "TRANSFORMATION",
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::HeaderConverter => "HEADER_CONVERTER",
            Stage::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}

/// A consumed record in its batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawSource<'a> {
    pub batch: &'a RawBatch,
    pub entry: &'a RawEntry,
}

/// The record an error is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    Source(Option<&'a Record>),
    Sink(RawSource<'a>),
}

/// Tries of one operation on one record.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    started: Option<Instant>,
    failures: u32,
}

/// What ends a task that tolerates no errors.
pub(crate) fn tolerance_exceeded(cause: Error) -> Error {
    Error::wrap(ErrorKind::Connect, "Tolerance exceeded in error handler", cause)
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The delay has passed: call again.
    Retry,
    /// The record is given up; its position still advances.
    Skip,
}

/// Handles the errors of one task.
pub(crate) struct Operator {
    task: TaskId,
    tolerate_all: bool,
    retry_timeout: Option<Duration>,
    retry_delay_max: Duration,
    log_enable: bool,
    include_messages: bool,
    dead_letters: Option<DeadLetters>,
    failures: AtomicU64,
}

impl Operator {
    pub(crate) fn new(task: TaskId, config: &ErrorConfig, dead_letters: Option<DeadLetters>) -> Self {
        Operator {
            task,
            tolerate_all: config.tolerance == "all",
            retry_timeout: u64::try_from(config.retry_timeout_ms).ok().map(Duration::from_millis),
            retry_delay_max: Duration::from_millis(u64::try_from(config.retry_delay_max_ms).unwrap_or(0)),
            log_enable: config.log_enable,
            include_messages: config.log_include_messages,
            dead_letters,
            failures: AtomicU64::new(0),
        }
    }

    pub(crate) fn tolerates_all(&self) -> bool {
        self.tolerate_all
    }

    /// True if source records must be kept until they are acknowledged, to show them in an error's log line.
    pub(crate) fn wants_source_records(&self) -> bool {
        self.tolerate_all && self.log_enable && self.include_messages
    }

    /// True if failed records go anywhere; then sink tasks get an errant record reporter.
    pub(crate) fn reports(&self) -> bool {
        self.log_enable || self.dead_letters.is_some()
    }

    pub(crate) fn has_dead_letters(&self) -> bool {
        self.dead_letters.is_some()
    }

    /// Waits until all dead letters are acknowledged.
    pub(crate) async fn flush(&self) {
        if let Some(dead_letters) = &self.dead_letters {
            dead_letters.flush().await;
        }
    }

    /// Decides after `class` failed at `stage`. Waits before a retry.
    ///
    /// A retriable error that outlives its retries is an error like any other. (Connect skips the record then whatever the
    /// tolerance, so that a registry that is down for a moment costs records nobody wanted to lose.)
    ///
    /// # Errors
    /// `Tolerance exceeded in error handler` if no error is tolerated.
    pub(crate) async fn failed(
        &self,
        attempt: &mut Attempt,
        stage: Stage,
        class: &str,
        error: Error,
        subject: Subject<'_>,
    ) -> Result<Next> {
        let started = *attempt.started.get_or_insert_with(Instant::now);
        attempt.failures += 1;
        let remaining = self
            .retry_timeout
            .map(|timeout| timeout.saturating_sub(started.elapsed()));
        if error.is_retriable() && remaining != Some(Duration::ZERO) {
            let delay = self.delay(attempt.failures);
            let delay = remaining.map_or(delay, |remaining| delay.min(remaining));
            tracing::debug!(task = %self.task, stage = stage.name(), class, %error, ?delay, "trying again");
            tokio::time::sleep(delay).await;
            return Ok(Next::Retry);
        }
        self.report(stage, class, &error, subject).await;
        match self.tolerate_all {
            true => Ok(Next::Skip),
            false => Err(tolerance_exceeded(error)),
        }
    }

    /// Counts a failure and hands it to the reporters.
    pub(crate) async fn report(&self, stage: Stage, class: &str, error: &Error, subject: Subject<'_>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.log_enable {
            tracing::error!("{}", self.log_line(stage, class, error, subject));
        }
        if let (Some(dead_letters), Subject::Sink(raw)) = (&self.dead_letters, subject) {
            dead_letters.send(raw, stage, class, error).await;
        }
    }

    fn delay(&self, failures: u32) -> Duration {
        let doubled = FIRST_DELAY_MS.saturating_mul(1 << (failures - 1).min(40));
        let delay = Duration::from_millis(doubled);
        if delay <= self.retry_delay_max {
            return delay;
        }
        self.retry_delay_max.mul_f64(random_fraction())
    }

    fn log_line(&self, stage: Stage, class: &str, error: &Error, subject: Subject<'_>) -> String {
        let mut line = format!(
            "Error encountered in task {}. Executing stage '{}' with class '{class}'",
            self.task,
            stage.name()
        );
        if self.include_messages {
            match subject {
                Subject::Sink(raw) => line.push_str(&consumed_text(raw)),
                Subject::Source(Some(record)) => {
                    line.push_str(&format!(", where source record is = {}", source_text(record)));
                }
                Subject::Source(None) => {}
            }
        }
        line.push('.');
        line.push('\n');
        line.push_str(&error.trace());
        line
    }
}

fn consumed_text(raw: RawSource<'_>) -> String {
    let entry = raw.entry;
    let mut text = format!(
        ", where consumed record is {{topic='{}', partition={}, offset={}",
        raw.batch.topic(entry),
        entry.partition,
        entry.offset
    );
    let timestamp_type = match entry.timestamp_type {
        TimestampType::None => None,
        TimestampType::CreateTime => Some("CreateTime"),
        TimestampType::LogAppendTime => Some("LogAppendTime"),
    };
    if let Some(name) = timestamp_type {
        let timestamp = entry.timestamp.unwrap_or(-1);
        text.push_str(&format!(", timestamp={timestamp}, timestampType={name}"));
    }
    text.push('}');
    text
}

/// `SourceRecord.toString`.
fn source_text(record: &Record) -> String {
    let mut text = String::from("SourceRecord{sourcePartition=");
    let (partition, offset) = match &record.origin {
        Origin::Source { partition, offset } => (partition.as_deref(), offset.as_ref()),
        Origin::Sink(_) => (None, None),
    };
    push_offset(&mut text, partition);
    text.push_str(", sourceOffset=");
    push_offset(&mut text, offset);
    text.push_str(&format!(
        "}} ConnectRecord{{topic='{}', kafkaPartition={}, key={}, keySchema={}, value={}, valueSchema={}, timestamp={}, \
         headers=ConnectHeaders(headers=",
        record.topic,
        or_null(record.partition),
        JavaText(&record.key.value),
        schema_text(&record.key),
        JavaText(&record.value.value),
        schema_text(&record.value),
        or_null(record.timestamp),
    ));
    if !record.headers.is_empty() {
        let one = |header: &turnbuckle_api::Header| {
            let (key, value, schema) = (&header.key, JavaText(&header.value.value), schema_text(&header.value));
            format!("ConnectHeader(key={key}, value={value}, schema={schema})")
        };
        let all: Vec<String> = record.headers.iter().map(one).collect();
        text.push_str(&format!("[{}]", all.join(", ")));
    }
    text.push_str(")}");
    text
}

fn or_null(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "null".to_string(), |value| value.to_string())
}

/// `Map.toString`.
fn push_offset(text: &mut String, map: Option<&OffsetMap>) {
    let Some(map) = map else {
        text.push_str("null");
        return;
    };
    let entries: Vec<String> = map
        .iter()
        .map(|(key, value)| format!("{key}={}", JavaText(value)))
        .collect();
    text.push_str(&format!("{{{}}}", entries.join(", ")));
}

/// `ConnectSchema.toString`.
fn schema_text(cell: &SchemaAndValue) -> String {
    match &cell.schema {
        None => "null".to_string(),
        Some(schema) => match schema.name() {
            Some(name) => format!("Schema{{{name}:{}}}", schema.kind()),
            None => format!("Schema{{{}}}", schema.kind()),
        },
    }
}

/// A number in [0, 1) from the hasher's random keys; enough to spread retries.
fn random_fraction() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(Instant::now());
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Props;

    fn operator(props: &[(&str, &str)]) -> Operator {
        let props: Props = props.iter().copied().collect();
        Operator::new(TaskId::new("c", 0), &ErrorConfig::from_props(&props).unwrap(), None)
    }

    async fn fail(operator: &Operator, attempt: &mut Attempt, error: Error) -> Result<Next> {
        operator
            .failed(attempt, Stage::ValueConverter, "X", error, Subject::Source(None))
            .await
    }

    #[tokio::test]
    async fn tolerance_decides_on_plain_errors() {
        let strict = operator(&[]);
        let error = fail(&strict, &mut Attempt::default(), Error::data("bad"))
            .await
            .unwrap_err();
        assert_eq!(
            error.trace(),
            "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n\
             Caused by: org.apache.kafka.connect.errors.DataException: bad\n"
        );
        let lenient = operator(&[("errors.tolerance", "all")]);
        assert_eq!(
            fail(&lenient, &mut Attempt::default(), Error::data("bad"))
                .await
                .unwrap(),
            Next::Skip
        );
    }

    #[tokio::test]
    async fn retriable_errors_are_tried_again_and_then_like_any_other() {
        let later = || Error::retriable("later");
        let never = operator(&[]);
        let error = fail(&never, &mut Attempt::default(), later()).await.unwrap_err();
        assert_eq!(error.message(), Some("Tolerance exceeded in error handler"));
        let endless = operator(&[("errors.retry.timeout", "-1"), ("errors.retry.delay.max.ms", "1")]);
        let mut attempt = Attempt::default();
        for _ in 0..20 {
            assert_eq!(fail(&endless, &mut attempt, later()).await.unwrap(), Next::Retry);
        }
        let brief = operator(&[("errors.retry.timeout", "20"), ("errors.tolerance", "all")]);
        let mut attempt = Attempt::default();
        assert_eq!(fail(&brief, &mut attempt, later()).await.unwrap(), Next::Retry);
        assert_eq!(fail(&brief, &mut attempt, later()).await.unwrap(), Next::Skip);
    }

    #[test]
    fn source_records_are_shown_as_java_shows_them() {
        use turnbuckle_api::{Schema, Type, Value};
        let partition = OffsetMap::new().with("filename", "f");
        let value = SchemaAndValue::new(Schema::primitive(Type::String, false), Value::text("line"));
        let offset = Some(OffsetMap::new().with("position", 5i64));
        let mut record = Record::source("t".into(), value.clone(), std::sync::Arc::new(partition), offset);
        let rest = "ConnectRecord{topic='t', kafkaPartition=null, key=null, keySchema=null, value=line, \
                    valueSchema=Schema{STRING}, timestamp=null, headers=ConnectHeaders(headers=";
        let start = "SourceRecord{sourcePartition={filename=f}, sourceOffset={position=5}} ";
        assert_eq!(source_text(&record), format!("{start}{rest})}}"));
        record.headers.add("h", value);
        let header = "[ConnectHeader(key=h, value=line, schema=Schema{STRING})])}";
        assert_eq!(source_text(&record), format!("{start}{rest}{header}"));
    }

    #[test]
    fn delays_double_and_long_ones_are_drawn_below_the_maximum() {
        let patient = operator(&[]);
        let delays: Vec<u128> = (1..=4).map(|failures| patient.delay(failures).as_millis()).collect();
        assert_eq!(delays, [300, 600, 1200, 2400]);
        let capped = operator(&[("errors.retry.delay.max.ms", "500")]);
        assert_eq!(capped.delay(1), Duration::from_millis(300));
        for failures in 2..60 {
            assert!(capped.delay(failures) <= Duration::from_millis(500));
        }
    }
}
