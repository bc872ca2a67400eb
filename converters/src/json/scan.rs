//! The JSON scanner: a cursor over UTF-8 bytes that takes one token at a time, by the rules of Jackson as Connect sets it up
//! (leading zeros are accepted; lengths and nesting are limited).
//!
//! It knows no values. What reads values ([`super::read`], [`super::plan`]) asks it for the next token and copies nothing
//! that can be a slice of the payload.

use super::plain::plain_blocks;
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use turnbuckle_api::{Error, Text};

/// Deepest nesting of objects and arrays.
pub(crate) const MAX_DEPTH: usize = 1000;
/// Most digits of a number, mantissa and exponent together.
const MAX_NUMBER: usize = 1000;
/// Longest text of a string, and of a member's name, in bytes here where Jackson counts characters.
const MAX_STRING: usize = 20_000_000;
const MAX_NAME: usize = 50_000;

/// Why there is no value.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The payload is no JSON.
    Syntax,
    /// It is JSON, but not what is wanted.
    Data(Error),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Data(error)
    }
}

pub(crate) type Scanned<T> = Result<T, Fault>;

/// A token's kind, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

impl Kind {
    /// Jackson's `JsonNodeType`, as messages show it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Object => "OBJECT",
            Kind::Array => "ARRAY",
            Kind::String => "STRING",
            Kind::Number => "NUMBER",
            Kind::Boolean => "BOOLEAN",
            Kind::Null => "NULL",
        }
    }
}

/// A number's text, not yet a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<'a> {
    pub(crate) text: &'a str,
    /// Neither fraction nor exponent.
    pub(crate) integral: bool,
}

/// A string between its quotation marks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawString {
    start: usize,
    end: usize,
    escaped: bool,
    ascii: bool,
}

