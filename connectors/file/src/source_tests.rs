//! Tests of the source connector and its task.

use super::*;
use std::io::Write;
use turnbuckle_api::testkit::TestContext;

fn settings(file: &std::path::Path) -> Props {
    Props::new().with("file", file.to_str().unwrap()).with("topic", "lines")
}

async fn started(props: &Props, context: &Arc<TestContext>) -> FileStreamSourceTask {
    let mut task = FileStreamSourceTask::default();
    task.start(context.clone(), props).await.unwrap();
    task
}

/// Polls until there are `count` records.
async fn lines(task: &mut FileStreamSourceTask, count: usize) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    while found.len() < count {
        let polled = tokio::time::timeout(Duration::from_secs(20), task.poll());
        for record in polled.await.expect("records in time").unwrap().unwrap_or_default() {
            assert_eq!(record.topic, "lines");
            assert_eq!(record.key, SchemaAndValue::NULL);
            assert!(record.timestamp.is_some());
            let turnbuckle_api::Origin::Source { offset, .. } = &record.origin else {
                panic!("not a source record")
            };
            let Some(Value::Int64(position)) = offset.as_ref().unwrap().get("position") else {
                panic!("no position")
            };
            found.push((record.value.value.as_str().unwrap().to_string(), *position));
        }
    }
    found
}

fn expect(lines: &[(&str, i64)]) -> Vec<(String, i64)> {
    lines.iter().map(|(text, at)| ((*text).to_string(), *at)).collect()
}

#[tokio::test]
async fn waits_for_the_file_and_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    let context = TestContext::new(Props::new());
    let mut task = started(&settings(&path), &context).await;
    assert!(task.poll().await.unwrap().is_none());

    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all("one\ntw\u{f6}\r\nth".as_bytes()).unwrap();
    assert_eq!(lines(&mut task, 2).await, expect(&[("one", 4), ("tw\u{f6}", 10)]));
    file.write_all(b"ree\n").unwrap();
    assert_eq!(lines(&mut task, 1).await, expect(&[("three", 16)]));
}

#[tokio::test]
async fn batches_are_cut_and_nothing_waits_for_the_next_append() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    std::fs::write(&path, "a\nbb\nccc\n").unwrap();
    let context = TestContext::new(Props::new());
    let mut task = started(&settings(&path).with("batch.size", "2"), &context).await;
    assert_eq!(task.poll().await.unwrap().unwrap().len(), 2);
    assert_eq!(task.poll().await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn goes_on_at_the_stored_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    std::fs::write(&path, "a\nbb\nccc\n").unwrap();
    let partition = OffsetMap::new().with("filename", path.to_str().unwrap());
    for (stored, expected) in [
        (Value::Int64(2), Ok(expect(&[("bb", 5), ("ccc", 9)]))),
        (Value::Null, Ok(expect(&[("a", 2), ("bb", 5), ("ccc", 9)]))),
        (Value::Int32(2), Err("Offset position is the incorrect type")),
        (Value::text("2"), Err("Offset position is the incorrect type")),
    ] {
        let context = TestContext::new(Props::new());
        let offset = OffsetMap::new().with("position", stored);
        context.offsets.put(partition.clone(), offset);
        let mut task = started(&settings(&path), &context).await;
        match expected {
            Ok(expected) => assert_eq!(lines(&mut task, expected.len()).await, expected),
            Err(text) => assert_eq!(task.poll().await.unwrap_err().message(), Some(text)),
        }
    }
}

#[tokio::test]
async fn a_null_topic_fails_with_the_first_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.txt");
    std::fs::write(&path, "a\n").unwrap();
    let mut props = settings(&path);
    props.insert_nullable("topic", None);
    let mut task = started(&props, &TestContext::new(Props::new())).await;
    assert_eq!(task.poll().await.unwrap_err().message(), Some("Topic cannot be null."));
}

#[tokio::test]
async fn one_task_gets_the_whole_configuration() {
    let props = Props::new().with("file", "x").with("topic", "t").with("extra", "1");
    let mut connector = FileStreamSourceConnector::default();
    connector.start(TestContext::new(Props::new()), &props).await.unwrap();
    assert_eq!(connector.task_configs(5).await.unwrap(), vec![props]);
    for (props, text) in [
        (
            Props::new(),
            "Missing required configuration \"topic\" which has no default value.",
        ),
        (
            Props::new().with("topic", ""),
            "Invalid value  for configuration topic: String must be non-empty",
        ),
        (
            Props::new().with("topic", "t").with("batch.size", "x"),
            "Invalid value x for configuration batch.size: Not a number of type INT",
        ),
    ] {
        let result = connector.start(TestContext::new(Props::new()), &props).await;
        assert_eq!(result.unwrap_err().message(), Some(text));
    }
}

#[test]
fn altered_offsets_are_checked() {
    let file = || OffsetMap::new().with("filename", "x");
    let position = |value: Value| Some(OffsetMap::new().with("position", value));
    let long = "The value for the 'position' key in the offset is expected to be a Long value";
    for (partition, offset, refusal) in [
        (file(), position(Value::Int64(3)), None),
        (OffsetMap::new().with("filename", 5i64), position(Value::Int64(0)), None),
        (OffsetMap::new(), None, None),
        (file(), position(Value::text("4")), Some(long)),
        (file(), position(Value::Null), Some(long)),
        (file(), position(Value::Float64(1.5)), Some(long)),
        (
            file(),
            position(Value::Int64(-1)),
            Some("The value for the 'position' key in the offset should be a non-negative value"),
        ),
        (
            file(),
            Some(OffsetMap::new().with("place", 1i64)),
            Some("Offset objects should either be null or contain the key 'position'"),
        ),
        (
            OffsetMap::new().with("name", "x"),
            position(Value::Int64(1)),
            Some("Partition objects should contain the key 'filename'"),
        ),
    ] {
        let props = Props::new().with("file", "x").with("topic", "t");
        let result = FileStreamSourceConnector::default().alter_offsets(&props, &[(Some(partition), offset)]);
        match refusal {
            None => assert_eq!(result.unwrap(), AlterOffsets::Checked),
            Some(text) => assert_eq!(result.unwrap_err().message(), Some(text)),
        }
    }
    let props = Props::new().with("file", "x").with("topic", "t");
    let connector = FileStreamSourceConnector::default();
    assert!(connector.alter_offsets(&props, &[(None, None)]).is_ok());
    let nowhere = connector.alter_offsets(&props, &[(None, position(Value::Int64(1)))]);
    assert_eq!(nowhere.unwrap_err().message(), Some("Partition objects cannot be null"));
}

#[test]
fn standard_input_has_no_offsets() {
    let connector = FileStreamSourceConnector::default();
    for props in [
        Props::new().with("topic", "t"),
        Props::new().with("topic", "t").with("file", ""),
    ] {
        let error = connector.alter_offsets(&props, &[]).unwrap_err();
        assert!(
            error
                .message()
                .unwrap()
                .starts_with("Offsets cannot be modified if the 'file'")
        );
        assert_eq!(connector.exactly_once_support(&props), Some(Support::Unsupported));
    }
    let file = Props::new().with("topic", "t").with("file", "x");
    assert_eq!(connector.exactly_once_support(&file), Some(Support::Supported));
}
