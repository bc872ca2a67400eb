//! Protobuf message to Connect schema (`ProtobufData.toConnectSchema`), and with it the reader for its values.

use super::descriptors::{Descriptors, FieldFacts, has_optional_keyword, in_order, map_entry_fields};
use super::known;
use super::names::*;
use super::reader::{
    Body, EnumRead, FieldRead, Integer, Kind, MapRead, MessageRead, Mode, Part, ProtobufReader, Root, Scalar, StructUse,
};
use protox::prost_reflect::{
    EnumDescriptor, FieldDescriptor, Kind as Declared, MessageDescriptor, OneofDescriptor, Syntax, Value as Default,
};
use std::collections::HashMap;
use std::sync::Arc;
use turnbuckle_api::data::{Field, Schema, SchemaBuilder, SchemaRef, Type};
use turnbuckle_api::{Error, Result, Text, Value};

/// Messages nested deeper than this in their types are refused, and so are schemas of more fields.
const MAX_DEPTH: usize = 100;
const MAX_FIELDS: usize = 100_000;

/// The reader of a message, with its Connect schema.
///
/// # Errors
/// `DataException` for types without a counterpart (groups).
pub(super) fn to_connect(
    descriptors: &Descriptors,
    message: &MessageDescriptor,
    version: Option<i32>,
    options: &DataOptions,
) -> Result<ProtobufReader> {
    let with_version = |builder: SchemaBuilder| match version {
        Some(version) => builder.version(version),
        None => builder,
    };
    if let Some((builder, scalar)) = unwrapped(message).filter(|_| options.wrapper_raw) {
        return Ok(ProtobufReader {
            schema: with_version(builder).finish(),
            root: Root::Wrapper(scalar),
            bodies: Vec::new(),
            uses: Vec::new(),
            struct_for_nulls: options.struct_for_nulls,
        });
    }
    let mut mapping = Mapping {
        descriptors,
        options,
        bodies: Vec::new(),
        uses: Vec::new(),
        enclosing: Vec::new(),
        done: HashMap::new(),
        fields: 0,
        holds_root: false,
    };
    let (builder, place) = mapping.structure(message)?;
    // A message that contains itself is optional inside, and the Java converter has one schema for both.
    let schema = with_version(builder).with_optional(mapping.holds_root).finish();
    mapping.uses[place].schema = schema.clone();
    Ok(ProtobufReader {
        schema,
        root: Root::Struct(place),
        bodies: mapping.bodies,
        uses: mapping.uses,
        struct_for_nulls: options.struct_for_nulls,
    })
}

struct Mapping<'a> {
    descriptors: &'a Descriptors,
    options: &'a DataOptions,
    bodies: Vec<Body>,
    uses: Vec<StructUse>,
    /// Messages that are being converted, with their place in `uses`.
    enclosing: Vec<Enclosing>,
    /// Messages that are converted.
    done: HashMap<String, Done>,
    fields: usize,
    holds_root: bool,
}

struct Enclosing {
    message: String,
    place: usize,
    /// Outermost message in `enclosing` that something in here refers to.
    reaches: usize,
    /// The field being converted is a message by itself, for whose null a struct can be made: no list, map or oneof.
    always: bool,
}

/// A converted message: what it is made of, for its next use.
struct Done {
    builder: SchemaBuilder,
    body: usize,
}

/// A field's schema before its place adds to it, and how its values are read.
struct Built {
    builder: SchemaBuilder,
    kind: Kind,
    /// The place in `uses` that wants to know the finished schema.
    place: Option<usize>,
    map: Option<Box<MapRead>>,
}

impl Built {
    fn scalar(builder: SchemaBuilder, scalar: Scalar) -> Self {
        Built {
            builder,
            kind: Kind::Scalar(scalar),
            place: None,
            map: None,
        }
    }
}

