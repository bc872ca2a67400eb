//! Transformations and predicates: pure, synchronous, a batch at a time.
//!
//! The pipeline hands each transform a batch of [`Slot`]s. A slot whose record was dropped or failed by an earlier step is
//! passed over. What depends on a schema alone is planned once per schema and found again by pointer.

use crate::error::{Error, Result};
use crate::record::Record;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Keep,
    /// The record is filtered out; the rest of the chain does not see it.
    Drop,
}

/// A record on its way through the chain.
#[derive(Debug)]
pub struct Slot {
    pub record: Record,
    pub state: SlotState,
}

impl Slot {
    pub fn new(record: Record) -> Self {
        Slot {
            record,
            state: SlotState::Live,
        }
    }
}

/// Where a slot stands.
#[derive(Debug)]
pub enum SlotState {
    Live,
    Dropped,
    /// The step failed; the record is as it was before that step, so the step can be tried again.
    Failed(Error),
}

/// `org.apache.kafka.connect.transforms.Transformation`.
pub trait Transform: Send {
    /// Changes one record in place.
    ///
    /// # Errors
    /// The record must then be as it was before the call.
    fn apply(&mut self, record: &mut Record) -> Result<Verdict>;

    /// Changes a batch. The default calls [`Transform::apply`] on each live slot; a transform that can do better per batch
    /// overrides it.
    fn apply_batch(&mut self, batch: &mut [Slot]) {
        for slot in batch {
            apply_to_slot(self, slot);
        }
    }

    /// Releases what the transform holds.
    fn close(&mut self) {}
}

/// One step of one slot; dropped and failed slots stay as they are.
pub fn apply_to_slot<T: Transform + ?Sized>(transform: &mut T, slot: &mut Slot) {
    if !matches!(slot.state, SlotState::Live) {
        return;
    }
    slot.state = match transform.apply(&mut slot.record) {
        Ok(Verdict::Keep) => SlotState::Live,
        Ok(Verdict::Drop) => SlotState::Dropped,
        Err(error) => SlotState::Failed(error),
    };
}

/// `org.apache.kafka.connect.transforms.predicates.Predicate`.
pub trait Predicate: Send {
    /// Does the record meet the condition?
    fn test(&mut self, record: &Record) -> Result<bool>;

    /// Releases what the predicate holds.
    fn close(&mut self) {}
}
