//! Restart, pause, resume and stop.

use super::answer::{Answer, Failure, Handled};
use super::connectors::task_number;
use super::dispatch::{Call, empty};
use super::forward::Target;
use crate::herder::{RestartRequest, TargetState, TaskId};

/// Plain, only the connector instance; with a flag (KIP-745) a plan.
pub(super) async fn restart(call: &Call<'_>, name: &str) -> Handled {
    let flag = |name: &str| call.query.flag(name).unwrap_or(false);
    let (include_tasks, only_failed) = (flag("includeTasks"), flag("onlyFailed"));
    if !include_tasks && !only_failed {
        return match call.herder().restart_connector(name).await {
            Ok(()) => empty(204),
            Err(error) => call.forward(error, || Target::of(name, "POST", "/restart"), None).await,
        };
    }
    let request = RestartRequest {
        connector: name.to_string(),
        only_failed,
        include_tasks,
    };
    match call.herder().restart_connector_and_tasks(request).await {
        Ok(plan) => Answer::json(202, &plan),
        Err(error) => {
            let target = || {
                let target = Target::of(name, "POST", "/restart");
                target
                    .query("includeTasks", include_tasks)
                    .query("onlyFailed", only_failed)
            };
            call.forward(error, target, None).await
        }
    }
}

pub(super) async fn restart_task(call: &Call<'_>, name: &str, task: &str) -> Handled {
    let number = task_number(task)?;
    let Ok(number) = u32::try_from(number) else {
        let known = call.herder().connectors().await?.iter().any(|known| known == name);
        let message = if known {
            format!("Unknown task: {name}-{number}")
        } else {
            format!("Unknown connector: {name}")
        };
        return Err(Failure::new(404, message));
    };
    match call.herder().restart_task(&TaskId::new(name, number)).await {
        Ok(()) => empty(204),
        Err(error) => {
            call.forward(
                error,
                || Target::of(name, "POST", &format!("/tasks/{number}/restart")),
                None,
            )
            .await
        }
    }
}

pub(super) async fn pause(call: &Call<'_>, name: &str) -> Handled {
    call.herder().set_target_state(name, TargetState::Paused).await?;
    empty(202)
}

pub(super) async fn resume(call: &Call<'_>, name: &str) -> Handled {
    call.herder().set_target_state(name, TargetState::Started).await?;
    empty(202)
}

pub(super) async fn stop(call: &Call<'_>, name: &str) -> Handled {
    match call.herder().stop_connector(name).await {
        Ok(()) => empty(204),
        Err(error) => call.forward(error, || Target::of(name, "PUT", "/stop"), None).await,
    }
}
