//! Protobuf and JSON Schema: rows go from a table to a topic in each format, with the schema in the real registry, and from
//! there into a table again; and records that Confluent's own serializers wrote are read.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::registry::{Registry, unframe};
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(40);
const PROTOBUF: &str = "io.confluent.connect.protobuf.ProtobufConverter";
const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";
const ROWS: u64 = 200;

fn with_converter(mut config: Value, class: &str, registry: &Registry) -> Value {
    config["value.converter"] = json!(class);
    config["value.converter.schema.registry.url"] = json!(registry.base());
    config["key.converter"] = json!("org.apache.kafka.connect.storage.StringConverter");
    config
}

/// A table goes through a topic into another table; returns the topic.
async fn carry(class: &str, kind: &str) -> (String, Value) {
    let database = Database::postgres().await;
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let table = unique("parcels").replace('-', "_");
    database
        .execute(&format!(
            "CREATE TABLE {table} (id bigint PRIMARY KEY, weight double precision NOT NULL, label text, count int,
                                   fee numeric(9,2), ready boolean, at timestamp NOT NULL);
             INSERT INTO {table} SELECT n, n / 4.0, CASE WHEN n % 10 > 0 THEN 'Päckchen ' || n END, -n, n / 8.0,
               n % 2 = 0, timestamp '2024-02-29 12:00:00.125' + n * interval '1 hour' FROM generate_series(1, {ROWS}) n"
        ))
        .await;
    let worker = Worker::distributed(&[]).await;
    let connection = json!({
        "connection.url": database.jdbc_url(), "connection.user": database.user(),
        "connection.password": database.password(), "tasks.max": "1",
    });
    let config = |more: Value| {
        let mut config = connection.clone();
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with_converter(config, class, &registry)
    };
    let source = config(json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "mode": "incrementing",
        "incrementing.column.name": "id", "table.whitelist": table, "topic.prefix": "", "poll.interval.ms": "100",
    }));
    let name = worker
        .rest
        .create_json(&json!({"name": unique("formats-source"), "config": source}))
        .await;
    worker.rest.wait_running(&name, 1).await;
    let messages = kafka.read_at_least(&table, ROWS as usize).await;
    let latest = registry.latest(&format!("{table}-value")).await;
    assert_eq!(latest["schemaType"], json!(kind), "{latest}");
    for message in &messages {
        let (id, _) = unframe(message.value.as_deref().unwrap());
        assert_eq!(json!(id), latest["id"]);
    }
    assert_eq!(registry.versions(&format!("{table}-value")).await, [1]);

    let copy = format!("{table}_copy");
    let sink = config(json!({
        "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": table, "table.name.format": copy,
        "auto.create": "true", "pk.mode": "none", "insert.mode": "insert",
    }));
    let name = worker
        .rest
        .create_json(&json!({"name": unique("formats-sink"), "config": sink}))
        .await;
    worker.rest.wait_running(&name, 1).await;
    wait_for("the rows", PATIENCE, async || {
        match database.try_rows(&format!("SELECT count(*) FROM \"{copy}\"")).await {
            Ok(rows) if rows[0][0].as_deref() == Some("200") => Ok(()),
            seen => Err(format!("{seen:?}")),
        }
    })
    .await;
    let select = |table: &str| {
        format!("SELECT id, weight, coalesce(label, ''), count, fee, ready, at FROM \"{table}\" ORDER BY id")
    };
    assert_eq!(
        database.rows(&select(&copy)).await,
        database.rows(&select(&table)).await
    );
    (table, latest)
}

#[tokio::test]
async fn rows_go_through_protobuf() {
    let (table, latest) = carry(PROTOBUF, "PROTOBUF").await;
    let text = latest["schema"].as_str().unwrap();
    for part in [
        &format!("message {table} {{"),
        "import \"confluent/type/decimal.proto\";",
        "double weight = 2;",
        "confluent.type.Decimal fee = 5 [(confluent.field_meta) = {",
        "google.protobuf.Timestamp at = 7;",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn rows_go_through_json_schema() {
    let (table, latest) = carry(JSON_SCHEMA, "JSON").await;
    let schema: Value = serde_json::from_str(latest["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["title"], json!(table));
    let id = json!({"type": "integer", "connect.index": 0, "connect.type": "int64"});
    assert_eq!(schema["properties"]["id"], id);
}

/// Payloads of a fixture, under an id of the shared registry.
async fn recorded(file: &str, kind: &str, schema: Option<&str>, topic: &str) -> Vec<Row> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../converters/testdata/confluent");
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    let recorded: Value = serde_json::from_str(&read(file)).unwrap();
    let text = match schema {
        Some(file) => read(file),
        None => recorded["schema"].as_str().unwrap().to_owned(),
    };
    let id = Registry::shared()
        .register_as(&format!("{topic}-value"), kind, &text)
        .await;
    let payload = |hex: &Value| {
        let hex = hex.as_str().unwrap();
        let digits = (0..hex.len()).step_by(2);
        let mut bytes: Vec<u8> = digits
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        bytes[1..5].copy_from_slice(&id.to_be_bytes());
        Row::value(bytes)
    };
    recorded["payloads"].as_array().unwrap().iter().map(payload).collect()
}

#[tokio::test]
async fn records_of_confluents_serializers_are_read() {
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let worker = Worker::distributed(&[]).await;
    for (class, file, kind, schema, parts) in [
        (
            PROTOBUF,
            "orders.json",
            "PROTOBUF",
            Some("order.proto"),
            ["customer=Żółw", "state=PAID", "payment_0=Struct{credit="],
        ),
        (
            JSON_SCHEMA,
            "people.json",
            "JSON",
            None,
            ["Struct{name=Ada", "friend=Struct{name=Żółw", "tags=[a, b]"],
        ),
    ] {
        let topic = unique("recorded");
        let rows = recorded(file, kind, schema, &topic).await;
        let count = rows.len();
        kafka.create_topic(&topic, 1, &[]).await;
        kafka.produce(&topic, rows).await;
        let output = worker.folder().join(format!("{topic}.txt"));
        let config = json!({
            "connector.class": "FileStreamSink", "topics": topic, "tasks.max": "1", "file": output.to_str().unwrap(),
        });
        let config = with_converter(config, class, &registry);
        worker.rest.create_json(&json!({"name": topic, "config": config})).await;
        wait_for("the lines", PATIENCE, async || {
            let text = std::fs::read_to_string(&output).unwrap_or_default();
            let complete = text.lines().count() == count && parts.iter().all(|part| text.contains(part));
            if complete { Ok(()) } else { Err(text) }
        })
        .await;
    }
}
