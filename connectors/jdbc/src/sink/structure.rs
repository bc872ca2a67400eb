//! Target tables: existing, created or amended before records are written
//! (`io.confluent.connect.jdbc.sink.DbStructure`).

use super::config::SinkConfig;
use super::ddl;
use super::failure::{Failure, structure, structure_after};
use super::fields::{Column, Fields};
use super::session::Session;
use super::temporal::Zones;
use crate::connection::Client;
use crate::dialect::metadata::ColumnInfo;
use crate::dialect::{QuoteMethod, TableId};
use crate::url::Driver;

/// What the catalog says of a table.
#[derive(Clone, Debug)]
pub(crate) struct TableInfo {
    /// JDBC's type name: `TABLE`, `VIEW`, `PARTITIONED TABLE`.
    pub(crate) kind: String,
    pub(crate) columns: Vec<ColumnInfo>,
    /// PostgreSQL: COPY into it does what INSERT does (no view, no rules, no row level security).
    pub(crate) takes_copy: bool,
}

impl TableInfo {
    /// The column that SQL means by a name.
    pub(crate) fn column(&self, driver: Driver, quotes: QuoteMethod, name: &str) -> Option<&ColumnInfo> {
        let exact = |column: &&ColumnInfo| match (driver, quotes) {
            (Driver::Postgres, QuoteMethod::Always) => column.name == name,
            (Driver::Postgres, QuoteMethod::Never) => column.name == name.to_lowercase(),
            _ => column.name.eq_ignore_ascii_case(name),
        };
        self.columns.iter().find(exact)
    }

    /// Fields without a column: by exact name, and if one is missing so, by name in any case.
    fn missing<'a>(&self, fields: &'a Fields) -> Vec<&'a Column> {
        let lacks = |field: &&Column| self.columns.iter().all(|column| column.name != *field.name);
        if !fields.columns.iter().any(|field| lacks(&field)) {
            return Vec::new();
        }
        let known: Vec<String> = self.columns.iter().map(|column| column.name.to_lowercase()).collect();
        fields
            .in_table_order()
            .filter(|field| !known.contains(&field.name.to_lowercase()))
            .collect()
    }
}

/// A table's name as messages show it, with double quotes whatever the database.
pub(crate) fn display(table: &TableId) -> String {
    let parts = [
        table.catalog.as_deref(),
        table.schema.as_deref(),
        Some(table.table.as_str()),
    ];
    let quoted: Vec<String> = parts.into_iter().flatten().map(|part| format!("\"{part}\"")).collect();
    quoted.join(".")
}

/// Makes sure that a table has columns for all fields.
///
/// # Errors
/// `TableAlterOrCreateException` if it has not and may not be changed; the database's errors.
pub(crate) async fn ensure(
    session: &mut Session,
    config: &SinkConfig,
    zones: &Zones,
    table: &TableId,
    cached: Option<TableInfo>,
    fields: &Fields,
) -> Result<TableInfo, Failure> {
    let trim = config.trim_sensitive_log;
    let found = match cached {
        Some(info) => Some(info),
        None => describe(session, config, table).await?,
    };
    let mut info = match found {
        Some(info) => info,
        None => create(session, config, zones, table, fields).await?,
    };
    let mut retries = config.max_retries;
    loop {
        let missing = info.missing(fields);
        if missing.is_empty() {
            return Ok(info);
        }
        refuse_amendment(config, table, &info, &missing)?;
        let statements = ddl::alter_table(&session.connection.dialect, zones, table, &missing)
            .map_err(|error| ddl_failure(error, trim))?;
        if let Err(error) = session.apply_ddl(&statements).await {
            if error.lost {
                return Err(error.into_failure(trim));
            }
            if retries <= 0 {
                let listed = describe_fields(&missing);
                let text = format!(
                    "Failed to amend TABLE '{}' to add missing fields: {listed}",
                    display(table)
                );
                return Err(structure_after(text, error.error));
            }
            retries -= 1;
            tracing::warn!(table = %table, error = %error.error, "unable to add columns; looking at the table again");
        }
        // Another task may have added the columns.
        info = describe(session, config, table)
            .await?
            .ok_or_else(|| structure(format!("Table {} is gone", display(table))))?;
    }
}

