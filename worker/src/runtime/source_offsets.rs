//! Positions of a source connector as REST shows and changes them (KIP-875).

use super::offsets::{from_request, offset_value, parse_key, parse_offset, partition_key};
use super::sink_offsets::PartitionOffsets;
use crate::herder::OffsetEntry;
use crate::storage::OffsetStore;
use bytes::Bytes;
use std::collections::BTreeMap;
use turnbuckle_api::source::{AlterOffsets, OffsetChange, SourceConnector};
use turnbuckle_api::{Props, Result};

/// All stored positions.
pub(super) async fn read(store: &dyn OffsetStore, connector: &str) -> Result<PartitionOffsets> {
    let entries = store.of_connector(connector).await?;
    let parse = |(key, value): &(Bytes, Bytes)| {
        let (_, partition) = parse_key(key)?;
        Some((partition, parse_offset(value).ok()))
    };
    Ok(entries.iter().filter_map(parse).collect())
}

/// What a user wants to be stored, each partition once: of several entries for one the last counts.
///
/// # Errors
/// `DataException` for values that no position can hold.
pub(super) fn requested(connector: &str, entries: &[OffsetEntry]) -> Result<Vec<OffsetChange>> {
    let mut changes = BTreeMap::new();
    for entry in entries {
        let partition = entry.partition.as_ref().map(from_request).transpose()?;
        let offset = entry.offset.as_ref().map(from_request).transpose()?;
        let key = partition_key(connector, partition.as_ref())?;
        changes.insert(key, (partition, offset));
    }
    Ok(changes.into_values().collect())
}

/// What removes all that is stored.
pub(super) async fn removals(store: &dyn OffsetStore, connector: &str) -> Result<Vec<OffsetChange>> {
    let stored = read(store, connector).await?;
    Ok(stored
        .into_iter()
        .map(|(partition, _)| (Some(partition), None))
        .collect())
}

/// Stores the changes that the connector agrees with.
///
/// # Errors
/// The connector's own, before anything is written; or that of the store.
pub(super) async fn write(
    store: &dyn OffsetStore,
    name: &str,
    connector: &dyn SourceConnector,
    config: &Props,
    changes: &[OffsetChange],
) -> Result<AlterOffsets> {
    let checked = connector.alter_offsets(config, changes)?;
    let entry = |(partition, offset): &OffsetChange| -> Result<(Bytes, Option<Bytes>)> {
        let key = partition_key(name, partition.as_ref())?;
        Ok((key, offset.as_ref().map(offset_value).transpose()?))
    };
    let entries: Vec<_> = changes.iter().map(entry).collect::<Result<_>>()?;
    if !entries.is_empty() {
        store.set(entries).await?;
    }
    Ok(checked)
}
