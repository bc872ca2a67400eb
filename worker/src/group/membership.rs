//! The membership's task and the handle to it.
//!
//! The task is a loop of small steps (see [`Member::step`]): find the coordinator, join if something asks for it,
//! otherwise wait for whatever comes first – a command, the next heartbeat, a scheduled rejoin. While an event waits
//! for the herder's reply, heartbeats and commands are served all the same.

use super::event::GroupEvent;
use super::member::Member;
use super::view::{GroupView, Owners};
use super::{GroupConfig, GroupError, TaskId};
use crate::kafka::wire::{Cluster, WireConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

/// Events that may wait for the herder.
const EVENT_QUEUE: usize = 4;
/// Commands that may wait for the membership.
const COMMAND_QUEUE: usize = 4;

/// Starts the membership. It joins at once; the first event is [`GroupEvent::Prepare`].
/// It ends by [`MembershipHandle::leave`], when all handles or the receiver are dropped (it leaves the group then, too),
/// or with [`GroupEvent::Failed`].
pub fn start(
    config: GroupConfig,
    wire: WireConfig,
) -> Result<(MembershipHandle, mpsc::Receiver<GroupEvent>), GroupError> {
    let cluster = Cluster::new(wire)
        .map_err(|e| GroupError::new("org.apache.kafka.common.config.ConfigException", e.to_string()))?;
    let (event_sender, events) = mpsc::channel(EVENT_QUEUE);
    let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
    let (view_sender, view) = watch::channel(GroupView {
        generation: -1,
        ..GroupView::default()
    });
    let shared = Arc::new(Shared::new());
    let member = Member::new(
        config,
        cluster,
        Arc::clone(&shared),
        event_sender,
        command_receiver,
        view_sender,
    );
    tokio::spawn(member.run());
    Ok((MembershipHandle { shared, commands, view }, events))
}

/// What the herder, and everybody else in this process, can ask of the membership. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MembershipHandle {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<GroupView>,
}

impl MembershipHandle {
    /// Joins again soon, also after [`step_out`](Self::step_out). Several requests make one rejoin; one that comes
    /// while a rebalance is under way whose [`GroupEvent::Prepare`] was already sent makes another one afterwards.
    pub fn request_rejoin(&self) {
        self.shared.rejoin.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    /// The herder is alive. Must be called at least once per `rebalance.timeout.ms`, idle or not, else this worker
    /// leaves the group until the next call. Replies to events count as well.
    pub fn note_progress(&self) {
        self.shared.note_progress();
    }

    /// Leaves the group and ends the membership. Returns when the coordinator was told, or cannot be reached.
    pub async fn leave(&self, reason: &str) {
        self.send(|reply| Command::Leave {
            reason: reason.to_owned(),
            reply,
        })
        .await;
    }

    /// Leaves the group, keeping the work, until [`request_rejoin`](Self::request_rejoin).
    pub async fn step_out(&self, reason: &str) {
        self.send(|reply| Command::StepOut {
            reason: reason.to_owned(),
            reply,
        })
        .await;
    }

    /// The herder stopped all its work on its own account: report none of it when joining the next time.
    pub async fn forget_assignment(&self) {
        self.send(|reply| Command::Forget { reply }).await;
    }

    async fn send(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (reply, done) = oneshot::channel();
        // Either fails only when the membership has ended, which is no less than what was asked for.
        if self.commands.send(command(reply)).await.is_ok() {
            let _ = done.await;
        }
    }

    /// The last completed generation.
    pub fn view(&self) -> GroupView {
        self.view.borrow().clone()
    }

    /// To be told of every change of the [`view`](Self::view).
    pub fn watch(&self) -> watch::Receiver<GroupView> {
        self.view.clone()
    }

    /// True when this worker leads; stays so during a rebalance.
    pub fn is_leader(&self) -> bool {
        self.view.borrow().is_leader()
    }

    /// URL of the leader, once known.
    pub fn leader_url(&self) -> Option<String> {
        self.view.borrow().leader_url.clone()
    }

    /// Generation of the last completed rebalance, -1 outside of the group.
    pub fn generation(&self) -> i32 {
        self.view.borrow().generation
    }

    /// At the leader: who runs what. `None` elsewhere and during rebalances.
    pub fn owners(&self) -> Option<Arc<Owners>> {
        self.view.borrow().owners.clone()
    }

    /// At the leader: a rebalance was asked for or is under way.
    pub fn rebalance_is_due(&self) -> bool {
        self.shared.rejoin.load(Ordering::Acquire) || self.is_leader() && self.owners().is_none()
    }

    /// At the leader: URL of the worker that runs a connector instance.
    pub fn owner_of_connector(&self, name: &str) -> Option<String> {
        self.owners()?.connector(name).map(str::to_owned)
    }

    /// At the leader: URL of the worker that runs a task.
    pub fn owner_of_task(&self, task: &TaskId) -> Option<String> {
        self.owners()?.task(task).map(str::to_owned)
    }
}

/// What handles ask of the task, with a word when it is done.
#[derive(Debug)]
pub(super) enum Command {
    Leave { reason: String, reply: oneshot::Sender<()> },
    StepOut { reason: String, reply: oneshot::Sender<()> },
    Forget { reply: oneshot::Sender<()> },
}

/// Signals that need no queue, between the handles and the task.
#[derive(Debug)]
pub(super) struct Shared {
    /// A rejoin was asked for since the last [`GroupEvent::Prepare`].
    pub(super) rejoin: AtomicBool,
    /// Wakes the task up to look at the flags.
    pub(super) wake: Notify,
    /// The task left the group because the herder made no progress, and waits for it.
    pub(super) stalled: AtomicBool,
    started: Instant,
    progress_ms: AtomicU64,
}

impl Shared {
    fn new() -> Self {
        Self {
            rejoin: AtomicBool::new(false),
            wake: Notify::new(),
            stalled: AtomicBool::new(false),
            started: Instant::now(),
            progress_ms: AtomicU64::new(0),
        }
    }

    /// Milliseconds since the membership began, beginning at 1.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    pub(super) fn note_progress(&self) {
        self.progress_ms.store(self.now_ms(), Ordering::Release);
        if self.stalled.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    pub(super) fn last_progress(&self) -> Instant {
        self.started + Duration::from_millis(self.progress_ms.load(Ordering::Acquire))
    }
}
