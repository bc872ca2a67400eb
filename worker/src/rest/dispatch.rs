//! The way of a request through the checks to its handler and back.

use super::answer::{Answer, Failure, Handled, bad_request_page, error_response, with_status};
use super::forward::Forwarder;
use super::internal::Signatures;
use super::negotiate::{Entity, accepted, entity};
use super::path::{Query, segments};
use super::route::Route;
use super::{connectors, info, internal, lifecycle, loggers, offsets, plugins};
use crate::herder::Herder;
use crate::validation::Validator;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, Response, header};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Time for any request, as in the JVM worker.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);

/// Largest request body; configurations are far smaller.
pub(super) const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// What handlers work with.
pub(super) struct Resources {
    pub(super) herder: Arc<dyn Herder>,
    pub(super) validator: Arc<Validator>,
    pub(super) signatures: Signatures,
    pub(super) forwarder: Forwarder,
}

/// State of the server: its resources once the herder has started.
#[derive(Default)]
pub(super) struct App {
    pub(super) resources: OnceLock<Resources>,
}

/// A request whose resource has been found.
pub(super) struct Call<'a> {
    pub(super) resources: &'a Resources,
    pub(super) query: &'a Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
    /// `http://host:port` by which the client reached this worker.
    pub(super) base: String,
}

impl Call<'_> {
    pub(super) fn herder(&self) -> &dyn Herder {
        self.resources.herder.as_ref()
    }
}

/// Answers one request.
pub(super) async fn handle(app: Arc<App>, request: Request) -> Response<Body> {
    let started = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let response = answer(&app, request).await;
    // The query stays out of the log: nothing keeps a client from putting a secret there.
    tracing::info!(
        "{method} {} {} {}ms",
        uri.path(),
        response.status().as_u16(),
        started.elapsed().as_millis()
    );
    response
}

async fn answer(app: &App, request: Request) -> Response<Body> {
    let method = request.method().clone();
    // The JVM worker's server sends its page to these methods only.
    let page_has_body = matches!(method, Method::GET | Method::HEAD | Method::POST);
    let segments = match segments(request.uri().path()) {
        Ok(segments) => segments,
        Err(ambiguous) => return bad_request_page(ambiguous.0, page_has_body),
    };
    let entity = entity(request.headers());
    if entity == Entity::Malformed {
        return bad_request_page("Bad Content-Type header value", page_has_body);
    }
    let (Some(resources), Some(route)) = (app.resources.get(), Route::find(&segments)) else {
        return refuse(404);
    };
    if method == Method::OPTIONS {
        return options(&route);
    }
    if !route.allows(method.as_str()) {
        return refuse(405);
    }
    if entity == Entity::Other && route.consumes_json() {
        return refuse(415);
    }
    let Some(content_type) = accepted(request.headers()) else {
        return refuse(406);
    };

    let handled = match read(&route, request, &entity).await {
        Ok((parts, body)) => {
            let query = Query::parse(parts.uri.query().unwrap_or_default());
            let call = Call {
                resources,
                query: &query,
                headers: &parts.headers,
                body,
                base: base_url(&parts.headers),
            };
            run(&route, method.as_str(), &call).await
        }
        Err(failure) => Err(failure),
    };
    match handled {
        Ok(answer) => answer.into_response(&content_type),
        Err(failure) => {
            let (status, message) = describe(failure, route.is_forwarded(method.as_str()));
            error_response(status, message.as_deref(), Some(&content_type))
        }
    }
}

/// An error of the server itself, which has no content type.
fn refuse(status: u16) -> Response<Body> {
    match Failure::http(status) {
        Failure::Status { status, message } => error_response(status, message.as_deref(), None),
        _ => error_response(status, None, None),
    }
}

