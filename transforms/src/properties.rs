//! Whatever comes in: no transformation panics, and one that fails leaves the record as it was.

use proptest::prelude::*;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::testkit::sink_record;
use turnbuckle_api::{Decimal, Props, Schema, SchemaAndValue, SchemaBuilder, SchemaRef, Struct, Type, Value};

/// Configurations that reach into the fields `a`, `b` and `c` of the generated records.
fn chains() -> Vec<(&'static str, Props)> {
    let config = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .fold(Props::new(), |props, (key, value)| props.with(*key, *value))
    };
    vec![
        ("Cast$Value", config(&[("spec", "a:int8,b:string,c:boolean")])),
        (
            "Cast$Value",
            config(&[("spec", "float32"), ("replace.null.with.default", "false")]),
        ),
        (
            "ExtractField$Value",
            config(&[("field", "a.b"), ("field.syntax.version", "V2")]),
        ),
        ("Flatten$Value", config(&[])),
        (
            "HeaderFrom$Value",
            config(&[("fields", "a,b"), ("headers", "x,y"), ("operation", "move")]),
        ),
        (
            "HeaderFrom$Value",
            config(&[("fields", "c"), ("headers", "x"), ("operation", "copy")]),
        ),
        ("HoistField$Value", config(&[("field", "h")])),
        (
            "InsertField$Value",
            config(&[("topic.field", "t"), ("timestamp.field", "ts!"), ("offset.field", "o")]),
        ),
        ("MaskField$Value", config(&[("fields", "a,c")])),
        ("MaskField$Value", config(&[("fields", "b"), ("replacement", "1e3")])),
        (
            "ReplaceField$Value",
            config(&[("exclude", "a"), ("renames", "b:x,c:b")]),
        ),
        ("SetSchemaMetadata$Value", config(&[("schema.name", "n")])),
        (
            "TimestampConverter$Value",
            config(&[
                ("field", "a"),
                ("target.type", "string"),
                ("format", "G yyyy-MM-dd'T'HH:mm:ss.SSSX z"),
            ]),
        ),
        (
            "TimestampConverter$Value",
            config(&[("target.type", "Date"), ("format", "yy D w u E")]),
        ),
        ("TimestampRouter", config(&[("timestamp.format", "YYYY-ww-F-W-a-h")])),
        (
            "RegexRouter",
            config(&[("regex", "(.*?)(?=o)o(.*)"), ("replacement", "$2-$1")]),
        ),
        ("ValueToKey", config(&[("fields", "a,b")])),
    ]
}

/// A primitive schema with a value that mostly fits.
fn leaf() -> impl Strategy<Value = (SchemaRef, Value)> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i8>().prop_map(Value::Int8),
        any::<i32>().prop_map(Value::Int32),
        any::<i64>().prop_map(Value::Int64),
        any::<f32>().prop_map(Value::Float32),
        any::<f64>().prop_map(Value::Float64),
        "[ -~é０-９]{0,24}".prop_map(Value::from),
        any::<Vec<u8>>().prop_map(|bytes| Value::Bytes(bytes.into())),
        (any::<i64>(), -400..400i32).prop_map(|(unscaled, scale)| Value::Decimal(Decimal::new(unscaled, scale))),
        any::<i64>().prop_map(Value::Date),
        Just(Value::Null),
    ];
    (value, any::<bool>(), 0..4u8).prop_map(|(value, optional, logical)| {
        let builder = match (&value, logical) {
            (Value::Date(_), 0) => Schema::date(),
            (Value::Date(_), 1) => Schema::time(),
            (Value::Date(_), _) => Schema::timestamp(),
            (Value::Decimal(value), _) => Schema::decimal(value.scale()),
            (value, _) => SchemaBuilder::new(crate::structs::inferred_type(value).unwrap_or(Type::Int64)),
        };
        (builder.with_optional(optional).finish(), value)
    })
}

fn cell() -> impl Strategy<Value = (SchemaRef, Value)> {
    leaf().prop_recursive(3, 24, 3, |inner| {
        let fields = proptest::collection::vec(inner.clone(), 0..4);
        let structure = (fields, any::<bool>()).prop_map(|(cells, optional)| {
            let mut schema = Schema::structure().with_optional(optional);
            let mut values = Vec::new();
            for ((field, value), name) in cells.into_iter().zip(["a", "b", "c"]) {
                schema = schema.field(name, field);
                values.push(value);
            }
            let schema = schema.finish();
            (schema.clone(), Value::Struct(Struct::new(schema, values)))
        });
        let array =
            inner.prop_map(|(schema, value)| (SchemaBuilder::array(Some(schema)).finish(), Value::Array(vec![value])));
        prop_oneof![3 => structure, 1 => array]
    })
}

/// The same data without schemas.
fn schemaless(value: &Value) -> Value {
    match value {
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            Value::Map(
                fields
                    .map(|(field, item)| (Value::String(field.name.clone()), schemaless(item)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Text of a record: unlike `==`, it takes NaN for equal to itself.
fn shown(record: &turnbuckle_api::Record) -> String {
    format!("{record:?}")
}

proptest! {
    #[test]
    fn nothing_panics_and_failures_leave_the_record_alone((schema, value) in cell(), time in any::<Option<i64>>()) {
        let plain = SchemaAndValue::schemaless(schemaless(&value));
        for cell in [SchemaAndValue::new(schema, value), plain] {
            for (class, props) in chains() {
                let class = format!("org.apache.kafka.connect.transforms.{class}");
                let plugin = crate::plugins().into_iter().find(|plugin| plugin.class == class).unwrap();
                let PluginKind::Transformation(create) = plugin.kind else { panic!("{class}") };
                let mut transform = create(&props).unwrap();
                // Twice, so that plans are used as well as made.
                for _ in 0..2 {
                    let mut record = sink_record("orders", 1, SchemaAndValue::NULL, cell.clone());
                    record.timestamp = time;
                    let before = shown(&record);
                    if transform.apply(&mut record).is_err() {
                        prop_assert_eq!(shown(&record), before, "{}", class);
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(pattern in "[GyMdHhmsSEDFwWakKzZXYuL:/ '.-]{0,8}", text in "[ -~]{0,24}", millis in any::<i64>()) {
        if let Ok(format) = crate::date_format::DateFormat::new(&pattern) {
            format.parse(&text);
            let mut out = String::new();
            format.append(millis, None, &mut out);
        }
    }

    #[test]
    fn any_expression_compiles_or_is_refused(pattern in "[ -~]{0,12}", text in "[a-z.-]{0,12}") {
        if let Ok(regex) = turnbuckle_api::java_regex::JavaRegex::new(&pattern) {
            _ = regex.replace_first(&text, &pattern);
        }
    }
}
