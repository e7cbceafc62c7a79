//! Round trips of the journal as properties, and the faulty file system's own promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;

use common::{Rng, create, open, shared};
use muster_store::fs::fault::{Fault, FaultKind, FaultyFs};
use muster_store::fs::{Access, FileSystem};
use muster_store::journal::{Journal, Options};
use muster_store::{JournalError, Position};
use proptest::prelude::*;

fn batch() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..700), 0..6)
}

proptest! {
    #![proptest_config(common::cases(96))]

    /// Whatever is appended comes back, by position and by scan, from any position on, across
    /// rotations and reopenings.
    #[test]
    fn what_goes_in_comes_out(
        sessions in prop::collection::vec((prop::collection::vec(batch(), 0..6), any::<bool>()), 1..4),
        segment_bytes in 1_u32..4000,
    ) {
        let fs = FaultyFs::new(1);
        let mut rng = Rng(1);
        drop(create(&fs, &mut rng).unwrap());
        let mut written: Vec<(Position, Vec<u8>)> = Vec::new();
        let mut ends = vec![(0, Position::START)];
        for (batches, graceful) in sessions {
            let dir = open(&fs).unwrap();
            let (mut journal, recovery) = Journal::open(&dir, Options { segment_bytes }).unwrap();
            prop_assert!(recovery.is_clean());
            for batch in batches {
                let slices: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
                let positions = journal.append(&slices, &mut |b| rng.fill(b)).unwrap();
                written.extend(positions.into_iter().zip(batch.clone()));
                ends.push((written.len(), journal.end()));
            }
            for (at, record) in &written {
                prop_assert_eq!(&journal.read(*at).unwrap(), record);
            }
            for (count, end) in &ends {
                let rest: Vec<_> = journal.scan(Some(*end)).unwrap().map(|i| i.unwrap()).collect();
                prop_assert_eq!(&rest, &written[*count..]);
            }
            for (i, (at, _)) in written.iter().enumerate().step_by(3) {
                let rest: Vec<_> = journal.scan(Some(*at)).unwrap().map(|i| i.unwrap()).collect();
                prop_assert_eq!(&rest, &written[i..]);
            }
            prop_assert!(written.windows(2).all(|w| w[0].0 < w[1].0));
            if graceful {
                journal.close().unwrap();
            }
        }
    }

    #[test]
    fn positions_round_trip(number: u32, generation: u32, offset: u32) {
        let segment = muster_store::journal::SegmentId { number, generation };
        let position = Position { segment, offset };
        prop_assert_eq!(Position::from_bytes(position.to_bytes()), position);
    }
}

#[test]
fn positions_that_are_none_are_refused() {
    let fs = FaultyFs::new(1);
    let dir = create(&fs, &mut Rng(1)).unwrap();
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let at = journal
        .append(&[b"one", b"two"], &mut |b| b.fill(1))
        .unwrap();
    let end = journal.end();
    assert!(matches!(
        journal.read(end),
        Err(JournalError::NoSuchPosition(_))
    ));
    assert!(matches!(
        journal.read(Position {
            offset: at[1].offset - 1,
            ..at[1]
        }),
        Err(JournalError::Damaged { .. })
    ));
    let mut other = at[0];
    other.segment.generation = 1;
    assert!(matches!(
        journal.read(other),
        Err(JournalError::NoSuchPosition(_))
    ));
    assert!(matches!(
        journal.scan(Some(other)),
        Err(JournalError::NoSuchPosition(_))
    ));
    let beyond = Position {
        offset: end.offset + 1,
        ..end
    };
    assert!(matches!(
        journal.scan(Some(beyond)),
        Err(JournalError::NoSuchPosition(_))
    ));
    assert_eq!(journal.scan(Some(end)).unwrap().count(), 0);
}

/// Records in the clear are nowhere on the disk, in files set aside neither.
#[test]
fn the_disk_shows_no_record() {
    let fs = FaultyFs::new(1);
    let dir = create(&fs, &mut Rng(1)).unwrap();
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    let marker = b"MARKER-not-to-be-found";
    let mut rng = Rng(2);
    journal
        .append(&[marker, marker], &mut |b| rng.fill(b))
        .unwrap();
    journal.close().unwrap();
    for (path, bytes) in fs.files() {
        assert!(
            !bytes.windows(marker.len()).any(|w| w == marker),
            "{}",
            path.display()
        );
    }
}

#[test]
fn the_faulty_file_system_keeps_only_what_was_synced() {
    let (mut kept, mut lost, mut torn, mut nameless) = (0, 0, 0, 0);
    for seed in 0..64 {
        let fs = FaultyFs::new(seed);
        let root = Path::new("/");
        let file = fs.create_new(Path::new("/a")).unwrap();
        file.write_at(&[1; 1000], 0).unwrap();
        file.sync_data().unwrap();
        fs.sync_dir(root).unwrap();
        file.write_at(&[2; 1000], 500).unwrap();
        fs.create_new(Path::new("/b")).unwrap();
        fs.restart(seed);
        assert!(file.len().is_err(), "a handle survived the power cut");
        let content = fs.files().remove(0).1;
        assert!(content[..500] == [1; 500], "synced bytes changed");
        nameless += u32::from(!fs.exists(Path::new("/b")).unwrap());
        match content.iter().filter(|b| **b == 2).count() {
            0 => lost += 1,
            1000 => kept += 1,
            _ => torn += 1,
        }
    }
    println!("unsynced write: kept {kept}, lost {lost}, torn {torn}; name lost {nameless} of 64");
    assert!(kept > 5 && lost > 5 && torn > 5 && nameless > 5);
}

#[test]
fn after_a_failed_sync_the_data_looks_fine_and_is_lost() {
    let fs = FaultyFs::new(1);
    let path = Path::new("/a");
    let file = fs.create_new(path).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    file.write_at(b"data", 0).unwrap();
    let fault = |kind| {
        Some(Fault::Error {
            at: 0,
            kind,
            lasting: false,
        })
    };
    fs.plan(fault(FaultKind::Io));
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(file.len().unwrap(), 4);
    fs.restart(1);
    assert_eq!(
        shared(&fs).open(path, Access::Read).unwrap().len().unwrap(),
        0
    );
    fs.plan(fault(FaultKind::NoSpace));
    assert!(fs.exists(path).is_ok(), "looking needs no room");
}
