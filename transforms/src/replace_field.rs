//! `ReplaceField$Key` and `ReplaceField$Value`: leaves fields out, or renames them.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{Side, require_map, require_struct};
use crate::structs::{check_copy, copy_basics, fill_default, rebuild};
use turnbuckle_api::config::{ParsedValue, Validator};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, ErrorKind, Props, Record, Result, Schema, SchemaRef, Text, Value};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.ReplaceField$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.ReplaceField$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

const PURPOSE: &str = "field replacement";

#[derive(Config)]
pub(crate) struct Settings {
    /// Fields to leave out; this goes before `include`.
    #[config(key = "exclude", default = "", importance = Medium)]
    exclude: Vec<String>,
    /// Fields to keep; if there are any, all others are left out.
    #[config(key = "include", default = "", importance = Medium)]
    include: Vec<String>,
    /// New names, as `old:new`.
    #[config(key = "renames", default = "", importance = Medium, validator = renames_validator())]
    renames: Vec<String>,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

fn renames_validator() -> Validator {
    Validator::new(|_, value| match value {
        ParsedValue::List(items) => parse_renames(items).map(|_| ()),
        _ => Ok(()),
    })
}

/// `old:new` pairs; colons at the end do not count.
fn parse_renames(items: &[String]) -> Result<Vec<(Text, Text)>> {
    let mut renames: Vec<(Text, Text)> = Vec::with_capacity(items.len());
    for item in items {
        let parts: Vec<&str> = item.trim_end_matches(':').split(':').collect();
        let [old, new] = parts[..] else {
            let value = ParsedValue::List(items.to_vec());
            return Err(Error::invalid_config(
                "renames",
                value,
                format!("Invalid rename mapping: {item}"),
            ));
        };
        match renames.iter_mut().find(|(known, _)| known == old) {
            Some(rename) => rename.1 = new.into(),
            None => renames.push((old.into(), new.into())),
        }
    }
    Ok(renames)
}

struct ReplaceField {
    side: Side,
    rules: Rules,
    with_default: bool,
    plans: Plans<Plan>,
}

struct Rules {
    exclude: Vec<String>,
    include: Vec<String>,
    renames: Vec<(Text, Text)>,
}

impl Rules {
    fn keeps(&self, name: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|listed| listed == name);
        !is_in(&self.exclude) && (self.include.is_empty() || is_in(&self.include))
    }

    fn renamed<'a>(&'a self, name: &'a Text) -> &'a Text {
        let found = self.renames.iter().find(|(old, _)| old == name);
        found.map_or(name, |(_, new)| new)
    }

    fn reverse_renamed<'a>(&'a self, name: &'a Text) -> &'a Text {
        let found = self.renames.iter().rev().find(|(_, new)| new == name);
        found.map_or(name, |(old, _)| old)
    }
}

struct Plan {
    target: SchemaRef,
    /// Position in the source of each field of the target.
    positions: Vec<usize>,
    /// The same field never goes to two places, and order is kept: values can be moved in one pass.
    in_order: bool,
}

pub(crate) fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(ReplaceField {
        side,
        rules: Rules {
            renames: parse_renames(&settings.renames)?,
            exclude: settings.exclude,
            include: settings.include,
        },
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
    }))
}

impl Transform for ReplaceField {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let cell = self.side.of_mut(record);
        if cell.value.is_null() {
            return Ok(Verdict::Keep);
        }
        let rules = &self.rules;
        if cell.schema.is_none() {
            require_map(&cell.value, PURPOSE)?;
            if let Value::Map(entries) = &mut cell.value {
                replace_in_map(rules, entries);
            }
            return Ok(Verdict::Keep);
        }
        let value = require_struct(&cell.value, PURPOSE)?;
        let plan = self.plans.get(value.schema(), |schema| plan(rules, schema))?;
        let with_default = self.with_default;
        for (field, position) in plan.target.fields().iter().zip(&plan.positions) {
            check_copy(field, &value.values()[*position], with_default)?;
        }
        rebuild(cell, &plan.target, |mut values| {
            let mut values = match plan.in_order {
                true => {
                    for (to, from) in plan.positions.iter().enumerate() {
                        values.swap(to, *from);
                    }
                    values.truncate(plan.positions.len());
                    values
                }
                false => plan.positions.iter().map(|from| values[*from].clone()).collect(),
            };
            for (field, value) in plan.target.fields().iter().zip(&mut values) {
                fill_default(field, value, with_default);
            }
            values
        });
        Ok(Verdict::Keep)
    }
}

