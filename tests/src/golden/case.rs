//! One case: make the plugin, feed it, compare the answer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use turnbuckle::kafka::partitioner::{murmur2, partition_of};
use turnbuckle_api::converter::{Converter, ConverterRole, Encoded, HeaderConverter, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::transform::Verdict;
use turnbuckle_api::{Error, Headers, Props, Record, SchemaAndValue};
use turnbuckle_converters::values::zone;

use super::cell::{Parsed, bytes_from_json, cell_from_json, cell_to_json};
use super::equality;
use super::record::{self, record_from_json, record_to_json};
use super::registry::{CaseRegistry, RegistryServer};

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(String),
    /// There is no plugin of this class.
    Skipped(String),
}

/// What a plugin did with a case.
enum Answer {
    Bytes(Option<Vec<u8>>),
    Cell(SchemaAndValue),
    /// None: dropped.
    Record(Option<Box<Record>>),
    Failed {
        phase: &'static str,
        error: Error,
    },
}

/// A mistake in the case or in a plugin's conduct; told as a failure.
type Attempt = Result<Answer, String>;

/// Runs cases against a list of plugins.
pub struct Runner {
    plugins: Vec<Plugin>,
    runtime: Runtime,
    registry: RegistryServer,
}

/// A converter may ask for this many fetches per record before it counts as going in circles.
const MAX_FETCHES: usize = 16;

/// Longest wait for one fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

impl Runner {
    /// Starts the registry.
    ///
    /// # Errors
    /// A sentence, if threads or a port can't be had.
    pub fn new(plugins: &[Plugin]) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| format!("cannot start a runtime: {e}"))?;
        let registry = runtime.block_on(RegistryServer::start())?;
        Ok(Runner {
            plugins: plugins.to_vec(),
            runtime,
            registry,
        })
    }

    /// Runs one case.
    pub fn run(&self, case: &Json) -> Outcome {
        if case.get("murmur2").is_some() {
            return match partitioner_difference(case) {
                Ok(None) => Outcome::Passed,
                Ok(Some(difference)) => Outcome::Failed(difference),
                Err(error) => Outcome::Failed(error),
            };
        }
        let Some(class) = text(case, "class") else {
            return Outcome::Failed("case without class".to_owned());
        };
        let Some(plugin) = self.find(class) else {
            return Outcome::Skipped(class.to_owned());
        };
        if let Some(class) = case.get("predicate").and_then(|predicate| text(predicate, "class"))
            && self.find(class).is_none()
        {
            return Outcome::Skipped(class.to_owned());
        }
        let _entered = self.runtime.enter();
        let time_zone = text(case, "timezone").unwrap_or("UTC");
        let judged = zone::with_default_zone(time_zone, || match plugin.kind {
            PluginKind::Transformation(_) => self.transform(plugin, case).and_then(|answer| judge(case, &answer)),
            _ => self.convert(plugin, case),
        });
        match judged {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(reason)) => Outcome::Failed(reason),
            Err(error) => Outcome::Failed(format!("time zone {time_zone}: {error}")),
        }
    }

    fn find(&self, class: &str) -> Option<&Plugin> {
        self.plugins.iter().find(|plugin| plugin.class == class)
    }

    fn transform(&self, plugin: &Plugin, case: &Json) -> Attempt {
        let PluginKind::Transformation(factory) = plugin.kind else {
            return Err(format!("{} is no transformation", plugin.class));
        };
        let failed = |phase| move |error| Ok(Answer::Failed { phase, error });
        let mut transform = match factory(&config(case)) {
            Ok(transform) => transform,
            Err(error) => return failed("configure")(error),
        };
        let predicate = match case.get("predicate") {
            None => None,
            Some(described) => {
                let class = text(described, "class").unwrap_or_default();
                let Some(PluginKind::Predicate(factory)) = self.find(class).map(|plugin| plugin.kind) else {
                    return Err(format!("{class} is no predicate"));
                };
                let negate = described.get("negate") == Some(&Json::Bool(true));
                match factory(&config(described)) {
                    Ok(predicate) => Some((predicate, negate)),
                    Err(error) => return failed("configure")(error),
                }
            }
        };
        let mut record = record_from_json(&case["input"])?;
        if let Some((mut predicate, negate)) = predicate {
            match predicate.test(&record) {
                Ok(holds) if holds == negate => return Ok(Answer::Record(Some(Box::new(record)))),
                Ok(_) => {}
                Err(error) => return failed("apply")(error),
            }
        }
        let before = record.clone();
        match transform.apply(&mut record) {
            Ok(Verdict::Keep) => Ok(Answer::Record(Some(Box::new(record)))),
            Ok(Verdict::Drop) => Ok(Answer::Record(None)),
            Err(error) => match record::difference(&before, &record) {
                None => failed("apply")(error),
                Some(difference) => Err(format!("the failed transform changed the record: {difference}")),
            },
        }
    }

    /// Converts, and compares what was registered meanwhile.
    fn convert(&self, plugin: &Plugin, case: &Json) -> Result<(), String> {
        let registry = match case.get("registry") {
            Some(subjects) => Some(self.registry.open_case(subjects)?),
            None => None,
        };
        let answer = self.converter_answer(plugin, case, registry.as_ref())?;
        judge(case, &answer)?;
        match (&registry, case.get("registered")) {
            (Some(registry), Some(expected)) => registry.compare_added(expected),
            _ => Ok(()),
        }
    }

    fn converter_answer(&self, plugin: &Plugin, case: &Json, registry: Option<&CaseRegistry>) -> Attempt {
        let mut props = config(case);
        if let Some(registry) = registry {
            props.insert("schema.registry.url", registry.url());
        }
        let role = match text(case, "role") {
            Some("key") => ConverterRole::Key,
            Some("header") => ConverterRole::Header,
            _ => ConverterRole::Value,
        };
        let mut converter = match AnyConverter::create(plugin, &props, role)? {
            Ok(converter) => converter,
            Err(error) => {
                return Ok(Answer::Failed {
                    phase: "configure",
                    error,
                });
            }
        };
        let topic = text(case, "topic").unwrap_or_default();
        let answer = match text(case, "op") {
            Some("from_connect") => {
                let cell = cell_from_json(&case["input"])?;
                self.drive(|| converter.write(topic, &cell))?.map(Answer::Bytes)
            }
            Some("to_connect") => {
                let payload = bytes_from_json(&case["input"])?;
                self.drive(|| converter.read(topic, payload.as_ref()))?
                    .map(Answer::Cell)
            }
            other => return Err(format!("unknown op {other:?}")),
        };
        Ok(answer.unwrap_or_else(|error| Answer::Failed { phase: "apply", error }))
    }

    /// Calls until no more fetch is asked for.
    fn drive<T>(&self, mut step: impl FnMut() -> Result<Step<T>, Error>) -> Parsed<Result<T, Error>> {
        for _ in 0..MAX_FETCHES {
            let fetch = match step() {
                Ok(Step::Done(done)) => return Ok(Ok(done)),
                Ok(Step::Fetch(fetch)) => fetch,
                Err(error) => return Ok(Err(error)),
            };
            let fetched = self
                .runtime
                .block_on(async { tokio::time::timeout(FETCH_TIMEOUT, fetch).await });
            match fetched {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Ok(Err(error)),
                Err(_) => return Err(format!("a fetch took longer than {FETCH_TIMEOUT:?}")),
            }
        }
        Err(format!("{MAX_FETCHES} fetches and still no answer"))
    }
}

