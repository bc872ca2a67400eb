//! Cases recorded from a JVM worker, in short form.

use super::*;
use turnbuckle_api::config::{ConfigType, Importance, ParsedValue};

const FILE_SOURCE: &str = "org.apache.kafka.connect.file.FileStreamSourceConnector";
const STRING: &str = "org.apache.kafka.connect.storage.StringConverter";
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";

/// The keys of `MaskField`, in its order.
fn mask_keys() -> &'static ConfigDef {
    static DEF: std::sync::LazyLock<ConfigDef> = std::sync::LazyLock::new(|| {
        ConfigDef::new()
            .define(ConfigKey::new("fields", ConfigType::List, Importance::High, "").validator(Validator::non_empty()))
            .define(ConfigKey::new("replacement", ConfigType::String, Importance::Low, "").default(ParsedValue::Null))
            .define(
                ConfigKey::new("replace.null.with.default", ConfigType::Boolean, Importance::Medium, "")
                    .default(ParsedValue::Boolean(true)),
            )
            .define(ConfigKey::new(
                "negate",
                ConfigType::Int,
                Importance::High,
                "hidden by the implicit key",
            ))
    });
    &DEF
}

/// Stands for the validators of plugins.
struct Validator;

impl Validator {
    fn non_empty() -> turnbuckle_api::config::Validator {
        turnbuckle_api::config::Validator::new(|name, value| match value {
            ParsedValue::List(items) if !items.is_empty() => Ok(()),
            other => Err(Error::invalid_config(name, other, "Empty list")),
        })
    }
}

fn mask(class: &'static str) -> Plugin {
    let kind = PluginKind::Transformation(|_| Err(Error::connect("not made in this test")));
    Plugin {
        class,
        version: Some("1.2"),
        config_def: mask_keys,
        kind,
    }
}

fn plugins() -> Arc<Plugins> {
    let mut list = Plugins::builtin().all().to_vec();
    list.extend([mask("test.Mask$Key"), mask("test.Mask$Value"), mask("test.Blur")]);
    Arc::new(Plugins::new(list))
}

fn validator(policy: OverridePolicy) -> super::Validator {
    let facts = WorkerFacts {
        group_id: Some("workers".to_string()),
        exactly_once_sources: false,
        override_policy: policy,
        key_converter: "String".to_string(),
        value_converter: STRING.to_string(),
        header_converter: "org.apache.kafka.connect.storage.SimpleHeaderConverter".to_string(),
        providers: Arc::default(),
    };
    super::Validator::with_facts(plugins(), facts)
}

fn source(more: &[(&str, &str)]) -> Props {
    let base = [
        ("connector.class", "FileStreamSource"),
        ("name", "v"),
        ("file", "/tmp/v"),
        ("topic", "t"),
    ];
    base.iter().chain(more).copied().collect()
}

fn sink(more: &[(&str, &str)]) -> Props {
    let base = [("connector.class", "FileStreamSink"), ("name", "v"), ("file", "/tmp/v")];
    base.iter().chain(more).copied().collect()
}

async fn validate(props: &Props) -> ConfigInfos {
    validator(OverridePolicy::All).validate(props).await.unwrap()
}

fn value<'a>(infos: &'a ConfigInfos, name: &str) -> &'a ConfigValueInfo {
    let found = infos
        .configs
        .iter()
        .rev()
        .filter_map(|config| config.value.as_ref())
        .find(|value| value.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the answer"))
}

fn definition<'a>(infos: &'a ConfigInfos, name: &str) -> &'a ConfigKeyInfo {
    let mut definitions = infos.configs.iter().filter_map(|config| config.definition.as_ref());
    definitions
        .find(|key| key.name == name)
        .unwrap_or_else(|| panic!("{name} is not defined"))
}

/// Names of the keys in the order of the answer, from `first` on.
fn names_from<'a>(infos: &'a ConfigInfos, first: &str) -> Vec<&'a str> {
    let names = infos
        .configs
        .iter()
        .filter_map(|config| config.value.as_ref())
        .map(|value| value.name.as_str());
    names.skip_while(|name| *name != first).collect()
}

