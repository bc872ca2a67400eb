//! Bodies of requests: JSON as the JVM worker's mapper reads it, with its texts where one type is given for another. Values of
//! configurations are text; numbers and booleans keep their spelling.

use super::answer::Failure;
use super::json::{Json, read};
use crate::herder::{OffsetEntry, OffsetObject, TargetState};
use turnbuckle_api::Props;

const REQUEST: &str = "org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest";
const STRING: &str = "java.lang.String";
const CONFIG: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.String>";
const OFFSETS: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets";
const OFFSET: &str = "org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset";
const OFFSET_LIST: &str = "java.util.ArrayList<org.apache.kafka.connect.runtime.rest.entities.ConnectorOffset>";
const OFFSET_OBJECT: &str = "java.util.LinkedHashMap<java.lang.String,java.lang.Object>";
const TASKS: &str = "java.util.ArrayList<java.util.Map<java.lang.String,java.lang.String>>";

/// Body of `POST /connectors`.
#[derive(Debug, Default)]
pub(super) struct CreateRequest {
    pub(super) name: Option<String>,
    pub(super) config: Option<Props>,
    pub(super) initial_state: Option<TargetState>,
}

/// The body's value; None for an empty body and for null.
fn parse(body: &[u8]) -> Result<Option<Json>, Failure> {
    match read(body) {
        Ok(Some(Json::Null)) => Ok(None),
        Ok(value) => Ok(value),
        Err(problem) => Err(failed(problem)),
    }
}

fn failed(message: impl Into<String>) -> Failure {
    Failure::new(500, message)
}

/// What Java does with a null body: a null pointer exception, which is a 500.
fn missing_body() -> Failure {
    failed("The request has no body, but it needs a JSON object")
}

/// Type mismatch where the target is no text: `class` is the type with its parameters.
fn mismatch(class: &str, value: &Json) -> Failure {
    let raw = class.split('<').next().unwrap_or(class);
    let construct = |kind: &str, from: String| {
        failed(format!(
            "Cannot construct instance of `{raw}` (although at least one Creator exists): no {kind}-argument \
             constructor/factory method to deserialize from {from}"
        ))
    };
    match value {
        Json::String(text) if text.trim().is_empty() => failed(format!(
            "Cannot coerce empty String (\"{text}\") to `{class}` value (but could if coercion was enabled using \
             `CoercionConfig`)"
        )),
        Json::String(text) => construct("String", format!("String value ('{text}')")),
        Json::Bool(value) => construct("boolean/Boolean", format!("Boolean value ({value})")),
        Json::Number(number) if number.contains(['.', 'e', 'E']) => {
            construct("double/Double", format!("Floating-point value ({number})"))
        }
        Json::Number(number) => construct("int/Int", format!("Number value ({number})")),
        Json::Array(_) => failed(format!(
            "Cannot deserialize value of type `{class}` from Array value (token `JsonToken.START_ARRAY`)"
        )),
        _ => failed(format!(
            "Cannot deserialize value of type `{class}` from Object value (token `JsonToken.START_OBJECT`)"
        )),
    }
}

/// A text; scalars of other types are taken by their spelling.
fn text(value: Json) -> Result<Option<String>, Failure> {
    match value {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        Json::Bool(value) => Ok(Some(value.to_string())),
        Json::Number(number) => Ok(Some(number)),
        nested => Err(mismatch(STRING, &nested)),
    }
}

fn config_of(value: Json) -> Result<Props, Failure> {
    let Json::Object(entries) = value else {
        return Err(mismatch(CONFIG, &value));
    };
    let mut props = Props::new();
    for (key, value) in entries {
        props.insert_nullable(key, text(value)?);
    }
    Ok(props)
}

/// A configuration: an object of texts.
pub(super) fn config(body: &[u8]) -> Result<Props, Failure> {
    parse(body)?.ok_or_else(missing_body).and_then(config_of)
}

/// Task configurations: a list of objects of texts.
pub(super) fn configs(body: &[u8]) -> Result<Vec<Props>, Failure> {
    match parse(body)?.ok_or_else(missing_body)? {
        Json::Array(items) => items.into_iter().map(config_of).collect(),
        other => Err(mismatch(TASKS, &other)),
    }
}

