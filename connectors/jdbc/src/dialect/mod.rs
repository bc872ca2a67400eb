//! What differs between databases outside of values: quoting, identifiers, table names, metadata.
//!
//! [`Dialect`] holds the facts of one connection, [`TableId`] names a table, [`metadata`] asks the catalog.

pub mod metadata;
mod table_id;

pub use table_id::TableId;

use crate::url::Driver;
use turnbuckle_api::{Error, Result};

/// `quote.sql.identifiers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuoteMethod {
    #[default]
    Always,
    Never,
}

impl QuoteMethod {
    /// Reads the key's value, any case. The reference takes anything unknown for the default without a word.
    pub fn from_config(value: &str) -> QuoteMethod {
        match value.trim().eq_ignore_ascii_case("never") {
            true => QuoteMethod::Never,
            false => QuoteMethod::Always,
        }
    }
}

/// How a connection writes names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub driver: Driver,
    /// Put around each part of a name.
    pub quote: char,
    pub quote_method: QuoteMethod,
    /// Longest name the server keeps, in bytes; 0 for no limit that matters.
    pub max_identifier: usize,
}

/// Names of `dialect.name` and the databases they stand for.
const DIALECTS: [(&str, Option<&[Driver]>); 12] = [
    ("PostgreSqlDatabaseDialect", Some(&[Driver::Postgres])),
    ("MySqlDatabaseDialect", Some(&[Driver::MySql, Driver::MariaDb])),
    ("SqliteDatabaseDialect", Some(&[Driver::Sqlite])),
    ("GenericDatabaseDialect", None),
    ("Db2DatabaseDialect", None),
    ("DerbyDatabaseDialect", None),
    ("OracleDatabaseDialect", None),
    ("SapHanaDatabaseDialect", None),
    ("SqlServerDatabaseDialect", None),
    ("SybaseDatabaseDialect", None),
    ("VerticaDatabaseDialect", None),
    ("MockDatabaseDialect", None),
];

impl Dialect {
    /// The dialect of a driver with the quoting that its server uses unless the session says otherwise.
    pub fn new(driver: Driver) -> Dialect {
        Dialect {
            driver,
            quote: if driver.is_mysql() { '`' } else { '"' },
            quote_method: QuoteMethod::Always,
            max_identifier: if driver == Driver::Postgres { 63 } else { 0 },
        }
    }

    /// Checks that `dialect.name` names the dialect that the URL means; empty means by URL.
    ///
    /// # Errors
    /// `ConnectException` naming the value and what to write.
    pub fn check_name(name: &str, driver: Driver) -> Result<()> {
        if name.is_empty() {
            return Ok(());
        }
        match DIALECTS.iter().find(|(known, _)| *known == name) {
            Some((_, Some(drivers))) if drivers.contains(&driver) => Ok(()),
            Some(_) => Err(Error::connect(format!(
                "dialect.name={name} can't be used with a {} URL; leave dialect.name empty",
                driver.name()
            ))),
            None => Err(Error::connect(format!(
                "Unable to find dialect with name '{name}'; leave dialect.name empty, or name PostgreSqlDatabaseDialect, \
                 MySqlDatabaseDialect or SqliteDatabaseDialect"
            ))),
        }
    }

    /// One part of a name as SQL has it. Quote characters inside are not doubled, as in the reference; a name with one can't
    /// be used.
    pub fn quoted(&self, name: &str) -> String {
        match self.quote_method {
            QuoteMethod::Always => self.quoted_always(name),
            QuoteMethod::Never => name.to_string(),
        }
    }

    /// As [`Dialect::quoted`], whatever `quote.sql.identifiers` says.
    pub fn quoted_always(&self, name: &str) -> String {
        format!("{0}{name}{0}", self.quote)
    }

