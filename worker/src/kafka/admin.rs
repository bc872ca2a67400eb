//! Topics: are they there, and create them.

use super::errors::{client_error, code_error};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::{Error, Result};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// An admin client for topics.
#[derive(Clone)]
pub struct TopicAdmin(Arc<AdminClient<DefaultClientContext>>);

impl std::fmt::Debug for TopicAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopicAdmin")
    }
}

impl TopicAdmin {
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let client = config
            .create()
            .map_err(|error| client_error(&error, "Failed create new KafkaAdminClient"))?;
        Ok(TopicAdmin(Arc::new(client)))
    }

    /// Asks for all topics, because asking for one would let the broker create it.
    pub async fn topic_exists(&self, topic: &str) -> Result<bool> {
        let admin = self.0.clone();
        let wanted = topic.to_string();
        let listing = tokio::task::spawn_blocking(move || {
            let metadata = admin.inner().fetch_metadata(None, REQUEST_TIMEOUT)?;
            Ok(metadata.topics().iter().any(|topic| topic.name() == wanted))
        });
        match listing.await {
            Ok(found) => found.map_err(|error| client_error(&error, &format!("looking for topic {topic}"))),
            Err(error) => Err(Error::connect(format!("looking for topic {topic}: {error}"))),
        }
    }

    /// Creates a topic; -1 lets the broker choose partitions or replication. A topic that exists is fine: then the answer
    /// is false.
    pub async fn create_topic(
        &self,
        topic: &str,
        partitions: i32,
        replication: i32,
        config: &[(String, String)],
    ) -> Result<bool> {
        let mut wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(replication));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        let options = AdminOptions::new()
            .operation_timeout(Some(REQUEST_TIMEOUT))
            .request_timeout(Some(REQUEST_TIMEOUT));
        let doing = format!("creating topic {topic}");
        let results = self
            .0
            .create_topics([&wanted], &options)
            .await
            .map_err(|error| client_error(&error, &doing))?;
        for result in results {
            match result {
                Ok(_) => {}
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => return Ok(false),
                Err((_, code)) => return Err(code_error(code, &doing)),
            }
        }
        Ok(true)
    }
}
