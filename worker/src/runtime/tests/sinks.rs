use super::*;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::atomic::Ordering;

/// Writes numbers as text, round robin over the partitions.
fn produce(bench: &Bench, topic: &str, partitions: i32, range: std::ops::RangeInclusive<i64>) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", bench.cluster.bootstrap_servers())
        .create()
        .unwrap();
    for number in range {
        let text = number.to_string();
        let partition = (number % i64::from(partitions)) as i32;
        let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(partition).payload(text.as_str());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(20)).unwrap();
}

fn sorted(mut values: Vec<String>) -> Vec<i64> {
    values.sort();
    let mut numbers: Vec<i64> = values.iter().map(|value| value.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_are_delivered_once_over_a_clean_restart() {
    let bench = Bench::new("sink-restart");
    bench.cluster.create_topic("in", 1, 1).unwrap();
    produce(&bench, "in", 1, 1..=1000);
    let probe = bench.probe();
    let config = bench.config(
        "Collect",
        &[("topics", "in"), ("consumer.override.max.poll.records", "70")],
    );
    let (id, started) = bench.start(0, &config, TargetState::Started).await;
    assert!(started);
    eventually("all arrives", || probe.values().len() >= 1000).await;
    assert_eq!(bench.state(&id), Some(Lifecycle::Running));
    bench.runtime.stop_tasks(std::slice::from_ref(&id)).await;
    assert_eq!(bench.state(&id), Some(Lifecycle::Unassigned));
    assert_eq!(*probe.partitions.lock().unwrap(), ["open in-0", "close in-0"]);
    assert_eq!(bench.statuses.topics("c")[0].topic, "in");
    produce(&bench, "in", 1, 1001..=1010);
    let (id, _) = bench.start(0, &config, TargetState::Started).await;
    eventually("the rest arrives", || probe.values().len() >= 1010).await;
    bench.runtime.stop_tasks(&[id]).await;
    assert_eq!(probe.values(), numbers(1..=1010));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_target_gets_the_same_batch_again() {
    let bench = Bench::new("sink-retry");
    bench.cluster.create_topic("busy", 2, 1).unwrap();
    produce(&bench, "busy", 2, 1..=500);
    let probe = bench.probe();
    probe.refusals.store(3, Ordering::SeqCst);
    let config = bench.config(
        "Collect",
        &[("topics", "busy"), ("consumer.override.max.poll.records", "50")],
    );
    let (id, _) = bench.start(0, &config, TargetState::Started).await;
    eventually("some arrive", || !probe.values().is_empty()).await;
    probe.refusals.store(2, Ordering::SeqCst);
    produce(&bench, "busy", 2, 501..=600);
    eventually("all arrive", || probe.values().len() >= 600).await;
    bench.runtime.stop_tasks(&[id]).await;
    assert_eq!(probe.refusals.load(Ordering::SeqCst), 0);
    assert_eq!(sorted(probe.values()), (1..=600).collect::<Vec<i64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_put_ends_the_task_and_commits_nothing_of_it() {
    let bench = Bench::new("sink-fails");
    bench.cluster.create_topic("poisoned", 1, 1).unwrap();
    produce(&bench, "poisoned", 1, 1..=10);
    let probe = bench.probe();
    *probe.poison.lock().unwrap() = Some("5".into());
    let config = bench.config("Collect", &[("topics", "poisoned")]);
    let (id, _) = bench.start(0, &config, TargetState::Started).await;
    bench.reaches(&id, Lifecycle::Failed).await;
    assert_eq!(
        bench.trace(&id),
        "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.\n\
         Caused by: org.apache.kafka.connect.errors.DataException: the target refuses this value\n"
    );
    bench.runtime.stop_tasks(std::slice::from_ref(&id)).await;
    *probe.poison.lock().unwrap() = None;
    bench.start(0, &config, TargetState::Started).await;
    eventually("all arrive", || probe.values().len() >= 10).await;
    bench.runtime.shutdown().await;
    assert_eq!(probe.values(), numbers(1..=10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_records_go_to_the_dead_letter_queue() {
    let bench = Bench::new("sink-dead");
    bench.cluster.create_topic("mixed", 1, 1).unwrap();
    bench.cluster.create_topic("dead", 1, 1).unwrap();
    produce(&bench, "mixed", 1, 1..=10);
    let probe = bench.probe();
    let extra = [
        ("topics", "mixed"),
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
        ("value.converter", "test.TextConverter"),
        ("value.converter.rejects", "4"),
    ];
    bench
        .start(0, &bench.config("Collect", &extra), TargetState::Started)
        .await;
    eventually("the good ones arrive", || probe.values().len() >= 9).await;
    bench.runtime.shutdown().await;
    let expected: Vec<String> = (1..=10)
        .filter(|number| *number != 4)
        .map(|number| number.to_string())
        .collect();
    assert_eq!(probe.values(), expected);
    let (headers, value) = first_message(&bench, "dead");
    assert_eq!(value, "4");
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "__connect.errors.topic",
            "__connect.errors.partition",
            "__connect.errors.offset",
            "__connect.errors.connector.name",
            "__connect.errors.task.id",
            "__connect.errors.stage",
            "__connect.errors.class.name",
            "__connect.errors.exception.class.name",
            "__connect.errors.exception.message",
            "__connect.errors.exception.stacktrace",
        ]
    );
    let texts: Vec<&str> = headers.iter().take(9).map(|(_, value)| value.as_str()).collect();
    let class = "org.apache.kafka.connect.errors.DataException";
    assert_eq!(
        texts,
        [
            "mixed",
            "0",
            "3",
            "c",
            "0",
            "VALUE_CONVERTER",
            "test.TextConverter",
            class,
            "4 does not convert"
        ]
    );
}

fn first_message(bench: &Bench, topic: &str) -> (Vec<(String, String)>, String) {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::message::{Headers, Message};
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bench.cluster.bootstrap_servers())
        .set("group.id", "reader")
        .create()
        .unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(topic, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let message = consumer.poll(Duration::from_secs(20)).unwrap().unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let headers = message
        .headers()
        .unwrap()
        .iter()
        .map(|header| (header.key.to_string(), text(header.value)))
        .collect();
    (headers, text(message.payload()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_between_tasks_without_loss() {
    let bench = Bench::new("sink-rebalance");
    bench.cluster.create_topic("shared", 4, 1).unwrap();
    produce(&bench, "shared", 4, 1..=100);
    let probe = bench.probe();
    let config = bench.config("Collect", &[("topics", "shared")]);
    let (first, _) = bench.start(0, &config, TargetState::Started).await;
    eventually("the first task reads", || probe.values().len() >= 100).await;
    let (second, _) = bench.start(1, &config, TargetState::Started).await;
    let opened = |count: usize| {
        let probe = probe.clone();
        move || {
            probe
                .partitions
                .lock()
                .unwrap()
                .iter()
                .filter(|entry| entry.starts_with("open"))
                .count()
                >= count
        }
    };
    eventually("partitions are spread anew", opened(8)).await;
    produce(&bench, "shared", 4, 101..=200);
    let distinct = |count: usize| {
        let probe = probe.clone();
        move || probe.values().iter().collect::<std::collections::HashSet<_>>().len() >= count
    };
    eventually("both read", distinct(200)).await;
    bench.runtime.stop_tasks(&[first]).await;
    produce(&bench, "shared", 4, 201..=300);
    eventually("the second reads on alone", distinct(300)).await;
    bench.runtime.stop_tasks(&[second]).await;
    // The mock's group refuses commits while it rebalances, so some records may come twice; none is lost.
    let mut seen = sorted(probe.values());
    seen.dedup();
    assert_eq!(seen, (1..=300).collect::<Vec<i64>>());
    let log = probe.partitions.lock().unwrap().clone();
    let count = |what: &str| log.iter().filter(|entry| entry.starts_with(what)).count();
    assert_eq!(count("open"), count("close"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_sink_keeps_its_place() {
    let bench = Bench::new("sink-pause");
    bench.cluster.create_topic("paused", 1, 1).unwrap();
    produce(&bench, "paused", 1, 1..=10);
    let probe = bench.probe();
    let (id, _) = bench
        .start(
            0,
            &bench.config("Collect", &[("topics", "paused")]),
            TargetState::Started,
        )
        .await;
    eventually("they arrive", || probe.values().len() >= 10).await;
    bench.runtime.set_task_target(&id, TargetState::Paused).await;
    bench.reaches(&id, Lifecycle::Paused).await;
    produce(&bench, "paused", 1, 11..=20);
    let commits = probe.commits.load(Ordering::SeqCst);
    eventually("commits go on", || probe.commits.load(Ordering::SeqCst) > commits + 3).await;
    assert_eq!(probe.values().len(), 10);
    bench.runtime.set_task_target(&id, TargetState::Started).await;
    eventually("it goes on", || probe.values().len() >= 20).await;
    bench.runtime.stop_tasks(&[id]).await;
    assert_eq!(probe.values(), numbers(1..=20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_reads_what_matches() {
    let bench = Bench::new("sink-pattern");
    for topic in ["races-1", "races-2", "bets"] {
        bench.cluster.create_topic(topic, 1, 1).unwrap();
    }
    produce(&bench, "races-1", 1, 1..=3);
    produce(&bench, "bets", 1, 100..=101);
    produce(&bench, "races-2", 1, 4..=6);
    let probe = bench.probe();
    bench
        .start(
            0,
            &bench.config("Collect", &[("topics.regex", r"races-\d+")]),
            TargetState::Started,
        )
        .await;
    eventually("they arrive", || probe.values().len() >= 6).await;
    bench.runtime.shutdown().await;
    assert_eq!(sorted(probe.values()), (1..=6).collect::<Vec<i64>>());
}
