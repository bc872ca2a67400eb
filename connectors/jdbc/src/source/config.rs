//! Keys of the source, and their values in the form the code wants: the list of release 10.7.6; behind them, in each group,
//! the keys of newer releases.

use super::mapping::{ColumnMapping, INCREMENTING_COLUMN, TIMESTAMP_COLUMNS, column_mapping};
use super::plan::NumericMapping;
use super::time::{Granularity, Zone};
use crate::connection::ConnectOptions;
use crate::dialect::{Dialect, QuoteMethod};
use crate::keys::{
    CalendarSystem, DIALECT_NAMES, Fixed, credentials_provider, dialect_name, enumerator, is_enumerator, patterns,
    refuse_enumerator,
};
use turnbuckle_api::config::validator::{self, Validator};
use turnbuckle_api::config::{ParsedConfig, Recommender};
use turnbuckle_api::{Config, Error, Password, Props, Result};

/// Configuration of the JDBC source, connector and task.
#[derive(Config)]
pub struct SourceConfig {
    /// Where the database is: `jdbc:postgresql://host:port/database`, `jdbc:mysql://…`, `jdbc:mariadb://…` or
    /// `jdbc:sqlite:file`.
    #[config(key = "connection.url", default = "", importance = High, group = "Database", width = Long, display = "JDBC URL",
             dependents = ["table.whitelist", "table.blacklist"])]
    pub connection_url: String,
    /// Name of the database user.
    #[config(key = "connection.user", importance = High, group = "Database", width = Long, display = "JDBC User")]
    pub connection_user: Option<String>,
    /// The user's password.
    #[config(key = "connection.password", importance = High, group = "Database", width = Short, display = "JDBC Password")]
    pub connection_password: Option<Password>,
    /// How often to try to connect before giving up; at least 1.
    #[config(key = "connection.attempts", default = "3", importance = Low, group = "Database", width = Short,
             display = "JDBC connection attempts", validator = validator::at_least(1))]
    pub connection_attempts: i32,
    /// Milliseconds between attempts to connect.
    #[config(key = "connection.backoff.ms", default = "10000", importance = Low, group = "Database", width = Short,
             display = "JDBC connection backoff in milliseconds")]
    pub connection_backoff_ms: i64,
    /// Tables to copy, separated by commas: bare names or with their schema. Excludes table.blacklist.
    #[config(key = "table.whitelist", default = "", importance = Medium, group = "Database", width = Long,
             display = "Table Whitelist")]
    pub table_whitelist: Vec<String>,
    /// Tables not to copy, separated by commas. Excludes table.whitelist.
    #[config(key = "table.blacklist", default = "", importance = Medium, group = "Database", width = Long,
             display = "Table Blacklist")]
    pub table_blacklist: Vec<String>,
    /// Catalog whose tables are listed; for MySQL the database. Without it the driver decides.
    #[config(key = "catalog.pattern", importance = Medium, group = "Database", width = Short, display = "Schema pattern")]
    pub catalog_pattern: Option<String>,
    /// LIKE pattern of the schemas whose tables are listed; without it all are.
    #[config(key = "schema.pattern", importance = High, group = "Database", width = Short, display = "Schema pattern")]
    pub schema_pattern: Option<String>,
    /// Old form of numeric.mapping=precision_only.
    #[config(key = "numeric.precision.mapping", default = "false", importance = Low, group = "Database", width = Short,
             display = "Map Numeric Values By Precision (deprecated)")]
    pub numeric_precision_mapping: bool,
    /// What NUMERIC columns become: `none` Decimal always; `precision_only` integers where the scale is 0; `best_fit` integers
    /// or doubles where the precision allows; `best_fit_eager_double` doubles for any column with a scale.
    #[config(key = "numeric.mapping", importance = Low, group = "Database", width = Short,
             display = "Map Numeric Values, Integral or Decimal, By Precision and Scale",
             validator = enumerator(NUMERIC_MAPPINGS), recommender = Fixed(NUMERIC_MAPPINGS))]
    pub numeric_mapping: Option<String>,
    /// Dialect of the database; empty for the one that the URL means.
    #[config(key = "dialect.name", default = "", importance = Low, group = "Database", width = Long, display = "Database Dialect",
             validator = dialect_name(), recommender = Fixed(DIALECT_NAMES))]
    pub dialect_name: String,
    /// Regular expressions for the full names of the tables to copy (`public\\.orders`); the way of newer releases in place of
    /// table.whitelist.
    #[config(key = "table.include.list", default = "", importance = Medium, group = "Database", width = Long,
             display = "Tables Included (Regex)", validator = patterns())]
    pub table_include_list: Vec<String>,
    /// Regular expressions for the full names of tables that table.include.list matches and that are not to be copied.
    #[config(key = "table.exclude.list", default = "", importance = Medium, group = "Database", width = Long,
             display = "Tables Excluded (Regex)", validator = patterns())]
    pub table_exclude_list: Vec<String>,
    /// Calendar of days before 15 October 1582: `LEGACY` reads them as Julian, `PROLEPTIC_GREGORIAN` as Gregorian.
    #[config(key = "date.calendar.system", default = "LEGACY", importance = Low, group = "Database", width = Medium,
             display = "Date Calendar System", validator = validator::one_of(&["LEGACY", "PROLEPTIC_GREGORIAN"]))]
    pub calendar: CalendarSystem,
    /// Only the default provider, which takes connection.user and connection.password.
    #[config(key = "jdbc.credentials.provider.class", default = "io.confluent.connect.jdbc.util.DefaultJdbcCredentialsProvider",
             importance = Low, group = "Database",
             width = Long, display = "JDBC Credentials Provider Class", validator = credentials_provider())]
    pub credentials_provider: String,

    /// How new rows are told: `bulk` reads whole tables each time, `incrementing` rows with a greater id, `timestamp` rows with
    /// a later timestamp, `timestamp+incrementing` both.
    #[config(key = "mode", default = "", importance = High, group = "Mode", width = Medium, display = "Table Loading Mode",
             dependents = ["incrementing.column.name", "timestamp.column.name", "validate.non.null"],
             validator = validator::one_of(MODES))]
    pub mode: String,
    /// Column that grows with each new row; empty to take the auto-increment column.
    #[config(key = "incrementing.column.name", default = "", importance = Medium, group = "Mode", width = Medium,
             display = "Incrementing Column Name", recommender = ModeKey)]
    pub incrementing_column: String,
    /// Timestamp columns, of which the first that is not null tells when a row changed.
    #[config(key = "timestamp.column.name", default = "", importance = Medium, group = "Mode", width = Medium,
             display = "Timestamp Column Name", recommender = ModeKey)]
    pub timestamp_columns: Vec<String>,
    /// Where timestamps start for tables without a stored position, in milliseconds since 1970; -1 for now.
    #[config(key = "timestamp.initial", importance = Low, group = "Mode", width = Medium,
             display = "Unix time value of initial timestamp", recommender = ModeKey)]
    pub timestamp_initial: Option<i64>,
    /// Refuse incrementing and timestamp columns that may be null.
    #[config(key = "validate.non.null", default = "true", importance = Low, group = "Mode", width = Short,
             display = "Validate Non Null", recommender = ModeKey)]
    pub validate_non_null: bool,
    /// Statement to copy instead of tables. Modes other than bulk append a WHERE clause, so wrap a statement that has one.
    #[config(key = "query", default = "", importance = Medium, group = "Mode", width = Short, display = "Query")]
    pub query: String,
    /// Whether names are quoted in SQL: `always` or `never`.
    #[config(key = "quote.sql.identifiers", default = "ALWAYS", importance = Medium, group = "Mode", width = Medium,
             display = "Quote Identifiers", recommender = Fixed(&["always", "never"]))]
    pub quote_identifiers: String,
    /// Text appended to each statement.
    #[config(key = "query.suffix", default = "", importance = Low, group = "Mode", width = Medium, display = "Query suffix")]
    pub query_suffix: String,
    /// Isolation level of the session; DEFAULT leaves the database's.
    #[config(key = "transaction.isolation.mode", default = "DEFAULT", importance = Low, group = "Mode", width = Medium,
             display = "Transaction Isolation Mode", validator = isolation_mode(), recommender = Fixed(ISOLATION_MODES))]
    pub isolation_mode: String,
    /// Failures in a row after which a table's queries are given up; 0 and less for never.
    #[config(key = "query.retry.attempts", default = "-1", importance = Low, group = "Mode", width = Medium,
             display = "Query Retry Attempts")]
    pub query_retry_attempts: i32,
    /// Timestamp columns by table: entries `regex:[column1|column2]`; for tables of table.include.list.
    #[config(key = "timestamp.columns.mapping", default = "", importance = Medium, group = "Mode", width = Long,
             display = "Table to timestamp columns mappings", validator = column_mapping(TIMESTAMP_COLUMNS))]
    pub timestamp_columns_mapping: Vec<String>,
    /// Incrementing column by table: entries `regex:column`; for tables of table.include.list.
    #[config(key = "incrementing.column.mapping", default = "", importance = Medium, group = "Mode", width = Long,
             display = "Table to incrementing column mappings", validator = column_mapping(INCREMENTING_COLUMN))]
    pub incrementing_column_mapping: Vec<String>,
    /// As query, but shown nowhere.
    #[config(key = "query.masked", default = "", importance = Medium, group = "Mode", width = Short,
             display = "Query (Masked)")]
    pub query_masked: Password,

    /// Types of tables that are listed: TABLE, VIEW, PARTITIONED TABLE, MATERIALIZED VIEW, …
    #[config(key = "table.types", default = "TABLE", importance = Low, group = "Connector", width = Medium,
             display = "Table Types")]
    pub table_types: Vec<String>,
    /// Milliseconds between two queries of a table.
    #[config(key = "poll.interval.ms", default = "5000", importance = High, group = "Connector", width = Short,
             display = "Poll Interval (ms)")]
    pub poll_interval_ms: i32,
    /// Rows that are handed over as soon as they are there. Rows that come faster are handed over in larger batches.
    #[config(key = "batch.max.rows", default = "100", importance = Low, group = "Connector", width = Short,
             display = "Max Rows Per Batch")]
    pub batch_max_rows: i32,
    #[config(key = "table.monitoring.startup.polling.limit.ms", default = "10000", importance = Low, group = "", order = -1)]
    pub table_startup_limit_ms: i64,
    /// Milliseconds between two looks for new or dropped tables.
    #[config(key = "table.poll.interval.ms", default = "60000", importance = Low, group = "Connector", width = Short,
             display = "Metadata Change Monitoring Interval (ms)")]
    pub table_poll_interval_ms: i64,
    /// Put before a table's name to get its topic; with a query the whole topic.
    #[config(key = "topic.prefix", default = "", importance = High, group = "Connector", width = Medium, display = "Topic Prefix",
             validator = topic_prefix())]
    pub topic_prefix: String,
    /// Milliseconds that a row must be old before it is read, so that transactions with earlier timestamps can end.
    #[config(key = "timestamp.delay.interval.ms", default = "0", importance = High, group = "Connector", width = Medium,
             display = "Delay Interval (ms)")]
    pub timestamp_delay_ms: i64,
    /// Zone of the database's wall-clock times.
    #[config(key = "db.timezone", default = "UTC", importance = Medium, group = "Connector", width = Medium,
             display = "DB time zone", validator = time_zone())]
    pub db_timezone: String,
    /// Form of timestamps: `connect_logical` milliseconds as Connect's Timestamp; `nanos_long` and `nanos_string` nanoseconds
    /// since 1970; `nanos_iso_datetime_string` a date-time of nine decimals; `micros_…` likewise.
    #[config(key = "timestamp.granularity", default = "connect_logical", importance = Low, group = "Connector", width = Medium,
             display = "Timestamp granularity for timestamp columns", validator = enumerator(GRANULARITIES),
             recommender = Fixed(RECOMMENDED_GRANULARITIES))]
    pub timestamp_granularity: String,
    /// Without effect: at most a few batches wait for the worker, whatever this says.
    #[config(key = "max.buffer.size", default = "0", importance = Low, group = "Connector", width = Short,
             display = "Maximum Buffer Size")]
    pub max_buffer_size: i32,
    /// Without effect: rows are handed over as soon as the worker asks for them.
    #[config(key = "poll.linger.ms", default = "5000", importance = Low, group = "Connector", width = Short,
             display = "Poll Linger Milliseconds")]
    pub poll_linger_ms: i64,
}

