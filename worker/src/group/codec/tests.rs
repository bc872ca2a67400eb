//! Recorded bytes of JVM workers, round trips, and bytes nobody should send.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

/// One recorded blob per line: see the fields read below. Recorded from Kafka Connect 4.1.1.
const VECTORS: &str = include_str!("../testdata/group-protocol.jsonl");

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap())
        .collect()
}

fn items(value: &Value, connectors: &str, tasks: &str) -> Assignment {
    let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let task = |v: &Value| TaskId::new(v["connector"].as_str().unwrap(), v["task"].as_u64().unwrap() as u32);
    Assignment {
        connectors: list(connectors)
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect(),
        tasks: list(tasks).iter().map(task).collect(),
    }
}

fn expected_assignment(value: &Value) -> MemberAssignment {
    MemberAssignment {
        error: AssignmentError::from_code(value["error"].as_i64().unwrap() as i16),
        leader: value["leader"].as_str().unwrap().to_owned(),
        leader_url: value["leader_url"].as_str().unwrap().to_owned(),
        config_offset: value["config_offset"].as_i64().unwrap(),
        assigned: items(value, "connectors", "tasks"),
        revoked: items(value, "revoked_connectors", "revoked_tasks"),
        delay_ms: value.get("delay").map_or(0, |v| v.as_i64().unwrap() as i32),
    }
}

/// The order within one list is free.
fn sorted(mut assignment: MemberAssignment) -> MemberAssignment {
    for items in [&mut assignment.assigned, &mut assignment.revoked] {
        items.connectors.sort();
        items.tasks.sort();
    }
    assignment
}

#[test]
fn recorded_bytes_decode_and_encode() {
    let (mut count, mut exact) = (0, 0);
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        let protocol = ConnectProtocol::from_wire_name(vector["protocol"].as_str().unwrap()).unwrap();
        let bytes = hex(vector["hex"].as_str().unwrap());
        let decoded = &vector["decoded"];
        assert_eq!(
            decoded["version"].as_i64(),
            Some(i64::from(protocol.version())),
            "{line}"
        );
        let again = if vector["kind"] == "metadata" {
            let read = decode_metadata(&bytes).unwrap();
            assert_eq!(read.url, decoded["url"].as_str().unwrap());
            assert_eq!(read.config_offset, decoded["config_offset"].as_i64().unwrap());
            let expected = decoded
                .get("allocation")
                .filter(|v| !v.is_null())
                .map(expected_assignment);
            assert_eq!(read.allocation.clone().map(sorted), expected.map(sorted), "{line}");
            encode_metadata(&read, protocol).unwrap()
        } else {
            let read = decode_assignment(&bytes).unwrap();
            assert_eq!(sorted(read.clone()), sorted(expected_assignment(decoded)), "{line}");
            let again = encode_assignment(&read, protocol).unwrap();
            assert_eq!(sorted(decode_assignment(&again).unwrap()), sorted(read));
            again
        };
        assert_eq!(again.len(), bytes.len(), "{line}");
        count += 1;
        exact += usize::from(again == bytes);
    }
    assert_eq!(count, 85);
    // The few others list connectors in another order within one list.
    assert!(exact >= count - 5, "{exact} of {count} are reproduced to the byte");
}

#[test]
fn reads_layouts_of_other_versions() {
    let assignment_v2 = "0002 0000 00026d31 000e687474703a2f2f613a383038332f 000000000000000c \
                         00000001 0003666f6f 00000002 ffffffff 00000000";
    let full = decode_assignment(&hex(&format!("{assignment_v2} 00000000 00000000"))).unwrap();
    assert_eq!(full.assigned.connectors, ["foo"]);
    assert_eq!(full.assigned.tasks, [TaskId::new("foo", 0)]);
    // Missing trailing fields, null lists, a later version and more bytes than known.
    for rest in [
        "",
        "00000000",
        "ffffffff",
        "ffffffff 00000000",
        "00000000 00000000 abcdef",
    ] {
        let text = format!("{assignment_v2} {rest}");
        assert_eq!(decode_assignment(&hex(&text)).unwrap(), full, "{rest}");
        let later = text.replacen("0002", "0007", 1);
        assert_eq!(decode_assignment(&hex(&later)).unwrap(), full, "{rest}");
    }
    let metadata = "0001 000e687474703a2f2f613a383038332f 000000000000000c";
    assert_eq!(decode_metadata(&hex(metadata)).unwrap().allocation, None);
}

