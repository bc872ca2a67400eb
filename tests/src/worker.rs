//! A Connect worker under test: this project's binary, or the JVM worker it must behave like.
//!
//! [`WorkerSpec`] collects properties; starting it writes the properties file, picks a free REST port, runs the
//! program and waits until its REST API answers. The same interface serves both kinds, so that a test can run
//! against either, or put both into one group.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use crate::process::Process;
use crate::rest::Rest;
use crate::{free_port, services, unique, wait_for};

const JSON_CONVERTER: &str = "org.apache.kafka.connect.json.JsonConverter";

/// Which program is the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The binary of this project: `$TURNBUCKLE_BIN`, else the one cargo built beside the test.
    Turnbuckle,
    /// Apache Kafka's worker with its own FileStream connectors on the class path.
    Jvm,
}

/// How a worker is to be started. Later properties replace earlier ones of the same key.
#[derive(Debug, Clone)]
pub struct WorkerSpec {
    program: Program,
    standalone: bool,
    in_environment: bool,
    properties: Vec<(String, String)>,
    environment: Vec<(String, String)>,
    connectors: Vec<PathBuf>,
    class_path: Vec<PathBuf>,
}

impl WorkerSpec {
    /// A distributed worker in a group of its own on the shared broker, with JSON converters and short intervals.
    pub fn distributed(program: Program) -> Self {
        let group = unique("connect");
        let topic = |kind: &str| format!("{group}-{kind}");
        Self::common(program, false).properties(&[
            ("group.id", &group),
            ("config.storage.topic", &topic("configs")),
            ("config.storage.replication.factor", "1"),
            ("offset.storage.topic", &topic("offsets")),
            ("offset.storage.replication.factor", "1"),
            ("offset.storage.partitions", "2"),
            ("status.storage.topic", &topic("status")),
            ("status.storage.replication.factor", "1"),
            ("status.storage.partitions", "2"),
            ("scheduled.rebalance.max.delay.ms", "0"),
        ])
    }

    /// A standalone worker; its offset file lies in its own folder unless `offset.storage.file.filename` is given.
    pub fn standalone(program: Program) -> Self {
        Self::common(program, true)
    }

    fn common(program: Program, standalone: bool) -> Self {
        let empty = Self {
            program,
            standalone,
            in_environment: false,
            properties: Vec::new(),
            environment: Vec::new(),
            connectors: Vec::new(),
            class_path: Vec::new(),
        };
        empty.properties(&[
            ("bootstrap.servers", services::shared().kafka()),
            ("key.converter", JSON_CONVERTER),
            ("value.converter", JSON_CONVERTER),
            ("offset.flush.interval.ms", "500"),
        ])
    }

    /// Sets worker properties.
    pub fn properties(mut self, properties: &[(&str, &str)]) -> Self {
        for (key, value) in properties {
            self.properties.retain(|(k, _)| k != key);
            self.properties.push(((*key).to_owned(), (*value).to_owned()));
        }
        self
    }

    /// Leaves a property out.
    pub fn without(mut self, key: &str) -> Self {
        self.properties.retain(|(k, _)| k != key);
        self
    }

    /// Gives all properties as `CONNECT_…` variables instead of a file, as container images do. Not for the JVM worker.
    pub fn in_environment(mut self) -> Self {
        self.in_environment = true;
        self
    }

