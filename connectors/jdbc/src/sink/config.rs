//! Configuration keys of the sink: the list of release 10.7.6, with its forms and checks; behind them, in each group, the
//! keys of newer releases.

use crate::keys::{
    CalendarSystem, DIALECT_NAMES, Fixed, credentials_provider, dialect_name, enumerator, is_enumerator,
    refuse_enumerator,
};
use turnbuckle_api::config::validator::{self, Validator};
use turnbuckle_api::config::{ConfigChoice, ParsedConfig, ParsedValue, Recommender};
use turnbuckle_api::{Config, Error, Password, Result};

/// How records become rows, `insert.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertMode {
    Insert,
    Upsert,
    Update,
}

impl ConfigChoice for InsertMode {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("insert", InsertMode::Insert),
        ("upsert", InsertMode::Upsert),
        ("update", InsertMode::Update),
    ];
}

/// Where key columns come from, `pk.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PkMode {
    None,
    Kafka,
    RecordKey,
    RecordValue,
}

impl ConfigChoice for PkMode {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("none", PkMode::None),
        ("kafka", PkMode::Kafka),
        ("record_key", PkMode::RecordKey),
        ("record_value", PkMode::RecordValue),
    ];
}

impl PkMode {
    /// As users write it.
    pub fn lower_case(self) -> &'static str {
        match self {
            PkMode::None => "none",
            PkMode::Kafka => "kafka",
            PkMode::RecordKey => "record_key",
            PkMode::RecordValue => "record_value",
        }
    }

    /// The constant's name, as messages show it.
    pub fn constant(self) -> &'static str {
        match self {
            PkMode::None => "NONE",
            PkMode::Kafka => "KAFKA",
            PkMode::RecordKey => "RECORD_KEY",
            PkMode::RecordValue => "RECORD_VALUE",
        }
    }
}

/// Which zone turns a Date into a day, `date.timezone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateZone {
    DbTimezone,
    Utc,
}

impl ConfigChoice for DateZone {
    const CHOICES: &'static [(&'static str, Self)] = &[("db_timezone", DateZone::DbTimezone), ("utc", DateZone::Utc)];
}

/// What fields of `timestamp.fields.list` count, `timestamp.precision.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Microseconds,
    Nanoseconds,
}

impl ConfigChoice for Precision {
    const CHOICES: &'static [(&'static str, Self)] = &[
        ("microseconds", Precision::Microseconds),
        ("nanoseconds", Precision::Nanoseconds),
    ];
}

const TABLE_TYPES: &[&str] = &["table", "partitioned table", "view"];

