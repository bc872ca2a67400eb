//! What converters with a registry share: the frame around a payload, the questions a schema needs answered before its
//! first record, and the errors that Java's converters and serialisers wrap around each other.

use super::{RegisteredSchema, RegistryClient, RegistryConfig, RegistryError, SchemaText};
use std::sync::Arc;
use turnbuckle_api::converter::Step;
use turnbuckle_api::{Error, ErrorKind, Result};

/// The byte every payload begins with.
pub(crate) const MAGIC: u8 = 0;
/// Magic byte and schema id.
pub(crate) const HEADER: usize = 5;

/// A format's own words in the messages that all formats have.
#[derive(Debug)]
pub(crate) struct Wording {
    /// The registry's name of the format: `AVRO`, `JSON`, `PROTOBUF`.
    pub(crate) kind: &'static str,
    /// The format in sentences.
    pub(crate) name: &'static str,
    /// Text above a failed write; the topic stands for `{}`.
    pub(crate) write: &'static str,
    /// Text above a failed read.
    pub(crate) read: &'static str,
}

/// The converter's errors: its own text above, the serialiser's below, the reason at the bottom.
#[derive(Clone)]
pub(crate) struct Failures {
    pub(crate) wording: &'static Wording,
    topic: String,
    text: String,
}

impl Failures {
    pub(crate) fn writing(wording: &'static Wording, topic: &str) -> Self {
        Failures {
            wording,
            topic: topic.to_string(),
            text: wording.write.replace("{}", topic),
        }
    }

    pub(crate) fn reading(wording: &'static Wording, topic: &str) -> Self {
        Failures {
            wording,
            topic: topic.to_string(),
            text: wording.read.replace("{}", topic),
        }
    }

    pub(crate) fn wrap(&self, cause: Error) -> Error {
        Error::wrap(ErrorKind::Data, self.text.as_str(), cause)
    }

    /// `action` failed in the serialiser.
    pub(crate) fn failed(&self, action: &str, cause: Error) -> Error {
        self.wrap(Error::wrap(ErrorKind::Serialization, action, cause))
    }

    /// A registry's refusal is a mistake of the configuration; that it does not answer in time may pass. A registry that is
    /// not there fails the record, as in Java.
    pub(crate) fn registry(&self, error: RegistryError, action: &str) -> Error {
        if error.is_configuration() {
            let text = format!(
                "Failed to access {} data from topic {} : {}",
                self.wording.name,
                self.topic,
                error.text()
            );
            return Error::wrap(ErrorKind::Config, text, error);
        }
        let retriable = error.timed_out;
        let cause = Error::wrap(ErrorKind::Serialization, action, error);
        match retriable {
            true => Error::wrap(ErrorKind::Retriable, self.text.as_str(), cause),
            false => self.wrap(cause),
        }
    }
}

/// The schema id of a payload.
///
/// # Errors
/// A wrong magic byte, or a payload too short for an id.
pub(crate) fn schema_id(payload: &[u8], failures: impl Fn() -> Failures) -> Result<u32> {
    if payload.first().is_some_and(|first| *first != MAGIC) {
        let cause = Error::new(ErrorKind::Serialization, "Unknown magic byte!");
        return Err(failures().wrap(cause));
    }
    let id = payload.get(1..HEADER).and_then(|id| id.first_chunk::<4>());
    id.map(|id| u32::from_be_bytes(*id))
        .ok_or_else(|| Error::without_message(ErrorKind::Class("java.nio.BufferUnderflowException")))
}

/// What the records of a schema are written with.
pub(crate) enum Target {
    /// The schema's own text, registered under this id.
    Own(u32),
    /// A schema of the registry's: the subject's latest, or the one of `use.schema.id`.
    Other(Arc<RegisteredSchema>),
}