    /// Sets environment variables.
    pub fn environment(mut self, variables: &[(&str, &str)]) -> Self {
        self.environment
            .extend(variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        self
    }

    /// Connector files for the command line of a standalone worker.
    pub fn connectors(mut self, files: &[&Path]) -> Self {
        self.connectors.extend(files.iter().map(|f| f.to_path_buf()));
        self
    }

    /// More entries for the class path of the JVM worker, such as `folder/*`.
    pub fn class_path(mut self, entries: &[&Path]) -> Self {
        self.class_path.extend(entries.iter().map(|e| e.to_path_buf()));
        self
    }

    /// A property's value as set so far.
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// Starts the worker and waits until its REST API answers `GET /connectors`.
    pub async fn start(self) -> Worker {
        let mut worker = self.launch();
        worker.wait_ready().await;
        worker
    }

    /// Starts the worker without waiting, for one that is expected to refuse its configuration.
    pub fn launch(self) -> Worker {
        let folder = tempfile::Builder::new().prefix("turnbuckle-worker-").tempdir();
        let folder = folder.unwrap_or_else(|e| panic!("cannot create a folder for the worker: {e}"));
        let port = free_port();
        let mut spec = self;
        if spec.property("listeners").is_none() {
            let listener = format!("http://127.0.0.1:{port}");
            spec = spec.properties(&[("listeners", &listener), ("rest.advertised.host.name", "127.0.0.1")]);
        }
        if spec.standalone && spec.property("offset.storage.file.filename").is_none() {
            let offsets = folder.path().join("offsets").display().to_string();
            spec = spec.properties(&[("offset.storage.file.filename", &offsets)]);
        }
        let listener = spec
            .property("listeners")
            .and_then(|l| l.split(',').next())
            .unwrap_or_default()
            .to_owned();
        let process = spec.run(folder.path());
        Worker {
            rest: Rest::at(&listener),
            process,
            spec,
            folder,
        }
    }

    fn run(&self, folder: &Path) -> Process {
        let mut command = match self.program {
            Program::Turnbuckle => self.turnbuckle(),
            Program::Jvm => self.jvm(),
        };
        if self.in_environment {
            command.envs(self.properties.iter().map(|(k, v)| (variable(k), v)));
        } else {
            let config = folder.join("worker.properties");
            let pairs = self.properties.iter();
            let text: String = pairs.map(|(k, v)| format!("{}={}\n", escape(k), escape(v))).collect();
            std::fs::write(&config, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", config.display()));
            command.arg(config);
        }
        command.args(&self.connectors).current_dir(folder);
        command.envs(self.environment.iter().map(|(k, v)| (k, v)));
        Process::start(command, &folder.join("log"))
    }

    fn turnbuckle(&self) -> Command {
        let mut command = Command::new(binary());
        command.arg(if self.standalone { "standalone" } else { "distributed" });
        command
    }

    fn jvm(&self) -> Command {
        let services = services::shared();
        let mut class_path = format!("{}/*", services.kafka_library());
        for entry in &self.class_path {
            class_path = format!("{class_path}:{}", entry.display());
        }
        let mode = if self.standalone {
            "ConnectStandalone"
        } else {
            "ConnectDistributed"
        };
        let mut command = Command::new("java");
        command.args(["-Xmx512m", "-cp", &class_path, "-Dlog.level=INFO"]);
        command.arg(format!("-Dlog4j2.configurationFile={}", services.get("LOG4J")));
        command.arg(format!("org.apache.kafka.connect.cli.{mode}"));
        command
    }
}

/// Path of this project's worker.
///
/// # Panics
/// When there is none, with the command that builds it.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TURNBUCKLE_BIN") {
        return PathBuf::from(path);
    }
    let exe = std::env::current_exe().unwrap_or_else(|e| panic!("cannot tell the path of this program: {e}"));
    // target/PROFILE/deps/TEST or target/PROFILE/PROGRAM
    let found = exe
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join("turnbuckle"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "no worker beside {}: run cargo build -p turnbuckle, or set TURNBUCKLE_BIN",
            exe.display()
        )
    })
}

/// A running worker; dropping it kills it. When a test panics, the worker's folder stays for inspection.
#[derive(Debug)]
pub struct Worker {
    /// Its REST API.
    pub rest: Rest,
    /// Its process: memory, processor time, log, signals.
    pub process: Process,
    spec: WorkerSpec,
    folder: TempDir,
}

impl Worker {
    /// This project's worker, distributed; see [`WorkerSpec::distributed`].
    pub async fn distributed(properties: &[(&str, &str)]) -> Self {
        WorkerSpec::distributed(Program::Turnbuckle)
            .properties(properties)
            .start()
            .await
    }

