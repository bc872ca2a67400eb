//! `HeaderFrom$Key` and `HeaderFrom$Value`: copies or moves fields into headers.

use crate::kafka_transformation;
use crate::plan::Plans;
use crate::side::{Side, non_empty_list, require_map, require_struct};
use crate::structs::{check_copy, copy_basics, fill_default, read, rebuild};
use turnbuckle_api::config::ConfigChoice;
use turnbuckle_api::config::validator::one_of;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{
    Config, Error, ErrorKind, Header, Props, Record, Result, Schema, SchemaAndValue, SchemaRef, Text, Value,
};

pub(crate) const PLUGINS: &[Plugin] = &[
    kafka_transformation(
        "org.apache.kafka.connect.transforms.HeaderFrom$Key",
        Settings::config_def,
        |props| create(props, Side::Key),
    ),
    kafka_transformation(
        "org.apache.kafka.connect.transforms.HeaderFrom$Value",
        Settings::config_def,
        |props| create(props, Side::Value),
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Move,
    Copy,
}

impl ConfigChoice for Operation {
    const CHOICES: &'static [(&'static str, Self)] = &[("move", Operation::Move), ("copy", Operation::Copy)];
}

#[derive(Config)]
struct Settings {
    /// Fields that become headers.
    #[config(key = "fields", required, importance = High, validator = non_empty_list())]
    fields: Vec<String>,
    /// Names of the headers, one for each field, in the same order.
    #[config(key = "headers", required, importance = High, validator = non_empty_list())]
    headers: Vec<String>,
    /// `move` takes the fields away, `copy` leaves them.
    #[config(key = "operation", required, importance = High, validator = one_of(&["move", "copy"]))]
    operation: Operation,
    /// Whether a field that is null and has a default counts as its default.
    #[config(key = "replace.null.with.default", default = "true", importance = Medium)]
    replace_null_with_default: bool,
}

struct HeaderFrom {
    side: Side,
    operation: Operation,
    /// Fields with the names of their headers.
    pairs: Vec<(Text, Text)>,
    with_default: bool,
    plans: Plans<Plan>,
}

struct Plan {
    /// Position of each pair's field.
    fields: Vec<usize>,
    /// Of a move: the schema of what stays, and the positions of that.
    stays: Option<(SchemaRef, Vec<usize>)>,
}

fn create(props: &Props, side: Side) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    if settings.fields.len() != settings.headers.len() {
        return Err(Error::config(
            "'fields' config must have the same number of elements as 'headers' config.",
        ));
    }
    let fields = settings.fields.into_iter().map(Text::from);
    Ok(Box::new(HeaderFrom {
        side,
        operation: settings.operation,
        pairs: fields.zip(settings.headers.into_iter().map(Text::from)).collect(),
        with_default: settings.replace_null_with_default,
        plans: Plans::default(),
    }))
}

impl Transform for HeaderFrom {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let purpose = match self.operation {
            Operation::Move => "header move",
            Operation::Copy => "header copy",
        };
        let pairs = &self.pairs;
        let (cell, headers) = match self.side {
            Side::Key => (&mut record.key, &mut record.headers.0),
            Side::Value => (&mut record.value, &mut record.headers.0),
        };
        if cell.schema.is_none() {
            require_map(&cell.value, purpose)?;
            for (field, header) in pairs {
                let value = cell.value.map_get(field).cloned().unwrap_or_default();
                headers.push(Header {
                    key: header.clone(),
                    value: SchemaAndValue::schemaless(value),
                });
            }
            if let (Operation::Move, Value::Map(entries)) = (self.operation, &mut cell.value) {
                entries.retain(|(key, _)| !pairs.iter().any(|(field, _)| key.as_str() == Some(field)));
            }
            return Ok(Verdict::Keep);
        }
        let value = require_struct(&cell.value, purpose)?;
        let schema = value.schema();
        let operation = self.operation;
        let with_default = self.with_default;
        let plan = self.plans.get(schema, |schema| plan(pairs, operation, schema))?;
        if let Some((target, positions)) = &plan.stays {
            for (field, position) in target.fields().iter().zip(positions) {
                check_copy(field, &value.values()[*position], with_default)?;
            }
        }
        for ((_, header), position) in pairs.iter().zip(&plan.fields) {
            let field = &schema.fields()[*position];
            headers.push(Header {
                key: header.clone(),
                value: SchemaAndValue::new(field.schema.clone(), read(value, *position, with_default).clone()),
            });
        }
        if let Some((target, positions)) = &plan.stays {
            rebuild(cell, target, |mut values| {
                for (to, from) in positions.iter().enumerate() {
                    values.swap(to, *from);
                }
                values.truncate(positions.len());
                for (field, value) in target.fields().iter().zip(&mut values) {
                    fill_default(field, value, with_default);
                }
                values
            });
        }
        Ok(Verdict::Keep)
    }
}

fn plan(pairs: &[(Text, Text)], operation: Operation, schema: &SchemaRef) -> Result<Plan> {
    let mut fields = Vec::with_capacity(pairs.len());
    for (name, _) in pairs {
        let missing = || {
            Error::new(
                ErrorKind::NullPointer,
                format!("There is no field {name} to make a header of"),
            )
        };
        fields.push(schema.field_index(name).ok_or_else(missing)?);
    }
    let stays = match operation {
        Operation::Copy => None,
        Operation::Move => {
            let mut target = copy_basics(schema, Schema::structure());
            let mut positions = Vec::new();
            for (index, field) in schema.fields().iter().enumerate() {
                if !fields.contains(&index) {
                    target = target.field(field.name.clone(), field.schema.clone());
                    positions.push(index);
                }
            }
            Some((target.build()?, positions))
        }
    };
    Ok(Plan { fields, stays })
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Struct, Type};

    #[test]
    fn fields_become_headers() {
        let number = Schema::primitive(Type::Int32, false);
        let schema = Schema::structure()
            .field("a", number.clone())
            .field("b", number.clone())
            .field("c", number)
            .finish();
        let values = vec![Value::Int32(1), Value::Int32(2), Value::Int32(3)];
        let row = SchemaAndValue::new(schema.clone(), Value::Struct(Struct::new(schema, values.clone())));
        let props = Props::new().with("fields", "b,a").with("headers", "x,y");
        for (operation, left) in [("copy", values), ("move", vec![Value::Int32(3)])] {
            let mut record = sink_record("t", 1, SchemaAndValue::NULL, row.clone());
            let props = props.clone().with("operation", operation);
            create(&props, Side::Value).unwrap().apply(&mut record).unwrap();
            let headers: Vec<(&str, &Value)> = record.headers.iter().map(|h| (&*h.key, &h.value.value)).collect();
            assert_eq!(headers, [("x", &Value::Int32(2)), ("y", &Value::Int32(1))]);
            assert_eq!(record.value.value.as_struct().unwrap().values(), left);
        }
    }
}
