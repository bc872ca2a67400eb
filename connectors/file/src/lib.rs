//! The FileStream connectors of Apache Kafka: lines of a file become records, records become lines.
//!
//! * [`source`]: reads a file (or standard input) by [`lines`], waits for it to appear and to grow.
//! * [`sink`]: appends each record's value as a line to a file (or standard output).
//! * [`config`]: the keys of both.

pub mod config;
pub mod lines;
pub mod sink;
pub mod source;

use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Config, Error, ErrorKind, KAFKA_VERSION};

/// Both connectors.
pub fn plugins() -> Vec<Plugin> {
    vec![
        Plugin {
            class: "org.apache.kafka.connect.file.FileStreamSinkConnector",
            version: Some(KAFKA_VERSION),
            config_def: config::SinkSettings::config_def,
            kind: PluginKind::Sink {
                connector: || Box::<sink::FileStreamSinkConnector>::default(),
                task_class: "org.apache.kafka.connect.file.FileStreamSinkTask",
                task: || Box::<sink::FileStreamSinkTask>::default(),
            },
        },
        Plugin {
            class: "org.apache.kafka.connect.file.FileStreamSourceConnector",
            version: Some(KAFKA_VERSION),
            config_def: config::SourceSettings::config_def,
            kind: PluginKind::Source {
                connector: || Box::<source::FileStreamSourceConnector>::default(),
                task_class: "org.apache.kafka.connect.file.FileStreamSourceTask",
                task: || Box::<source::FileStreamSourceTask>::default(),
            },
        },
    ]
}

/// An error of the file system as `java.nio.file` names it.
fn file_error(path: &str, error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(ErrorKind::Class("java.nio.file.NoSuchFileException"), path),
        std::io::ErrorKind::PermissionDenied => {
            Error::new(ErrorKind::Class("java.nio.file.AccessDeniedException"), path)
        }
        _ => Error::new(
            ErrorKind::Class("java.nio.file.FileSystemException"),
            format!("{path}: {error}"),
        ),
    }
}
