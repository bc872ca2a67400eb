//! Validators that only the framework's keys have.

use turnbuckle_api::Error;
use turnbuckle_api::config::{ParsedValue, Validator};

/// A connector's name: not empty, without control characters; null passes.
pub(super) fn connector_name() -> Validator {
    Validator::new(|key, value| {
        let Some(name) = value.as_str() else { return Ok(()) };
        if name.is_empty() {
            return Err(Error::invalid_config(key, name, "String may not be empty"));
        }
        let controls: Vec<String> = name
            .chars()
            .filter(char::is_ascii_control)
            .map(|c| u32::from(c).to_string())
            .collect();
        if controls.is_empty() {
            return Ok(());
        }
        let found = controls.join(", ");
        let detail = format!("String may not contain control sequences but had the following ASCII chars: {found}");
        Err(Error::invalid_config(key, name, detail))
    })
}

/// A list without repetitions; null is refused.
pub(super) fn unique_aliases() -> Validator {
    Validator::new(|key, value| match value {
        ParsedValue::List(aliases) => {
            let repeated = aliases
                .iter()
                .enumerate()
                .any(|(index, alias)| aliases[..index].contains(alias));
            match repeated {
                true => Err(Error::invalid_config(key, value, "Duplicate alias provided.")),
                false => Ok(()),
            }
        }
        ParsedValue::Null => Err(Error::invalid_config(key, "null", "entry must be non null")),
        _ => Ok(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(validator: &Validator, value: ParsedValue) -> Option<String> {
        validator
            .check("k", &value)
            .err()
            .and_then(|error| error.message().map(str::to_string))
    }

    #[test]
    fn values_are_refused_with_kafkas_texts() {
        let text = |text: &str| ParsedValue::String(text.to_string());
        let list = |items: &[&str]| ParsedValue::List(items.iter().map(|item| (*item).to_string()).collect());
        let cases = [
            (connector_name(), text("a/b %"), None),
            (connector_name(), ParsedValue::Null, None),
            (
                connector_name(),
                text(""),
                Some("Invalid value  for configuration k: String may not be empty"),
            ),
            (
                connector_name(),
                text("a\u{0}b\u{7f}"),
                Some(
                    "Invalid value a\u{0}b\u{7f} for configuration k: String may not contain control sequences but had the \
                     following ASCII chars: 0, 127",
                ),
            ),
            (unique_aliases(), list(&["a", "b"]), None),
            (
                unique_aliases(),
                list(&["a", "a"]),
                Some("Invalid value [a, a] for configuration k: Duplicate alias provided."),
            ),
            (
                unique_aliases(),
                ParsedValue::Null,
                Some("Invalid value null for configuration k: entry must be non null"),
            ),
        ];
        for (validator, value, expected) in cases {
            assert_eq!(message(&validator, value.clone()).as_deref(), expected, "{value}");
        }
    }
}
