//! The definition that one connector configuration is validated against: the framework's keys with defaults and
//! recommendations of this worker, and for each alias in `transforms` and `predicates` the keys of the plugin behind it.
//!
//! Class names and aliases are looked up here, before validation proper: a key of type CLASS holds the full class name
//! afterwards, or null if there is no such class.

use crate::plugins::{Found, ListedKind, Plugins, UNDEFINED_VERSION, check_version};
use std::collections::HashMap;
use turnbuckle_api::config::{
    ConfigDef, ConfigKey, ConfigType, ConfigValue, Importance, ParsedConfig, ParsedValue, Recommender, Validator, Width,
};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::{Error, Props, Result};

/// A class that a key names.
pub(super) enum Class<'a> {
    /// The key is absent or null.
    Absent,
    /// There is no such class; the message says so.
    Missing(String),
    /// A class that can't serve; its full name and why.
    Unfit(String, String),
    Fit(&'a Plugin),
}

/// Looks up the class that `key` names.
pub(super) fn class_of<'a>(plugins: &'a Plugins, key: &str, text: Option<&str>, kind: ListedKind) -> Class<'a> {
    let Some(text) = text.map(str::trim) else {
        return Class::Absent;
    };
    let unfit = |class: &str| {
        let interface = kind.interface();
        Class::Unfit(
            class.to_string(),
            format!("Class class {class} does not implement the {interface} interface"),
        )
    };
    match plugins.find(text) {
        Found::Plugin(plugin) if kind.includes(plugin) => Class::Fit(plugin),
        Found::Plugin(plugin) => unfit(plugin.class),
        Found::Abstract { class, nested } => {
            let nested = nested.join(", ");
            Class::Unfit(
                class,
                format!("This class is abstract and cannot be created. Did you mean {nested}?"),
            )
        }
        Found::Other(class) => unfit(&class),
        Found::Unknown => Class::Missing(format!(
            "Invalid value {text} for configuration {key}: Class {text} could not be found."
        )),
    }
}

/// A definition with what class lookups found.
pub(super) struct Enriched {
    pub(super) def: ConfigDef,
    /// Errors of parsing a class, by key. They come before the validator's.
    class_errors: HashMap<String, String>,
    /// The configuration with full class names.
    resolved: Props,
}

impl Enriched {
    pub(super) fn new(def: ConfigDef, props: &Props) -> Self {
        Enriched {
            def,
            class_errors: HashMap::new(),
            resolved: props.clone(),
        }
    }

    /// Validates the configuration; values in definition order.
    pub(super) fn validate(&self) -> Vec<ConfigValue> {
        let mut values = self.def.validate(&self.resolved);
        for value in &mut values {
            if let Some(error) = self.class_errors.get(&value.name) {
                value.errors.insert(0, error.clone());
            }
        }
        values
    }

    /// Puts the full name of a class into the configuration, or notes that there is none.
    fn resolve(&mut self, key: &str, class: &Class<'_>) {
        match class {
            Class::Absent => {}
            Class::Missing(error) => {
                self.class_errors.insert(key.to_string(), error.clone());
                self.resolved.insert_nullable(key, None);
            }
            Class::Unfit(class, _) => self.resolved.insert(key, class.clone()),
            Class::Fit(plugin) => self.resolved.insert(key, plugin.class),
        }
    }

    fn edit(&mut self, name: &str, edit: impl FnOnce(&mut ConfigKey)) {
        if let Some(key) = self.def.key(name) {
            let mut key = key.clone();
            edit(&mut key);
            self.def.add(key);
        }
    }

    /// Gives `connector.plugin.version` the installed version.
    pub(super) fn connector_version(&mut self, plugin: &Plugin) {
        let version = version_of(plugin);
        self.edit("connector.plugin.version", |key| {
            key.default = Some(ParsedValue::String(version.clone()));
            key.recommender = Some(std::sync::Arc::new(Fixed::values(vec![version])));
        });
    }

    /// Hides the versions of converters that are not known.
    pub(super) fn no_converters(&mut self) {
        for role in ["key", "value", "header"] {
            self.edit(&format!("{role}.converter.plugin.version"), |key| {
                key.recommender = Some(std::sync::Arc::new(Fixed {
                    values: Vec::new(),
                    visible: false,
                }));
            });
        }
    }

