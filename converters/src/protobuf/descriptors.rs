//! A schema's text as descriptors: parsed with all it imports, names resolved.
//!
//! Of options only those are kept that decide on bytes; so a schema may use custom options whose definition nobody has. What
//! Connect keeps in `confluent.field_meta` is read from the text itself.

use super::known::known_file;
use super::meta::field_params;
use super::names::{VALUE_FIELD, invalid_schema};
use crate::registry::{ReferencedSchema, RegisteredSchema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FieldOptions, FileDescriptorProto, MessageOptions,
};
use protox::file::File;
use protox::prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, MessageDescriptor};
use std::collections::HashMap;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Text nested deeper than this is refused before it is parsed.
const MAX_NESTING: usize = 64;
const MAIN: &str = "(schema)";

/// A parsed schema.
#[derive(Debug)]
pub(super) struct Descriptors {
    pool: DescriptorPool,
    main: FileDescriptor,
    /// By message and field number.
    params: Params,
}

type Params = HashMap<(String, u32), Vec<(String, String)>>;

impl Descriptors {
    /// Parses a schema of the registry's.
    pub(super) fn of(schema: &RegisteredSchema) -> Result<Self> {
        Self::parse(&schema.text, &schema.referenced)
    }

    /// Parses a schema's text.
    ///
    /// # Errors
    /// `IllegalArgumentException` if it can't be parsed, an import is missing, or a name can't be resolved.
    pub(super) fn parse(text: &str, referenced: &[ReferencedSchema]) -> Result<Self> {
        let mut loading = Loading {
            referenced,
            pool: DescriptorPool::new(),
            open: Vec::new(),
            params: HashMap::new(),
        };
        loading.add(MAIN, text)?;
        let main = loading.pool.get_file_by_name(MAIN);
        Ok(Descriptors {
            main: main.ok_or_else(|| unreadable("the file was not taken"))?,
            pool: loading.pool,
            params: loading.params,
        })
    }

    /// The message at the indexes of a payload's frame: the place in the file, then the places inside.
    pub(super) fn by_indexes(&self, indexes: &[i32]) -> Result<MessageDescriptor> {
        let mut found: Option<MessageDescriptor> = None;
        for index in indexes {
            let place = usize::try_from(*index).unwrap_or(usize::MAX);
            found = match &found {
                None => self.main.messages().nth(place),
                Some(message) => message.child_messages().nth(place),
            };
            if found.is_none() {
                break;
            }
        }
        let text = || {
            Error::new(
                ErrorKind::IllegalArgument,
                format!("Invalid message indexes: {indexes:?}"),
            )
        };
        found.ok_or_else(text)
    }

    /// The indexes of a message by its full name, found part by part as Java's serialiser does: a part that names no
    /// message is passed over.
    pub(super) fn indexes_of(&self, full_name: &str) -> Vec<i32> {
        let mut indexes = Vec::new();
        let mut within: Option<MessageDescriptor> = None;
        for part in full_name.split('.') {
            let mut candidates: Vec<MessageDescriptor> = match &within {
                None => self.main.messages().collect(),
                Some(message) => message.child_messages().collect(),
            };
            if let Some(place) = candidates.iter().position(|message| message.name() == part) {
                indexes.push(place as i32);
                within = Some(candidates.swap_remove(place));
            }
        }
        indexes
    }

    /// A message by its full name, else the file's first.
    pub(super) fn named_or_first(&self, full_name: &str) -> Option<MessageDescriptor> {
        let named = self.pool.get_message_by_name(full_name);
        named.or_else(|| self.main.messages().next())
    }

    /// What Connect keeps of a field.
    pub(super) fn param(&self, field: &FieldDescriptor, key: &str) -> Option<&str> {
        let place = (field.parent_message().full_name().to_string(), field.number());
        let params = self.params.get(&place)?;
        params
            .iter()
            .rev()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value.as_str())
    }
}

struct Loading<'a> {
    referenced: &'a [ReferencedSchema],
    pool: DescriptorPool,
    /// Files whose imports are being added.
    open: Vec<String>,
    params: Params,
}

impl Loading<'_> {
    fn add(&mut self, name: &str, text: &str) -> Result<()> {
        let file = parse_file(name, text)?;
        self.add_file(file)
    }

    fn add_file(&mut self, mut file: FileDescriptorProto) -> Result<()> {
        let name = file.name().to_string();
        if self.open.contains(&name) {
            return Err(unreadable(format!("{name} imports itself")));
        }
        self.open.push(name);
        for import in file.dependency.clone() {
            if self.pool.get_file_by_name(&import).is_some() {
                continue;
            }
            match self.referenced.iter().find(|known| known.name == import) {
                Some(known) => {
                    let text = &known.text;
                    self.add(&import, text)?;
                }
                None => {
                    let known = known_file(&import)
                        .ok_or_else(|| unreadable(format!("no reference gives the imported file {import}")))?;
                    self.add_file(known.file_descriptor_proto().clone())?;
                }
            }
        }
        self.open.pop();
        self.reduce(&mut file);
        self.pool
            .add_file_descriptor_proto(file)
            .map_err(|error| invalid_schema(error.to_string()))
    }

    /// Takes out what does not decide on bytes.
    fn reduce(&mut self, file: &mut FileDescriptorProto) {
        file.options = None;
        file.source_code_info = None;
        file.service.clear();
        file.extension.clear();
        let scope = file.package().to_string();
        for message in &mut file.message_type {
            self.reduce_message(&scope, message);
        }
        file.enum_type.iter_mut().for_each(reduce_enum);
    }

    fn reduce_message(&mut self, scope: &str, message: &mut DescriptorProto) {
        let full_name = match scope {
            "" => message.name().to_string(),
            scope => format!("{scope}.{}", message.name()),
        };
        // Entries that the parser made of maps: their names are not from the text.
        let is_entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        message.options = is_entry.then(|| MessageOptions {
            map_entry: Some(true),
            ..MessageOptions::default()
        });
        message.extension.clear();
        message.extension_range.clear();
        for oneof in &mut message.oneof_decl {
            oneof.options = None;
        }
        for field in &mut message.field {
            if let Some(options) = &field.options {
                let params = field_params(&options.uninterpreted_option);
                if !params.is_empty() {
                    self.params.insert((full_name.clone(), field.number() as u32), params);
                }
            }
            reduce_field(field);
        }
        for nested in &mut message.nested_type {
            self.reduce_message(&full_name, nested);
        }
        message.enum_type.iter_mut().for_each(reduce_enum);
    }
}

