//! Errors of single records, stage by stage: what is skipped, what ends the task, what the log says, and what the dead letter
//! queue gets (KIP-298, KIP-610).
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::steps::{append, lines, produce_avro, texts};
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const LONG: &str = "org.apache.kafka.connect.converters.LongConverter";
const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const EXTRACT: &str = "org.apache.kafka.connect.transforms.ExtractField$Value";
const CONNECT: &str = "org.apache.kafka.connect.errors.ConnectException";
const DATA: &str = "org.apache.kafka.connect.errors.DataException";
const EXCEEDED: &str = "Tolerance exceeded in error handler";
const PATIENCE: Duration = Duration::from_secs(40);

/// A topic, a sink that writes it to a file, and the dead letters.
struct Flow {
    name: String,
    topic: String,
    dead: String,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Flow {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Flow {
            name: unique(name),
            topic: unique(name),
            dead: unique("dead"),
            file: folder.path().join("out"),
            _folder: folder,
        }
    }

    /// A file sink of JSON values with dead letters, and more keys.
    fn sink(&self, more: &Value) -> Value {
        let mut config = json!({
            "connector.class": "FileStreamSink", "topics": self.topic, "file": self.file,
            "key.converter": LONG, "value.converter": JSON, "value.converter.schemas.enable": "false",
            "header.converter": JSON, "header.converter.schemas.enable": "false",
            "transforms": "id", "transforms.id.type": EXTRACT, "transforms.id.field": "id",
            "errors.deadletterqueue.topic.name": self.dead,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
        });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    }

    async fn wait_lines(&self, expected: &[&str]) {
        wait_for(&format!("{expected:?} in the file"), PATIENCE, async || {
            match lines(&self.file) {
                seen if seen == expected => Ok(()),
                seen => Err(format!("{seen:?}")),
            }
        })
        .await;
    }
}

/// Good records around one that fails in each stage. Offsets are those of the list.
fn records() -> Vec<Row> {
    let key = 5i64.to_be_bytes();
    let with_header = |value: &str, header: &str| Row {
        headers: vec![("trace".into(), Some(header.into()))],
        ..Row::keyed(key, value)
    };
    vec![
        with_header("{\"id\": 1}", "\"a\""),
        Row::keyed("abc", "{\"id\": 2}"),
        Row::keyed(key, "{no json"),
        with_header("{\"id\": 4}", "{"),
        with_header("[5]", "7"),
        with_header("{\"id\": 6}", "null"),
    ]
}

/// Dead letters as kcat shows them: offset of the origin to the headers.
async fn dead_letters(kafka: &Kafka, topic: &str, count: usize) -> BTreeMap<String, BTreeMap<String, String>> {
    kafka.read_at_least(topic, count).await;
    let text = kafka
        .kcat(&["-C", "-t", topic, "-e", "-q", "-f", "%h\\x01%s\\x02"])
        .await;
    let mut letters = BTreeMap::new();
    for letter in text.split('\u{2}').filter(|letter| !letter.is_empty()) {
        let (headers, value) = letter.split_once('\u{1}').unwrap();
        let mut found: BTreeMap<String, String> = BTreeMap::from([("value".to_string(), value.to_string())]);
        // Traces hold commas; every header but the first follows one.
        for header in headers.split(",__connect.errors.") {
            let (name, value) = header.split_once('=').unwrap();
            let name = name.trim_start_matches("__connect.errors.");
            found.insert(name.to_string(), value.to_string());
        }
        letters.insert(found["offset"].clone(), found);
    }
    letters
}

