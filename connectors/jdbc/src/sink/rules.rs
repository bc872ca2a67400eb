//! What a record must look like before anything is done with it, by `pk.mode` and `delete.enabled`
//! (`io.confluent.connect.jdbc.sink.RecordValidator`).

use super::config::{PkMode, SinkConfig};
use turnbuckle_api::data::Type;
use turnbuckle_api::record::Origin;
use turnbuckle_api::{Error, Record, Result, SchemaAndValue, Value};

/// The checks of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct RecordRules {
    connector: String,
    delete_enabled: bool,
    pk_mode: PkMode,
    needs_key: bool,
    needs_value: bool,
    /// Texts may be values, too: `string.output.value.column.name` is set.
    takes_text: bool,
    /// Keys that mean fields of values and are set, so that texts are refused.
    field_keys: Vec<&'static str>,
}

impl RecordRules {
    pub(crate) fn new(config: &SinkConfig, connector: &str) -> Self {
        RecordRules {
            connector: connector.to_string(),
            delete_enabled: config.delete_enabled,
            pk_mode: config.pk_mode,
            needs_key: config.pk_mode == PkMode::RecordKey || config.delete_enabled,
            needs_value: matches!(config.pk_mode, PkMode::None | PkMode::RecordValue) || !config.delete_enabled,
            takes_text: config.text_column.is_some(),
            field_keys: [
                ("fields.whitelist", config.fields_whitelist.is_empty()),
                ("timestamp.fields.list", config.timestamp_fields.is_empty()),
            ]
            .into_iter()
            .filter_map(|(key, empty)| (!empty).then_some(key))
            .collect(),
        }
    }

    /// Checks one record.
    ///
    /// # Errors
    /// `ConnectException` naming the configuration, the record's coordinates and what was found.
    pub(crate) fn check(&self, record: &Record) -> Result<()> {
        if self.needs_key && !is_key(&record.key) {
            return Err(self.refuse(
                record,
                "non-null key and non-null Struct or primitive key schema",
                "key",
                &record.key,
            ));
        }
        if self.takes_text && is_text(&record.value) {
            return self.check_text();
        }
        if self.needs_value && !is_struct(&record.value) {
            let wanted = match self.takes_text {
                true => "non-null Struct or String value and non-null Struct or String schema",
                false => "non-null Struct value and non-null Struct schema",
            };
            return Err(self.refuse(record, wanted, "value", &record.value));
        }
        Ok(())
    }

    fn check_text(&self) -> Result<()> {
        if self.field_keys.is_empty() {
            return Ok(());
        }
        Err(Error::connect(format!(
            "Sink connector '{}' is configured with field-level options that are not applicable to String values: {}. Remove \
             these options, or have the upstream producer emit Struct values instead.",
            self.connector,
            self.field_keys.join(", ")
        )))
    }

    fn refuse(&self, record: &Record, wanted: &str, part: &str, found: &SchemaAndValue) -> Error {
        let class = found.value.java_class().rsplit('.').next().unwrap_or("null");
        let class = if class == "[B" { "byte[]" } else { class };
        let schema = found.schema.as_ref().map_or("null", |schema| schema.kind().name());
        let (partition, offset) = match &record.origin {
            Origin::Sink(origin) => (record.partition.unwrap_or(origin.partition), origin.offset),
            Origin::Source { .. } => (record.partition.unwrap_or(0), 0),
        };
        let timestamp = record
            .timestamp
            .map_or_else(|| "null".to_string(), |millis| millis.to_string());
        Error::connect(format!(
            "Sink connector '{}' is configured with 'delete.enabled={}' and 'pk.mode={}' and therefore requires records \
             with a {wanted}, but found record at (topic='{}',partition={partition},offset={offset},timestamp={timestamp}) \
             with a {class} {part} and {schema} {part} schema.",
            self.connector,
            self.delete_enabled,
            self.pk_mode.lower_case(),
            record.topic,
        ))
    }
}

