//! `ConfigDef`: an ordered list of keys; parsing and validation against it.

use super::props::Props;
use super::validator::Validator;
use super::value::{ConfigType, ConfigValue, ParsedValue, Password};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How much a key matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    High,
    Medium,
    Low,
}

impl Importance {
    pub fn name(self) -> &'static str {
        match self {
            Importance::High => "HIGH",
            Importance::Medium => "MEDIUM",
            Importance::Low => "LOW",
        }
    }
}

/// How wide a form shows a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    None,
    Short,
    Medium,
    Long,
}

impl Width {
    pub fn name(self) -> &'static str {
        match self {
            Width::None => "NONE",
            Width::Short => "SHORT",
            Width::Medium => "MEDIUM",
            Width::Long => "LONG",
        }
    }
}

/// Recommends values for a key and says whether a form shows it, given all parsed values.
pub trait Recommender: Send + Sync {
    /// Recommended values, in order.
    fn valid_values(&self, name: &str, config: &ParsedConfig) -> Result<Vec<String>>;

    fn visible(&self, _name: &str, _config: &ParsedConfig) -> bool {
        true
    }
}

/// One key.
#[derive(Clone)]
pub struct ConfigKey {
    pub name: String,
    pub kind: ConfigType,
    /// None: the key is required.
    pub default: Option<ParsedValue>,
    pub validator: Option<Validator>,
    pub importance: Importance,
    pub documentation: String,
    pub group: Option<String>,
    /// Position in the group; -1 without group.
    pub order: i32,
    pub width: Width,
    pub display_name: String,
    pub dependents: Vec<String>,
    pub recommender: Option<Arc<dyn Recommender>>,
}

impl std::fmt::Debug for ConfigKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigKey")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl ConfigKey {
    /// A required key in the short form: no group, width NONE, display name = name.
    pub fn new(name: impl Into<String>, kind: ConfigType, importance: Importance, doc: impl Into<String>) -> Self {
        let name = name.into();
        ConfigKey {
            display_name: name.clone(),
            name,
            kind,
            default: None,
            validator: None,
            importance,
            documentation: doc.into(),
            group: None,
            order: -1,
            width: Width::None,
            dependents: Vec::new(),
            recommender: None,
        }
    }

    pub fn default(mut self, value: ParsedValue) -> Self {
        self.default = Some(value);
        self
    }

    /// Default given as a user would write it.
    ///
    /// # Panics
    /// If the text does not parse: a mistake in the definition, which the definition's first use shows.
    pub fn default_from_text(self, text: &str) -> Self {
        let parsed = parse_type(&self.name, Some(text), self.kind);
        match parsed {
            Ok(value) => self.default(value),
            Err(error) => panic!("default of configuration key {}: {error}", self.name),
        }
    }

    pub fn validator(mut self, validator: Validator) -> Self {
        self.validator = Some(validator);
        self
    }

    pub fn recommender(mut self, recommender: impl Recommender + 'static) -> Self {
        self.recommender = Some(Arc::new(recommender));
        self
    }

    /// Group, order in it, width and display name.
    pub fn form(mut self, group: &str, order: i32, width: Width, display_name: &str) -> Self {
        self.group = Some(group.to_string());
        self.order = order;
        self.width = width;
        self.display_name = display_name.to_string();
        self
    }

    pub fn dependents(mut self, dependents: &[&str]) -> Self {
        self.dependents = dependents.iter().map(|name| (*name).to_string()).collect();
        self
    }

    /// Text of the default for REST and documentation.
    pub fn default_text(&self) -> Option<String> {
        self.default.as_ref().and_then(ParsedValue::rendered)
    }
}

/// Values by key after parsing.
#[derive(Clone, Debug, Default)]
pub struct ParsedConfig(HashMap<String, ParsedValue>);

impl ParsedConfig {
    pub fn get(&self, name: &str) -> &ParsedValue {
        self.0.get(name).unwrap_or(&ParsedValue::Null)
    }

    pub fn insert(&mut self, name: impl Into<String>, value: ParsedValue) {
        self.0.insert(name.into(), value);
    }
}

/// An ordered set of keys.
#[derive(Clone, Debug, Default)]
pub struct ConfigDef {
    keys: Vec<ConfigKey>,
    index: HashMap<String, usize>,
}

impl ConfigDef {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; one of the same name is replaced in place.
    pub fn define(mut self, key: ConfigKey) -> Self {
        self.add(key);
        self
    }

    /// As [`ConfigDef::define`], by reference.
    pub fn add(&mut self, key: ConfigKey) {
        match self.index.get(&key.name) {
            Some(position) => self.keys[*position] = key,
            None => {
                self.index.insert(key.name.clone(), self.keys.len());
                self.keys.push(key);
            }
        }
    }

    /// Keys in definition order.
    pub fn keys(&self) -> &[ConfigKey] {
        &self.keys
    }

    pub fn key(&self, name: &str) -> Option<&ConfigKey> {
        self.index.get(name).map(|position| &self.keys[*position])
    }

