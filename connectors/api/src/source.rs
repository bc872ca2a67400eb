//! Sources: a connector that splits the work into task configurations, and tasks that poll batches of records.
//!
//! A task reports for each record its source partition and the position after it; the worker stores a position only after
//! the broker acknowledged the record and all earlier ones of the same partition.

use crate::config::{ConfigDef, ConfigValue, Props};
use crate::error::{Error, Result};
use crate::record::{OffsetMap, Record};
use async_trait::async_trait;
use std::sync::Arc;

/// Stored positions of this connector, read from the offset store.
#[async_trait]
pub trait OffsetReader: Send + Sync {
    /// The stored position of each partition, in the order asked for; None where nothing is stored.
    async fn offsets(&self, partitions: &[OffsetMap]) -> Result<Vec<Option<OffsetMap>>>;
}

/// What the worker offers a connector instance. Calls return at once; the worker acts on them in its own time.
pub trait ConnectorContext: Send + Sync {
    /// Asks the worker to call `task_configs` again and restart tasks if they changed.
    fn request_task_reconfiguration(&self);
    /// Makes the connector FAILED.
    fn raise_error(&self, error: Error);
    /// Stored positions; None for sinks.
    fn offset_reader(&self) -> Option<Arc<dyn OffsetReader>>;
}

/// Does a connector support a guarantee with a configuration?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    Supported,
    Unsupported,
}

/// Outcome of a connector's look at offsets that a user wants to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterOffsets {
    /// The connector checked them.
    Checked,
    /// The connector keeps positions elsewhere or has no opinion (`alterOffsets` returned false).
    NotManaged,
}

/// A source partition and the position that a user wants to be stored for it; no position removes what is stored. Users may
/// leave out the partition itself.
pub type OffsetChange = (Option<OffsetMap>, Option<OffsetMap>);

/// `org.apache.kafka.connect.source.SourceConnector`.
#[async_trait]
pub trait SourceConnector: Send + Sync {
    fn config_def(&self) -> &'static ConfigDef;

    /// Values, errors and recommendations for each key. Connectors that look further (tables of a database) override it.
    async fn validate(&self, config: &Props) -> Result<Vec<ConfigValue>> {
        Ok(self.config_def().validate(config))
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()>;

    /// At most `max_tasks` task configurations; an empty list is legal.
    async fn task_configs(&mut self, max_tasks: u32) -> Result<Vec<Props>>;

    async fn stop(&mut self) -> Result<()>;

    /// Checks offsets before they are written (KIP-875).
    fn alter_offsets(&self, _config: &Props, _offsets: &[OffsetChange]) -> Result<AlterOffsets> {
        Ok(AlterOffsets::NotManaged)
    }

    /// KIP-618; None where the connector says nothing.
    fn exactly_once_support(&self, _config: &Props) -> Option<Support> {
        None
    }

    /// KIP-618: may the connector set transaction boundaries itself?
    fn can_define_transaction_boundaries(&self, _config: &Props) -> Support {
        Support::Unsupported
    }
}

/// What the worker offers a source task.
pub trait SourceTaskContext: Send + Sync {
    /// The task's configuration with config-provider placeholders resolved afresh.
    fn configs(&self) -> Result<Props>;
    fn offset_reader(&self) -> Arc<dyn OffsetReader>;
}

/// `org.apache.kafka.connect.source.SourceTask`.
///
/// The worker drops the future of `poll` when the task is to stop, so `poll` must be safe to cancel at each await: what it
/// has taken from the source but not returned is read again after a restart.
#[async_trait]
pub trait SourceTask: Send {
    async fn start(&mut self, context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()>;

    /// The next batch; waits until there is one or a moment has passed. None and an empty batch mean the same: nothing now.
    async fn poll(&mut self) -> Result<Option<Vec<Record>>>;

    /// Records that the broker acknowledged (`commitRecord` for a whole batch): all that `poll` returned, in its order, each
    /// once; those that transformations dropped or that were given up as tolerated errors are among them. Only called if
    /// [`SourceTask::wants_acknowledgements`].
    async fn acknowledged(&mut self, _records: &[Record]) -> Result<()> {
        Ok(())
    }

    /// True if `acknowledged` is to be called; the worker then keeps records until they are acknowledged. It may drop the
    /// future of `poll` to hand over acknowledgements, and polls again; `poll` of such a task must lose nothing by that.
    fn wants_acknowledgements(&self) -> bool {
        false
    }

    /// Called after each successful offset commit.
    async fn commit(&mut self) -> Result<()> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<()>;
}
