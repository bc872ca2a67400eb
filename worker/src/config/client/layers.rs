//! The settings of one client, in Java's names, in Connect's order of precedence: what comes later wins.
//!
//! The functions check nothing; the override policy is asked before ([`crate::config::OverridePolicy::check`]).

use super::ClientKind;
use crate::config::WorkerConfig;
use turnbuckle_api::Props;

const BYTE_ARRAY_SERIALIZER: &str = "org.apache.kafka.common.serialization.ByteArraySerializer";
const BYTE_ARRAY_DESERIALIZER: &str = "org.apache.kafka.common.serialization.ByteArrayDeserializer";

/// Settings a connector gives for one kind of client, without prefix.
pub fn overrides(kind: ClientKind, connector_config: &Props) -> Props {
    connector_config.with_prefix(kind.override_prefix())
}

/// What every client is told of the cluster and group it works for; a worker's own `metrics.context.*` are among it.
pub fn metrics_context(worker: &WorkerConfig, cluster_id: Option<&str>) -> Props {
    let mut context = Props::new();
    if let Some(cluster_id) = cluster_id {
        context.insert("metrics.context.connect.kafka.cluster.id", cluster_id);
    }
    if let Some(group_id) = worker.group_id() {
        context.insert("metrics.context.connect.group.id", group_id);
    }
    for (key, value) in worker
        .props
        .iter()
        .filter(|(key, _)| key.starts_with("metrics.context."))
    {
        context.insert_nullable(key, value.map(str::to_string));
    }
    context
}

fn bootstrap_servers(worker: &WorkerConfig) -> String {
    worker.common.bootstrap_servers.join(",")
}

/// Producer of a source task or of a dead letter queue.
pub fn producer(worker: &WorkerConfig, client_id: &str, connector_config: &Props, context: &Props) -> Props {
    let mut props = Props::new()
        .with("bootstrap.servers", bootstrap_servers(worker))
        .with("key.serializer", BYTE_ARRAY_SERIALIZER)
        .with("value.serializer", BYTE_ARRAY_SERIALIZER)
        .with("max.block.ms", i64::MAX.to_string())
        .with("enable.idempotence", "false")
        .with("acks", "all")
        .with("max.in.flight.requests.per.connection", "1")
        .with("delivery.timeout.ms", i32::MAX.to_string())
        .with("client.id", client_id);
    props.extend(&worker.props.with_prefix(ClientKind::Producer.worker_prefix()));
    props.extend(context);
    props.extend(&overrides(ClientKind::Producer, connector_config));
    props
}

/// Transactional producer of a source task: idempotence and transactional id are forced, whatever users say.
pub fn transactional_producer(
    worker: &WorkerConfig,
    client_id: &str,
    transactional_id: &str,
    connector_config: &Props,
    context: &Props,
) -> Props {
    let mut props = producer(worker, client_id, connector_config, context);
    let given = overrides(ClientKind::Producer, connector_config);
    let worker_given = worker.props.with_prefix(ClientKind::Producer.worker_prefix());
    for key in ["enable.idempotence", "transactional.id"] {
        let text = given.get(key).or_else(|| worker_given.get(key));
        if text.is_some_and(|text| key == "transactional.id" || !text.trim().eq_ignore_ascii_case("true")) {
            tracing::warn!("{key} is set for exactly-once producers by the worker; the configured value is not used");
        }
    }
    props.insert("enable.idempotence", "true");
    props.insert("transactional.id", transactional_id);
    props
}

/// Consumer of a sink task. Its group is `connect-<connector>` unless settings say otherwise.
pub fn sink_consumer(
    worker: &WorkerConfig,
    connector: &str,
    client_id: &str,
    connector_config: &Props,
    context: &Props,
) -> Props {
    let mut props = Props::new()
        .with("group.id", format!("connect-{connector}"))
        .with("client.id", client_id)
        .with("bootstrap.servers", bootstrap_servers(worker))
        .with("enable.auto.commit", "false")
        .with("auto.offset.reset", "earliest")
        .with("key.deserializer", BYTE_ARRAY_DESERIALIZER)
        .with("value.deserializer", BYTE_ARRAY_DESERIALIZER);
    props.extend(&worker.props.with_prefix(ClientKind::Consumer.worker_prefix()));
    props.extend(context);
    props.extend(&overrides(ClientKind::Consumer, connector_config));
    props
}

/// The consumer group of a sink connector.
pub fn sink_group(worker: &WorkerConfig, connector: &str, connector_config: &Props) -> String {
    let own = overrides(ClientKind::Consumer, connector_config);
    let of_worker = worker.props.with_prefix(ClientKind::Consumer.worker_prefix());
    let chosen = own.get("group.id").or_else(|| of_worker.get("group.id"));
    chosen.map_or_else(|| format!("connect-{connector}"), str::to_string)
}

/// Admin client of a connector. All the worker's settings without client prefix go into it, `client.id` included.
pub fn admin(worker: &WorkerConfig, client_id: &str, connector_config: &Props, context: &Props) -> Props {
    let mut props = Props::new()
        .with("bootstrap.servers", bootstrap_servers(worker))
        .with("client.id", client_id);
    for (key, value) in worker.props.iter() {
        let has_client_prefix = [ClientKind::Admin, ClientKind::Producer, ClientKind::Consumer]
            .iter()
            .any(|kind| key.starts_with(kind.worker_prefix()));
        if !has_client_prefix {
            props.insert_nullable(key, value.map(str::to_string));
        }
    }
    props.extend(&worker.props.with_prefix(ClientKind::Admin.worker_prefix()));
    props.extend(&overrides(ClientKind::Admin, connector_config));
    props.extend(context);
    props
}