    /// Groups in order of first use.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for group in self.keys.iter().filter_map(|key| key.group.as_deref()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// Parses all keys.
    ///
    /// # Errors
    /// `ConfigException` for the first key that is missing, does not parse or is refused by its validator.
    pub fn parse(&self, props: &Props) -> Result<ParsedConfig> {
        let mut parsed = ParsedConfig::default();
        for key in &self.keys {
            let value = match props.get_nullable(&key.name) {
                Some(text) => parse_type(&key.name, text, key.kind)?,
                None => key.default.clone().ok_or_else(|| missing(&key.name))?,
            };
            if let Some(validator) = &key.validator {
                validator.check(&key.name, &value)?;
            }
            parsed.insert(&key.name, value);
        }
        Ok(parsed)
    }

    /// Values, errors and recommendations of all keys in definition order; unknown keys are passed over.
    pub fn validate(&self, props: &Props) -> Vec<ConfigValue> {
        let mut run = Validation {
            def: self,
            props,
            parsed: ParsedConfig::default(),
            values: self.blank_values(),
        };
        let dependents: HashSet<&str> = self
            .keys
            .iter()
            .flat_map(|key| key.dependents.iter().map(String::as_str))
            .collect();
        let roots: Vec<&ConfigKey> = self
            .keys
            .iter()
            .filter(|key| !dependents.contains(key.name.as_str()))
            .collect();
        for key in &roots {
            run.parse(&key.name, 0);
        }
        for key in &roots {
            run.recommend(&key.name, 0);
        }
        run.values
    }

    fn blank_values(&self) -> Vec<ConfigValue> {
        self.keys.iter().map(|key| ConfigValue::new(&key.name)).collect()
    }
}

/// One validation: keys are visited from those that depend on none to their dependents, as Kafka does, so that a key that
/// depends on two others is visited (and complains) twice.
struct Validation<'a> {
    def: &'a ConfigDef,
    props: &'a Props,
    parsed: ParsedConfig,
    values: Vec<ConfigValue>,
}

/// Dependents deeper than this are a definition that depends on itself.
const MAX_DEPTH: usize = 16;

impl Validation<'_> {
    fn parse(&mut self, name: &str, depth: usize) {
        let Some(position) = self.def.index.get(name).copied() else {
            return;
        };
        let key = &self.def.keys[position];
        let errors = &mut self.values[position].errors;
        let value = match self.props.get_nullable(name) {
            Some(text) => parse_type(name, text, key.kind).unwrap_or_else(|error| {
                errors.push(message_of(&error));
                ParsedValue::Null
            }),
            None => key.default.clone().unwrap_or_else(|| {
                errors.push(message_of(&missing(name)));
                ParsedValue::Null
            }),
        };
        if let Some(validator) = &key.validator
            && let Err(error) = validator.check(name, &value)
        {
            errors.push(message_of(&error));
        }
        self.values[position].value = value.rendered();
        self.parsed.insert(name, value);
        if depth < MAX_DEPTH {
            for dependent in &key.dependents {
                self.parse(dependent, depth + 1);
            }
        }
    }

    fn recommend(&mut self, name: &str, depth: usize) {
        let Some(position) = self.def.index.get(name).copied() else {
            return;
        };
        let key = &self.def.keys[position];
        if let Some(recommender) = &key.recommender {
            let value = &mut self.values[position];
            match recommender.valid_values(name, &self.parsed) {
                Ok(recommended) => {
                    value.recommended_values = recommended;
                    value.visible = recommender.visible(name, &self.parsed);
                }
                Err(error) => value.errors.push(message_of(&error)),
            }
        }
        if depth < MAX_DEPTH {
            for dependent in &key.dependents {
                self.recommend(dependent, depth + 1);
            }
        }
    }
}

fn message_of(error: &Error) -> String {
    error.message().unwrap_or_default().to_string()
}

fn missing(name: &str) -> Error {
    Error::config(format!(
        "Missing required configuration \"{name}\" which has no default value."
    ))
}

/// `ConfigDef.parseType`.
pub(super) fn parse_type(name: &str, text: Option<&str>, kind: ConfigType) -> Result<ParsedValue> {
    let Some(text) = text else { return Ok(ParsedValue::Null) };
    let trimmed = text.trim();
    let not_a_number = || Error::invalid_config(name, text, format!("Not a number of type {}", kind.name()));
    Ok(match kind {
        ConfigType::Boolean if trimmed.eq_ignore_ascii_case("true") => ParsedValue::Boolean(true),
        ConfigType::Boolean if trimmed.eq_ignore_ascii_case("false") => ParsedValue::Boolean(false),
        ConfigType::Boolean => {
            return Err(Error::invalid_config(
                name,
                text,
                "Expected value to be either true or false",
            ));
        }
        ConfigType::String => ParsedValue::String(trimmed.to_string()),
        ConfigType::Password => ParsedValue::Password(Password::new(trimmed)),
        ConfigType::Int => ParsedValue::Int(trimmed.parse().map_err(|_| not_a_number())?),
        ConfigType::Short => ParsedValue::Short(trimmed.parse().map_err(|_| not_a_number())?),
        ConfigType::Long => ParsedValue::Long(trimmed.parse().map_err(|_| not_a_number())?),
        ConfigType::Double => ParsedValue::Double(trimmed.parse().map_err(|_| not_a_number())?),
        ConfigType::List if trimmed.is_empty() => ParsedValue::List(Vec::new()),
        ConfigType::List => ParsedValue::List(trimmed.split(',').map(|item| item.trim().to_string()).collect()),
        ConfigType::Class => ParsedValue::Class(trimmed.to_string()),
    })
}
