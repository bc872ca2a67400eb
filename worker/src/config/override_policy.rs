//! `connector.client.config.override.policy`: which client settings a connector may change.

use turnbuckle_api::{Error, Props, Result};

/// A policy of `org.apache.kafka.connect.connector.policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverridePolicy {
    /// Everything may be overridden.
    All,
    /// Nothing may be.
    None,
    /// Only what says who the client is.
    Principal,
}

const PRINCIPAL_KEYS: [&str; 3] = ["sasl.jaas.config", "sasl.mechanism", "security.protocol"];

impl OverridePolicy {
    /// From the short name or the class name, with or without package.
    ///
    /// # Errors
    /// `ConfigException` for another name.
    pub fn from_name(name: &str) -> Result<Self> {
        let simple = name
            .strip_prefix("org.apache.kafka.connect.connector.policy.")
            .unwrap_or(name);
        let short = simple
            .strip_suffix("ConnectorClientConfigOverridePolicy")
            .unwrap_or(simple);
        match short {
            "All" => Ok(OverridePolicy::All),
            "None" => Ok(OverridePolicy::None),
            "Principal" => Ok(OverridePolicy::Principal),
            _ => Err(Error::invalid_config(
                "connector.client.config.override.policy",
                name,
                "There is no such policy; use All, None or Principal",
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            OverridePolicy::All => "All",
            OverridePolicy::None => "None",
            OverridePolicy::Principal => "Principal",
        }
    }

    /// Why `key` (without prefix) may not be overridden; None if it may.
    pub fn refusal(self, key: &str) -> Option<String> {
        let allowed = match self {
            OverridePolicy::All => true,
            OverridePolicy::None => false,
            OverridePolicy::Principal => PRINCIPAL_KEYS.contains(&key),
        };
        let name = self.name();
        (!allowed).then(|| {
            format!("The '{name}' policy does not allow '{key}' to be overridden in the connector configuration.")
        })
    }

    /// Checks overrides without prefix before a client is made from them.
    ///
    /// # Errors
    /// `ConnectException` that names each refused key, never its value.
    pub fn check(self, overrides: &Props) -> Result<()> {
        let refusals: Vec<String> = overrides.keys().filter_map(|key| self.refusal(key)).collect();
        if refusals.is_empty() {
            return Ok(());
        }
        let refusals = refusals.join(", ");
        Err(Error::connect(format!(
            "Client Config Overrides not allowed [{refusals}]"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_allow_what_kafkas_do() {
        for (name, key, allowed) in [
            ("All", "acks", true),
            ("None", "sasl.mechanism", false),
            ("Principal", "sasl.mechanism", true),
            ("Principal", "sasl.jaas.config", true),
            ("Principal", "security.protocol", true),
            ("PrincipalConnectorClientConfigOverridePolicy", "acks", false),
            (
                "org.apache.kafka.connect.connector.policy.NoneConnectorClientConfigOverridePolicy",
                "acks",
                false,
            ),
        ] {
            let policy = OverridePolicy::from_name(name).unwrap();
            assert_eq!(policy.refusal(key).is_none(), allowed, "{name} {key}");
            assert_eq!(policy.check(&Props::new().with(key, "v")).is_ok(), allowed);
        }
        assert!(OverridePolicy::from_name("Nope").is_err());
    }

    #[test]
    fn refusals_name_keys_and_hide_values() {
        let error = OverridePolicy::None
            .check(&Props::new().with("sasl.jaas.config", "hush"))
            .unwrap_err();
        assert_eq!(
            error.message(),
            Some(
                "Client Config Overrides not allowed [The 'None' policy does not allow 'sasl.jaas.config' to be overridden \
                 in the connector configuration.]"
            )
        );
    }
}
