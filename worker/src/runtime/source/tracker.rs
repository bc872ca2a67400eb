//! Which source positions may be stored: a position is committable when its record and all earlier ones of the same source
//! partition were acknowledged (`SubmittedRecords`). Pure; sequence numbers are the producer's.

use super::super::offsets::{offset_value, partition_key};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use turnbuckle_api::{OffsetMap, Result};

/// Pointers remembered at most; more only cost a look-up by content.
const POINTER_CACHE: usize = 1024;

struct PartitionQueue {
    key: Bytes,
    pending: VecDeque<(u64, Option<OffsetMap>)>,
    /// The latest position that may be stored.
    latest: Option<Option<OffsetMap>>,
}

/// Submitted records of one task, by source partition.
pub(crate) struct OffsetTracker {
    connector: String,
    queues: Vec<PartitionQueue>,
    /// Queues with pending records.
    active: Vec<usize>,
    by_key: HashMap<Bytes, usize>,
    /// Partitions are shared by pointer; the entry keeps its pointer alive, so that no other partition can get it.
    by_pointer: HashMap<usize, (Arc<OffsetMap>, usize)>,
    last: Option<(usize, usize)>,
}

/// Positions on their way to the store.
#[derive(Debug, Default)]
pub(crate) struct Committable {
    entries: Vec<(usize, Option<OffsetMap>)>,
}

impl Committable {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl OffsetTracker {
    pub(crate) fn new(connector: &str) -> Self {
        OffsetTracker {
            connector: connector.to_string(),
            queues: Vec::new(),
            active: Vec::new(),
            by_key: HashMap::new(),
            by_pointer: HashMap::new(),
            last: None,
        }
    }

    /// Notes a record that was sent.
    ///
    /// # Errors
    /// `DataException` if the partition can't be written as a key.
    pub(crate) fn submit(
        &mut self,
        sequence: u64,
        partition: Option<&Arc<OffsetMap>>,
        offset: Option<OffsetMap>,
    ) -> Result<()> {
        let index = self.queue_of(partition)?;
        let queue = &mut self.queues[index];
        if queue.pending.is_empty() {
            self.active.push(index);
        }
        queue.pending.push_back((sequence, offset));
        Ok(())
    }

    fn queue_of(&mut self, partition: Option<&Arc<OffsetMap>>) -> Result<usize> {
        let pointer = partition.map_or(0, |partition| Arc::as_ptr(partition) as usize);
        if let Some((last, index)) = self.last
            && last == pointer
        {
            return Ok(index);
        }
        let index = match self.by_pointer.get(&pointer) {
            Some((_, index)) => *index,
            None => self.queue_by_content(partition, pointer)?,
        };
        self.last = Some((pointer, index));
        Ok(index)
    }

    fn queue_by_content(&mut self, partition: Option<&Arc<OffsetMap>>, pointer: usize) -> Result<usize> {
        let key = partition_key(&self.connector, partition.map(Arc::as_ref))?;
        let index = match self.by_key.get(&key) {
            Some(index) => *index,
            None => {
                let index = self.queues.len();
                self.queues.push(PartitionQueue {
                    key: key.clone(),
                    pending: VecDeque::new(),
                    latest: None,
                });
                self.by_key.insert(key, index);
                index
            }
        };
        if self.by_pointer.len() >= POINTER_CACHE {
            self.by_pointer.clear();
        }
        if let Some(partition) = partition {
            self.by_pointer.insert(pointer, (partition.clone(), index));
        }
        Ok(index)
    }

    /// Takes acknowledged records off the queues. Returns the oldest number that is still pending.
    pub(crate) fn advance(&mut self, acknowledged: impl Fn(u64) -> bool) -> Option<u64> {
        let mut oldest = None;
        let queues = &mut self.queues;
        self.active.retain(|index| {
            let queue = &mut queues[*index];
            while let Some((sequence, _)) = queue.pending.front() {
                let sequence = *sequence;
                if !acknowledged(sequence) {
                    oldest = Some(oldest.map_or(sequence, |oldest: u64| oldest.min(sequence)));
                    return true;
                }
                if let Some((_, offset)) = queue.pending.pop_front() {
                    queue.latest = Some(offset);
                }
            }
            false
        });
        oldest
    }

