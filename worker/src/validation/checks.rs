//! Checks of several framework keys together. Each adds messages to the values it finds at fault.

use super::connector_config::parse_topics;
use turnbuckle_api::config::ConfigValue;
use turnbuckle_api::java_regex::JavaRegex;
use turnbuckle_api::source::{SourceConnector, Support};
use turnbuckle_api::{Props, Result};

const TOPICS: &str = "topics";
const TOPICS_REGEX: &str = "topics.regex";
const DLQ_TOPIC: &str = "errors.deadletterqueue.topic.name";
const GROUP_OVERRIDE: &str = "consumer.override.group.id";

fn value_of<'a>(values: &'a mut Vec<ConfigValue>, name: &str) -> &'a mut ConfigValue {
    let position = values.iter().position(|value| value.name == name).unwrap_or_else(|| {
        values.push(ConfigValue::new(name));
        values.len() - 1
    });
    &mut values[position]
}

fn blame(values: &mut Vec<ConfigValue>, name: &str, message: impl Into<String>) {
    value_of(values, name).errors.push(message.into());
}

fn non_blank<'a>(props: &'a Props, key: &str) -> Option<&'a str> {
    props.get(key).filter(|text| !text.trim().is_empty())
}

/// A null is an error of its own, whatever the key's type makes of it.
pub(super) fn nulls(props: &Props, values: &mut Vec<ConfigValue>) {
    for (name, _) in props.iter().filter(|(_, value)| value.is_none()) {
        blame(
            values,
            name,
            "Null value can not be supplied as the configuration value.",
        );
    }
}

/// `SinkConnectorConfig.validate`: where records come from and where errors go.
///
/// # Errors
/// `PatternSyntaxException` if a dead letter topic is to be matched by an expression that is none.
pub(super) fn sink_topics(props: &Props, values: &mut Vec<ConfigValue>) -> Result<()> {
    let topics = non_blank(props, TOPICS);
    let expression = non_blank(props, TOPICS_REGEX);
    let dead_letters = non_blank(props, DLQ_TOPIC).map(str::trim);
    let verdict = match (topics, expression) {
        (Some(_), Some(_)) => Some("topics and topics.regex are mutually exclusive options, but both are set."),
        (None, None) => Some("Must configure one of topics or topics.regex"),
        _ => None,
    };
    if let Some(message) = verdict {
        blame(values, TOPICS, message);
        blame(values, TOPICS_REGEX, message);
    }
    let Some(dead_letters) = dead_letters else {
        return Ok(());
    };
    if let Some(topics) = topics {
        let topics = parse_topics(topics);
        if topics.iter().any(|topic| topic == dead_letters) {
            let topics = topics.join(", ");
            let message = format!(
                "The DLQ topic '{dead_letters}' may not be included in the list of topics ('topics=[{topics}]') consumed by \
                 the connector"
            );
            blame(values, TOPICS, message);
        }
    }
    if let Some(expression) = expression
        && JavaRegex::new(expression)?.matches(dead_letters)?
    {
        let message = format!(
            "The DLQ topic '{dead_letters}' may not be matched by the regex for the topics ('topics.regex={expression}') \
             consumed by the connector"
        );
        blame(values, TOPICS_REGEX, message);
    }
    Ok(())
}

/// A sink must not share the consumer group of the workers (distributed only).
pub(super) fn sink_group(props: &Props, worker_group: &str, values: &mut Vec<ConfigValue>) {
    if let Some(group) = props.get_nullable(GROUP_OVERRIDE) {
        let value = value_of(values, GROUP_OVERRIDE);
        value.value = group.map(str::to_string);
        if group == Some(worker_group) {
            value.errors.push(format!(
                "Consumer group {worker_group} conflicts with Connect worker group {worker_group}"
            ));
        }
        return;
    }
    let name = value_of(values, "name");
    let text = name.value.as_deref().unwrap_or("null").to_string();
    if format!("connect-{text}") == worker_group {
        name.errors.push(format!(
            "Consumer group for sink connector named {text} conflicts with Connect worker group {worker_group}"
        ));
    }
}

/// Exactly-once support and transaction boundaries of a source (distributed only).
pub(super) fn exactly_once(
    connector: &dyn SourceConnector,
    props: &Props,
    worker_enabled: bool,
    values: &mut Vec<ConfigValue>,
) {
    let asks = |values: &mut Vec<ConfigValue>, key: &str, wanted: &str| {
        let value = value_of(values, key);
        value.errors.is_empty()
            && value
                .value
                .as_deref()
                .is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    };
    const SUPPORT: &str = "exactly.once.support";
    if asks(values, SUPPORT, "required") {
        if !worker_enabled {
            blame(
                values,
                SUPPORT,
                "This worker does not have exactly-once source support enabled.",
            );
        }
        match connector.exactly_once_support(props) {
            Some(Support::Supported) => {}
            Some(Support::Unsupported) => blame(
                values,
                SUPPORT,
                "The connector does not support exactly-once semantics with the provided configuration.",
            ),
            None => blame(
                values,
                SUPPORT,
                "The connector does not say whether it supports exactly-once delivery. If its documentation does, set this \
                 property to \"requested\", which leaves this check out.",
            ),
        }
    }
    const BOUNDARY: &str = "transaction.boundary";
    if asks(values, BOUNDARY, "connector") && connector.can_define_transaction_boundaries(props) == Support::Unsupported
    {
        blame(
            values,
            BOUNDARY,
            "The connector does not support connector-defined transaction boundaries with the given configuration. Please \
             reconfigure it to use a different transaction boundary definition.",
        );
    }
}
