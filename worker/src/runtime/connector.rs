//! One connector instance (`WorkerConnector`). An actor owns the plugin and takes one command after the other, so that a slow
//! plugin holds up nothing but itself; requests of the plugin reach the actor by a signal that never blocks the plugin.

use super::RuntimeEvent;
use super::offsets::StoredOffsets;
use super::task::panic_text;
use crate::herder::TargetState;
use crate::storage::{ConnectorStatus, Lifecycle, OffsetStore, StatusStore};
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use turnbuckle_api::sink::SinkConnector;
use turnbuckle_api::source::{ConnectorContext, OffsetReader, SourceConnector};
use turnbuckle_api::{Error, Props, Result};

/// How long an instance may take to stop before it is given up.
pub(super) const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Commands that may wait for one instance.
const MAILBOX: usize = 16;

/// The plugin of either direction.
pub(super) enum Instance {
    Source(Box<dyn SourceConnector>),
    Sink(Box<dyn SinkConnector>),
}

impl Instance {
    async fn start(&mut self, context: Arc<dyn ConnectorContext>, config: &Props) -> Result<()> {
        match self {
            Instance::Source(connector) => connector.start(context, config).await,
            Instance::Sink(connector) => connector.start(context, config).await,
        }
    }

    async fn stop(&mut self) -> Result<()> {
        match self {
            Instance::Source(connector) => connector.stop().await,
            Instance::Sink(connector) => connector.stop().await,
        }
    }

    async fn task_configs(&mut self, max: u32) -> Result<Vec<Props>> {
        match self {
            Instance::Source(connector) => connector.task_configs(max).await,
            Instance::Sink(connector) => connector.task_configs(max).await,
        }
    }
}

/// Writes the statuses of one connector instance.
pub(super) struct ConnectorStatusWriter {
    pub name: String,
    pub worker_id: String,
    /// None if the instance could not be made.
    pub version: Option<String>,
    pub generation: Arc<AtomicI32>,
    pub store: Arc<dyn StatusStore>,
    pub cancelled: AtomicBool,
}

impl ConnectorStatusWriter {
    fn status(&self, state: Lifecycle, trace: Option<String>) -> ConnectorStatus {
        ConnectorStatus {
            connector: self.name.clone(),
            state,
            trace,
            worker_id: self.worker_id.clone(),
            generation: self.generation.load(Ordering::SeqCst),
            version: self.version.clone(),
        }
    }

    fn put(&self, state: Lifecycle) {
        if !self.cancelled.load(Ordering::SeqCst) {
            self.store.put_connector(self.status(state, None));
        }
    }

    fn shut_down(&self) {
        self.store.put_connector_safe(self.status(Lifecycle::Unassigned, None));
    }

    pub(super) fn failed(&self, error: &Error) {
        if !self.cancelled.load(Ordering::SeqCst) {
            tracing::error!(connector = self.name, "connector failed\n{}", error.trace());
            self.store
                .put_connector_safe(self.status(Lifecycle::Failed, Some(error.trace())));
        }
    }
}

/// What a plugin asked for and the actor has not seen yet.
#[derive(Default)]
struct Signals {
    reconfigure: AtomicBool,
    raised: Mutex<Option<Error>>,
    notify: Notify,
}

struct Context {
    name: String,
    signals: Arc<Signals>,
    /// None for sinks.
    offsets: Option<Arc<dyn OffsetStore>>,
}

impl ConnectorContext for Context {
    fn request_task_reconfiguration(&self) {
        self.signals.reconfigure.store(true, Ordering::SeqCst);
        self.signals.notify.notify_one();
    }

    fn raise_error(&self, error: Error) {
        self.signals
            .raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
        self.signals.notify.notify_one();
    }

    fn offset_reader(&self) -> Option<Arc<dyn OffsetReader>> {
        let store = self.offsets.clone()?;
        Some(Arc::new(StoredOffsets {
            connector: self.name.clone(),
            store,
        }))
    }
}

enum Command {
    Transition(TargetState, oneshot::Sender<Result<()>>),
    TaskConfigs(u32, oneshot::Sender<Result<Vec<Props>>>),
    Fail(Error),
    ShutDown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Init,
    Started,
    Paused,
    Stopped,
    Failed,
}

/// Handle of a connector that is assigned to this worker.
pub(super) struct ConnectorHandle {
    /// The configuration with its placeholders.
    pub stored: Props,
    /// None if the instance could not be made: it stays assigned, and FAILED.
    running: Option<Running>,
}

/// What a connector instance is made of.
pub(super) struct ConnectorParts {
    pub instance: Instance,
    /// With values in place of placeholders.
    pub config: Props,
    /// As stored.
    pub stored: Props,
    pub status: Arc<ConnectorStatusWriter>,
    pub offsets: Arc<dyn OffsetStore>,
    pub events: mpsc::Sender<RuntimeEvent>,
}

struct Running {
    commands: mpsc::Sender<Command>,
    failed: Arc<AtomicBool>,
    status: Arc<ConnectorStatusWriter>,
    actor: JoinHandle<()>,
}

impl ConnectorHandle {
    /// For a connector whose instance could not be made.
    pub(super) fn without_instance(stored: Props) -> Self {
        ConnectorHandle { stored, running: None }
    }

