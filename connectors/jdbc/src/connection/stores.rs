//! Key material that URL parameters name – Java key stores, PKCS#12, PEM and DER files – as the PEM that the native clients
//! take.

use std::path::Path;
use turnbuckle_api::{Error, Result};
use turnbuckle_keystores::{Identity, StoreType, pem};

/// The password with which pgjdbc opens PKCS#12 files unless `sslpassword` says otherwise.
const PGJDBC_PASSWORD: &str = "password";

/// A client's certificates and key, PEM. Certificates are None when the key's file does not hold them.
pub(super) struct ClientPem {
    pub(super) certificates: Option<Vec<u8>>,
    pub(super) key: Vec<u8>,
}

/// The trusted certificates of a store: a path, or a `file:` URL.
///
/// # Errors
/// `ConnectException` naming the parameter and the file that can't be read or is no store.
pub(super) fn trusted(parameter: &str, location: &str, password: Option<&str>) -> Result<Vec<u8>> {
    let path = local(location);
    let bytes = read(parameter, path)?;
    let certificates = turnbuckle_keystores::trusted(&bytes, kind(&bytes), path, password);
    Ok(encode(&certificates.map_err(|error| unusable(parameter, error))?))
}

/// The key of a store with its certificates.
///
/// # Errors
/// As [`trusted`].
pub(super) fn identity(
    parameter: &str,
    location: &str,
    password: Option<&str>,
    key_password: Option<&str>,
) -> Result<ClientPem> {
    let path = local(location);
    let bytes = read(parameter, path)?;
    let identity = turnbuckle_keystores::identity(&bytes, kind(&bytes), path, password, key_password);
    Ok(client(identity.map_err(|error| unusable(parameter, error))?))
}

/// `sslkey` of pgjdbc: a PKCS#12 file (`.p12`, `.pfx`) with certificates, else PKCS#8 in DER or PEM, either encrypted or not.
///
/// # Errors
/// As [`trusted`].
pub(super) fn postgres_key(path: &Path, certificate: Option<&Path>, password: Option<&str>) -> Result<ClientPem> {
    let shown = path.display().to_string();
    let lower = shown.to_ascii_lowercase();
    if lower.ends_with(".p12") || lower.ends_with(".pfx") {
        return identity("sslkey", &shown, Some(password.unwrap_or(PGJDBC_PASSWORD)), None);
    }
    let bytes = read("sslkey", &shown)?;
    let is_pem = bytes.starts_with(b"-----BEGIN");
    let text = match (is_pem, password) {
        (true, _) => String::from_utf8_lossy(&bytes).into_owned(),
        (false, None) => pem::encode("PRIVATE KEY", &bytes),
        (false, Some(_)) => pem::encode("ENCRYPTED PRIVATE KEY", &bytes),
    };
    if password.is_none() && !text.contains("ENCRYPTED") {
        return Ok(ClientPem {
            certificates: None,
            key: text.into_bytes(),
        });
    }
    let certificate = certificate.map(|path| path.display().to_string()).unwrap_or_default();
    let chain = read("sslcert", &certificate)?;
    let opened = pem::certificates(&String::from_utf8_lossy(&chain), &certificate)
        .and_then(|chain| pem::identity(&text, &shown, chain, password));
    Ok(client(opened.map_err(|error| unusable("sslkey", error))?))
}

fn client(identity: Identity) -> ClientPem {
    ClientPem {
        certificates: Some(encode(&identity.chain)),
        key: identity.key.to_pem().into_bytes(),
    }
}

fn encode(certificates: &[Vec<u8>]) -> Vec<u8> {
    let texts = certificates.iter().map(|der| pem::encode("CERTIFICATE", der));
    texts.collect::<String>().into_bytes()
}

fn kind(bytes: &[u8]) -> StoreType {
    match bytes.starts_with(b"-----BEGIN") {
        true => StoreType::Pem,
        false => StoreType::JksOrPkcs12,
    }
}

/// The path of `file:/a`, `file:///a` or `/a`.
fn local(location: &str) -> &str {
    let path = location.strip_prefix("file:").unwrap_or(location);
    path.strip_prefix("//")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path)
}

fn read(parameter: &str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        Error::connect(format!(
            "{parameter}={path} can't be read; name a file that the worker can read"
        ))
        .with_cause(error)
    })
}

fn unusable(parameter: &str, error: Error) -> Error {
    Error::connect(format!(
        "The connection parameter {parameter} names no usable key material: {}",
        error.message().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(name: &str) -> String {
        format!("{}/../../keystores/testdata/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn stores_become_pem() {
        for (name, password) in [("trust.jks", "changeit"), ("trust.p12", "changeit")] {
            for location in [
                data(name),
                format!("file:{}", data(name)),
                format!("file://{}", data(name)),
            ] {
                let pem = trusted("trustStore", &location, Some(password)).unwrap();
                assert!(pem.starts_with(b"-----BEGIN CERTIFICATE-----"), "{location}");
            }
        }
        let found = identity("keyStore", &data("client.jks"), Some("changeit"), None).unwrap();
        assert!(found.certificates.is_some() && found.key.starts_with(b"-----BEGIN"));
    }

    #[test]
    fn keys_of_pgjdbc_come_in_three_forms() {
        let certificate = data("client.crt.pem");
        for (name, password, certificates) in [
            ("client.p12", Some("changeit"), true),
            ("client.key.pem", None, false),
            ("client.key.enc.pem", Some("changeit"), true),
        ] {
            let found = postgres_key(Path::new(&data(name)), Some(Path::new(&certificate)), password).unwrap();
            assert_eq!(found.certificates.is_some(), certificates, "{name}");
            assert!(found.key.starts_with(b"-----BEGIN"), "{name}");
        }
    }

    #[test]
    fn unusable_stores_are_named() {
        let error = trusted("trustStore", "/nosuch.jks", None).err().unwrap();
        assert!(
            error.to_string().contains("trustStore=/nosuch.jks can't be read"),
            "{error}"
        );
        let error = trusted("trustStore", &data("trust.p12"), Some("wrong")).err().unwrap();
        assert!(
            error.to_string().contains("trustStore names no usable key material"),
            "{error}"
        );
        assert!(!error.to_string().contains("wrong\""));
    }
}
