//! Data directories that were copied, put back or moved, with real daemons: a new generation begins
//! before the first write, nothing is lost, nothing is signed twice; and where nothing of the sort
//! happened, nothing of the sort is said.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use muster_node::engine::read_secrets;
use muster_store::{DataDir, Unlock, fs::RealFs};
use muster_tests::muster::{Device, PATIENCE, Ran, binary, until};
use serde_json::{Value, json};

/// The operation: one machine, one folder for anchors, places of logs as everybody has shown them.
struct Story {
    root: tempfile::TempDir,
    places: BTreeMap<String, String>,
    written: BTreeSet<String>,
}

impl Story {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            places: BTreeMap::new(),
            written: BTreeSet::new(),
        }
    }

    fn root(&self) -> &Path {
        self.root.path()
    }

    fn anchors(&self) -> PathBuf {
        self.root().join("anchors")
    }

    fn command(&self, device: &Device) -> Command {
        let mut command = device.command();
        command.env("MUSTER_ANCHORS", self.anchors());
        command
    }

    /// Starts it without a network.
    fn start(&self, device: &mut Device) {
        device.start_by(self.command(device), &["--no-network"]);
    }

    fn founder(&self) -> Device {
        Device::found(self.root(), "gym")
    }

    /// A founder and another member, neither running.
    fn two(&self) -> (Device, Device) {
        let mut gym = self.founder();
        self.start(&mut gym);
        let camp = gym.admit(self.root(), "camp", "coordinator");
        assert_eq!(gym.stop(), Some(0));
        (gym, camp)
    }

    fn write(&mut self, device: &Device, what: &str) {
        for n in 0..3 {
            let title = format!("{what} {n}");
            device.ok(["need", "report", &title]);
            self.written.insert(title);
        }
    }

    /// Everything that a device shows: two entries at one place would be a fork.
    fn see(&mut self, device: &Device) {
        let log = device
            .door()
            .ok(&json!({ "verb": "log", "limit": 1_000_000 }));
        for entry in log["items"].as_array().unwrap() {
            let place = ["device", "generation", "lane", "seq"]
                .map(|k| entry[k].to_string())
                .join(" ");
            let hash = entry["entry"].to_string();
            let before = self.places.insert(place.clone(), hash.clone());
            assert!(
                before.is_none_or(|b| b == hash),
                "signed twice: {place} by {}",
                device.dir.display()
            );
        }
    }

    /// Both start, meet, and have everything that was ever written; then both stop.
    fn meet(&mut self, one: &mut Device, other: &mut Device) {
        let listen = ["--no-discovery", "--listen", "/ip4/127.0.0.1/tcp/0"];
        if !one.is_running() {
            one.start_by(self.command(one), &listen);
        }
        let address = until(PATIENCE, || {
            let peers = one.ok(["peers"]);
            Some(peers["listening"][0].as_str()?.to_owned())
        });
        let dial = ["--peer", &address.expect("it listens")];
        other.start_by(self.command(other), &[&listen[..], &dial].concat());
        other.ok(["sync", "--wait", "--timeout", "30"]);
        let level = until(PATIENCE, || {
            let (a, b) = (one.digest(), other.digest());
            (a["frontier"] == b["frontier"] && a["state"] == b["state"]).then_some(())
        });
        assert!(level.is_some(), "{} and {}", one.digest(), other.digest());
        for device in [&*one, &*other] {
            self.see(device);
            let said = device.ok(["status"])["findings"].to_string();
            for bad in ["forks", "gaps", "pending"] {
                assert!(!said.contains(bad), "{said}");
            }
        }
        assert_eq!((one.stop(), other.stop()), (Some(0), Some(0)));
    }

    /// What a running device lists is what was written.
    fn check(&self, device: &Device) {
        let needs = device.door().list("need");
        let titles: Vec<_> = needs
            .iter()
            .map(|n| n["fields"]["title"].as_str().unwrap().to_owned())
            .collect();
        let once: BTreeSet<_> = titles.iter().cloned().collect();
        assert_eq!(once.len(), titles.len(), "{titles:?}");
        assert_eq!(once, self.written);
    }
}

fn sh(command: &str, arguments: &[&Path]) {
    let ran = Command::new("sh")
        .args(["-ec", command, "sh"])
        .args(arguments)
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{command}: {ran:?}");
}

