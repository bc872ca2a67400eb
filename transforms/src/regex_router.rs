//! `RegexRouter`: renames topics by a regular expression that matches the whole name.

use crate::kafka_transformation;
use std::collections::HashMap;
use turnbuckle_api::java_regex::{JavaRegex, regex_validator};
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Props, Record, Result, Text};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.RegexRouter",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// The Java regular expression.
    #[config(key = "regex", required, importance = High, validator = regex_validator())]
    regex: String,
    /// The new name; `$1` and `${name}` stand for groups of the expression.
    #[config(key = "replacement", required, importance = High)]
    replacement: String,
}

struct RegexRouter {
    regex: JavaRegex,
    replacement: String,
    /// New names by old ones; a task sees few topics and many records.
    known: HashMap<Text, Text>,
}

/// More names than this are not remembered.
const MAX_KNOWN: usize = 1000;

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(RegexRouter {
        regex: JavaRegex::new(&settings.regex)?,
        replacement: settings.replacement,
        known: HashMap::new(),
    }))
}

impl Transform for RegexRouter {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        if let Some(renamed) = self.known.get(&record.topic) {
            record.topic = renamed.clone();
            return Ok(Verdict::Keep);
        }
        let renamed = match self.regex.matches(&record.topic)? {
            // Matching as a whole decides; what is replaced is the first match found, which may be shorter.
            true => Text::from(self.regex.replace_first(&record.topic, &self.replacement)?),
            false => record.topic.clone(),
        };
        if self.known.len() < MAX_KNOWN {
            self.known.insert(record.topic.clone(), renamed.clone());
        }
        record.topic = renamed;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    #[test]
    fn topics_are_renamed_if_they_match_as_a_whole() {
        let props = Props::new().with("regex", "pg_(.*)|pg").with("replacement", "db.$1");
        let mut router = create(&props).unwrap();
        for (topic, expected) in [
            ("pg_bets", "db.bets"),
            ("xpg_bets", "xpg_bets"),
            ("pg_bets", "db.bets"),
            ("pg", "db."),
        ] {
            let mut record = sink_record(topic, 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
            router.apply(&mut record).unwrap();
            assert_eq!(record.topic, expected);
        }
    }
}
