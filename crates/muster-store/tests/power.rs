//! Power cuts at every changing call, and again at every changing call of the recovery.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Ledger, Rng, check, check_secret, create, open, open_journal, records, work};
use muster_store::fs::fault::{Fault, FaultyFs};
use muster_store::journal::{Journal, JournalError};
use muster_store::{DataDir, DirError};

const GROUPS: u8 = 9;

fn whole_life(fs: &FaultyFs, rng: &mut Rng, ledger: &mut Ledger) -> Result<(), JournalError> {
    let dir = create(fs, rng)?;
    let (mut journal, _) = Journal::open(&dir, common::SMALL)?;
    work(&dir, &mut journal, rng, GROUPS, ledger)?;
    drop((dir, journal));
    // A second session: a fresh segment after a found one.
    let (dir, mut journal, _) = open_journal(fs)?;
    work(&dir, &mut journal, rng, 3, ledger)?;
    journal.close()
}

/// Opens after a cut; a directory that was never finished is made again.
fn recover(fs: &FaultyFs, ledger: &Ledger) -> Result<(DataDir, Journal), JournalError> {
    let dir = match open(fs) {
        Err(DirError::NotOurs { .. }) if ledger.acked == 0 && ledger.secret.0.is_none() => {
            create(fs, &mut Rng(77))?
        }
        Err(DirError::Io(e)) if ledger.acked == 0 && !fs.struck() => {
            panic!("unopenable: {e}")
        }
        other => other?,
    };
    let (journal, _) = Journal::open(&dir, common::SMALL)?;
    Ok((dir, journal))
}

fn check_life(fs: &FaultyFs, ledger: &mut Ledger, what: &str) {
    let (dir, mut journal) = recover(fs, ledger).unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = records(&journal).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(&found, ledger, what);
    check_secret(&dir, ledger, what);
    // What was found is durable now, and life goes on.
    ledger.tried = found;
    ledger.acked = ledger.tried.len();
    work(&dir, &mut journal, &mut Rng(5), 2, ledger).unwrap_or_else(|e| panic!("{what}: {e}"));
    drop((dir, journal));
    fs.restart(11);
    let (_dir, journal) = recover(fs, ledger).unwrap_or_else(|e| panic!("{what}, later: {e}"));
    let found = records(&journal).unwrap();
    check(&found, ledger, what);
}

#[test]
fn nothing_acknowledged_is_lost_at_any_cut_nor_in_recovery() {
    let fs = FaultyFs::new(1);
    whole_life(&fs, &mut Rng(1), &mut Ledger::default()).unwrap();
    let changes = fs.changes();
    let (mut cuts, mut second_cuts) = (0, 0);
    for at in 0..changes {
        for seed in 0..8 {
            let what = format!("cut {at} of {changes}, seed {seed}");
            let fs = FaultyFs::new(seed);
            fs.plan(Some(Fault::PowerCut { at }));
            let mut ledger = Ledger::default();
            let outcome = whole_life(&fs, &mut Rng(1), &mut ledger);
            assert!(fs.struck() && outcome.is_err(), "{what}: no cut");
            drop(outcome);
            fs.restart(seed * 31 + at);
            cuts += 1;
            // How many changing calls does this recovery make?
            let trial = fs.fork();
            drop(recover(&trial, &ledger).unwrap_or_else(|e| panic!("{what}: {e}")));
            for again in 0..trial.changes() {
                let fs = fs.fork();
                let what = format!("{what}, then cut {again} of the recovery");
                fs.plan(Some(Fault::PowerCut { at: again }));
                assert!(recover(&fs, &ledger).is_err(), "{what}: no cut");
                fs.restart(seed * 17 + again);
                second_cuts += 1;
                let (dir, journal) =
                    recover(&fs, &ledger).unwrap_or_else(|e| panic!("{what}: {e}"));
                check(&records(&journal).unwrap(), &ledger, &what);
                check_secret(&dir, &ledger, &what);
            }
            check_life(&fs, &mut ledger, &what);
        }
    }
    println!(
        "power cuts: {cuts} at {changes} places, {second_cuts} more during recovery; \
         acknowledged records lost: 0; unopenable: 0"
    );
    assert!(cuts > 500 && second_cuts > 1000);
}

/// The check can fail: without the sync, acknowledged records are lost at some cut.
#[test]
fn a_journal_that_does_not_sync_is_caught() {
    let mut lost = 0;
    for seed in 0..16 {
        let fs = FaultyFs::new(seed);
        let dir = create(&fs, &mut Rng(1)).unwrap();
        let (mut journal, _) = Journal::open(&dir, common::SMALL).unwrap();
        journal
            .append(&[b"never synced"], &mut |b| Rng(3).fill(b))
            .unwrap();
        drop((dir, journal));
        fs.restart(seed);
        let (_dir, journal, _) = open_journal(&fs).unwrap();
        lost += u32::from(records(&journal).unwrap().is_empty());
    }
    println!("records not synced: lost in {lost} of 16 cuts");
    assert!(lost > 0);
}

/// No offset is ever sealed twice under one key, whatever the power does.
#[test]
fn after_an_open_the_first_append_begins_a_new_segment() {
    let fs = FaultyFs::new(3);
    let mut rng = Rng(3);
    drop(create(&fs, &mut rng).unwrap());
    for number in 1..=4 {
        let (_dir, mut journal, recovery) = open_journal(&fs).unwrap();
        assert!(recovery.is_clean());
        let at = journal
            .append(&[b"x"], &mut |b| rng.fill(b))
            .unwrap()
            .remove(0);
        assert_eq!(at.segment.number, number);
        journal.close().unwrap();
    }
}
