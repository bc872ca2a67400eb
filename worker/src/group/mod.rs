//! Membership in the group of workers, as Kafka's coordinator and the workers of the JVM understand it.
//!
//! [`start`] runs the membership in a task of its own: it joins with the worker's URL, config offset and current work,
//! computes everybody's share when elected (the assignors are pure), and keeps heartbeats going whatever the herder
//! does. To the herder it speaks in [`GroupEvent`]s over a bounded channel, one at a time; the herder speaks back
//! through the [`MembershipHandle`]. Blobs inside JoinGroup and SyncGroup are read and written by [`codec`].

pub mod assignor;
pub mod backoff;
pub mod codec;
mod error;
mod event;
mod member;
mod membership;
mod view;

pub use assignor::ClusterView;
pub use error::GroupError;
pub use event::{GroupEvent, MemberState, Rebalance, RevokeCause};
pub use membership::{MembershipHandle, start};
pub use view::{GroupView, Owners};

pub use crate::herder::TaskId;

use std::fmt;
use std::time::Duration;

/// Connectors and tasks: what a worker runs, starts or stops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Connector instances.
    pub connectors: Vec<String>,
    /// Tasks.
    pub tasks: Vec<TaskId>,
}

impl Assignment {
    /// True when there is neither a connector nor a task.
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    /// The new items followed by those of `kept` that are not in `revoked`.
    fn merged(new: &Self, kept: &Self, revoked: &Self) -> Self {
        let mut merged = new.clone();
        for connector in &kept.connectors {
            if !revoked.connectors.contains(connector) && !merged.connectors.contains(connector) {
                merged.connectors.push(connector.clone());
            }
        }
        let revoked: std::collections::HashSet<&TaskId> = revoked.tasks.iter().chain(&new.tasks).collect();
        merged
            .tasks
            .extend(kept.tasks.iter().filter(|task| !revoked.contains(task)).cloned());
        merged
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: Vec<String> = self.tasks.iter().map(TaskId::to_string).collect();
        write!(
            f,
            "connectors [{}], tasks [{}]",
            self.connectors.join(", "),
            tasks.join(", ")
        )
    }
}

/// `connect.protocol`, and what the broker chose of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectProtocol {
    /// V0: everything stops before each rebalance.
    Eager,
    /// V1: incremental cooperative rebalancing (KIP-415).
    Compatible,
    /// V2: as V1, with signed internal requests (KIP-507).
    Sessioned,
}

impl ConnectProtocol {
    /// All, the newest first.
    const PREFERRED: [Self; 3] = [Self::Sessioned, Self::Compatible, Self::Eager];

    /// Version in the blobs' headers.
    pub fn version(self) -> i16 {
        match self {
            Self::Eager => 0,
            Self::Compatible => 1,
            Self::Sessioned => 2,
        }
    }

    /// Name of the protocol in JoinGroup. The eager one is called `default` there.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Eager => "default",
            Self::Compatible => "compatible",
            Self::Sessioned => "sessioned",
        }
    }

    /// The protocol of a name in JoinGroup.
    pub fn from_wire_name(name: &str) -> Option<Self> {
        Self::PREFERRED
            .into_iter()
            .find(|protocol| protocol.wire_name() == name)
    }

    /// The protocol of a `connect.protocol` value, in any case.
    pub fn from_config(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "eager" => Some(Self::Eager),
            "compatible" => Some(Self::Compatible),
            "sessioned" => Some(Self::Sessioned),
            _ => None,
        }
    }

    /// What a worker configured with this offers: this and everything older, the newest first.
    pub fn offered(self) -> impl Iterator<Item = Self> {
        Self::PREFERRED.into_iter().filter(move |protocol| *protocol <= self)
    }
}

/// The `error` field of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssignmentError {
    /// 0
    None,
    /// 1: the leader could not read the newest configuration, nothing was assigned.
    ConfigMismatch,
    /// A code this version does not know; treated as a failed assignment.
    Other(i16),
}

impl AssignmentError {
    /// The number on the wire.
    pub fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::ConfigMismatch => 1,
            Self::Other(code) => code,
        }
    }

    /// The reading of a number on the wire.
    pub fn from_code(code: i16) -> Self {
        match code {
            0 => Self::None,
            1 => Self::ConfigMismatch,
            other => Self::Other(other),
        }
    }

    /// True for everything but [`AssignmentError::None`].
    pub fn is_failure(self) -> bool {
        self != Self::None
    }
}

/// Settings of the membership, named as the worker properties they come from.
#[derive(Debug, Clone)]
pub struct GroupConfig {
    /// `group.id`
    pub group_id: String,
    /// URL under which the other workers reach this one, with trailing `/`.
    pub worker_url: String,
    /// `connect.protocol`
    pub protocol: ConnectProtocol,
    /// `session.timeout.ms`
    pub session_timeout: Duration,
    /// `rebalance.timeout.ms`
    pub rebalance_timeout: Duration,
    /// `heartbeat.interval.ms`
    pub heartbeat_interval: Duration,
    /// `retry.backoff.ms`
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`
    pub retry_backoff_max: Duration,
    /// `scheduled.rebalance.max.delay.ms`
    pub scheduled_rebalance_max_delay: Duration,
}
