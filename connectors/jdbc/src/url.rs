//! JDBC URLs: which driver and server a `jdbc:` text means, and its parameters.
//!
//! Text in, [`JdbcUrl`] out; no I/O. What the parameters mean is decided in [`crate::connection`], where they become
//! options of the native client. A URL may hold a password, so nothing here prints one: see [`masked`].

use turnbuckle_api::{Error, Result};

/// The JDBC driver that a URL picks in the reference. It decides type codes and error texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Driver {
    /// pgjdbc, `jdbc:postgresql:`.
    Postgres,
    /// MySQL Connector/J, `jdbc:mysql:`.
    MySql,
    /// MariaDB Connector/J, `jdbc:mariadb:`.
    MariaDb,
    /// sqlite-jdbc, `jdbc:sqlite:`.
    Sqlite,
}

impl Driver {
    /// True for the two drivers of the MySQL protocol.
    pub fn is_mysql(self) -> bool {
        matches!(self, Driver::MySql | Driver::MariaDb)
    }

    /// Name for messages and logs.
    pub fn name(self) -> &'static str {
        match self {
            Driver::Postgres => "PostgreSQL",
            Driver::MySql => "MySQL",
            Driver::MariaDb => "MariaDB",
            Driver::Sqlite => "SQLite",
        }
    }
}

/// A parsed JDBC URL.
#[derive(Clone, PartialEq, Eq)]
pub struct JdbcUrl {
    pub driver: Driver,
    /// Host and port, tried in this order; empty for SQLite.
    pub hosts: Vec<(String, u16)>,
    /// Database name; for SQLite the file.
    pub database: Option<String>,
    /// Parameters in the URL's order, decoded; credentials of a `user:password@` part come first, as `user` and `password`.
    pub parameters: Vec<(String, String)>,
}

impl std::fmt::Debug for JdbcUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JdbcUrl")
            .field("driver", &self.driver)
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

const SUPPORTED: &str = "jdbc:postgresql:, jdbc:mysql:, jdbc:mariadb: and jdbc:sqlite:";

impl JdbcUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// `ConnectException` for a text that is no JDBC URL, `java.sql.SQLException` for one whose database is not supported
    /// or that is malformed. Messages show the URL without its secrets.
    pub fn parse(url: &str) -> Result<JdbcUrl> {
        let Some(rest) = url.strip_prefix("jdbc:") else {
            return Err(Error::connect(format!("Not a valid JDBC URL: {}", masked(url))));
        };
        let (protocol, address) = rest.split_once(':').unwrap_or((rest, ""));
        match protocol {
            "postgresql" => postgres(url, address),
            "mysql" => mysql(url, address, Driver::MySql),
            "mariadb" => mysql(url, address, Driver::MariaDb),
            "sqlite" => sqlite(url, address),
            _ => Err(refuse(
                url,
                &format!(
                    "No suitable driver for jdbc:{protocol}: – PostgreSQL, MySQL, MariaDB and SQLite are supported, by {SUPPORTED} URLs"
                ),
            )),
        }
    }

    /// The value of the last parameter of this name, any case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let matching = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.parameters
            .iter()
            .rev()
            .find(matching)
            .map(|(_, value)| value.as_str())
    }
}

fn refuse(url: &str, reason: &str) -> Error {
    let kind = turnbuckle_api::ErrorKind::Class("java.sql.SQLException");
    Error::new(kind, format!("{reason} (connection.url = {})", masked(url)))
}

/// The URL with secret parameters and any credentials before the host replaced, fit for logs and errors; also URLs of other
/// databases, whose parameters stand behind semicolons (`…;password=x`) and whose credentials need no slashes
/// (`jdbc:oracle:thin:user/password@…`).
pub fn masked(url: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (url, None),
    };
    let address = match (address.find("//"), address.rfind('@')) {
        (Some(start), Some(at)) if at > start => format!("{}***@{}", &address[..start + 2], &address[at + 1..]),
        (_, Some(at)) => {
            let scheme = address[..at]
                .match_indices(':')
                .nth(2)
                .map_or(0, |(colon, _)| colon + 1);
            format!("{}***@{}", &address[..scheme], &address[at + 1..])
        }
        (_, None) => address.to_string(),
    };
    let address = masked_parameters(&address, ';');
    match query {
        Some(query) => format!("{address}?{}", masked_parameters(query, '&')),
        None => address,
    }
}

