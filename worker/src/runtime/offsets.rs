//! Source positions as bytes: keys `["connector",{partition}]` and values `{offset}` as Connect's JSON converter writes them,
//! and what plugins use to read them back.
//!
//! Positions are looked up by the bytes of their key, so a partition of several entries must be written in the order in
//! which a Java worker iterates its `HashMap`.

use crate::herder::OffsetObject;
use crate::storage::OffsetStore;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::sync::Arc;
use turnbuckle_api::data::{java_f32, java_f64};
use turnbuckle_api::source::OffsetReader;
use turnbuckle_api::{Error, OffsetMap, Result, Text, Value};

/// Key of a source partition.
///
/// # Errors
/// `DataException` for values that are not primitive.
pub fn partition_key(connector: &str, partition: Option<&OffsetMap>) -> Result<Bytes> {
    let mut out = String::with_capacity(64);
    out.push('[');
    write_text(&mut out, connector);
    out.push(',');
    match partition {
        Some(partition) => write_map(&mut out, partition)?,
        None => out.push_str("null"),
    }
    out.push(']');
    Ok(Bytes::from(out))
}

/// Value of a source offset.
///
/// # Errors
/// `DataException` for values that are not primitive.
pub fn offset_value(offset: &OffsetMap) -> Result<Bytes> {
    let mut out = String::with_capacity(64);
    write_map(&mut out, offset)?;
    Ok(Bytes::from(out))
}

/// Reads a stored value. Integers become 64 bit, other numbers doubles, as in Java.
pub fn parse_offset(value: &[u8]) -> Result<OffsetMap> {
    let json: serde_json::Value = serde_json::from_slice(value)
        .map_err(|error| Error::data(format!("Converting byte[] to Kafka Connect data failed: {error}")))?;
    from_json(json)
}

/// Connector and partition of a stored key; None if the key is not one, or has no partition.
pub fn parse_key(key: &[u8]) -> Option<(String, OffsetMap)> {
    let serde_json::Value::Array(parts) = serde_json::from_slice(key).ok()? else {
        return None;
    };
    let [
        serde_json::Value::String(connector),
        partition @ serde_json::Value::Object(_),
    ] = <[_; 2]>::try_from(parts).ok()?
    else {
        return None;
    };
    Some((connector, from_json(partition).ok()?))
}

fn from_json(json: serde_json::Value) -> Result<OffsetMap> {
    let serde_json::Value::Object(entries) = json else {
        return Err(Error::data(format!(
            "Offsets must be specified as a Map, but found {json}"
        )));
    };
    let mut map = OffsetMap::with_capacity(entries.len());
    for (key, value) in entries {
        let value = match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Boolean(value),
            serde_json::Value::String(text) => Value::String(Text::from(text)),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Value::Int64(integer),
                (None, Some(float)) => Value::Float64(float),
                (None, None) => return Err(Error::data(format!("Offsets hold the number {number}, which is none"))),
            },
            other => {
                return Err(not_primitive(&key, if other.is_array() { "ARRAY" } else { "MAP" }));
            }
        };
        map.insert(key, value);
    }
    Ok(map)
}

/// A partition or an offset of a request, as it reads back once it is stored.
///
/// # Errors
/// `DataException` for values that are not primitive.
pub fn from_request(map: &OffsetObject) -> Result<OffsetMap> {
    for (key, value) in map {
        if let serde_json::Value::Number(number) = value
            && is_integer(&number.to_string())
            && number.as_i64().is_none()
        {
            return Err(not_primitive(key, "class java.math.BigInteger"));
        }
    }
    from_json(serde_json::Value::Object(map.clone()))
}

