//! Single requests to one instance of a registry.

use super::error::RegistryError;
use reqwest_registry::{Client, ClientBuilder};
use schema_registry_converter::async_impl::schema_registry::{SrSettings, perform_sr_call};
use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::{RawError, RawRegisteredSchema, SrCall};
use serde::{Deserialize, Serialize};
use std::error::Error as StdError;
use std::time::Duration;
use turnbuckle_api::{Error, Password, Result};

const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// A schema that another one uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SchemaReference {
    /// Name by which the other schema uses it.
    pub name: String,
    pub subject: String,
    pub version: u32,
}

/// A schema as it is sent to a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaText {
    /// `AVRO`, `JSON` or `PROTOBUF`.
    pub kind: &'static str,
    pub text: String,
    pub references: Vec<SchemaReference>,
}

impl SchemaText {
    fn body(&self) -> String {
        let mut body = serde_json::json!({ "schema": self.text });
        // Registries take Avro for granted; old ones know no schemaType.
        if self.kind != "AVRO" {
            body["schemaType"] = self.kind.into();
        }
        if !self.references.is_empty() {
            body["references"] = serde_json::json!(self.references);
        }
        body.to_string()
    }
}

/// A schema as a registry has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredSchema {
    pub id: u32,
    /// Where the registry said it: version in the subject that was asked about.
    pub version: Option<i32>,
    /// `AVRO`, `JSON` or `PROTOBUF`.
    pub kind: String,
    pub text: String,
    pub references: Vec<SchemaReference>,
    /// All schemas it uses, those that they use themselves first.
    pub referenced: Vec<ReferencedSchema>,
}

/// A schema that another one uses, with the name by which it does.
#[derive(Clone, Debug, PartialEq)]
pub struct ReferencedSchema {
    pub name: String,
    pub text: String,
}

/// What is sent with each request to say who asks.
#[derive(Clone, Debug)]
pub(crate) enum Authorization {
    None,
    Basic(String, Password),
    Bearer(Password),
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) enum Call<'a> {
    ById {
        id: u32,
        subject: &'a str,
    },
    Latest {
        subject: &'a str,
    },
    Version {
        subject: &'a str,
        version: u32,
    },
    Register {
        subject: &'a str,
        schema: &'a SchemaText,
        normalize: bool,
    },
    Lookup {
        subject: &'a str,
        schema: &'a SchemaText,
        normalize: bool,
    },
}

/// The parts of an answer; which are there depends on the question.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Answer {
    pub(crate) id: Option<u32>,
    pub(crate) version: Option<u32>,
    pub(crate) schema_type: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) references: Option<Vec<SchemaReference>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error_code: u32,
    message: String,
}

/// One instance of the registry.
pub(crate) struct Instance {
    /// Without credentials, so that it may be shown.
    pub(crate) url: String,
    http: Client,
    settings: SrSettings,
    authorization: Authorization,
}

impl Instance {
    /// `builder` makes the HTTP client; it is called twice.
    pub(crate) fn new(
        url: String,
        builder: impl Fn() -> Result<ClientBuilder>,
        timeout: Duration,
        authorization: Authorization,
    ) -> Result<Self> {
        let refuse = |error: &dyn std::fmt::Display| {
            Error::invalid_config(
                "schema.registry.url",
                &url,
                format!("No HTTP client can be made: {error}"),
            )
        };
        let http = builder()?.timeout(timeout).build().map_err(|error| refuse(&error))?;
        let mut settings = SrSettings::new_builder(url.clone());
        settings.set_timeout(timeout);
        match &authorization {
            Authorization::None => {}
            Authorization::Basic(name, password) => {
                settings.set_basic_authorization(name, Some(password.reveal()));
            }
            Authorization::Bearer(token) => {
                settings.set_token_authorization(token.reveal());
            }
        }
        let settings = settings.build_with(builder()?).map_err(|error| refuse(&error.error))?;
        Ok(Instance {
            http,
            settings,
            authorization,
            url,
        })
    }

    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Answer, RegistryError> {
        match call {
            Call::ById { id, subject } if !subject.starts_with(':') => self.delegate(SrCall::GetById(*id)).await,
            Call::Latest { subject } if is_simple(subject) => self.delegate(SrCall::GetLatest(subject)).await,
            Call::Version { subject, version } if is_simple(subject) => {
                self.delegate(SrCall::GetBySubjectAndVersion(subject, *version)).await
            }
            Call::Register {
                subject,
                schema,
                normalize: false,
            } if is_simple(subject) => self.delegate(SrCall::PostNew(subject, &schema.body())).await,
            Call::Lookup {
                subject,
                schema,
                normalize: false,
            } if is_simple(subject) => self.delegate(SrCall::PostForVersion(subject, &schema.body())).await,
            other => self.own(other).await,
        }
    }

