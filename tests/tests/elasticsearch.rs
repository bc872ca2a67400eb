//! Sinks of Elasticsearch and OpenSearch under all three class names, on real nodes: documents, mappings, what is refused,
//! nodes that are away or full.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::search::Search;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{unique, wait_for};

const CONFLUENT: &str = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector";
const AIVEN_ELASTICSEARCH: &str = "io.aiven.connect.elasticsearch.ElasticsearchSinkConnector";
const AIVEN_OPENSEARCH: &str = "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector";
const PATIENCE: Duration = Duration::from_secs(90);

/// A worker that commits often.
async fn worker() -> Worker {
    Worker::distributed(&[("offset.flush.interval.ms", "500")]).await
}

/// Settings of a sink with text keys and JSON values.
fn sink(class: &str, search: &Search, topics: &str, more: Value) -> Value {
    let mut config = json!({
        "connector.class": class,
        "connection.url": search.url(),
        "topics": topics,
        "tasks.max": "1",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "schema.ignore": "true",
        "read.timeout.ms": "20000",
    });
    config
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    config
}

fn row(key: &str, value: &Value) -> Row {
    Row::keyed(key, value.to_string())
}

fn tombstone(key: &str) -> Row {
    Row {
        key: Some(key.into()),
        value: None,
        ..Row::value("")
    }
}

