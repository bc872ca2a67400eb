//! Short names of classes: the simple name, and the simple name without the kind's suffix. An alias counts only while exactly
//! one class has it, so `Value` of the many nested transformations is none.

use std::collections::HashMap;

/// Alias to class; None where several classes share the alias.
#[derive(Debug, Default)]
pub(super) struct Aliases(HashMap<&'static str, Option<&'static str>>);

impl Aliases {
    /// Registers both aliases of a class; `suffix` is the name of its kind.
    pub(super) fn add(&mut self, class: &'static str, suffix: &str) {
        let simple_name = class.rsplit(['.', '$']).next().unwrap_or(class);
        self.insert(simple_name, class);
        if let Some(position) = simple_name.rfind(suffix).filter(|position| *position > 0) {
            self.insert(&simple_name[..position], class);
        }
    }

    fn insert(&mut self, alias: &'static str, class: &'static str) {
        self.0
            .entry(alias)
            .and_modify(|known| *known = known.filter(|known| *known == class))
            .or_insert(Some(class));
    }

    pub(super) fn class_of(&self, alias: &str) -> Option<&'static str> {
        self.0.get(alias).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unambiguous_aliases_count() {
        let mut aliases = Aliases::default();
        aliases.add("a.CastTransformation", "Transformation");
        aliases.add("a.Insert$Value", "Transformation");
        aliases.add("a.Mask$Value", "Transformation");
        aliases.add("a.json.JsonConverter", "Converter");
        aliases.add("a.json.JsonConverter", "HeaderConverter");
        aliases.add("a.Converter", "Converter");
        let cases = [
            ("Cast", Some("a.CastTransformation")),
            ("CastTransformation", Some("a.CastTransformation")),
            ("cast", None),
            ("Value", None),
            ("Json", Some("a.json.JsonConverter")),
            ("JsonConverter", Some("a.json.JsonConverter")),
            ("Converter", Some("a.Converter")),
            ("", None),
        ];
        for (alias, class) in cases {
            assert_eq!(aliases.class_of(alias), class, "{alias}");
        }
    }
}
