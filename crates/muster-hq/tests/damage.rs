//! What is cut, damaged, foreign or hostile: what verifies comes in, what is missing is named.
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::{ops::ControlFlow, process::Command, time::Duration};

use common::*;
use muster_hq::{HqError, Source, Warehouse, import};
use muster_log::{
    bundle::Stretch,
    ids::{Lane, Seq},
    role::Role,
    run,
};
use muster_store::Unlock;

#[test]
fn cut_at_a_hundred_places() {
    let story = story();
    let whole = std::fs::read(&story.sources[2]).unwrap();
    let promised: Vec<Stretch> = story
        .b
        .packed(7, |l, s| {
            *l != story.a.secrets.log(Lane::DATA) || (40..=50).contains(&s)
        })
        .iter()
        .map(|r| Stretch {
            log: r.log,
            from: r.entries[0].header.seq,
            to: last_seq(r),
        })
        .collect();
    let complete = story.path("complete.sqlite");
    let all = import_into(&complete, Some(story.hq()), &story.sources[2..3]);
    let (mut last, mut some) = (0, 0);
    for i in 0..100 {
        let at = whole.len() * i / 100;
        let cut = story.path("cut.muster");
        std::fs::write(&cut, &whole[..at]).unwrap();
        let path = story.path(&format!("w{i}.sqlite"));
        let report = import_into(&path, Some(story.hq()), std::slice::from_ref(&cut));
        let file = &report.files[0];
        assert!(!file.complete);
        assert!(
            !file.damage.is_empty() || file.problem.is_some(),
            "cut at {at}"
        );
        assert!(report.entries_new >= last && report.entries_new < all.entries_new);
        last = report.entries_new;
        if report.entries > 0 {
            some += 1;
            // Of what the list of contents promises, every place is here or named as missing.
            for stretch in &promised {
                for Seq(seq) in (stretch.from.0..=stretch.to.0).map(Seq) {
                    let key = (stretch.log.device.hex(), stretch.log.lane.0);
                    let here = number(
                        &path,
                        &format!(
                            "SELECT (SELECT count(*) FROM entries WHERE device = '{0}' AND lane = {1}
                             AND seq = {seq}) + (SELECT count(*) FROM gaps WHERE device = '{0}'
                             AND lane = {1} AND {seq} BETWEEN \"from\" AND \"to\")",
                            key.0, key.1
                        ),
                    );
                    assert_eq!(here, 1, "cut at {at}: {key:?} {seq}");
                }
                if i % 10 != 0 {
                    break;
                }
            }
        }
        // The rest completes it.
        if i % 25 == 24 {
            import_into(&path, Some(story.hq()), &story.sources[2..3]);
            assert_same(&dump(&complete), &dump(&path), "completed");
        }
    }
    assert!(some > 60, "{some}");
}

#[test]
fn a_damaged_record_costs_itself() {
    let story = story();
    let mut bytes = std::fs::read(&story.sources[2]).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x40;
    let damaged = story.path("damaged.muster");
    std::fs::write(&damaged, &bytes).unwrap();
    let path = story.path("w.sqlite");
    let whole = import_into(
        &story.path("all.sqlite"),
        Some(story.hq()),
        &story.sources[2..3],
    );
    let report = import_into(&path, Some(story.hq()), &[damaged]);
    let file = &report.files[0];
    assert!(
        !file.complete && file.damage.len() == 1,
        "{:?}",
        file.damage
    );
    assert_eq!(report.entries_new + 7, whole.entries_new);
    let missing: u64 = report.gaps.iter().map(|g| g.to - g.from + 1).sum();
    let missing_anyway: u64 = whole.gaps.iter().map(|g| g.to - g.from + 1).sum();
    assert_eq!(missing, missing_anyway + 7);
}

