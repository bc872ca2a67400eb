//! Schemas and records both ways, without a registry.

use super::from_connect::from_connect;
use super::names::{DataOptions, ID};
use super::read::{Reader, read};
use super::to_connect::to_connect;
use super::write::Writer;
use crate::json::scan::Fault;
use crate::registry::{HEADER, ReferencedSchema, RegisteredSchema};
use bytes::Bytes;
use serde_json::{Value as Json, json};
use turnbuckle_api::data::{Decimal, Field, Schema, SchemaBuilder, SchemaRef, Struct, Type};
use turnbuckle_api::{Error, Result, Value};

fn registered(text: &str) -> RegisteredSchema {
    RegisteredSchema {
        id: 1,
        version: Some(1),
        kind: "JSON".into(),
        text: text.into(),
        references: Vec::new(),
        referenced: Vec::new(),
    }
}

fn connect(text: &str) -> Result<SchemaRef> {
    to_connect(&registered(text), None, &DataOptions::default())
}

fn parse(schema: &SchemaRef, text: &str) -> Result<Value> {
    let text = Bytes::copy_from_slice(text.as_bytes());
    read(Some(&Reader::compile(schema)), &text).map_err(|fault| match fault {
        Fault::Data(error) => error,
        Fault::Syntax => Error::data("no JSON"),
    })
}

fn text_of(schema: &SchemaRef, value: &Value) -> Result<String> {
    let mut out = Vec::new();
    Writer::compile(schema, &DataOptions::default()).write(value, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn wide() -> (SchemaRef, Value) {
    let plain = |kind| Schema::primitive(kind, false);
    let field = |name: &str, schema: SchemaRef| Field {
        name: name.into(),
        schema,
    };
    let inner = Schema::structure()
        .name("Inner")
        .field("x", plain(Type::Int8))
        .optional()
        .finish();
    let colours = SchemaBuilder::new(Type::String)
        .parameter("io.confluent.connect.json.Enum", "")
        .parameter("io.confluent.connect.json.Enum.RED", "RED")
        .parameter("io.confluent.connect.json.Enum.BLUE", "BLUE")
        .finish();
    let schema = Schema::structure()
        .name("com.shop.Wide")
        .version(3)
        .doc("all there is")
        .fields(vec![
            field("long", Schema::primitive(Type::Int64, true)),
            field(
                "text",
                SchemaBuilder::new(Type::String)
                    .default_value(Value::text("none"))
                    .finish(),
            ),
            field(
                "price",
                Schema::decimal(2).parameter("connect.decimal.precision", "9").finish(),
            ),
            field("at", Schema::timestamp().finish()),
            field("blob", plain(Type::Bytes)),
            field("list", SchemaBuilder::array(Some(plain(Type::Float32))).finish()),
            field(
                "object",
                SchemaBuilder::map(Some(plain(Type::String)), Some(plain(Type::Int16))).finish(),
            ),
            field(
                "pairs",
                SchemaBuilder::map(Some(plain(Type::Int32)), Some(plain(Type::Boolean))).finish(),
            ),
            field("inner", inner.clone()),
            field("colour", colours),
        ])
        .finish();
    let value = Struct::new(
        schema.clone(),
        vec![
            Value::Null,
            Value::text("ä\"\u{1}"),
            Value::Decimal(Decimal::new(12_345, 2)),
            Value::Date(17),
            Value::Bytes(Bytes::from_static(&[0, 255])),
            Value::Array(vec![Value::Float32(1.5), Value::Float32(-0.25)]),
            Value::Map(vec![(Value::text("a"), Value::Int16(1))]),
            Value::Map(vec![(Value::Int32(7), Value::Boolean(true))]),
            Value::Struct(Struct::new(inner, vec![Value::Int8(-1)])),
            Value::text("BLUE"),
        ],
    );
    (schema, Value::Struct(value))
}

#[test]
fn a_schema_has_the_text_that_java_gives_it() {
    let (schema, _) = wide();
    let text = from_connect(&schema, &DataOptions::default()).unwrap().to_string();
    assert_eq!(text, include_str!("testdata/wide.json").trim_end());
}

#[test]
fn every_kind_of_field_comes_back() {
    let (schema, value) = wide();
    let json = from_connect(&schema, &DataOptions::default()).unwrap().to_string();
    let text = text_of(&schema, &value).unwrap();
    let expected = "{\"long\":null,\"text\":\"ä\\\"\\u0001\",\"price\":\"MDk=\",\"at\":17,\"blob\":\"AP8=\",\
                    \"list\":[1.5,-0.25],\"object\":{\"a\":1},\"pairs\":[{\"key\":7,\"value\":true}],\
                    \"inner\":{\"x\":-1},\"colour\":\"BLUE\"}";
    assert_eq!(text, expected);
    let read = connect(&json).unwrap();
    assert_eq!(read, schema);
    assert_eq!(parse(&read, &text).unwrap(), value);
    assert!(super::compatible::misfit(&schema, &read).is_none());
}

#[test]
fn schemas_of_other_hands_are_read() {
    let text = json!({
        "title": "T",
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "enum": ["x", "y"]},
            "b": {"type": ["null", "integer"]},
            "c": {"oneOf": [{"type": "integer"}, {"type": "string"}, {"$ref": "#/definitions/p"}, {"type": "null"}]},
            "d": {"allOf": [{"$ref": "#/definitions/p"}, {"properties": {"z": {"type": "number"}}}]},
            "e": {"$ref": "other.json"},
            "f": {"const": 1, "type": "integer"}
        },
        "definitions": {"p": {"type": "object", "properties": {"n": {"type": "integer"}, "next": {"$ref": "#/definitions/p"}}}}
    });
    let mut schema = registered(&text.to_string());
    schema.referenced.push(ReferencedSchema {
        name: "other.json".into(),
        text: r#"{"type":"boolean"}"#.into(),
    });
    let options = DataOptions {
        optional_for_nonrequired: true,
        ..DataOptions::default()
    };
    let connect = to_connect(&schema, Some(4), &options).unwrap();
    assert_eq!(connect.version(), Some(4));
    let kinds: Vec<(&str, Type, bool)> = connect
        .fields()
        .iter()
        .map(|field| (&*field.name, field.schema.kind(), field.schema.is_optional()))
        .collect();
    let expected = [
        ("a", Type::String, false),
        ("b", Type::Int64, true),
        ("c", Type::Struct, true),
        ("d", Type::Struct, true),
        ("e", Type::Boolean, true),
        ("f", Type::Int64, true),
    ];
    assert_eq!(kinds, expected);
    let read = parse(
        &connect,
        r#"{"a":"x","c":{"n":1,"next":{"n":2}},"d":{"z":1,"n":5},"more":[{}]}"#,
    )
    .unwrap();
    let read = read.as_struct().unwrap();
    let union = read.get("c").unwrap().as_struct().unwrap();
    let member = union
        .get("io.confluent.connect.json.OneOf.field.2")
        .unwrap()
        .as_struct()
        .unwrap();
    let next = member.get("next").unwrap().as_struct().unwrap();
    assert_eq!(next.get("n"), Some(&Value::Int64(2)));
    assert!(member.schema().parameter(ID).is_some());
    assert_eq!(
        read.get("d").unwrap().as_struct().unwrap().get("z"),
        Some(&Value::Float64(1.0))
    );
    let again = from_connect(&connect, &options).unwrap();
    assert_eq!(
        to_connect(&registered(&again.to_string()), Some(4), &options)
            .unwrap()
            .fields()
            .len(),
        6
    );
}

