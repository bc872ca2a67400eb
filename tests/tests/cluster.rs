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
