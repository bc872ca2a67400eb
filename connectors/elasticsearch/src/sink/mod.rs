//! The sink task. Way of a record: [`task`] makes its target ready → [`request`] appends its lines to a [`batch`] →
//! [`driver`] sends batches in the background, several at once but never two writes of one document → [`answer`] tells
//! what became of each → [`offsets`] knows how far everything is acknowledged, which is what may be committed.

mod answer;
mod batch;
mod driver;
mod offsets;
mod request;
mod send;
mod task;

pub(crate) use task::ElasticsearchSinkTask;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A random wait before repetition `attempt`, counted from 1: below `first`, doubled with each.
pub(crate) fn backoff(first: Duration, attempt: u32) -> Duration {
    let doubled = 1u32.checked_shl(attempt).unwrap_or(u32::MAX);
    let longest = first.saturating_mul(doubled).min(LONGEST_WAIT);
    longest.mul_f64(random_fraction())
}

/// At least 0, below 1. Nothing more is asked of it than to differ.
fn random_fraction() -> f64 {
    let number = RandomState::new().build_hasher().finish() >> 11;
    number as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_day() {
        for attempt in [1, 2, 10, 31, 32, u32::MAX] {
            let wait = backoff(Duration::from_millis(100), attempt);
            assert!(wait < LONGEST_WAIT && (attempt > 20 || wait < Duration::from_millis(100 << attempt)));
            assert_eq!(backoff(Duration::ZERO, attempt), Duration::ZERO);
        }
    }
}
