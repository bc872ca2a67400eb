//! Levels of loggers as `/admin/loggers` shows and sets them (`org.apache.kafka.connect.runtime.Loggers`). Loggers have Java's
//! names; [`super::names`] says which of this worker's log lines belong to each. A module path is a name as well.

use super::names::TABLE;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Name of the logger above all others.
const ROOT: &str = "root";

/// Java's levels. What is FATAL there is an error here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Off,
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
    All,
}

impl Level {
    const ALL: [Level; 8] = [
        Level::Off,
        Level::Fatal,
        Level::Error,
        Level::Warn,
        Level::Info,
        Level::Debug,
        Level::Trace,
        Level::All,
    ];

    /// Name as REST shows it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Off => "OFF",
            Level::Fatal => "FATAL",
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
            Level::All => "ALL",
        }
    }

    /// The level of a name in any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }

    fn filter(self) -> LevelFilter {
        match self {
            Level::Off => LevelFilter::OFF,
            Level::Fatal | Level::Error => LevelFilter::ERROR,
            Level::Warn => LevelFilter::WARN,
            Level::Info => LevelFilter::INFO,
            Level::Debug => LevelFilter::DEBUG,
            Level::Trace | Level::All => LevelFilter::TRACE,
        }
    }

    fn of(filter: LevelFilter) -> Self {
        match filter {
            LevelFilter::OFF => Level::Off,
            LevelFilter::ERROR => Level::Error,
            LevelFilter::WARN => Level::Warn,
            LevelFilter::INFO => Level::Info,
            LevelFilter::DEBUG => Level::Debug,
            _ => Level::Trace,
        }
    }
}

/// Level of a logger, and when it was set (milliseconds since the epoch); None if it never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggerLevel {
    pub level: Level,
    pub last_modified: Option<i64>,
}

/// All loggers.
pub struct Loggers {
    levels: Mutex<Levels>,
    apply: Box<dyn Fn(Targets) + Send + Sync>,
}

struct Levels {
    /// By target, from the command line.
    start: Targets,
    root: LoggerLevel,
    /// Loggers whose level was set.
    set: BTreeMap<String, LoggerLevel>,
}

impl Loggers {
    /// Levels to begin with; `apply` makes changes of them effective.
    pub fn new(start: Targets, apply: impl Fn(Targets) + Send + Sync + 'static) -> Self {
        let root = LoggerLevel {
            level: Level::of(start.default_level().unwrap_or(LevelFilter::OFF)),
            last_modified: None,
        };
        Loggers {
            levels: Mutex::new(Levels {
                start,
                root,
                set: BTreeMap::new(),
            }),
            apply: Box::new(apply),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Levels> {
        self.levels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loggers whose level was set, and the root, by name.
    pub fn all(&self) -> BTreeMap<String, LoggerLevel> {
        let levels = self.lock();
        let mut all = levels.set.clone();
        all.insert(ROOT.to_string(), levels.root);
        all
    }

    /// The effective level of a logger; None if there is no such logger.
    pub fn get(&self, name: &str) -> Option<LoggerLevel> {
        let levels = self.lock();
        if name.eq_ignore_ascii_case(ROOT) {
            return Some(levels.root);
        }
        let exists = levels.set.contains_key(name) || known().any(|known| known == name);
        exists.then(|| levels.effective(name))
    }

    /// Sets the level of a logger and of all whose names begin with its name; of the root, of all. Answers the names of
    /// those whose level is another now, in order.
    pub fn set(&self, name: &str, level: Level, now: i64) -> Vec<String> {
        let mut levels = self.lock();
        let is_root = name.eq_ignore_ascii_case(ROOT);
        let existing: BTreeSet<String> = levels.set.keys().cloned().chain(known().map(str::to_string)).collect();
        let setting = LoggerLevel {
            level,
            last_modified: Some(now),
        };
        // All are looked at before any is set: a level that is set holds for the loggers below.
        let mut changed: Vec<String> = existing
            .into_iter()
            .filter(|logger| is_root || logger.starts_with(name))
            .filter(|logger| levels.effective(logger).level != level)
            .collect();
        levels
            .set
            .extend(changed.iter().map(|logger| (logger.clone(), setting)));
        if is_root && levels.root.level != level {
            levels.root = setting;
            changed.push(ROOT.to_string());
        } else if !is_root && !levels.set.contains_key(name) {
            levels.set.insert(name.to_string(), setting);
            changed.push(name.to_string());
        }
        changed.sort();
        changed.dedup();
        (self.apply)(levels.targets());
        changed
    }
}

/// Loggers that are there before anybody sets them.
fn known() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(logger, _)| *logger)
}

impl Levels {
    fn effective(&self, name: &str) -> LoggerLevel {
        if let Some(found) = self.own(name) {
            return found;
        }
        let targets = TABLE.iter().filter(|(logger, _)| *logger == name);
        let start = targets.filter_map(|(_, target)| self.started_with(target)).max();
        LoggerLevel {
            level: start.map_or(self.root.level, Level::of),
            last_modified: None,
        }
    }

