//! Values: what a Java worker holds as an `Object`.

use super::{Decimal, SchemaRef, Text};
use bytes::Bytes;

/// One value. The variant says the Java class, whatever the schema says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Boolean(bool),
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    String(Text),
    Bytes(Bytes),
    /// `java.math.BigDecimal`.
    Decimal(Decimal),
    /// `java.util.Date`: milliseconds since the epoch; the logical types Date, Time and Timestamp all use it.
    Date(i64),
    Array(Vec<Value>),
    /// Entries in iteration order.
    Map(Vec<(Value, Value)>),
    Struct(Struct),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Text value from anything that becomes text.
    pub fn text(text: impl Into<Text>) -> Value {
        Value::String(text.into())
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Value::Struct(value) => Some(value),
            _ => None,
        }
    }

    /// Value of a member of a schemaless map with text keys.
    pub fn map_get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries
                .iter()
                .rev()
                .find(|(k, _)| k.as_str() == Some(key))
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Java class name, as messages show it; null has none and gives `null`.
    pub fn java_class(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Boolean(_) => "java.lang.Boolean",
            Value::Int8(_) => "java.lang.Byte",
            Value::Int16(_) => "java.lang.Short",
            Value::Int32(_) => "java.lang.Integer",
            Value::Int64(_) => "java.lang.Long",
            Value::Float32(_) => "java.lang.Float",
            Value::Float64(_) => "java.lang.Double",
            Value::String(_) => "java.lang.String",
            Value::Bytes(_) => "[B",
            Value::Decimal(_) => "java.math.BigDecimal",
            Value::Date(_) => "java.util.Date",
            Value::Array(_) => "java.util.ArrayList",
            Value::Map(_) => "java.util.HashMap",
            Value::Struct(_) => "org.apache.kafka.connect.data.Struct",
        }
    }
}

macro_rules! from_value {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        })*
    };
}
from_value!(bool => Boolean, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, f32 => Float32, f64 => Float64,
            &str => String, String => String, Text => String, Bytes => Bytes, Decimal => Decimal, Struct => Struct);

/// A struct: one shared schema and one value per field, in the schema's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    schema: SchemaRef,
    values: Box<[Value]>,
}

impl Struct {
    /// A struct of `values` in field order; missing values at the end are null, surplus ones are dropped.
    pub fn new(schema: SchemaRef, mut values: Vec<Value>) -> Self {
        values.resize(schema.fields().len(), Value::Null);
        Struct {
            schema,
            values: values.into_boxed_slice(),
        }
    }

    /// A struct of nulls.
    pub fn empty(schema: SchemaRef) -> Self {
        Self::new(schema, Vec::new())
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Values in field order, without defaults applied.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [Value] {
        &mut self.values
    }

    pub fn into_parts(self) -> (SchemaRef, Vec<Value>) {
        (self.schema, self.values.into_vec())
    }

    /// Value of a field as `Struct.get` gives it: null becomes the field's default. None for an unknown field.
    pub fn get(&self, field: &str) -> Option<&Value> {
        let index = self.schema.field_index(field)?;
        Some(self.get_at(index))
    }

    /// As [`Struct::get`] by position; null beyond the end.
    pub fn get_at(&self, index: usize) -> &Value {
        static NULL: Value = Value::Null;
        match self.values.get(index) {
            Some(Value::Null) => self.schema.fields()[index].schema.default_value().unwrap_or(&NULL),
            Some(value) => value,
            None => &NULL,
        }
    }

    /// Value of a field as stored (`getWithoutDefault`).
    pub fn get_without_default(&self, field: &str) -> Option<&Value> {
        let index = self.schema.field_index(field)?;
        self.values.get(index)
    }
}

/// A value beside its schema; the schema is absent for schemaless data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SchemaAndValue {
    pub schema: Option<SchemaRef>,
    pub value: Value,
}

impl SchemaAndValue {
    /// No schema, no value.
    pub const NULL: SchemaAndValue = SchemaAndValue {
        schema: None,
        value: Value::Null,
    };

    pub fn new(schema: SchemaRef, value: Value) -> Self {
        SchemaAndValue {
            schema: Some(schema),
            value,
        }
    }

    pub fn schemaless(value: Value) -> Self {
        SchemaAndValue { schema: None, value }
    }
}
