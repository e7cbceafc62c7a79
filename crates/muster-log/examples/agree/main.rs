//! What it costs two devices to find out which logs differ: bytes, messages and processor time of
//! several ways, side by side. `cargo run --release -p muster-log --example agree [SEED]`
//!
//! Bytes are both ways together, without the two summaries of 33 bytes that every way needs, and
//! until both sides know what the other has of each log that differs (negentropy: until its ids).

#![allow(clippy::unwrap_used, clippy::panic)]

mod bch;
mod iblt;
mod other;
mod ours;
mod world;

use world::{Cost, World};

/// A way to agree.
type Way = fn(&World) -> Cost;

const WAYS: [(&str, Way); 7] = [
    ("plain list, as before", other::list),
    ("dense heights, authors agreed", other::dense),
    ("negentropy", other::negentropy),
    ("rateless IBLT", iblt::agree),
    ("BCH, 48 bits, buckets", bch::agree::<48>),
    ("BCH, 32 bits, buckets", bch::agree::<32>),
    ("weighted sums (chosen)", ours::agree),
];

/// Logs, those that differ, and how many in a hundred of those only one side has.
const ROWS: [(u64, u64, u64); 8] = [
    (1_000, 1, 0),
    (1_000, 100, 0),
    (1_000, 100, 20),
    (10_000, 0, 0),
    (10_000, 100, 0),
    (10_000, 1_000, 0),
    (10_000, 1_000, 20),
    (100_000, 100, 0),
];

const RUNS: u64 = 5;

fn main() {
    let seed = std::env::args().nth(1).and_then(|s| s.parse().ok());
    let seed: u64 = seed.unwrap_or(2_026);
    println!("seed {seed}, {RUNS} runs each: median bytes (most), messages, processor ms");
    for (logs, differ, single) in ROWS {
        println!("\n{logs} logs, {differ} differ, {single} % of them on one side only");
        for (name, way) in WAYS {
            let run = |n| way(&World::new(seed + n, logs, differ, single));
            let mut costs: Vec<Cost> = (0..RUNS).map(run).collect();
            costs.sort_by_key(|c| c.bytes);
            let median = &costs[costs.len() / 2];
            let most = costs.last().map_or(0, |c| c.bytes);
            let ms = costs.iter().map(|c| c.ms).sum::<f64>() / RUNS as f64;
            let missed: u64 = costs.iter().map(|c| c.missed).sum();
            println!(
                "  {name:<32} {:>9} ({most:>9}) {:>3} {ms:>9.1} ms{}",
                median.bytes,
                median.messages,
                match missed {
                    0 => String::new(),
                    n => format!("   {n} left for the next round"),
                }
            );
        }
    }
}
