//! A laptop left alone: locked by hand and by itself, its memory searched, its files and logs, and
//! its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aes_gcm_siv::aead::{Aead as _, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit as _};
use muster_log::record;
use muster_node::engine::{read_only_book, read_secrets};
use muster_store::fs::RealFs;
use muster_store::{DataDir, Held, Unlock, journal::ReadOnlyJournal};
use muster_tests::memory;
use muster_tests::muster::{Device, PATIENCE, Ran, binary, until};
use serde_json::json;

/// What was put into fields of class C1, C2 and C3.
const MARKERS: [&str; 3] = [
    "Zanzibar-Quokka-C1",
    "Zanzibar-Quokka-C2",
    "Zanzibar-Quokka-C3",
];

fn device(root: &Path, name: &str, unlock: &[&str]) -> Device {
    let device = Device::at(root.join(name));
    let mut init = vec!["init", "--incident", "Test flood", "--device", name];
    init.extend(unlock);
    device.ok(init);
    device
}

/// A day's work that leaves a marker in each class.
fn work(device: &Device) {
    let [c1, c2, c3] = MARKERS;
    device.ok(["task", "add", "--title", c1]);
    device.ok(["volunteer", "add", "--name", c2]);
    let need = ["need", "add", "--title", c3, "--sensitive", "true"];
    device.ok(need);
    for (kind, marker) in [("task", c1), ("volunteer", c2), ("need", c3)] {
        let listed = device.ok([kind, "list"]);
        assert!(listed.to_string().contains(marker), "{listed}");
    }
}

/// Everything that must not be found, by name.
type Secrets = BTreeMap<String, Vec<u8>>;

/// The storage key, by what docs/protocol.md says of its file.
fn storage_key(data: &Path, material: &[u8]) -> Vec<u8> {
    let wrapped = fs::read(data.join("keys/storage.key")).unwrap();
    let (head, salt) = (&wrapped[..48], &wrapped[20..36]);
    let outer = blake3::derive_key(
        "muster-store 2026 wrapping key from a key file",
        &[salt, material].concat(),
    );
    let nonce: [u8; 12] = wrapped[36..48].try_into().unwrap();
    let sealed = Payload {
        msg: &wrapped[48..96],
        aad: head,
    };
    let key = Aes256GcmSiv::new(&outer.into()).decrypt(&nonce.into(), sealed);
    key.unwrap()
}

/// Keys as they lie in the directory, and the markers.
fn secrets(data: &Path, unlock: &Unlock) -> Secrets {
    let dir = DataDir::open_read_only(Arc::new(RealFs), data, unlock).unwrap();
    let own = read_secrets(&dir).unwrap();
    let (_, mut book) = read_only_book(&dir).unwrap();
    for item in ReadOnlyJournal::open(&dir).unwrap().records() {
        let (_, bytes) = item.unwrap();
        let (_, run) = record::decode(&bytes).unwrap();
        book.receive(run).unwrap();
    }
    let mut out: Secrets = MARKERS
        .iter()
        .map(|m| ((*m).to_owned(), m.as_bytes().to_vec()))
        .collect();
    for (id, held) in book.keys().keys() {
        out.insert(format!("class key {id:?}"), held.key.bytes().to_vec());
    }
    assert!(out.len() >= 6, "three markers and three class keys");
    out.insert("signing key".into(), own.to_bytes()[..32].to_vec());
    out.insert(
        "incident secret".into(),
        own.member().unwrap().secret.to_vec(),
    );
    out
}

/// How often each secret lies in the memory of a process.
fn search(pid: u32, secrets: &Secrets) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<_, _> = secrets.keys().map(|k| (k.clone(), 0)).collect();
    let bytes = memory::each_region(pid, |region| {
        for (name, secret) in secrets {
            *found.get_mut(name).unwrap() += occurrences(region, secret);
        }
    });
    let bytes = bytes.unwrap_or_else(|e| {
        panic!("the memory of a process that refuses to be read is root's to read: {e}")
    });
    println!("process {pid}: {bytes} bytes: {found:?}");
    assert!(bytes > 1_000_000, "hardly anything was read");
    found
}

