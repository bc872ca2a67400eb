//! Values by schema: a schema is compiled to a [`Node`] once, by which a [`Reader`] takes values straight from the text.
//!
//! What upstream does on a tree in the order of the schema, this does in the order of the text. That is the same unless
//! something is wrong or a member's name repeats; then a [`Reader::exact`] goes by the schema's order, slowly.

use super::base64;
use super::number;
use super::scan::{Fault, Kind, Scanned, Scanner};
use super::schema_read::OnNull;
use crate::entries::Entries;
use bytes::Bytes;
use std::collections::HashMap;
use turnbuckle_api::data::{Logical, validate_field};
use turnbuckle_api::{Decimal, Error, SchemaRef, Struct, Text, Type, Value};

const MILLIS_PER_DAY: i64 = 86_400_000;

/// A compiled schema.
pub(super) struct Node {
    schema: SchemaRef,
    plan: Plan,
    on_null: OnNull,
}

enum Plan {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    /// None if the schema's scale is missing or bad; numbers can be read all the same.
    Decimal(Option<i32>),
    Date,
    Time,
    Timestamp,
    Array(Box<Node>),
    /// String keys: an object.
    Object(Box<Node>),
    /// Other keys: an array of pairs.
    Pairs(Box<Node>, Box<Node>),
    Struct(StructPlan),
}

struct StructPlan {
    fields: Box<[(Text, Node)]>,
    /// Position of each field in structs too wide for a search one by one.
    index: HashMap<Text, usize>,
}

/// Up to this many fields are searched one by one.
const NARROW: usize = 16;

impl StructPlan {
    /// Position of a field; `expected` is tried first, because members mostly come in the schema's order.
    fn find(&self, name: &[u8], expected: usize) -> Option<usize> {
        let is = |field: &(Text, Node)| field.0.as_bytes().as_ref() == name;
        if self.fields.get(expected).is_some_and(is) {
            return Some(expected);
        }
        if self.index.is_empty() {
            return self.fields.iter().position(is);
        }
        self.index.get(std::str::from_utf8(name).ok()?).copied()
    }
}

impl Node {
    /// Compiles a schema. With `replace_null` a null becomes the schema's default.
    pub(super) fn compile(schema: &SchemaRef, replace_null: bool) -> Node {
        Node {
            schema: schema.clone(),
            plan: Plan::compile(schema, replace_null),
            on_null: OnNull::of(schema, replace_null),
        }
    }

    fn null(&self) -> Scanned<Value> {
        match &self.on_null {
            OnNull::Null => Ok(Value::Null),
            OnNull::Default(value) => Ok(value.clone()),
            OnNull::Refuse => {
                let text = format!("Invalid null value for required {} field", self.schema.kind());
                Err(Fault::Data(Error::data(text)))
            }
        }
    }
}

impl Plan {
    fn compile(schema: &SchemaRef, replace_null: bool) -> Plan {
        // The name alone decides, whatever the base type.
        match schema.logical() {
            Some(Logical::Decimal) => {
                let scale = schema.parameter("scale").and_then(|scale| scale.parse().ok());
                return Plan::Decimal(scale);
            }
            Some(Logical::Date) => return Plan::Date,
            Some(Logical::Time) => return Plan::Time,
            Some(Logical::Timestamp) => return Plan::Timestamp,
            None => {}
        }
        let inner = |inner: Option<&SchemaRef>| inner.map(|inner| Box::new(Node::compile(inner, replace_null)));
        match schema.kind() {
            Type::Boolean => Plan::Boolean,
            Type::Int8 => Plan::Int8,
            Type::Int16 => Plan::Int16,
            Type::Int32 => Plan::Int32,
            Type::Int64 => Plan::Int64,
            Type::Float32 => Plan::Float32,
            Type::Float64 => Plan::Float64,
            Type::String => Plan::String,
            Type::Bytes => Plan::Bytes,
            // Schemas read from JSON always say what they hold.
            Type::Array => inner(schema.items()).map_or(Plan::String, Plan::Array),
            Type::Map => match (inner(schema.keys()), inner(schema.values())) {
                (Some(keys), Some(values)) if keys.schema.kind() != Type::String => Plan::Pairs(keys, values),
                (_, Some(values)) => Plan::Object(values),
                (_, None) => Plan::String,
            },
            Type::Struct => Plan::Struct(struct_plan(schema, replace_null)),
        }
    }
}