/// Both converter interfaces.
enum AnyConverter {
    Record(Box<dyn Converter>),
    Header(Box<dyn HeaderConverter>),
}

impl AnyConverter {
    fn create(plugin: &Plugin, props: &Props, role: ConverterRole) -> Parsed<Result<Self, Error>> {
        Ok(match (plugin.kind, role) {
            (
                PluginKind::Converter {
                    header: Some(header), ..
                },
                ConverterRole::Header,
            )
            | (PluginKind::HeaderConverter(header), ConverterRole::Header) => header(props).map(AnyConverter::Header),
            (PluginKind::Converter { converter, .. }, role) => converter(props, role).map(AnyConverter::Record),
            _ => return Err(format!("{} converts no {}s", plugin.class, role.name())),
        })
    }

    fn write(&mut self, topic: &str, cell: &SchemaAndValue) -> Result<Step<Option<Vec<u8>>>, Error> {
        // What was there before must stay, so the buffer is not empty.
        let mut out = b"before".to_vec();
        let (schema, value) = (cell.schema.as_ref(), &cell.value);
        let step = match self {
            AnyConverter::Record(converter) => {
                converter.from_connect(topic, &mut Headers::default(), schema, value, &mut out)?
            }
            AnyConverter::Header(converter) => {
                converter.from_connect_header(topic, "header", schema, value, &mut out)?
            }
        };
        Ok(match step {
            Step::Done(Encoded::Null) => Step::Done(None),
            Step::Done(Encoded::Bytes) => Step::Done(Some(out.split_off(b"before".len()))),
            Step::Fetch(fetch) => Step::Fetch(fetch),
        })
    }

