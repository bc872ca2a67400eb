//! Runs a compiled writer ([`super::compile_writer`]): Connect values straight to Avro bytes, appended to the caller's
//! buffer. Per field: one comparison of the value's class, then its bytes.

use super::cursor::{Fault, put_bytes, put_long, wire};
use super::logical::{check_scale, days, time_of_day, wrong_class};
use bytes::Bytes;
use turnbuckle_api::data::{Logical, SchemaRef, Struct, Type, same_schema};
use turnbuckle_api::{Error, Text, Value};

/// Values nested deeper than this are refused.
const MAX_DEPTH: usize = 256;

/// A writer for one Connect schema and one Avro schema.
#[derive(Debug)]
pub(crate) struct AvroWriter {
    pub(crate) root: Slot,
    pub(crate) records: Vec<RecordWrite>,
    /// A bytes schema at the top is written without a length.
    pub(crate) raw: bool,
    /// Null fields stay null even if they have a default.
    pub(crate) ignore_default: bool,
}

/// A place for a value: what null means there, and how anything else is written.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) nulls: Nulls,
    /// The union's member before each value, if the place is a union.
    pub(crate) branch: Option<i64>,
    pub(crate) write: Write,
    /// The field's default, which replaces null.
    pub(crate) default: Option<Value>,
}

#[derive(Debug)]
pub(crate) enum Nulls {
    /// Connect's schema does not allow it.
    Required,
    /// This member of the union.
    Branch(i64),
    /// The place holds nothing but null, and takes no bytes.
    Empty,
    /// Connect's schema allows it, the Avro type does not.
    NoPlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Integer,
    Float,
    Double,
    /// An integer of 32 bits for a number that may have more.
    Narrow,
}

#[derive(Debug)]
pub(crate) enum Write {
    Boolean,
    Number(Type, Wire),
    Text,
    Bytes,
    Fixed(usize),
    Enum(Box<[Text]>),
    Decimal {
        scale: i32,
    },
    Date(Wire),
    Time(Wire),
    Timestamp(Wire),
    Array(Box<Slot>),
    Map(Box<Slot>),
    Entries(Box<[Slot; 2]>),
    Record(usize),
    Union(Box<UnionWrite>),
    Anything,
    /// Right for Connect, but nothing the Avro type has a place for.
    Misfit {
        kind: Type,
        logical: Option<Logical>,
        scale: i32,
        reason: String,
    },
}

#[derive(Debug)]
pub(crate) struct UnionWrite {
    pub(crate) schema: SchemaRef,
    /// One per field of the struct.
    pub(crate) members: Vec<Slot>,
    pub(crate) optional: bool,
    pub(crate) null: Nulls,
}

#[derive(Debug)]
pub(crate) struct RecordWrite {
    pub(crate) schema: SchemaRef,
    pub(crate) fields: Vec<Slot>,
    /// The Avro record has this many fields more than Connect's struct.
    pub(crate) missing: usize,
    /// Fields of the struct beyond those of the Avro record: they are checked, not written.
    pub(crate) written: usize,
}

