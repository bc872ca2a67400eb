//! Columns as the two Java drivers of MySQL report them.

use crate::connection::Settings;
use crate::source::plan::{JdbcColumn, JdbcType};
use crate::url::Driver;
use sqlx::TypeInfo as _;
use sqlx::mysql::MySqlTypeInfo;

/// A column of a result.
#[derive(Clone, Debug)]
pub(super) struct Described {
    pub(super) name: String,
    /// The protocol's type: `TINYINT UNSIGNED`, `DATETIME`.
    pub(super) wire: String,
    /// Declared type in lower case: `decimal(10,2) unsigned`; for expressions made from the protocol's type.
    pub(super) declared: String,
    pub(super) optional: bool,
    /// It is no column of a table: the scale of decimals must be seen on a value.
    pub(super) expression: bool,
    /// Display length as the protocol tells it.
    length: u32,
}

impl Described {
    pub(super) fn new(name: &str, info: &MySqlTypeInfo, declared: Option<(String, bool)>) -> Described {
        let facts = Facts::of(info);
        let wire = info.name().to_string();
        let expression = declared.is_none();
        let (declared, optional) = declared.unwrap_or_else(|| (facts.as_declared(&wire), !facts.not_null));
        Described {
            name: name.to_string(),
            wire: if facts.unsigned && wire == "BOOLEAN" {
                "TINYINT UNSIGNED".to_string()
            } else {
                wire
            },
            declared: declared.to_lowercase(),
            optional,
            expression,
            length: facts.length,
        }
    }
}

/// What the client knows of a type but shows only in its debug form.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    not_null: bool,
    unsigned: bool,
    binary: bool,
    length: u32,
}

impl Facts {
    fn of(info: &MySqlTypeInfo) -> Facts {
        let shown = format!("{info:?}");
        let length = shown
            .split_once("max_size: Some(")
            .and_then(|(_, rest)| rest.split(')').next())
            .and_then(|digits| digits.parse().ok());
        Facts {
            not_null: shown.contains("NOT_NULL"),
            unsigned: shown.contains("UNSIGNED"),
            binary: shown.contains("collation: Collation(63)"),
            length: length.unwrap_or(0),
        }
    }

    fn as_declared(self, wire: &str) -> String {
        let text = match wire {
            "BOOLEAN" => "tinyint(1)",
            "BIT" => return format!("bit({})", self.length),
            // The client names texts of a _bin collation as if they were binary.
            "BINARY" | "VARBINARY" if !self.binary => "varchar",
            "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" if !self.binary => "text",
            other => other,
        };
        let unsigned = if self.unsigned && !text.to_lowercase().contains("unsigned") {
            " unsigned"
        } else {
            ""
        };
        format!("{}{unsigned}", text.to_lowercase())
    }
}

/// Base word, numbers in parentheses and sign of a declared type.
fn declared_parts(declared: &str) -> (&str, Vec<i32>, bool) {
    let end = declared
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(declared.len());
    let numbers = match (declared[end..].find('('), declared.find(')')) {
        (Some(0), Some(close)) => declared[end + 1..close]
            .split(',')
            .filter_map(|text| text.trim().parse().ok())
            .collect(),
        _ => Vec::new(),
    };
    let unsigned = declared.contains("unsigned") || declared.contains("zerofill");
    (&declared[..end], numbers, unsigned)
}

