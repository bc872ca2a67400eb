//! Config providers: what stands for `${provider:path:key}` in the values of configurations
//! (`org.apache.kafka.common.config.ConfigTransformer`).
//!
//! The worker's properties declare providers (`config.providers`, `config.providers.NAME.class`,
//! `config.providers.NAME.param.*`). Configurations are stored and shown with their placeholders; each worker resolves them
//! when it validates a configuration, starts a connector or task, or a plugin asks for its configuration. What can't be
//! resolved stays as it is. The providers here give their values no time to live, so nothing is reloaded by itself: a restart
//! reads values anew.

use super::properties;
use regex::Regex;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use turnbuckle_api::{Error, Props, Result};

const PACKAGE: &str = "org.apache.kafka.common.config.provider.";

/// The providers of a worker, by name.
#[derive(Clone, Default)]
pub struct Providers(BTreeMap<String, Provider>);

#[derive(Clone)]
enum Provider {
    /// Entries of properties files.
    File(AllowedPaths),
    /// Contents of the files in a folder.
    Directory(AllowedPaths),
    /// Variables of the environment whose whole name the pattern matches.
    Environment(Option<Regex>),
}

/// Folders and files that may be read; None for any.
#[derive(Clone, Default)]
struct AllowedPaths(Option<Vec<PathBuf>>);

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Providers {
    /// Those that a worker's properties declare. A name without class is passed over, as in Connect.
    ///
    /// # Errors
    /// `ConfigException` for a class that is none of the providers here, or a parameter that is no good.
    pub fn from_props(worker: &Props) -> Result<Self> {
        let names = worker.get("config.providers").unwrap_or_default();
        let mut providers = BTreeMap::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let own = worker.with_prefix(&format!("config.providers.{name}."));
            let Some(class) = own.get("class").map(str::trim) else {
                tracing::warn!("config provider {name} has no config.providers.{name}.class; it is passed over");
                continue;
            };
            let params = own.with_prefix("param.");
            providers.insert(name.to_string(), Provider::new(name, class, &params)?);
        }
        Ok(Providers(providers))
    }

    /// The configuration with values in place of placeholders. Reads files; they are small.
    ///
    /// # Errors
    /// `ConfigException` if a provider can't read; without anything of what it reads.
    pub fn resolve(&self, config: &Props) -> Result<Props> {
        if self.0.is_empty() {
            return Ok(config.clone());
        }
        let mut resolved = Props::new();
        for (key, value) in config.iter() {
            let value = value.map(|value| self.resolve_value(value)).transpose()?;
            resolved.insert_nullable(key, value);
        }
        Ok(resolved)
    }

    fn resolve_value(&self, value: &str) -> Result<String> {
        let mut resolved = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((start, placeholder)) = Placeholder::first(rest) {
            let (before, from) = rest.split_at(start);
            let (whole, after) = from.split_at(placeholder.length);
            resolved.push_str(before);
            let found = match self.0.get(placeholder.provider) {
                Some(provider) => provider.get(placeholder.path, placeholder.key)?,
                None => None,
            };
            resolved.push_str(found.as_deref().unwrap_or(whole));
            rest = after;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }
}

/// Puts placeholders back: entries of a task's configuration whose key holds one in the connector's get the connector's text.
pub fn restore_placeholders(connector: &Props, task: &mut Props) {
    for (key, value) in connector.iter() {
        if let Some(value) = value.filter(|value| Placeholder::first(value).is_some())
            && task.contains_key(key)
        {
            task.insert(key, value);
        }
    }
}

/// `${provider:path:key}` or `${provider:key}`; the key may hold colons, nothing a closing brace.
struct Placeholder<'a> {
    provider: &'a str,
    path: &'a str,
    key: &'a str,
    /// Of the whole text, in bytes.
    length: usize,
}

