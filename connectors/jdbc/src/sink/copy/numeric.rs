//! PostgreSQL's binary `numeric`: groups of four decimal digits, most significant first, with the weight of the first group
//! and the number of digits shown after the point.

use super::Misfit;
use turnbuckle_api::Decimal;

const NEGATIVE: u16 = 0x4000;
/// Most digits after the point that the format holds.
const MAX_SCALE: i32 = 16_383;
const GROUP: u64 = 10_000;

pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    small(out, u128::from(number.unsigned_abs()), number < 0, 0);
}

/// # Errors
/// [`Misfit`] for a scale that the format can't hold.
pub(super) fn decimal(out: &mut Vec<u8>, number: &Decimal) -> Result<(), Misfit> {
    let scale = number.scale();
    if scale > MAX_SCALE {
        return Err(Misfit);
    }
    if let Some(unscaled) = number.unscaled_i64()
        && (-18..=MAX_SCALE).contains(&scale)
    {
        let magnitude = u128::from(unscaled.unsigned_abs());
        let shifted = if scale < 0 {
            magnitude * 10u128.pow(scale.unsigned_abs())
        } else {
            magnitude
        };
        small(out, shifted, unscaled < 0, scale.max(0) as usize);
        return Ok(());
    }
    if scale < -131_072 {
        return Err(Misfit);
    }
    let unscaled = number.unscaled();
    let negative = unscaled.sign() == num_bigint::Sign::Minus;
    let mut digits = unscaled.magnitude().to_string().into_bytes();
    if scale < 0 {
        digits.resize(digits.len() + scale.unsigned_abs() as usize, b'0');
    }
    long(out, digits, negative, scale.max(0) as usize);
    Ok(())
}

/// As the server's cast from a float: rounded to its certain digits.
///
/// # Errors
/// [`Misfit`] for NaN and infinities.
pub(super) fn float(out: &mut Vec<u8>, number: f64, digits: usize) -> Result<(), Misfit> {
    if !number.is_finite() {
        return Err(Misfit);
    }
    let text = format!("{number:.*e}", digits - 1);
    let rounded: Decimal = text.parse().map_err(|_| Misfit)?;
    // The server's text of the number has no zeros at its end.
    let mut unscaled = rounded.unscaled_i64().ok_or(Misfit)?;
    let mut scale = rounded.scale();
    while scale > 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    decimal(out, &Decimal::new(unscaled, scale))
}

