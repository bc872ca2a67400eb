//! Values as text (`Values.convertToString`): plain at the top level, JSON-like inside containers.

use super::temporal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use std::fmt::Write;
use turnbuckle_api::Value;
use turnbuckle_api::data::JavaText;

/// Appends the text of a value; null is `null`.
pub fn append_text(value: &Value, zone: &TimeZone, out: &mut String) {
    append(value, zone, false, out);
}

fn append(value: &Value, zone: &TimeZone, embedded: bool, out: &mut String) {
    match value {
        Value::String(text) if embedded => append_quoted(text, out),
        Value::String(text) => out.push_str(text),
        Value::Bytes(bytes) if embedded => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
        Value::Bytes(bytes) => STANDARD.encode_string(bytes, out),
        Value::Date(millis) => temporal::append(*millis, zone, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                append(item, zone, true, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                separate(index, out);
                append(key, zone, true, out);
                out.push(':');
                append(item, zone, true, out);
            }
            out.push('}');
        }
        Value::Struct(value) => {
            out.push('{');
            for (index, field) in value.schema().fields().iter().enumerate() {
                separate(index, out);
                append_quoted(&field.name, out);
                out.push(':');
                append(value.get_at(index), zone, true, out);
            }
            out.push('}');
        }
        // Nulls, numbers, booleans and decimals: writing to a String cannot fail.
        plain => _ = write!(out, "{}", JavaText(plain)),
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn append_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '\\' | '"') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