    /// Default class, recommendations and version of one converter. `worker_class` is the worker's own converter.
    pub(super) fn converter(&mut self, plugins: &Plugins, role: &str, kind: ListedKind, worker_class: &str) {
        let key = format!("{role}.converter");
        let version_key = format!("{key}.plugin.version");
        let given = self.resolved.get_nullable(&key).map(|text| text.map(str::to_string));
        let class = match &given {
            Some(text) => class_of(plugins, &key, text.as_deref(), kind),
            None => class_of(plugins, &key, Some(worker_class), kind),
        };
        if given.is_some() {
            self.resolve(&key, &class);
        }
        let default = match class_of(plugins, &key, Some(worker_class), kind) {
            Class::Fit(plugin) => plugin.class.to_string(),
            _ => worker_class.to_string(),
        };
        let unfit = match (&class, &given) {
            (Class::Unfit(_, message), Some(_)) => Some(message.clone()),
            _ => None,
        };
        let classes: Vec<String> = plugins.of_kind(kind).map(|plugin| plugin.class.to_string()).collect();
        self.edit(&key, |key| {
            key.default = Some(ParsedValue::Class(default));
            key.recommender = Some(std::sync::Arc::new(Fixed::values(classes)));
            key.validator = unfit.map(always);
        });
        self.edit(&version_key, |key| {
            let (default, recommended, visible) = match class {
                Class::Fit(plugin) => (ParsedValue::String(version_of(plugin)), vec![version_of(plugin)], true),
                Class::Unfit(..) => (ParsedValue::Null, Vec::new(), true),
                Class::Absent | Class::Missing(_) => (ParsedValue::Null, Vec::new(), false),
            };
            key.default = Some(default);
            key.recommender = Some(std::sync::Arc::new(Fixed {
                values: recommended,
                visible,
            }));
        });
    }

    /// Adds the keys behind each alias of `transforms`.
    pub(super) fn transformations(&mut self, plugins: &Plugins) {
        self.aliases(plugins, &TRANSFORMS);
    }

    /// Adds the keys behind each alias of `predicates`.
    pub(super) fn predicates(&mut self, plugins: &Plugins) {
        self.aliases(plugins, &PREDICATES);
    }

    fn aliases(&mut self, plugins: &Plugins, list: &AliasList) {
        let text = self.resolved.get(list.key).unwrap_or_default().trim().to_string();
        if text.is_empty() {
            return;
        }
        let mut seen: Vec<&str> = Vec::new();
        for alias in text.split(',').map(str::trim) {
            if !seen.contains(&alias) {
                seen.push(alias);
                self.alias(plugins, list, alias);
            }
        }
    }

    fn alias(&mut self, plugins: &Plugins, list: &AliasList, alias: &str) {
        let prefix = format!("{}.{alias}.", list.key);
        let group = format!("{}: {alias}", list.group);
        let interface = list.kind.interface();
        let type_key = format!("{prefix}type");
        let version_key = format!("{prefix}plugin.version");
        let text = self.resolved.get_nullable(&type_key).flatten().map(str::to_string);
        let class = class_of(plugins, &type_key, text.as_deref(), list.kind);
        self.resolve(&type_key, &class);

        let plugin = match class {
            Class::Fit(plugin) => Some(plugin),
            _ => None,
        };
        let version = self.resolved.get_nullable(&version_key).flatten().map(str::to_string);
        let version_error = plugin.and_then(|plugin| check_version(plugin, version.as_deref()).err());
        let problem = match (&class, &version_error) {
            (Class::Unfit(_, message), _) => Some(message.clone()),
            (_, Some(error)) => error.message().map(str::to_string),
            _ => None,
        };
        let type_problem = list.refuse(&self.resolved, &prefix).or(problem);
        let doc = format!("Class of the {} `{alias}`: its full name, or an alias.", list.noun);
        let mut key = ConfigKey::new(&type_key, ConfigType::Class, Importance::High, doc)
            .form(&group, 0, Width::Long, &format!("{interface} type for {alias}"))
            .recommender(Fixed::values(
                plugins
                    .of_kind(list.kind)
                    .map(|plugin| plugin.class.to_string())
                    .collect(),
            ));
        key.validator = type_problem.map(always);
        self.def.add(key);

        let installed = plugin.map(version_of);
        let doc = format!(
            "Version of the {} `{alias}`: exactly this one, or one of a range.",
            list.noun
        );
        let mut key = ConfigKey::new(&version_key, ConfigType::String, Importance::High, doc)
            .default(installed.clone().map_or(ParsedValue::Null, ParsedValue::String))
            .form(&group, 1, Width::Long, &format!("{interface} version for {alias}"))
            .recommender(Fixed::values(installed.into_iter().collect()));
        key.validator = version_error
            .as_ref()
            .and_then(Error::message)
            .map(str::to_string)
            .map(always);
        self.def.add(key);

        if let (Some(plugin), None) = (plugin, version_error) {
            self.embed(&prefix, &group, list, plugin);
        }
    }

