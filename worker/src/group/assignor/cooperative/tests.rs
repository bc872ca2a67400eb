//! Rounds of a group in which every decision is carried out, unless a test says otherwise.

use super::*;
use crate::group::TaskId;
use proptest::prelude::*;

const DELAY: i64 = 300_000;

struct Group {
    assignor: CooperativeAssignor,
    view: ClusterView,
    members: BTreeMap<String, Load>,
    generation: i32,
    completed: i32,
    now: i64,
}

impl Group {
    fn new(max_delay_ms: i64, members: &str, connectors: &str) -> Self {
        let mut group = Self {
            assignor: CooperativeAssignor::new(max_delay_ms),
            view: ClusterView::default(),
            members: BTreeMap::new(),
            generation: 0,
            completed: -1,
            now: 1_000_000,
        };
        members.split_whitespace().for_each(|member| group.join(member));
        group.configure(connectors);
        group
    }

    fn join(&mut self, member: &str) {
        self.members.insert(member.to_owned(), Load::default());
    }

    fn leave(&mut self, member: &str) {
        self.members.remove(member).unwrap();
    }

    /// `name:tasks …`
    fn configure(&mut self, connectors: &str) {
        let entries = connectors.split_whitespace().map(|entry| {
            let (name, tasks) = entry.split_once(':').unwrap();
            (name.to_owned(), (0..tasks.parse().unwrap()).collect())
        });
        self.view.connectors = entries.collect();
    }

    /// Decides without telling the members.
    fn decide(&mut self) -> Outcome {
        self.generation += 1;
        self.assignor.assign(&Round {
            generation: self.generation,
            last_completed_generation: self.completed,
            now_ms: self.now,
            configured: &self.view,
            reported: &self.members,
        })
    }

    /// Decides and carries it out.
    fn round(&mut self) -> Outcome {
        let outcome = self.decide();
        self.completed = self.generation;
        for (member, load) in &mut self.members {
            let revoked = Load::from(&outcome.revoked[member]);
            *load = load.minus(&revoked);
            load.add(&Load::from(&outcome.assigned[member]));
        }
        outcome
    }

    /// `member=connectors/tasks …`
    fn held(&self) -> String {
        show(
            self.members
                .iter()
                .map(|(member, load)| (member, Assignment::from(load))),
        )
    }
}

fn show<'a>(shares: impl Iterator<Item = (&'a String, Assignment)>) -> String {
    let text = shares.map(|(member, share)| {
        let tasks: Vec<String> = share.tasks.iter().map(ToString::to_string).collect();
        format!("{member}={}/{}", share.connectors.join(","), tasks.join(","))
    });
    text.collect::<Vec<_>>().join(" ")
}

fn show_map(shares: &BTreeMap<String, Assignment>) -> String {
    show(shares.iter().map(|(member, share)| (member, share.clone())))
}

#[test]
fn places_evenly() {
    let cases = [
        ("w1", "", "w1=/"),
        ("w1", "a:2 b:1", "w1=a,b/a-0,a-1,b-0"),
        ("w1 w2", "a:4 b:4", "w1=a/a-0,a-2,b-0,b-2 w2=b/a-1,a-3,b-1,b-3"),
        (
            "w1 w2 w3",
            "a:11 b:1",
            "w1=a/a-0,a-3,a-6,a-9 w2=b/a-1,a-4,a-7,a-10 w3=/a-2,a-5,a-8,b-0",
        ),
    ];
    for (members, connectors, expected) in cases {
        let mut group = Group::new(DELAY, members, connectors);
        let outcome = group.round();
        assert_eq!(outcome.delay_ms, 0);
        assert_eq!(show_map(&outcome.assigned), show_map(&outcome.all));
        assert_eq!(group.held(), expected);
    }
}

#[test]
fn new_work_goes_to_the_least_loaded_and_running_work_stays() {
    let mut group = Group::new(DELAY, "w1 w2", "a:1");
    group.round();
    assert_eq!(group.held(), "w1=a/a-0 w2=/");
    group.configure("a:1 b:2");
    let outcome = group.round();
    // Workers are sorted by load once, so w2 stays first when both have one task.
    assert_eq!(show_map(&outcome.assigned), "w1=/ w2=b/b-0,b-1");
    assert_eq!(group.held(), "w1=a/a-0 w2=b/b-0,b-1");
    assert_eq!(outcome.delay_ms, 0);
}

