//! The client that converters share: caches, and calls that go from one instance to the next.

use super::calls::{
    Answer, Authorization, Call, Instance, ReferencedSchema, RegisteredSchema, SchemaReference, SchemaText,
};
use super::config::RegistryConfig;
use super::error::RegistryError;
use super::tls;
use futures::future::{BoxFuture, FutureExt};
use reqwest_registry::{ClientBuilder, Proxy, Url};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use turnbuckle_api::{Error, Password, Result};

/// Schemas that use each other deeper than this, or more of them, are a mistake or an attack.
const MAX_REFERENCES: usize = 200;

type Shared = Vec<(RegistryConfig, Weak<RegistryClient>)>;
static CLIENTS: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);

/// A registry with all its instances.
pub struct RegistryClient {
    instances: Vec<Instance>,
    /// The instance that answered last.
    preferred: AtomicUsize,
    latest_ttl: Option<Duration>,
    caches: Mutex<Caches>,
}

struct Caches {
    schemas: Cache<(String, u32), Arc<RegisteredSchema>>,
    ids: Cache<(String, SchemaText), u32>,
    versions: Cache<(String, u32), i32>,
    latest: Cache<String, (Arc<RegisteredSchema>, Instant)>,
}

/// Keeps a bounded number of entries; when it is full it starts anew, which costs a few requests.
struct Cache<K, V> {
    entries: HashMap<K, V>,
    limit: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    fn new(limit: usize) -> Self {
        Cache {
            entries: HashMap::new(),
            limit,
        }
    }

