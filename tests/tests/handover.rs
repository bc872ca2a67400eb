//! What this worker leaves behind is what the JVM worker expects, and the other way round: both go on from each other's
//! topics and files, with the same connectors, at exactly the same place.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::steps::{append, lines, numbered, texts};
use turnbuckle_tests::worker::{Program, Worker, WorkerSpec};
use turnbuckle_tests::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Keys with their last values, as kcat prints the compacted topic; a null value is `NULL`.
async fn last_values(topic: &str) -> BTreeMap<String, String> {
    let out = Kafka::shared()
        .kcat(&["-C", "-q", "-e", "-Z", "-t", topic, "-f", "%k\t%s\n"])
        .await;
    out.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn parse(values: &BTreeMap<String, String>, key: &str) -> Value {
    let text = values
        .get(key)
        .unwrap_or_else(|| panic!("no record {key} in {values:#?}"));
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{key}: {e}: {text}"))
}

/// A file that grows, a topic, and a file that a sink writes from it.
struct Lines {
    source: String,
    sink: String,
    topic: String,
    folder: tempfile::TempDir,
    written: usize,
}

impl Lines {
    fn new() -> Self {
        Self {
            source: unique("lines-source"),
            sink: unique("lines-sink"),
            topic: unique("lines"),
            folder: tempfile::tempdir().unwrap(),
            written: 0,
        }
    }

    fn input(&self) -> std::path::PathBuf {
        self.folder.path().join("input")
    }

    fn output(&self) -> std::path::PathBuf {
        self.folder.path().join("output")
    }

    fn source_config(&self) -> Value {
        json!({"connector.class": "FileStreamSource", "tasks.max": "1", "file": self.input(), "topic": self.topic,
               "value.converter": TEXT})
    }

    fn sink_config(&self) -> Value {
        json!({"connector.class": "FileStreamSink", "tasks.max": "1", "file": self.output(), "topics": self.topic,
               "value.converter": TEXT})
    }

    /// Appends ten lines.
    fn grow(&mut self) {
        append(&self.input(), &numbered("line", self.written + 1..=self.written + 10));
        self.written += 10;
    }

    /// All lines written so far have come into the topic and into the sink's file, each once, in their order.
    async fn arrive(&self) {
        let expected = numbered("line", 1..=self.written);
        assert_eq!(texts(&Kafka::shared(), &self.topic, expected.len()).await, expected);
        wait_for("the lines in the sink's file", PATIENCE, async || {
            match lines(&self.output()) {
                seen if seen.len() >= expected.len() => Ok(()),
                seen => Err(format!("{} of {} lines", seen.len(), expected.len())),
            }
        })
        .await;
        assert_eq!(lines(&self.output()), expected);
    }

    /// The worker has stored that all lines written so far have been read and written.
    async fn stored(&self, worker: &Worker) {
        let position = std::fs::metadata(self.input()).unwrap().len();
        wait_for("the offsets of both connectors", PATIENCE, async || {
            let source = worker
                .rest
                .get(&format!("/connectors/{}/offsets", self.source))
                .await
                .body;
            let sink = worker
                .rest
                .get(&format!("/connectors/{}/offsets", self.sink))
                .await
                .body;
            let all = source["offsets"][0]["offset"]["position"] == position
                && sink["offsets"][0]["offset"]["kafka_offset"] == self.written;
            if all {
                Ok(())
            } else {
                Err(format!("{source} {sink}, expected {position} and {}", self.written))
            }
        })
        .await;
    }
}

/// What the workers must agree on: configurations, kinds and tasks of all connectors.
async fn connectors(worker: &Worker) -> Value {
    let mut all = worker.rest.get("/connectors?expand=info").await.ok("GET /connectors");
    for connector in all.as_object_mut().unwrap().values_mut() {
        let tasks = connector["info"]["tasks"].as_array_mut().unwrap();
        tasks.sort_by_key(|task| task["task"].as_u64());
    }
    all
}

async fn run_both(worker: &Worker, flow: &Lines) {
    for name in [&flow.source, &flow.sink] {
        worker.rest.wait_running(name, 1).await;
    }
}

#[tokio::test]
async fn distributed_workers_follow_each_other() {
    let mut flow = Lines::new();
    flow.grow();
    let mut ours = Worker::distributed(&[]).await;
    ours.rest.put_config(&flow.source, &flow.source_config()).await;
    ours.rest.put_config(&flow.sink, &flow.sink_config()).await;
    run_both(&ours, &flow).await;
    flow.arrive().await;
    flow.stored(&ours).await;
    check_config_topic(&ours, &flow).await;
    check_offsets_topic(&ours, &flow).await;
    check_status_topic(&ours, &flow).await;
    let before = connectors(&ours).await;
    assert!(ours.terminate().await.success());

    // The JVM worker takes over: the same connectors, going on where we stood.
    let mut jvm = ours.join(Program::Jvm).await;
    run_both(&jvm, &flow).await;
    assert_eq!(connectors(&jvm).await, before);
    flow.grow();
    flow.arrive().await;
    flow.stored(&jvm).await;
    // A target state that the JVM worker writes is ours too, afterwards.
    jvm.rest
        .put(&format!("/connectors/{}/pause", flow.sink), &Value::Null)
        .await
        .ok("pause");
    jvm.rest.wait_connector_state(&flow.sink, "PAUSED").await;
    jvm.terminate().await;

    let mut ours = jvm.join(Program::Turnbuckle).await;
    assert_eq!(connectors(&ours).await, before);
    ours.rest.wait_running(&flow.source, 1).await;
    ours.rest.wait_connector_state(&flow.sink, "PAUSED").await;
    flow.grow();
    ours.rest
        .put(&format!("/connectors/{}/resume", flow.sink), &Value::Null)
        .await
        .ok("resume");
    run_both(&ours, &flow).await;
    flow.arrive().await;
    assert!(ours.terminate().await.success());
}

/// Keys and values as the JVM worker writes them, so that it reads them.
async fn check_config_topic(worker: &Worker, flow: &Lines) {
    let values = last_values(worker.property("config.storage.topic")).await;
    let name = &flow.source;
    let mut config = flow.source_config();
    config["name"] = json!(name);
    assert_eq!(
        parse(&values, &format!("connector-{name}")),
        json!({"properties": config})
    );
    let mut task = config;
    task["task.class"] = json!("org.apache.kafka.connect.file.FileStreamSourceTask");
    let stored = parse(&values, &format!("task-{name}-0"));
    for (key, value) in stored["properties"].as_object().unwrap() {
        assert_eq!(value, &task[key], "{key} of the task");
    }
    assert!(stored["properties"]["task.class"].is_string(), "{stored}");
    assert_eq!(values[&format!("commit-{name}")], r#"{"tasks":1}"#);
    let session = parse(&values, "session-key");
    assert_eq!(session["algorithm"], "HmacSHA256");
    assert!(
        session["key"].is_string() && session["creation-timestamp"].is_i64(),
        "members of the session key"
    );
}

async fn check_offsets_topic(worker: &Worker, flow: &Lines) {
    let values = last_values(worker.property("offset.storage.topic")).await;
    let key = format!(r#"["{}",{{"filename":"{}"}}]"#, flow.source, flow.input().display());
    let position = std::fs::metadata(flow.input()).unwrap().len();
    assert_eq!(
        values.get(&key),
        Some(&format!(r#"{{"position":{position}}}"#)),
        "{values:#?}"
    );
}

async fn check_status_topic(worker: &Worker, flow: &Lines) {
    let values = last_values(worker.property("status.storage.topic")).await;
    for key in [
        format!("status-connector-{}", flow.source),
        format!("status-task-{}-0", flow.source),
        format!("status-connector-{}", flow.sink),
        format!("status-task-{}-0", flow.sink),
    ] {
        let status = parse(&values, &key);
        let members: Vec<&str> = status.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members[..4],
            ["state", "trace", "worker_id", "generation"],
            "{key}: {status}"
        );
        assert_eq!(
            (&status["state"], &status["trace"]),
            (&json!("RUNNING"), &Value::Null),
            "{key}"
        );
        assert_eq!(status["worker_id"], worker.id(), "{key}");
        assert!(
            status["generation"].as_u64().is_some_and(|generation| generation > 0),
            "{key}: {status}"
        );
    }
    for connector in [&flow.source, &flow.sink] {
        let used = parse(&values, &format!("status-topic-{}:connector-{connector}", flow.topic));
        let members: Vec<&str> = used["topic"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["name", "connector", "task", "discoverTimestamp"], "{used}");
        assert_eq!(
            (&used["topic"]["connector"], &used["topic"]["task"]),
            (&json!(connector), &json!(0))
        );
    }
}

/// A connector file for the command line, as the JVM worker reads it.
fn properties_file(folder: &Path, name: &str, config: &Value) -> std::path::PathBuf {
    let path = folder.join(format!("{name}.properties"));
    let line = |(key, value): (&String, &Value)| format!("{key}={}\n", value.as_str().unwrap());
    let text: String = config.as_object().unwrap().iter().map(line).collect();
    std::fs::write(&path, format!("name={name}\n{text}")).unwrap();
    path
}

#[tokio::test]
async fn standalone_workers_share_the_offsets_file() {
    let mut flow = Lines::new();
    let folder = flow.folder.path().to_owned();
    let source = properties_file(&folder, &flow.source, &flow.source_config());
    let sink = properties_file(&folder, &flow.sink, &flow.sink_config());
    let offsets = folder.join("offsets").display().to_string();
    for program in [Program::Turnbuckle, Program::Jvm, Program::Turnbuckle, Program::Jvm] {
        flow.grow();
        let mut worker = WorkerSpec::standalone(program)
            .properties(&[("offset.storage.file.filename", &offsets)])
            .connectors(&[&source, &sink])
            .start()
            .await;
        run_both(&worker, &flow).await;
        flow.arrive().await;
        flow.grow();
        flow.arrive().await;
        flow.stored(&worker).await;
        worker.terminate().await;
    }
}
