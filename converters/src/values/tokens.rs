//! Splits text at `: , { } [ ] "`, each of which is a token of its own unless a backslash stands before it.
//!
//! Looking at a token skips blank tokens for good, as upstream's parser does; only [`Tokens::rewind`] brings them back.

/// A cursor over text.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Byte position behind the token that was looked at.
    position: usize,
    looked_at: Option<&'a str>,
}

pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Tokens {
            text,
            position: 0,
            looked_at: None,
        }
    }

    /// The whole text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    pub(super) fn has_next(&self) -> bool {
        self.looked_at.is_some() || self.position < self.text.len()
    }

    /// A position to come back to.
    pub(super) fn mark(&self) -> usize {
        self.position - self.looked_at.map_or(0, str::len)
    }

    pub(super) fn rewind(&mut self, mark: usize) {
        self.position = mark;
        self.looked_at = None;
    }

    /// The next token; empty at the end.
    pub(super) fn next(&mut self) -> &'a str {
        match self.looked_at.take() {
            Some(token) => token,
            None => self.split(),
        }
    }

    /// The text of the next `count` tokens; None, without moving, if there are fewer.
    pub(super) fn next_joined(&mut self, count: usize) -> Option<&'a str> {
        let start = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind(start);
                return None;
            }
            self.next();
        }
        self.text.get(start..self.mark())
    }

    /// Takes the next token if it is `expected`, apart from blanks around it.
    pub(super) fn take(&mut self, expected: &str) -> bool {
        if !self.has_next() {
            return false;
        }
        let mut token = self.next();
        while trim(token).is_empty() && self.position < self.text.len() {
            token = self.split();
        }
        let taken = trim(token) == expected;
        self.looked_at = (!taken).then_some(token);
        taken
    }

    fn split(&mut self) -> &'a str {
        let start = self.position;
        let rest = &self.text.as_bytes()[start..];
        let mut escaped = false;
        for (offset, byte) in rest.iter().enumerate() {
            match byte {
                b'\\' => escaped = !escaped,
                b':' | b',' | b'{' | b'}' | b'[' | b']' | b'"' if !escaped => {
                    self.position = start + offset.max(1);
                    return &self.text[start..self.position];
                }
                _ => escaped = false,
            }
        }
        self.position = self.text.len();
        &self.text[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_split_unless_escaped() {
        let mut tokens = Tokens::new(r#"a:[1 , "x\"y"]"#);
        let mut seen = Vec::new();
        while tokens.has_next() {
            seen.push(tokens.next());
        }
        assert_eq!(seen, ["a", ":", "[", "1 ", ",", " ", "\"", "x\\\"y", "\"", "]"]);
    }

    #[test]
    fn taking_skips_blanks_and_rewinding_restores_them() {
        let mut tokens = Tokens::new("  ,1");
        let start = tokens.mark();
        assert!(!tokens.take(":"));
        assert!(tokens.take(","));
        tokens.rewind(start);
        assert_eq!(tokens.next_joined(2), Some("  ,"));
        assert_eq!(tokens.next_joined(2), None);
        assert_eq!(tokens.next(), "1");
    }
}
