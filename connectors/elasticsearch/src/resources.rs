//! Indices, data streams and mappings: what must exist before the first document of a target is sent.

use crate::client::{Body, Client};
use crate::config::{Bulk, Provision, Resources};
use crate::error::Failure;
use crate::mapping::mapping;
use crate::sink::backoff;
use bytes::Bytes;
use elasticsearch::indices::{
    IndicesCreateDataStreamParts, IndicesCreateParts, IndicesExistsAliasParts, IndicesExistsIndexTemplateParts,
    IndicesExistsParts, IndicesGetMappingParts, IndicesPutIndexTemplateParts, IndicesPutMappingParts,
};
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::sync::Arc;
use turnbuckle_api::{Error, ErrorKind, Result, SchemaRef};

/// Makes targets ready, each once.
#[derive(Debug)]
pub(crate) struct Preparer {
    client: Arc<Client>,
    resources: Resources,
    retries: Retries,
    exist: HashSet<String>,
    mapped: HashSet<String>,
}

/// How often calls are repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retries {
    pub(crate) max: u32,
    pub(crate) backoff: std::time::Duration,
}

impl Retries {
    pub(crate) fn of(bulk: &Bulk) -> Self {
        Retries {
            max: bulk.retries,
            backoff: bulk.backoff,
        }
    }

    /// Asks until there is an answer, there can't be one, or it was repeated often enough. `what` describes the call.
    pub(crate) async fn send(
        self,
        client: &Client,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Body>,
    ) -> Result<Bytes, GivenUp> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let failure = match client.send(method.clone(), path, body).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if attempt > self.max || !failure.is_retriable() {
                return Err(GivenUp {
                    failure,
                    attempts: attempt,
                });
            }
            let wait = backoff(self.backoff, attempt);
            tracing::warn!(
                "Failed to {what} due to {}. Retrying attempt ({attempt}/{}) after backoff of {} ms",
                failure.message(),
                self.max,
                wait.as_millis()
            );
            tokio::time::sleep(wait).await;
        }
    }
}

/// A call that has failed for good.
#[derive(Debug)]
pub(crate) struct GivenUp {
    pub(crate) failure: Failure,
    attempts: u32,
}

impl GivenUp {
    pub(crate) fn into_error(self, what: &str) -> Error {
        let attempts = self.attempts;
        let error = Error::from(self.failure);
        let text = format!(
            "Failed to {what} due to '{}' after {attempts} attempt(s)",
            error.headline()
        );
        Error::wrap(ErrorKind::Connect, text, error)
    }
}

impl Preparer {
    pub(crate) fn new(client: Arc<Client>, resources: Resources, retries: Retries) -> Self {
        Preparer {
            client,
            resources,
            retries,
            exist: HashSet::new(),
            mapped: HashSet::new(),
        }
    }

    /// Makes a target ready for a record of this value schema.
    ///
    /// # Errors
    /// `ConnectException` if the server refuses or can't be reached; `DataException` without schema for a mapping.
    pub(crate) async fn prepare(&mut self, target: &str, schema: Option<&SchemaRef>, with_mapping: bool) -> Result<()> {
        let provision = self.resources.provision.clone();
        if !self.exist.contains(target) {
            match &provision {
                Provision::Separate => self.create_if_missing(target).await?,
                Provision::Together { .. } if !self.resources.data_stream => {
                    let body = match with_mapping {
                        true => mapping(schema)?,
                        false => json!({"dynamic": "true"}),
                    };
                    self.create_index(target, Some(json!({"mappings": body}))).await?;
                    // An index that was there keeps its mapping.
                    self.mapped.insert(target.to_string());
                }
                Provision::Together {
                    template,
                    timestamp_field,
                } => {
                    self.put_template(target, template.as_deref(), timestamp_field).await?;
                    self.create_data_stream(target).await?;
                }
                Provision::MappingOnly | Provision::MappingAlways => {}
            }
            self.exist.insert(target.to_string());
        }
        if with_mapping && !self.mapped.contains(target) {
            match provision {
                Provision::Separate | Provision::MappingOnly => self.map_if_unmapped(target, schema).await?,
                Provision::Together { .. } | Provision::MappingAlways => self
                    .put_mapping(target, schema)
                    .await?
                    .map_err(|given_up| given_up.into_error(&mapping_of(target)))?,
            }
            self.mapped.insert(target.to_string());
        }
        Ok(())
    }

    /// Calls the server, repeatedly if need be.
    async fn call(&self, what: &str, method: Method, path: &str, body: Option<&Body>) -> Result<Bytes, GivenUp> {
        self.retries.send(&self.client, what, method, path, body).await
    }

    /// Is something there?
    async fn is_there(&self, what: &str, path: &str) -> Result<bool> {
        match self.call(what, Method::HEAD, path, None).await {
            Ok(_) => Ok(true),
            Err(given_up) if given_up.failure.status() == Some(404) => Ok(false),
            Err(given_up) => Err(given_up.into_error(what)),
        }
    }

