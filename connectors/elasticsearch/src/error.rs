//! Why a request failed, in the words of Elasticsearch's Java client.

use elasticsearch::http::response::{Cause, Error as ErrorBody, Exception};
use turnbuckle_api::{Error, ErrorKind};

/// A request that has failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer, or not all of it.
    Transport { class: &'static str, message: String },
    /// An answer that says no.
    Status {
        status: u16,
        /// `type` of the error, empty where the answer has none.
        kind: String,
        message: String,
    },
}

impl Failure {
    /// The failure of an answer with this status. `request` says what was asked of whom.
    pub(crate) fn of_answer(request: &str, status: u16, body: &[u8]) -> Self {
        let parsed: Option<Exception> = serde_json::from_slice(body).ok();
        let kind = parsed
            .as_ref()
            .and_then(|exception| exception.error().ty())
            .unwrap_or_default();
        let message = match &parsed {
            Some(exception) if !kind.is_empty() => describe(exception.error()),
            _ => {
                let text = String::from_utf8_lossy(body);
                let text: String = text.trim().chars().take(LONGEST_TEXT).collect();
                format!("{request}, status line [HTTP/1.1 {}] {text}", status_line(status))
            }
        };
        Failure::Status {
            status,
            kind: kind.to_string(),
            message: message.trim_end().to_string(),
        }
    }

    /// May the same request succeed later?
    pub(crate) fn is_retriable(&self) -> bool {
        match self {
            Failure::Transport { .. } => true,
            Failure::Status { status, .. } => *status == 429 || *status >= 500,
        }
    }

    /// HTTP status, if there was an answer.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Failure::Transport { .. } => None,
            Failure::Status { status, .. } => Some(*status),
        }
    }

    /// `type` of the server's error.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Failure::Transport { .. } => "",
            Failure::Status { kind, .. } => kind,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Failure::Transport { message, .. } | Failure::Status { message, .. } => message,
        }
    }

    fn class(&self) -> &'static str {
        match self {
            Failure::Transport { class, .. } => class,
            Failure::Status { kind, .. } if kind.is_empty() => "org.elasticsearch.client.ResponseException",
            Failure::Status { .. } => "org.elasticsearch.ElasticsearchStatusException",
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::new(ErrorKind::Class(failure.class()), failure.message().to_string())
    }
}

/// Text of an answer that is no JSON, in messages.
const LONGEST_TEXT: usize = 500;

fn status_line(status: u16) -> String {
    match reqwest::StatusCode::from_u16(status) {
        Ok(status) => status.to_string(),
        Err(_) => status.to_string(),
    }
}

/// An error of an answer with its causes, as the Java client prints it.
pub(crate) fn describe(error: &ErrorBody) -> String {
    let mut text = exception(error.ty(), error.reason());
    let mut cause = error.caused_by();
    if cause.is_none() {
        return text;
    }
    while let Some(inner) = cause {
        text.push_str("; nested: ");
        text.push_str(&exception(inner.ty(), inner.reason()));
        cause = Cause::caused_by(inner);
    }
    text.push(';');
    text
}

fn exception(kind: Option<&str>, reason: Option<&str>) -> String {
    format!(
        "ElasticsearchException[Elasticsearch exception [type={}, reason={}]]",
        kind.unwrap_or("null"),
        reason.unwrap_or("null")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_the_java_clients_texts() {
        let body =
            br#"{"error":{"root_cause":[],"type":"mapper_parsing_exception","reason":"failed to parse field [n]",
            "caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"x\""}},"status":400}"#;
        let failure = Failure::of_answer("method [POST]", 400, body);
        assert_eq!(failure.kind(), "mapper_parsing_exception");
        assert_eq!(
            failure.message(),
            "ElasticsearchException[Elasticsearch exception [type=mapper_parsing_exception, reason=failed to parse field \
             [n]]]; nested: ElasticsearchException[Elasticsearch exception [type=illegal_argument_exception, reason=For \
             input string: \"x\"]];"
        );
        assert!(!failure.is_retriable());
        let text = Failure::of_answer("method [GET], host [http://h], URI [/]", 401, b"Unauthorized\n");
        assert_eq!(
            text.message(),
            "method [GET], host [http://h], URI [/], status line [HTTP/1.1 401 Unauthorized] Unauthorized"
        );
        assert!(Failure::of_answer("", 503, b"").is_retriable() && Failure::of_answer("", 429, b"{}").is_retriable());
    }
}
