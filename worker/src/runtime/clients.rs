//! Client settings of connectors in the layers of Connect's `Worker`: defaults, then the worker's prefixed settings, then the
//! connector's overrides. Names are Java's; [`to_librdkafka`] translates them at the end.

use crate::config::client::{ClientKind, to_librdkafka};
use crate::config::override_policy::OverridePolicy;
use crate::herder::TaskId;
use crate::kafka::consumer::BatchLimits;
use rdkafka::ClientConfig;
use std::time::Duration;
use turnbuckle_api::{Error, Props, Result};

/// Records of one `put` unless `max.poll.records` is set. Java's default is 500; a larger batch lets a target do more with
/// one request, and nothing else depends on it.
const BATCH_RECORDS: usize = 5_000;
const BATCH_BYTES: usize = 4 << 20;

/// Java's default of `metadata.max.age.ms`.
const METADATA_MAX_AGE: Duration = Duration::from_secs(300);

/// Makes client settings of connectors from those of the worker.
#[derive(Debug)]
pub(super) struct Clients {
    worker: Props,
}

impl Clients {
    pub(super) fn new(worker: Props) -> Self {
        Clients { worker }
    }

    fn bootstrap(&self) -> &str {
        self.worker.get("bootstrap.servers").unwrap_or_default()
    }

    fn overrides(&self, connector: &Props, prefix: &str) -> Result<Props> {
        let overrides = connector.with_prefix(prefix);
        let policy = match self.worker.get("connector.client.config.override.policy") {
            Some(name) => OverridePolicy::from_name(name.trim())?,
            None => OverridePolicy::All,
        };
        policy.check(&overrides)?;
        Ok(overrides)
    }

    fn producer_props(&self, connector: &Props, client_id: String) -> Result<Props> {
        let mut props = Props::new()
            .with("bootstrap.servers", self.bootstrap())
            .with(
                "key.serializer",
                "org.apache.kafka.common.serialization.ByteArraySerializer",
            )
            .with(
                "value.serializer",
                "org.apache.kafka.common.serialization.ByteArraySerializer",
            )
            .with("max.block.ms", i64::MAX.to_string())
            .with("enable.idempotence", "false")
            .with("acks", "all")
            .with("max.in.flight.requests.per.connection", "1")
            .with("delivery.timeout.ms", i32::MAX.to_string())
            .with("client.id", client_id);
        props.extend(&self.worker.with_prefix("producer."));
        props.extend(&self.overrides(connector, "producer.override.")?);
        Ok(props)
    }

