//! What the entries weigh: plain payloads, zstd of them, bincode of the entries, stored runs; and
//! what verifying every signature costs.

use std::{path::Path, time::Instant};

use muster_log::{
    chain,
    entry::PartBody,
    ids::{Class, Seq},
};
use serde_json::{Value as Json, json};

use crate::{Outcome, load};

/// Level of the runs on the wire.
const LEVEL: i32 = 3;

/// Weighs all entries of lane 1.
pub fn weigh(home: &Path) -> Outcome<Json> {
    let (engine, _) = load::open(home)?;
    let incident = engine.incident();
    let (mut plain, mut whole, mut bincode) = (0_u64, Vec::new(), 0_u64);
    let (mut stored, mut in_runs, mut chunk, mut held) = (0_u64, 0_u64, Vec::new(), 0);
    let (mut entries, mut proving, mut proven) = (0_u64, 0.0, 0_u64);
    for log in engine.book().logs() {
        let mut at = Seq(0);
        while let Some(run) = engine.run_from(&log.id(), at)? {
            let one = run.to_run();
            if entries % 20 == 0 {
                let start = Instant::now();
                chain::verify(&incident, one)?;
                proving += start.elapsed().as_secs_f64();
                proven += 1;
            }
            for entry in run.entries() {
                entries += 1;
                bincode += entry.header().to_bytes().len() as u64 + 64;
                for (part, body) in (0_u8..).zip(entry.parts()) {
                    let PartBody::Stored(bytes) = body else {
                        continue;
                    };
                    stored += bytes.len() as u64;
                    bincode += bytes.len() as u64 + 2;
                    let class = entry.header().parts.get(usize::from(part)).map(|p| p.class);
                    let opened = engine.book().keys().open_part(&run.id(), entry, part);
                    let bytes = match opened {
                        Some(plain) if class != Some(Class::C0) => plain.to_vec(),
                        _ => bytes.clone(),
                    };
                    plain += bytes.len() as u64;
                    whole.extend_from_slice(&bytes);
                    chunk.extend_from_slice(&bytes);
                }
                held += 1;
                if held == chain::MAX_RUN {
                    in_runs += zstd::bulk::compress(&chunk, LEVEL)?.len() as u64;
                    chunk.clear();
                    held = 0;
                }
            }
            match run.last().next() {
                Some(next) => at = next,
                None => break,
            }
        }
    }
    in_runs += zstd::bulk::compress(&chunk, LEVEL)?.len() as u64;
    Ok(json!({
        "entries": entries, "plain_bytes": plain, "stored_bytes": stored,
        "bincode_bytes": bincode, "zstd_runs_bytes": in_runs,
        "zstd_whole_bytes": zstd::bulk::compress(&whole, LEVEL)?.len(),
        "verified_one_by_one_per_s": (proven as f64 / proving).round(),
    }))
}
