//! Media types of requests and answers, judged as the JVM worker's server does.

use axum::http::{HeaderMap, HeaderValue, header};

/// Media type of a request's entity.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entity {
    /// No `Content-Type`.
    Unsaid,
    Json,
    /// A range that includes JSON: the resource is found, but nobody can read the entity.
    Range,
    /// Another type.
    Other,
    /// Not a media type at all; the server refuses the request.
    Malformed,
}

pub(super) fn entity(headers: &HeaderMap) -> Entity {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Entity::Unsaid;
    };
    let Ok(text) = value.to_str() else {
        return Entity::Malformed;
    };
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.split_once('/') {
        None => Entity::Malformed,
        Some(("application", "json")) => Entity::Json,
        Some(("application" | "*", "*")) => Entity::Range,
        Some(_) => Entity::Other,
    }
}

/// `Content-Type` of JSON answers; None if the client accepts no JSON or its `Accept` is not one. A charset that the client
/// names for JSON is repeated.
pub(super) fn accepted(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(header::ACCEPT).iter().peekable();
    if lines.peek().is_none() {
        return Some(HeaderValue::from_static("application/json"));
    }
    let mut found: Option<(&str, u8)> = None;
    for line in lines {
        for range in line
            .to_str()
            .ok()?
            .split(',')
            .map(str::trim)
            .filter(|range| !range.is_empty())
        {
            let rank = match range
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
                .split_once('/')?
            {
                ("application", "json") => 3,
                ("application", "*") => 2,
                ("*", "*") => 1,
                _ => continue,
            };
            if found.is_none_or(|(_, best)| rank > best) {
                found = Some((range, rank));
            }
        }
    }
    let (range, _) = found?;
    let charset = range
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    match charset {
        Some((_, charset)) => HeaderValue::try_from(format!("application/json;charset={charset}")).ok(),
        None => Some(HeaderValue::from_static("application/json")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: Option<&'static str>) -> HeaderMap {
        value
            .map(|value| (name, HeaderValue::from_static(value)))
            .into_iter()
            .collect()
    }

    #[test]
    fn content_types() {
        let cases = [
            (None, Entity::Unsaid),
            (Some("application/json"), Entity::Json),
            (Some("APPLICATION/JSON"), Entity::Json),
            (Some("application/json; charset=UTF-8"), Entity::Json),
            (Some("application/*"), Entity::Range),
            (Some("application/vnd.kafka.v2+json"), Entity::Other),
            (Some("text/json"), Entity::Other),
            (Some("json"), Entity::Malformed),
        ];
        for (value, expected) in cases {
            assert_eq!(entity(&headers(header::CONTENT_TYPE, value)), expected, "{value:?}");
        }
    }

    #[test]
    fn accept() {
        let cases = [
            (None, Some("application/json")),
            (Some("application/json"), Some("application/json")),
            (
                Some("application/json;charset=utf-8"),
                Some("application/json;charset=utf-8"),
            ),
            (Some("application/json;q=0"), Some("application/json")),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Some("application/json"),
            ),
            (Some("application/*"), Some("application/json")),
            (Some("text/html"), None),
            (Some("nonsense"), None),
        ];
        for (value, expected) in cases {
            let found = accepted(&headers(header::ACCEPT, value));
            assert_eq!(
                found.as_ref().and_then(|found| found.to_str().ok()),
                expected,
                "{value:?}"
            );
        }
    }
}
