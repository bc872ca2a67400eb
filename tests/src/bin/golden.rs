//! `golden [DIR]`: runs the golden cases of a folder against the plugins of this project.

use std::path::PathBuf;
use std::process::ExitCode;

use turnbuckle_tests::golden;

fn main() -> ExitCode {
    let dir = std::env::args_os()
        .nth(1)
        .map_or_else(golden::default_dir, PathBuf::from);
    match golden::run(&dir, &golden::plugins()) {
        Ok(summary) if summary.failed == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
