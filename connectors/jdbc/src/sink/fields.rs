//! Which columns a record has, and where each value is found: made once per pair of schemas
//! (`io.confluent.connect.jdbc.sink.metadata.FieldsMetadata`).

use super::config::PkMode;
use turnbuckle_api::data::Type;
use turnbuckle_api::record::Origin;
use turnbuckle_api::{Error, Record, Result, Schema, SchemaRef, Text, Value};

/// Names of the key columns of `pk.mode=kafka` unless `pk.fields` says otherwise.
const KAFKA_COLUMNS: [&str; 3] = ["__connect_topic", "__connect_partition", "__connect_offset"];

/// Where a column's value is in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Topic,
    Partition,
    Offset,
    /// The whole, primitive key.
    Key,
    KeyField(usize),
    ValueField(usize),
}

/// A value taken from a record.
#[derive(Debug)]
pub(crate) enum Cell<'a> {
    Borrowed(&'a Value),
    Owned(Value),
}

impl std::ops::Deref for Cell<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Cell::Borrowed(value) => value,
            Cell::Owned(value) => value,
        }
    }
}

static NULL: Value = Value::Null;

impl Source {
    /// The value, with the schema's default in place of null.
    pub(crate) fn cell(self, record: &Record) -> Cell<'_> {
        match self {
            Source::ValueField(index) => Cell::Borrowed(field(&record.value.value, index)),
            Source::KeyField(index) => Cell::Borrowed(field(&record.key.value, index)),
            Source::Key => Cell::Borrowed(&record.key.value),
            Source::Topic => Cell::Owned(Value::String(record.topic.clone())),
            Source::Partition => Cell::Owned(Value::Int32(partition(record))),
            Source::Offset => Cell::Owned(Value::Int64(offset(record))),
        }
    }
}

fn field(value: &Value, index: usize) -> &Value {
    value.as_struct().map_or(&NULL, |fields| fields.get_at(index))
}

fn partition(record: &Record) -> i32 {
    match (&record.origin, record.partition) {
        (_, Some(partition)) => partition,
        (Origin::Sink(origin), None) => origin.partition,
        (Origin::Source { .. }, None) => 0,
    }
}

fn offset(record: &Record) -> i64 {
    match &record.origin {
        Origin::Sink(origin) => origin.offset,
        Origin::Source { .. } => 0,
    }
}

/// A column of the target table that records fill.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: Text,
    pub(crate) schema: SchemaRef,
    pub(crate) source: Source,
    pub(crate) is_key: bool,
}

impl Column {
    /// Key columns never are, whatever their schema says.
    pub(crate) fn is_optional(&self) -> bool {
        !self.is_key && self.schema.is_optional()
    }

    /// As error messages show a column.
    pub(crate) fn describe(&self) -> String {
        format!(
            "SinkRecordField{{schema={}, name='{}', isPrimaryKey={}}}",
            describe_schema(&self.schema),
            self.name,
            self.is_key
        )
    }
}

fn describe_schema(schema: &Schema) -> String {
    match schema.name() {
        Some(name) => format!("Schema{{{name}:{}}}", schema.kind()),
        None => format!("Schema{{{}}}", schema.kind()),
    }
}

/// The columns of a pair of schemas.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    /// Key columns in the order of `pk.fields`, then the others in the order of the value: the order of INSERT.
    pub(crate) columns: Vec<Column>,
    /// How many of them are key columns.
    pub(crate) keys: usize,
    /// Positions in `columns` in the order of CREATE TABLE.
    pub(crate) declared: Vec<usize>,
}

impl Fields {
    pub(crate) fn key_columns(&self) -> &[Column] {
        &self.columns[..self.keys]
    }

    /// Columns in the order of CREATE TABLE.
    pub(crate) fn in_table_order(&self) -> impl Iterator<Item = &Column> {
        self.declared.iter().map(|index| &self.columns[*index])
    }

    /// Works the columns out.
    ///
    /// # Errors
    /// `ConnectException` if `pk.fields` does not fit the schemas or no column is left.
    pub(crate) fn extract(
        table: &str,
        rules: KeyRules<'_>,
        whitelist: &[String],
        key: Option<&SchemaRef>,
        value: Option<&SchemaRef>,
    ) -> Result<Fields> {
        if let Some(schema) = value
            && schema.kind() != Type::Struct
        {
            return Err(Error::connect("Value schema must be of type Struct"));
        }
        let mut columns: Vec<Column> = Vec::new();
        for column in rules.columns(table, key, value)? {
            if columns.iter().all(|known| known.name != column.name) {
                columns.push(column);
            }
        }
        let keys = columns.len();
        for (index, field) in value.iter().flat_map(|schema| schema.fields()).enumerate() {
            let is_key = columns[..keys].iter().any(|column| column.name == field.name);
            let wanted = whitelist.is_empty() || whitelist.iter().any(|name| field.name == name.as_str());
            if !is_key && wanted {
                columns.push(Column {
                    name: field.name.clone(),
                    schema: field.schema.clone(),
                    source: Source::ValueField(index),
                    is_key: false,
                });
            }
        }
        if columns.is_empty() {
            return Err(Error::connect(format!(
                "No fields found using key and value schemas for table: {table}"
            )));
        }
        let declared = table_order(&columns, value);
        Ok(Fields {
            columns,
            keys,
            declared,
        })
    }
}

