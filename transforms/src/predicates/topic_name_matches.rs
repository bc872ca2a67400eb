//! `TopicNameMatches`: true for records whose topic matches a regular expression as a whole.

use super::kafka_predicate;
use turnbuckle_api::config::validator::{all, non_empty};
use turnbuckle_api::java_regex::{JavaRegex, regex_validator};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::Predicate;
use turnbuckle_api::{Config, Props, Record, Result, Text};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_predicate(
    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// The Java regular expression.
    #[config(key = "pattern", required, importance = Medium,
             validator = all(vec![non_empty(), regex_validator()]))]
    pattern: String,
}

struct TopicNameMatches {
    pattern: JavaRegex,
    /// The last topic and its answer: topics change seldom from record to record.
    last: Option<(Text, bool)>,
}

fn create(props: &Props) -> Result<Box<dyn Predicate>> {
    Ok(Box::new(TopicNameMatches {
        pattern: JavaRegex::new(&Settings::from_props(props)?.pattern)?,
        last: None,
    }))
}

impl Predicate for TopicNameMatches {
    fn test(&mut self, record: &Record) -> Result<bool> {
        if let Some((topic, answer)) = &self.last
            && *topic == record.topic
        {
            return Ok(*answer);
        }
        // No topic at all matches nothing.
        let answer = !record.topic.is_empty() && self.pattern.matches(&record.topic)?;
        self.last = Some((record.topic.clone(), answer));
        Ok(answer)
    }
}
