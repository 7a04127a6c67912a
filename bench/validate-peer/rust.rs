// The crate jsonschema as a peer of bench/validate.c, which says how a peer is asked.
use std::io::{BufRead, Write};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}
extern "C" {
    fn clock_gettime(clock: i32, now: *mut Timespec) -> i32;
}

/// The processor time of this process, in nanoseconds.
fn now() -> i64 {
    const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
    let mut t = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.seconds * 1_000_000_000 + t.nanoseconds
}

fn measure(run: impl Fn() -> usize, count: usize, ms: i64) -> f64 {
    let start = now();
    let mut runs = 0;
    loop {
        std::hint::black_box(run());
        runs += 1;
        let elapsed = now() - start;
        if elapsed >= ms * 1_000_000 {
            return elapsed as f64 / (runs * count) as f64;
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let schema: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&args[1]).unwrap()).unwrap();
    let text = std::fs::read_to_string(&args[2]).unwrap();
    let validator = jsonschema::options()
        .should_validate_formats(false)
        .build(&schema)
        .expect("the schema");
    let lines: Vec<&[u8]> =
        text.split('\n').filter(|l| !l.is_empty()).map(|l| l.as_bytes()).collect();
    let values: Vec<serde_json::Value> =
        lines.iter().map(|l| serde_json::from_slice(l).unwrap()).collect();
    let alone = || values.iter().filter(|v| validator.is_valid(v)).count();
    let bytes = || {
        let read = |l: &&&[u8]| serde_json::from_slice::<serde_json::Value>(l).unwrap();
        lines.iter().filter(|l| validator.is_valid(&read(l))).count()
    };
    let verdicts: String =
        values.iter().map(|v| if validator.is_valid(v) { '1' } else { '0' }).collect();
    println!("{verdicts}");
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let (mode, ms) = line.split_once(' ').unwrap();
        let ms = ms.parse().unwrap();
        match mode {
            "alone" => println!("{}", measure(alone, values.len(), ms)),
            "bytes" => println!("{}", measure(bytes, values.len(), ms)),
            _ => println!("-"),
        }
        std::io::stdout().flush().unwrap();
    }
}
