//! A shop: generated transactions of ten users, each of whom always pays the same amount, become rows; the income of each
//! three-second window is a query. `configs/connectors/ecommerce-transactions-source.json` and `-sink.json`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::steps::connector_file;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(40);
const TRANSACTIONS: usize = 2000;
const WINDOW: i64 = 3000;

/// Ten times the first digit of the user, who stands for 10 if it is 0.
fn amount_of(user: &str) -> i64 {
    match user[..1].parse::<i64>().unwrap() {
        0 => 100,
        digit => digit * 10,
    }
}

#[tokio::test]
async fn income_per_window_is_exactly_what_was_generated() {
    let database = Database::postgres().await;
    let kafka = Kafka::shared();
    let topic = unique("transactions").replace('-', "_");
    let worker = Worker::distributed(&[]).await;

    let mut source = connector_file(
        "ecommerce-transactions-source.json",
        &[("\"transactions\"", &format!("{topic:?}"))],
    );
    source["name"] = json!(unique("ecommerce-source"));
    source["config"]["iterations"] = json!(TRANSACTIONS.to_string());
    source["config"]["max.interval"] = json!("1");
    let own_database = format!("/{}\"", database.name());
    let mut sink = connector_file(
        "ecommerce-transactions-sink.json",
        &[
            ("\"transactions\"", &format!("{topic:?}")),
            ("/postgres\"", &own_database),
        ],
    );
    sink["name"] = json!(unique("ecommerce-sink"));

    let generator = worker.rest.create_json(&source).await;
    let messages = kafka.read_at_least(&topic, TRANSACTIONS).await;
    assert_eq!(messages.len(), TRANSACTIONS);
    let writer = worker.rest.create_json(&sink).await;

    // What was generated, counted from the topic alone.
    let mut income: BTreeMap<i64, i64> = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        let transaction = &message.json()["payload"];
        let user = transaction["user_id"].as_str().unwrap();
        assert_eq!(message.key_text(), user);
        assert_eq!(transaction["transaction_id"], json!(index + 1));
        let amount = transaction["amount"].as_i64().unwrap();
        assert_eq!(amount, amount_of(user), "{transaction}");
        let bought = transaction["bought_at"].as_i64().unwrap();
        *income.entry(bought - bought % WINDOW).or_default() += amount;
    }
    assert_eq!(
        income.values().sum::<i64>(),
        550 * TRANSACTIONS as i64 / 10,
        "each user pays in turn"
    );

    wait_for("all rows", PATIENCE, async || match database.count(&topic).await {
        rows if rows == TRANSACTIONS as u64 => Ok(()),
        rows => Err(format!("{rows} rows")),
    })
    .await;
    let query = format!(
        "SELECT round(extract(epoch FROM date_bin('3 seconds', bought_at, 'epoch')) * 1000)::bigint, sum(amount)
         FROM {topic} GROUP BY 1 ORDER BY 1"
    );
    let windows: Vec<_> = income
        .iter()
        .map(|(start, sum)| vec![Some(start.to_string()), Some(sum.to_string())])
        .collect();
    assert_eq!(database.rows(&query).await, windows);

    // The generator says why it stopped; the sink goes on.
    let trace = worker.rest.wait_failed(&generator).await;
    let reason = format!("Stopping connector: generated the configured {TRANSACTIONS} number of messages");
    assert!(trace.contains(&reason), "{trace}");
    worker.rest.wait_running(&writer, 1).await;
}