    /// What was set for the logger, or the nearest above it.
    fn own(&self, name: &str) -> Option<LoggerLevel> {
        let mut name = name;
        loop {
            if let Some(found) = self.set.get(name) {
                return Some(*found);
            }
            name = name.rsplit_once('.')?.0;
        }
    }

    fn started_with(&self, target: &str) -> Option<LevelFilter> {
        let above = |directive: &&(&str, LevelFilter)| {
            target
                .strip_prefix(directive.0)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let directives: Vec<_> = self.start.iter().collect();
        let nearest = directives.iter().filter(above).max_by_key(|(prefix, _)| prefix.len());
        nearest.map(|(_, level)| *level)
    }

    /// Levels by target.
    fn targets(&self) -> Targets {
        let mut targets = Targets::new().with_default(self.root.level.filter());
        targets = targets.with_targets(self.start.iter().map(|(target, level)| (target.to_string(), level)));
        let mut by_target: BTreeMap<&str, LevelFilter> = BTreeMap::new();
        for (logger, target) in TABLE {
            // The worker's target is the beginning of the other crates' names, which it does not speak for.
            let is_other_crate = target.starts_with("turnbuckle_") && !target.contains("::");
            let found = match self.own(logger) {
                Some(found) => found,
                None if is_other_crate => self.effective(logger),
                None => continue,
            };
            let level = by_target.entry(target).or_insert(LevelFilter::OFF);
            *level = found.level.filter().max(*level);
        }
        targets = targets.with_targets(by_target.into_iter().map(|(target, level)| (target.to_string(), level)));
        // A name that is no Java logger may be a module's; otherwise nothing is logged by it.
        targets.with_targets(
            self.set
                .iter()
                .map(|(name, found)| (name.clone(), found.level.filter())),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    type Applied = Arc<Mutex<Targets>>;

    fn loggers(start: &str) -> (Loggers, Applied) {
        let applied = Applied::default();
        let sink = applied.clone();
        let apply = move |targets| *sink.lock().unwrap() = targets;
        (Loggers::new(start.parse().unwrap(), apply), applied)
    }

    fn logs(applied: &Applied, target: &str, level: tracing::Level) -> bool {
        applied.lock().unwrap().would_enable(target, &level)
    }

    #[test]
    fn names_that_begin_alike_are_set_together() {
        let (loggers, _) = loggers("warn");
        assert_eq!(loggers.set("x.a", Level::Debug, 1), ["x.a"]);
        assert_eq!(loggers.set("x.a", Level::Debug, 2), [""; 0]);
        assert_eq!(loggers.set("x.a.b", Level::Warn, 3), ["x.a.b"]);
        assert_eq!(loggers.set("x", Level::Error, 4), ["x", "x.a", "x.a.b"]);
        assert_eq!(loggers.get("x.a").unwrap().last_modified, Some(4));
        assert_eq!(loggers.get("x.b"), None);
        let names: Vec<String> = loggers.all().into_keys().collect();
        assert_eq!(names, ["root", "x", "x.a", "x.a.b"]);
    }

    #[test]
    fn levels_by_java_names_change_what_is_logged() {
        use tracing::Level as Line;
        let (loggers, applied) = loggers("info,turnbuckle::group=warn");
        let group = "org.apache.kafka.connect.runtime.distributed.WorkerCoordinator";
        assert_eq!(loggers.get(group).unwrap().level, Level::Warn);
        loggers.set("org.apache.kafka.connect.runtime.WorkerSink", Level::Debug, 1);
        assert!(logs(&applied, "turnbuckle::runtime::sink::commits", Line::DEBUG));
        assert!(!logs(&applied, "turnbuckle::runtime::source", Line::DEBUG));
        assert!(!logs(&applied, "turnbuckle::group", Line::INFO));
        let changed = loggers.set("org.apache.kafka.connect", Level::Trace, 2);
        assert!(changed.iter().any(|name| name == group));
        assert!(logs(&applied, "turnbuckle::group::member", Line::TRACE));
        assert!(!logs(&applied, "turnbuckle_jdbc::sink", Line::DEBUG));
        loggers.set("turnbuckle_jdbc::sink", Level::Debug, 3);
        assert!(logs(&applied, "turnbuckle_jdbc::sink::task", Line::DEBUG));
        let changed = loggers.set("ROOT", Level::Off, 4);
        assert!(changed.contains(&"root".to_string()));
        for target in ["turnbuckle::group", "turnbuckle_jdbc::sink", "anything"] {
            assert!(!logs(&applied, target, Line::ERROR), "{target}");
        }
    }

    #[test]
    fn levels_have_names() {
        for level in Level::ALL {
            assert_eq!(Level::from_name(&level.name().to_lowercase()), Some(level));
        }
        assert_eq!(Level::from_name("LOUD"), None);
        assert_eq!(Level::of(Level::All.filter()), Level::Trace);
    }
}
