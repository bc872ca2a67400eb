//! Listener addresses of the REST server.

use regex::Regex;
use std::sync::LazyLock;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Where the REST server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub tls: bool,
    /// Empty for all addresses.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

/// Reads `http://host:port`; the host may be empty or an IPv6 address in brackets.
///
/// # Errors
/// `ConfigException` for another form, protocol or a port that does not exist.
pub fn parse(text: &str) -> Result<Listener> {
    static FORM: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(.*)://\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)").ok());
    let refuse = || {
        Error::new(
            ErrorKind::Config,
            format!("Listener doesn't have the right format or protocol: {text}"),
        )
    };
    let parts = FORM.as_ref().and_then(|form| form.captures(text)).ok_or_else(refuse)?;
    let tls = match parts[1].to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err(refuse()),
    };
    let port: i64 = parts[3].parse().map_err(|_| refuse())?;
    // Jetty takes a negative port for one that the system chooses.
    let port = u16::try_from(port.max(0)).map_err(|_| refuse())?;
    Ok(Listener {
        tls,
        host: parts[2].to_string(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, expected) in [
            ("http://:8083", Some((false, "", 8083))),
            ("HTTPS://localhost:8443", Some((true, "localhost", 8443))),
            ("http://[::1]:0", Some((false, "::1", 0))),
            ("http://0.0.0.0:-1", Some((false, "0.0.0.0", 0))),
            ("localhost:8083", None),
            ("ftp://a:1", None),
            ("http://a", None),
            ("http://a:70000", None),
        ] {
            let found = parse(text).ok();
            let found = found.as_ref().map(|found| (found.tls, found.host.as_str(), found.port));
            assert_eq!(found, expected, "{text}");
        }
    }
}