/// Producer of an internal topic: the worker's own settings, and what keeps its records in order.
pub fn internal_producer(worker: &WorkerConfig, client_id: &str, context: &Props) -> Props {
    let mut props = worker.props.clone();
    props.insert("bootstrap.servers", bootstrap_servers(worker));
    props.insert("key.serializer", BYTE_ARRAY_SERIALIZER);
    props.insert("value.serializer", BYTE_ARRAY_SERIALIZER);
    props.insert("delivery.timeout.ms", i32::MAX.to_string());
    props.insert("enable.idempotence", "false");
    props.insert("client.id", client_id);
    props.extend(context);
    props.insert("acks", "all");
    props.insert("max.in.flight.requests.per.connection", "1");
    props
}

/// Consumer of an internal topic, which assigns itself all partitions and reads from their start.
pub fn internal_consumer(worker: &WorkerConfig, client_id: &str, context: &Props) -> Props {
    let mut props = worker.props.clone();
    props.insert("bootstrap.servers", bootstrap_servers(worker));
    props.insert("key.deserializer", BYTE_ARRAY_DESERIALIZER);
    props.insert("value.deserializer", BYTE_ARRAY_DESERIALIZER);
    props.insert("client.id", client_id);
    props.extend(context);
    props.insert("auto.offset.reset", "earliest");
    props.insert("enable.auto.commit", "false");
    if worker.exactly_once_sources() {
        props.insert("isolation.level", "read_committed");
    }
    props
}

/// Admin client of the worker itself.
pub fn internal_admin(worker: &WorkerConfig, client_id: &str, context: &Props) -> Props {
    let mut props = worker.props.clone();
    props.insert("bootstrap.servers", bootstrap_servers(worker));
    props.insert("client.id", client_id);
    props.extend(context);
    props
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Mode;

    fn worker() -> WorkerConfig {
        let props: Props = [
            ("bootstrap.servers", "b1:9092, b2:9092"),
            ("group.id", "g"),
            ("client.id", "w"),
            ("offset.storage.topic", "o"),
            ("config.storage.topic", "c"),
            ("status.storage.topic", "s"),
            ("key.converter", "K"),
            ("value.converter", "V"),
            ("security.protocol", "SSL"),
            ("producer.linger.ms", "20"),
            ("producer.acks", "1"),
            ("producer.enable.idempotence", "false"),
            ("consumer.max.poll.records", "50"),
            ("consumer.group.id", "of-worker"),
            ("admin.retries", "3"),
            ("metrics.context.site", "x"),
        ]
        .into_iter()
        .collect();
        WorkerConfig::from_props(Mode::Distributed, props).unwrap()
    }

    fn connector() -> Props {
        Props::new()
            .with("producer.override.acks", "0")
            .with("consumer.override.group.id", "mine")
            .with("admin.override.retries", "9")
            .with("name", "n")
    }

    #[test]
    fn later_layers_win() {
        let worker = worker();
        let context = metrics_context(&worker, Some("k"));
        assert_eq!(context.get("metrics.context.site"), Some("x"));
        let own = connector();
        let none = Props::new();
        for (props, key, expected) in [
            (producer(&worker, "p-1", &none, &context), "acks", Some("1")),
            (producer(&worker, "p-1", &own, &context), "acks", Some("0")),
            (producer(&worker, "p-1", &own, &context), "linger.ms", Some("20")),
            (
                producer(&worker, "p-1", &own, &context),
                "bootstrap.servers",
                Some("b1:9092,b2:9092"),
            ),
            (producer(&worker, "p-1", &own, &context), "client.id", Some("p-1")),
            (producer(&worker, "p-1", &own, &context), "security.protocol", None),
            (
                producer(&worker, "p-1", &own, &context),
                "metrics.context.connect.group.id",
                Some("g"),
            ),
            (
                transactional_producer(&worker, "p", "g-n-0", &own, &context),
                "enable.idempotence",
                Some("true"),
            ),
            (
                transactional_producer(&worker, "p", "g-n-0", &own, &context),
                "transactional.id",
                Some("g-n-0"),
            ),
            (
                sink_consumer(&worker, "n", "c-1", &none, &context),
                "group.id",
                Some("of-worker"),
            ),
            (
                sink_consumer(&worker, "n", "c-1", &own, &context),
                "group.id",
                Some("mine"),
            ),
            (
                sink_consumer(&worker, "n", "c-1", &own, &context),
                "max.poll.records",
                Some("50"),
            ),
            (
                sink_consumer(&worker, "n", "c-1", &own, &context),
                "auto.offset.reset",
                Some("earliest"),
            ),
            (admin(&worker, "a-1", &none, &context), "client.id", Some("w")),
            (admin(&worker, "a-1", &none, &context), "retries", Some("3")),
            (admin(&worker, "a-1", &own, &context), "retries", Some("9")),
            (admin(&worker, "a-1", &own, &context), "security.protocol", Some("SSL")),
            (admin(&worker, "a-1", &own, &context), "producer.acks", None),
            (
                internal_producer(&worker, "g-configs", &context),
                "client.id",
                Some("g-configs"),
            ),
            (internal_producer(&worker, "g-configs", &context), "acks", Some("all")),
            (
                internal_consumer(&worker, "g-configs", &context),
                "enable.auto.commit",
                Some("false"),
            ),
            (
                internal_consumer(&worker, "g-configs", &context),
                "isolation.level",
                None,
            ),
            (
                internal_admin(&worker, "g-shared-admin", &context),
                "security.protocol",
                Some("SSL"),
            ),
        ] {
            assert_eq!(props.get(key), expected, "{key}");
        }
        assert_eq!(sink_group(&worker, "n", &own), "mine");
        assert_eq!(sink_group(&worker, "n", &none), "of-worker");
    }
}
