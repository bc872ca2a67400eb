//! A schema registry in memory, with the part of the REST API that serializers use. One server, one empty registry per
//! case: the case's number is the first part of the path, so nothing that a client keeps by URL leaks between cases.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use serde_json::{Value as Json, json};

/// One registration.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    subject: String,
    version: i32,
    id: i32,
    text: String,
    /// The text parsed, by which schemas are told apart.
    schema: Json,
    kind: String,
}

impl Version {
    fn answer(&self) -> Json {
        let mut answer = json!({"subject": self.subject, "version": self.version, "id": self.id, "schema": self.text});
        if self.kind != "AVRO" {
            answer["schemaType"] = self.kind.clone().into();
        }
        answer
    }
}

/// What one case's registry holds, in order of registration.
#[derive(Debug, Default)]
struct Content {
    versions: Vec<Version>,
}

impl Content {
    fn of_subject(&self, subject: &str) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.iter().filter(move |version| version.subject == subject)
    }

    fn register(&mut self, subject: &str, text: &str, kind: &str) -> Result<Version, String> {
        let schema = parse_schema(text)?;
        if let Some(known) = self.of_subject(subject).find(|version| version.schema == schema) {
            return Ok(known.clone());
        }
        let same = self
            .versions
            .iter()
            .find(|version| version.schema == schema && version.kind == kind);
        let next = self.versions.iter().map(|version| version.id).max().unwrap_or(0) + 1;
        let version = Version {
            subject: subject.to_owned(),
            version: self.of_subject(subject).next_back().map_or(1, |last| last.version + 1),
            id: same.map_or(next, |version| version.id),
            text: text.to_owned(),
            schema,
            kind: kind.to_owned(),
        };
        self.versions.push(version.clone());
        Ok(version)
    }
}

/// An Avro schema may be a bare name, which is JSON text all the same.
fn parse_schema(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|e| format!("Invalid schema {text}: {e}"))
}

type Cases = Arc<Mutex<HashMap<u64, Content>>>;

fn lock(cases: &Cases) -> MutexGuard<'_, HashMap<u64, Content>> {
    cases.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server; it runs as long as the runtime it was started on.
pub struct RegistryServer {
    address: std::net::SocketAddr,
    cases: Cases,
}

impl RegistryServer {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub async fn start() -> Result<Self, String> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.map_err(|e| format!("cannot listen for the registry: {e}"))?;
        let address = listener.local_addr().map_err(|e| format!("registry address: {e}"))?;
        let cases = Cases::default();
        let router = router(cases.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(RegistryServer { address, cases })
    }

    /// Opens a registry with the given registrations (`{subject, version, schema_id, schema}` in order).
    ///
    /// # Errors
    /// A sentence, if versions or ids do not come out as the case says.
    pub fn open_case(&self, registrations: &Json) -> Result<CaseRegistry, String> {
        let mut cases = lock(&self.cases);
        let number = cases.len() as u64;
        let mut content = Content::default();
        for entry in registrations.as_array().map(Vec::as_slice).unwrap_or_default() {
            let subject = entry["subject"].as_str().unwrap_or_default();
            let made = content.register(subject, entry["schema"].as_str().unwrap_or_default(), "AVRO")?;
            if entry["version"] != json!(made.version) || entry["schema_id"] != json!(made.id) {
                return Err(format!("the case's registry is out of order: {entry}, made {made:?}"));
            }
        }
        let before = content.versions.len();
        cases.insert(number, content);
        drop(cases);
        Ok(CaseRegistry {
            url: format!("http://{}/{number}", self.address),
            cases: self.cases.clone(),
            number,
            before,
        })
    }
}

/// One case's registry.
pub struct CaseRegistry {
    url: String,
    cases: Cases,
    number: u64,
    before: usize,
}

impl CaseRegistry {
    /// Base URL for `schema.registry.url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Compares what was registered since the case began; schema texts as JSON.
    ///
    /// # Errors
    /// The difference.
    pub fn compare_added(&self, expected: &Json) -> Result<(), String> {
        let cases = lock(&self.cases);
        let versions = cases.get(&self.number).map(|content| content.versions.as_slice());
        let added = versions.unwrap_or_default().get(self.before..).unwrap_or_default();
        let expected = expected.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_same = |expected: &Json, actual: &Version| {
            let schema = expected["schema"].as_str().map(parse_schema);
            expected["subject"] == json!(actual.subject)
                && expected["version"] == json!(actual.version)
                && expected["schema_id"] == json!(actual.id)
                && schema == Some(Ok(actual.schema.clone()))
        };
        let all_same = expected.len() == added.len() && expected.iter().zip(added).all(|(e, a)| is_same(e, a));
        if all_same {
            return Ok(());
        }
        let expected: Vec<String> = expected.iter().map(Json::to_string).collect();
        let actual: Vec<String> = added.iter().map(|version| version.answer().to_string()).collect();
        Err(format!(
            "registered schemas differ\n  expected {}\n  actual   {}",
            expected.join(" "),
            actual.join(" ")
        ))
    }
}

type Answer = Result<Body<Json>, (StatusCode, Body<Json>)>;

fn refuse(status: StatusCode, code: i32, message: &str) -> Answer {
    Err((status, Body(json!({"error_code": code, "message": message}))))
}

fn no_subject(subject: &str) -> Answer {
    refuse(StatusCode::NOT_FOUND, 40401, &format!("Subject '{subject}' not found."))
}

