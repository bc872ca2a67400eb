//! A city's buses: 5,000 positions a second go from Mosquitto into `bus_raw`, none is lost, as
//! `configs/connectors/kikirara-mqtt-source.json` asks.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::private::Private;
use turnbuckle_tests::registry::unframe;
use turnbuckle_tests::steps::connector_file;
use turnbuckle_tests::vehicles::Fleet;
use turnbuckle_tests::worker::Worker;
use turnbuckle_tests::{services, unique};

const COUNT: u64 = 25_000;
const PER_SECOND: u64 = 5_000;

#[tokio::test]
async fn every_position_of_the_buses_arrives() {
    let kafka = Kafka::shared();
    let broker = Private::start(&["mosquitto"]).await;
    let address = broker.services().mqtt().to_owned();
    let topic = unique("bus_raw");
    kafka.create_topic(&topic, 3, &[]).await;
    // As the worker's environment has it, so that the connector needs to say nothing of converters.
    let worker = Worker::distributed(&[
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter"),
        ("value.converter.schema.registry.url", services::shared().registry()),
    ])
    .await;
    let name = unique("mqtt-source");
    let shared = services::shared().mqtt();
    let connector = connector_file(
        "kikirara-mqtt-source.json",
        &[
            (shared, &address),
            ("\"bus_raw\"", &format!("\"{topic}\"")),
            ("\"mqtt-source\"", &format!("\"{name}\"")),
        ],
    );
    worker.rest.create_json(&connector).await;
    worker.rest.wait_running(&name, 1).await;

    let fleet = Fleet::new(900);
    let took = fleet.publish(&address, 0, 0, COUNT, PER_SECOND).await;
    assert!(took < Duration::from_secs(15), "{COUNT} messages took {took:?}");
    let messages = kafka.read_at_least(&topic, COUNT as usize).await;
    assert_eq!(messages.len() as u64, COUNT);
    assert!(messages[0].key_text().starts_with("/hfp/v2/journey/ongoing/vp/bus/"));
    let positions: HashSet<(u64, u64)> = messages
        .iter()
        .map(|message| {
            // Bytes alone follow the schema's id as they are, as Confluent's serialiser writes them.
            let (_, payload) = unframe(message.value.as_deref().unwrap());
            let value: Value = serde_json::from_slice(payload).unwrap();
            (
                value["VP"]["veh"].as_u64().unwrap(),
                value["VP"]["tsi"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(positions.len() as u64, COUNT);
}