    /// Takes what may be stored now.
    pub(crate) fn take_committable(&mut self) -> Committable {
        let mut entries = Vec::new();
        for (index, queue) in self.queues.iter_mut().enumerate() {
            if let Some(offset) = queue.latest.take() {
                entries.push((index, offset));
            }
        }
        Committable { entries }
    }

    /// Puts back what could not be stored, unless something newer may be.
    pub(crate) fn restore(&mut self, committable: Committable) {
        for (index, offset) in committable.entries {
            self.queues[index].latest.get_or_insert(offset);
        }
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// `DataException` if a position is not made of primitives.
    pub(crate) fn serialise(&self, committable: &Committable) -> Result<Vec<(Bytes, Option<Bytes>)>> {
        let write = |(index, offset): &(usize, Option<OffsetMap>)| {
            let value = offset.as_ref().map(offset_value).transpose()?;
            Ok((self.queues[*index].key.clone(), value))
        };
        committable.entries.iter().map(write).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn partition(name: &str) -> Arc<OffsetMap> {
        Arc::new(OffsetMap::new().with("file", name))
    }

    fn offset(position: i64) -> Option<OffsetMap> {
        Some(OffsetMap::new().with("position", position))
    }

    fn stored(tracker: &mut OffsetTracker) -> Vec<(String, Option<String>)> {
        let committable = tracker.take_committable();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let entries = tracker.serialise(&committable).unwrap();
        entries
            .iter()
            .map(|(key, value)| (text(key), value.as_ref().map(text)))
            .collect()
    }

    #[test]
    fn a_position_waits_for_all_earlier_records_of_its_partition() {
        let mut tracker = OffsetTracker::new("c");
        let (a, b) = (partition("a"), partition("b"));
        for (sequence, partition, position) in [(0, &a, 1), (1, &b, 1), (2, &a, 2), (3, &b, 2)] {
            tracker.submit(sequence, Some(partition), offset(position)).unwrap();
        }
        let acknowledged: HashSet<u64> = [1, 2, 3].into();
        assert_eq!(tracker.advance(|sequence| acknowledged.contains(&sequence)), Some(0));
        assert_eq!(
            stored(&mut tracker),
            [(r#"["c",{"file":"b"}]"#.into(), Some(r#"{"position":2}"#.into()))]
        );
        assert_eq!(tracker.advance(|_| true), None);
        assert_eq!(
            stored(&mut tracker),
            [(r#"["c",{"file":"a"}]"#.into(), Some(r#"{"position":2}"#.into()))]
        );
        assert_eq!(stored(&mut tracker), []);
    }

    #[test]
    fn equal_partitions_behind_different_pointers_are_one() {
        let mut tracker = OffsetTracker::new("c");
        for position in 0..3000 {
            tracker
                .submit(position, Some(&partition("a")), offset(position as i64))
                .unwrap();
        }
        tracker.advance(|sequence| sequence < 2000);
        assert_eq!(
            stored(&mut tracker),
            [(r#"["c",{"file":"a"}]"#.into(), Some(r#"{"position":1999}"#.into()))]
        );
    }

    #[test]
    fn what_could_not_be_stored_comes_again_unless_newer_is_there() {
        let mut tracker = OffsetTracker::new("c");
        let (a, b) = (partition("a"), partition("b"));
        tracker.submit(0, Some(&a), offset(1)).unwrap();
        tracker.submit(1, Some(&b), None).unwrap();
        tracker.advance(|_| true);
        let failed = tracker.take_committable();
        tracker.submit(2, Some(&a), offset(2)).unwrap();
        tracker.advance(|_| true);
        tracker.restore(failed);
        let expected = [
            (
                r#"["c",{"file":"a"}]"#.to_string(),
                Some(r#"{"position":2}"#.to_string()),
            ),
            (r#"["c",{"file":"b"}]"#.to_string(), None),
        ];
        assert_eq!(stored(&mut tracker), expected);
    }

    #[test]
    fn records_without_partition_are_tracked_as_well() {
        let mut tracker = OffsetTracker::new("c");
        tracker.submit(0, None, offset(1)).unwrap();
        tracker.advance(|_| true);
        assert_eq!(
            stored(&mut tracker),
            [(r#"["c",null]"#.into(), Some(r#"{"position":1}"#.into()))]
        );
    }
}