/// The three default Kafka columns, then fields in the value's order, then all others by name.
fn table_order(columns: &[Column], value: Option<&SchemaRef>) -> Vec<usize> {
    let position = |name: &str| columns.iter().position(|column| column.name == name);
    let of_value = value
        .iter()
        .flat_map(|schema| schema.fields())
        .map(|field| &*field.name);
    let mut rest: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
    rest.sort_unstable();
    let mut order: Vec<usize> = Vec::with_capacity(columns.len());
    for index in KAFKA_COLUMNS
        .into_iter()
        .chain(of_value)
        .chain(rest)
        .filter_map(position)
    {
        if !order.contains(&index) {
            order.push(index);
        }
    }
    order
}

/// `pk.mode` with `pk.fields`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRules<'a> {
    pub(crate) mode: PkMode,
    pub(crate) fields: &'a [String],
}

impl KeyRules<'_> {
    fn columns(self, table: &str, key: Option<&SchemaRef>, value: Option<&SchemaRef>) -> Result<Vec<Column>> {
        match self.mode {
            PkMode::None => Ok(Vec::new()),
            PkMode::Kafka => self.kafka_columns(table),
            PkMode::RecordKey => self.record_key_columns(table, key),
            PkMode::RecordValue => {
                let Some(schema) = value else {
                    return Err(self.missing_schema(table, "value"));
                };
                self.struct_columns(table, schema, "value", Source::ValueField)
            }
        }
    }

    fn listed(self) -> String {
        format!("[{}]", self.fields.join(", "))
    }

    fn missing_schema(self, table: &str, part: &str) -> Error {
        let mode = self.mode.constant();
        Error::connect(format!(
            "PK mode for table '{table}' is {mode}, but record {part} schema is missing"
        ))
    }

    fn kafka_columns(self, table: &str) -> Result<Vec<Column>> {
        let names: Vec<&str> = match self.fields {
            [] => KAFKA_COLUMNS.to_vec(),
            fields => fields.iter().map(String::as_str).collect(),
        };
        let [topic, partition, offset] = names[..] else {
            return Err(Error::connect(format!(
                "PK mode for table '{table}' is KAFKA so there should either be no field names defined for defaults [{}] to \
                 be applicable, or exactly 3, defined fields are: {}",
                KAFKA_COLUMNS.join(", "),
                self.listed()
            )));
        };
        let column = |name: &str, kind: Type, source: Source| Column {
            name: name.into(),
            schema: Schema::primitive(kind, false),
            source,
            is_key: true,
        };
        Ok(vec![
            column(topic, Type::String, Source::Topic),
            column(partition, Type::Int32, Source::Partition),
            column(offset, Type::Int64, Source::Offset),
        ])
    }

    fn record_key_columns(self, table: &str, key: Option<&SchemaRef>) -> Result<Vec<Column>> {
        let Some(schema) = key else {
            return Err(self.missing_schema(table, "key"));
        };
        if schema.kind() == Type::Struct {
            return self.struct_columns(table, schema, "key", Source::KeyField);
        }
        if !schema.kind().is_primitive() {
            return Err(Error::connect(format!(
                "Key schema must be primitive type or Struct, but is of type: {}",
                schema.kind()
            )));
        }
        let [name] = self.fields else {
            return Err(Error::connect(format!(
                "Need exactly one PK column defined since the key schema for records is a primitive type, defined columns are: {}",
                self.listed()
            )));
        };
        Ok(vec![Column {
            name: name.as_str().into(),
            schema: schema.clone(),
            source: Source::Key,
            is_key: true,
        }])
    }

    fn struct_columns(
        self,
        table: &str,
        schema: &SchemaRef,
        part: &str,
        source: fn(usize) -> Source,
    ) -> Result<Vec<Column>> {
        let column = |index: usize| Column {
            name: schema.fields()[index].name.clone(),
            schema: schema.fields()[index].schema.clone(),
            source: source(index),
            is_key: true,
        };
        if self.fields.is_empty() {
            return Ok((0..schema.fields().len()).map(column).collect());
        }
        let listed = self.fields.iter();
        listed
            .map(|name| match schema.field_index(name) {
                Some(index) => Ok(column(index)),
                None => Err(Error::connect(format!(
                    "PK mode for table '{table}' is {} with configured PK fields {}, but record {part} schema does not \
                     contain field: {name}",
                    self.mode.constant(),
                    self.listed()
                ))),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(strings: &[&str]) -> Vec<String> {
        strings.iter().map(ToString::to_string).collect()
    }

    fn structure(fields: &[(&str, Type, bool)]) -> SchemaRef {
        let add = |builder: turnbuckle_api::SchemaBuilder, (name, kind, optional): &(&str, Type, bool)| {
            builder.field(*name, Schema::primitive(*kind, *optional))
        };
        fields.iter().fold(Schema::structure(), add).finish()
    }

    fn value_schema() -> SchemaRef {
        structure(&[
            ("id", Type::Int32, false),
            ("name", Type::String, true),
            ("qty", Type::Int64, true),
        ])
    }

    fn extract(mode: PkMode, fields: &[&str], whitelist: &[&str], key: Option<SchemaRef>) -> Result<Fields> {
        let fields = names(fields);
        let rules = KeyRules { mode, fields: &fields };
        Fields::extract("t", rules, &names(whitelist), key.as_ref(), Some(&value_schema()))
    }

    fn listed<'a>(columns: impl Iterator<Item = &'a Column>) -> String {
        columns
            .map(|column| column.name.to_string())
            .collect::<Vec<_>>()
            .join(",")
    }

    #[test]
    fn columns_stand_in_the_known_orders() {
        let int_key = || Some(Schema::primitive(Type::Int64, false));
        let struct_key = || {
            Some(structure(&[
                ("k2", Type::Int32, false),
                ("k1", Type::Int64, false),
                ("id", Type::Int32, false),
            ]))
        };
        for (mode, fields, whitelist, key, insert, keys, create) in [
            (PkMode::None, vec![], vec![], None, "id,name,qty", 0, "id,name,qty"),
            (
                PkMode::Kafka,
                vec![],
                vec![],
                None,
                "__connect_topic,__connect_partition,__connect_offset,id,name,qty",
                3,
                "__connect_topic,__connect_partition,__connect_offset,id,name,qty",
            ),
            (
                PkMode::Kafka,
                vec!["zt", "ap", "ko"],
                vec![],
                None,
                "zt,ap,ko,id,name,qty",
                3,
                "id,name,qty,ap,ko,zt",
            ),
            (
                PkMode::RecordKey,
                vec!["key_id"],
                vec![],
                int_key(),
                "key_id,id,name,qty",
                1,
                "id,name,qty,key_id",
            ),
            (
                PkMode::RecordKey,
                vec![],
                vec![],
                struct_key(),
                "k2,k1,id,name,qty",
                3,
                "id,name,qty,k1,k2",
            ),
            (
                PkMode::RecordKey,
                vec!["id", "k1"],
                vec![],
                struct_key(),
                "id,k1,name,qty",
                2,
                "id,name,qty,k1",
            ),
            (
                PkMode::RecordValue,
                vec!["qty", "id"],
                vec![],
                None,
                "qty,id,name",
                2,
                "id,name,qty",
            ),
            (
                PkMode::RecordValue,
                vec!["id"],
                vec!["qty"],
                None,
                "id,qty",
                1,
                "id,qty",
            ),
            (
                PkMode::RecordValue,
                vec![],
                vec![],
                None,
                "id,name,qty",
                3,
                "id,name,qty",
            ),
        ] {
            let found = extract(mode, &fields, &whitelist, key).unwrap();
            assert_eq!(listed(found.columns.iter()), insert);
            assert_eq!(found.keys, keys);
            assert_eq!(listed(found.in_table_order()), create);
            assert!(found.key_columns().iter().all(|column| !column.is_optional()));
        }
    }

    #[test]
    fn misfits_have_the_known_texts() {
        let int_key = Some(Schema::primitive(Type::Int32, false));
        let key = Some(structure(&[("a", Type::Int32, false)]));
        for (mode, fields, whitelist, key, text) in [
            (
                PkMode::RecordKey,
                vec!["b"],
                vec![],
                key,
                "PK mode for table 't' is RECORD_KEY with configured PK fields [b], but record key schema does not contain field: b",
            ),
            (
                PkMode::RecordValue,
                vec!["nope"],
                vec![],
                None,
                "PK mode for table 't' is RECORD_VALUE with configured PK fields [nope], but record value schema does not \
                 contain field: nope",
            ),
            (
                PkMode::RecordKey,
                vec![],
                vec![],
                int_key,
                "Need exactly one PK column defined since the key schema for records is a primitive type, defined columns are: []",
            ),
            (
                PkMode::None,
                vec![],
                vec!["zzz"],
                None,
                "No fields found using key and value schemas for table: t",
            ),
        ] {
            assert_eq!(
                extract(mode, &fields, &whitelist, key).unwrap_err().message(),
                Some(text)
            );
        }
    }

    #[test]
    fn columns_are_described_as_in_messages() {
        let found = extract(PkMode::RecordValue, &["id"], &[], None).unwrap();
        assert_eq!(
            found.columns[0].describe(),
            "SinkRecordField{schema=Schema{INT32}, name='id', isPrimaryKey=true}"
        );
    }
}
