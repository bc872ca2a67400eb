//! Reads a regular expression: literals, `.`, classes, groups, `|`, and the repetitions `?`, `*`, `+`, `{n}`, `{n,}`, `{n,m}`.
//! `^` and `$` at the ends say what is true of every match. What has no meaning for making texts (look-around,
//! back-references, flags) is refused by name.

use super::{Class, Node, Pattern};
use std::iter::Peekable;
use std::str::Chars;

/// Groups nested deeper than this are refused.
const MAX_DEPTH: usize = 64;
/// The largest number in braces.
const MAX_COUNT: u32 = 10_000;
/// The longest text that an expression may demand.
const MAX_SHORTEST: u32 = 1_000_000;
const PRINTABLE: (char, char) = (' ', '~');

/// Reads an expression.
///
/// # Errors
/// What is wrong, as the end of a sentence.
pub(crate) fn parse(expression: &str) -> Result<Pattern, String> {
    let mut parser = Parser {
        rest: expression.chars().peekable(),
        depth: 0,
    };
    let pattern = parser.choice()?;
    if parser.rest.peek().is_some() {
        return Err("a ')' closes no group".to_string());
    }
    if pattern.shortest() > MAX_SHORTEST {
        return Err(format!("its shortest match has more than {MAX_SHORTEST} characters"));
    }
    Ok(pattern)
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Parser<'_> {
    fn choice(&mut self) -> Result<Pattern, String> {
        let mut branches = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            branches.push(self.sequence()?);
        }
        let only = branches.len() == 1;
        Ok(match branches.pop() {
            Some(branch) if only => branch,
            last => {
                branches.extend(last);
                Pattern::new(Node::Choice(branches))
            }
        })
    }

    fn sequence(&mut self) -> Result<Pattern, String> {
        let mut parts: Vec<Pattern> = Vec::new();
        loop {
            let atom = match self.rest.peek() {
                None | Some('|' | ')') => break,
                Some('^' | '$') => {
                    self.rest.next();
                    continue;
                }
                Some(_) => self.atom()?,
            };
            let atom = self.repeated(atom)?;
            // Letters beside each other are one literal.
            match (parts.last_mut().map(|part| &mut part.node), &atom.node) {
                (Some(Node::Literal(text)), Node::Literal(more)) => {
                    text.push_str(more);
                    let joined = std::mem::take(text);
                    parts.pop();
                    parts.push(Pattern::new(Node::Literal(joined)));
                }
                _ => parts.push(atom),
            }
        }
        if parts.len() == 1
            && let Some(part) = parts.pop()
        {
            return Ok(part);
        }
        Ok(Pattern::sequence(parts))
    }

    fn atom(&mut self) -> Result<Pattern, String> {
        let node = match self.rest.next() {
            Some('(') => return self.group(),
            Some('[') => Node::Class(self.class()?),
            Some('.') => Node::Class(Class::new(vec![PRINTABLE])),
            Some('\\') => self.escape()?,
            Some(c @ ('*' | '+' | '?' | '{')) => return Err(format!("there is nothing that '{c}' could repeat")),
            Some(c) => Node::Literal(c.to_string()),
            None => return Err("it ends too early".to_string()),
        };
        Ok(Pattern::new(node))
    }

    fn group(&mut self) -> Result<Pattern, String> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next_if_eq(&':').is_none() {
            return Err("groups that begin with '(?' are not supported, except for '(?:'".to_string());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("groups are nested deeper than {MAX_DEPTH} levels"));
        }
        let inner = self.choice()?;
        self.depth -= 1;
        if self.rest.next() != Some(')') {
            return Err("a group is not closed".to_string());
        }
        Ok(inner)
    }

    fn escape(&mut self) -> Result<Node, String> {
        let escaped = self.rest.next().ok_or("it ends with a backslash")?;
        if let Some(ranges) = shorthand(escaped) {
            return Ok(Node::Class(Class::new(ranges)));
        }
        if escaped == 'Q' {
            return self.quoted();
        }
        literal_escape(escaped).map(|c| Node::Literal(c.to_string()))
    }

    /// `\Q…\E`.
    fn quoted(&mut self) -> Result<Node, String> {
        let mut text = String::new();
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            text.push(c);
        }
        Ok(Node::Literal(text))
    }

    fn class(&mut self) -> Result<Class, String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or("a '[' is not closed")?;
            if c == ']' && !first {
                break;
            }
            first = false;
            match c {
                '[' => return Err("a class inside a class is not supported; write '\\['".to_string()),
                '&' if self.rest.peek() == Some(&'&') => {
                    return Err("intersections of classes ('&&') are not supported".to_string());
                }
                _ => {}
            }
            let low = match self.class_member(c)? {
                Member::Ranges(more) => {
                    ranges.extend(more);
                    continue;
                }
                Member::Character(c) => c,
            };
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.peek().is_some_and(|next| *next != ']');
            if !is_range {
                ranges.push((low, low));
                continue;
            }
            self.rest.next();
            let next = self.rest.next().ok_or("a '[' is not closed")?;
            match self.class_member(next)? {
                Member::Character(high) if high >= low => ranges.push((low, high)),
                Member::Character(high) => return Err(format!("the range {low}-{high} is the wrong way round")),
                Member::Ranges(_) => return Err(format!("the range that begins with {low} has no last character")),
            }
        }
        let class = Class::new(if negated { complement(ranges) } else { ranges });
        if class.count == 0 {
            return Err("a class has no printable character".to_string());
        }
        Ok(class)
    }

    fn class_member(&mut self, c: char) -> Result<Member, String> {
        if c != '\\' {
            return Ok(Member::Character(c));
        }
        let escaped = self.rest.next().ok_or("it ends with a backslash")?;
        match shorthand(escaped) {
            Some(ranges) => Ok(Member::Ranges(ranges)),
            None => literal_escape(escaped).map(Member::Character),
        }
    }

    fn repeated(&mut self, mut pattern: Pattern) -> Result<Pattern, String> {
        loop {
            let (min, max) = match self.rest.peek() {
                Some('?') => (0, 1),
                Some('*') => (0, u32::MAX),
                Some('+') => (1, u32::MAX),
                Some('{') => {
                    self.rest.next();
                    let counts = self.counts()?;
                    pattern = repeat(pattern, counts);
                    continue;
                }
                _ => return Ok(pattern),
            };
            self.rest.next();
            pattern = repeat(pattern, (min, max));
        }
    }

    /// What stands between braces, with the closing one.
    fn counts(&mut self) -> Result<(u32, u32), String> {
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some(c) => text.push(c),
                None => return Err("a '{' is not closed".to_string()),
            }
        }
        let number = |text: &str| match text.trim().parse::<u32>() {
            Ok(number) if number <= MAX_COUNT => Ok(number),
            _ => Err(format!("{{{text}}} is no number of repetitions from 0 to {MAX_COUNT}")),
        };
        let (min, max) = match text.split_once(',') {
            None => {
                let count = number(&text)?;
                (count, count)
            }
            Some((min, "")) => (number(min)?, u32::MAX),
            Some((min, max)) => (number(min)?, number(max)?),
        };
        if min > max {
            return Err(format!("{{{text}}} is the wrong way round"));
        }
        Ok((min, max))
    }
}

