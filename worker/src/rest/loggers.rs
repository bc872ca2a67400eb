//! `/admin/loggers`: levels of this worker's log, or with `scope=cluster` of all workers' (KIP-976).

use super::answer::{Answer, Failure, Handled};
use super::body;
use super::dispatch::{Call, empty};
use crate::logging::{self, Level};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Serialize)]
struct LoggerLevel {
    level: &'static str,
    last_modified: Option<i64>,
}

impl From<logging::LoggerLevel> for LoggerLevel {
    fn from(level: logging::LoggerLevel) -> Self {
        LoggerLevel {
            level: level.level.name(),
            last_modified: level.last_modified,
        }
    }
}

pub(super) fn list() -> Handled {
    let all = logging::loggers().all().into_iter();
    let all: BTreeMap<String, LoggerLevel> = all.map(|(name, level)| (name, level.into())).collect();
    Answer::ok(&all)
}

pub(super) fn get(name: &str) -> Handled {
    match logging::loggers().get(name) {
        Some(level) => Answer::ok(&LoggerLevel::from(level)),
        None => Err(Failure::new(404, format!("Logger {name} not found."))),
    }
}

pub(super) async fn set(call: &Call<'_>, name: &str) -> Handled {
    let body = body::config(&call.body)?;
    let Some(given) = body.get("level") else {
        return Err(Failure::new(
            400,
            "Desired 'level' parameter was not specified in request.",
        ));
    };
    if given.is_empty() {
        return Err(Failure::new(500, "Illegal null or empty Level name."));
    }
    let Some(level) = Level::from_name(given) else {
        return Err(Failure::new(404, format!("invalid log level '{given}'.")));
    };
    let scope = call.query.get("scope").unwrap_or("worker");
    if scope.eq_ignore_ascii_case("cluster") {
        call.herder().set_logger_level(name, given).await?;
        return empty(204);
    }
    if !scope.eq_ignore_ascii_case("worker") {
        tracing::warn!("scope={scope:?} is neither worker nor cluster; the level is set on this worker");
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Answer::ok(&logging::loggers().set(name, level, now))
}
