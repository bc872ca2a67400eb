//! Records to commands: one method per structure. Buffers are kept, so that a record costs no allocation of its own here.

use crate::commands::Commands;
use crate::config::{Member, Push, Structure, WriteOptions};
use redis::Cmd;
use std::collections::HashMap;
use std::io::Write;
use turnbuckle_api::converter::{Converter, ConverterRole, Encoded, Step};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::{Error, Headers, Origin, Props, Record, Result, SchemaAndValue, Text, Value};
use turnbuckle_converters::charset::Charset;

const TTL_HEADER: &str = "redis.key.ttl";

/// Makes commands of records.
pub(crate) struct Mapper {
    options: WriteOptions,
    /// Makes JSON text of values, without an envelope.
    json: Box<dyn Converter>,
    key: Vec<u8>,
    value: Vec<u8>,
    /// Encoded key space by topic: what keys begin with, or the key of a collection.
    keyspaces: HashMap<Text, Vec<u8>>,
}

impl Mapper {
    pub(crate) fn new(options: WriteOptions) -> Result<Self> {
        Ok(Mapper {
            options,
            json: json_converter()?,
            key: Vec::new(),
            value: Vec::new(),
            keyspaces: HashMap::new(),
        })
    }

    /// Adds the commands for a record. With `merge`, runs of SETs and DELs become one command.
    ///
    /// # Errors
    /// `DataException` if the record does not fit the structure; nothing was added then.
    pub(crate) fn map(&mut self, position: usize, record: &Record, commands: &mut Commands, merge: bool) -> Result<()> {
        let mut key = std::mem::take(&mut self.key);
        let mut value = std::mem::take(&mut self.value);
        let mut out = Output {
            position,
            merge,
            commands,
        };
        let mapped = self.write(record, &mut key, &mut value, &mut out);
        self.key = key;
        self.value = value;
        mapped
    }

    fn write(&mut self, record: &Record, key: &mut Vec<u8>, value: &mut Vec<u8>, out: &mut Output<'_>) -> Result<()> {
        let tombstone = record.value.value.is_null();
        self.find_key(record, key)?;
        match self.options.structure {
            Structure::String | Structure::Hash | Structure::Json if tombstone => {
                out.commands.delete(out.position, key, out.merge);
                return Ok(());
            }
            Structure::Set | Structure::SortedSet | Structure::Geo if tombstone => {
                return self.remove_member(record, key, value, out);
            }
            _ if tombstone => return Ok(()),
            Structure::String => return self.string(record, key, value, out),
            Structure::Hash => self.hash(record, key, out)?,
            Structure::Json => {
                self.payload(record, value)?;
                let mut command = command("JSON.SET", key);
                command.arg("$").arg(value.as_slice());
                out.push(key, value.len(), command);
            }
            Structure::Stream => self.stream(record, key, out)?,
            Structure::List => {
                self.element(record, value)?;
                let name = match self.options.push {
                    Push::Right => "RPUSH",
                    Push::Left => "LPUSH",
                };
                out.push_one(name, key, value);
            }
            Structure::Set => {
                self.element(record, value)?;
                out.push_one("SADD", key, value);
            }
            Structure::SortedSet => self.scored(record, key, value, out)?,
            Structure::TimeSeries => self.sample(record, key, out)?,
            Structure::Geo => self.place(record, key, value, out)?,
            Structure::PubSub => {
                self.payload(record, value)?;
                out.push_one("PUBLISH", key, value);
                return Ok(());
            }
        }
        if let Some(ttl) = self.ttl(record) {
            let mut expire = command("EXPIRE", key);
            expire.arg(ttl);
            out.push(key, 0, expire);
        }
        Ok(())
    }

