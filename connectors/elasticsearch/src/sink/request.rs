//! Records → lines of a bulk request: which document, which version, insert, update or delete.

use super::batch::{Batch, Item};
use super::offsets::Ticket;
use crate::config::{Documents, NullBehavior, OtherId, Routing, WriteMethod};
use crate::document::DocumentWriter;
use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::{Error, Record, Result, SchemaAndValue, Type, Value};
use turnbuckle_converters::json::text::{append_i64, append_string};

/// What a record has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Item,
    /// Nothing is to be written.
    Nothing,
}

/// Makes requests of records.
pub(crate) struct RequestBuilder {
    settings: Documents,
    data_stream: bool,
    writer: DocumentWriter,
    hasher: RandomState,
    topics: HashMap<turnbuckle_api::Text, TopicSettings>,
    /// The id in hand.
    id: String,
    /// The document in hand, where it is needed before its action.
    scratch: Vec<u8>,
}

/// What depends on the topic.
#[derive(Clone, Copy)]
struct TopicSettings {
    ignore_key: bool,
    ignore_schema: bool,
}

/// A target with its name as JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    name: String,
    json: Vec<u8>,
    /// Nothing is left to declare.
    pub(crate) mapped: bool,
}

impl Target {
    pub(crate) fn new(name: String, mapped: bool) -> Self {
        let mut json = Vec::with_capacity(name.len() + 2);
        append_string(&name, &mut json);
        Target { name, json, mapped }
    }
}

impl RequestBuilder {
    pub(crate) fn new(settings: Documents, data_stream: bool) -> Self {
        RequestBuilder {
            writer: DocumentWriter::new(settings.compact_maps, settings.timestamp.clone()),
            settings,
            data_stream,
            hasher: RandomState::new(),
            topics: HashMap::new(),
            id: String::new(),
            scratch: Vec::new(),
        }
    }

    fn topic(&mut self, topic: &turnbuckle_api::Text) -> TopicSettings {
        if let Some(known) = self.topics.get(topic) {
            return *known;
        }
        let made = TopicSettings {
            ignore_key: self.settings.ids.ignore_key.holds(topic),
            ignore_schema: self.settings.ignore_schema.holds(topic),
        };
        self.topics.insert(topic.clone(), made);
        made
    }

    /// Records of this topic declare their fields.
    pub(crate) fn wants_mapping(&mut self, topic: &turnbuckle_api::Text) -> bool {
        !self.topic(topic).ignore_schema
    }

    /// Appends the lines of a record to a batch.
    ///
    /// # Errors
    /// `DataException` for a record that makes no document, `ConnectException` for a version that is none; the batch is as
    /// it was then.
    pub(crate) fn append(
        &mut self,
        record: &Record,
        target: &Target,
        ticket: Ticket,
        batch: &mut Batch,
    ) -> Result<Made> {
        let start = batch.body.len();
        let made = self.append_lines(record, target, ticket, &mut batch.body);
        match made {
            Ok(Some((document, versioned))) => {
                batch.push(Item {
                    ticket,
                    lines: start..batch.body.len(),
                    document,
                    versioned,
                });
                Ok(Made::Item)
            }
            Ok(None) => {
                batch.body.truncate(start);
                Ok(Made::Nothing)
            }
            Err(error) => {
                batch.body.truncate(start);
                Err(error)
            }
        }
    }