/// A value of a request as Java's `String.valueOf` shows it.
pub fn request_text(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "null".to_string(),
        serde_json::Value::Bool(value) => value.to_string(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => match (number.to_string(), number.as_f64()) {
            (text, _) if text == "-0" => "0".to_string(),
            (text, Some(value)) if !is_integer(&text) => java_f64(value),
            (text, _) => text,
        },
        serde_json::Value::Array(items) => {
            let items: Vec<String> = items.iter().map(request_text).collect();
            format!("[{}]", items.join(", "))
        }
        serde_json::Value::Object(entries) => {
            let entry = |(key, value): (&String, &serde_json::Value)| format!("{key}={}", request_text(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// True for the spelling of a JSON number that has neither fraction nor exponent.
fn is_integer(number: &str) -> bool {
    !number.contains(['.', 'e', 'E'])
}

fn not_primitive(field: &str, what: &str) -> Error {
    Error::data(format!(
        "Offsets may only contain primitive types as values, but field {field} contains {what}"
    ))
}

fn write_map(out: &mut String, map: &OffsetMap) -> Result<()> {
    out.push('{');
    let mut separator = "";
    for (key, value) in hash_map_order(map) {
        out.push_str(separator);
        separator = ",";
        write_text(out, key);
        out.push(':');
        write_value(out, key, value)?;
    }
    out.push('}');
    Ok(())
}

fn write_value(out: &mut String, key: &str, value: &Value) -> Result<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int8(value) => out.push_str(&value.to_string()),
        Value::Int16(value) => out.push_str(&value.to_string()),
        Value::Int32(value) => out.push_str(&value.to_string()),
        Value::Int64(value) => out.push_str(&value.to_string()),
        Value::Float32(value) if value.is_finite() => out.push_str(&java_f32(*value)),
        Value::Float64(value) if value.is_finite() => out.push_str(&java_f64(*value)),
        // Jackson quotes what JSON has no number for.
        Value::Float32(value) => write_text(out, &java_f32(*value)),
        Value::Float64(value) => write_text(out, &java_f64(*value)),
        Value::String(text) => write_text(out, text),
        Value::Bytes(bytes) => write_text(out, &STANDARD.encode(bytes)),
        other => return Err(not_primitive(key, other.java_class())),
    }
    Ok(())
}

/// A JSON string as Jackson writes it: short escapes where there are some, else `\u` with capital digits.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `String.hashCode`.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// Entries in the order in which a `java.util.HashMap` filled with them one by one gives them back: by bucket, in a bucket
/// by insertion.
fn hash_map_order(map: &OffsetMap) -> Vec<(&Text, &Value)> {
    let mut buckets = 16usize;
    while map.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    let mut entries: Vec<(&Text, &Value)> = map.iter().collect();
    // A stable sort keeps the order of insertion within a bucket.
    entries.sort_by_key(|(key, _)| {
        let hash = java_hash(key);
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
    entries
}

/// Reads positions of one connector.
pub(crate) struct StoredOffsets {
    pub connector: String,
    pub store: Arc<dyn OffsetStore>,
}

#[async_trait]
impl OffsetReader for StoredOffsets {
    async fn offsets(&self, partitions: &[OffsetMap]) -> Result<Vec<Option<OffsetMap>>> {
        let keys: Vec<Bytes> = partitions
            .iter()
            .map(|partition| partition_key(&self.connector, Some(partition)))
            .collect::<Result<_>>()?;
        let values = self.store.get(&keys).await?;
        values
            .into_iter()
            .map(|value| value.map(|value| parse_offset(&value)).transpose())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_those_of_the_java_worker() {
        let partition = OffsetMap::new().with("filename", "/tmp/a");
        assert_eq!(
            partition_key("foo", Some(&partition)).unwrap(),
            &br#"["foo",{"filename":"/tmp/a"}]"#[..]
        );
        assert_eq!(partition_key("foo", None).unwrap(), &br#"["foo",null]"#[..]);
        let offset = OffsetMap::new()
            .with("position", 42i64)
            .with("half", 0.5f64)
            .with("big", 1e10f64)
            .with("text", "a\u{1f}\"ж")
            .with("bytes", Bytes::from_static(b"abc"));
        let text = offset_value(&offset).unwrap();
        let read = parse_offset(&text).unwrap();
        assert_eq!(read.get("position"), Some(&Value::Int64(42)));
        assert_eq!(read.get("big"), Some(&Value::Float64(1e10)));
        assert_eq!(read.get("bytes"), Some(&Value::text("YWJj")));
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(r#""text":"a\u001F\"ж""#), "{text}");
        assert!(text.contains(r#""big":1.0E10"#), "{text}");
    }

    #[test]
    fn requests_hold_primitives() {
        let parse = |text: &str| from_request(&serde_json::from_str(text).unwrap());
        let map = parse(r#"{"a":1,"b":1.0,"c":null,"d":"x","e":-0}"#).unwrap();
        let expected = OffsetMap::new()
            .with("a", 1i64)
            .with("b", 1f64)
            .with("c", Value::Null)
            .with("d", "x")
            .with("e", 0i64);
        assert_eq!(map, expected);
        for (text, found) in [
            (r#"{"a":{}}"#, "MAP"),
            (r#"{"a":[1]}"#, "ARRAY"),
            (r#"{"a":99999999999999999999}"#, "class java.math.BigInteger"),
        ] {
            let error = parse(text).unwrap_err();
            let text = format!("Offsets may only contain primitive types as values, but field a contains {found}");
            assert_eq!(error.message(), Some(text.as_str()));
        }
    }

    #[test]
    fn entries_are_in_hash_map_order() {
        // HashMap of a Java worker: {protocol=1, table=t}, whichever was put first.
        for names in [["protocol", "table"], ["table", "protocol"]] {
            let mut map = OffsetMap::new();
            for name in names {
                map.insert(name, "x");
            }
            let order: Vec<&str> = hash_map_order(&map).iter().map(|(key, _)| &***key).collect();
            let bucket = |key: &str| {
                let hash = java_hash(key);
                (hash ^ (hash >> 16)) & 15
            };
            assert!(bucket(order[0]) < bucket(order[1]), "{order:?}");
        }
        assert_eq!(java_hash("table"), 110_115_790);
        assert_eq!(java_hash("ж"), 0x436);
    }

    #[test]
    fn only_primitives_are_positions() {
        let offset = OffsetMap::new().with("list", Value::Array(vec![]));
        let error = offset_value(&offset).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Offsets may only contain primitive types as values, but field list contains java.util.ArrayList")
        );
        assert_eq!(parse_key(br#"["foo",null]"#), None);
        assert_eq!(parse_key(b"garbage"), None);
    }
}
