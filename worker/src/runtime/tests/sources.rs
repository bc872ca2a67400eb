use super::*;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::Ordering;

/// Reads `count` values of a topic of one partition.
fn consume(bench: &Bench, topic: &str, count: usize) -> Vec<String> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bench.cluster.bootstrap_servers())
        .set("group.id", "reader")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let mut values = Vec::new();
    while values.len() < count && std::time::Instant::now() < deadline {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            values.push(String::from_utf8(message.payload().unwrap().to_vec()).unwrap());
        }
    }
    values
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_arrive_in_order_and_positions_follow() {
    let bench = Bench::new("source-order");
    bench.cluster.create_topic("order", 1, 1).unwrap();
    let probe = bench.probe();
    probe.limit.store(1000, Ordering::SeqCst);
    let config = bench.config("Numbers", &[("topic", "order")]);
    let (id, started) = bench.start(0, &config, TargetState::Started).await;
    assert!(started);
    bench.reaches(&id, Lifecycle::Running).await;
    eventually("the task is told of a commit", || {
        probe.commits.load(Ordering::SeqCst) > 0
    })
    .await;
    eventually("all is made", || probe.made.load(Ordering::SeqCst) == 1000).await;
    bench.runtime.stop_tasks(std::slice::from_ref(&id)).await;
    assert_eq!(bench.state(&id), Some(Lifecycle::Unassigned));
    assert_eq!(probe.stops.load(Ordering::SeqCst), 1);
    assert_eq!(bench.stored().await.as_deref(), Some(r#"{"number":1000}"#));
    assert_eq!(consume(&bench, "order", 1000), numbers(1..=1000));
    assert_eq!(bench.statuses.topics("c")[0].topic, "order");

    // The next instance goes on where the last one stopped.
    probe.limit.store(1005, Ordering::SeqCst);
    bench.start(0, &config, TargetState::Started).await;
    eventually("more is made", || probe.made.load(Ordering::SeqCst) == 1005).await;
    bench.runtime.shutdown().await;
    assert_eq!(consume(&bench, "order", 1005), numbers(1..=1005));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_wait_for_the_broker() {
    let bench = Bench::new("source-acks");
    bench.cluster.create_topic("acks", 1, 1).unwrap();
    let probe = bench.probe();
    probe.limit.store(10, Ordering::SeqCst);
    let (id, _) = bench
        .start(0, &bench.config("Numbers", &[("topic", "acks")]), TargetState::Started)
        .await;
    while bench.stored().await.as_deref() != Some(r#"{"number":10}"#) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bench.cluster.broker_down(1).unwrap();
    probe.limit.store(20, Ordering::SeqCst);
    eventually("more is made", || probe.made.load(Ordering::SeqCst) == 20).await;
    let commits = probe.commits.load(Ordering::SeqCst);
    eventually("some commits go by", || {
        probe.commits.load(Ordering::SeqCst) > commits + 2
    })
    .await;
    assert_eq!(bench.stored().await.as_deref(), Some(r#"{"number":10}"#));
    bench.cluster.broker_up(1).unwrap();
    while bench.stored().await.as_deref() != Some(r#"{"number":20}"#) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bench.runtime.stop_tasks(&[id]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_show_as_the_java_worker_shows_them() {
    let bench = Bench::new("source-fails");
    bench.cluster.create_topic("fails", 1, 1).unwrap();
    bench.probe().limit.store(100, Ordering::SeqCst);
    let config = bench.config("Numbers", &[("topic", "fails"), ("fail.at", "51")]);
    let (broken, _) = bench.start(0, &config, TargetState::Started).await;
    bench.reaches(&broken, Lifecycle::Failed).await;
    // What was acknowledged before the failure is stored first.
    assert_eq!(bench.stored().await.as_deref(), Some(r#"{"number":50}"#));
    let config = bench.config("Numbers", &[("topic", "fails"), ("panic.at", "51")]);
    let (panics, _) = bench.start(1, &config, TargetState::Started).await;
    let extra = [
        ("topic", "fails"),
        ("value.converter", "test.TextConverter"),
        ("value.converter.rejects", "57"),
    ];
    let (strict, _) = bench
        .start(2, &bench.config("Numbers", &extra), TargetState::Started)
        .await;
    let (unknown, started) = bench
        .start(
            3,
            &bench.config("Numbers", &[("key.converter", "no.Such")]),
            TargetState::Started,
        )
        .await;
    assert!(!started);
    for id in [&broken, &panics, &strict, &unknown] {
        bench.reaches(id, Lifecycle::Failed).await;
    }
    let connect = "org.apache.kafka.connect.errors.ConnectException";
    assert_eq!(bench.trace(&broken), format!("{connect}: the source is broken\n"));
    assert_eq!(
        bench.trace(&panics),
        format!("{connect}: Task panicked: the source panics\n")
    );
    assert_eq!(
        bench.trace(&strict),
        format!(
            "{connect}: Tolerance exceeded in error handler\n\
             Caused by: org.apache.kafka.connect.errors.DataException: 57 does not convert\n"
        )
    );
    assert_eq!(bench.runtime.running_tasks().len(), 4);
    bench.runtime.shutdown().await;
    assert_eq!(
        bench.state(&broken),
        Some(Lifecycle::Failed),
        "a task that is gone writes nothing at its stop"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tolerated_errors_and_filters_skip_records() {
    let bench = Bench::new("source-skips");
    bench.cluster.create_topic("skips", 1, 1).unwrap();
    bench.probe().limit.store(600, Ordering::SeqCst);
    let extra = [
        ("topic", "skips"),
        ("batch", "600"),
        ("errors.tolerance", "all"),
        ("value.converter", "test.TextConverter"),
        ("value.converter.rejects", "7"),
        ("transforms", "odd"),
        ("transforms.odd.type", "test.DropEven"),
    ];
    bench
        .start(0, &bench.config("Numbers", &extra), TargetState::Started)
        .await;
    let probe = bench.probe();
    eventually("all is made", || probe.made.load(Ordering::SeqCst) == 600).await;
    let expected: Vec<String> = (1..=600)
        .filter(|number| number % 2 == 1 && *number != 7)
        .map(|number| number.to_string())
        .collect();
    assert_eq!(consume(&bench, "skips", expected.len()), expected);
    bench.runtime.shutdown().await;
    assert_eq!(
        bench.stored().await.as_deref(),
        Some(r#"{"number":599}"#),
        "dropped records move no position"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_delivery_ends_the_task_unless_tolerated() {
    let bench = Bench::new("source-delivery");
    bench.cluster.create_topic("delivery", 1, 1).unwrap();
    bench.probe().limit.store(10, Ordering::SeqCst);
    let refused = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED; 1];
    bench.cluster.request_errors(RDKafkaApiKey::Produce, &refused);
    let config = bench.config("Numbers", &[("topic", "delivery")]);
    let (id, _) = bench.start(0, &config, TargetState::Started).await;
    bench.reaches(&id, Lifecycle::Failed).await;
    let trace = bench.trace(&id);
    let start = "org.apache.kafka.connect.errors.ConnectException: Unrecoverable exception from producer send callback\n\
                 Caused by: org.apache.kafka.common.errors.TopicAuthorizationException: ";
    assert!(trace.starts_with(start), "{trace}");
    assert_eq!(bench.stored().await, None);
    bench.runtime.stop_tasks(&[id]).await;

    bench.cluster.request_errors(RDKafkaApiKey::Produce, &refused);
    let config = bench.config("Numbers", &[("topic", "delivery"), ("errors.tolerance", "all")]);
    let (id, _) = bench.start(1, &config, TargetState::Started).await;
    while bench.stored().await.as_deref() != Some(r#"{"number":10}"#) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.state(&id), Some(Lifecycle::Running));
    bench.runtime.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pause_holds_polls_and_resume_goes_on() {
    let bench = Bench::new("source-pause");
    bench.cluster.create_topic("pause", 1, 1).unwrap();
    let probe = bench.probe();
    probe.limit.store(10, Ordering::SeqCst);
    let config = bench.config("Numbers", &[("topic", "pause")]);
    let (id, _) = bench.start(0, &config, TargetState::Paused).await;
    bench.reaches(&id, Lifecycle::Paused).await;
    assert_eq!(probe.starts.load(Ordering::SeqCst), 0, "a paused task is not started");
    bench.runtime.set_task_target(&id, TargetState::Started).await;
    bench.reaches(&id, Lifecycle::Running).await;
    eventually("it makes numbers", || probe.made.load(Ordering::SeqCst) == 10).await;
    bench.runtime.set_task_target(&id, TargetState::Paused).await;
    bench.reaches(&id, Lifecycle::Paused).await;
    probe.limit.store(20, Ordering::SeqCst);
    let commits = probe.commits.load(Ordering::SeqCst);
    eventually("commits go on", || probe.commits.load(Ordering::SeqCst) > commits + 1).await;
    assert_eq!(probe.made.load(Ordering::SeqCst), 10);
    bench.runtime.set_task_target(&id, TargetState::Started).await;
    eventually("it goes on", || probe.made.load(Ordering::SeqCst) == 20).await;
    bench.runtime.stop_tasks(std::slice::from_ref(&id)).await;
    assert_eq!(bench.state(&id), Some(Lifecycle::Unassigned));
    assert_eq!(consume(&bench, "pause", 20), numbers(1..=20));
}
