//! Validation of a configuration: the keys, then a real connection.

use crate::config::ConnectionSettings;
use crate::error::not_connected;
use crate::link;
use turnbuckle_api::config::ConfigValue;
use turnbuckle_api::{Config, ConfigDef, Error, Props, Result};

const SERVER_URI: &str = "mqtt.server.uri";

/// What is wrong with each key. If nothing is, the broker is asked: whether it is there and lets this client in.
pub(crate) async fn validate(def: &'static ConfigDef, config: &Props) -> Result<Vec<ConfigValue>> {
    let mut values = def.validate(config);
    if values.iter().any(|value| !value.errors.is_empty()) {
        return Ok(values);
    }
    if let Err(error) = connect(config).await {
        // An error of the configuration names its key; others belong to the address.
        let key = values
            .iter()
            .map(|value| value.name.clone())
            .find(|name| error.to_string().contains(&format!("configuration {name}:")))
            .unwrap_or_else(|| SERVER_URI.to_string());
        if let Some(value) = values.iter_mut().find(|value| value.name == key) {
            value.errors.push(error.to_string());
        }
    }
    Ok(values)
}

async fn connect(config: &Props) -> Result<(), Error> {
    let settings = ConnectionSettings::from_props(config)?;
    match link::probe(&settings).await? {
        Ok(()) => Ok(()),
        Err(error) => Err(not_connected(&settings.server_uris.join(", "), &error)),
    }
}