#[test]
fn a_damaged_journal_names_its_damage() {
    let story = story();
    let segments = story.path("laptop/journal");
    let segment = std::fs::read_dir(segments)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "seg"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let path = story.path("w.sqlite");
    let report = import_into(&path, Some(story.hq()), &story.sources[3..]);
    let file = &report.files[0];
    assert!(
        !file.complete && file.damage.len() == 1,
        "{:?}",
        file.damage
    );
    assert!(file.damage[0].contains("checksum"), "{:?}", file.damage);
    assert!(report.entries_new > 20);
    // Without anything to open it, and with the wrong key.
    let mut warehouse = Warehouse::open(&path, None).unwrap();
    let sources = [Source::from(story.path("laptop"))];
    let mut go = |_: &muster_hq::Progress| ControlFlow::Continue(());
    let report = import(&mut warehouse, &sources, None, START, &mut go).unwrap();
    assert_eq!(
        report.files[0].problem.as_ref().unwrap().code(),
        "no-unlock"
    );
    let key = story.path("key");
    std::fs::write(&key, [7; 40]).unwrap();
    let wrong = Unlock::KeyFile(key);
    let report = import(&mut warehouse, &sources, Some(&wrong), START, &mut go).unwrap();
    assert_eq!(
        report.files[0].problem.as_ref().unwrap().code(),
        "directory"
    );
    assert_eq!(report.refused["directory"], 1);
}

#[test]
fn another_incident_stays_out() {
    let story = story();
    let other = Device::found("Fire", 99);
    let foreign = story.path("foreign.muster");
    std::fs::write(
        &foreign,
        honest(&other.genesis, &other.packed(64, |_, _| true)),
    )
    .unwrap();
    // Entries of ours under a foreign genesis, and foreign entries under ours.
    let mixed = story.path("mixed.muster");
    std::fs::write(
        &mixed,
        honest(&story.founder.genesis, &other.packed(64, |_, _| true)),
    )
    .unwrap();
    let path = story.path("w.sqlite");
    import_into(&path, Some(story.hq()), &story.sources);
    let before = dump(&path);
    let report = import_into(&path, Some(story.hq()), std::slice::from_ref(&foreign));
    assert_eq!(report.refused["other-incident"], 1);
    assert_eq!(report.entries_new, 0);
    assert_same(&before, &dump(&path), "foreign");
    let report = import_into(&path, Some(story.hq()), &[mixed]);
    assert_eq!(report.entries_new, 0);
    assert!(report.refused.contains_key("unknown-author"));
    let device = muster_hq::HqDevice::new(other.genesis.clone(), other.secrets.clone());
    match Warehouse::open(&path, Some(device)) {
        Err(HqError::OtherIncident { .. }) => {}
        other => panic!("{other:?}"),
    }
    // Files of other programs.
    let alien = story.path("alien.sqlite");
    let db = rusqlite::Connection::open(&alien).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    assert!(matches!(
        Warehouse::open(&alien, None),
        Err(HqError::NotAWarehouse(_))
    ));
    let report = import_into(&path, Some(story.hq()), &[alien, story.path("missing")]);
    assert_eq!(report.refused["not-a-bundle"], 1);
    assert_eq!(report.refused["io"], 1);
}

#[test]
fn hostile_runs_are_refused_by_name() {
    let mut story = story();
    let stranger = Device::found("Flood", 5);
    let mut runs: Vec<Vec<u8>> = story
        .founder
        .packed(64, |_, _| true)
        .iter()
        .map(run::encode)
        .collect();
    let honest_runs = runs.len();
    let last = story.b.packed(64, |_, _| true).pop().unwrap();
    let mut forged = last.clone();
    forged
        .entries
        .last_mut()
        .unwrap()
        .signature
        .as_mut()
        .unwrap()
        .0[3] ^= 1;
    runs.push(run::encode(&forged));
    runs.push(b"\x01no run at all".to_vec());
    runs.push(run::encode(&stranger.packed(1, |_, _| true)[0]));
    let listed = vec![Stretch {
        log: last.log,
        from: Seq(5),
        to: Seq(u64::MAX),
    }];
    let (mut writer, mut bytes) =
        muster_log::bundle::Writer::start(&story.founder.genesis, &listed);
    runs.iter().for_each(|r| bytes.extend(writer.run(r)));
    bytes.extend(writer.end());
    let path = story.path("hostile.muster");
    std::fs::write(&path, bytes).unwrap();
    let into = story.path("w.sqlite");
    let report = import_into(&into, Some(story.hq()), std::slice::from_ref(&path));
    assert_eq!(report.files[0].refused, 3);
    assert_eq!(report.refused["bad-signature"], 1);
    assert_eq!(report.refused["malformed"], 1);
    assert_eq!(report.refused["unknown-author"], 1);
    assert_eq!(runs.len() - honest_runs, 3);
    assert_eq!(number(&into, "SELECT count(*) FROM refused"), 3);
    let before = dump(&into);
    import_into(&into, Some(story.hq()), &[path]);
    assert_same(&before, &dump(&into), "refused twice");
    // A later admission of somebody else changes nothing for the stranger.
    let _ = story.founder.admit("late", Role::Lead, 1);
}