fn occurrences(bytes: &[u8], wanted: &[u8]) -> usize {
    memchr::memmem::find_iter(bytes, wanted).count()
}

#[test]
fn after_a_lock_nothing_of_it_is_in_memory() {
    let root = tempfile::tempdir().unwrap();
    let key = root.path().join("key");
    let material = [0xa7; 32].map(|b: u8| b.wrapping_mul(31));
    fs::write(&key, material).unwrap();
    let file = key.to_str().unwrap();
    let mut gym = device(root.path(), "gym", &["--key-file", file]);
    gym.start_by(gym.command(), &["--no-network", "--key-file", file]);
    work(&gym);
    let mut all = secrets(&gym.dir, &Unlock::KeyFile(key.clone()));
    all.insert("storage key".into(), storage_key(&gym.dir, &material));

    let pid = gym.pid();
    let before = search(pid, &all);
    for (name, hits) in &before {
        assert!(
            *hits > 0,
            "the search does not find {name} while it is open"
        );
    }
    let locked = gym.ok(["lock"]);
    assert_eq!(locked["locked"], true);
    assert_eq!(locked["unlock"], "key-file");
    let after = search(pid, &all);
    assert!(after.values().all(|n| *n == 0), "after the lock: {after:?}");

    // Unlocked it is all there again: the process searched is the one that works.
    gym.ok(["unlock", "--key-file", file]);
    let listed = gym.ok(["volunteer", "list"]);
    assert!(listed.to_string().contains(MARKERS[1]));
    assert_eq!(gym.pid(), pid);
    assert!(search(pid, &all).values().all(|n| *n > 0));
    gym.ok(["lock"]);
    assert!(search(pid, &all).values().all(|n| *n == 0));
}

#[test]
fn a_passphrase_that_was_refused_is_forgotten_too() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let right = file("right", "kestrel vinegar mandolin");
    let wrong = file("wrong", "kestrel vinegar mandolina");
    let mut gym = device(root.path(), "gym", &["--passphrase-file", &right]);
    gym.spawn(gym.command(), &["--no-network", "--locked"]);
    let status = until(PATIENCE, || {
        let ran = gym.ask(["status"]);
        (ran.code == 0).then(|| ran.json())
    });
    let status = status.expect("a daemon that was started locked");
    assert_eq!(
        (&status["locked"], &status["unlock"]),
        (&json!(true), &json!("passphrase"))
    );
    let tried: Secrets = [("tried".to_owned(), b"kestrel vinegar".to_vec())].into();
    for (arguments, code, error) in [
        (vec!["unlock"], 2, "needs-passphrase"),
        (
            vec!["unlock", "--passphrase-file", &wrong],
            6,
            "cannot-unlock",
        ),
        (vec!["unlock", "--key-file", &wrong], 1, "failed"),
    ] {
        let ran = gym.ask(&arguments);
        // A key file that is too short, or of the other sort, is refused as well.
        let said = ran.json()["error"].clone();
        assert!(ran.code == code || ran.code == 6, "{arguments:?}: {ran:?}");
        assert!(said == error || said == "cannot-unlock", "{said}");
        assert_eq!(gym.ok(["status"])["locked"], true);
        assert_eq!(search(gym.pid(), &tried)["tried"], 0, "{arguments:?}");
    }
    gym.ok(["unlock", "--passphrase-file", &right]);
    assert_eq!(gym.ok(["status"])["locked"], false);
    gym.ok(["lock"]);
    assert_eq!(search(gym.pid(), &tried)["tried"], 0);
}

