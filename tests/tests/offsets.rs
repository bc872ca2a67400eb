//! Positions of connectors changed over REST (KIP-875): by any worker of a group, of a source and of a sink, and what the
//! connector reads or writes after it is resumed.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::json;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::steps::{append, numbered, texts};
use turnbuckle_tests::worker::{Program, Worker};
use turnbuckle_tests::{unique, wait_for};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const PATIENCE: Duration = Duration::from_secs(40);

async fn stop(worker: &Worker, name: &str) {
    let path = format!("/connectors/{name}/stop");
    worker.rest.request("PUT", &path, None).await.ok("stop");
    worker.rest.wait_connector_state(name, "STOPPED").await;
}

async fn resume(worker: &Worker, name: &str) {
    let path = format!("/connectors/{name}/resume");
    worker.rest.request("PUT", &path, None).await.ok("resume");
}

#[tokio::test]
async fn a_source_goes_on_where_a_user_says() {
    let first = Worker::distributed(&[]).await;
    let second = first.join(Program::Turnbuckle).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    append(&file, &numbered("line", 1..=4));
    let (name, kafka) = (unique("source"), Kafka::shared());
    let config = json!({"connector.class": "FileStreamSource", "file": file, "topic": name, "value.converter": TEXT});
    first.rest.put_config(&name, &config).await;
    texts(&kafka, &name, 4).await;
    stop(&first, &name).await;

    let path = format!("/connectors/{name}/offsets");
    // One of the two is not the leader and forwards.
    for (worker, position) in [(&first, 7), (&second, 14)] {
        let body = json!({"offsets": [{"partition": {"filename": file}, "offset": {"position": position}}]});
        wait_for("the position to be taken", PATIENCE, async || {
            match worker.rest.patch(&path, &body).await {
                answer if answer.status == 200 => Ok(()),
                answer => Err(answer.body.to_string()),
            }
        })
        .await;
        let stored = first.rest.get(&path).await.body;
        assert_eq!(stored["offsets"][0]["offset"]["position"], position);
    }
    resume(&second, &name).await;
    let expected = ["line-1", "line-2", "line-3", "line-4", "line-3", "line-4"];
    assert_eq!(texts(&kafka, &name, 6).await, expected);
}

#[tokio::test]
async fn a_group_with_members_keeps_its_offsets() {
    let worker = Worker::distributed(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines");
    let (name, kafka) = (unique("sink"), Kafka::shared());
    kafka
        .produce(&name, numbered("line", 1..=3).into_iter().map(Row::value))
        .await;
    let config = json!({"connector.class": "FileStreamSink", "file": file, "topics": name, "value.converter": TEXT});
    worker.rest.put_config(&name, &config).await;
    let written = async |count: usize| {
        wait_for("the lines", PATIENCE, async || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let lines = text.lines().count();
            if lines == count { Ok(()) } else { Err(text) }
        })
        .await;
    };
    written(3).await;
    stop(&worker, &name).await;

    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", format!("connect-{name}"))
        .create()
        .unwrap();
    member.subscribe(&[&name]).unwrap();
    wait_for("another member of the group", PATIENCE, async || {
        let _ = member.poll(Duration::from_millis(50));
        match member.assignment() {
            Ok(list) if list.count() > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let path = format!("/connectors/{name}/offsets");
    let change =
        |offset| json!({"offsets": [{"partition": {"kafka_topic": name, "kafka_partition": 0}, "offset": offset}]});
    let answers = [
        worker.rest.patch(&path, &change(json!({"kafka_offset": 1}))).await,
        worker.rest.patch(&path, &change(json!(null))).await,
        worker.rest.delete(&path).await,
    ];
    for (answer, verb) in answers.iter().zip(["alter", "alter", "reset"]) {
        let message = answer.body["message"].as_str().unwrap_or_default();
        let start = format!("Failed to {verb} consumer group offsets for connector {name} either because");
        assert!(answer.status == 500 && message.starts_with(&start), "{message}");
    }

    drop(member);
    wait_for("the group to be empty", PATIENCE, async || {
        match worker.rest.patch(&path, &change(json!({"kafka_offset": 1}))).await {
            answer if answer.status == 200 => Ok(()),
            answer => Err(answer.body.to_string()),
        }
    })
    .await;
    resume(&worker, &name).await;
    written(5).await;
}
