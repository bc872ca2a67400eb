//! Values to JSON text by their Connect schema, compiled once.

use super::from_connect::{is_object, is_union, refers_to};
use super::names::{DataOptions, KEY_FIELD, VALUE_FIELD};
use crate::avro::logical::{check_scale, days, decimal_scale, time_of_day, wrong_class};
use crate::json::text::{append_base64, append_i64, append_string};
use std::io::Write;
use turnbuckle_api::data::{Logical, SchemaRef, Struct, Type, append_java_f32, append_java_f64, same_schema};
use turnbuckle_api::{Error, Result, Value};

const MAX_DEPTH: usize = 500;

/// A compiled schema.
pub(super) struct Writer {
    schema: SchemaRef,
    plan: Plan,
    /// What null is written as, if it is no null.
    default: Option<Value>,
    options: DataOptions,
}

enum Plan {
    /// By type and class alone.
    Plain,
    Logical(Logical),
    Array(Option<Box<Writer>>),
    Object(Option<Box<Writer>>),
    Entries(Option<Box<Writer>>, Option<Box<Writer>>),
    /// Fields with the text before their values, the comma left out.
    Struct(Box<[(Vec<u8>, Writer)]>),
    Union(Box<[Writer]>),
    /// The enclosing struct of the schema's name.
    Recursive,
}

/// The structs around a value, innermost first.
#[derive(Clone, Copy)]
struct Enclosing<'a> {
    writer: &'a Writer,
    outer: Option<&'a Enclosing<'a>>,
    depth: usize,
}

impl Writer {
    pub(super) fn compile(schema: &SchemaRef, options: &DataOptions) -> Writer {
        let default = schema.default_value().filter(|_| !options.ignore_default);
        Writer {
            schema: schema.clone(),
            plan: plan(schema, options),
            default: default.cloned(),
            options: *options,
        }
    }

    /// Appends a value. False if null has no text: the schema wants a value, and there is none.
    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool> {
        self.append(value, None, out)
    }

    fn append(&self, value: &Value, enclosing: Option<&Enclosing<'_>>, out: &mut Vec<u8>) -> Result<bool> {
        if value.is_null() {
            return match &self.default {
                Some(default) => self.append(default, enclosing, out),
                None if self.schema.is_optional() => {
                    out.extend_from_slice(b"null");
                    Ok(true)
                }
                None => Ok(false),
            };
        }
        match (&self.plan, value) {
            (Plan::Plain, value) => plain(self.schema.kind(), value, out)?,
            (Plan::Logical(logical), value) => self.logical(*logical, value, out)?,
            (Plan::Array(items), Value::Array(values)) => {
                out.push(b'[');
                for (place, item) in values.iter().enumerate() {
                    separate(place, out);
                    append_any(items.as_deref(), item, enclosing, out)?;
                }
                out.push(b']');
            }
            (Plan::Object(values), Value::Map(entries)) => {
                out.push(b'{');
                for (place, (key, value)) in entries.iter().enumerate() {
                    separate(place, out);
                    let Value::String(key) = key else {
                        return Err(wrong_type(Type::String, key));
                    };
                    append_string(key, out);
                    out.push(b':');
                    append_any(values.as_deref(), value, enclosing, out)?;
                }
                out.push(b'}');
            }
            (Plan::Entries(keys, values), Value::Map(entries)) => {
                out.push(b'[');
                for (place, (key, value)) in entries.iter().enumerate() {
                    separate(place, out);
                    let _ = write!(out, "{{\"{KEY_FIELD}\":");
                    append_any(keys.as_deref(), key, enclosing, out)?;
                    let _ = write!(out, ",\"{VALUE_FIELD}\":");
                    append_any(values.as_deref(), value, enclosing, out)?;
                    out.push(b'}');
                }
                out.push(b']');
            }
            (Plan::Struct(fields), Value::Struct(structure)) => {
                self.check(structure)?;
                self.structure(fields, structure, enclosing, out)?;
            }
            (Plan::Union(members), Value::Struct(structure)) => {
                self.check(structure)?;
                for (place, member) in members.iter().enumerate() {
                    let value = self.value_of(structure, place);
                    if !value.is_null() {
                        return member.append(value, enclosing, out);
                    }
                }
                return self.append(&Value::Null, enclosing, out);
            }
            (Plan::Recursive, Value::Struct(structure)) => {
                let mut around = enclosing;
                while let Some(candidate) = around {
                    if refers_to(&self.schema, &candidate.writer.schema)
                        && let Plan::Struct(fields) = &candidate.writer.plan
                    {
                        candidate.writer.structure(fields, structure, enclosing, out)?;
                        return Ok(true);
                    }
                    around = candidate.outer;
                }
                return Err(mismatch());
            }
            (_, value) => return Err(wrong_type(self.schema.kind(), value)),
        }
        Ok(true)
    }

