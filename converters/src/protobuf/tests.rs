//! Schemas and records both ways, without a registry.

use super::definition::render;
use super::descriptors::Descriptors;
use super::from_connect::{Written, from_connect};
use super::names::{DataOptions, GENERALIZED_UNION, TAG, TYPE};
use super::reader::ProtobufReader;
use super::to_connect::to_connect;
use bytes::Bytes;
use turnbuckle_api::data::{Decimal, Field, Schema, SchemaBuilder, SchemaRef, Struct, Type};
use turnbuckle_api::{Error, Result, SchemaAndValue, Value};

fn field(name: &str, schema: SchemaRef) -> Field {
    Field {
        name: name.into(),
        schema,
    }
}

fn structure(name: &str, fields: Vec<Field>) -> SchemaRef {
    Schema::structure().name(name).fields(fields).finish()
}

fn plain(kind: Type) -> SchemaRef {
    Schema::primitive(kind, false)
}

fn text_of(schema: &SchemaRef, options: &DataOptions) -> Result<String> {
    match from_connect(schema, options)?.0 {
        Written::File(file) => render(&file),
        Written::Wrapper(place) => Ok(super::known::WRAPPERS[place].to_string()),
    }
}

/// The text and the bytes of a value.
fn written(schema: &SchemaRef, value: &Value, options: &DataOptions) -> Result<(String, Vec<u8>)> {
    let text = text_of(schema, options)?;
    let mut out = Vec::new();
    from_connect(schema, options)?.1.write(value, &mut out)?;
    Ok((text, out))
}

fn reader(text: &str, indexes: &[i32], options: &DataOptions) -> Result<ProtobufReader> {
    let descriptors = Descriptors::parse(text, &[])?;
    let message = descriptors.by_indexes(indexes)?;
    to_connect(&descriptors, &message, None, options)
}

fn read(text: &str, payload: &[u8], options: &DataOptions) -> Result<SchemaAndValue> {
    let payload = Bytes::copy_from_slice(payload);
    let reader = reader(text, &[0], options)?;
    let outcome = reader.read(&payload, 0);
    outcome.map_err(|fault| fault.cause().unwrap_or_else(|error| error))
}

/// Every kind of field.
fn wide() -> (SchemaRef, Value) {
    let optional = |kind| Schema::primitive(kind, true);
    let inner = structure("com.shop.Inner", vec![field("id", plain(Type::Int32))]);
    let map = SchemaBuilder::map(Some(plain(Type::String)), Some(plain(Type::Int64))).name("com.shop.my_counts");
    let colour = SchemaBuilder::new(Type::String)
        .name("com.shop.Colour")
        .parameter("io.confluent.connect.protobuf.Enum", "Colour")
        .parameter("io.confluent.connect.protobuf.Enum.RED", "0")
        .parameter("io.confluent.connect.protobuf.Enum.BLUE", "5");
    let tagged = |kind, number: &str| SchemaBuilder::new(kind).optional().parameter(TAG, number).finish();
    let union = Schema::structure()
        .name("io.confluent.connect.protobuf.Union.choice")
        .field("word", tagged(Type::String, "31"))
        .field("number", tagged(Type::Int32, "30"))
        .optional();
    let schema = structure(
        "com.shop.Wide",
        vec![
            field("tiny", plain(Type::Int8)),
            field("short", plain(Type::Int16)),
            field("int", plain(Type::Int32)),
            field("long", optional(Type::Int64)),
            field(
                "zigzag",
                SchemaBuilder::new(Type::Int64).parameter(TYPE, "sint64").finish(),
            ),
            field(
                "unsigned",
                SchemaBuilder::new(Type::Int64).parameter(TYPE, "uint32").finish(),
            ),
            field("float", plain(Type::Float32)),
            field("double", plain(Type::Float64)),
            field("flag", plain(Type::Boolean)),
            field("text", plain(Type::String)),
            field("blob", plain(Type::Bytes)),
            field(
                "price",
                Schema::decimal(2).parameter("connect.decimal.precision", "9").finish(),
            ),
            field("day", Schema::date().optional().finish()),
            field("time", Schema::time().finish()),
            field("at", Schema::timestamp().finish()),
            field("list", SchemaBuilder::array(Some(plain(Type::Int32))).finish()),
            field("inners", SchemaBuilder::array(Some(inner.clone())).finish()),
            field("counts", map.finish()),
            field("inner", inner.clone()),
            field("colour", colour.finish()),
            field("choice", union.clone().finish()),
        ],
    );
    let one = |id: i32| Value::Struct(Struct::new(inner.clone(), vec![id.into()]));
    let value = Struct::new(
        schema.clone(),
        vec![
            Value::Int8(-3),
            Value::Int16(300),
            Value::Int32(0),
            Value::Null,
            Value::Int64(-2),
            Value::Int64(4_000_000_000),
            Value::Float32(1.5),
            Value::Float64(-0.0),
            Value::Boolean(true),
            Value::text("käse"),
            Value::Bytes(Bytes::from_static(&[1, 2])),
            Value::Decimal(Decimal::new(12_345, 2)),
            Value::Null,
            Value::Date(3_723_004),
            Value::Date(-1),
            Value::Array(vec![1.into(), (-1).into(), 300.into()]),
            Value::Array(vec![one(7), one(0)]),
            Value::Map(vec![
                (Value::text("a"), Value::Int64(1)),
                (Value::text(""), Value::Int64(0)),
            ]),
            one(0),
            Value::text("BLUE"),
            Value::Struct(Struct::new(union.finish(), vec![Value::Null, Value::Int32(0)])),
        ],
    );
    (schema, Value::Struct(value))
}