    async fn create_if_missing(&self, target: &str) -> Result<()> {
        let names = [target];
        let what = format!("check if index {target} exists");
        if self.is_there(&what, &IndicesExistsParts::Index(&names).url()).await? {
            return Ok(());
        }
        match self.resources.data_stream {
            true => self.create_data_stream(target).await,
            false => self.create_index(target, None).await,
        }
    }

    async fn create_index(&self, target: &str, body: Option<Json>) -> Result<()> {
        let path = IndicesCreateParts::Index(target).url();
        self.create(&format!("create index {target}"), &path, body.as_ref())
            .await
    }

    async fn create_data_stream(&self, target: &str) -> Result<()> {
        let path = IndicesCreateDataStreamParts::Name(target).url();
        self.create(&format!("create data stream {target}"), &path, None).await
    }

    /// Creates what may have been created by another task meanwhile.
    async fn create(&self, what: &str, path: &str, body: Option<&Json>) -> Result<()> {
        let body = body.map(Body::json);
        match self.call(what, Method::PUT, path, body.as_ref()).await {
            Ok(_) => {
                tracing::info!("{what}: done");
                Ok(())
            }
            // Servers say the second of data streams.
            Err(given_up)
                if given_up.failure.kind() == "resource_already_exists_exception"
                    || given_up.failure.message().contains("already exists") =>
            {
                Ok(())
            }
            Err(given_up) => Err(given_up.into_error(what)),
        }
    }

    /// Makes an index template for a data stream, unless one that users named exists.
    async fn put_template(&self, target: &str, named: Option<&str>, timestamp_field: &str) -> Result<()> {
        if let Some(name) = named {
            let path = IndicesExistsIndexTemplateParts::Name(name).url();
            if self
                .is_there(&format!("check if index template {name} exists"), &path)
                .await?
            {
                return Ok(());
            }
        }
        let name = named.map_or_else(|| format!("{target}-connector-data-stream-template"), str::to_string);
        let path = IndicesPutIndexTemplateParts::Name(&name).url();
        let body = Body::json(&json!({
            "index_patterns": [target],
            "priority": 200,
            "data_stream": {"timestamp_field": {"name": timestamp_field}},
        }));
        let what = format!("create index template {name}");
        match self.call(&what, Method::PUT, &path, Some(&body)).await {
            Ok(_) => Ok(()),
            Err(given_up) => Err(given_up.into_error(&what)),
        }
    }

    async fn map_if_unmapped(&self, target: &str, schema: Option<&SchemaRef>) -> Result<()> {
        let names = [target];
        let path = IndicesGetMappingParts::Index(&names).url();
        let what = format!("get mapping for resource {target}");
        let answer = self.call(&what, Method::GET, &path, None).await;
        let answer = answer.map_err(|given_up| given_up.into_error(&what))?;
        let indices: Json = serde_json::from_slice(&answer).unwrap_or_default();
        let is_mapped = |index: &Json| index["mappings"].as_object().is_some_and(|mapping| !mapping.is_empty());
        if is_mapped(&indices[target]) {
            return Ok(());
        }
        // Behind an alias or a data stream are indices of other names, with mappings of their templates.
        let others = indices
            .as_object()
            .is_some_and(|indices| indices.values().any(is_mapped));
        match self.put_mapping(target, schema).await? {
            Ok(()) => Ok(()),
            Err(given_up) if others && given_up.failure.status() == Some(400) => {
                let reason = given_up.failure.message();
                tracing::warn!("{target} keeps its own mapping, which the schema's does not fit: {reason}");
                Ok(())
            }
            Err(given_up) => Err(given_up.into_error(&mapping_of(target))),
        }
    }

    async fn put_mapping(&self, target: &str, schema: Option<&SchemaRef>) -> Result<Result<(), GivenUp>> {
        let body = Body::json(&mapping(schema)?);
        let names = [target];
        let path = IndicesPutMappingParts::Index(&names).url();
        let answer = self.call(&mapping_of(target), Method::PUT, &path, Some(&body)).await;
        Ok(answer.map(drop))
    }
}

fn mapping_of(target: &str) -> String {
    format!("create mapping for resource {target}")
}

/// Is there an index, a data stream or an alias of this name?
pub(crate) async fn exists(client: &Client, name: &str) -> Result<bool, Failure> {
    let names = [name];
    found(client, &IndicesExistsParts::Index(&names).url()).await
}

/// Is there an alias of this name?
pub(crate) async fn alias_exists(client: &Client, name: &str) -> Result<bool, Failure> {
    let names = [name];
    found(client, &IndicesExistsAliasParts::Name(&names).url()).await
}

async fn found(client: &Client, path: &str) -> Result<bool, Failure> {
    match client.send(Method::HEAD, path, None).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.status() == Some(404) => Ok(false),
        Err(failure) => Err(failure),
    }
}
