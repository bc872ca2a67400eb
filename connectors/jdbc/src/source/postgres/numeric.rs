//! PostgreSQL's binary `numeric`: base-10000 digits with a weight.

use num_bigint::BigInt;
use turnbuckle_api::Decimal;

/// A number taken apart; digits stay in the received buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numeric<'a> {
    /// Two bytes each, most significant first.
    digits: &'a [u8],
    /// Power of 10000 of the first digit.
    weight: i32,
    negative: bool,
    /// Digits shown after the point.
    scale: i32,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Parsed<'a> {
    Finite(Numeric<'a>),
    NotANumber,
    Infinity,
    MinusInfinity,
}

const SMALL_POWERS: [i128; 19] = {
    let mut powers = [1i128; 19];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Takes a value apart; None if the bytes are no numeric.
pub(super) fn parse(raw: &[u8]) -> Option<Parsed<'_>> {
    let (head, digits) = raw.split_at_checked(8)?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    if digits.len() != usize::from(word(0)) * 2 {
        return None;
    }
    let negative = match word(4) {
        0x0000 => false,
        0x4000 => true,
        0xC000 => return Some(Parsed::NotANumber),
        0xD000 => return Some(Parsed::Infinity),
        0xF000 => return Some(Parsed::MinusInfinity),
        _ => return None,
    };
    Some(Parsed::Finite(Numeric {
        digits,
        weight: i32::from(word(2) as i16),
        negative,
        scale: i32::from(word(6) & 0x3fff),
    }))
}

