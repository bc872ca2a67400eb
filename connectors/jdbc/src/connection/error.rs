//! Database errors in the words of the Java drivers: class name and message, which people's alerts match.

use crate::url::Driver;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use sqlx::sqlite::SqliteError;
use turnbuckle_api::{Error, ErrorKind};

const PSQL: ErrorKind = ErrorKind::Class("org.postgresql.util.PSQLException");
const SQLITE: ErrorKind = ErrorKind::Class("org.sqlite.SQLiteException");
const SQL: ErrorKind = ErrorKind::Class("java.sql.SQLException");
const SYNTAX: ErrorKind = ErrorKind::Class("java.sql.SQLSyntaxErrorException");
const INTEGRITY: ErrorKind = ErrorKind::Class("java.sql.SQLIntegrityConstraintViolationException");
const DATA: ErrorKind = ErrorKind::Class("java.sql.SQLDataException");
const FEATURE: ErrorKind = ErrorKind::Class("java.sql.SQLFeatureNotSupportedException");
const AUTHORIZATION: ErrorKind = ErrorKind::Class("java.sql.SQLInvalidAuthorizationSpecException");
const ROLLBACK: ErrorKind = ErrorKind::Class("java.sql.SQLTransactionRollbackException");
const CONNECTION: ErrorKind = ErrorKind::Class("java.sql.SQLNonTransientConnectionException");
const TRANSIENT_CONNECTION: ErrorKind = ErrorKind::Class("java.sql.SQLTransientConnectionException");

/// What error texts need to know of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorContext {
    pub(crate) driver: Driver,
    /// MariaDB's driver shows the server's connection number.
    pub(crate) connection_id: u64,
    /// Characters put before the statement's own text, which PostgreSQL counts in positions.
    pub(crate) position_shift: usize,
}

/// The Java driver's error for an error of the native client.
pub(crate) fn sql_error(context: ErrorContext, error: sqlx::Error) -> Error {
    let text = match error {
        sqlx::Error::Database(database) => {
            let source = database.as_error();
            if let Some(error) = source.downcast_ref::<PgDatabaseError>() {
                return postgres(error, context.position_shift);
            }
            if let Some(error) = source.downcast_ref::<MySqlDatabaseError>() {
                return mysql(context, error);
            }
            if let Some(error) = source.downcast_ref::<SqliteError>() {
                return sqlite(error);
            }
            database.message().to_string()
        }
        sqlx::Error::Io(io) => return lost(context.driver, &io),
        sqlx::Error::Tls(cause) => format!("SSL error: {cause}"),
        other => other.to_string(),
    };
    let kind = match context.driver {
        Driver::Postgres => PSQL,
        Driver::Sqlite => SQLITE,
        Driver::MySql | Driver::MariaDb => SQL,
    };
    Error::new(kind, text)
}

fn lost(driver: Driver, io: &std::io::Error) -> Error {
    let cause = Error::new(ErrorKind::Class("java.io.IOException"), io.to_string());
    match driver {
        Driver::Postgres => Error::wrap(PSQL, "An I/O error occurred while sending to the backend.", cause),
        Driver::MySql => Error::wrap(
            ErrorKind::Class("com.mysql.cj.jdbc.exceptions.CommunicationsException"),
            "Communications link failure",
            cause,
        ),
        Driver::MariaDb => Error::wrap(CONNECTION, format!("(conn=-1) unexpected end of stream: {io}"), cause),
        Driver::Sqlite => Error::wrap(SQLITE, "[SQLITE_IOERR] Some kind of disk I/O error occurred", cause),
    }
}

/// Nobody listens, the name is unknown, or the server hung up while connecting.
pub(super) fn unreachable(driver: Driver, host: &str, port: u16, io: &std::io::Error) -> Error {
    let refused = io.kind() == std::io::ErrorKind::ConnectionRefused;
    let cause = match io.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            Error::new(ErrorKind::Class("java.net.ConnectException"), "Connection refused")
        }
        std::io::ErrorKind::TimedOut => {
            Error::new(ErrorKind::Class("java.net.SocketTimeoutException"), "Connect timed out")
        }
        _ => Error::new(ErrorKind::Class("java.io.IOException"), io.to_string()),
    };
    match driver {
        Driver::Postgres if refused => {
            let text = format!(
                "Connection to {host}:{port} refused. Check that the hostname and port are correct and that the postmaster is \
                 accepting TCP/IP connections."
            );
            Error::wrap(PSQL, text, cause)
        }
        Driver::Postgres => Error::wrap(PSQL, "The connection attempt failed.", cause),
        Driver::MySql => Error::wrap(
            ErrorKind::Class("com.mysql.cj.jdbc.exceptions.CommunicationsException"),
            "Communications link failure",
            cause.with_context("server", format!("{host}:{port}")),
        ),
        Driver::MariaDb | Driver::Sqlite => {
            let text = format!(
                "Could not connect to address=(host={host})(port={port})(type=master) : Socket fail to connect to host:{host}, \
                 port:{port}. {}",
                cause.message().unwrap_or_default()
            );
            Error::wrap(CONNECTION, text, cause)
        }
    }
}

