//! Java's old key store format, which PKCS#12 libraries do not read.
//!
//! All numbers are big-endian: magic, version, count; then per entry a tag (1 key, 2 certificate), alias, time and
//! content; at the end a SHA-1 digest over password, a fixed phrase and all before it. Keys are hidden by a key stream of
//! SHA-1 digests, Sun's own `1.3.6.1.4.1.42.2.17.1.1`.

use crate::der;
use crate::identity::PrivateKey;
use sha1::{Digest, Sha1};
use turnbuckle_api::{Error, Result};

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const PHRASE: &[u8] = b"Mighty Aphrodite";
const DIGEST_SIZE: usize = 20;
/// 1.3.6.1.4.1.42.2.17.1.1 in DER.
const KEY_PROTECTOR: [u8; 12] = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];

/// A protected key with its certificates, DER, the leaf first.
pub(crate) type SealedKey = (Vec<u8>, Vec<Vec<u8>>);

/// What a JKS file holds, in its order.
#[derive(Default)]
pub(crate) struct JavaKeyStore {
    pub keys: Vec<SealedKey>,
    /// Trusted certificates, DER.
    pub trusted: Vec<Vec<u8>>,
}

impl JavaKeyStore {
    /// True if the data begins as such a store does.
    pub(crate) fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// Reads a store; with a password its integrity is checked, too, as Java does. `source` names it in errors.
    ///
    /// # Errors
    /// `ConfigException` if the password is wrong or the data is not such a store.
    pub(crate) fn read(bytes: &[u8], source: &str, password: Option<&str>) -> Result<Self> {
        let failed = |what: &str| Error::config(format!("Could not read the JKS store {source}: {what}"));
        let damaged = || failed("the file is damaged");
        let body_length = bytes.len().checked_sub(DIGEST_SIZE).ok_or_else(damaged)?;
        let (body, digest) = bytes.split_at(body_length);
        if let Some(password) = password {
            let expected = Sha1::new()
                .chain_update(utf16(password))
                .chain_update(PHRASE)
                .chain_update(body);
            if expected.finalize().as_slice() != digest {
                return Err(failed("its password is wrong or the file is damaged"));
            }
        }
        let entries = body.strip_prefix(&MAGIC).ok_or_else(damaged)?;
        let mut store = JavaKeyStore::default();
        store.read_entries(JksReader { rest: entries }).ok_or_else(damaged)?;
        Ok(store)
    }

    fn read_entries(&mut self, mut reader: JksReader<'_>) -> Option<()> {
        let version = reader.u32()?;
        for _ in 0..reader.u32()? {
            let tag = reader.u32()?;
            reader.skip_text()?; // alias
            reader.take(8)?; // time of creation
            match tag {
                1 => {
                    let sealed = reader.block()?.to_vec();
                    let mut chain = Vec::new();
                    for _ in 0..reader.u32()? {
                        chain.push(reader.certificate(version)?);
                    }
                    self.keys.push((sealed, chain));
                }
                2 => self.trusted.push(reader.certificate(version)?),
                _ => return None,
            }
        }
        Some(())
    }
}

/// Takes the protection off a key. `source` names its store in errors.
///
/// # Errors
/// `ConfigException` if the password is missing or wrong.
pub(crate) fn open_key(sealed: &[u8], source: &str, password: Option<&str>) -> Result<PrivateKey> {
    let password = password.ok_or_else(|| {
        Error::config(format!(
            "The JKS store {source} holds a key: set ssl.keystore.password or ssl.key.password"
        ))
    })?;
    let key = decrypt_key(sealed, password).ok_or_else(|| {
        Error::config(format!(
            "Could not open the key in the JKS store {source}: ssl.key.password (or ssl.keystore.password without it) is \
             wrong"
        ))
    })?;
    Ok(PrivateKey::pkcs8(key))
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

/// Opens a key as JKS protects it: a key stream of chained SHA-1 digests over password and salt, and a digest of the result.
fn decrypt_key(encrypted: &[u8], password: &str) -> Option<Vec<u8>> {
    let sealed = octets_of_encrypted_key(encrypted)?;
    let (salt, rest) = sealed.split_at_checked(DIGEST_SIZE)?;
    let (cipher, check) = rest.split_at_checked(rest.len().checked_sub(DIGEST_SIZE)?)?;
    let password = utf16(password);
    let mut plain = Vec::with_capacity(cipher.len());
    let mut stream: Vec<u8> = salt.to_vec();
    for block in cipher.chunks(DIGEST_SIZE) {
        let digest = Sha1::new().chain_update(&password).chain_update(&stream);
        stream = digest.finalize().to_vec();
        plain.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
    }
    let digest = Sha1::new().chain_update(&password).chain_update(&plain);
    (digest.finalize().as_slice() == check).then_some(plain)
}

/// `EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm SEQUENCE, data OCTET STRING }` → data.
fn octets_of_encrypted_key(der: &[u8]) -> Option<&[u8]> {
    let (outer, _) = der::value(der, 0x30)?;
    let (algorithm, after_algorithm) = der::value(outer, 0x30)?;
    if !algorithm.starts_with(&KEY_PROTECTOR) {
        return None;
    }
    let (octets, _) = der::value(after_algorithm, 0x04)?;
    Some(octets)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protect(key: &[u8], password: &str) -> Vec<u8> {
        let password = utf16(password);
        let mut stream = vec![7u8; DIGEST_SIZE];
        let mut content = stream.clone();
        for block in key.chunks(DIGEST_SIZE) {
            stream = Sha1::new()
                .chain_update(&password)
                .chain_update(&stream)
                .finalize()
                .to_vec();
            content.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
        }
        content.extend(Sha1::new().chain_update(&password).chain_update(key).finalize());
        let mut algorithm = KEY_PROTECTOR.to_vec();
        algorithm.extend([5, 0]);
        let element = |tag: u8, content: &[u8]| [&[tag, content.len() as u8][..], content].concat();
        element(0x30, &[element(0x30, &algorithm), element(0x04, &content)].concat())
    }

    #[test]
    fn keys_need_their_password() {
        let key = b"thirty bytes of a private key.";
        let protected = protect(key, "secret");
        assert_eq!(decrypt_key(&protected, "secret").unwrap(), key);
        assert!(decrypt_key(&protected, "wrong").is_none());
        assert!(decrypt_key(&protected[..10], "secret").is_none());
    }

    #[test]
    fn damaged_stores_are_refused() {
        let mut data = MAGIC.to_vec();
        data.extend([0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]);
        data.extend([0; DIGEST_SIZE]);
        assert!(JavaKeyStore::is_one(&data));
        assert!(JavaKeyStore::read(&data, "x", None).is_err());
        assert!(JavaKeyStore::read(&data[..5], "x", None).is_err());
        let error = JavaKeyStore::read(&data, "x", Some("y")).err().unwrap();
        assert!(error.to_string().contains("password is wrong"));
    }
}
