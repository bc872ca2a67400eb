//! The sink end to end on SQLite files.

use super::JdbcSinkTask;
use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use turnbuckle_api::data::Type;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkOffsets, SinkTask, SinkTaskContext};
use turnbuckle_api::testkit::{TestContext, sink_record};
use turnbuckle_api::{
    Decimal, Error, ErrorKind, Props, Record, Result, Schema, SchemaAndValue, SchemaRef, Struct, TopicPartition, Value,
};

struct Database {
    folder: TempDir,
}

impl Database {
    fn new() -> Self {
        Database {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> String {
        self.folder.path().join("sink.db").display().to_string()
    }

    fn props(&self, extra: &[(&str, &str)]) -> Props {
        let mut props = Props::new()
            .with("name", "c1")
            .with("connection.url", format!("jdbc:sqlite:{}", self.path()))
            .with("max.retries", "0");
        for (key, value) in extra {
            props.insert(*key, *value);
        }
        props
    }

    async fn connect(&self) -> SqliteConnection {
        SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", self.path()))
            .await
            .unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&mut self.connect().await).await.unwrap();
    }

    /// Rows of `t`, columns as SQL literals joined by blanks.
    async fn rows(&self, columns: &[&str]) -> Vec<String> {
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
        let sql = format!("SELECT {} FROM t ORDER BY 1", quoted.join("||' '||"));
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(&mut self.connect().await)
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn ddl(&self) -> String {
        let sql = "SELECT sql FROM sqlite_master WHERE name = 't'";
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.connect().await)
            .await
            .unwrap()
    }

    async fn task(&self, extra: &[(&str, &str)]) -> JdbcSinkTask {
        let props = self.props(extra);
        let mut task = JdbcSinkTask::default();
        task.start(TestContext::new(props.clone()), &props).await.unwrap();
        task
    }
}

fn structure(fields: &[(&str, SchemaRef)]) -> SchemaRef {
    let add = |builder: turnbuckle_api::SchemaBuilder, (name, schema): &(&str, SchemaRef)| {
        builder.field(*name, schema.clone())
    };
    fields.iter().fold(Schema::structure(), add).finish()
}

fn orders() -> SchemaRef {
    structure(&[
        ("id", Schema::primitive(Type::Int32, false)),
        ("name", Schema::primitive(Type::String, true)),
    ])
}

fn row(schema: &SchemaRef, values: Vec<Value>) -> SchemaAndValue {
    SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema.clone(), values)))
}

fn order(schema: &SchemaRef, offset: i64, id: i32, name: &str) -> Record {
    sink_record(
        "t",
        offset,
        SchemaAndValue::NULL,
        row(schema, vec![id.into(), Value::text(name.to_string())]),
    )
}

fn int_key(id: i32) -> SchemaAndValue {
    SchemaAndValue::new(Schema::primitive(Type::Int32, false), id.into())
}

#[tokio::test]
async fn a_table_is_created_and_filled() {
    let database = Database::new();
    let mut task = database
        .task(&[("auto.create", "true"), ("pk.mode", "kafka"), ("pk.fields", "zt,ap,ko")])
        .await;
    let schema = structure(&[
        ("f", Schema::primitive(Type::Float32, false)),
        ("b", Schema::primitive(Type::Boolean, true)),
        ("by", Schema::primitive(Type::Bytes, true)),
        ("de", Schema::decimal(2).finish()),
        ("ts", Schema::timestamp().finish()),
    ]);
    let values = vec![
        Value::Float32(1.5),
        Value::Boolean(true),
        Value::Bytes(vec![0, 255].into()),
        Value::Decimal(Decimal::new(12345, 2)),
        Value::Date(1_718_446_830_123),
    ];
    // More than one block of the multi-row statement, and a rest.
    let records: Vec<Record> = (0..701)
        .map(|offset| sink_record("t", offset, SchemaAndValue::NULL, row(&schema, values.clone())))
        .collect();
    task.put(&records).await.unwrap();
    task.stop().await.unwrap();
    assert_eq!(
        database.ddl().await,
        "CREATE TABLE \"t\" (\n\"f\" REAL NOT NULL,\n\"b\" INTEGER NULL,\n\"by\" BLOB NULL,\n\"de\" NUMERIC NOT NULL,\n\
         \"ts\" NUMERIC NOT NULL,\n\"ap\" INTEGER NOT NULL,\n\"ko\" INTEGER NOT NULL,\n\"zt\" TEXT NOT NULL,\n\
         PRIMARY KEY(\"ap\",\"ko\",\"zt\"))"
    );
    let rows = database.rows(&["f", "b", "by", "de", "ts", "ap", "zt"]).await;
    assert_eq!(rows.len(), 701);
    assert_eq!(rows[0], "1.5 1 X'00FF' 123.45 1718446830123 0 't'");
}

