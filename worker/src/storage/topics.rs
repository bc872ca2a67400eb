//! The three internal topics: created where missing, checked where they exist (`TopicAdmin`).

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use std::time::{Duration, Instant};
use turnbuckle_api::{Error, Props, Result};

/// What an internal topic must be.
#[derive(Clone, Debug)]
pub struct InternalTopic {
    pub name: String,
    /// Worker key that names it: `config.storage.topic`.
    pub key: &'static str,
    /// What it holds, for messages.
    pub purpose: &'static str,
    /// -1: the broker's default.
    pub partitions: i32,
    pub replication: i32,
    /// Further topic settings for its creation.
    pub settings: Props,
    /// More than one partition is fatal.
    pub single_partition: bool,
}

const REQUEST: Duration = Duration::from_secs(15);

/// Admin client of the worker.
pub struct TopicAdmin {
    client: AdminClient<DefaultClientContext>,
}

impl TopicAdmin {
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let client = config
            .create()
            .map_err(|error| Error::connect(format!("Cannot make an admin client: {error}")))?;
        Ok(TopicAdmin { client })
    }

    /// Id of the Kafka cluster; waits for a broker until `timeout`.
    ///
    /// # Errors
    /// With the text that a JVM worker ends with.
    pub async fn cluster_id(&self, timeout: Duration) -> Result<String> {
        let client = self.client.inner();
        let id = tokio::task::block_in_place(|| client.fetch_cluster_id(timeout));
        id.ok_or_else(|| {
            Error::connect(
                "Failed to connect to and describe Kafka cluster. Check worker's broker connection and security properties.",
            )
        })
    }

    /// Creates the topic if it is missing, else checks it; gives its number of partitions.
    pub async fn ensure(&self, topic: &InternalTopic) -> Result<i32> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut pause = Duration::from_millis(100);
        loop {
            if let Some(partitions) = self.partitions(&topic.name)? {
                self.check(topic, partitions).await?;
                return Ok(partitions);
            }
            match self.create(topic).await {
                Ok(()) => {}
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    tracing::warn!(topic = topic.name, %error, "could not create an internal topic; will try again");
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Err(Error::connect(format!(
                    "Topic '{}' did not appear within 60 seconds",
                    topic.name
                )));
            }
            if self.partitions(&topic.name)?.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    /// Number of partitions; None if the topic does not exist. Asks for all topics, because asking for one would let the
    /// broker create it, without compaction.
    fn partitions(&self, topic: &str) -> Result<Option<i32>> {
        let metadata = tokio::task::block_in_place(|| self.client.inner().fetch_metadata(None, REQUEST))
            .map_err(|error| Error::connect(format!("Cannot look up topic '{topic}': {error}")))?;
        let found = metadata.topics().iter().find(|known| known.name() == topic);
        let usable = found.filter(|known| known.error().is_none() && !known.partitions().is_empty());
        Ok(usable.map(|known| known.partitions().len() as i32))
    }

    async fn create(&self, topic: &InternalTopic) -> Result<()> {
        let mut wanted = NewTopic::new(
            &topic.name,
            topic.partitions,
            TopicReplication::Fixed(topic.replication),
        );
        for (key, value) in topic.settings.iter() {
            match key {
                "topic" | "partitions" | "replication.factor" => {}
                "cleanup.policy" => {
                    let prefix = topic.key.trim_end_matches("topic");
                    tracing::warn!(
                        "{prefix}cleanup.policy is ignored: topic {} must be compacted",
                        topic.name
                    );
                }
                _ => wanted = wanted.set(key, value.unwrap_or_default()),
            }
        }
        wanted = wanted.set("cleanup.policy", "compact");
        let options = AdminOptions::new()
            .operation_timeout(Some(REQUEST))
            .request_timeout(Some(REQUEST));
        let refused = |code: String, retriable: bool| {
            let text = format!(
                "Error while attempting to create/find topic(s) '{}': {code}",
                topic.name
            );
            Error::connect(text).with_retriable(retriable)
        };
        let results = self
            .client
            .create_topics([&wanted], &options)
            .await
            .map_err(|error| refused(error.to_string(), true))?;
        for result in results {
            match result {
                Ok(_) => tracing::info!(topic = topic.name, purpose = topic.purpose, "created an internal topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    let fatal = matches!(
                        code,
                        RDKafkaErrorCode::TopicAuthorizationFailed
                            | RDKafkaErrorCode::ClusterAuthorizationFailed
                            | RDKafkaErrorCode::InvalidTopic
                            | RDKafkaErrorCode::InvalidConfig
                            | RDKafkaErrorCode::PolicyViolation
                    );
                    return Err(refused(code.to_string(), !fatal));
                }
            }
        }
        Ok(())
    }

    async fn check(&self, topic: &InternalTopic, partitions: i32) -> Result<()> {
        let (name, key, purpose) = (&topic.name, topic.key, topic.purpose);
        if topic.single_partition && partitions > 1 {
            return Err(Error::config(format!(
                "Topic '{name}' supplied via the '{key}' property is required to have a single partition in order to \
                 guarantee consistency of {purpose}, but found {partitions} partitions."
            )));
        }
        let Some(policy) = self.cleanup_policy(name).await else {
            return Ok(());
        };
        if policy == "compact" {
            return Ok(());
        }
        Err(Error::config(format!(
            "Topic '{name}' supplied via the '{key}' property is required to have 'cleanup.policy=compact' to guarantee \
             consistency and durability of {purpose}, but found the topic currently has 'cleanup.policy={policy}'. \
             Continuing would likely result in eventually losing {purpose} and problems restarting this Connect cluster in \
             the future. Change the '{key}' property in the Connect worker configurations to use a topic with \
             'cleanup.policy=compact'."
        )))
    }

    /// None if the broker does not tell (no permission, unsupported): the check is then skipped, as in Connect.
    async fn cleanup_policy(&self, topic: &str) -> Option<String> {
        let options = AdminOptions::new().request_timeout(Some(REQUEST));
        let described = self
            .client
            .describe_configs([&ResourceSpecifier::Topic(topic)], &options)
            .await;
        let resource = match described.map(|mut results| results.pop()) {
            Ok(Some(Ok(resource))) => resource,
            Ok(Some(Err(code))) => {
                tracing::info!(topic, %code, "the cleanup policy of an internal topic can't be read; not checked");
                return None;
            }
            Ok(None) => return None,
            Err(error) => {
                tracing::info!(topic, %error, "the cleanup policy of an internal topic can't be read; not checked");
                return None;
            }
        };
        resource.get("cleanup.policy").and_then(|entry| entry.value.clone())
    }
}
