//! Topics as an admin client sees and makes them. What a topic must be is its user's to say: a source connector's, a dead
//! letter queue's, the worker's own (`storage::topics`).

use super::client_log::LogContext;
use super::errors::{client_error, code_error};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::{Error, Result};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

type Client = AdminClient<LogContext>;

/// An admin client for topics.
#[derive(Clone)]
pub struct TopicAdmin {
    client: Arc<Client>,
    request_timeout: Duration,
}

impl std::fmt::Debug for TopicAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TopicAdmin")
    }
}

impl TopicAdmin {
    pub fn new(config: &ClientConfig) -> Result<Self> {
        let client = config
            .create_with_context(LogContext)
            .map_err(|error| client_error(&error, "Failed create new KafkaAdminClient"))?;
        Ok(TopicAdmin {
            client: Arc::new(client),
            request_timeout: REQUEST_TIMEOUT,
        })
    }

    /// The same client with another time for one request than 60 seconds.
    pub fn with_request_timeout(self, request_timeout: Duration) -> Self {
        TopicAdmin {
            request_timeout,
            ..self
        }
    }

    /// Runs a blocking call of librdkafka aside.
    async fn aside<T: Send + 'static>(
        &self,
        doing: &str,
        call: impl FnOnce(&Client) -> std::result::Result<T, KafkaError> + Send + 'static,
    ) -> Result<T> {
        let client = self.client.clone();
        match tokio::task::spawn_blocking(move || call(&client)).await {
            Ok(answer) => answer.map_err(|error| client_error(&error, doing)),
            Err(error) => Err(Error::connect(format!("{doing}: {error}"))),
        }
    }

    /// Id of the Kafka cluster; waits for a broker until `timeout`.
    ///
    /// # Errors
    /// With the text that a JVM worker ends with.
    pub async fn cluster_id(&self, timeout: Duration) -> Result<String> {
        let id = self
            .aside("asking for the id of the cluster", move |client| {
                Ok(client.inner().fetch_cluster_id(timeout))
            })
            .await?;
        id.ok_or_else(|| {
            Error::connect(
                "Failed to connect to and describe Kafka cluster. Check worker's broker connection and security properties.",
            )
        })
    }

    /// Number of partitions: None if the topic does not exist, 0 as long as the broker can't tell. Asks for all topics,
    /// because asking for one would let the broker create it.
    pub async fn partitions(&self, topic: &str) -> Result<Option<usize>> {
        let (wanted, timeout) = (topic.to_string(), self.request_timeout);
        self.aside(&format!("looking for topic {topic}"), move |client| {
            let metadata = client.inner().fetch_metadata(None, timeout)?;
            let found = metadata.topics().iter().find(|topic| topic.name() == wanted);
            Ok(found.map(|topic| match topic.error() {
                None => topic.partitions().len(),
                Some(_) => 0,
            }))
        })
        .await
    }

    pub async fn topic_exists(&self, topic: &str) -> Result<bool> {
        Ok(self.partitions(topic).await?.is_some())
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
            .operation_timeout(Some(self.request_timeout))
            .request_timeout(Some(self.request_timeout));
        let doing = format!("creating topic {topic}");
        let results = self
            .client
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

    /// `cleanup.policy` of a topic; None if the broker's answer has none.
    pub async fn cleanup_policy(&self, topic: &str) -> Result<Option<String>> {
        let options = AdminOptions::new().request_timeout(Some(self.request_timeout));
        let doing = format!("reading the configuration of topic {topic}");
        let mut results = self
            .client
            .describe_configs([&ResourceSpecifier::Topic(topic)], &options)
            .await
            .map_err(|error| client_error(&error, &doing))?;
        match results.pop() {
            Some(Ok(resource)) => Ok(resource.get("cleanup.policy").and_then(|entry| entry.value.clone())),
            Some(Err(code)) => Err(code_error(code, &doing)),
            None => Ok(None),
        }
    }
}