/// Keys of `io.confluent.connect.jdbc.JdbcSinkConnector`.
#[derive(Config, Clone, Debug)]
#[config(parse = check)]
pub struct SinkConfig {
    /// URL of the database to write to: `jdbc:postgresql://host:port/db`, `jdbc:mysql://host:port/db`,
    /// `jdbc:mariadb://host:port/db` or `jdbc:sqlite:file`.
    #[config(key = "connection.url", required, importance = High, group = "Connection", order = 1, width = Long,
             display = "JDBC URL")]
    pub url: String,
    /// User to log in as.
    #[config(key = "connection.user", importance = High, group = "Connection", width = Medium, display = "JDBC User")]
    pub user: Option<String>,
    /// Password of the user.
    #[config(key = "connection.password", importance = High, group = "Connection", width = Medium,
             display = "JDBC Password")]
    pub password: Option<Password>,
    /// Database dialect to use instead of the one that the URL names. Empty: as the URL says.
    #[config(key = "dialect.name", default = "", importance = Low, group = "Connection", width = Long,
             display = "Database Dialect", validator = dialect_name(), recommender = Fixed(DIALECT_NAMES))]
    pub dialect_name: String,
    /// How often to try to connect before giving up; at least 1.
    #[config(key = "connection.attempts", default = "3", importance = Low, group = "Connection", width = Short,
             display = "JDBC connection attempts", validator = validator::at_least(1))]
    pub connection_attempts: i32,
    /// Milliseconds between two attempts to connect.
    #[config(key = "connection.backoff.ms", default = "10000", importance = Low, group = "Connection", width = Short,
             display = "JDBC connection backoff in milliseconds")]
    pub connection_backoff_ms: i64,
    /// Only the default provider, which takes connection.user and connection.password.
    #[config(key = "jdbc.credentials.provider.class", default = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider",
             importance = Low, group = "Connection",
             width = Long, display = "JDBC Credentials Provider Class", validator = credentials_provider())]
    pub credentials_provider: String,

    /// How records become rows: ``insert`` adds rows, ``upsert`` adds or replaces by primary key, ``update`` changes
    /// existing rows only.
    #[config(key = "insert.mode", default = "insert", importance = High, group = "Writes", width = Medium,
             display = "Insert Mode", validator = enumerator(&["insert", "upsert", "update"]))]
    pub insert_mode: InsertMode,
    /// Most records that one flush writes together.
    #[config(key = "batch.size", default = "3000", importance = Medium, group = "Writes", width = Short,
             display = "Batch Size", validator = validator::at_least(0))]
    pub batch_size: i32,
    /// True: a record without value deletes the row of its key; needs ``pk.mode=record_key``.
    #[config(key = "delete.enabled", default = "false", importance = Medium, group = "Writes", width = Short,
             display = "Enable deletes", recommender = DeleteEnabled)]
    pub delete_enabled: bool,
    /// Kinds of tables that may be written: ``TABLE``, ``PARTITIONED TABLE``, ``VIEW``, separated by commas.
    #[config(key = "table.types", default = "TABLE", importance = Low, group = "Writes", width = Medium,
             display = "Table Types", validator = table_types())]
    pub table_types: Vec<String>,
    /// True: a null becomes the default of its field's schema, if that has one.
    #[config(key = "replace.null.with.default", default = "true", importance = Low, group = "Writes", width = Medium,
             display = "Replace null value with default value")]
    pub replace_null_with_default: bool,

    /// Name of the target table; ``${topic}`` stands for the record's topic. Dots separate catalog, schema and table.
    #[config(key = "table.name.format", default = "${topic}", importance = Medium, group = "Data Mapping", width = Long,
             display = "Table Name Format", validator = validator::non_empty())]
    pub table_name_format: String,
    /// Where primary key columns come from: ``none``; ``kafka`` (topic, partition, offset); ``record_key``;
    /// ``record_value``.
    #[config(key = "pk.mode", default = "none", importance = High, group = "Data Mapping", width = Medium,
             display = "Primary Key Mode", validator = enumerator(&["none", "kafka", "record_key", "record_value"]),
             recommender = PkModes)]
    pub pk_mode: PkMode,
    /// Names of the primary key columns. With ``pk.mode=kafka`` three names or none; with ``record_key`` the name for a
    /// primitive key, or fields of a struct key (empty: all); with ``record_value`` fields of the value (empty: all).
    #[config(key = "pk.fields", default = "", importance = Medium, group = "Data Mapping", width = Long,
             display = "Primary Key Fields")]
    pub pk_fields: Vec<String>,
    /// Value fields that become columns besides the key; empty: all.
    #[config(key = "fields.whitelist", default = "", importance = Medium, group = "Data Mapping", width = Long,
             display = "Fields Whitelist")]
    pub fields_whitelist: Vec<String>,
    /// Time zone in which times and timestamps are written to columns without a zone.
    #[config(key = "db.timezone", default = "UTC", importance = Medium, group = "Data Mapping", width = Medium,
             display = "DB Time Zone", validator = time_zone())]
    pub db_timezone: String,
    /// Time zone in which a Date becomes a day: ``db_timezone`` or ``utc``.
    #[config(key = "date.timezone", default = "DB_TIMEZONE", importance = Low, group = "Data Mapping", width = Medium,
             display = "Time Zone used for Date", validator = enumerator(&["db_timezone", "utc"]), recommender = Fixed(&["db_timezone", "utc"]))]
    pub date_timezone: DateZone,
    /// Fields (64-bit integers, or texts of such) that are counts since 1970 and become timestamps.
    #[config(key = "timestamp.fields.list", default = "", importance = Medium, group = "Data Mapping", width = Long,
             display = "Timestamp Fields Whitelist")]
    pub timestamp_fields: Vec<String>,
    /// What the fields of timestamp.fields.list count: ``microseconds`` or ``nanoseconds``. Columns keep microseconds.
    #[config(key = "timestamp.precision.mode", default = "MICROSECONDS", importance = Low, group = "Data Mapping",
             width = Short, display = "Sink Timestamp Precision mode", validator = enumerator(&["microseconds", "nanoseconds"]))]
    pub timestamp_precision: Precision,
    /// Calendar of days before 15 October 1582: ``LEGACY`` writes them as Julian, ``PROLEPTIC_GREGORIAN`` as Gregorian.
    #[config(key = "date.calendar.system", default = "LEGACY", importance = Low, group = "Data Mapping", width = Medium,
             display = "Date Calendar System", validator = validator::one_of(&["LEGACY", "PROLEPTIC_GREGORIAN"]))]
    pub calendar: CalendarSystem,
    /// Column that takes values which are texts. Without it only structs are accepted.
    #[config(key = "string.output.value.column.name", importance = Low, group = "Data Mapping", width = Medium,
             display = "String Value Column Name")]
    pub text_column: Option<String>,

    /// True: create a missing table from the first record's schema.
    #[config(key = "auto.create", default = "false", importance = Medium, group = "DDL Support", width = Short,
             display = "Auto-Create")]
    pub auto_create: bool,
    /// True: add columns for new fields.
    #[config(key = "auto.evolve", default = "false", importance = Medium, group = "DDL Support", width = Short,
             display = "Auto-Evolve")]
    pub auto_evolve: bool,
    /// Whether names are quoted in SQL: ``always`` or ``never``.
    #[config(key = "quote.sql.identifiers", default = "ALWAYS", importance = Medium, group = "DDL Support",
             width = Medium, display = "Quote Identifiers", recommender = Fixed(&["always", "never"]))]
    pub quote_identifiers: String,

    /// Of use for SQL Server only, which is not supported here.
    #[config(key = "mssql.use.merge.holdlock", default = "true", importance = Low, group = "DML Support",
             width = Medium, display = "SQL Server - Use HOLDLOCK in MERGE")]
    pub merge_holdlock: bool,

    /// How often a failed write is tried again before the task fails.
    #[config(key = "max.retries", default = "10", importance = Medium, group = "Retries", width = Short,
             display = "Maximum Retries", validator = validator::at_least(0))]
    pub max_retries: i32,
    /// Milliseconds to wait before trying again.
    #[config(key = "retry.backoff.ms", default = "3000", importance = Medium, group = "Retries", width = Short,
             display = "Retry Backoff (millis)", validator = validator::at_least(0))]
    pub retry_backoff_ms: i32,

    #[config(key = "trim.sensitive.log", default = "false", importance = Low, group = "", order = -1)]
    pub trim_sensitive_log: bool,
}

