//! Connect schema to a Protobuf file and the writer for its values (`ProtobufData.fromConnectSchema`).

use super::definition::{EnumDef, FieldDef, FileDef, MessageDef, OneofDef};
use super::known;
use super::names::*;
use super::writer::{EntryWrite, FieldWrite, Form, MessageWrite, ProtobufWriter, Root, Single, Wire};
use turnbuckle_api::data::{Logical, Schema, SchemaRef, Type};
use turnbuckle_api::{Error, ErrorKind, Result, Text};

/// Connect schemas nested deeper than this are refused.
const MAX_DEPTH: usize = 100;

/// What a Connect schema is written as.
pub(super) enum Written {
    /// A message of its own.
    File(FileDef),
    /// A single value: the wrapper at this place of the known file.
    Wrapper(usize),
}

/// The Protobuf file of `schema`, and the writer of its values.
///
/// # Errors
/// As the Java converter: types without a counterpart, names or numbers that Protobuf forbids.
pub(super) fn from_connect(schema: &SchemaRef, options: &DataOptions) -> Result<(Written, ProtobufWriter)> {
    let mut mapping = Mapping {
        options,
        imports: Vec::new(),
        messages: Vec::new(),
        enclosing: Vec::new(),
        unnamed: 0,
    };
    if schema.kind() != Type::Struct {
        let (place, single) = root_wrapper(schema)?;
        let writer = ProtobufWriter {
            root: Root::Wrapper(single),
            messages: Vec::new(),
            ignore_default: options.ignore_default,
        };
        return Ok((Written::Wrapper(place), writer));
    }
    if is_union(schema) {
        return Err(Error::data(
            "Unsupported object of class io.confluent.connect.protobuf.ProtobufData$Pair",
        ));
    }
    let full = mapping.name_or_default(schema.name());
    let mut file = FileDef::named(&full, |name| options.scrubbed(name));
    let root = mapping.message(&mut file.message, schema)?;
    file.imports = mapping.imports;
    let writer = ProtobufWriter {
        root: Root::Message(root),
        messages: mapping.messages,
        ignore_default: options.ignore_default,
    };
    Ok((Written::File(file), writer))
}

/// True if a struct of this schema stands for one of several fields.
pub(super) fn is_union(schema: &Schema) -> bool {
    schema.kind() == Type::Struct
        && (schema.name().is_some_and(|name| name.starts_with(UNION))
            || schema.parameters().contains_key(GENERALIZED_UNION))
}

fn root_wrapper(schema: &SchemaRef) -> Result<(usize, Single)> {
    if let Some(logical) = schema.logical() {
        let text = format!(
            "A value of the logical type {logical:?} can't be a Protobuf message of its own; put it into a struct, \
             e.g. by the transformation HoistField"
        );
        return Err(Error::data(text));
    }
    let (place, single) = match schema.kind() {
        kind @ (Type::Int8 | Type::Int16 | Type::Int32) => (4, Single::Number(kind, Wire::Varint)),
        kind @ Type::Int64 => (2, Single::Number(kind, Wire::Varint)),
        kind @ Type::Float32 => (1, Single::Number(kind, Wire::Float)),
        kind @ Type::Float64 => (0, Single::Number(kind, Wire::Double)),
        Type::Boolean => (6, Single::Boolean),
        Type::String => (7, Single::Text),
        Type::Bytes => (8, Single::Bytes),
        kind @ (Type::Array | Type::Map | Type::Struct) => {
            return Err(Error::new(
                ErrorKind::IllegalArgument,
                format!("Unsupported root schema of type {kind}"),
            ));
        }
    };
    Ok((place, single))
}

struct Mapping<'a> {
    options: &'a DataOptions,
    imports: Vec<&'static str>,
    messages: Vec<MessageWrite>,
    /// Structs that are being converted: Connect's name, the message's name, its writer.
    enclosing: Vec<(Option<String>, String, usize)>,
    unnamed: usize,
}

/// What a schema is as a field's type.
struct FieldType {
    name: String,
    single: Single,
    params: Vec<(&'static str, String)>,
}

impl FieldType {
    fn plain(name: impl Into<String>, single: Single) -> Self {
        FieldType {
            name: name.into(),
            single,
            params: Vec::new(),
        }
    }
}

impl Mapping<'_> {
    fn name_or_default(&mut self, name: Option<&str>) -> String {
        match name {
            Some(name) if !name.is_empty() => name.to_string(),
            _ => {
                self.unnamed += 1;
                format!("{DEFAULT_NAME}{}", self.unnamed)
            }
        }
    }

