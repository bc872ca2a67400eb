//! Redis sinks against real servers: what is written, what is refused and how that is told, and what survives servers and
//! workers that go away.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::redis::Redis;
use turnbuckle_tests::registry::Registry;
use turnbuckle_tests::services::{shared, workspace};
use turnbuckle_tests::steps::produce_avro;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const CACHE: &str = "com.github.jcustenborder.kafka.connect.redis.RedisSinkConnector";
const STRUCTURES: &str = "com.redis.kafka.connect.RedisSinkConnector";
const TEXT: &str = "org.apache.kafka.connect.storage.StringConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// A sink of text, with more settings.
fn sink(class: &str, topic: &str, more: &[(&str, &str)]) -> Value {
    let mut config = json!({
        "connector.class": class, "tasks.max": "1", "topics": topic, "key.converter": TEXT, "value.converter": TEXT,
        "consumer.override.auto.offset.reset": "earliest",
    });
    for (key, value) in more {
        config[*key] = json!(value);
    }
    config
}

async fn start(worker: &Worker, config: &Value) -> String {
    let name = unique("redis");
    worker.rest.put_config(&name, config).await;
    worker.rest.wait_running(&name, 1).await;
    name
}

fn rows(numbers: std::ops::Range<usize>) -> Vec<Row> {
    numbers
        .map(|n| Row::keyed(format!("key-{n}"), format!("value-{n}")))
        .collect()
}

/// Waits until a command has this answer.
async fn wait_answer<T>(redis: &mut Redis, words: &[&str], expected: T)
where
    T: redis::FromRedisValue + PartialEq + std::fmt::Debug,
{
    wait_for(
        &format!("{expected:?} as the answer to {words:?}"),
        PATIENCE,
        async || match redis.try_ask::<T>(words).await {
            Ok(seen) if seen == expected => Ok(()),
            other => Err(format!("{other:?}")),
        },
    )
    .await;
}

/// Keys of the database without those of stored offsets.
async fn keys(redis: &mut Redis) -> usize {
    let all: Vec<String> = redis.try_ask(&["KEYS", "key-*"]).await.unwrap_or_default();
    all.len()
}

async fn wait_keys(redis: &mut Redis, count: usize) {
    wait_for(&format!("{count} keys"), PATIENCE, async || match keys(redis).await {
        seen if seen == count => Ok(()),
        seen => Err(format!("{seen} keys")),
    })
    .await;
}