#[test]
fn refuses_what_cannot_be() {
    let negative_version = decode_metadata(&hex("ffff 0000 0000000000000000")).unwrap_err();
    assert_eq!(negative_version.to_string(), "Unsupported subscription version: -1");
    let task = decode_assignment(&hex(
        "0000 0000 0000 0000 0000000000000000 00000001 000161 00000001 fffffffe",
    ));
    assert_eq!(task.unwrap_err().to_string(), "connector a has the task number -2");
    let many = decode_assignment(&hex("0000 0000 0000 0000 0000000000000000 7fffffff"));
    assert!(many.unwrap_err().to_string().contains("2147483647 items"));
    let long = Metadata {
        url: "x".repeat(40_000),
        config_offset: 0,
        allocation: None,
    };
    assert!(encode_metadata(&long, ConnectProtocol::Eager).is_err());
}

fn any_items() -> impl Strategy<Value = Assignment> {
    let names = proptest::collection::btree_set("[a-zж/ %]{1,12}", 0..6);
    let tasks = proptest::collection::btree_set(("[a-zж/ %]{1,12}", 0u32..=i32::MAX as u32), 0..8);
    (names, tasks).prop_map(|(connectors, tasks)| Assignment {
        connectors: connectors.into_iter().collect(),
        tasks: tasks
            .into_iter()
            .map(|(connector, task)| TaskId { connector, task })
            .collect(),
    })
}

fn any_assignment() -> impl Strategy<Value = MemberAssignment> {
    (
        any::<i16>(),
        ".{0,20}",
        ".{0,20}",
        any::<i64>(),
        any_items(),
        any_items(),
        any::<i32>(),
    )
        .prop_map(
            |(error, leader, leader_url, config_offset, assigned, revoked, delay_ms)| MemberAssignment {
                error: AssignmentError::from_code(error),
                leader,
                leader_url,
                config_offset,
                assigned,
                revoked,
                delay_ms,
            },
        )
}

proptest! {
    #[test]
    fn round_trip(url in ".{0,40}", config_offset: i64, allocation in proptest::option::of(any_assignment())) {
        for protocol in [ConnectProtocol::Compatible, ConnectProtocol::Sessioned] {
            let metadata = Metadata { url: url.clone(), config_offset, allocation: allocation.clone() };
            let read = decode_metadata(&encode_metadata(&metadata, protocol).unwrap()).unwrap();
            prop_assert_eq!(read.allocation.map(sorted), metadata.allocation.map(sorted));
            prop_assert_eq!((read.url, read.config_offset), (metadata.url, metadata.config_offset));
        }
    }

    #[test]
    fn round_trip_eager(assignment in any_assignment()) {
        let read = decode_assignment(&encode_assignment(&assignment, ConnectProtocol::Eager).unwrap()).unwrap();
        let expected = MemberAssignment { revoked: Assignment::default(), delay_ms: 0, ..assignment };
        prop_assert_eq!(sorted(read), sorted(expected));
    }

    #[test]
    fn hostile_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..200, at in 0usize..200, value: u8) {
        let _ = decode_assignment(&bytes);
        let _ = decode_metadata(&bytes);
        // Nearly right bytes reach further than random ones.
        let line: Value = serde_json::from_str(VECTORS.lines().last().unwrap()).unwrap();
        let mut near = hex(line["hex"].as_str().unwrap());
        let at = at % near.len();
        near[at] = value;
        near.truncate(near.len().saturating_sub(cut / 4));
        let _ = decode_assignment(&near);
    }
}
