//! Avro schema to Connect schema (`AvroData.toConnectSchema`), and beside it the [`Shape`]: how values of each type are
//! put together, which the reader is compiled from.

use super::defaults::from_json;
use super::names::*;
use super::schema::{AvroSchema, Kind, NodeId, Record};
use serde_json::Value as Json;
use turnbuckle_api::data::{Field, Logical, Schema, SchemaBuilder, SchemaRef, Type};
use turnbuckle_api::{Error, Result};

/// What becomes of an Avro type.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A single value of this storage type, of a logical type if the schema names one.
    Scalar(Type, Option<LogicalShape>),
    Array(Box<Shape>),
    Map(Box<Shape>),
    Entries(Box<EntryShape>),
    Struct(Box<StructShape>),
    /// A union of null and one other type.
    Nullable(Box<Shape>),
    Union(Box<UnionShape>),
    /// The enclosing struct of the same node.
    Recursive,
    /// Schemaless data; null where nothing is set.
    Anything,
}

#[derive(Clone, Copy, Debug)]
pub struct LogicalShape {
    pub kind: Logical,
    pub scale: i32,
}

#[derive(Clone, Debug)]
pub struct EntryShape {
    pub key: Shape,
    pub value: Shape,
}

#[derive(Clone, Debug)]
pub struct StructShape {
    pub schema: SchemaRef,
    pub fields: Vec<Shape>,
}

#[derive(Clone, Debug)]
pub struct UnionShape {
    pub schema: SchemaRef,
    /// One per member of the union; None for null.
    pub members: Vec<Option<MemberShape>>,
}

/// Where a member's value goes.
#[derive(Clone, Debug)]
pub struct MemberShape {
    /// Position of the struct's field, or why there is none.
    pub field: std::result::Result<usize, String>,
    pub shape: Shape,
}

/// The Connect schema of the whole and the shape of its values. The schema is None for schemaless data.
///
/// # Errors
/// `DataException` with the Java converter's texts.
pub(crate) fn to_connect(
    avro: &AvroSchema,
    version: Option<i32>,
    options: &DataOptions,
) -> Result<(Option<SchemaRef>, Shape)> {
    let mut mapping = Mapping {
        avro,
        options,
        enclosing: Vec::new(),
        unions: 0,
    };
    let context = Context {
        version,
        ..Context::default()
    };
    mapping.convert(avro.root, context)
}

struct Mapping<'a> {
    avro: &'a AvroSchema,
    options: &'a DataOptions,
    /// Records that are being converted.
    enclosing: Vec<NodeId>,
    /// Generalised unions so far.
    unions: usize,
}

/// What the place of a type adds to it.
#[derive(Clone, Copy, Default)]
struct Context<'a> {
    optional: bool,
    default: Option<&'a Json>,
    doc: Option<&'a str>,
    version: Option<i32>,
}

type Converted = (Option<SchemaRef>, Shape);

impl<'a> Mapping<'a> {
    fn convert(&mut self, id: NodeId, context: Context<'a>) -> Result<Converted> {
        let avro = self.avro;
        if let Kind::Union(members) = avro.kind(id) {
            return self.union(id, members, context);
        }
        if self.enclosing.contains(&id) {
            let builder = SchemaBuilder::recursive(self.connect_name(id)?.unwrap_or_default());
            let schema = builder.with_optional(context.optional).finish();
            return Ok((Some(schema), Shape::Recursive));
        }
        if let Kind::Record(record) = avro.kind(id)
            && record.name.full() == ANYTHING_FULL
        {
            return Ok((None, Shape::Anything));
        }
        let (builder, shape) = self.base(id)?;
        let builder = self.describe(id, builder, context)?;
        self.finish(id, builder, shape, context)
    }

