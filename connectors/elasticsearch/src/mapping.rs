//! Mappings: the fields that a target declares, made from the schema of a value.

use serde_json::{Map, Value as Json, json};
use turnbuckle_api::data::Logical;
use turnbuckle_api::{Error, Result, Schema, SchemaRef, Type, Value};

/// The mapping of a value's schema.
///
/// # Errors
/// `DataException` without schema, or for a schema that contains itself or a container of unknown contents.
pub(crate) fn mapping(schema: Option<&SchemaRef>) -> Result<Json> {
    match schema {
        Some(schema) => field(schema),
        None => Err(Error::data("Cannot infer mapping without schema.")),
    }
}

fn field(schema: &SchemaRef) -> Result<Json> {
    if let Some(logical) = schema.logical() {
        return Ok(match logical {
            Logical::Decimal => primitive("double", schema),
            Logical::Date | Logical::Time | Logical::Timestamp => primitive("date", schema),
        });
    }
    Ok(match schema.kind() {
        Type::Boolean => primitive("boolean", schema),
        Type::Int8 => primitive("byte", schema),
        Type::Int16 => primitive("short", schema),
        Type::Int32 => primitive("integer", schema),
        Type::Int64 => primitive("long", schema),
        Type::Float32 => primitive("float", schema),
        Type::Float64 => primitive("double", schema),
        Type::Bytes => json!({"type": "binary"}),
        Type::String => json!({
            "type": "text",
            "fields": {"keyword": {"type": "keyword", "ignore_above": 256}},
        }),
        Type::Array => field(known(schema.items())?)?,
        Type::Map => json!({"properties": {
            "key": field(known(schema.keys())?)?,
            "value": field(known(schema.values())?)?,
        }}),
        Type::Struct if schema.is_recursive() => {
            let name = schema.name().unwrap_or("without name");
            return Err(Error::data(format!(
                "Cannot infer a mapping for struct {name}, which contains itself."
            )));
        }
        Type::Struct => {
            let mut properties = Map::new();
            for part in schema.fields() {
                properties.insert(part.name.to_string(), field(&part.schema)?);
            }
            json!({"properties": properties})
        }
    })
}

fn known(schema: Option<&SchemaRef>) -> Result<&SchemaRef> {
    schema.ok_or_else(|| Error::data("Cannot infer mapping without schema."))
}

fn primitive(kind: &str, schema: &Schema) -> Json {
    let mut mapping = json!({"type": kind});
    let null_value = match schema.default_value() {
        Some(Value::Boolean(value)) => Some(json!(value)),
        Some(Value::Int8(value)) => Some(json!(value)),
        Some(Value::Int16(value)) => Some(json!(value)),
        Some(Value::Int32(value)) => Some(json!(value)),
        Some(Value::Int64(value) | Value::Date(value)) => Some(json!(value)),
        Some(Value::Float32(value)) if value.is_finite() => Some(json!(value)),
        Some(Value::Float64(value)) if value.is_finite() => Some(json!(value)),
        Some(Value::Decimal(value)) => Some(json!(value.to_f64())),
        _ => None,
    };
    if let Some(value) = null_value {
        mapping["null_value"] = value;
    }
    mapping
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::{Decimal, SchemaBuilder};

    #[test]
    fn types_have_their_fields() {
        let text = json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}});
        let plain = |kind: Type| Schema::primitive(kind, true);
        let cases = [
            (plain(Type::Boolean), json!({"type": "boolean"})),
            (plain(Type::Int8), json!({"type": "byte"})),
            (plain(Type::Int16), json!({"type": "short"})),
            (plain(Type::Int32), json!({"type": "integer"})),
            (plain(Type::Int64), json!({"type": "long"})),
            (plain(Type::Float32), json!({"type": "float"})),
            (plain(Type::Float64), json!({"type": "double"})),
            (plain(Type::Bytes), json!({"type": "binary"})),
            (plain(Type::String), text.clone()),
            (Schema::date().finish(), json!({"type": "date"})),
            (Schema::time().finish(), json!({"type": "date"})),
            (
                Schema::timestamp().default_value(Value::Date(7)).finish(),
                json!({"type": "date", "null_value": 7}),
            ),
            (
                Schema::decimal(2)
                    .default_value(Value::Decimal(Decimal::new(150, 2)))
                    .finish(),
                json!({"type": "double", "null_value": 1.5}),
            ),
            (
                SchemaBuilder::new(Type::Int8).default_value(Value::Int8(3)).finish(),
                json!({"type": "byte", "null_value": 3}),
            ),
            (
                SchemaBuilder::new(Type::String)
                    .default_value(Value::text("x"))
                    .finish(),
                text.clone(),
            ),
            (
                SchemaBuilder::array(Some(plain(Type::Int32))).finish(),
                json!({"type": "integer"}),
            ),
            (
                SchemaBuilder::map(Some(plain(Type::String)), Some(plain(Type::Int32))).finish(),
                json!({"properties": {"key": text, "value": {"type": "integer"}}}),
            ),
            (
                Schema::structure().field("a", plain(Type::Int32)).finish(),
                json!({"properties": {"a": {"type": "integer"}}}),
            ),
        ];
        for (schema, expected) in cases {
            assert_eq!(mapping(Some(&schema)).unwrap(), expected);
        }
    }

    #[test]
    fn what_has_no_schema_has_no_mapping() {
        let error = mapping(None).unwrap_err();
        assert_eq!(error.message(), Some("Cannot infer mapping without schema."));
        assert!(mapping(Some(&SchemaBuilder::array(None).finish())).is_err());
        let inner = SchemaBuilder::recursive("Tree").finish();
        let tree = Schema::structure().name("Tree").field("child", inner).finish();
        assert!(mapping(Some(&tree)).unwrap_err().to_string().contains("Tree"));
    }
}
