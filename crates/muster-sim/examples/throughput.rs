//! Prints how many entries a second go through an in-memory session, and what each step costs.
//! `cargo run --release -p muster-sim --example throughput [entries]`
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use muster_log::{
    book::Book,
    chain::{self, Run},
    entry::PartBody,
    ids::Lane,
    keyring::KeyRing,
    role::Role,
    run,
    session::ReadRequest,
};
use muster_sim::{
    net::{Net, Weather},
    seed::Seed,
    world::World,
};

fn main() {
    let count: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(100_000);
    let mut world = World::with_devices(1, 3, Role::Coordinator).unwrap();
    let mut seed = Seed::new(1);
    let relay = world.admit(0, Role::Relay).unwrap();
    let started = Instant::now();
    for _ in 0..count {
        world.devices[0].write_need(&mut seed).unwrap();
    }
    report("write, seal, sign, admit", count, started.elapsed());

    let log = world.devices[0].log(Lane::DATA);
    let device = &world.devices[0];
    let first = device.book.log(&log.id(&device.book.incident()));
    let first = first
        .and_then(|l| l.hash_at(muster_log::ids::Seq(0)))
        .unwrap();
    let whole = ReadRequest::whole(log, 0, first, count as u64);
    let all = device.store.read(&whole, &device.book);
    let plain = plain_bytes(&world.devices[0].book, &all);
    let packed = zstd::bulk::compress(&plain, 3).unwrap().len();
    println!(
        "plain payloads {:.1} bytes an entry, their zstd -3 {:.1}",
        plain.len() as f64 / count as f64,
        packed as f64 / count as f64
    );
    steps(&world, joined(&all), count);
    drop(all);

    let mut net = Net::new(world, 1);
    for (name, to) in [("coordinator", 1), ("relay, no keys", relay)] {
        let started = Instant::now();
        let link = net.meet(0, to, Weather::CALM).unwrap();
        net.run().unwrap();
        let took = started.elapsed();
        let link = &net.links[link];
        assert_eq!(link.ends[0].in_sync, 1);
        report(&format!("WHOLE SESSION to a {name}"), count, took);
        println!(
            "    {:.1} bytes an entry on the wire, {:.2} times the zstd of the plain payloads, {} frames",
            link.bytes as f64 / count as f64,
            link.bytes as f64 / packed as f64,
            link.frames
        );
    }
}

fn report(what: &str, count: usize, took: Duration) {
    println!(
        "{what}: {:.0} entries/s, {:.2} us an entry",
        count as f64 / took.as_secs_f64(),
        took.as_secs_f64() * 1e6 / count as f64
    );
}

fn joined(runs: &[Run]) -> Vec<Run> {
    let mut out = Vec::new();
    for chunk in runs.chunks(chain::MAX_RUN) {
        let mut run = Run {
            log: chunk[0].log,
            before: chunk[0].before,
            entries: chunk.iter().flat_map(|r| r.entries.clone()).collect(),
        };
        let last = run.entries.len() - 1;
        run.entries[..last]
            .iter_mut()
            .for_each(|e| e.signature = None);
        out.push(run);
    }
    out
}

fn plain_bytes(book: &Book, runs: &[Run]) -> Vec<u8> {
    let mut out = Vec::new();
    for run in runs {
        let run = chain::verify(&book.incident(), run.clone()).unwrap();
        for entry in run.entries() {
            for (at, body) in (0u8..).zip(entry.parts()) {
                match (book.keys().open_part(&run.id(), entry, at), body) {
                    (Some(plain), _) => out.extend_from_slice(&plain),
                    (None, PartBody::Stored(bytes)) => out.extend_from_slice(bytes),
                    (None, PartBody::Absent) => {}
                }
            }
        }
    }
    out
}

/// The same work step by step, outside of any session.
fn steps(world: &World, runs: Vec<Run>, count: usize) {
    let incident = world.genesis.id();
    let (from, to) = (&world.devices[0], &world.devices[1]);
    let time = |what: &str, work: &mut dyn FnMut()| {
        let started = Instant::now();
        work();
        report(&format!("  {what}"), count, started.elapsed());
    };
    let mut plain = Vec::new();
    let keys: &KeyRing = from.book.keys();
    time("encode for a peer with keys (opens each part)", &mut || {
        plain = runs
            .iter()
            .map(|r| run::encode_for(&incident, r, keys, |_| true))
            .collect();
    });
    let mut packed = Vec::new();
    time("zstd -3 a run", &mut || {
        packed = plain
            .iter()
            .map(|r| zstd::bulk::compress(r, 3).unwrap())
            .collect();
    });
    time("unpack", &mut || {
        for run in &packed {
            zstd::bulk::decompress(run, run::MAX_RUN_BYTES).unwrap();
        }
    });
    let mut decoded = Vec::new();
    time("decode (seals each part again, re-encodes)", &mut || {
        decoded = plain
            .iter()
            .map(|r| run::decode_with(&incident, r, to.book.keys()).unwrap())
            .collect();
    });
    let mut verified = Vec::new();
    time("verify (hashes, one signature a run)", &mut || {
        verified = decoded
            .drain(..)
            .map(|r| chain::verify(&incident, r).unwrap())
            .collect();
    });
    let mut book = to.book.clone();
    time("admit", &mut || {
        for run in verified.drain(..) {
            book.admit(run).unwrap();
        }
    });
    let stored: Vec<_> = runs.iter().map(run::encode).collect();
    time("decode of the stored form", &mut || {
        for run in &stored {
            run::decode(&incident, run).unwrap();
        }
    });
}
