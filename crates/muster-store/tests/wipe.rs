//! A data directory held without its key, and destroyed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{CHEAP, Rng};
use muster_store::fs::{FileSystem, RealFs};
use muster_store::journal::{Journal, Options};
use muster_store::{DataDir, DirError, Held, KeyError, Unlock};
use zeroize::Zeroizing;

fn real() -> Arc<dyn FileSystem> {
    Arc::new(RealFs)
}

fn make(path: &Path, unlock: &Unlock) {
    let mut rng = Rng(1);
    let dir = DataDir::create(real(), path, unlock, CHEAP, &mut |b| rng.fill(b)).unwrap();
    dir.write_secret("device", b"a secret", &mut |b| rng.fill(b))
        .unwrap();
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    journal
        .append(&[b"an entry"], &mut |b| rng.fill(b))
        .unwrap();
    journal.close().unwrap();
    fs::create_dir(path.join("index")).unwrap();
    fs::write(path.join("index/db"), "what was computed").unwrap();
}

#[test]
fn held_it_is_closed_to_others_and_opened_by_its_key_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let key = "7f".repeat(32);
    let file = home.path().join("key");
    fs::write(&file, &key).unwrap();
    make(&path, &Unlock::KeyFile(file));
    let held = Held::take(real(), &path).unwrap();
    assert!(matches!(
        Held::take(real(), &path),
        Err(DirError::Locked { .. })
    ));
    assert_eq!(held.method().unwrap().code(), "key-file");
    let wrong = Unlock::Key(Zeroizing::new("80".repeat(32).into_bytes()));
    assert!(matches!(
        held.unlock(&wrong),
        Err(DirError::Key(KeyError::WrongKey { .. }))
    ));
    let right = Unlock::Key(Zeroizing::new(key.into_bytes()));
    let dir = held.unlock(&right).unwrap();
    assert_eq!(&**dir.read_secret("device").unwrap().unwrap(), b"a secret");
    // The lock is held as long as either lives.
    drop(held);
    assert!(DataDir::open(real(), &path, &right).is_err());
    drop(dir);
    DataDir::open(real(), &path, &right).unwrap();
    assert!(!format!("{right:?}").contains("7f7f"));
}

/// The inode's content is looked at through a hard link that was made before: what was unlinked and
/// not overwritten would still be read there.
#[test]
fn wiped_the_keys_are_overwritten_and_nothing_is_left() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    make(&path, &Unlock::DefaultKeyFile);
    let mut keys = Vec::new();
    for dir in ["keys", "journal"] {
        for entry in fs::read_dir(path.join(dir)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if dir == "keys" || name.ends_with(".key") {
                let link = home.path().join(format!("link-{dir}-{name}"));
                fs::hard_link(entry.path(), &link).unwrap();
                keys.push(link);
            }
        }
    }
    assert!(keys.len() >= 4, "{keys:?}");
    let held = Held::take(real(), &path).unwrap();
    let wiped = held.wipe().unwrap();
    assert_eq!((wiped.keys, wiped.left), (keys.len() as u64, Vec::new()));
    assert!(!path.exists());
    for key in keys {
        let bytes = fs::read(&key).unwrap();
        assert!(
            !bytes.is_empty() && bytes.iter().all(|b| *b == 0),
            "{key:?}"
        );
    }
}

#[test]
fn what_is_not_musters_is_left_and_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    make(&path, &Unlock::DefaultKeyFile);
    fs::write(path.join("letter.txt"), "mine").unwrap();
    let wiped = Held::take(real(), &path).unwrap().wipe().unwrap();
    assert_eq!(wiped.left, ["letter.txt"]);
    assert_eq!(fs::read(path.join("letter.txt")).unwrap(), b"mine");
    assert!(matches!(
        Held::take(real(), &path),
        Err(DirError::NotOurs { .. })
    ));
}

#[test]
fn cut_short_it_opens_no_more_and_is_wiped_again() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    make(&path, &Unlock::DefaultKeyFile);
    // As if the power went right after the first file.
    fs::remove_file(path.join("keys/storage.key")).unwrap();
    assert!(DataDir::open(real(), &path, &Unlock::DefaultKeyFile).is_err());
    let held = Held::take(real(), &path).unwrap();
    assert!(held.method().is_err());
    held.wipe().unwrap();
    assert!(!path.exists());
}
