//! Runs a compiled writer ([`super::from_connect`]): Connect values straight to Protobuf bytes, appended to the caller's
//! buffer. Fields come in the order of their numbers, and a value that is its type's zero is left out where its absence
//! means the same.

use super::logical;
use super::names::invalid_schema;
use turnbuckle_api::data::{SchemaRef, Struct, Type, same_schema};
use turnbuckle_api::{Error, ErrorKind, Result, Text, Value};

/// Values nested deeper than this are refused, because no reader would take them.
const MAX_DEPTH: usize = 100;
const MAX_NUMBER: i32 = (1 << 29) - 1;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED32: u32 = 5;

/// A writer for one Connect schema.
#[derive(Debug)]
pub(super) struct ProtobufWriter {
    pub(super) root: Root,
    pub(super) messages: Vec<MessageWrite>,
    /// Null fields stay null even if they have a default.
    pub(super) ignore_default: bool,
}

#[derive(Debug)]
pub(super) enum Root {
    Message(usize),
    /// A single value in a wrapper message.
    Wrapper(Single),
}

#[derive(Debug)]
pub(super) struct MessageWrite {
    pub(super) schema: SchemaRef,
    /// By number.
    pub(super) fields: Vec<FieldWrite>,
    /// Positions of the structs that stand for oneofs.
    pub(super) unions: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct FieldWrite {
    /// Position in the struct.
    source: usize,
    /// Position in the union at `source`.
    member: Option<usize>,
    pub(super) number: i32,
    form: Form,
}

#[derive(Debug)]
pub(super) enum Form {
    /// True if a zero is written, too, because the reader can tell it from an absent value.
    Single(Single, bool),
    Repeated(Single),
    Map(Box<EntryWrite>),
}

#[derive(Debug)]
pub(super) struct EntryWrite {
    pub(super) key: FieldWrite,
    pub(super) value: FieldWrite,
}

/// How one value is written.
#[derive(Debug)]
pub(super) enum Single {
    Number(Type, Wire),
    Boolean,
    Text,
    Bytes,
    /// Symbols with their numbers.
    Enum(Vec<(Text, i32)>),
    Message(usize),
    /// A message with the value as its only field.
    Wrapped(Box<Single>),
    Decimal,
    Date,
    Time,
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// Negative numbers take ten bytes.
    Varint,
    Unsigned32,
    ZigZag32,
    ZigZag64,
    Fixed32,
    Fixed64,
    Float,
    Double,
}

impl FieldWrite {
    pub(super) fn new(source: usize, member: Option<usize>, number: i32, form: Form) -> Result<Self> {
        if !(1..=MAX_NUMBER).contains(&number) {
            return Err(invalid_schema(format!(
                "Field numbers must be positive integers up to {MAX_NUMBER}, found {number}"
            )));
        }
        Ok(FieldWrite {
            source,
            member,
            number,
            form,
        })
    }
}

impl Single {
    fn wire_type(&self) -> u32 {
        match self {
            Single::Number(_, Wire::Fixed32 | Wire::Float) => FIXED32,
            Single::Number(_, Wire::Fixed64 | Wire::Double) => FIXED64,
            Single::Number(..) | Single::Boolean | Single::Enum(_) => VARINT,
            _ => LENGTH,
        }
    }
}

impl ProtobufWriter {
    /// Appends the message of a value that is not null.
    pub(super) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<()> {
        match &self.root {
            Root::Message(index) => match value {
                Value::Struct(structure) => self.message(*index, structure, out, 0),
                other => Err(wrong_class(Type::Struct, other)),
            },
            Root::Wrapper(single) => self.single(single, 1, false, value, out, 0),
        }
    }

