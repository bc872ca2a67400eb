//! Compiles an [`AvroReader`]: the writer's schema says what the bytes are, the reader's (usually the same) what is
//! wanted, the [`Shape`] how Connect's values look. Everything that can be decided without data is decided here.

use super::defaults::from_json;
use super::names::*;
use super::reader::*;
use super::resolve::{Match, choose_member, matches};
use super::schema::{AvroSchema, Kind, NodeId};
use super::to_connect::{LogicalShape, Shape, StructShape, to_connect};
use turnbuckle_api::data::{Logical, Schema, Type};
use turnbuckle_api::{Result, Text, Value};

/// Compiles a reader. `version` is the one that the writer's schema has in its subject.
///
/// # Errors
/// `DataException` if Connect has no schema for the reader's.
pub(crate) fn compile_reader(
    writer: &AvroSchema,
    reader: &AvroSchema,
    version: Option<i32>,
    options: &DataOptions,
) -> Result<AvroReader> {
    if matches!(reader.root_kind(), Kind::Null) {
        return Ok(AvroReader {
            schema: Some(Schema::primitive(Type::String, true)),
            root: Read::Null,
            records: Vec::new(),
            skips: Vec::new(),
            raw: false,
        });
    }
    let (schema, shape) = to_connect(reader, version, options)?;
    let mut compiler = Compiler {
        writer,
        reader,
        records: Vec::new(),
        open: Vec::new(),
        shapes: Vec::new(),
        skips: Vec::new(),
        skipped: Vec::new(),
    };
    let root = compiler.compile(writer.root, reader.root, &shape);
    Ok(AvroReader {
        schema,
        root,
        records: compiler.records,
        skips: compiler.skips,
        raw: matches!(writer.root_kind(), Kind::Bytes),
    })
}

struct Compiler<'a> {
    writer: &'a AvroSchema,
    reader: &'a AvroSchema,
    records: Vec<RecordRead>,
    /// Records being compiled: writer's node, reader's node, position in `records`.
    open: Vec<(NodeId, NodeId, usize)>,
    shapes: Vec<(NodeId, StructShape)>,
    skips: Vec<Vec<Skip>>,
    skipped: Vec<(NodeId, usize)>,
}

