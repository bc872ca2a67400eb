//! The state of this worker as a member, and the steps it takes. Joining is in [`join`].

mod join;

use super::assignor::cooperative::CooperativeAssignor;
use super::codec::MemberAssignment;
use super::event::{GroupEvent, RevokeCause};
use super::membership::{Command, Shared};
use super::view::GroupView;
use super::{ConnectProtocol, GroupConfig, GroupError};
use crate::kafka::wire::{Backoff, Cluster, Connection, WireError, code, describe_code};
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{GroupId, HeartbeatRequest, LeaveGroupRequest};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// Longest wait for a coordinator that is only needed to say goodbye to.
const GOODBYE_LIMIT: Duration = Duration::from_secs(3);

/// Why a step ends early.
pub(super) enum Flow {
    /// Something changed that the next step has to look at.
    Restart,
    /// The membership ends as asked.
    Stop,
    /// The membership ends because it cannot work.
    Fail(GroupError),
}

pub(super) struct Member {
    config: GroupConfig,
    cluster: Cluster,
    /// To the coordinator; `None` while it is unknown or out of reach.
    connection: Option<Connection>,
    /// The last failure to find the coordinator; the same one is not logged as a warning again.
    last_failure: Option<WireError>,
    member_id: String,
    generation: i32,
    last_completed_generation: i32,
    /// The protocol in force, at first the configured one.
    protocol: ConnectProtocol,
    /// The merged assignment, reported when joining. `None` before the first one and after losing it.
    held: Option<MemberAssignment>,
    assignor: CooperativeAssignor,
    retry: Backoff,
    next_heartbeat: Instant,
    rejoin_at: Option<Instant>,
    must_rejoin: bool,
    /// The running round of joining has begun: the eager protocol has stopped the work.
    prepared: bool,
    /// Out of the group until a rejoin is asked for.
    stepped_out: bool,
    shared: Arc<Shared>,
    events: mpsc::Sender<GroupEvent>,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<GroupView>,
}

