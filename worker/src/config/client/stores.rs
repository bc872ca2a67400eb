//! Key and trust stores: JKS and PKCS12 files read into DER.
//!
//! As in Java, the content says which of the two a file is, whatever `ssl.keystore.type` says.

use super::der;
use super::security::{Identity, PrivateKey};
use p12_keystore::{KeyStore, KeyStoreEntry, Pkcs12ImportPolicy};
use sha1::{Digest, Sha1};
use turnbuckle_api::{Error, Result};

/// What a store holds.
#[derive(Default)]
pub struct Store {
    /// Keys with their certificates, in the store's order.
    pub identities: Vec<Identity>,
    /// Trusted certificates, DER.
    pub trusted: Vec<Vec<u8>>,
}

const JKS_MAGIC: u32 = 0xFEED_FEED;

/// Reads a store. `source` names it in errors; without `password` a JKS file's certificates are read unchecked.
/// `key_password` opens its keys; None stands for `password`.
///
/// # Errors
/// `ConfigException` naming the store: another format, a wrong password, damage.
pub fn read(bytes: &[u8], source: &str, password: Option<&str>, key_password: Option<&str>) -> Result<Store> {
    if bytes.starts_with(&JKS_MAGIC.to_be_bytes()) {
        return read_jks(bytes, source, password, key_password.or(password));
    }
    read_pkcs12(bytes, source, password.unwrap_or_default())
}

fn read_pkcs12(bytes: &[u8], source: &str, password: &str) -> Result<Store> {
    let opened = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Strict).map_err(|error| {
        Error::config(format!(
            "Could not read the store {source}: it is no JKS or PKCS12 file or its password is wrong ({error})"
        ))
    })?;
    let mut store = Store::default();
    for (_, entry) in opened.entries() {
        match entry {
            KeyStoreEntry::PrivateKeyChain(chain) => store.identities.push(Identity {
                chain: chain.certs().iter().map(|cert| cert.as_der().to_vec()).collect(),
                key: PrivateKey::pkcs8(chain.key().as_der().to_vec()),
            }),
            KeyStoreEntry::Certificate(cert) => store.trusted.push(cert.as_der().to_vec()),
            KeyStoreEntry::Secret(_) => {}
        }
    }
    Ok(store)
}

/// Reads the fields of a JKS file (Java's big-endian data streams).
struct JksReader<'a> {
    rest: &'a [u8],
}

impl<'a> JksReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        let bytes = self.take(4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Bytes with their count before them.
    fn block(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.u32()?).ok()?;
        self.take(count)
    }

    /// Text with its length in 16 bits; its content is not needed.
    fn skip_text(&mut self) -> Option<()> {
        let bytes = self.take(2)?;
        let length = u16::from_be_bytes(bytes.try_into().ok()?);
        self.take(usize::from(length)).map(|_| ())
    }

    fn certificate(&mut self, version: u32) -> Option<Vec<u8>> {
        if version >= 2 {
            self.skip_text()?;
        }
        self.block().map(<[u8]>::to_vec)
    }
}

const DIGEST_SIZE: usize = 20;

fn read_jks(bytes: &[u8], source: &str, password: Option<&str>, key_password: Option<&str>) -> Result<Store> {
    let damaged = || Error::config(format!("Could not read the JKS store {source}: the file is damaged"));
    let wrong = || {
        Error::config(format!(
            "Could not read the JKS store {source}: its password is wrong or the file is damaged"
        ))
    };
    let body_length = bytes.len().checked_sub(DIGEST_SIZE).ok_or_else(damaged)?;
    let (body, digest) = bytes.split_at(body_length);
    if let Some(password) = password {
        let mut expected = Sha1::new();
        expected.update(utf16(password));
        expected.update(b"Mighty Aphrodite");
        expected.update(body);
        if expected.finalize().as_slice() != digest {
            return Err(wrong());
        }
    }
    let mut store = Store::default();
    let mut keys = Vec::new();
    read_entries(body, &mut store, &mut keys).ok_or_else(damaged)?;
    for (encrypted, chain) in keys {
        let password = key_password.ok_or_else(|| {
            Error::config(format!(
                "The JKS store {source} holds a key: set ssl.keystore.password or ssl.key.password"
            ))
        })?;
        let key = decrypt_key(encrypted, password).ok_or_else(|| {
            Error::config(format!(
                "Could not open the key in the JKS store {source}: ssl.key.password (or ssl.keystore.password without \
                 it) is wrong"
            ))
        })?;
        store.identities.push(Identity {
            chain,
            key: PrivateKey::pkcs8(key),
        });
    }
    Ok(store)
}

/// An encrypted key with its certificates.
type JksKey<'a> = (&'a [u8], Vec<Vec<u8>>);

fn read_entries<'a>(body: &'a [u8], store: &mut Store, keys: &mut Vec<JksKey<'a>>) -> Option<()> {
    let mut reader = JksReader { rest: body };
    reader.u32()?;
    let version = reader.u32()?;
    for _ in 0..reader.u32()? {
        let tag = reader.u32()?;
        reader.skip_text()?; // alias
        reader.take(8)?; // time of creation
        match tag {
            1 => {
                let encrypted = reader.block()?;
                let mut chain = Vec::new();
                for _ in 0..reader.u32()? {
                    chain.push(reader.certificate(version)?);
                }
                keys.push((encrypted, chain));
            }
            2 => store.trusted.push(reader.certificate(version)?),
            _ => return None,
        }
    }
    Some(())
}