impl Compiler<'_> {
    fn compile(&mut self, w: NodeId, r: NodeId, shape: &Shape) -> Read {
        let (writer, reader) = (self.writer, self.reader);
        if let Kind::Union(members) = writer.kind(w) {
            let mut reads: Vec<Read> = members.iter().map(|member| self.compile(*member, r, shape)).collect();
            let null_index = reads.iter().position(|read| matches!(read, Read::Null));
            if let (2, Some(null_index)) = (reads.len(), null_index) {
                let inner = Box::new(reads.swap_remove(1 - null_index));
                let null_index = null_index as i64;
                return Read::Nullable { null_index, inner };
            }
            return Read::Union(reads.into_boxed_slice());
        }
        if let Kind::Union(members) = reader.kind(r) {
            let Some(chosen) = choose_member(writer, w, reader, members) else {
                return self.misfit(w, r);
            };
            return match shape {
                _ if matches!(reader.kind(members[chosen]), Kind::Null) => Read::Null,
                Shape::Nullable(inner) => self.compile(w, members[chosen], inner),
                Shape::Union(union) => match &union.members[chosen] {
                    None => Read::Null,
                    Some(member) => match &member.field {
                        Err(reason) => Read::Refuse(reason.clone()),
                        Ok(field) => Read::Member(Box::new(MemberRead {
                            schema: union.schema.clone(),
                            field: *field,
                            read: self.compile(w, members[chosen], &member.shape),
                        })),
                    },
                },
                _ => self.misfit(w, r),
            };
        }
        if matches(writer, w, reader, r) == Match::No {
            return self.misfit(w, r);
        }
        match (writer.kind(w), reader.kind(r), shape) {
            (_, _, Shape::Anything) => self.anything(w),
            (Kind::Record(_), Kind::Record(_), Shape::Struct(structure)) => self.record(w, r, structure),
            (Kind::Record(_), Kind::Record(_), Shape::Recursive) => {
                if let Some((_, _, index)) = self.open.iter().rev().find(|(a, b, _)| (*a, *b) == (w, r)) {
                    return Read::Record(*index);
                }
                let enclosing = self.shapes.iter().rev().find(|(node, _)| *node == r).cloned();
                match enclosing {
                    Some((_, structure)) => self.record(w, r, &structure),
                    None => self.misfit(w, r),
                }
            }
            (Kind::Array(from), Kind::Array(to), Shape::Array(shape)) => {
                let read = self.compile(*from, *to, shape);
                Read::Array(Box::new(self.items(read)))
            }
            (Kind::Map(from), Kind::Map(to), Shape::Map(shape)) => {
                let read = self.compile(*from, *to, shape);
                Read::Map(Box::new(self.items(read)))
            }
            (Kind::Array(from), Kind::Array(to), Shape::Entries(entry)) => {
                let (Kind::Record(source), Kind::Record(target)) = (writer.kind(*from), reader.kind(*to)) else {
                    return self.misfit(w, r);
                };
                let [a, b] = source.fields.as_slice() else {
                    return self.misfit(w, r);
                };
                let key_first = a.name == KEY_FIELD;
                let (key, value) = if key_first { (a, b) } else { (b, a) };
                let target = |name: &str| target.fields.iter().find(|field| field.name == name);
                let (Some(key_target), Some(value_target)) = (target(&key.name), target(&value.name)) else {
                    return self.misfit(w, r);
                };
                let key = self.compile(key.node, key_target.node, &entry.key);
                let value = self.compile(value.node, value_target.node, &entry.value);
                let may_be_empty = self.may_be_empty(&key) && self.may_be_empty(&value);
                Read::Entries(Box::new(EntriesRead {
                    key,
                    value,
                    key_first,
                    may_be_empty,
                }))
            }
            (Kind::Enum(from), Kind::Enum(to), _) => {
                let symbol = |symbol: &String| {
                    let known = to.symbols.contains(symbol);
                    match (&to.default, known) {
                        (_, true) => Ok(Text::from(symbol.as_str())),
                        (Some(default), false) => Ok(Text::from(default.as_str())),
                        (None, false) => Err(format!("No match for {symbol} in enum {}", to.name.full())),
                    }
                };
                Read::Enum(from.symbols.iter().map(symbol).collect())
            }
            (from, to, Shape::Scalar(kind, logical)) => scalar(from, to, *kind, *logical),
            _ => self.misfit(w, r),
        }
    }

    fn misfit(&self, w: NodeId, r: NodeId) -> Read {
        let (found, expected) = (self.writer.branch_name(w), self.reader.branch_name(r));
        Read::Fail(format!("Found {found}, expecting {expected}"))
    }

    fn items(&self, read: Read) -> Items {
        let may_be_empty = self.may_be_empty(&read);
        Items { read, may_be_empty }
    }

    fn may_be_empty(&self, read: &Read) -> bool {
        match read {
            Read::Null | Read::Fixed(0) | Read::Fail(_) | Read::Refuse(_) => true,
            Read::Member(member) => self.may_be_empty(&member.read),
            Read::Logical(wrapped) => self.may_be_empty(&wrapped.0),
            // One that is still being compiled contains itself, which takes at least the byte that ends it.
            Read::Record(index) if self.open.iter().any(|(_, _, open)| open == index) => false,
            Read::Record(index) => self.records[*index].steps.iter().all(|step| match step {
                FieldStep::Read(_, read) => self.may_be_empty(read),
                FieldStep::Skip(_) => true,
            }),
            _ => false,
        }
    }

    fn record(&mut self, w: NodeId, r: NodeId, structure: &StructShape) -> Read {
        let (writer, reader) = (self.writer, self.reader);
        let (Kind::Record(source), Kind::Record(target)) = (writer.kind(w), reader.kind(r)) else {
            return self.misfit(w, r);
        };
        let index = self.records.len();
        self.records.push(RecordRead {
            schema: structure.schema.clone(),
            steps: Vec::new(),
            defaults: Vec::new(),
            straight: false,
        });
        self.open.push((w, r, index));
        self.shapes.push((r, structure.clone()));
        let mut steps = Vec::with_capacity(source.fields.len());
        let mut filled = vec![false; target.fields.len()];
        for field in &source.fields {
            let by_name = target.fields.iter().position(|to| to.name == field.name);
            let position = by_name.or_else(|| target.fields.iter().position(|to| to.aliases.contains(&field.name)));
            steps.push(match position {
                Some(position) => {
                    filled[position] = true;
                    let read = self.compile(field.node, target.fields[position].node, &structure.fields[position]);
                    FieldStep::Read(position, read)
                }
                None => FieldStep::Skip(self.skip(field.node)),
            });
        }
        let mut defaults = Vec::new();
        let mut missing = None;
        for (position, field) in target
            .fields
            .iter()
            .enumerate()
            .filter(|(position, _)| !filled[*position])
        {
            let json = field.default.as_ref();
            let shape = &structure.fields[position];
            match json.and_then(|json| from_json(reader, field.node, shape, json)) {
                Some(value) => defaults.push((position, value)),
                None if json.is_some_and(serde_json::Value::is_null) => defaults.push((position, Value::Null)),
                None => missing = Some(&field.name),
            }
        }
        self.shapes.pop();
        self.open.pop();
        if let Some(field) = missing {
            return Read::Fail(format!(
                "Found {}, expecting {}, missing required field {field}",
                source.name.full(),
                target.name.full()
            ));
        }
        let in_order =
            |(index, step): (usize, &FieldStep)| matches!(step, FieldStep::Read(field, _) if *field == index);
        let straight = steps.len() == target.fields.len() && steps.iter().enumerate().all(in_order);
        let record = &mut self.records[index];
        record.steps = steps;
        record.defaults = defaults;
        record.straight = straight;
        Read::Record(index)
    }

    /// Data of the record that holds anything has a fixed form; another one of its name is not understood.
    fn anything(&self, w: NodeId) -> Read {
        const FIELDS: [(&str, &str); 9] = [
            ("boolean", "boolean"),
            ("bytes", "bytes"),
            ("double", "double"),
            ("float", "float"),
            ("int", "int"),
            ("long", "long"),
            ("string", "string"),
            ("array", "array"),
            ("map", "array"),
        ];
        let Kind::Record(record) = self.writer.kind(w) else {
            return Read::Refuse("Invalid Avro data for schemaless Connect data".into());
        };
        let as_expected = record.fields.len() == FIELDS.len()
            && record.fields.iter().zip(FIELDS).all(|(field, (name, kind))| {
                let members = self.writer.members(field.node);
                field.name == name
                    && matches!(members, [null, inner] if matches!(self.writer.kind(*null), Kind::Null)
                        && self.writer.kind(*inner).type_name() == kind)
            });
        if as_expected {
            Read::Anything
        } else {
            Read::Refuse(format!(
                "Record {ANYTHING_FULL} does not have the fields it should have"
            ))
        }
    }

    fn skip(&mut self, w: NodeId) -> Skip {
        match self.writer.kind(w) {
            Kind::Null => Skip::Nothing,
            Kind::Boolean => Skip::Fixed(1),
            Kind::Int | Kind::Long | Kind::Enum(_) => Skip::Varint,
            Kind::Float => Skip::Fixed(4),
            Kind::Double => Skip::Fixed(8),
            Kind::Bytes | Kind::String => Skip::Bytes,
            Kind::Fixed { size, .. } => Skip::Fixed(*size),
            Kind::Array(items) => Skip::Array(Box::new(self.skip(*items))),
            Kind::Map(values) => Skip::Map(Box::new(self.skip(*values))),
            Kind::Union(members) => Skip::Union(members.iter().map(|member| self.skip(*member)).collect()),
            Kind::Record(record) => {
                if let Some((_, index)) = self.skipped.iter().find(|(node, _)| *node == w) {
                    return Skip::Record(*index);
                }
                let index = self.skips.len();
                self.skips.push(Vec::new());
                self.skipped.push((w, index));
                let fields = record.fields.iter().map(|field| self.skip(field.node)).collect();
                self.skips[index] = fields;
                Skip::Record(index)
            }
        }
    }
}

