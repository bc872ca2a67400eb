//! Which partition a key belongs to: the Java producer's murmur2, for lookups by key and to check what librdkafka's
//! `murmur2_random` does with the same bytes.

/// `org.apache.kafka.common.utils.Utils.murmur2`.
pub fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let mut hash = SEED ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        k = k.wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash as i32
}

/// Partition of a key among `partitions` (at least 1): the hash without its sign bit, modulo the count.
pub fn partition_of(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_java_producer() {
        for (key, hash, of_six, of_thousand) in [
            (&b"a"[..], -1563381124, 4, 524),
            (b"ab", 316155434, 2, 434),
            (b"abc", 479470107, 3, 107),
        ] {
            assert_eq!(murmur2(key), hash);
            assert_eq!(partition_of(key, 1), 0);
            assert_eq!(partition_of(key, 6), of_six);
            assert_eq!(partition_of(key, 1000), of_thousand);
        }
        assert_eq!(murmur2(b"21"), -973932308);
    }
}
