//! Text to typed values (`Values.parseString`).
//!
//! A text that is no literal, number, temporal value, array or map is a string, whole and unchanged. Inside containers
//! strings are quoted, and whatever does not fit makes the container as a whole a string.

use super::merge::{Common, align};
use super::temporal::{self, decimal_digit, is_blank};
use super::tokens::{Tokens, trim};
use crate::entries::Entries;
use jiff::tz::TimeZone;
use num_traits::ToPrimitive;
use std::borrow::Cow;
use turnbuckle_api::{Decimal, Error, ErrorKind, Result, Schema, SchemaAndValue, SchemaBuilder, Type, Value};

/// Containers may be nested this deep; the JVM's limit is its stack.
pub const MAX_DEPTH: usize = 1000;

/// Guesses the value that a text stands for. None for the text `null`, which has neither schema nor value.
///
/// # Errors
/// `StackOverflowError`, as it is in a JVM, if containers are nested deeper than [`MAX_DEPTH`].
pub fn parse_string(text: &str, zone: &TimeZone) -> Result<Option<SchemaAndValue>> {
    if text.is_empty() {
        return Ok(Some(string(text)));
    }
    let mut parser = Parser {
        tokens: Tokens::new(text),
        zone,
    };
    match parser.parse(None) {
        Ok(parsed) => Ok(parsed),
        // A top-level value always is a string at least.
        Err(Refusal::NoValue) => Ok(Some(string(text))),
        Err(Refusal::TooDeep) => {
            let text = format!("text nested deeper than {MAX_DEPTH} containers");
            Err(Error::new(ErrorKind::Class("java.lang.StackOverflowError"), text))
        }
    }
}

/// Why there is no value.
enum Refusal {
    NoValue,
    TooDeep,
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    zone: &'a TimeZone,
}

fn string(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::primitive(Type::String, false), Value::text(text))
}

fn primitive(kind: Type, value: Value) -> SchemaAndValue {
    SchemaAndValue::new(Schema::primitive(kind, false), value)
}