fn replace_in_map(rules: &Rules, entries: &mut Vec<(Value, Value)>) {
    entries.retain(|(key, _)| key.as_str().is_none_or(|name| rules.keeps(name)));
    if rules.renames.is_empty() {
        return;
    }
    for (key, _) in entries.iter_mut() {
        if let Value::String(name) = key {
            *name = rules.renamed(name).clone();
        }
    }
    // Of two entries that now have one name, the later stays.
    for index in (0..entries.len()).rev() {
        if entries[index + 1..].iter().any(|(key, _)| *key == entries[index].0) {
            entries.remove(index);
        }
    }
}

fn plan(rules: &Rules, schema: &SchemaRef) -> Result<Plan> {
    let mut target = copy_basics(schema, Schema::structure());
    for field in schema.fields().iter().filter(|field| rules.keeps(&field.name)) {
        target = target.field(rules.renamed(&field.name).clone(), field.schema.clone());
    }
    let target = target.build()?;
    let mut positions = Vec::with_capacity(target.fields().len());
    for field in target.fields() {
        // A field that has by itself the new name of a field that is not there has no source.
        let source = rules.reverse_renamed(&field.name);
        let missing = || {
            let text = format!("There is no field {source} that could be renamed to {}", field.name);
            Error::new(ErrorKind::NullPointer, text)
        };
        positions.push(schema.field_index(source).ok_or_else(missing)?);
    }
    let in_order = positions.is_sorted_by(|left, right| left < right);
    Ok(Plan {
        target,
        positions,
        in_order,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{SchemaAndValue, Struct, Type};

    #[test]
    fn fields_are_left_out_and_renamed() {
        let number = Schema::primitive(Type::Int32, true);
        let mut schema = Schema::structure();
        for name in ["a", "b", "c", "d"] {
            schema = schema.field(name, number.clone());
        }
        let schema = schema.finish();
        let values = (1..=4).map(Value::Int32).collect();
        let row = SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values)));
        for (props, expected) in [
            (Props::new().with("exclude", "b"), vec![("a", 1), ("c", 3), ("d", 4)]),
            (Props::new().with("include", "d,b"), vec![("b", 2), ("d", 4)]),
            (Props::new().with("include", "b,c").with("exclude", "c"), vec![("b", 2)]),
            (
                Props::new().with("renames", "a:b,b:a").with("exclude", "d"),
                vec![("b", 1), ("a", 2), ("c", 3)],
            ),
        ] {
            let mut record = sink_record("t", 1, SchemaAndValue::NULL, row.clone());
            create(&props, Side::Value).unwrap().apply(&mut record).unwrap();
            let value = record.value.value.as_struct().unwrap();
            let names = value.schema().fields().iter().map(|field| field.name.to_string());
            let left: Vec<(String, Value)> = names.zip(value.values().iter().cloned()).collect();
            let expected: Vec<(String, Value)> = expected
                .into_iter()
                .map(|(name, value)| (name.to_string(), Value::Int32(value)))
                .collect();
            assert_eq!(left, expected);
        }
    }

    #[test]
    fn maps_keep_one_entry_per_name() {
        let map = Value::Map(vec![("a".into(), 1i32.into()), ("b".into(), 2i32.into())]);
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::schemaless(map));
        create(&Props::new().with("renames", "a:b"), Side::Value)
            .unwrap()
            .apply(&mut record)
            .unwrap();
        assert_eq!(record.value.value, Value::Map(vec![("b".into(), 2i32.into())]));
    }
}