#[tokio::test]
async fn text_and_bytes_are_set_and_tombstones_delete() {
    let (kafka, topic) = (Kafka::shared(), unique("cache"));
    let server = Private::redis(&[]).await;
    let address = server.services().redis();
    // Database 1 if nothing else is said.
    let mut redis = Redis::database(address, 1).await;
    redis.ask::<()>(&["SET", "gone", "old"]).await;
    let tombstone = |key: &str| Row {
        key: Some(key.into()),
        ..Row::default()
    };
    let mut all = vec![
        Row::keyed("a", "1"),
        Row::keyed("b", "Zürich"),
        tombstone("gone"),
        tombstone("a"),
    ];
    all.extend([
        Row::keyed("a", "2"),
        Row::keyed("c", ""),
        tombstone("b"),
        Row::keyed("d", vec![0, 255, 10]),
    ]);
    kafka.produce(&topic, all).await;
    let worker = Worker::distributed(&[]).await;
    let bytes = "org.apache.kafka.connect.converters.ByteArrayConverter";
    let config = sink(
        "RedisSink",
        &topic,
        &[("redis.hosts", address), ("value.converter", bytes)],
    );
    let name = start(&worker, &config).await;
    wait_answer(&mut redis, &["GET", "d"], vec![0u8, 255, 10]).await;
    let values: Vec<Option<String>> = redis.ask(&["MGET", "a", "b", "c", "gone"]).await;
    assert_eq!(values, [Some("2".to_owned()), None, Some(String::new()), None]);
    let key = format!("__kafka.offset.{topic}.0");
    let stored = format!(r#"{{"topic":"{topic}","partition":0,"offset":8}}"#);
    wait_answer(&mut redis, &["GET", &key], stored).await;

    // After a restart it goes on where it was: what others deleted meanwhile does not come back.
    redis.ask::<()>(&["DEL", "a", "d"]).await;
    worker
        .rest
        .post(&format!("/connectors/{name}/restart?includeTasks=true"), &Value::Null)
        .await;
    kafka.produce(&topic, vec![Row::keyed("e", "5")]).await;
    wait_answer(&mut redis, &["GET", "e"], "5".to_owned()).await;
    assert_eq!(redis.ask::<i64>(&["EXISTS", "a", "d"]).await, 0);
}

#[tokio::test]
async fn each_structure_holds_the_records() {
    let (kafka, registry, topic) = (Kafka::shared(), Registry::shared(), unique("bus"));
    let server = Private::redis(&[]).await;
    let uri = format!("redis://{}/3", server.services().redis());
    let mut redis = Redis::at(&uri).await;
    let schema = json!({"type": "record", "name": "Bus", "fields": [
        {"name": "line", "type": ["null", "string"], "default": null}, {"name": "speed", "type": "double"},
        {"name": "longitude", "type": "double"}, {"name": "latitude", "type": "double"}]});
    let buses = [("7", 1.5), ("9", 20.0)]
        .map(|(line, speed)| json!({"line": line, "speed": speed, "longitude": 24.94, "latitude": 60.17}));
    produce_avro(&kafka, &registry, &topic, &schema, buses.to_vec()).await;
    let worker = Worker::distributed(&[]).await;
    let key = [
        ("transforms", "k,f"),
        ("transforms.k.type", "org.apache.kafka.connect.transforms.ValueToKey"),
        ("transforms.k.fields", "line"),
        (
            "transforms.f.type",
            "org.apache.kafka.connect.transforms.ExtractField$Key",
        ),
        ("transforms.f.field", "line"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter.schema.registry.url", shared().registry()),
        ("redis.uri", &uri),
    ];
    let cases: &[&[(&str, &str)]] = &[
        &[
            ("redis.type", "HASH"),
            ("redis.keyspace", "bus"),
            ("redis.key.ttl", "600"),
        ],
        &[
            ("redis.type", "STREAM"),
            ("redis.keyspace", "stream"),
            ("redis.multiexec", "true"),
        ],
        &[("redis.type", "LIST"), ("redis.keyspace", "list")],
        &[("redis.type", "SET"), ("redis.keyspace", "set")],
        &[("redis.type", "GEO"), ("redis.keyspace", "places")],
    ];
    for case in cases {
        let config = sink(STRUCTURES, &topic, &[&key, *case].concat());
        start(&worker, &config).await;
    }
    let numbers = [
        ("value.converter", "org.apache.kafka.connect.converters.DoubleConverter"),
        ("redis.uri", &uri),
        ("redis.type", "ZSET"),
        ("redis.keyspace", "scores"),
    ];
    let scores = unique("scores");
    let score = |key: &str, value: f64| Row::keyed(key, value.to_be_bytes());
    kafka
        .produce(&scores, vec![score("x", 3.5), score("y", -1.0), score("x", 4.0)])
        .await;
    start(&worker, &sink(STRUCTURES, &scores, &numbers)).await;

    wait_answer(&mut redis, &["HGET", "bus:9", "speed"], "20.0".to_owned()).await;
    let hash: BTreeMap<String, String> = redis.ask(&["HGETALL", "bus:7"]).await;
    let expected = [
        ("line", "7"),
        ("speed", "1.5"),
        ("longitude", "24.94"),
        ("latitude", "60.17"),
    ];
    assert_eq!(hash, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    assert!(redis.ask::<i64>(&["TTL", "bus:7"]).await > 500);
    wait_answer(&mut redis, &["XLEN", "stream"], 2).await;
    wait_answer(
        &mut redis,
        &["LRANGE", "list", "0", "-1"],
        vec!["7".to_owned(), "9".to_owned()],
    )
    .await;
    wait_answer(&mut redis, &["SCARD", "set"], 2).await;
    wait_answer(
        &mut redis,
        &["ZRANGE", "scores", "0", "-1", "WITHSCORES"],
        ["y", "-1", "x", "4"].map(str::to_owned).to_vec(),
    )
    .await;
    wait_until("both buses on the map", PATIENCE, async || {
        let near = [
            "GEOSEARCH",
            "places",
            "FROMLONLAT",
            "24.94",
            "60.17",
            "BYRADIUS",
            "1",
            "km",
        ];
        redis
            .try_ask::<Vec<String>>(&near)
            .await
            .is_ok_and(|found| found.len() == 2)
    })
    .await;

    // The other class knows them, too; a module that the server lacks is named.
    let config = sink(
        CACHE,
        &topic,
        &[("redis.hosts", server.services().redis()), ("redis.type", "JSON")],
    );
    let name = unique("json");
    worker.rest.put_config(&name, &config).await;
    let trace = worker.rest.wait_failed(&name).await;
    assert!(
        trace.contains("does not know JSON.SET") && trace.contains("RedisJSON"),
        "{trace}"
    );
}

#[tokio::test]
async fn what_does_not_fit_ends_the_task_or_goes_to_the_dead_letters() {
    let (kafka, topic, letters) = (Kafka::shared(), unique("unfit"), unique("letters"));
    let server = Private::redis(&[]).await;
    let mut redis = Redis::database(server.services().redis(), 1).await;
    let worker = Worker::distributed(&[]).await;
    let more = [
        ("redis.hosts", server.services().redis()),
        ("value.converter", JSON),
        ("value.converter.schemas.enable", "false"),
    ];
    kafka
        .produce(
            &topic,
            vec![
                Row::keyed("key-1", "\"fits\""),
                Row::keyed("key-2", "2.5"),
                Row::keyed("key-3", "\"3\""),
            ],
        )
        .await;
    let config = sink(CACHE, &topic, &more);
    worker.rest.put_config("strict", &config).await;
    let trace = worker.rest.wait_failed("strict").await;
    let expected = "org.apache.kafka.connect.errors.DataException: The value for the record must be String or Bytes. Consider \
                    using the ByteArrayConverter or StringConverter";
    assert!(trace.contains(expected), "{trace}");
    assert_eq!(
        keys(&mut redis).await,
        0,
        "of a batch with such a record nothing is written"
    );

    let tolerant = [
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", letters.as_str()),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    start(&worker, &sink(CACHE, &topic, &[&more[..], &tolerant].concat())).await;
    wait_answer(
        &mut redis,
        &["MGET", "key-1", "key-3"],
        vec!["fits".to_owned(), "3".to_owned()],
    )
    .await;
    let dead = kafka.read_at_least(&letters, 1).await;
    assert_eq!(dead.iter().map(|m| m.key_text()).collect::<Vec<_>>(), ["key-2"]);

    // What the server refuses goes there, too: a hash under the key of a text.
    redis.ask::<()>(&["SET", "h:key-1", "text"]).await;
    let hashes = [("redis.type", "HASH"), ("redis.keyspace", "h")];
    let other = unique("hashes");
    let object = |key: &str| Row::keyed(key, "{\"a\": 1}");
    kafka.produce(&other, vec![object("key-1"), object("key-2")]).await;
    start(&worker, &sink(CACHE, &other, &[&more[..], &tolerant, &hashes].concat())).await;
    wait_answer(&mut redis, &["HGET", "h:key-2", "a"], "1".to_owned()).await;
    let dead = kafka.read_at_least(&letters, 2).await;
    let message = dead[1].header("__connect.errors.exception.message").unwrap();
    assert_eq!(message, format!("Redis refused the record {other}-0@0"));
    let stack = dead[1].header("__connect.errors.exception.stacktrace").unwrap();
    assert!(stack.contains("WRONGTYPE"), "{stack}");
}

#[tokio::test]
async fn nothing_is_lost_while_redis_is_away_full_or_read_only() {
    let (kafka, topic) = (Kafka::shared(), unique("away"));
    let mut server = Private::redis(&["maxmemory-policy noeviction"]).await;
    let address = server.services().redis().to_owned();
    let worker = Worker::distributed(&[]).await;
    kafka.produce(&topic, rows(0..5_000)).await;
    let more = [
        ("redis.hosts", address.as_str()),
        ("redis.connection.retry.delay.ms", "100"),
        ("redis.database", "0"),
    ];
    let name = start(&worker, &sink(CACHE, &topic, &more)).await;
    let mut redis = Redis::database(&address, 0).await;
    wait_until("some keys", PATIENCE, async || keys(&mut redis).await > 0).await;
    server.kill(&["redis"]).await;
    kafka.produce(&topic, rows(5_000..10_000)).await;
    wait_until("a retry", PATIENCE, async || {
        worker.log_contains("RetriableException from SinkTask")
    })
    .await;
    server.again(&["redis"]).await;
    let mut redis = Redis::database(&address, 0).await;
    wait_keys(&mut redis, 10_000).await;

    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    kafka.produce(&topic, rows(10_000..10_100)).await;
    wait_until("the reason", PATIENCE, async || {
        worker.log_contains("OOM command not allowed")
    })
    .await;
    worker.rest.wait_running(&name, 1).await;
    redis.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    wait_keys(&mut redis, 10_100).await;

    redis.ask::<()>(&["REPLICAOF", "127.0.0.1", "1"]).await;
    kafka.produce(&topic, rows(10_100..10_200)).await;
    wait_until("the reason", PATIENCE, async || {
        worker.log_contains("READONLY You can't write against a read only")
    })
    .await;
    worker.rest.wait_running(&name, 1).await;
    redis.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    wait_keys(&mut redis, 10_200).await;
}

#[tokio::test]
async fn offsets_in_redis_write_each_record_once_whatever_is_killed() {
    const RECORDS: usize = 30_000;
    let (kafka, topic) = (Kafka::shared(), unique("once"));
    let mut server = Private::redis(&[]).await;
    let address = server.services().redis().to_owned();
    let mut worker = Worker::distributed(&[]).await;
    let more = [
        ("redis.hosts", address.as_str()),
        ("redis.type", "LIST"),
        ("redis.keyspace", "list"),
        ("redis.offset.storage", "REDIS"),
        ("redis.connection.retry.delay.ms", "100"),
        ("consumer.override.max.poll.records", "100"),
    ];
    start(&worker, &sink(CACHE, &topic, &more)).await;
    let produced = tokio::spawn({
        let (kafka, topic) = (kafka.clone(), topic.clone());
        async move {
            for first in (0..RECORDS).step_by(1000) {
                kafka.produce(&topic, rows(first..first + 1000)).await;
            }
        }
    });
    let length = async |at_least: i64| {
        wait_until(&format!("{at_least} elements"), PATIENCE, async || {
            let mut redis = Redis::database(&address, 1).await;
            redis
                .try_ask::<i64>(&["LLEN", "list"])
                .await
                .is_ok_and(|length| length >= at_least)
        })
        .await;
    };
    length(1000).await;
    worker.kill9();
    worker.start_again().await;
    length(5000).await;
    server.kill(&["redis"]).await;
    server.again(&["redis"]).await;
    produced.await.unwrap();
    length(RECORDS as i64).await;
    let mut redis = Redis::database(&address, 1).await;
    let stored = format!(r#"{{"topic":"{topic}","partition":0,"offset":{RECORDS}}}"#);
    wait_answer(&mut redis, &["GET", &format!("__kafka.offset.{topic}.0")], stored).await;
    let list: Vec<String> = redis.ask(&["LRANGE", "list", "0", "-1"]).await;
    let expected: Vec<String> = (0..RECORDS).map(|n| format!("value-{n}")).collect();
    assert!(list == expected, "{} elements, each once and in order", list.len());
}

#[tokio::test]
async fn logins_are_refused_with_a_reason_and_keys_by_record() {
    let (kafka, topic, letters) = (Kafka::shared(), unique("acl"), unique("acl-letters"));
    let server = Private::redis(&[
        "user default off",
        "user writer on >geheim ~key-* ~__kafka* &* +@all",
        "user reader on >geheim ~* +@read +@connection",
    ])
    .await;
    let address = server.services().redis();
    let worker = Worker::distributed(&[]).await;
    kafka
        .produce(
            &topic,
            vec![
                Row::keyed("key-1", "1"),
                Row::keyed("other", "2"),
                Row::keyed("key-3", "3"),
            ],
        )
        .await;
    let refused: &[(&str, &str, &str)] = &[
        ("writer", "falsch", "WRONGPASS"),
        ("", "", "NOAUTH"),
        ("reader", "geheim", "NOPERM"),
    ];
    for (user, password, reason) in refused {
        let name = unique("refused");
        let login = [
            ("redis.hosts", address),
            ("redis.username", *user),
            ("redis.password", *password),
        ];
        worker.rest.put_config(&name, &sink(CACHE, &topic, &login)).await;
        let trace = worker.rest.wait_failed(&name).await;
        assert!(trace.contains(reason), "{user}: {trace}");
        assert!(!trace.contains("geheim") && !trace.contains("falsch"), "{trace}");
        worker.rest.remove(&name).await;
    }
    let more = [
        ("redis.hosts", address),
        ("redis.username", "writer"),
        ("redis.password", "geheim"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", &letters),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ];
    start(&worker, &sink(CACHE, &topic, &more)).await;
    let mut redis = Redis::at(&format!("redis://writer:geheim@{address}/1")).await;
    wait_answer(
        &mut redis,
        &["MGET", "key-1", "key-3"],
        vec!["1".to_owned(), "3".to_owned()],
    )
    .await;
    let dead = kafka.read_at_least(&letters, 1).await;
    assert_eq!(dead.iter().map(|m| m.key_text()).collect::<Vec<_>>(), ["other"]);
    assert!(
        !worker.log_contains("geheim") && !worker.log_contains("falsch"),
        "secrets are in the log"
    );
}

#[tokio::test]
async fn connections_are_encrypted_and_checked() {
    let (kafka, topic) = (Kafka::shared(), unique("tls"));
    let file = |name: &str| workspace().join("keystores/testdata").join(name).display().to_string();
    let (cert, key) = (file("localhost/cert.pem"), file("localhost/key.pem"));
    let lines = [
        "tls-port {extra_port}".to_owned(),
        format!("tls-cert-file {cert}"),
        format!("tls-key-file {key}"),
        format!("tls-ca-cert-file {cert}"),
    ];
    let server = Private::redis(&lines.each_ref().map(String::as_str)).await;
    let port = server
        .services()
        .get("REDIS_EXTRA")
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let host = format!("localhost:{port}");
    kafka.produce(&topic, rows(0..10)).await;
    let worker = Worker::distributed(&[]).await;
    let stores = (
        file("localhost/trust.jks"),
        file("localhost/key.p12"),
        file("trust.jks"),
    );
    let by_stores = [
        ("redis.hosts", host.as_str()),
        ("redis.ssl.enabled", "true"),
        ("redis.ssl.truststore.path", &stores.0),
        ("redis.ssl.truststore.password", "store-secret"),
        ("redis.ssl.keystore.path", &stores.1),
        ("redis.ssl.keystore.password", "store-secret"),
    ];
    start(&worker, &sink(CACHE, &topic, &by_stores)).await;
    let mut redis = Redis::database(server.services().redis(), 1).await;
    wait_keys(&mut redis, 10).await;

    let uri = format!("rediss://{host}/2");
    let by_files = [
        ("redis.uri", uri.as_str()),
        ("redis.type", "STRING"),
        ("redis.keyspace", ""),
        ("redis.cacert", &cert),
        ("redis.key.file", &key),
        ("redis.key.cert", &cert),
    ];
    start(&worker, &sink(STRUCTURES, &topic, &by_files)).await;
    let mut redis = Redis::database(server.services().redis(), 2).await;
    wait_keys(&mut redis, 10).await;

    let strange = [
        ("redis.hosts", host.as_str()),
        ("redis.ssl.enabled", "true"),
        ("redis.connection.attempts", "1"),
        ("redis.ssl.truststore.path", &stores.2),
        ("redis.ssl.truststore.password", "changeit"),
    ];
    worker.rest.put_config("strange", &sink(CACHE, &topic, &strange)).await;
    let trace = worker.rest.wait_failed("strange").await;
    assert!(
        trace.contains("Unable to connect to localhost") && trace.contains("certificate"),
        "{trace}"
    );
}

fn redis_cli(arguments: &[&str]) {
    let output = Command::new("redis-cli").args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "redis-cli {arguments:?}: {told}");
}

#[tokio::test]
async fn a_cluster_gets_all_keys_also_while_slots_move() {
    const RECORDS: usize = 20_000;
    let (kafka, topic) = (Kafka::shared(), unique("cluster"));
    let lines = [
        "cluster-enabled yes",
        "cluster-config-file nodes.conf",
        "cluster-port {extra_port}",
    ];
    let nodes = [
        Private::redis(&lines).await,
        Private::redis(&lines).await,
        Private::redis(&lines).await,
    ];
    let addresses: Vec<String> = nodes.iter().map(|node| node.services().redis().to_owned()).collect();
    let mut create = vec!["--cluster", "create"];
    create.extend(addresses.iter().map(String::as_str));
    create.push("--cluster-yes");
    redis_cli(&create);
    let worker = Worker::distributed(&[]).await;
    let hosts = addresses.join(",");
    let more = [("redis.hosts", hosts.as_str()), ("redis.client.mode", "Cluster")];
    let name = start(&worker, &sink(CACHE, &topic, &more)).await;
    kafka.produce(&topic, rows(0..RECORDS / 2)).await;
    let count = async || {
        let mut count = 0;
        for address in &addresses {
            count += keys(&mut Redis::database(address, 0).await).await;
        }
        count
    };
    wait_until("half of the keys", PATIENCE, async || count().await == RECORDS / 2).await;
    let mut first = Redis::database(&addresses[0], 0).await;
    let (from, to): (String, String) = {
        let mut second = Redis::database(&addresses[1], 0).await;
        (
            first.ask(&["CLUSTER", "MYID"]).await,
            second.ask(&["CLUSTER", "MYID"]).await,
        )
    };
    let moving = tokio::task::spawn_blocking({
        let address = addresses[0].clone();
        move || {
            let what = [
                "--cluster-from",
                &from,
                "--cluster-to",
                &to,
                "--cluster-slots",
                "300",
                "--cluster-yes",
            ];
            redis_cli(&[&["--cluster", "reshard", &address], &what[..]].concat());
        }
    });
    kafka.produce(&topic, rows(RECORDS / 2..RECORDS)).await;
    wait_until("all keys", PATIENCE, async || count().await == RECORDS).await;
    moving.await.unwrap();
    kafka.produce(&topic, rows(RECORDS..RECORDS + 1000)).await;
    wait_until("keys after the move", PATIENCE, async || {
        count().await == RECORDS + 1000
    })
    .await;
    let status = worker.rest.status(&name).await;
    assert!(!status.to_string().contains("FAILED"), "{status}");
}

/// Class, settings, and the keys that have errors.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// A validation names the key at fault; a configuration that is right has no errors.
#[tokio::test]
async fn validation_names_the_key_at_fault() {
    let worker = Worker::distributed(&[]).await;
    let check = async |config: Value| {
        let class = config["connector.class"].as_str().unwrap().to_owned();
        let path = format!("/connector-plugins/{class}/config/validate");
        let answer = worker.rest.put(&path, &config).await.ok("validate");
        let configs = answer["configs"].as_array().unwrap().clone();
        let wrong = configs
            .iter()
            .filter(|c| c["value"]["errors"].as_array().is_some_and(|e| !e.is_empty()));
        wrong
            .map(|c| c["value"]["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let cases: &[Case<'_>] = &[
        (CACHE, &[], &[]),
        (CACHE, &[("redis.client.mode", "cluster")], &["redis.client.mode"]),
        (CACHE, &[("redis.client.mode", "Sentinel")], &["redis.sentinel.master"]),
        (STRUCTURES, &[], &[]),
        (
            STRUCTURES,
            &[("redis.multiexec", "true"), ("redis.type", "HASH")],
            &["redis.multiexec"],
        ),
        (STRUCTURES, &[("redis.charset", "x")], &["redis.charset"]),
    ];
    for (class, more, expected) in cases {
        let mut config = sink(class, "t", more);
        config["name"] = json!("v");
        assert_eq!(check(config).await, *expected, "{class} {more:?}");
    }
}
