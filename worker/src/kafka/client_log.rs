//! What the native clients log. All contexts of clients send their lines through here, because every client of a worker
//! tells of the same broker again and again while it is away: an outage is said once, the rest is at level debug.
//!
//! There is no event for a connection that works again, so an outage counts as over when nobody has complained for a while.

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients try to reconnect at least this often, so after as long a silence the next failure is a new outage.
const SILENCE: Duration = Duration::from_secs(30);

/// Context of clients that need no other.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogContext;

impl ClientContext for LogContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        line(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client_error(&error, reason);
    }
}

impl ConsumerContext for LogContext {}

/// When each server was last found to be away, by its address.
static OUTAGES: Mutex<Option<Outages>> = Mutex::new(None);

/// True while a broker is out of reach, or was a moment ago.
pub fn is_outage() -> bool {
    let outages = OUTAGES.lock().unwrap_or_else(PoisonError::into_inner);
    outages.as_ref().is_some_and(|outages| outages.any_at(Instant::now()))
}

fn is_news(server: &str) -> bool {
    let mut outages = OUTAGES.lock().unwrap_or_else(PoisonError::into_inner);
    outages.get_or_insert_default().note(server, Instant::now())
}

/// Servers that are away.
#[derive(Debug, Default)]
struct Outages(HashMap<String, Instant>);

impl Outages {
    /// Notes a failure; true if it is the first of an outage.
    fn note(&mut self, server: &str, now: Instant) -> bool {
        self.0.retain(|_, last| now.duration_since(*last) < SILENCE);
        // "All brokers are down" is no news once any of them is known to be.
        let known = server.is_empty() && !self.0.is_empty();
        let is_new = self.0.insert(server.to_string(), now).is_none();
        is_new && !known
    }

    fn any_at(&self, now: Instant) -> bool {
        self.0.values().any(|last| now.duration_since(*last) < SILENCE)
    }
}

/// A line of a client's own log.
pub(super) fn line(level: RDKafkaLogLevel, facility: &str, text: &str) {
    use RDKafkaLogLevel as Level;
    let is_complaint = matches!(
        level,
        Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning
    );
    if is_complaint && is_transport(facility, text) {
        return outage(text);
    }
    match level {
        Level::Emerg | Level::Alert | Level::Critical | Level::Error => {
            tracing::error!(target: "librdkafka", facility, "{text}");
        }
        Level::Warning => tracing::warn!(target: "librdkafka", facility, "{text}"),
        Level::Notice | Level::Info => tracing::info!(target: "librdkafka", facility, "{text}"),
        Level::Debug => tracing::debug!(target: "librdkafka", facility, "{text}"),
    }
}

/// An error that a client reports besides what its calls answer.
pub(super) fn client_error(error: &KafkaError, reason: &str) {
    if is_transport_error(error) {
        return outage(reason);
    }
    tracing::warn!(target: "librdkafka", %error, "{reason}");
}

/// True for errors that say no more than that brokers can't be reached.
pub(super) fn is_transport_error(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::NetworkException)
    )
}

/// Lines of the client's log carry no code.
fn is_transport(facility: &str, text: &str) -> bool {
    match facility {
        "FAIL" | "CLOSE" => [
            "refused",
            "failed:",
            "Disconnected",
            "timed out",
            "resolve",
            "reset",
            "unreachable",
        ]
        .iter()
        .any(|word| text.contains(word) && !text.contains("uthenticat")),
        "REQTMOUT" | "COORDQUERY" => true,
        "ERROR" => text.contains("brokers are down"),
        _ => false,
    }
}

fn outage(text: &str) {
    let text = without_thread(text);
    if is_news(server_of(text)) {
        tracing::warn!(target: "librdkafka", "{text} (more of this is logged at level debug until the broker is back)");
    } else {
        tracing::debug!(target: "librdkafka", "{text}");
    }
}

/// Cuts off `[thrd:…]: `.
fn without_thread(text: &str) -> &str {
    match text.strip_prefix("[thrd:") {
        Some(rest) => rest.split_once("]: ").map_or(text, |(_, rest)| rest),
        None => text,
    }
}

/// `host:port` of `host:port/id: what happened`; empty if the text is about no single one.
fn server_of(text: &str) -> &str {
    let Some((server, _)) = text.split_once(": ") else {
        return "";
    };
    let server = server.rsplit_once('/').map_or(server, |(address, _)| address);
    let is_address = server
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if is_address { server } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut outages = Outages::default();
        assert!(!outages.any_at(start));
        assert!(outages.note("a:1", start));
        assert!(!outages.note("a:1", after(10)));
        assert!(!outages.note("", after(10)), "all brokers are down");
        assert!(outages.note("b:1", after(11)), "another broker");
        assert!(!outages.note("a:1", after(35)), "clients tried in between");
        assert!(outages.any_at(after(60)));
        assert!(!outages.any_at(after(66)));
        assert!(outages.note("a:1", after(66)), "a new outage");
    }

    #[test]
    fn servers_are_read_from_texts() {
        let refused = "localhost:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms)";
        for (text, server) in [
            (refused.to_string(), "localhost:9092"),
            (format!("[thrd:localhost:9092/1]: {refused}"), "localhost:9092"),
            (
                "sasl_ssl://k:9093/bootstrap: Disconnected".to_string(),
                "sasl_ssl://k:9093",
            ),
            ("GroupCoordinator: k:9092: Disconnected".to_string(), ""),
            ("1/1 brokers are down".to_string(), ""),
        ] {
            assert_eq!(server_of(without_thread(&text)), server, "{text}");
        }
        assert!(is_transport("FAIL", refused));
        assert!(is_transport("ERROR", "1/1 brokers are down"));
        assert!(!is_transport(
            "FAIL",
            "k:1/1: SASL authentication error: failed: wrong password, authentication failed"
        ));
        assert!(!is_transport("CONFWARN", "nothing failed: here"));
    }
}
