//! The one visible list of every plugin, and how a class name or alias in a configuration finds its plugin
//! (`org.apache.kafka.connect.runtime.isolation.Plugins`).
//!
//! A text in a configuration is first taken as a full class name, then as an alias. Whether the class found there is of the
//! kind that the configuration needs is a question of its own, because Connect answers the two differently.

mod alias;
mod version;

use alias::Aliases;
use std::fmt;
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Error, ErrorKind, Result};
pub use version::VersionRange;

/// All plugins of this binary.
fn builtin() -> Vec<Plugin> {
    let mut plugins = Vec::new();
    plugins.extend(turnbuckle_datagen::plugins());
    plugins.extend(turnbuckle_elasticsearch::plugins());
    plugins.extend(turnbuckle_file::plugins());
    plugins.extend(turnbuckle_jdbc::plugins());
    plugins.extend(turnbuckle_mqtt::plugins());
    plugins.extend(turnbuckle_redis::plugins());
    plugins.extend(turnbuckle_tools::plugins());
    plugins.extend(turnbuckle_transforms::plugins());
    plugins.extend(turnbuckle_converters::plugins());
    plugins
}

/// Classes that a configuration of the worker can name, but that REST neither lists nor describes.
const UNLISTED: &[(&str, &str)] = &[
    (
        "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
        "ConfigProvider",
    ),
    (
        "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "ConfigProvider",
    ),
    (
        "org.apache.kafka.common.config.provider.FileConfigProvider",
        "ConfigProvider",
    ),
    (
        "org.apache.kafka.connect.connector.policy.AllConnectorClientConfigOverridePolicy",
        OVERRIDE_POLICY,
    ),
    (
        "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy",
        OVERRIDE_POLICY,
    ),
    (
        "org.apache.kafka.connect.connector.policy.PrincipalConnectorClientConfigOverridePolicy",
        OVERRIDE_POLICY,
    ),
    (
        "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
        "ConnectRestExtension",
    ),
];

/// Plugins whose simple names another one has. Who has either of them installed with Connect may use the short name; here it
/// stays that of the more common one.
const WITHOUT_ALIAS: &[&str] = &["com.redis.kafka.connect.RedisSinkConnector"];

const OVERRIDE_POLICY: &str = "ConnectorClientConfigOverridePolicy";

/// What Connect shows as the version of a plugin that has none.
pub const UNDEFINED_VERSION: &str = "undefined";

/// The kinds of plugins as REST tells them apart, in the order of `GET /connector-plugins`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedKind {
    Sink,
    Source,
    Transformation,
    Predicate,
    Converter,
    HeaderConverter,
}

impl ListedKind {
    const ALL: [ListedKind; 6] = [
        ListedKind::Sink,
        ListedKind::Source,
        ListedKind::Transformation,
        ListedKind::Predicate,
        ListedKind::Converter,
        ListedKind::HeaderConverter,
    ];

    /// `type` in REST.
    pub fn name(self) -> &'static str {
        match self {
            ListedKind::Sink => "sink",
            ListedKind::Source => "source",
            ListedKind::Transformation => "transformation",
            ListedKind::Predicate => "predicate",
            ListedKind::Converter => "converter",
            ListedKind::HeaderConverter => "header_converter",
        }
    }

    /// Simple name of the Java interface or class that plugins of this kind implement.
    pub fn interface(self) -> &'static str {
        match self {
            ListedKind::Sink | ListedKind::Source => "Connector",
            ListedKind::Transformation => "Transformation",
            ListedKind::Predicate => "Predicate",
            ListedKind::Converter => "Converter",
            ListedKind::HeaderConverter => "HeaderConverter",
        }
    }

    /// Is `plugin` of this kind?
    pub fn includes(self, plugin: &Plugin) -> bool {
        matches!(
            (self, &plugin.kind),
            (ListedKind::Sink, PluginKind::Sink { .. })
                | (ListedKind::Source, PluginKind::Source { .. })
                | (ListedKind::Transformation, PluginKind::Transformation(_))
                | (ListedKind::Predicate, PluginKind::Predicate(_))
                | (ListedKind::Converter, PluginKind::Converter { .. })
                | (ListedKind::HeaderConverter, PluginKind::HeaderConverter(_))
                | (
                    ListedKind::HeaderConverter,
                    PluginKind::Converter { header: Some(_), .. }
                )
        )
    }
}

