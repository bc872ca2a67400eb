//! `response.http.headers.config`: rules of the form `action name:value`, separated by commas; a rule with a comma in it
//! stands in double quotes.

use turnbuckle_api::{Error, Result};

/// What a rule does with its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderAction {
    /// Replaces the header.
    Set,
    /// Adds one more header of that name.
    Add,
    /// Replaces the header by now plus the value in milliseconds, as an HTTP date.
    SetDate,
    /// Adds such a date.
    AddDate,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderRule {
    pub action: HeaderAction,
    pub name: String,
    pub value: String,
}

/// Reads the rules; blank text has none.
///
/// # Errors
/// `ConfigException` with Kafka's texts.
pub fn parse(text: &str) -> Result<Vec<HeaderRule>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    split(text).iter().map(|rule| parse_rule(rule.trim())).collect()
}

fn split(text: &str) -> Vec<String> {
    let mut rules = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => rules.push(String::new()),
            _ => {
                if let Some(rule) = rules.last_mut() {
                    rule.push(letter);
                }
            }
        }
    }
    rules
}

fn parse_rule(rule: &str) -> Result<HeaderRule> {
    let Some((action, pair)) = rule.split_once(char::is_whitespace) else {
        return Err(Error::config(format!(
            "Invalid format of header config '{rule}'. Expected: '[action] [header name]:[header value]'"
        )));
    };
    let pair = pair.trim();
    let action = match action {
        "set" => HeaderAction::Set,
        "add" => HeaderAction::Add,
        "setDate" => HeaderAction::SetDate,
        "addDate" => HeaderAction::AddDate,
        other => {
            return Err(Error::config(format!(
                "Invalid header config action: '{other}'. Expected one of [set, add, setDate, addDate]"
            )));
        }
    };
    let name_and_value = pair.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    let Some((name, value)) = name_and_value.filter(|(_, value)| !value.is_empty()) else {
        return Err(Error::config(format!(
            "Invalid format of header name and header value pair '{pair}'. Expected: '[header name]:[header value]'"
        )));
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Error::config(format!(
            "Invalid header name '{name}'. The '[header name]' cannot contain whitespace"
        )));
    }
    Ok(HeaderRule {
        action,
        name: name.to_string(),
        value: value.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rules = parse("\"set Cache-Control: no-cache, no-store\", add X : y,setDate Expires:31540000000").unwrap();
        let rule = |action, name: &str, value: &str| HeaderRule {
            action,
            name: name.to_string(),
            value: value.to_string(),
        };
        let expected = [
            rule(HeaderAction::Set, "Cache-Control", "no-cache, no-store"),
            rule(HeaderAction::Add, "X", "y"),
            rule(HeaderAction::SetDate, "Expires", "31540000000"),
        ];
        assert_eq!(rules, expected);
        assert!(parse(" ").unwrap().is_empty());
    }

    #[test]
    fn bad_rules_are_refused_with_kafkas_texts() {
        for (text, message) in [
            (
                "addX:y",
                "Invalid format of header config 'addX:y'. Expected: '[action] [header name]:[header value]'",
            ),
            (
                "foo X: y",
                "Invalid header config action: 'foo'. Expected one of [set, add, setDate, addDate]",
            ),
            (
                "add X",
                "Invalid format of header name and header value pair 'X'. Expected: '[header name]:[header value]'",
            ),
            (
                "add X:",
                "Invalid format of header name and header value pair 'X:'. Expected: '[header name]:[header value]'",
            ),
            (
                "add :y",
                "Invalid header name ''. The '[header name]' cannot contain whitespace",
            ),
            (
                "add a b:y",
                "Invalid header name 'a b'. The '[header name]' cannot contain whitespace",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().message(), Some(message));
        }
    }
}
