//! A worker that dies without a word (SIGKILL) in the middle of 200,000 rows, three times, loses none of them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::steps::produce_avro;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{services, unique, wait_for};

const ROWS: usize = 200_000;
/// The worker is killed once so many rows have arrived.
const KILLS: [u64; 3] = [10_000, 60_000, 120_000];
const PATIENCE: Duration = Duration::from_secs(90);

/// Offsets are stored often, and a dead worker is missed soon.
const WORKER: &[(&str, &str)] = &[
    ("offset.flush.interval.ms", "100"),
    ("session.timeout.ms", "3000"),
    ("heartbeat.interval.ms", "500"),
    ("consumer.session.timeout.ms", "3000"),
    ("consumer.heartbeat.interval.ms", "500"),
    ("consumer.max.poll.records", "1000"),
];

/// Waits until so many rows have arrived, kills the worker, makes sure that it did not have all, and starts it again.
async fn kill_in_the_middle(worker: &mut Worker, arrived: impl AsyncFn() -> u64) {
    for threshold in KILLS {
        wait_for(
            &format!("{threshold} of {ROWS} rows"),
            PATIENCE,
            async || match arrived().await {
                seen if seen >= threshold => Ok(()),
                seen => Err(format!("{seen} rows")),
            },
        )
        .await;
        worker.kill9();
        let seen = arrived().await;
        assert!(
            seen < ROWS as u64,
            "the kill at {threshold} came too late: {seen} rows had arrived"
        );
        worker.start_again().await;
    }
}

/// Runs a source over the table `events` of 200,000 rows until the stored offset is the last row's, with kills.
async fn carry_out_of_mariadb(mode: &str, columns: Value) {
    let database = Database::mariadb().await;
    // A thousand rows share each time.
    database
        .execute(&format!(
            "CREATE TABLE events (
               id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, amount DOUBLE NOT NULL,
               modified TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY (modified, id));
             INSERT INTO events (name, amount, modified)
               SELECT CONCAT('event ', seq), seq / 8, TIMESTAMP '2024-01-01 00:00:00.250' + INTERVAL seq DIV 1000 SECOND
               FROM seq_1_to_{ROWS}"
        ))
        .await;
    let kafka = Kafka::shared();
    let prefix = unique("crash-");
    let topic = format!("{prefix}events");
    kafka.create_topic(&topic, 1, &[]).await;
    let mut worker = Worker::distributed(WORKER).await;
    let mut config = json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "tasks.max": "1",
        "connection.url": database.jdbc_url().replace("jdbc:mysql:", "jdbc:mariadb:"),
        "connection.user": database.user(), "connection.password": database.password(),
        "catalog.pattern": database.name(), "table.whitelist": "events", "topic.prefix": prefix, "mode": mode,
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false", "batch.max.rows": "500",
        // A query reads a part, so that the flow lasts some seconds on any machine.
        "query.suffix": "LIMIT 10000", "poll.interval.ms": "250",
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(columns.as_object().unwrap().clone());
    let name = unique("crash-source");
    worker.rest.put_config(&name, &config).await;

    let arrived = async || kafka.end_offsets(&topic).await.values().sum::<i64>() as u64;
    kill_in_the_middle(&mut worker, arrived).await;

    // The offset of the last row is stored after the broker has all rows.
    let path = format!("/connectors/{name}/offsets");
    wait_for("the offset of the last row", PATIENCE, async || {
        let answer = worker.rest.get(&path).await;
        match answer.body["offsets"][0]["offset"]["incrementing"].as_u64() {
            Some(id) if id == ROWS as u64 => Ok(()),
            _ => Err(answer.body.to_string()),
        }
    })
    .await;
    worker.rest.wait_running(&name, 1).await;

    let messages = kafka.read_at_least(&topic, ROWS).await;
    let mut seen = HashSet::with_capacity(ROWS);
    for message in &messages {
        let record = message.json();
        let id = record["id"].as_u64().unwrap();
        let time = 1_704_067_200_250 + id / 1000 * 1000;
        let expected = json!({
            "id": id, "name": format!("event {id}"), "amount": id as f64 / 8.0, "modified": time});
        assert_eq!(record, expected);
        seen.insert(id);
    }
    let missing: Vec<u64> = (1..=ROWS as u64).filter(|id| !seen.contains(id)).take(10).collect();
    assert!(
        missing.is_empty(),
        "{} rows are missing, such as {missing:?}",
        ROWS - seen.len()
    );
    let repeated = messages.len() - ROWS;
    // A kill may repeat what was sent since the last stored offset, not all that came before.
    assert!(repeated < ROWS / 2, "{repeated} rows came again");
}