fn reduce_field(field: &mut FieldDescriptorProto) {
    let packed = field.options.take().and_then(|options| {
        let written = options.uninterpreted_option.iter().find(|option| {
            let [part] = option.name.as_slice() else { return false };
            !part.is_extension && part.name_part == "packed"
        });
        let written = written.and_then(|option| option.identifier_value.as_deref());
        options.packed.or(written.map(|value| value == "true"))
    });
    field.options = packed.map(|packed| FieldOptions {
        packed: Some(packed),
        ..FieldOptions::default()
    });
    // JSON names play no part, and must not collide.
    field.json_name.clone_from(&field.name);
}

fn reduce_enum(kind: &mut EnumDescriptorProto) {
    kind.options = Some(prost_types::EnumOptions {
        allow_alias: Some(true),
        ..prost_types::EnumOptions::default()
    });
    for value in &mut kind.value {
        value.options = None;
    }
}

/// A file from its text, or from a serialized descriptor in base64, as registries give it when asked for it so.
fn parse_file(name: &str, text: &str) -> Result<FileDescriptorProto> {
    let nesting = text.bytes().fold((0usize, 0usize), |(depth, most), byte| match byte {
        b'{' | b'[' | b'(' | b'<' => (depth + 1, most.max(depth + 1)),
        b'}' | b']' | b')' | b'>' => (depth.saturating_sub(1), most),
        _ => (depth, most),
    });
    if nesting.1 > MAX_NESTING {
        return Err(unreadable(format!("it is nested deeper than {MAX_NESTING} levels")));
    }
    match File::from_source(name, text) {
        Ok(file) => Ok(file.file_descriptor_proto().clone()),
        Err(error) => {
            let decoded = STANDARD.decode(text.trim()).ok();
            let serialized = decoded.and_then(|bytes| FileDescriptorProto::decode(bytes.as_slice()).ok());
            let mut file = serialized.ok_or_else(|| unreadable(error))?;
            file.name = Some(name.to_string());
            Ok(file)
        }
    }
}

fn unreadable(reason: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::IllegalArgument,
        format!("Could not parse Protobuf - {reason}"),
    )
}

/// The two fields of a message that stands for a map's entry: by its form, as Java's converter sees it.
pub(super) fn map_entry_fields(field: &FieldDescriptor, message: &MessageDescriptor) -> Option<[FieldDescriptor; 2]> {
    if !field.cardinality_is_repeated() || !message.name().ends_with(super::names::ENTRY_SUFFIX) {
        return None;
    }
    let fields = in_order(message);
    let [key, value] = <[FieldDescriptor; 2]>::try_from(fields).ok()?;
    let fits = key.name() == super::names::KEY_FIELD && value.name() == VALUE_FIELD;
    let single = !key.cardinality_is_repeated() && !value.cardinality_is_repeated();
    (fits && single).then_some([key, value])
}

/// A message's fields in the order in which they are written down.
pub(super) fn in_order(message: &MessageDescriptor) -> Vec<FieldDescriptor> {
    let written = message.descriptor_proto().field.iter();
    written
        .filter_map(|field| message.get_field(field.number() as u32))
        .collect()
}

/// What the descriptors leave out.
pub(super) trait FieldFacts {
    fn cardinality_is_repeated(&self) -> bool;
    /// Marked by the word `optional`, or a proto2 field without a label's word of its own.
    fn is_optional(&self, options: &super::names::DataOptions) -> bool;
    fn is_proto3_optional(&self) -> bool;
}

impl FieldFacts for FieldDescriptor {
    fn cardinality_is_repeated(&self) -> bool {
        self.cardinality() == protox::prost_reflect::Cardinality::Repeated
    }

    fn is_optional(&self, options: &super::names::DataOptions) -> bool {
        self.is_proto3_optional() || (options.optional_proto2 && has_optional_keyword(self))
    }

    fn is_proto3_optional(&self) -> bool {
        self.field_descriptor_proto().proto3_optional()
    }
}

/// The word `optional` stands at the field: in proto3 only where presence is wanted, in proto2 wherever nothing else does.
pub(super) fn has_optional_keyword(field: &FieldDescriptor) -> bool {
    use protox::prost_reflect::{Cardinality, Syntax};
    let proto2 = field.parent_file().syntax() == Syntax::Proto2;
    field.is_proto3_optional()
        || (proto2 && field.cardinality() == Cardinality::Optional && field.containing_oneof().is_none())
}
