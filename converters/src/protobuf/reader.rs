//! Runs a compiled reader ([`super::to_connect`]): Protobuf bytes straight to Connect values, text and bytes as slices of
//! the payload. Lengths are checked against what is left before anything is made of them; what is unknown is passed over.

use super::logical;
use crate::entries::Entries;
use bytes::Bytes;
use std::sync::Arc;
use turnbuckle_api::data::{Field, SchemaRef, Struct, Type};
use turnbuckle_api::{Error, ErrorKind, SchemaAndValue, Text, Value};

/// Messages nested deeper than this are refused, as Java does.
const MAX_DEPTH: usize = 100;

/// What went wrong while reading one message.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes are no message of the schema; Java wraps this in a serialization error.
    Wire(&'static str),
    /// As `Wire`, with a text of its own.
    Message(String),
    /// The message has no Connect value; shown as it is.
    Value(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Value(error)
    }
}

type Read<T> = Result<T, Fault>;

const TRUNCATED: Fault = Fault::Wire(
    "While parsing a protocol message, the input ended unexpectedly in the middle of a field.  This could mean either \
     that the input has been truncated or that an embedded message misreported its own length.",
);
const MALFORMED: Fault = Fault::Wire("CodedInputStream encountered a malformed varint.");
const INVALID_TAG: Fault = Fault::Wire("Protocol message contained an invalid tag (zero).");
const INVALID_WIRE: Fault = Fault::Wire("Protocol message tag had invalid wire type.");
const INVALID_END: Fault = Fault::Wire("Protocol message end-group tag did not match expected tag.");
const INVALID_TEXT: Fault = Fault::Wire("Protocol message had invalid UTF-8.");
const TOO_DEEP: Fault = Fault::Wire(
    "Protocol message had too many levels of nesting.  May be malicious.  Use setRecursionLimit() to increase the \
     recursion depth limit.",
);

/// A reader of one message type.
#[derive(Debug)]
pub(super) struct ProtobufReader {
    pub(super) schema: SchemaRef,
    pub(super) root: Root,
    pub(super) bodies: Vec<Body>,
    pub(super) uses: Vec<StructUse>,
    pub(super) struct_for_nulls: bool,
}

#[derive(Debug)]
pub(super) enum Root {
    Struct(usize),
    /// A wrapper message, read as the value inside.
    Wrapper(Scalar),
}

/// A message type at one place: the place's schema, the type's fields.
#[derive(Debug)]
pub(super) struct StructUse {
    pub(super) schema: SchemaRef,
    pub(super) body: usize,
}

/// The fields of a message type.
#[derive(Debug, Default)]
pub(super) struct Body {
    fields: Vec<FieldRead>,
    /// By number, for the first numbers: place in `fields` plus one.
    places: Vec<u16>,
    /// The struct's values before anything is read.
    template: Vec<Value>,
    /// Some value is put together when all is read.
    has_messages: bool,
    required: Vec<(usize, Text)>,
}

#[derive(Debug)]
pub(super) struct FieldRead {
    pub(super) number: u32,
    pub(super) name: Text,
    /// Position in the struct.
    pub(super) target: usize,
    pub(super) kind: Kind,
    pub(super) mode: Mode,
    /// What absence means.
    pub(super) default: Value,
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) enum Mode {
    Single,
    Repeated,
    Map(Box<MapRead>),
    /// One of a oneof: the struct that stands for it, and the position in there.
    Member {
        union: SchemaRef,
        member: usize,
    },
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Message(MessageRead),
}

#[derive(Debug)]
pub(super) enum MessageRead {
    Struct(usize),
    Decimal,
    Date,
    Time,
    Timestamp,
    Wrapper(Scalar),
}

#[derive(Debug)]
pub(super) struct MapRead {
    pub(super) key: Part,
    pub(super) value: Part,
}

/// Key or value of an entry.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) default: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Scalar {
    /// To an integer of this type.
    Int(Type, Integer),
    Long(Integer),
    /// 32 bits without sign, to 64 bits.
    Unsigned(Integer),
    Float,
    Double,
    Boolean,
    /// Strict text is UTF-8; else what is broken is replaced.
    Text {
        strict: bool,
    },
    Bytes,
    Enum(Arc<EnumRead>),
}

/// How an integer stands in the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Integer {
    Plain,
    ZigZag,
    Fixed,
}

#[derive(Debug)]
pub(super) struct EnumRead {
    pub(super) name: String,
    /// By number.
    pub(super) symbols: Vec<(i32, Text)>,
    /// Unknown numbers are no values.
    pub(super) closed: bool,
    pub(super) as_number: bool,
}

