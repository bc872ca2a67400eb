//! Which tables a connector copies: filters, the monitor that looks for changes, the split over tasks.

use super::config::SourceConfig;
use super::reader::ReaderSettings;
use crate::connection::Connection;
use crate::dialect::metadata::TableFilter;
use crate::dialect::{Dialect, TableId};
use crate::keys::whole_match;
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use turnbuckle_api::source::ConnectorContext;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Which of the listed tables are copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// `table.whitelist` / `table.blacklist`: at most one is not empty.
    include: Vec<String>,
    exclude: Vec<String>,
    /// `table.include.list` with `table.exclude.list`, when the former is set.
    patterns: Option<(Vec<Regex>, Vec<Regex>)>,
}

impl Selection {
    /// # Errors
    /// `ConfigException` for a malformed expression.
    pub(super) fn new(config: &SourceConfig) -> Result<Selection> {
        let compile = |key: &str, items: &[String]| -> Result<Vec<Regex>> {
            items.iter().map(|item| whole_match(key, item)).collect()
        };
        let patterns = match config.table_include_list.as_slice() {
            [] => None,
            included => Some((
                compile("table.include.list", included)?,
                compile("table.exclude.list", &config.table_exclude_list)?,
            )),
        };
        Ok(Selection {
            include: config.table_whitelist.clone(),
            exclude: config.table_blacklist.clone(),
            patterns,
        })
    }

    /// An entry names a table by its full name, quoted or not, or by its bare name; an expression matches its full name.
    pub(super) fn selects(&self, table: &TableId, dialect: &Dialect) -> bool {
        let full = table.to_string();
        if let Some((included, excluded)) = &self.patterns {
            let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(&full));
            return matches(included) && !matches(excluded);
        }
        let quoted = table.quoted_always(dialect);
        let named = |entry: &String| *entry == full || *entry == quoted || *entry == table.table;
        if !self.include.is_empty() {
            return self.include.iter().any(named);
        }
        !self.exclude.iter().any(named)
    }
}

/// Bare names are topics, so two tables of one name can't be copied together.
///
/// # Errors
/// `ConnectException` listing them.
pub(super) fn refuse_duplicates(tables: &[TableId], dialect: &Dialect) -> Result<()> {
    let mut by_name: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for table in tables {
        by_name.entry(&table.table).or_default().push(table.quoted(dialect));
    }
    let duplicates: Vec<String> = by_name
        .values()
        .filter(|names| names.len() > 1)
        .map(|names| format!("[{}]", names.join(", ")))
        .collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    Err(Error::connect(format!(
        "The connector uses the unqualified table name as the topic name and has detected duplicate unqualified table names. \
         This could lead to mixed data types in the topic and downstream processing errors. To prevent such processing errors, \
         the JDBC Source connector fails to start when it detects duplicate table name configurations. Update the connector's \
         'table.whitelist' or 'table.blacklist' config to include exactly one table in each of the tables listed below.\n\t[{}]",
        duplicates.join(", ")
    )))
}

/// Contiguous parts in list order, the first ones longer by one.
pub(super) fn split<T: Clone>(items: &[T], parts: usize) -> Vec<Vec<T>> {
    let parts = parts.clamp(1, items.len().max(1));
    let (least, longer) = (items.len() / parts, items.len() % parts);
    let mut groups = Vec::with_capacity(parts);
    let mut from = 0;
    for index in 0..parts {
        let to = from + least + usize::from(index < longer);
        groups.push(items[from..to].to_vec());
        from = to;
    }
    groups
}

/// What the monitor knows.
#[derive(Clone, Debug)]
pub(super) enum Listing {
    NotYet,
    /// In the driver's order.
    Tables(Vec<TableId>),
    Failed(Error),
}

/// Lists tables now and then; a changed list asks the worker for new task configurations.
pub(super) struct Monitor {
    pub(super) settings: ReaderSettings,
    pub(super) filter: TableFilter,
    pub(super) selection: Selection,
    pub(super) interval: Duration,
    pub(super) context: Arc<dyn ConnectorContext>,
    pub(super) listing: watch::Sender<Listing>,
    pub(super) connection: Option<Connection>,
}

