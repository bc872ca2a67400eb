//! The connector: validates, for the Confluent class against a real node, and gives every task the same configuration.

use crate::client::Client;
use crate::config::{ConfluentConfig, Protocol, Usage, Vendor, check_confluent};
use crate::error::Failure;
use crate::resources::{alias_exists, exists};
use async_trait::async_trait;
use reqwest::Method;
use std::sync::Arc;
use turnbuckle_api::config::{Config, ConfigDef, ConfigValue};
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::ConnectorContext;
use turnbuckle_api::{Props, Result};

/// The connector of all three classes.
#[derive(Debug)]
pub(crate) struct ElasticsearchSinkConnector {
    vendor: Vendor,
    props: Props,
}

impl ElasticsearchSinkConnector {
    pub(crate) fn new(vendor: Vendor) -> Self {
        ElasticsearchSinkConnector {
            vendor,
            props: Props::new(),
        }
    }
}

#[async_trait]
impl SinkConnector for ElasticsearchSinkConnector {
    fn config_def(&self) -> &'static ConfigDef {
        self.vendor.config_def()
    }

    async fn validate(&self, props: &Props) -> Result<Vec<ConfigValue>> {
        let mut values = self.config_def().validate(props);
        match (self.vendor, ConfluentConfig::from_props(props)) {
            (Vendor::Confluent, Ok(config)) => {
                check_confluent(&config, props, &mut values);
                if values.iter().all(|value| value.errors.is_empty()) {
                    check_server(&config, &mut values).await;
                }
            }
            // What is wrong with single keys is said already.
            (Vendor::Confluent, Err(_)) => {}
            _ if values.iter().any(|value| !value.errors.is_empty()) => {}
            // The reference says the same at the start of the connector only.
            _ => {
                if let Err(error) = self.vendor.settings(props) {
                    let text = error.message().unwrap_or_default().to_string();
                    let concerned = values.iter_mut().find(|value| text.contains(&value.name));
                    if let Some(value) = concerned {
                        value.errors.push(text);
                    }
                }
            }
        }
        Ok(values)
    }

    async fn start(&mut self, _context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.vendor.settings(config)?;
        self.props = config.clone();
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        Ok(vec![self.props.clone(); max_tasks as usize])
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

const URL: &str = "connection.url";

fn refuse(values: &mut [ConfigValue], keys: &[&str], text: &str) {
    for key in keys {
        if let Some(value) = values.iter_mut().find(|value| value.name == *key) {
            value.errors.push(text.to_string());
        }
    }
}

/// Is there a server that answers, is it new enough, and does it have what users say it has?
async fn check_server(config: &ConfluentConfig, values: &mut [ConfigValue]) {
    let client = match Client::new(&config.connection()) {
        Ok(client) => client,
        Err(error) => {
            let text = error.message().unwrap_or_default();
            return refuse(
                values,
                &[URL],
                &format!("Invalid Elasticsearch client configuration: {text}"),
            );
        }
    };
    match client.send(Method::HEAD, "/", None).await {
        Ok(_) => {}
        // It is there, but this user may not ask whether it is.
        Err(failure) if failure.status() == Some(403) => {}
        Err(failure) => return unreachable_server(config, &failure, values),
    }
    if let Ok(answer) = client.send(Method::GET, "/", None).await {
        let info: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        check_version(config, &info["version"], values);
    }
    check_resources(config, &client, values).await;
}

fn unreachable_server(config: &ConfluentConfig, failure: &Failure, values: &mut [ConfigValue]) {
    let message = format!("Error message: {}", failure.message());
    refuse(
        values,
        &[URL],
        &format!("Could not connect to Elasticsearch. {message}"),
    );
    if config.username.is_some() && config.password.is_some() {
        let keys = ["connection.username", "connection.password"];
        let text = format!(
            "Could not authenticate the user. Check the 'connection.username' and 'connection.password'. {message}"
        );
        refuse(values, &keys, &text);
    }
    if config.protocol == Protocol::Ssl {
        let text = format!("Could not connect to Elasticsearch. Check your SSL settings.{message}");
        refuse(values, &["elastic.security.protocol"], &text);
    }
    if !config.proxy_host.is_empty() {
        let text = format!("Could not connect to Elasticsearch. Check your proxy settings. {message}");
        refuse(values, &["proxy.host", "proxy.port"], &text);
        if !config.proxy_username.is_empty() && config.proxy_password.is_some() {
            refuse(values, &["proxy.username", "proxy.password"], &text);
        }
    }
}

/// Servers before 7.0 have types; those before 7.9 no data streams. OpenSearch began with what 7.10 could.
fn check_version(config: &ConfluentConfig, version: &serde_json::Value, values: &mut [ConfigValue]) {
    let Some(number) = version["number"]
        .as_str()
        .filter(|_| version["distribution"] != "opensearch")
    else {
        return;
    };
    let mut parts = number.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let known = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if config.is_data_stream() && known < (7, 9) {
        let text = format!(
            "Elasticsearch version {number} is not compatible with data streams. Elasticsearchversion must be at least 7.9.0."
        );
        refuse(values, &[URL, "data.stream.type", "data.stream.dataset"], &text);
    }
    if known < (7, 0) {
        let text = format!(
            "Connector version {} is not compatible with Elasticsearch version {number}. Elasticsearch version must be at \
             least 7.0.0.",
            crate::CONFLUENT_VERSION
        );
        refuse(values, &[URL], &text);
    }
}

async fn check_resources(config: &ConfluentConfig, client: &Client, values: &mut [ConfigValue]) {
    let Ok(by_topic) = config.external_resources() else {
        return;
    };
    let kind = config.usage.name();
    for resource in by_topic.values() {
        let found = match config.usage {
            Usage::Disabled => return,
            Usage::Index | Usage::DataStream => exists(client, resource).await,
            Usage::AliasIndex | Usage::AliasDataStream => alias_exists(client, resource).await,
        };
        let text = match found {
            Ok(true) => continue,
            Ok(false) => format!("{kind} '{resource}' does not exist in Elasticsearch"),
            Err(failure) => format!("Failed to check if {kind} '{resource}' exists: {}", failure.message()),
        };
        return refuse(values, &["topic.to.external.resource.mapping"], &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn old_servers_are_refused() {
        let props = Props::new()
            .with(URL, "http://a:9200")
            .with("data.stream.type", "logs")
            .with("data.stream.dataset", "x");
        let config = ConfluentConfig::from_props(&props).unwrap();
        for (version, wrong) in [
            (json!({"number": "8.15.0"}), 0),
            (json!({"number": "7.9.0-SNAPSHOT"}), 0),
            (json!({"number": "7.8.1"}), 3),
            (json!({"number": "6.8.0"}), 3),
            (json!({"number": "2.19.1", "distribution": "opensearch"}), 0),
            (json!(null), 0),
        ] {
            let mut values = ConfluentConfig::config_def().validate(&props);
            check_version(&config, &version, &mut values);
            assert_eq!(
                values.iter().filter(|value| !value.errors.is_empty()).count(),
                wrong,
                "{version}"
            );
        }
    }
}
