//! A consumer group as an admin client sees it: its committed offsets, and changes to them. Spoken over the worker's own
//! connection ([`super::wire`]), because librdkafka's binding has no calls for it.

use super::wire::{Backoff, Call, Cluster, WireConfig, WireError, code};
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::{
    DeleteGroupsRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::{Text, TopicPartition};

/// A group, and the time until which calls on it are repeated while the coordinator can't answer.
#[derive(Debug)]
pub struct ConsumerGroup {
    cluster: Cluster,
    group: String,
    deadline: Instant,
}

type Result<T> = std::result::Result<T, WireError>;

impl ConsumerGroup {
    /// `limit` is the time for all calls together. Nothing is connected yet.
    ///
    /// # Errors
    /// For an address list that can't be used.
    pub fn new(config: WireConfig, group: impl Into<String>, limit: Duration) -> Result<Self> {
        Ok(ConsumerGroup {
            cluster: Cluster::new(config)?,
            group: group.into(),
            deadline: Instant::now() + limit,
        })
    }

    /// All committed offsets, by topic and partition; none for a group that does not exist.
    pub async fn offsets(&mut self) -> Result<Vec<(TopicPartition, i64)>> {
        let group = self.id();
        let build = |_| {
            OffsetFetchRequest::default()
                .with_group_id(group.clone())
                .with_topics(None)
        };
        let answer = self.ask(build, |answer| answer.error).await?;
        let mut offsets: Vec<_> = answer
            .offsets
            .into_iter()
            .map(|(topic, partition, offset)| (TopicPartition::new(topic, partition), offset))
            .collect();
        offsets.sort_by(|(one, _), (other, _)| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        Ok(offsets)
    }

    /// Commits offsets on behalf of the group; only an empty group takes them.
    pub async fn alter(&mut self, offsets: &[(TopicPartition, i64)]) -> Result<()> {
        let group = self.id();
        let topics: Vec<_> = by_topic(offsets.iter().map(|(partition, offset)| (partition, *offset)))
            .into_iter()
            .map(|(topic, partitions)| {
                let partition = |(index, offset): (i32, i64)| {
                    OffsetCommitRequestPartition::default()
                        .with_partition_index(index)
                        .with_committed_offset(offset)
                        .with_committed_metadata(Some(StrBytes::default()))
                };
                OffsetCommitRequestTopic::default()
                    .with_name(topic)
                    .with_partitions(partitions.into_iter().map(partition).collect())
            })
            .collect();
        let build = |_| {
            OffsetCommitRequest::default()
                .with_group_id(group.clone())
                .with_topics(topics.clone())
        };
        self.ask(build, |code| *code).await.map(drop)
    }

    /// Removes committed offsets; refused for topics that members subscribe to.
    pub async fn remove(&mut self, partitions: &[TopicPartition]) -> Result<()> {
        let group = self.id();
        let topics: Vec<_> = by_topic(partitions.iter().map(|partition| (partition, ())))
            .into_iter()
            .map(|(topic, partitions)| {
                let partition = |(index, ())| OffsetDeleteRequestPartition::default().with_partition_index(index);
                OffsetDeleteRequestTopic::default()
                    .with_name(topic)
                    .with_partitions(partitions.into_iter().map(partition).collect())
            })
            .collect();
        let build = |_| {
            OffsetDeleteRequest::default()
                .with_group_id(group.clone())
                .with_topics(topics.clone())
        };
        self.ask(build, |code| *code).await.map(drop)
    }

    /// Deletes the group with all its offsets; refused while it has members.
    pub async fn delete(&mut self) -> Result<()> {
        let group = self.id();
        let build = |_| DeleteGroupsRequest::default().with_groups_names(vec![group.clone()]);
        self.ask(build, |code| *code).await.map(drop)
    }

    fn id(&self) -> GroupId {
        GroupId(StrBytes::from_string(self.group.clone()))
    }

    async fn ask<C: Call>(
        &mut self,
        build: impl Fn(i16) -> C,
        code_of: impl Fn(&C::Answer) -> i16,
    ) -> Result<C::Answer> {
        let config = self.cluster.config();
        let mut backoff = Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max);
        loop {
            let error = match self.ask_once(&build).await {
                Ok(answer) => match code_of(&answer) {
                    0 => return Ok(answer),
                    code => WireError::Broker { api: C::NAME, code },
                },
                Err(error) => error,
            };
            let pause = backoff.next_pause();
            if !may_pass(&error) || Instant::now() + pause >= self.deadline {
                return Err(error);
            }
            tracing::debug!(group = self.group, %error, "asking again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn ask_once<C: Call>(&mut self, build: impl Fn(i16) -> C) -> Result<C::Answer> {
        let mut coordinator = self.cluster.coordinator(&self.group).await?;
        coordinator.call(build).await
    }
}

/// Entries of each topic.
fn by_topic<'a, T>(entries: impl Iterator<Item = (&'a TopicPartition, T)>) -> Vec<(TopicName, Vec<(i32, T)>)> {
    let mut topics: BTreeMap<&'a Text, Vec<(i32, T)>> = BTreeMap::new();
    for (partition, value) in entries {
        topics
            .entry(&partition.topic)
            .or_default()
            .push((partition.partition, value));
    }
    topics
        .into_iter()
        .map(|(topic, partitions)| (TopicName(StrBytes::from_string(topic.to_string())), partitions))
        .collect()
}

/// True for what another attempt may find better. Unlike elsewhere an unknown topic is not: it was named by a user.
fn may_pass(error: &WireError) -> bool {
    match error {
        WireError::Broker { code, .. } => matches!(
            *code,
            code::COORDINATOR_LOAD_IN_PROGRESS
                | code::COORDINATOR_NOT_AVAILABLE
                | code::NOT_COORDINATOR
                | code::REBALANCE_IN_PROGRESS
        ),
        other => other.is_transient(),
    }
}
