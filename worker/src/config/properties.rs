//! Text properties of the worker: a Java properties file, overridden by the environment.
//!
//! `CONNECT_GROUP_ID` sets `group.id`: the prefix goes, letters become lower case, `___` stands for `_`, `__` for `-` and `_`
//! for `.`, as in the common container images of Kafka Connect. Such images run without a file of their own, so does this.

use java_properties::PropertiesIter;
use std::path::Path;
use turnbuckle_api::{Error, ErrorKind, Props, Result};

/// What names of variables begin with.
pub const ENVIRONMENT_PREFIX: &str = "CONNECT_";

/// Reads a Java properties file, in its order.
///
/// # Errors
/// `ConfigException` naming the file, and the line if its text is malformed.
pub fn read_file(path: &Path) -> Result<Props> {
    let shown = path.display();
    let file = std::fs::File::open(path).map_err(|error| {
        let cause = Error::new(ErrorKind::Class("java.io.IOException"), error.to_string());
        Error::config(format!("Could not read the properties file {shown}")).with_cause(cause)
    })?;
    parse(std::io::BufReader::new(file))
        .map_err(|error| Error::config(format!("Could not read the properties file {shown}")).with_cause(error))
}

/// Parses Java properties (ISO-8859-1, `\uXXXX` escapes); of repeated keys the last counts.
///
/// # Errors
/// `ConfigException` naming the line.
pub fn parse(input: impl std::io::Read) -> Result<Props> {
    read(PropertiesIter::new(input))
}

/// As [`parse`], for text in UTF-8.
///
/// # Errors
/// `ConfigException` naming the line.
pub fn parse_utf8(input: impl std::io::Read) -> Result<Props> {
    read(PropertiesIter::new_with_encoding(input, encoding_rs::UTF_8))
}

fn read(mut properties: PropertiesIter<impl std::io::Read>) -> Result<Props> {
    let mut props = Props::new();
    let read = properties.read_into(|key, value| props.insert(key, value));
    read.map_err(|error| match error.line_number() {
        Some(line) => Error::config(format!("Malformed properties text in line {line}")),
        None => Error::config("Malformed properties text"),
    })?;
    Ok(props)
}

/// The properties that variables of the environment stand for, in order of name; other variables are passed over.
pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Props {
    let mut found: Vec<(String, String)> = variables
        .into_iter()
        .filter_map(|(name, value)| Some((property_name(&name)?, value)))
        .collect();
    found.sort();
    found.into_iter().collect()
}

/// The variables of this process; those that are not Unicode are passed over.
pub fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// `CONNECT_A_B__C___D` → `a.b-c_d`.
fn property_name(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(ENVIRONMENT_PREFIX)?;
    if rest.is_empty() {
        return None;
    }
    let mut name = String::with_capacity(rest.len());
    let mut underscores = 0;
    for letter in rest.chars() {
        if letter == '_' {
            underscores += 1;
            continue;
        }
        push_separators(&mut name, underscores);
        underscores = 0;
        name.extend(letter.to_lowercase());
    }
    push_separators(&mut name, underscores);
    Some(name)
}

/// Underscores in a row are read from the left, three at a time, then two, then one.
fn push_separators(name: &mut String, mut underscores: usize) {
    while underscores >= 3 {
        name.push('_');
        underscores -= 3;
    }
    match underscores {
        2 => name.push('-'),
        1 => name.push('.'),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn variables_become_keys() {
        for (variable, key) in [
            ("CONNECT_BOOTSTRAP_SERVERS", Some("bootstrap.servers")),
            ("CONNECT_GROUP_ID", Some("group.id")),
            ("CONNECT_PRODUCER_SASL_JAAS_CONFIG", Some("producer.sasl.jaas.config")),
            ("CONNECT_A__B", Some("a-b")),
            ("CONNECT_A___B", Some("a_b")),
            (
                "CONNECT_CONFIG_PROVIDERS_MY___FILE_CLASS",
                Some("config.providers.my_file.class"),
            ),
            ("CONNECT_A____B", Some("a_.b")),
            ("CONNECT_", None),
            ("CONNECTOR_X", None),
            ("HOME", None),
        ] {
            assert_eq!(property_name(variable).as_deref(), key, "{variable}");
        }
    }

    proptest! {
        #[test]
        fn every_key_of_lower_case_words_can_be_written_as_a_variable(
            words in proptest::collection::vec("[a-z0-9]{1,8}", 1..6),
            separators in proptest::collection::vec(0usize..3, 5),
        ) {
            let mut key = String::new();
            let mut variable = ENVIRONMENT_PREFIX.to_string();
            for (index, word) in words.iter().enumerate() {
                if index > 0 {
                    let (in_key, in_variable) = [(".", "_"), ("-", "__"), ("_", "___")][separators[index - 1]];
                    key.push_str(in_key);
                    variable.push_str(in_variable);
                }
                key.push_str(word);
                variable.push_str(&word.to_uppercase());
            }
            prop_assert_eq!(property_name(&variable), Some(key));
        }

        #[test]
        fn values_of_any_text_survive_a_file(value in "\\PC{0,40}") {
            let mut text = String::from("key=");
            for unit in value.encode_utf16() {
                text.push_str(&format!("\\u{unit:04x}"));
            }
            let props = parse(text.as_bytes());
            // Pairs of surrogates are two escapes in Java's format.
            if value.chars().all(|letter| u32::from(letter) < 0x1_0000) {
                let props = props.unwrap();
                prop_assert_eq!(props.get("key"), Some(value.as_str()));
            }
        }
    }

    #[test]
    fn files_are_java_properties() {
        let text = b"# comment\n! comment\na=1\nb : 2 \\\n   3\nc\\ d=\\u00e9\nempty\na=4\nurl=${file:/x:y}\n";
        let props = parse(&text[..]).unwrap();
        let all: Vec<(&str, Option<&str>)> = props.iter().collect();
        let expected = [
            ("a", Some("4")),
            ("b", Some("2 3")),
            ("c d", Some("\u{e9}")),
            ("empty", Some("")),
            ("url", Some("${file:/x:y}")),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn bad_files_are_named() {
        let error = read_file(Path::new("/no/such/worker.properties")).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Could not read the properties file /no/such/worker.properties")
        );
        let error = parse(&b"a=1\nb=\\uzzzz\n"[..]).unwrap_err();
        assert_eq!(error.message(), Some("Malformed properties text in line 2"));
    }
}