    /// `ConfigDef.embed`: the plugin's keys below the prefix, in the order of `ConfigDef.sortedConfigs`.
    fn embed(&mut self, prefix: &str, group: &str, list: &AliasList, plugin: &Plugin) {
        let mut child = ConfigDef::new();
        for key in (list.implicit)() {
            child.add(key);
        }
        for key in (plugin.config_def)().keys() {
            // The implicit keys hide those of the plugin.
            if child.key(&key.name).is_none() {
                child.add(key.clone());
            }
        }
        for (key, order) in sorted(&child).into_iter().zip(2..) {
            let mut embedded = key.clone();
            embedded.name = format!("{prefix}{}", key.name);
            embedded.group = Some(match &key.group {
                Some(own) => format!("{group}: {own}"),
                None => group.to_string(),
            });
            embedded.order = order;
            embedded.dependents = key.dependents.iter().map(|name| format!("{prefix}{name}")).collect();
            let (own_name, validator) = (key.name.clone(), key.validator.clone());
            embedded.validator =
                validator.map(|validator| Validator::new(move |_, value| validator.check(&own_name, value)));
            self.def.add(embedded);
        }
    }
}

fn version_of(plugin: &Plugin) -> String {
    plugin.version.unwrap_or(UNDEFINED_VERSION).to_string()
}

/// A validator that refuses with a message that is known already.
fn always(message: String) -> Validator {
    Validator::new(move |_, _| Err(Error::config(message.clone())))
}

/// `transforms` or `predicates`.
struct AliasList {
    key: &'static str,
    group: &'static str,
    noun: &'static str,
    kind: ListedKind,
    /// Keys that every plugin of this list has.
    implicit: fn() -> Vec<ConfigKey>,
}

static TRANSFORMS: AliasList = AliasList {
    key: "transforms",
    group: "Transforms",
    noun: "transformation",
    kind: ListedKind::Transformation,
    implicit: || {
        let predicate = "Alias of the predicate that decides which records this transformation applies to.";
        let negate = "Whether the transformation applies to the records that do not meet the predicate.";
        vec![
            ConfigKey::new("predicate", ConfigType::String, Importance::Medium, predicate).default(ParsedValue::Null),
            ConfigKey::new("negate", ConfigType::Boolean, Importance::Medium, negate)
                .default(ParsedValue::Boolean(false)),
        ]
    },
};

static PREDICATES: AliasList = AliasList {
    key: "predicates",
    group: "Predicates",
    noun: "predicate",
    kind: ListedKind::Predicate,
    implicit: Vec::new,
};

impl AliasList {
    /// What is wrong with the keys of an alias together.
    fn refuse(&self, props: &Props, prefix: &str) -> Option<String> {
        let (negate, predicate) = (format!("{prefix}negate"), format!("{prefix}predicate"));
        let is_transformation = self.kind == ListedKind::Transformation;
        (is_transformation && props.contains_key(&negate) && !props.contains_key(&predicate)).then(|| {
            format!(
                "Config '{negate}' was provided but there is no config '{predicate}' defining a predicate to be negated."
            )
        })
    }
}

/// Keys by group, order in it, required ones first, importance and name.
fn sorted(def: &ConfigDef) -> Vec<&ConfigKey> {
    let groups = def.groups();
    let group_of = |key: &ConfigKey| {
        key.group
            .as_deref()
            .and_then(|group| groups.iter().position(|known| *known == group))
    };
    let mut keys: Vec<&ConfigKey> = def.keys().iter().collect();
    keys.sort_by(|left, right| {
        let rank = |key: &ConfigKey| (group_of(key), key.order, key.default.is_some(), key.importance);
        rank(left).cmp(&rank(right)).then_with(|| left.name.cmp(&right.name))
    });
    keys
}

/// Recommendations that are known beforehand.
struct Fixed {
    values: Vec<String>,
    visible: bool,
}

impl Fixed {
    fn values(values: Vec<String>) -> Self {
        Fixed { values, visible: true }
    }
}

impl Recommender for Fixed {
    fn valid_values(&self, _name: &str, _config: &ParsedConfig) -> Result<Vec<String>> {
        Ok(self.values.clone())
    }

    fn visible(&self, _name: &str, _config: &ParsedConfig) -> bool {
        self.visible
    }
}