    /// The key in Redis.
    fn find_key(&mut self, record: &Record, key: &mut Vec<u8>) -> Result<()> {
        key.clear();
        if self.options.structure.is_collection() {
            key.extend_from_slice(self.keyspace(&record.topic));
            return Ok(());
        }
        if record.key.value.is_null() {
            return Err(Error::data(format!(
                "The key for the record cannot be null. {}",
                location(record)
            )));
        }
        if !self.options.keyspace.is_empty() {
            key.extend_from_slice(self.keyspace(&record.topic));
            append_text(&record.key.value, self.options.charset, key);
            return Ok(());
        }
        self.verbatim("key", &record.key.value, key)?;
        if key.is_empty() {
            return Err(Error::data(format!(
                "The key cannot be an empty byte array. {}",
                location(record)
            )));
        }
        Ok(())
    }

    fn keyspace(&mut self, topic: &Text) -> &[u8] {
        if !self.keyspaces.contains_key(topic) {
            // Transformations may make any number of topics.
            if self.keyspaces.len() >= 10_000 {
                self.keyspaces.clear();
            }
            let options = &self.options;
            let mut text = options.keyspace.replace("${topic}", topic);
            match (options.structure.is_collection(), text.is_empty()) {
                (true, true) => text = topic.to_string(),
                (true, false) => {}
                (false, _) => text.push_str(&options.separator),
            }
            let mut encoded = Vec::new();
            options.charset.encode(&text, &mut encoded);
            self.keyspaces.insert(topic.clone(), encoded);
        }
        self.keyspaces.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    /// Text and bytes as they are; nothing else.
    fn verbatim(&self, source: &str, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match value {
            Value::String(text) => self.options.charset.encode(text, out),
            Value::Bytes(bytes) => out.extend_from_slice(bytes),
            _ => {
                return Err(Error::data(format!(
                    "The {source} for the record must be String or Bytes. Consider using the ByteArrayConverter or \
                     StringConverter if the data is stored in Kafka in the format needed in Redis. Another option is to \
                     use a single message transformation to transform the data before it is written to Redis."
                )));
            }
        }
        Ok(())
    }

    fn string(&mut self, record: &Record, key: &[u8], value: &mut Vec<u8>, out: &mut Output<'_>) -> Result<()> {
        value.clear();
        self.verbatim("value", &record.value.value, value)?;
        let Some(ttl) = self.ttl(record) else {
            out.commands.set(out.position, key, value, out.merge);
            return Ok(());
        };
        let mut set = command("SET", key);
        set.arg(value.as_slice()).arg("EX").arg(ttl);
        out.push(key, value.len(), set);
        Ok(())
    }

    /// Text and bytes as they are, anything else as JSON.
    fn payload(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match &record.value.value {
            Value::String(_) | Value::Bytes(_) => self.verbatim("value", &record.value.value, out),
            _ => self.append_json(&record.topic, &record.value, out),
        }
    }

    fn append_json(&mut self, topic: &str, value: &SchemaAndValue, out: &mut Vec<u8>) -> Result<()> {
        let mut headers = Headers::default();
        let step = self
            .json
            .from_connect(topic, &mut headers, value.schema.as_ref(), &value.value, out)?;
        match step {
            Step::Done(Encoded::Bytes) => Ok(()),
            Step::Done(Encoded::Null) | Step::Fetch(_) => {
                out.extend_from_slice(b"null");
                Ok(())
            }
        }
    }

    /// The element of a list or set.
    fn element(&mut self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        match self.options.member {
            Member::Key => self.member(record, out),
            Member::Value => self.payload(record, out),
        }
    }

    /// The record's key as a member.
    fn member(&self, record: &Record, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match &record.key.value {
            Value::Null => Err(Error::data(format!(
                "The key for the record cannot be null. {}",
                location(record)
            ))),
            key => self.verbatim("key", key, out),
        }
    }

    fn remove_member(&mut self, record: &Record, key: &[u8], value: &mut Vec<u8>, out: &mut Output<'_>) -> Result<()> {
        let by_value = self.options.structure == Structure::Set && self.options.member == Member::Value;
        if !self.options.remove_members || by_value {
            return Ok(());
        }
        self.member(record, value)?;
        let name = match self.options.structure {
            Structure::Set => "SREM",
            _ => "ZREM",
        };
        out.push_one(name, key, value);
        Ok(())
    }

    /// HSET of the fields that have values, HDEL of the others.
    fn hash(&mut self, record: &Record, key: &[u8], out: &mut Output<'_>) -> Result<()> {
        let mut set = command("HSET", key);
        let mut delete = command("HDEL", key);
        let (mut present, mut absent, mut size) = (0, 0, 0);
        self.for_each_field(record, |name, value| match value {
            None => {
                absent += 1;
                delete.arg(name);
            }
            Some(value) => {
                present += 1;
                size += name.len() + value.len();
                set.arg(name).arg(value);
            }
        })?;
        if present > 0 {
            out.push(key, size, set);
        }
        if absent > 0 {
            out.push(key, size, delete);
        }
        Ok(())
    }

    fn stream(&mut self, record: &Record, key: &[u8], out: &mut Output<'_>) -> Result<()> {
        let mut add = command("XADD", key);
        if let Some(length) = self.options.max_length {
            add.arg("MAXLEN").arg("~").arg(length);
        }
        add.arg("*");
        let mut size = 0;
        self.for_each_field(record, |name, value| {
            if let Some(value) = value {
                size += name.len() + value.len();
                add.arg(name).arg(value);
            }
        })?;
        if size == 0 {
            return Err(Error::data(format!(
                "The value has no field with a value, which a stream's entry needs. {}",
                location(record)
            )));
        }
        out.push(key, size, add);
        Ok(())
    }

    /// Fields of a struct or a map with their texts; null fields of a struct have none.
    fn for_each_field(&self, record: &Record, mut take: impl FnMut(&[u8], Option<&[u8]>)) -> Result<()> {
        let charset = self.options.charset;
        let (mut name, mut text) = (Vec::new(), Vec::new());
        let mut field = |key: &Value, value: &Value, null_is_text: bool| {
            name.clear();
            append_text(key, charset, &mut name);
            if value.is_null() && !null_is_text {
                return take(&name, None);
            }
            text.clear();
            append_text(value, charset, &mut text);
            take(&name, Some(&text));
        };
        match &record.value.value {
            Value::Struct(value) => {
                for (index, described) in value.schema().fields().iter().enumerate() {
                    field(&Value::String(described.name.clone()), value.get_at(index), false);
                }
                Ok(())
            }
            Value::Map(entries) => {
                for (key, value) in entries {
                    field(key, value, true);
                }
                Ok(())
            }
            other => Err(Error::data(format!(
                "The value for the record must be a struct or a map to become the fields of a hash or a stream's entry, but \
                 it is {}. {}",
                other.java_class(),
                location(record)
            ))),
        }
    }

    fn scored(&mut self, record: &Record, key: &[u8], member: &mut Vec<u8>, out: &mut Output<'_>) -> Result<()> {
        let score = number(&record.value.value).ok_or_else(|| not_a_number("value", record))?;
        self.member(record, member)?;
        let mut add = command("ZADD", key);
        add.arg(score).arg(member.as_slice());
        out.push(key, member.len(), add);
        Ok(())
    }

    fn sample(&mut self, record: &Record, key: &[u8], out: &mut Output<'_>) -> Result<()> {
        let timestamp = match &record.key.value {
            Value::Int8(value) => i64::from(*value),
            Value::Int16(value) => i64::from(*value),
            Value::Int32(value) => i64::from(*value),
            Value::Int64(value) | Value::Date(value) => *value,
            _ => return Err(not_a_number("key", record)),
        };
        let value = number(&record.value.value).ok_or_else(|| not_a_number("value", record))?;
        let mut add = command("TS.ADD", key);
        add.arg(timestamp).arg(value);
        out.push(key, 16, add);
        Ok(())
    }

    fn place(&mut self, record: &Record, key: &[u8], member: &mut Vec<u8>, out: &mut Output<'_>) -> Result<()> {
        let coordinate = |name: &str| {
            let value = match &record.value.value {
                Value::Struct(value) => value.get(name),
                map => map.map_get(name),
            };
            value.and_then(number).ok_or_else(|| {
                Error::data(format!(
                    "The value for the record must have a number in its field {name}. Name the fields by \
                     redis.geo.longitude.field and redis.geo.latitude.field. {}",
                    location(record)
                ))
            })
        };
        let longitude = coordinate(&self.options.longitude)?;
        let latitude = coordinate(&self.options.latitude)?;
        self.member(record, member)?;
        let mut add = command("GEOADD", key);
        add.arg(longitude).arg(latitude).arg(member.as_slice());
        out.push(key, member.len(), add);
        Ok(())
    }

    /// Seconds to live: the record's header, else what is configured.
    fn ttl(&self, record: &Record) -> Option<i64> {
        let Some(header) = record.headers.last_with_name(TTL_HEADER) else {
            return self.options.ttl;
        };
        let text = JavaText(&header.value.value).to_string();
        match text.trim().parse::<i64>() {
            Ok(seconds) if seconds > 0 => Some(seconds),
            Ok(_) => self.options.ttl,
            Err(_) => {
                tracing::warn!(
                    record = record.coordinates(),
                    value = text,
                    "header {TTL_HEADER} is no number of seconds"
                );
                self.options.ttl
            }
        }
    }
}

/// The JSON converter without schemas, as the reference uses it for values.
fn json_converter() -> Result<Box<dyn Converter>> {
    let props = Props::new().with("schemas.enable", "false");
    match turnbuckle_converters::json::PLUGIN.kind {
        PluginKind::Converter { converter, .. } => converter(&props, ConverterRole::Value),
        _ => Err(Error::connect("the JSON converter is no converter")),
    }
}

/// Where the commands of a record go.
struct Output<'a> {
    position: usize,
    merge: bool,
    commands: &'a mut Commands,
}