    async fn delegate(&self, call: SrCall<'_>) -> Result<Answer, RegistryError> {
        perform_sr_call(&self.settings, call)
            .await
            .map(Answer::from)
            .map_err(failure)
    }

    async fn own(&self, call: &Call<'_>) -> Result<Answer, RegistryError> {
        let base = &self.url;
        let request = match call {
            Call::ById { id, subject } => self
                .http
                .get(format!("{base}/schemas/ids/{id}?subject={}", encode(subject))),
            Call::Latest { subject } => self
                .http
                .get(format!("{base}/subjects/{}/versions/latest", encode(subject))),
            Call::Version { subject, version } => self
                .http
                .get(format!("{base}/subjects/{}/versions/{version}", encode(subject))),
            Call::Register {
                subject,
                schema,
                normalize,
            } => self
                .http
                .post(format!(
                    "{base}/subjects/{}/versions?normalize={normalize}",
                    encode(subject)
                ))
                .body(schema.body()),
            Call::Lookup {
                subject,
                schema,
                normalize,
            } => self
                .http
                .post(format!(
                    "{base}/subjects/{}?normalize={normalize}&deleted=false",
                    encode(subject)
                ))
                .body(schema.body()),
        };
        let request = request.header("Accept", MEDIA_TYPE).header("Content-Type", MEDIA_TYPE);
        let request = match &self.authorization {
            Authorization::None => request,
            Authorization::Basic(name, password) => request.basic_auth(name, Some(password.reveal())),
            Authorization::Bearer(token) => request.bearer_auth(token.reveal()),
        };
        let response = request.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unanswered(&error))?;
        if !status.is_success() {
            let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_else(|_| Refusal {
                error_code: 0,
                message: format!("HTTP status {status}"),
            });
            return Err(RegistryError::answered(
                status.as_u16(),
                refusal.error_code,
                refusal.message,
            ));
        }
        serde_json::from_slice(&body)
            .map_err(|error| RegistryError::unusable(format!("Answer of {base} is not understood: {error}")))
    }
}

/// Subjects that need no encoding beyond what the crate does.
fn is_simple(subject: &str) -> bool {
    !subject.is_empty()
        && subject
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
}

fn encode(subject: &str) -> String {
    let mut encoded = String::with_capacity(subject.len());
    for byte in subject.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

impl From<RawRegisteredSchema> for Answer {
    fn from(raw: RawRegisteredSchema) -> Self {
        let references = raw.references.map(|references| {
            let own = references.into_iter().map(|reference| SchemaReference {
                name: reference.name,
                subject: reference.subject,
                version: reference.version,
            });
            own.collect()
        });
        Answer {
            id: raw.id,
            version: raw.version,
            schema_type: raw.schema_type,
            schema: raw.schema,
            references,
        }
    }
}

/// The crate has the HTTP status in its text alone, and the registry's answer as cause.
fn failure(error: SRCError) -> RegistryError {
    const PREFIX: &str = "HTTP request to schema registry failed with status ";
    let status = error
        .error
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    let source = StdError::source(&error);
    let Some(status) = status else {
        let text = source.map_or_else(|| error.error.clone(), describe);
        let transport = source.and_then(|source| source.downcast_ref::<reqwest_registry::Error>());
        return RegistryError {
            retriable: error.retriable,
            timed_out: transport.is_some_and(reqwest_registry::Error::is_timeout),
            ..RegistryError::unreachable(text)
        };
    };
    match source.and_then(|source| source.downcast_ref::<RawError>()) {
        Some(raw) if raw.error_code > 0 => RegistryError::answered(status, raw.error_code, raw.message.clone()),
        _ => RegistryError::answered(status, 0, format!("HTTP status {status}")),
    }
}

/// No answer, or half of one.
fn unanswered(error: &reqwest_registry::Error) -> RegistryError {
    RegistryError {
        timed_out: error.is_timeout(),
        ..RegistryError::unreachable(describe(error))
    }
}

/// An error with its causes; addresses carry no credentials here.
fn describe(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