    /// The document's hash, and whether its version is ours; None if there is nothing to write.
    fn append_lines(
        &mut self,
        record: &Record,
        target: &Target,
        ticket: Ticket,
        out: &mut Vec<u8>,
    ) -> Result<Option<(Option<u64>, bool)>> {
        let delete = record.value.value.is_null();
        if delete {
            match self.settings.null_values {
                NullBehavior::Ignore => return Ok(None),
                // There is no document of no key.
                NullBehavior::Delete if record.key.value.is_null() => return Ok(None),
                NullBehavior::Delete => {}
                NullBehavior::Fail => return Err(null_value(record)),
            }
        }
        let topic = self.topic(&record.topic);
        self.id.clear();
        let by_key = !topic.ignore_key;
        let has_id = match (topic.ignore_key, self.settings.ids.otherwise) {
            (false, _) | (true, OtherId::RecordKey) => append_key(&record.key, &mut self.id)?,
            (true, OtherId::Coordinates) => append_coordinates(record, ticket, &mut self.id),
            (true, OtherId::Generated) => false,
        };
        if delete && !has_id {
            return Ok(None);
        }
        let action = match (delete, self.settings.write) {
            (true, _) => "delete",
            (false, WriteMethod::Upsert) => "update",
            (false, WriteMethod::Insert) if self.data_stream => "create",
            (false, WriteMethod::Insert) => "index",
        };
        let versioned = action != "update" && by_key && !self.data_stream;
        let version = match versioned {
            true => Some(self.version(record, ticket)?),
            false => None,
        };
        // The routing value may have to be read from the document.
        self.scratch.clear();
        let routing = match &self.settings.routing {
            Routing::Value(path) if !delete => {
                let (writer, scratch) = (&mut self.writer, &mut self.scratch);
                writer.write(&record.value, topic.ignore_schema, record.timestamp, scratch)?;
                Some(routing_value(&self.scratch, path)?)
            }
            Routing::Key => {
                let mut text = String::new();
                append_key(&record.key, &mut text)?;
                Some(text)
            }
            Routing::Value(_) | Routing::None => None,
        };
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(action.as_bytes());
        out.extend_from_slice(b"\":{\"_index\":");
        out.extend_from_slice(&target.json);
        if has_id {
            out.extend_from_slice(b",\"_id\":");
            append_string(&self.id, out);
        }
        if let Some(routing) = routing {
            out.extend_from_slice(b",\"routing\":");
            append_string(&routing, out);
        }
        if let Some(version) = version {
            out.extend_from_slice(b",\"version\":");
            append_i64(version, out);
            out.extend_from_slice(b",\"version_type\":\"external\"");
        }
        if action == "update" {
            out.extend_from_slice(b",\"retry_on_conflict\":");
            append_i64(self.settings.retry_on_conflict as i64, out);
        }
        out.extend_from_slice(b"}}\n");
        if !delete {
            self.append_source(record, topic.ignore_schema, action == "update", out)?;
        }
        let shared = by_key || self.settings.ids.otherwise == OtherId::RecordKey;
        let document = (has_id && shared).then(|| self.hasher.hash_one((&target.name, &self.id)));
        Ok(Some((document, versioned)))
    }

    /// Appends the line of the document, which an update wraps.
    fn append_source(&mut self, record: &Record, ignore_schema: bool, update: bool, out: &mut Vec<u8>) -> Result<()> {
        if update {
            out.extend_from_slice(b"{\"doc\":");
        }
        let start = out.len();
        match self.scratch.is_empty() {
            true => self.writer.write(&record.value, ignore_schema, record.timestamp, out)?,
            false => out.extend_from_slice(&self.scratch),
        }
        if update && self.settings.doc_as_upsert {
            out.extend_from_slice(b",\"doc_as_upsert\":true}");
        } else if update {
            let end = out.len();
            out.extend_from_slice(b",\"upsert\":");
            out.extend_from_within(start..end);
            out.push(b'}');
        }
        out.push(b'\n');
        Ok(())
    }

    fn version(&self, record: &Record, ticket: Ticket) -> Result<i64> {
        let Some(name) = &self.settings.version_header else {
            return Ok(ticket.offset);
        };
        let Some(header) = record.headers.last_with_name(name) else {
            return Err(Error::connect(format!(
                "The record {} has no header '{name}', which external.version.header names.",
                record.coordinates()
            )));
        };
        let text = JavaText(&header.value.value).to_string();
        text.trim().parse().map_err(|_| {
            Error::connect(format!(
                "The header '{name}' of record {} is no version, which is a whole number of 64 bits.",
                record.coordinates()
            ))
        })
    }
}

/// The text of a field of the document.
fn routing_value(document: &[u8], path: &str) -> Result<String> {
    let refuse = |kind: &str| {
        let text = format!("{kind} node type is not supported. Supported are: JSON string or JSON numeric values");
        Err(Error::data(text))
    };
    let tree: serde_json::Value =
        serde_json::from_slice(document).map_err(|error| Error::data(format!("Could not parse payload: {error}")))?;
    match tree.pointer(path) {
        Some(serde_json::Value::String(text)) if text.is_empty() => {
            Err(Error::data(format!("Couldn't determine value for path: {path}")))
        }
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(serde_json::Value::Number(number)) => Ok(number.to_string()),
        None => refuse("MISSING"),
        Some(serde_json::Value::Null) => refuse("NULL"),
        Some(serde_json::Value::Bool(_)) => refuse("BOOLEAN"),
        Some(serde_json::Value::Array(_)) => refuse("ARRAY"),
        Some(serde_json::Value::Object(_)) => refuse("OBJECT"),
    }
}

