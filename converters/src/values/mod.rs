//! Typed values in plain text, as headers carry them (`org.apache.kafka.connect.data.Values`).
//!
//! [`parse_string`] guesses the type of a text: [`tokens`] splits it, [`parse`] builds values from the tokens, [`merge`] finds
//! one schema for what a container holds. [`append_text`] is the way back. Temporal text is read and written in a time zone
//! that the caller chooses ([`zone`]), by the calendar rules of [`temporal`].

mod merge;
mod parse;
pub mod temporal;
mod text;
mod tokens;
pub mod zone;

pub use parse::{MAX_DEPTH, parse_string};
pub use text::append_text;