#[test]
fn locked_it_answers_for_itself_and_refuses_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    gym.ok(["need", "report", "Drinking water"]);
    let digest = gym.digest();
    gym.ok(["lock"]);
    // Twice is no failure.
    gym.ok(["lock"]);
    let status = gym.ok(["status"]);
    assert_eq!(status["findings"][0]["code"], "locked");
    assert!(!status.to_string().contains("Test flood"), "{status}");
    assert_eq!(gym.ok(["doctor"])["findings"][0]["code"], "locked");
    for verb in [
        vec!["need", "list"],
        vec!["need", "report", "Blankets"],
        vec!["digest"],
        vec!["peers"],
        vec!["watch"],
        vec!["log"],
        vec!["sync"],
        vec!["devices"],
    ] {
        let ran = gym.ask(&verb);
        assert_eq!(
            (ran.code, &ran.json()["error"]),
            (6, &json!("locked")),
            "{verb:?}"
        );
        assert!(ran.err.contains("muster unlock"), "{ran:?}");
    }
    gym.ok(["unlock"]);
    assert_eq!(gym.digest(), digest, "nothing came and nothing went");
    assert_eq!(gym.stop(), Some(0));
    assert!(!gym.dir.join("muster.sock").exists());

    // And stopped while locked.
    gym.start();
    gym.ok(["lock"]);
    assert_eq!(gym.stop(), Some(0));
    assert!(!gym.dir.join("muster.sock").exists());
}

/// Somebody who asks while the daemon makes itself anew waits, and is not turned away.
#[test]
fn the_socket_stays_open_while_it_locks_and_unlocks() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let socket = gym.dir.join("muster.sock");
    let done = std::sync::atomic::AtomicBool::new(false);
    let connects = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut connects = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                std::os::unix::net::UnixStream::connect(&socket).expect("the socket is there");
                connects += 1;
                std::thread::sleep(Duration::from_micros(200));
            }
            connects
        });
        for _ in 0..5 {
            gym.ok(["lock"]);
            gym.ok(["unlock"]);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        asking.join().unwrap()
    });
    println!("{connects} connections while it was locked and unlocked five times");
    assert!(connects > 20);
}

fn meet(gym: &mut Device, camp: &mut Device, more: &[&str], environment: &[(&str, &str)]) {
    let with = |device: &Device| {
        let mut command = device.command();
        command.envs(environment.iter().copied());
        command
    };
    let listen = ["--no-discovery", "--listen", "/ip4/127.0.0.1/tcp/0"];
    gym.start_by(with(gym), &[&listen[..], more].concat());
    let address = until(PATIENCE, || {
        let peers = gym.ok(["peers"]);
        Some(peers["listening"][0].as_str()?.to_owned())
    });
    let address = address.expect("it listens");
    camp.start_by(with(camp), &[&listen[..], &["--peer", &address]].concat());
    camp.ok(["sync", "--wait", "--timeout", "30"]);
}

#[test]
fn left_alone_it_locks_whatever_others_send() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    meet(&mut gym, &mut camp, &["--auto-lock", "3s"], &[]);
    // Commands keep it open.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        gym.ok(["need", "list"]);
        std::thread::sleep(Duration::from_millis(500));
    }
    let entries = gym.ok(["status"])["entries"].as_u64().unwrap();
    // Entries that come do not: it is asked nothing, and its log says when it locked.
    let log = gym.dir.with_extension("log");
    let locked = || fs::read_to_string(&log).unwrap().contains(": locking");
    let mut written = 0;
    let end = Instant::now() + PATIENCE;
    while !locked() {
        assert!(Instant::now() < end, "it did not lock");
        camp.ok(["need", "report", &format!("need {written}")]);
        written += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(gym.ok(["status"])["locked"], true);
    gym.ok(["unlock"]);
    let came = gym.ok(["status"])["entries"].as_u64().unwrap() - entries;
    println!("{came} entries came from {written} writes while nobody asked");
    assert!(came > 2, "others were heard while nobody asked");
}

