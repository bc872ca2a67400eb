//! Keys of the two connectors.

use turnbuckle_api::Config;
use turnbuckle_api::config::validator::non_empty;

/// Keys of the source. Connector and task read the same configuration.
#[derive(Clone, Debug, Config)]
pub struct SourceSettings {
    /// The file to read; standard input if there is none.
    #[config(key = "file", importance = High)]
    pub file: Option<String>,
    /// The topic to write to. Required, yet JSON may set it to null, which Kafka finds out with the first record.
    #[config(key = "topic", required, importance = High, validator = non_empty())]
    pub topic: Option<String>,
    /// The largest number of records a task returns at once.
    #[config(key = "batch.size", default = "2000", importance = Low)]
    pub batch_size: i32,
}

impl SourceSettings {
    /// The file; None for standard input, which the empty name stands for, too, where offsets are concerned.
    pub fn tracked_file(&self) -> Option<&str> {
        self.file.as_deref().filter(|file| !file.is_empty())
    }
}

/// Keys of the sink.
#[derive(Clone, Debug, Config)]
pub struct SinkSettings {
    /// The file to append to; standard output if there is none.
    #[config(key = "file", importance = High)]
    pub file: Option<String>,
}
