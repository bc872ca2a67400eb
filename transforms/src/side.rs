//! The `$Key`/`$Value` split of transformations, and the checks of a record's shape they have in common.

use turnbuckle_api::config::Validator;
use turnbuckle_api::{Error, Record, Result, SchemaAndValue, Struct, Value};

/// Which half of a record a transformation works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Key,
    Value,
}

impl Side {
    pub fn of(self, record: &Record) -> &SchemaAndValue {
        match self {
            Side::Key => &record.key,
            Side::Value => &record.value,
        }
    }

    pub fn of_mut(self, record: &mut Record) -> &mut SchemaAndValue {
        match self {
            Side::Key => &mut record.key,
            Side::Value => &mut record.value,
        }
    }
}

/// Entries of a schemaless map, in iteration order.
pub type MapEntries = [(Value, Value)];

/// The entries of a map; anything else, null included, is refused. `purpose` says in the message what they are needed for.
///
/// # Errors
/// `DataException` with Kafka's text.
pub fn require_map<'a>(value: &'a Value, purpose: &str) -> Result<&'a MapEntries> {
    match value {
        Value::Map(entries) => Ok(entries),
        other => Err(not_a_map(other, purpose)),
    }
}

/// A struct; anything else, null included, is refused.
///
/// # Errors
/// `DataException` with Kafka's text.
pub fn require_struct<'a>(value: &'a Value, purpose: &str) -> Result<&'a Struct> {
    match value {
        Value::Struct(value) => Ok(value),
        other => Err(not_a_struct(other, purpose)),
    }
}

/// The error of a schemaless value that is no map.
pub fn not_a_map(value: &Value, purpose: &str) -> Error {
    let class = value.java_class();
    Error::data(format!(
        "Only Map objects supported in absence of schema for [{purpose}], found: {class}"
    ))
}

/// The error of a value with schema that is no struct.
pub fn not_a_struct(value: &Value, purpose: &str) -> Error {
    let class = value.java_class();
    Error::data(format!("Only Struct objects supported for [{purpose}], found: {class}"))
}

/// `NonEmptyListValidator`: a list with at least one item; null is refused, too.
pub fn non_empty_list() -> Validator {
    use turnbuckle_api::config::ParsedValue;
    Validator::new(|name, value| match value {
        ParsedValue::List(items) if !items.is_empty() => Ok(()),
        other => Err(Error::invalid_config(name, other, "Empty list")),
    })
}