/// Waits until everything before this offset is committed.
async fn wait_committed(kafka: &Kafka, connector: &str, topic: &str, offset: i64) {
    let group = format!("connect-{connector}");
    wait_for(&format!("offset {offset} of {topic}"), PATIENCE, async || {
        let committed = kafka.committed(&group, topic).await;
        match committed.get(&0) {
            Some(seen) if *seen == offset => Ok(()),
            _ => Err(format!("{committed:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn records_become_documents_with_a_mapping_and_tombstones_delete_them() {
    let (kafka, search, worker) = (Kafka::shared(), Search::opensearch(), worker().await);
    let topic = unique("Orders");
    let index = topic.to_lowercase();
    let schema = json!({"type": "struct", "optional": false, "fields": [
        {"field": "name", "type": "string", "optional": true},
        {"field": "count", "type": "int32", "optional": true, "default": 7},
        {"field": "at", "type": "int64", "optional": true, "name": "org.apache.kafka.connect.data.Timestamp", "version": 1},
        {"field": "tags", "type": "map", "optional": true, "keys": {"type": "string"},
         "values": {"type": "int16", "optional": true}},
    ]});
    let value = |name: &str, at: i64| json!({"schema": schema, "payload": {"name": name, "at": at, "tags": {"a": 1}}});
    let rows = vec![
        row("k1", &value("one", 1)),
        row("k2", &value("two", 2)),
        row("k1", &value("three", 3)),
    ];
    kafka.produce(&topic, rows).await;
    let name = unique("es");
    let more = json!({"schema.ignore": "false", "value.converter.schemas.enable": "true", "behavior.on.null.values": "delete"});
    worker
        .rest
        .put_config(&name, &sink(CONFLUENT, &search, &topic, more))
        .await;

    let document = |name: &str, at: i64| json!({"name": name, "count": 7, "at": at, "tags": {"a": 1}});
    search
        .wait_documents(&index, &[("k1", document("three", 3)), ("k2", document("two", 2))])
        .await;
    let mapping = search.ok("GET", &format!("/{index}/_mapping"), None).await;
    let properties = &mapping[&index]["mappings"]["properties"];
    assert_eq!(properties["count"], json!({"type": "integer", "null_value": 7}));
    assert_eq!(properties["at"], json!({"type": "date"}));
    assert_eq!(
        properties["name"]["fields"]["keyword"],
        json!({"type": "keyword", "ignore_above": 256})
    );
    let version = search.ok("GET", &format!("/{index}/_doc/k1"), None).await;
    assert_eq!(version["_version"], 2, "the version is the record's offset");
    wait_committed(&kafka, &name, &topic, 3).await;

    // A tombstone without key is passed over, and holds up nothing.
    kafka
        .produce(
            &topic,
            vec![
                tombstone("k1"),
                Row {
                    key: None,
                    ..tombstone("")
                },
            ],
        )
        .await;
    search.wait_documents(&index, &[("k2", document("two", 2))]).await;
    wait_committed(&kafka, &name, &topic, 5).await;

    // Read again from the beginning, nothing changes: the versions are older.
    worker.rest.put(&format!("/connectors/{name}/stop"), &json!({})).await;
    worker.rest.wait_connector_state(&name, "STOPPED").await;
    worker.rest.remove(&name).await;
    let again = unique("es");
    let more = json!({"schema.ignore": "false", "value.converter.schemas.enable": "true", "behavior.on.null.values": "delete"});
    worker
        .rest
        .put_config(&again, &sink(CONFLUENT, &search, &topic, more))
        .await;
    wait_committed(&kafka, &again, &topic, 5).await;
    search.wait_documents(&index, &[("k2", document("two", 2))]).await;
    worker.rest.wait_running(&again, 1).await;
}

#[tokio::test]
async fn upserts_change_fields_and_topics_have_indices_of_their_own() {
    let (kafka, search, worker) = (Kafka::shared(), Search::opensearch(), worker().await);
    let topics: Vec<String> = (0..5).map(|_| unique("many")).collect();
    for topic in &topics {
        let changes = (0..50).map(|n| row("k", &json!({"last": n, format!("f{}", n % 2): n})));
        kafka.produce(topic, changes.collect::<Vec<_>>()).await;
    }
    let name = unique("es");
    // Small batches, so that writes of one document would meet if they were let.
    let more = json!({"write.method": "upsert", "batch.size": "3", "connection.compression": "true"});
    worker
        .rest
        .put_config(&name, &sink(CONFLUENT, &search, &topics.join(","), more))
        .await;
    for topic in &topics {
        let expected = json!({"last": 49, "f0": 48, "f1": 49});
        search.wait_documents(topic, &[("k", expected)]).await;
    }
    worker.rest.wait_running(&name, 1).await;
}

#[tokio::test]
async fn malformed_documents_are_reported_and_then_passed_over_or_end_the_task() {
    let (kafka, search, worker) = (Kafka::shared(), Search::opensearch(), worker().await);
    for behavior in ["ignore", "warn", "fail"] {
        let (topic, letters, name) = (unique("bad"), unique("letters"), unique("es"));
        let rows = vec![
            row("a", &json!({"n": 1})),
            row("b", &json!({"n": "no number"})),
            row("c", &json!({"n": 3})),
        ];
        kafka.produce(&topic, rows).await;
        let more = json!({
            "behavior.on.malformed.documents": behavior,
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": letters,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
        });
        worker
            .rest
            .put_config(&name, &sink(CONFLUENT, &search, &topic, more))
            .await;
        search
            .wait_documents(&topic, &[("a", json!({"n": 1})), ("c", json!({"n": 3}))])
            .await;

        let reported = kafka.read_at_least(&letters, 1).await;
        assert_eq!(reported[0].text(), r#"{"n":"no number"}"#);
        let header = |name: &str| reported[0].header(&format!("__connect.errors.{name}")).unwrap();
        assert_eq!(
            (header("topic"), header("partition"), header("offset")),
            (topic.clone(), "0".into(), "1".into())
        );
        let message = header("exception.message");
        assert!(
            message
                .starts_with("Indexing failed: ElasticsearchException[Elasticsearch exception [type=mapper_parsing_")
        );
        if behavior == "fail" {
            let trace = worker.rest.wait_failed(&name).await;
            assert!(
                trace.contains("ConnectException: Indexing record failed. Please check DLQ topic for errors."),
                "{trace}"
            );
        } else {
            wait_committed(&kafka, &name, &topic, 3).await;
            worker.rest.wait_running(&name, 1).await;
        }
    }
}

#[tokio::test]
async fn records_that_make_no_document_are_dropped_or_end_the_task() {
    let (kafka, search, worker) = (Kafka::shared(), Search::opensearch(), worker().await);
    let topic = unique("keyless");
    kafka
        .produce(&topic, vec![Row::json(&json!({"n": 1})), row("b", &json!({"n": 2}))])
        .await;
    let (dropping, failing) = (unique("es"), unique("es"));
    let more = json!({"drop.invalid.message": "true"});
    worker
        .rest
        .put_config(&dropping, &sink(CONFLUENT, &search, &topic, more))
        .await;
    search.wait_documents(&topic, &[("b", json!({"n": 2}))]).await;
    wait_committed(&kafka, &dropping, &topic, 2).await;
    worker
        .rest
        .put_config(&failing, &sink(CONFLUENT, &search, &topic, json!({})))
        .await;
    let trace = worker.rest.wait_failed(&failing).await;
    assert!(
        trace.contains("DataException: Key is used as document id and can not be null."),
        "{trace}"
    );
}

#[tokio::test]
async fn data_streams_get_the_records_time() {
    let (kafka, search, worker) = (Kafka::shared(), Search::opensearch(), worker().await);
    let topic = unique("stream");
    let dataset = unique("d").replace('-', "_");
    let stream = format!("logs-{dataset}-{topic}");
    let template = json!({"index_patterns": [format!("logs-{dataset}-*")], "data_stream": {}, "priority": 500});
    search
        .ok("PUT", &format!("/_index_template/{dataset}"), Some(&template))
        .await;
    let at = |n: i64, time: i64| Row {
        timestamp: Some(time),
        ..row("k", &json!({"n": n}))
    };
    kafka
        .produce(&topic, vec![at(1, 1_700_000_000_000), at(2, 1_700_000_000_001)])
        .await;
    let name = unique("es");
    let more = json!({"data.stream.type": "logs", "data.stream.dataset": dataset, "key.ignore": "true"});
    worker
        .rest
        .put_config(&name, &sink(CONFLUENT, &search, &topic, more))
        .await;
    let document = |n: i64, time: i64| json!({"n": n, "@timestamp": time});
    let (first, second) = (format!("{topic}+0+0"), format!("{topic}+0+1"));
    let expected = [
        (first.as_str(), document(1, 1_700_000_000_000)),
        (second.as_str(), document(2, 1_700_000_000_001)),
    ];
    search.wait_documents(&stream, &expected).await;
    let streams = search.ok("GET", &format!("/_data_stream/{stream}"), None).await;
    assert_eq!(streams["data_streams"][0]["name"], json!(stream));
    // Written again, they are there already, which is no error.
    wait_committed(&kafka, &name, &topic, 2).await;
    worker.rest.remove(&name).await;
    let again = unique("es");
    let more = json!({"data.stream.type": "logs", "data.stream.dataset": dataset, "key.ignore": "true"});
    worker
        .rest
        .put_config(&again, &sink(CONFLUENT, &search, &topic, more))
        .await;
    wait_committed(&kafka, &again, &topic, 2).await;
    assert_eq!(search.count(&stream).await, 2);
    worker.rest.wait_running(&again, 1).await;
}

#[tokio::test]
async fn aivens_connectors_write_by_their_own_keys() {
    let (kafka, worker) = (Kafka::shared(), worker().await);
    let (elasticsearch, opensearch) = (Search::elasticsearch(), Search::opensearch());
    let (topic, index) = (unique("Aiven"), unique("mapped"));
    let rows = vec![row("a", &json!({"n": 1})), tombstone("x"), row("b", &json!({"n": 2}))];
    kafka.produce(&topic, rows).await;
    let names = [unique("es"), unique("os"), unique("streams")];
    let more = json!({"type.name": "_doc", "topic.index.map": format!("{topic}:{index}")});
    worker
        .rest
        .put_config(&names[0], &sink(AIVEN_ELASTICSEARCH, &elasticsearch, &topic, more))
        .await;
    elasticsearch
        .wait_documents(&index, &[("a", json!({"n": 1})), ("b", json!({"n": 2}))])
        .await;

    let more = json!({"index.write.method": "upsert", "routing.type": "value", "routing.type.record.value.path": "/n"});
    worker
        .rest
        .put_config(&names[1], &sink(AIVEN_OPENSEARCH, &opensearch, &topic, more))
        .await;
    let own = topic.to_lowercase();
    opensearch
        .wait_documents(&own, &[("a", json!({"n": 1})), ("b", json!({"n": 2}))])
        .await;
    let routed = opensearch.ok("GET", &format!("/{own}/_doc/b?routing=2"), None).await;
    assert_eq!(routed["_routing"], "2");

    let prefix = unique("p").replace('-', "_");
    let more = json!({"data.stream.enabled": "true", "data.stream.prefix": prefix, "key.ignore": "true",
                      "key.ignore.id.strategy": "none"});
    worker
        .rest
        .put_config(&names[2], &sink(AIVEN_OPENSEARCH, &opensearch, &topic, more))
        .await;
    opensearch.wait_count(&format!("{prefix}-{own}"), 2).await;
    for name in &names {
        wait_committed(&kafka, name, &topic, 3).await;
        worker.rest.wait_running(name, 1).await;
    }

    // The same offsets again: this class fails unless it is told what to do.
    let (conflicting, reported) = (unique("os"), unique("os"));
    let plain = unique("conflict");
    kafka.produce(&plain, vec![row("a", &json!({"n": 1}))]).await;
    let body = json!({"n": 0});
    let path = format!("/{plain}/_doc/a?version=5&version_type=external");
    opensearch.ok("PUT", &path, Some(&body)).await;
    worker
        .rest
        .put_config(&conflicting, &sink(AIVEN_OPENSEARCH, &opensearch, &plain, json!({})))
        .await;
    let trace = worker.rest.wait_failed(&conflicting).await;
    assert!(trace.contains("One of the item in the bulk response"), "{trace}");
    let letters = unique("letters");
    let more = json!({"behavior.on.version.conflict": "report", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters, "errors.deadletterqueue.topic.replication.factor": "1"});
    worker
        .rest
        .put_config(&reported, &sink(AIVEN_OPENSEARCH, &opensearch, &plain, more))
        .await;
    assert_eq!(kafka.read_at_least(&letters, 1).await[0].text(), r#"{"n":1}"#);
    worker.rest.wait_running(&reported, 1).await;
}

#[tokio::test]
async fn a_node_that_is_away_full_or_refuses_large_bodies() {
    let mut servers = Private::start(&["opensearch"]).await;
    let search = Search::at(servers.services().opensearch());
    let (kafka, worker) = (Kafka::shared(), worker().await);
    let (topic, letters, name) = (unique("tough"), unique("letters"), unique("es"));
    let numbers = |from: usize, to: usize| {
        (from..to)
            .map(|n| row(&format!("k{n}"), &json!({"n": n})))
            .collect::<Vec<_>>()
    };
    kafka.produce(&topic, numbers(0, 3000)).await;
    let more = json!({
        "max.retries": "60", "retry.backoff.ms": "10", "batch.size": "100", "max.buffered.records": "1000",
        "write.method": "upsert", "behavior.on.malformed.documents": "warn", "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": letters, "errors.deadletterqueue.topic.replication.factor": "1",
    });
    worker
        .rest
        .put_config(&name, &sink(CONFLUENT, &search, &topic, more))
        .await;
    wait_for("some documents", PATIENCE, async || match search.count(&topic).await {
        0 => Err("none".to_owned()),
        _ => Ok(()),
    })
    .await;
    servers.kill(&["opensearch"]).await;
    kafka.produce(&topic, numbers(3000, 4000)).await;
    servers.again(&["opensearch"]).await;
    search.wait_count(&topic, 4000).await;
    wait_committed(&kafka, &name, &topic, 4000).await;

    // A full disk: the index takes no writes until there is room again.
    let block = |on: Value| json!({"index.blocks.read_only_allow_delete": on});
    search
        .ok("PUT", &format!("/{topic}/_settings"), Some(&block(json!(true))))
        .await;
    kafka.produce(&topic, numbers(4000, 4100)).await;
    wait_for("a repetition", PATIENCE, async || {
        match worker.log_contains("items are sent again") {
            true => Ok(()),
            false => Err("not in the log".to_owned()),
        }
    })
    .await;
    assert_eq!(search.count(&topic).await, 4000);
    search
        .ok("PUT", &format!("/{topic}/_settings"), Some(&block(Value::Null)))
        .await;
    search.wait_count(&topic, 4100).await;

    // Bodies above a megabyte are refused: requests are split, and a record that is too large by itself is reported.
    let large = |n: usize, size: usize| row(&format!("large{n}"), &json!({"n": n, "text": "x".repeat(size)}));
    let rows = vec![
        large(0, 300_000),
        large(1, 300_000),
        large(2, 700_000),
        large(3, 300_000),
    ];
    kafka.produce(&topic, rows).await;
    search.wait_count(&topic, 4103).await;
    let reported = kafka.read_at_least(&letters, 1).await;
    assert_eq!(reported[0].key_text(), "large2");
    wait_committed(&kafka, &name, &topic, 4104).await;
    worker.rest.wait_running(&name, 1).await;
}

/// A proxy before the node that asks for a password, as people put one there.
async fn guarded(search: &Search) -> Search {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let target = search.url().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let forward = move |request: Request| {
        let (http, target) = (http.clone(), target.clone());
        async move {
            let (parts, body) = request.into_parts();
            // me:hush-hush
            if parts
                .headers
                .get("authorization")
                .is_none_or(|login| login != "Basic bWU6aHVzaC1odXNo")
            {
                return (StatusCode::UNAUTHORIZED, Body::from("who are you?"));
            }
            let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let method = if parts.method == Method::HEAD {
                Method::GET
            } else {
                parts.method
            };
            let path = parts.uri.path_and_query().unwrap().to_string();
            let mut request = http.request(method, format!("{target}{path}")).body(body);
            if let Some(kind) = parts.headers.get("content-type") {
                request = request.header("content-type", kind);
            }
            let answer = request.send().await.unwrap();
            (answer.status(), Body::from(answer.bytes().await.unwrap()))
        }
    };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(forward)).await });
    Search::at(&address.to_string())
}

#[tokio::test]
async fn a_wrong_password_or_address_is_told_before_anything_starts() {
    let (kafka, worker) = (Kafka::shared(), worker().await);
    let search = guarded(&Search::opensearch()).await;
    let topic = unique("guarded");
    kafka.produce(&topic, vec![row("a", &json!({"n": 1}))]).await;
    let check = async |config: &Value| {
        let path = format!("/connector-plugins/{CONFLUENT}/config/validate");
        let mut config = config.clone();
        config["name"] = json!("n");
        let answer = worker.rest.put(&path, &config).await.ok("validate");
        let configs = answer["configs"].as_array().unwrap().clone();
        let wrong = configs
            .into_iter()
            .filter(|config| !config["value"]["errors"].as_array().unwrap().is_empty());
        wrong
            .map(|config| {
                (
                    config["value"]["name"].as_str().unwrap().to_owned(),
                    config["value"]["errors"].to_string(),
                )
            })
            .collect::<Vec<_>>()
    };
    let with = |password: &str| {
        let more = json!({"connection.username": "me", "connection.password": password, "max.retries": "0"});
        sink(CONFLUENT, &search, &topic, more)
    };
    let wrong = check(&with("not-it")).await;
    let keys: Vec<&str> = wrong.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["connection.url", "connection.username", "connection.password"]);
    assert!(
        wrong[0].1.contains("401 Unauthorized") && !format!("{wrong:?}").contains("not-it"),
        "{wrong:?}"
    );
    assert_eq!(check(&with("hush-hush")).await, []);
    let mut missing = with("hush-hush");
    missing["external.resource.usage"] = json!("index");
    missing["topic.to.external.resource.mapping"] = json!(format!("{topic}:is-not-there"));
    let wrong = check(&missing).await;
    assert_eq!(wrong.len(), 1);
    assert!(
        wrong[0]
            .1
            .contains("index 'is-not-there' does not exist in Elasticsearch"),
        "{wrong:?}"
    );
    let nobody = Search::at(&format!("127.0.0.1:{}", turnbuckle_tests::free_port()));
    let wrong = check(&sink(CONFLUENT, &nobody, &topic, json!({}))).await;
    assert!(
        wrong[0]
            .1
            .contains("Could not connect to Elasticsearch. Error message: Could not connect to"),
        "{wrong:?}"
    );

    let name = unique("es");
    worker.rest.put_config(&name, &with("hush-hush")).await;
    Search::opensearch()
        .wait_documents(&topic, &[("a", json!({"n": 1}))])
        .await;
    assert!(!worker.log_contains("hush-hush"));

    // The Aiven class does not look before it starts; its task says it.
    let late = unique("os");
    let more = json!({"connection.username": "me", "connection.password": "not-it", "max.retries": "1"});
    worker
        .rest
        .put_config(&late, &sink(AIVEN_OPENSEARCH, &search, &topic, more))
        .await;
    let trace = worker.rest.wait_failed(&late).await;
    assert!(
        trace.contains("status line [HTTP/1.1 401 Unauthorized] who are you?"),
        "{trace}"
    );
    assert!(!trace.contains("not-it"), "{trace}");
}
