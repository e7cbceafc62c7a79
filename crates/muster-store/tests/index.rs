//! The index: against a model, and with its folder deleted, cut and filled with noise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::Rng;
use muster_store::index::{Index, Marker, Opened, Options, RebuildReason};
use muster_store::keys::StorageKey;
use muster_store::{IndexError, Position};
use proptest::prelude::*;

type Model = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

fn options() -> Options {
    Options {
        cache: 1024 * 1024,
        patience: Duration::from_secs(5),
    }
}

fn key(seed: u64) -> StorageKey {
    let mut rng = Rng(seed);
    StorageKey::generate(&mut |b| rng.fill(b))
}

fn marker(offset: u32) -> Marker {
    Marker {
        position: Position {
            offset,
            ..Position::START
        },
        schema: 3,
        meta: b"meta".to_vec(),
    }
}

fn open(path: &Path) -> Opened {
    Index::open(path, &key(1), 3, options(), &mut |b| b.fill(5)).unwrap()
}

fn ready(path: &Path) -> Index {
    match open(path) {
        Opened::Ready(index) => index,
        other => panic!("{other:?}"),
    }
}

fn reason(opened: Opened) -> RebuildReason {
    match opened {
        Opened::Rebuild(index, reason) => {
            assert!(index.marker().is_none() && index.count() == 0);
            assert!((0..4).all(|table| index.scan(table).next().is_none()));
            reason
        }
        Opened::Ready(_) => panic!("opened as if nothing were wrong"),
    }
}

fn same(index: &Index, model: &Model) {
    assert_eq!(index.count(), model.len() as u64);
    for table in 0..4 {
        let mut found: Vec<_> = index.scan(table).map(|item| item.unwrap()).collect();
        found.sort();
        let expected: Vec<_> = model
            .iter()
            .filter(|((t, _), _)| *t == table)
            .map(|((_, k), v)| (k.clone(), v.clone()))
            .collect();
        assert_eq!(found, expected);
    }
    for ((table, key), value) in model {
        assert_eq!(index.get(*table, key).unwrap().as_ref(), Some(value));
    }
    assert_eq!(index.get(0, b"no such key").unwrap(), None);
}

/// The content after each checkpoint.
fn fill_all(path: &Path, seed: u64, checkpoints: u32) -> Vec<Model> {
    let mut rng = Rng(seed);
    let mut model = Model::new();
    let mut models = vec![model.clone()];
    let mut index = open(path).into_index();
    for n in 1..=checkpoints {
        let mut puts = Vec::new();
        for _ in 0..50 {
            let table = u8::try_from(rng.below(4)).unwrap();
            let key = rng.below(200).to_le_bytes().to_vec();
            let len = usize::try_from(rng.below(400)).unwrap();
            let value = rng.bytes(len);
            model.insert((table, key.clone()), value.clone());
            puts.push((table, key, value));
        }
        index.checkpoint(puts, Vec::new(), marker(n)).unwrap();
        models.push(model.clone());
    }
    models
}

fn fill(path: &Path, seed: u64, checkpoints: u32) -> Model {
    fill_all(path, seed, checkpoints).pop().unwrap()
}

fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![path.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => todo.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_checkpoint_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    assert_eq!(reason(open(&path)), RebuildReason::Absent);
    // Made, but never filled.
    assert_eq!(reason(open(&path)), RebuildReason::NoMarker);
    let model = fill(&path, 1, 5);
    let mut index = ready(&path);
    assert_eq!(index.marker(), Some(&marker(5)));
    same(&index, &model);
    let big = vec![(0, vec![0; muster_store::index::MAX_KEY + 1], Vec::new())];
    let refused = index.checkpoint(big, Vec::new(), marker(6));
    assert!(matches!(refused, Err(IndexError::TooLarge { .. })));
    // A delete and a put of one key: the put counts.
    let (puts, deletes) = (
        vec![(0, b"k".to_vec(), b"v".to_vec())],
        vec![(0, b"k".to_vec())],
    );
    index.checkpoint(puts, deletes.clone(), marker(7)).unwrap();
    assert_eq!(index.get(0, b"k").unwrap().unwrap(), b"v");
    index.checkpoint(Vec::new(), deletes, marker(8)).unwrap();
    drop(index);
    let index = ready(&path);
    same(&index, &model);
    let index = index.reset(&key(1), options(), &mut |b| b.fill(6)).unwrap();
    assert_eq!(index.count(), 0);
}

