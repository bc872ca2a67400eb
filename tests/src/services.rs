//! The servers that all tests share, found or started by the program `tests/services/services`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Folder of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// Folder of the shared servers' state.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("TURNBUCKLE_SERVICES_DIR").map_or_else(|| workspace().join("target/services"), PathBuf::from)
}

/// The program that starts the servers.
pub(crate) fn program() -> PathBuf {
    workspace().join("tests/services/services")
}

/// Runs the starter; what it prints on success, or its complaint.
pub(crate) fn run(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program())
        .args(arguments)
        .output()
        .map_err(|e| format!("cannot run {}: {e}; it needs Python 3", program().display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Addresses of running servers, as the starter wrote them into its settings file.
#[derive(Debug, Clone)]
pub struct Services {
    settings: BTreeMap<String, String>,
}

impl Services {
    /// Reads `KEY=value` lines.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Self {
            settings: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
        }
    }

    /// A setting that may be missing, when its server does not run.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// A setting by its key.
    ///
    /// # Panics
    /// When the server it belongs to does not run.
    pub fn get(&self, key: &str) -> &str {
        self.find(key)
            .unwrap_or_else(|| panic!("no {key} among the running services: {:?}", self.settings))
    }

    /// All settings, for placeholders.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// `host:port` of the broker.
    pub fn kafka(&self) -> &str {
        self.get("KAFKA")
    }

    /// Base URL of the schema registry (Confluent API).
    pub fn registry(&self) -> &str {
        self.get("REGISTRY")
    }

    /// `host:port` of PostgreSQL; user `postgres`, any password.
    pub fn postgres(&self) -> &str {
        self.get("PG")
    }

    /// `host:port` of MariaDB; users `u`/`p` and `root`/`root123`.
    pub fn mariadb(&self) -> &str {
        self.get("MARIADB")
    }

    /// `host:port` of Redis.
    pub fn redis(&self) -> &str {
        self.get("REDIS")
    }

    /// `host:port` of the MQTT broker.
    pub fn mqtt(&self) -> &str {
        self.get("MQTT")
    }

    /// `host:port` of OpenSearch.
    pub fn opensearch(&self) -> &str {
        self.get("OPENSEARCH")
    }

    /// `host:port` of Elasticsearch.
    pub fn elasticsearch(&self) -> &str {
        self.get("ELASTICSEARCH")
    }

    /// Folder with the jars of Kafka and the JVM Connect worker.
    pub fn kafka_library(&self) -> &str {
        self.get("KAFKA_LIB")
    }
}

/// The shared servers. The first call of a process starts those that do not run; the starter holds a lock, so
/// several test processes may begin at once. They keep running afterwards: see `make services-stop`.
///
/// # Panics
/// With the starter's complaint when a server cannot be started.
pub fn shared() -> &'static Services {
    static SHARED: OnceLock<Result<Services, String>> = OnceLock::new();
    let found = SHARED.get_or_init(|| {
        run(&["start"])?;
        let settings = folder().join("env");
        let text = std::fs::read_to_string(&settings).map_err(|e| format!("{}: {e}", settings.display()))?;
        Ok(Services::parse(&text))
    });
    match found {
        Ok(services) => services,
        Err(complaint) => panic!("cannot start the services: {complaint}"),
    }
}
