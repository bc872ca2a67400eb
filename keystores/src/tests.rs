//! All forms of a store give the same, and what can't be read says why.

use super::*;
use proptest::prelude::*;

const CLIENT_PEM: &str = include_str!("../testdata/client.crt.pem");
const KEY_PEM: &str = include_str!("../testdata/client.key.pem");
const CLIENT_P12: &[u8] = include_bytes!("../testdata/client.p12");
const CLIENT_3DES: &[u8] = include_bytes!("../testdata/client-3des.p12");
const CLIENT_JKS: &[u8] = include_bytes!("../testdata/client.jks");
const KEYPASS_JKS: &[u8] = include_bytes!("../testdata/client-keypass.jks");
const TRUST_P12: &[u8] = include_bytes!("../testdata/trust.p12");
const TRUST_JKS: &[u8] = include_bytes!("../testdata/trust.jks");

/// Another identity, whose key names its public part in all forms.
mod localhost {
    pub(super) const CERTIFICATE: &[u8] = include_bytes!("../testdata/localhost/cert.pem");
    pub(super) const KEY_PEM: &[u8] = include_bytes!("../testdata/localhost/key.pem");
    pub(super) const KEY_P12: &[u8] = include_bytes!("../testdata/localhost/key.p12");
    pub(super) const KEY_JKS: &[u8] = include_bytes!("../testdata/localhost/key.jks");
    pub(super) const TRUST_P12: &[u8] = include_bytes!("../testdata/localhost/trust.p12");
    pub(super) const TRUST_JKS: &[u8] = include_bytes!("../testdata/localhost/trust.jks");
}

const BINARY: StoreType = StoreType::JksOrPkcs12;

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
        let found = identity(bytes, BINARY, name, Some(password), key_password).unwrap();
        assert_eq!(found.chain, [certificate()], "{name}");
        // Java and OpenSSL differ in optional parts of the key's DER; the secret number, Java's last part, is in both.
        let secret = &key[key.len() - 32..];
        let has_secret = found.key.der().windows(secret.len()).any(|window| window == secret);
        assert!(has_secret, "{name}");
    }
}

#[test]
fn keys_are_the_same_to_rustls() {
    let pem = identity(localhost::KEY_PEM, StoreType::Pem, "pem", None, None).unwrap();
    let (chain, key) = pem.to_rustls();
    let store = Some("store-secret");
    for (name, bytes, key_password) in [
        ("p12", localhost::KEY_P12, None),
        ("jks", localhost::KEY_JKS, Some("key-secret")),
    ] {
        let (found_chain, found) = identity(bytes, BINARY, name, store, key_password).unwrap().to_rustls();
        assert_eq!(found_chain, chain, "{name}");
        assert_eq!(found.secret_der(), key.secret_der(), "{name}");
    }
    let error = identity(localhost::KEY_JKS, BINARY, "x", store, None).unwrap_err();
    assert!(error.to_string().contains("ssl.key.password"), "{error}");
    let error = identity(localhost::TRUST_JKS, BINARY, "x", store, None).unwrap_err();
    assert!(error.to_string().contains("no private key in x"), "{error}");
}

#[test]
fn trust_stores_give_their_certificates() {
    for (name, bytes, password) in [
        ("p12", TRUST_P12, Some("changeit")),
        ("jks", TRUST_JKS, Some("changeit")),
        ("jks without password", TRUST_JKS, None),
        // The leaf of a key is trusted, too; the key itself stays closed.
        ("key in p12", CLIENT_P12, Some("changeit")),
        ("key in jks", KEYPASS_JKS, Some("changeit")),
    ] {
        let found = trusted(bytes, BINARY, name, password).unwrap();
        assert_eq!(found, [certificate()], "{name}");
    }
    let expected = trusted(localhost::CERTIFICATE, StoreType::Pem, "pem", None).unwrap();
    for (name, bytes) in [("p12", localhost::TRUST_P12), ("jks", localhost::TRUST_JKS)] {
        let found = trusted(bytes, BINARY, name, Some("store-secret")).unwrap();
        assert_eq!(found, expected, "{name}");
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
        (TRUST_JKS, Some("changeit"), None, "no private key"),
    ] {
        let error = identity(bytes, BINARY, "/x/store", password, key_password)
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(part) && error.contains("/x/store"), "{error}");
        assert!(!error.contains("nope") && !error.contains("changeit"));
    }
    let error = trusted(KEY_PEM.as_bytes(), StoreType::Pem, "/x/store", None).unwrap_err();
    assert!(error.to_string().contains("no trusted certificate in /x/store"));
}

#[test]
fn types_are_those_of_java() {
    for (name, expected) in [
        ("JKS", Some(BINARY)),
        ("pkcs12", Some(BINARY)),
        ("pem", Some(StoreType::Pem)),
        ("BKS", None),
    ] {
        assert_eq!(StoreType::from_name(name), expected, "{name}");
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
        let _ = identity(&bytes, BINARY, "x", None, Some("changeit"));
    }
}
