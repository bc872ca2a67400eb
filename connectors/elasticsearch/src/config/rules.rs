//! Rules between keys of the Confluent connector. Errors are attached to every key involved.

use super::confluent::{ConfluentConfig, Protocol};
use super::{NullBehavior, WriteMethod};
use std::collections::HashSet;
use turnbuckle_api::Props;
use turnbuckle_api::config::ConfigValue;

/// Adds what is wrong with `config` to `values`.
pub(crate) fn check(config: &ConfluentConfig, props: &Props, values: &mut [ConfigValue]) {
    let mut rules = Rules { config, props, values };
    rules.credentials();
    rules.external_resources();
    rules.data_streams();
    rules.ignored();
    rules.kerberos();
    rules.linger();
    rules.buffer();
    rules.proxy();
    rules.tls();
}

const USAGE: &str = "external.resource.usage";
const MAPPING: &str = "topic.to.external.resource.mapping";
const STREAM_TYPE: &str = "data.stream.type";
const DATASET: &str = "data.stream.dataset";
const USERNAME: &str = "connection.username";
const PASSWORD: &str = "connection.password";
const PRINCIPAL: &str = "kerberos.user.principal";
const KEYTAB: &str = "kerberos.keytab.path";
const PROTOCOL: &str = "elastic.security.protocol";

struct Rules<'a> {
    config: &'a ConfluentConfig,
    props: &'a Props,
    values: &'a mut [ConfigValue],
}

