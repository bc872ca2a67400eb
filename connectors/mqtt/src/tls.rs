//! TLS settings from the `mqtt.ssl.*` keys.

use crate::config::ConnectionSettings;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use turnbuckle_api::{Error, Password, Result};
use turnbuckle_keystores::StoreType;

const TRUST_STORE: &str = "mqtt.ssl.trust.store.path";
const KEY_STORE: &str = "mqtt.ssl.key.store.path";

/// Settings for secure connections. Stores are read now, so that a wrong one is found before anything is dialled.
///
/// # Errors
/// `ConfigException` that names the key of the store.
pub(crate) fn client_config(settings: &ConnectionSettings) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(format!("TLS can't be set up: {error}")))?
        .with_root_certificates(roots(settings)?);
    let path = &settings.key_store_path;
    if path.is_empty() {
        return Ok(builder.with_no_client_auth());
    }
    let (bytes, kind, source) = store(KEY_STORE, path)?;
    let password = given(&settings.key_store_password);
    let key_password = given(&settings.key_password);
    let identity = turnbuckle_keystores::identity(&bytes, kind, &source, password, key_password)?;
    let (chain, key) = identity.to_rustls();
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| Error::invalid_config(KEY_STORE, path, error))
}

fn roots(settings: &ConnectionSettings) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let path = &settings.trust_store_path;
    if path.is_empty() {
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err(Error::config(format!(
                "The system has no trusted certificates; set {TRUST_STORE}"
            )));
        }
        return Ok(roots);
    }
    let (bytes, kind, source) = store(TRUST_STORE, path)?;
    for certificate in turnbuckle_keystores::trusted(&bytes, kind, &source, given(&settings.trust_store_password))? {
        roots
            .add(CertificateDer::from(certificate))
            .map_err(|error| Error::invalid_config(TRUST_STORE, path, error))?;
    }
    Ok(roots)
}

fn given(password: &Password) -> Option<&str> {
    Some(password.reveal()).filter(|text| !text.is_empty())
}

/// The bytes of a store, its form, and what errors call it. No key says the form, so the content does.
fn store(key: &str, path: &str) -> Result<(Vec<u8>, StoreType, String)> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::invalid_config(key, path, format!("the file can't be read: {error}")))?;
    const BEGIN: &[u8] = b"-----BEGIN ";
    let is_pem = bytes.windows(BEGIN.len()).any(|window| window == BEGIN);
    let kind = if is_pem { StoreType::Pem } else { StoreType::JksOrPkcs12 };
    Ok((bytes, kind, format!("{path} ({key})")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Config, Props};

    fn config(settings: &[(&str, &str)]) -> Result<ClientConfig> {
        let mut props = Props::new().with("mqtt.server.uri", "ssl://localhost");
        for (key, value) in settings {
            let value = value.replace(
                "testdata",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../keystores/testdata/localhost"),
            );
            props.insert(format!("mqtt.ssl.{key}"), value);
        }
        client_config(&ConnectionSettings::from_props(&props)?)
    }

    #[test]
    fn a_missing_store_is_named() {
        let error = config(&[("trust.store.path", "/no/such/store")]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("mqtt.ssl.trust.store.path: the file can't be read"),
            "{error}"
        );
    }
}
