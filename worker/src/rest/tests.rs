//! Requests through the whole server but the socket, with a herder that keeps connectors in memory.

mod herder;

use super::internal::Signatures;
use super::server::{attached, router};
use crate::config::OverridePolicy;
use crate::herder::HerderError;
use crate::plugins::Plugins;
use crate::validation::{Validator, WorkerFacts};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use herder::MemoryHerder;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;

fn validator() -> Arc<Validator> {
    let string = "org.apache.kafka.connect.storage.StringConverter".to_string();
    let facts = WorkerFacts {
        group_id: Some("workers".to_string()),
        exactly_once_sources: false,
        override_policy: OverridePolicy::All,
        key_converter: string.clone(),
        value_converter: string,
        header_converter: "SimpleHeaderConverter".to_string(),
        providers: Arc::default(),
    };
    Arc::new(Validator::with_facts(
        Arc::new(Plugins::new(turnbuckle_file::plugins())),
        facts,
    ))
}

fn server(herder: Arc<MemoryHerder>) -> Router {
    attached(herder, validator(), Signatures::Unsigned)
}

struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_string()
    }
}

async fn send(server: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("Host", "worker:8083");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = server
        .clone()
        .oneshot(request.body(Body::from(body.to_string())).unwrap())
        .await
        .unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
    Reply { status, headers, body }
}

type RequestHeaders = &'static [(&'static str, &'static str)];

const JSON: RequestHeaders = &[("Content-Type", "application/json")];

async fn send_json(server: &Router, method: &str, path: &str, body: Value) -> Reply {
    send(server, method, path, JSON, &body.to_string()).await
}

fn file_source(topic: &str) -> Value {
    json!({"connector.class": "FileStreamSource", "topic": topic})
}

#[tokio::test]
async fn requests_are_judged_before_a_handler_runs() {
    let server = server(Arc::default());
    let json = Some("application/json");
    let html = Some("text/html;charset=iso-8859-1");
    let text: RequestHeaders = &[("Content-Type", "text/plain")];
    // Method, path and headers; status, content type and message.
    type Case = (
        &'static str,
        &'static str,
        RequestHeaders,
        u16,
        Option<&'static str>,
        &'static str,
    );
    let cases: [Case; 24] = [
        ("GET", "/", &[], 200, json, ""),
        ("HEAD", "/health/", &[], 200, json, ""),
        ("POST", "/", JSON, 405, None, "HTTP 405 Method Not Allowed"),
        ("BREW", "/connectors", &[], 405, None, "HTTP 405 Method Not Allowed"),
        (
            "GET",
            "/connectors/x/pause",
            &[],
            405,
            None,
            "HTTP 405 Method Not Allowed",
        ),
        ("GET", "/nothing", &[], 404, None, "HTTP 404 Not Found"),
        ("OPTIONS", "/nothing", &[], 404, None, "HTTP 404 Not Found"),
        ("OPTIONS", "/connectors", &[], 200, Some("text/plain"), ""),
        ("GET", "//connectors", &[], 400, html, ""),
        ("PUT", "/connectors/a%2Fb/pause", &[], 400, None, ""),
        (
            "GET",
            "/",
            &[("Accept", "text/html")],
            406,
            None,
            "HTTP 406 Not Acceptable",
        ),
        (
            "GET",
            "/",
            &[("Accept", "application/json;charset=utf-8")],
            200,
            Some("application/json;charset=utf-8"),
            "",
        ),
        (
            "PUT",
            "/connectors/x/resume",
            text,
            415,
            None,
            "HTTP 415 Unsupported Media Type",
        ),
        ("GET", "/", text, 200, json, ""),
        (
            "POST",
            "/connectors",
            &[("Content-Type", "application/*")],
            415,
            json,
            "HTTP 415 Unsupported Media Type",
        ),
        ("POST", "/connectors", &[], 415, json, "HTTP 415 Unsupported Media Type"),
        ("POST", "/connectors", &[("Content-Type", "json")], 400, html, ""),
        (
            "GET",
            "/connectors/x;v=1/config?pretty=1",
            &[],
            404,
            json,
            "Connector x not found",
        ),
        (
            "GET",
            "/connectors/x/status/",
            &[],
            404,
            json,
            "No status found for connector x",
        ),
        (
            "GET",
            "/connectors/x/tasks/-1/status",
            &[],
            404,
            json,
            "No status found for task x--1",
        ),
        (
            "GET",
            "/connectors/x/tasks/y/status",
            &[],
            404,
            json,
            "HTTP 404 Not Found",
        ),
        ("PUT", "/connectors/x/pause", &[], 404, json, "Unknown connector x"),
        (
            "POST",
            "/connectors/x/restart?includeTasks=no",
            &[],
            404,
            json,
            "Unknown connector: x",
        ),
        (
            "PUT",
            "/connectors/x/topics/reset",
            &[],
            403,
            json,
            "Topic tracking reset is disabled.",
        ),
    ];
    for (method, path, headers, status, content_type, message) in cases {
        let reply = send(&server, method, path, headers, "{}").await;
        let found = (reply.status, reply.header("content-type"), reply.message());
        assert_eq!(found, (status, content_type, message.to_string()), "{method} {path}");
    }
    let too_long = send(
        &server,
        "POST",
        "/connectors",
        JSON,
        &" ".repeat(super::dispatch::BODY_LIMIT + 1),
    )
    .await;
    assert_eq!(too_long.status, 413);
}

