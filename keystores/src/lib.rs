//! Key material as Java's `ssl.*` settings name it: JKS, PKCS12 and PEM, read into DER.
//!
//! [`trusted`] and [`identity`] take the bytes of a store; [`pem`] also reads text that stands in a setting. Clients of
//! Kafka and of the schema registry share this. As in Java, the content says whether a file is JKS or PKCS12, whatever the
//! setting of its type says: a file that is called JKS is often PKCS12.

mod der;
mod identity;
mod jks;
pub mod pem;
mod verifier;

pub use identity::{Identity, PrivateKey};
pub use verifier::verifier;

use jks::JavaKeyStore;
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use turnbuckle_api::{Error, Result};

/// What `ssl.keystore.type` and `ssl.truststore.type` distinguish; the content tells JKS and PKCS12 apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreType {
    Pem,
    JksOrPkcs12,
}

impl StoreType {
    /// From `JKS`, `PKCS12` or `PEM` in any case; None for other types.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PEM" => Some(StoreType::Pem),
            "JKS" | "PKCS12" => Some(StoreType::JksOrPkcs12),
            _ => None,
        }
    }
}

/// The certificates that a store declares trusted, DER: its certificates, and as in Java the leaves of its keys. `source`
/// names the store in errors; without `password` a JKS file is read unchecked.
///
/// # Errors
/// `ConfigException` naming the store: another format, a wrong password, damage, no certificate.
pub fn trusted(bytes: &[u8], kind: StoreType, source: &str, password: Option<&str>) -> Result<Vec<Vec<u8>>> {
    let certificates = match kind {
        StoreType::Pem => pem::certificates(pem_text(bytes, source)?, source)?,
        StoreType::JksOrPkcs12 => {
            let store = open(bytes, source, password)?;
            let leaves = store
                .keys
                .into_iter()
                .filter_map(|entry| entry.chain.into_iter().next());
            store.trusted.into_iter().chain(leaves).collect()
        }
    };
    if certificates.is_empty() {
        return Err(Error::config(format!("There is no trusted certificate in {source}")));
    }
    Ok(certificates)
}

/// The first key of a store with its certificates. `key_password` opens it; in binary stores None stands for `password`.
///
/// # Errors
/// As [`trusted`]; besides, no key, or a wrong password of the key.
pub fn identity(
    bytes: &[u8],
    kind: StoreType,
    source: &str,
    password: Option<&str>,
    key_password: Option<&str>,
) -> Result<Identity> {
    if kind == StoreType::Pem {
        let text = pem_text(bytes, source)?;
        return pem::identity(text, source, pem::certificates(text, source)?, key_password);
    }
    let missing = |what: &str| Error::config(format!("There is no {what} in {source}"));
    let first = open(bytes, source, password)?.keys.into_iter().next();
    let entry = first.ok_or_else(|| missing("private key"))?;
    if entry.chain.is_empty() {
        return Err(missing("certificate for the private key"));
    }
    let key = match entry.key {
        StoredKey::Open(key) => key,
        StoredKey::Jks(sealed) => jks::open_key(&sealed, source, key_password.or(password))?,
    };
    Ok(Identity {
        chain: entry.chain,
        key,
    })
}

fn pem_text<'a>(bytes: &'a [u8], source: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| Error::config(format!("{source} is no PEM text")))
}

/// What a binary store holds.
#[derive(Default)]
struct Store {
    keys: Vec<KeyEntry>,
    /// Trusted certificates, DER.
    trusted: Vec<Vec<u8>>,
}

/// A key with its certificates, the leaf first.
struct KeyEntry {
    key: StoredKey,
    chain: Vec<Vec<u8>>,
}

/// Keys of JKS files have passwords of their own, which a trust store need not give.
enum StoredKey {
    Open(PrivateKey),
    Jks(Vec<u8>),
}

fn open(bytes: &[u8], source: &str, password: Option<&str>) -> Result<Store> {
    if JavaKeyStore::is_one(bytes) {
        let store = JavaKeyStore::read(bytes, source, password)?;
        let sealed = |(key, chain): jks::SealedKey| KeyEntry {
            key: StoredKey::Jks(key),
            chain,
        };
        return Ok(Store {
            keys: store.keys.into_iter().map(sealed).collect(),
            trusted: store.trusted,
        });
    }
    let password = password.unwrap_or_default();
    let opened = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Strict).map_err(|error| {
        Error::config(format!(
            "Could not read the store {source}: it is no JKS or PKCS12 file or its password is wrong ({error})"
        ))
    })?;
    let mut store = Store::default();
    for (_, entry) in opened.entries() {
        match entry {
            KeyStoreEntry::PrivateKeyChain(chain) => store.keys.push(KeyEntry {
                key: StoredKey::Open(PrivateKey::pkcs8(chain.key().as_der().to_vec())),
                chain: chain.certs().iter().map(|cert| cert.as_der().to_vec()).collect(),
            }),
            KeyStoreEntry::Certificate(cert) => store.trusted.push(cert.as_der().to_vec()),
            KeyStoreEntry::Secret(_) => {}
        }
    }
    Ok(store)
}

#[cfg(test)]
mod tests;