enum Member {
    Character(char),
    Ranges(Vec<(char, char)>),
}

fn repeat(inner: Pattern, (min, max): (u32, u32)) -> Pattern {
    Pattern::new(Node::Repeat {
        inner: Box::new(inner),
        min,
        max,
    })
}

/// Classes with a letter for a name, of ASCII characters as in Java.
fn shorthand(letter: char) -> Option<Vec<(char, char)>> {
    let digits = vec![('0', '9')];
    let word = vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    let space = vec![(' ', ' '), ('\t', '\r')];
    Some(match letter {
        'd' => digits,
        'w' => word,
        's' => space,
        'D' => complement(digits),
        'W' => complement(word),
        'S' => complement(space),
        _ => return None,
    })
}

fn literal_escape(escaped: char) -> Result<char, String> {
    match escaped {
        't' => Ok('\t'),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        'f' => Ok('\u{c}'),
        c if c.is_ascii_alphanumeric() => Err(format!("'\\{c}' is not supported")),
        c => Ok(c),
    }
}

/// The printable ASCII characters outside of `ranges`.
fn complement(ranges: Vec<(char, char)>) -> Vec<(char, char)> {
    let holds = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
    (PRINTABLE.0..=PRINTABLE.1)
        .filter(|c| !holds(*c))
        .map(|c| (c, c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::java_random::JavaRandom;

    #[test]
    fn matches_are_made_of_what_is_allowed() {
        let mut random = JavaRandom::new(11);
        for (expression, allowed) in [
            (r"[A-Z]{2}\d{6}[A-Z]", "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"),
            (r"\[[0-9][0-9],[0-9][0-9]\]", "[]0123456789,"),
            (r"https://www[.]acme[.]com/[a-c]{5}", "https://w.acme.com/ab"),
            (r"^a\.b$", "a.b"),
            (r"(?:ab|c)+\\", "abc\\"),
            (r"\Q(x)*\E!", "(x)*!"),
            ("[]a-]{4}", "]a-"),
            (r"[^ -x]", "yz{|}~"),
            (
                r"[\w-]{9}",
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
            ),
            ("ä[ö-ü]", "äö÷øùúûü"),
        ] {
            let pattern = parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
            for _ in 0..100 {
                let mut text = String::new();
                pattern.append(0, 20, &mut random, &mut text);
                assert!(text.chars().all(|c| allowed.contains(c)), "{expression} gave {text}");
                assert!(!text.is_empty(), "{expression}");
            }
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (expression, reason) in [
            ("a(b", "not closed"),
            ("a)", "closes no group"),
            ("[a", "not closed"),
            ("[z-a]", "wrong way round"),
            ("a{3,2}", "wrong way round"),
            ("a{x}", "no number"),
            ("a{", "not closed"),
            ("a{99999}", "no number"),
            ("(a{10000}){10000}", "shortest match"),
            ("*a", "nothing that '*'"),
            ("(?=a)", "'(?'"),
            (r"(a)\1", r"'\1' is not supported"),
            (r"\p{Lu}", r"'\p' is not supported"),
            ("[a&&b]", "'&&'"),
            (r"[\w\W]{2}\", "backslash"),
            (r"[^\w\W]", "no printable"),
        ] {
            let error = parse(expression).unwrap_err();
            assert!(error.contains(reason), "{expression}: {error}");
        }
        assert!(parse(&"(".repeat(100)).unwrap_err().contains("nested deeper"));
    }
}