/// A magnitude of at most 38 digits.
fn small(out: &mut Vec<u8>, magnitude: u128, negative: bool, scale: usize) {
    // Groups are aligned at the point: fill the last one up with zeros.
    let padding = (4 - scale % 4) % 4;
    let mut rest = magnitude * 10u128.pow(padding as u32);
    let fraction_groups = scale.div_ceil(4) as i32;
    let mut groups = [0u16; 12];
    let mut count = 0;
    let mut last = 0;
    while rest > 0 {
        let group = match u64::try_from(rest) {
            Ok(fits) => {
                rest = u128::from(fits / GROUP);
                fits % GROUP
            }
            Err(_) => {
                let group = (rest % u128::from(GROUP)) as u64;
                rest /= u128::from(GROUP);
                group
            }
        };
        groups[count] = group as u16;
        if group == 0 && last == count {
            last += 1;
        }
        count += 1;
    }
    let weight = if count == 0 {
        0
    } else {
        count as i32 - 1 - fraction_groups
    };
    let kept = &groups[last.min(count)..count];
    header(out, kept.len(), weight, negative && count > 0, scale);
    for group in kept.iter().rev() {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Any magnitude, as its decimal digits.
fn long(out: &mut Vec<u8>, mut digits: Vec<u8>, negative: bool, scale: usize) {
    let padding = (4 - scale % 4) % 4;
    digits.resize(digits.len() + padding, b'0');
    let value = |chunk: &[u8]| chunk.iter().fold(0u16, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let head = digits.len() % 4;
    let mut groups: Vec<u16> = Vec::with_capacity(digits.len() / 4 + 1);
    if head > 0 {
        groups.push(value(&digits[..head]));
    }
    groups.extend(digits[head..].chunks(4).map(value));
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let weight = groups.len() as i32 - 1 - leading as i32 - scale.div_ceil(4) as i32;
    let mut kept = &groups[leading..];
    while let Some((0, shorter)) = kept.split_last() {
        kept = shorter;
    }
    let is_zero = kept.is_empty();
    header(
        out,
        kept.len(),
        if is_zero { 0 } else { weight },
        negative && !is_zero,
        scale,
    );
    for group in kept {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

fn header(out: &mut Vec<u8>, groups: usize, weight: i32, negative: bool, scale: usize) {
    out.extend_from_slice(&(groups as u16).to_be_bytes());
    out.extend_from_slice(&(weight as i16).to_be_bytes());
    out.extend_from_slice(&(if negative { NEGATIVE } else { 0 }).to_be_bytes());
    out.extend_from_slice(&(scale as u16).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    /// Reads the format back as `unscaled * 10^-scale`.
    fn decode(bytes: &[u8]) -> Decimal {
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let count = usize::from(word(0));
        assert_eq!(bytes.len(), 8 + 2 * count);
        let weight = i32::from(word(2) as i16);
        let scale = i32::from(word(6));
        let mut sum = BigInt::from(0);
        for index in 0..count {
            let group = word(8 + 2 * index);
            assert!(u64::from(group) < GROUP);
            sum = sum * 10_000 + i64::from(group);
        }
        // sum * 10000^(weight + 1 - count)
        let exponent = 4 * (weight + 1 - count as i32) + scale;
        let unscaled = match exponent >= 0 {
            true => sum * BigInt::from(10).pow(exponent as u32),
            false => sum / BigInt::from(10).pow(-exponent as u32),
        };
        let sign = if word(4) == NEGATIVE { -1 } else { 1 };
        Decimal::from_bigint(unscaled * sign, scale)
    }

    fn words(number: &Decimal) -> Vec<u16> {
        let mut out = Vec::new();
        decimal(&mut out, number).unwrap();
        out.chunks(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect()
    }

    #[test]
    fn known_numbers_have_the_known_groups() {
        for (text, expected) in [
            ("123.45", vec![2, 0, 0, 2, 123, 4500]),
            ("-0.0001", vec![1, 0xffff, NEGATIVE, 4, 1]),
            ("99999999999.9999", vec![4, 2, 0, 4, 999, 9999, 9999, 9999]),
            ("0.00", vec![0, 0, 0, 2]),
            ("10000", vec![1, 1, 0, 0, 1]),
            ("1E+5", vec![1, 1, 0, 0, 10]),
            (
                "12345678901234567890123456789012345678901234",
                vec![
                    11, 10, 0, 0, 1234, 5678, 9012, 3456, 7890, 1234, 5678, 9012, 3456, 7890, 1234,
                ],
            ),
        ] {
            assert_eq!(words(&text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn floats_keep_their_certain_digits() {
        for (number, digits, expected) in [
            (5.5, 15, "5.5"),
            (0.1, 15, "0.1"),
            (1e20, 15, "100000000000000000000"),
            (-2.0, 15, "-2"),
        ] {
            let mut out = Vec::new();
            float(&mut out, number, digits).unwrap();
            assert_eq!(decode(&out).to_plain_string(), expected);
        }
        let mut out = Vec::new();
        float(&mut out, f64::from(1.1f32), 6).unwrap();
        assert_eq!(decode(&out).to_plain_string(), "1.1");
    }

    proptest! {
        #[test]
        fn every_decimal_survives(unscaled in any::<i128>(), scale in 0i32..60) {
            let number = Decimal::from_bigint(BigInt::from(unscaled), scale);
            let mut out = Vec::new();
            decimal(&mut out, &number).unwrap();
            prop_assert_eq!(decode(&out), number);
        }

        #[test]
        fn both_ways_give_the_same_bytes(unscaled in any::<i64>(), scale in 0i32..30) {
            let (mut short, mut full) = (Vec::new(), Vec::new());
            decimal(&mut short, &Decimal::new(unscaled, scale)).unwrap();
            long(&mut full, unscaled.unsigned_abs().to_string().into_bytes(), unscaled < 0, scale as usize);
            prop_assert_eq!(short, full);
        }
    }
}
