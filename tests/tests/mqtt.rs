//! MQTT source and sink against Mosquitto: what arrives, with which key and headers; what survives a killed worker and a
//! restarted broker; who is let in.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

use rumqttc_v5::mqttbytes::v5::PublishProperties;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::mqtt::Mqtt;
use turnbuckle_tests::private::Private;
use turnbuckle_tests::services::workspace;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{services, unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);

/// A source of raw bytes from the broker at `address`, with more settings.
fn source(address: &str, topics: &str, kafka_topic: &str, more: &[(&str, &str)]) -> Value {
    let mut config = json!({
        "connector.class": "io.confluent.connect.mqtt.MqttSourceConnector", "tasks.max": "1",
        "mqtt.server.uri": format!("tcp://{address}"), "mqtt.topics": topics, "kafka.topic": kafka_topic,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    });
    for (key, value) in more {
        config[*key] = json!(value);
    }
    config
}

/// A sink of text to the broker at `address`, with more settings.
fn sink(address: &str, topic: &str, more: &[(&str, &str)]) -> Value {
    let mut config = json!({
        "connector.class": "io.confluent.connect.mqtt.MqttSinkConnector", "tasks.max": "1", "topics": topic,
        "mqtt.server.uri": format!("tcp://{address}"),
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
    });
    for (key, value) in more {
        config[*key] = json!(value);
    }
    config
}

async fn start(worker: &Worker, config: &Value, tasks: usize) -> String {
    let name = unique("mqtt");
    worker.rest.put_config(&name, config).await;
    worker.rest.wait_running(&name, tasks).await;
    name
}

/// Messages whose payloads are the numbers of a range.
fn numbers(topic: &str, range: std::ops::Range<u32>) -> Vec<(String, Vec<u8>)> {
    range.map(|n| (topic.to_owned(), n.to_string().into_bytes())).collect()
}

/// Waits until all numbers below `count` are in the topic.
async fn wait_for_numbers(kafka: &Kafka, topic: &str, count: usize) {
    wait_for("all messages in Kafka", PATIENCE, async || {
        let held = kafka.end_offsets(topic).await.values().sum::<i64>() as usize;
        if held < count {
            return Err(format!("{held} of {count}"));
        }
        let seen: HashSet<String> = kafka.read_all(topic).await.iter().map(|m| m.text()).collect();
        if seen.len() == count {
            return Ok(());
        }
        Err(format!("{} different ones of {count}", seen.len()))
    })
    .await;
}

#[tokio::test]
async fn every_quality_of_service_arrives_with_its_headers() {
    let kafka = Kafka::shared();
    let address = services::shared().mqtt();
    let (base, topic) = (unique("a"), unique("mqtt-qos"));
    kafka.create_topic(&topic, 1, &[]).await;
    let client = Mqtt::at(address);
    client.publish_retained(&format!("{base}/x/kept"), b"before").await;
    let worker = Worker::distributed(&[]).await;
    let config = source(
        address,
        &format!("{base}/+/kept, {base}/all/#"),
        &topic,
        &[("mqtt.qos", "2")],
    );
    let name = start(&worker, &config, 1).await;
    kafka.read_at_least(&topic, 1).await;
    for qos in 0..3 {
        client
            .publish(qos, [(format!("{base}/all/{qos}"), vec![qos, 0xff])])
            .await;
    }
    client
        .publish(1, [(format!("{base}/other"), b"not asked for".to_vec())])
        .await;
    client.publish(1, [(format!("{base}/all/end"), Vec::new())]).await;
    let messages = kafka.read_at_least(&topic, 5).await;
    let mut seen: Vec<_> = messages
        .iter()
        .map(|m| {
            let header = |name| m.header(name).unwrap();
            assert_eq!(header("mqtt.duplicate"), "false");
            assert_eq!(header("mqtt.message.id") == "0", header("mqtt.qos") == "0");
            let key = m.key_text().strip_prefix(&base).unwrap().to_owned();
            (
                key,
                m.value.clone().unwrap(),
                header("mqtt.qos"),
                header("mqtt.retained"),
            )
        })
        .collect();
    seen.sort();
    let expected = [
        ("/all/0", vec![0, 0xff], "0", "false"),
        ("/all/1", vec![1, 0xff], "1", "false"),
        ("/all/2", vec![2, 0xff], "2", "false"),
        ("/all/end", vec![], "1", "false"),
        ("/x/kept", b"before".to_vec(), "1", "true"),
    ];
    let expected = expected.map(|(key, value, qos, kept)| (key.to_owned(), value, qos.to_owned(), kept.to_owned()));
    assert_eq!(seen, expected);
    worker.rest.remove(&name).await;
}

