//! Connect schema to Avro schema (`AvroData.fromConnectSchema`): what it is called, what `connect.*` attributes keep of
//! it, and which types need a disguise (maps with other than text keys, structs without a name, unions, schemaless data).

use super::defaults::{is_valid_default, to_json};
use super::logical::decimal_scale;
use super::names::*;
use super::schema::{AvroSchema, EnumType, Kind, Name, NodeId, Record, RecordField};
use serde_json::{Value as Json, json};
use turnbuckle_api::data::{Logical, Schema, SchemaRef, Type};
use turnbuckle_api::{Error, ErrorKind, Result};

/// The Avro schema of `schema`; none gives the record that holds anything.
pub(crate) fn from_connect(schema: Option<&SchemaRef>, options: &DataOptions) -> Result<AvroSchema> {
    let mut mapping = Mapping {
        options,
        avro: AvroSchema::default(),
        done: Vec::new(),
        enclosing: Vec::new(),
        unnamed: 0,
        anything: None,
    };
    mapping.avro.root = match schema {
        Some(schema) => mapping.convert(schema)?,
        None => mapping.anything(),
    };
    Ok(mapping.avro)
}

/// True if a struct of this schema stands for one of several types.
pub(crate) fn is_union(schema: &Schema) -> bool {
    schema.kind() == Type::Struct
        && (schema.name() == Some(UNION) || schema.parameters().contains_key(GENERALIZED_UNION))
}

/// The parameter that makes a text schema an enum, if the options want enums.
pub(crate) fn enum_parameter(schema: &Schema, options: &DataOptions) -> Option<&'static str> {
    let known = if options.generalized {
        [GENERALIZED_ENUM, ENUM]
    } else if options.enhanced {
        [ENUM, ENUM]
    } else {
        return None;
    };
    known
        .into_iter()
        .find(|key| schema.kind() == Type::String && schema.parameters().contains_key(*key))
}

/// True if a map of this schema becomes an Avro map; others become arrays of entries.
pub(crate) fn is_text_keyed(keys: &Schema, options: &DataOptions) -> bool {
    keys.kind() == Type::String && (!keys.is_optional() || options.optional_map_keys)
}

struct Mapping<'a> {
    options: &'a DataOptions,
    avro: AvroSchema,
    /// Required named types that are finished: an equal schema is the same type.
    done: Vec<(SchemaRef, NodeId)>,
    /// Structs that are being converted, for those that contain themselves.
    enclosing: Vec<(String, NodeId)>,
    unnamed: usize,
    anything: Option<NodeId>,
}

fn refuse(message: String) -> Error {
    Error::new(ErrorKind::Class("org.apache.avro.AvroRuntimeException"), message)
}

