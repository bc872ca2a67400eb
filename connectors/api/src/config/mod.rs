//! Configuration definitions: what keys a plugin knows, and how their text becomes values.
//!
//! A plugin declares one struct with `#[derive(Config)]`; the derive makes its [`ConfigDef`], from which come parsing,
//! defaults, validation, the REST form and the documentation. Texts of errors are those of
//! `org.apache.kafka.common.config.ConfigDef`.

mod def;
mod field;
mod props;
pub mod validator;
mod value;

pub use def::{ConfigDef, ConfigKey, Importance, ParsedConfig, Recommender, Width};
pub use field::{ClassName, Config, ConfigChoice, ConfigField, choice_validator};
pub use props::Props;
pub use turnbuckle_api_derive::Config;
pub use validator::Validator;
pub use value::{ConfigType, ConfigValue, ParsedValue, Password};
