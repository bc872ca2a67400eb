//! The herder's task: it alone owns what should run. Everything reaches it as a message: requests from REST, changes of the
//! config store, generations of the group, wishes of connectors, and the ends of what it started in the background. Nothing
//! slow runs inside it but stopping, as in Connect: a connector's start and its task configurations are computed aside and
//! come back as [`Internal`] messages.
//!
//! The distributed and the standalone herder differ in one thing: who decides the assignment. With a group the leader does;
//! without one everything is this worker's.

use super::fencing::Fenced;
use super::request::{HerderHandle, QUEUE, Reply, Request};
use super::supervision::Supervisor;
use super::watch::Waiting;
use super::{HerderError, TaskId};
use crate::config::Restarts;
use crate::group::{Assignment, GroupEvent, MembershipHandle};
use crate::plugins::Plugins;
use crate::runtime::{Runtime, RuntimeEvent};
use crate::storage::{ConfigState, ConfigStore, StatusStore};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use turnbuckle_api::{Error, Props};

/// What the herder needs to know of its worker.
#[derive(Clone, Debug)]
pub struct HerderSettings {
    pub worker_id: String,
    pub kafka_cluster_id: String,
    /// Bound on reading the config topic to its end (`worker.sync.timeout.ms`).
    pub sync_timeout: Duration,
    /// Lifetime of a session key (`inter.worker.key.ttl.ms`).
    pub session_key_ttl: Duration,
    pub topic_tracking: bool,
    pub topic_reset: bool,
    /// `exactly.once.source.support=enabled`.
    pub exactly_once_sources: bool,
    /// `turnbuckle.restart.*`.
    pub restarts: Restarts,
}

/// What the herder works with.
pub struct HerderParts {
    pub settings: HerderSettings,
    pub plugins: Arc<Plugins>,
    pub store: Arc<dyn ConfigStore>,
    pub statuses: Arc<dyn StatusStore>,
    pub runtime: Arc<Runtime>,
    pub runtime_events: mpsc::Receiver<RuntimeEvent>,
    /// The membership and its events; None for a standalone worker.
    pub group: Option<(MembershipHandle, mpsc::Receiver<GroupEvent>)>,
}

/// Ends of work that the herder started aside.
pub(super) enum Internal {
    ConnectorStarted {
        name: String,
        started: Result<(), Error>,
    },
    TaskConfigs {
        name: String,
        configs: Result<Vec<Props>, Error>,
    },
    /// Producers of former tasks are fenced, or could not be.
    Fenced(Fenced),
    /// A request that was put off.
    Again(Request),
    /// Compute task configurations again after a failure.
    RetryTaskConfigs {
        name: String,
    },
}

/// Why the herder ended.
pub type Ended = Result<(), Error>;

/// The herder's state.
pub(super) struct Actor {
    pub(super) settings: HerderSettings,
    pub(super) plugins: Arc<Plugins>,
    pub(super) store: Arc<dyn ConfigStore>,
    pub(super) statuses: Arc<dyn StatusStore>,
    pub(super) runtime: Arc<Runtime>,
    pub(super) group: Option<MembershipHandle>,
    pub(super) internal: mpsc::Sender<Internal>,
    /// The snapshot that decisions are made by.
    pub(super) state: Arc<ConfigState>,
    /// Connectors that were there when changes were last applied.
    pub(super) known: BTreeSet<String>,
    /// What this worker is to run.
    pub(super) assignment: Assignment,
    /// Tasks stopped for new configurations; they start again with the next assignment that holds them.
    pub(super) stopped_for_update: BTreeSet<TaskId>,
    /// A connector whose start the herder waits for itself; nothing else starts it meanwhile.
    pub(super) held: Option<String>,
    /// Failed attempts to make or publish task configurations.
    pub(super) attempts: HashMap<String, u32>,
    /// Rounds of fencing on their way, with who waits for them.
    pub(super) fencings: HashMap<String, Vec<Reply<()>>>,
    /// The leader's transaction on the config topic must be claimed before the next assignment is acted upon.
    pub(super) privileges_due: bool,
    pub(super) supervisor: Supervisor,
    /// At the leader: work that waits for a worker to return.
    pub(super) waiting: Option<Waiting>,
    pub(super) handle: HerderHandle,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) shutdown: CancellationToken,
}

/// How often the leader looks at the age of its session key.
const KEY_CHECK: Duration = Duration::from_secs(10);

/// How often the herder looks for what has failed.
const SUPERVISION: Duration = Duration::from_millis(500);

