//! Finds the end of plain text eight bytes at a time: what makes up nearly all strings, both ways.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Number of leading bytes that are ASCII and neither control, quotation mark nor backslash, up to a multiple of eight; the
/// rest is for the caller to look at byte by byte.
pub(super) fn plain_blocks(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<8>();
    let plain = blocks.iter().take_while(|block| is_plain(u64::from_le_bytes(**block)));
    plain.count() * 8
}

fn is_plain(block: u64) -> bool {
    // The high bit of a byte shows: not ASCII, below the blank, or equal to one of the two characters.
    let zero_bytes = |block: u64| block.wrapping_sub(ONES) & !block;
    let controls = block.wrapping_sub(ONES * 0x20) & !block;
    let quotes = zero_bytes(block ^ (ONES * u64::from(b'"')));
    let backslashes = zero_bytes(block ^ (ONES * u64::from(b'\\')));
    (block | controls | quotes | backslashes) & HIGHS == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_plain_if_every_byte_is() {
        for byte in 0..=u8::MAX {
            let plain = byte.is_ascii() && byte >= b' ' && byte != b'"' && byte != b'\\';
            for at in 0..8 {
                let mut block = *b"abcd 123";
                block[at] = byte;
                assert_eq!(plain_blocks(&block) == 8, plain, "{byte} at {at}");
            }
        }
        assert_eq!(plain_blocks(b"abcdefghij"), 8);
    }
}
