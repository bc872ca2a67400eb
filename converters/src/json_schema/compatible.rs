//! Can data of one schema be read by another? What `latest.compatibility.strict` asks before data is announced by another
//! schema than its own.

use super::from_connect::is_union;
use turnbuckle_api::data::{SchemaRef, Type};

/// Why data of schema `own` can't be read as `other`; none if it can.
pub(super) fn misfit(own: &SchemaRef, other: &SchemaRef) -> Option<String> {
    if is_union(own) || is_union(other) || own.is_recursive() || other.is_recursive() {
        return None;
    }
    if own.is_optional() && !other.is_optional() {
        return Some("null is not allowed".into());
    }
    if family(own.kind()) != family(other.kind()) {
        return Some(format!("{} is not {}", own.kind().name(), other.kind().name()));
    }
    for (own, other) in [(own.items(), other.items()), (own.values(), other.values())] {
        if let (Some(own), Some(other)) = (own, other)
            && let Some(reason) = misfit(own, other)
        {
            return Some(reason);
        }
    }
    own.fields().iter().find_map(|field| {
        let found = other.field(&field.name)?;
        let reason = misfit(&field.schema, &found.schema)?;
        Some(format!("field {}: {reason}", field.name))
    })
}

/// Types that the same JSON stands for; a whole number is a number, too.
fn family(kind: Type) -> &'static str {
    match kind {
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::Float32 | Type::Float64 => "number",
        Type::Bytes | Type::String => "text",
        Type::Struct | Type::Map => "object",
        other => other.name(),
    }
}