fn options(route: &Route) -> Response<Body> {
    let methods = route.allow();
    let mut response = with_status(200, Body::from(methods.join(", ")));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(allow) = HeaderValue::try_from(methods.join(",")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// Reads the entity if the method wants one.
async fn read(
    route: &Route,
    request: Request,
    entity: &Entity,
) -> Result<(axum::http::request::Parts, Bytes), Failure> {
    let wants_entity = route.reads_entity(request.method().as_str());
    let (parts, body) = request.into_parts();
    if !wants_entity {
        return Ok((parts, Bytes::new()));
    }
    let body = axum::body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let too_long =
            std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("length limit"));
        match too_long {
            true => Failure::new(
                413,
                format!("The request body is larger than {BODY_LIMIT} bytes, the most that is read"),
            ),
            false => Failure::new(400, format!("The request body could not be read: {error}")),
        }
    })?;
    // Task configurations are read as bytes, whatever their type.
    let unreadable = match entity {
        Entity::Range => true,
        Entity::Unsaid => !body.is_empty() && !matches!(route, Route::Tasks(_)),
        _ => false,
    };
    if unreadable {
        return Err(Failure::http(415));
    }
    Ok((parts, body))
}

fn base_url(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost");
    format!("http://{host}")
}

async fn run(route: &Route, method: &str, call: &Call<'_>) -> Handled {
    match tokio::time::timeout(REQUEST_TIMEOUT, route_to(route, method, call)).await {
        Ok(handled) => handled,
        Err(_) => Err(Failure::new(500, "Request timed out")),
    }
}

/// The handler of a resource and method; HEAD is GET.
async fn route_to(route: &Route, method: &str, call: &Call<'_>) -> Handled {
    match (route, method) {
        (Route::Root, _) => info::root(call),
        (Route::Health, _) => info::health(call).await,
        (Route::Supervision, _) => info::supervision(call).await,
        (Route::Connectors, "POST") => connectors::create(call).await,
        (Route::Connectors, _) => connectors::list(call).await,
        (Route::Connector(name), "DELETE") => connectors::delete(call, name).await,
        (Route::Connector(name), _) => connectors::info(call, name).await,
        (Route::Config(name), "PUT") => connectors::put_config(call, name).await,
        (Route::Config(name), "PATCH") => connectors::patch_config(call, name).await,
        (Route::Config(name), _) => connectors::config(call, name).await,
        (Route::Status(name), _) => connectors::status(call, name).await,
        (Route::Tasks(name), "POST") => internal::put_tasks(call, name).await,
        (Route::Tasks(name), _) => connectors::tasks(call, name).await,
        (Route::TaskStatus(name, task), _) => connectors::task_status(call, name, task).await,
        (Route::Topics(name), _) => connectors::topics(call, name).await,
        (Route::TopicsReset(name), _) => connectors::reset_topics(call, name).await,
        (Route::Offsets(name), "PATCH") => offsets::alter(call, name).await,
        (Route::Offsets(name), "DELETE") => offsets::reset(call, name).await,
        (Route::Offsets(name), _) => offsets::read(call, name).await,
        (Route::Restart(name), _) => lifecycle::restart(call, name).await,
        (Route::TaskRestart(name, task), _) => lifecycle::restart_task(call, name, task).await,
        (Route::Pause(name), _) => lifecycle::pause(call, name).await,
        (Route::Resume(name), _) => lifecycle::resume(call, name).await,
        (Route::Stop(name), _) => lifecycle::stop(call, name).await,
        (Route::Fence(name), _) => internal::fence(call, name).await,
        (Route::Plugins, _) => plugins::list(call),
        (Route::PluginConfig(name), _) => plugins::config(call, name),
        (Route::PluginValidate(name), _) => plugins::validate(call, name).await,
        (Route::Loggers, _) => loggers::list(),
        (Route::Logger(name), "PUT") => loggers::set(call, name).await,
        (Route::Logger(name), _) => loggers::get(name),
    }
}

/// Status and message of what handlers and forwarding leave.
fn describe(failure: Failure, is_forwarded: bool) -> (u16, Option<String>) {
    match failure {
        Failure::Status { status, message } => (status, message),
        Failure::RebalanceNeeded if is_forwarded => (
            409,
            Some(
                "Cannot complete request momentarily due to stale configuration (typically caused by a concurrent config \
                 change)"
                    .to_string(),
            ),
        ),
        Failure::RebalanceNeeded => {
            (500, Some("Request cannot be completed because a rebalance is expected".to_string()))
        }
        Failure::Elsewhere { url } => {
            let url = url.unwrap_or_else(|| "another worker".to_string());
            (500, Some(format!("Only the worker at {url} can do this, and the request is not one that is forwarded")))
        }
    }
}

/// An empty answer.
pub(super) fn empty(status: u16) -> Handled {
    Ok(Answer::Empty(status))
}
