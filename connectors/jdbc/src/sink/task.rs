//! The task: hands batches to the writer, decides about retries, and finds the records that can't be written when they may
//! be reported.

use super::config::SinkConfig;
use super::failure::{Failure, wrapped};
use super::writer::Writer;
use crate::connection::ConnectOptions;
use crate::dialect::Dialect;
use crate::url::JdbcUrl;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use turnbuckle_api::config::Config;
use turnbuckle_api::sink::{ErrantRecordReporter, SinkTask, SinkTaskContext};
use turnbuckle_api::{Error, ErrorKind, Props, Record, Result};

/// `io.confluent.connect.jdbc.sink.JdbcSinkTask`.
#[derive(Default)]
pub struct JdbcSinkTask {
    running: Option<Running>,
}

struct Running {
    context: Arc<dyn SinkTaskContext>,
    writer: Writer,
    max_retries: i32,
    remaining_retries: i32,
    backoff: Duration,
}

impl std::fmt::Debug for JdbcSinkTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JdbcSinkTask").finish_non_exhaustive()
    }
}

#[async_trait]
impl SinkTask for JdbcSinkTask {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, props: &Props) -> Result<()> {
        let config = SinkConfig::from_props(props)?;
        let options = options(&config, props)?;
        let connector = props.get("name").unwrap_or("null");
        self.running = Some(Running {
            context,
            max_retries: config.max_retries,
            remaining_retries: config.max_retries,
            backoff: Duration::from_millis(u64::try_from(config.retry_backoff_ms).unwrap_or(0)),
            writer: Writer::new(config, options, connector)?,
        });
        Ok(())
    }

    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let Some(running) = &mut self.running else {
            return Err(Error::new(ErrorKind::IllegalState, "put before start"));
        };
        if records.is_empty() {
            return Ok(());
        }
        running.put(records).await
    }

    async fn stop(&mut self) -> Result<()> {
        if let Some(mut running) = self.running.take() {
            running.writer.close().await;
        }
        Ok(())
    }
}

/// Options of the connection that a configuration asks for.
pub(super) fn options(config: &SinkConfig, props: &Props) -> Result<ConnectOptions> {
    let url = JdbcUrl::parse(&config.url)?;
    Dialect::check_name(&config.dialect_name, url.driver)?;
    ConnectOptions::from_config(&config.url, config.user.as_deref(), config.password.as_ref(), props)
}

impl Running {
    async fn put(&mut self, records: &[Record]) -> Result<()> {
        let failure = match self.writer.write(records).await {
            Ok(()) => {
                self.remaining_retries = self.max_retries;
                return Ok(());
            }
            Err(failure) => failure,
        };
        let reporter = self.context.errant_record_reporter();
        match (failure, reporter) {
            (Failure::Other(error), _) => Err(error),
            (Failure::Structure(_), Some(reporter)) => self.unroll(records, reporter.as_ref()).await,
            (Failure::Structure(error), None) => Err(error),
            (Failure::Sql { error, .. }, _) if self.remaining_retries > 0 => {
                self.remaining_retries -= 1;
                tracing::warn!(
                    records = records.len(),
                    remaining_retries = self.remaining_retries,
                    %error,
                    "writing failed; will try again"
                );
                self.writer.drop_connection();
                self.context.set_retry_timeout(self.backoff);
                Err(wrapped(ErrorKind::Retriable, error))
            }
            (Failure::Sql { error, lost: false }, Some(reporter)) => {
                tracing::warn!(records = records.len(), %error, "writing failed; looking for the records at fault");
                self.unroll(records, reporter.as_ref()).await
            }
            (Failure::Sql { error, .. }, _) => {
                self.writer.drop_connection();
                Err(wrapped(ErrorKind::Connect, error))
            }
        }
    }

    /// Writes what can be written and reports the rest, halving until a failing part is one record. The reference writes
    /// records one by one; the outcome is the same.
    async fn unroll(&mut self, records: &[Record], reporter: &dyn ErrantRecordReporter) -> Result<()> {
        let mut parts = vec![records];
        while let Some(part) = parts.pop() {
            let error = match self.writer.write(part).await {
                Ok(()) => continue,
                Err(Failure::Other(error)) => return Err(error),
                // The database is gone: that is no fault of these records.
                Err(Failure::Sql { error, lost: true }) => return Err(wrapped(ErrorKind::Connect, error)),
                Err(Failure::Sql { error, .. } | Failure::Structure(error)) => error,
            };
            match part {
                [record] => reporter.report(record, error).await?,
                _ => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
            }
        }
        self.remaining_retries = self.max_retries;
        Ok(())
    }
}
