//! Servers of one test alone, which it may kill, stop, pause and start again on the same port and data.

use std::path::{Path, PathBuf};

use crate::services::{self, Services};
use crate::unique;

/// A private set of servers; dropping it stops them and removes their data.
///
/// Should the test process die without dropping it, the next test process removes the set.
#[derive(Debug)]
pub struct Private {
    folder: PathBuf,
    services: Services,
}

impl Private {
    /// Starts servers by name: `kafka`, `registry`, `postgres`, `mariadb`, `redis`, `mosquitto`, `opensearch`,
    /// `elasticsearch`.
    ///
    /// The registry keeps its schemas in memory: they are gone after a kill or stop. The others keep their data.
    pub async fn start(names: &[&str]) -> Self {
        Self::start_with(names, &[]).await
    }

    /// An MQTT broker with these lines of `mosquitto.conf` instead of "anybody may connect, nothing is kept".
    /// `{tls_port}` stands for the port of a second listener (`MQTT_TLS` of the settings), `{data}` for its data folder.
    pub async fn mosquitto(lines: &[&str]) -> Self {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Self::start_with(&["mosquitto"], &[("mosquitto.overrides", text)]).await
    }

    /// As [`Private::start`]; PostgreSQL and MariaDB offer TLS with the certificate of `keystores/testdata/localhost`.
    pub async fn start_with_tls(names: &[&str]) -> Self {
        Self::start_with(names, &[("tls", String::new())]).await
    }

    /// A Redis server with these lines in its configuration; one of them may make it a sentinel. `{port}` and
    /// `{extra_port}` stand for its port and a second one (`REDIS_EXTRA` of the settings).
    pub async fn redis(lines: &[&str]) -> Self {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Self::start_with(&["redis"], &[("redis.overrides", text)]).await
    }

    /// A broker with additional settings. `{port}`, `{controller_port}` and `{extra_port}` in a value stand for the
    /// broker's ports, so that a test may add a listener (`extra_port` is `KAFKA_EXTRA_PORT` of the settings).
    pub async fn broker(overrides: &[(&str, &str)]) -> Self {
        let lines: String = overrides.iter().map(|(k, v)| format!("{k}={v}\n")).collect();
        Self::start_with(&["kafka"], &[("kafka.overrides", lines)]).await
    }

    /// `files`: what the starter reads from the set's folder.
    async fn start_with(names: &[&str], files: &[(&str, String)]) -> Self {
        let folder = services::folder().join("private").join(unique("set"));
        std::fs::create_dir_all(&folder).unwrap_or_else(|e| panic!("cannot create {}: {e}", folder.display()));
        for (name, content) in files {
            let path = folder.join(name);
            std::fs::write(&path, content).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        }
        // Made before the start, so that its drop cleans up after a failed one.
        let mut set = Self {
            folder,
            services: Services::parse(""),
        };
        set.again(names).await;
        set
    }

    /// Addresses of the servers that run.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Ends servers at once (SIGKILL).
    pub async fn kill(&mut self, names: &[&str]) {
        self.run("kill", names).await;
    }

    /// Ends servers in order.
    pub async fn stop(&mut self, names: &[&str]) {
        self.run("stop", names).await;
    }

    /// Starts stopped servers again, on the same port with the same data, and waits until they answer.
    pub async fn again(&mut self, names: &[&str]) {
        self.run("start", names).await;
        let path = self.folder.join("env");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
        self.services = Services::parse(&text);
    }

    /// Freezes servers: connections stay open, nothing answers.
    pub async fn pause(&mut self, names: &[&str]) {
        self.run("pause", names).await;
    }

    /// Lets frozen servers go on.
    pub async fn resume(&mut self, names: &[&str]) {
        self.run("resume", names).await;
    }

    async fn run(&self, action: &str, names: &[&str]) {
        let mut arguments = arguments(&self.folder, action);
        arguments.extend(names.iter().map(|&n| n.to_owned()));
        let result = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            services::run(&arguments)
        });
        match result.await {
            Ok(Ok(_)) => {}
            Ok(Err(complaint)) => panic!("cannot {action} {names:?}: {complaint}"),
            Err(e) => panic!("cannot {action} {names:?}: {e}"),
        }
    }
}

fn arguments(folder: &Path, action: &str) -> Vec<String> {
    let owner = std::process::id().to_string();
    let folder = folder.display().to_string();
    ["--dir", &folder, "--owner", &owner, action]
        .map(str::to_owned)
        .to_vec()
}

impl Drop for Private {
    fn drop(&mut self) {
        let mut arguments = arguments(&self.folder, "kill");
        arguments.push("--wipe".to_owned());
        let all = [
            "kafka",
            "registry",
            "postgres",
            "mariadb",
            "redis",
            "mosquitto",
            "opensearch",
            "elasticsearch",
        ];
        arguments.extend(all.map(str::to_owned));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match services::run(&arguments) {
            Ok(_) => {
                let _ = std::fs::remove_dir_all(&self.folder);
            }
            Err(complaint) if std::thread::panicking() => eprintln!("private services stay: {complaint}"),
            Err(complaint) => panic!("cannot remove the private services: {complaint}"),
        }
    }
}
