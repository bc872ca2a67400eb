//! Protocols V1 and V2: incremental cooperative rebalancing (KIP-415).
//!
//! Work stays where it is. What vanished with a worker is held back for a while, in case that worker returns (a rolling
//! restart); what is too much on one worker is revoked in one round and placed in the next. Both need the memory of
//! former rounds in [`CooperativeAssignor`], which only counts while the same worker leads. Behaviour of upstream
//! `IncrementalCooperativeAssignor`.

use super::{ClusterView, Load};
use crate::group::Assignment;
use std::collections::{BTreeMap, BTreeSet};

/// After the n-th round of revocations in a row the next one is delayed by this to the power of n, in milliseconds.
const REVOCATION_DELAY_MULTIPLIER: i64 = 40;

/// What a leader remembers between rounds.
#[derive(Debug, Clone)]
pub struct CooperativeAssignor {
    max_delay_ms: i64,
    previous_assignment: Load,
    previous_revocation: Load,
    previous_members: BTreeSet<String>,
    previous_generation: i32,
    /// Load-balancing revocations happened in the round before.
    revoked_in_previous: bool,
    /// Rounds in a row that wanted to revoke after such a round.
    successive_revocations: u32,
    /// Workers that were seen empty during a delay, in the order they were seen; they get the lost work.
    candidates: Vec<String>,
    /// When the running delay ends, 0 for none.
    scheduled_rebalance_ms: i64,
    delay_ms: i64,
}

/// One rebalance as the leader sees it.
#[derive(Debug)]
pub struct Round<'a> {
    /// The generation being made.
    pub generation: i32,
    /// The last one whose assignment reached this worker.
    pub last_completed_generation: i32,
    /// Milliseconds on any clock that starts above 0 and does not jump.
    pub now_ms: i64,
    /// What shall run.
    pub configured: &'a ClusterView,
    /// What each member says it runs.
    pub reported: &'a BTreeMap<String, Load>,
}

/// The leader's decision; every member is in each map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// New items.
    pub assigned: BTreeMap<String, Assignment>,
    /// Items to stop.
    pub revoked: BTreeMap<String, Assignment>,
    /// Everything a member holds after this round.
    pub all: BTreeMap<String, Assignment>,
    /// Milliseconds until all members shall rejoin, 0 for none.
    pub delay_ms: i32,
}

impl CooperativeAssignor {
    /// `scheduled.rebalance.max.delay.ms`
    pub fn new(max_delay_ms: i64) -> Self {
        Self {
            max_delay_ms: max_delay_ms.max(0),
            previous_assignment: Load::default(),
            previous_revocation: Load::default(),
            previous_members: BTreeSet::new(),
            previous_generation: -1,
            revoked_in_previous: false,
            successive_revocations: 0,
            candidates: Vec::new(),
            scheduled_rebalance_ms: 0,
            delay_ms: 0,
        }
    }

