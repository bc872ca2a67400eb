//! Names that Connect and Avro share: the attributes and types by which Connect schemas survive the way through Avro,
//! Avro's rules for names, and scrubbing of names that break them.

use super::schema::Name;
use turnbuckle_api::{Error, ErrorKind, Result};

pub(crate) const NAMESPACE: &str = "io.confluent.connect.avro";
pub(crate) const DEFAULT_RECORD: &str = "ConnectDefault";
pub(crate) const DEFAULT_RECORD_FULL: &str = "io.confluent.connect.avro.ConnectDefault";
pub(crate) const MAP_ENTRY: &str = "MapEntry";
pub(crate) const ANYTHING: &str = "Anything";
pub(crate) const ANYTHING_FULL: &str = "io.confluent.connect.avro.Anything";
pub(crate) const KEY_FIELD: &str = "key";
pub(crate) const VALUE_FIELD: &str = "value";

pub(crate) const UNION: &str = "io.confluent.connect.avro.Union";
pub(crate) const ENUM: &str = "io.confluent.connect.avro.Enum";
pub(crate) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(crate) const GENERALIZED_UNION_PREFIX: &str = "connect_union_";
pub(crate) const GENERALIZED_UNION_FIELD_PREFIX: &str = "connect_union_field_";
pub(crate) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";

pub(crate) const CONNECT_NAME: &str = "connect.name";
pub(crate) const CONNECT_DOC: &str = "connect.doc";
pub(crate) const CONNECT_VERSION: &str = "connect.version";
pub(crate) const CONNECT_PARAMETERS: &str = "connect.parameters";
pub(crate) const CONNECT_DEFAULT: &str = "connect.default";
pub(crate) const CONNECT_TYPE: &str = "connect.type";
pub(crate) const CONNECT_INTERNAL_TYPE: &str = "connect.internal.type";
pub(crate) const CONNECT_RECORD_DOC: &str = "connect.record.doc";
pub(crate) const FIXED_SIZE: &str = "connect.fixed.size";
pub(crate) const DECIMAL_PRECISION: &str = "connect.decimal.precision";
/// Precision that is written when nothing says otherwise, and left out on reading.
pub(crate) const DEFAULT_PRECISION: i64 = 64;

pub(crate) const RECORD_DOC: &str = "io.confluent.connect.avro.record.doc";
pub(crate) const FIELD_DOC_PREFIX: &str = "io.confluent.connect.avro.field.doc.";
pub(crate) const FIELD_DEFAULT: &str = "io.confluent.connect.avro.field.default";
pub(crate) const ENUM_DOC_PREFIX: &str = "io.confluent.connect.avro.enum.doc.";
pub(crate) const ENUM_DEFAULT_PREFIX: &str = "io.confluent.connect.avro.enum.default.";
/// Attributes and parameters that begin so belong to Avro itself (`avro.java.string`).
pub(crate) const AVRO_PREFIX: &str = "avro";

pub(crate) const LOGICAL_TYPE: &str = "logicalType";

/// A schema option of the converter that both directions need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataOptions {
    pub(crate) meta_data: bool,
    pub(crate) enhanced: bool,
    pub(crate) generalized: bool,
    pub(crate) scrub: bool,
    pub(crate) discard_doc: bool,
    pub(crate) ignore_default: bool,
    pub(crate) optional_map_keys: bool,
}

impl Default for DataOptions {
    fn default() -> Self {
        DataOptions {
            meta_data: true,
            enhanced: false,
            generalized: false,
            scrub: false,
            discard_doc: false,
            ignore_default: false,
            optional_map_keys: false,
        }
    }
}

impl DataOptions {
    /// A simple name made fit for Avro, if scrubbing is on.
    pub(crate) fn scrubbed(&self, name: &str) -> String {
        if self.scrub { scrub(name) } else { name.to_string() }
    }

    /// A full name with its simple part scrubbed; the namespace is left alone.
    pub(crate) fn full_name(&self, full: &str) -> Name {
        let mut name = Name::from_full(full);
        name.simple = self.scrubbed(&name.simple);
        name
    }
}

/// Replaces what Avro does not allow: `-`, blank, `.` and `*` by `_`, others by `_` and the hex digits of each UTF-8 byte;
/// a leading digit gets an `x` before it.
fn scrub(name: &str) -> String {
    let mut scrubbed = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => scrubbed.push(char::from(byte)),
            b'-' | b' ' | b'.' | b'*' => scrubbed.push('_'),
            other => scrubbed.push_str(&format!("_{other:02X}")),
        }
    }
    if scrubbed.starts_with(|c: char| c.is_ascii_digit()) {
        scrubbed.insert(0, 'x');
    }
    scrubbed
}

/// Avro's rule for simple names. Letters of any script pass.
///
/// # Errors
/// `SchemaParseException` with the Java library's texts.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let refuse = |text: String| {
        Err(Error::new(
            ErrorKind::Class("org.apache.avro.SchemaParseException"),
            text,
        ))
    };
    // Java looks at UTF-16 units, where characters beyond the first plane are no letters.
    let letter = |c: char| c.is_alphabetic() && c as u32 <= 0xffff;
    let mut characters = name.chars();
    let Some(first) = characters.next() else {
        return refuse("Empty name".into());
    };
    if !letter(first) && first != '_' {
        return refuse(format!("Illegal initial character: {name}"));
    }
    if characters.any(|c| !letter(c) && !c.is_numeric() && c != '_') {
        return refuse(format!("Illegal character in: {name}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrubbing() {
        for (name, expected) in [
            ("a-b", "a_b"),
            ("a b.c", "a_b_c"),
            ("1abc", "x1abc"),
            ("a$b", "a_24b"),
            ("ä", "_C3_A4"),
            ("_ok", "_ok"),
            ("-", "_"),
        ] {
            assert_eq!(scrub(name), expected, "{name}");
            assert!(check_name(expected).is_ok());
        }
    }

    #[test]
    fn names() {
        for (name, problem) in [
            ("ok_1", None),
            ("äöü", None),
            ("", Some("Empty name")),
            ("1a", Some("Illegal initial character: 1a")),
            ("a-b", Some("Illegal character in: a-b")),
        ] {
            let message = check_name(name)
                .err()
                .and_then(|error| error.message().map(str::to_string));
            assert_eq!(message.as_deref(), problem);
        }
    }
}