impl Member {
    pub(super) fn new(
        config: GroupConfig,
        cluster: Cluster,
        shared: Arc<Shared>,
        events: mpsc::Sender<GroupEvent>,
        commands: mpsc::Receiver<Command>,
        view: watch::Sender<GroupView>,
    ) -> Self {
        let max_delay = i64::try_from(config.scheduled_rebalance_max_delay.as_millis()).unwrap_or(i64::MAX);
        Self {
            protocol: config.protocol,
            assignor: CooperativeAssignor::new(max_delay),
            retry: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            config,
            cluster,
            connection: None,
            last_failure: None,
            member_id: String::new(),
            generation: -1,
            last_completed_generation: -1,
            held: None,
            next_heartbeat: Instant::now(),
            rejoin_at: None,
            must_rejoin: false,
            prepared: false,
            stepped_out: false,
            shared,
            events,
            commands,
            view,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            match self.step().await {
                Ok(()) | Err(Flow::Restart) => {}
                Err(Flow::Stop) => return,
                Err(Flow::Fail(error)) => {
                    tracing::error!("membership in group {} has ended: {error}", self.config.group_id);
                    self.leave_group("the membership failed").await;
                    // A herder that is gone does not need to know.
                    let _ = self.events.send(GroupEvent::Failed(error)).await;
                    return;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<(), Flow> {
        if self.stepped_out {
            if !self.shared.rejoin.load(Ordering::Acquire) {
                return self.wait(None).await;
            }
            self.stepped_out = false;
        }
        if self.shared.stalled.load(Ordering::Acquire) {
            return self.wait(None).await;
        }
        if !self.connection.as_ref().is_some_and(Connection::is_usable) {
            return self.find_coordinator().await;
        }
        let asked = self.shared.rejoin.load(Ordering::Acquire);
        if asked || self.must_rejoin || self.held.is_none() || self.generation < 0 {
            return self.join_round().await;
        }
        self.stay().await
    }

    /// In the group, nothing to do but heartbeats.
    async fn stay(&mut self) -> Result<(), Flow> {
        let stall_at = self.shared.last_progress() + self.config.rebalance_timeout;
        let wake_at = self
            .next_heartbeat
            .min(stall_at)
            .min(self.rejoin_at.unwrap_or(stall_at));
        self.wait(Some(wake_at)).await?;
        let now = Instant::now();
        if self.rejoin_at.is_some_and(|at| at <= now) {
            tracing::info!(
                "The scheduled rebalance is due, rejoining group {}",
                self.config.group_id
            );
            self.must_rejoin = true;
            self.rejoin_at = None;
        }
        self.tend(now).await
    }

    /// Waits until then, or for a wake-up or command.
    async fn wait(&mut self, until: Option<Instant>) -> Result<(), Flow> {
        let at = until.unwrap_or_else(Instant::now);
        let command = tokio::select! {
            biased;
            command = self.commands.recv() => command,
            () = self.events.closed() => None,
            () = self.shared.wake.notified() => return Ok(()),
            () = sleep_until(at), if until.is_some() => return Ok(()),
        };
        self.obey(command).await
    }

    async fn pause(&mut self) -> Result<(), Flow> {
        let until = Instant::now() + self.retry.next_pause();
        while Instant::now() < until {
            self.wait(Some(until)).await?;
        }
        Ok(())
    }

    /// What has to happen regularly while in the group: the heartbeat, and a look at the herder.
    async fn tend(&mut self, now: Instant) -> Result<(), Flow> {
        if self.member_id.is_empty() {
            return Ok(());
        }
        let limit = self.config.rebalance_timeout;
        if now.duration_since(self.shared.last_progress()) >= limit {
            tracing::warn!(
                "The herder made no progress within rebalance.timeout.ms ({} ms); leaving group {} until it does",
                limit.as_millis(),
                self.config.group_id
            );
            self.leave_group("the herder made no progress within the rebalance timeout")
                .await;
            self.must_rejoin = true;
            self.shared.stalled.store(true, Ordering::Release);
            return Ok(());
        }
        if now < self.next_heartbeat || self.generation < 0 {
            return Ok(());
        }
        if !self.connection.as_ref().is_some_and(Connection::is_usable) {
            self.reconnect().await?;
        }
        self.heartbeat().await
    }

    /// One attempt to have a connection for the next heartbeat, while the herder is being waited for.
    async fn reconnect(&mut self) -> Result<(), Flow> {
        let finding = self.cluster.coordinator(&self.config.group_id);
        match timeout(self.config.heartbeat_interval, finding).await {
            Ok(Ok(connection)) => self.connection = Some(connection),
            Ok(Err(error)) => self.call_failed(&error)?,
            Err(_) => self.coordinator_unknown(),
        }
        Ok(())
    }

    async fn heartbeat(&mut self) -> Result<(), Flow> {
        self.next_heartbeat = Instant::now() + self.config.heartbeat_interval;
        let limit = self.config.session_timeout.min(self.cluster.config().request_timeout);
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_usable()) else {
            return Ok(());
        };
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&self.config.group_id))
            .with_generation_id(self.generation)
            .with_member_id(StrBytes::from_string(self.member_id.clone()));
        let answer = connection.call_within(limit, |_| request).await;
        self.next_heartbeat = Instant::now() + self.config.heartbeat_interval;
        match answer {
            Ok(0) => Ok(()),
            Ok(error) => self.group_error("Heartbeat", error),
            Err(error) => self.call_failed(&error),
        }
    }

    /// Draws the consequences of an error code of a group request.
    fn group_error(&mut self, api: &str, error: i16) -> Result<(), Flow> {
        if let Some(fatal) = GroupError::fatal(api, error, &self.config.group_id) {
            return Err(Flow::Fail(fatal));
        }
        tracing::info!("{api} of group {}: {}", self.config.group_id, describe_code(error));
        match error {
            code::NOT_COORDINATOR | code::COORDINATOR_NOT_AVAILABLE => self.coordinator_unknown(),
            code::REBALANCE_IN_PROGRESS => self.must_rejoin = true,
            code::ILLEGAL_GENERATION => {
                self.generation = -1;
                self.must_rejoin = true;
            }
            code::UNKNOWN_MEMBER_ID => {
                self.forget_membership();
                self.must_rejoin = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn call_failed(&mut self, error: &WireError) -> Result<(), Flow> {
        if let Some(fatal) = GroupError::fatal_call(error, &self.config.group_id) {
            return Err(Flow::Fail(fatal));
        }
        tracing::warn!("Group coordinator of {} is unavailable: {error}", self.config.group_id);
        self.coordinator_unknown();
        Ok(())
    }

    fn coordinator_unknown(&mut self) {
        self.connection = None;
    }

    fn forget_membership(&mut self) {
        self.member_id.clear();
        self.generation = -1;
        self.view.send_modify(|view| {
            view.member_id.clear();
            view.generation = -1;
            view.owners = None;
        });
    }

    /// Connects to the coordinator, however long it takes. When it takes longer than a heartbeat interval, the work is
    /// given up: other workers may have been assigned it.
    async fn find_coordinator(&mut self) -> Result<(), Flow> {
        enum Next {
            Found(Result<Connection, WireError>),
            Command(Option<Command>),
            Lost,
        }
        self.connection = None;
        let lost_at = Instant::now() + self.config.heartbeat_interval;
        loop {
            let armed = self.held.as_ref().is_some_and(|held| !held.error.is_failure());
            let next = tokio::select! {
                biased;
                command = self.commands.recv() => Next::Command(command),
                () = self.events.closed() => Next::Command(None),
                () = sleep_until(lost_at), if armed => Next::Lost,
                found = self.cluster.coordinator(&self.config.group_id) => Next::Found(found),
            };
            match next {
                Next::Command(command) => self.obey(command).await?,
                Next::Lost => self.lose_assignment().await?,
                Next::Found(Ok(connection)) => {
                    tracing::info!(
                        "Discovered group coordinator {} of {}",
                        connection.address(),
                        self.config.group_id
                    );
                    self.connection = Some(connection);
                    self.last_failure = None;
                    self.retry.reset();
                    // Tells at once whether the membership has survived.
                    self.next_heartbeat = Instant::now();
                    return Ok(());
                }
                Next::Found(Err(error)) => {
                    if let Some(fatal) = GroupError::fatal_call(&error, &self.config.group_id) {
                        return Err(Flow::Fail(fatal));
                    }
                    if self.last_failure.as_ref() == Some(&error) {
                        tracing::debug!("No coordinator of group {} yet: {error}", self.config.group_id);
                    } else {
                        tracing::warn!(
                            "No coordinator of group {} yet, trying on: {error}",
                            self.config.group_id
                        );
                        self.last_failure = Some(error);
                    }
                    let until = Instant::now() + self.retry.next_pause();
                    let until = if armed {
                        until.min(lost_at.max(Instant::now()))
                    } else {
                        until
                    };
                    self.wait(Some(until)).await?;
                }
            }
        }
    }

    async fn lose_assignment(&mut self) -> Result<(), Flow> {
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        self.rejoin_at = None;
        tracing::warn!(
            "The coordinator of group {} is out of reach for more than {} ms; stopping {} so that it does not run \
             outside of the group",
            self.config.group_id,
            self.config.heartbeat_interval.as_millis(),
            held.assigned
        );
        let cause = RevokeCause::CoordinatorLost;
        self.ask(|reply| GroupEvent::Revoked {
            assignment: held.assigned,
            cause,
            reply,
        })
        .await
    }

    /// Hands an event to the herder and waits for the reply, tending the membership meanwhile.
    async fn ask<T>(&mut self, event: impl FnOnce(oneshot::Sender<T>) -> GroupEvent) -> Result<T, Flow> {
        let (reply, mut answer) = oneshot::channel();
        self.deliver(event(reply)).await?;
        loop {
            let tend_at = self.tend_at();
            let command = tokio::select! {
                biased;
                command = self.commands.recv() => command,
                () = self.events.closed() => None,
                answer = &mut answer => {
                    self.shared.note_progress();
                    let Ok(answer) = answer else {
                        self.pause().await?;
                        return Err(Flow::Restart);
                    };
                    return Ok(answer);
                }
                () = sleep_until(tend_at) => {
                    self.tend(Instant::now()).await?;
                    continue;
                }
            };
            self.obey(command).await?;
        }
    }

    /// Puts an event into the herder's queue, tending the membership while that is full.
    async fn deliver(&mut self, event: GroupEvent) -> Result<(), Flow> {
        enum Next {
            Command(Option<Command>),
            Tend,
        }
        loop {
            let tend_at = self.tend_at();
            let next = tokio::select! {
                biased;
                command = self.commands.recv() => Next::Command(command),
                permit = self.events.reserve() => match permit {
                    Ok(permit) => {
                        permit.send(event);
                        return Ok(());
                    }
                    Err(_) => Next::Command(None),
                },
                () = sleep_until(tend_at) => Next::Tend,
            };
            match next {
                Next::Command(command) => self.obey(command).await?,
                Next::Tend => self.tend(Instant::now()).await?,
            }
        }
    }

    /// When [`tend`](Self::tend) has something to do next; the heartbeat interval is a rhythm that suits all cases.
    fn tend_at(&self) -> Instant {
        let now = Instant::now();
        let rhythm = now + self.config.heartbeat_interval;
        if self.generation < 0 {
            rhythm
        } else {
            self.next_heartbeat.min(rhythm)
        }
    }

    /// Carries out a command; `None` when nobody is left to give any.
    async fn obey(&mut self, command: Option<Command>) -> Result<(), Flow> {
        match command {
            None => {
                self.leave_group("the worker is gone").await;
                Err(Flow::Stop)
            }
            Some(Command::Leave { reason, reply }) => {
                self.leave_group(&reason).await;
                let _ = reply.send(());
                Err(Flow::Stop)
            }
            Some(Command::StepOut { reason, reply }) => {
                self.leave_group(&reason).await;
                self.stepped_out = true;
                self.rejoin_at = None;
                self.shared.rejoin.store(false, Ordering::Release);
                let _ = reply.send(());
                Err(Flow::Restart)
            }
            Some(Command::Forget { reply }) => {
                self.held = None;
                let _ = reply.send(());
                Ok(())
            }
        }
    }

    /// Tells the coordinator that this member is gone; without one the session timeout will.
    async fn leave_group(&mut self, reason: &str) {
        if self.member_id.is_empty() {
            return;
        }
        let member_id = StrBytes::from_string(self.member_id.clone());
        let id = group_id(&self.config.group_id);
        let goodbye = async {
            if !self.connection.as_ref().is_some_and(Connection::is_usable) {
                self.connection = Some(self.cluster.coordinator(&self.config.group_id).await?);
            }
            let Some(connection) = self.connection.as_mut() else {
                return Ok(0);
            };
            let request = |version: i16| {
                let request = LeaveGroupRequest::default().with_group_id(id);
                if version < 3 {
                    return request.with_member_id(member_id);
                }
                let reason = (version >= 5).then(|| StrBytes::from_string(reason.chars().take(255).collect()));
                request.with_members(vec![
                    MemberIdentity::default().with_member_id(member_id).with_reason(reason),
                ])
            };
            connection.call(request).await
        };
        match timeout(GOODBYE_LIMIT, goodbye).await {
            Ok(Ok(0)) => tracing::info!("Left group {}: {reason}", self.config.group_id),
            Ok(Ok(error)) => tracing::info!("Leaving group {}: {}", self.config.group_id, describe_code(error)),
            Ok(Err(error)) => tracing::warn!(
                "Could not tell the coordinator of leaving {}: {error}",
                self.config.group_id
            ),
            Err(_) => tracing::warn!(
                "Could not tell the coordinator of leaving {} in time",
                self.config.group_id
            ),
        }
        self.forget_membership();
    }
}

fn group_id(text: &str) -> GroupId {
    GroupId(StrBytes::from_string(text.to_owned()))
}
