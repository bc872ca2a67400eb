//! `turnbuckle validate`.

use crate::config::{Mode, WorkerConfig, properties};
use crate::launch::{Failure, connector_file};
use crate::plugins::Plugins;
use crate::validation::Validator;
use std::path::Path;
use std::sync::Arc;
use turnbuckle_api::{Error, Props};

/// Prints the errors of a connector file; fails with exit code 1 if there are any.
pub(super) async fn print(connector: &Path, worker: Option<&Path>) -> Result<(), Failure> {
    let props = match worker {
        Some(file) => properties::read_file(file)?,
        None => Props::new()
            .with("key.converter", "org.apache.kafka.connect.json.JsonConverter")
            .with("value.converter", "org.apache.kafka.connect.json.JsonConverter")
            .with("offset.storage.file.filename", "unused"),
    };
    let mode = if props.contains_key("group.id") {
        Mode::Distributed
    } else {
        Mode::Standalone
    };
    let config = WorkerConfig::from_props(mode, props)?;
    let file = connector_file::read(connector)?;
    let validator = Validator::new(Arc::new(Plugins::builtin()), &config);
    let infos = validator.validate(&file.config).await.map_err(|error| Failure {
        code: 1,
        error: Error::config(error.to_string()),
    })?;
    for info in &infos.configs {
        for error in info.value.iter().flat_map(|value| &value.errors) {
            println!("{error}");
        }
    }
    if infos.error_count == 0 {
        println!(
            "{}: the configuration of connector {} is valid",
            connector.display(),
            file.name
        );
        return Ok(());
    }
    let text = format!("{} has {} error(s)", connector.display(), infos.error_count);
    Err(Failure {
        code: 1,
        error: Error::config(text),
    })
}
