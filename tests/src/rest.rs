//! Client of a Connect worker's REST API.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::localize::localize;
use crate::wait_for;

/// How long a connector may take to reach a state.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer: status code and body; a body that is not JSON comes as a string, an empty one as null.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The body of a successful answer.
    ///
    /// # Panics
    /// When the status is not 2xx.
    pub fn ok(self, what: &str) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{what}: HTTP {}: {}",
            self.status,
            self.body
        );
        self.body
    }

    /// Whether the worker asks to repeat the request because its group is rebalancing.
    fn is_rebalance(&self) -> bool {
        let message = self.body["message"].as_str().unwrap_or_default();
        (self.status == 409 || self.status == 500)
            && ["momentarily", "conflicting operation", "rebalance is expected"]
                .iter()
                .any(|m| message.contains(m))
    }
}

/// A worker's REST API at a base URL such as `http://127.0.0.1:8083`.
#[derive(Debug, Clone)]
pub struct Rest {
    base: String,
    http: reqwest::Client,
}

impl Rest {
    /// Client for a base URL without a slash at its end.
    pub fn at(base: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build();
        let http = http.unwrap_or_else(|e| panic!("cannot build an HTTP client: {e}"));
        Self {
            base: base.to_owned(),
            http,
        }
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// One request; the error is that of the transport, for a worker that is not there.
    pub async fn try_request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?;
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| format!("{e:?}"))?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|e| format!("{e:?}"))?;
        let body = match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(_) if text.is_empty() => Value::Null,
            Err(_) => Value::String(text),
        };
        Ok(Answer { status, body })
    }

    /// One request, repeated while the worker's group is rebalancing, as other clients do.
    pub async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let start = Instant::now();
        loop {
            let answer = match self.try_request(method, path, body).await {
                Ok(answer) => answer,
                Err(e) => panic!("{method} {}{path}: {e}", self.base),
            };
            if !answer.is_rebalance() || start.elapsed() > PATIENCE {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.request("PUT", path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.request("PATCH", path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None).await
    }

    /// Creates a connector from a file with `{"name": …, "config": …}`, made local by [`localize`]; returns its name.
    pub async fn create(&self, file: impl AsRef<Path>) -> String {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("cannot read {}: {e}", file.display()));
        let body = serde_json::from_str(&localize(&text)).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        self.create_json(&body).await
    }

    /// Creates a connector from `{"name": …, "config": …}`; returns its name.
    pub async fn create_json(&self, body: &Value) -> String {
        let created = self.post("/connectors", body).await.ok("POST /connectors");
        match created["name"].as_str() {
            Some(name) => name.to_owned(),
            None => panic!("POST /connectors: no name in {created}"),
        }
    }

    /// Creates or changes a connector; returns the answer's body.
    pub async fn put_config(&self, name: &str, config: &Value) -> Value {
        let path = format!("/connectors/{name}/config");
        self.put(&path, config).await.ok(&format!("PUT {path}"))
    }

    /// Status of a connector with its tasks.
    pub async fn status(&self, name: &str) -> Value {
        let path = format!("/connectors/{name}/status");
        self.get(&path).await.ok(&format!("GET {path}"))
    }

    /// Status, or null while there is none or the worker does not answer.
    async fn status_if_any(&self, name: &str) -> Value {
        let answer = self
            .try_request("GET", &format!("/connectors/{name}/status"), None)
            .await;
        match answer {
            Ok(answer) if answer.status == 200 => answer.body,
            Ok(answer) => json!({"http": answer.status, "body": answer.body}),
            Err(e) => json!({"unreachable": e}),
        }
    }

    /// Waits until the connector and exactly `tasks` tasks run.
    pub async fn wait_running(&self, name: &str, tasks: usize) {
        wait_for(
            &format!("connector {name} with {tasks} running tasks"),
            PATIENCE,
            async || {
                let status = self.status_if_any(name).await;
                let list = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
                let all_run = list.len() == tasks && list.iter().all(|t| t["state"] == "RUNNING");
                if status["connector"]["state"] == "RUNNING" && all_run {
                    Ok(())
                } else {
                    Err(status.to_string())
                }
            },
        )
        .await;
    }

    /// Waits until the connector or one of its tasks has failed; returns the trace.
    pub async fn wait_failed(&self, name: &str) -> String {
        wait_for(&format!("failure of connector {name}"), PATIENCE, async || {
            let status = self.status_if_any(name).await;
            let list = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
            let failed = list
                .iter()
                .chain([&status["connector"]])
                .find(|part| part["state"] == "FAILED");
            match failed {
                Some(part) => Ok(part["trace"].as_str().unwrap_or_default().to_owned()),
                None => Err(status.to_string()),
            }
        })
        .await
    }

    /// Waits until the connector's state, without its tasks, is this one.
    pub async fn wait_connector_state(&self, name: &str, state: &str) {
        wait_for(&format!("connector {name} {state}"), PATIENCE, async || {
            let status = self.status_if_any(name).await;
            if status["connector"]["state"] == state {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
        .await;
    }

    /// Deletes a connector and waits until it is gone.
    pub async fn remove(&self, name: &str) {
        let path = format!("/connectors/{name}");
        self.delete(&path).await.ok(&format!("DELETE {path}"));
        wait_for(&format!("connector {name} to be gone"), PATIENCE, async || {
            let answer = self.get(&path).await;
            if answer.status == 404 {
                Ok(())
            } else {
                Err(format!("HTTP {}", answer.status))
            }
        })
        .await;
    }
}
