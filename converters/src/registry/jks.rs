//! Java's old key store format, which PKCS#12 libraries do not read.
//!
//! All numbers are big-endian: magic, version, count; then per entry a tag (1 key, 2 certificate), alias, time and
//! content; at the end a SHA-1 digest over password, a fixed phrase and all before it. Keys are hidden by a key stream of
//! SHA-1 digests, Sun's own `1.3.6.1.4.1.42.2.17.1.1`.

use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha1::{Digest, Sha1};
use turnbuckle_api::{Error, Result};

const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const PHRASE: &[u8] = b"Mighty Aphrodite";
const DIGEST: usize = 20;
/// 1.3.6.1.4.1.42.2.17.1.1 in DER.
const KEY_PROTECTOR: [u8; 12] = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x2a, 0x02, 0x11, 0x01, 0x01];

/// The contents of a store.
#[derive(Debug, Default)]
pub struct JavaKeyStore {
    /// Trusted certificates.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Protected keys with their chains, in the store's order.
    keys: Vec<(Vec<u8>, Vec<CertificateDer<'static>>)>,
}

fn damaged() -> Error {
    Error::config("the JKS store is damaged or cut off")
}

impl JavaKeyStore {
    /// True if the data begins as such a store does.
    pub fn is_one(data: &[u8]) -> bool {
        data.starts_with(&MAGIC)
    }

    /// Reads a store; with a password its integrity is checked, too, as Java does.
    ///
    /// # Errors
    /// `ConfigException` if the password is wrong or the data is not such a store.
    pub fn parse(data: &[u8], password: Option<&str>) -> Result<Self> {
        let body_length = data.len().checked_sub(DIGEST).ok_or_else(damaged)?;
        let (body, digest) = data.split_at(body_length);
        if let Some(password) = password {
            let expected = Sha1::new()
                .chain_update(utf16(password))
                .chain_update(PHRASE)
                .chain_update(body)
                .finalize();
            if expected.as_slice() != digest {
                return Err(Error::config("Keystore was tampered with, or password was incorrect"));
            }
        }
        let mut input = Input(body.strip_prefix(&MAGIC).ok_or_else(damaged)?);
        let version = input.u32()?;
        let mut store = JavaKeyStore::default();
        for _ in 0..input.u32()? {
            let tag = input.u32()?;
            input.text()?;
            input.take(8)?;
            match tag {
                1 => {
                    let length = input.u32()? as usize;
                    let key = input.take(length)?.to_vec();
                    let mut chain = Vec::new();
                    for _ in 0..input.u32()? {
                        chain.push(input.certificate(version)?);
                    }
                    store.keys.push((key, chain));
                }
                2 => store.certificates.push(input.certificate(version)?),
                _ => return Err(damaged()),
            }
        }
        Ok(store)
    }

    /// The first key and its chain.
    ///
    /// # Errors
    /// `ConfigException` if there is no key, or the password is wrong.
    pub fn identity(self, password: &str) -> Result<super::stores::Identity> {
        let first = self.keys.into_iter().next();
        let (protected, chain) = first.ok_or_else(|| Error::config("the store holds no private key"))?;
        let key = recover(&protected, password)?;
        let key = PrivateKeyDer::try_from(key)
            .map_err(|error| Error::config(format!("the store's private key is not understood: {error}")))?;
        Ok((chain, key))
    }
}

/// Takes the protection off a key.
fn recover(protected: &[u8], password: &str) -> Result<Vec<u8>> {
    let unknown = || Error::config("the key's protection is not the one of JKS stores");
    let (_, sequence) = der(protected, 0x30).ok_or_else(unknown)?;
    let (rest, algorithm) = der(sequence, 0x30).ok_or_else(unknown)?;
    if !algorithm.starts_with(&KEY_PROTECTOR) {
        return Err(unknown());
    }
    let (_, content) = der(rest, 0x04).ok_or_else(unknown)?;
    let hidden_length = content.len().checked_sub(2 * DIGEST).ok_or_else(unknown)?;
    let (salt, rest) = content.split_at(DIGEST);
    let (hidden, check) = rest.split_at(hidden_length);
    let password = utf16(password);
    let mut stream = salt.to_vec();
    let mut key = Vec::with_capacity(hidden.len());
    for block in hidden.chunks(DIGEST) {
        stream = Sha1::new()
            .chain_update(&password)
            .chain_update(&stream)
            .finalize()
            .to_vec();
        key.extend(block.iter().zip(&stream).map(|(byte, mask)| byte ^ mask));
    }
    let expected = Sha1::new().chain_update(&password).chain_update(&key).finalize();
    if expected.as_slice() != check {
        return Err(Error::config("the key's password is wrong"));
    }
    Ok(key)
}

/// What follows, and the content of the DER element at the beginning, if it has this tag.
fn der(data: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = data.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (
                digits.iter().fold(0usize, |sum, digit| sum << 8 | usize::from(*digit)),
                rest,
            )
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*first == tag).then_some((rest, content))
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?.first_chunk::<4>().ok_or_else(damaged)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn text(&mut self) -> Result<&'a [u8]> {
        let bytes = self.take(2)?.first_chunk::<2>().ok_or_else(damaged)?;
        self.take(usize::from(u16::from_be_bytes(*bytes)))
    }

    fn certificate(&mut self, version: u32) -> Result<CertificateDer<'static>> {
        // Version 1 stores know X.509 alone and do not name it.
        if version == 2 {
            self.text()?;
        }
        let length = self.u32()? as usize;
        Ok(CertificateDer::from(self.take(length)?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protect(key: &[u8], password: &str) -> Vec<u8> {
        let password = utf16(password);
        let mut stream = vec![7u8; DIGEST];
        let mut content = stream.clone();
        for block in key.chunks(DIGEST) {
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
        assert_eq!(recover(&protected, "secret").unwrap(), key);
        assert!(recover(&protected, "wrong").is_err());
        assert!(recover(&protected[..10], "secret").is_err());
    }

    #[test]
    fn damaged_stores_are_refused() {
        let mut data = MAGIC.to_vec();
        data.extend([0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]);
        data.extend([0; DIGEST]);
        assert!(JavaKeyStore::is_one(&data));
        assert!(JavaKeyStore::parse(&data, None).is_err());
        assert!(JavaKeyStore::parse(&data[..5], None).is_err());
        let error = JavaKeyStore::parse(&data, Some("x")).unwrap_err();
        assert!(error.to_string().contains("password was incorrect"));
    }
}
