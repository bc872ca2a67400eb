//! The JDBC connectors on real servers: transport security, deletes in bulk, targets that refuse for a while, and the
//! keys that validation shows. Single cases of behaviour are recorded: see `make replay`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::golden;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::services::workspace;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const SOURCE: &str = "io.confluent.connect.jdbc.JdbcSourceConnector";
const SINK: &str = "io.confluent.connect.jdbc.JdbcSinkConnector";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const PATIENCE: Duration = Duration::from_secs(60);

/// A connector configuration for a database, with more keys.
fn config(class: &str, database: &Database, extra: Value) -> Value {
    let mut config = json!({
        "connector.class": class,
        "connection.url": database.jdbc_url(),
        "key.converter": JSON,
        "value.converter": JSON,
    });
    let target = config.as_object_mut().unwrap();
    if !database.user().is_empty() {
        target.insert("connection.user".to_owned(), database.user().into());
        target.insert("connection.password".to_owned(), database.password().into());
    }
    target.extend(extra.as_object().cloned().unwrap_or_else(Map::new));
    config
}

/// A struct of integers and texts as JsonConverter reads it.
fn envelope(fields: &[(&str, Value)]) -> String {
    let schema: Vec<Value> = fields
        .iter()
        .map(|(name, value)| {
            let kind = if value.is_string() { "string" } else { "int32" };
            json!({"field": name, "type": kind, "optional": false})
        })
        .collect();
    let payload: Map<String, Value> = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    json!({"schema": {"type": "struct", "fields": schema, "optional": false}, "payload": payload}).to_string()
}

async fn wait_count(database: &Database, table: &str, expected: u64) {
    wait_for(
        &format!("{expected} rows in {table}"),
        PATIENCE,
        async || match database.count(table).await {
            count if count == expected => Ok(()),
            count => Err(format!("{count} rows")),
        },
    )
    .await;
}

#[tokio::test]
async fn tls_modes_of_both_servers_are_honoured() {
    let servers = Private::start_with_tls(&["postgres", "mariadb"]).await;
    let worker = Worker::standalone(&[], &[]).await;
    let stores = workspace().join("keystores/testdata");
    let file = |name: &str| stores.join(name).display().to_string();
    let (root, other) = (file("localhost/cert.pem"), file("client.crt.pem"));
    let (store, foreign) = (file("localhost/trust.p12"), file("trust.p12"));
    let secret = "store-secret";
    let (postgres, mariadb) = (servers.services().postgres(), servers.services().mariadb());
    let ask_postgres = "SELECT ssl::text AS seen FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ask_mariadb = "SELECT IF(VARIABLE_VALUE = '', 'false', 'true') AS seen FROM information_schema.SESSION_STATUS \
                       WHERE VARIABLE_NAME = 'Ssl_cipher'";
    // Parameters, and whether the connection is encrypted or refused.
    let encrypted = |parameters: String| (parameters, Some(true));
    let open = |parameters: &str| (parameters.to_owned(), Some(false));
    let refused = |parameters: String| (parameters, None);
    let mut cases = Vec::new();
    for (parameters, expected) in [
        open("sslmode=disable"),
        encrypted("sslmode=prefer".to_owned()),
        encrypted("sslmode=require".to_owned()),
        encrypted(format!("sslmode=verify-ca&sslrootcert={root}")),
        encrypted(format!("sslmode=verify-full&sslrootcert={root}")),
        encrypted(format!("ssl=true&sslrootcert={root}")),
        refused(format!("sslmode=verify-ca&sslrootcert={other}")),
        refused(format!("ssl=true&sslrootcert={other}")),
    ] {
        cases.push((
            format!("jdbc:postgresql://{postgres}/postgres?{parameters}"),
            ask_postgres,
            expected,
        ));
    }
    for (parameters, expected) in [
        open("sslMode=DISABLED"),
        open("useSSL=false"),
        encrypted("sslMode=REQUIRED".to_owned()),
        encrypted("useSSL=true&requireSSL=true".to_owned()),
        encrypted(format!(
            "sslMode=VERIFY_IDENTITY&trustCertificateKeyStoreUrl=file:{store}&trustCertificateKeyStorePassword={secret}"
        )),
        refused(format!(
            "sslMode=VERIFY_CA&trustCertificateKeyStoreUrl=file:{foreign}&trustCertificateKeyStorePassword=changeit"
        )),
    ] {
        cases.push((
            format!("jdbc:mysql://{mariadb}/mysql?{parameters}"),
            ask_mariadb,
            expected,
        ));
    }
    for (parameters, expected) in [
        open("user=u"),
        encrypted("useSsl=true&trustServerCertificate=true".to_owned()),
        encrypted(format!("useSsl=true&serverSslCert={root}")),
        encrypted(format!("useSsl=true&trustStore={store}&trustStorePassword={secret}")),
        refused(format!("useSsl=true&serverSslCert={other}")),
    ] {
        cases.push((
            format!("jdbc:mariadb://{mariadb}/mysql?{parameters}"),
            ask_mariadb,
            expected,
        ));
    }
    // All connectors at once; each has its topic.
    let mut started = Vec::new();
    for (url, query, expected) in cases {
        let topic = unique("tls");
        let user = if url.starts_with("jdbc:postgresql") {
            "postgres"
        } else {
            "u"
        };
        let config = json!({
            "connector.class": SOURCE, "connection.url": url, "connection.user": user, "connection.password": "p",
            "connection.attempts": "1", "mode": "bulk", "query": query, "topic.prefix": topic, "poll.interval.ms": "600000",
            "value.converter": JSON, "value.converter.schemas.enable": "false",
        });
        // A standalone worker answers with the failure of a connector that can't start.
        worker.rest.put(&format!("/connectors/{topic}/config"), &config).await;
        started.push((topic, url, expected));
    }
    for (topic, url, expected) in started {
        match expected {
            Some(encrypted) => {
                let records = Kafka::shared().read_at_least(&topic, 1).await;
                assert_eq!(records[0].json()["seen"], encrypted.to_string(), "{url}");
            }
            None => {
                let trace = worker.rest.wait_failed(&topic).await.to_lowercase();
                assert!(trace.contains("certificate"), "{url}: {trace}");
                assert!(!trace.contains(secret), "{url}: {trace}");
            }
        }
    }
}

