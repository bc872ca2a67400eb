//! The stations of a transport network: a MariaDB table becomes a topic of Avro records keyed by name, as
//! `configs/connectors/tfl-stations-source.json` asks, and a change to a row arrives once.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Message};
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::steps::{connector_file, decode_avro};
use turnbuckle_tests::unique;
use turnbuckle_tests::worker::Worker;

const STATIONS: usize = 270;

/// 270 stations; some were modified in the same second, some have no location.
async fn create_table(database: &Database, table: &str) {
    database
        .execute(&format!(
            "CREATE TABLE {table} (
               id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
               name VARCHAR(80) NOT NULL,
               location TEXT,
               zone DECIMAL(4,1) NOT NULL,
               modified_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
             INSERT INTO {table} (name, location, zone, modified_date)
               SELECT CONCAT('Station № ', seq), IF(seq % 9 = 0, NULL, CONCAT(51 + seq / 1000, ',', -seq / 2000)),
                      seq % 60 / 10, TIMESTAMP '2024-02-28 23:59:00' + INTERVAL seq DIV 4 SECOND
               FROM seq_1_to_{STATIONS}"
        ))
        .await;
}

/// The rows as records ought to show them: decimals unscaled, times in milliseconds.
async fn rows(database: &Database, table: &str) -> BTreeMap<String, Value> {
    let sql =
        format!("SELECT id, name, location, CAST(zone * 10 AS INT), UNIX_TIMESTAMP(modified_date) * 1000 FROM {table}");
    let number = |text: &Option<String>| text.as_ref().unwrap().parse::<i64>().unwrap();
    let row = |row: &Vec<Option<String>>| {
        let value = json!({
            "id": number(&row[0]), "name": row[1], "location": row[2],
            "zone": number(&row[3]), "modified_date": number(&row[4]),
        });
        (row[1].clone().unwrap(), value)
    };
    database.rows(&sql).await.iter().map(row).collect()
}

/// Decoded records by key, with the decimal's two's-complement bytes as a number.
async fn records(registry: &Registry, messages: &[Message]) -> Vec<(String, Value)> {
    let mut values = decode_avro(registry, messages).await;
    for value in &mut values {
        let bytes = value["zone"].as_str().unwrap().chars().map(|c| u32::from(c) as u8);
        value["zone"] = bytes.fold(0, |number, byte| number << 8 | i64::from(byte)).into();
    }
    messages.iter().map(Message::key_text).zip(values).collect()
}

#[tokio::test]
async fn stations_arrive_by_name_and_a_change_arrives_once() {
    let database = Database::mariadb().await;
    let table = unique("stations").replace('-', "_");
    create_table(&database, &table).await;
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let worker = Worker::distributed(&[]).await;

    let own_database = format!("/{}\"", database.name());
    let catalog = format!("\"catalog.pattern\": \"{}\"", database.name());
    let connector = connector_file(
        "tfl-stations-source.json",
        &[("/tfl\"", &own_database), ("\"catalog.pattern\": \"tfl\"", &catalog)],
    );
    let name = worker.rest.create_json(&connector).await;
    worker.rest.wait_running(&name, 1).await;

    // Every row is there once, under its name.
    let messages = kafka.read_at_least(&table, STATIONS).await;
    let arrived = records(&registry, &messages).await;
    let expected = rows(&database, &table).await;
    assert_eq!(arrived.len(), STATIONS);
    for (key, value) in &arrived {
        assert_eq!(Some(value), expected.get(key), "record of {key}");
    }
    assert_eq!(
        arrived
            .iter()
            .map(|(key, _)| key)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        STATIONS
    );
    assert!(messages.iter().all(|m| m.headers.is_empty()));

    // The schema is the table's, as the Avro converter of the registry's vendor writes it.
    let latest = registry.latest(&format!("{table}-value")).await;
    let schema: Value = serde_json::from_str(latest["schema"].as_str().unwrap()).unwrap();
    let logical = "org.apache.kafka.connect.data";
    let fields = json!([
        {"name": "id", "type": "int"},
        {"name": "name", "type": "string"},
        {"name": "location", "type": ["null", "string"], "default": null},
        {"name": "zone", "type": {
            "type": "bytes", "scale": 1, "precision": 4, "connect.version": 1,
            "connect.parameters": {"scale": "1", "connect.decimal.precision": "4"},
            "connect.name": format!("{logical}.Decimal"), "logicalType": "decimal"}},
        {"name": "modified_date", "type": {
            "type": "long", "connect.version": 1,
            "connect.name": format!("{logical}.Timestamp"), "logicalType": "timestamp-millis"}},
    ]);
    assert_eq!(schema["fields"], fields);
    assert_eq!(
        (&schema["name"], &schema["connect.name"]),
        (&json!(table), &json!(table))
    );
    assert_eq!(registry.versions(&format!("{table}-value")).await, [1]);
    assert!(
        !registry.subjects().await.contains(&format!("{table}-key")),
        "the key is text and needs no schema"
    );

    // A change arrives; and when a later one has arrived too, nothing else has.
    for (station, zone, count) in [("Station № 17", "9.5", 1), ("Station № 99", "0.0", 2)] {
        database
            .execute(&format!("UPDATE {table} SET zone = {zone} WHERE name = '{station}'"))
            .await;
        let messages = kafka.read_at_least(&table, STATIONS + count).await;
        let arrived = records(&registry, &messages).await;
        let changed = rows(&database, &table).await;
        assert_eq!(arrived.len(), STATIONS + count);
        assert_eq!(arrived.last().unwrap(), &(station.to_owned(), changed[station].clone()));
    }
    worker.rest.wait_running(&name, 1).await;
}
