//! Connect's logical types to their stored form and back, with the Java worker's complaints.

use bytes::Bytes;
use turnbuckle_api::data::{Decimal, Logical, Schema};
use turnbuckle_api::{Error, ErrorKind, Result, Value};

pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;

/// `value` of a logical type as integer or bytes.
///
/// # Errors
/// `DataException` if the class, the scale or the range does not fit.
pub(crate) fn from_logical(logical: Logical, schema: &Schema, value: &Value) -> Result<Value> {
    match (logical, value) {
        (Logical::Decimal, Value::Decimal(decimal)) => {
            check_scale(decimal_scale(schema)?, decimal)?;
            let mut bytes = Vec::new();
            decimal.write_unscaled_be(&mut bytes);
            Ok(Value::Bytes(Bytes::from(bytes)))
        }
        (Logical::Date, Value::Date(millis)) => days(*millis).map(Value::Int32),
        (Logical::Time, Value::Date(millis)) => time_of_day(*millis).map(Value::Int32),
        (Logical::Timestamp, Value::Date(millis)) => Ok(Value::Int64(*millis)),
        (_, other) => Err(wrong_class(logical, other)),
    }
}

pub(crate) fn wrong_class(logical: Logical, value: &Value) -> Error {
    let class = value.java_class();
    Error::data(match logical {
        Logical::Decimal => format!("Invalid type for Decimal, expected BigDecimal but was class {class}"),
        Logical::Date => format!("Invalid type for Date, expected Date but was class {class}"),
        Logical::Time => format!("Invalid type for Time, expected Date but was class {class}"),
        Logical::Timestamp => format!("Invalid type for Timestamp, expected Date but was class {class}"),
    })
}

pub(crate) fn days(millis: i64) -> Result<i32> {
    if millis % MILLIS_PER_DAY != 0 {
        return Err(Error::data(
            "Kafka Connect Date type should not have any time fields set to non-zero values.",
        ));
    }
    Ok((millis / MILLIS_PER_DAY) as i32)
}

pub(crate) fn time_of_day(millis: i64) -> Result<i32> {
    if !(0..=MILLIS_PER_DAY).contains(&millis) {
        return Err(Error::data(
            "Kafka Connect Time type should not have any date fields set to non-zero values.",
        ));
    }
    Ok(millis as i32)
}

pub(crate) fn check_scale(scale: i32, decimal: &Decimal) -> Result<()> {
    if decimal.scale() == scale {
        return Ok(());
    }
    Err(Error::data(format!(
        "Decimal value has mismatching scale for given Decimal schema. Schema has scale {scale}, value has scale {}.",
        decimal.scale()
    )))
}

/// Scale that a Decimal schema declares.
pub(crate) fn decimal_scale(schema: &Schema) -> Result<i32> {
    let text = schema
        .parameter("scale")
        .ok_or_else(|| Error::data("Invalid Decimal schema: scale parameter not found."))?;
    text.parse()
        .map_err(|_| Error::data("Invalid scale parameter found in Decimal schema: ").with_context("scale", text))
}

/// A stored form as the logical type's value.
pub fn to_logical(logical: Logical, scale: i32, value: Value) -> Result<Value> {
    match (logical, value) {
        (Logical::Decimal, Value::Bytes(bytes)) => decimal_of(&bytes, scale),
        (Logical::Date, Value::Int32(days)) => Ok(Value::Date(i64::from(days) * MILLIS_PER_DAY)),
        (Logical::Time, Value::Int32(millis)) => time(millis),
        (Logical::Timestamp, Value::Int64(millis)) => Ok(Value::Date(millis)),
        (logical, value) => Err(wrong_storage(logical, value.java_class())),
    }
}

pub(crate) fn time(millis: i32) -> Result<Value> {
    let millis = i64::from(millis);
    if !(0..=MILLIS_PER_DAY).contains(&millis) {
        return Err(Error::data(
            "Time values must use number of milliseconds greater than 0 and less than 86400000",
        ));
    }
    Ok(Value::Date(millis))
}

pub(crate) fn decimal_of(bytes: &[u8], scale: i32) -> Result<Value> {
    if bytes.is_empty() {
        let kind = ErrorKind::Class("java.lang.NumberFormatException");
        return Err(Error::new(kind, "Zero length BigInteger"));
    }
    Ok(Value::Decimal(Decimal::from_unscaled_be(bytes, scale)))
}

pub(crate) fn wrong_storage(logical: Logical, class: &str) -> Error {
    let (name, storage) = match logical {
        Logical::Decimal => ("Decimal", "bytes"),
        Logical::Date => ("Date", "int32"),
        Logical::Time => ("Time", "int32"),
        Logical::Timestamp => ("Timestamp", "int64"),
    };
    Error::data(format!(
        "Invalid type for {name}, underlying representation should be {storage} but was class {class}"
    ))
}
