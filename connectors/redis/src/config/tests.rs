use super::*;
use crate::connection::Topology;
use turnbuckle_api::{Config, Props};

fn props(extra: &[(&str, &str)]) -> Props {
    extra.iter().map(|(key, value)| (*key, *value)).collect()
}

#[test]
fn hosts_are_read() {
    let cases = [
        ("h", Some("h:6379")),
        ("h:7000", Some("h:7000")),
        ("[::1]:7000", Some("[::1]:7000")),
        ("[::1]", Some("[::1]:6379")),
        ("::1", Some("[::1]:6379")),
        ("h:", Some("h:6379")),
        ("h:x", None),
        ("h:0", None),
        ("h:70000", None),
        ("", None),
        ("redis://h", None),
        ("[::1", None),
        ("[::1]7", None),
    ];
    for (text, expected) in cases {
        let parsed = HostPort::parse(text, 6379).map(|host| host.to_string());
        assert_eq!(parsed.as_deref(), expected, "{text}");
    }
}

#[test]
fn defaults_are_the_references() {
    let settings = cache::settings(&props(&[])).unwrap();
    assert_eq!(settings.connect.topology.to_string(), "localhost:6379");
    assert_eq!((settings.connect.database, settings.attempts), (1, 3));
    assert_eq!(settings.write.structure, Structure::String);
    let settings = structures::settings(&props(&[])).unwrap();
    assert_eq!(settings.connect.topology.to_string(), "localhost:6379");
    assert_eq!(
        (settings.connect.database, settings.write.structure),
        (0, Structure::Stream)
    );
}

#[test]
fn addresses_and_logins_come_from_keys_or_uri() {
    let cluster = cache::settings(&props(&[("redis.client.mode", "Cluster"), ("redis.hosts", "a:1, b")])).unwrap();
    assert_eq!(cluster.connect.topology.to_string(), "the cluster of a:1,b:6379");
    let sentinel = cache::settings(&props(&[
        ("redis.client.mode", "Sentinel"),
        ("redis.hosts", "a,b:1"),
        ("redis.sentinel.master", "m"),
    ]));
    assert_eq!(
        sentinel.unwrap().connect.topology.to_string(),
        "master m of the sentinels a:26379,b:1"
    );
    let uri = structures::settings(&props(&[("redis.uri", "redis://u:p@h:7/4"), ("redis.password", "q")])).unwrap();
    assert!(matches!(&uri.connect.topology, Topology::Standalone(host) if host.port == 7));
    assert_eq!((uri.connect.username, uri.connect.database), (None, 4));
    assert_eq!(uri.connect.password.unwrap().reveal(), "q");
}

#[test]
fn older_names_of_structures_count_unless_there_is_a_newer_one() {
    let structure = |extra: &[(&str, &str)]| {
        let write = structures::settings(&props(extra)).unwrap().write;
        (write.structure, write.push)
    };
    assert_eq!(structure(&[("redis.command", "LPUSH")]), (Structure::List, Push::Left));
    assert_eq!(structure(&[("redis.command", "hset")]), (Structure::Hash, Push::Right));
    assert_eq!(
        structure(&[("redis.command", "HSET"), ("redis.type", "SET")]),
        (Structure::Set, Push::Right)
    );
}

#[test]
fn what_is_wrong_is_named() {
    type Parse = fn(&Props) -> turnbuckle_api::Result<Settings>;
    type Case = (Parse, &'static [(&'static str, &'static str)], &'static str);
    let cases: &[Case] = &[
        (
            cache::settings,
            &[("redis.client.mode", "Sentry")],
            "Invalid value 'Sentry' is not a valid value for ClientMode. Valid values are Standalone, Cluster, Sentinel. for \
             configuration redis.client.mode",
        ),
        (
            cache::settings,
            &[("redis.charset", "UTF-9")],
            "Invalid value UTF-9 for configuration redis.charset: Charset is invalid.",
        ),
        (
            cache::settings,
            &[("redis.operation.timeout.ms", "99")],
            "Invalid value 99 for configuration redis.operation.timeout.ms: Value must be at least 100",
        ),
        (
            cache::settings,
            &[("redis.hosts", "a:b")],
            "Invalid value a:b for configuration redis.hosts: Must be host",
        ),
        (
            cache::settings,
            &[("redis.client.mode", "Sentinel")],
            "redis.sentinel.master: Must be given",
        ),
        (
            cache::settings,
            &[
                ("redis.ssl.enabled", "true"),
                ("redis.ssl.truststore.path", "/no/such.jks"),
            ],
            "redis.ssl.truststore.path: cannot read /no/such.jks",
        ),
        (
            cache::settings,
            &[("redis.client.mode", "Cluster"), ("redis.offset.storage", "REDIS")],
            "redis.offset.storage: REDIS needs one transaction",
        ),
        (
            structures::settings,
            &[("redis.multiexec", "true"), ("redis.type", "HASH")],
            "redis.multiexec: multi/exec is only supported with these data structures: STREAM, LIST, SET, ZSET",
        ),
        (
            structures::settings,
            &[("redis.type", "TREE")],
            "Invalid value TREE for configuration redis.type: String must be",
        ),
        (
            structures::settings,
            &[("redis.uri", "h:1")],
            "Invalid value for configuration redis.uri: it must begin",
        ),
        (
            structures::settings,
            &[("redis.tls", "true"), ("redis.key.file", "/k.pem")],
            "redis.key.cert must name",
        ),
    ];
    for (parse, extra, expected) in cases {
        let error = parse(&props(extra)).unwrap_err();
        let message = error.message().unwrap_or_default();
        assert!(message.starts_with(expected), "{extra:?}: {message}");
    }
}

#[test]
fn definitions_are_listed_in_the_references_order() {
    let names = |def: &turnbuckle_api::ConfigDef| {
        let keys = def.keys().iter().take(4);
        keys.map(|key| key.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(cache::CacheConfig::config_def()),
        "redis.hosts redis.client.mode redis.ssl.enabled redis.password"
    );
    assert_eq!(
        names(structures::StructuresConfig::config_def()),
        "redis.cluster redis.host redis.port redis.uri"
    );
}