fn masked_parameters(text: &str, separator: char) -> String {
    let shown = text.split(separator).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let lower = name.to_ascii_lowercase();
        let secret = ["password", "pwd", "secret", "token", "key"];
        match (secret.iter().any(|word| lower.contains(word)), value) {
            (true, value) if !value.is_empty() || separator == '&' => format!("{name}=***"),
            (_, "") => name.to_string(),
            _ => pair.to_string(),
        }
    });
    shown.collect::<Vec<_>>().join(&separator.to_string())
}

fn parameters(url: &str, query: &str) -> Result<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(url, name)?, decode(url, value)?))
        })
        .collect()
}

/// Percent decoding; `+` stays, as in the drivers that matter here.
fn decode(url: &str, text: &str) -> Result<String> {
    if !text.contains('%') {
        return Ok(text.to_string());
    }
    let broken = || refuse(url, "A %-escape of the URL is malformed; write %25 for a percent sign");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let digits = tail
            .get(..2)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .ok_or_else(broken)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

/// `host:port,host,[::1]:port`.
fn hosts(url: &str, text: &str, default_port: u16) -> Result<Vec<(String, u16)>> {
    let one = |item: &str| -> Result<(String, u16)> {
        let (host, port) = match item.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, tail)) => (host, tail.strip_prefix(':')),
            None => match item.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (item, None),
            },
        };
        let port = match port {
            None | Some("") => default_port,
            Some(port) => port
                .parse()
                .map_err(|_| refuse(url, &format!("{port} is no port number")))?,
        };
        let host = if host.is_empty() { "localhost" } else { host };
        Ok((decode(url, host)?, port))
    };
    text.split(',').map(|item| one(item.trim())).collect()
}

fn split_query(address: &str) -> (&str, &str) {
    address.split_once('?').unwrap_or((address, ""))
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// `//hosts/database?…`, `//hosts?…`, `/database`, `database`.
fn postgres(url: &str, address: &str) -> Result<JdbcUrl> {
    let (address, query) = split_query(address);
    let (authority, database) = match address.strip_prefix("//") {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        None => ("", address.trim_start_matches('/')),
    };
    Ok(JdbcUrl {
        driver: Driver::Postgres,
        hosts: hosts(url, authority, 5432)?,
        database: non_empty(decode(url, database)?),
        parameters: parameters(url, query)?,
    })
}

/// `//user:password@hosts/database?…`.
fn mysql(url: &str, address: &str, driver: Driver) -> Result<JdbcUrl> {
    let (address, query) = split_query(address);
    let Some(rest) = address.strip_prefix("//") else {
        let reason = "Replication, load balancing and named-pipe URLs are not supported; name the server: \
                      jdbc:mysql://host:port/database";
        return Err(refuse(url, reason));
    };
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, authority) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    if authority.contains('(') || authority.contains("address=") {
        return Err(refuse(
            url,
            "Hosts in key=value form are not supported; write host:port",
        ));
    }
    let mut given = Vec::new();
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        given.push(("user".to_string(), decode(url, user)?));
        if !password.is_empty() {
            given.push(("password".to_string(), decode(url, password)?));
        }
    }
    given.extend(parameters(url, query)?);
    Ok(JdbcUrl {
        driver,
        hosts: hosts(url, authority, 3306)?,
        database: non_empty(decode(url, database)?),
        parameters: given,
    })
}

