//! The message index in a payload's frame: which message of the schema's file follows. The number of indexes, then each,
//! as zigzag varints; a single zero stands for the file's first message.

use turnbuckle_api::{Error, ErrorKind, Result};

/// Messages are not nested deeper.
const MAX_INDEXES: usize = 100;

/// Appends the indexes.
pub(super) fn put_indexes(indexes: &[i32], out: &mut Vec<u8>) {
    if matches!(indexes, [] | [0]) {
        return out.push(0);
    }
    put_int(indexes.len() as i32, out);
    indexes.iter().for_each(|index| put_int(*index, out));
}

/// The indexes at `start`, and where the message begins.
///
/// # Errors
/// A text for an index that is none.
pub(super) fn indexes(payload: &[u8], start: usize) -> Result<(Vec<i32>, usize)> {
    let mut at = start;
    let count = int(payload, &mut at)?;
    if count == 0 {
        return Ok((vec![0], at));
    }
    let count = usize::try_from(count).ok().filter(|count| *count <= MAX_INDEXES);
    let count = count.ok_or_else(|| Error::new(ErrorKind::IllegalArgument, "Invalid number of message indexes"))?;
    let indexes: Result<Vec<i32>> = (0..count).map(|_| int(payload, &mut at)).collect();
    Ok((indexes?, at))
}

fn put_int(value: i32, out: &mut Vec<u8>) {
    let zigzag = ((value << 1) ^ (value >> 31)) as u32;
    super::writer::put_varint(u64::from(zigzag), out);
}

fn int(payload: &[u8], at: &mut usize) -> Result<i32> {
    let mut value = 0u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = payload.get(*at).copied();
        let byte = byte.ok_or_else(|| Error::without_message(ErrorKind::Class("java.nio.BufferUnderflowException")))?;
        *at += 1;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i32 ^ -((value & 1) as i32));
        }
    }
    Err(Error::new(ErrorKind::IllegalArgument, "Varint is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_come_back() {
        for (given, bytes, read) in [
            (&[0][..], &[0][..], &[0][..]),
            (&[], &[0], &[0]),
            (&[1], &[2, 2], &[1]),
            (&[2, 0, 70], &[6, 4, 0, 140, 1], &[2, 0, 70]),
        ] {
            let mut out = Vec::new();
            put_indexes(given, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(indexes(&out, 0).unwrap(), (read.to_vec(), bytes.len()));
        }
        for broken in [&[][..], &[1], &[2], &[255; 6], &[255, 255, 3, 0]] {
            assert!(indexes(broken, 0).is_err(), "{broken:?}");
        }
    }
}