    fn put(&mut self, key: K, value: V) {
        if self.entries.len() >= self.limit {
            self.entries.clear();
        }
        self.entries.insert(key, value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RegistryClient {
    /// The client of these settings, shared by all that have the same.
    ///
    /// # Errors
    /// `ConfigException` if an address, a key store or a trust store can't be used.
    pub fn shared(config: &RegistryConfig) -> Result<Arc<RegistryClient>> {
        let mut clients = lock(&CLIENTS);
        clients.retain(|(_, client)| client.strong_count() > 0);
        let known = clients.iter().find(|(known, _)| known == config);
        if let Some(client) = known.and_then(|(_, client)| client.upgrade()) {
            return Ok(client);
        }
        let client = Arc::new(RegistryClient::new(config)?);
        clients.push((config.clone(), Arc::downgrade(&client)));
        Ok(client)
    }

    fn new(config: &RegistryConfig) -> Result<Self> {
        let urls: Vec<&String> = config.urls.iter().filter(|url| !url.is_empty()).collect();
        let secure = urls.iter().any(|url| url.starts_with("https:"));
        let tls = tls::client_config(config, secure)?;
        let builder = || -> Result<ClientBuilder> {
            let mut builder = ClientBuilder::new()
                .tls_backend_preconfigured(tls.clone())
                .connect_timeout(Duration::from_millis(config.connect_timeout_ms.unsigned_abs().into()));
            builder = match config.proxy_host.as_str() {
                "" => builder.no_proxy(),
                host => {
                    let address = format!("http://{host}:{}", config.proxy_port);
                    let proxy =
                        Proxy::all(&address).map_err(|error| Error::invalid_config("proxy.host", &address, error))?;
                    builder.proxy(proxy)
                }
            };
            Ok(builder)
        };
        let timeout = Duration::from_millis(config.read_timeout_ms.unsigned_abs().into());
        let instances: Result<Vec<Instance>> = urls
            .into_iter()
            .map(|url| {
                let (url, authorization) = address(url, config)?;
                Instance::new(url, builder, timeout, authorization)
            })
            .collect();
        let limit = config.max_schemas_per_subject.unsigned_abs() as usize;
        Ok(RegistryClient {
            instances: instances?,
            preferred: AtomicUsize::new(0),
            latest_ttl: u64::try_from(config.latest_ttl_seconds).ok().map(Duration::from_secs),
            caches: Mutex::new(Caches {
                schemas: Cache::new(limit),
                ids: Cache::new(limit),
                versions: Cache::new(limit),
                latest: Cache::new(limit),
            }),
        })
    }

    /// A schema by id, if it is known.
    pub fn cached_schema(&self, subject: &str, id: u32) -> Option<Arc<RegisteredSchema>> {
        let key = (context(subject), id);
        lock(&self.caches).schemas.entries.get(&key).cloned()
    }

    /// The id under which a subject has this very schema, if it is known.
    pub fn cached_id(&self, subject: &str, schema: &SchemaText) -> Option<u32> {
        // A lookup per schema and topic, not per record: the clone of the key is of no weight.
        let key = (subject.to_string(), schema.clone());
        lock(&self.caches).ids.entries.get(&key).copied()
    }

    /// Version of a schema within a subject, if it is known.
    pub fn cached_version(&self, subject: &str, id: u32) -> Option<i32> {
        let key = (subject.to_string(), id);
        lock(&self.caches).versions.entries.get(&key).copied()
    }

    /// The subject's latest schema, if it is known and not too old.
    pub fn cached_latest(&self, subject: &str) -> Option<Arc<RegisteredSchema>> {
        let caches = lock(&self.caches);
        let (schema, fetched) = caches.latest.entries.get(subject)?;
        let fresh = self.latest_ttl.is_none_or(|ttl| fetched.elapsed() < ttl);
        fresh.then(|| schema.clone())
    }

    /// Fetches a schema by id, with all it refers to. `subject` says in which context the id is valid.
    pub async fn schema(&self, subject: &str, id: u32) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let answer = self.ask(Call::ById { id, subject }).await?;
        let schema = Arc::new(self.complete(answer, Some(id)).await?);
        lock(&self.caches).schemas.put((context(subject), id), schema.clone());
        Ok(schema)
    }

    /// Registers a schema, or finds it registered.
    pub async fn register(&self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<u32, RegistryError> {
        let answer = self
            .ask(Call::Register {
                subject,
                schema,
                normalize,
            })
            .await?;
        self.remember(subject, schema, answer)
    }

    /// Finds a schema that the subject must have. Its version is cached with it.
    pub async fn lookup(&self, subject: &str, schema: &SchemaText, normalize: bool) -> Result<u32, RegistryError> {
        let answer = self
            .ask(Call::Lookup {
                subject,
                schema,
                normalize,
            })
            .await?;
        self.remember(subject, schema, answer)
    }

    fn remember(&self, subject: &str, schema: &SchemaText, answer: Answer) -> Result<u32, RegistryError> {
        let id = answer
            .id
            .ok_or_else(|| RegistryError::unusable("The registry's answer has no id"))?;
        let mut caches = lock(&self.caches);
        caches.ids.put((subject.to_string(), schema.clone()), id);
        if let Some(version) = answer.version.and_then(|version| i32::try_from(version).ok()) {
            caches.versions.put((subject.to_string(), id), version);
        }
        Ok(id)
    }

    /// Finds the version that a schema, fetched by id, has in a subject.
    pub async fn version(
        &self,
        subject: &str,
        schema: &RegisteredSchema,
        kind: &'static str,
    ) -> Result<i32, RegistryError> {
        let wanted = SchemaText {
            kind,
            text: schema.text.clone(),
            references: schema.references.clone(),
        };
        let call = Call::Lookup {
            subject,
            schema: &wanted,
            normalize: false,
        };
        let version = self
            .ask(call)
            .await?
            .version
            .and_then(|version| i32::try_from(version).ok());
        let version = version.ok_or_else(|| RegistryError::unusable("The registry's answer has no version"))?;
        lock(&self.caches)
            .versions
            .put((subject.to_string(), schema.id), version);
        Ok(version)
    }

    /// Fetches the subject's latest schema.
    pub async fn latest(&self, subject: &str) -> Result<Arc<RegisteredSchema>, RegistryError> {
        let answer = self.ask(Call::Latest { subject }).await?;
        let schema = Arc::new(self.complete(answer, None).await?);
        let entry = (schema.clone(), Instant::now());
        lock(&self.caches).latest.put(subject.to_string(), entry);
        Ok(schema)
    }

    async fn complete(&self, answer: Answer, id: Option<u32>) -> Result<RegisteredSchema, RegistryError> {
        let references = answer.references.unwrap_or_default();
        let mut referenced = Vec::new();
        let mut seen = Vec::new();
        self.collect(references.clone(), &mut seen, &mut referenced).await?;
        Ok(RegisteredSchema {
            id: id
                .or(answer.id)
                .ok_or_else(|| RegistryError::unusable("The registry's answer has no id"))?,
            version: answer.version.and_then(|version| i32::try_from(version).ok()),
            kind: answer.schema_type.unwrap_or_else(|| "AVRO".to_string()),
            text: answer
                .schema
                .ok_or_else(|| RegistryError::unusable("The registry's answer has no schema"))?,
            references,
            referenced,
        })
    }

    /// Referenced schemas in the order in which they can be read.
    fn collect<'a>(
        &'a self,
        references: Vec<SchemaReference>,
        seen: &'a mut Vec<(String, u32)>,
        found: &'a mut Vec<ReferencedSchema>,
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        async move {
            for reference in references {
                let key = (reference.subject.clone(), reference.version);
                if seen.contains(&key) {
                    continue;
                }
                if seen.len() >= MAX_REFERENCES {
                    let text = format!("A schema refers to more than {MAX_REFERENCES} others");
                    return Err(RegistryError::unusable(text));
                }
                seen.push(key);
                let answer = self
                    .ask(Call::Version {
                        subject: &reference.subject,
                        version: reference.version,
                    })
                    .await?;
                self.collect(answer.references.unwrap_or_default(), seen, found).await?;
                let text = answer
                    .schema
                    .ok_or_else(|| RegistryError::unusable("The registry's answer has no schema"))?;
                found.push(ReferencedSchema {
                    name: reference.name,
                    text,
                });
            }
            Ok(())
        }
        .boxed()
    }

    /// Asks the instance that answered last, then the others. Only one that can't answer is passed over.
    async fn ask(&self, call: Call<'_>) -> Result<Answer, RegistryError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failed = RegistryError::unusable("No schema registry address given");
        for turn in 0..self.instances.len() {
            let index = (first + turn) % self.instances.len();
            let instance = &self.instances[index];
            match instance.ask(&call).await {
                Err(error) if error.retriable => {
                    tracing::debug!(
                        registry = instance.url,
                        error = error.message,
                        "schema registry does not answer"
                    );
                    failed = error;
                }
                answer => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(failed)
    }
}

/// Ids are valid within a context, which a subject names like this: `:.context:subject`.
fn context(subject: &str) -> String {
    let inner = subject.strip_prefix(':').and_then(|rest| rest.split_once(':'));
    inner.map(|(context, _)| context.to_string()).unwrap_or_default()
}

/// An address without credentials, and who asks there.
fn address(text: &str, config: &RegistryConfig) -> Result<(String, Authorization)> {
    let key = "schema.registry.url";
    // The text may hold a password: only a part that parses is ever shown.
    let refuse = |detail: &str| Error::invalid_config(key, "[hidden]", detail.to_string());
    let mut url = Url::parse(text).map_err(|error| refuse(&format!("not an address: {error}")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(refuse("an address begins with http:// or https:// and a host"));
    }
    let from_url = (!url.username().is_empty()).then(|| {
        let password = url.password().unwrap_or_default();
        (percent_decoded(url.username()), percent_decoded(password))
    });
    let cleaned = url.set_username("").and_then(|()| url.set_password(None));
    cleaned.map_err(|()| refuse("credentials can't be taken out of the address"))?;
    let basic = config
        .user_info()
        .or(from_url.filter(|_| config.basic_auth_source != "USER_INFO"));
    let authorization = match basic {
        Some((name, password)) => Authorization::Basic(name, Password::new(password)),
        None if !config.bearer_token.reveal().is_empty() => Authorization::Bearer(config.bearer_token.clone()),
        None => Authorization::None,
    };
    Ok((url.as_str().trim_end_matches('/').to_string(), authorization))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
