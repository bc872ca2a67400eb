//! Round trips of random schemas and values, hostile payloads, and resolution; single rules are tested by their modules.

use super::compile_reader::compile_reader;
use super::compile_writer::compile_writer;
use super::from_connect::from_connect;
use super::names::DataOptions;
use super::parse::parse;
use super::render::render;
use bytes::Bytes;
use proptest::prelude::*;
use turnbuckle_api::data::{Decimal, Schema, SchemaBuilder, SchemaRef, Struct, Type};
use turnbuckle_api::{SchemaAndValue, Value};

const NO_REFERENCES: &[&str] = &[];

/// The form of a schema; values are made from it by a counter.
#[derive(Clone, Debug)]
enum Plan {
    Plain(Type),
    Decimal,
    Date,
    Time,
    Timestamp,
    Fixed,
    Array(Box<Plan>),
    TextMap(Box<Plan>),
    Map(Box<Plan>),
    Struct(Vec<Plan>),
    Optional(Box<Plan>),
}

fn plans() -> impl Strategy<Value = Plan> {
    let plain = (0..9usize).prop_map(|index| Plan::Plain(Type::ALL[index]));
    let leaf = prop_oneof![
        6 => plain,
        1 => Just(Plan::Decimal),
        1 => Just(Plan::Date),
        1 => Just(Plan::Time),
        1 => Just(Plan::Timestamp),
        1 => Just(Plan::Fixed),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            inner.clone().prop_map(|plan| Plan::Array(Box::new(plan))),
            inner.clone().prop_map(|plan| Plan::TextMap(Box::new(plan))),
            inner.clone().prop_map(|plan| Plan::Map(Box::new(plan))),
            prop::collection::vec(inner.clone(), 0..5).prop_map(Plan::Struct),
            inner.prop_map(|plan| match plan {
                Plan::Optional(_) => plan,
                other => Plan::Optional(Box::new(other)),
            }),
        ]
    })
}

struct Maker {
    names: usize,
    seed: u64,
}

impl Maker {
    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn schema(&mut self, plan: &Plan) -> SchemaRef {
        self.builder(plan, false)
    }

    fn builder(&mut self, plan: &Plan, optional: bool) -> SchemaRef {
        self.names += 1;
        let name = format!("n{}.T{}", self.names % 3, self.names);
        let builder = match plan {
            Plan::Plain(Type::Int32) if optional => SchemaBuilder::new(Type::Int32).default_value(Value::Int32(5)),
            Plan::Plain(Type::String) => SchemaBuilder::new(Type::String)
                .name(name)
                .version(3)
                .parameter("p", "q"),
            Plan::Plain(kind) => SchemaBuilder::new(*kind).doc("about"),
            Plan::Decimal => Schema::decimal(2),
            Plan::Date => Schema::date(),
            Plan::Time => Schema::time(),
            Plan::Timestamp => Schema::timestamp(),
            Plan::Fixed => SchemaBuilder::new(Type::Bytes)
                .name(name)
                .parameter("connect.fixed.size", "3"),
            Plan::Array(items) => SchemaBuilder::array(Some(self.schema(items))),
            Plan::TextMap(values) => {
                SchemaBuilder::map(Some(Schema::primitive(Type::String, false)), Some(self.schema(values)))
            }
            Plan::Map(values) => {
                let keys = Schema::primitive(Type::Int64, false);
                SchemaBuilder::map(Some(keys), Some(self.schema(values))).name(name)
            }
            Plan::Struct(fields) => {
                let start = Schema::structure().name(name);
                fields.iter().enumerate().fold(start, |builder, (index, field)| {
                    let schema = self.schema(field);
                    builder.field(format!("f{index}"), schema)
                })
            }
            Plan::Optional(inner) => return self.builder(inner, true),
        };
        builder.with_optional(optional).finish()
    }