/// Errors of texts that can't be built are `ConnectException`s; those of a driver are shown as a chain.
fn ddl_failure(error: turnbuckle_api::Error, trim: bool) -> Failure {
    if error.kind() == turnbuckle_api::ErrorKind::Connect {
        return Failure::Other(error);
    }
    super::failure::DriverError {
        error,
        lost: false,
        about_rows: false,
    }
    .into_failure(trim)
}

fn describe_fields(fields: &[&Column]) -> String {
    let described: Vec<String> = fields.iter().map(|field| field.describe()).collect();
    format!("[{}]", described.join(", "))
}

async fn create(
    session: &mut Session,
    config: &SinkConfig,
    zones: &Zones,
    table: &TableId,
    fields: &Fields,
) -> Result<TableInfo, Failure> {
    let trim = config.trim_sensitive_log;
    if !config.auto_create {
        let text = format!("Table {} is missing and auto-creation is disabled", display(table));
        return Err(structure(text));
    }
    let statement = ddl::create_table(&session.connection.dialect, zones, table, fields)
        .map_err(|error| ddl_failure(error, trim))?;
    let outcome = session.apply_ddl(&[statement]).await;
    match outcome {
        Err(error) if error.lost => return Err(error.into_failure(trim)),
        Ok(()) | Err(_) => {}
    }
    // After a failure, too: another task may have created it.
    let found = describe(session, config, table).await?;
    match (found, outcome) {
        (Some(info), _) => Ok(info),
        (None, Err(error)) => Err(error.into_failure(trim)),
        (None, Ok(())) => Err(structure(format!(
            "Table {} was created but can't be found; is its schema on the search path?",
            display(table)
        ))),
    }
}

fn refuse_amendment(
    config: &SinkConfig,
    table: &TableId,
    info: &TableInfo,
    missing: &[&Column],
) -> Result<(), Failure> {
    let name = display(table);
    let listed = describe_fields(missing);
    if info.kind != "TABLE" {
        let (first, rest) = info.kind.split_at(1.min(info.kind.len()));
        let capitalized = format!("{first}{}", rest.to_lowercase());
        return Err(structure(format!(
            "{capitalized} {name} is missing fields ({listed}) and ALTER {} is unsupported",
            info.kind
        )));
    }
    if !config.auto_evolve {
        return Err(structure(format!(
            "Table {name} is missing fields ({listed}) and auto-evolution is disabled"
        )));
    }
    let has_default = |field: &Column| field.schema.default_value().is_some_and(|value| !value.is_null());
    match missing.iter().find(|field| !field.is_optional() && !has_default(field)) {
        None => Ok(()),
        Some(field) => Err(structure(format!(
            "Cannot ALTER TABLE {name} to add missing field {}, as the field is not optional and does not have a default value",
            field.describe()
        ))),
    }
}

async fn describe(session: &mut Session, config: &SinkConfig, table: &TableId) -> Result<Option<TableInfo>, Failure> {
    let trim = config.trim_sensitive_log;
    let lookup = |error: turnbuckle_api::Error| {
        // The catalog lost its connection or refuses us; either way a retry starts with a new connection.
        super::failure::DriverError {
            error,
            lost: true,
            about_rows: false,
        }
        .into_failure(trim)
    };
    let Some(kind) = session.connection.table_kind(table).await.map_err(lookup)? else {
        return Ok(None);
    };
    if !config.accepts_table_type(&kind) {
        return Ok(None);
    }
    let columns = session.connection.columns(table).await.map_err(lookup)?;
    let takes_copy = kind != "VIEW"
        && takes_copy(session, table)
            .await
            .map_err(|error| error.into_failure(trim))?;
    session.statements += 1;
    Ok(Some(TableInfo {
        kind,
        columns,
        takes_copy,
    }))
}

