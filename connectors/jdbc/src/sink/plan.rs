//! Everything about writing records of one schema pair into one table, worked out once.

use super::config::{InsertMode, SinkConfig};
use super::copy::{CopyPlan, cast};
use super::dml::{Target, Template, Write};
use super::fields::Fields;
use super::structure::{TableInfo, display};
use crate::dialect::metadata::ColumnInfo;
use crate::dialect::{Dialect, TableId};
use crate::url::Driver;
use std::sync::Arc;
use turnbuckle_api::data::same_schema;
use turnbuckle_api::{Error, Record, Result, SchemaRef};

/// PostgreSQL's way in bulk.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    pub(crate) encoders: CopyPlan,
    pub(crate) way: Way,
}

/// The statement that takes encoded values.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// `COPY … FROM STDIN (FORMAT binary)`.
    Copy(String),
    /// An upsert, update or delete of `unnest($1,…)`, one array per column: one statement, one round trip, no staging table.
    Merge { sql: Arc<str>, array_types: Vec<u32> },
}

/// SQLite's prepared statements.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) single: Arc<str>,
    /// Many rows at once; None for statements that take one record.
    pub(crate) block: Option<Arc<str>>,
    /// Rows of a block.
    pub(crate) rows: usize,
}

/// How to write records of one pair of schemas into one table.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) key_schema: Option<SchemaRef>,
    pub(crate) value_schema: Option<SchemaRef>,
    pub(crate) fields: Fields,
    pub(crate) mode: InsertMode,
    pub(crate) write: Write,
    pub(crate) single: Template,
    pub(crate) bulk: Option<Bulk>,
    pub(crate) prepared: Option<Prepared>,
    pub(crate) deletes: Option<Deletes>,
    /// An update of records that have nothing but their key.
    pub(crate) sets_nothing: bool,
}

/// How keys are deleted.
#[derive(Clone, Debug)]
pub(crate) struct Deletes {
    /// One key; what error messages show.
    pub(crate) single: Template,
    pub(crate) many: Write,
    /// PostgreSQL's way in bulk.
    pub(crate) bulk: Option<Bulk>,
    pub(crate) prepared: Option<Prepared>,
}

/// Parameters of one SQLite statement; its own limit is 32,766.
const SQLITE_PARAMETERS: usize = 2_000;

impl Plan {
    /// # Errors
    /// `ConnectException` if the insert mode or deletes need key columns and there are none.
    pub(crate) fn new(
        config: &SinkConfig,
        dialect: &Dialect,
        table: &TableId,
        info: &TableInfo,
        fields: Fields,
        schemas: (Option<SchemaRef>, Option<SchemaRef>),
    ) -> Result<Plan> {
        let driver = dialect.driver;
        if config.insert_mode == InsertMode::Upsert && fields.keys == 0 {
            return Err(Error::connect(format!(
                "Write to table '{}' in UPSERT mode requires key field names to be known, check the primary key configuration",
                display(table)
            )));
        }
        if config.delete_enabled && fields.keys == 0 {
            return Err(Error::connect("Require primary keys to support delete"));
        }
        let infos: Vec<Option<&ColumnInfo>> = fields
            .columns
            .iter()
            .map(|column| info.column(driver, dialect.quote_method, &column.name))
            .collect();
        let casts: Vec<&'static str> = infos
            .iter()
            .map(|info| match info {
                Some(info) if driver == Driver::Postgres => cast(info),
                _ => "",
            })
            .collect();
        let target = Target {
            dialect,
            table,
            fields: &fields,
            casts: &casts,
        };
        let write = target.write(config.insert_mode);
        let single = write.single();
        let found: Option<Vec<&ColumnInfo>> = infos.into_iter().collect();
        let found = found.filter(|_| driver == Driver::Postgres && info.takes_copy);
        let bulk_of = |infos: &Vec<&ColumnInfo>| bulk(config.insert_mode, &target, infos);
        let bulk = found.as_ref().and_then(bulk_of);
        let prepared = (driver == Driver::Sqlite).then(|| prepared(&write, &single));
        let deletes = config.delete_enabled.then(|| deletes(&target, found.as_deref()));
        let sets_nothing =
            config.insert_mode == InsertMode::Update && fields.keys > 0 && fields.keys == fields.columns.len();
        if sets_nothing {
            tracing::warn!(
                table = display(table),
                "records have no fields besides the primary key, so insert.mode=update changes nothing"
            );
        }
        Ok(Plan {
            key_schema: schemas.0,
            value_schema: schemas.1,
            mode: config.insert_mode,
            fields,
            write,
            single,
            bulk,
            prepared,
            deletes,
            sets_nothing,
        })
    }

