//! The image of a disk put back, anchor and all, with real daemons: nothing on the machine can tell,
//! the device writes on, and the first peer that has what the image lacks shows the fork. Both
//! branches are kept by everybody, the device goes on in new logs, and when somebody has adopted
//! what it wrote nothing is lost.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster_tests::muster::{Device, PATIENCE, until};
use serde_json::Value;

/// A machine of its own for each device: its anchors lie beside its data.
fn command(device: &Device) -> Command {
    let mut command = device.command();
    command.env("MUSTER_ANCHORS", anchors(device));
    command
}

fn anchors(device: &Device) -> PathBuf {
    device.dir.with_extension("anchors")
}

fn alone(device: &mut Device) {
    device.start_by(command(device), &["--no-network"]);
}

fn sh(script: &str, arguments: &[&Path]) {
    let mut shell = Command::new("sh");
    let ran = shell.args(["-ec", script, "sh"]).args(arguments).output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{script}: {ran:?}");
}

/// Keeps a device's disk as it is.
fn image(device: &Device, name: &str) -> PathBuf {
    let to = device.dir.with_extension(name);
    std::fs::create_dir_all(&to).unwrap();
    let (data, anchors) = (to.join("data"), to.join("anchors"));
    sh("cp -a \"$1\" \"$2\"", &[&device.dir, &data]);
    sh("cp -a \"$1\" \"$2\"", &[&self::anchors(device), &anchors]);
    to
}

