//! Names that Connect and Protobuf share: the parameters by which Connect schemas survive the way through Protobuf, names of
//! map entries, Protobuf's rule for names, and scrubbing of names that break it.

use turnbuckle_api::{Error, ErrorKind, Result};

pub(super) const DEFAULT_NAME: &str = "ConnectDefault";
pub(super) const ENTRY_SUFFIX: &str = "Entry";
pub(super) const KEY_FIELD: &str = "key";
pub(super) const VALUE_FIELD: &str = "value";

pub(super) const ENUM: &str = "io.confluent.connect.protobuf.Enum";
pub(super) const UNION: &str = "io.confluent.connect.protobuf.Union";
pub(super) const UNION_PREFIX: &str = "io.confluent.connect.protobuf.Union.";
pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
/// A field's number.
pub(super) const TAG: &str = "io.confluent.connect.protobuf.Tag";
/// An integer type other than the usual one.
pub(super) const TYPE: &str = "io.confluent.connect.protobuf.Type";
pub(super) const DECIMAL_PRECISION: &str = "connect.decimal.precision";

/// Names of what Connect alone knows of a field, in the field's `confluent.field_meta`.
pub(super) const META_TYPE: &str = "connect.type";
pub(super) const META_PRECISION: &str = "precision";
pub(super) const META_SCALE: &str = "scale";

/// How schemas are mapped; the options of the converter's configuration that both directions need.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataOptions {
    pub(super) enhanced: bool,
    pub(super) generalized: bool,
    pub(super) scrub: bool,
    pub(super) int_enums: bool,
    pub(super) optional_nullables: bool,
    pub(super) optional_proto2: bool,
    pub(super) wrapper_nullables: bool,
    pub(super) wrapper_raw: bool,
    pub(super) struct_for_nulls: bool,
    pub(super) index_unions: bool,
    pub(super) ignore_default: bool,
}

impl Default for DataOptions {
    fn default() -> Self {
        DataOptions {
            enhanced: false,
            generalized: false,
            scrub: false,
            int_enums: false,
            optional_nullables: false,
            optional_proto2: true,
            wrapper_nullables: false,
            wrapper_raw: true,
            struct_for_nulls: false,
            index_unions: true,
            ignore_default: false,
        }
    }
}

impl DataOptions {
    /// A simple name made fit for Protobuf, if scrubbing is on.
    pub(super) fn scrubbed(&self, name: &str) -> String {
        if self.scrub { scrub(name) } else { name.to_string() }
    }

    /// The parameter that marks an enum.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { ENUM }
    }
}

/// The part before the last dot, and the part after it.
pub(super) fn split_name(full: &str) -> (Option<&str>, &str) {
    match full.rsplit_once('.') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, full),
    }
}

/// Encodes a name as a URL would, a leading digit or underscore gets an `x` before it, and what is left over becomes `_`.
fn scrub(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts_badly = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '_');
    if name.bytes().all(plain) && !starts_badly(name) {
        return name.to_string();
    }
    let mut scrubbed = String::with_capacity(name.len() + 1);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => scrubbed.push(char::from(byte)),
            b'_' | b' ' | b'.' | b'-' | b'*' => scrubbed.push('_'),
            other => scrubbed.push_str(&format!("_{other:02X}")),
        }
    }
    // What became an underscore counts as one only if it was one.
    if starts_badly(name) {
        scrubbed.insert(0, 'x');
    }
    scrubbed
}

/// Name of the message that stands for a map's entry.
pub(super) fn map_entry(name: &str) -> String {
    if !name.contains('_') {
        return format!("{name}{ENTRY_SUFFIX}");
    }
    let mut camel = String::with_capacity(name.len() + ENTRY_SUFFIX.len());
    for word in name.split('_') {
        let mut characters = word.chars();
        camel.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(&characters.as_str().to_ascii_lowercase());
    }
    camel + ENTRY_SUFFIX
}

/// Name of the map that a message of entries stands for: the last part without its suffix, in lower case with underscores.
pub(super) fn map_field(name: &str) -> String {
    let (namespace, last) = split_name(name);
    let Some(stem) = last.strip_suffix(ENTRY_SUFFIX) else {
        return name.to_string();
    };
    let mut snake = String::with_capacity(stem.len() + 4);
    for (place, character) in stem.char_indices() {
        if character.is_ascii_uppercase() && place > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    match namespace {
        Some(namespace) => format!("{namespace}.{snake}"),
        None => snake,
    }
}

/// Protobuf's rule for names.
///
/// # Errors
/// `IllegalStateException` above the complaint of Java's descriptors.
pub(super) fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let starts_well = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if starts_well && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(());
    }
    let text = format!("\"{name}\" is not a valid identifier; scrub.invalid.names=true replaces what Protobuf forbids");
    Err(invalid_schema(text))
}

/// A schema that Java's descriptors would refuse.
pub(super) fn invalid_schema(reason: String) -> Error {
    let class = "com.google.protobuf.Descriptors$DescriptorValidationException";
    let cause = Error::new(ErrorKind::Class(class), reason);
    let text = format!("{}: {}", cause.class_name(), cause.message().unwrap_or_default());
    Error::wrap(ErrorKind::IllegalState, text, cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrubbing() {
        for (name, expected) in [
            ("name", "name"),
            ("a-b", "a_b"),
            ("a b.c", "a_b_c"),
            ("1abc", "x1abc"),
            ("_abc", "x_abc"),
            ("a$b", "a_24b"),
            ("ä", "_C3_A4"),
        ] {
            assert_eq!(scrub(name), expected, "{name}");
            assert!(check_name(expected).is_ok());
        }
        for name in ["", "1a", "a-b", "ä"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn maps_and_their_entries() {
        for (field, entry, back) in [
            ("tags", "tagsEntry", "tags"),
            ("my_tags", "MyTagsEntry", "my_tags"),
            ("ConnectDefault2", "ConnectDefault2Entry", "connect_default2"),
            ("myTags", "myTagsEntry", "my_tags"),
        ] {
            assert_eq!(map_entry(field), entry);
            assert_eq!(map_field(entry), back);
            assert_eq!(map_field(&format!("a.B.{entry}")), format!("a.B.{back}"));
        }
        assert_eq!(map_field("Other"), "Other");
    }
}
