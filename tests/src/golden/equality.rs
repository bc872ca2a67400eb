//! When two answers are the same, as the golden files' description says: schemas by all attributes, maps without order,
//! floating point by bits with NaN equal to NaN, decimals by unscaled value and scale.

use turnbuckle_api::{SchemaAndValue, SchemaRef, Value};

/// The first difference between `expected` and `actual`, as a short sentence; None if they are equal.
pub fn difference(expected: &SchemaAndValue, actual: &SchemaAndValue) -> Option<String> {
    optional_schemas(expected.schema.as_ref(), actual.schema.as_ref(), "schema")
        .or_else(|| values(&expected.value, &actual.value, "value"))
}

fn differ(at: &str, expected: impl std::fmt::Debug, actual: impl std::fmt::Debug) -> Option<String> {
    Some(format!("{at}: expected {expected:?}, found {actual:?}"))
}

fn optional_schemas(expected: Option<&SchemaRef>, actual: Option<&SchemaRef>, at: &str) -> Option<String> {
    match (expected, actual) {
        (None, None) => None,
        (Some(expected), Some(actual)) => schemas(expected, actual, at),
        (expected, actual) => differ(at, expected.map(|s| s.kind()), actual.map(|s| s.kind())),
    }
}

/// First difference of two schemas.
pub fn schemas(expected: &SchemaRef, actual: &SchemaRef, at: &str) -> Option<String> {
    if expected.kind() != actual.kind() {
        return differ(at, expected.kind(), actual.kind());
    }
    if expected.is_recursive() != actual.is_recursive() {
        return differ(
            &format!("{at}.recursive"),
            expected.is_recursive(),
            actual.is_recursive(),
        );
    }
    if expected.is_optional() != actual.is_optional() {
        return differ(&format!("{at}.optional"), expected.is_optional(), actual.is_optional());
    }
    if expected.name() != actual.name() {
        return differ(&format!("{at}.name"), expected.name(), actual.name());
    }
    if expected.version() != actual.version() {
        return differ(&format!("{at}.version"), expected.version(), actual.version());
    }
    if expected.doc() != actual.doc() {
        return differ(&format!("{at}.doc"), expected.doc(), actual.doc());
    }
    if expected.parameters() != actual.parameters() {
        return differ(&format!("{at}.parameters"), expected.parameters(), actual.parameters());
    }
    let default_differs = match (expected.default_value(), actual.default_value()) {
        (None, None) => None,
        (Some(expected), Some(actual)) => values(expected, actual, &format!("{at}.default")),
        (expected, actual) => differ(&format!("{at}.default"), expected, actual),
    };
    default_differs
        .or_else(|| optional_schemas(expected.items(), actual.items(), &format!("{at}.items")))
        .or_else(|| optional_schemas(expected.keys(), actual.keys(), &format!("{at}.keys")))
        .or_else(|| optional_schemas(expected.values(), actual.values(), &format!("{at}.values")))
        .or_else(|| fields(expected, actual, at))
}

fn fields(expected: &SchemaRef, actual: &SchemaRef, at: &str) -> Option<String> {
    let names = |schema: &SchemaRef| -> Vec<String> { schema.fields().iter().map(|f| f.name.to_string()).collect() };
    let (expected_names, actual_names) = (names(expected), names(actual));
    if expected_names != actual_names {
        return differ(&format!("{at}.fields"), expected_names, actual_names);
    }
    let pairs = expected.fields().iter().zip(actual.fields());
    pairs
        .into_iter()
        .find_map(|(e, a)| schemas(&e.schema, &a.schema, &format!("{at}.{}", e.name)))
}

/// First difference of two values.
pub fn values(expected: &Value, actual: &Value, at: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Float32(e), Value::Float32(a)) if e.is_nan() && a.is_nan() => None,
        (Value::Float64(e), Value::Float64(a)) if e.is_nan() && a.is_nan() => None,
        (Value::Float32(e), Value::Float32(a)) if e.to_bits() != a.to_bits() => differ(at, e, a),
        (Value::Float64(e), Value::Float64(a)) if e.to_bits() != a.to_bits() => differ(at, e, a),
        (Value::Array(e), Value::Array(a)) if e.len() == a.len() => {
            let mut pairs = e.iter().zip(a).enumerate();
            pairs.find_map(|(index, (e, a))| values(e, a, &format!("{at}[{index}]")))
        }
        (Value::Map(e), Value::Map(a)) if e.len() == a.len() => maps(e, a, at),
        (Value::Struct(e), Value::Struct(a)) => {
            let differs = schemas(e.schema(), a.schema(), &format!("{at}.schema"));
            differs.or_else(|| {
                let mut pairs = e.schema().fields().iter().zip(e.values().iter().zip(a.values()));
                pairs.find_map(|(field, (e, a))| values(e, a, &format!("{at}.{}", field.name)))
            })
        }
        (e, a) if e == a => None,
        (e, a) => differ(at, e, a),
    }
}

/// Each expected entry takes one equal entry of the answer.
fn maps(expected: &[(Value, Value)], actual: &[(Value, Value)], at: &str) -> Option<String> {
    let mut left: Vec<&(Value, Value)> = actual.iter().collect();
    for (key, item) in expected {
        let found = left
            .iter()
            .position(|(k, v)| values(key, k, at).is_none() && values(item, v, at).is_none());
        match found {
            Some(position) => left.swap_remove(position),
            None => return differ(at, (key, item), actual),
        };
    }
    None
}
