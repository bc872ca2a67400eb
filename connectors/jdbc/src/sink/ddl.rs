//! CREATE TABLE and ALTER TABLE from record schemas: column types and default literals per database.

use super::fields::{Column, Fields, Source};
use super::temporal::{DAY_MILLIS, Zones, write_day, write_time, write_timestamp};
use crate::dialect::{Dialect, TableId};
use crate::url::Driver;
use std::fmt::Write;
use turnbuckle_api::data::{JavaText, Logical, Type};
use turnbuckle_api::{Error, ErrorKind, Result, Schema, Value};

/// `CREATE TABLE` of all columns.
///
/// # Errors
/// `ConnectException` for a type without a column type, the driver's error for a default that can't be written.
pub(crate) fn create_table(dialect: &Dialect, zones: &Zones, table: &TableId, fields: &Fields) -> Result<String> {
    let mut sql = format!("CREATE TABLE {} (\n", table.quoted(dialect));
    for (index, column) in fields.in_table_order().enumerate() {
        let separator = if index == 0 { "" } else { ",\n" };
        let _ = write!(sql, "{separator}{}", column_spec(dialect, zones, column)?);
    }
    let keys: Vec<String> = fields
        .in_table_order()
        .filter(|column| column.is_key)
        .map(|column| dialect.quoted(&column.name))
        .collect();
    if !keys.is_empty() {
        let _ = write!(sql, ",\nPRIMARY KEY({})", keys.join(","));
    }
    sql.push(')');
    Ok(sql)
}

/// The statements that add columns: one, or for SQLite one per column.
///
/// # Errors
/// As [`create_table`].
pub(crate) fn alter_table(dialect: &Dialect, zones: &Zones, table: &TableId, added: &[&Column]) -> Result<Vec<String>> {
    let table = table.quoted(dialect);
    let specs: Vec<String> = added
        .iter()
        .map(|column| Ok(format!("ADD {}", column_spec(dialect, zones, column)?)))
        .collect::<Result<_>>()?;
    if dialect.driver == Driver::Sqlite || specs.len() == 1 {
        return Ok(specs.iter().map(|spec| format!("ALTER TABLE {table} {spec}")).collect());
    }
    Ok(vec![format!("ALTER TABLE {table} \n{}", specs.join(",\n"))])
}

fn column_spec(dialect: &Dialect, zones: &Zones, column: &Column) -> Result<String> {
    let name = dialect.quoted(&column.name);
    let kind = match (column.source, dialect.driver) {
        (Source::Epoch(..), Driver::MySql | Driver::MariaDb) => "DATETIME(6)".to_string(),
        (_, driver) => column_type(driver, &column.schema)?,
    };
    let rest = match column.schema.default_value().filter(|value| !value.is_null()) {
        Some(value) => format!(
            "DEFAULT {}",
            default_literal(dialect.driver, zones, &column.schema, value)?
        ),
        None if column.is_optional() => "NULL".to_string(),
        None => "NOT NULL".to_string(),
    };
    Ok(format!("{name} {kind} {rest}"))
}

/// The column type for a schema.
///
/// # Errors
/// `ConnectException` if there is none.
pub(crate) fn column_type(driver: Driver, schema: &Schema) -> Result<String> {
    let [postgres, mysql, sqlite] = match (schema.logical(), schema.kind()) {
        (Some(Logical::Decimal), _) => {
            let scale = schema.parameter("scale").unwrap_or("0");
            ["DECIMAL", &format!("DECIMAL(65,{scale})"), "NUMERIC"].map(String::from)
        }
        (Some(Logical::Date), _) => ["DATE", "DATE", "NUMERIC"].map(String::from),
        (Some(Logical::Time), _) => ["TIME", "TIME(3)", "NUMERIC"].map(String::from),
        (Some(Logical::Timestamp), _) => ["TIMESTAMP", "DATETIME(3)", "NUMERIC"].map(String::from),
        (None, Type::Int8) => ["SMALLINT", "TINYINT", "INTEGER"].map(String::from),
        (None, Type::Int16) => ["SMALLINT", "SMALLINT", "INTEGER"].map(String::from),
        (None, Type::Int32) => ["INT", "INT", "INTEGER"].map(String::from),
        (None, Type::Int64) => ["BIGINT", "BIGINT", "INTEGER"].map(String::from),
        (None, Type::Float32) => ["REAL", "FLOAT", "REAL"].map(String::from),
        (None, Type::Float64) => ["DOUBLE PRECISION", "DOUBLE", "REAL"].map(String::from),
        (None, Type::Boolean) => ["BOOLEAN", "TINYINT", "INTEGER"].map(String::from),
        (None, Type::String) => ["TEXT", "TEXT", "TEXT"].map(String::from),
        (None, Type::Bytes) => ["BYTEA", "VARBINARY(1024)", "BLOB"].map(String::from),
        (None, Type::Array) if driver == Driver::Postgres => {
            let items = schema.items().ok_or_else(|| unmapped(schema))?;
            return Ok(format!("{}[]", column_type(driver, items)?));
        }
        (None, Type::Array | Type::Map | Type::Struct) => return Err(unmapped(schema)),
    };
    Ok(match driver {
        Driver::Postgres => postgres,
        Driver::MySql | Driver::MariaDb => mysql,
        Driver::Sqlite => sqlite,
    })
}

