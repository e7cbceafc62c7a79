//! Rewriting segments to erase: old or new at every power cut, and in the end nothing that opens the
//! old.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;

use common::{Rng, SMALL, create, open_journal, records};
use muster_store::fs::fault::{Fault, FaultKind, FaultyFs};
use muster_store::journal::{Journal, JournalError};
use muster_store::{DataDir, Position};

const SECRET: &[u8] = b"Ana Exemple, +999 555 0100";
const KEPT: usize = 40;

/// Forty records, every seventh with something to erase; the last segment is still written to.
fn fill(fs: &FaultyFs) -> (DataDir, Journal, Vec<Position>) {
    let mut rng = Rng(7);
    let dir = create(fs, &mut rng).unwrap();
    let (mut journal, _) = Journal::open(&dir, SMALL).unwrap();
    let mut at = Vec::new();
    for n in 0..KEPT {
        let mut record = format!("record {n} ").into_bytes();
        if n % 7 == 3 {
            record.extend_from_slice(SECRET);
        }
        record.extend(rng.bytes(60));
        at.extend(journal.append(&[&record], &mut |b| rng.fill(b)).unwrap());
    }
    journal.sync().unwrap();
    (dir, journal, at)
}

fn holds(record: &[u8]) -> bool {
    record.windows(SECRET.len()).any(|w| w == SECRET)
}

fn stripped(record: &[u8]) -> Option<Vec<u8>> {
    let at = record.windows(SECRET.len()).position(|w| w == SECRET)?;
    Some([&record[..at], &record[at + SECRET.len()..]].concat())
}

fn to_rewrite(journal: &Journal) -> BTreeSet<u32> {
    let all = journal.scan(None).unwrap().map(Result::unwrap);
    all.filter(|(_, record)| holds(record))
        .map(|(at, _)| at.segment.number)
        .collect()
}

fn erase(journal: &mut Journal, seed: u64) -> Result<Vec<(Position, Position)>, JournalError> {
    let numbers = to_rewrite(journal);
    erase_in(journal, &numbers, seed)
}