#[test]
fn one_writer_at_a_time() {
    let story = story();
    let path = story.path("w.sqlite");
    let open = Warehouse::open(&path, None).unwrap();
    assert!(matches!(
        Warehouse::open(&path, None),
        Err(HqError::InUse(_))
    ));
    drop(open);
    assert!(Warehouse::open(&path, None).is_ok());
}

#[test]
fn stopped_anywhere_it_is_completed() {
    let story = story();
    let whole = story.path("whole.sqlite");
    import_into(&whole, Some(story.hq()), &story.sources);
    let sources: Vec<Source> = story.sources.iter().cloned().map(Source::from).collect();
    for stop_at in 0.. {
        let path = story.path(&format!("stop-{stop_at}.sqlite"));
        let mut warehouse = Warehouse::open(&path, Some(story.hq())).unwrap();
        let mut told = 0;
        let done = import(
            &mut warehouse,
            &sources,
            Some(&Unlock::DefaultKeyFile),
            START,
            &mut |_| {
                // What a killed process leaves: the file and its journal as they are now.
                let copy = story.path(&format!("copy-{told}.sqlite"));
                if stop_at == 0 {
                    std::fs::copy(&path, &copy).unwrap();
                    let journal = path.with_extension("sqlite-journal");
                    if journal.exists() {
                        std::fs::copy(journal, copy.with_extension("sqlite-journal")).unwrap();
                    }
                }
                told += 1;
                if stop_at > 0 && told == stop_at {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        drop(warehouse);
        if stop_at == 0 {
            done.unwrap();
            for copy in 0..told {
                let copy = story.path(&format!("copy-{copy}.sqlite"));
                import_into(&copy, Some(story.hq()), &story.sources);
                assert_same(&dump(&whole), &dump(&copy), "copied in the middle");
            }
            continue;
        }
        match done {
            Ok(_) => break,
            Err(HqError::Interrupted) => {
                assert!(Warehouse::open_shared(&path).unwrap().is_stale().unwrap());
                import_into(&path, Some(story.hq()), &story.sources);
                assert_same(
                    &dump(&whole),
                    &dump(&path),
                    &format!("stopped at {stop_at}"),
                );
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// The process that is killed by the test below.
#[test]
fn imports_until_killed() {
    let Some(dir) = std::env::var_os("MUSTER_HQ_KILLED") else {
        return;
    };
    let story = story();
    let path = std::path::Path::new(&dir).join("w.sqlite");
    for source in story.sources.iter().cycle() {
        import_into(&path, Some(story.hq()), std::slice::from_ref(source));
    }
}

#[test]
fn killed_it_is_completed() {
    let story = story();
    let whole = story.path("whole.sqlite");
    import_into(&whole, Some(story.hq()), &story.sources);
    let expected = dump(&whole);
    let mut rolled_back = 0;
    for round in 0..16u64 {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["imports_until_killed", "--exact"])
            .env("MUSTER_HQ_KILLED", dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let path = dir.path().join("w.sqlite");
        while !path.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(5 + 18 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // A journal whose head is not wiped is a transaction that was not committed.
        let journal = std::fs::read(dir.path().join("w.sqlite-journal")).unwrap_or_default();
        rolled_back += u32::from(journal.iter().take(8).any(|b| *b != 0));
        import_into(&path, Some(story.hq()), &story.sources);
        assert_same(&expected, &dump(&path), &format!("round {round}"));
        assert_eq!(
            number(
                &path,
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"
            ),
            1
        );
    }
    println!("killed 16 times, {rolled_back} times within a transaction");
}
