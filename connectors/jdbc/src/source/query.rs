//! SQL of the modes. Pure: a position in, statement text out. Bounds are written into the text as literals, so that one
//! text serves COPY, prepared statements and error messages.

use super::offset::Position;
use super::time::{Moment, Zone, wall_text};
use crate::dialect::{Dialect, TableId};
use crate::url::Driver;

/// What rows are read from. Shown by its name only: the text of a query may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Table(TableId),
    Query(String),
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Table(table) => write!(f, "{table}"),
            Origin::Query(_) => f.write_str("query"),
        }
    }
}

/// Which columns tell new rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Criteria {
    pub(crate) timestamps: Vec<String>,
    pub(crate) incrementing: Option<String>,
}

impl Criteria {
    /// A new read needs the database's time as its end.
    pub(crate) fn needs_end(&self) -> bool {
        !self.timestamps.is_empty()
    }
}

/// Builds the statements of one table or query.
#[derive(Clone, Debug)]
pub(crate) struct QueryBuilder {
    pub(crate) dialect: Dialect,
    pub(crate) origin: Origin,
    pub(crate) criteria: Criteria,
    pub(crate) suffix: String,
    pub(crate) zone: Zone,
}

impl QueryBuilder {
    /// The statement that reads what is new after `position`, and before `end` where timestamps count.
    pub(crate) fn select(&self, position: Position, end: Moment) -> String {
        let mut sql = match &self.origin {
            Origin::Table(table) => format!("SELECT * FROM {}", table.quoted(&self.dialect)),
            Origin::Query(query) => query.clone(),
        };
        let timestamp = self.timestamp_expression();
        let incrementing = self.criteria.incrementing.as_deref().map(|column| self.column(column));
        let from = || self.timestamp_literal(position.timestamp_or_epoch());
        let last_id = position.incrementing_or_start();
        match (timestamp, incrementing) {
            (None, None) => {}
            (None, Some(id)) => sql.push_str(&format!(" WHERE {id} > {last_id} ORDER BY {id} ASC")),
            (Some(at), None) => {
                let (from, end) = (from(), self.timestamp_literal(end));
                sql.push_str(&format!(" WHERE {at} > {from} AND {at} < {end} ORDER BY {at} ASC"));
            }
            (Some(at), Some(id)) => {
                let (from, end) = (from(), self.timestamp_literal(end));
                sql.push_str(&format!(
                    " WHERE {at} < {end} AND (({at} = {from} AND {id} > {last_id}) OR {at} > {from}) ORDER BY {at},{id} ASC"
                ));
            }
        }
        if !self.suffix.is_empty() {
            sql.push(' ');
            sql.push_str(&self.suffix);
        }
        sql
    }

    fn timestamp_expression(&self) -> Option<String> {
        match self.criteria.timestamps.as_slice() {
            [] => None,
            [column] => Some(self.column(column)),
            several => {
                let columns: Vec<String> = several.iter().map(|column| self.column(column)).collect();
                Some(format!("COALESCE({})", columns.join(",")))
            }
        }
    }

    fn column(&self, name: &str) -> String {
        match &self.origin {
            Origin::Table(table) => format!("{}.{}", table.quoted(&self.dialect), self.dialect.quoted(name)),
            Origin::Query(_) => self.dialect.quoted(name),
        }
    }

    /// PostgreSQL shows wall clock and offset, so that the text fits columns with and without zone; MySQL the wall clock;
    /// SQLite milliseconds.
    fn timestamp_literal(&self, moment: Moment) -> String {
        match self.dialect.driver {
            Driver::Sqlite => moment.millis.to_string(),
            Driver::Postgres => {
                let offset = self.zone.offset_at(moment.seconds());
                let sign = if offset < 0 { '-' } else { '+' };
                let minutes = offset.abs() / 60;
                let wall = wall_text(moment, &self.zone);
                match minutes % 60 {
                    0 => format!("'{wall}{sign}{:02}'", minutes / 60),
                    rest => format!("'{wall}{sign}{:02}:{rest:02}'", minutes / 60),
                }
            }
            Driver::MySql | Driver::MariaDb => format!("'{}'", wall_text(moment, &self.zone)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder(driver: Driver, table: &str, timestamps: &[&str], incrementing: Option<&str>) -> QueryBuilder {
        let dialect = Dialect::new(driver);
        QueryBuilder {
            origin: Origin::Table(dialect.parse_table(table).unwrap()),
            dialect,
            criteria: Criteria {
                timestamps: timestamps.iter().map(|name| (*name).to_string()).collect(),
                incrementing: incrementing.map(String::from),
            },
            suffix: String::new(),
            zone: Zone::utc(),
        }
    }

    #[test]
    fn statements_of_the_modes() {
        let position = Position {
            timestamp: Some(Moment::from_millis(1500)),
            incrementing: Some(7),
        };
        let end = Moment::from_millis(10_000);
        for (driver, timestamps, incrementing, sql) in [
            (Driver::Postgres, &[][..], None, "SELECT * FROM \"public\".\"users\""),
            (
                Driver::Postgres,
                &[],
                Some("id"),
                "SELECT * FROM \"public\".\"users\" WHERE \"public\".\"users\".\"id\" > 7 ORDER BY \"public\".\"users\".\"id\" ASC",
            ),
            (
                Driver::MySql,
                &["ts"],
                None,
                "SELECT * FROM `public`.`users` WHERE `public`.`users`.`ts` > '1970-01-01 00:00:01.5' AND \
                 `public`.`users`.`ts` < '1970-01-01 00:00:10' ORDER BY `public`.`users`.`ts` ASC",
            ),
        ] {
            assert_eq!(
                builder(driver, "public.users", timestamps, incrementing).select(position, end),
                sql
            );
        }
        let sqlite = builder(Driver::Sqlite, "t", &["a", "b"], Some("id"));
        assert_eq!(
            sqlite.select(position, end),
            "SELECT * FROM \"t\" WHERE COALESCE(\"t\".\"a\",\"t\".\"b\") < 10000 AND ((COALESCE(\"t\".\"a\",\"t\".\"b\") = 1500 AND \
             \"t\".\"id\" > 7) OR COALESCE(\"t\".\"a\",\"t\".\"b\") > 1500) ORDER BY COALESCE(\"t\".\"a\",\"t\".\"b\"),\"t\".\"id\" ASC"
        );
    }

    #[test]
    fn queries_take_bare_columns_and_a_suffix() {
        let mut query = builder(Driver::Postgres, "x", &[], Some("id"));
        query.origin = Origin::Query("SELECT id FROM orders".into());
        query.suffix = "LIMIT 1".into();
        assert_eq!(
            query.select(Position::default(), Moment::default()),
            "SELECT id FROM orders WHERE \"id\" > -1 ORDER BY \"id\" ASC LIMIT 1"
        );
    }

    #[test]
    fn postgres_literals_carry_the_offset() {
        let mut query = builder(Driver::Postgres, "x", &["ts"], None);
        for (zone, literal) in [
            ("UTC", "'2024-06-15 10:20:30.12+00'"),
            ("America/New_York", "'2024-06-15 06:20:30.12-04'"),
            ("Asia/Kolkata", "'2024-06-15 15:50:30.12+05:30'"),
        ] {
            query.zone = Zone::named(zone).unwrap();
            assert_eq!(query.timestamp_literal(Moment::from_millis(1_718_446_830_120)), literal);
        }
    }
}