    /// Computes a round and remembers it.
    pub fn assign(&mut self, round: &Round<'_>) -> Outcome {
        if self.previous_generation != round.last_completed_generation {
            // Another worker led since, or the last decision never arrived: the memory is worth nothing.
            self.previous_assignment = Load::default();
        }
        let configured = Load::from(round.configured);
        let (active, duplicated) = active_and_duplicated(round.reported);

        let previous_revocation = std::mem::take(&mut self.previous_revocation);
        if !previous_revocation.common(&active).is_empty() {
            // Somebody did not stop what was revoked, so the decision was not carried out.
            self.previous_assignment = active.clone();
        }
        let deleted = self.previous_assignment.minus(&configured);
        let lost = self.previous_assignment.minus(&active).minus(&deleted);
        let created = configured.minus(&self.previous_assignment).minus(&active);

        let mut unwanted = deleted.clone();
        unwanted.add(&duplicated);
        let mut revoked: BTreeMap<String, Load> = BTreeMap::new();
        let mut next: BTreeMap<String, Load> = BTreeMap::new();
        for (member, load) in round.reported {
            revoked.insert(member.clone(), load.common(&unwanted));
            next.insert(member.clone(), load.minus(&unwanted));
        }

        let mut to_place = self.handle_lost(&lost, &mut next, round.now_ms);
        self.balance(&configured, &mut next, &mut revoked, round.now_ms);
        to_place.add(&created);
        place(&mut next, to_place.connectors, |load| &mut load.connectors);
        place(&mut next, to_place.tasks, |load| &mut load.tasks);

        let mut outcome = Outcome {
            delay_ms: i32::try_from(self.delay_ms).unwrap_or(i32::MAX),
            ..Outcome::default()
        };
        self.previous_assignment = lost;
        for (member, load) in &next {
            let kept = round
                .reported
                .get(member)
                .map(|reported| reported.minus(&deleted))
                .unwrap_or_default();
            outcome
                .assigned
                .insert(member.clone(), Assignment::from(&load.minus(&kept)));
            outcome.all.insert(member.clone(), Assignment::from(load));
            self.previous_assignment.add(load);
        }
        for (member, load) in &revoked {
            outcome.revoked.insert(member.clone(), Assignment::from(load));
            self.previous_revocation.add(load);
        }
        self.previous_generation = round.generation;
        self.previous_members = round.reported.keys().cloned().collect();
        outcome
    }

    /// Decides about work nobody reports any more: returns what is to be placed now, or hands it to the candidates, or
    /// begins or prolongs a delay.
    fn handle_lost(&mut self, lost: &Load, next: &mut BTreeMap<String, Load>, now_ms: i64) -> Load {
        if lost.is_empty() && !self.revoked_in_previous {
            self.reset_delay();
            return Load::default();
        }
        let nobody_left = self.previous_members.iter().all(|member| next.contains_key(member));
        if self.scheduled_rebalance_ms <= 0 && nobody_left {
            // All workers are still there, so they never received it.
            return lost.clone();
        }
        if self.max_delay_ms == 0 {
            return lost.clone();
        }
        if self.scheduled_rebalance_ms > 0 && now_ms >= self.scheduled_rebalance_ms {
            let present: Vec<String> = self
                .candidates
                .iter()
                .filter(|c| next.contains_key(*c))
                .cloned()
                .collect();
            self.reset_delay();
            self.revoked_in_previous = false;
            if present.is_empty() {
                return lost.clone();
            }
            for (connector, member) in lost.connectors.iter().zip(present.iter().cycle()) {
                next.entry(member.clone())
                    .or_default()
                    .connectors
                    .insert(connector.clone());
            }
            for (task, member) in lost.tasks.iter().zip(present.iter().cycle()) {
                next.entry(member.clone()).or_default().tasks.insert(task.clone());
            }
            return Load::default();
        }
        for (member, _) in next.iter().filter(|(_, load)| load.is_empty()) {
            if !self.candidates.contains(member) {
                self.candidates.push(member.clone());
            }
        }
        if now_ms < self.scheduled_rebalance_ms {
            self.delay_ms = (self.scheduled_rebalance_ms - now_ms).min(self.max_delay_ms);
        } else {
            self.delay_ms = self.max_delay_ms;
            self.scheduled_rebalance_ms = now_ms + self.delay_ms;
        }
        Load::default()
    }

    fn reset_delay(&mut self) {
        self.candidates.clear();
        self.scheduled_rebalance_ms = 0;
        self.delay_ms = 0;
    }