    fn consumer_props(&self, connector: &Props, name: &str, client_id: String) -> Result<Props> {
        let mut props = Props::new()
            .with("group.id", format!("connect-{name}"))
            .with("client.id", client_id)
            .with("bootstrap.servers", self.bootstrap())
            .with("enable.auto.commit", "false")
            .with("auto.offset.reset", "earliest")
            .with(
                "key.deserializer",
                "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            )
            .with(
                "value.deserializer",
                "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            );
        props.extend(&self.worker.with_prefix("consumer."));
        props.extend(&self.overrides(connector, "consumer.override.")?);
        Ok(props)
    }

    fn admin_props(&self, connector: &Props, client_id: String) -> Result<Props> {
        let mut props = Props::new()
            .with("bootstrap.servers", self.bootstrap())
            .with("client.id", client_id);
        let own = ["admin.", "producer.", "consumer."];
        for (key, value) in self.worker.iter() {
            if !own.iter().any(|prefix| key.starts_with(prefix)) {
                props.insert_nullable(key, value.map(str::to_string));
            }
        }
        props.extend(&self.worker.with_prefix("admin."));
        props.extend(&self.overrides(connector, "admin.override.")?);
        Ok(props)
    }

    /// Producer of a source task.
    pub(super) fn task_producer(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        let client_id = format!("connector-producer-{task}");
        to_librdkafka(ClientKind::Producer, &self.producer_props(connector, client_id)?)
    }

    /// Admin client of a source task, for topic creation.
    pub(super) fn task_admin(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        let client_id = format!("connector-adminclient-{task}");
        to_librdkafka(ClientKind::Admin, &self.admin_props(connector, client_id)?)
    }

    /// Producer of a sink task's dead letters.
    pub(super) fn dead_letter_producer(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        let client_id = format!("connector-dlq-producer-{task}");
        to_librdkafka(ClientKind::Producer, &self.producer_props(connector, client_id)?)
    }

    pub(super) fn dead_letter_admin(&self, connector: &Props) -> Result<ClientConfig> {
        to_librdkafka(
            ClientKind::Admin,
            &self.admin_props(connector, "connector-dlq-adminclient-".to_string())?,
        )
    }

    /// Consumer of a sink task, with what of its settings the worker itself serves.
    pub(super) fn task_consumer(&self, connector: &Props, task: &TaskId) -> Result<SinkClient> {
        let client_id = format!("connector-consumer-{task}");
        let props = self.consumer_props(connector, &task.connector, client_id)?;
        let records = positive(&props, "max.poll.records")?;
        let refresh = positive(&props, "metadata.max.age.ms")?;
        Ok(SinkClient {
            config: to_librdkafka(ClientKind::Consumer, &props)?,
            limits: BatchLimits {
                records: records.map_or(BATCH_RECORDS, |records| records as usize),
                bytes: BATCH_BYTES,
            },
            metadata_max_age: refresh.map_or(METADATA_MAX_AGE, Duration::from_millis),
        })
    }

    /// Consumer that reads the group offsets of a sink connector.
    pub(super) fn group_reader(&self, connector: &Props, name: &str) -> Result<ClientConfig> {
        let client_id = format!("connector-worker-adminclient-{name}");
        to_librdkafka(ClientKind::Consumer, &self.consumer_props(connector, name, client_id)?)
    }
}

/// Settings of a sink task's consumer.
#[derive(Debug)]
pub(super) struct SinkClient {
    pub config: ClientConfig,
    pub limits: BatchLimits,
    pub metadata_max_age: Duration,
}

fn positive(props: &Props, key: &str) -> Result<Option<u64>> {
    let Some(text) = props.get(key) else { return Ok(None) };
    match text.trim().parse::<u64>() {
        Ok(0) => Err(Error::invalid_config(key, text, "Value must be at least 1")),
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Error::invalid_config(key, text, "Not a number of type INT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(extra: &[(&str, &str)]) -> Clients {
        let mut worker = Props::new().with("bootstrap.servers", "broker:9092");
        for (key, value) in extra {
            worker.insert(*key, *value);
        }
        Clients::new(worker)
    }

    #[test]
    fn later_layers_win() {
        let clients = clients(&[("producer.acks", "1"), ("producer.linger.ms", "7"), ("acks", "0")]);
        let connector = Props::new().with("producer.override.linger.ms", "9");
        let props = clients.producer_props(&connector, "id".into()).unwrap();
        assert_eq!((props.get("acks"), props.get("linger.ms")), (Some("1"), Some("9")));
        assert_eq!(props.get("bootstrap.servers"), Some("broker:9092"));
        let connector = Props::new().with("consumer.override.group.id", "own");
        let props = clients.consumer_props(&connector, "c", "id".into()).unwrap();
        assert_eq!(props.get("group.id"), Some("own"));
    }

    #[test]
    fn a_workers_client_id_replaces_that_of_admin_clients_only() {
        let clients = clients(&[("client.id", "w1"), ("producer.client.id", "p1")]);
        let none = Props::new();
        assert_eq!(
            clients.admin_props(&none, "a".into()).unwrap().get("client.id"),
            Some("w1")
        );
        assert_eq!(
            clients.consumer_props(&none, "c", "x".into()).unwrap().get("client.id"),
            Some("x")
        );
        assert_eq!(
            clients.producer_props(&none, "y".into()).unwrap().get("client.id"),
            Some("p1")
        );
    }

    #[test]
    fn the_policy_refuses_overrides() {
        let strict = clients(&[("connector.client.config.override.policy", "None")]);
        let connector = Props::new().with("producer.override.acks", "1");
        let error = strict.producer_props(&connector, "id".into()).unwrap_err();
        assert!(
            error
                .message()
                .unwrap()
                .starts_with("Client Config Overrides not allowed ["),
            "{error}"
        );
    }
}
