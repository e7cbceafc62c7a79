//! Engines that meet over sessions: cut at any frame, completed by the next contact; and a data
//! directory restored from an older copy that meets who knows better.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{
    Ledger, Rng,
    endings::adopt,
    founder, join, lane, open,
    pipe::{Pipe, meet},
    receive, sight, write, write_title,
};
use muster_log::{authority::Standing, ids::Lane, role::Role, run};
use muster_node::engine::Engine;
use muster_store::fs::fault::FaultyFs;

fn flush(engine: &mut Engine) {
    engine.flush().unwrap();
    engine.take_admitted();
}

/// Two coordinators with a history of their own each, and a third's that only the first knows.
fn parted(seed: u64, writes: usize) -> ((FaultyFs, Engine), (FaultyFs, Engine)) {
    let rng = &mut Rng(seed);
    let (fs_one, mut one) = founder(rng);
    let (fs_two, mut two) = join(&mut one, "two", Role::Coordinator, rng);
    let (_fs, mut three) = join(&mut one, "three", Role::Coordinator, rng);
    for _ in 0..writes {
        write(&mut one, 6, rng).unwrap();
        write(&mut two, 6, rng).unwrap();
        write(&mut three, 6, rng).unwrap();
    }
    flush(&mut three);
    common::pour(&three, &mut one, rng);
    flush(&mut one);
    flush(&mut two);
    ((fs_one, one), (fs_two, two))
}

fn agree(one: &Engine, two: &Engine, what: &str) {
    let (one, two) = (sight(one), sight(two));
    assert_eq!(one.frontier, two.frontier, "{what}");
    assert_eq!((&one.state, &one.c2), (&two.state, &two.c2), "{what}");
}

#[test]
fn cut_at_any_frame_and_completed_by_the_next_contact() {
    let (mut cuts, mut whole) = (0, 0);
    for cut in 0..200 {
        for seed in 0..2 {
            let rng = &mut Rng(cut * 10 + seed);
            let what = format!("cut after {cut} frames, seed {seed}");
            let ((fs, mut one), (_fs, mut two)) = parted(seed, 60);
            let mut engines = [&mut one, &mut two];
            let mut pipe = Pipe::new(&mut engines, Some(cut), rng);
            pipe.run(&mut engines, rng);
            if pipe.frames < cut {
                whole += 1;
            }
            cuts += 1;
            // One of them is killed on top of it, now and then.
            if rng.below(3) == 0 {
                drop(one);
                fs.restart(cut);
                one = open(&fs, None, rng).unwrap().0;
            }
            let pipe = meet(&mut two, &mut one, rng);
            assert!(pipe.ends.iter().all(|e| e.in_sync), "{what}");
            agree(&one, &two, &what);
            let live = sight(&one);
            drop(one);
            let (one, _) = open(&fs, None, rng).unwrap();
            assert_eq!(live, sight(&one), "{what}");
        }
        if whole == 2 {
            println!("{cuts} cuts, all completed; a whole session takes at most {cut} frames");
            return;
        }
        whole = 0;
    }
    panic!("the session does not end");
}

#[test]
fn what_is_written_while_connected_goes_on_at_once() {
    let rng = &mut Rng(3);
    let ((_a, mut one), (_b, mut two)) = parted(3, 5);
    let mut engines = [&mut one, &mut two];
    let mut pipe = Pipe::new(&mut engines, None, rng);
    pipe.run(&mut engines, rng);
    for _ in 0..30 {
        let at = rng.below(2);
        write(engines[at], 6, rng).unwrap();
        pipe.run(&mut engines, rng);
    }
    agree(&one, &two, "live");
}

/// A device, and a copy of its disk from before its last entries, which its peer has.
struct Restored {
    copy: FaultyFs,
    peer: Engine,
    /// What the peer has of the device.
    ledger: Ledger,
}

fn restored(seed: u64) -> Restored {
    let rng = &mut Rng(seed);
    let ((_fs, mut peer), (disk, mut device)) = parted(seed, 4);
    meet(&mut peer, &mut device, rng);
    device.checkpoint().unwrap();
    let copy = disk.fork();
    copy.restart(0);
    for n in 0..5 {
        write_title(&mut device, n, rng).unwrap();
    }
    flush(&mut device);
    meet(&mut peer, &mut device, rng);
    agree(&peer, &device, "before");
    let mut ledger = Ledger::default();
    ledger.publish_all(&peer);
    Restored { copy, peer, ledger }
}

