//! Protocol V0: all connectors, then all tasks, dealt out in turn to the members sorted by id.

use super::{ClusterView, Load};
use crate::group::Assignment;
use std::collections::BTreeMap;

/// The share of each member. Members without a share are in the result as well.
pub fn assign<'a>(members: impl IntoIterator<Item = &'a String>, view: &ClusterView) -> BTreeMap<String, Assignment> {
    let mut shares: BTreeMap<String, Assignment> = members
        .into_iter()
        .map(|member| (member.clone(), Assignment::default()))
        .collect();
    let Load { connectors, tasks } = Load::from(view);
    let count = shares.len();
    let mut in_turn: Vec<&mut Assignment> = shares.values_mut().collect();
    if count == 0 {
        return shares;
    }
    let mut turn = 0;
    for connector in connectors {
        in_turn[turn % count].connectors.push(connector);
        turn += 1;
    }
    for task in tasks {
        in_turn[turn % count].tasks.push(task);
        turn += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `members`, `connector:tasks …`, expected `member=connectors/tasks …`
    #[test]
    fn deals_in_turn() {
        let cases = [
            ("m1", "", "m1=/"),
            ("m1", "b:2 a:1", "m1=a,b/a-0,b-0,b-1"),
            ("m2 m1", "a:1", "m1=a/ m2=/a-0"),
            ("m1 m2", "a:4 b:4", "m1=a/a-0,a-2,b-0,b-2 m2=b/a-1,a-3,b-1,b-3"),
            (
                "m1 m2 m3",
                "a:11 b:0",
                "m1=a/a-1,a-4,a-7,a-10 m2=b/a-2,a-5,a-8 m3=/a-0,a-3,a-6,a-9",
            ),
        ];
        for (members, connectors, expected) in cases {
            let members: Vec<String> = members.split(' ').map(str::to_owned).collect();
            let connectors = connectors.split_whitespace().map(|entry| {
                let (name, tasks) = entry.split_once(':').unwrap();
                (name.to_owned(), (0..tasks.parse().unwrap()).collect())
            });
            let view = ClusterView {
                config_offset: 1,
                connectors: connectors.collect(),
            };
            let shares = assign(&members, &view);
            let text: Vec<String> = shares
                .iter()
                .map(|(member, share)| {
                    let tasks: Vec<String> = share.tasks.iter().map(ToString::to_string).collect();
                    format!("{member}={}/{}", share.connectors.join(","), tasks.join(","))
                })
                .collect();
            assert_eq!(text.join(" "), expected);
        }
        assert!(assign(&[], &ClusterView::default()).is_empty());
    }
}
