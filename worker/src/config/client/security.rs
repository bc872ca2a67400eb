//! `security.protocol`, `ssl.*` and `sasl.*` as neutral types, from which both librdkafka's settings and the worker's own
//! connection are made.

use super::jaas;
use turnbuckle_api::config::Password;
use turnbuckle_api::{Error, Props, Result};
use turnbuckle_keystores::{Identity, StoreType, pem};

/// How to speak to brokers.
#[derive(Clone, Debug, Default)]
pub struct Security {
    pub tls: Option<TlsSettings>,
    pub sasl: Option<SaslSettings>,
}

/// TLS of a connection to brokers.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    pub roots: TrustedRoots,
    /// Key and certificates for brokers that ask for them.
    pub identity: Option<Identity>,
    /// False if `ssl.endpoint.identification.algorithm` is empty: any certificate of a trusted root is accepted.
    pub verify_hostname: bool,
    pub tls12: bool,
    pub tls13: bool,
    /// Java names; None for the library's own choice.
    pub cipher_suites: Option<Vec<String>>,
}

/// Whom to trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustedRoots {
    /// The system's certificates.
    System,
    /// These, DER.
    Certificates(Vec<Vec<u8>>),
}

/// A login by name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslSettings {
    pub mechanism: SaslLogin,
    pub username: String,
    pub password: Password,
}

/// Mechanisms of such logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslLogin {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl SaslLogin {
    /// Kafka's name: `SCRAM-SHA-256`.
    pub fn name(self) -> &'static str {
        match self {
            SaslLogin::Plain => "PLAIN",
            SaslLogin::ScramSha256 => "SCRAM-SHA-256",
            SaslLogin::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [SaslLogin::Plain, SaslLogin::ScramSha256, SaslLogin::ScramSha512]
            .into_iter()
            .find(|mechanism| mechanism.name() == name)
    }

    fn module(self) -> &'static str {
        match self {
            SaslLogin::Plain => "org.apache.kafka.common.security.plain.PlainLoginModule",
            SaslLogin::ScramSha256 | SaslLogin::ScramSha512 => {
                "org.apache.kafka.common.security.scram.ScramLoginModule"
            }
        }
    }
}

impl Security {
    /// Reads the settings and the files they name.
    ///
    /// # Errors
    /// `ConfigException` naming the setting, without secrets.
    pub fn from_props(props: &Props) -> Result<Security> {
        let given = text(props, "security.protocol").unwrap_or("PLAINTEXT");
        let protocol = given.to_ascii_uppercase();
        let (uses_tls, uses_sasl) = match protocol.as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            _ => {
                let detail = "String must be one of (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT";
                return Err(Error::invalid_config("security.protocol", given, detail));
            }
        };
        Ok(Security {
            tls: uses_tls.then(|| TlsSettings::from_props(props)).transpose()?,
            sasl: uses_sasl.then(|| SaslSettings::from_props(props)).transpose()?,
        })
    }

    /// Kafka's name of the protocol: `SASL_SSL`.
    pub fn protocol(&self) -> &'static str {
        match (&self.tls, &self.sasl) {
            (None, None) => "PLAINTEXT",
            (Some(_), None) => "SSL",
            (None, Some(_)) => "SASL_PLAINTEXT",
            (Some(_), Some(_)) => "SASL_SSL",
        }
    }
}

/// A setting's text, trimmed; None if it is absent or blank.
fn text<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
    props.get(key).map(str::trim).filter(|text| !text.is_empty())
}

impl SaslSettings {
    fn from_props(props: &Props) -> Result<SaslSettings> {
        let name = text(props, "sasl.mechanism").unwrap_or("GSSAPI");
        let mechanism = SaslLogin::from_name(name).ok_or_else(|| {
            let detail =
                "The mechanism is not supported; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (GSSAPI is Kafka's default)";
            Error::invalid_config("sasl.mechanism", name, detail)
        })?;
        let config = text(props, "sasl.jaas.config").ok_or_else(|| {
            Error::config(format!(
                "sasl.mechanism {name} needs sasl.jaas.config, such as: {} required username=\"…\" password=\"…\";",
                mechanism.module()
            ))
        })?;
        let module = jaas::parse(config)?;
        if module.class != mechanism.module() {
            return Err(Error::config(format!(
                "sasl.jaas.config names the login module {}, which does not fit sasl.mechanism {name}; use {}",
                module.class,
                mechanism.module()
            )));
        }
        let option = |name: &str| {
            let missing = || Error::config(format!("sasl.jaas.config has no option {name}"));
            module.option(name).map(str::to_string).ok_or_else(missing)
        };
        Ok(SaslSettings {
            mechanism,
            username: option("username")?,
            password: Password::new(option("password")?),
        })
    }
}

