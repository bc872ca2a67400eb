//! How long a generated record takes, alone and with its value as JSON:
//! `cargo run --release -p turnbuckle-datagen --example datagen_speed`.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};
use turnbuckle_api::converter::ConverterRole;
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::source::SourceTask;
use turnbuckle_api::testkit::TestContext;
use turnbuckle_api::{Headers, Props};
use turnbuckle_converters::json;
use turnbuckle_datagen::DatagenTask;

const RECORDS: usize = 1_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let PluginKind::Converter { converter: create, .. } = json::PLUGIN.kind else {
        return Err("the JSON converter is no converter".into());
    };
    for quickstart in ["pageviews", "users", "orders", "ratings", "transactions", "clickstream"] {
        let config = Props::new()
            .with("kafka.topic", "t")
            .with("quickstart", quickstart)
            .with("max.interval", "0")
            .with("task.id", "0");
        let mut task = DatagenTask::default();
        task.start(TestContext::new(Props::new()), &config).await?;
        let mut converter = create(&Props::new().with("schemas.enable", "false"), ConverterRole::Value)?;
        let mut generating = Duration::ZERO;
        let mut converting = Duration::ZERO;
        let mut count = 0;
        let mut out = Vec::new();
        while count < RECORDS {
            let start = Instant::now();
            let records = task.poll().await?.unwrap_or_default();
            generating += start.elapsed();
            count += records.len();
            let start = Instant::now();
            for record in &records {
                out.clear();
                let value = &record.value;
                let schema = value.schema.as_ref();
                converter.from_connect("t", &mut Headers::default(), schema, &value.value, &mut out)?;
                black_box(&out);
            }
            converting += start.elapsed();
        }
        let per_second = |time: Duration| count as f64 / time.as_secs_f64();
        println!(
            "{quickstart}: {:.0} records/s generated, {:.0} records/s with their JSON",
            per_second(generating),
            per_second(generating + converting)
        );
    }
    Ok(())
}
