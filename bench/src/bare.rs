//! The least a client can do with the same rows: what a connector is compared with.

use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::{PgConnection, PgPoolCopyExt as _};
use sqlx::{Connection, Executor};
use turnbuckle_tests::redis::Redis;

/// Reads a whole PostgreSQL table by binary COPY and throws it away.
pub(crate) async fn read_postgres(url: &str, table: &str) {
    let pool = sqlx::PgPool::connect(url).await.expect("connect to PostgreSQL");
    let statement = format!("COPY (SELECT * FROM {table}) TO STDOUT (FORMAT binary)");
    let mut rows = pool.copy_out_raw(&statement).await.expect("start COPY");
    while rows.try_next().await.expect("read COPY").is_some() {}
}

/// Reads a whole MariaDB table by the row protocol and throws it away.
pub(crate) async fn read_mariadb(url: &str, table: &str) {
    let mut connection = MySqlConnection::connect(url).await.expect("connect to MariaDB");
    let statement = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT * FROM {table}")));
    let mut rows = connection.fetch(statement);
    while rows.try_next().await.expect("read rows").is_some() {}
}

/// Copies a table into an empty one of the same form, through this client, by binary COPY.
pub(crate) async fn copy_postgres(url: &str, from: &str, to: &str) {
    let mut reader = PgConnection::connect(url).await.expect("connect to PostgreSQL");
    let mut writer = PgConnection::connect(url).await.expect("connect to PostgreSQL");
    let statement = format!("COPY (SELECT * FROM {from}) TO STDOUT (FORMAT binary)");
    let mut rows = reader.copy_out_raw(&statement).await.expect("start COPY");
    let statement = format!("COPY {to} FROM STDIN (FORMAT binary)");
    let mut copy = writer.copy_in_raw(&statement).await.expect("start COPY");
    let mut buffer = Vec::with_capacity(1 << 20);
    while let Some(chunk) = rows.try_next().await.expect("read COPY") {
        buffer.extend_from_slice(&chunk);
        if buffer.len() >= 1 << 20 {
            copy.send(std::mem::take(&mut buffer)).await.expect("write COPY");
            buffer.reserve(1 << 20);
        }
    }
    copy.send(buffer).await.expect("write COPY");
    copy.finish().await.expect("finish COPY");
}

/// Sets keys by pipelines of a thousand SETs.
pub(crate) async fn set_redis(redis: &mut Redis, pairs: impl Iterator<Item = (String, String)>) {
    let mut pipeline = Vec::with_capacity(1000);
    for pair in pairs {
        pipeline.push(pair);
        if pipeline.len() == 1000 {
            redis.set_all(&pipeline).await;
            pipeline.clear();
        }
    }
    redis.set_all(&pipeline).await;
}

/// Documents of one bulk request, and requests at once: the defaults of the sink.
const BULK: u64 = 2000;
const AT_ONCE: usize = 5;

/// Writes rows like those of the table as documents of an index, by bulk requests.
pub(crate) async fn bulk(url: &str, index: &str, rows: u64) {
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let starts = (0..rows).step_by(BULK as usize);
    let requests = futures::stream::iter(starts).map(|start| {
        let http = http.clone();
        async move {
            let mut body = String::new();
            for i in start..(start + BULK).min(rows) {
                let document = json!({"id": i, "sensor": i % 1000, "name": format!("sensor {}", i % 1000),
                    "x": i as f64 / 7.0, "y": i as f64 * 1.5, "z": i as f64 / 3.0, "at": 1_767_225_600_000_u64 + i,
                    "note": "n".repeat(128)});
                body.push_str(&format!(
                    "{{\"index\":{{\"_index\":\"{index}\",\"_id\":\"{i}\"}}}}\n{document}\n"
                ));
            }
            let request = http
                .post(format!("{url}/_bulk"))
                .header("content-type", "application/x-ndjson")
                .body(body);
            let answer = request
                .send()
                .await
                .expect("a bulk request")
                .text()
                .await
                .expect("its answer");
            assert!(answer.contains("\"errors\":false"), "{answer:.500}");
        }
    });
    requests.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}
