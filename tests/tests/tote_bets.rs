//! Bets on horses: Avro topics become PostgreSQL tables, as `configs/connectors/tote-bets-sink.json` and
//! `tote-regex-sink.json` ask; the tables grow with the topics' schemas, and new topics bring new tables.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::steps::{connector_file, produce_avro};
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(40);

/// As ksqlDB registers a stream: all fields optional, names in capitals.
fn bets_schema(more: &[Value]) -> Value {
    let mut fields = vec![
        json!({"name": "RACE_ID", "type": ["null", "int"], "default": null}),
        json!({"name": "CUSTOMER_ID", "type": ["null", "long"], "default": null}),
        json!({"name": "RUNNER", "type": ["null", "string"], "default": null}),
        json!({"name": "AMOUNT", "type": ["null", "double"], "default": null}),
        json!({"name": "ONLINE", "type": ["null", "boolean"], "default": null}),
        json!({"name": "PLACED", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null}),
    ];
    fields.extend(more.iter().cloned());
    json!({"type": "record", "name": "KsqlDataSourceSchema", "namespace": "io.confluent.ksql.avro_schemas", "fields": fields})
}

fn bet(number: usize) -> Value {
    json!({
        "RACE_ID": number % 7,
        "CUSTOMER_ID": 4_000_000_000_u64 + number as u64,
        "RUNNER": if number.is_multiple_of(10) { Value::Null } else { json!(format!("Żółw {number}")) },
        "AMOUNT": number as f64 / 4.0 - 20.0,
        "ONLINE": number.is_multiple_of(2),
        "PLACED": 1_700_000_000_000_u64 + number as u64,
    })
}

/// A bet as PostgreSQL prints its row.
fn bet_row(number: usize) -> Vec<Option<String>> {
    let text = |value: String| Some(value);
    vec![
        text((number % 7).to_string()),
        text((4_000_000_000_u64 + number as u64).to_string()),
        (!number.is_multiple_of(10)).then(|| format!("Żółw {number}")),
        text((number as f64 / 4.0 - 20.0).to_string()),
        text(if number.is_multiple_of(2) { "t" } else { "f" }.to_owned()),
        text((1_700_000_000_000_u64 + number as u64).to_string()),
    ]
}

const BET_COLUMNS: &str = "\"RACE_ID\", \"CUSTOMER_ID\", \"RUNNER\", \"AMOUNT\", \"ONLINE\", \
                           round(extract(epoch FROM \"PLACED\") * 1000)::bigint";

async fn wait_rows(database: &Database, table: &str, count: u64) {
    wait_for(&format!("{count} rows in {table}"), PATIENCE, async || {
        match database.count(&format!("\"{table}\"")).await {
            seen if seen >= count => Ok(()),
            seen => Err(format!("{seen} rows")),
        }
    })
    .await;
}

/// Column names with types, in the table's order.
async fn columns(database: &Database, table: &str) -> Vec<String> {
    let sql = format!(
        "SELECT column_name || ' ' || data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
         FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
    );
    database.rows(&sql).await.into_iter().flatten().flatten().collect()
}