    /// True if the plan is right for the record: for a record without value it is enough that keys are alike. Remembers the
    /// record's schemas, so that the next ones are found equal by pointer.
    pub(crate) fn fits(&mut self, record: &Record) -> bool {
        if !alike(&mut self.key_schema, record.key.schema.as_ref()) {
            return false;
        }
        record.value.schema.is_none() || alike(&mut self.value_schema, record.value.schema.as_ref())
    }
}

fn alike(known: &mut Option<SchemaRef>, given: Option<&SchemaRef>) -> bool {
    match (known.as_ref(), given) {
        (None, None) => true,
        (Some(ours), Some(theirs)) if Arc::ptr_eq(ours, theirs) => true,
        (Some(ours), Some(theirs)) if same_schema(ours, theirs) => {
            *known = Some(theirs.clone());
            true
        }
        _ => false,
    }
}

fn bulk(mode: InsertMode, target: &Target<'_>, infos: &[&ColumnInfo]) -> Option<Bulk> {
    let fields = target.fields;
    let compared = if mode == InsertMode::Update { fields.keys } else { 0 };
    let encoders = CopyPlan::new(&fields.columns, infos, compared)?;
    let table = target.table.quoted(target.dialect);
    let names = target.names(&fields.columns);
    if mode == InsertMode::Insert {
        let way = Way::Copy(format!("COPY {table} ({names}) FROM STDIN (FORMAT binary)"));
        return Some(Bulk { encoders, way });
    }
    let array_types = encoders.array_types()?;
    let rows = unnest(array_types.len());
    let sql = match mode {
        InsertMode::Update => update_from(target, &table, &names, &rows)?,
        _ => format!(
            "INSERT INTO {table} ({names}) SELECT * FROM {rows}{}",
            target.conflict_clause()
        ),
    };
    let way = Way::Merge {
        sql: Arc::from(sql),
        array_types,
    };
    Some(Bulk { encoders, way })
}

/// None without key columns (every row of the table is meant) and without others (a syntax error in the reference).
fn update_from(target: &Target<'_>, table: &str, names: &str, rows: &str) -> Option<String> {
    let (keys, others) = target.fields.columns.split_at(target.fields.keys);
    if keys.is_empty() || others.is_empty() {
        return None;
    }
    let sets: Vec<String> = others
        .iter()
        .map(|column| format!("{0} = s.{0}", target.name(column)))
        .collect();
    Some(format!(
        "UPDATE {table} AS t SET {} FROM {rows} AS s({names}) WHERE {}",
        sets.join(", "),
        key_pairs(target)
    ))
}

fn deletes(target: &Target<'_>, infos: Option<&[&ColumnInfo]>) -> Deletes {
    let (single, many) = (target.delete(), target.delete_many());
    let prepared = (target.dialect.driver == Driver::Sqlite).then(|| prepared(&many, &single));
    Deletes {
        bulk: infos.and_then(|infos| delete_from(target, infos)),
        single,
        many,
        prepared,
    }
}

fn delete_from(target: &Target<'_>, infos: &[&ColumnInfo]) -> Option<Bulk> {
    let keys = target.fields.key_columns();
    let encoders = CopyPlan::new(keys, infos.get(..keys.len())?, keys.len())?;
    let array_types = encoders.array_types()?;
    let table = target.table.quoted(target.dialect);
    let sql = format!(
        "DELETE FROM {table} AS t USING {} AS s({}) WHERE {}",
        unnest(array_types.len()),
        target.names(keys),
        key_pairs(target)
    );
    let way = Way::Merge {
        sql: Arc::from(sql),
        array_types,
    };
    Some(Bulk { encoders, way })
}

/// `unnest($1,$2)`.
fn unnest(columns: usize) -> String {
    let places: Vec<String> = (1..=columns).map(|place| format!("${place}")).collect();
    format!("unnest({})", places.join(","))
}

/// `t."a" = s."a" AND t."b" = s."b"` of the key columns.
fn key_pairs(target: &Target<'_>) -> String {
    let pairs: Vec<String> = target
        .fields
        .key_columns()
        .iter()
        .map(|column| format!("t.{0} = s.{0}", target.name(column)))
        .collect();
    pairs.join(" AND ")
}

