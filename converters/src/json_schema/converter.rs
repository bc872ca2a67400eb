//! The converter itself: finds what is compiled, and asks the registry for what is not.

use super::compatible::misfit;
use super::config::JsonSchemaConfig;
use super::from_connect::from_connect;
use super::names::DataOptions;
use super::read::{Reader, read};
use super::to_connect::to_connect;
use super::write::{Writer, schemaless};
use crate::json::encoding::to_utf8;
use crate::json::scan::Fault;
use crate::registry::{
    Failures, HEADER, MAGIC, RegisteredSchema, RegistryClient, RegistryConfig, SchemaText, TOPIC_NAME_STRATEGY, Target,
    Wording, WrittenSchemas, latest_of, schema_id, schema_of, target, version_of,
};
use bytes::Bytes;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;
use turnbuckle_api::converter::{Converter, ConverterRole, Encoded, Step};
use turnbuckle_api::data::SchemaRef;
use turnbuckle_api::{Config, Error, ErrorKind, Headers, Props, Result, SchemaAndValue, Text, Value};

const WORDING: Wording = Wording {
    kind: "JSON",
    name: "JSON",
    write: "Converting Kafka Connect data to byte[] failed due to serialization error of topic {}: ",
    read: "Converting byte[] to Kafka Connect data failed due to serialization error of topic {}: ",
};

/// Converts between Connect's values and JSON payloads of the registry's form: a zero byte, the schema's id, the JSON text.
pub struct JsonSchemaConverter {
    role: ConverterRole,
    config: Arc<RegistryConfig>,
    options: DataOptions,
    cache_size: usize,
    registry: Arc<RegistryClient>,
    written: WrittenSchemas<Compiled>,
    readers: HashMap<u32, Vec<(Text, Arc<Reader>)>>,
    /// The reader used last, because most records of a topic have the same.
    last: Option<(u32, Text, Arc<Reader>)>,
}

/// What is known of a Connect schema.
struct Compiled {
    text: Arc<SchemaText>,
    title: Option<String>,
    writer: Writer,
    /// By topic: the schema's id.
    targets: Vec<(Text, u32)>,
}

impl Compiled {
    fn new(schema: &SchemaRef, options: &DataOptions) -> Result<Self> {
        let json = from_connect(schema, options)?;
        Ok(Compiled {
            title: json.get("title").and_then(Json::as_str).map(str::to_string),
            text: Arc::new(SchemaText {
                kind: WORDING.kind,
                text: json.to_string(),
                references: Vec::new(),
            }),
            writer: Writer::compile(schema, options),
            targets: Vec::new(),
        })
    }

    /// Refuses a schema of the registry's that could not read the data.
    fn check(&self, schema: &RegisteredSchema, options: &DataOptions) -> Result<()> {
        let own = RegisteredSchema {
            text: self.text.text.clone(),
            references: Vec::new(),
            referenced: Vec::new(),
            ..schema.clone()
        };
        let both = (to_connect(&own, None, options)?, to_connect(schema, None, options)?);
        let Some(reason) = misfit(&both.0, &both.1) else {
            return Ok(());
        };
        let text = format!(
            "Incompatible schema {}: {reason}. Set latest.compatibility.strict=false (with use.schema.id: \
             id.compatibility.strict=false) to disable this check",
            schema.text
        );
        Err(Error::new(ErrorKind::Class("java.io.IOException"), text))
    }
}

impl JsonSchemaConverter {
    /// A converter of keys or values.
    ///
    /// # Errors
    /// `ConfigException` for a value that can't be used.
    pub fn new(props: &Props, role: ConverterRole) -> Result<Self> {
        let config = RegistryConfig::from_props(props)?;
        let json = JsonSchemaConfig::from_props(props)?;
        RegistryConfig::check_others(props)?;
        JsonSchemaConfig::check_others(props)?;
        let cache_size = json.cache_size.unsigned_abs() as usize;
        Ok(JsonSchemaConverter {
            role,
            registry: RegistryClient::shared(&config)?,
            config: Arc::new(config),
            options: json.options(),
            cache_size,
            written: WrittenSchemas::new(cache_size),
            readers: HashMap::new(),
            last: None,
        })
    }

