//! Clients of connectors: the worker's and the connector's settings in Connect's layers ([`layers`]), after the override policy
//! has agreed, as librdkafka takes them; and what the worker itself serves of a consumer's settings.

use crate::config::WorkerConfig;
use crate::config::client::{ClientKind, layers, to_librdkafka};
use crate::herder::TaskId;
use crate::kafka::consumer::BatchLimits;
use rdkafka::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::{Error, Props, Result};

/// Records of one `put` unless `max.poll.records` is set. Java's default is 500; a larger batch lets a target do more with
/// one request, and nothing else depends on it.
const BATCH_RECORDS: usize = 5_000;
const BATCH_BYTES: usize = 4 << 20;

/// Java's default of `metadata.max.age.ms`.
const METADATA_MAX_AGE: Duration = Duration::from_secs(300);

const LINGER: &str = "linger.ms";

/// Makes client settings of connectors from those of the worker.
#[derive(Debug)]
pub(super) struct Clients {
    worker: Arc<WorkerConfig>,
}

impl Clients {
    pub(super) fn new(worker: Arc<WorkerConfig>) -> Self {
        Clients { worker }
    }

    fn check_overrides(&self, kind: ClientKind, connector: &Props) -> Result<()> {
        self.worker.override_policy.check(&layers::overrides(kind, connector))
    }

    fn producer_props(&self, connector: &Props, client_id: &str) -> Result<Props> {
        self.check_overrides(ClientKind::Producer, connector)?;
        Ok(layers::producer(&self.worker, client_id, connector, &Props::new()))
    }

    fn consumer_props(&self, connector: &Props, name: &str, client_id: &str) -> Result<Props> {
        self.check_overrides(ClientKind::Consumer, connector)?;
        Ok(layers::sink_consumer(
            &self.worker,
            name,
            client_id,
            connector,
            &Props::new(),
        ))
    }

    fn producer(&self, connector: &Props, client_id: &str) -> Result<ClientConfig> {
        to_librdkafka(ClientKind::Producer, &self.producer_props(connector, client_id)?)
    }

    fn admin(&self, connector: &Props, client_id: &str) -> Result<ClientConfig> {
        self.check_overrides(ClientKind::Admin, connector)?;
        let props = layers::admin(&self.worker, client_id, connector, &Props::new());
        to_librdkafka(ClientKind::Admin, &props)
    }

    /// Producer of a source task. One that waits for acknowledgements does not wait for a batch to fill unless told to: its
    /// source may send no more before the few records under way are acknowledged.
    pub(super) fn task_producer(&self, connector: &Props, task: &TaskId, waits: bool) -> Result<ClientConfig> {
        let mut props = self.producer_props(connector, &format!("connector-producer-{task}"))?;
        if waits && !props.contains_key(LINGER) {
            props.insert(LINGER, "0");
        }
        to_librdkafka(ClientKind::Producer, &props)
    }

    /// Producer of a source task with exactly-once support.
    pub(super) fn transactional_producer(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        self.check_overrides(ClientKind::Producer, connector)?;
        let client_id = format!("connector-producer-{task}");
        let transactional_id = self.transactional_id(&task.connector, task.task);
        let props =
            layers::transactional_producer(&self.worker, &client_id, &transactional_id, connector, &Props::new());
        to_librdkafka(ClientKind::Producer, &props)
    }

    fn transactional_id(&self, connector: &str, task: u32) -> String {
        format!("{}-{connector}-{task}", self.worker.group_id().unwrap_or_default())
    }

    /// Producers that take over the transactional ids of a connector's first `count` tasks, made with its admin settings.
    pub(super) fn fencing_producers(&self, connector: &str, config: &Props, count: u32) -> Result<Vec<ClientConfig>> {
        self.check_overrides(ClientKind::Admin, config)?;
        let client_id = format!("connector-worker-adminclient-{connector}");
        let admin = layers::admin(&self.worker, &client_id, config, &Props::new());
        let producer = |task| {
            let mut props = admin.clone();
            props.insert("transactional.id", self.transactional_id(connector, task));
            props.insert("enable.idempotence", "true");
            props.insert("acks", "all");
            to_librdkafka(ClientKind::Producer, &props)
        };
        (0..count).map(producer).collect()
    }

    /// The worker's topic of source positions; None for a standalone worker.
    pub(super) fn offsets_topic(&self) -> Option<&str> {
        let settings = self.worker.distributed()?;
        Some(&settings.offset_storage_topic)
    }

    /// Admin client of a source task, for topic creation.
    pub(super) fn task_admin(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        self.admin(connector, &format!("connector-adminclient-{task}"))
    }

    /// Producer of a sink task's dead letters.
    pub(super) fn dead_letter_producer(&self, connector: &Props, task: &TaskId) -> Result<ClientConfig> {
        self.producer(connector, &format!("connector-dlq-producer-{task}"))
    }