fn struct_plan(schema: &SchemaRef, replace_null: bool) -> StructPlan {
    let fields = schema.fields().iter();
    let fields: Box<[(Text, Node)]> = fields
        .map(|field| (field.name.clone(), Node::compile(&field.schema, replace_null)))
        .collect();
    let names = fields.iter().enumerate().map(|(at, field)| (field.0.clone(), at));
    let index = if fields.len() > NARROW {
        names.collect()
    } else {
        HashMap::new()
    };
    StructPlan { fields, index }
}

fn refuse<T>(message: impl Into<String>) -> Scanned<T> {
    Err(Fault::Data(Error::data(message)))
}

/// Which fields have been read.
#[derive(Default)]
struct Seen {
    first: u64,
    others: Vec<bool>,
}

impl Seen {
    fn insert(&mut self, at: usize) {
        match at {
            0..64 => self.first |= 1 << at,
            _ => {
                if self.others.len() <= at {
                    self.others.resize(at + 1, false);
                }
                self.others[at] = true;
            }
        }
    }

    fn contains(&self, at: usize) -> bool {
        match at {
            0..64 => self.first >> at & 1 == 1,
            _ => self.others.get(at).copied().unwrap_or(false),
        }
    }
}

/// Reads values by compiled schemas.
pub(super) struct Reader {
    exact: bool,
    /// Text was wanted and something else was there, which gives null even where null is not allowed; structs check.
    found_no_text: bool,
}

impl Reader {
    /// For the usual case. A `Data` fault of it may not be the one to report: ask [`Reader::exact`].
    pub(super) fn fast() -> Reader {
        Reader {
            exact: false,
            found_no_text: false,
        }
    }

    /// Goes by the schema's order. The text must have been scanned before.
    pub(super) fn exact() -> Reader {
        Reader {
            exact: true,
            found_no_text: false,
        }
    }

    /// Reads the value at the cursor.
    pub(super) fn value(&mut self, node: &Node, scanner: &mut Scanner<'_>) -> Scanned<Value> {
        let kind = scanner.kind()?;
        if kind == Kind::Null {
            scanner.null()?;
            return node.null();
        }
        Ok(match &node.plan {
            Plan::Boolean => Value::Boolean(match kind {
                Kind::Boolean => scanner.boolean()?,
                _ => scanner.skip().map(|()| false)?,
            }),
            Plan::Int8 => Value::Int8(integer(scanner, kind)? as i8),
            Plan::Int16 => Value::Int16(integer(scanner, kind)? as i16),
            Plan::Int32 => Value::Int32(integer(scanner, kind)? as i32),
            Plan::Int64 => Value::Int64(integer(scanner, kind)?),
            Plan::Float32 => Value::Float32(match kind {
                Kind::Number => number::to_f32(scanner.number()?),
                _ => scanner.skip().map(|()| 0.0)?,
            }),
            Plan::Float64 => Value::Float64(match kind {
                Kind::Number => number::to_f64(scanner.number()?),
                _ => scanner.skip().map(|()| 0.0)?,
            }),
            Plan::String => self.text(scanner, kind)?.map_or(Value::Null, Value::String),
            Plan::Bytes => match self.text(scanner, kind)? {
                None => Value::Null,
                Some(text) => match base64::decode(&text) {
                    Some(bytes) => Value::Bytes(Bytes::from(bytes)),
                    None => return refuse("Invalid bytes field"),
                },
            },
            Plan::Decimal(scale) => Value::Decimal(decimal(scanner, kind, *scale)?),
            Plan::Date => Value::Date(i64::from(int_of("Date", scanner, kind)?) * MILLIS_PER_DAY),
            Plan::Time => {
                let millis = i64::from(int_of("Time", scanner, kind)?);
                if !(0..=MILLIS_PER_DAY).contains(&millis) {
                    return refuse("Time values must use number of milliseconds greater than 0 and less than 86400000");
                }
                Value::Date(millis)
            }
            Plan::Timestamp => Value::Date(timestamp(scanner, kind)?),
            Plan::Array(items) => Value::Array(self.array(items, scanner, kind)?),
            Plan::Object(values) => Value::Map(self.object(values, scanner, kind)?),
            Plan::Pairs(keys, values) => Value::Map(self.pairs(keys, values, scanner, kind)?),
            Plan::Struct(_) if kind != Kind::Object => {
                let found = kind.name();
                return refuse(format!("Structs should be encoded as JSON objects, but found {found}"));
            }
            Plan::Struct(plan) if self.exact => self.structure_exactly(plan, &node.schema, scanner)?,
            Plan::Struct(plan) => self.structure(plan, &node.schema, scanner)?,
        })
    }