impl EnumRead {
    /// The value of a number; none if the enum does not take it.
    pub(super) fn value(&self, number: i32) -> Option<Value> {
        let found = self.symbols.binary_search_by_key(&number, |(known, _)| *known);
        match found {
            Err(_) if self.closed => None,
            _ if self.as_number => Some(Value::Int32(number)),
            Ok(place) => Some(Value::String(self.symbols[place].1.clone())),
            Err(_) => Some(Value::text(format!("UNKNOWN_ENUM_VALUE_{}_{number}", self.name))),
        }
    }
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH: u32 = 2;
const START: u32 = 3;
const END: u32 = 4;
const FIXED32: u32 = 5;

impl Scalar {
    fn wire_type(&self) -> u32 {
        match self {
            Scalar::Int(_, Integer::Fixed) | Scalar::Unsigned(Integer::Fixed) | Scalar::Float => FIXED32,
            Scalar::Long(Integer::Fixed) | Scalar::Double => FIXED64,
            Scalar::Text { .. } | Scalar::Bytes => LENGTH,
            _ => VARINT,
        }
    }

    /// The value of an absent wrapper's field.
    fn zero(&self) -> Value {
        match self {
            Scalar::Int(Type::Int8, _) => Value::Int8(0),
            Scalar::Int(Type::Int16, _) => Value::Int16(0),
            Scalar::Int(..) => Value::Int32(0),
            Scalar::Long(_) | Scalar::Unsigned(_) => Value::Int64(0),
            Scalar::Float => Value::Float32(0.0),
            Scalar::Double => Value::Float64(0.0),
            Scalar::Boolean => Value::Boolean(false),
            Scalar::Text { .. } => Value::text(""),
            Scalar::Bytes => Value::Bytes(Bytes::new()),
            Scalar::Enum(kind) => kind.value(0).unwrap_or_default(),
        }
    }
}

impl Body {
    pub(super) fn new(schema_fields: &[Field], fields: Vec<FieldRead>) -> Self {
        /// Numbers beyond are searched for.
        const TABLE: u32 = 512;
        let mut places = Vec::new();
        let mut template = vec![Value::Null; schema_fields.len()];
        let mut has_messages = false;
        let mut required = Vec::new();
        for (place, field) in fields.iter().enumerate() {
            if field.number < TABLE && place < usize::from(u16::MAX) {
                let number = field.number as usize;
                if places.len() <= number {
                    places.resize(number + 1, 0);
                }
                places[number] = place as u16 + 1;
            }
            has_messages |= matches!(
                (&field.kind, &field.mode),
                (Kind::Message(_), Mode::Single | Mode::Member { .. })
            );
            if field.required {
                required.push((place, field.name.clone()));
            }
            template[field.target] = field.default.clone();
        }
        Body {
            fields,
            places,
            template,
            has_messages,
            required,
        }
    }

    #[inline]
    fn find(&self, number: u32) -> Option<usize> {
        match self.places.get(number as usize) {
            Some(0) => None,
            Some(place) => Some(usize::from(*place) - 1),
            None => self.fields.iter().position(|field| field.number == number),
        }
    }
}

/// A position in a message.
struct Cursor<'a> {
    bytes: &'a Bytes,
    pos: usize,
}

impl<'a> Cursor<'a> {
    fn new(bytes: &'a Bytes, pos: usize) -> Self {
        Cursor { bytes, pos }
    }

    fn is_done(&self) -> bool {
        self.pos >= self.bytes.len()
    }

