//! Restarts of what has failed, by itself: off unless `turnbuckle.restart.max.attempts` says otherwise, for the worker or for
//! a connector. The JVM worker has nothing of the kind.
//!
//! [`Supervisor`] is pure: it is told what has failed and what the time is, and says what to restart. Pauses between the
//! restarts of one connector or task double; after a long time without failure they begin anew.

use super::TaskId;
use crate::config::RestartPolicy;
use crate::config::worker::millis;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// A connector instance or a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Connector(String),
    Task(TaskId),
}

impl Part {
    /// Name of the connector.
    pub fn connector(&self) -> &str {
        match self {
            Part::Connector(name) => name,
            Part::Task(task) => &task.connector,
        }
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Part::Connector(name) => write!(f, "connector {name}"),
            Part::Task(task) => write!(f, "task {task}"),
        }
    }
}

/// Where a part that has failed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It will be restarted then.
    Waiting { due: Instant },
    /// It was restarted then and has not failed since.
    Restarted { at: Instant },
    /// It has used up its restarts.
    GivenUp,
}

/// A part that has failed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Restarts in a row so far.
    pub attempts: u32,
    pub stand: Stand,
}

/// Watches the parts of this worker.
#[derive(Debug, Default)]
pub struct Supervisor {
    parts: BTreeMap<Part, Watched>,
    /// Restarts since the worker started.
    total: u64,
}

impl Supervisor {
    /// What is watched, and how many restarts there were in all.
    pub fn report(&self) -> (impl Iterator<Item = (&Part, &Watched)>, u64) {
        (self.parts.iter(), self.total)
    }

    /// Takes a look: `here` is everything assigned, `failed` what of it is FAILED. Returns what is to be restarted now.
    pub fn look(
        &mut self,
        now: Instant,
        here: &BTreeSet<Part>,
        failed: &BTreeSet<Part>,
        policy_of: impl Fn(&str) -> RestartPolicy,
    ) -> Vec<Part> {
        self.parts.retain(|part, watched| {
            let Watched { attempts, stand } = *watched;
            let recovered = !failed.contains(part);
            match stand {
                _ if !here.contains(part) => false,
                Stand::Restarted { at } if recovered => {
                    let calm = millis(policy_of(part.connector()).reset_after_ms);
                    let forget = now.duration_since(at) >= calm;
                    if forget {
                        tracing::info!(%part, attempts, "has run without failure for long; its restarts are forgotten");
                    }
                    !forget
                }
                // Somebody else restarted it.
                Stand::Waiting { .. } | Stand::GivenUp => !recovered,
                Stand::Restarted { .. } => true,
            }
        });
        let mut due_now = Vec::new();
        for part in failed {
            let policy = policy_of(part.connector());
            if policy.max_attempts == 0 {
                continue;
            }
            let watched = self.parts.entry(part.clone()).or_insert(Watched {
                attempts: 0,
                stand: Stand::Restarted { at: now },
            });
            match watched.stand {
                Stand::Restarted { .. } if !policy.allows(watched.attempts) => {
                    tracing::error!(%part, attempts = watched.attempts, "has failed again and is not restarted any more");
                    watched.stand = Stand::GivenUp;
                }
                Stand::Restarted { .. } => {
                    let pause = policy.pause(watched.attempts);
                    tracing::warn!(
                        %part,
                        attempts = watched.attempts,
                        pause_ms = pause.as_millis() as u64,
                        "has failed and will be restarted"
                    );
                    watched.stand = Stand::Waiting { due: now + pause };
                }
                Stand::Waiting { due } if due <= now => {
                    watched.attempts += 1;
                    watched.stand = Stand::Restarted { at: now };
                    self.total += 1;
                    due_now.push(part.clone());
                }
                Stand::Waiting { .. } | Stand::GivenUp => {}
            }
        }
        due_now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use turnbuckle_api::{Config, Props};

    fn policy(attempts: &str) -> RestartPolicy {
        let props = Props::new()
            .with("turnbuckle.restart.max.attempts", attempts)
            .with("turnbuckle.restart.backoff.max.ms", "3000")
            .with("turnbuckle.restart.reset.after.ms", "10000");
        RestartPolicy::from_props(&props).unwrap()
    }

    /// Looks at a task at a second of the clock.
    struct Clock {
        start: Instant,
        supervisor: Supervisor,
        attempts: &'static str,
    }

    impl Clock {
        fn new(attempts: &'static str) -> Self {
            Clock {
                start: Instant::now(),
                supervisor: Supervisor::default(),
                attempts,
            }
        }

        fn look(&mut self, second: u64, is_failed: bool) -> bool {
            let part = Part::Task(TaskId::new("c", 0));
            let here = BTreeSet::from([part.clone()]);
            let failed = if is_failed { here.clone() } else { BTreeSet::new() };
            let now = self.start + Duration::from_secs(second);
            let due = self.supervisor.look(now, &here, &failed, |_| policy(self.attempts));
            due == [part]
        }

        fn watched(&self) -> Option<Watched> {
            self.supervisor.parts.values().next().copied()
        }
    }

    #[test]
    fn nothing_is_restarted_by_default() {
        let mut clock = Clock::new("0");
        assert!(!clock.look(0, true) && !clock.look(1000, true));
        assert_eq!(clock.watched(), None);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut clock = Clock::new("-1");
        for (seen, due) in [(0, 1), (1, 3), (3, 6), (6, 9)] {
            assert!(!clock.look(seen, true), "failure seen at {seen}");
            assert!(!clock.look(due - 1, true), "before {due}");
            assert!(clock.look(due, true), "at {due}");
        }
        assert_eq!(clock.supervisor.total, 4);
    }

    #[test]
    fn it_gives_up_until_somebody_else_restarts() {
        let mut clock = Clock::new("1");
        clock.look(0, true);
        assert!(clock.look(1, true));
        clock.look(2, true);
        assert_eq!(clock.watched().unwrap().stand, Stand::GivenUp);
        assert!(!clock.look(100, true));
        assert!(!clock.look(101, false));
        assert_eq!(clock.watched(), None);
        clock.look(102, true);
        assert!(clock.look(103, true), "counted from the start again");
    }

    #[test]
    fn a_long_time_without_failure_is_forgiven() {
        let mut clock = Clock::new("2");
        clock.look(0, true);
        assert!(clock.look(1, true));
        clock.look(5, false);
        assert_eq!(clock.watched().unwrap().attempts, 1);
        clock.look(11, false);
        assert_eq!(clock.watched(), None);
    }

    #[test]
    fn what_is_gone_is_not_watched() {
        let mut clock = Clock::new("2");
        clock.look(0, true);
        let none = BTreeSet::new();
        let due = clock.supervisor.look(Instant::now(), &none, &none, |_| policy("2"));
        assert!(due.is_empty());
        assert_eq!(clock.watched(), None);
    }
}
