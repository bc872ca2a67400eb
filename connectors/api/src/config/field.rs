//! Fields of config structs: which Rust type stands for which configuration type.

use super::def::ConfigDef;
use super::props::Props;
use super::validator::Validator;
use super::value::{ConfigType, ParsedValue, Password};
use crate::error::{Error, Result};

/// A struct made from configuration; `#[derive(Config)]` implements it.
///
/// ```
/// use turnbuckle_api::{Config, Props};
///
/// #[derive(Config)]
/// struct Settings {
///     /// Rows fetched at once.
///     #[config(key = "batch.max.rows", default = "100", importance = Low, group = "Connector", width = Short,
///              display = "Max Rows Per Batch", validator = turnbuckle_api::config::validator::at_least(1))]
///     batch_max_rows: i32,
///     /// Where to connect.
///     #[config(key = "connection.url", required, importance = High)]
///     url: String,
/// }
///
/// let settings = Settings::from_props(&Props::new().with("connection.url", "jdbc:sqlite:a.db")).unwrap();
/// assert_eq!((settings.batch_max_rows, settings.url.as_str()), (100, "jdbc:sqlite:a.db"));
/// ```
pub trait Config: Sized {
    /// The keys, made once.
    fn config_def() -> &'static ConfigDef;

    /// Parses and validates the keys of this struct; others are passed over.
    fn from_props(props: &Props) -> Result<Self>;
}

/// A Rust type that a field of a config struct may have.
pub trait ConfigField: Sized {
    const KIND: ConfigType;

    /// Makes the field from the parsed value of key `name`.
    fn from_parsed(name: &str, value: &ParsedValue) -> Result<Self>;
}

fn misfit(name: &str, value: &ParsedValue) -> Error {
    Error::invalid_config(name, value, "Value must be non-null")
}

macro_rules! config_field {
    ($($rust:ty => $kind:ident),*) => {
        $(impl ConfigField for $rust {
            const KIND: ConfigType = ConfigType::$kind;

            fn from_parsed(name: &str, value: &ParsedValue) -> Result<Self> {
                match value {
                    ParsedValue::$kind(value) => Ok(value.clone()),
                    other => Err(misfit(name, other)),
                }
            }
        })*
    };
}
config_field!(bool => Boolean, String => String, i32 => Int, i16 => Short, i64 => Long, f64 => Double,
              Vec<String> => List, Password => Password);

impl<T: ConfigField> ConfigField for Option<T> {
    const KIND: ConfigType = T::KIND;

    fn from_parsed(name: &str, value: &ParsedValue) -> Result<Self> {
        match value {
            ParsedValue::Null => Ok(None),
            other => T::from_parsed(name, other).map(Some),
        }
    }
}

/// The name of a class, type CLASS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassName(pub String);

impl ConfigField for ClassName {
    const KIND: ConfigType = ConfigType::Class;

    fn from_parsed(name: &str, value: &ParsedValue) -> Result<Self> {
        match value {
            ParsedValue::Class(class) => Ok(ClassName(class.clone())),
            other => Err(misfit(name, other)),
        }
    }
}

/// An enum given as text, type STRING. Names compare without regard to case; the validator says which spellings pass.
pub trait ConfigChoice: Copy + 'static {
    /// All choices with their names.
    const CHOICES: &'static [(&'static str, Self)];
}

impl<T: ConfigChoice> ConfigField for T {
    const KIND: ConfigType = ConfigType::String;

    fn from_parsed(name: &str, value: &ParsedValue) -> Result<Self> {
        let text = value.as_str().ok_or_else(|| misfit(name, value))?;
        let found = T::CHOICES.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(text));
        found
            .map(|(_, choice)| *choice)
            .ok_or_else(|| refuse_choice::<T>(name, value))
    }
}

fn refuse_choice<T: ConfigChoice>(name: &str, value: &ParsedValue) -> Error {
    let names: Vec<&str> = T::CHOICES.iter().map(|(name, _)| *name).collect();
    Error::invalid_config(name, value, format!("String must be one of: {}", names.join(", ")))
}

/// Accepts exactly the names of a [`ConfigChoice`].
pub fn choice_validator<T: ConfigChoice>() -> Validator {
    Validator::new(|name, value| {
        let known = value
            .as_str()
            .is_some_and(|text| T::CHOICES.iter().any(|(choice, _)| *choice == text));
        if known {
            Ok(())
        } else {
            Err(refuse_choice::<T>(name, value))
        }
    })
}