impl Parser<'_> {
    /// Parses one value; `depth` is the number of containers around it, None at the top level. None for null.
    fn parse(&mut self, depth: Option<usize>) -> Result<Option<SchemaAndValue>, Refusal> {
        let embedded = depth.is_some();
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if embedded && self.tokens.take("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.literal("null", embedded) {
            return Ok(None);
        }
        for (text, value) in [("true", true), ("false", false)] {
            if self.literal(text, embedded) {
                return Ok(Some(primitive(Type::Boolean, Value::Boolean(value))));
            }
        }
        let start = self.tokens.mark();
        let depth = depth.map_or(0, |depth| depth + 1);
        if depth > MAX_DEPTH {
            return Err(Refusal::TooDeep);
        }
        let container = if self.tokens.take("[") {
            self.array(depth)
        } else if self.tokens.take("{") {
            self.map(depth)
        } else {
            return self.single_token(embedded).map(Some);
        };
        match container {
            Ok(parsed) => Ok(Some(parsed)),
            Err(Refusal::NoValue) => {
                self.tokens.rewind(start);
                self.single_token(embedded).map(Some)
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// Takes a literal. At the top level it must be the whole text.
    fn literal(&mut self, expected: &str, embedded: bool) -> bool {
        let start = self.tokens.mark();
        if self.tokens.take(expected) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind(start);
        false
    }

    /// What follows a quotation mark, to the next one. Backslashes stay; blanks between two delimiters do not.
    fn quoted(&mut self) -> SchemaAndValue {
        let mut content = String::new();
        while self.tokens.has_next() && !self.tokens.take("\"") {
            content.push_str(self.tokens.next());
        }
        temporal::parse(&content, self.zone).unwrap_or_else(|| string(&content))
    }

    fn array(&mut self, depth: usize) -> Result<SchemaAndValue, Refusal> {
        let mut items = Vec::new();
        let mut common = Common::default();
        while self.tokens.has_next() {
            if self.tokens.take("]") {
                return array_value(common, items);
            }
            if self.tokens.take(",") {
                return Err(Refusal::NoValue);
            }
            let item = self.parse(Some(depth))?;
            common.add(item.as_ref());
            items.push(item.map_or(Value::Null, |item| item.value));
            let after = self.tokens.mark();
            if self.tokens.take("]") {
                self.tokens.rewind(after);
            } else if !self.tokens.take(",") {
                return Err(Refusal::NoValue);
            }
        }
        Err(Refusal::NoValue)
    }

    fn map(&mut self, depth: usize) -> Result<SchemaAndValue, Refusal> {
        let mut entries = Entries::default();
        let (mut keys, mut values) = (Common::default(), Common::default());
        while self.tokens.has_next() {
            if self.tokens.take("}") {
                return map_value(keys, values, entries.into_list());
            }
            if self.tokens.take(",") {
                return Err(Refusal::NoValue);
            }
            let key = self.parse(Some(depth))?.ok_or(Refusal::NoValue)?;
            if !self.tokens.take(":") {
                return Err(Refusal::NoValue);
            }
            let value = self.parse(Some(depth))?;
            self.tokens.take(",");
            keys.add(Some(&key));
            values.add(value.as_ref());
            entries.put(key.value, value.map_or(Value::Null, |value| value.value));
        }
        Err(Refusal::NoValue)
    }

    /// A temporal value, a number or text.
    fn single_token(&mut self, embedded: bool) -> Result<SchemaAndValue, Refusal> {
        let token = self.tokens.next();
        if is_blank(token) {
            return Ok(string(token));
        }
        let token = trim(token);
        let first = token.chars().next().unwrap_or_default();
        let starts_with_digit = decimal_digit(first).is_some();
        if starts_with_digit {
            // Colons split times and timestamps into five tokens.
            let after = self.tokens.mark();
            if let Some(rest) = self.tokens.next_joined(4)
                && let Some(parsed) = temporal::parse(&format!("{token}{rest}"), self.zone)
            {
                return Ok(parsed);
            }
            self.tokens.rewind(after);
            if let Some(parsed) = temporal::parse(token, self.zone) {
                return Ok(parsed);
            }
        }
        if (starts_with_digit || matches!(first, '+' | '-'))
            && let Some(parsed) = number(token)
        {
            return Ok(parsed);
        }
        if embedded {
            return Err(Refusal::NoValue);
        }
        Ok(string(self.tokens.text()))
    }
}

/// The smallest type that holds the number: integers if it is whole, else floating point, else a decimal.
fn number(token: &str) -> Option<SchemaAndValue> {
    let token: Cow<'_, str> = if token.is_ascii() {
        token.into()
    } else {
        let ascii = |c| decimal_digit(c).map_or(c, |digit| char::from(b'0' + digit));
        token.chars().map(ascii).collect::<String>().into()
    };
    let decimal: Decimal = token.parse().ok()?;
    if let Some(whole) = whole_i64(&decimal) {
        return Some(integer(whole));
    }
    let scale = decimal.scale();
    if scale != 0 {
        let narrow: f32 = token.parse().ok()?;
        if narrow.is_finite() {
            return Some(primitive(Type::Float32, Value::Float32(narrow)));
        }
        let wide: f64 = token.parse().ok()?;
        if wide.is_finite() {
            return Some(primitive(Type::Float64, Value::Float64(wide)));
        }
    }
    Some(SchemaAndValue::new(
        Schema::decimal(scale).finish(),
        Value::Decimal(decimal),
    ))
}

/// The number if it is whole and fits 64 bits. Looks at the digits first, so that a huge exponent costs nothing.
fn whole_i64(decimal: &Decimal) -> Option<i64> {
    if decimal.unscaled_i64() == Some(0) {
        return Some(0);
    }
    let whole_digits = i64::from(decimal.precision()) - i64::from(decimal.scale());
    if !(1..=19).contains(&whole_digits) {
        return None;
    }
    decimal.rescale(0)?.unscaled().to_i64()
}

fn integer(value: i64) -> SchemaAndValue {
    if let Ok(value) = i8::try_from(value) {
        return primitive(Type::Int8, Value::Int8(value));
    }
    if let Ok(value) = i16::try_from(value) {
        return primitive(Type::Int16, Value::Int16(value));
    }
    match i32::try_from(value) {
        Ok(value) => primitive(Type::Int32, Value::Int32(value)),
        Err(_) => primitive(Type::Int64, Value::Int64(value)),
    }
}

fn array_value(common: Common, items: Vec<Value>) -> Result<SchemaAndValue, Refusal> {
    let schema = common.into_schema();
    let items = match &schema {
        None => items,
        Some(schema) => {
            let aligned: Option<Vec<Value>> = items.into_iter().map(|item| align(schema, item)).collect();
            aligned.ok_or(Refusal::NoValue)?
        }
    };
    Ok(SchemaAndValue::new(
        SchemaBuilder::array(schema).finish(),
        Value::Array(items),
    ))
}

fn map_value(keys: Common, values: Common, entries: Vec<(Value, Value)>) -> Result<SchemaAndValue, Refusal> {
    let Some(key_schema) = keys.into_schema() else {
        return Ok(SchemaAndValue::new(
            SchemaBuilder::map(None, None).finish(),
            Value::Map(entries),
        ));
    };
    let value_schema = values.into_schema();
    let mut aligned = Entries::default();
    for (key, value) in entries {
        let key = align(&key_schema, key).ok_or(Refusal::NoValue)?;
        let value = match &value_schema {
            Some(schema) => align(schema, value).ok_or(Refusal::NoValue)?,
            None => value,
        };
        aligned.put(key, value);
    }
    let schema = SchemaBuilder::map(Some(key_schema), value_schema).finish();
    Ok(SchemaAndValue::new(schema, Value::Map(aligned.into_list())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Option<SchemaAndValue> {
        parse_string(text, &TimeZone::UTC).unwrap()
    }

    #[test]
    fn the_smallest_number_type_is_chosen() {
        for (text, value) in [
            ("1.0", Value::Int8(1)),
            ("+5", Value::Int8(5)),
            ("128", Value::Int16(128)),
            ("1e10", Value::Int64(10_000_000_000)),
            ("0e999999999", Value::Int8(0)),
            ("0.1", Value::Float32(0.1)),
            ("1e40", Value::Float64(1e40)),
            ("1e400", Value::Decimal(Decimal::new(1, -400))),
            ("1e999999999", Value::Decimal(Decimal::new(1, -999_999_999))),
            ("1e-999999999", Value::Float32(0.0)),
            ("1e9999999999", Value::text("1e9999999999")),
            ("1,2", Value::Int8(1)),
            ("1x", Value::text("1x")),
        ] {
            assert_eq!(parse(text).unwrap().value, value, "{text}");
        }
        assert_eq!(parse(" null "), None);
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(parse_string(&"[".repeat(100_000), &TimeZone::UTC).is_err());
        let text = format!("{}1{}", "[".repeat(900), "]".repeat(900));
        assert!(matches!(parse(&text).unwrap().value, Value::Array(_)));
    }

    proptest! {
        #[test]
        fn any_text_gives_some_value(text in "[-+0-9a-z :,{}\\[\\]\"\\\\.TZé]{0,40}") {
            let _ = parse_string(&text, &TimeZone::UTC);
        }

        #[test]
        fn containers_of_text_survive_both_ways(words in proptest::collection::vec("[a-z,:]{0,9}", 1..5)) {
            let value = Value::Array(words.iter().map(|word| Value::text(word.as_str())).collect());
            let mut text = String::new();
            super::super::append_text(&value, &TimeZone::UTC, &mut text);
            prop_assert_eq!(parse(&text).unwrap().value, value);
        }
    }
}
