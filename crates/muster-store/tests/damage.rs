//! Every byte flipped, tails torn, files cut, lost and filled with noise: detected and named,
//! never wrong data; and repair.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::{Path, PathBuf};

use common::{DIR, Ledger, Rng, create, journal_path, open, open_journal, records, shared, work};
use muster_store::Unlock;
use muster_store::fs::fault::{Fault, FaultyFs};
use muster_store::journal::{Damage, Journal, JournalError, Why, read_only};

/// A journal of several segments; closed gracefully or not.
fn built(seed: u64, graceful: bool) -> (FaultyFs, Vec<Vec<u8>>) {
    let fs = FaultyFs::new(seed);
    let mut rng = Rng(seed);
    let mut ledger = Ledger::default();
    drop(create(&fs, &mut rng).unwrap());
    for groups in [5, 4] {
        let (dir, mut journal, _) = open_journal(&fs).unwrap();
        work(&dir, &mut journal, &mut rng, groups, &mut ledger).unwrap();
        if graceful {
            journal.close().unwrap();
        }
    }
    (fs, ledger.tried)
}

fn journal_files(fs: &FaultyFs) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = fs.files();
    files.retain(|(path, _)| path.starts_with(Path::new(DIR).join("journal")));
    files
}

fn saved(fs: &FaultyFs) -> (Vec<Vec<u8>>, Vec<Damage>, Vec<Damage>) {
    let journal = read_only(shared(fs), Path::new(DIR), &Unlock::DefaultKeyFile).unwrap();
    let records = journal.records().map(|item| item.unwrap().1).collect();
    (records, journal.damages().to_vec(), journal.torn().to_vec())
}

fn is_subsequence(part: &[Vec<u8>], whole: &[Vec<u8>]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|record| whole.any(|other| other == record))
}

/// Opens, or repairs and opens; what comes out must be true records in order.
fn repair_and_check(fs: &FaultyFs, written: &[Vec<u8>], what: &str) -> usize {
    let dir = open(fs).unwrap();
    let mut rng = Rng(8);
    let report =
        Journal::repair(&dir, &mut |b| rng.fill(b)).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (mut journal, _) = Journal::open(&dir, common::SMALL)
        .unwrap_or_else(|e| panic!("{what}: not openable after {report:?}: {e}"));
    let kept = records(&journal).unwrap();
    assert!(is_subsequence(&kept, written), "{what}: wrong data");
    let at = journal.append(&[b"after"], &mut |b| rng.fill(b)).unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.read(at[0]).unwrap(), b"after");
    drop(journal);
    let (journal, recovery) = Journal::open(&dir, common::SMALL).unwrap();
    assert!(recovery.is_clean(), "{what}: {recovery:?}");
    assert_eq!(records(&journal).unwrap().len(), kept.len() + 1, "{what}");
    kept.len()
}

#[test]
fn every_byte_flipped_after_a_graceful_stop_is_detected() {
    let (fs, written) = built(21, true);
    let (mut flips, mut refused, mut harmless, mut repaired) = (0, 0, 0, 0);
    for (path, content) in journal_files(&fs) {
        for at in 0..content.len() {
            for bit in [0x01, 0x80] {
                let what = format!("{} byte {at} bit {bit:#x}", path.display());
                let fs = fs.fork();
                fs.damage(&path, |bytes| bytes[at] ^= bit).unwrap();
                flips += 1;
                match open_journal(&fs) {
                    Err(JournalError::Damaged { path: named, .. }) => {
                        refused += 1;
                        let stem = |p: &Path| p.file_stem().unwrap().to_owned();
                        assert_eq!(stem(&named), stem(&path), "{what}: another file is named");
                    }
                    Err(other) => panic!("{what}: {other}"),
                    // Only the closing witness itself has no witness.
                    Ok((_, journal, recovery)) => {
                        harmless += 1;
                        assert!(recovery.torn.is_some(), "{what}: not noticed");
                        assert_eq!(records(&journal).unwrap(), written, "{what}");
                        continue;
                    }
                }
                if at % 7 == 0 {
                    repaired += 1;
                    let (found, damages, _) = saved(&fs);
                    assert!(
                        !damages.is_empty() && is_subsequence(&found, &written),
                        "{what}"
                    );
                    let kept = repair_and_check(&fs, &written, &what);
                    assert_eq!(kept, found.len(), "{what}");
                    let one_frame = path.extension().unwrap() == "seg" && at >= 32;
                    assert!(
                        !one_frame || kept >= written.len() - 1,
                        "{what}: kept {kept}"
                    );
                }
            }
        }
    }
    println!(
        "flips: {flips}; refused with the file named: {refused}; cut with no record lost: \
         {harmless}; repaired: {repaired}; wrong data: 0"
    );
    assert!(refused > 4000 && harmless <= 2 * 32);
}