fn scalar(from: &Kind, to: &Kind, kind: Type, logical: Option<LogicalShape>) -> Read {
    let number = match (to, kind) {
        (Kind::Int, Type::Int8) => Number::Int8,
        (Kind::Int, Type::Int16) => Number::Int16,
        (Kind::Int, _) => Number::Int32,
        (Kind::Long, _) => Number::Int64,
        (Kind::Float, _) => Number::Float32,
        _ => Number::Float64,
    };
    let usual = logical
        .and_then(|logical| Read::logical_number(logical.kind))
        .filter(|wanted| {
            matches!(
                (wanted, number),
                (Number::Date | Number::Time, Number::Int32) | (Number::Timestamp, Number::Int64)
            )
        });
    let target = usual.unwrap_or(number);
    let read = match from {
        Kind::Null => Read::Null,
        Kind::Boolean => Read::Boolean,
        Kind::Int => Read::Int(target),
        Kind::Long => Read::Long(target),
        Kind::Float => Read::Float(target),
        Kind::Double => Read::Double,
        Kind::String if matches!(to, Kind::Bytes) => Read::Bytes,
        Kind::String => Read::Text,
        Kind::Bytes if matches!(to, Kind::String) => Read::BytesAsText,
        Kind::Bytes => match logical {
            Some(decimal) if decimal.kind == Logical::Decimal => return Read::Decimal(decimal.scale),
            _ => Read::Bytes,
        },
        Kind::Fixed { size, .. } => Read::Fixed(*size),
        other => return Read::Fail(format!("Found {}, expecting {kind}", other.type_name())),
    };
    match logical {
        Some(logical) if usual.is_none() => Read::Logical(Box::new((read, logical))),
        _ => read,
    }
}