fn unmapped(schema: &Schema) -> Error {
    Error::connect(format!(
        "{} ({}) type doesn't have a mapping to the SQL database column type",
        schema.name().unwrap_or("null"),
        schema.kind()
    ))
}

fn default_literal(driver: Driver, zones: &Zones, schema: &Schema, value: &Value) -> Result<String> {
    let mut out = String::new();
    match (schema.logical(), value) {
        (Some(Logical::Date), Value::Date(millis)) => {
            out.push('\'');
            write_day(&mut out, zones.day(*millis));
            out.push('\'');
        }
        (Some(Logical::Time), Value::Date(millis)) => {
            out.push('\'');
            write_time(&mut out, zones.time_of_day(*millis).rem_euclid(DAY_MILLIS));
            out.push('\'');
        }
        (_, Value::Date(millis)) => {
            out.push('\'');
            write_timestamp(&mut out, zones.wall_millis(*millis));
            out.push('\'');
        }
        (_, Value::Boolean(truth)) => out.push_str(match (driver, truth) {
            (Driver::Postgres, true) => "TRUE",
            (Driver::Postgres, false) => "FALSE",
            (_, true) => "1",
            (_, false) => "0",
        }),
        // Quotes inside stay as they are, as in the reference: the server refuses such a default.
        (_, Value::String(text)) if balanced_quotes(text) => {
            let _ = write!(out, "'{text}'");
        }
        (_, Value::String(text)) => return Err(unterminated(driver, text)),
        (_, Value::Bytes(bytes)) => {
            out.push_str("x'");
            for byte in bytes {
                let _ = write!(out, "{byte:02X}");
            }
            out.push('\'');
        }
        (_, Value::Array(items)) => {
            let item_schema = schema.items().ok_or_else(|| unmapped(schema))?;
            let literals: Vec<String> = items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
                    other => default_literal(driver, zones, item_schema, other),
                })
                .collect::<Result<_>>()?;
            let _ = write!(out, "ARRAY[{}]", literals.join(","));
        }
        (_, other) => {
            let _ = write!(out, "{}", JavaText(other));
        }
    }
    Ok(out)
}

/// True if every quote is followed by a second one, so that the text can't end the literal it stands in.
fn balanced_quotes(text: &str) -> bool {
    !text.replace("''", "").contains('\'')
}

fn unterminated(driver: Driver, text: &str) -> Error {
    let (class, text) = match driver {
        Driver::Postgres => (
            "org.postgresql.util.PSQLException",
            format!("Unterminated string literal in the default '{text}'"),
        ),
        Driver::Sqlite => (
            "org.sqlite.SQLiteException",
            format!("[SQLITE_ERROR] SQL error or missing database (unterminated string in the default '{text}')"),
        ),
        Driver::MySql | Driver::MariaDb => (
            "java.sql.SQLSyntaxErrorException",
            format!("unterminated string in the default '{text}'"),
        ),
    };
    Error::new(ErrorKind::Class(class), text)
}

#[cfg(test)]
mod tests {
    use super::super::config::PkMode;
    use super::super::fields::{KeyRules, ValueRules};
    use super::*;
    use turnbuckle_api::{Decimal, SchemaBuilder, SchemaRef};

    fn fields(schema: &SchemaRef, keys: &[&str]) -> Fields {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let mode = if keys.is_empty() {
            PkMode::None
        } else {
            PkMode::RecordValue
        };
        let rules = KeyRules { mode, fields: &keys };
        Fields::extract("t", rules, ValueRules::PLAIN, None, Some(schema)).unwrap()
    }

    fn create(driver: Driver, schema: &SchemaRef, keys: &[&str]) -> Result<String> {
        create_table(
            &Dialect::new(driver),
            &Zones::UTC,
            &TableId::bare("t"),
            &fields(schema, keys),
        )
    }

