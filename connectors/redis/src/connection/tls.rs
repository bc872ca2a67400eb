//! Certificates and keys from the stores and files that settings name.

use redis::{ClientTlsConfig, TlsCertificates};
use turnbuckle_api::{Error, Result};
use turnbuckle_keystores::{Identity, StoreType, identity, pem, trusted};

/// How to encrypt.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// The server's certificate is not checked.
    pub(crate) insecure: bool,
    pub(crate) certificates: TlsCertificates,
}

/// A key or trust store: JKS, PKCS12 or PEM, as its content says. An empty path is no store.
pub(crate) struct Store<'a> {
    pub(crate) path_key: &'static str,
    pub(crate) path: &'a str,
    pub(crate) password: &'a str,
    /// Tried if the first does not open it.
    pub(crate) other_password: &'a str,
}

/// From Java's kinds of stores.
///
/// # Errors
/// `ConfigException` that begins with the key of the store at fault.
pub(crate) fn from_stores(trust: &Store<'_>, key: &Store<'_>, insecure: bool) -> Result<Tls> {
    let root_cert = match trust.read()? {
        None => None,
        Some((bytes, kind)) => {
            let open = |password| trusted(&bytes, kind, trust.path, password);
            let ders = open(non_empty(trust.password)).or_else(|error| match non_empty(trust.other_password) {
                Some(other) => open(Some(other)).map_err(|_| error),
                None => Err(error),
            });
            Some(certificates_pem(&ders.map_err(|error| about(trust.path_key, &error))?))
        }
    };
    let client_tls = match key.read()? {
        None => None,
        Some((bytes, kind)) => {
            let opened = identity(&bytes, kind, key.path, non_empty(key.password), None);
            Some(client_config(&opened.map_err(|error| about(key.path_key, &error))?))
        }
    };
    Ok(Tls {
        insecure,
        certificates: TlsCertificates { client_tls, root_cert },
    })
}

impl Store<'_> {
    fn read(&self) -> Result<Option<(Vec<u8>, StoreType)>> {
        if self.path.is_empty() {
            return Ok(None);
        }
        let bytes = read_file(self.path_key, self.path)?;
        let is_pem = bytes.windows(11).take(4096).any(|window| window == b"-----BEGIN ");
        let kind = if is_pem { StoreType::Pem } else { StoreType::JksOrPkcs12 };
        Ok(Some((bytes, kind)))
    }
}

/// PEM files; empty paths are none.
pub(crate) struct PemFiles<'a> {
    pub(crate) cacert: &'a str,
    pub(crate) cert: &'a str,
    pub(crate) key: &'a str,
    pub(crate) key_password: &'a str,
}

/// From PEM files.
///
/// # Errors
/// `ConfigException` that begins with the key of the file at fault.
pub(crate) fn from_pem_files(files: &PemFiles<'_>, insecure: bool) -> Result<Tls> {
    let text = |key: &'static str, path: &str| {
        let bytes = read_file(key, path)?;
        String::from_utf8(bytes).map_err(|_| Error::config(format!("{key}: {path} is no PEM text")))
    };
    let root_cert = match files.cacert {
        "" => None,
        path => {
            let ders = trusted(text("redis.cacert", path)?.as_bytes(), StoreType::Pem, path, None);
            Some(certificates_pem(&ders.map_err(|error| about("redis.cacert", &error))?))
        }
    };
    let client_tls = match (files.key, files.cert) {
        ("", _) => None,
        (_, "") => {
            return Err(Error::config(
                "redis.key.cert must name the certificates that belong to the key in redis.key.file",
            ));
        }
        (key, cert) => {
            let chain = pem::certificates(&text("redis.key.cert", cert)?, cert);
            let chain = chain.map_err(|error| about("redis.key.cert", &error))?;
            let opened = pem::identity(&text("redis.key.file", key)?, key, chain, non_empty(files.key_password));
            Some(client_config(&opened.map_err(|error| about("redis.key.file", &error))?))
        }
    };
    Ok(Tls {
        insecure,
        certificates: TlsCertificates { client_tls, root_cert },
    })
}

fn read_file(key: &'static str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::config(format!("{key}: cannot read {path}: {error}")))
}

fn about(key: &'static str, error: &Error) -> Error {
    Error::config(format!("{key}: {error}"))
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn certificates_pem(ders: &[Vec<u8>]) -> Vec<u8> {
    ders.iter()
        .map(|der| pem::encode("CERTIFICATE", der))
        .collect::<String>()
        .into_bytes()
}

fn client_config(identity: &Identity) -> ClientTlsConfig {
    // In the form that rustls takes: some stores leave a part out that it wants.
    let (_, key) = identity.to_rustls();
    ClientTlsConfig {
        client_cert: certificates_pem(&identity.chain),
        client_key: pem::encode(identity.key.label(), key.secret_der()).into_bytes(),
    }
}