    fn value(&mut self, schema: &SchemaRef) -> Value {
        let number = self.next();
        if schema.is_optional() && number.is_multiple_of(3) && schema.default_value().is_none() {
            return Value::Null;
        }
        match schema.name() {
            Some(name) if name.ends_with(".Decimal") => return Value::Decimal(Decimal::new(number as i64, 2)),
            Some(name) if name.ends_with(".Date") => return Value::Date((number % 100_000) as i64 * 86_400_000),
            Some(name) if name.ends_with(".Time") => return Value::Date((number % 86_400_000) as i64),
            Some(name) if name.ends_with(".Timestamp") => return Value::Date(number as i64),
            _ => {}
        }
        let count = number % 4;
        match schema.kind() {
            Type::Int8 => Value::Int8(number as i8),
            Type::Int16 => Value::Int16(number as i16),
            Type::Int32 => Value::Int32(number as i32),
            Type::Int64 => Value::Int64(number as i64),
            Type::Float32 => Value::Float32((number as i32) as f32 / 3.0),
            Type::Float64 => Value::Float64((number as i64) as f64 / 3.0),
            Type::Boolean => Value::Boolean(number % 2 == 1),
            Type::String => Value::text(format!("ä{number}")),
            Type::Bytes if schema.parameter("connect.fixed.size").is_some() => Value::Bytes(Bytes::from_static(b"abc")),
            Type::Bytes => Value::Bytes(Bytes::from(vec![number as u8; count as usize])),
            Type::Array => {
                let items = schema.items().unwrap();
                Value::Array((0..count).map(|_| self.value(items)).collect())
            }
            Type::Map => {
                let text = schema.keys().unwrap().kind() == Type::String;
                let key = |index: u64| {
                    if text {
                        Value::text(format!("k{index}"))
                    } else {
                        Value::Int64(index as i64)
                    }
                };
                Value::Map(
                    (0..count)
                        .map(|index| (key(index), self.value(schema.values().unwrap())))
                        .collect(),
                )
            }
            Type::Struct => {
                let values = schema.fields().iter().map(|field| self.value(&field.schema)).collect();
                Value::Struct(Struct::new(schema.clone(), values))
            }
        }
    }
}

fn encode(schema: &SchemaRef, value: &Value, options: &DataOptions) -> (String, Bytes) {
    let avro = from_connect(Some(schema), options).unwrap();
    let writer = compile_writer(Some(schema), &avro, &avro, options).unwrap();
    let mut out = Vec::new();
    writer.write(value, &mut out).unwrap();
    (render(&avro), Bytes::from(out))
}