impl AvroWriter {
    /// Appends the datum. False if there is nothing to write: a struct that stands for a union and has no member set.
    pub(crate) fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<bool, Fault> {
        if let (Write::Union(union), Value::Struct(structure)) = (&self.root.write, value)
            && union.optional
            && self.is_unset(structure)
        {
            return Ok(false);
        }
        match (self.raw, &self.root.write, value) {
            (true, Write::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            (true, Write::Decimal { scale }, Value::Decimal(decimal)) => {
                check_scale(*scale, decimal)?;
                decimal.write_unscaled_be(out);
            }
            _ => self.slot(&self.root, value, out, 0)?,
        }
        Ok(true)
    }

    fn is_unset(&self, structure: &Struct) -> bool {
        (0..structure.values().len()).all(|index| match self.ignore_default {
            true => structure.values()[index].is_null(),
            false => structure.get_at(index).is_null(),
        })
    }

    #[inline]
    fn slot(&self, slot: &Slot, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        if value.is_null() {
            return self.null(slot, out);
        }
        if let Some(branch) = slot.branch {
            put_long(out, branch);
        }
        match (&slot.write, value) {
            (Write::Number(Type::Int32, Wire::Integer), Value::Int32(value)) => put_long(out, i64::from(*value)),
            (Write::Number(Type::Int64, Wire::Integer), Value::Int64(value)) => put_long(out, *value),
            (Write::Number(Type::Float64, Wire::Double), Value::Float64(value)) => {
                out.extend_from_slice(&value.to_le_bytes());
            }
            (Write::Number(Type::Float32, Wire::Float), Value::Float32(value)) => {
                out.extend_from_slice(&value.to_le_bytes());
            }
            (Write::Text, Value::String(text)) => put_bytes(out, text.as_bytes()),
            (Write::Boolean, Value::Boolean(value)) => out.push(u8::from(*value)),
            (Write::Timestamp(Wire::Integer), Value::Date(millis)) => put_long(out, *millis),
            (Write::Record(index), Value::Struct(structure)) => self.record(*index, structure, out, depth)?,
            (write, value) => self.rare(write, value, out, depth)?,
        }
        Ok(())
    }

    #[cold]
    fn null(&self, slot: &Slot, out: &mut Vec<u8>) -> Result<(), Fault> {
        match slot.nulls {
            Nulls::Required => {
                return Err(Error::data("Found null value for non-optional schema").into());
            }
            Nulls::Branch(index) => put_long(out, index),
            Nulls::Empty => {}
            Nulls::NoPlace if matches!(slot.write, Write::Anything) => out.extend_from_slice(&[0; 9]),
            Nulls::NoPlace => return Err(wire("null of an optional field has no place in the Avro type")),
        }
        Ok(())
    }

    fn record(&self, index: usize, structure: &Struct, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        let record = &self.records[index];
        check_struct(structure, &record.schema)?;
        if depth > MAX_DEPTH {
            return Err(wire(format!("Structs are nested deeper than {MAX_DEPTH} levels")));
        }
        for (index, (slot, value)) in record.fields.iter().zip(structure.values()).enumerate() {
            if index == record.written {
                break;
            }
            match &slot.default {
                Some(default) if value.is_null() && !self.ignore_default => {
                    self.slot(slot, default, out, depth + 1)?;
                }
                _ => self.slot(slot, value, out, depth + 1)?,
            }
        }
        let end = out.len();
        for (slot, value) in record.fields.iter().zip(structure.values()).skip(record.written) {
            let value = match &slot.default {
                Some(default) if value.is_null() && !self.ignore_default => default,
                _ => value,
            };
            self.slot(slot, value, out, depth + 1)?;
        }
        out.truncate(end);
        if record.missing > 0 {
            return Err(wire(format!(
                "The Avro record has {} fields that the data lacks",
                record.missing
            )));
        }
        Ok(())
    }

    fn rare(&self, write: &Write, value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        match (write, value) {
            (Write::Number(kind, wire), value) => put_number(*kind, *wire, value, out)?,
            (Write::Bytes, Value::Bytes(bytes)) => put_bytes(out, bytes),
            (Write::Fixed(size), Value::Bytes(bytes)) => put_fixed(*size, bytes, out)?,
            (Write::Enum(symbols), Value::String(text)) => {
                let index = symbols.iter().position(|symbol| symbol == text);
                let index = index.ok_or_else(|| wire(format!("{text} is not a symbol of the enum")))?;
                put_long(out, index as i64);
            }
            (Write::Decimal { scale }, Value::Decimal(decimal)) => {
                check_scale(*scale, decimal)?;
                let mut bytes = Vec::with_capacity(16);
                decimal.write_unscaled_be(&mut bytes);
                put_bytes(out, &bytes);
            }
            (Write::Date(wire), Value::Date(millis)) => put_integer(i64::from(days(*millis)?), *wire, out),
            (Write::Time(wire), Value::Date(millis)) => put_integer(i64::from(time_of_day(*millis)?), *wire, out),
            (Write::Timestamp(wire), Value::Date(millis)) => put_integer(*millis, *wire, out),
            (Write::Array(slot), Value::Array(items)) => {
                put_count(items.len(), out);
                for item in items {
                    self.slot(slot, item, out, depth)?;
                }
                out.push(0);
            }
            (Write::Map(slot), Value::Map(entries)) => {
                put_count(entries.len(), out);
                for (key, value) in entries {
                    match key {
                        Value::String(key) => put_bytes(out, key.as_bytes()),
                        Value::Null => return Err(wire("a map's key is null")),
                        other => return Err(wrong_type(Type::Map, other)),
                    }
                    self.slot(slot, value, out, depth)?;
                }
                out.push(0);
            }
            (Write::Entries(slots), Value::Map(entries)) => {
                let [key_slot, value_slot] = slots.as_ref();
                put_count(entries.len(), out);
                for (key, value) in entries {
                    self.slot(key_slot, key, out, depth)?;
                    self.slot(value_slot, value, out, depth)?;
                }
                out.push(0);
            }
            (Write::Union(union), Value::Struct(structure)) => self.union(union, structure, out, depth)?,
            (Write::Anything, value) => put_anything(value, out, depth)?,
            (
                Write::Misfit {
                    kind,
                    logical,
                    scale,
                    reason,
                },
                value,
            ) => {
                check_class(*kind, *logical, *scale, value)?;
                return Err(wire(reason.as_str()));
            }
            (write, value) => return Err(misplaced(write, value)),
        }
        Ok(())
    }

    fn union(&self, union: &UnionWrite, structure: &Struct, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
        check_struct(structure, &union.schema)?;
        for (index, slot) in union.members.iter().enumerate() {
            let value = match self.ignore_default {
                true => &structure.values()[index],
                false => structure.get_at(index),
            };
            if !value.is_null() {
                return self.slot(slot, value, out, depth);
            }
        }
        match union.null {
            _ if !union.optional => Err(Error::data("Found null value for non-optional schema").into()),
            Nulls::Branch(index) => {
                put_long(out, index);
                Ok(())
            }
            _ => Err(wire("The union has no place for null")),
        }
    }
}

/// A struct must have the schema that was announced. By pointer nearly always.
#[inline]
fn check_struct(structure: &Struct, expected: &SchemaRef) -> Result<(), Fault> {
    if same_schema(structure.schema(), expected) || same_but_default(structure.schema(), expected) {
        return Ok(());
    }
    Err(Error::data("Mismatching struct schema").into())
}

/// A default's own schema can't contain the default.
#[cold]
fn same_but_default(given: &SchemaRef, expected: &SchemaRef) -> bool {
    expected.default_value().is_some() && *expected.to_builder().without_default().finish() == **given
}

#[cold]
fn wrong_type(kind: Type, value: &Value) -> Fault {
    Error::data(format!("Invalid type for {kind}: class {}", value.java_class())).into()
}

#[cold]
fn misplaced(write: &Write, value: &Value) -> Fault {
    let kind = match write {
        Write::Boolean => Type::Boolean,
        Write::Number(kind, _) | Write::Misfit { kind, .. } => *kind,
        Write::Text | Write::Enum(_) => Type::String,
        Write::Bytes | Write::Fixed(_) => Type::Bytes,
        Write::Decimal { .. } => return wrong_class(Logical::Decimal, value).into(),
        Write::Date(_) => return wrong_class(Logical::Date, value).into(),
        Write::Time(_) => return wrong_class(Logical::Time, value).into(),
        Write::Timestamp(_) => return wrong_class(Logical::Timestamp, value).into(),
        Write::Array(_) => Type::Array,
        Write::Map(_) | Write::Entries(_) => Type::Map,
        Write::Record(_) | Write::Union(_) | Write::Anything => Type::Struct,
    };
    wrong_type(kind, value)
}

fn check_class(kind: Type, logical: Option<Logical>, scale: i32, value: &Value) -> Result<(), Fault> {
    match (logical, value) {
        (Some(Logical::Decimal), Value::Decimal(decimal)) => return Ok(check_scale(scale, decimal)?),
        (Some(Logical::Date), Value::Date(millis)) => return Ok(days(*millis).map(|_| ())?),
        (Some(Logical::Time), Value::Date(millis)) => return Ok(time_of_day(*millis).map(|_| ())?),
        (Some(Logical::Timestamp), Value::Date(_)) => return Ok(()),
        (Some(logical), other) => return Err(wrong_class(logical, other).into()),
        (None, _) => {}
    }
    let fits = match value {
        Value::Null => true,
        Value::Boolean(_) => kind == Type::Boolean,
        Value::Int8(_) => kind == Type::Int8,
        Value::Int16(_) => kind == Type::Int16,
        Value::Int32(_) => kind == Type::Int32,
        Value::Int64(_) => kind == Type::Int64,
        Value::Float32(_) => kind == Type::Float32,
        Value::Float64(_) => kind == Type::Float64,
        Value::String(_) => kind == Type::String,
        Value::Bytes(_) => kind == Type::Bytes,
        Value::Array(_) => kind == Type::Array,
        Value::Map(_) => kind == Type::Map,
        Value::Struct(_) => kind == Type::Struct,
        Value::Decimal(_) | Value::Date(_) => false,
    };
    if fits { Ok(()) } else { Err(wrong_type(kind, value)) }
}

fn put_number(kind: Type, wire: Wire, value: &Value, out: &mut Vec<u8>) -> Result<(), Fault> {
    match (kind, value) {
        (Type::Int8, Value::Int8(value)) => put_integer(i64::from(*value), wire, out),
        (Type::Int16, Value::Int16(value)) => put_integer(i64::from(*value), wire, out),
        (Type::Int32, Value::Int32(value)) => put_integer(i64::from(*value), wire, out),
        (Type::Int64, Value::Int64(value)) => put_integer(*value, wire, out),
        (Type::Float32, Value::Float32(value)) => put_float(f64::from(*value), wire, out),
        (Type::Float64, Value::Float64(value)) => put_float(*value, wire, out),
        (kind, value) => return Err(wrong_type(kind, value)),
    }
    Ok(())
}

fn put_integer(value: i64, wire: Wire, out: &mut Vec<u8>) {
    match wire {
        Wire::Integer => put_long(out, value),
        Wire::Narrow => put_long(out, i64::from(value as i32)),
        Wire::Float => out.extend_from_slice(&(value as f32).to_le_bytes()),
        Wire::Double => out.extend_from_slice(&(value as f64).to_le_bytes()),
    }
}

fn put_float(value: f64, wire: Wire, out: &mut Vec<u8>) {
    match wire {
        Wire::Integer => put_long(out, value as i64),
        Wire::Narrow => put_long(out, i64::from(value as i32)),
        Wire::Float => out.extend_from_slice(&(value as f32).to_le_bytes()),
        Wire::Double => out.extend_from_slice(&value.to_le_bytes()),
    }
}

fn put_fixed(size: usize, bytes: &Bytes, out: &mut Vec<u8>) -> Result<(), Fault> {
    if bytes.len() != size {
        return Err(wire(format!(
            "{} bytes do not fill a fixed type of {size}",
            bytes.len()
        )));
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Items are written as one block and the zero that ends them; where there are none, as the zero alone.
fn put_count(items: usize, out: &mut Vec<u8>) {
    if items > 0 {
        put_long(out, items as i64);
    }
}

/// Schemaless data: a record of nine optional fields, of which the one of the value's type is set.
fn put_anything(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err(wire(format!("Values are nested deeper than {MAX_DEPTH} levels")));
    }
    let field = match value {
        Value::Null => {
            out.extend_from_slice(&[0; 9]);
            return Ok(());
        }
        Value::Boolean(_) => 0,
        Value::Float64(_) => 2,
        Value::Float32(_) => 3,
        Value::Int8(_) | Value::Int16(_) | Value::Int32(_) => 4,
        Value::Int64(_) => 5,
        Value::String(_) => 6,
        Value::Array(_) => 7,
        Value::Map(_) => 8,
        other => {
            let text = format!("Unknown Java type for schemaless data: class {}", other.java_class());
            return Err(Error::data(text).into());
        }
    };
    out.extend_from_slice(&[0; 8][..field]);
    put_long(out, 1);
    match value {
        Value::Boolean(value) => out.push(u8::from(*value)),
        Value::Float64(value) => out.extend_from_slice(&value.to_le_bytes()),
        Value::Float32(value) => out.extend_from_slice(&value.to_le_bytes()),
        Value::Int8(value) => put_long(out, i64::from(*value)),
        Value::Int16(value) => put_long(out, i64::from(*value)),
        Value::Int32(value) => put_long(out, i64::from(*value)),
        Value::Int64(value) => put_long(out, *value),
        Value::String(text) => put_bytes(out, text.as_bytes()),
        Value::Array(items) => {
            put_count(items.len(), out);
            for item in items {
                put_anything(item, out, depth + 1)?;
            }
            out.push(0);
        }
        Value::Map(entries) => {
            put_count(entries.len(), out);
            for (key, value) in entries {
                put_anything(key, out, depth + 1)?;
                put_anything(value, out, depth + 1)?;
            }
            out.push(0);
        }
        _ => {}
    }
    out.extend_from_slice(&[0; 8][..8 - field]);
    Ok(())
}
