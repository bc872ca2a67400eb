//! From Java's pattern syntax to that of `fancy-regex`.
//!
//! What both read alike is copied. The rest is spelled out: quoted sections, ASCII-only `\d`, `\w` and `\s`, POSIX and
//! `java…` classes, octal, hexadecimal and control escapes, and characters that are special on one side only.

/// A problem, in words.
type Translated<T> = Result<T, String>;

/// Contents of brackets for Java's predefined classes.
const DIGIT: &str = "0-9";
const WORD: &str = "a-zA-Z_0-9";
const SPACE: &str = r" \t\n\x0B\f\r";
const HORIZONTAL: &str = r" \t\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const VERTICAL: &str = r"\n\x0B\f\r\x{85}\x{2028}\x{2029}";

/// `\p{…}` that the target does not know, as contents of brackets.
const PROPERTIES: &[(&str, &str)] = &[
    ("Lower", "a-z"),
    ("Upper", "A-Z"),
    ("ASCII", r"\x00-\x7F"),
    ("Alpha", "a-zA-Z"),
    ("Digit", DIGIT),
    ("Alnum", "a-zA-Z0-9"),
    ("Punct", r"!-\/:-@\[-`\{-\~"),
    ("Graph", r"!-\~"),
    ("Print", r" -\~"),
    ("Blank", r" \t"),
    ("Cntrl", r"\x00-\x1F\x7F"),
    ("XDigit", "0-9a-fA-F"),
    ("Space", SPACE),
    ("javaLowerCase", r"\p{Lowercase}"),
    ("javaUpperCase", r"\p{Uppercase}"),
    ("javaAlphabetic", r"\p{Alphabetic}"),
    ("javaLetter", r"\p{L}"),
    ("javaDigit", r"\p{Nd}"),
    ("javaLetterOrDigit", r"\p{L}\p{Nd}"),
    ("javaWhitespace", r"\p{White_Space}"),
];

/// Translates a whole pattern.
pub(super) fn translate(pattern: &str) -> Translated<String> {
    let mut translator = Translator {
        chars: pattern.chars().collect(),
        at: 0,
        groups: 0,
        out: String::with_capacity(pattern.len() + 16),
    };
    translator.sequence()?;
    Ok(translator.out)
}

struct Translator {
    chars: Vec<char>,
    at: usize,
    /// Capturing groups opened so far.
    groups: usize,
    out: String,
}

impl Translator {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn problem<T>(&self, what: &str) -> Translated<T> {
        let pattern: String = self.chars.iter().collect();
        Err(format!("{what} near index {} in {pattern}", self.at.saturating_sub(1)))
    }

    fn sequence(&mut self) -> Translated<()> {
        // Whether what stands before can be repeated.
        let mut repeatable = false;
        while let Some(c) = self.next() {
            match c {
                '\\' if self.take('Q') => {
                    repeatable = self.quoted(false);
                    continue;
                }
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => {
                    self.open_group()?;
                    repeatable = false;
                    continue;
                }
                '|' => {
                    self.out.push('|');
                    repeatable = false;
                    continue;
                }
                '*' | '+' | '?' | '{' => {
                    if !repeatable {
                        let what = match c {
                            '{' => "Illegal repetition".to_string(),
                            _ => format!("Dangling meta character '{c}'"),
                        };
                        return self.problem(&what);
                    }
                    self.quantifier(c)?;
                    repeatable = false;
                    continue;
                }
                ')' | '^' | '$' | '.' => self.out.push(c),
                literal => self.literal(literal),
            }
            repeatable = true;
        }
        Ok(())
    }

    /// A quantifier with its lazy or possessive suffix.
    fn quantifier(&mut self, first: char) -> Translated<()> {
        self.out.push(first);
        if first == '{' {
            let digits_from = self.at;
            self.copy_digits();
            if self.at == digits_from {
                return self.problem("Illegal repetition");
            }
            if self.take(',') {
                self.out.push(',');
                self.copy_digits();
            }
            if !self.take('}') {
                return self.problem("Unclosed counted closure");
            }
            self.out.push('}');
        }
        if let Some(suffix @ ('?' | '+')) = self.peek() {
            self.at += 1;
            self.out.push(suffix);
        }
        Ok(())
    }