    fn compile_reader(&self, topic: &str, id: u32, failures: &Failures) -> Result<Step<Reader>> {
        let side = self.role.name();
        // Only the topic's own strategy knows the subject before the schema is there.
        let asked = match self.config.strategy(self.role).1 == TOPIC_NAME_STRATEGY {
            true => self.config.subject(self.role, topic, None)?,
            false => String::new(),
        };
        let schema = match schema_of(&self.registry, &asked, id, side, failures)? {
            Step::Done(schema) => schema,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let parsed: Option<Json> = serde_json::from_str(&schema.text).ok();
        let title = parsed
            .as_ref()
            .and_then(|schema| schema.get("title"))
            .and_then(Json::as_str);
        let subject = self.config.subject(self.role, topic, title);
        let subject = subject.map_err(|error| failures.wrap(error))?;
        let version = match version_of(&self.registry, &subject, &schema, side, failures) {
            Step::Done(version) => version,
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
        };
        let reading = match self.config.use_latest {
            false => schema,
            true => match latest_of(&self.registry, &subject, failures) {
                Step::Done(latest) => latest,
                Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
            },
        };
        let connect = to_connect(&reading, Some(version), &self.options)?;
        Ok(Step::Done(Reader::compile(&connect)))
    }
}

impl Converter for JsonSchemaConverter {
    fn from_connect(
        &mut self,
        topic: &str,
        _headers: &mut Headers,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        let Some(schema) = schema else {
            let mut text = Vec::new();
            if !schemaless(value, &mut text)? {
                return Ok(Step::Done(Encoded::Null));
            }
            let text = "A registry needs a schema for JSON, and the record has none";
            return Err(Error::new(ErrorKind::NullPointer, text));
        };
        let options = self.options;
        let compiled = self.written.find(Some(schema), || Compiled::new(schema, &options))?;
        let start = out.len();
        out.push(MAGIC);
        let known = compiled.targets.iter().position(|(known, _)| known == topic);
        let id = known.map_or(0, |place| compiled.targets[place].1);
        out.extend_from_slice(&id.to_be_bytes());
        // Nothing is registered for data that does not fit its own schema.
        if !compiled.writer.write(value, out)? {
            out.truncate(start);
            return Ok(Step::Done(Encoded::Null));
        }
        if let Some(place) = known {
            // With a limited life of latest schemas, what was found for an older one is let go.
            let limited = self.config.latest_ttl_seconds >= 0 && self.config.use_latest;
            let is_stale = || {
                let subject = self.config.subject(self.role, topic, compiled.title.as_deref());
                subject.is_ok_and(|subject| self.registry.cached_latest(&subject).is_none())
            };
            if !(limited && is_stale()) {
                return Ok(Step::Done(Encoded::Bytes));
            }
            compiled.targets.swap_remove(place);
        }
        let failures = Failures::writing(&WORDING, topic);
        let subject = self.config.subject(self.role, topic, compiled.title.as_deref());
        let subject = subject.map_err(|error| failures.wrap(error))?;
        let id = match target(&self.registry, &self.config, &subject, &compiled.text, &failures) {
            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
            Step::Done(Target::Own(id)) => id,
            Step::Done(Target::Other(other)) => {
                if self.config.is_strict() {
                    let checked = compiled.check(&other, &options);
                    checked.map_err(|error| failures.failed("Error serializing JSON message", error))?;
                }
                other.id
            }
        };
        compiled.targets.push((Text::from(topic), id));
        if let Some(place) = out.get_mut(start + 1..start + HEADER) {
            place.copy_from_slice(&id.to_be_bytes());
        }
        Ok(Step::Done(Encoded::Bytes))
    }

    fn to_connect(&mut self, topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let id = schema_id(payload, || Failures::reading(&WORDING, topic))?;
        let reader = match &self.last {
            Some((known, known_topic, reader)) if *known == id && known_topic == topic => reader,
            _ => {
                let known = self.readers.get(&id);
                let known = known.and_then(|known| known.iter().find(|(known, _)| known == topic));
                let reader = match known {
                    Some((_, reader)) => reader.clone(),
                    None => {
                        let failures = Failures::reading(&WORDING, topic);
                        let reader = match self.compile_reader(topic, id, &failures)? {
                            Step::Done(reader) => Arc::new(reader),
                            Step::Fetch(fetch) => return Ok(Step::Fetch(fetch)),
                        };
                        if self.readers.len() >= self.cache_size {
                            self.readers.clear();
                        }
                        let known = self.readers.entry(id).or_default();
                        known.push((Text::from(topic), reader.clone()));
                        reader
                    }
                };
                &self.last.insert((id, Text::from(topic), reader)).2
            }
        };
        let text = payload.slice(HEADER..);
        let value = to_utf8(&text).and_then(|text| read(Some(reader), &text));
        match value {
            Ok(value) => Ok(Step::Done(SchemaAndValue {
                schema: Some(reader.schema().clone()),
                value,
            })),
            Err(Fault::Data(error)) => Err(error),
            Err(Fault::Syntax) => {
                let detail = format!("the {} bytes are no valid JSON", text.len());
                let cause = Error::new(
                    ErrorKind::Class("com.fasterxml.jackson.core.JsonParseException"),
                    detail,
                );
                let action = format!("Error deserializing JSON message for id {id}");
                Err(Failures::reading(&WORDING, topic).failed(&action, cause))
            }
        }
    }
}
