//! Arbitrary precision decimals, `java.math.BigDecimal`: an unscaled integer and a scale.

use num_bigint::{BigInt, Sign};
use num_traits::{Signed, ToPrimitive, Zero};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Largest exponent magnitude accepted in text and rescaling, so that hostile input can't make a number of
/// gigabytes.
pub const MAX_DECIMAL_EXPONENT: i64 = 1_000_000;

/// `unscaled * 10^-scale`. Two decimals are equal if unscaled value and scale are, as in Java: `1.0` is not `1.00`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: Unscaled,
    scale: i32,
}

/// Nearly all values of databases fit 64 bits; only the others pay for a heap number. `Big` never holds what fits
/// `Small`, so derived equality is right.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Unscaled {
    Small(i64),
    Big(Box<BigInt>),
}

impl Decimal {
    pub fn new(unscaled: i64, scale: i32) -> Self {
        Decimal {
            unscaled: Unscaled::Small(unscaled),
            scale,
        }
    }

    pub fn from_bigint(unscaled: BigInt, scale: i32) -> Self {
        match unscaled.to_i64() {
            Some(small) => Decimal::new(small, scale),
            None => Decimal {
                unscaled: Unscaled::Big(Box::new(unscaled)),
                scale,
            },
        }
    }

    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// The unscaled value if it fits 64 bits.
    pub fn unscaled_i64(&self) -> Option<i64> {
        match &self.unscaled {
            Unscaled::Small(value) => Some(*value),
            Unscaled::Big(_) => None,
        }
    }

    pub fn unscaled(&self) -> Cow<'_, BigInt> {
        match &self.unscaled {
            Unscaled::Small(value) => Cow::Owned(BigInt::from(*value)),
            Unscaled::Big(value) => Cow::Borrowed(value),
        }
    }

    /// Number of decimal digits of the unscaled value; 1 for zero.
    pub fn precision(&self) -> u32 {
        match &self.unscaled {
            Unscaled::Small(0) => 1,
            Unscaled::Small(value) => value.unsigned_abs().ilog10() + 1,
            Unscaled::Big(value) => value.magnitude().to_string().len() as u32,
        }
    }

    /// Appends the unscaled value as minimal big-endian two's complement, `BigInteger.toByteArray`.
    pub fn write_unscaled_be(&self, out: &mut Vec<u8>) {
        match &self.unscaled {
            Unscaled::Small(value) => {
                let bytes = value.to_be_bytes();
                let redundant = bytes
                    .windows(2)
                    .take_while(|pair| (pair[0] == 0 && pair[1] < 0x80) || (pair[0] == 0xff && pair[1] >= 0x80))
                    .count();
                out.extend_from_slice(&bytes[redundant..]);
            }
            Unscaled::Big(value) => out.extend_from_slice(&value.to_signed_bytes_be()),
        }
    }

    /// Reads what [`Decimal::write_unscaled_be`] writes; no bytes give zero.
    pub fn from_unscaled_be(bytes: &[u8], scale: i32) -> Self {
        if bytes.len() > 8 {
            return Decimal::from_bigint(BigInt::from_signed_bytes_be(bytes), scale);
        }
        let negative = bytes.first().is_some_and(|first| *first >= 0x80);
        let fill = if negative { 0xff } else { 0 };
        let mut wide = [fill; 8];
        wide[8 - bytes.len()..].copy_from_slice(bytes);
        Decimal::new(i64::from_be_bytes(wide), scale)
    }

    /// The same number with another scale, `setScale(scale, UNNECESSARY)`; None if digits would be lost or the number
    /// would become absurdly long.
    pub fn rescale(&self, scale: i32) -> Option<Decimal> {
        let shift = i64::from(scale) - i64::from(self.scale);
        if shift == 0 {
            return Some(self.clone());
        }
        if shift.abs() > MAX_DECIMAL_EXPONENT {
            return self.unscaled().is_zero().then(|| Decimal::new(0, scale));
        }
        let factor = BigInt::from(10).pow(shift.unsigned_abs() as u32);
        let unscaled = self.unscaled();
        if shift > 0 {
            return Some(Decimal::from_bigint(unscaled.as_ref() * factor, scale));
        }
        let (quotient, rest) = num_integer_div(unscaled.as_ref(), &factor);
        rest.is_zero().then(|| Decimal::from_bigint(quotient, scale))
    }

    /// Nearest double, `doubleValue`.
    pub fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Digits without exponent, `toPlainString`.
    pub fn to_plain_string(&self) -> String {
        let digits = self.unscaled().magnitude().to_string();
        let sign = if self.unscaled().is_negative() { "-" } else { "" };
        if self.scale <= 0 {
            let zeros = if digits == "0" {
                0
            } else {
                self.scale.unsigned_abs() as usize
            };
            return format!("{sign}{digits}{}", "0".repeat(zeros));
        }
        format!("{sign}{}", place_point(&digits, self.scale as usize))
    }
}

