//! What keys of the source and of the sink have in common: choices, validators, recommendations.

use regex::Regex;
use turnbuckle_api::config::validator::Validator;
use turnbuckle_api::config::{ConfigChoice, ParsedConfig, ParsedValue, Recommender};
use turnbuckle_api::{Error, Result};

/// Values of `dialect.name` in the order in which the reference recommends them.
pub(crate) const DIALECT_NAMES: &[&str] = &[
    "",
    "Db2DatabaseDialect",
    "MySqlDatabaseDialect",
    "SybaseDatabaseDialect",
    "GenericDatabaseDialect",
    "OracleDatabaseDialect",
    "SqlServerDatabaseDialect",
    "PostgreSqlDatabaseDialect",
    "SqliteDatabaseDialect",
    "DerbyDatabaseDialect",
    "SapHanaDatabaseDialect",
    "VerticaDatabaseDialect",
];

/// How days before 15 October 1582 are counted, `date.calendar.system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarSystem {
    /// Julian, as Java's default calendar.
    Legacy,
    /// Gregorian throughout, as ISO 8601.
    ProlepticGregorian,
}

impl ConfigChoice for CalendarSystem {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("LEGACY", CalendarSystem::Legacy),
        ("PROLEPTIC_GREGORIAN", CalendarSystem::ProlepticGregorian),
    ];
}

/// Refusal of a value that is not among those of an enumeration.
pub(crate) fn refuse_enumerator(name: &str, value: &str) -> Error {
    Error::invalid_config(name, value, "Invalid enumerator")
}

/// True for one of the names in lower case throughout or upper case throughout.
pub(crate) fn is_enumerator(names: &[&str], text: &str) -> bool {
    names.iter().any(|name| *name == text || name.to_uppercase() == text)
}

/// One of the names, all lower or all upper case; null passes.
pub(crate) fn enumerator(names: &'static [&'static str]) -> Validator {
    Validator::new(move |name, value| match value.as_str() {
        Some(text) if !is_enumerator(names, text) => Err(refuse_enumerator(name, text)),
        _ => Ok(()),
    })
}

/// A known `dialect.name`.
pub(crate) fn dialect_name() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(dialect) if !DIALECT_NAMES.contains(&dialect) => Err(refuse_enumerator(name, dialect)),
        _ => Ok(()),
    })
}

/// The provider of user and password that needs no class of its own.
const CREDENTIALS_PROVIDER: &str = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider";

/// Only the default provider of `jdbc.credentials.provider.class` is there.
pub(crate) fn credentials_provider() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(class) if class != CREDENTIALS_PROVIDER => {
            let remedy = "Java classes can't be loaded here; set connection.user and connection.password, for example by a \
                          config provider such as ${file:…}";
            Err(Error::invalid_config(name, class, remedy))
        }
        _ => Ok(()),
    })
}

/// A list of regular expressions.
pub(crate) fn patterns() -> Validator {
    Validator::new(|name, value| {
        let ParsedValue::List(items) = value else { return Ok(()) };
        items.iter().try_for_each(|item| whole_match(name, item).map(drop))
    })
}

/// An expression that must match a whole text.
///
/// # Errors
/// `ConfigException` naming the key and what is wrong with the expression.
pub(crate) fn whole_match(name: &str, pattern: &str) -> Result<Regex> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
        // The last line says what is wrong, those above it draw the place.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        Error::invalid_config(name, pattern, format!("Invalid regular expression: {reason}"))
    })
}

/// Always the same recommendations.
pub(crate) struct Fixed(pub(crate) &'static [&'static str]);

impl Recommender for Fixed {
    fn valid_values(&self, _name: &str, _config: &ParsedConfig) -> Result<Vec<String>> {
        Ok(self.0.iter().map(|value| (*value).to_string()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let pattern = whole_match("k", "public\\.a|b").unwrap();
        assert!(pattern.is_match("public.a") && pattern.is_match("b") && !pattern.is_match("bb"));
        let error = whole_match("table.include.list", "a(").unwrap_err();
        assert_eq!(
            error.message(),
            Some("Invalid value a( for configuration table.include.list: Invalid regular expression: unclosed group")
        );
    }
}