#[test]
fn a_new_worker_gets_what_the_next_round_places() {
    let mut group = Group::new(DELAY, "w1", "a:4 b:0");
    group.round();
    group.join("w2");
    let outcome = group.round();
    assert_eq!(show_map(&outcome.revoked), "w1=a/a-0,a-1 w2=/");
    assert_eq!(show_map(&outcome.assigned), "w1=/ w2=/");
    assert_eq!(outcome.delay_ms, 0);
    let outcome = group.round();
    assert_eq!(show_map(&outcome.assigned), "w1=/ w2=a/a-0,a-1");
    assert_eq!(group.round().revoked, outcome.revoked);
}

#[test]
fn deleted_connectors_are_revoked() {
    let mut group = Group::new(DELAY, "w1", "a:1 b:1");
    group.round();
    group.configure("b:1");
    let outcome = group.round();
    assert_eq!(show_map(&outcome.revoked), "w1=a/a-0");
    assert_eq!(show_map(&outcome.assigned), "w1=/");
    assert_eq!(group.held(), "w1=b/b-0");
}

#[test]
fn lost_work_waits_for_its_worker() {
    let mut group = Group::new(DELAY, "w1 w2", "a:2 b:2");
    group.round();
    assert_eq!(group.held(), "w1=a/a-0,b-0 w2=b/a-1,b-1");
    group.leave("w2");
    assert_eq!(group.round().delay_ms, 300_000);

    // It comes back after 100 s: no other worker is empty, so it will get its work back when the time is over.
    group.now += 100_000;
    group.join("w2-again");
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 200_000);
    assert_eq!(group.held(), "w1=a/a-0,b-0 w2-again=/");
    group.now += 200_000;
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0);
    assert_eq!(group.held(), "w1=a/a-0,b-0 w2-again=b/a-1,b-1");
    assert!(outcome.revoked.values().all(Assignment::is_empty));
}

#[test]
fn lost_work_is_spread_when_nobody_came() {
    let mut group = Group::new(DELAY, "w1 w2 w3", "a:3 b:3 c:3");
    group.round();
    group.leave("w3");
    assert_eq!(group.round().delay_ms, 300_000);
    group.now += 300_000;
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0);
    assert_eq!(show_map(&outcome.assigned), "w1=c/a-2,c-2 w2=/b-2");
}

#[test]
fn without_delay_lost_work_moves_at_once() {
    let mut group = Group::new(0, "w1 w2", "a:1 b:1");
    group.round();
    group.leave("w2");
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0);
    assert_eq!(group.held(), "w1=a,b/a-0,b-0");
}

#[test]
fn new_connectors_start_while_a_delay_runs() {
    let mut group = Group::new(DELAY, "w1 w2", "a:1 b:1");
    group.round();
    group.leave("w2");
    group.round();
    group.now += 1000;
    group.configure("a:1 b:1 c:1");
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 299_000);
    assert_eq!(show_map(&outcome.assigned), "w1=c/c-0");
}

#[test]
fn undelivered_work_is_placed_again() {
    // A member did not receive its share although the leader completed the generation.
    let mut group = Group::new(DELAY, "w1 w2", "a:1 b:1");
    group.round();
    group.members.insert("w2".to_owned(), Load::default());
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0);
    assert_eq!(show_map(&outcome.assigned), "w1=/ w2=b/b-0");

    // The leader's decision reached nobody: its memory does not count.
    let mut group = Group::new(DELAY, "w1 w2", "a:1 b:1");
    group.decide();
    group.leave("w2");
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0);
    assert_eq!(show_map(&outcome.assigned), "w1=a,b/a-0,b-0");
}

#[test]
fn work_reported_twice_stops_everywhere_and_starts_once() {
    let mut group = Group::new(DELAY, "w1 w2", "a:2");
    group.round();
    assert_eq!(group.held(), "w1=a/a-0 w2=/a-1");
    group.members.get_mut("w2").unwrap().tasks.insert(TaskId::new("a", 0));
    let outcome = group.round();
    assert_eq!(show_map(&outcome.revoked), "w1=/a-0 w2=/a-0");
    assert_eq!(show_map(&outcome.assigned), "w1=/ w2=/");
    group.round();
    assert_eq!(group.held(), "w1=a/a-0 w2=/a-1");
}

