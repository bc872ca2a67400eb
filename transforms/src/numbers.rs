//! Numbers as Java converts them: text to number by the grammar of its parsers, and narrowing that wraps or saturates.

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use turnbuckle_api::{Decimal, Value};
use turnbuckle_converters::values::temporal::decimal_digit;

/// `Float.parseFloat` and `Double.parseDouble`: what [`str::parse`] reads, less the names only it knows, and with blanks
/// around it, `NaN`, `Infinity`, hexadecimal forms and a type suffix.
pub(crate) fn parse_float<T: std::str::FromStr>(text: &str) -> Option<T> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        let magnitude = parse_hexadecimal(digits)?;
        // The shortest text of a double is read back as the same number.
        let signed = if text.starts_with('-') { -magnitude } else { magnitude };
        return signed.to_string().parse().ok();
    }
    match unsigned {
        "NaN" => return "NaN".parse().ok(),
        "Infinity" => return text.parse().ok(),
        _ => {}
    }
    let is_number = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let plain = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    is_number.then(|| plain.parse().ok()).flatten()
}

/// Hexadecimal digits with an optional point, and a binary exponent that is required.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let text = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut exponent = exponent.parse::<i32>().ok()?.clamp(-5000, 5000);
    let mut mantissa = 0u128;
    for (index, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u128::from(digit.to_digit(16)?);
        let is_fraction = index >= whole.len();
        if mantissa >> 120 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent -= if is_fraction { 4 } else { 0 };
        } else {
            // Too far right to count, except for which way the number is rounded.
            mantissa |= u128::from(digit != 0);
            exponent += if is_fraction { 0 } else { 4 };
        }
    }
    // In two steps, because the scale alone may be out of range where the number is not.
    let half = exponent / 2;
    Some(mantissa as f64 * 2f64.powi(half) * 2f64.powi(exponent - half))
}

/// `Integer.parseInt` and its like: digits of any script.
pub(crate) fn parse_integer<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.is_ascii() {
        return text.parse().ok();
    }
    let ascii: Option<String> = text
        .chars()
        .map(|c| match decimal_digit(c) {
            Some(digit) => Some(char::from(b'0' + digit)),
            None => c.is_ascii().then_some(c),
        })
        .collect();
    ascii?.parse().ok()
}

/// `Number.longValue`; None if the value is no number. Bounds as Java has them: floats saturate, decimals wrap.
pub(crate) fn as_i64(value: &Value) -> Option<i64> {
    Some(match value {
        Value::Int8(value) => i64::from(*value),
        Value::Int16(value) => i64::from(*value),
        Value::Int32(value) => i64::from(*value),
        Value::Int64(value) => *value,
        Value::Float32(value) => *value as i64,
        Value::Float64(value) => *value as i64,
        Value::Decimal(value) => decimal_as_i64(value),
        _ => return None,
    })
}

/// `Number.intValue`; floats saturate at the bounds of an int.
pub(crate) fn as_i32(value: &Value) -> Option<i32> {
    Some(match value {
        Value::Float32(value) => *value as i32,
        Value::Float64(value) => *value as i32,
        other => as_i64(other)? as i32,
    })
}

/// `Number.doubleValue`.
pub(crate) fn as_f64(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Float32(value) => f64::from(*value),
        Value::Float64(value) => *value,
        Value::Decimal(value) => value.to_f64(),
        other => as_i64(other)? as f64,
    })
}

/// `Number.floatValue`.
pub(crate) fn as_f32(value: &Value) -> Option<f32> {
    Some(match value {
        Value::Float32(value) => *value,
        Value::Float64(value) => *value as f32,
        Value::Decimal(value) => value.to_string().parse().unwrap_or(f32::NAN),
        other => as_i64(other)? as f32,
    })
}

/// `BigDecimal.longValue`: the low 64 bits of the whole part.
pub(crate) fn decimal_as_i64(value: &Decimal) -> i64 {
    let scale = i64::from(value.scale());
    // With so many zeros at the end, the low bits are all 0; with so many places, there is no whole part.
    if scale <= -64 || i64::from(value.precision()) - scale <= 0 {
        return 0;
    }
    if let (Some(unscaled), 0) = (value.unscaled_i64(), scale) {
        return unscaled;
    }
    let factor = BigInt::from(10).pow(scale.unsigned_abs() as u32);
    let unscaled = value.unscaled();
    let whole = match scale > 0 {
        true => unscaled.as_ref() / factor,
        false => unscaled.as_ref() * factor,
    };
    let low = whole.magnitude() % (BigInt::from(1) << 64u32).magnitude();
    let low = low.to_u64().unwrap_or_default() as i64;
    if whole.sign() == num_bigint::Sign::Minus {
        low.wrapping_neg()
    } else {
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_by_java() {
        for (text, expected) in [
            ("1.5", Some(1.5)),
            (" 1.5\n", Some(1.5)),
            ("1.", Some(1.0)),
            (".5", Some(0.5)),
            ("-1e3", Some(-1000.0)),
            ("1f", Some(1.0)),
            ("1e3D", Some(1000.0)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("inf", None),
            ("infinity", None),
            ("nan", None),
            ("1,5", None),
            ("", None),
            (".", None),
            ("f", None),
            ("1_0", None),
            ("0x1p3", Some(8.0)),
            ("-0x1.8p-1f", Some(-0.75)),
            ("0x10", None),
            ("0xp1", None),
        ] {
            assert_eq!(parse_float::<f64>(text), expected, "{text}");
        }
        assert!(parse_float::<f32>("NaN").unwrap().is_nan());
        assert!(parse_float::<f32>("-NaN").unwrap().is_nan());
    }

    #[test]
    fn decimals_wrap() {
        for (text, expected) in [
            ("1.9", 1),
            ("-1.9", -1),
            ("0.9", 0),
            ("1e2", 100),
            ("1e64", 0),
            ("1e999999", 0),
            ("1e-999999", 0),
            ("18446744073709551617", 1),
            ("-18446744073709551617", -1),
            ("9223372036854775808", i64::MIN),
        ] {
            assert_eq!(decimal_as_i64(&text.parse().unwrap()), expected, "{text}");
        }
    }
}
