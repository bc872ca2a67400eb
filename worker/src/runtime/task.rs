//! Supervision of one task: its states, who writes its status, and what becomes of a panic.
//!
//! A task runs as one future. What it should do comes by a watch channel; its end, good or bad, is seen by a supervisor that
//! writes the last status. After a cancellation nothing is written any more.

use crate::herder::{TargetState, TaskId};
use crate::storage::{Lifecycle, StatusStore, TaskStatus};
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use turnbuckle_api::{Error, Result};

/// What a task should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Run,
    Pause,
    Stop,
}

impl From<TargetState> for Control {
    fn from(target: TargetState) -> Self {
        match target {
            TargetState::Started => Control::Run,
            TargetState::Paused => Control::Pause,
            TargetState::Stopped => Control::Stop,
        }
    }
}

/// The task's end of the watch channel.
#[derive(Clone)]
pub(crate) struct ControlReceiver(watch::Receiver<Control>);

impl ControlReceiver {
    pub(crate) fn current(&self) -> Control {
        *self.0.borrow()
    }

    /// Waits until the task should do something other than `state`.
    pub(crate) async fn other_than(&mut self, state: Control) {
        // The sender lives in the supervisor's handle; without it there is nobody to run for.
        if self.0.wait_for(|control| *control != state).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the task is to stop.
    pub(crate) async fn stopped(&mut self) {
        if self.0.wait_for(|control| *control == Control::Stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Writes the statuses of one task instance.
pub(crate) struct TaskStatusWriter {
    pub task: TaskId,
    pub worker_id: String,
    pub version: Option<String>,
    pub generation: Arc<AtomicI32>,
    pub store: Arc<dyn StatusStore>,
    pub cancelled: AtomicBool,
    /// FAILED was written, or would have been.
    pub failed: AtomicBool,
}

impl TaskStatusWriter {
    fn status(&self, state: Lifecycle, trace: Option<String>) -> TaskStatus {
        TaskStatus {
            task: self.task.clone(),
            state,
            trace,
            worker_id: self.worker_id.clone(),
            generation: self.generation.load(Ordering::SeqCst),
            version: self.version.clone(),
        }
    }

    fn is_live(&self) -> bool {
        !self.cancelled.load(Ordering::SeqCst)
    }

    pub(crate) fn running(&self) {
        if self.is_live() {
            self.store.put_task(self.status(Lifecycle::Running, None));
        }
    }

    pub(crate) fn paused(&self) {
        if self.is_live() {
            self.store.put_task(self.status(Lifecycle::Paused, None));
        }
    }

    fn shut_down(&self) {
        if self.is_live() {
            self.store.put_task_safe(self.status(Lifecycle::Unassigned, None));
        }
    }

    pub(crate) fn failed(&self, error: &Error) {
        self.failed.store(true, Ordering::SeqCst);
        if self.is_live() {
            self.store
                .put_task_safe(self.status(Lifecycle::Failed, Some(error.trace())));
        }
    }
}

/// A task that was started.
pub(crate) struct TaskHandle {
    control: watch::Sender<Control>,
    status: Arc<TaskStatusWriter>,
    supervisor: JoinHandle<()>,
}

impl TaskHandle {
    /// Starts `run`; it is given what it should do and a writer for the states in between.
    pub(crate) fn spawn<F, R>(status: Arc<TaskStatusWriter>, target: Control, run: R) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
        R: FnOnce(ControlReceiver, Arc<TaskStatusWriter>) -> F,
    {
        let (control, receiver) = watch::channel(target);
        let task = run(ControlReceiver(receiver.clone()), status.clone());
        let supervised = status.clone();
        let supervisor = tokio::spawn(async move {
            let outcome = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(outcome) => outcome,
                Err(panic) => Err(Error::connect(format!("Task panicked: {}", panic_text(panic.as_ref())))),
            };
            let stopping = *receiver.borrow() == Control::Stop;
            finish(&supervised, outcome, stopping);
        });
        TaskHandle {
            control,
            status,
            supervisor,
        }
    }

    pub(crate) fn set(&self, control: Control) {
        self.control.send_if_modified(|current| {
            // Once stopped, always stopped.
            let change = *current != Control::Stop && *current != control;
            if change {
                *current = control;
            }
            change
        });
    }

    /// True once the task has ended with an error.
    pub(crate) fn has_failed(&self) -> bool {
        self.status.failed.load(Ordering::SeqCst)
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) {
        // The supervisor catches panics; a join error means an abort, which is an end as well.
        let _ = (&mut self.supervisor).await;
    }

    /// Gives the task up: it writes no status any more and goes at its next await.
    pub(crate) fn cancel(&self) {
        self.status.cancelled.store(true, Ordering::SeqCst);
        self.supervisor.abort();
    }
}

fn finish(status: &TaskStatusWriter, outcome: Result<()>, stopping: bool) {
    match outcome {
        Ok(()) => status.shut_down(),
        Err(error) if stopping => {
            tracing::error!(task = %status.task, "task failed while stopping\n{}", error.trace());
            status.shut_down();
        }
        Err(error) => {
            tracing::error!(
                task = %status.task,
                "Task threw an uncaught and unrecoverable exception. Task is being killed and will not recover until manually restarted\n{}",
                error.trace()
            );
            status.failed(&error);
        }
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    if let Some(text) = panic.downcast_ref::<&str>() {
        return text;
    }
    panic.downcast_ref::<String>().map_or("no message", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::MemoryStatusStore;
    use std::sync::Mutex;

    fn writer(store: &Arc<MemoryStatusStore>) -> Arc<TaskStatusWriter> {
        Arc::new(TaskStatusWriter {
            task: TaskId::new("c", 0),
            worker_id: "localhost:8083".into(),
            version: Some("1".into()),
            generation: Arc::new(AtomicI32::new(7)),
            store: store.clone(),
            cancelled: AtomicBool::new(false),
            failed: AtomicBool::new(false),
        })
    }

    fn state(store: &MemoryStatusStore) -> (Lifecycle, Option<String>) {
        let status = store.task(&TaskId::new("c", 0)).unwrap();
        assert_eq!(status.generation, 7);
        (status.state, status.trace)
    }

    #[tokio::test]
    async fn a_panic_fails_only_its_task() {
        let store = Arc::new(MemoryStatusStore::new());
        let mut handle = TaskHandle::spawn(writer(&store), Control::Run, |_, _| async {
            panic!("index out of bounds")
        });
        handle.ended().await;
        let trace = "org.apache.kafka.connect.errors.ConnectException: Task panicked: index out of bounds\n";
        assert_eq!(state(&store), (Lifecycle::Failed, Some(trace.to_string())));
    }

    #[tokio::test]
    async fn a_failure_while_stopping_ends_unassigned() {
        let store = Arc::new(MemoryStatusStore::new());
        let mut handle = TaskHandle::spawn(writer(&store), Control::Run, |mut control, status| async move {
            status.running();
            control.stopped().await;
            Err(Error::connect("too late"))
        });
        handle.set(Control::Stop);
        handle.set(Control::Run);
        handle.ended().await;
        assert_eq!(state(&store), (Lifecycle::Unassigned, None));
    }

    #[tokio::test]
    async fn a_cancelled_task_writes_no_more() {
        let store = Arc::new(MemoryStatusStore::new());
        let dropped = Arc::new(Mutex::new(false));
        let flag = dropped.clone();
        struct OnDrop(Arc<Mutex<bool>>);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                *self.0.lock().unwrap() = true;
            }
        }
        let (started, begun) = tokio::sync::oneshot::channel();
        let mut handle = TaskHandle::spawn(writer(&store), Control::Run, |_, status| async move {
            let _guard = OnDrop(flag);
            status.running();
            started.send(()).unwrap();
            std::future::pending::<()>().await;
            Ok(())
        });
        begun.await.unwrap();
        handle.cancel();
        handle.ended().await;
        assert!(*dropped.lock().unwrap());
        assert_eq!(state(&store), (Lifecycle::Running, None));
    }
}
