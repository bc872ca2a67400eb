//! Runs a compiled reader ([`super::compile_reader`]): Avro bytes straight to Connect values, text and bytes as slices of
//! the payload. Nothing is allocated for what the payload does not hold: block counts are checked against what is left.

use super::cursor::{Cursor, Fault, lossy_text, wire};
use super::logical::{MILLIS_PER_DAY, decimal_of, time, to_logical};
use super::to_connect::LogicalShape;
use bytes::Bytes;
use std::sync::Arc;
use turnbuckle_api::data::{Logical, SchemaRef, Struct};
use turnbuckle_api::{Error, ErrorKind, SchemaAndValue, Text, Value};

/// Records nested deeper than this in the data (they can be in types that contain themselves) are refused.
const MAX_DEPTH: usize = 256;
/// Items that take no bytes cost the sender nothing, so their number is limited.
const MAX_EMPTY_ITEMS: usize = 65_536;

/// A reader for one writer's schema.
#[derive(Debug)]
pub(crate) struct AvroReader {
    pub(crate) schema: Option<SchemaRef>,
    pub(crate) root: Read,
    pub(crate) records: Vec<RecordRead>,
    pub(crate) skips: Vec<Vec<Skip>>,
    /// A bytes schema at the top is read without a length.
    pub(crate) raw: bool,
}

/// What a number read becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Date,
    Time,
    Timestamp,
}

/// One step.
#[derive(Debug)]
pub(crate) enum Read {
    Null,
    Boolean,
    Int(Number),
    Long(Number),
    Float(Number),
    Double,
    Text,
    Bytes,
    /// Bytes that hold UTF-8 for a reader that wants text.
    BytesAsText,
    Decimal(i32),
    Fixed(usize),
    Enum(Box<[Result<Text, String>]>),
    Array(Box<Items>),
    Map(Box<Items>),
    Entries(Box<EntriesRead>),
    Record(usize),
    Nullable {
        null_index: i64,
        inner: Box<Read>,
    },
    Union(Box<[Read]>),
    /// One member of a union that Connect sees as struct.
    Member(Box<MemberRead>),
    /// A logical type over a storage it does not usually have.
    Logical(Box<(Read, LogicalShape)>),
    Anything,
    /// Data of the writer's that has no place with the reader.
    Fail(String),
    /// As `Fail`, but the schemas as such do not allow the data.
    Refuse(String),
}

#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) read: Read,
    /// An item may take no bytes.
    pub(crate) may_be_empty: bool,
}

#[derive(Debug)]
pub(crate) struct EntriesRead {
    pub(crate) key: Read,
    pub(crate) value: Read,
    pub(crate) key_first: bool,
    pub(crate) may_be_empty: bool,
}

#[derive(Debug)]
pub(crate) struct MemberRead {
    pub(crate) schema: SchemaRef,
    pub(crate) field: usize,
    pub(crate) read: Read,
}

#[derive(Debug)]
pub(crate) struct RecordRead {
    pub(crate) schema: SchemaRef,
    pub(crate) steps: Vec<FieldStep>,
    /// Values of fields that the writer does not know.
    pub(crate) defaults: Vec<(usize, Value)>,
    /// The steps fill the fields one after the other, all of them.
    pub(crate) straight: bool,
}

#[derive(Debug)]
pub(crate) enum FieldStep {
    Read(usize, Read),
    Skip(Skip),
}

/// How data that nobody wants is passed over.
#[derive(Clone, Debug)]
pub(crate) enum Skip {
    Nothing,
    Varint,
    Fixed(usize),
    Bytes,
    Array(Box<Skip>),
    Map(Box<Skip>),
    Union(Vec<Skip>),
    Record(usize),
}

type Outcome = Result<Value, Fault>;

impl AvroReader {
    /// Reads the datum that begins at `start`; bytes after it are ignored.
    pub(crate) fn read(&self, payload: &Bytes, start: usize) -> Result<SchemaAndValue, Fault> {
        let mut cursor = Cursor::new(payload, start);
        let value = if self.raw {
            let rest = cursor.rest();
            match self.root {
                Read::Decimal(scale) => decimal_of(&rest, scale)?,
                Read::BytesAsText => Value::String(lossy_text(rest)),
                _ => Value::Bytes(rest),
            }
        } else {
            self.value(&self.root, &mut cursor, 0)?
        };
        if value.is_null() && self.schema.is_some() {
            let text = "The Avro datum is null, which is neither a tombstone nor a value";
            return Err(Fault::Value(Error::new(ErrorKind::NullPointer, text)));
        }
        Ok(SchemaAndValue {
            schema: self.schema.clone(),
            value,
        })
    }

    fn value(&self, read: &Read, cursor: &mut Cursor<'_>, depth: usize) -> Outcome {
        let mut value = Value::Null;
        self.fill(&mut value, read, cursor, depth)?;
        Ok(value)
    }