    #[inline]
    fn varint(&mut self) -> Read<u64> {
        let mut value = 0u64;
        for shift in 0..10 {
            let byte = *self.bytes.get(self.pos).ok_or(TRUNCATED)?;
            self.pos += 1;
            value |= u64::from(byte & 0x7f) << (shift * 7);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(MALFORMED)
    }

    /// Field number and wire type.
    #[inline]
    fn tag(&mut self) -> Read<(u32, u32)> {
        let tag = self.varint()? as u32;
        match tag >> 3 {
            0 => Err(INVALID_TAG),
            number => Ok((number, tag & 7)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let slice = self.bytes.get(self.pos..).and_then(|rest| rest.first_chunk::<N>());
        let array = *slice.ok_or(TRUNCATED)?;
        self.pos += N;
        Ok(array)
    }

    /// Bytes with their length before them, shared with the payload.
    #[inline]
    fn take(&mut self) -> Read<Bytes> {
        let length = self.varint()?;
        let left = self.bytes.len() - self.pos;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= left)
            .ok_or(TRUNCATED)?;
        let start = self.pos;
        self.pos += length;
        Ok(self.bytes.slice(start..self.pos))
    }

    fn skip(&mut self, number: u32, wire_type: u32, depth: usize) -> Read<()> {
        match wire_type {
            VARINT => self.varint().map(|_| ()),
            FIXED64 => self.array::<8>().map(|_| ()),
            FIXED32 => self.array::<4>().map(|_| ()),
            LENGTH => self.take().map(|_| ()),
            START if depth >= MAX_DEPTH => Err(TOO_DEEP),
            START => loop {
                let (inner, wire_type) = self.tag()?;
                if wire_type == END {
                    return if inner == number { Ok(()) } else { Err(INVALID_END) };
                }
                self.skip(inner, wire_type, depth + 1)?;
            },
            END => Err(INVALID_END),
            _ => Err(INVALID_WIRE),
        }
    }

    /// A value; none for an unknown number of a closed enum.
    #[inline]
    fn scalar(&mut self, scalar: &Scalar) -> Read<Option<Value>> {
        Ok(Some(match scalar {
            Scalar::Int(kind, integer) => {
                let value = match integer {
                    Integer::Plain => self.varint()? as i32,
                    Integer::ZigZag => unzigzag(self.varint()? & 0xffff_ffff) as i32,
                    Integer::Fixed => i32::from_le_bytes(self.array()?),
                };
                match kind {
                    Type::Int8 => Value::Int8(value as i8),
                    Type::Int16 => Value::Int16(value as i16),
                    _ => Value::Int32(value),
                }
            }
            Scalar::Long(integer) => Value::Int64(match integer {
                Integer::Plain => self.varint()? as i64,
                Integer::ZigZag => unzigzag(self.varint()?),
                Integer::Fixed => i64::from_le_bytes(self.array()?),
            }),
            Scalar::Unsigned(integer) => Value::Int64(i64::from(match integer {
                Integer::Fixed => u32::from_le_bytes(self.array()?),
                _ => self.varint()? as u32,
            })),
            Scalar::Float => Value::Float32(f32::from_le_bytes(self.array()?)),
            Scalar::Double => Value::Float64(f64::from_le_bytes(self.array()?)),
            Scalar::Boolean => Value::Boolean(self.varint()? != 0),
            Scalar::Text { strict } => {
                let bytes = self.take()?;
                match Text::try_from(bytes.clone()) {
                    Ok(text) => Value::String(text),
                    Err(_) if *strict => return Err(INVALID_TEXT),
                    Err(_) => Value::text(String::from_utf8_lossy(&bytes).into_owned()),
                }
            }
            Scalar::Bytes => Value::Bytes(self.take()?),
            Scalar::Enum(kind) => return Ok(kind.value(self.varint()? as i32)),
        }))
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

impl ProtobufReader {
    /// Reads the message that begins at `start`.
    pub(super) fn read(&self, payload: &Bytes, start: usize) -> Read<SchemaAndValue> {
        let value = match &self.root {
            Root::Struct(place) => self.structure(*place, payload, start, 0)?,
            Root::Wrapper(scalar) => wrapped(scalar, payload, start)?,
        };
        Ok(SchemaAndValue {
            schema: Some(self.schema.clone()),
            value,
        })
    }

    fn structure(&self, place: usize, bytes: &Bytes, start: usize, depth: usize) -> Read<Value> {
        if depth >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let place = &self.uses[place];
        let body = &self.bodies[place.body];
        let mut values = body.template.clone();
        let mut maps: Vec<(usize, Entries)> = Vec::new();
        let mut seen = vec![false; if body.required.is_empty() { 0 } else { body.fields.len() }];
        let mut cursor = Cursor::new(bytes, start);
        while !cursor.is_done() {
            let (number, wire_type) = cursor.tag()?;
            let Some(index) = body.find(number) else {
                cursor.skip(number, wire_type, depth)?;
                continue;
            };
            let field = &body.fields[index];
            if let Some(seen) = seen.get_mut(index) {
                *seen = true;
            }
            let slot = &mut values[field.target];
            match (&field.kind, &field.mode) {
                (Kind::Scalar(scalar), Mode::Single) if wire_type == scalar.wire_type() => {
                    if let Some(value) = cursor.scalar(scalar)? {
                        *slot = value;
                    }
                }
                (Kind::Message(_), Mode::Single) if wire_type == LENGTH => keep_part(slot, cursor.take()?),
                (_, Mode::Map(map)) if wire_type == LENGTH => {
                    let entry = cursor.take()?;
                    let (key, value) = self.entry(map, &entry, depth + 1)?;
                    let place = match maps.iter().position(|(target, _)| *target == field.target) {
                        Some(place) => place,
                        None => {
                            maps.push((field.target, Entries::default()));
                            maps.len() - 1
                        }
                    };
                    maps[place].1.put(key, value);
                }
                (kind, Mode::Repeated) => {
                    if let Value::Array(items) = slot {
                        self.items(kind, number, wire_type, &mut cursor, items, depth)?;
                    }
                }
                (Kind::Scalar(scalar), Mode::Member { union, member }) if wire_type == scalar.wire_type() => {
                    if let Some(value) = cursor.scalar(scalar)? {
                        *slot = member_of(union, *member, value);
                    }
                }
                (Kind::Message(_), Mode::Member { .. }) if wire_type == LENGTH => {
                    keep_member(slot, index, cursor.take()?);
                }
                _ => cursor.skip(number, wire_type, depth)?,
            }
        }
        for (index, name) in &body.required {
            if !seen.get(*index).copied().unwrap_or_default() {
                return Err(Fault::Message(format!("Message missing required fields: {name}")));
            }
        }
        for (target, entries) in maps {
            values[target] = Value::Map(entries.into_list());
        }
        if body.has_messages {
            self.finish(body, &mut values, depth)?;
        }
        Ok(Value::Struct(Struct::new(place.schema.clone(), values)))
    }

    /// Puts values in the places of the messages that were kept as bytes: only now all parts of each are there.
    fn finish(&self, body: &Body, values: &mut [Value], depth: usize) -> Read<()> {
        for (index, field) in body.fields.iter().enumerate() {
            let Kind::Message(message) = &field.kind else { continue };
            let slot = &mut values[field.target];
            match &field.mode {
                Mode::Single => {
                    *slot = match std::mem::take(slot) {
                        Value::Null if self.struct_for_nulls => self.message(message, &Bytes::new(), depth + 1)?,
                        Value::Bytes(bytes) => self.message(message, &bytes, depth + 1)?,
                        Value::Array(parts) => self.message(message, &joined(&parts), depth + 1)?,
                        other => other,
                    };
                }
                Mode::Member { union, member } => {
                    let parts = match slot {
                        Value::Array(parts) if parts.first() == Some(&Value::Int64(index as i64)) => &parts[1..],
                        _ => continue,
                    };
                    let value = match parts {
                        [Value::Bytes(bytes)] => self.message(message, bytes, depth + 1)?,
                        parts => self.message(message, &joined(parts), depth + 1)?,
                    };
                    *slot = member_of(union, *member, value);
                }
                Mode::Repeated | Mode::Map(_) => {}
            }
        }
        Ok(())
    }

    fn items(
        &self,
        kind: &Kind,
        number: u32,
        wire_type: u32,
        cursor: &mut Cursor<'_>,
        items: &mut Vec<Value>,
        depth: usize,
    ) -> Read<()> {
        match kind {
            Kind::Message(message) if wire_type == LENGTH => {
                let bytes = cursor.take()?;
                items.push(self.message(message, &bytes, depth + 1)?);
            }
            Kind::Scalar(scalar) if wire_type == scalar.wire_type() => items.extend(cursor.scalar(scalar)?),
            // Packed or not, whatever the schema says.
            Kind::Scalar(scalar) if wire_type == LENGTH => {
                let packed = cursor.take()?;
                let mut inner = Cursor::new(&packed, 0);
                while !inner.is_done() {
                    items.extend(inner.scalar(scalar)?);
                }
            }
            _ => cursor.skip(number, wire_type, depth)?,
        }
        Ok(())
    }

    fn message(&self, message: &MessageRead, bytes: &Bytes, depth: usize) -> Read<Value> {
        Ok(match message {
            MessageRead::Struct(place) => self.structure(*place, bytes, 0, depth)?,
            MessageRead::Wrapper(scalar) => wrapped(scalar, bytes, 0)?,
            MessageRead::Timestamp => {
                let [seconds, nanos] = integers(bytes)?;
                logical::timestamp(seconds, nanos as i32)?
            }
            MessageRead::Date => {
                let [year, month, day] = integers(bytes)?;
                logical::date(year as i32, month as i32, day as i32)?
            }
            MessageRead::Time => {
                let [hours, minutes, seconds, nanos] = integers(bytes)?;
                logical::time(hours as i32, minutes as i32, seconds as i32, nanos as i32)?
            }
            MessageRead::Decimal => decimal(bytes)?,
        })
    }

    fn entry(&self, map: &MapRead, bytes: &Bytes, depth: usize) -> Read<(Value, Value)> {
        if depth >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        let mut cursor = Cursor::new(bytes, 0);
        let parts = [&map.key, &map.value];
        let mut values = parts.map(|part| part.default.clone());
        while !cursor.is_done() {
            let (number, wire_type) = cursor.tag()?;
            let place = match number {
                1 => 0,
                2 => 1,
                _ => {
                    cursor.skip(number, wire_type, depth)?;
                    continue;
                }
            };
            match &parts[place].kind {
                Kind::Scalar(scalar) if wire_type == scalar.wire_type() => {
                    if let Some(value) = cursor.scalar(scalar)? {
                        values[place] = value;
                    }
                }
                Kind::Message(_) if wire_type == LENGTH => keep_part(&mut values[place], cursor.take()?),
                _ => cursor.skip(number, wire_type, depth)?,
            }
        }
        for (part, value) in parts.into_iter().zip(&mut values) {
            if let Kind::Message(message) = &part.kind {
                let bytes = match value {
                    Value::Bytes(bytes) => std::mem::take(bytes),
                    Value::Array(parts) => joined(parts),
                    _ => Bytes::new(),
                };
                *value = self.message(message, &bytes, depth + 1)?;
            }
        }
        let [key, value] = values;
        Ok((key, value))
    }
}

fn member_of(union: &SchemaRef, member: usize, value: Value) -> Value {
    let mut values = vec![Value::Null; union.fields().len()];
    values[member] = value;
    Value::Struct(Struct::new(union.clone(), values))
}

/// Keeps a message's bytes in the place of its value; a message may come in several parts, which count as one.
fn keep_part(slot: &mut Value, part: Bytes) {
    match slot {
        Value::Bytes(first) => *slot = Value::Array(vec![Value::Bytes(std::mem::take(first)), Value::Bytes(part)]),
        Value::Array(parts) => parts.push(Value::Bytes(part)),
        _ => *slot = Value::Bytes(part),
    }
}

/// As [`keep_part`] for a member of a oneof: the number of the field, then the parts. Another member begins anew.
fn keep_member(slot: &mut Value, index: usize, part: Bytes) {
    let index = Value::Int64(index as i64);
    match slot {
        Value::Array(parts) if parts.first() == Some(&index) => parts.push(Value::Bytes(part)),
        _ => *slot = Value::Array(vec![index, Value::Bytes(part)]),
    }
}

fn joined(parts: &[Value]) -> Bytes {
    let mut all = Vec::new();
    for part in parts {
        if let Value::Bytes(part) = part {
            all.extend_from_slice(part);
        }
    }
    Bytes::from(all)
}

/// The value inside a wrapper message.
fn wrapped(scalar: &Scalar, bytes: &Bytes, start: usize) -> Read<Value> {
    let mut value = scalar.zero();
    let mut cursor = Cursor::new(bytes, start);
    while !cursor.is_done() {
        let (number, wire_type) = cursor.tag()?;
        if number == 1 && wire_type == scalar.wire_type() {
            value = cursor.scalar(scalar)?.unwrap_or(value);
        } else {
            cursor.skip(number, wire_type, 0)?;
        }
    }
    Ok(value)
}

/// The first `N` fields of a message of integers.
fn integers<const N: usize>(bytes: &Bytes) -> Read<[i64; N]> {
    let mut found = [0; N];
    let mut cursor = Cursor::new(bytes, 0);
    while !cursor.is_done() {
        let (number, wire_type) = cursor.tag()?;
        match found.get_mut(number as usize - 1) {
            Some(slot) if wire_type == VARINT => *slot = cursor.varint()? as i64,
            _ => cursor.skip(number, wire_type, 0)?,
        }
    }
    Ok(found)
}

fn decimal(bytes: &Bytes) -> Read<Value> {
    let (mut unscaled, mut precision, mut scale) = (Bytes::new(), None, 0);
    let mut cursor = Cursor::new(bytes, 0);
    while !cursor.is_done() {
        match cursor.tag()? {
            (1, LENGTH) => unscaled = cursor.take()?,
            (2, VARINT) => precision = Some(cursor.varint()? as i32),
            (3, VARINT) => scale = cursor.varint()? as i32,
            (number, wire_type) => cursor.skip(number, wire_type, 0)?,
        }
    }
    Ok(logical::decimal(&unscaled, precision, scale)?)
}

impl Fault {
    /// The error beneath the serialiser's.
    pub(super) fn cause(self) -> Result<Error, Error> {
        const CLASS: ErrorKind = ErrorKind::Class("com.google.protobuf.InvalidProtocolBufferException");
        match self {
            Fault::Wire(text) => Ok(Error::new(CLASS, text)),
            Fault::Message(text) => Ok(Error::new(CLASS, text)),
            Fault::Value(error) => Err(error),
        }
    }
}