impl<'a> Placeholder<'a> {
    /// The first of a text, with its position.
    fn first(text: &'a str) -> Option<(usize, Self)> {
        let mut from = 0;
        loop {
            let start = from + text.get(from..)?.find("${")?;
            let inner = text.get(start + 2..)?;
            let inner = inner.split_once('}')?.0;
            if let Some((provider, rest)) = inner.split_once(':') {
                let (path, key) = rest.split_once(':').unwrap_or(("", rest));
                let length = inner.len() + 3;
                return Some((
                    start,
                    Placeholder {
                        provider,
                        path,
                        key,
                        length,
                    },
                ));
            }
            from = start + 2;
        }
    }
}

impl Provider {
    fn new(name: &str, class: &str, params: &Props) -> Result<Self> {
        let simple = class.strip_prefix(PACKAGE).unwrap_or(class);
        match simple.strip_suffix("ConfigProvider").unwrap_or(simple) {
            "File" => Ok(Provider::File(AllowedPaths::from_props(params)?)),
            "Directory" => Ok(Provider::Directory(AllowedPaths::from_props(params)?)),
            "EnvVar" => {
                let key = "allowlist.pattern";
                let whole = |pattern: &str| {
                    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                        Error::invalid_config(&format!("config.providers.{name}.param.{key}"), pattern, error)
                    })
                };
                Ok(Provider::Environment(params.get(key).map(whole).transpose()?))
            }
            _ => Err(Error::config(format!(
                "Could not load config provider class {class} or one of its dependencies: config.providers.{name}.class must \
                 be FileConfigProvider, DirectoryConfigProvider or EnvVarConfigProvider of {PACKAGE}*"
            ))),
        }
    }

    /// The value of a key; None if there is none.
    fn get(&self, path: &str, key: &str) -> Result<Option<String>> {
        match self {
            Provider::File(allowed) => {
                let Some(file) = allowed.permit(path) else {
                    return Ok(None);
                };
                let unreadable = || Error::config(format!("Could not read properties from file {path}"));
                let file = std::fs::File::open(file).map_err(|error| unreadable().with_cause(error))?;
                // What is malformed is not said: it may be a secret.
                let props = properties::parse_utf8(std::io::BufReader::new(file)).map_err(|_| unreadable())?;
                Ok(props.get(key).map(str::to_string))
            }
            Provider::Directory(allowed) => {
                let Some(folder) = allowed.permit(path) else {
                    return Ok(None);
                };
                if !folder.is_dir() {
                    tracing::warn!("The path {path} is not a directory");
                    return Ok(None);
                }
                let mut parts = Path::new(key).components();
                let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
                    return Ok(None);
                };
                let file = folder.join(name);
                if !file.is_file() {
                    return Ok(None);
                }
                std::fs::read_to_string(&file).map(Some).map_err(|error| {
                    Error::config(format!("Could not read file {} for property {key}", file.display()))
                        .with_cause(error)
                })
            }
            Provider::Environment(pattern) => {
                if !path.is_empty() {
                    return Err(Error::config(format!(
                        "Path is not supported for EnvVarConfigProvider, invalid value '{path}'"
                    )));
                }
                let listed = pattern.as_ref().is_none_or(|pattern| pattern.is_match(key));
                Ok(listed.then(|| std::env::var(key).ok()).flatten())
            }
        }
    }
}

impl AllowedPaths {
    fn from_props(params: &Props) -> Result<Self> {
        let Some(list) = params.get("allowed.paths").filter(|list| !list.is_empty()) else {
            return Ok(AllowedPaths(None));
        };
        let paths = list.split(',').map(|path| {
            let path = normalized(Path::new(path));
            if !path.is_absolute() {
                return Err(Error::config(format!("Path {} is not absolute", path.display())));
            }
            if !path.exists() {
                return Err(Error::config(format!("Path {} does not exist", path.display())));
            }
            Ok(path)
        });
        paths.collect::<Result<_>>().map(|paths| AllowedPaths(Some(paths)))
    }

    /// The path to read; None for an empty one or one that may not be read.
    fn permit(&self, path: &str) -> Option<PathBuf> {
        if path.is_empty() {
            return None;
        }
        let Some(allowed) = &self.0 else {
            return Some(PathBuf::from(path));
        };
        let normalized = normalized(Path::new(path));
        if allowed.iter().any(|allowed| normalized.starts_with(allowed)) {
            return Some(normalized);
        }
        tracing::warn!("The path {path} is not within the allowed.paths of its config provider");
        None
    }
}