#[tokio::test]
async fn a_good_source_lists_all_keys_in_order() {
    let infos = validate(&source(&[])).await;
    assert_eq!(
        (infos.name.as_str(), infos.error_count, infos.configs.len()),
        ("FileStreamSource", 0, 27)
    );
    let groups = [
        "Common",
        "Transforms",
        "Predicates",
        "Error Handling",
        "Topic Creation",
        "Exactly Once Support",
        "offsets.topic",
    ];
    assert_eq!(infos.groups, groups);
    let orders: Vec<(&str, i32)> = infos
        .configs
        .iter()
        .filter_map(|config| config.definition.as_ref())
        .map(|key| (key.name.as_str(), key.order))
        .collect();
    let expected = [
        ("name", 1),
        ("connector.class", 2),
        ("connector.plugin.version", 3),
        ("tasks.max", 4),
        ("tasks.max.enforce", 5),
        ("key.converter", 6),
        ("key.converter.plugin.version", 7),
        ("value.converter", 8),
        ("value.converter.plugin.version", 9),
        ("header.converter", 10),
        ("header.converter.plugin.version", 11),
        ("transforms", 12),
        ("predicates", 13),
        ("config.action.reload", 14),
        ("errors.retry.timeout", 1),
        ("errors.retry.delay.max.ms", 2),
        ("errors.tolerance", 3),
        ("errors.log.enable", 4),
        ("errors.log.include.messages", 5),
        ("topic.creation.groups", 1),
        ("exactly.once.support", 2),
        ("transaction.boundary", 3),
        ("transaction.boundary.interval.ms", 4),
        ("offsets.storage.topic", 1),
        ("file", -1),
        ("topic", -1),
        ("batch.size", -1),
    ];
    assert_eq!(orders, expected);
    assert_eq!(value(&infos, "key.converter").value.as_deref(), Some(STRING));
    assert_eq!(
        definition(&infos, "key.converter").default_value.as_deref(),
        Some(STRING)
    );
    assert!(
        value(&infos, "key.converter")
            .recommended_values
            .contains(&JSON.to_string())
    );
    assert_eq!(
        value(&infos, "key.converter.plugin.version").recommended_values,
        ["4.1.1"]
    );
    assert_eq!(
        definition(&infos, "connector.plugin.version").default_value.as_deref(),
        Some("4.1.1")
    );
}

#[tokio::test]
async fn errors_are_listed_at_their_keys() {
    let cases: [(Props, usize, &str, &[&str]); 14] = [
        (
            source(&[("tasks.max", "many")]),
            2,
            "tasks.max",
            &[
                "Invalid value many for configuration tasks.max: Not a number of type INT",
                "Invalid value null for configuration tasks.max: Value must be non-null",
            ],
        ),
        (
            source(&[("errors.tolerance", "some")]),
            1,
            "errors.tolerance",
            &["Invalid value some for configuration errors.tolerance: String must be one of: none, all"],
        ),
        (
            source(&[("exactly.once.support", "never")]),
            1,
            "exactly.once.support",
            &[
                "Invalid value never for configuration exactly.once.support: String must be one of (case insensitive): REQUIRED, \
               REQUESTED",
            ],
        ),
        (
            source(&[("transaction.boundary", "sometimes")]),
            1,
            "transaction.boundary",
            &[
                "Invalid value sometimes for configuration transaction.boundary: String must be one of (case insensitive): \
               INTERVAL, POLL, CONNECTOR",
            ],
        ),
        (
            source(&[("transaction.boundary", "connector")]),
            1,
            "transaction.boundary",
            &[
                "The connector does not support connector-defined transaction boundaries with the given configuration. Please \
               reconfigure it to use a different transaction boundary definition.",
            ],
        ),
        (
            source(&[("topic.creation.groups", "a,a")]),
            1,
            "topic.creation.groups",
            &["Invalid value [a, a] for configuration topic.creation.groups: Duplicate alias provided."],
        ),
        (
            source(&[("offsets.storage.topic", "")]),
            1,
            "offsets.storage.topic",
            &["Invalid value  for configuration offsets.storage.topic: String must be non-empty"],
        ),
        (
            source(&[("name", "  ")]),
            1,
            "name",
            &["Invalid value  for configuration name: String may not be empty"],
        ),
        (
            sink(&[]),
            2,
            "topics.regex",
            &["Must configure one of topics or topics.regex"],
        ),
        (
            sink(&[("topics", "a"), ("topics.regex", "b")]),
            2,
            "topics",
            &["topics and topics.regex are mutually exclusive options, but both are set."],
        ),
        (
            sink(&[("topics", " a , d,,a "), ("errors.deadletterqueue.topic.name", " d ")]),
            1,
            "topics",
            &[
                "The DLQ topic 'd' may not be included in the list of topics ('topics=[a, d]') consumed by the connector",
            ],
        ),
        (
            sink(&[("topics.regex", "a.*"), ("errors.deadletterqueue.topic.name", "abc")]),
            1,
            "topics.regex",
            &[
                "The DLQ topic 'abc' may not be matched by the regex for the topics ('topics.regex=a.*') consumed by the \
               connector",
            ],
        ),
        (
            sink(&[("topics", "a"), ("consumer.override.group.id", "workers")]),
            1,
            "topics",
            &[],
        ),
        (
            sink(&[
                ("topics", "a"),
                ("errors.deadletterqueue.topic.replication.factor", "70000"),
            ]),
            1,
            "errors.deadletterqueue.topic.replication.factor",
            &[
                "Invalid value 70000 for configuration errors.deadletterqueue.topic.replication.factor: Not a number of type \
               SHORT",
            ],
        ),
    ];
    for (props, count, key, errors) in cases {
        let infos = validate(&props).await;
        assert_eq!(value(&infos, key).errors, errors, "{key}");
        assert_eq!(infos.error_count, count, "{key}");
    }
}

