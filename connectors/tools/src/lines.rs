//! Lines of JSON on standard output.

use base64::Engine;
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};
use turnbuckle_api::data::JavaText;
use turnbuckle_api::{Error, ErrorKind, Result, Value};

/// Prints lines, each ended by a newline, in one go.
///
/// # Errors
/// `IOException` if standard output is closed.
pub(crate) fn print(lines: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        let kind = ErrorKind::Class("java.io.IOException");
        Error::new(kind, format!("Standard output can't be written to: {error}"))
    })
}

/// Milliseconds since the epoch.
pub(crate) fn now_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// A value as JSON: bytes in base64, structs and maps as objects.
pub(crate) fn json_of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(value),
        Value::Int8(value) => json!(value),
        Value::Int16(value) => json!(value),
        Value::Int32(value) => json!(value),
        Value::Int64(value) | Value::Date(value) => json!(value),
        Value::Float32(value) => json!(value),
        Value::Float64(value) => json!(value),
        Value::String(text) => json!(&**text),
        Value::Bytes(bytes) => json!(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Decimal(decimal) => match decimal.to_string().parse::<serde_json::Number>() {
            Ok(number) => Json::Number(number),
            Err(_) => json!(decimal.to_string()),
        },
        Value::Array(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            let entry = |(key, value): &(Value, Value)| (JavaText(key).to_string(), json_of(value));
            Json::Object(entries.iter().map(entry).collect())
        }
        Value::Struct(value) => {
            let fields = value.schema().fields().iter().zip(value.values());
            let members: Map<String, Json> = fields
                .map(|(field, value)| (field.name.to_string(), json_of(value)))
                .collect();
            Json::Object(members)
        }
    }
}