#[tokio::test]
async fn every_stage_of_a_sink_skips_what_fails_and_tells_why() {
    let kafka = Kafka::shared();
    let flow = Flow::new("stages");
    let worker = Worker::distributed(&[]).await;
    kafka.create_topic(&flow.topic, 1, &[]).await;
    kafka.produce(&flow.topic, records()).await;
    let more = json!({"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"});
    worker.rest.put_config(&flow.name, &flow.sink(&more)).await;
    flow.wait_lines(&["1", "6"]).await;

    let letters = dead_letters(&kafka, &flow.dead, 4).await;
    let stages = [
        ("1", "KEY_CONVERTER", LONG, "{\"id\": 2}"),
        ("2", "VALUE_CONVERTER", JSON, "{no json"),
        ("3", "HEADER_CONVERTER", JSON, "{\"id\": 4}"),
        ("4", "TRANSFORMATION", EXTRACT, "[5]"),
    ];
    assert_eq!(letters.len(), stages.len(), "{letters:?}");
    for (offset, stage, class, value) in stages {
        let letter = &letters[offset];
        let expected = [
            ("value", value),
            ("topic", &flow.topic),
            ("partition", "0"),
            ("connector.name", &flow.name),
            ("task.id", "0"),
            ("stage", stage),
            ("class.name", class),
            ("exception.class.name", DATA),
        ];
        for (name, value) in expected {
            assert_eq!(letter[name], value, "{name} of {letter:?}");
        }
        assert!(letter["exception.stacktrace"].starts_with(DATA), "{letter:?}");
        assert!(
            letter["exception.stacktrace"].contains(&letter["exception.message"]),
            "{letter:?}"
        );
        let logged = format!(
            "Error encountered in task {}-0. Executing stage '{stage}' with class '{class}', where consumed record is \
             {{topic='{}', partition=0, offset={offset}, timestamp=",
            flow.name, flow.topic
        );
        assert!(worker.log_contains(&logged), "{logged}\n{}", worker.process.log());
    }
    // The consumed record's own headers and key come first.
    let raw = kafka.read_all(&flow.dead).await;
    let transformed = raw.iter().find(|message| message.text() == "[5]").unwrap();
    assert_eq!(transformed.headers[0], ("trace".to_string(), Some(b"7".to_vec())));
    assert_eq!(transformed.headers.len(), 11);
    assert_eq!(transformed.key.as_deref(), Some(&5i64.to_be_bytes()[..]));
    worker.rest.wait_running(&flow.name, 1).await;
}

#[tokio::test]
async fn without_tolerance_the_first_error_ends_the_task_and_the_record_comes_again() {
    let kafka = Kafka::shared();
    let flow = Flow::new("strict");
    let worker = Worker::distributed(&[("offset.flush.interval.ms", "200")]).await;
    kafka.create_topic(&flow.topic, 1, &[]).await;
    let key = 5i64.to_be_bytes();
    kafka
        .produce(
            &flow.topic,
            [Row::keyed(key, "{\"id\": 1}"), Row::keyed(key, "{no json")],
        )
        .await;
    worker.rest.put_config(&flow.name, &flow.sink(&json!({}))).await;
    let trace = worker.rest.wait_failed(&flow.name).await;
    assert!(trace.starts_with(&format!("{CONNECT}: {EXCEEDED}\n")), "{trace}");
    assert!(trace.contains(&format!("Caused by: {DATA}: ")), "{trace}");
    // Dead letters are sent although the task fails, and nothing is committed behind the record.
    assert_eq!(
        dead_letters(&kafka, &flow.dead, 1).await["1"]["stage"],
        "VALUE_CONVERTER"
    );
    let group = format!("connect-{}", flow.name);
    let committed = kafka.committed(&group, &flow.topic).await;
    assert!(committed.get(&0).is_none_or(|offset| *offset <= 1), "{committed:?}");

    worker
        .rest
        .put_config(&flow.name, &flow.sink(&json!({"errors.tolerance": "all"})))
        .await;
    worker.rest.wait_running(&flow.name, 1).await;
    kafka.produce(&flow.topic, [Row::keyed(key, "{\"id\": 3}")]).await;
    wait_for("the third record", PATIENCE, async || match lines(&flow.file) {
        seen if seen.last().is_some_and(|last| last == "3") => Ok(()),
        seen => Err(format!("{seen:?}")),
    })
    .await;
}

