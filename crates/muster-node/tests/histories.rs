//! State is a function of the set of entries: random histories of three devices that exchange runs
//! in any order and grouping, reopened with and without the index; grants and keys that come late.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{
    NOW, Rng, accept, admit, answer, applicant,
    endings::{adopt, revoke},
    everything, founder, hand_keys, join, lane, object, open, pour, receive, sight, write,
    write_title, write_title_at,
};
use muster_log::{
    book::Refusal,
    ids::{Lane, Millis, Seq},
    role::Role,
    run,
};
use muster_model::table::kinds;
use muster_node::engine::Engine;
use muster_store::fs::fault::FaultyFs;
use tempfile::TempDir;

struct Device {
    fs: FaultyFs,
    engine: Option<Engine>,
    /// The index, for those that have one.
    index: Option<TempDir>,
}

impl Device {
    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    /// Closes (or drops, as a kill does) and opens again.
    fn restart(&mut self, gracefully: bool, rng: &mut Rng) {
        let engine = self.engine.take().unwrap();
        if gracefully {
            engine.close().unwrap();
        } else {
            drop(engine);
        }
        let index = self.index.as_ref().map(|i| i.path().join("index"));
        self.engine = Some(open(&self.fs, index.as_deref(), rng).unwrap().0);
    }
}

fn device((fs, engine): (FaultyFs, Engine), indexed: bool) -> Device {
    Device {
        fs,
        engine: Some(engine),
        index: indexed.then(|| TempDir::new().unwrap()),
    }
}

/// Offers a stretch of one of `from`'s logs, cut at random places, to `to`.
fn offer_some(from: &Engine, to: &mut Engine, rng: &mut Rng) -> usize {
    let logs: Vec<_> = from.book().logs().filter(|l| l.count() > 0).collect();
    let log = logs[rng.below(logs.len())];
    let last = log.last().unwrap().0;
    let a = rng.below(last as usize + 1) as u64;
    let b = rng.below(last as usize + 1) as u64;
    let mut runs = from
        .runs(&log.id(), Seq(a.min(b)), Seq(a.max(b)), usize::MAX)
        .unwrap();
    rng.shuffle(&mut runs);
    let mut refused = 0;
    for run in runs {
        let bytes = run::encode(&run);
        match receive(to, &bytes, rng).unwrap() {
            Ok(_) => {}
            Err(Refusal::UnknownAuthor(_)) => refused += 1,
            Err(e) => panic!("{e}"),
        }
        if rng.below(4) == 0 {
            // The same once more.
            let _ = receive(to, &bytes, rng).unwrap();
        }
    }
    refused
}

