//! Avro binary encoding for tests, written apart from the code under test.
//!
//! Data is JSON in the shape of the schema, with two differences from Avro's own JSON encoding: a union's value stands
//! alone and takes the first branch that fits (`{"branch": value}` names one), and bytes are strings of U+0000 to
//! U+00FF. Logical types are their underlying type.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Named types seen so far, for references by name.
type Names<'a> = HashMap<String, &'a Value>;

/// Encodes JSON data by a schema.
///
/// # Panics
/// When the data does not fit the schema.
pub fn encode(schema: &Value, data: &Value) -> Vec<u8> {
    let mut names = Names::new();
    collect_names(schema, "", &mut names);
    let mut out = Vec::new();
    write(schema, data, &names, &mut out);
    out
}

/// Decodes a datum by the schema it was written with.
///
/// # Panics
/// When the bytes do not fit the schema, or some are left.
pub fn decode(schema: &Value, datum: &[u8]) -> Value {
    let mut names = Names::new();
    collect_names(schema, "", &mut names);
    let mut input = datum;
    let value = read(schema, &names, &mut input);
    assert!(
        input.is_empty(),
        "{} bytes are left after an Avro datum of {schema}",
        input.len()
    );
    value
}

/// Notes every named type under its short and its full name; a type without a namespace has the enclosing one's.
fn collect_names<'a>(schema: &'a Value, enclosing: &str, names: &mut Names<'a>) {
    match schema {
        Value::Array(branches) => branches.iter().for_each(|b| collect_names(b, enclosing, names)),
        Value::Object(object) => {
            let namespace = object.get("namespace").and_then(Value::as_str).unwrap_or(enclosing);
            if let Some(name) = object.get("name").and_then(Value::as_str) {
                names.insert(name.to_owned(), schema);
                names.insert(format!("{namespace}.{name}"), schema);
            }
            for field in object.get("fields").and_then(Value::as_array).into_iter().flatten() {
                collect_names(&field["type"], namespace, names);
            }
            for part in ["type", "items", "values"] {
                if let Some(inner) = object.get(part) {
                    collect_names(inner, namespace, names);
                }
            }
        }
        _ => {}
    }
}

/// A schema's kind (`record`, `long`, …) and the object that describes it, if any.
fn kind<'a>(schema: &'a Value, names: &Names<'a>) -> (&'a str, &'a Value) {
    match schema {
        Value::String(name) => match names.get(name) {
            Some(named) => kind(named, names),
            None => (name, schema),
        },
        Value::Array(_) => ("union", schema),
        Value::Object(object) => match object.get("type") {
            Some(Value::String(name)) if !names.contains_key(name) => (name, schema),
            Some(inner) => kind(inner, names),
            None => panic!("no type in Avro schema {schema}"),
        },
        _ => panic!("not an Avro schema: {schema}"),
    }
}

fn list<'a>(schema: &'a Value, member: &str) -> &'a [Value] {
    schema[member]
        .as_array()
        .map_or_else(|| panic!("no {member} in Avro schema {schema}"), Vec::as_slice)
}

fn write<'a>(schema: &'a Value, data: &Value, names: &Names<'a>, out: &mut Vec<u8>) {
    let (name, described) = kind(schema, names);
    let misfit = || -> ! { panic!("{data} does not fit Avro schema {schema}") };
    match (name, data) {
        ("null", Value::Null) => {}
        ("boolean", Value::Bool(value)) => out.push(u8::from(*value)),
        ("int" | "long", Value::Number(number)) => write_long(number.as_i64().unwrap_or_else(|| misfit()), out),
        ("float", Value::Number(number)) => {
            let text = number.to_string();
            out.extend_from_slice(&text.parse::<f32>().unwrap_or_else(|_| misfit()).to_le_bytes());
        }
        ("double", Value::Number(number)) => {
            out.extend_from_slice(&number.as_f64().unwrap_or_else(|| misfit()).to_le_bytes());
        }
        ("string", Value::String(text)) => write_bytes(text.as_bytes(), out),
        ("bytes", Value::String(text)) => write_bytes(&latin1(text), out),
        ("fixed", Value::String(text)) => out.extend_from_slice(&latin1(text)),
        ("enum", Value::String(text)) => {
            let index = list(described, "symbols").iter().position(|s| s == text);
            write_count(index.unwrap_or_else(|| misfit()), out);
        }
        ("array", Value::Array(items)) => {
            if !items.is_empty() {
                write_count(items.len(), out);
                items
                    .iter()
                    .for_each(|item| write(&described["items"], item, names, out));
            }
            out.push(0);
        }
        ("map", Value::Object(entries)) => {
            if !entries.is_empty() {
                write_count(entries.len(), out);
                for (key, value) in entries {
                    write_bytes(key.as_bytes(), out);
                    write(&described["values"], value, names, out);
                }
            }
            out.push(0);
        }
        ("record", Value::Object(fields)) => {
            for field in list(described, "fields") {
                let value = field["name"]
                    .as_str()
                    .and_then(|n| fields.get(n))
                    .or_else(|| field.get("default"));
                write(&field["type"], value.unwrap_or(&Value::Null), names, out);
            }
        }
        ("union", _) => {
            let branches = described.as_array().unwrap_or_else(|| misfit());
            let named = named_branch(branches, data, names);
            let plain = || {
                branches
                    .iter()
                    .position(|b| fits(b, data, names))
                    .map(|index| (index, data))
            };
            let (index, value) = named.or_else(plain).unwrap_or_else(|| misfit());
            write_count(index, out);
            write(&branches[index], value, names, out);
        }
        _ => misfit(),
    }
}

