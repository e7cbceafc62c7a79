//! Erasures in random histories, through power cuts, and where they name what they should not: the
//! state is what follows from what is left, and what is erased is in no journal.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{
    NOW, Rng, everything, founder, join, object, open, open_dir, pour, receive, sight, text, write,
    write_title,
};
use muster_log::{
    book::Book,
    entry::PartBody,
    erased::Parts,
    ids::{Lane, ObjectId, Seq},
    keyring::Opened,
    operation::DataOperation,
    record,
    role::Role,
    run,
};
use muster_model::table::kinds;
use muster_node::{
    engine::{Engine, Erasure, journal_options},
    error::NodeError,
};
use muster_store::{
    fs::fault::{Fault, FaultyFs},
    journal::Journal,
};
use tempfile::TempDir;

/// What the verb does.
fn erase(engine: &mut Engine, object: ObjectId, rng: &mut Rng) -> Result<(), NodeError> {
    let mut found = engine.parts_of(&BTreeSet::from([object]))?;
    let parts = found.remove(&object).unwrap_or_default().parts;
    name(engine, object, &parts, rng)?;
    tend(engine, rng)
}

fn name(
    engine: &mut Engine,
    object: ObjectId,
    parts: &Parts,
    rng: &mut Rng,
) -> Result<(), NodeError> {
    let erasure = Erasure {
        object,
        kind: kinds::NEED,
        number: text(""),
        why: text(""),
    };
    engine.erase(&erasure, parts, NOW, &mut |b| rng.fill(b))?;
    Ok(())
}

fn tend(engine: &mut Engine, rng: &mut Rng) -> Result<(), NodeError> {
    engine.flush()?;
    engine.tend_erasures(NOW, &mut |b| rng.fill(b))
}

/// How many stored parts on a disk say anything of erased objects, by somebody who reads all.
fn left_of_erased(fs: &FaultyFs, reader: &Book) -> usize {
    let fs = fs.fork();
    fs.restart(1);
    let dir = open_dir(&fs).unwrap();
    let (journal, _) = Journal::open(&dir, journal_options()).unwrap();
    let mut left = 0;
    for item in journal.scan(None).unwrap() {
        let (_, bytes) = item.unwrap();
        let (_, bytes) = record::decode(&bytes).unwrap();
        let stored = run::decode(&reader.incident(), bytes).unwrap();
        let stored = muster_log::chain::reopen(&reader.incident(), stored).unwrap();
        if stored.log().lane != Lane::DATA {
            continue;
        }
        for entry in stored.entries() {
            for (part, body) in (0u8..).zip(entry.parts()) {
                if *body == PartBody::Absent {
                    continue;
                }
                let read = reader.keys().read(&stored.id(), entry, part);
                let Opened::Content(content) = read else {
                    panic!("{read:?}");
                };
                let read = content.operations.iter().map(|op| op.read().unwrap());
                left += read
                    .filter(|op| match op {
                        DataOperation::Set(w) | DataOperation::Add(w) | DataOperation::Tally(w) => {
                            reader.erased().is_erased(&w.slot.object)
                        }
                        _ => false,
                    })
                    .count();
            }
        }
    }
    left
}

/// Offers everything in any order, cut anywhere.
fn offer(from: &Engine, to: &mut Engine, rng: &mut Rng) {
    let mut runs = everything(from);
    rng.shuffle(&mut runs);
    for bytes in runs.into_iter().take(1 + rng.below(12)) {
        // Unknown authors are refused for a time.
        let _ = receive(to, &bytes, rng).unwrap();
    }
}

struct Device {
    fs: FaultyFs,
    engine: Option<Engine>,
    index: Option<TempDir>,
}

impl Device {
    fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    /// After a turn of the loop.
    fn restart(&mut self, gracefully: bool, rng: &mut Rng) {
        let mut engine = self.engine.take().unwrap();
        tend(&mut engine, rng).unwrap();
        match gracefully {
            true => engine.close().unwrap(),
            false => drop(engine),
        }
        let index = self.index.as_ref().map(|i| i.path().join("index"));
        self.engine = Some(open(&self.fs, index.as_deref(), rng).unwrap().0);
    }
}

fn between(
    devices: &mut [Device],
    from: usize,
    to: usize,
    with: impl FnOnce(&Engine, &mut Engine),
) {
    let giver = devices[from].engine.take().unwrap();
    with(&giver, devices[to].engine());
    devices[from].engine = Some(giver);
}

fn check(device: &mut Device, what: &str, rng: &mut Rng) {
    device.engine().flush().unwrap();
    let anew = device.engine().computed_anew().unwrap();
    assert_eq!(
        device.engine().state().digests(),
        anew,
        "{what}: all at once"
    );
    tend(device.engine(), rng).unwrap();
    let live = sight(device.engine());
    device.restart(rng.below(2) == 0, rng);
    assert_eq!(live, sight(device.engine()), "{what}: after a restart");
}