#[test]
fn every_byte_flipped_after_an_abrupt_stop_is_detected() {
    let (fs, written) = built(22, false);
    let (mut flips, mut cut) = (0, 0);
    for (path, content) in journal_files(&fs) {
        for at in 0..content.len() {
            let what = format!("{} byte {at}", path.display());
            let fs = fs.fork();
            fs.damage(&path, |bytes| bytes[at] ^= 0x10).unwrap();
            flips += 1;
            match open_journal(&fs) {
                Err(JournalError::Damaged { .. }) => {}
                Err(other) => panic!("{what}: {other}"),
                Ok((_, journal, recovery)) => {
                    // In the last group nothing tells a flip from a tear: reported, never wrong.
                    cut += 1;
                    assert!(recovery.torn.is_some(), "{what}: not noticed");
                    let found = records(&journal).unwrap();
                    assert!(found.len() < written.len() && found == written[..found.len()]);
                }
            }
        }
    }
    println!("flips: {flips}; taken for a torn tail and reported: {cut}; wrong data: 0");
}

#[test]
fn keys_and_format_flipped_are_refused() {
    let (fs, written) = built(23, true);
    for name in [
        "FORMAT",
        "keys/storage.key",
        "keys/default.key",
        "keys/counter.secret",
    ] {
        let path = Path::new(DIR).join(name);
        let len = fs
            .files()
            .into_iter()
            .find(|(p, _)| *p == path)
            .unwrap()
            .1
            .len();
        for at in 0..len {
            let fs = fs.fork();
            fs.damage(&path, |bytes| bytes[at] ^= 0x20).unwrap();
            let outcome = open_journal(&fs);
            match (name, outcome) {
                ("keys/counter.secret", Ok((dir, ..))) => {
                    assert!(dir.read_secret("counter").is_err(), "{name} byte {at}");
                }
                // A hexadecimal digit in the other case, or the line's end, is the same key.
                ("keys/default.key", Ok((_, journal, _))) => {
                    assert_eq!(records(&journal).unwrap(), written);
                }
                (_, outcome) => assert!(outcome.is_err(), "{name} byte {at}"),
            }
        }
    }
}

