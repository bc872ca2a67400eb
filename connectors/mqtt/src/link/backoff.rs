//! How long to wait before dialling again, and when to give up.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Counts the failures of one streak. A connection ends the streak if it lasts longer than the longest pause: one that
/// breaks at once, because of a packet that can't be read or another client of the same id, does not.
#[derive(Debug)]
pub(crate) struct Backoff {
    limit: Duration,
    began: Option<Instant>,
    connected: Option<Instant>,
    pause: Duration,
}

impl Backoff {
    pub(crate) fn new(limit: Duration) -> Self {
        Backoff {
            limit,
            began: None,
            connected: None,
            pause: FIRST,
        }
    }

    /// There is a connection.
    pub(crate) fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// The connection failed. Returns the pause before the next attempt; None if the time is up.
    pub(crate) fn failed(&mut self, now: Instant) -> Option<Duration> {
        if let Some(connected) = self.connected.take()
            && now.duration_since(connected) > LONGEST
        {
            self.began = None;
            self.pause = FIRST;
        }
        let began = *self.began.get_or_insert(now);
        let left = self.limit.checked_sub(now.duration_since(began))?;
        let pause = self.pause.min(left);
        self.pause = (self.pause * 2).min(LONGEST);
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_time_is_up() {
        let begin = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let at = |millis| begin + Duration::from_millis(millis);
        assert_eq!(backoff.failed(at(0)), Some(Duration::from_millis(100)));
        assert_eq!(backoff.failed(at(100)), Some(Duration::from_millis(200)));
        assert_eq!(backoff.failed(at(300)), Some(Duration::from_millis(400)));
        assert_eq!(backoff.failed(at(700)), Some(Duration::from_millis(300)));
        assert_eq!(backoff.failed(at(1001)), None);
    }

    #[test]
    fn only_a_connection_that_lasts_ends_the_streak() {
        let begin = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(10));
        let at = |seconds| begin + Duration::from_secs(seconds);
        backoff.failed(at(0));
        backoff.connected(at(1));
        assert_eq!(backoff.failed(at(2)), Some(Duration::from_millis(200)));
        backoff.connected(at(3));
        assert_eq!(backoff.failed(at(9)), Some(FIRST));
        assert_eq!(backoff.failed(at(20)), None);
    }
}
