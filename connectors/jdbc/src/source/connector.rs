//! The connector: validation, listing of tables, task configurations.

use super::AbortOnDrop;
use super::config::SourceConfig;
use super::reader::ReaderSettings;
use super::tables::{Listing, Monitor, Selection, split};
use super::time::Zone;
use crate::connection::ConnectOptions;
use crate::dialect::Dialect;
use crate::dialect::metadata::TableFilter;
use crate::url::Driver;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use turnbuckle_api::config::ConfigValue;
use turnbuckle_api::source::{ConnectorContext, SourceConnector, Support};
use turnbuckle_api::{Config, ConfigDef, Error, Props, Result};

/// `io.confluent.connect.jdbc.JdbcSourceConnector`.
#[derive(Default)]
pub struct JdbcSourceConnector {
    started: Option<Started>,
}

struct Started {
    props: Props,
    /// None in query mode.
    tables: Option<Tables>,
}

struct Tables {
    listing: watch::Receiver<Listing>,
    startup_limit: Duration,
    dialect: Dialect,
    _monitor: AbortOnDrop,
}

#[async_trait]
impl SourceConnector for JdbcSourceConnector {
    fn config_def(&self) -> &'static ConfigDef {
        SourceConfig::config_def()
    }

    /// No connection is opened, as in release 10.7.6. Bad values are told by key, as newer releases do.
    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        let mut values = SourceConfig::config_def().validate(config);
        // Keys are compared with each other only when each is right by itself.
        let Ok(parsed) = SourceConfig::from_props(config) else {
            return Ok(values);
        };
        let mut conflicts = parsed.conflicts();
        if parsed.isolation_mode.eq_ignore_ascii_case("SQL_SERVER_SNAPSHOT") {
            let text = "Isolation mode of `SQL_SERVER_SNAPSHOT` can only be configured with a Sql Server Dialect";
            conflicts.push(("transaction.isolation.mode", text));
        }
        for (key, text) in conflicts {
            let concerned = values.iter_mut().filter(|value| value.name == key);
            concerned.for_each(|value| value.errors.push(text.to_string()));
        }
        Ok(values)
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, props: &Props) -> Result<()> {
        let config = SourceConfig::from_props(props)?;
        Zone::named(&config.db_timezone)?;
        let options = config.connect_options(props)?;
        let settings = reader_settings(&config, options);
        let connection = settings.connect().await?;
        if !config.table_whitelist.is_empty() && !config.table_blacklist.is_empty() {
            return Err(Error::connect("table.whitelist and table.blacklist are exclusive."));
        }
        if let Some((key, text)) = config.conflicts().first() {
            return Err(Error::config(format!("{key}: {text}")));
        }
        for (key, set) in [
            ("max.buffer.size", config.max_buffer_size != 0),
            ("poll.linger.ms", props.get("poll.linger.ms").is_some()),
        ] {
            if set {
                tracing::info!(
                    key,
                    "has no effect: rows are handed to the worker as soon as it asks for them"
                );
            }
        }
        let filters = !config.table_whitelist.is_empty() || !config.table_blacklist.is_empty();
        if !config.statement().is_empty() {
            if filters {
                return Err(Error::connect(
                    "query may not be combined with whole-table copying settings.",
                ));
            }
            connection.close().await;
            self.started = Some(Started {
                props: props.clone(),
                tables: None,
            });
            return Ok(());
        }
        // Names in task configurations are always quoted; the task decides how it quotes them.
        let mut dialect = connection.dialect.clone();
        dialect.quote_method = config.quote_method();
        let (sender, listing) = watch::channel(Listing::NotYet);
        let monitor = Monitor {
            settings,
            filter: TableFilter {
                catalog: config.catalog_pattern.clone(),
                schema: config.schema_pattern.clone(),
                types: config.table_types.iter().map(|kind| kind.to_uppercase()).collect(),
            },
            selection: Selection::new(&config)?,
            interval: millis(config.table_poll_interval_ms),
            context,
            listing: sender,
            connection: Some(connection),
        };
        self.started = Some(Started {
            props: props.clone(),
            tables: Some(Tables {
                listing,
                startup_limit: millis(config.table_startup_limit_ms),
                dialect,
                _monitor: AbortOnDrop(tokio::spawn(monitor.run())),
            }),
        });
        Ok(())
    }

    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>> {
        let started = self
            .started
            .as_mut()
            .ok_or_else(|| Error::connect("The connector was not started"))?;
        let task = |tables: &str, fetched: bool| {
            let mut props = started.props.clone();
            props.insert("tables", tables);
            props.insert("tables.fetched", if fetched { "true" } else { "false" });
            props
        };
        let Some(tables) = &mut started.tables else {
            return Ok(vec![task("", true)]);
        };
        let listed = tables.listing.wait_for(|listing| !matches!(listing, Listing::NotYet));
        let listing = match tokio::time::timeout(tables.startup_limit, listed).await {
            Ok(Ok(listing)) => listing.clone(),
            Ok(Err(_)) => return Err(Error::connect("The connector has stopped")),
            Err(_) => Listing::NotYet,
        };
        match listing {
            Listing::NotYet => Ok(vec![task("", false)]),
            Listing::Failed(error) => Err(error),
            Listing::Tables(ids) if ids.is_empty() => {
                tracing::warn!("no table matches; the task will fail until one does");
                Ok(vec![task("", true)])
            }
            Listing::Tables(ids) => {
                let groups = split(&ids, max_tasks as usize);
                let joined = |group: &Vec<crate::dialect::TableId>| {
                    let names: Vec<String> = group.iter().map(|id| id.quoted(&tables.dialect)).collect();
                    names.join(",")
                };
                Ok(groups.iter().map(|group| task(&joined(group), true)).collect())
            }
        }
    }

    async fn stop(&mut self) -> Result<()> {
        self.started = None;
        Ok(())
    }

    /// A position that is the last row's own, and rows in its order: then what follows is read exactly once. Rows that share
    /// a timestamp, and bulk reads, may come again.
    fn exactly_once_support(&self, config: &Props) -> Option<Support> {
        let mode = config.get("mode").unwrap_or_default().trim();
        match mode {
            "incrementing" | "timestamp+incrementing" => Some(Support::Supported),
            _ => Some(Support::Unsupported),
        }
    }
}

pub(super) fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0))
}

/// How to reach the database, from the configuration of a connector or task.
pub(super) fn reader_settings(config: &SourceConfig, options: ConnectOptions) -> ReaderSettings {
    let isolation = config.isolation().map(|level| match options.driver {
        Driver::Postgres => format!("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}"),
        Driver::MySql | Driver::MariaDb => format!("SET SESSION TRANSACTION ISOLATION LEVEL {level}"),
        Driver::Sqlite => format!("PRAGMA read_uncommitted = {}", i32::from(level == "READ UNCOMMITTED")),
    });
    ReaderSettings {
        options,
        attempts: u32::try_from(config.connection_attempts).unwrap_or(1),
        backoff: millis(config.connection_backoff_ms),
        poll_interval: millis(i64::from(config.poll_interval_ms)),
        delay_millis: config.timestamp_delay_ms,
        max_retries: i64::from(config.query_retry_attempts),
        isolation,
        quote_method: config.quote_method(),
    }
}