#[test]
fn a_schema_has_the_text_that_java_gives_it() {
    let (schema, value) = wide();
    let (text, _) = written(&schema, &value, &DataOptions::default()).unwrap();
    let expected = include_str!("testdata/wide.proto");
    assert_eq!(text, expected);
}

#[test]
fn every_kind_of_field_comes_back() {
    let (schema, value) = wide();
    let (text, bytes) = written(&schema, &value, &DataOptions::default()).unwrap();
    let cell = read(&text, &bytes, &DataOptions::default()).unwrap();
    let Value::Struct(read) = &cell.value else {
        panic!("{cell:?}")
    };
    let Value::Struct(given) = &value else {
        panic!("{value:?}")
    };
    assert_eq!(cell.schema.as_ref().unwrap().name(), Some("Wide"));
    for (name, expected) in [("long", Value::Int64(0)), ("day", Value::Null)] {
        assert_eq!(read.get(name), Some(&expected), "{name}");
    }
    for name in [
        "tiny", "short", "int", "zigzag", "unsigned", "float", "double", "flag", "text", "blob", "price", "time", "at",
        "list", "counts", "colour",
    ] {
        assert_eq!(read.get(name), given.get(name), "{name}");
        let kinds = [read, given].map(|s| s.schema().field(name).unwrap().schema.clone());
        assert_eq!(kinds[0].kind(), kinds[1].kind(), "{name}");
        assert_eq!(kinds[0].logical(), kinds[1].logical(), "{name}");
    }
    let price = read.schema().field("price").unwrap();
    assert_eq!(price.schema.parameter("scale"), Some("2"));
    assert_eq!(price.schema.parameter("connect.decimal.precision"), Some("9"));
    let choice = read.get("choice_0").unwrap().as_struct().unwrap();
    assert_eq!(
        choice.schema().name(),
        Some("io.confluent.connect.protobuf.Union.choice")
    );
    assert_eq!(choice.get("number"), Some(&Value::Int32(0)));
    assert_eq!(choice.get("word"), Some(&Value::Null));
    assert_eq!(
        read.get("inner").unwrap().as_struct().unwrap().get("id"),
        Some(&Value::Int32(0))
    );
    let map = &read.schema().field("counts").unwrap().schema;
    assert_eq!(map.name(), Some("my_counts"));
    // What was read can be written again: numbers are kept.
    let (again, same) = written(cell.schema.as_ref().unwrap(), &cell.value, &DataOptions::default()).unwrap();
    assert_eq!(same, bytes, "{again}");
}