fn generation(device: &Device) -> u64 {
    let dir = DataDir::open_read_only(Arc::new(RealFs), &device.dir, &Unlock::DefaultKeyFile);
    read_secrets(&dir.unwrap()).unwrap().generation().0
}

/// The reason a running device gives, and whether it says that it was just now.
fn renewed(device: &Device) -> (Value, bool) {
    let status = device.ok(["status"]);
    let found = |of: &Value, level: &str| {
        let all = of["findings"].as_array().unwrap();
        all.iter()
            .any(|f| f["code"] == "generation-renewed" && f["level"] == level)
    };
    let now = found(&status, "attention");
    let reason = status["generation_renewed"]["reason"].clone();
    let doctor = device.ok(["doctor"]);
    assert_eq!(found(&doctor, "attention"), now, "{doctor}");
    assert_eq!(found(&doctor, "ok"), !now && !reason.is_null(), "{doctor}");
    (reason, now)
}

/// What `doctor` says while no daemon runs.
fn doubt(story: &Story, device: &Device) -> Value {
    let mut command = story.command(device);
    let ran = Ran::of(command.args(["--json", "doctor"]));
    let said = ran.json();
    let found = said["findings"].as_array().unwrap().iter();
    let mut found = found.filter(|f| f["code"] == "generation-doubt");
    let reason = found
        .next()
        .map_or(Value::Null, |f| f["args"]["reason"].clone());
    if !reason.is_null() {
        for (lang, sentence) in [("en", "Never run two copies"), ("fr", "deux copies")] {
            let mut command = story.command(device);
            let ran = Ran::of(command.args(["--lang", lang, "doctor"]));
            assert!(ran.out.contains(sentence), "{ran:?}");
        }
    }
    reason
}

#[test]
fn a_copy_writes_on_in_its_own_logs_and_so_does_the_original() {
    let mut story = Story::new();
    let (mut gym, mut camp) = story.two();
    story.start(&mut gym);
    story.write(&gym, "before");
    assert_eq!(gym.stop(), Some(0));
    let mut twin = Device::at(story.root().join("twin"));
    sh("cp -a \"$1\" \"$2\"", &[&gym.dir, &twin.dir]);

    // The original goes on, and knows of nothing.
    let first = generation(&gym);
    story.start(&mut gym);
    story.write(&gym, "original");
    assert_eq!(renewed(&gym), (Value::Null, false));
    assert_eq!(gym.stop(), Some(0));
    story.meet(&mut camp, &mut gym);

    // The copy is known by doctor before it starts, and by itself when it does.
    assert_eq!(doubt(&story, &twin), "copied");
    assert_eq!(doubt(&story, &gym), Value::Null);
    assert_eq!(generation(&twin), first, "doctor changes nothing");
    story.start(&mut twin);
    assert_eq!(renewed(&twin), (json!("copied"), true));
    assert_ne!(generation(&twin), first);
    story.write(&twin, "copy");
    story.see(&twin);
    assert_eq!(twin.stop(), Some(0));

    // They meet the third one in turn, twice, and have one truth.
    for round in ["one", "two"] {
        story.meet(&mut camp, &mut twin);
        story.meet(&mut camp, &mut gym);
        for device in [&mut gym, &mut twin] {
            story.start(device);
            story.write(device, &format!("{round} {}", device.dir.display()));
            assert_eq!(device.stop(), Some(0));
        }
    }
    story.meet(&mut camp, &mut twin);
    story.meet(&mut camp, &mut gym);
    story.meet(&mut camp, &mut twin);
    for device in [&mut gym, &mut twin, &mut camp] {
        story.start(device);
        story.check(device);
        story.see(device);
    }
    // Neither takes itself for a copy again.
    assert_eq!(renewed(&gym), (Value::Null, false));
    assert_eq!(renewed(&twin), (json!("copied"), false));
    assert_eq!(generation(&gym), first);
}

