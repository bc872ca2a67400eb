//! What must survive: connector configurations, source offsets, statuses. On compacted topics for distributed workers, in
//! memory and a file for standalone ones. Record formats are those of Connect.

pub mod config_state;
pub mod config_store;
pub mod memory;
mod offset_file;
mod offset_key;
mod offset_topic;
mod status;
mod status_record;
mod status_table;
mod status_topic;
pub mod topics;

pub use config_state::{ConfigOffset, ConfigState, SessionKey};
pub use config_store::{ConfigChanges, ConfigRecord, ConfigStore, KafkaConfigStore, MemoryConfigStore};
pub use offset_file::FileOffsetStore;
pub use offset_topic::KafkaOffsetStore;

pub use status::{ConnectorStatus, Lifecycle, StatusStore, TaskStatus, TopicStatus};
pub use status_topic::KafkaStatusStore;

use async_trait::async_trait;
use bytes::Bytes;
use turnbuckle_api::Result;

/// Source offsets: serialised partition (`["connector",{…}]`) to serialised position.
#[async_trait]
pub trait OffsetStore: Send + Sync {
    /// Current positions, read to the end of the store first; None where nothing is stored.
    async fn get(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>>;

    /// Stores positions; a None value removes one. Returns when they are durable.
    async fn set(&self, entries: Vec<(Bytes, Option<Bytes>)>) -> Result<()>;

    /// All stored keys of a connector with their positions.
    async fn of_connector(&self, connector: &str) -> Result<Vec<(Bytes, Bytes)>>;
}
