//! What is written is read again, and hostile bytes do no harm. That texts are right, the golden cases say.

use super::JsonConverter;
use crate::plain::PlainConverter;
use bytes::Bytes;
use proptest::prelude::*;
use turnbuckle_api::converter::{ConverterRole, Step};
use turnbuckle_api::{Decimal, Props, Result, Schema, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Type, Value};

fn converter(schemas_enable: bool) -> JsonConverter {
    let props = Props::new().with("schemas.enable", schemas_enable.to_string());
    JsonConverter::new(&props, ConverterRole::Value).unwrap()
}

fn write(converter: &mut JsonConverter, schema: &SchemaRef, value: &Value) -> Bytes {
    let mut out = Vec::new();
    let written = converter.write(Some(schema), value, &mut out);
    assert!(written.is_ok(), "{:?}", written.err());
    out.into()
}

fn read(converter: &mut JsonConverter, payload: &Bytes) -> Result<SchemaAndValue> {
    match converter.read(Some(payload))? {
        Step::Done(read) => Ok(read),
        Step::Fetch(_) => panic!("JSON needs nothing from elsewhere"),
    }
}

fn schema() -> SchemaRef {
    Schema::structure()
        .name("all.Types")
        .version(3)
        .parameter("b", "2")
        .parameter("a", "1")
        .field("flag", Schema::primitive(Type::Boolean, false))
        .field("small", Schema::primitive(Type::Int8, false))
        .field("long", Schema::primitive(Type::Int64, true))
        .field("float", Schema::primitive(Type::Float32, false))
        .field("double", Schema::primitive(Type::Float64, true))
        .field("te\"xt", Schema::primitive(Type::String, true))
        .field("bytes", Schema::primitive(Type::Bytes, true))
        .field("decimal", Schema::decimal(2).optional().finish())
        .field("when", Schema::timestamp().optional().finish())
        .field(
            "list",
            SchemaBuilder::array(Some(Schema::primitive(Type::Int32, true))).finish(),
        )
        .field(
            "pairs",
            SchemaBuilder::map(
                Some(Schema::primitive(Type::Int64, false)),
                Some(Schema::primitive(Type::String, true)),
            )
            .finish(),
        )
        .finish()
}

fn optional(value: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![Just(Value::Null), value].boxed()
}

fn record() -> impl Strategy<Value = Value> {
    let finite = |value: f64| if value.is_finite() && value != 0.0 { value } else { 0.0 };
    let list = proptest::collection::vec(optional(any::<i32>().prop_map(Value::Int32)), 0..4);
    let pairs = proptest::collection::btree_map(any::<i64>(), any::<String>(), 0..4);
    let first = (
        any::<bool>(),
        any::<i8>(),
        optional(any::<i64>().prop_map(Value::Int64)),
        any::<f32>(),
    );
    let second = (
        any::<f64>().prop_map(finite),
        optional(any::<String>().prop_map(Value::from)),
        optional(any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into()))),
        optional(any::<i64>().prop_map(|unscaled| Value::Decimal(Decimal::new(unscaled, 2)))),
        optional(any::<i64>().prop_map(Value::Date)),
    );
    (first, second, list, pairs).prop_map(
        move |((flag, small, long, float), (double, text, bytes, decimal, when), list, pairs)| {
            let float = if float.is_finite() && float != 0.0 { float } else { 0.0 };
            let pairs = pairs
                .into_iter()
                .map(|(key, value)| (Value::Int64(key), Value::from(value)));
            let values = vec![
                flag.into(),
                small.into(),
                long,
                float.into(),
                double.into(),
                text,
                bytes,
                decimal,
                when,
                Value::Array(list),
                Value::Map(pairs.collect()),
            ];
            Value::Struct(Struct::new(schema(), values))
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in record()) {
        let mut converter = converter(true);
        let schema = schema();
        let payload = write(&mut converter, &schema, &value);
        for _ in 0..2 {
            let found = read(&mut converter, &payload).unwrap();
            prop_assert_eq!(found.schema.as_ref(), Some(&schema));
            prop_assert_eq!(&found.value, &value);
        }
    }

    #[test]
    fn hostile_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..60), enable in any::<bool>()) {
        let _ = read(&mut converter(enable), &bytes.into());
    }

    #[test]
    fn hostile_text_does_no_harm(text in "[-0-9.eE\\[\\]{}:,\" \\\\untrfalse\u{e9}]{0,60}", enable in any::<bool>()) {
        let _ = read(&mut converter(enable), &text.into());
    }

    #[test]
    fn damaged_envelopes_do_no_harm(value in record(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = write(&mut converter(true), &schema(), &value).to_vec();
        let at = at.index(payload.len());
        payload[at] = byte;
        let _ = read(&mut converter(true), &payload.clone().into());
        payload.truncate(at);
        prop_assert!(read(&mut converter(true), &payload.into()).is_err());
    }
}

#[test]
fn nesting_ends_at_a_thousand() {
    for (depth, passes) in [(1000, true), (1001, false), (200_000, false)] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(read(&mut converter(false), &text.into()).is_ok(), passes, "{depth}");
    }
    let open = format!("{{\"schema\":{}", "{\"type\":\"array\",\"items\":".repeat(100_000));
    assert!(read(&mut converter(true), &open.into()).is_err());
}

#[test]
fn deep_schemas_and_their_values_are_read() {
    let depth = 900;
    let schema = format!(
        "{}{{\"type\":\"int8\"}}{}",
        "{\"type\":\"array\",\"items\":".repeat(depth),
        "}".repeat(depth)
    );
    let payload = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let text = format!("{{\"schema\":{schema},\"payload\":{payload}}}");
    assert!(read(&mut converter(true), &text.into()).is_ok());
}

#[test]
fn text_shares_the_payload() {
    let payload = Bytes::from_static(b"{\"schema\":{\"type\":\"string\"},\"payload\":\"shared\"}");
    let found = read(&mut converter(true), &payload).unwrap();
    let Value::String(text) = found.value else {
        panic!("no text");
    };
    let range = payload.as_ptr_range();
    assert!(range.contains(&text.as_bytes().as_ptr()));
}

#[test]
fn the_order_of_the_text_does_not_matter() {
    for (text, message) in [
        // The first field of the schema that is wrong is told, not the first of the text.
        (
            r#"{"schema":{"type":"struct","fields":[{"field":"a","type":"int32"},{"field":"b","type":"string"}]},"payload":{"b":null,"a":null}}"#,
            "Invalid null value for required INT32 field",
        ),
        // Syntax comes before everything else.
        (
            r#"{"schema":{"type":"int32"},"payload":null,,}"#,
            "Converting byte[] to Kafka Connect data failed due to serialization error: ",
        ),
    ] {
        let error = read(&mut converter(true), &Bytes::from(text)).unwrap_err();
        assert_eq!(error.message(), Some(message));
    }
    // Of repeated members the last counts, so what is wrong with the first is not seen.
    let text = r#"{"schema":{"type":"struct","fields":[{"field":"a","type":"int32"}]},"payload":{"a":null,"a":5}}"#;
    assert!(read(&mut converter(true), &Bytes::from(text)).is_ok());
}
