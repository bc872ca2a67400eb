//! Catalog queries: what tables there are, and what columns they have. Answers stand for JDBC's `DatabaseMetaData`.

use super::TableId;
use crate::connection::{Client, Connection};
use crate::url::Driver;
use sqlx::{AssertSqlSafe, MySqlConnection, PgConnection, Row, SqliteConnection};
use turnbuckle_api::Result;

/// Which tables to list. Patterns are SQL `LIKE` patterns; absent means all.
#[derive(Clone, Debug, Default)]
pub struct TableFilter {
    pub catalog: Option<String>,
    pub schema: Option<String>,
    /// Upper-case type names: `TABLE`, `VIEW`, `PARTITIONED TABLE`.
    pub types: Vec<String>,
}

/// A table with its JDBC type name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTable {
    pub id: TableId,
    pub kind: String,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnInfo {
    pub name: String,
    /// PostgreSQL: the base type's name (`int4`, `varchar`, an enum's name); MySQL: `decimal(10,2) unsigned`; SQLite: as declared.
    pub type_name: String,
    pub nullable: bool,
    pub auto_increment: bool,
    pub primary_key: bool,
    pub has_default: bool,
    /// The server computes it; it can't be written.
    pub generated: bool,
    /// PostgreSQL: identity column GENERATED ALWAYS.
    pub identity_always: bool,
    /// PostgreSQL: OID of the type with domains resolved, else 0.
    pub type_oid: u32,
    /// PostgreSQL: type modifier, -1 without.
    pub type_modifier: i32,
    /// PostgreSQL: `pg_type.typtype` of the resolved type (`b`, `e` for enums, …), else `b`.
    pub type_kind: char,
}

impl Connection {
    /// Tables in the order of JDBC's `getTables`.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn list_tables(&mut self, filter: &TableFilter) -> Result<Vec<ListedTable>> {
        let driver = self.dialect.driver;
        let outcome = match &mut self.client {
            Client::Postgres(client) => postgres_tables(client, filter).await,
            Client::MySql(client) => mysql_tables(client, driver, filter).await,
            Client::Sqlite(client) => sqlite_tables(client, filter).await,
        };
        outcome.map_err(|error| self.error(error))
    }

    /// Columns of a table in order; empty if there is no such table. A name without schema is found as the server finds it.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn columns(&mut self, table: &TableId) -> Result<Vec<ColumnInfo>> {
        let quoted = table.quoted(&self.dialect);
        let outcome = match &mut self.client {
            Client::Postgres(client) => postgres_columns(client, &quoted).await,
            Client::MySql(client) => mysql_columns(client, table).await,
            Client::Sqlite(client) => sqlite_columns(client, table).await,
        };
        outcome.map_err(|error| self.error(error))
    }

    /// The JDBC type of a table (`TABLE`, `VIEW`, `PARTITIONED TABLE`, …); None if there is none of this name.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn table_kind(&mut self, table: &TableId) -> Result<Option<String>> {
        let quoted = table.quoted(&self.dialect);
        let outcome = match &mut self.client {
            Client::Postgres(client) => {
                let sql = format!("SELECT {POSTGRES_KIND} FROM pg_class c WHERE c.oid = to_regclass($1)");
                sqlx::query_scalar::<_, String>(AssertSqlSafe(sql))
                    .bind(quoted)
                    .fetch_optional(client)
                    .await
            }
            Client::MySql(client) => {
                let sql = "SELECT CONVERT(IF(table_type IN ('BASE TABLE', 'SYSTEM VERSIONED'), 'TABLE', table_type) USING utf8mb4) \
                           FROM information_schema.tables WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";
                sqlx::query_scalar::<_, String>(sql)
                    .bind(table.database())
                    .bind(&table.table)
                    .fetch_optional(client)
                    .await
            }
            Client::Sqlite(client) => {
                sqlx::query_scalar::<_, String>(
                    "SELECT upper(type) FROM sqlite_master WHERE lower(name) = lower(?) AND type IN ('table', 'view')",
                )
                .bind(&table.table)
                .fetch_optional(client)
                .await
            }
        };
        outcome.map_err(|error| self.error(error))
    }
}