/// Starts the herder. The task ends when `shutdown` is cancelled, after all work has been stopped and the group left; or with
/// an error if the membership can't go on.
pub fn start(parts: HerderParts, shutdown: CancellationToken) -> (HerderHandle, tokio::task::JoinHandle<Ended>) {
    let (requests, request_queue) = mpsc::channel(QUEUE);
    let (internal, internal_queue) = mpsc::channel(QUEUE);
    let ready = Arc::new(AtomicBool::new(false));
    let handle = HerderHandle {
        requests,
        store: parts.store.clone(),
        ready: ready.clone(),
        kafka_cluster_id: parts.settings.kafka_cluster_id.clone(),
    };
    let (group, group_events) = parts.group.unzip();
    let actor = Actor {
        settings: parts.settings,
        plugins: parts.plugins,
        state: parts.store.snapshot(),
        store: parts.store,
        statuses: parts.statuses,
        runtime: parts.runtime,
        group,
        internal,
        known: BTreeSet::new(),
        assignment: Assignment::default(),
        stopped_for_update: BTreeSet::new(),
        held: None,
        attempts: HashMap::new(),
        fencings: HashMap::new(),
        privileges_due: false,
        supervisor: Supervisor::default(),
        waiting: None,
        handle: handle.clone(),
        ready,
        shutdown,
    };
    let queues = Queues {
        requests: request_queue,
        internal: internal_queue,
        runtime: parts.runtime_events,
        group: group_events,
    };
    (handle, tokio::spawn(actor.run(queues)))
}

struct Queues {
    requests: mpsc::Receiver<Request>,
    internal: mpsc::Receiver<Internal>,
    runtime: mpsc::Receiver<RuntimeEvent>,
    group: Option<mpsc::Receiver<GroupEvent>>,
}

impl Queues {
    /// The next event of the group; never for a standalone worker.
    async fn next_group_event(group: &mut Option<mpsc::Receiver<GroupEvent>>) -> Option<GroupEvent> {
        match group {
            Some(events) => events.recv().await,
            None => std::future::pending().await,
        }
    }
}

impl Actor {
    async fn run(mut self, mut queues: Queues) -> Ended {
        tracing::info!("Herder starting");
        if self.group.is_none() {
            self.apply_changes().await;
            self.ready.store(true, Ordering::Release);
        }
        tracing::info!("Herder started");
        let mut key_check = tokio::time::interval(KEY_CHECK);
        key_check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut supervision = tokio::time::interval(SUPERVISION);
        supervision.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let store = self.store.clone();
        let shutdown = self.shutdown.clone();
        let ended = loop {
            if let Some(group) = &self.group {
                group.note_progress();
            }
            tokio::select! {
                () = shutdown.cancelled() => break Ok(()),
                event = Queues::next_group_event(&mut queues.group) => match event {
                    Some(event) => if let Err(error) = self.on_group_event(event).await { break Err(error) },
                    None => break Err(Error::connect("The membership in the group of workers has ended")),
                },
                () = store.changed() => self.apply_changes().await,
                Some(internal) = queues.internal.recv() => self.on_internal(internal).await,
                Some(event) = queues.runtime.recv() => self.on_runtime_event(event),
                Some(request) = queues.requests.recv() => self.on_request(request).await,
                _ = supervision.tick() => self.supervise().await,
                _ = key_check.tick() => {
                    self.claim_privileges().await;
                    self.rotate_session_key().await;
                }
            }
        };
        self.ready.store(false, Ordering::Release);
        queues.requests.close();
        self.stop_everything().await;
        ended
    }

    async fn stop_everything(&mut self) {
        tracing::info!("Herder stopping");
        let connectors = self.runtime.running_connectors();
        let tasks = self.runtime.running_tasks();
        tokio::join!(
            self.runtime.stop_tasks(&tasks),
            self.runtime.stop_connectors(&connectors)
        );
        if let Some(group) = &self.group {
            group.leave("the worker is shutting down").await;
        }
        self.runtime.shutdown().await;
        tracing::info!("Herder stopped");
    }

    /// True if this worker may write configurations: the leader, or a standalone worker.
    pub(super) fn is_leader(&self) -> bool {
        self.group.as_ref().is_none_or(MembershipHandle::is_leader)
    }

    /// Err says who leads.
    pub(super) fn must_lead(&self) -> Result<(), HerderError> {
        match &self.group {
            Some(group) if !group.is_leader() => Err(HerderError::NotHere {
                url: group.leader_url(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn is_standalone(&self) -> bool {
        self.group.is_none()
    }
}