/// What a task's configuration says on top of the connector's.
#[derive(Config)]
pub(super) struct TaskConfig {
    /// Quoted names of the tables of this task.
    #[config(key = "tables", default = "")]
    pub tables: Vec<String>,
    /// The connector has listed the tables.
    #[config(key = "tables.fetched", default = "true")]
    pub tables_fetched: bool,
}

const MODES: &[&str] = &["", "bulk", "timestamp", "incrementing", "timestamp+incrementing"];
const NUMERIC_MAPPINGS: &[&str] = &["none", "precision_only", "best_fit", "best_fit_eager_double"];
const GRANULARITIES: &[&str] = &[
    "connect_logical",
    "micros_long",
    "micros_string",
    "micros_iso_datetime_string",
    "nanos_long",
    "nanos_string",
    "nanos_iso_datetime_string",
];
/// Those that the matched release knows.
const RECOMMENDED_GRANULARITIES: &[&str] = &[
    "connect_logical",
    "nanos_long",
    "nanos_string",
    "nanos_iso_datetime_string",
];
const ISOLATION_MODES: &[&str] = &[
    "default",
    "read_uncommitted",
    "read_committed",
    "repeatable_read",
    "serializable",
    "sql_server_snapshot",
];

fn topic_prefix() -> Validator {
    const LONGEST: usize = 249;
    Validator::new(|name, value| {
        let Some(text) = value.as_str() else {
            return Err(Error::invalid_config(name, "null", "Topic prefix must not be null."));
        };
        let trimmed = text.trim();
        if trimmed.len() > LONGEST {
            let detail = format!("Topic prefix length must not exceed max topic name length, {LONGEST} chars");
            return Err(Error::invalid_config(name, text, detail));
        }
        if !trimmed
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        {
            let detail =
                "Topic prefix must not contain any character other than ASCII alphanumerics, '.', '_' and '-'.";
            return Err(Error::invalid_config(name, text, detail));
        }
        Ok(())
    })
}

