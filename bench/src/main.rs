//! Speed and size of the worker beside a bare client loop, on real servers of this machine.
//!
//! Each scenario moves the same rows twice: once by a loop that does the least a client can do (read and discard; COPY; pipelined SETs), once
//! by a worker with a connector. Both are measured in the same run, so the ratio says something even on a noisy machine. Rows
//! have eight columns: bigint, int, text, two doubles, a real, a timestamp and 128 characters of text; records are Avro.
//! The MQTT scenarios move as many messages of raw bytes at QoS 1: positions of buses into Kafka, texts out of it.
//!
//! `cargo run --release -p turnbuckle-bench -- [--rows N] [NAME…]`

mod bare;
mod measure;
mod mqtt;
mod scenario;

use measure::Measured;
use scenario::{Scenario, Setup};

/// What the command line asks for.
struct Arguments {
    rows: u64,
    only: Vec<String>,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments {
        rows: 1_000_000,
        only: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--rows" {
            let number = words.next().and_then(|text| text.parse().ok());
            parsed.rows = number.ok_or("--rows needs a number")?;
        } else if scenario::ALL.iter().any(|known| known.name == word) {
            parsed.only.push(word);
        } else {
            let names: Vec<&str> = scenario::ALL.iter().map(|known| known.name).collect();
            return Err(format!("{word}: no such scenario; there are {}", names.join(", ")));
        }
    }
    Ok(parsed)
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("bench: {error}");
            return std::process::ExitCode::from(2);
        }
    };
    let chosen = |scenario: &&Scenario| arguments.only.is_empty() || arguments.only.iter().any(|n| n == scenario.name);
    eprintln!("preparing {} rows …", arguments.rows);
    let needs_tables = scenario::ALL.iter().filter(chosen).any(Scenario::needs_tables);
    let setup = Setup::new(arguments.rows, needs_tables).await;
    println!("| scenario | rows/s | rows per CPU-s | peak MB | bare rows/s | bare rows per CPU-s | worker/bare wall |");
    println!("|---|---|---|---|---|---|---|");
    for scenario in scenario::ALL.iter().filter(chosen) {
        eprintln!("{}: bare client loop …", scenario.name);
        let bare = setup.run_bare(scenario).await;
        eprintln!("{}: worker …", scenario.name);
        let worker = setup.run_worker(scenario).await;
        println!("{}", row(scenario.name, arguments.rows, &worker, &bare));
    }
    std::process::ExitCode::SUCCESS
}

fn row(name: &str, rows: u64, worker: &Measured, bare: &Measured) -> String {
    let ratio = bare.wall.as_secs_f64() / worker.wall.as_secs_f64();
    format!(
        "| {name} | {} | {} | {:.0} | {} | {} | {ratio:.2} |",
        thousands(rows as f64 / worker.wall.as_secs_f64()),
        thousands(rows as f64 / worker.cpu.as_secs_f64()),
        worker.peak_bytes as f64 / 1e6,
        thousands(rows as f64 / bare.wall.as_secs_f64()),
        thousands(rows as f64 / bare.cpu.as_secs_f64()),
    )
}

fn thousands(number: f64) -> String {
    format!("{:.0} k", number / 1000.0)
}
