//! Requests that another worker must do: one way for all resources, with the JVM worker's rule of two hops.

use super::answer::{Answer, Failure, Handled};
use super::connectors::{location, no_value};
use super::dispatch::Call;
use super::path::encode;
use crate::herder::HerderError;
use axum::http::{HeaderMap, header};
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;

/// A little less than what the client of this request waits for.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(90);

/// What to ask of the other worker.
pub(super) struct Target {
    method: &'static str,
    /// Not encoded, as the name of a connector is.
    path: String,
    query: Vec<(&'static str, bool)>,
    body: Option<Value>,
}

impl Target {
    pub(super) fn new(method: &'static str, path: &str) -> Self {
        Target {
            method,
            path: path.to_string(),
            query: Vec::new(),
            body: None,
        }
    }

    /// A resource of a connector.
    pub(super) fn of(connector: &str, method: &'static str, part: &str) -> Self {
        Self::new(method, &format!("/connectors/{connector}{part}"))
    }

    pub(super) fn query(mut self, name: &'static str, value: bool) -> Self {
        self.query.push((name, value));
        self
    }

    pub(super) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// The client that forwards; made when it is first needed.
#[derive(Default)]
pub(super) struct Forwarder(OnceLock<reqwest::Client>);

impl Forwarder {
    fn client(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(FORWARD_TIMEOUT)
            .build()
            .map_err(|error| Failure::new(500, format!("Error trying to forward REST request: {error}")))?;
        Ok(self.0.get_or_init(|| client))
    }

    /// Sends and reads: status and body.
    async fn send(&self, url: &str, target: Target, hop: bool, headers: &HeaderMap) -> Result<(u16, Vec<u8>), Failure> {
        let failed = |error: reqwest::Error| {
            Failure::new(
                500,
                format!("IO Error trying to forward REST request: {}", innermost(&error)),
            )
        };
        let path = encode(&target.path).map_err(|variable| no_value(&variable))?;
        let mut url = format!("{}{path}?forward={hop}", url.trim_end_matches('/'));
        for (name, value) in &target.query {
            url.push_str(&format!("&{name}={value}"));
        }
        let method = reqwest::Method::from_bytes(target.method.as_bytes())
            .map_err(|error| Failure::new(500, format!("Error trying to forward REST request: {error}")))?;
        let mut request = self
            .client()?
            .request(method, url)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "kafka-connect");
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(body) = target.body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok((status, answer.bytes().await.map_err(failed)?.to_vec()))
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

impl Call<'_> {
    /// Handles an error of the herder: forwards if another worker is to do it. `created` is the name of the connector if a
    /// 201 of the other worker means a new one.
    pub(super) async fn forward(
        &self,
        error: HerderError,
        target: impl FnOnce() -> Target,
        created: Option<&str>,
    ) -> Handled {
        let url = match Failure::from(error) {
            Failure::Elsewhere { url } => url,
            failure => return Err(failure),
        };
        // A first hop may be forwarded once more, a second may not.
        let hop = match self.query.flag("forward") {
            None => true,
            Some(true) => false,
            Some(false) => {
                let text = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
                return Err(Failure::new(409, text));
            }
        };
        let Some(url) = url else {
            let text = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.";
            return Err(Failure::new(409, text));
        };
        tracing::debug!("forwarding to {url}");
        let (status, body) = self.resources.forwarder.send(&url, target(), hop, self.headers).await?;
        match status {
            204 => Ok(Answer::Empty(204)),
            200..=299 if body.is_empty() => Ok(Answer::Empty(status)),
            201 if created.is_some() => {
                let location = created.map(|name| location(self, name)).transpose()?;
                Ok(Answer::Json { status, body, location })
            }
            200..=299 => Ok(Answer::Json {
                status,
                body,
                location: None,
            }),
            400..=599 => Err(error_of(status, &body)),
            _ => Err(Failure::new(
                500,
                format!("Unexpected status code when handling forwarded request: {status}"),
            )),
        }
    }
}

/// The other worker's error; its message as it is.
fn error_of(status: u16, body: &[u8]) -> Failure {
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(entity)) => {
            let message = entity.get("message").and_then(Value::as_str).map(str::to_string);
            Failure::Status { status, message }
        }
        _ => Failure::new(status, String::from_utf8_lossy(body)),
    }
}
