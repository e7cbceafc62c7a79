//! Engines that meet over sessions: cut at any frame, completed by the next contact; and a data
//! directory restored from an older copy that meets who knows better.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{
    Ledger, Rng, founder, join, open,
    pipe::{Pipe, meet},
    receive, sight, write, write_title,
};
use muster_log::{ids::Lane, role::Role, run, session::Reason};
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
        let rng = &mut Rng(seed);
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

/// It writes before it meets anybody: its log forks. As things are now (forks are the trust issue's):
/// each keeps its branch, the peer names the fork (the device too, where its branch is the longer
/// one), the device is told that it is behind itself and goes on in a new generation, which arrives;
/// what it wrote on its own branch stays on the device alone, and the two are never in sync.
#[test]
fn a_restored_directory_that_writes_first_forks_and_it_is_said() {
    for (seed, branch) in [(0, 1), (1, 3), (2, 5), (3, 7), (4, 9)] {
        let rng = &mut Rng(seed);
        let mut r = restored(seed);
        let (mut device, _) = open(&r.copy, None, rng).unwrap();
        let old = device.secrets().log(Lane::DATA);
        for n in 0..branch {
            write_title(&mut device, n, rng).unwrap();
        }
        flush(&mut device);
        let here = device.book().entries();
        let there = r.peer.book().entries();
        let pipe = meet(&mut device, &mut r.peer, rng);
        let [mine, theirs] = &pipe.ends;
        let forked = |e: &common::pipe::End| e.skipped.contains(&Reason::Fork);
        assert!(mine.own_ahead > 0, "seed {seed}");
        assert!(forked(mine) || forked(theirs), "seed {seed}");
        assert_eq!(forked(mine), branch >= 5, "seed {seed}");
        for end in &pipe.ends {
            assert!(!end.in_sync, "seed {seed}");
            assert_eq!(end.closed, None, "seed {seed}");
        }
        assert_ne!(old, device.secrets().log(Lane::DATA), "seed {seed}");
        assert_eq!(device.book().entries(), here, "seed {seed}: nothing lost");
        assert_eq!(r.peer.book().entries(), there, "seed {seed}: nothing lost");
        // Life goes on in the new generation, and everything in it arrives.
        write_title(&mut device, 7, rng).unwrap();
        flush(&mut device);
        meet(&mut device, &mut r.peer, rng);
        let fresh = device.secrets().log(Lane::DATA).id(&device.incident());
        let arrived = r.peer.book().log(&fresh).map(|l| l.contiguous());
        assert_eq!(arrived, Some(1), "seed {seed}");
        r.ledger.check(&r.peer, &format!("seed {seed}"));
        // The directory opens as before.
        let live = sight(&device);
        drop(device);
        let (device, _) = open(&r.copy, None, rng).unwrap();
        assert_eq!(live, sight(&device), "seed {seed}");
    }
}