    /// Admin client that creates the topic of dead letters.
    pub(super) fn dead_letter_admin(&self, connector: &Props) -> Result<ClientConfig> {
        self.admin(connector, "connector-dlq-adminclient-")
    }

    /// Consumer of a sink task, with what of its settings the worker itself serves.
    pub(super) fn task_consumer(&self, connector: &Props, task: &TaskId) -> Result<SinkClient> {
        let client_id = format!("connector-consumer-{task}");
        let props = self.consumer_props(connector, &task.connector, &client_id)?;
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

    /// Admin client for the consumer group of a sink connector, in Java's names, and the group.
    pub(super) fn group_admin(&self, connector: &Props, name: &str) -> Result<(Props, String)> {
        self.check_overrides(ClientKind::Admin, connector)?;
        let client_id = format!("connector-worker-adminclient-{name}");
        let props = layers::admin(&self.worker, &client_id, connector, &Props::new());
        Ok((props, layers::sink_group(&self.worker, name, connector)))
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
    use crate::config::Mode;

    fn clients(extra: &[(&str, &str)]) -> Clients {
        let mut worker = Props::new()
            .with("bootstrap.servers", "broker:9092")
            .with("offset.storage.file.filename", "offsets")
            .with("key.converter", "K")
            .with("value.converter", "V");
        for (key, value) in extra {
            worker.insert(*key, *value);
        }
        Clients::new(Arc::new(WorkerConfig::from_props(Mode::Standalone, worker).unwrap()))
    }

    #[test]
    fn the_worker_and_the_connector_set_up_clients() {
        let clients = clients(&[
            ("producer.acks", "1"),
            ("producer.linger.ms", "7"),
            ("acks", "0"),
            ("client.id", "w1"),
        ]);
        let (none, task) = (Props::new(), TaskId::new("c", 0));
        let connector = Props::new().with("producer.override.linger.ms", "9");
        let producer = clients.task_producer(&connector, &task, false).unwrap();
        assert_eq!(producer.get("acks"), Some("1"));
        assert_eq!(producer.get("linger.ms"), Some("9"));
        assert_eq!(producer.get("client.id"), Some("connector-producer-c-0"));
        let connector = Props::new().with("consumer.override.group.id", "own");
        let consumer = clients.task_consumer(&connector, &task).unwrap().config;
        assert_eq!(consumer.get("group.id"), Some("own"));
        assert_eq!(consumer.get("client.id"), Some("connector-consumer-c-0"));
        assert_eq!(clients.group_admin(&none, "c").unwrap().1, "connect-c");
        assert_eq!(clients.group_admin(&connector, "c").unwrap().1, "own");
        // A worker's client.id replaces that of admin clients only.
        let admin = clients.task_admin(&none, &task).unwrap();
        assert_eq!(admin.get("client.id"), Some("w1"));
    }

    #[test]
    fn who_waits_for_acknowledgements_does_not_linger() {
        let (plain, told) = (clients(&[]), clients(&[("producer.linger.ms", "7")]));
        let (none, task) = (Props::new(), TaskId::new("c", 0));
        let linger = |clients: &Clients, waits| {
            let producer = clients.task_producer(&none, &task, waits).unwrap();
            producer.get("linger.ms").map(str::to_string)
        };
        assert_eq!(linger(&plain, true).as_deref(), Some("0"));
        assert_eq!(linger(&plain, false).as_deref(), Some("5"));
        assert_eq!(linger(&told, true).as_deref(), Some("7"));
    }

    #[test]
    fn a_batch_has_the_wanted_number_of_records() {
        let clients = clients(&[("consumer.max.poll.records", "50")]);
        let task = TaskId::new("c", 0);
        for (given, expected) in [(None, Ok(50)), (Some("7"), Ok(7)), (Some("0"), Err(()))] {
            let mut connector = Props::new();
            if let Some(given) = given {
                connector.insert("consumer.override.max.poll.records", given);
            }
            let client = clients.task_consumer(&connector, &task);
            assert_eq!(client.map(|client| client.limits.records).map_err(drop), expected);
        }
    }

    #[test]
    fn the_policy_refuses_overrides_of_every_kind() {
        let strict = clients(&[("connector.client.config.override.policy", "None")]);
        let task = TaskId::new("c", 0);
        for key in [
            "producer.override.acks",
            "consumer.override.group.id",
            "admin.override.retries",
        ] {
            let connector = Props::new().with(key, "1");
            let errors = [
                strict.task_producer(&connector, &task, false).err(),
                strict.task_consumer(&connector, &task).err(),
                strict.task_admin(&connector, &task).err(),
            ];
            let refused: Vec<_> = errors.iter().flatten().collect();
            assert_eq!(refused.len(), 1, "{key}");
            let message = refused[0].message().unwrap();
            assert!(
                message.starts_with("Client Config Overrides not allowed ["),
                "{message}"
            );
        }
    }
}