fn prepared(write: &Write, single: &Template) -> Prepared {
    let single_sql: Arc<str> = Arc::from(single.prepared());
    let Write::Rows { row, .. } = write else {
        return Prepared {
            single: single_sql,
            block: None,
            rows: 1,
        };
    };
    let rows = (SQLITE_PARAMETERS / row.columns().len().max(1)).clamp(1, 500);
    Prepared {
        single: single_sql,
        block: (rows > 1).then(|| Arc::from(write.block(rows))),
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::PkMode;
    use super::super::fields::{KeyRules, ValueRules};
    use super::*;
    use turnbuckle_api::config::Config;
    use turnbuckle_api::data::Type;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Props, Schema, SchemaAndValue, Struct};

    const INT4: u32 = 23;
    const TEXT: u32 = 25;

    fn schema() -> SchemaRef {
        Schema::structure()
            .field("id", Schema::primitive(Type::Int32, false))
            .field("v", Schema::primitive(Type::String, true))
            .finish()
    }

    fn plan(mode: &str, columns: &[(&str, u32)]) -> Plan {
        plan_with(&[("insert.mode", mode)], columns)
    }

    fn plan_with(pairs: &[(&str, &str)], columns: &[(&str, u32)]) -> Plan {
        let mut props = Props::new().with("connection.url", "jdbc:postgresql:x");
        for (key, value) in pairs {
            props.insert(*key, *value);
        }
        let config = SinkConfig::from_props(&props).unwrap();
        let keys = ["id".to_string()];
        let rules = KeyRules {
            mode: PkMode::RecordValue,
            fields: &keys,
        };
        let fields = Fields::extract("t", rules, ValueRules::PLAIN, None, Some(&schema())).unwrap();
        let column = |(name, oid): &(&str, u32)| ColumnInfo {
            name: name.to_string(),
            type_oid: *oid,
            type_kind: 'b',
            ..ColumnInfo::default()
        };
        let info = TableInfo {
            kind: "TABLE".to_string(),
            columns: columns.iter().map(column).collect(),
            takes_copy: true,
        };
        let dialect = Dialect::new(Driver::Postgres);
        Plan::new(
            &config,
            &dialect,
            &TableId::bare("t"),
            &info,
            fields,
            (None, Some(schema())),
        )
        .unwrap()
    }

    fn bulk_sql(plan: &Plan) -> Option<String> {
        Some(match &plan.bulk.as_ref()?.way {
            Way::Copy(sql) => sql.clone(),
            Way::Merge { sql, .. } => sql.to_string(),
        })
    }

    #[test]
    fn postgres_takes_batches_by_copy_or_unnest() {
        let columns = [("id", INT4), ("v", TEXT)];
        for (mode, expected) in [
            ("insert", "COPY \"t\" (\"id\",\"v\") FROM STDIN (FORMAT binary)"),
            (
                "upsert",
                "INSERT INTO \"t\" (\"id\",\"v\") SELECT * FROM unnest($1,$2) ON CONFLICT (\"id\") DO UPDATE SET \"v\"=EXCLUDED.\"v\"",
            ),
            (
                "update",
                "UPDATE \"t\" AS t SET \"v\" = s.\"v\" FROM unnest($1,$2) AS s(\"id\",\"v\") WHERE t.\"id\" = s.\"id\"",
            ),
        ] {
            assert_eq!(bulk_sql(&plan(mode, &columns)).as_deref(), Some(expected));
        }
    }

    #[test]
    fn postgres_deletes_batches_by_unnest() {
        let columns = [("id", INT4), ("v", TEXT)];
        let plan = plan_with(
            &[
                ("insert.mode", "upsert"),
                ("pk.mode", "record_key"),
                ("delete.enabled", "true"),
            ],
            &columns,
        );
        let bulk = plan.deletes.unwrap().bulk.unwrap();
        let Way::Merge { sql, .. } = bulk.way else {
            panic!("{:?}", bulk.way)
        };
        assert_eq!(
            &*sql,
            "DELETE FROM \"t\" AS t USING unnest($1) AS s(\"id\") WHERE t.\"id\" = s.\"id\""
        );
    }

    #[test]
    fn unknown_types_and_misspelt_columns_go_by_statements() {
        let enumeration = 16_400;
        assert_eq!(bulk_sql(&plan("insert", &[("id", INT4), ("v", enumeration)])), None);
        assert_eq!(bulk_sql(&plan("insert", &[("ID", INT4), ("v", TEXT)])), None);
        // Text is compared with an integer: the reference's UPDATE fails, so must this.
        assert_eq!(bulk_sql(&plan("update", &[("id", TEXT), ("v", TEXT)])), None);
    }

    #[test]
    fn plans_serve_equal_schemas_and_tombstones() {
        let mut plan = plan("upsert", &[("id", INT4), ("v", TEXT)]);
        let record = |schema: SchemaRef| {
            let value = turnbuckle_api::Value::Struct(Struct::empty(schema.clone()));
            sink_record("t", 0, SchemaAndValue::NULL, SchemaAndValue::new(schema, value))
        };
        let same = record(schema());
        assert!(plan.fits(&same));
        assert!(Arc::ptr_eq(
            plan.value_schema.as_ref().unwrap(),
            same.value.schema.as_ref().unwrap()
        ));
        assert!(plan.fits(&sink_record("t", 0, SchemaAndValue::NULL, SchemaAndValue::NULL)));
        assert!(!plan.fits(&record(Schema::structure().finish())));
        let keyed = SchemaAndValue::new(Schema::primitive(Type::Int32, false), 1i32.into());
        assert!(!plan.fits(&sink_record("t", 0, keyed, SchemaAndValue::NULL)));
    }
}
