//! Names that Connect and JSON Schema share, and the order in which Java's hash maps give their keys.

pub(super) const NAMESPACE: &str = "io.confluent.connect.json";
pub(super) const ID: &str = "io.confluent.connect.json.Id";
pub(super) const ENUM: &str = "io.confluent.connect.json.Enum";
pub(super) const ONE_OF: &str = "io.confluent.connect.json.OneOf";
pub(super) const GENERALIZED_UNION: &str = "org.apache.kafka.connect.data.Union";
pub(super) const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";
pub(super) const UNION_PREFIX: &str = "connect_union_";
pub(super) const NULL_MARKER: &str = "<NULL>";

pub(super) const CONNECT_TYPE: &str = "connect.type";
pub(super) const CONNECT_VERSION: &str = "connect.version";
pub(super) const CONNECT_PARAMETERS: &str = "connect.parameters";
pub(super) const CONNECT_INDEX: &str = "connect.index";
pub(super) const KEY_FIELD: &str = "key";
pub(super) const VALUE_FIELD: &str = "value";

/// How schemas and values are mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataOptions {
    pub(super) generalized: bool,
    pub(super) ignore_default: bool,
    pub(super) additional_properties: bool,
    pub(super) optional_for_nonrequired: bool,
    pub(super) numeric_decimals: bool,
}

impl Default for DataOptions {
    fn default() -> Self {
        DataOptions {
            generalized: false,
            ignore_default: false,
            additional_properties: true,
            optional_for_nonrequired: false,
            numeric_decimals: false,
        }
    }
}

impl DataOptions {
    /// The parameter that marks an enum.
    pub(super) fn enum_parameter(&self) -> &'static str {
        if self.generalized { GENERALIZED_ENUM } else { ENUM }
    }
}

/// Number of places in a Java hash map made for `expected` entries (`new HashMap<>(expected)`, or as a copy of a map).
pub(super) fn places_for(expected: usize) -> usize {
    expected.next_power_of_two().max(1)
}

/// The usual number of places.
pub(super) const USUAL_PLACES: usize = 16;

/// Puts keys into the order in which a Java hash map of that many places gives them: schemas were always written so, and
/// registries compare their text.
pub(super) fn hash_order<T>(mut entries: Vec<T>, key: impl Fn(&T) -> &str, places: usize) -> Vec<T> {
    let mut places = places;
    while entries.len() as f64 > places as f64 * 0.75 {
        places *= 2;
    }
    entries.sort_by_key(|entry| place(key(entry), places));
    entries
}

fn place(key: &str, places: usize) -> usize {
    let units = key.encode_utf16();
    let hash = units.fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) as usize & (places - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_the_order_of_java() {
        let order = |keys: &str, places: usize| {
            let keys: Vec<&str> = keys.split(' ').collect();
            hash_order(keys, |key| key, places).join(" ")
        };
        let many = "zeta alpha int8_field int16 int32 long_one text b a c d e f g h i j k l m";
        let expected = "zeta a b long_one c d e f g h i j k l m int16 int8_field int32 alpha text";
        assert_eq!(order(many, USUAL_PLACES), expected);
        let four = "connect.type connect.version connect.parameters connect.index";
        let expected = "connect.index connect.version connect.type connect.parameters";
        assert_eq!(order(four, 8), expected);
    }
}
