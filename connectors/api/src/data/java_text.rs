//! Text of values as Java's `toString` gives it.

use super::calendar::{civil_from_days, digits_of_java_day};
use super::{Struct, Value};
use std::fmt::{self, Write};

/// `Double.toString` as of Java 19: shortest digits, exponent form below 1E-3 and from 1E7.
pub fn java_f64(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    append_java_f64(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// `Float.toString`, likewise.
pub fn java_f32(value: f32) -> String {
    let mut out = Vec::with_capacity(16);
    append_java_f32(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends the text of [`java_f64`].
pub fn append_java_f64(value: f64, out: &mut Vec<u8>) {
    if append_special(value, out) {
        return;
    }
    let mut text = Digits::default();
    // Digits hold the longest text there is, so writing cannot fail.
    _ = write!(text, "{value:e}");
    // Java never prints fewer than two digits, and then takes the two nearest to the value (4.9E-324, not 5.0E-324).
    if !text.has_point() {
        let mut two = Digits::default();
        _ = write!(two, "{value:.1e}");
        if two.as_str().parse() == Ok(value) {
            text = two;
        }
    }
    append_digits(text.as_str(), out);
}

/// Appends the text of [`java_f32`].
pub fn append_java_f32(value: f32, out: &mut Vec<u8>) {
    if append_special(f64::from(value), out) {
        return;
    }
    let mut text = Digits::default();
    _ = write!(text, "{value:e}");
    if !text.has_point() {
        let mut two = Digits::default();
        _ = write!(two, "{value:.1e}");
        if two.as_str().parse() == Ok(value) {
            text = two;
        }
    }
    append_digits(text.as_str(), out);
}

/// A short text on the stack: sign, up to 17 digits, point and exponent.
#[derive(Default)]
struct Digits {
    bytes: [u8; 32],
    length: usize,
}

impl Digits {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    fn has_point(&self) -> bool {
        self.bytes[..self.length].contains(&b'.')
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let place = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Appends zeros and what has no digits; false if the value is none of these.
fn append_special(value: f64, out: &mut Vec<u8>) -> bool {
    let text = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else if value == 0.0 {
        if value.is_sign_negative() { "-0.0" } else { "0.0" }
    } else {
        return false;
    };
    out.extend_from_slice(text.as_bytes());
    true
}

/// Places the point in digits of the form `-d.ddde-n`.
fn append_digits(text: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.strip_prefix('-') {
        Some(rest) => {
            out.push(b'-');
            rest
        }
        None => mantissa,
    };
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let rest = rest.trim_end_matches('0').as_bytes();
    let first = first.as_bytes();
    if (-3..0).contains(&exponent) {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        out.extend_from_slice(first);
        out.extend_from_slice(rest);
        return;
    }
    let moved = if (0..7).contains(&exponent) {
        exponent as usize
    } else {
        0
    };
    out.extend_from_slice(first);
    let whole = moved.min(rest.len());
    out.extend_from_slice(&rest[..whole]);
    out.resize(out.len() + moved - whole, b'0');
    out.push(b'.');
    match &rest[whole..] {
        [] => out.push(b'0'),
        fraction => out.extend_from_slice(fraction),
    }
    if !(0..7).contains(&exponent) {
        out.push(b'E');
        out.extend_from_slice(exponent.to_string().as_bytes());
    }
}

/// Displays a value as `String.valueOf(object)`: `Struct{a=1,b=x}`, `{k=v, l=w}`, `[1, a, null]`.
///
/// Byte arrays show as `[B` (Java adds an object hash, which says nothing); dates in Java's `Date.toString` form, in UTC.
#[derive(Debug)]
pub struct JavaText<'a>(pub &'a Value);

impl fmt::Display for JavaText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Boolean(value) => write!(f, "{value}"),
            Value::Int8(value) => write!(f, "{value}"),
            Value::Int16(value) => write!(f, "{value}"),
            Value::Int32(value) => write!(f, "{value}"),
            Value::Int64(value) => write!(f, "{value}"),
            Value::Float32(value) => f.write_str(&java_f32(*value)),
            Value::Float64(value) => f.write_str(&java_f64(*value)),
            Value::String(value) => f.write_str(value),
            Value::Bytes(_) => f.write_str("[B"),
            Value::Decimal(value) => write!(f, "{value}"),
            Value::Date(millis) => write_date(f, *millis),
            Value::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}", JavaText(item))?;
                }
                f.write_str("]")
            }
            Value::Map(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{}={}", JavaText(key), JavaText(value))?;
                }
                f.write_str("}")
            }
            Value::Struct(value) => write_struct(f, value),
        }
    }
}

fn write_struct(f: &mut fmt::Formatter<'_>, value: &Struct) -> fmt::Result {
    f.write_str("Struct{")?;
    let mut separator = "";
    for (field, item) in value.schema().fields().iter().zip(value.values()) {
        if item.is_null() {
            continue;
        }
        write!(f, "{separator}{}={}", field.name, JavaText(item))?;
        separator = ",";
    }
    f.write_str("}")
}

/// `Thu Jan 01 00:00:00 UTC 1970`.
fn write_date(f: &mut fmt::Formatter<'_>, millis: i64) -> fmt::Result {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = millis.div_euclid(1000);
    let days = seconds.div_euclid(86_400);
    let of_day = seconds.rem_euclid(86_400);
    let (year, month, day) = civil_from_days(digits_of_java_day(days));
    let weekday = DAYS[days.rem_euclid(7) as usize];
    let month = MONTHS[(month - 1) as usize];
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    write!(
        f,
        "{weekday} {month} {day:02} {hour:02}:{minute:02}:{second:02} UTC {year}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Schema, Type};

    #[test]
    fn floats_print_as_java_19() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (100.0, "100.0"),
            (1e7, "1.0E7"),
            (9_999_999.0, "9999999.0"),
            (1.234e-3, "0.001234"),
            (9.99e-4, "9.99E-4"),
            (2e23, "2.0E23"),
            (f64::MAX, "1.7976931348623157E308"),
            (5e-324, "4.9E-324"),
            (-0.0, "-0.0"),
            (-1.5e10, "-1.5E10"),
            (123456.789, "123456.789"),
        ] {
            assert_eq!(java_f64(value), text);
        }
        assert_eq!(java_f32(1.4e-45), "1.4E-45");
        assert_eq!(java_f32(3.4028235e38), "3.4028235E38");
        assert_eq!(java_f32(0.1), "0.1");
    }

    #[test]
    fn containers_print_as_java() {
        let schema = Schema::structure()
            .field("a", Schema::primitive(Type::Int32, false))
            .field("b", Schema::primitive(Type::String, true))
            .finish();
        let value = Value::Struct(Struct::new(schema, vec![Value::Int32(1)]));
        assert_eq!(JavaText(&value).to_string(), "Struct{a=1}");
        let map = Value::Map(vec![("k".into(), Value::Array(vec![1i32.into(), Value::Null]))]);
        assert_eq!(JavaText(&map).to_string(), "{k=[1, null]}");
        assert_eq!(JavaText(&Value::Date(0)).to_string(), "Thu Jan 01 00:00:00 UTC 1970");
    }
}