#[tokio::test]
async fn a_thousand_topics_get_a_table_each() {
    let database = Database::new();
    let mut task = database.task(&[("auto.create", "true")]).await;
    let schema = orders();
    let records: Vec<Record> = (0..2_000)
        .map(|offset| Record {
            topic: format!("many-{}", offset % 1_000).into(),
            ..order(&schema, offset, offset as i32, "x")
        })
        .collect();
    for part in records.chunks(500) {
        task.put(part).await.unwrap();
    }
    task.stop().await.unwrap();
    let mut connection = database.connect().await;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name LIKE 'many-%'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM \"many-999\"")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!((tables, rows), (1_000, 2));
}

#[tokio::test]
async fn many_deletes_go_in_blocks() {
    let database = Database::new();
    database
        .execute("CREATE TABLE t (a INTEGER, b TEXT, name TEXT, PRIMARY KEY (a, b))")
        .await;
    let mut task = database
        .task(&[
            ("insert.mode", "upsert"),
            ("pk.mode", "record_key"),
            ("delete.enabled", "true"),
        ])
        .await;
    let keys = structure(&[
        ("a", Schema::primitive(Type::Int32, false)),
        ("b", Schema::primitive(Type::String, false)),
    ]);
    let values = structure(&[("name", Schema::primitive(Type::String, true))]);
    let key = |id: i32| row(&keys, vec![id.into(), Value::text(format!("it's {id}"))]);
    let writes = (0..1_203).map(|id| sink_record("t", id.into(), key(id), row(&values, vec![Value::text("x")])));
    let deletes = (0..1_202).map(|id| sink_record("t", i64::from(id) + 5_000, key(id), SchemaAndValue::NULL));
    let records: Vec<Record> = writes.chain(deletes).collect();
    task.put(&records).await.unwrap();
    task.stop().await.unwrap();
    assert_eq!(database.rows(&["a", "b"]).await, ["1202 'it''s 1202'"]);
}

#[tokio::test]
async fn nothing_to_set_changes_nothing() {
    let database = Database::new();
    database
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1,'old')")
        .await;
    let mut task = database
        .task(&[
            ("insert.mode", "update"),
            ("pk.mode", "record_value"),
            ("pk.fields", "id"),
            ("fields.whitelist", "id"),
        ])
        .await;
    task.put(&[order(&orders(), 0, 1, "new")]).await.unwrap();
    task.stop().await.unwrap();
    assert_eq!(database.rows(&["id", "name"]).await, ["1 'old'"]);
}

#[tokio::test]
async fn upserts_and_deletes_keep_their_order() {
    let database = Database::new();
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, qty INTEGER); INSERT INTO t VALUES (1,'old',1),(2,'old',2)").await;
    let mut task = database
        .task(&[
            ("insert.mode", "upsert"),
            ("pk.mode", "record_key"),
            ("pk.fields", "id"),
            ("delete.enabled", "true"),
        ])
        .await;
    let schema = structure(&[("name", Schema::primitive(Type::String, true))]);
    let value = |name: &str| row(&schema, vec![Value::text(name.to_string())]);
    let steps = [
        (3, Some("c")),
        (1, None),
        (4, Some("d")),
        (4, None),
        (4, Some("d2")),
        (3, Some("c2")),
    ];
    let records: Vec<Record> = steps
        .into_iter()
        .enumerate()
        .map(|(offset, (id, name))| {
            sink_record(
                "t",
                offset as i64,
                int_key(id),
                name.map_or(SchemaAndValue::NULL, value),
            )
        })
        .collect();
    task.put(&records).await.unwrap();
    assert_eq!(database.rows(&["id", "name"]).await, ["2 'old'", "3 'c2'", "4 'd2'"]);
}