/// A history; with `endings`, devices revoke one another, adopt, and are told so in any order.
fn history(seed: u64, indexed: bool, endings: bool) -> (u64, usize, u64) {
    let mut judged = 0;
    let rng = &mut Rng(seed);
    let (fs, mut one) = founder(rng);
    for _ in 0..rng.below(4) {
        write(&mut one, 3, rng).unwrap();
    }
    let mut devices = vec![device((fs, one), indexed)];
    let second = join(devices[0].engine(), "two", Role::Coordinator, rng);
    devices.push(device(second, indexed));
    // The third is admitted by the second: the first learns of it late.
    let role = [Role::Coordinator, Role::Lead, Role::Volunteer][rng.below(3)];
    let third = join(devices[1].engine(), "three", role, rng);
    devices.push(device(third, indexed));
    let mut refused = 0;
    for _ in 0..40 {
        let at = rng.below(3);
        match rng.below(10) {
            0..4 => {
                for _ in 0..=rng.below(3) {
                    let written = write(devices[at].engine(), 3, rng);
                    // A device that is out writes nothing.
                    assert!(written.is_ok() || endings, "seed {seed}: {written:?}");
                }
            }
            4..9 => {
                let from = devices[(at + 1 + rng.below(2)) % 3].engine.take().unwrap();
                // Which of the three is missing is who gives.
                let to = devices[at].engine.as_mut();
                if let Some(to) = to {
                    refused += offer_some(&from, to, rng);
                }
                let gap = devices.iter().position(|d| d.engine.is_none()).unwrap();
                devices[gap].engine = Some(from);
            }
            _ if endings && rng.below(3) > 0 => {
                let of = devices[(at + 1 + rng.below(2)) % 3].engine().device();
                let half = rng.below(2) == 0;
                judged += u64::from(match rng.below(3) {
                    0 => adopt(devices[at].engine(), &of, rng),
                    _ => revoke(devices[at].engine(), &of, half, rng),
                });
            }
            _ if indexed && rng.below(2) == 0 => devices[at].engine().checkpoint().unwrap(),
            _ if rng.below(3) == 0 => devices[at].restart(rng.below(2) == 0, rng),
            _ => {}
        }
        if rng.below(2) == 0 {
            devices[at].engine().flush().unwrap();
        }
    }
    let what = format!("seed {seed}");
    let compare = |devices: &mut Vec<Device>, rng: &mut Rng| {
        for (number, device) in devices.iter_mut().enumerate() {
            device.engine().flush().unwrap();
            let live = sight(device.engine());
            let anew = device.engine().computed_anew().unwrap();
            let now = device.engine().state().digests();
            assert_eq!(now, anew, "{what}: device {number}, all at once");
            if device.index.is_some() {
                device.restart(rng.below(2) == 0, rng);
                let indexed = sight(device.engine());
                assert_eq!(live, indexed, "{what}: device {number}, by its index");
            }
            drop(device.engine.take());
            let (engine, report) = open(&device.fs, None, rng).unwrap();
            assert_eq!(report.torn, None, "{what}");
            assert_eq!(live, sight(&engine), "{what}: device {number}, by replay");
            drop(engine);
            let index = device.index.as_ref().map(|i| i.path().join("index"));
            let (engine, report) = open(&device.fs, index.as_deref(), rng).unwrap();
            assert_eq!(report.rebuilt, None, "{what}");
            device.engine = Some(engine);
        }
    };
    // In the middle of things, with gaps and refusals, and when everybody has everything.
    compare(&mut devices, rng);
    for _ in 0..2 {
        for (from, to) in [(2, 1), (1, 0), (0, 1), (1, 2)] {
            let giver = devices[from].engine.take().unwrap();
            pour(&giver, devices[to].engine(), rng);
            devices[from].engine = Some(giver);
        }
    }
    compare(&mut devices, rng);
    let sights: Vec<_> = devices.iter_mut().map(|d| sight(d.engine())).collect();
    for other in &sights[1..] {
        assert_eq!(sights[0].frontier, other.frontier, "{what}");
        if endings {
            continue;
        }
        assert_eq!(sights[0].state, other.state, "{what}");
        assert_eq!(other.pending, 0, "{what}");
    }
    if !endings {
        assert_eq!(sights[0].c2, sights[1].c2, "{what}");
        assert_eq!(sights[0].unreadable, 0, "{what}: the founder reads all");
    }
    (sights[0].entries, refused, judged)
}

#[test]
fn incremental_equals_replay_through_revocations_and_adoptions() {
    let (mut entries, mut judged) = (0, 0);
    for seed in 0..100 {
        let (e, _, j) = history(1_000 + seed, seed % 5 == 0, true);
        entries += e;
        judged += j;
    }
    println!(
        "100 histories, {entries} entries, {judged} endings and adoptions; states that differ: 0"
    );
    assert!(judged > 50);
}

#[test]
fn incremental_equals_replay_and_all_agree() {
    let (mut entries, mut refused, mut histories) = (0, 0, 0);
    for seed in 0..100 {
        let indexed = seed % 10 == 0;
        let (e, r, _) = history(seed, indexed, false);
        entries += e;
        refused += r;
        histories += 1;
    }
    println!(
        "{histories} histories, {entries} entries, {refused} runs refused for a time; \
         states that differ: 0"
    );
    assert!(refused > 0);
}

