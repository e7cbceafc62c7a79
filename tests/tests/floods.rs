//! The reserve on the disk: what others send stops first, then own data, authority last; and it goes
//! on by itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use muster_tests::muster::{Device, binary, until};
use muster_tests::testnet::{Link, TestNet};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
/// What was put off is offered again after a minute.
const AGAIN: Duration = Duration::from_secs(120);
const MIB: u64 = 1024 * 1024;

fn free(dir: &Path) -> u64 {
    let stat = rustix::fs::statvfs(dir).unwrap();
    stat.f_bavail * stat.f_frsize
}

/// Starts a device that keeps so many MiB free, in a host of the test network.
fn start(device: &mut Device, net: &TestNet, host: usize, reserve: u64) {
    let mut command = net.command(host, "env");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command
        .arg(format!("MUSTER_RESERVE={reserve}M"))
        .arg(binary())
        .arg("--data")
        .arg(&device.dir)
        .env("LANG", "C.UTF-8")
        .env("XDG_STATE_HOME", device.dir.with_extension("state"));
    device.start_by(command, &[]);
}

fn has(device: &Device, need: &str) -> bool {
    device
        .door()
        .list("need")
        .iter()
        .any(|n| n["fields"]["title"] == need)
}

fn devices(device: &Device) -> usize {
    device.ok(["devices"])["items"].as_array().unwrap().len()
}

fn finding(device: &Device) -> Option<Value> {
    let status = device.door().ok(&json!({ "verb": "status" }));
    let all = status["findings"].as_array().unwrap();
    let found = all.iter().find(|f| f["code"] == "disk-reserve");
    found.map(|f| f["args"]["room"].clone())
}

#[test]
fn below_the_reserve_others_wait_and_revocations_come() {
    let Some(net) = TestNet::for_test(2).unwrap() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut gym = Device::found(root.path(), "gym");
    gym.start();
    let mut camp = gym.admit(root.path(), "camp", "coordinator");
    assert_eq!(gym.stop(), Some(0));
    // Enough room, until somebody else fills the disk. Other programs may write a little meanwhile.
    let room = free(root.path());
    start(&mut camp, &net, 1, (room - room / 8) / MIB);
    gym.start_in(&net, 0, &[]);
    net.link(0, 1, Link::UP);
    gym.door().add("need", &[("title", "before")]);
    until(PATIENCE, || has(&camp, "before").then_some(())).expect("there is room");
    assert_eq!(finding(&camp), None);
    let ballast = File::create(root.path().join("ballast")).unwrap();
    let flags = rustix::fs::FallocateFlags::empty();
    rustix::fs::fallocate(&ballast, flags, 0, room / 4).expect("a file system that allocates");
    until(PATIENCE, || finding(&camp)).expect("it is noticed");
    assert_eq!(finding(&camp).unwrap(), "own");

    gym.door().add("need", &[("title", "meanwhile")]);
    let told = || {
        let refused = camp.door().ok(&json!({ "verb": "peers" }))["refused"]["no-space"].as_u64();
        refused.filter(|n| *n > 0)
    };
    let refused = until(PATIENCE, told).expect("it is put off, and counted");
    let log = || std::fs::read_to_string(gym.dir.with_extension("log")).unwrap();
    until(PATIENCE, || log().contains("no-space").then_some(())).expect("the peer is told why");
    // Acts come through, and own data is written and passed on.
    let before = devices(&camp);
    let _third = gym.admit(root.path(), "third", "volunteer");
    until(PATIENCE, || (devices(&camp) > before).then_some(())).expect("acts come through");
    camp.door().add("need", &[("title", "own")]);
    until(PATIENCE, || has(&gym, "own").then_some(())).expect("own data is passed on");
    assert!(!has(&camp, "meanwhile"));

    // Room again: it comes by itself.
    drop(ballast);
    std::fs::remove_file(root.path().join("ballast")).unwrap();
    until(PATIENCE, || finding(&camp).is_none().then_some(())).expect("there is room again");
    let came = until(AGAIN, || has(&camp, "meanwhile").then_some(()));
    came.expect("what was put off comes");
    println!("put off {refused} runs");
    assert_eq!(camp.stop(), Some(0));

    // Less than a quarter of the reserve: own data is not written, acts are.
    start(&mut camp, &net, 1, room * 6 / MIB);
    assert_eq!(finding(&camp).unwrap(), "acts");
    let ran = camp.ask(["need", "add", "--title", "no room"]);
    assert_ne!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("disk-reserve") || ran.err.contains("disk-reserve"),
        "{ran:?}"
    );
    let _fourth = camp.admit(root.path(), "fourth", "volunteer");
    assert!(!has(&camp, "no room"));
    assert_eq!(camp.stop(), Some(0));
}
