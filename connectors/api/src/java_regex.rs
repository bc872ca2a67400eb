//! Regular expressions as `java.util.regex` reads them: look-around, back references, possessive quantifiers, Java's
//! character classes, and `$1` in replacements.
//!
//! A pattern is translated to the syntax of the `fancy-regex` crate ([`translate`]), which hands all parts that need no
//! backtracking to a linear-time engine.

mod replacement;
mod translate;

use crate::config::Validator;
use crate::error::{Error, ErrorKind, Result};
use fancy_regex::Regex;

/// `java.util.regex.PatternSyntaxException`.
const SYNTAX: ErrorKind = ErrorKind::Class("java.util.regex.PatternSyntaxException");

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct JavaRegex {
    text: String,
    /// Finds a match anywhere.
    part: Regex,
    /// Matches the text as a whole.
    whole: Regex,
}

impl JavaRegex {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// `PatternSyntaxException` if it is none, or uses what has no counterpart here; the message says which.
    pub fn new(text: &str) -> Result<Self> {
        let translated = translate::translate(text).map_err(|problem| Error::new(SYNTAX, problem))?;
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|error| Error::new(SYNTAX, format!("{} in {text}", one_line(&error))))
        };
        Ok(JavaRegex {
            text: text.to_string(),
            part: compile(&translated)?,
            whole: compile(&format!(r"\A(?:{translated})\z"))?,
        })
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Does the whole text match? (`Matcher.matches`)
    ///
    /// # Errors
    /// `ConnectException` if matching takes too many steps.
    pub fn matches(&self, text: &str) -> Result<bool> {
        self.whole.is_match(text).map_err(|error| self.gave_up(text, &error))
    }

    /// Is there a match anywhere? (`Matcher.find`)
    ///
    /// # Errors
    /// As [`JavaRegex::matches`].
    pub fn finds(&self, text: &str) -> Result<bool> {
        self.part.is_match(text).map_err(|error| self.gave_up(text, &error))
    }

    /// The text with its first match replaced, where `$1` and `${name}` stand for groups (`Matcher.replaceFirst`).
    ///
    /// # Errors
    /// As [`JavaRegex::matches`]; `IllegalArgumentException` or `IndexOutOfBoundsException` if there is a match and the
    /// replacement names no group of the pattern.
    pub fn replace_first(&self, text: &str, replacement: &str) -> Result<String> {
        let captures = self.part.captures(text).map_err(|error| self.gave_up(text, &error))?;
        let Some(captures) = captures else {
            return Ok(text.to_string());
        };
        let (start, end) = captures.get(0).map_or((0, 0), |found| (found.start(), found.end()));
        let mut out = String::with_capacity(text.len() + replacement.len());
        out.push_str(&text[..start]);
        replacement::append(&self.part, &captures, replacement, &mut out)?;
        out.push_str(&text[end..]);
        Ok(out)
    }

    fn gave_up(&self, text: &str, error: &fancy_regex::Error) -> Error {
        Error::connect(format!(
            "Matching '{text}' against the regular expression '{}' was given up: {error}; write it with fewer nested \
             repetitions",
            self.text
        ))
    }
}

/// Explanations of several lines draw the pattern and point into it; the last line names the problem.
fn one_line(error: &fancy_regex::Error) -> String {
    let explanation = error.to_string();
    let last = explanation.lines().last().unwrap_or_default().trim();
    last.trim_start_matches("error: ").to_string()
}