#[tokio::test]
async fn nothing_is_found_before_resources_are_attached() {
    let reply = send(&router(Arc::default()), "GET", "/", &[], "").await;
    assert_eq!((reply.status, reply.header("content-type")), (404, None));
}

#[tokio::test]
async fn connectors_are_created_changed_and_deleted() {
    let server = server(Arc::default());
    let body = json!({"name": " a b ", "config": file_source("t"), "initial_state": "paused"});
    let created = send_json(&server, "POST", "/connectors?x=1", body.clone()).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("http://worker:8083/connectors/a%20b"))
    );
    let config =
        json!({"connector.class": "FileStreamSource", "topic": "t", "name": "a b", "state in this test": "PAUSED"});
    let info = json!({"name": "a b", "config": config, "tasks": [{"connector": "a b", "task": 0}], "type": "source"});
    assert_eq!(created.json(), info);
    assert_eq!(String::from_utf8_lossy(&created.body).find("\"name\""), Some(1));
    let again = send_json(&server, "POST", "/connectors", body).await;
    assert_eq!(
        (again.status, again.message().as_str()),
        (409, "Connector a b already exists")
    );

    let put = send_json(&server, "PUT", "/connectors/a%20b/config", file_source("u")).await;
    assert_eq!(
        (put.status, put.header("location"), &put.json()["config"]["name"]),
        (200, None, &json!("a b"))
    );
    let new = send_json(&server, "PUT", "/connectors/c/config", file_source("u")).await;
    assert_eq!(
        (new.status, new.header("location")),
        (201, Some("http://worker:8083/connectors/c"))
    );
    let patched = send_json(&server, "PATCH", "/connectors/c/config", json!({"topic": null})).await;
    assert_eq!(patched.status, 400);
    assert!(
        patched.message().contains("Missing required configuration \"topic\""),
        "{}",
        patched.message()
    );

    let names = send(&server, "GET", "/connectors", &[], "").await.json();
    assert_eq!(names, json!(["a b", "c"]));
    let expanded = send(
        &server,
        "GET",
        "/connectors?expand=status&expand=info&expand=none",
        &[],
        "",
    )
    .await
    .json();
    assert_eq!(expanded["c"]["info"]["name"], "c");
    assert_eq!(
        expanded["c"]["status"]["connector"],
        json!({"state": "RUNNING", "worker_id": "w:1", "version": null})
    );
    let offsets = send(&server, "GET", "/connectors/c/offsets", &[], "").await.json();
    assert_eq!(
        offsets,
        json!({"offsets": [{"partition": {"filename": "/a"}, "offset": {"position": 30}}]})
    );
    let topics = send(&server, "GET", "/connectors/c/topics", &[], "").await.json();
    assert_eq!(topics, json!({"c": {"topics": ["t"]}}));

    let deleted = send(&server, "DELETE", "/connectors/c", &[], "").await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(send(&server, "DELETE", "/connectors/c", &[], "").await.status, 404);
}

