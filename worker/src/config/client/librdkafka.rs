//! Applies [`super::table`]: Java-named settings become librdkafka's.
//!
//! What no single row can say is worked out here: settings that depend on each other (`acks` and idempotence, fetch sizes),
//! names of classes, and how much memory a client may hold. librdkafka would by default keep 64 MiB per partition read ahead
//! and 1 GiB to send; here Java's settings decide: `buffer.memory` bounds what waits to be sent,
//! `max.partition.fetch.bytes` and `max.poll.records` what is read ahead.

use super::ClientKind;
use super::security::{Security, TlsSettings, TrustedRoots};
use super::table::{self, Action, Convert};
use super::wire;
use crate::config::worker::is_worker_key;
use rdkafka::ClientConfig;
use std::collections::{BTreeMap, HashSet};
use std::sync::{LazyLock, Mutex, PoisonError};
use turnbuckle_api::{Error, Props, Result};

/// The outcome of a translation.
#[derive(Clone, Default)]
pub struct Translation {
    /// librdkafka's settings; secrets are among them, so this has no `Debug`.
    pub settings: BTreeMap<&'static str, String>,
    /// Settings without effect, and why.
    pub notes: Vec<Note>,
}

/// A setting that has no effect, or not quite the one it has in Java.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub key: String,
    pub reason: &'static str,
    /// True if nobody would miss the setting.
    pub quiet: bool,
}

/// librdkafka's configuration for a client with these Java settings. Settings without effect are logged once per kind.
///
/// # Errors
/// `ConfigException` naming the setting, its value and the remedy; secrets are not shown.
pub fn to_librdkafka(kind: ClientKind, props: &Props) -> Result<ClientConfig> {
    let translation = translate(kind, props)?;
    log_once(kind, &translation.notes);
    let mut config = ClientConfig::new();
    for (key, value) in translation.settings {
        config.set(key, value);
    }
    Ok(config)
}

fn log_once(kind: ClientKind, notes: &[Note]) {
    static LOGGED: LazyLock<Mutex<HashSet<(ClientKind, String)>>> = LazyLock::new(Mutex::default);
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    for note in notes {
        if !logged.insert((kind, note.key.clone())) {
            continue;
        }
        let (kind, key, reason) = (kind.name(), &note.key, note.reason);
        if note.quiet {
            tracing::debug!("The {kind} setting {key} has no effect: {reason}");
        } else {
            tracing::warn!("The {kind} setting {key} has no effect: {reason}");
        }
    }
}

/// As [`to_librdkafka`], as plain data.
///
/// # Errors
/// As [`to_librdkafka`].
pub fn translate(kind: ClientKind, props: &Props) -> Result<Translation> {
    let mut translation = Translation::default();
    for row in table::ROWS.iter().filter(|row| row.kinds.contains(kind)) {
        if let (Some(default), Action::To(names, convert), None) = (row.default, row.action, props.get(row.key)) {
            translation.put(names, &convert_value(row.key, default, convert)?);
        }
    }
    for (key, value) in props.iter() {
        let Some(value) = value.map(str::trim) else { continue };
        match table::row(kind, key).map(|row| row.action) {
            Some(Action::To(names, convert)) => {
                let converted = convert_value(key, value, convert)?;
                if !converted.is_empty() {
                    translation.put(names, &converted);
                }
            }
            Some(Action::Ignore { reason, quiet }) => translation.note(key, reason, quiet || value.is_empty()),
            Some(Action::Refuse { harmless, remedy }) => {
                if !harmless.iter().any(|known| known.eq_ignore_ascii_case(value)) {
                    return Err(Error::invalid_config(
                        key,
                        value,
                        format!("It can't be honoured: {remedy}"),
                    ));
                }
            }
            Some(Action::Together | Action::Security) => {}
            None if is_worker_key(key) || table::is_known(key) => {}
            None => translation.note(key, "there is no such setting", false),
        }
    }
    let reader = Reader { props };
    metadata(&reader, &mut translation)?;
    match kind {
        ClientKind::Producer => producer(&reader, &mut translation)?,
        ClientKind::Consumer => consumer(&reader, &mut translation)?,
        ClientKind::Admin => {}
    }
    security(&Security::from_props(props)?, &mut translation)?;
    Ok(translation)
}

