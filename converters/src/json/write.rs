//! Values to JSON text: a schema is compiled to a [`WriteNode`] once, by which values are appended straight to the output.

use super::schema_read::OnNull;
use super::text::{append_base64, append_i64, append_string};
use std::io::Write;
use turnbuckle_api::data::{Logical, append_java_f32, append_java_f64, same_schema};
use turnbuckle_api::{Decimal, Error, ErrorKind, Result, SchemaRef, Struct, Type, Value};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// How values are written, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub decimals: Decimals,
    pub maps: Maps,
    /// A null becomes the schema's default.
    pub replace_null: bool,
}

/// How decimals are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimals {
    /// Base64 of the unscaled value.
    Base64,
    /// A number with all its digits.
    Numeric,
    /// The nearest double.
    Double,
}

/// How maps with a schema are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maps {
    /// Objects if keys are text, else arrays of `[key, value]`.
    Pairs,
    /// Objects if keys are text, else arrays of `{"key": …, "value": …}`.
    Compact,
    /// Arrays of `{"key": …, "value": …}` whatever the keys are.
    Entries,
}

/// Writes values of one schema, or of none, as JSON text without an envelope.
pub struct JsonWriter {
    node: Option<WriteNode>,
    style: Style,
}

impl JsonWriter {
    /// Compiles a schema; None for schemaless values.
    pub fn new(schema: Option<&SchemaRef>, style: Style) -> Self {
        JsonWriter {
            node: schema.map(|schema| WriteNode::compile(schema, style)),
            style,
        }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// `DataException` for a value that does not fit its schema; what was appended until then stays.
    pub fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match &self.node {
            Some(node) => node.write(value, self.style, out),
            None => schemaless(value, self.style, out),
        }
    }
}

/// A compiled schema.
pub(super) struct WriteNode {
    schema: SchemaRef,
    plan: Plan,
    on_null: OnNull,
}

enum Plan {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Decimal,
    Date,
    Time,
    Timestamp,
    /// None: elements without schema.
    Array(Option<Box<WriteNode>>),
    Map {
        keys: Option<Box<WriteNode>>,
        values: Option<Box<WriteNode>>,
    },
    /// Each field with the text before its value: comma, name and colon.
    Struct(Box<[(Vec<u8>, WriteNode)]>),
    /// The enclosing struct of the schema's name.
    Recursive,
}

/// The structs around a value, innermost first; what [`Plan::Recursive`] stands for is among them.
#[derive(Clone, Copy)]
struct Enclosing<'a> {
    node: &'a WriteNode,
    outer: Option<&'a Enclosing<'a>>,
}

impl WriteNode {
    pub(super) fn compile(schema: &SchemaRef, style: Style) -> WriteNode {
        WriteNode {
            schema: schema.clone(),
            plan: Plan::compile(schema, style),
            on_null: OnNull::of(schema, style.replace_null),
        }
    }

    /// Appends a value of this schema.
    pub(super) fn write(&self, value: &Value, style: Style, out: &mut Vec<u8>) -> Result<()> {
        self.append(value, style, None, out)
    }

