//! Types of configuration values, parsed values, and what validation says of a value.

use crate::data::java_f64;
use std::fmt;

/// `ConfigDef.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    Boolean,
    String,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl ConfigType {
    pub fn name(self) -> &'static str {
        match self {
            ConfigType::Boolean => "BOOLEAN",
            ConfigType::String => "STRING",
            ConfigType::Int => "INT",
            ConfigType::Short => "SHORT",
            ConfigType::Long => "LONG",
            ConfigType::Double => "DOUBLE",
            ConfigType::List => "LIST",
            ConfigType::Class => "CLASS",
            ConfigType::Password => "PASSWORD",
        }
    }
}

/// A secret. It prints as `[hidden]`, whatever asks for its text; [`Password::reveal`] is the only way to it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub const HIDDEN: &'static str = "[hidden]";

    pub fn new(secret: impl Into<String>) -> Self {
        Password(secret.into())
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

impl fmt::Display for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::HIDDEN)
    }
}

/// A value as its key's type has it.
#[derive(Clone, Debug, PartialEq)]
pub enum ParsedValue {
    Null,
    Boolean(bool),
    String(String),
    Int(i32),
    Short(i16),
    Long(i64),
    Double(f64),
    List(Vec<String>),
    Class(String),
    Password(Password),
}

impl ParsedValue {
    pub fn is_null(&self) -> bool {
        matches!(self, ParsedValue::Null)
    }

    /// Text of strings and classes.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            ParsedValue::String(text) | ParsedValue::Class(text) => Some(text),
            _ => None,
        }
    }

    /// Integers of any width.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            ParsedValue::Int(value) => Some(i64::from(*value)),
            ParsedValue::Short(value) => Some(i64::from(*value)),
            ParsedValue::Long(value) => Some(*value),
            _ => None,
        }
    }

    /// `ConfigDef.convertToString`: what REST shows. Lists are joined by commas, classes shown by
    /// name, secrets hidden.
    pub fn rendered(&self) -> Option<String> {
        match self {
            ParsedValue::Null => None,
            ParsedValue::List(items) => Some(items.join(",")),
            ParsedValue::Class(name) => Some(name.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// `String.valueOf` of the Java object, as messages show it.
impl fmt::Display for ParsedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParsedValue::Null => f.write_str("null"),
            ParsedValue::Boolean(value) => write!(f, "{value}"),
            ParsedValue::String(value) => f.write_str(value),
            ParsedValue::Int(value) => write!(f, "{value}"),
            ParsedValue::Short(value) => write!(f, "{value}"),
            ParsedValue::Long(value) => write!(f, "{value}"),
            ParsedValue::Double(value) => f.write_str(&java_f64(*value)),
            ParsedValue::List(items) => write!(f, "[{}]", items.join(", ")),
            ParsedValue::Class(value) => write!(f, "class {value}"),
            ParsedValue::Password(value) => write!(f, "{value}"),
        }
    }
}

/// What validation says of one key (`org.apache.kafka.common.config.ConfigValue`).
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigValue {
    pub name: String,
    /// Text as REST shows it; None for null and for values that don't parse.
    pub value: Option<String>,
    pub recommended_values: Vec<String>,
    pub errors: Vec<String>,
    pub visible: bool,
}

impl ConfigValue {
    pub fn new(name: impl Into<String>) -> Self {
        ConfigValue {
            name: name.into(),
            value: None,
            recommended_values: Vec::new(),
            errors: Vec::new(),
            visible: true,
        }
    }
}