/// What an emptied index held opens for nobody, even where the disk kept all of it.
#[test]
fn emptied_it_is_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let (path, kept) = (home.path().join("index"), home.path().join("kept"));
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    };
    fill(&path, 4, 1);
    copy(&path, &kept);
    drop(ready(&path));
    // Put back as it was, it opens: the copy is a good one.
    fs::remove_dir_all(&path).unwrap();
    copy(&kept, &path);
    let index = ready(&path);
    let (old, salt) = (fs::read(kept.join("salt")).unwrap(), path.join("salt"));
    drop(index.reset(&key(1), options(), &mut |b| b.fill(6)).unwrap());
    let new = fs::read(&salt).unwrap();
    assert_ne!(new, old);
    fs::remove_dir_all(&path).unwrap();
    copy(&kept, &path);
    fs::write(&salt, &new).unwrap();
    assert_eq!(reason(open(&path)), RebuildReason::Marker);
    fs::remove_file(&salt).unwrap();
    assert_eq!(reason(open(&path)), RebuildReason::NoSalt);
}

#[test]
fn another_schema_or_key_means_a_rebuild() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    fill(&path, 2, 1);
    let opened = Index::open(&path, &key(1), 4, options(), &mut |b| b.fill(7)).unwrap();
    assert_eq!(
        reason(opened),
        RebuildReason::OtherSchema {
            found: 3,
            wanted: 4
        }
    );
    fill(&path, 2, 1);
    let opened = Index::open(&path, &key(2), 3, options(), &mut |b| b.fill(8)).unwrap();
    assert_eq!(reason(opened), RebuildReason::Marker);
}

#[test]
fn an_opening_that_killed_the_process_is_not_tried_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    fill(&path, 3, 1);
    fs::write(home.path().join("index.opening"), b"").unwrap();
    assert_eq!(reason(open(&path)), RebuildReason::LastOpenDied);
    fill(&path, 3, 1);
    drop(ready(&path));
}

/// sled lets go of its lock a moment late; that must not cost a sound index.
#[test]
fn an_index_can_be_opened_again_at_once() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    let model = fill(&path, 6, 3);
    for _ in 0..200 {
        drop(ready(&path));
    }
    same(&ready(&path), &model);
}

/// What sled stores is neither readable nor exchangeable, nor can an entry be taken away.
#[test]
fn an_index_at_rest_is_no_empty_one_and_wakes_for_the_next_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("index");
    let put = |n: u8| vec![(1, vec![n], vec![n; 9])];
    let mut index = open(&path).into_index();
    index.rest();
    for n in 1..4 {
        index
            .checkpoint(put(n), vec![], marker(u32::from(n)))
            .unwrap();
        index.rest();
        assert!(index.scan(1).next().unwrap().is_err());
        assert!(index.get(1, &[n]).is_err());
    }
    drop(index);
    let mut index = ready(&path);
    assert_eq!((index.count(), index.scan(1).flatten().count()), (3, 3));
    // What was put in its place meanwhile is not written upon.
    index.rest();
    fs::remove_dir_all(&path).unwrap();
    let refused = index.checkpoint(put(9), vec![], marker(9));
    assert!(
        matches!(refused, Err(IndexError::Broken { .. })),
        "{refused:?}"
    );
}