/// Names that Java's `TimeZone` knows but `ZoneId` does not: they pass validation, and the connector fails at start.
const SHORT_ZONES: &[&str] = &[
    "ACT", "AET", "AGT", "ART", "AST", "BET", "BST", "CAT", "CNT", "CST", "CTT", "EAT", "ECT", "EST", "HST", "IET",
    "IST", "JST", "MIT", "MST", "NET", "NST", "PLT", "PNT", "PRT", "PST", "SST", "VST",
];

fn time_zone() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(zone) if !SHORT_ZONES.contains(&zone) && Zone::named(zone).is_err() => {
            Err(Error::invalid_config(name, zone, "Invalid time zone identifier"))
        }
        _ => Ok(()),
    })
}

const MIXED_APPROACHES: &str = "Cannot mix legacy and new configuration approaches. Either name tables and columns by \
    table.whitelist, table.blacklist, timestamp.column.name and incrementing.column.name, or by table.include.list, \
    table.exclude.list, timestamp.columns.mapping and incrementing.column.mapping.";
const TWO_QUERIES: &str =
    "Both 'query' and 'query.masked' configs cannot be set at the same time. Please use only one of them.";
const QUERY_WITH_TABLES: &str =
    "A query can't be combined with keys that choose tables; remove this key, or the query.";