    fn append(&self, value: &Value, style: Style, enclosing: Option<&Enclosing<'_>>, out: &mut Vec<u8>) -> Result<()> {
        match (&self.plan, value) {
            (_, Value::Null) => return self.append_null(style, enclosing, out),
            (Plan::Int8, Value::Int8(value)) => append_i64(i64::from(*value), out),
            (Plan::Int16, Value::Int16(value)) => append_i64(i64::from(*value), out),
            (Plan::Int32, Value::Int32(value)) => append_i64(i64::from(*value), out),
            (Plan::Int64, Value::Int64(value)) => append_i64(*value, out),
            (Plan::Float32, Value::Float32(value)) => append_f32(*value, out),
            (Plan::Float64, Value::Float64(value)) => append_f64(*value, out),
            (Plan::Boolean, Value::Boolean(value)) => append_boolean(*value, out),
            (Plan::String, Value::String(value)) => append_string(value, out),
            (Plan::Bytes, Value::Bytes(value)) => append_base64(value, out),
            (Plan::Decimal, Value::Decimal(value)) => append_decimal(&self.schema, value, style, out)?,
            (Plan::Date, Value::Date(millis)) => append_i64(i64::from(days(*millis)?), out),
            (Plan::Time, Value::Date(millis)) => append_i64(time_of_day(*millis)?, out),
            (Plan::Timestamp, Value::Date(millis)) => append_i64(*millis, out),
            (Plan::Array(items), Value::Array(values)) => {
                out.push(b'[');
                for (index, item) in values.iter().enumerate() {
                    separate(index, out);
                    append_any(items.as_deref(), item, style, enclosing, out)?;
                }
                out.push(b']');
            }
            (Plan::Map { keys, values }, Value::Map(entries)) => {
                self.append_map(keys.as_deref(), values.as_deref(), entries, style, enclosing, out)?;
            }
            (Plan::Struct(fields), Value::Struct(value)) => {
                if !same_schema(value.schema(), &self.schema) {
                    return Err(mismatch());
                }
                let inner = Enclosing {
                    node: self,
                    outer: enclosing,
                };
                append_fields(fields, value, style, &inner, out)?;
            }
            (Plan::Recursive, value) => return self.append_recursive(value, style, enclosing, out),
            (_, other) => return Err(self.wrong_class(other)),
        }
        Ok(())
    }

    fn append_null(&self, style: Style, enclosing: Option<&Enclosing<'_>>, out: &mut Vec<u8>) -> Result<()> {
        match &self.on_null {
            OnNull::Null => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            OnNull::Default(value) => self.append(value, style, enclosing, out),
            OnNull::Refuse => Err(Error::data(
                "Conversion error: null value for field that is required and has no default value",
            )),
        }
    }

