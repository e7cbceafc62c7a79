//! The index may be lost, damaged, older or newer than the journal: the state is the entries'.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Rng, Sight, founder, join, open, open_dir, pour, sight, write, write_title};
use muster_log::role::Role;
use muster_node::engine::OpenReport;
use muster_store::{Journal, fs::fault::FaultyFs};
use tempfile::TempDir;

struct Laptop {
    disk: FaultyFs,
    /// The disk as it was at the first checkpoint.
    old_disk: FaultyFs,
    folder: TempDir,
}

impl Laptop {
    fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    fn old_index(&self) -> PathBuf {
        self.folder.path().join("old")
    }

    /// A copy of the index as it was when the laptop was closed, to be spoilt.
    fn spoil(&self) -> (TempDir, PathBuf) {
        let folder = TempDir::new().unwrap();
        let index = folder.path().join("index");
        copy(&self.index(), &index);
        (folder, index)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn files(under: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => out.extend(files(&path)),
            false => out.push(path),
        }
    }
    out.sort();
    out
}

/// A life of two checkpoints, closed.
fn laptop(seed: u64) -> Laptop {
    let rng = &mut Rng(seed);
    let folder = TempDir::new().unwrap();
    let index = folder.path().join("index");
    let (disk, mut hq) = founder(rng);
    let (_fs, mut two) = join(&mut hq, "two", Role::Coordinator, rng);
    hq.close().unwrap();
    let (mut hq, report) = open(&disk, Some(&index), rng).unwrap();
    assert!(report.rebuilt.is_some());
    for n in 0..25 {
        write(&mut hq, 12, rng).unwrap();
        write(&mut two, 12, rng).unwrap();
        if n == 20 {
            hq.write(
                [(
                    muster_log::ids::Class::C2,
                    vec![muster_log::operation::DataOperation::Operator(
                        common::text("Ada"),
                    )],
                )]
                .into(),
                1,
                common::NOW,
                &mut |b| rng.fill(b),
            )
            .unwrap();
        }
    }
    two.flush().unwrap();
    pour(&two, &mut hq, rng);
    hq.close().unwrap();
    copy(&index, &folder.path().join("old"));
    let old_disk = disk.fork();
    let (mut hq, report) = open(&disk, Some(&index), rng).unwrap();
    assert_eq!(report.rebuilt, None);
    for number in 20..40 {
        // Objects that the older copy does not know.
        write_title(&mut hq, number, rng).unwrap();
        write(&mut hq, 12, rng).unwrap();
    }
    hq.close().unwrap();
    Laptop {
        disk,
        old_disk,
        folder,
    }
}

fn seen(disk: &FaultyFs, index: Option<&Path>) -> (Sight, OpenReport) {
    let (engine, report) = open(disk, index, &mut Rng(1)).unwrap();
    let seen = sight(&engine);
    engine.close().unwrap();
    (seen, report)
}

/// Opens with a spoilt index, and once more, and once without: the same.
fn check(disk: &FaultyFs, index: &Path, what: &str) -> OpenReport {
    let (truth, _) = seen(disk, None);
    let (first, report) = seen(disk, Some(index));
    assert_eq!(first, truth, "{what}");
    let (again, second) = seen(disk, Some(index));
    assert_eq!(again, truth, "{what}, opened again");
    assert_eq!(second.rebuilt, None, "{what}, opened again");
    report
}

#[test]
fn deleted_truncated_and_noisy_indexes_cost_a_rebuild() {
    let laptop = laptop(1);
    let (_keep, index) = laptop.spoil();
    assert_eq!(check(&laptop.disk, &index, "untouched").rebuilt, None);
    fs::remove_dir_all(&index).unwrap();
    let report = check(&laptop.disk, &index, "deleted");
    assert_eq!(report.rebuilt.as_deref(), Some("there was none"));
    let (mut damages, mut rebuilt) = (0, 0);
    for seed in 0..14 {
        let rng = &mut Rng(seed);
        let (_keep, index) = laptop.spoil();
        let all = files(&index);
        let file = &all[rng.below(all.len())];
        let mut bytes = fs::read(file).unwrap();
        let at = rng.below(bytes.len());
        match seed % 3 {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + 1 + rng.below(4096)).min(bytes.len());
                rng.fill(&mut bytes[at..end]);
            }
            _ => rng.fill(&mut bytes),
        }
        fs::write(file, bytes).unwrap();
        let report = check(&laptop.disk, &index, &format!("damage {seed} in {file:?}"));
        damages += 1;
        rebuilt += u64::from(report.rebuilt.is_some());
    }
    println!("{damages} damages, {rebuilt} rebuilt, digests that differ: 0");
}

#[test]
fn an_older_index_is_brought_up_to_date() {
    let laptop = laptop(2);
    let report = check(&laptop.disk, &laptop.old_index(), "older");
    assert_eq!(report.rebuilt, None);
}

/// The directory was restored from an older copy, and the index was not: what it knows too much must
/// not come back later.
#[test]
fn an_index_newer_than_the_journal_is_emptied() {
    let laptop = laptop(3);
    let report = check(&laptop.old_disk, &laptop.index(), "newer");
    assert!(report.rebuilt.is_some());
}

/// As before, but the older copy was worked with before the newer index met it: positions alone do
/// not show it.
#[test]
fn an_index_of_another_future_is_emptied() {
    let laptop = laptop(4);
    let (mut hq, _) = open(&laptop.old_disk, None, &mut Rng(9)).unwrap();
    for number in 60..140 {
        write_title(&mut hq, number, &mut Rng(10)).unwrap();
    }
    hq.close().unwrap();
    let report = check(&laptop.old_disk, &laptop.index(), "another future");
    assert!(report.rebuilt.is_some());
}

/// A repair drops what cannot be read: the state must not keep what the journal lost.
#[test]
fn after_a_repair_the_state_is_what_the_journal_kept() {
    for seed in 0..4 {
        let laptop = laptop(5);
        let rng = &mut Rng(seed);
        let segments: Vec<_> = laptop
            .disk
            .files()
            .into_iter()
            .filter(|(path, bytes)| path.to_string_lossy().ends_with(".seg") && bytes.len() > 2000)
            .collect();
        let (path, bytes) = &segments[rng.below(segments.len())];
        let at = 500 + rng.below(bytes.len() - 1000);
        laptop.disk.damage(path, |bytes| bytes[at] ^= 0x55).unwrap();
        assert!(open(&laptop.disk, None, rng).is_err(), "damage is named");
        let dir = open_dir(&laptop.disk).unwrap();
        Journal::repair(&dir, &mut |b| rng.fill(b)).unwrap();
        drop(dir);
        let what = format!("repaired at {at} of {path:?}");
        let report = check(&laptop.disk, &laptop.index(), &what);
        assert!(report.rebuilt.is_some(), "{what}");
    }
}