#[tokio::test]
async fn deletes_reach_every_database_in_bulk() {
    const KEYS: i32 = 4_000;
    let worker = Worker::standalone(&[], &[]).await;
    let kafka = Kafka::shared();
    let (one, two) = (unique("one"), unique("two"));
    let key = |topic: &str, id: i32| match topic == one {
        true => envelope(&[("id", id.into())]),
        false => envelope(&[("id", id.into()), ("part", format!("it's {}", id % 7).into())]),
    };
    for topic in [&one, &two] {
        let value = |id: i32| envelope(&[("v", format!("value {id}").into())]);
        let rows = (0..KEYS).map(|id| Row::keyed(key(topic, id), value(id)));
        kafka.produce(topic, rows.collect::<Vec<_>>()).await;
        let deletes = (0..KEYS).filter(|id| id % 10 != 0).map(|id| Row {
            key: Some(key(topic, id).into_bytes()),
            ..Row::default()
        });
        kafka.produce(topic, deletes.collect::<Vec<_>>()).await;
    }
    for database in [
        Database::postgres().await,
        Database::mariadb().await,
        Database::sqlite().await,
    ] {
        let table = |topic: &str| if topic == one { "t_one" } else { "t_two" };
        database
            .execute("CREATE TABLE t_one (id INT PRIMARY KEY, v VARCHAR(30))")
            .await;
        database
            .execute("CREATE TABLE t_two (id INT, part VARCHAR(30), v VARCHAR(30), PRIMARY KEY (id, part))")
            .await;
        for topic in [&one, &two] {
            let name = unique("deletes");
            let keys = json!({
                "topics": topic, "table.name.format": table(topic), "insert.mode": "upsert", "pk.mode": "record_key",
                "delete.enabled": "true", "consumer.override.max.poll.records": "3000",
            });
            worker.rest.put_config(&name, &config(SINK, &database, keys)).await;
            wait_for("the rows that are not deleted", PATIENCE, async || {
                let rows = database
                    .rows(&format!("SELECT count(*), sum(id % 10) FROM {}", table(topic)))
                    .await;
                let expected = vec![Some((KEYS / 10).to_string()), Some("0".to_owned())];
                match rows.as_slice() {
                    [row] if *row == expected => Ok(()),
                    other => Err(format!("{} {other:?}", database.jdbc_url())),
                }
            })
            .await;
            worker.rest.remove(&name).await;
        }
    }
}