#[tokio::test]
async fn two_tasks_share_a_subscription() {
    let kafka = Kafka::shared();
    let address = services::shared().mqtt();
    let (base, topic) = (unique("s"), unique("mqtt-shared"));
    kafka.create_topic(&topic, 1, &[]).await;
    let worker = Worker::distributed(&[]).await;
    let filter = format!("$share/g/{base}/#");
    let more = [("tasks.max", "2"), ("mqtt.qos", "1"), ("mqtt.client.id", &base)];
    let config = source(address, &filter, &topic, &more);
    start(&worker, &config, 2).await;
    let client = Mqtt::at(address);
    client.publish(1, numbers(&format!("{base}/n"), 0..500)).await;
    wait_for_numbers(&kafka, &topic, 500).await;
    assert_eq!(kafka.read_all(&topic).await.len(), 500, "each message goes to one task");
}

#[tokio::test]
async fn a_killed_worker_loses_nothing_of_a_session_that_is_kept() {
    const COUNT: u32 = 6000;
    let kafka = Kafka::shared();
    let broker = Private::start(&["mosquitto"]).await;
    let address = broker.services().mqtt().to_owned();
    let topic = unique("mqtt-kill");
    kafka.create_topic(&topic, 1, &[]).await;
    let mut worker = Worker::distributed(&[("session.timeout.ms", "3000"), ("heartbeat.interval.ms", "500")]).await;
    let more = [("mqtt.qos", "1"), ("mqtt.clean.session.enabled", "false")];
    let name = start(&worker, &source(&address, "n/#", &topic, &more), 1).await;
    let client = Mqtt::at(&address);
    let publishing = tokio::spawn(async move {
        for first in (0..COUNT).step_by(50) {
            client.publish(1, numbers("n/x", first..first + 50)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    for threshold in [500, 2000] {
        wait_for("some messages", PATIENCE, async || {
            let seen = kafka.end_offsets(&topic).await.values().sum::<i64>();
            if seen >= threshold {
                Ok(())
            } else {
                Err(format!("{seen}"))
            }
        })
        .await;
        worker.kill9();
        worker.start_again().await;
    }
    publishing.await.unwrap();
    worker.rest.wait_running(&name, 1).await;
    wait_for_numbers(&kafka, &topic, COUNT as usize).await;
    let held = kafka.read_all(&topic).await.len();
    assert!(held < COUNT as usize + 2000, "{held} records for {COUNT} messages");
    // What is acknowledged is not sent again.
    worker.rest.remove(&name).await;
}

#[tokio::test]
async fn source_and_sink_go_on_when_the_broker_is_back() {
    let kafka = Kafka::shared();
    let lines = [
        "allow_anonymous true",
        "persistence true",
        "persistence_location {data}/",
    ];
    let mut broker = Private::mosquitto(&lines).await;
    let address = broker.services().mqtt().to_owned();
    let (into, out) = (unique("mqtt-into"), unique("mqtt-out"));
    kafka.create_topic(&into, 1, &[]).await;
    kafka.create_topic(&out, 1, &[]).await;
    let worker = Worker::distributed(&[]).await;
    let kept = [("mqtt.qos", "1"), ("mqtt.clean.session.enabled", "false")];
    let to_mqtt = start(&worker, &sink(&address, &out, &[("mqtt.qos", "1")]), 1).await;
    let from_mqtt = start(&worker, &source(&address, &out, &into, &kept), 1).await;
    let texts = |range: std::ops::Range<u32>| range.map(|n| Row::value(n.to_string())).collect::<Vec<_>>();
    kafka.produce(&out, texts(0..300)).await;
    wait_for_numbers(&kafka, &into, 300).await;
    broker.stop(&["mosquitto"]).await;
    kafka.produce(&out, texts(300..600)).await;
    broker.again(&["mosquitto"]).await;
    kafka.produce(&out, texts(600..900)).await;
    wait_for_numbers(&kafka, &into, 900).await;
    worker.rest.wait_running(&from_mqtt, 1).await;
    worker.rest.wait_running(&to_mqtt, 1).await;
}

/// Makes Mosquitto's password file for user `u` with password `right`.
fn password_file(folder: &tempfile::TempDir) -> String {
    let path = folder.path().join("passwords").display().to_string();
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c", &path, "u", "right"])
        .status()
        .unwrap();
    assert!(made.success());
    path
}

#[tokio::test]
async fn who_may_not_connect_is_told_so() {
    let kafka = Kafka::shared();
    let folder = tempfile::tempdir().unwrap();
    let passwords = format!("password_file {}", password_file(&folder));
    let broker = Private::mosquitto(&["allow_anonymous false", &passwords]).await;
    let address = broker.services().mqtt();
    let topic = unique("mqtt-auth");
    kafka.create_topic(&topic, 1, &[]).await;
    let worker = Worker::distributed(&[]).await;
    let wrong = source(
        address,
        "n",
        &topic,
        &[("mqtt.username", "u"), ("mqtt.password", "swordfish")],
    );
    let answer = worker.rest.put("/connectors/mqtt-auth/config", &wrong).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let message = answer.body["message"].as_str().unwrap();
    assert!(
        message.contains("Unable to connect to the MQTT broker at tcp://"),
        "{message}"
    );
    assert!(
        message.contains("Not authorized to connect") || message.contains("Bad user name"),
        "{message}"
    );
    assert!(!message.contains("swordfish") && !worker.log_contains("swordfish"));
    let right = source(
        address,
        "n",
        &topic,
        &[("mqtt.username", "u"), ("mqtt.password", "right"), ("mqtt.qos", "1")],
    );
    start(&worker, &right, 1).await;
    Mqtt::as_user(address, "u", "right")
        .publish(1, numbers("n", 0..3))
        .await;
    wait_for_numbers(&kafka, &topic, 3).await;
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let worker = Worker::distributed(&[]).await;
    let config = source("127.0.0.1:1", "n", "t", &[]);
    let answer = worker.rest.put("/connectors/mqtt-none/config", &config).await;
    let message = answer.body["message"].as_str().unwrap();
    assert!(message.contains("tcp://127.0.0.1:1: Connection refused"), "{message}");
}

#[tokio::test]
async fn secure_connections_use_stores_of_every_kind() {
    let kafka = Kafka::shared();
    let stores = workspace().join("keystores/testdata/localhost").display().to_string();
    let certificates = [
        "allow_anonymous true".to_owned(),
        "listener {tls_port}".to_owned(),
        format!("cafile {stores}/cert.pem"),
        format!("certfile {stores}/cert.pem"),
        format!("keyfile {stores}/key.pem"),
        "require_certificate true".to_owned(),
    ];
    let lines: Vec<&str> = certificates.iter().map(String::as_str).collect();
    let broker = Private::mosquitto(&lines).await;
    let secure = broker.services().get("MQTT_TLS").replace("127.0.0.1", "localhost");
    let client = Mqtt::at(broker.services().mqtt());
    let worker = Worker::distributed(&[]).await;
    let jks = [
        ("mqtt.ssl.trust.store.path", "trust.jks"),
        ("mqtt.ssl.trust.store.password", "store-secret"),
        ("mqtt.ssl.key.store.path", "key.jks"),
        ("mqtt.ssl.key.store.password", "store-secret"),
        ("mqtt.ssl.key.password", "key-secret"),
    ];
    let p12 = [
        ("mqtt.ssl.trust.store.path", "trust.p12"),
        ("mqtt.ssl.trust.store.password", "store-secret"),
        ("mqtt.ssl.key.store.path", "key.p12"),
        ("mqtt.ssl.key.store.password", "store-secret"),
    ];
    let joined = tempfile::NamedTempFile::new().unwrap();
    let text = |file: &str| std::fs::read_to_string(format!("{stores}/{file}")).unwrap();
    std::fs::write(joined.path(), text("cert.pem") + &text("key.pem")).unwrap();
    let pem = [
        ("mqtt.ssl.trust.store.path", "cert.pem"),
        ("mqtt.ssl.key.store.path", joined.path().to_str().unwrap()),
    ];
    for settings in [&jks[..], &p12[..], &pem[..]] {
        let topic = unique("mqtt-tls");
        kafka.create_topic(&topic, 1, &[]).await;
        let mut config = source(&secure, &topic, &topic, &[("mqtt.qos", "1")]);
        config["mqtt.server.uri"] = json!(format!("ssl://{secure}"));
        for (key, value) in settings {
            let is_file = key.ends_with("path") && !value.starts_with('/');
            config[*key] = json!(if is_file {
                format!("{stores}/{value}")
            } else {
                (*value).to_owned()
            });
        }
        start(&worker, &config, 1).await;
        client.publish(1, numbers(&topic, 0..3)).await;
        wait_for_numbers(&kafka, &topic, 3).await;
    }
    // A broker whose certificate nobody vouches for.
    let mut config = source(
        &secure,
        "n",
        "t",
        &[("mqtt.ssl.trust.store.path", &format!("{stores}/../client.crt.pem"))],
    );
    config["mqtt.server.uri"] = json!(format!("ssl://{secure}"));
    let answer = worker.rest.put("/connectors/mqtt-tls/config", &config).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let message = answer.body["message"].as_str().unwrap().to_lowercase();
    assert!(message.contains("certificate"), "{message}");
}

#[tokio::test]
async fn version_5_keeps_sessions_and_carries_user_properties() {
    let kafka = Kafka::shared();
    let broker = Private::start(&["mosquitto"]).await;
    let address = broker.services().mqtt();
    let (into, out) = (unique("mqtt5-into"), unique("mqtt5-out"));
    kafka.create_topic(&into, 1, &[]).await;
    kafka.create_topic(&out, 1, &[]).await;
    let mut worker = Worker::distributed(&[]).await;
    let kept = [
        ("mqtt.version", "5"),
        ("mqtt.qos", "2"),
        ("mqtt.clean.session.enabled", "false"),
    ];
    let name = start(&worker, &source(address, &format!("{out}, p/#"), &into, &kept), 1).await;
    let sink = sink(
        address,
        &out,
        &[
            ("mqtt.version", "5"),
            ("mqtt.qos", "2"),
            ("mqtt.retained.enabled", "false"),
        ],
    );
    start(&worker, &sink, 1).await;
    let row = Row {
        headers: vec![("site".to_owned(), Some(b"north".to_vec()))],
        ..Row::value("0")
    };
    kafka.produce(&out, vec![row]).await;
    let messages = kafka.read_at_least(&into, 1).await;
    assert_eq!(messages[0].header("site").as_deref(), Some("north"));
    assert_eq!(messages[0].header("mqtt.qos").as_deref(), Some("2"));
    // While the worker is away, the broker keeps what comes.
    worker.kill9();
    let (host, port) = address.split_once(':').unwrap();
    let options = rumqttc_v5::MqttOptions::new(unique("v5"), (host, port.parse::<u16>().unwrap()));
    let (client, mut events) = rumqttc_v5::AsyncClient::builder(options).build();
    let driver = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let properties = PublishProperties {
        content_type: Some("text/plain".to_owned()),
        ..PublishProperties::default()
    };
    let options = rumqttc_v5::PublishOptions::new(rumqttc_v5::QoS::AtLeastOnce).properties(properties);
    let sent = client.publish_tracked("p/1", "1", options).await.unwrap();
    sent.wait_completion_async().await.unwrap();
    driver.abort();
    worker.start_again().await;
    worker.rest.wait_running(&name, 1).await;
    wait_for_numbers(&kafka, &into, 2).await;
    let messages = kafka.read_all(&into).await;
    let later = messages.iter().find(|message| message.text() == "1").unwrap();
    assert_eq!(later.header("mqtt.content.type").as_deref(), Some("text/plain"));
}

#[tokio::test]
async fn a_sink_publishes_as_it_is_told() {
    let kafka = Kafka::shared();
    let address = services::shared().mqtt();
    let worker = Worker::distributed(&[]).await;
    let mut client = Mqtt::at(address);
    for (qos, retained) in [(0, "true"), (1, "false"), (2, "true")] {
        let topic = unique("mqtt-sink");
        kafka.create_topic(&topic, 1, &[]).await;
        client.subscribe(&topic, 2).await;
        let more = [("mqtt.qos", ["0", "1", "2"][qos]), ("mqtt.retained.enabled", retained)];
        let name = start(&worker, &sink(address, &topic, &more), 1).await;
        kafka
            .produce(&topic, (0..1000).map(|n| Row::value(n.to_string())))
            .await;
        let messages = client.receive(1000).await;
        for (number, message) in messages.iter().enumerate() {
            assert_eq!((message.topic.as_str(), message.qos as usize), (topic.as_str(), qos));
            assert_eq!(message.payload, number.to_string().into_bytes());
        }
        let mut late = Mqtt::at(address);
        late.subscribe(&topic, 0).await;
        if retained == "true" {
            let last = late.receive(1).await.remove(0);
            assert_eq!((last.payload, last.retained), (b"999".to_vec(), true));
        }
        // Everything is with the broker, so the position is committed.
        wait_for("the committed position", PATIENCE, async || {
            match kafka.committed(&format!("connect-{name}"), &topic).await.get(&0) {
                Some(1000) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        worker.rest.remove(&name).await;
    }
}

#[tokio::test]
async fn what_is_no_text_fails_the_sink_or_goes_to_the_dead_letters() {
    let kafka = Kafka::shared();
    let address = services::shared().mqtt();
    let worker = Worker::distributed(&[]).await;
    let (topic, letters) = (unique("mqtt-struct"), unique("mqtt-letters"));
    kafka.create_topic(&topic, 1, &[]).await;
    kafka.create_topic(&letters, 1, &[]).await;
    kafka.produce_texts(&topic, &[r#"{"a":1}"#]).await;
    let json = [
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter"),
        ("value.converter.schemas.enable", "false"),
    ];
    let name = unique("mqtt");
    worker.rest.put_config(&name, &sink(address, &topic, &json)).await;
    let trace = worker.rest.wait_failed(&name).await;
    assert!(
        trace.contains("A message is bytes or text, but the value of record"),
        "{trace}"
    );
    let mut tolerant = json.to_vec();
    tolerant.extend([
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", letters.as_str()),
        ("errors.deadletterqueue.topic.replication.factor", "1"),
    ]);
    start(&worker, &sink(address, &topic, &tolerant), 1).await;
    assert_eq!(kafka.read_at_least(&letters, 1).await[0].text(), r#"{"a":1}"#);
}

#[tokio::test]
async fn a_message_too_large_for_kafka_fails_the_task_and_can_be_tolerated() {
    let kafka = Kafka::shared();
    let broker = Private::start(&["mosquitto"]).await;
    let address = broker.services().mqtt();
    let topic = unique("mqtt-large");
    kafka.create_topic(&topic, 1, &[]).await;
    let worker = Worker::distributed(&[]).await;
    let kept = [("mqtt.qos", "1"), ("mqtt.clean.session.enabled", "false")];
    let config = source(address, "n/#", &topic, &kept);
    let name = start(&worker, &config, 1).await;
    let client = Mqtt::at(address);
    client.publish(1, [("n/large".to_owned(), vec![b'x'; 3 << 20])]).await;
    let trace = worker.rest.wait_failed(&name).await;
    assert!(
        trace.contains("RecordTooLargeException") || trace.contains("too large"),
        "{trace}"
    );
    let mut tolerant = config.clone();
    tolerant["errors.tolerance"] = json!("all");
    worker.rest.put_config(&name, &tolerant).await;
    worker.rest.wait_running(&name, 1).await;
    client.publish(1, numbers("n/small", 0..3)).await;
    wait_for_numbers(&kafka, &topic, 3).await;
}

/// Reads one packet: its first byte and its body.
async fn packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let first = socket.read_u8().await.ok()?;
    let (mut length, mut shift) = (0usize, 0);
    loop {
        let byte = socket.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some((first, body))
}

/// A broker such as none should be: after the first subscription it sends bytes that are no packet; then it behaves.
async fn faulty_broker(listener: TcpListener) {
    let mut subscriptions = 0;
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        while let Some((first, body)) = packet(&mut socket).await {
            match first >> 4 {
                1 => socket.write_all(&[0x20, 2, 0, 0]).await.unwrap(),
                8 => {
                    subscriptions += 1;
                    socket.write_all(&[0x90, 3, body[0], body[1], 1]).await.unwrap();
                    if subscriptions == 1 {
                        socket.write_all(&[0xff, 0xff, 0xff, 0xff, 0xff]).await.unwrap();
                        break;
                    }
                    socket.write_all(b"\x32\x06\x00\x01n\x00\x070").await.unwrap();
                }
                4 if body == [0, 7] => return,
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_packet_break_the_connection_only() {
    let kafka = Kafka::shared();
    let topic = unique("mqtt-malformed");
    kafka.create_topic(&topic, 1, &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let broker = tokio::spawn(faulty_broker(listener));
    let worker = Worker::distributed(&[]).await;
    let name = unique("mqtt");
    worker
        .rest
        .put_config(&name, &source(&address, "n", &topic, &[("mqtt.qos", "1")]))
        .await;
    wait_for_numbers(&kafka, &topic, 1).await;
    // It ends when the message was acknowledged.
    tokio::time::timeout(PATIENCE, broker).await.unwrap().unwrap();
    assert!(worker.log_contains("no connection to the MQTT broker, trying again"));
}