impl TlsSettings {
    fn from_props(props: &Props) -> Result<TlsSettings> {
        let algorithm = props.get("ssl.endpoint.identification.algorithm").map(str::trim);
        let verify_hostname = match algorithm {
            None => true,
            Some("") => false,
            Some(name) if name.eq_ignore_ascii_case("https") => true,
            Some(other) => {
                let detail = "Use https, or nothing to accept any host name";
                return Err(Error::invalid_config(
                    "ssl.endpoint.identification.algorithm",
                    other,
                    detail,
                ));
            }
        };
        let protocols = list(props, "ssl.enabled.protocols");
        let offers = |name: &str| protocols.as_ref().is_none_or(|all| all.iter().any(|one| one == name));
        let (tls12, tls13) = (offers("TLSv1.2"), offers("TLSv1.3"));
        if !tls12 && !tls13 {
            let given = text(props, "ssl.enabled.protocols").unwrap_or_default();
            let detail = "Only TLSv1.2 and TLSv1.3 are supported";
            return Err(Error::invalid_config("ssl.enabled.protocols", given, detail));
        }
        Ok(TlsSettings {
            roots: roots(props)?,
            identity: identity(props)?,
            verify_hostname,
            tls12,
            tls13,
            cipher_suites: list(props, "ssl.cipher.suites"),
        })
    }
}

fn list(props: &Props, key: &str) -> Option<Vec<String>> {
    let items: Vec<String> = text(props, key)?
        .split(',')
        .map(|item| item.trim().to_string())
        .filter(|item| !item.is_empty())
        .collect();
    (!items.is_empty()).then_some(items)
}

fn read_file(key: &str, path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::invalid_config(key, path, format!("The file can't be read: {error}")))
}

/// `ssl.*store.type`, checked.
fn store_type(props: &Props, key: &str) -> Result<StoreType> {
    let name = text(props, key).unwrap_or("JKS");
    StoreType::from_name(name).ok_or_else(|| Error::invalid_config(key, name, "Use JKS, PKCS12 or PEM"))
}

fn roots(props: &Props) -> Result<TrustedRoots> {
    const INLINE: &str = "ssl.truststore.certificates";
    const LOCATION: &str = "ssl.truststore.location";
    let kind = store_type(props, "ssl.truststore.type")?;
    let certificates = match (text(props, INLINE), text(props, LOCATION)) {
        (Some(_), Some(_)) => {
            return Err(Error::config(format!(
                "Both {LOCATION} and {INLINE} are set; use one of them"
            )));
        }
        (Some(_), None) if kind != StoreType::Pem => {
            return Err(Error::config(format!("{INLINE} needs ssl.truststore.type=PEM")));
        }
        (Some(text), None) => turnbuckle_keystores::trusted(text.as_bytes(), kind, INLINE, None)?,
        (None, Some(path)) => {
            let bytes = read_file(LOCATION, path)?;
            turnbuckle_keystores::trusted(&bytes, kind, path, text(props, "ssl.truststore.password"))?
        }
        (None, None) => return Ok(TrustedRoots::System),
    };
    Ok(TrustedRoots::Certificates(certificates))
}

fn identity(props: &Props) -> Result<Option<Identity>> {
    let kind = store_type(props, "ssl.keystore.type")?;
    let key_password = text(props, "ssl.key.password");
    let location = text(props, "ssl.keystore.location");
    let inline_key = text(props, "ssl.keystore.key");
    let inline_chain = text(props, "ssl.keystore.certificate.chain");
    match (inline_key, inline_chain, location) {
        (None, None, None) => Ok(None),
        (None, None, Some(path)) => {
            let bytes = read_file("ssl.keystore.location", path)?;
            let password = text(props, "ssl.keystore.password");
            turnbuckle_keystores::identity(&bytes, kind, path, password, key_password).map(Some)
        }
        (Some(_), Some(_), None) if kind != StoreType::Pem => Err(Error::config(
            "ssl.keystore.key and ssl.keystore.certificate.chain need ssl.keystore.type=PEM",
        )),
        (Some(key), Some(chain), None) => {
            let chain = pem::certificates(chain, "ssl.keystore.certificate.chain")?;
            pem::identity(key, "ssl.keystore.key", chain, key_password).map(Some)
        }
        (_, _, Some(_)) => Err(Error::config(
            "Both ssl.keystore.location and ssl.keystore.key or ssl.keystore.certificate.chain are set; use one way",
        )),
        _ => Err(Error::config(
            "ssl.keystore.key and ssl.keystore.certificate.chain must be set together",
        )),
    }
}

#[cfg(test)]
mod tests;
