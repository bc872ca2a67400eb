//! Field paths (KIP-821): the name of a field, or with syntax V2 the way through nested structs and maps to one.

use crate::side::{not_a_map, not_a_struct};
use std::sync::Arc;
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::{Error, ErrorKind, Result, SchemaRef, Struct, Text, Type, Value};

const NESTED: &str = "nested field access";

/// `field.syntax.version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldSyntax {
    /// The text is the field's name, dots and all.
    V1,
    /// Dots separate steps; back-ticks quote names that contain dots.
    V2,
}

impl ConfigChoice for FieldSyntax {
    const CHOICES: &'static [(&'static str, Self)] = &[("V1", FieldSyntax::V1), ("V2", FieldSyntax::V2)];
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    /// As the user wrote it, for messages.
    text: Text,
    /// Names from the outside in. The empty path of syntax V2 has none.
    steps: Vec<Text>,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// `ConfigException` for a back-tick that is opened and never closed.
    pub fn parse(text: &str, syntax: FieldSyntax) -> Result<Self> {
        let steps = match syntax {
            FieldSyntax::V1 => vec![Text::from(text)],
            FieldSyntax::V2 => split(text)?,
        };
        Ok(FieldPath {
            text: Text::from(text),
            steps,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn steps(&self) -> &[Text] {
        &self.steps
    }

    fn last(&self) -> Result<(&Text, &[Text])> {
        // Kafka fails here with an accident of the JDK's list class.
        let empty = || Error::new(ErrorKind::IllegalArgument, "The field path is empty");
        self.steps.split_last().ok_or_else(empty)
    }

    /// The way through `schema`; None if a step names no field.
    ///
    /// # Errors
    /// `DataException` where the way leads into something without fields.
    pub fn resolve(&self, schema: &SchemaRef) -> Result<Option<ResolvedPath>> {
        self.last()?;
        let mut steps = Vec::with_capacity(self.steps.len());
        let mut current = schema;
        for name in &self.steps {
            if current.kind() != Type::Struct {
                return Err(Error::data("Cannot look up fields on non-struct type"));
            }
            let Some(index) = current.field_index(name) else {
                return Ok(None);
            };
            steps.push(ResolvedStep {
                name: name.clone(),
                index,
                owner: current.clone(),
            });
            current = &current.fields()[index].schema;
        }
        Ok(Some(ResolvedPath {
            steps,
            target: current.clone(),
        }))
    }

    /// Takes the value out of schemaless data; null where a step is missing.
    ///
    /// # Errors
    /// `DataException` where a step leads into something that is no map; `value` is then unchanged.
    pub fn take_from_map(&self, value: &mut Value) -> Result<Value> {
        let (last, outer) = self.last()?;
        let mut current = value;
        for name in outer {
            current = match member_mut(current, name) {
                None | Some(Value::Null) => return Ok(Value::Null),
                Some(inner @ Value::Map(_)) => inner,
                Some(other) => return Err(not_a_map(other, NESTED)),
            };
        }
        Ok(member_mut(current, last).map(std::mem::take).unwrap_or_default())
    }
}

fn member_mut<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let Value::Map(entries) = value else { return None };
    let found = entries.iter_mut().rev().find(|(key, _)| key.as_str() == Some(name));
    found.map(|(_, member)| member)
}

/// A path through one schema: positions instead of names.
#[derive(Clone, Debug)]
pub struct ResolvedPath {
    steps: Vec<ResolvedStep>,
    target: SchemaRef,
}

#[derive(Clone, Debug)]
struct ResolvedStep {
    name: Text,
    index: usize,
    /// The struct schema that `index` counts in.
    owner: SchemaRef,
}

impl ResolvedStep {
    fn index_in(&self, value: &Struct) -> Result<usize> {
        if Arc::ptr_eq(value.schema(), &self.owner) {
            return Ok(self.index);
        }
        let invalid = || Error::data(format!("{} is not a valid field name", self.name));
        value.schema().field_index(&self.name).ok_or_else(invalid)
    }
}

impl ResolvedPath {
    /// Schema of the field at the end.
    pub fn target(&self) -> &SchemaRef {
        &self.target
    }

    /// Takes the value at the end out of `value`. Null on the way gives null; on the way a null field counts as its default,
    /// at the end only if `with_default`.
    ///
    /// # Errors
    /// `DataException` if the data contradicts its schema; `value` is then unchanged.
    pub fn take_from(&self, value: &mut Value, with_default: bool) -> Result<Value> {
        let mut current = value;
        for (depth, step) in self.steps.iter().enumerate() {
            let Value::Struct(owner) = current else {
                return Err(not_a_struct(current, NESTED));
            };
            let index = step.index_in(owner)?;
            let is_last = depth + 1 == self.steps.len();
            if owner.values()[index].is_null() {
                return match owner.schema().fields()[index].schema.default_value() {
                    Some(default) if is_last && with_default => Ok(default.clone()),
                    Some(default) if !is_last => {
                        let rest = ResolvedPath {
                            steps: self.steps[depth + 1..].to_vec(),
                            target: self.target.clone(),
                        };
                        rest.take_from(&mut default.clone(), with_default)
                    }
                    _ => Ok(Value::Null),
                };
            }
            current = &mut owner.values_mut()[index];
        }
        Ok(std::mem::take(current))
    }
}

/// Splits a path of syntax V2 into its steps.
fn split(path: &str) -> Result<Vec<Text>> {
    let mut steps = Vec::new();
    let mut at = 0;
    if path.is_empty() {
        return Ok(steps);
    }
    // Each round reads one step and the dot after it; a trailing dot leaves an empty step.
    loop {
        let (step, end) = match path[at..].starts_with('`') {
            true => quoted_step(path, at)?,
            false => {
                let end = path[at..].find('.').map_or(path.len(), |dot| at + dot);
                (path[at..end].to_string(), end)
            }
        };
        steps.push(Text::from(step));
        if end == path.len() {
            return Ok(steps);
        }
        at = end + 1;
    }
}

/// Reads the quoted step whose back-tick stands at `open`; gives its name and where it ends (a dot or the path's end).
///
/// Only a back-tick before a dot or at the end can close; if a backslash precedes it, it is part of the name instead, and
/// the backslash is not.
fn quoted_step(path: &str, open: usize) -> Result<(String, usize)> {
    let mut name = String::new();
    let mut copied = open + 1;
    for (offset, _) in path[copied..].match_indices('`') {
        let tick = open + 1 + offset;
        let after = tick + 1;
        let at_end = after == path.len();
        if !at_end && !path[after..].starts_with('.') {
            continue;
        }
        if !path[..tick].ends_with('\\') {
            name.push_str(&path[copied..tick]);
            return Ok((name, after));
        }
        if at_end {
            break;
        }
        name.push_str(&path[copied..tick - 1]);
        name.push('`');
        copied = after;
    }
    Err(Error::config(format!(
        "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position {} to \
         escape it",
        path[..open].encode_utf16().count()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Schema;

    fn steps(path: &str) -> Vec<String> {
        let path = FieldPath::parse(path, FieldSyntax::V2).unwrap();
        path.steps().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn v2_paths_split_at_dots_outside_back_ticks() {
        for (path, expected) in [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a.b.c", vec!["a", "b", "c"]),
            (".", vec!["", ""]),
            ("a.", vec!["a", ""]),
            (".a", vec!["", "a"]),
            ("`a.b`", vec!["a.b"]),
            ("`a.b`.c", vec!["a.b", "c"]),
            ("`a`.", vec!["a", ""]),
            ("x.`a.b`.`c`", vec!["x", "a.b", "c"]),
            ("``", vec![""]),
            ("a`b", vec!["a`b"]),
            ("`a`b`", vec!["a`b"]),
            (r"`a.b\`.c`", vec!["a.b`.c"]),
            (r"`a\`b`", vec![r"a\`b"]),
            ("é.`ß.ü`", vec!["é", "ß.ü"]),
        ] {
            assert_eq!(steps(path), expected, "{path}");
        }
        let literal = FieldPath::parse("a.`b", FieldSyntax::V1).unwrap();
        assert_eq!(literal.steps(), ["a.`b"]);
    }

    #[test]
    fn unclosed_back_ticks_are_named() {
        for (path, position) in [
            ("`a", 0),
            ("a.`b", 2),
            ("`a.b`c", 0),
            ("x.`", 2),
            (r"`a\`", 0),
            ("é.`b", 2),
        ] {
            let error = FieldPath::parse(path, FieldSyntax::V2).unwrap_err();
            let expected = format!(
                "Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at position \
                 {position} to escape it"
            );
            assert_eq!(error.message(), Some(expected.as_str()));
        }
    }

    #[test]
    fn a_default_on_the_way_is_used_always_and_at_the_end_when_asked() {
        let number = Schema::primitive(Type::Int32, false).to_builder();
        let x = number.default_value(Value::Int32(3)).build().unwrap();
        let inner = Schema::structure().field("x", x).finish();
        let default = Value::Struct(Struct::new(inner.clone(), vec![Value::Int32(5)]));
        // Unchecked, because a default's own schema has no default, so that the two are never equal.
        let with_default = inner.to_builder().default_value(default).finish();
        let outer = Schema::structure().field("s", with_default).finish();

        let path = FieldPath::parse("s.x", FieldSyntax::V2)
            .unwrap()
            .resolve(&outer)
            .unwrap()
            .unwrap();
        for with_default in [true, false] {
            let mut value = Value::Struct(Struct::empty(outer.clone()));
            assert_eq!(path.take_from(&mut value, with_default).unwrap(), Value::Int32(5));
            let empty_inner = Value::Struct(Struct::empty(outer.fields()[0].schema.clone()));
            let mut value = Value::Struct(Struct::new(outer.clone(), vec![empty_inner]));
            let expected = if with_default { Value::Int32(3) } else { Value::Null };
            assert_eq!(path.take_from(&mut value, with_default).unwrap(), expected);
        }
    }
}
