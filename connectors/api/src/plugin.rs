//! Plugin descriptors: what the worker's plugin list holds, one line per plugin.

use crate::config::{ConfigDef, Props};
use crate::converter::{Converter, ConverterRole, HeaderConverter};
use crate::error::Result;
use crate::sink::{SinkConnector, SinkTask};
use crate::source::{SourceConnector, SourceTask};
use crate::transform::{Predicate, Transform};

/// A plugin: Java class name, version, definition of its keys, and how to make one.
#[derive(Clone, Copy)]
pub struct Plugin {
    /// Full Java class name, as users' JSON has it: `org.apache.kafka.connect.file.FileStreamSourceConnector`.
    pub class: &'static str,
    /// Version shown by REST; None is shown as absent (`undefined`).
    pub version: Option<&'static str>,
    /// The plugin's own keys.
    pub config_def: fn() -> &'static ConfigDef,
    pub kind: PluginKind,
}

/// Makes a header converter from its configuration.
pub type HeaderConverterFactory = fn(&Props) -> Result<Box<dyn HeaderConverter>>;

/// The kinds of plugins with their factories.
#[derive(Clone, Copy)]
pub enum PluginKind {
    Source {
        connector: fn() -> Box<dyn SourceConnector>,
        /// Java class name that task configurations carry in `task.class`.
        task_class: &'static str,
        task: fn() -> Box<dyn SourceTask>,
    },
    Sink {
        connector: fn() -> Box<dyn SinkConnector>,
        /// Java class name that task configurations carry in `task.class`.
        task_class: &'static str,
        task: fn() -> Box<dyn SinkTask>,
    },
    Transformation(fn(&Props) -> Result<Box<dyn Transform>>),
    Predicate(fn(&Props) -> Result<Box<dyn Predicate>>),
    /// A class that converts keys and values, and headers too if `header` is given.
    Converter {
        converter: fn(&Props, ConverterRole) -> Result<Box<dyn Converter>>,
        header: Option<HeaderConverterFactory>,
    },
    /// A class that converts headers only.
    HeaderConverter(HeaderConverterFactory),
}

impl Plugin {
    /// Class name after the last `.` or `$`.
    pub fn simple_name(&self) -> &'static str {
        self.class.rsplit(['.', '$']).next().unwrap_or(self.class)
    }

    /// True for sources and sinks.
    pub fn is_connector(&self) -> bool {
        matches!(self.kind, PluginKind::Source { .. } | PluginKind::Sink { .. })
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("class", &self.class)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
