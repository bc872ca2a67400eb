//! The `turnbuckle` command.

use clap::Parser;
use std::process::ExitCode;
use turnbuckle::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