impl Rules<'_> {
    fn refuse(&mut self, keys: &[&str], text: impl Into<String>) {
        let text = text.into();
        for key in keys {
            if let Some(value) = self.values.iter_mut().find(|value| value.name == *key) {
                value.errors.push(text.clone());
            }
        }
    }

    fn credentials(&mut self) {
        if self.config.username.is_some() != self.config.password.is_some() {
            let text = format!("Both '{USERNAME}' and '{PASSWORD}' must be set.");
            self.refuse(&[USERNAME, PASSWORD], text);
        }
    }

    fn external_resources(&mut self) {
        let mapped = !self.config.external_mapping.is_empty();
        if self.config.is_external() != mapped {
            let text = format!(
                "Invalid configuration: {USAGE} and {MAPPING} must be configured together. Either both must be set, or both \
                 must be empty."
            );
            return self.refuse(&[USAGE, MAPPING], text);
        }
        if !mapped {
            return;
        }
        if self.config.has_stream_type() || !self.config.stream_dataset.is_empty() {
            let text = format!(
                "Resource mapping mode and data stream configs are mutually exclusive. When using {MAPPING}, data stream \
                 configs ({STREAM_TYPE}, {DATASET}) must not be set."
            );
            return self.refuse(&[MAPPING, STREAM_TYPE, DATASET], text);
        }
        let by_topic = match self.config.external_resources() {
            Ok(by_topic) => by_topic,
            Err(error) => return self.refuse(&[MAPPING], error.message().unwrap_or_default()),
        };
        // Which topics a pattern will name can't be known.
        let Some(topics) = self.props.get("topics").filter(|topics| !topics.trim().is_empty()) else {
            return;
        };
        let topics: Vec<&str> = topics.split(',').map(str::trim).collect();
        if let Some(topic) = topics.iter().find(|topic| !by_topic.contains_key(**topic)) {
            let text = format!(
                "Topic '{topic}' is not mapped to any resource. All configured topics must be mapped to a resource."
            );
            return self.refuse(&[MAPPING], text);
        }
        let topics: HashSet<&str> = topics.into_iter().collect();
        if let Some(topic) = by_topic.keys().find(|topic| !topics.contains(topic.as_str())) {
            let text =
                format!("Topic '{topic}' is mapped but not configured. All mapped topics must be configured topics.");
            self.refuse(&[MAPPING], text);
        }
    }

    fn data_streams(&mut self) {
        if self.config.has_stream_type() == self.config.stream_dataset.is_empty() {
            let text = format!("Either both or neither '{DATASET}' and '{STREAM_TYPE}' must be set.");
            self.refuse(&[STREAM_TYPE, DATASET], text);
        }
        if !self.config.is_data_stream() {
            if !self.config.timestamp_fields.is_empty() {
                let text = "Mapping a field to the '@timestamp' field is only necessary when working with data streams. \
                            'data.stream.timestamp.field' must not be set when not using data streams.";
                self.refuse(&["data.stream.timestamp.field"], text);
            }
            return;
        }
        if self.config.write_method == WriteMethod::Upsert {
            let text = "Upserts are not supported with data streams. write.method must not be UPSERT when using data \
                        streams.";
            return self.refuse(&["write.method"], text);
        }
        if self.config.null_values == NullBehavior::Delete {
            let text = "Deletes are not supported with data streams. behavior.on.null.values must not be DELETE when \
                        using data streams.";
            self.refuse(&["behavior.on.null.values"], text);
        }
    }

    fn ignored(&mut self) {
        let keys = self.config.key_ignore && !self.config.topic_key_ignore.is_empty();
        let schemas = self.config.schema_ignore && !self.config.topic_schema_ignore.is_empty();
        for (wrong, topics, all) in [
            (keys, "topic.key.ignore", "key.ignore"),
            (schemas, "topic.schema.ignore", "schema.ignore"),
        ] {
            if wrong {
                self.refuse(&[all, topics], format!("'{topics}' can not be set if '{all}' is true."));
            }
        }
    }

    fn kerberos(&mut self) {
        let config = self.config;
        if !config.has_kerberos() {
            return;
        }
        if config.kerberos_principal.is_some() != config.kerberos_keytab.is_some() {
            let text = format!("Either both or neither '{PRINCIPAL}' and '{KEYTAB}' must be set.");
            self.refuse(&[PRINCIPAL, KEYTAB], text);
        }
        if config.username.is_some() && config.password.is_some() {
            let text = format!(
                "Either only Kerberos ({PRINCIPAL}, {KEYTAB}) or connection credentials ({USERNAME}, {PASSWORD}) must be set."
            );
            self.refuse(&[PRINCIPAL, KEYTAB, USERNAME, PASSWORD], text);
        }
        if !config.proxy_host.is_empty() {
            let text = format!("Kerberos ({PRINCIPAL}, {KEYTAB}) is not supported with proxy settings (proxy.host).");
            self.refuse(&[PRINCIPAL, KEYTAB, "proxy.host"], text);
        }
        let text = "Kerberos is not supported by this worker; use connection.username and connection.password.";
        self.refuse(&[PRINCIPAL, KEYTAB], text);
    }

    fn linger(&mut self) {
        let (linger, timeout) = (self.config.linger_ms, self.config.flush_timeout_ms);
        if linger > timeout {
            let text = format!("'linger.ms' ({linger}) can not be larger than 'flush.timeout.ms' ({timeout}).");
            self.refuse(&["linger.ms", "flush.timeout.ms"], text);
        }
    }

    fn buffer(&mut self) {
        let (buffered, batch, flight) = (self.config.buffered, self.config.batch_size, self.config.in_flight);
        if i64::from(buffered) < i64::from(batch) * i64::from(flight) {
            let text = format!(
                "'max.buffered.records' ({buffered}) must be larger than or equal to 'batch.size' ({batch}) x \
                 max.in.flight.requests ({flight})."
            );
            self.refuse(&["max.buffered.records", "batch.size", "max.in.flight.requests"], text);
        }
    }

    fn proxy(&mut self) {
        let user = !self.config.proxy_username.is_empty();
        let password = self.config.proxy_password.is_some();
        if self.config.proxy_host.is_empty() {
            for (set, key) in [(user, "proxy.username"), (password, "proxy.password")] {
                if set {
                    self.refuse(
                        &[key, "proxy.host"],
                        format!("'proxy.host' must be set to use '{key}'."),
                    );
                }
            }
        } else if user != password {
            let text = "Either both or neither 'proxy.username' and 'proxy.password' can be set.";
            self.refuse(&["proxy.username", "proxy.password"], text);
        }
    }

    fn tls(&mut self) {
        let ssl = self.config.protocol == Protocol::Ssl;
        let settings = self.props.keys().any(|key| key.starts_with("elastic.https."));
        if settings && !ssl {
            self.refuse(
                &[PROTOCOL],
                format!("'{PROTOCOL}' must be set to 'SSL' to use SSL configs."),
            );
        }
        if ssl && !settings {
            let key = |name: &str| format!("'elastic.https.ssl.{name}'");
            let text = format!(
                "At least these SSL configs ({}, {}, {}, and {}) must be present for SSL support. Otherwise set \
                 '{PROTOCOL}' to 'PLAINTEXT'.",
                key("keystore.location"),
                key("keystore.password"),
                key("truststore.location"),
                key("truststore.password")
            );
            self.refuse(&[PROTOCOL], text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::config::Config;

    type Given = Vec<(&'static str, &'static str)>;

    /// Keys with errors.
    fn wrong(settings: &[(&str, &str)]) -> Vec<String> {
        let mut props = Props::new()
            .with("connection.url", "http://localhost:9200")
            .with("topics", "a,b");
        for (key, value) in settings {
            props.insert(*key, *value);
        }
        let mut values = ConfluentConfig::config_def().validate(&props);
        check(&ConfluentConfig::from_props(&props).unwrap(), &props, &mut values);
        let mut keys: Vec<String> = values
            .into_iter()
            .filter(|value| !value.errors.is_empty())
            .map(|value| value.name)
            .collect();
        keys.sort();
        keys
    }

    #[test]
    fn keys_that_do_not_fit_each_other_are_named() {
        let stream = [("data.stream.type", "logs"), ("data.stream.dataset", "x")];
        let with_stream = |more: &[(&'static str, &'static str)]| [&stream, more].concat();
        let external = |mapping: &'static str| vec![(USAGE, "index"), (MAPPING, mapping)];
        let cases: Vec<(Given, &[&str])> = vec![
            (vec![], &[]),
            (vec![(USERNAME, "u")], &[PASSWORD, USERNAME]),
            (vec![(USAGE, "INDEX")], &[USAGE, MAPPING]),
            (vec![(MAPPING, "a:x,b:y")], &[USAGE, MAPPING]),
            (external("a:x,b:y"), &[]),
            (external("a:x"), &[MAPPING]),
            (external("a:x,b:y,c:z"), &[MAPPING]),
            (external("a:x,a:y"), &[MAPPING]),
            (external("a:x,b:x"), &[MAPPING]),
            (external("a"), &[MAPPING]),
            (
                [external("a:x,b:y"), vec![("max.external.resource.mappings", "1")]].concat(),
                &[MAPPING],
            ),
            (
                [external("a:x,b:y"), stream.to_vec()].concat(),
                &[DATASET, STREAM_TYPE, MAPPING],
            ),
            (vec![(STREAM_TYPE, "logs")], &[DATASET, STREAM_TYPE]),
            (vec![(DATASET, "x")], &[DATASET, STREAM_TYPE]),
            (
                vec![("data.stream.timestamp.field", "at")],
                &["data.stream.timestamp.field"],
            ),
            (with_stream(&[("data.stream.timestamp.field", "at")]), &[]),
            (with_stream(&[("write.method", "upsert")]), &["write.method"]),
            (
                with_stream(&[("behavior.on.null.values", "delete")]),
                &["behavior.on.null.values"],
            ),
            (
                vec![("key.ignore", "true"), ("topic.key.ignore", "a")],
                &["key.ignore", "topic.key.ignore"],
            ),
            (
                vec![("schema.ignore", "true"), ("topic.schema.ignore", "a")],
                &["schema.ignore", "topic.schema.ignore"],
            ),
            (vec![(PRINCIPAL, "p")], &[KEYTAB, PRINCIPAL]),
            (
                vec![("linger.ms", "2000"), ("flush.timeout.ms", "1000")],
                &["flush.timeout.ms", "linger.ms"],
            ),
            (
                vec![("max.buffered.records", "9999")],
                &["batch.size", "max.buffered.records", "max.in.flight.requests"],
            ),
            (vec![("proxy.username", "u")], &["proxy.host", "proxy.username"]),
            (
                vec![("proxy.host", "h"), ("proxy.password", "p")],
                &["proxy.password", "proxy.username"],
            ),
            (vec![("elastic.https.ssl.truststore.location", "x")], &[PROTOCOL]),
            (vec![(PROTOCOL, "SSL")], &[PROTOCOL]),
        ];
        for (settings, expected) in cases {
            assert_eq!(wrong(&settings), expected, "{settings:?}");
        }
    }

    #[test]
    fn with_a_pattern_of_topics_any_may_be_mapped() {
        let props = Props::new()
            .with("connection.url", "http://localhost:9200")
            .with("topics.regex", "a.*")
            .with(USAGE, "datastream")
            .with(MAPPING, "a1:x");
        let mut values = ConfluentConfig::config_def().validate(&props);
        check(&ConfluentConfig::from_props(&props).unwrap(), &props, &mut values);
        assert!(values.iter().all(|value| value.errors.is_empty()));
    }
}
