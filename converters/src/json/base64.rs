//! Base64 as Jackson reads it: padding is wanted, blanks may stand before each group of four, unused bits do not matter.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

/// The bytes; None if the text is no base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().or_else(|| decode_leniently(text.as_bytes()))
}

fn decode_leniently(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    loop {
        let blanks = text.iter().take_while(|byte| **byte <= b' ').count();
        text = &text[blanks..];
        if text.is_empty() {
            return Some(bytes);
        }
        let (group, rest) = text.split_first_chunk::<4>()?;
        text = rest;
        let (used, count) = match group {
            [_, _, b'=', b'='] => (&group[..2], 1),
            [_, _, _, b'='] => (&group[..3], 2),
            _ => (&group[..], 3),
        };
        let mut bits = 0u32;
        for byte in used {
            bits = bits << 6 | sextet(*byte)?;
        }
        bits <<= 6 * (4 - used.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..=count]);
    }
}

fn sextet(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_strict_and_lax_where_jackson_is() {
        for (text, bytes) in [
            ("", Some(&b""[..])),
            ("YWI=", Some(b"ab")),
            (" YWJj\n YQ==", Some(b"abca")),
            ("YQ==YWI=", Some(b"aab")),
            ("YR==", Some(b"a")),
            ("aGk", None),
            ("_-8=", None),
            ("aG\nk=", None),
            ("=", None),
        ] {
            assert_eq!(decode(text).as_deref(), bytes, "{text:?}");
        }
    }
}
