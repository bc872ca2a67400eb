//! A configuration as users give it: text by key, in the given order. A value may be null, because JSON may say so.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Text properties by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Props(IndexMap<String, Option<String>>);

impl Props {
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a key; None if it is absent or null.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_deref()
    }

    /// As [`Props::get`], telling a null (`Some(None)`) from an absent key (`None`).
    pub fn get_nullable(&self, key: &str) -> Option<Option<&str>> {
        self.0.get(key).map(Option::as_deref)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), Some(value.into()));
    }

    pub fn insert_nullable(&mut self, key: impl Into<String>, value: Option<String>) {
        self.0.insert(key.into(), value);
    }

    /// Builder form of [`Props::insert`].
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.insert(key, value);
        self
    }

    pub fn remove(&mut self, key: &str) -> Option<Option<String>> {
        self.0.shift_remove(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_deref()))
    }

    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Entries whose key starts with `prefix`, with the prefix cut off (`originalsWithPrefix`).
    pub fn with_prefix(&self, prefix: &str) -> Props {
        let cut = |(key, value): (&String, &Option<String>)| {
            let rest = key.strip_prefix(prefix).filter(|rest| !rest.is_empty())?;
            Some((rest.to_string(), value.clone()))
        };
        Props(self.0.iter().filter_map(cut).collect())
    }

    /// Sets all entries of `other`, replacing those that exist.
    pub fn extend(&mut self, other: &Props) {
        for (key, value) in &other.0 {
            self.0.insert(key.clone(), value.clone());
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Props {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Props(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), Some(value.into())))
                .collect(),
        )
    }
}
