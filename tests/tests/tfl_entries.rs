//! People who pass the barriers of a transport network: entries and exits, joined with the stations that a MariaDB table
//! holds, go into data streams with `@timestamp` and a place on the map, as `configs/connectors/tfl-stations-source.json`
//! and `tfl-entries-sink.json` ask.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::search::Search;
use turnbuckle_tests::steps::{connector_file, decode_avro};
use turnbuckle_tests::unique;
use turnbuckle_tests::worker::Worker;

const STATIONS: usize = 20;
const EVENTS: usize = 400;

/// Stations by name, from the topic that the source fills.
async fn stations(kafka: &Kafka, topic: &str) -> BTreeMap<String, Value> {
    let messages = kafka.read_at_least(topic, STATIONS).await;
    let values = decode_avro(&Registry::shared(), &messages).await;
    messages.iter().map(|message| message.key_text()).zip(values).collect()
}

/// An event joined with its station, as the stream processor writes it; none for a station that nobody knows.
fn joined(stations: &BTreeMap<String, Value>, name: &str, event: &Value, time: &str) -> Option<Row> {
    let station = stations.get(name)?;
    let value = json!({"@timestamp": time, "user": event["user"], "delta": event["delta"],
        "station": station["name"], "location": station["location"]});
    Some(Row::keyed(name, value.to_string()))
}

#[tokio::test]
async fn entries_arrive_in_a_data_stream_with_their_stations() {
    let (kafka, search, database) = (Kafka::shared(), Search::opensearch(), Database::mariadb().await);
    let table = unique("stations").replace('-', "_");
    database
        .execute(&format!(
            "CREATE TABLE {table} (name VARCHAR(80) NOT NULL PRIMARY KEY, location TEXT,
               modified_date TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO {table} (name, location)
               SELECT CONCAT('Station ', seq), CONCAT(51.5 + seq / 1000, ',', -seq / 2000) FROM seq_1_to_{STATIONS}"
        ))
        .await;
    let worker = Worker::distributed(&[]).await;
    let own_database = format!("/{}\"", database.name());
    let catalog = format!("\"catalog.pattern\": \"{}\"", database.name());
    let source = connector_file(
        "tfl-stations-source.json",
        &[("/tfl\"", &own_database), ("\"catalog.pattern\": \"tfl\"", &catalog)],
    );
    worker.rest.create_json(&source).await;
    let stations = stations(&kafka, &table).await;

    // The mapping and the template are the users', with what only a time series asks for left out: dimensions and metrics.
    let (entries, exits) = (unique("station_entries"), unique("station_exits"));
    let mappings = json!({"template": {"mappings": {"properties": {
        "user": {"type": "keyword"}, "station": {"type": "keyword"}, "delta": {"type": "byte"},
        "@timestamp": {"type": "date"}, "location": {"type": "geo_point"}}}}});
    search
        .ok("PUT", &format!("/_component_template/{entries}"), Some(&mappings))
        .await;
    let template =
        json!({"index_patterns": [entries, exits], "data_stream": {}, "composed_of": [entries], "priority": 500});
    search
        .ok("PUT", &format!("/_index_template/{entries}"), Some(&template))
        .await;
    for stream in [&entries, &exits] {
        search.ok("PUT", &format!("/_data_stream/{stream}"), None).await;
    }

    for (topic, delta) in [(&entries, 1), (&exits, -1)] {
        let rows = (0..EVENTS).filter_map(|n| {
            let name = format!("Station {}", n % (STATIONS + 1) + 1);
            let event = json!({"user": format!("user{}", n % 7), "delta": delta});
            let time = format!("2026-03-01T08:{:02}:{:02}.{:03}Z", n / 60 % 60, n % 60, n % 1000);
            joined(&stations, &name, &event, &time)
        });
        kafka.produce(topic, rows.collect::<Vec<_>>()).await;
    }
    let mapping = format!("{entries}:{entries},{exits}:{exits}");
    let sink = connector_file(
        "tfl-entries-sink.json",
        &[
            ("station_entries:station_entries,station_exits:station_exits", &mapping),
            ("\"station_entries,station_exits\"", &format!("\"{entries},{exits}\"")),
        ],
    );
    let name = worker.rest.create_json(&sink).await;

    // One event in twenty-one is of a station that does not exist.
    let known = (0..EVENTS).filter(|n| n % (STATIONS + 1) < STATIONS).count() as u64;
    for stream in [&entries, &exits] {
        search.wait_count(stream, known).await;
    }
    let query = json!({"size": 0, "query": {"bool": {"filter": [
        {"geo_distance": {"distance": "200m", "location": "51.503,-0.0015"}},
        {"range": {"@timestamp": {"gte": "2026-03-01T08:00:00Z", "lt": "2026-03-01T08:01:00Z"}}}]}},
        "aggs": {"balance": {"sum": {"field": "delta"}}, "stations": {"terms": {"field": "station", "size": 50}}}});
    let answer = search.ok("POST", &format!("/{entries}/_search"), Some(&query)).await;
    let buckets = answer["aggregations"]["stations"]["buckets"].as_array().unwrap();
    assert!(buckets.iter().any(|bucket| bucket["key"] == "Station 3"), "{answer}");
    assert_eq!(
        answer["aggregations"]["balance"]["value"],
        answer["hits"]["total"]["value"].as_f64().unwrap()
    );
    worker.rest.wait_running(&name, 1).await;
}