fn postgres(error: &PgDatabaseError, position_shift: usize) -> Error {
    let severity = format!("{:?}", error.severity()).to_uppercase();
    let mut text = format!("{severity}: {}", error.message());
    let mut line = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            text.push_str(&format!("\n  {label}: {value}"));
        }
    };
    line("Detail", error.detail().map(String::from));
    line("Hint", error.hint().map(String::from));
    if let Some(PgErrorPosition::Original(position)) = error.position() {
        line("Position", Some(position.saturating_sub(position_shift).to_string()));
    }
    line("Where", error.r#where().map(String::from));
    Error::new(PSQL, text)
}

fn mysql(context: ErrorContext, error: &MySqlDatabaseError) -> Error {
    let state = error.code().unwrap_or_default();
    let class = state.get(..2).unwrap_or_default();
    if context.driver == Driver::MariaDb {
        let kind = match class {
            "0A" => FEATURE,
            "22" | "26" | "2F" | "20" | "42" | "XA" => SYNTAX,
            "25" | "28" => AUTHORIZATION,
            "21" | "23" => INTEGRITY,
            "08" => CONNECTION,
            "40" => ROLLBACK,
            "HY" => SQL,
            _ => TRANSIENT_CONNECTION,
        };
        let plain = Error::new(SQL, error.message());
        let inner = ErrorKind::Class("org.mariadb.jdbc.internal.util.exceptions.MariaDbSqlException");
        let inner = Error::wrap(inner, error.message(), plain);
        return Error::wrap(
            kind,
            format!("(conn={}) {}", context.connection_id, error.message()),
            inner,
        );
    }
    // 1264, 1265, 1406: Connector/J has a class of its own for what does not fit a column.
    if matches!(error.number(), 1264 | 1265 | 1406) {
        let kind = ErrorKind::Class("com.mysql.cj.jdbc.exceptions.MysqlDataTruncation");
        return Error::new(kind, format!("Data truncation: {}", error.message()));
    }
    let kind = match class {
        "08" => CONNECTION,
        "22" => DATA,
        "23" => INTEGRITY,
        "42" => SYNTAX,
        "0A" => FEATURE,
        "40" => ErrorKind::Class("com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException"),
        _ => SQL,
    };
    Error::new(kind, error.message())
}

/// sqlite-jdbc: `[NAME] meaning (message)`.
fn sqlite(error: &SqliteError) -> Error {
    use sqlx::error::DatabaseError;
    let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(1);
    let (name, meaning) = SQLITE_CODES
        .iter()
        .find(|(known, _, _)| *known == code)
        .or_else(|| SQLITE_CODES.iter().find(|(known, _, _)| *known == code & 0xff))
        .map_or(
            ("SQLITE_ERROR", "SQL error or missing database"),
            |(_, name, meaning)| (*name, *meaning),
        );
    Error::new(SQLITE, format!("[{name}] {meaning} ({})", error.message()))
}

const SQLITE_CODES: &[(i32, &str, &str)] = &[
    (1, "SQLITE_ERROR", "SQL error or missing database"),
    (3, "SQLITE_PERM", "Access permission denied"),
    (4, "SQLITE_ABORT", "Callback routine requested an abort"),
    (5, "SQLITE_BUSY", "The database file is locked"),
    (6, "SQLITE_LOCKED", "A table in the database is locked"),
    (7, "SQLITE_NOMEM", "A malloc() failed"),
    (8, "SQLITE_READONLY", "Attempt to write a readonly database"),
    (10, "SQLITE_IOERR", "Some kind of disk I/O error occurred"),
    (11, "SQLITE_CORRUPT", "The database disk image is malformed"),
    (13, "SQLITE_FULL", "Insertion failed because database is full"),
    (14, "SQLITE_CANTOPEN", "Unable to open the database file"),
    (17, "SQLITE_SCHEMA", "The database schema changed"),
    (18, "SQLITE_TOOBIG", "String or BLOB exceeds size limit"),
    (19, "SQLITE_CONSTRAINT", "Abort due to constraint violation"),
    (20, "SQLITE_MISMATCH", "Data type mismatch"),
    (26, "SQLITE_NOTADB", "File opened that is not a database file"),
    (275, "SQLITE_CONSTRAINT_CHECK", "A CHECK constraint failed"),
    (787, "SQLITE_CONSTRAINT_FOREIGNKEY", "A foreign key constraint failed"),
    (1299, "SQLITE_CONSTRAINT_NOTNULL", "A NOT NULL constraint failed"),
    (1555, "SQLITE_CONSTRAINT_PRIMARYKEY", "A PRIMARY KEY constraint failed"),
    (
        1811,
        "SQLITE_CONSTRAINT_TRIGGER",
        "A RAISE function within a trigger fired, causing the SQL statement to abort",
    ),
    (2067, "SQLITE_CONSTRAINT_UNIQUE", "A UNIQUE constraint failed"),
    (2579, "SQLITE_CONSTRAINT_ROWID", "A rowid is not unique"),
];

/// True if the Java class of the error derives from `SQLNonTransientException`: trying again is of no use.
pub fn is_non_transient(error: &Error) -> bool {
    [SYNTAX, INTEGRITY, DATA, FEATURE, AUTHORIZATION, CONNECTION].contains(&error.kind())
}