    /// Reads into a place that holds null. Values are made where they stay: handing them up through results costs more than
    /// reading them.
    fn fill(&self, slot: &mut Value, read: &Read, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Fault> {
        match read {
            Read::Null => {}
            Read::Boolean => *slot = Value::Boolean(cursor.byte()? == 1),
            Read::Int(Number::Int32) => *slot = Value::Int32(cursor.int()?),
            Read::Long(Number::Int64) => *slot = Value::Int64(cursor.long()?),
            Read::Long(Number::Timestamp) => *slot = Value::Date(cursor.long()?),
            Read::Int(number) => *slot = integer(i64::from(cursor.int()?), *number)?,
            Read::Long(number) => *slot = integer(cursor.long()?, *number)?,
            Read::Float(Number::Float64) => *slot = Value::Float64(f64::from(cursor.float()?)),
            Read::Float(_) => *slot = Value::Float32(cursor.float()?),
            Read::Double => *slot = Value::Float64(cursor.double()?),
            Read::Text | Read::BytesAsText => *slot = Value::String(cursor.text()?),
            Read::Bytes => *slot = Value::Bytes(cursor.bytes()?),
            Read::Record(index) => *slot = self.record(*index, cursor, depth)?,
            Read::Nullable { null_index, inner } => match cursor.long()? {
                index if index == *null_index => {}
                0 | 1 => self.fill(slot, inner, cursor, depth)?,
                index => return Err(wire(format!("Union index {index} is out of range"))),
            },
            other => *slot = self.rare(other, cursor, depth)?,
        }
        Ok(())
    }

    fn record(&self, index: usize, cursor: &mut Cursor<'_>, depth: usize) -> Outcome {
        if depth > MAX_DEPTH {
            return Err(wire(format!("Records are nested deeper than {MAX_DEPTH} levels")));
        }
        let record = &self.records[index];
        let mut values = Vec::new();
        values.resize_with(record.schema.fields().len(), || Value::Null);
        if record.straight {
            for (step, slot) in record.steps.iter().zip(&mut values) {
                if let FieldStep::Read(_, read) = step {
                    self.fill(slot, read, cursor, depth + 1)?;
                }
            }
            return Ok(Value::Struct(Struct::new(record.schema.clone(), values)));
        }
        for step in &record.steps {
            match step {
                FieldStep::Read(field, read) => self.fill(&mut values[*field], read, cursor, depth + 1)?,
                FieldStep::Skip(skip) => self.skip(skip, cursor, depth + 1)?,
            }
        }
        for (field, default) in &record.defaults {
            values[*field] = default.clone();
        }
        Ok(Value::Struct(Struct::new(record.schema.clone(), values)))
    }

    fn rare(&self, read: &Read, cursor: &mut Cursor<'_>, depth: usize) -> Outcome {
        Ok(match read {
            Read::Decimal(scale) => decimal_of(&cursor.bytes()?, *scale)?,
            Read::Fixed(size) => Value::Bytes(cursor.take(*size)?),
            Read::Enum(symbols) => {
                let index = cursor.int()?;
                let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
                match symbol {
                    Some(Ok(symbol)) => Value::String(symbol.clone()),
                    Some(Err(reason)) => return Err(wire(reason.as_str())),
                    None => return Err(wire(format!("Enum index {index} is out of range"))),
                }
            }
            Read::Array(items) => {
                let mut values = Vec::new();
                each_item(cursor, items.may_be_empty, |cursor| {
                    values.push(self.value(&items.read, cursor, depth)?);
                    Ok(())
                })?;
                Value::Array(values)
            }
            Read::Map(items) => {
                let mut entries = Vec::new();
                each_item(cursor, false, |cursor| {
                    let key = Value::String(cursor.text()?);
                    put_entry(&mut entries, key, self.value(&items.read, cursor, depth)?);
                    Ok(())
                })?;
                Value::Map(entries)
            }
            Read::Entries(plan) => {
                let mut entries = Vec::new();
                each_item(cursor, plan.may_be_empty, |cursor| {
                    let (key, value);
                    if plan.key_first {
                        key = self.value(&plan.key, cursor, depth)?;
                        value = self.value(&plan.value, cursor, depth)?;
                    } else {
                        value = self.value(&plan.value, cursor, depth)?;
                        key = self.value(&plan.key, cursor, depth)?;
                    }
                    put_entry(&mut entries, key, value);
                    Ok(())
                })?;
                Value::Map(entries)
            }
            Read::Union(members) => {
                let index = cursor.long()?;
                let member = usize::try_from(index).ok().and_then(|index| members.get(index));
                let member = member.ok_or_else(|| wire(format!("Union index {index} is out of range")))?;
                return self.value(member, cursor, depth);
            }
            Read::Member(member) => {
                let value = self.value(&member.read, cursor, depth)?;
                let mut values = vec![Value::Null; member.schema.fields().len()];
                values[member.field] = value;
                Value::Struct(Struct::new(member.schema.clone(), values))
            }
            Read::Logical(wrapped) => {
                let (read, logical) = wrapped.as_ref();
                let value = self.value(read, cursor, depth)?;
                to_logical(logical.kind, logical.scale, value)?
            }
            Read::Anything => anything(cursor, depth)?,
            Read::Fail(reason) => return Err(wire(reason.as_str())),
            Read::Refuse(reason) => return Err(Fault::Value(Error::data(reason.as_str()))),
            simple => return Err(wire(format!("No way to read {simple:?}"))),
        })
    }

    fn skip(&self, skip: &Skip, cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Fault> {
        match skip {
            Skip::Nothing => Ok(()),
            Skip::Varint => cursor.long().map(|_| ()),
            Skip::Fixed(size) => cursor.skip(*size),
            Skip::Bytes => {
                let length = cursor.length()?;
                cursor.skip(length)
            }
            Skip::Array(item) => each_item(cursor, true, |cursor| self.skip(item, cursor, depth)),
            Skip::Map(item) => each_item(cursor, false, |cursor| {
                let length = cursor.length()?;
                cursor.skip(length)?;
                self.skip(item, cursor, depth)
            }),
            Skip::Union(members) => {
                let index = cursor.long()?;
                let member = usize::try_from(index).ok().and_then(|index| members.get(index));
                let member = member.ok_or_else(|| wire(format!("Union index {index} is out of range")))?;
                self.skip(member, cursor, depth)
            }
            Skip::Record(_) if depth > MAX_DEPTH => Err(wire("Records are nested too deep")),
            Skip::Record(index) => self.skips[*index]
                .iter()
                .try_for_each(|field| self.skip(field, cursor, depth + 1)),
        }
    }
}

#[inline]
fn integer(value: i64, number: Number) -> Outcome {
    Ok(match number {
        Number::Int32 => Value::Int32(value as i32),
        Number::Int64 => Value::Int64(value),
        Number::Timestamp => Value::Date(value),
        Number::Date => Value::Date(value * MILLIS_PER_DAY),
        Number::Time => time(value as i32)?,
        Number::Int8 => Value::Int8(value as i8),
        Number::Int16 => Value::Int16(value as i16),
        Number::Float32 => Value::Float32(value as f32),
        Number::Float64 => Value::Float64(value as f64),
    })
}

/// Entries of one key: the last one counts.
fn put_entry(entries: &mut Vec<(Value, Value)>, key: Value, value: Value) {
    const CHECKED: usize = 64;
    let known = entries.iter_mut().take(CHECKED).find(|(known, _)| *known == key);
    match known {
        Some(entry) => entry.1 = value,
        None => entries.push((key, value)),
    }
}

fn each_item<'a>(
    cursor: &mut Cursor<'a>,
    may_be_empty: bool,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut empty_items = 0usize;
    loop {
        let count = cursor.block()?;
        if count == 0 {
            return Ok(());
        }
        if !may_be_empty && count > cursor.remaining() as u64 {
            return Err(wire(format!(
                "A block of {count} items exceeds the {} bytes left",
                cursor.remaining()
            )));
        }
        for _ in 0..count {
            let before = cursor.remaining();
            item(cursor)?;
            if cursor.remaining() == before {
                empty_items += 1;
                if empty_items > MAX_EMPTY_ITEMS {
                    return Err(wire(format!("More than {MAX_EMPTY_ITEMS} items without content")));
                }
            }
        }
    }
}

/// The record that holds a value of any type: nine optional fields, of which the first that is set counts.
fn anything(cursor: &mut Cursor<'_>, depth: usize) -> Outcome {
    if depth > MAX_DEPTH {
        return Err(wire(format!("Values are nested deeper than {MAX_DEPTH} levels")));
    }
    let mut found = Value::Null;
    for field in 0..9 {
        match cursor.long()? {
            0 => continue,
            1 => {}
            index => return Err(wire(format!("Union index {index} is out of range"))),
        }
        let value = match field {
            0 => Value::Boolean(cursor.byte()? == 1),
            1 => Value::Bytes(cursor.bytes()?),
            2 => Value::Float64(cursor.double()?),
            3 => Value::Float32(cursor.float()?),
            4 => Value::Int32(cursor.int()?),
            5 => Value::Int64(cursor.long()?),
            6 => Value::String(cursor.text()?),
            7 => {
                let mut items = Vec::new();
                each_item(cursor, false, |cursor| {
                    items.push(anything(cursor, depth + 1)?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            _ => {
                let mut entries = Vec::new();
                each_item(cursor, false, |cursor| {
                    let key = anything(cursor, depth + 1)?;
                    put_entry(&mut entries, key, anything(cursor, depth + 1)?);
                    Ok(())
                })?;
                Value::Map(entries)
            }
        };
        if found.is_null() {
            found = value;
        }
    }
    Ok(found)
}

impl Read {
    /// The number that storage of this logical type becomes, if it has the usual storage.
    pub(crate) fn logical_number(logical: Logical) -> Option<Number> {
        match logical {
            Logical::Date => Some(Number::Date),
            Logical::Time => Some(Number::Time),
            Logical::Timestamp => Some(Number::Timestamp),
            Logical::Decimal => None,
        }
    }
}

/// Shared, because the converters of a task's topics may read the same schema.
pub(crate) type SharedReader = Arc<AvroReader>;