    fn check(&self, structure: &Struct) -> Result<()> {
        let given = structure.schema();
        let fits = same_schema(given, &self.schema)
            || (self.schema.default_value().is_some()
                && *self.schema.to_builder().without_default().finish() == **given);
        if fits { Ok(()) } else { Err(mismatch()) }
    }

    fn value_of<'a>(&self, structure: &'a Struct, place: usize) -> &'a Value {
        match self.options.ignore_default {
            false => structure.get_at(place),
            true => structure.values().get(place).unwrap_or(&Value::Null),
        }
    }

    fn structure(
        &self,
        fields: &[(Vec<u8>, Writer)],
        structure: &Struct,
        outer: Option<&Enclosing<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let depth = outer.map_or(0, |outer| outer.depth + 1);
        if depth > MAX_DEPTH {
            return Err(Error::data(format!(
                "Structs are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let inner = Enclosing {
            writer: self,
            outer,
            depth,
        };
        if structure.values().len() < fields.len() {
            return Err(mismatch());
        }
        out.push(b'{');
        let mut written = 0;
        for (place, (before, field)) in fields.iter().enumerate() {
            let start = out.len();
            separate(written, out);
            out.extend_from_slice(before);
            // A field that needs a value and has none is left out.
            match field.append(self.value_of(structure, place), Some(&inner), out)? {
                true => written += 1,
                false => out.truncate(start),
            }
        }
        out.push(b'}');
        Ok(())
    }

    fn logical(&self, logical: Logical, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match (logical, value) {
            (Logical::Decimal, Value::Decimal(decimal)) if self.options.numeric_decimals => {
                write!(out, "{decimal}")?;
            }
            (Logical::Decimal, Value::Decimal(decimal)) => {
                check_scale(decimal_scale(&self.schema)?, decimal)?;
                let mut unscaled = Vec::with_capacity(16);
                decimal.write_unscaled_be(&mut unscaled);
                append_base64(&unscaled, out);
            }
            (Logical::Date, Value::Date(millis)) => append_i64(i64::from(days(*millis)?), out),
            (Logical::Time, Value::Date(millis)) => append_i64(i64::from(time_of_day(*millis)?), out),
            (Logical::Timestamp, Value::Date(millis)) => append_i64(*millis, out),
            (logical, value) => return Err(wrong_class(logical, value)),
        }
        Ok(())
    }
}

fn plan(schema: &SchemaRef, options: &DataOptions) -> Plan {
    if let Some(logical) = schema.logical() {
        return Plan::Logical(logical);
    }
    let inner = |schema: Option<&SchemaRef>| schema.map(|schema| Box::new(Writer::compile(schema, options)));
    match schema.kind() {
        Type::Array => Plan::Array(inner(schema.items())),
        Type::Map if is_object(schema.keys()) => Plan::Object(inner(schema.values())),
        Type::Map => Plan::Entries(inner(schema.keys()), inner(schema.values())),
        Type::Struct if schema.is_recursive() => Plan::Recursive,
        Type::Struct if is_union(schema) => {
            let members = schema.fields().iter();
            Plan::Union(members.map(|field| Writer::compile(&field.schema, options)).collect())
        }
        Type::Struct => {
            let fields = schema.fields().iter().map(|field| {
                let mut before = Vec::with_capacity(field.name.len() + 3);
                append_string(&field.name, &mut before);
                before.push(b':');
                (before, Writer::compile(&field.schema, options))
            });
            Plan::Struct(fields.collect())
        }
        _ => Plan::Plain,
    }
}

fn plain(kind: Type, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match (kind, value) {
        (Type::Int8, Value::Int8(value)) => append_i64(i64::from(*value), out),
        (Type::Int16, Value::Int16(value)) => append_i64(i64::from(*value), out),
        (Type::Int32, Value::Int32(value)) => append_i64(i64::from(*value), out),
        (Type::Int64, Value::Int64(value)) => append_i64(*value, out),
        (Type::Float32, Value::Float32(value)) => {
            quote(value.is_finite(), out);
            append_java_f32(*value, out);
            quote(value.is_finite(), out);
        }
        (Type::Float64, Value::Float64(value)) => {
            quote(value.is_finite(), out);
            append_java_f64(*value, out);
            quote(value.is_finite(), out);
        }
        (Type::Boolean, Value::Boolean(value)) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        (Type::String, Value::String(text)) => append_string(text, out),
        (Type::Bytes, Value::Bytes(bytes)) => append_base64(bytes, out),
        (Type::Bytes, Value::Decimal(decimal)) => write!(out, "{decimal}")?,
        (kind, value) => return Err(wrong_type(kind, value)),
    }
    Ok(())
}

/// A value with or without schema; null where it has no text.
fn append_any(
    writer: Option<&Writer>,
    value: &Value,
    enclosing: Option<&Enclosing<'_>>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let written = match writer {
        Some(writer) => writer.append(value, enclosing, out)?,
        None => schemaless(value, out)?,
    };
    if !written {
        out.extend_from_slice(b"null");
    }
    Ok(())
}

/// A value without schema; false for null.
pub(super) fn schemaless(value: &Value, out: &mut Vec<u8>) -> Result<bool> {
    match value {
        Value::Null => return Ok(false),
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                separate(place, out);
                append_any(None, item, None, out)?;
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let object = entries.iter().all(|(key, _)| matches!(key, Value::String(_)));
            out.push(if object { b'{' } else { b'[' });
            for (place, (key, value)) in entries.iter().enumerate() {
                separate(place, out);
                match key {
                    Value::String(key) if object => {
                        append_string(key, out);
                        out.push(b':');
                        append_any(None, value, None, out)?;
                    }
                    key => {
                        let _ = write!(out, "{{\"{KEY_FIELD}\":");
                        append_any(None, key, None, out)?;
                        let _ = write!(out, ",\"{VALUE_FIELD}\":");
                        append_any(None, value, None, out)?;
                        out.push(b'}');
                    }
                }
            }
            out.push(if object { b'}' } else { b']' });
        }
        Value::Struct(_) => return Err(mismatch()),
        Value::Decimal(_) | Value::Date(_) => {
            let class = value.java_class();
            return Err(Error::data(format!(
                "Java class class {class} does not have corresponding schema type."
            )));
        }
        Value::Int8(_) => plain(Type::Int8, value, out)?,
        Value::Int16(_) => plain(Type::Int16, value, out)?,
        Value::Int32(_) => plain(Type::Int32, value, out)?,
        Value::Int64(_) => plain(Type::Int64, value, out)?,
        Value::Float32(_) => plain(Type::Float32, value, out)?,
        Value::Float64(_) => plain(Type::Float64, value, out)?,
        Value::Boolean(_) => plain(Type::Boolean, value, out)?,
        Value::String(_) => plain(Type::String, value, out)?,
        Value::Bytes(_) => plain(Type::Bytes, value, out)?,
    }
    Ok(true)
}

fn separate(written: usize, out: &mut Vec<u8>) {
    if written > 0 {
        out.push(b',');
    }
}

fn quote(is_number: bool, out: &mut Vec<u8>) {
    if !is_number {
        out.push(b'"');
    }
}

fn mismatch() -> Error {
    Error::data("Mismatching schema.")
}

fn wrong_type(kind: Type, value: &Value) -> Error {
    Error::data(format!("Invalid type for {kind}: class {}", value.java_class()))
}
