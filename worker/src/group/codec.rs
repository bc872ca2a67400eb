//! The blobs inside JoinGroup and SyncGroup: a member's metadata and its assignment, in versions 0 to 2.
//!
//! All are classic Kafka encoding with an INT16 version first. Readers take any version: a higher one is read with the
//! newest layout known, trailing fields may be missing. Layouts: upstream `ConnectProtocol` and
//! `IncrementalCooperativeConnectProtocol` (KIP-415).

use super::{Assignment, AssignmentError, ConnectProtocol, TaskId};
use crate::kafka::wire::{DecodeError, Reader};
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::HashMap;

/// The number that stands for the connector instance in a list of tasks.
const CONNECTOR_INSTANCE: i32 = -1;

/// What a member tells when joining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Where the other workers reach it.
    pub url: String,
    /// Offset of its config snapshot.
    pub config_offset: i64,
    /// Its current work; always `None` in version 0.
    pub allocation: Option<MemberAssignment>,
}

/// What the leader tells a member; a member keeps the merged form of it as its allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAssignment {
    /// Whether the leader could assign.
    pub error: AssignmentError,
    /// Member id of the leader.
    pub leader: String,
    /// URL of the leader.
    pub leader_url: String,
    /// Config offset the leader assigned by.
    pub config_offset: i64,
    /// Version 0: everything. Later versions: new items (in an allocation: everything held).
    pub assigned: Assignment,
    /// Items to stop; not in version 0.
    pub revoked: Assignment,
    /// Milliseconds until the next scheduled rebalance, 0 for none; not in version 0.
    pub delay_ms: i32,
}

/// A value is too long for its length field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError(String);

impl std::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

/// Writes a member's metadata for one protocol.
pub fn encode_metadata(metadata: &Metadata, protocol: ConnectProtocol) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::with_capacity(256);
    out.put_i16(protocol.version());
    put_string(&mut out, &metadata.url)?;
    out.put_i64(metadata.config_offset);
    if protocol == ConnectProtocol::Eager {
        return Ok(out.freeze());
    }
    match &metadata.allocation {
        None => out.put_i32(-1),
        Some(allocation) => {
            let allocation = encode_assignment(allocation, protocol)?;
            out.put_i32(length(allocation.len(), "allocation")?);
            out.put_slice(&allocation);
        }
    }
    Ok(out.freeze())
}

/// Reads a member's metadata.
pub fn decode_metadata(bytes: &[u8]) -> Result<Metadata, DecodeError> {
    let mut reader = Reader::classic(bytes);
    let version = read_version(&mut reader)?;
    let url = reader.string()?.to_owned();
    let config_offset = reader.i64()?;
    let mut allocation = None;
    if version >= 1 && !reader.is_empty() {
        allocation = reader.nullable_bytes()?.map(decode_assignment).transpose()?;
    }
    Ok(Metadata {
        url,
        config_offset,
        allocation,
    })
}

/// Writes an assignment for one protocol.
pub fn encode_assignment(assignment: &MemberAssignment, protocol: ConnectProtocol) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::with_capacity(256);
    out.put_i16(protocol.version());
    out.put_i16(assignment.error.code());
    put_string(&mut out, &assignment.leader)?;
    put_string(&mut out, &assignment.leader_url)?;
    out.put_i64(assignment.config_offset);
    put_items(&mut out, &assignment.assigned)?;
    if protocol != ConnectProtocol::Eager {
        put_items(&mut out, &assignment.revoked)?;
        out.put_i32(assignment.delay_ms);
    }
    Ok(out.freeze())
}

/// Reads an assignment.
pub fn decode_assignment(bytes: &[u8]) -> Result<MemberAssignment, DecodeError> {
    let mut reader = Reader::classic(bytes);
    let version = read_version(&mut reader)?;
    let mut assignment = MemberAssignment {
        error: AssignmentError::from_code(reader.i16()?),
        leader: reader.string()?.to_owned(),
        leader_url: reader.string()?.to_owned(),
        config_offset: reader.i64()?,
        assigned: read_items(&mut reader)?,
        revoked: Assignment::default(),
        delay_ms: 0,
    };
    if version >= 1 && !reader.is_empty() {
        assignment.revoked = read_items(&mut reader)?;
    }
    if version >= 1 && !reader.is_empty() {
        assignment.delay_ms = reader.i32()?;
    }
    Ok(assignment)
}

fn read_version(reader: &mut Reader<'_>) -> Result<i16, DecodeError> {
    match reader.i16()? {
        version @ 0.. => Ok(version),
        version => Err(DecodeError::new(format!("Unsupported subscription version: {version}"))),
    }
}

/// Items grouped by connector, connectors in the order they first appear.
fn put_items(out: &mut BytesMut, items: &Assignment) -> Result<(), EncodeError> {
    let mut groups: Vec<(&str, Vec<i32>)> = Vec::new();
    let mut index: HashMap<&str, usize> = HashMap::new();
    let instances = items
        .connectors
        .iter()
        .map(|connector| (connector.as_str(), Ok(CONNECTOR_INSTANCE)));
    let tasks = items
        .tasks
        .iter()
        .map(|task| (task.connector.as_str(), i32::try_from(task.task)));
    for (connector, number) in instances.chain(tasks) {
        let number = number.map_err(|_| EncodeError(format!("a task number of connector {connector} is too large")))?;
        let at = *index.entry(connector).or_insert_with(|| {
            groups.push((connector, Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(number);
    }
    out.put_i32(length(groups.len(), "list of connectors")?);
    for (connector, numbers) in groups {
        put_string(out, connector)?;
        out.put_i32(length(numbers.len(), "list of tasks")?);
        numbers.into_iter().for_each(|number| out.put_i32(number));
    }
    Ok(())
}

fn read_items(reader: &mut Reader<'_>) -> Result<Assignment, DecodeError> {
    let mut items = Assignment::default();
    for _ in 0..reader.array()?.unwrap_or(0) {
        let connector = reader.string()?;
        for _ in 0..reader.array()?.unwrap_or(0) {
            match reader.i32()? {
                CONNECTOR_INSTANCE => items.connectors.push(connector.to_owned()),
                number => match u32::try_from(number) {
                    Ok(task) => items.tasks.push(TaskId::new(connector, task)),
                    Err(_) => {
                        return Err(DecodeError::new(format!(
                            "connector {connector} has the task number {number}"
                        )));
                    }
                },
            }
        }
    }
    Ok(items)
}

fn put_string(out: &mut BytesMut, text: &str) -> Result<(), EncodeError> {
    let size = i16::try_from(text.len()).map_err(|_| {
        let start: String = text.chars().take(40).collect();
        EncodeError(format!(
            "'{start}…' is longer than the {} bytes the group protocol allows",
            i16::MAX
        ))
    })?;
    out.put_i16(size);
    out.put_slice(text.as_bytes());
    Ok(())
}

fn length(count: usize, what: &str) -> Result<i32, EncodeError> {
    i32::try_from(count).map_err(|_| EncodeError(format!("the {what} is too long")))
}

#[cfg(test)]
mod tests;