/// A history; gives how many entries, erased objects, and acts that erase there were.
fn history(seed: u64) -> (u64, usize, usize) {
    let rng = &mut Rng(seed);
    let (fs, one) = founder(rng);
    let indexed = || seed.is_multiple_of(4).then(|| TempDir::new().unwrap());
    let device = |(fs, engine): (FaultyFs, Engine)| Device {
        fs,
        engine: Some(engine),
        index: indexed(),
    };
    let mut devices = vec![device((fs, one))];
    let second = join(devices[0].engine(), "two", Role::Coordinator, rng);
    devices.push(device(second));
    let role = [Role::Coordinator, Role::Lead, Role::Volunteer][rng.below(3)];
    let third = join(devices[1].engine(), "three", role, rng);
    devices.push(device(third));
    for step in 0..50 {
        let at = rng.below(3);
        let what = format!("seed {seed}, step {step}, device {at}");
        match rng.below(12) {
            0..4 => drop(write(devices[at].engine(), 3, rng).unwrap()),
            4..8 => {
                let from = (at + 1 + rng.below(2)) % 3;
                between(&mut devices, from, at, |a, b| offer(a, b, rng));
            }
            8 if devices[at].engine().own_grant().unwrap().may_erase() => {
                let kind = [kinds::NEED, kinds::VOLUNTEER][rng.below(2)];
                let id = object(kind, rng.below(3));
                erase(devices[at].engine(), id, rng).unwrap();
            }
            9 => devices[at].restart(rng.below(2) == 0, rng),
            10 => tend(devices[at].engine(), rng).unwrap(),
            _ if devices[at].index.is_some() => devices[at].engine().checkpoint().unwrap(),
            _ => {}
        }
        if rng.below(6) == 0 {
            check(&mut devices[at], &what, rng);
        }
    }
    for _ in 0..4 {
        for (from, to) in [(2, 1), (1, 0), (0, 1), (1, 2)] {
            between(&mut devices, from, to, |a, b| pour(a, b, rng));
            tend(devices[to].engine(), rng).unwrap();
        }
    }
    let what = format!("seed {seed}");
    devices.iter_mut().for_each(|d| check(d, &what, rng));
    let sights: Vec<_> = devices.iter_mut().map(|d| sight(d.engine())).collect();
    for other in &sights[1..] {
        assert_eq!(sights[0].frontier, other.frontier, "{what}");
        assert_eq!(sights[0].state, other.state, "{what}");
    }
    let reader = devices[0].engine().book().clone();
    for (number, device) in devices.iter().enumerate() {
        assert_eq!(
            left_of_erased(&device.fs, &reader),
            0,
            "{what}: device {number}"
        );
    }
    // Each has confirmed to each, once for each act.
    let acts: Vec<_> = reader
        .erased()
        .objects()
        .flat_map(|(_, acts)| acts)
        .collect();
    for device in &mut devices {
        let own = device.engine().device();
        assert!(
            reader.erased().is_gone(&own, acts.iter().copied()),
            "{what}"
        );
    }
    (
        sights[0].entries,
        reader.erased().objects().count(),
        acts.len(),
    )
}

#[test]
fn random_histories_agree_and_nothing_erased_is_left() {
    let (mut entries, mut objects, mut acts) = (0, 0, 0);
    for seed in 0..60 {
        let (e, o, a) = history(seed);
        entries += e;
        objects += o;
        acts += a;
    }
    println!("60 histories, {entries} entries, {objects} objects erased by {acts} acts");
    assert!(objects > 60 && acts > objects, "later parts were named too");
}

/// Two devices, one with something to erase that the other has as well.
fn two(rng: &mut Rng) -> ((FaultyFs, Engine), (FaultyFs, Engine), ObjectId) {
    let (fs_one, mut one) = founder(rng);
    let (fs_two, mut two) = join(&mut one, "two", Role::Coordinator, rng);
    for n in 0..30 {
        write_title(&mut one, n % 3, rng).unwrap();
    }
    one.flush().unwrap();
    pour(&one, &mut two, rng);
    ((fs_one, one), (fs_two, two), object(kinds::NEED, 1))
}

