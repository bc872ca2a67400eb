//! `sasl.jaas.config`: `module.Class required name="value" … ;`.

use turnbuckle_api::{Error, Result};

/// The one login module of the text.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginModule {
    pub class: String,
    options: Vec<(String, String)>,
}

impl LoginModule {
    /// An option's value; of repeated ones the last counts.
    pub fn option(&self, name: &str) -> Option<&str> {
        let found = self.options.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads the text.
///
/// # Errors
/// `ConfigException` that says what is wrong and never shows the text, which holds a password.
pub fn parse(text: &str) -> Result<LoginModule> {
    let tokens = tokens(text)?;
    let mut tokens = tokens.into_iter().peekable();
    let class = match tokens.next() {
        Some(Token::Word(class)) => class,
        _ => return Err(refuse("it does not begin with the class of a login module")),
    };
    match tokens.next() {
        Some(Token::Word(flag))
            if ["required", "requisite", "sufficient", "optional"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&flag)) => {}
        _ => {
            return Err(refuse(
                "a control flag such as 'required' must follow the class of the login module",
            ));
        }
    }
    let mut options = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::End) => break,
            Some(Token::Word(name)) => match (tokens.next(), tokens.next()) {
                (Some(Token::Equals), Some(Token::Word(value))) => options.push((name, value)),
                _ => return Err(refuse("an option has no value; write name=\"value\"")),
            },
            Some(Token::Equals) => return Err(refuse("an option has no name; write name=\"value\"")),
            None => return Err(refuse("it does not end with a semicolon")),
        }
    }
    if tokens.peek().is_some() {
        return Err(refuse("it has more than one login module"));
    }
    Ok(LoginModule { class, options })
}

fn refuse(what: &str) -> Error {
    Error::config(format!(
        "Invalid value [hidden] for configuration sasl.jaas.config: {what}"
    ))
}

enum Token {
    Word(String),
    Equals,
    End,
}

fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut found = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => found.push(Token::End),
            '=' => found.push(Token::Equals),
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match letters.next() {
                        Some(end) if end == letter => break,
                        Some('\\') => word.extend(letters.next().map(unescape)),
                        Some(other) => word.push(other),
                        None => return Err(refuse("a quote is not closed")),
                    }
                }
                found.push(Token::Word(word));
            }
            blank if blank.is_whitespace() => {}
            first => {
                let mut word = String::from(first);
                let ends = |letter: &char| letter.is_whitespace() || matches!(letter, ';' | '=' | '"' | '\'');
                while let Some(next) = letters.next_if(|letter| !ends(letter)) {
                    word.push(next);
                }
                found.push(Token::Word(word));
            }
        }
    }
    Ok(found)
}

fn unescape(letter: char) -> char {
    match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_read() {
        for (text, class, username, password) in [
            (
                "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"a;b=c\";",
                "org.apache.kafka.common.security.plain.PlainLoginModule",
                Some("alice"),
                Some("a;b=c"),
            ),
            (
                "M REQUIRED\n username='x'\n password=\"q\\\"\\\\\" ;\n",
                "M",
                Some("x"),
                Some("q\"\\"),
            ),
            ("M optional username=x password=y;", "M", Some("x"), Some("y")),
            ("M required;", "M", None, None),
        ] {
            let module = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(module.class, class);
            assert_eq!(module.option("username"), username);
            assert_eq!(module.option("password"), password);
        }
    }

    #[test]
    fn broken_text_is_refused_without_showing_it() {
        for text in [
            "",
            ";",
            "M",
            "M maybe password=\"hush\";",
            "M required password=\"hush\"",
            "M required password=\"hush",
            "M required password;",
            "M required =hush;",
            "M required password=\"hush\"; N required;",
        ] {
            let error = parse(text).err().unwrap();
            assert!(!error.to_string().contains("hush"), "{text}");
            assert!(error.to_string().contains("sasl.jaas.config"), "{text}");
        }
    }
}
