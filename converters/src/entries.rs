//! Entries of a map while it is read: a key that is there already keeps its place and gets the new value, as in Java's
//! linked maps. Few entries are compared one by one; many are found by the text of their key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use turnbuckle_api::Value;

/// Up to this many entries are compared one by one.
const FEW: usize = 16;

#[derive(Default)]
pub(crate) struct Entries {
    list: Vec<(Value, Value)>,
    /// Place of each key by its text, once there are many.
    places: HashMap<String, usize>,
}

impl Entries {
    pub(crate) fn put(&mut self, key: Value, value: Value) {
        let found = if holds_bytes(&key) { None } else { self.find(&key) };
        match found {
            Some(place) => self.list[place].1 = value,
            None => self.list.push((key, value)),
        }
    }

    pub(crate) fn into_list(self) -> Vec<(Value, Value)> {
        self.list
    }

    fn find(&mut self, key: &Value) -> Option<usize> {
        let count = self.list.len();
        if count <= FEW {
            return self.list.iter().position(|(known, _)| known == key);
        }
        if self.places.is_empty() {
            let places = self.list.iter().enumerate();
            self.places = places.map(|(place, (known, _))| (text_of(known), place)).collect();
        }
        match self.places.entry(text_of(key)) {
            Entry::Occupied(place) => Some(*place.get()),
            Entry::Vacant(free) => {
                free.insert(count);
                None
            }
        }
    }
}

/// Java's byte arrays equal nothing but themselves, so keys that hold them never repeat.
fn holds_bytes(key: &Value) -> bool {
    match key {
        Value::Bytes(_) => true,
        Value::Array(items) => items.iter().any(holds_bytes),
        Value::Map(entries) => entries
            .iter()
            .any(|(key, value)| holds_bytes(key) || holds_bytes(value)),
        _ => false,
    }
}

/// A text that differs for different values, also of different types.
fn text_of(key: &Value) -> String {
    format!("{key:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_however_many_there_are() {
        for count in [3usize, 100] {
            let mut entries = Entries::default();
            for round in 0..2i64 {
                for key in 0..count {
                    entries.put(Value::text(key.to_string()), Value::Int64(round));
                }
            }
            let list = entries.into_list();
            assert_eq!(list.len(), count);
            assert!(list.iter().all(|(_, value)| *value == Value::Int64(1)));
            assert_eq!(list[2].0, Value::text("2"));
        }
    }
}
