//! The life of a worker and its connectors: start, pause, stop, restart, change, failure, deletion, and the end; what
//! each of them does to the records of a file that grows.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::steps::{append, lines, numbered, texts};
use turnbuckle_tests::worker::{Program, Worker, WorkerSpec};
use turnbuckle_tests::{unique, wait_for};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const PATIENCE: Duration = Duration::from_secs(40);

/// A file that grows, and the topic into which a connector carries its lines.
struct Flow {
    name: String,
    topic: String,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Flow {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            name: unique(name),
            topic: unique(name),
            file: folder.path().join("lines"),
            _folder: folder,
        }
    }

    fn config(&self) -> Value {
        json!({"connector.class": "FileStreamSource", "tasks.max": "1", "file": self.file, "topic": self.topic,
               "value.converter": TEXT})
    }

    async fn create(&self, worker: &Worker) {
        worker.rest.put_config(&self.name, &self.config()).await;
        worker.rest.wait_running(&self.name, 1).await;
    }

    /// `PUT` or `POST` to a path below the connector's.
    async fn ask(&self, worker: &Worker, method: &str, path: &str) -> u16 {
        let path = format!("/connectors/{}/{path}", self.name);
        let answer = worker.rest.request(method, &path, None).await;
        answer.clone().ok(&path);
        answer.status
    }

    /// The topic holds lines 1 to `last`, each once.
    async fn holds(&self, last: usize) {
        assert_eq!(
            texts(&Kafka::shared(), &self.topic, last).await,
            numbered("line", 1..=last)
        );
    }

    fn grow(&self, numbers: std::ops::RangeInclusive<usize>) {
        append(&self.file, &numbered("line", numbers));
    }

    /// The worker has stored that the whole file has been read.
    async fn stored(&self, worker: &Worker) {
        let length = std::fs::metadata(&self.file).unwrap().len();
        let path = format!("/connectors/{}/offsets", self.name);
        wait_for("the stored position", PATIENCE, async || {
            let answer = worker.rest.get(&path).await.body;
            if answer["offsets"][0]["offset"]["position"] == length {
                Ok(())
            } else {
                Err(format!("{answer}, expected {length}"))
            }
        })
        .await;
    }
}

/// Waits until all tasks and the connector have this state.
async fn wait_states(worker: &Worker, name: &str, connector: &str, tasks: &[&str]) {
    wait_for(&format!("{name} {connector} {tasks:?}"), PATIENCE, async || {
        let answer = worker.rest.get(&format!("/connectors/{name}/status")).await;
        let list = answer.body["tasks"].as_array().cloned().unwrap_or_default();
        let states: Vec<&str> = list.iter().filter_map(|task| task["state"].as_str()).collect();
        if answer.body["connector"]["state"] == connector && states == tasks {
            Ok(())
        } else {
            Err(answer.body.to_string())
        }
    })
    .await;
}

#[tokio::test]
async fn a_connector_is_paused_stopped_restarted_and_deleted() {
    let worker = Worker::distributed(&[]).await;
    let flow = Flow::new("life");
    // Reads the same file all the time: what it has read, the other one could have read.
    let witness = Flow {
        name: unique("witness"),
        topic: unique("witness"),
        file: flow.file.clone(),
        _folder: tempfile::tempdir().unwrap(),
    };
    flow.grow(1..=3);
    witness.create(&worker).await;
    flow.create(&worker).await;
    flow.holds(3).await;

    assert_eq!(flow.ask(&worker, "PUT", "pause").await, 202);
    wait_states(&worker, &flow.name, "PAUSED", &["PAUSED"]).await;
    for line in [4, 5] {
        flow.grow(line..=line);
        witness.holds(line).await;
    }
    flow.holds(3).await;
    assert_eq!(flow.ask(&worker, "PUT", "resume").await, 202);
    wait_states(&worker, &flow.name, "RUNNING", &["RUNNING"]).await;
    flow.holds(5).await;

    assert_eq!(flow.ask(&worker, "PUT", "stop").await, 204);
    wait_states(&worker, &flow.name, "STOPPED", &[]).await;
    flow.grow(6..=7);
    witness.holds(7).await;
    flow.holds(5).await;
    assert_eq!(flow.ask(&worker, "PUT", "resume").await, 202);
    flow.holds(7).await;

    assert_eq!(
        flow.ask(&worker, "POST", "restart?includeTasks=true&onlyFailed=false")
            .await,
        202
    );
    flow.grow(8..=8);
    flow.holds(8).await;
    wait_states(&worker, &flow.name, "RUNNING", &["RUNNING"]).await;
    assert_eq!(flow.ask(&worker, "POST", "restart").await, 204);
    assert_eq!(flow.ask(&worker, "POST", "tasks/0/restart").await, 204);
    flow.grow(9..=9);
    flow.holds(9).await;
    flow.stored(&worker).await;

    worker.rest.remove(&flow.name).await;
    for path in ["", "/status", "/config", "/offsets"] {
        let path = format!("/connectors/{}{path}", flow.name);
        wait_for(&format!("404 for {path}"), PATIENCE, async || {
            match worker.rest.get(&path).await.status {
                404 => Ok(()),
                other => Err(other.to_string()),
            }
        })
        .await;
    }
    flow.grow(10..=11);
    witness.holds(11).await;
    flow.holds(9).await;
    // Offsets outlive the connector of this name.
    flow.create(&worker).await;
    flow.holds(11).await;
}

