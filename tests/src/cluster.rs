//! Several workers in one group, and connectors whose records are numbered lines of files: what runs where, what every
//! worker says about it, and whether a line is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kafka::Kafka;
use crate::rest::Rest;
use crate::steps::{append, numbered};
use crate::worker::{Program, Worker};
use crate::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";

/// Starts `count` workers of this project in one group; the properties hold for all of them.
pub async fn start(count: usize, properties: &[(&str, &str)]) -> Vec<Worker> {
    let mut workers = vec![Worker::distributed(properties).await];
    while workers.len() < count {
        let next = workers[0].join(Program::Turnbuckle).await;
        workers.push(next);
    }
    workers
}

/// What each worker runs: `name` for a connector, `name-0` for a task. Only what is RUNNING counts.
pub type Placement = BTreeMap<String, BTreeSet<String>>;

/// The placement as one worker tells it, and how many connectors and tasks it names in all, running or not.
pub async fn placement(rest: &Rest) -> (Placement, usize) {
    let all = rest
        .get("/connectors?expand=status")
        .await
        .ok("GET /connectors?expand=status");
    let mut placement = Placement::new();
    let mut count = 0;
    for (name, entry) in all.as_object().into_iter().flatten() {
        let status = &entry["status"];
        let tasks = status["tasks"].as_array().into_iter().flatten();
        let parts = tasks.map(|task| (format!("{name}-{}", task["id"]), task));
        for (part, state) in parts.chain([(name.clone(), &status["connector"])]) {
            count += 1;
            if state["state"] == "RUNNING" {
                let worker = state["worker_id"].as_str().unwrap_or_default().to_owned();
                placement.entry(worker).or_default().insert(part);
            }
        }
    }
    (placement, count)
}

/// Waits until `total` connectors and tasks run, spread evenly over exactly these workers, and every worker says so.
pub async fn wait_spread(workers: &[&Worker], total: usize) -> Placement {
    let ids: BTreeSet<String> = workers.iter().map(|worker| worker.id().to_owned()).collect();
    wait_for(
        &format!("{total} connectors and tasks spread over {ids:?}"),
        PATIENCE,
        async || {
            let (first, count) = placement(&workers[0].rest).await;
            let sizes: Vec<usize> = first.values().map(BTreeSet::len).collect();
            let least = sizes.iter().min().copied().unwrap_or_default();
            let most = sizes.iter().max().copied().unwrap_or_default();
            // Connectors and tasks are dealt out apart, so a worker may have one more of each.
            let even = most <= least + 2;
            let seen: BTreeSet<String> = first.keys().cloned().collect();
            if !(count == total && sizes.iter().sum::<usize>() == total && seen == ids && even) {
                return Err(format!("{count} in all, running: {first:?}"));
            }
            for worker in &workers[1..] {
                let (other, _) = placement(&worker.rest).await;
                if other != first {
                    return Err(format!("{} says {other:?}, not {first:?}", worker.id()));
                }
            }
            Ok(first)
        },
    )
    .await
}

/// How often each task was started so far, by the status topic (key `status-task-NAME-0`, RUNNING is written at a start).
pub async fn starts(status_topic: &str) -> BTreeMap<String, usize> {
    let out = Kafka::shared()
        .kcat(&["-C", "-q", "-e", "-Z", "-t", status_topic, "-f", "%k\t%s\n"])
        .await;
    let mut starts = BTreeMap::new();
    for (key, value) in out.lines().filter_map(|line| line.split_once('\t')) {
        let state: Value = serde_json::from_str(value).unwrap_or_default();
        if let Some(task) = key.strip_prefix("status-task-")
            && state["state"] == "RUNNING"
        {
            *starts.entry(task.to_owned()).or_default() += 1;
        }
    }
    starts
}

/// FileStream sources, each with a file of its own that grows and a topic of its own.
pub struct Lines {
    names: Vec<String>,
    folder: TempDir,
    written: usize,
}

impl Lines {
    /// Names for `count` connectors; nothing is created yet.
    pub fn new(count: usize) -> Self {
        let prefix = unique("lines");
        Self {
            names: (0..count).map(|number| format!("{prefix}-{number:03}")).collect(),
            folder: tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a folder: {e}")),
            written: 0,
        }
    }

    /// Names of the connectors; their topics have the same names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The body that creates a connector.
    pub fn body(&self, name: &str) -> Value {
        json!({"name": name, "config": {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": "1",
            "file": self.file(name), "topic": name, "value.converter": TEXT}})
    }

    /// Creates all connectors, each through the next worker.
    pub async fn create(&self, workers: &[&Worker]) {
        for (name, worker) in self.names.iter().zip(workers.iter().cycle()) {
            worker.rest.create_json(&self.body(name)).await;
        }
    }

    /// Appends `count` lines to every file.
    pub fn grow(&mut self, count: usize) {
        for name in &self.names {
            append(
                &self.file(name),
                &numbered("line", self.written + 1..=self.written + count),
            );
        }
        self.written += count;
    }

    /// Waits until every line written so far is in its topic; returns how many records came twice or more.
    pub async fn wait_complete(&self) -> usize {
        let expected: BTreeSet<String> = numbered("line", 1..=self.written).into_iter().collect();
        let kafka = Kafka::shared();
        let mut repeated = 0;
        for name in &self.names {
            repeated += wait_for(&format!("all lines of {name} in its topic"), PATIENCE, async || {
                let messages = kafka.read_committed(name).await;
                let seen: BTreeSet<String> = messages.iter().map(|message| message.text()).collect();
                let missing = expected.difference(&seen).count();
                if missing > 0 {
                    return Err(format!("{missing} of {} lines are missing", expected.len()));
                }
                Ok(messages.len() - seen.len())
            })
            .await;
        }
        repeated
    }
}