#[tokio::test]
async fn incrementing_source_misses_no_row() {
    carry_out_of_mariadb("incrementing", json!({"incrementing.column.name": "id"})).await;
}

#[tokio::test]
async fn timestamp_incrementing_source_misses_no_row() {
    let columns = json!({"incrementing.column.name": "id", "timestamp.column.name": "modified"});
    carry_out_of_mariadb("timestamp+incrementing", columns).await;
}

/// Runs a sink over a topic of 200,000 records until all are committed, with kills.
async fn carry_into_postgres(database: &Database, ids: impl Fn(usize) -> usize, settings: Value) {
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let topic = unique("crash-bets");
    kafka.create_topic(&topic, 1, &[]).await;
    let schema = json!({"type": "record", "name": "Bet", "fields": [
        {"name": "id", "type": "long"}, {"name": "number", "type": "long"}, {"name": "runner", "type": "string"}]});
    let records = (1..=ROWS).map(|n| json!({"id": ids(n), "number": n, "runner": format!("runner {n}")}));
    produce_avro(&kafka, &registry, &topic, &schema, records.collect()).await;

    let mut worker = Worker::distributed(WORKER).await;
    let mut config = json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "tasks.max": "1", "topics": topic,
        "connection.url": database.jdbc_url(), "connection.user": database.user(),
        "connection.password": database.password(), "table.name.format": "bets",
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": services::shared().registry(),
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let name = unique("crash-sink");
    worker.rest.put_config(&name, &config).await;

    // Numbers only grow in the table, while rows may be changed in place.
    let arrived = async || {
        let highest = database.value("SELECT coalesce(max(number), 0) FROM bets").await;
        highest.parse::<u64>().unwrap()
    };
    kill_in_the_middle(&mut worker, arrived).await;

    let group = format!("connect-{name}");
    wait_for("the commit of the last record", PATIENCE, async || {
        match kafka.committed(&group, &topic).await.get(&0) {
            Some(offset) if *offset == ROWS as i64 => Ok(()),
            other => Err(format!("{other:?} is committed")),
        }
    })
    .await;
    worker.rest.wait_running(&name, 1).await;
}

/// The table, slowed down: each statement that writes takes a moment more, so that the flow lasts some seconds on any
/// machine.
async fn create_bets(database: &Database, key: &str) {
    database
        .execute(&format!(
            "CREATE TABLE bets (id BIGINT NOT NULL{key}, number BIGINT NOT NULL, runner TEXT NOT NULL);
             CREATE INDEX ON bets (number);
             CREATE FUNCTION pace() RETURNS trigger LANGUAGE plpgsql AS
               $$ BEGIN PERFORM pg_sleep(0.03); RETURN NULL; END $$;
             CREATE TRIGGER pace AFTER INSERT ON bets FOR EACH STATEMENT EXECUTE FUNCTION pace()"
        ))
        .await;
}

#[tokio::test]
async fn insert_sink_misses_no_row() {
    let database = Database::postgres().await;
    create_bets(&database, "").await;
    carry_into_postgres(&database, |n| n, json!({"insert.mode": "insert"})).await;

    let all = "SELECT count(DISTINCT number), min(number), max(number) FROM bets";
    let expected = [["200000", "1", "200000"].map(|text| Some(text.to_owned()))];
    assert_eq!(database.rows(all).await, expected);
    let wrong = "SELECT count(*) FROM bets WHERE id <> number OR runner <> 'runner ' || number";
    assert_eq!(database.value(wrong).await, "0");
    let repeated = database.count("bets").await - ROWS as u64;
    assert!(repeated < ROWS as u64 / 2, "{repeated} rows came again");
}

#[tokio::test]
async fn upsert_sink_ends_with_the_exact_table() {
    let database = Database::postgres().await;
    create_bets(&database, " PRIMARY KEY").await;
    // Each of 50,000 ids is written four times; the last one counts.
    const IDS: usize = 50_000;
    let settings = json!({"insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id"});
    carry_into_postgres(&database, |n| n % IDS, settings).await;

    assert_eq!(database.count("bets").await, IDS as u64);
    let wrong = "SELECT count(*) FROM bets
                 WHERE number % 50000 <> id OR number <= 150000 OR runner <> 'runner ' || number";
    assert_eq!(database.value(wrong).await, "0");
}
