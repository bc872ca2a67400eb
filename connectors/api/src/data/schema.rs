//! Schemas: type, optional flag, name, version, doc, parameters, default, and what containers hold.

use super::{Text, Value, validate_value};
use crate::error::{Error, ErrorKind, Result};
use indexmap::IndexMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A shared schema.
pub type SchemaRef = Arc<Schema>;

/// The twelve types of Connect (`org.apache.kafka.connect.data.Schema.Type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

impl Type {
    pub const ALL: [Type; 12] = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Boolean,
        Type::String,
        Type::Bytes,
        Type::Array,
        Type::Map,
        Type::Struct,
    ];

    /// Lower-case name, as in Connect's own `Type.getName()`: `int8`, `float32`, `struct`.
    pub fn name(self) -> &'static str {
        match self {
            Type::Int8 => "int8",
            Type::Int16 => "int16",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Float32 => "float32",
            Type::Float64 => "float64",
            Type::Boolean => "boolean",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Array => "array",
            Type::Map => "map",
            Type::Struct => "struct",
        }
    }

    /// The enum constant's name, as messages show it: `INT8`.
    pub fn constant(self) -> &'static str {
        match self {
            Type::Int8 => "INT8",
            Type::Int16 => "INT16",
            Type::Int32 => "INT32",
            Type::Int64 => "INT64",
            Type::Float32 => "FLOAT32",
            Type::Float64 => "FLOAT64",
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Array => "ARRAY",
            Type::Map => "MAP",
            Type::Struct => "STRUCT",
        }
    }

    pub fn from_name(name: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// All but array, map and struct.
    pub fn is_primitive(self) -> bool {
        !matches!(self, Type::Array | Type::Map | Type::Struct)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.constant())
    }
}

/// The logical types that Connect itself knows, recognised by schema name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Logical {
    Decimal,
    Date,
    Time,
    Timestamp,
}

impl Logical {
    pub const DECIMAL: &'static str = "org.apache.kafka.connect.data.Decimal";
    pub const DATE: &'static str = "org.apache.kafka.connect.data.Date";
    pub const TIME: &'static str = "org.apache.kafka.connect.data.Time";
    pub const TIMESTAMP: &'static str = "org.apache.kafka.connect.data.Timestamp";

    pub fn from_name(name: &str) -> Option<Logical> {
        match name {
            Self::DECIMAL => Some(Logical::Decimal),
            Self::DATE => Some(Logical::Date),
            Self::TIME => Some(Logical::Time),
            Self::TIMESTAMP => Some(Logical::Timestamp),
            _ => None,
        }
    }
}

/// One field of a struct schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: Text,
    pub schema: SchemaRef,
}

/// What a container holds. Element schemas may be absent (containers parsed from text).
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Primitive,
    Array(Option<SchemaRef>),
    Map(Option<SchemaRef>, Option<SchemaRef>),
    Struct(Box<[Field]>),
    /// Stands for the enclosing struct of the same name inside a schema that contains itself.
    Recursive,
}

/// A schema. Equality compares every attribute, as `ConnectSchema.equals` does; compare pointers first where it is hot
/// ([`super::same_schema`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    kind: Type,
    optional: bool,
    name: Option<Text>,
    version: Option<i32>,
    doc: Option<Text>,
    parameters: IndexMap<String, String>,
    default: Option<Value>,
    shape: Shape,
    logical: Option<Logical>,
}

impl Schema {
    pub fn kind(&self) -> Type {
        self.kind
    }

    pub fn is_optional(&self) -> bool {
        self.optional
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn version(&self) -> Option<i32> {
        self.version
    }

    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// Parameters in the order in which they were set; an empty map equals no parameters, order does not count.
    pub fn parameters(&self) -> &IndexMap<String, String> {
        &self.parameters
    }

    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.get(key).map(String::as_str)
    }

    pub fn default_value(&self) -> Option<&Value> {
        self.default.as_ref()
    }

    /// The logical type that the name stands for.
    pub fn logical(&self) -> Option<Logical> {
        self.logical
    }

    /// Element schema of an array.
    pub fn items(&self) -> Option<&SchemaRef> {
        match &self.shape {
            Shape::Array(items) => items.as_ref(),
            _ => None,
        }
    }

    /// Key schema of a map.
    pub fn keys(&self) -> Option<&SchemaRef> {
        match &self.shape {
            Shape::Map(keys, _) => keys.as_ref(),
            _ => None,
        }
    }

    /// Value schema of a map.
    pub fn values(&self) -> Option<&SchemaRef> {
        match &self.shape {
            Shape::Map(_, values) => values.as_ref(),
            _ => None,
        }
    }

