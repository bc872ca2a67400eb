//! The source end to end on SQLite files: connector and task as the worker drives them.

use super::{JdbcSourceConnector, JdbcSourceTask};
use crate::connection::{ConnectOptions, connect};
use crate::url::JdbcUrl;
use std::sync::Arc;
use turnbuckle_api::source::{SourceConnector, SourceTask};
use turnbuckle_api::testkit::TestContext;
use turnbuckle_api::{OffsetMap, Origin, Props, Record, Result, Type, Value};

struct Database {
    _folder: tempfile::TempDir,
    url: String,
}

impl Database {
    async fn with(sql: &str) -> Database {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("jdbc:sqlite:{}", folder.path().join("test.db").display());
        let database = Database { _folder: folder, url };
        database.run(sql).await;
        database
    }

    async fn run(&self, sql: &str) {
        let options = ConnectOptions::new(&JdbcUrl::parse(&self.url).unwrap(), None, None, &[]).unwrap();
        let mut connection = connect(&options).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await;
    }

    fn props(&self, pairs: &[(&str, &str)]) -> Props {
        let mut props = Props::new()
            .with("connection.url", &self.url)
            .with("poll.interval.ms", "20")
            .with("topic.prefix", "p-");
        for (key, value) in pairs {
            props.insert(*key, *value);
        }
        props
    }
}

/// Task configurations as the connector gives them.
async fn task_configs(props: &Props, max_tasks: u32) -> Result<Vec<Props>> {
    let mut connector = JdbcSourceConnector::default();
    connector.start(TestContext::new(props.clone()), props).await?;
    let configs = connector.task_configs(max_tasks).await;
    connector.stop().await?;
    configs
}

async fn start(props: &Props, context: &Arc<TestContext>) -> Result<JdbcSourceTask> {
    let config = task_configs(props, 1).await?.remove(0);
    let mut task = JdbcSourceTask::default();
    task.start(context.clone(), &config).await?;
    Ok(task)
}

/// Polls until there are `count` records.
async fn records(task: &mut JdbcSourceTask, count: usize) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    while found.len() < count {
        found.extend(task.poll().await?.unwrap_or_default());
    }
    Ok(found)
}

fn field(record: &Record, name: &str) -> Value {
    record
        .value
        .value
        .as_struct()
        .unwrap()
        .get_without_default(name)
        .unwrap()
        .clone()
}

fn position(record: &Record) -> (OffsetMap, Option<OffsetMap>) {
    match &record.origin {
        Origin::Source { partition, offset } => (partition.as_deref().unwrap().clone(), offset.clone()),
        Origin::Sink(_) => panic!("a source record was expected"),
    }
}

const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name varchar(20), ts TIMESTAMP NOT NULL); \
     INSERT INTO orders (id,name,ts) VALUES (1,'a',1704067201001),(2,'b',1704067202002),(3,'c',1704067203003);";

// golden mode-sqlite-incrementing
#[tokio::test]
async fn incrementing_goes_on_where_it_stopped() {
    let database = Database::with(ORDERS).await;
    let props = database.props(&[("mode", "incrementing"), ("incrementing.column.name", "id")]);
    let context = TestContext::new(props.clone());
    let mut task = start(&props, &context).await.unwrap();
    let first = records(&mut task, 3).await.unwrap();
    assert_eq!(&*first[0].topic, "p-orders");
    let schema = first[0].value.schema.clone().unwrap();
    assert_eq!(schema.name(), Some("orders"));
    assert_eq!(
        (
            schema.fields()[0].schema.kind(),
            schema.fields()[0].schema.is_optional()
        ),
        (Type::Int32, false)
    );
    assert_eq!(field(&first[2], "ts"), Value::Date(1_704_067_203_003));

    database
        .run("INSERT INTO orders (id,name,ts) VALUES (4,'d',0),(5,NULL,0)")
        .await;
    let more = records(&mut task, 2).await.unwrap();
    assert!(
        Arc::ptr_eq(&schema, more[0].value.schema.as_ref().unwrap()),
        "an unchanged table keeps its schema"
    );
    assert_eq!(field(&more[1], "name"), Value::Null);
    let (partition, offset) = position(&more[1]);
    assert_eq!(
        partition,
        OffsetMap::new().with("protocol", "1").with("table", "orders")
    );
    assert_eq!(offset, Some(OffsetMap::new().with("incrementing", 5i64)));
    task.stop().await.unwrap();

    context
        .offsets
        .put(partition, OffsetMap::new().with("incrementing", Value::Int32(3)));
    let mut task = start(&props, &context).await.unwrap();
    let again = records(&mut task, 2).await.unwrap();
    assert_eq!(field(&again[0], "id"), Value::Int32(4));
}