fn erase_in(
    journal: &mut Journal,
    numbers: &BTreeSet<u32>,
    seed: u64,
) -> Result<Vec<(Position, Position)>, JournalError> {
    let mut rng = Rng(seed);
    let mut moved = Vec::new();
    let done = journal.rewrite(numbers, &mut |_, r| stripped(r), &mut moved, &mut |b| {
        rng.fill(b)
    });
    // Half-way too, what is told of is where it is told to be. (Where all went well the callers look,
    // so that no fault that is planned for the rewriting hits a reader instead.)
    let half_way = done.is_err() && !journal.is_poisoned();
    for (_, to) in moved.iter().filter(|_| half_way) {
        match journal.read(*to) {
            Ok(record) => assert!(!holds(&record)),
            Err(JournalError::Io(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    done.map(|()| moved)
}

/// The key files as they were, by name.
fn keys(fs: &FaultyFs) -> Vec<(String, Vec<u8>)> {
    let files = fs.files().into_iter();
    files
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "key"))
        .filter(|(path, _)| path.to_string_lossy().contains("journal"))
        .map(|(path, bytes)| (path.to_string_lossy().into_owned(), bytes))
        .collect()
}

/// Each record is there once and in order, with or without what is to go.
fn check(found: &[Vec<u8>], erased: bool, what: &str) {
    assert_eq!(found.len(), KEPT, "{what}");
    for (n, record) in found.iter().enumerate() {
        let begins = format!("record {n} ");
        assert!(record.starts_with(begins.as_bytes()), "{what}: {n}");
        assert!(!erased || !holds(record), "{what}: {n} holds it still");
    }
}

#[test]
fn what_is_erased_is_gone_and_the_rest_stays_where_it_is_told() {
    let fs = FaultyFs::new(1);
    let (dir, mut journal, at) = fill(&fs);
    let before = keys(&fs);
    assert!(before.len() > 3, "{} segments", before.len());
    let whole: Vec<Vec<u8>> = at.iter().map(|a| journal.read(*a).unwrap()).collect();
    assert_eq!(whole.iter().filter(|r| holds(r)).count(), 6);
    let numbers = to_rewrite(&journal);
    let moved = erase(&mut journal, 9).unwrap();
    for (from, to) in &moved {
        let n = at.iter().position(|a| a == from).unwrap();
        let wanted = stripped(&whole[n]).unwrap_or_else(|| whole[n].clone());
        assert_eq!(journal.read(*to).unwrap(), wanted);
        assert!(matches!(
            journal.read(*from),
            Err(JournalError::NoSuchPosition(_))
        ));
    }
    let untouched = at.iter().filter(|a| !numbers.contains(&a.segment.number));
    untouched.for_each(|a| drop(journal.read(*a).unwrap()));
    check(&records(&journal).unwrap(), true, "at once");
    // Life goes on behind it, in a segment of its own.
    let mut rng = Rng(4);
    let next = journal
        .append(&[b"record 40 "], &mut |b| rng.fill(b))
        .unwrap();
    assert!(next[0].segment.number > moved.last().unwrap().1.segment.number);
    journal.close().unwrap();
    drop(dir);
    fs.restart(5);
    let (_dir, mut journal, recovery) = open_journal(&fs).unwrap();
    assert!(recovery.is_clean(), "{recovery:?}");
    let mut found = records(&journal).unwrap();
    assert_eq!(found.pop().unwrap(), b"record 40 ");
    check(&found, true, "later");
    let now = fs.files();
    for (name, bytes) in &before {
        let number: u32 = name[name.len() - 12..name.len() - 4].parse().unwrap();
        let there = now
            .iter()
            .any(|(_, b)| b.windows(32).any(|w| bytes[24..].starts_with(w)));
        assert_eq!(there, !numbers.contains(&number), "{name}");
    }
    // Again, a second generation.
    let numbers = BTreeSet::from([moved[0].1.segment.number]);
    let mut again = Vec::new();
    let rewritten = journal.rewrite(&numbers, &mut |_, _| None, &mut again, &mut |b| rng.fill(b));
    rewritten.unwrap();
    assert_eq!(again[0].1.segment.generation, 2);
    assert_eq!(records(&journal).unwrap().len(), KEPT + 1);
}

#[test]
fn at_every_power_cut_old_or_new_and_it_can_be_finished() {
    let clean = FaultyFs::new(1);
    let (dir, mut journal, _) = fill(&clean);
    let old = keys(&clean);
    let numbers = to_rewrite(&journal);
    let before = clean.changes();
    erase(&mut journal, 9).unwrap();
    let changes = clean.changes() - before;
    drop((dir, journal));
    let (mut halfway, mut done, mut cuts) = (0, 0, 0);
    for at in 0..changes {
        for seed in 0..8 {
            let what = format!("cut {at} of {changes}, seed {seed}");
            let fs = FaultyFs::new(seed);
            let (dir, mut journal, _) = fill(&fs);
            fs.plan(Some(Fault::PowerCut { at }));
            assert!(
                erase(&mut journal, 9).is_err() && fs.struck(),
                "{what}: no cut"
            );
            drop((dir, journal));
            fs.restart(seed * 31 + at);
            cuts += 1;
            // The recovery may be cut short too.
            let trial = fs.fork();
            drop(open_journal(&trial).unwrap_or_else(|e| panic!("{what}: {e}")));
            for again in 0..trial.changes() {
                let fs = fs.fork();
                fs.plan(Some(Fault::PowerCut { at: again }));
                assert!(open_journal(&fs).is_err(), "{what}, then {again}: no cut");
                fs.restart(seed * 17 + again);
                finish(&fs, &old, &numbers, &format!("{what}, then {again}"));
            }
            let left = finish(&fs, &old, &numbers, &what);
            halfway += u32::from(left > 0 && left < numbers.len());
            done += u32::from(left == 0);
        }
    }
    println!("{cuts} cuts at {changes} places: {halfway} halfway, {done} with nothing left to do");
    assert!(halfway > 0 && done > 0);
}

/// Opens, checks, erases what is left, and checks again. Says how many segments were left.
fn finish(fs: &FaultyFs, old: &[(String, Vec<u8>)], numbers: &BTreeSet<u32>, what: &str) -> usize {
    let (dir, mut journal, _) = open_journal(fs).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(&records(&journal).unwrap(), false, what);
    let left = to_rewrite(&journal).len();
    erase(&mut journal, 10).unwrap_or_else(|e| panic!("{what}: {e}"));
    drop((dir, journal));
    fs.restart(3);
    let (_dir, journal, _) = open_journal(fs).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(&records(&journal).unwrap(), true, what);
    for (name, bytes) in keys(fs) {
        let of = old.iter().find(|(n, _)| *n == name);
        let number: u32 = match name.rsplit('/').next().unwrap().get(..8).unwrap().parse() {
            Ok(number) => number,
            Err(_) => continue,
        };
        assert!(
            !numbers.contains(&number) || of.is_none(),
            "{what}: {name} is there"
        );
        assert!(!name.contains("damaged"), "{what}: {name} was put aside");
        assert!(
            of.is_none_or(|(_, b)| *b == bytes),
            "{what}: {name} has changed"
        );
    }
    left
}

/// A disk that fails is no worse than a power cut: what is open goes on, or says that it cannot.
#[test]
fn a_failing_disk_leaves_it_to_be_tried_again() {
    let mut tried_again = 0;
    for at in 0..400 {
        let fs = FaultyFs::new(2);
        let (_dir, mut journal, _) = fill(&fs);
        let numbers = to_rewrite(&journal);
        fs.plan(Some(Fault::Error {
            at,
            kind: FaultKind::Io,
            lasting: false,
        }));
        if erase_in(&mut journal, &numbers, 9).is_ok() {
            assert!(!fs.struck(), "call {at}: the failure was not noticed");
            break;
        }
        fs.plan(None);
        if !journal.is_poisoned() {
            check(&records(&journal).unwrap(), false, "after the failure");
            erase(&mut journal, 10).unwrap();
            check(&records(&journal).unwrap(), true, "the second time");
            tried_again += 1;
        }
        drop((_dir, journal));
        fs.restart(at);
        let (_dir, mut journal, _) = open_journal(&fs).unwrap();
        erase(&mut journal, 11).unwrap();
        check(&records(&journal).unwrap(), true, "after a restart");
    }
    assert!(tried_again > 10, "{tried_again}");
}

/// What a repair put aside may hold what is erased; nobody looks through it.
#[test]
fn what_was_put_aside_is_destroyed_too() {
    let fs = FaultyFs::new(3);
    let (dir, journal, _) = fill(&fs);
    drop(journal);
    let victim = common::journal_path("00000001.seg");
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    fs.damage(&victim, flip).unwrap();
    let mut rng = Rng(6);
    let report = Journal::repair(&dir, &mut |b| rng.fill(b)).unwrap();
    assert!(!report.aside.is_empty());
    let (mut journal, _) = Journal::open(&dir, SMALL).unwrap();
    let aside = |fs: &FaultyFs| {
        let files = fs.files().into_iter();
        files
            .filter(|(p, _)| p.to_string_lossy().contains("damaged"))
            .count()
    };
    assert_eq!(aside(&fs), 2);
    erase(&mut journal, 9).unwrap();
    assert_eq!(aside(&fs), 0);
}