fn decode(writer: &str, reader: &str, payload: &Bytes, options: &DataOptions) -> Result<SchemaAndValue, String> {
    let writer = parse(writer, NO_REFERENCES).map_err(|error| error.to_string())?;
    let reader = parse(reader, NO_REFERENCES).map_err(|error| error.to_string())?;
    let compiled = compile_reader(&writer, &reader, None, options).map_err(|error| error.to_string())?;
    compiled.read(payload, 0).map_err(|fault| format!("{fault:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_was_written_is_read(fields in prop::collection::vec(plans(), 1..6), seed in 1u64..) {
        let mut maker = Maker { names: 0, seed };
        let schema = maker.schema(&Plan::Struct(fields));
        let value = maker.value(&schema);
        let options = DataOptions::default();
        let (text, payload) = encode(&schema, &value, &options);
        let read = decode(&text, &text, &payload, &options).unwrap();
        prop_assert_eq!(read.schema.as_ref(), Some(&schema), "{}", text);
        prop_assert_eq!(read.value, value, "{}", text);
    }

    #[test]
    fn hostile_payloads_do_no_harm(
        fields in prop::collection::vec(plans(), 1..6),
        noise in prop::collection::vec(any::<u8>(), 0..64),
        cut in 0usize..64,
        seed in 1u64..,
    ) {
        let mut maker = Maker { names: 0, seed };
        let schema = maker.schema(&Plan::Struct(fields));
        let value = maker.value(&schema);
        let options = DataOptions::default();
        let (text, payload) = encode(&schema, &value, &options);
        let kept = payload.len().saturating_sub(cut);
        let spoiled = [&payload[..kept], &noise].concat();
        // Whatever comes of it, it comes back.
        let _ = decode(&text, &text, &Bytes::from(spoiled), &options);
        let _ = decode(&text, &text, &Bytes::from(noise), &options);
    }
}

#[test]
fn huge_counts_and_deep_data_are_refused() {
    let list = r#"{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}"#;
    let nulls = r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#;
    let mut million_empty = Vec::new();
    super::cursor::put_long(&mut million_empty, i64::MAX);
    let mut texts = million_empty.clone();
    texts.push(2);
    for (schema, payload) in [
        (list, vec![2u8; 1_000_000]),
        (nulls, million_empty),
        (r#"{"type":"array","items":"string"}"#, texts.clone()),
        (r#"{"type":"map","values":"int"}"#, texts.clone()),
        ("\"string\"", texts),
    ] {
        let outcome = decode(schema, schema, &Bytes::from(payload), &DataOptions::default());
        assert!(outcome.unwrap_err().contains("Wire"), "{schema}");
    }
}

#[test]
fn recursive_structs_go_both_ways() {
    let text = r#"{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"],"default":null}]}"#;
    let payload = Bytes::from_static(&[2, 2, 4, 0]);
    let options = DataOptions::default();
    let read = decode(text, text, &payload, &options).unwrap();
    let schema = read.schema.unwrap();
    let (written_text, written) = encode(&schema, &read.value, &options);
    assert_eq!(written, payload);
    let again = decode(&written_text, &written_text, &written, &options).unwrap();
    assert_eq!(again.value, read.value);
}

#[test]
fn schemaless_values_go_both_ways() {
    let options = DataOptions::default();
    let avro = from_connect(None, &options).unwrap();
    let writer = compile_writer(None, &avro, &avro, &options).unwrap();
    let value = Value::Map(vec![
        (
            Value::text("a"),
            Value::Array(vec![Value::Int64(1), Value::Null, Value::Boolean(true)]),
        ),
        (Value::Int32(7), Value::Float64(0.5)),
    ]);
    let mut out = Vec::new();
    writer.write(&value, &mut out).unwrap();
    let text = render(&avro);
    let read = decode(&text, &text, &Bytes::from(out), &options).unwrap();
    assert_eq!(read, SchemaAndValue::schemaless(value));
}

#[test]
fn readers_see_what_they_ask_for() {
    let writer = r#"{"type":"record","name":"R","fields":[{"name":"gone","type":{"type":"array","items":["null","string"]}},{"name":"b","type":"int"},{"name":"a","type":"string"}]}"#;
    let reader = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"bytes"},{"name":"b","type":["null","double"]},{"name":"c","type":"long","default":9}]}"#;
    let payload = Bytes::from_static(&[4, 0, 2, 2, b'x', 0, 6, 2, b'y']);
    let read = decode(writer, reader, &payload, &DataOptions::default()).unwrap();
    let values = read.value.as_struct().unwrap().values().to_vec();
    let expected = [
        Value::Bytes(Bytes::from_static(b"y")),
        Value::Float64(3.0),
        Value::Int64(9),
    ];
    assert_eq!(values, expected);
    let misfit = r#"{"type":"record","name":"R","fields":[{"name":"new","type":"int"}]}"#;
    assert!(
        decode(writer, misfit, &payload, &DataOptions::default())
            .unwrap_err()
            .contains("new")
    );
}

#[test]
fn a_latest_schema_takes_what_fits() {
    let options = DataOptions::default();
    let schema = Schema::structure()
        .name("R")
        .field("a", Schema::primitive(Type::Int32, false))
        .field("b", Schema::primitive(Type::String, false))
        .finish();
    let value = Value::Struct(Struct::new(schema.clone(), vec![Value::Int32(3), Value::text("x")]));
    let own = from_connect(Some(&schema), &options).unwrap();
    for (fields, expected) in [
        (r#"{"name":"a","type":"long"}"#, Some(vec![6])),
        (r#"{"name":"a","type":"double"}"#, Some(3f64.to_le_bytes().to_vec())),
        (r#"{"name":"a","type":["null","int"]}"#, Some(vec![2, 6])),
        (r#"{"name":"a","type":["null","long"]}"#, None),
        (r#"{"name":"a","type":"string"}"#, None),
        (
            r#"{"name":"a","type":"int"},{"name":"b","type":"string"},{"name":"c","type":"int","default":1}"#,
            None,
        ),
    ] {
        let text = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
        let target = parse(&text, NO_REFERENCES).unwrap();
        let writer = compile_writer(Some(&schema), &own, &target, &options).unwrap();
        let mut out = Vec::new();
        let written = writer.write(&value, &mut out).is_ok().then_some(out);
        assert_eq!(written, expected, "{fields}");
    }
}
