//! Addresses of brokers: `tcp://host:port` and `ssl://host:port`.

use std::fmt;
use turnbuckle_api::{Error, Result};

const KEY: &str = "mqtt.server.uri";

/// The address of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerUri {
    pub(crate) secure: bool,
    /// Name or address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl ServerUri {
    /// Reads an address. `tcp` and `mqtt` are plain, `ssl`, `tls` and `mqtts` are secure; the port may be left out.
    ///
    /// # Errors
    /// `ConfigException` that names the text; user and password in it are refused without being shown.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |detail: &str| Error::invalid_config(KEY, text, detail);
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(wrong("write it as tcp://host:port or ssl://host:port"));
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "tcp" | "mqtt" => false,
            "ssl" | "tls" | "mqtts" => true,
            "ws" | "wss" => return Err(wrong("WebSockets are not supported; use tcp:// or ssl://")),
            _ => return Err(wrong("the scheme is unknown; use tcp:// or ssl://")),
        };
        if rest.contains('@') {
            let detail = "give user and password as mqtt.username and mqtt.password";
            return Err(Error::invalid_config(KEY, format!("{scheme}://…"), detail));
        }
        let address = rest.strip_suffix('/').unwrap_or(rest);
        if address.contains(['/', '?', '#', ' ']) {
            return Err(wrong("a path has no meaning; write it as tcp://host:port"));
        }
        let (host, port) = match address.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed
                    .split_once(']')
                    .ok_or_else(|| wrong("the bracket is not closed"))?;
                match after {
                    "" => (host, None),
                    _ => (
                        host,
                        Some(after.strip_prefix(':').ok_or_else(|| wrong("a port follows a colon"))?),
                    ),
                }
            }
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let port = match port {
            None if secure => 8883,
            None => 1883,
            Some(port) => match port.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(wrong("the port must be a number from 1 to 65535")),
            },
        };
        Ok(ServerUri {
            secure,
            host: host.to_string(),
            port,
        })
    }

    /// `host:port`, as sockets take it.
    pub(crate) fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "ssl" } else { "tcp" };
        write!(f, "{scheme}://{}", self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read() {
        let cases = [
            ("tcp://mqtt.hsl.fi:1883", "tcp://mqtt.hsl.fi:1883"),
            ("ssl://h", "ssl://h:8883"),
            ("TCP://h/", "tcp://h:1883"),
            ("mqtts://h:1", "ssl://h:1"),
            ("tcp://[::1]:1884", "tcp://[::1]:1884"),
            ("tcp://[::1]", "tcp://[::1]:1883"),
        ];
        for (text, expected) in cases {
            assert_eq!(ServerUri::parse(text).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let cases = [
            "h:1883",
            "tcp://",
            "tcp://:1",
            "tcp://h:0",
            "tcp://h:70000",
            "tcp://h:x",
            "http://h",
            "wss://h",
            "tcp://h/p",
            "tcp://[::1",
            "tcp://[::1]x",
        ];
        for text in cases {
            let error = ServerUri::parse(text).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let error = ServerUri::parse("tcp://u:swordfish@h:1").unwrap_err();
        assert!(!error.to_string().contains("swordfish"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(secure: bool, host in "[a-z0-9.-]{1,20}|[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}", port in 1u16..) {
            let uri = ServerUri { secure, host, port };
            prop_assert_eq!(ServerUri::parse(&uri.to_string()).unwrap(), uri);
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = ServerUri::parse(&text);
        }
    }
}