#[tokio::test]
async fn a_group_conflict_is_an_entry_without_definition() {
    let infos = validate(&sink(&[("topics", "a"), ("consumer.override.group.id", "workers")])).await;
    let first = &infos.configs[0];
    assert_eq!(first.definition, None);
    let conflict = first.value.as_ref().unwrap();
    assert_eq!(conflict.value.as_deref(), Some("workers"));
    assert_eq!(
        conflict.errors,
        ["Consumer group workers conflicts with Connect worker group workers"]
    );
    assert_eq!(definition(&infos, "consumer.override.group.id").importance, "HIGH");

    let facts = WorkerFacts {
        group_id: Some("connect-v".to_string()),
        ..validator(OverridePolicy::All).facts
    };
    let infos = super::Validator::with_facts(plugins(), facts)
        .validate(&sink(&[("topics", "a")]))
        .await
        .unwrap();
    let error = "Consumer group for sink connector named v conflicts with Connect worker group connect-v";
    assert_eq!(value(&infos, "name").errors, [error]);
}

#[tokio::test]
async fn nulls_are_errors_unless_the_connector_knows_the_key() {
    let mut props = source(&[]);
    for key in ["topic", "errors.tolerance", "stray"] {
        props.insert_nullable(key, None);
    }
    let infos = validate(&props).await;
    assert_eq!(infos.error_count, 3);
    assert_eq!((infos.configs[0].definition.is_none(), infos.configs.len()), (true, 28));
    let null = "Null value can not be supplied as the configuration value.";
    assert_eq!(value(&infos, "stray").errors, [null]);
    let choice = "Invalid value null for configuration errors.tolerance: String must be one of: none, all";
    assert_eq!(value(&infos, "errors.tolerance").errors, [choice, null]);
    assert!(value(&infos, "topic").errors.is_empty());
}

#[tokio::test]
async fn transformations_bring_their_keys() {
    let infos = validate(&source(&[
        ("transforms", "m, b"),
        ("transforms.m.type", "test.Mask$Value"),
        ("transforms.m.fields", "a,b"),
        ("transforms.b.type", "Blur"),
        ("transforms.b.negate", "true"),
    ]))
    .await;
    let expected = [
        "transforms.m.type",
        "transforms.m.plugin.version",
        "transforms.m.fields",
        "transforms.m.negate",
        "transforms.m.predicate",
        "transforms.m.replace.null.with.default",
        "transforms.m.replacement",
        "transforms.b.type",
    ];
    assert_eq!(names_from(&infos, "transforms.m.type")[..8], expected);
    assert_eq!(infos.groups[7..], ["Transforms: m", "Transforms: b"]);
    let negate = definition(&infos, "transforms.m.negate");
    assert_eq!(
        (negate.kind.as_str(), negate.order, negate.display_name.as_str()),
        ("BOOLEAN", 3, "negate")
    );
    let kind = definition(&infos, "transforms.m.type");
    assert_eq!(
        (kind.display_name.as_str(), kind.width.as_str()),
        ("Transformation type for m", "LONG")
    );
    let version = definition(&infos, "transforms.m.plugin.version");
    let version = (
        version.default_value.as_deref(),
        version.importance.as_str(),
        version.display_name.as_str(),
    );
    assert_eq!(version, (Some("1.2"), "HIGH", "Transformation version for m"));
    assert_eq!(value(&infos, "transforms.b.type").value.as_deref(), Some("test.Blur"));
    let without_predicate = "Config 'transforms.b.negate' was provided but there is no config 'transforms.b.predicate' defining \
                             a predicate to be negated.";
    assert_eq!(value(&infos, "transforms.b.type").errors, [without_predicate]);
    let fields = [
        "Missing required configuration \"transforms.b.fields\" which has no default value.",
        "Invalid value null for configuration fields: Empty list",
    ];
    assert_eq!(value(&infos, "transforms.b.fields").errors, fields);
}

