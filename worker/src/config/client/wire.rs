//! Security of the worker's own connection to its group: a TLS configuration for `rustls`, and the login.

use super::security::{SaslSettings, Security, TlsSettings, TrustedRoots};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use turnbuckle_api::{Error, Props, Result};
use turnbuckle_keystores::pem;

/// TLS and login for the worker's own connection; both absent for plain text.
///
/// # Errors
/// `ConfigException` naming the setting, without secrets.
pub fn to_wire(props: &Props) -> Result<(Option<Arc<ClientConfig>>, Option<SaslSettings>)> {
    let security = Security::from_props(props)?;
    let tls = security.tls.as_ref().map(tls_config).transpose()?;
    Ok((tls.map(Arc::new), security.sasl))
}

/// A `rustls` client with these settings.
///
/// # Errors
/// `ConfigException` for certificates or keys that don't fit, or cipher suites of which none is known.
pub fn tls_config(tls: &TlsSettings) -> Result<ClientConfig> {
    let mut provider = rustls::crypto::ring::default_provider();
    if let Some(suites) = &tls.cipher_suites {
        let chosen = |suite: &rustls::SupportedCipherSuite| {
            let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
            suites.contains(&name)
        };
        provider.cipher_suites.retain(chosen);
        if provider.cipher_suites.is_empty() {
            let detail = "None of these suites is supported; leave the setting out to use all that are";
            return Err(Error::invalid_config("ssl.cipher.suites", suites.join(","), detail));
        }
    }
    let provider = Arc::new(provider);
    let mut versions = Vec::new();
    if tls.tls12 {
        versions.push(&rustls::version::TLS12);
    }
    if tls.tls13 {
        versions.push(&rustls::version::TLS13);
    }
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| {
            Error::config(format!(
                "ssl.enabled.protocols and ssl.cipher.suites don't fit each other: {error}"
            ))
        })?;
    let verifier = verifier(tls, provider)?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let (chain, key) = identity.to_rustls();
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Error::config(format!("The private key of the key store can't be used: {error}")))
        }
    }
}

fn verifier(tls: &TlsSettings, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    turnbuckle_keystores::verifier(root_store(&tls.roots)?, tls.verify_hostname, provider)
}

/// Files in which systems keep their trusted certificates.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

fn root_store(roots: &TrustedRoots) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    match roots {
        TrustedRoots::Certificates(certificates) => {
            for der in certificates {
                store
                    .add(CertificateDer::from(der.clone()))
                    .map_err(|error| Error::config(format!("A trusted certificate can't be used: {error}")))?;
            }
        }
        TrustedRoots::System => {
            let named = std::env::var("SSL_CERT_FILE").ok();
            let files = named.as_deref().into_iter().chain(SYSTEM_BUNDLES);
            let bundle = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok());
            let found = bundle.and_then(|text| pem::parse(&text, "the system's certificates").ok());
            let certificates = found
                .unwrap_or_default()
                .into_iter()
                .map(|block| CertificateDer::from(block.der));
            store.add_parsable_certificates(certificates);
            if store.is_empty() {
                store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
    }
    Ok(store)
}

/// OpenSSL's name of a TLSv1.2 suite with a Java name: `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` →
/// `ECDHE-RSA-AES128-GCM-SHA256`. None for suites of TLSv1.3, whose names have no `WITH`.
pub(super) fn openssl_name(java: &str) -> Option<String> {
    let (exchange, cipher) = java.strip_prefix("TLS_")?.split_once("_WITH_")?;
    let cipher = match cipher {
        "CHACHA20_POLY1305_SHA256" => "CHACHA20-POLY1305".to_string(),
        other => other
            .replace("AES_128", "AES128")
            .replace("AES_256", "AES256")
            .replace("_CBC", "")
            .replace('_', "-"),
    };
    Some(match exchange {
        "RSA" => cipher,
        other => format!("{}-{cipher}", other.replace('_', "-")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::{ServerName, UnixTime};

    const CERTIFICATE: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../keystores/testdata/client.crt.pem"
    ));
    const KEY: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../keystores/testdata/client.key.pem"
    ));

    fn ssl() -> Props {
        Props::new()
            .with("security.protocol", "SSL")
            .with("ssl.truststore.type", "PEM")
            .with("ssl.truststore.certificates", CERTIFICATE)
    }

    #[test]
    fn settings_become_a_tls_client() {
        let mutual = ssl()
            .with("ssl.keystore.type", "PEM")
            .with("ssl.keystore.key", KEY)
            .with("ssl.keystore.certificate.chain", CERTIFICATE);
        for (props, tls, login) in [
            (Props::new(), false, false),
            (ssl(), true, false),
            (mutual.clone(), true, false),
            (Props::new().with("security.protocol", "SSL"), true, false),
            (ssl().with("ssl.cipher.suites", "TLS_AES_128_GCM_SHA256"), true, false),
            (ssl().with("ssl.enabled.protocols", "TLSv1.2"), true, false),
        ] {
            let (found_tls, found_login) = to_wire(&props).unwrap();
            assert_eq!((found_tls.is_some(), found_login.is_some()), (tls, login));
        }
        assert!(
            to_wire(&mutual)
                .unwrap()
                .0
                .unwrap()
                .client_auth_cert_resolver
                .has_certs()
        );
        assert!(to_wire(&ssl().with("ssl.cipher.suites", "TLS_NOPE")).is_err());
    }

    #[test]
    fn only_the_host_name_may_go_unchecked() {
        let certificate = CertificateDer::from(pem::parse(CERTIFICATE, "test").unwrap().remove(0).der);
        let other_root = Props::new().with("security.protocol", "SSL");
        let open = |props: Props| props.with("ssl.endpoint.identification.algorithm", "");
        for (props, host, accepted) in [
            (ssl(), "localhost", true),
            (ssl(), "elsewhere", false),
            (open(ssl()), "elsewhere", true),
            (open(other_root), "localhost", false),
        ] {
            let tls = Security::from_props(&props).unwrap().tls.unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier = verifier(&tls, provider).unwrap();
            let name = ServerName::try_from(host).unwrap();
            let result = verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now());
            assert_eq!(result.is_ok(), accepted, "{host}: {result:?}");
        }
    }

    #[test]
    fn suites_have_openssl_names() {
        for (java, openssl) in [
            (
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                Some("ECDHE-RSA-AES128-GCM-SHA256"),
            ),
            (
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
                Some("ECDHE-ECDSA-CHACHA20-POLY1305"),
            ),
            ("TLS_RSA_WITH_AES_256_CBC_SHA", Some("AES256-SHA")),
            ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Some("DHE-RSA-AES256-GCM-SHA384")),
            ("TLS_AES_128_GCM_SHA256", None),
        ] {
            assert_eq!(openssl_name(java).as_deref(), openssl);
        }
    }
}
