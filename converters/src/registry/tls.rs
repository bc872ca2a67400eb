//! TLS settings of the registry client, from Java's `ssl.*` keys.

use super::config::RegistryConfig;
use super::stores;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use turnbuckle_api::{Error, Result};

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
    let password = config.keystore_password.as_ref();
    let key_password = config.key_password.as_ref().or(password);
    let (chain, private_key) =
        stores::load_keystore_with_key_password(Path::new(location), password, key_password, &config.keystore_type)
            .map_err(|error| Error::invalid_config(key, location, error))?;
    builder
        .with_client_auth_cert(chain, private_key)
        .map_err(|error| Error::invalid_config(key, location, error))
}

fn roots(config: &RegistryConfig, secure: bool) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(location) = &config.truststore_location {
        let key = "schema.registry.ssl.truststore.location";
        let password = config.truststore_password.as_ref();
        let trusted = stores::load_truststore(Path::new(location), password, &config.truststore_type)
            .map_err(|error| Error::invalid_config(key, location, error))?;
        for certificate in trusted {
            roots
                .add(certificate)
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