#[tokio::test]
async fn columns_are_added_within_one_batch() {
    let database = Database::new();
    let mut task = database.task(&[("auto.create", "true"), ("auto.evolve", "true")]).await;
    let old = orders();
    let new = structure(&[
        ("id", Schema::primitive(Type::Int32, false)),
        ("name", Schema::primitive(Type::String, true)),
        ("x", Schema::primitive(Type::Int64, true)),
    ]);
    let records = [
        order(&old, 0, 1, "a"),
        sink_record(
            "t",
            1,
            SchemaAndValue::NULL,
            row(&new, vec![2.into(), Value::text("b"), Value::Int64(5)]),
        ),
        order(&old, 2, 3, "c"),
    ];
    task.put(&records).await.unwrap();
    assert_eq!(
        database.rows(&["id", "name", "x"]).await,
        ["1 'a' NULL", "2 'b' 5", "3 'c' NULL"]
    );
    assert!(database.ddl().await.ends_with(", \"x\" INTEGER NULL)"));
}

#[tokio::test]
async fn a_failing_batch_leaves_nothing_and_names_the_record() {
    let database = Database::new();
    database
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        .await;
    let mut task = database.task(&[("batch.size", "1")]).await;
    let schema = orders();
    let records = [
        order(&schema, 0, 1, "a"),
        sink_record("t", 1, SchemaAndValue::NULL, row(&schema, vec![2.into(), Value::Null])),
    ];
    let error = task.put(&records).await.unwrap_err();
    let trace = error.trace();
    let head = "org.apache.kafka.connect.errors.ConnectException: java.sql.SQLException: Exception chain:\n\
                org.sqlite.SQLiteException: [SQLITE_CONSTRAINT_NOTNULL] A NOT NULL constraint failed (NOT NULL constraint \
                failed: t.name)\n\nCaused by: java.sql.SQLException: Exception chain:\n";
    assert!(trace.starts_with(head), "{trace}");
    assert!(trace.contains("t-0@1"), "{trace}");
    assert!(database.rows(&["id"]).await.is_empty());
}

#[tokio::test]
async fn the_record_at_fault_is_found_behind_written_ones() {
    let database = Database::new();
    database
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1150,'old')")
        .await;
    let mut task = database.task(&[]).await;
    let schema = orders();
    let records: Vec<Record> = (0..1300).map(|id| order(&schema, i64::from(id), id, "new")).collect();
    let error = task.put(&records).await.unwrap_err();
    assert!(error.trace().contains("t-0@1150"), "{}", error.trace());
    assert_eq!(database.rows(&["id"]).await, ["1150"]);
}

#[tokio::test]
async fn a_missing_table_is_no_sql_error() {
    let database = Database::new();
    let mut task = database.task(&[("max.retries", "5")]).await;
    let error = task.put(&[order(&orders(), 0, 1, "a")]).await.unwrap_err();
    assert_eq!(
        error.headline(),
        "io.confluent.connect.jdbc.sink.TableAlterOrCreateException: Table \"t\" is missing and auto-creation is disabled"
    );
    database.execute("CREATE TABLE t (id INTEGER, name TEXT)").await;
    task.put(&[order(&orders(), 0, 1, "a")]).await.unwrap();
    assert_eq!(database.rows(&["id", "name"]).await, ["1 'a'"]);
}

