//! Members of the `connect` group against a real broker: they share the work, take it over, and give it back.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;
use turnbuckle::group::{
    Assignment, ClusterView, ConnectProtocol, GroupConfig, GroupEvent, MemberState, MembershipHandle, Rebalance, start,
};
use turnbuckle::kafka::wire::WireConfig;
use turnbuckle_tests::{services, unique};

const PATIENCE: Duration = Duration::from_secs(30);
const CONFIG_OFFSET: i64 = 7;

/// A herder that has nothing but a running set.
struct Worker {
    url: String,
    handle: MembershipHandle,
    last: watch::Receiver<Option<Rebalance>>,
}

impl Worker {
    fn start(group: &str, name: &str, protocol: ConnectProtocol) -> Self {
        let url = format!("http://{name}:8083/");
        let config = GroupConfig {
            group_id: group.to_owned(),
            worker_url: url.clone(),
            protocol,
            session_timeout: Duration::from_secs(10),
            rebalance_timeout: Duration::from_secs(20),
            heartbeat_interval: Duration::from_millis(300),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            scheduled_rebalance_max_delay: Duration::from_millis(500),
        };
        let bootstrap = vec![services::shared().kafka().to_owned()];
        let wire = WireConfig::plaintext(bootstrap, format!("connect-{name}"));
        let (handle, mut events) = start(config, wire).unwrap();
        let (sender, last) = watch::channel(None);
        let herder = handle.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            loop {
                let event = tokio::select! {
                    _ = tick.tick() => {
                        herder.note_progress();
                        continue;
                    }
                    event = events.recv() => event,
                };
                match event {
                    None => return,
                    Some(GroupEvent::Prepare { reply }) => {
                        let _ = reply.send(MemberState {
                            config_offset: CONFIG_OFFSET,
                        });
                    }
                    Some(GroupEvent::ClusterView { reply, .. }) => {
                        let connectors = BTreeMap::from([("a".to_owned(), vec![0, 1, 2]), ("b".to_owned(), vec![0])]);
                        let _ = reply.send(ClusterView {
                            config_offset: CONFIG_OFFSET,
                            connectors,
                        });
                    }
                    Some(GroupEvent::Revoked { reply, .. }) => {
                        sender.send_replace(None);
                        let _ = reply.send(());
                    }
                    Some(GroupEvent::Assigned(rebalance)) => {
                        sender.send_replace(Some(*rebalance));
                    }
                    Some(GroupEvent::Failed(error)) => panic!("{error}"),
                }
            }
        });
        Self { url, handle, last }
    }

    fn held(&self) -> Assignment {
        self.last
            .borrow()
            .as_ref()
            .map(|rebalance| rebalance.all.clone())
            .unwrap_or_default()
    }
}

/// Waits until the workers together hold everything once, in one generation, with at most one item of a kind more than
/// another has.
async fn settled(workers: &[&Worker]) {
    let everything: BTreeSet<&str> = BTreeSet::from(["a", "a-0", "a-1", "a-2", "b", "b-0"]);
    let state = || -> Vec<Assignment> { workers.iter().map(|worker| worker.held()).collect() };
    let done = || {
        let held = state();
        let items: Vec<String> = held
            .iter()
            .flat_map(|share| {
                share
                    .connectors
                    .iter()
                    .cloned()
                    .chain(share.tasks.iter().map(ToString::to_string))
            })
            .collect();
        let even = |counts: Vec<usize>| counts.iter().max() <= counts.iter().min().map(|least| least + 1).as_ref();
        items.len() == everything.len()
            && items.iter().map(String::as_str).collect::<BTreeSet<_>>() == everything
            && even(held.iter().map(|share| share.connectors.len()).collect())
            && even(held.iter().map(|share| share.tasks.len()).collect())
            && workers
                .iter()
                .map(|worker| worker.handle.generation())
                .collect::<BTreeSet<_>>()
                .len()
                == 1
    };
    let mut changes: Vec<_> = workers.iter().map(|worker| worker.last.clone()).collect();
    let waiting = async {
        while !done() {
            let any = changes.iter_mut().map(|change| Box::pin(change.changed()));
            let _ = futures::future::select_all(any).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
        panic!("the group did not settle: {:?}", state());
    }
}

#[tokio::test]
async fn work_is_shared_taken_over_and_given_back() {
    for protocol in [
        ConnectProtocol::Sessioned,
        ConnectProtocol::Compatible,
        ConnectProtocol::Eager,
    ] {
        let group = unique("group");
        let one = Worker::start(&group, "one", protocol);
        settled(&[&one]).await;
        assert!(one.handle.is_leader());

        let two = Worker::start(&group, "two", protocol);
        let three = Worker::start(&group, "three", protocol);
        settled(&[&one, &two, &three]).await;
        assert_eq!(three.handle.leader_url().as_deref(), Some(one.url.as_str()));
        let owner = [&one, &two, &three]
            .into_iter()
            .find(|worker| worker.held().connectors.contains(&"b".to_owned()));
        assert_eq!(
            one.handle.owner_of_connector("b"),
            owner.map(|worker| worker.url.clone())
        );
        assert_eq!(two.handle.owners(), None, "only the leader knows who owns what");

        three.handle.leave("test").await;
        settled(&[&one, &two]).await;
        two.handle.step_out("test").await;
        settled(&[&one]).await;
        two.handle.forget_assignment().await;
        two.handle.request_rejoin();
        settled(&[&one, &two]).await;

        one.handle.leave("test").await;
        settled(&[&two]).await;
        assert!(two.handle.is_leader());
        two.handle.leave("test").await;
    }
}

#[tokio::test]
async fn the_oldest_protocol_in_the_group_is_spoken_by_all() {
    let group = unique("group");
    let new = Worker::start(&group, "new", ConnectProtocol::Sessioned);
    settled(&[&new]).await;
    assert_eq!(new.handle.view().protocol, Some(ConnectProtocol::Sessioned));
    let old = Worker::start(&group, "old", ConnectProtocol::Eager);
    settled(&[&new, &old]).await;
    assert_eq!(new.handle.view().protocol, Some(ConnectProtocol::Eager));
    old.handle.leave("test").await;
    settled(&[&new]).await;
    assert_eq!(new.handle.view().protocol, Some(ConnectProtocol::Sessioned));
    new.handle.leave("test").await;
}