fn num_integer_div(value: &BigInt, divisor: &BigInt) -> (BigInt, BigInt) {
    (value / divisor, value % divisor)
}

fn place_point(digits: &str, scale: usize) -> String {
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        return format!("{whole}.{fraction}");
    }
    format!("0.{}{digits}", "0".repeat(scale - digits.len()))
}

/// `BigDecimal.toString`: scientific notation for negative scales and for numbers below 1E-6.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unscaled = self.unscaled();
        if unscaled.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let digits = unscaled.magnitude().to_string();
        if self.scale == 0 {
            return f.write_str(&digits);
        }
        let adjusted = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale > 0 && adjusted >= -6 {
            return f.write_str(&place_point(&digits, self.scale as usize));
        }
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        if adjusted != 0 {
            write!(f, "E{adjusted:+}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads the syntax of `new BigDecimal(String)`: sign, digits with an optional point, optional exponent.
impl FromStr for Decimal {
    type Err = crate::error::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || {
            let kind = crate::error::ErrorKind::Class("java.lang.NumberFormatException");
            crate::error::Error::new(kind, format!("Not a decimal number: {text}"))
        };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => {
                let exponent: i64 = text[at + 1..].parse().map_err(|_| refuse())?;
                (&text[..at], exponent)
            }
            None => (text, 0),
        };
        let (negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return Err(refuse());
        }
        let scale = fraction.len() as i64 - exponent;
        let scale = i32::try_from(scale).map_err(|_| refuse())?;
        let digits = whole.len() + fraction.len();
        if digits <= 18 {
            let value = whole
                .bytes()
                .chain(fraction.bytes())
                .fold(0i64, |sum, b| sum * 10 + i64::from(b - b'0'));
            return Ok(Decimal::new(if negative { -value } else { value }, scale));
        }
        let joined = format!("{whole}{fraction}");
        let value = BigInt::from_str(&joined).map_err(|_| refuse())?;
        Ok(Decimal::from_bigint(if negative { -value } else { value }, scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_java_text() {
        for (unscaled, scale, text, plain) in [
            (150, 2, "1.50", "1.50"),
            (-5, 1, "-0.5", "-0.5"),
            (0, 0, "0", "0"),
            (0, 3, "0.000", "0.000"),
            (0, 7, "0E-7", "0.0000000"),
            (1, -3, "1E+3", "1000"),
            (123, -3, "1.23E+5", "123000"),
            (1, 7, "1E-7", "0.0000001"),
            (123, 9, "1.23E-7", "0.000000123"),
            (1, 6, "0.000001", "0.000001"),
        ] {
            let decimal = Decimal::new(unscaled, scale);
            assert_eq!(decimal.to_string(), text);
            assert_eq!(decimal.to_plain_string(), plain);
            assert_eq!(text.parse::<Decimal>().unwrap(), decimal, "{text}");
        }
    }

    #[test]
    fn unscaled_bytes_are_minimal() {
        for (value, bytes) in [
            (0i64, vec![0u8]),
            (127, vec![0x7f]),
            (128, vec![0, 0x80]),
            (-1, vec![0xff]),
            (-128, vec![0x80]),
            (-129, vec![0xff, 0x7f]),
            (i64::MIN, vec![0x80, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut out = Vec::new();
            Decimal::new(value, 0).write_unscaled_be(&mut out);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(Decimal::from_unscaled_be(&bytes, 0), Decimal::new(value, 0));
        }
        let big: Decimal = "-123456789012345678901234567890.12".parse().unwrap();
        let mut out = Vec::new();
        big.write_unscaled_be(&mut out);
        assert_eq!(Decimal::from_unscaled_be(&out, 2), big);
    }

    #[test]
    fn rescaling_never_loses_digits() {
        assert_eq!(Decimal::new(15, 1).rescale(3), Some(Decimal::new(1500, 3)));
        assert_eq!(Decimal::new(1500, 3).rescale(1), Some(Decimal::new(15, 1)));
        assert_eq!(Decimal::new(1501, 3).rescale(1), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", ".", "1.2.3", "1e", "x", "--1", "1_0"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
