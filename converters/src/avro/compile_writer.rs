//! Compiles an [`AvroWriter`] from a Connect schema, the Avro schema made from it, and the Avro schema that the data is
//! written with. The last two are the same unless the subject's latest version is asked for; then the rules are those of
//! Java's generic writer: fields by position, numbers cast, a union's member found by the name of the value's own type.

use super::from_connect::{enum_parameter, is_text_keyed, is_union};
use super::logical::decimal_scale;
use super::names::{DataOptions, FIXED_SIZE};
use super::schema::{AvroSchema, Kind, NodeId};
use super::writer::*;
use turnbuckle_api::data::{Logical, SchemaRef, Type};
use turnbuckle_api::{Result, Text};

/// Compiles a writer.
///
/// # Errors
/// `DataException` for a Decimal schema without a scale.
pub(crate) fn compile_writer(
    connect: Option<&SchemaRef>,
    own: &AvroSchema,
    target: &AvroSchema,
    options: &DataOptions,
) -> Result<AvroWriter> {
    let mut compiler = Compiler {
        own,
        target,
        options,
        records: Vec::new(),
        open: Vec::new(),
    };
    let root = compiler.slot(connect, own.root, target.root)?;
    Ok(AvroWriter {
        root,
        records: compiler.records,
        raw: matches!(target.root_kind(), Kind::Bytes),
        ignore_default: options.ignore_default,
    })
}

struct Compiler<'a> {
    own: &'a AvroSchema,
    target: &'a AvroSchema,
    options: &'a DataOptions,
    records: Vec<RecordWrite>,
    /// Records being compiled: own node, target node, Connect schema, position.
    open: Vec<(NodeId, NodeId, SchemaRef, usize)>,
}

