//! How far the records of each partition are done: a position may be committed once all records before it are.

use std::collections::{HashMap, VecDeque};
use turnbuckle_api::sink::SinkOffsets;
use turnbuckle_api::{Record, TopicPartition};

/// A record in the tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Which assignment of a partition it is of; late answers of an earlier one change nothing.
    slot: usize,
    sequence: u64,
    pub(crate) offset: i64,
}

/// Records of one assignment of a partition.
#[derive(Debug)]
struct Slot {
    partition: TopicPartition,
    /// Sequence number of the first of `pending`.
    first: u64,
    /// Offsets not yet passed, in order, and whether they are done.
    pending: VecDeque<(i64, bool)>,
    /// Next offset to commit.
    position: Option<i64>,
    open: bool,
}

/// All partitions of a task.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    slots: Vec<Slot>,
    by_partition: HashMap<TopicPartition, usize>,
    /// Slot of the last record: the next is mostly of the same partition.
    last: usize,
    pending: usize,
}

impl Offsets {
    /// Notes a record, by where it came from, whatever transforms made of it.
    pub(crate) fn add(&mut self, topic: &turnbuckle_api::Text, partition: i32, offset: i64) -> Ticket {
        let same = |slot: &Slot| slot.open && slot.partition.partition == partition && slot.partition.topic == *topic;
        if !self.slots.get(self.last).is_some_and(same) {
            self.last = self.slot(TopicPartition::new(topic.clone(), partition));
        }
        let index = self.last;
        let mut sequence = 0;
        if let Some(slot) = self.slots.get_mut(index) {
            sequence = slot.first + slot.pending.len() as u64;
            slot.pending.push_back((offset, false));
            self.pending += 1;
        }
        Ticket {
            slot: index,
            sequence,
            offset,
        }
    }

    fn slot(&mut self, partition: TopicPartition) -> usize {
        if let Some(index) = self.by_partition.get(&partition) {
            return *index;
        }
        self.slots.push(Slot {
            partition: partition.clone(),
            first: 0,
            pending: VecDeque::new(),
            position: None,
            open: true,
        });
        self.by_partition.insert(partition, self.slots.len() - 1);
        self.slots.len() - 1
    }

    /// A record is written, or needs not be.
    pub(crate) fn done(&mut self, ticket: Ticket) {
        let Some(slot) = self.slots.get_mut(ticket.slot) else {
            return;
        };
        let Some(index) = ticket.sequence.checked_sub(slot.first) else {
            return;
        };
        let entry = usize::try_from(index)
            .ok()
            .and_then(|index| slot.pending.get_mut(index));
        if let Some(entry) = entry {
            entry.1 = true;
        }
        while let Some((offset, true)) = slot.pending.front() {
            slot.position = Some(offset + 1);
            slot.pending.pop_front();
            slot.first += 1;
            self.pending -= 1;
        }
    }

    /// Records not passed yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Of `delivered` positions, what may be committed: all of it where nothing is pending.
    pub(crate) fn allowed(&self, delivered: &SinkOffsets) -> SinkOffsets {
        let position = |(partition, delivered): (&TopicPartition, &i64)| {
            let slot = self
                .by_partition
                .get(partition)
                .and_then(|index| self.slots.get(*index));
            let position = match slot {
                Some(slot) if !slot.pending.is_empty() => slot.position?,
                _ => *delivered,
            };
            Some((partition.clone(), position))
        };
        delivered.iter().filter_map(position).collect()
    }

    /// Forgets partitions that went away.
    pub(crate) fn close(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            let Some(index) = self.by_partition.remove(partition) else {
                continue;
            };
            if let Some(slot) = self.slots.get_mut(index) {
                slot.open = false;
                self.pending -= slot.pending.len();
                slot.first += slot.pending.len() as u64;
                slot.pending = VecDeque::new();
            }
        }
    }

    /// Topic and partition of a record.
    pub(crate) fn partition(&self, ticket: Ticket) -> Option<&TopicPartition> {
        self.slots.get(ticket.slot).map(|slot| &slot.partition)
    }
}

/// Topic, partition and offset where a record came from.
pub(crate) fn origin(record: &Record) -> Option<(&turnbuckle_api::Text, i32, i64)> {
    match &record.origin {
        turnbuckle_api::Origin::Sink(from) => Some((&from.topic, from.partition, from.offset)),
        turnbuckle_api::Origin::Source { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::Text;

    fn positions(offsets: &Offsets, delivered: &[(&str, i32, i64)]) -> SinkOffsets {
        offsets.allowed(&partitions(delivered))
    }

    fn partitions(entries: &[(&str, i32, i64)]) -> SinkOffsets {
        entries
            .iter()
            .map(|(topic, partition, offset)| (TopicPartition::new(*topic, *partition), *offset))
            .collect()
    }

    #[test]
    fn only_what_is_done_without_a_gap_is_committed() {
        let mut offsets = Offsets::default();
        let topic = Text::from("t");
        let tickets: Vec<Ticket> = [3, 4, 7, 8]
            .iter()
            .map(|offset| offsets.add(&topic, 0, *offset))
            .collect();
        let other = offsets.add(&topic, 1, 100);
        let delivered = [("t", 0, 9), ("t", 1, 101), ("u", 0, 5)];
        assert_eq!(positions(&offsets, &delivered), partitions(&[("u", 0, 5)]));
        offsets.done(tickets[1]);
        offsets.done(tickets[2]);
        assert_eq!(positions(&offsets, &delivered), partitions(&[("u", 0, 5)]));
        offsets.done(tickets[0]);
        assert_eq!(positions(&offsets, &delivered), partitions(&[("t", 0, 8), ("u", 0, 5)]));
        offsets.done(tickets[3]);
        offsets.done(other);
        assert_eq!(positions(&offsets, &delivered), partitions(&delivered));
        assert_eq!(offsets.pending(), 0);
    }

    #[test]
    fn late_answers_of_a_closed_partition_change_nothing() {
        let mut offsets = Offsets::default();
        let topic = Text::from("t");
        let old = offsets.add(&topic, 0, 5);
        offsets.close(&[TopicPartition::new("t", 0)]);
        let new = offsets.add(&topic, 0, 5);
        offsets.done(old);
        offsets.done(old);
        assert_eq!(positions(&offsets, &[("t", 0, 6)]), SinkOffsets::new());
        assert_eq!(offsets.partition(old), Some(&TopicPartition::new("t", 0)));
        offsets.done(new);
        assert_eq!(positions(&offsets, &[("t", 0, 6)]), partitions(&[("t", 0, 6)]));
    }
}
