//! Avro's schema resolution: what a reader's type makes of a writer's.

use super::schema::{AvroSchema, Kind, Name, NodeId};

/// How two types that are no unions go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    /// The writer's numbers, text or bytes become the reader's.
    Promoted,
    No,
}

/// Compares the types alone, not what they contain.
pub(crate) fn matches(writer: &AvroSchema, w: NodeId, reader: &AvroSchema, r: NodeId) -> Match {
    let exact = |fits: bool| if fits { Match::Exact } else { Match::No };
    match (writer.kind(w), reader.kind(r)) {
        (Kind::Record(from), Kind::Record(to)) => exact(same_name(&from.name, &to.name, &to.aliases)),
        (Kind::Enum(from), Kind::Enum(to)) => exact(same_name(&from.name, &to.name, &to.aliases)),
        (
            Kind::Fixed { name, size, .. },
            Kind::Fixed {
                name: reader_name,
                size: reader_size,
                aliases,
            },
        ) => exact(size == reader_size && same_name(name, reader_name, aliases)),
        (Kind::Int, Kind::Long | Kind::Float | Kind::Double)
        | (Kind::Long, Kind::Float | Kind::Double)
        | (Kind::Float, Kind::Double)
        | (Kind::String, Kind::Bytes)
        | (Kind::Bytes, Kind::String) => Match::Promoted,
        (Kind::Record(_) | Kind::Enum(_) | Kind::Fixed { .. }, _) => Match::No,
        (from, to) => exact(from.type_name() == to.type_name()),
    }
}

fn same_name(writer: &Name, reader: &Name, aliases: &[String]) -> bool {
    if writer == reader {
        return true;
    }
    let full = writer.full();
    aliases.iter().any(|alias| {
        if alias.contains('.') || reader.namespace.is_empty() {
            *alias == full
        } else {
            format!("{}.{alias}", reader.namespace) == full
        }
    })
}

/// The member of the reader's union `members` that takes type `w`: one of the same type before one it is promoted to.
pub(crate) fn choose_member(writer: &AvroSchema, w: NodeId, reader: &AvroSchema, members: &[NodeId]) -> Option<usize> {
    let find = |wanted: Match| {
        members
            .iter()
            .position(|member| matches(writer, w, reader, *member) == wanted)
    };
    find(Match::Exact).or_else(|| find(Match::Promoted))
}

/// Can all data of `writer` be read as `reader`? (`SchemaCompatibility`)
///
/// # Errors
/// What does not go together, in a few words.
pub(crate) fn check_readable(writer: &AvroSchema, reader: &AvroSchema) -> Result<(), String> {
    Compatibility {
        writer,
        reader,
        assumed: Vec::new(),
    }
    .check(writer.root, reader.root)
}

struct Compatibility<'a> {
    writer: &'a AvroSchema,
    reader: &'a AvroSchema,
    assumed: Vec<(NodeId, NodeId)>,
}

impl Compatibility<'_> {
    fn check(&mut self, w: NodeId, r: NodeId) -> Result<(), String> {
        let (writer, reader) = (self.writer, self.reader);
        if self.assumed.contains(&(w, r)) {
            return Ok(());
        }
        self.assumed.push((w, r));
        if let Kind::Union(members) = writer.kind(w) {
            return members.iter().try_for_each(|member| self.check(*member, r));
        }
        if let Kind::Union(members) = reader.kind(r) {
            let fitting = members.iter().any(|member| self.check(w, *member).is_ok());
            return if fitting { Ok(()) } else { Err(self.misfit(w, r)) };
        }
        if matches(writer, w, reader, r) == Match::No {
            return Err(self.misfit(w, r));
        }
        match (writer.kind(w), reader.kind(r)) {
            (Kind::Array(from), Kind::Array(to)) | (Kind::Map(from), Kind::Map(to)) => self.check(*from, *to),
            (Kind::Enum(from), Kind::Enum(to)) => {
                let missing = from.symbols.iter().find(|symbol| !to.symbols.contains(symbol));
                match missing {
                    Some(symbol) if to.default.is_none() => {
                        Err(format!("enum {} lacks the symbol {symbol}", to.name.full()))
                    }
                    _ => Ok(()),
                }
            }
            (Kind::Record(from), Kind::Record(to)) => to.fields.iter().try_for_each(|field| {
                let source = from
                    .fields
                    .iter()
                    .find(|source| source.name == field.name || field.aliases.contains(&source.name));
                match source {
                    Some(source) => self.check(source.node, field.node),
                    None if field.default.is_some() => Ok(()),
                    None => Err(format!("field {} of {} has no default", field.name, to.name.full())),
                }
            }),
            _ => Ok(()),
        }
    }

    fn misfit(&self, w: NodeId, r: NodeId) -> String {
        format!(
            "{} can't be read as {}",
            self.writer.branch_name(w),
            self.reader.branch_name(r)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn readable_or_not() {
        let record = |name: &str, fields: &str| format!(r#"{{"type":"record","name":"{name}","fields":[{fields}]}}"#);
        let a = r#"{"name":"a","type":"int"}"#;
        let b = r#"{"name":"b","type":"int"}"#;
        let b_default = r#"{"name":"b","type":"int","default":1}"#;
        for (writer, reader, readable) in [
            ("\"int\"".to_string(), "\"long\"".to_string(), true),
            ("\"long\"".to_string(), "\"int\"".to_string(), false),
            ("\"int\"".to_string(), r#"["null","double"]"#.to_string(), true),
            (r#"["null","int"]"#.to_string(), "\"int\"".to_string(), false),
            (record("R", a), record("R", &format!("{a},{b_default}")), true),
            (record("R", a), record("R", &format!("{a},{b}")), false),
            (record("R", &format!("{a},{b}")), record("R", a), true),
            (record("R", a), record("S", a), false),
            (
                r#"{"type":"enum","name":"E","symbols":["A","B"]}"#.to_string(),
                r#"{"type":"enum","name":"E","symbols":["A"]}"#.to_string(),
                false,
            ),
        ] {
            let none: &[&str] = &[];
            let (from, to) = (parse(&writer, none).unwrap(), parse(&reader, none).unwrap());
            assert_eq!(check_readable(&from, &to).is_ok(), readable, "{writer} as {reader}");
        }
    }
}
