//! Converters to which topic, headers and names mean nothing: one pair of functions serves keys, values and headers.

use bytes::Bytes;
use turnbuckle_api::converter::{Converter, Encoded, HeaderConverter, Step};
use turnbuckle_api::{Headers, Result, SchemaAndValue, SchemaRef, Value};

/// Bytes from values and back, by schema and value alone.
pub(crate) trait PlainConverter: Send {
    fn write(&mut self, schema: Option<&SchemaRef>, value: &Value, out: &mut Vec<u8>) -> Result<Step<Encoded>>;

    fn read(&mut self, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>>;
}

/// A [`PlainConverter`] as the pipeline wants it.
pub(crate) struct Plain<C>(pub(crate) C);

impl<C: PlainConverter> Converter for Plain<C> {
    fn from_connect(
        &mut self,
        _topic: &str,
        _headers: &mut Headers,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        self.0.write(schema, value, out)
    }

    fn to_connect(&mut self, _topic: &str, payload: Option<&Bytes>) -> Result<Step<SchemaAndValue>> {
        self.0.read(payload)
    }
}

impl<C: PlainConverter> HeaderConverter for Plain<C> {
    fn from_connect_header(
        &mut self,
        _topic: &str,
        _name: &str,
        schema: Option<&SchemaRef>,
        value: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Step<Encoded>> {
        self.0.write(schema, value, out)
    }

    fn to_connect_header(
        &mut self,
        _topic: &str,
        _name: &str,
        payload: Option<&Bytes>,
    ) -> Result<Step<SchemaAndValue>> {
        self.0.read(payload)
    }
}