    /// Type and what belongs to it alone; for structs the fields.
    fn base(&mut self, id: NodeId) -> Result<(SchemaBuilder, Shape)> {
        let avro = self.avro;
        let logical_type = avro
            .text_prop(id, LOGICAL_TYPE)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let plain = |kind: Type| (SchemaBuilder::new(kind), Shape::Scalar(kind, None));
        Ok(match avro.kind(id) {
            Kind::Null => {
                return Err(Error::data(
                    "Standalone null schemas are not supported by this converter",
                ));
            }
            Kind::Union(_) => return Err(Error::data("A union can't be a member of a union")),
            Kind::Boolean => plain(Type::Boolean),
            Kind::Float => plain(Type::Float32),
            Kind::Double => plain(Type::Float64),
            Kind::String => plain(Type::String),
            Kind::Int => match (logical_type.as_str(), avro.text_prop(id, CONNECT_TYPE)) {
                ("date", _) => (Schema::date(), Shape::Scalar(Type::Int32, None)),
                ("time-millis", _) => (Schema::time(), Shape::Scalar(Type::Int32, None)),
                ("", Some("int8")) => plain(Type::Int8),
                ("", Some("int16")) => plain(Type::Int16),
                ("", Some(other)) if Type::from_name(other).is_none() => {
                    return Err(Error::data("Connect type annotation for Avro int field is null"));
                }
                _ => plain(Type::Int32),
            },
            Kind::Long if logical_type == "timestamp-millis" => (Schema::timestamp(), Shape::Scalar(Type::Int64, None)),
            Kind::Long => plain(Type::Int64),
            Kind::Bytes | Kind::Fixed { .. } => {
                let (mut builder, shape) = plain(Type::Bytes);
                if logical_type == "decimal" {
                    builder = self.decimal(id)?;
                }
                if let Kind::Fixed { size, .. } = avro.kind(id) {
                    builder = builder.parameter(FIXED_SIZE, size.to_string());
                }
                (builder, shape)
            }
            Kind::Enum(kind) => {
                let parameter = if self.options.generalized {
                    GENERALIZED_ENUM
                } else {
                    ENUM
                };
                let mut builder = SchemaBuilder::new(Type::String).parameter(parameter, kind.name.full());
                for (ordinal, symbol) in kind.symbols.iter().enumerate() {
                    let value = if self.options.generalized {
                        ordinal.to_string()
                    } else {
                        symbol.clone()
                    };
                    builder = builder.parameter(format!("{parameter}.{symbol}"), value);
                }
                (builder, Shape::Scalar(Type::String, None))
            }
            Kind::Array(items) => match self.map_entry(*items)? {
                Some(entry) => {
                    let [key, value] = entry;
                    let (key_schema, key) = self.convert(key, Context::default())?;
                    let (value_schema, value) = self.convert(value, Context::default())?;
                    let shape = Shape::Entries(Box::new(EntryShape { key, value }));
                    (SchemaBuilder::map(key_schema, value_schema), shape)
                }
                None => {
                    let (items, shape) = self.convert(*items, Context::default())?;
                    (SchemaBuilder::array(items), Shape::Array(Box::new(shape)))
                }
            },
            Kind::Map(values) => {
                let (values, shape) = self.convert(*values, Context::default())?;
                let keys = Schema::primitive(Type::String, false);
                (SchemaBuilder::map(Some(keys), values), Shape::Map(Box::new(shape)))
            }
            Kind::Record(record) => {
                self.enclosing.push(id);
                let mut fields = Vec::with_capacity(record.fields.len());
                let mut shapes = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    let context = Context {
                        default: field.default.as_ref().filter(|default| !default.is_null()),
                        doc: field.doc.as_deref(),
                        ..Context::default()
                    };
                    let (schema, shape) = self.convert(field.node, context)?;
                    // A field of schemaless data has no schema in Java and fails there; here it says why.
                    let schema = schema.ok_or_else(|| {
                        Error::data(format!(
                            "Field {} of {} holds schemaless data, which a struct can't",
                            field.name,
                            record.name.full()
                        ))
                    })?;
                    fields.push(Field {
                        name: field.name.as_str().into(),
                        schema,
                    });
                    shapes.push(shape);
                }
                self.enclosing.pop();
                let shape = Shape::Struct(Box::new(StructShape {
                    schema: Schema::structure().finish(),
                    fields: shapes,
                }));
                (Schema::structure().fields(fields), shape)
            }
        })
    }

    fn decimal(&self, id: NodeId) -> Result<SchemaBuilder> {
        let props = &self.avro.node(id).props;
        let scale = props.get("scale").and_then(Json::as_i64).unwrap_or(0);
        let mut builder = Schema::decimal(i32::try_from(scale).unwrap_or(0));
        if let Some(precision) = props.get("precision").filter(|precision| !precision.is_null()) {
            let number = precision
                .as_i64()
                .ok_or_else(|| Error::data(format!("precision property must be a JSON Integer. Found: {precision}")))?;
            if number != DEFAULT_PRECISION {
                builder = builder.parameter(DECIMAL_PRECISION, number.to_string());
            }
        }
        Ok(builder)
    }

    /// Key and value types if `id` is a record that stands for a map's entry.
    fn map_entry(&self, id: NodeId) -> Result<Option<[NodeId; 2]>> {
        let Kind::Record(record) = self.avro.kind(id) else {
            return Ok(None);
        };
        let by_name = record.name.namespace == NAMESPACE && record.name.simple == MAP_ENTRY;
        if !by_name && self.avro.text_prop(id, CONNECT_INTERNAL_TYPE) != Some(MAP_ENTRY) {
            return Ok(None);
        }
        let node = |name: &str| {
            record
                .fields
                .iter()
                .find(|field| field.name == name)
                .map(|field| field.node)
        };
        match (node(KEY_FIELD), node(VALUE_FIELD)) {
            (Some(key), Some(value)) if record.fields.len() == 2 => Ok(Some([key, value])),
            _ => Err(Error::data(
                "Found map encoded as array of key-value pairs, but array elements do not match the expected format.",
            )),
        }
    }

    fn union(&mut self, id: NodeId, members: &'a [NodeId], context: Context<'a>) -> Result<Converted> {
        let avro = self.avro;
        let is_null = |member: &NodeId| matches!(avro.kind(*member), Kind::Null);
        if let [first, second] = members
            && (is_null(first) != is_null(second))
        {
            let inner = if is_null(first) { *second } else { *first };
            let place = Context {
                optional: true,
                doc: context.doc,
                ..Context::default()
            };
            let (schema, shape) = self.convert(inner, place)?;
            return Ok((schema, Shape::Nullable(Box::new(shape))));
        }
        let generalized = self.options.generalized;
        let mut builder = if generalized {
            let name = format!("{GENERALIZED_UNION_PREFIX}{}", self.unions);
            self.unions += 1;
            Schema::structure()
                .parameter(GENERALIZED_UNION, name.clone())
                .name(name)
        } else {
            Schema::structure().name(UNION)
        };
        let mut fields: Vec<Field> = Vec::with_capacity(members.len());
        let mut shapes = Vec::with_capacity(members.len());
        for (position, member) in members.iter().enumerate() {
            if is_null(member) {
                builder = builder.optional();
                shapes.push(None);
                continue;
            }
            let name = if generalized {
                format!("{GENERALIZED_UNION_FIELD_PREFIX}{position}")
            } else {
                self.member_name(*member)
            };
            if fields.iter().any(|field| field.name == name) {
                return Err(Error::data(
                    "Multiple union schemas map to the Connect union field name",
                ));
            }
            let place = Context {
                optional: true,
                ..Context::default()
            };
            let (schema, shape) = self.convert(*member, place)?;
            let schema = schema.ok_or_else(|| Error::data("A union can't hold schemaless data"))?;
            shapes.push(Some(MemberShape {
                field: Ok(fields.len()),
                shape,
            }));
            fields.push(Field {
                name: name.into(),
                schema,
            });
        }
        if generalized {
            misplace_members(&fields, &mut shapes);
        }
        builder = builder.fields(fields);
        let builder = self.describe(id, builder, context)?;
        let shape = Shape::Union(Box::new(UnionShape {
            schema: Schema::structure().finish(),
            members: shapes,
        }));
        self.finish(id, builder, shape, context)
    }

    /// Name of a union's field: the type, or the name of a named type.
    fn member_name(&self, id: NodeId) -> String {
        let name = match self.avro.kind(id) {
            Kind::Record(Record { name, .. }) | Kind::Fixed { name, .. } => name,
            Kind::Enum(kind) => &kind.name,
            other => return other.type_name().to_string(),
        };
        if self.options.enhanced {
            name.full()
        } else {
            name.simple.clone()
        }
    }

    /// Adds documentation, version, parameters, name and the optional flag.
    fn describe(&self, id: NodeId, mut builder: SchemaBuilder, context: Context<'_>) -> Result<SchemaBuilder> {
        let props = &self.avro.node(id).props;
        let options = self.options;
        builder = self.document(id, builder, context.doc);
        let version = match props.get(CONNECT_VERSION).filter(|version| !version.is_null()) {
            Some(version) => Some(
                version
                    .as_i64()
                    .ok_or_else(|| Error::data(format!("Invalid Connect version found: {version}")))?
                    as i32,
            ),
            None => context.version,
        };
        if let Some(version) = version.filter(|version| *version >= 0) {
            match builder.clone().finish().version() {
                Some(known) if known != version => {
                    return Err(Error::data(format!(
                        "Mismatched versions: version already added to SchemaBuilder ({known}) differs from version in \
                         source schema ({version})"
                    )));
                }
                _ => builder = builder.version(version),
            }
        }
        if options.meta_data
            && let Some(parameters) = props.get(CONNECT_PARAMETERS).filter(|parameters| !parameters.is_null())
        {
            let object = parameters.as_object().ok_or_else(|| {
                Error::data(format!(
                    "Expected JSON object for schema parameters but found: {parameters}"
                ))
            })?;
            for (key, value) in object {
                let text = value.as_str().ok_or_else(|| {
                    Error::data(format!(
                        "Expected schema parameter values to be strings but found: {value}"
                    ))
                })?;
                builder = builder.parameter(key, text);
            }
        }
        for (key, value) in props.iter().filter(|(key, _)| key.starts_with(AVRO_PREFIX)) {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            builder = builder.parameter(key, text);
        }
        if context.default.is_some() && options.meta_data && !options.discard_doc {
            builder = builder.parameter(FIELD_DEFAULT, "true");
        }
        if let Some(name) = self.connect_name(id)? {
            match builder.clone().finish().name() {
                Some(known) if known != name => {
                    return Err(Error::data(format!(
                        "Mismatched names: name already added to SchemaBuilder ({known}) differs from name in source \
                         schema ({name})"
                    )));
                }
                _ => builder = builder.name(name),
            }
        }
        Ok(if context.optional { builder.optional() } else { builder })
    }

    fn document(&self, id: NodeId, mut builder: SchemaBuilder, field_doc: Option<&str>) -> SchemaBuilder {
        let own_doc = match self.avro.kind(id) {
            Kind::Record(record) => record.doc.as_deref(),
            Kind::Enum(kind) => kind.doc.as_deref(),
            _ => None,
        };
        let connect_doc = self.avro.text_prop(id, CONNECT_DOC);
        if self.options.discard_doc {
            if let Some(doc) = field_doc.or(own_doc).or(connect_doc) {
                builder = builder.doc(doc);
            }
        } else if self.options.meta_data
            && let Some(doc) = connect_doc
        {
            builder = builder.doc(doc);
        }
        if !self.options.meta_data {
            return builder;
        }
        match self.avro.kind(id) {
            Kind::Record(record) => {
                if let Some(doc) = own_doc {
                    let key = if self.options.discard_doc {
                        CONNECT_RECORD_DOC
                    } else {
                        RECORD_DOC
                    };
                    builder = builder.parameter(key, doc);
                }
                if !self.options.discard_doc {
                    for field in &record.fields {
                        if let Some(doc) = &field.doc {
                            builder = builder.parameter(format!("{FIELD_DOC_PREFIX}{}", field.name), doc);
                        }
                    }
                }
            }
            Kind::Enum(kind) => {
                if let Some(doc) = own_doc {
                    builder = builder.parameter(format!("{ENUM_DOC_PREFIX}{}", kind.name.simple), doc);
                }
                if let Some(default) = &kind.default {
                    builder = builder.parameter(format!("{ENUM_DEFAULT_PREFIX}{}", kind.name.simple), default);
                }
            }
            _ => {}
        }
        builder
    }

    fn connect_name(&self, id: NodeId) -> Result<Option<String>> {
        let name = match self.avro.node(id).props.get(CONNECT_NAME) {
            None | Some(Json::Null) => match self.avro.kind(id) {
                Kind::Record(Record { name, .. }) | Kind::Fixed { name, .. } => Some(name.full()),
                Kind::Enum(kind) => Some(kind.name.full()),
                _ => None,
            },
            Some(Json::String(name)) => Some(name.clone()),
            Some(other) => return Err(Error::data(format!("Invalid schema name: {other}"))),
        };
        Ok(name.filter(|name| name != DEFAULT_RECORD_FULL))
    }

    /// Sets the default and gives structs their final schema.
    fn finish(&self, id: NodeId, builder: SchemaBuilder, mut shape: Shape, context: Context<'_>) -> Result<Converted> {
        let plain = builder.clone().finish();
        settle(&mut shape, &plain)?;
        let from_props = self
            .avro
            .node(id)
            .props
            .get(CONNECT_DEFAULT)
            .filter(|default| !default.is_null());
        let Some(json) = context.default.or(from_props) else {
            return Ok((Some(plain), shape));
        };
        let Some(default) = from_json(self.avro, id, &shape, json) else {
            if context.default.is_none() {
                return Err(Error::data(format!(
                    "Invalid default value {json} for schema type {}",
                    plain.kind()
                )));
            }
            tracing::warn!(default = %json, "ignoring an invalid default of an Avro field");
            return Ok((Some(plain), shape));
        };
        let schema = builder.default_value(default).finish();
        settle(&mut shape, &schema)?;
        Ok((Some(schema), shape))
    }
}