/// Ways to put an older copy back: how it is kept, how it comes back, and what is said.
const WAYS: [(&str, &str, &str, &str); 4] = [
    (
        "cp, into an empty place",
        "cp -a \"$1\" \"$2\"",
        "rm -r \"$1\"; cp -a \"$2\" \"$1\"",
        "copied",
    ),
    (
        "cp, over what is there",
        "cp -a \"$1\" \"$2\"",
        "cp -a \"$2/.\" \"$1\"",
        "restored",
    ),
    // As a synchroniser does in place: the same files, their old content, and none besides.
    (
        "in place, what is newer removed",
        "cp -a \"$1\" \"$2\"",
        "cp -a \"$2/.\" \"$1\"; cd \"$1\"; find . -type f | while read -r f; do test -e \"$2/$f\" || rm \"$f\"; done",
        "restored",
    ),
    (
        "tar",
        "tar -C \"$1\" -cf \"$2\" .",
        "tar -C \"$1\" -xf \"$2\"",
        "copied",
    ),
];

#[test]
fn an_older_copy_put_back_forks_nothing_and_gets_back_what_it_lost() {
    for (way, keep, put_back, reason) in WAYS {
        let mut story = Story::new();
        let (mut gym, mut camp) = story.two();
        story.start(&mut gym);
        story.write(&gym, "before");
        assert_eq!(gym.stop(), Some(0));
        let backup = story.root().join("backup");
        sh(keep, &[&gym.dir, &backup]);
        story.start(&mut gym);
        story.write(&gym, "after");
        assert_eq!(gym.stop(), Some(0));
        story.meet(&mut camp, &mut gym);

        let first = generation(&gym);
        sh(put_back, &[&gym.dir, &backup]);
        assert_eq!(doubt(&story, &gym), reason, "{way}");
        story.start(&mut gym);
        assert_eq!(renewed(&gym), (json!(reason), true), "{way}");
        assert_ne!(generation(&gym), first, "{way}");
        story.write(&gym, "restored");
        story.see(&gym);
        assert_eq!(gym.stop(), Some(0));
        story.meet(&mut camp, &mut gym);
        story.start(&mut gym);
        story.check(&gym);
        assert_eq!(renewed(&gym), (json!(reason), false), "{way}: said once");
        println!("{way}: {reason}, {} places, none twice", story.places.len());
    }
}

/// The record is as new as it was, and the journal is not.
#[test]
fn an_older_journal_alone_is_noticed_by_what_it_lacks() {
    let mut story = Story::new();
    let (mut gym, mut camp) = story.two();
    let backup = story.root().join("journal");
    sh("cp -a \"$1/journal\" \"$2\"", &[&gym.dir, &backup]);
    story.start(&mut gym);
    story.write(&gym, "after");
    assert_eq!(gym.stop(), Some(0));
    story.meet(&mut camp, &mut gym);
    let first = generation(&gym);
    sh(
        "rm -r \"$1/journal\" \"$1/index\"; cp -a \"$2\" \"$1/journal\"",
        &[&gym.dir, &backup],
    );
    story.start(&mut gym);
    assert_eq!(renewed(&gym), (json!("restored"), true));
    assert_ne!(generation(&gym), first);
    story.write(&gym, "restored");
    assert_eq!(gym.stop(), Some(0));
    story.meet(&mut camp, &mut gym);
    story.start(&mut gym);
    story.check(&gym);
}

#[test]
fn a_copy_made_before_the_first_start_is_a_copy() {
    let story = Story::new();
    let mut gym = story.founder();
    let mut twin = Device::at(story.root().join("twin"));
    sh("cp -a \"$1\" \"$2\"", &[&gym.dir, &twin.dir]);
    story.start(&mut gym);
    story.start(&mut twin);
    assert_eq!(renewed(&gym), (Value::Null, false));
    assert_eq!(renewed(&twin), (json!("copied"), true));
    assert_ne!(generation(&gym), generation(&twin));
}