    /// This project's worker, standalone, with connector files.
    pub async fn standalone(properties: &[(&str, &str)], connectors: &[&Path]) -> Self {
        WorkerSpec::standalone(Program::Turnbuckle)
            .properties(properties)
            .connectors(connectors)
            .start()
            .await
    }

    /// The JVM worker, distributed.
    pub async fn jvm_distributed(properties: &[(&str, &str)]) -> Self {
        WorkerSpec::distributed(Program::Jvm)
            .properties(properties)
            .start()
            .await
    }

    /// The JVM worker, standalone, with connector files.
    pub async fn jvm_standalone(properties: &[(&str, &str)], connectors: &[&Path]) -> Self {
        WorkerSpec::standalone(Program::Jvm)
            .properties(properties)
            .connectors(connectors)
            .start()
            .await
    }

    /// Starts another worker of either kind in this one's group, with the same properties.
    pub async fn join(&self, program: Program) -> Self {
        let mut spec = self.spec.clone();
        spec.program = program;
        spec.properties.retain(|(key, _)| key != "listeners");
        spec.start().await
    }

    /// A property the worker was started with.
    ///
    /// # Panics
    /// When it was not set.
    pub fn property(&self, key: &str) -> &str {
        self.spec
            .property(key)
            .unwrap_or_else(|| panic!("the worker was started without {key}"))
    }

    /// Folder with its properties file, log and other files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `host:port` under which it is known to its group.
    pub fn id(&self) -> &str {
        self.rest
            .base()
            .trim_start_matches("http://")
            .trim_start_matches("https://")
    }

    /// Waits until the REST API lists connectors: a distributed worker has then read its topics.
    pub async fn wait_ready(&mut self) {
        let process = &mut self.process;
        wait_for("the worker's REST API", Duration::from_secs(90), async || {
            if let Some(status) = process.exited() {
                panic!(
                    "the worker ended at its start: {status}; its log ends with\n{}",
                    process.log_tail(30)
                );
            }
            match self.rest.try_request("GET", "/connectors", None).await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!(
                    "HTTP {}: {}\n{}",
                    answer.status,
                    answer.body,
                    process.log_tail(20)
                )),
                Err(e) => Err(format!("{e}\n{}", process.log_tail(20))),
            }
        })
        .await;
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        self.process.kill9();
    }

    /// SIGTERM, and waits for the end.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.terminate().await
    }

    /// Starts an ended worker again with the same properties, port and folder; the log goes on.
    pub async fn start_again(&mut self) {
        self.process.kill9();
        self.process = self.spec.run(self.folder.path());
        self.wait_ready().await;
    }

    /// Whether its log holds a text.
    pub fn log_contains(&self, text: &str) -> bool {
        self.process.log_contains(text)
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        self.process.rss()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!(
                "the worker's files stay in {}; its log ends with",
                self.folder.path().display()
            );
            eprintln!("{}", self.process.log_tail(30));
        }
    }
}

/// The variable that stands for a property.
fn variable(property: &str) -> String {
    let name = property.replace('_', "___").replace('-', "__").replace('.', "_");
    format!("CONNECT_{}", name.to_uppercase())
}

/// A key or value as java.util.Properties reads it back.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, c) in text.chars().enumerate() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            ' ' if index == 0 => escaped.push_str("\\ "),
            '=' | ':' | '#' | '!' => escaped.extend(['\\', c]),
            c if (' '..='~').contains(&c) => escaped.push(c),
            c => {
                let mut units = [0; 2];
                escaped.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_escaped() {
        let cases = [
            ("a.b", "a.b"),
            ("http://h:1", "http\\://h\\:1"),
            (" x y", "\\ x y"),
            ("a\\b\n", "a\\\\b\\n"),
            ("é", "\\u00e9"),
        ];
        for (text, expected) in cases {
            assert_eq!(escape(text), expected, "{text:?}");
        }
    }
}