impl Translation {
    fn put(&mut self, names: &[&'static str], value: &str) {
        for name in names {
            self.settings.insert(name, value.to_string());
        }
    }

    fn set(&mut self, name: &'static str, value: impl ToString) {
        self.settings.insert(name, value.to_string());
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.settings.get(name)?.parse().ok()
    }

    fn note(&mut self, key: &str, reason: &'static str, quiet: bool) {
        self.notes.push(Note {
            key: key.to_string(),
            reason,
            quiet,
        });
    }
}

fn convert_value(key: &str, value: &str, convert: Convert) -> Result<String> {
    match convert {
        Convert::Text => Ok(value.to_string()),
        Convert::Boolean => boolean(key, value).map(|value| value.to_string()),
        Convert::Number {
            long,
            java_min,
            range: (min, max),
            divisor,
        } => {
            let number = number(key, value, long, java_min)?;
            let divided = if divisor > 1 {
                number / divisor + i64::from(number % divisor > 0)
            } else {
                number
            };
            Ok(divided.clamp(min, max).to_string())
        }
        Convert::Choice { any_case, names } => {
            let fits = |known: &str| known == value || (any_case && known.eq_ignore_ascii_case(value));
            let found = names.iter().find(|(java, _)| fits(java));
            found.map(|(_, name)| (*name).to_string()).ok_or_else(|| {
                let known: Vec<&str> = names.iter().map(|(java, _)| *java).collect();
                Error::invalid_config(key, value, format!("String must be one of: {}", known.join(", ")))
            })
        }
    }
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::invalid_config(
            key,
            value,
            "Expected value to be either true or false",
        )),
    }
}

fn number(key: &str, value: &str, long: bool, java_min: i64) -> Result<i64> {
    let (parsed, kind) = match long {
        true => (value.parse::<i64>().ok(), "LONG"),
        false => (value.parse::<i32>().ok().map(i64::from), "INT"),
    };
    let number = parsed.ok_or_else(|| Error::invalid_config(key, value, format!("Not a number of type {kind}")))?;
    if number < java_min {
        return Err(Error::invalid_config(
            key,
            value,
            format!("Value must be at least {java_min}"),
        ));
    }
    Ok(number)
}

/// Reads the settings that are worked out together.
struct Reader<'a> {
    props: &'a Props,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.props.get(key).map(str::trim).filter(|text| !text.is_empty())
    }

    fn int(&self, key: &str, default: i64, java_min: i64) -> Result<i64> {
        self.props
            .get(key)
            .map_or(Ok(default), |text| number(key, text.trim(), false, java_min))
    }

    fn long(&self, key: &str, default: i64, java_min: i64) -> Result<i64> {
        self.props
            .get(key)
            .map_or(Ok(default), |text| number(key, text.trim(), true, java_min))
    }

    fn boolean(&self, key: &str) -> Result<Option<bool>> {
        self.props.get(key).map(|text| boolean(key, text.trim())).transpose()
    }
}

fn metadata(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    let age = reader.long("metadata.max.age.ms", 300_000, 0)?;
    translation.set("topic.metadata.refresh.interval.ms", age.clamp(10, 3_600_000));
    // librdkafka forgets what is older, which is to happen after failed refreshes only.
    translation.set("metadata.max.age.ms", age.saturating_mul(3).clamp(30, 86_400_000));
    Ok(())
}

fn producer(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    let acks = match reader.text("acks") {
        None | Some("all" | "-1") => "all",
        Some(acks @ ("0" | "1")) => acks,
        Some(other) => {
            return Err(Error::invalid_config(
                "acks",
                other,
                "String must be one of: all, -1, 0, 1",
            ));
        }
    };
    let in_flight = reader.int("max.in.flight.requests.per.connection", 5, 1)?;
    let retries = translation.number("retries").unwrap_or(i64::from(i32::MAX));
    let is_transactional = translation.settings.contains_key("transactional.id");
    let conflict = match (acks, retries, in_flight) {
        ("0" | "1", _, _) => Some(
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.",
        ),
        (_, 0, _) => Some("Must set retries to non-zero when using the idempotent producer."),
        (_, _, 6..) => {
            Some("Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer.")
        }
        _ => None,
    };
    // Java turns idempotence on by itself, unless a setting that nobody can have both of is in its way.
    let idempotent = match (reader.boolean("enable.idempotence")?, conflict) {
        (Some(false), _) if is_transactional => {
            return Err(Error::config(
                "Cannot set a transactional.id without also enabling idempotence.",
            ));
        }
        (Some(true), Some(conflict)) => return Err(Error::config(conflict)),
        (None, Some(conflict)) if is_transactional => return Err(Error::config(conflict)),
        (None, Some(_)) | (Some(false), _) => false,
        (Some(true) | None, None) => true,
    };
    translation.set("acks", acks);
    translation.set("enable.idempotence", idempotent);
    translation.set("max.in.flight.requests.per.connection", in_flight.clamp(1, 1_000_000));

    let linger = reader.long("linger.ms", 5, 0)?.clamp(0, 900_000);
    let mut delivery = reader.int("delivery.timeout.ms", 120_000, 0)?;
    if is_transactional {
        // librdkafka wants records to expire before their transaction does.
        let transaction = translation.number("transaction.timeout.ms").unwrap_or(60_000);
        delivery = delivery.min(transaction);
        let request = translation.number("socket.timeout.ms").unwrap_or(30_000);
        translation.set("socket.timeout.ms", request.min(transaction - 100).max(10));
    }
    translation.set("linger.ms", linger.min(delivery));
    translation.set("delivery.timeout.ms", delivery);

    if let Some(batch) = translation.number("batch.size") {
        let largest = translation.number("message.max.bytes").unwrap_or(1_048_576);
        translation.set("batch.size", batch.min(largest));
    }
    compression_level(reader, translation)?;
    partitioner(reader, translation)
}

