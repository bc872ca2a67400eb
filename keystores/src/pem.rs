//! PEM text: blocks of base64 between `-----BEGIN X-----` and `-----END X-----`. Line ends may be missing, as in properties
//! files, where a whole certificate often is one line.

use crate::identity::{Identity, PrivateKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use turnbuckle_api::{Error, Result};

/// One block.
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    /// `CERTIFICATE`, `PRIVATE KEY` …
    pub label: String,
    pub der: Vec<u8>,
}

/// All blocks of a text, in order; what is between them is passed over. `source` names the text in errors.
///
/// # Errors
/// `ConfigException` if a block is not closed or not base64. The text itself is never in it.
pub fn parse(text: &str, source: &str) -> Result<Vec<Block>> {
    const BEGIN: &str = "-----BEGIN ";
    const DASHES: &str = "-----";
    let broken = |what: &str| Error::config(format!("Invalid PEM text in {source}: {what}"));
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let after_begin = &rest[at + BEGIN.len()..];
        let (label, body) = after_begin
            .split_once(DASHES)
            .ok_or_else(|| broken("a BEGIN line is incomplete"))?;
        let end_line = format!("-----END {label}-----");
        let (body, after_end) = body
            .split_once(end_line.as_str())
            .ok_or_else(|| broken("an END line is missing"))?;
        let encoded: String = body.chars().filter(|letter| !letter.is_whitespace()).collect();
        let der = STANDARD.decode(encoded).map_err(|_| broken("a block is not base64"))?;
        blocks.push(Block {
            label: label.to_string(),
            der,
        });
        rest = after_end;
    }
    Ok(blocks)
}

/// PEM text of one block.
pub fn encode(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The certificates of a text, DER. `source` names the text in errors.
///
/// # Errors
/// As [`parse`].
pub fn certificates(text: &str, source: &str) -> Result<Vec<Vec<u8>>> {
    let blocks = parse(text, source)?;
    let certificates = blocks.into_iter().filter(|block| block.label == "CERTIFICATE");
    Ok(certificates.map(|block| block.der).collect())
}

/// The first private key of a text, opened by `password` if it is encrypted, with these certificates.
///
/// # Errors
/// As [`parse`]; besides, no key or certificate, a key of another kind, a wrong password.
pub fn identity(text: &str, source: &str, chain: Vec<Vec<u8>>, password: Option<&str>) -> Result<Identity> {
    let is_key = |block: &Block| block.label.ends_with("PRIVATE KEY");
    let missing = |what: &str| Error::config(format!("There is no {what} in {source}"));
    let found = parse(text, source)?.into_iter().find(is_key);
    let block = found.ok_or_else(|| missing("private key"))?;
    if chain.is_empty() {
        return Err(missing("certificate for the private key"));
    }
    if block.label == "ENCRYPTED PRIVATE KEY" {
        let key = decrypt(&block.der, source, password)?;
        return Ok(Identity { chain, key });
    }
    let label = block.label.clone();
    let unknown = || Error::config(format!("The key in {source} is of the unknown kind {label}"));
    let key = PrivateKey::from_block(block).ok_or_else(unknown)?;
    Ok(Identity { chain, key })
}

fn decrypt(der: &[u8], source: &str, password: Option<&str>) -> Result<PrivateKey> {
    let password = password.ok_or_else(|| {
        Error::config(format!(
            "The private key in {source} is encrypted: set ssl.key.password"
        ))
    })?;
    let wrong = || {
        Error::config(format!(
            "The private key in {source} can't be opened: ssl.key.password is wrong, or it is not encrypted by PBES2"
        ))
    };
    let sealed = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| wrong())?;
    let opened = sealed.decrypt(password).map_err(|_| wrong())?;
    Ok(PrivateKey::pkcs8(opened.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn encoded_blocks_are_read_back(ders in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..4)) {
            let text: String = ders.iter().map(|der| encode("CERTIFICATE", der)).collect();
            let one_line = text.replace('\n', " ");
            for text in [text, one_line] {
                let read: Vec<Vec<u8>> = parse(&text, "x").unwrap().into_iter().map(|block| block.der).collect();
                prop_assert_eq!(&read, &ders);
            }
        }

        #[test]
        fn no_text_panics(text in "(-----BEGIN A-----|-----END A-----|[a-zA-Z=\\n-]{0,10}){0,6}") {
            let _ = parse(&text, "x");
        }
    }

    #[test]
    fn broken_blocks_name_their_source_only() {
        for (text, what) in [
            ("-----BEGIN KEY", "a BEGIN line is incomplete"),
            ("-----BEGIN KEY-----aGk=", "an END line is missing"),
            ("-----BEGIN KEY-----!hush!-----END KEY-----", "a block is not base64"),
        ] {
            let error = parse(text, "ssl.keystore.key").err().unwrap();
            let expected = format!("Invalid PEM text in ssl.keystore.key: {what}");
            assert_eq!(error.message(), Some(expected.as_str()));
        }
    }
}
