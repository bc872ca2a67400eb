//! Requested plugin versions (KIP-891): a bare version is a hard requirement, `[1.0,2.0)` is a range in Maven's notation.

use std::cmp::Ordering;
use std::fmt;
use turnbuckle_api::{Error, ErrorKind, Result};

/// A union of intervals of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRange(Vec<Interval>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Interval {
    lower: Option<String>,
    lower_included: bool,
    upper: Option<String>,
    upper_included: bool,
}

impl VersionRange {
    /// What a configuration asks for; None for nothing in particular: no version or `latest`.
    ///
    /// # Errors
    /// `InvalidVersionSpecificationException` if the text is neither a version nor a range.
    pub fn of_request(requested: Option<&str>) -> Result<Option<Self>> {
        match requested {
            None | Some("latest") => Ok(None),
            Some(text) => Self::parse(text.trim()).map(Some),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        if !text.starts_with(['[', '(']) {
            return Ok(VersionRange(vec![Interval::exactly(text)]));
        }
        let mut intervals = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find([']', ')']).ok_or_else(|| invalid(text, "Unbounded range"))?;
            intervals.push(Interval::parse(text, &rest[..=end])?);
            rest = rest[end + 1..].trim_start_matches([',', ' ']);
            if !rest.is_empty() && !rest.starts_with(['[', '(']) {
                return Err(invalid(
                    text,
                    "Only fully-qualified sets allowed in multiple set scenario",
                ));
            }
        }
        Ok(VersionRange(intervals))
    }

    pub fn contains(&self, version: &str) -> bool {
        self.0.iter().any(|interval| interval.contains(version))
    }
}

fn invalid(text: &str, problem: &str) -> Error {
    let class = "org.apache.maven.artifact.versioning.InvalidVersionSpecificationException";
    Error::new(ErrorKind::Class(class), format!("{problem}: {text}"))
}

impl Interval {
    fn exactly(version: &str) -> Self {
        // Maven reads the empty version as no bound at all, and `[,]` then holds nothing.
        let bound = Some(version).filter(|version| !version.is_empty()).map(str::to_string);
        Interval {
            lower: bound.clone(),
            lower_included: true,
            upper: bound,
            upper_included: true,
        }
    }

    fn parse(whole: &str, text: &str) -> Result<Self> {
        let lower_included = text.starts_with('[');
        let upper_included = text.ends_with(']');
        let inner = text[1..text.len() - 1].trim();
        let Some((lower, upper)) = inner.split_once(',') else {
            if !lower_included || !upper_included {
                return Err(invalid(whole, "Single version must be surrounded by []"));
            }
            return Ok(Self::exactly(inner));
        };
        let bound = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_string);
        let (lower, upper) = (bound(lower), bound(upper));
        if let (Some(lower), Some(upper)) = (&lower, &upper)
            && compare(lower, upper) == Ordering::Greater
        {
            return Err(invalid(whole, "Range defies version ordering"));
        }
        Ok(Interval {
            lower,
            lower_included,
            upper,
            upper_included,
        })
    }

    fn contains(&self, version: &str) -> bool {
        if self.lower.is_none() && self.upper.is_none() && self.lower_included {
            return false;
        }
        let above = self.lower.as_deref().is_none_or(|lower| match compare(version, lower) {
            Ordering::Less => false,
            Ordering::Equal => self.lower_included,
            Ordering::Greater => true,
        });
        let below = self.upper.as_deref().is_none_or(|upper| match compare(version, upper) {
            Ordering::Greater => false,
            Ordering::Equal => self.upper_included,
            Ordering::Less => true,
        });
        above && below
    }
}

/// Order of versions: numbers by value, qualifiers before the release, other words after it.
fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (parts(left), parts(right));
    let longest = left.len().max(right.len());
    let empty = Part::Number(0);
    (0..longest)
        .map(|index| {
            left.get(index)
                .unwrap_or(&empty)
                .cmp(right.get(index).unwrap_or(&empty))
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Comes before the release: alpha, beta, milestone, rc, snapshot, by rank.
    Qualifier(usize),
    /// 0 is the release itself.
    Number(u64),
    Word(String),
}

fn parts(version: &str) -> Vec<Part> {
    const QUALIFIERS: [&str; 8] = ["alpha", "a", "beta", "b", "milestone", "rc", "cr", "snapshot"];
    let mut parts: Vec<Part> = version
        .to_ascii_lowercase()
        .split(['.', '-', '_', '+'])
        .map(|part| match part.parse() {
            Ok(number) => Part::Number(number),
            Err(_) => match QUALIFIERS
                .iter()
                .position(|qualifier| part.trim_end_matches(char::is_numeric) == *qualifier)
            {
                Some(rank) => Part::Qualifier(rank),
                None => Part::Word(part.to_string()),
            },
        })
        .collect();
    while parts.last() == Some(&Part::Number(0)) {
        parts.pop();
    }
    parts
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, interval) in self.0.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let open = if interval.lower_included { '[' } else { '(' };
            let close = if interval.upper_included { ']' } else { ')' };
            let (lower, upper) = (interval.lower.as_deref(), interval.upper.as_deref());
            write!(
                f,
                "{comma}{open}{},{}{close}",
                lower.unwrap_or_default(),
                upper.unwrap_or_default()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_versions() {
        let cases = [
            ("4.1.1", true, "[4.1.1,4.1.1]"),
            ("4.1", false, "[4.1,4.1]"),
            ("4.1.1.0", true, "[4.1.1.0,4.1.1.0]"),
            ("0.0.1", false, "[0.0.1,0.0.1]"),
            ("", false, "[,]"),
            ("[4.0,5)", true, "[4.0,5)"),
            ("[4.0,4.1.1)", false, "[4.0,4.1.1)"),
            ("(4.1.1,)", false, "(4.1.1,)"),
            ("[4.1.1-rc2,)", true, "[4.1.1-rc2,)"),
            ("(,4.1.1]", true, "(,4.1.1]"),
            ("[1,2],[4,)", true, "[1,2],[4,)"),
        ];
        for (text, holds, rendered) in cases {
            let range = VersionRange::of_request(Some(text)).unwrap().unwrap();
            assert_eq!(
                (range.contains("4.1.1"), range.to_string().as_str()),
                (holds, rendered),
                "{text}"
            );
        }
        assert_eq!(VersionRange::of_request(None).unwrap(), None);
        assert_eq!(VersionRange::of_request(Some("latest")).unwrap(), None);
    }

    #[test]
    fn malformed_ranges_are_refused() {
        for text in ["[1", "(1)", "[2,1]", "[1,2] x"] {
            assert!(VersionRange::of_request(Some(text)).is_err(), "{text}");
        }
    }
}
