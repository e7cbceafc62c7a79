//! Random histories in which a device has a twin: a copy of its disk that writes on by itself. Both
//! meet others in any order, forks are proven and adopted by whoever comes to it, and in the end all
//! hold the same entries and have computed the same state, however they came to it.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{
    NOW, Rng,
    endings::{adopt, revoke},
    founder, join, lane, open, receive, sight, write,
};
use muster_log::{
    book::Refusal,
    ids::{Lane, Seq},
    role::Role,
    run,
};
use muster_node::engine::Engine;
use muster_store::fs::fault::FaultyFs;

struct Device {
    fs: FaultyFs,
    engine: Option<Engine>,
}

impl Device {
    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }
}

fn device((fs, engine): (FaultyFs, Engine)) -> Device {
    Device {
        fs,
        engine: Some(engine),
    }
}

/// Offers a stretch of a line of one of `from`'s logs, cut at random places.
fn offer_some(from: &Engine, to: &mut Engine, rng: &mut Rng) {
    let logs: Vec<_> = from.book().logs().filter(|l| l.count() > 0).collect();
    let log = logs[rng.below(logs.len())];
    let pieces = log.stretches();
    let piece = pieces[rng.below(pieces.len())];
    let span = (piece.to.0 - piece.from.0) as usize + 1;
    let (a, b) = (rng.below(span) as u64, rng.below(span) as u64);
    let places = (Seq(piece.from.0 + a.min(b)), Seq(piece.from.0 + a.max(b)));
    let page = from.runs_on(&log.id(), piece.line, places, usize::MAX);
    let mut runs = page.unwrap().runs;
    rng.shuffle(&mut runs);
    for run in runs {
        match receive(to, &run::encode(&run), rng).unwrap() {
            Ok(_) | Err(Refusal::UnknownAuthor(_) | Refusal::Fork { .. }) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// Gives one engine everything another has, in a random order of lane 1.
fn pour(from: &Engine, to: &mut Engine, rng: &mut Rng, what: &str) {
    let mut data = lane(from, Lane::DATA).unwrap();
    rng.shuffle(&mut data);
    let mut left = lane(from, Lane::AUTHORITY).unwrap();
    left.extend(data);
    // What would have been one piece too many in between finds its place later.
    for _ in 0..4 {
        left.retain(|bytes| receive(to, bytes, rng).unwrap().is_err());
    }
    assert!(left.is_empty(), "{what}: {} runs refused", left.len());
    to.flush().unwrap();
}

fn exchange(devices: &mut [Device], from: usize, to: usize, f: impl FnOnce(&Engine, &mut Engine)) {
    let giver = devices[from].engine.take().unwrap();
    f(&giver, devices[to].engine());
    devices[from].engine = Some(giver);
}

#[derive(Default)]
struct Seen {
    forked: u64,
    proofs: u64,
    adopted: u64,
    disputed: u64,
}

fn history(seed: u64, endings: bool, seen: &mut Seen) {
    let what = format!("seed {seed}");
    let rng = &mut Rng(seed);
    let mut devices = vec![device(founder(rng))];
    for label in ["two", "three"] {
        let joined = join(devices[0].engine(), label, Role::Coordinator, rng);
        devices.push(device(joined));
    }
    for _ in 0..rng.below(5) {
        write(devices[1].engine(), 3, rng).unwrap();
    }
    // The twin: the disk of the second device as it was, or with what comes next on the one alone.
    devices[1].engine().checkpoint().unwrap();
    let copy = devices[1].fs.fork();
    copy.restart(0);
    let twin = open(&copy, None, rng).unwrap().0;
    devices.push(device((copy, twin)));
    let forker = devices[1].engine().device();
    for _ in 0..50 {
        let at = rng.below(4);
        match rng.below(12) {
            0..4 => {
                for _ in 0..=rng.below(3) {
                    let written = write(devices[at].engine(), 3, rng);
                    assert!(written.is_ok() || endings, "{what}: {written:?}");
                }
            }
            4..9 => {
                let from = (at + 1 + rng.below(3)) % 4;
                exchange(&mut devices, from, at, |from, to| offer_some(from, to, rng));
            }
            9 => {
                let engine = devices[at].engine();
                let before = engine.book().entries();
                engine.tend_forks(NOW, &mut |b| rng.fill(b)).unwrap();
                seen.proofs += engine.book().entries() - before;
            }
            10 if rng.below(3) == 0 && at != 1 && at != 3 => {
                seen.adopted += u64::from(adopt(devices[at].engine(), &forker, rng));
            }
            10 if endings && rng.below(4) == 0 && at != 1 && at != 3 => {
                revoke(devices[at].engine(), &forker, rng.below(2) == 0, rng);
            }
            _ if rng.below(3) == 0 => {
                drop(devices[at].engine.take());
                devices[at].engine = Some(open(&devices[at].fs, None, rng).unwrap().0);
            }
            _ => {}
        }
        if rng.below(2) == 0 {
            devices[at].engine().flush().unwrap();
        }
    }
    compare(&mut devices, rng, &what);
    for _ in 0..2 {
        for (from, to) in [(3, 2), (2, 1), (1, 0), (0, 1), (1, 2), (2, 3)] {
            exchange(&mut devices, from, to, |from, to| {
                pour(from, to, rng, &what)
            });
        }
    }
    compare(&mut devices, rng, &what);
    let forks = devices[0].engine().book().authority().forks().count();
    seen.forked += u64::from(forks > 0);
    agree(&mut devices, endings, &what);
    // Somebody adopts all of it: then nothing that was written is out of the state for a fork.
    for at in [0, 2] {
        adopt(devices[at].engine(), &forker, rng);
        devices[at].engine().flush().unwrap();
    }
    for (from, to) in [(2, 0), (0, 1), (0, 2), (0, 3)] {
        exchange(&mut devices, from, to, |from, to| {
            pour(from, to, rng, &what)
        });
    }
    agree(&mut devices, endings, &what);
    compare(&mut devices, rng, &what);
    if !endings {
        let engine = devices[3].engine();
        seen.disputed += disputed(engine);
    }
}

/// Data that does not count.
fn disputed(engine: &Engine) -> u64 {
    let mut count = 0;
    for bytes in lane(engine, Lane::DATA).unwrap() {
        let run = run::decode(&engine.incident(), &bytes).unwrap();
        let run = muster_log::chain::verify(&engine.incident(), run).unwrap();
        for entry in run.entries() {
            let grant = entry.header().grant;
            let standing = (engine.book()).standing(run.log(), entry.seq(), &entry.hash(), &grant);
            count += u64::from(!matches!(
                standing,
                muster_log::authority::Standing::Counts(_)
            ));
        }
    }
    count
}

/// Every device: as it stands, all at once, and by replay.
fn compare(devices: &mut [Device], rng: &mut Rng, what: &str) {
    for (number, device) in devices.iter_mut().enumerate() {
        device.engine().flush().unwrap();
        let live = sight(device.engine());
        let anew = device.engine().computed_anew().unwrap();
        let now = device.engine().state().digests();
        assert_eq!(now, anew, "{what}: device {number}, all at once");
        drop(device.engine.take());
        let engine = open(&device.fs, None, rng).unwrap().0;
        assert_eq!(live, sight(&engine), "{what}: device {number}, by replay");
        device.engine = Some(engine);
    }
}

fn agree(devices: &mut [Device], endings: bool, what: &str) {
    let sights: Vec<_> = devices.iter_mut().map(|d| sight(d.engine())).collect();
    for other in &sights[1..] {
        assert_eq!(sights[0].frontier, other.frontier, "{what}");
        assert_eq!(sights[0].entries, other.entries, "{what}");
        if !endings {
            assert_eq!(sights[0].state, other.state, "{what}");
            assert_eq!(sights[0].c2, other.c2, "{what}");
        }
    }
}

#[test]
fn devices_with_a_twin_come_to_one_state_in_every_order() {
    let mut seen = Seen::default();
    for seed in 0..60 {
        history(seed, false, &mut seen);
    }
    println!(
        "60 histories, {} with forks, {} proofs, {} adoptions on the way; states that differ: 0",
        seen.forked, seen.proofs, seen.adopted
    );
    assert_eq!(seen.disputed, 0, "all is adopted in the end");
    assert!(seen.forked > 30 && seen.proofs > 5 && seen.adopted > 5);
}

#[test]
fn forks_revocations_and_adoptions_together_are_judged_by_what_is_here() {
    let mut seen = Seen::default();
    for seed in 500..560 {
        history(seed, true, &mut seen);
    }
    assert!(seen.forked > 30);
}
