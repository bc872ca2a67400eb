//! `TimestampRouter`: puts the record's time into the topic's name.

use crate::date_format::DateFormat;
use crate::kafka_transformation;
use turnbuckle_api::plugin::Plugin;
use turnbuckle_api::transform::{Transform, Verdict};
use turnbuckle_api::{Config, Error, Props, Record, Result, Text};

pub(crate) const PLUGINS: &[Plugin] = &[kafka_transformation(
    "org.apache.kafka.connect.transforms.TimestampRouter",
    Settings::config_def,
    create,
)];

#[derive(Config)]
struct Settings {
    /// The new name, where `${topic}` stands for the old one and `${timestamp}` for the time.
    #[config(key = "topic.format", default = "${topic}-${timestamp}", importance = High)]
    topic_format: String,
    /// Pattern of the time, as Java's `SimpleDateFormat` reads it, in UTC.
    #[config(key = "timestamp.format", default = "yyyyMMdd", importance = High)]
    timestamp_format: String,
}

struct TimestampRouter {
    topic_format: String,
    /// A bad pattern fails records, not the configuration, as in Kafka.
    timestamp_format: Result<DateFormat>,
    timestamp: String,
    /// The last topic and time with the name made of them; both change seldom from record to record.
    last: Option<(Text, String, Text)>,
}

fn create(props: &Props) -> Result<Box<dyn Transform>> {
    let settings = Settings::from_props(props)?;
    Ok(Box::new(TimestampRouter {
        topic_format: settings.topic_format,
        timestamp_format: DateFormat::new(&settings.timestamp_format),
        timestamp: String::new(),
        last: None,
    }))
}

impl Transform for TimestampRouter {
    fn apply(&mut self, record: &mut Record) -> Result<Verdict> {
        let Some(millis) = record.timestamp else {
            return Err(Error::data(format!(
                "Timestamp missing on record: {}",
                record.coordinates()
            )));
        };
        let format = self.timestamp_format.as_ref().map_err(Clone::clone)?;
        self.timestamp.clear();
        format.append(millis, None, &mut self.timestamp);
        if let Some((topic, timestamp, name)) = &self.last
            && *topic == record.topic
            && *timestamp == self.timestamp
        {
            record.topic = name.clone();
            return Ok(Verdict::Keep);
        }
        // The topic first: a topic that contains `${timestamp}` gets the time, too.
        let name = self.topic_format.replace("${topic}", &record.topic);
        let name = Text::from(name.replace("${timestamp}", &self.timestamp));
        self.last = Some((record.topic.clone(), self.timestamp.clone(), name.clone()));
        record.topic = name;
        Ok(Verdict::Keep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use turnbuckle_api::SchemaAndValue;
    use turnbuckle_api::testkit::sink_record;

    #[test]
    fn topics_get_the_time() {
        let mut router = create(&Props::new()).unwrap();
        for (topic, timestamp, expected) in [
            ("bets", 1_700_000_000_000, "bets-20231114"),
            ("bets", 1_700_086_400_000, "bets-20231115"),
            ("a${timestamp}", 0, "a19700101-19700101"),
        ] {
            let mut record = sink_record(topic, 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
            record.timestamp = Some(timestamp);
            router.apply(&mut record).unwrap();
            assert_eq!(record.topic, expected);
        }
        let mut bad = create(&Props::new().with("timestamp.format", "bad")).unwrap();
        let mut record = sink_record("t", 1, SchemaAndValue::NULL, SchemaAndValue::NULL);
        assert_eq!(
            bad.apply(&mut record).unwrap_err().message(),
            Some("Illegal pattern character 'b'")
        );
    }
}
