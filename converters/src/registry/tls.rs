//! TLS settings of the registry client, from Java's `ssl.*` keys.

use super::config::RegistryConfig;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use turnbuckle_api::{Error, Password, Result};
use turnbuckle_keystores::StoreType;

/// Settings for HTTPS. The system's certificates are only read if some address needs them.
pub(super) fn client_config(config: &RegistryConfig, secure: bool) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(format!("TLS can't be set up: {error}")))?;
    let builder = builder.with_root_certificates(roots(config, secure)?);
    let Some(location) = &config.keystore_location else {
        return Ok(builder.with_no_client_auth());
    };
    let key = "schema.registry.ssl.keystore.location";
    let (bytes, kind, source) = store(key, location, &config.keystore_type)?;
    let password = config.keystore_password.as_ref().map(Password::reveal);
    let key_password = config.key_password.as_ref().map(Password::reveal);
    let identity = turnbuckle_keystores::identity(&bytes, kind, &source, password, key_password)?;
    let (chain, private_key) = identity.to_rustls();
    builder
        .with_client_auth_cert(chain, private_key)
        .map_err(|error| Error::invalid_config(key, location, error))
}

fn roots(config: &RegistryConfig, secure: bool) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(location) = &config.truststore_location {
        let key = "schema.registry.ssl.truststore.location";
        let (bytes, kind, source) = store(key, location, &config.truststore_type)?;
        let password = config.truststore_password.as_ref().map(Password::reveal);
        for certificate in turnbuckle_keystores::trusted(&bytes, kind, &source, password)? {
            roots
                .add(CertificateDer::from(certificate))
                .map_err(|error| Error::invalid_config(key, location, error))?;
        }
        return Ok(roots);
    }
    if secure {
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err(Error::config(
                "The system has no trusted certificates; set schema.registry.ssl.truststore.location",
            ));
        }
    }
    Ok(roots)
}

/// The bytes of a store, its form, and what errors call it. `key` is the setting that names the file.
fn store(key: &str, location: &str, kind: &str) -> Result<(Vec<u8>, StoreType, String)> {
    let kind = StoreType::from_name(kind).ok_or_else(|| {
        let detail = format!("store type {kind} is not supported; use JKS, PKCS12 or PEM");
        Error::invalid_config(key, location, detail)
    })?;
    let bytes = std::fs::read(location)
        .map_err(|error| Error::invalid_config(key, location, format!("the file can't be read: {error}")))?;
    Ok((bytes, kind, format!("{location} ({key})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Props;
    use turnbuckle_api::config::Config;

    fn config(settings: &[(&str, &str)]) -> RegistryConfig {
        let mut props = Props::new().with("schema.registry.url", "https://localhost");
        for (key, value) in settings {
            let value = value.replace(
                "testdata",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../keystores/testdata/localhost"),
            );
            props.insert(format!("schema.registry.ssl.{key}"), value);
        }
        RegistryConfig::from_props(&props).unwrap()
    }

    #[test]
    fn own_trust_and_key_stores_are_used() {
        let config = config(&[
            ("truststore.location", "testdata/trust.jks"),
            ("truststore.password", "store-secret"),
            ("keystore.location", "testdata/key.jks"),
            ("keystore.password", "store-secret"),
            ("key.password", "key-secret"),
        ]);
        assert_eq!(roots(&config, true).unwrap().len(), 1);
        let client = client_config(&config, true).unwrap();
        assert!(client.client_auth_cert_resolver.has_certs());
    }

    #[test]
    fn refusals_say_why_and_keep_secrets() {
        for (location, password, kind, reason) in [
            ("testdata/none.jks", "", "JKS", "can't be read"),
            ("testdata/trust.jks", "wrong-one", "JKS", "password is wrong"),
            ("testdata/trust.p12", "wrong-one", "PKCS12", "password is wrong"),
            ("testdata/trust.jks", "store-secret", "BKS", "BKS is not supported"),
            ("testdata/key.pem", "", "JKS", "no JKS or PKCS12 file"),
        ] {
            let config = config(&[
                ("truststore.location", location),
                ("truststore.password", password),
                ("truststore.type", kind),
            ]);
            let error = roots(&config, true).unwrap_err().trace();
            assert!(error.contains(reason), "{location}: {error}");
            assert!(error.contains("schema.registry.ssl.truststore.location"), "{error}");
            assert!(!error.contains("wrong-one"), "{error}");
        }
    }
}
