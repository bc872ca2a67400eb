use super::*;
use std::sync::atomic::Ordering;
use turnbuckle_api::Error;

impl Bench {
    fn connector_state(&self) -> (Lifecycle, Option<String>) {
        let status = self.statuses.connector("c").unwrap();
        assert_eq!(status.generation, 3);
        (status.state, status.trace)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_passes_through_its_states() {
    let mut bench = Bench::new("connector-states");
    let probe = bench.probe();
    let calls = || (probe.starts.load(Ordering::SeqCst), probe.stops.load(Ordering::SeqCst));
    let config = bench.config("Numbers", &[("tasks.max", "2")]);
    bench
        .runtime
        .start_connector("c", config, TargetState::Paused)
        .await
        .unwrap();
    assert_eq!((bench.connector_state().0, calls()), (Lifecycle::Paused, (0, 0)));
    bench
        .runtime
        .set_connector_target("c", TargetState::Started)
        .await
        .unwrap();
    assert_eq!((bench.connector_state().0, calls()), (Lifecycle::Running, (1, 0)));
    let configs = bench.runtime.task_configs("c").await.unwrap();
    assert_eq!(configs.len(), 2);
    assert_eq!(configs[0].get("task.class"), Some("test.NumbersTask"));
    let context = probe.connector.lock().unwrap().clone().unwrap();
    context.request_task_reconfiguration();
    let event = bench.events.recv().await.unwrap();
    assert_eq!(event, RuntimeEvent::TaskReconfiguration { connector: "c".into() });
    bench
        .runtime
        .set_connector_target("c", TargetState::Stopped)
        .await
        .unwrap();
    assert_eq!((bench.connector_state().0, calls()), (Lifecycle::Stopped, (1, 1)));
    bench
        .runtime
        .set_connector_target("c", TargetState::Started)
        .await
        .unwrap();
    context.raise_error(Error::connect("the database is gone"));
    eventually("it fails", || bench.runtime.connector_failed("c")).await;
    let trace = "org.apache.kafka.connect.errors.ConnectException: the database is gone\n";
    assert_eq!(bench.connector_state(), (Lifecycle::Failed, Some(trace.into())));
    let error = bench
        .runtime
        .set_connector_target("c", TargetState::Paused)
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        Some("Cannot transition connector to PAUSED since it has failed")
    );
    bench.runtime.stop_connectors(&["c".into()]).await;
    assert_eq!(bench.connector_state().0, Lifecycle::Unassigned);
    assert!(bench.runtime.running_connectors().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_start_is_failed_and_stays_assigned() {
    let bench = Bench::new("connector-fails");
    let config = Props::new().with("connector.class", "no.Such");
    assert!(
        bench
            .runtime
            .start_connector("c", config, TargetState::Started)
            .await
            .is_err()
    );
    assert_eq!(bench.connector_state().0, Lifecycle::Failed);
    assert_eq!(bench.statuses.connector("c").unwrap().version, None);
    assert_eq!(bench.runtime.running_connectors(), ["c"]);
    bench.runtime.stop_connectors(&["c".into()]).await;
    assert_eq!(
        bench.connector_state().0,
        Lifecycle::Failed,
        "there was no instance to shut down"
    );
    let config = bench.config("Numbers", &[("start.fails", "bad url")]);
    assert!(
        bench
            .runtime
            .start_connector("c", config, TargetState::Started)
            .await
            .is_err()
    );
    let trace = "org.apache.kafka.common.config.ConfigException: bad url\n";
    assert_eq!(bench.connector_state(), (Lifecycle::Failed, Some(trace.into())));
    bench.runtime.shutdown().await;
    assert_eq!(bench.connector_state().0, Lifecycle::Unassigned);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_tasks_fail_the_connector_or_the_task() {
    let bench = Bench::new("connector-tasks");
    let config = bench.config("Collect", &[("tasks", "3"), ("tasks.max", "2"), ("topics", "t")]);
    bench
        .runtime
        .start_connector("c", config.clone(), TargetState::Started)
        .await
        .unwrap();
    assert!(bench.runtime.task_configs("c").await.is_err());
    eventually("it fails", || bench.runtime.connector_failed("c")).await;
    let start = "The connector c has generated 3 tasks, which is greater than 2, the maximum number of tasks it is \
                 configured to create. ";
    assert!(bench.connector_state().1.unwrap().contains(start));
    let id = TaskId::new("c", 0);
    let task = StartTask {
        id: id.clone(),
        connector_config: config.clone(),
        task_config: config,
        target: TargetState::Started,
        task_count: 3,
        gate: None,
    };
    assert!(!bench.runtime.start_task(task).await);
    assert!(bench.trace(&id).contains(start));
    bench.runtime.shutdown().await;
}
