//! How fast a source may go: a number of records per second since its start.

use std::time::Duration;
use tokio::time::Instant;

/// Records of one poll at most.
const BATCH: usize = 1000;
/// How long a source that may send nothing waits before it looks again.
const IDLE: Duration = Duration::from_millis(250);

/// A timetable.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    /// Negative for no limit.
    per_second: i64,
    granted: u64,
}

impl Pace {
    pub(crate) fn new(per_second: i64) -> Self {
        Pace {
            start: Instant::now(),
            per_second,
            granted: 0,
        }
    }

    /// Waits until a record is due; how many are due then, 0 after a moment without any.
    pub(crate) async fn due(&mut self) -> usize {
        let Ok(per_second) = u64::try_from(self.per_second) else {
            return BATCH;
        };
        if per_second == 0 {
            tokio::time::sleep(IDLE).await;
            return 0;
        }
        let time_of = |record: u64| self.start + Duration::from_secs_f64(record as f64 / per_second as f64);
        let next = time_of(self.granted + 1);
        if next.saturating_duration_since(Instant::now()) > IDLE {
            tokio::time::sleep(IDLE).await;
            return 0;
        }
        tokio::time::sleep_until(next).await;
        let by_now = (self.start.elapsed().as_secs_f64() * per_second as f64) as u64;
        let due = by_now.saturating_sub(self.granted).clamp(1, BATCH as u64);
        self.granted += due;
        due as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_than_the_wanted_number_is_granted() {
        let mut pace = Pace::new(2000);
        let mut granted = 0;
        while pace.start.elapsed() < Duration::from_millis(200) {
            granted += pace.due().await;
        }
        let limit = (pace.start.elapsed().as_secs_f64() * 2000.0) as usize;
        assert!(granted >= 200 && granted <= limit + 1, "{granted} of {limit}");
        assert_eq!(Pace::new(-1).due().await, BATCH);
        assert_eq!(Pace::new(0).due().await, 0);
        assert_eq!(Pace::new(1).due().await, 0, "nothing is due in the first moment");
    }
}