#[test]
fn single_values_use_the_known_wrappers() {
    for (kind, value, bytes, wrapper) in [
        (
            Type::Int32,
            Value::Int32(150),
            &[8, 150, 1][..],
            "google.protobuf.Int32Value",
        ),
        (Type::Int64, Value::Int64(0), &[], "google.protobuf.Int64Value"),
        (
            Type::String,
            Value::text("a"),
            &[10, 1, 97],
            "google.protobuf.StringValue",
        ),
        (
            Type::Boolean,
            Value::Boolean(true),
            &[8, 1],
            "google.protobuf.BoolValue",
        ),
    ] {
        let (name, out) = written(&plain(kind), &value, &DataOptions::default()).unwrap();
        assert_eq!((name.as_str(), out.as_slice()), (wrapper, bytes));
        let descriptors = Descriptors::parse(super::known::WRAPPERS_TEXT, &[]).unwrap();
        let indexes = descriptors.indexes_of(wrapper);
        let message = descriptors.by_indexes(&indexes).unwrap();
        let reader = to_connect(&descriptors, &message, Some(3), &DataOptions::default()).unwrap();
        let cell = reader.read(&Bytes::copy_from_slice(bytes), 0).unwrap();
        assert_eq!(cell.value, value);
        assert_eq!(cell.schema.unwrap().version(), Some(3));
    }
}

#[test]
fn nulls_by_option() {
    let schema = structure(
        "N",
        vec![
            field("a", Schema::primitive(Type::Int32, true)),
            field("b", Schema::primitive(Type::String, true)),
        ],
    );
    let value = Value::Struct(Struct::new(schema.clone(), vec![Value::Null, Value::text("")]));
    let optional = DataOptions {
        optional_nullables: true,
        ..DataOptions::default()
    };
    let wrapper = DataOptions {
        wrapper_nullables: true,
        ..DataOptions::default()
    };
    for (options, part, bytes) in [
        (DataOptions::default(), "int32 a = 1;", &[][..]),
        (optional, "optional int32 a = 1;", &[18, 0]),
        (wrapper, "google.protobuf.Int32Value a = 1;", &[18, 0]),
    ] {
        let (text, out) = written(&schema, &value, &options).unwrap();
        assert!(text.contains(part), "{text}");
        assert_eq!(out, bytes);
        let cell = read(&text, &out, &options).unwrap();
        let read = cell.value.as_struct().unwrap();
        if part.starts_with("int32") {
            assert_eq!(read.values(), [Value::Int32(0), Value::text("")]);
        } else {
            assert_eq!(read.values(), [Value::Null, Value::text("")], "{text}");
            assert!(read.schema().fields().iter().all(|field| field.schema.is_optional()));
        }
    }
}

const OLD: &str = r#"
    syntax = "proto2";
    package old;
    message Thing {
      required int32 id = 1;
      optional string name = 2 [default = "nobody"];
      repeated int32 plain = 3;
      repeated int32 packed = 4 [packed = true, (my.custom) = { a: 1 }];
      optional Kind kind = 5;
      optional Thing child = 6;
      enum Kind { A = 1; B = 2; }
      map<string, Thing> things = 7;
      extensions 100 to 200;
    }
"#;

#[test]
fn proto2_is_read() {
    let options = DataOptions::default();
    // id 5; plain unpacked and packed; an unknown enum number; a child in two parts; an unknown group.
    let bytes = [
        8, 5, 24, 1, 26, 2, 2, 3, 34, 1, 9, 40, 7, 50, 2, 8, 1, 50, 3, 18, 1, 120, 243, 1, 8, 1, 244, 1,
    ];
    let cell = read(OLD, &bytes, &options).unwrap();
    let thing = cell.value.as_struct().unwrap();
    assert_eq!(thing.get("id"), Some(&Value::Int32(5)));
    assert_eq!(thing.get("name"), Some(&Value::Null));
    assert_eq!(
        thing.get("plain"),
        Some(&Value::Array(vec![1.into(), 2.into(), 3.into()]))
    );
    assert_eq!(thing.get("packed"), Some(&Value::Array(vec![9.into()])));
    assert_eq!(thing.get("kind"), Some(&Value::Null));
    let child = thing.get("child").unwrap().as_struct().unwrap();
    assert_eq!(child.get("id"), Some(&Value::Int32(1)));
    assert_eq!(child.get("name"), Some(&Value::text("x")));
    assert_eq!(thing.get("things"), Some(&Value::Map(Vec::new())));
    assert!(cell.schema.unwrap().is_optional(), "a message that contains itself");
    let with_defaults = DataOptions {
        optional_proto2: false,
        ..options
    };
    let cell = read(OLD, &bytes, &with_defaults).unwrap();
    let thing = cell.value.as_struct().unwrap();
    assert_eq!(thing.get("name"), Some(&Value::text("nobody")));
    assert_eq!(thing.get("kind"), Some(&Value::text("A")));
}

