//! MQTT: messages that wait in a session of the broker are taken out; records of a topic are published.
//!
//! The broker is one of its own with a wide window, so that the clients are compared and not its patience.

use std::time::Duration;

use rumqttc_v4::mqttbytes::v4::Packet;
use rumqttc_v4::{AckMode, AsyncClient, Event, EventLoop, MqttOptions, PublishOptions, QoS};
use serde_json::{Value, json};
use turnbuckle_tests::kafka::{Kafka, Row};
use turnbuckle_tests::private::Private;
use turnbuckle_tests::unique;
use turnbuckle_tests::vehicles::{FILTER, Fleet};

/// Client ids of the sessions of both runs.
pub(crate) const BARE: &str = "bench-bare";
pub(crate) const WORKER: &str = "bench-worker";

const BUSES: u64 = 1000;
const WINDOW: u16 = 1000;
/// Messages between two waits for the broker while a session is filled.
const SLICE: u64 = 10_000;

/// A broker, and a topic of records to publish.
pub(crate) struct Mqtt {
    broker: Private,
    rows: u64,
    topic: String,
}

impl Mqtt {
    pub(crate) async fn start(rows: u64) -> Self {
        let lines = ["allow_anonymous true", "persistence false", "max_inflight_messages 0"];
        Mqtt {
            broker: Private::mosquitto(&lines).await,
            rows,
            topic: unique("bench-mqtt"),
        }
    }

    fn address(&self) -> &str {
        self.broker.services().mqtt()
    }

    fn options(&self, client_id: &str) -> MqttOptions {
        let (host, port) = self.address().split_once(':').expect("host:port");
        let mut options = MqttOptions::new(client_id, (host, port.parse::<u16>().expect("port")));
        options.set_inflight(WINDOW).set_max_request_batch(1024);
        options
    }

    fn session(&self, client_id: &str) -> (AsyncClient, EventLoop) {
        let mut options = self.options(client_id);
        options.set_clean_session(false).set_ack_mode(AckMode::Manual);
        AsyncClient::builder(options).capacity(usize::from(u16::MAX)).build()
    }

    /// Makes a session in which all messages wait.
    pub(crate) async fn fill_session(&self, client_id: &str) {
        let (client, mut events) = self.session(client_id);
        client.subscribe(FILTER, QoS::AtLeastOnce).await.expect("subscribe");
        while !matches!(events.poll().await, Ok(Event::Incoming(Packet::SubAck(_)))) {}
        client.disconnect().await.expect("disconnect");
        while events.poll().await.is_ok() {}
        let fleet = Fleet::new(BUSES);
        for first in (0..self.rows).step_by(SLICE as usize) {
            let count = SLICE.min(self.rows - first);
            fleet.publish(self.address(), 1, first, count, u64::MAX).await;
        }
    }

    /// The least a client can do with a session: receive and acknowledge.
    pub(crate) async fn drain(&self, client_id: &str) {
        let (client, mut events) = self.session(client_id);
        let mut received = 0;
        while received < self.rows {
            match events.poll().await.expect("receive") {
                Event::Incoming(Packet::Publish(publish)) => {
                    client.try_ack(&publish).expect("acknowledge");
                    received += 1;
                }
                _ => continue,
            }
        }
        client.disconnect().await.expect("disconnect");
        while events.poll().await.is_ok() {}
    }

    /// The least a client can do with records: publish them from memory and wait for the broker.
    pub(crate) async fn publish_bare(&self) {
        let (client, mut events) = AsyncClient::builder(self.options("bench-publisher"))
            .capacity(1024)
            .build();
        let driver = tokio::spawn(async move { while events.poll().await.is_ok() {} });
        let mut notices = Vec::with_capacity(usize::from(WINDOW));
        for number in 0..self.rows {
            let options = PublishOptions::new(QoS::AtLeastOnce);
            let sent = client.publish_tracked("bench", payload(number), options).await;
            notices.push(sent.expect("publish"));
            if notices.len() == usize::from(WINDOW) || number + 1 == self.rows {
                for notice in notices.drain(..) {
                    notice.wait_completion_async().await.expect("acknowledgement");
                }
            }
        }
        driver.abort();
    }

    /// Fills the topic that the sink reads.
    pub(crate) async fn fill_topic(&self, kafka: &Kafka) {
        kafka.create_topic(&self.topic, 1, &[]).await;
        let rows = self.rows;
        kafka
            .produce(&self.topic, (0..rows).map(|number| Row::value(payload(number))))
            .await;
    }

    pub(crate) fn source(&self, topic: &str) -> Value {
        json!({
            "connector.class": "MqttSource",
            "mqtt.server.uri": format!("tcp://{}", self.address()),
            "mqtt.topics": FILTER,
            "mqtt.qos": "1",
            "mqtt.clean.session.enabled": "false",
            "mqtt.client.id": WORKER,
            "kafka.topic": topic,
            "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        })
    }

    pub(crate) fn sink(&self) -> Value {
        json!({
            "connector.class": "MqttSink",
            "mqtt.server.uri": format!("tcp://{}", self.address()),
            "topics": self.topic,
            "mqtt.qos": "1",
            "mqtt.retained.enabled": "false",
            "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        })
    }

    /// Waits until the sink's group has committed the end of the topic.
    pub(crate) async fn wait_for_sink(&self, kafka: &Kafka, connector: &str, limit: Duration) {
        let group = format!("connect-{connector}");
        turnbuckle_tests::wait_until("all records published", limit, async || {
            kafka.committed(&group, &self.topic).await.get(&0) == Some(&(self.rows as i64))
        })
        .await;
    }
}

/// A record of about 130 bytes.
fn payload(number: u64) -> Vec<u8> {
    format!("{number:0>130}").into_bytes()
}