fn compression_level(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    let refuse = |key: &str, level: i64, range: &str| {
        Err(Error::invalid_config(
            key,
            level,
            format!("Value must be in the range {range}"),
        ))
    };
    let gzip = reader.int("compression.gzip.level", -1, i64::MIN)?;
    if gzip != -1 && !(1..=9).contains(&gzip) {
        return refuse("compression.gzip.level", gzip, "1 to 9, or -1");
    }
    let lz4 = reader.int("compression.lz4.level", 9, i64::MIN)?;
    if !(1..=17).contains(&lz4) {
        return refuse("compression.lz4.level", lz4, "1 to 17");
    }
    let zstd = reader.int("compression.zstd.level", 3, i64::MIN)?;
    if !(-131_072..=22).contains(&zstd) {
        return refuse("compression.zstd.level", zstd, "-131072 to 22");
    }
    let level = match translation.settings.get("compression.type").map(String::as_str) {
        Some("gzip") => gzip,
        Some("lz4") => lz4,
        Some("zstd") => zstd,
        _ => return Ok(()),
    };
    translation.set("compression.level", level.clamp(-1, 12));
    Ok(())
}

fn partitioner(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    let ignores_keys = reader.boolean("partitioner.ignore.keys")?.unwrap_or(false);
    let chosen = match reader.text("partitioner.class") {
        None if ignores_keys => "random",
        None => "murmur2_random",
        Some("org.apache.kafka.clients.producer.internals.DefaultPartitioner") => "murmur2_random",
        Some(
            "org.apache.kafka.clients.producer.UniformStickyPartitioner"
            | "org.apache.kafka.clients.producer.RoundRobinPartitioner",
        ) => "random",
        Some(class) => {
            let remedy =
                "It names Java code, which does not run here; remove it to have keys placed as Kafka does by default";
            return Err(Error::invalid_config("partitioner.class", class, remedy));
        }
    };
    translation.set("partitioner", chosen);
    Ok(())
}

fn consumer(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    let reset = match reader.text("auto.offset.reset").map(str::to_ascii_lowercase).as_deref() {
        None | Some("latest") => "latest",
        Some("earliest") => "earliest",
        Some("none") => "error",
        Some(other) => {
            let detail = "Use latest, earliest or none; by_duration is not supported";
            return Err(Error::invalid_config("auto.offset.reset", other, detail));
        }
    };
    translation.set("auto.offset.reset", reset);

    let per_partition = reader
        .int("max.partition.fetch.bytes", 1_048_576, 0)?
        .clamp(1, 1_000_000_000);
    let at_once = reader
        .int("fetch.max.bytes", 52_428_800, 0)?
        .clamp(1_000, 2_147_483_135);
    translation.set("max.partition.fetch.bytes", per_partition);
    translation.set("fetch.max.bytes", at_once);
    // librdkafka demands message.max.bytes <= fetch.max.bytes <= receive.message.max.bytes - 512.
    translation.set("message.max.bytes", at_once.min(1_000_000));
    translation.set("receive.message.max.bytes", (at_once + 512).max(100_000_000));

    // Read ahead: one fetch in the queue and one on its way, and batches enough to keep the task busy meanwhile.
    let poll_records = reader.int("max.poll.records", 500, 1)?;
    translation.set("queued.max.messages.kbytes", (per_partition / 256).clamp(64, 65_536));
    translation.set(
        "queued.min.messages",
        poll_records.saturating_mul(100).clamp(1_000, 100_000),
    );
    // A full queue stops fetching for a whole second unless told otherwise; a task empties it in milliseconds.
    translation.set("fetch.queue.backoff.ms", 5);

    let is_new_protocol = translation
        .settings
        .get("group.protocol")
        .is_some_and(|protocol| protocol == "consumer");
    if is_new_protocol {
        // The broker decides these with the new protocol; librdkafka refuses them.
        translation.settings.remove("session.timeout.ms");
        translation.settings.remove("heartbeat.interval.ms");
        return Ok(());
    }
    let session = translation.number("session.timeout.ms").unwrap_or(45_000);
    let poll_interval = translation.number("max.poll.interval.ms").unwrap_or(300_000);
    translation.set("max.poll.interval.ms", poll_interval.max(session));
    assignment_strategy(reader, translation)
}

