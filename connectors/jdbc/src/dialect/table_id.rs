//! Names of tables.

use super::Dialect;
use std::fmt;

/// A table: its name, perhaps with schema and catalog. Displays without quotes, parts joined by dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// MySQL: the database.
    pub catalog: Option<String>,
    pub schema: Option<String>,
    pub table: String,
}

impl TableId {
    /// A bare table name.
    pub fn bare(table: impl Into<String>) -> TableId {
        TableId {
            catalog: None,
            schema: None,
            table: table.into(),
        }
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        [
            self.catalog.as_deref(),
            self.schema.as_deref(),
            Some(self.table.as_str()),
        ]
        .into_iter()
        .flatten()
    }

    /// The name as SQL has it, each part quoted as the dialect's `quote.sql.identifiers` says.
    pub fn quoted(&self, dialect: &Dialect) -> String {
        let parts: Vec<String> = self.parts().map(|part| dialect.quoted(part)).collect();
        parts.join(".")
    }

    /// The name with every part quoted.
    pub fn quoted_always(&self, dialect: &Dialect) -> String {
        let parts: Vec<String> = self.parts().map(|part| dialect.quoted_always(part)).collect();
        parts.join(".")
    }

    /// The database of a MySQL table: the catalog, or the schema when the name was written with one dot.
    pub fn database(&self) -> Option<&str> {
        self.catalog.as_deref().or(self.schema.as_deref())
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().enumerate() {
            let separator = if index == 0 { "" } else { "." };
            write!(f, "{separator}{part}")?;
        }
        Ok(())
    }
}
