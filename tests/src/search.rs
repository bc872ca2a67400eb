//! Client of OpenSearch and Elasticsearch, to look at what a sink has written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::rest::{Answer, Rest};
use crate::{services, wait_for};

/// How long documents may take to arrive.
const PATIENCE: Duration = Duration::from_secs(90);

/// A node.
#[derive(Debug, Clone)]
pub struct Search {
    http: Rest,
}

impl Search {
    /// The shared OpenSearch node.
    pub fn opensearch() -> Self {
        Self::at(services::shared().opensearch())
    }

    /// The shared Elasticsearch node.
    pub fn elasticsearch() -> Self {
        Self::at(services::shared().elasticsearch())
    }

    /// A node at `host:port`.
    pub fn at(address: &str) -> Self {
        Self {
            http: Rest::at(&format!("http://{address}")),
        }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        self.http.base()
    }

    /// One request, whatever comes of it.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.http.request(method, path, body).await
    }

    /// A request that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.request(method, path, body).await.ok(&format!("{method} {path}"))
    }

    /// Documents of an index by id; none while there is no index.
    pub async fn documents(&self, index: &str) -> BTreeMap<String, Value> {
        self.request("POST", &format!("/{index}/_refresh"), None).await;
        let query = json!({"size": 10_000, "version": true, "query": {"match_all": {}}});
        let answer = self.request("POST", &format!("/{index}/_search"), Some(&query)).await;
        let hits = answer.body["hits"]["hits"].as_array().cloned().unwrap_or_default();
        let id = |hit: &Value| hit["_id"].as_str().unwrap_or_default().to_owned();
        hits.into_iter().map(|hit| (id(&hit), hit["_source"].clone())).collect()
    }

    /// Number of documents of an index; 0 while there is no index.
    pub async fn count(&self, index: &str) -> u64 {
        self.request("POST", &format!("/{index}/_refresh"), None).await;
        let answer = self.request("GET", &format!("/{index}/_count"), None).await;
        answer.body["count"].as_u64().unwrap_or_default()
    }

    /// Waits until an index has exactly these documents, by id.
    pub async fn wait_documents(&self, index: &str, expected: &[(&str, Value)]) {
        let expected: BTreeMap<String, Value> = expected
            .iter()
            .map(|(id, source)| ((*id).to_owned(), source.clone()))
            .collect();
        wait_for(&format!("the documents of {index}"), PATIENCE, async || {
            let seen = self.documents(index).await;
            if seen == expected {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        })
        .await;
    }

    /// Waits until an index has this many documents.
    pub async fn wait_count(&self, index: &str, count: u64) {
        wait_for(
            &format!("{count} documents in {index}"),
            PATIENCE,
            async || match self.count(index).await {
                seen if seen == count => Ok(()),
                seen => Err(format!("{seen} documents")),
            },
        )
        .await;
    }
}
