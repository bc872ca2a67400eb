//! Keys of the connector, and the schema that they lead to.

use crate::quickstart::{self, Quickstart};
use turnbuckle_api::config::Validator;
use turnbuckle_api::{Config, Error, Result};
use turnbuckle_converters::avro::model::{AvroSchema, Kind, read_schema};

pub(crate) const SCHEMA_STRING: &str = "schema.string";
pub(crate) const SCHEMA_FILENAME: &str = "schema.filename";
pub(crate) const SCHEMA_KEYFIELD: &str = "schema.keyfield";
pub(crate) const QUICKSTART: &str = "quickstart";
/// The keys of which exactly one says where the schema comes from.
pub(crate) const SCHEMA_SOURCES: [&str; 3] = [SCHEMA_STRING, SCHEMA_FILENAME, QUICKSTART];

/// Keys of the connector. Connector and task read the same configuration.
#[derive(Clone, Debug, Config)]
pub(crate) struct DatagenConfig {
    /// Topic to write to.
    #[config(key = "kafka.topic", required, importance = High)]
    pub(crate) topic: String,
    /// Longest time between two messages of a task (ms); the actual time is drawn anew for each. 0 or less: as fast as can be.
    #[config(key = "max.interval", default = "500", importance = High)]
    pub(crate) max_interval: i64,
    /// Number of messages that each task sends; unlimited if less than 1.
    #[config(key = "iterations", default = "-1", importance = High)]
    pub(crate) iterations: i32,
    /// The Avro schema to use, as JSON text.
    #[config(key = "schema.string", default = "", importance = High, validator = schema_text())]
    pub(crate) schema_string: String,
    /// File with the Avro schema to use.
    #[config(key = "schema.filename", default = "", importance = High, validator = schema_file())]
    pub(crate) schema_filename: String,
    /// Name of the field to use as the message key.
    #[config(key = "schema.keyfield", default = "", importance = High)]
    pub(crate) schema_keyfield: String,
    /// Name of the quickstart to use.
    #[config(key = "quickstart", default = "", importance = High, validator = quickstart_name())]
    pub(crate) quickstart: String,
    /// Seed of the random data: connectors with equal seeds produce equal data, while the tasks of one connector differ.
    #[config(key = "random.seed", importance = Low)]
    pub(crate) random_seed: Option<i64>,
}

impl DatagenConfig {
    /// The schema: of the quickstart, else the text, else the file.
    ///
    /// # Errors
    /// `ConfigException` if there is none, or it can't be read.
    pub(crate) fn schema(&self) -> Result<AvroSchema> {
        if let Some(quickstart) = self.quickstart() {
            return parse(quickstart.schema);
        }
        if !self.schema_string.is_empty() {
            return parse(&self.schema_string);
        }
        if !self.schema_filename.is_empty() {
            return read_file(&self.schema_filename);
        }
        Err(Error::config(no_schema_source()))
    }

    /// Name of the key field; quickstarts have one of their own.
    pub(crate) fn key_field(&self) -> Option<&str> {
        if !self.schema_keyfield.is_empty() {
            return Some(&self.schema_keyfield);
        }
        self.quickstart().map(|quickstart| quickstart.key_field)
    }

    fn quickstart(&self) -> Option<&'static Quickstart> {
        quickstart::by_name(&self.quickstart)
    }
}

/// What is said when not exactly one source of the schema is given.
pub(crate) fn no_schema_source() -> String {
    format!("Must set exactly one of {}", SCHEMA_SOURCES.join(", "))
}

/// True if the schema, a record, has such a field.
pub(crate) fn has_field(schema: &AvroSchema, name: &str) -> bool {
    match schema.kind(schema.root) {
        Kind::Record(record) => record.fields.iter().any(|field| field.name == name),
        _ => false,
    }
}

fn parse(text: &str) -> Result<AvroSchema> {
    read_schema(text).map_err(|error| Error::config(format!("Unable to parse the provided schema: {error}")))
}

/// A file of this name, else the schema that the Java connector ships under it.
fn read_file(name: &str) -> Result<AvroSchema> {
    match std::fs::read_to_string(name) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match quickstart::by_file(name) {
            Some(quickstart) => parse(quickstart.schema),
            None => Err(Error::config(format!("Unable to find the schema file {name}"))),
        },
        Err(error) => Err(Error::config(format!("Unable to read the schema file {name}: {error}"))),
    }
}

/// Checks a text unless it is empty.
fn unless_empty(check: fn(&str, &str) -> Result<()>) -> Validator {
    Validator::new(move |key, value| match value.as_str() {
        None | Some("") => Ok(()),
        Some(text) => check(key, text),
    })
}

fn schema_text() -> Validator {
    unless_empty(|_, text| parse(text).map(|_| ()))
}

fn schema_file() -> Validator {
    unless_empty(|_, name| read_file(name).map(|_| ()))
}

fn quickstart_name() -> Validator {
    unless_empty(|key, name| match quickstart::by_name(name) {
        Some(_) => Ok(()),
        None => Err(Error::config(format!(
            "{key} must be one out of {}",
            quickstart::names()
        ))),
    })
}
