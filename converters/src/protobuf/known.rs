//! Files that every schema may import without a reference to them.

use protox::file::{File, FileResolver, GoogleFileResolver};

/// Names and texts, reduced to what decides on bytes.
const FILES: [(&str, &str); 18] = [
    ("confluent/meta.proto", include_str!("known/confluent/meta.proto")),
    (DECIMAL_FILE, include_str!("known/confluent/type/decimal.proto")),
    (
        "google/type/calendar_period.proto",
        include_str!("known/google/type/calendar_period.proto"),
    ),
    ("google/type/color.proto", include_str!("known/google/type/color.proto")),
    (DATE_FILE, include_str!("known/google/type/date.proto")),
    (
        "google/type/datetime.proto",
        include_str!("known/google/type/datetime.proto"),
    ),
    (
        "google/type/dayofweek.proto",
        include_str!("known/google/type/dayofweek.proto"),
    ),
    (
        "google/type/decimal.proto",
        include_str!("known/google/type/decimal.proto"),
    ),
    ("google/type/expr.proto", include_str!("known/google/type/expr.proto")),
    (
        "google/type/fraction.proto",
        include_str!("known/google/type/fraction.proto"),
    ),
    (
        "google/type/interval.proto",
        include_str!("known/google/type/interval.proto"),
    ),
    (
        "google/type/latlng.proto",
        include_str!("known/google/type/latlng.proto"),
    ),
    ("google/type/money.proto", include_str!("known/google/type/money.proto")),
    ("google/type/month.proto", include_str!("known/google/type/month.proto")),
    (
        "google/type/phone_number.proto",
        include_str!("known/google/type/phone_number.proto"),
    ),
    (
        "google/type/postal_address.proto",
        include_str!("known/google/type/postal_address.proto"),
    ),
    (
        "google/type/quaternion.proto",
        include_str!("known/google/type/quaternion.proto"),
    ),
    (TIME_FILE, include_str!("known/google/type/timeofday.proto")),
];

pub(super) const DECIMAL_FILE: &str = "confluent/type/decimal.proto";
pub(super) const DATE_FILE: &str = "google/type/date.proto";
pub(super) const TIME_FILE: &str = "google/type/timeofday.proto";
pub(super) const TIMESTAMP_FILE: &str = "google/protobuf/timestamp.proto";
pub(super) const WRAPPERS_FILE: &str = "google/protobuf/wrappers.proto";

pub(super) const DECIMAL: &str = "confluent.type.Decimal";
pub(super) const DATE: &str = "google.type.Date";
pub(super) const TIME: &str = "google.type.TimeOfDay";
pub(super) const TIMESTAMP: &str = "google.protobuf.Timestamp";

/// The wrappers of single values, in the order of their file, by which the message index counts them.
pub(super) const WRAPPERS: [&str; 9] = [
    "google.protobuf.DoubleValue",
    "google.protobuf.FloatValue",
    "google.protobuf.Int64Value",
    "google.protobuf.UInt64Value",
    "google.protobuf.Int32Value",
    "google.protobuf.UInt32Value",
    "google.protobuf.BoolValue",
    "google.protobuf.StringValue",
    "google.protobuf.BytesValue",
];

/// The text that Java's serialisers register for a value that is no struct: the file of the wrappers.
pub(super) const WRAPPERS_TEXT: &str = include_str!("known/google/protobuf/wrappers.proto");

/// A known file.
pub(super) fn known_file(name: &str) -> Option<File> {
    if let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) {
        return File::from_source(name, text).ok();
    }
    GoogleFileResolver::new().open_file(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_file_can_be_read() {
        for (name, _) in FILES {
            assert!(known_file(name).is_some(), "{name}");
        }
        assert!(known_file(TIMESTAMP_FILE).is_some());
        assert!(known_file("google/type/none.proto").is_none());
        assert!(File::from_source(WRAPPERS_FILE, WRAPPERS_TEXT).is_ok());
    }
}
