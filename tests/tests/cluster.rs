//! Several workers in one group on a real broker: they share the work, answer alike, take over from each other, and leave
//! alone what need not move.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use turnbuckle_tests::cluster::{self, Lines, Placement};
use turnbuckle_tests::wait_for;
use turnbuckle_tests::worker::{Program, Worker};

const PATIENCE: Duration = Duration::from_secs(60);

/// What every worker must answer alike: configurations, kinds, tasks and states.
async fn same_answers(workers: &[&Worker]) {
    wait_for("the same answers from all workers", PATIENCE, async || {
        let mut first: Option<Value> = None;
        for worker in workers {
            let seen = worker.rest.get("/connectors?expand=info&expand=status").await;
            let seen = seen.ok("GET /connectors");
            match &first {
                None => first = Some(seen),
                Some(first) if *first == seen => {}
                Some(first) => return Err(format!("{first}\n and from {}\n{seen}", worker.id())),
            }
        }
        Ok(())
    })
    .await;
}

/// Connectors and tasks that are where they were.
fn stayed(before: &Placement, after: &Placement) -> BTreeSet<String> {
    let pairs = |placement: &Placement| -> BTreeSet<(String, String)> {
        placement
            .iter()
            .flat_map(|(worker, parts)| parts.iter().map(|part| (worker.clone(), part.clone())))
            .collect()
    };
    pairs(before)
        .intersection(&pairs(after))
        .map(|(_, part)| part.clone())
        .collect()
}

#[tokio::test]
async fn workers_share_the_work_and_what_need_not_move_stays() {
    let mut workers = cluster::start(3, &[]).await;
    let status_topic = workers[0].property("status.storage.topic").to_owned();
    let mut lines = Lines::new(12);
    lines.grow(5);
    lines.create(&workers.iter().collect::<Vec<_>>()).await;
    let three: Vec<&Worker> = workers.iter().collect();
    let before = cluster::wait_spread(&three, 24).await;
    same_answers(&three).await;
    lines.wait_complete().await;

    // A fourth worker takes its share; what stays is not started again.
    let starts_before = cluster::starts(&status_topic).await;
    let fourth = workers[0].join(Program::Turnbuckle).await;
    workers.push(fourth);
    let four: Vec<&Worker> = workers.iter().collect();
    let after = cluster::wait_spread(&four, 24).await;
    same_answers(&four).await;
    lines.grow(5);
    lines.wait_complete().await;
    let kept = stayed(&before, &after);
    assert!(kept.len() >= 16, "only {kept:?} stayed");
    let starts_after = cluster::starts(&status_topic).await;
    for (task, count) in &starts_before {
        if kept.contains(task) {
            assert_eq!(
                starts_after[task], *count,
                "task {task} did not move and must not start again"
            );
        }
    }

    // One leaves by SIGTERM; the others have its share at once, and nothing comes twice.
    let mut leaving = workers.remove(1);
    assert!(leaving.terminate().await.success());
    let rest: Vec<&Worker> = workers.iter().collect();
    cluster::wait_spread(&rest, 24).await;
    lines.grow(5);
    assert_eq!(
        lines.wait_complete().await,
        0,
        "a worker that leaves in order has stored its positions"
    );

    // A change made through any worker is seen by all, and so is a removal.
    let name = lines.names()[0].clone();
    for (worker, state) in rest.iter().zip(["PAUSED", "RUNNING", "STOPPED"]) {
        let verb = match state {
            "PAUSED" => "pause",
            "RUNNING" => "resume",
            _ => "stop",
        };
        let answer = worker
            .rest
            .put(&format!("/connectors/{name}/{verb}"), &Value::Null)
            .await;
        assert!(
            (200..300).contains(&answer.status),
            "{verb}: {} {}",
            answer.status,
            answer.body
        );
        for other in &rest {
            other.rest.wait_connector_state(&name, state).await;
        }
    }
    rest[1].rest.remove(&name).await;
    same_answers(&rest).await;
}