#[tokio::test]
async fn classes_that_can_not_serve_are_named() {
    let infos = validate(&source(&[
        ("transforms", "a,b,d,e,"),
        ("transforms.a.type", "no.Such"),
        ("transforms.d.type", JSON),
        ("transforms.e.type", "test.Mask"),
        ("key.converter", "no.Such"),
        ("header.converter", "test.Blur"),
    ]))
    .await;
    let cases = [
        (
            "transforms.a.type",
            None,
            "Invalid value no.Such for configuration transforms.a.type: Class no.Such could not be found.",
        ),
        (
            "transforms.b.type",
            None,
            "Missing required configuration \"transforms.b.type\" which has no default value.",
        ),
        (
            "transforms..type",
            None,
            "Missing required configuration \"transforms..type\" which has no default value.",
        ),
        (
            "transforms.d.type",
            Some(JSON),
            "Class class org.apache.kafka.connect.json.JsonConverter does not implement the Transformation interface",
        ),
        (
            "transforms.e.type",
            Some("test.Mask"),
            "This class is abstract and cannot be created. Did you mean test.Mask$Key, test.Mask$Value?",
        ),
        (
            "key.converter",
            None,
            "Invalid value no.Such for configuration key.converter: Class no.Such could not be found.",
        ),
        (
            "header.converter",
            Some("test.Blur"),
            "Class class test.Blur does not implement the HeaderConverter interface",
        ),
    ];
    for (key, text, error) in cases {
        let value = value(&infos, key);
        assert_eq!(
            (value.value.as_deref(), value.errors.as_slice()),
            (text, [error.to_string()].as_slice()),
            "{key}"
        );
    }
    assert_eq!(infos.error_count, cases.len());
    assert!(!value(&infos, "key.converter.plugin.version").visible);
    assert!(value(&infos, "header.converter.plugin.version").visible);
    assert_eq!(definition(&infos, "key.converter.plugin.version").default_value, None);
}

#[tokio::test]
async fn converters_bring_their_keys_at_the_end() {
    let infos = validate(&source(&[
        ("value.converter", "JsonConverter"),
        ("value.converter.schemas.enable", "hm"),
        ("value.converter.decimal.format", "ROMAN"),
        ("header.converter", "SimpleHeaderConverter"),
        ("key.converter", STRING),
    ]))
    .await;
    let expected = [
        "key.converter.converter.type",
        "key.converter.converter.encoding",
        "value.converter.decimal.format",
        "value.converter.converter.type",
        "value.converter.schemas.cache.size",
        "value.converter.replace.null.with.default",
        "value.converter.schemas.enable",
    ];
    assert_eq!(names_from(&infos, "key.converter.converter.type"), expected);
    assert_eq!(infos.groups[7..], ["Serialization", "Schemas"]);
    assert_eq!(infos.error_count, 2);
    assert_eq!(value(&infos, "value.converter").value.as_deref(), Some(JSON));
    assert_eq!(
        value(&infos, "value.converter.converter.type").value.as_deref(),
        Some("value")
    );
    let error = "Invalid value hm for configuration schemas.enable: Expected value to be either true or false";
    assert_eq!(value(&infos, "value.converter.schemas.enable").errors, [error]);
}