/// JDBC's type name of a relation `c`.
const POSTGRES_KIND: &str = "CASE c.relkind WHEN 'r' THEN CASE c.relpersistence WHEN 't' THEN 'TEMPORARY TABLE' ELSE 'TABLE' END \
     WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' \
     ELSE 'OTHER' END";

async fn postgres_tables(client: &mut PgConnection, filter: &TableFilter) -> sqlx::Result<Vec<ListedTable>> {
    // An empty pattern filters nothing, and the catalog's is not looked at: so does pgjdbc.
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, k.kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT CASE WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN 'SYSTEM ' ELSE '' END || \
         {POSTGRES_KIND} AS kind) k WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_toast' \
         AND k.kind = ANY($1) AND ($2::text IS NULL OR $2 = '' OR n.nspname LIKE $2) ORDER BY k.kind, 1, 2"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&filter.types)
        .bind(&filter.schema)
        .fetch_all(client)
        .await?;
    rows.iter()
        .map(|row| {
            let id = TableId {
                catalog: None,
                schema: Some(row.try_get(0)?),
                table: row.try_get(1)?,
            };
            Ok(ListedTable {
                id,
                kind: row.try_get(2)?,
            })
        })
        .collect()
}

async fn mysql_tables(
    client: &mut MySqlConnection,
    driver: Driver,
    filter: &TableFilter,
) -> sqlx::Result<Vec<ListedTable>> {
    // Without a catalog MariaDB's driver lists the current database, MySQL's lists all.
    let database = match (&filter.catalog, driver) {
        (Some(catalog), _) if !catalog.is_empty() => Some(catalog.clone()),
        (_, Driver::MySql) => None,
        _ => {
            sqlx::query_scalar("SELECT CONVERT(DATABASE() USING utf8mb4)")
                .fetch_one(&mut *client)
                .await?
        }
    };
    let sql = "SELECT CONVERT(table_schema USING utf8mb4), CONVERT(table_name USING utf8mb4), CONVERT(table_type USING utf8mb4) \
               FROM information_schema.tables WHERE ? IS NULL OR table_schema = ? ORDER BY table_schema, table_name";
    let rows = sqlx::query(sql)
        .bind(&database)
        .bind(&database)
        .fetch_all(client)
        .await?;
    let mut tables = Vec::new();
    for row in rows {
        let schema: String = row.try_get(0)?;
        let declared: String = row.try_get(2)?;
        let of_system = matches!(schema.as_str(), "mysql" | "performance_schema" | "information_schema");
        let kind = match declared.as_str() {
            "BASE TABLE" | "SYSTEM VERSIONED" if of_system && driver == Driver::MySql => "SYSTEM TABLE",
            "BASE TABLE" | "SYSTEM VERSIONED" => "TABLE",
            "VIEW" if of_system && driver == Driver::MySql => "SYSTEM VIEW",
            other => other,
        };
        if filter.types.iter().any(|wanted| wanted == kind) {
            let id = TableId {
                catalog: Some(schema),
                schema: None,
                table: row.try_get(1)?,
            };
            tables.push(ListedTable {
                id,
                kind: kind.to_string(),
            });
        }
    }
    tables.sort_by(|a, b| a.kind.cmp(&b.kind));
    Ok(tables)
}

async fn sqlite_tables(client: &mut SqliteConnection, filter: &TableFilter) -> sqlx::Result<Vec<ListedTable>> {
    let sql = "SELECT upper(type), name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               ORDER BY 1, 2";
    let rows = sqlx::query(sql).fetch_all(client).await?;
    let mut tables = Vec::new();
    for row in rows {
        let kind: String = row.try_get(0)?;
        if filter.types.contains(&kind) {
            let id = TableId::bare(row.try_get::<String, _>(1)?);
            tables.push(ListedTable { id, kind });
        }
    }
    Ok(tables)
}