    fn unqualified_name(&mut self, name: Option<&str>) -> String {
        let full = self.name_or_default(name);
        self.options.scrubbed(split_name(&full).1)
    }

    fn import(&mut self, file: &'static str) {
        if !self.imports.contains(&file) {
            self.imports.push(file);
        }
    }

    /// Fills a message with the fields of a struct.
    fn message(&mut self, message: &mut MessageDef, schema: &SchemaRef) -> Result<usize> {
        if self.enclosing.len() >= MAX_DEPTH {
            return Err(Error::data(format!(
                "Structs are nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let index = self.messages.len();
        self.messages.push(MessageWrite {
            schema: schema.clone(),
            fields: Vec::new(),
            unions: Vec::new(),
        });
        let name = schema.name().map(str::to_string);
        self.enclosing.push((name, message.name.clone(), index));
        let mut writes = Vec::with_capacity(schema.fields().len());
        let mut unions = Vec::new();
        let mut next = 1;
        for (source, field) in schema.fields().iter().enumerate() {
            let number = match tag(&field.schema)? {
                Some(number) => number,
                None => {
                    next += 1;
                    next - 1
                }
            };
            if is_union(&field.schema) {
                unions.push(source);
                self.oneof(message, &field.schema, source, &mut writes)?;
                continue;
            }
            let name = self.options.scrubbed(&field.name);
            let (definition, form) = self.field(message, &field.schema, name, number, false)?;
            writes.push(FieldWrite::new(source, None, number, form)?);
            message.fields.push(definition);
        }
        self.enclosing.pop();
        // Java writes fields in the order of their numbers.
        writes.sort_by_key(|write| write.number);
        self.messages[index].fields = writes;
        self.messages[index].unions = unions;
        Ok(index)
    }

    fn oneof(
        &mut self,
        message: &mut MessageDef,
        union: &SchemaRef,
        source: usize,
        writes: &mut Vec<FieldWrite>,
    ) -> Result<()> {
        let name = match self.options.generalized {
            true => union.parameter(GENERALIZED_UNION).unwrap_or_default().to_string(),
            false => {
                let name = union.name().and_then(|name| name.strip_prefix(UNION_PREFIX));
                self.unqualified_name(name)
            }
        };
        let mut fields = Vec::with_capacity(union.fields().len());
        for (member, field) in union.fields().iter().enumerate() {
            if is_union(&field.schema) || matches!(field.schema.kind(), Type::Array | Type::Map) {
                let text = format!(
                    "Field {} of union {name} can't be a member of a oneof: it is a {}",
                    field.name,
                    if is_union(&field.schema) {
                        "union"
                    } else {
                        field.schema.kind().name()
                    }
                );
                return Err(invalid_schema(text));
            }
            let number = tag(&field.schema)?.unwrap_or(0);
            let (mut definition, form) =
                self.field(message, &field.schema, self.options.scrubbed(&field.name), number, true)?;
            definition.label = None;
            writes.push(FieldWrite::new(source, Some(member), number, form)?);
            fields.push(definition);
        }
        if !fields.is_empty() {
            message.oneofs.push(OneofDef { name, fields });
        }
        Ok(())
    }

    /// A field and how it is written; `member` if it is one of a oneof's.
    fn field(
        &mut self,
        message: &mut MessageDef,
        schema: &SchemaRef,
        name: String,
        number: i32,
        member: bool,
    ) -> Result<(FieldDef, Form)> {
        let (label, element) = match schema.kind() {
            Type::Array => {
                let element = schema.items().ok_or_else(|| no_schema("array", &name))?;
                if element.kind() == Type::Array {
                    return Err(Error::new(ErrorKind::IllegalArgument, "Array cannot be nested"));
                }
                if element.kind() == Type::Map || is_union(element) {
                    let text = format!("Field {name}: an array can't hold maps or unions in Protobuf");
                    return Err(Error::new(ErrorKind::IllegalArgument, text));
                }
                (Some("repeated"), element)
            }
            Type::Map => return self.map(message, schema, name, number),
            _ if self.options.optional_nullables && schema.is_optional() => (Some("optional"), schema),
            _ => (None, schema),
        };
        let kind = self.field_type(message, element, &name)?;
        let form = match label {
            Some("repeated") => Form::Repeated(kind.single),
            label => Form::Single(kind.single, member || label.is_some()),
        };
        let definition = FieldDef {
            label,
            kind: kind.name,
            name,
            number,
            params: kind.params,
        };
        Ok((definition, form))
    }

    /// A map: repeated messages of key and value.
    fn map(
        &mut self,
        message: &mut MessageDef,
        schema: &SchemaRef,
        name: String,
        number: i32,
    ) -> Result<(FieldDef, Form)> {
        let entry_name = map_entry(&self.unqualified_name(schema.name()));
        let mut entry = MessageDef {
            name: entry_name.clone(),
            ..MessageDef::default()
        };
        let mut forms = Vec::with_capacity(2);
        for (part, place, number) in [(schema.keys(), KEY_FIELD, 1), (schema.values(), VALUE_FIELD, 2)] {
            let part = part.ok_or_else(|| no_schema("map", &name))?;
            if is_union(part) {
                let text = format!("Field {name}: a map can't hold unions in Protobuf");
                return Err(Error::new(ErrorKind::IllegalArgument, text));
            }
            let (mut definition, form) = self.field(&mut entry, part, place.to_string(), number, false)?;
            // Entries of maps carry nothing that Connect alone knows.
            definition.params.clear();
            entry.fields.push(definition);
            forms.push(FieldWrite::new(0, None, number, form)?);
        }
        message.messages.push(entry);
        let [key, value] = <[FieldWrite; 2]>::try_from(forms).map_err(|_| no_schema("map", &name))?;
        let definition = FieldDef {
            label: Some("repeated"),
            kind: entry_name,
            name,
            number,
            params: Vec::new(),
        };
        Ok((definition, Form::Map(Box::new(EntryWrite { key, value }))))
    }

    fn field_type(&mut self, message: &mut MessageDef, schema: &SchemaRef, field: &str) -> Result<FieldType> {
        if let Some(logical) = schema.logical() {
            return Ok(self.logical(logical, schema));
        }
        let parameter = |key: &str| schema.parameter(key);
        let kind = schema.kind();
        let enum_name = match kind {
            Type::Int32 => parameter(ENUM),
            Type::String => parameter(GENERALIZED_ENUM).or(parameter(ENUM)),
            _ => None,
        };
        if let Some(name) = enum_name {
            return self.enumeration(message, schema, name.to_string());
        }
        let wrapped = self.options.wrapper_nullables && schema.is_optional();
        let (name, single, wrapper) = match kind {
            Type::Int8 | Type::Int16 => ("int32", Single::Number(kind, Wire::Varint), 4),
            Type::Int32 => integer(schema, "int32")?,
            Type::Int64 => integer(schema, "int64")?,
            Type::Float32 => ("float", Single::Number(kind, Wire::Float), 1),
            Type::Float64 => ("double", Single::Number(kind, Wire::Double), 0),
            Type::Boolean => ("bool", Single::Boolean, 6),
            Type::String => ("string", Single::Text, 7),
            Type::Bytes => ("bytes", Single::Bytes, 8),
            Type::Struct => return self.structure(message, schema, field),
            Type::Array | Type::Map => {
                return Err(Error::data(format!(
                    "Field {field}: a {} can't stand here",
                    kind.name()
                )));
            }
        };
        let mut found = FieldType::plain(name, single);
        if wrapped {
            self.import(known::WRAPPERS_FILE);
            found.name = known::WRAPPERS[wrapper].to_string();
            found.single = Single::Wrapped(Box::new(unzigzagged(found.single)));
        }
        if matches!(kind, Type::Int8 | Type::Int16) {
            found.params.push((META_TYPE, kind.name().to_string()));
        }
        Ok(found)
    }

    fn logical(&mut self, logical: Logical, schema: &Schema) -> FieldType {
        let (file, name, single) = match logical {
            Logical::Decimal => (known::DECIMAL_FILE, known::DECIMAL, Single::Decimal),
            Logical::Date => (known::DATE_FILE, known::DATE, Single::Date),
            Logical::Time => (known::TIME_FILE, known::TIME, Single::Time),
            Logical::Timestamp => (known::TIMESTAMP_FILE, known::TIMESTAMP, Single::Timestamp),
        };
        self.import(file);
        let mut found = FieldType::plain(name, single);
        if logical == Logical::Decimal {
            for (key, parameter) in [(META_PRECISION, DECIMAL_PRECISION), (META_SCALE, "scale")] {
                found
                    .params
                    .extend(schema.parameter(parameter).map(|value| (key, value.to_string())));
            }
        }
        found
    }

    fn enumeration(&mut self, message: &mut MessageDef, schema: &SchemaRef, name: String) -> Result<FieldType> {
        let defined = self.unqualified_name(schema.name());
        let prefix = format!("{}.", self.options.enum_parameter());
        let mut values = Vec::new();
        for (key, number) in schema.parameters() {
            if let Some(symbol) = key.strip_prefix(&prefix) {
                let number: i32 = number.parse().map_err(|_| not_a_number(number))?;
                values.push((symbol.to_string(), number));
            }
        }
        let single = match schema.kind() {
            Type::String => {
                let symbols = values
                    .iter()
                    .map(|(symbol, number)| (Text::from(symbol.as_str()), *number));
                Single::Enum(symbols.collect())
            }
            kind => Single::Number(kind, Wire::Varint),
        };
        if !message.enums.iter().any(|known| known.name == defined) {
            message.enums.push(EnumDef { name: defined, values });
        }
        Ok(FieldType::plain(name, single))
    }

    fn structure(&mut self, message: &mut MessageDef, schema: &SchemaRef, field: &str) -> Result<FieldType> {
        if schema.is_recursive() {
            let enclosing = self
                .enclosing
                .iter()
                .rev()
                .find(|(name, _, _)| name.as_deref() == schema.name());
            let Some((_, name, index)) = enclosing else {
                let text = format!(
                    "Schema refers to an enclosing struct \"{}\" that does not exist",
                    schema.name().unwrap_or_default()
                );
                return Err(Error::data(text));
            };
            return Ok(FieldType::plain(name.clone(), Single::Message(*index)));
        }
        let mut name = self.unqualified_name(schema.name());
        if name == field {
            // A message type and a field can't have the same name.
            name.push_str("Message");
        }
        let known = message.messages.iter().position(|known| known.name == name);
        if known.is_none() && message.name != name {
            let mut nested = MessageDef {
                name: name.clone(),
                ..MessageDef::default()
            };
            let index = self.message(&mut nested, schema)?;
            message.messages.push(nested);
            return Ok(FieldType::plain(name, Single::Message(index)));
        }
        // A type of this name is there already; it must be the same type.
        let (unnamed, imports) = (self.unnamed, self.imports.len());
        let mut again = MessageDef {
            name: name.clone(),
            ..MessageDef::default()
        };
        let index = self.message(&mut again, schema)?;
        self.unnamed = unnamed;
        self.imports.truncate(imports);
        match known {
            Some(known) if message.messages[known] == again => Ok(FieldType::plain(name, Single::Message(index))),
            _ => Err(Error::data(format!(
                "Field {field}: its struct has the name {name}, as another struct of {} that has other fields",
                message.name
            ))),
        }
    }
}

/// The type of an integer: the usual one, or the one that its schema names.
fn integer(schema: &Schema, usual: &'static str) -> Result<(&'static str, Single, usize)> {
    const INTEGERS: [(&str, Wire, usize); 10] = [
        ("int32", Wire::Varint, 4),
        ("sint32", Wire::ZigZag32, 4),
        ("sfixed32", Wire::Fixed32, 4),
        ("uint32", Wire::Unsigned32, 5),
        ("fixed32", Wire::Fixed32, 5),
        ("int64", Wire::Varint, 2),
        ("sint64", Wire::ZigZag64, 2),
        ("sfixed64", Wire::Fixed64, 2),
        ("uint64", Wire::Varint, 3),
        ("fixed64", Wire::Fixed64, 3),
    ];
    let wanted = schema.parameter(TYPE).unwrap_or(usual);
    let found = INTEGERS.iter().find(|(name, _, _)| *name == wanted);
    match found {
        Some((name, wire, place)) if (schema.kind() == Type::Int32) == (*place == 4) => {
            Ok((name, Single::Number(schema.kind(), *wire), *place))
        }
        _ => Err(invalid_schema(format!(
            "{wanted} (parameter {TYPE}) is not a Protobuf type for a schema of type {}",
            schema.kind()
        ))),
    }
}

/// Wrappers know only the plain forms of integers.
fn unzigzagged(single: Single) -> Single {
    match single {
        Single::Number(kind, Wire::ZigZag32 | Wire::ZigZag64 | Wire::Fixed64) => Single::Number(kind, Wire::Varint),
        Single::Number(kind @ Type::Int64, Wire::Fixed32) => Single::Number(kind, Wire::Unsigned32),
        Single::Number(kind, Wire::Fixed32) => Single::Number(kind, Wire::Varint),
        other => other,
    }
}

/// The number that a field's schema asks for.
fn tag(schema: &Schema) -> Result<Option<i32>> {
    let Some(text) = schema.parameter(TAG) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| not_a_number(text))
}

fn not_a_number(text: &str) -> Error {
    let kind = ErrorKind::Class("java.lang.NumberFormatException");
    Error::new(kind, format!("For input string: \"{text}\""))
}

fn no_schema(what: &str, field: &str) -> Error {
    let text = format!("Field {field}: the schema of the {what} does not say what it holds");
    Error::new(ErrorKind::NullPointer, text)
}