#[tokio::test]
async fn overrides_are_shown_and_judged() {
    let props = sink(&[
        ("topics", "a"),
        ("consumer.override.max.poll.records", "5"),
        ("consumer.override.security.protocol", "PLAINTEXT"),
        ("consumer.override.sasl.mechanism", "PLAIN"),
        ("consumer.override.sasl.jaas.config", "secret"),
        ("producer.override.acks", "1"),
    ]);
    let infos = validator(OverridePolicy::Principal).validate(&props).await.unwrap();
    let refusal =
        "The 'Principal' policy does not allow 'max.poll.records' to be overridden in the connector configuration.";
    assert_eq!(value(&infos, "consumer.override.max.poll.records").errors, [refusal]);
    assert_eq!(
        value(&infos, "consumer.override.sasl.jaas.config").value.as_deref(),
        Some("[hidden]")
    );
    assert_eq!(infos.error_count, 1);
    // A sink without dead letters has no producer.
    assert!(infos.configs.iter().all(|config| {
        config
            .value
            .as_ref()
            .is_none_or(|value| !value.name.starts_with("producer"))
    }));

    let error = validator(OverridePolicy::All)
        .validate(&source(&[("producer.override.batch.size", "x")]))
        .await
        .unwrap_err();
    let text = "org.apache.kafka.common.config.ConfigException: Invalid value x for configuration batch.size: Not a number of \
                type INT";
    assert_eq!(error.headline(), text);

    let props = source(&[
        ("producer.override.unknown.key", "x"),
        ("admin.override.retries", "1"),
        ("topic.creation.default.partitions", "1"),
    ]);
    let infos = validate(&props).await;
    assert_eq!(
        names_from(&infos, "producer.override.unknown.key"),
        ["producer.override.unknown.key", "admin.override.retries"]
    );
    assert_eq!(
        definition(&infos, "admin.override.retries").default_value.as_deref(),
        Some("2147483647")
    );
}

#[tokio::test]
async fn a_version_that_is_not_there_leaves_only_framework_keys() {
    for (version, range) in [("0.0.1", "[0.0.1,0.0.1]"), ("", "[,]")] {
        let infos = validate(&source(&[("connector.plugin.version", version)])).await;
        let error = format!(
            "Plugin {FILE_SOURCE} not found that matches the version range {range}, available versions: [4.1.1]"
        );
        assert_eq!((infos.configs.len(), infos.error_count, infos.groups.len()), (19, 2, 4));
        for key in ["connector.class", "connector.plugin.version"] {
            assert_eq!(value(&infos, key).errors, [error.as_str()], "{key}");
        }
        assert_eq!(value(&infos, "key.converter").value, None);
        assert!(!value(&infos, "key.converter.plugin.version").visible);
    }
    assert_eq!(
        validate(&source(&[("connector.plugin.version", "latest")]))
            .await
            .error_count,
        0
    );
}

#[tokio::test]
async fn a_request_gets_all_messages_in_one() {
    let props = source(&[("tasks.max", "0"), ("errors.log.enable", "maybe")]);
    let error = validator(OverridePolicy::All)
        .validate_config(&props)
        .await
        .unwrap_err();
    let HerderError::Status {
        status: 400,
        message: Some(message),
    } = error
    else {
        panic!("{error:?}")
    };
    let expected = "Connector configuration is invalid and contains the following 2 error(s):\n\
                    Invalid value 0 for configuration tasks.max: Value must be at least 1\n\
                    Invalid value maybe for configuration errors.log.enable: Expected value to be either true or false\n\
                    You can also find the above list of errors at the endpoint \
                    `/connector-plugins/{connectorType}/config/validate`";
    assert_eq!(message, expected);
    let error = validator(OverridePolicy::All)
        .validate(&Props::new().with("password", "hush"))
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        Some("Connector config {password=…} contains no connector type")
    );
    assert!(matches!(
        as_herder_error(error),
        HerderError::Status { status: 400, .. }
    ));
}

#[test]
fn plugins_describe_their_keys() {
    let validator = validator(OverridePolicy::All);
    let keys = validator.plugin_config("FileStreamSource", Some("latest")).unwrap();
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(
        (names[..5].to_vec(), names.len()),
        (vec!["file", "topic", "batch.size", "name", "connector.class"], 27)
    );
    assert_eq!(
        keys.iter()
            .find(|key| key.name == "key.converter")
            .and_then(|key| key.default_value.clone()),
        None
    );
    let cases = [
        ("FileStream", None, 404, "Unknown plugin FileStream."),
        (" ", None, 404, "Unknown plugin  ."),
        ("java.lang.String", None, 500, "Instantiation error"),
        ("test.Mask", None, 500, "Instantiation error"),
        (
            "FileConfigProvider",
            None,
            400,
            "Invalid plugin class FileConfigProvider. Valid types are sink, source, converter, header_converter, \
             transformation, predicate.",
        ),
        (
            "test.Blur",
            Some("0.1"),
            400,
            "Plugin test.Blur not found that matches the version range [0.1,0.1], available versions: [1.2]",
        ),
    ];
    for (name, version, expected_status, text) in cases {
        match validator.plugin_config(name, version) {
            Err(HerderError::Status {
                status,
                message: Some(message),
            }) => {
                assert_eq!((status, message.as_str()), (expected_status, text), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
