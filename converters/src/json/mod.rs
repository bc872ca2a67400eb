//! `org.apache.kafka.connect.json.JsonConverter`: JSON, with or without an envelope of schema and payload.
//!
//! Reading: the payload is brought to UTF-8 ([`encoding`]) and scanned once ([`scan`]). With an envelope, the `schema` part is
//! known again by its bytes ([`cache`]), so it is parsed once ([`schema_read`]) and compiled to a [`plan`] by which values are
//! taken straight from the text; text without escapes shares the payload's buffer. Without schema, [`read`] does it.
//!
//! Writing: per schema, known by its pointer, the envelope's beginning is made once ([`schema_write`]) and a plan of the
//! payload compiled ([`write`]).

pub(crate) mod base64;
mod cache;
pub(crate) mod encoding;
pub(crate) mod number;
mod plain;
mod plan;
pub(crate) mod read;
pub(crate) mod scan;
mod schema_read;
mod schema_write;
#[cfg(test)]
mod tests;
pub mod text;
mod unescape;
mod write;

use crate::plain::{Plain, PlainConverter};
use crate::role::{ROLES, with_role};
use ::bytes::Bytes;
use cache::Lru;
use plan::{Node, Reader};
use scan::{Fault, Kind, Scanned, Scanner};
use std::sync::Arc;
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::config::validator::{one_of, one_of_ignore_case};
use turnbuckle_api::converter::{ConverterRole, Encoded, Step};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Config, Error, ErrorKind, KAFKA_VERSION, Props, Result, SchemaAndValue, SchemaRef, Value};
use write::WriteNode;
pub use write::{Decimals, JsonWriter, Maps, Style};

pub const PLUGIN: Plugin = Plugin {
    class: "org.apache.kafka.connect.json.JsonConverter",
    version: Some(KAFKA_VERSION),
    config_def: JsonConfig::config_def,
    kind: PluginKind::Converter {
        converter: |props, role| Ok(Box::new(Plain(JsonConverter::new(props, role)?))),
        header: Some(|props| Ok(Box::new(Plain(JsonConverter::new(props, ConverterRole::Header)?)))),
    },
};

/// How decimals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DecimalFormat {
    Base64,
    Numeric,
}

impl ConfigChoice for DecimalFormat {
    const CHOICES: &'static [(&'static str, Self)] =
        &[("BASE64", DecimalFormat::Base64), ("NUMERIC", DecimalFormat::Numeric)];
}

#[derive(Config)]
struct JsonConfig {
    /// Which part of a record this converter serves: key, value or header. Set by the worker.
    #[config(key = "converter.type", required, importance = Low, validator = one_of(ROLES))]
    _role: String,
    /// Whether each message is an envelope that carries its schema beside the payload.
    #[config(key = "schemas.enable", default = "true", importance = High, group = "Schemas", order = 0, width = Medium,
             display = "Enable Schemas")]
    schemas_enable: bool,
    /// How many schemas are kept in compiled form, per direction.
    #[config(key = "schemas.cache.size", default = "1000", importance = High, group = "Schemas", order = 1,
             width = Medium, display = "Schema Cache Size")]
    schemas_cache_size: i32,
    /// How decimals are written: BASE64 of their unscaled value, or NUMERIC, as JSON numbers. Both are read.
    #[config(key = "decimal.format", default = "BASE64", importance = Low, group = "Serialization", order = 0,
             width = Medium, display = "Decimal Format", validator = one_of_ignore_case(&["NUMERIC", "BASE64"]))]
    decimal_format: DecimalFormat,
    /// Whether a null of a field that has a default becomes that default.
    #[config(key = "replace.null.with.default", default = "true", importance = Low, group = "Serialization", order = 1,
             width = Medium, display = "Replace null with default")]
    replace_null_with_default: bool,
}

/// A schema as it was read, with the plan for its payloads; both absent for JSON null.
struct ReadSchema {
    schema: Option<SchemaRef>,
    node: Option<Node>,
}

/// A schema to be written.
struct WriteSchema {
    /// Also keeps the schema, and so its address, in being.
    schema: SchemaRef,
    /// `{"schema":…,"payload":`, or nothing without envelope.
    prefix: Vec<u8>,
    node: WriteNode,
}

const PAYLOAD_NAME: &[u8] = b"\"payload\":";
const SCHEMA_NAME: &[u8] = b"\"schema\":";

/// Converts between values and JSON.
pub struct JsonConverter {
    schemas_enable: bool,
    style: Style,
    readable: Lru<Bytes, Arc<ReadSchema>>,
    /// The schema of the last payload that was read, with its text.
    last_read: Option<(Bytes, Arc<ReadSchema>)>,
    writable: Lru<usize, Arc<WriteSchema>>,
    last_written: Option<Arc<WriteSchema>>,
}

