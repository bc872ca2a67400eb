//! Commands on their way to the server: which records each stands for, and for a cluster the slot of its key.

use redis::{Cmd, Pipeline};
use std::ops::Range;

/// Number of slots in a cluster.
pub(crate) const SLOTS: usize = 16384;

/// A pipeline's content.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    list: Vec<Cmd>,
    /// Positions in the batch of the records that a command stands for.
    records: Vec<Range<usize>>,
    /// Slots of the commands' keys; empty unless for a cluster.
    slots: Vec<u16>,
    for_cluster: bool,
    /// The MSET or DEL that goes on growing.
    run: Option<Run>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Set,
    Delete,
}

impl Commands {
    pub(crate) fn new(for_cluster: bool) -> Self {
        Commands {
            for_cluster,
            ..Commands::default()
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Size of keys and values so far, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The records of each command, for sorting out the replies.
    pub(crate) fn take_records(&mut self) -> Vec<Range<usize>> {
        std::mem::take(&mut self.records)
    }

    /// Adds a command on `key` for the record at `record`; `size` is about what its arguments take.
    pub(crate) fn push(&mut self, record: usize, key: &[u8], size: usize, command: Cmd) {
        self.run = None;
        self.add(record..record + 1, key, command);
        self.bytes += size;
    }

    /// Adds a command on `key` that stands for no record.
    pub(crate) fn push_extra(&mut self, key: &[u8], command: Cmd) {
        self.run = None;
        self.add(0..0, key, command);
    }

    fn add(&mut self, records: Range<usize>, key: &[u8], command: Cmd) {
        if self.for_cluster {
            self.slots.push(slot(key));
        }
        self.list.push(command);
        self.records.push(records);
    }

    /// Adds a SET. Following ones become one MSET, unless they may be of different nodes or `merge` is false.
    pub(crate) fn set(&mut self, record: usize, key: &[u8], value: &[u8], merge: bool) {
        self.bytes += key.len() + value.len();
        if self.grow(Run::Set, record, merge) {
            if let Some(command) = self.list.last_mut() {
                command.arg(key).arg(value);
            }
            return;
        }
        let mut command = redis::cmd(if self.merges(merge) { "MSET" } else { "SET" });
        command.arg(key).arg(value);
        self.add(record..record + 1, key, command);
    }

    /// Adds a DEL; following ones are merged as SETs are.
    pub(crate) fn delete(&mut self, record: usize, key: &[u8], merge: bool) {
        self.bytes += key.len();
        if self.grow(Run::Delete, record, merge) {
            if let Some(command) = self.list.last_mut() {
                command.arg(key);
            }
            return;
        }
        let mut command = redis::cmd("DEL");
        command.arg(key);
        self.add(record..record + 1, key, command);
    }

    fn merges(&self, merge: bool) -> bool {
        merge && !self.for_cluster
    }

    /// True if the last command is a run of this kind that takes one more.
    fn grow(&mut self, kind: Run, record: usize, merge: bool) -> bool {
        let merges = self.merges(merge);
        let grows = merges && self.run == Some(kind);
        self.run = merges.then_some(kind);
        if grows && let Some(records) = self.records.last_mut() {
            records.end = record + 1;
        }
        grows
    }

    /// The pipeline for one server.
    pub(crate) fn into_pipeline(self, transaction: bool) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(self.list.len());
        pipeline.ignore_errors();
        if transaction {
            pipeline.atomic();
        }
        for command in self.list {
            pipeline.add_command(command);
        }
        pipeline
    }

    /// For a cluster.
    pub(crate) fn into_slots_and_commands(self) -> impl Iterator<Item = (u16, Cmd)> {
        self.slots.into_iter().zip(self.list)
    }
}

/// Slot of a key: CRC-16 (XMODEM) of its part in braces, else of all of it.
pub(crate) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = key.get(open + 1..)?;
        let close = rest.iter().position(|byte| *byte == b'}')?;
        rest.get(..close).filter(|tag| !tag.is_empty())
    });
    crc16(tag.unwrap_or(key)) % SLOTS as u16
}

fn crc16(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = crc16_table();
    bytes.iter().fold(0, |crc: u16, byte| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ TABLE[usize::from(high ^ *byte)]
    })
}

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

/// Records and words of each command.
#[cfg(test)]
pub(crate) fn shown(mut commands: Commands) -> Vec<String> {
    let records = commands.take_records();
    let pipeline = commands.into_pipeline(false);
    let text = |command: &Cmd| {
        let words = command.args_iter().map(|word| match word {
            redis::Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => "?".to_string(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let lines = pipeline.cmd_iter().zip(records);
    lines
        .map(|(command, records)| format!("{records:?} {}", text(command)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        // From the cluster specification, and CLUSTER KEYSLOT of a server.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b"foo"), 12182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{}{bar}"), crc16(b"foo{}{bar}") % 16384);
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
    }

    #[test]
    fn runs_are_merged_in_order() {
        let fill = |commands: &mut Commands, merge: bool| {
            commands.set(0, b"a", b"1", merge);
            commands.set(1, b"b", b"2", merge);
            commands.delete(2, b"a", merge);
            commands.delete(4, b"b", merge);
            commands.set(5, b"c", b"3", merge);
        };
        let mut commands = Commands::new(false);
        fill(&mut commands, true);
        assert_eq!(shown(commands), ["0..2 MSET a 1 b 2", "2..5 DEL a b", "5..6 MSET c 3"]);
        for (cluster, merge) in [(true, true), (false, false)] {
            let mut commands = Commands::new(cluster);
            fill(&mut commands, merge);
            let one_by_one = [
                "0..1 SET a 1",
                "1..2 SET b 2",
                "2..3 DEL a",
                "4..5 DEL b",
                "5..6 SET c 3",
            ];
            assert_eq!(shown(commands), one_by_one);
        }
    }
}