    fn read(&mut self, topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>, Error> {
        match self {
            AnyConverter::Record(converter) => converter.to_connect(topic, payload),
            AnyConverter::Header(converter) => converter.to_connect_header(topic, "header", payload),
        }
    }
}

fn text<'a>(object: &'a Json, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Json::as_str)
}

fn config(case: &Json) -> Props {
    let mut props = Props::new();
    for (key, value) in case.get("config").and_then(Json::as_object).into_iter().flatten() {
        props.insert_nullable(key, value.as_str().map(str::to_owned));
    }
    props
}

/// Compares an answer with what the case expects.
fn judge(case: &Json, answer: &Answer) -> Result<(), String> {
    let difference = match (case.get("error"), answer) {
        (Some(expected), Answer::Failed { phase, error }) => error_difference(case, expected, phase, error),
        (Some(_), _) => Some("expected an error".to_owned()),
        (None, Answer::Failed { phase, .. }) => Some(format!("unexpected error ({phase})")),
        (None, answer) => output_difference(&case["output"], answer)?,
    };
    match difference {
        None => Ok(()),
        Some(difference) => Err(format!(
            "{difference}\n  expected {}\n  actual   {}",
            expected(case),
            show(answer)
        )),
    }
}

/// The default partitioner: hash of the key, and the partition among several numbers of them.
fn partitioner_difference(case: &Json) -> Parsed<Option<String>> {
    let key = bytes_from_json(&case["key"])?.unwrap_or_default();
    let hash = murmur2(&key);
    if case["murmur2"].as_i64() != Some(i64::from(hash)) {
        return Ok(Some(format!("murmur2: expected {}, found {hash}", case["murmur2"])));
    }
    for (count, expected) in case.get("partition").and_then(Json::as_object).into_iter().flatten() {
        let partitions: i32 = count
            .parse()
            .map_err(|_| format!("{count} is no number of partitions"))?;
        let actual = partition_of(&key, partitions);
        if expected.as_i64() != Some(i64::from(actual)) {
            return Ok(Some(format!(
                "partition of {count}: expected {expected}, found {actual}"
            )));
        }
    }
    Ok(None)
}

fn output_difference(expected: &Json, answer: &Answer) -> Parsed<Option<String>> {
    Ok(match answer {
        Answer::Bytes(actual) => {
            let expected = bytes_from_json(expected)?;
            (expected.as_deref() != actual.as_deref()).then(|| "bytes differ".to_owned())
        }
        Answer::Cell(actual) => equality::difference(&cell_from_json(expected)?, actual),
        Answer::Record(actual) => match (expected.is_null(), actual) {
            (true, None) => None,
            (true, Some(_)) => Some("expected the record to be dropped".to_owned()),
            (false, None) => Some("the record was dropped".to_owned()),
            (false, Some(actual)) => record::difference(&record_from_json(expected)?, actual),
        },
        Answer::Failed { .. } => None,
    })
}

fn error_difference(case: &Json, expected: &Json, phase: &str, error: &Error) -> Option<String> {
    if text(case, "phase") != Some(phase) {
        return Some(format!("error in phase {phase}"));
    }
    if text(expected, "class") != Some(error.class_name()) {
        return Some("error classes differ".to_owned());
    }
    let is_loose = expected.get("loose") == Some(&Json::Bool(true));
    if !is_loose && text(expected, "message") != error.message() {
        return Some("error messages differ".to_owned());
    }
    None
}

fn expected(case: &Json) -> String {
    if let Some(error) = case.get("error") {
        return format!("{error} while {}", text(case, "phase").unwrap_or_default());
    }
    match (text(case, "op"), &case["output"]) {
        (Some("from_connect"), Json::String(output)) => match STANDARD.decode(output) {
            Ok(bytes) => show_bytes(&bytes),
            Err(error) => error.to_string(),
        },
        (_, output) => output.to_string(),
    }
}

fn show(answer: &Answer) -> String {
    match answer {
        Answer::Bytes(None) | Answer::Record(None) => "null".to_owned(),
        Answer::Bytes(Some(bytes)) => show_bytes(bytes),
        Answer::Cell(cell) => cell_to_json(cell).to_string(),
        Answer::Record(Some(record)) => record_to_json(record).to_string(),
        Answer::Failed { phase, error } => format!("{} while {phase}", error.trace().trim_end().replace('\n', " | ")),
    }
}

fn show_bytes(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