#[tokio::test]
async fn a_worker_that_is_asked_to_end_ends_soon_and_repeats_nothing() {
    let mut worker = Worker::distributed(&[("offset.flush.interval.ms", "60000")]).await;
    let flow = Flow::new("term");
    flow.grow(1..=20_000);
    flow.create(&worker).await;
    Kafka::shared().read_at_least(&flow.topic, 1).await;
    for last in [30_000, 40_000] {
        // Offsets are stored at the end, because the interval for it is long.
        let start = Instant::now();
        let status = worker.terminate().await;
        assert_eq!(status.code(), Some(0), "{status}");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "the end took {:?}",
            start.elapsed()
        );
        flow.grow(last - 9_999..=last);
        worker.start_again().await;
        worker.rest.wait_running(&flow.name, 1).await;
        Kafka::shared().read_at_least(&flow.topic, last - 9_000).await;
    }
    flow.holds(40_000).await;
}

#[tokio::test]
async fn a_changed_configuration_takes_effect() {
    let worker = Worker::distributed(&[]).await;
    let flow = Flow::new("change");
    flow.grow(1..=2);
    flow.create(&worker).await;
    flow.holds(2).await;
    flow.stored(&worker).await;

    let other = unique("changed");
    let mut config = flow.config();
    config["topic"] = json!(other);
    config["value.converter"] = json!("org.apache.kafka.connect.json.JsonConverter");
    config["value.converter.schemas.enable"] = json!("false");
    worker.rest.put_config(&flow.name, &config).await;
    flow.grow(3..=4);
    assert_eq!(texts(&Kafka::shared(), &other, 2).await, [r#""line-3""#, r#""line-4""#]);
    flow.holds(2).await;

    // Only what is named changes.
    let patch = json!({"topic": flow.topic, "value.converter.schemas.enable": null, "value.converter": TEXT});
    let path = format!("/connectors/{}/config", flow.name);
    worker.rest.patch(&path, &patch).await.ok("PATCH");
    flow.grow(5..=5);
    let arrived = texts(&Kafka::shared(), &flow.topic, 3).await;
    assert_eq!(arrived, ["line-1", "line-2", "line-5"]);
    let stored = worker.rest.get(&path).await.ok("GET config");
    let mut expected = flow.config();
    expected["name"] = json!(flow.name);
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn a_failed_task_says_why_and_can_be_restarted() {
    let worker = Worker::distributed(&[]).await;
    let flow = Flow::new("fail");
    flow.grow(1..=2);
    let mut config = flow.config();
    // Lines are no structs.
    config["transforms"] = json!("key");
    config["transforms.key.type"] = json!("org.apache.kafka.connect.transforms.ValueToKey");
    config["transforms.key.fields"] = json!("name");
    worker.rest.put_config(&flow.name, &config).await;
    let trace = worker.rest.wait_failed(&flow.name).await;
    let failure = "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n";
    assert!(trace.starts_with(failure), "{trace}");
    let reason = "\nCaused by: org.apache.kafka.connect.errors.DataException: \
                  Only Map objects supported in absence of schema for [copying fields from value to key], found: java.lang.String";
    let reason_with_schema = "\nCaused by: org.apache.kafka.connect.errors.DataException: \
                  Only Struct objects supported for [copying fields from value to key], found: java.lang.String";
    assert!(trace.contains(reason) || trace.contains(reason_with_schema), "{trace}");
    wait_states(&worker, &flow.name, "RUNNING", &["FAILED"]).await;

    // A restart alone does not help, a better configuration does.
    assert_eq!(
        flow.ask(&worker, "POST", "restart?includeTasks=true&onlyFailed=true")
            .await,
        202
    );
    worker.rest.wait_failed(&flow.name).await;
    worker.rest.put_config(&flow.name, &flow.config()).await;
    worker.rest.wait_running(&flow.name, 1).await;
    flow.holds(2).await;
}

#[tokio::test]
async fn the_environment_alone_configures_a_worker() {
    let spec = WorkerSpec::distributed(Program::Turnbuckle);
    let group = spec.property("group.id").unwrap().to_owned();
    let mut worker = spec.in_environment().start().await;
    let flow = Flow::new("environment");
    flow.grow(1..=2);
    flow.create(&worker).await;
    flow.holds(2).await;
    assert!(!worker.folder().join("worker.properties").exists());
    // The topics are those of the variables.
    let topics = Kafka::shared().topics().await;
    for kind in ["configs", "offsets", "status"] {
        assert!(topics.contains(&format!("{group}-{kind}")), "{topics:?}");
    }
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn unknown_worker_settings_are_no_error_and_missing_ones_are_named() {
    // Settings of newer and older workers, of plugins and of clients stand in one file.
    let worker = Worker::distributed(&[
        ("internal.key.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("plugin.path", "/usr/share/java"),
        ("some.future.setting", "x"),
        ("producer.some.future.setting", "x"),
    ])
    .await;
    let flow = Flow::new("unknown");
    flow.grow(1..=1);
    flow.create(&worker).await;
    flow.holds(1).await;

    let cases = [
        (vec![("group.id", None)], "group.id"),
        (vec![("offset.storage.topic", None)], "offset.storage.topic"),
        (vec![("value.converter", None)], "value.converter"),
        (
            vec![("offset.flush.interval.ms", Some("soon"))],
            "offset.flush.interval.ms",
        ),
    ];
    for (changes, named) in cases {
        let mut spec = WorkerSpec::distributed(Program::Turnbuckle);
        for (key, value) in changes {
            spec = match value {
                Some(value) => spec.properties(&[(key, value)]),
                None => spec.without(key),
            };
        }
        let mut worker = spec.launch();
        let status = wait_for("the end of a worker that cannot start", PATIENCE, async || {
            worker.process.exited().ok_or_else(|| worker.process.log_tail(5))
        })
        .await;
        assert_eq!(status.code(), Some(2), "{}", worker.process.log_tail(20));
        let log = worker.process.log();
        assert!(
            log.contains("org.apache.kafka.common.config.ConfigException") && log.contains(named),
            "nothing about {named} in\n{log}"
        );
    }
}

#[tokio::test]
async fn a_standalone_worker_runs_files_of_all_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let flows: Vec<Flow> = ["properties", "flat", "request"].map(Flow::new).into();
    let mut files = Vec::new();
    for flow in &flows {
        flow.grow(1..=3);
        let mut config = flow.config();
        let name = &flow.name;
        let (ending, text) = if name.starts_with("properties") {
            let members = config.as_object().unwrap();
            let pairs = members.iter().map(|(k, v)| format!("{k} = {}\n", v.as_str().unwrap()));
            (
                "properties",
                format!("# A comment.\nname={name}\n{}", pairs.collect::<String>()),
            )
        } else if name.starts_with("flat") {
            config["name"] = json!(name);
            ("json", config.to_string())
        } else {
            ("json", json!({"name": name, "config": config}).to_string())
        };
        let path = folder.path().join(format!("{name}.{ending}"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    let output = folder.path().join("output");
    let sink = unique("sink");
    let sink_config = json!({"name": sink, "config": {
        "connector.class": "FileStreamSink", "topics": flows[0].topic, "file": output, "value.converter": TEXT}});
    let sink_file = folder.path().join("sink.json");
    std::fs::write(&sink_file, sink_config.to_string()).unwrap();
    files.push(sink_file);

    let paths: Vec<&std::path::Path> = files.iter().map(PathBuf::as_path).collect();
    let mut worker = Worker::standalone(&[], &paths).await;
    for flow in &flows {
        worker.rest.wait_running(&flow.name, 1).await;
        flow.holds(3).await;
    }
    let arrived = async |count: usize| {
        wait_for("the sink's lines", PATIENCE, async || match lines(&output) {
            seen if seen.len() >= count => Ok(()),
            seen => Err(format!("{} lines", seen.len())),
        })
        .await;
        assert_eq!(lines(&output), numbered("line", 1..=count));
    };
    arrived(3).await;

    // Offsets are in the file, and sinks' in the broker: nothing comes twice after an end.
    assert!(worker.terminate().await.success());
    worker.start_again().await;
    for flow in &flows {
        flow.grow(4..=5);
        flow.holds(5).await;
    }
    arrived(5).await;
    // Connectors made over REST live as long as the worker.
    let late = Flow::new("late");
    late.grow(1..=1);
    late.create(&worker).await;
    late.holds(1).await;
    assert!(worker.terminate().await.success());
    worker.start_again().await;
    worker.rest.wait_running(&flows[0].name, 1).await;
    assert_eq!(worker.rest.get(&format!("/connectors/{}", late.name)).await.status, 404);
}
