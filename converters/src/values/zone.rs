//! The default time zone, in which temporal text is read and written as a JVM does it.
//!
//! It is the machine's (`TZ`, else the system's setting), looked up once. What makes a converter may put another one in its
//! place for the current thread, see [`with_default_zone`].

use jiff::tz::TimeZone;
use std::cell::RefCell;
use std::sync::LazyLock;
use turnbuckle_api::{Error, ErrorKind, Result};

static MACHINE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::try_system().unwrap_or(TimeZone::UTC));

thread_local! {
    static OVERRIDE: RefCell<Option<TimeZone>> = const { RefCell::new(None) };
}

/// The default zone of this thread.
pub fn default_zone() -> TimeZone {
    let chosen = OVERRIDE.with(|zone| zone.borrow().clone());
    chosen.unwrap_or_else(|| MACHINE.clone())
}

/// Runs `work` with another default zone on this thread, named as in the IANA database.
///
/// # Errors
/// `IllegalArgumentException` if the zone is unknown.
pub fn with_default_zone<T>(name: &str, work: impl FnOnce() -> T) -> Result<T> {
    let zone = TimeZone::get(name)
        .map_err(|e| Error::new(ErrorKind::IllegalArgument, format!("Unknown time zone {name}: {e}")))?;
    let before = OVERRIDE.with(|current| current.borrow_mut().replace(zone));
    let result = work();
    OVERRIDE.with(|current| *current.borrow_mut() = before);
    Ok(result)
}