/// `POST /connectors`.
pub(super) fn create_request(body: &[u8]) -> Result<CreateRequest, Failure> {
    let value = parse(body)?.ok_or_else(missing_body)?;
    let Json::Object(fields) = value else {
        return Err(mismatch(REQUEST, &value));
    };
    let mut request = CreateRequest::default();
    for (field, value) in fields {
        match field.as_str() {
            "name" => request.name = text(value)?,
            "config" if value == Json::Null => request.config = None,
            "config" => request.config = Some(config_of(value)?),
            "initial_state" => request.initial_state = text(value)?.as_deref().map(initial_state).transpose()?,
            _ => return Err(unrecognized(&field, REQUEST, &["config", "name", "initial_state"])),
        }
    }
    Ok(request)
}

fn unrecognized(field: &str, class: &str, known: &[&str]) -> Failure {
    let names: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
    let count = match known.len() {
        1 => "one known property".to_string(),
        count => format!("{count} known properties"),
    };
    failed(format!(
        "Unrecognized field \"{field}\" (class {class}), not marked as ignorable ({count}: {}])",
        names.join(", ")
    ))
}

/// `PATCH /connectors/{name}/offsets`; a missing list is an empty one.
pub(super) fn offsets(body: &[u8]) -> Result<Vec<OffsetEntry>, Failure> {
    let value = parse(body)?.ok_or_else(missing_body)?;
    let Json::Object(fields) = value else {
        return Err(mismatch(OFFSETS, &value));
    };
    let mut entries = Vec::new();
    for (field, value) in fields {
        match (field.as_str(), value) {
            ("offsets", Json::Null) => entries = Vec::new(),
            ("offsets", Json::Array(items)) => {
                entries = items.into_iter().map(offset_entry).collect::<Result<_, _>>()?
            }
            ("offsets", other) => return Err(no_list(OFFSET_LIST, &other)),
            _ => return Err(unrecognized(&field, OFFSETS, &["offsets"])),
        }
    }
    Ok(entries)
}

fn offset_entry(value: Json) -> Result<OffsetEntry, Failure> {
    let Json::Object(fields) = value else {
        return Err(match value {
            Json::Null => {
                failed("An entry of \"offsets\" is null; it must be an object with \"partition\" and \"offset\"")
            }
            other => mismatch(OFFSET, &other),
        });
    };
    let mut entry = OffsetEntry::default();
    for (field, value) in fields {
        match field.as_str() {
            "partition" => entry.partition = offset_object(value)?,
            "offset" => entry.offset = offset_object(value)?,
            _ => return Err(unrecognized(&field, OFFSET, &["partition", "offset"])),
        }
    }
    Ok(entry)
}

fn offset_object(value: Json) -> Result<Option<OffsetObject>, Failure> {
    match value {
        Json::Null => Ok(None),
        Json::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| Ok((key, plain(value)?)))
            .collect::<Result<_, _>>()
            .map(Some),
        other => Err(mismatch(OFFSET_OBJECT, &other)),
    }
}

/// A value whose type nobody prescribes.
fn plain(value: Json) -> Result<serde_json::Value, Failure> {
    use serde_json::Value;
    Ok(match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::String(text) => Value::String(text),
        Json::Number(number) => Value::Number(
            number
                .parse()
                .map_err(|error| failed(format!("{number} is not a number: {error}")))?,
        ),
        Json::Array(items) => Value::Array(items.into_iter().map(plain).collect::<Result<_, _>>()?),
        Json::Object(entries) => Value::Object(
            entries
                .into_iter()
                .map(|(key, value)| Ok((key, plain(value)?)))
                .collect::<Result<_, Failure>>()?,
        ),
    })
}