impl SinkConfig {
    /// Records of one flush; `batch.size=0` flushes after each record, as 1 does.
    pub fn flush_size(&self) -> usize {
        usize::try_from(self.batch_size).unwrap_or(1).max(1)
    }

    /// True unless `quote.sql.identifiers=never`; unknown values quote.
    pub fn quotes(&self) -> bool {
        !self.quote_identifiers.eq_ignore_ascii_case("never")
    }

    /// True if tables of this type (`TABLE`, `PARTITIONED TABLE`, `VIEW`) may be written.
    pub fn accepts_table_type(&self, name: &str) -> bool {
        self.table_types
            .iter()
            .any(|accepted| accepted.eq_ignore_ascii_case(name))
    }
}

fn check(config: &SinkConfig) -> Result<()> {
    if config.delete_enabled && config.pk_mode != PkMode::RecordKey {
        return Err(Error::config(
            "Primary key mode must be 'record_key' when delete support is enabled",
        ));
    }
    Ok(())
}

fn table_types() -> Validator {
    Validator::new(|name, value| {
        let ParsedValue::List(items) = value else { return Ok(()) };
        match items.iter().find(|item| !is_enumerator(TABLE_TYPES, item)) {
            Some(unknown) => Err(refuse_enumerator(name, unknown)),
            None => Ok(()),
        }
    })
}

fn time_zone() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(zone) if jiff::tz::TimeZone::get(zone).is_err() => {
            Err(Error::invalid_config(name, zone, "Invalid time zone identifier"))
        }
        _ => Ok(()),
    })
}

