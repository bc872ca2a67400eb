//! Splits a stream of bytes into complete lines. A line ends with `\n`, `\r\n` or `\r`; what follows the last line end stays
//! until more bytes come.

use std::borrow::Cow;

/// Bytes that were read and not yet given out as lines.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Start of the next line.
    start: usize,
    /// Up to here there is no line end.
    searched: usize,
}

/// A complete line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Text without the line end; bytes that are not UTF-8 are replaced.
    pub text: Cow<'a, str>,
    /// Bytes of the line with its end.
    pub length: usize,
}

impl LineBuffer {
    /// Adds bytes; what was given out is dropped first.
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next complete line. A `\r` at the very end waits for what follows it.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let Some(offset) = self.bytes[self.searched..].iter().position(is_end) else {
            self.searched = self.bytes.len();
            return None;
        };
        let end = self.searched + offset;
        let next = match (self.bytes[end], self.bytes.get(end + 1)) {
            (b'\r', None) => {
                self.searched = end;
                return None;
            }
            (b'\r', Some(b'\n')) => end + 2,
            _ => end + 1,
        };
        let from = std::mem::replace(&mut self.start, next);
        self.searched = next;
        Some(Line {
            text: String::from_utf8_lossy(&self.bytes[from..end]),
            length: next - from,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(buffer: &mut LineBuffer) -> Vec<(String, usize)> {
        let mut lines = Vec::new();
        while let Some(line) = buffer.next_line() {
            lines.push((line.text.into_owned(), line.length));
        }
        lines
    }

    #[test]
    fn every_kind_of_line_end_counts_its_bytes() {
        for (input, expected) in [
            (&b"a\nbb\r\nc\rd\n"[..], vec![("a", 2), ("bb", 4), ("c", 2), ("d", 2)]),
            (b"\n\n\r\r\n", vec![("", 1), ("", 1), ("", 1), ("", 2)]),
            (b"x\r", vec![]),
            (b"no end", vec![]),
            (b"", vec![]),
            ("é\n日本\n".as_bytes(), vec![("é", 3), ("日本", 7)]),
            (b"a\xffb\n", vec![("a\u{fffd}b", 4)]),
        ] {
            let mut buffer = LineBuffer::default();
            buffer.append(input);
            let lines = drain(&mut buffer);
            let lines: Vec<(&str, usize)> = lines.iter().map(|(text, length)| (text.as_str(), *length)).collect();
            assert_eq!(lines, expected, "{input:?}");
        }
    }

    #[test]
    fn lines_do_not_depend_on_how_bytes_arrive() {
        let input = "one\r\ntwo\rthree\n\r\nlast \u{20ac}\n rest".as_bytes();
        let mut whole = LineBuffer::default();
        whole.append(input);
        let expected = drain(&mut whole);
        assert_eq!(expected.len(), 5);
        for size in 1..input.len() {
            let mut buffer = LineBuffer::default();
            let mut lines = Vec::new();
            for piece in input.chunks(size) {
                buffer.append(piece);
                lines.extend(drain(&mut buffer));
            }
            assert_eq!(lines, expected, "pieces of {size}");
        }
    }
}
