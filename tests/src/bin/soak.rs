//! `soak [--rounds N] [--rows N] [--exactly-once] [--seed N]`: three workers carry rows from a table through a topic into
//! another table while workers are killed, frozen and restarted and the broker is killed, a fault a round. At the end no row
//! is missing at either end; with exactly-once sources none is in the topic twice, as a reader of committed records sees it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turnbuckle_tests::db::Database;
use turnbuckle_tests::kafka::Kafka;
use turnbuckle_tests::private::Private;
use turnbuckle_tests::worker::{Program, Worker, WorkerSpec};
use turnbuckle_tests::{unique, wait_for};

const PATIENCE: Duration = Duration::from_secs(180);
/// Longer than the workers' session timeout.
const FREEZE: Duration = Duration::from_secs(8);

struct Arguments {
    rounds: u64,
    rows: u64,
    exactly_once: bool,
    seed: u64,
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments {
        rounds: 20,
        rows: 500_000,
        exactly_once: false,
        seed: 1,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let target = match word.as_str() {
            "--exactly-once" => {
                parsed.exactly_once = true;
                continue;
            }
            "--rounds" => &mut parsed.rounds,
            "--rows" => &mut parsed.rows,
            "--seed" => &mut parsed.seed,
            _ => {
                return Err(format!(
                    "{word}: not an option; there are --rounds, --rows, --seed, --exactly-once"
                ));
            }
        };
        let number = words.next().and_then(|text| text.parse().ok());
        *target = number
            .filter(|number| *number > 0)
            .ok_or_else(|| format!("{word} needs a number above 0"))?;
    }
    Ok(parsed)
}

/// A small generator, so that a seed tells the whole run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }
}

struct Soak {
    broker: Private,
    kafka: Kafka,
    database: Database,
    workers: Vec<Worker>,
    topic: String,
    sink: String,
}

impl Soak {
    async fn start(exactly_once: bool) -> Self {
        let broker = Private::broker(&[]).await;
        let kafka = Kafka::at(broker.services().kafka());
        let database = Database::postgres().await;
        database
            .execute("CREATE TABLE numbers (id BIGINT PRIMARY KEY, name TEXT NOT NULL)")
            .await;
        let support = if exactly_once { "enabled" } else { "disabled" };
        let first = WorkerSpec::distributed(Program::Turnbuckle)
            .properties(&[
                ("bootstrap.servers", broker.services().kafka()),
                ("exactly.once.source.support", support),
                ("session.timeout.ms", "6000"),
                ("heartbeat.interval.ms", "1000"),
                ("consumer.session.timeout.ms", "6000"),
                ("consumer.isolation.level", "read_committed"),
                ("turnbuckle.restart.max.attempts", "-1"),
            ])
            .start()
            .await;
        let mut workers = vec![first];
        while workers.len() < 3 {
            let next = workers[0].join(Program::Turnbuckle).await;
            workers.push(next);
        }
        let prefix = unique("soak-");
        let topic = format!("{prefix}numbers");
        kafka.create_topic(&topic, 1, &[]).await;
        let soak = Self {
            broker,
            kafka,
            database,
            workers,
            topic,
            sink: unique("soak-sink"),
        };
        soak.create_connectors(&prefix).await;
        soak
    }

    async fn create_connectors(&self, prefix: &str) {
        let database = &self.database;
        let common = json!({
            "connection.url": database.jdbc_url(), "connection.user": database.user(),
            "connection.password": database.password(), "tasks.max": "1",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter"});
        let with = |more: Value| {
            let mut config = common.clone();
            if let (Some(config), Some(more)) = (config.as_object_mut(), more.as_object()) {
                config.extend(more.clone());
            }
            config
        };
        let source = with(json!({
            "connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "mode": "incrementing",
            "incrementing.column.name": "id", "table.whitelist": "numbers", "topic.prefix": prefix,
            "poll.interval.ms": "100", "batch.max.rows": "1000"}));
        let sink = with(json!({
            "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector", "topics": self.topic,
            "table.name.format": "copy", "auto.create": "true", "insert.mode": "upsert", "pk.mode": "record_value",
            "pk.fields": "id"}));
        self.workers[0].rest.put_config(&unique("soak-source"), &source).await;
        self.workers[1].rest.put_config(&self.sink, &sink).await;
    }

    /// Adds rows, hurts something while they are carried, and makes it whole again.
    async fn round(&mut self, first: u64, last: u64, dice: &mut Dice) -> &'static str {
        self.database
            .execute(&format!(
                "INSERT INTO numbers SELECT n, 'row ' || n FROM generate_series({first}, {last}) n"
            ))
            .await;
        let victim = dice.below(self.workers.len());
        match dice.below(4) {
            0 => {
                self.workers[victim].kill9();
                self.workers[victim].start_again().await;
                "a worker was killed"
            }
            1 => {
                self.workers[victim].process.signal("STOP");
                tokio::time::sleep(FREEZE).await;
                self.workers[victim].process.signal("CONT");
                "a worker was frozen for longer than its session"
            }
            2 => {
                self.workers[victim].terminate().await;
                self.workers[victim].start_again().await;
                "a worker was restarted"
            }
            _ => {
                self.broker.kill(&["kafka"]).await;
                self.broker.again(&["kafka"]).await;
                "the broker was killed"
            }
        }
    }

    /// Waits until the last row is in the second table, then looks at all of them.
    async fn verify(&self, rows: u64, exactly_once: bool) {
        wait_for(&format!("{rows} rows in the second table"), PATIENCE, async || {
            let count = self.database.try_rows("SELECT count(*)::text FROM copy").await;
            match count {
                Ok(found) if found == [[Some(rows.to_string())]] => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let different = self
            .database
            .value(
                "SELECT count(*)::text FROM numbers n LEFT JOIN copy c USING (id) WHERE c.name IS DISTINCT FROM n.name",
            )
            .await;
        assert_eq!(different, "0", "rows that differ or are missing");
        let messages = self.kafka.read_committed_at_least(&self.topic, rows as usize).await;
        let repeated = messages.len() as u64 - rows;
        println!("{rows} rows at both ends, {repeated} records came again");
        assert!(!exactly_once || repeated == 0, "exactly-once sources repeat nothing");
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::from(2);
        }
    };
    let mut soak = Soak::start(arguments.exactly_once).await;
    let mut dice = Dice(arguments.seed);
    let each = arguments.rows.div_ceil(arguments.rounds);
    let mut last = 0;
    for round in 1..=arguments.rounds {
        let (first, started) = (last + 1, Instant::now());
        last = (last + each).min(arguments.rows);
        if first > last {
            break;
        }
        let fault = soak.round(first, last, &mut dice).await;
        println!(
            "round {round}: rows {first} to {last}, {fault}, {:.1} s",
            started.elapsed().as_secs_f64()
        );
    }
    soak.verify(last, arguments.exactly_once).await;
    ExitCode::SUCCESS
}
