//! Positions of a connector for REST (KIP-875): source offsets from the offset store.

use super::actor::Actor;
use super::request::Reply;
use super::{ConnectorType, HerderError, HerderResult};
use crate::runtime::offsets::{parse_key, parse_offset};
use crate::storage::OffsetStore;
use std::sync::Arc;
use turnbuckle_api::OffsetMap;

type Offsets = Vec<(OffsetMap, Option<OffsetMap>)>;

impl Actor {
    /// Reads aside and answers, so that a slow store does not hold up the herder.
    pub(super) fn connector_offsets(&mut self, name: String, reply: Reply<Offsets>) {
        if let Err(error) = self.known_connector(&name) {
            drop(reply.send(Err(error)));
            return;
        }
        let config = self.state.connector_config(&name).cloned().unwrap_or_default();
        let (offsets, runtime) = (self.offsets.clone(), self.runtime.clone());
        tokio::spawn(async move {
            let answer = match runtime.connector_kind(&config) {
                ConnectorType::Sink => runtime.sink_offsets(&name, &config).await.map_err(|error| {
                    tracing::error!(connector = name, %error, "its consumer group's offsets can't be read");
                    HerderError::internal(format!(
                        "Failed to retrieve consumer group offsets for sink connector {name}"
                    ))
                }),
                _ => source_offsets(&offsets, &name).await,
            };
            drop(reply.send(answer));
        });
    }
}

async fn source_offsets(store: &Arc<dyn OffsetStore>, name: &str) -> HerderResult<Offsets> {
    let entries = store.of_connector(name).await.map_err(|error| {
        tracing::error!(connector = name, %error, "its offsets can't be read");
        HerderError::internal(format!("Failed to retrieve offsets for source connector {name}"))
    })?;
    let parse = |(key, value): &(bytes::Bytes, bytes::Bytes)| {
        let (_, partition) = parse_key(key)?;
        Some((partition, parse_offset(value).ok()))
    };
    Ok(entries.iter().filter_map(parse).collect())
}
