//! What a sink task consumes: a list of topics, or all whose name matches a regular expression. librdkafka's own patterns are
//! not Java's, so names are listed and matched here, again every `metadata.max.age.ms`.

use crate::kafka::consumer::TaskConsumer;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use turnbuckle_api::java_regex::JavaRegex;
use turnbuckle_api::{Error, Props, Result};

/// Wait after a listing that failed.
const RETRY: Duration = Duration::from_secs(1);

type Listing = JoinHandle<Result<Vec<String>>>;

/// Topics of a sink task.
pub(crate) enum Subscription {
    Topics(Vec<String>),
    Pattern(Box<Pattern>),
}

/// Topics by regular expression.
pub(crate) struct Pattern {
    regex: JavaRegex,
    /// How often names are listed.
    refresh: Duration,
    due: Instant,
    listing: Option<Listing>,
    listed: Option<Result<Vec<String>>>,
    current: Vec<String>,
}

impl Subscription {
    /// Reads `topics` and `topics.regex`.
    pub(crate) fn from_props(config: &Props, refresh: Duration) -> Result<Self> {
        let mut topics: Vec<String> = Vec::new();
        for topic in config.get("topics").unwrap_or_default().split(',').map(str::trim) {
            if !topic.is_empty() && !topics.iter().any(|known| known == topic) {
                topics.push(topic.to_string());
            }
        }
        if !topics.is_empty() {
            return Ok(Subscription::Topics(topics));
        }
        let text = config.get("topics.regex").map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(Error::config("Must configure one of topics or topics.regex"));
        }
        let regex = JavaRegex::new(text).map_err(|error| {
            let problem = error.message().unwrap_or_default();
            Error::invalid_config("topics.regex", text, format!("Invalid regex: {problem}"))
        })?;
        Ok(Subscription::Pattern(Box::new(Pattern {
            regex,
            refresh,
            due: Instant::now(),
            listing: None,
            listed: None,
            current: Vec::new(),
        })))
    }

    pub(crate) fn begin(&mut self, consumer: &TaskConsumer) -> Result<()> {
        match self {
            Subscription::Topics(topics) => {
                let names: Vec<&str> = topics.iter().map(String::as_str).collect();
                consumer.subscribe(&names)
            }
            Subscription::Pattern(_) => self.refresh(consumer),
        }
    }

    /// Lists topics when it is time, and subscribes to what was found.
    pub(crate) fn refresh(&mut self, consumer: &TaskConsumer) -> Result<()> {
        let Subscription::Pattern(pattern) = self else {
            return Ok(());
        };
        match pattern.listed.take() {
            None => {}
            Some(Ok(names)) => {
                pattern.due = Instant::now() + pattern.refresh;
                pattern.subscribe(consumer, names)?;
            }
            Some(Err(error)) => {
                tracing::warn!("could not list topics for topics.regex\n{}", error.trace());
                pattern.due = Instant::now() + RETRY;
            }
        }
        if pattern.listing.is_none() && Instant::now() >= pattern.due {
            pattern.listing = Some(tokio::spawn(consumer.topic_names()?));
        }
        Ok(())
    }

    /// Waits for a listing; forever if there is none.
    pub(crate) async fn listed(&mut self) {
        if let Subscription::Pattern(pattern) = self
            && let Some(listing) = &mut pattern.listing
        {
            let names = listing
                .await
                .unwrap_or_else(|error| Err(Error::connect(format!("listing topics: {error}"))));
            pattern.listing = None;
            pattern.listed = Some(names);
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Pattern {
    fn subscribe(&mut self, consumer: &TaskConsumer, names: Vec<String>) -> Result<()> {
        let mut matching = Vec::with_capacity(names.len());
        for name in names {
            if self.regex.matches(&name)? {
                matching.push(name);
            }
        }
        let mut names = matching;
        names.sort();
        if names == self.current {
            return Ok(());
        }
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        tracing::info!(topics = ?list, "topics.regex");
        consumer.subscribe(&list)?;
        self.current = names;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_trimmed_and_unique() {
        let config = Props::new().with("topics", " b, a,,b ");
        let Subscription::Topics(topics) = Subscription::from_props(&config, RETRY).unwrap() else {
            panic!()
        };
        assert_eq!(topics, ["b", "a"]);
        assert!(Subscription::from_props(&Props::new(), RETRY).is_err());
    }

    #[tokio::test]
    async fn a_pattern_matches_whole_names() {
        let config = Props::new().with("topics.regex", "bets|races-.*");
        let Subscription::Pattern(pattern) = Subscription::from_props(&config, RETRY).unwrap() else {
            panic!()
        };
        let matched: Vec<&str> = ["bets", "bets2", "races-1", "my-races-1"]
            .into_iter()
            .filter(|name| pattern.regex.matches(name).unwrap())
            .collect();
        assert_eq!(matched, ["bets", "races-1"]);
    }
}