/// `file?…`; an empty file or `:memory:` is a database in memory, `file:` URIs are taken apart.
fn sqlite(url: &str, address: &str) -> Result<JdbcUrl> {
    if address.starts_with(":resource:") {
        return Err(refuse(url, "Databases inside Java archives can't be read; name a file"));
    }
    let (file, query) = split_query(address);
    let file = file.strip_prefix("file:").unwrap_or(file);
    let file = file
        .strip_prefix("//")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(file);
    Ok(JdbcUrl {
        driver: Driver::Sqlite,
        hosts: Vec::new(),
        database: Some(if file.is_empty() { ":memory:" } else { file }.to_string()),
        parameters: parameters(url, query)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (
        &'a str,
        Driver,
        &'a [(&'a str, u16)],
        Option<&'a str>,
        &'a [(&'a str, &'a str)],
    );

    #[test]
    fn urls_are_taken_apart() {
        let cases: &[Case<'_>] = &[
            (
                "jdbc:postgresql://db:5433/shop?user=u&ssl=true",
                Driver::Postgres,
                &[("db", 5433)],
                Some("shop"),
                &[("user", "u"), ("ssl", "true")],
            ),
            (
                "jdbc:postgresql://a,b:6000/d",
                Driver::Postgres,
                &[("a", 5432), ("b", 6000)],
                Some("d"),
                &[],
            ),
            (
                "jdbc:postgresql://[::1]:5432/",
                Driver::Postgres,
                &[("::1", 5432)],
                None,
                &[],
            ),
            (
                "jdbc:postgresql:shop",
                Driver::Postgres,
                &[("localhost", 5432)],
                Some("shop"),
                &[],
            ),
            ("jdbc:postgresql:/", Driver::Postgres, &[("localhost", 5432)], None, &[]),
            (
                "jdbc:mysql://u:p%40w@mariadb:3307/tfl?useSSL=false&x",
                Driver::MySql,
                &[("mariadb", 3307)],
                Some("tfl"),
                &[("user", "u"), ("password", "p@w"), ("useSSL", "false"), ("x", "")],
            ),
            ("jdbc:mysql://mariadb", Driver::MySql, &[("mariadb", 3306)], None, &[]),
            (
                "jdbc:mariadb://h/d%20b",
                Driver::MariaDb,
                &[("h", 3306)],
                Some("d b"),
                &[],
            ),
            ("jdbc:sqlite:/tmp/a.db", Driver::Sqlite, &[], Some("/tmp/a.db"), &[]),
            (
                "jdbc:sqlite:file:///tmp/a.db?cache=shared",
                Driver::Sqlite,
                &[],
                Some("/tmp/a.db"),
                &[("cache", "shared")],
            ),
            ("jdbc:sqlite:", Driver::Sqlite, &[], Some(":memory:"), &[]),
        ];
        for (text, driver, hosts, database, parameters) in cases {
            let url = JdbcUrl::parse(text).unwrap();
            assert_eq!(url.driver, *driver, "{text}");
            let found: Vec<(&str, u16)> = url.hosts.iter().map(|(host, port)| (host.as_str(), *port)).collect();
            assert_eq!(found, *hosts, "{text}");
            assert_eq!(url.database.as_deref(), *database, "{text}");
            let found: Vec<(&str, &str)> = url.parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(found, *parameters, "{text}");
        }
    }

    #[test]
    fn bad_urls_say_what_to_write() {
        for (url, part) in [
            ("http://x", "Not a valid JDBC URL: http://x"),
            ("jdbc:oracle:thin:@h:1521:x", "No suitable driver for jdbc:oracle:"),
            ("jdbc:mysql:replication://a,b/c", "jdbc:mysql://host:port/database"),
            ("jdbc:postgresql://h:port/x", "port is no port number"),
            ("jdbc:postgresql://h/%zz", "%25"),
        ] {
            let error = JdbcUrl::parse(url).unwrap_err();
            assert!(error.to_string().contains(part), "{url}: {error}");
        }
    }

    #[test]
    fn secrets_are_masked() {
        for (url, shown) in [
            (
                "jdbc:mysql://u:secret@h/d?password=x&useSSL=true",
                "jdbc:mysql://***@h/d?password=***&useSSL=true",
            ),
            ("jdbc:postgresql://h/d", "jdbc:postgresql://h/d"),
            ("jdbc:postgresql://h/monkey", "jdbc:postgresql://h/monkey"),
            (
                "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=hush",
                "jdbc:sqlserver://h:1433;databaseName=d;user=sa;password=***",
            ),
            (
                "jdbc:oracle:thin:scott/tiger@//h:1521/x",
                "jdbc:oracle:thin:***@//h:1521/x",
            ),
            ("jdbc:oracle:thin:scott/tiger@h:1521:x", "jdbc:oracle:thin:***@h:1521:x"),
            (
                "jdbc:db2://h:50000/d:user=u;password=hush;",
                "jdbc:db2://h:50000/d:user=u;password=***;",
            ),
            (
                "jdbc:postgresql://h/d?user=u&sslpassword=p",
                "jdbc:postgresql://h/d?user=u&sslpassword=***",
            ),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
