//! The converter itself: finds what is compiled, and asks the registry for what is not.

use super::compile_reader::compile_reader;
use super::compile_writer::compile_writer;
use super::config::AvroConfig;
use super::cursor::Fault;
use super::from_connect::from_connect;
use super::names::DataOptions;
use super::parse::parse;
use super::reader::SharedReader;
use super::render::render;
use super::resolve::check_readable;
use super::schema::AvroSchema;
use super::writer::AvroWriter;
use crate::registry::{
    Failures, HEADER, MAGIC, RegisteredSchema, RegistryClient, RegistryConfig, SchemaText, TOPIC_NAME_STRATEGY, Target,
    Wording, latest_of, schema_id, schema_of, target, version_of,
};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use turnbuckle_api::converter::{Converter, ConverterRole, Encoded, Step};
use turnbuckle_api::data::SchemaRef;
use turnbuckle_api::{Config, Error, ErrorKind, Headers, Props, Result, SchemaAndValue, Text, Value};

const WORDING: Wording = Wording {
    kind: "AVRO",
    name: "Avro",
    write: "Failed to serialize Avro data from topic {} :",
    read: "Failed to deserialize data for topic {} to Avro: ",
};

/// Converts between Connect's values and Avro payloads of the registry's form: a zero byte, the schema's id, the datum.
pub struct AvroConverter {
    role: ConverterRole,
    config: Arc<RegistryConfig>,
    options: DataOptions,
    cache_size: usize,
    registry: Arc<RegistryClient>,
    /// Schemas that were written, the last one first.
    writers: Vec<Written>,
    readers: HashMap<u32, Vec<(Text, SharedReader)>>,
    /// The reader used last, because most records of a topic have the same.
    last: Option<(u32, Text, SharedReader)>,
}

/// What is known of a Connect schema.
struct Written {
    /// Equal schemas met under other pointers are kept here, too, so that their pointers stay valid to compare with.
    schemas: Vec<Option<SchemaRef>>,
    avro: Arc<AvroSchema>,
    text: Arc<SchemaText>,
    /// Writes with the schema's own Avro schema.
    writer: Arc<AvroWriter>,
    /// By topic: the id to write, and the writer that goes with it.
    targets: Vec<(Text, u32, Arc<AvroWriter>)>,
    /// Where the latest version is asked for, the id that each target was compiled for may change.
    record_name: Option<String>,
}

impl AvroConverter {
    /// A converter of keys or values.
    ///
    /// # Errors
    /// `ConfigException` for a value that can't be used.
    pub fn new(props: &Props, role: ConverterRole) -> Result<Self> {
        let config = RegistryConfig::from_props(props)?;
        let avro = AvroConfig::from_props(props)?;
        RegistryConfig::check_others(props)?;
        Ok(AvroConverter {
            role,
            registry: RegistryClient::shared(&config)?,
            config: Arc::new(config),
            options: avro.options(),
            cache_size: avro.cache_size.unsigned_abs() as usize,
            writers: Vec::new(),
            readers: HashMap::new(),
            last: None,
        })
    }