impl Mapping<'_> {
    fn structure(&mut self, message: &MessageDescriptor) -> Result<(SchemaBuilder, usize)> {
        let full_name = message.full_name().to_string();
        let name = match self.options.enhanced {
            true => full_name.as_str(),
            false => message.name(),
        };
        if let Some(depth) = self.enclosing.iter().position(|open| open.message == full_name) {
            for open in &mut self.enclosing[depth..] {
                open.reaches = open.reaches.min(depth);
            }
            if self.options.struct_for_nulls && self.enclosing[depth..].iter().all(|open| open.always) {
                let text = format!("generate.struct.for.nulls can't be used: message {full_name} contains itself");
                return Err(Error::data(text));
            }
            self.holds_root |= depth == 0;
            return Ok((SchemaBuilder::recursive(name), self.enclosing[depth].place));
        }
        if self.enclosing.len() >= MAX_DEPTH {
            return Err(Error::data(format!(
                "Messages are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let place = self.uses.len();
        if let Some(done) = self.done.get(&full_name) {
            self.uses.push(StructUse {
                schema: Schema::primitive(Type::String, false),
                body: done.body,
            });
            return Ok((done.builder.clone(), place));
        }
        let body = self.bodies.len();
        self.bodies.push(Body::default());
        self.uses.push(StructUse {
            schema: Schema::primitive(Type::String, false),
            body,
        });
        let depth = self.enclosing.len();
        self.enclosing.push(Enclosing {
            message: full_name.clone(),
            place,
            reaches: depth,
            always: true,
        });
        let (fields, reads) = self.members(message)?;
        let reaches = self.enclosing.pop().map_or(depth, |open| open.reaches);
        if let Some(outer) = self.enclosing.last_mut() {
            outer.reaches = outer.reaches.min(reaches);
        }
        self.bodies[body] = Body::new(&fields, reads);
        let builder = Schema::structure().name(name).fields(fields);
        // What refers to an enclosing message means another one elsewhere.
        if reaches >= depth {
            let builder = builder.clone();
            self.done.insert(full_name, Done { builder, body });
        }
        Ok((builder, place))
    }

    /// Fields and their readers: oneofs first, then the rest.
    fn members(&mut self, message: &MessageDescriptor) -> Result<(Vec<Field>, Vec<FieldRead>)> {
        let written = in_order(message);
        self.fields += written.len();
        if self.fields > MAX_FIELDS {
            return Err(Error::data(format!("The schema has more than {MAX_FIELDS} fields")));
        }
        let mut fields: Vec<Field> = Vec::with_capacity(written.len());
        let mut reads = Vec::with_capacity(written.len());
        let is_member = |field: &FieldDescriptor| field.containing_oneof().is_some() && !field.is_proto3_optional();
        let mut index = 0;
        for oneof in message.oneofs() {
            let members: Vec<FieldDescriptor> = written
                .iter()
                .filter(|field| is_member(field) && field.containing_oneof().as_ref() == Some(&oneof))
                .cloned()
                .collect();
            if members.is_empty() {
                continue;
            }
            let (name, schema) = self.union(&oneof, index, &members, fields.len(), &mut reads)?;
            index += 1;
            push_field(&mut fields, name, schema)?;
        }
        for field in written.iter().filter(|field| !is_member(field)) {
            let (schema, read) = self.field(field, fields.len())?;
            reads.push(read);
            push_field(&mut fields, field.name().to_string(), schema)?;
        }
        Ok((fields, reads))
    }

    fn union(
        &mut self,
        oneof: &OneofDescriptor,
        index: usize,
        members: &[FieldDescriptor],
        target: usize,
        reads: &mut Vec<FieldRead>,
    ) -> Result<(String, SchemaRef)> {
        let mut builder = if self.options.generalized {
            Schema::structure()
                .name(oneof.name())
                .parameter(GENERALIZED_UNION, oneof.name())
        } else {
            let name = match self.options.enhanced {
                true => oneof.full_name(),
                false => oneof.name(),
            };
            Schema::structure().name(format!("{UNION_PREFIX}{name}"))
        };
        let mut fields = Vec::with_capacity(members.len());
        let first = reads.len();
        for field in members {
            let (schema, read) = self.field(field, target)?;
            push_field(&mut fields, field.name().to_string(), schema)?;
            reads.push(read);
        }
        builder = builder.fields(fields).optional();
        let schema = builder.finish();
        for (member, read) in reads[first..].iter_mut().enumerate() {
            read.mode = Mode::Member {
                union: schema.clone(),
                member,
            };
            read.default = Value::Null;
        }
        let name = match self.options.index_unions {
            true => format!("{}_{index}", oneof.name()),
            false => oneof.name().to_string(),
        };
        Ok((name, schema))
    }

    /// A field's schema, and its reader into `target`.
    fn field(&mut self, field: &FieldDescriptor, target: usize) -> Result<(SchemaRef, FieldRead)> {
        let built = self.built(field)?;
        let mut builder = built.builder;
        let mut mode = Mode::Single;
        let mut finished = None;
        if let Some(map) = built.map {
            mode = Mode::Map(map);
        } else if field.cardinality_is_repeated() {
            let element = builder.optional().finish();
            finished = Some(element.clone());
            builder = SchemaBuilder::array(Some(element)).optional();
            mode = Mode::Repeated;
        }
        let options = self.options;
        if options.optional_nullables {
            if has_optional_keyword(field) {
                builder = builder.optional();
            }
        } else if !options.wrapper_nullables {
            builder = builder.optional();
        }
        let schema = builder.parameter(TAG, field.number().to_string()).finish();
        if let Some(place) = built.place {
            self.uses[place].schema = finished.unwrap_or_else(|| schema.clone());
        }
        let is_message = matches!(built.kind, Kind::Message(_));
        let default = match &mode {
            Mode::Single if !is_message && !field.is_optional(options) => default_of(&built.kind, field),
            Mode::Repeated => Value::Array(Vec::new()),
            Mode::Map(_) => Value::Map(Vec::new()),
            _ => Value::Null,
        };
        let read = FieldRead {
            number: field.number(),
            name: field.name().into(),
            target,
            kind: built.kind,
            mode,
            default,
            required: field.is_required(),
        };
        Ok((schema, read))
    }

    fn built(&mut self, field: &FieldDescriptor) -> Result<Built> {
        let options = self.options;
        let strict = field.parent_file().syntax() == Syntax::Proto3;
        let marked = |builder: SchemaBuilder, name: &str| builder.parameter(TYPE, name);
        let built = match field.kind() {
            Declared::Int32 => self.small(field, Integer::Plain, None),
            Declared::Sint32 => self.small(field, Integer::ZigZag, Some("sint32")),
            Declared::Sfixed32 => self.small(field, Integer::Fixed, Some("sfixed32")),
            Declared::Int64 => Built::scalar(SchemaBuilder::new(Type::Int64), Scalar::Long(Integer::Plain)),
            Declared::Uint64 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "uint64"),
                Scalar::Long(Integer::Plain),
            ),
            Declared::Sint64 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "sint64"),
                Scalar::Long(Integer::ZigZag),
            ),
            Declared::Fixed64 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "fixed64"),
                Scalar::Long(Integer::Fixed),
            ),
            Declared::Sfixed64 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "sfixed64"),
                Scalar::Long(Integer::Fixed),
            ),
            Declared::Uint32 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "uint32"),
                Scalar::Unsigned(Integer::Plain),
            ),
            Declared::Fixed32 => Built::scalar(
                marked(SchemaBuilder::new(Type::Int64), "fixed32"),
                Scalar::Unsigned(Integer::Fixed),
            ),
            Declared::Float => Built::scalar(SchemaBuilder::new(Type::Float32), Scalar::Float),
            Declared::Double => Built::scalar(SchemaBuilder::new(Type::Float64), Scalar::Double),
            Declared::Bool => Built::scalar(SchemaBuilder::new(Type::Boolean), Scalar::Boolean),
            Declared::String => Built::scalar(SchemaBuilder::new(Type::String), Scalar::Text { strict }),
            Declared::Bytes => Built::scalar(SchemaBuilder::new(Type::Bytes), Scalar::Bytes),
            Declared::Enum(kind) => enumeration(&kind, options),
            Declared::Message(_) if field.is_group() => {
                return Err(Error::data("Unknown Connect schema type: GROUP"));
            }
            Declared::Message(message) => {
                let built = self.message(field, &message)?;
                Built {
                    builder: built.builder.optional(),
                    ..built
                }
            }
        };
        Ok(built)
    }

    /// An integer of 32 bits, or of fewer if Connect said so.
    fn small(&self, field: &FieldDescriptor, integer: Integer, mark: Option<&str>) -> Built {
        let kind = match self.descriptors.param(field, META_TYPE) {
            Some("int8") => Type::Int8,
            Some("int16") => Type::Int16,
            _ => Type::Int32,
        };
        let mut builder = SchemaBuilder::new(kind);
        if let Some(mark) = mark.filter(|_| kind == Type::Int32) {
            builder = builder.parameter(TYPE, mark);
        }
        Built::scalar(builder, Scalar::Int(kind, integer))
    }

    fn message(&mut self, field: &FieldDescriptor, message: &MessageDescriptor) -> Result<Built> {
        let logical = match message.full_name() {
            known::DECIMAL => Some((self.decimal(field), MessageRead::Decimal)),
            known::DATE => Some((Schema::date(), MessageRead::Date)),
            known::TIME => Some((Schema::time(), MessageRead::Time)),
            known::TIMESTAMP => Some((Schema::timestamp(), MessageRead::Timestamp)),
            _ => None,
        };
        let wraps = self.options.wrapper_nullables || self.options.wrapper_raw;
        let simple = logical.or_else(|| {
            let (builder, scalar) = unwrapped(message).filter(|_| wraps)?;
            Some((builder, MessageRead::Wrapper(scalar)))
        });
        if let Some((builder, read)) = simple {
            return Ok(Built {
                builder,
                kind: Kind::Message(read),
                place: None,
                map: None,
            });
        }
        if let Some([key, value]) = map_entry_fields(field, message) {
            return self.map(field, message, &key, &value);
        }
        let singular = !field.cardinality_is_repeated() && field.containing_oneof().is_none();
        if let Some(open) = self.enclosing.last_mut() {
            open.always = singular;
        }
        let (builder, place) = self.structure(message)?;
        let recursive = self.enclosing.iter().any(|open| open.place == place);
        Ok(Built {
            builder,
            kind: Kind::Message(MessageRead::Struct(place)),
            place: (!recursive).then_some(place),
            map: None,
        })
    }

    fn decimal(&self, field: &FieldDescriptor) -> SchemaBuilder {
        let number = |key: &str| self.descriptors.param(field, key)?.parse::<i32>().ok();
        let builder = Schema::decimal(number(META_SCALE).unwrap_or(0));
        match number(META_PRECISION) {
            Some(precision) => builder.parameter(DECIMAL_PRECISION, precision.to_string()),
            None => builder,
        }
    }

    fn map(
        &mut self,
        field: &FieldDescriptor,
        message: &MessageDescriptor,
        key: &FieldDescriptor,
        value: &FieldDescriptor,
    ) -> Result<Built> {
        let (key_schema, key) = self.field(key, 0)?;
        let (value_schema, value) = self.field(value, 1)?;
        let entry = match message.is_map_entry() {
            // The text has only the field's name; Java makes the entry's name from it in its own way.
            true => map_entry(field.name()),
            false => message.name().to_string(),
        };
        let name = match split_name(message.full_name()).0 {
            Some(scope) if self.options.enhanced => map_field(&format!("{scope}.{entry}")),
            _ => map_field(&entry),
        };
        let part = |read: FieldRead| Part {
            kind: read.kind,
            default: read.default,
        };
        Ok(Built {
            builder: SchemaBuilder::map(Some(key_schema), Some(value_schema)).name(name),
            kind: Kind::Scalar(Scalar::Bytes),
            place: None,
            map: Some(Box::new(MapRead {
                key: part(key),
                value: part(value),
            })),
        })
    }
}

