//! Numbers of JSON text as the Java number classes give them: integers by their low bits, floating point rounded once from
//! the text, decimals with their own scale.

use super::scan::Number;
use turnbuckle_api::Decimal;

/// Parts of a number's text.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: Option<i64>,
}

fn parts(number: Number<'_>) -> Parts<'_> {
    let bytes = number.text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let (mantissa, exponent) = match bytes.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&bytes[..at], exponent(&bytes[at + 1..])),
        None => (bytes, Some(0)),
    };
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &[][..]),
    };
    Parts {
        negative,
        whole,
        fraction,
        exponent,
    }
}

/// None if it does not fit 64 bits.
fn exponent(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Can `BigDecimal` hold it? Its scale is of 32 bits.
pub(crate) fn is_representable(number: Number<'_>) -> bool {
    let parts = parts(number);
    let scale = parts
        .exponent
        .and_then(|exponent| (parts.fraction.len() as i64).checked_sub(exponent));
    scale.is_some_and(|scale| i32::try_from(scale).is_ok())
}

/// The number cut to a whole one, low 64 bits (`longValue`).
pub(crate) fn to_i64(number: Number<'_>) -> i64 {
    if number.integral {
        return integer(number.text.as_bytes());
    }
    let parts = parts(number);
    let exponent = parts.exponent.unwrap_or_default();
    // Digits before the point, once it is moved by the exponent.
    let kept = (parts.whole.len() as i64).saturating_add(exponent);
    let digits = parts.whole.iter().chain(parts.fraction);
    let count = parts.whole.len() + parts.fraction.len();
    let taken = usize::try_from(kept).unwrap_or(0).min(count);
    let value = digits.take(taken).fold(0i64, append_digit);
    // A factor of 10^64 leaves no low bits.
    let zeros = u32::try_from(kept.saturating_sub(count as i64).clamp(0, 64)).unwrap_or(0);
    let value = value.wrapping_mul(10i64.wrapping_pow(zeros));
    if parts.negative { value.wrapping_neg() } else { value }
}

fn append_digit(value: i64, byte: &u8) -> i64 {
    value.wrapping_mul(10).wrapping_add(i64::from(byte.wrapping_sub(b'0')))
}

fn integer(bytes: &[u8]) -> i64 {
    match bytes {
        [b'-', digits @ ..] => digits.iter().fold(0, append_digit).wrapping_neg(),
        digits => digits.iter().fold(0, append_digit),
    }
}

/// The number if it is an integer of 32 bits (`isInt`).
pub(crate) fn to_i32_exactly(number: Number<'_>) -> Option<i32> {
    if !number.integral {
        return None;
    }
    number.text.parse().ok()
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Nearest double; a zero is never negative, because `BigDecimal` has no such zero.
pub(crate) fn to_f64(number: Number<'_>) -> f64 {
    if let Some(value) = short_f64(number.text.as_bytes()) {
        return value;
    }
    let value: f64 = number.text.parse().unwrap_or(f64::NAN);
    if value == 0.0 && is_zero(number) { 0.0 } else { value }
}

/// Up to 15 digits without exponent: one exact division gives the nearest double.
fn short_f64(bytes: &[u8]) -> Option<f64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut mantissa, mut point) = (0u64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = mantissa * 10 + u64::from(byte - b'0'),
            b'.' => point = Some(at),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |at| digits.len() - at - 1);
    if mantissa >= 1 << 53 {
        return None;
    }
    let value = mantissa as f64 / POWERS[decimals];
    Some(if negative && mantissa != 0 { -value } else { value })
}

/// Nearest float, rounded from the text.
pub(crate) fn to_f32(number: Number<'_>) -> f32 {
    let value: f32 = number.text.parse().unwrap_or(f32::NAN);
    if value == 0.0 && is_zero(number) { 0.0 } else { value }
}

fn is_zero(number: Number<'_>) -> bool {
    let parts = parts(number);
    parts.whole.iter().chain(parts.fraction).all(|byte| *byte == b'0')
}

/// The exact decimal; integers have scale 0.
pub(crate) fn to_decimal(number: Number<'_>) -> Decimal {
    // Scanning has made sure that it can be held.
    number.text.parse().unwrap_or_else(|_| Decimal::new(0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number<'_> {
        let integral = !text.contains(['.', 'e', 'E']);
        Number { text, integral }
    }

    #[test]
    fn integers_keep_their_low_bits() {
        for (text, value) in [
            ("9223372036854775808", i64::MIN),
            ("-9223372036854775809", i64::MAX),
            ("123456789012345678901234567890", -4_362_896_299_872_285_998),
            ("1.9", 1),
            ("-1.9", -1),
            ("1e3", 1000),
            ("12.34e1", 123),
            ("12e-1", 1),
            ("12e-5", 0),
            ("1e400", 0),
            ("1e-2147483647", 0),
        ] {
            assert_eq!(to_i64(number(text)), value, "{text}");
        }
    }

    #[test]
    fn floats_are_nearest() {
        for text in [
            "0.1",
            "123.456",
            "9007199254740993",
            "1e23",
            "0.30000000000000004",
            "-17.25",
            "1e400",
        ] {
            assert_eq!(to_f64(number(text)), text.parse::<f64>().unwrap(), "{text}");
        }
        assert_eq!(to_f64(number("-0.0")).to_bits(), 0);
        assert_eq!(to_f64(number("-1e-400")).to_bits(), (-0.0f64).to_bits());
        assert_eq!(to_f32(number("16777217.5")), 16_777_218.0);
    }
}
