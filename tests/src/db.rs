//! A database of one test's own on a shared or private server, to fill and to look into.

use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, MySqlPool, PgPool, Row, SqlitePool};
use tempfile::TempDir;

use crate::services::{self, Services};
use crate::unique;

/// A database with the URL under which a connector reaches it.
#[derive(Debug)]
pub struct Database {
    pool: Pool,
    name: String,
    jdbc_url: String,
    user: &'static str,
    password: &'static str,
    // Holds the file of SQLite.
    _folder: Option<TempDir>,
}

#[derive(Debug)]
enum Pool {
    Postgres(PgPool),
    MariaDb(MySqlPool),
    Sqlite(SqlitePool),
}

/// Rows as texts, as the server writes them; null is `None`, bytes that are no text are hexadecimal.
pub type Rows = Vec<Vec<Option<String>>>;

impl Database {
    /// A new database on the shared PostgreSQL.
    pub async fn postgres() -> Self {
        Self::postgres_at(services::shared(), &name()).await
    }

    /// A new database with this name on a PostgreSQL server; one that exists is replaced.
    pub async fn postgres_at(services: &Services, name: &str) -> Self {
        let address = services.postgres();
        let url = |database: &str| format!("postgres://postgres@{address}/{database}");
        let admin = PgPoolOptions::new().max_connections(1).connect(&url("postgres")).await;
        let admin = admin.unwrap_or_else(|e| panic!("cannot connect to PostgreSQL at {address}: {e}"));
        for statement in [
            format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"),
            format!("CREATE DATABASE \"{name}\""),
            // A killed server keeps what it acknowledged, as its users' servers do; the servers are started without this.
            format!("ALTER DATABASE \"{name}\" SET synchronous_commit = on"),
        ] {
            let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&admin).await;
            done.unwrap_or_else(|e| panic!("{statement}: {e}"));
        }
        admin.close().await;
        let pool = PgPoolOptions::new().max_connections(2).connect(&url(name)).await;
        Self {
            pool: Pool::Postgres(pool.unwrap_or_else(|e| panic!("cannot connect to database {name}: {e}"))),
            name: name.to_owned(),
            jdbc_url: format!("jdbc:postgresql://{address}/{name}"),
            user: "postgres",
            password: "postgres",
            _folder: None,
        }
    }

    /// A new database on the shared MariaDB.
    pub async fn mariadb() -> Self {
        Self::mariadb_at(services::shared(), &name()).await
    }

    /// A new database with this name on a MariaDB server; one that exists is replaced.
    pub async fn mariadb_at(services: &Services, name: &str) -> Self {
        let address = services.mariadb();
        let url = |database: &str| format!("mysql://u:p@{address}/{database}");
        let admin = MySqlPoolOptions::new().max_connections(1).connect(&url("mysql")).await;
        let admin = admin.unwrap_or_else(|e| panic!("cannot connect to MariaDB at {address}: {e}"));
        let statement = format!("DROP DATABASE IF EXISTS `{name}`; CREATE DATABASE `{name}`");
        let done = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&admin).await;
        done.unwrap_or_else(|e| panic!("{statement}: {e}"));
        admin.close().await;
        let pool = MySqlPoolOptions::new().max_connections(2).connect(&url(name)).await;
        Self {
            pool: Pool::MariaDb(pool.unwrap_or_else(|e| panic!("cannot connect to database {name}: {e}"))),
            name: name.to_owned(),
            jdbc_url: format!("jdbc:mysql://{address}/{name}"),
            user: "u",
            password: "p",
            _folder: None,
        }
    }

    /// A new SQLite file.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("cannot create a folder for SQLite: {e}"));
        let file = folder.path().join("test.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        Self {
            pool: Pool::Sqlite(pool.unwrap_or_else(|e| panic!("cannot open {}: {e}", file.display()))),
            name: "main".to_owned(),
            jdbc_url: format!("jdbc:sqlite:{}", file.display()),
            user: "",
            password: "",
            _folder: Some(folder),
        }
    }

    /// Name of the database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Value for `connection.url`.
    pub fn jdbc_url(&self) -> &str {
        &self.jdbc_url
    }

    /// Value for `connection.user`.
    pub fn user(&self) -> &str {
        self.user
    }

    /// Value for `connection.password`.
    pub fn password(&self) -> &str {
        self.password
    }

    /// Runs one or several statements without reading rows.
    pub async fn execute(&self, sql: &str) {
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let done = match &self.pool {
            Pool::Postgres(pool) => statement.execute(pool).await.map(|_| ()),
            Pool::MariaDb(pool) => statement.execute(pool).await.map(|_| ()),
            Pool::Sqlite(pool) => statement.execute(pool).await.map(|_| ()),
        };
        done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    /// Rows of a query, or what is wrong with it: for tables that a connector has yet to create.
    pub async fn try_rows(&self, sql: &str) -> Result<Rows, String> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let rows = match &self.pool {
            Pool::Postgres(pool) => query.fetch_all(pool).await.map(|rows| texts(&rows)),
            Pool::MariaDb(pool) => query.fetch_all(pool).await.map(|rows| texts(&rows)),
            Pool::Sqlite(pool) => query.fetch_all(pool).await.map(|rows| texts(&rows)),
        };
        rows.map_err(|e| format!("{sql}: {e}"))
    }

    /// Rows of a query.
    pub async fn rows(&self, sql: &str) -> Rows {
        self.try_rows(sql).await.unwrap_or_else(|e| panic!("{e}"))
    }

    /// The one value of a query; null as the text `null`.
    pub async fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        match rows.as_slice() {
            [row] if row.len() == 1 => row[0].clone().unwrap_or_else(|| "null".to_owned()),
            _ => panic!("{sql}: not one value: {rows:?}"),
        }
    }

    /// Number of rows of a table, zero while it does not exist.
    pub async fn count(&self, table: &str) -> u64 {
        let rows = self.try_rows(&format!("SELECT count(*) FROM {table}")).await;
        let count = rows.ok().and_then(|rows| rows.first()?.first()?.as_ref()?.parse().ok());
        count.unwrap_or_default()
    }
}

/// Letters, digits and underscores only, so that it needs no quotes anywhere.
fn name() -> String {
    unique("t").replace('-', "_")
}

fn texts<R>(rows: &[R]) -> Rows
where
    R: Row,
    usize: ColumnIndex<R>,
    for<'r> Option<String>: Decode<'r, R::Database>,
    for<'r> Option<Vec<u8>>: Decode<'r, R::Database>,
{
    let text = |row: &R, column: usize| match row.try_get_unchecked::<Option<String>, _>(column) {
        Ok(text) => text,
        Err(_) => {
            let bytes = row.try_get_unchecked::<Option<Vec<u8>>, _>(column);
            let bytes = bytes.unwrap_or_else(|e| panic!("column {column} is neither text nor bytes: {e}"));
            bytes.map(|b| b.iter().map(|byte| format!("{byte:02x}")).collect())
        }
    };
    rows.iter()
        .map(|row| (0..row.len()).map(|column| text(row, column)).collect())
        .collect()
}