    fn text(&mut self, scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<Option<Text>> {
        if kind != Kind::String {
            self.found_no_text = true;
            scanner.skip()?;
            return Ok(None);
        }
        let string = scanner.string()?;
        Ok(Some(scanner.text_of(string)))
    }

    /// An object gives the list of its values, anything but containers an empty list.
    fn array(&mut self, items: &Node, scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<Vec<Value>> {
        let mut list = Vec::new();
        match kind {
            Kind::Array => {
                scanner.enter()?;
                while scanner.more(b']', list.is_empty())? {
                    list.push(self.value(items, scanner)?);
                }
            }
            Kind::Object => {
                for (_, place) in scanner.members()? {
                    list.push(self.value(items, &mut Scanner::at(scanner.payload(), place))?);
                }
            }
            _ => scanner.skip()?,
        }
        Ok(list)
    }

    fn object(&mut self, values: &Node, scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<Vec<(Value, Value)>> {
        if kind != Kind::Object {
            let found = kind.name();
            return refuse(format!(
                "Maps with string fields should be encoded as JSON objects, but found {found}"
            ));
        }
        if self.exact {
            let mut list = Vec::new();
            for (name, place) in scanner.members()? {
                let value = self.value(values, &mut Scanner::at(scanner.payload(), place))?;
                list.push((Value::String(name), value));
            }
            return Ok(list);
        }
        scanner.enter()?;
        let mut entries = Entries::default();
        let mut first = true;
        while scanner.more(b'}', first)? {
            first = false;
            let name = scanner.name()?;
            let name = Value::String(scanner.text_of(name));
            entries.put(name, self.value(values, scanner)?);
        }
        Ok(entries.into_list())
    }

    fn pairs(
        &mut self,
        keys: &Node,
        values: &Node,
        scanner: &mut Scanner<'_>,
        kind: Kind,
    ) -> Scanned<Vec<(Value, Value)>> {
        if kind != Kind::Array {
            let found = kind.name();
            return refuse(format!(
                "Maps with non-string fields should be encoded as JSON array of tuples, but found {found}"
            ));
        }
        scanner.enter()?;
        let mut entries = Entries::default();
        let mut first = true;
        while scanner.more(b']', first)? {
            first = false;
            let entry = scanner.kind()?;
            if entry != Kind::Array {
                return refuse(format!(
                    "Found invalid map entry instead of array tuple: {}",
                    entry.name()
                ));
            }
            let length = length(&mut scanner.clone())?;
            if length != 2 {
                return refuse(format!(
                    "Found invalid map entry, expected length 2 but found :{length}"
                ));
            }
            scanner.enter()?;
            scanner.more(b']', true)?;
            let key = self.value(keys, scanner)?;
            scanner.more(b']', false)?;
            let value = self.value(values, scanner)?;
            scanner.more(b']', false)?;
            entries.put(key, value);
        }
        Ok(entries.into_list())
    }

    fn structure(&mut self, plan: &StructPlan, schema: &SchemaRef, scanner: &mut Scanner<'_>) -> Scanned<Value> {
        scanner.enter()?;
        let mut values = vec![Value::Null; plan.fields.len()];
        let mut seen = Seen::default();
        let (mut count, mut expected, mut first) = (0, 0, true);
        while scanner.more(b'}', first)? {
            first = false;
            let name = scanner.name()?;
            let Some(at) = plan.find(&scanner.bytes_of(name), expected) else {
                scanner.skip()?;
                continue;
            };
            expected = at + 1;
            values[at] = self.field(plan, at, scanner)?;
            if !seen.contains(at) {
                seen.insert(at);
                count += 1;
            }
        }
        if count < plan.fields.len() {
            for (at, (_, node)) in plan.fields.iter().enumerate() {
                if !seen.contains(at) {
                    values[at] = node.null()?;
                }
            }
        }
        Ok(Value::Struct(Struct::new(schema.clone(), values)))
    }

    fn structure_exactly(
        &mut self,
        plan: &StructPlan,
        schema: &SchemaRef,
        scanner: &mut Scanner<'_>,
    ) -> Scanned<Value> {
        let members: HashMap<Text, _> = scanner.members()?.into_iter().collect();
        let mut values = Vec::with_capacity(plan.fields.len());
        for (at, (name, node)) in plan.fields.iter().enumerate() {
            values.push(match members.get(name) {
                Some(place) => self.field(plan, at, &mut Scanner::at(scanner.payload(), *place))?,
                None => node.null()?,
            });
        }
        Ok(Value::Struct(Struct::new(schema.clone(), values)))
    }

    fn field(&mut self, plan: &StructPlan, at: usize, scanner: &mut Scanner<'_>) -> Scanned<Value> {
        let (name, node) = &plan.fields[at];
        let value = self.value(node, scanner)?;
        if std::mem::take(&mut self.found_no_text) {
            validate_field(name, &node.schema, &value)?;
        }
        Ok(value)
    }
}

/// Number of elements of the array at the cursor.
fn length(scanner: &mut Scanner<'_>) -> Scanned<usize> {
    scanner.enter()?;
    let mut length = 0;
    while scanner.more(b']', length == 0)? {
        scanner.skip()?;
        length += 1;
    }
    Ok(length)
}

/// Low 64 bits of a number; 0 for anything else.
fn integer(scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<i64> {
    if kind == Kind::Number {
        return Ok(number::to_i64(scanner.number()?));
    }
    scanner.skip()?;
    Ok(0)
}

fn decimal(scanner: &mut Scanner<'_>, kind: Kind, scale: Option<i32>) -> Scanned<Decimal> {
    match kind {
        Kind::Number => Ok(number::to_decimal(scanner.number()?)),
        Kind::String => {
            let string = scanner.string()?;
            let bytes = base64::decode(&scanner.text_of(string)).filter(|bytes| !bytes.is_empty());
            match (bytes, scale) {
                (Some(bytes), Some(scale)) => Ok(Decimal::from_unscaled_be(&bytes, scale)),
                _ => refuse("Invalid bytes for Decimal field"),
            }
        }
        other => refuse(format!(
            "Invalid type for Decimal, underlying representation should be numeric or bytes but was {}",
            other.name()
        )),
    }
}

fn int_of(logical: &str, scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<i32> {
    if kind == Kind::Number
        && let Some(value) = number::to_i32_exactly(scanner.number()?)
    {
        return Ok(value);
    }
    refuse(format!(
        "Invalid type for {logical}, underlying representation should be integer but was {}",
        kind.name()
    ))
}

fn timestamp(scanner: &mut Scanner<'_>, kind: Kind) -> Scanned<i64> {
    if kind == Kind::Number {
        let found = scanner.number()?;
        if found.integral {
            return Ok(number::to_i64(found));
        }
    }
    refuse(format!(
        "Invalid type for Timestamp, underlying representation should be integral but was {}",
        kind.name()
    ))
}