#[tokio::test]
async fn what_the_target_refuses_goes_to_the_dead_letters() {
    let kafka = Kafka::shared();
    let database = Database::postgres().await;
    let topic = unique("orders").replace('-', "_");
    let (tolerant, strict) = (unique("put"), unique("put-strict"));
    database
        .execute(&format!(
            "CREATE TABLE {topic} (id bigint PRIMARY KEY, amount bigint CHECK (amount < 100))"
        ))
        .await;
    kafka.create_topic(&topic, 1, &[]).await;
    let schema = json!({"type": "struct", "fields": [
        {"field": "id", "type": "int64"}, {"field": "amount", "type": "int64"}]});
    let order = move |id: i64| {
        let amount = if id % 10 == 0 { 1000 } else { id };
        Row::json(&json!({"schema": schema, "payload": {"id": id, "amount": amount}}))
    };
    kafka.produce(&topic, (1..=50).map(order)).await;
    let worker = Worker::distributed(&[]).await;
    let sink = |dead: &str, tolerance: &str| {
        json!({
            "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": topic,
            "connection.url": database.jdbc_url(), "connection.user": database.user(),
            "connection.password": database.password(), "insert.mode": "upsert", "pk.mode": "record_value",
            "pk.fields": "id", "max.retries": "0", "key.converter": TEXT, "value.converter": JSON,
            "errors.tolerance": tolerance, "errors.deadletterqueue.topic.name": dead,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
        })
    };
    let dead = unique("dead");
    worker.rest.put_config(&tolerant, &sink(&dead, "all")).await;
    wait_for("45 rows", PATIENCE, async || match database.count(&topic).await {
        45 => Ok(()),
        rows => Err(format!("{rows} rows")),
    })
    .await;
    let letters = dead_letters(&kafka, &dead, 5).await;
    assert_eq!(letters.keys().collect::<Vec<_>>(), ["19", "29", "39", "49", "9"]);
    for letter in letters.values() {
        assert_eq!(letter["stage"], "TASK_PUT");
        assert_eq!(letter["class.name"], "org.apache.kafka.connect.sink.SinkTask");
        assert!(letter["value"].contains("\"amount\":1000"), "{letter:?}");
        assert!(letter["exception.message"].contains("check"), "{letter:?}");
    }
    worker.rest.wait_running(&tolerant, 1).await;

    // Without tolerance the report ends the task, and what it reported is not committed.
    let strict_dead = unique("dead");
    worker.rest.put_config(&strict, &sink(&strict_dead, "none")).await;
    let trace = worker.rest.wait_failed(&strict).await;
    assert!(
        trace.starts_with(&format!(
            "{CONNECT}: Exiting WorkerSinkTask due to unrecoverable exception."
        )),
        "{trace}"
    );
    assert!(trace.contains(EXCEEDED), "{trace}");
    assert_eq!(dead_letters(&kafka, &strict_dead, 1).await["9"]["stage"], "TASK_PUT");
    assert_eq!(
        kafka.committed(&format!("connect-{strict}"), &topic).await,
        BTreeMap::new()
    );
}