/// Puts it back below the files, as writing blocks does: what exists keeps its inode.
fn put_back(device: &Device, image: &Path) {
    let put = "cd \"$2\"; find . -type f | while read -r f; do
        if [ ! -e \"$1/$f\" ]; then rm \"$f\"; fi; done
        cd \"$1\"; find . -type d -exec mkdir -p \"$2/{}\" \\;
        find . -type f | while read -r f; do cat \"$f\" > \"$2/$f\"; done";
    sh(put, &[&image.join("data"), &device.dir]);
    sh(put, &[&image.join("anchors"), &anchors(device)]);
}

fn write(device: &Device, what: &str, written: &mut BTreeSet<String>) {
    for n in 0..3 {
        let title = format!("{what} {n}");
        device.ok(["need", "report", &title]);
        written.insert(title);
    }
}

fn titles(device: &Device) -> BTreeSet<String> {
    let needs = device.door().list("need");
    let title = |n: &Value| n["fields"]["title"].as_str().unwrap().to_owned();
    needs.iter().map(title).collect()
}

/// Connects them and waits until both hold the same and have computed the same.
fn meet(one: &mut Device, other: &mut Device) {
    let listen = ["--no-discovery", "--listen", "/ip4/127.0.0.1/tcp/0"];
    one.start_by(command(one), &listen);
    let address = until(PATIENCE, || {
        let peers = one.ok(["peers"]);
        Some(peers["listening"][0].as_str()?.to_owned())
    });
    let dial = ["--peer", &address.expect("it listens")];
    other.start_by(command(other), &[&listen[..], &dial].concat());
    other.ok(["sync", "--wait", "--timeout", "30"]);
    level(one, other);
}

fn level(one: &Device, other: &Device) {
    let level = until(PATIENCE, || {
        let (a, b) = (one.digest(), other.digest());
        (a["frontier"] == b["frontier"] && a["state"] == b["state"]).then_some(())
    });
    assert!(level.is_some(), "{} and {}", one.digest(), other.digest());
}

fn stop(devices: [&mut Device; 2]) {
    for device in devices {
        assert_eq!(device.stop(), Some(0));
    }
}

fn finding(device: &Device, code: &str) -> Option<Value> {
    let said = device.ok(["doctor"]);
    let all = said["findings"].as_array().unwrap().clone();
    all.into_iter().find(|f| f["code"] == code)
}

/// The generation of the log that the last entry of a device went into.
fn generation(device: &Device, of: &str) -> String {
    let log = device.ok(["log"]);
    let items = log["items"].as_array().unwrap();
    let mut theirs = items.iter().filter(|e| e["label"] == of && e["lane"] == 1);
    theirs.next_back().unwrap()["generation"].to_string()
}

#[test]
fn an_image_put_back_is_caught_by_the_first_peer_and_nothing_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    alone(&mut gym);
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    let mut written = BTreeSet::new();
    alone(&mut camp);
    write(&camp, "before", &mut written);
    assert_eq!(camp.stop(), Some(0));
    meet(&mut gym, &mut camp);
    stop([&mut gym, &mut camp]);
    let kept = image(&camp, "image");
    // What comes after the image reaches the gym.
    alone(&mut camp);
    write(&camp, "later", &mut written);
    let old = generation(&camp, "camp");
    assert_eq!(camp.stop(), Some(0));
    meet(&mut gym, &mut camp);
    stop([&mut gym, &mut camp]);
    // The image is put back. Nothing here can tell.
    put_back(&camp, &kept);
    alone(&mut camp);
    assert!(finding(&camp, "generation-renewed").is_none(), "by itself");
    write(&camp, "image", &mut written);
    assert_eq!(generation(&camp, "camp"), old, "the same log, once more");
    assert_eq!(camp.stop(), Some(0));

    // The first peer can.
    meet(&mut gym, &mut camp);
    let shown = until(PATIENCE, || finding(&gym, "forked"));
    let shown = shown.expect("the gym says so");
    assert_eq!(shown["args"]["label"], "camp", "{shown}");
    assert_eq!(shown["args"]["branches"], 2, "{shown}");
    assert_eq!(shown["args"]["entries"], 6, "{shown}");
    assert!(finding(&camp, "forked-here").is_some());
    for device in [&gym, &camp] {
        let conflicts = device.ok(["conflicts"]);
        let fork = &conflicts["forks"][0];
        assert_eq!(fork["counts"], false, "{fork}");
        for branch in fork["branches"].as_array().unwrap() {
            assert_eq!(
                (&branch["entries"], &branch["counts"]),
                (&3.into(), &false.into())
            );
        }
        let refused = device.ok(["log", "--refused"]);
        assert_eq!(refused["items"].as_array().unwrap().len(), 6);
        assert!(finding(device, "forks").is_none() && finding(device, "void-proofs").is_none());
        // What came before the fork counts as ever.
        let before: BTreeSet<_> = (0..3).map(|n| format!("before {n}")).collect();
        assert_eq!(titles(device), before);
    }
    let said = gym.run(["log", "--refused"]);
    assert!(said.out.contains("muster adopt \"camp\""), "{}", said.out);
    // Somebody has proven it, once.
    let proven = until(PATIENCE, || {
        let all = [&gym, &camp].map(|d| d.ok(["conflicts"])["forks"][0]["proven"] == true);
        (all == [true; 2]).then_some(())
    });
    assert!(proven.is_some());
    // It goes on in a new log, which counts everywhere.
    write(&camp, "after", &mut written);
    assert_ne!(generation(&camp, "camp"), old);
    level(&gym, &camp);
    assert!(titles(&gym).contains("after 2"));

    // Its author may not settle it; somebody else does, and nothing is lost.
    let own = camp.run(["adopt", "camp"]);
    assert_ne!(own.code, 0, "{}", own.out);
    assert_eq!(titles(&camp).len(), 6);
    let adopted = gym.ok(["adopt", "camp"]);
    assert_eq!(adopted["disputed"], 0, "{adopted}");
    let level_again = until(PATIENCE, || {
        (titles(&camp) == written && titles(&gym) == written).then_some(())
    });
    assert!(level_again.is_some(), "{:?}", titles(&camp));
    level(&gym, &camp);
    for device in [&gym, &camp] {
        assert!(finding(device, "forked").is_none() && finding(device, "forked-here").is_none());
        let verified = device.ok(["verify"]);
        assert_eq!(
            verified["refused"].as_array().unwrap().len(),
            0,
            "{verified}"
        );
    }
    // And it is so after a restart, without an index too.
    stop([&mut gym, &mut camp]);
    alone(&mut camp);
    assert_eq!(titles(&camp), written);
    // By a bundle a third one gets all of it.
    let bundle = root.path().join("all.muster");
    camp.ok(["bundle", "export", "--out", bundle.to_str().unwrap()]);
    let digest = camp.digest();
    assert_eq!(camp.stop(), Some(0));
    alone(&mut gym);
    let mut school = gym.admit(root.path(), "school", "coordinator");
    let newer = root.path().join("newer.muster");
    gym.ok(["bundle", "import", bundle.to_str().unwrap()]);
    gym.ok(["bundle", "export", "--out", newer.to_str().unwrap()]);
    let goal = gym.digest();
    assert_eq!(goal["state"], digest["state"]);
    assert_eq!(gym.stop(), Some(0));
    alone(&mut school);
    school.ok(["bundle", "import", newer.to_str().unwrap()]);
    assert_eq!(school.digest()["frontier"], goal["frontier"]);
    assert_eq!(titles(&school), written);
    assert_eq!(school.stop(), Some(0));
}
