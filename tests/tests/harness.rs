//! The harness itself on real servers: what every other end-to-end test relies on.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::json;
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::registry::{self, Registry};
use turnbuckle_tests::worker::{Program, Worker};
use turnbuckle_tests::{avro, services, unique, wait_for};

#[tokio::test]
async fn records_come_back_as_produced() {
    let kafka = Kafka::shared();
    let topic = unique("harness-records");
    assert!(kafka.read_all(&topic).await.is_empty());
    kafka.create_topic(&topic, 3, &[("max.message.bytes", "2000000")]).await;
    let with_headers = Row {
        key: Some(b"k".to_vec()),
        headers: vec![("a".to_owned(), Some(vec![1])), ("b".to_owned(), None)],
        partition: Some(2),
        timestamp: Some(1_700_000_000_000),
        ..Row::default()
    };
    let mut rows: Vec<Row> = (0..2000).map(|i| Row::json(&json!({"i": i}))).collect();
    rows.push(with_headers);
    assert_eq!(kafka.produce(&topic, rows).await, 2001);

    let messages = kafka.read_at_least(&topic, 2001).await;
    assert_eq!(messages.len(), 2001);
    let mut numbers: Vec<i64> = messages.iter().filter_map(|m| m.json()["i"].as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
    let special = messages.iter().find(|m| m.key.is_some()).unwrap();
    assert_eq!((special.partition, special.timestamp), (2, Some(1_700_000_000_000)));
    assert_eq!(special.value, None);
    assert_eq!(
        special.headers,
        vec![("a".to_owned(), Some(vec![1])), ("b".to_owned(), None)]
    );
    assert_eq!(kafka.end_offsets(&topic).await.values().sum::<i64>(), 2001);
    assert!(kafka.committed(&unique("nobody"), &topic).await.is_empty());
    assert_eq!(
        kafka
            .kcat(&["-C", "-q", "-e", "-t", &topic, "-p", "2", "-o", "-1", "-f", "%k"])
            .await,
        "k"
    );
    kafka.delete_topic(&topic).await;
}

#[tokio::test]
async fn aborted_records_are_not_read_as_committed() {
    let kafka = Kafka::shared();
    let topic = unique("harness-transactions");
    kafka.create_topic(&topic, 1, &[]).await;
    let written = topic.clone();
    let bootstrap = kafka.bootstrap().to_owned();
    tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("transactional.id", &written)
            .create()
            .unwrap();
        producer.init_transactions(Duration::from_secs(30)).unwrap();
        for (value, commit) in [("aborted", false), ("committed", true)] {
            producer.begin_transaction().unwrap();
            producer
                .send(BaseRecord::<(), str>::to(&written).payload(value))
                .unwrap();
            producer.flush(Duration::from_secs(30)).unwrap();
            if commit {
                producer.commit_transaction(Duration::from_secs(30)).unwrap();
            } else {
                producer.abort_transaction(Duration::from_secs(30)).unwrap();
            }
        }
    })
    .await
    .unwrap();
    let texts = |messages: Vec<turnbuckle_tests::kafka::Message>| messages.iter().map(|m| m.text()).collect::<Vec<_>>();
    assert_eq!(texts(kafka.read_committed(&topic).await), ["committed"]);
    assert_eq!(texts(kafka.read_all(&topic).await), ["aborted", "committed"]);
}

#[tokio::test]
async fn schemas_are_registered_and_found() {
    let registry = Registry::shared();
    let subject = unique("harness-value");
    let schema = json!({"type": "record", "name": "R", "fields": [{"name": "a", "type": ["null", "long"]}]});
    let id = registry.register(&subject, &schema).await;
    assert_eq!(registry.register(&subject, &schema).await, id);
    assert_eq!(registry.versions(&subject).await, [1]);
    assert_eq!(registry.latest(&subject).await["id"], id);
    assert!(registry.subjects().await.contains(&subject));
    let payload = registry::frame(id, &avro::encode(&schema, &json!({"a": 5})));
    assert_eq!(registry.decode(&payload).await, json!({"a": 5}));
}

#[tokio::test]
async fn databases_answer() {
    let databases = [
        Database::postgres().await,
        Database::mariadb().await,
        Database::sqlite().await,
    ];
    for database in &databases {
        assert_eq!(database.count("t").await, 0);
        database
            .execute("CREATE TABLE t (id int, name varchar(20)); INSERT INTO t VALUES (1, 'a'), (2, NULL)")
            .await;
        assert_eq!(database.count("t").await, 2);
        let rows = database.rows("SELECT id, name FROM t ORDER BY id").await;
        let expected = [[Some("1"), Some("a")], [Some("2"), None]];
        let rows: Vec<Vec<Option<&str>>> = rows.iter().map(|r| r.iter().map(Option::as_deref).collect()).collect();
        assert_eq!(rows, expected, "{}", database.jdbc_url());
        assert!(database.try_rows("SELECT * FROM missing").await.is_err());
    }
}

#[tokio::test]
async fn a_killed_private_server_comes_back_with_its_data() {
    let mut set = Private::start(&["kafka", "postgres", "mariadb"]).await;
    let before = set.services().clone();
    assert_ne!(before.kafka(), services::shared().kafka());
    let kafka = Kafka::at(before.kafka());
    kafka.produce_texts("t", &["a", "b"]).await;
    let databases = [
        Database::postgres_at(&before, "d").await,
        Database::mariadb_at(&before, "d").await,
    ];
    for database in &databases {
        database
            .execute("CREATE TABLE t (id int); INSERT INTO t VALUES (7)")
            .await;
    }

    set.kill(&["kafka", "postgres", "mariadb"]).await;
    assert!(databases[0].try_rows("SELECT 1").await.is_err());
    set.again(&["kafka", "postgres", "mariadb"]).await;

    assert_eq!(set.services().kafka(), before.kafka());
    assert_eq!(kafka.read_at_least("t", 2).await.len(), 2);
    for database in &databases {
        // A pool may hand out a connection of the killed server once more.
        let rows = wait_for("the database", Duration::from_secs(20), async || {
            database.try_rows("SELECT id FROM t").await
        });
        assert_eq!(rows.await, [[Some("7".to_owned())]]);
    }

    drop(set);
    assert!(
        std::net::TcpStream::connect(before.kafka()).is_err(),
        "the broker outlived its set"
    );
}

#[tokio::test]
async fn the_jvm_worker_carries_lines() {
    let mut worker = Worker::jvm_distributed(&[]).await;
    let topic = unique("harness-lines");
    let file = worker.folder().join("lines");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    let name = unique("lines");
    let config = json!({
        "connector.class": "FileStreamSource",
        "file": file, "topic": topic, "tasks.max": "1",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    worker.rest.put_config(&name, &config).await;
    worker.rest.wait_running(&name, 1).await;
    let texts: Vec<String> = Kafka::shared()
        .read_at_least(&topic, 2)
        .await
        .iter()
        .map(|m| m.text())
        .collect();
    assert_eq!(texts, ["one", "two"]);
    assert!(worker.rss() > 50_000_000 && worker.process.cpu_time() > Duration::from_millis(500));

    let second = worker.join(Program::Jvm).await;
    assert_ne!(second.id(), worker.id());
    second.rest.wait_running(&name, 1).await;
    worker.rest.remove(&name).await;
    let status = worker.terminate().await;
    assert!(worker.log_contains("Kafka Connect stopped"), "{status}");
}