/// `RegexValidator`: text that is a regular expression; null is none.
pub fn regex_validator() -> Validator {
    Validator::new(|name, value| {
        let Some(text) = value.as_str() else {
            return Err(Error::invalid_config(name, value, "Invalid regex: there is none"));
        };
        JavaRegex::new(text).map(|_| ()).map_err(|error| {
            let problem = error.message().unwrap_or_default();
            Error::invalid_config(name, text, format!("Invalid regex: {problem}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        for (pattern, text, expected) in [
            ("orders", "orders", true),
            ("order", "orders", false),
            ("a|ab", "ab", true),
            (r"(?=.*x)(.*)", "axb", true),
            (r"(.*)(?<!_tmp)", "a_tmp", false),
            (r"(\w)\1", "aa", true),
            ("a{2,3}+", "aaa", true),
            ("a*+a", "aaa", false),
            ("(?i)PROD.*", "prod.x", true),
            (r"\Qa.b\E.c", "a.bxc", true),
            (r"\Qa.b\E.c", "axbxc", false),
            (r"\p{Lu}+", "ABC", true),
            (r"\p{Alpha}\p{Digit}\P{Punct}", "a1b", true),
            (r"\p{IsAlphabetic}+", "äb", true),
            (r"\p{javaLowerCase}+", "ab", true),
            (r"[a-z&&[^aeiou]]+", "bcd", true),
            (r"[a-z&&[^aeiou]]+", "bad", false),
            (r"[\w.-]+", "a-b.c_d", true),
            (r"[+--]+", "+,-", true),
            (r"[a~~b]", "~", true),
            (r"[]a]+", "]a", true),
            (r"\d+", "٣", false),
            (r"\x41\u0042\x{43}\0104\cA", "ABCD\u{1}", true),
            (r"a\-b\_c\<d\>", "a-b_c<d>", true),
            ("a}b]", "a}b]", true),
            (r"\h\v\R", " \n\r\n", true),
            ("", "", true),
            (r"(?<year>\d{4})-\k<year>", "2024-2024", true),
        ] {
            let regex = JavaRegex::new(pattern).unwrap();
            assert_eq!(regex.matches(text).unwrap(), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn the_first_match_is_replaced() {
        for (pattern, text, replacement, expected) in [
            ("(.*)", "orders", "new-$1", Ok("new-orders")),
            ("(.)(.*)", "orders", "$2$1", Ok("rderso")),
            ("(?<a>[a-z]+)s", "orders", "${a}", Ok("order")),
            ("(.*)", "orders", "$11", Ok("orders1")),
            ("orders", "orders", r"\$1", Ok("$1")),
            ("orders", "orders", r"a\\b", Ok(r"a\b")),
            ("a|ab", "ab", "x", Ok("xb")),
            ("(a)|b", "b", "<$1>", Ok("<>")),
            ("x", "orders", "$9", Ok("orders")),
            ("orders", "orders", "$1", Err("No group 1")),
            ("orders", "orders", "${x}", Err("No group with name {x}")),
            (
                "orders",
                "orders",
                "${1x}",
                Err("capturing group name {1x} starts with digit character"),
            ),
            (
                "orders",
                "orders",
                "${x",
                Err("named capturing group is missing trailing '}'"),
            ),
            (
                "orders",
                "orders",
                "$",
                Err("Illegal group reference: group index is missing"),
            ),
            ("orders", "orders", "$x", Err("Illegal group reference")),
            ("orders", "orders", r"x\", Err("character to be escaped is missing")),
        ] {
            let replaced = JavaRegex::new(pattern).unwrap().replace_first(text, replacement);
            match (expected, replaced) {
                (Ok(expected), replaced) => assert_eq!(replaced.unwrap(), expected, "{pattern} {replacement}"),
                (Err(expected), replaced) => assert_eq!(replaced.unwrap_err().message(), Some(expected)),
            }
        }
    }

    #[test]
    fn what_java_refuses_is_refused() {
        for pattern in [
            "(a",
            "a)",
            "*a",
            "a**",
            "[a",
            r"\y",
            "{2}",
            "a{x}",
            "a{,3}",
            r"\",
            r"\p{Nope}",
            r"\p{L",
            "(?<1a>x)",
            "[z-a]",
            r"\x{}",
            r"\c",
            "(?q)",
            r"\u00",
        ] {
            assert!(JavaRegex::new(pattern).is_err(), "{pattern}");
        }
    }
}
