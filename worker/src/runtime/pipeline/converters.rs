//! The converters in effect for a task: the connector's own if its configuration names a class, else the worker's, each with
//! the sub-keys of the configuration that named it.

use crate::plugins::Plugins;
use turnbuckle_api::converter::{Converter, ConverterRole, HeaderConverter};
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::{Error, Props, Result};

const SIMPLE_HEADER_CONVERTER: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// A converter with its class name, which error reports show.
pub(crate) struct NamedConverter {
    pub class: &'static str,
    pub converter: Box<dyn Converter>,
}

/// A header converter with its class name.
pub(crate) struct NamedHeaderConverter {
    pub class: &'static str,
    pub converter: Box<dyn HeaderConverter>,
}

/// Key, value and header converter of a task.
pub(crate) struct ConverterSet {
    pub key: NamedConverter,
    pub value: NamedConverter,
    pub header: NamedHeaderConverter,
}

impl ConverterSet {
    /// Makes the three converters.
    ///
    /// # Errors
    /// What the plugin list says of an unknown class, or the converter of its configuration.
    pub(crate) fn new(plugins: &Plugins, connector: &Props, worker: &Props) -> Result<Self> {
        Ok(ConverterSet {
            key: converter(plugins, connector, worker, ConverterRole::Key)?,
            value: converter(plugins, connector, worker, ConverterRole::Value)?,
            header: header_converter(plugins, connector, worker)?,
        })
    }
}

/// Class and configuration of the converter for `key` (`key.converter`, …), None if neither side names one.
fn in_effect<'a>(connector: &'a Props, worker: &'a Props, key: &str) -> Option<(&'a str, Props)> {
    let source = [connector, worker].into_iter().find(|props| props.get(key).is_some())?;
    let class = source.get(key)?.trim();
    Some((class, source.with_prefix(&format!("{key}."))))
}

fn converter(plugins: &Plugins, connector: &Props, worker: &Props, role: ConverterRole) -> Result<NamedConverter> {
    let key = format!("{}.converter", role.name());
    let Some((class, mut config)) = in_effect(connector, worker, &key) else {
        return Err(Error::config(format!(
            "Missing required configuration \"{key}\" which has no default value."
        )));
    };
    config.insert("converter.type", role.name());
    let plugin = plugins.converter(class)?;
    match plugin.kind {
        PluginKind::Converter { converter, .. } => Ok(NamedConverter {
            class: plugin.class,
            converter: converter(&config, role)?,
        }),
        _ => Err(Error::invalid_config(&key, class, "not a converter class")),
    }
}

fn header_converter(plugins: &Plugins, connector: &Props, worker: &Props) -> Result<NamedHeaderConverter> {
    let found = in_effect(connector, worker, "header.converter");
    let (class, mut config) = found.unwrap_or((SIMPLE_HEADER_CONVERTER, Props::new()));
    config.insert("converter.type", "header");
    let plugin = plugins.header_converter(class)?;
    let make = match plugin.kind {
        PluginKind::HeaderConverter(make) => Some(make),
        PluginKind::Converter { header, .. } => header,
        _ => None,
    };
    let Some(make) = make else {
        return Err(Error::invalid_config(
            "header.converter",
            class,
            "not a header converter class",
        ));
    };
    Ok(NamedHeaderConverter {
        class: plugin.class,
        converter: make(&config)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_keys_come_from_the_side_that_names_the_class() {
        let worker = Props::new()
            .with("key.converter", "Json")
            .with("key.converter.schemas.enable", "false");
        let silent = Props::new().with("key.converter.schemas.enable", "true");
        let (class, config) = in_effect(&silent, &worker, "key.converter").unwrap();
        assert_eq!((class, config.get("schemas.enable")), ("Json", Some("false")));
        let own = Props::new()
            .with("key.converter", "String")
            .with("key.converter.encoding", "UTF-8");
        let (class, config) = in_effect(&own, &worker, "key.converter").unwrap();
        assert_eq!(
            (class, config.get("schemas.enable"), config.get("encoding")),
            ("String", None, Some("UTF-8"))
        );
    }
}
