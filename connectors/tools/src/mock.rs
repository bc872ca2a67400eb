//! `MockSourceConnector` and `MockSinkConnector`: they carry no records. `mock_mode` says what fails, `delay_ms` after
//! which time (15 seconds if not given).

use crate::config::number;
use crate::no_keys;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use turnbuckle_api::config::{ConfigDef, Props};
use turnbuckle_api::sink::{SinkConnector, SinkTask, SinkTaskContext};
use turnbuckle_api::source::{ConnectorContext, SourceConnector, SourceTask, SourceTaskContext};
use turnbuckle_api::{Error, ErrorKind, Record, Result};

const MODE: &str = "mock_mode";
const DELAY: &str = "delay_ms";
const CONNECTOR_FAILURE: &str = "connector-failure";
const TASK_FAILURE: &str = "task-failure";
const DEFAULT_DELAY: Duration = Duration::from_secs(15);
/// How often an idle task looks at the time.
const TICK: Duration = Duration::from_millis(250);

/// The delay, if `mode` is what is to be mocked.
fn delay_of(config: &Props, mode: &str) -> Result<Option<Duration>> {
    if config.get(MODE) != Some(mode) {
        return Ok(None);
    }
    if config.get(DELAY).is_none() {
        return Ok(Some(DEFAULT_DELAY));
    }
    let millis: i64 = number(config, DELAY)?;
    Ok(Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0))))
}

fn failure() -> Error {
    Error::without_message(ErrorKind::Class("java.lang.RuntimeException"))
}

/// Has one task; fails by itself in mode `connector-failure`. Source and sink alike.
#[derive(Debug, Default)]
pub(crate) struct MockConnector {
    config: Props,
    alarm: Option<tokio::task::JoinHandle<()>>,
}

impl MockConnector {
    fn begin(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.config = config.clone();
        if let Some(delay) = delay_of(config, CONNECTOR_FAILURE)? {
            tracing::debug!(?delay, "the connector is going to fail");
            self.alarm = Some(tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                context.raise_error(failure());
            }));
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            alarm.abort();
        }
    }
}

#[async_trait]
impl SourceConnector for MockConnector {
    fn config_def(&self) -> &'static ConfigDef {
        no_keys()
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.begin(context, config)
    }

    async fn task_configs(&mut self, _max_tasks: u32) -> Result<Vec<Props>> {
        Ok(vec![self.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        self.end();
        Ok(())
    }
}

#[async_trait]
impl SinkConnector for MockConnector {
    fn config_def(&self) -> &'static ConfigDef {
        no_keys()
    }

    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        self.begin(context, config)
    }

    async fn task_configs(&mut self, _max_tasks: u32) -> Result<Vec<Props>> {
        Ok(vec![self.config.clone()])
    }

    async fn stop(&mut self) -> Result<()> {
        self.end();
        Ok(())
    }
}

/// Does nothing; fails in mode `task-failure`. Source and sink alike.
#[derive(Default)]
pub(crate) struct MockTask {
    fails_at: Option<Instant>,
    sink: Option<Arc<dyn SinkTaskContext>>,
}

impl MockTask {
    fn begin(&mut self, config: &Props) -> Result<()> {
        let delay = delay_of(config, TASK_FAILURE)?;
        self.fails_at = delay.map(|delay| Instant::now() + delay);
        Ok(())
    }

    fn check(&self) -> Result<()> {
        match self.fails_at {
            Some(time) if Instant::now() >= time => Err(failure()),
            _ => Ok(()),
        }
    }

    /// How long the task may sleep.
    fn nap(&self) -> Duration {
        let left = self.fails_at.map(|time| time.saturating_duration_since(Instant::now()));
        left.map_or(TICK, |left| left.min(TICK))
    }

    /// Asks for a `put` even if no records come, in time for the failure.
    fn ask_for_put(&self) {
        if let (Some(context), Some(_)) = (&self.sink, self.fails_at) {
            context.set_retry_timeout(self.nap().max(Duration::from_millis(1)));
        }
    }
}

#[async_trait]
impl SourceTask for MockTask {
    async fn start(&mut self, _context: Arc<dyn SourceTaskContext>, config: &Props) -> Result<()> {
        self.begin(config)
    }

    async fn poll(&mut self) -> Result<Option<Vec<Record>>> {
        tokio::time::sleep(self.nap()).await;
        self.check()?;
        Ok(None)
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SinkTask for MockTask {
    async fn start(&mut self, context: Arc<dyn SinkTaskContext>, config: &Props) -> Result<()> {
        self.begin(config)?;
        self.sink = Some(context);
        self.ask_for_put();
        Ok(())
    }

    async fn put(&mut self, _records: &[Record]) -> Result<()> {
        self.check()?;
        self.ask_for_put();
        Ok(())
    }

    async fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::testkit::TestContext;

    fn config(mode: &str) -> Props {
        Props::new().with(MODE, mode).with(DELAY, "5")
    }

    #[tokio::test]
    async fn connectors_fail_when_told_to() {
        let context = TestContext::new(Props::new());
        let mut calm = MockConnector::default();
        SourceConnector::start(&mut calm, context.clone(), &config(TASK_FAILURE))
            .await
            .unwrap();
        assert_eq!(
            SourceConnector::task_configs(&mut calm, 7).await.unwrap(),
            [config(TASK_FAILURE)]
        );
        let mut failing = MockConnector::default();
        SinkConnector::start(&mut failing, context.clone(), &config(CONNECTOR_FAILURE))
            .await
            .unwrap();
        if let Some(alarm) = failing.alarm.take() {
            alarm.await.unwrap();
        }
        let raised: Vec<String> = context.requests().raised.iter().map(Error::headline).collect();
        assert_eq!(raised, ["java.lang.RuntimeException"]);
        let wrong = config(CONNECTOR_FAILURE).with(DELAY, "soon");
        let error = SinkConnector::start(&mut failing, context, &wrong).await.unwrap_err();
        assert_eq!(
            error.headline(),
            "java.lang.NumberFormatException: For input string: \"soon\""
        );
    }

    #[tokio::test]
    async fn tasks_fail_when_told_to() {
        let context = TestContext::new(Props::new());
        let mut source = MockTask::default();
        SourceTask::start(&mut source, context.clone(), &config(TASK_FAILURE))
            .await
            .unwrap();
        let error = loop {
            if let Err(error) = source.poll().await {
                break error;
            }
        };
        assert_eq!(error.headline(), "java.lang.RuntimeException");
        let mut sink = MockTask::default();
        SinkTask::start(&mut sink, context.clone(), &config(TASK_FAILURE))
            .await
            .unwrap();
        assert!(
            context.requests().retry_timeout.is_some(),
            "it wants to be called in time"
        );
        tokio::time::sleep(Duration::from_millis(6)).await;
        assert!(sink.put(&[]).await.is_err());
        let mut calm = MockTask::default();
        SinkTask::start(&mut calm, context, &config(CONNECTOR_FAILURE))
            .await
            .unwrap();
        calm.put(&[]).await.unwrap();
    }
}
