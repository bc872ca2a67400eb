//! Positions of a connector for REST (KIP-875): of a source in the offset store, of a sink in its consumer group.

use super::connector::guarded;
use super::sink_offsets::PartitionOffsets;
use super::source::topic_creation::Groups;
use super::{Runtime, sink_offsets, source_offsets, unknown_kind};
use crate::config::client::to_connection;
use crate::herder::OffsetEntry;
use crate::kafka::consumer_group::ConsumerGroup;
use std::time::Duration;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::source::AlterOffsets;
use turnbuckle_api::{Error, Props, Result};

/// Time for all that one request asks of the consumer group.
const GROUP_LIMIT: Duration = Duration::from_secs(90);

/// What a user wants to be done with the positions of a stopped connector.
#[derive(Clone, Debug, PartialEq)]
pub enum OffsetsChange {
    /// Store some, remove others.
    Alter(Vec<OffsetEntry>),
    /// Remove all.
    Reset,
}

impl Runtime {
    /// The stored positions.
    ///
    /// # Errors
    /// If they can't be read, or the configuration is not one of a connector.
    pub async fn connector_offsets(&self, name: &str, config: &Props) -> Result<PartitionOffsets> {
        let config = &self.resolve(config)?;
        let plugin = self.plugins.connector(class(config))?;
        match plugin.kind {
            PluginKind::Sink { .. } => {
                let read = async { sink_offsets::read(&mut self.consumer_group(name, config)?).await };
                read.await.map_err(|error| {
                    let text = format!("Failed to retrieve consumer group offsets for sink connector {name}");
                    Error::connect(text).with_cause(error)
                })
            }
            PluginKind::Source { .. } => {
                self.check_topic_creation(config)?;
                let read = source_offsets::read(self.offsets.as_ref(), name).await;
                read.map_err(|error| {
                    Error::connect(format!("Failed to retrieve offsets for source connector {name}")).with_cause(error)
                })
            }
            _ => Err(unknown_kind(plugin.class)),
        }
    }

    /// Changes the positions of a stopped connector; the answer is the connector's opinion.
    ///
    /// # Errors
    /// What is wrong with the request, with its kind; the connector's own; or why nothing could be stored.
    pub async fn modify_offsets(&self, name: &str, config: &Props, change: &OffsetsChange) -> Result<AlterOffsets> {
        let config = &self.resolve(config)?;
        let plugin = self.plugins.connector(class(config))?;
        let modified = match plugin.kind {
            PluginKind::Sink { connector, .. } => {
                let connector = connector();
                let mut group = self.consumer_group(name, config)?;
                guarded(async {
                    match change {
                        OffsetsChange::Alter(entries) => {
                            sink_offsets::alter(&mut group, name, connector.as_ref(), config, entries).await
                        }
                        OffsetsChange::Reset => sink_offsets::reset(&mut group, name, connector.as_ref(), config).await,
                    }
                })
                .await
            }
            PluginKind::Source { connector, .. } => {
                self.check_topic_creation(config)?;
                let (connector, store) = (connector(), self.offsets.as_ref());
                guarded(async {
                    let changes = match change {
                        OffsetsChange::Alter(entries) => source_offsets::requested(name, entries)?,
                        OffsetsChange::Reset => source_offsets::removals(store, name).await?,
                    };
                    source_offsets::write(store, name, connector.as_ref(), config, &changes).await
                })
                .await
            }
            _ => return Err(unknown_kind(plugin.class)),
        };
        modified.map_err(|error| match error.class_name() {
            "java.lang.UnsupportedOperationException" => Error::connect(format!(
                "Failed to modify offsets for connector {name} because it doesn't support external modification of offsets"
            ))
            .with_cause(error),
            _ => error,
        })
    }

    /// Connect reads these keys whenever it makes a source connector's configuration.
    pub(super) fn check_topic_creation(&self, config: &Props) -> Result<()> {
        if self.config.topic_creation_enable() {
            Groups::from_props(config)?;
        }
        Ok(())
    }

    fn consumer_group(&self, name: &str, config: &Props) -> Result<ConsumerGroup> {
        let (admin, group) = self.clients.group_admin(config, name)?;
        ConsumerGroup::new(to_connection(&admin)?, group, GROUP_LIMIT).map_err(|error| Error::config(error.to_string()))
    }
}

fn class(config: &Props) -> &str {
    config.get("connector.class").unwrap_or_default().trim()
}
