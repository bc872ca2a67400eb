//! Which resource a path names, and which methods it has.

/// A resource with what its path holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Root,
    Health,
    Supervision,
    Connectors,
    Connector(String),
    Config(String),
    Status(String),
    Restart(String),
    Pause(String),
    Resume(String),
    Stop(String),
    Topics(String),
    TopicsReset(String),
    Offsets(String),
    Tasks(String),
    /// Connector and number, which need not be a number.
    TaskStatus(String, String),
    TaskRestart(String, String),
    Fence(String),
    Plugins,
    PluginConfig(String),
    PluginValidate(String),
    Loggers,
    Logger(String),
}

impl Route {
    /// The resource of decoded path segments.
    pub(super) fn find(segments: &[String]) -> Option<Self> {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        Some(match segments.as_slice() {
            [] => Route::Root,
            ["health"] => Route::Health,
            ["turnbuckle", "supervision"] => Route::Supervision,
            ["connectors"] => Route::Connectors,
            ["connectors", name] => Route::Connector((*name).to_string()),
            ["connectors", name, "tasks", task, "status"] => {
                Route::TaskStatus((*name).to_string(), (*task).to_string())
            }
            ["connectors", name, "tasks", task, "restart"] => {
                Route::TaskRestart((*name).to_string(), (*task).to_string())
            }
            ["connectors", name, "topics", "reset"] => Route::TopicsReset((*name).to_string()),
            ["connectors", name, part] => Self::part(name, part)?,
            ["connector-plugins"] => Route::Plugins,
            ["connector-plugins", plugin, "config"] => Route::PluginConfig((*plugin).to_string()),
            ["connector-plugins", plugin, "config", "validate"] => Route::PluginValidate((*plugin).to_string()),
            ["admin", "loggers"] => Route::Loggers,
            ["admin", "loggers", logger] => Route::Logger((*logger).to_string()),
            _ => return None,
        })
    }

    fn part(name: &str, part: &str) -> Option<Self> {
        let name = name.to_string();
        Some(match part {
            "config" => Route::Config(name),
            "status" => Route::Status(name),
            "restart" => Route::Restart(name),
            "pause" => Route::Pause(name),
            "resume" => Route::Resume(name),
            "stop" => Route::Stop(name),
            "topics" => Route::Topics(name),
            "offsets" => Route::Offsets(name),
            "tasks" => Route::Tasks(name),
            "fence" => Route::Fence(name),
            _ => return None,
        })
    }

    /// Methods of the resource but HEAD and OPTIONS.
    fn own_methods(&self) -> &'static [&'static str] {
        match self {
            Route::Root
            | Route::Health
            | Route::Supervision
            | Route::Status(_)
            | Route::Topics(_)
            | Route::TaskStatus(..) => &["GET"],
            Route::Plugins | Route::PluginConfig(_) | Route::Loggers => &["GET"],
            Route::Offsets(_) => &["GET", "PATCH", "DELETE"],
            Route::Connectors | Route::Tasks(_) => &["GET", "POST"],
            Route::Connector(_) => &["GET", "DELETE"],
            Route::Config(_) => &["GET", "PUT", "PATCH"],
            Route::Restart(_) | Route::TaskRestart(..) => &["POST"],
            Route::Pause(_) | Route::Resume(_) | Route::Stop(_) | Route::TopicsReset(_) => &["PUT"],
            Route::Fence(_) | Route::PluginValidate(_) => &["PUT"],
            Route::Logger(_) => &["GET", "PUT"],
        }
    }

    pub(super) fn allows(&self, method: &str) -> bool {
        let method = if method == "HEAD" { "GET" } else { method };
        self.own_methods().contains(&method)
    }

    /// All methods in the order of the `Allow` header.
    pub(super) fn allow(&self) -> Vec<&'static str> {
        const ORDER: [&str; 7] = ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"];
        ORDER
            .into_iter()
            .filter(|method| *method == "OPTIONS" || self.allows(method))
            .collect()
    }

    /// Does the resource say which media types it reads?
    pub(super) fn consumes_json(&self) -> bool {
        !matches!(self, Route::Root | Route::Health)
    }

    /// Does the method read an entity?
    pub(super) fn reads_entity(&self, method: &str) -> bool {
        matches!(
            (self, method),
            (Route::Connectors | Route::Tasks(_), "POST")
                | (Route::Config(_), "PUT" | "PATCH")
                | (Route::Offsets(_), "PATCH")
                | (Route::PluginValidate(_) | Route::Logger(_), "PUT")
        )
    }

    /// May another worker have to do it?
    pub(super) fn is_forwarded(&self, method: &str) -> bool {
        match self {
            Route::Restart(_) | Route::TaskRestart(..) | Route::Stop(_) | Route::Fence(_) => true,
            Route::Connectors | Route::Connector(_) | Route::Config(_) | Route::Tasks(_) | Route::Offsets(_) => {
                !matches!(method, "GET" | "HEAD")
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::path::segments;

    fn allow(path: &str) -> Option<String> {
        Route::find(&segments(path).unwrap()).map(|route| route.allow().join(","))
    }

    #[test]
    fn methods_are_listed_as_recorded() {
        let cases = [
            ("/", Some("HEAD,GET,OPTIONS")),
            ("/connectors", Some("HEAD,POST,GET,OPTIONS")),
            ("/connectors/x", Some("HEAD,DELETE,GET,OPTIONS")),
            ("/connectors/x/config", Some("HEAD,GET,OPTIONS,PUT,PATCH")),
            ("/connectors/x/offsets", Some("HEAD,DELETE,GET,OPTIONS,PATCH")),
            ("/connectors/x/pause", Some("OPTIONS,PUT")),
            ("/connectors/x/status", Some("HEAD,GET,OPTIONS")),
            ("/connector-plugins", Some("HEAD,GET,OPTIONS")),
            ("/admin/loggers/root", Some("HEAD,GET,OPTIONS,PUT")),
            ("/nothing", None),
            ("/connectors/x/nothing", None),
            ("/connectors/x/tasks-config", None),
            ("/connector-plugins/a/b/c", None),
            ("/admin", None),
            ("/health/x", None),
            ("/Connectors", None),
        ];
        for (path, expected) in cases {
            assert_eq!(allow(path).as_deref(), expected, "{path}");
        }
    }
}