/// What a class name or alias stands for.
#[derive(Debug)]
pub enum Found<'a> {
    Plugin(&'a Plugin),
    /// The class that `X$Key` and `X$Value` are nested in; nothing can be made of it.
    Abstract {
        class: String,
        /// Full names of the classes to use instead.
        nested: Vec<&'static str>,
    },
    /// A class of the worker or the Java runtime that is no plugin of a listed kind.
    Other(String),
    Unknown,
}

/// The plugins that a worker offers.
#[derive(Debug)]
pub struct Plugins {
    /// By class name.
    list: Vec<Plugin>,
    aliases: Aliases,
}

impl Plugins {
    /// Every plugin of this binary.
    pub fn builtin() -> Self {
        Self::new(builtin())
    }

    /// A list of one's own, for tests and for workers that offer less.
    pub fn new(mut list: Vec<Plugin>) -> Self {
        list.sort_by_key(|plugin| plugin.class);
        let mut aliases = Aliases::default();
        for plugin in list.iter().filter(|plugin| !WITHOUT_ALIAS.contains(&plugin.class)) {
            for kind in ListedKind::ALL.into_iter().filter(|kind| kind.includes(plugin)) {
                aliases.add(plugin.class, kind.interface());
            }
        }
        for (class, suffix) in UNLISTED {
            aliases.add(class, suffix);
        }
        Plugins { list, aliases }
    }

    /// All plugins by class name.
    pub fn all(&self) -> &[Plugin] {
        &self.list
    }

    /// Plugins of one kind by class name.
    pub fn of_kind(&self, kind: ListedKind) -> impl Iterator<Item = &Plugin> {
        self.list.iter().filter(move |plugin| kind.includes(plugin))
    }

    /// Kinds and plugins in the order of `GET /connector-plugins`; a class of two kinds comes twice.
    pub fn listed(&self) -> impl Iterator<Item = (ListedKind, &Plugin)> {
        ListedKind::ALL
            .into_iter()
            .flat_map(|kind| self.of_kind(kind).map(move |plugin| (kind, plugin)))
    }

