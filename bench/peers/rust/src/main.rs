// The crate jsonschema with serde_json, as bench/validate.c does it: for each folder (schema.json,
// instances.jsonl) its name, verdicts, and nanoseconds a document: bytes to verdict, validation alone.
use std::{env, fs, hint::black_box, time::Instant};

const ROUND_NS: u128 = 100_000_000;
const ROUNDS: usize = 7;

fn best(documents: usize, mut all: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed().as_nanos() < ROUND_NS {
            all();
            done += documents;
        }
        best = best.min(start.elapsed().as_nanos() as f64 / done as f64);
    }
    best
}

fn main() {
    for dir in env::args().skip(1) {
        let text = fs::read_to_string(format!("{dir}/schema.json")).unwrap();
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let lines = fs::read_to_string(format!("{dir}/instances.jsonl")).unwrap();
        let texts: Vec<&str> = lines.lines().collect();
        let values: Vec<serde_json::Value> = texts.iter().map(|t| serde_json::from_str(t).unwrap()).collect();
        let verdicts: String = values.iter().map(|v| if validator.is_valid(v) { '1' } else { '0' }).collect();
        let whole = best(texts.len(), || {
            for t in &texts {
                let v: serde_json::Value = serde_json::from_slice(t.as_bytes()).unwrap();
                black_box(validator.is_valid(&v));
            }
        });
        let alone = best(texts.len(), || {
            for v in &values {
                black_box(validator.is_valid(black_box(v)));
            }
        });
        println!("{dir}\t{verdicts}\t{whole:.0}\t{alone:.0}");
    }
}
