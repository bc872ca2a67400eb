//! Answers to bulk requests: what became of each item.

use crate::error::describe;
use elasticsearch::http::response::Error as ErrorBody;
use serde::Deserialize;
use std::collections::HashMap;
use turnbuckle_api::{Error, ErrorKind, Result};

/// Errors that say that the document itself is wrong.
const MALFORMED: [&str; 5] = [
    "strict_dynamic_mapping_exception",
    "mapper_parsing_exception",
    "illegal_argument_exception",
    "action_request_validation_exception",
    "document_parsing_exception",
];

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Done,
    /// The server is too busy, or blocked for now.
    Busy(Refusal),
    /// The document is wrong.
    Malformed(Refusal),
    /// There is a later version, or one where there should be none.
    Conflict(Refusal),
    /// Anything else.
    Refused(Refusal),
}

/// Why an item was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The server's reason.
    pub(crate) reason: String,
    /// The whole, as the Java client prints it.
    pub(crate) message: String,
}

#[derive(Deserialize)]
struct Answer {
    errors: bool,
    #[serde(default)]
    items: Vec<HashMap<String, Item>>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    status: u16,
    error: Option<ErrorBody>,
}

/// Verdicts of an answer about `count` items, in their order; none if all are done.
///
/// # Errors
/// `ConnectException` for what is no answer to a bulk request of so many items.
pub(crate) fn verdicts(answer: &[u8], count: usize) -> Result<Vec<Verdict>> {
    // Where nothing failed, which the answer says at its beginning, the rest need not be read.
    let beginning = answer.get(..answer.len().min(64)).unwrap_or_default();
    if beginning.windows(14).any(|window| window == b"\"errors\":false") {
        return Ok(Vec::new());
    }
    let parsed: Answer = serde_json::from_slice(answer).map_err(|error| {
        let text = String::from_utf8_lossy(answer);
        let start: String = text.chars().take(200).collect();
        let cause = Error::new(ErrorKind::Class("java.io.IOException"), error.to_string());
        Error::wrap(
            ErrorKind::Connect,
            format!("The answer to a bulk request is not understood: {start}"),
            cause,
        )
    })?;
    if !parsed.errors {
        return Ok(Vec::new());
    }
    if parsed.items.len() != count {
        let text = format!(
            "A bulk request of {count} items was answered with {}",
            parsed.items.len()
        );
        return Err(Error::connect(text));
    }
    let only = |item: HashMap<String, Item>| item.into_values().next();
    Ok(parsed
        .items
        .into_iter()
        .map(|item| only(item).map_or(Verdict::Done, verdict))
        .collect())
}

fn verdict(item: Item) -> Verdict {
    let Some(error) = item.error else {
        return Verdict::Done;
    };
    let refusal = Refusal {
        reason: error.reason().unwrap_or_default().to_string(),
        message: describe(&error),
    };
    // A full disk is 429, on older servers 403.
    let full = refusal.reason.contains("read-only-allow-delete") || refusal.reason.contains("read-only / allow delete");
    if matches!(item.status, 429 | 503) || full {
        Verdict::Busy(refusal)
    } else if MALFORMED.iter().any(|kind| refusal.message.contains(kind)) {
        Verdict::Malformed(refusal)
    } else if refusal.message.contains("version_conflict_engine_exception") {
        Verdict::Conflict(refusal)
    } else {
        Verdict::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_item_has_its_verdict() {
        let error = |status: u16, kind: &str, cause: Option<&str>| {
            let mut error =
                json!({"type": kind, "reason": format!("because {kind}"), "index": "i", "shard": "0", "n": 7});
            if let Some(cause) = cause {
                error["caused_by"] = json!({"type": cause, "reason": "deeper", "line": 3});
            }
            json!({"index": {"_index": "i", "_id": "1", "status": status, "error": error}})
        };
        let answer = json!({"took": 3, "errors": true, "items": [
            {"create": {"status": 201}},
            {"delete": {"_id": "x", "status": 404, "result": "not_found"}},
            error(400, "mapper_parsing_exception", Some("number_format_exception")),
            error(400, "exception", Some("illegal_argument_exception")),
            error(409, "version_conflict_engine_exception", None),
            error(429, "es_rejected_execution_exception", None),
            error(503, "unavailable_shards_exception", None),
            error(404, "index_not_found_exception", None),
        ]});
        let verdicts = verdicts(answer.to_string().as_bytes(), 8).unwrap();
        assert_eq!(verdicts[..2], [Verdict::Done, Verdict::Done]);
        assert!(matches!(
            &verdicts[2..4],
            [Verdict::Malformed(_), Verdict::Malformed(_)]
        ));
        assert!(matches!(&verdicts[4], Verdict::Conflict(refusal) if refusal.reason.starts_with("because version")));
        assert!(matches!(&verdicts[5..7], [Verdict::Busy(_), Verdict::Busy(_)]));
        assert!(matches!(&verdicts[7], Verdict::Refused(_)));
    }

    #[test]
    fn answers_are_checked() {
        assert_eq!(verdicts(br#"{"took":1,"errors":false,"items":[{"#, 1).unwrap(), []);
        assert_eq!(verdicts(br#"{"took":1, "errors" : false}"#, 1).unwrap(), []);
        assert!(
            verdicts(br#"{"errors":true,"items":[]}"#, 1)
                .unwrap_err()
                .to_string()
                .contains("of 1 items")
        );
        assert!(
            verdicts(b"<html>", 1)
                .unwrap_err()
                .to_string()
                .contains("not understood: <html>")
        );
    }
}
