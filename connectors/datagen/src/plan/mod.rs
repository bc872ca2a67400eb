//! How values of a schema are made: [`compile`] turns an Avro schema and its `arg.properties` into steps once, [`Generator`]
//! runs them for each record.
//!
//! Steps draw random numbers in the order in which the Avro random generator of the Java connector does, so that equal seeds
//! give equal values; texts of regular expressions are the exception.

mod compile;
mod properties;

use crate::iteration::Iteration;
use crate::java_random::JavaRandom;
use crate::regex::Pattern;
use bytes::Bytes;
pub(crate) use compile::{compile, field_schema};
use num_bigint::BigInt;
use turnbuckle_api::data::SchemaRef;
use turnbuckle_api::{Decimal, Error, ErrorKind, Result, Struct, Text, Value};
use turnbuckle_converters::avro::model::{LogicalShape, to_logical};

/// What the Java generator throws for all it can't do.
pub(crate) const RUNTIME_EXCEPTION: ErrorKind = ErrorKind::Class("java.lang.RuntimeException");

/// Records inside records deeper than this are refused: a type that contains itself may ask for them without end.
const MAX_DEPTH: usize = 128;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Of the whole.
    schema: SchemaRef,
    records: Vec<RecordPlan>,
    /// Makes the whole; a record.
    root: Step,
    /// Counters as they start.
    iterations: Vec<Iteration>,
}

#[derive(Debug)]
struct RecordPlan {
    schema: SchemaRef,
    fields: Vec<Step>,
}

/// Makes one value.
#[derive(Debug)]
enum Step {
    Null,
    Boolean,
    /// True with this probability.
    Odds(f64),
    Int,
    IntRange(IntRange),
    Long,
    LongRange(IntRange),
    Float,
    FloatRange {
        min: f32,
        max: f32,
    },
    Double,
    DoubleRange {
        min: f64,
        max: f64,
    },
    /// One of these.
    Options(Box<[Value]>),
    Iteration {
        counter: usize,
        kind: Counted,
    },
    Text(TextStep),
    Bytes(Length),
    Fixed(usize),
    /// Any decimal of this many digits.
    Decimal {
        precision: u32,
        scale: i32,
    },
    /// A decimal whose unscaled value lies in a range.
    DecimalRange {
        range: IntRange,
        scale: i32,
    },
    Array {
        length: Length,
        item: Box<Step>,
    },
    Map {
        length: Length,
        keys: Keys,
        value: Box<Step>,
    },
    Record(usize),
    /// One of these types.
    Union(Box<[Step]>),
    /// One type of a union that Connect sees as a struct.
    Member {
        schema: SchemaRef,
        field: usize,
        step: Box<Step>,
    },
    /// A narrower integer (`connect.type`).
    Narrow {
        to: Narrow,
        step: Box<Step>,
    },
    /// A logical type over what the step makes.
    Logical {
        shape: LogicalShape,
        step: Box<Step>,
    },
}

#[derive(Clone, Copy, Debug)]
enum Narrow {
    Int8,
    Int16,
}

/// What a counter's number becomes.
#[derive(Debug)]
enum Counted {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text { prefix: String, suffix: String },
}

/// From `min` to below `min + span`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct IntRange {
    min: i64,
    span: f64,
}

impl IntRange {
    fn draw(self, random: &mut JavaRandom) -> i64 {
        let offset = (random.next_double() * self.span) as u64;
        self.min.wrapping_add_unsigned(offset)
    }
}

/// From `min` to `max`, which does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Length {
    min: u32,
    max: u32,
}

impl Length {
    fn draw(self, random: &mut JavaRandom) -> usize {
        (self.min + random.below(self.max - self.min)) as usize
    }
}

#[derive(Debug)]
struct TextStep {
    prefix: String,
    suffix: String,
    length: Length,
    /// Any ASCII characters without.
    pattern: Option<Pattern>,
}

