//! Servers that are not there yet, go away and come back: what the worker says, and that nothing is lost.
//!
//! Each story has servers of its own, which it kills; only what must not go away is shared.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::steps::{append, decode_avro, lines, numbered, produce_avro, produce_avro_as};
use turnbuckle_tests::worker::{Program, Worker, WorkerSpec};
use turnbuckle_tests::{free_port, unique, wait_for};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const JDBC_SOURCE: &str = "io.confluent.connect.jdbc.JdbcSourceConnector";
const JDBC_SINK: &str = "io.confluent.connect.jdbc.JdbcSinkConnector";
const PATIENCE: Duration = Duration::from_secs(60);
const RESTART: &str = "restart?includeTasks=true&onlyFailed=true";

/// The one value of a query on a server that may have been away: the pool may still hold a dead connection.
async fn value(database: &Database, sql: &str) -> Result<u64, String> {
    let rows = database.try_rows(sql).await?;
    let text = rows.first().and_then(|row| row.first()?.clone());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{rows:?}"))
}

/// Waits until a query's one value is this number.
async fn wait_value(database: &Database, sql: &str, expected: u64) {
    wait_for(
        &format!("{expected} as the answer to {sql}"),
        PATIENCE,
        async || match value(database, sql).await {
            Ok(seen) if seen == expected => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
}

/// No part of the connector has failed.
async fn assert_not_failed(worker: &Worker, name: &str) {
    let status = worker.rest.status(name).await;
    assert!(!status.to_string().contains("FAILED"), "{status}");
}

#[tokio::test]
async fn a_worker_without_a_broker_gives_up_as_the_jvm_worker_does() {
    let nobody = format!("127.0.0.1:{}", free_port());
    let mut worker = WorkerSpec::distributed(Program::Turnbuckle)
        .properties(&[
            ("bootstrap.servers", &nobody),
            ("default.api.timeout.ms", "3000"),
            ("request.timeout.ms", "2000"),
        ])
        .launch();
    let status = wait_for("the worker's end", Duration::from_secs(30), async || {
        worker.process.exited().ok_or_else(|| worker.process.log_tail(5))
    })
    .await;
    assert_eq!(status.code(), Some(2), "{}", worker.process.log_tail(20));
    let message = "org.apache.kafka.connect.errors.ConnectException: Failed to connect to and describe Kafka cluster. \
                   Check worker's broker connection and security properties.";
    assert!(worker.log_contains(message), "{}", worker.process.log());
}

#[tokio::test]
async fn a_worker_waits_for_a_broker_that_comes_late_and_outlives_its_death() {
    let mut servers = Private::start(&["kafka"]).await;
    let broker = servers.services().kafka().to_owned();
    servers.stop(&["kafka"]).await;
    let mut worker = WorkerSpec::distributed(Program::Turnbuckle)
        .properties(&[
            ("bootstrap.servers", &broker),
            ("session.timeout.ms", "3000"),
            ("heartbeat.interval.ms", "500"),
            ("consumer.session.timeout.ms", "3000"),
        ])
        .launch();
    servers.again(&["kafka"]).await;
    worker.wait_ready().await;

    let folder = tempfile::tempdir().unwrap();
    let (input, output, topic) = (folder.path().join("input"), folder.path().join("output"), "lines");
    let source = json!({"connector.class": "FileStreamSource", "file": input, "topic": topic, "value.converter": TEXT});
    let sink = json!({"connector.class": "FileStreamSink", "file": output, "topics": topic, "value.converter": TEXT});
    append(&input, &numbered("line", 1..=1000));
    worker.rest.put_config("source", &source).await;
    worker.rest.put_config("sink", &sink).await;
    let arrive = async |count: usize| {
        let expected: BTreeSet<String> = numbered("line", 1..=count).into_iter().collect();
        wait_for(&format!("{count} lines at the sink"), PATIENCE, async || {
            let seen: BTreeSet<String> = lines(&output).into_iter().collect();
            assert!(seen.is_subset(&expected));
            if seen == expected {
                Ok(())
            } else {
                Err(format!("{} different lines", seen.len()))
            }
        })
        .await;
    };
    arrive(1000).await;
    for name in ["source", "sink"] {
        worker.rest.wait_running(name, 1).await;
    }

    for round in 1..=2 {
        servers.kill(&["kafka"]).await;
        append(&input, &numbered("line", round * 2000 - 999..=round * 2000));
        // What it knows it still tells.
        let answer = worker.rest.try_request("GET", "/connectors", None).await;
        assert!(
            answer.is_ok_and(|a| a.status == 200),
            "the REST API answers without a broker"
        );
        servers.again(&["kafka"]).await;
        append(&input, &numbered("line", round * 2000 + 1..=round * 2000 + 1000));
        arrive(round * 2000 + 1000).await;
        for name in ["source", "sink"] {
            worker.rest.wait_running(name, 1).await;
        }
    }
    // It is a member of its group again: a change is taken and carried out.
    let other =
        json!({"connector.class": "FileStreamSource", "file": input, "topic": "again", "value.converter": TEXT});
    worker.rest.put_config("again", &other).await;
    worker.rest.wait_running("again", 1).await;
    let messages = Kafka::at(&broker).read_at_least("again", 5000).await;
    assert_eq!(messages.len(), 5000);
    assert!(worker.terminate().await.success());
}

#[tokio::test]
async fn connectors_fail_without_their_database_and_run_once_it_is_there() {
    let mut servers = Private::start(&["postgres"]).await;
    let address = servers.services().postgres().to_owned();
    let database = Database::postgres_at(servers.services(), "d").await;
    database
        .execute("CREATE TABLE events (id bigint PRIMARY KEY, name text)")
        .await;
    database
        .execute("INSERT INTO events SELECT n, 'event ' || n FROM generate_series(1, 100) n")
        .await;
    servers.kill(&["postgres"]).await;

    let worker = Worker::distributed(&[]).await;
    let prefix = unique("late-");
    let connection = json!({
        "connection.url": database.jdbc_url(), "connection.user": "postgres", "connection.password": "not-for-traces",
        "connection.attempts": "2", "connection.backoff.ms": "100", "tasks.max": "1"});
    let with_connection = |settings: Value| {
        let mut all = connection.clone();
        all.as_object_mut()
            .unwrap()
            .extend(settings.as_object().unwrap().clone());
        all
    };
    let (source, sink) = (unique("late-source"), unique("late-sink"));
    let source_config = with_connection(json!({
        "connector.class": JDBC_SOURCE, "mode": "incrementing", "incrementing.column.name": "id",
        "table.whitelist": "events", "topic.prefix": prefix, "poll.interval.ms": "200"}));
    let sink_config = with_connection(json!({
        "connector.class": JDBC_SINK, "topics": format!("{prefix}events"), "table.name.format": "copies",
        "auto.create": "true", "insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id",
        "max.retries": "0"}));
    worker.rest.put_config(&source, &source_config).await;
    let refused = format!(
        "org.postgresql.util.PSQLException: Connection to {address} refused. Check that the hostname and port are correct \
         and that the postmaster is accepting TCP/IP connections."
    );
    let trace = worker.rest.wait_failed(&source).await;
    let first = format!("org.apache.kafka.connect.errors.ConnectException: {refused}\n");
    assert!(trace.starts_with(&first), "{trace}");
    assert_eq!(worker.rest.status(&source).await["tasks"], json!([]));

    // The sink needs a record to notice.
    let schema = json!({"type": "struct", "name": "events", "optional": false, "fields": [
        {"type": "int64", "optional": false, "field": "id"}, {"type": "string", "optional": true, "field": "name"}]});
    let record = json!({"schema": schema, "payload": {"id": 0, "name": "event 0"}});
    Kafka::shared()
        .produce(&format!("{prefix}events"), vec![Row::json(&record)])
        .await;
    worker.rest.put_config(&sink, &sink_config).await;
    let trace = worker.rest.wait_failed(&sink).await;
    let first =
        "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n";
    assert!(trace.starts_with(first), "{trace}");
    assert!(trace.contains(&refused), "{trace}");
    assert!(!trace.contains("not-for-traces") && !worker.log_contains("not-for-traces"));

    // Back again: asked to restart, they run and catch up.
    servers.again(&["postgres"]).await;
    for name in [&source, &sink] {
        let path = format!("/connectors/{name}/{RESTART}");
        worker.rest.request("POST", &path, None).await.ok(&path);
        worker.rest.wait_running(name, 1).await;
    }
    wait_value(
        &database,
        "SELECT count(*) FROM copies WHERE name = 'event ' || id",
        101,
    )
    .await;
}

#[tokio::test]
async fn tasks_outlive_a_restart_of_their_database() {
    let mut servers = Private::start(&["postgres"]).await;
    let database = Database::postgres_at(servers.services(), "d").await;
    database
        .execute("CREATE TABLE events (id bigint PRIMARY KEY, name text)")
        .await;
    let insert = async |first: u64, last: u64| {
        let sql =
            format!("INSERT INTO events SELECT n, 'event ' || n FROM generate_series({first}, {last}) n RETURNING id");
        wait_for("the insertion of rows", PATIENCE, async || {
            database.try_rows(&sql).await
        })
        .await;
    };
    insert(1, 500).await;
    let worker = Worker::distributed(&[]).await;
    let prefix = unique("again-");
    let (source, sink) = (unique("again-source"), unique("again-sink"));
    let source_config = json!({
        "connector.class": JDBC_SOURCE, "tasks.max": "1", "connection.url": database.jdbc_url(),
        "connection.user": "postgres", "connection.password": "p", "mode": "incrementing",
        "incrementing.column.name": "id", "table.whitelist": "events", "topic.prefix": prefix,
        "poll.interval.ms": "200", "connection.attempts": "100", "connection.backoff.ms": "200"});
    let sink_config = json!({
        "connector.class": JDBC_SINK, "tasks.max": "1", "topics": format!("{prefix}events"),
        "connection.url": database.jdbc_url(), "connection.user": "postgres", "connection.password": "p",
        "table.name.format": "copies", "auto.create": "true", "insert.mode": "upsert", "pk.mode": "record_value",
        "pk.fields": "id", "max.retries": "10", "retry.backoff.ms": "200",
        // As in Java: what breaks a write is retried, who cannot connect after these attempts fails.
        "connection.attempts": "100", "connection.backoff.ms": "200"});
    worker.rest.put_config(&source, &source_config).await;
    worker.rest.put_config(&sink, &sink_config).await;
    let copies = "SELECT count(*) FROM copies WHERE name = 'event ' || id";
    wait_value(&database, copies, 500).await;

    let schema = json!({"type": "struct", "name": "events", "optional": false, "fields": [
        {"type": "int64", "optional": false, "field": "id"}, {"type": "string", "optional": true, "field": "name"}]});
    const ATTEMPT: &str = "unable to connect to the database; will try again";
    for round in 1..=2_u64 {
        let seen = worker.process.log().matches(ATTEMPT).count();
        servers.kill(&["postgres"]).await;
        // A record for the sink while its database is away: it must be held, and tried again.
        let id = 1_000_000 + round;
        let record = json!({"schema": schema, "payload": {"id": id, "name": format!("event {id}")}});
        Kafka::shared()
            .produce(&format!("{prefix}events"), vec![Row::json(&record)])
            .await;
        wait_for("attempts of both tasks to connect", PATIENCE, async || {
            match worker.process.log().matches(ATTEMPT).count() - seen {
                attempts if attempts >= 8 => Ok(()),
                attempts => Err(format!("{attempts}\n{}", worker.process.log_tail(10))),
            }
        })
        .await;
        for name in [&source, &sink] {
            assert_not_failed(&worker, name).await;
        }
        servers.again(&["postgres"]).await;
        wait_value(&database, copies, 500 * round + round).await;
        insert(500 * round + 1, 500 * round + 500).await;
        wait_value(&database, copies, 500 * round + 500 + round).await;
        for name in [&source, &sink] {
            worker.rest.wait_running(name, 1).await;
        }
    }
}

#[tokio::test]
async fn a_write_that_breaks_is_made_again() {
    let mut servers = Private::start(&["postgres"]).await;
    let database = Database::postgres_at(servers.services(), "d").await;
    database
        .execute("CREATE TABLE copies (id bigint PRIMARY KEY, name text)")
        .await;
    let topic = unique("broken-write");
    let schema = json!({"type": "struct", "optional": false, "fields": [
        {"type": "int64", "optional": false, "field": "id"}, {"type": "string", "optional": true, "field": "name"}]});
    let records =
        (1..=10).map(move |id| json!({"schema": schema, "payload": {"id": id, "name": format!("event {id}")}}));
    Kafka::shared()
        .produce(&topic, records.map(|record| Row::json(&record)))
        .await;
    let worker = Worker::distributed(&[]).await;
    let sink = unique("broken-write");
    let config = json!({
        "connector.class": JDBC_SINK, "tasks.max": "1", "topics": topic, "connection.url": database.jdbc_url(),
        "connection.user": "postgres", "connection.password": "p", "table.name.format": "copies",
        "insert.mode": "upsert", "pk.mode": "record_value", "pk.fields": "id", "max.retries": "5",
        "retry.backoff.ms": "200", "connection.attempts": "100", "connection.backoff.ms": "200"});

    // Writers have to wait for this transaction, so that the server can be killed in the middle of a write.
    let lock = database.try_rows("BEGIN; LOCK TABLE copies IN EXCLUSIVE MODE; SELECT pg_sleep(600)");
    let kill = async {
        let locked =
            "SELECT count(*) FROM pg_locks WHERE relation = 'copies'::regclass AND mode = 'ExclusiveLock' AND granted";
        wait_value(&database, locked, 1).await;
        worker.rest.put_config(&sink, &config).await;
        wait_value(
            &database,
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
            1,
        )
        .await;
        servers.kill(&["postgres"]).await;
    };
    let (lock, ()) = tokio::join!(lock, kill);
    assert!(lock.is_err(), "the lock ended before the server");
    wait_for("the sink's report", PATIENCE, async || {
        match worker.log_contains("org.apache.kafka.connect.errors.RetriableException: ") {
            true => Ok(()),
            false => Err(worker.process.log_tail(10)),
        }
    })
    .await;
    assert_not_failed(&worker, &sink).await;
    servers.again(&["postgres"]).await;
    wait_value(&database, "SELECT count(*) FROM copies WHERE name = 'event ' || id", 10).await;
    worker.rest.wait_running(&sink, 1).await;
}

#[tokio::test]
async fn tasks_that_miss_their_registry_go_on_when_it_is_back() {
    let mut servers = Private::start(&["registry"]).await;
    let kafka = Kafka::shared();
    let registry = Registry::at(servers.services().registry());
    let target = Database::postgres().await;
    let origin = Database::mariadb().await;
    origin
        .execute("CREATE TABLE events (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL)")
        .await;
    origin
        .execute("INSERT INTO events SELECT seq, CONCAT('event ', seq) FROM seq_1_to_100")
        .await;
    let schema = |fields: Value| json!({"type": "record", "name": "event", "fields": fields});
    let first = schema(json!([{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]));
    let second = schema(json!([
        {"name": "id", "type": "long"}, {"name": "name", "type": "string"},
        {"name": "note", "type": ["null", "string"], "default": null}]));
    let records = |from: usize, to: usize| {
        (from..=to)
            .map(|id| json!({"id": id, "name": format!("event {id}")}))
            .collect::<Vec<_>>()
    };

    let worker = Worker::distributed(&[]).await;
    let topic = unique("registry");
    let sink = unique("registry-sink");
    let first_id = produce_avro(&kafka, &registry, &topic, &first, records(1, 50)).await;
    let second_id = registry.register(&format!("{topic}-value"), &second).await;
    let sink_config = json!({
        "connector.class": JDBC_SINK, "tasks.max": "1", "topics": topic, "connection.url": target.jdbc_url(),
        "connection.user": target.user(), "connection.password": target.password(), "table.name.format": "events",
        "auto.create": "true", "auto.evolve": "true", "insert.mode": "upsert", "pk.mode": "record_value",
        "pk.fields": "id", "key.converter": TEXT, "value.converter": AVRO,
        "value.converter.schema.registry.url": registry.base()});
    worker.rest.put_config(&sink, &sink_config).await;
    let copied = "SELECT count(*) FROM events WHERE name = 'event ' || id";
    wait_value(&target, copied, 50).await;

    // Schemas that the sink has seen it knows without the registry; a new one it has to ask for, and fails.
    servers.kill(&["registry"]).await;
    produce_avro_as(&kafka, first_id, &topic, &first, records(51, 80)).await;
    wait_value(&target, copied, 80).await;
    worker.rest.wait_running(&sink, 1).await;
    produce_avro_as(&kafka, second_id, &topic, &second, records(81, 100)).await;
    let failure = "org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler\n";
    let trace = worker.rest.wait_failed(&sink).await;
    assert!(trace.starts_with(failure), "{trace}");
    let cause = format!(
        "org.apache.kafka.connect.errors.DataException: Failed to deserialize data for topic {topic} to Avro: "
    );
    assert!(trace.contains(&cause), "{trace}");

    // A source that has a schema to register fails likewise.
    let prefix = unique("registry-");
    let source = unique("registry-source");
    let source_config = json!({
        "connector.class": JDBC_SOURCE, "tasks.max": "1", "connection.url": origin.jdbc_url(),
        "connection.user": origin.user(), "connection.password": origin.password(), "catalog.pattern": origin.name(),
        "mode": "incrementing", "incrementing.column.name": "id", "table.whitelist": "events", "topic.prefix": prefix,
        "poll.interval.ms": "200", "value.converter": AVRO, "value.converter.schema.registry.url": registry.base()});
    worker.rest.put_config(&source, &source_config).await;
    let trace = worker.rest.wait_failed(&source).await;
    assert!(trace.starts_with(failure), "{trace}");
    assert!(trace.contains("Failed to serialize Avro data from topic"), "{trace}");

    // The registry comes back empty (it lives in memory) and is given the same schemas, in the same order.
    servers.again(&["registry"]).await;
    let subject = format!("{topic}-value");
    assert_eq!(registry.register(&subject, &first).await, first_id);
    assert_eq!(registry.register(&subject, &second).await, second_id);
    for name in [&sink, &source] {
        let path = format!("/connectors/{name}/{RESTART}");
        worker.rest.request("POST", &path, None).await.ok(&path);
        worker.rest.wait_running(name, 1).await;
    }
    wait_value(&target, copied, 100).await;
    let messages = kafka.read_at_least(&format!("{prefix}events"), 100).await;
    let values = decode_avro(&registry, &messages).await;
    assert_eq!(values, records(1, 100), "each row once, in order");
}
