//! What URL parameters and `connection.*` keys mean for the native clients.
//!
//! Each parameter is honoured, ignored with one logged reason because it changes nothing here, or refused with the name,
//! the value and the remedy. [`ConnectOptions`] is the result: ready options per host, and settings that act later.

use super::{parameters, stores};
use crate::url::{Driver, JdbcUrl};
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;
use std::path::PathBuf;
use std::time::Duration;
use turnbuckle_api::{Error, ErrorKind, Password, Result};

/// What happens to MySQL's dates of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroDates {
    Refuse,
    Null,
    /// 0001-01-01.
    Round,
}

/// Settings that act on values and sessions rather than on connecting.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `connectTimeout` / `loginTimeout`.
    pub connect_timeout: Duration,
    /// `socketTimeout`: longest wait for the server's next bytes; None waits for ever.
    pub read_timeout: Option<Duration>,
    /// Statements run on each new connection.
    pub session: Vec<String>,
    /// pgjdbc `stringtype=unspecified`: text parameters take the type of their column.
    pub text_untyped: bool,
    /// MySQL drivers: TINYINT(1) is a BIT.
    pub tiny_int_1_is_bit: bool,
    /// MySQL drivers: YEAR is a DATE.
    pub year_is_date: bool,
    pub zero_dates: ZeroDates,
}

/// Everything needed to open a connection.
#[derive(Clone)]
pub struct ConnectOptions {
    pub driver: Driver,
    pub(super) servers: Servers,
    pub settings: Settings,
}

#[derive(Clone)]
pub(super) enum Servers {
    /// One per host, tried in order.
    Postgres(Vec<PgConnectOptions>),
    MySql(Vec<MySqlConnectOptions>),
    Sqlite(Box<SqliteConnectOptions>),
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}

/// Transport security as the drivers name it, in one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Disabled,
    Allowed,
    Preferred,
    Required,
    VerifyCa,
    VerifyFull,
}

/// Parameters gathered before options can be made.
#[derive(Default)]
pub(super) struct Gathered {
    user: Option<String>,
    password: Option<String>,
    tls: Option<Tls>,
    ssl: bool,
    /// `verifyServerCertificate` of MySQL's driver, false by default.
    verify_server: bool,
    /// `trustServerCertificate` and `disableSslHostnameVerification` of MariaDB's.
    trust_any: bool,
    any_host: bool,
    trust_store: Option<(String, String)>,
    trust_store_password: Option<String>,
    key_store: Option<(String, String)>,
    key_store_password: Option<String>,
    key_password: Option<String>,
    root_certificate: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    application: Option<String>,
    /// PostgreSQL start-up options.
    options: Vec<(String, String)>,
    pragmas: Vec<(String, String)>,
    read_only: bool,
    foreign_keys: bool,
    shared_cache: bool,
    busy_timeout: Option<Duration>,
}

impl ConnectOptions {
    /// Options from a URL, the user and password keys, and further `connection.*` keys (prefix cut off), which count as
    /// parameters of the driver.
    ///
    /// # Errors
    /// `ConnectException` naming the parameter that can't be honoured, its value and what to do.
    pub fn new(
        url: &JdbcUrl,
        user: Option<&str>,
        password: Option<&Password>,
        extra: &[(String, String)],
    ) -> Result<ConnectOptions> {
        let mut gathered = Gathered::default();
        let mut settings = Settings {
            connect_timeout: Duration::from_secs(if url.driver.is_mysql() { 30 } else { 10 }),
            read_timeout: None,
            session: Vec::new(),
            text_untyped: false,
            tiny_int_1_is_bit: true,
            year_is_date: true,
            zero_dates: if url.driver == Driver::MySql {
                ZeroDates::Refuse
            } else {
                ZeroDates::Null
            },
        };
        let mut credentials = Vec::new();
        credentials.extend(user.map(|user| ("user".to_string(), user.to_string())));
        credentials.extend(password.map(|password| ("password".to_string(), password.reveal().to_string())));
        // The later wins: pgjdbc prefers the URL, the drivers of MySQL the properties.
        let mut all: Vec<(String, String)> = Vec::new();
        if url.driver.is_mysql() {
            all.extend(url.parameters.iter().cloned());
            all.extend(extra.iter().cloned());
            all.extend(credentials);
        } else {
            all.extend(credentials);
            all.extend(extra.iter().cloned());
            all.extend(url.parameters.iter().cloned());
        }
        for (name, value) in &all {
            gathered.take(url.driver, &mut settings, name, value)?;
        }
        let servers = match url.driver {
            Driver::Postgres => Servers::Postgres(gathered.postgres(url)?),
            Driver::MySql | Driver::MariaDb => Servers::MySql(gathered.mysql(url)?),
            Driver::Sqlite => Servers::Sqlite(Box::new(gathered.sqlite(url))),
        };
        Ok(ConnectOptions {
            driver: url.driver,
            servers,
            settings,
        })
    }
}