const NO_INCLUDE_LIST: &str =
    "table.exclude.list and the column mappings need table.include.list, which names the tables to copy.";
const NO_MAPPING: &str = "This mode needs to know the column of each table of table.include.list; set this key.";

/// A level that the reference knows.
fn isolation_mode() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(mode) if !is_enumerator(ISOLATION_MODES, &mode.to_lowercase()) => Err(refuse_enumerator(name, mode)),
        _ => Ok(()),
    })
}

/// Keys that only some modes look at.
struct ModeKey;

impl Recommender for ModeKey {
    fn valid_values(&self, _name: &str, config: &ParsedConfig) -> Result<Vec<String>> {
        match config.get("mode").as_str() {
            None | Some("") => Err(Error::config("Query mode must be specified")),
            Some(_) => Ok(Vec::new()),
        }
    }

    fn visible(&self, name: &str, config: &ParsedConfig) -> bool {
        let mode = config.get("mode").as_str().unwrap_or_default();
        match name {
            "incrementing.column.name" => mode.contains("incrementing"),
            "timestamp.column.name" => mode.contains("timestamp"),
            "validate.non.null" => mode != "bulk",
            _ => false,
        }
    }
}

impl SourceConfig {
    /// Options to connect with.
    ///
    /// # Errors
    /// As [`ConnectOptions::from_config`]; also for a `dialect.name` that does not fit the URL.
    pub fn connect_options(&self, props: &Props) -> Result<ConnectOptions> {
        let password = self.connection_password.as_ref();
        let options =
            ConnectOptions::from_config(&self.connection_url, self.connection_user.as_deref(), password, props)?;
        Dialect::check_name(&self.dialect_name, options.driver)?;
        Ok(options)
    }