impl JsonConverter {
    /// A converter of the given configuration.
    ///
    /// # Errors
    /// `ConfigException` for values that don't fit.
    pub fn new(props: &Props, role: ConverterRole) -> Result<Self> {
        let config = JsonConfig::from_props(&with_role(props, role))?;
        let capacity = usize::try_from(config.schemas_cache_size).unwrap_or(0);
        Ok(JsonConverter {
            schemas_enable: config.schemas_enable,
            style: Style {
                decimals: match config.decimal_format {
                    DecimalFormat::Base64 => Decimals::Base64,
                    DecimalFormat::Numeric => Decimals::Numeric,
                },
                maps: Maps::Pairs,
                replace_null: config.replace_null_with_default,
            },
            readable: Lru::new(capacity),
            last_read: None,
            writable: Lru::new(capacity),
            last_written: None,
        })
    }

    fn append(&mut self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        let style = self.style;
        let Some(schema) = schema else {
            if value.is_null() {
                return Ok(Step::Done(Encoded::Null));
            }
            if self.schemas_enable {
                out.extend_from_slice(b"{\"schema\":null,\"payload\":");
            }
            write::schemaless(value, style, out)?;
            if self.schemas_enable {
                out.push(b'}');
            }
            return Ok(Step::Done(Encoded::Bytes));
        };
        let compiled = self.writable(schema)?;
        out.extend_from_slice(&compiled.prefix);
        compiled.node.write(value, style, out)?;
        if self.schemas_enable {
            out.push(b'}');
        }
        Ok(Step::Done(Encoded::Bytes))
    }

    /// The compiled form of a schema: of the last one, by its address, or made now.
    fn writable(&mut self, schema: &SchemaRef) -> Result<Arc<WriteSchema>> {
        if let Some(last) = &self.last_written
            && Arc::ptr_eq(&last.schema, schema)
        {
            return Ok(last.clone());
        }
        let address = Arc::as_ptr(schema) as usize;
        let known = self.writable.get(&address).cloned();
        let compiled = match known {
            Some(known) => known,
            None => {
                let compiled = self.compile_writable(schema)?;
                self.writable.insert(address, compiled.clone());
                compiled
            }
        };
        self.last_written = Some(compiled.clone());
        Ok(compiled)
    }

    fn compile_writable(&self, schema: &SchemaRef) -> Result<Arc<WriteSchema>> {
        let mut prefix = Vec::new();
        if self.schemas_enable {
            prefix.push(b'{');
            prefix.extend_from_slice(SCHEMA_NAME);
            schema_write::append_schema(schema, self.style, &mut prefix)?;
            prefix.push(b',');
            prefix.extend_from_slice(PAYLOAD_NAME);
        }
        Ok(Arc::new(WriteSchema {
            schema: schema.clone(),
            prefix,
            node: WriteNode::compile(schema, self.style),
        }))
    }

    fn parse(&mut self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        let Some(payload) = payload else {
            return Ok(Step::Done(SchemaAndValue::NULL));
        };
        let read = encoding::to_utf8(payload).and_then(|text| {
            if self.schemas_enable {
                self.envelope(&text)
            } else {
                bare(&text)
            }
        });
        match read {
            Ok(read) => Ok(Step::Done(read)),
            Err(Fault::Data(error)) => Err(error),
            Err(Fault::Syntax) => Err(syntax_error(payload)),
        }
    }

    fn envelope(&mut self, text: &Bytes) -> Scanned<SchemaAndValue> {
        match self.usual_envelope(text) {
            Ok(Some(read)) => Ok(read),
            // Something is unusual or wrong: find out what, in the order in which upstream would.
            Ok(None) | Err(Fault::Data(_)) => self.any_envelope(text),
            Err(Fault::Syntax) => Err(Fault::Syntax),
        }
    }

    /// An envelope as converters write it: schema first, then payload, no blanks around the names. None if it is not so.
    fn usual_envelope(&mut self, text: &Bytes) -> Scanned<Option<SchemaAndValue>> {
        let mut scanner = Scanner::new(text);
        if scanner.rest().first() != Some(&b'{') {
            return Ok(None);
        }
        scanner.enter()?;
        if !scanner.rest().starts_with(SCHEMA_NAME) {
            return Ok(None);
        }
        scanner.advance(SCHEMA_NAME.len());
        let compiled = self.schema_at(&mut scanner)?;
        scanner.skip_blanks();
        if scanner.rest().first() != Some(&b',') {
            return Ok(None);
        }
        scanner.advance(1);
        scanner.skip_blanks();
        if !scanner.rest().starts_with(PAYLOAD_NAME) {
            return Ok(None);
        }
        scanner.advance(PAYLOAD_NAME.len());
        let value = match &compiled.node {
            Some(node) => Reader::fast().value(node, &mut scanner)?,
            None => read::schemaless(&mut scanner)?,
        };
        if scanner.more(b'}', false)? {
            return Ok(None);
        }
        Ok(Some(SchemaAndValue {
            schema: compiled.schema.clone(),
            value,
        }))
    }

