//! A private key with its certificates.

use crate::der::with_public_key;
use crate::pem;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use turnbuckle_api::config::Password;

/// A private key with its certificates, the leaf first, DER.
#[derive(Clone, Debug)]
pub struct Identity {
    pub chain: Vec<Vec<u8>>,
    pub key: PrivateKey,
}

impl Identity {
    /// The form that `rustls` takes.
    pub fn to_rustls(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = self.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
        let completed = self
            .chain
            .first()
            .and_then(|leaf| with_public_key(self.key.der(), leaf));
        let der = completed.unwrap_or_else(|| self.key.der().to_vec());
        let key = match self.key.label() {
            PKCS1 => PrivateKeyDer::Pkcs1(der.into()),
            SEC1 => PrivateKeyDer::Sec1(der.into()),
            _ => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
        };
        (chain, key)
    }
}

pub(crate) const PKCS8: &str = "PRIVATE KEY";
pub(crate) const PKCS1: &str = "RSA PRIVATE KEY";
pub(crate) const SEC1: &str = "EC PRIVATE KEY";

/// A private key, never shown.
#[derive(Clone)]
pub struct PrivateKey {
    label: &'static str,
    der: Vec<u8>,
}

impl PrivateKey {
    pub fn pkcs8(der: Vec<u8>) -> Self {
        PrivateKey { label: PKCS8, der }
    }

    /// The content of an unencrypted PEM block; None if its label is none of a key's.
    pub(crate) fn from_block(block: pem::Block) -> Option<Self> {
        let label = [PKCS8, PKCS1, SEC1].into_iter().find(|label| *label == block.label)?;
        Some(PrivateKey { label, der: block.der })
    }

    /// PEM label: `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    pub fn label(&self) -> &'static str {
        self.label
    }

    pub fn der(&self) -> &[u8] {
        &self.der
    }

    pub fn to_pem(&self) -> String {
        pem::encode(self.label, &self.der)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Password::HIDDEN)
    }
}