#[tokio::test]
async fn the_incrementing_column_is_detected_and_old_partitions_are_read() {
    let database = Database::with(ORDERS).await;
    let props = database.props(&[("mode", "incrementing")]);
    let context = TestContext::new(props.clone());
    let old = OffsetMap::new().with("table", "orders");
    context.offsets.put(old, OffsetMap::new().with("incrementing", 2i64));
    let mut task = start(&props, &context).await.unwrap();
    let found = records(&mut task, 1).await.unwrap();
    assert_eq!(field(&found[0], "id"), Value::Int32(3));
}

// golden mode-sqlite-timestamp
#[tokio::test]
async fn timestamps_find_updated_rows() {
    let database = Database::with(ORDERS).await;
    let props = database.props(&[("mode", "timestamp"), ("timestamp.column.name", "TS")]);
    let context = TestContext::new(props.clone());
    let mut task = start(&props, &context).await.unwrap();
    records(&mut task, 3).await.unwrap();
    database
        .run("UPDATE orders SET name='B2', ts=1704067206000 WHERE id=2")
        .await;
    let found = records(&mut task, 1).await.unwrap();
    assert_eq!(field(&found[0], "name"), Value::text("B2"));
    let offset = OffsetMap::new()
        .with("timestamp_nanos", 0i64)
        .with("timestamp", 1_704_067_206_000i64);
    assert_eq!(position(&found[0]).1, Some(offset));
}

#[tokio::test]
async fn timestamps_and_ids_together() {
    let database = Database::with(ORDERS).await;
    let props = database.props(&[
        ("mode", "timestamp+incrementing"),
        ("timestamp.column.name", "ts"),
        ("incrementing.column.name", "id"),
        ("timestamp.initial", "1704067202002"),
        ("batch.max.rows", "1"),
    ]);
    let context = TestContext::new(props.clone());
    let mut task = start(&props, &context).await.unwrap();
    // The row at the initial timestamp is read, too: its id is greater than the initial -1.
    let found = records(&mut task, 2).await.unwrap();
    assert_eq!(field(&found[0], "id"), Value::Int32(2));
    database
        .run("INSERT INTO orders (id,name,ts) VALUES (4,'d',1704067203003)")
        .await;
    let found = records(&mut task, 1).await.unwrap();
    let offset = position(&found[0]).1.unwrap();
    assert_eq!(offset.get("incrementing"), Some(&Value::Int64(4)));
    assert_eq!(offset.get("timestamp_nanos"), Some(&Value::Int64(3_000_000)));
}

#[tokio::test]
async fn bulk_and_queries() {
    let database = Database::with(ORDERS).await;
    let props = database.props(&[("mode", "bulk"), ("poll.interval.ms", "3600000")]);
    let context = TestContext::new(props.clone());
    let mut task = start(&props, &context).await.unwrap();
    let found = records(&mut task, 3).await.unwrap();
    assert_eq!(position(&found[0]), (OffsetMap::new().with("table", "orders"), None));
    assert!(task.poll().await.unwrap().is_none());

    let props = database.props(&[
        ("mode", "incrementing"),
        ("incrementing.column.name", "id"),
        ("query", "SELECT id, name || '!' AS shout FROM orders"),
    ]);
    let mut task = start(&props, &context).await.unwrap();
    let found = records(&mut task, 3).await.unwrap();
    assert_eq!(&*found[0].topic, "p-");
    assert_eq!(found[0].value.schema.as_ref().unwrap().name(), None);
    assert_eq!(field(&found[1], "shout"), Value::text("b!"));
    assert_eq!(position(&found[1]).0, OffsetMap::new().with("query", "query"));
}

