//! Log lines on standard output, as the JVM worker's console appender has them: `[time] LEVEL message (module)`.
//!
//! There is one log for the process; [`loggers`] are its levels, which REST changes while the worker runs.

mod loggers;
mod names;

pub use loggers::{Level, LoggerLevel, Loggers};

use std::fmt;
use std::sync::OnceLock;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use turnbuckle_api::{Error, Result};

static LOGGERS: OnceLock<Loggers> = OnceLock::new();

/// Levels of this process's log. Where no log was started, as in tests, they are remembered and change nothing.
pub fn loggers() -> &'static Loggers {
    LOGGERS.get_or_init(|| Loggers::new(Targets::new().with_default(LevelFilter::INFO), drop))
}

/// Starts logging.
///
/// # Errors
/// If `levels` can't be read.
pub(crate) fn start(levels: &str) -> Result<()> {
    let levels: Targets = levels
        .parse()
        .map_err(|error| Error::config(format!("--log {levels:?} is not a list of levels: {error}")))?;
    let (filter, handle) = reload::Layer::new(levels.clone());
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).event_format(Line);
    tracing_subscriber::registry().with(filter).with(lines).init();
    LOGGERS.get_or_init(|| {
        Loggers::new(levels, move |levels| {
            if let Err(error) = handle.reload(levels) {
                tracing::error!(%error, "the levels of the log could not be changed");
            }
        })
    });
    Ok(())
}

struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        out.write_char('[')?;
        SystemTime.format_time(&mut out)?;
        write!(out, "] {} ", metadata.level())?;
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            if let Some(fields) = extensions
                .get::<FormattedFields<N>>()
                .filter(|fields| !fields.is_empty())
            {
                write!(out, "[{fields}] ")?;
            }
        }
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out, " ({})", metadata.target())
    }
}
