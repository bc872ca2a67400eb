//! Topics that a source connector creates before its first record to them (KIP-158): which group of `topic.creation.*`
//! settings a topic belongs to, and its creation.

use crate::kafka::admin::TopicAdmin;
use turnbuckle_api::java_regex::JavaRegex;
use turnbuckle_api::{Error, ErrorKind, Props, Result};

const PREFIX: &str = "topic.creation.";
const DEFAULT: &str = "default";

/// Settings of one group.
#[derive(Debug)]
struct Group {
    name: String,
    /// None: matches nothing.
    include: Option<JavaRegex>,
    exclude: Option<JavaRegex>,
    partitions: i32,
    replication: i32,
    config: Vec<(String, String)>,
}

impl Group {
    fn matches(&self, topic: &str) -> bool {
        let included = self.include.as_ref().is_some_and(|regex| matches(regex, topic));
        included && !self.exclude.as_ref().is_some_and(|regex| matches(regex, topic))
    }
}

/// An expression that takes too long to decide matches nothing, and says so.
fn matches(regex: &JavaRegex, topic: &str) -> bool {
    regex.matches(topic).unwrap_or_else(|error| {
        tracing::warn!("{error}");
        false
    })
}

/// The groups of a connector, in order; the default group is last and matches every topic.
#[derive(Debug)]
pub(crate) struct Groups(Vec<Group>);

impl Groups {
    /// The groups; None if the configuration has no `topic.creation.` key.
    ///
    /// # Errors
    /// `ConfigException` for missing or wrong values.
    pub(crate) fn from_props(config: &Props) -> Result<Option<Self>> {
        if !config.keys().any(|key| key.starts_with(PREFIX)) {
            return Ok(None);
        }
        let replication = number(config, DEFAULT, "replication.factor", None)?;
        let partitions = number(config, DEFAULT, "partitions", None)?;
        let mut groups = Vec::new();
        let names = config.get("topic.creation.groups").unwrap_or_default();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if name == DEFAULT {
                tracing::warn!("topic.creation.groups lists the default group, which is always there");
                continue;
            }
            groups.push(Group {
                name: name.to_string(),
                include: pattern(config, name, "include")?,
                exclude: pattern(config, name, "exclude")?,
                partitions: number(config, name, "partitions", Some(partitions))?,
                replication: number(config, name, "replication.factor", Some(replication))?,
                config: topic_config(config, name),
            });
        }
        groups.push(Group {
            name: DEFAULT.to_string(),
            include: Some(JavaRegex::new("(?s).*")?),
            exclude: None,
            partitions,
            replication,
            config: topic_config(config, DEFAULT),
        });
        Ok(Some(Groups(groups)))
    }

    fn of_topic(&self, topic: &str) -> Option<&Group> {
        self.0.iter().find(|group| group.matches(topic))
    }
}

fn number(config: &Props, group: &str, name: &str, default: Option<i32>) -> Result<i32> {
    let key = format!("{PREFIX}{group}.{name}");
    let Some(text) = config.get(&key) else {
        return default.ok_or_else(|| {
            Error::config(format!(
                "Missing required configuration \"{key}\" which has no default value."
            ))
        });
    };
    let is_replication = name == "replication.factor";
    let parsed = match is_replication {
        true => text.trim().parse::<i16>().map(i32::from),
        false => text.trim().parse::<i32>(),
    };
    let kind = if is_replication { "SHORT" } else { "INT" };
    let value = parsed.map_err(|_| Error::invalid_config(&key, text, format!("Not a number of type {kind}")))?;
    if value >= 1 || value == -1 {
        return Ok(value);
    }
    let what = if is_replication {
        "Replication factor"
    } else {
        "Number of partitions"
    };
    let detail = format!("{what} must be positive, or -1 to use the broker's default");
    Err(Error::invalid_config(&key, value, detail))
}

/// The regular expressions of a list as one that must match the whole name.
fn pattern(config: &Props, group: &str, name: &str) -> Result<Option<JavaRegex>> {
    let key = format!("{PREFIX}{group}.{name}");
    let list = config.get(&key).unwrap_or_default();
    let parts: Vec<&str> = list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return Ok(None);
    }
    JavaRegex::new(&parts.join("|")).map(Some).map_err(|error| {
        let problem = error.message().unwrap_or_default();
        Error::invalid_config(&key, list, format!("Syntax error in regular expression: {problem}"))
    })
}