/// It meets its peer before it writes: it is told, takes a new generation, and loses nothing.
#[test]
fn a_restored_directory_that_meets_its_peer_first_opens_a_new_generation() {
    for seed in 0..5 {
        // Not the bytes of its first life again: the same titles would be no change.
        let rng = &mut Rng(seed + 1_000);
        let mut r = restored(seed);
        let (mut device, _) = open(&r.copy, None, rng).unwrap();
        let old = device.secrets().log(Lane::DATA);
        let pipe = meet(&mut device, &mut r.peer, rng);
        assert!(pipe.ends[0].own_ahead > 0, "seed {seed}");
        assert_ne!(old, device.secrets().log(Lane::DATA), "seed {seed}");
        for n in 0..3 {
            write_title(&mut device, n, rng).unwrap();
        }
        flush(&mut device);
        meet(&mut device, &mut r.peer, rng);
        agree(&device, &r.peer, "restored");
        r.ledger.publish_all(&device);
        r.ledger.check(&device, &format!("seed {seed}"));
        r.ledger.check(&r.peer, &format!("seed {seed}"));
        // And it stays so.
        let generation = device.secrets().log(Lane::DATA);
        drop(device);
        let (device, _) = open(&r.copy, None, rng).unwrap();
        assert_eq!(generation, device.secrets().log(Lane::DATA), "seed {seed}");
    }
}

/// Only the end of what it forgot has come: what lies in the gap was signed.
#[test]
fn an_own_log_with_a_gap_is_not_written_to() {
    let rng = &mut Rng(1);
    let mut r = restored(1);
    let (mut device, _) = open(&r.copy, None, rng).unwrap();
    let log = device.secrets().log(Lane::DATA);
    let id = log.id(&device.incident());
    let last = r.peer.book().log(&id).and_then(|l| l.last()).unwrap();
    let end = r.peer.run_from(&id, last).unwrap().unwrap();
    receive(&mut device, &run::encode(&end.to_run()), rng)
        .unwrap()
        .unwrap();
    write_title(&mut device, 0, rng).unwrap();
    flush(&mut device);
    assert_ne!(log, device.secrets().log(Lane::DATA));
    meet(&mut device, &mut r.peer, rng);
    agree(&device, &r.peer, "gap");
    r.ledger.publish_all(&device);
    r.ledger.check(&device, "gap");
}

