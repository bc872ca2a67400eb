//! Buses on a map: positions come over MQTT, are reshaped, and the latest of each bus is kept in Redis and PostgreSQL, as
//! `configs/connectors/kikirara-*.json` ask.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::redis::Redis;
use turnbuckle_tests::registry::{self, Registry};
use turnbuckle_tests::services::shared;
use turnbuckle_tests::steps::connector_file;
use turnbuckle_tests::vehicles::Fleet;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{avro, unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
const BUSES: u64 = 500;
const MESSAGES: u64 = 15_000;
const PER_SECOND: u64 = 5_000;

/// Bus and `latitude|longitude|time` of a payload: what the stream processor makes of it.
fn location(payload: &Value) -> (String, String) {
    let position = &payload["VP"];
    let location = format!("{}|{}|{}", position["lat"], position["long"], position["tsi"]);
    (position["veh"].to_string(), location)
}

/// Reads `bus_raw` and writes a change per message to the three topics of current positions.
async fn reshape(kafka: &Kafka, registry: &Registry, raw: &str, current: &str) {
    let messages = kafka.read_at_least(raw, MESSAGES as usize).await;
    // The vendor's Avro serializer frames plain bytes and writes no length before them.
    const FRAME: usize = 5;
    let parsed = messages
        .iter()
        .map(|message| serde_json::from_slice::<Value>(&message.value.as_ref().unwrap()[FRAME..]).unwrap());
    let changes: Vec<(String, String)> = parsed.map(|payload| location(&payload)).collect();

    let text = changes
        .clone()
        .into_iter()
        .map(|(bus, location)| Row::keyed(bus, location));
    kafka.produce(current, text).await;
    let optional = |name: &str| json!({"name": name, "type": ["null", "string"], "default": null});
    for (topic, with_bus) in [(format!("{current}_sr"), false), (format!("{current}_sr_10s"), true)] {
        let mut fields = vec![optional("LOCATION")];
        if with_bus {
            fields.insert(0, optional("VEH_ID"));
        }
        let schema = json!({"type": "record", "name": "KsqlDataSourceSchema",
                            "namespace": "io.confluent.ksql.avro_schemas", "fields": fields});
        let id = registry.register(&format!("{topic}-value"), &schema).await;
        let rows = changes.clone().into_iter().map(move |(bus, location)| {
            let mut datum = json!({"LOCATION": location});
            if with_bus {
                datum["VEH_ID"] = json!(bus);
            }
            Row::keyed(bus, registry::frame(id, &avro::encode(&schema, &datum)))
        });
        kafka.produce(&topic, rows).await;
    }
}

/// What the web API tells: all keys of database 1 with their values.
async fn web_api(redis: &mut Redis) -> BTreeMap<String, String> {
    let mut keys: Vec<String> = redis.ask(&["KEYS", "*"]).await;
    keys.retain(|key| !key.starts_with("__kafka.offset."));
    if keys.is_empty() {
        return BTreeMap::new();
    }
    let words: Vec<&str> = std::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
    let values: Vec<String> = redis.ask(&words).await;
    keys.into_iter().zip(values).collect()
}

#[tokio::test]
async fn the_latest_position_of_each_bus_is_in_redis_and_postgresql() {
    let (kafka, registry, database) = (Kafka::shared(), Registry::shared(), Database::postgres().await);
    let (brokers, redis_server) = tokio::join!(
        Private::start(&["mosquitto"]),
        Private::redis(&["requirepass xxxxxxxx"])
    );
    let (mqtt, redis_address) = (brokers.services().mqtt(), redis_server.services().redis());
    let prefix = unique("bus").replace('-', "_");
    let (raw, current) = (format!("{prefix}_raw"), format!("{prefix}_current"));
    kafka.create_topic(&raw, 3, &[]).await;
    let worker = Worker::distributed(&[
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter.schema.registry.url", shared().registry()),
    ])
    .await;

    let source = connector_file(
        "kikirara-mqtt-source.json",
        &[(shared().mqtt(), mqtt), ("bus_raw", &raw)],
    );
    let redis_sink = connector_file(
        "kikirara-redis-sink.json",
        &[(shared().redis(), redis_address), ("bus_current", &current)],
    );
    let own = format!("/{}\"", database.name());
    let replaced: &[(&str, &str)] = &[
        ("bus_current", &current),
        ("/example-db\"", &own),
        ("postgres-user", "postgres"),
    ];
    let by_key = connector_file("kikirara-postgres-sink.json", replaced);
    let by_value = connector_file("kikirara-postgres-sink-10s.json", replaced);
    let name = worker.rest.create_json(&source).await;
    worker.rest.wait_running(&name, 1).await;

    let fleet = Fleet::new(BUSES);
    let (took, ()) = tokio::join!(
        fleet.publish(mqtt, 1, 0, MESSAGES, PER_SECOND),
        reshape(&kafka, &registry, &raw, &current)
    );
    eprintln!("{MESSAGES} messages were published in {took:?}");
    for connector in [&redis_sink, &by_key, &by_value] {
        let name = worker.rest.create_json(connector).await;
        worker.rest.wait_running(&name, 1).await;
    }

    let expected: BTreeMap<String, String> = (0..MESSAGES)
        .map(|number| location(&serde_json::from_slice(&fleet.message(number).1).unwrap()))
        .collect();
    let mut redis = Redis::at(&format!("redis://:xxxxxxxx@{redis_address}/1")).await;
    wait_for("the latest positions in Redis", PATIENCE, async || {
        let seen = web_api(&mut redis).await;
        if seen == expected {
            Ok(())
        } else {
            Err(format!("{} buses", seen.len()))
        }
    })
    .await;
    for table in ["sr", "sr_10s"].map(|kind| format!("{current}_{kind}")) {
        let select = format!("SELECT \"VEH_ID\", \"LOCATION\" FROM \"{table}\"");
        wait_for(&format!("the latest positions in {table}"), PATIENCE, async || {
            let rows = database.try_rows(&select).await?;
            let pairs = rows
                .into_iter()
                .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()));
            let seen: BTreeMap<String, String> = pairs.collect();
            if seen == expected {
                Ok(())
            } else {
                Err(format!("{} buses", seen.len()))
            }
        })
        .await;
    }
}
