//! Exactly-once sources on a real broker: whoever reads committed records sees each row once, however often a worker dies
//! and whichever worker goes on.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::worker::{Program, Worker};
use turnbuckle_tests::{cluster, unique, wait_for};

const ROWS: u64 = 60_000;
const PATIENCE: Duration = Duration::from_secs(90);
const WORKER: &[(&str, &str)] = &[
    ("exactly.once.source.support", "enabled"),
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "1000"),
];

/// A table of numbered rows, and the connector that reads it into the topic `PREFIXnumbers`.
async fn numbers(prefix: &str, boundary: &str) -> (Database, Value) {
    let database = Database::postgres().await;
    database
        .execute(&format!(
            "CREATE TABLE numbers (id BIGINT PRIMARY KEY, name TEXT NOT NULL);
             INSERT INTO numbers SELECT n, 'row ' || n FROM generate_series(1, {ROWS}) n"
        ))
        .await;
    let config = json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "tasks.max": "1",
        "connection.url": database.jdbc_url(), "connection.user": database.user(),
        "connection.password": database.password(), "table.whitelist": "numbers", "topic.prefix": prefix,
        "mode": "incrementing", "incrementing.column.name": "id", "batch.max.rows": "500", "poll.interval.ms": "100",
        // A query reads a part, so that the flow lasts some seconds on any machine.
        "query.suffix": "LIMIT 2000", "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "exactly.once.support": "required", "transaction.boundary": boundary,
        "transaction.boundary.interval.ms": "300",
    });
    (database, config)
}

/// Every row once, in the order of the table, as a reader of committed records sees it.
async fn each_row_once(topic: &str) {
    let messages = Kafka::shared().read_committed_at_least(topic, ROWS as usize).await;
    let ids = messages.iter().map(|message| message.json()["id"].as_u64().unwrap());
    let wrong = ids.zip(1..).find(|(id, expected)| id != expected);
    assert_eq!(wrong, None, "the first row out of order, and the one expected there");
    assert_eq!(messages.len() as u64, ROWS);
}

async fn wait_sent(topic: &str, threshold: u64) {
    wait_for(&format!("{threshold} of {ROWS} rows"), PATIENCE, async || {
        match Kafka::shared().end_offsets(topic).await.values().sum::<i64>() as u64 {
            seen if seen >= threshold => Ok(()),
            seen => Err(format!("{seen} rows")),
        }
    })
    .await;
}

#[tokio::test]
async fn killed_workers_and_their_successors_send_each_row_once() {
    let prefix = unique("once-");
    let topic = format!("{prefix}numbers");
    Kafka::shared().create_topic(&topic, 1, &[]).await;
    let (_database, config) = numbers(&prefix, "poll").await;
    let mut workers = cluster::start(2, WORKER).await;
    let name = unique("once");
    workers[0].rest.put_config(&name, &config).await;

    for threshold in [5_000, 15_000, 25_000] {
        wait_sent(&topic, threshold).await;
        // The worker that has the task dies; the other one goes on, and it comes back.
        let owner = workers[1].rest.status(&name).await["tasks"][0]["worker_id"].clone();
        let index = workers.iter().position(|worker| owner == worker.id()).unwrap();
        workers[index].kill9();
        workers[index].start_again().await;
    }
    each_row_once(&topic).await;

    // What is committed is what is stored.
    wait_for("the position of the last row", PATIENCE, async || {
        let answer = workers[0].rest.get(&format!("/connectors/{name}/offsets")).await.body;
        match answer["offsets"][0]["offset"]["incrementing"].as_u64() {
            Some(ROWS) => Ok(()),
            _ => Err(answer.to_string()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_stop_and_a_restart_go_on_where_the_last_transaction_ended() {
    let prefix = unique("once-");
    let topic = format!("{prefix}numbers");
    Kafka::shared().create_topic(&topic, 1, &[]).await;
    let (_database, config) = numbers(&prefix, "interval").await;
    let mut worker = Worker::distributed(WORKER).await;
    let name = unique("once");
    worker.rest.put_config(&name, &config).await;

    wait_sent(&topic, 3_000).await;
    worker
        .rest
        .put(&format!("/connectors/{name}/pause"), &Value::Null)
        .await
        .ok("pause");
    worker.rest.wait_connector_state(&name, "PAUSED").await;
    worker
        .rest
        .put(&format!("/connectors/{name}/resume"), &Value::Null)
        .await
        .ok("resume");
    wait_sent(&topic, 10_000).await;
    worker
        .rest
        .post(&format!("/connectors/{name}/tasks/0/restart"), &Value::Null)
        .await
        .ok("restart");
    wait_sent(&topic, 20_000).await;
    assert!(worker.terminate().await.success());
    worker.start_again().await;
    each_row_once(&topic).await;
}

#[tokio::test]
async fn a_jvm_worker_goes_on_in_the_same_transactions() {
    // Lines of a file: a connector that both kinds of workers have.
    let mut ours = Worker::distributed(WORKER).await;
    let mut lines = cluster::Lines::new(2);
    lines.grow(50);
    lines.create(&[&ours]).await;
    cluster::wait_spread(&[&ours], 4).await;
    lines.wait_complete().await;
    let mut jvm = ours.join(Program::Jvm).await;
    cluster::wait_spread(&[&ours, &jvm], 4).await;
    lines.grow(50);
    lines.wait_complete().await;
    assert!(ours.terminate().await.success());
    cluster::wait_spread(&[&jvm], 4).await;
    lines.grow(50);
    lines.wait_complete().await;
    ours.start_again().await;
    cluster::wait_spread(&[&ours, &jvm], 4).await;
    jvm.terminate().await;
    cluster::wait_spread(&[&ours], 4).await;
    lines.grow(50);
    assert_eq!(lines.wait_complete().await, 0, "no line came twice");
}