/// How many entries of a device's data count here, and how many are disputed.
fn standings(engine: &Engine, device: &muster_log::ids::DeviceId) -> (usize, usize) {
    let (mut counts, mut disputed) = (0, 0);
    let mut seen = std::collections::BTreeSet::new();
    for run in lane(engine, Lane::DATA).unwrap() {
        let run = run::decode(&engine.incident(), &run).unwrap();
        let run = muster_log::chain::verify(&engine.incident(), run).unwrap();
        let theirs = run.entries().iter().filter(|_| run.log().device == *device);
        for entry in theirs.filter(|e| seen.insert(e.hash())) {
            let grant = entry.header().grant;
            let book = engine.book();
            match book.standing(run.log(), entry.seq(), &entry.hash(), &grant) {
                Standing::Counts(_) => counts += 1,
                Standing::Disputed(_) => disputed += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    (counts, disputed)
}

/// It writes before it meets anybody: its log forks. Both branches go both ways, the device goes on
/// in a new generation, one of the two proves the fork, and when somebody has adopted both branches
/// nothing that was ever written is missing from the state.
#[test]
fn a_restored_directory_that_writes_first_forks_and_nothing_is_lost() {
    for (seed, branch) in [(0, 1), (1, 3), (2, 5), (3, 7), (4, 9)] {
        let rng = &mut Rng(seed);
        let mut r = restored(seed);
        let (mut device, _) = open(&r.copy, None, rng).unwrap();
        let old = device.secrets().log(Lane::DATA);
        let stem = device.book().tip(&old).next;
        for n in 0..branch {
            write_title(&mut device, n, rng).unwrap();
        }
        flush(&mut device);
        let pipe = meet(&mut device, &mut r.peer, rng);
        let [mine, theirs] = &pipe.ends;
        assert!(mine.own_ahead > 0, "seed {seed}");
        for end in [mine, theirs] {
            assert!(end.skipped.is_empty(), "seed {seed}: {:?}", end.skipped);
            assert_eq!(end.closed, None, "seed {seed}");
        }
        agree(&device, &r.peer, &format!("seed {seed}, forked"));
        assert_ne!(old, device.secrets().log(Lane::DATA), "seed {seed}");
        for engine in [&device, &r.peer] {
            let heads = engine.book().log(&old.id(&engine.incident())).unwrap();
            assert_eq!(heads.count(), stem.0 + 5 + branch as u64, "seed {seed}");
            assert_eq!(engine.book().authority().forked_at(&old), Some(stem));
            let (_, disputed) = standings(engine, &old.device);
            assert_eq!(disputed, 5 + branch, "seed {seed}");
        }
        // One proves it, and then nobody does again.
        tend(&mut r.peer, rng);
        meet(&mut device, &mut r.peer, rng);
        let before = device.book().entries();
        tend(&mut device, rng);
        tend(&mut r.peer, rng);
        assert_eq!(device.book().entries(), before, "seed {seed}: proven once");
        assert_eq!(device.book().authority().fork_proven_at(&old), Some(stem));
        // Life goes on in the new generation, and everything in it arrives, and counts.
        write_title(&mut device, 7, rng).unwrap();
        flush(&mut device);
        meet(&mut device, &mut r.peer, rng);
        agree(&device, &r.peer, &format!("seed {seed}, after"));
        let (counted, disputed) = standings(&r.peer, &old.device);
        assert_eq!(disputed, 5 + branch, "seed {seed}");
        // The founder adopts both branches.
        assert!(adopt(&mut r.peer, &old.device, rng), "seed {seed}");
        flush(&mut r.peer);
        meet(&mut device, &mut r.peer, rng);
        agree(&device, &r.peer, &format!("seed {seed}, adopted"));
        for engine in [&device, &r.peer] {
            let all = counted + 5 + branch;
            assert_eq!(standings(engine, &old.device), (all, 0), "seed {seed}");
            let anew = engine.computed_anew().unwrap();
            assert_eq!(engine.state().digests(), anew, "seed {seed}");
        }
        // The directory opens as before.
        let live = sight(&device);
        drop(device);
        let (device, _) = open(&r.copy, None, rng).unwrap();
        assert_eq!(live, sight(&device), "seed {seed}");
    }
}

/// A device that has one branch alone hears of the fork by its proof.
#[test]
fn a_device_with_one_branch_hears_the_proof_and_leaves_its_log() {
    let rng = &mut Rng(9);
    let mut r = restored(9);
    let (mut twin, _) = open(&r.copy, None, rng).unwrap();
    for n in 0..2 {
        write_title(&mut twin, n, rng).unwrap();
    }
    flush(&mut twin);
    let old = twin.secrets().log(Lane::DATA);
    let runs = lane(&twin, Lane::DATA).unwrap();
    for run in &runs {
        receive(&mut r.peer, run, rng).unwrap().unwrap();
    }
    flush(&mut r.peer);
    tend(&mut r.peer, rng);
    assert_eq!(twin.secrets().log(Lane::DATA), old);
    for run in lane(&r.peer, Lane::AUTHORITY).unwrap() {
        receive(&mut twin, &run, rng).unwrap().unwrap();
    }
    flush(&mut twin);
    assert_ne!(twin.secrets().log(Lane::DATA), old, "by the proof alone");
    let (_, disputed) = standings(&twin, &old.device);
    assert_eq!(disputed, 2);
    assert_eq!(
        twin.state().digests(),
        twin.computed_anew().unwrap(),
        "judged again"
    );
}

fn tend(engine: &mut Engine, rng: &mut Rng) {
    engine
        .tend_forks(common::NOW, &mut |b| rng.fill(b))
        .unwrap();
    flush(engine);
}
