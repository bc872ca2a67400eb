//! The command line: parse, set up logging, run one command. Exit codes are Connect's: 1 for wrong usage, 2 if the worker
//! can't start, 3 if a standalone worker's connectors can't.

mod plugins;
mod validate;

use crate::config::{Mode, WorkerConfig, properties};
use crate::launch::{self, Failure, StandaloneFiles};
use crate::logging;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A Kafka Connect worker: the same REST API, connector JSON, topics and group protocol, in one small binary.
#[derive(Debug, Parser)]
#[command(name = "turnbuckle", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log: error, warn, info, debug, trace, or per module as in "info,turnbuckle::group=debug".
    #[arg(
        long,
        global = true,
        env = "TURNBUCKLE_LOG",
        default_value = "info",
        value_name = "LEVEL"
    )]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a worker that shares its work with all workers of the same group.id.
    ///
    /// Its properties are those of Kafka Connect's distributed worker. Environment variables override the file:
    /// CONNECT_GROUP_ID stands for group.id (_ is a dot, __ a dash, ___ an underscore).
    Distributed {
        /// Worker properties; without a file everything comes from CONNECT_* variables.
        properties: Option<PathBuf>,
    },
    /// Run a single worker that keeps source offsets in a file.
    Standalone {
        /// Worker properties.
        properties: PathBuf,
        /// Connectors: properties files, JSON objects of settings, or JSON as POST /connectors takes it.
        connectors: Vec<PathBuf>,
    },
    /// Try things out: a standalone worker with an embedded Kafka broker; nothing else has to run.
    ///
    /// The broker lives in memory, keeps 5 MiB per partition and does not compact; everything is gone at the end.
    Dev {
        /// Port of the REST API.
        #[arg(long, default_value_t = 8083)]
        port: u16,
        /// Connectors to start with.
        connectors: Vec<PathBuf>,
    },
    /// List the built-in plugins; with a class or alias, its settings.
    Plugins {
        /// Full class name or alias, as in JdbcSink.
        plugin: Option<String>,
    },
    /// Check a connector's configuration without running it.
    Validate {
        /// A connector file, as `standalone` takes it.
        connector: PathBuf,
        /// Worker properties to check against.
        #[arg(long, value_name = "FILE")]
        worker: Option<PathBuf>,
    },
}

/// Runs the command to its end.
pub fn run(cli: Cli) -> ExitCode {
    if let Err(error) = logging::start(&cli.log) {
        eprintln!("turnbuckle: {error}");
        return ExitCode::from(1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("turnbuckle: no threads to run on: {error}");
            return ExitCode::from(2);
        }
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Distributed { properties: file } => {
                let environment = properties::process_environment();
                let config = WorkerConfig::load(Mode::Distributed, file.as_deref(), environment)?;
                launch::distributed(config).await
            }
            Command::Standalone {
                properties: file,
                connectors,
            } => {
                let environment = properties::process_environment();
                let config = WorkerConfig::load(Mode::Standalone, Some(&file), environment)?;
                launch::standalone(config, StandaloneFiles(connectors)).await
            }
            Command::Dev { port, connectors } => crate::dev::run(port, StandaloneFiles(connectors)).await,
            Command::Plugins { plugin } => plugins::print(plugin.as_deref()),
            Command::Validate { connector, worker } => validate::print(&connector, worker.as_deref()).await,
        }
    });
    // Threads of clients that are still closing must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, error }) => {
            // A worker's log should hold why it ended; other commands just say it.
            if code != 1 {
                tracing::error!("{}", error.trace().trim_end());
            }
            eprintln!("turnbuckle: {error}");
            ExitCode::from(code)
        }
    }
}
