//! Character sets by their Java names: text to bytes with `?` for what does not fit, bytes to text with U+FFFD for what is
//! malformed, as `String.getBytes` and `new String` do.

use bytes::Bytes;
use encoding_rs::{CoderResult, EncoderResult, Encoding};
use std::borrow::Cow;
use turnbuckle_api::Text;

const REPLACEMENT: char = '\u{fffd}';

/// A character set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Charset {
    Utf8,
    Latin1,
    Ascii,
    /// `order` None: written big-endian with a byte order mark; read as the mark says, else big-endian.
    Utf16(Option<ByteOrder>),
    /// As [`Charset::Utf16`], but written without a mark.
    Utf32(Option<ByteOrder>),
    Other(&'static Encoding),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    Big,
    Little,
}

/// Names and aliases (lower case) of the sets that this module handles itself; the names are the JDK's.
const OWN: &[(&[&str], Charset)] = &[
    (&["utf-8", "utf8", "unicode-1-1-utf-8"], Charset::Utf8),
    (
        &[
            "iso-8859-1",
            "iso8859-1",
            "iso8859_1",
            "iso_8859-1",
            "iso_8859_1",
            "iso_8859-1:1987",
            "iso-ir-100",
            "8859_1",
            "latin1",
            "l1",
            "csisolatin1",
            "cp819",
            "ibm819",
            "ibm-819",
            "819",
        ],
        Charset::Latin1,
    ),
    (
        &[
            "us-ascii",
            "ascii",
            "ascii7",
            "iso646-us",
            "iso_646.irv:1991",
            "iso_646.irv:1983",
            "ansi_x3.4-1968",
            "ansi_x3.4-1986",
            "iso-ir-6",
            "csascii",
            "cp367",
            "ibm367",
            "us",
            "646",
            "default",
        ],
        Charset::Ascii,
    ),
    (
        &["utf-16", "utf_16", "utf16", "unicode", "unicodebig"],
        Charset::Utf16(None),
    ),
    (
        &[
            "utf-16be",
            "utf_16be",
            "x-utf-16be",
            "unicodebigunmarked",
            "iso-10646-ucs-2",
        ],
        Charset::Utf16(Some(ByteOrder::Big)),
    ),
    (
        &["utf-16le", "utf_16le", "x-utf-16le", "unicodelittleunmarked"],
        Charset::Utf16(Some(ByteOrder::Little)),
    ),
    (&["utf-32", "utf_32", "utf32", "iso-10646-ucs-4"], Charset::Utf32(None)),
    (
        &["utf-32be", "utf_32be", "x-utf-32be"],
        Charset::Utf32(Some(ByteOrder::Big)),
    ),
    (
        &["utf-32le", "utf_32le", "x-utf-32le"],
        Charset::Utf32(Some(ByteOrder::Little)),
    ),
];

impl Charset {
    /// The set of this name, in any case; None if it is unknown.
    pub fn from_name(name: &str) -> Option<Charset> {
        let lower = name.to_ascii_lowercase();
        if let Some((_, charset)) = OWN.iter().find(|(names, _)| names.contains(&lower.as_str())) {
            return Some(*charset);
        }
        let encoding = Encoding::for_label_no_replacement(lower.as_bytes())?;
        // The web calls several sets by names that are others' in Java ("ascii" is windows-1252 there); Java's were found
        // above. What has no encoder of its own (UTF-16) was, too.
        (encoding.output_encoding() == encoding).then_some(Charset::Other(encoding))
    }

    /// Appends `text` in this set.
    pub fn encode(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Charset::Utf8 => out.extend_from_slice(text.as_bytes()),
            Charset::Latin1 => encode_single_byte(text, 0xff, out),
            Charset::Ascii => encode_single_byte(text, 0x7f, out),
            Charset::Utf16(order) => {
                if order.is_none() && !text.is_empty() {
                    out.extend_from_slice(&[0xfe, 0xff]);
                }
                for unit in text.encode_utf16() {
                    match order {
                        Some(ByteOrder::Little) => out.extend_from_slice(&unit.to_le_bytes()),
                        _ => out.extend_from_slice(&unit.to_be_bytes()),
                    }
                }
            }
            Charset::Utf32(order) => {
                for unit in text.chars().map(u32::from) {
                    match order {
                        Some(ByteOrder::Little) => out.extend_from_slice(&unit.to_le_bytes()),
                        _ => out.extend_from_slice(&unit.to_be_bytes()),
                    }
                }
            }
            Charset::Other(encoding) => encode_other(encoding, text, out),
        }
    }

    /// The text of `bytes`; it shares their buffer where the bytes are UTF-8 already.
    pub fn decode(self, bytes: &Bytes) -> Text {
        match self {
            Charset::Utf8 => decode_utf8(bytes),
            Charset::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
            Charset::Ascii => {
                let character = |byte: &u8| {
                    if byte.is_ascii() {
                        char::from(*byte)
                    } else {
                        REPLACEMENT
                    }
                };
                bytes.iter().map(character).collect::<String>().into()
            }
            Charset::Utf16(order) => decode_utf16(bytes, order),
            Charset::Utf32(order) => decode_utf32(bytes, order),
            Charset::Other(encoding) => match encoding.decode_without_bom_handling(bytes).0 {
                Cow::Borrowed(text) => Text::from(text),
                Cow::Owned(text) => Text::from(text),
            },
        }
    }
}

