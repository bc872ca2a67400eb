//! Positions of buses as a city's transport authority publishes them over MQTT (HFP v2): what a fleet would send, at any
//! rate. The same fleet always sends the same messages.
//!
//! A topic is `/hfp/v2/journey/ongoing/vp/bus/OPERATOR/VEHICLE/ROUTE/DIRECTION/HEADSIGN/START/STOP/LEVEL/GEOHASH…`, a payload
//! `{"VP": {"desi": …, "dir": …, "oper": …, "veh": …, "tst": …, "tsi": …, …}}`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mqtt::Mqtt;

/// The filter under which all messages of a fleet are found.
pub const FILTER: &str = "/hfp/v2/journey/ongoing/vp/bus/#";

/// Seconds since the epoch of the first round.
const BEGIN: u64 = 1_700_000_000;
const HEADSIGNS: [&str; 6] = [
    "Malmi",
    "Kamppi",
    "Itäkeskus(M)",
    "Lauttasaari",
    "Rautatientori",
    "Espoon keskus",
];
/// Messages sent in one go; small beside a second's, so that the rate is even.
const SLICE: u64 = 100;

/// Buses that send their positions in turn, once per round (a second of their clocks).
#[derive(Debug, Clone)]
pub struct Fleet {
    buses: u64,
}

impl Fleet {
    /// A fleet of so many buses.
    ///
    /// # Panics
    /// When there are none.
    pub fn new(buses: u64) -> Self {
        assert!(buses > 0, "a fleet has buses");
        Self { buses }
    }

    /// Topic and payload of message `number`, counted from 0. The pair of `veh` and `tsi` is different in each message.
    pub fn message(&self, number: u64) -> (String, Vec<u8>) {
        let (bus, round) = (number % self.buses, number / self.buses);
        let headsign = HEADSIGNS[(bus % 6) as usize];
        let (operator, vehicle) = (12 + bus % 40, 100 + bus);
        let (line, direction, stop) = (1 + bus % 200, 1 + bus % 2, 1_000_000 + bus * 7 + round / 60);
        let start = format!("{:02}:{:02}", 5 + bus % 18, bus * 7 % 60);
        // Buses go round in circles around the city's middle.
        let angle = (bus * 37 + round) as f64 / 50.0;
        let latitude = 60.2 + 0.05 * angle.sin();
        let longitude = 24.94 + 0.1 * angle.cos();
        let topic = format!(
            "/hfp/v2/journey/ongoing/vp/bus/{operator:04}/{vehicle:05}/{}/{direction}/{headsign}/{start}/{stop}/3/60;24/{}/{}/{}/",
            1000 + line,
            bus % 30,
            round % 90,
            bus % 77,
        );
        (
            topic,
            self.payload(bus, round, latitude, longitude).to_string().into_bytes(),
        )
    }

    fn payload(&self, bus: u64, round: u64, latitude: f64, longitude: f64) -> Value {
        let seconds = BEGIN + round;
        let time = format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600 % 24,
            seconds / 60 % 60,
            seconds % 60
        );
        let rounded = |number: f64, digits: i32| (number * 10f64.powi(digits)).round() / 10f64.powi(digits);
        json!({"VP": {
            "desi": (1 + bus % 200).to_string(), "dir": (1 + bus % 2).to_string(), "oper": 12 + bus % 40,
            "veh": 100 + bus, "tst": format!("2023-11-14T{time}.000Z"), "tsi": seconds,
            "spd": rounded((bus + round) as f64 % 17.0 * 0.83, 2), "hdg": (bus * 37 + round) % 360,
            "lat": rounded(latitude, 6), "long": rounded(longitude, 6),
            "acc": rounded((round as f64 / 3.0).sin(), 2), "dl": (bus % 240) as i64 - 120, "odo": round * 11,
            "drst": u64::from(round % 30 < 3), "oday": "2023-11-14", "jrn": bus % 900, "line": 1 + bus % 200,
            "start": format!("{:02}:{:02}", 5 + bus % 18, bus * 7 % 60), "loc": "GPS",
            "stop": if round % 30 < 3 { json!(1_000_000 + bus * 7) } else { Value::Null },
            "route": (1001 + bus % 200).to_string(), "occu": bus % 4 * 25,
        }})
    }

    /// Publishes messages `from..from + count` to the broker at `address`, `per_second` of them, and returns how long that
    /// took once the broker has all (at QoS 0: once all are written).
    pub async fn publish(&self, address: &str, qos: u8, from: u64, count: u64, per_second: u64) -> Duration {
        let client = Mqtt::at(address);
        let start = Instant::now();
        let mut sent = 0;
        while sent < count {
            let due = Duration::from_secs_f64(sent as f64 / per_second as f64);
            tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
            let slice = SLICE.min(count - sent);
            let first = from + sent;
            client
                .publish(qos, (first..first + slice).map(|number| self.message(number)))
                .await;
            sent += slice;
        }
        start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_message_has_the_form_of_the_authority() {
        let (topic, payload) = Fleet::new(500).message(1007);
        let levels: Vec<&str> = topic.split('/').collect();
        assert_eq!(levels[..7], ["", "hfp", "v2", "journey", "ongoing", "vp", "bus"]);
        assert_eq!(levels[7..12], ["0019", "00107", "1008", "2", "Kamppi"]);
        let position: Value = serde_json::from_slice(&payload).unwrap();
        let position = &position["VP"];
        assert_eq!(position["veh"], 107);
        assert_eq!(position["tsi"], BEGIN + 2);
        assert_eq!(position["route"], levels[9]);
        assert_eq!(position["start"], levels[12]);
        assert!(position["lat"].as_f64().unwrap() > 60.0 && position["long"].as_f64().unwrap() > 24.0);
    }

    #[test]
    fn no_two_messages_are_the_same_position() {
        let fleet = Fleet::new(7);
        let positions: HashSet<(u64, u64)> = (0..100)
            .map(|number| {
                let value: Value = serde_json::from_slice(&fleet.message(number).1).unwrap();
                (
                    value["VP"]["veh"].as_u64().unwrap(),
                    value["VP"]["tsi"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(positions.len(), 100);
    }
}
