//! Steps that several stories take: a checked-in connector with a test's own names, Avro rows into a topic, Avro rows
//! out of it, lines into a file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Write;
use std::path::Path;

use serde_json::Value;

use crate::kafka::{Kafka, Message, Row};
use crate::localize::localize;
use crate::registry::{self, Registry};
use crate::{avro, services};

/// A connector of `configs/connectors`, made local, with words replaced: names that must be the test's own.
///
/// # Panics
/// When a word does not occur: then the file has changed and the test would not test it any more.
pub fn connector_file(file: &str, replacements: &[(&str, &str)]) -> Value {
    let path = services::workspace().join("configs/connectors").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
    let mut text = localize(&text);
    for (word, own) in replacements {
        assert!(text.contains(word), "{} does not say {word}: {text}", path.display());
        text = text.replace(word, own);
    }
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Registers the schema as the topic's value and produces the data (see [`avro::encode`]) without keys; returns the
/// schema's id.
pub async fn produce_avro(kafka: &Kafka, registry: &Registry, topic: &str, schema: &Value, data: Vec<Value>) -> i32 {
    let id = registry.register(&format!("{topic}-value"), schema).await;
    produce_avro_as(kafka, id, topic, schema, data).await;
    id
}

/// [`produce_avro`] with a schema that is registered already.
pub async fn produce_avro_as(kafka: &Kafka, id: i32, topic: &str, schema: &Value, data: Vec<Value>) {
    let schema = schema.clone();
    let rows = data
        .into_iter()
        .map(move |datum| Row::value(registry::frame(id, &avro::encode(&schema, &datum))));
    kafka.produce(topic, rows).await;
}

/// Decodes Avro values; each schema is asked for once.
pub async fn decode_avro(registry: &Registry, messages: &[Message]) -> Vec<Value> {
    let mut schemas: HashMap<i32, Value> = HashMap::new();
    let mut decoded = Vec::with_capacity(messages.len());
    for message in messages {
        let (id, datum) = registry::unframe(message.value.as_deref().unwrap_or_default());
        let schema = match schemas.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(registry.schema(id).await),
        };
        decoded.push(avro::decode(schema, datum));
    }
    decoded
}

/// Values of all records of a topic as text, once there are at least `count`.
pub async fn texts(kafka: &Kafka, topic: &str, count: usize) -> Vec<String> {
    let messages = kafka.read_at_least(topic, count).await;
    messages.iter().map(Message::text).collect()
}

/// Appends lines to a file, which is created if need be; all of them at once.
pub fn append<T: AsRef<str>>(file: &Path, lines: &[T]) {
    let text: String = lines.iter().map(|line| format!("{}\n", line.as_ref())).collect();
    let mut open = std::fs::File::options();
    let written = open
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut f| f.write_all(text.as_bytes()));
    written.unwrap_or_else(|e| panic!("cannot append to {}: {e}", file.display()));
}

/// `prefix-FIRST` to `prefix-LAST`.
pub fn numbered(prefix: &str, numbers: std::ops::RangeInclusive<usize>) -> Vec<String> {
    numbers.map(|n| format!("{prefix}-{n}")).collect()
}

/// Complete lines of a file; none while it does not exist.
pub fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    // What a writer has not finished is no line yet.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect()
}