#[tokio::test]
async fn a_target_that_refuses_for_a_while_loses_nothing() {
    let worker = Worker::standalone(&[], &[]).await;
    let (kafka, database) = (Kafka::shared(), Database::postgres().await);
    let topic = unique("refusing");
    let name = database.name();
    // As a server whose disk is full: the code is the server's own.
    let full = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$; \
                CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse()";
    database.execute("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let keys = json!({"topics": topic, "table.name.format": "t", "pk.mode": "record_value", "pk.fields": "id",
        "insert.mode": "insert", "max.retries": "1000", "retry.backoff.ms": "100"});
    let produce = async |ids: std::ops::Range<i32>| {
        let rows: Vec<Row> = ids.map(|id| Row::value(envelope(&[("id", id.into())]))).collect();
        kafka.produce(&topic, rows).await;
    };
    produce(0..500).await;
    worker.rest.put_config(&topic, &config(SINK, &database, keys)).await;
    wait_count(&database, "t", 500).await;
    for (index, (break_it, mend_it, said)) in [
        (
            full.to_owned(),
            "DROP FUNCTION refuse() CASCADE".to_owned(),
            "No space left on device",
        ),
        (
            format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on"),
            format!("BEGIN READ WRITE; ALTER DATABASE \"{name}\" RESET default_transaction_read_only; COMMIT"),
            "read-only transaction",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        database.execute(&break_it).await;
        if index == 1 {
            // Settings of a database count for new sessions only.
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'Turnbuckle' \
                          AND datname = current_database()";
            database.rows(others).await;
        }
        let first = 500 * (index as i32 + 1);
        produce(first..first + 500).await;
        wait_for(&format!("a refusal: {said}"), PATIENCE, async || {
            match worker.log_contains(said) {
                true => Ok(()),
                false => Err(worker.process.log_tail(3)),
            }
        })
        .await;
        let status = worker.rest.status(&topic).await;
        assert_eq!(status["tasks"][0]["state"], "RUNNING", "{status}");
        database.execute(&mend_it).await;
        wait_count(&database, "t", 500 * (index as u64 + 2)).await;
    }
    // A lock makes the target slow: the task waits.
    let lock = database.execute("BEGIN; LOCK TABLE t; SELECT pg_sleep(1); COMMIT");
    let more = produce(1500..2000);
    tokio::join!(lock, more);
    wait_count(&database, "t", 2000).await;
    assert_eq!(database.value("SELECT sum(id) FROM t").await, "1999000");
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_named() {
    let worker = Worker::standalone(&[], &[]).await;
    let (kafka, database) = (Kafka::shared(), Database::postgres().await);
    let topic = unique("misfit");
    database
        .execute("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))")
        .await;
    let row = |id: i32, text: String| Row::value(envelope(&[("id", id.into()), ("v", text.into())]));
    let mut rows: Vec<Row> = (0..100).map(|id| row(id, format!("v{id}"))).collect();
    rows[37] = row(37, "x".repeat(100_000));
    kafka.produce(&topic, rows).await;
    let keys = json!({"topics": topic, "table.name.format": "t", "max.retries": "0", "trim.sensitive.log": "true"});
    worker.rest.put_config(&topic, &config(SINK, &database, keys)).await;
    let trace = worker.rest.wait_failed(&topic).await;
    for part in [topic.as_str(), "37"] {
        assert!(trace.contains(part), "{trace}");
    }
    assert!(!trace.contains("xxxx"), "values are left out: {}", trace.len());
    assert_eq!(database.count("t").await, 0, "a failed put is undone as a whole");
    // With dead letters only that record is missing.
    let dead = format!("{topic}-dead");
    let keys = json!({"topics": topic, "table.name.format": "t", "max.retries": "0", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead, "errors.deadletterqueue.topic.replication.factor": "1",
        "errors.deadletterqueue.context.headers.enable": "true"});
    worker.rest.put_config(&topic, &config(SINK, &database, keys)).await;
    wait_count(&database, "t", 99).await;
    let letters = kafka.read_at_least(&dead, 1).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("__connect.errors.offset").as_deref(), Some("37"));
}