    #[test]
    fn types_follow_the_table_of_each_database() {
        let plain = |kind| Schema::primitive(kind, false);
        for (schema, postgres, mysql, sqlite) in [
            (plain(Type::Int8), "SMALLINT", "TINYINT", "INTEGER"),
            (plain(Type::Int64), "BIGINT", "BIGINT", "INTEGER"),
            (plain(Type::Float32), "REAL", "FLOAT", "REAL"),
            (plain(Type::Float64), "DOUBLE PRECISION", "DOUBLE", "REAL"),
            (plain(Type::Boolean), "BOOLEAN", "TINYINT", "INTEGER"),
            (plain(Type::String), "TEXT", "TEXT", "TEXT"),
            (plain(Type::Bytes), "BYTEA", "VARBINARY(1024)", "BLOB"),
            (Schema::decimal(4).finish(), "DECIMAL", "DECIMAL(65,4)", "NUMERIC"),
            (Schema::date().finish(), "DATE", "DATE", "NUMERIC"),
            (Schema::time().finish(), "TIME", "TIME(3)", "NUMERIC"),
            (Schema::timestamp().finish(), "TIMESTAMP", "DATETIME(3)", "NUMERIC"),
        ] {
            assert_eq!(column_type(Driver::Postgres, &schema).unwrap(), postgres);
            assert_eq!(column_type(Driver::MySql, &schema).unwrap(), mysql);
            assert_eq!(column_type(Driver::Sqlite, &schema).unwrap(), sqlite);
        }
        let array = SchemaBuilder::array(Some(plain(Type::Int32))).finish();
        assert_eq!(column_type(Driver::Postgres, &array).unwrap(), "INT[]");
        assert_eq!(
            column_type(Driver::Sqlite, &array).unwrap_err().message(),
            Some("null (ARRAY) type doesn't have a mapping to the SQL database column type")
        );
    }

    #[test]
    fn sqlite_tables_are_created_as_recorded() {
        let schema = Schema::structure()
            .field("id", Schema::primitive(Type::Int32, false))
            .field("name", Schema::primitive(Type::String, true))
            .field("qty", Schema::primitive(Type::Int64, true))
            .finish();
        assert_eq!(
            create(Driver::Sqlite, &schema, &["qty", "id"]).unwrap(),
            "CREATE TABLE \"t\" (\n\"id\" INTEGER NOT NULL,\n\"name\" TEXT NULL,\n\"qty\" INTEGER NOT NULL,\nPRIMARY KEY(\"id\",\"qty\"))"
        );
    }

    #[test]
    fn defaults_are_literals() {
        let with = |builder: SchemaBuilder, value: Value| builder.default_value(value).build().unwrap();
        let primitive = |kind, value: Value| with(SchemaBuilder::new(kind), value);
        for (schema, expected) in [
            (primitive(Type::Int16, Value::Int16(-3)), "DEFAULT -3"),
            (primitive(Type::Float32, Value::Float32(1.5)), "DEFAULT 1.5"),
            (primitive(Type::Float64, Value::Float64(-2.5)), "DEFAULT -2.5"),
            (primitive(Type::Boolean, Value::Boolean(true)), "DEFAULT 1"),
            (primitive(Type::String, Value::text("it")), "DEFAULT 'it'"),
            (
                primitive(Type::Bytes, Value::Bytes(vec![1, 0xab].into())),
                "DEFAULT x'01AB'",
            ),
            (with(Schema::date(), Value::Date(DAY_MILLIS)), "DEFAULT '1970-01-02'"),
            (with(Schema::time(), Value::Date(1000)), "DEFAULT '00:00:01.000'"),
            (
                with(Schema::timestamp(), Value::Date(1500)),
                "DEFAULT '1970-01-01 00:00:01.500'",
            ),
            (
                with(Schema::decimal(2), Value::Decimal(Decimal::new(125, 2))),
                "DEFAULT 1.25",
            ),
        ] {
            let schema = Schema::structure().field("x", schema).finish();
            let sql = create(Driver::Sqlite, &schema, &[]).unwrap();
            assert!(sql.ends_with(&format!("{expected})")), "{sql}");
        }
        let quote = Schema::structure()
            .field("s", primitive(Type::String, Value::text("it's")))
            .finish();
        let error = create(Driver::Postgres, &quote, &[]).unwrap_err();
        assert_eq!(error.class_name(), "org.postgresql.util.PSQLException");
        let truth = Schema::structure()
            .field("b", primitive(Type::Boolean, Value::Boolean(false)))
            .finish();
        assert!(
            create(Driver::Postgres, &truth, &[])
                .unwrap()
                .ends_with("DEFAULT FALSE)")
        );
    }

    #[test]
    fn columns_are_added() {
        let schema = Schema::structure()
            .field("x", Schema::primitive(Type::Int64, true))
            .field("y", Schema::primitive(Type::String, true))
            .finish();
        let fields = fields(&schema, &[]);
        let added: Vec<&Column> = fields.columns.iter().collect();
        let alter = |driver, added: &[&Column]| {
            alter_table(&Dialect::new(driver), &Zones::UTC, &TableId::bare("t"), added).unwrap()
        };
        assert_eq!(
            alter(Driver::Postgres, &added[..1]),
            ["ALTER TABLE \"t\" ADD \"x\" BIGINT NULL"]
        );
        assert_eq!(
            alter(Driver::MySql, &added),
            ["ALTER TABLE `t` \nADD `x` BIGINT NULL,\nADD `y` TEXT NULL"]
        );
        assert_eq!(alter(Driver::Sqlite, &added).len(), 2);
    }
}
