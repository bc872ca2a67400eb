//! Values without schema: integers of 64 bits, doubles, text, booleans, lists and maps.

use super::number;
use super::scan::{Kind, Scanned, Scanner};
use crate::entries::Entries;
use turnbuckle_api::Value;

/// Reads the value at the cursor.
pub(crate) fn schemaless(scanner: &mut Scanner<'_>) -> Scanned<Value> {
    Ok(match scanner.kind()? {
        Kind::Null => {
            scanner.null()?;
            Value::Null
        }
        Kind::Boolean => Value::Boolean(scanner.boolean()?),
        Kind::String => {
            let string = scanner.string()?;
            Value::String(scanner.text_of(string))
        }
        Kind::Number => {
            let found = scanner.number()?;
            if found.integral {
                Value::Int64(number::to_i64(found))
            } else {
                Value::Float64(number::to_f64(found))
            }
        }
        Kind::Array => {
            scanner.enter()?;
            let mut items = Vec::new();
            while scanner.more(b']', items.is_empty())? {
                items.push(schemaless(scanner)?);
            }
            Value::Array(items)
        }
        Kind::Object => {
            scanner.enter()?;
            let mut entries = Entries::default();
            let mut first = true;
            while scanner.more(b'}', first)? {
                first = false;
                let name = scanner.name()?;
                let name = Value::String(scanner.text_of(name));
                entries.put(name, schemaless(scanner)?);
            }
            Value::Map(entries.into_list())
        }
    })
}
