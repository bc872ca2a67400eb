//! Tests of compiled plans: what is drawn, and what is refused.

use super::*;
use turnbuckle_converters::avro::model::read_schema;

fn generator_of(schema: &str, generation: i64) -> Result<Generator> {
    let plan = compile(&read_schema(schema)?, generation)?;
    Ok(Generator::new(plan, JavaRandom::new(42)))
}

/// Values of one field of this type.
fn values(kind: &str, count: usize) -> Vec<Value> {
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#);
    let mut generator = generator_of(&schema, 0).unwrap_or_else(|error| panic!("{kind}: {error}"));
    let mut one = || match generator.generate().unwrap() {
        Value::Struct(value) => value.get("a").cloned().unwrap(),
        other => panic!("{other:?}"),
    };
    (0..count).map(|_| one()).collect()
}

fn refusal(kind: &str) -> String {
    let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"a","type":{kind}}}]}}"#);
    generator_of(&schema, 0)
        .err()
        .unwrap_or_else(|| panic!("{kind}"))
        .to_string()
}

/// Drawn by Java's generator (avro-random-generator 0.4.1) with seed 42.
#[test]
fn numbers_are_drawn_as_java_does() {
    let mut random = JavaRandom::new(42);
    let expected: Vec<Value> = (0..3)
        .map(|_| Value::Int32(10 + (random.next_double() * 90.0) as i32))
        .collect();
    assert_eq!(
        values(r#"{"type":"int","arg.properties":{"range":{"min":10,"max":100}}}"#, 3),
        expected
    );
    assert_eq!(values(r#""int""#, 1), [Value::Int32(-1_170_105_035)]);
    assert_eq!(values(r#""boolean""#, 2), [Value::Boolean(true), Value::Boolean(false)]);
}

#[test]
fn values_keep_to_their_properties() {
    let within = |kind: &str, holds: &dyn Fn(&Value) -> bool| {
        for value in values(kind, 300) {
            assert!(holds(&value), "{kind} gave {value:?}");
        }
    };
    within(
        r#"{"type":"int","arg.properties":{"range":{"max":-5}}}"#,
        &|v| matches!(v, Value::Int32(i) if *i < -5),
    );
    within(r#"{"type":"long","arg.properties":{"range":{}}}"#, &|v| {
        matches!(v, Value::Int64(_))
    });
    within(
        r#"{"type":"float","arg.properties":{"range":{"min":-2,"max":-1}}}"#,
        &|v| matches!(v, Value::Float32(f) if (-2.0..=-1.0).contains(f)),
    );
    within(
        r#"{"type":"double","arg.properties":{"range":{"min":0.5,"max":0.75}}}"#,
        &|v| matches!(v, Value::Float64(f) if (0.5..0.75).contains(f)),
    );
    within(r#"{"type":"boolean","arg.properties":{"odds":1.0}}"#, &|v| {
        *v == Value::Boolean(true)
    });
    within(r#""string""#, &|v| {
        v.as_str().is_some_and(|text| (8..16).contains(&text.len()))
    });
    within(
        r#"{"type":"string","arg.properties":{"regex":"[ab]*","length":3,"prefix":"<","suffix":">"}}"#,
        &|v| {
            v.as_str()
                .is_some_and(|text| text.len() == 5 && text.starts_with('<') && text.ends_with('>'))
        },
    );
    within(
        r#"{"type":"bytes","arg.properties":{"length":{"min":2,"max":4}}}"#,
        &|v| matches!(v, Value::Bytes(bytes) if (2..4).contains(&bytes.len())),
    );
    within(
        r#"{"type":"fixed","name":"F","size":3}"#,
        &|v| matches!(v, Value::Bytes(bytes) if bytes.len() == 3),
    );
    within(r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, &|v| {
        matches!(v.as_str(), Some("A" | "B"))
    });
    within(
        r#"{"type":"int","logicalType":"date","arg.properties":{"options":[1]}}"#,
        &|v| *v == Value::Date(86_400_000),
    );
    within(
        r#"{"type":"long","logicalType":"timestamp-millis","arg.properties":{"range":{"min":5,"max":9}}}"#,
        &|v| matches!(v, Value::Date(5..=8)),
    );
    within(
        r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#,
        &|v| matches!(v, Value::Decimal(d) if d.scale() == 2 && d.precision() <= 4),
    );
    within(
        r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2,"arg.properties":{"range":{"min":10,"max":50}}}"#,
        &|v| matches!(v, Value::Decimal(d) if (10.0..50.0).contains(&d.to_f64())),
    );
    within(r#"{"type":"int","connect.type":"int8"}"#, &|v| {
        matches!(v, Value::Int8(_))
    });
    within(r#"["null","int"]"#, &|v| matches!(v, Value::Null | Value::Int32(_)));
    within(r#"["int","string"]"#, &|v| {
        v.as_struct()
            .is_some_and(|union| union.values().iter().filter(|member| member.is_null()).count() == 1)
    });
    within(
        r#"{"type":"array","items":"int","arg.properties":{"length":2}}"#,
        &|v| matches!(v, Value::Array(items) if items.len() == 2),
    );
    within(
        r#"{"type":"map","values":"int","arg.properties":{"length":1,"keys":{"options":["x","y"]}}}"#,
        &|v| matches!(v, Value::Map(entries) if matches!(entries[0].0.as_str(), Some("x" | "y"))),
    );
    within(
        r#"{"type":"map","values":"int","arg.properties":{"length":2,"keys":{"regex":"[a-z]{9}","prefix":"k"}}}"#,
        &|v| matches!(v, Value::Map(entries) if entries[0].0.as_str().is_some_and(|key| key.len() == 10)),
    );
    within(
        r#"{"type":"record","name":"P","fields":[{"name":"x","type":"long"},{"name":"y","type":["null","string"],"default":null}],
            "arg.properties":{"options":[{"x":1,"y":"one"},{"x":2}]}}"#,
        &|v| {
            let point = v.as_struct().map(Struct::values);
            point == Some(&[Value::Int64(1), Value::text("one")]) || point == Some(&[Value::Int64(2), Value::Null])
        },
    );
}