/// Finds, or asks for, what records of `text` are written with in `subject`.
pub(crate) fn target(
    registry: &Arc<RegistryClient>,
    config: &Arc<RegistryConfig>,
    subject: &str,
    text: &Arc<SchemaText>,
    failures: &Failures,
) -> Step<Target> {
    let (client, failures, subject) = (registry.clone(), failures.clone(), subject.to_string());
    let name = failures.wording.name;
    if !config.auto_register
        && let Some(id) = config.schema_id()
    {
        return match registry.cached_schema(&subject, id) {
            Some(schema) => Step::Done(Target::Other(schema)),
            None => Step::Fetch(Box::pin(async move {
                let outcome = client.schema(&subject, id).await;
                outcome
                    .map(|_| ())
                    .map_err(|error| failures.registry(error, "Error retrieving schema ID"))
            })),
        };
    }
    if config.use_latest && !config.auto_register {
        return match registry.cached_latest(&subject) {
            Some(schema) => Step::Done(Target::Other(schema)),
            None => {
                let text = text.clone();
                Step::Fetch(Box::pin(async move {
                    let action = format!("Error retrieving latest version of {name} schema{}", text.text);
                    let outcome = client.latest(&subject).await;
                    outcome.map(|_| ()).map_err(|error| failures.registry(error, &action))
                }))
            }
        };
    }
    if let Some(id) = registry.cached_id(&subject, text) {
        return Step::Done(Target::Own(id));
    }
    let (config, text) = (config.clone(), text.clone());
    Step::Fetch(Box::pin(async move {
        let (action, outcome) = match config.auto_register {
            true => ("registering", client.register(&subject, &text, config.normalize).await),
            false => ("retrieving", client.lookup(&subject, &text, config.normalize).await),
        };
        outcome
            .map(|_| ())
            .map_err(|error| failures.registry(error, &format!("Error {action} {name} schema{}", text.text)))
    }))
}

/// Finds, or asks for, the schema of an id; `subject` says in which context.
pub(crate) fn schema_of(
    registry: &Arc<RegistryClient>,
    subject: &str,
    id: u32,
    side: &'static str,
    failures: &Failures,
) -> Result<Step<Arc<RegisteredSchema>>> {
    let wording = failures.wording;
    let Some(schema) = registry.cached_schema(subject, id) else {
        let (registry, failures, subject) = (registry.clone(), failures.clone(), subject.to_string());
        return Ok(Step::Fetch(Box::pin(async move {
            let action = format!("Error retrieving {} {side} schema for id {id}", wording.name);
            let outcome = registry.schema(&subject, id).await;
            outcome.map(|_| ()).map_err(|error| failures.registry(error, &action))
        })));
    };
    if schema.kind != wording.kind {
        let text = format!(
            "The schema with id {id} is of type {}, not {}",
            schema.kind, wording.kind
        );
        let message = format!("Error deserializing {} message for id {id}", wording.name);
        return Err(failures.failed(&message, Error::data(text)));
    }
    Ok(Step::Done(schema))
}

/// Finds, or asks for, the version that a schema has in a subject.
pub(crate) fn version_of(
    registry: &Arc<RegistryClient>,
    subject: &str,
    schema: &Arc<RegisteredSchema>,
    side: &'static str,
    failures: &Failures,
) -> Step<i32> {
    let id = schema.id;
    if let Some(version) = registry.cached_version(subject, id) {
        return Step::Done(version);
    }
    let (registry, failures) = (registry.clone(), failures.clone());
    let (subject, schema) = (subject.to_string(), schema.clone());
    Step::Fetch(Box::pin(async move {
        let action = format!("Error retrieving {} {side} version for id {id}", failures.wording.name);
        let outcome = registry.version(&subject, &schema, failures.wording.kind).await;
        outcome.map(|_| ()).map_err(|error| failures.registry(error, &action))
    }))
}

/// Finds, or asks for, the subject's latest schema, to read with.
pub(crate) fn latest_of(
    registry: &Arc<RegistryClient>,
    subject: &str,
    failures: &Failures,
) -> Step<Arc<RegisteredSchema>> {
    if let Some(latest) = registry.cached_latest(subject) {
        return Step::Done(latest);
    }
    let (registry, failures, subject) = (registry.clone(), failures.clone(), subject.to_string());
    Step::Fetch(Box::pin(async move {
        let name = failures.wording.name;
        let action = format!("Error retrieving latest version of {name} schema for subject {subject}");
        let outcome = registry.latest(&subject).await;
        outcome.map(|_| ()).map_err(|error| failures.registry(error, &action))
    }))
}
