//! What source and sink tasks share: the transformation chain, the converters in effect, and the error operator with its
//! reporters.

mod chain;
mod converters;
mod dead_letters;
mod operator;

pub(crate) use chain::Chain;
pub(crate) use converters::{ConverterSet, NamedConverter};
pub(crate) use dead_letters::{DeadLetterConfig, DeadLetters};
pub(crate) use operator::{Attempt, ErrorConfig, Next, Operator, RawSource, Stage, Subject, tolerance_exceeded};