    /// Position of what is known of `schema`; always the first one afterwards.
    fn find_writer(&mut self, schema: Option<&SchemaRef>) -> Result<()> {
        let same = |known: &Option<SchemaRef>| match (known, schema) {
            (Some(known), Some(schema)) => Arc::ptr_eq(known, schema),
            (None, None) => true,
            _ => false,
        };
        if self
            .writers
            .first()
            .is_some_and(|written| written.schemas.iter().any(same))
        {
            return Ok(());
        }
        if let Some(index) = self.writers.iter().position(|written| written.schemas.iter().any(same)) {
            self.writers.swap(0, index);
            return Ok(());
        }
        if let Some(schema) = schema {
            let equal = |written: &Written| {
                written
                    .schemas
                    .first()
                    .and_then(Option::as_ref)
                    .is_some_and(|known| known == schema)
            };
            if let Some(index) = self.writers.iter().position(equal) {
                // A source that makes a new schema for each record must not fill the memory.
                const MAX_ALIASES: usize = 8;
                let aliases = &mut self.writers[index].schemas;
                if aliases.len() >= MAX_ALIASES {
                    aliases.remove(1);
                }
                aliases.push(Some(schema.clone()));
                self.writers.swap(0, index);
                return Ok(());
            }
        }
        let avro = from_connect(schema, &self.options)?;
        let writer = compile_writer(schema, &avro, &avro, &self.options)?;
        let text = SchemaText {
            kind: WORDING.kind,
            text: render(&avro),
            references: Vec::new(),
        };
        if self.writers.len() >= self.cache_size {
            self.writers.pop();
        }
        let written = Written {
            schemas: vec![schema.cloned()],
            record_name: avro.record_name(),
            avro: Arc::new(avro),
            text: Arc::new(text),
            writer: Arc::new(writer),
            targets: Vec::new(),
        };
        self.writers.insert(0, written);
        Ok(())
    }