    /// Splits `a.b.c` at dots outside quotes: table, schema.table or catalog.schema.table. PostgreSQL cuts the table's name
    /// at its limit and, without quoting, lowers it.
    ///
    /// # Errors
    /// `java.lang.IllegalArgumentException` for no part or more than three.
    pub fn parse_table(&self, text: &str) -> Result<TableId> {
        let mut parts = self.split_name(text);
        let table = parts.pop().filter(|table| !table.is_empty());
        let (Some(table), true) = (table, parts.len() <= 2) else {
            let kind = turnbuckle_api::ErrorKind::IllegalArgument;
            return Err(Error::new(
                kind,
                format!("'{text}' names no table; write table, schema.table or catalog.schema.table"),
            ));
        };
        let schema = parts.pop();
        Ok(TableId {
            catalog: parts.pop(),
            schema,
            table: self.folded(&table),
        })
    }

    fn folded(&self, table: &str) -> String {
        if self.driver != Driver::Postgres {
            return table.to_string();
        }
        let mut end = table.len().min(self.max_identifier);
        while !table.is_char_boundary(end) {
            end -= 1;
        }
        match self.quote_method {
            QuoteMethod::Always => table[..end].to_string(),
            QuoteMethod::Never => table[..end].to_lowercase(),
        }
    }

    fn split_name(&self, text: &str) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut quoted = false;
        for c in text.chars() {
            if c == self.quote {
                quoted = !quoted;
            } else if c == '.' && !quoted {
                parts.push(String::new());
            } else if let Some(last) = parts.last_mut() {
                last.push(c);
            }
        }
        parts
    }

    /// A text literal of this database's SQL.
    pub fn literal(&self, text: &str) -> String {
        let doubled = text.replace('\'', "''");
        match self.driver {
            Driver::Postgres if doubled.contains('\\') => format!("E'{}'", doubled.replace('\\', "\\\\")),
            Driver::MySql | Driver::MariaDb => format!("'{}'", doubled.replace('\\', "\\\\")),
            Driver::Postgres | Driver::Sqlite => format!("'{doubled}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_and_quoted() {
        let postgres = Dialect::new(Driver::Postgres);
        let mysql = Dialect::new(Driver::MySql);
        for (dialect, text, quoted, plain) in [
            (&postgres, "orders", "\"orders\"", "orders"),
            (&postgres, "public.orders", "\"public\".\"orders\"", "public.orders"),
            (&postgres, "\"a.b\".\"c d\"", "\"a.b\".\"c d\"", "a.b.c d"),
            (&postgres, "d.s.T", "\"d\".\"s\".\"T\"", "d.s.T"),
            (&mysql, "`shop`.`users`", "`shop`.`users`", "shop.users"),
        ] {
            let table = dialect.parse_table(text).unwrap();
            assert_eq!(table.quoted(dialect), quoted);
            assert_eq!(table.to_string(), plain);
        }
        assert!(postgres.parse_table("").is_err());
        assert!(postgres.parse_table("a.b.c.d").is_err());
    }

    #[test]
    fn postgres_cuts_and_folds_table_names() {
        let mut dialect = Dialect::new(Driver::Postgres);
        let long = "x".repeat(70);
        assert_eq!(dialect.parse_table(&long).unwrap().table.len(), 63);
        dialect.quote_method = QuoteMethod::Never;
        let table = dialect.parse_table("Shop.Orders").unwrap();
        assert_eq!(table.quoted(&dialect), "Shop.orders");
        let umlauts = format!("{}ä", "x".repeat(62));
        assert_eq!(dialect.parse_table(&umlauts).unwrap().table, "x".repeat(62));
    }

    #[test]
    fn literals_cant_break_out() {
        for (driver, literal) in [
            (Driver::Postgres, "E'a''b\\\\'"),
            (Driver::MySql, "'a''b\\\\'"),
            (Driver::Sqlite, "'a''b\\'"),
        ] {
            assert_eq!(Dialect::new(driver).literal("a'b\\"), literal);
        }
    }

    #[test]
    fn dialect_names_are_checked() {
        assert!(Dialect::check_name("", Driver::Sqlite).is_ok());
        assert!(Dialect::check_name("MySqlDatabaseDialect", Driver::MariaDb).is_ok());
        assert!(Dialect::check_name("OracleDatabaseDialect", Driver::Postgres).is_err());
        let error = Dialect::check_name("Nonsense", Driver::Postgres).unwrap_err();
        assert!(error.to_string().contains("'Nonsense'"));
    }
}
