//! Answers and failures, and how they become HTTP.

use crate::herder::HerderError;
use crate::plugins::BAD_REQUEST;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use turnbuckle_api::{Error, ErrorKind};

/// What a handler answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// A JSON body, perhaps with the path of a new resource.
    Json {
        status: u16,
        body: Vec<u8>,
        location: Option<String>,
    },
    Empty(u16),
}

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error entity; its code is the status.
    Status { status: u16, message: Option<String> },
    /// Another worker must do it; None while nobody knows which.
    Elsewhere { url: Option<String> },
    /// What this worker knows may be stale.
    RebalanceNeeded,
}

pub(super) type Handled = Result<Answer, Failure>;

#[derive(Serialize)]
struct ErrorEntity<'a> {
    error_code: u16,
    message: Option<&'a str>,
}

impl Answer {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Handled {
        Self::located(status, body, None)
    }

    /// JSON with a `Location`.
    pub(super) fn located(status: u16, body: &impl Serialize, location: Option<String>) -> Handled {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(500, format!("The answer can't be written as JSON: {error}")))?;
        Ok(Answer::Json { status, body, location })
    }

    pub(super) fn ok(body: &impl Serialize) -> Handled {
        Self::json(200, body)
    }

    pub(super) fn into_response(self, content_type: &HeaderValue) -> Response<Body> {
        match self {
            Answer::Empty(status) => with_status(status, Body::empty()),
            Answer::Json { status, body, location } => {
                let mut response = with_status(status, Body::from(body));
                response
                    .headers_mut()
                    .insert(header::CONTENT_TYPE, content_type.clone());
                if let Some(location) = location.and_then(|location| HeaderValue::try_from(location).ok()) {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                response
            }
        }
    }
}

impl Failure {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Failure::Status {
            status,
            message: Some(message.into()),
        }
    }

    /// Errors of JAX-RS itself: `HTTP 404 Not Found`.
    pub(super) fn http(status: u16) -> Self {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        Failure::new(status, format!("HTTP {status} {reason}"))
    }
}

impl From<HerderError> for Failure {
    fn from(error: HerderError) -> Self {
        match error {
            HerderError::Status { status, message } => Failure::Status { status, message },
            HerderError::NotHere { url } => Failure::Elsewhere { url },
            HerderError::RebalanceNeeded => Failure::RebalanceNeeded,
            HerderError::Failed(error) => error.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::NotFound => 404,
            ErrorKind::AlreadyExists => 409,
            kind if kind == BAD_REQUEST => 400,
            _ => 500,
        };
        Failure::Status {
            status,
            message: error.message().map(str::to_string),
        }
    }
}

/// The error entity, with the content type if a resource had been found.
pub(super) fn error_response(status: u16, message: Option<&str>, content_type: Option<&HeaderValue>) -> Response<Body> {
    let body = serde_json::to_vec(&ErrorEntity {
        error_code: status,
        message,
    })
    .unwrap_or_default();
    let mut response = with_status(status, Body::from(body));
    if let Some(content_type) = content_type {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type.clone());
    }
    response
}

/// The page that the JVM worker's server answers requests with which Connect does not see.
pub(super) fn bad_request_page(reason: &str, with_body: bool) -> Response<Body> {
    if !with_body {
        return with_status(400, Body::empty());
    }
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>Error 400 {reason}</title></head>\n<body><h2>HTTP ERROR 400 {reason}</h2>\
         </body></html>\n"
    );
    let mut response = with_status(400, Body::from(page));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html;charset=iso-8859-1"),
    );
    response
}

pub(super) fn with_status(status: u16, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
