//! Converters: between Kafka's bytes and the data model.
//!
//! Conversion is synchronous, because nearly every record is converted from what is cached. A converter that must fetch
//! something first (a schema from a registry) answers [`Step::Fetch`]; the pipeline awaits it and calls again with the same
//! arguments. So no record pays for an await that it does not need.

use crate::data::{SchemaAndValue, SchemaRef, Value};
use crate::error::Result;
use crate::record::Headers;
use bytes::Bytes;
use futures::future::BoxFuture;

/// Outcome of one attempt.
pub enum Step<T> {
    Done(T),
    /// Await this, then call again. An error of it is the conversion's error.
    Fetch(BoxFuture<'static, Result<()>>),
}

/// Whether a serialised key or value exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// A null payload (a tombstone, as value).
    Null,
    /// The bytes were appended to the buffer.
    Bytes,
}

/// Which part of a record a converter serves; Connect's `converter.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConverterRole {
    Key,
    Value,
    Header,
}

impl ConverterRole {
    pub fn name(self) -> &'static str {
        match self {
            ConverterRole::Key => "key",
            ConverterRole::Value => "value",
            ConverterRole::Header => "header",
        }
    }
}

/// `org.apache.kafka.connect.storage.Converter`.
#[allow(clippy::wrong_self_convention, reason = "Connect's own names of the two directions")]
pub trait Converter: Send {
    /// Appends the serialised form to `out`. After an error or a [`Step::Fetch`] the caller cuts `out` to its former length.
    /// `headers` are the record's own; a converter may add to them.
    fn from_connect(
        &mut self,
        topic: &str,
        headers: &mut Headers,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>>;

    /// Reads a payload; text and bytes of the result may share its buffer.
    fn to_connect(&mut self, topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>>;
}

/// `org.apache.kafka.connect.storage.HeaderConverter`.
#[allow(clippy::wrong_self_convention, reason = "Connect's own names of the two directions")]
pub trait HeaderConverter: Send {
    /// Appends the serialised header value to `out`.
    fn from_connect_header(
        &mut self,
        topic: &str,
        name: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>>;

    /// Reads a header value.
    fn to_connect_header(&mut self, topic: &str, name: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>>;
}