#[tokio::test]
async fn large_results_come_in_bounded_batches() {
    let database = Database::with(
        "CREATE TABLE n (id INTEGER PRIMARY KEY NOT NULL, t TEXT); \
         WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 12000) INSERT INTO n SELECT i, 'row ' || i FROM c;",
    )
    .await;
    let props = database.props(&[("mode", "incrementing"), ("incrementing.column.name", "id")]);
    let context = TestContext::new(props.clone());
    let mut task = start(&props, &context).await.unwrap();
    let mut seen = 0;
    while seen < 12_000 {
        let batch = task.poll().await.unwrap().unwrap_or_default();
        assert!(batch.len() <= 5_000);
        for record in batch {
            seen += 1;
            assert_eq!(field(&record, "id"), Value::Int32(seen));
        }
    }
}

#[tokio::test]
async fn tables_are_split_and_watched() {
    let database = Database::with("CREATE TABLE a (id INTEGER); CREATE TABLE b (id INTEGER); CREATE TABLE c (id INTEGER); CREATE VIEW v AS SELECT 1;").await;
    let props = database.props(&[("mode", "bulk"), ("table.poll.interval.ms", "20")]);
    let configs = task_configs(&props, 2).await.unwrap();
    let tables: Vec<&str> = configs.iter().map(|config| config.get("tables").unwrap()).collect();
    assert_eq!(tables, ["\"a\",\"b\"", "\"c\""]);
    assert_eq!(configs[0].get("tables.fetched"), Some("true"));

    let listed = task_configs(
        &database.props(&[("mode", "bulk"), ("table.whitelist", "c"), ("table.types", "table")]),
        5,
    )
    .await
    .unwrap();
    assert_eq!(listed[0].get("tables"), Some("\"c\""));

    let context = TestContext::new(props.clone());
    let mut connector = JdbcSourceConnector::default();
    connector.start(context.clone(), &props).await.unwrap();
    connector.task_configs(1).await.unwrap();
    assert_eq!(context.requests().reconfigurations, 1);
    database.run("CREATE TABLE d (id INTEGER)").await;
    while context.requests().reconfigurations < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let tables = connector.task_configs(1).await.unwrap().remove(0);
    assert_eq!(tables.get("tables"), Some("\"a\",\"b\",\"c\",\"d\""));
}