impl Mapping<'_> {
    fn convert(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        if is_union(schema) {
            return self.union(schema);
        }
        if !schema.is_optional() {
            return self.required(schema);
        }
        let base = schema.to_builder().with_optional(false).finish();
        let base = self.required(&base)?;
        let null = self.avro.add(Kind::Null);
        // Only a default moves the type before null, because Avro takes a default for the first member. A struct's default
        // has never done so.
        let value_first = schema.default_value().is_some() && schema.kind() != Type::Struct;
        let members = if value_first {
            vec![base, null]
        } else {
            vec![null, base]
        };
        Ok(self.avro.add(Kind::Union(members)))
    }

    /// The type itself, whether optional or not.
    fn required(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        if schema.is_recursive() {
            let name = schema.name().unwrap_or_default();
            let found = self.enclosing.iter().rev().find(|(enclosing, _)| enclosing == name);
            return found.map(|(_, node)| *node).ok_or_else(|| {
                Error::data(format!(
                    "Schema refers to an enclosing struct \"{name}\" that does not exist"
                ))
            });
        }
        if let Some((_, node)) = self.done.iter().find(|(known, _)| known == schema) {
            return Ok(*node);
        }
        let node = match schema.kind() {
            Type::Int8 | Type::Int16 | Type::Int32 => self.avro.add(Kind::Int),
            Type::Int64 => self.avro.add(Kind::Long),
            Type::Float32 => self.avro.add(Kind::Float),
            Type::Float64 => self.avro.add(Kind::Double),
            Type::Boolean => self.avro.add(Kind::Boolean),
            Type::String => self.text(schema)?,
            Type::Bytes => self.bytes(schema)?,
            Type::Array => {
                let items = self.element(schema.items())?;
                self.avro.add(Kind::Array(items))
            }
            Type::Map => self.map(schema)?,
            Type::Struct => self.structure(schema)?,
        };
        self.annotate(schema, node)?;
        if matches!(schema.kind(), Type::Struct | Type::Map | Type::String | Type::Bytes) {
            self.done.push((schema.clone(), node));
        }
        Ok(node)
    }

    fn element(&mut self, schema: Option<&SchemaRef>) -> Result<NodeId> {
        match schema {
            Some(schema) => self.convert(schema),
            None => Ok(self.anything()),
        }
    }

    fn union(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        let mut members = Vec::with_capacity(schema.fields().len() + 1);
        if schema.is_optional() {
            members.push(self.avro.add(Kind::Null));
        }
        for field in schema.fields() {
            let base = field.schema.to_builder().with_optional(false).finish();
            let member = self.convert(&base)?;
            let name = self.avro.branch_name(member);
            if matches!(self.avro.kind(member), Kind::Union(_)) {
                return Err(refuse(format!("Nested union: field {} of {}", field.name, UNION)));
            }
            if members.iter().any(|known| self.avro.branch_name(*known) == name) {
                return Err(refuse(format!("Duplicate in union:{name}")));
            }
            members.push(member);
        }
        Ok(self.avro.add(Kind::Union(members)))
    }

    fn text(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        let Some(parameter) = enum_parameter(schema, self.options) else {
            return Ok(self.avro.add(Kind::String));
        };
        let name = self.name_of(schema.parameter(parameter))?;
        let prefix = format!("{parameter}.");
        let symbols = schema.parameters().keys().filter_map(|key| key.strip_prefix(&prefix));
        let mut symbols: Vec<String> = symbols.map(str::to_string).collect();
        if parameter == GENERALIZED_ENUM {
            let ordinal = |symbol: &String| {
                let text = schema.parameter(&format!("{prefix}{symbol}"))?;
                text.parse::<i64>().ok()
            };
            symbols.sort_by_key(|symbol| ordinal(symbol).unwrap_or(i64::MAX));
        }
        for symbol in &symbols {
            check_name(symbol)?;
        }
        let described = |prefix: &str| {
            schema
                .parameter(&format!("{prefix}{}", name.simple))
                .map(str::to_string)
        };
        let (doc, default) = (described(ENUM_DOC_PREFIX), described(ENUM_DEFAULT_PREFIX));
        let kind = EnumType {
            name,
            doc,
            aliases: Vec::new(),
            symbols,
            default,
        };
        Ok(self.avro.add(Kind::Enum(kind)))
    }

    fn bytes(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        let node = match schema.parameter(FIXED_SIZE) {
            Some(text) => {
                let size = text.parse::<u32>().ok().filter(|size| i32::try_from(*size).is_ok());
                let size = size.ok_or_else(|| not_a_number(text))?;
                let name = self.name_of(schema.name())?;
                self.avro.add(Kind::Fixed {
                    name,
                    aliases: Vec::new(),
                    size: size as usize,
                })
            }
            None => self.avro.add(Kind::Bytes),
        };
        if schema.logical() == Some(Logical::Decimal) {
            let precision = match schema.parameter(DECIMAL_PRECISION) {
                Some(text) => text.parse::<i64>().map_err(|_| not_a_number(text))?,
                None => DEFAULT_PRECISION,
            };
            let props = &mut self.avro.nodes[node].props;
            props.insert("scale".into(), json!(decimal_scale(schema)?));
            props.insert("precision".into(), json!(precision));
        }
        Ok(node)
    }

    fn map(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        let text_keyed = schema.keys().is_some_and(|keys| is_text_keyed(keys, self.options));
        if text_keyed {
            let values = self.element(schema.values())?;
            return Ok(self.avro.add(Kind::Map(values)));
        }
        let name = match schema.name() {
            Some(name) => self.name_of(Some(name))?,
            None => own_name(MAP_ENTRY),
        };
        let entry = self.avro.add(Kind::Null);
        if schema.name().is_some() {
            let props = &mut self.avro.nodes[entry].props;
            props.insert(CONNECT_INTERNAL_TYPE.into(), json!(MAP_ENTRY));
        }
        let key = self.field(KEY_FIELD.into(), schema.keys(), None)?;
        let value = self.field(VALUE_FIELD.into(), schema.values(), None)?;
        self.avro.nodes[entry].kind = Kind::Record(Record {
            name,
            doc: None,
            aliases: Vec::new(),
            fields: vec![key, value],
        });
        Ok(self.avro.add(Kind::Array(entry)))
    }

    fn structure(&mut self, schema: &SchemaRef) -> Result<NodeId> {
        let name = self.name_of(schema.name())?;
        let doc_key = if self.options.discard_doc {
            CONNECT_RECORD_DOC
        } else {
            RECORD_DOC
        };
        let doc = schema.parameter(doc_key).map(str::to_string);
        let node = self.avro.add(Kind::Null);
        self.enclosing
            .push((schema.name().unwrap_or_default().to_string(), node));
        let mut fields: Vec<RecordField> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let field_doc = if self.options.discard_doc {
                field.schema.doc()
            } else {
                schema.parameter(&format!("{FIELD_DOC_PREFIX}{}", field.name))
            };
            let field_doc = field_doc.map(str::to_string);
            let converted = self.field(self.options.scrubbed(&field.name), Some(&field.schema), field_doc)?;
            if fields.iter().any(|known| known.name == converted.name) {
                return Err(refuse(format!(
                    "Duplicate field {} in record {}: field {} maps to the name of another field.",
                    converted.name,
                    name.full(),
                    field.name
                )));
            }
            fields.push(converted);
        }
        self.enclosing.pop();
        self.avro.nodes[node].kind = Kind::Record(Record {
            name,
            doc,
            aliases: Vec::new(),
            fields,
        });
        Ok(node)
    }

    fn field(&mut self, name: String, schema: Option<&SchemaRef>, doc: Option<String>) -> Result<RecordField> {
        let node = self.element(schema)?;
        check_name(&name)?;
        let mut default = None;
        if let Some(schema) = schema {
            match schema.default_value() {
                Some(value) => {
                    let json = to_json(schema, value)?;
                    if is_valid_default(&self.avro, node, &json) {
                        default = Some(json);
                    } else {
                        tracing::warn!(field = name, "default value does not fit the Avro type and is left out");
                    }
                }
                None if schema.is_optional() => default = Some(Json::Null),
                None => {}
            }
        }
        Ok(RecordField {
            name,
            node,
            doc,
            default,
            aliases: Vec::new(),
        })
    }

    /// Name of a record, enum or fixed; types without one are numbered in the order they are met.
    fn name_of(&mut self, full: Option<&str>) -> Result<Name> {
        let Some(full) = full else {
            self.unnamed += 1;
            return Ok(match self.unnamed {
                1 => own_name(DEFAULT_RECORD),
                number => own_name(&format!("{DEFAULT_RECORD}{number}")),
            });
        };
        let name = self.options.full_name(full);
        check_name(&name.simple)?;
        Ok(name)
    }

    fn annotate(&mut self, schema: &SchemaRef, node: NodeId) -> Result<()> {
        let props = &mut self.avro.nodes[node].props;
        if self.options.meta_data {
            if let Some(doc) = schema.doc() {
                props.insert(CONNECT_DOC.into(), json!(doc));
            }
            if let Some(version) = schema.version() {
                props.insert(CONNECT_VERSION.into(), json!(version));
            }
            if !schema.parameters().is_empty() {
                props.insert(CONNECT_PARAMETERS.into(), json!(schema.parameters()));
            }
            if let Some(default) = schema.default_value()
                && !schema.parameters().contains_key(FIELD_DEFAULT)
            {
                props.insert(CONNECT_DEFAULT.into(), to_json(schema, default)?);
            }
            if let Some(name) = schema.name() {
                props.insert(CONNECT_NAME.into(), json!(name));
            }
            match schema.kind() {
                Type::Int8 => props.insert(CONNECT_TYPE.into(), json!("int8")),
                Type::Int16 => props.insert(CONNECT_TYPE.into(), json!("int16")),
                _ => None,
            };
        }
        let logical_type = match schema.logical() {
            Some(Logical::Decimal) => "decimal",
            Some(Logical::Date) => "date",
            Some(Logical::Time) => "time-millis",
            Some(Logical::Timestamp) => "timestamp-millis",
            None => "",
        };
        if !logical_type.is_empty() {
            props.insert(LOGICAL_TYPE.into(), json!(logical_type));
        }
        for (key, value) in schema
            .parameters()
            .iter()
            .filter(|(key, _)| key.starts_with(AVRO_PREFIX))
        {
            props.insert(key.clone(), json!(value));
        }
        Ok(())
    }

    /// The record that holds a value of any type that JSON knows, and bytes.
    fn anything(&mut self) -> NodeId {
        if let Some(node) = self.anything {
            return node;
        }
        let node = self.avro.add(Kind::Null);
        self.anything = Some(node);
        let avro = &mut self.avro;
        let simple = |name: &str, kind: NodeId| RecordField {
            name: name.to_string(),
            node: kind,
            doc: None,
            default: None,
            aliases: Vec::new(),
        };
        let entry_fields = vec![simple(KEY_FIELD, node), simple(VALUE_FIELD, node)];
        let entry = avro.add(Kind::Record(Record {
            name: own_name(MAP_ENTRY),
            doc: None,
            aliases: Vec::new(),
            fields: entry_fields,
        }));
        let mut fields = Vec::with_capacity(9);
        for name in [
            "boolean", "bytes", "double", "float", "int", "long", "string", "array", "map",
        ] {
            let inner = match name {
                "array" => avro.add(Kind::Array(node)),
                "map" => avro.add(Kind::Array(entry)),
                primitive => avro.add(Kind::primitive(primitive).unwrap_or(Kind::Null)),
            };
            let null = avro.add(Kind::Null);
            let mut field = simple(name, avro.add(Kind::Union(vec![null, inner])));
            field.default = Some(Json::Null);
            fields.push(field);
        }
        avro.nodes[node].kind = Kind::Record(Record {
            name: own_name(ANYTHING),
            doc: None,
            aliases: Vec::new(),
            fields,
        });
        node
    }
}

fn own_name(simple: &str) -> Name {
    Name {
        namespace: NAMESPACE.to_string(),
        simple: simple.to_string(),
    }
}

fn not_a_number(text: &str) -> Error {
    let kind = ErrorKind::Class("java.lang.NumberFormatException");
    Error::new(kind, format!("For input string: \"{text}\""))
}
