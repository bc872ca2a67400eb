//! Redis URIs as the common Java client reads them: `redis://`, `rediss://`, `redis-sentinel://`, `rediss-sentinel://`.

use crate::config::{DEFAULT_PORT, DEFAULT_SENTINEL_PORT, HostPort};
use turnbuckle_api::{Error, Password, Result};

/// A parsed URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedisUri {
    pub(crate) tls: bool,
    /// The server, or sentinels if there is a master; never empty.
    pub(crate) hosts: Vec<HostPort>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Password>,
    pub(crate) database: i64,
    /// Name of the master that sentinels watch.
    pub(crate) master: Option<String>,
}

impl RedisUri {
    /// A server without more.
    pub(crate) fn of(host: HostPort) -> Self {
        RedisUri {
            tls: false,
            hosts: vec![host],
            username: None,
            password: None,
            database: 0,
            master: None,
        }
    }

    /// Reads `scheme://[[user:]password@]host[:port][,host[:port]…][/database][?database=n][#master]`.
    ///
    /// # Errors
    /// `ConfigException` that does not show the URI, which may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let refuse = |what: &str| Error::config(format!("Invalid value for configuration redis.uri: {what}"));
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return Err(refuse("it must begin with redis://, rediss:// or redis-sentinel://"));
        };
        let (tls, sentinel) = match scheme {
            "redis" => (false, false),
            "rediss" | "redis+ssl" | "redis+tls" => (true, false),
            "redis-sentinel" => (false, true),
            "rediss-sentinel" => (true, true),
            _ => {
                return Err(refuse(
                    "the scheme must be redis, rediss, redis-sentinel or rediss-sentinel",
                ));
            }
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let default_port = if sentinel { DEFAULT_SENTINEL_PORT } else { DEFAULT_PORT };
        let hosts: Option<Vec<HostPort>> = authority
            .split(',')
            .map(|host| HostPort::parse(host.trim(), default_port))
            .collect();
        let hosts = hosts.ok_or_else(|| refuse("a host is not of the form host or host:port"))?;
        if hosts.len() > 1 && !sentinel {
            return Err(refuse("only redis-sentinel:// takes several hosts"));
        }
        let from_query = query.split('&').find_map(|pair| pair.strip_prefix("database="));
        let database = match from_query.unwrap_or(path) {
            "" => 0,
            digits => digits.parse().map_err(|_| refuse("the database is no number"))?,
        };
        if sentinel && fragment.is_empty() {
            return Err(refuse("the name of the master must follow after #"));
        }
        let (username, password) = match login {
            None => (None, None),
            Some(login) => {
                let (username, password) = login.split_once(':').unwrap_or(("", login));
                let decoded = (decode(username), decode(password));
                let (Some(username), Some(password)) = decoded else {
                    return Err(refuse("user or password are not encoded by %XX of UTF-8"));
                };
                let password = (!password.is_empty()).then(|| Password::new(password));
                ((!username.is_empty()).then_some(username), password)
            }
        };
        Ok(RedisUri {
            tls,
            hosts,
            username,
            password,
            database,
            master: sentinel.then(|| fragment.to_string()),
        })
    }
}

/// `%XX` to bytes.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match RedisUri::parse(text) {
            Err(error) => error.message().unwrap_or_default().to_string(),
            Ok(uri) => {
                let hosts: Vec<String> = uri.hosts.iter().map(HostPort::to_string).collect();
                let password = uri.password.as_ref().map(|password| password.reveal().to_string());
                let (user, master) = (uri.username, uri.master);
                format!(
                    "{} {} {user:?} {password:?} {} {master:?}",
                    uri.tls,
                    hosts.join(","),
                    uri.database
                )
            }
        }
    }

    #[test]
    fn uris_are_read() {
        let cases = [
            ("redis://h", "false h:6379 None None 0 None"),
            ("rediss://h:7000/3", "true h:7000 None None 3 None"),
            ("redis://s%40crt@h", "false h:6379 None Some(\"s@crt\") 0 None"),
            (
                "redis://u:p@h?database=2",
                "false h:6379 Some(\"u\") Some(\"p\") 2 None",
            ),
            ("redis://[::1]:7000", "false [::1]:7000 None None 0 None"),
            (
                "redis-sentinel://p@a,b:27000/1#mymaster",
                "false a:26379,b:27000 None Some(\"p\") 1 Some(\"mymaster\")",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_name_the_fault_and_hide_the_rest() {
        for text in [
            "h:6379",
            "http://geheim@h",
            "redis://geheim@",
            "redis://geheim@h/x",
            "redis://gehe%im@h",
            "redis://geheim@a,b",
            "redis-sentinel://geheim@a",
        ] {
            let message = shown(text);
            assert!(
                message.starts_with("Invalid value for configuration redis.uri: "),
                "{text}: {message}"
            );
            assert!(!message.contains("geheim"), "{message}");
        }
    }
}
