//! The power goes, the disk is full, the disk errs: at every call of a device's life, and again
//! while it recovers. What was acknowledged is there, every directory opens, and no place in a log
//! is signed twice.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::path::Path;

use common::{
    Ledger, Rng, accept, admit, answer, applicant, create_on, found, hand_keys, lane, open,
    open_dir, receive, sight, write_title,
};
use muster_log::{ids::Lane, pairing::Request, role::Role};
use muster_node::{engine::Engine, error::NodeError, setup};
use muster_store::{
    DirError,
    fs::fault::{Fault, FaultKind, FaultyFs},
};

/// Whom the device meets: a coordinator, and one whom that coordinator admitted, whose data comes
/// before that admission.
struct Peers {
    carol: Request,
    bob: Request,
    bobs_data: Vec<Vec<u8>>,
    carols_lane0: Vec<Vec<u8>>,
}

/// Writes, in groups; each group is acknowledged by one flush.
fn groups(
    engine: &mut Engine,
    sizes: &[usize],
    rng: &mut Rng,
    ledger: &mut Ledger,
) -> Result<(), NodeError> {
    for size in sizes {
        for _ in 0..*size {
            write_title(engine, rng.below(3), rng)?;
        }
        settle(engine, ledger)?;
    }
    Ok(())
}

fn settle(engine: &mut Engine, ledger: &mut Ledger) -> Result<(), NodeError> {
    engine.flush()?;
    ledger.publish(&engine.take_admitted());
    Ok(())
}

fn childhood(
    fs: &FaultyFs,
    (bob, carol): (&Request, &Request),
    index: Option<&Path>,
    rng: &mut Rng,
    ledger: &mut Ledger,
) -> Result<(Engine, muster_log::ids::GrantId), NodeError> {
    let dir = create_on(fs, rng)?;
    found(&dir, rng)?;
    drop(dir);
    let (mut engine, _) = open(fs, index, rng)?;
    ledger.publish_all(&engine);
    groups(&mut engine, &[1, 3], rng, ledger)?;
    admit(&mut engine, bob, Role::Volunteer, rng)?;
    settle(&mut engine, ledger)?;
    let grant = admit(&mut engine, carol, Role::Coordinator, rng)?;
    hand_keys(&mut engine, carol, Role::Coordinator, rng)?;
    settle(&mut engine, ledger)?;
    Ok((engine, grant))
}

fn life(
    fs: &FaultyFs,
    peers: &Peers,
    index: Option<&Path>,
    ledger: &mut Ledger,
) -> Result<(), NodeError> {
    let rng = &mut Rng(1);
    let (mut engine, _) = childhood(fs, (&peers.bob, &peers.carol), index, rng, ledger)?;
    groups(&mut engine, &[2], rng, ledger)?;
    // Data under a grant not known yet, in two groups; then the grant.
    let (early, late) = peers.bobs_data.split_at(peers.bobs_data.len() / 2);
    for run in early {
        let _ = receive(&mut engine, run, rng)?;
    }
    settle(&mut engine, ledger)?;
    for run in late {
        let _ = receive(&mut engine, run, rng)?;
    }
    groups(&mut engine, &[1], rng, ledger)?;
    for run in &peers.carols_lane0 {
        let _ = receive(&mut engine, run, rng)?;
    }
    settle(&mut engine, ledger)?;
    engine.checkpoint()?;
    groups(&mut engine, &[2, 1], rng, ledger)?;
    engine.close()?;
    // Another day, ended without a goodbye.
    let (mut engine, _) = open(fs, index, rng)?;
    groups(&mut engine, &[1, 2], rng, ledger)?;
    write_title(&mut engine, 0, rng)?;
    Ok(())
}