#[tokio::test]
async fn newer_keys_choose_tables_columns_and_forms() {
    let worker = Worker::standalone(&[], &[]).await;
    let (kafka, database) = (Kafka::shared(), Database::postgres().await);
    database
        .execute(
            "CREATE TABLE orders (nr BIGINT NOT NULL, at TIMESTAMP NOT NULL); INSERT INTO orders VALUES (1, '2024-06-15 \
             10:20:30.123456'); CREATE TABLE orders_old (nr BIGINT); CREATE TABLE users (id BIGINT NOT NULL); \
             INSERT INTO users VALUES (7)",
        )
        .await;
    let prefix = unique("newer");
    let source = json!({"mode": "incrementing", "table.include.list": "public\\..*", "table.exclude.list": ".*_old",
        "incrementing.column.mapping": "public\\.orders:nr,public\\.users:id", "topic.prefix": format!("{prefix}-"),
        "timestamp.granularity": "micros_long", "poll.interval.ms": "100"});
    worker
        .rest
        .put_config(&prefix, &config(SOURCE, &database, source))
        .await;
    let orders = kafka.read_at_least(&format!("{prefix}-orders"), 1).await;
    assert_eq!(
        orders[0].json()["payload"],
        json!({"nr": 1, "at": 1_718_446_830_123_456_i64})
    );
    kafka.read_at_least(&format!("{prefix}-users"), 1).await;
    assert!(!kafka.topics().await.contains(&format!("{prefix}-orders_old")));
    // The other way round: the number becomes a timestamp with its microseconds.
    for target in [Database::postgres().await, Database::mariadb().await] {
        let sink = json!({"topics": format!("{prefix}-orders"), "table.name.format": "o", "auto.create": "true",
            "timestamp.fields.list": "at"});
        let name = unique("newer-sink");
        worker.rest.put_config(&name, &config(SINK, &target, sink)).await;
        wait_count(&target, "o", 1).await;
        let at = target.value("SELECT CAST(at AS CHAR(26)) FROM o").await;
        assert_eq!(at, "2024-06-15 10:20:30.123456", "{}", target.jdbc_url());
    }
    let text = unique("text");
    kafka.produce_texts(&text, &["one", "two"]).await;
    let sink = json!({"topics": text, "table.name.format": "texts", "auto.create": "true",
        "string.output.value.column.name": "line",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter"});
    worker.rest.put_config(&text, &config(SINK, &database, sink)).await;
    wait_count(&database, "texts", 2).await;
    assert_eq!(
        database
            .value("SELECT string_agg(line, ',' ORDER BY line) FROM texts")
            .await,
        "one,two"
    );
}

/// Everything that validation says of a key, but the sentences that describe it, is as recorded.
#[tokio::test]
async fn keys_are_shown_as_recorded() {
    let worker = Worker::standalone(&[], &[]).await;
    let path = golden::default_dir().join("jdbc/validate.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    // The worker's own keys belong to another release of Kafka than the recording's.
    let own = |key: &Value| {
        let group = key["definition"]["group"].as_str().unwrap_or_default();
        let framework = [
            "Common",
            "Transforms",
            "Predicates",
            "Error Handling",
            "Topic Creation",
            "Exactly Once Support",
            "offsets.topic",
        ];
        !framework.contains(&group)
    };
    let by_name = |key: &Value| key["definition"]["name"].as_str().unwrap_or_default().to_owned();
    let mut checked = 0;
    for case in cases.filter(|case| case["full"] == true) {
        let class = case["class"].as_str().unwrap();
        let answer = worker
            .rest
            .put(&format!("/connector-plugins/{class}/config/validate"), &case["config"])
            .await;
        let body = answer.ok("validation");
        let found = body["configs"].as_array().unwrap();
        let recorded = case["expect"]["obs"][0]["body"]["configs"].as_array().unwrap();
        let mut names: Vec<String> = Vec::new();
        for expected in recorded.iter().filter(|key| own(key)) {
            let name = by_name(expected);
            let actual = found.iter().find(|key| by_name(key) == name);
            let actual = actual.unwrap_or_else(|| panic!("{class} has no key {name}"));
            for (part, value) in expected["definition"].as_object().unwrap() {
                if part != "documentation" {
                    assert_eq!(&actual["definition"][part], value, "{class} {name} {part}");
                }
            }
            for part in ["recommended_values", "visible", "errors"] {
                assert_eq!(actual["value"][part], expected["value"][part], "{class} {name} {part}");
            }
            names.push(name);
            checked += 1;
        }
        let order: Vec<String> = found.iter().map(by_name).filter(|name| names.contains(name)).collect();
        assert_eq!(order, names, "{class}");
        let unknown: BTreeSet<String> = found.iter().filter(|key| own(key)).map(by_name).collect();
        assert!(unknown.len() > names.len(), "newer keys are shown as well");
    }
    assert!(checked > 50, "{checked} keys");
}
