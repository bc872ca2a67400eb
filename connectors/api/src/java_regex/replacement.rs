//! Replacement text: `$1`, `${name}` and backslashes (`Matcher.appendReplacement`).

use crate::error::{Error, ErrorKind, Result};
use fancy_regex::{Captures, Regex};

fn illegal(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::IllegalArgument, message)
}

/// Appends the replacement for one match.
pub(super) fn append(regex: &Regex, captures: &Captures<'_, str>, replacement: &str, out: &mut String) -> Result<()> {
    let mut rest = replacement;
    while let Some(at) = rest.find(['\\', '$']) {
        out.push_str(&rest[..at]);
        let is_escape = rest[at..].starts_with('\\');
        rest = &rest[at + 1..];
        if is_escape {
            let escaped = rest.chars().next();
            let escaped = escaped.ok_or_else(|| illegal("character to be escaped is missing"))?;
            out.push(escaped);
            rest = &rest[escaped.len_utf8()..];
            continue;
        }
        let (group, after) = match rest.strip_prefix('{') {
            Some(named) => group_by_name(regex, named)?,
            None => group_by_number(captures.len(), rest)?,
        };
        if let Some(found) = captures.get(group) {
            out.push_str(found.as_str());
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(())
}

/// Reads `name}`; gives the group's number and what follows.
fn group_by_name<'a>(regex: &Regex, text: &'a str) -> Result<(usize, &'a str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    let after = match after.strip_prefix('}') {
        Some(after) if !name.is_empty() => after,
        _ => return Err(illegal("named capturing group is missing trailing '}'")),
    };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(illegal(format!(
            "capturing group name {{{name}}} starts with digit character"
        )));
    }
    let number = regex.capture_names().position(|known| known == Some(name));
    let number = number.ok_or_else(|| illegal(format!("No group with name {{{name}}}")))?;
    Ok((number, after))
}

/// Reads digits as long as they name a group; the first always counts.
fn group_by_number(groups: usize, text: &str) -> Result<(usize, &str)> {
    let mut digits = text.bytes();
    let first = digits
        .next()
        .ok_or_else(|| illegal("Illegal group reference: group index is missing"))?;
    if !first.is_ascii_digit() {
        return Err(illegal("Illegal group reference"));
    }
    let mut number = usize::from(first - b'0');
    let mut length = 1;
    for digit in digits.take_while(u8::is_ascii_digit) {
        let longer = number.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        if longer >= groups {
            break;
        }
        number = longer;
        length += 1;
    }
    if number >= groups {
        let class = ErrorKind::Class("java.lang.IndexOutOfBoundsException");
        return Err(Error::new(class, format!("No group {number}")));
    }
    Ok((number, &text[length..]))
}
