//! One volunteer erased, with a marker in a field of C1 and one of C2: looked for in the opened journal
//! of every device, on the disks, in memory, in bundles and at headquarters; before, so that the search
//! is known to work, and after.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_log::{
    book::Book,
    entry::PartBody,
    ids::{KeyId, Lane},
    record, run,
};
use muster_node::engine::{read_only_book, read_secrets};
use muster_store::{DataDir, Unlock, fs::RealFs, journal::ReadOnlyJournal};
use muster_tests::memory;
use muster_tests::muster::{Device, muster, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const NAME: &str = "ZqErasedName7341";
const AREA: &str = "ZqErasedArea7342";
const KEPT: &str = "ZqKeptName7343";

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(bytes, what).is_some()
}

fn dir(device: &Device) -> DataDir {
    DataDir::open_read_only(Arc::new(RealFs), &device.dir, &Unlock::DefaultKeyFile).unwrap()
}

fn runs(device: &Device) -> Vec<Vec<u8>> {
    let journal = ReadOnlyJournal::open(&dir(device)).unwrap();
    assert!(journal.damages().is_empty());
    let records = journal.records().map(|item| item.unwrap().1);
    records
        .map(|bytes| record::decode(&bytes).unwrap().1.to_vec())
        .collect()
}

/// The keys of one that reads all.
fn reader(device: &Device) -> Book {
    let dir = dir(device);
    let (_, mut book) = read_only_book(&dir).unwrap();
    assert!(read_secrets(&dir).unwrap().member().is_some());
    for run in runs(device) {
        let _ = book.receive(&run);
    }
    book
}

/// Everything in a device's journal, in plain bytes: its own keys open the journal, `reader`'s the
/// parts.
fn plaintext(device: &Device, reader: &Book) -> Vec<u8> {
    let incident = reader.incident();
    let mut out = Vec::new();
    for bytes in runs(device) {
        let stored = run::decode(&incident, &bytes).unwrap();
        let stored = muster_log::chain::reopen(&incident, stored).unwrap();
        for entry in stored.entries() {
            for (part, head) in (0u8..).zip(&entry.header().parts) {
                match &entry.parts()[usize::from(part)] {
                    PartBody::Absent => assert_eq!(stored.log().lane, Lane::DATA),
                    PartBody::Stored(bytes) if head.key == KeyId::ZERO => out.extend(bytes),
                    PartBody::Stored(_) => {
                        let plain = reader.keys().open_part(&stored.id(), entry, part);
                        out.extend(plain.expect("the reader reads all").iter());
                    }
                }
            }
        }
    }
    out
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            t if t.is_dir() => out.extend(files(&entry.path())),
            t if t.is_file() => out.push(entry.path()),
            _ => {}
        }
    }
    out
}

/// What opens sealed bytes on this disk: the keys of segments, the salt of the index.
fn openers(device: &Device) -> Vec<(PathBuf, Vec<u8>)> {
    let is_opener = |path: &PathBuf| {
        path.extension().is_some_and(|e| e == "key") && path.starts_with(device.dir.join("journal"))
            || path.ends_with("index/salt")
    };
    let found = files(&device.dir).into_iter().filter(is_opener);
    found.map(|p| (p.clone(), fs::read(p).unwrap())).collect()
}

fn on_disk(device: &Device, what: &[u8]) -> bool {
    files(&device.dir)
        .iter()
        .any(|path| holds(&fs::read(path).unwrap(), what))
}

fn level(a: &Device, b: &Device) {
    let same = || {
        let (a, b) = (a.digest(), b.digest());
        (a["frontier"] == b["frontier"] && a["entries"] == b["entries"]).then_some(())
    };
    until(Duration::from_secs(40), same).expect("level in time");
}

fn missing(device: &Device, id: &str) -> Value {
    device.ok(["volunteer", "show", id])["item"]["erasure"]["missing"].clone()
}

fn in_memory(device: &Device, what: &str) -> usize {
    let mut found = 0;
    memory::each_region(device.pid(), |region| {
        found += memchr::memmem::find_iter(region, what.as_bytes()).count();
    })
    .expect("root reads the memory of any process");
    found
}

fn warehouse(gym: &Device, root: &Path, name: &str) -> Vec<u8> {
    let bundle = root.join(name);
    gym.ok(["bundle", "export", "--out", bundle.to_str().unwrap()]);
    let file = root.join("hq.sqlite");
    let into = format!("sqlite:{}", file.display());
    let data = gym.dir.to_str().unwrap();
    let bundle = bundle.to_str().unwrap();
    let ran = muster(["hq", "import", "--data", data, "--into", &into, bundle]);
    assert_eq!(ran.code, 0, "{ran:?}");
    fs::read(file).unwrap()
}