/// Appends a key's text; always true.
fn append_key(key: &SchemaAndValue, out: &mut String) -> Result<bool> {
    let kind = match (&key.schema, &key.value) {
        (_, Value::Null) => {
            return Err(Error::data("Key is used as document id and can not be null."));
        }
        (Some(schema), _) => schema.kind(),
        (None, value) => kind_of(value),
    };
    match &key.value {
        Value::String(text) if text.is_empty() => Err(Error::data("Key is used as document id and can not be empty.")),
        Value::String(text) if kind == Type::String => {
            out.push_str(text);
            Ok(true)
        }
        value @ (Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_))
            if matches!(kind, Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64) =>
        {
            let _ = write!(out, "{}", JavaText(value));
            Ok(true)
        }
        _ => Err(Error::data(format!(
            "{} is not supported as the document id.",
            kind.constant()
        ))),
    }
}

/// `ConnectSchema.schemaType` of a value's class.
fn kind_of(value: &Value) -> Type {
    match value {
        Value::Boolean(_) => Type::Boolean,
        Value::Int8(_) => Type::Int8,
        Value::Int16(_) => Type::Int16,
        Value::Int32(_) => Type::Int32,
        Value::Int64(_) => Type::Int64,
        Value::Float32(_) => Type::Float32,
        Value::Float64(_) => Type::Float64,
        Value::String(_) | Value::Null => Type::String,
        Value::Bytes(_) | Value::Decimal(_) => Type::Bytes,
        Value::Date(_) => Type::Int64,
        Value::Array(_) => Type::Array,
        Value::Map(_) => Type::Map,
        Value::Struct(_) => Type::Struct,
    }
}

/// Appends `topic+partition+offset`, of the topic as transforms left it; always true.
fn append_coordinates(record: &Record, ticket: Ticket, out: &mut String) -> bool {
    let partition = match &record.origin {
        turnbuckle_api::Origin::Sink(from) => record.partition.unwrap_or(from.partition),
        turnbuckle_api::Origin::Source { .. } => record.partition.unwrap_or(0),
    };
    let _ = write!(out, "{}+{partition}+{}", record.topic, ticket.offset);
    true
}

