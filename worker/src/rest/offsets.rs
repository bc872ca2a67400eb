//! `/connectors/{name}/offsets` (KIP-875): positions of a connector are read, and changed while it is stopped.

use super::answer::{Answer, Failure, Handled};
use super::body;
use super::dispatch::Call;
use super::forward::Target;
use crate::runtime::OffsetsChange;
use serde::Serialize;
use serde_json::{Value, json};
use turnbuckle_api::OffsetMap;

#[derive(Serialize)]
struct ConnectorOffsets {
    offsets: Vec<ConnectorOffset>,
}

#[derive(Serialize)]
struct ConnectorOffset {
    partition: Value,
    offset: Option<Value>,
}

pub(super) async fn read(call: &Call<'_>, name: &str) -> Handled {
    let offsets = call.herder().connector_offsets(name).await?;
    let offset = |(partition, offset): (OffsetMap, Option<OffsetMap>)| {
        let offset = offset.as_ref().map(offset_json).transpose()?;
        Ok(ConnectorOffset {
            partition: offset_json(&partition)?,
            offset,
        })
    };
    let offsets: Vec<ConnectorOffset> = offsets.into_iter().map(offset).collect::<Result<_, Failure>>()?;
    Answer::ok(&ConnectorOffsets { offsets })
}

/// A partition or offset as stored.
fn offset_json(map: &OffsetMap) -> Result<Value, Failure> {
    let bytes = crate::runtime::offsets::offset_value(map)?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::new(500, format!("A stored offset is not JSON: {error}")))
}

/// `PATCH`: stores some positions, removes others.
pub(super) async fn alter(call: &Call<'_>, name: &str) -> Handled {
    let entries = body::offsets(&call.body)?;
    if entries.is_empty() {
        let text = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(Failure::new(400, text));
    }
    let body = json!({ "offsets": entries });
    let target = || Target::of(name, "PATCH", "/offsets").body(body);
    modify(call, name, OffsetsChange::Alter(entries), target).await
}

/// `DELETE`: removes all positions.
pub(super) async fn reset(call: &Call<'_>, name: &str) -> Handled {
    let target = || Target::of(name, "DELETE", "/offsets");
    modify(call, name, OffsetsChange::Reset, target).await
}

async fn modify(call: &Call<'_>, name: &str, change: OffsetsChange, target: impl FnOnce() -> Target) -> Handled {
    match call.herder().modify_offsets(name, change).await {
        Ok(message) => Answer::ok(&json!({ "message": message })),
        Err(error) => call.forward(error, target, None).await,
    }
}