    /// Id and writer for a topic, or what must be fetched first. The value was written once to see that it fits.
    fn resolve_target(&mut self, topic: &str) -> Result<Step<()>> {
        let failures = Failures::writing(&WORDING, topic);
        let written = &mut self.writers[0];
        let subject = self.config.subject(self.role, topic, written.record_name.as_deref());
        let subject = subject.map_err(|error| failures.wrap(error))?;
        let text = written.text.clone();
        let schema = match target(&self.registry, &self.config, &subject, &text, &failures) {
            Step::Done(Target::Other(schema)) => schema,
            Step::Done(Target::Own(id)) => {
                written.targets.push((Text::from(topic), id, written.writer.clone()));
                return Ok(Step::Done(()));
            }
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let target =
            parse_registered(&schema).map_err(|error| failures.failed("Error serializing Avro message", error))?;
        if self.config.is_strict()
            && let Err(reason) = check_readable(&written.avro, &target)
        {
            let text = format!(
                "Incompatible schema {} with the latest one of subject {subject}: {reason}. Set \
                 latest.compatibility.strict=false (with use.schema.id: id.compatibility.strict=false) to disable this \
                 check",
                schema.text
            );
            let cause = Error::new(ErrorKind::Class("java.io.IOException"), text);
            return Err(failures.failed("Error serializing Avro message", cause));
        }
        let connect = written.schemas.first().and_then(Option::as_ref);
        let writer = compile_writer(connect, &written.avro, &target, &self.options)?;
        written.targets.push((Text::from(topic), schema.id, Arc::new(writer)));
        Ok(Step::Done(()))
    }

    /// With a limited life of latest schemas, what was compiled for an older one is let go.
    fn drop_stale_target(&mut self, topic: &str) {
        if self.config.latest_ttl_seconds < 0 || !self.config.use_latest {
            return;
        }
        let written = &mut self.writers[0];
        let Ok(subject) = self.config.subject(self.role, topic, written.record_name.as_deref()) else {
            return;
        };
        if self.registry.cached_latest(&subject).is_none() {
            written.targets.retain(|(known, _, _)| known != topic);
        }
    }

    fn resolve_reader(&mut self, topic: &str, id: u32) -> Result<Step<SharedReader>> {
        let failures = Failures::reading(&WORDING, topic);
        let side = self.role.name();
        let by_topic = self.config.strategy(self.role).1 == TOPIC_NAME_STRATEGY;
        // Only the topic's own strategy knows the subject before the schema is there.
        let asked = if by_topic {
            self.config.subject(self.role, topic, None)?
        } else {
            String::new()
        };
        let schema = match schema_of(&self.registry, &asked, id, side, &failures)? {
            Step::Done(schema) => schema,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let message = format!("Error deserializing Avro message for id {id}");
        let writer = parse_registered(&schema).map_err(|error| failures.failed(&message, error))?;
        let subject = self.config.subject(self.role, topic, writer.record_name().as_deref());
        let subject = subject.map_err(|error| failures.wrap(error))?;
        let version = match version_of(&self.registry, &subject, &schema, side, &failures) {
            Step::Done(version) => version,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let reader = if self.config.use_latest {
            match latest_of(&self.registry, &subject, &failures) {
                Step::Done(latest) => parse_registered(&latest).map_err(|error| failures.failed(&message, error))?,
                Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
            }
        } else {
            writer.clone()
        };
        let compiled = compile_reader(&writer, &reader, Some(version), &self.options)?;
        let reader = Arc::new(compiled);
        if self.readers.len() >= self.cache_size {
            self.readers.clear();
        }
        self.readers
            .entry(id)
            .or_default()
            .push((Text::from(topic), reader.clone()));
        Ok(Step::Done(reader))
    }
}

fn parse_registered(schema: &RegisteredSchema) -> Result<AvroSchema> {
    let referenced: Vec<String> = schema.referenced.iter().map(|known| known.text.clone()).collect();
    parse(&schema.text, &referenced)
}

impl Converter for AvroConverter {
    fn from_connect(
        &mut self,
        topic: &str,
        _headers: &mut Headers,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        if value.is_null() && schema.is_none_or(|schema| schema.is_optional()) {
            return Ok(Step::Done(Encoded::Null));
        }
        self.find_writer(schema)?;
        self.drop_stale_target(topic);
        let start = out.len();
        loop {
            let written = &self.writers[0];
            if let Some((_, id, writer)) = written.targets.iter().find(|(known, _, _)| known == topic) {
                out.push(MAGIC);
                out.extend_from_slice(&id.to_be_bytes());
                return match writer.write(value, out) {
                    Ok(true) => Ok(Step::Done(Encoded::Bytes)),
                    Ok(false) => {
                        out.truncate(start);
                        Ok(Step::Done(Encoded::Null))
                    }
                    Err(found) => {
                        let failures = Failures::writing(&WORDING, topic);
                        Err(fault(&failures, found, "Error serializing Avro message"))
                    }
                };
            }
            // Nothing is registered for data that does not fit its own schema, nor for a tombstone.
            match written.writer.write(value, out) {
                Ok(true) | Err(Fault::Wire(_)) => {}
                Ok(false) => {
                    out.truncate(start);
                    return Ok(Step::Done(Encoded::Null));
                }
                Err(Fault::Value(error)) => return Err(error),
            }
            out.truncate(start);
            if let Step::Fetch(fetch) = self.resolve_target(topic)? {
                return Ok(Step::Fetch(fetch));
            }
        }
    }

    fn to_connect(&mut self, topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let id = schema_id(payload, || Failures::reading(&WORDING, topic))?;
        let reader = match &self.last {
            Some((known, known_topic, reader)) if *known == id && known_topic == topic => reader,
            _ => {
                let known = self
                    .readers
                    .get(&id)
                    .and_then(|known| known.iter().find(|(known, _)| known == topic));
                let reader = match known {
                    Some((_, reader)) => reader.clone(),
                    None => match self.resolve_reader(topic, id)? {
                        Step::Done(reader) => reader,
                        Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
                    },
                };
                &self.last.insert((id, Text::from(topic), reader)).2
            }
        };
        match reader.read(payload, HEADER) {
            Ok(cell) => Ok(Step::Done(cell)),
            Err(found) => {
                let message = format!("Error deserializing Avro message for id {id}");
                Err(fault(&Failures::reading(&WORDING, topic), found, &message))
            }
        }
    }
}

/// A record's own fault is shown as it is; one of the bytes is the serialiser's.
fn fault(failures: &Failures, fault: Fault, action: &str) -> Error {
    match fault {
        Fault::Value(error) => error,
        Fault::Wire(reason) => {
            let cause = Error::new(ErrorKind::Class("org.apache.avro.AvroRuntimeException"), reason);
            failures.failed(action, cause)
        }
    }
}