#[test]
fn what_happens_every_day_is_no_doubt() {
    let mut story = Story::new();
    let mut gym = story.founder();
    let first = generation(&gym);
    let anchor = |story: &Story| {
        let mut all = fs::read_dir(story.anchors()).unwrap().flatten();
        let one = all.next().unwrap().path();
        assert!(all.next().is_none(), "one directory, one anchor");
        one
    };
    let quiet = |story: &mut Story, device: &mut Device, what: &str| {
        assert_eq!(doubt(story, device), Value::Null, "{what}");
        story.start(device);
        assert_eq!(renewed(device), (Value::Null, false), "{what}");
        story.write(device, what);
    };
    quiet(&mut story, &mut gym, "first start");
    assert_eq!(gym.stop(), Some(0));
    quiet(&mut story, &mut gym, "restart");
    gym.kill();
    quiet(&mut story, &mut gym, "killed");
    gym.ok(["lock"]);
    gym.ok(["unlock"]);
    assert_eq!(renewed(&gym), (Value::Null, false), "locked and unlocked");
    assert_eq!(gym.stop(), Some(0));

    // A power cut between the two writes: the outside is a step behind.
    let old = fs::read(anchor(&story)).unwrap();
    quiet(&mut story, &mut gym, "once more");
    gym.kill();
    fs::write(anchor(&story), old).unwrap();
    quiet(&mut story, &mut gym, "the anchor behind");
    gym.kill();

    // No anchor, one that is not ours, and none that can be written.
    fs::remove_dir_all(story.anchors()).unwrap();
    quiet(&mut story, &mut gym, "the anchor gone");
    assert_eq!(gym.stop(), Some(0));
    fs::write(anchor(&story), "{\"tick\":{\"count\":99,\"word\":[]}}").unwrap();
    quiet(&mut story, &mut gym, "the anchor spoilt");
    assert_eq!(gym.stop(), Some(0));
    fs::remove_dir_all(story.anchors()).unwrap();
    fs::write(story.anchors(), "a file where a folder should be").unwrap();
    quiet(&mut story, &mut gym, "no anchor can be written");
    let said = gym.ok(["status"])["findings"].to_string();
    assert!(said.contains("anchor-trouble"), "{said}");
    assert_eq!(gym.stop(), Some(0));
    fs::remove_file(story.anchors()).unwrap();
    quiet(&mut story, &mut gym, "and again it can");
    let said = gym.ok(["status"])["findings"].to_string();
    assert!(!said.contains("anchor-trouble"), "{said}");
    assert_eq!(gym.stop(), Some(0));

    // Renamed it is the same directory.
    let moved = Device::at(story.root().join("elsewhere"));
    fs::rename(&gym.dir, &moved.dir).unwrap();
    gym = moved;
    quiet(&mut story, &mut gym, "renamed");
    assert_eq!(gym.stop(), Some(0));
    assert_eq!(generation(&gym), first, "all that was one generation");

    // A repair opens one by itself, and says so itself.
    gym.ok(["repair", "--yes"]);
    assert_ne!(generation(&gym), first);
    quiet(&mut story, &mut gym, "repaired");
    story.check(&gym);
    story.see(&gym);
    assert_eq!(gym.stop(), Some(0));

    // Wiped, no anchor stays behind.
    let wiped = Ran::of(story.command(&gym).args(["--json", "wipe", "--yes"]));
    assert_eq!(wiped.code, 0, "{wiped:?}");
    assert_eq!(fs::read_dir(story.anchors()).unwrap().count(), 0);
}

/// The disk in another machine: the same files, another machine's id.
#[test]
fn another_machine_is_another_generation() {
    let mut story = Story::new();
    let mut gym = story.founder();
    story.start(&mut gym);
    story.write(&gym, "here");
    assert_eq!(gym.stop(), Some(0));
    let first = generation(&gym);
    let id = story.root().join("machine-id");
    fs::write(&id, "00112233445566778899aabbccddeeff\n").unwrap();
    assert!(
        Path::new("/etc/machine-id").exists(),
        "this system has no machine id to put another one in place of"
    );
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-ec"])
        .arg("mount --bind \"$1\" /etc/machine-id; shift; exec \"$@\"")
        .arg("sh")
        .arg(&id)
        .arg(binary())
        .arg("--data")
        .arg(&gym.dir)
        .env("MUSTER_ANCHORS", story.anchors());
    gym.start_by(command, &["--no-network"]);
    assert_eq!(renewed(&gym), (json!("moved"), true));
    assert_ne!(generation(&gym), first);
    story.write(&gym, "there");
    story.see(&gym);
    assert_eq!(gym.stop(), Some(0));
    story.start(&mut gym);
    assert_eq!(renewed(&gym), (json!("moved"), true), "and back");
    story.check(&gym);
    story.see(&gym);
}
