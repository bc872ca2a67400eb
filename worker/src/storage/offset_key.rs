//! Keys of source offsets: the JSON array `["<connector>",{<partition>}]`.

use serde_json::Value as Json;

/// True if the key is one of `connector`; keys that are not of the form belong to nobody.
pub(super) fn belongs_to(key: &[u8], connector: &str) -> bool {
    match serde_json::from_slice::<Json>(key) {
        Ok(Json::Array(parts)) => parts.len() == 2 && parts[0].as_str() == Some(connector) && parts[1].is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_keys_belong() {
        assert!(belongs_to(br#"["a",{"filename":"x"}]"#, "a"));
        for key in [&br#"["b",{}]"#[..], br#"["a",null]"#, br#"["a"]"#, br#"{"a":1}"#, b"x"] {
            assert!(!belongs_to(key, "a"));
        }
    }
}
