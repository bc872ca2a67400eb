//! `timestamp.columns.mapping` and `incrementing.column.mapping`: columns by table. Each entry is `regex:columns`; a table
//! must match exactly one.

use crate::keys::whole_match;
use regex::Regex;
use turnbuckle_api::config::ParsedValue;
use turnbuckle_api::config::validator::Validator;
use turnbuckle_api::{Error, Result};

pub(super) const TIMESTAMP_COLUMNS: &str = "timestamp.columns.mapping";
pub(super) const INCREMENTING_COLUMN: &str = "incrementing.column.mapping";

/// The entries of one of the two keys.
#[derive(Clone, Debug)]
pub(super) struct ColumnMapping {
    key: &'static str,
    entries: Vec<(Regex, Vec<String>)>,
}

impl ColumnMapping {
    /// # Errors
    /// `ConfigException` naming the key, the entry and what is wrong with it.
    pub(super) fn parse(key: &'static str, items: &[String]) -> Result<ColumnMapping> {
        let entries = items.iter().map(|item| entry(key, item)).collect::<Result<_>>()?;
        Ok(ColumnMapping { key, entries })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The columns of a table, given by its unquoted name.
    ///
    /// # Errors
    /// `ConnectException` unless exactly one entry matches.
    pub(super) fn columns(&self, table: &str) -> Result<&[String]> {
        let mut matching = self.entries.iter().filter(|(pattern, _)| pattern.is_match(table));
        let problem = match (matching.next(), matching.next()) {
            (Some((_, columns)), None) => return Ok(columns),
            (None, _) => "does not match any of the provided regexes",
            (Some(_), Some(_)) => "matches more than one of the provided regexes",
        };
        let what = if self.key == TIMESTAMP_COLUMNS {
            "timestamp"
        } else {
            "incrementing"
        };
        Err(Error::connect(format!(
            "Error while validating {what} column mappings: Included table '{table}' {problem}"
        )))
    }
}

fn entry(key: &'static str, item: &str) -> Result<(Regex, Vec<String>)> {
    let several = key == TIMESTAMP_COLUMNS;
    let form = if several {
        "Invalid format. Expected 'regex:[col1|col2|...]'"
    } else {
        "Invalid format. Expected 'regex:columnName'"
    };
    let (pattern, columns) = match item.trim().split_once(':') {
        Some((pattern, columns)) if !columns.contains(':') => (pattern.trim(), columns.trim()),
        _ => return Err(Error::invalid_config(key, item, form)),
    };
    let pattern = whole_match(key, pattern)?;
    if !several {
        return match columns {
            "" => Err(Error::invalid_config(key, columns, "Column name cannot be empty")),
            name => Ok((pattern, vec![name.to_string()])),
        };
    }
    let refuse = |reason: &str| Err(Error::invalid_config(key, columns, reason));
    let Some(listed) = columns.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return refuse("Columns list must be enclosed in square brackets");
    };
    if listed.trim().is_empty() {
        return refuse("Columns list cannot be empty");
    }
    let names: Vec<String> = listed.split('|').map(|name| name.trim().to_string()).collect();
    if names.iter().any(String::is_empty) {
        return refuse("Every column name should be non-empty string");
    }
    Ok((pattern, names))
}

/// Checks the entries of either key.
pub(super) fn column_mapping(key: &'static str) -> Validator {
    Validator::new(move |_, value| match value {
        ParsedValue::List(items) => ColumnMapping::parse(key, items).map(drop),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(key: &'static str, items: &[&str]) -> Result<ColumnMapping> {
        let items: Vec<String> = items.iter().map(ToString::to_string).collect();
        ColumnMapping::parse(key, &items)
    }

    #[test]
    fn tables_find_their_columns() {
        let timestamps = mapping(TIMESTAMP_COLUMNS, &["public\\.o.*:[updated|created]", "s\\.t:[ts]"]).unwrap();
        assert_eq!(timestamps.columns("public.orders").unwrap(), ["updated", "created"]);
        assert_eq!(timestamps.columns("s.t").unwrap(), ["ts"]);
        let ids = mapping(INCREMENTING_COLUMN, &[".*:id", "s\\.t:key"]).unwrap();
        for (found, text) in [
            (
                timestamps.columns("public.x"),
                "Error while validating timestamp column mappings: Included table 'public.x' does not match any of the provided regexes",
            ),
            (
                ids.columns("s.t"),
                "Error while validating incrementing column mappings: Included table 's.t' matches more than one of the provided \
                 regexes",
            ),
        ] {
            assert_eq!(found.unwrap_err().message(), Some(text));
        }
    }

    #[test]
    fn malformed_entries_are_refused() {
        for (key, item, reason) in [
            (TIMESTAMP_COLUMNS, "a", "Expected 'regex:[col1|col2|...]'"),
            (TIMESTAMP_COLUMNS, "a:b", "square brackets"),
            (TIMESTAMP_COLUMNS, "a:[ ]", "Columns list cannot be empty"),
            (TIMESTAMP_COLUMNS, "a:[b|]", "non-empty string"),
            (INCREMENTING_COLUMN, "a:b:c", "Expected 'regex:columnName'"),
            (INCREMENTING_COLUMN, "a:", "Column name cannot be empty"),
            (INCREMENTING_COLUMN, "a(:b", "Invalid regular expression"),
        ] {
            let error = mapping(key, &[item]).unwrap_err();
            assert!(error.to_string().contains(reason), "{item}: {error}");
        }
    }
}
