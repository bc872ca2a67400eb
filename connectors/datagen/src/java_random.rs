//! `java.util.Random`: the 48-bit linear congruential generator, whose state survives restarts as a `long` in the source
//! offset. Drawing as Java does makes equal seeds give equal data on either worker.

use std::hash::{BuildHasher, Hasher, RandomState};

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

/// A generator.
#[derive(Clone, Debug)]
pub(crate) struct JavaRandom(u64);

impl JavaRandom {
    pub(crate) fn new(seed: i64) -> Self {
        JavaRandom((seed.cast_unsigned() ^ MULTIPLIER) & MASK)
    }

    /// A generator that nobody can foretell.
    pub(crate) fn arbitrary() -> Self {
        Self::new(RandomState::new().build_hasher().finish().cast_signed())
    }

    pub(crate) fn set_seed(&mut self, seed: i64) {
        *self = Self::new(seed);
    }

    /// The upper `bits` (at most 32) of the next state, as a signed number.
    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        (self.0 >> (48 - bits)) as u32 as i32
    }

    pub(crate) fn next_int(&mut self) -> i32 {
        self.next(32)
    }

    /// A number from 0 to below `bound`; 0 for a bound of 0, which Java refuses.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        // Java's bounds are positive ints; what is beyond is never asked for.
        let bound = i32::try_from(bound).unwrap_or(i32::MAX);
        if bound <= 0 {
            return 0;
        }
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as u32;
        }
        loop {
            let bits = self.next(31);
            let value = bits % bound;
            // Overflow: the last, incomplete interval would favour small numbers.
            if bits.wrapping_sub(value).wrapping_add(bound - 1) >= 0 {
                return value as u32;
            }
        }
    }

    /// An index of a slice of this length; 0 for an empty one.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).unwrap_or(u32::MAX)) as usize
    }

    pub(crate) fn next_long(&mut self) -> i64 {
        let high = i64::from(self.next(32)) << 32;
        high.wrapping_add(i64::from(self.next(32)))
    }

    pub(crate) fn next_boolean(&mut self) -> bool {
        self.next(1) != 0
    }

    pub(crate) fn next_float(&mut self) -> f32 {
        self.next(24) as f32 / (1u32 << 24) as f32
    }

    pub(crate) fn next_double(&mut self) -> f64 {
        let high = i64::from(self.next(26)) << 27;
        (high + i64::from(self.next(27))) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            let drawn = self.next_int().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Drawn by `java.util.Random` of Java 17.
    #[test]
    fn draws_as_java_does() {
        let mut random = JavaRandom::new(42);
        assert_eq!(random.next_int(), -1_170_105_035);
        assert_eq!(random.next_long(), 1_008_396_158_678_580_193);
        assert_eq!([random.below(10), random.below(16), random.below(7)], [4, 4, 4]);
        assert_eq!(random.next_double().to_bits(), 4_598_663_022_256_506_966);
        assert_eq!(random.next_float().to_bits(), 1_059_742_058);
        assert!(!random.next_boolean());
        let mut bytes = [0; 6];
        random.fill(&mut bytes);
        assert_eq!(bytes.map(u8::cast_signed), [-67, 103, 67, -25, -36, -105]);
        let mut again = JavaRandom::new(-7);
        assert_eq!(again.below(i32::MAX as u32), 577_934_662);
        again.set_seed(42);
        assert_eq!(again.next_int(), -1_170_105_035);
    }
}
