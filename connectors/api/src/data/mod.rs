//! Connect's data model.
//!
//! A [`Schema`] is shared by reference ([`SchemaRef`]); work that depends on a schema alone (a column plan, an encoder) is
//! made once per schema and found again by pointer, see [`same_schema`]. A [`Struct`] is positional: one schema and a slice
//! of values. Text and bytes are slices of the buffer they were received in.

pub mod calendar;
mod decimal;
mod java_text;
pub mod schema;
mod validate;
mod value;

pub use decimal::{Decimal, MAX_DECIMAL_EXPONENT};
pub use java_text::{JavaText, append_java_f32, append_java_f64, java_f32, java_f64};
pub use schema::{Field, Logical, Schema, SchemaBuilder, SchemaRef, Type};
pub use validate::{validate_field, validate_value};
pub use value::{SchemaAndValue, Struct, Value};

/// Immutable UTF-8 text that shares its buffer; cloning does not copy.
pub type Text = bytestring::ByteString;

/// True if both schemas are the same: by pointer, else by all attributes.
pub fn same_schema(a: &SchemaRef, b: &SchemaRef) -> bool {
    std::sync::Arc::ptr_eq(a, b) || a == b
}