#[tokio::test]
async fn bad_creations_are_refused() {
    let server = server(Arc::default());
    let cases = [
        (
            json!({"name": "a", "config": {"name": "b"}}),
            400,
            "Connector name configuration (b) doesn't match connector name in the URL (a)",
        ),
        (
            json!({"config": {"name": "b"}}),
            400,
            "Connector name configuration (b) doesn't match connector name in the URL ()",
        ),
        (
            json!({"name": "a", "config": {}}),
            400,
            "Connector config {name=…} contains no connector type",
        ),
        (json!({"name": "a"}), 500, "The request has no \"config\""),
        (
            json!([]),
            500,
            "Cannot deserialize value of type `org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest` \
                          from Array value (token `JsonToken.START_ARRAY`)",
        ),
        (
            json!({"name": "", "config": file_source("t")}),
            400,
            "Connector configuration is invalid and contains the following 1 error(s):\nInvalid value  for configuration name: \
             String may not be empty\nYou can also find the above list of errors at the endpoint \
             `/connector-plugins/{connectorType}/config/validate`",
        ),
    ];
    for (body, status, message) in cases {
        let reply = send_json(&server, "POST", "/connectors", body.clone()).await;
        assert_eq!((reply.status, reply.message().as_str()), (status, message), "{body}");
    }
    let braces = send_json(
        &server,
        "POST",
        "/connectors",
        json!({"name": "{c}", "config": file_source("t")}),
    )
    .await;
    assert_eq!(
        (braces.status, braces.message().as_str()),
        (500, "The template variable 'c' has no value")
    );
    // As with the JVM worker the connector is there all the same.
    assert_eq!(
        send(&server, "GET", "/connectors", &[], "").await.json(),
        json!(["{c}"])
    );
}

#[tokio::test]
async fn restarts_answer_by_their_flags() {
    let server = server(Arc::default());
    send_json(&server, "PUT", "/connectors/c/config", file_source("t")).await;
    let cases = [
        ("", 204, Value::Null),
        ("?includeTasks=1&onlyFailed=", 204, Value::Null),
        ("?includeTasks=TRUE", 202, json!("RESTARTING")),
        ("?includeTasks=false&onlyFailed=true", 202, json!("RUNNING")),
    ];
    for (query, status, state) in cases {
        let reply = send(&server, "POST", &format!("/connectors/c/restart{query}"), &[], "").await;
        assert_eq!(
            (reply.status, reply.json()["connector"]["state"].clone()),
            (status, state),
            "{query}"
        );
    }
    let unknown = send(&server, "POST", "/connectors/c/tasks/-1/restart", &[], "").await;
    assert_eq!(
        (unknown.status, unknown.message().as_str()),
        (404, "Unknown task: c--1")
    );
}

#[tokio::test]
async fn a_rebalance_is_a_conflict_only_where_requests_are_forwarded() {
    let server = server(MemoryHerder::failing(HerderError::RebalanceNeeded));
    let get = send(&server, "GET", "/connectors/c", &[], "").await;
    let get = (get.status, get.message());
    assert_eq!(
        get,
        (
            500,
            "Request cannot be completed because a rebalance is expected".to_string()
        )
    );
    let restart = send(&server, "POST", "/connectors/c/restart", &[], "").await;
    assert_eq!(restart.status, 409);
    assert!(
        restart
            .message()
            .starts_with("Cannot complete request momentarily due to stale configuration")
    );
}

#[tokio::test]
async fn another_worker_is_asked_twice_at_most() {
    let leader = Arc::new(MemoryHerder::default());
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let serving = tokio::spawn(axum::serve(socket, server(leader.clone())).into_future());
    let follower = server(MemoryHerder::failing(HerderError::NotHere { url: Some(url) }));

    let body = json!({"name": "a b", "config": file_source("t"), "initial_state": "STOPPED"});
    let created = send_json(&follower, "POST", "/connectors", body.clone()).await;
    assert_eq!(
        (created.status, created.header("location")),
        (201, Some("http://worker:8083/connectors/a%20b"))
    );
    assert_eq!(created.json()["config"]["state in this test"], "STOPPED");
    let again = send_json(&follower, "POST", "/connectors?forward=true", body.clone()).await;
    assert_eq!(
        (again.status, again.message().as_str()),
        (409, "Connector a b already exists")
    );
    let exhausted = send_json(&follower, "POST", "/connectors?forward=false", body).await;
    let text = "Cannot complete request because of a conflicting operation (e.g. worker rebalance)";
    assert_eq!((exhausted.status, exhausted.message().as_str()), (409, text));

    let plan = send(
        &follower,
        "POST",
        "/connectors/a%20b/restart?includeTasks=true",
        &[],
        "",
    )
    .await;
    assert_eq!(
        (plan.status, plan.json()["connector"]["state"].clone()),
        (202, json!("RESTARTING"))
    );
    assert_eq!(
        send(&follower, "PUT", "/connectors/a%20b/stop", &[], "").await.status,
        204
    );
    assert_eq!(
        send(&follower, "DELETE", "/connectors/a%20b", &[], "").await.status,
        204
    );
    assert!(leader.connectors.lock().unwrap().is_empty());
    serving.abort();

    let nobody = server(MemoryHerder::failing(HerderError::NotHere { url: None }));
    let unknown = send(&nobody, "PUT", "/connectors/c/stop", &[], "").await;
    let text =
        "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway.";
    assert_eq!((unknown.status, unknown.message().as_str()), (409, text));
}