#[test]
fn broken_bytes_are_refused() {
    let message = |error: Error| error.message().unwrap_or_default().to_string();
    for (bytes, reason) in [
        (&[][..], "missing required fields: id"),
        (&[8], "unexpectedly"),
        (
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            "malformed varint",
        ),
        (&[0], "invalid tag"),
        (&[18, 200], "unexpectedly"),
        (&[8, 1, 18, 200, 255, 255, 255, 15], "unexpectedly"),
        (&[8, 1, 15], "wire type"),
        (&[8, 1, 12], "end-group"),
    ] {
        let error = read(OLD, bytes, &DataOptions::default()).unwrap_err();
        assert!(message(error).contains(reason), "{bytes:?} {reason}");
    }
    let mut deep = vec![8, 1];
    for _ in 0..150 {
        let mut outer = vec![8, 1, 50];
        super::writer::put_bytes(&deep, &mut outer);
        deep = outer;
    }
    let error = read(OLD, &deep, &DataOptions::default()).unwrap_err();
    assert!(message(error).contains("too many levels"));
}

#[test]
fn unions_of_other_formats() {
    let options = DataOptions {
        generalized: true,
        index_unions: false,
        enhanced: true,
        int_enums: true,
        ..DataOptions::default()
    };
    let text = r#"
        syntax = "proto3";
        package p;
        message M { oneof pick { string a = 1; M b = 2; } E e = 3; map<int32, E> by = 4; }
        enum E { X = 0; Y = 3; }
    "#;
    let cell = read(text, &[18, 0, 18, 2, 24, 3, 34, 4, 8, 1, 16, 9], &options).unwrap();
    let schema = cell.schema.unwrap();
    assert_eq!(schema.name(), Some("p.M"));
    let union = &schema.field("pick").unwrap().schema;
    assert_eq!(union.parameter(GENERALIZED_UNION), Some("pick"));
    let read = cell.value.as_struct().unwrap();
    let inner = read.get("pick").unwrap().as_struct().unwrap().get("b").unwrap();
    assert_eq!(inner.as_struct().unwrap().get("e"), Some(&Value::Int32(3)));
    assert_eq!(read.get("by"), Some(&Value::Map(vec![(1.into(), Value::Int32(9))])));
    assert_eq!(schema.field("e").unwrap().schema.name(), Some("p.E"));
}

#[test]
fn what_protobuf_can_not_hold_is_refused() {
    let tagged = |number: &str| SchemaBuilder::new(Type::Int32).parameter(TAG, number).finish();
    let list = SchemaBuilder::array(Some(plain(Type::Int32))).finish();
    for (schema, reason) in [
        (
            structure("S", vec![field("a-b", plain(Type::Int32))]),
            "\"a-b\" is not a valid identifier",
        ),
        (structure("S-x", vec![]), "\"S-x\" is not a valid identifier"),
        (
            structure("S", vec![field("a", tagged("0"))]),
            "Field numbers must be positive",
        ),
        (
            structure("S", vec![field("a", tagged("1")), field("b", tagged("1"))]),
            "number",
        ),
        (
            structure("S", vec![field("a", SchemaBuilder::array(Some(list)).finish())]),
            "Array cannot be nested",
        ),
        (
            SchemaBuilder::array(Some(plain(Type::Int32))).finish(),
            "Unsupported root schema of type ARRAY",
        ),
        (Schema::date().finish(), "HoistField"),
    ] {
        let outcome = text_of(&schema, &DataOptions::default()).and_then(|text| Descriptors::parse(&text, &[]));
        let error = outcome.err().unwrap_or_else(|| panic!("{reason}"));
        assert!(error.to_string().contains(reason), "{error}");
    }
    let scrub = DataOptions {
        scrub: true,
        ..DataOptions::default()
    };
    let text = text_of(&structure("S-x", vec![field("a-b", plain(Type::Int32))]), &scrub).unwrap();
    assert!(text.contains("message S_x {\n  int32 a_b = 1;\n}"), "{text}");
}

/// What Confluent's own serializer wrote; see the folder's README.
mod recorded {
    use super::*;
    use crate::registry::HEADER;
    use serde_json::Value as Json;

    const TEXT: &str = include_str!("../../testdata/confluent/order.proto");
    const RECORDED: &str = include_str!("../../testdata/confluent/orders.json");

