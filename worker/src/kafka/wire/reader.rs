//! A reader of Kafka-encoded bytes that cannot panic and never reserves more memory than the input could fill.
//!
//! It knows both encodings: the classic one (INT16/INT32 lengths) and the flexible one of KIP-482
//! (unsigned varint length + 1, tagged fields). Responses of brokers and the blobs of the `connect` group go through it.

use std::fmt;

/// Why bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(String);

impl DecodeError {
    /// An error with its text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

/// Cursor over borrowed bytes; every read is checked against what is left.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    flexible: bool,
}

impl<'a> Reader<'a> {
    /// Reads the classic encoding (big-endian, INT16 string lengths, INT32 array counts).
    pub fn classic(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            flexible: false,
        }
    }

    /// Reads the classic or the flexible (KIP-482) encoding.
    pub fn with_encoding(bytes: &'a [u8], flexible: bool) -> Self {
        Self { rest: bytes, flexible }
    }

    /// True when every byte was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], DecodeError> {
        let Some((head, tail)) = self.rest.split_at_checked(count) else {
            let left = self.rest.len();
            return Err(DecodeError::new(format!(
                "{what} needs {count} bytes but only {left} are left"
            )));
        };
        self.rest = tail;
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self, what: &str) -> Result<[u8; N], DecodeError> {
        let mut value = [0; N];
        value.copy_from_slice(self.take(N, what)?);
        Ok(value)
    }

    /// BOOLEAN
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.fixed::<1>("a BOOLEAN")?[0] != 0)
    }

    /// INT16
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.fixed("an INT16")?))
    }

    /// INT32
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.fixed("an INT32")?))
    }

    /// INT64
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.fixed("an INT64")?))
    }

    fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value: u32 = 0;
        for index in 0..5 {
            let [byte] = self.fixed("a varint")?;
            if index == 4 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::new("a varint is longer than 32 bits"))
    }

    /// A length as encoded before strings (`short`), bytes and arrays; `None` is null.
    fn length(&mut self, short: bool, what: &str) -> Result<Option<usize>, DecodeError> {
        let length = if self.flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else if short {
            i64::from(self.i16()?)
        } else {
            i64::from(self.i32()?)
        };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(DecodeError::new(format!("{what} has the negative length {length}"))),
        }
    }

    /// STRING that may be null.
    pub fn nullable_string(&mut self) -> Result<Option<&'a str>, DecodeError> {
        let Some(length) = self.length(true, "a string")? else {
            return Ok(None);
        };
        let bytes = self.take(length, "a string")?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(DecodeError::new("a string is not UTF-8")),
        }
    }

    /// STRING; null is an error.
    pub fn string(&mut self) -> Result<&'a str, DecodeError> {
        self.nullable_string()?
            .ok_or_else(|| DecodeError::new("a string is null that must not be"))
    }

    /// BYTES that may be null.
    pub fn nullable_bytes(&mut self) -> Result<Option<&'a [u8]>, DecodeError> {
        match self.length(false, "a byte field")? {
            Some(length) => Ok(Some(self.take(length, "a byte field")?)),
            None => Ok(None),
        }
    }

    /// The item count of an ARRAY, `None` for null. An item takes a byte at least, so a count beyond
    /// the bytes left is refused here, so loops over it end soon.
    pub fn array(&mut self) -> Result<Option<usize>, DecodeError> {
        let count = self.length(false, "an array")?;
        match count {
            Some(count) if count > self.rest.len() => {
                let left = self.rest.len();
                Err(DecodeError::new(format!(
                    "an array claims {count} items but only {left} bytes are left"
                )))
            }
            _ => Ok(count),
        }
    }

    /// Skips the tagged fields that end every structure of the flexible encoding; nothing in the classic one.
    pub fn tags(&mut self) -> Result<(), DecodeError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let size = self.unsigned_varint()?;
            self.take(size as usize, "a tagged field")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_both_encodings() {
        let mut classic = Reader::classic(b"\x00\x02ab\xff\xff\x00\x00\x00\x01z\xff\xff\xff\xff");
        assert_eq!(classic.string().unwrap(), "ab");
        assert_eq!(classic.nullable_string().unwrap(), None);
        assert_eq!(classic.nullable_bytes().unwrap(), Some(&b"z"[..]));
        assert_eq!(classic.array().unwrap(), None);
        assert!(classic.is_empty());

        let mut flexible = Reader::with_encoding(b"\x03ab\x00\x02z\x01\x01\x05\x02xy", true);
        assert_eq!(flexible.string().unwrap(), "ab");
        assert_eq!(flexible.nullable_string().unwrap(), None);
        assert_eq!(flexible.nullable_bytes().unwrap(), Some(&b"z"[..]));
        assert_eq!(flexible.array().unwrap(), Some(0));
        flexible.tags().unwrap();
        assert!(flexible.is_empty());
    }

    #[test]
    fn refuses_bad_lengths() {
        let cases: [(&[u8], &str); 4] = [
            (b"\x00\x05ab", "a string needs 5 bytes but only 2 are left"),
            (b"\xff\xfe", "a string has the negative length -2"),
            (b"\xff\xff", "a string is null that must not be"),
            (b"\x00\x01\xff", "a string is not UTF-8"),
        ];
        for (bytes, message) in cases {
            assert_eq!(Reader::classic(bytes).string().unwrap_err().to_string(), message);
        }
        let huge = Reader::classic(b"\x7f\xff\xff\xff\x00").array().unwrap_err();
        assert_eq!(
            huge.to_string(),
            "an array claims 2147483647 items but only 1 bytes are left"
        );
        assert!(Reader::with_encoding(b"\xff\xff\xff\xff\x1f", true).tags().is_err());
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), flexible: bool) {
            let reader = Reader::with_encoding(&bytes, flexible);
            let _ = reader.clone().string();
            let _ = reader.clone().nullable_bytes();
            let _ = reader.clone().tags();
            if let Ok(Some(count)) = reader.clone().array() {
                prop_assert!(count <= bytes.len());
            }
        }
    }
}
