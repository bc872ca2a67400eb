//! Which Unicode encoding a payload has, as Jackson finds out: by a byte order mark, else by zero bytes among the first.

use super::scan::Fault;
use crate::charset::{ByteOrder, Charset};
use bytes::Bytes;

/// The payload in UTF-8: itself, without a mark, nearly always.
pub(crate) fn to_utf8(payload: &Bytes) -> Result<Bytes, Fault> {
    // An ASCII character followed by another is what nearly all payloads begin with.
    if let [1..=0x7f, 1..=0x7f, ..] = payload[..] {
        return Ok(payload.clone());
    }
    let (charset, skipped) = detect(payload)?;
    let rest = payload.slice(skipped..);
    match charset {
        Charset::Utf8 => Ok(rest),
        Charset::Utf32(_) if !rest.len().is_multiple_of(4) => Err(Fault::Syntax),
        _ => Ok(charset.decode(&rest).into_bytes()),
    }
}

/// The encoding and the length of its mark.
fn detect(payload: &[u8]) -> Result<(Charset, usize), Fault> {
    use ByteOrder::{Big, Little};
    let found = match payload {
        [0, 0, 0xfe, 0xff, ..] => (Charset::Utf32(Some(Big)), 4),
        [0xff, 0xfe, 0, 0, ..] => (Charset::Utf32(Some(Little)), 4),
        // Byte orders of four bytes that nobody uses.
        [0, 0, 0xff, 0xfe, ..] | [0xfe, 0xff, 0, 0, ..] => return Err(Fault::Syntax),
        [0xfe, 0xff, _, _, ..] => (Charset::Utf16(Some(Big)), 2),
        [0xff, 0xfe, _, _, ..] => (Charset::Utf16(Some(Little)), 2),
        [0xef, 0xbb, 0xbf, _, ..] => (Charset::Utf8, 3),
        [0, 0, 0, _, ..] => (Charset::Utf32(Some(Big)), 0),
        [_, 0, 0, 0, ..] => (Charset::Utf32(Some(Little)), 0),
        [0, _, 0, 0, ..] | [0, 0, _, 0, ..] => return Err(Fault::Syntax),
        [0, _, ..] => (Charset::Utf16(Some(Big)), 0),
        [_, 0, ..] => (Charset::Utf16(Some(Little)), 0),
        _ => (Charset::Utf8, 0),
    };
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_detected() {
        for (payload, text) in [
            (&b"{}"[..], &b"{}"[..]),
            (b"\xef\xbb\xbf1", b"1"),
            (b"\xff\xfe\"\0a\0\"\0", b"\"a\""),
            (b"\0\"\0a\0\"", b"\"a\""),
            (b"1\0", b"1"),
            (b"\0\0\x001", b"1"),
            (b"5", b"5"),
            (b"", b""),
        ] {
            let found = to_utf8(&Bytes::from_static(payload)).ok();
            assert_eq!(found.as_deref(), Some(text), "{payload:?}");
        }
        assert!(to_utf8(&Bytes::from_static(b"\0\0\xff\xfe")).is_err());
    }
}
