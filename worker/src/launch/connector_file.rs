//! Connector files of a standalone worker (`ConnectStandalone.parseConnectorConfigurationFile`): JSON as
//! `POST /connectors` takes it, a flat JSON object of settings, or Java properties.

use crate::config::properties;
use crate::herder::TargetState;
use serde_json::Value as Json;
use std::path::Path;
use turnbuckle_api::{Error, Props, Result};

/// A connector as a file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectorFile {
    pub name: String,
    pub config: Props,
    pub initial_state: Option<TargetState>,
}

/// Reads a connector file.
///
/// # Errors
/// If it can't be read, is none of the three forms, or names no connector.
pub fn read(path: &Path) -> Result<ConnectorFile> {
    let bytes = std::fs::read(path).map_err(|error| Error::from(error).with_context("file", path.display()))?;
    let parsed = match serde_json::from_slice::<Json>(&bytes) {
        Ok(json) => from_json(&json),
        Err(_) => properties::read_file(path).and_then(from_props),
    };
    parsed.map_err(|error| error.with_context("file", path.display()))
}

fn from_json(json: &Json) -> Result<ConnectorFile> {
    let object = json
        .as_object()
        .ok_or_else(|| Error::connect("A connector file must hold a JSON object"))?;
    let Some(config) = object.get("config").filter(|config| config.is_object()) else {
        return from_props(text_properties(json)?);
    };
    let name = object.get("name").and_then(Json::as_str).map(str::to_string);
    let initial_state = match object.get("initial_state").filter(|state| !state.is_null()) {
        None => None,
        Some(state) => Some(initial_state(state)?),
    };
    let mut config = text_properties(config)?;
    let name = name
        .or_else(|| config.get("name").map(str::to_string))
        .ok_or_else(no_name)?;
    config.insert("name", name.clone());
    Ok(ConnectorFile {
        name,
        config,
        initial_state,
    })
}

fn from_props(config: Props) -> Result<ConnectorFile> {
    let name = config
        .get("name")
        .map(|name| name.trim().to_string())
        .ok_or_else(no_name)?;
    Ok(ConnectorFile {
        name,
        config,
        initial_state: None,
    })
}

fn no_name() -> Error {
    Error::connect("A connector file must give the connector a `name`")
}

fn initial_state(state: &Json) -> Result<TargetState> {
    let refuse = || {
        Error::connect(format!(
            "initial_state is {state}; it must be RUNNING, PAUSED or STOPPED"
        ))
    };
    match state.as_str().ok_or_else(refuse)?.to_uppercase().as_str() {
        "RUNNING" => Ok(TargetState::Started),
        "PAUSED" => Ok(TargetState::Paused),
        "STOPPED" => Ok(TargetState::Stopped),
        _ => Err(refuse()),
    }
}

/// Members of an object as text; numbers and booleans keep their spelling.
fn text_properties(json: &Json) -> Result<Props> {
    let mut props = Props::new();
    for (key, value) in json.as_object().into_iter().flatten() {
        let text = match value {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
            Json::Array(_) | Json::Object(_) => {
                return Err(Error::connect(format!(
                    "Setting {key} of a connector file is not text: {value}"
                )));
            }
        };
        props.insert_nullable(key.as_str(), text);
    }
    Ok(props)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<ConnectorFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connector");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn all_three_forms_are_read() {
        let config = Props::new().with("name", "a").with("tasks.max", "1").with("x", "true");
        for text in [
            "name=a\ntasks.max=1\nx=true\n",
            r#"{"name":"a","tasks.max":1,"x":true}"#,
            r#"{"name":"a","config":{"name":"a","tasks.max":"1","x":"true"},"other":[]}"#,
        ] {
            let file = read_text(text).unwrap();
            assert_eq!((file.name.as_str(), file.initial_state), ("a", None), "{text}");
            assert!(
                config.iter().all(|(key, value)| file.config.get(key) == value),
                "{text}"
            );
        }
        let paused = read_text(r#"{"name":"a","initial_state":"paused","config":{}}"#).unwrap();
        assert_eq!(
            (paused.initial_state, paused.config.get("name")),
            (Some(TargetState::Paused), Some("a"))
        );
    }

    #[test]
    fn other_contents_are_refused() {
        for text in [
            "[]",
            "tasks.max=1",
            r#"{"name":"a","x":{}}"#,
            r#"{"name":"a","config":{},"initial_state":"GO"}"#,
        ] {
            assert!(read_text(text).is_err(), "{text}");
        }
    }
}
