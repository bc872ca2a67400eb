//! The three internal topics: what they must be. They are created where missing, checked where they exist.

use crate::kafka::admin::TopicAdmin;
use std::time::{Duration, Instant};
use turnbuckle_api::{Error, ErrorKind, Props, Result};

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

/// How long a missing topic may take to appear, and one request for it.
const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: Duration = Duration::from_secs(15);

impl InternalTopic {
    /// Creates the topic if it is missing, else checks it; gives its number of partitions.
    ///
    /// # Errors
    /// The topic can't be created, or it is not what it must be.
    pub async fn ensure(&self, admin: &TopicAdmin) -> Result<i32> {
        let admin = admin.clone().with_request_timeout(REQUEST);
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(100);
        loop {
            if let Some(partitions) = self.partitions(&admin).await? {
                self.check(&admin, partitions).await?;
                return Ok(partitions);
            }
            match self.create(&admin).await {
                Ok(()) => {}
                Err(error) if error.is_retriable() && Instant::now() < deadline => {
                    tracing::warn!(topic = self.name, %error, "could not create an internal topic; will try again");
                }
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Err(Error::connect(format!(
                    "Topic '{}' did not appear within {} seconds",
                    self.name,
                    PATIENCE.as_secs()
                )));
            }
            if self.partitions(&admin).await?.is_none() {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }

    /// None as long as the topic can't be used.
    async fn partitions(&self, admin: &TopicAdmin) -> Result<Option<i32>> {
        let partitions = admin.partitions(&self.name).await?;
        Ok(partitions.filter(|count| *count > 0).map(|count| count as i32))
    }

    async fn create(&self, admin: &TopicAdmin) -> Result<()> {
        let mut config = Vec::new();
        for (key, value) in self.settings.iter() {
            match key {
                "topic" | "partitions" | "replication.factor" => {}
                "cleanup.policy" => {
                    let prefix = self.key.trim_end_matches("topic");
                    tracing::warn!(
                        "{prefix}cleanup.policy is ignored: topic {} must be compacted",
                        self.name
                    );
                }
                _ => config.push((key.to_string(), value.unwrap_or_default().to_string())),
            }
        }
        config.push(("cleanup.policy".to_string(), "compact".to_string()));
        match admin
            .create_topic(&self.name, self.partitions, self.replication, &config)
            .await
        {
            Ok(true) => tracing::info!(topic = self.name, purpose = self.purpose, "created an internal topic"),
            Ok(false) => {}
            Err(error) => {
                let retriable = !is_final(&error);
                let text = format!("Error while attempting to create/find topic(s) '{}'", self.name);
                return Err(Error::wrap(ErrorKind::Connect, text, error).with_retriable(retriable));
            }
        }
        Ok(())
    }

    async fn check(&self, admin: &TopicAdmin, partitions: i32) -> Result<()> {
        let (name, key, purpose) = (&self.name, self.key, self.purpose);
        if self.single_partition && partitions > 1 {
            return Err(Error::config(format!(
                "Topic '{name}' supplied via the '{key}' property is required to have a single partition in order to \
                 guarantee consistency of {purpose}, but found {partitions} partitions."
            )));
        }
        // Brokers that do not tell (no permission, unsupported) are trusted, as in Connect.
        let policy = match admin.cleanup_policy(name).await {
            Ok(Some(policy)) => policy,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::info!(topic = name, %error, "the cleanup policy of an internal topic can't be read; not checked");
                return Ok(());
            }
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
}

/// True for refusals that asking again does not change. Others may be of a cluster that is not complete yet.
fn is_final(error: &Error) -> bool {
    let class = error.class_name();
    [
        "AuthorizationException",
        "InvalidTopicException",
        "InvalidConfigurationException",
        "PolicyViolationException",
    ]
    .iter()
    .any(|suffix| class.ends_with(suffix))
}