    fn payloads() -> (String, Vec<Bytes>) {
        let recorded: Json = serde_json::from_str(RECORDED).unwrap();
        let bytes = |text: &str| -> Bytes {
            let digits = (0..text.len()).step_by(2);
            digits
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        let payloads = recorded["payloads"].as_array().unwrap();
        let payloads = payloads.iter().map(|text| bytes(text.as_str().unwrap())).collect();
        (recorded["schema"].as_str().unwrap().to_string(), payloads)
    }

    /// A payload by the message that its frame names.
    fn read(schema: &str, payload: &Bytes) -> SchemaAndValue {
        let (indexes, start) = super::super::frame::indexes(payload, HEADER).unwrap();
        assert_eq!(indexes, [1]);
        let reader = reader(schema, &indexes, &DataOptions::default()).unwrap();
        reader.read(payload, start).unwrap()
    }

    #[test]
    fn records_are_read_by_text_and_by_descriptor() {
        let (descriptor, payloads) = payloads();
        for payload in &payloads {
            let by_text = read(TEXT, payload);
            assert_eq!(by_text, read(&descriptor, payload));
        }
        let cell = read(TEXT, &payloads[0]);
        let order = cell.value.as_struct().unwrap();
        let line = |value: &Value, field: &str| value.as_struct().unwrap().get(field).cloned();
        for (field, expected) in [
            ("id", Value::Int64(-5)),
            ("balance", Value::Int64(-7)),
            ("count", Value::Int64(4_000_000_000)),
            ("hash", Value::Int64(i64::MAX)),
            ("shift", Value::Int32(-9)),
            ("open", Value::Boolean(true)),
            ("customer", Value::text("Żółw")),
            ("blob", Value::Bytes(Bytes::from_static(&[0, 255]))),
            ("state", Value::text("PAID")),
            ("note", Value::text("")),
            ("at", Value::Date(1_709_209_815_250)),
            ("day", Value::Date(19_782 * 86_400_000)),
            ("time", Value::Date(3_723_004)),
            ("maybe", Value::text("")),
            ("numbers", Value::Array(vec![1.into(), (-1).into(), 300.into()])),
            ("rate", Value::Float32(2.5)),
        ] {
            assert_eq!(order.get(field), Some(&expected), "{field}");
        }
        let Some(Value::Array(lines)) = order.get("lines") else {
            panic!("no lines")
        };
        assert_eq!(line(&lines[0], "change"), Some(Value::Int32(-2)));
        assert_eq!(line(&lines[1], "prices"), Some(Value::Array(Vec::new())));
        let payment = order.get("payment_0").unwrap();
        assert_eq!(line(payment, "card"), Some(Value::Null));
        assert_eq!(
            line(&line(payment, "credit").unwrap(), "article"),
            Some(Value::text("tea"))
        );
        assert_eq!(line(order.get("parent").unwrap(), "id"), Some(Value::Int64(6)));
        let empty = read(TEXT, &payloads[1]);
        let empty = empty.value.as_struct().unwrap();
        for field in ["note", "at", "maybe", "payment_0", "parent"] {
            assert_eq!(empty.get(field), Some(&Value::Null), "{field}");
        }
    }

    /// With presence kept, what was read and written is read the same.
    #[test]
    fn records_come_back() {
        let (_, payloads) = payloads();
        let options = DataOptions {
            optional_nullables: true,
            ..DataOptions::default()
        };
        for payload in &payloads {
            let (_, start) = super::super::frame::indexes(payload, HEADER).unwrap();
            let cell = reader(TEXT, &[1], &options).unwrap().read(payload, start).unwrap();
            let (text, out) = written(cell.schema.as_ref().unwrap(), &cell.value, &options).unwrap();
            let again = super::read(&text, &out, &options).unwrap();
            assert_eq!(again.value, cell.value, "{text}");
        }
    }

    #[test]
    fn no_change_of_a_record_makes_the_reader_panic() {
        let (descriptor, payloads) = payloads();
        let reader = reader(&descriptor, &[1], &DataOptions::default()).unwrap();
        for payload in &payloads {
            for at in 0..payload.len() {
                for byte in [0, 1, 0x7f, 0x80, 0xff, payload[at] ^ 1, payload[at].wrapping_add(8)] {
                    let mut changed = payload.to_vec();
                    changed[at] = byte;
                    let changed = Bytes::from(changed);
                    if let Ok((_, start)) = super::super::frame::indexes(&changed, HEADER) {
                        let _ = reader.read(&changed, start);
                    }
                    let _ = reader.read(&changed.slice(..at), HEADER.min(at));
                }
            }
        }
    }
}
