//! What validation answers, in the field order of Connect's JSON.

use serde::{Deserialize, Serialize};
use turnbuckle_api::config::{ConfigKey, ConfigValue};

/// Answer of `PUT /connector-plugins/{plugin}/config/validate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigInfos {
    /// `connector.class` as given.
    pub name: String,
    pub error_count: usize,
    pub groups: Vec<String>,
    pub configs: Vec<ConfigInfo>,
}

/// One key: its definition, unless nobody defined it, and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigInfo {
    pub definition: Option<ConfigKeyInfo>,
    pub value: Option<ConfigValueInfo>,
}

/// Definition of a key; also an entry of `GET /connector-plugins/{plugin}/config`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigKeyInfo {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub required: bool,
    pub default_value: Option<String>,
    pub importance: String,
    pub documentation: String,
    pub group: Option<String>,
    pub width: String,
    pub display_name: String,
    pub dependents: Vec<String>,
    pub order: i32,
}

/// Value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigValueInfo {
    pub name: String,
    /// Null for null and for what does not parse.
    pub value: Option<String>,
    pub recommended_values: Vec<String>,
    pub errors: Vec<String>,
    pub visible: bool,
}

impl ConfigInfos {
    /// All messages in the order of the keys.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        let values = self.configs.iter().filter_map(|config| config.value.as_ref());
        values.flat_map(|value| value.errors.iter().map(String::as_str))
    }

    /// Appends the keys, groups and errors of a part.
    pub(super) fn append(&mut self, part: ConfigInfos) {
        self.error_count += part.error_count;
        self.configs.extend(part.configs);
        for group in part.groups {
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
    }
}

impl From<&ConfigKey> for ConfigKeyInfo {
    fn from(key: &ConfigKey) -> Self {
        ConfigKeyInfo {
            name: key.name.clone(),
            kind: key.kind.name().to_string(),
            required: key.default.is_none(),
            default_value: key.default_text(),
            importance: key.importance.name().to_string(),
            documentation: key.documentation.clone(),
            group: key.group.clone(),
            width: key.width.name().to_string(),
            display_name: key.display_name.clone(),
            dependents: key.dependents.clone(),
            order: key.order,
        }
    }
}

impl From<ConfigValue> for ConfigValueInfo {
    fn from(value: ConfigValue) -> Self {
        ConfigValueInfo {
            name: value.name,
            value: value.value,
            recommended_values: value.recommended_values,
            errors: value.errors,
            visible: value.visible,
        }
    }
}

/// Keys of a part below a prefix, in the order of `values`; each key with errors counts once (`prefixedConfigInfos`).
pub(super) fn prefixed(keys: &[ConfigKey], values: Vec<ConfigValue>, prefix: &str) -> ConfigInfos {
    let mut part = ConfigInfos {
        name: String::new(),
        error_count: 0,
        groups: Vec::new(),
        configs: Vec::new(),
    };
    for value in values {
        let key = keys.iter().find(|key| key.name == value.name);
        if let Some(group) = key.and_then(|key| key.group.as_ref())
            && !part.groups.contains(group)
        {
            part.groups.push(group.clone());
        }
        part.error_count += usize::from(!value.errors.is_empty());
        let definition = key.map(|key| {
            let mut definition = ConfigKeyInfo::from(key);
            definition.name = format!("{prefix}{}", key.name);
            definition
        });
        let mut value = ConfigValueInfo::from(value);
        value.name = format!("{prefix}{}", value.name);
        value.visible = true;
        part.configs.push(ConfigInfo {
            definition,
            value: Some(value),
        });
    }
    part
}