fn topic_config(config: &Props, group: &str) -> Vec<(String, String)> {
    let own = ["include", "exclude", "replication.factor", "partitions"];
    let settings = config.with_prefix(&format!("{PREFIX}{group}."));
    settings
        .iter()
        .filter(|(key, _)| !own.contains(key))
        .filter_map(|(key, value)| Some((key.to_string(), value?.to_string())))
        .collect()
}

/// Creates topics by these groups.
pub(crate) struct TopicCreation {
    pub groups: Groups,
    pub admin: TopicAdmin,
}

impl TopicCreation {
    /// Makes sure that a topic exists.
    pub(crate) async fn ensure(&self, topic: &str) -> Result<()> {
        if self.admin.topic_exists(topic).await? {
            return Ok(());
        }
        let Some(group) = self.groups.of_topic(topic) else {
            return Ok(());
        };
        match self
            .admin
            .create_topic(topic, group.partitions, group.replication, &group.config)
            .await
        {
            Ok(created) => {
                if created {
                    tracing::info!(topic, group = group.name, "created topic");
                }
                Ok(())
            }
            Err(error) if is_refusal(&error) => {
                let text = format!(
                    "Task failed to create new topic (name={topic}, numPartitions={}, replicationFactor={}). Ensure that \
                     the task is authorized to create topics or that the topic exists and restart the task",
                    group.partitions, group.replication
                );
                Err(Error::wrap(ErrorKind::Connect, text, error))
            }
            Err(error) if error.is_retriable() => Err(error),
            Err(error) => Err(Error::wrap(
                ErrorKind::Connect,
                format!("Error while attempting to create topic '{topic}'"),
                error,
            )),
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    let class = error.class_name();
    ["AuthorizationException", "UnsupportedVersionException"]
        .iter()
        .any(|suffix| class.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(extra: &[(&str, &str)]) -> Result<Option<Groups>> {
        let mut props: Props = [
            ("topic.creation.default.replication.factor", "1"),
            ("topic.creation.default.partitions", "-1"),
        ]
        .into_iter()
        .collect();
        for (key, value) in extra {
            props.insert(*key, *value);
        }
        Groups::from_props(&props)
    }

    #[test]
    fn the_first_group_that_includes_and_does_not_exclude_wins() {
        let groups = groups(&[
            ("topic.creation.groups", "compact, default, big"),
            ("topic.creation.compact.include", "users.*,accounts"),
            ("topic.creation.compact.exclude", "users-tmp"),
            ("topic.creation.compact.cleanup.policy", "compact"),
            ("topic.creation.big.include", "users.*"),
            ("topic.creation.big.partitions", "12"),
        ])
        .unwrap()
        .unwrap();
        for (topic, group, partitions) in [
            ("users-eu", "compact", -1),
            ("accounts", "compact", -1),
            ("accounts2", "default", -1),
            ("users-tmp", "big", 12),
            ("bets", "default", -1),
        ] {
            let found = groups.of_topic(topic).unwrap();
            assert_eq!((found.name.as_str(), found.partitions), (group, partitions), "{topic}");
        }
        let compact = groups.of_topic("accounts").unwrap();
        assert_eq!(compact.config, [("cleanup.policy".to_string(), "compact".to_string())]);
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(Groups::from_props(&Props::new().with("topics", "a")).unwrap().is_none());
        let only_groups = Props::new().with("topic.creation.groups", "a");
        let error = Groups::from_props(&only_groups).unwrap_err();
        let text =
            "Missing required configuration \"topic.creation.default.replication.factor\" which has no default value.";
        assert_eq!(error.message(), Some(text));
        let error = groups(&[("topic.creation.default.partitions", "0")]).unwrap_err();
        let text = "Invalid value 0 for configuration topic.creation.default.partitions: \
                    Number of partitions must be positive, or -1 to use the broker's default";
        assert_eq!(error.message(), Some(text));
        let bad = groups(&[("topic.creation.groups", "a"), ("topic.creation.a.include", "(")]).unwrap_err();
        assert!(
            bad.message().unwrap().contains("Syntax error in regular expression"),
            "{bad}"
        );
    }
}
