//! Text of strings that hold escapes, or UTF-8 that is not quite in order but which Jackson decodes all the same (overlong
//! forms, encoded surrogates).

use super::scan::{Fault, Scanned};

/// What a surrogate without partner becomes, as when Java text is turned into bytes.
const LONE_SURROGATE: char = '?';

/// The text of what stands between the quotation marks.
pub(super) fn unescape(bytes: &[u8]) -> Scanned<String> {
    let mut text = String::with_capacity(bytes.len());
    let mut units = Units::default();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let plain = rest
            .iter()
            .take_while(|byte| byte.is_ascii() && **byte != b'\\')
            .count();
        if plain > 0 {
            units.flush(&mut text);
            text.push_str(&String::from_utf8_lossy(&rest[..plain]));
            rest = &rest[plain..];
            continue;
        }
        let (code, length) = if *first == b'\\' {
            escape(rest)?
        } else {
            multi_byte(rest)?
        };
        units.push(code, &mut text);
        rest = &rest[length..];
    }
    units.flush(&mut text);
    Ok(text)
}

/// Puts surrogate pairs together.
#[derive(Default)]
struct Units {
    high: Option<u32>,
}

impl Units {
    fn push(&mut self, code: u32, text: &mut String) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, code) {
            self.high = None;
            let joined = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
            text.push(char::from_u32(joined).unwrap_or(LONE_SURROGATE));
            return;
        }
        self.flush(text);
        if (0xd800..=0xdbff).contains(&code) {
            self.high = Some(code);
            return;
        }
        text.push(char::from_u32(code).unwrap_or(LONE_SURROGATE));
    }

    fn flush(&mut self, text: &mut String) {
        if self.high.take().is_some() {
            text.push(LONE_SURROGATE);
        }
    }
}

/// An escape's character and its length.
fn escape(bytes: &[u8]) -> Scanned<(u32, usize)> {
    let code = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => {
            let digits = bytes.get(2..6).ok_or(Fault::Syntax)?;
            let mut code = 0;
            for digit in digits {
                code = code * 16 + char::from(*digit).to_digit(16).ok_or(Fault::Syntax)?;
            }
            return Ok((code, 6));
        }
        _ => return Err(Fault::Syntax),
    };
    Ok((u32::from(code), 2))
}

/// A character of several bytes and their number; only the shape of the bytes is looked at.
fn multi_byte(bytes: &[u8]) -> Scanned<(u32, usize)> {
    let (first, length) = match bytes.first() {
        Some(byte @ 0xc0..=0xdf) => (byte & 0x1f, 2),
        Some(byte @ 0xe0..=0xef) => (byte & 0x0f, 3),
        Some(byte @ 0xf0..=0xf7) => (byte & 0x07, 4),
        _ => return Err(Fault::Syntax),
    };
    let following = bytes.get(1..length).ok_or(Fault::Syntax)?;
    let mut code = u32::from(first);
    for byte in following {
        if byte & 0xc0 != 0x80 {
            return Err(Fault::Syntax);
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    Ok((code, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_characters() {
        for (bytes, text) in [
            (&br#"a\"\\\/\b\f\n\r\tz"#[..], "a\"\\/\u{8}\u{c}\n\r\tz"),
            (br"\u00e9\ud83d\ude00", "é😀"),
            (br"\ud83dx", "?x"),
            (br"\ude00", "?"),
            ("ä€😀".as_bytes(), "ä€😀"),
            (b"\xc0\x80", "\0"),
        ] {
            assert_eq!(unescape(bytes).ok().as_deref(), Some(text));
        }
        for bytes in [&br"\x"[..], br"\u12", br"\u12g4", b"\xff", b"\xe2\x82", b"\xe2(\xa1"] {
            assert!(unescape(bytes).is_err(), "{bytes:?}");
        }
    }
}