    /// Takes surplus work from busy members, unless a delay is running or the last round did that already.
    fn balance(
        &mut self,
        configured: &Load,
        next: &mut BTreeMap<String, Load>,
        revoked: &mut BTreeMap<String, Load>,
        now_ms: i64,
    ) {
        if self.delay_ms != 0 {
            self.revoked_in_previous = false;
            return;
        }
        let surplus = load_balancing_revocations(configured, next);
        if surplus.is_empty() {
            if self.revoked_in_previous {
                self.revoked_in_previous = false;
                self.successive_revocations = 0;
            }
            return;
        }
        if self.revoked_in_previous {
            self.successive_revocations = self.successive_revocations.saturating_add(1);
            let delay = REVOCATION_DELAY_MULTIPLIER.saturating_pow(self.successive_revocations);
            self.delay_ms = delay.min(self.max_delay_ms);
            if self.delay_ms != 0 {
                self.scheduled_rebalance_ms = now_ms + self.delay_ms;
                return;
            }
        } else {
            self.revoked_in_previous = true;
        }
        for (member, load) in surplus {
            let held = next.entry(member.clone()).or_default();
            *held = held.minus(&load);
            revoked.entry(member).or_default().add(&load);
        }
    }
}

/// The union of all reported work, and the part of it that more than one member reports.
fn active_and_duplicated(reported: &BTreeMap<String, Load>) -> (Load, Load) {
    let mut active = Load::default();
    let mut duplicated = Load::default();
    for load in reported.values() {
        duplicated.add(&load.common(&active));
        active.add(load);
    }
    (active, duplicated)
}

/// What to take from whom so that nobody holds more than a fair share; members with nothing to give are left out.
fn load_balancing_revocations(configured: &Load, next: &BTreeMap<String, Load>) -> BTreeMap<String, Load> {
    let mut surplus: BTreeMap<String, Load> = BTreeMap::new();
    if configured.is_empty() || next.values().all(Load::is_empty) {
        return surplus;
    }
    let connectors = excess(
        configured.connectors.len(),
        next.iter().map(|(member, load)| (member, &load.connectors)),
    );
    for (member, items) in connectors {
        surplus.entry(member).or_default().connectors = items;
    }
    let tasks = excess(
        configured.tasks.len(),
        next.iter().map(|(member, load)| (member, &load.tasks)),
    );
    for (member, items) in tasks {
        surplus.entry(member).or_default().tasks = items;
    }
    surplus
}

/// For one kind of item: the first items of each member beyond total / workers, where total % workers may keep one more.
fn excess<'a, T: Clone + Ord + 'a>(
    total: usize,
    held: impl Iterator<Item = (&'a String, &'a BTreeSet<T>)> + Clone,
) -> Vec<(String, BTreeSet<T>)> {
    let workers = held.clone().count();
    if workers == 0 {
        return Vec::new();
    }
    let (minimum, extra) = (total / workers, total % workers);
    let at_minimum = held.clone().filter(|(_, items)| items.len() == minimum).count();
    let one_more = held.clone().filter(|(_, items)| items.len() == minimum + 1).count();
    if one_more == extra && at_minimum + one_more == workers {
        return Vec::new();
    }
    let mut granted = 0;
    let mut taken = Vec::new();
    for (member, items) in held {
        if items.len() <= minimum {
            continue;
        }
        let mut allowed = minimum;
        if granted < extra {
            granted += 1;
            allowed = minimum + 1;
        }
        if items.len() > allowed {
            taken.push((
                member.clone(),
                items.iter().take(items.len() - allowed).cloned().collect(),
            ));
        }
    }
    taken
}

/// Gives each item to the least loaded members in turn, ties by id.
fn place<T: Ord>(next: &mut BTreeMap<String, Load>, items: BTreeSet<T>, of: impl Fn(&mut Load) -> &mut BTreeSet<T>) {
    let mut items = items.into_iter().peekable();
    let mut workers: Vec<(usize, &mut BTreeSet<T>)> =
        next.values_mut().map(of).map(|held| (held.len(), held)).collect();
    workers.sort_by_key(|(size, _)| *size); // stable: the map is in order of ids
    while items.peek().is_some() {
        let Some((least, _)) = workers.first() else {
            return;
        };
        let least = *least;
        for (size, held) in workers.iter_mut().take_while(|(size, _)| *size == least) {
            let Some(item) = items.next() else {
                return;
            };
            held.insert(item);
            *size += 1;
        }
    }
}

#[cfg(test)]
mod tests;
