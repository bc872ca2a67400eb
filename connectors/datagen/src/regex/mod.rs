//! Texts that match a regular expression: [`parse`] reads the expression once, [`Pattern::append`] draws a match.
//!
//! A match is drawn to a wanted length: each part gets the share of the length that the parts after it leave possible. Where
//! the expression allows no such length, one near it is taken.

mod parse;

use crate::java_random::JavaRandom;
pub(crate) use parse::parse;

/// A repetition without an upper bound goes this far beyond its lower one, unless more is wanted.
const OPEN_END: u32 = 16;

/// A compiled expression.
#[derive(Debug, PartialEq)]
pub(crate) struct Pattern {
    node: Node,
    /// Shortest and longest match in characters.
    bounds: Bounds,
}

/// Fewest and most characters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bounds {
    min: u32,
    /// `u32::MAX` for no bound.
    max: u32,
}

#[derive(Debug, PartialEq)]
enum Node {
    Literal(String),
    Class(Class),
    /// Parts, each with the bounds of all that follow it.
    Sequence(Vec<(Pattern, Bounds)>),
    Choice(Vec<Pattern>),
    Repeat {
        inner: Box<Pattern>,
        min: u32,
        max: u32,
    },
}

/// Characters to choose from.
#[derive(Debug, PartialEq)]
struct Class {
    ranges: Vec<(char, char)>,
    count: u32,
}

impl Class {
    /// Ranges as given; those that overlap count once. Empty if there are none.
    fn new(mut ranges: Vec<(char, char)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(char, char)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1 => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        let count = merged
            .iter()
            .map(|(low, high)| u32::from(*high) - u32::from(*low) + 1)
            .sum();
        Class { ranges: merged, count }
    }

    fn draw(&self, random: &mut JavaRandom) -> char {
        let mut left = random.below(self.count);
        for (low, high) in &self.ranges {
            let size = u32::from(*high) - u32::from(*low) + 1;
            if left < size {
                // A range that spans the surrogates has numbers that are no characters.
                return char::from_u32(u32::from(*low) + left).unwrap_or(*low);
            }
            left -= size;
        }
        '?'
    }
}

impl Pattern {
    fn new(node: Node) -> Self {
        let bounds = match &node {
            Node::Literal(text) => exactly(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)),
            Node::Class(_) => exactly(1),
            Node::Sequence(parts) => parts
                .first()
                .map_or(exactly(0), |(first, rest)| first.bounds.plus(*rest)),
            Node::Choice(branches) => Bounds {
                min: branches.iter().map(|branch| branch.bounds.min).min().unwrap_or(0),
                max: branches.iter().map(|branch| branch.bounds.max).max().unwrap_or(0),
            },
            Node::Repeat { inner, min, max } => Bounds {
                min: inner.bounds.min.saturating_mul(*min),
                max: inner.bounds.max.saturating_mul(*max),
            },
        };
        Pattern { node, bounds }
    }

    fn sequence(parts: Vec<Pattern>) -> Self {
        let mut rest = exactly(0);
        let mut with_rest: Vec<(Pattern, Bounds)> = Vec::with_capacity(parts.len());
        for part in parts.into_iter().rev() {
            let bounds = part.bounds;
            with_rest.push((part, rest));
            rest = bounds.plus(rest);
        }
        with_rest.reverse();
        Self::new(Node::Sequence(with_rest))
    }

    /// Characters of the shortest match.
    pub(crate) fn shortest(&self) -> u32 {
        self.bounds.min
    }

    /// Appends a match of `min` to `max` characters, or of the nearest length that there is.
    pub(crate) fn append(&self, min: u32, max: u32, random: &mut JavaRandom, out: &mut String) {
        self.draw(Bounds { min, max }, random, out);
    }

    /// Appends a match and says how many characters it has.
    fn draw(&self, wanted: Bounds, random: &mut JavaRandom, out: &mut String) -> u32 {
        let wanted = self.bounds.nearest(wanted);
        if wanted.max == 0 {
            return 0;
        }
        match &self.node {
            Node::Literal(text) => {
                out.push_str(text);
                self.bounds.min
            }
            Node::Class(class) => {
                out.push(class.draw(random));
                1
            }
            Node::Sequence(parts) => {
                let mut drawn = 0;
                for (part, rest) in parts {
                    drawn += part.draw(wanted.left(drawn).beside(*rest), random, out);
                }
                drawn
            }
            Node::Choice(branches) => {
                let fits = |branch: &&Pattern| branch.bounds.min <= wanted.max && branch.bounds.max >= wanted.min;
                let fitting = branches.iter().filter(fits).count();
                let chosen = match fitting {
                    0 => branches.get(random.index(branches.len())),
                    count => branches.iter().filter(fits).nth(random.index(count)),
                };
                chosen.map_or(0, |branch| branch.draw(wanted, random, out))
            }
            Node::Repeat { inner, min, max } => {
                let count = repetitions(inner.bounds, *min, *max, wanted, random);
                let mut drawn = 0;
                for done in 0..count {
                    let rest = inner.bounds.times(count - done - 1);
                    drawn += inner.draw(wanted.left(drawn).beside(rest), random, out);
                }
                drawn
            }
        }
    }
}

