//! Reads `arg.properties`: typed looks into the JSON object, with errors that name the place.

use super::{IntRange, Length, RUNTIME_EXCEPTION};
use crate::regex;
use serde_json::{Map, Value as Json};
use turnbuckle_api::{Error, Result};

pub(super) const ARG_PROPERTIES: &str = "arg.properties";

/// Longest text, bytes, array or map that may be asked for.
const MAX_LENGTH: i64 = 1_000_000;

/// The object of one type, or a part of it.
#[derive(Clone, Copy)]
pub(super) struct Properties<'a> {
    object: Option<&'a Map<String, Json>>,
    /// Where it stands: field names from the top, then the parts.
    place: &'a str,
    /// `arg.properties`, or the part's name.
    name: &'a str,
}

impl<'a> Properties<'a> {
    /// The `arg.properties` among a type's attributes.
    pub(super) fn of(attributes: &'a Map<String, Json>, place: &'a str) -> Result<Self> {
        let whole = Properties {
            object: Some(attributes),
            place,
            name: ARG_PROPERTIES,
        };
        Ok(whole
            .part(ARG_PROPERTIES)?
            .unwrap_or(Properties { object: None, ..whole }))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Json> {
        self.object?.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn place(&self) -> &'a str {
        self.place
    }

    /// An error at this place.
    pub(super) fn refuse(&self, problem: impl std::fmt::Display) -> Error {
        let Properties { place, name, .. } = self;
        Error::new(RUNTIME_EXCEPTION, format!("{name} property of {place}: {problem}"))
    }

    /// The object under `key`, if there is one.
    pub(super) fn part(&self, key: &'a str) -> Result<Option<Properties<'a>>> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(Properties {
                object: Some(object),
                place: self.place,
                name: key,
            })),
            Some(other) => Err(self.refuse(format!("'{key}' must be an object, not {other}"))),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.refuse(format!("'{key}' must be a string, not {other}"))),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(Json::Bool(value)) => Ok(Some(*value)),
            Some(other) => Err(self.refuse(format!("'{key}' must be true or false, not {other}"))),
        }
    }

    /// A whole number, written without point and exponent.
    pub(super) fn integral(&self, key: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(format!("'{key}' must be an integral number, not {value}"))),
        }
    }

    /// As [`Properties::integral`], for int types.
    pub(super) fn int(&self, key: &str) -> Result<Option<i64>> {
        let number = self.integral(key)?;
        match number {
            Some(number) if i32::try_from(number).is_err() => {
                Err(self.refuse(format!("'{key}' must be a valid int, not {number}")))
            }
            number => Ok(number),
        }
    }

    pub(super) fn decimal(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match value.as_f64().filter(|number| number.is_finite() && value.is_number()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.refuse(format!("'{key}' must be a number, not {value}"))),
        }
    }

    /// As [`Properties::decimal`], for float types.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>> {
        let number = self.decimal(key)?;
        match number {
            Some(number) if !(number as f32).is_finite() => {
                Err(self.refuse(format!("'{key}' must be a valid float, not {number}")))
            }
            number => Ok(number),
        }
    }

    /// `length`: a number, or an object with `min` (included) and `max` (not included). 8 to 16 if absent.
    pub(super) fn length(&self) -> Result<Length> {
        const KEY: &str = "length";
        let (min, max) = match self.get(KEY) {
            None => (8, 16),
            Some(Json::Number(_)) => {
                let exact = self.int(KEY)?.unwrap_or_default();
                if exact < 0 {
                    return Err(self.refuse(format!("'{KEY}' can't be negative: {exact}")));
                }
                (exact, exact + 1)
            }
            Some(Json::Object(_)) => {
                let bounds = self.part(KEY)?.unwrap_or(*self);
                let (min, max) = (bounds.int("min")?, bounds.int("max")?);
                if min.is_none() && max.is_none() {
                    return Err(bounds.refuse("must contain at least one of 'min' or 'max'"));
                }
                let min = min.unwrap_or(0);
                if min < 0 {
                    return Err(bounds.refuse(format!("'min' can't be negative: {min}")));
                }
                let max = max.ok_or_else(|| bounds.refuse("has no 'max', so values would have no bounds; give one"))?;
                if max <= min {
                    return Err(bounds.refuse("'max' must be strictly greater than 'min'"));
                }
                (min, max)
            }
            Some(other) => {
                return Err(self.refuse(format!("'{KEY}' must be an integral number or an object, not {other}")));
            }
        };
        if max - 1 > MAX_LENGTH {
            return Err(self.refuse(format!("'{KEY}' may not be more than {MAX_LENGTH}")));
        }
        Ok(Length {
            min: u32::try_from(min).unwrap_or(0),
            max: u32::try_from(max).unwrap_or(1),
        })
    }

    /// `range` of whole numbers from `least` to `most`.
    pub(super) fn int_range(&self, least: i64, most: i64) -> Result<Option<IntRange>> {
        let Some(range) = self.part("range")? else {
            return Ok(None);
        };
        let read = |key| {
            let number = range.integral(key)?;
            match number {
                Some(number) if number < least || number > most => {
                    Err(range.refuse(format!("'{key}' must be a number from {least} to {most}, not {number}")))
                }
                number => Ok(number),
            }
        };
        let (min, max) = (read("min")?.unwrap_or(least), read("max")?.unwrap_or(most));
        if min >= max {
            return Err(range.refuse("'min' must be strictly less than 'max'"));
        }
        Ok(Some(IntRange {
            min,
            span: (i128::from(max) - i128::from(min)) as f64,
        }))
    }

    /// `range` of decimal numbers within plus and minus `most`; ends are read by `read`.
    pub(super) fn decimal_range(
        &self,
        most: f64,
        read: fn(&Properties<'a>, &str) -> Result<Option<f64>>,
    ) -> Result<Option<(f64, f64)>> {
        let Some(range) = self.part("range")? else {
            return Ok(None);
        };
        let (min, max) = (
            read(&range, "min")?.unwrap_or(-most),
            read(&range, "max")?.unwrap_or(most),
        );
        if min >= max {
            return Err(range.refuse("'min' must be strictly less than 'max'"));
        }
        Ok(Some((min, max)))
    }

    /// `regex`, compiled.
    pub(super) fn pattern(&self) -> Result<Option<regex::Pattern>> {
        let Some(expression) = self.text("regex")? else {
            return Ok(None);
        };
        let refuse = |problem| self.refuse(format!("no texts can be made of the regex {expression}: {problem}"));
        regex::parse(expression).map(Some).map_err(refuse)
    }

    /// Refuses properties that contradict `given`.
    pub(super) fn exclude(&self, given: &str, others: &[&str]) -> Result<()> {
        match others.iter().find(|other| self.has(other)) {
            None => Ok(()),
            Some(other) => Err(self.refuse(format!("'{other}' can't be given together with '{given}'"))),
        }
    }
}
