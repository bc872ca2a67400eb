//! Schema → the `schema` part of an envelope (`asJsonSchema`). Written once per schema, see [`super::cache`].

use super::text::{append_i64, append_string};
use super::write::{Style, WriteNode};
use turnbuckle_api::{Error, ErrorKind, Result, SchemaRef, Type};

/// Appends the schema's JSON.
///
/// # Errors
/// `StackOverflowError`, as a JVM worker has it, for a schema that contains itself; `DataException` if a default does not fit.
pub(super) fn append_schema(schema: &SchemaRef, style: Style, out: &mut Vec<u8>) -> Result<()> {
    append(schema, None, style, out)
}

fn append(schema: &SchemaRef, field: Option<&str>, style: Style, out: &mut Vec<u8>) -> Result<()> {
    if schema.is_recursive() {
        let name = schema.name().unwrap_or_default();
        let text = format!(
            "schema {name} contains itself, which JSON schemas can't express; use Avro or schemas.enable=false"
        );
        return Err(Error::new(ErrorKind::Class("java.lang.StackOverflowError"), text));
    }
    out.extend_from_slice(b"{\"type\":");
    append_string(type_name(schema.kind()), out);
    append_contents(schema, style, out)?;
    out.extend_from_slice(b",\"optional\":");
    out.extend_from_slice(if schema.is_optional() { b"true" } else { b"false" });
    if let Some(name) = schema.name() {
        out.extend_from_slice(b",\"name\":");
        append_string(name, out);
    }
    if let Some(version) = schema.version() {
        out.extend_from_slice(b",\"version\":");
        append_i64(i64::from(version), out);
    }
    if let Some(doc) = schema.doc() {
        out.extend_from_slice(b",\"doc\":");
        append_string(doc, out);
    }
    if !schema.parameters().is_empty() {
        out.extend_from_slice(b",\"parameters\":");
        for (index, (key, value)) in schema.parameters().iter().enumerate() {
            out.push(if index == 0 { b'{' } else { b',' });
            append_string(key, out);
            out.push(b':');
            append_string(value, out);
        }
        out.push(b'}');
    }
    if let Some(default) = schema.default_value() {
        out.extend_from_slice(b",\"default\":");
        WriteNode::compile(schema, style).write(default, style, out)?;
    }
    if let Some(field) = field {
        out.extend_from_slice(b",\"field\":");
        append_string(field, out);
    }
    out.push(b'}');
    Ok(())
}

fn append_contents(schema: &SchemaRef, style: Style, out: &mut Vec<u8>) -> Result<()> {
    let mut part = |member: &[u8], part: Option<&SchemaRef>| {
        out.extend_from_slice(member);
        match part {
            Some(part) => append(part, None, style, out),
            None => {
                out.extend_from_slice(b"null");
                Ok(())
            }
        }
    };
    match schema.kind() {
        Type::Array => part(b",\"items\":", schema.items()),
        Type::Map => {
            part(b",\"keys\":", schema.keys())?;
            part(b",\"values\":", schema.values())
        }
        Type::Struct => {
            out.extend_from_slice(b",\"fields\":[");
            for (index, field) in schema.fields().iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                append(&field.schema, Some(&field.name), style, out)?;
            }
            out.push(b']');
            Ok(())
        }
        _ => Ok(()),
    }
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Float32 => "float",
        Type::Float64 => "double",
        other => other.name(),
    }
}