#[test]
fn counters_count_and_go_on_where_they_were() {
    let text = |values: Vec<Value>| {
        values
            .iter()
            .map(|value| format!("{value:?}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let count = |kind: &str, iteration: &str| {
        text(values(
            &format!(r#"{{"type":"{kind}","arg.properties":{{"iteration":{iteration}}}}}"#),
            4,
        ))
    };
    assert_eq!(
        count("int", r#"{"start":1,"restart":3}"#),
        "Int32(1) Int32(2) Int32(1) Int32(2)"
    );
    assert_eq!(
        count("long", r#"{"start":0,"step":-5}"#),
        "Int64(0) Int64(-5) Int64(-10) Int64(-15)"
    );
    assert_eq!(
        count("float", r#"{"start":0,"step":0.1}"#),
        "Float32(0.0) Float32(0.1) Float32(0.2) Float32(0.3)"
    );
    assert_eq!(
        count("double", r#"{"start":1,"restart":0}"#),
        "Float64(1.0) Float64(1.0) Float64(1.0) Float64(1.0)"
    );
    assert_eq!(
        count("boolean", r#"{"start":true}"#),
        "Boolean(true) Boolean(false) Boolean(true) Boolean(false)"
    );
    let prefixed = r#"{"type":"string","arg.properties":{"iteration":{"start":9,"initial":11},"prefix":"n"}}"#;
    assert_eq!(values(prefixed, 2), [Value::text("n11"), Value::text("n12")]);

    let schema = r#"{"type":"record","name":"R","fields":[
        {"name":"n","type":{"type":"long","arg.properties":{"iteration":{"start":100,"step":10}}}},
        {"name":"b","type":{"type":"boolean","arg.properties":{"iteration":{"start":true}}}}]}"#;
    let Value::Struct(later) = generator_of(schema, 7).unwrap().generate().unwrap() else {
        panic!("a struct")
    };
    assert_eq!(later.values(), [Value::Int64(170), Value::Boolean(false)]);
}

#[test]
fn what_contains_itself_comes_to_an_end_or_is_refused() {
    let ending = r#"{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}"#;
    let mut generator = generator_of(ending, 0).unwrap();
    for _ in 0..100 {
        generator.generate().unwrap();
    }
    let endless = r#"{"type":"record","name":"R","fields":[{"name":"next","type":"R"}]}"#;
    let error = generator_of(endless, 0).unwrap().generate().unwrap_err();
    assert!(error.to_string().contains("without end"), "{error}");
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    for (kind, reason) in [
        (
            r#"{"type":"int","arg.properties":7}"#,
            "'arg.properties' must be an object, not 7",
        ),
        (
            r#"{"type":"int","arg.properties":{"range":{"min":3,"max":3}}}"#,
            "strictly less",
        ),
        (
            r#"{"type":"int","arg.properties":{"range":{"min":"3"}}}"#,
            "range property of field a: 'min' must be an integral number",
        ),
        (
            r#"{"type":"int","arg.properties":{"range":{"max":5000000000}}}"#,
            "from -2147483648 to 2147483647",
        ),
        (r#"{"type":"int","arg.properties":{"options":[]}}"#, "can't be empty"),
        (
            r#"{"type":"int","arg.properties":{"options":["x"]}}"#,
            r#"the option "x" is not of the schema's type int"#,
        ),
        (
            r#"{"type":"int","arg.properties":{"options":[1],"range":{}}}"#,
            "'range' can't be given together with 'options'",
        ),
        (
            r#"{"type":"int","arg.properties":{"options":{"file":"/nowhere"}}}"#,
            "must contain 'encoding'",
        ),
        (
            r#"{"type":"int","arg.properties":{"options":{"file":"/nowhere","encoding":"json"}}}"#,
            "unable to read",
        ),
        (
            r#"{"type":"int","arg.properties":{"options":{"file":"x","encoding":"binary"}}}"#,
            "write the values as JSON",
        ),
        (
            r#"{"type":"int","arg.properties":{"iteration":{"step":1}}}"#,
            "must contain 'start'",
        ),
        (
            r#"{"type":"int","arg.properties":{"iteration":{"start":1,"step":0}}}"#,
            "can't be zero",
        ),
        (
            r#"{"type":"int","arg.properties":{"iteration":{"start":1,"restart":1}}}"#,
            "can't be equal",
        ),
        (
            r#"{"type":"long","arg.properties":{"iteration":{"start":1,"restart":5,"step":-1}}}"#,
            "must be positive",
        ),
        (
            r#"{"type":"bytes","arg.properties":{"iteration":{"start":1}}}"#,
            "not for bytes",
        ),
        (r#"{"type":"boolean","arg.properties":{"odds":2}}"#, "from 0.0 to 1.0"),
        (
            r#"{"type":"string","arg.properties":{"length":-1}}"#,
            "can't be negative",
        ),
        (
            r#"{"type":"string","arg.properties":{"length":{"min":3}}}"#,
            "has no 'max'",
        ),
        (
            r#"{"type":"string","arg.properties":{"length":{"min":3,"max":3}}}"#,
            "strictly greater",
        ),
        (
            r#"{"type":"string","arg.properties":{"length":2000000}}"#,
            "may not be more than",
        ),
        (
            r#"{"type":"string","arg.properties":{"regex":"a("}}"#,
            "no texts can be made of the regex a(: a group is not closed",
        ),
        (r#"{"type":"bytes","logicalType":"decimal","scale":2}"#, "precision"),
    ] {
        let error = refusal(kind);
        assert!(error.contains(reason), "{kind}: {error}");
    }
    let error = generator_of(r#""int""#, 0).unwrap_err().to_string();
    assert!(error.contains("must be a record"), "{error}");
}

#[test]
fn options_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("options.json");
    std::fs::write(&file, "\"one\"\n\"two\" \"three\"").unwrap();
    let kind = format!(
        r#"{{"type":"string","arg.properties":{{"options":{{"file":{:?},"encoding":"json"}}}}}}"#,
        file.to_str().unwrap()
    );
    let drawn: std::collections::BTreeSet<String> = values(&kind, 100)
        .iter()
        .filter_map(|value| value.as_str().map(str::to_string))
        .collect();
    assert_eq!(drawn.into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
}