fn null_value(record: &Record) -> Error {
    let (topic, partition, offset) = match super::offsets::origin(record) {
        Some((_, partition, offset)) => (&record.topic, record.partition.unwrap_or(partition), offset),
        None => (&record.topic, 0, 0),
    };
    Error::data(format!(
        "Sink record with key of {} and null value encountered for topic/partition/offset {topic}/{partition}/{offset} (to \
         ignore future records like this change the configuration property 'behavior.on.null.values' from 'FAIL' to \
         'IGNORE')",
        JavaText(&record.key.value)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::offsets::Offsets;
    use super::*;
    use crate::config::Vendor;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Props, Schema};

    fn text(value: &str) -> SchemaAndValue {
        SchemaAndValue::new(Schema::primitive(Type::String, true), Value::text(value.to_string()))
    }

    type Given = Vec<(&'static str, &'static str)>;

    fn document() -> SchemaAndValue {
        SchemaAndValue::schemaless(Value::Map(vec![(Value::text("a"), Value::Int32(1))]))
    }

    fn builder(vendor: Vendor, settings: &[(&str, &str)]) -> RequestBuilder {
        let mut props = Props::new()
            .with("connection.url", "http://a:9200")
            .with("type.name", "_doc")
            .with("behavior.on.null.values", "delete");
        for (key, value) in settings {
            props.insert(*key, *value);
        }
        let settings = vendor.settings(&props).unwrap();
        RequestBuilder::new(settings.documents, settings.resources.data_stream)
    }

    fn lines(builder: &mut RequestBuilder, record: &Record) -> Result<String> {
        let mut offsets = Offsets::default();
        let ticket = offsets.add(&record.topic, 0, 42);
        let mut batch = Batch::default();
        builder.append(record, &Target::new("i".to_string(), true), ticket, &mut batch)?;
        Ok(String::from_utf8(batch.body).unwrap())
    }

    #[test]
    fn each_way_of_writing_has_its_lines() {
        let insert = sink_record("T", 42, text("k\"1"), document());
        let delete = sink_record("T", 42, text("k"), SchemaAndValue::NULL);
        let stream = [
            ("data.stream.type", "logs"),
            ("data.stream.dataset", "x"),
            ("behavior.on.null.values", "fail"),
        ];
        let confluent = Vendor::Confluent;
        let cases: Vec<(Vendor, Given, &Record, &str)> = vec![
            (
                confluent,
                vec![],
                &insert,
                "{\"index\":{\"_index\":\"i\",\"_id\":\"k\\\"1\",\"version\":42,\"version_type\":\"external\"}}\n{\"a\":1}\n",
            ),
            (
                confluent,
                vec![("key.ignore", "true")],
                &insert,
                "{\"index\":{\"_index\":\"i\",\"_id\":\"T+0+42\"}}\n{\"a\":1}\n",
            ),
            (
                confluent,
                vec![("use.autogenerated.ids", "true")],
                &insert,
                "{\"index\":{\"_index\":\"i\"}}\n{\"a\":1}\n",
            ),
            (
                confluent,
                [&stream[..], &[("key.ignore", "true")]].concat(),
                &insert,
                "{\"create\":{\"_index\":\"i\",\"_id\":\"T+0+42\"}}\n{\"@timestamp\":0,\"a\":1}\n",
            ),
            (
                confluent,
                vec![("write.method", "upsert"), ("max.in.flight.requests", "3")],
                &insert,
                "{\"update\":{\"_index\":\"i\",\"_id\":\"k\\\"1\",\"retry_on_conflict\":3}}\n\
                 {\"doc\":{\"a\":1},\"upsert\":{\"a\":1}}\n",
            ),
            (
                confluent,
                vec![],
                &delete,
                "{\"delete\":{\"_index\":\"i\",\"_id\":\"k\",\"version\":42,\"version_type\":\"external\"}}\n",
            ),
            (confluent, vec![("use.autogenerated.ids", "true")], &delete, ""),
            (confluent, vec![("behavior.on.null.values", "ignore")], &delete, ""),
            (
                Vendor::AivenOpensearch,
                vec![("index.write.method", "upsert"), ("routing.type", "key")],
                &insert,
                "{\"update\":{\"_index\":\"i\",\"_id\":\"k\\\"1\",\"routing\":\"k\\\"1\",\"retry_on_conflict\":3}}\n\
                 {\"doc\":{\"a\":1},\"doc_as_upsert\":true}\n",
            ),
            (
                Vendor::AivenOpensearch,
                vec![
                    ("key.ignore", "true"),
                    ("key.ignore.id.strategy", "none"),
                    ("routing.type", "value"),
                    ("routing.type.record.value.path", "/a"),
                    ("behavior.on.null.values", "fail"),
                ],
                &insert,
                "{\"index\":{\"_index\":\"i\",\"routing\":\"1\"}}\n{\"a\":1}\n",
            ),
            (
                Vendor::AivenElasticsearch,
                vec![("topic.key.ignore", "T")],
                &insert,
                "{\"index\":{\"_index\":\"i\",\"_id\":\"T+0+42\"}}\n{\"a\":1}\n",
            ),
        ];
        for (vendor, settings, record, expected) in cases {
            assert_eq!(
                lines(&mut builder(vendor, &settings), record).unwrap(),
                expected,
                "{settings:?}"
            );
        }
    }

    #[test]
    fn keys_are_texts_or_whole_numbers() {
        let mut plain = builder(Vendor::Confluent, &[("behavior.on.null.values", "fail")]);
        let mut made = |key: SchemaAndValue, value: SchemaAndValue| {
            let made = lines(&mut plain, &sink_record("T", 42, key, value));
            made.map_err(|error| error.message().unwrap_or_default().to_string())
        };
        let number = SchemaAndValue::schemaless(Value::Int64(-7));
        assert!(made(number.clone(), document()).unwrap().contains("\"_id\":\"-7\""));
        for (key, text) in [
            (SchemaAndValue::NULL, "Key is used as document id and can not be null."),
            (text(""), "Key is used as document id and can not be empty."),
            (
                SchemaAndValue::schemaless(Value::Boolean(true)),
                "BOOLEAN is not supported as the document id.",
            ),
            (document(), "MAP is not supported as the document id."),
        ] {
            assert_eq!(made(key, document()).unwrap_err(), text);
        }
        let error = made(number, SchemaAndValue::NULL).unwrap_err();
        assert!(
            error
                .starts_with("Sink record with key of -7 and null value encountered for topic/partition/offset T/0/42")
        );
    }

    #[test]
    fn versions_may_come_from_a_header() {
        let mut builder = builder(Vendor::Confluent, &[("external.version.header", "v")]);
        let mut record = sink_record("T", 42, text("k"), document());
        assert!(
            lines(&mut builder, &record)
                .unwrap_err()
                .to_string()
                .contains("has no header 'v'")
        );
        record.headers.add("v", text("7"));
        record.headers.add("v", SchemaAndValue::schemaless(Value::Int64(8)));
        assert!(lines(&mut builder, &record).unwrap().contains("\"version\":8"));
        record.headers.add("v", text("x"));
        assert!(
            lines(&mut builder, &record)
                .unwrap_err()
                .to_string()
                .contains("is no version")
        );
    }
}
