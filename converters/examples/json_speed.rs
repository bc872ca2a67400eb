//! How long JSON takes per record of eight columns: `cargo run --release -p turnbuckle-converters --example json_speed`.

use bytes::Bytes;
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;
use turnbuckle_api::converter::{ConverterRole, Step};
use turnbuckle_api::plugin::PluginKind;
use turnbuckle_api::{Headers, Props, Schema, SchemaRef, Struct, Type, Value};
use turnbuckle_converters::json;

const RECORDS: u32 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let PluginKind::Converter { converter: create, .. } = json::PLUGIN.kind else {
        return Err("the JSON converter is no converter".into());
    };
    let schema = schema();
    for enable in ["true", "false"] {
        let props = Props::new().with("schemas.enable", enable);
        let mut converter = create(&props, ConverterRole::Value)?;
        let values: Vec<Value> = (0..1000).map(|row| record(&schema, row)).collect();
        let mut out = Vec::new();
        let start = Instant::now();
        for row in 0..RECORDS as usize {
            out.clear();
            let value = &values[row % values.len()];
            converter.from_connect("t", &mut Headers::default(), Some(&schema), value, &mut out)?;
            black_box(&out);
        }
        println!(
            "write, schemas.enable={enable}: {:?} a record",
            start.elapsed() / RECORDS
        );
        let mut payloads = Vec::new();
        for value in &values {
            out.clear();
            converter.from_connect("t", &mut Headers::default(), Some(&schema), value, &mut out)?;
            payloads.push(Bytes::copy_from_slice(&out));
        }
        let start = Instant::now();
        for row in 0..RECORDS as usize {
            let read = converter.to_connect("t", Some(&payloads[row % payloads.len()]))?;
            if let Step::Done(read) = read {
                black_box(&read);
            }
        }
        println!(
            "read,  schemas.enable={enable}: {:?} a record",
            start.elapsed() / RECORDS
        );
    }
    Ok(())
}

fn schema() -> SchemaRef {
    Schema::structure()
        .name("bets")
        .field("id", Schema::primitive(Type::Int64, false))
        .field("account", Schema::primitive(Type::Int32, false))
        .field("market", Schema::primitive(Type::String, true))
        .field("stake", Schema::primitive(Type::Float64, true))
        .field("odds", Schema::primitive(Type::Float64, true))
        .field("margin", Schema::primitive(Type::Float32, true))
        .field("placed", Schema::timestamp().optional().finish())
        .field("note", Schema::primitive(Type::String, true))
        .finish()
}

fn record(schema: &SchemaRef, row: i64) -> Value {
    let values = vec![
        Value::Int64(1_000_000 + row),
        Value::Int32(row as i32 * 7),
        Value::text(format!("market-{row}")),
        Value::Float64(row as f64 * 1.37 + 0.01),
        Value::Float64(1.0 + row as f64 / 333.0),
        Value::Float32(row as f32 / 16.0),
        Value::Date(1_700_000_000_000 + row * 1001),
        Value::text("x".repeat(128)),
    ];
    Value::Struct(Struct::new(schema.clone(), values))
}