impl Output<'_> {
    fn push(&mut self, key: &[u8], size: usize, command: Cmd) {
        self.commands.push(self.position, key, key.len() + size, command);
    }

    /// A command of a key and one argument.
    fn push_one(&mut self, name: &'static str, key: &[u8], argument: &[u8]) {
        let mut command = command(name, key);
        command.arg(argument);
        self.push(key, argument.len(), command);
    }
}

fn command(name: &str, key: &[u8]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(key);
    command
}

/// Java's text of a value; bytes as they are.
fn append_text(value: &Value, charset: Charset, out: &mut Vec<u8>) {
    match value {
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::String(text) => charset.encode(text, out),
        // Writing to memory does not fail.
        other if charset == Charset::Utf8 => _ = write!(out, "{}", JavaText(other)),
        other => charset.encode(&JavaText(other).to_string(), out),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int8(value) => Some(f64::from(*value)),
        Value::Int16(value) => Some(f64::from(*value)),
        Value::Int32(value) => Some(f64::from(*value)),
        Value::Int64(value) => Some(*value as f64),
        Value::Float32(value) => Some(f64::from(*value)),
        Value::Float64(value) => Some(*value),
        Value::Decimal(value) => value.to_string().parse().ok(),
        _ => None,
    }
}

fn not_a_number(source: &str, record: &Record) -> Error {
    Error::data(format!(
        "The {source} for the record must be a number. Consider using a single message transformation to transform the data \
         before it is written to Redis. {}",
        location(record)
    ))
}

/// As the reference shows where a record is from.
fn location(record: &Record) -> String {
    match &record.origin {
        Origin::Sink(origin) => format!(
            "topic = {} partition = {} offset = {}",
            record.topic, origin.partition, origin.offset
        ),
        Origin::Source { .. } => format!("topic = {}", record.topic),
    }
}

#[cfg(test)]
#[path = "mapping_tests.rs"]
mod tests;