/// Something else where a list is wanted.
fn no_list(class: &str, value: &Json) -> Failure {
    let (found, token) = match value {
        Json::Object(_) => ("Object", "START_OBJECT"),
        Json::Array(_) => ("Array", "START_ARRAY"),
        Json::String(_) => ("String", "VALUE_STRING"),
        Json::Bool(true) => ("Boolean", "VALUE_TRUE"),
        Json::Bool(false) => ("Boolean", "VALUE_FALSE"),
        Json::Number(number) if number.contains(['.', 'e', 'E']) => ("Floating-point", "VALUE_NUMBER_FLOAT"),
        Json::Number(_) => ("Integer", "VALUE_NUMBER_INT"),
        Json::Null => ("Null", "VALUE_NULL"),
    };
    failed(format!(
        "Cannot deserialize value of type `{class}` from {found} value (token `JsonToken.{token}`)"
    ))
}

fn initial_state(text: &str) -> Result<TargetState, Failure> {
    match text.to_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        unknown => Err(failed(format!(
            "Cannot construct instance of `{REQUEST}$InitialState`, problem: No enum constant {REQUEST}.InitialState.{unknown}"
        ))),
    }
}

/// An initial state as a request has it.
pub(super) fn initial_state_name(state: TargetState) -> &'static str {
    match state {
        TargetState::Started => "RUNNING",
        TargetState::Paused => "PAUSED",
        TargetState::Stopped => "STOPPED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        match result {
            Err(Failure::Status {
                status: 500,
                message: Some(message),
            }) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn scalars_keep_their_spelling() {
        let body =
            br#"{"a":1,"b":1.50,"c":1E3,"d":12345678901234567890123,"e":-0,"f":false,"g":null,"h":"x","a":"2"} tail"#;
        let props = config(body).unwrap();
        let expected = [
            ("a", Some("2")),
            ("b", Some("1.50")),
            ("c", Some("1E3")),
            ("d", Some("12345678901234567890123")),
            ("e", Some("-0")),
            ("f", Some("false")),
            ("g", None),
            ("h", Some("x")),
        ];
        assert_eq!(props.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn wrong_types_are_named_as_jackson_does() {
        let map = "Cannot deserialize value of type `java.util.LinkedHashMap<java.lang.String,java.lang.String>` from Array \
                   value (token `JsonToken.START_ARRAY`)";
        assert_eq!(message(config(b"[]")), map);
        assert_eq!(
            message(config(br#"{"a":{}}"#)),
            "Cannot deserialize value of type `java.lang.String` from Object value (token `JsonToken.START_OBJECT`)"
        );
        assert_eq!(
            message(create_request(br#"{"config":"x"}"#)),
            "Cannot construct instance of `java.util.LinkedHashMap` (although at least one Creator exists): no \
             String-argument constructor/factory method to deserialize from String value ('x')"
        );
        assert_eq!(
            message(create_request(br#"{"name":"a","color":1}"#)),
            "Unrecognized field \"color\" (class org.apache.kafka.connect.runtime.rest.entities.CreateConnectorRequest), not \
             marked as ignorable (3 known properties: \"config\", \"name\", \"initial_state\"])"
        );
        assert!(message(create_request(br#"{"initial_state":"sleeping"}"#)).ends_with("InitialState.SLEEPING"));
        assert!(
            message(configs(b"{}")).starts_with("Cannot deserialize value of type `java.util.ArrayList<java.util.Map<")
        );
        assert_eq!(
            message(offsets(br#"{"key":[]}"#)),
            "Unrecognized field \"key\" (class org.apache.kafka.connect.runtime.rest.entities.ConnectorOffsets), not marked \
             as ignorable (one known property: \"offsets\"])"
        );
        assert!(
            message(offsets(br#"{"offsets":[{"partition":[]}]}"#))
                .contains("LinkedHashMap<java.lang.String,java.lang.Object>")
        );
        assert!(message(offsets(br#"{"offsets":[123]}"#)).contains("Number value (123)"));
        message(offsets(br#"{"offsets":[null]}"#));
        assert_eq!(offsets(br#"{"offsets":null}"#).unwrap(), []);
        let entries = offsets(br#"{"offsets":[{"partition":{"p":1.50}}]}"#).unwrap();
        assert_eq!(entries[0].partition.as_ref().unwrap()["p"].to_string(), "1.50");
        for body in ["{", "", "null", "{\"a\" 1}", "not json"] {
            message(config(body.as_bytes()));
        }
    }
}
