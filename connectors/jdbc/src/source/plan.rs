//! From JDBC column types to Connect fields: one decision per column and query, before the first row.
//!
//! The database modules describe their result columns as [`JdbcColumn`]s; [`target`] picks what a value becomes, and
//! [`field_schema`] the schema. The modules then pair each column with a decoder of their own.

use super::time::Granularity;
use std::sync::Arc;
use turnbuckle_api::{Field, Schema, SchemaRef, Text, Type};

/// `java.sql.Types`, as far as drivers report them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JdbcType {
    Boolean,
    Bit,
    TinyInt,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Float,
    Double,
    Decimal,
    Numeric,
    Char,
    VarChar,
    Clob,
    Xml,
    Binary,
    Blob,
    Date,
    Time,
    Timestamp,
    /// ARRAY, OTHER, STRUCT, …: dropped; number and name for the warning.
    Unsupported(i32, &'static str),
}

/// A column of a result as the driver's metadata shows it.
#[derive(Clone, Debug)]
pub(crate) struct JdbcColumn {
    /// Label, else name.
    pub(crate) name: String,
    pub(crate) kind: JdbcType,
    pub(crate) precision: i32,
    pub(crate) scale: i32,
    pub(crate) signed: bool,
    /// False only where the driver knows that there are no nulls.
    pub(crate) optional: bool,
}

/// `numeric.mapping`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum NumericMapping {
    #[default]
    None,
    PrecisionOnly,
    BestFit,
    BestFitEagerDouble,
}

/// What a column's values become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Bytes,
    /// Scale and precision.
    Decimal(i32, i32),
    Date,
    Time,
    Timestamp(Granularity),
}

const MAX_INTEGER_PRECISION: i32 = 18;
const LOWEST_SCALE: i32 = -84;

/// What values of a column become; None for types that are dropped.
pub(crate) fn target(column: &JdbcColumn, mapping: NumericMapping, granularity: Granularity) -> Option<Target> {
    Some(match column.kind {
        JdbcType::Boolean => Target::Boolean,
        JdbcType::Bit => Target::Int8,
        JdbcType::TinyInt if column.signed => Target::Int8,
        JdbcType::TinyInt => Target::Int16,
        JdbcType::SmallInt if column.signed => Target::Int16,
        JdbcType::SmallInt => Target::Int32,
        JdbcType::Integer if column.signed => Target::Int32,
        JdbcType::Integer | JdbcType::BigInt => Target::Int64,
        JdbcType::Real => Target::Float32,
        JdbcType::Float | JdbcType::Double => Target::Float64,
        JdbcType::Decimal => decimal(column),
        JdbcType::Numeric => numeric(column, mapping),
        JdbcType::Char | JdbcType::VarChar | JdbcType::Clob | JdbcType::Xml => Target::Text,
        JdbcType::Binary | JdbcType::Blob => Target::Bytes,
        JdbcType::Date => Target::Date,
        JdbcType::Time => Target::Time,
        JdbcType::Timestamp => Target::Timestamp(granularity),
        JdbcType::Unsupported(..) => return None,
    })
}

fn decimal(column: &JdbcColumn) -> Target {
    let scale = if column.scale == -127 { 127 } else { column.scale };
    Target::Decimal(scale, column.precision)
}

fn numeric(column: &JdbcColumn, mapping: NumericMapping) -> Target {
    let fits = column.precision <= MAX_INTEGER_PRECISION;
    let integer = match column.precision {
        10.. => Target::Int64,
        5..10 => Target::Int32,
        3..5 => Target::Int16,
        _ => Target::Int8,
    };
    let eager = mapping == NumericMapping::BestFitEagerDouble;
    match (mapping, column.scale) {
        (NumericMapping::None, _) => decimal(column),
        (_, 0) if fits => integer,
        (NumericMapping::PrecisionOnly, _) => decimal(column),
        (_, LOWEST_SCALE..0) if fits => integer,
        (_, 1..) if fits || eager => Target::Float64,
        _ => decimal(column),
    }
}

/// The schema of a field.
pub(crate) fn field_schema(target: Target, optional: bool) -> SchemaRef {
    let plain = |kind| Schema::primitive(kind, optional);
    match target {
        Target::Boolean => plain(Type::Boolean),
        Target::Int8 => plain(Type::Int8),
        Target::Int16 => plain(Type::Int16),
        Target::Int32 => plain(Type::Int32),
        Target::Int64 | Target::Timestamp(Granularity::MicrosLong | Granularity::NanosLong) => plain(Type::Int64),
        Target::Float32 => plain(Type::Float32),
        Target::Float64 => plain(Type::Float64),
        Target::Text
        | Target::Timestamp(
            Granularity::MicrosString | Granularity::MicrosIso | Granularity::NanosString | Granularity::NanosIso,
        ) => plain(Type::String),
        Target::Bytes => plain(Type::Bytes),
        Target::Decimal(scale, precision) => Schema::decimal(scale)
            .parameter("connect.decimal.precision", precision.to_string())
            .with_optional(optional)
            .finish(),
        Target::Date => Schema::date().with_optional(optional).finish(),
        Target::Time => Schema::time().with_optional(optional).finish(),
        Target::Timestamp(Granularity::Logical) => Schema::timestamp().with_optional(optional).finish(),
    }
}