fn is_key(key: &SchemaAndValue) -> bool {
    let fits = |kind: Type| kind == Type::Struct || kind.is_primitive();
    !key.value.is_null() && key.schema.as_ref().is_some_and(|schema| fits(schema.kind()))
}

fn is_text(value: &SchemaAndValue) -> bool {
    let schema = value.schema.as_ref();
    matches!(value.value, Value::String(_)) && schema.is_some_and(|schema| schema.kind() == Type::String)
}

fn is_struct(value: &SchemaAndValue) -> bool {
    matches!(value.value, Value::Struct(_))
        && value
            .schema
            .as_ref()
            .is_some_and(|schema| schema.kind() == Type::Struct)
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::config::Config;
    use turnbuckle_api::testkit::sink_record;
    use turnbuckle_api::{Props, Schema};

    fn rules(pk_mode: &str, delete: bool) -> RecordRules {
        let props = Props::new()
            .with("connection.url", "jdbc:sqlite:x")
            .with("pk.mode", pk_mode)
            .with("delete.enabled", delete.to_string());
        RecordRules::new(&SinkConfig::from_props(&props).unwrap(), "c1")
    }

    #[test]
    fn refused_records_are_described() {
        let int = |value: i32| SchemaAndValue::new(Schema::primitive(Type::Int32, false), value.into());
        let text = SchemaAndValue::new(Schema::primitive(Type::String, false), Value::text("x"));
        let map = SchemaAndValue::schemaless(Value::Map(vec![]));
        let value = "non-null Struct value and non-null Struct schema";
        let key = "non-null key and non-null Struct or primitive key schema";
        for (mode, delete, record_key, record_value, wanted, found) in [
            (
                "none",
                false,
                SchemaAndValue::NULL,
                map,
                value,
                "HashMap value and null value schema",
            ),
            (
                "none",
                false,
                SchemaAndValue::NULL,
                text,
                value,
                "String value and string value schema",
            ),
            (
                "none",
                false,
                SchemaAndValue::NULL,
                int(5),
                value,
                "Integer value and int32 value schema",
            ),
            (
                "record_key",
                false,
                int(1),
                SchemaAndValue::NULL,
                value,
                "null value and null value schema",
            ),
            (
                "record_key",
                true,
                SchemaAndValue::NULL,
                SchemaAndValue::NULL,
                key,
                "null key and null key schema",
            ),
        ] {
            let error = rules(mode, delete)
                .check(&sink_record("t", 7, record_key, record_value))
                .unwrap_err();
            assert_eq!(
                error.message().unwrap(),
                format!(
                    "Sink connector 'c1' is configured with 'delete.enabled={delete}' and 'pk.mode={mode}' and therefore \
                     requires records with a {wanted}, but found record at (topic='t',partition=0,offset=7,timestamp=0) \
                     with a {found}."
                )
            );
        }
    }

    #[test]
    fn texts_pass_when_they_have_a_column() {
        let text = || SchemaAndValue::new(Schema::primitive(Type::String, false), Value::text("x"));
        let check = |extra: &[(&str, &str)]| {
            let mut props = Props::new()
                .with("connection.url", "jdbc:sqlite:x")
                .with("string.output.value.column.name", "v");
            for (key, value) in extra {
                props.insert(*key, *value);
            }
            let rules = RecordRules::new(&SinkConfig::from_props(&props).unwrap(), "c1");
            rules.check(&sink_record("t", 0, SchemaAndValue::NULL, text()))
        };
        assert!(check(&[]).is_ok());
        let error = check(&[("fields.whitelist", "a")]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("not applicable to String values: fields.whitelist.")
        );
    }

    #[test]
    fn a_tombstone_passes_with_deletes() {
        let key = SchemaAndValue::new(Schema::primitive(Type::Int32, false), 1i32.into());
        let record = sink_record("t", 0, key, SchemaAndValue::NULL);
        assert!(rules("record_key", true).check(&record).is_ok());
        assert!(rules("record_key", false).check(&record).is_err());
    }
}
