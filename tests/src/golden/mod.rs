//! Golden cases: recorded behaviour of the Java classes, run against the plugins of this project.
//!
//! [`run`] reads every `*.jsonl` of a folder. Each line is a case: it is read into the data model ([`cell`], [`record`]),
//! put through the plugin of the named class ([`case`]), and the answer is compared ([`equality`]). Avro cases talk to a
//! registry in this process, over HTTP ([`registry`]), so that the real client is used.

pub mod case;
pub mod cell;
pub mod equality;
pub mod record;
pub mod registry;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use turnbuckle_api::plugin::Plugin;

use case::{Outcome, Runner};

/// How many cases passed, failed, and were passed over because their class does not exist yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    /// Skipped cases per class.
    pub skipped: BTreeMap<String, usize>,
}

impl Summary {
    /// Number of skipped cases.
    pub fn skipped(&self) -> usize {
        self.skipped.values().sum()
    }

    fn add(&mut self, other: &Summary) {
        self.passed += other.passed;
        self.failed += other.failed;
        for (class, count) in &other.skipped {
            *self.skipped.entry(class.clone()).or_default() += count;
        }
    }
}

/// The plugins that the golden cases are about.
pub fn plugins() -> Vec<Plugin> {
    let mut plugins = turnbuckle_converters::plugins();
    plugins.extend(turnbuckle_transforms::plugins());
    plugins
}

/// The folder of cases: `GOLDEN`, else `../shared/golden` beside the workspace.
pub fn default_dir() -> PathBuf {
    match std::env::var_os("GOLDEN") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden"),
    }
}

/// Runs all cases of a folder (not of its subfolders), printing each failure and a line per file.
///
/// # Errors
/// A sentence, if the folder cannot be read or holds no cases, or a line is not a case.
pub fn run(dir: &Path, plugins: &[Plugin]) -> Result<Summary, String> {
    let runner = Runner::new(plugins)?;
    let mut total = Summary::default();
    for file in case_files(dir)? {
        let summary = run_file(&file, &runner)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name}: {} passed, {} failed, {} skipped",
            summary.passed,
            summary.failed,
            summary.skipped()
        );
        total.add(&summary);
    }
    for (class, count) in &total.skipped {
        println!("skipped {count}: no plugin {class}");
    }
    println!(
        "{} passed, {} failed, {} skipped",
        total.passed,
        total.failed,
        total.skipped()
    );
    Ok(total)
}

fn case_files(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let shown = dir.display();
    let hint = "give the folder as argument or in GOLDEN";
    let entries = fs::read_dir(dir).map_err(|e| format!("cannot read the golden cases in {shown}: {e}; {hint}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("cannot list {shown}: {e}"))?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(format!("no *.jsonl files in {shown}; {hint}"));
    }
    files.sort();
    Ok(files)
}

fn run_file(file: &Path, runner: &Runner) -> Result<Summary, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|e| format!("cannot read {shown}: {e}"))?;
    let mut summary = Summary::default();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let case: Json = serde_json::from_str(line).map_err(|e| format!("{shown}:{}: {e}", index + 1))?;
        match runner.run(&case) {
            Outcome::Passed => summary.passed += 1,
            Outcome::Skipped(class) => *summary.skipped.entry(class).or_default() += 1,
            Outcome::Failed(reason) => {
                summary.failed += 1;
                let id = case.get("id").and_then(Json::as_str).unwrap_or("(no id)");
                println!("FAILED {id}\n  {}", shorten(&reason));
            }
        }
    }
    Ok(summary)
}

/// At most this many characters of a failure are shown.
const SHOWN_CHARACTERS: usize = 1500;

fn shorten(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARACTERS {
        return text.to_owned();
    }
    let cut: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{cut}…")
}
