//! Validators that only the worker's keys have.

use turnbuckle_api::Error;
use turnbuckle_api::config::{ParsedValue, Validator};

/// A count that is positive, or -1 for the broker's default; `detail` is what else it is told.
fn positive_or_default(detail: &'static str) -> Validator {
    Validator::new(move |name, value| match value.as_i64() {
        Some(count) if count == -1 || count > 0 => Ok(()),
        _ => Err(Error::invalid_config(name, value, detail)),
    })
}

pub(super) fn partitions() -> Validator {
    positive_or_default("Number of partitions must be positive, or -1 to use the broker's default")
}

pub(super) fn replication_factor() -> Validator {
    positive_or_default(
        "Replication factor must be positive and not larger than the number of brokers in the Kafka cluster, or -1 to use \
         the broker's default",
    )
}

pub(super) fn connect_protocol() -> Validator {
    Validator::new(|name, value| match value.as_str() {
        Some(text)
            if ["eager", "compatible", "sessioned"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(text)) =>
        {
            Ok(())
        }
        _ => Err(Error::invalid_config(
            name,
            value,
            "Invalid Connect protocol compatibility",
        )),
    })
}

/// Algorithms that can sign requests between workers.
pub(super) const SIGNATURE_ALGORITHMS: [&str; 4] = ["HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"];

fn check_algorithm(name: &str, algorithm: &str) -> Result<(), Error> {
    if SIGNATURE_ALGORITHMS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(algorithm))
    {
        return Ok(());
    }
    let supported = SIGNATURE_ALGORITHMS.join(", ");
    let detail = format!("the algorithm is not supported by this worker; the supported algorithms are: [{supported}]");
    Err(Error::invalid_config(name, algorithm, detail))
}

/// A key generator or MAC algorithm.
pub(super) fn algorithm() -> Validator {
    Validator::new(|name, value| check_algorithm(name, value.as_str().unwrap_or("null")))
}

/// At least one MAC algorithm.
pub(super) fn algorithms() -> Validator {
    Validator::new(|name, value| match value {
        ParsedValue::List(items) if !items.is_empty() => items.iter().try_for_each(|item| check_algorithm(name, item)),
        other => {
            let detail = "At least one signature verification algorithm must be provided";
            Err(Error::invalid_config(name, other, detail))
        }
    })
}

/// `listeners`: a list without blanks.
pub(super) fn listeners() -> Validator {
    Validator::new(|name, value| match value {
        ParsedValue::List(items) if !items.is_empty() => no_blank(name, items),
        _ => Err(Error::config(format!(
            "Invalid value for {name}, at least one URL is expected, ex: http://localhost:8080,https://localhost:8443."
        ))),
    })
}

/// `admin.listeners`: absent, empty, or a list without blanks.
pub(super) fn admin_listeners() -> Validator {
    Validator::new(|name, value| match value {
        ParsedValue::List(items) => no_blank(name, items),
        _ => Ok(()),
    })
}

fn no_blank(name: &str, items: &[String]) -> Result<(), Error> {
    match items.iter().any(|item| item.trim().is_empty()) {
        true => Err(Error::config(format!("Empty URL found when parsing {name} list."))),
        false => Ok(()),
    }
}

/// `response.http.headers.config`.
pub(super) fn header_rules() -> Validator {
    Validator::new(|_, value| super::headers::parse(value.as_str().unwrap_or_default()).map(|_| ()))
}
