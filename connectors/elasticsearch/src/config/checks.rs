//! Validators of single keys that these connectors share.

use turnbuckle_api::Error;
use turnbuckle_api::config::validator::Validator;
use turnbuckle_api::config::{ParsedConfig, ParsedValue, Recommender};
use turnbuckle_api::error::Result;

/// One of these names in any case (`EnumRecommender`); null passes.
pub(super) fn enumerator(names: &'static [&'static str]) -> Validator {
    Validator::new(move |name, value| match value.as_str() {
        Some(text) if !names.iter().any(|known| known.eq_ignore_ascii_case(text)) => {
            let list = names.join(", ");
            Err(Error::invalid_config(
                name,
                text,
                format!("Value must be one of: [{list}]"),
            ))
        }
        _ => Ok(()),
    })
}

/// One of these names in any case, refused by the text of `ValidString`.
pub(super) fn one_of_any_case(names: &'static [&'static str]) -> Validator {
    Validator::new(move |name, value| match value.as_str() {
        Some(text) if names.contains(&text.to_lowercase().as_str()) => Ok(()),
        Some(text) => {
            let list = names.join(", ");
            let shown = text.to_lowercase();
            Err(Error::invalid_config(
                name,
                shown,
                format!("String must be one of: {list}"),
            ))
        }
        None => Err(Error::invalid_config(
            name,
            value,
            format!("String must be one of: {}", names.join(", ")),
        )),
    })
}

/// Recommends names.
pub(super) struct Names(pub(super) &'static [&'static str]);

impl Recommender for Names {
    fn valid_values(&self, _name: &str, _config: &ParsedConfig) -> Result<Vec<String>> {
        Ok(self.0.iter().map(|name| (*name).to_string()).collect())
    }
}

/// A part of a data stream's name; `what` names it.
pub(super) fn stream_part(what: &'static str) -> Validator {
    Validator::new(move |name, value| {
        let Some(text) = value.as_str() else { return Ok(()) };
        let refuse = |detail: String| Err(Error::invalid_config(name, text, detail));
        if text.encode_utf16().count() > 100 {
            return refuse(format!("The specified {what} must be no longer than 100 characters."));
        }
        if text.to_lowercase() != text {
            return refuse(format!("The specified {what} must be in all lowercase."));
        }
        if text.contains(['\\', '/', '*', '?', '"', '<', '>', '|', ' ', ',', '#', '-', ':']) {
            return refuse(format!(
                "The specified {what} must not contain any spaces or invalid characters \\/*?\"<>|,#-:"
            ));
        }
        Ok(())
    })
}

/// Addresses of nodes.
pub(super) fn url_list() -> Validator {
    Validator::new(|name, value| {
        let ParsedValue::List(urls) = value else {
            return Err(Error::invalid_config(
                name,
                value,
                "The config must be provided and non-null.",
            ));
        };
        match urls.iter().find(|url| !is_uri(url)) {
            Some(url) => {
                let detail = format!("The provided url '{url}' is not a valid url.");
                Err(Error::invalid_config(name, value, detail))
            }
            None => Ok(()),
        }
    })
}

/// Could it be a `java.net.URI`? Characters are what mostly goes wrong.
fn is_uri(text: &str) -> bool {
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "\"<>\\^`{|}".contains(letter);
    !text.is_empty() && !text.contains(odd) && !text.starts_with(':')
}

/// An existing file whose name ends in `extension`.
pub(super) fn file(extension: &'static str) -> Validator {
    Validator::new(move |name, value| {
        let Some(path) = value.as_str() else { return Ok(()) };
        if !path.ends_with(extension) {
            let detail = format!("The specified file must end with .{extension}");
            return Err(Error::invalid_config(name, path, detail));
        }
        if !std::path::Path::new(path).exists() {
            return Err(Error::invalid_config(name, path, "The specified file does not exist."));
        }
        Ok(())
    })
}