#[tokio::test]
async fn validation_failures_show_their_class() {
    let server = server(Arc::default());
    let path = "/connector-plugins/FileStreamSource/config/validate";
    let cases = [
        (
            json!({"connector.class": "FileStreamSink"}),
            400,
            "Included connector type FileStreamSink does not match request type FileStreamSource",
        ),
        (
            json!({"name": "v"}),
            500,
            "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: Connector config {name=…} contains no connector \
             type",
        ),
    ];
    for (body, status, message) in cases {
        let reply = send_json(&server, "PUT", path, body.clone()).await;
        assert_eq!((reply.status, reply.message().as_str()), (status, message), "{body}");
    }
    let infos = send_json(
        &server,
        "PUT",
        "/connector-plugins/Source/config/validate",
        file_source("t"),
    )
    .await;
    assert_eq!((infos.status, infos.json()["error_count"].clone()), (200, json!(1)));
    let text = String::from_utf8_lossy(&infos.body).into_owned();
    let start = "{\"name\":\"FileStreamSource\",\"error_count\":1,\"groups\":[\"Common\",";
    assert!(text.starts_with(start), "{text:.200}");
    let list = send(&server, "GET", "/connector-plugins?connectorsOnly=no", &[], "")
        .await
        .json();
    let classes: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|plugin| plugin["class"].as_str())
        .collect();
    assert_eq!(
        classes,
        [
            "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "org.apache.kafka.connect.file.FileStreamSourceConnector"
        ]
    );
}

#[tokio::test]
async fn requests_of_other_workers_need_a_signature() {
    let signed = Signatures::Signed {
        algorithms: vec!["HmacSHA256".to_string()],
        keys: None,
    };
    let server = attached(Arc::<MemoryHerder>::default(), validator(), signed);
    const SIGNATURE: &str = "X-Connect-Authorization";
    const ALGORITHM: &str = "X-Connect-Request-Signature-Algorithm";
    let cases: [(RequestHeaders, u16, &str); 5] = [
        (
            &[(SIGNATURE, "AAAA")],
            400,
            "Internal request missing required signature",
        ),
        (
            &[(SIGNATURE, "AAAA"), (ALGORITHM, "Nonsense")],
            400,
            "Algorithm Nonsense not available",
        ),
        (
            &[(SIGNATURE, "*no*"), (ALGORITHM, "HmacSHA256")],
            400,
            "Illegal base64 character 2a",
        ),
        (
            &[(SIGNATURE, "AAAA"), (ALGORITHM, "HmacMD5")],
            400,
            "This worker does not support the 'HmacMD5' key signing algorithm used by other workers. This worker is currently \
             configured to use: [HmacSHA256]. Check that all workers' configuration files permit the same set of signature \
             algorithms, and correct any misconfigured worker and restart it.",
        ),
        (
            &[(SIGNATURE, "AAAA"), (ALGORITHM, "HmacSHA256")],
            503,
            "This worker is still starting up and has not been able to read a session key from the config topic yet",
        ),
    ];
    for (headers, status, message) in cases {
        for (method, path) in [("POST", "/connectors/c/tasks"), ("PUT", "/connectors/c/fence")] {
            let reply = send(&server, method, path, headers, "[]").await;
            assert_eq!((reply.status, reply.message().as_str()), (status, message), "{method}");
        }
    }
}