#[test]
fn a_revocation_nobody_carried_out_is_decided_again() {
    let mut group = Group::new(DELAY, "w1", "a:4");
    group.round();
    group.join("w2");
    let before = group.members.clone();
    let first = group.round();
    group.members = before;
    // Since two rounds in a row want to revoke, the second one is delayed.
    let second = group.round();
    assert_eq!(second.delay_ms, 40);
    assert!(second.revoked.values().all(Assignment::is_empty));
    group.now += 40;
    let third = group.round();
    assert_eq!(third.revoked, first.revoked);
    group.round();
    assert_eq!(group.held(), "w1=a/a-2,a-3 w2=/a-0,a-1");
}

#[test]
fn successive_revocations_wait_longer_and_longer() {
    let many: Vec<String> = (0..60).map(|n| format!("c{n}:0")).collect();
    let mut group = Group::new(DELAY, "w1", &many.join(" "));
    group.round();
    group.join("w2");
    assert_eq!(group.round().revoked["w1"].connectors.len(), 30);
    let mut delays = Vec::new();
    for n in 3..8 {
        group.join(&format!("w{n}"));
        let outcome = group.round();
        assert!(outcome.revoked.values().all(Assignment::is_empty));
        delays.push(outcome.delay_ms);
        group.now += i64::from(outcome.delay_ms);
        let outcome = group.round();
        assert!(outcome.revoked.values().any(|revoked| !revoked.is_empty()));
    }
    assert_eq!(delays, [40, 1600, 64_000, 300_000, 300_000]);
    // Rounds without any revocation forget that.
    group.round();
    group.round();
    assert_eq!(group.assignor.successive_revocations, 0);

    let mut group = Group::new(0, "w1", "a:0 b:0 c:0 d:0");
    group.round();
    group.join("w2");
    group.round();
    group.join("w3");
    let outcome = group.round();
    assert_eq!(outcome.delay_ms, 0, "a maximum of 0 switches these delays off as well");
}

#[test]
fn balancing_takes_only_the_surplus() {
    // total, held by each worker → taken from each
    let cases: [(usize, &[usize], &[usize]); 8] = [
        (0, &[0, 0], &[0, 0]),
        (4, &[4, 0], &[2, 0]),
        (5, &[5, 0], &[2, 0]),
        (5, &[0, 5], &[0, 2]),
        (3, &[2, 1], &[0, 0]),
        (7, &[3, 4, 0], &[0, 2, 0]),
        (6, &[1, 1], &[0, 0]),
        (2, &[4, 4], &[3, 3]),
    ];
    for (total, held, taken) in cases {
        let sets: Vec<(String, BTreeSet<usize>)> = held
            .iter()
            .enumerate()
            .map(|(at, size)| (format!("w{at}"), (0..*size).collect()))
            .collect();
        let result: BTreeMap<String, BTreeSet<usize>> = excess(total, sets.iter().map(|(name, items)| (name, items)))
            .into_iter()
            .collect();
        let sizes: Vec<usize> = sets
            .iter()
            .map(|(name, _)| result.get(name).map_or(0, BTreeSet::len))
            .collect();
        assert_eq!(sizes, taken, "{total} {held:?}");
    }
}

proptest! {
    /// Whatever workers come and go, in the end everything runs once and nobody has two more than another.
    #[test]
    fn settles(changes in proptest::collection::vec((0u8..6, any::<bool>(), 0i64..400_000), 1..20), tasks in 0u32..9) {
        let mut group = Group::new(DELAY, "w0", "a:3 b:0");
        group.view.connectors.insert("c".to_owned(), (0..tasks).collect());
        group.round();
        for (number, joins, wait) in changes {
            let name = format!("w{number}");
            let present = group.members.contains_key(&name);
            if joins && !present {
                group.join(&name);
            } else if !joins && present && group.members.len() > 1 {
                group.leave(&name);
            }
            group.now += wait;
            group.round();
        }
        for _ in 0..12 {
            let outcome = group.round();
            group.now += i64::from(outcome.delay_ms);
        }
        let outcome = group.round();
        prop_assert_eq!(outcome.delay_ms, 0);
        let (active, duplicated) = active_and_duplicated(&group.members);
        prop_assert!(duplicated.is_empty());
        prop_assert_eq!(active, Load::from(&group.view));
        let connectors: Vec<usize> = group.members.values().map(|load| load.connectors.len()).collect();
        let tasks: Vec<usize> = group.members.values().map(|load| load.tasks.len()).collect();
        for counts in [connectors, tasks] {
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        }
    }
}
