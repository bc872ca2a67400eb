//! Java's logger names beside the targets of this worker's log lines, so that levels given by the names that people know take
//! effect here. A target is a module path; a level of it holds for what lies below as well.

/// (logger, target). A target that stands behind several loggers has the most talkative of their levels.
pub(super) const TABLE: &[(&str, &str)] = &[
    ("org.apache.kafka.connect", "turnbuckle"),
    (
        "org.apache.kafka.connect.cli.ConnectDistributed",
        "turnbuckle::launch::distributed",
    ),
    (
        "org.apache.kafka.connect.cli.ConnectStandalone",
        "turnbuckle::launch::standalone",
    ),
    (
        "org.apache.kafka.connect.runtime.AbstractHerder",
        "turnbuckle::validation",
    ),
    ("org.apache.kafka.connect.runtime.Worker", "turnbuckle::runtime"),
    ("org.apache.kafka.connect.runtime.WorkerConfig", "turnbuckle::config"),
    (
        "org.apache.kafka.connect.runtime.WorkerConnector",
        "turnbuckle::runtime::connector",
    ),
    (
        "org.apache.kafka.connect.runtime.WorkerTask",
        "turnbuckle::runtime::task",
    ),
    (
        "org.apache.kafka.connect.runtime.WorkerSinkTask",
        "turnbuckle::runtime::sink",
    ),
    (
        "org.apache.kafka.connect.runtime.WorkerSinkTaskContext",
        "turnbuckle::runtime::sink::context",
    ),
    (
        "org.apache.kafka.connect.runtime.AbstractWorkerSourceTask",
        "turnbuckle::runtime::source",
    ),
    (
        "org.apache.kafka.connect.runtime.WorkerSourceTask",
        "turnbuckle::runtime::source",
    ),
    (
        "org.apache.kafka.connect.runtime.ExactlyOnceWorkerSourceTask",
        "turnbuckle::runtime::source::exactly_once",
    ),
    (
        "org.apache.kafka.connect.runtime.SourceTaskOffsetCommitter",
        "turnbuckle::runtime::source::committer",
    ),
    (
        "org.apache.kafka.connect.runtime.SubmittedRecords",
        "turnbuckle::runtime::source::tracker",
    ),
    (
        "org.apache.kafka.connect.runtime.distributed.DistributedHerder",
        "turnbuckle::herder",
    ),
    (
        "org.apache.kafka.connect.runtime.standalone.StandaloneHerder",
        "turnbuckle::herder",
    ),
    (
        "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator",
        "turnbuckle::group",
    ),
    (
        "org.apache.kafka.connect.runtime.distributed.WorkerGroupMember",
        "turnbuckle::group",
    ),
    (
        "org.apache.kafka.connect.runtime.distributed.IncrementalCooperativeAssignor",
        "turnbuckle::group::assignor",
    ),
    (
        "org.apache.kafka.connect.runtime.errors.LogReporter",
        "turnbuckle::runtime::pipeline",
    ),
    (
        "org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter",
        "turnbuckle::runtime::pipeline",
    ),
    (
        "org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator",
        "turnbuckle::runtime::pipeline",
    ),
    (
        "org.apache.kafka.connect.runtime.isolation.Plugins",
        "turnbuckle::plugins",
    ),
    ("org.apache.kafka.connect.runtime.rest.RestServer", "turnbuckle::rest"),
    (
        "org.apache.kafka.connect.runtime.rest.RestClient",
        "turnbuckle::rest::forward",
    ),
    (
        "org.apache.kafka.connect.storage.KafkaConfigBackingStore",
        "turnbuckle::storage::config_store",
    ),
    (
        "org.apache.kafka.connect.storage.KafkaOffsetBackingStore",
        "turnbuckle::storage::offset_topic",
    ),
    (
        "org.apache.kafka.connect.storage.FileOffsetBackingStore",
        "turnbuckle::storage::offset_file",
    ),
    (
        "org.apache.kafka.connect.storage.KafkaStatusBackingStore",
        "turnbuckle::storage::status_topic",
    ),
    ("org.apache.kafka.connect.util.KafkaBasedLog", "turnbuckle::kafka::log"),
    ("org.apache.kafka.connect.util.TopicAdmin", "turnbuckle::kafka::admin"),
    ("org.apache.kafka.connect.file", "turnbuckle_file"),
    ("org.apache.kafka.connect.json", "turnbuckle_converters::json"),
    ("org.apache.kafka.connect.transforms", "turnbuckle_transforms"),
    ("org.apache.kafka.clients", "turnbuckle::kafka"),
    ("org.apache.kafka.clients", "librdkafka"),
    ("org.apache.kafka.clients", "rdkafka"),
    ("io.confluent.connect.avro", "turnbuckle_converters::avro"),
    ("io.confluent.connect.elasticsearch", "turnbuckle_elasticsearch"),
    ("io.confluent.connect.jdbc", "turnbuckle_jdbc"),
    ("io.confluent.connect.jdbc.sink", "turnbuckle_jdbc::sink"),
    ("io.confluent.connect.jdbc.source", "turnbuckle_jdbc::source"),
    ("io.confluent.connect.mqtt", "turnbuckle_mqtt"),
    ("io.confluent.kafka.connect.datagen", "turnbuckle_datagen"),
    ("io.confluent.kafka.schemaregistry", "turnbuckle_converters::registry"),
    ("com.github.jcustenborder.kafka.connect.redis", "turnbuckle_redis"),
];
