//! Settings of the worker's own connections to brokers ([`crate::kafka::wire`]), from those of a Java client.

use super::security::{SaslLogin, SaslSettings};
use super::wire::to_wire;
use crate::kafka::wire::{Password, Sasl, SaslMechanism, WireConfig, WireSecurity};
use std::time::Duration;
use turnbuckle_api::{Error, Props, Result};

/// Settings of a connection; what is not given has the default of Java's clients.
///
/// # Errors
/// `ConfigException` naming a setting that can't be honoured, without secrets.
pub fn to_connection(props: &Props) -> Result<WireConfig> {
    let (tls, sasl) = to_wire(props)?;
    let bootstrap = props.get("bootstrap.servers").unwrap_or_default();
    Ok(WireConfig {
        bootstrap: bootstrap
            .split(',')
            .map(str::trim)
            .filter(|server| !server.is_empty())
            .map(str::to_string)
            .collect(),
        client_id: props.get("client.id").unwrap_or_default().to_string(),
        security: WireSecurity {
            tls,
            sasl: sasl.map(login),
        },
        request_timeout: duration(props, "request.timeout.ms", 30_000)?,
        connect_timeout: duration(props, "socket.connection.setup.timeout.ms", 10_000)?,
        reconnect_backoff: duration(props, "reconnect.backoff.ms", 50)?,
        reconnect_backoff_max: duration(props, "reconnect.backoff.max.ms", 1_000)?,
    })
}

fn duration(props: &Props, key: &str, default: u64) -> Result<Duration> {
    let millis = match props.get(key) {
        None => default,
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| Error::invalid_config(key, text, "Not a number of milliseconds"))?,
    };
    Ok(Duration::from_millis(millis))
}

fn login(settings: SaslSettings) -> Sasl {
    let mechanism = match settings.mechanism {
        SaslLogin::Plain => SaslMechanism::Plain,
        SaslLogin::ScramSha256 => SaslMechanism::ScramSha256,
        SaslLogin::ScramSha512 => SaslMechanism::ScramSha512,
    };
    Sasl {
        mechanism,
        username: settings.username,
        password: Password::new(settings.password.reveal()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_the_defaults_of_java() {
        let props = Props::new().with("bootstrap.servers", "a:1, b:2,");
        let config = to_connection(&props).unwrap();
        assert_eq!(config.bootstrap, ["a:1", "b:2"]);
        assert_eq!(config.request_timeout, Duration::from_secs(30));
        let config = to_connection(&props.clone().with("request.timeout.ms", " 7 ")).unwrap();
        assert_eq!(config.request_timeout, Duration::from_millis(7));
        let error = to_connection(&props.with("reconnect.backoff.ms", "soon")).unwrap_err();
        assert!(error.message().unwrap().contains("reconnect.backoff.ms"), "{error}");
    }
}
