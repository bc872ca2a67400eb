//! The converter itself: finds what is compiled, and asks the registry for what is not.

use super::compatible::misfit;
use super::config::ProtobufConfig;
use super::definition::render;
use super::descriptors::Descriptors;
use super::frame;
use super::from_connect::{Written, from_connect};
use super::known;
use super::names::DataOptions;
use super::reader::ProtobufReader;
use super::to_connect::to_connect;
use super::writer::ProtobufWriter;
use crate::registry::{
    Failures, HEADER, MAGIC, RegisteredSchema, RegistryClient, RegistryConfig, SchemaText, TOPIC_NAME_STRATEGY, Target,
    Wording, WrittenSchemas, latest_of, schema_id, schema_of, target, version_of,
};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use turnbuckle_api::converter::{Converter, ConverterRole, Encoded, Step};
use turnbuckle_api::data::SchemaRef;
use turnbuckle_api::{Config, Error, ErrorKind, Headers, Props, Result, SchemaAndValue, Text, Value};

const WORDING: Wording = Wording {
    kind: "PROTOBUF",
    name: "Protobuf",
    write: "Failed to serialize Protobuf data from topic {} :",
    read: "Failed to deserialize data for topic {} to Protobuf: ",
};

/// Converts between Connect's values and Protobuf payloads of the registry's form: a zero byte, the schema's id, the indexes
/// of the message in the schema's file, the message.
pub struct ProtobufConverter {
    role: ConverterRole,
    config: Arc<RegistryConfig>,
    options: DataOptions,
    cache_size: usize,
    registry: Arc<RegistryClient>,
    written: WrittenSchemas<Compiled>,
    readers: HashMap<u32, Vec<KnownReader>>,
    /// How many readers there are.
    known_readers: usize,
    /// The reader used last, because most records of a topic have the same.
    last: Option<(u32, KnownReader)>,
}

#[derive(Clone)]
struct KnownReader {
    topic: Text,
    /// The message's indexes, as they stand in the payload.
    indexes: Bytes,
    reader: Arc<ProtobufReader>,
}

/// What is known of a Connect schema.
struct Compiled {
    text: Arc<SchemaText>,
    /// Full name of the message.
    name: String,
    descriptors: Descriptors,
    indexes: Vec<i32>,
    writer: Arc<ProtobufWriter>,
    /// By topic: everything before the message.
    targets: Vec<(Text, Vec<u8>)>,
}

impl Compiled {
    fn new(schema: &SchemaRef, options: &DataOptions) -> Result<Self> {
        let (written, writer) = from_connect(schema, options)?;
        let (text, name) = match written {
            Written::File(file) => (render(&file)?, file.full_name()),
            Written::Wrapper(place) => (known::WRAPPERS_TEXT.to_string(), known::WRAPPERS[place].to_string()),
        };
        let descriptors = Descriptors::parse(&text, &[])?;
        Ok(Compiled {
            indexes: descriptors.indexes_of(&name),
            text: Arc::new(SchemaText {
                kind: WORDING.kind,
                text,
                references: Vec::new(),
            }),
            name,
            descriptors,
            writer: Arc::new(writer),
            targets: Vec::new(),
        })
    }

    fn add_target(&mut self, topic: &str, id: u32, indexes: &[i32]) {
        let mut header = vec![MAGIC];
        header.extend_from_slice(&id.to_be_bytes());
        frame::put_indexes(indexes, &mut header);
        self.targets.push((Text::from(topic), header));
    }

    /// The indexes of the message in a schema of the registry's.
    fn indexes_in(&self, schema: &RegisteredSchema, strict: bool) -> Result<Vec<i32>> {
        let other = Descriptors::of(schema)?;
        if strict {
            let reason = match (
                self.descriptors.by_indexes(&self.indexes),
                other.named_or_first(&self.name),
            ) {
                (Ok(own), Some(other)) => misfit(&own, &other),
                _ => Some("it has no message".to_string()),
            };
            if let Some(reason) = reason {
                let text = format!(
                    "Incompatible schema {}: {reason}. Set latest.compatibility.strict=false (with use.schema.id: \
                     id.compatibility.strict=false) to disable this check",
                    schema.text
                );
                return Err(Error::new(ErrorKind::Class("java.io.IOException"), text));
            }
        }
        Ok(other.indexes_of(&self.name))
    }
}

impl ProtobufConverter {
    /// A converter of keys or values.
    ///
    /// # Errors
    /// `ConfigException` for a value that can't be used.
    pub fn new(props: &Props, role: ConverterRole) -> Result<Self> {
        let config = RegistryConfig::from_props(props)?;
        let protobuf = ProtobufConfig::from_props(props)?;
        RegistryConfig::check_others(props)?;
        ProtobufConfig::check_others(props)?;
        let cache_size = protobuf.cache_size.unsigned_abs() as usize;
        Ok(ProtobufConverter {
            role,
            registry: RegistryClient::shared(&config)?,
            config: Arc::new(config),
            options: protobuf.options(),
            cache_size,
            written: WrittenSchemas::new(cache_size),
            readers: HashMap::new(),
            known_readers: 0,
            last: None,
        })
    }