#[test]
fn what_has_no_counterpart_is_refused() {
    for (text, reason) in [
        ("{}", "EmptySchema"),
        (r#"{"type":"null"}"#, "NullSchema"),
        (r#"{"type":"array"}"#, "did not specify the items type"),
        (r##"{"$ref":"#/definitions/none"}"##, "leads nowhere"),
        (r##"{"$ref":"#"}"##, "nested too deep"),
        (r##"{"allOf":[{"$ref":"#"}]}"##, ""),
        ("no json", "Invalid JSON Schema"),
    ] {
        let error = connect(text).err().unwrap_or_else(|| panic!("{text}"));
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    let schema = connect(r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#).unwrap();
    for (text, reason) in [
        ("[]", "Structs should be encoded as JSON objects, but found ARRAY"),
        (r#"{"a":null}"#, "Invalid null value for required INT64 field"),
        ("{", "no JSON"),
    ] {
        let error = parse(&schema, text).unwrap_err();
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    assert_eq!(
        parse(&schema, "{}").unwrap().as_struct().unwrap().values(),
        [Value::Null]
    );
}

/// What Confluent's own serializer wrote; see the folder's README.
fn people() -> (String, Vec<Bytes>) {
    let recorded: Json = serde_json::from_str(include_str!("../../testdata/confluent/people.json")).unwrap();
    let bytes = |text: &str| -> Bytes {
        let digits = (0..text.len()).step_by(2);
        digits
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let payloads = recorded["payloads"].as_array().unwrap().iter();
    let payloads = payloads.map(|text| bytes(text.as_str().unwrap())).collect();
    (recorded["schema"].as_str().unwrap().to_string(), payloads)
}

#[test]
fn recorded_people_are_read() {
    let (schema, payloads) = people();
    let schema = connect(&schema).unwrap();
    assert_eq!(schema.name(), Some("Person"));
    let reader = Reader::compile(&schema);
    let ada = read(Some(&reader), &payloads[0].slice(HEADER..)).unwrap();
    let ada = ada.as_struct().unwrap();
    assert_eq!(ada.get("name"), Some(&Value::text("Ada")));
    assert_eq!(ada.get("age"), Some(&Value::Int64(36)));
    assert_eq!(ada.get("height"), Some(&Value::Float64(1.65)));
    let friend = ada.get("friend").unwrap().as_struct().unwrap();
    assert_eq!(friend.get("name"), Some(&Value::text("Żółw")));
    assert_eq!(friend.get("age"), Some(&Value::Null));
}

#[test]
fn no_change_of_a_record_makes_the_reader_panic() {
    let (schema, payloads) = people();
    let (wide, value) = wide();
    let wide_text = Bytes::from(text_of(&wide, &value).unwrap());
    let all = payloads
        .iter()
        .map(|payload| (connect(&schema).unwrap(), payload.slice(HEADER..)));
    for (schema, text) in all.chain([(wide, wide_text)]) {
        let reader = Reader::compile(&schema);
        for at in 0..text.len() {
            for byte in [b'"', b'{', b'[', b'0', b'n', b',', 0xff, text[at] ^ 1] {
                let mut changed = text.to_vec();
                changed[at] = byte;
                let _ = read(Some(&reader), &Bytes::from(changed));
            }
            let _ = read(Some(&reader), &text.slice(..at));
        }
    }
}
