//! Can data of one message be read as another? What `latest.compatibility.strict` asks before another schema than the
//! data's own is written down beside it.

use super::descriptors::{FieldFacts, in_order};
use protox::prost_reflect::{Kind, MessageDescriptor};
use std::collections::HashSet;

/// Why data written as `own` can't be read as `other`; none if it can.
pub(super) fn misfit(own: &MessageDescriptor, other: &MessageDescriptor) -> Option<String> {
    compare(own, other, &mut HashSet::new())
}

type Compared = HashSet<(String, String)>;

fn compare(own: &MessageDescriptor, other: &MessageDescriptor, compared: &mut Compared) -> Option<String> {
    if !compared.insert((own.full_name().to_string(), other.full_name().to_string())) {
        return None;
    }
    for field in in_order(own) {
        let Some(found) = other.get_field(field.number()) else {
            continue;
        };
        let place = || {
            format!(
                "field {} (number {}) of {}",
                field.name(),
                field.number(),
                own.full_name()
            )
        };
        if family(&field.kind()) != family(&found.kind()) {
            return Some(format!("{} is {:?}, not {:?}", place(), field.kind(), found.kind()));
        }
        let lists = [&field, &found].map(FieldFacts::cardinality_is_repeated);
        if lists[0] != lists[1] && !matches!(family(&field.kind()), Family::Text | Family::Message) {
            return Some(format!("{} is repeated in one of the schemas only", place()));
        }
        if let (Kind::Message(own), Kind::Message(other)) = (field.kind(), found.kind())
            && let Some(reason) = compare(&own, &other, compared)
        {
            return Some(reason);
        }
    }
    let missing = in_order(other).into_iter().find(|field| {
        let has = own.get_field(field.number()).is_some();
        field.is_required() && !has
    });
    missing.map(|field| {
        format!(
            "the data lacks the required field {} of {}",
            field.name(),
            other.full_name()
        )
    })
}

/// Types that read each other's bytes.
#[derive(PartialEq)]
enum Family {
    Varint,
    ZigZag,
    Fixed32,
    Fixed64,
    Float,
    Double,
    Text,
    Message,
}

fn family(kind: &Kind) -> Family {
    match kind {
        Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 | Kind::Bool | Kind::Enum(_) => Family::Varint,
        Kind::Sint32 | Kind::Sint64 => Family::ZigZag,
        Kind::Fixed32 | Kind::Sfixed32 => Family::Fixed32,
        Kind::Fixed64 | Kind::Sfixed64 => Family::Fixed64,
        Kind::Float => Family::Float,
        Kind::Double => Family::Double,
        Kind::String | Kind::Bytes => Family::Text,
        Kind::Message(_) => Family::Message,
    }
}
