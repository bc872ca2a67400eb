use super::*;
use turnbuckle_api::{ConfigDef, Props};

fn no_keys() -> &'static ConfigDef {
    static DEF: std::sync::LazyLock<ConfigDef> = std::sync::LazyLock::new(ConfigDef::new);
    &DEF
}

fn transformation(class: &'static str) -> Plugin {
    let refuse = |_: &Props| Err(Error::connect("not made in this test"));
    Plugin {
        class,
        version: None,
        config_def: no_keys,
        kind: PluginKind::Transformation(refuse),
    }
}

#[test]
fn the_list_is_ordered_by_kind_and_class() {
    let plugins = Plugins::builtin();
    let listed: Vec<(&str, &str)> = plugins
        .listed()
        .map(|(kind, plugin)| (kind.name(), plugin.class))
        .collect();
    assert!(listed.contains(&("sink", "org.apache.kafka.connect.file.FileStreamSinkConnector")));
    assert!(listed.contains(&("converter", "org.apache.kafka.connect.json.JsonConverter")));
    assert!(listed.contains(&("header_converter", "org.apache.kafka.connect.json.JsonConverter")));
    assert!(!listed.contains(&("converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter")));
    let mut sorted = listed.clone();
    let kinds = [
        "sink",
        "source",
        "transformation",
        "predicate",
        "converter",
        "header_converter",
    ];
    sorted.sort_by_key(|(kind, class)| (kinds.iter().position(|known| known == kind), *class));
    assert_eq!(listed, sorted);
}

#[test]
fn connectors_are_found_by_class_and_alias() {
    let plugins = Plugins::new(turnbuckle_file::plugins());
    for name in [
        "FileStreamSource",
        "FileStreamSourceConnector",
        "org.apache.kafka.connect.file.FileStreamSourceConnector",
    ] {
        assert_eq!(
            plugins.connector(name).unwrap().class,
            "org.apache.kafka.connect.file.FileStreamSourceConnector"
        );
    }
    for name in [
        "FileStream",
        "filestreamsource",
        " FileStreamSource ",
        "",
        "org.apache.kafka.connect.json.JsonConverter",
    ] {
        let error = plugins.connector(name).unwrap_err();
        let expected = format!(
            "Failed to find any class that implements Connector and which name matches {name}, available connectors are: \
             PluginDesc{{klass=class org.apache.kafka.connect.file.FileStreamSinkConnector, \
             name='org.apache.kafka.connect.file.FileStreamSinkConnector', version='4.1.1', encodedVersion=4.1.1, type=sink, \
             typeName='sink', location='classpath'}}, PluginDesc{{"
        );
        let message = error.message().unwrap();
        assert!(
            message.contains(&expected) || message.contains("io.confluent"),
            "{message}"
        );
        assert_eq!(error.kind(), BAD_REQUEST);
    }
}

#[test]
fn other_kinds_are_found_by_class_and_alias() {
    let plugins = Plugins::builtin();
    for name in ["Json", "JsonConverter", "org.apache.kafka.connect.json.JsonConverter"] {
        assert_eq!(
            plugins.converter(name).unwrap().class,
            "org.apache.kafka.connect.json.JsonConverter"
        );
        assert_eq!(
            plugins.header_converter(name).unwrap().class,
            "org.apache.kafka.connect.json.JsonConverter"
        );
    }
    assert_eq!(
        plugins.header_converter("Simple").unwrap().simple_name(),
        "SimpleHeaderConverter"
    );
    let error = plugins.converter("SimpleHeaderConverter").unwrap_err();
    assert!(
        error
            .message()
            .unwrap()
            .starts_with("Failed to find any class that implements Converter and which name matches")
    );
}

#[test]
fn classes_that_are_no_plugins_are_told_apart() {
    let plugins = Plugins::new(vec![
        transformation("a.Cast$Value"),
        transformation("a.Cast$Key"),
        transformation("a.Filter"),
    ]);
    assert!(matches!(plugins.find("Filter"), Found::Plugin(plugin) if plugin.class == "a.Filter"));
    assert!(matches!(plugins.find("Value"), Found::Plugin(plugin) if plugin.class == "a.Cast$Value"));
    match plugins.find("a.Cast") {
        Found::Abstract { class, nested } => {
            assert_eq!((class.as_str(), nested), ("a.Cast", vec!["a.Cast$Key", "a.Cast$Value"]));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(plugins.find("java.lang.String"), Found::Other(_)));
    assert!(matches!(plugins.find("File"), Found::Other(class) if class.ends_with("provider.FileConfigProvider")));
    for name in ["a.Cas", "Cast$Value", "CastValue", "java.no.such"] {
        assert!(matches!(plugins.find(name), Found::Unknown), "{name}");
    }
}

#[test]
fn a_version_that_is_not_there_is_named() {
    let plugins = Plugins::builtin();
    let plugin = plugins.connector("FileStreamSource").unwrap();
    check_version(plugin, Some("latest")).unwrap();
    check_version(plugin, Some("4.1.1")).unwrap();
    let error = check_version(plugin, Some("0.0.1")).unwrap_err();
    assert_eq!(
        error.message(),
        Some(
            "Plugin org.apache.kafka.connect.file.FileStreamSourceConnector not found that matches the version range \
             [0.0.1,0.0.1], available versions: [4.1.1]"
        )
    );
}