    pub(super) fn spawn(parts: ConnectorParts) -> Self {
        let ConnectorParts {
            instance,
            config,
            stored,
            status,
            offsets,
            events,
        } = parts;
        let signals = Arc::new(Signals::default());
        let context = Arc::new(Context {
            name: status.name.clone(),
            signals: signals.clone(),
            offsets: matches!(instance, Instance::Source(_)).then_some(offsets),
        });
        let failed = Arc::new(AtomicBool::new(false));
        let actor = Actor {
            instance,
            config,
            context,
            signals,
            state: State::Init,
            failed: failed.clone(),
            status: status.clone(),
            events,
        };
        let (commands, mailbox) = mpsc::channel(MAILBOX);
        let actor = tokio::spawn(actor.run(mailbox));
        ConnectorHandle {
            stored,
            running: Some(Running {
                commands,
                failed,
                status,
                actor,
            }),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.running
            .as_ref()
            .is_none_or(|running| running.failed.load(Ordering::SeqCst))
    }

    /// A way to talk to the instance that does not borrow the handle.
    pub(super) fn remote(&self) -> Option<Remote> {
        self.running.as_ref().map(|running| Remote {
            commands: running.commands.clone(),
        })
    }

    /// Stops the instance; after [`SHUTDOWN_LIMIT`] it is given up.
    pub(super) async fn shut_down(self) {
        let Some(mut running) = self.running else { return };
        let stopping = async {
            // A closed mailbox means that the actor is at its end.
            let _ = running.commands.send(Command::ShutDown).await;
            let _ = (&mut running.actor).await;
        };
        if tokio::time::timeout(SHUTDOWN_LIMIT, stopping).await.is_err() {
            tracing::error!(
                connector = running.status.name,
                "connector did not stop in time; it is given up"
            );
            running.status.cancelled.store(true, Ordering::SeqCst);
            running.actor.abort();
            running.status.shut_down();
        }
    }
}

/// Sends commands to an instance.
pub(super) struct Remote {
    commands: mpsc::Sender<Command>,
}

impl Remote {
    pub(super) async fn transition(&self, target: TargetState) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Transition(target, reply), answer).await
    }

    pub(super) async fn task_configs(&self, max: u32) -> Result<Vec<Props>> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::TaskConfigs(max, reply), answer).await
    }

    /// Makes the connector FAILED.
    pub(super) async fn fail(&self, error: Error) {
        // A stopped connector can't fail any more.
        let _ = self.commands.send(Command::Fail(error)).await;
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let gone = || Error::connect("The connector was stopped before it answered");
        self.commands.send(command).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}

struct Actor {
    instance: Instance,
    config: Props,
    context: Arc<Context>,
    signals: Arc<Signals>,
    state: State,
    failed: Arc<AtomicBool>,
    status: Arc<ConnectorStatusWriter>,
    events: mpsc::Sender<RuntimeEvent>,
}

impl Actor {
    async fn run(mut self, mut mailbox: mpsc::Receiver<Command>) {
        loop {
            let command = tokio::select! {
                command = mailbox.recv() => command,
                () = self.signals.notify.notified() => {
                    self.serve_signals().await;
                    continue;
                }
            };
            match command {
                Some(Command::Transition(target, reply)) => {
                    let result = self.transition(target).await;
                    let _ = reply.send(result);
                }
                Some(Command::TaskConfigs(max, reply)) => {
                    let configs = guarded(self.instance.task_configs(max)).await;
                    let _ = reply.send(configs);
                }
                Some(Command::Fail(error)) => self.fail(&error),
                Some(Command::ShutDown) | None => break,
            }
        }
        self.shut_down().await;
    }

    async fn serve_signals(&mut self) {
        let raised = self
            .signals
            .raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(error) = raised
            && self.state == State::Started
        {
            self.fail(&error);
        }
        if self.signals.reconfigure.swap(false, Ordering::SeqCst) && self.state == State::Started {
            let connector = self.status.name.clone();
            // A closed channel means that the worker is stopping.
            let _ = self.events.send(RuntimeEvent::TaskReconfiguration { connector }).await;
        }
    }

    fn fail(&mut self, error: &Error) {
        self.state = State::Failed;
        self.failed.store(true, Ordering::SeqCst);
        self.status.failed(error);
    }

    async fn transition(&mut self, target: TargetState) -> Result<()> {
        if self.state == State::Failed && target != TargetState::Stopped {
            let text = format!("Cannot transition connector to {} since it has failed", target.name());
            return Err(Error::connect(text));
        }
        let outcome = match target {
            TargetState::Started => self.start().await,
            TargetState::Paused => self.rest(State::Paused, Lifecycle::Paused).await,
            TargetState::Stopped => self.rest(State::Stopped, Lifecycle::Stopped).await,
        };
        if let Err(error) = &outcome {
            self.fail(error);
        }
        outcome
    }

    async fn start(&mut self) -> Result<()> {
        if self.state == State::Started {
            return Ok(());
        }
        guarded(self.instance.start(self.context.clone(), &self.config)).await?;
        self.state = State::Started;
        self.status.put(Lifecycle::Running);
        Ok(())
    }

    /// To PAUSED or STOPPED: the plugin is stopped if it was started.
    async fn rest(&mut self, state: State, shown: Lifecycle) -> Result<()> {
        if self.state == state {
            return Ok(());
        }
        if self.state == State::Started {
            match guarded(self.instance.stop()).await {
                Err(error) if state == State::Stopped => {
                    tracing::warn!(connector = self.status.name, "stopping failed\n{}", error.trace());
                }
                stopped => stopped?,
            }
        }
        self.state = state;
        self.failed.store(false, Ordering::SeqCst);
        self.status.put(shown);
        Ok(())
    }

    async fn shut_down(&mut self) {
        if self.state == State::Started
            && let Err(error) = guarded(self.instance.stop()).await
        {
            self.fail(&error);
            return;
        }
        self.status.shut_down();
    }
}

/// Makes a panic of the plugin an error.
pub(super) async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(Error::connect(format!(
            "Connector panicked: {}",
            panic_text(panic.as_ref())
        ))),
    }
}