impl TextStep {
    fn draw(&self, random: &mut JavaRandom) -> Text {
        let expected = match &self.pattern {
            Some(pattern) => (pattern.shortest().max(self.length.min)) as usize,
            None => self.length.max as usize,
        };
        let mut text = String::with_capacity(self.prefix.len() + expected + self.suffix.len());
        text.push_str(&self.prefix);
        match &self.pattern {
            Some(pattern) => pattern.append(self.length.min, self.length.max - 1, random, &mut text),
            None => {
                for _ in 0..self.length.draw(random) {
                    text.push(char::from(random.below(128) as u8));
                }
            }
        }
        text.push_str(&self.suffix);
        Text::from(text)
    }
}

/// How a map's keys are made.
#[derive(Debug)]
enum Keys {
    Options(Box<[Value]>),
    Text(TextStep),
}

/// Runs a plan.
#[derive(Debug)]
pub(crate) struct Generator {
    schema: SchemaRef,
    records: Vec<RecordPlan>,
    root: Step,
    state: State,
}

#[derive(Debug)]
struct State {
    random: JavaRandom,
    iterations: Vec<Iteration>,
    depth: usize,
}

impl Generator {
    pub(crate) fn new(plan: Plan, random: JavaRandom) -> Self {
        Generator {
            schema: plan.schema,
            records: plan.records,
            root: plan.root,
            state: State {
                random,
                iterations: plan.iterations,
                depth: 0,
            },
        }
    }

    pub(crate) fn random(&mut self) -> &mut JavaRandom {
        &mut self.state.random
    }

    /// Schema of the records.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// The next record.
    ///
    /// # Errors
    /// `RuntimeException` if a type that contains itself does not come to an end; `DataException` if a number is out of the
    /// range of its logical type.
    pub(crate) fn generate(&mut self) -> Result<Value> {
        self.state.depth = 0;
        self.state.run(&self.root, &self.records)
    }
}

impl State {
    fn run(&mut self, step: &Step, records: &[RecordPlan]) -> Result<Value> {
        let random = &mut self.random;
        Ok(match step {
            Step::Null => Value::Null,
            Step::Boolean => Value::Boolean(random.next_boolean()),
            Step::Odds(odds) => Value::Boolean(random.next_double() < *odds),
            Step::Int => Value::Int32(random.next_int()),
            Step::IntRange(range) => Value::Int32(range.draw(random) as i32),
            Step::Long => Value::Int64(random.next_long()),
            Step::LongRange(range) => Value::Int64(range.draw(random)),
            Step::Float => Value::Float32(random.next_float()),
            Step::FloatRange { min, max } => Value::Float32(min + random.next_float() * (max - min)),
            Step::Double => Value::Float64(random.next_double()),
            Step::DoubleRange { min, max } => Value::Float64(min + random.next_double() * (max - min)),
            Step::Options(options) => one_of(options, random),
            Step::Iteration { counter, kind } => self.count(*counter, kind),
            Step::Text(text) => Value::String(text.draw(random)),
            Step::Bytes(length) => {
                let mut bytes = vec![0; length.draw(random)];
                random.fill(&mut bytes);
                Value::Bytes(Bytes::from(bytes))
            }
            Step::Fixed(size) => {
                let mut bytes = vec![0; *size];
                random.fill(&mut bytes);
                Value::Bytes(Bytes::from(bytes))
            }
            Step::Decimal { precision, scale } => Value::Decimal(decimal(*precision, *scale, random)),
            Step::DecimalRange { range, scale } => Value::Decimal(Decimal::new(range.draw(random), *scale)),
            Step::Array { length, item } => {
                let length = length.draw(random);
                let items: Result<Vec<Value>> = (0..length).map(|_| self.run(item, records)).collect();
                Value::Array(items?)
            }
            Step::Map { length, keys, value } => self.map(*length, keys, value, records)?,
            Step::Record(index) => self.record(*index, records)?,
            Step::Union(members) => match members.get(random.index(members.len())) {
                Some(member) => self.run(member, records)?,
                None => Value::Null,
            },
            Step::Member { schema, field, step } => {
                let value = self.run(step, records)?;
                let mut whole = Struct::empty(schema.clone());
                if let Some(place) = whole.values_mut().get_mut(*field) {
                    *place = value;
                }
                Value::Struct(whole)
            }
            Step::Narrow { to, step } => match (self.run(step, records)?, to) {
                (Value::Int32(number), Narrow::Int8) => Value::Int8(number as i8),
                (Value::Int32(number), Narrow::Int16) => Value::Int16(number as i16),
                (other, _) => other,
            },
            Step::Logical { shape, step } => {
                let value = self.run(step, records)?;
                to_logical(shape.kind, shape.scale, value)?
            }
        })
    }

