//! What the membership tells the herder, and what it wants back.

use super::{Assignment, AssignmentError, ClusterView, ConnectProtocol, GroupError};
use std::time::Duration;
use tokio::sync::oneshot;

/// One event; the herder handles them in the order they come. A reply may take its time – heartbeats go on – but after
/// `rebalance.timeout.ms` without a reply or [`note_progress`](super::MembershipHandle::note_progress) this worker
/// leaves the group. A reply dropped unanswered starts the round anew; a reply nobody waits for any more is harmless.
#[derive(Debug)]
pub enum GroupEvent {
    /// Joining (again) starts. Refresh the config snapshot (no reading to the end) and tell its offset.
    /// Whatever a former [`Assigned`](Self::Assigned) revoked must be stopped before the reply.
    Prepare { reply: oneshot::Sender<MemberState> },
    /// This worker leads: answer with the configured connectors and tasks. If the own snapshot is behind
    /// `min_config_offset`, refresh it once; answer in any case.
    ClusterView {
        min_config_offset: i64,
        reply: oneshot::Sender<ClusterView>,
    },
    /// Stop all of this, then reply. Nothing of it is in the assignment any more.
    Revoked {
        assignment: Assignment,
        cause: RevokeCause,
        reply: oneshot::Sender<()>,
    },
    /// A generation is complete.
    Assigned(Box<Rebalance>),
    /// The membership has ended for good: a setting is wrong or access is denied.
    Failed(GroupError),
}

/// The herder's part of what is sent in JoinGroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberState {
    /// Offset of the config snapshot, -1 for none yet.
    pub config_offset: i64,
}

/// Why running work has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeCause {
    /// The eager protocol stops everything before joining.
    EagerRebalance,
    /// The coordinator was out of reach for longer than a heartbeat interval: others may run this work already.
    CoordinatorLost,
}

/// The outcome of one generation for this worker.
///
/// Stop `revoked`, then start what is in `all` and does not run – normally `assigned`. Unless `error` or the own config
/// offset says otherwise: see section "post-rebalance check" of the reference; the herder answers those with
/// [`request_rejoin`](super::MembershipHandle::request_rejoin) or
/// [`step_out`](super::MembershipHandle::step_out).
/// The membership itself rejoins after a non-empty `revoked`, after an `error`, and when `delay` is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebalance {
    /// Generation of the group.
    pub generation: i32,
    /// This worker's member id.
    pub member_id: String,
    /// True when this worker leads.
    pub leader: bool,
    /// URL of the leader.
    pub leader_url: String,
    /// The protocol in force; its version is what REST and metrics show.
    pub protocol: ConnectProtocol,
    /// Whether the leader could assign.
    pub error: AssignmentError,
    /// Config offset the leader assigned by.
    pub config_offset: i64,
    /// New items.
    pub assigned: Assignment,
    /// Items to stop; always empty with the eager protocol.
    pub revoked: Assignment,
    /// Everything this worker holds now.
    pub all: Assignment,
    /// When not zero, a rejoin follows after this time (scheduled rebalance).
    pub delay: Duration,
}
