//! `/connectors`: configurations and what is known of each connector.

use super::answer::{Answer, Failure, Handled};
use super::body;
use super::dispatch::{Call, empty};
use super::forward::Target;
use super::path::encode;
use crate::herder::{ConnectorInfo, Created, HerderError, TaskId, ValidateConfig};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use turnbuckle_api::Props;

/// Names, or with any `expand` an object by name.
pub(super) async fn list(call: &Call<'_>) -> Handled {
    let names = call.herder().connectors().await?;
    let expansions: Vec<&str> = call.query.all("expand").collect();
    if expansions.is_empty() {
        return Answer::ok(&names);
    }
    let mut all = Map::new();
    for name in names {
        if let Some(expanded) = expand(call, &name, &expansions).await? {
            all.insert(name, expanded);
        }
    }
    Answer::ok(&all)
}

/// None if the connector has no status, because it is new or about to go.
async fn expand(call: &Call<'_>, name: &str, expansions: &[&str]) -> Result<Option<Value>, Failure> {
    let mut expanded = Map::new();
    for expansion in expansions {
        let part = match *expansion {
            "status" => found(call.herder().connector_status(name).await)?.map(|status| to_value(&status)),
            "info" => found(call.herder().connector_info(name).await)?.map(|info| to_value(&info)),
            unknown => {
                tracing::info!("Ignoring unknown expansion type {unknown}");
                continue;
            }
        };
        match part {
            Some(part) => expanded.insert((*expansion).to_string(), part?),
            None if *expansion == "info" => expanded.insert("info".to_string(), Value::Null),
            None => return Ok(None),
        };
    }
    Ok(Some(Value::Object(expanded)))
}

fn found<T>(result: Result<T, HerderError>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match Failure::from(error) {
            Failure::Status { status: 404, .. } => Ok(None),
            failure => Err(failure),
        },
    }
}

fn to_value(value: &impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value)
        .map_err(|error| Failure::new(500, format!("The answer can't be written as JSON: {error}")))
}

/// `POST /connectors`.
pub(super) async fn create(call: &Call<'_>) -> Handled {
    let request = body::create_request(&call.body)?;
    let name = request.name.as_deref().unwrap_or_default().trim().to_string();
    let config = request
        .config
        .ok_or_else(|| Failure::new(500, "The request has no \"config\""))?;
    let config = with_name(&name, config)?;
    call.resources.validator.as_ref().validate_config(&config).await?;
    let state = request.initial_state;
    let created = call
        .herder()
        .put_connector_config(&name, config.clone(), state, false)
        .await;
    let forwarded = || {
        let state = state.map(body::initial_state_name);
        Target::new("POST", "/connectors").body(json!({"name": name, "config": config, "initial_state": state}))
    };
    match created {
        Ok(created) => located(call, &name, &created, true),
        Err(error) => call.forward(error, forwarded, Some(&name)).await,
    }
}

/// `PUT /connectors/{name}/config`.
pub(super) async fn put_config(call: &Call<'_>, name: &str) -> Handled {
    let config = with_name(name, body::config(&call.body)?)?;
    call.resources.validator.as_ref().validate_config(&config).await?;
    match call
        .herder()
        .put_connector_config(name, config.clone(), None, true)
        .await
    {
        Ok(created) => located(call, name, &created, created.created),
        Err(error) => {
            let target = || Target::of(name, "PUT", "/config").body(json!(config));
            call.forward(error, target, Some(name)).await
        }
    }
}

/// `PATCH /connectors/{name}/config`.
pub(super) async fn patch_config(call: &Call<'_>, name: &str) -> Handled {
    let patch = body::config(&call.body)?;
    let validate: Arc<dyn ValidateConfig> = call.resources.validator.clone();
    match call
        .herder()
        .patch_connector_config(name, patch.clone(), validate)
        .await
    {
        Ok(created) => Answer::ok(&created.value),
        Err(error) => {
            call.forward(error, || Target::of(name, "PATCH", "/config").body(json!(patch)), None)
                .await
        }
    }
}

/// The name in the configuration must be the connector's; absent or null it becomes that.
fn with_name(name: &str, mut config: Props) -> Result<Props, Failure> {
    match config.get("name") {
        Some(own) if own != name => Err(Failure::new(
            400,
            format!("Connector name configuration ({own}) doesn't match connector name in the URL ({name})"),
        )),
        Some(_) => Ok(config),
        None => {
            config.insert("name", name);
            Ok(config)
        }
    }
}

fn located(call: &Call<'_>, name: &str, created: &Created<ConnectorInfo>, is_new: bool) -> Handled {
    if !is_new {
        return Answer::ok(&created.value);
    }
    Answer::located(201, &created.value, Some(location(call, name)?))
}

/// URL of a connector as `Location` has it.
pub(super) fn location(call: &Call<'_>, name: &str) -> Result<String, Failure> {
    let path = encode(name).map_err(|variable| no_value(&variable))?;
    Ok(format!("{}/connectors/{path}", call.base))
}

/// The JVM worker takes braces in a name for a template, after the connector has been created.
pub(super) fn no_value(variable: &str) -> Failure {
    Failure::new(500, format!("The template variable '{variable}' has no value"))
}

pub(super) async fn info(call: &Call<'_>, name: &str) -> Handled {
    Answer::ok(&call.herder().connector_info(name).await?)
}

pub(super) async fn config(call: &Call<'_>, name: &str) -> Handled {
    Answer::ok(&call.herder().connector_config(name).await?)
}

pub(super) async fn status(call: &Call<'_>, name: &str) -> Handled {
    Answer::ok(&call.herder().connector_status(name).await?)
}

pub(super) async fn tasks(call: &Call<'_>, name: &str) -> Handled {
    Answer::ok(&call.herder().task_infos(name).await?)
}

pub(super) async fn task_status(call: &Call<'_>, name: &str, task: &str) -> Handled {
    let number = task_number(task)?;
    let Ok(number) = u32::try_from(number) else {
        return Err(Failure::new(404, format!("No status found for task {name}-{number}")));
    };
    Answer::ok(&call.herder().task_status(&TaskId::new(name, number)).await?)
}

/// A task's number; Connect takes any 32-bit integer, and what is none names no resource.
pub(super) fn task_number(text: &str) -> Result<i32, Failure> {
    text.parse().map_err(|_| Failure::http(404))
}

pub(super) async fn delete(call: &Call<'_>, name: &str) -> Handled {
    match call.herder().delete_connector(name).await {
        Ok(()) => empty(204),
        Err(error) => call.forward(error, || Target::of(name, "DELETE", ""), None).await,
    }
}

pub(super) async fn topics(call: &Call<'_>, name: &str) -> Handled {
    let topics = call.herder().active_topics(name).await?;
    Answer::ok(&json!({ name: { "topics": topics } }))
}

pub(super) async fn reset_topics(call: &Call<'_>, name: &str) -> Handled {
    call.herder().reset_active_topics(name).await?;
    empty(202)
}