/// The founder's first days are lived here too, with the same random bytes: an index draws some.
fn peers(with_index: bool) -> Peers {
    let folder = tempfile::tempdir().unwrap();
    let index = with_index.then(|| folder.path().join("index"));
    let rng = &mut Rng(99);
    let (bobs_fs, bob) = applicant("bob", rng);
    let (carols_fs, carol) = applicant("carol", rng);
    let fs = FaultyFs::new(0);
    let mut ledger = Ledger::default();
    let (hq, grant) = childhood(
        &fs,
        (&bob, &carol),
        index.as_deref(),
        &mut Rng(1),
        &mut ledger,
    )
    .unwrap();
    let sealed = answer(&hq, &carol, grant, rng).unwrap();
    let mut carols = accept(&carols_fs, &sealed, rng);
    let grant = admit(&mut carols, &bob, Role::Coordinator, rng).unwrap();
    hand_keys(&mut carols, &bob, Role::Coordinator, rng).unwrap();
    carols.flush().unwrap();
    let sealed = answer(&carols, &bob, grant, rng).unwrap();
    let mut bobs = accept(&bobs_fs, &sealed, rng);
    let mut bobs_data = Vec::new();
    for n in 0..6 {
        write_title(&mut bobs, n % 3, rng).unwrap();
        bobs.flush().unwrap();
        for a in bobs.take_admitted() {
            bobs_data.push(muster_log::run::encode(&a.run.to_run()));
        }
    }
    let carols_lane0 = lane(&carols, Lane::AUTHORITY).unwrap();
    Peers {
        carol,
        bob,
        bobs_data,
        carols_lane0,
    }
}

/// Opens after an accident. None where nothing was acknowledged and nothing was founded: then the
/// directory can be begun again or says that it holds no device.
fn recover(
    fs: &FaultyFs,
    index: Option<&Path>,
    ledger: &Ledger,
    rng: &mut Rng,
) -> Result<Option<Engine>, NodeError> {
    match open(fs, index, rng) {
        Ok((engine, _)) => Ok(Some(engine)),
        Err(NodeError::Dir(DirError::NotOurs { .. })) if ledger.said.is_empty() => {
            drop(create_on(fs, rng)?);
            Ok(None)
        }
        Err(NodeError::NoDevice) if ledger.said.is_empty() => Ok(None),
        Err(e) => Err(e),
    }
}