    fn record(&mut self, index: usize, records: &[RecordPlan]) -> Result<Value> {
        let Some(plan) = records.get(index) else {
            return Ok(Value::Null);
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let name = plan.schema.name().unwrap_or("?");
            return Err(Error::new(
                RUNTIME_EXCEPTION,
                format!(
                    "The schema asks for records of {name} inside each other without end (more than {MAX_DEPTH}); make the \
                     record that contains itself one of the types of a union with null"
                ),
            ));
        }
        let mut values = Vec::with_capacity(plan.fields.len());
        for field in &plan.fields {
            values.push(self.run(field, records)?);
        }
        self.depth -= 1;
        Ok(Value::Struct(Struct::new(plan.schema.clone(), values)))
    }

    fn map(&mut self, length: Length, keys: &Keys, value: &Step, records: &[RecordPlan]) -> Result<Value> {
        let length = length.draw(&mut self.random);
        // A key that is drawn twice keeps its place and takes the later value.
        let mut entries = indexmap::IndexMap::with_capacity(length);
        for _ in 0..length {
            let key = match keys {
                Keys::Text(text) => text.draw(&mut self.random),
                Keys::Options(options) => match one_of(options, &mut self.random) {
                    Value::String(text) => text,
                    _ => Text::new(),
                },
            };
            entries.insert(key, self.run(value, records)?);
        }
        let entries = entries.into_iter().map(|(key, value)| (Value::String(key), value));
        Ok(Value::Map(entries.collect()))
    }

    fn count(&mut self, counter: usize, kind: &Counted) -> Value {
        match (self.iterations.get_mut(counter), kind) {
            (Some(Iteration::Boolean(current)), _) => {
                *current = !*current;
                Value::Boolean(!*current)
            }
            (Some(Iteration::Integral(numbers)), kind) => {
                let number = numbers.next();
                match kind {
                    Counted::Long => Value::Int64(number),
                    Counted::Text { prefix, suffix } => Value::text(format!("{prefix}{}{suffix}", number as i32)),
                    _ => Value::Int32(number as i32),
                }
            }
            (Some(Iteration::Decimal(numbers)), Counted::Float) => Value::Float32(numbers.next() as f32),
            (Some(Iteration::Decimal(numbers)), _) => Value::Float64(numbers.next()),
            (None, _) => Value::Null,
        }
    }
}

fn one_of(options: &[Value], random: &mut JavaRandom) -> Value {
    options.get(random.index(options.len())).cloned().unwrap_or_default()
}

/// A decimal of up to `precision` digits: fifteen digits at a time, the surplus cut off, with a random sign.
fn decimal(precision: u32, scale: i32, random: &mut JavaRandom) -> Decimal {
    const CHUNK: u32 = 15;
    let mut unscaled = BigInt::ZERO;
    let mut digits = 0;
    while digits < precision {
        let drawn = (random.next_double() * 1e15) as u64;
        unscaled = unscaled * BigInt::from(10u64.pow(CHUNK)) + BigInt::from(drawn);
        digits += CHUNK;
    }
    unscaled /= BigInt::from(10).pow(digits - precision);
    if random.next_boolean() {
        unscaled = -unscaled;
    }
    Decimal::from_bigint(unscaled, scale)
}

#[cfg(test)]
mod tests;
