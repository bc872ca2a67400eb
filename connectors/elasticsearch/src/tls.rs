//! TLS settings of the client, from Java's `ssl.*` keys.

use crate::config::{Store, Tls};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;
use turnbuckle_api::{Error, Password, Result};
use turnbuckle_keystores::{Identity, StoreType, pem};

/// Settings for HTTPS. The system's certificates are only read if some address needs them.
///
/// # Errors
/// `ConfigException` naming the key, without secrets.
pub(crate) fn client_config(tls: &Tls, secure: bool) -> Result<ClientConfig> {
    let mut provider = rustls::crypto::ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        provider.cipher_suites.retain(|suite| {
            let name = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
            tls.cipher_suites.contains(&name)
        });
        if provider.cipher_suites.is_empty() {
            let detail = "None of these suites is supported; leave the setting out to use all that are";
            return Err(tls.refuse("ssl.cipher.suites", &tls.cipher_suites.join(","), detail));
        }
    }
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls)?)
        .map_err(|error| tls.refuse("ssl.enabled.protocols", &tls.protocols.join(","), error))?;
    let verifier: Arc<dyn ServerCertVerifier> = match tls.trust_all {
        true => Arc::new(Fixed { accept: true, provider }),
        false if secure => turnbuckle_keystores::verifier(roots(tls)?, tls.verify_host_name, provider)?,
        false => Arc::new(Fixed {
            accept: false,
            provider,
        }),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let Some(identity) = identity(tls)? else {
        return Ok(builder.with_no_client_auth());
    };
    let (chain, key) = identity.to_rustls();
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| Error::config(format!("{}ssl.keystore: the key can't be used: {error}", tls.prefix)))
}

impl Tls {
    fn refuse(&self, key: &str, value: &str, detail: impl std::fmt::Display) -> Error {
        Error::invalid_config(&format!("{}{key}", self.prefix), value, detail)
    }
}

fn versions(tls: &Tls) -> Result<Vec<&'static rustls::SupportedProtocolVersion>> {
    let mut versions = Vec::new();
    for name in &tls.protocols {
        match name.as_str() {
            "TLSv1.2" => versions.push(&rustls::version::TLS12),
            "TLSv1.3" => versions.push(&rustls::version::TLS13),
            other => tracing::warn!(
                "{}ssl.enabled.protocols: {other} is not supported and left out",
                tls.prefix
            ),
        }
    }
    if versions.is_empty() {
        let detail = "There must be TLSv1.2 or TLSv1.3 among them";
        return Err(tls.refuse("ssl.enabled.protocols", &tls.protocols.join(","), detail));
    }
    Ok(versions)
}

fn roots(tls: &Tls) -> Result<RootCertStore> {
    let certificates = if let Some(store) = &tls.truststore {
        let key = "ssl.truststore.location";
        let (bytes, kind, source) = read(tls, key, store)?;
        let password = store.password.as_ref().map(Password::reveal);
        turnbuckle_keystores::trusted(&bytes, kind, &source, password)?
    } else if let Some(text) = &tls.trusted_certificates {
        pem::certificates(text.reveal(), &format!("{}ssl.truststore.certificates", tls.prefix))?
    } else {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            let text = format!(
                "The system has no trusted certificates; set {}ssl.truststore.location",
                tls.prefix
            );
            return Err(Error::config(text));
        }
        return Ok(roots);
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(CertificateDer::from(certificate)).map_err(|error| {
            Error::config(format!(
                "{}ssl.truststore: a certificate can't be used: {error}",
                tls.prefix
            ))
        })?;
    }
    Ok(roots)
}

fn identity(tls: &Tls) -> Result<Option<Identity>> {
    let key_password = tls.key_password.as_ref().map(Password::reveal);
    if let Some(store) = &tls.keystore {
        let (bytes, kind, source) = read(tls, "ssl.keystore.location", store)?;
        let password = store.password.as_ref().map(Password::reveal);
        return turnbuckle_keystores::identity(&bytes, kind, &source, password, key_password).map(Some);
    }
    let (Some(key), Some(chain)) = (&tls.key, &tls.certificate_chain) else {
        return Ok(None);
    };
    let chain = pem::certificates(chain.reveal(), &format!("{}ssl.keystore.certificate.chain", tls.prefix))?;
    let source = format!("{}ssl.keystore.key", tls.prefix);
    pem::identity(key.reveal(), &source, chain, key_password).map(Some)
}

/// The bytes of a store, its form, and what errors call it.
fn read(tls: &Tls, key: &str, store: &Store) -> Result<(Vec<u8>, StoreType, String)> {
    let kind = StoreType::from_name(&store.kind).ok_or_else(|| {
        let detail = format!("store type {} is not supported; use JKS, PKCS12 or PEM", store.kind);
        tls.refuse(key, &store.location, detail)
    })?;
    let bytes = std::fs::read(&store.location)
        .map_err(|error| tls.refuse(key, &store.location, format!("the file can't be read: {error}")))?;
    Ok((bytes, kind, format!("{} ({}{key})", store.location, tls.prefix)))
}

/// Accepts every certificate (`trust.all.certificates`), or none: where no address is to be spoken to by TLS. In any case
/// the handshake must be signed by it.
#[derive(Debug)]
struct Fixed {
    accept: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Fixed {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.accept {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::General("connection.url names no https address".into())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Vendor;
    use turnbuckle_api::Props;

    fn tls(settings: &[(&str, &str)]) -> Tls {
        let stores = concat!(env!("CARGO_MANIFEST_DIR"), "/../../keystores/testdata/localhost");
        let mut props = Props::new()
            .with("connection.url", "https://localhost:9200")
            .with("elastic.security.protocol", "SSL");
        for (key, value) in settings {
            props.insert(format!("elastic.https.ssl.{key}"), value.replace("testdata", stores));
        }
        Vendor::Confluent.settings(&props).unwrap().connection.tls
    }

    #[test]
    fn own_trust_and_key_stores_are_used() {
        let tls = tls(&[
            ("truststore.location", "testdata/trust.jks"),
            ("truststore.password", "store-secret"),
            ("keystore.location", "testdata/key.jks"),
            ("keystore.password", "store-secret"),
            ("key.password", "key-secret"),
            ("endpoint.identification.algorithm", ""),
        ]);
        assert!(!tls.verify_host_name);
        assert_eq!(roots(&tls).unwrap().len(), 1);
        assert!(client_config(&tls, true).unwrap().client_auth_cert_resolver.has_certs());
    }

    #[test]
    fn refusals_name_the_key_and_keep_secrets() {
        let location = ("truststore.location", "testdata/trust.jks");
        for (settings, reason) in [
            (vec![("truststore.location", "testdata/none.jks")], "can't be read"),
            (
                vec![location, ("truststore.password", "wrong-one")],
                "password is wrong",
            ),
            (vec![location, ("truststore.type", "BKS")], "BKS is not supported"),
            (vec![location, ("enabled.protocols", "TLSv1")], "TLSv1.2 or TLSv1.3"),
            (vec![location, ("cipher.suites", "TLS_NULL")], "None of these suites"),
        ] {
            let error = client_config(&tls(&settings), true).unwrap_err().trace();
            assert!(
                error.contains(reason) && error.contains("elastic.https.ssl."),
                "{error}"
            );
            assert!(!error.contains("wrong-one"), "{error}");
        }
    }
}