#[test]
fn a_frame_changed_on_purpose_with_its_checksum_mended_does_not_open() {
    let (fs, written) = built(24, true);
    let path = journal_path("00000001.seg");
    fs.damage(&path, |bytes| {
        let len = u32::from_le_bytes(bytes[36..40].try_into().unwrap());
        let end = 48 + usize::try_from(len).unwrap();
        bytes[50] ^= 1;
        let mut crc = crc32fast::Hasher::new();
        for part in [1_u32, 0, 32] {
            crc.update(&part.to_le_bytes());
        }
        crc.update(&bytes[36..44]);
        crc.update(&bytes[48..end]);
        let crc = crc.finalize().to_le_bytes();
        bytes[44..48].copy_from_slice(&crc);
    })
    .unwrap();
    let (_dir, journal, _) = open_journal(&fs).unwrap();
    match records(&journal) {
        Err(JournalError::Damaged {
            offset: 32,
            why: Why::Seal,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
    drop((_dir, journal));
    let (found, damages, _) = saved(&fs);
    assert_eq!(found, written[1..]);
    assert_eq!(
        (damages.len(), damages[0].start, damages[0].why),
        (1, 32, Why::Seal)
    );
    assert_eq!(repair_and_check(&fs, &written, "seal"), written.len() - 1);
}

#[test]
fn a_torn_tail_of_any_length_is_cut_and_reported() {
    let (fs, written) = built(25, false);
    let (path, content) = journal_files(&fs)
        .into_iter()
        .rfind(|(path, _)| path.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    let mut outcomes = (0, 0);
    for len in 0..content.len() {
        let fs = fs.fork();
        fs.damage(&path, |bytes| bytes.truncate(len)).unwrap();
        let (found, damages, torn) = saved(&fs);
        let what = format!("{} cut to {len}", path.display());
        match open_journal(&fs) {
            Ok((dir, journal, recovery)) => {
                outcomes.0 += 1;
                let now = records(&journal).unwrap();
                assert_eq!(now, written[..now.len()], "{what}");
                assert_eq!(now, found, "{what}");
                assert!(damages.is_empty(), "{what}");
                assert_eq!(recovery.torn.is_some(), !torn.is_empty(), "{what}");
                drop((dir, journal));
                repair_and_check(&fs, &written, &what);
            }
            Err(JournalError::Damaged { .. }) => outcomes.1 += 1,
            Err(other) => panic!("{what}: {other}"),
        }
    }
    println!(
        "tails: {} cut and reported, {} refused as damage",
        outcomes.0, outcomes.1
    );
    assert!(outcomes.0 > 32);
}

#[test]
fn damage_in_the_middle_is_named_with_its_offset_and_repaired() {
    let (fs, written) = built(26, true);
    let (_dir, journal, _) = open_journal(&fs).unwrap();
    let positions: Vec<_> = journal.scan(None).unwrap().map(|i| i.unwrap().0).collect();
    drop((_dir, journal));
    let victim = positions[positions.len() / 2];
    let path = journal_path(&format!("{}.seg", victim.segment));
    let at = usize::try_from(victim.offset).unwrap();
    fs.damage(&path, |bytes| bytes[at + 20] ^= 0xFF).unwrap();
    match open_journal(&fs) {
        Err(JournalError::Damaged {
            segment,
            offset,
            why,
            ..
        }) => {
            assert_eq!(
                (segment, offset, why),
                (victim.segment, victim.offset, Why::Checksum)
            );
        }
        other => panic!("{other:?}"),
    }
    let dir = open(&fs).unwrap();
    let report = Journal::repair(&dir, &mut |b| Rng(1).fill(b)).unwrap();
    println!("{report:?}");
    assert_eq!(report.lost.len(), 1);
    assert_eq!(report.lost[0].start, victim.offset);
    let (journal, _) = Journal::open(&dir, common::SMALL).unwrap();
    assert!(matches!(
        journal.read(victim),
        Err(JournalError::NoSuchPosition(_))
    ));
    let mut expected = written.clone();
    expected.remove(positions.len() / 2);
    assert_eq!(records(&journal).unwrap(), expected);
    assert!(
        report
            .aside
            .iter()
            .all(|path| fs.files().iter().any(|(p, _)| p == path))
    );
}

#[test]
fn files_lost_cut_or_filled_with_noise_are_named_and_repaired() {
    let (fs, written) = built(27, true);
    let mut rng = Rng(27);
    let mut counts = (0, 0);
    for (path, content) in journal_files(&fs) {
        for case in 0..24 {
            let fs = fs.fork();
            let what = format!("{} case {case}", path.display());
            if case == 0 {
                use muster_store::fs::FileSystem;
                fs.remove(&path).unwrap();
            } else {
                let from = usize::try_from(rng.below(content.len() as u64)).unwrap();
                let len = usize::try_from(1 + rng.below(300)).unwrap();
                let noise = rng.bytes(len);
                fs.damage(&path, |bytes| match case % 4 {
                    0 => bytes.truncate(from),
                    1 => bytes.extend(noise),
                    2 => drop(bytes.splice(from..from, noise)),
                    _ => {
                        let end = (from + len).min(bytes.len());
                        bytes[from..end].copy_from_slice(&noise[..end - from]);
                    }
                })
                .unwrap();
            }
            match open_journal(&fs) {
                Ok((_, journal, _)) => {
                    counts.0 += 1;
                    let found = records(&journal).unwrap();
                    assert_eq!(found, written[..found.len()], "{what}");
                }
                Err(JournalError::Damaged { .. }) => {
                    counts.1 += 1;
                    let (found, damages, _) = saved(&fs);
                    assert!(
                        !damages.is_empty() && is_subsequence(&found, &written),
                        "{what}"
                    );
                }
                Err(other) => panic!("{what}: {other}"),
            }
            repair_and_check(&fs, &written, &what);
        }
    }
    println!(
        "lost, cut, noise: {} opened, {} refused, all repaired",
        counts.0, counts.1
    );
}

#[test]
fn a_repair_cut_at_every_call_can_be_repeated() {
    let (fs, written) = built(28, true);
    let damage = |name: &str, at: usize| {
        fs.damage(&journal_path(name), |bytes| bytes[at] ^= 4)
            .unwrap();
    };
    damage("00000001.seg", 60);
    damage("00000002.key", 60);
    damage("00000003.seg", 20);
    let mend = |fs: &FaultyFs| -> Result<(), JournalError> {
        let dir = open(fs)?;
        let mut rng = Rng(fs.calls());
        Journal::repair(&dir, &mut |b| rng.fill(b))?;
        Journal::open(&dir, common::SMALL).map(drop)
    };
    let whole = fs.fork();
    whole.plan(None);
    mend(&whole).unwrap();
    let expected = records(&open_journal(&whole).unwrap().1).unwrap();
    let changes = {
        let fs = fs.fork();
        fs.plan(None);
        mend(&fs).unwrap();
        fs.changes()
    };
    for at in 0..changes {
        for seed in 0..6 {
            let fs = fs.fork();
            fs.plan(Some(Fault::PowerCut { at }));
            assert!(mend(&fs).is_err());
            fs.restart(seed);
            mend(&fs).unwrap_or_else(|e| panic!("cut {at}, seed {seed}: {e}"));
            let found = records(&open_journal(&fs).unwrap().1).unwrap();
            assert_eq!(found, expected, "cut {at}, seed {seed}");
            assert!(is_subsequence(&found, &written));
        }
    }
    println!("repair cut at each of {changes} calls, 6 seeds: same records every time");
}

/// Cut exactly between two frames, a segment looks whole; the next one's header knows better.
#[test]
fn frames_missing_from_the_end_of_an_earlier_segment_are_missed() {
    let (fs, written) = built(29, true);
    let path = journal_path("00000001.seg");
    let dir = open(&fs).unwrap();
    let (journal, _) = Journal::open(&dir, common::SMALL).unwrap();
    let positions: Vec<_> = journal.scan(None).unwrap().map(|i| i.unwrap().0).collect();
    let last = positions
        .iter()
        .rfind(|p| p.segment.number == 1)
        .unwrap()
        .offset;
    drop((journal, dir));
    let len = fs
        .files()
        .into_iter()
        .find(|(p, _)| *p == path)
        .unwrap()
        .1
        .len();
    fs.damage(&path, |bytes| {
        bytes.truncate(usize::try_from(last).unwrap())
    })
    .unwrap();
    match open_journal(&fs) {
        Err(JournalError::Damaged {
            offset,
            why: Why::End,
            ..
        }) => assert_eq!(offset, last),
        other => panic!("{other:?}"),
    }
    let (_, damages, _) = saved(&fs);
    assert_eq!((damages[0].start, damages[0].end as usize), (last, len));
    assert_eq!(repair_and_check(&fs, &written, "end"), written.len() - 1);
}
