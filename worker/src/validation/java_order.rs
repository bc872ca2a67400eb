//! The order in which a `java.util.HashMap` with text keys is iterated. Some answers of Connect are in that order.

/// `String.hashCode`.
fn hash(text: &str) -> u32 {
    text.encode_utf16()
        .fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// Sorts entries as a map that they were put into one by one gives them back: by bucket, in a bucket by insertion.
pub(super) fn sort_by_key<T>(entries: &mut [T], key: impl Fn(&T) -> &str) {
    let mut buckets: usize = 16;
    while entries.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    entries.sort_by_key(|entry| {
        let hash = hash(key(entry));
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_as_java_gives_them() {
        // Recorded from Java workers.
        let cases: [&[&str]; 2] = [
            &[
                "decimal.format",
                "converter.type",
                "schemas.cache.size",
                "replace.null.with.default",
                "schemas.enable",
            ],
            &["security.protocol", "max.poll.records", "sasl.mechanism"],
        ];
        for expected in cases {
            let mut entries = expected.to_vec();
            entries.sort_unstable();
            sort_by_key(&mut entries, |entry| entry);
            assert_eq!(entries, expected);
        }
    }
}