/// `{"branch": value}` where branch is the kind or name of one.
fn named_branch<'d>(branches: &[Value], data: &'d Value, names: &Names<'_>) -> Option<(usize, &'d Value)> {
    let object = data.as_object().filter(|o| o.len() == 1)?;
    let (name, value) = object.iter().next()?;
    let index = branches.iter().position(|branch| {
        let (kind, described) = kind(branch, names);
        kind == name || described["name"] == **name
    })?;
    Some((index, value))
}

fn fits(schema: &Value, data: &Value, names: &Names<'_>) -> bool {
    match (kind(schema, names).0, data) {
        ("null", Value::Null) | ("boolean", Value::Bool(_)) => true,
        ("int", Value::Number(n)) => n.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
        ("long", Value::Number(n)) => n.is_i64(),
        ("float" | "double", Value::Number(_)) => true,
        ("string" | "bytes" | "fixed" | "enum", Value::String(_)) => true,
        ("array", Value::Array(_)) | ("map" | "record", Value::Object(_)) => true,
        _ => false,
    }
}

fn latin1(text: &str) -> Vec<u8> {
    let byte = |c: char| u8::try_from(u32::from(c)).unwrap_or_else(|_| panic!("{c:?} is not a byte"));
    text.chars().map(byte).collect()
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_count(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn write_count(count: usize, out: &mut Vec<u8>) {
    write_long(i64::try_from(count).unwrap_or(i64::MAX), out);
}

/// Zigzag, then seven bits a byte, lowest first.
fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn read<'a>(schema: &'a Value, names: &Names<'a>, input: &mut &[u8]) -> Value {
    let (name, described) = kind(schema, names);
    match name {
        "null" => Value::Null,
        "boolean" => Value::Bool(take(input, 1)[0] != 0),
        "int" | "long" => Value::from(read_long(input)),
        "float" => {
            let value = f32::from_le_bytes(fixed(take(input, 4)));
            // By way of its shortest text, so that 0.1 stays 0.1.
            value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
        }
        "double" => Value::from(f64::from_le_bytes(fixed(take(input, 8)))),
        "string" => Value::from(String::from_utf8_lossy(read_bytes(input)).into_owned()),
        "bytes" => text_of(read_bytes(input)),
        "fixed" => {
            let size = described["size"].as_u64().and_then(|s| usize::try_from(s).ok());
            text_of(take(
                input,
                size.unwrap_or_else(|| panic!("no size in Avro schema {described}")),
            ))
        }
        "enum" => list(described, "symbols")[read_count(input)].clone(),
        "array" => {
            let mut items = Vec::new();
            read_blocks(input, |input| items.push(read(&described["items"], names, input)));
            Value::Array(items)
        }
        "map" => {
            let mut entries = Map::new();
            read_blocks(input, |input| {
                let key = String::from_utf8_lossy(read_bytes(input)).into_owned();
                entries.insert(key, read(&described["values"], names, input));
            });
            Value::Object(entries)
        }
        "record" => {
            let fields = list(described, "fields").iter();
            let pair = |field: &'a Value| {
                let name = field["name"].as_str().unwrap_or_default().to_owned();
                (name, read(&field["type"], names, input))
            };
            Value::Object(fields.map(pair).collect())
        }
        "union" => {
            let index = read_count(input);
            read(&described[index], names, input)
        }
        other => panic!("unknown Avro type {other} in {schema}"),
    }
}