async fn postgres_columns(client: &mut PgConnection, quoted: &str) -> sqlx::Result<Vec<ColumnInfo>> {
    let sql = "WITH RECURSIVE base(declared, oid, basetype, typtype, typmod, typname, required) AS ( \
               SELECT t.oid, t.oid, t.typbasetype, t.typtype, t.typtypmod, t.typname, t.typnotnull FROM pg_type t \
               WHERE t.oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = to_regclass($1)) \
               UNION ALL SELECT b.declared, t.oid, t.typbasetype, t.typtype, \
               CASE WHEN b.typmod >= 0 THEN b.typmod ELSE t.typtypmod END, t.typname, b.required OR t.typnotnull \
               FROM base b JOIN pg_type t ON t.oid = b.basetype WHERE b.typtype = 'd') \
               SELECT a.attname::text, b.typname::text, b.oid::int8, \
               CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.typmod END, b.typtype::text, \
               NOT (a.attnotnull OR b.required), \
               COALESCE(a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%', a.attidentity <> ''), \
               COALESCE((SELECT a.attnum = ANY(i.indkey) FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary), false), \
               a.atthasdef, a.attgenerated <> '', a.attidentity = 'a' \
               FROM pg_attribute a JOIN base b ON b.declared = a.atttypid AND b.typtype <> 'd' \
               LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
               WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let rows = sqlx::query(sql).bind(quoted).fetch_all(client).await?;
    rows.iter()
        .map(|row| {
            Ok(ColumnInfo {
                name: row.try_get(0)?,
                type_name: row.try_get(1)?,
                type_oid: u32::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0),
                type_modifier: row.try_get(3)?,
                type_kind: row.try_get::<String, _>(4)?.chars().next().unwrap_or('b'),
                nullable: row.try_get(5)?,
                auto_increment: row.try_get(6)?,
                primary_key: row.try_get(7)?,
                has_default: row.try_get(8)?,
                generated: row.try_get(9)?,
                identity_always: row.try_get(10)?,
            })
        })
        .collect()
}

async fn mysql_columns(client: &mut MySqlConnection, table: &TableId) -> sqlx::Result<Vec<ColumnInfo>> {
    let sql = "SELECT CONVERT(column_name USING utf8mb4), CONVERT(column_type USING utf8mb4), CONVERT(is_nullable USING utf8mb4), \
               CONVERT(column_key USING utf8mb4), CONVERT(extra USING utf8mb4), column_default IS NOT NULL \
               FROM information_schema.columns WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ? \
               ORDER BY ordinal_position";
    let rows = sqlx::query(sql)
        .bind(table.database())
        .bind(&table.table)
        .fetch_all(client)
        .await?;
    rows.iter()
        .map(|row| {
            let extra: String = row.try_get::<String, _>(4)?.to_lowercase();
            Ok(ColumnInfo {
                name: row.try_get(0)?,
                type_name: row.try_get::<String, _>(1)?,
                nullable: row.try_get::<String, _>(2)? == "YES",
                primary_key: row.try_get::<String, _>(3)? == "PRI",
                auto_increment: extra.contains("auto_increment"),
                generated: extra.contains("generated") && !extra.contains("default_generated"),
                has_default: row.try_get_unchecked(5)?,
                type_modifier: -1,
                type_kind: 'b',
                ..ColumnInfo::default()
            })
        })
        .collect()
}

async fn sqlite_columns(client: &mut SqliteConnection, table: &TableId) -> sqlx::Result<Vec<ColumnInfo>> {
    let rows = sqlx::query("SELECT name, type, \"notnull\", pk, dflt_value IS NOT NULL, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1")
        .bind(&table.table)
        .fetch_all(&mut *client)
        .await?;
    let created: Option<String> =
        sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE lower(name) = lower(?) AND type = 'table'")
            .bind(&table.table)
            .fetch_optional(client)
            .await?
            .flatten();
    let auto_increment = created.is_some_and(|sql| sql.to_uppercase().contains("AUTOINCREMENT"));
    rows.iter()
        .map(|row| {
            let primary_key = row.try_get::<i64, _>(3)? > 0;
            Ok(ColumnInfo {
                name: row.try_get(0)?,
                type_name: row.try_get(1)?,
                nullable: row.try_get::<i64, _>(2)? == 0,
                primary_key,
                auto_increment: primary_key && auto_increment,
                has_default: row.try_get::<i64, _>(4)? != 0,
                generated: row.try_get::<i64, _>(5)? >= 2,
                type_modifier: -1,
                type_kind: 'b',
                ..ColumnInfo::default()
            })
        })
        .collect()
}