/// Data first, then the grant it was written under, then the key.
#[test]
fn what_waits_for_a_grant_or_a_key_takes_effect_when_it_comes() {
    for seed in 0..6 {
        let rng = &mut Rng(seed);
        let (_fs, mut hq) = founder(rng);
        let (fs_two, mut two) = join(&mut hq, "two", Role::Coordinator, rng);
        // The third device gets two grants, one after another, and writes under the second, which
        // the observer learns last: its data is admitted (the device is known) and waits.
        let (third_fs, request) = applicant("three", rng);
        admit(&mut hq, &request, Role::Volunteer, rng).unwrap();
        hq.flush().unwrap();
        let known = everything(&hq);
        let grant = admit(&mut hq, &request, Role::Coordinator, rng).unwrap();
        hq.flush().unwrap();
        let granted = everything(&hq);
        hand_keys(&mut hq, &request, Role::Coordinator, rng).unwrap();
        hq.flush().unwrap();
        let sealed = answer(&hq, &request, grant, rng).unwrap();
        let mut three = accept(&third_fs, &sealed, rng);
        for n in 0..5 {
            write_title(&mut three, n % 2, rng).unwrap();
        }
        three.flush().unwrap();
        let data = lane(&three, Lane::DATA).unwrap();

        // In order.
        let (fs_straight, request) = applicant("four", rng);
        let grant = admit(&mut two, &request, Role::Coordinator, rng).unwrap();
        let sealed = answer(&two, &request, grant, rng).unwrap();
        hand_keys(&mut two, &request, Role::Coordinator, rng).unwrap();
        two.flush().unwrap();
        let keys_of_four = lane(&two, Lane::AUTHORITY).unwrap();
        let mut four = accept(&fs_straight, &sealed, rng);
        // Four is a member without keys. It knows three, not three's grant, and has no key.
        for run in &known {
            receive(&mut four, run, rng).unwrap().unwrap();
        }
        for run in &data {
            receive(&mut four, run, rng).unwrap().unwrap();
        }
        four.flush().unwrap();
        assert_eq!((four.pending(), four.unreadable()), (5, 0), "seed {seed}");
        assert!(four.state().is_empty());
        let folder = TempDir::new().unwrap();
        let index = (seed % 3 == 2).then(|| folder.path().join("index"));
        // Life goes on, or ends with or without a goodbye and begins again with or without an index.
        let next_day = |mut four: Engine, rng: &mut Rng| -> Engine {
            match seed % 3 {
                0 => {
                    four.flush().unwrap();
                    return four;
                }
                1 => {
                    four.flush().unwrap();
                    drop(four);
                }
                _ => four.close().unwrap(),
            }
            open(&fs_straight, index.as_deref(), rng).unwrap().0
        };
        let before = sight(&four);
        let mut four = next_day(four, rng);
        assert_eq!(before, sight(&four), "seed {seed}");
        for run in &granted {
            receive(&mut four, run, rng).unwrap().unwrap();
        }
        // What waited is applied by the flush, once for all that came.
        four.flush().unwrap();
        // Two parts each: the title in C1, the contact in C2.
        let four = next_day(four, rng);
        assert_eq!((four.pending(), four.unreadable()), (0, 10), "seed {seed}");
        let mut four = next_day(four, rng);
        assert_eq!((four.pending(), four.unreadable()), (0, 10), "seed {seed}");
        for run in &keys_of_four {
            receive(&mut four, run, rng).unwrap().unwrap();
        }
        let four = next_day(four, rng);
        assert_eq!((four.pending(), four.unreadable()), (0, 0), "seed {seed}");
        assert!(!four.state().is_empty(), "seed {seed}");
        let mut four = next_day(four, rng);

        // One who had it all in order, and the author.
        pour(&three, &mut two, rng);
        pour(&two, &mut four, rng);
        pour(&two, &mut three, rng);
        let (four, two, three) = (sight(&four), sight(&two), sight(&three));
        assert_eq!(four.frontier, two.frontier, "seed {seed}");
        assert_eq!(
            (&four.state, &four.c2),
            (&two.state, &two.c2),
            "seed {seed}"
        );
        assert_eq!(
            (&four.state, &four.c2),
            (&three.state, &three.c2),
            "seed {seed}"
        );
        drop(fs_two);
    }
}

/// Ten years ahead: what such a device writes is one value among others, and gives way like any.
#[test]
fn a_clock_ten_years_ahead_changes_no_order_and_blocks_nobody() {
    let ahead = Millis(NOW.0 + 10 * 365 * 86_400_000);
    for seed in 0..10 {
        // The same work by the same devices, whose second has a right clock or a wrong one.
        let done = |clock: Millis| {
            let rng = &mut Rng(seed);
            let (_disk, mut one) = founder(rng);
            let (_disk, mut two) = join(&mut one, "two", Role::Coordinator, rng);
            for n in 0..12 {
                let (writer, other) = match n % 2 {
                    0 => (&mut two, &mut one),
                    _ => (&mut one, &mut two),
                };
                let now = if n % 2 == 0 { clock } else { NOW };
                write_title_at(writer, n % 3, now, rng).unwrap();
                writer.flush().unwrap();
                if n % 4 > 1 {
                    pour(writer, other, rng);
                }
            }
            pour(&one, &mut two, rng);
            pour(&two, &mut one, rng);
            assert_eq!(sight(&one).state, sight(&two).state, "seed {seed}");
            let lamport = one.book().highest();
            assert!(lamport.0 < 100, "{lamport:?}");
            let titles = (0..3).map(|n| {
                let need = one.state().object(object(kinds::NEED, n)).unwrap();
                (need.text("title"), need.contested().len())
            });
            titles.collect::<Vec<_>>()
        };
        assert_eq!(done(NOW), done(ahead), "seed {seed}");
    }
}
