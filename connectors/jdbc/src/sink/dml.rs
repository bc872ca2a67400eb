//! INSERT, upsert, UPDATE and DELETE texts per database.
//!
//! A statement is text with places for column values. The same statement is shown with `?` (prepared statements, logs), or
//! filled with literals (multi-row statements, error messages).

use super::config::InsertMode;
use super::fields::{Column, Fields};
use crate::dialect::{Dialect, TableId};
use crate::url::Driver;

/// Text with places for values of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    /// Text before each place, and after the last.
    texts: Vec<String>,
    /// Positions in [`Fields::columns`].
    columns: Vec<usize>,
}

impl Template {
    fn text(&mut self, text: &str) {
        match self.texts.get_mut(self.columns.len()) {
            Some(last) => last.push_str(text),
            None => self.texts.push(text.to_string()),
        }
    }

    fn place(&mut self, column: usize) {
        self.text("");
        self.columns.push(column);
    }

    /// Columns in the order of their places.
    pub(crate) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Appends the text, with `value` writing at each place.
    ///
    /// # Errors
    /// What `value` gives.
    pub(crate) fn fill<E>(
        &self,
        out: &mut String,
        mut value: impl FnMut(&mut String, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        for (index, text) in self.texts.iter().enumerate() {
            out.push_str(text);
            if let Some(column) = self.columns.get(index) {
                value(out, *column)?;
            }
        }
        Ok(())
    }

    /// The text with `?` at each place.
    pub(crate) fn prepared(&self) -> String {
        let mut out = String::new();
        let filled: Result<(), std::convert::Infallible> = self.fill(&mut out, |out, _| {
            out.push('?');
            Ok(())
        });
        match filled {
            Ok(()) => out,
            Err(never) => match never {},
        }
    }
}

/// A statement that writes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// Takes any number of rows: head, rows with the separator between them, tail.
    Rows {
        head: String,
        row: Template,
        separator: &'static str,
        tail: String,
    },
    /// One statement per record.
    Each(Template),
}

impl Write {
    /// The prepared statement for this many records; those of [`Write::Each`] take one.
    pub(crate) fn block(&self, rows: usize) -> String {
        match self {
            Write::Each(template) => template.prepared(),
            Write::Rows {
                head,
                row,
                separator,
                tail,
            } => format!("{head}{}{tail}", vec![row.prepared(); rows].join(separator)),
        }
    }

    /// The statement for one record.
    pub(crate) fn single(&self) -> Template {
        match self {
            Write::Each(template) => template.clone(),
            Write::Rows { head, row, tail, .. } => {
                let mut single = Template::default();
                single.text(head);
                for (index, column) in row.columns.iter().enumerate() {
                    single.text(&row.texts[index]);
                    single.place(*column);
                }
                single.text(row.texts.last().map_or("", String::as_str));
                single.text(tail);
                single
            }
        }
    }
}

/// What is needed to write statements for one table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) table: &'a TableId,
    pub(crate) fields: &'a Fields,
    /// Casts behind the places of each column: `::json` and the like, else empty.
    pub(crate) casts: &'a [&'static str],
}