    /// What is wrong between keys, as (key, text) in the order in which it is to be told.
    pub(super) fn conflicts(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        let legacy = [
            ("table.whitelist", !self.table_whitelist.is_empty()),
            ("table.blacklist", !self.table_blacklist.is_empty()),
            ("incrementing.column.name", !self.incrementing_column.is_empty()),
            ("timestamp.column.name", !self.timestamp_columns.is_empty()),
        ];
        let newer = [
            ("table.include.list", !self.table_include_list.is_empty()),
            ("table.exclude.list", !self.table_exclude_list.is_empty()),
            (TIMESTAMP_COLUMNS, !self.timestamp_columns_mapping.is_empty()),
            (INCREMENTING_COLUMN, !self.incrementing_column_mapping.is_empty()),
        ];
        let any = |keys: &[(&str, bool)]| keys.iter().any(|(_, set)| *set);
        let uses_query = !self.statement().is_empty();
        if any(&legacy) && any(&newer) && !uses_query {
            let set = legacy.iter().chain(&newer).filter(|(_, set)| *set);
            found.extend(set.map(|(key, _)| (*key, MIXED_APPROACHES)));
        }
        if !self.query.is_empty() && !self.query_masked.reveal().is_empty() {
            found.extend(["query", "query.masked"].map(|key| (key, TWO_QUERIES)));
        }
        if uses_query && any(&newer) {
            let set = newer.iter().filter(|(_, set)| *set);
            found.extend(set.map(|(key, _)| (*key, QUERY_WITH_TABLES)));
            return found;
        }
        if any(&newer) && self.table_include_list.is_empty() {
            found.push(("table.include.list", NO_INCLUDE_LIST));
        }
        if !self.table_include_list.is_empty() {
            if self.uses_timestamps() && self.timestamp_columns_mapping.is_empty() && self.timestamp_columns.is_empty()
            {
                found.push((TIMESTAMP_COLUMNS, NO_MAPPING));
            }
            if self.uses_incrementing()
                && self.incrementing_column_mapping.is_empty()
                && self.incrementing_column.is_empty()
            {
                found.push((INCREMENTING_COLUMN, NO_MAPPING));
            }
        }
        found
    }

    /// The statement of query or query.masked; empty for table modes.
    pub(super) fn statement(&self) -> &str {
        match self.query.as_str() {
            "" => self.query_masked.reveal(),
            query => query,
        }
    }

    /// The configured columns by table; empty mappings without table.include.list.
    ///
    /// # Errors
    /// As [`ColumnMapping::parse`].
    pub(super) fn column_mappings(&self) -> Result<(ColumnMapping, ColumnMapping)> {
        Ok((
            ColumnMapping::parse(TIMESTAMP_COLUMNS, &self.timestamp_columns_mapping)?,
            ColumnMapping::parse(INCREMENTING_COLUMN, &self.incrementing_column_mapping)?,
        ))
    }

    pub(super) fn mapping(&self) -> NumericMapping {
        match self.numeric_mapping.as_deref().map(str::to_lowercase).as_deref() {
            Some("precision_only") => NumericMapping::PrecisionOnly,
            Some("best_fit") => NumericMapping::BestFit,
            Some("best_fit_eager_double") => NumericMapping::BestFitEagerDouble,
            None if self.numeric_precision_mapping => NumericMapping::PrecisionOnly,
            _ => NumericMapping::None,
        }
    }

    pub(super) fn granularity(&self) -> Granularity {
        Granularity::from_config(&self.timestamp_granularity)
    }

    pub(super) fn quote_method(&self) -> QuoteMethod {
        QuoteMethod::from_config(&self.quote_identifiers)
    }