#[test]
fn a_wrong_duration_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let gym = Device::found(root.path(), "gym");
    let ran = gym.ask(["daemon", "--no-network", "--auto-lock", "soon"]);
    assert_eq!(
        (ran.code, &ran.json()["error"]),
        (2, &json!("duration-wrong"))
    );
}

#[test]
fn wiped_it_is_gone_by_its_own_daemon_or_without_one() {
    let root = tempfile::tempdir().unwrap();
    for (label, how) in [("open", "open"), ("locked", "locked"), ("down", "down")] {
        let mut gym = Device::found(root.path(), label);
        if how != "down" {
            gym.start();
            gym.ok(["need", "report", "Drinking water"]);
        }
        if how == "locked" {
            gym.ok(["lock"]);
        }
        let ran = gym.ask(["wipe"]);
        assert_eq!((ran.code, &ran.json()["error"]), (2, &json!("needs-yes")));
        assert!(gym.dir.join("keys/storage.key").exists());
        let wiped = gym.ok(["wipe", "--yes"]);
        assert!(wiped["keys"].as_u64().unwrap() >= 3, "{wiped}");
        assert_eq!(wiped["left"], json!([]));
        assert!(!gym.dir.exists(), "{label}");
        if how != "down" {
            let ended = gym.take_daemon().wait().unwrap();
            assert!(ended.success(), "{label}: {ended}");
        }
        assert_eq!(
            gym.ask(["wipe", "--yes"]).code,
            4,
            "there is nothing any more"
        );
    }
    // Who holds it otherwise is not robbed of it.
    let gym = Device::found(root.path(), "held");
    let held = Held::take(Arc::new(RealFs), &gym.dir).unwrap();
    let ran = gym.ask(["wipe", "--yes"]);
    assert_eq!((ran.code, &ran.json()["error"]), (1, &json!("data-locked")));
    assert!(gym.dir.join("keys/storage.key").exists());
    drop(held);
    gym.ok(["wipe", "--yes"]);
}

/// The same binary and directory, by a shell that suggests modes for everybody.
fn open_handed(device: &Device) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 000; exec \"$0\" \"$@\""])
        .arg(binary())
        .arg("--data")
        .arg(&device.dir)
        .env("HOME", "/nonexistent")
        .env("XDG_STATE_HOME", device.dir.with_extension("state"))
        .env("LANG", "C.UTF-8");
    command
}

fn walk(dir: &Path, out: &mut Vec<PathBuf>) {
    out.push(dir.to_path_buf());
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), out);
        } else {
            out.push(entry.path());
        }
    }
}

