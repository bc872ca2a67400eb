//! Names of indices and data streams, made from topics.

use crate::config::Naming;
use turnbuckle_api::{Error, Result};

/// Longest name of an index, in UTF-16 units as Java counts.
const LONGEST: usize = 255;

impl Naming {
    /// The target of a topic.
    ///
    /// # Errors
    /// `ConnectException` for a topic that a mapping to existing resources does not name.
    pub(crate) fn of(&self, topic: &str) -> Result<String> {
        Ok(match self {
            Naming::Index => index(topic),
            Naming::OpensearchIndex { prefix: None } => opensearch_index(topic),
            Naming::OpensearchIndex { prefix: Some(prefix) } => format!("{prefix}-{}", opensearch_index(topic)),
            Naming::LowerCase { exceptions } => match exceptions.get(topic) {
                Some(index) => index.clone(),
                None => topic.to_lowercase(),
            },
            Naming::DataStream {
                kind,
                dataset,
                namespace,
            } => data_stream(kind, dataset, namespace, topic),
            Naming::External { by_topic, key } => by_topic.get(topic).cloned().ok_or_else(|| {
                Error::connect(format!(
                    "Topic '{topic}' is not mapped to any resource. All topics must be mapped when using topic-to-resource \
                     mapping configuration. Please check the '{key}' configuration to ensure all topics are properly mapped."
                ))
            })?,
        })
    }
}

fn index(topic: &str) -> String {
    let mut name = cut(&topic.to_lowercase(), LONGEST);
    if name.starts_with(['-', '_']) {
        name.remove(0);
    }
    spelled_dots(name)
}

fn opensearch_index(topic: &str) -> String {
    let mut name = cut(&topic.to_lowercase(), LONGEST).replace(':', "_");
    if name.starts_with(['-', '_', '+']) {
        name.remove(0);
    }
    spelled_dots(name)
}

/// `.` and `..` are no names.
fn spelled_dots(name: String) -> String {
    match name.as_str() {
        "." | ".." => name.replace('.', "dot"),
        _ => name,
    }
}

fn data_stream(kind: &str, dataset: &str, namespace: &str, topic: &str) -> String {
    let namespace = cut(&namespace.replace("${topic}", &topic.to_lowercase()), 100);
    format!("{}-{dataset}-{namespace}", kind.to_lowercase())
}

/// The first `units` UTF-16 units; a character is never split.
fn cut(text: &str, units: usize) -> String {
    let mut left = units;
    let fits = |letter: &char| match left.checked_sub(letter.len_utf16()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn indices_are_made_of_topics() {
        let long = "A".repeat(300);
        let cut = "a".repeat(255);
        for (topic, name, opensearch) in [
            ("orders", "orders", "orders"),
            ("Orders.EU", "orders.eu", "orders.eu"),
            ("-a", "a", "a"),
            ("__a", "_a", "_a"),
            ("+a", "+a", "a"),
            ("a:b", "a:b", "a_b"),
            (".", "dot", "dot"),
            ("..", "dotdot", "dotdot"),
            ("-.", "dot", "dot"),
            (&long, &cut, &cut),
        ] {
            assert_eq!(Naming::Index.of(topic).unwrap(), name);
            assert_eq!(Naming::OpensearchIndex { prefix: None }.of(topic).unwrap(), opensearch);
        }
        let prefixed = Naming::OpensearchIndex {
            prefix: Some("logs".to_string()),
        };
        assert_eq!(prefixed.of("_A").unwrap(), "logs-a");
    }

    #[test]
    fn data_streams_have_three_parts() {
        let stream = |namespace: &str| Naming::DataStream {
            kind: "LOGS".to_string(),
            dataset: "app".to_string(),
            namespace: namespace.to_string(),
        };
        assert_eq!(stream("${topic}").of("Orders-EU").unwrap(), "logs-app-orders-eu");
        assert_eq!(stream("prod").of("x").unwrap(), "logs-app-prod");
        let long = "x".repeat(120);
        assert_eq!(
            stream("${topic}").of(&long).unwrap(),
            format!("logs-app-{}", "x".repeat(100))
        );
    }

    #[test]
    fn topics_may_have_names_of_their_own() {
        let by_topic = HashMap::from([("A".to_string(), "b".to_string())]);
        let lower = Naming::LowerCase {
            exceptions: by_topic.clone(),
        };
        assert_eq!(
            (lower.of("A").unwrap(), lower.of("C").unwrap()),
            ("b".to_string(), "c".to_string())
        );
        let key = "topic.to.external.resource.mapping";
        let external = Naming::External { by_topic, key };
        assert_eq!(external.of("A").unwrap(), "b");
        assert!(
            external
                .of("C")
                .unwrap_err()
                .to_string()
                .contains("Topic 'C' is not mapped")
        );
    }
}