fn push_field(fields: &mut Vec<Field>, name: String, schema: SchemaRef) -> Result<()> {
    if fields.iter().any(|known| known.name == name) {
        let text = format!("Cannot create field because of field name duplication {name}");
        return Err(Error::new(turnbuckle_api::ErrorKind::SchemaBuilder, text));
    }
    fields.push(Field {
        name: name.into(),
        schema,
    });
    Ok(())
}

/// The single value that a wrapper message holds.
fn unwrapped(message: &MessageDescriptor) -> Option<(SchemaBuilder, Scalar)> {
    let place = known::WRAPPERS.iter().position(|name| *name == message.full_name())?;
    let (kind, scalar) = match place {
        0 => (Type::Float64, Scalar::Double),
        1 => (Type::Float32, Scalar::Float),
        2 | 3 => (Type::Int64, Scalar::Long(Integer::Plain)),
        4 => (Type::Int32, Scalar::Int(Type::Int32, Integer::Plain)),
        5 => (Type::Int64, Scalar::Unsigned(Integer::Plain)),
        6 => (Type::Boolean, Scalar::Boolean),
        7 => (Type::String, Scalar::Text { strict: true }),
        _ => (Type::Bytes, Scalar::Bytes),
    };
    Some((SchemaBuilder::new(kind), scalar))
}

