//! The data directory on the real file system: lock, keys, secrets, read-only copies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use common::{CHEAP, Rng};
use muster_store::fs::{FileSystem, RealFs};
use muster_store::journal::{Journal, Options, read_only};
use muster_store::keys::Method;
use muster_store::{DataDir, DirError, KeyError, PassphraseCost, Unlock};

fn real() -> Arc<dyn FileSystem> {
    Arc::new(RealFs)
}

fn passphrase(text: &str) -> Unlock {
    Unlock::Passphrase(text.to_owned().into())
}

fn make(path: &Path, unlock: &Unlock) -> Result<DataDir, DirError> {
    let mut rng = Rng(1);
    DataDir::create(real(), path, unlock, CHEAP, &mut |b| rng.fill(b))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_second_open_names_the_holder() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let dir = make(&path, &Unlock::DefaultKeyFile).unwrap();
    match DataDir::open(real(), &path, &Unlock::DefaultKeyFile) {
        Err(DirError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    // The journal shares the lock.
    let (journal, _) = Journal::open(&dir, Options::default()).unwrap();
    drop(dir);
    assert!(DataDir::open(real(), &path, &Unlock::DefaultKeyFile).is_err());
    drop(journal);
    DataDir::open(real(), &path, &Unlock::DefaultKeyFile).unwrap();
}

#[test]
fn files_are_private() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let dir = make(&path, &Unlock::DefaultKeyFile).unwrap();
    dir.write_secret("one", b"x", &mut |b| b.fill(1)).unwrap();
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    journal.append(&[b"r"], &mut |b| b.fill(2)).unwrap();
    for name in [
        "keys/default.key",
        "keys/storage.key",
        "keys/one.secret",
        "lock",
    ] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&path.join("journal/00000001.seg")), 0o600);
    for name in ["", "keys", "journal"] {
        assert_eq!(mode(&path.join(name)), 0o700, "{name}");
    }
}

#[test]
fn a_passphrase_opens_and_a_wrong_one_does_not() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    drop(make(&path, &passphrase("correct horse")).unwrap());
    let open = |unlock: &Unlock| DataDir::open(real(), &path, unlock);
    drop(open(&passphrase("correct horse")).unwrap());
    match open(&passphrase("correct hose")) {
        Err(DirError::Key(KeyError::WrongKey { method, .. })) => {
            assert_eq!(method, Method::Passphrase);
        }
        other => panic!("{other:?}"),
    }
    match open(&Unlock::DefaultKeyFile) {
        Err(DirError::Key(KeyError::OtherMethod {
            stored, offered, ..
        })) => {
            assert_eq!(
                (stored, offered),
                (Method::Passphrase, Method::DefaultKeyFile)
            );
        }
        other => panic!("{other:?}"),
    }
    let method = DataDir::unlock_method(&RealFs, &path).unwrap();
    assert_eq!(method, Method::Passphrase);
    assert!(matches!(
        make(&home.path().join("e"), &passphrase("")),
        Err(DirError::Key(KeyError::EmptyPassphrase))
    ));
}

#[test]
fn the_default_cost_is_64_mib_and_is_stored() {
    let cost = PassphraseCost::default();
    assert_eq!((cost.memory_kib, cost.passes, cost.lanes), (65_536, 3, 1));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let unlock = passphrase("x");
    drop(DataDir::create(real(), &path, &unlock, cost, &mut |b| b.fill(3)).unwrap());
    let wrapped = fs::read(path.join("keys/storage.key")).unwrap();
    assert_eq!(&wrapped[8..12], &65_536_u32.to_le_bytes());
    drop(DataDir::open(real(), &path, &unlock).unwrap());
}

#[test]
fn key_files_of_every_sort() {
    let home = tempfile::tempdir().unwrap();
    let digits = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
    let raw: Vec<u8> = (0..2)
        .flat_map(|_| (0..=0xF_u8).map(|i| i * 0x11))
        .collect();
    let long = vec![7; 5000];
    let sorts: [(&str, &[u8]); 4] = [
        ("hex", digits.as_bytes()),
        ("raw", &raw),
        ("long", &long),
        ("text", b"a text of more than thirty-two bytes is a key too"),
    ];
    for (name, content) in sorts {
        let file = home.path().join(name);
        fs::write(&file, content).unwrap();
        let unlock = Unlock::KeyFile(file.clone());
        let path = home.path().join(format!("data-{name}"));
        drop(make(&path, &unlock).unwrap());
        drop(DataDir::open(real(), &path, &unlock).unwrap());
        if name == "hex" {
            // White space and the case of digits do not matter, nor hex or raw.
            for same in [format!(" {}\n", digits.to_lowercase()).as_bytes(), &raw] {
                fs::write(&file, same).unwrap();
                drop(DataDir::open(real(), &path, &unlock).unwrap());
            }
        }
        fs::write(&file, [9; 40]).unwrap();
        assert!(matches!(
            DataDir::open(real(), &path, &unlock),
            Err(DirError::Key(KeyError::WrongKey {
                method: Method::KeyFile,
                ..
            }))
        ));
        fs::write(&file, [9; 31]).unwrap();
        assert!(matches!(
            DataDir::open(real(), &path, &unlock),
            Err(DirError::Key(KeyError::KeyFileTooShort { len: 31, .. }))
        ));
        fs::remove_file(&file).unwrap();
        assert!(matches!(
            DataDir::open(real(), &path, &unlock),
            Err(DirError::Key(KeyError::Io(_)))
        ));
    }
}

