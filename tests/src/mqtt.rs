//! What tests publish to and receive from an MQTT broker.

use std::time::Duration;

use rumqttc_v4::mqttbytes::v4::Packet;
use rumqttc_v4::{AsyncClient, Event, MqttOptions, PublishOptions, QoS};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::unique;

const PATIENCE: Duration = Duration::from_secs(60);
/// Publishes under way without acknowledgement.
const WINDOW: u16 = 1000;

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retained: bool,
}

/// A client of a broker, MQTT 3.1.1; dropping it closes the connection.
#[derive(Debug)]
pub struct Mqtt {
    client: AsyncClient,
    received: mpsc::UnboundedReceiver<Received>,
    driver: JoinHandle<()>,
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn quality(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

impl Mqtt {
    /// Connects to `host:port`; the connection is made when the first request is.
    pub fn at(address: &str) -> Self {
        Self::with(address, |_| {})
    }

    /// As a user with a password.
    pub fn as_user(address: &str, user: &str, password: &str) -> Self {
        Self::with(address, |options| {
            options.set_credentials(user.to_owned(), password.to_owned());
        })
    }

    fn with(address: &str, change: impl FnOnce(&mut MqttOptions)) -> Self {
        let (host, port) = address
            .rsplit_once(':')
            .unwrap_or_else(|| panic!("no host:port: {address}"));
        let port: u16 = port.parse().unwrap_or_else(|e| panic!("{address}: {e}"));
        let mut options = MqttOptions::new(unique("test"), (host, port));
        options
            .set_max_packet_size(64 << 20, 64 << 20)
            .set_inflight(WINDOW)
            .set_max_request_batch(256);
        change(&mut options);
        let (client, mut events) = AsyncClient::builder(options).capacity(1000).build();
        let (sender, received) = mpsc::unbounded_channel();
        let driver = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let message = Received {
                            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                            payload: publish.payload.to_vec(),
                            qos: publish.qos as u8,
                            retained: publish.retain,
                        };
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(rumqttc_v4::ConnectionError::RequestsDone) => return,
                    // Tests restart brokers; the requests wait for the next connection.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
        Self {
            client,
            received,
            driver,
        }
    }

    /// Publishes messages and waits until the broker has all of them (at QoS 0: until they are written).
    pub async fn publish<M>(&self, qos: u8, messages: M)
    where
        M: IntoIterator<Item = (String, Vec<u8>)>,
    {
        self.publish_all(qos, false, messages).await;
    }

    /// [`Mqtt::publish`] of one message that the broker retains.
    pub async fn publish_retained(&self, topic: &str, payload: &[u8]) {
        self.publish_all(1, true, [(topic.to_owned(), payload.to_vec())]).await;
    }

    async fn publish_all(&self, qos: u8, retain: bool, messages: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let options = PublishOptions::new(quality(qos)).retain(retain);
        let mut notices = Vec::new();
        for (topic, payload) in messages {
            let sent = self.client.publish_tracked(topic, payload, options);
            let notice = timeout(PATIENCE, sent).await;
            let notice = notice.unwrap_or_else(|_| panic!("the MQTT broker takes no messages"));
            notices.push(notice.unwrap_or_else(|e| panic!("cannot publish: {e}")));
        }
        for notice in notices {
            let done = timeout(PATIENCE, notice.wait_completion_async()).await;
            let done = done.unwrap_or_else(|_| panic!("the MQTT broker acknowledges nothing"));
            done.unwrap_or_else(|e| panic!("a message was not published: {e}"));
        }
    }

    /// Subscribes and waits for the broker's answer.
    pub async fn subscribe(&self, filter: &str, qos: u8) {
        let asked = self.client.subscribe_tracked(filter, quality(qos)).await;
        let notice = asked.unwrap_or_else(|e| panic!("cannot subscribe to {filter}: {e}"));
        let answer = timeout(PATIENCE, notice.wait_completion_async()).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer to the subscription to {filter}"));
        answer.unwrap_or_else(|e| panic!("cannot subscribe to {filter}: {e}"));
    }

    /// Waits for so many messages.
    pub async fn receive(&mut self, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + PATIENCE;
        let mut messages = Vec::with_capacity(count);
        while messages.len() < count {
            match tokio::time::timeout_at(deadline, self.received.recv()).await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => panic!("the connection to the MQTT broker has ended"),
                Err(_) => panic!("waited for {count} messages, {} came", messages.len()),
            }
        }
        messages
    }
}
