//! Paths of requests: what Connect's server refuses to read, and how names get in and out of them.

use std::fmt::Write;

/// Why a path is not read at all; the server answers 400 with a page, before Connect sees the request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous(pub(super) &'static str);

/// Segments of a path, decoded, without matrix parameters; a slash at the end does not count.
///
/// # Errors
/// For paths that could be understood in two ways (encoded slashes, dots and percent signs, empty segments), that hold
/// encoded control characters, or whose encoding is broken.
pub(super) fn segments(path: &str) -> Result<Vec<String>, Ambiguous> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(Ambiguous("Bad URI"));
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return match path {
            "/" => Ok(Vec::new()),
            _ => Err(Ambiguous("Ambiguous URI empty segment")),
        };
    }
    let mut depth = 0i32;
    let mut segments = Vec::new();
    for raw in rest.split('/') {
        let name = raw.split(';').next().unwrap_or_default();
        if raw.is_empty() {
            return Err(Ambiguous("Ambiguous URI empty segment"));
        }
        depth += match name {
            "." => 0,
            ".." => -1,
            _ => 1,
        };
        if depth < 0 {
            return Err(Ambiguous("Bad URI"));
        }
        segments.push(decode_segment(name)?);
    }
    Ok(segments)
}

fn decode_segment(raw: &str) -> Result<String, Ambiguous> {
    let decoded = decode(raw, false).ok_or(Ambiguous("Bad URI encoding"))?;
    if raw.contains('%') {
        let hidden = raw.to_ascii_lowercase();
        if matches!(decoded.as_str(), "." | "..") {
            return Err(Ambiguous("Ambiguous URI path segment"));
        }
        if hidden.contains("%2f") {
            return Err(Ambiguous("Ambiguous URI path separator"));
        }
        if hidden.contains("%25") {
            return Err(Ambiguous("Ambiguous URI path encoding"));
        }
    }
    if decoded.chars().any(|c| c == '\\' || c.is_ascii_control()) {
        return Err(Ambiguous("Suspicious Path Character"));
    }
    Ok(decoded)
}

/// Percent-decoding; None if an escape is broken or the bytes are not UTF-8.
fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Parameters of a query, decoded, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: &str) -> Self {
        let decoded = |text: &str| decode(text, true).unwrap_or_else(|| text.to_string());
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        });
        Query(pairs.collect())
    }

    /// First value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A flag: `true` in any case is true, anything else false; None if it is not given.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|text| text.eq_ignore_ascii_case("true"))
    }
}

/// A name as part of a URL that this worker makes. Escapes that the name already holds stay; slashes separate.
///
/// # Errors
/// With the variable's name if the name holds a `{variable}`: the JVM worker takes it for a template and fails.
pub(super) fn encode(name: &str) -> Result<String, String> {
    if let Some(start) = name.find('{')
        && let Some(length) = name[start..].find('}')
    {
        return Err(name[start + 1..start + length].trim().to_string());
    }
    let mut encoded = String::with_capacity(name.len());
    for (index, c) in name.char_indices() {
        let is_escape = c == '%'
            && name
                .as_bytes()
                .get(index + 1..index + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        if is_escape || c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(c) {
            encoded.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_and_decoded() {
        let cases: [(&str, &[&str]); 8] = [
            ("/", &[]),
            ("/connectors/", &["connectors"]),
            ("/connectors/x/status;v=1", &["connectors", "x", "status"]),
            ("/connectors/x;v=1/config", &["connectors", "x", "config"]),
            ("/connectors/a%20b/%D0%B6", &["connectors", "a b", "ж"]),
            ("/connectors/a+b%2Bc", &["connectors", "a+b+c"]),
            ("/./connectors", &[".", "connectors"]),
            ("/connectors/a..b.", &["connectors", "a..b."]),
        ];
        for (path, expected) in cases {
            assert_eq!(segments(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        let paths = [
            "//connectors",
            "/connectors//status",
            "/connectors//",
            "/connectors/%2F/status",
            "/connectors/%2e%2e",
            "/connectors/.%2E",
            "/connectors/%2e",
            "/connectors/..%2f/status",
            "/connectors/a%5Cb",
            "/connectors/50%2525",
            "/connectors/a%0Ab",
            "/connectors/%zz",
            "/connectors/%+1",
            "/connectors/%C3",
            "/../connectors",
            "*",
        ];
        for path in paths {
            assert!(segments(path).is_err(), "{path}");
        }
    }

    #[test]
    fn queries_are_read() {
        let query = Query::parse("expand=info&expand=status&includeTasks=TRUE&onlyFailed&a%20b=c+d&&forward=1");
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["info", "status"]);
        assert_eq!(query.get("a b"), Some("c d"));
        let flags = ["includeTasks", "onlyFailed", "forward", "includetasks"].map(|name| query.flag(name));
        assert_eq!(flags, [Some(true), Some(false), Some(false), None]);
    }

    #[test]
    fn names_are_encoded_as_by_the_jvm_worker() {
        let cases = [
            ("with space", Ok("with%20space")),
            ("a+b&c=d;e,f", Ok("a+b&c=d;e,f")),
            ("50%25 off", Ok("50%25%20off")),
            ("100% sure", Ok("100%25%20sure")),
            ("a/b", Ok("a/b")),
            ("what?#x\\", Ok("what%3F%23x%5C")),
            ("жé", Ok("%D0%B6%C3%A9")),
            ("\"q\" [b] |e^`", Ok("%22q%22%20%5Bb%5D%20%7Ce%5E%60")),
            ("{c} <d>", Err("c")),
        ];
        for (name, expected) in cases {
            assert_eq!(
                encode(name),
                expected.map(str::to_string).map_err(str::to_string),
                "{name}"
            );
        }
    }
}