#[test]
fn whatever_the_umask_files_are_their_owners_alone() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::at(root.path().join("gym"));
    let run = |device: &Device, arguments: &[&str]| {
        let ran = Ran::of(open_handed(device).args(arguments));
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:?}");
    };
    run(
        &gym,
        &["init", "--incident", "Test flood", "--device", "gym"],
    );
    gym.start_by(open_handed(&gym), &["--no-network"]);
    work(&gym);
    run(&gym, &["lock"]);
    run(&gym, &["unlock"]);
    let mut seen = Vec::new();
    let anchors = gym.dir.with_extension("state").join("muster/anchors");
    walk(&gym.dir, &mut seen);
    walk(&anchors, &mut seen);
    assert_eq!(gym.stop(), Some(0));
    run(&gym, &["verify"]);
    run(&gym, &["repair", "--yes"]);
    gym.start_by(open_handed(&gym), &["--no-network"]);
    assert_eq!(gym.stop(), Some(0));
    walk(&gym.dir, &mut seen);
    for path in seen.iter().filter(|p| p.exists()) {
        let data = path.metadata().unwrap();
        let mode = data.permissions().mode() & 0o7777;
        let wanted = if data.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{} is {mode:o}", path.display());
    }
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn no_core_is_dumped_and_no_neighbour_reads_the_memory() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    for state in ["open", "locked"] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", gym.pid())).unwrap();
        let core = limits.lines().find(|l| l.starts_with("Max core file size"));
        let core: Vec<_> = core.unwrap().split_whitespace().skip(4).take(2).collect();
        assert_eq!(core, ["0", "0"], "{state}");
        gym.ok(["lock"]);
    }
    gym.kill();

    // As another person than root: what a process that may be dumped shows is that person's.
    let nobody = 65_534;
    let home = root.path().join("nobody");
    fs::create_dir(&home).unwrap();
    std::os::unix::fs::chown(&home, Some(nobody), Some(nobody)).unwrap_or_else(|e| {
        panic!("this test runs programs as another user, which is root's to do: {e}")
    });
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = home.join("muster");
    fs::copy(binary(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut other = Device::at(home.join("data"));
    let as_nobody = |device: &Device| {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(&program);
        command
            .uid(nobody)
            .gid(nobody)
            .arg("--data")
            .arg(&device.dir);
        command.env("HOME", &home).env("LANG", "C.UTF-8");
        command
    };
    let init = ["init", "--incident", "Test flood", "--device", "gym"];
    let ran = Ran::of(as_nobody(&other).args(init));
    assert_eq!(ran.code, 0, "{ran:?}");
    other.start_by(as_nobody(&other), &["--no-network"]);
    let owner = |what: &str| {
        let path = format!("/proc/{}/{what}", other.pid());
        fs::metadata(path).unwrap().uid()
    };
    assert_eq!(
        (owner("mem"), owner("environ")),
        (0, 0),
        "nobody may read it"
    );
    for verb in ["lock", "unlock"] {
        let ran = Ran::of(as_nobody(&other).arg(verb));
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    assert_eq!(
        (owner("mem"), owner("environ")),
        (0, 0),
        "nobody may read it"
    );
}

#[test]
fn nothing_secret_is_in_a_log_that_says_everything() {
    let root = tempfile::tempdir().unwrap();
    let words = "kestrel vinegar mandolin";
    let passphrase = root.path().join("passphrase");
    fs::write(&passphrase, format!("{words}\n")).unwrap();
    let file = passphrase.to_str().unwrap();
    let mut gym = device(root.path(), "gym", &["--passphrase-file", file]);
    gym.start_by(gym.command(), &["--no-network", "--passphrase-file", file]);
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    let trace = [("MUSTER_LOG", "trace")];
    meet(&mut gym, &mut camp, &["--passphrase-file", file], &trace);
    work(&gym);
    let came = until(PATIENCE, || {
        let needs = camp.ok(["volunteer", "list"]);
        needs.to_string().contains(MARKERS[1]).then_some(())
    });
    came.expect("the other device has it");
    gym.ok(["lock"]);
    gym.ok(["unlock", "--passphrase-file", file]);
    let mut all = secrets(&gym.dir, &Unlock::Passphrase(words.to_owned().into()));
    all.insert("passphrase".into(), words.as_bytes().to_vec());
    for name in ["gym", "camp"] {
        let log = fs::read(root.path().join(format!("{name}.log"))).unwrap();
        let says = |what: &str| occurrences(&log, what.as_bytes());
        println!("{name}: {} bytes of log", log.len());
        assert!(
            log.len() > 100_000 && says("TRACE") > 100,
            "it says everything"
        );
        for (what, secret) in &all {
            let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
            let list = format!("{secret:?}");
            let found = [secret.as_slice(), hex.as_bytes(), list.as_bytes()]
                .map(|form| occurrences(&log, form));
            assert_eq!(found, [0, 0, 0], "{what} in the log of {name}");
        }
    }
}

/// The checks above must be able to bite.
#[test]
fn the_search_sees_what_is_there() {
    assert_eq!(occurrences(b"xabcabxabc", b"abc"), 2);
    let here: Secrets = [("mine".to_owned(), b"only this test says ".repeat(2))].into();
    assert!(search(std::process::id(), &here)["mine"] > 0);
    assert_eq!(here.len(), 1);
}