#[tokio::test]
async fn a_killed_and_a_paused_worker_lose_nothing() {
    let session = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "1000")];
    let mut workers = cluster::start(3, &session).await;
    let mut lines = Lines::new(6);
    lines.grow(20);
    lines.create(&workers.iter().collect::<Vec<_>>()).await;
    cluster::wait_spread(&workers.iter().collect::<Vec<_>>(), 12).await;

    // Killed: the others take over once the session has ended.
    workers[0].kill9();
    lines.grow(20);
    let rest: Vec<&Worker> = workers[1..].iter().collect();
    cluster::wait_spread(&rest, 12).await;
    lines.wait_complete().await;

    // Paused for longer than a session: it comes back as a member without old work, and takes a share.
    workers[1].process.signal("STOP");
    cluster::wait_spread(&[&workers[2]], 12).await;
    lines.grow(20);
    workers[1].process.signal("CONT");
    cluster::wait_spread(&[&workers[1], &workers[2]], 12).await;
    lines.grow(20);
    lines.wait_complete().await;

    // The killed one comes back at its address.
    let mut first = workers.remove(0);
    first.start_again().await;
    cluster::wait_spread(&[&first, &workers[0], &workers[1]], 12).await;
    lines.grow(20);
    lines.wait_complete().await;
}

#[tokio::test]
async fn jvm_workers_and_these_share_a_group_and_replace_each_other() {
    let mut ours = Worker::distributed(&[]).await;
    let mut lines = Lines::new(6);
    lines.grow(5);
    lines.create(&[&ours]).await;
    cluster::wait_spread(&[&ours], 12).await;

    // A JVM worker joins: half of the work moves to it.
    let mut jvm = ours.join(Program::Jvm).await;
    cluster::wait_spread(&[&ours, &jvm], 12).await;
    same_answers(&[&ours, &jvm]).await;
    lines.grow(5);
    lines.wait_complete().await;

    // It takes over everything, as leader then, and takes requests for work that runs on either side.
    assert!(ours.terminate().await.success());
    cluster::wait_spread(&[&jvm], 12).await;
    lines.grow(5);
    lines.wait_complete().await;
    let again = jvm.join(Program::Turnbuckle).await;
    cluster::wait_spread(&[&again, &jvm], 12).await;
    same_answers(&[&again, &jvm]).await;
    let extra = Lines::new(2);
    extra.create(&[&again]).await;
    cluster::wait_spread(&[&again, &jvm], 16).await;
    for name in lines.names() {
        let answer = again
            .rest
            .post(&format!("/connectors/{name}/restart?includeTasks=true"), &Value::Null)
            .await;
        assert!(
            (200..300).contains(&answer.status),
            "restart: {} {}",
            answer.status,
            answer.body
        );
    }
    cluster::wait_spread(&[&again, &jvm], 16).await;

    // And back.
    jvm.terminate().await;
    cluster::wait_spread(&[&again], 16).await;
    lines.grow(5);
    assert_eq!(lines.wait_complete().await, 0, "every worker left in order");
}