/// The struct's own schema and the logical type are known once the schema is finished.
fn settle(shape: &mut Shape, schema: &SchemaRef) -> Result<()> {
    match shape {
        Shape::Struct(structure) => structure.schema = schema.clone(),
        Shape::Union(union) => union.schema = schema.clone(),
        Shape::Scalar(_, logical) => {
            *logical = match schema.logical() {
                Some(kind) => Some(LogicalShape {
                    kind,
                    scale: match kind {
                        Logical::Decimal => super::logical::decimal_scale(schema)?,
                        _ => 0,
                    },
                }),
                None => None,
            }
        }
        _ => {}
    }
    Ok(())
}

/// The Java converter counts the fields of generalised unions with null when it names them, and without when it fills them.
fn misplace_members(fields: &[Field], shapes: &mut [Option<MemberShape>]) {
    for (counted, member) in shapes.iter_mut().flatten().enumerate() {
        let wanted = format!("{GENERALIZED_UNION_FIELD_PREFIX}{counted}");
        let own = member.field.clone();
        member.field = match fields.iter().position(|field| field.name == wanted) {
            None => Err(format!("{wanted} is not a valid field name")),
            Some(position) if own == Ok(position) => Ok(position),
            Some(position) => {
                let kind = fields[position].schema.kind();
                Err(format!(
                    "Invalid Java object for schema with type {kind} for field: \"{wanted}\""
                ))
            }
        };
    }
}