fn encode_single_byte(text: &str, last: u32, out: &mut Vec<u8>) {
    let byte = |c: char| u8::try_from(u32::from(c)).ok().filter(|byte| u32::from(*byte) <= last);
    out.extend(text.chars().map(|c| byte(c).unwrap_or(b'?')));
}

fn encode_other(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    let mut rest = text;
    loop {
        let needed = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(needed.unwrap_or(rest.len()));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

/// UTF-8 as Java decodes it: each malformed part gives one U+FFFD. An encoded surrogate is one malformed part.
pub fn decode_utf8(bytes: &Bytes) -> Text {
    if let Ok(text) = Text::try_from(bytes.clone()) {
        return text;
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest: &[u8] = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return text.into();
            }
            Err(error) => error,
        };
        let (valid, malformed) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        text.push(REPLACEMENT);
        let is_continuation = |at: usize| malformed.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
        let length = match malformed {
            [0xed, 0xa0..=0xbf, ..] if is_continuation(2) => 3,
            [0xed, 0xa0..=0xbf, ..] => 2,
            _ => error.error_len().unwrap_or(malformed.len()),
        };
        rest = &malformed[length..];
    }
}

fn decode_utf16(bytes: &[u8], order: Option<ByteOrder>) -> Text {
    let (order, bytes) = match (order, bytes) {
        (Some(order), bytes) => (order, bytes),
        (None, [0xfe, 0xff, rest @ ..]) => (ByteOrder::Big, rest),
        (None, [0xff, 0xfe, rest @ ..]) => (ByteOrder::Little, rest),
        (None, bytes) => (ByteOrder::Big, bytes),
    };
    let encoding = match order {
        ByteOrder::Big => encoding_rs::UTF_16BE,
        ByteOrder::Little => encoding_rs::UTF_16LE,
    };
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let capacity = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len());
    let mut text = String::with_capacity(capacity);
    let mut rest = bytes;
    loop {
        let (result, read, _) = decoder.decode_to_string(rest, &mut text, true);
        rest = &rest[read..];
        match result {
            CoderResult::InputEmpty => return text.into(),
            CoderResult::OutputFull => text.reserve(rest.len() + 16),
        }
    }
}

fn decode_utf32(bytes: &[u8], order: Option<ByteOrder>) -> Text {
    let (order, bytes) = match (order, bytes) {
        (Some(order), bytes) => (order, bytes),
        (None, [0, 0, 0xfe, 0xff, rest @ ..]) => (ByteOrder::Big, rest),
        (None, [0xff, 0xfe, 0, 0, rest @ ..]) => (ByteOrder::Little, rest),
        (None, bytes) => (ByteOrder::Big, bytes),
    };
    let character = |unit: &[u8]| {
        let unit: [u8; 4] = unit.try_into().ok()?;
        let code = match order {
            ByteOrder::Big => u32::from_be_bytes(unit),
            ByteOrder::Little => u32::from_le_bytes(unit),
        };
        char::from_u32(code)
    };
    let characters = bytes.chunks(4).map(|unit| character(unit).unwrap_or(REPLACEMENT));
    characters.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_utf8_is_replaced_as_java_does() {
        for (bytes, text) in [
            (&b"a\xff\xfeb"[..], "a\u{fffd}\u{fffd}b"),
            (b"a\xe2\x82", "a\u{fffd}"),
            (b"\xc0\x80", "\u{fffd}\u{fffd}"),
            (b"\xed\xa0\xbd", "\u{fffd}"),
            (b"\xed\xa0", "\u{fffd}"),
            (b"\xed\xa0x", "\u{fffd}x"),
            (b"\xe2(\xa1", "\u{fffd}(\u{fffd}"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xf4\x90\x80\x80", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(decode_utf8(&Bytes::from_static(bytes)), text, "{bytes:?}");
        }
    }

    #[test]
    fn sets_are_known_by_their_java_names() {
        for (name, text, bytes) in [
            ("latin1", "ä€", &b"\xe4?"[..]),
            ("us-ascii", "aä", b"a?"),
            ("UTF-16", "a", b"\xfe\xff\0a"),
            ("UTF-16", "", b""),
            ("utf-16be", "a", b"\0a"),
            ("UTF-32LE", "a", b"a\0\0\0"),
            ("windows-1252", "€", b"\x80"),
            ("windows-1251", "Жa☺", b"\xc6a?"),
            ("Shift_JIS", "日", b"\x93\xfa"),
        ] {
            let charset = Charset::from_name(name).unwrap();
            let mut out = Vec::new();
            charset.encode(text, &mut out);
            assert_eq!(out, bytes, "{name}");
        }
        assert_eq!(Charset::from_name("nope"), None);
        assert_eq!(Charset::from_name("ISO-8859-1"), Some(Charset::Latin1));
    }

    #[test]
    fn byte_order_marks_decide() {
        let decode = |name: &str, bytes: &'static [u8]| {
            let charset = Charset::from_name(name).unwrap();
            charset.decode(&Bytes::from_static(bytes))
        };
        assert_eq!(decode("UTF-16", b"\xff\xfea\0"), "a");
        assert_eq!(decode("UTF-16", b"\0a"), "a");
        assert_eq!(decode("UTF-32", b"\0\0\0a\0\0"), "a\u{fffd}");
    }
}