    fn message(&self, index: usize, structure: &Struct, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let message = &self.messages[index];
        check_struct(structure, &message.schema)?;
        if depth > MAX_DEPTH {
            return Err(Error::data(format!(
                "Structs are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        for union in &message.unions {
            self.check_union(message, self.value_of(structure, *union))?;
        }
        for field in &message.fields {
            let value = self.value_of(structure, field.source);
            if value.is_null() {
                continue;
            }
            match field.member {
                None => self.field(field, value, out, depth)?,
                Some(member) => {
                    let Value::Struct(union) = value else {
                        return Err(wrong_class(Type::Struct, value));
                    };
                    // Of several members the first that is set counts.
                    if self.member_of(union) == Some(member) {
                        self.field(field, self.value_of(union, member), out, depth)?;
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn value_of<'a>(&self, structure: &'a Struct, index: usize) -> &'a Value {
        match self.ignore_default {
            false => structure.get_at(index),
            true => structure.values().get(index).unwrap_or(&Value::Null),
        }
    }

    /// Position of the first member that is set.
    fn member_of(&self, union: &Struct) -> Option<usize> {
        (0..union.values().len()).find(|index| !self.value_of(union, *index).is_null())
    }

    fn check_union(&self, message: &MessageWrite, value: &Value) -> Result<()> {
        match value {
            Value::Null => Ok(()),
            Value::Struct(union) => {
                let expected = message
                    .unions
                    .iter()
                    .map(|index| &message.schema.fields()[*index].schema);
                if !expected.clone().any(|expected| fits(union.schema(), expected)) {
                    return Err(mismatch());
                }
                match self.member_of(union) {
                    Some(_) => Ok(()),
                    None => Err(Error::data("Cannot find non-null field")),
                }
            }
            other => Err(wrong_class(Type::Struct, other)),
        }
    }

    fn field(&self, field: &FieldWrite, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        let number = field.number as u32;
        match (&field.form, value) {
            (Form::Single(single, presence), value) => self.single(single, number, *presence, value, out, depth),
            (Form::Repeated(single), Value::Array(items)) => self.repeated(single, number, items, out, depth),
            (Form::Map(entry), Value::Map(entries)) => {
                for (key, value) in entries {
                    put_tag(number, LENGTH, out);
                    delimited(out, |out| {
                        for (part, value) in [(&entry.key, key), (&entry.value, value)] {
                            if !value.is_null() {
                                self.field(part, value, out, depth + 1)?;
                            }
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            }
            (Form::Repeated(_), other) => Err(wrong_class(Type::Array, other)),
            (Form::Map(_), other) => Err(wrong_class(Type::Map, other)),
        }
    }

    fn repeated(&self, single: &Single, number: u32, items: &[Value], out: &mut Vec<u8>, depth: usize) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        if items.iter().any(Value::is_null) {
            let text = "An array holds null, for which Protobuf has no place";
            return Err(Error::new(ErrorKind::NullPointer, text));
        }
        if single.wire_type() == LENGTH {
            return items
                .iter()
                .try_for_each(|item| self.single(single, number, true, item, out, depth));
        }
        put_tag(number, LENGTH, out);
        delimited(out, |out| {
            items.iter().try_for_each(|item| self.content(single, item, out, depth))
        })
    }

    /// Tag and value; nothing if the value is a zero and `presence` is false.
    #[inline]
    fn single(
        &self,
        single: &Single,
        number: u32,
        presence: bool,
        value: &Value,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<()> {
        let start = out.len();
        put_tag(number, single.wire_type(), out);
        let content = out.len();
        self.content(single, value, out, depth)?;
        if !presence && is_zero(single, &out[content..]) {
            out.truncate(start);
        }
        Ok(())
    }

    /// The value without its tag, with its length if it needs one.
    #[inline]
    fn content(&self, single: &Single, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        match (single, value) {
            (Single::Number(Type::Int32, Wire::Varint), Value::Int32(value)) => {
                put_varint(i64::from(*value) as u64, out)
            }
            (Single::Number(Type::Int64, Wire::Varint), Value::Int64(value)) => put_varint(*value as u64, out),
            (Single::Number(Type::Float64, _), Value::Float64(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Single::Number(Type::Float32, _), Value::Float32(value)) => out.extend_from_slice(&value.to_le_bytes()),
            (Single::Text, Value::String(text)) => put_bytes(text.as_bytes(), out),
            (Single::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            (Single::Timestamp, Value::Date(millis)) => {
                delimited(out, |out| logical::put_timestamp(*millis, out))?;
            }
            (Single::Message(index), Value::Struct(structure)) => {
                delimited(out, |out| self.message(*index, structure, out, depth + 1))?;
            }
            _ => self.rare(single, value, out, depth)?,
        }
        Ok(())
    }

    fn rare(&self, single: &Single, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        match (single, value) {
            (Single::Number(kind, wire), value) => put_number(*kind, *wire, value, out)?,
            (Single::Bytes, Value::Bytes(bytes)) => put_bytes(bytes, out),
            (Single::Enum(symbols), Value::String(text)) => {
                let found = symbols.iter().find(|(symbol, _)| symbol == text);
                let (_, number) = found.ok_or_else(|| {
                    let text = format!("{text} is none of the enum's symbols");
                    Error::new(ErrorKind::IllegalArgument, text)
                })?;
                put_varint(i64::from(*number) as u64, out);
            }
            (Single::Wrapped(inner), value) => {
                delimited(out, |out| self.single(inner, 1, false, value, out, depth))?;
            }
            (Single::Decimal, Value::Decimal(decimal)) => {
                delimited(out, |out| {
                    logical::put_decimal(decimal, out);
                    Ok(())
                })?;
            }
            (Single::Date, Value::Date(millis)) => delimited(out, |out| logical::put_date(*millis, out))?,
            (Single::Time, Value::Date(millis)) => delimited(out, |out| logical::put_time(*millis, out))?,
            (single, value) => return Err(misplaced(single, value)),
        }
        Ok(())
    }
}

/// Is what was written the zero of its type? Minus zero is none.
fn is_zero(single: &Single, content: &[u8]) -> bool {
    match single {
        Single::Number(..) | Single::Boolean | Single::Enum(_) => content.iter().all(|byte| *byte == 0),
        Single::Text | Single::Bytes => content == [0],
        _ => false,
    }
}

/// A struct must have the schema that was announced. By pointer nearly always.
#[inline]
fn check_struct(structure: &Struct, expected: &SchemaRef) -> Result<()> {
    if same_schema(structure.schema(), expected) || fits(structure.schema(), expected) {
        return Ok(());
    }
    Err(mismatch())
}

/// A default's own schema can't contain the default, and the inner occurrence of a schema that contains itself stands for
/// the enclosing one, whatever its place adds to it.
fn fits(given: &SchemaRef, expected: &SchemaRef) -> bool {
    if same_schema(given, expected) {
        return true;
    }
    if expected.default_value().is_some() && *expected.to_builder().without_default().finish() == **given {
        return true;
    }
    given.name() == expected.name() && given.fields() == expected.fields()
}

#[cold]
fn mismatch() -> Error {
    Error::data("Mismatching struct schema")
}

#[cold]
fn wrong_class(kind: Type, value: &Value) -> Error {
    Error::data(format!("Invalid type for {kind}: class {}", value.java_class()))
}

#[cold]
fn misplaced(single: &Single, value: &Value) -> Error {
    let class = value.java_class();
    let kind = match single {
        Single::Number(kind, _) => *kind,
        Single::Boolean => Type::Boolean,
        Single::Text | Single::Enum(_) => Type::String,
        Single::Bytes => Type::Bytes,
        Single::Message(_) => Type::Struct,
        Single::Wrapped(inner) => return misplaced(inner, value),
        Single::Decimal => {
            return Error::data(format!(
                "Invalid type for Decimal, expected BigDecimal but was class {class}"
            ));
        }
        Single::Date => return Error::data(format!("Invalid type for Date, expected Date but was class {class}")),
        Single::Time => return Error::data(format!("Invalid type for Time, expected Date but was class {class}")),
        Single::Timestamp => {
            return Error::data(format!(
                "Invalid type for Timestamp, expected Date but was class {class}"
            ));
        }
    };
    wrong_class(kind, value)
}

/// A number of any class, converted as Java's `Number` does.
fn put_number(kind: Type, wire: Wire, value: &Value, out: &mut Vec<u8>) -> Result<()> {
    let whole = match value {
        Value::Int8(value) => i64::from(*value),
        Value::Int16(value) => i64::from(*value),
        Value::Int32(value) => i64::from(*value),
        Value::Int64(value) => *value,
        Value::Float32(value) => *value as i64,
        Value::Float64(value) => *value as i64,
        other => return Err(wrong_class(kind, other)),
    };
    let whole = if kind == Type::Int64 {
        whole
    } else {
        i64::from(whole as i32)
    };
    let real = match value {
        Value::Float32(value) => f64::from(*value),
        Value::Float64(value) => *value,
        _ => whole as f64,
    };
    match wire {
        Wire::Varint => put_varint(whole as u64, out),
        Wire::Unsigned32 => put_varint(u64::from(whole as u32), out),
        Wire::ZigZag32 => {
            let small = whole as i32;
            put_varint(u64::from(((small << 1) ^ (small >> 31)) as u32), out);
        }
        Wire::ZigZag64 => put_varint(((whole << 1) ^ (whole >> 63)) as u64, out),
        Wire::Fixed32 => out.extend_from_slice(&(whole as i32).to_le_bytes()),
        Wire::Fixed64 => out.extend_from_slice(&whole.to_le_bytes()),
        Wire::Float => out.extend_from_slice(&(real as f32).to_le_bytes()),
        Wire::Double => out.extend_from_slice(&real.to_le_bytes()),
    }
    Ok(())
}

#[inline]
fn put_tag(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    put_varint(u64::from(number << 3 | wire_type), out);
}

#[inline]
pub(super) fn put_varint(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[inline]
pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// An integer field that is left out when it is zero.
pub(super) fn put_int_field(number: u32, value: i64, out: &mut Vec<u8>) {
    if value != 0 {
        put_tag(number, VARINT, out);
        put_varint(value as u64, out);
    }
}

pub(super) fn put_bytes_field(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    put_tag(number, LENGTH, out);
    put_bytes(bytes, out);
}

/// Appends what `content` writes with its length before it. Most lengths take one byte; for longer ones the content moves.
#[inline]
fn delimited(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.push(0);
    content(out)?;
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
        return Ok(());
    }
    let end = out.len();
    put_varint(length as u64, out);
    let width = out.len() - end;
    let mut varint = [0u8; 10];
    varint[..width].copy_from_slice(&out[end..]);
    out.truncate(end);
    out.extend_from_slice(&[0; 10][..width - 1]);
    out.copy_within(start + 1..end, start + width);
    out[start..start + width].copy_from_slice(&varint[..width]);
    Ok(())
}