/// The column as its driver reports it; `sample` is the text of the first row's value.
pub(super) fn jdbc_column(column: &Described, driver: Driver, settings: &Settings, sample: Option<&str>) -> JdbcColumn {
    let (base, numbers, unsigned) = declared_parts(&column.declared);
    let first = numbers.first().copied();
    let connector_j = driver == Driver::MySql;
    let kind = match base {
        "tinyint" if first == Some(1) && settings.tiny_int_1_is_bit && !(connector_j && unsigned) => JdbcType::Bit,
        "tinyint" | "boolean" | "bool" => JdbcType::TinyInt,
        "smallint" => JdbcType::SmallInt,
        "mediumint" | "int" | "integer" => JdbcType::Integer,
        "bigint" => JdbcType::BigInt,
        "float" => JdbcType::Real,
        "double" | "real" => JdbcType::Double,
        "decimal" | "numeric" => JdbcType::Decimal,
        "bit" if connector_j || first.unwrap_or(1) == 1 => JdbcType::Bit,
        "bit" => JdbcType::Binary,
        "year" if settings.year_is_date => JdbcType::Date,
        "year" => JdbcType::SmallInt,
        "date" => JdbcType::Date,
        "time" => JdbcType::Time,
        "datetime" | "timestamp" => JdbcType::Timestamp,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => JdbcType::Binary,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
        | "geometrycollection" | "geomcollection" | "vector" => JdbcType::Binary,
        "null" => JdbcType::Unsupported(0, "NULL"),
        _ => JdbcType::VarChar,
    };
    let (precision, scale) = match kind {
        JdbcType::Decimal if column.expression => {
            let scale = sample
                .and_then(|text| text.split_once('.'))
                .map_or(0, |(_, fraction)| fraction.len() as i32);
            let point_and_sign = i32::from(scale > 0) + i32::from(!unsigned);
            ((column.length as i32 - point_and_sign).max(scale), scale)
        }
        JdbcType::Decimal => (first.unwrap_or(10), numbers.get(1).copied().unwrap_or(0)),
        _ => (first.unwrap_or(0), 0),
    };
    JdbcColumn {
        name: column.name.clone(),
        kind,
        precision,
        scale,
        signed: !unsigned,
        optional: column.optional,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::connection::{ConnectOptions, Settings};
    use crate::source::plan::{NumericMapping, Target, target};
    use crate::source::time::Granularity;
    use crate::url::JdbcUrl;

    fn settings() -> Settings {
        let url = JdbcUrl::parse("jdbc:mysql://h/d").unwrap();
        ConnectOptions::new(&url, None, None, &[]).unwrap().settings
    }

    pub(in crate::source::mysql) fn described(declared: &str) -> Described {
        let (base, _, unsigned) = declared_parts(declared);
        Described {
            name: "c".into(),
            wire: format!("{}{}", base.to_uppercase(), if unsigned { " UNSIGNED" } else { "" }),
            declared: declared.into(),
            optional: true,
            expression: false,
            length: 0,
        }
    }

    // golden src-mariadb-*, src-mysql-*
    #[test]
    fn types_become_fields() {
        use Target as T;
        for (declared, mariadb, mysql) in [
            ("tinyint(4)", T::Int8, T::Int8),
            ("tinyint(3) unsigned", T::Int16, T::Int16),
            ("tinyint(1)", T::Int8, T::Int8),
            ("tinyint(1) unsigned", T::Int8, T::Int16),
            ("smallint(5) unsigned", T::Int32, T::Int32),
            ("mediumint(9)", T::Int32, T::Int32),
            ("mediumint(8) unsigned", T::Int64, T::Int64),
            ("int(6) unsigned zerofill", T::Int64, T::Int64),
            ("bigint(20) unsigned", T::Int64, T::Int64),
            ("float unsigned", T::Float32, T::Float32),
            ("decimal(10,2)", T::Decimal(2, 10), T::Decimal(2, 10)),
            ("decimal(65,30) unsigned", T::Decimal(30, 65), T::Decimal(30, 65)),
            ("bit(1)", T::Int8, T::Int8),
            ("bit(8)", T::Bytes, T::Int8),
            ("year(4)", T::Date, T::Date),
            (
                "datetime(6)",
                T::Timestamp(Granularity::Logical),
                T::Timestamp(Granularity::Logical),
            ),
            ("enum('a','b (c)')", T::Text, T::Text),
            ("longtext", T::Text, T::Text),
            ("inet6", T::Text, T::Text),
            ("varbinary(10)", T::Bytes, T::Bytes),
            ("point", T::Bytes, T::Bytes),
        ] {
            for (driver, expected) in [(Driver::MariaDb, mariadb), (Driver::MySql, mysql)] {
                let column = jdbc_column(&described(declared), driver, &settings(), None);
                let found = target(&column, NumericMapping::BestFit, Granularity::Logical);
                assert_eq!(found, Some(expected), "{declared} {driver:?}");
            }
        }
    }

    #[test]
    fn expressions_show_their_scale_on_a_value() {
        let mut column = described("decimal");
        column.expression = true;
        column.length = 14;
        let jdbc = jdbc_column(&column, Driver::MariaDb, &settings(), Some("12.50"));
        assert_eq!((jdbc.precision, jdbc.scale), (12, 2));
    }
}
