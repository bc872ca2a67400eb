//! A round of joining: prepare → JoinGroup → at the leader, everybody's assignment → SyncGroup → merge.

use super::{Flow, Member, group_id};
use crate::group::assignor::cooperative::Round;
use crate::group::assignor::{Load, eager};
use crate::group::codec::{self, MemberAssignment, Metadata};
use crate::group::event::{GroupEvent, Rebalance, RevokeCause};
use crate::group::view::Owners;
use crate::group::{Assignment, AssignmentError, ConnectProtocol, GroupError};
use crate::kafka::wire::{Call, JoinGroupAnswer, code};
use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{JoinGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

const PROTOCOL_TYPE: &str = "connect";
/// The coordinator answers JoinGroup after the rebalance timeout at the latest; it gets this much more.
const JOIN_GRACE: Duration = Duration::from_secs(5);

impl Member {
    /// One attempt to complete a generation. `Ok` without one means that the next step has to try again.
    pub(super) async fn join_round(&mut self) -> Result<(), Flow> {
        // Stays set until a generation is complete, whatever goes wrong in between.
        self.must_rejoin = true;
        self.rejoin_at = None;
        self.prepare_once().await?;
        // What is asked for from here on may not be covered by the offset the herder is about to tell.
        self.shared.rejoin.store(false, Ordering::Release);
        let state = self.ask(|reply| GroupEvent::Prepare { reply }).await?;
        let Some(joined) = self.join_group(state.config_offset).await? else {
            return Ok(());
        };
        let Some(protocol) = joined.protocol.as_deref().and_then(ConnectProtocol::from_wire_name) else {
            return Err(Flow::Fail(GroupError::new(
                "org.apache.kafka.common.errors.InconsistentGroupProtocolException",
                format!(
                    "the coordinator chose the protocol {:?}, which was not offered",
                    joined.protocol
                ),
            )));
        };
        self.protocol = protocol;
        let leads = joined.leader == joined.member_id && !joined.skip_assignment;
        let assignments = if leads {
            self.assign(&joined.members).await?
        } else {
            Vec::new()
        };
        let Some(bytes) = self.sync_group(assignments).await? else {
            return Ok(());
        };
        match codec::decode_assignment(&bytes) {
            Ok(assignment) => self.complete(assignment).await,
            Err(error) => {
                tracing::warn!(
                    "Generation {} brought an unreadable assignment: {error}",
                    self.generation
                );
                self.pause().await
            }
        }
    }

    async fn prepare_once(&mut self) -> Result<(), Flow> {
        if self.prepared {
            return Ok(());
        }
        tracing::info!("Rebalance started in group {}", self.config.group_id);
        self.view.send_modify(|view| view.owners = None);
        self.prepared = true;
        if self.protocol != ConnectProtocol::Eager {
            return Ok(());
        }
        let Some(held) = self.held.take() else {
            return Ok(());
        };
        if held.error.is_failure() || held.assigned.is_empty() {
            return Ok(());
        }
        let cause = RevokeCause::EagerRebalance;
        self.ask(|reply| GroupEvent::Revoked {
            assignment: held.assigned,
            cause,
            reply,
        })
        .await
    }

    async fn join_group(&mut self, config_offset: i64) -> Result<Option<JoinGroupAnswer>, Flow> {
        let protocols = self.offer(config_offset)?;
        let limit = self
            .cluster
            .config()
            .request_timeout
            .max(self.config.rebalance_timeout + JOIN_GRACE);
        loop {
            let request = JoinGroupRequest::default()
                .with_group_id(group_id(&self.config.group_id))
                .with_session_timeout_ms(millis(self.config.session_timeout))
                .with_rebalance_timeout_ms(millis(self.config.rebalance_timeout))
                .with_member_id(StrBytes::from_string(self.member_id.clone()))
                .with_protocol_type(StrBytes::from_static_str(PROTOCOL_TYPE))
                .with_protocols(protocols.clone());
            let Some(answer) = self.call(limit, |_| request).await? else {
                return Ok(None);
            };
            match answer.error {
                0 => {
                    self.member_id = answer.member_id.clone();
                    self.generation = answer.generation;
                    self.next_heartbeat = Instant::now() + self.config.heartbeat_interval;
                    return Ok(Some(answer));
                }
                code::MEMBER_ID_REQUIRED => self.member_id = answer.member_id,
                error => {
                    self.group_error("JoinGroup", error)?;
                    self.pause().await?;
                    return Ok(None);
                }
            }
        }
    }

    fn offer(&self, config_offset: i64) -> Result<Vec<JoinGroupRequestProtocol>, Flow> {
        let url = self.config.worker_url.clone();
        let metadata = Metadata {
            url,
            config_offset,
            allocation: self.held.clone(),
        };
        let offered = self.config.protocol.offered().map(|protocol| {
            let bytes = codec::encode_metadata(&metadata, protocol)?;
            let name = StrBytes::from_static_str(protocol.wire_name());
            Ok(JoinGroupRequestProtocol::default().with_name(name).with_metadata(bytes))
        });
        offered.collect::<Result<_, _>>().map_err(unsendable)
    }

    async fn sync_group(&mut self, assignments: Vec<(String, Bytes)>) -> Result<Option<Bytes>, Flow> {
        if self.generation < 0 {
            // A heartbeat told that the group went on without this member.
            return Ok(None);
        }
        let assignments = assignments.into_iter().map(|(member, bytes)| {
            let member = StrBytes::from_string(member);
            SyncGroupRequestAssignment::default()
                .with_member_id(member)
                .with_assignment(bytes)
        });
        let request = SyncGroupRequest::default()
            .with_group_id(group_id(&self.config.group_id))
            .with_generation_id(self.generation)
            .with_member_id(StrBytes::from_string(self.member_id.clone()))
            .with_assignments(assignments.collect());
        let protocol_name = StrBytes::from_static_str(self.protocol.wire_name());
        // It is answered when the leader has sent its own, which may take the leader as long as a rebalance may.
        let limit = self
            .cluster
            .config()
            .request_timeout
            .max(self.config.rebalance_timeout + JOIN_GRACE);
        let build = |version: i16| {
            if version < 5 {
                return request;
            }
            let protocol_type = StrBytes::from_static_str(PROTOCOL_TYPE);
            request
                .with_protocol_type(Some(protocol_type))
                .with_protocol_name(Some(protocol_name))
        };
        let Some(answer) = self.call(limit, build).await? else {
            return Ok(None);
        };
        if answer.error != 0 {
            self.group_error("SyncGroup", answer.error)?;
            self.pause().await?;
            return Ok(None);
        }
        Ok(Some(answer.assignment))
    }

    /// A request that may take long: commands interrupt it, which costs the connection.
    /// `None` when there is no coordinator (any more).
    async fn call<C: Call>(
        &mut self,
        limit: Duration,
        build: impl FnOnce(i16) -> C,
    ) -> Result<Option<C::Answer>, Flow> {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.is_usable()) else {
            self.coordinator_unknown();
            return Ok(None);
        };
        let command = tokio::select! {
            biased;
            command = self.commands.recv() => command,
            () = self.events.closed() => None,
            answer = connection.call_within(limit, build) => match answer {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => {
                    self.call_failed(&error)?;
                    return Ok(None);
                }
            },
        };
        self.coordinator_unknown();
        self.obey(command).await?;
        Err(Flow::Restart)
    }

    /// The leader's work: the assignment of every member, encoded.
    async fn assign(&mut self, members: &[(String, Bytes)]) -> Result<Vec<(String, Bytes)>, Flow> {
        let mut known: BTreeMap<String, Metadata> = BTreeMap::new();
        for (member, bytes) in members {
            match codec::decode_metadata(bytes) {
                Ok(metadata) => {
                    known.insert(member.clone(), metadata);
                }
                // It gets a failed assignment below, which is better than a group that never completes.
                Err(error) => tracing::warn!("Member {member} sent unreadable metadata and gets no work: {error}"),
            }
        }
        let max_offset = known
            .values()
            .map(|metadata| metadata.config_offset)
            .max()
            .unwrap_or(-1);
        let view = self
            .ask(|reply| GroupEvent::ClusterView {
                min_config_offset: max_offset,
                reply,
            })
            .await?;
        let plain = MemberAssignment {
            error: AssignmentError::None,
            leader: self.member_id.clone(),
            leader_url: self.config.worker_url.clone(),
            config_offset: view.config_offset.max(max_offset),
            assigned: Assignment::default(),
            revoked: Assignment::default(),
            delay_ms: 0,
        };
        let failed = MemberAssignment {
            error: AssignmentError::ConfigMismatch,
            ..plain.clone()
        };
        let mut results: BTreeMap<&String, MemberAssignment> =
            members.iter().map(|(member, _)| (member, failed.clone())).collect();

        if view.config_offset < max_offset {
            tracing::info!(
                "Elected as leader, but the config topic is read up to offset {} while {max_offset} is known in the \
                 group; nothing is assigned in this generation",
                view.config_offset
            );
        } else if self.protocol == ConnectProtocol::Eager {
            let shares = eager::assign(known.keys(), &view);
            self.remember_owners(&known, &shares);
            for (member, assigned) in shares {
                if let Some(result) = results.get_mut(&member) {
                    *result = MemberAssignment {
                        assigned,
                        ..plain.clone()
                    };
                }
            }
        } else {
            let reported: BTreeMap<String, Load> = known
                .iter()
                .map(|(member, metadata)| {
                    let held = metadata
                        .allocation
                        .as_ref()
                        .map(|allocation| Load::from(&allocation.assigned));
                    (member.clone(), held.unwrap_or_default())
                })
                .collect();
            let mut outcome = self.assignor.assign(&Round {
                generation: self.generation,
                last_completed_generation: self.last_completed_generation,
                now_ms: i64::try_from(self.shared.now_ms()).unwrap_or(i64::MAX),
                configured: &view,
                reported: &reported,
            });
            self.remember_owners(&known, &outcome.all);
            for (member, assigned) in outcome.assigned {
                let revoked = outcome.revoked.remove(&member).unwrap_or_default();
                if let Some(result) = results.get_mut(&member) {
                    *result = MemberAssignment {
                        assigned,
                        revoked,
                        delay_ms: outcome.delay_ms,
                        ..plain.clone()
                    };
                }
            }
        }
        let encoded = results.into_iter().map(|(member, result)| {
            let bytes = codec::encode_assignment(&result, self.protocol)?;
            Ok((member.clone(), bytes))
        });
        encoded.collect::<Result<_, _>>().map_err(unsendable)
    }

    fn remember_owners(&self, members: &BTreeMap<String, Metadata>, all: &BTreeMap<String, Assignment>) {
        let urls = members
            .iter()
            .map(|(member, metadata)| (member.clone(), metadata.url.clone()))
            .collect();
        let owners = Arc::new(Owners::new(&urls, all));
        self.view.send_modify(|view| view.owners = Some(owners));
    }

    /// Takes the assignment over and tells the herder.
    async fn complete(&mut self, assignment: MemberAssignment) -> Result<(), Flow> {
        let MemberAssignment {
            error,
            leader,
            leader_url,
            config_offset,
            assigned,
            revoked,
            delay_ms,
        } = assignment;
        let before = self.held.take().map(|held| held.assigned).unwrap_or_default();
        let all = match self.protocol {
            ConnectProtocol::Eager => assigned.clone(),
            _ => Assignment::merged(&assigned, &before, &revoked),
        };
        let leads = leader == self.member_id;
        let delay = Duration::from_millis(u64::try_from(delay_ms).unwrap_or(0));
        self.held = Some(MemberAssignment {
            error,
            leader: leader.clone(),
            leader_url: leader_url.clone(),
            config_offset,
            assigned: all.clone(),
            // Carried out before the next Prepare is answered.
            revoked: Assignment::default(),
            delay_ms,
        });
        self.last_completed_generation = self.generation;
        self.must_rejoin = error.is_failure() || !revoked.is_empty();
        self.rejoin_at = (!delay.is_zero()).then(|| Instant::now() + delay);
        self.prepared = false;

        self.view.send_modify(|view| {
            view.generation = self.generation;
            view.member_id.clone_from(&self.member_id);
            view.leader_id = Some(leader);
            view.leader_url = Some(leader_url.clone());
            view.protocol = Some(self.protocol);
            if !leads {
                view.owners = None;
            }
        });
        tracing::info!(
            "Joined group at generation {} with protocol version {} and got assignment: {}; revoked: {}; holding {}; \
             leader {leader_url}, config offset {config_offset}, error {}, delay {delay_ms} ms",
            self.generation,
            self.protocol.version(),
            assigned,
            revoked,
            all,
            error.code()
        );
        let rebalance = Rebalance {
            generation: self.generation,
            member_id: self.member_id.clone(),
            leader: leads,
            leader_url,
            protocol: self.protocol,
            error,
            config_offset,
            assigned,
            revoked,
            all,
            delay,
        };
        self.deliver(GroupEvent::Assigned(Box::new(rebalance))).await?;
        if error.is_failure() {
            // Time for the herder to read on; without it the group would spin.
            return self.pause().await;
        }
        self.retry.reset();
        Ok(())
    }
}

fn unsendable(error: codec::EncodeError) -> Flow {
    Flow::Fail(GroupError::new(
        "org.apache.kafka.common.protocol.types.SchemaException",
        error.to_string(),
    ))
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