    /// What a class name or alias stands for, whatever its kind.
    pub fn find(&self, class_or_alias: &str) -> Found<'_> {
        let class = self.aliases.class_of(class_or_alias).unwrap_or(class_or_alias);
        if let Some(plugin) = self.by_class(class) {
            return Found::Plugin(plugin);
        }
        let nested: Vec<&'static str> = self
            .list
            .iter()
            .filter(|plugin| {
                plugin
                    .class
                    .strip_prefix(class)
                    .is_some_and(|rest| rest.starts_with('$'))
            })
            .map(|plugin| plugin.class)
            .collect();
        if !nested.is_empty() {
            return Found::Abstract {
                class: class.to_string(),
                nested,
            };
        }
        if UNLISTED.iter().any(|(unlisted, _)| *unlisted == class) || is_java_runtime_class(class) {
            return Found::Other(class.to_string());
        }
        Found::Unknown
    }

    /// The plugin of a class name or alias, whatever its kind.
    ///
    /// # Errors
    /// `NotFoundException` if there is none.
    pub fn any(&self, class_or_alias: &str) -> Result<&Plugin> {
        match self.find(class_or_alias) {
            Found::Plugin(plugin) => Ok(plugin),
            _ => Err(Error::new(
                ErrorKind::NotFound,
                format!("Unknown plugin {class_or_alias}."),
            )),
        }
    }

    fn by_class(&self, class: &str) -> Option<&Plugin> {
        let position = self.list.binary_search_by(|plugin| plugin.class.cmp(class)).ok()?;
        self.list.get(position)
    }

    /// The connector of a `connector.class`.
    ///
    /// # Errors
    /// `BadRequestException` with the texts of `Plugins.connectorClass`.
    pub fn connector(&self, class_or_alias: &str) -> Result<&Plugin> {
        if let Found::Plugin(plugin) = self.find(class_or_alias)
            && plugin.is_connector()
        {
            return Ok(plugin);
        }
        let connectors: Vec<&Plugin> = self.list.iter().filter(|plugin| plugin.is_connector()).collect();
        let matches: Vec<&&Plugin> = connectors
            .iter()
            .filter(|plugin| {
                plugin.simple_name().strip_suffix("Connector") == Some(class_or_alias)
                    || plugin.simple_name() == class_or_alias
            })
            .collect();
        match matches.as_slice() {
            [plugin] => Ok(plugin),
            [] => Err(bad_request(format!(
                "Failed to find any class that implements Connector and which name matches {class_or_alias}, \
                 available connectors are: {}",
                join(connectors.iter().map(|plugin| Description(plugin)))
            ))),
            several => Err(bad_request(format!(
                "More than one connector matches alias {class_or_alias}. Please use full package and class name instead. \
                 Classes found: {}",
                join(several.iter().map(|plugin| plugin.class))
            ))),
        }
    }

    /// The connector whose tasks have this `task.class`.
    pub fn connector_of_task(&self, task_class: &str) -> Option<&Plugin> {
        self.list.iter().find(|plugin| match plugin.kind {
            PluginKind::Source { task_class: class, .. } | PluginKind::Sink { task_class: class, .. } => {
                class == task_class
            }
            _ => false,
        })
    }

    /// The transformation of a `transforms.*.type`.
    pub fn transformation(&self, class_or_alias: &str) -> Result<&Plugin> {
        self.of_kind_by_name(ListedKind::Transformation, class_or_alias)
    }

    /// The predicate of a `predicates.*.type`.
    pub fn predicate(&self, class_or_alias: &str) -> Result<&Plugin> {
        self.of_kind_by_name(ListedKind::Predicate, class_or_alias)
    }

    /// The converter of a `key.converter` or `value.converter`.
    pub fn converter(&self, class_or_alias: &str) -> Result<&Plugin> {
        self.of_kind_by_name(ListedKind::Converter, class_or_alias)
    }

    /// The header converter of a `header.converter`.
    pub fn header_converter(&self, class_or_alias: &str) -> Result<&Plugin> {
        self.of_kind_by_name(ListedKind::HeaderConverter, class_or_alias)
    }

    /// # Errors
    /// `ConnectException` that names what there is.
    fn of_kind_by_name(&self, kind: ListedKind, class_or_alias: &str) -> Result<&Plugin> {
        if let Found::Plugin(plugin) = self.find(class_or_alias)
            && kind.includes(plugin)
        {
            return Ok(plugin);
        }
        Err(Error::connect(format!(
            "Failed to find any class that implements {} and which name matches {class_or_alias}, available {}s are: {}",
            kind.interface(),
            kind.name().replace('_', " "),
            join(self.of_kind(kind).map(|plugin| plugin.class))
        )))
    }
}

/// Checks a requested version (KIP-891) against the only one that there is.
///
/// # Errors
/// `VersionedPluginLoadingException` if the version in the binary is not in the range.
pub fn check_version(plugin: &Plugin, requested: Option<&str>) -> Result<()> {
    let Some(range) = VersionRange::of_request(requested)? else {
        return Ok(());
    };
    let version = plugin.version.unwrap_or(UNDEFINED_VERSION);
    if range.contains(version) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Class("org.apache.kafka.connect.runtime.isolation.VersionedPluginLoadingException"),
        format!(
            "Plugin {} not found that matches the version range {range}, available versions: [{version}]",
            plugin.class
        ),
    ))
}

/// `BadRequestException`: REST answers 400.
pub const BAD_REQUEST: ErrorKind = ErrorKind::Class("org.apache.kafka.connect.runtime.rest.errors.BadRequestException");

fn bad_request(message: String) -> Error {
    Error::new(BAD_REQUEST, message)
}

/// A class that any Java runtime has. Only the packages are known here, so a name without a class behind it counts as well.
fn is_java_runtime_class(class: &str) -> bool {
    let simple_name = class.rsplit(['.', '$']).next().unwrap_or_default();
    (class.starts_with("java.") || class.starts_with("javax.")) && simple_name.starts_with(char::is_uppercase)
}

fn join<T: fmt::Display>(items: impl Iterator<Item = T>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// A connector as error messages list it (`PluginDesc.toString`).
struct Description<'a>(&'a Plugin);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plugin {
            class, version, kind, ..
        } = self.0;
        let version = version.unwrap_or(UNDEFINED_VERSION);
        let kind = if matches!(kind, PluginKind::Source { .. }) {
            "source"
        } else {
            "sink"
        };
        write!(
            f,
            "PluginDesc{{klass=class {class}, name='{class}', version='{version}', encodedVersion={version}, \
             type={kind}, typeName='{kind}', location='classpath'}}"
        )
    }
}

#[cfg(test)]
mod tests;
