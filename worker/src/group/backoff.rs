//! How long a worker stays away that could not read the newest configuration in time.
//!
//! Behaviour of the JVM herder: with the eager protocol nothing runs meanwhile, so it may sleep long; with the
//! cooperative ones its work goes on, so it tries again within the time the leader keeps that work reserved, and gives
//! the work up when that is over.

use super::ConnectProtocol;
use std::time::Duration;

const ATTEMPTS: u32 = 5;

/// Counts the attempts. After stepping out of the group, ask what to do before the next attempt.
#[derive(Debug, Clone)]
pub struct UnsyncBackoff {
    eager_pause: Duration,
    max_delay: Duration,
    attempts_left: u32,
}

/// What to do before the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsyncStep {
    /// Wait this long.
    Pause(Duration),
    /// Stop all running work and report none of it any more, then try at once.
    RevokeAll,
}

impl UnsyncBackoff {
    /// `worker.unsync.backoff.ms` and `scheduled.rebalance.max.delay.ms`.
    pub fn new(worker_unsync_backoff: Duration, scheduled_rebalance_max_delay: Duration) -> Self {
        let max_delay = scheduled_rebalance_max_delay;
        Self {
            eager_pause: worker_unsync_backoff,
            max_delay,
            attempts_left: ATTEMPTS,
        }
    }

    /// The config topic was read to its end.
    pub fn succeeded(&mut self) {
        self.attempts_left = ATTEMPTS;
    }

    /// Reading failed once more.
    pub fn failed(&mut self, protocol: ConnectProtocol) -> UnsyncStep {
        if protocol == ConnectProtocol::Eager {
            return UnsyncStep::Pause(self.eager_pause);
        }
        if self.attempts_left == 0 {
            self.attempts_left = ATTEMPTS;
            return UnsyncStep::RevokeAll;
        }
        let pause = self.max_delay.as_millis() / 10 / u128::from(self.attempts_left);
        self.attempts_left -= 1;
        UnsyncStep::Pause(Duration::from_millis(u64::try_from(pause).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_protocol() {
        let mut backoff = UnsyncBackoff::new(Duration::from_secs(300), Duration::from_millis(100_007));
        assert_eq!(
            backoff.failed(ConnectProtocol::Eager),
            UnsyncStep::Pause(Duration::from_secs(300))
        );
        for _ in 0..2 {
            for pause in [2000, 2500, 3333, 5000, 10000] {
                let expected = UnsyncStep::Pause(Duration::from_millis(pause));
                assert_eq!(backoff.failed(ConnectProtocol::Sessioned), expected);
            }
            assert_eq!(backoff.failed(ConnectProtocol::Compatible), UnsyncStep::RevokeAll);
        }
        backoff.failed(ConnectProtocol::Sessioned);
        backoff.succeeded();
        assert_eq!(
            backoff.failed(ConnectProtocol::Sessioned),
            UnsyncStep::Pause(Duration::from_millis(2000))
        );
    }
}