fn texts(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

struct DeleteEnabled;

impl DeleteEnabled {
    fn applies(config: &ParsedConfig) -> bool {
        let mode = config.get("pk.mode").as_str();
        mode.is_some_and(|mode| mode.eq_ignore_ascii_case("record_key"))
    }
}

impl Recommender for DeleteEnabled {
    fn valid_values(&self, _name: &str, config: &ParsedConfig) -> Result<Vec<String>> {
        Ok(if Self::applies(config) {
            texts(&["true", "false"])
        } else {
            texts(&["false"])
        })
    }

    fn visible(&self, _name: &str, config: &ParsedConfig) -> bool {
        Self::applies(config)
    }
}

struct PkModes;

impl Recommender for PkModes {
    fn valid_values(&self, _name: &str, config: &ParsedConfig) -> Result<Vec<String>> {
        Ok(if *config.get("delete.enabled") == ParsedValue::Boolean(true) {
            texts(&["record_key"])
        } else {
            texts(&["none", "kafka", "record_key", "record_value"])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Props;

    fn props(extra: &[(&str, &str)]) -> Props {
        let mut props = Props::new().with("connection.url", "jdbc:sqlite:x.db");
        for (key, value) in extra {
            props.insert(*key, *value);
        }
        props
    }

    #[test]
    fn single_values_are_checked_with_the_known_texts() {
        for (key, value, expected) in [
            (
                "insert.mode",
                "merge",
                "Invalid value merge for configuration insert.mode: Invalid enumerator",
            ),
            (
                "insert.mode",
                "Upsert",
                "Invalid value Upsert for configuration insert.mode: Invalid enumerator",
            ),
            (
                "pk.mode",
                "key",
                "Invalid value key for configuration pk.mode: Invalid enumerator",
            ),
            (
                "batch.size",
                "-1",
                "Invalid value -1 for configuration batch.size: Value must be at least 0",
            ),
            (
                "retry.backoff.ms",
                "-5",
                "Invalid value -5 for configuration retry.backoff.ms: Value must be at least 0",
            ),
            (
                "table.types",
                "TABLE,SYNONYM",
                "Invalid value SYNONYM for configuration table.types: Invalid enumerator",
            ),
            (
                "table.name.format",
                "",
                "Invalid value  for configuration table.name.format: String must be non-empty",
            ),
            (
                "dialect.name",
                "X",
                "Invalid value X for configuration dialect.name: Invalid enumerator",
            ),
            (
                "db.timezone",
                "Mars",
                "Invalid value Mars for configuration db.timezone: Invalid time zone identifier",
            ),
        ] {
            let error = SinkConfig::from_props(&props(&[(key, value)])).unwrap_err();
            assert_eq!(error.message(), Some(expected));
        }
    }

    #[test]
    fn either_case_throughout_is_understood() {
        let given = props(&[
            ("insert.mode", "UPSERT"),
            ("pk.mode", "record_key"),
            ("delete.enabled", "true"),
        ]);
        let config = SinkConfig::from_props(&given).unwrap();
        assert_eq!(
            (config.insert_mode, config.pk_mode),
            (InsertMode::Upsert, PkMode::RecordKey)
        );
        assert!(config.quotes() && config.accepts_table_type("TABLE") && !config.accepts_table_type("VIEW"));
        assert_eq!(config.date_timezone, DateZone::DbTimezone);
    }

    #[test]
    fn deletes_without_record_key_are_refused() {
        let error = SinkConfig::from_props(&props(&[("delete.enabled", "true")])).unwrap_err();
        assert_eq!(
            error.message(),
            Some("Primary key mode must be 'record_key' when delete support is enabled")
        );
    }

    #[test]
    fn keys_stand_in_the_known_order() {
        let names: Vec<&str> = SinkConfig::config_def()
            .keys()
            .iter()
            .map(|key| key.name.as_str())
            .collect();
        assert_eq!(names.len(), 29);
        assert_eq!((names[0], names[28]), ("connection.url", "trim.sensitive.log"));
        assert_eq!(SinkConfig::config_def().groups().last(), Some(&""));
    }
}