    /// Takes the schema at the cursor; its text is compared with what is known before it is parsed.
    fn schema_at(&mut self, scanner: &mut Scanner<'_>) -> Scanned<Arc<ReadSchema>> {
        if let Some((text, compiled)) = &self.last_read
            && scanner.rest().starts_with(text)
        {
            scanner.advance(text.len());
            return Ok(compiled.clone());
        }
        let place = scanner.place();
        scanner.skip()?;
        let text = &scanner.payload()[place.position()..scanner.position()];
        let known = self.readable.get(text).cloned();
        let compiled = match known {
            Some(known) => known,
            None => {
                let replace_null = self.style.replace_null;
                let schema = schema_read::schema(&mut Scanner::at(scanner.payload(), place), replace_null)?;
                let node = schema.as_ref().map(|schema| Node::compile(schema, replace_null));
                Arc::new(ReadSchema { schema, node })
            }
        };
        // A copy, so that a small text does not keep a large buffer.
        let text = Bytes::copy_from_slice(text);
        self.readable.insert(text.clone(), compiled.clone());
        self.last_read = Some((text, compiled.clone()));
        Ok(compiled)
    }

    fn any_envelope(&mut self, text: &Bytes) -> Scanned<SchemaAndValue> {
        let mut scanner = Scanner::new(text);
        scanner.skip_blanks();
        if scanner.rest().is_empty() {
            return Err(no_envelope());
        }
        if scanner.kind()? != Kind::Object {
            scanner.skip()?;
            return Err(no_envelope());
        }
        let members = scanner.members()?;
        let member = |name: &str| members.iter().find(|(known, _)| known == name).map(|(_, place)| *place);
        let (Some(schema), Some(payload), 2) = (member("schema"), member("payload"), members.len()) else {
            return Err(no_envelope());
        };
        let compiled = self.schema_at(&mut Scanner::at(text, schema))?;
        let mut scanner = Scanner::at(text, payload);
        let value = match &compiled.node {
            Some(node) => Reader::exact().value(node, &mut scanner)?,
            None => read::schemaless(&mut scanner)?,
        };
        Ok(SchemaAndValue {
            schema: compiled.schema.clone(),
            value,
        })
    }
}

fn no_envelope() -> Fault {
    Fault::Data(Error::data(
        "JsonConverter with schemas.enable requires \"schema\" and \"payload\" fields and may not contain additional \
         fields. If you are trying to deserialize plain JSON data, set schemas.enable=false in your converter \
         configuration.",
    ))
}

/// A payload without envelope; nothing but blanks is null.
fn bare(text: &Bytes) -> Scanned<SchemaAndValue> {
    let mut scanner = Scanner::new(text);
    scanner.skip_blanks();
    if scanner.rest().is_empty() {
        return Ok(SchemaAndValue::NULL);
    }
    read::schemaless(&mut scanner).map(SchemaAndValue::schemaless)
}

/// The word at the start of a payload that is none of JSON's.
fn unknown_token(payload: &[u8]) -> Option<&str> {
    const LONGEST: usize = 256;
    let payload = payload.trim_ascii_start();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let length = payload.iter().take(LONGEST).take_while(|byte| is_part(byte)).count();
    let token = std::str::from_utf8(payload.get(..length)?).ok()?;
    let starts_a_word = token.starts_with(|first: char| !first.is_ascii_digit());
    (starts_a_word && !matches!(token, "null" | "true" | "false")).then_some(token)
}

fn syntax_error(payload: &Bytes) -> Error {
    let detail = match unknown_token(payload) {
        Some(token) => format!(
            "com.fasterxml.jackson.core.JsonParseException: Unrecognized token '{token}': was expecting (JSON String, Number, \
             Array, Object or token 'null', 'true' or 'false')"
        ),
        None => format!("the {} bytes are no valid JSON", payload.len()),
    };
    let cause = Error::new(ErrorKind::Serialization, detail);
    Error::data("Converting byte[] to Kafka Connect data failed due to serialization error: ").with_cause(cause)
}

impl PlainConverter for JsonConverter {
    fn write(&mut self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>> {
        self.append(schema, value, out)
    }

    fn read(&mut self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        self.parse(payload)
    }
}
