//! Secrets of config providers: connectors work with them, and they are found in no internal topic, log or REST answer; what
//! changes behind a placeholder counts from the next start on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use serde_json::{Value, json};
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::steps::{append, numbered, texts};
use turnbuckle_tests::worker::{Program, Worker, WorkerSpec};
use turnbuckle_tests::{services, unique};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const PACKAGE: &str = "org.apache.kafka.common.config.provider";

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

async fn start(folder: &Path) -> Worker {
    let file = format!("{PACKAGE}.FileConfigProvider");
    let directory = format!("{PACKAGE}.DirectoryConfigProvider");
    let environment = format!("{PACKAGE}.EnvVarConfigProvider");
    let rack = format!("${{file:{}:rack}}", folder.join("secrets.properties").display());
    WorkerSpec::distributed(Program::Turnbuckle)
        .properties(&[
            ("config.providers", "file,dir,env"),
            ("config.providers.file.class", &file),
            (
                "config.providers.file.param.allowed.paths",
                &folder.display().to_string(),
            ),
            ("config.providers.dir.class", &directory),
            ("config.providers.env.class", &environment),
            ("config.providers.env.param.allowlist.pattern", "TEST_.*"),
            ("consumer.client.rack", &rack),
        ])
        .environment(&[("TEST_USER", "postgres")])
        .start()
        .await
}

/// Everything that a worker keeps or says.
async fn traces(worker: &Worker, connectors: &[(&str, &Value)]) -> Vec<(String, String)> {
    let mut traces = Vec::new();
    let mut paths = vec!["/connectors?expand=info&expand=status".to_string()];
    for (name, _) in connectors {
        paths.extend(
            ["", "/config", "/tasks", "/status", "/offsets", "/topics"].map(|part| format!("/connectors/{name}{part}")),
        );
    }
    for path in paths {
        traces.push((path.clone(), worker.rest.get(&path).await.body.to_string()));
    }
    for (_, config) in connectors {
        let class = config["connector.class"].as_str().unwrap();
        let path = format!("/connector-plugins/{class}/config/validate");
        let mut config = (*config).clone();
        config["name"] = json!("validated");
        traces.push((path.clone(), worker.rest.put(&path, &config).await.body.to_string()));
    }
    for key in ["config.storage.topic", "offset.storage.topic", "status.storage.topic"] {
        let topic = worker.property(key);
        for message in Kafka::shared().read_all(topic).await {
            traces.push((topic.to_string(), format!("{} {}", message.key_text(), message.text())));
        }
    }
    traces
}

#[tokio::test]
async fn secrets_are_used_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let secret = unique("hush");
    write(
        &at("secrets.properties"),
        &format!("password={secret}\nrack={secret}-rack\n"),
    );
    let (lines, rows) = (unique("lines"), unique("rows"));
    write(&at("topic"), &format!("{lines}-1"));
    append(&at("lines"), &numbered("line", 1..=2));
    let worker = start(folder.path()).await;

    let path = folder.path().display();
    let source = json!({
        "connector.class": "FileStreamSource", "file": format!("{path}/lines"), "topic": format!("${{dir:{path}:topic}}"),
        "value.converter": TEXT, "note.password": format!("${{file:{path}/secrets.properties:password}}"),
    });
    let jdbc = json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector",
        "connection.url": format!("jdbc:postgresql://{}/postgres", services::shared().postgres()),
        "connection.user": "${env:TEST_USER}",
        "connection.password": format!("${{file:{path}/secrets.properties:password}}"),
        "mode": "bulk", "query": "SELECT 1 AS one", "topic.prefix": rows, "poll.interval.ms": "3600000",
    });
    for (name, config) in [(&lines, &source), (&rows, &jdbc)] {
        worker.rest.put_config(name, config).await;
        worker.rest.wait_running(name, 1).await;
    }
    let kafka = Kafka::shared();
    assert_eq!(texts(&kafka, &format!("{lines}-1"), 2).await, numbered("line", 1..=2));
    assert_eq!(kafka.read_at_least(&rows, 1).await.len(), 1);

    let shown = traces(&worker, &[(&lines, &source), (&rows, &jdbc)]).await;
    for (place, text) in &shown {
        // A password's validated value is hidden; a key that the connector does not define has no type that says so.
        if !place.ends_with("FileStreamSource/config/validate") {
            assert!(!text.contains(&secret), "{place}: {text}");
        }
    }
    let task = worker.rest.get(&format!("/connectors/{rows}/tasks")).await.body;
    assert_eq!(task[0]["config"]["connection.password"], jdbc["connection.password"]);
    assert_eq!(task[0]["config"]["connection.user"], jdbc["connection.user"]);
    assert!(!worker.log_contains(&secret));

    let stop = format!("/connectors/{lines}/stop");
    worker.rest.request("PUT", &stop, None).await.ok("stop");
    worker.rest.wait_connector_state(&lines, "STOPPED").await;
    write(&at("topic"), &format!("{lines}-2"));
    append(&at("lines"), &numbered("line", 3..=3));
    let resume = format!("/connectors/{lines}/resume");
    worker.rest.request("PUT", &resume, None).await.ok("resume");
    assert_eq!(texts(&kafka, &format!("{lines}-2"), 1).await, ["line-3"]);
}