    pub(super) fn uses_timestamps(&self) -> bool {
        self.mode.contains("timestamp")
    }

    pub(super) fn uses_incrementing(&self) -> bool {
        self.mode.contains("incrementing")
    }

    /// The isolation level in SQL's words; None for the database's own.
    pub(super) fn isolation(&self) -> Option<String> {
        let mode = self.isolation_mode.to_uppercase();
        let is_default = matches!(mode.as_str(), "DEFAULT" | "SQL_SERVER_SNAPSHOT");
        (!is_default).then(|| mode.replace('_', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::config::{ConfigType, ParsedValue};

    fn props(pairs: &[(&str, &str)]) -> Props {
        pairs.iter().copied().collect()
    }

    // golden validate.jsonl
    #[test]
    fn visibility_follows_the_mode() {
        for (mode, hidden) in [
            (
                "bulk",
                &[
                    "incrementing.column.name",
                    "timestamp.column.name",
                    "timestamp.initial",
                    "validate.non.null",
                ][..],
            ),
            ("incrementing", &["timestamp.column.name", "timestamp.initial"]),
            ("timestamp", &["incrementing.column.name", "timestamp.initial"]),
            ("timestamp+incrementing", &["timestamp.initial"]),
        ] {
            let values = SourceConfig::config_def().validate(&props(&[("mode", mode)]));
            let found: Vec<&str> = values.iter().filter(|v| !v.visible).map(|v| v.name.as_str()).collect();
            assert_eq!(found, hidden, "{mode}");
            assert!(values.iter().all(|value| value.errors.is_empty()));
        }
        let values = SourceConfig::config_def().validate(&props(&[]));
        let complaints: Vec<&String> = values.iter().flat_map(|value| &value.errors).collect();
        assert_eq!(complaints, ["Query mode must be specified"; 4]);
    }

    #[test]
    fn bad_values_are_refused() {
        for (key, value, text) in [
            (
                "mode",
                "fast",
                "Invalid value fast for configuration mode: String must be one of: , bulk, timestamp, incrementing, timestamp+incrementing",
            ),
            (
                "numeric.mapping",
                "exact",
                "Invalid value exact for configuration numeric.mapping: Invalid enumerator",
            ),
            (
                "numeric.mapping",
                "Best_Fit",
                "Invalid value Best_Fit for configuration numeric.mapping: Invalid enumerator",
            ),
            (
                "db.timezone",
                "Mars/Base",
                "Invalid value Mars/Base for configuration db.timezone: Invalid time zone identifier",
            ),
            (
                "dialect.name",
                "FooDialect",
                "Invalid value FooDialect for configuration dialect.name: Invalid enumerator",
            ),
            (
                "connection.attempts",
                "0",
                "Invalid value 0 for configuration connection.attempts: Value must be at least 1",
            ),
            (
                "topic.prefix",
                "a b/c",
                "Invalid value a b/c for configuration topic.prefix: Topic prefix must not contain any character other than ASCII \
                 alphanumerics, '.', '_' and '-'.",
            ),
        ] {
            let error = SourceConfig::from_props(&props(&[(key, value)])).err().unwrap();
            assert_eq!(error.message(), Some(text));
        }
        assert!(SourceConfig::from_props(&props(&[("db.timezone", "PST"), ("numeric.mapping", "BEST_FIT")])).is_ok());
    }

    #[test]
    fn definitions_have_the_references_order() {
        let def = SourceConfig::config_def();
        for (key, group, order) in [
            ("connection.url", "Database", 1),
            ("dialect.name", "Database", 12),
            ("mode", "Mode", 1),
            ("query.retry.attempts", "Mode", 10),
            ("table.types", "Connector", 1),
            ("timestamp.granularity", "Connector", 8),
        ] {
            let key = def.key(key).unwrap();
            assert_eq!((key.group.as_deref(), key.order), (Some(group), order), "{}", key.name);
        }
        assert_eq!(
            def.key("table.monitoring.startup.polling.limit.ms").unwrap().group,
            Some(String::new())
        );
        let kind = |name: &str| def.key(name).unwrap().kind;
        assert_eq!(kind("connection.password"), ConfigType::Password);
        assert_eq!(def.key("numeric.mapping").unwrap().default, Some(ParsedValue::Null));
    }
}