#[test]
fn a_power_cut_at_any_call_leaves_it_to_be_finished() {
    let rng = &mut Rng(1);
    let ((_, mut one), (fs, mut two), id) = two(rng);
    erase(&mut one, id, rng).unwrap();
    for run in everything(&one) {
        receive(&mut two, &run, rng).unwrap().unwrap();
    }
    two.flush().unwrap();
    let reader = one.book().clone();
    drop(two);
    assert_eq!(left_of_erased(&fs, &reader), 20, "ten titles, ten contacts");
    let trial = fs.fork();
    trial.restart(1);
    let mut engine = open(&trial, None, rng).unwrap().0;
    trial.plan(None);
    let before = trial.changes();
    tend(&mut engine, rng).unwrap();
    let changes = trial.changes() - before;
    assert_eq!(left_of_erased(&trial, &reader), 0);
    let wanted = sight(&engine);
    let mut half = 0;
    for at in 0..changes {
        for seed in 0..4 {
            let what = format!("cut {at} of {changes}, seed {seed}");
            let fs = fs.fork();
            fs.restart(seed);
            let mut engine = open(&fs, None, rng).unwrap().0;
            fs.plan(Some(Fault::PowerCut { at }));
            let cut = tend(&mut engine, rng);
            assert!(fs.struck(), "{what}: {cut:?}");
            drop(engine);
            fs.restart(seed * 7 + at);
            half += usize::from(left_of_erased(&fs, &reader) > 0);
            let mut engine = open(&fs, None, rng)
                .unwrap_or_else(|e| panic!("{what}: {e}"))
                .0;
            tend(&mut engine, rng).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(left_of_erased(&fs, &reader), 0, "{what}");
            let (now, own) = (sight(&engine), engine.device());
            assert_eq!(now.state, wanted.state, "{what}");
            assert_eq!((&now.c2, now.unreadable), (&wanted.c2, 0), "{what}");
            let acts = engine.book().erased().acts(&id);
            assert!(engine.book().erased().is_gone(&own, acts), "{what}");
        }
    }
    println!("{changes} places to be cut at, {half} times with something left");
    assert!(half > 0);
}

/// The process ends between hearing of an erasure and looking for parts that it does not name.
#[test]
fn parts_that_nobody_named_are_found_after_a_start() {
    let rng = &mut Rng(4);
    let ((_, mut one), (fs, mut two), id) = two(rng);
    for n in 0..3 {
        write_title(&mut two, n, rng).unwrap();
    }
    erase(&mut one, id, rng).unwrap();
    for run in everything(&one) {
        receive(&mut two, &run, rng).unwrap().unwrap();
    }
    two.flush().unwrap();
    drop(two);
    let mut two = open(&fs, None, rng).unwrap().0;
    assert_eq!(two.book().erased().acts(&id).count(), 1);
    tend(&mut two, rng).unwrap();
    assert_eq!(
        two.book().erased().acts(&id).count(),
        2,
        "what only two had"
    );
    assert_eq!(left_of_erased(&fs, two.book()), 0);
    tend(&mut two, rng).unwrap();
    assert_eq!(two.book().erased().acts(&id).count(), 2, "and not again");
}

/// A hostile coordinator names parts of what it does not erase. They are gone, for all alike: who
/// held them computes the same as who never got them.
#[test]
fn an_erasure_that_names_more_than_its_object_leaves_one_state() {
    let rng = &mut Rng(2);
    let ((_, mut one), (_, mut two), id) = two(rng);
    let (fs_three, mut three) = join(&mut one, "three", Role::Coordinator, rng);
    let log = *one
        .book()
        .logs()
        .find(|l| l.key().lane == Lane::DATA)
        .unwrap()
        .key();
    let all: BTreeMap<u64, u8> = (0..30).map(|n| (n, 0b11)).collect();
    let before = sight(&two).state;
    name(&mut one, id, &Parts::from([(log, all)]), rng).unwrap();
    tend(&mut one, rng).unwrap();
    pour(&one, &mut two, rng);
    tend(&mut two, rng).unwrap();
    for run in everything(&one) {
        receive(&mut three, &run, rng).unwrap().unwrap();
    }
    tend(&mut three, rng).unwrap();
    pour(&two, &mut one, rng);
    pour(&three, &mut one, rng);
    for engine in [&mut two, &mut three] {
        pour(&one, engine, rng);
        assert_eq!(sight(engine).state, sight(&one).state);
        assert_eq!(sight(engine).frontier, sight(&one).frontier);
        assert_eq!(engine.state().digests(), engine.computed_anew().unwrap());
    }
    assert_ne!(before, sight(&one).state);
    let spared = object(kinds::NEED, 0);
    assert!(
        one.state()
            .object(spared)
            .is_none_or(|o| o.text("title").is_none())
    );
    assert_eq!(left_of_erased(&fs_three, one.book()), 0);
}

/// What is offered again is not taken, not even by who has destroyed nothing yet.
#[test]
fn what_is_offered_again_is_refused() {
    let rng = &mut Rng(3);
    let ((_, mut one), (_, two), id) = two(rng);
    let old = everything(&two);
    erase(&mut one, id, rng).unwrap();
    let entries = one.book().entries();
    for run in &old {
        receive(&mut one, run, rng).unwrap().unwrap();
    }
    tend(&mut one, rng).unwrap();
    assert_eq!(one.book().entries(), entries);
    let log = one
        .book()
        .logs()
        .find(|l| l.key().lane == Lane::DATA)
        .unwrap()
        .id();
    let kept = one.run_from(&log, Seq(1)).unwrap().unwrap();
    let absent = kept.entries().iter().flat_map(|e| e.parts());
    assert!(absent.filter(|p| **p == PartBody::Absent).count() > 0);
    // Nor is it passed on.
    let (_, mut four) = join(&mut one, "four", Role::Coordinator, rng);
    pour(&one, &mut four, rng);
    let given = four.run_from(&log, Seq(1)).unwrap().unwrap();
    assert_eq!(
        given.entries()[0].parts(),
        [PartBody::Absent, PartBody::Absent]
    );
}
