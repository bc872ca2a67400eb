//! Client of the schema registry, and the frame that its serializers put around Avro data.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{avro, services};

/// A schema registry at a base URL.
#[derive(Debug, Clone)]
pub struct Registry {
    base: String,
    http: reqwest::Client,
}

impl Registry {
    /// The shared registry.
    pub fn shared() -> Self {
        Self::at(services::shared().registry())
    }

    /// A registry by its base URL, without a slash at its end.
    pub fn at(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build();
        Self {
            base: base.to_owned(),
            http: http.unwrap_or_else(|e| panic!("cannot build an HTTP client: {e}")),
        }
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    async fn call(&self, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}{path}", self.base);
        let request = match &body {
            Some(body) => self.http.post(&url).json(body),
            None => self.http.get(&url),
        };
        let response = request.send().await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        let status = response.status();
        let text = response.text().await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
        assert!(status.is_success(), "{url}: HTTP {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{url}: {e}: {text}"))
    }

    /// Registers an Avro schema; returns its id.
    pub async fn register(&self, subject: &str, schema: &Value) -> i32 {
        self.register_as(subject, "AVRO", &schema.to_string()).await
    }

    /// Registers a schema of any kind (`AVRO`, `JSON`, `PROTOBUF`); returns its id.
    pub async fn register_as(&self, subject: &str, kind: &str, schema: &str) -> i32 {
        let body = json!({"schema": schema, "schemaType": kind});
        let answer = self.call(&format!("/subjects/{subject}/versions"), Some(body)).await;
        let id = answer["id"].as_i64().and_then(|id| i32::try_from(id).ok());
        id.unwrap_or_else(|| panic!("no id for {subject} in {answer}"))
    }

    /// Text of a schema by its id.
    pub async fn schema_text(&self, id: i32) -> String {
        let answer = self.call(&format!("/schemas/ids/{id}"), None).await;
        answer["schema"]
            .as_str()
            .unwrap_or_else(|| panic!("no schema {id} in {answer}"))
            .to_owned()
    }

    /// An Avro schema by its id.
    pub async fn schema(&self, id: i32) -> Value {
        let text = self.schema_text(id).await;
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("schema {id}: {e}: {text}"))
    }

    /// All subjects.
    pub async fn subjects(&self) -> Vec<String> {
        let answer = self.call("/subjects", None).await;
        serde_json::from_value(answer).unwrap_or_else(|e| panic!("subjects: {e}"))
    }

    /// Versions of a subject.
    pub async fn versions(&self, subject: &str) -> Vec<i32> {
        let answer = self.call(&format!("/subjects/{subject}/versions"), None).await;
        serde_json::from_value(answer).unwrap_or_else(|e| panic!("versions of {subject}: {e}"))
    }

    /// Latest version of a subject: `{subject, version, id, schema}`.
    pub async fn latest(&self, subject: &str) -> Value {
        self.call(&format!("/subjects/{subject}/versions/latest"), None).await
    }

    /// Decodes framed Avro data by the schema that it names.
    pub async fn decode(&self, payload: &[u8]) -> Value {
        let (id, datum) = unframe(payload);
        avro::decode(&self.schema(id).await, datum)
    }
}

/// Magic byte, schema id, datum.
pub fn frame(id: i32, datum: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(5 + datum.len());
    payload.push(0);
    payload.extend_from_slice(&id.to_be_bytes());
    payload.extend_from_slice(datum);
    payload
}

/// Schema id and datum of a framed payload.
///
/// # Panics
/// When it does not begin with the magic byte and an id.
pub fn unframe(payload: &[u8]) -> (i32, &[u8]) {
    match payload {
        [0, a, b, c, d, datum @ ..] => (i32::from_be_bytes([*a, *b, *c, *d]), datum),
        _ => panic!("not framed by a registry serializer: {payload:02x?}"),
    }
}
