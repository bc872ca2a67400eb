//! What must survive: connector configurations, source offsets, statuses. On compacted topics for distributed workers, in
//! memory and a file for standalone ones. Record formats are those of Connect.

mod status;

pub use status::{ConnectorStatus, Lifecycle, StatusStore, TaskStatus, TopicStatus};

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
