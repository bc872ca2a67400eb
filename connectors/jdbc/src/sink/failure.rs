//! What can go wrong while writing, and the exception chain by which the reference reports SQL errors.

use crate::connection::{ErrorContext, sql_error};
use crate::url::Driver;
use turnbuckle_api::{Error, ErrorKind};

const SQL_EXCEPTION: ErrorKind = ErrorKind::Class("java.sql.SQLException");
const TABLE_EXCEPTION: ErrorKind = ErrorKind::Class("io.confluent.connect.jdbc.sink.TableAlterOrCreateException");

/// Why records were not written.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The database refused or is gone; `SQLException` with the whole chain as its message.
    Sql { error: Error, lost: bool },
    /// The table does not fit: `TableAlterOrCreateException`.
    Structure(Error),
    /// Anything else; it ends the task.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Other(error)
    }
}

/// An error of the native client in the driver's words.
#[derive(Debug)]
pub(crate) struct DriverError {
    pub(crate) error: Error,
    /// The connection can't be used any more.
    pub(crate) lost: bool,
    /// The rows themselves are refused, so that it helps to look for the one at fault.
    pub(crate) about_rows: bool,
}

impl DriverError {
    pub(crate) fn new(context: ErrorContext, error: sqlx::Error) -> Self {
        DriverError {
            lost: is_lost(&error),
            about_rows: is_about_rows(&error),
            error: sql_error(context, error),
        }
    }

    /// Of a statement outside a batch.
    pub(crate) fn into_failure(self, trim: bool) -> Failure {
        Failure::Sql {
            error: chain(lines(&self.error), trim),
            lost: self.lost,
        }
    }

    /// Of an entry of a batch. `shown` is the statement as pgjdbc shows it.
    pub(crate) fn into_batch_failure(self, driver: Driver, entry: usize, shown: &str, trim: bool) -> Failure {
        let message = self.error.message().unwrap_or_default().to_string();
        let mut all = lines(&self.error);
        match driver {
            Driver::Postgres => {
                let line = format!(
                    "java.sql.BatchUpdateException: Batch entry {entry} {shown} was aborted: {message}  Call getNextException \
                     to see other errors in the batch."
                );
                all = vec![line, self.error.headline(), self.error.headline()];
            }
            Driver::MySql | Driver::MariaDb => all.insert(0, format!("java.sql.BatchUpdateException: {message}")),
            Driver::Sqlite => {}
        }
        Failure::Sql {
            error: chain(all, trim),
            lost: self.lost,
        }
    }
}

/// The driver's error and its causes, one line each.
fn lines(error: &Error) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = Some(error);
    while let Some(error) = current {
        lines.push(error.headline());
        current = error.cause();
    }
    lines
}

/// `trim`: leaves out everything but the class names, because messages quote values of rows.
fn chain(lines: Vec<String>, trim: bool) -> Error {
    let mut text = String::from("Exception chain:\n");
    for line in lines {
        match line.split_once(": ") {
            Some((class, _)) if trim => {
                text.push_str(class);
                text.push_str(": message left out because of trim.sensitive.log");
            }
            _ => text.push_str(&line),
        }
        text.push('\n');
    }
    Error::new(SQL_EXCEPTION, text)
}

/// `TableAlterOrCreateException`.
pub(crate) fn structure(message: String) -> Failure {
    Failure::Structure(Error::new(TABLE_EXCEPTION, message))
}

/// As [`structure`], with the database's error as cause.
pub(crate) fn structure_after(message: String, cause: Error) -> Failure {
    Failure::Structure(Error::wrap(TABLE_EXCEPTION, message, cause))
}

/// What retries and dead letters carry: the chain wrapped as the reference does.
pub(crate) fn wrapped(kind: ErrorKind, chain: Error) -> Error {
    let headline = chain.headline();
    Error::wrap(kind, headline, chain)
}

fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            // Shutdown, crash, and "is starting up" of PostgreSQL; connection errors of both.
            code.starts_with("08")
                || matches!(&*code, "57P01" | "57P02" | "57P03" | "57P05")
                || mysql_hung_up(database.as_ref())
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// 1053 server shutdown, 1927 connection killed.
fn mysql_hung_up(database: &(dyn sqlx::error::DatabaseError + 'static)) -> bool {
    let error = database.as_error().downcast_ref::<sqlx::mysql::MySqlDatabaseError>();
    error.is_some_and(|error| matches!(error.number(), 1053 | 1927))
}

/// Constraint violations, data that does not fit, syntax and types: not locks, resources or cancellations.
fn is_about_rows(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else {
        return false;
    };
    let code = database.code().unwrap_or_default();
    if database.as_error().is::<sqlx::sqlite::SqliteError>() {
        let primary = code.parse::<i32>().unwrap_or(1) & 0xff;
        return matches!(primary, 1 | 18 | 19 | 20);
    }
    ["0A", "21", "22", "23", "42", "44", "P0", "HY", "XX"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn driver_error() -> DriverError {
        let cause = Error::new(SQL_EXCEPTION, "Duplicate entry '1' for key 'PRIMARY'");
        let kind = ErrorKind::Class("java.sql.SQLIntegrityConstraintViolationException");
        DriverError {
            error: Error::wrap(kind, "(conn=7) Duplicate entry '1' for key 'PRIMARY'", cause),
            lost: false,
            about_rows: true,
        }
    }

    fn text(failure: Failure) -> String {
        match failure {
            Failure::Sql { error, .. } => error.headline(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn chains_read_as_those_of_the_drivers() {
        assert_eq!(
            text(driver_error().into_batch_failure(Driver::MariaDb, 1, "", false)),
            "java.sql.SQLException: Exception chain:\n\
             java.sql.BatchUpdateException: (conn=7) Duplicate entry '1' for key 'PRIMARY'\n\
             java.sql.SQLIntegrityConstraintViolationException: (conn=7) Duplicate entry '1' for key 'PRIMARY'\n\
             java.sql.SQLException: Duplicate entry '1' for key 'PRIMARY'\n"
        );
        let error = DriverError {
            error: Error::new(
                ErrorKind::Class("org.postgresql.util.PSQLException"),
                "ERROR: no\n  Detail: why",
            ),
            lost: false,
            about_rows: true,
        };
        assert_eq!(
            text(error.into_batch_failure(Driver::Postgres, 1, "INSERT x", false)),
            "java.sql.SQLException: Exception chain:\n\
             java.sql.BatchUpdateException: Batch entry 1 INSERT x was aborted: ERROR: no\n  Detail: why  Call \
             getNextException to see other errors in the batch.\n\
             org.postgresql.util.PSQLException: ERROR: no\n  Detail: why\n\
             org.postgresql.util.PSQLException: ERROR: no\n  Detail: why\n"
        );
    }

    #[test]
    fn trimmed_chains_hold_no_values() {
        let text = text(driver_error().into_batch_failure(Driver::MariaDb, 1, "", true));
        assert!(!text.contains("Duplicate entry"), "{text}");
        assert!(
            text.contains("java.sql.SQLIntegrityConstraintViolationException"),
            "{text}"
        );
    }
}