    /// Fields of a struct, else empty.
    pub fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Position of a field. Linear: look up once per schema, not per record.
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| field.name == name)
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields().iter().find(|field| field.name == name)
    }

    /// True for the inner occurrence of a struct schema that contains itself.
    pub fn is_recursive(&self) -> bool {
        self.shape == Shape::Recursive
    }

    /// A builder that starts from all attributes of this schema (fields included).
    pub fn to_builder(&self) -> SchemaBuilder {
        SchemaBuilder { schema: self.clone() }
    }

    /// The shared schema of a primitive type without further attributes.
    ///
    /// # Panics
    /// Never for primitive types; containers have no such schema and give the string schema's place in the table a miss,
    /// so callers pass primitives only.
    pub fn primitive(kind: Type, optional: bool) -> SchemaRef {
        static PLAIN: LazyLock<Vec<[SchemaRef; 2]>> = LazyLock::new(|| {
            Type::ALL
                .into_iter()
                .map(|kind| {
                    let required = Arc::new(SchemaBuilder::new(kind).schema);
                    let optional = Arc::new(SchemaBuilder::new(kind).optional().schema);
                    [required, optional]
                })
                .collect()
        });
        PLAIN[kind as usize][usize::from(optional)].clone()
    }

    /// Connect's Decimal of this scale: bytes, version 1, parameter `scale`.
    pub fn decimal(scale: i32) -> SchemaBuilder {
        SchemaBuilder::new(Type::Bytes)
            .name(Logical::DECIMAL)
            .version(1)
            .parameter("scale", scale.to_string())
    }

    /// Connect's Date: days since the epoch in an int32.
    pub fn date() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Logical::DATE).version(1)
    }

    /// Connect's Time: milliseconds of the day in an int32.
    pub fn time() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int32).name(Logical::TIME).version(1)
    }

    /// Connect's Timestamp: milliseconds since the epoch in an int64.
    pub fn timestamp() -> SchemaBuilder {
        SchemaBuilder::new(Type::Int64).name(Logical::TIMESTAMP).version(1)
    }

    /// Starts a struct schema.
    pub fn structure() -> SchemaBuilder {
        SchemaBuilder::new(Type::Struct)
    }
}

/// Builds a [`Schema`]; later calls replace earlier ones.
#[derive(Clone, Debug)]
pub struct SchemaBuilder {
    schema: Schema,
}

impl SchemaBuilder {
    pub fn new(kind: Type) -> Self {
        let shape = match kind {
            Type::Array => Shape::Array(None),
            Type::Map => Shape::Map(None, None),
            Type::Struct => Shape::Struct(Box::new([])),
            _ => Shape::Primitive,
        };
        SchemaBuilder {
            schema: Schema {
                kind,
                optional: false,
                name: None,
                version: None,
                doc: None,
                parameters: IndexMap::new(),
                default: None,
                shape,
                logical: None,
            },
        }
    }

    pub fn array(items: Option<SchemaRef>) -> Self {
        let mut builder = Self::new(Type::Array);
        builder.schema.shape = Shape::Array(items);
        builder
    }

    pub fn map(keys: Option<SchemaRef>, values: Option<SchemaRef>) -> Self {
        let mut builder = Self::new(Type::Map);
        builder.schema.shape = Shape::Map(keys, values);
        builder
    }

    /// Stands for the enclosing struct `name` inside itself.
    pub fn recursive(name: impl Into<Text>) -> Self {
        let mut builder = Self::new(Type::Struct).name(name);
        builder.schema.shape = Shape::Recursive;
        builder
    }

    pub fn optional(self) -> Self {
        self.with_optional(true)
    }

    pub fn with_optional(mut self, optional: bool) -> Self {
        self.schema.optional = optional;
        self
    }

    pub fn name(mut self, name: impl Into<Text>) -> Self {
        let name = name.into();
        self.schema.logical = Logical::from_name(&name);
        self.schema.name = Some(name);
        self
    }

    pub fn version(mut self, version: i32) -> Self {
        self.schema.version = Some(version);
        self
    }

    pub fn doc(mut self, doc: impl Into<Text>) -> Self {
        self.schema.doc = Some(doc.into());
        self
    }

    pub fn parameter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.schema.parameters.insert(key.into(), value.into());
        self
    }

    pub fn without_name(mut self) -> Self {
        self.schema.name = None;
        self.schema.logical = None;
        self
    }

    pub fn without_version(mut self) -> Self {
        self.schema.version = None;
        self
    }

    pub fn without_default(mut self) -> Self {
        self.schema.default = None;
        self
    }

    /// Default value; checked against the schema by [`SchemaBuilder::build`].
    pub fn default_value(mut self, value: Value) -> Self {
        self.schema.default = Some(value);
        self
    }

    /// Adds a field to a struct schema; on other types it changes nothing.
    pub fn field(mut self, name: impl Into<Text>, schema: SchemaRef) -> Self {
        if let Shape::Struct(fields) = &mut self.schema.shape {
            let mut grown = std::mem::take(fields).into_vec();
            grown.push(Field {
                name: name.into(),
                schema,
            });
            *fields = grown.into_boxed_slice();
        }
        self
    }

    /// Sets all fields of a struct schema.
    pub fn fields(mut self, fields: Vec<Field>) -> Self {
        if self.schema.kind == Type::Struct {
            self.schema.shape = Shape::Struct(fields.into_boxed_slice());
        }
        self
    }

    /// The schema.
    ///
    /// # Errors
    /// `SchemaBuilderException` if a field has no name, two fields share one, or the default does not fit.
    pub fn build(self) -> Result<SchemaRef> {
        let schema = Arc::new(self.schema);
        if let Shape::Struct(fields) = &schema.shape {
            let mut seen = std::collections::HashSet::with_capacity(fields.len());
            for field in fields.iter() {
                if field.name.is_empty() {
                    return Err(Error::new(ErrorKind::SchemaBuilder, "fieldName cannot be null."));
                }
                if !seen.insert(&field.name) {
                    let text = format!("Cannot create field because of field name duplication {}", field.name);
                    return Err(Error::new(ErrorKind::SchemaBuilder, text));
                }
            }
        }
        if let Some(default) = &schema.default
            && let Err(cause) = validate_value(&schema, default)
        {
            return Err(Error::wrap(ErrorKind::SchemaBuilder, "Invalid default value", cause));
        }
        Ok(schema)
    }

    /// The schema of a builder that can't fail: no fields, no default.
    pub fn finish(self) -> SchemaRef {
        Arc::new(self.schema)
    }
}