impl Numeric<'_> {
    fn digit_values(&self) -> impl Iterator<Item = i128> {
        self.digits
            .chunks_exact(2)
            .map(|pair| i128::from(u16::from_be_bytes([pair[0], pair[1]])))
    }

    /// Power of ten of the last digit group.
    fn exponent(&self) -> i32 {
        (self.weight + 1 - (self.digits.len() / 2) as i32) * 4
    }

    /// All digits as one integer; None if there are many.
    fn small(&self) -> Option<i128> {
        if self.digits.len() > 2 * 8 {
            return None;
        }
        let value = self.digit_values().fold(0i128, |sum, digit| sum * 10_000 + digit);
        Some(if self.negative { -value } else { value })
    }

    /// The number with its own scale.
    pub(super) fn decimal(&self) -> Decimal {
        self.scaled(self.scale).unwrap_or_else(|| Decimal::new(0, 0))
    }

    /// The number with another scale; None if digits would be lost.
    pub(super) fn scaled(&self, scale: i32) -> Option<Decimal> {
        if self.digits.is_empty() {
            return Some(Decimal::new(0, scale));
        }
        let shift = self.exponent() + scale;
        if let (Some(value), Some(power)) = (self.small(), SMALL_POWERS.get(shift.unsigned_abs() as usize)) {
            let shifted = if shift >= 0 {
                value.checked_mul(*power)
            } else {
                (value % power == 0).then(|| value / power)
            };
            if let Some(shifted) = shifted {
                return Some(match i64::try_from(shifted) {
                    Ok(small) => Decimal::new(small, scale),
                    Err(_) => Decimal::from_bigint(BigInt::from(shifted), scale),
                });
            }
        }
        Decimal::from_bigint(self.big(), -self.exponent()).rescale(scale)
    }

    fn big(&self) -> BigInt {
        let mut value = BigInt::from(0);
        for digit in self.digit_values() {
            value = value * 10_000 + BigInt::from(digit);
        }
        if self.negative { -value } else { value }
    }

    /// The nearest double.
    pub(super) fn double(&self) -> f64 {
        let exponent = self.exponent();
        if let Some(value) = self.small() {
            // Both are exact doubles, so one operation rounds once.
            if value.unsigned_abs() < 1 << 53 && exponent.abs() <= 18 {
                let power = SMALL_POWERS[exponent.unsigned_abs() as usize] as f64;
                return if exponent >= 0 {
                    value as f64 * power
                } else {
                    value as f64 / power
                };
            }
            return format!("{value}e{exponent}").parse().unwrap_or(f64::NAN);
        }
        format!("{}e{exponent}", self.big()).parse().unwrap_or(f64::NAN)
    }

    /// The integral part if it fits 64 bits.
    pub(super) fn integer(&self) -> Option<i64> {
        let exponent = self.exponent();
        let value = self.small()?;
        if value == 0 {
            return Some(0);
        }
        let shifted = match SMALL_POWERS.get(exponent.unsigned_abs() as usize) {
            Some(power) if exponent >= 0 => value.checked_mul(*power)?,
            Some(power) => value / power,
            None if exponent < 0 => 0,
            None => return None,
        };
        i64::try_from(shifted).ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The binary form of a decimal text, as the server sends it.
    pub(in crate::source::postgres) fn encode(text: &str) -> Vec<u8> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = format!("{}{whole}", "0".repeat((4 - whole.len() % 4) % 4));
        let padded = format!("{fraction}{}", "0".repeat((4 - fraction.len() % 4) % 4));
        let mut weight = (whole.len() / 4) as i16 - 1;
        let all: Vec<u8> = whole.bytes().chain(padded.bytes()).collect();
        let mut digits: Vec<u16> = all
            .chunks(4)
            .map(|chunk| std::str::from_utf8(chunk).unwrap().parse().unwrap())
            .collect();
        while digits.first() == Some(&0) {
            digits.remove(0);
            weight -= 1;
        }
        while digits.last() == Some(&0) {
            digits.pop();
        }
        let weight = if digits.is_empty() { 0 } else { weight };
        let sign: u16 = if negative { 0x4000 } else { 0 };
        let mut raw = Vec::new();
        raw.extend_from_slice(&(digits.len() as u16).to_be_bytes());
        raw.extend_from_slice(&weight.to_be_bytes());
        raw.extend_from_slice(&sign.to_be_bytes());
        raw.extend_from_slice(&(fraction.len() as u16).to_be_bytes());
        digits
            .iter()
            .for_each(|digit| raw.extend_from_slice(&digit.to_be_bytes()));
        raw
    }

    fn finite(raw: &[u8]) -> Numeric<'_> {
        match parse(raw) {
            Some(Parsed::Finite(numeric)) => numeric,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_are_exact() {
        for text in [
            "0",
            "0.00",
            "1",
            "10000",
            "-1.5",
            "12345678.90",
            "0.0001",
            "-0.00000000000000000000000000000001",
            "1234567890123456789012345678.0123456789",
            "99999999999999999999999999999999999999",
            "100000000000000000000000000000000000000000000000000",
        ] {
            let raw = encode(text);
            assert_eq!(finite(&raw).decimal().to_plain_string(), text);
            assert_eq!(finite(&raw).double(), text.parse::<f64>().unwrap(), "{text}");
        }
    }

    #[test]
    fn scales_and_integers() {
        let raw = encode("123456");
        assert_eq!(finite(&raw).scaled(2).unwrap().to_string(), "123456.00");
        assert_eq!(finite(&raw).scaled(2046).unwrap().scale(), 2046);
        assert_eq!(finite(&encode("1.55")).scaled(1), None);
        assert_eq!(finite(&encode("-1.55")).integer(), Some(-1));
        assert_eq!(finite(&encode("100000000")).integer(), Some(100_000_000));
        assert_eq!(finite(&encode("9223372036854775807")).integer(), Some(i64::MAX));
        assert_eq!(finite(&encode("9223372036854775808")).integer(), None);
        assert_eq!(finite(&encode("0.00000000000000000000000001")).integer(), Some(0));
    }

    #[test]
    fn nonsense_is_refused() {
        for raw in [
            &[][..],
            &[0; 7],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0x12, 0, 0, 0],
        ] {
            assert!(parse(raw).is_none());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_number_survives(unscaled: i128, scale in 0u32..40) {
            let text = Decimal::from_bigint(BigInt::from(unscaled), scale as i32).to_plain_string();
            let raw = encode(&text);
            let read = finite(&raw);
            proptest::prop_assert_eq!(read.decimal().to_plain_string(), text.as_str());
            proptest::prop_assert_eq!(read.double(), text.parse::<f64>().unwrap());
        }
    }
}