async fn takes_copy(session: &mut Session, table: &TableId) -> Result<bool, super::failure::DriverError> {
    let quoted = table.quoted(&session.connection.dialect);
    let Client::Postgres(client) = &mut session.connection.client else {
        return Ok(false);
    };
    let sql = "SELECT NOT (relrowsecurity OR relhasrules) FROM pg_class WHERE oid = to_regclass($1)";
    let outcome = sqlx::query_scalar::<_, bool>(sql)
        .bind(quoted)
        .fetch_optional(client)
        .await;
    let found = outcome.map_err(|error| session.driver_error(error))?;
    Ok(found.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::super::config::PkMode;
    use super::super::fields::{KeyRules, ValueRules};
    use super::*;
    use turnbuckle_api::config::Config;
    use turnbuckle_api::data::Type;
    use turnbuckle_api::{Props, Schema};

    fn info(kind: &str, columns: &[&str]) -> TableInfo {
        let column = |name: &&str| ColumnInfo {
            name: name.to_string(),
            ..ColumnInfo::default()
        };
        TableInfo {
            kind: kind.to_string(),
            columns: columns.iter().map(column).collect(),
            takes_copy: true,
        }
    }

    fn fields(optional: bool) -> Fields {
        let schema = Schema::structure()
            .field("ID", Schema::primitive(Type::Int32, false))
            .field("x", Schema::primitive(Type::Int32, optional))
            .finish();
        let rules = KeyRules {
            mode: PkMode::None,
            fields: &[],
        };
        Fields::extract("t", rules, ValueRules::PLAIN, None, Some(&schema)).unwrap()
    }

    #[test]
    fn names_are_matched_in_any_case_if_need_be() {
        let fields = fields(true);
        assert!(info("TABLE", &["id", "X"]).missing(&fields).is_empty());
        let missing = info("TABLE", &["id"]).missing(&fields)[0].name.to_string();
        assert_eq!(missing, "x");
        let table = info("TABLE", &["id"]);
        assert!(table.column(Driver::Postgres, QuoteMethod::Always, "ID").is_none());
        assert!(table.column(Driver::Postgres, QuoteMethod::Never, "ID").is_some());
        assert!(table.column(Driver::Sqlite, QuoteMethod::Always, "ID").is_some());
    }

    #[test]
    fn refusals_have_the_known_texts() {
        let table = TableId {
            catalog: None,
            schema: Some("s".into()),
            table: "t".into(),
        };
        for (evolve, optional, kind, expected) in [
            (
                "false",
                true,
                "TABLE",
                "Table \"s\".\"t\" is missing fields ([SinkRecordField{schema=Schema{INT32}, name='x', isPrimaryKey=false}]) \
                 and auto-evolution is disabled",
            ),
            (
                "true",
                false,
                "TABLE",
                "Cannot ALTER TABLE \"s\".\"t\" to add missing field SinkRecordField{schema=Schema{INT32}, name='x', \
                 isPrimaryKey=false}, as the field is not optional and does not have a default value",
            ),
            (
                "true",
                true,
                "VIEW",
                "View \"s\".\"t\" is missing fields ([SinkRecordField{schema=Schema{INT32}, name='x', isPrimaryKey=false}]) \
                 and ALTER VIEW is unsupported",
            ),
        ] {
            let props = Props::new()
                .with("connection.url", "jdbc:sqlite:x")
                .with("auto.evolve", evolve);
            let config = SinkConfig::from_props(&props).unwrap();
            let info = info(kind, &["id"]);
            let fields = fields(optional);
            let failure = refuse_amendment(&config, &table, &info, &info.missing(&fields)).unwrap_err();
            match failure {
                Failure::Structure(error) => assert_eq!(error.message(), Some(expected)),
                other => panic!("{other:?}"),
            }
        }
    }
}