impl Compiler<'_> {
    fn slot(&mut self, connect: Option<&SchemaRef>, own: NodeId, target: NodeId) -> Result<Slot> {
        let Some(connect) = connect else {
            return Ok(self.anything(own, target));
        };
        if is_union(connect) {
            return self.union(connect, own, target);
        }
        // Of an own union of null and a type, the type.
        let value = self
            .own
            .members(own)
            .iter()
            .copied()
            .find(|member| !matches!(self.own.kind(*member), Kind::Null));
        let value = value.unwrap_or(own);
        let default = connect.default_value().cloned();
        let nulls = if connect.is_optional() {
            self.null_place(target)
        } else {
            Nulls::Required
        };
        let (branch, place) = self.place(value, target);
        let write = match place {
            Some(place) => self.write(connect, value, place)?,
            None => self.misfit(connect, value, target)?,
        };
        Ok(Slot {
            nulls,
            branch,
            write,
            default,
        })
    }

    fn null_place(&self, target: NodeId) -> Nulls {
        if matches!(self.target.kind(target), Kind::Null) {
            return Nulls::Empty;
        }
        let members = self.target.members(target);
        let null = members
            .iter()
            .position(|member| matches!(self.target.kind(*member), Kind::Null));
        null.map_or(Nulls::NoPlace, |index| Nulls::Branch(index as i64))
    }

    /// Which type of the target a value of own type goes to, and by which union member.
    fn place(&self, own: NodeId, target: NodeId) -> (Option<i64>, Option<NodeId>) {
        if !matches!(self.target.kind(target), Kind::Union(_)) {
            return (None, Some(target));
        }
        let name = self.own.branch_name(own);
        let members = self.target.members(target);
        match members
            .iter()
            .position(|member| self.target.branch_name(*member) == name)
        {
            Some(index) => (Some(index as i64), Some(members[index])),
            None => (None, None),
        }
    }

    fn misfit(&self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Write> {
        let (name, expected) = (self.own.branch_name(own), self.target.branch_name(target));
        Ok(Write::Misfit {
            kind: connect.kind(),
            logical: connect.logical(),
            scale: match connect.logical() {
                Some(Logical::Decimal) => decimal_scale(connect)?,
                _ => 0,
            },
            reason: format!("A value of type {name} does not fit the Avro type {expected}"),
        })
    }

    fn write(&mut self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Write> {
        let wire = match self.target.kind(target) {
            Kind::Int if matches!(self.own.kind(own), Kind::Int) => Some(Wire::Integer),
            Kind::Int => Some(Wire::Narrow),
            Kind::Long => Some(Wire::Integer),
            Kind::Float => Some(Wire::Float),
            Kind::Double => Some(Wire::Double),
            _ => None,
        };
        let write = match (connect.kind(), self.target.kind(target)) {
            (Type::Int32, _) if connect.logical() == Some(Logical::Date) => wire.map(Write::Date),
            (Type::Int32, _) if connect.logical() == Some(Logical::Time) => wire.map(Write::Time),
            (Type::Int64, _) if connect.logical() == Some(Logical::Timestamp) => wire.map(Write::Timestamp),
            _ if connect.logical().is_some_and(|logical| logical != Logical::Decimal) => None,
            (kind @ (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Float32 | Type::Float64), _) => {
                wire.map(|wire| Write::Number(kind, wire))
            }
            (Type::Boolean, Kind::Boolean) => Some(Write::Boolean),
            (Type::String, Kind::Enum(symbols)) if enum_parameter(connect, self.options).is_some() => {
                let symbols = symbols.symbols.iter().map(|symbol| Text::from(symbol.as_str()));
                Some(Write::Enum(symbols.collect()))
            }
            (Type::String, Kind::String) if enum_parameter(connect, self.options).is_none() => Some(Write::Text),
            (Type::Bytes, Kind::Bytes) if connect.logical() == Some(Logical::Decimal) => Some(Write::Decimal {
                scale: decimal_scale(connect)?,
            }),
            (Type::Bytes, Kind::Bytes) if connect.parameter(FIXED_SIZE).is_none() => Some(Write::Bytes),
            (Type::Bytes, Kind::Fixed { size, .. })
                if connect.logical().is_none() && connect.parameter(FIXED_SIZE).is_some() =>
            {
                Some(Write::Fixed(*size))
            }
            (Type::Array, _) => return self.array(connect, own, target),
            (Type::Map, _) => return self.map(connect, own, target),
            (Type::Struct, Kind::Record(_)) => return self.record(connect, own, target),
            _ => None,
        };
        match write {
            Some(write) => Ok(write),
            None => self.misfit(connect, own, target),
        }
    }

    fn array(&mut self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Write> {
        match (self.own.kind(own), self.target.kind(target)) {
            (Kind::Array(from), Kind::Array(to)) => {
                let (from, to) = (*from, *to);
                Ok(Write::Array(Box::new(self.slot(connect.items(), from, to)?)))
            }
            _ => self.misfit(connect, own, target),
        }
    }

    fn map(&mut self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Write> {
        let text_keyed = connect.keys().is_some_and(|keys| is_text_keyed(keys, self.options));
        match (self.own.kind(own), self.target.kind(target)) {
            (Kind::Map(from), Kind::Map(to)) if text_keyed => {
                let (from, to) = (*from, *to);
                Ok(Write::Map(Box::new(self.slot(connect.values(), from, to)?)))
            }
            (Kind::Array(from), Kind::Array(to)) if !text_keyed => {
                let (Kind::Record(from), Kind::Record(to)) = (self.own.kind(*from), self.target.kind(*to)) else {
                    return self.misfit(connect, own, target);
                };
                let ([from_key, from_value], [to_key, to_value]) = (from.fields.as_slice(), to.fields.as_slice())
                else {
                    return self.misfit(connect, own, target);
                };
                let key = self.slot(connect.keys(), from_key.node, to_key.node)?;
                let value = self.slot(connect.values(), from_value.node, to_value.node)?;
                Ok(Write::Entries(Box::new([key, value])))
            }
            _ => self.misfit(connect, own, target),
        }
    }

    fn record(&mut self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Write> {
        let open = self.open.iter().rev().find(|(from, to, schema, _)| {
            (*from, *to) == (own, target) && (connect.is_recursive() || schema == connect)
        });
        if let Some((_, _, _, index)) = open {
            return Ok(Write::Record(*index));
        }
        let connect = match connect.is_recursive() {
            // The same struct, written to another type of the target.
            true => match self.open.iter().rev().find(|(from, _, _, _)| *from == own) {
                Some((_, _, schema, _)) => schema.clone(),
                None => return self.misfit(connect, own, target),
            },
            false => connect.clone(),
        };
        let (Kind::Record(from), Kind::Record(to)) = (self.own.kind(own), self.target.kind(target)) else {
            return self.misfit(&connect, own, target);
        };
        let index = self.records.len();
        self.records.push(RecordWrite {
            schema: connect.clone(),
            fields: Vec::new(),
            missing: to.fields.len().saturating_sub(from.fields.len()),
            written: to.fields.len(),
        });
        self.open.push((own, target, connect.clone(), index));
        let mut fields = Vec::with_capacity(from.fields.len());
        for (position, (field, from)) in connect.fields().iter().zip(&from.fields).enumerate() {
            let slot = match to.fields.get(position) {
                Some(to) => self.slot(Some(&field.schema), from.node, to.node)?,
                None => self.unwritten(&field.schema, from.node)?,
            };
            fields.push(slot);
        }
        self.open.pop();
        self.records[index].fields = fields;
        Ok(Write::Record(index))
    }

    /// A field that the target does not have: its value is judged as Java does, but leaves no bytes. It is written by its
    /// own type, to be cut off again.
    fn unwritten(&mut self, connect: &SchemaRef, own: NodeId) -> Result<Slot> {
        let mut plain = Compiler {
            own: self.own,
            target: self.own,
            options: self.options,
            records: std::mem::take(&mut self.records),
            open: Vec::new(),
        };
        let slot = plain.slot(Some(connect), own, own);
        self.records = plain.records;
        slot
    }

    fn union(&mut self, connect: &SchemaRef, own: NodeId, target: NodeId) -> Result<Slot> {
        let own_members = self.own.members(own);
        let offset = usize::from(connect.is_optional());
        let mut members = Vec::with_capacity(connect.fields().len());
        for (field, member) in connect.fields().iter().zip(own_members.iter().skip(offset)) {
            let (branch, place) = self.place(*member, target);
            let base = field.schema.to_builder().with_optional(false).finish();
            let write = match place {
                // A struct's own schema is the field's, which is optional.
                Some(place) if base.kind() == Type::Struct => self.write(&field.schema, *member, place)?,
                Some(place) => self.write(&base, *member, place)?,
                None => self.misfit(&base, *member, target)?,
            };
            members.push(Slot {
                nulls: Nulls::Required,
                branch,
                write,
                default: None,
            });
        }
        let null = self.null_place(target);
        Ok(Slot {
            nulls: if connect.is_optional() {
                self.null_place(target)
            } else {
                Nulls::Required
            },
            branch: None,
            write: Write::Union(Box::new(UnionWrite {
                schema: connect.clone(),
                members,
                optional: connect.is_optional(),
                null,
            })),
            default: connect.default_value().cloned(),
        })
    }

    fn anything(&self, own: NodeId, target: NodeId) -> Slot {
        let same = matches!((self.own.kind(own), self.target.kind(target)),
            (Kind::Record(from), Kind::Record(to)) if from.name == to.name && from.fields.len() == to.fields.len());
        let write = if same {
            Write::Anything
        } else {
            Write::Misfit {
                kind: Type::Struct,
                logical: None,
                scale: 0,
                reason: "Schemaless data does not fit the Avro type".into(),
            }
        };
        Slot {
            nulls: Nulls::NoPlace,
            branch: None,
            write,
            default: None,
        }
    }
}