#[tokio::test]
async fn sources_skip_what_can_not_be_converted_or_sent() {
    let kafka = Kafka::shared();
    let worker = Worker::distributed(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    let long = "x".repeat(3000);
    append(&file, &["one", &long, "three"]);
    let source = |name: &str, topic: &str, more: Value| {
        let mut config = json!({"connector.class": "FileStreamSource", "file": file, "topic": topic, "name": name,
            "value.converter": TEXT, "producer.override.max.request.size": "2000"});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        config
    };
    let log = json!({"errors.tolerance": "all", "errors.log.enable": "true", "errors.log.include.messages": "true"});

    // The producer refuses what is too large.
    let (name, topic) = (unique("produce"), unique("produce"));
    worker.rest.put_config(&name, &source(&name, &topic, log.clone())).await;
    assert_eq!(texts(&kafka, &topic, 2).await, ["one", "three"]);
    let logged = format!(
        "Error encountered in task {name}-0. Executing stage 'KAFKA_PRODUCE' with class \
         'org.apache.kafka.connect.runtime.WorkerSourceTask', where source record is = SourceRecord{{sourcePartition={{\
         filename={}}}, sourceOffset={{position=3005}}}} ConnectRecord{{topic='{topic}', ",
        file.display()
    );
    assert!(worker.log_contains(&logged), "{logged}\n{}", worker.process.log());
    worker.rest.wait_running(&name, 1).await;

    // Without tolerance it ends the task.
    let (name, topic) = (unique("produce-strict"), unique("produce-strict"));
    worker.rest.put_config(&name, &source(&name, &topic, json!({}))).await;
    let trace = worker.rest.wait_failed(&name).await;
    assert!(
        trace.contains("org.apache.kafka.common.errors.RecordTooLargeException"),
        "{trace}"
    );

    // No line is a number.
    let (name, topic) = (unique("convert"), unique("convert"));
    let mut config = source(&name, &topic, log);
    config["value.converter"] = json!(LONG);
    worker.rest.put_config(&name, &config).await;
    let logged =
        format!("Error encountered in task {name}-0. Executing stage 'VALUE_CONVERTER' with class '{LONG}', where");
    wait_for("the log to tell of the third line", PATIENCE, async || {
        let log = worker.process.log();
        match log.matches(&logged).count() {
            3 => Ok(()),
            seen => Err(format!("{seen} lines")),
        }
    })
    .await;
    assert!(
        worker.log_contains("value=three, valueSchema=Schema{STRING}"),
        "{}",
        worker.process.log()
    );
    worker.rest.wait_running(&name, 1).await;
}

#[tokio::test]
async fn a_registry_that_does_not_answer_costs_no_record() {
    let mut servers = Private::start(&["registry"]).await;
    let registry = Registry::at(servers.services().registry());
    let kafka = Kafka::shared();
    let (patient, hasty) = (Flow::new("patient"), Flow::new("hasty"));
    let schema = json!({"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}]});
    for flow in [&patient, &hasty] {
        let data = (1..=3).map(|id| json!({"id": id})).collect();
        produce_avro(&kafka, &registry, &flow.topic, &schema, data).await;
    }
    let worker = Worker::distributed(&[]).await;
    let avro = |retry: &str| {
        json!({"value.converter": AVRO, "value.converter.schema.registry.url": registry.base(),
            "value.converter.http.read.timeout.ms": "500", "key.converter": TEXT,
            "errors.retry.timeout": retry, "errors.retry.delay.max.ms": "300",
            "errors.deadletterqueue.topic.name": "", "errors.tolerance": "none"})
    };
    servers.pause(&["registry"]).await;
    worker.rest.put_config(&hasty.name, &hasty.sink(&avro("0"))).await;
    worker.rest.put_config(&patient.name, &patient.sink(&avro("-1"))).await;
    let trace = worker.rest.wait_failed(&hasty.name).await;
    assert!(trace.contains(EXCEEDED), "{trace}");
    assert!(
        trace.contains("org.apache.kafka.connect.errors.RetriableException"),
        "{trace}"
    );
    assert_eq!(lines(&hasty.file), Vec::<String>::new());
    servers.resume(&["registry"]).await;
    patient.wait_lines(&["1", "2", "3"]).await;
    let path = format!("/connectors/{}/restart?includeTasks=true&onlyFailed=true", hasty.name);
    worker.rest.request("POST", &path, None).await.ok(&path);
    hasty.wait_lines(&["1", "2", "3"]).await;
}