    fn append_map(
        &self,
        keys: Option<&WriteNode>,
        values: Option<&WriteNode>,
        entries: &[(Value, Value)],
        style: Style,
        enclosing: Option<&Enclosing<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let is_object = self.schema.keys().is_some_and(|keys| keys.kind() == Type::String);
        match style.maps {
            Maps::Pairs if !is_object => return append_pairs(keys, values, entries, style, enclosing, out),
            Maps::Compact if !is_object => return append_entries(keys, values, entries, style, enclosing, out),
            Maps::Entries => return append_entries(keys, values, entries, style, enclosing, out),
            Maps::Pairs | Maps::Compact => {}
        }
        out.push(b'{');
        for (index, (key, value)) in entries.iter().enumerate() {
            separate(index, out);
            match (key, keys) {
                (Value::String(name), _) => append_string(name, out),
                (Value::Null, Some(node)) => {
                    // A null key that may be null becomes a member named "null"; a default is text itself.
                    let start = out.len();
                    node.append_null(style, enclosing, out)?;
                    if out[start..] == *b"null" {
                        out.truncate(start);
                        out.extend_from_slice(b"\"null\"");
                    }
                }
                (other, Some(node)) => return Err(node.wrong_class(other)),
                (other, None) => return Err(self.wrong_class(other)),
            }
            out.push(b':');
            append_any(values, value, style, enclosing, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn append_recursive(
        &self,
        value: &Value,
        style: Style,
        enclosing: Option<&Enclosing<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let Value::Struct(value) = value else {
            return Err(self.wrong_class(value));
        };
        let mut around = enclosing;
        while let Some(candidate) = around {
            if candidate.node.schema.name() == self.schema.name()
                && let Plan::Struct(fields) = &candidate.node.plan
            {
                return append_fields(fields, value, style, candidate, out);
            }
            around = candidate.outer;
        }
        Err(mismatch())
    }

    fn wrong_class(&self, value: &Value) -> Error {
        let class = value.java_class();
        Error::data(match self.plan {
            Plan::Bytes => format!("Invalid type for bytes type: class {class}"),
            Plan::Decimal => format!("Invalid type for Decimal, expected BigDecimal but was class {class}"),
            Plan::Date => format!("Invalid type for Date, expected Date but was class {class}"),
            Plan::Time => format!("Invalid type for Time, expected Date but was class {class}"),
            Plan::Timestamp => format!("Invalid type for Timestamp, expected Date but was class {class}"),
            _ => format!("Invalid type for {}: class {class}", self.schema.kind()),
        })
    }
}

impl Plan {
    fn compile(schema: &SchemaRef, style: Style) -> Plan {
        match schema.logical() {
            Some(Logical::Decimal) => return Plan::Decimal,
            Some(Logical::Date) => return Plan::Date,
            Some(Logical::Time) => return Plan::Time,
            Some(Logical::Timestamp) => return Plan::Timestamp,
            None => {}
        }
        let inner = |inner: Option<&SchemaRef>| inner.map(|inner| Box::new(WriteNode::compile(inner, style)));
        match schema.kind() {
            Type::Int8 => Plan::Int8,
            Type::Int16 => Plan::Int16,
            Type::Int32 => Plan::Int32,
            Type::Int64 => Plan::Int64,
            Type::Float32 => Plan::Float32,
            Type::Float64 => Plan::Float64,
            Type::Boolean => Plan::Boolean,
            Type::String => Plan::String,
            Type::Bytes => Plan::Bytes,
            Type::Array => Plan::Array(inner(schema.items())),
            Type::Map => Plan::Map {
                keys: inner(schema.keys()),
                values: inner(schema.values()),
            },
            Type::Struct if schema.is_recursive() => Plan::Recursive,
            Type::Struct => {
                let fields = schema.fields().iter().enumerate().map(|(index, field)| {
                    let mut before = Vec::with_capacity(field.name.len() + 4);
                    separate(index, &mut before);
                    append_string(&field.name, &mut before);
                    before.push(b':');
                    (before, WriteNode::compile(&field.schema, style))
                });
                Plan::Struct(fields.collect())
            }
        }
    }
}

fn mismatch() -> Error {
    Error::data("Mismatching schema.")
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn append_fields(
    fields: &[(Vec<u8>, WriteNode)],
    value: &Struct,
    style: Style,
    enclosing: &Enclosing<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'{');
    for ((before, node), item) in fields.iter().zip(value.values()) {
        out.extend_from_slice(before);
        node.append(item, style, Some(enclosing), out)?;
    }
    out.push(b'}');
    Ok(())
}

fn append_any(
    node: Option<&WriteNode>,
    value: &Value,
    style: Style,
    enclosing: Option<&Enclosing<'_>>,
    out: &mut Vec<u8>,
) -> Result<()> {
    match node {
        Some(node) => node.append(value, style, enclosing, out),
        None => schemaless(value, style, out),
    }
}

fn append_pairs(
    keys: Option<&WriteNode>,
    values: Option<&WriteNode>,
    entries: &[(Value, Value)],
    style: Style,
    enclosing: Option<&Enclosing<'_>>,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'[');
    for (index, (key, value)) in entries.iter().enumerate() {
        separate(index, out);
        out.push(b'[');
        append_any(keys, key, style, enclosing, out)?;
        out.push(b',');
        append_any(values, value, style, enclosing, out)?;
        out.push(b']');
    }
    out.push(b']');
    Ok(())
}

fn append_entries(
    keys: Option<&WriteNode>,
    values: Option<&WriteNode>,
    entries: &[(Value, Value)],
    style: Style,
    enclosing: Option<&Enclosing<'_>>,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.push(b'[');
    for (index, (key, value)) in entries.iter().enumerate() {
        separate(index, out);
        out.extend_from_slice(b"{\"key\":");
        append_any(keys, key, style, enclosing, out)?;
        out.extend_from_slice(b",\"value\":");
        append_any(values, value, style, enclosing, out)?;
        out.push(b'}');
    }
    out.push(b']');
    Ok(())
}

/// Appends a value that has no schema.
pub(super) fn schemaless(value: &Value, style: Style, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => append_boolean(*value, out),
        Value::Int8(value) => append_i64(i64::from(*value), out),
        Value::Int16(value) => append_i64(i64::from(*value), out),
        Value::Int32(value) => append_i64(i64::from(*value), out),
        Value::Int64(value) => append_i64(*value, out),
        Value::Float32(value) => append_f32(*value, out),
        Value::Float64(value) => append_f64(*value, out),
        Value::String(value) => append_string(value, out),
        Value::Bytes(value) => append_base64(value, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, out);
                schemaless(item, style, out)?;
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            let is_object = entries.iter().all(|(key, _)| matches!(key, Value::String(_)));
            if !is_object {
                return append_pairs(None, None, entries, style, None, out);
            }
            out.push(b'{');
            for (index, (key, item)) in entries.iter().enumerate() {
                separate(index, out);
                schemaless(key, style, out)?;
                out.push(b':');
                schemaless(item, style, out)?;
            }
            out.push(b'}');
        }
        Value::Struct(_) => return Err(mismatch()),
        Value::Decimal(_) | Value::Date(_) => {
            let class = value.java_class();
            return Err(Error::data(format!(
                "Java class class {class} does not have corresponding schema type."
            )));
        }
    }
    Ok(())
}

fn append_boolean(value: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

fn append_f32(value: f32, out: &mut Vec<u8>) {
    quote_unless(value.is_finite(), out);
    append_java_f32(value, out);
    quote_unless(value.is_finite(), out);
}

fn append_f64(value: f64, out: &mut Vec<u8>) {
    quote_unless(value.is_finite(), out);
    append_java_f64(value, out);
    quote_unless(value.is_finite(), out);
}

fn quote_unless(is_number: bool, out: &mut Vec<u8>) {
    if !is_number {
        out.push(b'"');
    }
}

fn append_decimal(schema: &SchemaRef, value: &Decimal, style: Style, out: &mut Vec<u8>) -> Result<()> {
    match style.decimals {
        Decimals::Numeric => {
            write!(out, "{value}")?;
            return Ok(());
        }
        Decimals::Double => {
            append_f64(value.to_f64(), out);
            return Ok(());
        }
        Decimals::Base64 => {}
    }
    let scale = decimal_scale(schema)?;
    if value.scale() != scale {
        return Err(Error::data(format!(
            "Decimal value has mismatching scale for given Decimal schema. Schema has scale {scale}, value has scale {}.",
            value.scale()
        )));
    }
    let mut unscaled = Vec::with_capacity(16);
    value.write_unscaled_be(&mut unscaled);
    append_base64(&unscaled, out);
    Ok(())
}

fn decimal_scale(schema: &SchemaRef) -> Result<i32> {
    let Some(scale) = schema.parameter("scale") else {
        return Err(Error::data("Invalid Decimal schema: scale parameter not found."));
    };
    scale.parse().map_err(|_| {
        let cause = Error::new(
            ErrorKind::Class("java.lang.NumberFormatException"),
            format!("For input string: \"{scale}\""),
        );
        Error::data("Invalid scale parameter found in Decimal schema: ").with_cause(cause)
    })
}

/// Days since the epoch; cut to 32 bits as upstream does.
fn days(millis: i64) -> Result<i32> {
    if millis % MILLIS_PER_DAY != 0 {
        return Err(Error::data(
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ));
    }
    Ok((millis / MILLIS_PER_DAY) as i32)
}

fn time_of_day(millis: i64) -> Result<i64> {
    if (0..=MILLIS_PER_DAY).contains(&millis) {
        return Ok(millis);
    }
    Err(Error::data(
        "Kafka Connect Time type should not have any date fields set to non-zero values.",
    ))
}
