//! One schema for all elements of a container: numbers widen, equal types keep the last schema, anything else has no common
//! schema. Values are then brought to the common type.

use turnbuckle_api::data::Logical;
use turnbuckle_api::{SchemaAndValue, SchemaRef, Type, Value};

/// Gathers schemas.
#[derive(Default)]
pub(super) struct Common {
    schema: Option<SchemaRef>,
    incompatible: bool,
}

impl Common {
    /// Takes an element's schema into account; nulls have none.
    pub(super) fn add(&mut self, element: Option<&SchemaAndValue>) {
        let Some(latest) = element.and_then(|element| element.schema.as_ref()) else {
            return;
        };
        if self.incompatible {
            return;
        }
        self.schema = match &self.schema {
            None => Some(latest.clone()),
            Some(previous) => wider(previous, latest).cloned(),
        };
        self.incompatible = self.schema.is_none();
    }

    /// The common schema, if all had one.
    pub(super) fn into_schema(self) -> Option<SchemaRef> {
        self.schema
    }
}

/// Rank of numeric types; a number of lower rank fits (more or less) into one of higher rank.
fn rank(kind: Type) -> Option<u8> {
    match kind {
        Type::Int8 => Some(1),
        Type::Int16 => Some(2),
        Type::Int32 => Some(3),
        Type::Int64 => Some(4),
        Type::Float32 => Some(5),
        Type::Float64 => Some(6),
        _ => None,
    }
}

fn wider<'a>(previous: &'a SchemaRef, latest: &'a SchemaRef) -> Option<&'a SchemaRef> {
    if previous.kind() == latest.kind() {
        return Some(latest);
    }
    let (before, after) = (rank(previous.kind())?, rank(latest.kind())?);
    Some(if after > before { latest } else { previous })
}

/// Brings a parsed value to the common schema; None if it does not go.
pub(super) fn align(schema: &SchemaRef, value: Value) -> Option<Value> {
    match schema.kind() {
        Type::Int8 => Some(Value::Int8(integer(&value)? as i8)),
        Type::Int16 => Some(Value::Int16(integer(&value)? as i16)),
        Type::Int32 | Type::Int64 => align_maybe_temporal(schema, value),
        Type::Float32 => float32(&value).map(Value::Float32),
        Type::Float64 => float64(&value).map(Value::Float64),
        // Text, booleans, decimals and containers only ever meet their own kind, and stay as they are.
        _ => (!value.is_null()).then_some(value),
    }
}

const MILLIS_PER_DAY: i64 = 86_400_000;

fn align_maybe_temporal(schema: &SchemaRef, value: Value) -> Option<Value> {
    if schema.logical().is_some() && matches!(value, Value::Date(_)) {
        return Some(value);
    }
    let number = integer(&value)?;
    Some(match (schema.logical(), schema.kind()) {
        (Some(Logical::Date), _) => Value::Date(i64::from(number as i32) * MILLIS_PER_DAY),
        (Some(Logical::Time), _) => {
            let millis = number as i32;
            if !(0..=MILLIS_PER_DAY).contains(&i64::from(millis)) {
                return None;
            }
            Value::Date(i64::from(millis))
        }
        (Some(Logical::Timestamp), _) => Value::Date(number),
        (_, Type::Int32) => Value::Int32(number as i32),
        _ => Value::Int64(number),
    })
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(value) => Some(i64::from(*value)),
        Value::Int16(value) => Some(i64::from(*value)),
        Value::Int32(value) => Some(i64::from(*value)),
        Value::Int64(value) => Some(*value),
        _ => None,
    }
}

fn float32(value: &Value) -> Option<f32> {
    match value {
        Value::Float32(value) => Some(*value),
        other => integer(other).map(|value| value as f32),
    }
}

fn float64(value: &Value) -> Option<f64> {
    match value {
        Value::Float32(value) => Some(f64::from(*value)),
        Value::Float64(value) => Some(*value),
        other => integer(other).map(|value| value as f64),
    }
}
