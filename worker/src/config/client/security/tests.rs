//! Security settings are read from all places Java takes them from.

use super::*;

const CERTIFICATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../keystores/testdata/client.crt.pem"
));
const KEY: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../keystores/testdata/client.key.pem"
));
const SEALED_KEY: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../keystores/testdata/client.key.enc.pem"
));

fn testdata(name: &str) -> String {
    format!("{}/../keystores/testdata/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn ssl() -> Props {
    Props::new().with("security.protocol", "ssl")
}

fn sasl(mechanism: &str, jaas: &str) -> Props {
    Props::new()
        .with("security.protocol", "SASL_PLAINTEXT")
        .with("sasl.mechanism", mechanism)
        .with("sasl.jaas.config", jaas)
}

#[test]
fn logins_by_password_are_read() {
    for (mechanism, module, expected) in [
        ("PLAIN", "plain.PlainLoginModule", SaslLogin::Plain),
        ("SCRAM-SHA-256", "scram.ScramLoginModule", SaslLogin::ScramSha256),
        ("SCRAM-SHA-512", "scram.ScramLoginModule", SaslLogin::ScramSha512),
    ] {
        let jaas = format!("org.apache.kafka.common.security.{module} required username=\"u\" password=\"hush\";");
        let security = Security::from_props(&sasl(mechanism, &jaas)).unwrap();
        let login = security.sasl.as_ref().unwrap();
        assert_eq!(
            (login.mechanism, login.username.as_str(), login.password.reveal()),
            (expected, "u", "hush")
        );
        assert!(!format!("{security:?}").contains("hush"));
        assert_eq!(security.protocol(), "SASL_PLAINTEXT");
    }
}

#[test]
fn other_logins_are_refused() {
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\";";
    for (props, part) in [
        (Props::new().with("security.protocol", "SASL_SSL"), "sasl.mechanism"),
        (sasl("OAUTHBEARER", plain), "OAUTHBEARER"),
        (sasl("PLAIN", ""), "needs sasl.jaas.config"),
        (sasl("PLAIN", plain), "no option password"),
        (sasl("SCRAM-SHA-256", plain), "does not fit sasl.mechanism"),
        (Props::new().with("security.protocol", "x"), "security.protocol"),
    ] {
        let error = Security::from_props(&props).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn keys_and_roots_come_from_stores_files_and_text() {
    let certificate = pem::parse(CERTIFICATE, "test").unwrap().remove(0).der;
    let both = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(both.path(), format!("{KEY}{CERTIFICATE}")).unwrap();
    let inline = |key: &str| {
        ssl()
            .with("ssl.keystore.type", "PEM")
            .with("ssl.keystore.key", key)
            .with("ssl.keystore.certificate.chain", CERTIFICATE.replace('\n', " "))
            .with("ssl.truststore.type", "pem")
            .with("ssl.truststore.certificates", CERTIFICATE)
    };
    let stores = |kind: &str, key: &str, trust: &str| {
        ssl()
            .with("ssl.keystore.type", kind)
            .with("ssl.keystore.location", testdata(key))
            .with("ssl.keystore.password", "changeit")
            .with("ssl.truststore.type", kind)
            .with("ssl.truststore.location", testdata(trust))
            .with("ssl.truststore.password", "changeit")
    };
    for (name, props) in [
        ("inline", inline(KEY)),
        (
            "inline encrypted",
            inline(SEALED_KEY).with("ssl.key.password", "changeit"),
        ),
        ("pkcs12", stores("PKCS12", "client.p12", "trust.p12")),
        ("jks", stores("JKS", "client.jks", "trust.jks")),
        ("pkcs12 called jks", stores("JKS", "client.p12", "trust.p12")),
        (
            "pem files",
            stores("PEM", "client.crt.pem", "client.crt.pem")
                .with("ssl.keystore.location", both.path().to_str().unwrap()),
        ),
    ] {
        let tls = Security::from_props(&props)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .tls
            .unwrap();
        assert_eq!(
            tls.roots,
            TrustedRoots::Certificates(vec![certificate.clone()]),
            "{name}"
        );
        let identity = tls.identity.unwrap();
        assert_eq!(identity.chain.as_slice(), std::slice::from_ref(&certificate), "{name}");
        assert!(format!("{identity:?}").contains("[hidden]"));
        assert!(tls.verify_hostname && tls.tls12 && tls.tls13);
    }
}

#[test]
fn host_names_protocols_and_ciphers_are_read() {
    let tls = |props: Props| Security::from_props(&props).map(|security| security.tls.unwrap());
    assert!(
        !tls(ssl().with("ssl.endpoint.identification.algorithm", ""))
            .unwrap()
            .verify_hostname
    );
    assert!(
        tls(ssl().with("ssl.endpoint.identification.algorithm", "HTTPS"))
            .unwrap()
            .verify_hostname
    );
    let only13 = tls(ssl()
        .with("ssl.enabled.protocols", "TLSv1.3")
        .with("ssl.cipher.suites", "A, B"))
    .unwrap();
    assert!(!only13.tls12 && only13.tls13);
    assert_eq!(only13.cipher_suites.unwrap(), ["A", "B"]);
    assert_eq!(only13.roots, TrustedRoots::System);
    for props in [
        ssl().with("ssl.endpoint.identification.algorithm", "ldaps"),
        ssl().with("ssl.enabled.protocols", "TLSv1.1"),
        ssl().with("ssl.keystore.type", "BCFKS"),
        ssl().with("ssl.truststore.certificates", CERTIFICATE),
        ssl().with("ssl.keystore.type", "PEM").with("ssl.keystore.key", KEY),
        ssl().with("ssl.truststore.location", "/no/such/store"),
        ssl()
            .with("ssl.truststore.location", testdata("client.key.pem"))
            .with("ssl.truststore.type", "PEM"),
        ssl()
            .with("ssl.keystore.type", "PEM")
            .with("ssl.keystore.key", SEALED_KEY)
            .with("ssl.keystore.certificate.chain", CERTIFICATE)
            .with("ssl.key.password", "nope"),
    ] {
        let error = tls(props).unwrap_err().to_string();
        assert!(error.contains("ssl.") || error.contains("testdata"), "{error}");
        assert!(!error.contains("nope") && !error.contains("BEGIN"), "{error}");
    }
}