fn enumeration(kind: &EnumDescriptor, options: &DataOptions) -> Built {
    let parameter = options.enum_parameter();
    let name = if options.enhanced {
        kind.full_name()
    } else {
        kind.name()
    };
    let storage = if options.int_enums { Type::Int32 } else { Type::String };
    let mut builder = SchemaBuilder::new(storage)
        .name(name)
        .parameter(parameter, kind.name())
        .optional();
    let mut symbols: Vec<(i32, Text)> = Vec::new();
    for value in kind.values() {
        let (symbol, number) = (value.name(), value.number());
        builder = builder.parameter(format!("{parameter}.{symbol}"), number.to_string());
        if !symbols.iter().any(|(known, _)| *known == number) {
            symbols.push((number, symbol.into()));
        }
    }
    symbols.sort_by_key(|(number, _)| *number);
    let read = EnumRead {
        name: kind.name().to_string(),
        symbols,
        closed: kind.parent_file().syntax() == Syntax::Proto2,
        as_number: options.int_enums,
    };
    Built::scalar(builder, Scalar::Enum(Arc::new(read)))
}

/// What an absent field without presence is.
fn default_of(kind: &Kind, field: &FieldDescriptor) -> Value {
    let Kind::Scalar(scalar) = kind else {
        return Value::Null;
    };
    let whole = |value: i64| match scalar {
        Scalar::Int(Type::Int8, _) => Value::Int8(value as i8),
        Scalar::Int(Type::Int16, _) => Value::Int16(value as i16),
        Scalar::Int(..) => Value::Int32(value as i32),
        _ => Value::Int64(value),
    };
    match field.default_value() {
        Default::Bool(value) => Value::Boolean(value),
        Default::I32(value) => whole(i64::from(value)),
        Default::I64(value) => whole(value),
        Default::U32(value) => whole(i64::from(value)),
        Default::U64(value) => whole(value as i64),
        Default::F32(value) => Value::Float32(value),
        Default::F64(value) => Value::Float64(value),
        Default::String(value) => Value::text(value),
        Default::Bytes(value) => Value::Bytes(value),
        Default::EnumNumber(number) => match scalar {
            Scalar::Enum(kind) => kind.value(number).unwrap_or_default(),
            _ => Value::Null,
        },
        _ => Value::Null,
    }
}