/// The fields of a result: which result columns become fields, and what they become.
#[derive(Clone, Debug)]
pub(crate) struct RowPlan {
    pub(crate) schema: SchemaRef,
    /// Per field: position of its column in the result, and target.
    pub(crate) fields: Vec<(usize, Target)>,
}

impl RowPlan {
    /// Plans the fields of a result. Columns of unsupported types are dropped with one warning, of several columns of one
    /// name the first stays.
    pub(crate) fn new(
        name: Option<&str>,
        columns: &[JdbcColumn],
        mapping: NumericMapping,
        granularity: Granularity,
    ) -> RowPlan {
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
        let mut targets = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let Some(target) = target(column, mapping, granularity) else {
                if let JdbcType::Unsupported(number, kind) = column.kind {
                    tracing::warn!(
                        column = column.name,
                        "JDBC type {number} ({kind}) not currently supported; column left out"
                    );
                }
                continue;
            };
            if fields.iter().any(|field| *field.name == *column.name) {
                continue;
            }
            fields.push(Field {
                name: Text::from(column.name.as_str()),
                schema: field_schema(target, column.optional),
            });
            targets.push((index, target));
        }
        let mut builder = Schema::structure();
        if let Some(name) = name {
            builder = builder.name(name);
        }
        RowPlan {
            schema: builder.fields(fields).finish(),
            fields: targets,
        }
    }

    /// The same plan on the schema of `earlier` if nothing changed, so that work cached by schema stays valid.
    pub(crate) fn keeping_schema_of(mut self, earlier: Option<&SchemaRef>) -> RowPlan {
        if let Some(earlier) = earlier
            && **earlier == *self.schema
        {
            self.schema = Arc::clone(earlier);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // golden src-pg-numeric-*
    #[test]
    fn numerics_follow_the_mapping() {
        use NumericMapping as M;
        use Target as T;
        for (precision, scale, only, best, eager) in [
            (1, 0, T::Int8, T::Int8, T::Int8),
            (2, 0, T::Int8, T::Int8, T::Int8),
            (3, 0, T::Int16, T::Int16, T::Int16),
            (5, 0, T::Int32, T::Int32, T::Int32),
            (10, 0, T::Int64, T::Int64, T::Int64),
            (18, 0, T::Int64, T::Int64, T::Int64),
            (19, 0, T::Decimal(0, 19), T::Decimal(0, 19), T::Decimal(0, 19)),
            (5, 2, T::Decimal(2, 5), T::Float64, T::Float64),
            (19, 4, T::Decimal(4, 19), T::Decimal(4, 19), T::Float64),
            (6, 2046, T::Decimal(2046, 6), T::Float64, T::Float64),
            (6, -2, T::Decimal(-2, 6), T::Int32, T::Int32),
        ] {
            let column = JdbcColumn {
                name: "n".into(),
                kind: JdbcType::Numeric,
                precision,
                scale,
                signed: true,
                optional: true,
            };
            let of = |mapping| target(&column, mapping, Granularity::Logical);
            assert_eq!(of(M::None), Some(T::Decimal(scale, precision)));
            assert_eq!(of(M::PrecisionOnly), Some(only), "{precision},{scale}");
            assert_eq!(of(M::BestFit), Some(best), "{precision},{scale}");
            assert_eq!(of(M::BestFitEagerDouble), Some(eager), "{precision},{scale}");
        }
    }

    #[test]
    fn unsupported_and_repeated_columns_are_left_out() {
        let column = |name: &str, kind| JdbcColumn {
            name: name.into(),
            kind,
            precision: 0,
            scale: 0,
            signed: true,
            optional: false,
        };
        let columns = [
            column("a", JdbcType::Integer),
            column("b", JdbcType::Unsupported(2003, "ARRAY")),
            column("a", JdbcType::VarChar),
            column("c", JdbcType::VarChar),
        ];
        let plan = RowPlan::new(Some("t"), &columns, NumericMapping::None, Granularity::Logical);
        let names: Vec<&str> = plan.schema.fields().iter().map(|field| &*field.name).collect();
        assert_eq!(names, ["a", "c"]);
        assert_eq!(plan.fields, [(0, Target::Int32), (3, Target::Text)]);
        assert_eq!(plan.schema.name(), Some("t"));
    }
}
