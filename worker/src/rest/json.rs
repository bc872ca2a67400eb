//! A small JSON reader for request bodies. Unlike the usual ones it keeps the spelling of numbers, because a configuration's
//! value is text: `1E3` is stored as `1E3`.

/// A JSON value; members of an object in the order of first appearance, of repeated ones the last.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Deepest nesting, which is Jackson's limit.
const MAX_DEPTH: usize = 1000;

/// Reads the first value; None if there is nothing but blanks. What follows the value is not looked at, as Jackson does.
///
/// # Errors
/// Says what was found where.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Json>, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("Invalid UTF-8 at byte {} of the request body", error.valid_up_to()))?;
    let mut reader = Reader {
        text,
        position: 0,
        depth: 0,
    };
    reader.blanks();
    if reader.position == text.len() {
        return Ok(None);
    }
    reader.value().map(Some)
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// What is wrong here, with line and column.
    fn wrong<T>(&self, expected: &str) -> Result<T, String> {
        let before = &self.text[..self.position];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Err(match self.peek() {
            None => format!("Unexpected end-of-input: expected {expected}\n at line: {line}, column: {column}"),
            Some(found) => {
                let code = u32::from(found);
                format!(
                    "Unexpected character ('{found}' (code {code})): expected {expected}\n at line: {line}, column: {column}"
                )
            }
        })
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.position += expected.len_utf8();
        }
        found
    }

    fn value(&mut self) -> Result<Json, String> {
        self.blanks();
        match self.peek() {
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some('"') => self.string().map(Json::String),
            Some('-' | '0'..='9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Json, String>) -> Result<Json, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!(
                "Document nesting depth ({}) exceeds the maximum allowed ({MAX_DEPTH})",
                self.depth
            ));
        }
        self.position += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members: Vec<(String, Json)> = Vec::new();
        self.blanks();
        if self.take('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            if self.peek() != Some('"') {
                return self.wrong("double-quote to start field name");
            }
            let name = self.string()?;
            self.blanks();
            if !self.take(':') {
                return self.wrong("a colon to separate field name and value");
            }
            let value = self.value()?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => members.push((name, value)),
            }
            self.blanks();
            if self.take('}') {
                return Ok(Json::Object(members));
            }
            if !self.take(',') {
                return self.wrong("comma to separate Object entries");
            }
        }
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        self.blanks();
        if self.take(']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            if self.take(']') {
                return Ok(Json::Array(items));
            }
            if !self.take(',') {
                return self.wrong("comma to separate Array entries");
            }
        }
    }

    fn word(&mut self) -> Result<Json, String> {
        for (word, value) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ] {
            let rest = self.rest();
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if rest.strip_prefix(word).is_some_and(ends) {
                self.position += word.len();
                return Ok(value);
            }
        }
        self.wrong("a JSON value (String, Number, Array, Object or token 'null', 'true' or 'false')")
    }

    fn number(&mut self) -> Result<Json, String> {
        let start = self.position;
        self.take('-');
        let leading_zero = self.peek() == Some('0');
        let digits = self.digits()?;
        if leading_zero && digits > 1 {
            return Err("Invalid numeric value: Leading zeroes not allowed".to_string());
        }
        if self.take('.') {
            self.digits()?;
        }
        if self.take('e') || self.take('E') {
            if !self.take('+') {
                self.take('-');
            }
            self.digits()?;
        }
        if self
            .peek()
            .is_some_and(|c| !matches!(c, ' ' | '\t' | '\r' | '\n' | ',' | ']' | '}'))
            && self.depth > 0
        {
            return self.wrong("space separating root-level values");
        }
        Ok(Json::Number(self.text[start..self.position].to_string()))
    }

    fn digits(&mut self) -> Result<usize, String> {
        let rest = self.rest();
        let count = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if count == 0 {
            return self.wrong("a digit (0-9)");
        }
        self.position += count;
        Ok(count)
    }

    fn string(&mut self) -> Result<String, String> {
        self.position += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let plain = rest
                .find(|c: char| matches!(c, '"' | '\\') || c < ' ')
                .unwrap_or(rest.len());
            text.push_str(&rest[..plain]);
            self.position += plain;
            match self.peek() {
                Some('"') => {
                    self.position += 1;
                    return Ok(text);
                }
                Some('\\') => {
                    self.position += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return self.wrong("a control character to be escaped in a string value"),
                None => return self.wrong("closing quote for a string value"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let Some(c) = self.peek() else {
            return self.wrong("an escape sequence");
        };
        let simple = match c {
            '"' | '\\' | '/' => c,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                self.position += 1;
                return self.unicode();
            }
            _ => return self.wrong("a known character escape"),
        };
        self.position += 1;
        Ok(simple)
    }

    /// `\uXXXX`, a surrogate together with its other half; half a pair alone can't be text here.
    fn unicode(&mut self) -> Result<char, String> {
        let first = self.four_digits()?;
        if !(0xD800..0xE000).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if first < 0xDC00 && self.rest().starts_with("\\u") {
            let here = self.position;
            self.position += 2;
            let second = self.four_digits()?;
            if (0xDC00..0xE000).contains(&second) {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.position = here;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let digits = self
            .rest()
            .get(..4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return self.wrong("a hex-digit for character escape sequence");
        };
        self.position += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Json {
        Json::String(text.to_string())
    }

    #[test]
    fn values_are_read() {
        let cases = [
            ("", None),
            (" \n", None),
            ("null", Some(Json::Null)),
            ("-0.50E+3 tail", Some(Json::Number("-0.50E+3".to_string()))),
            (r#""a\u00e9\ud83d\ude00\n\/\ud800x""#, Some(text("aé😀\n/\u{fffd}x"))),
            (
                "[1, true , \"ж\"]",
                Some(Json::Array(vec![
                    Json::Number("1".to_string()),
                    Json::Bool(true),
                    text("ж"),
                ])),
            ),
            (
                r#"{"a":1,"b":{},"a":[]}"#,
                Some(Json::Object(vec![
                    ("a".to_string(), Json::Array(vec![])),
                    ("b".to_string(), Json::Object(vec![])),
                ])),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(read(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let bodies = [
            "{",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "{a:1}",
            "[1 2]",
            "[1",
            "not json",
            "nullx",
            "01",
            "[1x]",
            "-",
            "1.",
            "\"a",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12\"",
            "{\"a\":",
        ];
        for body in bodies {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(read(b"\"\xff\"").is_err());
        assert!(read("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }

        #[test]
        fn what_serde_writes_is_read(text in ".{0,20}", number in any::<i64>()) {
            let body = serde_json::json!({ "text": text, "number": [number] }).to_string();
            let expected = Json::Object(vec![
                ("text".to_string(), Json::String(text)),
                ("number".to_string(), Json::Array(vec![Json::Number(number.to_string())])),
            ]);
            prop_assert_eq!(read(body.as_bytes()), Ok(Some(expected)));
        }
    }
}
