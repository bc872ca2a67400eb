//! Records of `transforms.jsonl`.
//!
//! A null topic becomes an empty one: Kafka has no topic without a name, so the data model does not tell them apart.

use super::cell::{Parsed, cell_from_json, cell_to_json};
use super::equality;
use serde_json::{Value as Json, json};
use turnbuckle_api::record::{SinkOrigin, TimestampType};
use turnbuckle_api::{Header, Headers, Origin, Record, SchemaAndValue};

/// Reads a record.
pub fn record_from_json(record: &Json) -> Parsed<Record> {
    let number = |name: &str| record.get(name).and_then(Json::as_i64);
    let topic = record.get("topic").and_then(Json::as_str).unwrap_or_default();
    let partition = number("partition").map(|partition| i32::try_from(partition).unwrap_or(i32::MAX));
    let origin = match record.get("kind").and_then(Json::as_str) {
        Some("source") => Origin::Source {
            partition: None,
            offset: None,
        },
        Some("sink") => Origin::Sink(SinkOrigin {
            topic: topic.into(),
            partition: partition.unwrap_or_default(),
            offset: number("offset").ok_or("sink record without offset")?,
            timestamp_type: TimestampType::CreateTime,
        }),
        _ => return Err(format!("record is neither source nor sink: {record}")),
    };
    let cell = |name: &str| cell_from_json(record.get(name).unwrap_or(&Json::Null));
    Ok(Record {
        topic: topic.into(),
        partition,
        key: cell("key")?,
        value: cell("value")?,
        timestamp: number("timestamp"),
        headers: headers_from_json(record.get("headers"))?,
        origin,
    })
}

fn headers_from_json(headers: Option<&Json>) -> Parsed<Headers> {
    let list = headers.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let headers: Parsed<Vec<Header>> = list
        .iter()
        .map(|header| {
            let key = header.get("key").and_then(Json::as_str).ok_or("header without key")?;
            Ok(Header {
                key: key.into(),
                value: cell_from_json(header.get("value").unwrap_or(&Json::Null))?,
            })
        })
        .collect();
    headers.map(Headers)
}

/// A record as JSON, for showing.
pub fn record_to_json(record: &Record) -> Json {
    let headers = record.headers.iter();
    let headers = headers.map(|header| json!({"key": header.key.to_string(), "value": cell_to_json(&header.value)}));
    let mut shown = json!({
        "topic": record.topic.to_string(),
        "partition": record.partition,
        "timestamp": record.timestamp,
        "key": cell_to_json(&record.key),
        "value": cell_to_json(&record.value),
        "headers": headers.collect::<Vec<Json>>(),
    });
    if let Origin::Sink(from) = &record.origin {
        shown["offset"] = from.offset.into();
    }
    shown
}

/// First difference of two records.
pub fn difference(expected: &Record, actual: &Record) -> Option<String> {
    if expected.topic != actual.topic {
        return Some(format!("topic: expected {}, found {}", expected.topic, actual.topic));
    }
    if expected.partition != actual.partition {
        let (e, a) = (expected.partition, actual.partition);
        return Some(format!("partition: expected {e:?}, found {a:?}"));
    }
    if expected.timestamp != actual.timestamp {
        let (e, a) = (expected.timestamp, actual.timestamp);
        return Some(format!("timestamp: expected {e:?}, found {a:?}"));
    }
    // Of where a record comes from, the cases tell the offset alone.
    let offset = |record: &Record| match &record.origin {
        Origin::Sink(from) => Some(from.offset),
        Origin::Source { .. } => None,
    };
    if offset(expected) != offset(actual) {
        return Some(format!(
            "offset: expected {:?}, found {:?}",
            offset(expected),
            offset(actual)
        ));
    }
    let part = |name: &str, expected: &SchemaAndValue, actual: &SchemaAndValue| {
        equality::difference(expected, actual).map(|text| format!("{name} {text}"))
    };
    part("key", &expected.key, &actual.key)
        .or_else(|| part("value", &expected.value, &actual.value))
        .or_else(|| headers_difference(&expected.headers, &actual.headers))
}

fn headers_difference(expected: &Headers, actual: &Headers) -> Option<String> {
    let names = |headers: &Headers| -> Vec<String> { headers.iter().map(|header| header.key.to_string()).collect() };
    let (expected_names, actual_names) = (names(expected), names(actual));
    if expected_names != actual_names {
        return Some(format!("headers: expected {expected_names:?}, found {actual_names:?}"));
    }
    let mut pairs = expected.iter().zip(actual.iter());
    pairs.find_map(|(e, a)| equality::difference(&e.value, &a.value).map(|text| format!("header {} {text}", e.key)))
}
