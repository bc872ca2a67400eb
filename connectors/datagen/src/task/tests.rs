//! Tests of the task: what records look like, where it goes on, and that every quickstart works.

use super::*;
use crate::quickstart::QUICKSTARTS;
use turnbuckle_api::Origin;
use turnbuckle_api::data::validate_value;
use turnbuckle_api::testkit::TestContext;

fn quickstart(name: &str) -> Props {
    Props::new()
        .with("kafka.topic", "t")
        .with("quickstart", name)
        .with("max.interval", "0")
        .with("task.id", "0")
}

async fn started(config: &Props, context: &Arc<TestContext>) -> DatagenTask {
    let mut task = DatagenTask::default();
    task.start(context.clone(), config).await.unwrap();
    task
}

fn position(record: &Record) -> (OffsetMap, OffsetMap) {
    match &record.origin {
        Origin::Source {
            partition: Some(partition),
            offset: Some(offset),
        } => (OffsetMap::clone(partition), offset.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_quickstart_makes_records_that_fit_their_schema() {
    for known in QUICKSTARTS {
        let mut task = started(&quickstart(known.name), &TestContext::new(Props::new())).await;
        let records = task.poll().await.unwrap().unwrap();
        assert_eq!(records.len(), BATCH, "{}", known.name);
        for record in &records {
            for side in [&record.key, &record.value] {
                let schema = side.schema.as_ref().unwrap();
                validate_value(schema, &side.value).unwrap_or_else(|error| panic!("{}: {error}", known.name));
            }
            let key = record.value.value.as_struct().unwrap().get(known.key_field);
            assert_eq!(key, Some(&record.key.value), "{}", known.name);
        }
    }
}

#[tokio::test]
async fn records_carry_the_state_after_them() {
    let mut task = started(
        &quickstart("pageviews").with("task.id", "3"),
        &TestContext::new(Props::new()),
    )
    .await;
    let records = task.poll().await.unwrap().unwrap();
    let (partition, offset) = position(&records[4]);
    assert_eq!(partition, OffsetMap::new().with("task.id", 3));
    assert_eq!(offset.get("task.generation"), Some(&Value::Int64(1)));
    assert_eq!(offset.get("current.iteration"), Some(&Value::Int64(5)));
    assert!(matches!(offset.get("random.seed"), Some(Value::Int64(_))));
    let headers: Vec<(&str, &Value)> = records[4]
        .headers
        .iter()
        .map(|header| (&*header.key, &header.value.value))
        .collect();
    let numbers = [Value::Int64(0), Value::Int64(3), Value::Int64(4)];
    let names = ["task.generation", "task.id", "current.iteration"];
    assert_eq!(headers, names.into_iter().zip(&numbers).collect::<Vec<_>>());
    assert_eq!((records[4].partition, records[4].timestamp), (None, None));
}

#[tokio::test]
async fn a_restarted_task_goes_on_exactly_where_the_offset_was_stored() {
    let config = quickstart("orders").with("random.seed", "17");
    let context = TestContext::new(Props::new());
    let first = started(&config, &context).await.poll().await.unwrap().unwrap();
    let (partition, offset) = position(&first[399]);
    context.offsets.put(partition, offset);
    let second = started(&config, &context).await.poll().await.unwrap().unwrap();
    for (before, after) in first[400..].iter().zip(&second) {
        assert_eq!(before.value, after.value);
        assert_eq!(after.headers.iter().next().unwrap().value.value, Value::Int64(1));
    }
}

#[tokio::test]
async fn tasks_of_one_seed_differ() {
    let config = quickstart("users").with("random.seed", "17");
    let context = TestContext::new(Props::new());
    let first = started(&config, &context).await.poll().await.unwrap().unwrap();
    let same = started(&config, &context).await.poll().await.unwrap().unwrap();
    let other = started(&config.with("task.id", "1"), &context)
        .await
        .poll()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(first, same);
    assert_ne!(first[0].value, other[0].value);
}

#[tokio::test]
async fn the_task_ends_after_the_wanted_number() {
    let mut task = started(
        &quickstart("users").with("iterations", "1500"),
        &TestContext::new(Props::new()),
    )
    .await;
    for expected in [1000, 500] {
        assert_eq!(task.poll().await.unwrap().unwrap().len(), expected);
    }
    let error = task.poll().await.unwrap_err();
    assert_eq!(error.class_name(), "org.apache.kafka.connect.errors.ConnectException");
    let text = "Stopping connector: generated the configured 1500 number of messages";
    assert_eq!(error.message(), Some(text));
}

#[tokio::test]
async fn records_come_at_the_wanted_pace() {
    let config = quickstart("users").with("max.interval", "2");
    let mut task = started(&config, &TestContext::new(Props::new())).await;
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_millis(500) {
        count += task.poll().await.unwrap().unwrap().len();
    }
    // 1 ms each on average, although timers are no finer than that.
    let expected = start.elapsed().as_millis();
    assert!(
        (expected / 2..expected * 2).contains(&(count as u128)),
        "{count} in {expected} ms"
    );
}

#[tokio::test]
async fn without_a_key_field_the_key_is_null() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}"#;
    let config = Props::new()
        .with("kafka.topic", "t")
        .with("schema.string", schema)
        .with("max.interval", "-1")
        .with("task.id", "0");
    let records = started(&config, &TestContext::new(Props::new()))
        .await
        .poll()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        records[0].key,
        SchemaAndValue::new(Schema::primitive(Type::String, true), Value::Null)
    );
    let error = DatagenTask::default()
        .start(TestContext::new(Props::new()), &config.with("schema.keyfield", "b"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("schema.keyfield"), "{error}");
}
