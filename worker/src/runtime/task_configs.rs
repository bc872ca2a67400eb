//! From what a connector answers to the task configurations that are stored.

use turnbuckle_api::config::{Config, validator};
use turnbuckle_api::plugin::{Plugin, PluginKind};
use turnbuckle_api::{Error, ErrorKind, Props, Result};

/// Keys that bound the number of tasks.
#[derive(Clone, Debug, Config)]
pub(super) struct TaskLimits {
    /// Most tasks of the connector.
    #[config(key = "tasks.max", default = "1", validator = validator::at_least(1))]
    max: i32,
    /// Refuse more tasks than `tasks.max`.
    #[config(key = "tasks.max.enforce", default = "true")]
    enforce: bool,
}

/// How many tasks a connector may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub max: u32,
    enforce: bool,
}

impl Limits {
    pub(super) fn from_props(config: &Props) -> Result<Self> {
        let limits = TaskLimits::from_props(config)?;
        Ok(Limits {
            max: limits.max.unsigned_abs(),
            enforce: limits.enforce,
        })
    }

    /// # Errors
    /// `TooManyTasksException` (KIP-1004) if there are more tasks than allowed and that is enforced.
    pub(super) fn check(&self, connector: &str, tasks: usize) -> Result<()> {
        if tasks <= self.max as usize {
            return Ok(());
        }
        let text = format!(
            "The connector {connector} has generated {tasks} tasks, which is greater than {}, the maximum number of tasks \
             it is configured to create. ",
            self.max
        );
        if self.enforce {
            let text = format!(
                "{text}This behavior should be considered a bug and is disallowed. If necessary, it can be permitted by \
                 reconfiguring the connector with 'tasks.max.enforce' set to false; however, this option will be removed \
                 in a future release."
            );
            return Err(Error::new(
                ErrorKind::Class("org.apache.kafka.connect.runtime.TooManyTasksException"),
                text,
            ));
        }
        tracing::warn!("{text}It goes on, because 'tasks.max.enforce' is false.");
        Ok(())
    }
}

/// Adds what the worker itself needs to find in a task configuration.
pub(super) fn complete(plugin: &Plugin, connector: &Props, made: Vec<Props>) -> Vec<Props> {
    let (task_class, is_sink) = match plugin.kind {
        PluginKind::Source { task_class, .. } => (task_class, false),
        PluginKind::Sink { task_class, .. } => (task_class, true),
        _ => return made,
    };
    let topic_keys: &[&str] = if is_sink { &["topics", "topics.regex"] } else { &[] };
    let add = |mut config: Props| {
        config.insert("task.class", task_class);
        for key in topic_keys {
            if let Some(value) = connector.get_nullable(key) {
                config.insert_nullable(*key, value.map(str::to_string));
            }
        }
        config
    };
    made.into_iter().map(add).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surplus_tasks_are_refused_unless_the_user_says_otherwise() {
        let strict = Limits::from_props(&Props::new().with("tasks.max", "2")).unwrap();
        assert!(strict.check("c", 2).is_ok());
        let error = strict.check("c", 3).unwrap_err();
        let start = "The connector c has generated 3 tasks, which is greater than 2, the maximum number of tasks it is \
                     configured to create. ";
        assert!(error.message().unwrap().starts_with(start), "{error}");
        let lenient = Props::new().with("tasks.max.enforce", "false");
        assert!(Limits::from_props(&lenient).unwrap().check("c", 3).is_ok());
    }
}