/// Opens a key as JKS protects it: a key stream of chained SHA-1 digests over password and salt, and a digest of the result.
fn decrypt_key(encrypted: &[u8], password: &str) -> Option<Vec<u8>> {
    let sealed = octets_of_encrypted_key(encrypted)?;
    let (salt, rest) = sealed.split_at_checked(DIGEST_SIZE)?;
    let (cipher, check) = rest.split_at_checked(rest.len().checked_sub(DIGEST_SIZE)?)?;
    let password = utf16(password);
    let mut plain = Vec::with_capacity(cipher.len());
    let mut stream: Vec<u8> = salt.to_vec();
    for block in cipher.chunks(DIGEST_SIZE) {
        let mut digest = Sha1::new();
        digest.update(&password);
        digest.update(&stream);
        stream = digest.finalize().to_vec();
        plain.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
    }
    let mut digest = Sha1::new();
    digest.update(&password);
    digest.update(&plain);
    (digest.finalize().as_slice() == check).then_some(plain)
}

/// `EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm SEQUENCE, data OCTET STRING }` → data.
fn octets_of_encrypted_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, _) = der::value(der, 0x30)?;
    let (_, after_algorithm) = der::value(outer, 0x30)?;
    let (octets, _) = der::value(after_algorithm, 0x04)?;
    Some(octets)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::client::pem;
    use proptest::prelude::*;

    const CLIENT_PEM: &str = include_str!("testdata/client.crt.pem");
    const KEY_PEM: &str = include_str!("testdata/client.key.pem");
    const CLIENT_P12: &[u8] = include_bytes!("testdata/client.p12");
    const CLIENT_3DES: &[u8] = include_bytes!("testdata/client-3des.p12");
    const CLIENT_JKS: &[u8] = include_bytes!("testdata/client.jks");
    const KEYPASS_JKS: &[u8] = include_bytes!("testdata/client-keypass.jks");
    const TRUST_P12: &[u8] = include_bytes!("testdata/trust.p12");
    const TRUST_JKS: &[u8] = include_bytes!("testdata/trust.jks");

    fn certificate() -> Vec<u8> {
        pem::parse(CLIENT_PEM, "test").unwrap().remove(0).der
    }

    #[test]
    fn every_format_gives_the_same_key_and_certificate() {
        let key = pem::parse(KEY_PEM, "test").unwrap().remove(0).der;
        for (name, bytes, password, key_password) in [
            ("p12", CLIENT_P12, "changeit", None),
            ("3des", CLIENT_3DES, "changeit", None),
            ("jks", CLIENT_JKS, "changeit", None),
            ("jks with key password", KEYPASS_JKS, "changeit", Some("secret1")),
        ] {
            let store = read(bytes, name, Some(password), key_password).unwrap();
            assert_eq!(store.identities.len(), 1, "{name}");
            assert_eq!(store.identities[0].chain, [certificate()], "{name}");
            // Java and OpenSSL differ in optional parts of the key's DER; the secret number, Java's last part, is in both.
            let found = store.identities[0].key.der();
            let secret = &key[key.len() - 32..];
            assert!(found.windows(secret.len()).any(|window| window == secret), "{name}");
        }
    }

    #[test]
    fn trust_stores_give_their_certificates() {
        for (name, bytes, password) in [
            ("p12", TRUST_P12, Some("changeit")),
            ("jks", TRUST_JKS, Some("changeit")),
            ("jks without password", TRUST_JKS, None),
        ] {
            let store = read(bytes, name, password, None).unwrap();
            assert_eq!(store.trusted, [certificate()], "{name}");
            assert!(store.identities.is_empty());
        }
    }

    #[test]
    fn wrong_passwords_and_other_files_are_told_apart_from_nothing() {
        for (bytes, password, key_password, part) in [
            (CLIENT_P12, Some("nope"), None, "its password is wrong"),
            (CLIENT_JKS, Some("nope"), None, "its password is wrong"),
            (CLIENT_JKS, None, None, "set ssl.keystore.password"),
            (KEYPASS_JKS, Some("changeit"), None, "ssl.key.password"),
            (&b"hello"[..], Some("changeit"), None, "no JKS or PKCS12 file"),
            (&CLIENT_JKS[..30], None, None, "damaged"),
        ] {
            let error = read(bytes, "/x/store", password, key_password)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(part) && error.contains("/x/store"), "{error}");
            assert!(!error.contains("nope") && !error.contains("changeit"));
        }
    }

    proptest! {
        #[test]
        fn damaged_stores_never_panic(at in 0usize..560, byte in any::<u8>(), length in 0usize..563) {
            let mut bytes = CLIENT_JKS.to_vec();
            if let Some(spot) = bytes.get_mut(at) {
                *spot = byte;
            }
            bytes.truncate(length);
            let _ = read(&bytes, "x", None, Some("changeit"));
        }
    }
}