fn refuse(name: &str, value: &str, remedy: &str) -> Error {
    let shown = if parameters::is_secret(name) { "[hidden]" } else { value };
    Error::connect(format!(
        "The connection parameter {name}={shown} can't be honoured: {remedy}"
    ))
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "" | "true" | "yes" | "1" | "on" => Ok(true),
        "false" | "no" | "0" | "off" => Ok(false),
        _ => Err(refuse(name, value, "write true or false")),
    }
}

fn number(name: &str, value: &str) -> Result<u64> {
    value
        .parse()
        .map_err(|_| refuse(name, value, "write a whole number, 0 for no limit"))
}

impl Gathered {
    fn take(&mut self, driver: Driver, settings: &mut Settings, name: &str, value: &str) -> Result<()> {
        let lower = name.to_ascii_lowercase();
        let known = match driver {
            Driver::Postgres => self.take_postgres(settings, &lower, name, value)?,
            Driver::MySql | Driver::MariaDb => self.take_mysql(settings, &lower, name, value)?,
            Driver::Sqlite => self.take_sqlite(&lower, name, value)?,
        };
        if !known {
            parameters::ignore(driver, &lower, name);
        }
        Ok(())
    }

    fn take_postgres(&mut self, settings: &mut Settings, lower: &str, name: &str, value: &str) -> Result<bool> {
        match lower {
            "user" => self.user = Some(value.to_string()),
            "password" => self.password = Some(value.to_string()),
            "ssl" => self.ssl = flag(name, value)?,
            "sslmode" => self.tls = Some(postgres_tls(name, value)?),
            "sslrootcert" => self.root_certificate = Some(value.into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslfactory" if value.ends_with("NonValidatingFactory") => self.tls = Some(Tls::Required),
            "sslfactory" if value.ends_with("LibPQFactory") => {}
            "sslfactory" | "socketfactory" | "authenticationpluginclassname" | "sslpasswordcallback" => {
                return Err(refuse(
                    name,
                    value,
                    "Java classes can't be loaded; use sslmode, sslrootcert, sslcert and sslkey",
                ));
            }
            "sslpassword" => self.key_password = Some(value.to_string()),
            "currentschema" => self.options.push(("search_path".into(), value.to_string())),
            "applicationname" => self.application = Some(value.to_string()),
            "options" => self.options.extend(parameters::startup_options(value)),
            "readonly" => {
                let value = if flag(name, value)? { "on" } else { "off" };
                self.options
                    .push(("default_transaction_read_only".into(), value.to_string()));
            }
            "stringtype" => settings.text_untyped = value.eq_ignore_ascii_case("unspecified"),
            "connecttimeout" | "logintimeout" => {
                let seconds = number(name, value)?;
                if seconds > 0 {
                    settings.connect_timeout = Duration::from_secs(seconds);
                }
            }
            "sockettimeout" => {
                let seconds = number(name, value)?;
                settings.read_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            "targetservertype" if !value.eq_ignore_ascii_case("any") => {
                return Err(refuse(
                    name,
                    value,
                    "only `any` is known; name the wanted server in the URL",
                ));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_mysql(&mut self, settings: &mut Settings, lower: &str, name: &str, value: &str) -> Result<bool> {
        match lower {
            "user" => self.user = Some(value.to_string()),
            "password" => self.password = Some(value.to_string()),
            "usessl" | "requiressl" => match flag(name, value)? {
                true => self.ssl = true,
                false if lower == "usessl" => self.tls = Some(Tls::Disabled),
                false => {}
            },
            "verifyservercertificate" => self.verify_server = flag(name, value)?,
            "trustservercertificate" => self.trust_any = flag(name, value)?,
            "disablesslhostnameverification" => self.any_host = flag(name, value)?,
            "sslmode" => self.tls = Some(mysql_tls(name, value)?),
            "serversslcert" | "sslca" => self.root_certificate = Some(value.trim_start_matches("file:").into()),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "trustcertificatekeystoreurl" | "truststore" => {
                self.trust_store = Some((name.to_string(), value.to_string()));
            }
            "trustcertificatekeystorepassword" | "truststorepassword" => {
                self.trust_store_password = Some(value.to_string());
            }
            "clientcertificatekeystoreurl" | "keystore" => self.key_store = Some((name.to_string(), value.to_string())),
            "clientcertificatekeystorepassword" | "keystorepassword" => {
                self.key_store_password = Some(value.to_string());
            }
            "keypassword" => self.key_password = Some(value.to_string()),
            // The content says whether a store is JKS or PKCS#12.
            "trustcertificatekeystoretype" | "truststoretype" | "clientcertificatekeystoretype" | "keystoretype" => {}
            "connecttimeout" => {
                let millis = number(name, value)?;
                if millis > 0 {
                    settings.connect_timeout = Duration::from_millis(millis);
                }
            }
            "sockettimeout" => {
                let millis = number(name, value)?;
                settings.read_timeout = (millis > 0).then(|| Duration::from_millis(millis));
            }
            "sessionvariables" => {
                let assignments = parameters::session_variables(value);
                settings
                    .session
                    .extend(assignments.iter().map(|one| format!("SET {one}")));
            }
            "tinyint1isbit" => settings.tiny_int_1_is_bit = flag(name, value)?,
            "yearisdatetype" => settings.year_is_date = flag(name, value)?,
            "zerodatetimebehavior" => {
                settings.zero_dates = match value.to_ascii_lowercase().replace('_', "").as_str() {
                    "exception" => ZeroDates::Refuse,
                    "converttonull" => ZeroDates::Null,
                    "round" => ZeroDates::Round,
                    _ => return Err(refuse(name, value, "write EXCEPTION, CONVERT_TO_NULL or ROUND")),
                };
            }
            "transformedbitisboolean" if flag(name, value)? => {
                return Err(refuse(
                    name,
                    value,
                    "BIT columns are read as int8; remove the parameter",
                ));
            }
            "jdbccomplianttruncation" | "transformedbitisboolean" => {}
            "forceconnectiontimezonetosession" if flag(name, value)? => {
                let remedy = "set the zone of the session by sessionVariables=time_zone='+00:00' instead";
                return Err(refuse(name, value, remedy));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take_sqlite(&mut self, lower: &str, name: &str, value: &str) -> Result<bool> {
        match lower {
            "foreign_keys" => self.foreign_keys = flag(name, value)?,
            "busy_timeout" => self.busy_timeout = Some(Duration::from_millis(number(name, value)?)),
            "cache" | "shared_cache" => self.shared_cache = value == "shared" || flag(name, value).unwrap_or(false),
            "open_mode" => self.read_only = value == "1",
            "mode" => self.read_only = value == "ro",
            "journal_mode"
            | "synchronous"
            | "cache_size"
            | "temp_store"
            | "locking_mode"
            | "page_size"
            | "recursive_triggers"
            | "secure_delete"
            | "journal_size_limit"
            | "case_sensitive_like" => {
                let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                if !plain {
                    return Err(refuse(name, value, "a pragma takes a word or a number"));
                }
                self.pragmas.push((lower.to_string(), value.to_string()));
            }
            "date_class" if !value.eq_ignore_ascii_case("INTEGER") => {
                return Err(refuse(
                    name,
                    value,
                    "dates are bound as whole milliseconds; remove the parameter",
                ));
            }
            "date_precision" if !value.eq_ignore_ascii_case("MILLISECONDS") => {
                return Err(refuse(
                    name,
                    value,
                    "dates are bound as whole milliseconds; remove the parameter",
                ));
            }
            "date_class" | "date_precision" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn postgres(&self, url: &JdbcUrl) -> Result<Vec<PgConnectOptions>> {
        let tls = match (self.tls, self.ssl) {
            (Some(tls), _) => tls,
            (None, true) => Tls::VerifyFull,
            (None, false) => Tls::Preferred,
        };
        let mode = match tls {
            Tls::Disabled => PgSslMode::Disable,
            Tls::Allowed => PgSslMode::Allow,
            Tls::Preferred => PgSslMode::Prefer,
            Tls::Required => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        };
        let user = match &self.user {
            Some(user) => user.clone(),
            None => std::env::var("USER").unwrap_or_else(|_| "root".to_string()),
        };
        let key_password = self.key_password.as_deref();
        let key = self.key.as_deref();
        let client = key
            .map(|key| stores::postgres_key(key, self.certificate.as_deref(), key_password))
            .transpose()?;
        let one = |(host, port): &(String, u16)| {
            let mut options = PgConnectOptions::new_without_pgpass()
                .disable_statement_logging()
                .host(host)
                .port(*port)
                .username(&user)
                .database(url.database.as_deref().unwrap_or(&user))
                .application_name(self.application.as_deref().unwrap_or("Turnbuckle"))
                .extra_float_digits(Some(3))
                .ssl_mode(mode);
            if let Some(password) = &self.password {
                options = options.password(password);
            }
            if let Some(path) = &self.root_certificate {
                options = options.ssl_root_cert(path);
            }
            if let Some(path) = &self.certificate {
                options = options.ssl_client_cert(path);
            }
            if let Some(client) = &client {
                options = options.ssl_client_key_from_pem(&client.key);
                if let Some(certificates) = &client.certificates {
                    options = options.ssl_client_cert_from_pem(certificates);
                }
            }
            if !self.options.is_empty() {
                options = options.options(self.options.iter().map(|(name, value)| (name, value)));
            }
            options
        };
        Ok(url.hosts.iter().map(one).collect())
    }

    fn mysql(&self, url: &JdbcUrl) -> Result<Vec<MySqlConnectOptions>> {
        // MariaDB's driver encrypts only when told to, MySQL's whenever the server can.
        let unasked = if url.driver == Driver::MariaDb {
            Tls::Disabled
        } else {
            Tls::Preferred
        };
        let tls = match (self.tls, self.ssl) {
            (Some(tls), _) => tls,
            // MariaDB's driver verifies unless told not to, MySQL's the other way round.
            (None, true) if url.driver == Driver::MariaDb => match (self.trust_any, self.any_host) {
                (true, _) => Tls::Required,
                (false, true) => Tls::VerifyCa,
                (false, false) => Tls::VerifyFull,
            },
            (None, true) if self.verify_server => Tls::VerifyCa,
            (None, true) => Tls::Required,
            (None, false) => unasked,
        };
        let trusted = match &self.trust_store {
            Some((name, location)) => Some(stores::trusted(name, location, self.trust_store_password.as_deref())?),
            None => None,
        };
        let client = match &self.key_store {
            Some((name, location)) => Some(stores::identity(
                name,
                location,
                self.key_store_password.as_deref(),
                self.key_password.as_deref(),
            )?),
            None => None,
        };
        let mode = match tls {
            Tls::Disabled => MySqlSslMode::Disabled,
            Tls::Allowed | Tls::Preferred => MySqlSslMode::Preferred,
            Tls::Required => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        };
        let one = |(host, port): &(String, u16)| {
            // The session keeps the server's modes and zone, as with the Java drivers. Statements are never logged: they hold
            // values of rows.
            let mut options = MySqlConnectOptions::new()
                .disable_statement_logging()
                .host(host)
                .port(*port)
                .username(self.user.as_deref().unwrap_or(""))
                .ssl_mode(mode)
                .pipes_as_concat(false)
                .no_engine_substitution(false)
                .timezone(None::<String>);
            if let Some(password) = &self.password {
                options = options.password(password);
            }
            if let Some(database) = &url.database {
                options = options.database(database);
            }
            if let Some(path) = &self.root_certificate {
                options = options.ssl_ca(path);
            }
            if let Some(path) = &self.certificate {
                options = options.ssl_client_cert(path);
            }
            if let Some(path) = &self.key {
                options = options.ssl_client_key(path);
            }
            if let Some(trusted) = &trusted {
                options = options.ssl_ca_from_pem(trusted.clone());
            }
            if let Some(client) = &client {
                options = options.ssl_client_key_from_pem(&client.key);
                if let Some(certificates) = &client.certificates {
                    options = options.ssl_client_cert_from_pem(certificates);
                }
            }
            options
        };
        Ok(url.hosts.iter().map(one).collect())
    }

    fn sqlite(&self, url: &JdbcUrl) -> SqliteConnectOptions {
        let file = url.database.as_deref().unwrap_or(":memory:");
        let mut options = SqliteConnectOptions::new()
            .disable_statement_logging()
            .create_if_missing(!self.read_only)
            .read_only(self.read_only)
            .foreign_keys(self.foreign_keys)
            .shared_cache(self.shared_cache)
            .busy_timeout(self.busy_timeout.unwrap_or(Duration::from_secs(3)));
        options = match file {
            ":memory:" => options.in_memory(true),
            _ => options.filename(file),
        };
        for (name, value) in &self.pragmas {
            options = options.pragma(name.clone(), value.clone());
        }
        options
    }
}

fn postgres_tls(name: &str, value: &str) -> Result<Tls> {
    Ok(match value {
        "disable" => Tls::Disabled,
        "allow" => Tls::Allowed,
        "prefer" => Tls::Preferred,
        "require" => Tls::Required,
        "verify-ca" => Tls::VerifyCa,
        "verify-full" => Tls::VerifyFull,
        _ => {
            let kind = ErrorKind::Class("org.postgresql.util.PSQLException");
            let text = format!(
                "Invalid {name} value: {value}; write disable, allow, prefer, require, verify-ca or verify-full"
            );
            return Err(Error::new(kind, text));
        }
    })
}

fn mysql_tls(name: &str, value: &str) -> Result<Tls> {
    Ok(match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disabled" | "disable" => Tls::Disabled,
        "preferred" => Tls::Preferred,
        "required" | "trust" => Tls::Required,
        "verify-ca" => Tls::VerifyCa,
        "verify-identity" | "verify-full" => Tls::VerifyFull,
        _ => {
            let remedy = "write DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY";
            return Err(refuse(name, value, remedy));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, extra: &[(&str, &str)]) -> Result<ConnectOptions> {
        let extra: Vec<(String, String)> = extra.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        ConnectOptions::new(&JdbcUrl::parse(url)?, Some("u"), Some(&Password::new("pw")), &extra)
    }

    fn postgres(url: &str, extra: &[(&str, &str)]) -> PgConnectOptions {
        match options(url, extra).unwrap().servers {
            Servers::Postgres(mut hosts) => hosts.remove(0),
            _ => panic!("not PostgreSQL"),
        }
    }

    #[test]
    fn postgres_parameters_reach_the_client() {
        let url = "jdbc:postgresql://h:6000/d?currentSchema=app&ApplicationName=me&sslmode=require";
        let client = postgres(url, &[]);
        assert_eq!((client.get_host(), client.get_port()), ("h", 6000));
        assert_eq!((client.get_username(), client.get_database()), ("u", Some("d")));
        assert_eq!(client.get_application_name(), Some("me"));
        assert!(client.get_options().unwrap().contains("search_path=app"));
        assert!(matches!(client.get_ssl_mode(), PgSslMode::Require));
        assert!(matches!(
            postgres("jdbc:postgresql://h/d", &[("ssl", "true")]).get_ssl_mode(),
            PgSslMode::VerifyFull
        ));
        assert!(matches!(
            postgres("jdbc:postgresql://h/d", &[]).get_ssl_mode(),
            PgSslMode::Prefer
        ));
        assert_eq!(
            postgres("jdbc:postgresql://h/d?user=other", &[]).get_username(),
            "other"
        );
    }

    #[test]
    fn mysql_parameters_reach_the_client() {
        let of = |url: &str| match options(url, &[]).unwrap().servers {
            Servers::MySql(mut hosts) => hosts.remove(0),
            _ => panic!("not MySQL"),
        };
        let mode = |url: &str| format!("{:?}", of(url).get_ssl_mode());
        assert_eq!(mode("jdbc:mysql://h/d"), "Preferred");
        assert_eq!(mode("jdbc:mariadb://h/d"), "Disabled");
        assert_eq!(mode("jdbc:mysql://h/d?useSSL=true"), "Required");
        assert_eq!(
            mode("jdbc:mysql://h/d?useSSL=true&verifyServerCertificate=true"),
            "VerifyCa"
        );
        assert_eq!(mode("jdbc:mariadb://h/d?useSsl=true"), "VerifyIdentity");
        assert_eq!(
            mode("jdbc:mariadb://h/d?useSsl=true&disableSslHostnameVerification"),
            "VerifyCa"
        );
        assert_eq!(
            mode("jdbc:mariadb://h/d?useSsl=true&trustServerCertificate=true"),
            "Required"
        );
        assert_eq!(
            mode("jdbc:mysql://h/d?useSSL=false&allowPublicKeyRetrieval=true"),
            "Disabled"
        );
        assert_eq!(mode("jdbc:mysql://h/d?sslMode=VERIFY_IDENTITY"), "VerifyIdentity");
        assert_eq!(of("jdbc:mysql://x:y@h/d").get_username(), "u");
        let settings = options(
            "jdbc:mysql://h/d?zeroDateTimeBehavior=convertToNull&tinyInt1isBit=false&socketTimeout=1500",
            &[],
        );
        let settings = settings.unwrap().settings;
        assert_eq!(settings.zero_dates, ZeroDates::Null);
        assert!(!settings.tiny_int_1_is_bit);
        assert_eq!(settings.read_timeout, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn what_cant_be_honoured_is_refused_without_secrets() {
        for (url, part) in [
            (
                "jdbc:postgresql://h/d?sslkey=/nosuch.p12&sslpassword=hush",
                "sslkey=/nosuch.p12 can't be read",
            ),
            ("jdbc:postgresql://h/d?sslmode=maybe", "verify-full"),
            (
                "jdbc:mysql://h/d?trustCertificateKeyStoreUrl=file:a.jks",
                "can't be read",
            ),
            ("jdbc:mysql://h/d?socketTimeout=soon", "socketTimeout=soon"),
            ("jdbc:sqlite:a.db?journal_mode=a;b", "journal_mode"),
        ] {
            let text = options(url, &[]).unwrap_err().to_string();
            assert!(text.contains(part), "{url}: {text}");
            assert!(!text.contains("hush"));
        }
    }
}