#[test]
fn the_way_to_unlock_can_change() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let dir = make(&path, &Unlock::DefaultKeyFile).unwrap();
    dir.write_secret("s", b"kept", &mut |b| b.fill(1)).unwrap();
    let mut rng = Rng(4);
    dir.change_unlock(&passphrase("p"), CHEAP, &mut |b| rng.fill(b))
        .unwrap();
    assert!(!path.join("keys/default.key").exists());
    drop(dir);
    assert!(DataDir::open(real(), &path, &Unlock::DefaultKeyFile).is_err());
    let dir = DataDir::open(real(), &path, &passphrase("p")).unwrap();
    assert_eq!(&**dir.read_secret("s").unwrap().unwrap(), b"kept");
    dir.change_unlock(&Unlock::DefaultKeyFile, CHEAP, &mut |b| rng.fill(b))
        .unwrap();
    drop(dir);
    drop(DataDir::open(real(), &path, &Unlock::DefaultKeyFile).unwrap());
}

#[test]
fn secrets_are_sealed_under_their_name() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let dir = make(&path, &Unlock::DefaultKeyFile).unwrap();
    let mut rng = Rng(5);
    let mut random = |b: &mut [u8]| rng.fill(b);
    let marker = b"MARKER-not-to-be-found";
    dir.write_secret("a", marker, &mut random).unwrap();
    dir.write_secret("b", b"other", &mut random).unwrap();
    dir.write_public("a", b"seen by all").unwrap();
    assert_eq!(&**dir.read_secret("a").unwrap().unwrap(), marker);
    assert_eq!(dir.read_public("a").unwrap().unwrap(), b"seen by all");
    assert!(dir.read_secret("c").unwrap().is_none());
    for entry in fs::read_dir(path.join("keys")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(marker.len()).any(|w| w == marker));
    }
    fs::copy(path.join("keys/a.secret"), path.join("keys/b.secret")).unwrap();
    assert!(matches!(
        dir.read_secret("b"),
        Err(DirError::DamagedSecret { .. })
    ));
    for name in ["", "A", "../x", "a/b", "a.b"] {
        assert!(matches!(
            dir.read_secret(name),
            Err(DirError::BadName { .. })
        ));
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("thesis.txt"), "years of work").unwrap();
    assert!(matches!(
        make(&path, &Unlock::DefaultKeyFile),
        Err(DirError::NotEmpty { .. })
    ));
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    assert!(matches!(
        DataDir::open(real(), &path, &Unlock::DefaultKeyFile),
        Err(DirError::NotOurs { .. })
    ));
    // Ours, but its FORMAT is gone: the journal must not be made unreadable by a new key.
    let ours = home.path().join("ours");
    let dir = make(&ours, &Unlock::DefaultKeyFile).unwrap();
    let (mut journal, _) = Journal::open(&dir, Options::default()).unwrap();
    journal.append(&[b"r"], &mut |b| b.fill(2)).unwrap();
    drop((dir, journal));
    assert!(matches!(
        make(&ours, &Unlock::DefaultKeyFile),
        Err(DirError::Exists { .. })
    ));
    fs::remove_file(ours.join("FORMAT")).unwrap();
    assert!(matches!(
        make(&ours, &Unlock::DefaultKeyFile),
        Err(DirError::NotEmpty { .. })
    ));
    fs::write(ours.join("FORMAT"), "muster-data 2\n").unwrap();
    match DataDir::open(real(), &ours, &Unlock::DefaultKeyFile) {
        Err(DirError::OtherFormat { found, known, .. }) => {
            assert_eq!(
                (found.as_str(), known.as_str()),
                ("muster-data 2", "muster-data 1")
            );
        }
        other => panic!("{other:?}"),
    }
}

fn snapshot(path: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut all = Vec::new();
    let mut todo = vec![path.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                let changed = fs::metadata(&path).unwrap().modified().unwrap();
                all.push((
                    path.display().to_string(),
                    fs::read(&path).unwrap(),
                    changed,
                ));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_copy_without_write_permission_can_be_read() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("data");
    let dir = make(&path, &passphrase("p")).unwrap();
    let (mut journal, _) = Journal::open(&dir, Options { segment_bytes: 300 }).unwrap();
    let mut rng = Rng(6);
    for i in 0..20_u8 {
        journal.append(&[&[i; 100]], &mut |b| rng.fill(b)).unwrap();
    }
    journal.sync().unwrap();
    // The owner still runs, and a frame is torn.
    let last = fs::read_dir(path.join("journal")).unwrap();
    let last = last
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().unwrap() == "seg");
    let last = last.max().unwrap();
    let cut = fs::metadata(&last).unwrap().len() - 5;
    fs::OpenOptions::new()
        .write(true)
        .open(&last)
        .unwrap()
        .set_len(cut)
        .unwrap();
    for sub in ["journal", "keys", ""] {
        for entry in fs::read_dir(path.join(sub)).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_file() {
                fs::set_permissions(&entry, fs::Permissions::from_mode(0o400)).unwrap();
            }
        }
        fs::set_permissions(path.join(sub), fs::Permissions::from_mode(0o500)).unwrap();
    }
    let before = snapshot(&path);
    let dead = read_only(real(), &path, &passphrase("p")).unwrap();
    let found: Vec<_> = dead.records().map(|item| item.unwrap().1[0]).collect();
    assert_eq!(found, (0..19).collect::<Vec<u8>>());
    assert!(dead.damages().is_empty());
    assert_eq!(dead.torn().len(), 1);
    let dir = DataDir::open_read_only(real(), &path, &passphrase("p")).unwrap();
    assert!(matches!(
        dir.write_public("x", b"y"),
        Err(DirError::ReadOnly { .. })
    ));
    assert!(Journal::open(&dir, Options::default()).is_err());
    assert_eq!(snapshot(&path), before, "something was changed");
    for sub in ["", "journal", "keys"] {
        fs::set_permissions(path.join(sub), fs::Permissions::from_mode(0o700)).unwrap();
    }
}