#[test]
fn keys_and_values_are_hidden_and_the_sum_vouches_for_all() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("index");
    let (secret_key, secret_value) = (b"KEY-not-to-be-found", b"VALUE-not-to-be-found");
    let mut index = open(&path).into_index();
    let puts = (0..20_u8).map(|i| (1, [secret_key, &[i][..]].concat(), secret_value.to_vec()));
    index
        .checkpoint(puts.collect(), Vec::new(), marker(1))
        .unwrap();
    drop(index);
    for file in files(&path) {
        let bytes = fs::read(file).unwrap();
        for marker in [&secret_key[..], &secret_value[..]] {
            assert!(!bytes.windows(marker.len()).any(|w| w == marker));
        }
    }
    // One entry removed behind our back, then one replaced by another's value.
    for case in 0..2 {
        let db = sled::open(&path).unwrap();
        let entries: Vec<_> = db
            .iter()
            .map(|e| e.unwrap())
            .filter(|(k, _)| k.len() > 1)
            .collect();
        match case {
            0 => db.remove(&entries[3].0).unwrap(),
            _ => db.insert(&entries[3].0, &entries[4].1).unwrap(),
        };
        db.flush().unwrap();
        drop(db);
        assert_eq!(reason(open(&path)), RebuildReason::Sum);
        let mut index = open(&path).into_index();
        let puts = (0..20_u8).map(|i| (1, vec![i], vec![i; 30])).collect();
        index.checkpoint(puts, Vec::new(), marker(1)).unwrap();
    }
}

#[test]
fn a_damaged_folder_is_rebuilt_or_still_valid() {
    let seed = 40;
    let mut rng = Rng(seed);
    let home = tempfile::tempdir().unwrap();
    let whole = home.path().join("whole");
    let models = fill_all(&whole, 4, 12);
    let sources = files(&whole);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..60 {
        let path = home.path().join(format!("index-{round}"));
        fs::create_dir(&path).unwrap();
        for source in &sources {
            let to = path.join(source.strip_prefix(&whole).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(source, to).unwrap();
        }
        let all = files(&path);
        let victim = &all[usize::try_from(rng.below(all.len() as u64)).unwrap()];
        let mut bytes = fs::read(victim).unwrap();
        let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
        match round % 5 {
            0 => bytes.truncate(at),
            1 => rng.fill(&mut bytes),
            2 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 0x41),
            3 => {
                let end = (at + 600).min(bytes.len());
                rng.fill(&mut bytes[at..end]);
            }
            _ => {
                let end = (at + 4096).min(bytes.len());
                bytes[at..end].fill(0);
            }
        }
        match round {
            0 => fs::remove_file(victim).unwrap(),
            5 => fs::remove_dir_all(&path).unwrap(),
            _ => fs::write(victim, &bytes).unwrap(),
        }
        let outcome = match open(&path) {
            Opened::Ready(index) => {
                // An earlier checkpoint is fine as long as it is whole.
                let n = index.marker().unwrap().position.offset;
                same(&index, &models[usize::try_from(n).unwrap()]);
                match n {
                    12 => "valid".to_owned(),
                    _ => "valid, an earlier checkpoint".to_owned(),
                }
            }
            rebuild => match reason(rebuild) {
                RebuildReason::Sled(_) => "sled failed".to_owned(),
                reason => reason.to_string(),
            },
        };
        *counts.entry(outcome).or_default() += 1;
        let again = fill(&path, 4, 12);
        same(&ready(&path), &again);
        fs::remove_dir_all(&path).unwrap();
    }
    println!("index damage, seed {seed}: {counts:?}");
    assert!(counts.values().sum::<u32>() == 60 && counts.len() > 1);
}

fn change() -> impl Strategy<Value = (bool, u8, u8, Vec<u8>)> {
    (
        any::<bool>(),
        0..4_u8,
        0..12_u8,
        prop::collection::vec(any::<u8>(), 0..40),
    )
}

proptest! {
    #![proptest_config(common::cases(24))]

    #[test]
    fn the_index_is_as_a_map(steps in prop::collection::vec(prop::collection::vec(change(), 0..12), 1..8)) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("index");
        let mut model = Model::new();
        for (n, step) in steps.iter().enumerate() {
            let mut index = open(&path).into_index();
            let (mut puts, mut deletes) = (Vec::new(), Vec::new());
            for (put, table, key, value) in step {
                match put {
                    true => puts.push((*table, vec![*key], value.clone())),
                    false => deletes.push((*table, vec![*key])),
                }
            }
            for (table, key) in &deletes {
                model.remove(&(*table, key.clone()));
            }
            for (table, key, value) in &puts {
                model.insert((*table, key.clone()), value.clone());
            }
            index.checkpoint(puts, deletes, marker(u32::try_from(n).unwrap())).unwrap();
            same(&index, &model);
            drop(index);
            same(&ready(&path), &model);
        }
    }
}
