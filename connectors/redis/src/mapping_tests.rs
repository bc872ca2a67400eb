use super::*;
use crate::commands::shown;
use crate::config::cache;
use bytes::Bytes;
use turnbuckle_api::data::Type;
use turnbuckle_api::testkit::sink_record;
use turnbuckle_api::{Schema, SchemaBuilder, Struct};

fn mapper(extra: &[(&str, &str)]) -> Mapper {
    let props: Props = extra.iter().map(|(key, value)| (*key, *value)).collect();
    Mapper::new(cache::settings(&props).unwrap().write).unwrap()
}

/// Commands of one record, or the message of its error.
fn mapped(extra: &[(&str, &str)], record: &Record) -> Vec<String> {
    let mut commands = Commands::new(false);
    match mapper(extra).map(0, record, &mut commands, true) {
        Ok(()) => shown(commands)
            .iter()
            .map(|line| line.replacen("0..1 ", "", 1))
            .collect(),
        Err(error) => {
            assert!(commands.is_empty(), "nothing is added with an error");
            vec![error.headline()]
        }
    }
}

fn record(key: impl Into<Value>, value: impl Into<Value>) -> Record {
    let plain = |value| SchemaAndValue::schemaless(value);
    sink_record("t", 7, plain(key.into()), plain(value.into()))
}

/// A bus at a place; without a line it has null there.
fn bus(line: Option<&str>) -> Record {
    let schema = SchemaBuilder::new(Type::Struct)
        .field("line", Schema::primitive(Type::String, true))
        .field("longitude", Schema::primitive(Type::Float64, false))
        .field("latitude", Schema::primitive(Type::Float64, false))
        .field("doors", Schema::primitive(Type::Int32, false))
        .field("raw", Schema::primitive(Type::Bytes, false))
        .finish();
    let values = vec![
        line.map_or(Value::Null, Value::text),
        24.94.into(),
        60.17.into(),
        3i32.into(),
        Bytes::from_static(b"xyz").into(),
    ];
    let value = SchemaAndValue::new(schema.clone(), Struct::new(schema, values).into());
    sink_record("t", 7, SchemaAndValue::schemaless("v1".into()), value)
}

const UNFIT: &str = "for the record must be String or Bytes. Consider using the ByteArrayConverter or StringConverter if the \
                     data is stored in Kafka in the format needed in Redis. Another option is to use a single message \
                     transformation to transform the data before it is written to Redis.";
const DATA: &str = "org.apache.kafka.connect.errors.DataException:";

#[test]
fn text_and_bytes_are_set_as_they_are() {
    let bytes = Value::from(Bytes::from_static(b"b\xff"));
    assert_eq!(mapped(&[], &record("k", "v")), ["MSET k v"]);
    assert_eq!(mapped(&[], &record("k", bytes.clone())), ["MSET k b\u{fffd}"]);
    assert_eq!(mapped(&[], &record(bytes, "")), ["MSET b\u{fffd} "]);
    assert_eq!(mapped(&[], &record("k", Value::Null)), ["DEL k"]);
    assert_eq!(
        mapped(&[("redis.charset", "ISO-8859-1")], &record("é", "ü")),
        ["MSET \u{fffd} \u{fffd}"]
    );
    let where_from = "topic = t partition = 0 offset = 7";
    let cases = [
        (
            record(Value::Null, "v"),
            format!("{DATA} The key for the record cannot be null. {where_from}"),
        ),
        (
            record("", "v"),
            format!("{DATA} The key cannot be an empty byte array. {where_from}"),
        ),
        (record(1i32, "v"), format!("{DATA} The key {UNFIT}")),
        (record("k", 1.5f64), format!("{DATA} The value {UNFIT}")),
        (bus(None), format!("{DATA} The value {UNFIT}")),
    ];
    for (record, expected) in cases {
        assert_eq!(mapped(&[], &record), [expected]);
    }
}

