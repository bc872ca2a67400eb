//! Kafka's transactions (KIP-98): the blocking calls of the native client moved to threads that may block, their errors as
//! a Java client would throw them, and a writer whose every batch is one transaction.

use super::client_log::LogContext;
use super::errors::code_error;
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer, ProducerContext};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use turnbuckle_api::{Error, ErrorKind, Result};

/// Bound on one call that talks to the transaction coordinator.
pub const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a call of the native client where blocking is allowed, again while the client says that it may be repeated.
async fn blocking<F>(doing: &'static str, limit: Duration, mut call: F) -> Result<()>
where
    F: FnMut(Duration) -> KafkaResult<()> + Send + 'static,
{
    let repeat = move || {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match call(left) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !left.is_zero() => {}
                done => return done,
            }
        }
    };
    match tokio::task::spawn_blocking(repeat).await {
        Ok(done) => done.map_err(|error| transaction_error(&error, doing)),
        Err(error) => Err(Error::connect(format!("{doing} broke off: {error}"))),
    }
}

/// Fences earlier producers of the transactional id, and finishes what they left open.
pub async fn init<P, C>(producer: Arc<P>, limit: Duration) -> Result<()>
where
    P: Producer<C> + Send + Sync + 'static,
    C: ProducerContext,
{
    let call = move |left: Duration| producer.init_transactions(left);
    blocking("initialising the producer's transactions", limit, call).await
}

/// Opens a transaction; a local matter.
pub fn begin<P, C>(producer: &P) -> Result<()>
where
    P: Producer<C>,
    C: ProducerContext,
{
    let begun = producer.begin_transaction();
    begun.map_err(|error| transaction_error(&error, "beginning a transaction"))
}

/// Waits for the delivery of all records of the transaction, and commits it.
///
/// # Errors
/// If a record was not delivered, the producer was fenced, or the coordinator did not answer; the transaction is then not
/// committed, or will be found to be by the next producer of its id.
pub async fn commit<P, C>(producer: Arc<P>, limit: Duration) -> Result<()>
where
    P: Producer<C> + Send + Sync + 'static,
    C: ProducerContext,
{
    let call = move |left: Duration| producer.commit_transaction(left);
    blocking("committing a transaction", limit, call).await
}

/// Gives an open transaction up.
pub async fn abort<P, C>(producer: Arc<P>, limit: Duration) -> Result<()>
where
    P: Producer<C> + Send + Sync + 'static,
    C: ProducerContext,
{
    let call = move |left: Duration| producer.abort_transaction(left);
    blocking("aborting a transaction", limit, call).await
}

/// Fences the producers of transactional ids (`Admin.fenceProducers`): each id is taken over by a producer of its own, which
/// goes again at once.
///
/// # Errors
/// The first that any of the ids met.
pub async fn fence(producers: Vec<ClientConfig>, limit: Duration) -> Result<()> {
    let fences = producers.into_iter().map(|config| async move {
        let producer = make(&config)?;
        let fenced = init(Arc::new(producer.clone()), limit).await;
        close(producer).await;
        fenced
    });
    futures::future::try_join_all(fences).await.map(drop)
}

fn make(config: &ClientConfig) -> Result<FutureProducer<LogContext>> {
    config
        .create_with_context(LogContext)
        .map_err(|error| Error::connect(format!("Failed to construct kafka producer: {error}")))
}

/// The native client takes a moment to go.
async fn close(producer: FutureProducer<LogContext>) {
    if tokio::task::spawn_blocking(move || drop(producer)).await.is_err() {
        tracing::warn!("closing a producer panicked");
    }
}

/// A failed call of a transactional producer.
fn transaction_error(error: &KafkaError, doing: &str) -> Error {
    let KafkaError::Transaction(inner) = error else {
        return super::errors::client_error(error, doing);
    };
    let known = code_error(inner.code(), doing);
    let fenced = matches!(
        inner.code(),
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::InvalidProducerEpoch
    );
    if fenced {
        return known.with_retriable(false);
    }
    let kind = ErrorKind::Class(known.class_name());
    Error::new(kind, format!("{doing}: {}", inner.string())).with_retriable(inner.is_retriable())
}

/// A topic's writer that fences all earlier ones of its transactional id. Every batch is a transaction.
pub struct TransactionalWriter {
    topic: String,
    config: ClientConfig,
    producer: Mutex<Option<FutureProducer<LogContext>>>,
}

/// A record to write.
pub type KeyValue = (Vec<u8>, Option<Vec<u8>>);

impl TransactionalWriter {
    /// `config` names the transactional id. Nothing is connected yet.
    pub fn new(topic: &str, config: ClientConfig) -> Self {
        TransactionalWriter {
            topic: topic.to_string(),
            config,
            producer: Mutex::new(None),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<FutureProducer<LogContext>>> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes the only writer.
    pub async fn claim(&self, limit: Duration) -> Result<()> {
        self.release().await;
        let producer = make(&self.config)?;
        match init(Arc::new(producer.clone()), limit).await {
            Ok(()) => {
                *self.slot() = Some(producer);
                Ok(())
            }
            Err(error) => {
                close(producer).await;
                Err(error)
            }
        }
    }

    /// Lets go of the client.
    pub async fn release(&self) {
        let producer = self.slot().take();
        if let Some(producer) = producer {
            close(producer).await;
        }
    }

    /// Writes all records or none. After a failure the writer must be claimed again, which the next call does.
    pub async fn write(&self, records: &[KeyValue], limit: Duration) -> Result<()> {
        if self.slot().is_none() {
            self.claim(limit).await?;
        }
        let producer = self.slot().clone();
        let Some(producer) = producer else {
            return Err(Error::connect("the transactional producer was closed meanwhile"));
        };
        let written = self.write_transaction(&producer, records, limit).await;
        if written.is_err() {
            drop(producer);
            self.release().await;
        }
        written
    }

    async fn write_transaction(
        &self,
        producer: &FutureProducer<LogContext>,
        records: &[KeyValue],
        limit: Duration,
    ) -> Result<()> {
        begin(producer)?;
        for (key, value) in records {
            let mut record = FutureRecord::<[u8], [u8]>::to(&self.topic).key(key);
            if let Some(value) = value {
                record = record.payload(value);
            }
            // Delivery is the commit's concern.
            let queued = producer.send_result(record);
            queued.map_err(|(error, _)| transaction_error(&error, "queueing a record"))?;
        }
        commit(Arc::new(producer.clone()), limit).await
    }
}