/// How often a repetition of `min` to `max` runs to reach the wanted length.
fn repetitions(each: Bounds, min: u32, max: u32, wanted: Bounds, random: &mut JavaRandom) -> u32 {
    let fewest = match each.max {
        0 => min,
        longest => min.max(wanted.min.div_ceil(longest)),
    };
    let most = match each.min {
        0 => fewest.saturating_add(OPEN_END),
        shortest => wanted.max / shortest,
    };
    let (fewest, most) = (fewest.min(max), most.min(max));
    match most.checked_sub(fewest) {
        Some(more) if more > 0 => fewest + random.below(more.saturating_add(1)),
        _ => fewest,
    }
}

fn exactly(length: u32) -> Bounds {
    Bounds {
        min: length,
        max: length,
    }
}

impl Bounds {
    /// `wanted` cut to what these bounds allow.
    fn nearest(self, wanted: Bounds) -> Bounds {
        let min = wanted.min.clamp(self.min, self.max);
        Bounds {
            min,
            max: wanted.max.clamp(min, self.max),
        }
    }

    fn plus(self, other: Bounds) -> Bounds {
        Bounds {
            min: self.min.saturating_add(other.min),
            max: self.max.saturating_add(other.max),
        }
    }

    fn times(self, count: u32) -> Bounds {
        Bounds {
            min: self.min.saturating_mul(count),
            max: self.max.saturating_mul(count),
        }
    }

    /// What is still wanted after `drawn` characters.
    fn left(self, drawn: u32) -> Bounds {
        Bounds {
            min: self.min.saturating_sub(drawn),
            max: self.max.saturating_sub(drawn),
        }
    }

    /// What one part may have so that `rest` can make up the other part of the wanted length.
    fn beside(self, rest: Bounds) -> Bounds {
        Bounds {
            min: self.min.saturating_sub(rest.max),
            max: self.max.saturating_sub(rest.min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_have_the_wanted_length_where_there_is_one() {
        let mut random = JavaRandom::new(3);
        for (expression, min, max, lengths) in [
            ("User_[1-9]", 8, 15, 6..=6),
            ("Item_[1-9][0-9]{0,2}", 8, 15, 8..=8),
            ("City_[1-9]{0,2}", 1, 6, 5..=6),
            ("[a-z]*", 8, 15, 8..=15),
            ("[a-z]*", 200, 200, 200..=200),
            ("[a-z]*x", 8, 15, 8..=15),
            ("((a*)*)*b?", 8, 15, 8..=15),
            ("((a{0}){10000}){10000}b", 8, 15, 1..=1),
            ("([ab]{2}-)+x", 8, 15, 10..=13),
            ("(a|bb|ccc)(d|eeeee)", 8, 8, 8..=8),
            ("(a?)*", 0, 3, 0..=3),
            ("(|a)b", 0, 0, 1..=1),
            ("[a-f]{3,}", 0, 0, 3..=3),
        ] {
            let pattern = parse(expression).unwrap();
            for _ in 0..200 {
                let mut text = String::new();
                pattern.append(min, max, &mut random, &mut text);
                assert!(lengths.contains(&text.chars().count()), "{expression} gave {text}");
            }
        }
    }

    #[test]
    fn every_match_occurs() {
        let mut random = JavaRandom::new(5);
        let pattern = parse("[a-c](x|yy)?").unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let mut text = String::new();
            pattern.append(0, 15, &mut random, &mut text);
            seen.insert(text);
        }
        let expected = ["a", "ax", "ayy", "b", "bx", "byy", "c", "cx", "cyy"];
        assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}