#[derive(Clone)]
pub(crate) struct Scanner<'a> {
    payload: &'a Bytes,
    position: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(payload: &'a Bytes) -> Self {
        Scanner {
            payload,
            position: 0,
            depth: 0,
        }
    }

    /// A scanner at a value inside a payload.
    pub(crate) fn at(payload: &'a Bytes, place: Place) -> Self {
        Scanner {
            payload,
            position: place.position,
            depth: place.depth,
        }
    }

    pub(crate) fn payload(&self) -> &'a Bytes {
        self.payload
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.payload[self.position..]
    }

    pub(crate) fn advance(&mut self, bytes: usize) {
        self.position += bytes;
    }

    fn byte(&self) -> Option<u8> {
        self.payload.get(self.position).copied()
    }

    pub(crate) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.position += 1;
        }
    }

    /// Kind of the value that begins after blanks.
    pub(crate) fn kind(&mut self) -> Scanned<Kind> {
        self.skip_blanks();
        match self.byte() {
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            _ => Err(Fault::Syntax),
        }
    }

    /// Takes the bracket that opens an object or array.
    pub(crate) fn enter(&mut self) -> Scanned<()> {
        self.position += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            Err(Fault::Syntax)
        } else {
            Ok(())
        }
    }

    /// Between the members of a container that `close` ends: true if another follows. `first` before the first one.
    pub(crate) fn more(&mut self, close: u8, first: bool) -> Scanned<bool> {
        self.skip_blanks();
        match self.byte() {
            Some(byte) if byte == close => {
                self.position += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.position += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => Err(Fault::Syntax),
        }
    }

    /// Takes a member's name and the colon.
    pub(crate) fn name(&mut self) -> Scanned<RawString> {
        self.skip_blanks();
        if self.byte() != Some(b'"') {
            return Err(Fault::Syntax);
        }
        let name = self.string()?;
        if name.end - name.start > MAX_NAME {
            return Err(Fault::Syntax);
        }
        self.skip_blanks();
        if self.byte() != Some(b':') {
            return Err(Fault::Syntax);
        }
        self.position += 1;
        Ok(name)
    }

    /// Takes a string; the cursor is at its quotation mark.
    pub(crate) fn string(&mut self) -> Scanned<RawString> {
        let start = self.position + 1;
        let bytes: &[u8] = self.payload;
        let (mut escaped, mut all_bits) = (false, 0u8);
        let mut at = start + plain_blocks(&bytes[start..]);
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += 2;
                }
                Some(0..=0x1f) | None => return Err(Fault::Syntax),
                Some(byte) => {
                    all_bits |= byte;
                    at += 1;
                }
            }
        }
        self.position = at + 1;
        let string = RawString {
            start,
            end: at,
            escaped,
            ascii: all_bits < 0x80,
        };
        if at - start > MAX_STRING {
            return Err(Fault::Syntax);
        }
        // What is wrong inside must show even where the text is not wanted.
        if escaped || !string.ascii {
            self.check(string)?;
        }
        Ok(string)
    }

    fn check(&self, string: RawString) -> Scanned<()> {
        let bytes = &self.payload[string.start..string.end];
        if !string.escaped && std::str::from_utf8(bytes).is_ok() {
            return Ok(());
        }
        super::unescape::unescape(bytes).map(|_| ())
    }

    /// The bytes of a string, for comparing names; unescaped if need be.
    pub(crate) fn bytes_of(&self, string: RawString) -> Cow<'a, [u8]> {
        let bytes = &self.payload[string.start..string.end];
        if string.ascii && !string.escaped {
            return Cow::Borrowed(bytes);
        }
        Cow::Owned(self.text_of(string).into_bytes().to_vec())
    }

    /// The text of a string: a slice of the payload unless something was escaped.
    pub(crate) fn text_of(&self, string: RawString) -> Text {
        if !string.escaped
            && let Ok(text) = Text::try_from(self.payload.slice(string.start..string.end))
        {
            return text;
        }
        // It was checked when it was taken.
        let unescaped = super::unescape::unescape(&self.payload[string.start..string.end]);
        unescaped.unwrap_or_default().into()
    }

    /// Takes a number.
    pub(crate) fn number(&mut self) -> Scanned<Number<'a>> {
        let bytes: &'a [u8] = self.payload;
        let start = self.position;
        let mut at = start + usize::from(bytes.get(start) == Some(&b'-'));
        let digits_from = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let whole = digits_from(at);
        let zeros = bytes[at..whole].iter().take_while(|byte| **byte == b'0').count();
        let mut digits = whole - at;
        if digits == 0 {
            return Err(Fault::Syntax);
        }
        // Leading zeros do not count, but one digit stays.
        digits = (digits - zeros).max(1);
        at = whole;
        let mut integral = true;
        if bytes.get(at) == Some(&b'.') {
            let end = digits_from(at + 1);
            if end == at + 1 {
                return Err(Fault::Syntax);
            }
            digits += end - at - 1;
            integral = false;
            at = end;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let end = digits_from(at + 1 + sign);
            if end == at + 1 + sign {
                return Err(Fault::Syntax);
            }
            digits += end - at - 1 - sign;
            integral = false;
            at = end;
        }
        if digits > MAX_NUMBER {
            return Err(Fault::Syntax);
        }
        let at_root = self.depth == 0;
        if at_root && !matches!(bytes.get(at), None | Some(b' ' | b'\n' | b'\r' | b'\t')) {
            return Err(Fault::Syntax);
        }
        self.position = at;
        // Digits, signs, point and exponent are ASCII.
        let text = std::str::from_utf8(&bytes[start..at]).map_err(|_| Fault::Syntax)?;
        let number = Number { text, integral };
        if !integral && !super::number::is_representable(number) {
            return Err(Fault::Syntax);
        }
        Ok(number)
    }

    /// Takes `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Scanned<bool> {
        if self.byte() == Some(b't') {
            self.literal(b"true")?;
            return Ok(true);
        }
        self.literal(b"false")?;
        Ok(false)
    }

    /// Takes `null`.
    pub(crate) fn null(&mut self) -> Scanned<()> {
        self.literal(b"null")
    }

    fn literal(&mut self, expected: &[u8]) -> Scanned<()> {
        if !self.rest().starts_with(expected) {
            return Err(Fault::Syntax);
        }
        self.position += expected.len();
        match self.byte() {
            Some(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | 0x7f..) => Err(Fault::Syntax),
            _ => Ok(()),
        }
    }

    /// Takes a whole value, whatever it is.
    pub(crate) fn skip(&mut self) -> Scanned<()> {
        match self.kind()? {
            Kind::String => self.string().map(|_| ()),
            Kind::Number => self.number().map(|_| ()),
            Kind::Boolean => self.boolean().map(|_| ()),
            Kind::Null => self.null(),
            Kind::Array => {
                self.enter()?;
                let mut first = true;
                while self.more(b']', first)? {
                    first = false;
                    self.skip()?;
                }
                Ok(())
            }
            Kind::Object => {
                self.enter()?;
                let mut first = true;
                while self.more(b'}', first)? {
                    first = false;
                    self.name()?;
                    self.skip()?;
                }
                Ok(())
            }
        }
    }

    /// Takes an object; gives each member's name and the place of its value. Of members of one name the last counts, at
    /// the place of the first.
    pub(crate) fn members(&mut self) -> Scanned<Vec<(Text, Place)>> {
        self.enter()?;
        let mut members: Vec<(Text, Place)> = Vec::new();
        let mut places: HashMap<Text, usize> = HashMap::new();
        let mut first = true;
        while self.more(b'}', first)? {
            first = false;
            let name = self.name()?;
            let name = self.text_of(name);
            self.skip_blanks();
            let place = Place {
                position: self.position,
                depth: self.depth,
            };
            self.skip()?;
            match places.entry(name.clone()) {
                Entry::Occupied(known) => members[*known.get()].1 = place,
                Entry::Vacant(free) => {
                    free.insert(members.len());
                    members.push((name, place));
                }
            }
        }
        Ok(members)
    }

    /// The place where the next value begins.
    pub(crate) fn place(&mut self) -> Place {
        self.skip_blanks();
        Place {
            position: self.position,
            depth: self.depth,
        }
    }
}

/// Where a value begins, and in how many containers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    position: usize,
    depth: usize,
}

impl Place {
    pub(crate) fn position(self) -> usize {
        self.position
    }
}