/// Without `.` and `..`, by text alone.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normalized.components().next_back(), Some(Component::Normal(_))) => {
                normalized.pop();
            }
            Component::ParentDir if normalized.has_root() => {}
            part => normalized.push(part),
        }
    }
    normalized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn providers(folder: &Path) -> Providers {
        let shown = folder.display().to_string();
        let props = Props::new()
            .with("config.providers", "file, dir,env,none")
            .with("config.providers.file.class", format!("{PACKAGE}FileConfigProvider"))
            .with("config.providers.file.param.allowed.paths", &*shown)
            .with("config.providers.dir.class", "Directory")
            .with("config.providers.env.class", "EnvVarConfigProvider")
            .with("config.providers.env.param.allowlist.pattern", "PA.H");
        Providers::from_props(&props).unwrap()
    }

    #[test]
    fn placeholders_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        std::fs::write(
            folder.path().join("a.properties"),
            "user=jo\u{e9}\na\\:b=colon\nraw=${env:PATH}\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("token"), "secret\n").unwrap();
        let providers = providers(folder.path());
        let environment = std::env::var("PATH").unwrap();
        for (value, expected) in [
            ("plain $ {x} ${y}", "plain $ {x} ${y}".to_string()),
            ("<${file:@/a.properties:user}>", "<jo\u{e9}>".to_string()),
            ("${file:@/./b/../a.properties:a:b}", "colon".to_string()),
            ("${file:@/a.properties:raw}", "${env:PATH}".to_string()),
            ("${file:@/a.properties:no}", format!("${{file:{path}/a.properties:no}}")),
            (
                "${file:@/../x:no}${dir:@:token}",
                format!("${{file:{path}/../x:no}}secret\n"),
            ),
            ("${dir:@:../token}", format!("${{dir:{path}:../token}}")),
            ("${env:PATH}-${vault:a:b}", format!("{environment}-${{vault:a:b}}")),
            ("${env:HOME}${none:x}", "${env:HOME}${none:x}".to_string()),
        ] {
            let config = Props::new().with("k", value.replace('@', &path));
            assert_eq!(
                providers.resolve(&config).unwrap().get("k"),
                Some(expected.as_str()),
                "{value}"
            );
        }
        let missing = Props::new().with("k", format!("${{file:{path}/none:x}}"));
        let error = providers.resolve(&missing).unwrap_err();
        assert_eq!(
            error.message(),
            Some(format!("Could not read properties from file {path}/none").as_str())
        );
        let with_path = Props::new().with("k", "${env:a:PATH}");
        let error = providers.resolve(&with_path).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Path is not supported for EnvVarConfigProvider, invalid value 'a'")
        );
    }

    #[test]
    fn declarations_are_checked() {
        let declare = |key: &str, value: &str| {
            let props = Props::new()
                .with("config.providers", "p")
                .with("config.providers.p.class", "File")
                .with(format!("config.providers.p.{key}"), value);
            Providers::from_props(&props)
                .unwrap_err()
                .message()
                .unwrap()
                .to_string()
        };
        assert!(declare("class", "com.acme.VaultConfigProvider").contains("com.acme.VaultConfigProvider"));
        assert_eq!(declare("param.allowed.paths", "a/../b"), "Path b is not absolute");
        assert_eq!(
            declare("param.allowed.paths", "/,/no/such"),
            "Path /no/such does not exist"
        );
    }

    #[test]
    fn placeholders_come_back() {
        let connector = Props::new()
            .with("a", "x${p:k}")
            .with("b", "plain")
            .with("c", "${p:q:k}");
        let mut task = Props::new().with("a", "xsecret").with("b", "other");
        restore_placeholders(&connector, &mut task);
        assert_eq!(task, Props::new().with("a", "x${p:k}").with("b", "other"));
    }
}
