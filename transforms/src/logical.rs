//! Connect's logical dates and times as the integers they are stored as.

use turnbuckle_api::data::Logical;
use turnbuckle_api::{Error, ErrorKind, Result, Value};

pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;

/// The integer of a Date, Time or Timestamp; None for Decimal, which stays as it is.
///
/// # Errors
/// `DataException` for a Date with a time part or a Time outside a day; `ClassCastException` for other values.
pub(crate) fn encode(logical: Logical, value: &Value) -> Result<Option<Value>> {
    if logical == Logical::Decimal {
        return Ok(None);
    }
    let Value::Date(millis) = value else {
        let class = value.java_class();
        let text = format!("class {class} cannot be cast to class java.util.Date");
        return Err(Error::new(ErrorKind::ClassCast, text));
    };
    let millis = *millis;
    Ok(Some(match logical {
        Logical::Timestamp => Value::Int64(millis),
        Logical::Date if millis % MILLIS_PER_DAY != 0 => {
            let text = "Kafka Connect Date type should not have any time fields set to non-zero values.";
            return Err(Error::data(text));
        }
        Logical::Date => Value::Int32((millis / MILLIS_PER_DAY) as i32),
        Logical::Time if !(0..=MILLIS_PER_DAY).contains(&millis) => {
            let text = "Kafka Connect Time type must not have any date fields set to non-zero values.";
            return Err(Error::data(text));
        }
        Logical::Time | Logical::Decimal => Value::Int32(millis as i32),
    }))
}
