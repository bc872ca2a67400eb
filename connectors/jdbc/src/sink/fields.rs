//! Which columns a record has, and where each value is found: made once per pair of schemas
//! (`io.confluent.connect.jdbc.sink.metadata.FieldsMetadata`).

use super::config::{PkMode, Precision, SinkConfig};
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
    /// The same, a null staying null where the schema has a default.
    ValueFieldAsIs(usize),
    /// A number since the epoch (`timestamp.fields.list`), which becomes microseconds.
    Epoch(usize, Precision),
    /// The whole, textual value.
    Value,
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
    /// The value, with the schema's default in place of null but for [`Source::ValueFieldAsIs`]. Of [`Source::Epoch`] an
    /// `Int64` of microseconds.
    pub(crate) fn cell(self, record: &Record) -> Cell<'_> {
        match self {
            Source::ValueField(index) => Cell::Borrowed(field(&record.value.value, index)),
            Source::KeyField(index) => Cell::Borrowed(field(&record.key.value, index)),
            Source::ValueFieldAsIs(index) => {
                let values = record.value.value.as_struct().map(|fields| fields.values());
                Cell::Borrowed(values.and_then(|values| values.get(index)).unwrap_or(&NULL))
            }
            Source::Epoch(index, precision) => precision.micros(field(&record.value.value, index)),
            Source::Value => Cell::Borrowed(&record.value.value),
            Source::Key => Cell::Borrowed(&record.key.value),
            Source::Topic => Cell::Owned(Value::String(record.topic.clone())),
            Source::Partition => Cell::Owned(Value::Int32(partition(record))),
            Source::Offset => Cell::Owned(Value::Int64(offset(record))),
        }
    }
}

impl Precision {
    /// Microseconds of a number or its text; anything else as it is, for the database to refuse.
    fn micros(self, value: &Value) -> Cell<'_> {
        let number = match value {
            Value::Int64(number) => Some(*number),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match (number, self) {
            (Some(number), Precision::Microseconds) => Cell::Owned(Value::Int64(number)),
            (Some(number), Precision::Nanoseconds) => Cell::Owned(Value::Int64(number.div_euclid(1000))),
            (None, _) => Cell::Borrowed(value),
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
        values: ValueRules<'_>,
        key: Option<&SchemaRef>,
        value: Option<&SchemaRef>,
    ) -> Result<Fields> {
        let text_column = match value {
            Some(schema) if schema.kind() == Type::String => values.text_column,
            _ => None,
        };
        if let (Some(schema), None) = (value, text_column)
            && schema.kind() != Type::Struct
        {
            return Err(Error::connect("Value schema must be of type Struct"));
        }
        if text_column.is_some() && rules.mode == PkMode::RecordValue {
            return Err(Error::connect(
                "pk.mode record_value is not supported with String value schemas",
            ));
        }
        let mut columns: Vec<Column> = Vec::new();
        for column in rules.columns(table, key, value)? {
            if columns.iter().all(|known| known.name != column.name) {
                columns.push(column);
            }
        }
        let keys = columns.len();
        if let Some(name) = text_column {
            if columns.iter().any(|column| column.name == *name) {
                return Err(Error::connect(format!(
                    "Configured string.output.value.column.name '{name}' conflicts with a primary key column for table '{table}'"
                )));
            }
            columns.push(Column {
                name: name.into(),
                schema: Schema::primitive(Type::String, true),
                source: Source::Value,
                is_key: false,
            });
        }
        for (index, field) in value.iter().flat_map(|schema| schema.fields()).enumerate() {
            let is_key = columns[..keys].iter().any(|column| column.name == field.name);
            let listed = |names: &[String]| names.iter().any(|name| field.name == name.as_str());
            if is_key || !(values.whitelist.is_empty() || listed(values.whitelist)) {
                continue;
            }
            let is_number =
                matches!(field.schema.kind(), Type::Int64 | Type::String) && field.schema.logical().is_none();
            let is_epoch = is_number && listed(values.timestamps);
            columns.push(Column {
                name: field.name.clone(),
                schema: match is_epoch {
                    true => Schema::timestamp().with_optional(field.schema.is_optional()).finish(),
                    false => field.schema.clone(),
                },
                source: match is_epoch {
                    true => Source::Epoch(index, values.precision),
                    false if values.keeps_nulls => Source::ValueFieldAsIs(index),
                    false => Source::ValueField(index),
                },
                is_key: false,
            });
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

/// Which fields of a value become columns, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueRules<'a> {
    /// `fields.whitelist`; empty: all.
    pub(crate) whitelist: &'a [String],
    /// `timestamp.fields.list` with `timestamp.precision.mode`.
    pub(crate) timestamps: &'a [String],
    pub(crate) precision: Precision,
    /// `replace.null.with.default=false`.
    pub(crate) keeps_nulls: bool,
    /// `string.output.value.column.name`; without it values that are texts are refused.
    pub(crate) text_column: Option<&'a str>,
}

impl<'a> ValueRules<'a> {
    pub(crate) fn new(config: &'a SinkConfig) -> Self {
        ValueRules {
            whitelist: &config.fields_whitelist,
            timestamps: &config.timestamp_fields,
            precision: config.timestamp_precision,
            keeps_nulls: !config.replace_null_with_default,
            text_column: config.text_column.as_deref(),
        }
    }
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
impl ValueRules<'_> {
    /// All fields as they are.
    pub(crate) const PLAIN: ValueRules<'static> = ValueRules {
        whitelist: &[],
        timestamps: &[],
        precision: Precision::Microseconds,
        keeps_nulls: false,
        text_column: None,
    };
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
        let whitelist = names(whitelist);
        let values = ValueRules {
            whitelist: &whitelist,
            ..ValueRules::PLAIN
        };
        Fields::extract("t", rules, values, key.as_ref(), Some(&value_schema()))
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
    fn numbers_become_microseconds() {
        let micros = |precision: Precision, value: Value| (*precision.micros(&value)).clone();
        let (us, ns) = (Precision::Microseconds, Precision::Nanoseconds);
        assert_eq!(micros(us, Value::Int64(5)), Value::Int64(5));
        assert_eq!(micros(ns, Value::Int64(-1)), Value::Int64(-1));
        assert_eq!(
            micros(ns, Value::text("1718446830123456789")),
            Value::Int64(1_718_446_830_123_456)
        );
        assert_eq!(micros(us, Value::text("soon")), Value::text("soon"));
        assert_eq!(micros(us, Value::Null), Value::Null);
    }

    #[test]
    fn values_follow_their_rules() {
        let timestamps = names(&["qty"]);
        let values = ValueRules {
            timestamps: &timestamps,
            keeps_nulls: true,
            text_column: Some("text"),
            ..ValueRules::PLAIN
        };
        let rules = |mode| KeyRules { mode, fields: &[] };
        let found = Fields::extract("t", rules(PkMode::None), values, None, Some(&value_schema())).unwrap();
        let sources: Vec<Source> = found.columns.iter().map(|column| column.source).collect();
        assert_eq!(
            sources,
            [
                Source::ValueFieldAsIs(0),
                Source::ValueFieldAsIs(1),
                Source::Epoch(2, Precision::Microseconds)
            ]
        );
        let text = Schema::primitive(Type::String, false);
        let found = Fields::extract("t", rules(PkMode::Kafka), values, None, Some(&text)).unwrap();
        assert_eq!((found.keys, &*found.columns[3].name), (3, "text"));
        let error = Fields::extract("t", rules(PkMode::RecordValue), values, None, Some(&text)).unwrap_err();
        assert!(error.to_string().contains("String value schemas"), "{error}");
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