#[test]
fn each_structure_has_its_commands() {
    let json = r#"{"line":"7","longitude":24.94,"latitude":60.17,"doors":3,"raw":"eHl6"}"#;
    type Case = (&'static [(&'static str, &'static str)], Record, Vec<String>);
    let cases: Vec<Case> = vec![
        (
            &[("redis.type", "HASH")],
            bus(Some("7")),
            vec!["HSET v1 line 7 longitude 24.94 latitude 60.17 doors 3 raw xyz".into()],
        ),
        (
            &[
                ("redis.type", "hash"),
                ("redis.keyspace", "bus-${topic}"),
                ("redis.key.ttl", "60"),
            ],
            bus(None),
            vec![
                "HSET bus-t:v1 longitude 24.94 latitude 60.17 doors 3 raw xyz".into(),
                "HDEL bus-t:v1 line".into(),
                "EXPIRE bus-t:v1 60".into(),
            ],
        ),
        (
            &[("redis.type", "HASH")],
            record("k", Value::Null),
            vec!["DEL k".into()],
        ),
        (
            &[("redis.type", "JSON")],
            bus(Some("7")),
            vec![format!("JSON.SET v1 $ {json}")],
        ),
        (
            &[("redis.type", "JSON")],
            record("k", "{}"),
            vec!["JSON.SET k $ {}".into()],
        ),
        (
            &[("redis.type", "STREAM"), ("redis.stream.max.length", "9")],
            bus(None),
            vec!["XADD t MAXLEN ~ 9 * longitude 24.94 latitude 60.17 doors 3 raw xyz".into()],
        ),
        (&[("redis.type", "STREAM")], record("k", Value::Null), vec![]),
        (&[("redis.type", "LIST")], record("k", "v"), vec!["RPUSH t v".into()]),
        (
            &[
                ("redis.type", "LIST"),
                ("redis.list.push", "LEFT"),
                ("redis.member", "KEY"),
                ("redis.keyspace", "all"),
            ],
            record("k", "v"),
            vec!["LPUSH all k".into()],
        ),
        (
            &[("redis.type", "LIST")],
            bus(Some("7")),
            vec![format!("RPUSH t {json}")],
        ),
        (&[("redis.type", "SET")], record("k", "v"), vec!["SADD t v".into()]),
        (
            &[("redis.type", "SET"), ("redis.member", "KEY")],
            record("k", Value::Null),
            vec!["SREM t k".into()],
        ),
        (
            &[("redis.type", "ZSET")],
            record("k", 2.5f64),
            vec!["ZADD t 2.5 k".into()],
        ),
        (
            &[("redis.type", "ZSET")],
            record("k", Value::Null),
            vec!["ZREM t k".into()],
        ),
        (
            &[("redis.type", "GEO")],
            bus(None),
            vec!["GEOADD t 24.94 60.17 v1".into()],
        ),
        (
            &[("redis.type", "TIMESERIES")],
            record(1000i64, 2i32),
            vec!["TS.ADD t 1000 2.0".into()],
        ),
        (
            &[("redis.type", "PUBSUB")],
            record("k", "v"),
            vec!["PUBLISH t v".into()],
        ),
        (&[("redis.key.ttl", "5")], record("k", "v"), vec!["SET k v EX 5".into()]),
        (
            &[("redis.keyspace", "a")],
            record(12i32, "v"),
            vec!["MSET a:12 v".into()],
        ),
    ];
    for (extra, record, expected) in cases {
        assert_eq!(mapped(extra, &record), expected, "{extra:?}");
    }
}

#[test]
fn a_header_says_how_long_a_key_lives() {
    let ttl = |value: Value| {
        let mut record = record("k", "v");
        record.headers.add("redis.key.ttl", SchemaAndValue::schemaless(value));
        mapped(&[("redis.key.ttl", "5")], &record).join(";")
    };
    assert_eq!(ttl("60".into()), "SET k v EX 60");
    assert_eq!(ttl(60i64.into()), "SET k v EX 60");
    assert_eq!(ttl("soon".into()), "SET k v EX 5");
    assert_eq!(ttl((-1i32).into()), "SET k v EX 5");
}

#[test]
fn what_does_not_fit_is_refused() {
    let cases: &[(&str, Record, &str)] = &[
        ("HASH", record("k", "v"), "must be a struct or a map"),
        ("STREAM", record("k", 1i32), "but it is java.lang.Integer"),
        ("ZSET", record("k", "v"), "The value for the record must be a number"),
        (
            "TIMESERIES",
            record("k", 1i32),
            "The key for the record must be a number",
        ),
        ("GEO", record("k", "v"), "a number in its field longitude"),
        (
            "ZSET",
            record(Value::Null, 1i32),
            "The key for the record cannot be null",
        ),
    ];
    for (structure, record, expected) in cases {
        let message = mapped(&[("redis.type", structure)], record).join(";");
        assert!(
            message.starts_with(DATA) && message.contains(expected),
            "{structure}: {message}"
        );
    }
}
