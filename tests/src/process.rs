//! A child process with its output in a file, as seen by /proc.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::wait_for;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program; both output streams are appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let open = || File::options().create(true).append(true).open(log);
        let output = open().and_then(|out| Ok((out, open()?)));
        let (out, err) = output.unwrap_or_else(|e| panic!("cannot write {}: {e}", log.display()));
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", command.get_program().to_string_lossy()));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, once it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child
            .try_wait()
            .unwrap_or_else(|e| panic!("cannot wait for process {}: {e}", self.pid()))
    }

    /// SIGKILL, and waits for the end.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// When it does not end within 60 s, which is more than the worker gives its tasks.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        let pid = self.pid();
        wait_for(
            &format!("the end of process {pid} after SIGTERM"),
            Duration::from_secs(60),
            async || {
                self.exited()
                    .ok_or_else(|| format!("still running\n{}", self.log_tail(20)))
            },
        )
        .await
    }

    /// Sends a signal by its name, such as `STOP` and `CONT`, unless the process has ended.
    pub fn signal(&mut self, name: &str) {
        if self.exited().is_some() {
            return;
        }
        let pid = self.pid().to_string();
        let status = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid])
            .status();
        assert!(
            status.is_ok_and(|s| s.success()),
            "cannot send SIG{name} to process {pid}"
        );
    }

    /// Everything it has written.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Path of the log.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Whether the log holds a text.
    pub fn log_contains(&self, text: &str) -> bool {
        self.log().contains(text)
    }

    /// Last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        self.status_kilobytes("VmRSS:") * 1024
    }

    /// Highest resident memory so far in bytes.
    pub fn peak_rss(&self) -> u64 {
        self.status_kilobytes("VmHWM:") * 1024
    }

    fn status_kilobytes(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix(field));
        let number = line
            .and_then(|l| l.split_whitespace().next())
            .and_then(|n| n.parse().ok());
        number.unwrap_or_else(|| panic!("process {} has no {field} any more", self.pid()))
    }

    /// Processor time used so far by all its threads. The kernel counts in hundredths of a second.
    pub fn cpu_time(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The second field is the program's name in parentheses, which may hold anything.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<u64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Duration::from_millis((user + system) * 10),
            _ => panic!("process {} has no processor time any more", self.pid()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill9();
    }
}
