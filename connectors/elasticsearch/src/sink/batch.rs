//! A bulk request in the making: its body, and of each item which record it is and which document it writes.

use super::offsets::Ticket;
use bytes::Bytes;
use std::ops::Range;
use std::time::Instant;

/// One action of a bulk request.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) ticket: Ticket,
    /// Its lines in the body.
    pub(crate) lines: Range<usize>,
    /// Hash of target and id; None for a document that nothing else writes.
    pub(crate) document: Option<u64>,
    /// Its version is ours.
    pub(crate) versioned: bool,
}

/// Items that are sent together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) body: Vec<u8>,
    pub(crate) items: Vec<Item>,
    /// When its first item came.
    pub(crate) opened: Option<Instant>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds an item whose lines are in the body already.
    pub(crate) fn push(&mut self, item: Item) {
        if self.opened.is_none() {
            self.opened = Some(Instant::now());
        }
        self.items.push(item);
    }

    /// Takes the last item out again, as a batch of its own.
    pub(crate) fn split_last(&mut self) -> Batch {
        let mut last = Batch {
            opened: self.opened,
            ..Batch::default()
        };
        if let Some(mut item) = self.items.pop() {
            last.body = self.body.split_off(item.lines.start);
            item.lines = 0..last.body.len();
            last.items.push(item);
        }
        last
    }

    /// Documents that must not be written by others meanwhile.
    pub(crate) fn documents(&self) -> impl Iterator<Item = u64> + '_ {
        self.items.iter().filter_map(|item| item.document)
    }
}

/// The body of some items of a sealed batch, in their order.
pub(crate) fn body_of(body: &Bytes, items: &[Item], part: &[usize]) -> Bytes {
    if part.len() == items.len() {
        return body.clone();
    }
    let lines = |index: &usize| items.get(*index).map(|item| item.lines.clone()).unwrap_or_default();
    if let [only] = part {
        return body.slice(lines(only));
    }
    let mut text = Vec::new();
    for index in part {
        text.extend_from_slice(body.get(lines(index)).unwrap_or_default());
    }
    text.into()
}

/// What must be sent again when items are: later items of the same documents as well, lest the earlier ones win.
pub(crate) fn with_followers(items: &[Item], again: &[bool]) -> Vec<usize> {
    let mut documents = std::collections::HashSet::new();
    let mut part = Vec::new();
    for (index, (item, again)) in items.iter().zip(again).enumerate() {
        let follows = item.document.is_some_and(|document| documents.contains(&document));
        if *again || follows {
            part.push(index);
            documents.extend(item.document);
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::super::offsets::Offsets;
    use super::*;

    fn batch(documents: &[Option<u64>]) -> Batch {
        let mut offsets = Offsets::default();
        let mut batch = Batch::default();
        for (offset, document) in documents.iter().enumerate() {
            let start = batch.body.len();
            batch.body.extend_from_slice(format!("line {offset}\n").as_bytes());
            batch.push(Item {
                ticket: offsets.add(&"t".into(), 0, offset as i64),
                lines: start..batch.body.len(),
                document: *document,
                versioned: false,
            });
        }
        batch
    }

    #[test]
    fn later_writes_of_a_repeated_document_are_repeated() {
        let batch = batch(&[Some(1), Some(2), Some(1), None, Some(2), Some(1)]);
        let again = [false, true, false, false, false, false];
        assert_eq!(with_followers(&batch.items, &again), [1, 4]);
        let again = [true, false, false, true, false, false];
        let part = with_followers(&batch.items, &again);
        assert_eq!(part, [0, 2, 3, 5]);
        let body = Bytes::from(batch.body);
        assert_eq!(body_of(&body, &batch.items, &part), "line 0\nline 2\nline 3\nline 5\n");
        assert_eq!(body_of(&body, &batch.items, &[4]), "line 4\n");
        assert_eq!(body_of(&body, &batch.items, &[0, 1, 2, 3, 4, 5]), body);
    }

    #[test]
    fn the_last_item_can_be_taken_out() {
        let mut batch = batch(&[Some(1), None]);
        let last = batch.split_last();
        assert_eq!((batch.body.as_slice(), batch.items.len()), (&b"line 0\n"[..], 1));
        assert_eq!(
            (last.body.as_slice(), last.items[0].lines.clone()),
            (&b"line 1\n"[..], 0..7)
        );
    }
}