impl Monitor {
    /// Runs until the connector stops or listing fails for good.
    pub(super) async fn run(mut self) {
        loop {
            match self.list().await {
                Ok((tables, dialect)) => {
                    if let Err(cause) = refuse_duplicates(&tables, &dialect) {
                        let text = "Encountered an unrecoverable error while reading tables from the database";
                        return self.fail(Error::wrap(ErrorKind::Connect, text, cause));
                    }
                    self.publish(tables);
                }
                Err(error) => {
                    tracing::error!(%error, "listing tables failed; will try again after table.poll.interval.ms");
                    self.connection = None;
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }

    async fn list(&mut self) -> Result<(Vec<TableId>, Dialect)> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            slot => slot.insert(self.settings.connect().await?),
        };
        let listed = connection.list_tables(&self.filter).await?;
        let dialect = &connection.dialect;
        let ids = listed.into_iter().map(|table| table.id);
        let selected = ids.filter(|id| self.selection.selects(id, dialect)).collect();
        Ok((selected, dialect.clone()))
    }

    fn publish(&self, tables: Vec<TableId>) {
        let changed = self.listing.send_if_modified(|listing| {
            if matches!(listing, Listing::Tables(known) if *known == tables) {
                return false;
            }
            tracing::info!(tables = tables.len(), "the list of tables changed");
            *listing = Listing::Tables(tables);
            true
        });
        if changed {
            self.context.request_task_reconfiguration();
        }
    }

    fn fail(&self, error: Error) {
        self.listing.send_replace(Listing::Failed(error.clone()));
        self.context.raise_error(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::Driver;
    use turnbuckle_api::{Config, Props};

    fn ids(names: &[&str]) -> Vec<TableId> {
        let dialect = Dialect::new(Driver::Postgres);
        names.iter().map(|name| dialect.parse_table(name).unwrap()).collect()
    }

    #[test]
    fn entries_name_tables_three_ways() {
        let dialect = Dialect::new(Driver::Postgres);
        let table = &ids(&["s1.u_a"])[0];
        for (entry, selected) in [
            ("u_a", true),
            ("s1.u_a", true),
            ("\"s1\".\"u_a\"", true),
            ("U_A", false),
            ("public.u_a", false),
        ] {
            let include = Selection {
                include: vec![entry.into()],
                ..Selection::default()
            };
            let exclude = Selection {
                exclude: vec![entry.into()],
                ..Selection::default()
            };
            assert_eq!(include.selects(table, &dialect), selected, "{entry}");
            assert_eq!(exclude.selects(table, &dialect), !selected, "{entry}");
        }
    }

    #[test]
    fn expressions_match_full_names() {
        let dialect = Dialect::new(Driver::Postgres);
        let props = Props::new()
            .with("table.include.list", "public\\.o.*,s1\\..*")
            .with("table.exclude.list", ".*_old");
        let selection = Selection::new(&SourceConfig::from_props(&props).unwrap()).unwrap();
        for (table, selected) in [
            ("public.orders", true),
            ("public.orders_old", false),
            ("public.users", false),
            ("s1.x", true),
        ] {
            assert_eq!(selection.selects(&ids(&[table])[0], &dialect), selected, "{table}");
        }
    }

    #[test]
    fn groups_are_contiguous() {
        assert_eq!(split(&[1, 2, 3, 4, 5], 2), [vec![1, 2, 3], vec![4, 5]]);
        assert_eq!(split(&[1, 2], 9), [vec![1], vec![2]]);
        assert_eq!(
            split(&[1, 2, 3, 4, 5, 6, 7], 3),
            [vec![1, 2, 3], vec![4, 5], vec![6, 7]]
        );
    }

    #[test]
    fn duplicate_names_are_refused() {
        let dialect = Dialect::new(Driver::Postgres);
        assert!(refuse_duplicates(&ids(&["a.t", "a.u"]), &dialect).is_ok());
        let error = refuse_duplicates(&ids(&["a.t", "b.t"]), &dialect).unwrap_err();
        assert!(error.to_string().ends_with("\n\t[[\"a\".\"t\", \"b\".\"t\"]]"));
    }
}