    fn reader(&mut self, topic: &str, payload: &Bytes) -> Result<Step<(u32, usize)>> {
        let id = schema_id(payload, || Failures::reading(&WORDING, topic))?;
        if let Some((known_id, known)) = &self.last
            && *known_id == id
            && payload[HEADER..].starts_with(&known.indexes)
            && known.topic == topic
        {
            return Ok(Step::Done((id, HEADER + known.indexes.len())));
        }
        let failures = Failures::reading(&WORDING, topic);
        let fail = |error| failures.failed(&failed_message(id), error);
        let (indexes, start) = frame::indexes(payload, HEADER).map_err(fail)?;
        let as_written = &payload[HEADER..start];
        let known = self.readers.get(&id).and_then(|known| {
            known
                .iter()
                .find(|known| known.topic == topic && known.indexes == as_written)
        });
        let known = match known {
            Some(known) => known.clone(),
            None => match self.compile_reader(topic, id, &indexes, &failures)? {
                Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
                Step::Done(reader) => {
                    let known = KnownReader {
                        topic: Text::from(topic),
                        indexes: Bytes::copy_from_slice(as_written),
                        reader: Arc::new(reader),
                    };
                    if self.known_readers >= self.cache_size {
                        self.readers.clear();
                        self.known_readers = 0;
                    }
                    self.known_readers += 1;
                    self.readers.entry(id).or_default().push(known.clone());
                    known
                }
            },
        };
        self.last = Some((id, known));
        Ok(Step::Done((id, start)))
    }

    fn compile_reader(
        &self,
        topic: &str,
        id: u32,
        indexes: &[i32],
        failures: &Failures,
    ) -> Result<Step<ProtobufReader>> {
        let side = self.role.name();
        let fail = |error| failures.failed(&failed_message(id), error);
        // Only the topic's own strategy knows the subject before the schema is there.
        let asked = match self.config.strategy(self.role).1 == TOPIC_NAME_STRATEGY {
            true => self.config.subject(self.role, topic, None)?,
            false => String::new(),
        };
        let schema = match schema_of(&self.registry, &asked, id, side, failures)? {
            Step::Done(schema) => schema,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let mut descriptors = Descriptors::of(&schema).map_err(fail)?;
        let mut message = descriptors.by_indexes(indexes).map_err(fail)?;
        let subject = self.config.subject(self.role, topic, Some(message.full_name()));
        let subject = subject.map_err(|error| failures.wrap(error))?;
        let version = match version_of(&self.registry, &subject, &schema, side, failures) {
            Step::Done(version) => version,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        if self.config.use_latest {
            let latest = match latest_of(&self.registry, &subject, failures) {
                Step::Done(latest) => latest,
                Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
            };
            let name = message.full_name().to_string();
            descriptors = Descriptors::of(&latest).map_err(fail)?;
            let found = descriptors.named_or_first(&name);
            message = found.ok_or_else(|| fail(Error::data(format!("The latest schema has no message {name}"))))?;
        }
        to_connect(&descriptors, &message, Some(version), &self.options).map(Step::Done)
    }
}

fn failed_message(id: u32) -> String {
    format!("Error deserializing Protobuf message for id {id}")
}

impl Converter for ProtobufConverter {
    fn from_connect(
        &mut self,
        topic: &str,
        _headers: &mut Headers,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        let Some(schema) = schema else {
            if value.is_null() {
                return Ok(Step::Done(Encoded::Null));
            }
            let text = "Protobuf needs a schema, and the record has none";
            return Err(Error::new(ErrorKind::NullPointer, text));
        };
        let options = self.options;
        let compiled = self.written.find(Some(schema), || Compiled::new(schema, &options))?;
        if value.is_null() {
            return Ok(Step::Done(Encoded::Null));
        }
        let start = out.len();
        if let Some(place) = compiled.targets.iter().position(|(known, _)| known == topic) {
            // With a limited life of latest schemas, what was found for an older one is let go.
            let limited = self.config.latest_ttl_seconds >= 0 && self.config.use_latest;
            let is_stale = || {
                let subject = self.config.subject(self.role, topic, Some(&compiled.name));
                subject.is_ok_and(|subject| self.registry.cached_latest(&subject).is_none())
            };
            if !(limited && is_stale()) {
                out.extend_from_slice(&compiled.targets[place].1);
                compiled.writer.write(value, out)?;
                return Ok(Step::Done(Encoded::Bytes));
            }
            compiled.targets.swap_remove(place);
        }
        // Nothing is registered for data that does not fit its own schema.
        compiled.writer.write(value, out)?;
        out.truncate(start);
        let failures = Failures::writing(&WORDING, topic);
        let subject = self.config.subject(self.role, topic, Some(&compiled.name));
        let subject = subject.map_err(|error| failures.wrap(error))?;
        match target(&self.registry, &self.config, &subject, &compiled.text, &failures) {
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
            Step::Done(Target::Own(id)) => {
                let indexes = compiled.indexes.clone();
                compiled.add_target(topic, id, &indexes);
            }
            Step::Done(Target::Other(schema)) => {
                let indexes = compiled
                    .indexes_in(&schema, self.config.is_strict())
                    .map_err(|error| failures.failed("Error serializing Protobuf message", error))?;
                compiled.add_target(topic, schema.id, &indexes);
            }
        }
        if let Some((_, header)) = compiled.targets.last() {
            out.extend_from_slice(header);
        }
        compiled.writer.write(value, out)?;
        Ok(Step::Done(Encoded::Bytes))
    }

    fn to_connect(&mut self, topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let (id, start) = match self.reader(topic, payload)? {
            Step::Done(found) => found,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let Some((_, known)) = &self.last else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        match known.reader.read(payload, start) {
            Ok(cell) => Ok(Step::Done(cell)),
            Err(fault) => Err(match fault.cause() {
                Ok(cause) => Failures::reading(&WORDING, topic).failed(&failed_message(id), cause),
                Err(error) => error,
            }),
        }
    }
}