impl Target<'_> {
    fn table(&self) -> String {
        self.table.quoted(self.dialect)
    }

    pub(crate) fn name(&self, column: &Column) -> String {
        self.dialect.quoted(&column.name)
    }

    /// Quoted names joined by commas.
    pub(crate) fn names(&self, columns: &[Column]) -> String {
        let names: Vec<String> = columns.iter().map(|column| self.name(column)).collect();
        names.join(",")
    }

    fn cast(&self, column: usize) -> &'static str {
        self.casts.get(column).copied().unwrap_or("")
    }

    /// The statement of an insert mode.
    pub(crate) fn write(&self, mode: InsertMode) -> Write {
        match mode {
            InsertMode::Update => Write::Each(self.update()),
            InsertMode::Insert => self.rows("INSERT INTO", String::new()),
            InsertMode::Upsert => match self.dialect.driver {
                Driver::Postgres => self.rows("INSERT INTO", self.conflict_clause()),
                Driver::MySql | Driver::MariaDb => self.rows("insert into", self.duplicate_key_clause()),
                Driver::Sqlite => self.rows("INSERT OR REPLACE INTO", String::new()),
            },
        }
    }

    fn rows(&self, verb: &str, tail: String) -> Write {
        let names = self.names(&self.fields.columns);
        let head = match self.dialect.driver {
            Driver::Postgres => format!("{verb} {} ({names}) VALUES ", self.table()),
            _ if verb == "insert into" => format!("{verb} {}({names}) values", self.table()),
            _ => format!("{verb} {}({names}) VALUES", self.table()),
        };
        let mut row = Template::default();
        for index in 0..self.fields.columns.len() {
            row.text(if index == 0 { "(" } else { "," });
            row.place(index);
            row.text(self.cast(index));
        }
        row.text(")");
        Write::Rows {
            head,
            row,
            separator: ",",
            tail,
        }
    }

    /// ` ON CONFLICT …` of PostgreSQL.
    pub(crate) fn conflict_clause(&self) -> String {
        let keys = self.names(self.fields.key_columns());
        let sets: Vec<String> = self.fields.columns[self.fields.keys..]
            .iter()
            .map(|column| format!("{0}=EXCLUDED.{0}", self.name(column)))
            .collect();
        if sets.is_empty() {
            return format!(" ON CONFLICT ({keys}) DO NOTHING");
        }
        format!(" ON CONFLICT ({keys}) DO UPDATE SET {}", sets.join(","))
    }

    fn duplicate_key_clause(&self) -> String {
        let others = &self.fields.columns[self.fields.keys..];
        let set = if others.is_empty() {
            self.fields.key_columns()
        } else {
            others
        };
        let sets: Vec<String> = set
            .iter()
            .map(|column| format!("{0}=values({0})", self.name(column)))
            .collect();
        format!(" on duplicate key update {}", sets.join(","))
    }

    /// Without key columns every row of the table is meant, as in the reference.
    fn update(&self) -> Template {
        let mut out = Template::default();
        out.text(&format!("UPDATE {} SET ", self.table()));
        for index in self.fields.keys..self.fields.columns.len() {
            if index > self.fields.keys {
                out.text(", ");
            }
            out.text(&format!("{} = ", self.name(&self.fields.columns[index])));
            out.place(index);
            out.text(self.cast(index));
        }
        self.key_condition(&mut out);
        out
    }

    /// `DELETE` by key columns.
    pub(crate) fn delete(&self) -> Template {
        let mut out = Template::default();
        out.text(&format!("DELETE FROM {}", self.table()));
        self.key_condition(&mut out);
        out
    }

    /// `DELETE` of many keys: a list for one key column, else alternatives that an index can serve (SQLite: a list of rows).
    pub(crate) fn delete_many(&self) -> Write {
        let table = self.table();
        let keys = self.fields.key_columns();
        let mut row = Template::default();
        if self.dialect.driver != Driver::Sqlite && keys.len() > 1 {
            for (index, column) in keys.iter().enumerate() {
                row.text(if index == 0 { "(" } else { " AND " });
                row.text(&format!("{} = ", self.name(column)));
                row.place(index);
            }
            row.text(")");
            return Write::Rows {
                head: format!("DELETE FROM {table} WHERE "),
                row,
                separator: " OR ",
                tail: String::new(),
            };
        }
        for index in 0..keys.len() {
            row.text(match (index, keys.len()) {
                (0, 1) => "",
                (0, _) => "(",
                _ => ",",
            });
            row.place(index);
        }
        let (left, values) = match keys {
            [key] => (self.name(key), ""),
            _ => {
                row.text(")");
                (format!("({})", self.names(keys)), "VALUES ")
            }
        };
        Write::Rows {
            head: format!("DELETE FROM {table} WHERE {left} IN ({values}"),
            row,
            separator: ",",
            tail: ")".to_string(),
        }
    }

    fn key_condition(&self, out: &mut Template) {
        for (index, column) in self.fields.key_columns().iter().enumerate() {
            out.text(if index == 0 { " WHERE " } else { " AND " });
            out.text(&format!("{} = ", self.name(column)));
            out.place(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::PkMode;
    use super::super::fields::{KeyRules, ValueRules};
    use super::*;
    use crate::dialect::QuoteMethod;
    use turnbuckle_api::data::Type;
    use turnbuckle_api::{Schema, SchemaRef};

    fn fields(names: &[&str], keys: &[&str]) -> Fields {
        let add = |builder: turnbuckle_api::SchemaBuilder, name: &&str| {
            builder.field(*name, Schema::primitive(Type::Int32, false))
        };
        let schema: SchemaRef = names.iter().fold(Schema::structure(), add).finish();
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mode = if keys.is_empty() {
            PkMode::None
        } else {
            PkMode::RecordValue
        };
        let rules = KeyRules { mode, fields: &keys };
        Fields::extract("t", rules, ValueRules::PLAIN, None, Some(&schema)).unwrap()
    }

    fn sql(driver: Driver, mode: InsertMode, fields: &Fields) -> String {
        let dialect = Dialect::new(driver);
        let table = TableId::bare("t");
        let casts = [""; 8];
        let target = Target {
            dialect: &dialect,
            table: &table,
            fields,
            casts: &casts,
        };
        target.write(mode).single().prepared()
    }

    #[test]
    fn statements_have_the_known_texts() {
        let plain = fields(&["id", "name"], &[]);
        let keyed = fields(&["id", "k", "a", "b"], &["k", "id"]);
        let keys_only = fields(&["id"], &["id"]);
        for (driver, mode, fields, expected) in [
            (
                Driver::Postgres,
                InsertMode::Insert,
                &plain,
                "INSERT INTO \"t\" (\"id\",\"name\") VALUES (?,?)",
            ),
            (
                Driver::MySql,
                InsertMode::Insert,
                &plain,
                "INSERT INTO `t`(`id`,`name`) VALUES(?,?)",
            ),
            (
                Driver::Sqlite,
                InsertMode::Insert,
                &plain,
                "INSERT INTO \"t\"(\"id\",\"name\") VALUES(?,?)",
            ),
            (
                Driver::Postgres,
                InsertMode::Upsert,
                &keyed,
                "INSERT INTO \"t\" (\"k\",\"id\",\"a\",\"b\") VALUES (?,?,?,?) ON CONFLICT (\"k\",\"id\") DO UPDATE SET \
                 \"a\"=EXCLUDED.\"a\",\"b\"=EXCLUDED.\"b\"",
            ),
            (
                Driver::Postgres,
                InsertMode::Upsert,
                &keys_only,
                "INSERT INTO \"t\" (\"id\") VALUES (?) ON CONFLICT (\"id\") DO NOTHING",
            ),
            (
                Driver::MariaDb,
                InsertMode::Upsert,
                &keyed,
                "insert into `t`(`k`,`id`,`a`,`b`) values(?,?,?,?) on duplicate key update `a`=values(`a`),`b`=values(`b`)",
            ),
            (
                Driver::MySql,
                InsertMode::Upsert,
                &keys_only,
                "insert into `t`(`id`) values(?) on duplicate key update `id`=values(`id`)",
            ),
            (
                Driver::Sqlite,
                InsertMode::Upsert,
                &keys_only,
                "INSERT OR REPLACE INTO \"t\"(\"id\") VALUES(?)",
            ),
            (
                Driver::Sqlite,
                InsertMode::Update,
                &keyed,
                "UPDATE \"t\" SET \"a\" = ?, \"b\" = ? WHERE \"k\" = ? AND \"id\" = ?",
            ),
            (
                Driver::Postgres,
                InsertMode::Update,
                &plain,
                "UPDATE \"t\" SET \"id\" = ?, \"name\" = ?",
            ),
            (
                Driver::Postgres,
                InsertMode::Update,
                &keys_only,
                "UPDATE \"t\" SET  WHERE \"id\" = ?",
            ),
        ] {
            assert_eq!(sql(driver, mode, fields), expected);
        }
    }

    #[test]
    fn many_keys_are_deleted_at_once() {
        let (one, two) = (fields(&["id", "v"], &["id"]), fields(&["a", "b", "v"], &["b", "a"]));
        for (driver, fields, expected) in [
            (Driver::MySql, &one, "DELETE FROM `t` WHERE `id` IN (?,?)"),
            (Driver::Sqlite, &one, "DELETE FROM \"t\" WHERE \"id\" IN (?,?)"),
            (
                Driver::MariaDb,
                &two,
                "DELETE FROM `t` WHERE (`b` = ? AND `a` = ?) OR (`b` = ? AND `a` = ?)",
            ),
            (
                Driver::Sqlite,
                &two,
                "DELETE FROM \"t\" WHERE (\"b\",\"a\") IN (VALUES (?,?),(?,?))",
            ),
        ] {
            let (dialect, table) = (Dialect::new(driver), TableId::bare("t"));
            let target = Target {
                dialect: &dialect,
                table: &table,
                fields,
                casts: &[],
            };
            assert_eq!(target.delete_many().block(2), expected);
        }
    }

    #[test]
    fn casts_follow_inserted_and_set_values_only() {
        let mut dialect = Dialect::new(Driver::Postgres);
        dialect.quote_method = QuoteMethod::Never;
        let table = TableId {
            catalog: None,
            schema: Some("s".into()),
            table: "t".into(),
        };
        let fields = fields(&["id", "j"], &["id"]);
        let target = Target {
            dialect: &dialect,
            table: &table,
            fields: &fields,
            casts: &["::uuid", "::json"],
        };
        assert_eq!(
            target.write(InsertMode::Insert).single().prepared(),
            "INSERT INTO s.t (id,j) VALUES (?::uuid,?::json)"
        );
        assert_eq!(
            target.write(InsertMode::Update).single().prepared(),
            "UPDATE s.t SET j = ?::json WHERE id = ?"
        );
        assert_eq!(target.delete().prepared(), "DELETE FROM s.t WHERE id = ?");
        assert_eq!(target.delete().columns(), [0]);
    }
}
