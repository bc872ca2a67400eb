//! Trust and key stores as Java's `ssl.*` keys name them: JKS, PKCS12 and PEM files, as rustls wants them.
//!
//! A store's type is recognised by its content where it is one of the two binary forms, as current JDKs do it: a file that
//! is called JKS is often PKCS12.

use super::jks::JavaKeyStore;
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use turnbuckle_api::{Error, Password, Result};

/// A certificate chain, the own certificate first, and its key.
pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

enum Store {
    Pem(Vec<u8>),
    Java(JavaKeyStore),
    Pkcs12(KeyStore),
}

/// The certificates that a store declares trusted. `kind` is `JKS`, `PKCS12` or `PEM`.
///
/// # Errors
/// `ConfigException` that says what is wrong with file, type or password.
pub fn load_truststore(path: &Path, password: Option<&Password>, kind: &str) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = match open(path, password, kind)? {
        Store::Pem(text) => pem_certificates(&text)?,
        Store::Java(store) => store.certificates,
        Store::Pkcs12(store) => {
            let mut certificates = Vec::new();
            for (_, entry) in store.entries() {
                match entry {
                    KeyStoreEntry::Certificate(certificate) => certificates.push(owned(certificate.as_der())),
                    KeyStoreEntry::PrivateKeyChain(chain) => {
                        certificates.extend(chain.certs().iter().map(|certificate| owned(certificate.as_der())));
                    }
                    KeyStoreEntry::Secret(_) => {}
                }
            }
            certificates
        }
    };
    if certificates.is_empty() {
        return Err(Error::config("the store holds no certificates"));
    }
    Ok(certificates)
}

/// The first key of a store with its certificates; the key's password is the store's.
///
/// # Errors
/// As [`load_truststore`].
pub fn load_keystore(path: &Path, password: Option<&Password>, kind: &str) -> Result<Identity> {
    load_keystore_with_key_password(path, password, password, kind)
}

/// As [`load_keystore`], for a JKS key with a password of its own.
pub fn load_keystore_with_key_password(
    path: &Path,
    password: Option<&Password>,
    key_password: Option<&Password>,
    kind: &str,
) -> Result<Identity> {
    let key_password = key_password.map(Password::reveal).unwrap_or_default();
    let identity = match open(path, password, kind)? {
        Store::Pem(text) => {
            if text.windows(9).any(|window| window == b"ENCRYPTED") {
                return Err(Error::config(
                    "encrypted PEM keys are not supported; use a PKCS12 store or decrypt the key",
                ));
            }
            let key = PrivateKeyDer::from_pem_slice(&text)
                .map_err(|error| Error::config(format!("no private key in the PEM file: {error}")))?;
            (pem_certificates(&text)?, key)
        }
        Store::Java(store) => store.identity(key_password)?,
        Store::Pkcs12(store) => {
            let (_, chain) = store
                .private_key_chain()
                .ok_or_else(|| Error::config("the store holds no private key"))?;
            let key = PrivateKeyDer::try_from(chain.key().as_der().to_vec())
                .map_err(|error| Error::config(format!("the store's private key is not understood: {error}")))?;
            (
                chain
                    .certs()
                    .iter()
                    .map(|certificate| owned(certificate.as_der()))
                    .collect(),
                key,
            )
        }
    };
    if identity.0.is_empty() {
        return Err(Error::config("the store holds no certificate for its key"));
    }
    Ok(identity)
}

fn open(path: &Path, password: Option<&Password>, kind: &str) -> Result<Store> {
    let data = std::fs::read(path).map_err(|error| Error::config(format!("the file can't be read: {error}")))?;
    if kind.eq_ignore_ascii_case("PEM") {
        return Ok(Store::Pem(data));
    }
    if !["JKS", "PKCS12"].iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Err(Error::config(format!(
            "store type {kind} is not supported; use JKS, PKCS12 or PEM"
        )));
    }
    let password = password.map(Password::reveal);
    if JavaKeyStore::is_one(&data) {
        return JavaKeyStore::parse(&data, password).map(Store::Java);
    }
    let store = KeyStore::from_pkcs12(&data, password.unwrap_or_default(), Pkcs12ImportPolicy::Relaxed);
    store.map(Store::Pkcs12).map_err(|error| {
        Error::config(format!(
            "the store can't be opened, perhaps for a wrong password or type: {error}"
        ))
    })
}

fn owned(der: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(der.to_vec())
}

fn pem_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let certificates: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    certificates.map_err(|error| Error::config(format!("the PEM file is not understood: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/registry/testdata")
            .join(name)
    }

    fn secret(text: &str) -> Option<Password> {
        (!text.is_empty()).then(|| Password::new(text))
    }

    #[test]
    fn all_forms_hold_the_same_certificate() {
        let pem = load_truststore(&file("cert.pem"), None, "PEM").unwrap();
        let password = secret("store-secret");
        for (name, kind) in [
            ("trust.jks", "JKS"),
            ("trust.p12", "PKCS12"),
            ("trust.p12", "JKS"),
            ("trust.jks", "jks"),
        ] {
            let loaded = load_truststore(&file(name), password.as_ref(), kind).unwrap();
            assert_eq!(loaded, pem, "{name} as {kind}");
        }
    }

    #[test]
    fn all_forms_hold_the_same_key() {
        let (chain, key) = load_keystore(&file("key.pem"), None, "PEM").unwrap();
        let store = secret("store-secret");
        let from_p12 = load_keystore(&file("key.p12"), store.as_ref(), "PKCS12").unwrap();
        assert_eq!(from_p12.0, chain);
        assert_eq!(from_p12.1.secret_der(), key.secret_der());
        let own = secret("key-secret");
        let from_jks = load_keystore_with_key_password(&file("key.jks"), store.as_ref(), own.as_ref(), "JKS").unwrap();
        assert_eq!(from_jks.0, chain);
        assert_eq!(from_jks.1.secret_der(), key.secret_der());
    }

    #[test]
    fn refusals_say_why_and_keep_secrets() {
        for (name, password, kind, reason) in [
            ("none.jks", "", "JKS", "can't be read"),
            ("trust.jks", "wrong-one", "JKS", "password was incorrect"),
            ("trust.p12", "wrong-one", "PKCS12", "wrong password"),
            ("trust.jks", "store-secret", "BKS", "BKS is not supported"),
            ("key.pem", "", "JKS", "can't be opened"),
        ] {
            let error = load_truststore(&file(name), secret(password).as_ref(), kind)
                .unwrap_err()
                .trace();
            assert!(error.contains(reason), "{name}: {error}");
            assert!(!error.contains("wrong-one"), "{error}");
        }
        let store = secret("store-secret");
        let error = load_keystore(&file("key.jks"), store.as_ref(), "JKS").unwrap_err();
        assert!(error.to_string().contains("key's password is wrong"));
        let error = load_keystore(&file("trust.jks"), store.as_ref(), "JKS").unwrap_err();
        assert!(error.to_string().contains("no private key"));
    }
}