#[test]
fn what_is_erased_is_on_no_device_that_has_heard() {
    let Some(net) = TestNet::for_test(4).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    let mut van = gym.admit(root.path(), "van", "relay");
    let mut away = gym.admit(root.path(), "away", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    for (host, device) in [&mut gym, &mut camp, &mut van, &mut away]
        .into_iter()
        .enumerate()
    {
        device.start_in(&net, host, &[]);
    }
    let mut door = gym.door();
    let id = door.add("volunteer", &[("name", NAME), ("home_area", AREA)]);
    let kept = door.add("volunteer", &[("name", KEPT)]);
    drop(door);
    // The van carries everything; the camp and the one who goes away add to it.
    for host in [0, 1, 3] {
        net.link(host, 2, Link::UP);
    }
    [&camp, &van, &away].iter().for_each(|d| level(&gym, d));
    camp.ok(["volunteer", "edit", &id, "--name", &format!("{NAME} two")]);
    [&camp, &van, &away].iter().for_each(|d| level(&gym, d));
    net.link(3, 2, Link::DOWN);
    let all = reader(&gym);
    for device in [&gym, &camp, &van, &away] {
        let plain = plaintext(device, &all);
        for marker in [NAME, AREA, KEPT] {
            assert!(
                holds(&plain, marker.as_bytes()),
                "the search finds what is there"
            );
        }
    }
    gym.ok(["volunteer", "list"]);
    assert!(in_memory(&gym, NAME) > 0);
    assert!(holds(
        &warehouse(&gym, root.path(), "before.muster"),
        NAME.as_bytes()
    ));
    let old = [&gym, &camp, &van].map(openers);

    // Nobody is asked here, and nothing is done unasked; who may not, does not.
    assert_eq!(gym.run(["volunteer", "erase", &id]).code, 2);
    assert_eq!(van.run(["--yes", "volunteer", "erase", &id]).code, 6);
    let plan = gym.ok(["volunteer", "erase", &id, "--dry-run"]);
    assert_eq!(plan["entries"], 2);
    assert_eq!(plan["written_by"].as_array().unwrap().len(), 2);
    let done = gym.ok(["--yes", "volunteer", "erase", &id, "--why", "asked for it"]);
    assert_eq!(done["erasure"]["devices"], 4);
    assert!(
        done["erasure"]["gone"]
            .as_array()
            .unwrap()
            .contains(&json!("gym"))
    );
    until(Duration::from_secs(40), || {
        (missing(&gym, &id) == json!(["away"])).then_some(())
    })
    .unwrap_or_else(|| panic!("{}", missing(&gym, &id)));

    for (device, old) in [&gym, &camp, &van].iter().zip(&old) {
        let plain = plaintext(device, &all);
        assert!(holds(&plain, KEPT.as_bytes()));
        for marker in [NAME, AREA] {
            assert!(
                !holds(&plain, marker.as_bytes()),
                "{device:?} keeps {marker}"
            );
            assert!(!on_disk(device, marker.as_bytes()));
        }
        // What opened it is gone: what the disk keeps of the rest is noise.
        let gone = old.iter().filter(|(_, key)| !on_disk(device, key)).count();
        let there = old.len() - gone;
        println!(
            "{:?}: {gone} of {} openers destroyed",
            device.dir,
            old.len()
        );
        assert!(gone >= 2 && there + gone == old.len());
    }
    // Said as erased everywhere, and no error.
    let shown = camp.ok(["volunteer", "show", &id]);
    assert_eq!(shown["item"]["erased"], true);
    assert_eq!(shown["item"]["kind"], "volunteer");
    assert_eq!(shown["item"]["erasure"]["why"], "asked for it");
    let listed = camp.ok(["volunteer", "list"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(listed["erased"][0]["id"], id.as_str());
    assert_eq!(camp.ok(["find", NAME])["items"], json!([]));
    assert_eq!(camp.ok(["history", &id])["changes"], json!([]));
    assert_eq!(
        camp.ok(["log", "--of", &id])["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(camp.run(["volunteer", "edit", &id, "--name", "x"]).code != 0);
    let words = camp.run(["volunteer", "show", &id]);
    assert!(
        words.out.contains("3 of 4") && words.out.contains("away"),
        "{words:?}"
    );
    let words = camp.run(["--lang", "fr", "volunteer", "list"]);
    assert!(words.out.contains("effacé"), "{words:?}");

    // The one who was away offers it again, with something more.
    assert!(holds(&plaintext(&away, &all), NAME.as_bytes()));
    away.ok(["volunteer", "edit", &id, "--name", &format!("{NAME} three")]);
    net.link(3, 2, Link::UP);
    until(Duration::from_secs(60), || {
        (missing(&gym, &id) == json!([])).then_some(())
    })
    .unwrap_or_else(|| panic!("{}", missing(&gym, &id)));
    [&camp, &van, &away].iter().for_each(|d| level(&gym, d));
    let all = reader(&gym);
    for device in [&gym, &camp, &van, &away] {
        assert_eq!(device.digest()["frontier"], gym.digest()["frontier"]);
        let plain = plaintext(device, &all);
        assert!(!holds(&plain, NAME.as_bytes()), "{device:?}");
        assert!(holds(&plain, KEPT.as_bytes()), "{device:?}");
    }
    let state = |device: &Device| device.digest()["state"].clone();
    assert_eq!(state(&camp), state(&gym));
    assert_eq!(state(&away), state(&gym));
    let file = warehouse(&gym, root.path(), "after.muster");
    assert!(!holds(&file, NAME.as_bytes()) && holds(&file, KEPT.as_bytes()));
    gym.ok(["lock"]);
    assert_eq!(in_memory(&gym, NAME), 0, "after a lock");
    gym.ok(["unlock"]);
    assert_eq!(
        in_memory(&gym, NAME),
        0,
        "opened again, it is not read back"
    );
    assert!(gym.ok(["volunteer", "show", &kept])["item"]["fields"]["name"] == KEPT);
    for device in [&mut gym, &mut camp, &mut van, &mut away] {
        assert_eq!(device.stop(), Some(0));
        let plain = plaintext(device, &all);
        assert!(!holds(&plain, NAME.as_bytes()) && !holds(&plain, AREA.as_bytes()));
    }
}