    fn copy_digits(&mut self) {
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            self.at += 1;
            self.out.push(digit);
        }
    }

    /// What follows an opening parenthesis up to the group's content.
    fn open_group(&mut self) -> Translated<()> {
        self.out.push('(');
        if !self.take('?') {
            self.groups += 1;
            return Ok(());
        }
        self.out.push('?');
        match self.next() {
            Some(kind @ (':' | '=' | '!' | '>')) => self.out.push(kind),
            Some('<') => {
                self.out.push('<');
                if let Some(kind @ ('=' | '!')) = self.peek() {
                    self.at += 1;
                    self.out.push(kind);
                    return Ok(());
                }
                self.groups += 1;
                return self.group_name();
            }
            Some(c) if c.is_ascii_alphabetic() || c == '-' => {
                self.at -= 1;
                return self.flags();
            }
            _ => return self.problem("Unknown inline modifier"),
        }
        Ok(())
    }

    /// `name>`
    fn group_name(&mut self) -> Translated<()> {
        let from = self.at;
        while let Some(c) = self.next() {
            self.out.push(c);
            match c {
                '>' if self.at - 1 > from => return Ok(()),
                c if c.is_ascii_alphabetic() || (c.is_ascii_digit() && self.at - 1 > from) => {}
                _ => break,
            }
        }
        self.problem("Bad name of a capturing group")
    }

    /// `ims-x)` or `ims-x:`. Flags about Unicode case and line ends make no difference to names of topics and fields.
    fn flags(&mut self) -> Translated<()> {
        let mut flags = String::new();
        while let Some(c) = self.next() {
            match c {
                'i' | 'm' | 's' | 'x' | '-' => flags.push(c),
                'd' | 'u' => {}
                ')' | ':' => {
                    let flags = flags.trim_end_matches('-');
                    if flags.is_empty() && c == ')' {
                        // `(?)` is nothing; `(?:)` says the same.
                        self.out.push(':');
                    }
                    self.out.push_str(flags);
                    self.out.push(c);
                    return Ok(());
                }
                _ => return self.problem("Unknown inline modifier"),
            }
        }
        self.problem("Unknown inline modifier")
    }

    /// Everything up to `\E` or the end, literally. False if that was nothing.
    fn quoted(&mut self, in_class: bool) -> bool {
        let from = self.at;
        while let Some(c) = self.next() {
            if c == '\\' && self.take('E') {
                return self.at - 2 > from;
            }
            match in_class {
                true => self.class_literal(c),
                false => self.literal(c),
            }
        }
        self.at > from
    }

    fn literal(&mut self, c: char) {
        if r"\.+*?()|[]{}^$".contains(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn brackets(&mut self, negated: bool, content: &str) {
        self.out.push_str(if negated { "[^" } else { "[" });
        self.out.push_str(content);
        self.out.push(']');
    }

    /// What follows a backslash outside brackets.
    fn escape(&mut self) -> Translated<()> {
        let Some(c) = self.next() else {
            return self.problem("Unexpected internal error");
        };
        match c {
            'b' | 'B' | 'A' | 'z' | 'G' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'Z' => self.out.push_str(r"(?=\n?\z)"),
            'R' => {
                self.out.push_str(r"(?:\r\n|[");
                self.out.push_str(VERTICAL);
                self.out.push_str("])");
            }
            'k' => {
                if !self.take('<') {
                    return self.problem(r"\k is not followed by '<' for named capturing group");
                }
                self.out.push_str(r"\k<");
                self.group_name()?;
            }
            '1'..='9' => self.back_reference(c),
            _ => {
                if !self.predefined(c)? {
                    let literal = self.character(c)?;
                    self.literal(literal);
                }
            }
        }
        Ok(())
    }

    /// `\1`, with as many digits as there are groups.
    fn back_reference(&mut self, first: char) {
        let value = |c: char| c.to_digit(10).unwrap_or_default() as usize;
        let mut number = value(first);
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            let longer = number * 10 + value(digit);
            if longer > self.groups {
                break;
            }
            number = longer;
            self.at += 1;
        }
        self.out.push_str(&format!(r"(?:\{number})"));
    }

    /// Classes that stand alone and in brackets: `\d`, `\p{…}` and their like. False if `c` begins none.
    fn predefined(&mut self, c: char) -> Translated<bool> {
        let content = match c.to_ascii_lowercase() {
            'd' => DIGIT,
            'w' => WORD,
            's' => SPACE,
            'h' => HORIZONTAL,
            'v' => VERTICAL,
            'p' => {
                self.property(c == 'P')?;
                return Ok(true);
            }
            _ => return Ok(false),
        };
        self.brackets(c.is_ascii_uppercase(), content);
        Ok(true)
    }

    fn property(&mut self, negated: bool) -> Translated<()> {
        let name = match self.next() {
            Some('{') => {
                let length = self.chars[self.at..].iter().position(|c| *c == '}');
                let Some(length) = length else {
                    return self.problem("Unclosed character family");
                };
                let name: String = self.chars[self.at..self.at + length].iter().collect();
                self.at += length + 1;
                name
            }
            Some(letter) => letter.to_string(),
            None => return self.problem("Unclosed character family"),
        };
        if let Some((_, content)) = PROPERTIES.iter().find(|(known, _)| *known == name) {
            self.brackets(negated, content);
            return Ok(());
        }
        let name = match name.strip_prefix("Is") {
            Some(script_or_category) => script_or_category,
            None if name.len() <= 2 || name.contains('=') => name.as_str(),
            None => return self.problem(&format!("Unknown character property name {{{name}}}")),
        };
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '=') || name.is_empty() {
            return self.problem(&format!("Unknown character property name {{{name}}}"));
        }
        self.out.push_str(if negated { r"\P{" } else { r"\p{" });
        self.out.push_str(name);
        self.out.push('}');
        Ok(())
    }

    /// The one character that an escape stands for.
    fn character(&mut self, c: char) -> Translated<char> {
        Ok(match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'a' => '\u{7}',
            'e' => '\u{1b}',
            '0' => self.octal()?,
            'x' if self.take('{') => {
                let length = self.chars[self.at..].iter().position(|c| *c == '}');
                let Some(length) = length else {
                    return self.problem("Unclosed hexadecimal escape sequence");
                };
                let character = self.hexadecimal(length)?;
                self.at += 1;
                character
            }
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'c' => match self.next() {
                Some(control) => char::from_u32(u32::from(control) ^ 64).unwrap_or(control),
                None => return self.problem("Illegal control escape sequence"),
            },
            letter if letter.is_ascii_alphabetic() => {
                return self.problem(&format!("Illegal/unsupported escape sequence \\{letter}"));
            }
            other => other,
        })
    }

    fn hexadecimal(&mut self, length: usize) -> Translated<char> {
        let end = self.at + length;
        let digits: Option<String> = self.chars.get(self.at..end).map(|digits| digits.iter().collect());
        let all_hexadecimal = |digits: &String| digits.chars().all(|c| c.is_ascii_hexdigit());
        let code = digits
            .filter(all_hexadecimal)
            .and_then(|digits| u32::from_str_radix(&digits, 16).ok());
        self.at = end.min(self.chars.len());
        match code.and_then(char::from_u32) {
            Some(character) => Ok(character),
            None => self.problem("Illegal hexadecimal escape sequence"),
        }
    }

    /// `\0n`, `\0nn` or `\0mnn` with m up to 3.
    fn octal(&mut self) -> Translated<char> {
        let mut code = 0;
        let mut length = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) {
            if length == 3 || code * 8 + digit > 0o377 {
                break;
            }
            code = code * 8 + digit;
            length += 1;
            self.at += 1;
        }
        match char::from_u32(code) {
            Some(character) if length > 0 => Ok(character),
            _ => self.problem("Illegal octal escape sequence"),
        }
    }

    /// Brackets, after the opening one.
    fn class(&mut self) -> Translated<()> {
        self.out.push('[');
        if self.take('^') {
            self.out.push('^');
        }
        let mut is_empty = true;
        while let Some(c) = self.next() {
            match c {
                ']' if !is_empty => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' => self.class()?,
                '&' if self.take('&') => {
                    self.out.push_str("&&");
                    continue;
                }
                '\\' if self.take('Q') => {
                    self.quoted(true);
                }
                '\\' => {
                    let Some(escaped) = self.next() else { break };
                    if !self.predefined(escaped)? {
                        let from = self.character(escaped)?;
                        self.range(from)?;
                    }
                }
                from => self.range(from)?,
            }
            is_empty = false;
        }
        self.problem("Unclosed character class")
    }

    /// A character in brackets, or the range that it begins.
    fn range(&mut self, from: char) -> Translated<()> {
        self.class_literal(from);
        let begins_range = self.peek() == Some('-') && !matches!(self.chars.get(self.at + 1), None | Some(']' | '['));
        if !begins_range {
            return Ok(());
        }
        self.at += 1;
        let to = match self.next() {
            Some('\\') => match self.next() {
                Some(escaped) => self.character(escaped)?,
                None => return self.problem("Unclosed character class"),
            },
            Some(to) => to,
            None => return self.problem("Unclosed character class"),
        };
        if to < from {
            return self.problem("Illegal character range");
        }
        self.out.push('-');
        self.class_literal(to);
        Ok(())
    }

    fn class_literal(&mut self, c: char) {
        let is_plain = c.is_ascii_alphanumeric() || !c.is_ascii();
        match is_plain {
            true => self.out.push(c),
            false => self.out.push_str(&format!(r"\x{:02X}", u32::from(c))),
        }
    }
}
