//! Avro's binary encoding: reading from a payload with every length checked, and appending to a buffer.

use bytes::Bytes;
use turnbuckle_api::Text;

/// What went wrong while reading or writing one datum.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The bytes, or the datum, do not fit the Avro schema; Java wraps this in a serialization error.
    Wire(String),
    /// The value does not fit Connect's schema; shown as it is.
    Value(turnbuckle_api::Error),
}

impl From<turnbuckle_api::Error> for Fault {
    fn from(error: turnbuckle_api::Error) -> Self {
        Fault::Value(error)
    }
}

#[cold]
pub(crate) fn wire(text: impl Into<String>) -> Fault {
    Fault::Wire(text.into())
}

/// A position in a payload.
pub(crate) struct Cursor<'a> {
    payload: &'a Bytes,
    pos: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(payload: &'a Bytes, pos: usize) -> Self {
        Cursor { payload, pos }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.payload.len().saturating_sub(self.pos)
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let byte = *self
            .payload
            .get(self.pos)
            .ok_or_else(|| wire("Unexpected end of data"))?;
        self.pos += 1;
        Ok(byte)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let slice = self.payload.get(self.pos..).and_then(|rest| rest.first_chunk::<N>());
        let array = *slice.ok_or_else(|| wire("Unexpected end of data"))?;
        self.pos += N;
        Ok(array)
    }

    /// A zigzag integer of at most five bytes.
    #[inline]
    pub(crate) fn int(&mut self) -> Result<i32, Fault> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i32 ^ -((value & 1) as i32));
            }
        }
        Err(wire("Invalid int encoding"))
    }

    /// A zigzag integer of at most ten bytes.
    #[inline]
    pub(crate) fn long(&mut self) -> Result<i64, Fault> {
        let mut value = 0u64;
        let mut shift = 0;
        while shift < 70 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift.min(63);
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
            shift += 7;
        }
        Err(wire("Invalid long encoding"))
    }

    #[inline]
    pub(crate) fn float(&mut self) -> Result<f32, Fault> {
        self.array().map(f32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64, Fault> {
        self.array().map(f64::from_le_bytes)
    }

    /// As many bytes, shared with the payload.
    #[inline]
    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, Fault> {
        if length > self.remaining() {
            return Err(wire(format!(
                "Length {length} exceeds the {} bytes left",
                self.remaining()
            )));
        }
        let start = self.pos;
        self.pos += length;
        Ok(self.payload.slice(start..self.pos))
    }

    pub(crate) fn skip(&mut self, length: usize) -> Result<(), Fault> {
        if length > self.remaining() {
            return Err(wire("Unexpected end of data"));
        }
        self.pos += length;
        Ok(())
    }

    #[inline]
    pub(crate) fn length(&mut self) -> Result<usize, Fault> {
        let length = self.long()?;
        usize::try_from(length).map_err(|_| wire(format!("Malformed data. Length is negative: {length}")))
    }

    /// Bytes with their length before them.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<Bytes, Fault> {
        let length = self.length()?;
        self.take(length)
    }

    /// Text with its length before it, sharing the payload.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text, Fault> {
        let bytes = self.bytes()?;
        let start = self.pos - bytes.len();
        match Text::try_from(bytes) {
            Ok(text) => Ok(text),
            Err(_) => Ok(lossy_text(self.payload.slice(start..self.pos))),
        }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> Bytes {
        let rest = self.payload.slice(self.pos.min(self.payload.len())..);
        self.pos = self.payload.len();
        rest
    }

    /// Number of items in the next block of an array or map; zero ends it. The byte size of a block is of no use here.
    pub(crate) fn block(&mut self) -> Result<u64, Fault> {
        let count = self.long()?;
        if count < 0 {
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }
}

/// Text of bytes that may be broken UTF-8; what is broken is replaced, as Java does.
pub(crate) fn lossy_text(bytes: Bytes) -> Text {
    Text::from(String::from_utf8_lossy(&bytes).into_owned())
}

#[inline]
pub(crate) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = [0u8; 10];
    let mut length = 0;
    while rest >= 0x80 {
        bytes[length] = rest as u8 | 0x80;
        rest >>= 7;
        length += 1;
    }
    bytes[length] = rest as u8;
    out.extend_from_slice(&bytes[..=length]);
}

#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: i64, small: i32) {
            let mut out = Vec::new();
            put_long(&mut out, value);
            put_long(&mut out, i64::from(small));
            let payload = Bytes::from(out);
            let mut cursor = Cursor::new(&payload, 0);
            prop_assert_eq!(cursor.long().unwrap(), value);
            prop_assert_eq!(cursor.int().unwrap(), small);
            prop_assert_eq!(cursor.remaining(), 0);
        }
    }

    #[test]
    fn broken_numbers_are_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 5], &[0xff; 11]] {
            let payload = Bytes::copy_from_slice(bytes);
            assert!(Cursor::new(&payload, 0).int().is_err(), "{bytes:?}");
            assert!(
                bytes.len() == 5 || Cursor::new(&payload, 0).long().is_err(),
                "{bytes:?}"
            );
        }
        let payload = Bytes::from_static(&[3]);
        assert!(Cursor::new(&payload, 0).bytes().is_err());
    }
}