#[tokio::test]
async fn what_has_failed_is_restarted_if_asked_for() {
    let restarts = [
        ("turnbuckle.restart.max.attempts", "2"),
        ("turnbuckle.restart.backoff.initial.ms", "200"),
    ];
    let worker = Worker::distributed(&restarts).await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("there").join("lines");
    let sink = |name: &str, more: Value| {
        let mut config = serde_json::json!({
            "connector.class": "FileStreamSink", "tasks.max": "1", "topics": name, "file": out,
            "value.converter": "org.apache.kafka.connect.storage.StringConverter"});
        config
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        serde_json::json!({"name": name, "config": config})
    };
    let attempts = async |name: &str| {
        let report = worker.rest.get("/turnbuckle/supervision").await.ok("supervision");
        let watched = report["watched"]
            .as_array()
            .unwrap()
            .iter()
            .find(|part| part["connector"] == name)
            .cloned();
        (watched.unwrap_or_default(), report["restarts"].as_u64().unwrap())
    };

    // The folder is missing, so the task fails; once it is there, the next restart succeeds.
    let name = turnbuckle_tests::unique("mended");
    worker.rest.create_json(&sink(&name, serde_json::json!({}))).await;
    worker.rest.wait_failed(&name).await;
    std::fs::create_dir(folder.path().join("there")).unwrap();
    worker.rest.wait_running(&name, 1).await;
    let (watched, restarts) = attempts(&name).await;
    assert!(restarts >= 1 && watched["task"] == 0, "{watched}");

    // Attempts are counted, and then over; a connector may have its own number, and none.
    std::fs::remove_dir_all(folder.path().join("there")).unwrap();
    let (stubborn, plain) = (turnbuckle_tests::unique("stubborn"), turnbuckle_tests::unique("plain"));
    let own = serde_json::json!({"turnbuckle.restart.max.attempts": "1"});
    worker.rest.create_json(&sink(&stubborn, own)).await;
    worker
        .rest
        .create_json(&sink(
            &plain,
            serde_json::json!({"turnbuckle.restart.max.attempts": "0"}),
        ))
        .await;
    wait_for("the end of the restarts", PATIENCE, async || {
        let (watched, _) = attempts(&stubborn).await;
        if watched["state"] == "given up" && watched["attempts"] == 1 {
            Ok(())
        } else {
            Err(watched.to_string())
        }
    })
    .await;
    worker.rest.wait_failed(&plain).await;
    assert_eq!(attempts(&plain).await.0, Value::Null);
    let wrong = turnbuckle_tests::unique("wrong");
    worker
        .rest
        .create_json(&sink(
            &wrong,
            serde_json::json!({"turnbuckle.restart.max.attempts": "many"}),
        ))
        .await;
    let trace = worker.rest.wait_failed(&wrong).await;
    assert!(
        trace.contains("turnbuckle.restart.max.attempts") && trace.contains("many"),
        "{trace}"
    );
}

#[tokio::test]
async fn work_that_waits_for_its_worker_says_so_and_returns_to_it() {
    let mut workers = cluster::start(
        2,
        &[
            ("scheduled.rebalance.max.delay.ms", "60000"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "1000"),
        ],
    )
    .await;
    let mut lines = Lines::new(4);
    lines.grow(5);
    lines.create(&workers.iter().collect::<Vec<_>>()).await;
    let before = cluster::wait_spread(&workers.iter().collect::<Vec<_>>(), 8).await;
    lines.wait_complete().await;

    workers[1].kill9();
    let lost = before[workers[1].id()].clone();
    let trace = wait_for("a status that tells of the wait", PATIENCE, async || {
        let (running, _) = cluster::placement(&workers[0].rest).await;
        let report = workers[0].rest.get("/turnbuckle/supervision").await.ok("supervision");
        let waiting = report["waiting"]["tasks"].as_array().map_or(&[][..], Vec::as_slice);
        let task = waiting
            .iter()
            .filter_map(Value::as_str)
            .find(|task| lost.contains(*task));
        match task {
            Some(task) if running.len() == 1 && waiting.len() == 2 => {
                let name = task.rsplit_once('-').unwrap().0;
                let status = workers[0].rest.status(name).await;
                Ok(status["tasks"][0]["trace"].as_str().unwrap_or_default().to_owned())
            }
            _ => Err(report.to_string()),
        }
    })
    .await;
    assert!(trace.contains(workers[1].id()) && trace.contains("until 20"), "{trace}");

    // It comes back at its address long before the delay is over, and has its work again.
    workers[1].start_again().await;
    let after = cluster::wait_spread(&workers.iter().collect::<Vec<_>>(), 8).await;
    assert_eq!(after, before);
    lines.grow(5);
    lines.wait_complete().await;
    let report = workers[0].rest.get("/turnbuckle/supervision").await.ok("supervision");
    assert_eq!(report["waiting"], Value::Null);
}