fn assignment_strategy(reader: &Reader<'_>, translation: &mut Translation) -> Result<()> {
    const KEY: &str = "partition.assignment.strategy";
    let Some(list) = reader.text(KEY) else {
        // Java's default is range, with cooperative-sticky to change over to.
        translation.set(KEY, "range");
        return Ok(());
    };
    let mut names = Vec::new();
    for class in list.split(',').map(str::trim).filter(|class| !class.is_empty()) {
        let simple = class
            .strip_prefix("org.apache.kafka.clients.consumer.")
            .unwrap_or(class);
        names.push(match simple {
            "RangeAssignor" | "range" => "range",
            "RoundRobinAssignor" | "roundrobin" => "roundrobin",
            "CooperativeStickyAssignor" | "cooperative-sticky" => "cooperative-sticky",
            _ => {
                let detail = "Use RangeAssignor, RoundRobinAssignor or CooperativeStickyAssignor";
                return Err(Error::invalid_config(KEY, class, detail));
            }
        });
    }
    let is_cooperative = |name: &str| name == "cooperative-sticky";
    let first_is_cooperative = names.first().is_some_and(|name| is_cooperative(name));
    let count = names.len();
    names.retain(|name| is_cooperative(name) == first_is_cooperative);
    if names.len() < count {
        let reason = "eager and cooperative strategies can't be offered together, so only those like the first are";
        translation.note(KEY, reason, true);
    }
    translation.set(KEY, names.join(","));
    Ok(())
}

fn security(security: &Security, translation: &mut Translation) -> Result<()> {
    translation.set("security.protocol", security.protocol().to_ascii_lowercase());
    if let Some(sasl) = &security.sasl {
        translation.set("sasl.mechanism", sasl.mechanism.name());
        translation.set("sasl.username", &sasl.username);
        translation.set("sasl.password", sasl.password.reveal());
    }
    if let Some(tls) = &security.tls {
        tls_settings(tls, translation)?;
    }
    Ok(())
}

fn tls_settings(tls: &TlsSettings, translation: &mut Translation) -> Result<()> {
    let verification = if tls.verify_hostname { "https" } else { "none" };
    translation.set("ssl.endpoint.identification.algorithm", verification);
    if let TrustedRoots::Certificates(certificates) = &tls.roots {
        translation.set("ssl.ca.pem", certificates_pem(certificates));
    }
    if let Some(identity) = &tls.identity {
        translation.set("ssl.certificate.pem", certificates_pem(&identity.chain));
        translation.set("ssl.key.pem", identity.key.to_pem());
    }
    if !(tls.tls12 && tls.tls13) {
        let reason =
            "data connections agree on TLSv1.2 or TLSv1.3 with the broker; only the group's connection is limited";
        translation.note("ssl.enabled.protocols", reason, false);
    }
    if let Some(suites) = &tls.cipher_suites {
        let names: Vec<String> = suites.iter().filter_map(|suite| wire::openssl_name(suite)).collect();
        if names.len() < suites.len() {
            let reason = "suites of TLSv1.3 can't be chosen for data connections; those of TLSv1.2 are";
            translation.note("ssl.cipher.suites", reason, false);
        }
        if !names.is_empty() {
            translation.set("ssl.cipher.suites", names.join(":"));
        }
    }
    Ok(())
}

fn certificates_pem(certificates: &[Vec<u8>]) -> String {
    certificates
        .iter()
        .map(|der| turnbuckle_keystores::pem::encode("CERTIFICATE", der))
        .collect()
}

#[cfg(test)]
mod tests;
