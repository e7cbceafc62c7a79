//! ENOSPC and EIO at every call of a life, once and lasting; then reopening in the same process
//! (the page cache still there) or after a power cut.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{Ledger, Rng, check, check_secret, create, open_journal, records, work};
use muster_store::fs::fault::{Fault, FaultKind, FaultyFs};
use muster_store::journal::{Journal, JournalError};

const GROUPS: u8 = 6;

fn prepared() -> FaultyFs {
    let fs = FaultyFs::new(9);
    drop(create(&fs, &mut Rng(9)).unwrap());
    let (dir, mut journal, _) = open_journal(&fs).unwrap();
    work(&dir, &mut journal, &mut Rng(10), 1, &mut Ledger::default()).unwrap();
    fs
}

fn start() -> Ledger {
    let fs = prepared();
    let (_dir, journal, _) = open_journal(&fs).unwrap();
    let tried = records(&journal).unwrap();
    Ledger {
        acked: tried.len(),
        tried,
        secret: (None, None),
    }
}

fn session(fs: &FaultyFs, ledger: &mut Ledger) -> Result<(), JournalError> {
    let (dir, mut journal, _) = open_journal(fs)?;
    let outcome = work(&dir, &mut journal, &mut Rng(4), GROUPS, ledger);
    if let Err(JournalError::Io(failure)) = &outcome {
        let looked = ["open", "read", "measure", "look for"].contains(&failure.action);
        assert!(looked || journal.is_poisoned(), "not poisoned: {failure}");
    }
    if journal.is_poisoned() {
        let refused = journal.append(&[b"more"], &mut |b| b.fill(0));
        assert!(matches!(refused, Err(JournalError::Poisoned)));
        assert!(matches!(journal.sync(), Err(JournalError::Poisoned)));
    }
    outcome
}

fn reopen_and_go_on(fs: &FaultyFs, ledger: &mut Ledger, what: &str) {
    let (dir, mut journal, _) = open_journal(fs).unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = records(&journal).unwrap_or_else(|e| panic!("{what}: {e}"));
    check(&found, ledger, what);
    check_secret(&dir, ledger, what);
    ledger.tried = found;
    ledger.acked = ledger.tried.len();
    let mut rng = Rng(6);
    work(&dir, &mut journal, &mut rng, 1, ledger).unwrap_or_else(|e| panic!("{what}: {e}"));
}

#[test]
fn a_full_disk_or_a_bad_one_at_every_call_loses_nothing_acknowledged() {
    let begin = start();
    let clean = prepared();
    clean.plan(None);
    session(&clean, &mut begin.clone()).unwrap();
    let calls = clean.calls();
    let mut struck = 0;
    for at in 0..calls {
        for kind in [FaultKind::NoSpace, FaultKind::Io] {
            for lasting in [false, true] {
                for power in [false, true] {
                    let what = format!("{kind:?} at call {at}, lasting {lasting}, power {power}");
                    let fs = prepared();
                    fs.plan(Some(Fault::Error { at, kind, lasting }));
                    let mut ledger = begin.clone();
                    let outcome = session(&fs, &mut ledger);
                    if !fs.struck() {
                        outcome.unwrap_or_else(|e| panic!("{what}: {e}"));
                        continue;
                    }
                    struck += 1;
                    if let Err(JournalError::Damaged { .. }) = outcome {
                        panic!("{what}: an error of the disk was taken for damage");
                    }
                    fs.plan(None);
                    if power {
                        fs.restart(at);
                    }
                    reopen_and_go_on(&fs, &mut ledger, &what);
                    // What a reopened journal shows must have become durable.
                    fs.restart(at + 1);
                    reopen_and_go_on(&fs, &mut ledger, &format!("{what}, restarted"));
                }
            }
        }
    }
    println!("errors: {struck} at {calls} calls; acknowledged records lost: 0; unopenable: 0");
    assert!(struck > 500);
}

#[test]
fn creating_a_directory_survives_an_error_at_every_call() {
    let clean = FaultyFs::new(2);
    drop(create(&clean, &mut Rng(2)).unwrap());
    let calls = clean.calls();
    for at in 0..calls {
        for kind in [FaultKind::NoSpace, FaultKind::Io] {
            let fs = FaultyFs::new(2);
            fs.plan(Some(Fault::Error {
                at,
                kind,
                lasting: false,
            }));
            let first = create(&fs, &mut Rng(2));
            fs.plan(None);
            if first.is_err() && common::open(&fs).is_err() {
                drop(first);
                drop(create(&fs, &mut Rng(3)).unwrap_or_else(|e| panic!("{kind:?} {at}: {e}")));
            }
            let dir = common::open(&fs);
            if let Ok(dir) = dir {
                Journal::open(&dir, common::SMALL).unwrap();
            }
        }
    }
    println!("create: an error at each of {calls} calls");
}

#[test]
fn a_refused_record_does_no_harm() {
    let fs = prepared();
    let (_dir, mut journal, _) = open_journal(&fs).unwrap();
    let mut none = |_: &mut [u8]| {};
    let big = vec![1; muster_store::journal::MAX_RECORD + 1];
    assert!(matches!(
        journal.append(&[b"a", b""], &mut none),
        Err(JournalError::EmptyRecord { index: 1 })
    ));
    assert!(matches!(
        journal.append(&[&big], &mut none),
        Err(JournalError::RecordTooLarge { index: 0, .. })
    ));
    let full = &big[1..];
    assert!(matches!(
        journal.append(&[full; 17], &mut none),
        Err(JournalError::BatchTooLarge { .. })
    ));
    let at = journal.append(&[full, b"after"], &mut none).unwrap();
    assert_eq!(journal.read(at[0]).unwrap(), full);
    assert_eq!(journal.read(at[1]).unwrap(), b"after");
}