/// A context that offers a reporter.
#[derive(Default)]
struct Reporting {
    plain: TestContext,
    reported: Arc<Reports>,
}

#[derive(Default)]
struct Reports(Mutex<Vec<(i64, String)>>);

#[async_trait]
impl ErrantRecordReporter for Reports {
    async fn report(&self, record: &Record, error: Error) -> Result<()> {
        let turnbuckle_api::record::Origin::Sink(origin) = &record.origin else {
            panic!("no sink record")
        };
        self.0.lock().unwrap().push((origin.offset, error.headline()));
        Ok(())
    }
}

impl SinkTaskContext for Reporting {
    fn configs(&self) -> Result<Props> {
        SinkTaskContext::configs(&self.plain)
    }
    fn rewind(&self, offsets: SinkOffsets) {
        self.plain.rewind(offsets);
    }
    fn set_retry_timeout(&self, timeout: Duration) {
        self.plain.set_retry_timeout(timeout);
    }
    fn assignment(&self) -> Vec<TopicPartition> {
        self.plain.assignment()
    }
    fn pause(&self, partitions: &[TopicPartition]) {
        self.plain.pause(partitions);
    }
    fn resume(&self, partitions: &[TopicPartition]) {
        self.plain.resume(partitions);
    }
    fn request_commit(&self) {
        self.plain.request_commit();
    }
    fn errant_record_reporter(&self) -> Option<Arc<dyn ErrantRecordReporter>> {
        Some(self.reported.clone())
    }
}

#[tokio::test]
async fn retries_come_first_then_bad_records_are_reported() {
    let database = Database::new();
    database
        .execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1,'old'),(7,'old')")
        .await;
    let props = database.props(&[("max.retries", "1"), ("retry.backoff.ms", "50")]);
    let context = Arc::new(Reporting::default());
    let mut task = JdbcSinkTask::default();
    task.start(context.clone(), &props).await.unwrap();
    let schema = orders();
    let records: Vec<Record> = (0..10).map(|id| order(&schema, i64::from(id), id, "new")).collect();
    let error = task.put(&records).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retriable()), (ErrorKind::Retriable, true));
    assert_eq!(context.plain.requests().retry_timeout, Some(Duration::from_millis(50)));
    task.put(&records).await.unwrap();
    let reported = context.reported.0.lock().unwrap().clone();
    assert_eq!(reported.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 7]);
    assert!(reported[0].1.starts_with(
        "java.sql.SQLException: Exception chain:\norg.sqlite.SQLiteException: [SQLITE_CONSTRAINT_PRIMARYKEY] A PRIMARY KEY \
         constraint failed (UNIQUE constraint failed: t.id)\n"
    ));
    assert_eq!(database.rows(&["id"]).await.len(), 10);
}

#[tokio::test]
async fn two_topics_may_share_a_table() {
    let database = Database::new();
    let mut task = database
        .task(&[("auto.create", "true"), ("table.name.format", "t")])
        .await;
    let schema = orders();
    let mut records = vec![order(&schema, 0, 1, "a"), order(&schema, 1, 2, "b")];
    records[1].topic = "other".into();
    task.put(&records).await.unwrap();
    assert_eq!(database.rows(&["id", "name"]).await, ["1 'a'", "2 'b'"]);
}

#[tokio::test]
async fn a_null_takes_the_fields_default() {
    let database = Database::new();
    let mut task = database.task(&[("auto.create", "true")]).await;
    let seven = turnbuckle_api::SchemaBuilder::new(Type::Int32)
        .default_value(Value::Int32(7))
        .build()
        .unwrap();
    let schema = structure(&[("x", seven)]);
    task.put(&[sink_record(
        "t",
        0,
        SchemaAndValue::NULL,
        row(&schema, vec![Value::Null]),
    )])
    .await
    .unwrap();
    assert_eq!(database.rows(&["x"]).await, ["7"]);
    assert_eq!(database.ddl().await, "CREATE TABLE \"t\" (\n\"x\" INTEGER DEFAULT 7)");
}