#[tokio::test]
async fn bets_become_rows_and_the_table_grows_with_the_schema() {
    let database = Database::postgres().await;
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let bets = unique("tote_win_bets").replace('-', "_");
    let odds = unique("tote_odds").replace('-', "_");
    let odds_schema = json!({"type": "record", "name": "Odds", "fields": [
        {"name": "race", "type": "int"}, {"name": "odds", "type": {"type": "float"}}]});
    produce_avro(
        &kafka,
        &registry,
        &bets,
        &bets_schema(&[]),
        (1..=500).map(bet).collect(),
    )
    .await;
    let odds_rows = (1..=90).map(|n| json!({"race": n, "odds": n as f64 / 8.0})).collect();
    produce_avro(&kafka, &registry, &odds, &odds_schema, odds_rows).await;

    let worker = Worker::distributed(&[]).await;
    let own_database = format!("/{}\"", database.name());
    let connector = connector_file(
        "tote-bets-sink.json",
        &[
            ("tote_win_bets,", &format!("{bets},")),
            ("tote_win_bet_race_runners_odds", &odds),
            ("/postgres\"", &own_database),
        ],
    );
    assert_eq!(
        connector["config"]["auto.create"],
        json!(true),
        "a JSON boolean, as users write it"
    );
    let name = worker.rest.create_json(&connector).await;
    worker.rest.wait_running(&name, 1).await;

    wait_rows(&database, &bets, 500).await;
    wait_rows(&database, &odds, 90).await;
    let select = format!("SELECT {BET_COLUMNS} FROM \"{bets}\" ORDER BY 2");
    assert_eq!(database.rows(&select).await, (1..=500).map(bet_row).collect::<Vec<_>>());
    let expected: Vec<_> = (1..=90)
        .map(|n| vec![Some(n.to_string()), Some((n as f64 / 8.0).to_string())])
        .collect();
    assert_eq!(
        database.rows(&format!("SELECT * FROM \"{odds}\" ORDER BY 1")).await,
        expected
    );
    let types = [
        "RACE_ID integer",
        "CUSTOMER_ID bigint",
        "RUNNER text",
        "AMOUNT double precision",
        "ONLINE boolean",
        "PLACED timestamp without time zone",
    ];
    assert_eq!(columns(&database, &bets).await, types);
    assert_eq!(
        columns(&database, &odds).await,
        ["race integer not null", "odds real not null"]
    );

    // A second version of the schema: the column is added, earlier rows have no value there.
    let channel = json!({"name": "CHANNEL", "type": ["null", "string"], "default": null});
    let second = (501..=520).map(|number| {
        let mut bet = bet(number);
        bet["CHANNEL"] = json!(format!("shop {number}"));
        bet
    });
    produce_avro(&kafka, &registry, &bets, &bets_schema(&[channel]), second.collect()).await;
    // Records of the first version may still come, also after the column is there.
    produce_avro(
        &kafka,
        &registry,
        &bets,
        &bets_schema(&[]),
        (521..=530).map(bet).collect(),
    )
    .await;
    wait_rows(&database, &bets, 530).await;
    assert_eq!(database.rows(&select).await, (1..=530).map(bet_row).collect::<Vec<_>>());
    let channels = format!(
        "SELECT count(*), min(\"CUSTOMER_ID\" - 4000000000), max(\"CUSTOMER_ID\" - 4000000000)
         FROM \"{bets}\" WHERE \"CHANNEL\" = 'shop ' || (\"CUSTOMER_ID\" - 4000000000)"
    );
    let expected = [["20", "501", "520"].map(|text| Some(text.to_owned()))];
    assert_eq!(database.rows(&channels).await, expected);
    assert_eq!(
        database
            .value(&format!("SELECT count(*) FROM \"{bets}\" WHERE \"CHANNEL\" IS NULL"))
            .await,
        "510"
    );
    assert_eq!(columns(&database, &bets).await[6], "CHANNEL text");
    worker.rest.wait_running(&name, 1).await;
}

#[tokio::test]
async fn topics_that_appear_later_get_tables_too() {
    let database = Database::postgres().await;
    let (kafka, registry) = (Kafka::shared(), Registry::shared());
    let prefix = unique("tote").replace('-', "_");
    let schema = json!({"type": "record", "name": "Bet", "fields": [
        {"name": "id", "type": "long"}, {"name": "runner", "type": ["null", "string"], "default": null}]});
    let rows = |tag: &str| {
        (1..=40)
            .map(|n| json!({"id": n, "runner": format!("{tag} {n}")}))
            .collect::<Vec<_>>()
    };
    let table = |topic: &str| format!("all_{prefix}_{topic}");
    for topic in ["win", "place"] {
        produce_avro(&kafka, &registry, &format!("{prefix}_{topic}"), &schema, rows("first")).await;
    }

    // How often the consumer looks for new topics is a worker's setting as with the JVM worker: five minutes if not said.
    let worker = Worker::distributed(&[("consumer.metadata.max.age.ms", "1000")]).await;
    let own_database = format!("/{}\"", database.name());
    let connector = connector_file(
        "tote-regex-sink.json",
        &[("tote_.*", &format!("{prefix}_.*")), ("/postgres\"", &own_database)],
    );
    let name = worker.rest.create_json(&connector).await;
    worker.rest.wait_running(&name, 2).await;
    for topic in ["win", "place"] {
        wait_rows(&database, &table(topic), 40).await;
    }

    produce_avro(&kafka, &registry, &format!("{prefix}_show"), &schema, rows("third")).await;
    wait_rows(&database, &table("show"), 40).await;

    // Upsert by id: a second round changes rows and adds none.
    for topic in ["win", "show"] {
        produce_avro(&kafka, &registry, &format!("{prefix}_{topic}"), &schema, rows("second")).await;
        let table = table(topic);
        let changed = format!("SELECT count(*) FROM \"{table}\" WHERE runner = 'second ' || id");
        wait_for(&format!("changes of {table}"), PATIENCE, async || {
            match database.value(&changed).await.as_str() {
                "40" => Ok(()),
                seen => Err(format!("{seen} rows are changed")),
            }
        })
        .await;
        assert_eq!(database.count(&format!("\"{table}\"")).await, 40);
    }
    let place = table("place");
    assert_eq!(
        database
            .value(&format!(
                "SELECT count(*) FROM \"{place}\" WHERE runner = 'first ' || id"
            ))
            .await,
        "40"
    );
    worker.rest.wait_running(&name, 2).await;
}