/// Reads the blocks of an array or map; a negative count is followed by the block's size in bytes.
fn read_blocks(input: &mut &[u8], mut item: impl FnMut(&mut &[u8])) {
    loop {
        let count = read_long(input);
        if count == 0 {
            return;
        }
        if count < 0 {
            read_long(input);
        }
        (0..count.unsigned_abs()).for_each(|_| item(input));
    }
}

fn take<'i>(input: &mut &'i [u8], count: usize) -> &'i [u8] {
    assert!(
        count <= input.len(),
        "an Avro datum ends {} bytes too early",
        count - input.len()
    );
    let (taken, rest) = input.split_at(count);
    *input = rest;
    taken
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap_or([0; N])
}

fn read_bytes<'i>(input: &mut &'i [u8]) -> &'i [u8] {
    let count = read_count(input);
    take(input, count)
}

fn read_count(input: &mut &[u8]) -> usize {
    let count = read_long(input);
    usize::try_from(count).unwrap_or_else(|_| panic!("negative length {count} in an Avro datum"))
}

fn read_long(input: &mut &[u8]) -> i64 {
    let mut bits = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(input, 1)[0];
        bits |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed());
        }
    }
    panic!("a number in an Avro datum is longer than ten bytes");
}

fn text_of(bytes: &[u8]) -> Value {
    Value::from(bytes.iter().map(|b| char::from(*b)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn encodes_as_the_specification_says() {
        let record = json!({"type": "record", "name": "test", "fields": [
            {"name": "a", "type": "long"}, {"name": "b", "type": "string"}]});
        let cases: Vec<(Value, Value, &[u8])> = vec![
            (json!("long"), json!(-64), &[0x7f]),
            (json!("long"), json!(64), &[0x80, 0x01]),
            (json!("string"), json!("foo"), &[6, b'f', b'o', b'o']),
            (record, json!({"a": 27, "b": "foo"}), &[0x36, 6, b'f', b'o', b'o']),
            (
                json!({"type": "array", "items": "long"}),
                json!([3, 27]),
                &[4, 6, 0x36, 0],
            ),
            (json!(["null", "string"]), json!("a"), &[2, 2, b'a']),
            (json!(["null", "string"]), json!(null), &[0]),
            (json!(["null", "int", "long"]), json!({"long": 1}), &[4, 2]),
            (
                json!({"type": "bytes", "logicalType": "decimal"}),
                json!("\u{0}\u{ff}"),
                &[4, 0, 0xff],
            ),
            (json!("boolean"), json!(true), &[1]),
        ];
        for (schema, data, bytes) in cases {
            assert_eq!(encode(&schema, &data), bytes, "{data} as {schema}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let schema = json!({"type": "record", "name": "node", "namespace": "n", "fields": [
            {"name": "next", "type": ["null", "node"]},
            {"name": "i", "type": {"type": "int", "logicalType": "date"}},
            {"name": "f", "type": "float"}, {"name": "d", "type": "double"},
            {"name": "m", "type": {"type": "map", "values": ["null", "string"]}},
            {"name": "e", "type": {"type": "enum", "name": "colour", "symbols": ["RED", "BLUE"]}},
            {"name": "x", "type": {"type": "fixed", "name": "two", "size": 2}},
            {"name": "l", "type": {"type": "array", "items": "n.two"}}]});
        let leaf = json!({"next": null, "i": -1, "f": 0.1, "d": 1e300, "m": {}, "e": "BLUE", "x": "ab", "l": []});
        let mut data = leaf.clone();
        data["next"] = leaf;
        data["m"] = json!({"k": "v", "n": null});
        data["l"] = json!(["cd", "ef"]);
        assert_eq!(decode(&schema, &encode(&schema, &data)).to_string(), data.to_string());
    }

    #[test]
    fn longs_are_read_back_at_their_limits() {
        for value in [0, -1, 1, i64::MAX, i64::MIN, 1 << 34] {
            assert_eq!(
                decode(&json!("long"), &encode(&json!("long"), &json!(value))),
                json!(value)
            );
        }
    }
}
