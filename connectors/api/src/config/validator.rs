//! Validators of single values, with Kafka's texts.

use super::value::ParsedValue;
use crate::error::{Error, Result};
use std::sync::Arc;

/// Checks a parsed value; gets the key's name for the message.
#[derive(Clone)]
pub struct Validator(Arc<Check>);

type Check = dyn Fn(&str, &ParsedValue) -> Result<()> + Send + Sync;

impl Validator {
    pub fn new(check: impl Fn(&str, &ParsedValue) -> Result<()> + Send + Sync + 'static) -> Self {
        Validator(Arc::new(check))
    }

    pub fn check(&self, name: &str, value: &ParsedValue) -> Result<()> {
        (self.0)(name, value)
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Validator")
    }
}

/// `ValidString.in`: one of these texts, case-sensitive.
pub fn one_of(choices: &'static [&'static str]) -> Validator {
    Validator::new(move |name, value| {
        if value.as_str().is_some_and(|text| choices.contains(&text)) {
            return Ok(());
        }
        Err(Error::invalid_config(
            name,
            value,
            format!("String must be one of: {}", choices.join(", ")),
        ))
    })
}

/// `CaseInsensitiveValidString.in`.
pub fn one_of_ignore_case(choices: &'static [&'static str]) -> Validator {
    Validator::new(move |name, value| {
        if value
            .as_str()
            .is_some_and(|text| choices.iter().any(|choice| choice.eq_ignore_ascii_case(text)))
        {
            return Ok(());
        }
        let upper: Vec<String> = choices.iter().map(|choice| choice.to_uppercase()).collect();
        let detail = format!("String must be one of (case insensitive): {}", upper.join(", "));
        Err(Error::invalid_config(name, value, detail))
    })
}

/// `Range.atLeast`; null is refused, too.
pub fn at_least(min: i64) -> Validator {
    Validator::new(move |name, value| match value.as_i64() {
        Some(number) if number < min => Err(Error::invalid_config(
            name,
            value,
            format!("Value must be at least {min}"),
        )),
        None if value.is_null() => Err(Error::invalid_config(name, "null", "Value must be non-null")),
        _ => Ok(()),
    })
}

/// `Range.between`, both ends included.
pub fn between(min: i64, max: i64) -> Validator {
    let lower = at_least(min);
    Validator::new(move |name, value| {
        lower.check(name, value)?;
        match value.as_i64() {
            Some(number) if number > max => Err(Error::invalid_config(
                name,
                value,
                format!("Value must be no more than {max}"),
            )),
            _ => Ok(()),
        }
    })
}

/// `NonEmptyString`: null passes, empty text does not.
pub fn non_empty() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some("") => Err(Error::invalid_config(name, "", "String must be non-empty")),
        _ => Ok(()),
    })
}

/// `NonNullValidator`.
pub fn non_null() -> Validator {
    Validator::new(|name, value| match value {
        ParsedValue::Null => Err(Error::invalid_config(name, "null", "entry must be non null")),
        _ => Ok(()),
    })
}

/// `CompositeValidator`: the first that refuses decides.
pub fn all(validators: Vec<Validator>) -> Validator {
    Validator::new(move |name, value| validators.iter().try_for_each(|validator| validator.check(name, value)))
}
