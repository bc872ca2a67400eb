//! JSON text of strings, bytes and integers, as Jackson writes it.

use super::plain::plain_blocks;
use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a quoted string. Controls are escaped, and characters beyond the basic plane as two `\u` escapes; everything else
/// stays UTF-8.
pub fn append_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut written = 0;
    let mut at = plain_blocks(bytes);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' | b'\\' | 0..=0x1f => {
                out.extend_from_slice(&bytes[written..at]);
                append_escape(*byte, out);
                at += 1;
                written = at;
            }
            0xf0.. => {
                out.extend_from_slice(&bytes[written..at]);
                // Only the first byte of four is at or above this value.
                let end = (at + 4).min(bytes.len());
                for unit in text.get(at..end).unwrap_or_default().encode_utf16() {
                    append_unit(unit, out);
                }
                at = end;
                written = at;
            }
            _ => at += 1,
        }
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

fn append_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        other => return append_unit(u16::from(other), out),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn append_unit(unit: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> shift & 0xf)]);
    }
}

/// Appends quoted base64, padded, without line breaks.
pub fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    // The room is exactly what is needed.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
    out.push(b'"');
}

/// Appends an integer.
pub fn append_i64(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_their_digits() {
        for value in [0, 7, -1, 10, 1_234_567_890_123, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            append_i64(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }

    #[test]
    fn strings_are_escaped_as_jackson_does() {
        let mut out = Vec::new();
        append_string("\"\\/\u{8}\u{1f}\u{7f}\u{2028}ä😀x", &mut out);
        let expected = "\"\\\"\\\\/\\b\\u001F\u{7f}\u{2028}ä\\uD83D\\uDE00x\"";
        assert_eq!(out, expected.as_bytes());
    }
}