fn router(cases: Cases) -> Router {
    Router::new()
        .route("/{case}/subjects", get(subjects))
        .route("/{case}/subjects/{subject}", post(look_up))
        .route("/{case}/subjects/{subject}/versions", get(versions).post(register))
        .route("/{case}/subjects/{subject}/versions/{version}", get(version))
        .route("/{case}/schemas/ids/{id}", get(by_id))
        .route("/{case}/schemas/ids/{id}/versions", get(versions_of_id))
        .route("/{case}/schemas/ids/{id}/subjects", get(subjects_of_id))
        .route("/{case}/config", get(compatibility))
        .route("/{case}/config/{subject}", get(compatibility))
        .with_state(cases)
}

/// Compatibility is not enforced.
async fn compatibility() -> Answer {
    Ok(Body(json!({"compatibilityLevel": "NONE"})))
}

async fn subjects(State(cases): State<Cases>, Path(case): Path<u64>) -> Answer {
    let cases = lock(&cases);
    let versions = cases.get(&case).map(|content| content.versions.as_slice());
    let names: BTreeMap<&str, ()> = versions
        .unwrap_or_default()
        .iter()
        .map(|version| (version.subject.as_str(), ()))
        .collect();
    Ok(Body(json!(names.keys().collect::<Vec<_>>())))
}

fn schema_text(body: &Json) -> &str {
    body.get("schema").and_then(Json::as_str).unwrap_or_default()
}

fn schema_kind(body: &Json) -> &str {
    body.get("schemaType").and_then(Json::as_str).unwrap_or("AVRO")
}

async fn register(
    State(cases): State<Cases>,
    Path((case, subject)): Path<(u64, String)>,
    Body(body): Body<Json>,
) -> Answer {
    let mut cases = lock(&cases);
    let content = cases.entry(case).or_default();
    match content.register(&subject, schema_text(&body), schema_kind(&body)) {
        Ok(version) => Ok(Body(json!({"id": version.id}))),
        Err(message) => refuse(StatusCode::UNPROCESSABLE_ENTITY, 42201, &message),
    }
}

async fn look_up(
    State(cases): State<Cases>,
    Path((case, subject)): Path<(u64, String)>,
    Body(body): Body<Json>,
) -> Answer {
    let schema = match parse_schema(schema_text(&body)) {
        Ok(schema) => schema,
        Err(message) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, 42201, &message),
    };
    let mut cases = lock(&cases);
    let content = cases.entry(case).or_default();
    if content.of_subject(&subject).next().is_none() {
        return no_subject(&subject);
    }
    match content.of_subject(&subject).find(|version| version.schema == schema) {
        Some(version) => Ok(Body(version.answer())),
        None => refuse(StatusCode::NOT_FOUND, 40403, "Schema not found"),
    }
}

async fn versions(State(cases): State<Cases>, Path((case, subject)): Path<(u64, String)>) -> Answer {
    let mut cases = lock(&cases);
    let numbers: Vec<i32> = cases
        .entry(case)
        .or_default()
        .of_subject(&subject)
        .map(|v| v.version)
        .collect();
    if numbers.is_empty() {
        return no_subject(&subject);
    }
    Ok(Body(json!(numbers)))
}

async fn version(State(cases): State<Cases>, Path((case, subject, wanted)): Path<(u64, String, String)>) -> Answer {
    let mut cases = lock(&cases);
    let content = cases.entry(case).or_default();
    let Some(latest) = content.of_subject(&subject).next_back() else {
        return no_subject(&subject);
    };
    if wanted == "latest" || wanted == "-1" {
        return Ok(Body(latest.answer()));
    }
    let found = content
        .of_subject(&subject)
        .find(|version| version.version.to_string() == wanted);
    match found {
        Some(version) => Ok(Body(version.answer())),
        None => refuse(StatusCode::NOT_FOUND, 40402, &format!("Version {wanted} not found.")),
    }
}

async fn by_id(
    State(cases): State<Cases>,
    Path((case, id)): Path<(u64, i32)>,
    Query(_subject): Query<HashMap<String, String>>,
) -> Answer {
    let mut cases = lock(&cases);
    match cases
        .entry(case)
        .or_default()
        .versions
        .iter()
        .find(|version| version.id == id)
    {
        Some(version) if version.kind == "AVRO" => Ok(Body(json!({"schema": version.text}))),
        Some(version) => Ok(Body(json!({"schema": version.text, "schemaType": version.kind}))),
        None => refuse(StatusCode::NOT_FOUND, 40403, &format!("Schema {id} not found")),
    }
}

async fn versions_of_id(State(cases): State<Cases>, Path((case, id)): Path<(u64, i32)>) -> Answer {
    let mut cases = lock(&cases);
    let versions = cases
        .entry(case)
        .or_default()
        .versions
        .iter()
        .filter(|version| version.id == id);
    let listed: Vec<Json> = versions
        .map(|version| json!({"subject": version.subject, "version": version.version}))
        .collect();
    Ok(Body(json!(listed)))
}

async fn subjects_of_id(State(cases): State<Cases>, Path((case, id)): Path<(u64, i32)>) -> Answer {
    let mut cases = lock(&cases);
    let versions = cases
        .entry(case)
        .or_default()
        .versions
        .iter()
        .filter(|version| version.id == id);
    Ok(Body(json!(
        versions.map(|version| version.subject.clone()).collect::<Vec<_>>()
    )))
}