/// Everything is there; life goes on; the power goes again; everything is there.
fn afterlife(
    fs: &FaultyFs,
    peers: &Peers,
    index: Option<&Path>,
    ledger: &mut Ledger,
    what: &str,
) -> bool {
    let rng = &mut Rng(5);
    let opened = recover(fs, index, ledger, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
    let Some(mut engine) = opened else {
        return false;
    };
    ledger.publish_all(&engine);
    ledger.check(&engine, what);
    groups(&mut engine, &[2, 1], rng, ledger).unwrap_or_else(|e| panic!("{what}: {e}"));
    for run in peers.bobs_data.iter().chain(&peers.carols_lane0) {
        // Refused where the admission was lost before anyone was told of it.
        let _ = receive(&mut engine, run, rng).unwrap();
    }
    settle(&mut engine, ledger).unwrap();
    ledger.check(&engine, what);
    let live = sight(&engine);
    drop(engine);
    fs.restart(3);
    let (engine, _) = open(fs, index, rng).unwrap_or_else(|e| panic!("{what}, later: {e}"));
    ledger.check(&engine, what);
    assert_eq!(live, sight(&engine), "{what}");
    true
}

#[test]
fn the_power_goes_at_every_write_and_again_during_recovery() {
    let peers = peers(false);
    let fs = FaultyFs::new(1);
    life(&fs, &peers, None, &mut Ledger::default()).unwrap();
    let boundaries = fs.changes();
    let (mut cuts, mut second, mut lives, mut generations) = (0, 0, 0, 0);
    for at in 0..boundaries {
        for seed in 0..4 {
            let what = format!("cut {at} of {boundaries}, seed {seed}");
            let fs = FaultyFs::new(seed);
            fs.plan(Some(Fault::PowerCut { at }));
            let mut ledger = Ledger::default();
            let outcome = life(&fs, &peers, None, &mut ledger);
            assert!(fs.struck() && outcome.is_err(), "{what}: no cut");
            fs.restart(seed * 31 + at);
            cuts += 1;
            let trial = fs.fork();
            drop(
                recover(&trial, None, &ledger, &mut Rng(5))
                    .unwrap_or_else(|e| panic!("{what}: {e}")),
            );
            let again = if seed < 2 { trial.changes() } else { 0 };
            for again in 0..again {
                let what = format!("{what}, then cut {again} of the recovery");
                let fs = fs.fork();
                fs.plan(Some(Fault::PowerCut { at: again }));
                assert!(recover(&fs, None, &ledger, &mut Rng(5)).is_err(), "{what}");
                fs.restart(seed * 17 + again);
                second += 1;
                let mut ledger = ledger.clone();
                lives += u64::from(afterlife(&fs, &peers, None, &mut ledger, &what));
            }
            lives += u64::from(afterlife(&fs, &peers, None, &mut ledger, &what));
            // Lane 0 and 1 of the founder, both of carol and bob: more are new generations.
            let logs: std::collections::BTreeSet<_> = ledger.said.keys().map(|k| k.0).collect();
            generations += u64::from(logs.len() > 4);
        }
    }
    println!(
        "{boundaries} boundaries, {cuts} cuts, {second} more during recovery, {lives} lives \
         afterwards ({generations} in a new generation); acknowledged entries lost: 0, \
         unopenable: 0, places signed twice: 0"
    );
}

/// The same with the index, which lies on another disk here and is as new as it can be.
#[test]
fn the_index_is_never_ahead_of_what_a_cut_leaves() {
    let peers = peers(true);
    let fs = FaultyFs::new(1);
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index");
    life(&fs, &peers, Some(&index), &mut Ledger::default()).unwrap();
    let boundaries = fs.changes();
    let mut lives = 0;
    for at in (0..boundaries).rev().step_by(3) {
        let what = format!("cut {at} of {boundaries}");
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        let fs = FaultyFs::new(at);
        fs.plan(Some(Fault::PowerCut { at }));
        let mut ledger = Ledger::default();
        assert!(
            life(&fs, &peers, Some(&index), &mut ledger).is_err(),
            "{what}"
        );
        fs.restart(at);
        if afterlife(&fs, &peers, Some(&index), &mut ledger, &what) {
            lives += 1;
            let by_index = open(&fs, Some(&index), &mut Rng(6)).unwrap().0;
            let seen = sight(&by_index);
            drop(by_index);
            let replayed = open(&fs, None, &mut Rng(6)).unwrap().0;
            assert_eq!(seen, sight(&replayed), "{what}");
        }
    }
    println!("{lives} lives with an index");
}

/// A disk that lies about syncs loses what was published. The power goes once more while the torn tail
/// is cut: whatever is left of that, the places that were lost are not signed again.
#[test]
fn a_torn_tail_is_not_forgotten_by_a_second_cut() {
    let rng = &mut Rng(3);
    let (fs, mut engine) = common::founder(rng);
    let mut ledger = Ledger::default();
    ledger.publish_all(&engine);
    groups(&mut engine, &[1, 1, 1], rng, &mut ledger).unwrap();
    drop(engine);
    let files = fs.files();
    let (segment, _) = files
        .iter()
        .rfind(|(path, _)| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    fs.restart(0);
    fs.damage(segment, |bytes| bytes.truncate(bytes.len() - 3))
        .unwrap();
    let trial = fs.fork();
    let (engine, report) = open(&trial, None, rng).unwrap();
    assert!(report.torn.is_some(), "the last entry is torn");
    drop(engine);
    let boundaries = trial.changes();
    let (mut renewed, mut lives) = (0, 0);
    for at in 0..boundaries {
        for seed in 0..8 {
            let what = format!("cut {at} of {boundaries} of the opening, seed {seed}");
            let fs = fs.fork();
            fs.plan(Some(Fault::PowerCut { at }));
            assert!(open(&fs, None, rng).is_err(), "{what}: no cut");
            fs.restart(seed);
            let (mut engine, _) = open(&fs, None, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
            let mut ledger = ledger.clone();
            groups(&mut engine, &[2], rng, &mut ledger).unwrap();
            let twice = ledger.said.values().filter(|hashes| hashes.len() > 1);
            assert_eq!(twice.count(), 0, "{what}: places signed twice");
            lives += 1;
            let logs: std::collections::BTreeSet<_> = ledger.said.keys().map(|k| k.0).collect();
            renewed += usize::from(logs.len() > 2);
        }
    }
    println!("{boundaries} boundaries, {lives} lives, {renewed} in a new generation");
    assert_eq!(renewed, lives);
}

/// The checks can fail: one who tells before the flush signs places twice.
#[test]
fn telling_before_the_flush_is_caught() {
    let mut twice = 0;
    for seed in 0..8 {
        let rng = &mut Rng(seed);
        let (fs, mut engine) = common::founder(rng);
        let mut ledger = Ledger::default();
        write_title(&mut engine, 0, rng).unwrap();
        ledger.publish(&engine.take_admitted());
        drop(engine);
        fs.restart(seed);
        let (mut engine, _) = open(&fs, None, rng).unwrap();
        write_title(&mut engine, 0, rng).unwrap();
        ledger.publish(&engine.take_admitted());
        twice += usize::from(ledger.said.values().any(|hashes| hashes.len() > 1));
    }
    println!("published before the flush: places signed twice in {twice} of 8 lives");
    assert!(twice > 0);
}

/// An engine that failed says so until it is opened again, and tells nobody anything.
fn must_be_dead(engine: &mut Engine, peers: &Peers, what: &str) {
    assert!(engine.is_broken(), "{what}: it goes on");
    let rng = &mut Rng(8);
    assert!(engine.flush().is_err(), "{what}: a later flush succeeds");
    assert!(
        write_title(engine, 0, rng).is_err(),
        "{what}: a later write succeeds"
    );
    for run in peers.bobs_data.iter().chain(&peers.carols_lane0) {
        assert!(
            receive(engine, run, rng).is_err(),
            "{what}: it still receives"
        );
    }
    assert!(
        engine.checkpoint().is_err(),
        "{what}: a later checkpoint succeeds"
    );
}

/// As [`life`] from the opened engine on, but keeps the engine that failed.
fn watched_life(fs: &FaultyFs, peers: &Peers, ledger: &mut Ledger, what: &str) -> bool {
    let rng = &mut Rng(1);
    let opened = open(fs, None, rng);
    let Ok((mut engine, _)) = opened else {
        return false;
    };
    ledger.publish_all(&engine);
    let mut steps = || -> Result<(), NodeError> {
        groups(&mut engine, &[1, 2], rng, ledger)?;
        for run in &peers.bobs_data {
            let _ = receive(&mut engine, run, rng)?;
        }
        settle(&mut engine, ledger)?;
        for run in &peers.carols_lane0 {
            let _ = receive(&mut engine, run, rng)?;
        }
        groups(&mut engine, &[1], rng, ledger)?;
        engine.checkpoint()
    };
    let outcome = steps();
    match outcome {
        Ok(()) => true,
        Err(e) => {
            assert!(
                matches!(
                    e,
                    NodeError::Journal(_) | NodeError::Dir(_) | NodeError::Io(_)
                ),
                "{what}: {e:?}"
            );
            must_be_dead(&mut engine, peers, what);
            false
        }
    }
}

#[test]
fn a_full_or_failing_disk_at_every_call() {
    let peers = peers(false);
    let begin = |seed| {
        let fs = FaultyFs::new(seed);
        let mut ledger = Ledger::default();
        let bob_and_carol = (&peers.bob, &peers.carol);
        childhood(&fs, bob_and_carol, None, &mut Rng(1), &mut ledger).unwrap();
        (fs, ledger)
    };
    let (fs, mut ledger) = begin(1);
    fs.plan(None);
    assert!(watched_life(&fs, &peers, &mut ledger, "undisturbed"));
    let calls = fs.calls();
    let (mut faults, mut survived) = (0, 0);
    for kind in [FaultKind::NoSpace, FaultKind::Io] {
        for lasting in [false, true] {
            for at in 0..calls {
                let what = format!("{kind:?} at {at} of {calls}, lasting {lasting}");
                let (fs, mut ledger) = begin(at);
                fs.plan(Some(Fault::Error { at, kind, lasting }));
                let whole = watched_life(&fs, &peers, &mut ledger, &what);
                if !fs.struck() {
                    continue;
                }
                faults += 1;
                survived += u64::from(whole);
                fs.plan(None);
                assert!(afterlife(&fs, &peers, None, &mut ledger, &what), "{what}");
            }
        }
    }
    println!(
        "{calls} calls, {faults} faults, {survived} of them without consequence; acknowledged \
         entries lost: 0, unopenable: 0, places signed twice: 0"
    );
}

/// Founding and joining, cut short at every write: what is acknowledged works, what is not can be
/// done again or is refused, and never spoils the directory.
#[test]
fn founding_and_joining_cut_short_leave_nothing_broken() {
    let rng = &mut Rng(4);
    // Two incidents, and one device whom both would take.
    let (_a, mut one) = common::founder(rng);
    let (_b, mut two) = common::founder(rng);
    let (waiting, request) = applicant("bob", rng);
    let answers: Vec<_> = [&mut one, &mut two]
        .into_iter()
        .map(|hq| {
            let grant = admit(hq, &request, Role::Coordinator, rng).unwrap();
            hand_keys(hq, &request, Role::Coordinator, rng).unwrap();
            hq.flush().unwrap();
            answer(hq, &request, grant, rng).unwrap()
        })
        .collect();
    let joining = |fs: &FaultyFs, answer: &[u8], rng: &mut Rng| -> Result<(), NodeError> {
        let dir = open_dir(fs)?;
        setup::accept(&dir, answer, common::NOW, &mut |b| rng.fill(b))?;
        Ok(())
    };
    let trial = waiting.fork();
    trial.restart(0);
    joining(&trial, &answers[0], rng).unwrap();
    let (mut again, mut other) = (0, 0);
    for at in 0..trial.changes() {
        for seed in 0..8 {
            for (second, counter) in [(0, &mut again), (1, &mut other)] {
                let what = format!("cut {at}, seed {seed}, then answer {second}");
                let fs = waiting.fork();
                fs.restart(0);
                fs.plan(Some(Fault::PowerCut { at }));
                assert!(joining(&fs, &answers[0], rng).is_err(), "{what}: no cut");
                fs.restart(seed);
                let retried = joining(&fs, &answers[second], rng);
                if retried.is_err() {
                    // The answer it took up first still does, or has done already.
                    match joining(&fs, &answers[0], rng) {
                        Ok(()) | Err(NodeError::AlreadyMember) => {}
                        Err(e) => panic!("{what}: {e}"),
                    }
                } else {
                    *counter += 1;
                }
                let (mut engine, _) =
                    open(&fs, None, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
                write_title(&mut engine, 0, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
                engine.close().unwrap();
            }
        }
    }
    println!("joining cut short: done again {again} times, with another answer {other} times");

    let founding = |fs: &FaultyFs, rng: &mut Rng| -> Result<(), NodeError> {
        let dir = match open_dir(fs) {
            Ok(dir) => dir,
            Err(_) => create_on(fs, rng)?,
        };
        found(&dir, rng)
    };
    let trial = FaultyFs::new(1);
    founding(&trial, rng).unwrap();
    let (mut done, mut whole, mut second) = (0, 0, 0);
    for at in 0..trial.changes() {
        for seed in 0..8 {
            let what = format!("founding: cut {at}, seed {seed}");
            let fs = FaultyFs::new(seed);
            fs.plan(Some(Fault::PowerCut { at }));
            assert!(founding(&fs, rng).is_err(), "{what}: no cut");
            fs.restart(seed);
            let again = fs.fork();
            match founding(&again, rng) {
                Ok(()) => done += 1,
                Err(NodeError::Dir(DirError::NotEmpty { .. })) => whole += 1,
                Err(e) => panic!("{what}: {e}"),
            }
            let (mut engine, _) = open(&again, None, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
            write_title(&mut engine, 0, rng).unwrap();
            engine.close().unwrap();
            // And the power goes while it is begun again.
            let changes = again.changes();
            for cut in 0..if seed < 2 { changes } else { 0 } {
                let what = format!("{what}, then cut {cut}");
                let fs = fs.fork();
                fs.plan(Some(Fault::PowerCut { at: cut }));
                if founding(&fs, rng).is_ok() || !fs.struck() {
                    continue;
                }
                fs.restart(seed + cut);
                second += 1;
                match founding(&fs, rng) {
                    Ok(()) | Err(NodeError::Dir(DirError::NotEmpty { .. })) => {}
                    Err(e) => panic!("{what}: {e}"),
                }
                let opened = open(&fs, None, rng);
                drop(opened.unwrap_or_else(|e| panic!("{what}: {e}")));
            }
        }
    }
    println!(
        "founding cut short: done again {done} times, whole already {whole} times, cut short \
         again {second} times"
    );
    assert!(done > 0 && second > 0);
}

/// What an unfinished founding is taken for is never somebody's data: a member's directory without
/// its device file is left alone.
#[test]
fn a_journal_of_more_than_a_first_entry_is_left_alone() {
    let rng = &mut Rng(7);
    let (fs, mut engine) = common::founder(rng);
    write_title(&mut engine, 0, rng).unwrap();
    engine.close().unwrap();
    let device = Path::new(common::DIR).join("keys/device.secret");
    muster_store::fs::FileSystem::remove(&fs, &device).unwrap();
    let before = open_dir(&fs).unwrap();
    let refused = found(&before, rng);
    assert!(
        matches!(refused, Err(NodeError::Dir(DirError::NotEmpty { .. }))),
        "{refused:?}"
    );
    let (journal, _) =
        muster_store::Journal::open(&before, muster_node::engine::journal_options()).unwrap();
    assert_eq!(journal.scan(None).unwrap().count(), 2, "both entries");
}