#[tokio::test]
async fn decimals_and_blobs_are_read() {
    let database = Database::with(
        "CREATE TABLE t (d DECIMAL(9,2), n NUMERIC(9,2), w NUMERIC, b BLOB, v VARBINARY(5)); \
         INSERT INTO t VALUES (0.1 + 0.2, 7.25, 1.5, x'00ff', NULL), (8, -1.5, 2, 'txt', x'01'), (NULL, NULL, NULL, NULL, NULL);",
    )
    .await;
    let props = database.props(&[("mode", "bulk"), ("table.include.list", "t")]);
    let mut task = start(&props, &TestContext::new(props.clone())).await.unwrap();
    let records = records(&mut task, 3).await.unwrap();
    let decimal = |unscaled| Value::Decimal(turnbuckle_api::Decimal::new(unscaled, 2));
    let expected = [
        [
            decimal(30),
            decimal(725),
            Value::Float64(1.5),
            Value::Bytes(vec![0, 255].into()),
            Value::Null,
        ],
        [
            decimal(800),
            decimal(-150),
            Value::Float64(2.0),
            Value::Bytes("txt".into()),
            Value::Bytes(vec![1].into()),
        ],
        [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
    ];
    for (record, expected) in records.iter().zip(expected) {
        let found = ["d", "n", "w", "b", "v"].map(|name| field(record, name));
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn mistakes_are_told() {
    let database = Database::with("CREATE TABLE t (id INTEGER, n TEXT NOT NULL); INSERT INTO t VALUES (1, 'x'); CREATE TABLE b (x DECIMAL(5,2)); INSERT INTO b VALUES (1.005);").await;
    for (pairs, text) in [
        (
            &[
                ("mode", "incrementing"),
                ("incrementing.column.name", "nope"),
                ("table.whitelist", "t"),
            ][..],
            "org.apache.kafka.common.config.ConfigException: Incrementing column: nope does not exist.",
        ),
        (
            &[
                ("mode", "timestamp"),
                ("timestamp.column.name", "a,b"),
                ("table.whitelist", "t"),
            ],
            "org.apache.kafka.common.config.ConfigException: Timestamp columns: a, b do not exist.",
        ),
        (
            &[
                ("mode", "incrementing"),
                ("incrementing.column.name", "id"),
                ("table.whitelist", "t"),
            ],
            "org.apache.kafka.connect.errors.ConnectException: Cannot make incremental queries using incrementing column id on \"t\" \
             because this column is nullable.",
        ),
        (
            &[
                ("mode", "incrementing"),
                ("incrementing.column.name", "n"),
                ("table.whitelist", "t"),
            ],
            "org.apache.kafka.connect.errors.ConnectException: Invalid type for incrementing column: STRING (java.lang.String)",
        ),
        (
            &[("mode", "bulk"), ("table.whitelist", "b")],
            "org.apache.kafka.connect.errors.DataException: Column x holds 1.005, which is no number with the 2 decimals of its \
             declared type; declare the column with more decimals, or copy it by a query that casts or rounds it",
        ),
        (
            &[
                ("mode", "incrementing"),
                ("table.include.list", "t"),
                ("incrementing.column.mapping", "x.*:id"),
            ],
            "org.apache.kafka.connect.errors.ConnectException: Error while validating incrementing column mappings: Included table \
             't' does not match any of the provided regexes",
        ),
        (
            &[
                ("mode", "bulk"),
                ("query", "SELECT * FROM nosuch"),
                ("query.retry.attempts", "1"),
            ],
            "org.apache.kafka.connect.errors.ConnectException: Failed to Query table after retries",
        ),
        (
            &[("mode", "bulk"), ("table.whitelist", "nosuch")],
            "org.apache.kafka.common.config.ConfigException: Task is being killed because it was not assigned a table nor a query to \
             execute. If run in table mode please make sure that the tables exist on the database. If the table does exist on the \
             database, we recommend using the fully qualified table name.",
        ),
        (
            &[("mode", "bulk"), ("table.whitelist", "t"), ("table.blacklist", "b")],
            "org.apache.kafka.connect.errors.ConnectException: table.whitelist and table.blacklist are exclusive.",
        ),
        (
            &[("mode", "bulk"), ("db.timezone", "PST")],
            "java.time.zone.ZoneRulesException: Unknown time-zone ID: PST",
        ),
    ] {
        let props = database.props(pairs);
        let context = TestContext::new(props.clone());
        let failure = async {
            let mut task = start(&props, &context).await?;
            loop {
                task.poll().await?;
            }
        };
        let outcome: Result<()> = failure.await;
        assert_eq!(outcome.unwrap_err().headline(), text);
    }
}

#[tokio::test]
async fn validation_opens_no_connection() {
    let connector = JdbcSourceConnector::default();
    let props = Props::new()
        .with("mode", "bulk")
        .with("connection.url", "jdbc:nosuch://x");
    let values = connector.validate(&props).await.unwrap();
    assert!(values.iter().all(|value| value.errors.is_empty()));
    // Bad values are told by key, and so are keys that exclude each other.
    for (pairs, expected) in [
        (
            &[("transaction.isolation.mode", "chaos"), ("poll.interval.ms", "soon")][..],
            &["transaction.isolation.mode", "poll.interval.ms"][..],
        ),
        (
            &[("table.whitelist", "t"), ("table.include.list", "t")],
            &["table.whitelist", "table.include.list"],
        ),
        (
            &[("query", "SELECT 1"), ("query.masked", "SELECT 2")],
            &["query", "query.masked"],
        ),
        (&[("table.exclude.list", "t")], &["table.include.list"]),
        (&[("table.include.list", "t(")], &["table.include.list"]),
        (
            &[("jdbc.credentials.provider.class", "com.example.Vault")],
            &["jdbc.credentials.provider.class"],
        ),
    ] {
        let mut props = props.clone();
        for (key, value) in pairs {
            props.insert(*key, *value);
        }
        let values = connector.validate(&props).await.unwrap();
        let told = values.iter().filter(|value| !value.errors.is_empty());
        let told: Vec<&str> = told.map(|value| value.name.as_str()).collect();
        assert_eq!(told.len(), expected.len(), "{told:?}");
        assert!(expected.iter().all(|key| told.contains(key)), "{told:?}");
    }
    let values = connector
        .validate(&props.with("transaction.isolation.mode", "SQL_SERVER_SNAPSHOT"))
        .await
        .unwrap();
    assert_eq!(values.iter().map(|value| value.errors.len()).sum::<usize>(), 1);
}
